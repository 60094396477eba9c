"""From samples to packed rows: no padding to the context, no sequence that sees another."""

from dataclasses import dataclass

import numpy as np
import torch

from recexplainer.llm.encoding import Encoded


@dataclass
class Step:
    """One optimizer step.

    Attributes:
        rows: the packed rows, each a list of sample numbers.
        samples: how many samples the global batch has.
        tokens: how many tokens the global batch has.
        targets: how many of them the model learns to produce.
    """

    rows: list[list[int]]
    samples: int
    tokens: int
    targets: int


def plan_steps(
    samples: list[Encoded], batch: int, context: int, epochs: int, max_steps: int | None, seed: int
) -> list[Step]:
    """Shuffle each epoch, cut it into global batches and pack each batch into rows.

    The plan depends on the samples and the seed alone, not on how many processes share the work.

    Args:
        samples: the encoded samples.
        batch: samples per optimizer step.
        context: tokens per row.
        epochs: passes over the samples.
        max_steps: an upper limit of steps, or None.
        seed: the seed of the shuffles.
    """
    lengths = np.array([len(sample) for sample in samples])
    targets = np.array([sample.targets[1:].sum() for sample in samples])
    steps: list[Step] = []
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(len(samples))
        for start in range(0, len(order), batch):
            if max_steps is not None and len(steps) >= max_steps:
                return steps
            chosen = order[start : start + batch]
            rows = pack(chosen, lengths, context)
            steps.append(Step(rows, len(chosen), int(lengths[chosen].sum()), int(targets[chosen].sum())))
    return steps


def pack(chosen: np.ndarray, lengths: np.ndarray, context: int) -> list[list[int]]:
    """First-fit decreasing: put sequences into as few rows of ``context`` tokens as it finds."""
    rows: list[list[int]] = []
    free: list[int] = []
    for index in chosen[np.argsort(-lengths[chosen], kind="stable")]:
        need = int(lengths[index])
        place = next((row for row, left in enumerate(free) if left >= need), None)
        if place is None:
            rows.append([])
            free.append(context)
            place = len(rows) - 1
        rows[place].append(int(index))
        free[place] -= need
    return rows


def collate(rows: list[list[int]], samples: list[Encoded], average: str = "samples") -> dict[str, torch.Tensor]:
    """Build the tensors of some packed rows, each ``(rows, longest row)``.

    ``sequences`` numbers a row's sequences from 1 (0 is padding) and ``positions`` starts anew in each.
    ``weights`` is what a token counts in the loss. With ``average`` ``samples`` it is 1 over the number of its sample's
    targets, so that samples count alike, as they do in the authors' batches of one sample per device; with ``tokens``
    it is 1, so that long answers count more. The first token of a sequence is no target, as nothing before it
    predicts it.
    """
    length = max(1, *(sum(len(samples[i]) for i in row) for row in rows)) if rows else 1
    shape = (max(len(rows), 1), length)
    ids, refs, positions, sequences = (np.zeros(shape, np.int64) for _ in range(4))
    weights = np.zeros(shape, np.float32)
    for r, row in enumerate(rows):
        start = 0
        for number, index in enumerate(row, start=1):
            sample = samples[index]
            span = slice(start, start + len(sample))
            ids[r, span], refs[r, span] = sample.ids, sample.refs
            positions[r, span] = np.arange(len(sample))
            sequences[r, span] = number
            weights[r, span] = sample.targets / (max(1, sample.targets[1:].sum()) if average == "samples" else 1)
            weights[r, start] = 0
            start += len(sample)
    arrays = {"ids": ids, "refs": refs, "positions": positions, "sequences": sequences, "weights": weights}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}
