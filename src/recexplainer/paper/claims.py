"""What the paper claims in words, and whether our predictions and ratings bear it out.

A claim says that some systems are ahead of others, everywhere: it is *supported* if every comparison holds in every
dataset, *not supported* if one does not, and *not run* if what is missing leaves it open. Ablations are asked for in
some datasets only; their comparisons are about these. A
comparison holds in a dataset if the mean difference has the right sign and differs from zero (p < 0.05, two-sided,
corrected by Holm's method for the number of datasets). All comparisons of a claim have to hold, so there is no further
correction for their number.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations

from recexplainer.errors import InputError
from recexplainer.explanation.judgements import load_judgements
from recexplainer.explanation.table3 import Ratings, by_system
from recexplainer.paper.numbers import number, read_rows
from recexplainer.paper.paired import RESAMPLES, Difference, case_values, holm, paired_bootstrap, paired_ratings
from recexplainer.seeds import generator

logger = logging.getLogger(__name__)

LEVEL = 0.05
RATING = "rating"
"""The metric of explanations, beside those of table 2."""
ABLATION = "-no_"
"""What the names of ablations have and those of other systems have not."""

COLUMNS = "claim words where verdict held compared missing datasets data test detail".split()

Measure = Callable[[str, str, str, str], Difference | None]
"""From dataset, metric and two systems to their difference; None where one of them is not there."""


@dataclass(frozen=True)
class Ahead:
    """One comparison: a system is ahead of another on a metric, in every dataset."""

    system: str
    other: str
    metric: str


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        name: short, of our own.
        words: what is claimed, in our words.
        where: the paper's section or table.
        comparisons: that have to hold; none for the claim about the order of judges and people.
    """

    name: str
    words: str
    where: str
    comparisons: tuple[Ahead, ...]


def _all(systems: list[str], others: list[str], metrics: list[str]) -> tuple[Ahead, ...]:
    """Return every one of the systems ahead of every one of the others on every metric."""
    return tuple(Ahead(system, other, metric) for metric in metrics for system in systems for other in others)


BEHAVIOR, INTENTION, HYBRID = "behavior-full", "intention-full", "hybrid-full"
LABELS = {
    "retrieval_hr5": "retrieval H@5",
    "retrieval_ndcg5": "retrieval N@5",
    "ranking_ndcg5": "ranking N@5",
    "classification_acc": "classification accuracy",
    "history_hcr": "history coverage",
    RATING: "rating",
}

CLAIMS = (
    Claim(
        "popularity_over_random",
        "Popularity imitates the recommender better than chance in retrieval and ranking.",
        "table 2",
        _all(["popularity"], ["random"], ["retrieval_hr5", "ranking_ndcg5"]),
    ),
    Claim(
        "base_below_random",
        "The LLM without alignment ranks worse than chance.",
        "section 3.3",
        _all(["random"], ["base"], ["ranking_ndcg5"]),
    ),
    Claim(
        "aligned_over_baselines",
        "All three alignments are ahead of chance, popularity and the LLM without alignment on every task.",
        "section 3.3",
        _all([BEHAVIOR, INTENTION, HYBRID], ["random", "popularity", "base"], ["retrieval_hr5", "ranking_ndcg5"])
        + _all([BEHAVIOR, INTENTION, HYBRID], ["random", "base"], ["classification_acc"]),
    ),
    Claim(
        "intention_over_behavior",
        "Intention alignment is ahead of behavior alignment in retrieval.",
        "section 3.3",
        _all([INTENTION], [BEHAVIOR], ["retrieval_hr5"]),
    ),
    Claim(
        "hybrid_over_behavior",
        "Hybrid alignment is ahead of behavior alignment in ranking.",
        "section 3.3",
        _all([HYBRID], [BEHAVIOR], ["ranking_ndcg5"]),
    ),
    Claim(
        "embeddings_help_classification",
        "Both alignments that read embeddings are ahead of behavior alignment in classification.",
        "section 3.3",
        _all([INTENTION, HYBRID], [BEHAVIOR], ["classification_acc"]),
    ),
    Claim(
        "hybrid_recalls_more",
        "Hybrid alignment recalls more of the history than intention alignment.",
        "section 3.3",
        _all([HYBRID], [INTENTION], ["history_hcr"]),
    ),
    Claim(
        "hybrid_explains_best",
        "Hybrid alignment gives the best explanations.",
        "section 3.4",
        _all([HYBRID], [BEHAVIOR, INTENTION, "base", "chatgpt"], [RATING]),
    ),
    Claim(
        "behavior_explains_second",
        "Behavior alignment gives the second best explanations.",
        "section 3.4",
        _all([HYBRID], [BEHAVIOR], [RATING]) + _all([BEHAVIOR], [INTENTION, "base", "chatgpt"], [RATING]),
    ),
    Claim(
        "intention_explains_worst",
        "Intention alignment gives the worst explanations.",
        "section 3.4",
        _all([BEHAVIOR, HYBRID, "base", "chatgpt"], [INTENTION], [RATING]),
    ),
    Claim(
        "judge_agrees_with_people",
        "GPT-4 puts the systems in the order in which people put them.",
        "section 3.4",
        (),
    ),
    Claim(
        "ablations_lower_their_task",
        "Leaving a task out lowers the hybrid alignment's own metric of that task.",
        "section 3.6, figure 6",
        _all([HYBRID], ["hybrid-no_retrieval_ranking"], ["retrieval_hr5", "ranking_ndcg5"])
        + _all([HYBRID], ["hybrid-no_classification"], ["classification_acc"])
        + _all([HYBRID], ["hybrid-no_reconstruction"], ["history_hcr"]),
    ),
    Claim(
        "ablations_lower_explanations",
        "Leaving out reconstruction or classification makes the hybrid alignment's explanations worse.",
        "section 3.6, figure 6",
        _all([HYBRID], ["hybrid-no_reconstruction", "hybrid-no_classification"], [RATING]),
    ),
)


def judge_claims(
    predictions: Mapping[tuple[str, str], str],
    judgements: Mapping[str, list[str]],
    human: str | None,
    settings: Mapping,
    seed: int,
) -> list[dict]:
    """Return one row per claim, with the columns :data:`COLUMNS`.

    Args:
        predictions: the folder of each dataset and system.
        judgements: the files of each dataset by the one judge of the settings, of systems and of ablations.
        human: the table of people's mean ratings; None without a study.
        settings: ``judge``; ``generated``, the datasets that are made up; ``coverage_counts``;
            ``names``, what systems are called in the table of people's ratings; ``study``, its dataset.
        seed: of the resamples, which are the same for every pair of systems.

    Returns:
        ``held`` of ``compared`` comparisons hold, a comparison in two datasets counting twice; ``missing`` ones could
        not be made. ``data`` is ``synthetic`` if one of the ``datasets`` is made up, ``real`` if not, and "" if nothing
        could be compared.

    Raises:
        InputError: a file is missing or broken.
    """
    ratings = _read_ratings(judgements, settings["judge"])
    datasets = list(dict.fromkeys([dataset for dataset, _ in predictions] + list(ratings)))
    measure = _measure(predictions, ratings, settings, seed)
    rows = []
    for claim in CLAIMS:
        if claim.comparisons:
            row = _judge(claim, datasets, measure, settings["judge"])
        else:
            row = _same_order(ratings.get(settings["study"], {}), human, settings)
        used = row["datasets"]
        data = "" if not used else "synthetic" if set(used) & set(settings["generated"]) else "real"
        row |= {"claim": claim.name, "words": claim.words, "where": claim.where}
        rows.append(row | {"data": data, "datasets": ", ".join(used)})
        logger.info("%s: %s (%s)", claim.name, row["verdict"], data or "nothing to compare")
    return [{name: row[name] for name in COLUMNS} for row in rows]


def _read_ratings(judgements: Mapping[str, list[str]], judge: str) -> dict[str, Ratings]:
    """Return the judge's ratings of each dataset, those of systems and of ablations together."""
    result: dict[str, Ratings] = {}
    for dataset, paths in judgements.items():
        for path in paths:
            rows = load_judgements(path)
            other = next((row["judge"] for row in rows if row["judge"] != judge), None)
            if other is not None:
                raise InputError(f"{path}: judge {other!r}; expected {judge!r} alone. Judge again.")
            result.setdefault(dataset, {}).update(by_system(rows))
    return result


def _measure(
    predictions: Mapping[tuple[str, str], str], ratings: Mapping[str, Ratings], settings: Mapping, seed: int
) -> Measure:
    """Return what compares two systems of a dataset on a metric."""

    @cache
    def values(dataset: str, system: str, metric: str):
        return case_values(predictions[dataset, system], metric, settings["coverage_counts"])

    def measure(dataset: str, metric: str, system: str, other: str) -> Difference | None:
        if metric == RATING:
            of = ratings.get(dataset, {})
            return paired_ratings(of[system], of[other]) if system in of and other in of else None
        if (dataset, system) not in predictions or (dataset, other) not in predictions:
            return None
        rng = generator(seed, "claims", dataset, metric)
        return paired_bootstrap(values(dataset, system, metric), values(dataset, other, metric), RESAMPLES, rng)

    return measure


def _judge(claim: Claim, datasets: list[str], measure: Measure, judge: str) -> dict:
    """Return verdict, counts, test and detail of a claim about who is ahead of whom."""
    held, compared, details, used, missing = 0, 0, [], set(), []
    for ahead in claim.comparisons:
        found = {dataset: measure(dataset, ahead.metric, ahead.system, ahead.other) for dataset in datasets}
        found = {dataset: difference for dataset, difference in found.items() if difference}
        what = f"{ahead.system} against {ahead.other}, {LABELS[ahead.metric]}"
        if ABLATION not in ahead.other:
            missing += [f"{dataset}, {what}" for dataset in datasets if dataset not in found]
        elif not found:
            missing.append(what)
        adjusted = holm([difference.p_value for difference in found.values()])
        for (dataset, difference), p_value in zip(found.items(), adjusted, strict=True):
            holds = difference.mean > 0 and p_value < LEVEL
            held, compared = held + holds, compared + 1
            used.add(dataset)
            details.append(f"{dataset}, {what}: {_shown(difference, p_value)}: {'holds' if holds else 'does not hold'}")
    verdict = "not supported" if held < compared else "not run" if missing or not compared else "supported"
    rated = any(ahead.metric == RATING for ahead in claim.comparisons)
    test = f"paired Wilcoxon over ratings by {judge or 'no judge'}" if rated else "paired bootstrap over users"
    return {
        "verdict": verdict,
        "held": held,
        "compared": compared,
        "missing": len(missing),
        "datasets": [dataset for dataset in datasets if dataset in used],
        "test": f"{test}, Holm over datasets",
        "detail": "; ".join(details + [f"{what}: not run" for what in missing]),
    }


def _shown(difference: Difference, p_value: float) -> str:
    """Return a difference in words."""
    interval = "" if difference.low is None else f" ({difference.low:+.4f} to {difference.high:+.4f})"
    return f"{difference.mean:+.4f}{interval} over {difference.cases} cases, p = {p_value:.2g}"


def _same_order(ratings: Ratings, human: str | None, settings: Mapping) -> dict:
    """Return verdict, counts, test and detail of the claim that the judge orders the systems as people do.

    It is about GPT-4 and people: neither the offline rubric nor simulated raters can bear on it.
    """
    row = {"verdict": "not run", "held": 0, "compared": 0, "missing": 1, "datasets": []}
    row["test"] = f"order of the mean ratings by {settings['judge'] or 'no judge'} and by people"
    if human is None or settings["judge"] in (None, "rubric"):
        why = "there are no ratings by people" if human is None else "GPT-4 has not rated"
        return row | {"detail": f"{why}: not run"}
    people = read_rows(human, ["method", "mean", "source"])
    if any(rater["source"] != "people" for rater in people):
        return row | {"detail": "the raters are simulated: not run"}
    means = {rater["method"]: number(rater["mean"], human, rater["method"]) for rater in people}
    both = []
    for system, cases in ratings.items():
        rated = [rating for rating in cases.values() if rating is not None]
        name = settings["names"].get(system, system)
        if rated and means.get(name) is not None:
            both.append((name, sum(rated) / len(rated), means[name]))
    absent = [name for name in means if name not in [system for system, _, _ in both]]
    pairs = list(combinations(both, 2))
    if absent or not pairs:
        why = f"no rating by {settings['judge']} of {absent[0]}" if absent else "fewer than two systems have ratings"
        return row | {"detail": f"{why}: not run"}
    unlike = [f"{a[0]} and {b[0]} in another order" for a, b in pairs if _sign(a[1] - b[1]) != _sign(a[2] - b[2])]
    return row | {
        "verdict": "not supported" if unlike else "supported",
        "held": len(pairs) - len(unlike),
        "compared": len(pairs),
        "missing": 0,
        "datasets": [settings["study"]],
        "detail": "; ".join([f"{name}: judge {rated:.3f}, people {mean:.3f}" for name, rated, mean in both] + unlike),
    }


def _sign(value: float) -> int:
    """Return -1, 0 or 1; means that differ by less than rounding does are equal."""
    return 0 if abs(value) < 5e-5 else 1 if value > 0 else -1
