"""What the README and the pages of docs say is so: their commands, configs and tables."""

import inspect
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml
from clone import PREPARED, ROOT, command, copy_repository, snakemake
from prepared import Prepared
from small_dataset import small_dataset
from small_results import finish, write_results
from snakemake.utils import update_config

from recexplainer.arguments import parser
from recexplainer.files import read_parquet
from recexplainer.interactive.api import Model
from recexplainer.interactive.command import COMMANDS as QUESTIONS
from recexplainer.interactive.command import place
from recexplainer.recommender.contract import LABELS, SIMILAR, load_export
from recexplainer.settings import PRESETS, check

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in PAGES)
RECEXPLAINER = ".venv/bin/recexplainer "
SHELL = (". .venv/bin/activate", "export OPENAI_API_KEY")


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def named(language: str) -> dict[str, str]:
    """Return the fenced blocks of a language by the file name in their first line."""
    found = {re.match(r"# (\S+)\n", block).group(1): block for block in blocks(language)}
    assert len(found) == len(blocks(language)), "two examples have one name"
    return found


def table(first_column: str) -> list[list[str]]:
    """Return the rows of each table with this first column, cells without backquotes."""
    found = re.findall(rf"^\| {first_column} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    rows = "".join(found).splitlines()
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows]


COMMANDS = list(dict.fromkeys(line for block in blocks("sh") for line in block.splitlines()))
SNAKEMAKE = [line for line in COMMANDS if line.startswith("snakemake ")]
CONFIGS = named("yaml")
PROGRAMS = named("python")
PYTEST = [line for line in COMMANDS if line.startswith("python -m pytest ")]
# Programs of the project, which take the options that are shown.
OWN = [line for line in COMMANDS if re.match(r"(PYTHONPATH=src )?python (benchmarks|workflow/scripts)/", line)]
# Tried where the export of one's own recommender is in place; the others where nothing is.
OWN_RECOMMENDER = "snakemake results/tables/table2.csv --cores 8"
FRESH = [line for line in SNAKEMAKE if line != OWN_RECOMMENDER]


def copied(folder: Path) -> Path:
    """Make a fresh copy with the pages' config files."""
    copy_repository(folder)
    for name, text in CONFIGS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A copy as the place to be in."""
    monkeypatch.chdir(copied(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A copy in which nothing is written, and Snakemake that has read its code."""
    folder = copied(tmp_path_factory.mktemp("fresh") / "repository")
    prepared = Prepared(folder)
    yield folder, prepared
    prepared.end()


def dry_run(repository: Path, command: str, prepared: Prepared = PREPARED) -> set[str]:
    """Return the rules that Snakemake would run."""
    done = snakemake(repository, *shlex.split(command)[1:], "--dry-run", prepared=prepared)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    return set(re.findall(r"^(\w+) +\d+$", text.split("Job stats:")[1].split("\n\n")[0], re.MULTILINE))


def test_every_command_is_of_a_kind_that_is_tested_here():
    assert {"make demo", "make test"} <= set(COMMANDS)
    assert OWN_RECOMMENDER in SNAKEMAKE
    programs = {f"PYTHONPATH=src python {name}" for name in PROGRAMS}
    known = {*SNAKEMAKE, *PYTEST, *OWN, *programs, *SHELL}
    for line in COMMANDS:
        assert line.startswith(("make ", RECEXPLAINER)) or line in known, line


def test_no_command_stands_where_it_is_not_looked_for():
    """Neither in a block of no language nor in one of another shell; what is no command is marked as text."""
    fences = re.findall(r"^```(.*)$", TEXT, re.MULTILINE)
    assert {*fences[::2]} == {"sh", "yaml", "python", "text"} and {*fences[1::2]} == {""}


@pytest.mark.parametrize("command", OWN)
def test_programs_have_the_options_that_are_shown(command):
    program, *options = shlex.split(command.removeprefix("PYTHONPATH=src "))[1:]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    call = [sys.executable, program, "--help"]
    done = subprocess.run(call, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for option in options:
        if option.startswith("--"):
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", done.stdout), option


@pytest.mark.parametrize("command", PYTEST)
def test_there_are_tests_of_that_name(command):
    call = [sys.executable, *shlex.split(command)[1:], "--collect-only"]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def test_questions_are_put_as_the_command_takes_them():
    given = [shlex.split(line.removeprefix(RECEXPLAINER)) for line in COMMANDS if line.startswith(RECEXPLAINER)]
    asked = [found for words in given if (found := parser(QUESTIONS, None).parse_args(words)).command == "explain"]
    assert asked
    for found in asked:
        results, dataset, system = place(found.model)
        assert (results.as_posix(), dataset, system) == ("results/demo", "games", "hybrid/full")


def test_models_are_taken_out_of_the_demo():
    given = [shlex.split(line.removeprefix(RECEXPLAINER)) for line in COMMANDS if line.startswith(RECEXPLAINER)]
    taken = [found for words in given if (found := parser(QUESTIONS, None).parse_args(words)).command == "export"]
    assert taken
    for found in taken:
        assert (found.results, found.dataset, found.mode, found.run) == ("results/demo", "games", "hybrid", "full")


def test_the_table_of_the_python_api_has_every_call():
    rows = [(re.match(r"(\w+)\((.*)\)$", call).groups(), result) for call, result in table("call")]
    calls = {name: [*inspect.signature(value).parameters][1:] for name, value in vars(Model).items() if name[0] != "_"}
    assert {name: names.split(", ") for (name, names), _ in rows} == calls


def test_what_a_reviewer_is_told_to_do_gives_a_verdict(tmp_path):
    """With the tables of the published run as those of a run, and a bundle of it, whose table 2 is made anew."""
    shutil.copytree(ROOT / "docs/pocket", tmp_path / "docs/pocket")
    finish(write_results(tmp_path / "results/pocket"))
    shutil.copytree(ROOT / "docs/pocket/tables", tmp_path / "results/pocket/tables")
    given = [shlex.split(line.removeprefix(RECEXPLAINER)) for line in COMMANDS if line.startswith(RECEXPLAINER)]
    given = [words for words in given if words[0] in ("bundle", "compare")]
    assert {words[0] for words in given} == {"bundle", "compare"}
    for words in sorted(given, key=lambda words: "pocket.zip" in words and words[0] == "compare"):
        done = command(*words, folder=tmp_path)
        status = {"bundle": (0, "written: "), "compare": (0, "identical: ")}[words[0]]
        if words[-1] == "pocket.zip" and words[0] == "compare":
            status = (1, "differs: ")
        assert (done.returncode, done.stdout.splitlines()[-1].partition(": ")[0] + ": ") == status, done.stderr
    assert (tmp_path / "results/compared/comparison.html").is_file()


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    rules = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    commands = [line.split()[1] for line in COMMANDS if line.startswith("make ")]
    for target in {*commands, *re.findall(r"`make ([\w-]+)", TEXT)}:
        assert target in phony.split()
        assert target in rules
    for demo, configs in (("demo", "config/demo.yaml"), ("demo-full", "config/demo.yaml config/demo_full.yaml")):
        shown = subprocess.run(["make", "-n", "CORES=2", demo], cwd=ROOT, capture_output=True, text=True, check=True)
        assert f"snakemake --logger recexplainer --cores 2 --configfile {configs}\n" in shown.stdout
        assert "setup" in makefile.split(f"\n{demo}:")[1].splitlines()[0]
    assert "setup" in makefile.split("\ntest:")[1].splitlines()[0]
    assert SHELL[0].removesuffix("/bin/activate").removeprefix(". ") in makefile


@pytest.mark.parametrize("command", FRESH)
def test_snakemake_commands_work_in_a_fresh_clone(fresh, command):
    repository, prepared = fresh
    assert "download_dataset" in dry_run(repository, command, prepared)


def test_an_own_export_is_taken_as_it_is(repository):
    for dataset in ("games", "movies", "steam"):
        for file in ("data/{}/interactions.parquet", "data/{}/items.parquet"):
            make(repository / "results" / file.format(dataset))
        for file in ("embeddings.safetensors", "labels.parquet", "similar.parquet"):
            make(repository / "results/export" / dataset / file)
    planned = dry_run(repository, OWN_RECOMMENDER)
    assert {"build_tasks", "align", "predict_aligned", "table2"} <= planned
    assert not planned & {"filter_dataset", "tune_recommender", "train_recommender", "export_recommender"}


def make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


@pytest.mark.parametrize("name", CONFIGS)
def test_config_examples_are_valid(repository, name):
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    example = yaml.safe_load(CONFIGS[name])
    if example.get("llm", {}).get("folder"):
        make(repository / example["llm"]["folder"] / "config.json")
    update_config(config, example)
    check(config, ROOT / "config/schema.yaml")


def test_the_program_for_an_own_recommender(tmp_path, monkeypatch):
    name = "own_export.py"
    text = PROGRAMS[name]
    data, export = tmp_path / "results/data/games", tmp_path / "results/export/games"
    data.mkdir(parents=True)
    small_dataset(data, items=30)
    (data / "labels.parquet").unlink()
    rows = np.random.default_rng(0).standard_normal((400, 8)).astype(np.float32)
    np.save(tmp_path / "users.npy", rows[: len(read_parquet(data / "interactions.parquet"))])
    np.save(tmp_path / "items.npy", rows[-30:])
    (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    runpy.run_path(name)
    loaded = load_export(export / "embeddings.safetensors", export / "labels.parquet")
    assert loaded.item.shape == (30, 8)
    assert len(read_parquet(export / "similar.parquet", list(SIMILAR))) == 30


def test_the_table_of_presets():
    rows = table("switch")
    assert [row[0] for row in rows] == list(PRESETS["sound"])
    for switch, *choices, meaning in rows:
        assert choices == [PRESETS[name][switch] for name in ("sound", "paper", "official")]
        assert meaning


def test_the_tables_of_the_export():
    kinds = {"int32": pa.int32(), "float32": pa.float32(), "string": pa.string(), "list of int32": pa.list_(pa.int32())}
    contract = {**LABELS, **SIMILAR}
    rows = table(r"column \| type")
    assert [row[0] for row in rows] == [*LABELS, *SIMILAR]
    for name, kind, _ in rows:
        assert contract[name] == kinds[kind]


def test_the_rules_that_need_the_network():
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "rules").glob("*.smk")))
    retried = [body.split(":")[0] for body in text.split("\nrule ")[1:] if "\n    retries:" in body]
    (sentence,) = re.findall(r"^Four rules need the network: ((?:.|\n)*?)snapshot", TEXT, re.MULTILINE)
    rules = ["download_dataset", "download_conversations", "download_llm", "base_llm"]
    assert re.findall(r"`(\w+)`", sentence) == rules
    assert sorted(rules) == sorted(retried)
    assert f"--until {' '.join(rules)} " in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_tables_of_results_are_the_targets():
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "rules").glob("*.smk")))
    files = [name for row in table("file") for name in re.findall(r"(?<![/\w])\w+\.(?:csv|svg|html)", row[0])]
    made = re.findall(r'"<results>/(?:tables|figures)/(\w+\.\w+)"', text)
    assert set(files) == set(made) - {"figure3.csv", "figure6.csv", "learning_curves.csv", "pointwise.csv", "seeds.csv"}


def test_the_raw_files_are_those_of_the_config():
    config = (ROOT / "config/config.yaml").read_text(encoding="utf-8")
    named_here = re.findall(r"`(data/[A-Z]\w+\.json(?:\.gz)?|data/(?:meta|steam)_\w+\.json\.gz)`", TEXT)
    assert set(named_here) == set(re.findall(r"path: (data/\S+)", config))


def test_words_in_backquotes_that_look_like_keys_of_the_config_are_keys():
    schema = yaml.safe_load((ROOT / "config/schema.yaml").read_text(encoding="utf-8"))
    for key in re.findall(r"`((?:alignment|llm|run|recommender)\.(?!csv|safetensors)[\w.]+)`", TEXT):
        place = schema
        for part in key.split("."):
            place = place["properties"][part]
