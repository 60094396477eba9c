"""Whatever is wrong with a file or an argument of a program, it ends with one line, or as if nothing were.

A few mutants of some programs' jobs; with ``CHAOS_MUTANTS`` set (``make chaos``), as many files as that says and a
fifth as many arguments, over all of them.
"""

import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import further_jobs
import jobs
import pytest
from misbehaving_server import MisbehavingServer, scripted
from mutants import Mutant

HERE = Path(__file__).parent
WHOLE = "CHAOS_MUTANTS" in os.environ
FILES = int(os.environ.get("CHAOS_MUTANTS", "60"))
ARGUMENTS = FILES // 5
SEED = os.environ.get("CHAOS_SEED", "2024")
HEAVY = (
    "align.py",
    "train_llm.py",
    "predict.py",
    "explain.py",
    "classify_cases.py",
    "rank_pointwise.py",
    "base_llm.py",
    "recexplainer",
)
"""Programs that load an LLM; a few draws leave them out."""
SLOW = ("figure3.py", "figure4.py", "figure5.py", "figure6.py", "learning_curves.py", "publish.py")
"""Programs that take seconds, to draw pictures mostly; these and those above get a third of the others' mutants."""
VERDICTS = {"verify.py": r"^NOT THE SAME: \d+ differ", "recexplainer": r"^(differs|incomplete): of \d+ numbers"}
"""What programs say that compare files, when these differ: no failure, although their status is 1."""


def reply(request: dict) -> str:
    """Answer as a judge or as a system that explains."""
    return f"RATING-{1 + len(str(request)) % 4}" if "RATING" in str(request) else "Yes. It fits what the history holds."


def copied(repository: Path, folder: Path) -> dict[str, jobs.Job]:
    """Copy a whole run, and return the jobs that are to be mutated there, by name; their list is in ``jobs.json``."""
    shutil.copytree(repository, folder, ignore=shutil.ignore_patterns(".snakemake", "__pycache__", "logs"))
    further_jobs.make_inputs(folder)
    with MisbehavingServer(scripted("ok"), reply) as server:
        more = further_jobs.further(server.url, repository)
        asking = [job for job in more if any(source.endswith(".jsonl") for source in job.state)]
        jobs.save(asking, folder / "jobs.json")
        for number, job in enumerate(asking):
            for source in job.state:
                (folder / source).write_bytes(b"")
            (found,) = work_off([Mutant(number, "0", "none")], folder)
            assert found["status"] == 0, found
            for source, target in job.state.items():
                shutil.copy(folder / target, folder / source)
    known = jobs.of_a_run(repository) + more
    jobs.save(known, folder / "jobs.json")
    return {job.name: job for job in known}


def work_off(mutants: list[Mutant], folder: Path) -> list[dict]:
    """Run mutants in a process of their own; should one take it along, the next process goes on behind that one."""
    plan, results = folder / "plan.json", folder / "results.jsonl"
    plan.write_text(json.dumps([vars(mutant) for mutant in mutants]))
    results.write_text("")
    environment = os.environ | {"PYTHONPATH": "src", "HF_HUB_OFFLINE": "1", "TMPDIR": str(folder), "DS_BUILD_OPS": "0"}
    found: list[dict] = []
    while len(found) < len(mutants):
        command = [sys.executable, str(HERE / "mutants.py"), str(plan), str(results), str(len(found))]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        found = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
        if len(found) < len(mutants):
            mutant = mutants[len(found)]
            lost = {"status": f"died {done.returncode}", "said": done.stderr[-3000:]}
            lost |= vars(mutant) | {"job": jobs.load(folder / "jobs.json")[mutant.job].name}
            with open(results, "a", encoding="utf-8") as handle:
                handle.write(json.dumps(lost) + "\n")
            found.append(lost)
    return found


def drawn(known: list[jobs.Job], files: int, arguments: int, seed: str) -> list[Mutant]:
    """Spread mutants over the jobs, in an order that the seed decides; each job comes once before any comes again."""
    draw, found = random.Random(seed), []
    chosen = [number for number, job in enumerate(known) if WHOLE or job.program not in HEAVY + SLOW]
    for kind, count in (("file", files), ("arguments", arguments)):
        among = [number for number in chosen if kind == "arguments" or known[number].inputs]
        order = draw.sample(among, len(among))
        order += 2 * [number for number in order if known[number].program not in HEAVY + SLOW]
        for number in range(count):
            # A third of the files keep the checksum beside them, as after a disk's fault or someone's edit.
            seal = "sealed" if draw.random() < 1 / 3 else ""
            found.append(Mutant(order[number % len(order)], f"{seed}/{kind}/{number}/{seal}", kind))
    return sorted(found, key=lambda mutant: mutant.job)


def faults(result: dict, job: jobs.Job) -> list[str]:
    """Return what is wrong with how a job ended."""
    said, status = result["said"], result["status"]
    if not isinstance(status, int):
        return [str(status)]
    if status == 1 and re.search(VERDICTS.get(job.program, "^$(?!)"), said, re.MULTILINE):
        status = 0
    found = []
    if "Traceback (most recent call last)" in said:
        found.append("a traceback is shown")
    if "was not foreseen" in said:
        found.append("nobody foresaw it")
    lines = len(re.findall(r"^error: .+$", said, re.MULTILINE))
    if status and lines != 1:
        found.append(f"{lines} lines say what is wrong")
    if status and result["written"]:
        found.append(f"half written: {', '.join(result['written'])}")
    if any(name.endswith(".partial") for name in result["written"]):
        found.append("a temporary file is left")
    missing = {name.removeprefix(f"{jobs.OUT}/") for name in job.outputs} - set(result["written"])
    if not status and result["kind"] == "file" and missing:
        found.append(f"done without {', '.join(sorted(missing))}")
    return found


def vouched(result: dict) -> bool:
    """Whether a checksum tells that a mutated file is not the one that was written: beside it, or within it."""
    read = result["job"] != "provenance"  # which takes the checksums of files, and reads none
    inner = str(result.get("path")).endswith((".parquet", ".safetensors")) and result["damage"] and read
    return result["kind"] == "file" and result["path"].startswith("results/") and (result["sealed"] or inner)


def differing(results: list[dict], known: dict[str, jobs.Job], folder: Path) -> list[str]:
    """Return which damaged files changed a result in silence; for that, their jobs are run as they are."""
    used = [result for result in results if result["status"] == 0 and vouched(result) and not result["same"]]
    names = sorted({result["job"] for result in used})
    whole = work_off([Mutant(list(known).index(name), "0", "none") for name in names], folder)
    expected = {found["job"]: found["written"] for found in whole}
    return [f"{told(one)}: another result in silence" for one in used if one["written"] != expected[one["job"]]]


def told(result: dict) -> str:
    """Name a mutant, and say what its program said last."""
    lines = [line for line in result["said"].splitlines() if line.startswith("error: ")] or result["said"][-300:].split(
        "\n"
    )
    return f"{result['job']} ({result['seed']}): {result.get('path') or ''} {result.get('what')}: {lines[-1]}"


@pytest.mark.slow
@pytest.mark.timeout(20_000)
def test_no_mutant_ends_in_a_traceback_or_hangs_or_writes_half_or_changes_a_result_in_silence(whole_run, tmp_path):
    folder = tmp_path / "repository"
    known = copied(whole_run.parents[1], folder)
    results = work_off(drawn(list(known.values()), FILES, ARGUMENTS, SEED), folder)
    wrong = [f"{told(one)}: {'; '.join(found)}" for one in results if (found := faults(one, known[one["job"]]))]
    wrong += differing(results, known, folder)
    programs = len({one["job"] for one in results})
    print(f"\n{Counter(one['kind'] for one in results)} of {programs} jobs, {len(wrong)} wrong")
    assert wrong == []


def test_every_program_has_a_job_that_is_mutated(whole_run):
    programs = {path.name for path in (jobs.ROOT / "workflow/scripts").glob("*.py")}
    known = jobs.of_a_run(whole_run.parents[1]) + further_jobs.further("http://127.0.0.1:9", whole_run.parents[1])
    assert programs | {"recexplainer"} == {job.program for job in known}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"status": "hung"}, ["hung"]),
        ({"status": 2, "said": "error: a\n", "written": {}}, []),
        ({"status": 2, "said": "error: a\nerror: b\n", "written": {}}, ["2 lines say what is wrong"]),
        ({"status": 1, "said": "", "written": {}}, ["0 lines say what is wrong"]),
        ({"status": 2, "said": "error: a"}, ["half written: a.csv"]),
        ({"status": 1, "said": "note: x\ndiffers: of 3 numbers that both runs have"}, []),
        ({"status": 1, "said": "differs: table2, games"}, ["0 lines say what is wrong", "half written: a.csv"]),
        ({"said": "Traceback (most recent call last)\n"}, ["a traceback is shown"]),
        ({"written": {}}, ["done without a.csv"]),
        ({"written": {"a.csv": "", ".b.0.partial": ""}}, ["a temporary file is left"]),
    ],
)
def test_what_is_a_fault(change, expected):
    result = {"status": 0, "said": "", "written": {"a.csv": "0"}, "kind": "file"} | change
    assert faults(result, jobs.Job("x", "recexplainer", [], [], ["out/a.csv"])) == expected
