"""A run's report as it is published: without histories of the data set, and without links to what is not published."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from recexplainer.errors import InputError

HISTORY = "data-history"
"""The attribute by which the report's templates mark what shows a history."""
NOT_HERE = "not published, as the data set's terms ask"

_VOID = {"br", "hr", "img", "input", "link", "meta", "wbr"}


def published_report(text: str, folder: Path, source: str) -> str:
    """Return a report for a folder.

    What is marked with :data:`HISTORY` is replaced by :data:`NOT_HERE`. A link to a file that is not in the folder goes
    with its words; in a cell of a table, whose words are a name, the words stay.

    Args:
        text: of the report.
        folder: to which its links are relative.
        source: what the report is called in messages.

    Raises:
        InputError: the report shows histories and marks none, or is cut off within one.
    """
    parser = _Published(folder)
    parser.feed(text)
    parser.close()
    if parser.within or parser.named != parser.marked:
        raise InputError(
            f"{source}: histories cannot be told from the rest; expected a report of this version. Run the rule report "
            "again."
        )
    return "".join(parser.kept)


class _Published(HTMLParser):
    """Keeps the text of a page as it stands, but for histories and dead links.

    Attributes:
        kept: pieces of the text.
        within: how many elements are open of a history, itself included.
        named: how many histories are announced by their name, and ``marked``, how many of them are marked.
    """

    def __init__(self, folder: Path):
        super().__init__(convert_charrefs=False)
        self.folder = folder
        self.kept: list[str] = []
        self.within = self.named = self.marked = 0
        self.before = self.link = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known, text = dict(attrs), self.get_starttag_text() or ""
        if self.within:
            self.within += tag not in _VOID
        elif HISTORY in known:
            self.within, self.marked = 1, self.marked + (tag == "dd")
            self.kept += [text, NOT_HERE]
        elif tag == "a" and self._is_dead(known.get("href") or ""):
            self.link = "words" if self.before == "td" else "nothing"
        else:
            self._keep(text)
        self.before = tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self.within:
            self._keep(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        if self.within:
            self.within -= 1
        elif tag == "a" and self.link:
            self.link = ""
            return
        if not self.within:
            self._keep(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.named += self.before == "dt" and data == "History, oldest first"
        self._keep(data)

    def handle_entityref(self, name: str) -> None:
        self._keep(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._keep(f"&#{name};")

    def handle_comment(self, data: str) -> None:
        self._keep(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self._keep(f"<!{decl}>")

    def _keep(self, text: str) -> None:
        if not self.within and self.link != "nothing":
            self.kept.append(text)

    def _is_dead(self, address: str) -> bool:
        """Return whether a link leads to a file that is not there; anchors and other sites are none."""
        parts = urlsplit(address)
        return bool(not parts.scheme and parts.path and not (self.folder / unquote(parts.path)).exists())
