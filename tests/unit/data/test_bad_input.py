"""Bad input in one table: each kind stops the run with one clear line, or is repaired or taken in the way that is said.

A row's outcome is :class:`Refused`, or what is read: then the rows that survive, and what was counted.
"""

import gzip
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bad_input import (
    GOOD,
    Case,
    Refused,
    chat,
    config,
    conversations,
    dataset,
    export,
    line,
    metadata,
    paper_config,
    prompts,
    ratings,
    reviews,
)

from recexplainer.config.labels import LabelRules
from recexplainer.errors import InputError
from recexplainer.recommender.histories import Histories
from recexplainer.recommender.labels import label_prefixes

ROW = [("A", "B", 5)]
UNREADABLE = r"1 of 1 lines \(100.00%\) cannot be read, more than the allowed 0.00%. First: line 1: "
STEAM = b"{'u': 'A', 'i': 'B', 't': 5}"
PACKED = gzip.compress(GOOD + b"\n" + GOOD)
MS = 1_500_000_000_000
T = 1_404_518_400
NAN = float("nan")


def one(*lines: bytes, form: str = "amazon"):
    """A good line beside bad ones, all of which may be broken."""
    return reviews(GOOD if form == "amazon" else STEAM, *lines, form=form, share=0.9)


def skipped(what: str, record: bytes, form: str = "amazon") -> Case:
    return Case(f"{form} review: {what}", one(record, form=form), (ROW, {"broken_lines": 1}))


def untimed(what: str, record: bytes) -> Case:
    return Case(f"time: {what}", one(record), (ROW, {"without_time": 1}))


def taken(what: str, time, expected: int) -> Case:
    return Case(f"time: {what}", reviews(line(u="A", i="B", t=time)), ([("A", "B", expected)], {}))


FILES = [
    Case("empty file", reviews(b""), Refused("reviews: the file has no line")),
    Case("only white space", reviews(b" \r\n\t\n"), Refused("reviews: the file has no line")),
    Case("gzip of nothing", reviews(gzip.compress(b"")), Refused("the file has no line")),
    Case("gzip", reviews(PACKED), (ROW * 2, {})),
    Case("gzip in two members", reviews(gzip.compress(GOOD + b"\n") + PACKED, end=b""), (ROW * 3, {})),
    Case("gzip cut off", reviews(PACKED[:-4]), Refused("gzip file is cut off or corrupt")),
    Case("gzip with a wrong checksum", reviews(PACKED[:-8] + b"\0" * 8), Refused("cut off or corrupt")),
    Case("gzip's first bytes alone", reviews(b"\x1f\x8b"), Refused("cut off or corrupt")),
    Case("gzip's first bytes, then text", reviews(b"\x1f\x8b" + GOOD), Refused("cut off or corrupt")),
    Case("gzip twice", reviews(gzip.compress(PACKED)), Refused("cannot be read, more than the allowed")),
    Case("another archive", reviews(b"PK\x03\x04" + bytes(range(32))), Refused("cannot be read, more than the")),
    Case("byte order mark", reviews(b"\xef\xbb\xbf" + GOOD), (ROW, {})),
    Case("byte order mark in gzip", reviews(gzip.compress(b"\xef\xbb\xbf" + GOOD)), (ROW, {})),
    Case("CRLF", reviews(GOOD, b"", GOOD, end=b"\r\n"), (ROW * 2, {})),
    Case("CR alone", reviews(GOOD, GOOD, end=b"\r"), Refused(UNREADABLE)),
    Case("UTF-16", reviews(GOOD.decode().encode("utf-16")), Refused(r"1 of \d lines|cannot be read, more than the")),
    Case("JSON array instead of lines", reviews(b"[" + GOOD + b"]"), Refused(UNREADABLE + "expected an object")),
    Case("JSON array over lines", reviews(b"[", GOOD + b",", GOOD, b"]"), Refused("3 of 4 lines")),
    Case("the other format: steam", reviews(STEAM), Refused(UNREADABLE)),
    Case("the other format: amazon", reviews(line(u="A", x=None), form="steam"), Refused(UNREADABLE)),
    Case("a line of 100 MB", reviews(GOOD, b"x" * 100_000_000), Refused("line 2 is longer than 64 MiB")),
    Case("100 MB packed", reviews(gzip.compress(b"x" * 100_000_000, 1)), Refused("line 1 is longer than 64 MiB")),
    Case("no such field", reviews(line(user="A", item="B", t=1)), Refused(UNREADABLE + "no 'u'|no u")),
    Case("as many broken lines as allowed", reviews(GOOD, b"x", share=0.5), (ROW, {"broken_lines": 1})),
    Case("one broken line more", reviews(GOOD, b"x", b"y", share=0.5), Refused("2 of 3 lines.*First: line 2: ")),
    Case("everything broken and allowed", reviews(b"x", share=1.0), Refused("no record has a time in 't'")),
]

LINES = [
    skipped("cut off", GOOD[:-3]),
    skipped("NUL bytes", b"\0" * 20),
    skipped("a NUL byte in a text", b'{"u": "A\0", "i": "B", "t": 1}'),
    skipped("Latin-1 among UTF-8", '{"u": "é", "i": "B", "t": 1}'.encode("latin-1")),
    skipped("nested 100,000 deep", b'{"u": ' + b"[" * 100_000),
    skipped("nested, as a value", b'{"u": "A", "i": "B", "t": 1, "x": ' + b"[" * 5000 + b"]" * 5000 + b"}"),
    skipped("NaN", b'{"u": "A", "i": "B", "t": NaN}'),
    skipped("a list", b'["A", "B", 5]'),
    skipped("no user", line(i="B", t=1)),
    skipped("empty user", line(u=" ", i="B", t=1)),
    skipped("a user that is no text", line(u=["A"], i="B", t=1)),
    skipped("an item that is half a number", line(u="A", i=1.5, t=1)),
    skipped("runs code", b"{'u': __import__('os').system('touch /tmp/x'), 'i': 'B', 't': 1}", "steam"),
    skipped("calls", b"{'u': 'A', 'i': 'B', 't': exit()}", "steam"),
    skipped("computes 9**9**9", b"{'u': 'A', 'i': 'B', 't': 9**9**9}", "steam"),
    skipped("repeats a text", b"{'u': 'A' * 10**10, 'i': 'B', 't': 1}", "steam"),
    skipped("comprehension", b"{'u': [x for x in range(10**10)], 'i': 'B', 't': 1}", "steam"),
    skipped("f-string", b"{'u': f'{exit()}', 'i': 'B', 't': 1}", "steam"),
    skipped("nested 50,000 deep", b"{'u': " + b"[" * 50_000 + b"}", "steam"),
    skipped("50,000 signs", b"{'u': 'A', 'i': 'B', 't': " + b"-" * 50_000 + b"1}", "steam"),
    skipped("100,000 sums", b"{'u': 'A', 'i': 'B', 't': 1" + b"+1" * 100_000 + b"}", "steam"),
    skipped("a number of 10,000 digits", b"{'u': [], 'i': 'B', 't': " + b"9" * 10_000 + b"}", "steam"),
    skipped("over 1 MiB with a list in it", b"{'u': ['A'], 'i': '" + b"B" * (1 << 20) + b"'}", "steam"),
    skipped("a NUL byte", b"{'u': 'A\0', 'i': 'B', 't': 1}", "steam"),
    skipped("not UTF-8", b"{'u': '\xff', 'i': 'B', 't': 1}", "steam"),
    skipped("a set", b"{'A', 'B', 5}", "steam"),
]


def csv(what: str, *lines: bytes, outcome, **options) -> Case:
    return Case(f"csv: {what}", reviews(*lines, form="csv", **options), outcome)


def parquet(what: str, outcome, share: float = 0.0, **columns) -> Case:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return Case(f"parquet: {what}", reviews(sink.getvalue(), form="parquet", share=share), outcome)


TABLES = [
    csv("empty file", b"", outcome=Refused("reviews: no column 'u'")),
    csv("a header alone", b"u,i,t", b"", outcome=Refused("the file has no line")),
    csv(
        "no such column",
        b"u,t",
        b"A,5",
        outcome=Refused("no column 'i', which the config key 'fields.item' asks for; found: u, t"),
    ),
    csv("a column twice", b"u,i,t,u", b"A,B,5,C", outcome=Refused("the column 'u' is there twice")),
    csv("too few values", b"u,i,t", b"A,B,5", b"C,D", outcome=Refused("1 of 2 lines .*line 3: 2 values, expected 3")),
    csv("too few, allowed", b"u,i,t", b"A,B,5", b"C,D", share=0.5, outcome=(ROW, {"broken_lines": 1})),
    csv("no user", b"u,i,t", b"A,B,5", b" ,D,1", outcome=Refused("First: line 3: no 'u'")),
    csv("not UTF-8", b"u,i,t", b"A,B,5", b"C,\xff,1", outcome=Refused("First: line 3: column 'i' is not utf-8")),
    csv("no time", b"u,i,t", b"A,B,", outcome=Refused("no record has a time in 't'")),
    csv(
        "a time that cannot be read",
        b"u,i,t",
        b"A,B,soon",
        outcome=Refused(r"line 2: no time: 't' is 'soon'; what is read looks like .* \| 2014-07-05 22:09:11 \|"),
    ),
    csv(
        "an open quote",
        b"u,i,t",
        b"A,B,5",
        b'C,"D,1',
        b"",
        outcome=Refused("First: line 3: quotation marks .*'layout.quoted' to false"),
    ),
    csv("an unknown encoding", b"u,i,t", b"A,B,5", encoding="klingon", outcome=Refused("'layout.encoding': 'klingon'")),
    csv("byte order mark and CRLF", b"\xef\xbb\xbfu,i,t", b"A,B,5", b"", end=b"\r\n", outcome=(ROW, {})),
    csv("gzip cut off", gzip.compress(b"u,i,t\nA,B,5\n" * 9)[:-9], outcome=Refused("gzip file is cut off or corrupt")),
    csv("Parquet", b"PAR1" + bytes(range(200)), outcome=Refused("no column 'u'")),
    Case(
        "recbole: a header without types",
        reviews(b"u\ti\tt", b"A\tB\t5", form="recbole"),
        Refused("'u' in the header; expected RecBole's names with types"),
    ),
    Case("parquet: cut off", reviews(b"PAR1" + bytes(99), form="parquet"), Refused("reviews: not a readable Parquet")),
    parquet("no such column", Refused("no column 't', which the config key 'fields.time'"), u=["A"], i=["B"]),
    parquet("no user", Refused("1 of 2 rows .*First: row 2: no 'u'"), u=["A", None], i=["B", "C"], t=[5, 5]),
    parquet("no user, allowed", (ROW, {"broken_lines": 1}), 0.5, u=["A", None], i=["B", "C"], t=[5, 5]),
    parquet("no time", (ROW, {"without_time": 1}), u=["A", "A"], i=["B", "C"], t=[5, None]),
    parquet("a user that is a list", Refused("1 of 1 rows .*First: row 1: no 'u'"), u=[["A"]], i=["B"], t=[5]),
]

RIGHT_TO_LEFT = "\u202eשלום\u202c"
VALUES = [
    taken("negative: before 1970", -5, -5),
    taken("zero", 0, 0),
    taken("a fraction", 5.9, 5),
    taken("a text", " 5 ", 5),
    taken("a date", "1970-01-02", 86400),
    taken("milliseconds throughout", MS, MS),
    untimed("none", line(u="A", i="C")),
    untimed("null", line(u="A", i="C", t=None)),
    untimed("NaN as a text", line(u="A", i="C", t="NaN")),
    untimed("a blank text", line(u="A", i="C", t=" ")),
    skipped("a time without a year", line(u="A", i="C", t="Posted February 3.")),
    skipped("a time that is a list", line(u="A", i="C", t=[5])),
    skipped("a time: infinite", line(u="A", i="C", t="inf")),
    skipped("a time: true", line(u="A", i="C", t=True)),
    skipped("a time: not on the calendar", line(u="A", i="C", t="2011-02-30")),
    skipped("a time: over 64 bits", line(u="A", i="C", t=1e300)),
    skipped("a time: a text of a million digits", line(u="A", i="C", t="9" * 1_000_000)),
    Case(
        "time: one in milliseconds among seconds",
        reviews(GOOD, GOOD, line(u="A", i="C", t=MS), share=0.4),
        (ROW * 2, {"odd_times": 1}),
    ),
    Case(
        "time: one in seconds among milliseconds",
        reviews(line(u="A", i="B", t=-MS), line(u="A", i="B", t=1 - MS), line(u="A", i="C", t=5), share=0.4),
        ([("A", "B", -MS), ("A", "B", 1 - MS)], {"odd_times": 1}),
    ),
    Case(
        "time: one that was left at 0, and one in the next century",
        reviews(*[line(u="A", i="B", t=T)] * 3, line(u="A", i="C", t=0), line(u="A", i="C", t=2 * T), share=0.4),
        ([("A", "B", T)] * 3, {"odd_times": 2}),
    ),
    Case(
        "time: more of them than allowed, with the broken lines",
        reviews(*[line(u="A", i="B", t=T)] * 3, line(u="A", i="C", t=0), b"x", share=0.3),
        Refused(rf"over 20 years from most others, such as 0 \(1970-01-01\) beside {T} \(2014-07-05\); 1 of 4"),
    ),
    Case(
        "time: both units",
        reviews(GOOD, line(u="A", i="C", t=MS)),
        Refused(f"seconds and .*such as 5 and {MS}; 1 of 2"),
    ),
    Case("id: a number is its text", reviews(line(u=7, i=7.0, t=5)), ([("7", "7", 5)], {})),
    Case("id: white space outside", reviews(line(u=" A\n", i="B\t", t=5)), (ROW, {})),
    Case("id: half a surrogate pair", reviews(b'{"u": "A\\ud800", "i": "B", "t": 5}'), Refused(UNREADABLE)),
    Case("id: emoji", reviews(line(u="😀", i="B", t=5)), ([("😀", "B", 5)], {})),
    Case(
        "id: half a surrogate pair, steam",
        reviews(b"{'u': 'A\\ud800', 'i': 'B', 't': 5}", form="steam"),
        ([("A\ufffd", "B", 5)], {}),
    ),
]

ITEMS = [
    Case("metadata: unknown items", metadata(line(i="Z", title="x"), line(i="B", title="b")), ({"B": ("b", [])}, {})),
    Case(
        "metadata: an item twice",
        metadata(line(i="B", title="b"), line(i="B", title="longer"), line(i="B", title="c")),
        ({"B": ("longer", [])}, {"repeated": 2}),
    ),
    Case("metadata: no id", metadata(line(title="x"), share=1.0), ({}, {"broken_lines": 1})),
    Case("metadata: no title", metadata(line(i="B"), line(i="C", title=None)), ({"B": ("", []), "C": ("", [])}, {})),
    Case("metadata: a title that is a list", metadata(line(i="B", title=["", "b"])), ({"B": ("b", [])}, {})),
    Case("metadata: a title that is a mapping", metadata(line(i="B", title={"a": "b"})), ({"B": ("", [])}, {})),
    Case("metadata: a number as title", metadata(line(i="B", title=1984)), ({"B": ("1984", [])}, {})),
    Case(
        "metadata: a title nested 900 deep",
        metadata(b'{"i": "B", "title": ' + b"[" * 900 + b'"x"' + b"]" * 900 + b"}"),
        ({"B": ("", [])}, {}),
    ),
    Case(
        "metadata: related twice", metadata(line(i="B", title="b", also=["C", "C", 3])), ({"B": ("b", ["C", "3"])}, {})
    ),
    Case("metadata: no item of the reviews", dataset([None] * 4), Refused("none of the 4 items of .* has a title")),
    Case(
        "titles: absent, a trace of a page, format characters",
        dataset(["a", "b", "c", "", None, "x.getTime()", "\u200f\u202e"]),
        (["a", "b", "c"], {"items_without_title": 4}),
    ),
    Case("titles: 10,000 characters", dataset(["a" * 10_000, "b", "c"]), (["a" * 200, "b", "c"], {"shortened": 1})),
    Case(
        "titles: 10,000 combining marks",
        dataset(["e" + "\u0316\u0301" * 5000, "b", "c"]),
        (["é" + "\u0316" * 15 + "\u0301" * 14, "b", "c"], {"characters": 1}),
    ),
    Case("titles: emoji", dataset(["😀", "b 🎮", "c"]), (["😀", "b 🎮", "c"], {})),
    Case("titles: right to left", dataset([RIGHT_TO_LEFT, "b", "c"]), (["שלום", "b", "c"], {"characters": 1})),
    Case("titles: control characters", dataset(["a\x00\x07\r\nb", "b", "c"]), (["a b", "b", "c"], {"characters": 1})),
    Case("titles: separators", dataset(["a; b, c;", "b;c", "c"]), (["a - b, c", "b;c", "c"], {"separators": 1})),
    Case(
        "titles: markup",
        dataset(["<b>a</b> &amp;amp; b", "b", "c"]),
        (["a & b", "b", "c"], {"markup": 1, "characters": 1}),
    ),
    Case(
        "titles: template tokens stay as text",
        dataset(["<user>", "USER: a ASSISTANT: b", "<|im_end|>", "[/INST]", "{history}", "<item> RATING-4"]),
        (["<user>", "USER: a ASSISTANT: b", "<|im_end|>", "[/INST]", "{history}", "<item> RATING-4"], {}),
    ),
    Case(
        "titles: </s>, which is markup too",
        dataset(["</s>", "a</s>b", "b", "c"]),
        (["a b", "b", "c"], {"items_without_title": 1, "markup": 1}),
    ),
    Case("titles: the same", dataset(["a", "A", " a"]), (["a", "A (2)", "a (3)"], {"made_unique": 2, "characters": 1})),
    Case(
        "titles: half a surrogate pair",
        dataset(["a\ud800", "b", "c", "d"]),
        (["b", "c", "d"], {"items_without_metadata": 1}),
    ),
    Case(
        "users with one interaction",
        dataset(["a", "b", "c"], lambda rows: [*rows, {"u": "X", "i": "I0", "t": 1}]),
        (["a", "b", "c"], {}),
    ),
    Case("only users with one", dataset(["a", "b", "c"], lambda rows: rows[:1]), Refused("no interaction is left")),
    Case(
        "items of the reviews that the metadata lacks",
        dataset(["a", "b", "c"], lambda rows: [*rows, {"u": "U1", "i": "Q", "t": 1}]),
        (["a", "b", "c"], {"items_without_metadata": 1}),
    ),
    Case("the same review 50 times", dataset(["a", "b", "c"], lambda rows: rows * 50), (["a", "b", "c"], {})),
]

HELLO = [["a", "b"]]
CHAT = line(**chat("a", "b"))
CHATS = [
    Case("chats: empty file", conversations(b""), Refused("the file is empty")),
    Case("chats: an empty array", conversations(b"[]"), Refused("has no line")),
    Case("chats: lines", conversations(CHAT), (HELLO, {})),
    Case("chats: an array with a byte order mark", conversations(b"\xef\xbb\xbf[" + CHAT + b"]"), (HELLO, {})),
    Case("chats: gzip cut off", conversations(gzip.compress(CHAT)[:-9]), Refused("cut off or corrupt")),
    Case("chats: UTF-16", conversations(CHAT.decode().encode("utf-16")), Refused("cannot be read, more than")),
    Case("chats: not UTF-8 in an array", conversations(b'["\xff"]'), Refused("entry 1 of the array: not UTF-8")),
    Case("chats: an array cut off", conversations(b"[" + CHAT), Refused("entry 2 .*comma or the end")),
    Case("chats: nested 100,000 deep", conversations(b"[" * 100_000), Refused("entry 1 .*not valid JSON")),
    Case("chats: deep lines", conversations(CHAT + b"\n" + b'{"a":' * 9999, 0.5), (HELLO, {"broken": 1})),
    Case("chats: a line of 100 MB", conversations(b'{"id": "' + b"x" * 100_000_000), Refused("longer than 64 MiB")),
    Case("chats: an entry of 100 MB", conversations(b'["' + b"x" * 100_000_000), Refused("entry 1 .*cut off")),
    Case("chats: numbers", conversations(b"[1, 2]"), Refused(r"2 of 2 lines \(100.00%\)")),
    Case("chats: twice", conversations(CHAT + b"\n" + CHAT), (HELLO, {"repeated": 1})),
    Case("chats: an open question", conversations(line(**chat("a", "b", "c"))), (HELLO, {"cut": 1})),
    Case(
        "chats: another role, an empty turn, no turn, no mapping",
        conversations(
            b"\n".join(
                [
                    CHAT,
                    line(id=1, conversations=[{"from": "tool", "value": "x"}]),
                    line(**chat("a", " \n")),
                    line(id="z"),
                    line(id="y", conversations=["a", "b"]),
                    line(id="w", conversations=[{"from": "human", "value": "x"}] * 2),
                ]
            )
        ),
        (HELLO, dict.fromkeys(("other_role", "empty_turn", "no_turn", "unreadable_turn", "not_alternating"), 1)),
    ),
    Case(
        "chats: role markers and special tokens stay as text",
        conversations(line(**chat("a</s>USER: b ASSISTANT: c", "<|im_start|>system\n<user>"))),
        ([["a</s>USER: b ASSISTANT: c", "<|im_start|>system\n<user>"]], {}),
    ),
    Case("chats: half a surrogate pair", conversations(CHAT.replace(b'"a"', b'"\\ud83d"')), ([["\ufffd", "b"]], {})),
    Case(
        "chats: NUL, emoji, right to left",
        conversations(line(**chat("\0a", RIGHT_TO_LEFT))),
        ([["\0a", RIGHT_TO_LEFT]], {}),
    ),
]

STUDIES = [
    Case("ratings: as exported", ratings(export()), [1, 4]),
    Case("ratings: byte order mark, CRLF", ratings(b"\xef\xbb\xbf" + export().replace(b" ", b"\r\n")), [1, 4]),
    Case("ratings: empty file", ratings(b""), Refused("a.json: not valid JSON")),
    Case("ratings: UTF-16", ratings(export().decode().encode("utf-16")), Refused("a.json: not valid JSON")),
    Case("ratings: gzip", ratings(gzip.compress(export())), Refused("a.json: not valid JSON")),
    Case("ratings: nested", ratings(b"[" * 100_000), Refused("a.json: not valid JSON")),
    Case("ratings: of another study", ratings(export(study="s2")), Refused("study s2, expected s1")),
    Case("ratings: a study of a megabyte", ratings(export(study="s" * 10**6)), Refused("study 's+\\.\\.\\.s+', exp")),
    Case("ratings: an unknown rater", ratings(export(rater="z")), Refused("rater 'z' is unknown; expected one of a")),
    Case("ratings: no mapping", ratings(b"[1]"), Refused("study: missing")),
    Case("ratings: an unknown text", ratings(export(ratings={"t9": 1})), Refused("t9: not a text of study s1")),
    Case("ratings: a name over lines", ratings(export(ratings={"a\nb": 1})), Refused(r"'a\\nb': not a text")),
    Case("ratings: a missing text", ratings(export(ratings={"t0": 1})), Refused("1 of 2 texts have no rating")),
    Case("ratings: a text twice", ratings(b'{"ratings": {"t0": 1, "t0": 2}}'), Refused("t0: occurs twice")),
    Case("ratings: larger than any export", ratings(b" " * ((1 << 24) + 1)), Refused("larger than 16 MiB")),
    *[
        Case(f"ratings: {bad!r}", ratings(export(ratings={"t0": bad, "t1": 1})), Refused("t0: rating .*expected 1, 2"))
        for bad in (0, 5, 1.0, "3", None, True, NAN, [1], 10**4000)
    ],
]

BOMB = b"a0: &a0 [x,x]\n" + b"".join(b"a%d: &a%d [*a%d,*a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 40))
CONFIGS = [
    Case("YAML: a key twice", prompts(b"a: 1\nb: 2\na: 3"), Refused("'a' occurs twice.*line 3")),
    Case("YAML: runs code", prompts(b"a: !!python/object/apply:os.system [ls]"), Refused("not valid YAML")),
    Case("YAML: aliases that fill the memory", prompts(BOMB), Refused("alias \\*a0")),
    Case("YAML: nested", prompts(b"[" * 5000), Refused("not valid YAML")),
    Case("YAML: NUL", prompts(b"a: \0"), Refused("not valid YAML")),
    Case("YAML: Latin-1", prompts("a: é".encode("latin-1")), Refused("not valid YAML")),
    Case("YAML: byte order mark and CRLF", prompts(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n"), {"a": 1, "b": 2}),
    Case("config: NaN", config("alignment.lr", NAN), Refused("alignment.lr: nan; expected a finite number")),
    Case("config: infinite", config("recommender.lr", float("inf")), Refused("recommender.lr: inf; expected a finite")),
    Case("config: 64.0", config("alignment.batch", 64.0), Refused("alignment.batch: 64.0; expected a whole number")),
    Case("config: true as a number", config("seed", True), Refused("seed: True; expected a whole number")),
    Case("config: a number as a key", config("datasets", {1: 2}), Refused("config: ")),
    Case("config: a key over two lines", config("alignment.a\nb", 1), Refused(r"alignment.'a\\nb': unknown key")),
    Case("config: a value of a megabyte", config("seed", "9" * 10**6), Refused("seed: '9+\\.\\.\\.; expected a whole")),
]

TABLE = [*FILES, *LINES, *TABLES, *VALUES, *ITEMS, *CHATS, *STUDIES, *CONFIGS]


@pytest.mark.parametrize("case", TABLE, ids=[case.what for case in TABLE])
def test_bad_input(case, tmp_path):
    if not isinstance(case.outcome, Refused):
        assert case.read(tmp_path) == case.outcome
        return
    with pytest.raises(InputError, match=case.outcome.pattern) as caught:
        case.read(tmp_path)
    message = str(caught.value)
    assert "\n" not in message and message.isprintable() and len(message) < 1000
    assert not list(tmp_path.glob("out.*"))


def test_the_table_is_long_and_names_no_case_twice():
    assert len({case.what for case in TABLE}) == len(TABLE) >= 80


def mappings(value, path=()):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            yield from mappings(inner, (*path, key))


@pytest.mark.parametrize("wrong", [None, "text", -1, 0.5, NAN, True, [], {}, [[]], "missing"], ids=repr)
def test_a_config_with_every_value_wrong_in_turn_is_refused_by_key_or_allowed(wrong, tmp_path):
    """Every key in turn: one line per problem, which begins with the path of a key, and no other error."""
    refused = 0
    for path in list(mappings(paper_config()))[:: 1 if wrong == "missing" else 3]:
        whole = paper_config()
        inner = whole
        for key in path[:-1]:
            inner = inner[key]
        del inner[path[-1]]
        if wrong != "missing":
            inner[path[-1]] = wrong
        try:
            config("seed", 1, whole)(tmp_path)
        except InputError as error:
            refused += 1
            assert all(text.startswith("config: ") and "expected" in text for text in str(error).splitlines())
    assert refused > 20


def test_a_catalogue_smaller_than_the_ranking_list_is_refused():
    histories = Histories.from_sequences([[0, 1, 2], [1, 2, 3]], 5)
    settings = LabelRules(positive_share=0.2, negative_share=0.5, candidates=5, similar=1)
    vectors = np.eye(6, 3, dtype=np.float32)
    with pytest.raises(InputError, match="leaves 2 unseen items of 5; expected at least labels.candidates = 5"):
        label_prefixes(vectors, vectors[:5], histories, settings, 0, 10)


HOSTILE_LINES = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
from recexplainer.data.literals import parse_line
for inside in ("[]," * 300_000, "(" * 1_000_000, "{0:" * 300_000, "'a'" * 300_000, "-" * 1_000_000 + "1",
               "1" + "+1j" * 300_000, "9" * 1_000_000, "b'" + "\\\\x00" * 200_000 + "'", "u" * 1_000_000):
    for line in ("{'a': [" + inside + "]}", "{'a': " + inside + "}", inside):
        try:
            parse_line(line.encode(), frozenset("a"))
        except ValueError:
            pass
# Not getrusage, which begins with what the process had that started this one.
print(next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) // 1024)
"""


def test_no_line_exhausts_the_memory_or_crashes_the_interpreter():
    source = str(Path(__file__).parents[3] / "src")
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE_LINES],
        env={"PYTHONPATH": source, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert int(done.stdout) < 1500, "MiB; a line of 1 MiB takes about 1,000"
