"""What the alignments took, and whether their losses had flattened."""

from pathlib import Path
from typing import Any

import pandas as pd

from recexplainer.errors import InputError
from recexplainer.files import read_json
from recexplainer.report.curves import read_curve

SHARE, LEAST_FALL = 0.1, 0.02
LOSSES = ["step", "loss", "lr", "tokens"]
NUMBERS = ("steps", "samples", "tokens", "seconds", "peak_memory_mb", "trained_parameters")
RULE = (
    f"A loss has flattened if it fell by less than {LEAST_FALL:.0%} of its whole fall between the last tenth of the "
    "steps and the tenth before; the whole fall is that from the first tenth to the last. The learning rate falls to "
    "zero by then, which flattens any curve: a longer training may still learn more."
)


def last_fall(losses: pd.Series) -> float:
    """Return how far a loss fell at its end, as a share of its whole fall, by :data:`RULE`; 1 if it never fell.

    Args:
        losses: of every step, in order.
    """
    each = max(1, round(SHARE * len(losses)))
    first, before, last = (part.mean() for part in (losses[:each], losses[-2 * each : -each], losses[-each:]))
    if not first > last:
        return 1.0
    return float((before - last) / (first - last))


def trainings(results: str | Path) -> list[tuple[str, str, str, Path]]:
    """Return dataset, mode, run (``full``, ``full.1``, an ablation) and folder of each alignment that is finished."""
    folders = [path.parent for path in sorted(Path(results).glob("alignment/*/*/*/record.json"))]
    return [(folder.parts[-3], folder.parts[-2], folder.name, folder) for folder in folders]


def losses(results: str | Path) -> pd.DataFrame:
    """Return the loss of every step of every alignment: ``dataset, mode, run, step, loss, lr, tokens``."""
    parts = [
        read_curve(str(folder / "loss.csv"), LOSSES).assign(dataset=dataset, mode=mode, run=run)
        for dataset, mode, run, folder in trainings(results)
    ]
    columns = ["dataset", "mode", "run", *LOSSES]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _record(path: Path) -> dict[str, Any]:
    """Read the record of an alignment.

    Raises:
        InputError: it is none, or lacks what this version publishes.
    """
    record = read_json(path)
    kinds = {name: (int, float) for name in NUMBERS} | {"precision": (str,), "device": (str,)}
    for name, types in kinds.items():
        if not isinstance(record, dict) or type(record.get(name)) not in types:
            raise InputError(
                f"{path}: {name}: missing or of another kind; expected an alignment's record. Align again."
            )
    return record


def records(results: str | Path) -> pd.DataFrame:
    """Return one row per alignment: steps, tokens, seconds, speed, memory, device, and its loss at the end."""
    rows = []
    for dataset, mode, run, folder in trainings(results):
        record, curve = _record(folder / "record.json"), read_curve(str(folder / "loss.csv"), LOSSES)["loss"]
        row: dict[str, Any] = {"dataset": dataset, "mode": mode, "run": run}
        row |= {name: record[name] for name in ("steps", "samples", "tokens", "seconds")}
        row |= {"tokens_per_second": round(record["tokens"] / max(record["seconds"], 0.1), 1)}
        row |= {name: record[name] for name in ("peak_memory_mb", "precision", "device", "trained_parameters")}
        fall = last_fall(curve)
        each = max(1, round(SHARE * len(curve)))
        row |= {"last_loss": round(curve[-each:].mean(), 4), "last_fall": round(fall, 4)}
        rows.append(row | {"flattened": fall < LEAST_FALL})
    return pd.DataFrame(rows)
