"""Take the pictures of the docs from a finished run: each page on a desk and a phone, light and dark.

Run as, from the repository's folder (`make pictures LOG=demo.log`):
    PYTHONPATH=src python tests/browser/pictures.py results/demo --log demo.log

The pictures are WebP, and together below 3 MB. With ``--log``, what the run printed, docs/screens.md gets its first and
last lines. With ``--whole``, whole pages rather than what a window shows, as PNG, to be looked at: name another
``--output``. Needs Chromium and its driver, as the tests do.
"""

import argparse
import io
import re
import sys
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

SCREENS = {1440: 900, 390: 844}
SCHEMES = ("light", "dark")
FILES = {
    "report": "report.html",
    "beside_the_paper": "tables/paper_vs_ours.html",
    "table": "tables/table2.html",
    "figure": "figures/figure4.html",
}
"""Pages of a run that are opened as they are, by what their pictures are called."""
PAGES = (*FILES, "introduction", "rating", "demo_ui")
"""What pictures there are: of each four."""

MOST_BYTES = 3_000_000
FIRST, LAST = 40, 25
START, END = "<!-- terminal: start -->", "<!-- terminal: end -->"
CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[^\n]*\r(?!\n)")
"""Colours, and what of a line was overwritten."""


def names(page: str) -> list[str]:
    """Return the file names of a page's pictures."""
    return [f"{page}_{width}_{scheme}.webp" for width in SCREENS for scheme in SCHEMES]


def take(browser, name: str, folder: Path, whole: bool) -> None:
    """Take the pictures of the page that is open."""
    from PIL import Image

    for width, height in SCREENS.items():
        for scheme in SCHEMES:
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            if whole:
                size["height"] = browser.execute_script("return document.documentElement.scrollHeight")
                browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            taken = b64decode(browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"])
            target = folder / f"{name}_{width}_{scheme}"
            if whole:
                target.with_suffix(".png").write_bytes(taken)
            else:
                Image.open(io.BytesIO(taken)).convert("RGB").save(target.with_suffix(".webp"), quality=80, method=6)


def opened(browser, results: Path) -> Iterator[str]:
    """Open each page of :data:`PAGES`, and give its name."""
    from serving import demo_ui, explain

    for name, file in FILES.items():
        browser.get((results / file).resolve().as_uri())
        yield name
    browser.get(sorted(results.resolve().glob("study/pages/*.html"))[0].as_uri())
    yield "introduction"
    browser.execute_script("document.getElementById('guide-close').click()")
    yield "rating"
    with demo_ui(Path(), str(results)) as address:
        browser.get(address)
        explain(browser)
        yield "demo_ui"


def take_all(browser, results: Path, folder: Path, whole: bool = False) -> None:
    """Take all pictures of a run; what else is in the folder, of a page that is no more, goes."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in opened(browser, results):
        take(browser, name, folder, whole)
    if not whole:
        for path in set(folder.iterdir()) - {folder / name for page in PAGES for name in names(page)}:
            path.unlink()
    size = sum(path.stat().st_size for path in folder.iterdir())
    if size > MOST_BYTES and not whole:
        sys.exit(f"{folder}: {size / 1e6:.1f} MB, more than the {MOST_BYTES / 1e6:.0f} MB that the docs have room for.")
    print(f"{len([*folder.iterdir()])} pictures, {size / 1e6:.1f} MB, in {folder}")


def excerpt(log: str, command: str) -> str:
    """Return the first and last lines of what a command printed, as the docs show them."""
    lines = CONTROL.sub("", log).rstrip().split("\n")
    less = len(lines) - FIRST - LAST
    shown = lines if less <= 1 else [*lines[:FIRST], f"[{less} lines are left out here]", *lines[-LAST:]]
    said = f"What `{command}` printed, its first {FIRST} and last {LAST} lines:"
    return "\n".join([START, "", said, "", "```text", *(line.rstrip() for line in shown), "```", "", END])


def write_excerpt(page: Path, log: str, command: str) -> None:
    """Put the lines between the page's marks."""
    before, marked = page.read_text(encoding="utf-8").split(START)
    text = f"{before}{excerpt(log, command)}{marked.split(END)[1]}"
    page.write_text(text, encoding="utf-8")


def main(given: argparse.Namespace) -> None:
    from conftest import start

    with TemporaryDirectory() as scratch:
        browser = start(Path(scratch))
        try:
            take_all(browser, Path(given.results), Path(given.output), given.whole)
        finally:
            browser.quit()
    if given.log:
        write_excerpt(Path("docs/screens.md"), Path(given.log).read_text(encoding="utf-8"), given.command)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", help="folder of a finished run, relative to the repository's folder")
    parser.add_argument("--output", default="docs/pictures", help="folder to write (default: docs/pictures)")
    parser.add_argument("--log", help="file with what the run printed")
    parser.add_argument("--command", default="make demo", help="what the run was started with (default: make demo)")
    parser.add_argument("--whole", action="store_true", help="whole pages, as PNG")
    main(parser.parse_args())
