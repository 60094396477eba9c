"""A second ``snakemake`` call, when all is done, on the paper's whole DAG: how long until "nothing to be done".

The outputs are made once by stand-ins (as in the workflow's tests), for the paper's config and for parts of it. Then
the dry run that finds nothing to do is timed. The growth row compares the time per further job with that of a
small DAG: over 1 means that time grows slower than the number of jobs.

Run as: python benchmarks/no_op.py [--rounds 5]
"""

import re
import sys
import tempfile
from pathlib import Path

from harness import ROOT, child, parser, record, run_benchmark

LIMIT = 4  # seconds
ONE_DATASET = {
    "run": {
        "datasets": ["movies"],
        "modes": ["hybrid"],
        "ablations": {"names": [], "datasets": [], "modes": ["hybrid"]},
    },
    "recommender": {"tuning": {"trials": 2}},
    "explanation": {"study": {"dataset": "movies"}},
}
# Eight GPUs would have torchrun start each stand-in eight times; the DAG is the same with one.
ONE_GPU = {"alignment": {"gpus": 1}}
PARTS = {"paper": ONE_GPU, "one dataset": ONE_DATASET | ONE_GPU}


def finished(folder: Path, overrides: dict, cores: int = 2) -> tuple[list[str], int]:
    """Make every output by stand-ins in a copy of the repository.

    Args:
        folder: an empty folder.
        overrides: laid over the paper's config.
        cores: jobs at once.

    Returns:
        The command that finds nothing to do, to be run in ``folder / "repository"``, and the number of jobs.
    """
    sys.path.insert(0, str(ROOT / "tests" / "support"))
    import clone
    import yaml

    repository = clone.copy_repository(folder / "repository")
    (repository / "part.yaml").write_text(yaml.safe_dump(overrides), encoding="utf-8")
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(clone.__file__).parent / "stand_in.py"}" "$@"\n')
    python.chmod(0o755)
    options = ["--configfile", "part.yaml", "--cores", str(cores)]
    done = clone.snakemake(repository, *options, front=python.parent)
    if done.returncode:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-3000:])
    (jobs,) = set(re.findall(r"^total +(\d+)$", done.stdout + done.stderr, re.MULTILINE))
    if "Nothing to be done" not in (again := clone.snakemake(repository, *options, "--dry-run")).stdout + again.stderr:
        raise SystemExit("The second run finds something to do:\n" + again.stdout[-3000:])
    return [sys.executable, "-m", "snakemake", *options], int(jobs)


def main(args) -> None:
    times, counts = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        commands = {}
        for name, overrides in PARTS.items():
            commands[name], counts[name] = finished(Path(folder) / name.replace(" ", "_"), overrides)
            times[name] = []
        for _ in range(args.rounds):
            for name, command in commands.items():
                times[name].append(child(*command, cwd=Path(folder) / name.replace(" ", "_") / "repository"))
        start = [child(sys.executable, "-m", "snakemake", "--version") for _ in range(args.rounds)]
    paper, part = times["paper"], times["one dataset"]
    record(
        f"no-op snakemake, paper's DAG of {counts['paper']} jobs",
        f"limit of {LIMIT} s",
        [cost.wall for cost in paper],
        [LIMIT],
        1,
        cpu=([cost.cpu for cost in paper], [LIMIT] * len(paper)),
        floor=f"snakemake --version alone {min(cost.wall for cost in start):.2f} s",
        results=args.results,
    )
    record(
        f"no-op snakemake, growth from {counts['one dataset']} to {counts['paper']} jobs",
        "growth of the number of jobs",
        [a.cpu / b.cpu for a, b in zip(paper, part, strict=True)],
        [counts["paper"] / counts["one dataset"]],
        1,
        "times as much",
        note=f"{min(cost.cpu for cost in part):.2f} and {min(cost.cpu for cost in paper):.2f} s of CPU",
        results=args.results,
    )


if __name__ == "__main__":
    arguments = parser(__doc__)
    arguments.set_defaults(rounds=5)
    run_benchmark(main, arguments)
