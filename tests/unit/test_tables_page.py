"""The page of the tables' columns says what each is, and names none that is not there."""

import csv
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PUBLISHED = sorted((ROOT / "docs/pocket/tables").glob("*.csv"))
EVERYWHERE = {"dataset", "method", "system", "model", "low", "high"}


def explained() -> dict[str, set[str]]:
    """Return the columns that the page explains, by the name of the file."""
    sections = re.split(r"^## ", (ROOT / "docs/tables.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    found = {}
    for section in sections:
        heading, _, rest = section.partition("\n")
        cells = re.findall(r"^\| (`.*?) \|", rest, re.MULTILINE)
        for name in re.findall(r"`([\w.]+)`", heading):
            found[name] = {column for cell in cells for column in re.findall(r"`(\w+)`", cell)}
    return found


def columns(path: Path) -> set[str]:
    """Return the columns of a table, without the ends of intervals and what is the same in every file."""
    with open(path, encoding="utf-8", newline="") as handle:
        names = set(next(csv.reader(handle)))
    names = {name for name in names if name.removesuffix("_low").removesuffix("_high") not in names - {name}}
    return {name.replace("films_", "games_") for name in names - EVERYWHERE}


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.name)
def test_every_column_of_a_published_table_is_explained(path):
    assert columns(path) - explained()[path.name] == set()


def test_nothing_is_explained_that_is_not_there():
    there = {path.name: columns(path) for path in PUBLISHED} | {"seeds.csv": {"metric", "mean", "sd", "seeds", "cases"}}
    page = explained()
    for name, words in page.items():
        # The two files about people are explained together.
        known = there["human.csv"] | there["human_agreement.csv"] if name.startswith("human") else there[name]
        assert words - known - EVERYWHERE == set(), name
