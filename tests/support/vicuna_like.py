"""A tiny Llama in a folder like Vicuna's: SentencePiece's tokenizer.model, weights in .bin shards, nothing newer."""

import io
import json
from pathlib import Path

from tiny import WORDS

VICUNA = Path(__file__).parents[2] / "config/chat_templates/vicuna.jinja"


def token(content: str) -> dict:
    """Return a token as such folders write it."""
    flags = {"lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    return {"__type": "AddedToken", "content": content} | flags


def save_tokenizer(folder: Path, texts: list[str] = (), vocabulary: int = 500, **config) -> None:
    """Train a SentencePiece model as Llama's is: BPE, bytes for what it lacks, no normalization.

    Args:
        folder: where to.
        texts: to learn from, beside :data:`tiny.WORDS` and Vicuna's system sentence.
        vocabulary: the most tokens.
        config: more of tokenizer_config.json.
    """
    import sentencepiece

    lines = [" ".join(WORDS[i:] + WORDS[:i]) for i in range(len(WORDS))] * 4 + [*texts]
    system = VICUNA.read_text(encoding="utf-8").split('"')[1]
    lines += [f"{system}USER: What comes next? ASSISTANT: A Yes, a No"] * 8
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        vocab_size=vocabulary,
        hard_vocab_limit=False,
        model_type="bpe",
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        split_digits=True,
        allow_whitespace_only_pieces=True,
        minloglevel=2,
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.model").write_bytes(model.getvalue())
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    own = {name: token(content) for name, content in special.items()} | {"pad_token": None, "sp_model_kwargs": {}}
    own |= {"add_bos_token": True, "add_eos_token": False, "tokenizer_class": "LlamaTokenizer"}
    own |= {"clean_up_tokenization_spaces": False, "model_max_length": 2048, "padding_side": "right"}
    (folder / "tokenizer_config.json").write_text(json.dumps(own | config))


def save_llama(folder: Path, rows: int = 600, hidden: int = 32, layers: int = 2) -> None:
    """Save a random Llama in two .bin shards with an index, and with the buffers that older versions saved."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=rows,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=2,
        max_position_embeddings=512,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    folder.mkdir(parents=True, exist_ok=True)
    config.save_pretrained(folder)
    tensors = LlamaForCausalLM(config).state_dict()
    buffers = {f"model.layers.{n}.self_attn.rotary_emb.inv_freq": torch.ones(hidden // 4) for n in range(layers)}
    names = [*tensors, *buffers]
    shards = {
        name: f"pytorch_model-0000{1 + (place >= len(names) // 2)}-of-00002.bin" for place, name in enumerate(names)
    }
    for shard in sorted(set(shards.values())):
        part = {name: value.clone() for name, value in (tensors | buffers).items() if shards[name] == shard}
        torch.save(part, folder / shard)
    size = sum(value.numel() * value.element_size() for value in tensors.values())
    index = {"metadata": {"total_size": size}, "weight_map": shards}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
