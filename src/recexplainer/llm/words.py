"""Texts word by word: each different word meets the tokenizer once, however often the samples say it.

Most tokenizers read what stands between two spaces without regard to the rest of the text. The tokens of a text are
then those of its words, one after the other, and those of a hundred thousand samples a look-up.
"""

import itertools
import json
import re
from collections import defaultdict
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recexplainer.llm.plain_text import AFTER_A_SPACE, PlainText

# A single space between printable ASCII characters: no normalization of Unicode joins, moves or removes one of them.
_BETWEEN_WORDS = re.compile("(?<=[!-~]) (?=[!-~])")
_WORDS_ALONE = "^[!-~]+( [!-~]+)*$"  # texts in which every space is such a one

_SPACE = "\u2581"  # how SentencePiece writes a space
_SPACE_INSIDE = re.compile(f"[^{_SPACE}]{_SPACE}")
_SPACES = [
    {"type": "Prepend", "prepend": _SPACE},
    {"type": "Replace", "pattern": {"String": " "}, "content": _SPACE},
]
# What splits texts before byte-level BPE in Llama 3 and in Qwen 2 to 3. As in GPT-2's own pattern, no alternative
# goes on from another character into a space, none looks back, and only one of white space looks ahead.
_PATTERNS = [
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
    + digits
    + r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    for digits in (r"\p{N}{1,3}", r"\p{N}")
]


class Ragged:
    """Rows of tokens of different lengths, one after the other.

    Attributes:
        ids: int32, the tokens of all rows.
        lengths: int64 ``(rows,)``.
    """

    def __init__(self, ids: np.ndarray, lengths: np.ndarray) -> None:
        self.ids, self.lengths = ids, lengths
        self._starts = lengths.cumsum() - lengths

    @classmethod
    def of(cls, rows: list[list[int]]) -> "Ragged":
        """Return lists as rows."""
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        return cls(np.fromiter(chain.from_iterable(rows), np.int32, lengths.sum()), lengths)

    def __add__(self, other: "Ragged") -> "Ragged":
        return Ragged(np.concatenate([self.ids, other.ids]), np.concatenate([self.lengths, other.lengths]))

    def take(self, rows: np.ndarray) -> "Ragged":
        """Return chosen rows, by their numbers.

        >>> taken = Ragged.of([[7], [8, 9], [5, 6, 4]]).take(np.array([2, 0, 2]))
        >>> taken.ids.tolist(), taken.lengths.tolist()
        ([5, 6, 4, 7, 5, 6, 4], [3, 1, 3])
        """
        lengths = self.lengths[rows]
        shift = self._starts[rows] - (lengths.cumsum() - lengths)
        return Ragged(self.ids[np.repeat(shift, lengths) + np.arange(lengths.sum())], lengths)

    def join(self, counts: np.ndarray) -> "Ragged":
        """Return rows of which each is so many neighbouring ones of these.

        >>> joined = Ragged.of([[7], [8, 9], [5, 6, 4]]).join(np.array([2, 1]))
        >>> joined.ids.tolist(), joined.lengths.tolist()
        ([7, 8, 9, 5, 6, 4], [3, 3])
        """
        ends = np.concatenate([[0], self.lengths.cumsum()])[counts.cumsum()]
        return Ragged(self.ids, np.diff(ends, prepend=0))


class Words:
    """Tokenize texts of the data, each different word once.

    Args:
        plain: tokenizes texts of the data.

    Attributes:
        by_word: whether the tokenizer reads word by word; if not, each different text is tokenized once.
    """

    def __init__(self, plain: PlainText) -> None:
        self.by_word = reads_by_word(plain.tokenizer.backend_tokenizer)
        self._plain = plain
        self._tokens = Ragged.of([])
        # By what comes before: the row of the tokens of a word, or of a whole text.
        self._known: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._broken: set[str] = set()  # words that would become special tokens

    def __call__(self, texts: pa.StringArray | list[str], lead: str = "") -> Ragged:
        """Return the tokens of each text.

        Args:
            texts: the texts.
            lead: what they are read after; see :meth:`recexplainer.llm.plain_text.PlainText.after`.

        Raises:
            InputError: a text spells a special token, and a space does not help.
        """
        texts = pa.array(texts, pa.string())
        whole, counts = np.ones(len(texts), bool), np.ones(len(texts), int)
        words = texts.dictionary_encode()
        if self.by_word:
            split = _split(texts)
            counts = split.value_lengths().to_numpy()
            words = split.flatten().dictionary_encode()
        names, codes = words.dictionary.to_pylist(), words.indices.to_numpy()
        starts = counts.cumsum() - counts
        firsts = np.unique(codes[starts])
        if self.by_word:
            self._learn({names[place] for place in firsts}, lead)
            self._learn(set(names), AFTER_A_SPACE)
            # A space in one of these makes a difference to the words beside it.
            broken = np.array([name in self._broken for name in names], bool)
            whole = np.logical_or.reduceat(broken[codes], starts) if broken.any() else np.zeros(len(texts), bool)
        begin, later = self._known[lead], self._known[AFTER_A_SPACE]
        rows = np.array([later.get(name, 0) for name in names], int)[codes]
        first = np.zeros(len(names), int)
        first[firsts] = [begin.get(names[place], 0) for place in firsts]
        rows[starts] = first[codes[starts]]
        if whole.any():
            whole_texts = texts.filter(pa.array(whole)).to_pylist()
            new = sorted(set(whole_texts).difference(begin))
            self._add(begin, new, self._plain(new, lead))
            rows[starts[whole]] = [begin[text] for text in whole_texts]
            behind = np.ones(len(rows), bool)
            behind[starts] = False
            rows = rows[~(behind & np.repeat(whole, counts))]
            counts = np.where(whole, 1, counts)
        return self._tokens.take(rows).join(counts)

    def _learn(self, words: set[str], lead: str) -> None:
        """Tokenize the words that are new, each as it is after a lead."""
        known = self._known[lead]
        new = sorted(words.difference(known, self._broken))
        tokens = dict(zip(new, self._plain.after(lead, new), strict=True))
        broken = {word for word, ids in tokens.items() if self._plain.marks(ids)}
        self._broken |= broken
        fit = [word for word in new if word not in broken]
        self._add(known, fit, [tokens[word] for word in fit])

    def _add(self, known: dict[str, int], words: list[str], tokens: list[list[int]]) -> None:
        known.update(zip(words, itertools.count(len(self._tokens.lengths))))
        self._tokens += Ragged.of(tokens)


def _split(texts: pa.StringArray) -> pa.ListArray:
    """Return the words of each text."""
    alone = pc.match_substring_regex(texts, _WORDS_ALONE)
    split = pc.split_pattern(texts, " ")
    if alone.true_count == len(texts):
        return split
    other = [_BETWEEN_WORDS.split(text) for text in texts.filter(pc.invert(alone)).to_pylist()]
    mask = alone.to_numpy(zero_copy_only=False)
    order = np.where(mask, mask.cumsum(), mask.sum() + (~mask).cumsum()) - 1
    return pa.concat_arrays([split.filter(alone), pa.array(other, split.type)]).take(pa.array(order))


def reads_by_word(backend: Any) -> bool:
    """Whether a tokenizer (of the package tokenizers) gives a text the tokens of its words, one after the other.

    True for byte-level BPE and for SentencePiece's BPE as the makers of LLMs set them up; false where there is a doubt.
    Words end where a single space stands between two printable ASCII characters. Special tokens are not looked for.
    """
    model = backend.model
    if type(model).__name__ != "BPE" or model.dropout:
        return False
    for token in backend.get_added_tokens_decoder().values():
        spaced = " " in token.content or _SPACE in token.content
        blank = not token.content.replace(_SPACE, " ").strip() and len(token.content) > 1
        if (spaced and not blank) or (not token.special and (token.lstrip or token.rstrip or token.single_word)):
            return False
    normalizers = [step for step in _steps(backend.normalizer, "normalizers") if step != {"type": "NFC"}]
    splitters = _steps(backend.pre_tokenizer, "pretokenizers")
    kinds = [step["type"] for step in splitters]
    if not normalizers and kinds == ["ByteLevel"]:
        return splitters[0]["use_regex"]
    if not normalizers and kinds == ["Split", "ByteLevel"]:
        known = [_splitter({"Regex": pattern}, "Isolated") for pattern in _PATTERNS]
        return splitters[0] in known and not splitters[1]["use_regex"]
    if not normalizers and kinds == ["Metaspace"] and splitters[0]["replacement"] == _SPACE:
        return splitters[0]["split"] or _no_token_crosses(backend)
    # Gemma's splits at spaces when there are none any more.
    if normalizers in (_SPACES, _SPACES[1:]) and splitters in ([], [_splitter({"String": " "}, "MergedWithPrevious")]):
        return _no_token_crosses(backend)
    return False


def _steps(part: Any, name: str) -> list[dict[str, Any]]:
    """Return the settings of a normalizer or pre-tokenizer, those of a sequence in their order."""
    settings: dict[str, Any] = json.loads(part.__getstate__()) if part else {"type": "Sequence", name: []}
    return settings[name] if settings["type"] == "Sequence" else [settings]


def _splitter(pattern: dict[str, Any], behavior: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": False}


def _no_token_crosses(backend: Any) -> bool:
    """Whether BPE that reads a whole text at once can still not merge the end of a word with the space after it."""
    model = backend.model
    plain = not (model.ignore_merges or model.continuing_subword_prefix or model.end_of_word_suffix)
    vocabulary = backend.get_vocab(with_added_tokens=False)
    return plain and _SPACE in vocabulary and not any(map(_SPACE_INSIDE.search, vocabulary))
