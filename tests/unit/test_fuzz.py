"""Whatever bytes or texts come in: a result, or the declared error; and never for long."""

import contextlib
import gzip
import json

import pytest
from bad_input import FIELDS, KEY, chat, export, line
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recexplainer.config.dataset import Fields
from recexplainer.data.conversations import parse_conversations
from recexplainer.data.literals import parse_line
from recexplainer.data.loaders import parse_id, read_interactions, read_metadata
from recexplainer.data.times import parse_time
from recexplainer.data.titles import LONGEST_TITLE, clean_text, clean_title
from recexplainer.decision import read_decision
from recexplainer.errors import InputError
from recexplainer.judgement.ratings import read_rating
from recexplainer.study.ratings import read_ratings
from recexplainer.yaml_files import read_yaml

fuzz = settings(
    derandomize=True, max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(["B", "5", "1e9"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["u", "i", "t", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
RECORDS = st.fixed_dictionaries({}, optional={name: VALUES for name in ("u", "i", "t", "title", "also")})


def mutated(whole: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Bytes of files in which a part was cut out, doubled, or replaced by other bytes; some packed."""

    def change(drawn):
        content, start, length, inserted, packed = drawn
        start = start % (len(content) + 1)
        content = content[:start] + inserted + content[start + length :]
        return gzip.compress(content)[: -1 - length if length > 8 else None] if packed else content

    pieces = st.binary(max_size=4) | st.sampled_from([b"\n", b"\0", b"\xef\xbb\xbf", b"[[", b'"', b"\\u", b"'", b"{"])
    return st.tuples(whole, st.integers(0, 500), st.integers(0, 12), pieces, st.booleans()).map(change)


JSON_LINES = st.lists(RECORDS.map(lambda row: json.dumps(row).encode()), max_size=4).map(b"\n".join)
LITERAL_LINES = st.lists(RECORDS.map(lambda row: repr(row).encode(errors="replace")), max_size=4).map(b"\n".join)


@fuzz
@given(
    content=mutated(JSON_LINES | LITERAL_LINES),
    form=st.sampled_from(["amazon", "steam"]),
    share=st.sampled_from([0, 1]),
)
def test_raw_files_are_read_or_refused(tmp_path, content, form, share):
    path = tmp_path / "raw"
    path.write_bytes(content)
    fields = Fields(**FIELDS)
    try:
        found = read_interactions(path, form, fields, share)
    except InputError:
        pass
    else:
        assert len(found.user) == len(found.item) == len(found.time) > 0
        assert found.user.max() < len(found.users) and found.item.max() < len(found.items)
        assert len(found) + sum(found.counts.values()) - found.counts["lines"] == found.counts["lines"]
        "".join(found.users + found.items).encode()
    try:
        items, _ = read_metadata(path, form, fields, {"B", "5"}, ("title", "related"), share)
    except InputError:
        pass
    else:
        assert set(items) <= {"B", "5"}


@fuzz
@given(
    st.binary(max_size=40) | st.text("{}[]()'\"\\:,0123456789.eEjJ+-*bBfrRuUxNTFalse \t#", max_size=40).map(str.encode)
)
def test_literals_are_dicts_or_refused(content):
    with contextlib.suppress(ValueError):
        assert isinstance(parse_line(content, frozenset("a")), dict)


@fuzz
@given(VALUES | st.text() | st.binary())
def test_ids_and_times_are_what_they_say_or_none(value):
    moment, name = parse_time(value), parse_id(value)
    assert moment is None or (type(moment) is int and -(1 << 63) <= moment < 1 << 63)
    assert name is None or (type(name) is str and name and name.encode())


CHATS = st.lists(
    st.builds(
        lambda turns, name: chat(*turns, name=name), st.lists(st.text(max_size=5), max_size=4), st.text(max_size=2)
    )
    | VALUES,
    max_size=4,
)


CHAT_FILES = CHATS.map(json.dumps) | CHATS.map(lambda rows: "\n".join(map(json.dumps, rows)))


@fuzz
@given(content=mutated(CHAT_FILES.map(str.encode)))
def test_conversations_are_parsed_or_refused(tmp_path, content):
    path, output = tmp_path / "chats", tmp_path / "out.parquet"
    path.write_bytes(content)
    output.unlink(missing_ok=True)
    try:
        parse_conversations(source=path, max_broken_share=0.5, output=output, statistics=tmp_path / "out.json")
    except InputError:
        assert not output.exists()
    else:
        counts = json.loads((tmp_path / "out.json").read_text())
        assert counts["kept"] + sum(counts["dropped"].values()) == counts["read"] and counts["kept"]


EXPORTS = st.fixed_dictionaries(
    {},
    optional={
        "study": st.just("s1") | VALUES,
        "rater": st.just("a") | VALUES,
        "simulated": st.booleans() | VALUES,
        "ratings": st.dictionaries(st.sampled_from(["t0", "t1", "t2"]), st.integers(1, 4) | VALUES, max_size=3),
    },
).map(lambda change: export(**change))


@fuzz
@given(content=mutated(EXPORTS) | EXPORTS, incomplete=st.booleans())
def test_files_of_raters_are_ratings_or_refused(tmp_path, content, incomplete):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    try:
        frame = read_ratings([str(path)], KEY, incomplete)
    except InputError as error:
        assert "\n" not in str(error) and len(str(error)) < 500
    else:
        assert set(frame["rating"]) <= {1, 2, 3, 4} and set(frame["text"]) <= set(KEY["texts"])


@fuzz
@given(content=st.binary(max_size=60) | st.text("ab:{}[]&*!<>|- \n\t'\"#%@?,", max_size=60).map(str.encode))
def test_yaml_is_read_or_refused(tmp_path, content):
    (tmp_path / "x.yaml").write_bytes(content)
    try:
        read_yaml(tmp_path / "x.yaml", "give one")
    except InputError as error:
        assert "\n" not in str(error)


WORDS = "rating score 1 2 3 4 4/4 of out - . , : ? ! \n * the user will would not like it yes no unlikely fit".split(
    " "
)
REPLIES = st.text(max_size=80) | st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join)


@fuzz
@given(REPLIES)
def test_replies_hold_a_rating_and_a_decision_or_none(reply):
    assert read_rating(reply) in (None, 1, 2, 3, 4)
    assert read_decision(reply) in (None, True, False)
    # White space is no part of an answer.
    assert read_rating(f"\n {reply} \n") == read_rating(reply)
    assert read_decision(f"\n {reply} \n") == read_decision(reply)


@fuzz
@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["<a ", "<!--", "&amp;", "&#", ";", ", ", "<br>", "\u0301"]), max_size=30).map("".join)
)
def test_cleaned_texts_are_text(text):
    cleaned, title = clean_text(text), clean_title(text)
    cleaned.encode()
    assert len(title) <= LONGEST_TITLE and title == title.strip(" ;,")


# Each of these, repeated, has made a pattern take the square of the length, or might.
UNITS = [" ", "a ", "a'", "\n", "rating ", "rating 3 ", "1 - ", "4 of ", "one ", "*", ":", "a:", "? ", "a? ", "will "]
UNITS += [
    "would fit ",
    "it would fit ",
    "not ",
    "is a good ",
    "yes ",
    ", ",
    "; ",
    " ;",
    "<a ",
    "<!--",
    "<script>",
    "</a",
]
UNITS += ["&amp;", "&#3", "getTime ", "\u0301\u0316", "\u0301", "\u200d", "function ", "é "]


@pytest.mark.timeout(300)  # each takes some seconds; what is quadratic would take far longer than this
@pytest.mark.parametrize("read", [read_rating, read_decision, clean_text, clean_title], ids=lambda read: read.__name__)
def test_no_text_of_200000_characters_takes_long(read):
    for unit in UNITS:
        read("a" + (unit * 200_000)[:200_000] + "b.")


@pytest.mark.timeout(300)
def test_a_long_file_of_a_rater_takes_no_time(tmp_path):
    path = tmp_path / "a.json"
    ratings = {f"x{n}": 1 for n in range(200_000)}
    path.write_bytes(line(study="s1", rater="a", simulated=False, ratings=ratings)[:-2] + b', "x199999": 2}}')
    with pytest.raises(InputError, match="x199999: occurs twice"):
        read_ratings([str(path)], KEY)
