"""Conversations made of segments, as token ids.

A message is a list of segments, so that data never meets the chat template as text: template pieces may
become special tokens, the text of a title or of a conversation never does, and ``<user>`` and ``<item>`` are
ids of their own, outside the vocabulary, that no text can spell. Where a template ends a turn with plain words alone
(Vicuna: ``ASSISTANT:`` after the user's), a text of that turn cannot spell them either.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recexplainer.llm.plain_text import PlainText

USER_ID = -1
"""The id of a ``<user>`` placeholder: the position takes a projected user embedding."""
ITEM_ID = -2
"""The id of an ``<item>`` placeholder: the position takes a projected item embedding."""

PLACEHOLDERS = {"user": USER_ID, "item": ITEM_ID}
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
        self._templates: dict[tuple, list[str]] = {}
        self._template_ids: dict[str, list[int]] = {}
        self._text_ids: dict[str, list[int]] = {}
        self._plain = PlainText(tokenizer)
        # A tokenizer that puts a space before every text would double the one that ends a template piece.
        first = tokenizer.convert_ids_to_tokens(tokenizer("x", add_special_tokens=False)["input_ids"])[0]
        self._prefix_space = first[0] in "\u2581\u0120"
        self._turn_ends = self._plain_turn_ends()

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
        conversations = [messages[:-1] if prompt_only else messages for messages in conversations]
        self._tokenize_texts(
            text for messages in conversations for m in messages for kind, text in self._pieces(m) if kind == "text"
        )
        return [self._fit(messages, prompt_only) for messages in conversations]

    def _fit(self, messages: list[dict], prompt_only: bool) -> Encoded | None:
        encoded = self._encode(messages, prompt_only)
        while len(encoded) > self.context:
            shorter = _without_oldest_title(messages)
            if shorter is not None:
                self._tokenize_texts(text for m in shorter for kind, text in self._pieces(m) if kind == "text")
            elif len(messages) > 2:
                shorter = messages[: len(messages) - 2]
            else:
                return None if prompt_only else _cut_answer(encoded, self.context)
            messages = shorter
            encoded = self._encode(messages, prompt_only)
        return encoded

    def _encode(self, messages: list[dict], prompt_only: bool) -> Encoded:
        around = self._template_pieces(tuple(m["role"] for m in messages), prompt_only)
        ids: list[int] = []
        refs: list[int] = []
        spans: list[tuple[int, int]] = []
        for index, message in enumerate(messages):
            before, after = around[index]
            ids += self._special(before)
            refs += [0] * (len(ids) - len(refs))
            start = len(ids)
            for kind, value in self._pieces(message):
                if kind == "text":
                    ids += self._text_ids[value]
                    refs += [0] * (len(ids) - len(refs))
                else:
                    ids.append(PLACEHOLDERS[kind])
                    refs.append(value)
            ids += self._special(after)
            refs += [0] * (len(ids) - len(refs))
            if message["role"] == "assistant":
                if self._plain.special.isdisjoint(self._special(after)):
                    ids.append(self.tokenizer.eos_token_id)  # the template ends an answer with words, or with nothing
                    refs.append(0)
                spans.append((start, len(ids)))
        ids += self._special(around[-1][0])
        refs += [0] * (len(ids) - len(refs))
        targets = np.zeros(len(ids), dtype=bool)
        for start, end in spans:
            targets[start:end] = True
        return Encoded(np.asarray(ids, np.int32), np.asarray(refs, np.int32), targets)

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
        """Return the message's texts and placeholders; words that would end its turn get a space before their end."""
        pieces, end = _pieces(message), self._turn_ends.get(message["role"])
        if end is None:
            return pieces
        return [(kind, _without(end, value) if kind == "text" else value) for kind, value in pieces]

    def _special(self, text: str) -> list[int]:
        """Tokenize a piece of the template, in which special tokens count."""
        if text not in self._template_ids:
            piece = text.removesuffix(" ") if self._prefix_space else text
            self._template_ids[text] = self.tokenizer(piece, add_special_tokens=False)["input_ids"] if piece else []
        return self._template_ids[text]

    def _tokenize_texts(self, texts) -> None:
        """Tokenize texts of the data in one batch; none of them becomes a special token."""
        new = sorted({text for text in texts if text not in self._text_ids})
        self._text_ids.update(zip(new, self._plain(new), strict=True))


def _pieces(message: dict) -> list[tuple[str, str | int]]:
    """Return the message's texts, neighbours joined, and its placeholders."""
    result: list[tuple[str, str | int]] = []
    for segment in message["segments"]:
        if segment["kind"] in PLACEHOLDERS:
            result.append((segment["kind"], segment["ref"]))
        elif result and result[-1][0] == "text":
            result[-1] = ("text", result[-1][1] + segment["text"])
        else:
            result.append(("text", segment["text"]))
    # Spaces beside a placeholder or a turn's end are the template's business.
    stripped = [(kind, value.strip(" ") if kind == "text" else value) for kind, value in result]
    return [piece for piece in stripped if piece != ("text", "")]


def _without(end: str, text: str) -> str:
    """Return the text with a space before the last character of each ``end`` in it."""
    while end in text:
        text = text.replace(end, f"{end[:-1]} {end[-1]}")
    return text


def _without_oldest_title(messages: list[dict]) -> list[dict] | None:
    """Return the messages without the oldest title of the first history that has one, or None."""
    for index, message in enumerate(messages):
        for position, segment in enumerate(message["segments"]):
            if segment["kind"] == "title":
                segments = message["segments"][:position] + message["segments"][position + 1 :]
                return [*messages[:index], {**message, "segments": segments}, *messages[index + 1 :]]
    return None


def _cut_answer(encoded: Encoded, context: int) -> Encoded | None:
    """Cut the end of the last answer; None if nothing of the answer would be left."""
    if not encoded.targets[:context].any() or (encoded.ids[context:] < 0).any():
        return None
    return Encoded(encoded.ids[:context], encoded.refs[:context], encoded.targets[:context])
