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
    assert "The tables are in results/smallest/tables" in (done.stdout + done.stderr).splitlines()[-1]
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


def test_every_alignment_has_its_record(finished):
    for mode in MODES:
        record = json.loads((finished / f"alignment/games/{mode}/full/record.json").read_text())
        assert record["steps"] == 3


def test_every_job_left_a_log_and_a_benchmark(finished):
    logs = {path.relative_to(finished / "logs").with_suffix("") for path in finished.glob("logs/*/*.log")}
    benchmarks = {
        path.relative_to(finished / "benchmarks").with_suffix("") for path in finished.glob("benchmarks/*/*.tsv")
    }
    assert logs == benchmarks
    assert len(logs) > 20
