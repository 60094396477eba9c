"""Read the rating in a judge's reply, however it is spelt."""

import re

_WORDS = {"one": "1", "two": "2", "three": "3", "four": "4"}
# A number in words is the whole reply or comes after its tag; "this one" is no rating.
_SPELT = re.compile(
    r"(^\W*(?=\w+\W*$)|\b(?:ratings?|rate|scores?|grade|levels?|mark)\b(?:\s+(?:is|of))?\W{0,4})\b(one|two|three|four)\b"
)
_SCALE = re.compile(r"\b(?:scale|range)?\s*(?:of|from)?\s*\b1\s*(?:-|–|to|through)\s*4\b")
# "3/4", "3 out of 4": the 4 is the scale.
_OF_FOUR = re.compile(r"(?<![\d./-])([1-4])\s*(?:/|out\s+of|of)\s*4(?![\d/]|\.\d)")
_TAGGED = re.compile(
    r"\b(?:ratings?|rate|rated|scores?|grade|levels?|mark)\b(?:\s+(?:is|was|of|would\s+be|should\s+be|at|as|a|it))*"
    r"[^a-z0-9.,;]{0,12}(-?\d+(?:[.,]\d+)?)(?P<more>\s*(?:-|–|/|to|or|and)\s*(?:rating[\W_]*)?\d)?"
)
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")
_WHOLE = re.compile(r"([1-4])(?:[.,]0)?")
LONGEST = 20_000
"""Characters of a reply that are read; a rating that comes later is none."""


def read_rating(reply: str) -> int | None:
    """Return the rating, 1 to 4, that a reply holds; None if it holds none, or two different ones.

    Numbers after a word such as "rating" or "score" decide, then one "out of 4"; without either, the reply may hold
    one number only, be it repeated.
    """
    # Long runs of white space would take the patterns the square of their length.
    text = " ".join(re.sub(r"[*_`~#]", " ", reply[:LONGEST].lower()).split())
    text = _SPELT.sub(lambda match: match[1] + _WORDS[match[2]], text)
    text = _SCALE.sub(" ", text)
    text = _OF_FOUR.sub(r"\1", text)
    # A hyphen before the number belongs to the tag: RATING-3.
    tagged = list(_TAGGED.finditer(text))
    if tagged:
        if any(match["more"] for match in tagged):
            return None
        return _only({match[1].lstrip("-") for match in tagged})
    return _only({number.lstrip("-") for number in _NUMBER.findall(text)})


def _only(numbers: set[str]) -> int | None:
    found = {_WHOLE.fullmatch(number) and number[0] for number in numbers}
    return int(found.pop()) if len(found) == 1 and None not in found else None
