"""The whole pipeline in earnest, at the smallest scale."""

import csv
import json

import pytest
from clone import CONFIG, copy_repository, planned, snakemake

MODES = ("behavior", "intention", "hybrid")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = copy_repository(tmp_path_factory.mktemp("pipeline"))
    done = snakemake(folder, "--configfile", CONFIG)
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    assert "The tables are in results/smallest/tables: recommender.csv, table1.csv" in done.stdout + done.stderr
    return folder / "results/smallest"


def rows(path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def test_the_second_run_has_nothing_to_do(finished):
    assert planned(finished.parents[1]) == {}


def test_table_1_counts_the_generated_users(finished):
    (row,) = rows(finished / "tables/table1.csv")
    assert row["dataset"] == "games"
    assert 0 < int(row["users"]) <= 130
    assert 0 < int(row["items"]) <= 60
    assert int(row["interactions"]) >= 5 * int(row["users"])


def test_table_2_has_every_system(finished):
    table = rows(finished / "tables/table2.csv")
    assert [row["method"] for row in table] == ["random", "popularity", "tiny-llama", *MODES]
    for row in table:
        assert 0 <= float(row["retrieval_hr5"]) <= 1
        assert (row["history_hcr"] != "") == (row["method"] in ("intention", "hybrid"))


def test_table_4_agrees_with_table_1(finished):
    (sizes,) = rows(finished / "tables/table1.csv")
    users, interactions = int(sizes["users"]), int(sizes["interactions"])
    table = {
        row["task"]: (int(row["games_train"]), int(row["games_test"])) for row in rows(finished / "tables/table4.csv")
    }
    assert table["retrieval"] == table["ranking"] == (interactions - 2 * users, users)
    assert table["reconstruction"] == (interactions - users, users)
    assert table["classification"] == (2 * users, 2 * round(0.3 * users))
    assert table["discrimination"][1] == 0


def test_the_aligned_models_have_learnt_from_the_recommender(finished):
    table = {row["method"]: row for row in rows(finished / "tables/table2.csv")}
    for mode in MODES:
        assert float(table[mode]["retrieval_hr5"]) > 2 * float(table["popularity"]["retrieval_hr5"])
        assert float(table[mode]["retrieval_hr5"]) > 2 * float(table["tiny-llama"]["retrieval_hr5"])
    assert float(table["intention"]["classification_acc_low"]) > 0.5


def test_every_alignment_has_its_record_and_its_loss_falls(finished):
    for mode in MODES:
        folder = finished / f"alignment/games/{mode}/full"
        assert json.loads((folder / "record.json").read_text())["steps"] == 300
        losses = [float(row["loss"]) for row in rows(folder / "loss.csv")]
        assert len(losses) == 300
        assert sum(losses[-20:]) < 0.6 * sum(losses[:20])


def test_every_job_left_a_log_and_a_benchmark(finished):
    logs = {path.relative_to(finished / "logs").with_suffix("") for path in finished.glob("logs/*/*.log")}
    benchmarks = {
        path.relative_to(finished / "benchmarks").with_suffix("") for path in finished.glob("benchmarks/*/*.tsv")
    }
    assert logs == benchmarks
    assert len(logs) > 20
