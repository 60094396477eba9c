"""What each stage took: the benchmark files of a run, one per job, summed up per rule."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recexplainer.errors import InputError


@dataclass(frozen=True)
class Cost:
    """What the jobs of one rule took.

    Attributes:
        rule: its name.
        jobs: how many have a benchmark file.
        seconds: of all jobs together, by the clock.
        longest: of the longest job, in seconds.
        cpu_seconds: of all jobs together, over all their threads; 0 where too short to be measured.
        memory: the most that a job held at once (resident set), in MB; 0 where too short to be measured.
    """

    rule: str
    jobs: int
    seconds: float
    longest: float
    cpu_seconds: float
    memory: float


def read_costs(folder: str | Path) -> list[Cost]:
    """Return the costs per rule, the longest total first, rules of equal time by name.

    Args:
        folder: holds ``{rule}/{job}.tsv`` as Snakemake's ``benchmark:`` writes them: a header, and one row per
            repetition, whose times add up.

    Raises:
        InputError: the folder is missing, or a file is not a benchmark.
    """
    if not Path(folder).is_dir():
        raise InputError(f"{folder}: no such folder; expected the benchmarks of a run. Run the pipeline first.")
    costs = []
    for rule in sorted(path for path in Path(folder).iterdir() if path.is_dir()):
        jobs = [_read(path) for path in sorted(rule.rglob("*.tsv"))]
        if jobs:
            seconds, cpu, memory = zip(*jobs, strict=True)
            costs.append(Cost(rule.name, len(jobs), sum(seconds), max(seconds), sum(cpu), max(memory)))
    return sorted(costs, key=lambda cost: (-cost.seconds, cost.rule))


def _read(path: Path) -> tuple[float, float, float]:
    """Return seconds, CPU seconds and peak memory in MB of one job."""
    try:
        frame = pd.read_csv(path, sep="\t")
        # A job that ends at once has "-" or "NA" for what could not be measured.
        values = frame[["s", "cpu_time", "max_rss"]].apply(pd.to_numeric, errors="coerce").fillna(0.0)
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: not a benchmark of Snakemake ({error}). Delete it.") from None
    return float(values["s"].sum()), float(values["cpu_time"].sum()), float(values["max_rss"].max())
