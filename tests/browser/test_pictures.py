"""The docs show every page of a run in four pictures, and what a run prints."""

import re

import pytest
from clone import ROOT
from pictures import END, FIRST, LAST, MOST_BYTES, PAGES, SCREENS, START, excerpt, names, take_all, write_excerpt
from PIL import Image

ALL = [name for page in PAGES for name in names(page)]


def test_the_docs_show_every_page_in_four_pictures_that_are_there():
    folder, page = ROOT / "docs/pictures", (ROOT / "docs/screens.md").read_text(encoding="utf-8")
    assert len(ALL) == 4 * len(PAGES)
    shown = re.findall(r"!\[([^\]]+)\]\(pictures/([^)]+)\)", page)
    assert sorted(name for _, name in shown) == sorted(ALL) == sorted(path.name for path in folder.iterdir())
    for words, name in shown:
        width, scheme = re.search(r"_(\d+)_(\w+)\.", name).groups()
        assert words.endswith(f", on a {'desk' if width == '1440' else 'phone'}, {scheme}"), name
        with Image.open(folder / name) as picture:
            assert picture.size == (int(width), SCREENS[int(width)]), name
    assert sum(path.stat().st_size for path in folder.iterdir()) < MOST_BYTES


def test_the_docs_show_the_first_and_last_lines_of_a_run():
    page = (ROOT / "docs/screens.md").read_text(encoding="utf-8")
    shown = page[page.index(START) : page.index(END)]
    lines = re.search("```text\n(.*?)\n```", shown, re.DOTALL).group(1).split("\n")
    assert len(lines) == FIRST + 1 + LAST
    assert re.fullmatch(r"\[\d+ lines are left out here\]", lines[FIRST])
    assert "Done. Demo run: " in "\n".join(lines[-LAST:])


def test_lines_are_shown_without_colours_and_without_what_was_overwritten(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    log = "\x1b[32mgreen\x1b[0m \n 5 %\r 10 %\r100 %\nhalf\r\n"
    write_excerpt(page, log, "make it")
    text = page.read_text()
    assert text.startswith(f"before\n{START}\n") and text.endswith(f"{END}\nafter\n")
    assert "```text\ngreen\n100 %\nhalf\n```" in text and "`make it`" in text and "old" not in text
    lines = excerpt("\n".join(map(str, range(100))), "x").split("```")[1].split("\n")[1:-1]
    assert lines == [*map(str, range(FIRST)), "[35 lines are left out here]", *map(str, range(75, 100))]


def test_all_pictures_are_taken_and_old_ones_go(browser, whole_run, tmp_path, monkeypatch):
    pytest.importorskip("nicegui", reason="needs the Python package nicegui")
    monkeypatch.chdir(whole_run.parents[1])
    (tmp_path / "old_1440_light.webp").touch()
    take_all(browser, whole_run.relative_to(whole_run.parents[1]), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(ALL)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < MOST_BYTES
    for page in PAGES:
        assert len({(tmp_path / name).read_bytes() for name in names(page)}) == 4, page
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
