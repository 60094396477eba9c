"""The files of tasks: one row per sample, in the columns :data:`SCHEMA`.

A sample is a conversation. A message is a list of segments, so that the text of
data is never read as a placeholder or as a piece of a chat template.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import islice, pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from recexplainer.collecting import no_collection
from recexplainer.errors import InputError
from recexplainer.files import write_parquet

TASKS = ("retrieval", "ranking", "classification", "discrimination", "sharegpt", "reconstruction")
"""In the order of the paper's table 4."""

MODES = ("behavior", "intention", "hybrid")

ABLATIONS: dict[str, tuple[str, ...]] = {
    "full": (),
    "no_discrimination": ("discrimination",),
    "no_reconstruction": ("reconstruction",),
    "no_classification": ("classification",),
    "no_sharegpt": ("sharegpt",),
    "no_retrieval_ranking": ("retrieval", "ranking"),
}
"""The tasks that each ablation leaves out of the training (section 3.6)."""

SEPARATOR = "; "
"""Between the titles of a list; the data stage keeps it out of the titles."""

BATCH = 2000
"""Samples that are turned into Arrow at once."""

# kind: text; user and item, placeholders of an embedding with its row number in ref; title, one title of a history
# with the separator after it, which may be dropped (the oldest first) when a sample is over the context limit.
SEGMENT = pa.struct([("kind", pa.string()), ("text", pa.string()), ("ref", pa.int32())])
MESSAGE = pa.struct([("role", pa.string()), ("segments", pa.list_(SEGMENT))])
# user, prefix and item are -1 where there is none. target and candidates are filled in test files only.
SCHEMA = pa.schema(
    [
        ("sample", pa.string()),
        ("task", pa.string()),
        ("user", pa.int32()),
        ("prefix", pa.int32()),
        ("item", pa.int32()),
        ("messages", pa.list_(MESSAGE)),
        ("target", pa.list_(pa.string())),
        ("candidates", pa.list_(pa.string())),
    ]
)


def text_segment(text: str) -> dict:
    """Return a segment of plain text."""
    return {"kind": "text", "text": text, "ref": -1}


@no_collection()
def write_tasks(path: str | Path, rows: Iterable[dict]) -> Counter[str]:
    """Write samples, in the order given, and return how many each task has.

    A few are in memory as Python objects at a time: many cost memory, and time of the garbage collector.
    """
    rows, counts, tables = iter(rows), Counter(), [SCHEMA.empty_table()]
    while batch := list(islice(rows, BATCH)):
        tables.append(pa.Table.from_pylist(batch, schema=SCHEMA))
        counts.update(row["task"] for row in batch)
    write_parquet(path, pa.concat_tables(tables).combine_chunks())
    return counts


@no_collection()
def load_tasks(path: str | Path, columns: list[str] | None = None) -> list[dict]:
    """Read samples as dictionaries, lists and strings, in the order of the file.

    Args:
        path: a file written by :func:`write_tasks`, or one of your own with the same columns.
        columns: the columns to read; default: all.

    Raises:
        InputError: the file is missing or corrupt, or a column is not there or has another type.
    """
    names = columns or SCHEMA.names
    try:
        with pq.ParquetFile(path) as file:
            for name in names:
                kind = file.schema_arrow.field(name).type if name in file.schema_arrow.names else None
                if kind != SCHEMA.field(name).type:
                    expected = SCHEMA.field(name).type
                    raise InputError(f"{path}: column {name!r} is {kind or 'missing'}; expected {expected}.")
            table = file.read(names)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a file of tasks. Run the stage that makes it.") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({error}). Delete it and run its stage again.") from None
    columns = [
        _messages(path, table[name].combine_chunks()) if name == "messages" else table[name].to_pylist()
        for name in names
    ]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _messages(path: str | Path, conversations: pa.ListArray) -> list[list[dict]]:
    """Return ``conversations.to_pylist()`` in less time and memory: equal segments are one object."""
    messages = conversations.values
    roles, contents = messages.field("role").to_pylist(), messages.field("segments")
    segments = contents.values
    if any(array.null_count for array in (conversations, messages, contents, segments)):
        raise InputError(f"{path}: column 'messages': null instead of a conversation, message or segment.")
    known: dict[tuple, dict] = {}
    shared = []
    for kind, text, ref in zip(*(segments.field(name).to_pylist() for name in SEGMENT.names), strict=True):
        key = kind, text, ref
        if key not in known:
            known[key] = {"kind": kind, "text": text, "ref": ref}
        shared.append(known[key])
    places = contents.offsets.to_pylist()
    flat = [
        {"role": role, "segments": shared[start:end]}
        for role, (start, end) in zip(roles, pairwise(places), strict=True)
    ]
    return [flat[start:end] for start, end in pairwise(conversations.offsets.to_pylist())]
