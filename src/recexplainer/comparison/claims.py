"""The paper's claims in several runs: what each run says of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from recexplainer.errors import InputError
from recexplainer.files import read_csv

SAME, OPPOSITE, OTHER, ALONE = "same", "opposite", "other", "one run alone"
READ = "claim words where verdict held reversed compared missing data".split()
COLUMNS = "run claim words where verdict comparisons reference reference_comparisons agreement data".split()
DECIDED = {"supported", "contradicted"}


def compare_claims(runs: Sequence[str | Path]) -> pd.DataFrame:
    """Return one row per claim and run but the first, which is the reference.

    Args:
        runs: folders; one without ``tables/claims.csv`` has no claims.

    Returns:
        The columns :data:`COLUMNS`: ``run`` is the run's place behind the first one, ``verdict`` and ``comparisons``
        are its verdict and what that rests on, ``reference`` and ``reference_comparisons`` those of the first one; ""
        where a run has no such claim. ``agreement`` is ``same``; ``opposite``, if one supports what the other
        contradicts; ``other``; or ``one run alone``. ``data`` is ``synthetic`` if one of the two runs' data are.

    Raises:
        InputError: a table is broken.
    """
    expected, *others = (_read(Path(run) / "tables/claims.csv") for run in runs)
    rows = []
    for place, claims in enumerate(others):
        for claim in [*expected, *(name for name in claims if name not in expected)]:
            own, reference = claims.get(claim), expected.get(claim)
            known = reference or claims[claim]
            row: dict[str, Any] = {"run": place} | {name: known[name] for name in ("claim", "words", "where")}
            row |= {"verdict": own["verdict"] if own else "", "comparisons": _rests_on(own)}
            row |= {
                "reference": reference["verdict"] if reference else "",
                "reference_comparisons": _rests_on(reference),
            }
            made_up = any(one["data"] == "synthetic" for one in (own, reference) if one)
            rows.append(row | {"agreement": _agreement(row), "data": "synthetic" if made_up else "real"})
    return pd.DataFrame(rows, columns=COLUMNS)


def _read(path: Path) -> dict[str, dict[str, Any]]:
    if not path.is_file():
        return {}
    frame = read_csv(path, dtype=str, keep_default_na=False)
    if missing := [name for name in READ if name not in frame]:
        raise InputError(f"{path}: column {missing[0]!r} is missing. Run its rule again.")
    claims = {row["claim"]: row for row in frame.to_dict("records")}
    if len(claims) != len(frame):
        raise InputError(f"{path}: a claim occurs twice; expected one row of each. Run its rule again.")
    return claims


def _rests_on(claim: dict[str, Any] | None) -> str:
    """Return how many of a claim's comparisons hold, in words."""
    if claim is None:
        return ""
    return f"{claim['held']} of {claim['compared']} hold, {claim['reversed']} reversed, {claim['missing']} not made"


def _agreement(row: dict[str, Any]) -> str:
    verdicts = {row["verdict"], row["reference"]}
    if "" in verdicts:
        return ALONE
    if len(verdicts) == 1:
        return SAME
    return OPPOSITE if verdicts == DECIDED else OTHER
