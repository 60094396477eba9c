"""The programs' jobs that are to be mutated: those of a whole run, one of each rule."""

import base64
import json
import shlex
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
OUT = "out"
"""The folder in which a mutated job writes, beside ``results``."""
RESULTS = "results/smallest"
QUICK = {
    "align.py": {"max_steps": 2, "checkpoint_every": 1},
    "train_llm.py": {"steps": 2},
    "tune_recommender.py": {"sasrec.epochs": 1},
    "predict.py": {"max_cases": 2},
    "explain.py": {"max_tokens": 3},
    "make_demo_conversations.py": {"conversations": 40},
}
"""Values of ``--settings`` by which a job takes a second or two."""


@dataclass
class Job:
    """One call of a program.

    Attributes:
        name: of the rule, or what it is.
        program: the file in ``workflow/scripts``, or ``recexplainer`` for the command.
        words: its arguments, with :data:`OUT` before what it writes.
        inputs: the files that it reads.
        outputs: the files that it writes.
        named: the arguments' values that say where it writes.
        state: files that it reads and writes on in :data:`OUT`, by where they come from.
    """

    name: str
    program: str
    words: list[str]
    inputs: list[str]
    outputs: list[str]
    named: list[str] = field(default_factory=list)
    state: dict[str, str] = field(default_factory=dict)


def of_a_run(repository: Path) -> list[Job]:
    """Return one job of each rule of a whole run, as Snakemake's records of it have them."""
    made: dict[str, dict] = {}
    for path in sorted((repository / ".snakemake/metadata").rglob("*")):
        if not path.is_file():
            continue
        output = base64.b64decode("".join(path.relative_to(repository / ".snakemake/metadata").parts)).decode()
        record = json.loads(path.read_text())
        entry = made.setdefault(record["shellcmd"], record | {"outputs": []})
        entry["outputs"].append(output.removeprefix("@"))
    rules: dict[str, dict] = {}
    for _, entry in sorted(made.items()):
        rules[entry["rule"]] = entry  # the last of each: a hybrid one rather than one of behavior
    return [_job(entry, repository) for _, entry in sorted(rules.items())]


def _job(entry: dict, repository: Path) -> Job:
    words = shlex.split(entry["shellcmd"].partition(" --log ")[0].partition(" 2>&1")[0])
    start = next(
        place for place, word in enumerate(words) if word.startswith("workflow/scripts/") and word[-3:] == ".py"
    )
    program, words = Path(words[start]).name, words[start + 1 :]
    outputs = entry["outputs"]
    folders = {str(parent) for output in outputs for parent in Path(output).parents} - {".", "results", RESULTS}
    written = [
        place
        for place, word in enumerate(words)
        if word in outputs or (word in folders and words[place - 1] == "--output-dir")
    ]
    written += [place for place, word in enumerate(words) if place and words[place - 1] == "--checkpoints"]
    for place in written:
        words[place] = f"{OUT}/{words[place]}"
    inputs = [
        path for path in entry["input"] if not path.startswith(("src/", "workflow/")) and (repository / path).is_file()
    ]
    if "--llm" in words:
        inputs += [
            str(path.relative_to(repository)) for path in sorted((repository / RESULTS / "llm/scratch").iterdir())
        ]
    inputs = sorted({path for path in inputs if not Path(path).name.startswith(".")})
    named = [words[place] for place in sorted(written)]
    return Job(
        entry["rule"], program, _quick(program, words), inputs, [f"{OUT}/{path}" for path in sorted(outputs)], named
    )


def _quick(program: str, words: list[str]) -> list[str]:
    """Return the arguments with the values of :data:`QUICK` in the settings, where these have such keys."""
    place = words.index("--settings") + 1 if "--settings" in words else 0
    if not place or program not in QUICK:
        return words
    settings = json.loads(words[place])
    for path, value in QUICK[program].items():
        *above, key = path.split(".")
        inner = settings
        for part in above:
            inner = inner.get(part, {})
        if key in inner:
            inner[key] = value
    return [*words[:place], json.dumps(settings), *words[place + 1 :]]


def save(jobs: list[Job], path: Path) -> None:
    path.write_text(json.dumps([asdict(job) for job in jobs]))


def load(path: Path) -> list[Job]:
    return [Job(**entry) for entry in json.loads(path.read_text())]
