"""The command line of a program follows from its typed arguments: names, kinds, defaults and descriptions.

A program is a function, called by :func:`recexplainer.cli.run` with what was given::

    def main(
        *,
        items: Annotated[str, "items.parquet"],
        adapter: Annotated[str | None, "the folder of an alignment; default: the base LLM alone"] = None,
        seed: Seed,
        output_dir: Annotated[str, "folder for the predictions"],
    ) -> None:

An argument is given by its name, ``--output-dir``, or by its place where it stands before ``*``. One without a default
is required. The kinds:

- ``str``: a text, such as a path
- ``list[str]``: one or more; ``Sequence[str] = ()``: any number
- ``tuple[str, str]``: so many
- ``Literal["a", "b"]``: one of these
- ``bool = False``: whether the option is there
- ``Annotated[kind, reader]``: what a function makes of the text, such as :data:`Seed`
- ``kind | None = None``: may be left out

A text in ``Annotated`` is what ``--help`` says of it. Every program also takes ``--threads`` and ``--log``; its
function gets them if it has arguments of these names.
"""

import argparse
import functools
import inspect
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, NoReturn, Union

from recexplainer.errors import InputError
from recexplainer.given import parsed

Function = Callable[..., None]
Program = Function | Mapping[str, Function]
"""What a program does: one thing, or one for each of its commands."""


class OneOf:
    """Marks, in ``Annotated``, the arguments of a program of which exactly one is to be given."""


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with an argument; a program's usage is what ``--help`` shows."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}. --help shows the arguments.")


def parser(program: Program, description: str | None) -> argparse.ArgumentParser:
    """Return the parser of a program's arguments, with ``--threads`` and ``--log``.

    Args:
        program: a function, or one by the name of each command, which the first line of its docstring describes.
        description: the program's docstring, shown by ``--help``.

    Raises:
        TypeError: an argument is of none of the kinds.
    """
    result = Parser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    result.add_argument("--threads", type=threads, default=1, help="number of CPU threads (default 1)")
    result.add_argument("--log", type=log_file, help="the stage's log, emptied first; where tracebacks go")
    if callable(program):
        _add(result, program)
        return result
    commands = result.add_subparsers(dest="command", required=True)
    for name, function in program.items():
        _add(commands.add_parser(name, help=(function.__doc__ or "").partition("\n")[0]), function)
    return result


def bound(program: Program, given: argparse.Namespace) -> Callable[[], None]:
    """Return a program's function, or that of its command, with what its parser found as its arguments."""
    function = program if callable(program) else program[given.command]
    return functools.partial(
        function, **{name: getattr(given, name) for name in inspect.signature(function).parameters}
    )


def _add(result: argparse.ArgumentParser, function: Function) -> None:
    """Add the arguments of a function to a parser."""
    kinds = typing.get_type_hints(function, include_extras=True)
    alternatives = None
    for name, argument in inspect.signature(function).parameters.items():
        if name in ("threads", "log"):
            continue
        try:
            options = _options(kinds.get(name))
        except TypeError as error:
            raise TypeError(f"{function.__name__}: {name}: {error}") from None
        place: Any = result
        if options.pop("one_of", False):
            alternatives = place = alternatives or result.add_mutually_exclusive_group(required=True)
        if argument.kind is not argument.KEYWORD_ONLY:
            place.add_argument(name, metavar=name.upper(), **options)
            continue
        if argument.default is argument.empty:
            options["required"] = True
        else:
            options |= _default(argument.default, options)
        place.add_argument(f"--{name.replace('_', '-')}", **options)


def _default(value: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Return what ``add_argument`` is told of a default; the description says it too, unless it is empty."""
    result: dict[str, Any] = {"default": list(value) if isinstance(value, tuple) else value}
    if value == () and options.get("nargs") == "+":
        result["nargs"] = "*"
    if value:
        shown = " ".join(map(str, value)) if isinstance(value, tuple) else value
        result["help"] = f"{options.get('help', '')} (default {_plain(shown)})".strip()
    return result


def _options(kind: Any) -> dict[str, Any]:
    """Return how ``add_argument`` is told of a kind.

    Raises:
        TypeError: it is none.
    """
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        inner, *marks = parts
        readers = [mark for mark in marks if inspect.isroutine(mark)]
        texts = [mark for mark in marks if isinstance(mark, str)]
        result = {"type": readers[-1]} if readers else _options(inner)
        return result | ({"help": _plain(texts[-1])} if texts else {}) | ({"one_of": True} if OneOf in marks else {})
    if origin in (Union, types.UnionType) and parts[1:] == (types.NoneType,):
        return _options(parts[0])
    if kind is str:
        return {}
    if kind is bool:
        return {"action": "store_true"}
    if origin is Literal:
        return {"choices": parts}
    if origin in (list, Sequence):
        return _options(parts[0]) | {"nargs": "+"}
    if origin is tuple and len({*parts}) == 1:
        return _options(parts[0]) | {"nargs": len(parts)}
    raise TypeError(f"{kind}: no kind of argument; expected one of those of {__name__}")


def _plain(text: Any) -> str:
    """Return a text as argparse shows it: to its formatting, a per cent sign is none."""
    return str(text).replace("%", "%%")


def check_paired(**values: Sequence[Any]) -> None:
    """Check that arguments have as many values as each other: files, say, and what each of them is.

    Args:
        values: of each argument, by its name, such as ``judgement_rows``.

    Raises:
        InputError: they have not.
    """
    counts = {f"--{name.replace('_', '-')}": len(given) for name, given in values.items()}
    if len({*counts.values()}) > 1:
        listed = ", ".join(f"{name} has {number}" for name, number in counts.items())
        raise InputError(f"{listed}; expected as many values of each.")


# ---------------------------------------------------------------- readers


def mapping(text: str) -> dict[str, Any]:
    """Read a JSON object, whatever it holds."""
    value = _json(text)
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("expected a JSON object")
    return value


def section(name: str) -> Callable[[str], Any]:
    """Return the reader of a JSON object with the config values that a stage uses.

    Args:
        name: of a model in ``recexplainer.config``, as ``labels.Labels``. It is looked up when there is a text to read,
            so that ``--help`` need not wait for it.
    """

    def read(text: str) -> Any:
        from importlib import import_module

        from recexplainer.typed import checked

        module, _, kind = name.partition(".")
        value = mapping(text)
        try:
            return checked(getattr(import_module(f"recexplainer.config.{module}"), kind), value)
        except InputError as error:
            raise argparse.ArgumentTypeError(str(error).removesuffix(".")) from None

    return read


def pairs(text: str) -> list[list[str]]:
    """Read a JSON list of pairs of texts, as ``[["games", "hybrid"]]``."""
    return _rows(text, 2)


def triples(text: str) -> list[list[Any]]:
    """Read a JSON list of three texts each, the last of which may be null."""
    return _rows(text, 3)


def _rows(text: str, width: int) -> list[Any]:
    value = _json(text)
    shaped = isinstance(value, list) and all(isinstance(row, list) and len(row) == width for row in value)
    texts = shaped and all(isinstance(cell, str) or (cell is None and width == 3) for row in value for cell in row)
    if not texts or any(None in row[:2] for row in value):
        raise argparse.ArgumentTypeError(f"expected a JSON list of lists of {width} texts each")
    return value


def _json(text: str) -> Any:
    try:
        return parsed(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not valid JSON ({error})") from None


def seed(text: str) -> int:
    """Read a whole number from 0 up to 2^63 - 1."""
    return _whole(text, 0, 2**63 - 1)


def count(text: str) -> int:
    """Read a number of things: a whole number from 0 up to a million."""
    return _whole(text, 0, 10**6)


def share(text: str) -> float:
    """Read a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text[:40]!r}; expected a number from 0 to 1")
    return value


def threads(text: str) -> int:
    """Read a number of threads: a whole number from 1 up to 4096."""
    return _whole(text, 1, 4096)


def log_file(text: str) -> str:
    """Read the name of a file that may be emptied, so none of another kind that is named by a slip."""
    if not text.endswith(".log"):
        raise argparse.ArgumentTypeError(f"{text[:200]!r}; expected a name that ends in .log")
    return text


def _whole(text: str, least: int, most: int) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 20 or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text[:40]!r}; expected a whole number from {least} to {most}")
    return int(text)


Object = Annotated[dict[str, Any], mapping]
Pairs = Annotated[Sequence[Sequence[str]], pairs]
Triples = Annotated[Sequence[Sequence[Any]], triples]
Seed = Annotated[int, seed, "a whole number; everything that is drawn follows from it"]
Count = Annotated[int, count]
Share = Annotated[float, share]
Gpus = Annotated[int | None, count, "GPUs of the job; 0: the CPU (default: what is there)"]
