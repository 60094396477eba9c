"""The page of ``recexplainer demo-ui`` in a real Chromium: asked by a user's history and by one of one's own."""

import json
import socket
from urllib.request import Request, urlopen

import pytest
from serving import demo_ui, explain

pytest.importorskip("selenium", reason="needs the Python package selenium")
pytest.importorskip("nicegui", reason="needs the Python package nicegui")

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from recexplainer import about
from recexplainer.checking.checker import Citation
from recexplainer.checking.marked import standing
from recexplainer.interactive.page import marked


@pytest.fixture(scope="module")
def address(whole_run):
    with demo_ui(whole_run.parents[1]) as served:
        yield served


def until(browser, condition):
    """Wait for a true answer; the page may put new elements in the place of those that were just found."""
    return WebDriverWait(browser, 60, ignored_exceptions=[StaleElementReferenceException]).until(condition)


def field(browser, label: str):
    return until(browser, lambda b: b.find_element(By.CSS_SELECTOR, f"input[aria-label='{label}']"))


def take(browser, text: str) -> None:
    """Click on the option with exactly this text."""

    def taken(_):
        found = [one for one in browser.find_elements(By.CSS_SELECTOR, "[role=option]") if one.text == text]
        for one in found[:1]:
            one.click()
        return bool(found)

    until(browser, taken)


def choose(browser, label: str, text: str) -> None:
    """Type into a field and take the option with exactly this text."""
    box = field(browser, label)
    box.click()
    box.send_keys(text)
    take(browser, text)
    until(browser, lambda _: not browser.find_elements(By.CSS_SELECTOR, "[role=option]"))


def history(browser) -> list[str]:
    return [one.text for one in browser.find_elements(By.CSS_SELECTOR, ".asked .title")]


def ask(browser) -> None:
    button = next(one for one in browser.find_elements(By.TAG_NAME, "button") if one.text.upper() == "EXPLAIN")
    button.click()


def body(browser) -> str:
    return browser.find_element(By.TAG_NAME, "body").text


def test_a_users_history_is_explained_by_all_systems(browser, address, explainer):
    browser.get(address)
    user = explainer.users[2]
    choose(browser, "User", user)
    *items, item = explainer.history_of(user)
    until(browser, lambda b: history(b) == [explainer.titles[one] for one in items])
    assert field(browser, "Item").get_attribute("value") == explainer.titles[item]
    ask(browser)
    until(browser, lambda b: len(b.find_elements(By.CSS_SELECTOR, ".text")) == 4)
    verdict = explainer.judge(items, item)
    assert f"score {verdict.score:.3f}, rank {verdict.rank} of {verdict.unseen} unseen items" in body(browser)
    shown = [one.text for one in browser.find_elements(By.CSS_SELECTOR, ".text")]
    answers = [explainer.ask(items, item, system) for system in explainer.systems]
    assert [" ".join(text.split()) for text in shown] == [" ".join(one.text.split()) for one in answers]
    marks = [one.get_attribute("class") for one in browser.find_elements(By.CSS_SELECTOR, ".text mark")]
    assert marks == [standing(citation) for one in answers for citation in one.citations]
    assert [name in body(browser) for name in ("Base LLM", "RecExplainer-B", "RecExplainer-I", "RecExplainer-H")]


def test_on_a_phone_the_answers_come_into_view(browser, address):
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        browser.get(address)
        explain(browser)
        first = browser.find_element(By.CSS_SELECTOR, ".answer")
        assert 0 <= browser.execute_script("return arguments[0].getBoundingClientRect().top", first) < 700
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def press(browser, words: str) -> None:
    """Click on the button with these words."""
    until(browser, lambda b: next(one for one in b.find_elements(By.TAG_NAME, "button") if one.text == words)).click()


def test_it_opens_with_an_example_and_says_what_it_rests_on(browser, address, explainer):
    browser.get(address)
    *items, item = explainer.history_of(explainer.users[0])
    until(browser, lambda b: history(b) == [explainer.titles[one] for one in items])
    assert field(browser, "Item").get_attribute("value") == explainer.titles[item]
    assert browser.title == f"RecExplainer: {explainer.name} (generated data)"
    assert "says nothing of any real recommender" in body(browser)
    known = dict(about.report_settings(explainer.config)["about"])["Base LLM"]
    assert f"Base LLM: {known}." in body(browser)
    facts = [one.text for one in browser.find_elements(By.CSS_SELECTOR, ".asked .facts") if one.text]
    assert facts == [explainer.facts[one] for one in (*items, item)]
    box = field(browser, "Add a title")
    box.click()
    box.send_keys("no such title anywhere")
    until(browser, lambda b: "Nothing found" in body(b))


def test_answers_to_another_question_look_stale_and_the_address_keeps_the_question(browser, address, explainer):
    browser.get(address)
    *items, item = explainer.history_of(explainer.users[0])
    until(browser, lambda b: len(history(b)) == len(items))
    ask(browser)
    until(browser, lambda b: len(b.find_elements(By.CSS_SELECTOR, ".text")) == 4)
    assert body(browser).count(explainer.titles[item]) >= 5  # the recommender's card and four answers

    def stale():
        return bool(browser.find_elements(By.CSS_SELECTOR, ".stale"))

    assert not stale()
    asked = browser.current_url
    other = next(one for one in range(len(explainer.titles)) if one not in (*items, item))
    choose(browser, "Item", explainer.titles[other])
    until(browser, lambda b: stale() and "The question has changed since" in body(b))
    browser.find_element(By.CSS_SELECTOR, "[role=heading]").click()  # out of the field, so that its text is replaced
    choose(browser, "Item", explainer.titles[item])
    until(browser, lambda b: not stale() and "The question has changed since" not in body(b))

    browser.get(asked)
    until(browser, lambda b: history(b) == [explainer.titles[one] for one in items])
    assert field(browser, "Item").get_attribute("value") == explainer.titles[item]
    browser.get(address + "?dataset=none&history=999999,x,3&item=-1&viewpoint=x")
    until(browser, lambda b: history(b) == [explainer.titles[3]])
    assert field(browser, "Item").get_attribute("value") == ""


def test_a_history_of_ones_own_and_a_viewpoint(browser, address, explainer):
    browser.get(address)
    until(browser, history)
    press(browser, "Clear")
    until(browser, lambda b: not history(b))
    first, second, third = explainer.titles[3], explainer.titles[7], explainer.titles[11]
    for title in (first, second, third):
        choose(browser, "Add a title", title)
    until(browser, lambda b: history(b) == [first, second, third])
    browser.find_elements(By.CSS_SELECTOR, "[aria-label=Earlier]")[2].click()
    until(browser, lambda b: history(b) == [first, third, second])
    browser.find_elements(By.CSS_SELECTOR, "[aria-label=Remove]")[0].click()
    until(browser, lambda b: history(b) == [third, second])

    ask(browser)
    until(browser, lambda b: "No item is chosen" in body(b))
    choose(browser, "Item", second)
    ask(browser)
    until(browser, lambda b: f"'{second}' is part of the history" in body(b))

    choose(browser, "Item", explainer.titles[20])
    field(browser, "Point of view").click()
    view = explainer.viewpoints[0]
    take(browser, view)
    ask(browser)
    until(browser, lambda b: len(b.find_elements(By.CSS_SELECTOR, ".text")) == 4)
    expected = explainer.ask([11, 7], 20, explainer.systems[-1], view).text
    assert " ".join(browser.find_elements(By.CSS_SELECTOR, ".text")[-1].text.split()) == " ".join(expected.split())


def test_the_page_fits_a_phone_and_asks_no_other_machine(browser, address):
    for width in (1280, 400):
        browser.set_window_size(width, 900)
        assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"}
    assert any(url.startswith(address) for url in asked)
    assert {
        url for url in asked if not url.startswith((address, "data:", "chrome:", "chrome-untrusted:", "blob:"))
    } == set()
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_the_page_is_for_this_machine_alone(address):
    with urlopen(address) as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "http:" not in policy
    with pytest.raises(OSError, match="400"):
        urlopen(Request(address, headers={"Host": "evil.example"}))
    port = int(address.rsplit(":", 1)[1].strip("/"))
    others = {one[4][0] for one in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for other in others:
        with socket.socket() as probe:
            assert probe.connect_ex((other, port)) != 0 or other.startswith("127.")


def test_texts_are_escaped():
    text = 'A <b>&</b> and <img src=x onerror="alert(1)"> end'
    start = text.index("<img")
    found = marked(text, [Citation(start, text.index(" end"), "x", "nowhere")])
    assert "<img" not in found and "<b>" not in found
    assert found.startswith('A &lt;b&gt;&amp;&lt;/b&gt; and <mark class="nowhere" title="made up">&lt;img src=x')
    assert found.endswith("&quot;&gt;</mark> end")
