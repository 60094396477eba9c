"""What the pages of results share: colours, tables, verdicts, and the mark of what is synthetic."""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path

HERE = Path(__file__).parent

PRINTED = "SYNTHETIC: not a result about the paper"
"""What stands on every printed page of a synthetic run."""

POLICY = "default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def style_of(paths: Sequence[str | Path] = (), more: str = "", synthetic: bool = False) -> tuple[str, str]:
    """Return the style of a page, and its digest for the page's policy.

    Args:
        paths: style sheets of the page itself; they follow the common one.
        more: further rules, the last ones.
        synthetic: whether every printed page has to say so.
    """
    parts = [path.read_text(encoding="utf-8") for path in (HERE / "pages.css", *map(Path, paths))]
    if synthetic:
        box = f'content: "{PRINTED}"; font: 600 9pt sans-serif; color: #6b4400;'
        parts.append(f"@page {{ margin: 18mm 14mm; @top-center {{ {box} }} @bottom-center {{ {box} }} }}\n")
    style = "".join([*parts, more])
    return style, b64encode(hashlib.sha256(style.encode()).digest()).decode()


def verdict_mark(verdict: str) -> str:
    """Return the class of a verdict's mark: ``not-run`` for ``not run``."""
    return verdict.replace(" ", "-")


def rendered(template: Path, style: str, digest: str, **values: object) -> str:
    """Return a page out of a template, in which all text stays text.

    Args:
        template: Jinja's, with ``style``, and ``policy`` or ``digest``.
        style, digest: of :func:`style_of`.
        values: what else the template shows.
    """
    from jinja2 import Environment
    from markupsafe import Markup

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    return environment.from_string(template.read_text(encoding="utf-8")).render(
        # The style is ours, and its hash in the page's policy would not fit an escaped one.
        style=Markup(style),
        policy=Markup(POLICY.format(digest=digest)),
        digest=digest,
        **values,
    )


def page_of(title: str, body: str, synthetic: str) -> str:
    """Return a page around a table, in ASCII, so that its encoding does not matter.

    Args:
        title: its heading, plain text.
        body: HTML, whose text is escaped.
        synthetic: what it says at its top, plain text; "" for nothing.
    """
    style, digest = style_of(synthetic=bool(synthetic))
    band = f'<aside class="band" aria-label="What is made up">{escape(synthetic)}</aside>\n' if synthetic else ""
    text = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY.format(digest=digest)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f'<title>{escape(title)}</title>\n<link rel="icon" href="data:,">\n<style>{style}</style>\n</head>\n'
        f'<body>\n{band}<main class="alone">\n<h1>{escape(title)}</h1>\n'
        f'<div class="wide" tabindex="0" role="region" aria-label="Table, can be scrolled">\n{body}</div>\n'
        "</main>\n</body>\n</html>\n"
    )
    return text.encode("ascii", "xmlcharrefreplace").decode()
