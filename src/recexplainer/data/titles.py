"""Clean texts, and display titles that are unique in the catalogue and free of the lists' separator.

Exact-title matching needs both. Uniqueness is made inside the final catalogue, not in the raw one: a
suffix then marks only titles that a reader can really confuse, and the titles depend on the set of items
alone, not on the order of any file.
"""

import html
import re
import unicodedata
from collections import Counter
from typing import Any

LONGEST_TITLE = 200  # characters
LONGEST_RUN = 30  # combining marks on one character; normalising takes the square of their number
SEPARATOR = " - "  # stands where a title had "; ", which is between the titles of a list

# Traces of a web page where a title should be. Such an item counts as one without a title.
_GARBAGE = re.compile(
    r"getTime\s*\(|</?(?:span|div|script|style|img|td|tr|table)\b|function\s*\(|javascript:", re.IGNORECASE
)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_TAG = re.compile(
    r"</?(?:a|abbr|b|big|blockquote|br|center|cite|code|dd|del|div|dl|dt|em|embed|font|form|h[1-6]|hr|i|iframe|img|input|"
    r"ins|label|li|link|meta|object|ol|p|param|pre|s|small|span|strike|strong|sub|sup|table|tbody|td|th|thead|tr|u|ul|"
    r"video)(?:(?:\s[^<>]*)?/?>|\s[^<>]*\Z)|<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_SEPARATORS = re.compile(r"(?:\s*[;,]+\s+)+")
# An article behind its title, at the end or before a year, a remark or a subtitle: "Net, The (1995)". Articles of other
# languages are words of English, too ("die", "las"), so they need a capital and a title without another comma.
_END = r"(?=\s*(?:$|[(\[:)]|-\s))"
_ARTICLES = (
    re.compile(rf"(?P<title>[^()\[\]]+?),\s+(?P<article>The|the|THE|A|An|AN){_END}"),
    re.compile(
        r"(?P<title>[^()\[\],]+?),\s+(?P<article>L['’]|Les?|La|Il|Gli|El|Los|Las|Un|Une|Una|Der|Die|Das|Ein|Eine|Den|Det)"
        + _END
    ),
)


def repair_surrogates(text: str) -> str:
    """Join surrogate pairs into characters; a lone surrogate, which UTF-8 cannot hold, becomes U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _unescape(text: str) -> str:
    """Replace entities that end with a semicolon, also those escaped twice or three times."""
    for _ in range(3):
        if "&" not in text:
            break
        text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    return text


def _without_tags(text: str) -> str:
    return _TAG.sub(" ", text) if "<" in text else text


def _plain(text: str) -> str:
    """Drop format characters, turn control characters into spaces, collapse white space, normalise to NFC.

    Of combining marks on one character 30 are kept, as in Unicode's stream-safe text format.
    """
    if not text.isascii() or not text.isprintable():
        kept, marks = [], 0
        for character in text:
            kind = unicodedata.category(character)
            if kind in ("Cf", "Cs"):
                continue
            marks = marks + 1 if kind[0] == "M" else 0
            if marks <= LONGEST_RUN:
                kept.append(" " if kind == "Cc" else character)
        text = unicodedata.normalize("NFC", "".join(kept))
    return " ".join(text.split())


def _articles_first(title: str) -> str:
    """Move an article behind a title, or behind another title in brackets after it, to the front of it.

    "Net, The (1995)" becomes "The Net (1995)".
    """
    if "," not in title:
        return title
    parts = re.split(r"(?<=[(\[])", title)  # each begins a title of its own
    return "".join(map(_article_first, parts))


def _article_first(title: str) -> str:
    for form in _ARTICLES:
        if matched := form.match(title):
            article = matched["article"]
            capital = article[0].upper() + article[1:]
            space = "" if article[-1] in "'’" else " "
            return f"{capital}{space}{matched['title'].lstrip()}{title[matched.end() :]}"
    return title


def clean_text(raw: str) -> str:
    """Clean a free text: entities unescaped, HTML tags and control characters out, white space collapsed, NFC."""
    return _plain(_without_tags(_unescape(repair_surrogates(raw))))


def clean_title(raw: str, repairs: Counter[Any] | None = None) -> str:
    """Clean a title as :func:`clean_text` does, put its article first, replace the separator, cut it to 200 characters.

    Args:
        raw: the title as it is in the metadata.
        repairs: if given, one is added for each kind of repair that changed the title:
            ``markup`` (entities, tags), ``characters`` (white space, control characters, NFC), ``articles``,
            ``separators``, ``shortened``.

    Returns:
        The title without ``"; "`` and outer marks; ``""`` if there is none or it is a trace of a web page. A ``", "``
        stays: readers of lists know the titles that have one.
    """
    unescaped = _unescape(repair_surrogates(raw))
    if any(mark in unescaped for mark in "(<:") and _GARBAGE.search(unescaped):  # each of its traces has one of them
        return ""
    stripped = _without_tags(unescaped)
    plain = _plain(stripped)
    ordered = _articles_first(plain)
    separated = ordered.strip(" ;,")
    if ";" in separated:
        separated = _SEPARATORS.sub(lambda run: SEPARATOR if ";" in run[0] else run[0], separated).strip(" ;,")
    title = separated[:LONGEST_TITLE].rstrip(" ;,")
    if repairs is not None:
        steps = {
            "markup": stripped != raw,
            "characters": plain != stripped,
            "articles": ordered != plain,
            "separators": separated != ordered,
            "shortened": title != separated,
        }
        repairs.update(name for name, changed in steps.items() if changed)
    return title


def title_key(title: str) -> str:
    """The form in which titles are compared: without outer white space, in lower case."""
    return title.strip().lower()


def unique_titles(titles: list[str]) -> tuple[list[str], int]:
    """Make titles unique under :func:`title_key`.

    Of the items that share a title the first keeps it; the next ones get `` (2)``, `` (3)`` and so on,
    skipping what is another item's title. Cut so that 200 characters are not exceeded.

    Args:
        titles: clean titles, in the order of the item ids.

    Returns:
        The titles in the same order, and how many of them were changed.
    """
    taken = {title_key(title) for title in titles}
    seen: set[str] = set()
    numbers: Counter[Any] = Counter()
    result, changed = [], 0
    for title in titles:
        key = title_key(title)
        if key in seen:
            changed += 1
            numbers[key] = max(numbers[key], 1)
            base = title
            while title_key(title) in taken:
                numbers[key] += 1
                suffix = f" ({numbers[key]})"
                title = base[: LONGEST_TITLE - len(suffix)].rstrip(" ;,") + suffix
            taken.add(title_key(title))
        seen.add(key)
        result.append(title)
    return result, changed
