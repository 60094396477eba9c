"""A run of the workflow that is killed again and again, at moments drawn from a seed, and started again each time."""

import os
import random
import re
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import psutil

STAGES = {
    "data": ("make_demo_dataset", "make_demo_conversations", "download_dataset", "download_conversations")
    + ("filter_dataset", "parse_conversations"),
    "tuning": ("tune_recommender",),
    "training": ("train_recommender",),
    "export": ("export_recommender", "build_tasks", "build_sharegpt"),
    "alignment": ("train_llm", "base_llm", "align"),
    "inference": ("predict_baseline", "predict_base", "predict_aligned", "choose_cases", "explain")
    + ("explain_by_service", "explain_viewpoints"),
    "judging": ("judge_by_rubric", "judge_by_service", "draw_study", "simulate_raters", "collect_ratings"),
}
LAST_STAGE = "tables"
"""The stage of all other rules: tables, figures and the report."""

STARTED = re.compile(r"^(?:local)?rule (\w+):$\n(?:^    .*\n)*?^    jobid: (\d+)$", re.MULTILINE)
FINISHED = re.compile(r"^Finished jobid: (\d+) \(Rule: \w+\)$", re.MULTILINE)


def stage(rule: str) -> str:
    """Return the stage that a rule belongs to."""
    return next((name for name, rules in STAGES.items() if rule in rules), LAST_STAGE)


@dataclass
class Kill:
    """One SIGKILL.

    Attributes:
        rule: whose job is to be hit.
        share: when, as a share of the time that the rule's jobs took undisturbed, two at once. Where a job is quicker
            than that, the kill comes just after its end.
        victim: ``group``, all processes of the run; ``snakemake``, that one alone, so that its job runs on beside
            those of the next run; ``job``, the job's program alone, as the kernel does when memory is short.
        hit: the rules that were running when it came.
    """

    rule: str
    share: float
    victim: str
    hit: tuple[str, ...] = ()


def plan(seconds: dict[str, float], kills: int, seed: int) -> list[Kill]:
    """Spread kills over the stages in turn, from a random one on, within a stage over its rules, long ones more often.

    Args:
        seconds: of every rule of the run, what a job takes.
        kills: how many.
        seed: of what is left to chance.
    """
    rng = random.Random(seed)
    rules = defaultdict(list)
    for rule in sorted(seconds):
        rules[stage(rule)].append(rule)
    stages = rng.sample(sorted(rules), len(rules))
    queues = {name: rng.sample(rules[name], len(rules[name])) for name in stages}
    chosen = []
    for number in range(kills):
        name = stages[number % len(stages)]
        # Each rule once, then by the time that its jobs take.
        rule = (
            queues[name].pop()
            if queues[name]
            else rng.choices(rules[name], [0.1 + seconds[rule] for rule in rules[name]])[0]
        )
        victim = rng.choices(("group", "snakemake", "job"), (2, 1, 1))[0]
        chosen.append(Kill(rule, rng.uniform(0, 0.8), victim))
    return chosen


class Run:
    """A workflow in a folder of its own, started as often as it takes.

    Attributes:
        attempts: the log of each start, as text.
    """

    def __init__(self, folder: Path, targets: list[str], configs: list[str], cores: int, hash_seed: int):
        self.folder = folder
        self.options = [*targets, "--cores", str(cores), "--rerun-incomplete", "--configfile", *configs]
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self.environment = os.environ | {"PATH": path, "PYTHONHASHSEED": str(hash_seed), "PYTHONDONTWRITEBYTECODE": "1"}
        self.environment.pop("PYTHONPATH", None)
        self.attempts: list[str] = []
        self.sessions: list[int] = []

    def start(self) -> subprocess.Popen:
        """Start Snakemake in a session of its own, so that a kill finds all its processes."""
        self.log = self.folder / f"attempt-{len(self.attempts)}.log"
        with open(self.log, "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "snakemake", *self.options],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.sessions.append(process.pid)
        return process

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def running(self) -> dict[str, str]:
        """Return the jobs that have started and not finished: job id to rule."""
        text = self.text()
        finished = set(FINISHED.findall(text))
        return {job: rule for rule, job in STARTED.findall(text) if job not in finished}

    def whole(self, timeout: float = 3600) -> None:
        """Run to the end without a kill.

        Raises:
            AssertionError: the run failed.
        """
        process = self.start()
        try:
            code = process.wait(timeout)
        finally:
            self.attempts.append(self.text())
            self.clean_up()
        assert code == 0, self.text()[-5000:]

    def through(self, kills: list[Kill], seconds: dict[str, float], timeout: float = 7200) -> None:
        """Run to the end through the kills, each at the first job of its rule that starts; start again after each.

        Raises:
            AssertionError: a start failed for another reason than its kill.
        """
        left, over, process, until = list(kills), set(), self.start(), time.monotonic() + timeout
        last: Kill | None = None
        try:
            while True:
                assert time.monotonic() < until, self.text()[-5000:]
                jobs = self.running() if process.poll() is None else {}
                kill = self._next(left, jobs, over)
                if kill:
                    job = next(job for job, rule in jobs.items() if rule == kill.rule)
                    self._wait(job, kill.share * seconds.get(kill.rule, 1.0), process)
                    if job not in self.running():
                        over.add(kill.rule)
                    if self._strike(kill, process):
                        left.remove(kill)
                        last = kill
                elif process.poll() is None:
                    time.sleep(0.1)
                else:
                    self.attempts.append(self.text())
                    if process.returncode == 0:
                        return
                    self._after(process.returncode, last)
                    process, last = self.start(), None
        finally:
            self.clean_up()

    @staticmethod
    def _next(left: list[Kill], jobs: dict[str, str], over: set[str]) -> Kill | None:
        """Return the kill that is due now that these jobs run, if there is one.

        A job may have ended just before its kill, and then there may be none of its rule for a further one: that one
        takes what runs next.
        """
        kill = next((kill for kill in left if kill.rule in jobs.values()), None)
        if kill is None and jobs:
            kill = next((kill for kill in left if kill.rule in over), None)
            if kill:
                kill.rule = next(iter(jobs.values()))
        return kill

    def _after(self, code: int, last: Kill | None) -> None:
        """Do what a user does after a run that ended early.

        Raises:
            AssertionError: it was not killed, and ended for another reason than the kill of its job.
        """
        if code < 0:
            self.unlock()
        else:
            # Snakemake ended of itself: because its job was killed, and it said which one.
            text = self.text()
            assert last and any(f"Error in rule {rule}:" in text for rule in last.hit), text[-5000:]

    def _wait(self, job: str, seconds: float, process: subprocess.Popen) -> None:
        """Wait, but not past the end of the job or of the run."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and process.poll() is None and job in self.running():
            time.sleep(0.05)

    def _strike(self, kill: Kill, process: subprocess.Popen) -> bool:
        """Send the signal; return whether the run was still there."""
        if process.poll() is not None:
            return False
        kill.hit = tuple(sorted(set(self.running().values()))) or (kill.rule,)
        programs = self._programs(process.pid)
        if kill.victim == "job" and programs:
            for program in programs:
                program.kill()
            return True
        if kill.victim == "snakemake":
            process.kill()
        else:
            kill.victim = "group"  # also where the job's program has not started yet, or is over
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True

    @staticmethod
    def _programs(pid: int) -> list[psutil.Process]:
        """Return the Python programs of the running jobs."""
        try:
            children = psutil.Process(pid).children(recursive=True)
            return [child for child in children if child.name().startswith("python")]
        except psutil.NoSuchProcess:
            return []

    def unlock(self) -> None:
        """Do what Snakemake tells the user to do after a kill."""
        command = [sys.executable, "-m", "snakemake", "--unlock", *self.options]
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def clean_up(self) -> None:
        """End what is left of killed starts: the jobs that ran on."""
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) in self.sessions:
                    process.kill()
            except (ProcessLookupError, psutil.NoSuchProcess):
                continue


def durations(benchmarks: Path) -> dict[str, float]:
    """Return what a job of each rule took in an undisturbed run, in seconds, on average."""
    found = defaultdict(list)
    for path in sorted(benchmarks.glob("*/*.tsv")):
        found[path.parent.name].append(float(path.read_text().splitlines()[1].split("\t")[0]))
    return {rule: statistics.mean(values) for rule, values in found.items()}


def summary(kills: list[Kill]) -> str:
    """Return a line per stage: how many kills hit it, by victim and by rule."""
    lines = []
    for name in (*STAGES, LAST_STAGE):
        mine = [kill for kill in kills if any(stage(rule) == name for rule in kill.hit)]
        victims = Counter(kill.victim for kill in mine)
        rules = Counter(rule for kill in mine for rule in kill.hit if stage(rule) == name)
        lines.append(f"{name:10} {len(mine):3} kills {dict(victims)} {dict(rules)}")
    return "\n".join(lines)
