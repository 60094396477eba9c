"""axe-core finds nothing serious on any page of a finished run, light and dark, on a desk and on a phone."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("selenium", reason="needs the Python package selenium")
pytest.importorskip("nicegui", reason="needs the Python package nicegui")

from selenium.webdriver.common.by import By
from serving import demo_ui, explain

AXE = Path(sys.prefix) / "axe/axe_playwright_python/axe.min.js"
LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (1440, 390)]
ASK = """
    const done = arguments[0];
    axe.run(document, {resultTypes: ["violations"], rules: {"target-size": {enabled: true}}}).then((found) =>
        done(found.violations.filter((one) => ["serious", "critical"].includes(one.impact)).map((one) =>
            [one.id, ...one.nodes.slice(0, 3).map((node) => [node.html.slice(0, 200), node.failureSummary])])));
"""


def send(browser, command: str, **options) -> None:
    browser.execute_cdp_cmd(f"Emulation.{command}", options)


@pytest.fixture
def serious(browser):
    """A function that returns what is serious on the page that is open, by scheme and width."""
    assert AXE.is_file(), "`make setup` brings axe-core"
    browser.set_script_timeout(300)

    def look() -> dict:
        browser.execute_script(AXE.read_text(encoding="utf-8"))
        browser.execute_script("for (const one of document.querySelectorAll('details')) one.open = true")
        found = {}
        for scheme, width in LOOKS:
            send(browser, "setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
            send(browser, "setDeviceMetricsOverride", **size)
            found[scheme, width] = browser.execute_async_script(ASK)
        return {look: problems for look, problems in found.items() if problems}

    yield look
    send(browser, "setEmulatedMedia", features=[])
    send(browser, "clearDeviceMetricsOverride")


def test_axe_sees_what_is_wrong(browser, serious, tmp_path):
    page = tmp_path / "page.html"
    style = "@media (prefers-color-scheme: light) and (min-width: 600px) { p { color: #aaa } }"
    head = f"<title>x</title><meta name='viewport' content='width=device-width'><style>{style}</style>"
    page.write_text(f"<!doctype html><html>{head}<img src='data:,'><p>faint</p>")
    browser.get(page.as_uri())
    found = serious()
    assert list(found) == LOOKS
    for look, problems in found.items():
        seen = {problem[0] for problem in problems}
        assert seen >= {"html-has-lang", "image-alt"} and ("color-contrast" in seen) == (look == ("light", 1440)), look


@pytest.fixture(scope="module")
def pages(whole_run):
    """The pages of the run: those of which there is one of a kind, and the tables that one program typesets."""
    found = sorted(page for folder in (".", "tables", "figures") for page in (whole_run / folder).glob("*.html"))
    assert {page.name for page in found} >= {"report.html", "paper_vs_ours.html", "figure4.html", "figure5.html"}
    tables = [page for page in found if page.parent.name == "tables" and page.name != "paper_vs_ours.html"]
    assert len(tables) >= 6
    return [page for page in found if page not in tables], tables


def test_no_page_of_a_run_has_a_serious_fault(browser, serious, pages):
    alone, tables = pages
    for page in [*alone, tables[-1]]:
        browser.get(page.as_uri())
        assert serious() == {}, page.name


@pytest.mark.slow
def test_no_table_of_a_run_has_a_serious_fault(browser, serious, pages):
    for page in pages[1][:-1]:
        browser.get(page.as_uri())
        assert serious() == {}, page.name


def test_no_rating_page_has_a_serious_fault(browser, serious, whole_run):
    page = sorted(whole_run.glob("study/pages/*.html"))[0]
    browser.get(page.as_uri())
    assert serious() == {}, "the introduction"
    browser.find_element(By.ID, "guide-close").click()
    assert serious() == {}, "a text"


def test_the_page_that_answers_has_no_serious_fault(browser, serious, whole_run):
    with demo_ui(whole_run.parents[1]) as address:
        browser.get(address)
        explain(browser)
        assert serious() == {}
