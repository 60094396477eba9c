"""A program ends with one line, whatever happens; a traceback goes to the stage's log."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pytest

from recexplainer import arguments, cli, files
from recexplainer.arguments import Pairs, Seed, section
from recexplainer.errors import InputError, one_line
from recexplainer.yaml_files import read_config

ROOT = Path(__file__).parents[2]
PROGRAMS = sorted(path.name for path in (ROOT / "workflow/scripts").glob("*.py"))
SERVICE = read_config(ROOT / "config/config.yaml")["services"]["gpt-4"]


def changed(**changes) -> list[str]:
    """Return ``--settings`` with a service of which some keys are others."""
    return ["--settings", json.dumps(SERVICE | changes)]


def ended(work, words: list[str], monkeypatch, capsys) -> tuple[int, str, str]:
    """Run a program that takes ``--seed``, ``--settings``, ``--rows``, ``--output``; return its status and words.

    Args:
        work: what it does, with its settings and its output.
    """

    def main(
        *,
        seed: Seed = 0,
        settings: Annotated[Any, section("service.Service")] = None,
        rows: Pairs = (),
        output: Annotated[str, "a file"] = "x",
    ) -> None:
        work(settings or {}, output)

    monkeypatch.setattr(sys, "argv", ["program.py", *words])
    monkeypatch.setattr(cli.warnings, "showwarning", cli.warnings.showwarning)
    monkeypatch.setattr(cli.threading, "excepthook", cli.threading.excepthook)
    for name in (*cli.THREAD_VARIABLES, *cli.UNLESS_SET):
        monkeypatch.setenv(name, "1")
    status = 0
    try:
        cli.run(main, "")
    except SystemExit as left:
        status = left.code
    said = capsys.readouterr()
    return status, said.out, said.err


def deep(*_):
    return {}["k\x1b[31m"]


# ---------------------------------------------------------------- what nobody foresaw


def test_an_unforeseen_error_is_one_line_and_its_traceback_is_in_the_log(tmp_path, monkeypatch, capsys):
    log = tmp_path / "logs" / "stage.log"
    log.parent.mkdir()
    log.write_text("of the try before\n")
    status, out, err = ended(deep, ["--log", str(log)], monkeypatch, capsys)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert re.fullmatch(r"error: KeyError in test_one_line\.py, line \d+, deep: .*not foreseen.*\n", err)
    assert str(log) in err and "\x1b" not in err
    kept = log.read_text()
    assert (
        kept.startswith("Traceback (most recent call last)") and "in deep" in kept and "of the try before" not in kept
    )


def test_without_a_log_the_traceback_is_in_a_temporary_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    _, _, err = ended(deep, [], monkeypatch, capsys)
    (kept,) = tmp_path.iterdir()
    assert f"The traceback is in {kept}." in err
    assert "Traceback" in kept.read_text()


def test_a_key_in_an_unforeseen_error_is_in_neither(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PLANTED_API_KEY", "planted-7h3vAlU3-n0b0dy")

    def main(*_):
        raise KeyError(f"the key is {os.environ['PLANTED_API_KEY']}")

    _, _, err = ended(main, ["--log", str(tmp_path / "a.log")], monkeypatch, capsys)
    assert "<key>" in err and "planted-" not in err
    assert "<key>" in (tmp_path / "a.log").read_text() and "planted-" not in (tmp_path / "a.log").read_text()


def test_only_the_first_of_several_processes_begins_the_log_anew(tmp_path, monkeypatch, capsys):
    (tmp_path / "a.log").write_text("the first one's\n")
    monkeypatch.setenv("RANK", "1")
    ended(deep, ["--log", str(tmp_path / "a.log")], monkeypatch, capsys)
    assert (tmp_path / "a.log").read_text().startswith("the first one's\nTraceback")


def test_tee_and_the_program_write_one_log(tmp_path):
    program = "import logging\nfrom recexplainer import cli\ndef main():\n    logging.info('at work')\n    {}['k']\n"
    (tmp_path / "program.py").write_text(f"{program}cli.run(main, 'x')\n")
    (tmp_path / "stage.log").write_text("of the try before\n" * 99)
    command = f"{sys.executable} program.py --log stage.log 2>&1 | tee -a stage.log"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert re.fullmatch(r"\S+ at work\nerror: KeyError .*\n", done.stdout)
    kept = (tmp_path / "stage.log").read_text()
    assert "before" not in kept and set(done.stdout.splitlines()) < set(kept.splitlines())
    assert "Traceback (most recent call last)" in kept


@pytest.mark.parametrize(
    "error", [FileNotFoundError(2, "No such file", "a/b"), IsADirectoryError(21, "Is a directory", "a\x1b[31m/b")]
)
def test_a_file_that_cannot_be_opened_is_named(error, monkeypatch, capsys):
    def main(*_):
        raise error

    status, _, err = ended(main, [], monkeypatch, capsys)
    assert status == 2 and re.match(r"error: a\S*/b: \w.*\.", err) and "\x1b" not in err and "foreseen" not in err


# ---------------------------------------------------------------- outputs


def test_a_program_that_fails_leaves_none_of_its_outputs_but_what_it_goes_on_from(tmp_path, monkeypatch, capsys):
    def main(*_):
        files.write_json(tmp_path / "a.json", 1)
        with files.kept():
            files.write_json(tmp_path / "checkpoint.json", 2)
        files.write_json(tmp_path / "b.json", 3)
        raise InputError("the third output has no name")

    status, _, err = ended(main, [], monkeypatch, capsys)
    assert (status, err) == (2, "error: the third output has no name\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".checkpoint.json.sha256", "checkpoint.json"]


def test_what_one_run_wrote_is_not_withdrawn_by_the_next(tmp_path, monkeypatch, capsys):
    ended(lambda *_: files.write_json(tmp_path / "a.json", 1), [], monkeypatch, capsys)
    ended(deep, ["--log", str(tmp_path / "a.log")], monkeypatch, capsys)
    assert files.read_json(tmp_path / "a.json") == 1


def test_an_output_without_a_name_is_refused(monkeypatch, capsys):
    status, _, err = ended(lambda settings, output: files.write_json(output, 1), ["--output", ""], monkeypatch, capsys)
    assert status == 2 and "expected the name of a file" in err


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seed", "-1"], "--seed: '-1'; expected a whole number from 0"),
        (["--seed", "nan"], "--seed: 'nan'; expected a whole number"),
        (["--seed", "1.5"], "expected a whole number"),
        (["--seed", "\uff11"], "expected a whole number"),
        (["--seed", "9" * 5000], "expected a whole number"),
        (["--seed"], "--seed: expected one argument"),
        (["--log", "items.parquet"], "--log: 'items.parquet'; expected a name that ends in .log"),
        (["--threads", "0"], "--threads: '0'; expected a whole number from 1"),
        (["--settings", "{"], "--settings: not valid JSON"),
        (["--settings", "[]"], "--settings: expected a JSON object"),
        (["--settings", "[" * 99999], "--settings: not valid JSON (nested too deep"),
        (["--settings", '{"x": NaN}'], "NaN is no number of JSON"),
        (["--settings", '{"x": 1e999}'], "1e999 is too large a number"),
        (changed(retries="x"), "retries: 'x'; expected a whole number"),
        (changed(price={"input": -1, "output": 1}), "price.input: -1; expected at least 0"),
        (changed(price=3), "price: 3; expected a mapping"),
        (changed(key_variable=["sk-1234567890abcdefghij"]), None),
        (["--rows", "{}"], "--rows: expected a JSON list of lists of 2 texts"),
        (["--rows", "[3]"], "--rows: expected a JSON list of lists"),
        (["--rows", '[["a", 3]]'], "--rows: expected a JSON list of lists"),
        (["--no-such\x1b[31m"], "unrecognized arguments: --no-such\\x1b[31m"),
    ],
)
def test_a_wrong_argument_is_named_in_one_line(words, said, monkeypatch, capsys):
    status, out, err = ended(lambda *_: None, words, monkeypatch, capsys)
    if said is None:
        assert "sk-1234567890" not in err
        return
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: ") and said in err and "\x1b" not in err


def test_a_setting_that_is_missing_is_named_by_its_path(monkeypatch, capsys):
    status, _, err = ended(lambda *_: None, changed(price={"input": 1}), monkeypatch, capsys)
    assert (status, err.count("\n")) == (2, 1)
    assert err.startswith("error: argument --settings: price.output: missing; expected this key. --help")


def test_as_many_of_each():
    with pytest.raises(InputError, match=r"--predictions has 1, --prediction-rows has 2; expected as many"):
        arguments.check_paired(predictions=["a"], prediction_rows=[["x"], ["y"]])


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_goes_through_the_one_place(program):
    text = (ROOT / "workflow/scripts" / program).read_text(encoding="utf-8")
    assert text.endswith('\n\nif __name__ == "__main__":\n    cli.run(main, __doc__)\n') and "argparse" not in text


def test_one_line_is_one():
    assert one_line("a\n b\t\x1b[31m\u2028c") == "a b \\x1b[31m c"


# ---------------------------------------------------------------- tables


@pytest.mark.parametrize(
    ("name", "column", "said"),
    [
        ("user", pa.array([0, None], pa.int32()), "column 'user' holds null; expected whole numbers"),
        ("user", pa.array(["0", "1"]), "column 'user' is string; expected whole numbers"),
        ("user", pa.nulls(2), "column 'user' is null; expected whole numbers"),
        ("title", pa.array([1, 2]), "column 'title' is int64; expected texts"),
        ("title", pa.array([b"a", b"b"]), "column 'title' is binary; expected texts"),
        ("related", pa.array([["a"], [None]]), "column 'related' holds null; expected lists of texts"),
        ("related", pa.array([[1], [2]]), r"column 'related' is list<.*int64>; expected lists of texts"),
        ("label", pa.array([1, 0]), "column 'label' is int64; expected true or false"),
    ],
)
def test_a_column_of_another_kind_or_without_values_is_refused(name, column, said, tmp_path):
    files.write_parquet(tmp_path / "a.parquet", pa.table({name: column}))
    with pytest.raises(InputError, match=rf"a\.parquet: {said}"):
        files.read_parquet(tmp_path / "a.parquet", [name])


def test_columns_may_be_wider_and_lack_what_does_not_apply(tmp_path):
    table = pa.table(
        {"user": pa.array([1], pa.int64()), "score": pa.array([1]), "decision": pa.array([None], pa.bool_())}
    )
    files.write_parquet(tmp_path / "a.parquet", table)
    assert len(files.read_parquet(tmp_path / "a.parquet", ["user", "score", "decision"])) == 1


def test_a_schema_says_what_a_column_is_where_its_name_does_not(tmp_path):
    files.write_parquet(tmp_path / "a.parquet", pa.table({"target": ["x"]}))
    for kind, fits in ((pa.string(), True), (pa.bool_(), False)):
        schema = pa.schema([("target", kind)])
        if fits:
            files.read_parquet(tmp_path / "a.parquet", schema)
            continue
        with pytest.raises(InputError, match="'target' is string; expected true or false"):
            files.read_parquet(tmp_path / "a.parquet", schema)


@pytest.mark.parametrize("column", [pa.nulls(2), pa.array([["a"], None]), pa.array([["a"], [None]])])
def test_a_list_is_never_lacking_even_where_a_truth_of_that_name_may_be(column, tmp_path):
    files.write_parquet(tmp_path / "a.parquet", pa.table({"predicted": column}))
    with pytest.raises(InputError, match="'predicted' (is null|holds null)[;:] expected lists of texts"):
        files.read_parquet(tmp_path / "a.parquet", pa.schema([("predicted", pa.list_(pa.string()))]))
    files.write_parquet(tmp_path / "b.parquet", pa.table({"predicted": pa.array([True, None])}))
    assert len(files.read_parquet(tmp_path / "b.parquet", pa.schema([("predicted", pa.bool_())]))) == 2


def test_a_table_that_was_swapped_for_another_is_refused_by_its_checksum(tmp_path):
    for name, value in (("a", 1), ("b", 2)):
        files.write_parquet(tmp_path / f"{name}.parquet", pa.table({"user": [value]}))
    (tmp_path / "a.parquet").write_bytes((tmp_path / "b.parquet").read_bytes())
    with pytest.raises(InputError, match="a.parquet: not what was written there"):
        files.read_parquet(tmp_path / "a.parquet", ["user"])


def test_variables_are_set_unless_the_user_has_set_them():
    asked = "import os; from recexplainer import cli; cli.run(lambda: print(*map(os.getenv, cli.UNLESS_SET)), '')"
    own = dict.fromkeys(cli.UNLESS_SET, "7")
    for given, expected in (({}, cli.UNLESS_SET), (own, own)):
        environment = {name: value for name, value in os.environ.items() if name not in cli.UNLESS_SET} | given
        done = subprocess.run(
            [sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == list(expected.values())
