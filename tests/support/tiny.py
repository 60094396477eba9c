"""A tiny tokenizer and Llama for tests, made in a second."""

from pathlib import Path

import torch

from recexplainer.llm.scratch import train_tokenizer

TEMPLATE = Path(__file__).parents[2] / "config" / "chat_templates" / "plain.jinja"
WORDS = "red green blue gold silver amber river stone wolf raven tower garden knight dragon castle forest".split()


def tiny_tokenizer(vocabulary: int = 400):
    """Return a tokenizer that knows :data:`WORDS`."""
    texts = [" ".join(WORDS[i:] + WORDS[:i]) for i in range(len(WORDS))] * 4
    texts += ["USER: ASSISTANT: Yes No; What comes next?"] * 8
    return train_tokenizer(texts, vocabulary, str(TEMPLATE))


def tiny_llama(tokenizer, hidden: int = 32, layers: int = 2, seed: int = 0):
    """Return a random Llama."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=hidden,
            intermediate_size=2 * hidden,
            num_hidden_layers=layers,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=512,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    ).eval()


def text(value: str) -> dict:
    return {"kind": "text", "text": value, "ref": -1}


def chat(*segments_of_turns: list[dict]) -> list[dict]:
    """Return messages that alternate from the user, one list of segments each."""
    return [
        {"role": "user" if turn % 2 == 0 else "assistant", "segments": segments}
        for turn, segments in enumerate(segments_of_turns)
    ]
