"""The files of tasks: one row per sample, in the columns :data:`SCHEMA`.

A sample is a conversation. A message is a list of segments, so that the text of
data is never read as a placeholder or as a piece of a chat template.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate, islice, pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recexplainer.errors import InputError
from recexplainer.files import write_row_groups
from recexplainer.garbage import no_collection
from recexplainer.llm.conversations import CONVERSATION, SEGMENT

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
"""Samples that are Python objects at a time."""

GROUP = 65_536
"""Samples that are Arrow columns at a time: a row group of the file."""

READ = 10_000
"""Samples that are read at once."""

# user, prefix and item are -1 where there is none. target and candidates are filled in test files only.
SCHEMA = pa.schema(
    [
        ("sample", pa.string()),
        ("task", pa.string()),
        ("user", pa.int32()),
        ("prefix", pa.int32()),
        ("item", pa.int32()),
        ("messages", CONVERSATION),
        ("target", pa.list_(pa.string())),
        ("candidates", pa.list_(pa.string())),
    ]
)


def text_segment(text: str) -> dict[str, Any]:
    """Return a segment of plain text."""
    return {"kind": "text", "text": text, "ref": -1}


@no_collection()
def write_tasks(path: str | Path, rows: Iterable[dict[str, Any]]) -> Counter[str]:
    """Write samples, in the order given, and return how many each task has.

    Only some are in memory at a time, however many there are, and of these few as Python objects.
    """
    counts: Counter[str] = Counter()
    write_row_groups(path, _groups(rows, counts))
    return counts


def _groups(rows: Iterable[dict[str, Any]], counts: Counter[str]) -> Iterator[pa.Table]:
    """Yield the samples as Arrow tables of :data:`GROUP` rows, and count them by task."""
    rows = iter(rows)
    for number in itertools.count():
        group, batches = islice(rows, GROUP), []
        while batch := list(islice(group, BATCH)):
            batches.append(pa.RecordBatch.from_pylist(batch, SCHEMA))
            counts.update(row["task"] for row in batch)
        if number and not batches:
            return
        yield pa.Table.from_batches(batches, SCHEMA).combine_chunks()


@no_collection()
def load_tasks(path: str | Path, columns: list[str] | None = None) -> list[dict[str, Any]]:
    """Read samples as dictionaries, lists and strings, in the order of the file; see :func:`read_tasks`."""
    known: dict[tuple[Any, ...], dict[str, Any]] = {}
    rows = []
    for batch in read_tasks(path, columns):
        values = [
            _messages(batch[name], known) if name == "messages" else batch[name].to_pylist()
            for name in batch.schema.names
        ]
        rows += [dict(zip(batch.schema.names, row, strict=True)) for row in zip(*values, strict=True)]
    return rows


def read_tasks(path: str | Path, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the samples, :data:`READ` at a time, in the order of the file.

    Args:
        path: a file written by :func:`write_tasks`, or one of your own with the same columns.
        columns: the columns to read; default: all.

    Raises:
        InputError: the file is missing or corrupt, a column is not there or has another type, or a conversation
            is not complete.
    """
    names = columns or SCHEMA.names
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for name in names:
                kind = file.schema_arrow.field(name).type if name in file.schema_arrow.names else None
                if kind != SCHEMA.field(name).type:
                    expected = SCHEMA.field(name).type
                    raise InputError(f"{path}: column {name!r} is {kind or 'missing'}; expected {expected}.")
            for batch in file.iter_batches(READ, columns=names):
                if "messages" in names:
                    _check_messages(path, batch["messages"])
                yield batch.select(names)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a file of tasks. Run the stage that makes it.") from None
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({error}). Delete it and run its stage again.") from None


def _check_messages(path: str | Path, conversations: pa.ListArray) -> None:
    """Refuse what is not there."""
    messages = conversations.flatten()
    contents = messages.field("segments")
    segments = contents.flatten()
    values = [messages.field("role"), *(segments.field(name) for name in SEGMENT.names)]
    if any(array.null_count for array in (conversations, messages, contents, segments, *values)):
        raise InputError(f"{path}: column 'messages': null instead of a conversation, message, segment or its content.")


def _messages(conversations: pa.ListArray, known: dict[tuple[Any, ...], dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return ``conversations.to_pylist()`` in less time and memory: equal segments are one object, in ``known``."""
    messages = conversations.flatten()
    roles, contents = messages.field("role").to_pylist(), messages.field("segments")
    segments = contents.flatten()
    shared = []
    for key in zip(*(segments.field(name).to_pylist() for name in SEGMENT.names), strict=True):
        if key not in known:
            known[key] = dict(zip(SEGMENT.names, key, strict=True))
        shared.append(known[key])
    flat = [
        {"role": role, "segments": shared[start:end]}
        for role, (start, end) in zip(roles, _spans(contents), strict=True)
    ]
    return [flat[start:end] for start, end in _spans(conversations)]


def _spans(lists: pa.ListArray) -> Iterator[tuple[int, int]]:
    """Return where each list begins and ends among the values of all."""
    return pairwise([0, *accumulate(lists.value_lengths().to_pylist())])
