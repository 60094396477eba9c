"""Files and arguments made wrong in all ways that a seed can draw: bytes, structure, types, what belongs elsewhere.

A mutation takes a file's bytes and returns others; the seed decides which, and nothing else does.
"""

import copy
import csv
import io
import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from safetensors.numpy import load, save

Draw = random.Random

# ---------------------------------------------------------------- any file


def flip(content: bytes, draw: Draw) -> bytes:
    changed = bytearray(content or b"\0")
    changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def overwrite(content: bytes, draw: Draw) -> bytes:
    start = draw.randrange(len(content) + 1)
    return content[:start] + draw.randbytes(draw.randint(1, 64)) + content[start + draw.randint(0, 64) :]


def cut(content: bytes, draw: Draw) -> bytes:
    return content[: draw.randrange(len(content) + 1)]


def cut_front(content: bytes, draw: Draw) -> bytes:
    return content[draw.randrange(len(content) + 1) :]


def empty(content: bytes, draw: Draw) -> bytes:
    return b""


def zeros(content: bytes, draw: Draw) -> bytes:
    return bytes(len(content))


def append(content: bytes, draw: Draw) -> bytes:
    return content + draw.choice([b"\n", b"\0", b"x", content[:100], b"{}", b"\xff\xfe"])


def utf_16(content: bytes, draw: Draw) -> bytes:
    return content.decode("latin-1").encode("utf-16")


def bad_utf_8(content: bytes, draw: Draw) -> bytes:
    start = draw.randrange(len(content) + 1)
    return content[:start] + draw.choice([b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x00", b"\x1b[2J"]) + content[start:]


DAMAGES = (flip, overwrite, cut, cut_front, empty, zeros, append)
"""What a disk or a copy does: a checksum tells of each."""
ANY = (*DAMAGES, utf_16, bad_utf_8)

# ---------------------------------------------------------------- JSON and YAML

DEEP = "[" * 5000 + "]" * 5000
VALUES = [None, True, False, 0, -1, 0.5, -2.5, 10**30, 1e308, "", "x", "\x1b[31m\n", "\ud800", "ä" * 300]
VALUES += [[], {}, [None], [[]], {"x": 1}, ["x", 1, None], "../../x", "-1", "nan", "2020-01-01"]


def places(value, path=()):
    """Return the path of each value within a parsed JSON, the whole's among them."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in inner for place in places(child, (*path, key)))]


def put(value, path: tuple, new):
    """Return a copy of a parsed JSON with another value at a place."""
    if not path:
        return new
    value = copy.deepcopy(value)
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return value


def restructure(value, draw: Draw):
    """Return a parsed JSON with a value changed, dropped, repeated, wrapped or renamed."""
    # Most values of a long file are alike; those near the top matter as much as all the others.
    found = places(value)
    near = [place for place in found if len(place) <= 2]
    place = draw.choice(draw.choice([found, near]))
    kind = draw.choice(["value", "value", "drop", "wrap", "rename", "repeat"]) if place else "value"
    old = value
    for key in place:
        old = old[key]
    parent = value
    for key in place[:-1]:
        parent = parent[key]
    if kind == "value":
        return put(value, place, draw.choice(VALUES))
    if kind == "wrap":
        return put(value, place, draw.choice([[old], {"x": old}, [[old]], str(old)]))
    if isinstance(parent, list):
        one = parent[: place[-1]] + ([] if kind == "drop" else [old, old]) + parent[place[-1] + 1 :]
        return put(value, place[:-1], one)
    rest = {key: inner for key, inner in parent.items() if key != place[-1]}
    return put(value, place[:-1], rest if kind == "drop" else rest | {f"{place[-1]}x": old})


def json_tree(content: bytes, draw: Draw) -> bytes:
    return json.dumps(restructure(json.loads(content), draw)).encode()


def json_text(content: bytes, draw: Draw) -> bytes:
    return draw.choice(
        [
            b"null",
            b"[]",
            b"{}",
            b"3",
            b'"x"',
            b"NaN",
            DEEP.encode(),
            b'{"a": 1e999}',
            b"[" * 99999,
            content * 2,
            b"1" * 5000,
        ]
    )


def json_lines(content: bytes, draw: Draw) -> bytes:
    lines = content.splitlines()
    number = draw.randrange(len(lines))
    lines[number] = draw.choice([json_tree, json_text, flip, cut])(lines[number], draw)
    return b"\n".join(lines) + b"\n"


def yaml_tree(content: bytes, draw: Draw) -> bytes:
    return yaml.safe_dump(restructure(yaml.safe_load(content), draw), allow_unicode=True).encode("utf-8", "replace")


def yaml_text(content: bytes, draw: Draw) -> bytes:
    bombs = b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b]\n"
    texts = [b"null", b"[]", b"3", b"a: [", b"\t", b"- a\nb: 1", DEEP.encode(), bombs, content * 2]
    return draw.choice([*texts, b"!!python/object/apply:os.getcwd []", b"&a [*a]", b"a: .nan", b"--- a\n--- b"])


# ---------------------------------------------------------------- tables

CELLS = ["", "x", "nan", "inf", "-1", "1e999", "0", "None", "\x1b[31m", '"', "1,2", "9" * 400, "<script>", "\n"]


def csv_cells(content: bytes, draw: Draw) -> bytes:
    rows = list(csv.reader(io.StringIO(content.decode())))
    kind = draw.choice(["cell", "cell", "column", "header", "row", "twice", "rows", "ragged"])
    number, column = draw.randrange(len(rows)), draw.randrange(max(1, len(rows[0])))
    if kind == "cell":
        rows[number][min(column, len(rows[number]) - 1)] = draw.choice(CELLS)
    elif kind == "column":
        rows = [row[:column] + row[column + 1 :] for row in rows]
    elif kind == "header":
        rows[0] = draw.choice([rows[0][::-1], [f"{cell}x" for cell in rows[0]], rows[0][:1] * len(rows[0])])
    elif kind == "row":
        rows = rows[:1]
    elif kind == "twice":
        rows += rows[1:]
    elif kind == "rows":
        del rows[number]
    else:
        rows[number] = rows[number] + ["x"]
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue().encode()


def parquet_columns(content: bytes, draw: Draw) -> bytes:
    """Change a column of a table, or its rows. The result is one of a user's own: no checksum of ours is in it."""
    table = pq.read_table(io.BytesIO(content)).replace_schema_metadata(None)
    number = draw.randrange(table.num_columns)
    name, column = table.column_names[number], table.column(number)
    kind = draw.choice(
        ["drop", "rename", "nulls", "null", "type", "value", "rows", "none", "shuffle", "twice", "null type"]
    )
    size = table.num_rows
    if kind == "drop":
        table = table.remove_column(number)
    elif kind == "rename":
        table = table.rename_columns([other + "x" * (other == name) for other in table.column_names])
    elif kind == "none":
        table = table.slice(0, 0)
    elif kind == "rows":
        table = table.slice(draw.randrange(size + 1), draw.randrange(size + 1))
    elif kind == "shuffle":
        table = table.take(draw.sample(range(size), size))
    elif kind == "twice":
        table = pa.concat_tables([table, table])
    else:
        table = table.set_column(number, name, other_column(column, kind, draw))
    written = io.BytesIO()
    pq.write_table(table, written)
    return written.getvalue()


def other_column(column: pa.ChunkedArray, kind: str, draw: Draw) -> pa.Array:
    """Return a column with nulls, another type, or another value somewhere."""
    size, type_ = len(column), column.type
    if kind == "nulls":
        return pa.nulls(size, type_)
    if kind == "null type":
        return pa.nulls(size)
    if kind == "type":
        kinds = [pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.list_(pa.string()), pa.binary()]
        samples = {0: "7", 1: 7, 2: 7.5, 3: True, 4: ["7"], 5: b"\xff"}
        chosen = draw.choice([place for place, other in enumerate(kinds) if other != type_])
        return pa.array([samples[chosen]] * size, kinds[chosen])
    values = column.to_pylist()
    if values:
        values[draw.randrange(size)] = None if kind == "null" else other_value(type_, draw)
    return pa.array(values, type_)


def other_value(type_: pa.DataType, draw: Draw):
    """Return a value of a type that is allowed and odd."""
    if pa.types.is_integer(type_):
        return draw.choice([-1, 0, 2**31 - 1, -(2**31), 1000])
    if pa.types.is_floating(type_):
        return draw.choice([float("nan"), float("inf"), -1.0, 1e30])
    if pa.types.is_boolean(type_):
        return draw.choice([True, False])
    if pa.types.is_list(type_):
        return draw.choice([[], [None], None])
    return (
        draw.choice(["", "\x00", "\x1b[31m", "x" * 5000, "{history}", "<b>", "-1", "zzz"])
        if pa.types.is_string(type_)
        else None
    )


def tensors(content: bytes, draw: Draw) -> bytes:
    """Change a tensor. No checksum of ours is in the result."""
    found = load(content)
    name = draw.choice(sorted(found))
    value = found[name]
    kind = draw.choice(
        ["drop", "rename", "nan", "inf", "shape", "cut", "type", "integers", "more", "none", "flat", "huge"]
    )
    if kind == "drop":
        del found[name]
    elif kind == "rename":
        found[f"{name}x"] = found.pop(name)
    elif kind in ("nan", "inf", "huge"):
        value = value.copy().astype("float32")
        value.reshape(-1)[draw.randrange(value.size)] = {"nan": np.nan, "inf": np.inf, "huge": 1e38}[kind]
        found[name] = value
    elif kind == "none":
        found = {}
    elif kind == "more":
        found["x"] = np.ones(3, dtype="float32")
    else:
        other = {
            "shape": lambda: value.T if value.ndim > 1 else value[:, None],
            "cut": lambda: value[: len(value) // 2],
            "type": lambda: value.astype(draw.choice(["float16", "float64"])),
            "integers": lambda: value.astype("int32"),
            "flat": lambda: value.reshape(-1),
        }
        found[name] = other[kind]()
    return save({key: np.ascontiguousarray(tensor) for key, tensor in found.items()})


TEMPLATES = [
    "{% for a in range(99999) %}" * 3 + "{% endfor %}" * 3,
    "{{ 1 / 0 }}",
    "{{ 'a' * 10 ** 11 }}",
    "{{ 'a' * 10 ** 9 * messages | length }}",
    "{{ 10 ** (10 ** 9) }}",
    "{% set n = messages | length + 8 %}{{ n ** (n ** n) }}",
    "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "{{ messages[99].content }}",
    "{{ messages | map('upper') | join }}{{ nothing.at.all }}",
    "{{ raise_exception('\x1b[31mno') }}",
    "{% if %}",
    "{{ ''.__class__.__mro__ }}",
    "{% for message in messages %}{{ message.role }}{% endfor %}",
    "{{ messages }}",
    "",
]


def template(content: bytes, draw: Draw) -> bytes:
    return draw.choice(TEMPLATES).encode()


# ---------------------------------------------------------------- which for which

OWN: dict[str, tuple[Callable, ...]] = {
    ".json": (json_tree, json_tree, json_tree, json_text),
    ".jsonl": (json_lines,),
    ".yaml": (yaml_tree, yaml_tree, yaml_text),
    ".csv": (csv_cells,),
    ".parquet": (parquet_columns,),
    ".safetensors": (tensors,),
    ".jinja": (template,),
}


def mutate_file(path: Path, others: list[Path], seed: str) -> tuple[bytes | None, str]:
    """Return what a file is to hold instead, and what that is called; None for no file at all.

    Args:
        path: the file.
        others: files that may stand in its place.
        seed: decides.
    """
    draw, content = random.Random(seed), path.read_bytes()
    kinds = [*(OWN.get(path.suffix, ()) * 3), *ANY]
    chosen = draw.choice([*kinds, "gone", "folder", "swap"])
    if chosen == "swap":
        return draw.choice(others).read_bytes(), "swap"
    if isinstance(chosen, str):
        return None, chosen
    try:
        return chosen(content, draw), chosen.__name__
    except (ValueError, IndexError, UnicodeError, pa.ArrowException):  # it cannot be parsed before it is mutated
        return flip(content, draw), "flip"


# ---------------------------------------------------------------- arguments

NUMBERS = [
    "-1",
    "0",
    "nan",
    "inf",
    "1e999",
    "",
    "x",
    "1.5",
    "9" * 30,
    "9" * 5000,
    "１",
    "0x10",
    "--",
    "1 2",
    "\x1b[31m",
]
PATHS = [
    "",
    "/no/such/place",
    "/dev/null",
    "config",
    "config/config.yaml",
    "x" * 5000,
    "a\nb",
    "\x1b[31m",
    "a\x07/b",
    "\udcff",
]
TEXTS = ["", "\n", "\x1b[31m", "x" * 5000, "--", "{x}", "$(id)", "\udcff", "../..", "[]"]
JSON = ["", "{", "null", "[]", "{}", "3", '"x"', "NaN", "[NaN]", DEEP, '{"a": 1e999}', "[[]]", "[[1]]", "\udcff"]


def mutate_arguments(words: list[str], outputs: list[str], seed: str) -> tuple[list[str], str]:
    """Return other arguments for a program, and what was done.

    Args:
        words: the arguments, ``--name`` and values.
        outputs: values that name what is written; the mutated ones lie beside it, so that no input is overwritten.
        seed: decides.
    """
    draw, words = random.Random(seed), list(words)
    places = [place for place, word in enumerate(words) if word.startswith("--")]
    place = draw.choice(places)
    end = next((other for other in [*places, len(words)] if other > place), len(words))
    values, name = words[place + 1 : end], words[place]
    kind = draw.choice(["value"] * 8 + ["drop", "no value", "twice", "unknown", "misspelt", "more", "fewer"])
    if kind == "drop":
        return words[:place] + words[end:], f"without {name}"
    if kind == "unknown":
        return [*words, "--no-such", "x"], "unknown argument"
    if kind == "misspelt":
        return [*words[:place], name + "s", *words[place + 1 :]], f"{name} misspelt"
    if kind == "twice":
        return words + words[place:end], f"{name} twice"
    if kind == "no value" or not values:
        return words[: place + 1] + words[end:], f"{name} without value"
    number = draw.randrange(len(values))
    if kind in ("more", "fewer"):
        values = values + values[-1:] if kind == "more" else values[:-1]
    else:
        values[number] = other_argument(values[number], outputs, draw)
    return [*words[: place + 1], *values, *words[end:]], f"{name} {kind} {values[number : number + 1]!r:.80}"


def other_argument(value: str, outputs: list[str], draw: Draw) -> str:
    """Return another value for an argument, of its own kind mostly."""
    if value in outputs:
        return draw.choice(
            ["", f"{value}/x", f"{value}\x1b[31m", f"{value}\n", f"{value}.{'x' * 300}", "out/folder", "out/file/x"]
        )
    if value[:1] in "[{":
        if draw.random() < 0.3:
            return draw.choice(JSON)
        return json.dumps(restructure(json.loads(value), draw))
    if value.lstrip("-").isdecimal():
        return draw.choice(NUMBERS)
    return draw.choice(PATHS if Path(value).exists() else TEXTS)
