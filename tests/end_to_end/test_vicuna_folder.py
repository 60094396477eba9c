"""The paper's LLM as it is published, tokenizer.model and .bin shards, but tiny: through the stages to table 2."""

import csv
import json

import pandas as pd
import yaml
from clone import CONFIG, ROOT, copy_repository, snakemake

RESULTS = "results/smallest"
OWN = {
    "run": {"modes": ["hybrid"], "ablations": {"names": [], "datasets": []}},
    "recommender": {"epochs": 3, "tuning": {"trials": 1}},
    # As in config.yaml, but for where it is.
    "llm": {
        "name": "vicuna-tiny",
        "source": "folder",
        "folder": "$OWN_MODELS/vicuna",
        "chat_template": "config/chat_templates/vicuna.jinja",
    },
    "alignment": {"context": 384, "max_steps": 6},
    "tasks": {"explanation": {"modes": []}},
    "evaluation": {"max_cases": 8},
}


def test_a_folder_like_vicunas_goes_through_to_table_2(tmp_path, monkeypatch):
    from vicuna_like import save_llama, save_tokenizer

    models, folder = tmp_path / "models", copy_repository(tmp_path / "repository")
    monkeypatch.setenv("OWN_MODELS", str(models))
    prompts = (ROOT / "config/prompts/default.yaml").read_text(encoding="utf-8").splitlines()
    save_tokenizer(models / "vicuna", prompts * 3, 1200)
    save_llama(models / "vicuna", 1200)
    (folder / "own.yaml").write_text(yaml.safe_dump(OWN), encoding="utf-8")
    config = ("--configfile", CONFIG, "own.yaml")
    done = snakemake(folder, f"{RESULTS}/tables/table2.csv", *config)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    with open(folder / RESULTS / "tables/table2.csv", newline="", encoding="utf-8") as handle:
        table = list(csv.DictReader(handle))
    assert [row["method"] for row in table] == ["random", "popularity", "vicuna-tiny", "hybrid"]
    assert all(0 <= float(row["retrieval_hr5"]) <= 1 for row in table)
    manifest = json.loads((folder / RESULTS / "llm/base.json").read_text(encoding="utf-8"))
    assert manifest["folder"] == str(models / "vicuna") and "tokenizer.model" in manifest["files"]
    assert not [name for name in manifest["files"] if name.endswith((".safetensors", "tokenizer.json"))]
    for system in ("base", "hybrid-full"):
        answers = pd.read_parquet(folder / RESULTS / f"predictions/games/{system}/retrieval.parquet")
        # Constrained to the catalogue, every answer is a title, however little the LLM knows.
        assert len(answers) == 8 and answers["constrained"].map(len).min() > 0
    done = snakemake(folder, f"{RESULTS}/tables/table2.csv", *config, "--dry-run")
    assert "Nothing to be done" in done.stdout + done.stderr
