"""The recommender as a function that can be asked again: what reasons and the counterfactual measure need of it.

Any recommender fits that can score a history which it has never seen. Write a function with the signature of
:class:`Scorer` and give it to :func:`recexplainer.faithfulness.measure.measure_cases`; :func:`recommender_scorer` is
one.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np


class Scorer(Protocol):
    """Scores the whole catalogue for some histories."""

    def __call__(self, histories: Sequence[Sequence[int]]) -> np.ndarray:
        """Return ``(histories, items)`` float, the scores that the recommender's decisions rest on.

        Args:
            histories: items, oldest first, at least one each. They need not be as long as each other, and no user is
                named: the score may depend on nothing else. The same history gives the same scores.
        """
        ...


Encoder = Callable[[Sequence[Sequence[int]]], np.ndarray]
"""Maps histories, oldest item first, to user embeddings ``(histories, dim)``."""


def recommender_encoder(model: str | Path, config: str | Path) -> tuple[Encoder, np.ndarray]:
    """Return what embeds histories with a trained recommender, in eval mode (without dropout), and its item embeddings.

    Args:
        model: ``model.safetensors`` of the recommender.
        config: its ``config.json``.

    Raises:
        InputError: a file is missing or broken, or the two do not belong together.
    """
    import torch

    from recexplainer.recommender.training import load_model

    network = load_model(model, config)
    longest = network.max_length

    @torch.no_grad()
    def encode(histories: Sequence[Sequence[int]]) -> np.ndarray:
        kept = [list(history)[-longest:] for history in histories]
        # Left padded with 0; item i is i + 1.
        sequence = np.zeros((len(kept), max(map(len, kept))), dtype=np.int64)
        for row, history in enumerate(kept):
            sequence[row, -len(history) :] = np.asarray(history) + 1
        return network(torch.from_numpy(sequence)).numpy()

    return encode, network.items().detach().numpy()


def recommender_scorer(model: str | Path, config: str | Path) -> Scorer:
    """Return the scorer of a trained recommender; see :func:`recommender_encoder`."""
    encode, items = recommender_encoder(model, config)
    return lambda histories: encode(histories) @ items.T
