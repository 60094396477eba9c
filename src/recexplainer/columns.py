"""What the columns of Parquet files may hold: a column of one name is of one kind in every file of the pipeline.

A table of a user's own may have other widths of numbers, and texts in another of Arrow's types; no column may be of
another kind, and none may lack values where the pipeline's own never do.
"""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from recexplainer.errors import InputError

WHOLE, NUMBER, TEXT, TRUTH = "whole numbers", "numbers", "texts", "true or false"
TEXTS, WHOLES, OTHER = "lists of texts", "lists of whole numbers", ""

KINDS = {
    WHOLE: "user item position prefix length positive negative top1 time attempts rating read number cases "
    "cited_history cited_catalogue cited_nowhere wrong_roles wrong_facts",
    NUMBER: "score percentile positive_score negative_score threshold_high threshold_low effect effect_by_chance "
    "effect_rank effect_by_newest rank_of_newest effect_by_similar rank_of_similar score_read score_read_from_title "
    "foreseen foreseen_by_verdict foreseen_from_prompt",
    TEXT: "case title text system judge sample task description tags brand feature user_id item_id finish prompt reply "
    "reason viewpoint conversation author offered refused split",
    TRUTH: "label failed decision own_decision verdict_read",
    TEXTS: "history related candidates predictions constrained cited",
    WHOLES: "similar ranking",
}
"""The columns of each kind; those of predictions whose kind goes by the task are in their schemas."""
OF_NAME = {name: kind for kind, names in KINDS.items() for name in names.split()}

NULLABLE = frozenset(
    "rating read text decision own_decision author verdict_read predicted offered refused".split()
    + KINDS[NUMBER].split()
)
"""Columns that hold null where a measure does not apply, or a reply could not be read."""


def check_columns(path: str | Path, table: pa.Table, columns: Sequence[str] | pa.Schema) -> None:
    """Check the kinds of a table's columns, and that they have their values.

    Args:
        path: of the table, for messages.
        table: what was read.
        columns: names, or a schema that says their kinds.

    Raises:
        InputError: names the column, what it holds, and what was expected.
    """
    own = {field.name: _kind(field.type) for field in columns} if isinstance(columns, pa.Schema) else {}
    for name in columns.names if isinstance(columns, pa.Schema) else columns:
        expected, column = own.get(name) or OF_NAME.get(name), table[name]
        # A list may be empty, and is never lacking: `predicted` is one in some files, and a truth in another.
        nullable = name in NULLABLE and expected not in (TEXTS, WHOLES)
        # A column without any value may be of no type.
        if not expected or (pa.types.is_null(column.type) and (nullable or not table.num_rows)):
            continue
        kind = _kind(column.type)
        if kind != expected and not (expected == NUMBER and kind == WHOLE):
            raise InputError(f"{path}: column {name!r} is {column.type}; expected {expected}. {AGAIN}")
        if not nullable and (column.null_count or _lacks_within(column)):
            raise InputError(f"{path}: column {name!r} holds null; expected {expected}. {AGAIN}")


AGAIN = "Run the stage that makes it again."


def _kind(type_: pa.DataType) -> str:
    if pa.types.is_integer(type_):
        return WHOLE
    if pa.types.is_floating(type_):
        return NUMBER
    if pa.types.is_boolean(type_):
        return TRUTH
    if _is_list(type_):
        return {TEXT: TEXTS, WHOLE: WHOLES}.get(_kind(type_.value_type), "lists")
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return TEXT if any(is_text(type_) for is_text in texts) else OTHER


def _is_list(type_: pa.DataType) -> bool:
    return pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_)


def _lacks_within(column: pa.ChunkedArray) -> bool:
    """Return whether a list of a column lacks an element."""
    return _is_list(column.type) and any(chunk.flatten().null_count for chunk in column.chunks)
