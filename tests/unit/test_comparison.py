"""Two runs beside each other: the same one is identical, another draw reproduces it, and a worse one differs."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from clone import ROOT

from recexplainer.comparison.compare import compare_numbers, compare_runs, in_words
from recexplainer.comparison.numbers import Number, Spread, numbers_of, tables_of
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
    settings = {"bootstrap": 300, "coverage_counts": "once"}
    table2(folders, [["films", system] for system in chosen], settings, seed, str(folder / "tables/table2.csv"))
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
    found = compare_runs(run(tmp_path, 1), published)
    assert found.verdict == "identical" and set(found.rows["verdict"]) == {"identical"}
    assert in_words(found).splitlines()[-1].startswith("identical: of ")


def test_another_draw_of_cases_is_reproduced_and_not_identical(published, tmp_path):
    found = compare_runs(run(tmp_path, 2), published)
    assert found.verdict == "reproduced" and "within" in set(found.rows["verdict"])
    own = found.rows.query("metric == 'retrieval_hr5' and system == 'hybrid'").iloc[0]
    assert own["low"] < 0 < own["high"] and own["p_adjusted"] >= own["p_value"]


def test_shuffled_answers_differ_in_what_was_shuffled_alone(published, tmp_path):
    found = compare_runs(run(tmp_path, 2, shuffled=True), published)
    assert found.verdict == "differs"
    metrics = ("retrieval_hr5", "retrieval_ndcg5", "retrieval_constrained_hr5", "retrieval_constrained_ndcg5")
    assert different(found) == {f"{system} {metric}" for system in SYSTEMS for metric in metrics}
    said = next(line for line in in_words(found).splitlines() if "hybrid, retrieval_hr5" in line)
    for words in ("differs: table2, films, ", "ours 0", "published 0.8", "difference -0.", "95 % interval"):
        assert words in said


def test_a_worse_training_differs(published, tmp_path):
    found = compare_runs(run(tmp_path, 3, systems=SYSTEMS | {"hybrid": 0.6}), published)
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
        failed += (compare_numbers(*sides, {})["verdict"] == "differs").any()
    # Holm's method holds it at 5 %; three standard errors of 400 draws are 3 %.
    assert failed / times <= 0.08


def test_a_single_number_differs_one_time_in_twenty():
    draw, times = np.random.default_rng(6), 2000
    numbers = [[{key(0): share(draw.binomial(300, 0.7), 300)} for _ in range(2)] for _ in range(times)]
    failed = sum((compare_numbers(*sides, {})["verdict"] == "differs").any() for sides in numbers)
    assert failed / times == pytest.approx(0.05, abs=0.016)


def test_the_test_of_two_shares_by_hand():
    found = compare_numbers({key(0): share(60, 100)}, {key(0): share(150, 200)}, {}).iloc[0]
    pooled = 210 / 300
    error = math.sqrt(pooled * (1 - pooled) * (1 / 100 + 1 / 200))
    assert found["difference"] == pytest.approx(-0.15)
    assert found["high"] - found["low"] == pytest.approx(2 * 1.959964 * error)
    assert found["p_value"] == pytest.approx(math.erfc(0.15 / error / math.sqrt(2)))


def test_a_sample_whose_cases_are_all_alike_has_an_error_too():
    few = compare_numbers({key(0): share(1, 60)}, {key(0): share(0, 60)}, {}).iloc[0]
    assert few["verdict"] == "within"
    many = compare_numbers({key(0): share(30, 60)}, {key(0): share(0, 60)}, {}).iloc[0]
    assert many["verdict"] == "differs"


def test_what_another_training_changes_widens_the_interval_of_what_is_trained():
    sides = {key(0): share(600, 1000)}, {key(0): share(680, 1000)}
    assert compare_numbers(*sides, {}).iloc[0]["verdict"] == "differs"
    spread = {("films", "retrieval_hr5"): Spread(0.04**2, 3)}
    wide = compare_numbers(*sides, spread).iloc[0]
    assert wide["verdict"] == "within" and wide["high"] - wide["low"] > 0.2
    untrained = [{("table2", "films", "popularity", "retrieval_hr5"): next(iter(side.values()))} for side in sides]
    assert compare_numbers(*untrained, spread).iloc[0]["verdict"] == "differs"


def test_spreads_are_pooled_over_the_modes(published, tmp_path):
    ours = run(tmp_path, 2)
    columns = ["dataset", "method", "metric", "mean", "sd", "seeds", "cases"]
    rows = [["films", "intention", "retrieval_hr5", 0.7, 0.03, 2, 300]]
    rows += [["films", "hybrid", "retrieval_hr5", 0.8, 0.05, 3, 300]]
    rows += [["films", "hybrid", "ranking_ndcg5", 0.8, None, 1, 300]]
    write_csv(ours / "tables/seeds.csv", pd.DataFrame(rows, columns=columns))
    found, plain = (compare_runs(*sides).rows for sides in ((ours, published), (published, published)))
    assert len(found) == len(plain)
    own = found.query("metric == 'retrieval_hr5' and system == 'hybrid'").iloc[0]
    variance = (0.03**2 + 2 * 0.05**2) / 3
    assert own["high"] - own["low"] > 2 * 1.96 * math.sqrt(2 * variance)
    assert not any("seeds.csv" in note for note in compare_runs(ours, published).notes)


def test_counts_must_be_equal(published, tmp_path):
    ours = run(tmp_path, 1)
    counts = pd.DataFrame([{"dataset": "films", "users": 301, "items": 20}])
    write_csv(ours / "tables/table1.csv", counts)
    found = compare_runs(ours, published)
    assert found.verdict == "differs" and different(found) == {" users"}


def test_a_run_that_lacks_a_system_is_incomplete_and_a_further_one_is_not(published, tmp_path):
    fewer = run(tmp_path / "fewer", 2, systems={"base": 0.1, "intention": 0.7})
    found = compare_runs(fewer, published)
    assert found.verdict == "incomplete"
    assert "missing: table2, films, hybrid: " in in_words(found)
    assert compare_runs(published, fewer).verdict == "reproduced"


def test_configs_that_differ_are_named_but_for_seeds_and_places(published, tmp_path):
    ours = run(tmp_path / "ours", 2)
    other = run(tmp_path / "other", 1)
    config = {"seed": 1, "alignment": {"lr": 1e-3}, "pathvars": {"results": "a"}, "run": {"seeds": [1], "modes": ["x"]}}
    write_json(other / "provenance.json", {"config": config})
    changed = {"seed": 2, "alignment": {"lr": 2e-3}, "pathvars": {"results": "b"}, "run": {"seeds": [], "modes": ["x"]}}
    write_json(ours / "provenance.json", {"config": changed})
    notes = compare_runs(ours, other).notes
    assert [note for note in notes if "configs" in note] == ["The configs differ in alignment.lr."]


def test_what_is_no_run_is_refused(published, tmp_path):
    with pytest.raises(InputError, match="no tables"):
        compare_runs(tmp_path, published)
    other = run(tmp_path / "other", 1)
    for name in ("table1", "table2"):
        path = other / f"tables/{name}.csv"
        write_csv(path, pd.read_csv(path).assign(dataset="games"))
    with pytest.raises(InputError, match="no number that"):
        compare_runs(other, published)
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
        compare_runs(other, published)


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
    with pytest.raises(InputError, match=f"^{runs[0] / name}: "):
        compare_runs(*runs)


@pytest.mark.parametrize(
    ("seed", "shuffled", "status", "verdict"), [(1, False, 0, "identical"), (2, True, 1, "differs")]
)
def test_the_program_says_it_by_its_status(published, tmp_path, seed, shuffled, status, verdict):
    ours = run(tmp_path / "ours", seed, shuffled=shuffled)
    program = [sys.executable, ROOT / "workflow/scripts/compare_runs.py", "--run", ours, "--published", published]
    done = subprocess.run(
        [*map(str, program), "--output", str(tmp_path / "out.csv")],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": ""},
    )
    assert done.returncode == status, done.stderr
    assert done.stdout.splitlines()[-1].startswith(f"{verdict}: ")
    assert verdict in set(pd.read_csv(tmp_path / "out.csv")["verdict"])
