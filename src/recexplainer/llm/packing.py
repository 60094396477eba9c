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
        loss_tokens: how many of them the model learns to produce.
    """

    rows: list[list[int]]
    samples: int
    tokens: int
    loss_tokens: int


def plan_steps(
    samples: list[Encoded], *, batch: int, context: int, epochs: int, max_steps: int | None, seed: int
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
    loss_tokens = np.array([sample.loss_mask[1:].sum() for sample in samples])
    steps: list[Step] = []
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(len(samples))
        for start in range(0, len(order), batch):
            if max_steps is not None and len(steps) >= max_steps:
                return steps
            chosen = order[start : start + batch]
            rows = pack(chosen, lengths, context)
            steps.append(Step(rows, len(chosen), int(lengths[chosen].sum()), int(loss_tokens[chosen].sum())))
    return steps


def pack(chosen: np.ndarray, lengths: np.ndarray, context: int) -> list[list[int]]:
    """First-fit decreasing: put sequences into as few rows of ``context`` tokens as it finds.

    The longest comes first; each goes into the first row that has room for it, or else into a new one. Samples 1 to 4
    have 6, 3, 5 and 2 tokens here: 6 opens a row of 8, in which 2 fits at last, and 5 one in which 3 does.

    >>> pack(chosen=np.array([1, 2, 3, 4]), lengths=np.array([9, 6, 3, 5, 2]), context=8)
    [[1, 4], [3, 2]]

    Args:
        chosen: numbers of samples.
        lengths: in tokens, of all samples; none is over ``context``.
        context: tokens per row.
    """
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

    ``sequence_ids`` numbers a row's sequences from 1 (0 is padding) and ``position_ids`` starts anew in each.
    ``loss_weights`` is what a token counts in the loss. With ``average`` ``samples`` it is 1 over the number of its
    sample's tokens that count, so that samples count alike, as they do in the authors' batches of one sample per
    device; with ``tokens`` it is 1, so that long answers count more. The first token of a sequence never counts, as
    nothing before it predicts it.

    Two samples of 2 and 3 tokens in a row, and one of 4 in another; the model learns the last two tokens of each:

    >>> samples = [Encoded(np.arange(n) + 5, np.zeros(n, int), np.arange(n) >= n - 2) for n in (2, 3, 4)]
    >>> batch = collate([[0, 1], [2]], samples)
    >>> batch["input_ids"].tolist()
    [[5, 6, 5, 6, 7], [5, 6, 7, 8, 0]]
    >>> batch["position_ids"].tolist()
    [[0, 1, 0, 1, 2], [0, 1, 2, 3, 0]]
    >>> batch["sequence_ids"].tolist()
    [[1, 1, 2, 2, 2], [1, 1, 1, 1, 0]]
    >>> batch["loss_weights"].tolist()
    [[0.0, 1.0, 0.0, 0.5, 0.5], [0.0, 0.0, 0.5, 0.5, 0.0]]
    """
    length = max(1, *(sum(len(samples[i]) for i in row) for row in rows)) if rows else 1
    shape = (max(len(rows), 1), length)
    input_ids, embedding_rows, position_ids, sequence_ids = (np.zeros(shape, np.int64) for _ in range(4))
    loss_weights = np.zeros(shape, np.float32)
    for r, row in enumerate(rows):
        start = 0
        for number, index in enumerate(row, start=1):
            sample = samples[index]
            span = slice(start, start + len(sample))
            input_ids[r, span], embedding_rows[r, span] = sample.input_ids, sample.embedding_rows
            position_ids[r, span] = np.arange(len(sample))
            sequence_ids[r, span] = number
            counted = max(1, sample.loss_mask[1:].sum()) if average == "samples" else 1
            loss_weights[r, span] = sample.loss_mask / counted
            loss_weights[r, start] = 0
            start += len(sample)
    arrays = {
        "input_ids": input_ids,
        "embedding_rows": embedding_rows,
        "position_ids": position_ids,
        "sequence_ids": sequence_ids,
        "loss_weights": loss_weights,
    }
    return {name: torch.from_numpy(array) for name, array in arrays.items()}
