"""The published folder: what is there of a run, in numbers that come from its files, and nothing of the data set."""

import json
import os
import re
import subprocess
import sys
from base64 import b64encode
from copy import deepcopy
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from clone import ROOT
from small_report import make_files
from small_results import HOSTILE, SECRET, USERS, explain, predict, small_config, train, write_results

from recexplainer.checking.marked import Run
from recexplainer.comparison.compare import compare_runs
from recexplainer.config.shown import Page
from recexplainer.errors import InputError
from recexplainer.evaluation.predictions import POINTWISE
from recexplainer.explanation.texts import write_explanations
from recexplainer.figures.case_view import CaseView, Panel, write_page
from recexplainer.files import read_parquet, write_json, write_parquet, write_text
from recexplainer.publishing.page import END, EXAMPLES, NOT_YET, START, plain
from recexplainer.publishing.publish import MARK, block_of, publish, write_block
from recexplainer.publishing.published_report import HISTORY, NOT_HERE
from recexplainer.publishing.trainings import last_fall
from recexplainer.report.page import Files, write_report

PUBLISHED = [ROOT / "docs" / name for name in ("pocket", "pocket_games", "pocket_more")]


@pytest.fixture(scope="module")
def config() -> dict:
    return small_config()


@pytest.fixture
def results(tmp_path):
    """The results of a run that has finished all but the hybrid alignment."""
    return write_results(tmp_path / "results")


def published(results: Path, config: dict, folder: Path) -> str:
    publish(results=str(results), config=config, output=str(folder))
    return (folder / "README.md").read_text(encoding="utf-8")


def test_a_run_that_is_not_finished_says_what_is_missing(results, config, tmp_path):
    page = published(results, config, tmp_path / "out")
    absent = "**The run is not finished.** Not there yet: MovieLens 100K RecExplainer-H."
    assert absent in page
    # Nor is one that was asked for less than the config, by its own record.
    asked = deepcopy(config)
    asked["run"]["modes"] = ["intention"]
    write_json(results / "provenance.json", {"config": asked})
    assert absent in published(results, config, tmp_path / "part")
    (results / "provenance.json").unlink()
    rows = re.findall(r"^\| MovieLens 100K \| (.+?) \| ", page.partition("## The explanations")[0], re.MULTILINE)
    assert "The ablations were not run." in page
    assert rows == ["random", "popularity", "Base LLM (SmolLM2-135M)", "RecExplainer-I"]
    assert list(pd.read_csv(tmp_path / "out/tables/table2.csv")["method"])[-1] == "intention"
    predict(results / "predictions/films/hybrid-full", 0.9)
    assert "not finished" not in published(results, config, tmp_path / "out")


def test_limits_are_said_in_the_same_breath_and_come_from_the_files(results, config, tmp_path):
    page = published(results, config, tmp_path / "out")
    block = block_of(tmp_path / "out")
    for text in (page, block):
        first = text[: text.index("| dataset |")]
        for words in ("134.5 million parameters", "4 bits", "20 items and 60 users", "not the paper's numbers"):
            assert words in first
    write_json(results / "data/films/statistics.json", {"users": 61, "items": 21, "interactions": 500})
    assert "21 items and 61 users" in published(results, config, tmp_path / "out")


def test_every_number_of_the_readmes_table_is_one_of_the_table_of_numbers(results, config, tmp_path):
    published(results, config, tmp_path / "out")
    numbers = pd.read_csv(tmp_path / "out/main.csv")
    shown = re.findall(r"\b\d\.\d{3}\b", "".join(re.findall(r"^\| Movie.*$", block_of(tmp_path / "out"), re.MULTILINE)))
    assert shown and sorted(shown) == sorted(f"{value:.3f}" for value in numbers["mean"])
    own = numbers.query("method == 'intention' and metric == 'retrieval_hr5'").iloc[0]
    frame = read_parquet(results / "predictions/films/intention-full/retrieval.parquet")
    assert own["mean"] == round(np.mean([list(said) == ["Film A"] for said in frame["predictions"]]), 4)
    assert own["low"] < own["mean"] < own["high"] and own["cases"] == USERS


def test_seeds_are_averaged_case_by_case(results, config, tmp_path):
    changed = deepcopy(config)
    changed["run"] |= {"modes": ["intention"], "seeds": [7]}
    predict(results / "predictions/films/intention-full.7", 0.5, seed=3)
    page = published(results, changed, tmp_path / "out")
    own = pd.read_csv(tmp_path / "out/main.csv").query("method == 'intention' and metric == 'retrieval_hr5'").iloc[0]
    values = read_parquet(tmp_path / "out/values.parquet").query("metric == 'retrieval_hr5'")
    means = [values.query(f"system == 'intention-full{seed}'")["value"].mean() for seed in ("", ".7")]
    assert own["mean"] == pytest.approx(np.mean(means), abs=1e-4)
    assert own["sd"] == pytest.approx(np.std(means, ddof=1), abs=1e-4) and own["seeds"] == 2
    assert "Numbers with ± are means over 2 trainings" in page and f"{own['mean']:.3f} ± {own['sd']:.3f}" in page


def test_an_alignment_with_the_seventh_task_is_a_system_of_its_own(results, config, tmp_path):
    changed = deepcopy(config)
    changed["run"]["modes"] = ["intention"]
    changed["tasks"]["explanation"]["modes"] = ["intention"]
    predict(results / "predictions/films/intention-reasons", 0.7)
    explain(results / "explanations/films", ["intention-reasons"])
    page = published(results, changed, tmp_path / "out")
    assert "intention-reasons" in set(pd.read_csv(tmp_path / "out/main.csv")["method"])
    assert "not finished" not in page and len(re.findall("^### MovieLens 100K, ", page, re.MULTILINE)) == 2


def test_nothing_of_the_data_set_but_titles_in_texts(results, config, tmp_path):
    published(results, config, tmp_path / "out")
    for path in (tmp_path / "out").rglob("*"):
        if path.suffix == ".parquet":
            assert SECRET not in str(read_parquet(path).to_dict("records")), path
        elif path.is_file() and path.suffix in (".csv", ".md", ".json"):
            assert SECRET not in path.read_text(encoding="utf-8"), path
    texts = read_parquet(tmp_path / "out/explanations.parquet")
    assert "prompt" not in texts and set(texts["item"]) == {"Film B"} and len(texts) == 60
    viewed = read_parquet(tmp_path / "out/viewpoints.parquet")
    assert "prompt" not in viewed and set(viewed["item"]) == {"Film B"}
    assert viewed.groupby(["system", "viewpoint"]).size().to_dict() == {
        (system, name): 2 for system in texts["system"].unique() for name in ("a", "b")
    }
    assert set(viewed["text"]) == {"As for the a", "As for the b"}
    said = read_parquet(tmp_path / "out/answers.parquet")
    assert set(said["task"]) == {"retrieval", "ranking", "classification", "reconstruction"}
    assert said[said["task"] == "reconstruction"]["target"].isna().all()


def test_rankings_candidate_by_candidate_are_published_without_the_users(results, config, tmp_path):
    published(results, config, tmp_path / "without")
    assert not (tmp_path / "without/pointwise.parquet").exists()
    row = {"sample": "ranking-7", "user": 7, "target": ["Film A", "Film B"], "candidates": ["Film B", "Film A"]}
    row |= {"scores": [-1.5, 0.25], "predicted": ["Film A", "Film B"]}
    rows = [row | {"system": name} for name in ("base", "intention-full")]
    frame = pa.Table.from_pylist(rows, schema=POINTWISE)
    write_parquet(results / "predictions/films/pointwise.parquet", frame)
    page = published(results, config, tmp_path / "out")
    assert "[pointwise.parquet](pointwise.parquet)" in page
    said = read_parquet(tmp_path / "out/pointwise.parquet").to_dict("records")
    assert [one["system"] for one in said] == ["base", "intention-full"]
    for one in said:
        assert "user" not in one and (one["dataset"], one["sample"]) == ("films", "ranking-7")
        assert all(list(one[name]) == row[name] for name in ("target", "candidates", "scores", "predicted"))


def test_the_page_is_named_after_its_data_sets(results, config, tmp_path):
    assert published(results, config, tmp_path / "out").startswith("# The pocket reproduction on MovieLens 100K\n")
    for folder in PUBLISHED:
        recorded = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["config"]
        (name,) = (recorded["datasets"][one]["name"] for one in recorded["run"]["datasets"])
        title = (folder / "README.md").read_text(encoding="utf-8").splitlines()[0]
        assert title == f"# The pocket reproduction on {name}"


def test_examples_are_drawn_by_the_seed_and_the_same_for_all_modes(results, config, tmp_path):
    predict(results / "predictions/films/hybrid-full", 0.9)
    explain(results / "explanations/films", ["hybrid-full"])
    page = published(results, config, tmp_path / "out")
    again = published(results, config, tmp_path / "again")
    assert page == again
    shown = re.findall(r"### MovieLens 100K, RecExplainer-[IH]\n\n((?:\|.*\n)+)", page)
    assert len(shown) == 2 and all(len(rows.splitlines()) == EXAMPLES + 2 for rows in shown)
    # Six of thirty texts are short: a chosen list would have none, or nothing else.
    assert 0 < sum("| Yes. No. |" in line for line in shown[0].splitlines()) < EXAMPLES
    assert {line.rsplit("|", 2)[1].strip() for line in shown[0].splitlines()[2:]} == {"3"}
    other = published(results, config | {"seed": 5}, tmp_path / "other")
    assert re.findall(r"### Movie.*\n\n((?:\|.*\n)+)", other) != shown


def test_texts_are_shown_as_texts(results, config, tmp_path):
    page = published(results, config, tmp_path / "out")
    assert "<script>" not in page
    assert plain(HOSTILE) in page and plain(HOSTILE).count("\n") == 0
    assert "](" not in plain("[d](e)")
    assert plain("a|b") == "a\\|b" and plain("<b>") == "&lt;b&gt;"


def test_shares_of_texts_without_a_reason_are_counted(results, config, tmp_path):
    page = published(results, config, tmp_path / "out")
    assert "beyond the verdict, which can hold no reason: Base LLM (SmolLM2-135M) 20%, RecExplainer-I 20%." in page


@pytest.mark.parametrize(
    ("losses", "flat"),
    [(1 + np.exp(-np.arange(100) / 10), True), (np.linspace(3, 1, 100), False), (np.ones(50), False)],
)
def test_a_loss_has_flattened_by_the_stated_rule(results, config, tmp_path, losses, flat):
    train(results / "alignment/films/intention/full", losses)
    page = published(results, config, tmp_path / "out")
    assert ("The loss of every alignment had flattened." in page) is flat
    assert ("had not flattened: films intention full." in page) is not flat
    assert (tmp_path / "out/losses.csv").is_file() and (tmp_path / "out/learning_curves.png").is_file()


def test_the_fall_of_a_straight_line_by_hand():
    # Tenths of a line from 100 to 1 lie 10 apart; from the first to the last they fall by 90.
    assert last_fall(pd.Series(np.arange(100, 0, -1.0))) == pytest.approx(10 / 90)


def test_a_published_folder_can_be_compared_with_its_run(results, config, tmp_path):
    published(results, config, tmp_path / "out")
    (results / "tables").mkdir()
    table = tmp_path / "out/tables/table2.csv"
    (results / "tables/table2.csv").write_bytes(table.read_bytes())
    assert compare_runs([tmp_path / "out", results]).verdict == "identical"


def test_no_checksum_file_and_no_file_of_an_earlier_run_stays(results, config, tmp_path):
    folder = tmp_path / "out"
    published(results, config, folder)
    (folder / "old.csv").write_text("a\n")
    published(results, config, folder)
    assert not (folder / "old.csv").exists() and not list(folder.rglob(".*"))
    listed = set(re.findall(r"^\| \[(\S+)\]", (folder / "README.md").read_text(), re.MULTILINE))
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert there - listed == {"README.md", MARK} and not listed - there


def test_what_cannot_be_published_is_refused(results, config, tmp_path):
    with pytest.raises(InputError, match="no predictions yet"):
        publish(results=str(tmp_path / "nothing"), config=config, output=str(tmp_path / "out"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("x")
    with pytest.raises(InputError, match="other files than a published run"):
        publish(results=str(results), config=config, output=str(tmp_path / "mine"))
    assert (tmp_path / "mine/thesis.txt").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("provenance.json", []),
        ("provenance.json", {"config": {"run": {"datasets": ["films"]}}}),
        ("provenance.json", {"config": {"seed": "x"}}),
        ("alignment/films/intention/full/record.json", {"steps": 3}),
        ("data/films/statistics.json", {"users": 3, "items": None}),
    ],
)
def test_what_an_earlier_version_or_an_edit_left_is_named_and_the_old_folder_stays(
    results, config, tmp_path, name, content
):
    folder = tmp_path / "out"
    published(results, config, folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    write_json(results / name, content)
    with pytest.raises(InputError, match=f"^{results / name}: "):
        publish(results=str(results), config=config, output=str(folder))
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "results"]


def test_a_run_whose_config_lacks_the_seventh_task_is_published(results, config, tmp_path):
    earlier = deepcopy(config) | {"gone": 1}
    del earlier["tasks"]["explanation"]
    write_json(results / "provenance.json", {"config": earlier, "machine": {"gpus": 3}})
    with pytest.raises(InputError, match="provenance.json: machine: "):
        publish(results=str(results), config=config, output=str(tmp_path / "out"))
    write_json(results / "provenance.json", {"config": earlier, "commit": "abc", "dirty": True})
    assert "reasons" not in published(results, config, tmp_path / "out")


def test_an_explanation_of_no_case_is_named(results, config, tmp_path):
    path = results / "explanations/films/base.parquet"
    rows = read_parquet(path).to_dict("records")
    write_explanations(path, [rows[0] | {"case": "9999"}, *rows[1:]])
    with pytest.raises(InputError, match="base.parquet: case '9999' is none of the cases"):
        publish(results=str(results), config=config, output=str(tmp_path / "out"))


def test_without_marks_in_the_readme_nothing_is_published(results, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("nothing")
    script, configs = ROOT / "workflow/scripts/publish.py", [ROOT / "config/config.yaml", ROOT / "config/pocket.yaml"]
    command = [sys.executable, script, "--results", results, "--config", *configs, "--output", tmp_path / "out"]
    command += ["--schema", ROOT / "config/schema.yaml", "--readme", readme]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("error: ") == 1 and "expected the lines" in done.stderr
    assert not (tmp_path / "out").exists() and readme.read_text() == "nothing"


def test_the_block_is_put_between_the_marks(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    write_block(readme, "new\n")
    write_block(readme, "new\n")
    assert readme.read_text() == f"before\n{START}\nnew\n{END}\nafter\n"
    assert list(tmp_path.iterdir()) == [readme]
    readme.write_text("nothing")
    with pytest.raises(InputError, match="expected the lines"):
        write_block(readme, "new\n")


def test_the_readmes_first_table_is_that_of_the_published_run():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"{START}\n{block_of(ROOT / 'docs/pocket')}{END}" in text
    before = text[: text.index(START)]
    assert not re.search(r"^\|", before, re.MULTILINE)


def test_before_anything_is_published_the_readme_says_so(tmp_path):
    assert block_of(tmp_path / "docs/pocket") == NOT_YET


@pytest.mark.parametrize("folder", PUBLISHED, ids=lambda folder: folder.name)
def test_the_numbers_that_are_published_are_those_of_its_files(folder):
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 10e6
    numbers = {f"{value:.3f}" for value in pd.read_csv(folder / "main.csv")[["mean", "sd"]].stack()}
    rows = "".join(re.findall(r"^\| (?!dataset|-).*$", block_of(folder), re.MULTILINE))
    assert set(re.findall(r"\b\d\.\d{3}\b", rows)) <= numbers
    assert json.loads((folder / MARK).read_text())["readme"] == block_of(folder)


def report_of(results: Path) -> str:
    """Write a real report into a run's folder, with examples, a gallery, and figures 4 (text) and 5 (image alone)."""
    parts = results / "parts"
    parts.mkdir()
    (results / "figures").mkdir()
    for name in ("figure4", "figure5"):
        (results / f"figures/{name}.svg").write_text(f"<svg xmlns='http://www.w3.org/2000/svg'><!--{name}--></svg>")
    panel = Panel("Base LLM", "#000000", "Recommended", True, 3, [Run("It is like Second & co.", "plain")], [])
    write_page(
        CaseView("Figure 4. One", ["Alien <1>", "Second"], "Fargo", [], "yes", "high", [panel], "", "As drawn."),
        str(results / "figures/figure4.html"),
    )
    files = vars(make_files(parts)) | {"figures": [str(path) for path in (results / "figures").glob("*.svg")]}
    write_report(Files(**files), Page(title="A run"), str(results / "report.html"))
    return (results / "report.html").read_text(encoding="utf-8")


def test_no_history_of_the_data_set_is_in_the_published_report(results, config, tmp_path):
    text = report_of(results)
    image = b64encode((results / "figures/figure5.svg").read_bytes()).decode()
    assert text.count("<dt>History, oldest first</dt>") == 4 == text.count('<dd class="text" data-history') + 1
    assert text.count("History 0 ") == 1 and "Alien &lt;1&gt;" in text and image in text
    published(results, config, tmp_path / "out")
    found = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    for secret in ("History 0 ", "History 1 ", "Alien", "<li>Second", ">Second<", image):
        assert secret not in found, secret
    assert found.count(NOT_HERE) == 5
    # The report's own heading names the figure: neither its number nor its sentence stands there twice.
    assert text.count("Figure 4") == 1 and text.count("The same decision, explained by each system.") == 0
    # What stands beside a history stays as it was written, escapes included.
    assert "Fargo" in found and "It is like Second &amp; co." in found
    assert found.count("&lt;script&gt;") == text.count("&lt;script&gt;") - 3
    assert found.count("<div") == found.count("</div>") and found.count("<dd") == found.count("</dd>")
    assert (results / "report.html").read_text(encoding="utf-8") == text


def test_every_history_of_a_template_is_marked():
    places = [path for folder in ("report", "figures") for path in (ROOT / "src/recexplainer" / folder).glob("*.html")]
    for path in places:
        template = path.read_text(encoding="utf-8")
        shown = re.findall(r"<(\w+)([^<>]*)>(?:<ol>)?{% for \w+ in \w+\.history", template)
        assert len(shown) == template.count(".history") == template.count("<dt>History, oldest first</dt>"), path
        assert all(tag == "dd" and HISTORY in attributes.split() for tag, attributes in shown), path


@pytest.mark.parametrize("change", [(" data-history", ""), ("</main>", "</dd><dl><dd data-history><p>Alien")])
def test_a_report_whose_histories_cannot_be_told_apart_is_refused(results, config, tmp_path, change):
    write_text(results / "report.html", report_of(results).replace(*change))
    with pytest.raises(InputError, match="report.html: histories cannot be told .* Run the rule report again"):
        publish(results=str(results), config=config, output=str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_no_link_of_the_published_report_leads_nowhere(results, config, tmp_path):
    (results / "tables").mkdir(exist_ok=True)
    (results / "tables/judges.csv").write_text("judge_a\n")
    kept = '<a href="#trust">How</a> <a class="x" href="tables/judges.csv">CSV</a> <a href="https://a.b/c">Site</a> '
    dead = '<a href="logs/">A name leads to its <b>logs</b>.</a> <a class="x" href="figures/a%20b.svg">SVG</a> '
    cell = '<td><a href="logs/align/">align &amp; on</a></td><td>&lt;a href="x"&gt;<br/></td>'
    page = "<!doctype html><style>a > b {}</style><!-- note --><p>%s</p>%s\n"
    (results / "report.html").write_text(page % (kept + dead, cell), encoding="utf-8")
    published(results, config, tmp_path / "out")
    found = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert found == page % (f"{kept}  ", '<td>align &amp; on</td><td>&lt;a href="x"&gt;<br/></td>')


@pytest.mark.parametrize("folder", PUBLISHED, ids=lambda folder: folder.name)
def test_a_published_report_shows_no_history_and_no_dead_link(folder):
    text = (folder / "report.html").read_text(encoding="utf-8")
    shown = re.findall(r"<dt>History, oldest first</dt>\s*<dd[^>]*>(.*?)</dd>", text)
    assert shown and set(shown) == {NOT_HERE}
    for address in re.findall(r'<a [^>]*?href="([^"#:]+)"', text):
        assert (folder / unquote(address)).exists(), address
