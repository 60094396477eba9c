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

from recexplainer.collecting import no_collection
from recexplainer.llm.plain_text import PlainText
from recexplainer.llm.words import Ragged, Words

USER_ID = -1
"""The id of a ``<user>`` placeholder: the position takes a projected user embedding."""
ITEM_ID = -2
"""The id of an ``<item>`` placeholder: the position takes a projected item embedding."""

PLACEHOLDERS = {"user": USER_ID, "item": ITEM_ID}
BATCH = 2000
"""Conversations whose tokens are put together at once."""

_END = {"kind": "end"}  # stands after the last segment
_BREAKS = {*PLACEHOLDERS, "end"}
_PLACEHOLDER_ROWS = {kind: row for row, kind in enumerate(PLACEHOLDERS)}
# Private-use characters stand for the contents while the template is rendered.
_MARK = re.compile("\ue000(\\d+)\ue001")


@dataclass
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
        self._template_rows: dict[tuple, list[tuple[int, int]]] = {}
        self._plain = PlainText(tokenizer)
        self._words = Words(self._plain)
        # What is the same in many samples: placeholders, and then pieces of the template.
        self._fixed = [[number] for number in PLACEHOLDERS.values()]
        # A tokenizer that puts a space before every text would double the one that ends a template piece.
        first = tokenizer.convert_ids_to_tokens(tokenizer("x", add_special_tokens=False)["input_ids"])[0]
        self._prefix_space = first[0] in "\u2581\u0120"
        self._turn_ends = self._plain_turn_ends()

    @no_collection()
    def encode(self, conversations: Sequence[list[dict]], prompt_only: bool = False) -> list[Encoded | None]:
        """Encode conversations.

        One over the context loses titles of the history, the oldest first, then turns from its end; a
        conversation of one turn loses the end of its answer. The header of the answer and the
        placeholders are never cut.

        Args:
            conversations: each a list of messages ``{"role", "segments": [{"kind", "text", "ref"}]}``.
            prompt_only: leave out the last message, an answer, and end with the header of the answer.

        Returns:
            One :class:`Encoded` each, or None where even the shortest form is over the context.
        """
        left = [(place, messages[:-1] if prompt_only else messages) for place, messages in enumerate(conversations)]
        result: list[Encoded | None] = [None] * len(left)
        while left:
            longer = []
            for start in range(0, len(left), BATCH):
                batch = left[start : start + BATCH]
                for (place, messages), encoded in zip(
                    batch, self._encode([messages for _, messages in batch], prompt_only), strict=True
                ):
                    if len(encoded) <= self.context:
                        result[place] = encoded
                    elif (shorter := _shorter(messages)) is not None:
                        longer.append((place, shorter))
                    elif not prompt_only:
                        result[place] = _cut_answer(encoded, self.context)
            left = longer
        return result

    def _encode(self, conversations: list[list[dict]], prompt_only: bool) -> list[Encoded]:
        """Encode conversations, however long: first as rows of a table of tokens, then as the tokens."""
        templates = [self._rows(tuple(message["role"] for message in one), prompt_only) for one in conversations]
        fixed = len(self._fixed)
        texts: dict[str, int] = {}  # their rows are those after the fixed ones
        rows: list[int] = []
        refs: list[int] = []
        answers: list[int] = []  # where answers begin and end in the rows, in turns
        ends: list[int] = []
        for messages, around in zip(conversations, templates, strict=True):
            for message, (before, after) in zip(messages, around, strict=False):
                rows.append(before)
                if message["role"] == "assistant":
                    answers.append(len(rows))
                for kind, value in self._pieces(message):
                    if kind == "text":
                        rows.append(texts.setdefault(value, fixed + len(texts)))
                    else:
                        rows.append(_PLACEHOLDER_ROWS[kind])
                        refs.append(value)
                rows.append(after)
                if message["role"] == "assistant":
                    answers.append(len(rows))
            rows.append(around[-1][0])
            ends.append(len(rows))
        parts = (Ragged.of(self._fixed) + self._words(list(texts))).take(np.array(rows, int))
        all_refs = np.zeros(len(parts.ids), np.int32)
        all_refs[parts.ids < 0] = refs
        learnt = np.zeros(len(rows) + 1, int)
        learnt[answers[::2]], learnt[answers[1::2]] = 1, -1
        targets = np.repeat(learnt[:-1].cumsum() > 0, parts.lengths)
        lengths = parts.join(np.diff(ends, prepend=0)).lengths
        return [
            Encoded(parts.ids[start:end], all_refs[start:end], targets[start:end])
            for start, end in itertools.pairwise([0, *lengths.cumsum().tolist()])
        ]

    def _rows(self, roles: tuple, prompt_only: bool) -> list[tuple[int, int]]:
        """Return :meth:`_template_pieces` as rows of the table, each answer with an end."""
        key = (roles, prompt_only)
        if key not in self._template_rows:
            result = []
            for role, (before, after) in zip((*roles, None), self._template_pieces(roles, prompt_only), strict=True):
                end = self._special(after)
                if role == "assistant" and not self._plain.marks(end):
                    end = [*end, self.tokenizer.eos_token_id]  # the template ends an answer with words, or with nothing
                result.append((len(self._fixed), len(self._fixed) + 1))
                self._fixed += [self._special(before), end]
            self._template_rows[key] = result
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

    def _pieces(self, message: dict) -> list[tuple[str, str | int]]:
        """Return the message's texts, neighbours joined, and its placeholders.

        Words that would end its turn get a space before their end.
        """
        end = self._turn_ends.get(message["role"])
        result: list[tuple[str, str | int]] = []
        text = ""
        for segment in [*message["segments"], _END]:
            kind = segment["kind"]
            if kind not in _BREAKS:
                text += segment["text"]
                continue
            # Spaces beside a placeholder or a turn's end are the template's business.
            text = text.strip(" ")
            if text:
                result.append(("text", text if end is None else _without(end, text)))
                text = ""
            if kind != "end":
                result.append((kind, segment["ref"]))
        return result

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


def _shorter(messages: list[dict]) -> list[dict] | None:
    """Return the messages without the oldest title of the first history that has one, or without a turn, or None."""
    for index, message in enumerate(messages):
        for position, segment in enumerate(message["segments"]):
            if segment["kind"] == "title":
                segments = message["segments"][:position] + message["segments"][position + 1 :]
                return [*messages[:index], {**message, "segments": segments}, *messages[index + 1 :]]
    return messages[:-2] if len(messages) > 2 else None


def _cut_answer(encoded: Encoded, context: int) -> Encoded | None:
    """Cut the end of the last answer; None if nothing of the answer would be left."""
    if not encoded.targets[:context].any() or (encoded.ids[context:] < 0).any():
        return None
    return Encoded(encoded.ids[:context], encoded.refs[:context], encoded.targets[:context])
