"""Table 2 from files of predictions."""

import numpy as np
import pandas as pd
import pytest

from recexplainer.config.evaluation import Ablated
from recexplainer.errors import InputError
from recexplainer.evaluation.metrics import ranking_ndcg
from recexplainer.evaluation.predictions import write_predictions
from recexplainer.figures.figure6 import figure6
from recexplainer.tables.seeds import table_seeds
from recexplainer.tables.table2 import CONSTRAINED, METRICS, UNREAD, beside_best, common_cases, evaluate, table2

SETTINGS = Ablated(bootstrap=50, coverage_counts="once")
# The paper's columns, in its order.
PAPER = "dataset,method,retrieval_hr5,retrieval_ndcg5,ranking_ndcg5,classification_acc,history_hcr".split(",")


def system(folder, **rows):
    """Write the predictions of a system; the tasks that are not given have no rows."""
    for task in ("retrieval", "ranking", "classification", "reconstruction"):
        text = {} if task == "retrieval" else {"text": ""}
        cases = [{"sample": f"{task}-{i}", "user": i // 2} | text | row for i, row in enumerate(rows.get(task, []))]
        write_predictions(folder / f"{task}.parquet", task, cases)
    return str(folder)


@pytest.fixture
def complete(tmp_path):
    order = ["a", "b", "c", "d", "e"]
    return system(
        tmp_path / "complete",
        retrieval=[
            {"target": "A", "predictions": ["a"], "constrained": ["b", "a"], "read": 1},
            {"target": "b", "predictions": ["x", "b"], "constrained": ["b"], "read": 1},
            {"target": "c", "predictions": [], "constrained": ["d"], "read": 0},
            {"target": "d", "predictions": ["x"] * 5 + ["d"], "constrained": ["d"], "read": 1},
        ],
        ranking=[
            {"target": order, "candidates": order[::-1], "predicted": order},
            {"target": order, "candidates": order, "predicted": []},
            {"target": order, "candidates": order, "predicted": ["A", "B", "x", "A", "C"]},
            {"target": order, "candidates": order, "predicted": ["x"]},
        ],
        classification=[
            {"target": True, "predicted": True, "score": 1.0},
            {"target": False, "predicted": None, "score": float("nan")},
            {"target": False, "predicted": False, "score": -1.0},
            {"target": True, "predicted": False, "score": -1.0},
        ],
        reconstruction=[
            {"target": ["a", "b"], "predicted": ["a", "a", "x"], "read": 2},
            {"target": ["a"], "predicted": ["a", "a"], "read": 2},
        ],
    )


@pytest.fixture
def partial(tmp_path):
    return system(tmp_path / "partial", retrieval=[{"target": "a", "predictions": ["b"], "constrained": [], "read": 0}])


def test_metrics_of_a_system_are_the_means_over_its_cases(complete):
    once, repeat = (evaluate(complete, resamples=50, coverage_counts=counts, seed=0) for counts in ("once", "repeat"))
    means = {name: value.mean for name, value in once.items()}
    assert means == pytest.approx(
        {
            "retrieval_hr5": 0.5,
            "retrieval_ndcg5": (1 + 0.63093) / 4,
            "ranking_ndcg5": (1 + ranking_ndcg(list("abcde"), list("abxac"))) / 4,
            "classification_acc": 0.5,
            "history_hcr": 0.75,
            "retrieval_constrained_hr5": 0.75,
            "retrieval_constrained_ndcg5": (2 + 0.63093) / 4,
        },
        abs=1e-5,
    )
    assert repeat["history_hcr"].mean == pytest.approx(1.5)
    assert all(value.low <= value.mean <= value.high for value in once.values())


def test_the_table_has_the_papers_columns_first_and_gaps_where_nothing_applies(complete, partial, tmp_path):
    rows = [["games", "hybrid"], ["steam", "popularity"]]
    for name in ("a.csv", "b.csv"):
        table2(predictions=[complete, partial], rows=rows, settings=SETTINGS, seed=7, output=str(tmp_path / name))
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    table = pd.read_csv(tmp_path / "a.csv")
    assert list(table)[:7] == PAPER
    assert {f"{name}_{end}" for name in PAPER[2:] for end in ("low", "high")} < set(table)
    assert table[["dataset", "method"]].to_numpy().tolist() == rows
    ranking = round((1 + ranking_ndcg(list("abcde"), list("abxac"))) / 4, 4)
    assert table.loc[0, PAPER[2:]].to_list() == [0.5, 0.4077, ranking, 0.5, 0.75]
    for name, value in evaluate(complete, resamples=50, coverage_counts="once", seed=7).items():
        ends = table.loc[0, [name, f"{name}_low", f"{name}_high"]].to_list()
        assert ends == pytest.approx([value.mean, value.low, value.high], abs=5.1e-5)
    assert table.loc[0, ["retrieval_cases", "ranking_cases", "reconstruction_cases"]].to_list() == [4, 4, 2]
    assert table.loc[1, "retrieval_hr5"] == 0 and table.loc[1, "retrieval_constrained_hr5_high"] == 0
    assert table.loc[1, [*PAPER[4:], "ranking_ndcg5_low", "classification_cases"]].isna().all()
    assert ",4,4,4,2," in (tmp_path / "a.csv").read_text()
    tested = [f"{name}_p" for name in METRICS | CONSTRAINED]
    assert list(table)[-len(UNREAD) - len(tested) :] == [*UNREAD, *tested]
    # One retrieval without a title, two rankings without a candidate and one with three of five, one in four neither
    # yes nor no.
    assert table.loc[0, list(UNREAD)].to_list() == [0.25, 0.5, 0.75, 0.25, 0]
    assert table.loc[1, "retrieval_unread"] == 1 and table.loc[1, list(UNREAD)[1:]].isna().all()


def test_a_system_without_any_rows_is_a_row_of_gaps(tmp_path):
    table2(
        predictions=[system(tmp_path / "none")],
        rows=[["steam", "base"]],
        settings=SETTINGS,
        seed=0,
        output=str(tmp_path / "t.csv"),
    )
    table = pd.read_csv(tmp_path / "t.csv")
    assert table.loc[0, "method"] == "base" and table.iloc[0, 2:].isna().all()


def test_a_missing_file_and_a_missing_row_are_named(complete, tmp_path):
    with pytest.raises(InputError, match="2 folders for 1 --rows"):
        table2(
            predictions=[complete, complete],
            rows=[["games", "hybrid"]],
            settings=SETTINGS,
            seed=0,
            output=str(tmp_path / "t.csv"),
        )
    with pytest.raises(InputError, match="nowhere/retrieval.parquet: no such file"):
        table2(
            predictions=[str(tmp_path / "nowhere")],
            rows=[["games", "hybrid"]],
            settings=SETTINGS,
            seed=0,
            output=str(tmp_path / "t.csv"),
        )


def test_seeds_give_a_mean_and_a_sample_deviation(tmp_path):
    def alignment(name, hits):
        rows = [{"target": "a", "predictions": ["a" if hit else "b"], "constrained": []} for hit in hits]
        return system(tmp_path / name, retrieval=rows)

    folders = [alignment("1", [1, 1, 1, 0]), alignment("2", [1, 0, 0, 0]), alignment("other", [1, 1, 1, 1])]
    table_seeds(
        predictions=folders,
        rows=[["games", "hybrid"], ["games", "hybrid"], ["games", "behavior"]],
        coverage_counts="once",
        output=tmp_path / "t.csv",
    )
    table = pd.read_csv(tmp_path / "t.csv")
    assert list(table.columns) == ["dataset", "method", "metric", "mean", "sd", "seeds", "cases"]
    hybrid, behavior = (
        table[(table.method == name) & (table.metric == "retrieval_hr5")] for name in ("hybrid", "behavior")
    )
    assert hybrid[["mean", "sd", "seeds", "cases"]].values.tolist() == [[0.5, 0.3536, 2, 4]]
    assert behavior["sd"].isna().all()
    assert set(table.metric) == {"retrieval_hr5", "retrieval_ndcg5"}
    with pytest.raises(InputError, match="expected one each"):
        table_seeds(predictions=folders, rows=[["games", "hybrid"]], coverage_counts="once", output=tmp_path / "t.csv")


def retrieved(folder, hits: dict[int, int]):
    """Write a system that has answered the cases with these numbers, each right (1) or wrong (0)."""
    rows = [
        {"sample": f"retrieval-{number}", "user": number, "target": "a", "predictions": ["ab"[not hit]]}
        | {"constrained": [], "read": 1}
        for number, hit in hits.items()
    ]
    for task in ("retrieval", "ranking", "classification", "reconstruction"):
        write_predictions(folder / f"{task}.parquet", task, rows if task == "retrieval" else [])
    return str(folder)


def test_systems_are_compared_on_the_cases_that_all_of_them_have(tmp_path):
    """A baseline answers everybody, an LLM some users, another one could not read one of their histories."""
    folders = [
        retrieved(tmp_path / "baseline", dict.fromkeys(range(8), 1) | {1: 0, 2: 0}),
        retrieved(tmp_path / "llm", {0: 1, 1: 1, 2: 0, 3: 0}),
        retrieved(tmp_path / "other", {0: 0, 1: 1, 2: 1}),
        retrieved(tmp_path / "elsewhere", {7: 1}),
        system(tmp_path / "none"),
    ]
    rows = [["games", name] for name in ("random", "hybrid", "behavior")] + [["steam", "hybrid"], ["games", "base"]]
    table2(predictions=folders, rows=rows, settings=SETTINGS, seed=0, output=str(tmp_path / "t.csv"))
    table = pd.read_csv(tmp_path / "t.csv")
    assert table["retrieval_hr5"].to_list()[:4] == [0.3333, 0.6667, 0.6667, 1]
    assert table["retrieval_cases"].to_list()[:4] == [3, 3, 3, 1]
    assert np.isnan(table.loc[4, "retrieval_hr5"])
    # So are alignments with several seeds.
    table_seeds(
        predictions=folders[1:3], rows=[["games", "hybrid"]] * 2, coverage_counts="once", output=tmp_path / "seeds.csv"
    )
    seeds = pd.read_csv(tmp_path / "seeds.csv").set_index("metric")
    assert seeds.loc["retrieval_hr5", ["mean", "sd", "cases"]].to_list() == [0.6667, 0, 3]


def test_ablations_are_compared_on_the_cases_that_all_of_them_have(tmp_path):
    folders = [
        retrieved(tmp_path / "full", {0: 1, 1: 0, 2: 0, 3: 0}),
        retrieved(tmp_path / "ablated", {0: 1, 1: 1}),
        retrieved(tmp_path / "other", {3: 1}),
    ]
    rows = [["games", "hybrid", "full"], ["games", "hybrid", "no_sharegpt"], ["games", "behavior", "full"]]
    figure6(
        predictions=folders,
        rows=rows,
        judgements=[],
        judgement_datasets=[],
        settings=SETTINGS,
        seed=0,
        output=str(tmp_path / "f.csv"),
        images=[],
    )
    table = pd.read_csv(tmp_path / "f.csv")
    table = table[table["metric"] == "retrieval_hr5"]
    assert table["value"].to_list() == [0.5, 1, 1] and table["cases"].to_list() == [2, 2, 1]


def test_systems_without_a_common_case_are_refused(tmp_path):
    folders = [retrieved(tmp_path / "a", {0: 1}), retrieved(tmp_path / "b", {1: 1})]
    with pytest.raises(InputError, match="b: retrieval: no case in common"):
        common_cases(folders, ["games", "games"])
    assert common_cases(folders, ["games", "steam"])["games"] == {"retrieval": {"retrieval-0"}}


def test_each_system_is_tested_against_the_best_of_its_data_set():
    draw = np.random.default_rng(1)

    def system(skill: float) -> dict[str, pd.DataFrame]:
        right = (draw.random(300) < skill).astype(float)
        frame = pd.DataFrame({"sample": [str(i) for i in range(300)], "user": np.arange(300) // 2, "value": right})
        return dict.fromkeys(METRICS | CONSTRAINED, frame) | {"history_hcr": frame.iloc[:0]}

    systems = [system(skill) for skill in (0.5, 0.9, 0.88)]
    rows = [{name: float(own[name]["value"].mean()) if len(own[name]) else None for name in own} for own in systems]
    found = beside_best(systems, rows, 3)
    p_values = [row["retrieval_hr5_p"] for row in found]
    assert p_values[1] is None and p_values[0] < 0.001 and p_values[2] > 0.05
    assert all(row["history_hcr_p"] is None for row in found)
    assert beside_best(systems, rows, 3) == found
    # Holm: the smallest of two is doubled, so it is never under 2 / 10,001 twice.
    assert p_values[0] == pytest.approx(4 / 10_001)
    assert beside_best(systems[:1], rows[:1], 3)[0]["retrieval_hr5_p"] is None
