"""A seventh task, ours: a verdict and the reasons that the recommender bears out. The paper has no such task.

The paper hopes that an aligned LLM explains, and nothing in its training says how. Here the question is the one that is
asked of every system, and the answer is what :mod:`recexplainer.tasks.reasons` finds, said in drawn sentences. Some may
be asked from a point of view and answered with its tags alone; each may be asked again for the verdict alone, and
further decisions for the choices alone that bear them out.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recexplainer.checking.checker import load_catalogue
from recexplainer.checking.viewpoints import Viewpoints
from recexplainer.config.tasks import Explained
from recexplainer.data.tags import tag_lists, telling
from recexplainer.errors import InputError
from recexplainer.prompts.explanation import load_explanation_prompts
from recexplainer.prompts.phrasings import Phrasing, load_prompts
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

DRAWN = ("sentences", "viewpoint", "verdict")
"""What is drawn for a decision, each from random numbers of its own: none changes with another one's setting."""


@dataclass(frozen=True)
class Words:
    """In what words decisions are asked and answered.

    Attributes:
        question: what is asked.
        from_viewpoint: what is asked from a point of view, by its name.
        verdict: the phrasings of the question for the verdict alone.
        wording: the sentences of the answers, and the phrasings of the question for the choices alone.
    """

    question: Phrasing
    from_viewpoint: dict[str, Phrasing]
    verdict: list[Phrasing]
    wording: Wording


def build_explanations(
    *,
    files: dict[str, str],
    scorer: Scorer,
    question: str,
    wording: str,
    prompts: str,
    settings: Explained,
    seed: int,
    output: str,
) -> None:
    """Write a mode's training samples of the seventh task.

    Args:
        files: ``interactions``, ``items``, ``embeddings``, ``labels`` and ``similar``, as the other tasks read them.
        scorer: the recommender.
        question: the YAML file with the question of explanations and the points of view.
        wording: the YAML file of sentences.
        prompts: the YAML file of phrasings, in whose classification the verdict alone is asked for.
        settings: what the samples are made by.
        seed: of all draws; the same for all modes.
        output: the file to write.

    Raises:
        InputError: a file or a setting is not what was expected, or no decision has a reason.
    """
    if settings.viewpoint_share and not settings.viewpoints:
        raise InputError("--settings: viewpoint_share without viewpoints; expected what texts name of each of them.")
    source = load_source(**files, max_length=settings.max_length, description_words=1, seed=seed)
    tables = load_embeddings(files["embeddings"])
    asked = load_explanation_prompts(question)
    words = Words(
        asked.question,
        {view: asked.question_from(view) for view in settings.viewpoints},
        load_prompts(prompts).phrasings["classification"],
        load_wording(wording),
    )
    reader = Viewpoints(settings.viewpoints, load_catalogue(files["items"])) if settings.viewpoint_share else None
    samples = explanations(source, scorer, tables, words, settings, reader)
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
    words: Words,
    settings: Explained,
    reader: Viewpoints | None = None,
) -> Iterator[Sample]:
    """Yield the samples, half of them of each verdict as far as there are as many, in the order of the prefixes.

    With ``verdict_alone`` there is a second one behind each. Those of ``choices_alone`` follow, of further decisions.

    Args:
        source: the dataset.
        scorer: the recommender.
        tables: (prefixes, dim) and (items, dim), its embeddings.
        words: in what words it is asked and answered.
        settings: what the samples are made by.
        reader: tells of which points of view tags speak; None: no decision is asked from one.
    """
    tags = telling(tag_lists(source.fields["tags"]))
    by_view = tags_by_viewpoint(tags, reader) if reader else {}
    explained: list[tuple[int, Decision, Reasons]] = []
    asked: list[tuple[int, Decision, Reasons]] = []
    for label in (True, False):
        # Of an odd number one more Yes.
        most, more = ((count + label) // 2 for count in (settings.samples, settings.choices_alone))
        decisions = training_decisions(source, tables, label)
        chosen = _with_reasons(decisions, most + more, scorer, tables[1], tags)
        if len(chosen) < most + more:
            verdict = "Yes" if label else "No"
            logger.warning("%d decisions %s with reasons, %d asked for", len(chosen), verdict, most + more)
        explained += chosen[:most]
        asked += chosen[most:]
    for number, (prefix, decision, reasons) in enumerate(_in_order(explained)):
        drawn = {name: make_rng(source.seed, "explanation", name, prefix, decision.target) for name in DRAWN}
        question, said = _asked(reasons, words, by_view, settings.viewpoint_share, drawn["viewpoint"])
        answer = words.wording.answer(said, source.titles, drawn["sentences"])
        sample = _sample(f"explanation-{number:06d}", source, prefix, decision, question, answer)
        yield sample
        if settings.verdict_alone:
            yield sample._replace(
                name=f"verdict-{number:06d}",
                phrasing=words.verdict[drawn["verdict"].integers(len(words.verdict))],
                answer="Yes" if decision.label else "No",
            )
    for number, (prefix, decision, reasons) in enumerate(_in_order(asked)):
        rng = make_rng(source.seed, "explanation", "choices", prefix, decision.target)
        phrasings = words.wording.choices[decision.label]
        question, answer = phrasings[rng.integers(len(phrasings))], words.wording.cited(reasons, source.titles)
        yield _sample(f"choices-{number:06d}", source, prefix, decision, question, answer)


def _in_order(decisions: Iterable[tuple[int, Decision, Reasons]]) -> list[tuple[int, Decision, Reasons]]:
    """Return decisions in the order of their prefixes, of one prefix the Yes first."""
    return sorted(decisions, key=lambda one: (one[0], not one[1].label))


def _sample(name: str, source: Source, prefix: int, decision: Decision, question: Phrasing, answer: str) -> Sample:
    """Return a sample about one decision."""
    return Sample(
        name=name,
        task="explanation",
        phrasing=question,
        slots={"history": History(prefix, list(decision.history)), "item": [decision.target]},
        answer=answer,
        user=int(source.labels["user"].iat[prefix]),
        prefix=prefix,
        item=decision.target,
    )


def tags_by_viewpoint(tags: Iterable[Iterable[str]], reader: Viewpoints) -> dict[str, set[str]]:
    """Return the tags that speak of each point of view and of no other one.

    Args:
        tags: of every item.
        reader: tells of which points of view a text speaks.
    """
    result: dict[str, set[str]] = {view: set() for view in reader.values}
    for tag in {tag for own in tags for tag in own}:
        if len(named := reader.named_in(tag)) == 1:
            result[min(named)].add(tag)
    for view in (view for view, own in result.items() if not own):
        logger.warning("no tag speaks of the point of view %r alone: no decision is asked from it", view)
    return result


def _asked(
    reasons: Reasons, words: Words, by_view: Mapping[str, set[str]], share: float, rng: np.random.Generator
) -> tuple[Phrasing, Reasons]:
    """Return what is asked of a decision, from a point of view or from none, and the reasons that answer it."""
    seen = {view: part for view, tags in by_view.items() if (part := reasons.of(tags))}
    if not seen or rng.random() >= share:
        return words.question, reasons
    view = sorted(seen)[rng.integers(len(seen))]
    return words.from_viewpoint[view], seen[view]


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
