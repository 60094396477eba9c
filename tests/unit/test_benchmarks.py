"""The benchmarks: their harness and table, and that what they compare does the same work. No time is asserted."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from recexplainer.config.labels import LabelRules, Labels
from recexplainer.recommender import labels as library
from recexplainer.recommender import training
from recexplainer.recommender.histories import Histories
from recexplainer.recommender.hyperparameters import hyperparameters

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import harness  # noqa: E402
import labels  # noqa: E402
import raw_to_parquet  # noqa: E402
import report_inputs  # noqa: E402
import sasrec  # noqa: E402
import scaling  # noqa: E402
import speed_page  # noqa: E402
import tasks  # noqa: E402

NOT_TRIED = {"gpu"}  # needs a GPU


def program(name: str, *options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(BENCHMARKS / name), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


def test_both_sides_take_turns():
    calls = []
    turns = harness.alternate(lambda: calls.append("ours"), lambda: calls.append("peer"), rounds=3)
    assert calls == ["ours", "peer", "ours", "peer", "peer", "ours", "ours", "peer"]
    assert len(turns.ours) == len(turns.peer) == 3


def test_a_side_may_measure_itself():
    cost = harness.Cost(wall=1.5, cpu=1.0, memory=7)
    assert harness.timed(lambda: cost) is cost
    assert harness.timed(lambda: None).memory == 0


def test_a_child_is_measured_with_its_memory(tmp_path):
    small, large = (
        harness.child(sys.executable, "-c", f"data = bytearray({size} << 20); data[::4096] = data[::4096]").memory
        for size in (1, 300)
    )
    assert large - small > 200 << 20 or large > 300 << 20


def test_a_child_that_fails_ends_the_benchmark_with_its_output():
    with pytest.raises(SystemExit, match="no luck"):
        harness.child(sys.executable, "-c", "import sys; sys.exit('no luck')")
    with pytest.raises(SystemExit, match="no luck"):
        harness.last_json(sys.executable, "-c", "import sys; sys.exit('no luck')")


def test_a_ratio_over_one_means_ahead(tmp_path):
    path = tmp_path / "results.csv"
    row = harness.record("a", "b", [1.0, 2.0, 1.0], [4.0, 4.0, 5.0], 3, results=path)
    assert (row["ours"], row["peer"], row["ratio"], row["goal"]) == ("1.00", "4.00", "4.00", "3.00")
    assert row["spread"] == "3.00 to 4.50"
    assert harness.record("speed", "b", [300.0], [100.0], 2, "1/s", True, results=path)["ratio"] == "3.00"
    assert harness.record("limit", "2 GiB", [1.0, 0.5], [2.0], 1, "GiB", results=path)["ratio"] == "3.00"


def test_a_row_is_replaced_by_its_next_measurement_and_keeps_its_place(tmp_path):
    path = tmp_path / "results.csv"
    for work, ours in (("a", 1.0), ("b", 1.0), ("a", 2.0)):
        harness.record(work, "peer", [ours], [4.0], None, results=path)
    frame = pd.read_csv(path, dtype=str)
    assert frame["work"].tolist() == ["a", "b"]
    assert frame["ratio"].tolist() == ["2.00", "4.00"]
    assert list(frame.columns) == harness.COLUMNS


def test_the_table_marks_what_misses_its_goal(tmp_path):
    path = tmp_path / "results.csv"
    harness.record("good", "peer", [1.0], [4.0], 3, results=path)
    harness.record("bad | odd", "peer", [1.0], [2.0], 3, results=path)
    good, bad = speed_page.table(path).splitlines()[2:]
    assert "| 4.00 |" in good and "| **2.00** |" in bad and "bad / odd" in bad


def test_the_page_of_speed_shows_the_results():
    text = (ROOT / "docs/speed.md").read_text(encoding="utf-8")
    assert speed_page.shown(text) == speed_page.table()


def test_the_committed_results_are_rows_of_the_harness():
    frame = pd.read_csv(harness.RESULTS, dtype=str, keep_default_na=False)
    assert list(frame.columns) == harness.COLUMNS
    assert not frame.duplicated(["work", "against"]).any()
    for row in frame.to_dict("records"):
        assert float(row["ratio"]) > 0 and row["hardware"], row
        low, high = map(float, re.fullmatch(r"(\S+) to (\S+)", row["spread"]).groups())
        assert low <= float(row["ratio"]) <= high


def test_make_bench_runs_every_benchmark_that_needs_no_gpu():
    target = (ROOT / "Makefile").read_text(encoding="utf-8").split("\nbench:")[1].split("\n\n")[0]
    programs = {path.stem for path in BENCHMARKS.glob("*.py") if "__main__" in path.read_text(encoding="utf-8")}
    assert set(re.findall(r"benchmarks/(\w+)\.py", target)) == programs - NOT_TRIED


def test_a_missing_peer_is_skipped_with_a_message(tmp_path):
    done = program("sasrec.py", "--recbole", "nowhere", "--pmixer", "nowhere", "--results", str(tmp_path / "r.csv"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("skipped") == 2
    assert not (tmp_path / "r.csv").exists()


@pytest.mark.parametrize("form", ["amazon", "steam"])
def test_both_ways_from_raw_to_parquet_give_the_same_interactions(form, tmp_path):
    reviews, metadata = tmp_path / "reviews.gz", tmp_path / "metadata.gz"
    raw_to_parquet.generate(reviews, metadata, form, 4000)
    raw_to_parquet.plain_loop(str(reviews), str(metadata), form, str(tmp_path / "peer.parquet"))
    harness.child(*raw_to_parquet.ours_command(tmp_path, form), env=raw_to_parquet._environment())
    ours = tmp_path / "ours_interactions.parquet"
    assert raw_to_parquet.same_interactions(str(ours), str(tmp_path / "peer.parquet"))
    other = pd.read_parquet(ours)
    other.loc[0, "item"] += 1
    other.to_parquet(tmp_path / "other.parquet")
    assert not raw_to_parquet.same_interactions(str(ours), str(tmp_path / "other.parquet"))


def test_the_loop_over_prefixes_agrees_with_the_export():
    from recexplainer.recommender.export import export

    histories, model = labels.make_histories(150, 200), labels.make_model(200)
    ours = export(model, histories, Labels(**labels.SETTINGS), seed=1)
    peer = labels.one_by_one(model, histories, labels.SETTINGS)
    labels.check_same(ours, peer)
    peer["top1"][3] += 1
    with pytest.raises(AssertionError):
        labels.check_same(ours, peer)


@pytest.mark.parametrize("count", [1, 5, 40])
def test_the_smallest_values_are_those_of_a_stable_sort(count):
    random = np.random.default_rng(1)
    ties = random.integers(30, size=(20, 333)).astype(float)
    for values in (random.random((20, 333)), ties, np.where(ties > 20, np.inf, ties), ties[:, :40]):
        expected = np.argsort(values, axis=1, kind="stable")[:, :count]
        np.testing.assert_array_equal(library._smallest(values, count), expected)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("items", [7, 30, 1003])
def test_the_thresholds_are_those_of_a_sort(items, kind):
    random = np.random.default_rng(1)
    normal = random.normal(size=(40, items))
    outlier = np.where(np.arange(items) == 5, 1e9, normal)
    # Few values, all equal, far outliers that fill one bucket, hardly any spread, large numbers, the sampled masked.
    for scores in (normal, normal.round(), 0 * normal, outlier, -outlier, 1 + 1e-6 * normal, 1e30 * normal):
        for masked in (random.random((40, items)) < 0.3, np.arange(items)[None] % 16 == np.zeros((40, 1))):
            scores = np.where(masked, -np.inf, scores + 0.0).astype(kind)  # + 0.0: no negative zero
            unseen = np.isfinite(scores).sum(axis=1)
            for shares in ((0.2, 0.5), (0.7, 0.6), (0.01, 0.99)):
                ordered = np.sort(scores, axis=1)[:, ::-1]
                high, low = (np.floor(share * unseen + 1e-9).astype(int) for share in shares)
                expected = [ordered[np.arange(40), high], ordered[np.arange(40), unseen - 1 - low]]
                found = library.thresholds(scores, unseen, *shares)
                assert [one.tobytes() for one in found] == [one.tobytes() for one in expected]
                assert {one.dtype for one in found} == {np.dtype(kind)}


def test_rows_are_labelled_alike_in_any_number(monkeypatch):
    histories, model = labels.make_histories(150, 203), labels.make_model(203)
    random = np.random.default_rng(1)
    users = random.normal(size=(len(histories), 64)).astype(np.float32)
    settings = LabelRules(positive_share=0.2, negative_share=0.5, candidates=5, similar=1)
    whole = library.label_prefixes(users, model.items().detach().numpy(), histories, settings, 1, 64)
    for cells in (1, 203 * 7, 203 * 64):
        monkeypatch.setattr(library, "CELLS", cells)
        assert whole.equals(library.label_prefixes(users, model.items().detach().numpy(), histories, settings, 1, 64))


@pytest.mark.parametrize("items", [9, 30, 64])
def test_a_pick_is_the_eligible_column_at_its_place(items):
    random = np.random.default_rng(1)
    eligible, uniform = random.random((50, items)) < 0.3, random.random(50)
    eligible[:, 7] = True
    expected = [np.flatnonzero(row)[int(place * row.sum())] for row, place in zip(eligible, uniform, strict=True)]
    assert library._pick(eligible, uniform, np.arange(50), "positive").tolist() == expected


def test_groups_by_length_hold_each_row_once_and_only_where_they_save():
    histories = sasrec.make_histories(80, items=200)
    rows = np.arange(len(histories))
    groups = histories.by_width(rows, 20)
    assert len(groups) > 2
    assert sorted(np.concatenate(groups)) == rows.tolist()
    lengths = [np.minimum(histories.length[rows[group]], 20) for group in groups]
    assert all(a.max() < b.min() for a, b in zip(lengths[:-1], lengths[1:], strict=True))
    assert len(histories.by_width(rows, 4)) == 1
    assert len(histories.by_width(rows[histories.length == 20], 20)) == 1


def test_training_in_groups_by_length_has_the_same_loss_curve(monkeypatch):
    histories = sasrec.make_histories(120, items=60)
    values = sasrec.SETTINGS | {"dim": 16, "ffn": 16, "epochs": 3, "hidden_dropout": 0.0, "attention_dropout": 0.0}
    grouped = training.train(histories, hyperparameters(values), "second_last", 1)
    monkeypatch.setattr(Histories, "by_width", lambda self, rows, max_length: [np.arange(len(rows))])
    together = training.train(histories, hyperparameters(values), "second_last", 1)
    np.testing.assert_allclose(grouped.curve, together.curve, rtol=1e-3, atol=1e-4)
    rows = np.arange(len(histories))
    whole = training.encode(grouped.model, histories, rows)
    monkeypatch.undo()
    assert len(histories.by_width(rows, grouped.model.positions.num_embeddings)) > 1
    np.testing.assert_allclose(training.encode(grouped.model, histories, rows), whole, atol=1e-5)


def test_the_tasks_of_both_sides_are_as_many_and_as_long(tmp_path):
    source = tasks.make_source(900, items=60)
    tokenizer = tasks.make_tokenizer(source)
    for mode in ("behavior", "intention", "hybrid"):
        tasks.make_file(source, mode, tmp_path / "ours.parquet")
        ours = tasks.make_tokens(tokenizer, tmp_path / "ours.parquet")
        # Without placeholders in its vocabulary the peer has more tokens; the samples are as many.
        assert ours[0] == tasks.one_by_one(source, tokenizer, mode, tmp_path / "peer.parquet")[0]
    with pytest.raises(AssertionError):
        tasks.check_same((10, 100), (11, 100))
    with pytest.raises(AssertionError):
        tasks.check_same((10, 100), (10, 200))


def test_samples_are_written_in_batches_as_at_once(tmp_path, monkeypatch):
    import pyarrow as pa

    from recexplainer.files import write_parquet
    from recexplainer.prompts.phrasings import load_prompts
    from recexplainer.tasks import schema
    from recexplainer.tasks.build import task_rows

    rows = list(
        task_rows(
            tasks.make_source(600, items=50),
            load_prompts(tasks.PROMPTS),
            split="train",
            mode="hybrid",
            hybrid_forms="all",
            test_share=0.3,
        )
    )
    monkeypatch.setattr(schema, "BATCH", 100)
    counts = schema.write_tasks(tmp_path / "batches.parquet", iter(rows))
    write_parquet(tmp_path / "whole.parquet", pa.Table.from_pylist(rows, schema=schema.SCHEMA))
    assert (tmp_path / "batches.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert sum(counts.values()) == len(rows) and counts["retrieval"] == sum(r["task"] == "retrieval" for r in rows)


def test_the_time_to_a_quality_is_that_of_the_first_epoch_that_has_it():
    curve = [[5, 1.0, 0.9, 0.1], [10, 2.0, 1.8, 0.3], [15, 3.0, 2.7, 0.2], [20, 4.0, 3.6, 0.4]]
    assert sasrec.until(curve, 0.25) == [10, 2.0, 1.8]
    with pytest.raises(StopIteration):
        sasrec.until(curve, 0.5)


def test_the_clock_leaves_out_what_measures_quality(monkeypatch):
    ticks = iter(range(100))  # each look at the clock takes a second

    def now(self):
        return (float(next(ticks)),) * 2

    monkeypatch.setattr(sasrec.Clock, "_now", now)
    histories, clock = sasrec.make_histories(20, items=50), sasrec.Clock()
    for epoch in (5, 10, 15):
        clock.measure(histories, lambda rows: np.random.default_rng(1).random((len(rows), 50)), epoch)
    # Looks at 0; 1 and 2; 3 and 4; 5: of which 1 to 2 and 3 to 4 are measuring.
    assert [row[:3] for row in clock.curve] == [[5, 1, 1], [10, 2, 2], [15, 3, 3]]


def test_histories_of_the_scaling_are_histories():
    histories = scaling.histories_of(500, 2000)
    assert histories.length[0] == 1 and (histories.length <= histories.total).all()
    pairs = set(zip(histories.users.tolist(), histories.items.tolist(), strict=True))
    assert len(pairs) == len(histories)
    assert histories.items.max() < 2000


def test_a_made_up_text_is_as_long_as_a_real_one_and_speaks_of_its_case():
    random = np.random.default_rng(1)
    made = report_inputs.make_dataset("games", 30, random)
    texts = [report_inputs._text(case, random) for case in made.cases]
    assert all(60 <= len(text.split()) <= 120 for text in texts)
    assert all(any(title in text for title in case["history"]) for case, text in zip(made.cases, texts, strict=True))


@pytest.mark.slow
def test_the_benchmark_of_the_report_has_every_part_of_a_run_and_measures_time_and_size(tmp_path):
    done = program("report.py", "--cases", "12", "--rounds", "2", "--results", str(tmp_path / "r.csv"))
    assert done.returncode == 0, done.stdout + done.stderr
    frame = pd.read_csv(tmp_path / "r.csv")
    assert frame["against"].tolist() == ["limit of 5 s", "limit of 5 MB"]
    assert (frame["ours"] > 0).all() and frame["unit"].tolist() == ["s", "MB"]


def test_the_exponent_is_the_slope_on_logarithmic_axes():
    small, large = {"cpu_seconds": 2.0, "items": 10}, {"cpu_seconds": 200.0, "items": 1000}
    assert scaling.exponent(small, large, "items") == pytest.approx(1)
    assert scaling.powers(1000, 100_000) == [1000, 10_000, 100_000]


def test_no_array_of_users_and_items_is_held_at_once():
    """With a batch of 64, scores of all 900 test users by 5,000 items are never there together."""
    largest = []

    def scorer(rows):
        largest.append(len(rows))
        return np.zeros((len(rows), 5000))

    from recexplainer.recommender.evaluation import target_ranks

    histories = scaling.histories_of(8000, 5000)
    assert len(histories.test_targets()) > 800
    target_ranks(histories, histories.test_targets(), scorer, batch_size=64)
    assert max(largest) <= 64


@pytest.mark.parametrize("stage", scaling.STAGES)
def test_every_stage_of_the_scaling_runs(tmp_path, monkeypatch, stage):
    monkeypatch.setattr(scaling, "WARM_UP", (3000, 100))
    found = scaling.measure(stage, 4000, 100, tmp_path)
    assert found["seconds"] > 0 and found["cpu_seconds"] > 0 and found["peak_mib"] > 10


def test_the_scaling_writes_a_table_and_a_figure_and_keeps_other_stages(tmp_path):
    table, figure = tmp_path / "scaling.csv", tmp_path / "scaling.svg"
    row = dict.fromkeys(scaling.COLUMNS, 1) | {"stage": "labels", "grows": "items", "items": 1000}
    pd.DataFrame([row]).to_csv(table, index=False)
    options = ["--stages", "filter", "--largest", "100000", "--most-items", "1000"]
    done = program("scaling.py", *options, "--table", str(table), "--figure", str(figure))
    assert done.returncode == 0, done.stderr
    frame = pd.read_csv(table)
    assert frame["stage"].tolist() == ["filter", "filter", "filter", "labels"]
    assert frame["grows"].tolist() == ["interactions", "interactions", "items", "items"]
    assert frame["exponent"].notna().tolist() == [False, True, False, True]
    scaling.draw(frame, str(tmp_path / "again.svg"))
    assert figure.read_bytes() == (tmp_path / "again.svg").read_bytes()


@pytest.fixture(autouse=True)
def _threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
