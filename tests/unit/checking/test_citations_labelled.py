"""The check of citations on 428 labelled texts of three catalogues: precision and recall, printed as a table.

The texts and labels of ``tests/labelled`` were written before the code. Those whose hash leaves no remainder by five
were not looked at while it was written, and are measured apart. To see the table:
``python -m pytest -s tests/unit/checking/test_citations_labelled.py``.
"""

import hashlib
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest

from recexplainer.checking.checker import Catalogue
from recexplainer.checking.citation import ERRORS, KINDS
from recexplainer.checking.citations import find_citations
from recexplainer.checking.roles import ROLES

LABELLED = Path(__file__).parents[2] / "labelled"
# What counts as the same: a part of each citation, and which citations are compared.
LEVELS = {
    "titles": (("start", "end", "title", "kind"), lambda cited: True),
    "made up": (("start", "end", "title"), lambda cited: cited["kind"] == "nowhere"),
    "roles": (("start", "end", "title", "kind", "role"), lambda cited: True),
    "errors": (("start", "end", "title", "error"), lambda cited: cited["error"]),
    "all": (("start", "end", "title", "kind", "role", "error"), lambda cited: True),
}


def is_held_out(text: str) -> bool:
    return hashlib.sha256(text.encode()).digest()[0] % 5 == 0


@pytest.fixture(scope="module")
def labelled() -> list[tuple[dict, list[dict]]]:
    """Each labelled text with the citations that are found in it."""
    items = pd.read_csv(LABELLED / "items.csv", keep_default_na=False)
    catalogues = {shop: Catalogue(rows) for shop, rows in items.groupby("shop")}
    cases = json.loads((LABELLED / "cases.json").read_text(encoding="utf-8"))
    rows = [json.loads(line) for line in (LABELLED / "sentences.jsonl").read_text(encoding="utf-8").splitlines()]
    result = []
    for row in rows:
        case = cases[row["case"]]
        found = find_citations(row["text"], case["history"], case["title"], catalogues[case["items"]])
        result.append((row, [asdict(cited) for cited in found]))
    return result


def measures(rows: list[tuple[dict, list[dict]]], level: str) -> tuple[float, float, int]:
    """Return precision, recall, and the number of labels."""
    parts, chosen = LEVELS[level]
    right = found = expected = 0
    for row, cited in rows:
        sets = [
            Counter(tuple(one[part] for part in parts) for one in both if chosen(one)) for both in (cited, row["cited"])
        ]
        right += (sets[0] & sets[1]).total()
        found += sets[0].total()
        expected += sets[1].total()
    return right / found, right / expected, expected


def test_the_labels_are_whole(labelled):
    rows = [row for row, _ in labelled]
    assert len({row["text"] for row in rows}) == len(rows) >= 300
    assert {row["style"] for row in rows} == {"terse", "chatty", "numbered", "quoted"}
    labels = [cited | {"text": row["text"]} for row in rows for cited in row["cited"]]
    assert {one["kind"] for one in labels} == set(KINDS) and {one["role"] for one in labels} == set(ROLES)
    assert {one["error"] for one in labels} == set(ERRORS)
    assert all(one["kind"] != "nowhere" or one["text"][one["start"] : one["end"]] == one["title"] for one in labels)
    assert len(rows) / 6 < sum(is_held_out(row["text"]) for row in rows) < len(rows) / 3


@pytest.mark.parametrize("part", ["seen", "held out", "all"])
def test_precision_and_recall_on_the_labelled_texts(labelled, part):
    rows = [pair for pair in labelled if part == "all" or is_held_out(pair[0]["text"]) == (part == "held out")]
    print(f"\n{part}, {len(rows)} texts")
    for level in LEVELS:
        precision, recall, count = measures(rows, level)
        print(f"  {level:8} precision {precision:.3f}  recall {recall:.3f}  of {count}")
        assert precision >= 0.95, level
        assert recall >= 0.9, level


@pytest.mark.parametrize("style", ["terse", "chatty", "numbered", "quoted"])
def test_no_style_of_text_is_read_badly(labelled, style):
    precision, recall, _ = measures([pair for pair in labelled if pair[0]["style"] == style], "all")
    assert precision >= 0.93 and recall >= 0.9
