"""What the raters sent back, checked before anything is computed from it (section 3.1.2)."""

import json
import reprlib
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from recexplainer.errors import InputError
from recexplainer.files import read_bytes

LEVELS = (1, 2, 3, 4)
LARGEST = 1 << 24  # bytes; an export has some 20 per text, and a comment at most 6 per character
LONGEST_COMMENT = 1000  # characters, as the page's box takes them


def read_ratings(paths: list[str], key: dict[str, Any], allow_incomplete: bool = False) -> pd.DataFrame:
    """Read the files of the raters, as the rating page exports them.

    Args:
        paths: one JSON file per rater.
        key: the content of the study's ``key.json``.
        allow_incomplete: take missing texts and missing raters as not rated instead of refusing them.

    Returns:
        One row per rating, raters and texts in the order of the key: ``rater``, ``text``, ``case``, ``system``,
        ``rating`` (1 to 4), ``simulated``.

    Raises:
        InputError: names the file and what is wrong: another study, an unknown or doubled rater or text, a rating
            that is not 1, 2, 3 or 4, a comment that is no text or too long, missing ratings, or simulated ratings
            beside those of people.
    """
    by_rater: dict[str, tuple[str, dict[str, Any]]] = {}
    for path in paths:
        content = _read(path, key)
        if content["rater"] in by_rater:
            other = by_rater[content["rater"]][0]
            raise InputError(f"{path}: rater {content['rater']} has already sent {other}; give one file of each.")
        by_rater[content["rater"]] = (path, content)
    if not by_rater:
        raise InputError("--ratings: no files; expected the export of each rater.")
    simulated = {content["simulated"] for _, content in by_rater.values()}
    if len(simulated) > 1:
        listed = ", ".join(path for path, content in by_rater.values() if content["simulated"])
        raise InputError(f"{listed}: simulated ratings beside those of people; give only one kind.")
    if not allow_incomplete:
        _check_complete(by_rater, key)
    rows = []
    for rater in key["raters"]:
        ratings = by_rater[rater][1]["ratings"] if rater in by_rater else {}
        for text, what in key["texts"].items():
            if text in ratings:
                rows.append({"rater": rater, "text": text, **what, "rating": ratings[text]})
    if not rows:
        raise InputError(f"{', '.join(paths)}: no rating at all; expected those of the texts of study {key['study']}.")
    return pd.DataFrame(rows).assign(simulated=simulated.pop())


def read_comments(paths: list[str], key: dict[str, Any]) -> list[dict[str, Any]]:
    """Read the comments in the raters' files, those on texts without a rating included.

    Args:
        paths: as of :func:`read_ratings`, which checks them as a whole.
        key: the content of the study's ``key.json``.

    Returns:
        One mapping per comment, raters and texts in the order of the key: ``rater``, ``text``, ``case``, ``system``,
        ``rating`` (1 to 4, or None) and ``comment``.

    Raises:
        InputError: names the file and what is wrong.
    """
    by_rater = {content["rater"]: content for content in (_read(path, key) for path in paths)}
    return [
        {"rater": rater, "text": text, **what, "rating": by_rater[rater]["ratings"].get(text), "comment": comment}
        for rater in key["raters"]
        if rater in by_rater
        for text, what in key["texts"].items()
        if (comment := by_rater[rater]["comments"].get(text, "").strip())
    ]


def _read(path: str | Path, key: dict[str, Any]) -> dict[str, Any]:
    """Read and check one file, whatever is missing in it left aside; ``comments`` is empty where there are none."""
    try:
        if Path(path).stat().st_size > LARGEST:
            raise InputError(f"{path}: larger than {LARGEST >> 20} MiB; expected the export of a rater.")
        # An editor may have put a byte order mark in front.
        content = json.loads(read_bytes(path).decode("utf-8-sig"), object_pairs_hook=lambda x: _object(path, x))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected the export of a rater.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected the export of a rater.") from None
    except (ValueError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({error}). Ask the rater to export again.") from None
    kinds = {"study": str, "rater": str, "simulated": bool, "ratings": dict}
    for name, kind in kinds.items():
        if not isinstance(content, dict) or not isinstance(content.get(name), kind):
            raise InputError(f"{path}: {name}: missing or of another kind; expected the file that the page exports.")
    if content["study"] != key["study"]:
        raise InputError(
            f"{path}: study {_shown(content['study'])}, expected {key['study']}. The texts have changed since; "
            "draw the same study, or have the texts rated again."
        )
    if content["rater"] not in key["raters"]:
        rater = reprlib.repr(content["rater"])
        raise InputError(f"{path}: rater {rater} is unknown; expected one of {', '.join(key['raters'])}.")
    comments = content.setdefault("comments", {})
    if not isinstance(comments, dict):
        raise InputError(f"{path}: comments: of another kind; expected a comment per text, as the page exports them.")
    for text in (*content["ratings"], *comments):
        if text not in key["texts"]:
            raise InputError(f"{path}: {_shown(text)}: not a text of study {key['study']}; remove it.")
    for text, rating in content["ratings"].items():
        if type(rating) is not int or rating not in LEVELS:
            raise InputError(f"{path}: {text}: rating {reprlib.repr(rating)}; expected 1, 2, 3 or 4.")
    for text, comment in comments.items():
        if not _is_comment(comment):
            raise InputError(
                f"{path}: {text}: comment {reprlib.repr(comment)}; expected a text of at most {LONGEST_COMMENT} "
                "characters."
            )
    return content


def _is_comment(value: object) -> bool:
    # Half of a character that JSON escapes in two cannot be written again.
    return (
        isinstance(value, str)
        and len(value) <= LONGEST_COMMENT
        and not any("\ud800" <= character <= "\udfff" for character in value)
    )


def _object(path: str | Path, pairs: list[tuple[Any, ...]]) -> dict[str, Any]:
    """Build a JSON object, refusing a key that occurs twice, of which only the last would survive."""
    result = dict(pairs)
    if len(result) < len(pairs):
        doubled = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise InputError(f"{path}: {_shown(doubled)}: occurs twice; keep the one that is meant.")
    return result


def _shown(name: str) -> str:
    """Return a name for a message, cut if it is long, and quoted if it is odd."""
    return name if name.isprintable() and len(name) <= 60 else reprlib.repr(name)


def _check_complete(by_rater: dict[str, tuple[str, dict[str, Any]]], key: dict[str, Any]) -> None:
    """Refuse a rater without a file and a file without all texts."""
    advice = "or set allow_incomplete to go on without them"
    absent = [rater for rater in key["raters"] if rater not in by_rater]
    if absent:
        raise InputError(f"--ratings: no file of rater {', '.join(absent)}; add it, {advice}.")
    for path, content in by_rater.values():
        missing = [text for text in key["texts"] if text not in content["ratings"]]
        if missing:
            raise InputError(
                f"{path}: {len(missing)} of {len(key['texts'])} texts have no rating, the first {missing[0]}; "
                f"have them rated, {advice}."
            )
