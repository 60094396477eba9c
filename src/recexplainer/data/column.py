"""What a column of a raw file looks like: ids, times, titles."""

import re
from functools import cached_property
from typing import Any

from recexplainer.data.loaders import parse_id
from recexplainer.data.times import MILLISECONDS, is_missing, parse_time

SAMPLE = 5000  # values by which a column is judged
NEARLY = 0.99  # share of the values that must be of a kind
MOMENTS = (315_532_800, 2_524_608_000)  # seconds since 1970: from 1980 to 2050


def is_number(text: Any) -> bool:
    """Return whether a value is a number, also one with a decimal comma."""
    try:
        float(text.replace(",", ".") if isinstance(text, str) else text)
        return True
    except (TypeError, ValueError, OverflowError):
        return False


class Column:
    """What a column of a file's beginning holds.

    Attributes:
        name: of the column.
        values: those that are there.
        filled: their share of the records.
    """

    def __init__(self, name: str, rows: list[dict[str, Any]]) -> None:
        self.name = name
        self.values = [value for row in rows if not is_missing(value := row.get(name))]
        self.filled = len(self.values) / len(rows)

    def _share(self, fits: Any) -> float:
        return sum(map(fits, self.values[:SAMPLE])) / max(1, len(self.values[:SAMPLE]))

    @cached_property
    def ids(self) -> set[str]:
        return {text for value in self.values if (text := parse_id(value)) is not None}

    @cached_property
    def is_id(self) -> bool:
        """Whether nearly each record has an id in it; any text may be one."""
        return self.filled >= 0.95 and self._share(lambda value: parse_id(value) is not None) >= NEARLY

    @cached_property
    def is_time(self) -> bool:
        return bool(self.values) and self._share(lambda value: parse_time(value) is not None) >= NEARLY

    @cached_property
    def is_moment(self) -> bool:
        """Whether it holds dates, or numbers that are seconds or milliseconds of our days."""
        return self.is_time and self._share(_is_moment) >= NEARLY

    @cached_property
    def is_code(self) -> bool:
        """Whether it looks like ids, whatever its name: neither moments, nor words, nor stars, nor flags."""
        spaced = self._share(lambda value: isinstance(value, str) and bool(re.search(r"\s|://", value.strip())))
        few = len(self.ids) <= 11 and self._share(lambda value: is_number(value) and _number(value) <= 10) >= NEARLY
        return self.is_id and not self.is_moment and spaced < 0.1 and not few

    @cached_property
    def is_title(self) -> bool:
        """Whether it looks like titles: words, some of several, other ones in nearly each record."""
        words = self._share(lambda value: isinstance(value, str) and bool(re.search(r"[^\W\d_]{2}", value)))
        spaced = self._share(lambda value: isinstance(value, str) and " " in value.strip() and "://" not in value)
        return self.differs(0.9) and words >= 0.9 and spaced >= 0.2 and not self.is_moment

    def differs(self, share: float) -> bool:
        """Return whether at least that share of the values are different ones."""
        texts = [value for value in self.values[:SAMPLE] if isinstance(value, str | int)]
        return bool(texts) and len(set(texts)) >= share * len(texts)

    @cached_property
    def has_texts(self) -> bool:
        """Whether the readers find texts in it: in no object."""
        return any(map(_has_text, self.values[:SAMPLE]))


def _number(value: Any) -> float:
    return float(value.replace(",", ".") if isinstance(value, str) else value)


def _is_moment(value: Any) -> bool:
    if not is_number(value):
        return True  # it is a time, and no number: a date
    seconds = abs(_number(value)) / (1000 if abs(_number(value)) >= MILLISECONDS else 1)
    return MOMENTS[0] <= seconds <= MOMENTS[1]


def is_object(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(map(is_object, value)))


def _has_text(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_has_text, value))
    return isinstance(value, int | float) or (isinstance(value, str) and bool(value.strip()))
