"""Random and Popularity: their distributions, and the files that they write."""

import numpy as np
import pandas as pd
import pytest
from small_dataset import PROMPTS, SETTINGS, small_dataset

from recexplainer.errors import InputError
from recexplainer.evaluation.baselines import (
    flip,
    predict_baseline,
    retrieve,
    shuffle,
    sort_by_popularity,
    training_popularity,
)
from recexplainer.evaluation.metrics import (
    correct,
    expected_random_hit_ratio,
    expected_random_ranking_ndcg,
    hit_ratio,
    ranking_ndcg,
)
from recexplainer.evaluation.predictions import SCHEMAS
from recexplainer.files import read_parquet
from recexplainer.tasks.build import build_tasks
from recexplainer.tasks.schema import load_tasks

TITLES = [f"title {i}" for i in range(40)]
CASES = 20_000


def case(target: list[str], candidates: tuple = (), sample: str = "s") -> dict:
    return {"sample": sample, "user": 0, "target": target, "candidates": list(candidates)}


def within_four_errors(values: list[float], expected: float) -> bool:
    return abs(np.mean(values) - expected) < 4 * np.std(values) / len(values) ** 0.5


def test_random_is_at_its_closed_form():
    rng = np.random.default_rng(0)
    rows = retrieve([case([TITLES[i % 40]]) for i in range(CASES)], TITLES, None, rng)
    hits = [hit_ratio(row["target"], row["predictions"]) for row in rows]
    assert within_four_errors(hits, expected_random_hit_ratio(40))
    rows = shuffle([case(TITLES[:5], TITLES[:5])] * CASES, rng)
    assert within_four_errors([ranking_ndcg(r["target"], r["predicted"]) for r in rows], expected_random_ranking_ndcg())
    rows = flip([case(["Yes" if i % 2 else "No"]) for i in range(CASES)], rng)
    assert within_four_errors([correct(row["target"], row["predicted"]) for row in rows], 0.5)
    assert within_four_errors([float(row["predicted"]) for row in rows], 0.5)


def test_popularity_draws_in_proportion_without_repetition():
    popularity = np.array([4, 3, 2, 1, 1, 1, 0, 0])
    rows = retrieve([case(["x"])] * CASES, TITLES[:8], popularity, np.random.default_rng(0))
    assert all(len(set(row["predictions"])) == 5 for row in rows)
    assert {title for row in rows for title in row["predictions"]} == set(TITLES[:6])
    first = [row["predictions"][0] for row in rows]
    for item, count in enumerate(popularity[:6]):
        assert within_four_errors([title == TITLES[item] for title in first], count / 12)
    # The second draw, given the first, is again in proportion to what is left.
    second = [row["predictions"][1] for row in rows if row["predictions"][0] == TITLES[0]]
    assert within_four_errors([title == TITLES[1] for title in second], 3 / 8)


def test_fewer_popular_items_than_five_are_all_drawn():
    (row,) = retrieve([case(["x"])], TITLES[:8], np.array([0, 2, 0, 1, 0, 0, 0, 0]), np.random.default_rng(0))
    assert sorted(row["predictions"]) == ["title 1", "title 3"]


def test_the_last_item_of_each_user_is_not_popularity():
    events = pd.DataFrame({"user": [0, 0, 0, 1, 1, 1], "item": [2, 1, 0, 1, 2, 3], "position": [0, 1, 2, 0, 1, 2]})
    assert training_popularity(events, 5).tolist() == [0, 2, 2, 0, 0]


def test_ranking_by_popularity_breaks_ties_by_item():
    popularity = np.array([1, 5, 1, 0, 5])
    (row,) = sort_by_popularity([case(TITLES[:5], [TITLES[i] for i in (2, 4, 3, 0, 1)])], TITLES[:5], popularity)
    assert row["predicted"] == [TITLES[i] for i in (1, 4, 0, 2, 3)]
    with pytest.raises(InputError, match="'other' is no title"):
        sort_by_popularity([case(["other"], ["other"])], TITLES, np.ones(40))


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    files = small_dataset(folder)
    paths = {split: str(folder / f"{split}.parquet") for split in ("train", "test")}
    build_tasks(**files, prompts=str(PROMPTS), settings=SETTINGS, seed=1, paths=paths)
    return files | paths


@pytest.mark.parametrize("system, decides", [("random", True), ("popularity", False)])
def test_a_baseline_writes_all_files_of_predictions(tasks, tmp_path, system, decides):
    for folder in ("a", "b"):
        predict_baseline(
            system=system,
            interactions=tasks["interactions"],
            items=tasks["items"],
            test=tasks["test"],
            seed=3,
            output_dir=str(tmp_path / folder),
        )
    predict_baseline(
        system=system,
        interactions=tasks["interactions"],
        items=tasks["items"],
        test=tasks["test"],
        seed=4,
        output_dir=str(tmp_path / "other"),
    )
    rows = pd.DataFrame(load_tasks(tasks["test"]))
    frames = {}
    for task, schema in SCHEMAS.items():
        frames[task] = read_parquet(tmp_path / "a" / f"{task}.parquet", schema.names)
        assert (tmp_path / "a" / f"{task}.parquet").read_bytes() == (tmp_path / "b" / f"{task}.parquet").read_bytes()
        done = task in ("retrieval", "ranking") or (decides and task == "classification")
        assert frames[task]["sample"].to_list() == (rows["sample"][rows["task"] == task].to_list() if done else [])
    retrieval, ranking = frames["retrieval"], frames["ranking"]
    assert all((a == b).all() for a, b in zip(retrieval["predictions"], retrieval["constrained"], strict=True))
    titles = set(read_parquet(tasks["items"])["title"])
    assert all(len(set(row)) == 5 and set(row) <= titles for row in retrieval["predictions"])
    for row in ranking.itertuples():
        assert sorted(row.predicted) == sorted(row.candidates) == sorted(row.target)
        assert row.text == "; ".join(row.predicted)
    if decides:
        assert frames["classification"]["score"].isna().all()
    other = read_parquet(tmp_path / "other" / "retrieval.parquet")
    assert any((a != b).any() for a, b in zip(retrieval["predictions"], other["predictions"], strict=True))
