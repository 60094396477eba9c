"""Times as the files of the trade write them: numbers, dates, dates with a time of day, names of months."""

import calendar
import math
import re
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Any

import numpy as np

FORMS = (
    "1404598151 | 2014-07-05 | 2014-07-05 22:09:11 | 2014-07-05T22:09:11.5+02:00 | 07 05, 2014 | 05.07.2014 | "
    "July 5, 2014 | Sat Jul 05 22:09:11 -0700 2014"
)
"""Of the forms that are read, one of each kind."""
LONGEST_TIME = 64  # characters; a longer text is none, and is not worth a place in the cache
SHOWN = 40  # characters of a value that a message shows
ABSENT = frozenset(("", "nan", "nat", "none", "null", "na", "n/a", "<na>", "\\n"))  # texts for "there is no time"

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+)?"
_ZONE = r"(?P<zone>z|utc|gmt|(?:utc|gmt)?[+-]\d{2}:?\d{2})"
_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?\s*(?P<half>[ap]\.?m\.?)?"
_AT = rf"(?:(?:,|\s|\bat\b|t)\s*{_CLOCK}(?:\s*{_ZONE})?)?"
_FORMS = (
    rf"(?P<year>\d{{4}})(?P<mark>[-/.])(?P<number>\d{{1,2}})(?P=mark){_DAY}\s*{_AT}",
    rf"(?P<number>\d{{1,2}})\s+{_DAY},\s*{_YEAR}\s*{_AT}",
    rf"{_MONTH}\s*{_DAY},?\s+{_YEAR}\s*{_AT}",
    rf"(?P<day>\d{{1,2}})\.(?P<number>\d{{1,2}})\.{_YEAR}\s*{_AT}",
    rf"{_DAY}[-\s]{_MONTH}[-,\s]\s*{_YEAR}\s*{_AT}",
    rf"{_MONTH}\s+{_DAY}\s+{_CLOCK}(?:\s*{_ZONE})?\s+{_YEAR}",
)
_SECOND, _EPOCH = timedelta(seconds=1), datetime(1970, 1, 1)
YEAR = 31_556_952  # seconds
FAR = 20  # years without a single interaction that part some times from all others
# Seconds since 1970 reach this in the year 5138, milliseconds have passed it since 1973.
MILLISECONDS = 10**11


def _of_datetime(moment: datetime) -> int:
    """Return whole seconds since 1970, fractions cut; without a zone it is UTC."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return (moment - _EPOCH) // _SECOND


@cache
def _written() -> list[re.Pattern[str]]:
    """Return the patterns of :data:`_FORMS`; few files need them."""
    before = rf"(?:posted:?\s+)?(?:on\s+)?{_WEEKDAY}"
    return [re.compile(rf"{before}{form}\.?", re.ASCII | re.IGNORECASE) for form in _FORMS]


def _of_written(text: str) -> int | None:
    """Read a date that is written in one of the forms; None if it is none of them, or on no calendar."""
    parts = next((match.groupdict() for form in _written() if (match := form.fullmatch(text))), None)
    if parts is None:
        return None
    month = _MONTHS.index(parts["month"][:3].lower()) + 1 if parts.get("month") else int(parts["number"])
    hour, half = int(parts["hour"] or 0), (parts["half"] or "")[:1].lower()
    if half and not 1 <= hour <= 12:
        return None
    hour = hour % 12 + 12 * (half == "p") if half else hour
    clock = (hour, int(parts["minute"] or 0), min(int(parts["second"] or 0), 59))  # 60 is a leap second
    zone: Any = re.fullmatch(r"[a-z]*([+-]?)([\d:]*)", (parts["zone"] or "").lower())
    sign, digits = zone.groups()
    digits = digits.replace(":", "") or "0000"
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    moment = datetime(int(parts["year"]), month, int(parts["day"]), *clock)
    return calendar.timegm((moment + offset if sign == "-" else moment - offset).timetuple())


@lru_cache(maxsize=1 << 16)
def _of_text(text: str) -> int | None:
    try:
        if text.isascii() and "_" not in text:
            return parse_time(float(text)) if not text.lstrip("+-").isdigit() else parse_time(int(text))
    except (ValueError, OverflowError):
        pass
    for read in (lambda text: _of_datetime(datetime.fromisoformat(text)), _of_written):
        try:
            if (time := read(text)) is not None:
                return time
        except (ValueError, OverflowError):
            pass
    return None


def parse_time(value: Any) -> int | None:
    """Return a time as a whole number (int64), or None if it is missing or unreadable.

    Numbers and numeric texts are taken as they are (seconds or milliseconds since 1970, before it if negative, or a
    plain order number), fractions cut. Dates, with or without a time of day, become seconds since 1970: midnight if
    there is no time of day, UTC if there is no zone. :data:`FORMS` shows what is read.
    """
    if type(value) is str:
        return _of_text(value.strip()) if len(value) <= LONGEST_TIME else None
    if type(value) is float and math.isfinite(value):
        value = int(value)
    return value if type(value) is int and -(1 << 63) <= value < 1 << 63 else None


def is_missing(value: Any) -> bool:
    """Return whether there is no time at all, as opposed to one that cannot be read."""
    if type(value) is str:
        return len(value) <= LONGEST_TIME and value.strip().lower() in ABSENT
    return value is None or (type(value) is float and math.isnan(value))


def unreadable(key: str, value: Any) -> str:
    """Say that a time cannot be read."""
    if type(value) is str:
        shown = ascii(value[:SHOWN]) + "..." * (len(value) > SHOWN)
    else:
        shown = repr(value) if isinstance(value, bool | float) else f"of type {type(value).__name__}"
    return f"no time: {key!r} is {shown}; what is read looks like {FORMS}"


def shown_time(time: int) -> str:
    """Return a time with the date that it stands for, if it is one of seconds or milliseconds."""
    seconds = time // 1000 if abs(time) >= MILLISECONDS else time
    try:
        return f"{time} ({(_EPOCH + timedelta(seconds=seconds)).date()})"
    except OverflowError:
        return str(time)


def far_times(time: np.ndarray) -> np.ndarray:
    """Return the rows whose time lies decades from all others, such as 0, or a date in the year 2099.

    Args:
        time: int64, in one unit: seconds or a finer one, which their median tells.

    Returns:
        Ascending row numbers: all but the largest group of times between which no gap is as long as ``FAR`` years.
    """
    low, high = int(time.min()), int(time.max())
    if high - low < FAR * YEAR:
        return np.empty(0, np.int64)
    size = abs(int(np.partition(time, len(time) // 2)[len(time) // 2]))
    gap = FAR * YEAR * next((1000**n for n in range(3) if size < MILLISECONDS * 1000**n), 1000**3)
    if high - low < gap:
        return np.empty(0, np.int64)
    ascending = np.sort(time)
    # As unsigned numbers, differences over 63 bits are right too.
    starts = np.flatnonzero(np.append(True, np.diff(ascending.view(np.uint64)) >= gap))
    sizes = np.diff(np.append(starts, len(time)))
    largest = int(np.argmax(sizes))
    first, last = ascending[starts[largest]], ascending[starts[largest] + sizes[largest] - 1]
    return np.flatnonzero((time < first) | (time > last))
