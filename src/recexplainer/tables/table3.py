"""Table 3: how the judges rate each system's explanations, and how far the judges agree (section 3.4)."""

import logging
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from recexplainer.checking.wordiness import has_no_reason, repeats_itself
from recexplainer.config.shown import Tabled
from recexplainer.errors import InputError
from recexplainer.evaluation.metrics import correct
from recexplainer.explanation.texts import EXPLANATIONS
from recexplainer.faithfulness.controls import is_control, over_best, verdict
from recexplainer.files import read_parquet, write_csv
from recexplainer.judgement.judgements import load_judgements
from recexplainer.seeds import make_rng
from recexplainer.statistics.agreement import spearman, weighted_kappa
from recexplainer.statistics.discovery import benjamini_hochberg
from recexplainer.statistics.intervals import estimate

logger = logging.getLogger(__name__)

Ratings = dict[str, dict[str, int | None]]
"""Per system, in order, the rating of each case; None for a failed judgement."""

TABLE = [
    *("judge", "method", "dataset", "cases", "rating", "rating_low", "rating_high", "failed", "best", "p_value"),
    *("p_adjusted", "decision_accuracy", "judge_agreement", "without_reason", "repeating"),
    *("best_control", "over_control", "over_control_low", "over_control_high", "better_than_words"),
]
JUDGES = ["judge_a", "judge_b", "dataset", "n", "weighted_kappa", "spearman", "agreement"]


def table3(
    *,
    judgements: list[str],
    judgement_rows: Sequence[Sequence[str]],
    explanations: list[str],
    explanation_rows: Sequence[Sequence[str]],
    settings: Tabled,
    seed: int,
    output: str,
    judges: str,
) -> None:
    """Write the table of ratings and the table of the judges' agreement.

    Args:
        judgements: one file per judge and dataset; a second one where a judge has rated the controls apart.
        judgement_rows: the dataset and the judge of each, in the same order.
        explanations: one file per system and dataset.
        explanation_rows: the dataset and the system of each, in the same order.
        settings: the number of resamples, and what a system is called in the table.
        seed: of the resamples, which are the same for every system.
        output: the CSV of ratings, one row per judge, dataset and system, with the columns :data:`TABLE`. ``rating`` is
            the mean over the rated cases with the ends of its 95 % interval; ``failed`` counts judgements without a
            rating; ``p_value`` compares with the ``best`` system of the judge and dataset on the cases that both have
            (Wilcoxon signed-rank, two-sided), ``p_adjusted`` is corrected for the number of systems
            (Benjamini-Hochberg), and both are empty for the best; ``decision_accuracy`` is the share of all cases whose
            text decides as the recommender does; ``judge_agreement`` the share of ratings that are 1 exactly when the
            decision is wrong; ``without_reason`` and ``repeating``, whoever judges, are the shares of all texts with
            fewer than ten words beyond the verdict, and with a ratio of distinct bigrams under 0.6
            (:mod:`recexplainer.checking.wordiness`). Where the judge has rated the controls, ``over_control`` is the
            mean rating less that of the ``best_control``, paired over the cases, and a system is ``better_than_words``
            where the interval is above zero; controls are compared with nothing.
        judges: the CSV of agreement, one row per dataset and pair of judges, with the columns :data:`JUDGES`,
            over the texts that both have rated; a value that is undefined (a judge without variation) is empty.

    Raises:
        InputError: the lists differ in length, a file is missing, or judgements are of other cases or systems.
    """
    if len(judgements) != len(judgement_rows) or len(explanations) != len(explanation_rows):
        raise InputError("--judgements and --explanations: expected one entry of their rows for each file.")
    texts = {
        (dataset, system): read_parquet(path, EXPLANATIONS)
        for path, (dataset, system) in zip(explanations, explanation_rows, strict=True)
    }
    right = {key: _decisions(frame) for key, frame in texts.items()}
    wordy = {key: _wordiness(frame) for key, frame in texts.items()}
    ratings: dict[tuple[str, str], Ratings] = {}
    for path, (dataset, judge) in zip(judgements, judgement_rows, strict=True):
        rated = by_system(load_judgements(path))
        ratings.setdefault((dataset, judge), {}).update(rated)
        for system, cases in rated.items():
            if set(cases) != set(right.get((dataset, system), ())):
                raise InputError(f"{path}: {system}: expected one row for each explanation of {dataset}. Judge again.")
    names = settings.names
    rows = [
        {"judge": judge, "method": names.get(row["method"], row["method"]), "dataset": dataset}
        | {key: value for key, value in row.items() if key != "method"}
        | wordy[dataset, row["method"]]
        for (dataset, judge), systems in ratings.items()
        for row in rate_systems(
            systems,
            {system: right[dataset, system] for system in systems},
            settings.bootstrap,
            seed,
            dataset,
        )
    ]
    write_csv(output, pd.DataFrame(rows, columns=TABLE))
    pairs = [
        {"judge_a": first[1], "judge_b": second[1], "dataset": first[0], **compare(ratings[first], ratings[second])}
        for first, second in combinations(ratings, 2)
        if first[0] == second[0]
    ]
    write_csv(judges, pd.DataFrame(pairs, columns=JUDGES))
    logger.info("%d rows in %s, %d in %s", len(rows), output, len(pairs), judges)


def _wordiness(frame: pd.DataFrame) -> dict[str, float | None]:
    """Return the shares of texts without a reason and of those that repeat themselves."""
    texts = [text if isinstance(text, str) else None for text in frame["text"]]
    measures = {"without_reason": has_no_reason, "repeating": repeats_itself}
    return {name: float(np.mean([*map(measure, texts)])) if texts else None for name, measure in measures.items()}


def _decisions(frame: pd.DataFrame) -> dict[str, bool]:
    """Return of each case whether the text decides as the recommender does."""
    return {
        case: bool(correct(label, decision))
        for case, label, decision in zip(frame["case"], frame["label"], frame["decision"], strict=True)
    }


def by_system(judgements: list[dict[str, Any]]) -> Ratings:
    """Return the ratings of one judge by system and case, both in the order of the file."""
    result: Ratings = {}
    for row in judgements:
        result.setdefault(row["system"], {})[row["case"]] = row["rating"]
    return result


def rate_systems(
    ratings: Ratings, right: dict[str, dict[str, bool]], resamples: int, seed: int, dataset: str
) -> list[dict[str, Any]]:
    """Return one row of table 3 per system, for one judge and dataset.

    Args:
        ratings: of the judge.
        right: per system and case, whether the decision is the recommender's.
        resamples: of the cases, for the intervals.
        seed: of the resamples.
        dataset: part of the seed.
    """
    rows = []
    for system, cases in ratings.items():
        rated = {case: rating for case, rating in cases.items() if rating is not None}
        row: dict[str, Any] = {"method": system, "cases": len(rated), "failed": len(cases) - len(rated)}
        row |= {"rating": None, "rating_low": None, "rating_high": None, "judge_agreement": None}
        if rated:
            rng = make_rng(seed, "bootstrap", dataset)
            mean = estimate(list(rated.values()), range(len(rated)), resamples, rng)
            row |= {"rating": mean.mean, "rating_low": mean.low, "rating_high": mean.high}
            row["judge_agreement"] = np.mean([(rated[case] == 1) != right[system][case] for case in rated])
        row["decision_accuracy"] = np.mean(list(right[system].values())) if right[system] else None
        rows.append(row | _over_controls(ratings, system, resamples, make_rng(seed, "bootstrap", dataset)))
    # The first of equals, in the order of the systems.
    rivals = [row for row in rows if row["cases"] and not is_control(row["method"])]
    best: Any = max(rivals, key=lambda row: row["rating"], default=None)
    others = [row for row in rivals if row is not best]
    values = [signed_rank(ratings[best["method"]], ratings[row["method"]]) for row in others]
    adjusted = benjamini_hochberg(values)
    for row in rows:
        row |= {"best": row is best, "p_value": None, "p_adjusted": None}
    for row, p_value, p_adjusted in zip(others, values, adjusted, strict=True):
        row |= {"p_value": p_value, "p_adjusted": p_adjusted}
    return rows


def _over_controls(ratings: Ratings, system: str, resamples: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return how far a system's mean rating is above that of the best control, over the cases that all have rated."""
    controls = [name for name in ratings if is_control(name)]
    if is_control(system) or not controls:
        return {}
    rows = [[ratings[name].get(case) for name in (system, *controls)] for case in ratings[system]]
    values = np.array([row for row in rows if None not in row], dtype=float)
    if not len(values):
        return {}
    sampled = values[rng.integers(len(values), size=(resamples, len(values)))].mean(axis=1).T
    own, *others = zip(values.mean(axis=0), sampled, strict=True)
    compared = over_best(own, dict(zip(controls, others, strict=True)))
    assert compared is not None  # there are controls
    best, value, over = compared
    low, high = np.percentile(over, [2.5, 97.5])
    result = {"best_control": best, "over_control": value, "over_control_low": low, "over_control_high": high}
    return result | {"better_than_words": verdict(low)}


def signed_rank(first: dict[str, int | None], second: dict[str, int | None]) -> float:
    """Return the two-sided p-value of Wilcoxon's signed-rank test on the cases that both have; 1 if all are equal.

    Zero differences are left out; ratings tie, so the normal approximation with its correction for ties is taken.
    """
    from scipy.stats import wilcoxon

    differences = np.subtract(*_common(first, second))
    if not differences.any():
        return 1.0
    return float(wilcoxon(differences, zero_method="wilcox", correction=False, method="asymptotic").pvalue)


def compare(first: Ratings, second: Ratings) -> dict[str, float | int | None]:
    """Return the agreement of two judges on the texts that both have rated."""
    a, b = _common(
        {(system, case): rating for system, cases in first.items() for case, rating in cases.items()},
        {(system, case): rating for system, cases in second.items() for case, rating in cases.items()},
    )
    if not len(a):
        return {"n": 0, "weighted_kappa": None, "spearman": None, "agreement": None}
    return {
        "n": len(a),
        "weighted_kappa": weighted_kappa(a, b),
        "spearman": spearman(a, b),
        "agreement": float((a == b).mean()),
    }


def _common(first: Mapping[Any, int | None], second: Mapping[Any, int | None]) -> tuple[np.ndarray, np.ndarray]:
    """Return the ratings (n,) of both where both have one, in the order of the first."""
    both = [key for key, rating in first.items() if rating is not None and second.get(key) is not None]
    return tuple(np.array([ratings[key] for key in both], dtype=float) for ratings in (first, second))
