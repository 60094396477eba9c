"""What the learning, answering and judging stages of a run leave, made up: as many rows and words as a real run has.

Nothing in it means anything, but each file has its real schema and its real length, so that the workflow makes of them
tables, figures and a report as large as those of a real run.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from recexplainer import about
from recexplainer.evaluation.predictions import write_predictions
from recexplainer.explanation.cases import CASES
from recexplainer.explanation.texts import explanation, write_explanations
from recexplainer.faithfulness.records import write_records
from recexplainer.files import write_csv, write_json, write_parquet, write_text
from recexplainer.judgement.judgements import write_judgements
from recexplainer.planning.jobs import all_jobs
from recexplainer.systems import CONTROLS, SURROGATES
from recexplainer.tasks.schema import SEPARATOR, TASKS, text_segment, write_tasks

WORDS = (60, 120)
"""The fewest and the most words of an explanation."""
HISTORY = 9
ITEMS = 1000
STEPS = 1000
GENRES = ["Action", "Adventure", "Comedy", "Drama", "Puzzle", "Racing", "Strategy", "Horror", "Sports", "Music"]
PLATFORMS = ["PlayStation 4", "Xbox One", "Nintendo Switch", "PC", "Wii", "Blu-ray"]
NOUNS = (
    "Shadow Kingdom River Empire Night Garden Engine Harbor Legend Winter Signal Castle Orchard Voyage Mirror".split()
)
SENTENCES = [
    "The history holds {first} and {second}, which share the genre {genre} and much of their mood.",
    "Someone who chose {first} will know what {target} asks of a player and what it gives back.",
    "{target} runs on {platform}, and most of what was chosen before it does so as well.",
    "What speaks against it is that {second} came late and that nothing like it was chosen since.",
    "All in all the newer choices lean towards {genre}, and {target} is a step further in that direction.",
    "The series around {second} was followed for a while, from the first part to one of the last.",
    "Neither the makers nor the age of {target} set it apart from the rest of this history.",
]


@dataclass(frozen=True)
class Dataset:
    """A made-up data set: its name, its items, and the cases that are explained."""

    name: str
    items: pd.DataFrame
    cases: list[dict]


def make_dataset(name: str, count: int, rng: np.random.Generator) -> Dataset:
    """Return a data set of :data:`ITEMS` items with ``count`` cases, each of another user."""
    items = pd.DataFrame([_item(number, rng) for number in range(ITEMS)])
    return Dataset(name, items, [_case(number, items, rng) for number in range(count)])


def write_inputs(results: Path, config: dict, seed: int = 1) -> None:
    """Write what the stages before tables and figures leave.

    Args:
        results: the run's folder.
        config: the merged config, with one recommender, no further seeds and no reasons.
        seed: of all draws.
    """
    rng = np.random.default_rng(seed)
    ablations = config["run"]["ablations"]
    left_out = [f"{mode}-{name}" for mode in ablations["modes"] for name in ablations["names"]]
    for name in config["run"]["datasets"]:
        made = make_dataset(name, config["explanation"]["cases"], rng)
        _write_dataset(results, made, config, left_out if name in ablations["datasets"] else [], rng)
    for split in ("train", "test"):
        write_tasks(results / f"tasks/sharegpt/{split}.parquet", _samples(["sharegpt"]))
    write_json(results / "llm/base.json", {"folder": "llm", "id": None, "revision": None, "files": {}})
    _write_measured(results, config, rng)


def _write_dataset(results: Path, made: Dataset, config: dict, ablated: list[str], rng: np.random.Generator) -> None:
    """Write what a run has of one data set; ``ablated`` are the systems that lack a task of the training."""
    name, services = made.name, config["explanation"]["services"]
    aligned = [f"{mode}-full" for mode in config["run"]["modes"]]
    explained, controls = ["base", *services, *aligned], list(CONTROLS)
    _write_data(results, made)
    _write_curves(results, name, [system.split("-") for system in aligned + ablated], rng)
    for system in ["random", "popularity", "base", *aligned, *SURROGATES, *ablated]:
        _write_predictions(results / f"predictions/{name}/{system}", made, system, rng)
    texts = results / f"explanations/{name}"
    for system in [*explained, *controls, *ablated]:
        _write_texts(texts / f"{system}.parquet", made, [{}], rng)
    for system in ["base", *aligned]:
        views = [{"viewpoint": view} for view in config["explanation"]["viewpoints"]]
        _write_texts(texts / f"viewpoints/{system}.parquet", made, views, rng)
    for system in [*explained, *controls]:
        rows = [_record(case, system, rng) for case in made.cases]
        write_records(results / f"faithfulness/{name}/{system}.parquet", rows)
    for judge in config["explanation"]["judges"]:
        for group, systems in (("systems", explained), ("ablations", ablated), ("controls", controls)):
            _write_judgements(results / f"judgements/{name}/{group}/{judge}.parquet", made, systems, judge, rng)
            write_text(results / f"answers/judgements/{name}/{group}/{judge}.jsonl", "")
    for service in services:
        write_text(results / f"answers/explanations/{name}/{service}.jsonl", "")


def _item(number: int, rng: np.random.Generator) -> dict:
    genre, platform = rng.choice(GENRES), rng.choice(PLATFORMS)
    title = f"{' '.join(rng.choice(NOUNS, rng.integers(2, 6), replace=False))} {number}"
    facts = {"tags": f"{genre}, {platform}", "brand": f"{rng.choice(NOUNS)} Studios", "feature": f"For {platform}"}
    return {"title": title, "description": f"{title} is a work of {genre} for {platform}."} | facts


def _case(number: int, items: pd.DataFrame, rng: np.random.Generator) -> dict:
    *history, target = rng.choice(len(items), HISTORY + 1, replace=False).tolist()
    names = {"case": f"{number:04d}", "user": number, "prefix": number, "item": target, "label": number % 2 == 0}
    seen = {"score": rng.normal(), "percentile": rng.random(), "history": items["title"].iloc[history].tolist()}
    return names | seen | items.iloc[target].to_dict()


def _text(case: dict, rng: np.random.Generator) -> str:
    """Return a verdict and reasons, of as many words as :data:`WORDS` says."""
    first, second = rng.choice(case["history"], 2, replace=False)
    genre, platform = case["tags"].split(", ")
    names = {"first": first, "second": second, "target": case["title"], "genre": genre, "platform": platform}
    length, said = rng.integers(*WORDS), f"{rng.choice(['Yes.', 'No.'])} {SENTENCES[0].format(**names)}"
    while len(said.split()) < length:
        said += " " + str(rng.choice(SENTENCES)).format(**names)
    return " ".join(said.split()[: WORDS[1]])


def _write_data(results: Path, made: Dataset) -> None:
    """Write items, cases, the numbers of table 1 and a few tasks."""
    sizes = about.paper_sizes()[made.name]
    sparsity = 100 * (1 - sizes["interactions"] / sizes["users"] / sizes["items"])
    write_json(results / f"data/{made.name}/statistics.json", sizes | {"sparsity_percent": sparsity})
    write_parquet(results / f"data/{made.name}/items.parquet", pa.Table.from_pandas(made.items, preserve_index=False))
    write_parquet(results / f"explanations/{made.name}/cases.parquet", pa.Table.from_pylist(made.cases, schema=CASES))
    for split in ("train", "test"):
        write_tasks(results / f"tasks/{made.name}/hybrid/{split}.parquet", _samples(TASKS))


def _samples(tasks: list[str] | tuple[str, ...]) -> Iterator[dict]:
    for task in tasks:
        for number in range(5):
            messages = [{"role": "user", "segments": [text_segment("What next?")]}]
            row = {"sample": f"{task}-{number:06d}", "task": task, "user": 0, "prefix": 0, "item": -1}
            yield row | {"messages": messages, "target": [], "candidates": []}


def _write_curves(results: Path, name: str, runs: list[list[str]], rng: np.random.Generator) -> None:
    """Write how the recommender and the alignments learned, and the recommender's metrics."""
    epochs, steps = np.arange(1, 101), np.arange(1, STEPS + 1)
    falling, rising = 1 + 5 / np.sqrt(epochs), 0.4 * (1 - 1 / np.sqrt(epochs)) + 0.01 * rng.random(100)
    curve = {"epoch": epochs, "train_loss": falling, "validation_ndcg10": rising}
    write_csv(results / f"recommender/{name}/curve.csv", pd.DataFrame(curve))
    for mode, ablation in runs:
        loss = 1 + 3 / np.sqrt(steps) + 0.1 * rng.random(STEPS)
        frame = pd.DataFrame({"step": steps, "loss": loss, "lr": 1e-4, "tokens": 9000})
        write_csv(results / f"alignment/{name}/{mode}/{ablation}/loss.csv", frame)
    columns = [f"{metric}{k}{end}" for metric in ("hr", "ndcg") for k in (5, 10, 20) for end in ("", "_low", "_high")]
    frame = pd.DataFrame(np.sort(rng.random((2, len(columns)))), columns=columns)
    frame.insert(0, "model", ["sasrec", "popularity"])
    write_csv(results / f"recommender/{name}/metrics.csv", frame)


def _write_predictions(folder: Path, made: Dataset, system: str, rng: np.random.Generator) -> None:
    """Write the four tasks' answers, a row per case; who is no LLM tells no history."""
    titles, rows = made.items["title"].to_numpy(), {task: [] for task in ("retrieval", "ranking", "classification")}
    rows["reconstruction"] = []
    for case in made.cases:
        five = rng.choice(titles, 5, replace=False).tolist()
        row = {"sample": case["case"], "user": case["user"]}
        found = {"target": five[int(rng.integers(5))], "predictions": five, "constrained": five, "read": 5}
        rows["retrieval"].append(row | found)
        ranked = {"target": five, "candidates": sorted(five), "text": SEPARATOR.join(five), "predicted": five}
        rows["ranking"].append(row | ranked)
        said = {"target": case["label"], "predicted": bool(rng.integers(2)), "score": rng.normal(), "text": "Yes"}
        rows["classification"].append(row | said)
        if system == "base" or "-" in system:
            told = case["history"][: int(rng.integers(1, HISTORY))]
            told = {"target": case["history"], "text": SEPARATOR.join(told), "predicted": told, "read": len(told)}
            rows["reconstruction"].append(row | told)
    for task, answers in rows.items():
        write_predictions(folder / f"{task}.parquet", task, answers)


def _write_texts(path: Path, made: Dataset, views: list[dict], rng: np.random.Generator) -> None:
    """Write a text of each case from each point of view; ``[{}]`` is none."""
    asked = [(case, view) for case in made.cases for view in views]
    write_explanations(path, [explanation(case, "Why?", _text(case, rng), "stop") | view for case, view in asked])


def _write_judgements(path: Path, made: Dataset, systems: list[str], judge: str, rng: np.random.Generator) -> None:
    rows = []
    for case in made.cases:
        for system in systems:
            row = {"case": case["case"], "system": system, "judge": judge, "rating": int(rng.integers(1, 5))}
            rows.append(row | {"reply": "", "attempts": 1, "reason": "", "failed": False})
    write_judgements(path, rows)


def _record(case: dict, system: str, rng: np.random.Generator) -> dict:
    """Return a row of the faithfulness stage."""
    row = {name: case[name] for name in ("case", "user", "label", "score")}
    for name in ("decision", "own_decision", "verdict_read"):
        row[name] = bool(rng.integers(2))
    row |= dict(
        zip(("cited_history", "cited_catalogue", "cited_nowhere"), rng.integers(3, size=3).tolist(), strict=True)
    )
    row |= {"cited": case["history"][:2], "wrong_roles": int(rng.integers(2)), "wrong_facts": int(rng.integers(2))}
    for name in ("effect", "effect_by_chance", "effect_by_newest", "effect_by_similar"):
        row[name] = rng.normal()
    for name in ("effect_rank", "rank_of_newest", "rank_of_similar"):
        row[name] = rng.random()
    row |= {"author": system, "score_read": rng.normal(), "score_read_from_title": rng.normal()}
    row |= {"offered": case["history"][0], "refused": case["history"][1]}
    readers = ("foreseen", "foreseen_by_verdict", "foreseen_from_prompt")
    return row | dict(zip(readers, rng.integers(2, size=3).astype(float).tolist(), strict=True))


def _write_measured(results: Path, config: dict, rng: np.random.Generator) -> None:
    """Write Snakemake's benchmark and a line of log of every job of the run."""
    for job in all_jobs(config):
        seconds, memory = rng.exponential(600), rng.exponential(2000)
        line = f"s\tmax_rss\tcpu_time\n{seconds:.4f}\t{memory:.2f}\t{seconds:.2f}\n"
        write_text(results / f"benchmarks/{job.rule}/{job.name}.tsv", line)
        write_text(results / f"logs/{job.rule}/{job.name}.log", "done\n")
