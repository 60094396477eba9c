"""Tokens for the text of data, none of which is a special token, whatever the text and the tokenizer.

Splitting special tokens, as tokenizers offer it, is not enough. A unigram model finds ``</s>`` among its pieces again;
a tokenizer that normalises finds it in full-width letters too; and some models mark their turns by added tokens that
are not declared special.
"""

import logging
from typing import Any

from recexplainer.errors import InputError

logger = logging.getLogger(__name__)

ROUNDS = 10  # one is enough unless the tokenizer drops spaces
WORD = "a"
AFTER_A_SPACE = f"{WORD} "
"""What a text is read after, if a word and a space come before it."""


class PlainText:
    """Tokenize texts of the data.

    Args:
        tokenizer: a fast tokenizer.

    Attributes:
        special: the ids that no text may become: special and added tokens, but for added white space, and but for
            the unknown token, which stands for characters that the tokenizer lacks.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        added = {number for number, token in tokenizer.added_tokens_decoder.items() if token.content.strip()}
        marks = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}
        self.special = frozenset(added | set(tokenizer.all_special_ids)) - ({tokenizer.unk_token_id} - marks)

    def __call__(self, texts: list[str], lead: str = "") -> list[list[int]]:
        """Return the token ids of each text, without those that begin or end a sequence.

        A text of which a part would become a special token gets a space into that part.

        Args:
            texts: the texts.
            lead: what they are read after, as in :meth:`after`.

        Raises:
            InputError: a space does not help.
        """
        return [
            self._broken_up(text, lead) if self.marks(ids) else ids
            for text, ids in zip(texts, self.after(lead, texts), strict=True)
        ]

    def after(self, lead: str, texts: list[str]) -> list[list[int]]:
        """Return the token ids that each text has after another text, or, where a token holds both, by itself.

        Args:
            lead: what comes before; nothing at a beginning. A space that ends it belongs to the texts' first tokens,
                if there is something else before that.
            texts: as for :meth:`raw`.
        """
        if not lead:
            return self.raw(texts)
        (known,), whole = self.raw([lead.removesuffix(" ") or lead]), self.raw([lead + text for text in texts])
        fits = [ids[: len(known)] == known for ids in whole]
        alone = iter(self.raw([text for text, fit in zip(texts, fits, strict=True) if not fit]))
        return [ids[len(known) :] if fit else next(alone) for ids, fit in zip(whole, fits, strict=True)]

    def raw(self, texts: list[str]) -> list[list[int]]:
        """Return the token ids of each text, special tokens among them where the text spells them to the tokenizer."""
        if not texts:
            return []
        # The masks would take as long as the ids.
        options = {"return_attention_mask": False, "return_token_type_ids": False}
        return self.tokenizer(texts, add_special_tokens=False, split_special_tokens=True, **options)["input_ids"]

    def marks(self, ids: list[int]) -> bool:
        """Return whether there is a special token among the ids."""
        return not self.special.isdisjoint(ids)

    def _broken_up(self, text: str, lead: str) -> list[int]:
        """Return the ids, after a lead, of a text that spells special tokens."""
        for _ in range(ROUNDS):
            encoded = self.tokenizer(
                text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True
            )
            ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
            spans = [span for number, span in zip(ids, offsets, strict=True) if number in self.special]
            if not spans:
                logger.warning("a text of the data spells a special token; it got a space: %.80r", text)
                (behind,) = self.after(lead, [text])
                return ids if self.marks(behind) else behind
            for start, end in reversed(spans):
                # A single character cannot be broken up; the space takes its place.
                text = text[: start + 1] + " " + text[start + 1 :] if end - start > 1 else text[:start] + text[end:]
        raise InputError(
            f"the tokenizer reads the text {text[:80]!r} as a special token; use a model with another tokenizer, or "
            "take the text out of the data."
        )
