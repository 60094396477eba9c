"""Conversations as columns, so that a hundred thousand of them need no Python object for each segment."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

PLACEHOLDERS = ("user", "item")
"""The kinds of segments that stand for an embedding; all others are text."""

# kind: text; user and item, placeholders of an embedding with its row number in ref; title, one title of a history
# with the separator after it, which may be dropped (the oldest first) when a sample is over the context limit.
SEGMENT = pa.struct([("kind", pa.string()), ("text", pa.string()), ("ref", pa.int32())])
CONVERSATION = pa.list_(pa.struct([("role", pa.string()), ("segments", pa.list_(SEGMENT))]))


@dataclass(frozen=True)
class Pieces:
    """What the messages are made of: texts, which are neighbouring segments joined, and placeholders.

    Attributes:
        message: int ``(pieces,)``, the message of each, ascending.
        placeholder: int ``(pieces,)``, the place of its kind in :data:`PLACEHOLDERS`; -1 is text.
        embedding_rows: int32, the rows of the embeddings, one per placeholder.
        texts: Arrow strings, one per text, none empty.
    """

    message: np.ndarray
    placeholder: np.ndarray
    embedding_rows: np.ndarray
    texts: pa.StringArray


@dataclass(frozen=True)
class Conversations:
    """Some conversations, their messages and the messages' segments, one after the other.

    Attributes:
        messages: int ``(conversations,)``, how many messages each has.
        roles: of each message.
        segments: int ``(messages,)``, how many segments each has.
        kinds: Arrow strings, of each segment.
        texts: Arrow strings, of each segment.
        embedding_rows: int32 ``(segments,)``.
    """

    messages: np.ndarray
    roles: np.ndarray
    segments: np.ndarray
    kinds: pa.StringArray
    texts: pa.StringArray
    embedding_rows: np.ndarray

    @classmethod
    def of(cls, conversations: pa.ListArray) -> "Conversations":
        """Take lists of messages, or an Arrow column of them, without nulls."""
        if not isinstance(conversations, pa.ListArray):
            conversations = pa.array(conversations, CONVERSATION)
        messages = conversations.flatten()
        contents = messages.field("segments")
        segments = contents.flatten()
        return cls(
            conversations.value_lengths().to_numpy(),
            messages.field("role").to_numpy(zero_copy_only=False),
            contents.value_lengths().to_numpy(),
            segments.field("kind"),
            segments.field("text"),
            segments.field("ref").to_numpy(),
        )

    def without_last_messages(self) -> "Conversations":
        """Return the conversations, each without its last message."""
        messages = np.maximum(self.messages - 1, 0)
        return self._keep(self._place() < np.repeat(messages, self.messages), np.ones(len(self.embedding_rows), bool))

    def most_cuts(self) -> np.ndarray:
        """Return ``(conversations,)``, how often each can be shortened."""
        return self._titles() + np.maximum(self.messages - 1, 0) // 2

    def shortened(self, cuts: int) -> "Conversations":
        """Return the conversations, each shortened so many times.

        Each time the oldest title of the first history that has one goes; when there is none left, the last turn.
        """
        titles = self._titles()
        owner, title = self._owner(), self._is_title()
        before = np.repeat((titles.cumsum() - titles)[owner], self.segments)
        oldest = title & (title.cumsum() - before <= cuts)
        kept = self.messages - 2 * np.maximum(cuts - titles, 0)
        return self._keep(self._place() < kept[owner], ~oldest)

    def pieces(self) -> Pieces:
        """Join neighbouring segments of text. Spaces where a text meets a placeholder or its message's end go."""
        message = self._message()
        placeholder = pc.index_in(self.kinds, pa.array(PLACEHOLDERS)).fill_null(-1).to_numpy()
        alone = placeholder >= 0
        begins = np.ones(len(message), bool)
        begins[1:] = alone[1:] | alone[:-1] | (message[1:] != message[:-1])
        starts = np.flatnonzero(begins)
        offsets = pa.array(np.append(starts, len(message)), pa.int32())
        texts = pc.ascii_trim(pc.binary_join(pa.ListArray.from_arrays(offsets, self.texts), ""), " ")
        text = placeholder[starts] < 0
        filled = text & (pc.binary_length(texts).to_numpy() > 0)
        kept = filled | ~text
        return Pieces(
            message[starts][kept], placeholder[starts][kept], self.embedding_rows[alone], texts.filter(pa.array(filled))
        )

    def _is_title(self) -> np.ndarray:
        return pc.equal(self.kinds, "title").to_numpy(zero_copy_only=False)

    def _titles(self) -> np.ndarray:
        """Return ``(conversations,)``, how many titles of histories each has."""
        owner = self._owner()[self._message()]
        return np.bincount(owner[self._is_title()], minlength=len(self.messages))

    def _owner(self) -> np.ndarray:
        """Return ``(messages,)``, the conversation of each message."""
        return np.repeat(np.arange(len(self.messages)), self.messages)

    def _message(self) -> np.ndarray:
        """Return ``(segments,)``, the message of each segment."""
        return np.repeat(np.arange(len(self.segments)), self.segments)

    def _place(self) -> np.ndarray:
        """Return ``(messages,)``, the place of each message in its conversation."""
        return np.arange(len(self.segments)) - np.repeat(self.messages.cumsum() - self.messages, self.messages)

    def _keep(self, messages: np.ndarray, segments: np.ndarray) -> "Conversations":
        """Return the chosen segments of the chosen messages."""
        of_message = self._message()
        segments = segments & messages[of_message]
        chosen = pa.array(segments)
        return Conversations(
            np.bincount(self._owner()[messages], minlength=len(self.messages)),
            self.roles[messages],
            np.bincount(of_message[segments], minlength=len(messages))[messages],
            self.kinds.filter(chosen),
            self.texts.filter(chosen),
            self.embedding_rows[segments],
        )
