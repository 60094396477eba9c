"""Two runs beside each other: the same one is identical, another draw reproduces it, and a worse one differs."""

import math
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from clone import ROOT, command

from recexplainer.comparison.claims import compare_claims
from recexplainer.comparison.compare import compare_numbers, compare_runs
from recexplainer.comparison.numbers import Number, Spread, numbers_of, tables_of
from recexplainer.comparison.opened import compare
from recexplainer.comparison.summary import in_words
from recexplainer.config.evaluation import Measured
from recexplainer.errors import InputError
from recexplainer.evaluation.predictions import write_predictions
from recexplainer.files import write_csv, write_json
from recexplainer.tables.table2 import table2

SYSTEMS = {"base": 0.1, "intention": 0.7, "hybrid": 0.8}
"""How often each system is right."""


def run(folder: Path, seed: int, users: int = 300, shuffled: bool = False, systems: dict | None = None) -> Path:
    """Write table 2 of a run whose cases are drawn from a seed; ``shuffled`` gives each case another one's answers."""
    draw = np.random.default_rng(seed)
    chosen = systems or SYSTEMS
    for system, skill in chosen.items():
        right, correct = draw.random(users) < skill, draw.random(2 * users) < 0.5 + skill / 2
        titles = [f"Title {place}" for place in range(users)]
        first = [title if hit else "Another" for title, hit in zip(titles, right, strict=True)]
        if shuffled:
            first = [first[place] for place in draw.permutation(users)]
        rows = [
            {"sample": f"r{place}", "user": place, "target": titles[place], "predictions": [first[place]], "read": 1}
            | {"constrained": [first[place]]}
            for place in range(users)
        ]
        place = folder / "predictions" / system
        write_predictions(place / "retrieval.parquet", "retrieval", rows)
        rows = [
            {"sample": f"c{case}", "user": case // 2, "target": True, "predicted": bool(hit), "score": 0.0, "text": ""}
            for case, hit in enumerate(correct)
        ]
        write_predictions(place / "classification.parquet", "classification", rows)
        for task in ("ranking", "reconstruction"):
            write_predictions(place / f"{task}.parquet", task, [])
    folders = [str(folder / "predictions" / system) for system in chosen]
    settings = Measured(bootstrap=300, coverage_counts="once")
    table2(
        predictions=folders,
        rows=[["films", system] for system in chosen],
        settings=settings,
        seed=seed,
        output=str(folder / "tables/table2.csv"),
    )
    counts = pd.DataFrame([{"dataset": "films", "users": users, "items": 20}])
    write_csv(folder / "tables/table1.csv", counts)
    return folder


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return run(tmp_path_factory.mktemp("published"), 1)


def different(found) -> set[str]:
    rows = found.rows[found.rows["verdict"] == "differs"]
    return set(rows["system"] + " " + rows["metric"])


def test_the_same_run_is_identical(published, tmp_path):
    found = compare_runs([published, run(tmp_path, 1)])
    assert found.verdict == "identical" and set(found.rows["verdict"]) == {"identical"}
    assert in_words(found).splitlines()[-1].startswith("identical: of ")


def test_another_draw_of_cases_is_reproduced_and_not_identical(published, tmp_path):
    found = compare_runs([published, run(tmp_path, 2)])
    assert found.verdict == "reproduced" and "within" in set(found.rows["verdict"])
    own = found.rows.query("metric == 'retrieval_hr5' and system == 'hybrid'").iloc[0]
    assert own["difference_low"] < 0 < own["difference_high"] and own["p_adjusted"] >= own["p_value"]


def test_shuffled_answers_differ_in_what_was_shuffled_alone(published, tmp_path):
    found = compare_runs([published, run(tmp_path, 2, shuffled=True)])
    assert found.verdict == "differs"
    metrics = ("retrieval_hr5", "retrieval_ndcg5", "retrieval_constrained_hr5", "retrieval_constrained_ndcg5")
    assert different(found) == {f"{system} {metric}" for system in SYSTEMS for metric in metrics}
    said = next(line for line in in_words(found).splitlines() if "hybrid, retrieval_hr5" in line)
    for words in ("differs: table2, films, ", f"{tmp_path} 0", f"{published} 0.8", "difference -0.", "95 % interval"):
        assert words in said


def test_a_worse_training_differs(published, tmp_path):
    found = compare_runs([published, run(tmp_path, 3, systems=SYSTEMS | {"hybrid": 0.6})])
    assert "hybrid retrieval_hr5" in different(found) and not any("intention" in what for what in different(found))


def share(hits: int, cases: int) -> Number:
    value = hits / cases
    return Number(value, value * (1 - value) / cases, cases)


def key(place: int) -> tuple[str, str, str, str]:
    return ("table2", "films", f"system{place}", "retrieval_hr5")


def test_halves_of_one_run_reproduce_each_other_nineteen_times_in_twenty():
    draw, shares, times = np.random.default_rng(5), np.linspace(0.02, 0.98, 25), 400
    failed = 0
    for _ in range(times):
        sides = [
            {key(place): share(draw.binomial(200, value), 200) for place, value in enumerate(shares)} for _ in range(2)
        ]
        failed += (compare_numbers(sides[:1], sides[1], {})["verdict"] == "differs").any()
    # Holm's method holds it at 5 %; three standard errors of 400 draws are 3 %.
    assert failed / times <= 0.08


def test_a_single_number_differs_one_time_in_twenty():
    draw, times = np.random.default_rng(6), 2000
    numbers = [[{key(0): share(draw.binomial(300, 0.7), 300)} for _ in range(2)] for _ in range(times)]
    failed = sum((compare_numbers(sides[:1], sides[1], {})["verdict"] == "differs").any() for sides in numbers)
    assert failed / times == pytest.approx(0.05, abs=0.016)


def test_the_test_of_two_shares_by_hand():
    found = compare_numbers([{key(0): share(60, 100)}], {key(0): share(150, 200)}, {}).iloc[0]
    pooled = 210 / 300
    error = math.sqrt(pooled * (1 - pooled) * (1 / 100 + 1 / 200))
    assert found["difference"] == pytest.approx(-0.15)
    assert found["difference_high"] - found["difference_low"] == pytest.approx(2 * 1.959964 * error)
    assert found["p_value"] == pytest.approx(math.erfc(0.15 / error / math.sqrt(2)))


def test_a_sample_whose_cases_are_all_alike_has_an_error_too():
    few = compare_numbers([{key(0): share(1, 60)}], {key(0): share(0, 60)}, {}).iloc[0]
    assert few["verdict"] == "within"
    many = compare_numbers([{key(0): share(30, 60)}], {key(0): share(0, 60)}, {}).iloc[0]
    assert many["verdict"] == "differs"


def test_what_another_training_changes_widens_the_interval_of_what_is_trained():
    sides = {key(0): share(600, 1000)}, {key(0): share(680, 1000)}
    assert compare_numbers(sides[:1], sides[1], {}).iloc[0]["verdict"] == "differs"
    spread = {("films", "retrieval_hr5"): Spread(0.04**2, 3)}
    wide = compare_numbers(sides[:1], sides[1], spread).iloc[0]
    assert wide["verdict"] == "within" and wide["difference_high"] - wide["difference_low"] > 0.2
    untrained = [{("table2", "films", "popularity", "retrieval_hr5"): next(iter(side.values()))} for side in sides]
    assert compare_numbers(untrained[:1], untrained[1], spread).iloc[0]["verdict"] == "differs"


def test_spreads_are_pooled_over_the_modes(published, tmp_path):
    ours = run(tmp_path, 2)
    columns = ["dataset", "method", "metric", "mean", "sd", "seeds", "cases"]
    rows = [["films", "intention", "retrieval_hr5", 0.7, 0.03, 2, 300]]
    rows += [["films", "hybrid", "retrieval_hr5", 0.8, 0.05, 3, 300]]
    rows += [["films", "hybrid", "ranking_ndcg5", 0.8, None, 1, 300]]
    write_csv(ours / "tables/seeds.csv", pd.DataFrame(rows, columns=columns))
    found, plain = (compare_runs(sides).rows for sides in ((published, ours), (published, published)))
    assert len(found) == len(plain)
    own = found.query("metric == 'retrieval_hr5' and system == 'hybrid'").iloc[0]
    variance = (0.03**2 + 2 * 0.05**2) / 3
    assert own["difference_high"] - own["difference_low"] > 2 * 1.96 * math.sqrt(2 * variance)
    assert not any("seeds.csv" in note for note in compare_runs([published, ours]).notes)


def test_counts_must_be_equal(published, tmp_path):
    ours = run(tmp_path, 1)
    counts = pd.DataFrame([{"dataset": "films", "users": 301, "items": 20}])
    write_csv(ours / "tables/table1.csv", counts)
    found = compare_runs([published, ours])
    assert found.verdict == "differs" and different(found) == {" users"}


def test_a_run_that_lacks_a_system_is_incomplete_and_a_further_one_is_not(published, tmp_path):
    fewer = run(tmp_path / "fewer", 2, systems={"base": 0.1, "intention": 0.7})
    found = compare_runs([published, fewer])
    assert found.verdict == "incomplete"
    assert "missing: table2, films, hybrid: " in in_words(found)
    assert compare_runs([fewer, published]).verdict == "reproduced"


def test_configs_that_differ_are_named_but_for_seeds_and_places(published, tmp_path):
    ours = run(tmp_path / "ours", 2)
    other = run(tmp_path / "other", 1)
    config = {"seed": 1, "alignment": {"lr": 1e-3}, "pathvars": {"results": "a"}, "run": {"seeds": [1], "modes": ["x"]}}
    write_json(other / "provenance.json", {"config": config})
    changed = {"seed": 2, "alignment": {"lr": 2e-3}, "pathvars": {"results": "b"}, "run": {"seeds": [], "modes": ["x"]}}
    write_json(ours / "provenance.json", {"config": changed})
    notes = compare_runs([other, ours]).notes
    assert [note for note in notes if "configs" in note] == [
        f"The configs of {other} and {ours} differ in alignment.lr."
    ]


def test_what_is_no_run_is_refused(published, tmp_path):
    with pytest.raises(InputError, match="no tables"):
        compare_runs([published, tmp_path])
    other = run(tmp_path / "other", 1)
    for name in ("table1", "table2"):
        path = other / f"tables/{name}.csv"
        write_csv(path, pd.read_csv(path).assign(dataset="games"))
    with pytest.raises(InputError, match="no number that"):
        compare_runs([published, other])
    write_csv(other / "tables/table2.csv", pd.read_csv(other / "tables/table2.csv").drop(columns="method"))
    with pytest.raises(InputError, match="column 'method' is missing"):
        numbers_of(tables_of(other), other)


@pytest.mark.parametrize(
    ("column", "value"),
    [("ranking_ndcg5_low", "x"), ("retrieval_hr5", float("inf")), ("retrieval_cases", "many"), ("users", 1e400)],
)
def test_a_table_with_something_else_than_numbers_is_named(published, tmp_path, column, value):
    other = run(tmp_path / "other", 1, users=20)
    path = other / f"tables/{'table1' if column == 'users' else 'table2'}.csv"
    write_csv(path, pd.read_csv(path).assign(**{column: value}))
    with pytest.raises(InputError, match=f"{other}: table table[12]: column '{column}' holds"):
        compare_runs([published, other])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tables/seeds.csv", "dataset,metric\nfilms,retrieval_hr5\n"),
        ("tables/seeds.csv", "dataset,metric,sd,seeds\nfilms,retrieval_hr5,x,3\n"),
        ("provenance.json", "[]"),
    ],
)
def test_files_that_are_none_are_named(published, tmp_path, name, text):
    runs = [run(tmp_path / folder, 1, users=20) for folder in ("ours", "other")]
    for folder in runs:
        (folder / name).write_text(text)
    with pytest.raises(InputError, match=f"^{tmp_path}/(ours|other)/{name}: "):
        compare_runs([runs[1], runs[0]])


@pytest.mark.parametrize(
    ("seed", "shuffled", "status", "verdict"), [(1, False, 0, "identical"), (2, True, 1, "differs")]
)
def test_the_program_says_it_by_its_status(published, tmp_path, seed, shuffled, status, verdict):
    ours = run(tmp_path / "ours", seed, shuffled=shuffled)
    done = command("compare", published, ours, "--output", tmp_path / "out")
    assert done.returncode == status, done.stderr
    assert done.stdout.splitlines()[-1].startswith(f"{verdict}: ")
    assert verdict in set(pd.read_csv(tmp_path / "out/comparison.csv")["verdict"])


POCKET = ROOT / "docs/pocket"


@pytest.fixture
def pocket(tmp_path):
    """A copy of the published run."""
    return Path(shutil.copytree(POCKET, tmp_path / "pocket"))


def test_the_published_run_reproduces_itself_and_every_number_of_its_tables_is_there(pocket, tmp_path):
    done = command("compare", POCKET, pocket, "--output", tmp_path / "out")
    assert done.returncode == 0 and done.stdout.splitlines()[-1].startswith("identical: of ")
    rows = pd.read_csv(tmp_path / "out/comparison.csv")
    assert set(rows["verdict"]) == {"identical", "not tested"} and (rows["difference"] == 0).all()
    page = (tmp_path / "out/comparison.html").read_text(encoding="utf-8")
    # Neither another view of the same numbers nor the paper's, nor what nothing was paid for, nor judges of no two.
    others = {"claims", "paper_vs_ours", "seeds", "spending", "judges"}
    assert set(rows["table"]) == {path.stem for path in POCKET.glob("tables/*.csv")} - others
    for value in pd.read_csv(POCKET / "tables/faithfulness.csv")["value"].dropna():
        assert f"{value:,.3f}".replace("-", "\u2212") in page
    assert len(pd.read_csv(tmp_path / "out/claims.csv")) == len(pd.read_csv(POCKET / "tables/claims.csv"))


def test_a_changed_number_of_the_published_run_is_named(pocket):
    table = pd.read_csv(pocket / "tables/table2.csv")
    (own,) = table.loc[table["method"] == "intention", "retrieval_hr5"]
    for name in ("retrieval_hr5", "retrieval_hr5_low", "retrieval_hr5_high"):
        table.loc[table["method"] == "intention", name] -= 0.2
    write_csv(pocket / "tables/table2.csv", table)
    done = command("compare", POCKET, pocket)
    lines = done.stdout.splitlines()
    assert done.returncode == 1 and lines[-1].startswith("differs: of ")
    assert [line for line in lines if line.startswith("differs: table")] == [lines[0]]
    both = f"{pocket} {round(own - 0.2, 4):g}, {POCKET} {round(own, 4):g}"
    assert lines[0].startswith(f"differs: table2, films, intention, retrieval_hr5: {both}")


def test_several_runs_are_held_against_the_first_and_corrected_together(published, tmp_path):
    runs = [run(tmp_path / "same", 2), run(tmp_path / "other", 2, shuffled=True), run(tmp_path / "third", 3)]
    found = compare_runs([published, *runs])
    assert found.verdicts == ["reproduced", "differs", "reproduced"] and found.verdict == "differs"
    assert set(found.rows.query("verdict == 'differs'")["run"]) == {str(runs[1])}
    alone = compare_runs([published, runs[1]]).rows.query("verdict == 'differs'")
    among = found.rows.query("verdict == 'differs'")
    assert (among["p_adjusted"].to_numpy() >= alone["p_adjusted"].to_numpy()).all()
    said = in_words(found).splitlines()[-4:]
    assert [line.split(": ")[-2] for line in said] == ["reproduced", "differs", "reproduced", "differs"]


def claims(folder: Path, **verdicts: str) -> Path:
    """Write the claims of a run."""
    names = "claim words where verdict held reversed compared missing data".split()
    rows = [[name, f"<b>{name}</b>", "table 2", word, 1, 0, 1, 0, "real"] for name, word in verdicts.items()]
    write_csv(folder / "tables/claims.csv", pd.DataFrame(rows, columns=names))
    return folder


def test_claims_stand_side_by_side_and_opposite_ones_differ(published, tmp_path):
    first = claims(run(tmp_path / "a", 1), one="supported", two="supported", three="inconclusive")
    open_one = claims(run(tmp_path / "b", 1), one="supported", two="inconclusive", four="mixed")
    opposite = claims(run(tmp_path / "c", 1), one="contradicted", two="supported", three="inconclusive")
    found = compare_claims([first, open_one]).set_index("claim")["agreement"]
    assert dict(found) == {"one": "same", "two": "other", "three": "one run alone", "four": "one run alone"}
    assert compare_runs([first, open_one]).verdict == "identical"
    found = compare([str(first), str(opposite)], str(tmp_path / "out"))
    assert found.verdict == "differs"
    assert f"differs: claim one: {opposite} contradicted, {first} supported" in in_words(found).splitlines()
    page = (tmp_path / "out/comparison.html").read_text(encoding="utf-8")
    assert "<b>one</b>" not in page and "&lt;b&gt;one&lt;/b&gt;" in page


def test_what_people_said_is_shown_and_decides_nothing(published, tmp_path):
    runs = [run(tmp_path / name, 1) for name in ("a", "b")]
    for folder, mean in zip(runs, (1.5, 3.5), strict=True):
        people = pd.DataFrame([["hybrid", mean, mean - 0.1, mean + 0.1, 90, "people"]])
        people.columns = ["method", "mean", "low", "high", "n", "source"]
        write_csv(folder / "tables/human.csv", people)
    found = compare_runs(runs)
    own = found.rows.query("table == 'human'").iloc[0]
    assert found.verdict == "identical" and own["verdict"] == "not tested" and own["difference"] == 2
    assert own["difference_high"] - own["difference_low"] == pytest.approx(0.2 * math.sqrt(2))
    assert math.isnan(own["p_value"])


def test_the_page_loads_nothing_and_shows_every_text_as_text(published, tmp_path):
    ours = run(tmp_path / "<script>ours", 2)
    compare([str(published), str(ours)], str(tmp_path / "out"))
    page = (tmp_path / "out/comparison.html").read_text(encoding="utf-8")
    assert "<script" not in page and "&lt;script&gt;ours" in page
    assert not re.search(r"(?:src|href)=\"(?!#|data:,)", page) and "default-src 'none'" in page
