"""Tiny GGUF files for tests, written as llama.cpp's converters do: their names, orders and conventions."""

import json
import string
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType, get_tensor_name_map, quants
from gguf.constants import MODEL_ARCH_NAMES

READ = ("llama", "qwen2", "qwen3", "gemma2", "gemma3")


def write_gguf(
    path: str | Path,
    model,
    tokenizer,
    kind: str,
    quantization=GGMLQuantizationType.F32,
    more: dict[str, list[float]] | None = None,
    less: tuple[str, ...] = (),
    **extra: str,
) -> Path:
    """Write a model and its byte-level tokenizer as a GGUF file, and return its path.

    Args:
        path: the file.
        model: a causal LM of transformers, of a kind with ``num_key_value_heads``.
        tokenizer: a byte-level BPE.
        kind: ``general.architecture``.
        quantization: of the matrices; vectors stay as they are.
        more: vectors that the model does not have.
        less: names of tensors that are left out.
        extra: more fields of the architecture, text each, their dots written as ``__``.
    """
    config, writer = model.config, GGUFWriter(path, kind)
    writer.add_name("tiny")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    rotary = config.rope_parameters
    writer.add_rope_freq_base(rotary.get("full_attention", rotary)["rope_theta"])
    if kind == "llama":
        writer.add_rope_dimension_count(config.head_dim)
    if kind in ("qwen3", "gemma2", "gemma3"):
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    if kind.startswith("gemma"):
        writer.add_sliding_window(config.sliding_window)
    for name, value in extra.items():
        writer.add_string(f"{kind}.{name.replace('__', '.')}", value)
    if kind.startswith("gemma"):
        _add_sentencepiece(writer, config.vocab_size)
    else:
        _add_tokenizer(writer, tokenizer)
    known = next(key for key, name in MODEL_ARCH_NAMES.items() if name == (kind if kind in READ else "llama"))
    names = get_tensor_name_map(known, config.num_hidden_layers)
    for name, values in (more or {}).items():
        writer.add_tensor(name, np.array(values, dtype=np.float32))
    for name, weight in model.named_parameters():  # a tied head is not among them
        values = weight.detach().float().numpy()
        if kind == "llama" and name.endswith(("q_proj.weight", "k_proj.weight")):
            values = _interleaved(values, config.head_dim)
        if kind.startswith("gemma") and name.endswith("norm.weight"):
            values = values + 1
        stem, _, ending = name.rpartition(".")
        stored = quantization if values.ndim > 1 else GGMLQuantizationType.F32
        name = f"{names.get_name(stem)}.{ending}"
        if name not in less:
            writer.add_tensor(name, np.ascontiguousarray(quants.quantize(values, stored)), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return Path(path)


def _interleaved(weight: np.ndarray, head_dim: int) -> np.ndarray:
    """Return rows in the order of llama.cpp, which turns neighbours where transformers turns the two halves."""
    heads = weight.reshape(-1, 2, head_dim // 2, weight.shape[1])
    return heads.swapaxes(1, 2).reshape(weight.shape)


def _add_tokenizer(writer: GGUFWriter, tokenizer) -> None:
    special = set(tokenizer.all_special_ids)
    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.CONTROL if n in special else TokenType.NORMAL for n in range(len(tokens))])
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_chat_template(tokenizer.chat_template)


def _add_sentencepiece(writer: GGUFWriter, size: int) -> None:
    """Add a vocabulary as Gemma's: marks, bytes, letters, and words whose scores fall with their places."""
    marks = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>"]
    pieces = [f"<0x{byte:02X}>" for byte in range(256)]
    letters = ["\u2581", *string.ascii_letters, *string.digits, *".,:;?!'"]
    tokens = (marks + pieces + letters + ["re", "red", "\u2581red"])[:size]
    tokens += [f"<unused{place}>" for place in range(size - len(tokens))]
    kinds = [TokenType.CONTROL] * len(marks) + [TokenType.BYTE] * len(pieces)
    kinds += [
        TokenType.NORMAL if not token.startswith("<unused") else TokenType.UNUSED for token in tokens[len(kinds) :]
    ]
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(place) for place in range(size)])
    writer.add_token_types(kinds)
    for name, place in (("pad", 0), ("eos", 1), ("bos", 2), ("unk", 3)):
        getattr(writer, f"add_{name}_token_id")(place)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(
        "{{ bos_token }}{% for m in messages %}"
        "<start_of_turn>{{ m['role'] }}\n{{ m['content'] }}<end_of_turn>\n{% endfor %}"
    )
