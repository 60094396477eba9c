"""Conversations made of segments, as token ids.

A message is a list of segments, so that data never meets the chat template as text: template pieces may
become special tokens, the text of a title or of a conversation never does, and ``<user>`` and ``<item>`` are
ids of their own, outside the vocabulary, that no text can spell. Where a template ends a turn with plain words alone
(Vicuna: ``ASSISTANT:`` after the user's), a text of that turn cannot spell them either.

Put together, the tokens are those that the tokenizer gives to the whole rendered conversation.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recexplainer.garbage import no_collection
from recexplainer.llm.conversations import CONVERSATION, Conversations, Pieces
from recexplainer.llm.layout import Layout
from recexplainer.llm.plain_text import PlainText
from recexplainer.llm.template import ChatTemplate
from recexplainer.llm.words import Ragged, Words

USER_ID = -1
"""The id of a ``<user>`` placeholder: the position takes a projected user embedding."""
ITEM_ID = -2
"""The id of an ``<item>`` placeholder: the position takes a projected item embedding."""

BATCH = 2000
"""Conversations whose tokens are put together at once."""


@dataclass(slots=True)
class Encoded:
    """One conversation as tokens.

    Attributes:
        input_ids: int32 ``(length,)``; :data:`USER_ID` and :data:`ITEM_ID` at placeholders.
        embedding_rows: int32 ``(length,)``; at a placeholder the row of its embedding, elsewhere 0.
        loss_mask: bool ``(length,)``; true where the token is one that the model learns to produce.
    """

    input_ids: np.ndarray
    embedding_rows: np.ndarray
    loss_mask: np.ndarray

    def __len__(self) -> int:
        return len(self.input_ids)


class ChatEncoder:
    """Turn conversations into tokens with a tokenizer's chat template.

    Args:
        tokenizer: a fast tokenizer with a chat template.
        context: the longest sequence in tokens.
    """

    def __init__(self, tokenizer: Any, context: int) -> None:
        self.tokenizer = tokenizer
        self.context = context
        self._template_rows: dict[tuple[Any, ...], tuple[np.ndarray, np.ndarray]] = {}
        self._plain = PlainText(tokenizer)
        self._words = Words(self._plain)
        self._template = ChatTemplate(self._plain)
        # What is the same in many samples: placeholders, and then pieces of the template.
        self._fixed = [[USER_ID], [ITEM_ID]]  # as in conversations.PLACEHOLDERS
        self._leads, self._trails = [""], [""]  # of the texts, each once
        self._turn_ends = self._template.plain_turn_ends()

    def answers(self, texts: list[str]) -> list[list[int]]:
        """Return the tokens of texts as answers: as they stand behind the header that ends a prompt."""
        return self._plain(texts, self._template.turns(("user",), True)[-1].lead)

    @no_collection()
    def encode(
        self, conversations: pa.ListArray | Sequence[list[dict[str, Any]]], prompt_only: bool = False
    ) -> list[Encoded | None]:
        """Encode conversations.

        One over the context loses titles of the history, the oldest first, then turns from its end; a
        conversation of one turn loses the end of its answer. The header of the answer and the
        placeholders are never cut.

        Args:
            conversations: each a list of messages ``{"role", "segments": [{"kind", "text", "ref"}]}``; or an Arrow
                column of them, as in the files of tasks.
            prompt_only: leave out the last message, an answer, and end with the header of the answer.

        Returns:
            One :class:`Encoded` each, or None where even the shortest form is over the context.
        """
        if not isinstance(conversations, pa.ListArray):
            conversations = pa.array(conversations, CONVERSATION)
        result: list[Encoded | None] = []
        for start in range(0, len(conversations), BATCH):
            result += self._fit(conversations.slice(start, BATCH), prompt_only)
        return result

    def _fit(self, conversations: pa.ListArray, prompt_only: bool) -> list[Encoded | None]:
        """Encode conversations, each shortened as often as the context asks for."""
        result: list[Encoded | None] = [None] * len(conversations)
        left = np.arange(len(conversations))
        for cuts in itertools.count():
            part = Conversations.of(conversations.take(pa.array(left)) if cuts else conversations)
            if prompt_only:
                part = part.without_last_messages()
            shortest = part.most_cuts() == cuts
            longer = []
            for place, final, encoded in zip(
                left.tolist(), shortest.tolist(), self._encode(part.shortened(cuts), prompt_only), strict=True
            ):
                if len(encoded) <= self.context:
                    result[place] = encoded
                elif not final:
                    longer.append(place)
                elif not prompt_only:
                    result[place] = _cut_answer(encoded, self.context)
            if not longer:
                return result
            left = np.array(longer)
        raise AssertionError("there is always a next cut")

    def _encode(self, conversations: Conversations, prompt_only: bool) -> list[Encoded]:
        """Encode conversations, however long: first as rows of a table of tokens, then as the tokens.

        :class:`recexplainer.llm.layout.Layout` has an example of the order in which the rows stand.
        """
        roles, answers = conversations.roles, conversations.roles == "assistant"
        around, more, turn, closing = self._turns(conversations, prompt_only)
        pieces = conversations.pieces()
        piece_rows, tokens, took = self._piece_rows(pieces, roles, more[turn])
        took_before = np.append(0, took)  # by the message before a message, and by the last one
        table = Ragged.of(self._fixed) + tokens
        layout = Layout.of(conversations.messages, np.bincount(pieces.message, minlength=len(roles)))

        rows = np.empty(layout.length, int)
        rows[layout.before] = around[turn, 0, took_before[:-1]]
        rows[layout.pieces] = piece_rows
        rows[layout.end] = around[turn, 1, took]
        rows[layout.closing] = around[closing, 0, took_before[conversations.messages.cumsum()]]
        learnt = np.zeros(layout.length, bool)
        learnt[layout.pieces], learnt[layout.end] = answers[pieces.message], answers

        parts = table.take(rows)
        input_ids, loss_mask = parts.ids, np.repeat(learnt, parts.lengths)
        embedding_rows = np.zeros(len(input_ids), np.int32)
        embedding_rows[input_ids < 0] = pieces.embedding_rows
        lengths = parts.join(layout.lengths).lengths
        return [
            Encoded(input_ids[a:b], embedding_rows[a:b], loss_mask[a:b])
            for a, b in itertools.pairwise([0, *lengths.cumsum().tolist()])
        ]

    def _turns(self, conversations: Conversations, prompt_only: bool) -> tuple[np.ndarray, ...]:
        """Return what the template writes around the messages of all conversations, and where to look it up.

        Returns:
            What :meth:`_rows` returns, of one conversation after the other; then two lists of places in both: of each
            message, and of what stands after the messages of each conversation.
        """
        ends = conversations.messages.cumsum()
        turns = [
            self._rows(tuple(conversations.roles[end - count : end]), prompt_only)
            for end, count in zip(ends.tolist(), conversations.messages.tolist(), strict=True)
        ]
        around, more = (np.concatenate(part) for part in zip(*turns, strict=True))
        number = np.arange(len(ends))
        message = np.arange(len(conversations.roles)) + np.repeat(number, conversations.messages)
        return around, more, message, ends + number

    def _piece_rows(self, pieces: Pieces, roles: np.ndarray, more: np.ndarray) -> tuple[np.ndarray, Ragged, np.ndarray]:
        """Return the row of each piece in the table of tokens, the rows to be added to it, and who took line ends.

        The first text of a message is told apart by what leads to it, and the last one takes what trails behind it, as
        the tokenizer joins both. A message's line end is taken by its text where that is the last piece.

        Args:
            pieces: of the messages.
            roles: of the messages.
            more: ``(messages, 2)``, the places of their leads and trails.
        """
        is_text = pieces.placeholder < 0
        message = pieces.message[is_text]
        changes = pieces.message[1:] != pieces.message[:-1]
        first = np.append(True, changes)[: len(is_text)][is_text]
        last = np.append(changes, True)[: len(is_text)][is_text]
        texts = self._without_turn_ends(pieces.texts, roles[message])
        texts = self._with_trails(texts, np.where(last, more[message, 1], 0))
        piece_rows = pieces.placeholder.astype(int)
        piece_rows[is_text], tokens = self._text_rows(texts, np.where(first, more[message, 0], 0))
        took = np.zeros(len(roles), int)
        took[message[last]] = 1
        return piece_rows, tokens, took

    def _with_trails(self, texts: pa.StringArray, trails: np.ndarray) -> pa.StringArray:
        """Return the texts, each with its trail behind it; ``trails`` has their places in the list."""
        if not trails.any():
            return texts
        return pc.binary_join_element_wise(texts, pa.array(self._trails, pa.string()).take(pa.array(trails)), "")

    def _text_rows(self, texts: pa.StringArray, leads: np.ndarray) -> tuple[np.ndarray, Ragged]:
        """Return the row of each text, and the rows: each different text behind a lead is tokenized once."""
        rows, tokens = np.zeros(len(texts), int), Ragged.of([])
        for lead in np.unique(leads).tolist():
            behind = leads == lead
            different = texts.filter(pa.array(behind)).dictionary_encode()
            rows[behind] = len(self._fixed) + len(tokens.lengths) + different.indices.to_numpy()
            tokens += self._words(different.dictionary, self._leads[lead])
        return rows, tokens

    def _without_turn_ends(self, texts: pa.StringArray, roles: np.ndarray) -> pa.StringArray:
        """Return the texts of messages of these roles, with a space in each that spells the end of its turn."""
        for role, end in self._turn_ends.items():
            spelt = pc.match_substring(texts, end).to_numpy(zero_copy_only=False) & (roles == role)
            if spelt.any():
                changed = texts.to_pylist()
                for place in np.flatnonzero(spelt):
                    changed[place] = _without(end, changed[place])
                texts = pa.array(changed, pa.string())
        return texts

    def _rows(self, roles: tuple[Any, ...], prompt_only: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return what the template writes around messages of these roles, and after them, as rows.

        Returns:
            ``(messages + 1, 2, 2)``, rows of the table of tokens: before and after each, as they are and less the line
            ends that a text has taken; and ``(messages + 1, 2)``, places of lead and trail in the lists of them.
        """
        key = (roles, prompt_only)
        if key not in self._template_rows:
            around, more = [], []
            for turn in self._template.turns(roles, prompt_only):
                place = len(self._fixed)
                self._fixed += [*turn.before, *turn.end]
                around.append([[place, place + 1], [place + 2, place + 3]])
                more.append([_place(self._leads, turn.lead), _place(self._trails, turn.trail)])
            self._template_rows[key] = np.array(around), np.array(more)
        return self._template_rows[key]


def _place(values: list[str], value: str) -> int:
    """Return the place of a value in a list, to which it is added if it is new."""
    if value not in values:
        values.append(value)
    return values.index(value)


def _without(end: str, text: str) -> str:
    """Return the text with a space before the last character of each ``end`` in it."""
    while end in text:
        text = text.replace(end, f"{end[:-1]} {end[-1]}")
    return text


def _cut_answer(encoded: Encoded, context: int) -> Encoded | None:
    """Cut the end of the last answer; None if nothing of the answer would be left."""
    if not encoded.loss_mask[:context].any() or (encoded.input_ids[context:] < 0).any():
        return None
    return Encoded(encoded.input_ids[:context], encoded.embedding_rows[:context], encoded.loss_mask[:context])
