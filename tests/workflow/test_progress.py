"""How far a run is: sums in time units that can be checked by head, and the logger plugin under a real Snakemake."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from clone import CONFIG, ROOT, copy_repository

from recexplainer import progress
from recexplainer.duration import in_words
from recexplainer.progress import Progress, job_name, last_lines


class Clock:
    """A clock that stands still until it is told to go on."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def run(clock):
    """Two trainings of 40 s by the plan and two tables of 10 s: 100 s of work."""
    return Progress({"align": 2, "table": 2}, {"align": 40.0, "table": 10.0}, clock)


def test_share_is_of_the_expected_work_not_of_the_jobs(run, clock):
    run.start(1, "align")
    clock.now += 80  # twice as slow as expected
    run.finish(1)
    assert run.share() == pytest.approx(0.4)
    assert run.left() == pytest.approx(120)  # 60 s of work at half the speed


def test_a_running_job_counts_but_never_as_done(run, clock):
    run.start(1, "align")
    clock.now += 20
    assert run.share() == pytest.approx(0.2)
    clock.now += 1000
    assert run.share() == pytest.approx(0.36)
    for number in (1, 2):
        run.start(number, "align")
        run.finish(number)
    for number in (3, 4):
        run.start(number, "table")
        run.finish(number)
    assert run.share() == 1
    assert run.left() == 0


def test_nothing_is_foretold_in_the_first_seconds(run, clock):
    run.start(1, "align")
    clock.now += 4
    assert run.left() is None


def test_lines(run, clock):
    begins = run.start(1, "align", ("logs/align/films.hybrid.log",))
    assert begins.endswith("begins: align films.hybrid (about 40 s by the plan)")
    assert run.start(2, "table", ("logs/table/all.log",)) is None  # a short one
    clock.now += 12
    assert run.finish(2).startswith("[1/4  22%]  table ")
    assert "12 s" in run.bar(200)
    assert "align films.hybrid" in run.bar(200)
    assert len(run.bar(30)) == 30
    assert run.finish(77) is None


def test_a_failure_ends_with_its_log(run, tmp_path):
    log = tmp_path / "films.hybrid.log"
    log.write_text("".join(f"line {n}\n" for n in range(100)) + "\x1b[31merror: no such \x07file\n")
    run.start(1, "align", (str(log),))
    shown = run.fail(1, "align", (str(log),))
    assert "FAILED: align films.hybrid" in shown
    assert str(log) in shown
    assert "line 99" in shown
    assert "line 80" not in shown
    assert "\x1b" not in shown and "\x07" not in shown
    assert not run.running
    assert last_lines(tmp_path / "none.log") == []


def test_a_plan_that_cannot_tell_stops_no_run(monkeypatch):
    monkeypatch.setattr(progress, "_expected", [])
    assert progress.expected() == {}
    progress.expect(lambda: {"align": 1 / 0})
    assert progress.expected() == {}
    progress.expect(lambda: {"align": 2.0})
    assert progress.expected() == {"align": 2.0}
    assert Progress({}, {}).share() == 1


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (312, "5 min 12 s")]
    + [(3599.6, "1 h 0 min"), (13200.4, "3 h 40 min")],
)
def test_times(seconds, words):
    assert in_words(seconds) == words


def test_names():
    assert job_name("table2", ("logs/table2/table2.log",)) == "table2"
    assert job_name("align", ()) == "align"


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A copy of the repository, and a python before it that speaks, and in whose hands the filter fails."""
    folder = copy_repository(tmp_path_factory.mktemp("terminal") / "repository")
    python = folder.parent / "bin" / "python"
    python.parent.mkdir()
    stand_in = ROOT / "tests/support/stand_in.py"
    python.write_text(
        '#!/bin/sh\necho "a program speaks"\n'
        'case "$FAILS $*" in yes*filter_dataset.py*) echo "error: x"; exit 2;; esac\n'
        f'exec "{sys.executable}" "{stand_in}" "$@"\n'
    )
    python.chmod(0o755)
    return folder


def terminal(repository, *options, **variables) -> subprocess.CompletedProcess:
    path = os.pathsep.join([str(repository.parent / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    command = [sys.executable, "-m", "snakemake", "--logger", "recexplainer", "--cores", "1", "--configfile", CONFIG]
    return subprocess.run(
        [*command, *options],
        cwd=repository,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(repository / "src")} | variables,
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_one_line_per_job_and_the_rest_in_the_logs(repository):
    done = terminal(repository, "--until", "filter_dataset", FAILS="yes")
    assert done.returncode == 1
    shown = done.stdout + done.stderr
    assert "FAILED: filter_dataset games" in shown
    assert "    error: x\n" in shown
    assert "results/smallest/logs/filter_dataset/games.log" in shown
    assert "set -euo pipefail" not in shown  # the command, thousands of characters

    done = terminal(repository, "--until", "filter_dataset", FAILS="no")
    shown = done.stdout + done.stderr
    assert done.returncode == 0, shown
    jobs = [line for line in done.stderr.splitlines() if line.startswith("[")]
    assert len(jobs) == 1  # the others were done before the one that failed
    assert jobs[0].startswith("[1/1 100%]  filter_dataset games")
    assert "a program speaks" not in shown
    assert "Done. Tables and figures so far, in results/smallest: none." in shown
    log = repository / "results/smallest/logs/filter_dataset/games.log"
    assert "a program speaks" in log.read_text()

    done = terminal(repository, "--until", "filter_dataset")
    assert "Nothing to be done." in done.stderr


def test_a_dry_run_is_shown_as_ever(repository):
    done = terminal(repository, "--until", "filter_dataset", "--dry-run", "--forceall")
    assert "Job stats:" in done.stdout + done.stderr
