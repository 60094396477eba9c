"""Faithfulness: each measure puts a planted good explainer above a planted liar and above a template."""

from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_world import write_world
from scipy.stats import spearmanr
from small_report import HOSTILE, make_files
from tiny import TEMPLATE, tiny_llama, tiny_tokenizer

from recexplainer.checking.checker import Catalogue, check
from recexplainer.config.faithfulness import Measured
from recexplainer.config.inference import Answering
from recexplainer.config.shown import Page, Tabled
from recexplainer.errors import InputError
from recexplainer.explanation.cases import CASES, load_cases
from recexplainer.explanation.texts import explanation, write_explanations
from recexplainer.faithfulness.counterfactual import Effect, Question, removal_effects
from recexplainer.faithfulness.masking import mask_verdict
from recexplainer.faithfulness.measure import measure_faithfulness
from recexplainer.faithfulness.own_decisions import classify_cases
from recexplainer.faithfulness.readers import read_scores, read_verdicts, recognise
from recexplainer.faithfulness.records import OWN_DECISIONS, RECORDS, load_own_decisions, read_records, write_records
from recexplainer.faithfulness.simulation import Pair, Reader, draw_pairs
from recexplainer.files import write_json, write_parquet, write_safetensors
from recexplainer.llm.base import load_model, load_tokenizer, make_manifest
from recexplainer.recommender import removal
from recexplainer.recommender.contract import load_export
from recexplainer.recommender.histories import Histories, load_histories
from recexplainer.recommender.hyperparameters import hyperparameters
from recexplainer.recommender.scorer import recommender_scorer
from recexplainer.recommender.training import build, encode
from recexplainer.report.gallery import checks, gallery
from recexplainer.report.page import write_report
from recexplainer.tables.faithfulness import METRICS, faithfulness_table

PROMPTS = str(Path(__file__).parents[3] / "config" / "prompts" / "default.yaml")
GENRES = ("Racing", "Fighting", "Puzzle", "Strategy")
SERIES = ("Thornax", "Brontal", "Lumeo", "Zefira", "Quillon", "Kestrix", "Velmora", "Pyrolan", "Dovaril")
NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven")
EACH = len(SERIES)
ITEMS = len(GENRES) * EACH
SYSTEMS = ["template", "good", "liar", "copy"]


def genre(item: int) -> int:
    return item // EACH


def planted_scorer(histories) -> np.ndarray:
    """The recommender of the planted world: it counts the history's items of an item's genre, and a little more."""
    scores = np.zeros((len(histories), ITEMS), np.float32)
    own = np.sin(np.arange(ITEMS) * 7.0) / 10
    for row, history in enumerate(histories):
        counts = Counter(genre(item) for item in history)
        scores[row] = [counts[genre(item)] + own[item] for item in range(ITEMS)]
    return scores


def words(case: dict, titles: list[str], system: str, rng: np.random.Generator) -> str:
    """What a planted explainer says of a case."""
    index = {title: item for item, title in enumerate(titles)}
    history, target = [index[title] for title in case["history"]], index[case["title"]]
    if system == "template":
        return "Yes. The user may like it."
    counts = Counter(map(genre, history))
    if system == "good":
        yes, named = case["label"], genre(target) if case["label"] else counts.most_common(1)[0][0]
        cited = [titles[item] for item in history if genre(item) == named]
        alike = counts[genre(target)]
    else:
        # Of the wrong genre, beside what is not there at all.
        yes, named = not case["label"], (genre(target) + 1 + int(rng.integers(3))) % len(GENRES)
        rarest = min(counts, key=counts.get)
        cited = [titles[item] for item in history if genre(item) == (named if named in counts else rarest)][:1]
        if case["label"]:
            cited = [titles[item] for item in history if genre(item) != genre(target)][:1] or cited
        unseen = [item for item in range(ITEMS) if item not in history and item != target and genre(item) == named]
        cited += [titles[unseen[int(rng.integers(len(unseen)))]], '"Moon Baker Deluxe"']
        alike = int(rng.integers(7))
    return (
        f"{'Yes' if yes else 'No'}. The history holds {'; '.join(cited)}, mostly of the genre {GENRES[named]}. "
        f"{NUMBERS[alike].capitalize()} of its items are like {case['title']}, "
        f"so it {'fits' if yes else 'does not fit'}."
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> dict:
    """Files of a dataset whose recommender is known, and of the texts of planted explainers."""
    folder, rng = tmp_path_factory.mktemp("world"), np.random.default_rng(5)
    titles = [f"{SERIES[item % EACH]} {GENRES[genre(item)][:3]}{item}" for item in range(ITEMS)]
    sequences = []
    for _ in range(80):
        likes = rng.permutation(len(GENRES))
        few = int(rng.integers(3, 6))
        items = [
            *(likes[0] * EACH + rng.permutation(EACH)[:few]),
            *(likes[1] * EACH + rng.permutation(EACH)[: 7 - few]),
        ]
        sequences.append([int(item) for item in rng.permutation(items)])
    # A score is the dot product of a user's scores and an item's unit vector.
    user = planted_scorer([row[: place + 1] for row in sequences for place in range(len(row))])
    genres = [GENRES[genre(item)] for item in range(ITEMS)]
    paths = write_world(folder, titles, genres, sequences, user, np.eye(ITEMS, dtype=np.float32), 9)
    paths["own"] = str(folder / "own.parquet")
    cases = load_cases(paths["cases"])
    for system in SYSTEMS:
        rng = np.random.default_rng(1)
        rows = [
            explanation(case, "", words(case, titles, "good" if system == "copy" else system, rng), "stop")
            for case in cases
        ]
        paths[system] = str(folder / f"{system}.parquet")
        write_explanations(paths[system], rows)
    # Every LLM classifies as the recommender decides; `copy` is a service and has no logits.
    own = [
        {"case": case["case"], "system": system, "decision": case["label"], "score": 1.0}
        for system in ("template", "good", "liar")
        for case in cases
    ]
    write_parquet(paths["own"], pa.Table.from_pylist(own, schema=OWN_DECISIONS))
    return paths | {"titles": titles, "rows": cases}


def measure(world, folder: Path, systems=SYSTEMS, scorer=planted_scorer, **changed) -> dict[str, str]:
    """Measure some of the planted explainers; return their files."""
    paths = world | changed
    outputs = {system: str(folder / f"{system}.parquet") for system in systems}
    measure_faithfulness(
        **{name: paths[name] for name in ("cases", "interactions", "items", "embeddings", "labels")},
        explanations=[paths[system] for system in systems],
        systems=list(systems),
        own_decisions=paths["own"],
        scorer=scorer,
        settings=Measured(folds=4, draws=50),
        seed=3,
        outputs=list(outputs.values()),
    )
    return outputs


def table_of(records: dict[str, str], output: Path, resamples: int = 200) -> pd.DataFrame:
    """Return the table of one dataset, by metric and method."""
    rows = [["games", system] for system in records]
    settings = Tabled(bootstrap=resamples, names={"good": "The good"})
    faithfulness_table(records=list(records.values()), rows=rows, settings=settings, seed=4, output=str(output))
    return pd.read_csv(output).set_index(["metric", "method"])


@pytest.fixture(scope="module")
def measured(world, tmp_path_factory) -> tuple[dict[str, str], pd.DataFrame]:
    folder = tmp_path_factory.mktemp("measured")
    records = measure(world, folder)
    return records, table_of(records, folder / "faithfulness.csv")


# What cites nothing is not grounded either.
ORDERED = {
    "cites_history": ("good", "template"),
    "counterfactual_effect": ("good", "template", "liar"),
    "counterfactual_rank": ("good", "template", "liar"),
    "decision_as_recommender": ("good", "template", "liar"),
    "decision_as_itself": ("good", "template", "liar"),
    "coherence_spearman": ("good", "liar"),
    "coherence_r2": ("good", "liar"),
    "simulatability": ("good", "template", "liar"),
    "grounding_history": ("good", "liar"),
}


@pytest.mark.parametrize("metric", ORDERED)
def test_a_good_explainer_is_above_a_template_and_a_liar(measured, metric):
    rows = measured[1].loc[metric].rename({"The good": "good"})
    for better, worse in zip(ORDERED[metric], ORDERED[metric][1:], strict=False):
        assert rows.loc[better, "value"] > rows.loc[worse, "value"] + 0.05, metric
    # And beyond doubt: the interval of the good one lies above the value of the last.
    assert rows.loc["good", "value_low"] > rows.loc[ORDERED[metric][-1], "value"]
    template = rows["value"].get("template")
    assert metric == "grounding_history" or rows.loc["good", "value"] > template
    if metric.startswith("coherence"):
        assert rows.loc["good", "gain"] > 0


def test_a_good_explainer_is_above_its_reference_and_a_liar_is_not(measured):
    gains = measured[1]["gain"]
    for metric in ("counterfactual_effect", "counterfactual_rank", "decision_as_recommender"):
        assert gains[metric, "The good"] > 0.05, metric
        assert gains[metric, "liar"] < 0, metric
        assert measured[1]["gain_low"][metric, "The good"] > 0
    assert gains["counterfactual_effect", "template"] == 0
    # This recommender counts what the prompt shows, so that no text adds to it; what does not try takes nothing away.
    assert measured[1]["value"]["simulatability", "liar"] < 0.5
    assert gains["simulatability", "liar"] < gains["simulatability", "template"] <= 0


def test_grounding_counts_what_is_there_elsewhere_and_nowhere(measured):
    values = measured[1]["value"]
    assert values["grounding_history", "The good"] == 1
    for kind in ("history", "catalogue", "nowhere"):
        assert values[f"grounding_{kind}", "liar"] == pytest.approx(1 / 3, abs=0.06)
    assert sum(values[f"grounding_{kind}", "liar"] for kind in ("history", "catalogue", "nowhere")) == pytest.approx(
        1, abs=1e-3
    )
    row = measured[1].loc["grounding_history", "template"]
    assert row["cases"] == 0 and row.drop(["dataset", "kind", "cases"]).isna().all()


def test_wrong_statements_stand_in_the_records_and_in_the_table(world, measured, tmp_path):
    values = measured[1].loc["wrong_statements", "value"]
    assert values["The good"] == values["template"] == 0
    # An item that is not in the history is said to be there.
    assert values["liar"] > 0.9 and (read_records(measured[0]["liar"])["wrong_facts"] == 0).all()
    first = world["rows"][0]
    wrong = (genre(world["titles"].index(first["history"][0])) + 1) % len(GENRES)
    texts = [f"Yes. {case['history'][0]} is a {GENRES[wrong]} game." for case in world["rows"]]
    texts[1] = f"Yes. The history holds {world['rows'][1]['title']}."
    texts[2] = "Yes."
    rows = [explanation(case, "", text, "stop") for case, text in zip(world["rows"], texts, strict=True)]
    write_explanations(tmp_path / "wrong.parquet", rows)
    records = measure(world, tmp_path, ["wrong"], None, wrong=str(tmp_path / "wrong.parquet"))
    frame = read_records(records["wrong"])
    assert frame.loc[:2, ["wrong_roles", "wrong_facts"]].to_numpy().tolist() == [[0, 1], [1, 0], [0, 0]]
    row = table_of(records, tmp_path / "f.csv").loc["wrong_statements", "wrong"]
    assert row["kind"] == "description" and row["cases"] == 80
    share = (frame["wrong_roles"] + frame["wrong_facts"] > 0).mean()
    assert row["value"] == pytest.approx(share, abs=1e-4) and row["value_low"] < share < row["value_high"]


def test_systems_with_words_of_their_own_are_told_apart_and_a_copy_is_not(measured):
    rows = measured[1].loc["distinction"]
    assert (rows["reference"] == 0.25).all()
    assert rows.loc[["template", "liar"], "value"].min() > 0.9
    # Two authors of the same texts share the reader's guesses.
    assert rows.loc[["The good", "copy"], "value"].sum() <= 1


def test_a_system_without_logits_has_no_decision_of_its_own(measured):
    row = measured[1].loc["decision_as_itself", "copy"]
    assert row["cases"] == 0 and np.isnan(row["value"])
    assert measured[1].loc["decision_as_itself", "The good"]["cases"] == 80


def test_the_same_texts_have_the_same_measures_and_the_difference_to_themselves_is_nothing(measured, tmp_path):
    records = {"good": measured[0]["good"], "copy": measured[0]["copy"]}
    table = table_of(records, tmp_path / "f.csv")
    same = [metric.name for metric in METRICS if metric.name not in ("distinction", "decision_as_itself")]
    for name in same:
        row = table.loc[name, "copy"]
        assert row[["over_base", "over_base_low", "over_base_high"]].tolist() == [0, 0, 0], name
        assert row["value"] == table.loc[name, "The good"]["value"]
        assert row["value_low"] <= row["value"] <= row["value_high"]


def test_results_are_the_same_bytes_again_and_do_not_depend_on_the_other_systems(world, measured, tmp_path):
    again = measure(world, tmp_path)
    assert all(Path(again[system]).read_bytes() == Path(measured[0][system]).read_bytes() for system in SYSTEMS)
    alone = read_records(measure(world, tmp_path, ["good"])["good"])
    whole = read_records(measured[0]["good"])
    # But for the reader who is to tell the systems apart.
    assert alone["author"].isna().all()
    pd.testing.assert_frame_equal(alone.drop(columns="author"), whole.drop(columns="author"))
    first = table_of(measured[0], tmp_path / "a.csv")
    assert first.equals(measured[1])


def test_without_the_recommender_the_counterfactual_measure_alone_is_empty(world, tmp_path):
    frame = read_records(measure(world, tmp_path, ["good", "liar"], scorer=None)["good"])
    assert frame[["effect", "effect_by_chance", "effect_rank"]].isna().all().all()
    assert frame[["foreseen", "score_read", "cited_history"]].notna().all().all()
    table = table_of(
        {"good": str(tmp_path / "good.parquet"), "liar": str(tmp_path / "liar.parquet")}, tmp_path / "f.csv"
    )
    assert table.loc["counterfactual_rank", "liar"]["cases"] == 0


def test_files_that_do_not_belong_together_are_refused(world, tmp_path):
    shifted = tmp_path / "own.parquet"
    rows = [{"case": "0000", "system": "good", "decision": True, "score": 0.0}]
    write_parquet(shifted, pa.Table.from_pylist(rows, schema=OWN_DECISIONS))
    with pytest.raises(InputError, match="good: expected the 80 cases"):
        measure(world, tmp_path, ["good"], own=str(shifted))
    with pytest.raises(InputError, match="the recommender gives its item"):
        measure(world, tmp_path, ["good"], scorer=lambda histories: planted_scorer(histories) + 1)
    with pytest.raises(InputError, match="1 files for 2"):
        table, rows = str(tmp_path / "f.csv"), [["games", "a"], ["games", "b"]]
        faithfulness_table(records=["a"], rows=rows, settings=Tabled(bootstrap=2), seed=1, output=table)
    good, other = measure(world, tmp_path, ["good"])["good"], tmp_path / "other.parquet"
    frame = read_records(good).head(3).assign(cited=[[]] * 3).to_dict("records")
    write_records(other, frame)
    with pytest.raises(InputError, match="other.parquet: other cases"):
        table_of({"good": good, "other": str(other)}, tmp_path / "f.csv")
    with pytest.raises(InputError, match="no such file"):
        table_of({"good": str(tmp_path / "none.parquet")}, tmp_path / "f.csv")


# Counterfactual fidelity


def questions_of(seed: int, count: int = 4, items: int = 12) -> tuple[list[Question], np.ndarray]:
    """Decisions of a recommender whose scores are a matrix product, so that no two choices tie."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(items, items))
    found = []
    for number in range(count):
        order = rng.permutation(items)
        history, target = tuple(int(i) for i in order[:5]), int(order[5])
        score = float(weights[list(history)].sum(0)[target])
        similar = tuple(sorted(history))
        seen = (*history, int(order[6]))
        found.append(Question(f"{number:04d}", history, seen, target, number % 2 == 0, score, similar))
    return found, weights


@given(st.integers(0, 1000), st.data())
@settings(deadline=None, max_examples=15, derandomize=True)
def test_effects_are_those_of_a_loop_over_all_choices(seed, data):
    questions, weights = questions_of(seed)
    cited = [
        [frozenset(data.draw(st.sets(st.sampled_from(question.history)))) for _ in range(2)] for question in questions
    ]

    def scorer(histories):
        return np.stack([weights[list(history)].sum(0) for history in histories])

    effects = removal_effects(questions, cited, scorer, 10, 0)
    for question, texts, rows in zip(questions, cited, effects, strict=True):

        def support(history, question=question):
            scores = weights[list(history)].sum(0)
            others = [scores[i] for i in range(len(scores)) if i not in question.seen]
            return (scores[question.target] - np.mean(others)) / np.std(others)

        def loss(removed, question=question, support=support):
            rest = [item for item in question.history if item not in removed]
            return (support(question.history) - support(rest)) * (1 if question.label else -1)

        for text, effect in zip(texts, rows, strict=True):
            if len(text) in (0, 5):
                assert effect == Effect(0.0, 0.0, 0.5, 0.0, 0.5, 0.0, 0.5)
                continue
            others = [loss(choice) for choice in combinations(question.history, len(text))]
            assert effect.cited == pytest.approx(loss(text), abs=1e-6)
            assert effect.chance == pytest.approx(np.mean(others), abs=1e-6)
            below = sum(other < loss(text) - 1e-7 for other in others)
            assert effect.rank == pytest.approx((below + 0.5) / len(others))
            # As many of the newest items, which come last, and of the most similar ones.
            for rival, of_rival, rank in (
                (question.history[-len(text) :], effect.newest, effect.newest_rank),
                (question.similar[: len(text)], effect.similar, effect.similar_rank),
            ):
                assert of_rival == pytest.approx(loss(rival), abs=1e-6)
                below = sum(other < loss(rival) - 1e-7 for other in others)
                assert rank == pytest.approx((below + 0.5) / len(others))


def test_chance_is_half_and_draws_agree_with_all_choices(monkeypatch):
    questions, weights = questions_of(1, count=30)

    def scorer(histories):
        return np.stack([weights[list(history)].sum(0) for history in histories])

    pairs = [list(map(frozenset, combinations(question.history, 2))) for question in questions]
    whole = removal_effects(questions, pairs, scorer, 10, 0)
    # Over all the texts that cite two items, the mean is what chance is.
    for rows in whole:
        assert np.mean([row.rank for row in rows]) == pytest.approx(0.5)
        assert np.mean([row.cited for row in rows]) == pytest.approx(rows[0].chance, abs=1e-6)
    drawn = removal_effects(questions, pairs, scorer, 9, 0)
    assert drawn != whole and drawn == removal_effects(questions, pairs, scorer, 9, 0)
    assert drawn != removal_effects(questions, pairs, scorer, 9, 1)
    assert np.mean([row[0].chance for row in drawn]) == pytest.approx(
        np.mean([row[0].chance for row in whole]), abs=0.1
    )
    monkeypatch.setattr(removal, "BATCH", 3)
    assert removal_effects(questions, pairs, scorer, 10, 0) == whole
    with pytest.raises(InputError, match="case 0000: a cited item is not in the history"):
        removal_effects(questions[:1], [[frozenset([questions[0].target])]], scorer, 10, 0)


def test_sasrec_scores_as_it_was_exported(tmp_path):
    values = {"dim": 8, "max_length": 4, "layers": 2, "heads": 2, "ffn": 16, "activation": "swish", "lr": 0.1}
    values |= {"hidden_dropout": 0.5, "attention_dropout": 0.5, "weight_decay": 0.0, "batch_size": 2, "epochs": 1}
    values |= {"patience": 1, "gradient_clip": 1.0}
    torch.manual_seed(0)
    model = build(hyperparameters(values), 20)
    write_safetensors(tmp_path / "model.safetensors", model.state_dict())
    write_json(tmp_path / "config.json", {"sasrec": values, "items": 20})
    scorer = recommender_scorer(tmp_path / "model.safetensors", tmp_path / "config.json")
    sequences = [[3, 1, 4, 15, 9, 2], [6, 5, 3], [8, 9, 7, 0]]
    histories = Histories.from_sequences(sequences, 20)
    expected = encode(model, histories, np.arange(len(histories))) @ model.items().detach().numpy().T
    prefixes = [row[: place + 1] for row in sequences for place in range(len(row))]
    # Together or alone, whole or cut to what it sees: dropout is off.
    assert scorer(prefixes) == pytest.approx(expected, abs=1e-5)
    assert np.concatenate([scorer([prefix[-4:]]) for prefix in prefixes]) == pytest.approx(expected, abs=1e-5)


# Readers


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Yes. Foo is also of the genre Racing, so it fits.", "No. Foo is of the genre Racing, so it does not fit."),
        ("I would recommend Foo because of Bar.", "I wouldn't recommend Foo, despite of Bar."),
        ("The user will likely enjoy Foo", "The user is unlikely to enjoy Foo"),
        ("Foo is consistent with it.", "Foo is inconsistent with it."),
    ],
)
def test_masked_texts_of_opposite_verdicts_have_the_same_words(first, second):
    def left(text):
        return [
            word.strip(".,") for word in mask_verdict(text).lower().split() if word.strip(".,") not in ("is", "to", "")
        ]

    assert left(first) == left(second)
    assert "Foo" in mask_verdict(first)


@given(st.text())
@settings(deadline=None, max_examples=25)
def test_masking_only_takes_away_and_leaves_no_answer(text):
    masked = mask_verdict(f"{text} Yes. {text} no, not Racing")
    assert "Racing" in masked and len(masked) <= 2 * len(text) + 30
    assert not {"yes", "no", "not"} & set(mask_verdict(masked).lower().split())


def test_readers_never_learn_from_the_user_whom_they_read():
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(30), 2)
    scores = np.repeat(rng.normal(size=30), 2)
    # The text names the user and nothing else, so only who has read the user's other text could know the score.
    texts = [f"user{user} again user{user}" for user in users]
    read = read_scores(texts, scores, users, 5, 1)
    assert 1 - ((scores - read) ** 2).sum() / ((scores - scores.mean()) ** 2).sum() < 0.05
    telling = [f"{'high' if score > 0 else 'low'} words" for score in scores]
    assert spearmanr(read_scores(telling, scores, users, 5, 1), scores).statistic > 0.6


def test_readers_tell_what_can_be_told_and_bear_what_cannot():
    users = list(range(20))
    texts = {"a": [f"red {i}" for i in users], "b": [f"blue {i}" for i in users], "c": ["Yes.", "No."] * 10}
    found = recognise(texts, users, 5, 1)
    assert all(found[system] == [system] * 20 for system in texts)
    assert recognise({"a": texts["a"]}, users, 5, 1) == {"a": [None] * 20}
    assert recognise({"a": ["x"], "b": ["y"]}, [1], 5, 1) == {"a": [None], "b": [None]}
    assert np.isnan(read_scores(["x"], [1.0], [1], 5, 1)).all()
    assert read_scores([""] * 4, [1.0, 2.0, 3.0, 4.0], [1, 2, 3, 4], 5, 1).std() < 1
    decisions = [True, None, *[i % 2 == 0 for i in range(18)]]
    hidden = read_verdicts([f"{'Yes' if d else 'No'}. Foo Racer" for d in decisions], decisions, users, 4, 1)
    assert hidden[1] is None and None not in hidden[2:]
    told = read_verdicts([f"{'warm' if d else 'cold'} Racer" for d in decisions], decisions, users, 4, 1)
    assert told == decisions
    assert read_verdicts(["x", "y"], [True, True], [1, 2], 5, 1) == [True, True]
    assert read_verdicts(["x", "y"], [True, None], [1, 2], 5, 1) == [None, None]


# Simulation


def test_pairs_lie_beyond_the_thresholds_and_are_new_to_the_user(world):
    export, histories = (
        load_export(world["embeddings"], world["labels"]),
        load_histories(world["interactions"], world["items"]),
    )
    pairs = draw_pairs(world["rows"], export, histories, 1)
    assert pairs == draw_pairs(world["rows"], export, histories, 1) != draw_pairs(world["rows"], export, histories, 2)
    for case, pair in zip(world["rows"], pairs, strict=True):
        label, scores = export.labels.loc[case["prefix"]], export.user[case["prefix"]]
        assert scores[pair.offered] > label["threshold_high"] and scores[pair.refused] < label["threshold_low"]
        names = {world["titles"][pair.offered], world["titles"][pair.refused]}
        assert not names & {*case["history"], case["title"]}
    # The only item on a side may be the case's own.
    few = export.labels.assign(threshold_high=export.user[:, :].max(1) + 1)
    assert draw_pairs(world["rows"], type(export)(export.user, export.item, few), histories, 1) == [None] * 80


def test_the_reader_takes_the_text_at_its_word(world):
    titles = world["titles"]
    catalogue = Catalogue(pd.read_parquet(world["items"]))
    reader = Reader(titles, catalogue)
    racing, fighting = titles[:EACH], titles[EACH : 2 * EACH]
    pair, case = Pair(offered=5, refused=EACH + 6), {"history": [racing[0], fighting[0]], "title": racing[8]}

    def foresee(text, decision):
        citations = check(text, case, catalogue).citations
        return reader.foresee(text, decision, citations, case["history"], case["title"], pair)

    for text, decision, expected in [
        (f"The history holds {racing[0]}.", None, (1, 0.5)),
        (f"The history holds {fighting[0]}.", None, (0, 0.5)),
        ("The user's games are of the genre Fighting.", None, (0, 0.5)),
        ("Yes.", True, (1, 1)),
        ("No.", False, (0, 0)),
        ("", None, (0.5, 0.5)),
    ]:
        found = foresee(text, decision)
        assert (found.reader, found.verdict_only) == expected, text
    # "Racing" in a title is no property that the text names.
    named = reader._named("Fighting Stars is old", [type("Cited", (), {"start": 0, "end": 14})()])
    assert not named and reader._named("It is a fighting game", []) == {("fighting",)}


# The LLM's own decisions


def test_own_decisions_are_the_logits_of_the_classification(world, tmp_path):
    tokenizer = tiny_tokenizer()
    model = tiny_llama(tokenizer)
    for parameter in model.parameters():
        parameter.data *= 4
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    manifest, output = str(tmp_path / "base.json"), tmp_path / "own.parquet"
    make_manifest(source="folder", folder=str(tmp_path / "model"), hub_id=None, revision=None, output=manifest)
    few = pa.Table.from_pylist(world["rows"][:6], schema=CASES)
    write_parquet(tmp_path / "cases.parquet", few)

    def classify(context=400, batch=4):
        settings = Answering.model_construct(context=context, precision="fp32", batch_size=batch, batch_tokens=None)
        systems = [["base", "behavior", None], ["twin", "behavior", None]]
        classify_cases(
            llm=manifest,
            chat_template=str(TEMPLATE),
            systems=systems,
            cases=str(tmp_path / "cases.parquet"),
            embeddings=world["embeddings"],
            items=world["items"],
            prompts=PROMPTS,
            settings=settings,
            seed=9,
            output=str(output),
        )
        return pd.read_parquet(output)

    frame = classify()
    scores = frame["score"].to_numpy().reshape(2, 6)
    assert (scores[0] == scores[1]).all() and len(set(scores[0])) > 1
    assert (frame["decision"] == (frame["score"] > 0)).all()
    assert classify(batch=1)["score"].to_numpy() == pytest.approx(frame["score"].to_numpy(), abs=1e-4)
    # One case by hand: its question is one of the phrasings, and the base LLM reads it as text.
    llm, tokens = load_model(manifest), load_tokenizer(manifest, str(TEMPLATE))
    yes, no = (tokens(word, add_special_tokens=False)["input_ids"][0] for word in ("Yes", "No"))
    case, by_hand = world["rows"][0], []
    from recexplainer.prompts.phrasings import load_prompts

    for phrasing in load_prompts(PROMPTS).phrasings["classification"]:
        values = {"history": "; ".join(case["history"]), "item": case["title"]}
        question = "".join(values[piece] if place % 2 else piece for place, piece in enumerate(phrasing))
        chat = [{"role": "user", "content": question}]
        ids = tokens.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
        with torch.no_grad():
            logits = llm(**tokens(ids, add_special_tokens=False, return_tensors="pt")).logits[0, -1]
        by_hand.append(float(logits[yes] - logits[no]))
    assert min(abs(value - scores[0, 0]) for value in by_hand) < 1e-3
    # A prompt without room has no decision, and keeps its row.
    empty = classify(context=4)
    assert empty["decision"].isna().all() and len(empty) == 12
    assert load_own_decisions(output, world["rows"][:6])["twin"] == [None] * 6


# The table and the gallery


def record(case: str, **changed) -> dict:
    """A record that passes every check."""
    values = {name: None for name in RECORDS.names} | {"case": case, "user": int(case), "label": True, "score": 1.0}
    values |= {"decision": True, "own_decision": True, "cited_history": 2, "cited_catalogue": 0, "cited_nowhere": 0}
    values |= {"wrong_roles": 0, "wrong_facts": 0}
    values |= {"cited": ["a"], "effect": 1.0, "effect_by_chance": 0.5, "effect_rank": 0.9, "foreseen": 1.0}
    values |= {"foreseen_by_verdict": 0.5, "foreseen_from_prompt": 0.5, "offered": HOSTILE, "refused": HOSTILE}
    return values | changed


def test_the_table_is_that_of_a_pocket_calculator(tmp_path):
    first = [
        record(f"{i}", effect=float(i), score=float(i), score_read=float(i % 3), score_read_from_title=0.0)
        for i in range(6)
    ]
    second = [record(f"{i}", effect=1.0, decision=i < 2, cited_history=0, cited_nowhere=i % 2) for i in range(6)]
    paths = {name: str(tmp_path / f"{name}.parquet") for name in ("base", "b")}
    write_records(paths["base"], first)
    write_records(paths["b"], second)
    table = table_of(paths, tmp_path / "f.csv", 300)
    effect = table.loc["counterfactual_effect"]
    assert effect["value"].tolist() == [2.5, 1.0] and effect["gain"].tolist() == [2.0, 0.5]
    assert effect.loc["b", "over_base"] == -1.5 and np.isnan(effect.loc["base", "over_base"])
    # 300 samples of six cases: the interval of 0..5 is about 2.5 +- 1.37, that of what does not vary is nothing.
    assert 0.8 < effect.loc["base", "value_low"] < 1.7 and 3.3 < effect.loc["base", "value_high"] < 4.2
    assert effect.loc["b", ["value_low", "value_high", "gain_low"]].tolist() == [1, 1, 0.5]
    assert table.loc["grounding_nowhere", "b"]["cases"] == 3 and table.loc["grounding_nowhere", "b"]["value"] == 1
    assert table.loc["decision_as_recommender", "b"]["value"] == pytest.approx(1 / 3, abs=1e-4)
    spearman = spearmanr(range(6), [i % 3 for i in range(6)]).statistic
    assert table.loc["coherence_spearman", "base"]["value"] == pytest.approx(spearman, abs=1e-4)
    # Guesses that do not vary: no correlation, and as an R2 what they miss the mean by.
    assert table.loc["coherence_spearman", "base"]["reference"] == 0
    assert table.loc["coherence_r2", "base"]["reference"] == pytest.approx(1 - 55 / 17.5, abs=1e-4)
    assert list(table.index.get_level_values("metric").unique()) == [metric.name for metric in METRICS]


def in_gallery(tmp_path, records: dict[str, list[dict]]):
    files = make_files(tmp_path)
    paths = []
    for system in files.systems:
        paths.append(str(tmp_path / f"{system}.records.parquet"))
        write_records(paths[-1], records[system])
    return files, paths


def test_the_gallery_shows_the_best_and_the_worst_by_its_rule(tmp_path):
    names = [f"{place:04d}" for place in range(6)]
    good = [record(name) for name in names]
    good[3]["effect"] = 2.0
    good[4] |= {"cited_nowhere": 1, "effect_rank": 0.5}
    good[5] |= {"cited_catalogue": 1, "effect_rank": 0.1, "effect": -1.0}
    plain = [
        record(name, own_decision=None, effect=None, effect_rank=None, foreseen=None, decision=None) for name in names
    ]
    files, paths = in_gallery(tmp_path, {"base": good, "hybrid-full": plain})
    shown = gallery(cases=files.cases, explanations=files.explanations, systems=files.systems, records=paths)
    assert [(entry["system"], entry["good"], entry["case"]) for entry in shown] == [
        ("Base LLM", True, "0003"),
        ("Base LLM", False, "0005"),
        ("RecExplainer-H", True, "0000"),
        ("RecExplainer-H", False, "0000"),
    ]
    assert [passed for _, passed in checks(good[5])] == [True, True, False, True, False, True]
    assert [passed for _, passed in checks(good[5] | {"wrong_facts": 1})] == [True, True, False, False, False, True]
    assert [words for words, _ in checks(plain[0])] == [
        "decides as the recommender",
        "cites the history as what it is, and nothing else",
        "says nothing of an item that is wrong",
    ]
    with pytest.raises(InputError, match="1 files for 2"):
        gallery(cases=files.cases, explanations=files.explanations, systems=files.systems, records=paths[:1])
    write_records(paths[0], good[:2])
    with pytest.raises(InputError, match="other cases"):
        gallery(cases=files.cases, explanations=files.explanations, systems=files.systems, records=paths)


def test_the_report_escapes_the_gallery(tmp_path):
    from dataclasses import replace

    rows = [record(f"{place:04d}") for place in range(6)]
    files, paths = in_gallery(tmp_path, {"base": rows, "hybrid-full": rows})
    page = tmp_path / "report.html"
    write_report(replace(files, records=paths), Page(title="T"), str(page))
    text = page.read_text(encoding="utf-8")
    assert 'id="gallery"' in text and "passes the fewest of these checks" in text and "trustworthy" not in text
    section = text.split('id="gallery"')[1].split("</section>")[0]
    assert "<script" not in text and "<img src=x" not in text and section.count("&lt;script&gt;") > 8
    write_report(files, Page(title="T"), str(page))
    assert 'id="gallery"' not in page.read_text(encoding="utf-8")
