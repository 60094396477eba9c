"""An LLM out of one GGUF file, the format of llama.cpp: an ordinary folder of transformers.

Quantized weights become plain numbers again, once; every later stage loads the folder as any other.
"""

import json
import logging
from pathlib import Path
from typing import Any

from recexplainer.errors import InputError
from recexplainer.files import check, named
from recexplainer.folders import whole

logger = logging.getLogger(__name__)

MAGIC = b"GGUF"
ARCHITECTURES = ("llama", "qwen2", "qwen3", "gemma2", "gemma3")
"""What a file may hold. Of others it is not known here whether transformers reads them as their makers meant."""
GEMMA_27B_LAYERS = (46, 62)  # of Gemma 2 and 3


def unpack_gguf(path: str | Path, output_dir: str | Path) -> None:
    """Write the model and the tokenizer of a GGUF file as transformers saves them.

    The weights get the narrowest type that holds each of them exactly: of 4 bits with a scale and an offset, fp32.

    Args:
        path: the file.
        output_dir: the folder; it appears when it is whole.

    Raises:
        InputError: the file is none, is cut off, is of an unknown architecture, or holds what transformers leaves out.
    """
    path, output_dir = Path(path), named(output_dir, "folder")
    tensors, tokens = _check(path)
    with whole(output_dir, replaced=True) as made:
        tokenizer, model = _read(path, tensors)
        model.save_pretrained(made)
        tokenizer.save_pretrained(made)
        _without_added(made, tokens)
    logger.info("%s: %d tensors, kept as %s in %s", path, len(tensors), model.dtype, output_dir)


def _check(path: Path) -> tuple[list[str], int]:
    """Return a file's names of tensors and number of tokens, after a check that it is whole and of a known kind."""
    from gguf import GGUFReader

    check(path)
    with open(path, "rb") as handle:
        start = handle.read(len(MAGIC))
    if start != MAGIC:
        raise InputError(f"{path}: not a GGUF file; it begins with {start!r}. Take another, or another llm.source.")
    try:
        reader = GGUFReader(path)
        kind = reader.fields["general.architecture"].contents()
        tokens = len(reader.fields["tokenizer.ggml.tokens"].data)
    except (ValueError, IndexError, KeyError, OverflowError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: cut off or broken ({reason}). Get the file anew.") from None
    if kind not in ARCHITECTURES:
        raise InputError(
            f"{path}: a model of the architecture {kind!r}; expected one of: {', '.join(ARCHITECTURES)}. "
            "Take it from the hub or as a folder instead."
        )
    scaling = reader.fields.get(f"{kind}.rope.scaling.type")
    names = [tensor.name for tensor in reader.tensors]
    if "rope_freqs.weight" in names or (scaling and scaling.contents() != "none"):
        raise InputError(
            f"{path}: its rotary positions are scaled, and transformers leaves that out of a GGUF file. Take the model "
            "from the hub or as a folder instead."
        )
    return names, tokens


def _read(path: Path, tensors: list[str]) -> Any:
    """Return the tokenizer and the model, the latter as one that was never quantized."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = {"gguf_file": path.name, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(path.parent, **where)
        model, report = AutoModelForCausalLM.from_pretrained(
            path.parent, dtype=torch.float32, output_loading_info=True, **where
        )
    except (ValueError, KeyError, IndexError, TypeError, RuntimeError, NotImplementedError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{path}: transformers cannot read it ({reason}). Take the model from the hub or as a folder instead."
        ) from None
    parameters = sum(1 for _ in model.parameters())
    if report["missing_keys"] or parameters != len(tensors):
        missing = f"; missing: {', '.join(sorted(report['missing_keys'])[:3])}" if report["missing_keys"] else ""
        raise InputError(
            f"{path}: {len(tensors)} tensors, where transformers' {type(model).__name__} of this size has {parameters}"
            f"{missing}. Take the model from the hub or as a folder instead."
        )
    return tokenizer, _plain(model)


def _without_added(folder: Path, tokens: int) -> None:
    """Take from a saved tokenizer what is not of the file: transformers adds other models' special tokens."""
    path, config = folder / "tokenizer.json", folder / "tokenizer_config.json"
    saved, roles = (json.loads(file.read_text(encoding="utf-8")) for file in (path, config))
    added = {token["content"] for token in saved["added_tokens"] if token["id"] >= tokens}
    if not added:
        return
    saved["added_tokens"] = [token for token in saved["added_tokens"] if token["content"] not in added]
    roles = {name: role for name, role in roles.items() if not (isinstance(role, str) and role in added)}
    for file, value in ((path, saved), (config, roles)):
        file.write_text(json.dumps(value, indent=2, ensure_ascii=False), encoding="utf-8")


def _plain(model: Any) -> Any:
    """Return a model with the same weights that transformers does not take for a quantized one, which it won't save."""
    import torch

    config, weights = model.config, model.state_dict()
    del config.quantization_config
    config.name_or_path = ""
    if hasattr(config, "query_pre_attn_scalar"):
        # Of Gemma, and not in the file: as llama.cpp, a head's width, but of the models of 27B the mean one.
        largest = config.num_hidden_layers in GEMMA_27B_LAYERS
        config.query_pre_attn_scalar = config.hidden_size / config.num_attention_heads if largest else config.head_dim
    with torch.device("meta"):
        plain = type(model)(config)
    dtype = _narrowest(list(weights.values()))
    plain.load_state_dict({name: weight.to(dtype) for name, weight in weights.items()}, assign=True)
    plain.tie_weights()
    config.dtype = dtype
    return plain


def _narrowest(weights: list[Any]) -> Any:
    """Return the first of bf16 and fp16 that holds all numbers exactly; else fp32."""
    import torch

    for dtype in (torch.bfloat16, torch.float16):
        if all(torch.equal(weight.to(dtype).to(weight.dtype), weight) for weight in weights):
            return dtype
    return torch.float32
