"""The task files of one dataset in one mode (sections 2.2 to 2.4)."""

import logging
from collections.abc import Iterator

from recexplainer.errors import InputError
from recexplainer.tasks.classification import classification
from recexplainer.tasks.discrimination import discrimination
from recexplainer.tasks.forms import Renderer, Sample, forms_of
from recexplainer.tasks.prompts import ASKED_FIELDS, Prompts, load_prompts
from recexplainer.tasks.ranking import ranking
from recexplainer.tasks.reconstruction import reconstruction
from recexplainer.tasks.retrieval import retrieval
from recexplainer.tasks.schema import MODES, write_tasks
from recexplainer.tasks.source import Source, load_source

logger = logging.getLogger(__name__)


def build_tasks(
    interactions: str,
    items: str,
    embeddings: str,
    labels: str,
    similar: str,
    prompts: str,
    settings: dict,
    seed: int,
    paths: dict,
) -> None:
    """Read a dataset and its recommender's labels, and write the mode's training and test samples.

    Args:
        interactions: ``interactions.parquet``.
        items: ``items.parquet``.
        embeddings: the recommender's ``embeddings.safetensors``.
        labels: the recommender's ``labels.parquet``.
        similar: the recommender's ``similar.parquet``.
        prompts: a YAML file of phrasings.
        settings: ``mode``, ``max_length`` (the recommender's), ``hybrid_forms`` (``combined`` or ``all``),
            ``discrimination_fields`` (``all`` or ``no_tags``), ``classification_test_share`` and ``description_words``.
        seed: of all draws; the same for all modes, so that they differ in nothing but the form.
        paths: the files to write, ``train`` and ``test``.

    Raises:
        InputError: a file or a setting is not what was expected.
    """
    mode, hybrid_forms = settings["mode"], settings["hybrid_forms"]
    if mode not in MODES or hybrid_forms not in ("combined", "all"):
        raise InputError(
            f"mode {mode!r}, hybrid_forms {hybrid_forms!r}: expected a mode of {', '.join(MODES)} "
            "and the forms combined or all."
        )
    if settings["discrimination_fields"] not in ASKED_FIELDS:
        raise InputError(f"discrimination_fields {settings['discrimination_fields']!r}: expected all or no_tags.")
    source = load_source(
        interactions, items, embeddings, labels, similar, settings["max_length"], settings["description_words"], seed
    )
    questions = load_prompts(prompts)
    for split, path in paths.items():
        share, fields = settings["classification_test_share"], settings["discrimination_fields"]
        rows = task_rows(source, questions, split, mode, hybrid_forms, share, fields)
        counts = write_tasks(path, rows)
        logger.info("%s, %s: %s; in %s", mode, split, ", ".join(f"{n} {task}" for task, n in counts.items()), path)


def task_rows(
    source: Source, prompts: Prompts, split: str, mode: str, hybrid_forms: str, test_share: float, fields: str = "all"
) -> Iterator[dict]:
    """Yield the samples of a split as rows of the task files.

    ``hybrid_forms`` counts for training only: a case is tested once, in the mode's own form.
    """
    renderer = Renderer(source.titles)
    for sample in _samples(source, prompts, split, test_share, fields):
        for place, form in enumerate(forms_of(sample, mode, hybrid_forms if split == "train" else "combined")):
            yield {
                "sample": f"{sample.name}-{form}" if place else sample.name,
                "task": sample.task,
                "user": sample.user,
                "prefix": sample.prefix,
                "item": sample.item,
                "messages": renderer.messages(sample, form),
                "target": sample.target if split == "test" else [],
                "candidates": sample.candidates if split == "test" else [],
            }


def _samples(source: Source, prompts: Prompts, split: str, test_share: float, fields: str) -> Iterator[Sample]:
    """Yield the samples of a split, task after task."""
    yield from retrieval(source, prompts, split)
    yield from ranking(source, prompts, split)
    yield from classification(source, prompts, split, test_share)
    if split == "train":
        yield from discrimination(source, prompts, fields)
    yield from reconstruction(source, prompts, split)
