"""Questions to a finished run: the same answers as the pipeline's, for histories of its users and for others."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from clone import ROOT

from recexplainer import about
from recexplainer.errors import InputError
from recexplainer.interactive.explainer import Explainer

SYSTEMS = ["base", "behavior/full", "intention/full", "hybrid/full"]


@pytest.fixture(scope="module")
def cases(whole_run):
    return pd.read_parquet(whole_run / "explanations/games/cases.parquet").head(8).to_dict("records")


def command(folder, *arguments: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        [sys.executable, "-m", "recexplainer", *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize("system", SYSTEMS)
def test_answers_are_those_of_the_pipeline_whichever_system_spoke_before(explainer, cases, whole_run, system):
    assert explainer.systems == SYSTEMS
    written = pd.read_parquet(whole_run / f"explanations/games/{system.replace('/', '-')}.parquet").set_index("case")
    for case, other in zip(cases, [*SYSTEMS, *SYSTEMS], strict=True):
        history = explainer.history_of(explainer.users[case["user"]])[:-1]
        explainer.ask(history[:2], case["item"], other)
        found = explainer.ask(history, case["item"], system)
        assert (found.text, found.finish) == tuple(written.loc[case["case"], ["text", "finish"]])
        decision = written.loc[case["case"], "decision"]
        assert found.decision is (None if pd.isna(decision) else bool(decision))


def test_the_recommenders_verdict_is_its_label(explainer, cases):
    for case in cases:
        history = explainer.history_of(explainer.users[case["user"]])[:-1]
        verdict = explainer.judge(history, case["item"])
        assert verdict.decision == ("yes" if case["label"] else "no")
        assert verdict.score == pytest.approx(case["score"], rel=1e-5)
        assert (verdict.unseen - verdict.rank) / verdict.unseen == pytest.approx(case["percentile"], abs=1e-6)
    verdicts = [explainer.judge(history, item) for item in range(len(explainer.titles)) if item not in history]
    assert sorted(verdict.rank for verdict in verdicts) == list(range(1, len(verdicts) + 1))
    assert {verdict.decision for verdict in verdicts} == {"yes", "no", "between"}


def test_a_history_that_no_user_has_and_a_viewpoint(explainer):
    history = list(np.random.default_rng(1).permutation(len(explainer.titles))[:4])
    item = next(one for one in range(len(explainer.titles)) if one not in history)
    texts = {explainer.ask(history, item, "hybrid/full", view).text for view in (None, *explainer.viewpoints)}
    assert all(texts)


def test_titles_and_what_is_not_there(explainer):
    title = explainer.titles[5]
    assert explainer.find(f" {title} ") == explainer.find(title.upper()) == 5
    history = explainer.history_of(explainer.users[0])
    with pytest.raises(InputError, match=f"no item .* near: .*'{title}'"):
        explainer.find(title[:-1] + "x")
    for wrong, message in (
        (lambda: explainer.history_of("nobody"), f"no user 'nobody'; .* such as {explainer.users[0]}"),
        (lambda: explainer.judge([], 1), "the history is empty"),
        (lambda: explainer.judge(history, history[0]), "is part of the history; expected another item"),
        (lambda: explainer.ask(history, 1, "gpt"), "no system 'gpt'; expected one of: base, behavior/full"),
        (lambda: explainer.ask(history, 1, "base", "colour"), "viewpoint 'colour'"),
        (lambda: Explainer("results/smallest", "films"), "no dataset 'films' in this run; expected one of: games"),
        (lambda: Explainer("results/smallest", "games", ["x/full"]), "x/full: no aligned model; expected one of: base"),
        (lambda: Explainer("results", "games"), "provenance.json: no such file; expected the folder of a finished run"),
    ):
        with pytest.raises(InputError, match=message):
            wrong()


def test_the_command(explainer, cases, whole_run):
    folder, case = whole_run.parents[1], cases[0]
    history = [explainer.titles[one] for one in explainer.history_of(explainer.users[case["user"]])[:-1]]
    asked = ["explain", "--model", "results/smallest/alignment/games/hybrid/full", "--item", case["title"]]
    done = command(folder, *asked, "--history", "; ".join(history), "--base", "--json")
    assert done.returncode == 0, done.stderr
    # Neither warnings nor progress of libraries; of its own, only where the machine is slow.
    assert re.sub(r"^\d\d:\d\d:\d\d explanations: .* left\n", "", done.stderr, flags=re.MULTILINE) == ""
    found = json.loads(done.stdout)
    assert found["question"] == {
        "history": history,
        "seen": history[-explainer.max_length :],
        "item": case["title"],
        "viewpoint": None,
    }
    assert (found["dataset"], found["synthetic"], found["llm"]) == (explainer.name, True, explainer.llm)
    assert {one["decision"] for one in found["answers"]} <= {"yes", "no", None}
    assert [one["system"] for one in found["answers"]] == ["hybrid/full", "base"]
    texts = pd.read_parquet(whole_run / "explanations/games/hybrid-full.parquet").set_index("case")["text"]
    assert found["answers"][0]["text"] == texts[case["case"]]
    assert found["recommender"]["decision"] == ("yes" if case["label"] else "no")

    # A user's last item is the one in question, as on the page; the answer is then that of the pipeline.
    user = explainer.users[case["user"]]
    *taken, last = explainer.history_of(user)
    done = command(folder, *asked[:3], "--user", user)
    assert done.returncode == 0, done.stderr
    shown = done.stdout.splitlines()
    known = dict(about.report_settings(explainer.config)["about"])["Base LLM"]
    assert shown[0].endswith(f" (base LLM: {known}, generated data): {explainer.titles[last]}")
    assert shown[1] == f"after: {'; '.join(explainer.titles[one] for one in explainer.seen(taken))}"
    assert "\nrecommender: " in done.stdout and "\n\nRecExplainer-H: " in done.stdout


def test_a_long_history_says_that_it_was_cut(explainer, capsys):
    from recexplainer.interactive.command import print_answers

    history = list(range(explainer.max_length + 2))
    item = len(explainer.titles) - 1
    print_answers(explainer, history, item, None, explainer.judge(history, item), [])
    assert f"the newest {explainer.max_length} of {len(history)} titles" in capsys.readouterr().out


def test_titles_in_one_line(explainer, monkeypatch):
    titles = ["Plain", "One; two; three", "One", "Sea"]
    monkeypatch.setattr(explainer, "titles", titles)
    assert explainer.find_all("Plain;Sea ;  one") == [0, 3, 2]
    assert explainer.find_all("One; two; three; Plain;") == [1, 0]
    with pytest.raises(InputError, match="no item of the catalogue has the title 'two'"):
        explainer.find_all("One; two; Plain")


def test_what_is_asked_is_checked_before_the_llm_is_loaded(explainer, whole_run, monkeypatch):
    from recexplainer.interactive import explainer as module

    monkeypatch.chdir(whole_run.parents[1])
    monkeypatch.setattr(module, "load_fitting", lambda *_: pytest.fail("the LLM was loaded"))
    fresh = Explainer("results/smallest", "games")
    fresh.judge([0, 1], 2)
    with pytest.raises(InputError, match="viewpoint"):
        fresh.ask([0, 1], 2, "base", "colour")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--model": "results/smallest"}, "error: --model results/smallest: expected a folder"),
        ({"--item": None}, "error: --item is missing"),
        ({"--history": "No such title"}, "error: no item of the catalogue has the title 'No such title'"),
        ({"--item": "No such title"}, "error: no item of the catalogue has the title 'No such title'"),
        ({"--viewpoint": "colour"}, "error: viewpoint 'colour' is not in the file of prompts"),
    ],
)
def test_questions_that_cannot_be_asked(explainer, whole_run, change, message):
    asked = {"--model": "results/smallest/alignment/games/behavior/full", "--history": explainer.titles[0]}
    asked |= {"--item": explainer.titles[1]} | change
    done = command(whole_run.parents[1], "explain", *[part for pair in asked.items() if pair[1] for part in pair])
    assert done.returncode == 2 and done.stderr.splitlines()[-1].startswith(message)
