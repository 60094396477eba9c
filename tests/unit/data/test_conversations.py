"""Files of conversations: what is kept, what is dropped and why, however the file is written."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recexplainer.config.conversations import Drawn
from recexplainer.data import streams
from recexplainer.data.conversations import Dropped, parse_conversation, parse_conversations
from recexplainer.data.parsed import read_conversations
from recexplainer.errors import InputError
from recexplainer.files import write_parquet
from recexplainer.llm.scratch import conversation_messages
from recexplainer.tasks.sharegpt import build_sharegpt


def entry(name, *turns):
    return {"id": name, "conversations": [{"from": role, "value": text} for role, text in turns]}


def parse(path, share=0.0):
    output, statistics = path.with_suffix(".parquet"), path.with_suffix(".stats")
    parse_conversations(source=path, max_broken_share=share, output=output, statistics=statistics)
    return pq.read_table(output).to_pylist(), json.loads(statistics.read_text())


GOOD = entry("one", ("human", " Hi "), ("gpt", "Hello."))


LAST, SYSTEM, FIRST = "last_human_turn_cut", "first_system_turn_cut", "first_assistant_turn_cut"


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([("human", "a"), ("gpt", "b")], (["a", "b"], [])),
        ([("user", "a"), ("assistant", "b"), ("human", "c"), ("chatgpt", "d")], (["a", "b", "c", "d"], [])),
        ([("human", "a"), ("gpt", "b"), ("human", "c")], (["a", "b"], [LAST])),
        ([("human", "a"), ("gpt", "b"), ("human", "")], (["a", "b"], [LAST])),
        ([("gpt", "z"), ("human", "a"), ("gpt", "b")], (["a", "b"], [FIRST])),
        ([("gpt", ""), ("human", "a"), ("gpt", "b"), ("human", "c")], (["a", "b"], [FIRST, LAST])),
        ([("system", "s"), ("human", "a"), ("gpt", "b")], (["a", "b"], [SYSTEM])),
        ([("system", ""), ("gpt", "z"), ("human", "a"), ("gpt", "b")], (["a", "b"], [SYSTEM, FIRST])),
        ([("gpt", "a"), ("gpt", "z"), ("human", "b"), ("gpt", "c")], "not_alternating"),
        ([("gpt", "a"), ("human", "b")], "no_answer"),
        ([("human", "a"), ("human", "b")], "not_alternating"),
        ([("human", "a"), ("gpt", "b"), ("gpt", "c")], "not_alternating"),
        ([("human", "a"), ("system", "s"), ("gpt", "b")], "other_role"),
        ([("system", "s"), ("system", "s"), ("human", "a"), ("gpt", "b")], "other_role"),
        ([("tool", "s"), ("human", "a"), ("gpt", "b")], "other_role"),
        ([("system", "s")], "no_answer"),
        ([("human", "a"), ("gpt", " \n")], "empty_turn"),
        ([("human", "a")], "no_answer"),
        ([], "no_turn"),
        ([("human", None), ("gpt", "b")], "unreadable_turn"),
        ([(1, "a"), ("gpt", "b")], "unreadable_turn"),
    ],
)
def test_rules(turns, expected):
    if isinstance(expected, str):
        with pytest.raises(Dropped, match=expected):
            parse_conversation(entry("x", *turns))
        return
    name, messages, cuts = parse_conversation(entry("x", *turns))
    assert (name, [message["text"] for message in messages], cuts) == ("x", *expected)
    assert [message["role"] for message in messages] == ["user", "assistant"] * (len(messages) // 2)


QUESTION, ANSWER = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"messages": [QUESTION, ANSWER]}, ["a", "b"]),
        ({"messages": [{"role": "system", "content": "s"}, QUESTION, ANSWER]}, ["a", "b"]),
        ({"messages": [QUESTION | {"content": [{"type": "text", "text": "a"}]}, ANSWER]}, ["a", "b"]),
        ({"messages": [QUESTION | {"content": [{"type": "image", "text": "a"}]}, ANSWER]}, "unreadable_turn"),
        ({"messages": [QUESTION | {"content": []}, ANSWER]}, "unreadable_turn"),
        ({"items": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}, ["a", "b"]),
        ({"conversations": None, "messages": [QUESTION, ANSWER]}, ["a", "b"]),
        ({"instruction": "a", "output": "b"}, ["a", "b"]),
        ({"instruction": "a", "input": "", "output": "b"}, ["a", "b"]),
        ({"instruction": "a", "input": "c\n", "output": "b"}, ["a\n\nc", "b"]),
        ({"instruction": "", "input": " ", "output": "b"}, "empty_turn"),
        ({"instruction": "a", "input": ["c"], "output": "b"}, "unreadable_turn"),
        ({"instruction": "a", "output": None}, "unreadable_turn"),
        ({"instruction": "a"}, "no_turn"),
        ({"messages": "a"}, "no_turn"),
    ],
)
def test_forms(found, expected):
    if isinstance(expected, str):
        with pytest.raises(Dropped, match=expected):
            parse_conversation(found)
    else:
        assert [message["text"] for message in parse_conversation(found)[1]] == expected


def test_entries_without_an_id_are_named_by_their_content():
    first, second = ({**GOOD, "id": name} for name in (None, " "))
    assert parse_conversation(first)[0] == parse_conversation(second)[0] != ""


def test_array_and_lines_plain_and_packed_give_the_same(tmp_path):
    entries = [GOOD, entry("two", ("human", "é \ud83d"), ("gpt", '[]{},\\"')), GOOD, entry("three", ("gpt", "x"))]
    array, rows = json.dumps(entries, indent=1), "\r\n".join(map(json.dumps, entries))
    contents = [array.encode(), b"\xef\xbb\xbf " + array.encode(), gzip.compress(array.encode())]
    contents += [rows.encode(), gzip.compress(b"\n\n" + rows.encode() + b"\n")]
    results = []
    for number, content in enumerate(contents):
        (tmp_path / f"{number}.json").write_bytes(content)
        table, statistics = parse(tmp_path / f"{number}.json")
        statistics.pop("sha256")
        results.append((table, statistics))
    assert all(result == results[0] for result in results)
    table, statistics = results[0]
    assert [row["conversation"] for row in table] == ["one", "two"]
    assert table[0]["messages"] == [{"role": "user", "text": "Hi"}, {"role": "assistant", "text": "Hello."}]
    assert table[1]["messages"][0]["text"] == "é \ufffd"
    assert (statistics["read"], statistics["kept"]) == (4, 2)
    assert {reason: count for reason, count in statistics["dropped"].items() if count} == {
        "no_answer": 1,
        "repeated": 1,
    }
    assert statistics["first_assistant_turn_cut"] == 0  # of those that are kept


TEXT = st.text('ab"\\[]{},é😀 \n', min_size=1, max_size=30)


@settings(derandomize=True, max_examples=60)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5), st.integers(1, 40), st.booleans())
def test_an_array_is_read_whatever_the_block(tmp_path_factory, texts, block, escaped):
    entries = [entry(f"n{n}", ("human", "q" + a), ("gpt", "a" + b)) for n, (a, b) in enumerate(texts)]
    path = tmp_path_factory.mktemp("array") / "file.json"
    path.write_text(json.dumps(entries, ensure_ascii=escaped, indent=None if escaped else 2), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "BLOCK", block)
        table, _ = parse(path)
    found = [[message["text"] for message in row["messages"]] for row in table]
    assert found == [[("q" + a).strip(), ("a" + b).strip()] for a, b in texts]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"[]", "has no line"),
        (json.dumps([GOOD])[:-1].encode(), "entry 2 .*comma"),
        (json.dumps([GOOD])[:-9].encode(), "entry 1 .*cut off"),
        (json.dumps([GOOD]).encode() + b"x", "nothing after"),
        (json.dumps([GOOD])[:-1].encode() + b",]", "entry 2 .*not valid"),
        (json.dumps([GOOD])[:-1].encode() + b" {}]", "comma"),
        (b'["' + b"\xff" + b'"]', "not UTF-8"),
        (b"[" * 100000, "not valid JSON"),
        (json.dumps([GOOD, 3]).encode(), r"1 of 2 lines \(50.00%\)"),
        (json.dumps(GOOD).encode() + b"\n{", r"1 of 2 lines \(50.00%\)"),
        (json.dumps([entry("x", ("gpt", "a"))]).encode(), "none of 1 conversations"),
        (gzip.compress(json.dumps([GOOD] * 500).encode())[:-30], "cut off or corrupt"),
    ],
)
def test_files_that_are_refused_leave_nothing(tmp_path, content, message):
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        parse(path)
    assert [path.name for path in tmp_path.iterdir()] == ["file.json"]


def test_some_broken_entries_are_allowed_and_counted(tmp_path):
    path = tmp_path / "file.json"
    path.write_text(json.dumps(GOOD) + "\nnot json\n[1]\n" + json.dumps({**GOOD, "id": "two"}))
    table, statistics = parse(path, share=0.5)
    assert (len(table), statistics["broken"]) == (2, 2)


DRAWN = Drawn(train=1, test=1, max_first_turn_tokens=9)
TURN = {"role": "user", "text": "a"}


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([[TURN], None], "null instead of"),
        ([[TURN, None]], "null instead of"),
        ([[TURN, TURN | {"text": None}]], "null instead of"),
        ([[TURN | {"text": 3}]], "expected list"),
        ([[{"role": "user"}]], "expected list"),
        (["a"], "expected list"),
    ],
)
def test_parsed_conversations_that_lack_something_are_refused_by_who_reads_them(tmp_path, messages, message):
    path = tmp_path / "conversations.parquet"
    write_parquet(path, pa.table({"messages": [[TURN, TURN]]}))
    assert read_conversations(path) == [[TURN, TURN]]
    write_parquet(path, pa.table({"messages": messages}))
    for read in (
        conversation_messages,
        lambda path: build_sharegpt(conversations=path, llm="", settings=DRAWN, seed=1, paths={}),
    ):
        with pytest.raises(InputError, match=f"conversations.parquet: column 'messages'.*{message}"):
            read(str(path))
