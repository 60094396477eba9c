"""Whether runs reproduce another: every number of all, with the errors of both samples.

Two runs of one experiment draw their test cases, and much else, from their seeds. A number of one is *reproduced* by
the other if their difference is no more than what such draws explain. The test is a z-test of two means whose variance
is that of both samples put together: the spread within each, by its interval, and the distance of both from their
common mean. For shares it is the usual test of two proportions, and a sample whose cases are all alike has an error,
too.

Where a run repeated its trainings with other seeds (``seeds.csv``), the spread between trainings is added for both
runs, and the test is Welch's. Without it, what another training would change is in no error.

All p-values are corrected together by Holm's method, so that a true reproduction is called different in at most one of
twenty comparisons, however many numbers and runs there are. Counts must be equal. A claim that both runs have decided,
each the other way, differs too.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from recexplainer.comparison.claims import OPPOSITE, compare_claims
from recexplainer.comparison.numbers import Key, Number, Spread, numbers_of, spreads_of, tables_of
from recexplainer.errors import InputError
from recexplainer.paper.paired import NORMAL_95
from recexplainer.provenance.recorded import RECORD, config_in
from recexplainer.statistics.paired import holm

LEVEL = 0.05
VERDICTS = ("identical", "reproduced", "incomplete", "differs")
REPRODUCED = VERDICTS[:2]
COMPARED = ("identical", "within", "differs")
SIDES = "value value_low value_high reference reference_low reference_high".split()
COLUMNS = ["run", *"table dataset system metric".split(), *SIDES]
COLUMNS += "difference difference_low difference_high p_value p_adjusted verdict".split()
IGNORED = ("pathvars", "seed", "run.seeds")
"""Keys of the config that two runs of one experiment may differ in."""


@dataclass(frozen=True)
class Comparison:
    """Runs beside the first of them, the reference.

    Attributes:
        runs: how they are called, the reference first.
        rows: one per number that the reference or another run has, and run, with the columns :data:`COLUMNS`.
            ``verdict`` is ``identical``, ``within``, ``differs``, ``missing`` (only the reference has it), ``further``
            (only the run has it), or ``not tested``. The differences' 95 % intervals are not corrected.
        claims: of :func:`recexplainer.comparison.claims.compare_claims`.
        verdicts: one of :data:`VERDICTS` for each run but the first.
        notes: what is to be known beside: keys in which the configs differ; whether trainings were repeated.
    """

    runs: list[str]
    rows: pd.DataFrame
    claims: pd.DataFrame
    verdicts: list[str]
    notes: list[str]

    @property
    def verdict(self) -> str:
        """That of all runs: the worst."""
        return max(self.verdicts, key=VERDICTS.index)


def compare_runs(folders: Sequence[str | Path], names: Sequence[str] | None = None) -> Comparison:
    """Compare runs with the first of them.

    Args:
        folders: two or more, each a folder of results or a published one.
        names: what they are called; default: as the folders, a number behind one that occurs again.

    Raises:
        InputError: a folder has no tables, a table is broken, or a run has no number in common with the first.
    """
    reference, *others = folders
    called = _told_apart([str(name) for name in names or folders])
    expected, *numbers = (numbers_of(tables_of(run), run) for run in folders)
    spreads = spreads_of(list(folders))
    rows = compare_numbers(numbers, expected, spreads)
    for place, run in enumerate(others):
        if not rows.loc[rows["run"] == place, "verdict"].isin(COMPARED).any():
            raise InputError(f"{run}: no number that {reference} has too; expected a run of the same datasets.")
    claims = compare_claims(folders)
    verdicts = [_verdict(rows[rows["run"] == place], claims[claims["run"] == place]) for place in range(len(others))]
    notes = [
        f"The configs of {called[0]} and {name} differ in {key}."
        for name, run in zip(called[1:], others, strict=True)
        for key in _differences(run, reference)
    ]
    if not spreads:
        notes.append(
            "No run repeated its trainings with other seeds (seeds.csv): what another training changes is in no error."
        )
    rows, claims = (frame.assign(run=frame["run"].map(dict(enumerate(called[1:])))) for frame in (rows, claims))
    return Comparison(called, rows, claims, verdicts, notes)


def _told_apart(names: list[str]) -> list[str]:
    """Return names with a number behind each that was there before."""
    return [
        f"{name} ({times})" if (times := names[:place].count(name) + 1) > 1 else name
        for place, name in enumerate(names)
    ]


def compare_numbers(
    runs: Sequence[Mapping[Key, Number]],
    reference: Mapping[Key, Number],
    spreads: Mapping[tuple[str, str], Spread],
) -> pd.DataFrame:
    """Return one row per run and number, as :class:`Comparison` describes them, those of the reference first.

    ``run`` is the run's place in ``runs``.
    """
    tests = {
        (place, key): _test(run[key], reference[key], _spread(key, spreads))
        for place, run in enumerate(runs)
        for key in reference
        if key in run and run[key].tested
    }
    open_ones = [one for one, (difference, *_) in tests.items() if not reference[one[1]].count and difference != 0]
    adjusted = dict(zip(open_ones, holm([tests[one][1] for one in open_ones]), strict=True))
    rows = []
    for place, run in enumerate(runs):
        for key in [*reference, *(key for key in run if key not in reference)]:
            row: dict[str, Any] = {"run": place} | dict(zip(COLUMNS[1:5], key, strict=True))
            row |= _shown(run.get(key), SIDES[:3]) | _shown(reference.get(key), SIDES[3:])
            if (place, key) in tests:
                difference, p_value, half = tests[place, key]
                row |= _difference(difference, half)
                row |= {"p_value": p_value, "p_adjusted": adjusted.get((place, key), p_value)}
                same = "identical" if difference == 0 else "within"
                row["verdict"] = "differs" if row["p_adjusted"] < LEVEL else same
            else:
                row |= _untested(run.get(key), reference.get(key))
            rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def _shown(number: Number | None, names: list[str]) -> dict[str, Any]:
    return dict(zip(names, (number.value, number.low, number.high), strict=True)) if number else {}


def _difference(difference: float, half: float) -> dict[str, Any]:
    return {
        "difference": difference,
        "difference_low": difference - half,
        "difference_high": difference + half,
    }


def _untested(run: Number | None, reference: Number | None) -> dict[str, Any]:
    """Return what is said of a number that one side alone has, or that is shown alone."""
    if any(number.tested for number in (run, reference) if number):
        return {"verdict": "missing" if reference else "further"}
    if not run or not reference:
        return {"verdict": "not tested"}
    difference = run.value - reference.value
    if run.variance is None or reference.variance is None:
        return {"difference": difference, "verdict": "not tested"}
    half = NORMAL_95 * math.sqrt(run.variance + reference.variance)
    return _difference(difference, half) | {"verdict": "not tested"}


def _spread(key: Key, spreads: Mapping[tuple[str, str], Spread]) -> Spread | None:
    """The spread between trainings of what was trained; the baselines are not."""
    table, dataset, system, metric = key
    trained = system not in ("random", "popularity")
    return spreads.get((dataset, metric)) if table == "table2" and trained else None


def _test(ours: Number, reference: Number, spread: Spread | None) -> tuple[float, float, float]:
    """Return the difference, its two-sided p-value, and half the width of its 95 % interval."""
    from scipy.stats import t as student

    difference = ours.value - reference.value
    if ours.count or reference.count:
        return difference, float(difference == 0), 0.0
    variance = _variance(ours, reference)
    trained = 2 * spread.variance if spread else 0.0
    total = variance + trained
    if total == 0:
        return difference, float(difference == 0), 0.0
    # Welch and Satterthwaite; the errors of the samples are as good as known.
    freedom = spread.freedom * (total / trained) ** 2 if spread and trained else math.inf
    p_value = 2 * student.sf(abs(difference) / math.sqrt(total), freedom)
    return difference, float(p_value), float(student.ppf(0.975, freedom) * math.sqrt(total))


def _variance(ours: Number, reference: Number) -> float:
    """Return the variance of the difference of two means of samples from one population."""
    own, other = ours.variance, reference.variance
    assert own is not None and other is not None  # both are tested
    if not ours.cases or not reference.cases:
        return own + other
    cases = ours.cases + reference.cases
    common = (ours.value * ours.cases + reference.value * reference.cases) / cases
    squares = ours.cases * (own * ours.cases + (ours.value - common) ** 2)
    squares += reference.cases * (other * reference.cases + (reference.value - common) ** 2)
    return squares / cases * (1 / ours.cases + 1 / reference.cases)


def _verdict(rows: pd.DataFrame, claims: pd.DataFrame) -> str:
    verdicts = set(rows["verdict"]) - {"not tested"}
    if "differs" in verdicts or OPPOSITE in set(claims["agreement"]):
        return "differs"
    if "missing" in verdicts:
        return "incomplete"
    return "identical" if verdicts <= {"identical"} else "reproduced"


def _differences(ours: str | Path, reference: str | Path) -> list[str]:
    """Return the keys of the config in which two runs differ, where both have their record."""
    paths = [Path(run) / RECORD for run in (ours, reference)]
    if not all(path.is_file() for path in paths):
        return []
    first, second = (_flat(config_in(path)) for path in paths)
    return sorted(
        key
        for key in {*first, *second}
        if first.get(key) != second.get(key) and not any(f"{key}.".startswith(f"{name}.") for name in IGNORED)
    )


def _flat(value: object, name: str = "") -> dict[str, object]:
    """Return a nested mapping by dotted keys."""
    if not isinstance(value, dict):
        return {name: value}
    return {
        key: item for part, inner in value.items() for key, item in _flat(inner, f"{name}.{part}".lstrip(".")).items()
    }
