"""A cited title: where it stands, what it is, what the text says that it is, and whether that is so."""

from dataclasses import dataclass, replace

from recexplainer.checking.claims import refuted
from recexplainer.checking.roles import roles
from recexplainer.checking.words import Catalogue

KINDS = ("history", "target", "catalogue", "nowhere")
"""What a cited title is: in the history, the target item, another item of the catalogue, or no item at all."""

ERRORS = ("", "role", "fact")
"""What is wrong with a title beside its kind: nothing; it is said to be in the history, or the item in question, and
is not; or it is given a genre, platform or brand that its metadata refutes."""


@dataclass(frozen=True)
class Citation:
    """A title in a text.

    Attributes:
        start, end: its place.
        title: as the catalogue has it, or as cited if no item has it.
        kind: one of :data:`KINDS`, what it is.
        role: one of :data:`recexplainer.checking.roles.ROLES`, what the text says that it is.
        error: one of :data:`ERRORS`.
        claim: the refuted fact, in stemmed words; "" without one.
    """

    start: int
    end: int
    title: str
    kind: str
    role: str = "named"
    error: str = ""
    claim: str = ""


def judged(text: str, citations: list[Citation], catalogue: Catalogue) -> list[Citation]:
    """Return citations with their roles, and with what is wrong about them.

    Args:
        text: the explanation.
        citations: the titles in it, ascending, without overlap.
        catalogue: the items of the dataset.
    """
    spans = [(cited.start, cited.end) for cited in citations]
    titles = [None if cited.kind == "nowhere" else cited.title for cited in citations]
    result = []
    for cited, role, claim in zip(citations, roles(text, spans), refuted(text, titles, spans, catalogue), strict=True):
        misplaced = cited.kind != "nowhere" and role not in ("named", cited.kind)
        error = "role" if misplaced else "fact" if claim else ""
        result.append(replace(cited, role=role, error=error, claim=claim or ""))
    return result
