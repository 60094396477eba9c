"""Conversations made of segments, as token ids.

A message is a list of segments, so that data never meets the chat template as text: template pieces may
become special tokens, the text of a title or of a conversation never does, and ``<user>`` and ``<item>`` are
ids of their own, outside the vocabulary, that no text can spell. Where a template ends a turn with plain words alone
(Vicuna: ``ASSISTANT:`` after the user's), a text of that turn cannot spell them either.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recexplainer.collecting import no_collection
from recexplainer.llm.conversations import CONVERSATION, Conversations
from recexplainer.llm.plain_text import PlainText
from recexplainer.llm.words import Ragged, Words

USER_ID = -1
"""The id of a ``<user>`` placeholder: the position takes a projected user embedding."""
ITEM_ID = -2
"""The id of an ``<item>`` placeholder: the position takes a projected item embedding."""

BATCH = 2000
"""Conversations whose tokens are put together at once."""

# Private-use characters stand for the contents while the template is rendered.
_MARK = re.compile("\ue000(\\d+)\ue001")


@dataclass(slots=True)
class Encoded:
    """One conversation as tokens.

    Attributes:
        ids: int32 ``(length,)``; :data:`USER_ID` and :data:`ITEM_ID` at placeholders.
        refs: int32 ``(length,)``; at a placeholder the row of its embedding, elsewhere 0.
        targets: bool ``(length,)``; true where the token is one that the model learns to produce.
    """

    ids: np.ndarray
    refs: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


class ChatEncoder:
    """Turn conversations into tokens with a tokenizer's chat template.

    Args:
        tokenizer: a fast tokenizer with a chat template.
        context: the longest sequence in tokens.
    """

    def __init__(self, tokenizer, context: int):
        self.tokenizer = tokenizer
        self.context = context
        self._templates: dict[tuple, list[tuple[str, str]]] = {}
        self._template_ids: dict[str, list[int]] = {}
        self._template_rows: dict[tuple, np.ndarray] = {}
        self._plain = PlainText(tokenizer)
        self._words = Words(self._plain)
        # What is the same in many samples: placeholders, and then pieces of the template.
        self._fixed = [[USER_ID], [ITEM_ID]]  # as in conversations.PLACEHOLDERS
        # A tokenizer that puts a space before every text would double the one that ends a template piece.
        first = tokenizer.convert_ids_to_tokens(tokenizer("x", add_special_tokens=False)["input_ids"])[0]
        self._prefix_space = first[0] in "\u2581\u0120"
        self._turn_ends = self._plain_turn_ends()

    @no_collection()
    def encode(
        self, conversations: pa.ListArray | Sequence[list[dict]], prompt_only: bool = False
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

    def _encode(self, conversations: Conversations, prompt_only: bool) -> list[Encoded]:
        """Encode conversations, however long: first as rows of a table of tokens, then as the tokens."""
        roles, ends = conversations.roles, conversations.messages.cumsum()
        starts = ends - conversations.messages
        # For each message the rows before and after it, and for each conversation, after its messages, its end.
        around = np.concatenate(
            [self._rows(tuple(roles[a:b]), prompt_only) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
        )
        pieces = conversations.pieces()
        texts = self._without_turn_ends(pieces.texts, roles[pieces.message[pieces.placeholder < 0]])
        texts = texts.dictionary_encode()
        piece_rows = pieces.placeholder.astype(int)
        piece_rows[piece_rows < 0] = len(self._fixed) + texts.indices.to_numpy()

        number = np.arange(len(ends))
        message = np.arange(len(roles)) + np.repeat(number, conversations.messages)  # its place in ``around``
        counts = np.bincount(pieces.message, minlength=len(roles))
        last = counts.cumsum() + message + np.arange(len(roles)) + 1
        inside = np.arange(len(piece_rows)) + (message + np.arange(len(roles)) + 1)[pieces.message]
        end = np.append(0, counts.cumsum())[ends] + 2 * ends + number
        rows = np.empty(len(piece_rows) + around.size - len(ends), int)
        rows[last - counts - 1], rows[inside], rows[last] = around[message, 0], piece_rows, around[message, 1]
        rows[end] = around[ends + number, 0]
        learnt = np.zeros(len(rows), bool)
        learnt[inside], learnt[last] = (roles == "assistant")[pieces.message], roles == "assistant"

        parts = (Ragged.of(self._fixed) + self._words(texts.dictionary)).take(rows)
        refs = np.zeros(len(parts.ids), np.int32)
        refs[parts.ids < 0] = pieces.refs
        targets = np.repeat(learnt, parts.lengths)
        lengths = parts.join(np.diff(end, prepend=-1)).lengths
        return [
            Encoded(parts.ids[a:b], refs[a:b], targets[a:b])
            for a, b in itertools.pairwise([0, *lengths.cumsum().tolist()])
        ]

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

    def _rows(self, roles: tuple, prompt_only: bool) -> np.ndarray:
        """Return :meth:`_template_pieces` as rows of the table ``(pieces, 2)``, each answer with an end."""
        key = (roles, prompt_only)
        if key not in self._template_rows:
            result = []
            for role, (before, after) in zip((*roles, None), self._template_pieces(roles, prompt_only), strict=True):
                end = self._special(after)
                if role == "assistant" and not self._plain.marks(end):
                    end = [*end, self.tokenizer.eos_token_id]  # the template ends an answer with words, or with nothing
                result.append((len(self._fixed), len(self._fixed) + 1))
                self._fixed += [self._special(before), end]
            self._template_rows[key] = np.array(result)
        return self._template_rows[key]

    def _template_pieces(self, roles: tuple, prompt_only: bool) -> list[tuple[str, str]]:
        """Return, for each message, the template's text before it and the end of its turn; then what is left."""
        key = (roles, prompt_only)
        if key not in self._templates:
            texts = self._render(roles, prompt_only)
            result = []
            for index in range(len(roles)):
                before, after = texts[index], texts[index + 1]
                if roles[index] == "assistant":
                    # Some templates write more before the last answer than before the others, or than in a prompt.
                    header = self._render(roles[:index], True)[-1]
                    before = before if before.rstrip() == header.rstrip() else header
                end = self._render(roles[: index + 1], False)[-1] if roles[index] == "assistant" else ""
                if not after.startswith(end):
                    end = self.tokenizer.eos_token if after.startswith(self.tokenizer.eos_token) else ""
                texts[index + 1] = after[len(end) :]
                result.append((before, end))
            self._templates[key] = [*result, (texts[-1] if prompt_only else "", "")]
        return self._templates[key]

    def _render(self, roles: tuple, prompt_only: bool) -> list[str]:
        """Render the template with marks for the contents and return the texts around them."""
        messages = [{"role": role, "content": f"\ue000{index}\ue001"} for index, role in enumerate(roles)]
        text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt_only)
        return _MARK.split(text)[::2]

    def _plain_turn_ends(self) -> dict[str, str]:
        """Return, by role, the words that end its turn in the template, where no special token is among them."""
        between = self._render(("user", "assistant", "user"), False)[1:3]
        ends = {
            role: text.strip()
            for role, text in zip(("user", "assistant"), between, strict=True)
            if self._plain.special.isdisjoint(self._special(text))
        }
        return {role: end for role, end in ends.items() if len(end) > 1}

    def _special(self, text: str) -> list[int]:
        """Tokenize a piece of the template, in which special tokens count."""
        if text not in self._template_ids:
            piece = text.removesuffix(" ") if self._prefix_space else text
            self._template_ids[text] = self.tokenizer(piece, add_special_tokens=False)["input_ids"] if piece else []
        return self._template_ids[text]


def _without(end: str, text: str) -> str:
    """Return the text with a space before the last character of each ``end`` in it."""
    while end in text:
        text = text.replace(end, f"{end[:-1]} {end[-1]}")
    return text


def _cut_answer(encoded: Encoded, context: int) -> Encoded | None:
    """Cut the end of the last answer; None if nothing of the answer would be left."""
    if not encoded.targets[:context].any() or (encoded.ids[context:] < 0).any():
        return None
    return Encoded(encoded.ids[:context], encoded.refs[:context], encoded.targets[:context])
