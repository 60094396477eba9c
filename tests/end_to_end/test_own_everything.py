"""A dataset, recommenders and an LLM that this repository has never seen, through to tables 1 to 4 by config alone."""

import csv
import json
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from clone import CONFIG, ROOT, copy_repository, snakemake

from recexplainer.files import write_safetensors

RESULTS = "results/recipes"
FOODS = "Cod Leek Beet Rice Fig Oat".split()
DISHES = [f"{how} {what}" for how in ("Baked", "Fried", "Raw", "Smoked") for what in FOODS]
RECOMMENDERS = ("mine", "mf")
TABLES = ("table1", "table2", "table3", "table4", "recommender", "faithfulness")
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
MINE = {
    "pathvars": {"results": RESULTS, "logs": f"{RESULTS}/logs", "benchmarks": f"{RESULTS}/benchmarks"},
    "run": {
        "datasets": ["recipes"],
        "recommenders": ["mine", "mf"],
        "ablations": {"names": [], "datasets": []},
    },
    "recommenders": {"mine": {"model": "external", "folder": "data/my_export/{dataset}"}},
    "datasets": {
        "recipes": {
            "name": "Recipes",
            "format": "csv",
            "layout": {"delimiter": ";", "list_separator": "/"},
            "sources": {"reviews": [{"path": "data/cooked.csv"}], "metadata": [{"path": "data/dishes.csv"}]},
            "fields": {"user": "cook", "item": "dish", "time": "day", "title": ["name"], "tags": ["ways"]},
            "filter": {
                "core": 4,
                "top_items": [None],
                "sample_users": [None],
                "target": None,
                "max_broken_share": 0.01,
            },
            "recommender": {"dim": 8, "max_length": 6},
        }
    },
    "sharegpt": {"generate": None, "sources": [{"path": "data/chats.json"}]},
    "llm": {"name": "tiny-qwen", "source": "folder", "folder": "data/my_llm", "chat_template": "tokenizer"},
    "alignment": {"max_steps": 12},
    "evaluation": {"max_cases": 12},
    "tasks": {"explanation": {"modes": []}},  # for which the recommender would have to be asked again
    "explanation": {"cases": 8, "study": {"dataset": "recipes", "cases": 4}},
}


def make_data(folder: Path) -> None:
    """CSV files of a domain of one's own, and some conversations."""
    folder.mkdir(exist_ok=True)
    draw = random.Random(1)
    lines = ["cook;stars;dish;day"]
    for cook in range(60):
        way = cook % 4 * 6
        dishes = draw.sample(range(way, way + 6), 5) + draw.sample([d for d in range(24) if not way <= d < way + 6], 2)
        lines += [f"cook {cook};5;d{dish};2020-01-{1 + day:02d}" for day, dish in enumerate(dishes)]
    (folder / "cooked.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows = [f"d{number};{name};{name.split()[0]}/dinner" for number, name in enumerate(DISHES)]
    (folder / "dishes.csv").write_text("\n".join(["dish;name;ways", *rows]) + "\n", encoding="utf-8")
    chats = [
        {
            "id": str(n),
            "conversations": [{"from": "human", "value": f"Say {n}"}, {"from": "gpt", "value": f"{n} it is"}],
        }
        for n in range(40)
    ]
    (folder / "chats.json").write_text(json.dumps(chats), encoding="utf-8")


def make_llm(folder: Path) -> None:
    """A Qwen with random weights, a tokenizer and a template of its own, as transformers saves them."""
    import torch
    from tiny import TEMPLATE as PLAIN
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from recexplainer.llm.scratch import train_tokenizer

    # It knows the words of the questions, so that they fit the context.
    prompts = [
        (ROOT / f"config/prompts/{name}.yaml").read_text(encoding="utf-8") for name in ("default", "explanation")
    ]
    tokenizer = train_tokenizer([*DISHES * 20, *"\n".join(prompts).splitlines() * 3], 1500, str(PLAIN))
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=1600,  # more than the tokenizer has, as those of Qwen
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=True,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def make_export(data: Path, folder: Path) -> None:
    """Embeddings of a model made elsewhere: items by what they are taken with, histories as the mean of their items."""
    events = pd.read_parquet(data / "interactions.parquet")
    items = len(pd.read_parquet(data / "items.parquet"))
    met = np.zeros((events["user"].max() + 1, items))
    met[events["user"], events["item"]] = 1
    _, values, vectors = np.linalg.svd(met, full_matrices=False)
    item = (vectors[:5] * values[:5, None]).T.astype(np.float32)
    user = events.groupby("user")["item"].transform(lambda taken: pd.Series(range(len(taken)), taken.index))
    shown = [events["item"].to_numpy()[row - int(user[row]) : row + 1] for row in range(len(events))]
    folder.mkdir(parents=True)
    embeddings = np.stack([item[taken].mean(axis=0) for taken in shown])
    write_safetensors(folder / "embeddings.safetensors", {"user": embeddings, "item": item})


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = copy_repository(tmp_path_factory.mktemp("own") / "repository")
    make_data(folder / "data")
    make_llm(folder / "data/my_llm")
    (folder / "mine.yaml").write_text(yaml.safe_dump(MINE), encoding="utf-8")
    config = ("--configfile", CONFIG, "mine.yaml")
    done = snakemake(folder, f"{RESULTS}/data/recipes/interactions.parquet", *config)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    make_export(folder / f"{RESULTS}/data/recipes", folder / "data/my_export/recipes")
    tables = [f"{RESULTS}/tables/{name}.csv" for name in TABLES]
    done = snakemake(folder, *tables, *config)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return folder / RESULTS


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def test_the_tables_have_the_dataset_with_each_recommender(finished):
    (sizes,) = rows(finished / "tables/table1.csv")
    assert (sizes["dataset"], sizes["users"]) == ("recipes", "60")
    targets = ["recipes.mine", "recipes.mf"]
    methods = ["random", "popularity", "tiny-qwen", "behavior", "intention", "hybrid"]
    table = rows(finished / "tables/table2.csv")
    assert [(row["dataset"], row["method"]) for row in table] == [(one, name) for one in targets for name in methods]
    assert all(0 <= float(row["retrieval_hr5"]) <= 1 for row in table)
    assert {row["dataset"] for row in rows(finished / "tables/table3.csv")} == set(targets)
    counted = rows(finished / "tables/table4.csv")[0]
    assert {f"{one}_train" for one in targets} <= set(counted)


def test_every_question_fits_the_llm_and_is_answered(finished):
    for one in RECOMMENDERS:
        for system in ("base", "behavior-full", "intention-full", "hybrid-full"):
            texts = pd.read_parquet(finished / f"explanations/recipes.{one}/{system}.parquet")
            assert set(texts["finish"]) <= {"stop", "length"}


def test_both_recommenders_are_measured_beside_popularity(finished):
    table = {(row["dataset"], row["model"]): float(row["hr10"]) for row in rows(finished / "tables/recommender.csv")}
    assert set(table) == {(f"recipes.{one}", model) for one in RECOMMENDERS for model in (one, "popularity")}


def test_only_a_recommender_that_can_be_asked_again_has_the_counterfactual_measure(finished):
    table = rows(finished / "tables/faithfulness.csv")
    of = {
        one: {row["metric"] for row in table if row["dataset"] == f"recipes.{one}" and row["value"]}
        for one in RECOMMENDERS
    }
    assert of["mine"] and of["mine"] <= of["mf"]


def test_data_are_filtered_once_and_the_targets_differ(finished):
    assert sorted(path.name for path in (finished / "data").iterdir()) == ["recipes", "sharegpt"]
    labels = [pd.read_parquet(finished / f"export/recipes.{one}/labels.parquet") for one in RECOMMENDERS]
    assert len(labels[0]) == len(labels[1]) and not labels[0]["top1"].equals(labels[1]["top1"])
    aligned = [finished / f"alignment/recipes.{one}/hybrid/full/adapter_model.safetensors" for one in RECOMMENDERS]
    assert aligned[0].read_bytes() != aligned[1].read_bytes()
