"""A key-value cache that takes new tokens in place, where transformers' own copies all of itself at every step.

It holds the same numbers, so that answers are the same to the last bit.
"""

from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

ROOM = 64
"""Tokens that a layer makes room for at a time."""


class RoomyLayer(DynamicLayer):
    """The keys and values ``(sequences, heads, length, d)`` of a layer, at the beginning of buffers with room left.

    A beam goes on from another beam of the same prompt, and what was read before the prompt was repeated for its beams
    is the same in all of them. So only the tokens since then are reordered.
    """

    def __init__(self) -> None:
        super().__init__()
        self.keys: torch.Tensor
        self.values: torch.Tensor
        self._buffers: list[torch.Tensor] = []
        self._shared = 0

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add keys and values ``(sequences, heads, new, d)``; return all so far."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        length = self.get_seq_length()
        end = length + key_states.shape[-2]
        added = (key_states, value_states)
        if not self._buffers or self._buffers[0].shape[-2] < end:
            self._buffers = [one.new_empty(*one.shape[:2], end + ROOM, one.shape[-1]) for one in added]
            if length:
                for buffer, states in zip(self._buffers, (self.keys, self.values), strict=True):
                    buffer[:, :, :length] = states
        for buffer, states in zip(self._buffers, added, strict=True):
            buffer[:, :, length:end] = states
        self.keys, self.values = (buffer[:, :, :end] for buffer in self._buffers)
        return self.keys, self.values

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Repeat each sequence, once the prompts are read."""
        super().batch_repeat_interleave(repeats)
        self._buffers, self._shared = [], self.get_seq_length()

    def reorder_cache(self, beam_idx: torch.LongTensor) -> None:
        """Let each sequence go on from the one that ``beam_idx`` ``(sequences,)`` names."""
        for states in (self.keys, self.values):
            own = states[:, :, self._shared :]
            own.copy_(own.index_select(0, beam_idx.to(own.device)))


def roomy_cache(config: Any) -> DynamicCache:
    """Return the empty cache that ``generate`` would make for a model, but with room in layers that look at all tokens.

    Args:
        config: the model's.
    """
    cache = DynamicCache(config=config)
    cache.layers = [RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache
