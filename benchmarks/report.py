"""The report of a run of three data sets and five systems with 500 explained cases each: its time and its size.

What the stages before tables and figures leave is made up (``report_inputs.py``). Of that the workflow's own rules make
every table and figure and the report, for the paper's config with simulated raters. Then the command by which the
workflow made the report is timed. Both rows are against limits.

Run as: python benchmarks/report.py [--cases 500] [--rounds 5]
"""

import os
import shlex
import sys
import tempfile
from pathlib import Path

from harness import ROOT, child, parser, record, run_benchmark

SECONDS, MEGABYTES = 5, 5
PROGRAM = "workflow/scripts/report.py"
# The rules that make tables, figures and the report; what the others make is made up.
RULES = """
    table1 table2 table3 table4 table_recommender table_surrogates table_controllability table_faithfulness
    table_human table_spending draw_study simulate_raters collect_ratings select_case figure3 figure4 figure5 figure6
    learning_curves paper_vs_ours typeset provenance report
""".split()
# Fewer resamples make other intervals, and the report no smaller.
FEW = {"bootstrap": 100}
PACKAGES = "import jinja2, pandas, pyarrow.parquet, pydantic, yaml"


def make_run(folder: Path, cases: int) -> tuple[list[str], Path]:
    """Make a run up to its report, in a copy of the repository.

    Args:
        folder: an empty folder.
        cases: explained cases of each data set.

    Returns:
        The command that makes the report again, to be run in ``folder``, and the report.

    Raises:
        SystemExit: a rule failed; its output is shown.
    """
    sys.path.insert(0, str(ROOT / "tests" / "support"))
    import clone
    import yaml
    from report_inputs import write_inputs

    from recexplainer.planning.plan import merged

    clone.copy_repository(folder)
    study = {"ratings": "simulated", "cases": min(120, cases)}
    explanation = FEW | {"cases": cases, "viewpoint_cases": min(100, cases), "study": study}
    overrides = {"evaluation": FEW, "faithfulness": FEW, "explanation": explanation}
    (folder / "own.yaml").write_text(yaml.safe_dump(overrides), encoding="utf-8")
    config = merged([ROOT / "config/config.yaml", folder / "own.yaml"], ROOT / "config/schema.yaml")
    results = config["pathvars"]["results"]
    write_inputs(folder / results, config)
    options = ["--configfile", "own.yaml", "--printshellcmds", "--allowed-rules", *RULES, "--"]
    done = clone.snakemake(folder, *options, f"{results}/report.html")
    if done.returncode:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-3000:])
    (line,) = [line for line in (done.stdout + done.stderr).splitlines() if f"python {PROGRAM}" in line]
    arguments = shlex.split(line.partition(PROGRAM)[2].partition(" 2>&1")[0])
    return [sys.executable, PROGRAM, *arguments], folder / results / "report.html"


def measure(folder: Path, command: list[str], page: Path, args) -> None:
    """Make the report again, ``args.rounds`` times, and write the rows of its time and its size.

    Raises:
        SystemExit: the report says that it lacks a part, or the command failed.
    """
    if "Not in this report" in page.read_text(encoding="utf-8"):
        raise SystemExit("The report lacks a part.")
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    costs = [child(*command, cwd=folder, env=environment) for _ in range(args.rounds)]
    packages = [child(sys.executable, "-c", PACKAGES).cpu for _ in range(args.rounds)]
    cpu, megabytes = [cost.cpu for cost in costs], page.stat().st_size / 1e6
    work = f"report of 3 data sets, 5 systems, {args.cases} cases"
    record(
        work,
        f"limit of {SECONDS} s",
        [cost.wall for cost in costs],
        [SECONDS],
        1,
        cpu=(cpu, [SECONDS] * len(cpu)),
        floor=f"importing its packages alone {min(packages):.2f} s of CPU",
        note=f"{min(cpu):.2f} s of CPU",
        results=args.results,
    )
    record(f"{work}: the page", f"limit of {MEGABYTES} MB", [megabytes], [MEGABYTES], 1, "MB", results=args.results)


def main(args) -> None:
    with tempfile.TemporaryDirectory() as name:
        command, page = make_run(Path(name), args.cases)
        measure(Path(name), command, page, args)


if __name__ == "__main__":
    arguments = parser(__doc__)
    arguments.set_defaults(rounds=5)
    arguments.add_argument("--cases", type=int, default=500, help="explained cases per data set (default 500)")
    run_benchmark(main, arguments)
