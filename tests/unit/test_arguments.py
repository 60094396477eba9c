"""The command line of a program follows from its typed arguments."""

import inspect
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import pytest

from recexplainer import cli
from recexplainer.arguments import Count, Gpus, Object, OneOf, Pairs, Seed, Share, Triples, bound, parser
from recexplainer.errors import InputError
from recexplainer.interactive.command import COMMANDS

ROOT = Path(__file__).parents[2]
PROGRAMS = sorted(path.name for path in (ROOT / "workflow/scripts").glob("*.py"))


def given(program, *words: str) -> dict:
    """Return the arguments with which a program is called."""
    return bound(program, parser(program, "").parse_args(words)).keywords


def text(*, output_dir: str) -> None: ...
def optional(*, adapter: str | None = None) -> None: ...
def described(*, ablation: Annotated[str, "100 % of it"] = "full") -> None: ...
def several(*, train: list[str]) -> None: ...
def any_number(*, judgements: Annotated[Sequence[str], "files"] = ()) -> None: ...
def some_or_none(*, viewpoints: list[str] | None = None) -> None: ...
def two(*, model: tuple[str, str]) -> None: ...
def two_counts(*, shard: tuple[Count, Count] = (0, 1)) -> None: ...
def choice(*, system: Literal["random", "popularity"]) -> None: ...
def flag(*, base: bool = False) -> None: ...
def shared(*, most: Share) -> None: ...
def seeded(*, seed: Seed) -> None: ...
def settled(*, settings: Annotated[Object, "JSON: bootstrap"]) -> None: ...
def unsettled(*, settings: Object | None = None) -> None: ...
def paired(*, rows: Pairs) -> None: ...
def unpaired(*, rows: Pairs = ()) -> None: ...
def tripled(*, systems: Triples) -> None: ...
def gpus(*, gpus: Gpus = None) -> None: ...
def placed(first: str, others: list[str], *, output: str | None = None) -> None: ...
def threaded(*, threads: int, log: str | None) -> None: ...


@pytest.mark.parametrize(
    ("program", "words", "expected"),
    [
        (text, "--output-dir a", {"output_dir": "a"}),
        (optional, "", {"adapter": None}),
        (optional, "--adapter a", {"adapter": "a"}),
        (described, "", {"ablation": "full"}),
        (several, "--train a b", {"train": ["a", "b"]}),
        (any_number, "", {"judgements": []}),
        (any_number, "--judgements", {"judgements": []}),
        (any_number, "--judgements a b", {"judgements": ["a", "b"]}),
        (some_or_none, "", {"viewpoints": None}),
        (some_or_none, "--viewpoints a", {"viewpoints": ["a"]}),
        (two, "--model a b", {"model": ["a", "b"]}),
        (two_counts, "", {"shard": [0, 1]}),
        (two_counts, "--shard 2 3", {"shard": [2, 3]}),
        (choice, "--system random", {"system": "random"}),
        (flag, "", {"base": False}),
        (flag, "--base", {"base": True}),
        (shared, "--most 0.25", {"most": 0.25}),
        (shared, "--most 1", {"most": 1.0}),
        (seeded, "--seed 9223372036854775807", {"seed": 2**63 - 1}),
        (settled, '--settings {"bootstrap":3}', {"settings": {"bootstrap": 3}}),
        (unsettled, "", {"settings": None}),
        (paired, '--rows [["a","b"]]', {"rows": [["a", "b"]]}),
        (unpaired, "", {"rows": []}),
        (tripled, '--systems [["a","b",null]]', {"systems": [["a", "b", None]]}),
        (gpus, "", {"gpus": None}),
        (gpus, "--gpus 0", {"gpus": 0}),
        (placed, "a b c", {"first": "a", "others": ["b", "c"], "output": None}),
        (placed, "--output d a b", {"first": "a", "others": ["b"], "output": "d"}),
        (threaded, "--threads 3 --log a.log", {"threads": 3, "log": "a.log"}),
    ],
)
def test_a_program_is_called_with_what_was_given(program, words, expected):
    assert given(program, *words.split()) == expected


@pytest.mark.parametrize(
    ("program", "words", "said"),
    [
        (text, "", "the following arguments are required: --output-dir"),
        (text, "--output-dir", "argument --output-dir: expected one argument"),
        (text, "--output a", "the following arguments are required: --output-dir"),  # no abbreviations
        (text, "--output-dir a b", "unrecognized arguments: b"),
        (several, "--train", "argument --train: expected at least one argument"),
        (some_or_none, "--viewpoints", "argument --viewpoints: expected at least one argument"),
        (two, "--model a", "argument --model: expected 2 arguments"),
        (two_counts, "--shard 0 x", "argument --shard: 'x'; expected a whole number from 0 to 1000000"),
        (choice, "--system best", "argument --system: invalid choice: 'best'"),
        (flag, "--base yes", "unrecognized arguments: yes"),
        (shared, "--most 1.5", "argument --most: '1.5'; expected a number from 0 to 1"),
        (shared, "--most nan", "argument --most: 'nan'; expected a number from 0 to 1"),
        (shared, "--most x", "argument --most: 'x'; expected a number from 0 to 1"),
        (seeded, "--seed -1", "argument --seed: '-1'; expected a whole number from 0"),
        (settled, "--settings []", "argument --settings: expected a JSON object"),
        (paired, '--rows [["a"]]', "argument --rows: expected a JSON list of lists of 2 texts each"),
        (placed, "a", "the following arguments are required: OTHERS"),
        (text, "--output-dir a --threads 0", "argument --threads: '0'; expected a whole number from 1 to 4096"),
        (text, "--output-dir a --log a", "argument --log: 'a'; expected a name that ends in .log"),
    ],
)
def test_a_wrong_argument_is_named(program, words, said):
    with pytest.raises(InputError) as raised:
        given(program, *words.split())
    assert str(raised.value).startswith(said) and str(raised.value).endswith(". --help shows the arguments.")


def test_exactly_one_of_the_alternatives_is_given():
    def plan(*, config: Annotated[str | None, OneOf] = None, merged: Annotated[str | None, OneOf] = None) -> None: ...

    assert given(plan, "--merged", "a") == {"config": None, "merged": "a"}
    for words, said in (
        ([], "one of the arguments --config --merged is required"),
        (["--config", "a", "--merged", "b"], "argument --merged: not allowed with argument --config"),
    ):
        with pytest.raises(InputError, match=said):
            given(plan, *words)


def wrong_number(*, size: int) -> None: ...
def wrong_path(*, output: Path) -> None: ...
def wrong_union(*, output: str | int) -> None: ...
def wrong_tuple(*, shard: tuple[str, Count]) -> None: ...
def wrong_list(*, sizes: list[int]) -> None: ...
def wrong_nothing(*, output) -> None: ...


@pytest.mark.parametrize("program", [wrong_number, wrong_path, wrong_union, wrong_tuple, wrong_list, wrong_nothing])
def test_an_argument_of_no_kind_is_an_error_at_once(program):
    with pytest.raises(TypeError, match=rf"^{program.__name__}: \w+: .*: no kind of argument"):
        parser(program, "")


def test_help_shows_the_program_and_its_arguments_with_their_defaults():
    said = parser(described, "What it does.\n\nRun as: described.py").format_help()
    assert "What it does.\n\nRun as: described.py" in said and "100 % of it (default full)" in said
    for program in (optional, any_number, flag, gpus):
        assert parser(program, "").format_help().count("(default ") == 1  # that of --threads
    assert "(default 0 1)" in parser(two_counts, "").format_help()


def test_each_command_has_its_function():
    def first(*, name: str = "x") -> None:
        """Do the one.

        And more.
        """

    def second(path: str) -> None:
        """Do the other."""

    program = {"first": first, "the-second": second}
    assert given(program, "first", "--name", "y") == {"name": "y"}
    assert given(program, "the-second", "a") == {"path": "a"}
    said = parser(program, "").format_help()
    assert "Do the one." in said and "And more" not in said and "Do the other." in said
    with pytest.raises(InputError, match="the following arguments are required: command"):
        given(program)


def everything(found, name: str = "") -> list:
    """Return the actions of a parser and of its commands, but ``--help``."""
    inner = [action for action in found._actions if isinstance(action.choices, dict)]
    rows = [(f"{name} {action.option_strings or action.dest}", action) for action in found._actions[1:]]
    return [row for row in rows if row[1] not in inner] + [
        row for action in inner for key, one in action.choices.items() for row in everything(one, f"{name} {key}")
    ]


@pytest.mark.parametrize("program", [*PROGRAMS, "recexplainer"])
def test_every_argument_of_every_program_is_described(program):
    main = COMMANDS if program == "recexplainer" else runpy.run_path(str(ROOT / "workflow/scripts" / program))["main"]
    undescribed = [name for name, action in everything(parser(main, None)) if not action.help]
    assert not undescribed


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_argument_of_a_program_is_given_by_its_name(program):
    main = runpy.run_path(str(ROOT / "workflow/scripts" / program))["main"]
    assert {argument.kind for argument in inspect.signature(main).parameters.values()} == {
        inspect.Parameter.KEYWORD_ONLY
    }


def test_help_loads_no_heavy_library():
    asked = (
        "import runpy, sys\n"
        "sys.argv = ['align.py', '--help']\n"
        "try:\n    runpy.run_path('workflow/scripts/align.py', run_name='__main__')\n"
        "except SystemExit:\n    pass\n"
        "import json; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    environment = os.environ | {"PYTHONPATH": "src"}
    command = [sys.executable, "-c", asked]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "recexplainer" in loaded
    assert not loaded & {"numpy", "pandas", "pyarrow", "pydantic", "torch", "transformers"}


def test_a_program_that_raises_ends_in_its_own_frame(monkeypatch, capsys):
    """The line of an unforeseen error names the program's code, not that which called it."""

    def main(*, name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(sys, "argv", ["main.py", "--name", "x"])
    for name in (*cli.THREAD_VARIABLES, *cli.UNLESS_SET):
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr(cli.warnings, "showwarning", cli.warnings.showwarning)
    monkeypatch.setattr(cli.threading, "excepthook", cli.threading.excepthook)
    with pytest.raises(SystemExit):
        cli.run(main, "")
    assert "error: KeyError in test_arguments.py, line" in capsys.readouterr().err
