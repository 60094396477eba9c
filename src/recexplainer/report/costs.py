"""What each stage took: the benchmark files of a run, one per job, summed up per rule."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from recexplainer.errors import InputError

MEASURED = ("s", "cpu_time", "max_rss")
"""Columns of Snakemake's benchmark files: seconds, CPU seconds, and MB of resident memory."""


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
        jobs = [read_job(path) for path in sorted(rule.rglob("*.tsv"))]
        if jobs:
            seconds, cpu, memory = zip(*jobs, strict=True)
            costs.append(Cost(rule.name, len(jobs), sum(seconds), max(seconds), sum(cpu), max(memory)))
    return sorted(costs, key=lambda cost: (-cost.seconds, cost.rule))


def read_job(path: str | Path) -> tuple[float, float, float]:
    """Return seconds, CPU seconds and peak memory in MB of one job.

    The rows of a job that was repeated add up. A job that ends at once has "-" or "NA" for what could not be measured:
    that counts as 0.

    Args:
        path: a file of a rule's ``benchmark:``.

    Raises:
        InputError: the file is no benchmark.
    """
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            rows = [[_number(row[name]) for name in MEASURED] for row in csv.DictReader(handle, delimiter="\t")]
    except KeyError as error:
        raise InputError(f"{path}: not a benchmark of Snakemake (no column {error}). Delete it.") from None
    except (csv.Error, ValueError) as error:
        raise InputError(f"{path}: not a benchmark of Snakemake ({error}). Delete it.") from None
    if not rows:
        raise InputError(f"{path}: not a benchmark of Snakemake (no row). Delete it.")
    seconds, cpu, memory = zip(*rows, strict=True)
    return sum(seconds), sum(cpu), max(memory)


def _number(cell: str | None) -> float:
    """Return the number of a cell; 0 where it holds none."""
    try:
        value = float(cell or 0)
    except ValueError:
        return 0.0
    return 0.0 if math.isnan(value) else value
