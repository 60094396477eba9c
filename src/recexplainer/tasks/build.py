"""The task files of one dataset in one mode (sections 2.2 to 2.4)."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from recexplainer.config.tasks import Built
from recexplainer.prompts.phrasings import Prompts, load_prompts
from recexplainer.tasks.balance import balanced
from recexplainer.tasks.classification import classification
from recexplainer.tasks.discrimination import discrimination
from recexplainer.tasks.ranking import ranking
from recexplainer.tasks.reconstruction import reconstruction
from recexplainer.tasks.retrieval import retrieval
from recexplainer.tasks.samples import Renderer, Sample, rows_of
from recexplainer.tasks.schema import write_tasks
from recexplainer.tasks.source import Source, load_source

logger = logging.getLogger(__name__)


def build_tasks(
    *,
    interactions: str,
    items: str,
    embeddings: str,
    labels: str,
    similar: str,
    prompts: str,
    settings: Built,
    seed: int,
    paths: dict[str, Any],
) -> None:
    """Read a dataset and its recommender's labels, and write the mode's training and test samples.

    Args:
        interactions: ``interactions.parquet``.
        items: ``items.parquet``.
        embeddings: the recommender's ``embeddings.safetensors``.
        labels: the recommender's ``labels.parquet``.
        similar: the recommender's ``similar.parquet``.
        prompts: a YAML file of phrasings.
        settings: what the samples are made by.
        seed: of all draws; the same for all modes, so that they differ in nothing but the form.
        paths: the files to write, ``train`` and ``test``.

    Raises:
        InputError: a file or a setting is not what was expected.
    """
    mode, share = settings.mode, settings.share.model_dump(exclude_unset=True) if settings.share else {}
    source = load_source(
        interactions=interactions,
        items=items,
        embeddings=embeddings,
        labels=labels,
        similar=similar,
        max_length=settings.max_length,
        description_words=settings.description_words,
        seed=seed,
    )
    questions = load_prompts(prompts)
    for split, path in paths.items():
        rows = task_rows(
            source,
            questions,
            split=split,
            mode=mode,
            hybrid_forms=settings.hybrid_forms,
            test_share=settings.classification_test_share,
            fields=settings.discrimination_fields,
            share=share,
        )
        counts = write_tasks(path, rows)
        logger.info("%s, %s: %s; in %s", mode, split, ", ".join(f"{n} {task}" for task, n in counts.items()), path)


def task_rows(
    source: Source,
    prompts: Prompts,
    *,
    split: str,
    mode: str,
    hybrid_forms: str,
    test_share: float,
    fields: str = "all",
    share: dict[str, float] | None = None,
) -> Iterator[dict[str, Any]]:
    """Return the samples of a split as rows of the task files.

    ``hybrid_forms`` and ``share`` count for training only: a case is tested once, in the mode's own form.
    """
    samples = _samples(source, prompts, split, test_share, fields, share or {})
    forms = hybrid_forms if split == "train" else "combined"
    return rows_of(samples, Renderer(source.titles), mode, forms, split)


def _samples(
    source: Source, prompts: Prompts, split: str, test_share: float, fields: str, share: dict[str, float]
) -> Iterator[Sample]:
    """Yield the samples of a split, task after task."""
    tasks: dict[str, Callable[[], Iterable[Sample]]] = {
        "retrieval": lambda: retrieval(source, prompts, split),
        "ranking": lambda: ranking(source, prompts, split),
        "classification": lambda: classification(source, prompts, split, test_share),
        "discrimination": lambda: discrimination(source, prompts, fields) if split == "train" else (),
        "reconstruction": lambda: reconstruction(source, prompts, split),
    }
    # Of classification, whose samples are of the longest histories alone, there is more to learn from the shorter ones.
    further: dict[str, Callable[[int], Iterable[Sample]]]
    further = {"classification": lambda time: classification(source, prompts, split, test_share, shorter=time)}
    for task, samples in tasks.items():
        wanted = share.get(task) if split == "train" else None
        yield from balanced(samples(), task, wanted, prompts, source.seed, further.get(task))
