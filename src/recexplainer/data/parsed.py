"""The file of parsed conversations: how it is written, and who reads it, apart from what parses the raw ones."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from recexplainer.errors import InputError
from recexplainer.files import read_arrow

SCHEMA = pa.schema(
    [
        ("conversation", pa.string()),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("text", pa.string())]))),
    ]
)


def read_conversations(path: str | Path) -> list[list[dict[str, Any]]]:
    """Read the messages, ``{"role", "text"}``, of each conversation.

    Raises:
        InputError: the file is missing or damaged, or lacks a conversation, a message, a role or a text.
    """
    column, expected = read_arrow(path, ["messages"])["messages"], SCHEMA.field("messages").type
    if column.type != expected:
        raise InputError(f"{path}: column 'messages' is {column.type}; expected {expected}. Parse them again.")
    for chunk in column.chunks:
        messages = chunk.flatten()
        if any(part.null_count for part in (chunk, messages, messages.field("role"), messages.field("text"))):
            raise InputError(f"{path}: column 'messages': null instead of a message or its text. Parse them again.")
    return column.to_pylist()
