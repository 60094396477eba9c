"""What the table of bad input is made of: one reader per kind of file, and what is said or counted."""

import copy
import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from raw_settings import reading

from recexplainer.config.dataset import Fields, OneLayout
from recexplainer.data.conversations import parse_conversations
from recexplainer.data.dataset import build_dataset
from recexplainer.data.loaders import read_interactions, read_metadata
from recexplainer.settings import check
from recexplainer.study.ratings import read_ratings
from recexplainer.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]
FIELDS = {"user": "u", "item": "i", "time": "t", "title": ["title"], "related": ["also"]}
KEY = {
    "study": "s1",
    "raters": ["a"],
    "systems": ["x"],
    "texts": {f"t{n}": {"case": "0000", "system": "x"} for n in range(2)},
}


@dataclass(frozen=True)
class Refused:
    """The outcome of input that stops the run: one line that matches ``pattern``."""

    pattern: str


@dataclass(frozen=True)
class Case:
    """A row of the table: what is wrong, how it is read, and the outcome (a value is a repair or is taken as it is)."""

    what: str
    read: Callable[[Path], Any]
    outcome: Any


def line(**record) -> bytes:
    return json.dumps(record).encode()


GOOD = line(u="A", i="B", t=5)


def reviews(
    *lines: bytes, form: str = "amazon", share: float = 0.0, end: bytes = b"\n", **layout
) -> Callable[[Path], Any]:
    """Read a file of reviews: the rows, and the counts that are not 0 (but for ``lines``)."""

    def read(folder: Path):
        path = folder / "reviews"
        path.write_bytes(end.join(lines))
        found = read_interactions(path, form, Fields(**FIELDS), share, OneLayout(**layout))
        triples = zip(found.user, found.item, found.time, strict=True)
        rows = sorted((found.users[user], found.items[item], int(time)) for user, item, time in triples)
        return rows, {name: count for name, count in found.counts.items() if count and name != "lines"}

    return read


def metadata(*lines: bytes, form: str = "amazon", share: float = 0.0) -> Callable[[Path], Any]:
    """Read the titles of the items B and C, and the counts that are not 0 (but for ``lines``)."""

    def read(folder: Path):
        path = folder / "metadata"
        path.write_bytes(b"\n".join(lines))
        found, counts = read_metadata(path, form, Fields(**FIELDS), {"B", "C"}, ("title", "related"), share)
        shown = {item: (values["title"], values["related"]) for item, values in found.items()}
        return shown, {name: count for name, count in counts.items() if count and name != "lines"}

    return read


def dataset(titles: list, change: Callable[[list[dict]], list[dict]] = lambda rows: rows) -> Callable[[Path], Any]:
    """Filter 4 users of the same items, of which the titles are given: the titles, and what was counted."""

    def read(folder: Path):
        rows = [{"u": f"U{user}", "i": f"I{item}", "t": item} for user in range(4) for item in range(len(titles))]
        items = [{"i": f"I{item}", "title": title} for item, title in enumerate(titles)]
        (folder / "reviews").write_bytes(b"\n".join(line(**row) for row in change(rows)))
        (folder / "metadata").write_bytes(b"\n".join(line(**item) for item in items) or b"{}")
        settings = reading(format="amazon", fields=FIELDS, filter={"core": 3, "max_broken_share": 0.5})
        result = build_dataset(reviews=folder / "reviews", metadata=folder / "metadata", settings=settings, seed=1)
        counted = {name: count for name, count in result.statistics["titles_repaired"].items() if count}
        for name in ("items_without_title", "items_without_metadata"):
            counted |= {name: result.statistics[name]} if result.statistics[name] else {}
        return result.items["title"].to_pylist(), counted

    return read


def chat(*turns: str, name: str = "n") -> dict:
    roles = ("human", "gpt")
    return {"id": name, "conversations": [{"from": roles[n % 2], "value": text} for n, text in enumerate(turns)]}


def conversations(content: bytes, share: float = 0.0) -> Callable[[Path], Any]:
    """Parse conversations: the texts of those that are kept, and the counts that are not 0."""

    def read(folder: Path):
        path = folder / "chats"
        path.write_bytes(content)
        parse_conversations(
            source=path, max_broken_share=share, output=folder / "out.parquet", statistics=folder / "out.json"
        )
        counts = json.loads((folder / "out.json").read_text())
        counted = {"broken": counts["broken"], "cut": counts["last_human_turn_cut"], **counts["dropped"]}
        rows = pq.read_table(folder / "out.parquet").to_pylist()
        return [[m["text"] for m in row["messages"]] for row in rows], {k: v for k, v in counted.items() if v}

    return read


def export(**change) -> bytes:
    """What the page of a rater exports, changed."""
    return line(**{"study": "s1", "rater": "a", "simulated": False, "ratings": {"t0": 1, "t1": 4}} | change)


def ratings(content: bytes) -> Callable[[Path], Any]:
    """Read the file of a rater: the ratings."""

    def read(folder: Path):
        (folder / "a.json").write_bytes(content)
        return read_ratings([str(folder / "a.json")], KEY)["rating"].tolist()

    return read


def prompts(content: bytes) -> Callable[[Path], Any]:
    """Read a YAML file."""

    def read(folder: Path):
        (folder / "prompts.yaml").write_bytes(content)
        return read_yaml(folder / "prompts.yaml", "give one")

    return read


@functools.cache
def _parsed(path: str) -> dict:
    return yaml.load((ROOT / path).read_text(encoding="utf-8"), yaml.CSafeLoader)


def paper_config() -> dict:
    return copy.deepcopy(_parsed("config/config.yaml"))


def config(path: str, value: Any, whole: dict | None = None) -> Callable[[Path], Any]:
    """Check a config, the paper's by default, with one value changed."""

    def read(folder: Path):
        changed = copy.deepcopy(whole or paper_config())
        inner, keys = changed, path.split(".")
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value
        with pytest.MonkeyPatch.context() as patch:
            # Parsing the schema takes ten times as long as checking against it.
            patch.setattr("recexplainer.settings.read_yaml", lambda *_: _parsed("config/schema.yaml"))
            check(changed, ROOT / "config/schema.yaml")

    return read
