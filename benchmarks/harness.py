"""What every benchmark shares: taking turns, measuring, and one row per work in ``results.csv``.

Ours and a peer do the same work in turns, many short times, so that a noisy machine treats both alike. A row's
ratio is the median over the rounds, its spread the rounds' quartiles. The CPU time stands beside the wall time.
A limit (4 s, 2 GiB) is a peer too: one whose value is always the same.
"""

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from recexplainer import cli  # noqa: E402
from recexplainer.provenance import machine as described  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results.csv"
# ours and peer are in the unit; ratio, spread, cpu_ratio and goal are over 1 where we are ahead.
COLUMNS = ["work", "against", "unit", "ours", "peer", "ratio", "goal", "spread", "cpu_ratio", "rounds"]
COLUMNS += ["floor", "note", "hardware"]


@dataclass(frozen=True)
class Cost:
    """What one run took: wall and CPU seconds, and the peak memory in bytes where it is known."""

    wall: float
    cpu: float
    memory: int = 0


@dataclass(frozen=True)
class Turns:
    """The costs of both sides, round by round."""

    ours: list[Cost]
    peer: list[Cost]


def parser(description: str):
    """Return a parser with ``--threads`` (default 1), ``--rounds``, ``--results``, for :func:`run_benchmark`."""
    result = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--threads", type=int, default=1, help="number of CPU threads (default 1)")
    result.add_argument("--rounds", type=int, default=3, help="how often both sides take their turn (default 3)")
    result.add_argument("--results", default=str(RESULTS), help="CSV to write the rows to (default: results.csv here)")
    return result


def run_benchmark(main: Callable, arguments: argparse.ArgumentParser) -> None:
    """Call ``main`` with the parsed arguments, as the programs of the workflow run.

    Imports of NumPy, torch and the like belong inside ``main``: the thread limits are set before it.
    """
    args = arguments.parse_args()
    cli.execute(functools.partial(main, args), args.threads)


def timed(work: Callable) -> Cost:
    """Run ``work`` in this process. If it measures itself and returns a :class:`Cost`, that is taken."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    cost = Cost(time.perf_counter() - wall, time.process_time() - cpu)
    return result if isinstance(result, Cost) else cost


def child(*command: str, **options) -> Cost:
    """Run a command to its end and return what it took, with its children.

    The memory is the largest of a single process. Linux hands the caller's own peak down to it, so the caller must
    be small: import nothing heavy before.

    Raises:
        SystemExit: the command failed; its output is shown.
    """
    wall = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - wall
    if process.returncode:
        raise SystemExit(f"{' '.join(command)[:300]}\n{output.decode(errors='replace')[-3000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def alternate(ours: Callable, peer: Callable, rounds: int, warm_up: bool = True) -> Turns:
    """Let both sides take turns.

    Args:
        ours, peer: do the work once; see :func:`timed`.
        rounds: how often. Every second round the peer goes first.
        warm_up: whether each side works once before, unmeasured.
    """
    if warm_up:
        ours(), peer()
    turns = Turns([], [])
    for number in range(rounds):
        sides = [(turns.ours, ours), (turns.peer, peer)]
        for costs, work in sides if number % 2 == 0 else reversed(sides):
            costs.append(timed(work))
    return turns


def machine() -> str:
    """Return the hardware in a few words."""
    found = described.machine()
    gpus = f", {', '.join(found['gpus'])}" if found["gpus"] else ""
    return f"{found['cpu']}, {found['cores']} cores, {found['memory_gib']} GiB{gpus}"


def record(
    work: str,
    against: str,
    ours: list[float],
    peer: list[float],
    goal: float | None,
    unit: str = "s",
    more_is_better: bool = False,
    cpu: tuple[list[float], list[float]] | None = None,
    floor: str = "",
    note: str = "",
    results: str | Path = RESULTS,
) -> dict:
    """Write one row; one of the same work against the same peer is replaced.

    Args:
        work: what was done, with its size.
        against: the peer, or the limit.
        ours, peer: values per round, in ``unit``; a limit is one value for all rounds.
        goal: the least ratio that was asked for; None if nothing was.
        unit: of the values.
        more_is_better: true for speeds, false for times and sizes.
        cpu: the CPU seconds of ours and the peer per round, where they say more than the wall time.
        floor: what the machine needs at least, and how near we are.
        note: what a reader must know, such as a busy machine.
        results: the CSV.
    """
    import pandas as pd

    from recexplainer.files import write_csv

    peer = list(peer) * len(ours) if len(peer) == 1 else list(peer)
    ratios = _ratios(ours, peer, more_is_better)
    quarters = statistics.quantiles(ratios, method="inclusive") if len(ratios) > 1 else ratios * 3
    row = {
        "work": work,
        "against": against,
        "unit": unit,
        "ours": _digits(statistics.median(ours)),
        "peer": _digits(statistics.median(peer)),
        "ratio": _digits(statistics.median(ratios)),
        "goal": "" if goal is None else _digits(goal),
        "spread": f"{_digits(quarters[0])} to {_digits(quarters[2])}",
        "cpu_ratio": _digits(statistics.median(_ratios(*cpu, False))) if cpu else "",
        "rounds": str(len(ours)),
        "floor": floor,
        "note": "; ".join(filter(None, [note, _busy()])),
        "hardware": machine(),
    }
    path = Path(results)
    old = pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records") if path.exists() else []
    places = [place for place, one in enumerate(old) if (one["work"], one["against"]) == (work, against)]
    if places:
        old[places[0]] = row
    else:
        old.append(row)
    write_csv(path, pd.DataFrame(old, columns=COLUMNS))
    print(f"{work}, against {against}: {row['ours']} and {row['peer']} {unit}, ratio {row['ratio']}", end="")
    print(f" ({row['spread']}), goal {row['goal'] or 'none'}")
    return row


def matmul_rate(
    inner: int, outer: int, rows: int = 1024, dtype=None, device: str = "cpu", clock: Callable = time.perf_counter
) -> float:
    """Return the best rate of a matrix product ``(rows, inner) @ (inner, outer)``, in operations per second.

    Args:
        inner, outer, rows: its shape.
        dtype: a torch type; None is fp32.
        device: torch's name of it.
        clock: ``time.process_time`` for operations per second of CPU time.
    """
    import torch

    a, b = (torch.rand(shape, dtype=dtype, device=device) for shape in ((rows, inner), (inner, outer)))
    times = []
    for _ in range(30):
        begin = clock()
        a @ b
        if device != "cpu":
            torch.cuda.synchronize()
        times.append(clock() - begin)
    return 2 * rows * inner * outer / min(times)


def skip(work: str, why: str) -> None:
    """Say that a peer is missing, so that its row stays as it was."""
    print(f"{work}: skipped: {why}")


def last_json(*command: str, **options) -> dict:
    """Run a command that prints a JSON object as its last line, and return it.

    Raises:
        SystemExit: the command failed.
    """
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)[:300]}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def _busy() -> str:
    """Say so if others use the machine: times are then too long, on both sides, and only ratios tell something."""
    load, cores = os.getloadavg()[1], os.cpu_count()
    return f"machine in use by others: load {load:.0f} on {cores} cores" if load > cores + 1 else ""


def _ratios(ours: list[float], peer: list[float], more_is_better: bool) -> list[float]:
    return [a / b if more_is_better else b / a for a, b in zip(ours, peer, strict=True)]


def _digits(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")
