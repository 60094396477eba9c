"""Which texts the raters see, in which order, without the names of the systems (section 3.1.2)."""

import hashlib
import json
import logging
import re
import textwrap
from pathlib import Path
from typing import Any

import pandas as pd

from recexplainer.config.explanation import DrawnStudy
from recexplainer.errors import InputError
from recexplainer.files import read_parquet, write_json, write_text
from recexplainer.seeds import make_rng
from recexplainer.study.page import load_levels, render_page

logger = logging.getLogger(__name__)

FACTS = ("tags", "brand", "feature", "description")
"""The columns of the target item that the page shows when they are not empty."""

BESIDE = ("tags", "brand", "feature")
"""The columns that the page shows beside a title of a history."""
LONGEST_FACTS = 120  # characters beside a title; feature lists run to pages


def draw_study(
    *,
    cases: str,
    items: str,
    explanations: list[str],
    systems: list[str],
    prompts: str,
    settings: DrawnStudy,
    seed: int,
    output_dir: str,
) -> None:
    """Draw the cases, write the key and one rating page per rater.

    Half of the cases are ones that the recommender recommends, as far as there are enough. Each rater gets all texts,
    the cases in an order of their own and the texts of each case in an order of their own.

    Args:
        cases: ``cases.parquet`` of the dataset.
        items: ``items.parquet`` of the dataset, for what is known of the items of a history.
        explanations: one Parquet file of texts per system, rows in the order of ``cases``.
        systems: the names of the systems, in the same order.
        prompts: a YAML file whose key ``levels`` lists the four levels, worst first, each with ``name`` and ``text``.
        settings: ``dataset``, its name on the page; ``cases``, how many to draw (all, when there are fewer);
            ``raters``, their names.
        seed: of the choice, the orders, and the identifiers.
        output_dir: gets ``key.json``, which says what each text is, and ``pages/{rater}.html``.

    Raises:
        InputError: a file is missing or does not hold the same cases; a rater's name is unfit or doubled.
    """
    raters = check_raters(settings.raters)
    if len(explanations) != len(systems) or len(set(systems)) != len(systems):
        raise InputError(f"--explanations: {len(explanations)} files for the --systems {systems}; expected one each.")
    levels = load_levels(prompts)
    drawn = _choose(read_parquet(cases, ["case", "label", "history", "title", *FACTS]), settings.cases, seed)
    if not drawn:
        raise InputError(f"{cases}: no cases; run the stage that makes it.")
    beside = _beside(items, cases, drawn)
    texts = {name: _texts(path, cases, drawn) for name, path in zip(systems, explanations, strict=True)}

    content = {"seed": seed, "levels": levels, "cases": drawn, "texts": texts}
    study = _hash(json.dumps(content, sort_keys=True))
    # The seed takes part, so that an identifier cannot be worked out from what the page shows.
    ids = {(row["case"], name): _hash(f"{seed}/{study}/{row['case']}/{name}") for row in drawn for name in systems}
    key = {
        "study": study,
        "dataset": settings.dataset,
        "systems": systems,
        "raters": raters,
        "texts": {text: {"case": case, "system": system} for (case, system), text in ids.items()},
    }
    write_json(Path(output_dir) / "key.json", key)
    for rater in raters:
        page: dict[str, Any] = {"study": study, "rater": rater, "dataset": settings.dataset, "levels": levels}
        page["items"] = beside
        page["cases"] = _order(drawn, texts, ids, make_rng(seed, "order", rater))
        write_text(Path(output_dir) / "pages" / f"{rater}.html", render_page(page))
    logger.info("study %s: %d cases, %d texts, pages for %s", study, len(drawn), len(ids), ", ".join(raters))


def check_raters(raters: list[str]) -> list[str]:
    """Return the names of the raters, which become names of files.

    Raises:
        InputError: there is none, or a name is unfit, or two differ at most in case.
    """
    for name in raters:
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name):
            raise InputError(f"raters: {name!r} is unfit; expected 1 to 40 letters, digits, - or _.")
    if not raters or len({name.lower() for name in raters}) != len(raters):
        raise InputError(f"raters: expected at least one name, each once; found {raters}.")
    return list(raters)


def _choose(frame: pd.DataFrame, count: int, seed: int) -> list[dict[str, Any]]:
    """Return the drawn cases as plain values, the positive ones first."""
    order = frame.iloc[make_rng(seed, "cases").permutation(len(frame))]
    positive, negative = order[order["label"]], order[~order["label"]]
    # Whoever has fewer than half gives room to the other.
    most = max(count // 2, count - len(negative))
    chosen = pd.concat([positive[:most], negative[: count - len(positive[:most])]])
    return [row | {"label": bool(row["label"]), "history": list(row["history"])} for row in chosen.to_dict("records")]


def _beside(items: str, cases: str, drawn: list[dict[str, Any]]) -> dict[str, str]:
    """Return what stands beside each title of the histories, "" where nothing is known; titles are unique."""
    frame = read_parquet(items, ["title", *BESIDE]).set_index("title")
    titles = sorted({title for row in drawn for title in row["history"]})
    missing = [title for title in titles if title not in frame.index]
    if missing:
        raise InputError(f"{items}: no item {missing[0]!r}, which {cases} has in a history; run both stages again.")
    rows = frame.loc[titles].itertuples(index=False)
    lines = [" · ".join(filter(None, map(str.strip, row))) for row in rows]
    shortened = [textwrap.shorten(line, LONGEST_FACTS, placeholder=" …") for line in lines]
    return dict(zip(titles, shortened, strict=True))


def _texts(path: str, cases: str, drawn: list[dict[str, Any]]) -> dict[str, str]:
    """Return the text of each drawn case by one system."""
    frame = read_parquet(path, ["case", "text"])
    texts = dict(zip(frame["case"], frame["text"], strict=True))
    if len(texts) != len(frame):
        raise InputError(f"{path}: a case has several rows; expected one per case of {cases}.")
    missing = [row["case"] for row in drawn if row["case"] not in texts]
    if missing:
        raise InputError(f"{path}: case {missing[0]} is missing; expected one row per case of {cases}.")
    return {row["case"]: texts[row["case"]] or "" for row in drawn}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _order(
    drawn: list[dict[str, Any]], texts: dict[str, Any], ids: dict[tuple[Any, str], str], rng: Any
) -> list[dict[str, Any]]:
    """Return the cases of one rater's page: what is shown, and nothing that names a case or a system."""
    result = []
    for place in rng.permutation(len(drawn)):
        row, names = drawn[place], list(texts)
        shown = [
            {"id": ids[row["case"], names[i]], "text": texts[names[i]][row["case"]]}
            for i in rng.permutation(len(names))
        ]
        facts = {name: row[name] for name in FACTS if row[name]}
        result.append(
            {"history": row["history"], "title": row["title"], "facts": facts, "label": row["label"], "texts": shown}
        )
    return result
