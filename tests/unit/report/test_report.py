"""Figure 6, the learning curves, and the report: its numbers, its pictures, and what it refuses."""

import math
import os
import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from small_report import HOSTILE, NOTHING, SVG, make_files

from recexplainer.config.evaluation import Ablated
from recexplainer.config.shown import Page, Shown
from recexplainer.errors import InputError
from recexplainer.figures import figure6 as figure6_module
from recexplainer.figures.figure6 import COLUMNS, METRIC_LABELS, figure6, normalise
from recexplainer.files import read_json, write_json, write_text
from recexplainer.judgement.judgements import write_judgements
from recexplainer.paper.verdicts import VERDICTS
from recexplainer.report.captions import BLOCKS, CAPTIONS
from recexplainer.report.costs import read_costs
from recexplainer.report.curves import learning_curves, shorten
from recexplainer.report.dag import draw_dag, layers, read_edges, reduce_edges
from recexplainer.report.facts import read_facts, used
from recexplainer.report.first import headline, when
from recexplainer.report.measures import measures_table
from recexplainer.report.page import Files, load_deviations, write_report
from recexplainer.report.tables import VERDICTS as COUNTED
from recexplainer.report.tables import lay_out, read_csv, show_number
from recexplainer.statistics.intervals import Estimate
from recexplainer.tables.table2 import CONSTRAINED, METRICS

# Figure 6


def judged(path, systems: dict[str, list], judge: str = "rubric") -> str:
    rows = [
        {
            "case": f"{place:04d}",
            "system": system,
            "judge": judge,
            "rating": rating,
            "reply": "",
            "attempts": 1,
            "reason": "",
            "failed": rating is None,
        }
        for system, ratings in systems.items()
        for place, rating in enumerate(ratings)
    ]
    write_judgements(path, rows)
    return str(path)


@pytest.fixture
def evaluated(monkeypatch):
    """Known metrics per folder instead of an evaluation, which has tests of its own."""
    found = {}

    def evaluate(folder, **_):
        value = found[folder]
        return {name: None if value is None else Estimate(value, value - 0.1, value + 0.1, 40) for name in METRICS} | {
            name: None for name in CONSTRAINED
        }

    monkeypatch.setattr(figure6_module, "evaluate", evaluate)
    monkeypatch.setattr(figure6_module, "common_cases", lambda _, groups: dict.fromkeys(groups))
    return found


SETTINGS = Ablated(bootstrap=50, coverage_counts="once", names={"games": "Games <b>"})


def test_figure6_writes_values_and_their_share_of_the_highest(tmp_path, evaluated):
    evaluated |= {"a": 0.8, "b": 0.4, "c": None}
    systems = judged(tmp_path / "s.parquet", {"hybrid-full": [4, 4, None]})
    ablations = judged(tmp_path / "a.parquet", {"hybrid-no_sharegpt": [1, 2, 3], "hybrid-no_x": [None] * 3})
    images = [str(tmp_path / f"figure6.{suffix}") for suffix in ("svg", "pdf", "png")]
    rows = [["games", "hybrid", name] for name in ("full", "no_sharegpt", "no_x")]

    def draw() -> None:
        figure6(
            predictions=["a", "b", "c"],
            rows=rows,
            judgements=[systems, ablations],
            judgement_datasets=["games", "games"],
            settings=SETTINGS,
            seed=1,
            output=str(tmp_path / "f.csv"),
            images=images,
        )

    draw()
    frame = pd.read_csv(tmp_path / "f.csv")
    assert list(frame) == COLUMNS
    assert len(frame) == 3 * len(METRIC_LABELS)
    table = frame.set_index(["ablation", "metric"])
    assert table.loc[("no_sharegpt", "ranking_ndcg5"), "normalised"] == 0.5
    assert table.loc[("full", "ranking_ndcg5"), "normalised"] == 1
    # The two cases that are rated for both: 4 and 4 against 1 and 2.
    assert table.loc[("full", "explanation_score"), "value"] == 4
    rated = table.xs("explanation_score", level="metric")["cases"]
    assert rated["full"] == rated["no_sharegpt"] == 2
    picture = Path(images[0]).read_text(encoding="utf-8")
    assert "n = 40" in picture and "n = 2" in picture
    assert table.loc[("no_sharegpt", "explanation_score"), "normalised"] == 0.375
    assert math.isnan(table.loc[("no_x", "explanation_score"), "value"])
    assert math.isnan(table.loc[("no_x", "ranking_ndcg5"), "normalised"])
    first = [Path(image).read_bytes() for image in images]
    draw()
    assert first == [Path(image).read_bytes() for image in images]


def test_figure6_without_judge_and_with_several_modes(tmp_path, evaluated):
    evaluated |= {"a": 0.8, "b": 0.4}
    rows = [["games", "hybrid", "full"], ["movies", "behavior", "full"]]
    figure6(
        predictions=["a", "b"],
        rows=rows,
        judgements=[],
        judgement_datasets=[],
        settings=SETTINGS,
        seed=1,
        output=str(tmp_path / "f.csv"),
        images=[str(tmp_path / "f.svg")],
    )
    frame = pd.read_csv(tmp_path / "f.csv")
    # Each mode of each dataset has a highest value of its own.
    assert set(frame["normalised"].dropna()) == {1.0}
    assert frame.loc[frame["metric"] == "explanation_score", "value"].isna().all()


def test_figure6_refuses_what_does_not_fit(tmp_path, evaluated):
    evaluated["a"] = 0.5
    gpt = judged(tmp_path / "g.parquet", {"hybrid-full": [1]}, "gpt-4")
    rubric = judged(tmp_path / "r.parquet", {"hybrid-no_sharegpt": [1]})
    rest = {"settings": SETTINGS, "seed": 1, "output": str(tmp_path / "f.csv"), "images": []}
    with pytest.raises(InputError, match="1 folders for 2"):
        figure6(predictions=["a"], rows=[["games", "hybrid", "full"]] * 2, judgements=[], judgement_datasets=[], **rest)
    with pytest.raises(InputError, match="gpt-4, rubric"):
        figure6(
            predictions=["a"],
            rows=[["games", "hybrid", "full"]],
            judgements=[gpt, rubric],
            judgement_datasets=["games", "games"],
            **rest,
        )
    with pytest.raises(InputError, match="no judgement of hybrid-full for games"):
        figure6(
            predictions=["a"],
            rows=[["games", "hybrid", "full"]],
            judgements=[rubric],
            judgement_datasets=["games"],
            **rest,
        )
    with pytest.raises(InputError, match="1 files for 0"):
        figure6(
            predictions=["a"], rows=[["games", "hybrid", "full"]], judgements=[rubric], judgement_datasets=[], **rest
        )


@given(st.lists(st.floats(0, 1) | st.none(), min_size=1, max_size=6))
@settings(deadline=None)
def test_a_normalised_value_is_a_share_of_the_highest(values):
    frame = pd.DataFrame({"dataset": "d", "mode": "m", "metric": "x", "value": values}).assign(
        ablation=range(len(values)), low=None, high=None, cases=None
    )
    shares = normalise(frame)["normalised"]
    known = [value for value in values if value is not None]
    if known and max(known) > 0:
        assert shares.max() == 1
        assert (shares.dropna() >= 0).all()
        assert shares.isna().sum() == len(values) - len(known)
    else:
        assert shares.isna().all()


# Learning curves


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=400), st.integers(1, 50))
@settings(deadline=None)
def test_a_shortened_curve_keeps_the_mean_and_the_last_step(losses, points):
    frame = pd.DataFrame({"step": range(1, len(losses) + 1), "loss": losses})
    short = shorten(frame, points)
    assert len(short) == min(points, len(losses))
    assert short["at"].iloc[-1] == len(losses)
    steps = short["at"].diff().fillna(short["at"].iloc[0])
    assert steps.max() - steps.min() <= 1
    assert (short["value"] * steps).sum() == pytest.approx(sum(losses), abs=1e-9)


def test_learning_curves_draw_every_run(tmp_path):
    (tmp_path / "curve.csv").write_text("epoch,train_loss,validation_ndcg10\n1,3.0,0.1\n2,2.0,0.3\n3,1.9,0.2\n")
    (tmp_path / "loss.csv").write_text("step,loss,lr,tokens\n" + "".join(f"{i},{9 / i},0.1,5\n" for i in range(1, 300)))
    runs = [["games", "hybrid", name] for name in ("full", "full.7", "no_sharegpt", "no_classification")]
    arguments = {
        "curves": [str(tmp_path / "curve.csv")],
        "datasets": ["games"],
        "losses": [str(tmp_path / "loss.csv")] * 4,
        "runs": runs,
        "settings": Shown(names={"games": "Games $x$ <b>"}),
        "output": str(tmp_path / "c.csv"),
    }
    images = [str(tmp_path / f"c.{suffix}") for suffix in ("svg", "pdf", "png")]
    learning_curves(**arguments, images=images)
    frame = pd.read_csv(tmp_path / "c.csv", keep_default_na=False)
    assert (frame["quantity"] == "validation_ndcg10").sum() == 3
    assert frame.groupby("ablation").size().to_dict() == {"": 6} | {run[2]: 100 for run in runs}
    first = [Path(image).read_bytes() for image in images]
    learning_curves(**arguments, images=images)
    assert first == [Path(image).read_bytes() for image in images]


def test_learning_curves_refuse_broken_files(tmp_path):
    rest = {"settings": Shown(), "output": str(tmp_path / "c.csv"), "images": []}
    (tmp_path / "empty.csv").write_text("step,loss,lr,tokens\n")
    (tmp_path / "other.csv").write_text("step,value\n1,2\n")
    with pytest.raises(InputError, match="no rows"):
        learning_curves(
            curves=[], datasets=[], losses=[str(tmp_path / "empty.csv")], runs=[["g", "hybrid", "full"]], **rest
        )
    with pytest.raises(InputError, match="'loss' is missing"):
        learning_curves(
            curves=[], datasets=[], losses=[str(tmp_path / "other.csv")], runs=[["g", "hybrid", "full"]], **rest
        )
    with pytest.raises(InputError, match="no such file"):
        learning_curves(
            curves=[], datasets=[], losses=[str(tmp_path / "none.csv")], runs=[["g", "hybrid", "full"]], **rest
        )
    with pytest.raises(InputError, match="one file for each"):
        learning_curves(curves=["x"], datasets=[], losses=[], runs=[], **rest)


# Costs


def test_costs_add_up_per_rule(tmp_path):
    header = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
    for name, rows in {
        "align/a.tsv": ["100.5\t0:01:40\t800.0\t1\t1\t1\t0\t0\t50\t90.0"],
        "align/b.tsv": ["20\t0:00:20\t900.5\t1\t1\t1\t0\t0\t50\t10", "30\t0:00:30\t700\t1\t1\t1\t0\t0\t50\t10"],
        "table1/all.tsv": ["0.2\t0:00:00\t-\t-\t-\t-\t-\t-\t-\tNA"],
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(header + "\n".join(rows) + "\n")
    align, table1 = read_costs(tmp_path)
    assert (align.rule, align.jobs, align.seconds, align.longest) == ("align", 2, 150.5, 100.5)
    assert (align.cpu_seconds, align.memory) == (110, 900.5)
    assert (table1.seconds, table1.cpu_seconds, table1.memory) == (0.2, 0, 0)
    (tmp_path / "align/b.tsv").write_text("seconds\n1\n")
    with pytest.raises(InputError, match=r"b\.tsv: not a benchmark"):
        read_costs(tmp_path)
    for content, why in ((b"s\tmax_rss\tcpu_time\n", "no row"), (b"s\tmax_rss\tcpu_time\n\xff\t1\t1\n", "utf-8")):
        (tmp_path / "align/b.tsv").write_bytes(content)
        with pytest.raises(InputError, match=rf"b\.tsv: not a benchmark.*{why}"):
            read_costs(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        read_costs(tmp_path / "none")


# The graph

NAMES = [f"r{number}" for number in range(9)]
GRAPHS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=30).map(
    lambda pairs: sorted({(NAMES[min(pair)], NAMES[max(pair)]) for pair in pairs if pair[0] != pair[1]})
)


def reachable(edges) -> set:
    found = set(edges)
    while True:
        more = {(a, d) for a, b in found for c, d in found if b == c} - found
        if not more:
            return found
        found |= more


@given(GRAPHS)
@settings(deadline=None)
def test_the_reduced_graph_says_the_same_with_no_link_to_spare(edges):
    reduced = reduce_edges(edges)
    assert reachable(reduced) == reachable(edges)
    for edge in reduced:
        assert edge not in reachable([other for other in reduced if other != edge])


@given(GRAPHS.filter(bool))
@settings(deadline=None, max_examples=60)
def test_boxes_do_not_overlap_and_stand_below_what_they_need(edges):
    text = draw_dag(edges)
    width = float(re.search(r'viewBox="0 0 (\d+)', text)[1])
    boxes = [tuple(map(float, box)) for box in re.findall(r'<rect x="([-\d.]+)" y="(\d+)" width="([\d.]+)"', text)]
    names = re.findall(r"<text[^>]*>([^<]*)<", text)
    assert sorted(names) == sorted({name for edge in edges for name in edge})
    assert len(boxes) == len(names)
    assert all(x >= 0 and x + wide <= width + 1 for x, _, wide in boxes)
    for first in boxes:
        for second in boxes:
            if first < second and first[1] == second[1]:
                assert first[0] + first[2] <= second[0] + 0.2
    top = dict(zip(names, (y for _, y, _ in boxes), strict=True))
    assert all(top[start] < top[end] for start, end in edges)
    assert draw_dag(list(edges)) == text


def test_edges_are_checked():
    value = [["a", "b"], ["b", "c"], ["a", "c"], ["a", "b"], ["c", "all"]]
    assert read_edges(value, "g.json") == [("a", "b"), ("a", "c"), ("b", "c")]
    assert layers(read_edges(value, "g.json")) == {"a": 0, "b": 1, "c": 2}
    with pytest.raises(InputError, match="need each other"):
        read_edges([["a", "b"], ["b", "a"]], "g.json")
    for wrong in ({}, [["a"]], [["a", 1]], "ab"):
        with pytest.raises(InputError, match=r"g\.json"):
            read_edges(wrong, "g.json")
    assert "<script" not in draw_dag([("<script>", "b")])


# Tables


def test_numbers_for_the_eye():
    shown = [show_number(text) for text in ("", "5395", "0.93251", "87.155", "12345.678", "0", "2.0")]
    assert shown == ["", "5,395", "0.933", "87.16", "12,345.7", "0", "2.000"]
    assert show_number("0.0004", probability=True) == "< 0.001"


def test_an_interval_stands_beside_its_value(tmp_path):
    (tmp_path / "t.csv").write_text(
        "dataset,method,rating,rating_low,rating_high,p_value,where,best\n"
        "games,hybrid,2.5,2.25,2.75,0.0001,3.3,True\nsteam,gru,,,,,3.4,False\n"
    )
    table = lay_out(read_csv(tmp_path / "t.csv"), {"games": "Games"})
    assert table.headings == ["Method", "Rating", "p-value", "Where", "Best"]
    assert table.numeric == [False, True, True, False, False]
    (games, [first]), (steam, [second]) = table.parts
    assert (games, steam) == ("Games", "steam")
    assert [cell.text for cell in first] == ["RecExplainer-H", "2.500", "< 0.001", "3.3", "yes"]
    assert first[1].note == "2.250–2.750"
    assert [cell.text for cell in second] == ["gru", "–", "–", "3.4", "no"]
    assert second[1].note == ""


def test_rows_stand_below_their_data_set_and_each_begins_with_its_own_name(tmp_path):
    columns = "dataset,system,viewpoint,cases,kept_share"
    rows = "games,base,genre,9,0.5\nsteam,base,genre,9,0.4\ngames,hybrid,genre,9,0.6\n"
    (tmp_path / "controllability.csv").write_text(f"{columns}\n{rows}")
    files = Files(**(vars(NOTHING) | {"tables": [str(tmp_path / "controllability.csv")]}))
    page = written(files, tmp_path)
    table = page[page.index('<h3 id="controllability">') : page.index("</table>")]
    headings = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', table)
    assert headings[:2] == ["System", "Point of view"] and len(headings) == 4
    order = re.findall(r'<th scope="row(?:group)?"[^>]*>(?:<span[^>]*>)?(.*?)<', table)
    assert order == ["Video games", "Base LLM", "RecExplainer-H", "steam", "Base LLM"]
    assert table.count("<tbody>") == 2


def test_a_table_of_data_sets_names_one_in_each_row(tmp_path):
    (tmp_path / "t.csv").write_text("dataset,users\ngames,700\n")
    table = lay_out(read_csv(tmp_path / "t.csv"), {"games": "Games"})
    assert table.headings == ["Data set", "Users"]
    assert [[cell.text for cell in row] for _, rows in table.parts for row in rows] == [["Games", "700"]]


# The page


class Reader(HTMLParser):
    """What a browser would see of a page: elements, headings, text."""

    def __init__(self, text: str):
        super().__init__()
        self.elements, self.headings, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag in ("h1", "h2", "h3"):
            self.headings.append("")

    def handle_data(self, data):
        self.words.append(data)
        if self.headings and self.get_starttag_text() and self.get_starttag_text()[:3] in ("<h1", "<h2", "<h3"):
            self.headings[-1] += data

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


PAGE = Page(title=f"Report {HOSTILE}", names={"games": "Video games"})


def written(files: Files, folder, **changes) -> str:
    write_report(files, PAGE.model_copy(update=changes), str(folder / "report.html"))
    return (folder / "report.html").read_text()


def test_the_page_shows_every_part_and_runs_nothing(tmp_path):
    page = written(make_files(tmp_path), tmp_path)
    seen = Reader(page)
    headings = " | ".join(" ".join(heading.split()) for heading in seen.headings)
    for expected in (
        *("At a glance", "Beside the paper", "Claims of the paper", "Table 1. Data sets", "Table 2. Alignment"),
        *("Figure 6. Ablations", "Example explanations", "Where the workflow departs", "What was run", "The pipeline"),
        *("Time and memory per rule", "Spending on services"),
    ):
        assert expected in headings
    tags = {tag for tag, _ in seen.elements}
    assert not tags & {"script", "iframe", "object", "embed", "base", "form"}
    # The hostile texts stand on the page as text, and nowhere as an element.
    assert all(values["src"].startswith("data:image/") for tag, values in seen.elements if tag == "img")
    assert not any(name.startswith("on") or name == "style" for _, values in seen.elements for name in values)
    assert seen.text.count("<script>alert(1)</script>") > 10
    assert "typeset" in seen.text
    assert "Video games" in seen.text
    assert "1 h 0 min" in seen.text
    assert "No service was asked for anything." in seen.text
    # The style's digest is that of the style.
    style = re.search(r"<style>(.*?)</style>", page, re.S)[1]
    assert style_policy(style) in page
    assert "default-src 'none'" in page
    assert "script-src" not in page


def style_policy(style: str) -> str:
    import base64
    import hashlib

    return "style-src 'sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() + "'"


def test_the_header_names_the_version_that_made_the_run(tmp_path):
    header = r'<p class="over">RecExplainer: report of a run(, recexplainer 1\.2\.3)?</p>'
    files = make_files(tmp_path)
    assert re.search(header, written(files, tmp_path)).group(1)
    # A record of before there was a version, and a run without a record.
    write_json(
        files.provenance, {name: value for name, value in read_json(files.provenance).items() if name != "version"}
    )
    assert not re.search(header, written(files, tmp_path)).group(1)
    assert not re.search(header, written(replace(files, provenance=None), tmp_path)).group(1)


def test_verdicts_are_counted_and_marked(tmp_path):
    page = written(make_files(tmp_path), tmp_path)
    marks = [f'<strong>1</strong> <span class="verdict {one.replace(" ", "-")}">{one}' for one in ("within", "outside")]
    assert re.search(".*".join([*marks, '<strong>1</strong> <span class="verdict not-run">not run']), page)
    assert '<span class="verdict supported">supported</span>' in page
    assert "The paper's own tables bear it out: in part (1 of 2 comparisons)" in page
    assert "2 of 2 comparisons hold (Video games)" in page
    assert "<li>first &lt;i&gt;</li><li>second</li>" in page


def test_the_five_verdicts_look_apart_without_colour_too(tmp_path):
    files = make_files(tmp_path)
    lines = "claim,words,where,paper,paper_detail,verdict,held,compared,datasets,data,test,detail\n"
    lines += "".join(f"c,w,3.3,yes,,{verdict},1,2,games,,t,d\n" for verdict in VERDICTS)
    (tmp_path / "claims.csv").write_text(lines)
    page = written(files, tmp_path)
    shown = dict(re.findall(r'<p><span class="verdict ([a-z-]*)">([a-z ]+)</span>', page))
    assert list(shown.values()) == list(VERDICTS)
    style = re.search("<style>(.*?)</style>", page, re.DOTALL)[1]
    signs = [
        re.search(rf"\.verdict(?:\.|:is\([^)]*\.){mark}[^{{}}]*::before {{ content: \"(\S+?)\\a0", style)[1]
        for mark in shown
        if mark != "not-run"
    ]
    assert len(set(signs)) == len(VERDICTS) - 1
    order = [page.index(f'<strong>1</strong> <span class="verdict {verdict}"') for verdict in VERDICTS[:4]]
    assert order == sorted(order) and {*VERDICTS} <= {*COUNTED}


def test_examples_take_both_decisions_in_turn(tmp_path):
    page = Reader(written(make_files(tmp_path), tmp_path))
    order = re.findall(r"Case (\d{4}): Title", page.text)
    assert order == ["0001", "0000", "0003"]
    assert page.text.count("Unreadable ✗") == 3
    assert page.text.count("Recommend ✓") == 2
    assert page.text.count("Recommend ✗") == 1


def test_no_two_places_of_the_page_have_one_address():
    names = [name for block in BLOCKS for name in (block.anchor, *block.tables, *block.figures)]
    names += ["glance", "paper", "claims", "numbers", "examples", "deviations", "run", "graph", "costs", "spending"]
    assert len(names) == len(set(names))
    assert {name for block in BLOCKS for name in (*block.tables, *block.figures)} | {"spending"} == set(CAPTIONS)


def test_a_demo_says_so_and_a_real_run_does_not(tmp_path):
    files = make_files(tmp_path)
    made_up = written(files, tmp_path, synthetic="Synthetic: <generated> data.", rated_by="simulated")
    assert '<aside class="band" aria-label="What is made up">Synthetic: &lt;generated&gt; data.</aside>' in made_up
    # On every printed page, too.
    assert "@page" in made_up and "SYNTHETIC" in made_up
    plain = written(files, tmp_path)
    assert 'class="band"' not in plain and "SYNTHETIC" not in plain


def test_the_bar_of_a_rule_is_its_share_of_the_whole_time(tmp_path):
    for rule, seconds in (("align", 75), ("explain", 25)):
        (tmp_path / "benchmarks" / rule).mkdir(parents=True)
        (tmp_path / "benchmarks" / rule / "all.tsv").write_text(f"s\tmax_rss\tcpu_time\n{seconds}\t1\t1\n")
    page = Reader(written(replace(NOTHING, benchmarks=str(tmp_path / "benchmarks")), tmp_path))
    assert [values["width"] for tag, values in page.elements if tag == "rect"] == ["75.0", "25.0"]


def test_what_is_missing_is_left_out_and_named(tmp_path):
    page = Reader(written(NOTHING, tmp_path))
    assert "the human study" in page.text
    assert "example explanations" in page.text
    headings = [heading for heading in page.headings if heading.strip()]
    assert len(headings) == 2
    full = Reader(written(make_files(tmp_path), tmp_path))
    assert "example explanations" not in full.text.split("Beside the paper")[0]
    assert "the human study" in full.text
    # Every entry of the contents leads somewhere.
    ids = [values["id"] for _, values in full.elements if "id" in values]
    links = {values["href"][1:] for tag, values in full.elements if tag == "a" and values["href"][0] == "#"}
    assert links <= set(ids)
    assert len(links) == 9


def test_the_same_files_give_the_same_page(tmp_path):
    files = make_files(tmp_path)
    assert written(files, tmp_path) == written(files, tmp_path)


def test_what_cannot_be_shown_is_refused(tmp_path):
    files = make_files(tmp_path)
    (tmp_path / "odd.csv").write_text("a\n1\n")
    (tmp_path / "figure4.html").write_text("<p>x")
    (tmp_path / "table3.html").write_text("<p>x")
    for changes, message in (
        ({"tables": [str(tmp_path / "odd.csv")]}, "no place for it"),
        ({"tables": [str(tmp_path / "table9.csv")]}, "no such file"),
        ({"figures": [str(tmp_path / "figure4.html")]}, "Give it the image"),
        ({"figures": [str(tmp_path / "figure4.svg")]}, "no such file"),
        ({"claims": str(tmp_path / "none.csv")}, "no such file"),
        ({"tables": [str(tmp_path / "table3.html")]}, "holds no table"),
        ({"claims": str(tmp_path / "odd.csv")}, "'words' is missing"),
        ({"paper_vs_ours": str(tmp_path / "odd.csv")}, "'table' is missing"),
        ({"provenance": str(tmp_path / "graph.json")}, "expected a JSON object"),
        ({"explanations": files.explanations[:1]}, "1 files for the systems"),
    ):
        with pytest.raises(InputError, match=message):
            written(Files(**(vars(files) | changes)), tmp_path)


def test_facts_keep_every_entry(tmp_path):
    make_files(tmp_path)
    facts, config = read_facts(str(tmp_path / "provenance.json"))
    by_label = {fact.label: fact for fact in facts}
    assert by_label["Commit"].text == "c0ffee" * 6
    assert by_label["Version"].text == "1.2.3"
    assert by_label["Changes that are not committed"].text == "no"
    assert (by_label["Packages"].text, by_label["Raw data"].text) == ("20 entries", "1 file")
    assert by_label["Packages"].long and by_label["Raw data"].long and not by_label["New"].long
    assert len(by_label["Packages"].entries) == 20
    assert by_label["Raw data"].entries == [(f"raw/{HOSTILE}", "bytes: 5, generated: yes, sha256: ab")]
    assert by_label["Base LLM"].text == "not known"
    assert by_label["New"].entries == [("a", "1, none")]
    assert by_label["Main values of the config"].entries == [("Seed", "2024")]
    assert "seed: 2024" in config


def test_the_config_is_shown_without_what_the_run_did_not_use(request):
    config = yaml.safe_load((request.config.rootpath / "config" / "config.yaml").read_text(encoding="utf-8"))
    config["run"]["datasets"] = ["steam"]
    config["llm"] |= {"source": "scratch"}
    config["datasets"]["steam"]["generate"] = {"users": 5}
    config["explanation"] |= {"services": [], "judges": ["rubric"]}
    found = used(config)
    assert list(found["datasets"]) == ["steam"] and "sources" not in found["datasets"]["steam"]
    assert "services" not in found and list(found["recommenders"]) == ["sasrec"]
    assert "scratch" in found["llm"] and not {"id", "revision", "folder", "gguf"} & {*found["llm"]}
    assert found["alignment"] == config["alignment"] and len(config["datasets"]) == 3
    assert used(None) is None and used({"seed": 1}) == {"seed": 1}


def test_deviations_are_checked(tmp_path):
    (tmp_path / "d.yaml").write_text("- {topic: T, paper: P, here: H}\n")
    with pytest.raises(InputError, match="deviation 1: why: missing"):
        load_deviations(str(tmp_path / "d.yaml"))
    (tmp_path / "d.yaml").write_text("a: 1\n")
    with pytest.raises(InputError, match="expected a list"):
        load_deviations(str(tmp_path / "d.yaml"))


def test_the_projects_own_list_of_deviations_is_whole(request):
    entries = load_deviations(str(request.config.rootpath / "config" / "deviations.yaml"))
    topics = [entry["topic"] for entry in entries]
    assert len(topics) == len(set(topics)) >= 15


def test_measures_stand_in_blocks_with_a_line_of_meaning_each():
    columns = "dataset method metric cases value value_low value_high reference better_than_words new".split()
    rows = [
        ["games", "control-copy", "cites_history", "9", "1.0", "", "", "", "", "x"],
        ["games", "tiny", "simulatability", "9", "0.5", "0.4", "0.6", "0.5", "no", "x"],
        ["games", "hybrid-full", "simulatability", "9", "0.75", "0.7", "0.8", "0.5", "yes", "x"],
        ["games", "hybrid-full", "a_new_one", "9", "-0.25", "", "", "", "", "x"],
        ["steam", "hybrid-full", "simulatability", "8", "", "", "", "", "", "x"],
    ]
    names = {"tiny": "Base LLM", "games": "Video games"}
    table = measures_table(pd.DataFrame(rows, columns=columns), names)
    assert table.columns == ["Measure", "Base LLM", "RecExplainer-H", "Control (copy)"]
    assert [block.heading for block in table.blocks] == ["Video games, n = 9"]
    first, second, third = table.blocks[0].rows
    assert first[0].text.startswith("A reader foresees") and "which of two" in first[0].note
    assert (first[1].text, first[1].interval, first[1].mark) == ("0.500", ("0.400", "0.600"), "")
    assert (first[2].text, first[2].mark, first[2].more) == ("0.750", "best", "without: 0.500")
    assert (second[0].text, second[3].text) == ("Cites the history", "1.000")
    assert (third[0].text, third[2].text) == ("A new one", "-0.250")


# The first screen


def test_the_headline_says_who_agrees_how_often_against_chance(tmp_path):
    make_files(tmp_path)
    assert headline(str(tmp_path / "table2.csv"), {"games": "Video games"}) == (
        "RecExplainer-H agrees with the recommender on 75.0 % of the items of Video games (95 % interval 62.5 to "
        "85.0 %, n = 72). Chance agrees on 50 %."
    )
    lines = (tmp_path / "table2.csv").read_text().splitlines()
    # Without hybrid, the next of the paper's modes; two data sets; what is not above chance is said to be so.
    lines[3:] = ["games,base,0.9,0.8,1,72", "films,behavior,0.5,0.4,0.6,30", "tv,behavior,0.25,0.2,0.3,8"]
    (tmp_path / "table2.csv").write_text("\n".join(lines) + "\n")
    said = headline(str(tmp_path / "table2.csv"), {})
    assert (
        said.startswith("RecExplainer-B agrees")
        and "90.0 % of the items of games (95 % interval 80.0 to 95.0 %" in said
    )
    assert "n = 30; no better than chance)" in said and "n = 8; below chance)" in said
    (tmp_path / "table2.csv").write_text("\n".join([*lines[:2], "games,hybrid,,,,"]) + "\n")
    assert headline(str(tmp_path / "table2.csv"), {}) == ""


def test_the_first_screen_says_what_was_run_with_what_and_when(tmp_path):
    files = make_files(tmp_path)
    page = Reader(written(files, tmp_path, about=[["Data", "Films <b>"], ["Base LLM", "tiny"]]))
    start = page.text[: page.text.index("Beside the paper Claims")]
    assert "75.0 % of the items of Video games" in start
    for part in ("DataFilms <b>", "Base LLMtiny", "Commitc0ffee", "(UTC)", "Wall time1 h 0 min"):
        assert part in start, part


def test_the_wall_time_counts_jobs_side_by_side_once_and_pauses_not_at_all(tmp_path):
    for name, seconds, end in (("a", 100, 1000), ("b", 50, 980), ("c", 60, 90_000)):
        (tmp_path / f"{name}.tsv").write_text(f"s\tmax_rss\tcpu_time\n{seconds}\t1\t1\n")
        os.utime(tmp_path / f"{name}.tsv", (end, end))
    assert when(tmp_path) == ("1970-01-02", "2 min 40 s")
    assert when(tmp_path / "none") == ("", "")


def test_simulated_raters_are_called_so_in_the_headings(tmp_path):
    files = make_files(tmp_path)
    (tmp_path / "human.html").write_text("<table><tr><td>1</td></tr></table>")
    files = replace(files, tables=[*files.tables, str(tmp_path / "human.html")])
    made_up = " | ".join(Reader(written(files, tmp_path, rated_by="simulated")).headings)
    assert "as simulated raters rate them" in made_up and "Ratings by simulated raters" in made_up
    people = " | ".join(Reader(written(files, tmp_path, rated_by="people")).headings)
    assert "as people rate them" in people and "simulated" not in people


def test_the_papers_numbers_stand_beside_ours_in_cells_and_never_beside_generated_data(tmp_path):
    files = make_files(tmp_path)
    page = written(files, tmp_path)
    cell = re.search(r'<td><span class="papers">.*?0\.700</span><span class="ours">0\.710</span>.*?</td>', page)[0]
    assert "<small>0.690–0.730</small>" in cell and '<span class="verdict within">within</span>' in cell
    assert "Amazon Video Games" in page and "Amazon Movies and TV (not run)" in page
    text = Path(files.paper_vs_ours).read_text().replace("within", "synthetic").replace("outside", "synthetic")
    Path(files.paper_vs_ours).write_text(text)
    page = written(files, tmp_path)
    assert "0.710" not in page and '<span class="ours">' not in page
    assert "Amazon Video Games (the data of that name in this run are generated)" in page


def test_links_lead_to_the_files_of_the_run(tmp_path):
    files = make_files(tmp_path)
    (tmp_path / "study pages").mkdir()
    (tmp_path / "study pages" / "rater1.html").write_text("x")
    (tmp_path / "logs" / "align").mkdir(parents=True)
    files = replace(files, rating_pages=[str(tmp_path / "study pages" / "rater1.html")], logs=str(tmp_path / "logs"))
    page = Reader(written(files, tmp_path))
    links = {values["href"] for tag, values in page.elements if tag == "a" and values["href"][0] != "#"}
    assert {"table2.html", "table2.csv", "claims.csv", "study%20pages/rater1.html", "logs/align/"} <= links
    from urllib.parse import unquote

    assert all((tmp_path / unquote(link)).exists() for link in links)


def test_case_figures_are_text_and_others_are_pictures(tmp_path):
    from recexplainer.checking.marked import Run
    from recexplainer.figures.case_view import CaseView, Panel, write_page

    panel = Panel("Base <i>", "#7a7f87", "Recommend", True, 3, [Run(f"Yes {HOSTILE}", "right")], ["Cites."])
    write_page(
        CaseView("Figure 4 <b>", ["A"], "B", [], "Recommend", "", [panel], "rubric", "c"), tmp_path / "figure4.html"
    )
    for name in ("figure4", "figure5"):
        (tmp_path / f"{name}.svg").write_text(SVG)
    files = replace(make_files(tmp_path), figures=[str(tmp_path / f"{name}.svg") for name in ("figure4", "figure5")])
    page = written(files, tmp_path)
    seen = Reader(page)
    assert "Base <i>" in seen.text and not {tag for tag, _ in seen.elements} & {"script", "i"}
    assert [tag for tag, _ in seen.elements].count("h1") == 1
    # Figure 5 has no page beside it: a picture.
    pictures = [values["alt"] for tag, values in seen.elements if tag == "img" and values["alt"].startswith("Figure")]
    assert len(pictures) == 1 and pictures[0].startswith("Figure 5")
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    assert "&.figure4 .panel:nth-of-type(1) { --bar: #7a7f87; }" in style and style_policy(style) in page
    write_text(tmp_path / "figure4.html", "<p>x")
    with pytest.raises(InputError, match="not the page of a case"):
        written(files, tmp_path)


def test_the_picture_of_the_pipeline_has_what_ran(tmp_path):
    files = make_files(tmp_path)
    write_json(files.graph, [["align", "report"], ["align", "never_ran"], ["never_ran", "report"]])

    def picture(page: str) -> str:
        return b64decode(re.search(r'class="graph" src="data:image/svg\+xml;base64,([^"]+)"', page)[1]).decode()

    assert ">never ran<" not in picture(written(files, tmp_path)) and ">align<" in picture(written(files, tmp_path))
    assert ">never ran<" in picture(written(replace(files, benchmarks=None), tmp_path))


def test_backticks_are_code_and_what_stands_between_them_is_text(tmp_path):
    files = make_files(tmp_path, hostile="`a<b>` and `c`")
    page = written(files, tmp_path)
    assert "<td><code>a&lt;b&gt;</code> and <code>c</code></td>" in page
    assert "`" not in re.search(r'<section id="deviations">.*?</section>', page, re.DOTALL)[0]
