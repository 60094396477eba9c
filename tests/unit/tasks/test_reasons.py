"""The seventh task: reasons are computed, in the order of their effect, said in many words, and leak nothing."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from small_dataset import small_dataset

from recexplainer.checking.checker import Catalogue, check
from recexplainer.config.tasks import Explained
from recexplainer.data.tags import tag_lists, telling
from recexplainer.errors import InputError
from recexplainer.explanation.questions import render
from recexplainer.files import read_parquet, read_safetensors, write_safetensors
from recexplainer.prompts.explanation import load_explanation_prompts
from recexplainer.recommender.removal import Decision, leave_one_out
from recexplainer.tasks.explanation import build_explanations
from recexplainer.tasks.reasons import Reasons, find_reasons, supporting
from recexplainer.tasks.schema import MODES, load_tasks
from recexplainer.tasks.wording import PARTS, load_wording

CONFIG = Path(__file__).parents[3] / "config" / "prompts"
QUESTION, WORDING = CONFIG / "explanation.yaml", CONFIG / "reasons.yaml"
SETTINGS = Explained(mode="hybrid", max_length=6, hybrid_forms="combined", samples=40)

# A recommender whose score of item 4 is the sum of what the items of the history pull.
PULL = np.array([2.0, -1.0, 0.5, 1.0, 0.0, 0.0])
TAGS = [("Crime",), ("Crime", "War"), ("War",), ("Comedy",), ("Crime", "Horror"), ("Western",)]
VECTORS = np.eye(6)[:, :3] + 0.01


def scorer(histories) -> np.ndarray:
    scores = np.zeros((len(histories), 6))
    scores[:, 4] = [sum(PULL[list(history)]) for history in histories]
    scores[:, 5] = 1.0
    return scores


def decision(history=(0, 1, 2, 3), label=True) -> Decision:
    return Decision("one", history, history, 4, label, float(PULL[list(history)].sum()))


def test_effects_are_those_of_leaving_out_each_item():
    ((standing, effects),) = leave_one_out([decision()], scorer)
    # Of items 4 and 5, whose scores are 2.5 and 1: the mean is 1.75, the deviation 0.75.
    assert standing == pytest.approx(1.0)
    # Without item 0 the scores are 0.5 and 1: one deviation under the mean; without any other, still one over it.
    assert effects == pytest.approx({0: 2.0, 1: 0.0, 2: 0.0, 3: 0.0})
    ((_, turned),) = leave_one_out([decision(label=False)], scorer)
    assert turned == pytest.approx({item: -effect for item, effect in effects.items()})
    with pytest.raises(InputError, match="the recommender gives its item 2.5000, but the case says 9.0000"):
        leave_one_out([replace(decision(), score=9.0)], scorer)


@pytest.mark.parametrize(
    ("effects", "expected"),
    [
        ({0: 0.2, 1: 0.9, 2: 0.5}, (1, 2)),
        ({0: 0.9, 1: 0.2, 2: -1.0}, (0,)),  # the second one has less than 0.3 of the first
        ({0: 0.5, 1: 0.5, 2: 0.5}, (2, 1)),  # of equal ones the newer
        ({0: 0.0, 1: -0.5, 2: -0.1}, ()),
    ],
)
def test_the_items_with_the_largest_effects_are_named_in_their_order(effects, expected):
    assert supporting((0, 1, 2), effects) == expected


def reasons(label=True, history=(0, 1, 2, 3)) -> Reasons | None:
    pulls = PULL if label else -PULL

    def many(histories):
        # Other items spread the scores, so that effects are in the order of the pulls.
        scores = np.tile(np.array([0.0, 0.0, 0.0, 0.0, 0.0, 30.0]), (len(histories), 1))
        scores[:, 4] = [pulls[list(row)].sum() for row in histories]
        return np.hstack([scores, np.tile(np.linspace(-30, 30, 40), (len(histories), 1))])

    vectors = np.vstack([VECTORS, np.ones((40, 3))])
    score = float(pulls[list(history)].sum())
    one = Decision("one", history, history, 4, label, score)
    return find_reasons([one], many, vectors, [*TAGS, *[()] * 40])[0]


def test_what_is_shared_and_what_is_missing_follows_from_the_tags():
    found = reasons()
    assert found.cited == (0, 3) and (found.opposed, found.total) == (1, 4)
    assert found.common == ("Crime",) and found.absent == ("Horror",)  # War is of the history, not of the item
    assert [part for part, _ in found.parts()] == ["because_yes", "shared", "new"]
    against = reasons(label=False)
    assert against.cited == (0, 3) and against.common == ()  # Crime is a pattern, but the item has it
    assert [part for part, _ in against.parts()][::2] == ["because_no", "missing"]
    # Two choices share War, which the item lacks.
    lacking = reasons(label=False, history=(2, 0, 1))
    assert lacking.cited[0] == 0
    assert replace(against, common=("War",)).parts()[1] == ("taste", ("War",))
    # Where nothing is new or missing, the number of choices that pull the other way.
    assert replace(found, absent=()).parts()[2] == ("opposed_yes", ())
    assert replace(against, absent=(), near=True).parts()[1:] == [("close", ()), ("opposed_no", ())]
    assert len(replace(found, absent=(), opposed=0, common=()).parts()) == 2


def test_a_decision_that_nothing_in_the_history_supports_has_no_reasons():
    assert reasons(history=(0, 5)).cited == (0,) and reasons(history=(1, 5)) is None


def test_tags_are_separated_by_commas_or_by_spaces_where_these_are_words_of_few():
    films = ["Animation Children's Comedy", "Comedy", "Drama War", "War", "Comedy Drama", "", "Comedy War", "Drama"]
    assert tag_lists(films)[:3] == [["Animation", "Children's", "Comedy"], ["Comedy"], ["Drama", "War"]]
    assert tag_lists(["Role Playing", "Card Game"]) == [["Role Playing"], ["Card Game"]]
    assert tag_lists([*films, "Film Noir, War, War"])[-1] == ["Film Noir", "War"] and tag_lists([""]) == [[]]
    assert telling([["a", "b"], ["a"], ["c"]]) == [("b",), (), ("c",)]


def sentences() -> list[tuple[str, int]]:
    content = load_wording(WORDING).sentences
    return [(part, number) for part in PARTS for number in range(len(content[part]))]


ITEMS = pd.DataFrame(
    {
        "title": ["Ashford Run", "Belmar 2", "The Corvale", "Dunmere Nights", "Eastwick", "Fairholt"],
        "tags": ["Crime", "Crime, War", "War", "Comedy, War", "Crime, Horror", "Western"],
        "brand": [""] * 6,
        "feature": [""] * 6,
    }
)


@pytest.mark.parametrize(("part", "number"), sentences())
def test_every_sentence_says_what_is_so_and_the_checks_read_it_so(part, number):
    wording = load_wording(WORDING)
    wording.sentences[part][:] = [wording.sentences[part][number]]
    label = part in ("because_yes", "shared", "near", "apart", "new", "opposed_yes")
    common = {"shared": ("Crime",), "taste": ("War",)}.get(part, ())
    absent = () if part.startswith("opposed") else ("Horror",)
    found = Reasons(4, label, 1, (0, 3), common, absent, part in ("near", "close"), 1, 4)
    assert part in [name for name, _ in found.parts()]
    for seed in range(3):
        text = wording.answer(found, list(ITEMS["title"]), np.random.default_rng(seed))
        case = {"history": list(ITEMS["title"][:4]), "title": "Eastwick"}
        checked = check(text, case, Catalogue(ITEMS))
        assert checked.decision is label and checked.aspects["item"], text
        assert [one for one in checked.citations if one.error or one.kind in ("nowhere", "catalogue")] == [], text
        cited = [one.title for one in checked.citations if one.kind == "history"]
        assert cited == ["Ashford Run", "Dunmere Nights"], text
        if part in ("shared", "near", "apart", "taste", "far", "close"):
            assert checked.aspects["consistency"], text
        if common:
            assert checked.aspects["patterns"], text


def test_there_are_many_sentences_of_each_part():
    wording = load_wording(WORDING)
    for part in PARTS:
        assert len(set(wording.sentences[part])) == len(wording.sentences[part]) >= 12, part


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"near": None}, "near: expected a list of at least one sentence with {item}"),
        ({"near": ["{item} and {item}."]}, "near, sentence 1: .*expected each of {item} once"),
        ({"new": ["{facts} {x}"]}, "new, sentence 1"),
        ({"new": ["{facts"]}, "new, sentence 1"),
        ({"new": [3]}, "expected a text, found 3"),
        ({"strength": ["a"]}, "strength: expected 4 words"),
        ({"join": 1}, "join: expected a text"),
        ({"extra": []}, "key 'extra' is missing or unknown"),
    ],
)
def test_a_file_of_sentences_that_does_not_fit_is_refused(tmp_path, changed, message):
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(WORDING.read_text(encoding="utf-8")) | changed))
    with pytest.raises(InputError, match=message):
        load_wording(path)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A dataset whose recommender takes the mean of the items' vectors as the user's."""
    folder = tmp_path_factory.mktemp("world")
    files = small_dataset(folder, users=30, items=30)
    vectors = np.random.default_rng(5).normal(size=(30, 4)).astype(np.float32)

    def encode(histories):
        return np.stack([vectors[list(history)[-6:]].mean(0) for history in histories])

    sequences = read_parquet(files["interactions"]).groupby("user")["item"].agg(list)
    prefixes = [row[: place + 1] for row in sequences for place in range(len(row))]
    write_safetensors(files["embeddings"], {"user": encode(prefixes), "item": vectors})
    return files | {"folder": folder}, lambda histories: encode(histories) @ vectors.T


def built(world, name: str, mode: str = "hybrid", seed: int = 1, **settings) -> list[dict]:
    files, scorer = world
    path = files["folder"] / f"{name}.parquet"
    inputs = {key: files[key] for key in ("interactions", "items", "embeddings", "labels", "similar")}
    build_explanations(
        files=inputs,
        scorer=scorer,
        question=str(QUESTION),
        wording=str(WORDING),
        settings=SETTINGS.model_copy(update={"mode": mode} | settings),
        seed=seed,
        output=str(path),
    )
    return load_tasks(path)


def answer(row: dict) -> str:
    return row["messages"][1]["segments"][0]["text"]


def test_samples_are_of_training_prefixes_and_of_no_test_case(world):
    rows = built(world, "all", samples=10_000)
    labels = read_parquet(world[0]["labels"]).set_index("prefix")
    tests = labels[labels["split"] == "test"].set_index("user")
    for row in rows:
        label = labels.loc[row["prefix"]]
        assert label["split"] == "train" and label["user"] == row["user"] and label["length"] >= 3
        verdict = answer(row).split(".")[0]
        assert row["item"] == label["positive" if verdict == "Yes" else "negative"]
        assert row["item"] not in (tests.loc[row["user"], "positive"], tests.loc[row["user"], "negative"])
        assert row["task"] == "explanation" and row["target"] == [] == row["candidates"]
    assert len({row["sample"] for row in rows}) == len(rows) > 100
    # Such decisions there are: leaving them out is no accident.
    train = labels[(labels["split"] == "train") & (labels["length"] >= 3)]
    assert (train["positive"].to_numpy() == tests.loc[train["user"], "positive"].to_numpy()).any()
    assert len({answer(row) for row in rows}) > 0.95 * len(rows)


def test_half_are_of_each_verdict_and_the_same_again(world):
    rows = built(world, "one")
    assert Counter(answer(row)[:2] for row in rows) == {"Ye": 20, "No": 20}
    path = world[0]["folder"] / "one.parquet"
    before = path.read_bytes()
    assert built(world, "one") == rows and path.read_bytes() == before
    assert built(world, "other", seed=2) != rows


@pytest.mark.parametrize("mode", MODES)
def test_the_question_is_that_of_the_explanations(world, mode):
    rows, whole = built(world, mode, mode), built(world, "one")
    titles = list(read_parquet(world[0]["items"])["title"])
    sequences = read_parquet(world[0]["interactions"]).groupby("user")["item"].agg(list)
    labels = read_parquet(world[0]["labels"]).set_index("prefix")
    question = load_explanation_prompts(QUESTION).question
    for row, other in zip(rows, whole, strict=True):
        history = sequences[row["user"]][: labels.loc[row["prefix"], "length"]][-SETTINGS.max_length :]
        case = {"case": "0", "prefix": row["prefix"], "history": [titles[i] for i in history]}
        (asked,) = render([case | {"title": titles[row["item"]]}], [question], titles, mode)
        assert row["messages"][0] == asked[0]
        # All modes are answered alike.
        assert row["messages"][1] == other["messages"][1]


def test_the_named_items_matter_more_than_others(world):
    """Against the recommender itself: the item that is named first has the largest effect of its history."""
    files, scorer = world
    titles = list(read_parquet(files["items"])["title"])
    sequences = read_parquet(files["interactions"]).groupby("user")["item"].agg(list)
    labels = read_parquet(files["labels"]).set_index("prefix")
    tables = read_safetensors(files["embeddings"])
    plain = [row for row in built(world, "all", samples=10_000) if row["item"] > 5]
    seen = 0
    for row in plain:
        user, length = row["user"], labels.loc[row["prefix"], "length"]
        history = tuple(sequences[user][:length][-6:])
        if min(history) < 6:  # hostile titles
            continue
        score = float(tables["user"][row["prefix"]] @ tables["item"][row["item"]])
        one = Decision("", history, tuple(sequences[user][:length]), row["item"], answer(row)[:3] == "Yes", score)
        ((_, effects),) = leave_one_out([one], scorer)
        found = {item: re.search(rf"{titles[item]}(?!\d)", answer(row)) for item in history}
        named = {item: match.start() for item, match in found.items() if match}
        first = min(named, key=named.get)
        assert effects[first] == max(effects.values())
        seen += 1
    assert seen > 20


def test_where_no_decision_has_a_reason_it_is_said(world, tmp_path):
    files, scorer = world
    same = read_safetensors(files["embeddings"])
    inputs = {key: files[key] for key in ("interactions", "items", "labels", "similar")}
    inputs["embeddings"] = str(tmp_path / "embeddings.safetensors")
    write_safetensors(inputs["embeddings"], {name: np.zeros_like(table) for name, table in same.items()})
    with pytest.raises(InputError, match="no decision of a training prefix has a reason"):
        build_explanations(
            files=inputs,
            scorer=lambda histories: np.zeros((len(histories), 30)),
            question=str(QUESTION),
            wording=str(WORDING),
            settings=SETTINGS,
            seed=1,
            output=str(tmp_path / "none.parquet"),
        )
