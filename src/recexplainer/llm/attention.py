"""Attention over packed rows: no sequence sees another, and none pays for the others in its row."""

from typing import Any

import torch
from torch import nn

NAME = "packed_sdpa"
"""Under this name transformers knows :func:`_by_sequence`."""


def arguments(llm: nn.Module, sequence_ids: torch.Tensor, dtype: torch.dtype) -> dict[str, Any]:
    """Return what a decoder is called with, beside its input and positions, so that sequences see only themselves.

    Torch's attention is then called once per sequence, in its causal form, which is the fastest. A mask says the same
    to an LLM whose attention is its own, or does not hand ``lengths`` on.

    Args:
        llm: the causal LM; from here on its attention takes ``lengths`` too, if it is torch's.
        sequence_ids: ``(rows, length)``, as :func:`recexplainer.llm.packing.collate` numbers them.
        dtype: of the LLM's states.
    """
    options = {"attention_mask": attention_mask(llm.config, sequence_ids, dtype)}
    if _attends_by_sequence(llm):
        row = torch.arange(len(sequence_ids), device=sequence_ids.device)[:, None]
        _, lengths = (row * (sequence_ids.max() + 1) + sequence_ids).flatten().unique_consecutive(return_counts=True)
        window = _window(llm.config)
        if not window or lengths.max() <= window:
            options["lengths"] = lengths.tolist()
    return options


def _attends_by_sequence(llm: nn.Module) -> bool:
    """Have :func:`_by_sequence` take the place of torch's attention, which it calls; False where that is not used."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    if llm.config._attn_implementation == "sdpa" and llm._can_set_attn_implementation():
        AttentionInterface.register(NAME, _by_sequence)
        AttentionMaskInterface.register(NAME, sdpa_mask)
        llm.set_attn_implementation(NAME)
    return llm.config._attn_implementation == NAME


def _by_sequence(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, lengths: list[int] | None = None, **options: Any
) -> Any:
    """Attend as transformers does with torch's attention, within each sequence of the packed rows if there are any.

    Args:
        module: the layer.
        query, key, value: ``(rows, heads, length, width)``.
        attention_mask: taken where there are no lengths.
        lengths: of the sequences, padding included, row after row; together rows x length tokens.

    Returns:
        ``(rows, length, heads, width)``, and None.
    """
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    if lengths is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    # A processor is slow at the gradients of short sequences in half precision: 4 times as slow as in fp32.
    dtype = torch.float32 if query.device.type == "cpu" else query.dtype
    # Split, not sliced: the gradient of a slice is a tensor of the whole size, mostly zeros.
    columns = (
        states.to(dtype).transpose(0, 1).flatten(1, 2)[None].split(lengths, dim=2) for states in (query, key, value)
    )
    attended = [sdpa_attention_forward(module, *parts, None, **options)[0] for parts in zip(*columns, strict=True)]
    attended = torch.cat(attended, dim=1).to(query.dtype)
    return attended.view(query.shape[0], query.shape[2], *attended.shape[2:]), None


def _window(config: Any) -> int | None:
    """Return how many tokens the layers of an LLM see, or some of them; None for all."""
    return getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None


def attention_mask(
    config: Any, sequence_ids: torch.Tensor, dtype: torch.dtype
) -> torch.Tensor | dict[str, torch.Tensor]:
    """Return the mask of packed rows for an LLM whose layers, or some of them, may see a window of tokens alone.

    Args:
        config: the LLM's, of its text.
        sequence_ids: ``(rows, length)``, as :func:`recexplainer.llm.packing.collate` numbers them.
        dtype: of the LLM's states.

    Returns:
        :func:`block_causal_mask`; with windows the narrower one, or one of each where layers differ. Where attention
        is not torch's own, it is what is added to the scores.
    """

    def finished(visible: torch.Tensor) -> torch.Tensor:
        if config._attn_implementation != "eager":
            return visible
        return torch.zeros(visible.shape, dtype=dtype, device=visible.device).masked_fill(
            ~visible, torch.finfo(dtype).min
        )

    full, window = block_causal_mask(sequence_ids), _window(config)
    if not window or window >= sequence_ids.shape[1]:
        return finished(full)
    position = torch.arange(sequence_ids.shape[1], device=sequence_ids.device)
    narrow = finished(full & (position[:, None] - position[None, :] < window))
    if set(getattr(config, "layer_types", None) or ["sliding_attention"]) == {"sliding_attention"}:
        return narrow
    return {"full_attention": finished(full), "sliding_attention": narrow}


def block_causal_mask(sequence_ids: torch.Tensor) -> torch.Tensor:
    """Return the bool mask ``(rows, 1, length, length)``: a position sees itself and earlier ones of its sequence."""
    same = sequence_ids[:, :, None] == sequence_ids[:, None, :]
    return same.tril()[:, None]
