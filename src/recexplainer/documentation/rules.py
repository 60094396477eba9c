"""The rules as they are written: what each is for, and which files it leaves."""

import re
from dataclasses import dataclass
from pathlib import Path

from recexplainer.errors import InputError
from recexplainer.files import read_text

RULE = re.compile(r'^rule (\w+):\n    """(.+)"""\n((?:    .*\n|\n)*)', re.MULTILINE)
OUTPUT = re.compile(r"^    output:\n((?:        .*\n)+)", re.MULTILINE)
RESULT = re.compile(r'(temp\()?"<results>/([^"]+)"')
LISTED = re.compile(r'(\w+)=(\["[^\]]*\])')


@dataclass(frozen=True)
class Rule:
    """One rule: its name, its docstring, and its files below the folder of results, wildcards in braces."""

    name: str
    words: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Stage:
    """One file of rules: its name, what its first line says, and its rules."""

    name: str
    words: str
    rules: tuple[Rule, ...]


def read_stages(snakefile: str | Path) -> list[Stage]:
    """Return the stages that have rules, in the order in which the Snakefile includes them.

    Raises:
        InputError: a rule has no docstring in one line, which is what its page says of it.
    """
    included = re.findall(r'^include: "(.+)"$', read_text(snakefile, "Snakefile"), re.MULTILINE)
    stages = [_stage(Path(snakefile).parent / path) for path in included]
    return [stage for stage in stages if stage.rules]


def _stage(path: Path) -> Stage:
    text = read_text(path, "file of rules")
    rules = tuple(Rule(name, words, _files(body)) for name, words, body in RULE.findall(text))
    for name in re.findall(r"^rule (\w+):", text, re.MULTILINE):
        if name not in {rule.name for rule in rules}:
            raise InputError(f"{path}: rule {name}: no docstring; expected one of one line, below the rule's name.")
    return Stage(path.stem, text.partition("\n")[0].removeprefix("# "), rules)


def _files(body: str) -> tuple[str, ...]:
    """Return a rule's outputs but temporary ones; short lists of values in place of their wildcards."""
    output = OUTPUT.search(body)
    lines = output.group(1) if output else ""
    names = [name.replace("{{", "{").replace("}}", "}") for temporary, name in RESULT.findall(lines) if not temporary]
    for wildcard, listed in LISTED.findall(lines):
        values = re.findall(r'"(\w+)"', listed)
        names = [
            name.replace(f"{{{wildcard}}}", value)
            for name in names
            for value in (values if f"{{{wildcard}}}" in name else [""])
        ]
    return tuple(dict.fromkeys(names))
