"""Runs jobs with mutated files and arguments, one after the other, in this process: a plan comes in, results go out.

As a program: ``python mutants.py PLAN RESULTS FIRST``, in a copy of the repository. Each line of the results says what
became of one mutant. A job that hangs is ended by an alarm; one that takes the process along leaves its line out.
"""

import contextlib
import faulthandler
import hashlib
import json
import logging
import os
import resource
import runpy
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from jobs import OUT, Job, load
from mutations import DAMAGES, mutate_arguments, mutate_file

SECONDS = 100  # of the processor, for one mutant; none of the jobs takes more than some
MEMORY = 6 << 30  # beyond what is there at the start
KEPT = ("checkpoints/", "store.jsonl", "ledger.jsonl", "job.log", "folder/", "file")
"""What stays after a failure, or is no output; and what tells of times."""
TIMES = ("record.json", "provenance.json", "report.html")
DAMAGE = {damage.__name__ for damage in DAMAGES}


class Hung(BaseException):
    """The alarm rang."""


@dataclass
class Mutant:
    """One job with something wrong.

    Attributes:
        job: its number in the plan's jobs.
        seed: decides what is wrong.
        kind: ``file``, ``arguments``, or ``none`` for the job as it is.
    """

    job: int
    seed: str
    kind: str


@contextlib.contextmanager
def captured(path: Path):
    """Send what this process and its libraries say to a file."""
    sys.stdout.flush(), sys.stderr.flush()
    saved = [os.dup(number) for number in (1, 2)]
    with open(path, "wb") as said:
        for number in (1, 2):
            os.dup2(said.fileno(), number)
        try:
            yield
        finally:
            sys.stdout.flush(), sys.stderr.flush()
            for number, old in zip((1, 2), saved, strict=True):
                os.dup2(old, number)
                os.close(old)


@contextlib.contextmanager
def alarm():
    """Raise :class:`Hung` when the time is up; should that not end it, end the process."""

    def ring(*_):
        raise Hung

    for kind in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(kind, ring)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, 6 * SECONDS)
    faulthandler.dump_traceback_later(8 * SECONDS, exit=True)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()


@contextlib.contextmanager
def changed(path: Path, content: bytes | None, what: str, sealed: bool):
    """Give a file another content for a while.

    Args:
        sealed: its checksum stays as it is; else it is as a file of a user's own, which has none.
    """
    whole, summed = path.read_bytes(), path.with_name(f".{path.name}.sha256")
    line = summed.read_bytes() if summed.exists() else None
    path.unlink()
    if what == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    if not sealed:
        summed.unlink(missing_ok=True)
    try:
        yield
    finally:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        path.write_bytes(whole)
        if line is not None:
            summed.write_bytes(line)


def call(program: str, words: list[str]) -> int:
    """Run a program as its own process would, and return its exit status."""
    sys.argv = [program, *words]
    try:
        if program == "recexplainer":
            from recexplainer.interactive import command

            command.main()
        else:
            runpy.run_path(f"workflow/scripts/{program}", run_name="__main__")
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    return 0


def tidy() -> None:
    """Undo what a program leaves behind in its process."""
    logging.getLogger().handlers.clear()


def written(folder: Path) -> dict[str, str]:
    """Return the digests of the files under a folder that are outputs."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part in str(path.relative_to(folder)) for part in KEPT)
    }


def prepare(job: Job) -> None:
    """Empty the folder of outputs, but for what a job goes on from."""
    shutil.rmtree(OUT, ignore_errors=True)
    Path(OUT, "folder").mkdir(parents=True)
    Path(OUT, "file").write_text("x")
    for source, target in job.state.items():
        if Path(source).is_file():
            shutil.copyfile(source, target)


def run(job: Job, mutant: Mutant, jobs: list[Job]) -> dict:
    """Run a job with what is wrong, and return what became of it."""
    words, path, what = list(job.words), None, "as it is"
    sealed = mutant.seed.endswith("sealed")  # if there is a checksum
    with contextlib.ExitStack() as stack:
        if mutant.kind == "file":
            files = [*job.inputs, *job.state]
            import random

            path = Path(random.Random(mutant.seed).choice(files))
            others = [Path(name) for other in jobs for name in other.inputs if Path(name).suffix == path.suffix]
            content, what = mutate_file(path, others, mutant.seed)
            same = content == path.read_bytes()
            sealed = sealed and path.with_name(f".{path.name}.sha256").exists()
            stack.enter_context(changed(path, content, what, sealed))
        elif mutant.kind == "arguments":
            words, what = mutate_arguments(words, job.named, mutant.seed)
            same = words == job.words
        else:
            same = True
        prepare(job)
        start = time.process_time()
        with captured(Path("said.txt")):
            try:
                with alarm():
                    status: int | str = call(
                        job.program, [*words, "--log", f"{OUT}/job.log"] if job.program != "recexplainer" else words
                    )
            except Hung:
                status = "hung"
            except BaseException as error:
                status = f"raised {type(error).__name__}: {error}"
                import traceback

                traceback.print_exc()
            finally:
                tidy()
        said = Path("said.txt").read_text(encoding="utf-8", errors="replace")
    log = Path(OUT, "job.log")
    return {
        "job": job.name,
        "program": job.program,
        "kind": mutant.kind,
        "seed": mutant.seed,
        "path": str(path) if path else None,
        "what": what,
        "same": same,
        "damage": what in DAMAGE,
        "sealed": sealed,
        "status": status,
        "said": said[-4000:],
        "log": log.read_text(errors="replace")[-3000:] if log.is_file() else "",
        "written": written(Path(OUT)),
        "seconds": time.process_time() - start,
    }


def main(plan: str, results: str, first: str) -> None:
    """Run the mutants of a plan from one on."""
    jobs = load(Path("jobs.json"))
    mutants = [Mutant(**entry) for entry in json.loads(Path(plan).read_text())]
    used = int(Path("/proc/self/statm").read_text().split()[0]) * 4096
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))
    from recexplainer.alignment import engine
    from recexplainer.interactive import guard, page
    from recexplainer.llm import limits

    # DeepSpeed cannot be started twice in one process but with the group of processes that it had.
    engine.leave = lambda: None
    limits.SECONDS = 3.0
    page.serve = lambda explainer, shown, port: None
    guard.check_free = lambda host, port: None
    with open(results, "a", encoding="utf-8") as handle:
        for number, mutant in enumerate(mutants[int(first) :], int(first)):
            found = run(jobs[mutant.job], mutant, jobs)
            handle.write(json.dumps(found | {"number": number}) + "\n")
            handle.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
