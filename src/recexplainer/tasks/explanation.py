"""A seventh task, ours: a verdict and the reasons that the recommender bears out. The paper has no such task.

The paper hopes that an aligned LLM explains, and nothing in its training says how. Here the question is the one that is
asked of every system, and the answer is what :mod:`recexplainer.tasks.reasons` finds, said in drawn sentences.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from recexplainer.config.tasks import Explained
from recexplainer.data.tags import tag_lists, telling
from recexplainer.errors import InputError
from recexplainer.prompts.explanation import load_explanation_prompts
from recexplainer.prompts.phrasings import Phrasing
from recexplainer.recommender.contract import load_embeddings
from recexplainer.recommender.removal import Decision
from recexplainer.recommender.scorer import Scorer
from recexplainer.seeds import make_rng
from recexplainer.tasks.reasons import Reasons, find_reasons
from recexplainer.tasks.samples import History, Renderer, Sample, rows_of
from recexplainer.tasks.schema import write_tasks
from recexplainer.tasks.source import Source, load_source
from recexplainer.tasks.wording import Wording, load_wording

logger = logging.getLogger(__name__)

SHORTEST = 3
"""Items that a history has at least: of fewer there is no order of effects worth learning."""

BLOCK = 500
"""Decisions that the recommender is asked about at once."""


def build_explanations(
    *,
    files: dict[str, str],
    scorer: Scorer,
    question: str,
    wording: str,
    settings: Explained,
    seed: int,
    output: str,
) -> None:
    """Write a mode's training samples of the seventh task.

    Args:
        files: ``interactions``, ``items``, ``embeddings``, ``labels`` and ``similar``, as the other tasks read them.
        scorer: the recommender.
        question: the YAML file with the question of explanations.
        wording: the YAML file of sentences.
        settings: what the samples are made by.
        seed: of all draws; the same for all modes.
        output: the file to write.

    Raises:
        InputError: a file or a setting is not what was expected, or no decision has a reason.
    """
    source = load_source(**files, max_length=settings.max_length, description_words=1, seed=seed)
    tables = load_embeddings(files["embeddings"])
    asked, sentences = load_explanation_prompts(question).question, load_wording(wording)
    samples = explanations(source, scorer, tables, asked, sentences, settings.samples)
    counts = write_tasks(output, rows_of(samples, Renderer(source.titles), settings.mode, settings.hybrid_forms))
    if not counts:
        raise InputError(
            f"{files['labels']}: no decision of a training prefix has a reason; set tasks.explanation.modes: []."
        )
    logger.info("%d samples of explanation in %s", sum(counts.values()), output)


def explanations(
    source: Source,
    scorer: Scorer,
    tables: tuple[np.ndarray, np.ndarray],
    question: Phrasing,
    wording: Wording,
    count: int,
) -> Iterator[Sample]:
    """Yield ``count`` samples, half of them of each verdict as far as there are as many, in the order of the prefixes.

    Args:
        source: the dataset.
        scorer: the recommender.
        tables: (prefixes, dim) and (items, dim), its embeddings.
        question: what is asked.
        wording: in which sentences it is answered.
        count: samples that are wanted.
    """
    tags = telling(tag_lists(source.fields["tags"]))
    selected: list[tuple[int, Decision, Reasons]] = []
    for label, wanted in ((True, count - count // 2), (False, count // 2)):
        decisions = training_decisions(source, tables, label)
        chosen = _with_reasons(decisions, wanted, scorer, tables[1], tags)
        if len(chosen) < wanted:
            logger.warning("%d decisions %s with reasons, %d asked for", len(chosen), "Yes" if label else "No", wanted)
        selected += chosen
    for number, (prefix, decision, reasons) in enumerate(sorted(selected, key=lambda one: (one[0], not one[1].label))):
        rng = make_rng(source.seed, "explanation", "sentences", prefix, decision.target)
        yield Sample(
            name=f"explanation-{number:06d}",
            task="explanation",
            phrasing=question,
            slots={"history": History(prefix, list(decision.history)), "item": [decision.target]},
            answer=wording.answer(reasons, source.titles, rng),
            user=int(source.labels["user"].iat[prefix]),
            prefix=prefix,
            item=decision.target,
        )


def training_decisions(
    source: Source, tables: tuple[np.ndarray, np.ndarray], label: bool
) -> list[tuple[int, Decision]]:
    """Return the decisions of one verdict on the training prefixes, each with its prefix, in random order.

    A user's decisions on the two items that the test prefix is asked about are left out: they are nearly the cases that
    are explained.
    """
    tests = source.prefixes("test").set_index("user")[["positive", "negative"]].to_numpy()
    asked = dict(zip(source.prefixes("test")["user"], tests.tolist(), strict=True))
    rows = source.prefixes("train")
    column = "positive" if label else "negative"
    rows = rows.iloc[make_rng(source.seed, "explanation", column).permutation(len(rows))]
    result = []
    for prefix, user, length, target in zip(
        *(rows[key].tolist() for key in ("prefix", "user", "length", column)), strict=True
    ):
        history = tuple(source.history(user, length))
        if len(history) < SHORTEST or target in asked.get(user, ()):
            continue
        seen, score = tuple(source.sequences[user][:length]), float(tables[0][prefix] @ tables[1][target])
        result.append((prefix, Decision(f"of prefix {prefix}", history, seen, target, label, score)))
    return result


def _with_reasons(
    decisions: Sequence[tuple[int, Decision]], wanted: int, scorer: Scorer, vectors: np.ndarray, tags: Any
) -> list[tuple[int, Decision, Reasons]]:
    """Return the first ``wanted`` decisions that something in the history supports."""
    result: list[tuple[int, Decision, Reasons]] = []
    for start in range(0, len(decisions), BLOCK):
        block = decisions[start : start + BLOCK]
        reasons = find_reasons([decision for _, decision in block], scorer, vectors, tags)
        result += [(*one, why) for one, why in zip(block, reasons, strict=True) if why]
        if len(result) >= wanted:
            break
    return result[:wanted]
