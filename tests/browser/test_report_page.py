"""The report in a real Chromium: nothing is asked of the network, nothing fails, everything is found by its heading."""

import json
from pathlib import Path
from urllib.parse import unquote

import pytest
from small_report import HOSTILE, NOTHING, make_files

from recexplainer.config.shown import Page
from recexplainer.report.captions import BLOCKS, CAPTIONS
from recexplainer.report.page import write_report

pytest.importorskip("selenium", reason="needs the Python package selenium")

from selenium.webdriver.common.by import By

SETTINGS = Page(title=f"Report {HOSTILE}", synthetic=f"Synthetic: {HOSTILE}", names={"games": "Video games"})
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="700" height="300"><rect width="700" height="300"/></svg>'


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """A report with every table and figure that it has a place for."""
    folder = tmp_path_factory.mktemp("report")
    files = make_files(folder)
    tables, figures = list(files.tables), []
    columns = "dataset,method,metric,cases,value,value_low,value_high,reference,over_control,better_than_words"
    lines = [f"games,m{place},simulatability,9,0.5,0.4,0.6,0.5,0.1,no" for place in range(12)]
    (folder / "faithfulness.csv").write_text("\n".join([columns, *lines]) + "\n")
    tables.append(str(folder / "faithfulness.csv"))
    for block in BLOCKS:
        for name in block.tables:
            if name not in ("table1", "table2", "faithfulness", "words_alone"):
                (folder / f"{name}.csv").write_text("dataset,value\n" + f"games{'x' * 30},0.5\n" * 3)
                tables.append(str(folder / f"{name}.csv"))
        for name in block.figures:
            (folder / f"{name}.svg").write_text(SVG)
            figures.append(str(folder / f"{name}.svg"))
    whole = type(files)(**(vars(files) | {"tables": tables, "figures": figures}))
    write_report(whole, SETTINGS, str(folder / "report.html"))
    return folder / "report.html"


def opened(browser, page: Path, width: int = 1280) -> None:
    browser.get("about:blank")  # the page that the browser starts with asks for much
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    browser.get(page.as_uri())


def addresses(browser) -> set[str]:
    """Return what the browser has asked for since the page was opened, less what the page brings along."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"}
    return {address for address in asked if not address.startswith("data:")}


def test_nothing_is_asked_of_the_network_and_nothing_fails(browser, report):
    opened(browser, report)
    for details in browser.find_elements(By.TAG_NAME, "details"):
        browser.execute_script("arguments[0].open = true", details)
    assert addresses(browser) == {report.as_uri()}
    assert browser.get_log("browser") == []
    assert browser.title == f"Report {HOSTILE}"
    # Had a script run, there would be a dialogue.
    assert browser.execute_script("return document.scripts.length") == 0


def test_the_policy_stops_what_might_slip_through(browser, report, tmp_path):
    page = tmp_path / "slipped.html"
    page.write_text(
        report.read_text().replace(
            "<main>", "<main><script>document.title = 'taken'</script><p id='s' style='color: red'>x"
        )
    )
    opened(browser, page)
    assert browser.title != "taken"
    color = browser.execute_script("return getComputedStyle(document.getElementById('s')).color")
    assert color != "rgb(255, 0, 0)"
    assert len(browser.get_log("browser")) == 2


def test_every_table_and_figure_is_found_by_its_heading(browser, report):
    opened(browser, report)
    for block in BLOCKS:
        assert browser.find_element(By.CSS_SELECTOR, f"#{block.anchor} > h2").text == block.title
        for name in block.tables:
            heading = browser.find_element(By.ID, name)
            assert heading.text == CAPTIONS[name][0]
            assert heading.find_elements(By.XPATH, "following-sibling::div[1]//table"), name
        for name in block.figures:
            heading = browser.find_element(By.ID, name)
            assert heading.text == CAPTIONS[name][0]
            picture = heading.find_element(By.XPATH, "following-sibling::div[1]/img")
            assert browser.execute_script("return arguments[0].naturalWidth", picture) > 0, name
            assert picture.get_attribute("alt").startswith(CAPTIONS[name][0])
    for anchor in ("glance", "paper", "examples", "deviations", "run", "costs"):
        assert browser.find_element(By.CSS_SELECTOR, f"#{anchor} > h2").is_displayed()
    graph = browser.find_element(By.CSS_SELECTOR, "img.graph")
    assert browser.execute_script("return arguments[0].naturalWidth", graph) > 40


def test_the_contents_lead_to_the_sections_and_stay_in_view(browser, report):
    opened(browser, report)
    links = browser.find_elements(By.CSS_SELECTOR, ".side a")
    assert len(links) == len(BLOCKS) + 6
    for link in links:
        link.click()
        target = browser.find_element(By.ID, link.get_attribute("href").rpartition("#")[2])
        top = browser.execute_script("return arguments[0].getBoundingClientRect().top", target)
        assert -1 < top < 800, link.text
        assert link.is_displayed()
        assert 0 < browser.execute_script("return arguments[0].getBoundingClientRect().top", link) < 800
    # The band of a demo stays as well, and covers no heading.
    band = browser.find_element(By.CLASS_NAME, "band")
    assert browser.execute_script("return arguments[0].getBoundingClientRect().top", band) == 0
    links[1].click()
    heading = browser.find_element(By.CSS_SELECTOR, "#paper > h2")
    bottom = browser.execute_script("return arguments[0].getBoundingClientRect().bottom", band)
    assert browser.execute_script("return arguments[0].getBoundingClientRect().top", heading) >= bottom


@pytest.mark.parametrize("width", [360, 800, 1280])
def test_the_page_is_never_wider_than_the_window(browser, report, width):
    opened(browser, report, width)
    for details in browser.find_elements(By.TAG_NAME, "details"):
        browser.execute_script("arguments[0].open = true", details)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    contents = [".side", ".top"] if width > 1000 else [".top", ".side"]
    assert [browser.find_element(By.CSS_SELECTOR, name).is_displayed() for name in contents] == [True, False]


@pytest.mark.parametrize("width", [360, 1280])
def test_the_first_column_stays_and_the_caption_fits(browser, report, width):
    opened(browser, report, width)
    shown = "return [arguments[0].getBoundingClientRect().left, arguments[0].getBoundingClientRect().right]"
    wide = browser.find_element(By.XPATH, "//h3[@id='faithfulness']/following-sibling::div[1]")
    assert browser.execute_script("return arguments[0].scrollWidth > arguments[0].clientWidth", wide)
    browser.execute_script("arguments[0].scrollLeft = 10000", wide)
    left, right = browser.execute_script(shown, wide)
    row = wide.find_element(By.CSS_SELECTOR, "tbody tr:last-child")
    first = browser.execute_script(shown, row.find_element(By.TAG_NAME, "th"))
    last = browser.execute_script(shown, row.find_element(By.CSS_SELECTOR, "td:last-child"))
    assert left - 1 <= first[0] < first[1] < last[0] < last[1] <= right + 1
    for text in wide.find_elements(By.CLASS_NAME, "across"):
        assert left - 1 <= browser.execute_script(shown, text)[0] < browser.execute_script(shown, text)[1] <= right + 1


def test_links_lead_to_files_that_are_there(browser, report):
    opened(browser, report)
    links = [link.get_attribute("href") for link in browser.find_elements(By.CSS_SELECTOR, ".forms a")]
    assert len(links) > len(BLOCKS)
    assert all(Path(unquote(link.removeprefix("file://"))).is_file() for link in links)


def test_dark_and_light_can_both_be_read(browser, report):
    """The verdicts and the text beside them: a contrast of 4.5 or more."""
    script = """
        const number = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
        const light = (rgb) => rgb.map((v) => v / 255)
            .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const seen = document.querySelectorAll(".verdict, .mark, .band, .quiet, .sheet th, .sheet td, .headline, a");
        return [...seen].map((e) => {
            let behind = e;
            while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
            const [a, b] = [getComputedStyle(e).color, getComputedStyle(behind).backgroundColor].map(number).map(light);
            return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.className + e.textContent.slice(0, 20)];
        }).filter(([contrast]) => contrast < 4.5);
    """
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        opened(browser, report)
        assert browser.execute_script(script) == [], scheme
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_every_printed_page_says_that_it_is_synthetic(browser, report):
    opened(browser, report)
    script = (
        "return [...document.styleSheets[0].cssRules].filter((r) => r instanceof CSSPageRule).map((r) => r.cssText)"
    )
    (rule,) = browser.execute_script(script)
    assert "@top-center" in rule and "SYNTHETIC" in rule


def test_print_shows_what_is_folded_and_no_contents(browser, report):
    opened(browser, report)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert not browser.find_element(By.CSS_SELECTOR, ".side").is_displayed()
        assert browser.find_element(By.CLASS_NAME, "band").is_displayed()
        folded = browser.find_element(By.CSS_SELECTOR, "#paper details table")
        assert browser.execute_script("return arguments[0].getBoundingClientRect().height", folded) > 20
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_an_empty_report_is_a_page_too(browser, tmp_path):
    write_report(NOTHING, SETTINGS, str(tmp_path / "report.html"))
    opened(browser, tmp_path / "report.html")
    assert "Not in this report" in browser.find_element(By.ID, "glance").text
    assert [link.text for link in browser.find_elements(By.CSS_SELECTOR, ".side a")] == ["At a glance"]
    assert browser.get_log("browser") == []
