"""What a run leaves that is published, made in a moment: no LLM and no recommender has been here."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from clone import ROOT

from recexplainer.evaluation.predictions import write_predictions
from recexplainer.explanation.cases import CASES
from recexplainer.explanation.texts import write_explanations
from recexplainer.files import write_csv, write_json, write_parquet
from recexplainer.judgement.judgements import write_judgements
from recexplainer.planning.plan import merged

HOSTILE = "| a <script>alert(1)</script> `b` *c* [d](e)\nsecond line"
SECRET = "Only In A History"
"""A title that no system names: it may not be published."""
USERS = 60


def small_config() -> dict:
    """Return the pocket run's config, for two modes."""
    found = merged([ROOT / "config/config.yaml", ROOT / "config/pocket.yaml"], ROOT / "config/schema.yaml")
    found["run"] |= {"modes": ["intention", "hybrid"], "seeds": []}
    found["tasks"]["explanation"]["modes"] = []
    found["evaluation"]["bootstrap"] = 100
    return found


def write_results(folder: Path) -> Path:
    """Write the results of a run that has finished all but the hybrid alignment."""
    for system, skill in {"random": 0.02, "popularity": 0.05, "base": 0.0, "intention-full": 0.8}.items():
        predict(folder / "predictions/films" / system, skill)
    explain(folder / "explanations/films", ["base", "intention-full"])
    ratings = [
        {"case": f"{place:04d}", "system": "intention-full", "judge": "rubric", "rating": 3} for place in range(30)
    ]
    ratings = [row | {"reply": "", "attempts": 1, "reason": "", "failed": False} for row in ratings]
    write_judgements(folder / "judgements/films/systems/rubric.parquet", ratings)
    train(folder / "alignment/films/intention/full", 1 + np.exp(-np.arange(100) / 10))
    write_json(folder / "data/films/statistics.json", {"users": USERS, "items": 20, "interactions": 500})
    (folder / "benchmarks/align").mkdir(parents=True)
    (folder / "benchmarks/align/films.tsv").write_text("s\tmax_rss\tcpu_time\n3600\t800\t3000\n")
    return folder


def finish(folder: Path) -> Path:
    """Write the record of a run that was asked for no more than it has."""
    config = small_config()
    config["run"]["modes"] = ["intention"]
    machine = {"cpu": "a CPU", "cores": 2, "memory_gib": 8, "gpus": [], "python": "3.11.1"}
    record = {"config": config, "commit": "abc", "dirty": False, "version": "0.1.0", "machine": machine}
    raw = [{"path": "results/raw/films/reviews", "sha256": "0" * 64, "sources": ["recbole==1.2.1"]}]
    write_json(folder / "provenance.json", record | {"packages": {"snakemake": "9"}, "raw": raw, "model": []})
    return folder


def predict(folder: Path, skill: float, seed: int = 0) -> None:
    """Write a system's predictions: so often right, by a seed."""
    draw = np.random.default_rng([seed, round(100 * skill)])
    rows = []
    for user in range(USERS):
        said = ["Film A"] if draw.random() < skill else [HOSTILE]
        rows.append({"sample": f"retrieval-{user}", "user": user, "target": "Film A", "predictions": said})
        rows[-1] |= {"constrained": said, "read": int(said == ["Film A"])}
    write_predictions(folder / "retrieval.parquet", "retrieval", rows)
    films = ["Film A", "Film B"]
    rows = [{"sample": f"ranking-{user}", "user": user, "target": films, "candidates": films} for user in range(USERS)]
    rows = [row | {"text": "Film A; Film B", "predicted": films} for row in rows]
    write_predictions(folder / "ranking.parquet", "ranking", rows)
    rows = [{"sample": f"c-{user}", "user": user, "target": True, "predicted": None, "score": 0.5} for user in range(9)]
    write_predictions(folder / "classification.parquet", "classification", [row | {"text": "?"} for row in rows])
    rows = [{"sample": f"h-{user}", "user": user, "target": [SECRET, "Film B"], "text": "Film B"} for user in range(9)]
    rows = [row | {"predicted": ["Film B"], "read": 1} for row in rows]
    write_predictions(folder / "reconstruction.parquet", "reconstruction", rows)


def explain(folder: Path, systems: list[str]) -> None:
    """Write cases, explanations of two words or of ten, and what is said from two points of view."""
    cases = [{"case": f"{place:04d}", "user": place, "prefix": place, "item": 1, "label": True} for place in range(30)]
    more = {"score": 0.5, "percentile": 0.5, "history": [SECRET], "title": "Film B", "description": ""}
    more |= {"tags": "", "brand": "", "feature": ""}
    write_parquet(folder / "cases.parquet", pa.Table.from_pylist([case | more for case in cases], schema=CASES))
    for system in systems:
        texts = [
            "Yes. No." if place < 6 else f"Yes. {HOSTILE}, case {place}, and more words than ten" for place in range(30)
        ]
        rows = [
            {"case": case["case"], "prompt": f"History: {SECRET}", "text": text, "decision": True, "label": True}
            | {"score": 0.5, "finish": "stop"}
            for case, text in zip(cases, texts, strict=True)
        ]
        write_explanations(folder / f"{system}.parquet", rows)
        viewed = [row | {"viewpoint": name, "text": f"As for the {name}"} for row in rows[:2] for name in ("a", "b")]
        write_explanations(folder / "viewpoints" / f"{system}.parquet", viewed)


def train(folder: Path, losses: np.ndarray) -> None:
    """Write what an alignment leaves that is published."""
    record = {"steps": len(losses), "samples": 320, "tokens": 9000, "seconds": 60.0, "peak_memory_mb": 1234.5}
    write_json(folder / "record.json", record | {"precision": "fp32", "device": "x86_64", "trained_parameters": 7})
    frame = {"step": range(1, len(losses) + 1), "loss": losses, "lr": 0.001, "tokens": 90}
    write_csv(folder / "loss.csv", pd.DataFrame(frame))
