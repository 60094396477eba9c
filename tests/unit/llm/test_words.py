"""The tokens of words are those of the whole text, for the tokenizers of which that is said; no other is taken."""

import functools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import TEMPLATE, WORDS, chat, text, tiny_tokenizer
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from tokenizers_of_kinds import KINDS as OTHER_KINDS
from transformers import PreTrainedTokenizerFast

from recexplainer.llm.encoding import ChatEncoder
from recexplainer.llm.plain_text import PlainText
from recexplainer.llm.words import _PATTERNS, Words, reads_by_word

SPACE = "\u2581"
MARKS = [
    AddedToken("<|end|>", special=True, normalized=False, rstrip=True),
    AddedToken("<think>", special=False, normalized=False),
    AddedToken("    ", special=False, normalized=False),
]


def trained(normalizer=None, splitter=None, while_training=None, alphabet=(), **model) -> Tokenizer:
    """BPE with merges within words."""
    tokenizer = Tokenizer(models.BPE(**model))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, while_training or splitter
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=sorted(alphabet),
        show_progress=False,
    )
    sentences = [" ".join(WORDS[i:] + WORDS[:i]).title() + f"; {i} it's red-gold 12{i}" for i in range(len(WORDS))]
    tokenizer.train_from_iterator(sentences * 4, trainer)
    tokenizer.pre_tokenizer = splitter
    return tokenizer


def byte_level(pattern: str | None = None, normalizer=None, prefix: bool = False, behavior="isolated") -> Tokenizer:
    splitter = pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=pattern is None)
    if pattern is not None:
        splitter = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), behavior), splitter])
    return trained(normalizer, splitter, alphabet=pre_tokenizers.ByteLevel.alphabet())


def sentence_piece(prepend: bool = True, splitter=None) -> Tokenizer:
    """As Llama's: no splitter; the training alone knew words."""
    replace = normalizers.Replace(" ", SPACE)
    steps = normalizers.Sequence([normalizers.Prepend(SPACE), replace]) if prepend else replace
    words = pre_tokenizers.Metaspace(prepend_scheme="never")
    letters = "abcdefghijklmnopqrstuvwxyzRGBS;' 0123456789"
    return trained(steps, splitter, words, letters, unk_token="<unk>", fuse_unk=True)


def metaspace(split: bool, scheme: str) -> Tokenizer:
    splitter = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)
    words = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    return trained(None, splitter, words, "abcdefghijklmnopqrstuvwxyz<>/\n", unk_token="<unk>", fuse_unk=True)


BY_WORD = {
    "GPT-2": lambda: byte_level(),
    "GPT-2 with a space before every text": lambda: byte_level(prefix=True),
    "Llama 3": lambda: byte_level(_PATTERNS[0]),
    "Qwen": lambda: byte_level(_PATTERNS[1], normalizers.NFC()),
    "Llama": lambda: sentence_piece(),
    "Gemma": lambda: sentence_piece(False, pre_tokenizers.Split(" ", "merged_with_previous")),
    "Metaspace that splits": lambda: metaspace(True, "always"),
    "Metaspace that does not split": lambda: metaspace(False, "first"),
}


def crossing() -> Tokenizer:
    """A vocabulary with a token that holds the end of a word and the space after it."""
    settings = json.loads(sentence_piece().to_str())
    settings["model"]["vocab"][f"d{SPACE}"] = len(settings["model"]["vocab"])
    settings["model"]["merges"].insert(0, ["d", SPACE])
    return Tokenizer.from_str(json.dumps(settings))


def with_setting(tokenizer: Tokenizer, **changes) -> Tokenizer:
    settings = json.loads(tokenizer.to_str())
    settings["model"] |= changes
    return Tokenizer.from_str(json.dumps(settings))


def with_token(tokenizer: Tokenizer, content: str, **options) -> Tokenizer:
    tokenizer.add_tokens([AddedToken(content, **options)])
    return tokenizer


WHOLE = {
    "a token across words": crossing,
    "dropout": lambda: with_setting(byte_level(), dropout=0.1),
    "whole words before merges": lambda: with_setting(sentence_piece(), ignore_merges=True),
    "lower case": lambda: byte_level(normalizer=normalizers.Lowercase()),
    "another pattern": lambda: byte_level(r"\S+ ?|\s+"),
    "another behavior": lambda: byte_level(_PATTERNS[0], behavior="merged_with_next"),
    "one text, one word": lambda: trained(None, pre_tokenizers.ByteLevel(use_regex=False)),
    "an added token of two words": lambda: with_token(byte_level(), "red gold"),
    "an added space": lambda: with_token(byte_level(), " "),
    "an added token that eats spaces": lambda: with_token(byte_level(), "red", rstrip=True),
}


@functools.cache
def tokenizer_of(kind: str) -> PreTrainedTokenizerFast:
    model = (BY_WORD | WHOLE)[kind]()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=model, unk_token="<unk>", bos_token="<s>", eos_token="</s>", clean_up_tokenization_spaces=False
    )
    if kind in BY_WORD:
        tokenizer.add_tokens(MARKS[:1], special_tokens=True)
        tokenizer.add_tokens(MARKS[1:])
    tokenizer.chat_template = TEMPLATE.read_text(encoding="utf-8")
    return tokenizer


KINDS = {kind: functools.partial(tokenizer_of, kind) for kind in BY_WORD}
ODD = [
    " ",
    "  ",
    "    ",
    "\n",
    "\t",
    "\u00a0",
    "\u0301",
    "é",
    SPACE,
    "文",
    "<s>",
    "</s>",
    "<|end|>",
    "<think>",
    "'s",
    "12345",
]
PIECES = st.sampled_from([*WORDS, *map(str.title, WORDS), *ODD, *ODD]) | st.text(max_size=3)
TEXTS = st.lists(st.lists(PIECES, min_size=1, max_size=6).map(" ".join) | PIECES, max_size=5)


@functools.cache
def words_of(kind: str) -> Words:
    return Words(PlainText(tokenizer_of(kind)))


def rows(found) -> list[list[int]]:
    return [part.tolist() for part in np.split(found.ids, found.lengths.cumsum())[:-1]]


@pytest.mark.parametrize("kind", BY_WORD)
@settings(derandomize=True, max_examples=150, deadline=None)
@given(texts=TEXTS)
def test_tokens_of_the_words_are_those_of_the_text(kind, texts):
    assert words_of(kind).by_word
    assert rows(words_of(kind)(texts)) == PlainText(tokenizer_of(kind))(texts)


@pytest.mark.parametrize("kind", BY_WORD)
def test_the_tokenizers_of_these_tests_merge_letters(kind):
    tokens = tokenizer_of(kind).tokenize("the Garden is red-gold 123")
    assert max(map(len, tokens)) > 4


@pytest.mark.parametrize("kind", WHOLE)
def test_a_tokenizer_that_may_look_beyond_a_word_gets_whole_texts(kind):
    tokenizer = tokenizer_of(kind)
    assert not reads_by_word(tokenizer.backend_tokenizer)
    texts = ["red gold", "", "Red  gold red", "red gold"]
    if kind != "dropout":
        assert rows(Words(PlainText(tokenizer))(texts)) == PlainText(tokenizer)(texts)


@pytest.mark.parametrize("kind", ["a token across words", "another pattern", "an added token of two words"])
def test_word_by_word_such_a_tokenizer_would_give_other_tokens(kind):
    words = Words(PlainText(tokenizer_of(kind)))
    words.by_word = True
    assert rows(words(["red gold"])) != PlainText(tokenizer_of(kind))(["red gold"])


def test_kinds_of_other_tests_are_told_apart():
    told = {kind: reads_by_word(make().backend_tokenizer) for kind, make in OTHER_KINDS.items()}
    assert {kind for kind, by_word in told.items() if by_word} == {kind for kind in OTHER_KINDS if "BPE" in kind}


def test_each_different_word_meets_the_tokenizer_once():
    class Counting(PlainText):
        seen: list[str] = []

        def raw(self, texts):
            self.seen += texts
            return super().raw(texts)

    words = Words(Counting(tiny_tokenizer()))
    words(["red gold red", "gold gold", "red wolf"])
    words(["gold red", "red"])
    asked = [one for one in Counting.seen if one != "a"]
    assert sorted(asked) == ["a gold", "a red", "a wolf", "gold", "red"]


@pytest.mark.parametrize("context", [400, 30, 12])
@pytest.mark.parametrize("prompt_only", [False, True])
@pytest.mark.parametrize("kind", BY_WORD)
def test_samples_are_the_same_by_word_and_by_text(kind, prompt_only, context):
    user, item = ({"kind": name, "text": "", "ref": 3} for name in ("user", "item"))
    titles = [{"kind": "title", "text": f"{word.title()} {word}; ", "ref": -1} for word in WORDS[:7]]
    chats = [
        chat([text("Who am "), text("I? "), user, *titles[: number % 8]], [text("Red </s> gold")])
        + chat([item, text(" is  this"), *titles[5:]], [text(f"Yes {WORDS[number]}")]) * (number % 3)
        for number in range(12)
    ]
    fast, plain = ChatEncoder(tokenizer_of(kind), context), ChatEncoder(tokenizer_of(kind), context)
    plain._words.by_word = False
    pairs = zip(fast.encode(chats, prompt_only), plain.encode(chats, prompt_only), strict=True)
    assert fast._words.by_word
    for one, other in pairs:
        assert (one is None) == (other is None)
        if one is not None:
            for name in ("input_ids", "embedding_rows", "loss_mask"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
