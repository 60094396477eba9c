"""As what a text cites a title: said to be in the history, said to be the item in question, or merely named.

What stands between two titles of a list ("Foo, Bar and Baz") links them, and linked titles share a role. The role is
that of the last cue before them in their sentence ("has played ...", "would enjoy ..."), or of a cue right behind them
("... are in the history"). What stands before or behind is read within :data:`REACH`, so the work grows as the text.
"""

import re
from collections.abc import Iterator, Sequence

ROLES = ("history", "target", "named")
"""What a title is said to be: one of the history, the item in question, or neither: it is merely named."""

REACH = 160  # characters before and behind a title that are read
LINK = 60  # characters between two titles of a list, at most

_SMALL = r"(?:and|or|as well as|then|also|too|even|both|the|an?|games?|films?|movies?|titles?)\b"
_LINK = re.compile(
    rf"(?:[\s,;&*/\[\]\"'“”‘’•–-]|\((?:[^()\n]{{1,30}})\)|(?<=\n)\(?\d{{1,2}}[.)]|{_SMALL}|"
    r",\s+(?:an?|the|both|all)\s[^,.;:!?\n]{1,40},)*"
)
_BREAK = re.compile(r"(?<!\n\d)(?<!\n\d\d)[.!?][\"'”’)]*\s+|(?<!:)\n")

_CHOSE = (
    r"(?:watched|seen|saw|played|bought|purchased|owned|owns|enjoyed|enjoys|liked|likes|loved|loves|rated|chose|chosen|"
    r"picked|finished|completed|tried|ordered|acquired|bought|reviewed)"
)
_WHO = r"(?:they|users?|customers?|players?|viewers?|persons?|people|who|whom|you|i|we|he|she)"
_PLACE = r"(?:histor(?:y|ies)|library|libraries|list|basket|collection|past|purchases|favou?rites)"
_HISTORY = re.compile(
    rf"\b(?:{_PLACE}\b[^.,;:!?\n]{{0,20}}?\s*(?::|\b(?:holds?|has|have|includes?|including|contains?|lists?|shows?|"
    rf"consists? of|features?|of|are|such as|like)\b)"
    rf"|{_CHOSE}\b(?:\s+(?:before|games?|films?|movies?|items?|titles?)){{0,2}}:?"
    rf"|{_WHO}\s+(?:(?:also|often|mostly|clearly)\s+)?(?:own|like|love|enjoy|plays?|buys?|watch|watches)\b"
    r"|(?:their|his|her|past|watched|previous)\s+(?:games|films|movies|items|titles|choices)\s*:"
    r"|items?\s+bought:"
    r"|spent\s[^.,;:]{0,20}\b(?:in|on|with)\b|put\s[^.,;:]{0,20}\binto\b|(?:fan|player|viewer|owner|buyer)s?\s+of\b|(?:was|were)\s+into\b|"
    r"had\s+fun\s+with\b|after\b|before(?=\W*$)|judging\s+by\b)",
    re.IGNORECASE,
)
_LIKING = (
    r"(?:be\s+interested\s+in|like|love|enjoy|buy|want|play|watch|appreciate|choose|pick|prefer|"
    r"offer|suggest|recommend)"
)
_TARGET = re.compile(
    r"\b(?:(?:will|would|may|might|could|should|can|going\s+to|likely\s+to|unlikely\s+to|wouldn['’]t|won['’]t|"
    rf"['’]ll)(?:\s+\w+){{0,3}}?\s+{_LIKING}\b|(?:recommend(?:ing|s)?|offer(?:ing|s)?|suggest(?:ing|s)?)\b"
    r"|(?:item|target|candidate|question|asked(?:\s+about)?)"
    r"(?:\s+(?:in\s+question|item|title|game|film|movie|product))*\s*(?:\bis|,|:)?(?=\W*$))",
    re.IGNORECASE,
)
_DENIED = re.compile(r"(?:\b(?:never|not|no|without)|n['’]t)\s+(?:\w+\s+)?$", re.IGNORECASE)
# A new clause behind a cue: what it says of a title ends there.
_CLAUSE = re.compile(
    r"[;!?]|\b(?:so|but|while|whereas|therefore|thus|because|since|however|although|unlike|than|(?<!such )as|"
    r"is|was|would|will|has|fits?|suits?|finds?|resembles?|appeals?|shares?|match(?:es)?)\b",
    re.IGNORECASE,
)
_HISTORY_BEHIND = re.compile(
    rf"[\"'”’)*.]*\s*(?:[-–:,]\s*)?(?:(?:which|that|these|both|all)\b[^.,;!?\n]{{0,30}}?\s*)?"
    rf"(?:(?:are|is|were|was|has\s+been|have\s+been)\s+)?(?:(?:both|all|already|also|present|listed)\s+)*"
    rf"(?:(?:in|from|part\s+of)\s+(?:the|their|his|her|this|my)\s+(?:[\w']+\s+){{0,2}}?{_PLACE}\b"
    rf"|behind\s+them\b)"
    rf"|[\"'”’)*]*\s*,?\s*(?:which|that)\s+(?:the\s+|this\s+)?{_WHO}\s+(?:(?:has|have|had|already)\s+)*{_CHOSE}\b"
    rf"|[\"'”’)*]*\s*(?:[-–]\s*|(?:was|were|(?:has|have)\s+been)\s+(?:(?:both|all|already)\s+)*)"
    r"(?:bought|played|watched|owned|purchased|chosen|seen|liked)\b",
    re.IGNORECASE,
)
_TARGET_BEHIND = re.compile(
    r"[\"'”’)*]*\s*,?\s*(?:is\s+(?:the|our)\s+(?:target|item|candidate)\b(?!\s+of)|"
    r"(?:(?:should|would|can|could|may|will)\s+(?:not\s+)?be|is(?:\s+not)?)\s+(?:recommended|offered|suggested)\b)",
    re.IGNORECASE,
)


def chains(text: str, spans: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Yield the places of the spans that stand in one list, each list in turn.

    Args:
        text: the explanation.
        spans: start and end of each title, ascending, without overlap.
    """
    chain: list[int] = []
    for place, (start, _) in enumerate(spans):
        if chain and not _linked(text, spans[chain[-1]][1], start):
            yield chain
            chain = []
        chain.append(place)
    if chain:
        yield chain


def _linked(text: str, end: int, start: int) -> bool:
    return start - end <= LINK and _LINK.fullmatch(text, end, start) is not None


def before(text: str, start: int, floor: int) -> str:
    """Return what stands before a title in its sentence, not before ``floor``."""
    piece = text[max(floor, start - REACH) : start]
    cut = 0
    for match in _BREAK.finditer(piece):
        cut = match.end()
    return piece[cut:]


def behind(text: str, end: int, ceiling: int) -> str:
    """Return what stands behind a title, not behind ``ceiling``, the start of the next."""
    return text[end : min(ceiling, end + REACH)]


def role_of(lead: str, rest: str) -> str:
    """Return the role of titles by what stands before and behind them."""
    result = ""
    last = -1
    for role, pattern in (("history", _HISTORY), ("target", _TARGET)):
        for match in pattern.finditer(lead):
            if match.end() > last and not _CLAUSE.search(lead, match.end()):
                result = "named" if role == "history" and _DENIED.search(lead[: match.start()]) else role
                last = match.end()
    if result:
        return result
    if _HISTORY_BEHIND.match(rest):
        return "history"
    return "target" if _TARGET_BEHIND.match(rest) else "named"


def roles(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """Return the role of each title.

    Args:
        text: the explanation.
        spans: as of :func:`chains`.
    """
    result = ["named"] * len(spans)
    for chain in chains(text, spans):
        lead, rest = surroundings(text, spans, chain)
        for place in chain:
            result[place] = role_of(lead, rest)
    return result


def surroundings(text: str, spans: Sequence[tuple[int, int]], chain: Sequence[int]) -> tuple[str, str]:
    """Return what stands before and behind a list of titles, up to the titles around it."""
    first, last = chain[0], chain[-1]
    floor = spans[first - 1][1] if first else 0
    ceiling = spans[last + 1][0] if last + 1 < len(spans) else len(text)
    return before(text, spans[first][0], floor), behind(text, spans[last][1], ceiling)
