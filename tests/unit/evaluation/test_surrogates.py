"""What explains the recommender without an LLM: planted recommenders whose best surrogate is known."""

import numpy as np
import pandas as pd
import pytest
from small_dataset import PROMPTS, SETTINGS

from recexplainer.config.evaluation import Measured
from recexplainer.config.labels import LabelRules
from recexplainer.errors import InputError
from recexplainer.evaluation.metrics import expected_random_ranking_ndcg
from recexplainer.evaluation.predictions import SCHEMAS
from recexplainer.evaluation.surrogate_models import Lessons
from recexplainer.evaluation.surrogates import history_bags, predict_surrogates, training_lessons
from recexplainer.files import read_parquet, write_parquet, write_safetensors
from recexplainer.recommender.contract import load_export
from recexplainer.recommender.histories import Histories, load_histories
from recexplainer.recommender.labels import label_prefixes, similar_items
from recexplainer.systems import SURROGATES
from recexplainer.tables.surrogates import READS, SHARED, table_surrogates
from recexplainer.tables.table2 import evaluate, table2
from recexplainer.tasks.build import build_tasks
from recexplainer.tasks.schema import load_tasks

USERS, ITEMS, LENGTH = 300, 30, 8
LABELS = LabelRules(positive_share=0.2, negative_share=0.5, candidates=5, similar=1)


def planted(folder, recommender: str) -> dict[str, str]:
    """Write a dataset, its recommender's export and its test tasks; return the paths by name.

    ``linear`` adds up weights of the items of the history, ``coin`` knows nothing of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    sequences = [rng.permutation(ITEMS)[: rng.integers(8, 12)].tolist() for _ in range(USERS)]
    histories = Histories.from_sequences(sequences, ITEMS)
    events = [(user, item, place) for user, row in enumerate(sequences) for place, item in enumerate(row)]
    bags = history_bags(histories, LENGTH)[:, :ITEMS].toarray()
    users = rng.normal(size=bags.shape) if recommender == "coin" else bags @ rng.normal(size=(ITEMS, ITEMS))
    user, item = users.astype(np.float32), np.eye(ITEMS, dtype=np.float32)
    texts = {name: ["a text"] * ITEMS for name in ("description", "tags", "brand", "feature")}
    catalogue = {"item": range(ITEMS), "title": [f"Title {number}" for number in range(ITEMS)]} | texts
    names = ("interactions", "items", "labels", "similar")
    paths = {name: str(folder / f"{name}.parquet") for name in names}
    paths["embeddings"] = str(folder / "embeddings.safetensors")
    write_parquet(paths["interactions"], pd.DataFrame(events, columns=["user", "item", "position"]).astype("int32"))
    write_parquet(paths["items"], pd.DataFrame(catalogue))
    write_parquet(paths["labels"], label_prefixes(user, item, histories, LABELS, 1, 1000))
    write_parquet(paths["similar"], similar_items(item + 0.01 * rng.normal(size=item.shape).astype("f"), 1, 1000))
    write_safetensors(paths["embeddings"], {"user": user, "item": item})
    tasks = {split: str(folder / f"{split}.parquet") for split in ("train", "test")}
    settings = SETTINGS.model_copy(update={"mode": "behavior", "max_length": LENGTH, "classification_test_share": 1.0})
    build_tasks(**paths, prompts=str(PROMPTS), settings=settings, seed=3, paths=tasks)
    return paths | {f"{split}_tasks": path for split, path in tasks.items()}


def predict(paths: dict[str, str], folder) -> None:
    files = {name: paths[name] for name in ("interactions", "items", "embeddings", "labels")}
    predict_surrogates(**files, test=paths["test_tasks"], max_length=LENGTH, seed=7, output_dir=str(folder))


def scores(folder, name: str) -> dict[str, float]:
    found = evaluate(folder / name, resamples=1, coverage_counts="once", seed=0)
    return {metric: found[metric].mean for metric in SHARED}


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    folder = tmp_path_factory.mktemp("linear")
    paths = planted(folder, "linear")
    predict(paths, folder / "predictions")
    return paths, folder / "predictions"


def test_a_recommender_that_is_linear_in_the_history_is_recovered_by_the_sparse_model(linear):
    found = scores(linear[1], "sparse_linear")
    assert found["retrieval_hr5"] > 0.95 and found["ranking_ndcg5"] > 0.97 and found["classification_acc"] > 0.95
    for other in ("decision_tree", "nearest_histories"):
        worse = scores(linear[1], other)
        assert all(worse[metric] < found[metric] for metric in found), other


def test_a_probe_of_embeddings_whose_products_are_the_scores_ranks_near_one(linear):
    found = scores(linear[1], "linear_probe")
    assert found["ranking_ndcg5"] > 0.99 and found["classification_acc"] > 0.97 and found["retrieval_hr5"] > 0.95


def test_a_coin_is_at_chance(tmp_path):
    """The probe of the embeddings is not: those of the coin still say what its scores are."""
    predict(planted(tmp_path, "coin"), tmp_path / "predictions")
    for name in [name for name, information in SURROGATES.items() if information == "history"]:
        found = scores(tmp_path / "predictions", name)
        # The first choice is one of the items that the history has not.
        assert found["retrieval_hr5"] < 0.33, name
        assert abs(found["ranking_ndcg5"] - expected_random_ranking_ndcg()) < 0.06, name
        assert abs(found["classification_acc"] - 0.5) < 0.1, name


def test_labels_of_test_prefixes_change_nothing_that_is_predicted(linear, tmp_path):
    paths, before = linear
    labels = read_parquet(paths["labels"])
    later = np.flatnonzero(labels["split"] == "test")
    drawn = np.random.default_rng(0).permutation(later)
    for name in ("top1", "ranking", "positive", "negative"):
        values = labels[name].to_list()
        for place, other in zip(later, drawn, strict=True):
            values[place] = labels[name][other]
        assert name == "ranking" or (labels[name] != values).any()
        labels[name] = values
    write_parquet(tmp_path / "labels.parquet", labels)
    predict(paths | {"labels": str(tmp_path / "labels.parquet")}, tmp_path)
    for name in SURROGATES:
        for task in SCHEMAS:
            first, second = ((folder / name / f"{task}.parquet").read_bytes() for folder in (before, tmp_path))
            assert first == second, (name, task)


def test_labels_of_training_prefixes_change_what_is_predicted(linear, tmp_path):
    """Without which the test before would say nothing."""
    paths, before = linear
    labels = read_parquet(paths["labels"])
    train = labels["split"] == "train"
    labels.loc[train, "top1"] = (labels.loc[train, "top1"] + 1) % ITEMS
    write_parquet(tmp_path / "labels.parquet", labels)
    predict(paths | {"labels": str(tmp_path / "labels.parquet")}, tmp_path)
    for name in SURROGATES:
        first, second = ((folder / name / "retrieval.parquet").read_bytes() for folder in (before, tmp_path))
        assert first != second, name


def test_the_lessons_are_those_of_the_llm(linear):
    paths, _ = linear
    rows = load_tasks(paths["train_tasks"], ["task", "user", "prefix", "item"])
    labels = load_export(paths["embeddings"], paths["labels"]).labels
    train, lessons = training_lessons(labels)
    assert train.tolist() == [row["prefix"] for row in rows if row["task"] == "retrieval"]
    asked, items, answers = lessons.decisions()
    own = sorted(zip(train[asked].tolist(), items.tolist(), strict=True))
    assert own == sorted((row["prefix"], row["item"]) for row in rows if row["task"] == "classification")
    assert answers.tolist() == [1] * USERS + [0] * USERS


def test_preferences_go_down_each_ranking_from_the_first_choice():
    lessons = Lessons(np.array([4, 2]), np.array([[4, 1, 0], [1, 0, 3]]), *(np.zeros(0, dtype=int),) * 3)
    rows, better, worse = lessons.preferences()
    found = list(zip(rows.tolist(), better.tolist(), worse.tolist(), strict=True))
    assert found == [(0, 4, 1), (0, 1, 0), (1, 2, 1), (1, 1, 0), (1, 0, 3)]


def test_a_bag_has_the_newest_items_of_a_history_and_the_newest_once_more(linear):
    histories = load_histories(linear[0]["interactions"], linear[0]["items"])
    bags = history_bags(histories, 3).toarray()
    for row in (0, 1, 5, len(histories) - 1):
        length = histories.length[row]
        newest = histories.items[row - min(length, 3) + 1 : row + 1]
        assert sorted(np.flatnonzero(bags[row])) == sorted([*newest, ITEMS + histories.items[row]])


def test_no_surrogate_of_the_history_retrieves_an_item_of_it(linear):
    histories = load_histories(linear[0]["interactions"], linear[0]["items"])
    prefixes = [row["prefix"] for row in load_tasks(linear[0]["test_tasks"]) if row["task"] == "retrieval"]
    bags = history_bags(histories, LENGTH)
    for name in ("sparse_linear", "decision_tree", "nearest_histories"):
        answers = read_parquet(linear[1] / name / "retrieval.parquet")["predictions"]
        for prefix, titles in zip(prefixes, answers, strict=True):
            seen = {f"Title {item}" for item in bags[[prefix]].indices if item < ITEMS}
            assert not seen & set(titles)


def test_the_same_seed_gives_the_same_bytes(linear, tmp_path):
    predict(linear[0], tmp_path)
    for name in SURROGATES:
        for task in SCHEMAS:
            assert (tmp_path / name / f"{task}.parquet").read_bytes() == (
                linear[1] / name / f"{task}.parquet"
            ).read_bytes()


def without_cases(folder, target, kept: int) -> None:
    """Copy a system's predictions, of the first users only."""
    for task in SCHEMAS:
        frame = read_parquet(folder / f"{task}.parquet")
        write_parquet(target / f"{task}.parquet", frame[frame["user"] < kept])


@pytest.fixture
def table(linear, tmp_path):
    """The table with LLMs whose answers are a surrogate's, on fewer users; and table 2 of the same systems."""
    _, folder = linear
    llms = {"behavior-full": "sparse_linear", "intention-full": "linear_probe", "hybrid-full": "decision_tree"}
    for system, model in llms.items():
        without_cases(folder / model, tmp_path / system, 120)
    folders = [str(folder / name) for name in SURROGATES] + [str(tmp_path / system) for system in llms]
    rows = [["games", name] for name in [*SURROGATES, *llms]]
    table_surrogates(predictions=folders, rows=rows, resamples=50, seed=2, output=str(tmp_path / "surrogates.csv"))
    table2(
        predictions=folders,
        rows=rows,
        settings=Measured(bootstrap=50, coverage_counts="once"),
        seed=2,
        output=str(tmp_path / "table2.csv"),
    )
    return pd.read_csv(tmp_path / "surrogates.csv", keep_default_na=False), pd.read_csv(tmp_path / "table2.csv")


def test_the_cases_and_numbers_are_those_of_table_2(table):
    single = table[0][table[0]["against"] == ""].set_index("method")
    beside = table[1].set_index("method").rename(lambda name: name.removesuffix("-full"))
    names = [metric + end for metric in SHARED for end in ("", "_low", "_high")]
    names += [f"{task}_cases" for task in ("retrieval", "ranking", "classification")]
    assert list(single.index) == [*SURROGATES, *READS]
    pd.testing.assert_frame_equal(single[names].astype(float), beside.loc[single.index, names].astype(float))
    assert set(single["retrieval_cases"].astype(int)) == {120}


def test_each_mode_is_held_against_the_surrogates_of_its_own_information(table):
    pairs = table[0][table[0]["against"] != ""]
    for mode, kinds in READS.items():
        found = list(pairs["against"][pairs["method"] == mode])
        assert found == [name for name, information in SURROGATES.items() if information in kinds]


def test_what_an_llm_adds_is_paired(table):
    """One that answers as its surrogate adds nothing, for certain; the others' is the difference of the means."""
    frame = table[0].set_index(["method", "against"])
    for pair in (("behavior", "sparse_linear"), ("intention", "linear_probe"), ("hybrid", "decision_tree")):
        for metric in SHARED:
            assert [float(frame.loc[pair, metric + end]) for end in ("", "_low", "_high")] == [0, 0, 0]
    for metric in SHARED:
        own, other = (float(frame.loc[(name, ""), metric]) for name in ("behavior", "decision_tree"))
        added = [float(frame.loc[("behavior", "decision_tree"), metric + end]) for end in ("", "_low", "_high")]
        assert added[0] == pytest.approx(own - other, abs=2e-4) and added[1] <= added[0] <= added[2]


def test_files_that_do_not_belong_together_are_refused(linear, tmp_path):
    paths, _ = linear
    write_parquet(
        tmp_path / "items.parquet", read_parquet(paths["items"]).assign(title=[f"Other {i}" for i in range(ITEMS)])
    )
    with pytest.raises(InputError, match="is no title of the catalogue"):
        predict(paths | {"items": str(tmp_path / "items.parquet")}, tmp_path / "out")
    with pytest.raises(InputError, match="1 folders for 2"):
        table_surrogates(
            predictions=["a"],
            rows=[["games", "a"], ["games", "b"]],
            resamples=1,
            seed=1,
            output=str(tmp_path / "t.csv"),
        )
