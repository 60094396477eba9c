"""The tokenizer of a folder, as its model was trained with it."""

import json
from pathlib import Path
from typing import Any

from recexplainer.errors import InputError

LLAMAS = ("LlamaTokenizer", "LlamaTokenizerFast")


def read_tokenizer(folder: str | Path) -> Any:
    """Read a folder's tokenizer: ``tokenizer.json``, or SentencePiece's ``tokenizer.model``.

    Raises:
        InputError: there is none that transformers can load, or only a slow one.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, use_fast=True, trust_remote_code=False, local_files_only=True, **_splitting(Path(folder))
        )
        # Some kinds begin with special tokens alone where their files are missing.
        if set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):
            raise ValueError("no vocabulary")
    except Exception as error:  # of transformers, tokenizers, SentencePiece, protobuf: whatever a damaged file leads to
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"{folder}: holds no tokenizer that transformers can load ({reason}); expected a tokenizer.json or a "
            "tokenizer.model beside the model."
        ) from None
    if not tokenizer.is_fast:
        raise InputError(
            f"{folder}: its tokenizer is not a fast one; expected a tokenizer.json or a tokenizer.model beside the "
            "model."
        )
    return tokenizer


def _splitting(folder: Path) -> dict[str, bool]:
    """Return how a Llama's tokenizer splits at special tokens, where its config does not say so.

    Tokenizers from before the setting, Vicuna v1.3's among them, put a space before what follows a special token, as
    SentencePiece does with every text; what their models were trained on was split so. Without the setting,
    transformers takes the newer way.
    """
    try:
        config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        kind, said = config.get("tokenizer_class"), config.get("legacy")
        if kind not in LLAMAS or said is not None:
            return {}
        whole = folder / "tokenizer.json"
        steps = json.loads(whole.read_text(encoding="utf-8"))["pre_tokenizer"] if whole.is_file() else None
        return {"legacy": not (steps and steps.get("prepend_scheme") == "first")}
    except (OSError, ValueError, AttributeError, KeyError, TypeError):  # the tokenizer's own reader says what is wrong
        return {}
