"""The seventh task: reasons are computed, in the order of their effect, said in many words, and leak nothing."""

import hashlib
import json
import logging
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
from recexplainer.checking.viewpoints import Viewpoints
from recexplainer.config.kinds import Viewpoint
from recexplainer.config.tasks import Explained
from recexplainer.data.tags import tag_lists, telling
from recexplainer.errors import InputError
from recexplainer.explanation.questions import render
from recexplainer.files import read_parquet, read_safetensors, write_parquet, write_safetensors
from recexplainer.prompts.explanation import load_explanation_prompts
from recexplainer.prompts.phrasings import load_prompts
from recexplainer.recommender.removal import Decision, leave_one_out
from recexplainer.tables.table4 import count_samples
from recexplainer.tasks.explanation import build_explanations, tags_by_viewpoint
from recexplainer.tasks.reasons import Reasons, find_reasons, supporting
from recexplainer.tasks.schema import MODES, load_tasks
from recexplainer.tasks.wording import PARTS, load_wording

CONFIG = Path(__file__).parents[3] / "config" / "prompts"
QUESTION, WORDING, PROMPTS = CONFIG / "explanation.yaml", CONFIG / "reasons.yaml", CONFIG / "default.yaml"
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


def test_two_tags_at_most_are_named_at_one_place():
    found = replace(reasons(), common=("Crime", "War", "Noir"), absent=("Horror", "Drama", "Western"))
    assert [facts for _, facts in found.parts()] == [(), ("Crime", "War"), ("Horror", "Drama")]
    assert [facts for _, facts in replace(found, label=False).parts()][1:] == [("Crime", "War"), ("Horror", "Drama")]


@pytest.mark.parametrize("label", [True, False])
def test_reasons_of_some_tags_name_these_alone_and_deny_nothing_that_is_in_common(label):
    found = replace(reasons(), label=label, common=("Crime", "War", "Noir"), absent=("Horror", "Drama", "Western"))
    some = found.of({"Noir", "Western", "Drama", "Comedy"})
    assert some == replace(found, common=("Noir",), absent=("Drama", "Western"))
    assert found.of({"War"}) == replace(found, common=("War",), absent=())
    # "No recurring tag links them" would be wrong here.
    assert found.of({"Horror"}) is None
    assert replace(found, common=()).of({"Horror"}) == replace(found, common=(), absent=("Horror",))
    assert replace(found, common=()).of({"Crime"}) is None and found.of(()) is None


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
        ({"choices_no": ["What in {history}?"]}, "choices_no, sentence 1: .*expected each of {history}, {item} once"),
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
        prompts=str(PROMPTS),
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
            prompts=str(PROMPTS),
            settings=SETTINGS,
            seed=1,
            output=str(tmp_path / "none.parquet"),
        )


def test_without_the_options_the_samples_are_what_they_always_were(world):
    """The sum was taken before there were any."""
    text = json.dumps(built(world, "one"), sort_keys=True, default=list)
    assert (
        hashlib.sha256(text.encode()).hexdigest() == "ebc7e1b8f21f9a1180642d64bf94a1a7e60b5697d53a192231106879d703e6f9"
    )


def case_of(row: dict, files: dict[str, str]) -> dict:
    """Return what is asked about in a sample, as a case to explain."""
    titles = list(read_parquet(files["items"])["title"])
    sequences = read_parquet(files["interactions"]).groupby("user")["item"].agg(list)
    length = read_parquet(files["labels"]).set_index("prefix").loc[row["prefix"], "length"]
    history = sequences[row["user"]][:length][-SETTINGS.max_length :]
    return {"case": "0", "prefix": row["prefix"], "history": [titles[i] for i in history], "title": titles[row["item"]]}


@pytest.mark.parametrize("mode", MODES)
def test_each_verdict_is_asked_a_second_time_in_the_words_of_a_classification(world, mode):
    files = world[0]
    rows, plain = built(world, "twice", mode, verdict_alone=True), built(world, "once", mode)
    assert rows[::2] == plain and len(rows) == 80
    titles = list(read_parquet(files["items"])["title"])
    phrasings, asked = load_prompts(PROMPTS).phrasings["classification"], Counter()
    for decision, verdict in zip(rows[::2], rows[1::2], strict=True):
        assert verdict["sample"] == decision["sample"].replace("explanation", "verdict")
        same = ("task", "user", "prefix", "item", "target", "candidates")
        assert [verdict[name] for name in same] == [decision[name] for name in same]
        assert verdict["task"] == "explanation" and answer(verdict) == answer(decision).split(".")[0]
        questions = render([case_of(verdict, files)] * len(phrasings), phrasings, titles, mode)
        (which,) = (number for number, (question, _) in enumerate(questions) if question == verdict["messages"][0])
        asked[which] += 1
    assert len(asked) > len(phrasings) / 2
    # All modes are asked and answered alike.
    assert [answer(row) for row in rows] == [answer(row) for row in built(world, "hybrid", verdict_alone=True)]


def test_table_4_counts_what_is_asked_for_alone_as_a_sample_in_one_form_or_three(world):
    for forms in ("combined", "all"):
        built(world, forms, verdict_alone=True, choices_alone=6, hybrid_forms=forms)
        assert count_samples(world[0]["folder"] / f"{forms}.parquet") == {"explanation": 86}


@pytest.mark.parametrize("mode", MODES)
def test_choices_alone_are_what_the_reasons_of_further_decisions_would_name(world, mode):
    files = world[0]
    rows, plain = built(world, "alone", mode, choices_alone=31), built(world, "plain", mode)
    assert rows[:40] == plain and len(rows) == 71
    titles, wording = list(read_parquet(files["items"])["title"]), load_wording(WORDING)
    # The samples of as many decisions as both together: of these the reasons say what is to be named.
    many = {(row["prefix"], row["item"]): answer(row) for row in built(world, "many", mode, samples=71)}
    explained, verdicts, asked = {(row["prefix"], row["item"]) for row in plain}, Counter(), Counter()
    for number, row in enumerate(rows[40:]):
        assert (row["sample"], row["task"]) == (f"choices-{number:06d}", "explanation")
        decision = row["prefix"], row["item"]
        assert decision not in explained and answer(row) in many[decision]
        verdict = many[decision].startswith("Yes")
        verdicts[verdict] += 1
        phrasings = wording.choices[verdict]
        questions = render([case_of(row, files)] * len(phrasings), phrasings, titles, mode)
        (which,) = (number for number, (question, _) in enumerate(questions) if question == row["messages"][0])
        asked[verdict, which] += 1
    assert verdicts == {True: 16, False: 15} and len(asked) > 6
    assert any(wording.join in answer(row) for row in rows[40:])
    # All modes are answered alike, and the verdicts alone come before.
    assert [answer(row) for row in rows] == [answer(row) for row in built(world, "hybrid", choices_alone=31)]
    assert built(world, "both", mode, verdict_alone=True, choices_alone=31)[80:] == rows[40:]


VIEWS = {
    "platform": Viewpoint(values=["Xbox", "PlayStation", "PC"], fields=[]),
    "genre": Viewpoint(values=["role-playing"], fields=["tags"]),
    "period": Viewpoint(values=["1990s", "classic"], fields=[]),
}
KINDS = ["Racing", "Puzzles", "Horror", "Role Playing", "Comedy", "Western"]
MACHINES = ["Xbox One", "PlayStation 4", "PC"]


@pytest.fixture(scope="module")
def shop(world, tmp_path_factory):
    """The same, of games with tags of two points of view, of both at once, or none."""
    files, scorer = world
    folder = tmp_path_factory.mktemp("shop")
    rng, items = np.random.default_rng(8), read_parquet(files["items"])
    tags = []
    for number in range(len(items)):
        own = [*rng.choice(KINDS, 2, replace=False), MACHINES[rng.integers(3)], *["Xbox Racing"] * (number % 5 == 0)]
        tags.append(", ".join(own) if number % 7 else "")
    heads, ends = ("Ash", "Bel", "Cor", "Dun", "East", "Fair"), ("ford", "mar", "vale", "mere", "wick")
    titles = [head + end for head in heads for end in ends]
    write_parquet(folder / "items.parquet", items.assign(title=titles, tags=tags, brand="", feature=""))
    return files | {"folder": folder, "items": str(folder / "items.parquet")}, scorer


def told(shop, name: str, share: float, mode: str = "hybrid", **settings) -> list[dict]:
    return built(shop, name, mode, samples=400, viewpoint_share=share, viewpoints=VIEWS, **settings)


def test_a_tag_is_of_a_point_of_view_if_it_names_a_value_of_it_and_of_no_other_one(shop, caplog):
    items = read_parquet(shop[0]["items"])
    reader = Viewpoints(VIEWS, Catalogue(items))
    expected = {"platform": set(MACHINES), "genre": set(KINDS), "period": set()}
    assert tags_by_viewpoint(tag_lists(items["tags"]), reader) == expected
    assert "'period'" in caplog.text and "platform" not in caplog.text and "genre" not in caplog.text


@pytest.mark.parametrize("mode", MODES)
def test_from_a_point_of_view_it_is_asked_as_systems_are_and_answered_with_its_tags_alone(shop, mode):
    files = shop[0]
    items = read_parquet(files["items"])
    titles, catalogue = list(items["title"]), Catalogue(items)
    tags = dict(zip(titles, items["tags"].str.split(", "), strict=True))
    reader, prompts = Viewpoints(VIEWS, catalogue), load_explanation_prompts(QUESTION)
    rows, plain = told(shop, mode, 1.0, mode), built(shop, "plain", mode, samples=400)
    seen: Counter[str | None] = Counter()
    for row, other in zip(rows, plain, strict=True):
        case, text = case_of(row, files), answer(row)
        views = [None, *VIEWS]
        questions = [prompts.question, *map(prompts.question_from, VIEWS)]
        asked = render([case] * len(questions), questions, titles, mode)
        (view,) = (view for view, (question, _) in zip(views, asked, strict=True) if question == row["messages"][0])
        seen[view] += 1
        checked = check(text, case, catalogue)
        assert checked.decision is (answer(other)[:3] == "Yes") and checked.aspects["consistency"], text
        assert [one for one in checked.citations if one.error or one.kind in ("nowhere", "catalogue")] == [], text
        if view is None:
            # Nothing to say from one, or in common is what is of none.
            assert row == other and (not reader.spoken_of(text, case) or "Xbox Racing" in text), text
            continue
        assert reader.spoken_of(text, case) == {view}, text
        own, had = tags[case["title"]], Counter(tag for title in case["history"] for tag in tags[title])
        named = [tag for tag in (*KINDS, *MACHINES) if tag in text]
        shared = [tag for tag in named if had[tag] > 1 and (tag in own) == checked.decision]
        new = [tag for tag in named if tag in own and not had[tag]]
        assert sorted(shared + new) == sorted(named) != [], text
        # What is in common is not passed over.
        assert shared or not check(answer(other), case, catalogue).aspects["patterns"], text
    assert min(seen["platform"], seen["genre"]) > 20 and not seen["period"] and seen[None]


def test_a_share_of_what_can_be_asked_from_a_point_of_view_is_the_same_for_all_modes(shop):
    none, half, all_of_it = told(shop, "none", 0.0), told(shop, "half", 0.5), told(shop, "all", 1.0)
    assert none == built(shop, "plain", samples=400)
    assert all(row in pair for row, *pair in zip(half, none, all_of_it, strict=True))
    can = sum(row != other for row, other in zip(none, all_of_it, strict=True))
    assert can > 100 and 0.4 * can < sum(row != other for row, other in zip(none, half, strict=True)) < 0.6 * can
    for mode in MODES:
        rows = told(shop, f"half-{mode}", 0.5, mode)
        assert [answer(row) for row in rows] == [answer(row) for row in half]
        assert [row["messages"][0]["segments"][-1] for row in rows] == [
            row["messages"][0]["segments"][-1] for row in half
        ]
    # A verdict alone is asked from none.
    both = told(shop, "both", 0.5, verdict_alone=True)
    assert both[::2] == half and both[1::2] == built(shop, "twice", samples=400, verdict_alone=True)[1::2]


def test_points_of_view_that_are_not_there_are_said(shop, caplog):
    with pytest.raises(InputError, match="^--settings: viewpoint_share without viewpoints"):
        built(shop, "nothing", viewpoint_share=0.5)
    with pytest.raises(InputError, match="viewpoint 'mood' is not in the file of prompts"):
        built(shop, "nothing", viewpoint_share=0.5, viewpoints={"mood": VIEWS["genre"]})
    with caplog.at_level(logging.WARNING):
        rows = built(shop, "silent", viewpoint_share=1.0, viewpoints={"period": VIEWS["period"]})
    assert rows == built(shop, "plain") and "no tag speaks of the point of view 'period'" in caplog.text
