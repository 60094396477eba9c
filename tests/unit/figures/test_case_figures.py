"""The case figures: what is marked, which case is shown, and that text stays text, in the page and in the image."""

import hashlib
import re
import xml.etree.ElementTree as ElementTree
from base64 import b64encode
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import matplotlib
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from recexplainer import style
from recexplainer.checking.checker import Citation
from recexplainer.checking.marked import Run, decision_span, mark, remarks
from recexplainer.config.explanation import Selected
from recexplainer.errors import InputError
from recexplainer.explanation.cases import CASES, load_cases, read_selected
from recexplainer.explanation.texts import explanation, write_explanations
from recexplainer.figures import case_image
from recexplainer.figures.figure4 import figure4
from recexplainer.figures.figure5 import figure5
from recexplainer.figures.select import ASKED, agrees, load_answers, most_telling, select_case
from recexplainer.files import write_parquet
from recexplainer.judgement.judgements import write_judgements

EVIL = 'Tom & "Jerry" </script><script>alert(1)</script> $5 or $6'
HISTORY = ["Kestrix Legends", "Pyrolan Origins", EVIL]
TARGET = "Saldrin Legacy <b>Gold</b>"
SYSTEMS = ["base", "chatgpt", "hybrid-full"]
BOTH = {"item": True, "patterns": True, "consistency": True}


def cite(text, title, kind):
    start = text.index(title)
    return Citation(start, start + len(title), title, kind)


# --- marks ---


def test_each_kind_of_title_has_its_mark_and_nothing_else_has_one():
    text = "Kestrix Legends, Saldrin Legacy, Halo 3 and 'Gears of Duty'."
    kinds = dict(zip(["Kestrix Legends", "Saldrin Legacy", "Halo 3", "Gears of Duty"], "htcn", strict=True))
    names = {"h": "history", "t": "target", "c": "catalogue", "n": "nowhere"}
    runs = mark(text, [cite(text, title, names[kind]) for title, kind in kinds.items()])
    assert runs == [
        Run("Kestrix Legends", "named"),
        Run(", ", "plain"),
        Run("Saldrin Legacy", "item"),
        Run(", ", "plain"),
        Run("Halo 3", "wrong"),
        Run(" and '", "plain"),
        Run("Gears of Duty", "wrong"),
        Run("'.", "plain"),
    ]


def test_a_title_inside_a_wrong_decision_keeps_its_own_mark():
    text = "Yes, offer Saldrin Legacy now. It fits."
    span = decision_span(text, True, False, lambda sentence: True if "Yes" in sentence else None)
    assert text[slice(*span[:2])] == "Yes, offer Saldrin Legacy now." and span[2] == "wrong"
    assert mark(text, [cite(text, "Saldrin Legacy", "target")], span) == [
        Run("Yes, offer", "wrong"),
        Run(" ", "plain"),
        Run("Saldrin Legacy", "item"),
        Run(" ", "plain"),
        Run("now.", "wrong"),
        Run(" It fits.", "plain"),
    ]


def test_the_deciding_sentence_is_the_first_that_says_what_the_whole_says():
    text = "The history is long (v2.5).\nPerhaps not? No, do not offer it.\nNo, really."
    read = lambda sentence: False if "No," in sentence else None  # noqa: E731
    start, end, value = decision_span(text, False, True, read)
    assert (text[start:end], value) == ("No, do not offer it.", "right")
    assert decision_span(text, None, False, read) is None
    assert decision_span(text, True, True, read) is None
    assert decision_span("", False, True, read) is None


@settings(derandomize=True, max_examples=200, deadline=None)
@given(
    st.text(alphabet="ab \n.é<", max_size=40),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.sampled_from(["history", "nowhere"])), max_size=5),
)
def test_runs_are_the_text_cut_where_the_mark_changes(text, spans):
    runs = mark(text, [Citation(min(a, b), max(a, b), "", kind) for a, b, kind in spans])
    assert "".join(run.text for run in runs) == text
    assert all(run.text for run in runs)
    assert all(a.mark != b.mark for a, b in pairwise(runs))
    assert not any(run.text != run.text.strip() for run in runs if run.mark != "plain")


def test_remarks_count_titles_once_and_errors_come_first():
    found = [Citation(0, 1, "Halo", "nowhere"), Citation(2, 3, "HALO", "nowhere"), Citation(4, 5, "A", "history")]
    assert remarks(True, True, found[2:], BOTH, "stop") == [
        "Passes these checks.",
        "Cites 1 item of the history.",
    ]
    said = remarks(True, False, found, {"item": True, "patterns": False, "consistency": True}, "length")
    assert said[0] == "Decides against the recommender."
    assert said[1] == "Cites 1 title that no item has."
    assert (
        "The checks find no pattern in the history that the metadata bears out." in said
        and "Cut off at the token limit." in said
    )
    assert remarks(None, False, [], BOTH, "stop") == ["No decision can be read."]
    assert remarks(None, False, [], BOTH, "refused") == ["The service declined to answer."]


def test_a_title_is_marked_by_what_it_is_said_to_be():
    stands = {
        ("history", "history", ""): "right",
        ("history", "named", ""): "named",
        ("target", "target", ""): "item",
        ("target", "named", ""): "item",
        ("target", "history", "role"): "wrong",
        ("history", "target", "role"): "wrong",
        ("history", "history", "fact"): "wrong",
        ("catalogue", "named", ""): "wrong",
    }
    for (kind, role, error), value in stands.items():
        assert mark("Halo", [Citation(0, 4, "Halo", kind, role, error)]) == [Run("Halo", value)]
    wrong = [
        Citation(0, 1, "A", "target", "history", "role"),
        Citation(2, 3, "B", "history", "named", "fact", "puzzle"),
    ]
    found = remarks(True, True, wrong, BOTH | {"patterns": None}, "stop")
    assert found[:2] == ["Says of 1 item to be where it is not.", "Says of 1 item what the metadata refutes."]
    assert found[2] == "The metadata cannot tell of a pattern in this history."


# --- lines ---


@settings(derandomize=True, max_examples=100, deadline=None)
@given(
    st.lists(
        st.builds(Run, st.text(alphabet="aWi .\n", min_size=1, max_size=60), st.sampled_from(["plain", "right"])),
        max_size=6,
    ),
    st.floats(30, 200),
)
def test_lines_hold_every_word_in_order_and_are_not_too_wide(runs, width):
    lines = case_image.wrap(runs, width, 8.0)
    text = "".join(run.text for run in runs)
    marks = [(letter, run.mark) for run in runs for letter in run.text if letter not in " \n"]
    assert [(c, run.mark) for line in lines for run in line for c in run.text if c != " "] == marks
    shown = ["".join(run.text for run in line) for line in lines]
    assert all(line == line.strip() for line in shown)
    for line in lines:
        assert sum(case_image.text_width(run.text, 8.0, run.mark == "right") for run in line) <= width + 0.5
    if all(case_image.text_width(word, 8.0, True) < width for word in text.split()):
        assert " ".join(shown).split() == text.split()


def test_lines_are_filled_and_blank_lines_are_kept_once():
    lines = case_image.wrap([Run("one two three\n\n\n\nfour", "plain")], 1000, 8.0)
    assert lines == [[Run("one two three", "plain")], [], [Run("four", "plain")]]
    long = case_image.wrap([Run("word " * 200, "plain")], 200, 8.0)
    width = [case_image.text_width(line[0].text, 8.0) for line in long[:-1]]
    assert min(width) > 200 - case_image.text_width(" word", 8.0) - 1


@pytest.mark.parametrize("bold", [False, True])
def test_the_measured_width_is_that_of_the_drawn_letters(bold):
    """Letters of a line that is drawn in pieces neither overlap nor leave gaps."""
    with style.figure_style():
        figure = Figure(figsize=(9, 1))
        weight = "bold" if bold else "normal"
        drawn = figure.text(0, 0.5, "HWhere Saldrin Legacy, Gold stands: 2.5 ToH", size=8.5, weight=weight)
        renderer = FigureCanvasAgg(figure).get_renderer()
        pixels = drawn.get_window_extent(renderer).width
    pieces = ["HWhere Saldrin ", "Legacy", ", Gold stands: ", "2.5 ToH"]
    total = sum(case_image.text_width(piece, 8.5, bold) for piece in pieces)
    assert total == pytest.approx(pixels * 72 / 100, abs=3)


def test_what_the_font_cannot_draw_is_replaced():
    assert case_image.drawable("a\tb\u00a0c\r\nd") == "a b c \nd"
    assert case_image.drawable("日 \x00 \x08 \x1b é ✓") == "\ufffd \ufffd \ufffd \ufffd é ✓"


# --- files for the figures ---


@pytest.fixture
def files(tmp_path):
    """Three cases, three systems; the first case tells the most. Written as their stages write them."""
    titles = [*HISTORY, TARGET, "Halo 3"]
    texts = dict.fromkeys(("description", "tags", "brand", "feature"), "Racing")
    items = pd.DataFrame([{"item": place, "title": title} | texts for place, title in enumerate(titles)])
    write_parquet(tmp_path / "items.parquet", items)
    common = {"user": 1, "prefix": 2, "item": 3, "score": 0.5, "history": HISTORY, "title": TARGET, "description": ""}
    common |= {"tags": "Racing, <i>PC</i>", "brand": "", "feature": " ".join(f"word{i}" for i in range(100))}
    cases = [
        {"case": f"{place:04}", "label": label, "percentile": percentile} | common
        for place, (label, percentile) in enumerate([(True, 0.91), (False, 0.04), (True, 0.8)])
    ]
    write_cases(tmp_path, cases)
    answers = {
        "base": (" \n", "failed"),
        "chatgpt": (f"No, the user will not like it. They own 'Gears of {EVIL[:5]}'.", "stop"),
        "hybrid-full": (f"Yes, the user will like {TARGET}, as they chose {EVIL}.\nBoth race.", "stop"),
    }
    for system, (text, finish) in answers.items():
        write_explanations(tmp_path / f"{system}.parquet", [explanation(case, "", text, finish) for case in cases])
    judge(tmp_path, {"base": [1, 1, 1], "chatgpt": [1, 4, 1], "hybrid-full": [4, 4, 4]})
    seen = [(1, "platform", "Not of this case."), (0, "platform", f"Yes. {EVIL} is for PC."), (0, "<genre>", "No.")]
    rows = [explanation(cases[place], "", text, "stop") | {"viewpoint": name} for place, name, text in seen]
    write_explanations(tmp_path / "viewpoints.parquet", rows)
    write_prompts(tmp_path, {"platform": "Look at </script>.", "<genre>": "Look & see."})
    return tmp_path


def write_cases(folder, rows):
    write_parquet(folder / "cases.parquet", pa.Table.from_pylist(rows, schema=CASES))


def write_prompts(folder, viewpoints):
    """The prompts as they are shipped, with other points of view."""
    shipped = Path(__file__).parents[3] / "config/prompts/explanation.yaml"
    content = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    (folder / "prompts.yaml").write_text(yaml.safe_dump(content | {"viewpoints": viewpoints}), encoding="utf-8")


def judge(folder, ratings, judges=("rubric",)):
    rows = [
        {"case": f"{place:04}", "system": system, "judge": judges[place % len(judges)], "rating": rating}
        | {"reply": "", "attempts": 1, "reason": "", "failed": rating is None}
        for system, values in ratings.items()
        for place, rating in enumerate(values)
    ]
    write_judgements(folder / "rubric.parquet", rows)


def inputs(folder):
    return folder / "cases.parquet", [folder / f"{s}.parquet" for s in SYSTEMS], SYSTEMS, folder / "rubric.parquet"


def answers(folder):
    cases, explanations, systems, judgements = inputs(folder)
    return load_answers(cases=cases, explanations=explanations, systems=systems, judgements=judgements)


def select(folder, case=None, system="hybrid-full"):
    cases, explanations, systems, judgements = inputs(folder)
    select_case(
        cases=cases,
        explanations=explanations,
        systems=systems,
        judgements=judgements,
        settings=Selected(case=case, system=system),
        output=folder / "selected.json",
    )
    return read_selected(folder / "selected.json")


def draw4(folder, name="figure4"):
    cases, explanations, systems, judgements = inputs(folder)
    images = [folder / f"{name}.svg", folder / f"{name}.png"]
    selected, page = folder / "selected.json", folder / f"{name}.html"
    figure4(
        cases=cases,
        items=folder / "items.parquet",
        explanations=explanations,
        systems=systems,
        judgements=judgements,
        selected=selected,
        dataset="games",
        page=page,
        images=images,
    )
    return page.read_text(encoding="utf-8")


def draw5(folder):
    cases, items, seen = (folder / f"{name}.parquet" for name in ("cases", "items", "viewpoints"))
    selected, page = folder / "selected.json", folder / "figure5.html"
    figure5(
        cases=cases,
        items=items,
        viewpoints=seen,
        prompts=folder / "prompts.yaml",
        selected=selected,
        dataset="games",
        page=page,
        images=[folder / "figure5.svg"],
    )
    return page.read_text(encoding="utf-8")


class Outline(HTMLParser):
    """Collects tags with their attributes, marked texts, and the text that a reader sees."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.marks, self.text, self.inside = [], [], [], "", []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attributes]
        if tag not in ("meta", "link", "br"):
            self.inside.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.inside.pop()[0] == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if self.inside and self.inside[-1][0] == "mark":
            self.marks.append((self.inside[-1][1]["class"], data))
        if not self.inside or self.inside[-1][0] != "style":
            self.text += data


# --- which case ---


def test_the_most_telling_case_by_each_criterion(files):
    # 0000 and 0002 are alike; 0001 is decided against the recommender by the hybrid system.
    assert select(files)["case"] == "0000"
    assert "not at random" in select(files)["rule"] and "RecExplainer-H" in select(files)["rule"]
    for ratings, expected in [
        ({"base": [1, 1, 1], "chatgpt": [1, 1, 1], "hybrid-full": [3, 4, 4]}, "0002"),  # higher rating
        ({"base": [1, 1, 3], "chatgpt": [4, 1, 3], "hybrid-full": [3, 4, 4]}, "0002"),  # the rating before the spread
        ({"base": [2, 1, 1], "chatgpt": [2, 1, 1], "hybrid-full": [4, 4, 4]}, "0002"),  # larger spread
        ({"base": [1, 1, 1], "chatgpt": [1, 1, 2], "hybrid-full": [4, 4, 4]}, "0002"),  # more values
        ({"base": [1, 1, 1], "chatgpt": [2, 1, 3], "hybrid-full": [4, 4, 4]}, "0000"),  # a tie: the first
        ({"base": [1, 1, 1], "chatgpt": [1, 1, 1], "hybrid-full": [None, 4, 1]}, "0002"),  # rated before unrated
        ({"base": [None] * 3, "chatgpt": [None] * 3, "hybrid-full": [None] * 3}, "0000"),  # nothing rated
    ]:
        judge(files, ratings)
        assert most_telling(answers(files), "hybrid-full") == expected
    judge(files, {"base": [1, 1, 1], "chatgpt": [1, 1, 1], "hybrid-full": [4, 4, 4]})
    assert most_telling(answers(files), "chatgpt") == "0001"


def test_a_case_can_be_asked_for(files):
    assert select(files, "0001") == {"case": "0001", "system": "hybrid-full", "judge": "rubric", "rule": ASKED}
    with pytest.raises(InputError, match=r"case '0009'.*0000 to 0002"):
        select(files, "0009")
    with pytest.raises(InputError, match="system 'hybrid'.*base, chatgpt, hybrid-full"):
        select(files, system="hybrid")


def test_an_unreadable_decision_agrees_with_nothing():
    assert not agrees(None, False) and not agrees(None, True)
    assert agrees(False, False) and not agrees(True, False)


def test_files_that_do_not_belong_together_are_refused(files):
    select(files)
    cases, explanations, systems, judgements = inputs(files)
    with pytest.raises(InputError, match="--explanations: 2 files"):
        load_answers(cases=cases, explanations=explanations[:2], systems=systems, judgements=judgements)
    judge(files, {"base": [1, 1, 1]}, judges=("a", "b"))
    with pytest.raises(InputError, match="judges a, b; expected one"):
        load_answers(cases=cases, explanations=explanations, systems=systems, judgements=judgements)
    rows = load_cases(cases)
    write_explanations(explanations[1], [explanation(case, "", "No.", "stop") for case in rows[::-1]])
    with pytest.raises(InputError, match=r"chatgpt.parquet: expected the 3 cases in their order"):
        load_answers(cases=cases, explanations=explanations, systems=systems, judgements=judgements)
    write_cases(files, rows[1:])
    with pytest.raises(InputError, match=r"selected.json: case '0000' is not in"):
        draw5(files)
    write_cases(files, rows + rows)
    with pytest.raises(InputError, match="6 rows for 3 cases"):
        draw5(files)
    (files / ".selected.json.sha256").unlink()
    (files / "selected.json").write_text('{"case": 3}')
    with pytest.raises(InputError, match="Select the case again"):
        draw5(files)


def test_points_of_view_must_be_known_and_of_the_case(files):
    select(files, "0002")
    with pytest.raises(InputError, match=r"viewpoints.parquet: no text for case '0002'"):
        draw5(files)
    select(files)
    write_prompts(files, {"platform": "Look."})
    with pytest.raises(InputError, match=r"prompts.yaml: viewpoints: '<genre>' is missing"):
        draw5(files)


# --- the page ---


def test_figure_4_shows_every_system_with_its_decision_rating_and_marks(files):
    select(files)
    seen = Outline(draw4(files))
    words = " ".join(seen.text.split())
    for expected in ["Base LLM", "ChatGPT", "RecExplainer-H", EVIL, TARGET, "Racing, <i>PC</i>", "case 0000"]:
        assert expected in words
    assert "Rated 1 of 4 ●○○○" in words and "Rated 4 of 4 ●●●●" in words
    assert "scores higher than 91 %" in words and "not at random" in words
    assert "(no text)" in words and "There is no answer." in words
    assert "Ratings by the offline rubric, from 1" in words and "where the offline rubric rates RecExplainer-H" in words
    assert "word39 …" in words and "word40" not in words
    wrong = [text for value, text in seen.marks if value == "wrong"]
    right = [text for value, text in seen.marks if value == "right"]
    assert "No, the user will not like it." in wrong and f"Gears of {EVIL[:5]}" in wrong
    assert EVIL in right or f"as they chose {EVIL}." in "".join(right)
    assert any(value == "item" and TARGET in text for value, text in seen.marks)


def test_an_unrated_text_and_a_decision_that_cannot_be_read(files):
    judge(files, {"base": [None] * 3, "chatgpt": [1] * 3, "hybrid-full": [4] * 3})
    select(files)
    words = " ".join(Outline(draw4(files)).text.split())
    assert "Unreadable ✗ Not rated" in words


def test_figure_5_shows_the_case_from_each_point_of_view(files):
    select(files)
    seen = Outline(draw5(files))
    words = " ".join(seen.text.split())
    assert "Platform Recommend ✓ Also told: “Look at </script>.”" in words
    assert "<genre> Do not recommend ✗ Also told: “Look & see.”" in words
    assert "Not of this case" not in words and "rated" not in words.lower().split("chosen")[0]
    assert "RecExplainer-H" in words


@pytest.mark.parametrize("draw", [draw4, draw5])
def test_a_page_has_no_scripts_and_loads_nothing_and_its_style_fits_its_policy(files, draw):
    select(files)
    page = draw(files)
    seen = Outline(page)
    assert not seen.inside
    assert not {"script", "b", "i", "img", "iframe", "object", "form"} & set(seen.tags)
    assert not [name for name in seen.attributes if name.startswith("on") or name in ("src", "style")]
    assert not re.search(r"https?:|url\(|@import", page)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    style_text = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = b64encode(hashlib.sha256(style_text.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_each_panel_has_the_color_of_its_system(files):
    """The colours are set by place: the panels must be counted as the style counts them."""
    select(files)
    page = draw4(files)
    children = re.findall(r'^<(section|dl|h1|footer) ?(?:class="(\w+)")?', page, re.MULTILINE)
    sections = [name for tag, name in children if tag == "section"]
    assert sections == ["panel"] * 3
    colors = re.findall(r"nth-of-type\((\d)\) { --bar: (#\w{6}); }", page)
    expected = [style.SYSTEM_COLORS[name] for name in ("base", "chatgpt", "hybrid")]
    assert colors == list(zip("123", expected, strict=True))


# --- the image ---


def test_the_image_is_an_xml_file_that_shows_all_texts(files):
    hostile = f"-- > \x08 \ufffe ]]> {EVIL} --> 日"
    rows = [explanation(case, "", hostile, "length") for case in load_cases(files / "cases.parquet")]
    write_explanations(files / "base.parquet", rows)
    select(files)
    draw4(files)
    tree = ElementTree.parse(files / "figure4.svg")
    tags = {element.tag.rpartition("}")[2] for element in tree.iter()}
    assert "script" not in tags and "path" in tags
    assert (files / "figure4.png").read_bytes().startswith(b"\x89PNG")


def test_errors_in_the_image_are_underlined_and_the_rest_is_not(files):
    """In print without colours, an error is still seen."""
    select(files)
    canvas = case_image._Canvas()
    canvas.block(0, 0, 400, [Run("All is well. ", "plain"), Run("Halo 3", "right"), Run(" and ", "plain")])
    assert canvas.boxes == []
    canvas.block(0, 20, 400, [Run("see ", "plain"), Run("Gears of Duty", "wrong"), Run(" too", "plain")])
    ((x, _, width, _, color),) = canvas.boxes
    assert color == style.WRONG and x == pytest.approx(case_image.text_width("see ", 8.5))
    assert width == pytest.approx(case_image.text_width("Gears of Duty", 8.5))
    drawn = {text: look for _, _, text, look in canvas.texts}
    assert drawn["Halo 3"]["weight"] == "bold" and drawn["Gears of Duty"]["color"] == style.WRONG


def test_a_long_history_is_cut_in_the_image_alone(files):
    history = [f"Title {i:02}" for i in range(40)]
    write_cases(files, [case | {"history": history} for case in load_cases(files / "cases.parquet")])
    select(files)
    page = draw4(files)
    assert all(f"<li>Title {i:02}</li>" in page for i in range(40))
    comments = (files / "figure4.svg").read_text()
    assert "… and 25 before" in comments and "Title 39" in comments and "Title 24" not in comments


def test_the_same_input_gives_the_same_bytes(files):
    select(files)
    draw4(files, "one")
    draw4(files, "two")
    for suffix in (".html", ".svg", ".png"):
        assert (files / f"one{suffix}").read_bytes() == (files / f"two{suffix}").read_bytes()


# --- the style of all figures ---


@pytest.mark.parametrize("suffix", [".svg", ".pdf", ".png"])
def test_a_saved_figure_has_no_clock_no_chance_and_no_maker(tmp_path, suffix):
    written = set()
    for name in "ab":
        with style.figure_style():
            figure = Figure()
            axes = figure.subplots()
            axes.plot([1, 3, 2], label="$5 or $6")
            axes.legend()
            assert not axes.set_title("$5 or $6").get_parse_math()
            style.save_figure(figure, tmp_path / f"{name}{suffix}")
        written.add((tmp_path / f"{name}{suffix}").read_bytes())
    assert len(written) == 1
    assert not re.search(rb"Matplotlib v|matplotlib\.org|CreationDate", written.pop())
    assert sorted(path.name for path in tmp_path.glob("[!.]*")) == [f"a{suffix}", f"b{suffix}"]


def test_the_style_ends_with_its_block_and_does_not_depend_on_what_was_set_before():
    with matplotlib.rc_context({"font.size": 31, "lines.marker": "x"}):
        with style.figure_style():
            assert matplotlib.rcParams["font.size"] == 9 and matplotlib.rcParams["lines.marker"] == "None"
        assert matplotlib.rcParams["font.size"] == 31 and matplotlib.rcParams["lines.marker"] == "x"


def test_another_format_is_refused_and_leaves_no_file(tmp_path):
    with style.figure_style(), pytest.raises(InputError, match=r"figure.jpg: figures end in .svg, .pdf, .png"):
        style.save_figure(Figure(), tmp_path / "figure.jpg")
    assert not list(tmp_path.iterdir())


def test_a_strip_below_each_figure_says_what_is_made_up(tmp_path):
    for note in ("", "Synthetic: generated data."):
        with style.figure_style(note):
            figure = Figure(figsize=(5, 2))
            for suffix in ("png", "svg", "pdf"):
                style.save_figure(figure, tmp_path / f"figure.{suffix}")
                first = (tmp_path / f"figure.{suffix}").read_bytes()
                style.save_figure(figure, tmp_path / f"figure.{suffix}")
                assert (tmp_path / f"figure.{suffix}").read_bytes() == first
        # The figure keeps its size, and the strip is beside it; nothing is left for the next one.
        high = int.from_bytes((tmp_path / "figure.png").read_bytes()[20:24])
        assert high == (460 if note else 400)
        assert ("ffe9a8" in (tmp_path / "figure.svg").read_text()) is bool(note)


def test_systems_have_names_and_colors_of_their_own():
    systems = ["base", "chatgpt", "behavior-full", "intention", "hybrid-full", "gpt-4", "claude"]
    colors = style.system_colors(systems)
    assert len(set(colors.values())) == len(systems)
    assert colors["hybrid-full"] == style.system_colors(["hybrid"])["hybrid"] == style.SYSTEM_COLORS["hybrid"]
    assert list(map(style.system_label, ["hybrid", "hybrid-full", "hybrid-no_ranking", "base", "gpt-4"])) == [
        "RecExplainer-H",
        "RecExplainer-H",
        "RecExplainer-H without ranking",
        "Base LLM",
        "gpt-4",
    ]


def test_text_colors_can_be_read_on_white():
    """WCAG: a contrast of 4.5 or more."""

    def luminance(color):
        values = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        parts = [value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))

    for color in (style.INK, style.MUTED, style.RIGHT, style.ITEM, style.WRONG):
        assert 1.05 / (luminance(color) + 0.05) >= 4.5


def test_a_legend_below_the_axes_stays_above_the_strip_of_what_is_synthetic(tmp_path):
    from matplotlib.image import imread
    from matplotlib.patches import Patch

    with style.figure_style("Made up. " * 40):
        figure = Figure(layout="constrained")
        figure.subplots()
        figure.legend(handles=[Patch(color="#ff0000", label="red")], loc="outside lower center")
        for suffix in ("svg", "png"):
            style.save_figure(figure, tmp_path / f"figure.{suffix}")
    image = (imread(tmp_path / "figure.png") * 255).round().astype(int)[:, :, :3]
    strip = (image[:, 2] == [0xFF, 0xE9, 0xA8]).all(axis=1)
    red = (image == [0xFF, 0, 0]).all(axis=2).any(axis=1)
    assert strip.sum() > 20 and strip[-1] and red.any()
    assert not (red & strip).any()
