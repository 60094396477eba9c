"""Raw lines in the shapes of the true dumps, with their oddities, and what the readers make of them."""

import ast
import gzip
import json
import logging
import random
import unicodedata
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recexplainer.config.dataset import Fields
from recexplainer.data import loaders, streams
from recexplainer.data.literals import parse_line
from recexplainer.data.loaders import parse_id, read_interactions, read_metadata
from recexplainer.data.plain_lines import Plain, plain_reader
from recexplainer.data.streams import BrokenLines, line_blocks, lines, numbered
from recexplainer.data.times import far_times, parse_time
from recexplainer.data.titles import LONGEST_TITLE, clean_text, clean_title, title_key, unique_titles
from recexplainer.errors import InputError

AMAZON = Fields(
    **{
        "user": "reviewerID",
        "item": "asin",
        "time": "unixReviewTime",
        "title": ["title"],
        "description": ["description"],
        "tags": ["category"],
        "brand": ["brand"],
        "feature": ["feature"],
        "related": ["also_buy"],
    }
)
STEAM = Fields(
    **{
        "user": "username",
        "item": "product_id",
        "time": "date",
        "meta_item": "id",
        "title": ["title", "app_name"],
        "tags": ["tags", "genres"],
        "brand": ["developer"],
        "feature": ["specs"],
    }
)
ALL = ("title", "description", "tags", "brand", "feature", "related")


def rows(result):
    """The interactions as sorted tuples of raw ids and time."""
    triples = zip(result.user, result.item, result.time, strict=True)
    return sorted((result.users[user], result.items[item], int(time)) for user, item, time in triples)


def write(path, *raw: bytes, end=b"\n"):
    path.write_bytes(end.join(raw) + end)
    return path


# Lines


def test_lines_of_plain_and_gzip_files(tmp_path):
    content = b"\xef\xbb\xbfone\r\n\r\n \ntwo \nthree"
    expected = [(1, b"one"), (4, b"two"), (5, b"three")]
    (tmp_path / "plain").write_bytes(content)
    (tmp_path / "packed").write_bytes(gzip.compress(content[:9]) + gzip.compress(content[9:]))
    assert list(lines(tmp_path / "plain")) == expected
    assert list(lines(tmp_path / "packed")) == expected


def of_block(block: bytes) -> tuple[int, bytes, np.ndarray]:
    """What ``line_blocks`` yields of a file that is one block."""
    ends = [place for place, byte in enumerate(block) if byte == ord("\n")]
    return 1, block, np.array(ends if block.endswith(b"\n") else [*ends, len(block)])


@settings(derandomize=True, max_examples=60)
@given(st.binary(max_size=60), st.integers(1, 9))
def test_lines_do_not_depend_on_the_block(tmp_path_factory, content, block):
    path = tmp_path_factory.mktemp("blocks") / "file"
    path.write_bytes(b"x" + content)
    expected = [(n, part.strip()) for n, part in enumerate((b"x" + content).split(b"\n"), 1) if part.strip()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "BLOCK", block)
        assert list(lines(path)) == expected
        for _, found, ends in line_blocks(path):
            assert ends.tolist() == of_block(found)[2].tolist()


def test_a_file_that_is_missing_cut_off_or_without_lines(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="no such file"):
        list(lines(tmp_path / "none"))
    packed = gzip.compress(random.Random(1).randbytes(5000))
    (tmp_path / "cut.gz").write_bytes(packed[:3000])
    (tmp_path / "corrupt.gz").write_bytes(packed[:2000] + b"\xff" * 20 + packed[2020:])
    for name in ("cut.gz", "corrupt.gz"):
        with pytest.raises(InputError, match=f"{name}.*cut off or corrupt"):
            list(lines(tmp_path / name))
    monkeypatch.setattr(streams, "BLOCK", 10)
    monkeypatch.setattr(streams, "LONGEST_LINE", 100)
    with pytest.raises(InputError, match="line 2 is longer"):
        list(lines(write(tmp_path / "long", b"short", b"x" * 200)))


def test_broken_lines_are_counted_shown_and_limited(tmp_path, caplog):
    broken = BrokenLines("reviews.gz", 0.1)
    with caplog.at_level(logging.WARNING):
        for number in range(10):
            broken.add(number + 3, "bad")
    assert "reviews.gz, line 3: skipped: bad" in caplog.text
    assert len(caplog.records) == streams.SHOWN + 1
    broken.check(100)
    with pytest.raises(InputError, match=r"reviews.gz: 10 of 99 lines \(10.10%\).*First: line 3: bad"):
        broken.check(99)
    with pytest.raises(InputError, match="has no line"):
        BrokenLines("empty", 1.0).check(0)


# Python literals

TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12) | st.sampled_from(
    ["it's", 'a "b"', "\\", "'\"", "é\n"]
)
SCALARS = (
    TEXT | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none()
)


@settings(derandomize=True, max_examples=300)
@given(st.dictionaries(TEXT, SCALARS | st.lists(SCALARS, max_size=2), max_size=4), st.booleans(), st.booleans())
def test_literals_equal_those_of_ast(record, unicode_prefix, escaped):
    text = ascii(record) if escaped else repr(record)
    if unicode_prefix:
        text = text.replace("{'", "{u'").replace(", '", ", u'").replace(": '", ": u'")
    try:
        expected = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        with pytest.raises(ValueError):
            parse_line(text.encode(), frozenset(record))
        return
    found = parse_line(text.encode(), frozenset(expected))
    assert found == expected
    assert {key: type(value) for key, value in found.items()} == {key: type(value) for key, value in expected.items()}


@settings(derandomize=True, max_examples=300)
@given(st.text("{}[]u'\":, \\xn01.-TrueFalsNoeé", max_size=25))
def test_mutated_literals_agree_with_ast(inside):
    line = "{'a': " + inside + "}"
    try:
        expected = ast.literal_eval(line)
        expected = expected if isinstance(expected, dict) else None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        expected = None
    if expected is None:
        with pytest.raises(ValueError):
            parse_line(line.encode(), frozenset("a"))
    else:
        assert parse_line(line.encode(), frozenset(expected)).items() >= expected.items()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[1]",
        b"{'a': ",
        b"{'a': __import__('os').getcwd()}",
        b"{'a': 1 if 1 else 2}",
        b"{'a': x}",
        b"{[]: 1}",
        b"{'a': " + b"(" * 5000 + b"}",
        b"{'a': " + b"-" * 50000 + b"1}",
        b"{'a': '\xff'}",
        b"{'a': [1], 'b': '" + b"x" * (1 << 20) + b"'}",
        b"\x00",
        b"{'a': " + b"9" * 6000 + b"}",
    ],
)
def test_lines_that_are_no_dict_literal(line):
    with pytest.raises(ValueError):
        parse_line(line, frozenset("a"))


# Single values


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1227398400, 1227398400),
        (1227398400.9, 1227398400),
        ("1227398400", 1227398400),
        (" 1.2273984e9 ", 1227398400),
        (0, 0),
        ("-5", -5),
        ("1970-01-02", 86400),
        ("2011-11-05", 1320451200),
        ("2011-02-30", None),
        ("Posted February 3.", None),
        ("", None),
        (None, None),
        (True, None),
        (float("nan"), None),
        ("inf", None),
        ("nan", None),
        ("1_000", None),
        ("١٢", None),
        (1 << 63, None),
        ([1], None),
        # The same moment as the files of the trade write it.
        *(
            (text, 1404598151)
            for text in (
                "2014-07-05 22:09:11",
                "2014-07-05T22:09:11Z",
                "2014-07-05T22:09:11.987+00:00",
                "2014-07-05 22:09:11.9 UTC",
                "2014-07-06 00:09:11+0200",
                "2014/7/5 22:09:11",
                "Sat Jul 05 15:09:11 -0700 2014",
                "Sat Jul  5 22:09:11 2014",
                "Sat, 05 Jul 2014 22:09:11 GMT",
                "Jul 5, 2014 10:09:11 PM",
                "5 July 2014, 22:09:11",
                "05.07.2014 22:09:11",
            )
        ),
        # The same day.
        *(
            (text, 1404518400)
            for text in (
                "2014-7-5",
                "2014/07/05",
                "07 5, 2014",
                "July 5, 2014",
                "Posted July 5, 2014.",
                "5-JUL-2014",
                "5.7.2014",
                "Saturday, July 5th, 2014 at 12:00 am",
                "2014-07-05T00:00",
            )
        ),
        # A leap second, a time before 1970, and what is on no calendar or can be read in two ways.
        ("2016-12-31 23:59:60", 1483228799),
        ("1969-12-31T23:59:59.5", -1),
        ("February 30, 2014", None),
        ("2014-07-05 25:00:00", None),
        ("Jul 5, 2014 13:00 PM", None),
        ("13 05, 2014", None),
        ("05/07/2014", None),
        ("07.13.2014", None),
        ("July 2014", None),
        ("2014-07-05 and more", None),
        ("Jul 5, 2014 " + " " * 60, None),
    ],
)
def test_times(value, expected):
    assert parse_time(value) == expected


def test_a_time_that_is_there_but_unreadable_is_a_broken_line_in_a_message_with_value_and_forms(tmp_path):
    good = [review("A", f"B{n}", f"2018-07-07 22:09:{n:02d}") for n in range(8)]
    path = write(tmp_path / "reviews", *good, review("A", "B", "07.07.2018\x1b"), review("A", "B", ""))
    with pytest.raises(InputError, match=r"1 of 10 lines.*'unixReviewTime' is '07.07.2018\\x1b'; .* \| 2014-07-05 \|"):
        read_interactions(path, "amazon", AMAZON, 0.09)
    found = read_interactions(path, "amazon", AMAZON, 0.1)
    assert found.counts == {"lines": 10, "broken_lines": 1, "without_time": 1, "odd_times": 0}
    assert sorted(found.time - found.time.min()) == list(range(8))


YEAR = 31_556_952


@pytest.mark.parametrize(
    ("times", "far"),
    [
        ([1, 2, 3], []),
        ([0, 1, 770, 10**8], []),
        ([10**9 + n * YEAR for n in range(0, 70, 10)], []),
        ([10**9, 10**9 + 1, 0], [2]),
        ([-1, 10**9, 4 * 10**9, 10**9 + 1], [0, 2]),
        ([0, 10**12, 10**12 + 1], [0]),
        ([10**12 + 30_000 * YEAR, 10**12, 10**12 + 19_000 * YEAR, 10**12 + 51_000 * YEAR], [3]),
        ([10**18, 10**18 + 1, 10**18 + 30 * YEAR * 10**9], [2]),
        ([-(1 << 63), (1 << 63) - 1, 5, 6], [0, 1]),
    ],
)
def test_times_decades_from_all_others(times, far):
    assert far_times(np.array(times)).tolist() == far


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("A1", "A1"),
        (" A1\n", "A1"),
        (70, "70"),
        (70.0, "70"),
        (7.5, None),
        ("", None),
        (" ", None),
        (None, None),
        (True, None),
    ]
    + [([], None), (float("nan"), None), ("\ud83d\ude00", "\U0001f600"), ("a\ud800", "a\ufffd")],
)
def test_ids(value, expected):
    assert parse_id(value) == expected


# Reviews


def review(user, item, time, **more) -> bytes:
    record = {"overall": 5.0, "verified": True, "reviewerID": user, "asin": item, "style": {"Format:": " DVD"}, **more}
    return json.dumps({**record, "reviewText": 'Great,\n"fun"', "unixReviewTime": time}).encode()


def test_amazon_reviews(tmp_path):
    path = write(
        tmp_path / "reviews.json",
        review("B", "0005092663", 1227398400, vote="7"),
        review("A", "0005092663", "1479945600"),
        b"",
        review("A", "B01", 1.4e9, overall=1.0),
        review("A", "B02", None),
        b'{"reviewerID": "A", "asin": "B03", "unixReviewTime": 12',
        b'{"reviewerID": "A", "unixReviewTime": 12}',
        b'{"asin": "B03", "unixReviewTime": 12}',
        b'["A", "B03", 12]',
        b'{"reviewerID": "\xff", "asin": "B03", "unixReviewTime": 12}',
        end=b"\r\n",
    )
    result = read_interactions(path, "amazon", AMAZON, 0.6)
    assert rows(result) == [("A", "0005092663", 1479945600), ("A", "B01", 1400000000), ("B", "0005092663", 1227398400)]
    assert (result.users, result.items) == (["A", "B"], ["0005092663", "B01"])
    assert result.counts == {"lines": 9, "broken_lines": 5, "without_time": 1, "odd_times": 0}
    assert (result.user.dtype, result.item.dtype, result.time.dtype) == (np.int32, np.int32, np.int64)
    with pytest.raises(InputError, match=r"5 of 9 lines \(55.56%\).*First: line 6"):
        read_interactions(path, "amazon", AMAZON, 0.5)


def test_steam_reviews(tmp_path):
    path = write(
        tmp_path / "reviews.gz",
        b"{u'username': u'Chaos Syren', u'hours': 0.1, u'product_id': u'725280', u'date': u'2017-12-17',"
        b" u'text': u\"it's\"}",
        b"{u'username': u'\\u2654 Fab', u'product_id': 70, u'date': u'2011-11-05', u'early_access': False}",
        "{u'username': u'♔ Fab', u'product_id': u'80', u'date': u'2011-11-05', u'tags': [u'x']}".encode(),
        b"{u'username': u'A', u'product_id': u'80', u'posted': u'Posted February 3.'}",
        b"{u'username': u'A', u'date': u'2011-11-05'}",
    )
    result = read_interactions(path, "steam", STEAM, 0.2)
    assert rows(result) == [
        ("Chaos Syren", "725280", 1513468800),
        ("♔ Fab", "70", 1320451200),
        ("♔ Fab", "80", 1320451200),
    ]
    assert result.counts == {"lines": 5, "broken_lines": 1, "without_time": 1, "odd_times": 0}


def test_reviews_that_cannot_be_used(tmp_path):
    path = write(tmp_path / "reviews", review("A", "B", None))
    with pytest.raises(InputError, match="no record has a time in 'unixReviewTime'"):
        read_interactions(path, "amazon", AMAZON, 0.0)
    with pytest.raises(InputError, match="'format'"):
        read_interactions(path, "xml", AMAZON, 0.0)
    (tmp_path / "empty").write_bytes(b"\n")
    with pytest.raises(InputError, match="has no line"):
        read_interactions(tmp_path / "empty", "amazon", AMAZON, 1.0)


ODD_IDS = [
    "a",
    "b",
    " a ",
    "",
    "  ",
    5,
    5.0,
    "5",
    1.5,
    None,
    True,
    "\u00e9",
    "\U0001f600",
    "x'y",
    'x"y',
    "back\\slash",
    "\ud800",
    "\ud83dx",
    "\u00a0",
    "\u00e9\u00a0",
    "nul\0",
    "\x1ca\r",
    "a\nb",
    "a\n",
    "\n",
]
ODD_TIMES = [1, 2, -3, 2.5, "4", "2014-07-05", "soon", None, 1 << 70, True, 1_400_000_000_000]
ODD_TIMES += ["", "NaN", "2014-07-05 22:09:11", "Sat Jul 05 22:09:11 -0700 2014"]
RECORD = b'{"reviewerID": "a", "asin": "b", "unixReviewTime": 1'
ODD_LINES = [b"", b" ", b"{", b"[1]", b"7", b"\xff", b"{}", b"{'a': u'\\q'}", RECORD]
ODD_LINES += [RECORD + end for end in (b"} x", b"} " + RECORD + b"}", b', "text": "\xff"}', b', "text": NaN}')]
ODD_LINES += [RECORD + b', "asin": ' + again + b"}" for again in (b'"c"', b'" "', b'"\\ud83d\\u0041"', b"null", b"1e2")]


@st.composite
def odd_files(draw, form):
    """The bytes of some lines, most of them well formed."""
    keys = ("reviewerID", "asin", "unixReviewTime") if form == "amazon" else ("username", "product_id", "date")
    ids, times = st.sampled_from(["a", "b", "c", *ODD_IDS]), st.sampled_from([1, 2, *ODD_TIMES])
    result = []
    for _ in range(draw(st.integers(1, 12))):
        record = dict(zip(keys, (draw(ids), draw(ids), draw(times)), strict=True))
        record |= draw(
            st.dictionaries(st.sampled_from(["text", "it's", "\u00fc"]), st.sampled_from([*ODD_IDS, [1]]), max_size=2)
        )
        record = {key: record[key] for key in draw(st.permutations(sorted(record)))[draw(st.integers(0, 1)) :]}
        line = json.dumps(record, ensure_ascii=draw(st.booleans())) if form == "amazon" else repr(record)
        result.append(draw(st.sampled_from([line.encode(errors="surrogatepass")] * 9 + ODD_LINES)))
    return draw(st.sampled_from([b"\n", b"\r\n"])).join(result)


@pytest.mark.parametrize(("form", "fields"), [("amazon", AMAZON), ("steam", STEAM)])
@given(data=st.data())
@settings(deadline=None, max_examples=300)
def test_lines_read_at_once_give_what_they_give_one_by_one(tmp_path_factory, form, fields, data):
    path = tmp_path_factory.mktemp("odd") / "reviews"
    path.write_bytes(data.draw(odd_files(form)))
    block = data.draw(st.sampled_from([1, 150, streams.BLOCK]))

    def read():
        try:
            found = read_interactions(path, form, fields, 1)
        except InputError as error:
            return str(error)
        return rows(found), found.users, found.items, found.counts

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "BLOCK", block)
        at_once = read()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            loaders, "plain_reader", lambda *_: lambda first, block, _: Plain([], [], [], list(numbered(first, block)))
        )
        assert at_once == read()


@pytest.mark.parametrize("gap", [b"", b" ", b"\r"])
def test_two_records_on_a_line_do_not_make_up_for_one_without(gap):
    two = RECORD + b"} " + RECORD + b"}"
    read = plain_reader("amazon", "reviewerID", "asin", "unixReviewTime")
    cut = b'{"x":\n{}, ' + RECORD[1:] + b"}\n", b'{"x": {}\n, ' + RECORD[1:] + b"}\n"
    for block in (gap + b"\n" + two, two + b"\n" + gap + b"\n", cut[0] + two, cut[1] + two):
        assert read(*of_block(block)).left == list(numbered(1, block))
    assert len(read(*of_block(RECORD + b"}\r\n" + RECORD + b"}\r\n")).users) == 2


def test_plain_lines_are_read_at_once():
    line = {"reviewerID": "a", "text": "\u00e9 \\ 'asin': 'no'", "asin": "b", "unixReviewTime": 3}
    block = json.dumps(line, ensure_ascii=False).encode() + b"\n" + json.dumps(line).encode()
    found = plain_reader("amazon", "reviewerID", "asin", "unixReviewTime")(*of_block(block))
    assert found == Plain(["a", "a"], ["b", "b"], [3, 3], [])
    block = (
        b"{u'username': u'a', u'text': u'\\'date\\': 1', 'product_id': 'b', u'hours': 1.5, u'date': u'2014-07-05'}\n"
    )
    block += b"{'username': 'c', 'product_id': \"b\", 'date': 5}\n {'date': 7, 'product_id': 'd', 'username': 'c'}\r"
    found = plain_reader("steam", "username", "product_id", "date")(*of_block(block))
    assert found == Plain(["a", "c"], ["b", "d"], ["2014-07-05", 7], [(2, block.split(b"\n")[1])])


@given(st.lists(st.lists(st.sampled_from(["b", "a", " a ", "10", "9", "\u00e9", "\uffff", "\U0001f600"])), min_size=1))
@settings(deadline=None, derandomize=True, max_examples=100)
def test_ids_are_ranked_as_texts_whatever_the_blocks(blocks):
    raw = [text.strip() for block in blocks for text in block]
    if raw:
        ids, places = loaders._ranked([pa.array(block, pa.large_string()) for block in blocks])
        assert ids == sorted(set(raw))
        assert [ids[place] for place in places] == raw and places.dtype == np.int32


def test_the_order_of_lines_does_not_matter(tmp_path):
    raw = [review(f"U{n % 7}", f"I{n % 5}", n) for n in range(40)]
    first = read_interactions(write(tmp_path / "a", *raw), "amazon", AMAZON, 0.0)
    random.Random(3).shuffle(raw)
    second = read_interactions(write(tmp_path / "b", *raw), "amazon", AMAZON, 0.0)
    assert (first.users, first.items, rows(first)) == (second.users, second.items, rows(second))


# Metadata


def test_amazon_metadata(tmp_path):
    raw = [
        {
            "asin": "B1",
            "title": "Pok&eacute;mon Moon - Nintendo 3DS",
            "description": ['<P>Admit it.<BR><BR>Rated: <B>9</B><a href="http://x">', "", "Tom &amp; Jerry\x07"],
            "category": ["Video Games", "PC &gt; Games"],
            "brand": "Nintendo",
            "feature": [],
            "rank": [">#16,321 in Video Games"],
            "price": "$162.25",
            "also_buy": ["B2", "B2", "B9"],
        },
        {"asin": "B2", "title": "Short", "rank": "3,235,148inBeautyamp;PersonalCare(", "description": "one text"},
        {"asin": "B2", "title": "Longer title", "brand": "X", "also_buy": []},
        {"asin": "B3", "title": "unwanted"},
        {"asin": "B4", "title": "var aPageStart = (new Date()).getTime();"},
        {"title": "no asin"},
    ]
    for attempt in range(3):
        path = write(tmp_path / "meta", *(json.dumps(record).encode() for record in raw))
        result, counts = read_metadata(path, "amazon", AMAZON, {"B1", "B2", "B4", "B9"}, ALL, 0.2)
        assert result["B1"] == {
            "title": "Pok&eacute;mon Moon - Nintendo 3DS",
            "description": "Admit it. Rated: 9, Tom & Jerry",
            "tags": "Video Games, PC > Games",
            "brand": "Nintendo",
            "feature": "",
            "related": ["B2", "B9"],
        }
        assert result["B2"] == {
            "title": "Longer title",
            "description": "one text",
            "tags": "",
            "brand": "X",
            "feature": "",
            "related": [],
        }
        assert result["B4"]["title"] == ""
        assert sorted(result) == ["B1", "B2", "B4"]
        assert counts == {"lines": 6, "broken_lines": 1, "repeated": 1}
        random.Random(attempt).shuffle(raw)


def test_steam_metadata(tmp_path):
    path = write(
        tmp_path / "games",
        b"{u'title': u'Ironbound', u'price': u'Free To Play', u'genres': [u'RPG'], u'tags': [u'PvP', u'2D'],"
        b" u'id': u'643980',"
        b" u'specs': [u'Single-player'], u'developer': u'Making Fun, Inc.', u'metascore': 91}",
        b"{u'app_name': u'Only \\xe9 name', u'price': 4.99, u'genres': [u'RPG'], u'id': u'7'}",
        b"{u'title': u'', u'app_name': u'Fallback', u'tags': [], u'genres': [u'Indie'], u'id': 8}",
        b"{u'url': u'http://store.steampowered.com/', u'price': 19.99, u'early_access': False}",
    )
    wanted = {"643980", "7", "8"}
    result, counts = read_metadata(path, "steam", STEAM, wanted, ("title", "tags", "brand", "feature"), 0.25)
    assert {item: tuple(values.values()) for item, values in result.items()} == {
        "643980": ("Ironbound", "PvP, 2D", "Making Fun, Inc.", "Single-player"),
        "7": ("Only é name", "RPG", "", ""),
        "8": ("Fallback", "Indie", "", ""),
    }
    assert counts["broken_lines"] == 1


# Titles


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Pok&eacute;mon Moon", "Pokémon Moon"),
        ("Tom &amp;amp; Jerry", "Tom & Jerry"),
        ("AT&T &notit", "AT&T &notit"),
        ("<i>Halo</i><br />3", "Halo 3"),
        ("I <3 You > Me", "I <3 You > Me"),
        (">observer_", ">observer_"),
        ("A\tB\x00C\u200bD\u2028E", "A B CD E"),
        ("e\u0301", "é"),
        ("Rayman; the Second, Part", "Rayman - the Second, Part"),
        ("Warhammer 40,000", "Warhammer 40,000"),
        ("Greek\u037e mark", "Greek - mark"),
        ("Net, The (1995)", "The Net (1995)"),
        ("NET, THE", "THE NET"),
        ("Fair Mind, A [Blu-ray]", "A Fair Mind [Blu-ray]"),
        ("Tale of Dust, the: Part One", "The Tale of Dust: Part One"),
        ("Town of Dust, The (Ville, La) (1995)", "The Town of Dust (La Ville) (1995)"),
        ("Aventure, L' (1960)", "L'Aventure (1960)"),
        ("Dust, the Mud and the Sun, The (1966)", "The Dust, the Mud and the Sun (1966)"),
        ("Sing, Dance, Die", "Sing, Dance, Die"),
        ("Live, Die, Repeat", "Live, Die, Repeat"),
        ("Lost in Hollywood, LA", "Lost in Hollywood, LA"),
        ("Dust, The Beginning", "Dust, The Beginning"),
        ("A ,; , B", "A - B"),
        (" ; Doom, ", "Doom"),
        ("<span class='a'>Doom</span>", ""),
        ("&lt;span&gt;Doom", ""),
        ("var t = (new Date()).getTime();", ""),
        ("javascript:void", ""),
        (" ;, ", ""),
        ("", ""),
        ("x" * 500, "x" * LONGEST_TITLE),
        ("\ud83d\ude00 ok", "\U0001f600 ok"),
    ],
)
def test_clean_titles(raw, expected):
    assert clean_title(raw) == expected


def test_descriptions_keep_separators_and_lose_tags():
    raw = "<p>One, two; <span>three</span></p> <!-- no --> <script>x()</script>if a<b ok <a href='"
    assert clean_text(raw) == "One, two; three if a<b ok"


def test_repairs_are_counted():
    repairs = Counter()
    for raw in ("plain", "a &amp; b", "a  b", "a; b", "a, b", "b, The", "x" * 300):
        clean_title(raw, repairs)
    assert repairs == {"markup": 1, "characters": 1, "articles": 1, "separators": 1, "shortened": 1}


NASTY = st.text(st.sampled_from("aAb;, \t\u00a0\u037e&lt;<i>#\u0301\u200d\ud83dİ"), max_size=15) | st.text(max_size=10)


@settings(derandomize=True, max_examples=400)
@given(NASTY)
def test_titles_are_free_of_separators(raw):
    title = clean_title(raw)
    assert "; " not in title
    assert title == " ".join(title.split())
    assert unicodedata.is_normalized("NFC", title)
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in title)
    title.encode()


@settings(derandomize=True, max_examples=300)
@given(
    st.lists(
        st.sampled_from(["a", "A", "a (2)", "A (3)", "b", "b (2)", "x" * 200, "x" * 196 + " (2)", "y" * 199 + "z"])
    )
)
def test_titles_are_unique(titles):
    unique, changed = unique_titles(titles)
    assert len({title_key(title) for title in unique}) == len(titles)
    assert max(map(len, unique), default=0) <= LONGEST_TITLE
    assert changed == sum(old != new for old, new in zip(titles, unique, strict=True))
    seen = set()
    for old, new in zip(titles, unique, strict=True):
        assert (old == new) == (title_key(old) not in seen)  # who comes first keeps the title
        seen.add(title_key(old))
    assert unique_titles(unique) == (unique, 0)


def test_suffixes_follow_the_order_and_avoid_other_titles():
    assert unique_titles(["Doom", "doom", "DOOM", "Doom (2)"]) == (["Doom", "doom (3)", "DOOM (4)", "Doom (2)"], 2)
