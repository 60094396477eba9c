"""The table of faithfulness: each measure of each system beside its reference, the base LLM and the best control."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from recexplainer.config.shown import Tabled
from recexplainer.errors import InputError
from recexplainer.faithfulness.controls import is_control, over_best, verdict
from recexplainer.faithfulness.records import read_records
from recexplainer.files import write_csv
from recexplainer.seeds import make_rng

logger = logging.getLogger(__name__)

Columns = dict[str, np.ndarray]
"""Per name, one number per case; NaN where a measure does not apply."""

NUMBERS = [
    *("cases", "value", "value_low", "value_high", "reference", "gain", "gain_low", "gain_high"),
    *("over_base", "over_base_low", "over_base_high", "over_control", "over_control_low", "over_control_high"),
]
COLUMNS = ["dataset", "method", "metric", "kind", *NUMBERS, "best_control", "better_than_words"]


@dataclass(frozen=True)
class Metric:
    """One measure.

    Attributes:
        name: its name in the table.
        kind: of the ``reasons`` or of the ``decision``, in which an honest explainer is above the controls, or a
            ``description`` of the texts, in which some text without reasons is as good as can be.
        needs: the columns that it reads; a case counts where the first is known.
        value: the measure over some cases.
        reference: what chance, or a reader without the explanation, gets on the same cases; None: there is none.
        of_system: columns that a control takes from the system beside which it stands.
    """

    name: str
    kind: str
    needs: tuple[str, ...]
    value: Callable[[Columns], float]
    reference: Callable[[Columns], float] | None = None
    of_system: tuple[str, ...] = ()

    def gain(self, columns: Columns) -> float:
        """Return the value less the reference, of which there has to be one."""
        assert self.reference is not None
        return self.value(columns) - self.reference(columns)


def _mean(name: str) -> Callable[[Columns], float]:
    return lambda columns: _known_mean(columns[name])


def _always(value: float) -> Callable[[Columns], float]:
    return lambda columns: value


def _best_mean(*names: str, least: float = -np.inf) -> Callable[[Columns], float]:
    """The largest mean of some columns: what the best of some rivals gets."""
    return lambda columns: max(least, *(_known_mean(columns[name]) for name in names))


def _agreement(known: str) -> Callable[[Columns], float]:
    """The share of the texts that decide as somebody else, where that is known; no decision agrees with nobody."""

    def value(columns: Columns) -> float:
        return _known_mean(np.where(np.isnan(columns[known]), np.nan, columns["decision"] == columns[known]))

    return value


def _known_mean(values: np.ndarray) -> float:
    """Return the mean of what is not NaN; NaN if nothing is left."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan


def _spearman(guess: str) -> Callable[[Columns], float]:
    def value(columns: Columns) -> float:
        from scipy.stats import rankdata

        return _correlation(rankdata(columns["score"]), rankdata(columns[guess]))

    return value


def _explained(guess: str) -> Callable[[Columns], float]:
    """R2: 1 less the share of the scores' variance that the reader's guesses leave."""

    def value(columns: Columns) -> float:
        score = columns["score"]
        spread = ((score - score.mean()) ** 2).sum()
        return float(1 - ((score - columns[guess]) ** 2).sum() / spread) if spread > 0 else np.nan

    return value


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Pearson's correlation; 0 where a side does not vary, as guesses that are all alike tell nothing."""
    a, b = first - first.mean(), second - second.mean()
    norm = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / norm) if norm > 1e-12 else 0.0


def _majority(columns: Columns) -> float:
    share = _known_mean(columns["decides_yes"])
    return max(share, 1 - share)


_COHERENCE = ("score_read", "score", "score_read_from_title")
_EFFECTS = ("effect", "effect_by_chance", "effect_by_newest", "effect_by_similar")
_RANKS = ("effect_rank", "rank_of_newest", "rank_of_similar")
_READERS = ("foreseen", "foreseen_by_verdict", "foreseen_from_prompt")
_HALF = _always(0.5)
METRICS = (
    Metric("grounding_history", "description", ("share_history",), _mean("share_history")),
    Metric("grounding_catalogue", "description", ("share_catalogue",), _mean("share_catalogue")),
    Metric("grounding_nowhere", "description", ("share_nowhere",), _mean("share_nowhere")),
    Metric("cites_history", "description", ("cites_history",), _mean("cites_history")),
    Metric("wrong_statements", "description", ("wrong_statements",), _mean("wrong_statements")),
    Metric("counterfactual_effect", "reasons", _EFFECTS, _mean("effect"), _best_mean(*_EFFECTS[1:])),
    Metric("counterfactual_rank", "reasons", _RANKS, _mean("effect_rank"), _best_mean(*_RANKS[1:], least=0.5)),
    Metric("decision_as_recommender", "decision", ("label", "decision"), _agreement("label"), _HALF),
    Metric("decision_as_itself", "decision", ("own", "decision"), _agreement("own"), _HALF, ("own",)),
    Metric("distinction", "description", ("recognised", "chance"), _mean("recognised"), _mean("chance")),
    Metric("coherence_spearman", "reasons", _COHERENCE, _spearman("score_read"), _spearman("score_read_from_title")),
    Metric("coherence_r2", "reasons", _COHERENCE, _explained("score_read"), _explained("score_read_from_title")),
    Metric("masked_verdict", "description", ("verdict_known", "decides_yes"), _mean("verdict_known"), _majority),
    Metric("simulatability", "reasons", _READERS, _mean("foreseen"), _best_mean(*_READERS[1:])),
)
"""The measures, in the order of the table."""


def faithfulness_table(
    *, records: list[str], rows: Sequence[Sequence[str]], settings: Tabled, seed: int, output: str
) -> None:
    """Write ``faithfulness.csv``: one row per dataset, system and measure, with the columns :data:`COLUMNS`.

    ``value`` is the measure over ``cases`` cases. ``reference`` is what one gets without the explanation: by chance, by
    removing as many other items (the best of the newest, the most similar and random ones), from the target's title
    alone, from the prompt with or without the verdict. ``gain`` is the value less the reference, ``over_base`` the
    value less that of the first system, the base LLM, and ``over_control`` the gain less that of the ``best_control``,
    or less nothing where every control is below the reference (the best is then called ``reference``); all are taken
    on the same cases of each resample, so they are paired. ``_low`` and ``_high`` end the 95 % intervals of a bootstrap
    over users. A system is ``better_than_words`` where the interval over the best control is above zero; what is of the
    kind ``description`` has no such verdict. What does not apply is empty.

    Args:
        records: one file per dataset and system.
        rows: the dataset and the system of each, in the same order; the first system of a dataset is the base LLM.
        settings: the number of resamples, and what a system is called in the table.
        seed: of the resamples, the same for every system of a dataset.
        output: the CSV to write.

    Raises:
        InputError: there is not one file per row, a file is missing, or files of a dataset are of other cases.
    """
    if len(records) != len(rows):
        raise InputError(f"--records: {len(records)} files for {len(rows)} --rows; expected one each.")
    names, table = settings.names, []
    for dataset in dict.fromkeys(dataset for dataset, _ in rows):
        frames = {
            system: (path, read_records(path))
            for path, (name, system) in zip(records, rows, strict=True)
            if name == dataset
        }
        first = next(iter(frames.values()))[1]
        for path, frame in frames.values():
            if list(frame["case"]) != list(first["case"]):
                raise InputError(f"{path}: other cases than of the first system. Measure the faithfulness again.")
        authors = sum(not is_control(system) for system in frames)
        systems = {system: case_values(frame, system, authors) for system, (_, frame) in frames.items()}
        samples = resamples(first["user"], settings.bootstrap, make_rng(seed, "bootstrap", dataset))
        for row in compare(systems, samples):
            table.append({"dataset": dataset} | row | {"method": names.get(row["method"], row["method"])})
    frame = pd.DataFrame(table, columns=COLUMNS)
    # A difference of next to nothing has no sign.
    frame[NUMBERS[1:]] = frame[NUMBERS[1:]].astype(float).round(4) + 0.0
    write_csv(output, frame)
    logger.info("%d rows in %s", len(frame), output)


def case_values(frame: pd.DataFrame, system: str, systems: int) -> Columns:
    """Return the numbers of each case that the measures are made of.

    Args:
        frame: the records of one system.
        system: its name.
        systems: how many there are beside the controls, for the chance of recognising one.
    """
    kinds = ("history", "catalogue", "nowhere")
    cited = sum(frame[f"cited_{kind}"] for kind in kinds).to_numpy(dtype=float)
    values = {
        name: frame[name].to_numpy(dtype=float)
        for name in (*_EFFECTS, *_RANKS, *_COHERENCE, *_READERS, "label", "decision")
    }
    for kind in kinds:
        values[f"share_{kind}"] = np.where(cited > 0, frame[f"cited_{kind}"] / np.maximum(cited, 1), np.nan)
    values["cites_history"] = (frame["cited_history"] > 0).to_numpy(dtype=float)
    values["wrong_statements"] = (frame["wrong_roles"] + frame["wrong_facts"] > 0).to_numpy(dtype=float)
    values["own"] = frame["own_decision"].to_numpy(dtype=float)
    values["recognised"] = _equal(frame["author"], pd.Series([system] * len(frame)), frame["author"])
    values["chance"] = np.full(len(frame), 1 / systems)
    values["verdict_known"] = _equal(frame["verdict_read"], frame["decision"], frame["verdict_read"])
    values["decides_yes"] = _equal(frame["decision"], pd.Series([True] * len(frame)), frame["verdict_read"])
    return values


def _equal(first: pd.Series, second: pd.Series, known: pd.Series) -> np.ndarray:
    """Return (cases,) 1 where two values are the same, 0 where not, NaN where the third is unknown."""
    return np.array(
        [
            np.nan if pd.isna(there) else float(not pd.isna(a) and a == b)
            for a, b, there in zip(first, second, known, strict=True)
        ]
    )


def resamples(users: Sequence[int], count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the cases of some bootstrap samples of users, each user with all their cases."""
    _, owners = np.unique(np.asarray(users), return_inverse=True)
    cases = [np.flatnonzero(owners == owner) for owner in range(owners.max(initial=-1) + 1)]
    drawn = rng.integers(len(cases), size=(count, len(cases)))
    return [np.concatenate([cases[owner] for owner in row]) for row in drawn]


def compare(systems: dict[str, Columns], samples: list[np.ndarray]) -> list[dict[str, Any]]:
    """Return one row per measure and system; the first system is the one to compare with.

    Args:
        systems: per system, the controls among them, the numbers of each case.
        samples: the cases of each bootstrap sample.
    """
    rows = []
    base = next(iter(systems))
    for metric in METRICS:
        used = {system: {name: columns[name] for name in metric.needs} for system, columns in systems.items()}
        values = {system: _over(metric.value, columns, samples) for system, columns in used.items()}
        gains = {system: _over(metric.gain, columns, samples) for system, columns in used.items() if metric.reference}
        for system, columns in used.items():
            cases = int((~np.isnan(columns[metric.needs[0]])).sum())
            row = {"method": system, "metric": metric.name, "kind": metric.kind, "cases": cases}
            if cases:
                row |= _interval("value", *values[system])
                if metric.reference:
                    row["reference"] = metric.reference(columns)
                    row |= _interval("gain", *gains[system])
                if system != base:
                    row |= _interval("over_base", *(a - b for a, b in zip(values[system], values[base], strict=True)))
                if metric.kind != "description" and not is_control(system):
                    row |= _over_controls(metric, system, used, gains, samples)
            rows.append(row)
    return rows


def _over_controls(
    metric: Metric,
    system: str,
    used: dict[str, Columns],
    gains: dict[str, tuple[float, np.ndarray]],
    samples: list[np.ndarray],
) -> dict[str, Any]:
    """Return how far a system's gain in a measure is above that of the best control; {} without controls."""
    controls = {name: gains[name] for name in used if is_control(name)}
    if metric.of_system:
        taken = {name: used[system][name] for name in metric.of_system}
        controls = {name: _over(metric.gain, used[name] | taken, samples) for name in controls}
    if not controls:
        return {}
    # Who says nothing is at the reference: a control that is below it is no yardstick.
    controls["reference"] = (0.0, np.zeros(len(samples)))
    over = over_best(gains[system], controls)
    assert over is not None  # a control is there
    best, value, sampled = over
    row = _interval("over_control", value, sampled)
    return row | {"best_control": best, "better_than_words": verdict(row["over_control_low"])}


def _over(
    function: Callable[[Columns], float], columns: Columns, samples: list[np.ndarray]
) -> tuple[float, np.ndarray]:
    """Return a measure over all cases, and over each sample of them."""
    taken = ({name: values[sample] for name, values in columns.items()} for sample in samples)
    return function(columns), np.array([function(sample) for sample in taken])


def _interval(name: str, value: float, sampled: np.ndarray) -> dict[str, float | None]:
    """Return a value with the ends of its 95 % interval; None where it is undefined."""
    known = sampled[~np.isnan(sampled)]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (np.nan, np.nan)
    return {name: value, f"{name}_low": low, f"{name}_high": high}
