"""How far a run of the workflow is, for the terminal: its jobs, weighed by the time that the plan expects of each."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from recexplainer.duration import in_words

LONG = 30.0
"""Of a job that is expected to take more seconds than this, the start is shown as well."""

TAIL = 15
"""Lines of a failed job's log that are shown."""

_expected: list[Callable[[], Mapping[str, float]]] = []


def expect(seconds: Callable[[], Mapping[str, float]]) -> None:
    """Say what tells the expected seconds of a job by its rule; it is called when jobs are about to run, or never."""
    _expected[:] = [seconds]


def expected() -> Mapping[str, float]:
    """Return the expected seconds of a job by its rule; nothing if nobody said, or if the plan cannot tell."""
    try:
        return _expected[0]() if _expected else {}
    except Exception:  # a run is not to fail for the sake of its progress bar
        return {}


@dataclass(frozen=True)
class Job:
    """A job that runs: its rule, what it is called, its log files, and when it began."""

    rule: str
    name: str
    logs: tuple[str, ...]
    begin: float


class Progress:
    """What a run has done, and what is left of it.

    Args:
        jobs: how many jobs there are, by rule.
        seconds: what a job of a rule is expected to take; 1 where nothing is said.
        clock: the time in seconds.
    """

    def __init__(
        self, jobs: Mapping[str, int], seconds: Mapping[str, float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.total, self.done = sum(jobs.values()), 0
        self.running: dict[int, Job] = {}
        self._seconds, self._clock = seconds, clock
        self._work = sum(count * self._of(rule) for rule, count in jobs.items()) or 1.0
        self._finished, self._begin = 0.0, clock()

    def _of(self, rule: str) -> float:
        return max(self._seconds.get(rule, 1.0), 0.1)

    def share(self) -> float:
        """Return the share of the work that is done, 0 to 1; a job that runs counts for up to nine tenths of itself."""
        now = self._clock()
        begun = sum(min(now - job.begin, 0.9 * self._of(job.rule)) for job in self.running.values())
        return min(1.0, (self._finished + begun) / self._work) if self.done < self.total else 1.0

    def left(self) -> float | None:
        """Return the seconds that are left, at the pace so far; None where it is too early to tell."""
        elapsed, share = self._clock() - self._begin, self.share()
        return elapsed * (1 - share) / share if elapsed > 5 and share > 0.02 else None

    def start(self, number: int, rule: str, logs: tuple[str, ...] = ()) -> str | None:
        """Take note of a job that starts; return the line to show, if it is expected to be a long one."""
        job = self.running[number] = Job(rule, job_name(rule, logs), logs, self._clock())
        if self._of(rule) <= LONG:
            return None
        return f"{self._counter(self.done)}  begins: {job.name} (about {in_words(self._of(rule))} by the plan)"

    def finish(self, number: int) -> str | None:
        """Take note of a job that has ended well; return the line to show, if it is known."""
        job = self.running.pop(number, None)
        if job is None:
            return None
        self.done += 1
        self._finished += self._of(job.rule)
        line = f"{self._counter(self.done)}  {job.name:<48} {in_words(self._clock() - job.begin):>12}"
        left = self.left()
        return f"{line}   about {in_words(left)} left" if left and self.done < self.total else line

    def fail(self, number: int, rule: str, logs: tuple[str, ...]) -> str:
        """Take note of a job that has failed; return what to show: its name, its log and how that ends."""
        job = self.running.pop(number, None)
        name = job.name if job else job_name(rule, logs)
        lines = [f"{self._counter(self.done)}  FAILED: {name}"]
        for path in logs:
            lines += [f"    {line}" for line in last_lines(path)] + [f"    the whole log: {path}"]
        return "\n".join(lines)

    def bar(self, width: int) -> str:
        """Return one line of at most ``width`` characters: a bar, the share, the time left, and what runs."""
        share, left, now = self.share(), self.left(), self._clock()
        full = round(20 * share)
        line = f"[{'#' * full}{'.' * (20 - full)}] {share:4.0%}"
        if left is not None:
            line += f"  about {in_words(left)} left"
        line += "".join(f"  | {job.name} {in_words(now - job.begin)}" for job in self.running.values())
        return line[:width]

    def _counter(self, number: int) -> str:
        return f"[{number:>{len(str(self.total))}}/{self.total} {self.share():4.0%}]"


def job_name(rule: str, logs: tuple[str, ...]) -> str:
    """Return what a job is called: its rule, and what its log file says of its wildcards."""
    stem = Path(logs[0]).stem if logs else ""
    return f"{rule} {stem}" if stem not in ("", "all", rule) else rule


def last_lines(path: str | Path, count: int = TAIL) -> list[str]:
    """Return the last lines of a log as plain text; none if there is no such file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            lines = deque(handle, maxlen=count)
    except OSError:
        return []
    return ["".join(c if c.isprintable() or c == "\t" else "?" for c in line.rstrip("\n")) for line in lines]
