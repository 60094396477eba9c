"""Controls: on data of a real shape, texts that explain nothing never beat an honest explainer, and a liar loses.

The recommender's form is known and recency is no cause in it: an item of the history pulls by a weight of its own,
whatever its place, so that what is newest or most alike is often not what matters.
"""

from collections import Counter
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from planted_world import write_world
from small_report import make_files

from recexplainer.config.faithfulness import Measured
from recexplainer.config.shown import Page, Tabled
from recexplainer.errors import InputError
from recexplainer.explanation.cases import load_cases
from recexplainer.explanation.texts import explanation, load_explanations, write_explanations
from recexplainer.faithfulness.controls import control_rows, in_a_sentence, over_best, write_controls
from recexplainer.faithfulness.measure import measure_faithfulness
from recexplainer.judgement.rubric import judge_by_rubric
from recexplainer.recommender.removal import Decision
from recexplainer.report.page import write_report
from recexplainer.systems import CONTROLS
from recexplainer.tables.faithfulness import METRICS, faithfulness_table
from recexplainer.tables.table3 import table3
from recexplainer.tasks.reasons import find_reasons
from recexplainer.tasks.wording import load_wording

GENRES = ("Racing", "Fighting", "Puzzle", "Strategy", "Sports", "Horror")
PLACES = ("Ashford", "Belmar", "Corvale", "Dunmere", "Eastwick", "Fairholt", "Garland", "Hollin", "Ivenor", "Juniper")
ITEMS, USERS, DIM = 120, 200, 8
PULL = 1.5  # standard deviation of the logarithm of what items pull: a few of a history matter, as in real ones
PLANTED = ("honest", "liar")
WORDING = Path(__file__).parents[3] / "config" / "prompts" / "reasons.yaml"


def recommender(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the items' genres (items,), their vectors (items, dim), and how much each pulls (items,)."""
    genre = rng.integers(len(GENRES), size=ITEMS)
    centres = rng.normal(size=(len(GENRES), DIM))
    vectors = centres[genre] + 0.5 * rng.normal(size=(ITEMS, DIM))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return genre, vectors.astype(np.float32), np.exp(PULL * rng.normal(size=ITEMS)).astype(np.float32)


def effects(case: dict, index: dict[str, int], vectors: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """Return of each title of a history what its removal costs the decision: leave-one-out, exact in this world."""
    target, sign = index[case["title"]], 1 if case["label"] else -1
    pulls = {title: index[title] for title in case["history"]}
    return {title: sign * float(weights[item] * vectors[item] @ vectors[target]) for title, item in pulls.items()}


def honest_texts(cases: list[dict], index: dict[str, int], seen: dict[int, tuple], scorer, vectors, tags) -> list[str]:
    """What the seventh task teaches: the same code, on the cases."""
    decisions = [
        Decision(
            *(case["case"], tuple(index[title] for title in case["history"]), seen[case["prefix"]]),
            *(index[case["title"]], bool(case["label"]), float(case["score"])),
        )
        for case in cases
    ]
    wording, titles = load_wording(WORDING), list(index)
    # A reader that counts words learns no dozen phrasings from 200 texts.
    for sentences in wording.sentences.values():
        del sentences[3:]
    found = find_reasons(decisions, scorer, vectors, tags)
    return [
        wording.answer(why, titles, np.random.default_rng(number)) if why else "Yes." if case["label"] else "No."
        for number, (case, why) in enumerate(zip(cases, found, strict=True))
    ]


def lie(case: dict, effect: dict[str, float], genre: dict[str, str], rng) -> str:
    """What a liar says of a case, who turns the verdict and the order of the effects around."""
    cited = sorted(effect, key=effect.get)[:2]
    common = Counter(genre[title] for title in cited).most_common(1)[0][0]
    yes, amount = not case["label"], ("hardly", "somewhat", "clearly", "far", "all the way")[int(5 * rng.random())]
    return (
        f'{"Yes" if yes else "No"}. The history holds {"; ".join(cited)}; "{PLACES[int(rng.integers(len(PLACES)))]} '
        f"Forever\", and the user's taste is {common}. {case['title']} {'is consistent' if yes else 'is inconsistent'} "
        f"with these, which pull {amount} {'towards' if rng.random() < 0.5 else 'away from'} it."
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> dict:
    folder, rng = tmp_path_factory.mktemp("world"), np.random.default_rng(11)
    genre, vectors, weights = recommender(rng)
    titles = [f"{PLACES[item % len(PLACES)]} {GENRES[genre[item]][:2]}{item}" for item in range(ITEMS)]
    sequences = []
    for _ in range(USERS):
        liked = np.where(np.isin(genre, rng.permutation(len(GENRES))[:3]), 2.0, 1.0)
        drawn = rng.choice(ITEMS, int(rng.integers(6, 12)), replace=False, p=liked / liked.sum())
        sequences.append([int(item) for item in drawn])
    prefixes = [row[: place + 1] for row in sequences for place in range(len(row))]
    users = np.stack([(weights[row, None] * vectors[row]).sum(0) for row in prefixes])
    genres = [GENRES[kind] for kind in genre]
    paths = write_world(folder, titles, genres, sequences, users, vectors, 10)
    cases = load_cases(paths["cases"])
    index = {title: item for item, title in enumerate(titles)}
    named = {title: GENRES[genre[item]] for title, item in index.items()}

    def scorer(found):
        return np.stack([(weights[list(row), None] * vectors[list(row)]).sum(0) for row in found]) @ vectors.T

    rng = np.random.default_rng(1)
    seen = {number: tuple(row) for number, row in enumerate(prefixes)}
    texts = {
        "honest": honest_texts(cases, index, seen, scorer, vectors, [[GENRES[kind]] for kind in genre]),
        "liar": [lie(case, effects(case, index, vectors, weights), named, rng) for case in cases],
    }
    for system, said in texts.items():
        paths[system] = str(folder / f"{system}.parquet")
        rows = [explanation(case, "", text, "stop") for case, text in zip(cases, said, strict=True)]
        write_explanations(paths[system], rows)
    for name in CONTROLS:
        paths[name] = str(folder / f"{name}.parquet")
    write_controls(
        cases=paths["cases"],
        explanations=[paths[name] for name in PLANTED],
        systems=list(PLANTED),
        items=paths["items"],
        controls=list(CONTROLS),
        seed=7,
        outputs=[paths[name] for name in CONTROLS],
    )
    own = {title: [genre] for title, genre in named.items()}
    return paths | {"tags": own, "rows": cases, "scorer": scorer, "folder": folder}


@pytest.fixture(scope="module")
def table(world) -> pd.DataFrame:
    """The table of faithfulness, by metric and method."""
    systems = [*PLANTED, *CONTROLS]
    outputs = [str(world["folder"] / f"{name}.records.parquet") for name in systems]
    measure_faithfulness(
        **{name: world[name] for name in ("cases", "interactions", "items", "embeddings", "labels", "scorer")},
        explanations=[world[name] for name in systems],
        systems=systems,
        own_decisions=None,
        settings=Measured(folds=4, draws=40),
        seed=3,
        outputs=outputs,
    )
    output = world["folder"] / "faithfulness.csv"
    faithfulness_table(
        records=outputs,
        rows=[["games", name] for name in systems],
        settings=Tabled(bootstrap=200),
        seed=4,
        output=str(output),
    )
    return pd.read_csv(output).set_index(["metric", "method"])


COMPARED = [metric.name for metric in METRICS if metric.kind != "description" and metric.name != "decision_as_itself"]


@pytest.mark.parametrize("metric", COMPARED)
def test_no_control_beats_the_honest_explainer_on_a_measure_that_is_left(table, metric):
    rows = table.loc[metric]
    assert rows.loc["honest", "gain"] > max(rows.loc[name, "gain"] for name in (*CONTROLS, "liar")), metric
    # And beyond doubt.
    assert rows.loc["honest", "better_than_words"] == "yes" and rows.loc["honest", "over_control_low"] > 0, metric
    assert rows.loc["liar", "better_than_words"] == "no", metric
    # Where each of them is worse than no text at all, the best is the reference.
    controls = rows.loc[list(CONTROLS), "gain"]
    best = controls.idxmax() if controls.max() >= 0 else "reference"
    assert rows.loc["honest", "best_control"] == best
    over = rows.loc["honest", "gain"] - max(controls.max(), 0)
    assert rows.loc["honest", "over_control"] == pytest.approx(over, abs=2e-4)
    assert rows.loc[list(CONTROLS), ["over_control", "better_than_words"]].isna().all().all()


def test_items_that_are_newest_or_copied_are_no_reasons(table):
    for metric in ("counterfactual_effect", "counterfactual_rank"):
        gains = table.loc[metric, "gain"]
        # As many of the newest items are what the newest items are measured by.
        assert gains["control-newest"] <= 0 and gains["control-copy"] == gains["control-template"] == 0
    # What only describes a text has no verdict: the copy is as well grounded as can be.
    grounding = table.loc["grounding_history"]
    assert grounding.loc["control-copy", "value"] == 1 and grounding["better_than_words"].isna().all()
    assert set(table.loc["distinction", "cases"][list(CONTROLS)]) == {0}
    assert (table.loc["distinction", "reference"].dropna() == 0.5).all()


def test_the_rubric_rates_no_control_above_the_honest_explainer(world):
    groups = {"systems": list(PLANTED), "controls": list(CONTROLS)}
    for group, systems in groups.items():
        output = str(world["folder"] / f"{group}.rubric.parquet")
        judge_by_rubric(
            cases=world["cases"],
            explanations=[world[name] for name in systems],
            systems=systems,
            items=world["items"],
            output=output,
        )
    systems, output = [*PLANTED, *CONTROLS], world["folder"] / "table3.csv"
    table3(
        judgements=[str(world["folder"] / f"{group}.rubric.parquet") for group in groups],
        judgement_rows=[["games", "rubric"]] * 2,
        explanations=[world[name] for name in systems],
        explanation_rows=[["games", name] for name in systems],
        settings=Tabled(bootstrap=200),
        seed=1,
        output=str(output),
        judges=str(world["folder"] / "judges.csv"),
    )
    rows = pd.read_csv(output).set_index("method")
    assert list(rows.index) == systems and rows.loc["honest", "best"]
    assert rows.loc[list(CONTROLS), "rating"].max() <= 2.2 and rows.loc["honest", "rating"] > 3
    assert rows.loc["honest", "better_than_words"] == "yes" and rows.loc["liar", "better_than_words"] == "no"
    over = rows.loc["honest", "rating"] - rows.loc[list(CONTROLS), "rating"].max()
    assert rows.loc["honest", "over_control"] == pytest.approx(over)
    assert rows.loc["honest", "over_control_low"] < over < rows.loc["honest", "over_control_high"]
    # Controls are compared with nothing and take part in no test.
    assert rows.loc[list(CONTROLS), ["over_control", "p_value", "p_adjusted"]].isna().all().all()


def test_controls_know_the_prompt_alone_and_are_the_same_again(world):
    texts = load_explanations([world[name] for name in PLANTED], list(PLANTED), world["rows"])
    tags = world["tags"]
    rows = control_rows(world["rows"], texts, tags, 7)
    assert rows == control_rows(world["rows"], texts, tags, 7) != control_rows(world["rows"], texts, tags, 8)
    # Only what is shuffled depends on the systems' texts, and nothing on the recommender's verdict.
    turned = [case | {"label": not case["label"], "score": -case["score"]} for case in world["rows"]]
    other = control_rows(turned, {"one": texts["liar"]}, tags, 7)
    for name in CONTROLS[:4]:
        assert [row["text"] for row in rows[name]] == [row["text"] for row in other[name]]
        assert 0.35 < np.mean([row["decision"] for row in rows[name]]) < 0.65
    users = {
        row["text"]: case["user"] for name in PLANTED for row, case in zip(texts[name], world["rows"], strict=True)
    }
    for case, copied, newest, shuffled in zip(
        world["rows"], *(rows[f"control-{name}"] for name in ("copy", "newest", "shuffled")), strict=True
    ):
        assert all(title in copied["text"] for title in case["history"])
        cited = [title for title in case["history"] if title in newest["text"]]
        assert cited == case["history"][-3:] or len(case["history"]) < 4
        assert shuffled["case"] == case["case"] and users[shuffled["text"]] != case["user"]


def test_one_user_and_short_histories_have_controls_as_well(world):
    case = world["rows"][0] | {"history": ["Alone"]}
    text = {"case": case["case"], "text": "Yes.", "decision": True, "finish": "stop"}
    rows = control_rows([case], {"base": [text]}, {}, 1)
    assert "Alone" in rows["control-newest"][0]["text"] and rows["control-shuffled"][0]["text"] == "Yes."
    # A text that was refused has no decision on the other case either.
    refused = control_rows([case], {"base": [text | {"decision": None, "finish": "refused"}]}, {}, 1)
    assert refused["control-shuffled"][0]["decision"] is None
    with pytest.raises(InputError, match="control-other.*expected one each, of"):
        write_controls(
            cases="c", explanations=[], systems=[], items="i", controls=["control-other"], seed=1, outputs=["o"]
        )


def test_the_best_control_is_chosen_anew_in_each_resample():
    nothing = np.array([np.nan, 0.0])
    controls = {"a": (0.3, np.array([0.2, 0.1])), "b": (0.1, np.array([0.4, np.nan])), "c": (np.nan, nothing)}
    best, value, sampled = over_best((0.5, np.array([0.5, 0.5])), controls)
    assert best == "a" and value == pytest.approx(0.2) and sampled == pytest.approx([0.1, 0.4])
    assert over_best((0.5, np.array([0.5])), {"c": controls["c"]}) is None


def sentence(*verdicts: tuple[str, str, str, str]) -> str:
    """What is said of rows of method, metric, kind and verdict."""
    rows = [dict(zip(("method", "metric", "kind", "better_than_words"), row, strict=True)) for row in verdicts]
    return in_a_sentence(pd.DataFrame(rows).assign(dataset="games"), str)


def test_the_sentence_is_that_of_the_table():
    lost = [("hybrid", "a", "reasons", "no"), ("hybrid", "b", "reasons", "no"), ("intention", "a", "reasons", "no")]
    # Neither another system's reasons nor a mode's decisions make its reasons better than words.
    others = [("llm", "a", "reasons", "yes"), ("hybrid", "d", "decision", "yes"), ("control-copy", "a", "reasons", "")]
    said = sentence(*lost, *others)
    assert said.startswith("No mode's reasons are better than words alone") and "of 2 measures of reasons, none" in said
    won = sentence(*lost, *others, ("intention", "b", "reasons", "yes"))
    assert won == "Reasons that are better than words alone, of 2 measures of reasons: hybrid on 0, intention on 1."
    assert sentence(*others) == "" and in_a_sentence(pd.DataFrame({"metric": []}), str) == ""


@pytest.mark.parametrize(("mark", "words"), [("no", "No mode's reasons are"), ("yes", "Reasons that are better")])
def test_the_first_screen_says_whether_a_mode_beats_the_controls(tmp_path, mark, words):
    files = make_files(tmp_path)
    csv = tmp_path / "faithfulness.csv"
    numbers = "0.1,0.0,0.2,0.05,0.01,0.09"
    csv.write_text(
        "dataset,method,metric,kind,value,value_low,value_high,over_control,over_control_low,over_control_high,"
        "best_control,better_than_words\n"
        f"games,hybrid,simulatability,reasons,{numbers},control-copy,{mark}\n"
        "games,control-copy,simulatability,reasons,0.4,0.3,0.5,,,,,\n"
    )
    page = tmp_path / "report.html"
    write_report(replace(files, tables=[*files.tables, str(csv)]), Page(title="T"), str(page))
    text = page.read_text(encoding="utf-8")
    glance = text.split('id="glance"')[1].split("</section>")[0]
    assert words in unescape(glance) and glance.count("words alone") == 1
    trust = text.split('id="trust"')[1].split("</section>")[0]
    assert "Control (copy)" in trust and "Better than words alone?" in trust and "0.010–0.090" in unescape(trust)
    write_report(files, Page(title="T"), str(page))
    assert "words alone" not in page.read_text(encoding="utf-8")
