"""Whether a run reproduces another: every number of both, with the errors of both samples.

Two runs of one experiment draw their test cases, and much else, from their seeds. A number of one is *reproduced* by
the other if their difference is no more than what such draws explain. The test is a z-test of two means whose variance
is that of both samples put together: the spread within each, by its interval, and the distance of both from their
common mean. For shares it is the usual test of two proportions, and a sample whose cases are all alike has an error,
too.

Where a run repeated its trainings with other seeds (``seeds.csv``), the spread between trainings is added for both
runs, and the test is Welch's. Without it, what another training would change is in no error.

All p-values are corrected together by Holm's method, so that a true reproduction is called different in at most one of
twenty comparisons of runs, however many numbers there are. Counts must be equal.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recexplainer.comparison.numbers import Key, Number, Spread, numbers_of, spreads_of, tables_of
from recexplainer.errors import InputError
from recexplainer.provenance.recorded import RECORD, config_in
from recexplainer.statistics.paired import holm

LEVEL = 0.05
VERDICTS = ("identical", "reproduced", "incomplete", "differs")
COLUMNS = "table dataset system metric ours published difference low high p_value p_adjusted verdict".split()
IGNORED = ("pathvars", "seed", "run.seeds")
"""Keys of the config that two runs of one experiment may differ in."""


@dataclass(frozen=True)
class Comparison:
    """Two runs beside each other.

    Attributes:
        rows: one per number that either run has, with the columns :data:`COLUMNS`. ``verdict`` is ``identical``,
            ``within``, ``differs``, or ``missing`` (only the published run has it) and ``further`` (only ours has it).
            ``low`` and ``high`` are the ends of the 95 % interval of the difference, not corrected.
        verdict: one of :data:`VERDICTS`: of what both have, and ``incomplete`` if nothing differs but some is missing.
        notes: what is to be known beside: keys in which the configs differ; whether trainings were repeated.
    """

    rows: pd.DataFrame
    verdict: str
    notes: list[str]


def compare_runs(ours: str | Path, published: str | Path) -> Comparison:
    """Compare two runs, each a folder of results or a published one.

    Raises:
        InputError: a folder has no tables, a table is broken, or the runs have no number in common.
    """
    sides = [numbers_of(tables_of(run), run) for run in (ours, published)]
    spreads = spreads_of([ours, published])
    rows = compare_numbers(*sides, spreads)
    if not rows["verdict"].isin(["identical", "within", "differs"]).any():
        raise InputError(f"{ours}: no number that {published} has too; expected a run of the same datasets.")
    notes = [f"The configs differ in {key}." for key in _differences(ours, published)]
    if not spreads:
        notes.append(
            "Neither run repeated its trainings with other seeds (seeds.csv): what another training changes is in no "
            "error."
        )
    return Comparison(rows, _verdict(rows), notes)


def compare_numbers(
    ours: Mapping[Key, Number], published: Mapping[Key, Number], spreads: Mapping[tuple[str, str], Spread]
) -> pd.DataFrame:
    """Return one row per number, as :class:`Comparison` describes them, the published ones first."""
    both = [key for key in published if key in ours]
    tests = {key: _test(ours[key], published[key], _spread(key, spreads)) for key in both}
    open_ones = [key for key in both if not published[key].count and tests[key][0] != 0]
    adjusted = dict(zip(open_ones, holm([tests[key][1] for key in open_ones]), strict=True))
    rows = []
    for key in [*published, *(key for key in ours if key not in published)]:
        row = dict(zip(COLUMNS[:4], key, strict=True))
        row |= {
            side: numbers[key].value for side, numbers in (("ours", ours), ("published", published)) if key in numbers
        }
        if key not in tests:
            rows.append(row | {"verdict": "missing" if key in published else "further"})
            continue
        difference, p_value, half = tests[key]
        row |= {"difference": difference, "low": difference - half, "high": difference + half, "p_value": p_value}
        row |= {"p_adjusted": adjusted.get(key, p_value)}
        same = "identical" if difference == 0 else "within"
        rows.append(row | {"verdict": "differs" if row["p_adjusted"] < LEVEL else same})
    return pd.DataFrame(rows, columns=COLUMNS)


def _spread(key: Key, spreads: Mapping[tuple[str, str], Spread]) -> Spread | None:
    """The spread between trainings of what was trained; the baselines are not."""
    table, dataset, system, metric = key
    trained = system not in ("random", "popularity")
    return spreads.get((dataset, metric)) if table == "table2" and trained else None


def _test(ours: Number, published: Number, spread: Spread | None) -> tuple[float, float, float]:
    """Return the difference, its two-sided p-value, and half the width of its 95 % interval."""
    from scipy.stats import t as student

    difference = ours.value - published.value
    if ours.count or published.count:
        return difference, float(difference == 0), 0.0
    variance = _variance(ours, published)
    trained = 2 * spread.variance if spread else 0.0
    total = variance + trained
    if total == 0:
        return difference, float(difference == 0), 0.0
    # Welch and Satterthwaite; the errors of the samples are as good as known.
    freedom = spread.freedom * (total / trained) ** 2 if trained else math.inf
    p_value = 2 * student.sf(abs(difference) / math.sqrt(total), freedom)
    return difference, float(p_value), float(student.ppf(0.975, freedom) * math.sqrt(total))


def _variance(ours: Number, published: Number) -> float:
    """Return the variance of the difference of two means of samples from one population."""
    if not ours.cases or not published.cases:
        return ours.variance + published.variance
    cases = ours.cases + published.cases
    common = (ours.value * ours.cases + published.value * published.cases) / cases
    squares = sum(one.cases * (one.variance * one.cases + (one.value - common) ** 2) for one in (ours, published))
    return squares / cases * (1 / ours.cases + 1 / published.cases)


def _verdict(rows: pd.DataFrame) -> str:
    found = set(rows["verdict"])
    if "differs" in found:
        return "differs"
    if "missing" in found:
        return "incomplete"
    return "identical" if found <= {"identical"} else "reproduced"


def _differences(ours: str | Path, published: str | Path) -> list[str]:
    """Return the keys of the config in which two runs differ, where both have their record."""
    paths = [Path(run) / RECORD for run in (ours, published)]
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


def in_words(found: Comparison) -> str:
    """Return the comparison as text: a line for each number that differs or is missing, notes, and the verdict."""
    rows, lines = found.rows, []
    for row in rows[rows["verdict"] == "differs"].to_dict("records"):
        what = ", ".join(filter(None, (row[name] for name in COLUMNS[:4])))
        lines.append(
            f"differs: {what}: ours {row['ours']:.4g}, published {row['published']:.4g}, difference "
            f"{row['difference']:+.4g} (95 % interval {row['low']:+.4g} to {row['high']:+.4g}; after Holm's correction "
            f"p = {row['p_adjusted']:.2g})"
        )
    missing = rows[rows["verdict"] == "missing"]
    for (table, dataset, system), group in missing.groupby(["table", "dataset", "system"], sort=False):
        what = ", ".join(filter(None, (table, dataset, system)))
        lines.append(f"missing: {what}: {len(group)} numbers of the published run are not in this one")
    lines += [f"note: {note}" for note in found.notes]
    counts = rows["verdict"].value_counts()
    compared = len(rows) - int(counts.get("missing", 0)) - int(counts.get("further", 0))
    alike, within, differing = (int(counts.get(name, 0)) for name in ("identical", "within", "differs"))
    lines.append(
        f"{found.verdict}: of {compared} numbers that both runs have, {alike} are identical, {within} differ within "
        f"the errors of both samples, {differing} differ by more."
    )
    return "\n".join(lines)
