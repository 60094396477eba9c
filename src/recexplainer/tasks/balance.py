"""How often the samples of a task are trained on: the mix of tasks decides what a short training learns first.

The paper takes every sample once; with few steps the rare tasks (discrimination, classification) are hardly seen.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from recexplainer.prompts.phrasings import Prompts
from recexplainer.seeds import make_rng
from recexplainer.tasks.samples import Sample


def balanced(
    samples: Iterable[Sample],
    task: str,
    share: float | None,
    prompts: Prompts,
    seed: int,
    further: Callable[[int], Iterable[Sample]] | None = None,
) -> Iterator[Sample]:
    """Yield a task's training samples ``share`` times.

    Of n samples, ``round(share * n)`` are yielded: each as often as the whole part of ``share`` says, and a random
    choice of them once more. The first time a sample is as it was; each further time another one stands for it, or else
    its phrasing, and the order of items to be ranked, are drawn anew.

    Args:
        samples: of the task.
        task: its name.
        share: more than 0; None for each sample once.
        prompts: the phrasings.
        seed: of the draws.
        further: gives, for the first further time, the second and so on, what stands for each sample; None for the
            sample itself in other words.
    """
    if share is None:
        yield from samples
        return
    samples = list(samples)
    rng = make_rng(seed, "balance", task)
    order, wanted = rng.permutation(len(samples)), round(share * len(samples))
    for time, start in enumerate(range(0, wanted, max(1, len(samples)))):
        others = list(further(time)) if time and further else samples
        for place in np.sort(order[: wanted - start]):
            if time and further:
                yield others[place]._replace(name=f"{samples[place].name}.{time}")
            elif time:
                yield _again(samples[place], time, prompts.phrasings[task], rng)
            else:
                yield samples[place]


def _again(sample: Sample, time: int, phrasings: list[Any], rng: np.random.Generator) -> Sample:
    """Return a sample as it is asked another time."""
    slots = dict(sample.slots)
    if "items" in slots:
        items: Any = slots["items"]
        slots["items"] = [items[place] for place in rng.permutation(len(items))]
    return sample._replace(name=f"{sample.name}.{time}", phrasing=phrasings[rng.integers(len(phrasings))], slots=slots)
