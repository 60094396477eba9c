"""Read the level in a judge's reply: what the reply itself says as its last word, in the form that was asked for.

Three replies hold a level:

- one that is nothing else, in any spelling: "RATING-3", "3/4", "Rating: three", "I would rate it 3 out of 4.";
- one whose last sentence is nothing else and has the form ``RATING-3``, whatever stands before it;
- one whose first line or sentence is ``RATING-3`` alone, with reasons behind it that speak of no level any more.

All others hold none: levels that a refusal or a quotation mentions, numbers that count something, two levels.
"""

import json
import re

LONGEST = 20_000
"""Characters of a reply that are read; of a longer one the middle is left out."""

_LEVELS = {"one": 1, "two": 2, "three": 3, "four": 4}
_TAG = r"<?\s*/?rating\s*[-–_ ]?\s*([1-4])(?![\d.,/]*\d)\s*/?>*"
_NUMBER = r"([1-4])(?:[.,]0)?(?:\s*(?:/|out of|of)\s*4)?|(one|two|three|four)"
_NOUN = r"(?:rating|score|level|grade|mark|verdict|judge?ment|evaluation|assessment|answer|conclusion)"
# What may stand before a level in a sentence that says nothing else.
_LEAD = (
    r"(?:(?:so|thus|therefore|hence|overall|finally|in conclusion|in summary|in short|to conclude)\s*,?\s+)?"
    rf"(?:(?:(?:my|the|this|its|your|final|overall|resulting|correct|appropriate)\s+)*{_NOUN}"
    r"(?:\s+(?:is|was|would be|should be|of|for (?:it|this|the (?:answer|text|explanation)) is))?\s*[:=–—-]*\s*"
    r"|(?:i|i would|i'd|i will|i'll|i shall)\s+(?:rate|give|assign|choose|select|score|grade|pick)"
    r"(?:\s+(?:it|this|that|the)(?:\s+(?:answer|text|one|explanation|response))?)?"
    r"(?:\s+(?:as|at|with|a|an|of|level|rating|score|the))*\s*[:=]*\s*"
    r"|(?:it|this|that|the)(?:\s+(?:answer|text|one|explanation|response))?\s+"
    r"(?:is|gets|deserves|earns|receives|merits|would be|should be)(?:\s+(?:a|an|the|rated|level|rating|score|of|at))*"
    r"\s*[:=]*\s*)?"
)
_ALONE = re.compile(
    rf"{_LEAD}(?:(?:level|rating|a)\s*[:=–-]?\s*)?[-<]?\s*(?:{_TAG}(?:[\s,;]*rating[-–_ ]?\1)*"
    rf"|(?:<\s*rating\s*>)?\s*(?:{_NUMBER})\s*(?:</?\s*rating\s*>)?\s*>*)"
)
_ASKED = re.compile(rf"{_LEAD}{_TAG}")
_FIRST = re.compile(
    rf"\W*(?:(?:(?:the|my|final|overall) )*(?:rating|score|level)\s*(?:is\s*)?[:=]?\s*)?{_TAG}\s*(\n|[.:;,–—-]\s)"
)
# Behind a first line, what takes it back or is about levels again.
_AGAIN = re.compile(
    r"\b(?:ratings?|rated?|levels?|scores?|grades?|rating-?\d|can ?not|can't|could ?n[o']t|unable|refuse|decline|sorry|"
    r"won't|will not|instead|actually|correction|on second thought|wait)\b|(?<![\w.])(?:[1-4]|one|two|three|four)$"
)
_REFUSAL = re.compile(
    r"\bi(?:'m| am)? (?:can ?not|can't|could not|won't|will not|would rather not|refuse|decline|unable|sorry)\b"
)
# A refusal without its "I", and words of others that a level follows: "The text demands: RATING-4".
_CURT = re.compile(r"^(?:sorry|apologies|can ?not|can't|unable|not able|refused|declined|refusing|declining)\b")
_QUOTING = re.compile(
    r"\b(?:says?|said|demands?|demanded|asks?|asked|wants?|writes?|wrote|claims?|requests?|requested|contains?|"
    r"instructs?|instructed|orders?|ordered|tells?|told|reads?)\b[^.!?]*:$"
)
_NEGATIVE = re.compile(r"[:=]\s*[-−]\s*\d")
_SCALE = re.compile(
    r"\(?\b(?:on |in |from )?(?:a |the )?(?:scale|range)?\s*(?:of|from)?\s*\b1\s*(?:-|–|to|through)\s*4\b\)?,?"
)
_MARKS = re.compile(r"[*_`~#$\[\]{}()\"“”]")
_BULLET = re.compile(r"^\d+[.)] (?=\S)")
_END = re.compile(r"(?<=[.!?])\s+|\n+")
_KEYS = ("rating", "level", "score")


def read_rating(reply: str, cut_off: bool = False) -> int | None:
    """Return the level, 1 to 4, that a reply holds; None if it holds none, or two different ones.

    Args:
        reply: without thoughts.
        cut_off: the reply reached the limit of tokens. What it would have said last is then unknown, so that only a
            level on a line of its own counts, at its beginning or as the whole reply.
    """
    if len(reply) > LONGEST:
        reply = f"{reply[: LONGEST // 2]}\n…\n{reply[-LONGEST // 2 :]}"
    rating = _in_json(reply)
    if rating is not None:
        return rating
    sentences = [piece for line in _plain(reply).split("\n") for piece in _sentences(line)]
    if not sentences:
        return None
    # Of a reply that was cut off, "3" may be the beginning of "3 or 4".
    alone = [_level(_ASKED if cut_off else _ALONE, sentence) for sentence in sentences]
    if len({level for level in alone if level is not None}) > 1:
        return None
    if None not in alone:
        return alone[0]
    if _REFUSAL.search(" ".join(sentences)) or any(_CURT.search(one) or _QUOTING.search(one) for one in sentences):
        return None
    if not cut_off and (last := _level(_ASKED, sentences[-1])) is not None:
        return last
    return _first(_plain(reply), cut_off)


def _first(text: str, cut_off: bool) -> int | None:
    """Return the level with which a text begins, if nothing behind it is about levels."""
    match = _FIRST.match(text)
    if not match or (cut_off and match[2] != "\n"):
        return None
    behind = [piece.strip(" .!?:;,") for line in text[match.end() :].split("\n") for piece in _END.split(line)]
    return None if any(_AGAIN.search(piece) for piece in behind) else int(match[1])


def _level(pattern: re.Pattern[str], sentence: str) -> int | None:
    """Return the level in a sentence that is one by a pattern as a whole."""
    match = pattern.fullmatch(sentence.strip(" .!:;,"))
    if not match or _NEGATIVE.search(sentence):
        return None
    word = next(group for group in match.groups() if group)
    return _LEVELS.get(word) or int(word)


def _sentences(line: str) -> list[str]:
    """Return the sentences of a line that hold a letter or a digit."""
    return [piece for piece in _END.split(line) if re.search(r"\w", piece)]


def _plain(reply: str) -> str:
    """Return a reply in small letters, without Markdown, brackets, quotation marks and the scale, line by line."""
    # "RATING_3" before the underscores of Markdown go.
    text = re.sub(r"(?<=rating)_(?=[1-4])", "-", reply.lower())
    text = re.sub(r"</?br ?/?>", "\n", text)
    text = re.sub(r"[’‘]", "'", _SCALE.sub(" ", text))
    lines = (" ".join(_MARKS.sub(" ", line).split()) for line in text.splitlines())
    return "\n".join(_BULLET.sub("", line) for line in lines if line)


def _in_json(reply: str) -> int | None:
    """Return the level in a reply that is a JSON object, as a service with structured output gives it."""
    text = reply.strip().removeprefix("```").removeprefix("json").removesuffix("```").strip()
    if not text.startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    values = [value[key] for key in value if str(key).lower() in _KEYS]
    if len(values) != 1 or not isinstance(values[0], int | float | str) or isinstance(values[0], bool):
        return None
    if isinstance(values[0], str):
        return _level(_ALONE, _plain(values[0]))
    return int(values[0]) if values[0] in (1, 2, 3, 4) else None
