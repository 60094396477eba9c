"""The rating page: one HTML file that needs no network and runs nothing but its own script."""

import base64
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import jinja2

from recexplainer.errors import InputError
from recexplainer.study.ratings import LONGEST_COMMENT
from recexplainer.yaml_files import read_yaml

HERE = Path(__file__).parent
READING = 200  # words a minute
DECIDING = 20  # seconds a text, its share of the history included


def load_levels(path: str | Path) -> list[dict[str, str]]:
    """Read the four levels of the rubric, worst first, from the key ``levels`` of a YAML file (appendix A.2).

    Returns:
        Four mappings with ``name``, a few words, and ``text``, one or two sentences.

    Raises:
        InputError: names the file and the level that is missing or malformed.
    """
    content = read_yaml(path, "expected a YAML file with the key levels")
    levels = content.get("levels") if isinstance(content, dict) else None
    if not isinstance(levels, list) or len(levels) != 4:
        raise InputError(f"{path}: levels: expected a list of four levels, worst first, each with name and text.")
    for number, level in enumerate(levels, 1):
        for key in ("name", "text"):
            if not isinstance(level, dict) or not isinstance(level.get(key), str) or not level[key].strip():
                raise InputError(f"{path}: levels, level {number}: {key}: missing; expected a text.")
    return [{key: " ".join(level[key].split()) for key in ("name", "text")} for level in levels]


def render_page(page: dict[str, Any]) -> str:
    """Return the HTML of one rater's page.

    Whatever the titles and texts hold, they stay text: they travel as JSON in a block that is not run, without any
    ``<``, ``>`` or ``&``, and the script puts them in place as text. The page's policy lets nothing run or load but
    its own script and style, named by their digests.

    Args:
        page: ``study``, ``rater``, ``dataset``; ``levels`` of :func:`load_levels`; ``cases``, in the rater's order,
            each with ``history`` (titles, oldest first), ``title`` and ``facts`` (field to text) of the target item,
            ``label`` (does the recommender recommend it?) and ``texts``, each with ``id`` and ``text``; ``items``,
            title to the line beside it in a history, "" where there is none.
    """
    style, script = ((HERE / f"rating_page.{suffix}").read_text(encoding="utf-8") for suffix in ("css", "js"))
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )
    data = json.dumps(page, sort_keys=True)
    for character in "<>&":
        data = data.replace(character, f"\\u{ord(character):04x}")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    template = environment.from_string((HERE / "rating_page.html").read_text(encoding="utf-8"))
    return template.render(
        policy=policy,
        style=style,
        script=script,
        data=data,
        dataset=page["dataset"],
        rater=page["rater"],
        levels=page["levels"],
        cases=len(page["cases"]),
        texts=sum(len(case["texts"]) for case in page["cases"]),
        duration=duration(page["cases"]),
        longest_comment=LONGEST_COMMENT,
    )


def duration(cases: list[dict[str, Any]]) -> str:
    """Return in words how long a rater will need, rounded up to 5 minutes, from an hour on to half hours.

    Args:
        cases: as of :func:`render_page`; of each, the texts count.
    """
    texts = [text["text"] for case in cases for text in case["texts"]]
    words = sum(len(text.split()) for text in texts)
    minutes = math.ceil((60 * words / READING + DECIDING * len(texts)) / 60)
    if minutes <= 55:
        return f"{max(5, math.ceil(minutes / 5) * 5)} minutes"
    hours = math.ceil(minutes / 30) / 2
    return "1 hour" if hours == 1 else f"{hours:g} hours"


def _digest(text: str) -> str:
    """Return a digest in the form of a content security policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
