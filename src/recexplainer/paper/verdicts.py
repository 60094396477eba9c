"""Whether our predictions and ratings bear the paper's claims out, and whether the paper's own tables do.

A claim is taken apart into comparisons (:mod:`recexplainer.paper.claims`), each made in every dataset on the cases that
both systems have. A comparison *holds* if the mean difference has the right sign and differs from zero, is *reversed*
if it differs from zero with the other sign, and is *open* otherwise: p < 0.05, two-sided, corrected by Holm's method
for the number of comparisons of the claim in all datasets together.

The verdict on a claim is *supported* if all its comparisons hold, *contradicted* if some are reversed and none holds,
*mixed* if some hold and some are reversed. Otherwise it is *not run* if a comparison could not be made, for nothing
then shows it false and it cannot be shown true, and *inconclusive* if none is missing. Of a claim that something holds
somewhere, one comparison is enough, and it is contradicted only if all are reversed. Ablations are asked for in some
datasets only; their comparisons are about these.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any

import pandas as pd

from recexplainer.config.paper import BesidePaper
from recexplainer.csv_rows import read_rows
from recexplainer.errors import InputError
from recexplainer.judgement.judgements import load_judgements
from recexplainer.paper.claims import (
    ALIGNED,
    CLAIMS,
    COUNTED,
    DECISION,
    PEOPLE,
    RATING,
    STRANGE,
    Below,
    Claim,
    Commonest,
    Part,
)
from recexplainer.paper.numbers import Number, number
from recexplainer.paper.paired import commonest, rating_values, record_values, share_over, variance_of
from recexplainer.seeds import make_rng
from recexplainer.statistics.paired import RESAMPLES, Difference, holm, paired_bootstrap
from recexplainer.style import system_label
from recexplainer.tables.controllability import EACH
from recexplainer.tables.table2 import case_values
from recexplainer.tables.table3 import Ratings, by_system

logger = logging.getLogger(__name__)

LEVEL = 0.05
VERDICTS = ("supported", "mixed", "contradicted", "inconclusive", "not run")
COLUMNS = (
    "claim words where paper paper_detail verdict held reversed compared missing datasets data test detail".split()
)
CONTROLLABILITY = ["dataset", "system", "viewpoint", "cases", "kept", "followed"]
"""Columns of :func:`recexplainer.tables.controllability.controllability` on which claims rest."""

PRINTED = {"base": "vicuna-7b", "behavior-full": "behavior", "intention-full": "intention", "hybrid-full": "hybrid"}
"""What the paper's numbers call our systems, where the names differ."""


@dataclass(frozen=True)
class Finding:
    """One comparison in one dataset; its difference is None if it could not be made."""

    dataset: str
    what: str
    difference: Difference | None


@dataclass(frozen=True)
class Sources:
    """What claims are tested on.

    Attributes:
        predictions: the folder of each dataset and system.
        judgements: the files of each dataset by the one judge of the settings, of systems and of ablations.
        records: the faithfulness stage's file of each dataset and system.
        human: the table of people's mean ratings; None without a study.
        controllability: the table with the columns :data:`CONTROLLABILITY`; None if it was not made.
    """

    predictions: Mapping[tuple[str, str], str]
    judgements: Mapping[str, list[str]]
    records: Mapping[tuple[str, str], str]
    human: str | None = None
    controllability: str | None = None


def judge_claims(numbers: list[Number], sources: Sources, settings: BesidePaper, seed: int) -> list[dict[str, Any]]:
    """Return one row per claim, with the columns :data:`COLUMNS`.

    Args:
        numbers: the paper's.
        sources: ours.
        settings: whose ratings count, which datasets are made up, and what systems are called in the table of people's
            ratings.
        seed: of the resamples, which are the same for every pair of systems.

    Returns:
        ``held`` and ``reversed`` of ``compared`` comparisons, a comparison in two datasets counting twice; ``missing``
        ones could not be made. ``data`` is ``synthetic`` if one of the ``datasets`` is made up, ``real`` if not, and ""
        if nothing could be compared. ``paper`` says whether the paper's own numbers bear the claim out: ``yes``,
        ``in part``, ``no``, or ``not printed`` where its tables have no such numbers.

    Raises:
        InputError: a file is missing or broken.
    """
    ratings = _read_ratings(sources.judgements, settings.judge)
    named = [dataset for dataset, _ in [*sources.predictions, *sources.records]]
    datasets = list(dict.fromkeys(named + list(ratings)))
    measure = _measure(sources, ratings, settings, seed)
    rows = []
    for claim in CLAIMS:
        test = _test_in_words(claim, settings.judge)
        if claim.name == PEOPLE:
            findings, why = _same_order(ratings.get(settings.study, {}), sources.human, settings, seed)
        elif claim.name in COUNTED:
            findings, why = _counted(sources.controllability, *COUNTED[claim.name])
        else:
            findings, why = list(_findings(claim, datasets, measure)), ""
        row = _judge(claim, findings, why) | {"test": test}
        used = [name for name in row["datasets"] if name in settings.generated]
        data = "" if not row["datasets"] else "synthetic" if used else "real"
        row |= {"claim": claim.name, "words": claim.words, "where": claim.where, "data": data}
        row |= _paper_says(claim, numbers) | {"datasets": ", ".join(row["datasets"])}
        logger.info("%s: %s (%s)", claim.name, row["verdict"], data or "nothing to compare")
        rows.append({name: row[name] for name in COLUMNS})
    return rows


def _read_ratings(judgements: Mapping[str, list[str]], judge: str | None) -> dict[str, Ratings]:
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


Measure = Callable[[Part, str, int], Difference | None]
"""From a part of a claim, a dataset and a number of resamples to the difference; None where a system is not there."""


def _measure(sources: Sources, ratings: Mapping[str, Ratings], settings: BesidePaper, seed: int) -> Measure:
    """Return what makes a comparison in a dataset."""

    @cache
    def values(dataset: str, system: str, metric: str) -> pd.DataFrame | None:
        if metric == RATING:
            own = ratings.get(dataset, {}).get(system)
            return None if own is None else rating_values(own)
        files = sources.records if metric in (STRANGE, DECISION) else sources.predictions
        if (dataset, system) not in files:
            return None
        path = files[dataset, system]
        return (
            record_values(path, metric)
            if metric in (STRANGE, DECISION)
            else case_values(path, metric, settings.coverage_counts)
        )

    @cache
    def measure(part: Part, dataset: str, resamples: int) -> Difference | None:
        if isinstance(part, Commonest):
            own = values(dataset, part.system, RATING)
            return None if own is None or own.empty else commonest(list(own["value"]), part.level)[1]
        own = values(dataset, part.system, part.metric)
        other = own if isinstance(part, Below) else values(dataset, part.other, part.metric)
        if own is None or other is None:
            return None
        first, second = own, other
        if isinstance(part, Below):
            first = own.assign(value=part.value)
        else:
            second = other.assign(value=other["value"] * part.share)
        return paired_bootstrap(first, second, resamples, make_rng(seed, "claims", dataset, part.metric))

    return measure


def _findings(claim: Claim, datasets: list[str], measure: Measure) -> Iterator[Finding]:
    """Yield every comparison of a claim. An ablation that was run nowhere is missing once, with the dataset ""."""
    # Holm's method multiplies p-values by up to the number of comparisons; the least possible one must stay small.
    resamples = max(RESAMPLES, 100 * len(claim.parts) * len(datasets))
    for part in claim.parts:
        differences = {dataset: measure(part, dataset, resamples) for dataset in datasets}
        if part.ablation:
            differences = {dataset: value for dataset, value in differences.items() if value} or {"": None}
        for dataset, difference in differences.items():
            yield Finding(dataset, str(part), difference)


def _judge(claim: Claim, findings: Sequence[Finding], why: str) -> dict[str, Any]:
    """Return verdict, counts and detail.

    Args:
        claim: the claim.
        findings: its comparisons, those that could not be made among them.
        why: there are none.
    """
    made = [(finding, finding.difference) for finding in findings if finding.difference]
    details, outcomes = [], []
    p_values = holm([difference.p_value for _, difference in made])
    for (finding, difference), p_value in zip(made, p_values, strict=True):
        sure = p_value < LEVEL and difference.mean != 0
        outcome = ("holds" if difference.mean > 0 else "reversed") if sure else "open"
        outcomes.append(outcome)
        details.append(f"{finding.dataset}, {finding.what}: {_shown(difference, p_value)}: {outcome}")
    absent = [
        ", ".join(filter(None, [finding.dataset, finding.what])) for finding in findings if not finding.difference
    ]
    absent += [why] if why else []
    return {
        "verdict": verdict(outcomes, len(absent), claim.some),
        "held": outcomes.count("holds"),
        "reversed": outcomes.count("reversed"),
        "compared": len(outcomes),
        "missing": len(absent),
        "datasets": list(dict.fromkeys(finding.dataset for finding, _ in made)),
        "detail": "; ".join(details + [f"{what}: not run" for what in absent]),
    }


def verdict(outcomes: Sequence[str], missing: int, some: bool) -> str:
    """Return one of :data:`VERDICTS`.

    Args:
        outcomes: of the comparisons that were made: ``holds``, ``reversed``, ``open``.
        missing: how many could not be made.
        some: one that holds is enough.
    """
    held, turned = outcomes.count("holds"), outcomes.count("reversed")
    if some and held:
        return "supported"
    if turned and not some:
        return "mixed" if held else "contradicted"
    if missing or not outcomes:
        return "not run"
    if turned == len(outcomes):
        return "contradicted"
    return "supported" if held == len(outcomes) else "inconclusive"


def _shown(difference: Difference, p_value: float) -> str:
    """Return a difference in words."""
    interval = "" if difference.low is None else f" ({difference.low:+.4f} to {difference.high:+.4f})"
    n = f"n = {difference.cases}"
    if difference.users not in (None, difference.cases):
        n += f" of {difference.users} users"
    return f"{difference.mean:+.4f}{interval}, {n}, p = {p_value:.2g}"


def _test_in_words(claim: Claim, judge: str | None) -> str:
    """Return how the comparisons of a claim are tested."""
    by = judge or "no judge"
    if claim.name == PEOPLE:
        return f"order of each two mean ratings, by {by} and by people; Holm over all pairs"
    if claim.name in COUNTED:
        column, share = COUNTED[claim.name]
        return f"exact binomial test of the share {column} under each point of view against {share:.0%}; Holm over all"
    tests = []
    if any(isinstance(part, Commonest) for part in claim.parts):
        tests.append(f"exact test of the sign over ratings by {by}")
    metrics = {part.metric for part in claim.parts if not isinstance(part, Commonest)}
    tests += ["paired bootstrap over users"] if metrics - {RATING} else []
    tests += [f"paired bootstrap over ratings by {by}"] if RATING in metrics else []
    return f"{' and '.join(tests)}; Holm over all comparisons"


def _same_order(ratings: Ratings, human: str | None, settings: BesidePaper, seed: int) -> tuple[list[Finding], str]:
    """Return, of each two systems, whether judge and people put them in the same order, or why that is not known.

    A pair holds or is reversed only if both differ from zero: by a paired bootstrap over the judge's ratings, and by
    the intervals of the people's means. It is about GPT-4 and people: neither the offline rubric nor simulated raters
    can bear on it.
    """
    if human is None or settings.judge in (None, "rubric"):
        return [], "there are no ratings by people" if human is None else "GPT-4 has not rated"
    people = read_rows(human, ["method", "mean", "low", "high", "source"])
    if any(rater["source"] != "people" for rater in people):
        return [], "the raters are simulated"
    means = {rater["method"]: _mean_of(rater, human) for rater in people}
    rated = {settings.names.get(system, system): rating_values(cases) for system, cases in ratings.items()}
    absent = [name for name in means if means[name] is None or name not in rated or rated[name].empty]
    if absent or len(means) < 2:
        return [], f"no ratings by both of {absent[0]}" if absent else "fewer than two systems have ratings"
    findings = []
    known = {name: mean for name, mean in means.items() if mean}
    for first, second in combinations(known, 2):
        rng = make_rng(seed, "claims", settings.study, RATING)
        judged = paired_bootstrap(rated[first], rated[second], RESAMPLES, rng)
        if judged is None:
            findings.append(Finding(settings.study, f"{first} and {second}", None))
            continue
        (mean, *ends), (other_mean, *other_ends) = known[first], known[second]
        apart = mean - other_mean
        p_value = max(judged.p_value, _p_of_means(apart, ends, other_ends))
        what = f"{first} and {second}, judge {judged.mean:+.3f}, people {apart:+.3f}"
        # The smaller of the two, with a minus where they point apart.
        joint = min(abs(judged.mean), abs(apart)) * (1 if judged.mean * apart > 0 else -1)
        findings.append(Finding(settings.study, what, Difference(joint, None, None, p_value, judged.cases)))
    return findings, ""


def _mean_of(rater: Mapping[str, str], human: str) -> list[float] | None:
    """Return a mean rating and the two ends of its interval; None if one of them is not there."""
    read = [number(rater[name], human, f"{rater['method']} {name}") for name in ("mean", "low", "high")]
    numbers = [value for value in read if value is not None]
    return numbers if len(numbers) == len(read) else None


def _p_of_means(difference: float, *intervals: Sequence[float]) -> float:
    """Return the two-sided p-value of a difference of two means with these 95 % intervals; 1 where they have no width.

    The raters saw the same texts of both systems, so that this errs towards no difference.
    """
    from scipy.stats import norm

    error = sum(variance_of(high - low) for low, high in intervals) ** 0.5
    return float(2 * norm.sf(abs(difference) / error)) if error else 1.0


def _counted(path: str | None, column: str, share: float) -> tuple[list[Finding], str]:
    """Return how far a share of cases is over a value for each aligned LLM, or why that is not known.

    Args:
        path: the table of controllability; None if it was not made.
        column: that counts the cases in which something holds under each point of view.
        share: the value.

    Raises:
        InputError: the file is missing or broken, or a row occurs twice.
    """
    if path is None:
        return [], "there is no table of controllability"
    findings: list[Finding] = []
    for row in read_rows(path, CONTROLLABILITY):
        what = f"{system_label(row['system'])} under {row['viewpoint']} point of view"
        if row["system"] not in ALIGNED or row["viewpoint"] != EACH:
            continue
        if any((finding.dataset, finding.what) == (row["dataset"], what) for finding in findings):
            raise InputError(f"{path}: {row['dataset']} {what}: occurs twice. Make the table again.")
        if not row[column]:
            findings.append(Finding(row["dataset"], what, None))
            continue
        cases, count = (number(row[name], path, f"{row['dataset']} {what} {name}") for name in ("cases", column))
        if cases is None or count is None or cases % 1 or count % 1 or not 0 <= count <= cases or cases < 1:
            raise InputError(
                f"{path}: {row['dataset']} {what}: expected whole numbers, {column} from 0 to cases. "
                "Make the table again."
            )
        findings.append(Finding(row["dataset"], what, share_over(int(count), int(cases), share)))
    return findings, "" if findings else "the table of controllability has no aligned LLM"


def _paper_says(claim: Claim, numbers: list[Number]) -> dict[str, str]:
    """Return ``paper`` and ``paper_detail``: whether the paper's printed numbers bear a claim out.

    They are taken as they are printed, without their errors, which the paper does not give.
    """
    values = {(printed.table, printed.dataset, printed.method, printed.metric): printed.value for printed in numbers}
    datasets = list(dict.fromkeys(printed.dataset for printed in numbers))

    def value(dataset: str, system: str, metric: str) -> float | None:
        return values.get(("3" if metric == RATING else "2", dataset, PRINTED.get(system, system), metric))

    held, against = 0, []
    for part in claim.parts:
        if isinstance(part, Commonest):
            continue
        for dataset in datasets:
            own = value(dataset, part.system, part.metric)
            other = part.value if isinstance(part, Below) else value(dataset, part.other, part.metric)
            if own is None or other is None:
                continue
            if own < other if isinstance(part, Below) else own > other * part.share:
                held += 1
            else:
                against.append(f"{dataset}, {part}: {own:g} and {other:g}")
    if not held and not against:
        return {"paper": "not printed", "paper_detail": ""}
    word = "yes" if not against or (claim.some and held) else "in part" if held else "no"
    counted = f"{held} of {held + len(against)} comparisons"
    return {"paper": word, "paper_detail": "; ".join([counted, *([] if word == "yes" else against)])}
