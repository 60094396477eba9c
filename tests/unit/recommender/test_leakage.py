"""No test interaction reaches the recommender's training, its choice, the labels or the prompts.

Two datasets differ in nothing but each user's last item. Whatever is made before the test must be the same in both, to
the byte; and an item that users take only as their last one must be in no history.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_dataset import PROMPTS, changed

from recexplainer.config.explanation import Chosen
from recexplainer.config.kinds import Viewpoint
from recexplainer.config.labels import Labels
from recexplainer.config.recommender import Range, Space, Training, Trial
from recexplainer.config.tasks import Explained
from recexplainer.explanation.cases import choose_cases
from recexplainer.files import read_json, read_parquet, read_safetensors, write_json, write_parquet, write_safetensors
from recexplainer.recommender.export import export
from recexplainer.recommender.histories import load_histories
from recexplainer.recommender.hyperparameters import hyperparameters
from recexplainer.recommender.scorer import recommender_scorer
from recexplainer.recommender.training import load_model, run_trial, train_best
from recexplainer.tasks.build import build_tasks
from recexplainer.tasks.explanation import build_explanations
from recexplainer.tasks.schema import load_tasks

USERS, ITEMS = 40, 36
MARKED = 35
"""An item that is only ever a last one, in the first of the two datasets."""
MODES = ("behavior", "intention", "hybrid")
SASREC = {
    "dim": 8, "max_length": 6, "layers": 1, "heads": 2, "ffn": 16, "activation": "swish",
    "hidden_dropout": 0.1, "attention_dropout": 0.1, "lr": 0.01, "weight_decay": 0.0, "batch_size": 32,
    "epochs": 4, "patience": 2, "gradient_clip": 10.0,
}  # fmt: skip
GENRE = Viewpoint(values=[], fields=["tags"])
SPACE = Space(lr=Range(low=0.001, high=0.05, log=True))
EXPORT = Labels(positive_share=0.2, negative_share=0.5, candidates=5, similar=1, batch_size=64)


def sequences(marked: bool) -> list[list[int]]:
    """Return each user's items, oldest first: the last one is the marked item, or some other of the catalogue."""
    random = np.random.default_rng(3)
    before = [random.permutation(MARKED)[: random.integers(5, 9)].tolist() for _ in range(USERS)]
    others = [int(random.choice(np.setdiff1d(np.arange(MARKED), row))) for row in before]
    return [[*row, MARKED if marked else other] for row, other in zip(before, others, strict=True)]


def write_data(folder: Path, marked: bool) -> dict[str, str]:
    """Write what the data stage makes; return the paths of all files up to the tasks, by name."""
    rows = sequences(marked)
    events = [(user, item, place, place) for user, row in enumerate(rows) for place, item in enumerate(row)]
    texts = {name: ["a text"] * ITEMS for name in ("description", "brand", "feature")}
    texts["tags"] = [("Horror", "Comedy, War", "Crime", "War, Crime")[number % 4] for number in range(ITEMS)]
    titles = [f"Title {number}" for number in range(MARKED)] + ["The Marked One"]
    paths = {name: str(folder / f"{name}.parquet") for name in ("interactions", "items", "labels", "similar")}
    events = pd.DataFrame(events, columns=["user", "item", "position", "time"]).astype("int32")
    write_parquet(paths["interactions"], events)
    write_parquet(paths["items"], pd.DataFrame({"item": range(ITEMS), "title": titles} | texts))
    return paths | {"embeddings": str(folder / "embeddings.safetensors")}


def run(folder: Path, marked: bool, validation: str) -> Path:
    """Run all stages from the recommender's search to the tasks and the cases to explain."""
    paths = write_data(folder, marked)
    histories = load_histories(paths["interactions"], paths["items"])
    settings = Trial(sasrec=hyperparameters(SASREC), space=SPACE, validation=validation)
    trials = [folder / f"trial{number}.json" for number in range(3)]
    for number, path in enumerate(trials):
        write_json(path, run_trial(histories, settings, number, seed=1))
    best = train_best(histories, trials, Training(validation=validation, bootstrap=5), seed=1)
    write_safetensors(folder / "model.safetensors", best.weights)
    write_json(folder / "config.json", best.config)
    best.curve.to_csv(folder / "curve.csv", index=False)
    model = load_model(folder / "model.safetensors", folder / "config.json")
    embeddings, labels, similar = export(model, histories, EXPORT, seed=2)
    write_safetensors(paths["embeddings"], embeddings)
    write_parquet(paths["labels"], labels)
    write_parquet(paths["similar"], similar)
    for mode in MODES:
        outputs = {split: str(folder / f"{mode}-{split}.parquet") for split in ("train", "test")}
        build_tasks(**paths, prompts=str(PROMPTS), settings=changed(mode=mode), seed=3, paths=outputs)
    seventh = Explained(max_length=6, mode="hybrid", hybrid_forms="combined", samples=40)
    options = {"verdict_alone": True, "choices_alone": 30, "viewpoint_share": 0.5, "viewpoints": {"genre": GENRE}}
    scorer = recommender_scorer(folder / "model.safetensors", folder / "config.json")
    for name, settings in (("explanation", seventh), ("options", seventh.model_copy(update=options))):
        build_explanations(
            files=paths,
            scorer=scorer,
            question=str(PROMPTS.parent / "explanation.yaml"),
            wording=str(PROMPTS.parent / "reasons.yaml"),
            prompts=str(PROMPTS),
            settings=settings,
            seed=3,
            output=str(folder / f"{name}.parquet"),
        )
    inputs = {name: paths[name] for name in ("interactions", "items", "labels", "embeddings")}
    choose_cases(**inputs, settings=Chosen(cases=30, max_length=6), seed=4, output=str(folder / "cases.parquet"))
    return folder


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The folders of the two datasets."""
    return [run(tmp_path_factory.mktemp(name), name == "marked", "second_last") for name in ("marked", "other")]


def test_the_datasets_differ_in_every_last_item_and_nowhere_else(both):
    first, second = (read_parquet(folder / "interactions.parquet") for folder in both)
    last = (first["user"] != first["user"].shift(-1)).to_numpy()
    assert ((first["item"] != second["item"]).to_numpy() == last).all()
    assert (first["item"][last] == MARKED).all() and not (first["item"][~last] == MARKED).any()


BEFORE_THE_TEST = [
    *("trial0.json", "trial1.json", "trial2.json", "config.json", "curve.csv", "model.safetensors"),
    *("similar.parquet", "cases.parquet", "explanation.parquet", "options.parquet"),
    *(f"{mode}-train.parquet" for mode in MODES),
]


@pytest.mark.parametrize("name", BEFORE_THE_TEST)
def test_other_test_items_change_no_byte_of_what_is_made_before_the_test(both, name):
    first, second = (folder / name for folder in both)
    assert first.read_bytes() == second.read_bytes()


def test_labels_and_embeddings_of_all_prefixes_without_the_test_item_are_the_same(both):
    labels = [read_parquet(folder / "labels.parquet") for folder in both]
    early = labels[0]["split"] != "full"
    assert early.sum() == len(early) - USERS
    pd.testing.assert_frame_equal(*(frame[early] for frame in labels))
    users = [read_safetensors(folder / "embeddings.safetensors")["user"] for folder in both]
    assert np.array_equal(users[0][early], users[1][early]) and not np.array_equal(users[0], users[1])


@pytest.mark.parametrize("mode", MODES)
def test_the_tests_questions_and_answers_do_not_know_the_test_item(both, mode):
    """Only reconstruction is tested on the whole sequence, as in the paper's counts; no training sample shows it."""
    first, second = (load_tasks(folder / f"{mode}-test.parquet") for folder in both)
    changed = {row["task"] for row, other in zip(first, second, strict=True) if row != other}
    assert changed == (set() if mode == "behavior" else {"reconstruction"})


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("split", ["train", "test"])
def test_the_marked_item_is_in_no_history_and_no_embedding_that_is_shown(both, mode, split):
    splits = read_parquet(both[0] / "labels.parquet")["split"]
    shown = 0
    for row in load_tasks(both[0] / f"{mode}-{split}.parquet"):
        if split == "test" and row["task"] == "reconstruction":
            continue
        for segment in (segment for message in row["messages"] for segment in message["segments"]):
            assert segment["kind"] != "title" or "Marked" not in segment["text"]
            assert segment["kind"] != "user" or splits[segment["ref"]] != "full"
            shown += segment["kind"] in ("title", "user")
        assert row["prefix"] < 0 or splits[row["prefix"]] != "full"
        if row["task"] == "reconstruction":
            assert "Marked" not in str(row["messages"])
    assert shown > 100


def test_the_seventh_task_shows_no_marked_item_with_its_options_either(both):
    splits = read_parquet(both[0] / "labels.parquet")["split"]
    rows = load_tasks(both[0] / "options.parquet")
    assert {splits[row["prefix"]] for row in rows} == {"train"}
    asked = [str(row["messages"]) for row in rows]
    shown = [row["messages"][0]["segments"] for row in rows]
    assert not any(part["kind"] == "title" and "Marked" in part["text"] for parts in shown for part in parts)
    assert sum("Look at the genres." in text for text in asked) > 5
    assert Counter(row["sample"].split("-")[0] for row in rows) == {"explanation": 40, "verdict": 40, "choices": 30}


def test_popularity_counts_no_test_item(both):
    histories = load_histories(both[0] / "interactions.parquet", both[0] / "items.parquet")
    assert histories.popularity("second_last")[MARKED] == histories.popularity("test")[MARKED] == 0


def test_the_comparison_would_see_a_leak(both, tmp_path):
    """The authors' way watches the test item, so other test items choose another model."""
    for name in ("marked", "other"):
        (tmp_path / name).mkdir()
    first, second = (run(tmp_path / name, name == "marked", "test") for name in ("marked", "other"))
    assert read_json(first / "trial0.json") != read_json(second / "trial0.json")
    assert (first / "curve.csv").read_bytes() != (second / "curve.csv").read_bytes()
