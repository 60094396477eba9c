"""An alignment as a folder: what the lines of its card answer without this project is what the run answered."""

import html
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

import recexplainer
from recexplainer.errors import InputError
from recexplainer.evaluation.predict import FRAME_TOKENS, ITEM_TOKENS
from recexplainer.evaluation.reading import AnswerReader
from recexplainer.explanation.questions import show
from recexplainer.interactive import command
from recexplainer.llm.base import load_tokenizer
from recexplainer.llm.encoding import ChatEncoder
from recexplainer.publishing import adapter
from recexplainer.tasks.schema import load_tasks

MODES = ("behavior", "intention", "hybrid")
RESULTS = "results/smallest"
CASES = 3
"""Of each task, and of the explanations."""

# Runs the lines of the cards, one after the other, where this project cannot be imported; then asks what the run asked.
RUNNER = """
import json, os, re, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "recexplainer":
            raise ImportError("the card needs the project")

sys.meta_path.insert(0, Blocked())
from safetensors.torch import load_file

answers = {}
for asked in json.load(sys.stdin):
    os.chdir(asked["folder"])
    (code,) = re.findall(r"^```python\\n(.*?)^```$", open("README.md").read(), re.MULTILINE | re.DOTALL)
    found = {}
    exec(code, found)
    given = []
    users = load_file(asked["users"])["user"]
    for question in asked["questions"]:
        if "recommender" in found:
            found["recommender"]["user"] = users[[question["user"]]]
        given.append(found["answer"](**question["ask"]))
    answers[asked["mode"]] = {"examples": found["answers"], "given": given}
print("ANSWERS" + json.dumps(answers))
"""


@pytest.fixture(scope="module")
def place(whole_run):
    """The repository of the run, as the place to be in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(whole_run.parents[1])
        yield whole_run


@pytest.fixture(scope="module")
def exported(place, tmp_path_factory):
    """Each mode's folder."""
    folder = tmp_path_factory.mktemp("exported")
    for mode in MODES:
        command.export(RESULTS, dataset="games", mode=mode, to=str(folder / mode))
    return folder


def asked_in_the_run(mode: str, config: dict) -> list[dict]:
    """Return questions of the run, and what was answered: ``ask``, ``user`` (the row), ``task`` and ``expected``."""
    tokenizer = load_tokenizer(f"{RESULTS}/llm/base.json", config["llm"]["chat_template"])
    encoder, found = ChatEncoder(tokenizer, 10**9), []
    titles = list(pd.read_parquet(f"{RESULTS}/data/games/items.parquet")["title"])
    tasks = {row["sample"]: row for row in load_tasks(f"{RESULTS}/tasks/games/{mode}/test.parquet")}
    yes, no = (ids[0] for ids in encoder.answers(["Yes", "No"]))
    for task in ("retrieval", "ranking", "classification", "reconstruction"):
        rows = pd.read_parquet(f"{RESULTS}/predictions/games/{mode}-full/{task}.parquet").to_dict("records")
        lists = [row["target"] for row in rows] if task in ("ranking", "reconstruction") else []
        longest = max(map(len, encoder.answers(["; ".join(one) for one in lists] or titles)))
        longest += 8 + FRAME_TOKENS + ITEM_TOKENS * max(map(len, lists)) if lists else 1
        how = {"choices": {"Yes": yes, "No": no}} if task == "classification" else {"max_new_tokens": longest}
        how |= {"beams": config["evaluation"]["beams"]} if task == "retrieval" else {}
        for row in rows[:CASES]:
            messages = tasks[row["sample"]]["messages"]
            segments = messages[0]["segments"]
            users = [one["ref"] for one in segments if one["kind"] == "user"]
            ask = {"question": show(messages), "items": [one["ref"] for one in segments if one["kind"] == "item"]}
            expected = {"retrieval": "predictions", "classification": "predicted"}.get(task, "text")
            found.append({"ask": ask | how, "user": (users or [0])[0], "task": task, "expected": row[expected]})
    cases = pd.read_parquet(f"{RESULTS}/explanations/games/cases.parquet").set_index("case")
    texts = pd.read_parquet(f"{RESULTS}/explanations/games/{mode}-full.parquet").head(CASES)
    for row in texts.to_dict("records"):
        case = cases.loc[row["case"]]
        ask = {"question": row["prompt"], "items": [int(case["item"])]}
        ask |= {"max_new_tokens": config["explanation"]["max_tokens"]}
        found.append({"ask": ask, "user": int(case["prefix"]), "task": "explanation", "expected": row["text"]})
    return found


@pytest.fixture(scope="module")
def outside(place, exported):
    """What the lines of the cards answer in a process that cannot import this project, and what the run did."""
    config = json.loads(Path(RESULTS, "provenance.json").read_text(encoding="utf-8"))["config"]
    asked = {mode: asked_in_the_run(mode, config) for mode in MODES}
    users = str(place / "export/games/embeddings.safetensors")
    given = [
        {"mode": mode, "folder": str(exported / mode), "users": users}
        | {"questions": [{"ask": one["ask"], "user": one["user"]} for one in asked[mode]]}
        for mode in MODES
    ]
    # -I: neither PYTHONPATH nor the working directory.
    call = [sys.executable, "-I", "-c", RUNNER]
    done = subprocess.run(call, input=json.dumps(given), capture_output=True, text=True, timeout=1700)
    assert done.returncode == 0, done.stderr[-3000:]
    answers = json.loads(done.stdout.partition("ANSWERS")[2])
    return {mode: answers[mode] | {"asked": asked[mode]} for mode in MODES}


@pytest.mark.parametrize("mode", MODES)
def test_the_answers_are_those_of_the_run(outside, mode, place):
    titles = list(pd.read_parquet(place / "data/games/items.parquet")["title"])
    reader, tasks = AnswerReader(titles, "found"), set()
    for one, text in zip(outside[mode]["asked"], outside[mode]["given"], strict=True):
        tasks.add(one["task"])
        if one["task"] == "retrieval":
            assert [reader.title(beam) for beam in text] == list(one["expected"])
        elif one["task"] == "classification":
            assert (text == "Yes") == one["expected"]
        else:
            assert text == one["expected"], one
    known = {"retrieval", "ranking", "classification", "explanation"}
    assert tasks == known | (set() if mode == "behavior" else {"reconstruction"})


@pytest.mark.parametrize("mode", MODES)
def test_the_cards_examples_are_answered_as_the_api_does(outside, exported, mode, place):
    """About a history that no user has: the user embedding in the folder is the recommender's for it."""
    examples = json.loads((exported / mode / "examples.json").read_text(encoding="utf-8"))
    assert list(outside[mode]["examples"]) == [one["kind"] for one in examples]
    history, item = about(exported / mode)
    model = recexplainer.load(RESULTS, "games", mode)
    assert outside[mode]["examples"]["explanation"] == model.explain(history, item).text
    histories = [model.history(user) for user in model.users]
    assert not any(history == one[start : start + len(history)] for one in histories for start in range(len(one)))


def about(folder: Path) -> tuple[list[str], str]:
    """Return the history and the item of the card's examples."""
    card = (folder / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"about a history that is made up: (.*?)\. The wordings", card)
    history = html.unescape(re.sub(r"\\(.)", r"\1", shown))
    examples = json.loads((folder / "examples.json").read_text(encoding="utf-8"))
    (ask,) = (one["ask"] for one in examples if one["kind"] == "explanation")
    titles = list(pd.read_parquet(f"{RESULTS}/data/games/items.parquet")["title"])
    if "items" in ask:
        return history.split("; "), titles[ask["items"][0]]
    return history.split("; "), re.search(r"Will this user like (.*?)\?", ask["question"])[1]


def test_no_user_and_no_history_travels(exported, place):
    users = load_file(place / "export/games/embeddings.safetensors")["user"]
    names = {path.name for path in (exported / "behavior").iterdir()}
    assert not names & {"projectors.safetensors", "recommender.safetensors", "titles.json"}
    for mode in MODES[1:]:
        found = load_file(exported / mode / "recommender.safetensors")
        assert {name: len(value) for name, value in found.items()} == {
            "item": len(json.loads((exported / mode / "titles.json").read_text(encoding="utf-8"))),
            "user": 1,
            "item_scale": 1,
            "user_scale": 1,
        }
        assert np.abs(users - found["user"]).max(axis=1).min() > 1e-4


@pytest.mark.parametrize("mode", MODES)
def test_the_card_is_filled_from_the_run(exported, place, mode):
    card = (exported / mode / "README.md").read_text(encoding="utf-8")
    record = json.loads((place / "provenance.json").read_text(encoding="utf-8"))
    table = pd.read_csv(place / "tables/table2.csv").set_index("method")
    (row,) = re.findall(rf"^\| RecExplainer-{mode[0].upper()} \|(.*)\|$", card, re.MULTILINE)
    shown = [float(number) for number in re.findall(r"\d\.\d+", row)]
    metrics = ["retrieval_hr5", "retrieval_ndcg5", "ranking_ndcg5", "classification_acc"]
    metrics += [] if mode == "behavior" else ["history_hcr"]
    expected = [table.loc[mode, f"{metric}{end}"] for metric in metrics for end in ("", "_low", "_high")]
    assert shown == pytest.approx(expected, abs=5.1e-4)
    assert "**Synthetic" in card and record["config_digest"] in card and str(record["config"]["seed"]) in card
    assert (record["commit"] or "unknown") in card
    config = json.loads((exported / mode / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] == "base"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mode": "intentions"}, r"no alignment .* --mode intentions .*; there are: .*--mode behavior --run full"),
        ({"run": "no_sharegpt"}, r"no alignment .*; there are: .*--mode hybrid --run no_classification"),
        ({"dataset": "films"}, "no alignment --dataset films"),
        ({"results": "results"}, "provenance.json: no such file; expected the folder of a finished run"),
        ({"to": "config"}, "--to config: there already"),
    ],
)
def test_what_cannot_be_exported(place, tmp_path, change, message):
    given = {"results": RESULTS, "dataset": "games", "mode": "hybrid", "run": "full", "to": str(tmp_path / "new")}
    with pytest.raises(InputError, match=message) as error:
        adapter.export(**given | change)
    assert "\n" not in str(error.value) and not list(tmp_path.iterdir())


def test_a_folder_is_whole_or_not_there(place, tmp_path, monkeypatch):
    monkeypatch.setattr(adapter, "card", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        adapter.export(RESULTS, dataset="games", mode="hybrid", run="full", to=tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_another_name_of_the_base_llm(place, tmp_path):
    adapter.export(
        RESULTS, dataset="games", mode="behavior", run="full", to=tmp_path / "model", base="someone/tiny-llama"
    )
    config = json.loads((tmp_path / "model/adapter_config.json").read_text(encoding="utf-8"))
    card = (tmp_path / "model/README.md").read_text(encoding="utf-8")
    assert config["base_model_name_or_path"] == "someone/tiny-llama"
    assert "base_model: someone/tiny-llama" in card
    assert "AutoModelForCausalLM.from_pretrained('someone/tiny-llama', dtype=torch.float32)" in card
    assert not (tmp_path / "model/base").exists()
