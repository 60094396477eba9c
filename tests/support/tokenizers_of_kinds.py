"""Small tokenizers of the kinds that language models come with, and chat templates that end turns in different ways."""

import string

from tiny import tiny_tokenizer
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

SPECIAL = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
LETTERS = sorted(set(string.printable) | set("▁éß文😀\u202e"))

# {messages} of role and content; an answer's end is the tokenizer's, where the template has one.
TEMPLATES = {
    # Vicuna: plain words before an answer, a special token after it.
    "vicuna": "{{ bos_token }}Talk. {% for m in messages %}{% if m['role'] == 'user' %}USER: {{ m['content'] }} "
    "{% else %}ASSISTANT: {{ m['content'] }}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}",
    # Plain words on both sides.
    "alpaca": "{% for m in messages %}{% if m['role'] == 'user' %}### Instruction:\n{{ m['content'] }}\n\n"
    "{% else %}### Response:\n{{ m['content'] }}\n\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}### Response:\n{% endif %}",
    # Special tokens on both sides.
    "chatml": "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] | trim }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
}
TURN_ENDS = {
    "vicuna": {"user": "ASSISTANT:"},
    "alpaca": {"user": "### Response:", "assistant": "### Instruction:"},
    "chatml": {},
}


def _finished(model: Tokenizer, special: bool = True) -> PreTrainedTokenizerFast:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=model, **SPECIAL, clean_up_tokenization_spaces=False)
    marks = [AddedToken(mark, special=special, normalized=False) for mark in ("<|im_start|>", "<|im_end|>")]
    tokenizer.add_tokens(marks, special_tokens=special)
    tokenizer.add_tokens([AddedToken("    ", normalized=False)])
    return tokenizer


def _characters(model: Tokenizer, normalizer=None) -> Tokenizer:
    if normalizer is not None:
        model.normalizer = normalizer
    model.pre_tokenizer, model.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    return model


def _bpe(special: bool) -> PreTrainedTokenizerFast:
    vocabulary = {token: number for number, token in enumerate(["<unk>", "<s>", "</s>", *LETTERS])}
    return _finished(_characters(Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>"))), special)


def _unigram(normalizer=None) -> PreTrainedTokenizerFast:
    pieces = [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), *((letter, -8.0) for letter in LETTERS), ("▁red", -3.0)]
    return _finished(_characters(Tokenizer(models.Unigram(pieces, unk_id=0)), normalizer))


def _bytes() -> PreTrainedTokenizerFast:
    tokenizer = tiny_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    return tokenizer


KINDS = {
    "byte-level BPE": _bytes,
    "BPE of characters": lambda: _bpe(True),
    "BPE whose turn marks are added but not special": lambda: _bpe(False),
    "unigram": _unigram,
    "unigram, NFKC": lambda: _unigram(normalizers.NFKC()),
    "unigram, lower case": lambda: _unigram(normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])),
}
