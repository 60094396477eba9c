"""The rating page in a real Chromium: read, rate, reload, undo, comment, export, import; by keys and by touch.

No network, no markup, no errors.
"""

import json
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from recexplainer.study.page import load_levels, render_page

pytest.importorskip("selenium", reason="needs the Python package selenium")

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

PROMPTS = Path(__file__).parents[2] / "config/prompts/explanation.yaml"
HOSTILE = [
    "</script><script>document.title = 'taken'</script>",
    "<img src=/picture onerror=\"document.title = 'taken'\">",
    "A \"quoted\" & 'odd' <b>title</b>",
    "<!-- <script> \u2028 \u202eback",
]


def content(cases: int = 3, systems: int = 2, rater: str = "ann", study: str = "s1") -> dict:
    """Return the content of a page, some of it hostile."""
    rows = []
    for i in range(cases):
        texts = [{"id": f"id{i}x{j}", "text": f"Text {j} of case {i}. {HOSTILE[j % 4]}"} for j in range(systems)]
        rows.append(
            {
                "history": [f"History {i} {j} {HOSTILE[j % 4]}" for j in range(5)],
                "title": f"Title {i} {HOSTILE[i % 4]}",
                "facts": {"brand": HOSTILE[0], "description": HOSTILE[1]} if i % 2 == 0 else {},
                "label": i % 2 == 0,
                "texts": texts,
            }
        )
    items = {
        title: f"Tag of {title} · brand" if "History 0" in title else "" for row in rows for title in row["history"]
    }
    named = {"study": study, "rater": rater, "dataset": "games"}
    return named | {"levels": load_levels(PROMPTS), "items": items, "cases": rows}


def long_texts(given: dict) -> dict:
    """Return the content with texts of several screens."""
    for item in given["cases"]:
        for text in item["texts"]:
            text["text"] = text["text"] + " One more sentence." * 80
    return given


class Handler(SimpleHTTPRequestHandler):
    asked: list[str] = []

    def log_message(self, *_):
        self.asked.append(self.path)

    def end_headers(self):
        # Pages change under one address.
        self.send_header("Cache-Control", "no-store")
        super().end_headers()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder served on loopback: (folder, address)."""
    folder = tmp_path_factory.mktemp("site")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Page:
    """What a rater sees and does."""

    def __init__(self, browser, address: str):
        self.browser, self.address = browser, address
        browser.get(address)
        self.begin()

    def begin(self) -> None:
        """Leave the introduction, if it is there."""
        if self.find("guide").is_displayed():
            self.click("guide-close")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.browser.switch_to.active_element.send_keys(key)

    def find(self, name: str):
        return self.browser.find_element(By.ID, name)

    def text(self, name: str) -> str:
        return self.find(name).text

    def click(self, name: str) -> None:
        self.find(name).click()

    def kept(self, what: str = "ratings") -> dict:
        """Return the ratings, or the comments, kept in the browser."""
        value = self.browser.execute_script("return Object.values(localStorage)")
        return json.loads(value[0])[what] if value else {}

    def levels(self) -> list:
        return self.browser.find_elements(By.CSS_SELECTOR, "#levels button")

    def scroll(self, place: str) -> None:
        """Scroll what is between header and footer, as a finger or a wheel does, to an expression of ``main``."""
        self.browser.execute_script(
            "const main = document.getElementById('main'); main.scrollTop = " + place + ";"
            "return new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
        )

    def asks_before_leaving(self) -> bool:
        """Return whether the browser would ask the rater to stay."""
        return self.browser.execute_script(
            "const event = new Event('beforeunload', {cancelable: true});"
            "dispatchEvent(event); return event.defaultPrevented"
        )

    def export(self) -> dict:
        for path in self.browser.downloads.iterdir():
            path.unlink()
        self.click("export")
        end = time.monotonic() + 20
        while time.monotonic() < end:
            files = list(self.browser.downloads.glob("*.json"))
            # The browser makes an empty file first.
            if files and files[0].read_text().endswith("}\n"):
                self.exported = files[0]
                return json.loads(files[0].read_text())
            time.sleep(0.05)
        raise AssertionError("no download")

    def give(self, folder: Path, value) -> str:
        """Import a file; return the banner's text, "" when there is none."""
        path = folder / "given.json"
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        self.browser.execute_script("document.getElementById('status').textContent = ''")
        self.find("file").send_keys(str(path))
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if self.find("banner").is_displayed():
                message = self.text("banner-text")
                self.click("dismiss")
                return message
            if self.text("status").startswith("Imported"):
                return ""
            time.sleep(0.05)
        raise AssertionError("neither imported nor refused")


@pytest.fixture
def open_page(site, browser):
    """Open a page of the given content, with an empty store; afterwards: no console error, no request but the page."""
    folder, address = site
    (folder / "empty.html").write_text('<!doctype html><link rel="icon" href="data:,">')
    browser.get(address + "/empty.html")
    browser.execute_script("localStorage.clear()")
    browser.get_log("browser"), browser.get_log("performance")
    Handler.asked.clear()
    opened = []

    def open_content(page: dict) -> Page:
        (folder / "page.html").write_text(render_page(page), encoding="utf-8")
        opened.append(Page(browser, address + "/page.html"))
        return opened[-1]

    yield open_content
    said = [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    # The browser leaves out the reminder where a script, and no person, has changed something.
    assert [entry for entry in said if "Blocked attempt to show a 'beforeunload'" not in entry["message"]] == []
    assert set(Handler.asked) == {"/page.html"}
    sent = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = {event["params"]["request"]["url"] for event in sent if event["method"] == "Network.requestWillBeSent"}
    assert {url for url in urls if not url.startswith(("data:", "blob:"))} == {opened[0].address}
    assert browser.title.startswith("Explanations to rate")


def test_rating_by_keys_survives_a_reload(open_page):
    page = open_page(content())
    assert page.text("count") == "0 of 6 rated"
    assert page.text("text").startswith("Text 0 of case 0.")
    page.press("3", "1")
    assert page.text("text").startswith("Text 0 of case 1.")
    assert page.text("case-heading") == "Case 2 of 3"
    page.browser.refresh()
    assert page.text("count") == "2 of 6 rated"
    assert page.text("text").startswith("Text 0 of case 1.")
    page.press("4")
    assert page.kept() == {"id0x0": 3, "id0x1": 1, "id1x0": 4}
    assert "Rated 4" in page.text("status")


def test_moving_changes_no_rating_and_shows_the_one_given(open_page):
    page = open_page(content())
    page.press("2", Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert page.kept() == {"id0x0": 2}
    pressed = page.browser.find_elements(By.CSS_SELECTOR, "[aria-pressed=true]")
    assert [button.get_attribute("data-level") for button in pressed] == ["2"]
    assert not page.find("back").is_enabled()
    page.press(Keys.ARROW_LEFT)
    assert page.text("case-heading") == "Case 1 of 3"
    page.press("4")
    assert page.kept() == {"id0x0": 4}
    page.press("n")
    assert page.text("text").startswith("Text 0 of case 1.")


def test_undo_goes_back_step_by_step_even_after_a_reload(open_page):
    page = open_page(content())
    page.press("1", "2", Keys.ARROW_LEFT, "3")
    assert page.kept() == {"id0x0": 1, "id0x1": 3}
    page.browser.refresh()
    page.press("u")
    assert page.kept() == {"id0x0": 1, "id0x1": 2}
    assert page.text("text").startswith("Text 1 of case 0.")
    page.press("u", "u", "u", "U")
    assert page.kept() == {}
    assert page.text("text").startswith("Text 0 of case 0.")
    assert not page.find("undo").is_enabled()


def test_keys_with_modifiers_and_keys_held_down_do_not_rate(open_page):
    page = open_page(content())
    page.press(Keys.CONTROL + "1", Keys.ALT + "2", "5", "0", "x")
    page.browser.execute_script(
        "document.dispatchEvent(new KeyboardEvent('keydown', {key: '2', repeat: true, bubbles: true}))"
    )
    assert page.kept() == {}
    assert page.text("count") == "0 of 6 rated"
    page.browser.execute_script(
        "document.dispatchEvent(new KeyboardEvent('keydown', {key: '&', code: 'Digit1', bubbles: true}))"
    )
    assert page.kept() == {"id0x0": 1}


def test_buttons_do_what_keys_do_and_the_last_screen_tells_what_is_left(open_page):
    page = open_page(content(cases=1, systems=3))
    level = page.levels()
    level[3].click()
    page.click("forward")
    level[0].click()
    assert page.text("end-heading") == "1 text has no rating yet"
    assert not page.find("levels").is_displayed()
    assert page.browser.switch_to.active_element.get_attribute("id") == "end-heading"
    page.click("end-next")
    assert page.text("text").startswith("Text 1 of case 0.")
    page.press("2")
    page.press("n")
    assert page.text("end-heading") == "All rated, thank you"
    assert not page.find("end-next").is_displayed()
    assert page.export()["ratings"] == {"id0x0": 4, "id0x1": 2, "id0x2": 1}
    page.click("end-back")
    assert page.text("text").startswith("Text 2 of case 0.")
    page.press(Keys.ARROW_RIGHT, "u")
    assert page.kept() == {"id0x0": 4, "id0x2": 1}


def test_an_export_comes_back_in_by_import(open_page, tmp_path):
    page = open_page(content())
    page.press("3", "1", "4")
    exported = page.export()
    assert exported == {
        "study": "s1",
        "rater": "ann",
        "simulated": False,
        "ratings": {"id0x0": 3, "id0x1": 1, "id1x0": 4},
        "comments": {},
    }
    # The name under which the workflow looks for it.
    assert page.exported.name == "ann.json"
    page.browser.execute_script("localStorage.clear()")
    page.browser.refresh()
    page.begin()
    page.press("2")
    assert page.give(tmp_path, exported) == ""
    assert page.kept() == exported["ratings"]
    assert page.text("text").startswith("Text 1 of case 1.")
    page.press("u")
    assert page.kept() == {"id0x0": 2}


def test_a_file_that_does_not_fit_changes_nothing_and_is_named(open_page, tmp_path):
    page = open_page(content())
    page.press("2")
    good = {"study": "s1", "rater": "ann", "simulated": False, "ratings": {"id0x0": 1}}
    for bad, named in [
        ("not json", "it is not JSON"),
        ([], "not an export"),
        (None, "not an export"),
        (good | {"study": "s2"}, "belongs to the study s2"),
        (good | {"rater": "bob"}, "its rater is bob"),
        (good | {"simulated": True}, "not made by a person"),
        (good | {"ratings": [1]}, "no ratings"),
        (good | {"ratings": {"id0x0": 1, "nope": 2}}, "it rates nope"),
        (good | {"comments": ["id0x0"]}, "its comments cannot be read"),
        (good | {"comments": {"nope": "?"}}, "a comment on nope"),
        (good | {"comments": {"id0x0": 3}}, "its comment on id0x0"),
        (good | {"comments": {"id0x0": "x" * 1001}}, "its comment on id0x0"),
        (good | {"ratings": {"id0x0": 5}}, "its rating of id0x0 is 5"),
        (good | {"ratings": {"id0x0": "1"}}, 'its rating of id0x0 is "1"'),
        ('{"study": "s1", "rater": "ann", "simulated": false, "ratings": {"__proto__": 1}}', "it rates __proto__"),
    ]:
        message = page.give(tmp_path, bad)
        assert "was not imported" in message
        assert named in message
        assert page.kept() == {"id0x0": 2}
    # A file from before there were comments.
    assert page.give(tmp_path, good) == ""
    assert page.kept() == {"id0x0": 1}


def test_markup_stays_text(open_page):
    given = content(cases=4, systems=4)
    page = open_page(given)
    for item in given["cases"]:
        shown = [
            [part.get_attribute("textContent") for part in entry.find_elements(By.TAG_NAME, "span")]
            for entry in page.browser.find_elements(By.CSS_SELECTOR, "ol#history li")
        ]
        lines = [given["items"][title] for title in item["history"]]
        assert shown == [[title, line] if line else [title] for title, line in zip(item["history"], lines, strict=True)]
        assert page.find("title").get_attribute("textContent") == item["title"]
        assert page.find("description").get_attribute("textContent") == item["facts"].get("description", "")
        for text in item["texts"]:
            assert page.find("text").get_attribute("textContent") == text["text"]
            assert (
                page.browser.execute_script(
                    "return document.querySelectorAll('#rating img, #rating b, #rating script').length"
                )
                == 0
            )
            page.press("1")


def test_the_recommenders_decision_is_shown(open_page):
    page = open_page(content())
    assert "recommends this item" in page.text("decision")
    page.press("1", "1")
    assert "does not recommend this item" in page.text("decision")


def test_ratings_of_other_raters_and_studies_are_kept_apart(open_page):
    page = open_page(content())
    page.press("1")
    assert open_page(content(rater="bob")).text("count") == "0 of 6 rated"
    assert open_page(content(study="s2")).text("count") == "0 of 6 rated"
    assert open_page(content()).text("count") == "1 of 6 rated"


def test_two_tabs_do_not_overwrite_each_other(open_page):
    page = open_page(content())
    first = page.browser.current_window_handle
    page.browser.switch_to.new_window("tab")
    second = Page(page.browser, page.address)
    second.press("1", "2")
    # A tab with something to export does not close without asking.
    second.export()
    page.browser.close()
    page.browser.switch_to.window(first)
    end = time.monotonic() + 10
    while page.text("count") != "2 of 6 rated" and time.monotonic() < end:
        time.sleep(0.05)
    page.press("3")
    assert page.kept() == {"id0x0": 1, "id0x1": 2, "id1x0": 3}


@pytest.mark.parametrize("kept", ["{broken", "null", "7", '{"ratings": {"id0x0": 9, "zz": 1}, "position": 99}'])
def test_a_damaged_store_does_not_stop_the_page(open_page, kept):
    page = open_page(content())
    page.press("1")
    page.browser.execute_script("for (const key of Object.keys(localStorage)) localStorage[key] = arguments[0]", kept)
    page.browser.refresh()
    page.begin()
    assert page.text("count") == "0 of 6 rated"
    page.press("2")
    assert page.kept() == {"id0x0": 2}


def test_a_browser_that_keeps_nothing_says_so(open_page):
    page = open_page(content())
    page.browser.execute_script("Storage.prototype.setItem = () => { throw new Error('full'); }")
    page.press("1")
    assert "does not keep your ratings" in page.text("banner-text")
    assert page.text("count") == "1 of 6 rated"


def test_six_hundred_texts_are_one_at_a_time_in_the_page(open_page):
    page = open_page(content(cases=120, systems=5))
    few = page.browser.execute_script("return document.querySelectorAll('*').length")
    assert few < 180
    for _ in range(30):
        page.press("1", "2", "3", "4")
    assert page.text("count") == "120 of 600 rated"
    assert page.browser.execute_script("return document.querySelectorAll('*').length") <= few + 5
    page.browser.execute_script(
        "for (let i = 0; i < 480; i++)"
        " document.dispatchEvent(new KeyboardEvent('keydown', {key: String(1 + i % 4), bubbles: true}))"
    )
    assert page.text("end-heading") == "All rated, thank you"
    assert len(page.export()["ratings"]) == 600


@pytest.fixture
def resize(browser):
    """A function that gives the browser another screen; afterwards it has its own again."""

    def set_size(width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    yield set_size
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


PHONES = [(393, 727), (320, 640)]


@pytest.fixture
def phone(browser, resize):
    """A function that makes the browser one of a phone; afterwards it has a mouse again."""

    def become(width: int, height: int) -> None:
        resize(width, height)
        browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})

    yield become
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def tap(page: Page, element) -> None:
    """Touch the middle of an element, wherever that is, as a finger does."""
    box = page.browser.execute_script("return arguments[0].getBoundingClientRect().toJSON()", element)
    point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    send = page.browser.execute_cdp_cmd
    send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def swipe(page: Page) -> None:
    """Move the text up with a finger."""

    def send(kind: str, *points: dict) -> None:
        page.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    send("touchStart", {"x": 150, "y": 360})
    for y in range(320, 120, -40):
        send("touchMove", {"x": 150, "y": y})
    send("touchEnd")


def rest(page: Page) -> None:
    """Wait until the text lies still: a finger that comes down while it still glides only stops it."""
    place = "return document.getElementById('main').scrollTop + scrollY"
    before = None
    while before != (now := page.browser.execute_script(place)):
        before = now
        time.sleep(0.5)


def wait(condition) -> None:
    WebDriverWait(None, 20).until(lambda _: condition())


@pytest.mark.parametrize("width, height", PHONES)
def test_on_a_phone_each_text_comes_first_and_nothing_lies_under_the_footer(open_page, phone, width, height):
    phone(width, height)
    page = open_page(content(cases=60, systems=1))
    measured = page.browser.execute_script(
        """
        const box = (id) => document.getElementById(id).getBoundingClientRect();
        const result = [];
        for (let i = 0; i < 60; i++) {
          const [text, main, footer] = ["text", "main", "footer"].map(box);
          const shown = { top: Math.max(text.top, main.top), bottom: Math.min(text.bottom, main.bottom) };
          const whose = (y) => document.elementFromPoint(text.left + 5, y).id;
          result.push({
            lines: (shown.bottom - shown.top) / 29,
            ends: [whose(shown.top + 3), whose(shown.bottom - 3)],
            apart: footer.top - main.bottom,
            folded: !document.getElementById("history-box").open,
            after: text.top < box("history-box").top,
            scrolled: document.getElementById("main").scrollTop + scrollY,
          });
          document.getElementById("forward").click();
        }
        return result;
        """
    )
    assert len(measured) == 60
    for case in measured:
        assert case["lines"] >= 2
        assert case["ends"] == ["text", "text"]
        assert case["apart"] >= 0
        assert case["folded"]
        assert case["after"]
        assert case["scrolled"] == 0


@pytest.mark.parametrize("width, height", PHONES)
def test_a_finger_rates_and_leaves_no_mark_on_the_next_text(open_page, phone, width, height):
    phone(width, height)
    page = open_page(content())
    assert page.browser.execute_script("return matchMedia('(hover: none)').matches")
    for count, level in enumerate((2, 1, 4), 1):
        tap(page, page.levels()[level - 1])
        wait(lambda count=count: page.text("count") == f"{count} of 6 rated")
        looks = page.browser.execute_script(
            "return arguments[0].map((button) => { const look = getComputedStyle(button);"
            " return [look.borderColor, look.backgroundColor, look.boxShadow, look.outlineStyle, look.color].join() })",
            page.levels(),
        )
        assert len(set(looks)) == 1
    assert page.kept() == {"id0x0": 2, "id0x1": 1, "id1x0": 4}
    # What was given shows when one comes back.
    tap(page, page.find("back"))
    wait(lambda: page.levels()[3].get_attribute("aria-pressed") == "true")


@pytest.mark.parametrize("width, height", PHONES)
def test_a_finger_rates_only_once_the_end_of_the_text_was_in_view(open_page, phone, width, height):
    phone(width, height)
    page = open_page(long_texts(content()))
    button = page.levels()[2]
    assert button.get_attribute("aria-disabled") == "true"
    assert button.get_attribute("aria-describedby") == "prompt"
    assert "Read the text to its end" in page.text("prompt")
    tap(page, button)
    wait(lambda: "Not rated" in page.text("status"))
    assert page.kept() == {}
    for _ in range(40):
        if button.get_attribute("aria-disabled") == "false":
            break
        swipe(page)
    assert "How well" in page.text("prompt")
    main, text = page.find("main").rect, page.find("text")
    bottom = page.browser.execute_script("return arguments[0].getBoundingClientRect().bottom", text)
    assert bottom <= main["y"] + main["height"] + 1  # a finger may let it glide past
    # It stays open when the rater looks back at the beginning.
    rest(page)
    page.scroll("0")
    rest(page)
    tap(page, button)
    wait(lambda: page.kept() == {"id0x0": 3})
    assert page.levels()[2].get_attribute("aria-disabled") == "true"
    assert page.browser.execute_script("return document.getElementById('main').scrollTop") == 0
    # A text that has a rating was read.
    page.click("back")
    assert page.levels()[2].get_attribute("aria-disabled") == "false"


def test_keys_scroll_to_the_end_before_they_rate(open_page):
    page = open_page(long_texts(content()))

    def top() -> float:
        return page.browser.execute_script("return document.getElementById('main').scrollTop")

    def key(name: str) -> None:
        ActionChains(page.browser).send_keys(name).perform()

    key("3")
    wait(lambda: "Not rated" in page.text("status"))
    wait(lambda: top() > 0)
    rest(page)
    assert page.kept() == {}
    first = top()
    # On a button below the text, too.
    page.browser.execute_script("document.getElementById('forward').focus()")
    key(Keys.PAGE_DOWN)
    wait(lambda: top() > first)
    for _ in range(40):
        rest(page)
        if page.kept():
            break
        key("3")
    assert page.kept() == {"id0x0": 3}
    assert page.text("text").startswith("Text 1 of case 0.")
    wait(lambda: top() == 0)
    assert page.browser.switch_to.active_element.get_attribute("id") == "text-heading"


def test_a_skipped_text_waits_at_the_end(open_page):
    page = open_page(content(cases=1, systems=2))
    assert page.find("forward").accessible_name.strip() == "Skip"
    page.click("forward")
    assert page.text("status").startswith("Skipped.")
    page.press("2", Keys.ARROW_LEFT)
    assert page.find("forward").accessible_name.strip() == "Next"
    page.click("forward")
    assert page.text("status") == "End of the list."
    assert page.text("end-heading") == "1 text has no rating yet"
    assert page.export()["ratings"] == {"id0x1": 2}
    page.click("end-next")
    assert page.text("text").startswith("Text 0 of case 0.")


def test_the_introduction_comes_first_with_two_examples_and_the_time(open_page):
    page = open_page(content())
    page.browser.execute_script("localStorage.clear()")
    page.browser.refresh()
    assert page.text("guide-heading")
    assert not page.find("footer").is_displayed()
    ActionChains(page.browser).send_keys("1", "n", Keys.ARROW_RIGHT, "c").perform()
    assert page.find("guide").is_displayed()
    assert page.kept() == {}
    told = page.text("guide")
    assert "6 texts on 3 cases take about 5 minutes" in told
    assert "ann.json" in told
    examples = page.browser.find_elements(By.CSS_SELECTOR, "#guide article")
    assert ["Level 4" in examples[0].text, "Level 2" in examples[1].text] == [True, True]
    for level in content()["levels"]:
        assert level["text"] in told
    page.click("guide-close")
    assert page.text("text").startswith("Text 0 of case 0.")
    page.press(Keys.ARROW_RIGHT)
    page.browser.refresh()
    assert not page.find("guide").is_displayed()
    page.click("guide-open")
    assert page.browser.switch_to.active_element.get_attribute("id") == "guide-heading"
    page.click("guide-close")
    assert page.text("text").startswith("Text 1 of case 0.")


def test_a_comment_is_kept_exported_and_stays_text(open_page, tmp_path):
    page = open_page(content())
    page.press("c")
    box = page.find("comment")
    assert page.browser.switch_to.active_element == box
    said = "1 of 2: </textarea><script>document.title = 'taken'</script> & \"n\""
    box.send_keys(said)
    assert page.kept() == {}
    box.send_keys(Keys.ESCAPE)
    assert page.kept("comments") == {"id0x0": said}
    page.press("4", "c")
    assert box.get_attribute("value") == ""
    page.browser.execute_script("arguments[0].value = 'x'.repeat(999)", box)
    box.send_keys("yz")
    page.browser.refresh()
    assert page.find("comment").is_displayed()
    assert page.find("comment").get_attribute("value") == "x" * 999 + "y"
    page.browser.execute_script("document.getElementById('comment').focus()")
    page.find("comment").send_keys(Keys.CONTROL + "a", Keys.BACKSPACE, "  ", Keys.ESCAPE)
    exported = page.export()
    assert exported["comments"] == {"id0x0": said}
    assert exported["ratings"] == {"id0x0": 4}
    assert page.give(tmp_path, exported | {"comments": {"id0x0": "another", "id1x0": "<b>"}}) == ""
    assert page.export()["comments"] == {"id0x0": "another", "id1x0": "<b>"}
    page.press("u")
    assert page.export()["comments"] == {"id0x0": said}


def test_what_is_not_exported_is_not_forgotten(open_page):
    page = open_page(content(cases=1, systems=2))
    assert not page.asks_before_leaving()
    page.press("1")
    assert page.asks_before_leaving()
    assert page.find("unsent").is_displayed()
    assert "changes to export" in page.find("export").accessible_name
    page.browser.refresh()
    assert page.asks_before_leaving()
    page.press("2")
    assert "Not exported yet" in page.text("end-file")
    page.export()
    assert "ann.json that you exported last" in page.text("end-file")
    assert not page.find("unsent").is_displayed()
    page.browser.refresh()
    assert not page.asks_before_leaving()
    page.press(Keys.ARROW_LEFT, "c")
    page.find("comment").send_keys("x")
    assert page.asks_before_leaving()
    page.export()
    page.press(Keys.ESCAPE, "u")
    assert page.asks_before_leaving()


@pytest.mark.parametrize("width, height", [(1280, 800), (390, 844), (320, 640)])
def test_everything_fits_the_screen_and_has_a_name(open_page, resize, width, height):
    resize(width, height)
    page = open_page(content())
    assert page.browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert page.browser.execute_script("return innerWidth") == width
    buttons = [button for button in page.browser.find_elements(By.TAG_NAME, "button") if button.is_displayed()]
    assert len(buttons) >= 9
    for button in buttons:
        box = button.rect
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["height"] >= 32
        assert button.accessible_name.strip()
    bottoms = page.browser.execute_script(
        "return arguments[0].map((b) => b.getBoundingClientRect().bottom)", page.levels()
    )
    assert all(0 < bottom <= height for bottom in bottoms)


def test_the_file_works_without_a_server(browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(render_page(content()), encoding="utf-8")
    browser.get_log("browser")
    page = Page(browser, path.as_uri())
    page.press("1", "2")
    # A key is heard a moment after the driver has sent it, and what the page keeps is stored a moment later.
    WebDriverWait(browser, 20).until(lambda _: page.text("count") == "2 of 6 rated")
    time.sleep(1)
    browser.refresh()
    assert page.text("count") == "2 of 6 rated"
    assert page.export()["ratings"] == {"id0x0": 1, "id0x1": 2}
    assert browser.get_log("browser") == []
