"""``recexplainer.load``: the run's own numbers, by titles, and signatures that stay."""

import inspect
import re

import numpy as np
import pandas as pd
import pytest
from clone import ROOT

import recexplainer
from recexplainer.errors import InputError
from recexplainer.interactive.api import Model, load


@pytest.fixture(scope="module")
def model(whole_run):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(whole_run.parents[1])
        yield recexplainer.load("results/smallest", "games", "hybrid")


def test_the_signatures_stay():
    assert recexplainer.load is load
    assert list(inspect.signature(load).parameters) == ["results", "dataset", "mode"]
    found = {
        name: list(inspect.signature(getattr(Model, name)).parameters)[1:] for name in Model.__dict__ if name[0] != "_"
    }
    assert found == {
        "history": ["user"],
        "score": ["history", "items"],
        "rank": ["history", "count"],
        "judge": ["history", "item"],
        "explain": ["history", "item", "viewpoint"],
        "attributions": ["history", "item"],
    }
    assert all(inspect.getdoc(getattr(Model, name)) for name in found)
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        recexplainer.lod  # noqa: B018


def test_scores_and_ranks_are_the_recommenders(model, whole_run):
    cases = pd.read_parquet(whole_run / "explanations/games/cases.parquet").head(5)
    for case in cases.to_dict("records"):
        *history, _ = model.history(model.users[case["user"]])
        assert model.score(history, [case["title"]]) == [pytest.approx(case["score"], rel=1e-5)]
        everything = model.rank(history, len(model.titles))
        assert {title for title, _ in everything} == set(model.titles) - set(history)
        assert [score for _, score in everything] == sorted((score for _, score in everything), reverse=True)
        assert model.rank(history, 3) == everything[:3]
        verdict = model.judge(history, case["title"])
        assert [title for title, _ in everything].index(case["title"]) + 1 == verdict.rank


def test_attributions_are_what_is_lost_without_the_title(model):
    *history, item = model.history(model.users[1])
    found = model.attributions(history, item)
    assert set(found) == set(history[-model._explainer.max_length :])
    assert list(found.values()) == sorted(found.values(), reverse=True)
    others = [title for title in model.titles if title not in history]

    def standing(titles):
        scores = np.array(model.score(titles, others))
        return (scores[others.index(item)] - scores.mean()) / scores.std()

    for title in history if len(history) <= model._explainer.max_length else []:
        lost = standing(history) - standing([one for one in history if one != title])
        assert found[title] == pytest.approx(lost, abs=1e-5)


def test_explanations_are_those_of_the_run(model, whole_run):
    case = pd.read_parquet(whole_run / "explanations/games/cases.parquet").iloc[0]
    written = pd.read_parquet(whole_run / "explanations/games/hybrid-full.parquet").set_index("case")
    *history, _ = model.history(model.users[case["user"]])
    assert model.explain(history, case["title"]).text == written.loc[case["case"], "text"]
    for wrong, message in (
        (lambda: model.explain([], case["title"]), "the history is empty"),
        (lambda: model.explain(history, history[0]), "is part of the history"),
        (lambda: model.score(history, ["No such title"]), "no item of the catalogue"),
        (lambda: recexplainer.load("results/smallest", "games", "hybrid/none"), "no aligned model"),
    ):
        with pytest.raises(InputError, match=message):
            wrong()


def test_the_example_of_the_docs(model, capsys):
    text = (ROOT / "docs/ask.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    found = {}
    exec(example.replace("results/demo", "results/smallest"), found)
    assert capsys.readouterr().out.strip() == model.explain(found["history"], found["item"]).text
