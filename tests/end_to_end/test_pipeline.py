"""The whole pipeline in earnest, at the smallest scale."""

import csv
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from urllib.request import urlopen

import pytest
import yaml
from clone import CONFIG, planned, snakemake

from recexplainer.systems import CONTROLS

MODES = ("behavior", "intention", "hybrid")


@pytest.fixture(scope="module")
def finished(whole_run):
    return whole_run


def rows(path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def test_the_second_run_has_nothing_to_do(finished):
    # Without a lock: other tests may be copying the run.
    assert planned(finished.parents[1], "--nolock") == {}


def test_table_1_counts_the_generated_users(finished):
    (row,) = rows(finished / "tables/table1.csv")
    assert row["dataset"] == "games"
    assert 0 < int(row["users"]) <= 130
    assert 0 < int(row["items"]) <= 60
    assert int(row["interactions"]) >= 5 * int(row["users"])


def test_table_2_has_every_system(finished):
    table = rows(finished / "tables/table2.csv")
    assert [row["method"] for row in table] == ["random", "popularity", "tiny-llama", *MODES, "hybrid-reasons"]
    for row in table:
        assert 0 <= float(row["retrieval_hr5"]) <= 1
        assert (row["history_hcr"] != "") == row["method"].startswith(("intention", "hybrid"))


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


def test_table_3_rates_every_system_and_the_figures_are_there(finished):
    table = rows(finished / "tables/table3.csv")
    methods = ("tiny-llama", *MODES, "hybrid-reasons", *CONTROLS)
    assert [(row["judge"], row["method"]) for row in table] == [("rubric", name) for name in methods]
    for row in table:
        assert 1 <= float(row["rating_low"]) <= float(row["rating"]) <= float(row["rating_high"]) <= 4
        assert (row["cases"], row["failed"]) == ("12", "0")
    assert {row["source"] for row in rows(finished / "tables/human.csv")} == {"simulated"}
    assert rows(finished / "tables/spending.csv") == []
    for name in ("figure3.svg", "figure4.html", "figure4.svg", "figure5.html", "figure5.svg"):
        assert (finished / "figures" / name).stat().st_size > 1000
    assert "simulated" in (finished / "figures/figure3.svg").read_text(encoding="utf-8")


@contextmanager
def served(folder, scratch):
    """Serve the small LLM as an OpenAI-compatible service on loopback; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (scratch / "hub").mkdir(parents=True)
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(scratch), "OMP_NUM_THREADS": "1"}
    command = ["transformers", "serve", str(folder), "--device", "cpu", "--host", "127.0.0.1", "--port", str(port)]
    program = shutil.which(command[0], path=os.path.dirname(sys.executable))
    with open(scratch / "server.log", "wb") as log:
        server = subprocess.Popen([program, *command[1:]], env=environment, stdout=log, stderr=log)
    try:
        for _ in range(600):
            assert server.poll() is None, (scratch / "server.log").read_text()[-3000:]
            try:
                urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(timeout=30)


def test_a_local_chat_model_explains_and_judges_by_config_alone(finished, tmp_path):
    model, repository = finished / "llm/scratch", shutil.copytree(finished.parents[1], tmp_path / "repository")
    table = "results/smallest/tables/table3.csv"
    before = {row["method"]: row["rating"] for row in rows(repository / table)}
    with served(model, tmp_path / "served") as address:
        services = {
            name: {"base_url": address, "model": str(model), "key_variable": None, "concurrency": 2}
            for name in ("chatgpt", "gpt-4")
        }
        more = {"services": services, "explanation": {"services": ["chatgpt"], "judges": ["rubric"]}}
        (repository / "local.yaml").write_text(yaml.safe_dump(more))
        done = snakemake(repository, table, "--configfile", CONFIG, "local.yaml")
        assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
        (repository / "judge.yaml").write_text(yaml.safe_dump({"explanation": {"judges": ["rubric", "gpt-4"]}}))
        judged = snakemake(repository, table, "--configfile", CONFIG, "local.yaml", "judge.yaml")
    found = {row["method"]: row for row in rows(repository / table)}
    assert list(found)[:5] == ["tiny-llama", "chatgpt", *MODES] and set(found) == {"chatgpt", *before}
    assert all(found[mode]["rating"] == before[mode] for mode in MODES)
    for row in found.values():
        assert (row["judge"], int(row["cases"]) + int(row["failed"])) == ("rubric", 12)
    # So small a model is no judge: none of its replies holds a level, and the stage says so.
    assert judged.returncode != 0
    assert re.search(r"gpt-4: (\d+) of \1 judgements failed, \d+ of them: ", judged.stdout + judged.stderr)
    results = repository / "results/smallest"
    assert len((results / "answers/judgements/games/systems/gpt-4.jsonl").read_text().splitlines()) >= 60
    # With the service gone, the stored answers give the same table.
    first = (repository / table).read_bytes()
    shutil.rmtree(results / "judgements")
    (results / "explanations/games/chatgpt.parquet").unlink()
    done = snakemake(repository, table, "--configfile", CONFIG, "local.yaml")
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    assert (repository / table).read_bytes() == first
