"""Pointwise rankings: the questions, the order by Yes over No, and the table beside the lists."""

import numpy as np
import pandas as pd
import pytest
import torch
from small_dataset import PROMPTS, SETTINGS, small_dataset
from tiny import TEMPLATE, tiny_llama, tiny_tokenizer

from recexplainer.config.evaluation import Pointwise, Resampled
from recexplainer.errors import InputError
from recexplainer.evaluation import pointwise
from recexplainer.evaluation.metrics import expected_random_ranking_ndcg, ranking_ndcg
from recexplainer.evaluation.pointwise import rank_pointwise
from recexplainer.evaluation.predictions import SCHEMAS, write_predictions
from recexplainer.files import read_parquet, write_parquet
from recexplainer.llm.base import load_model, load_tokenizer, make_manifest
from recexplainer.prompts.phrasings import load_prompts
from recexplainer.tables.pointwise import MEASURES, table_pointwise
from recexplainer.tasks.build import build_tasks
from recexplainer.tasks.schema import load_tasks

SYSTEMS = [["base", "behavior", None], ["hybrid-full", "hybrid", "alignment"]]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A dataset, and the ranking cases of a system whose lists are the first two candidates."""
    folder = tmp_path_factory.mktemp("world")
    files = small_dataset(folder, users=60)
    tasks = {split: str(folder / f"{split}.parquet") for split in ("train", "test")}
    build_tasks(**files, prompts=str(PROMPTS), settings=SETTINGS, seed=3, paths=tasks)
    rows = [row for row in load_tasks(tasks["test"]) if row["task"] == "ranking"]
    columns = ["sample", "user", "target", "candidates"]
    answers = [{name: row[name] for name in columns} | {"text": "", "predicted": row["candidates"][:2]} for row in rows]
    write_predictions(folder / "ranking.parquet", "ranking", answers)
    return files, str(folder / "ranking.parquet")


def rank(world, output, *, systems=SYSTEMS, most=100, context=400, batch=4, ranking=None, llm="llm", seed=9):
    files, cases = world
    asked = {"context": context, "precision": "fp32", "batch_size": batch, "batch_tokens": None}
    settings = Pointwise.model_construct(**asked, max_length=SETTINGS.max_length, pointwise_cases=most)
    rank_pointwise(
        llm=llm,
        chat_template=str(TEMPLATE),
        systems=systems,
        ranking=ranking or cases,
        files=files,
        prompts=str(PROMPTS),
        settings=settings,
        seed=seed,
        output=str(output),
    )
    return pd.read_parquet(output)


def answering(monkeypatch, score, asked=None):
    """Let a function of a case's target and a candidate answer in place of the LLMs."""

    def ask_verdicts(*, systems, messages, **_):
        cases = read_parquet(asked, SCHEMAS["ranking"])
        for system, form, _ in systems:
            pairs = [(row.target, title) for row in cases.itertuples() for title in row.candidates]
            assert len(messages(form)) == len(pairs)
            yield system, [score(list(target), title) for target, title in pairs]

    monkeypatch.setattr(pointwise, "ask_verdicts", ask_verdicts)


def test_the_scores_are_the_logits_of_the_classification_of_each_candidate(world, tmp_path):
    tokenizer = tiny_tokenizer()
    model = tiny_llama(tokenizer)
    for parameter in model.parameters():
        parameter.data *= 4
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    llm = str(tmp_path / "base.json")
    make_manifest(source="folder", folder=str(tmp_path / "model"), hub_id=None, revision=None, output=llm)
    twins = [["base", "behavior", None], ["twin", "behavior", None]]
    found = rank(world, tmp_path / "p.parquet", systems=twins, most=6, llm=llm)
    assert list(found["system"]) == ["base"] * 6 + ["twin"] * 6
    scores = np.stack(found["scores"])
    assert (scores[:6] == scores[6:]).all() and len(np.unique(scores)) > 6
    one_by_one = rank(world, tmp_path / "1.parquet", systems=twins[:1], most=6, llm=llm, batch=1)
    assert np.stack(one_by_one["scores"]) == pytest.approx(scores[:6], abs=1e-4)
    for row in found.itertuples():
        expected = [row.candidates[place] for place in sorted(range(5), key=lambda place: -row.scores[place])]
        assert list(row.predicted) == expected

    # One case by hand: the five questions are in the same phrasing, and the base LLM reads them as text.
    files, _ = world
    titles = list(pd.read_parquet(files["items"])["title"])
    events = pd.read_parquet(files["interactions"])
    row = next(found.itertuples())
    history = "; ".join(
        titles[item] for item in events[events["user"] == row.user]["item"][:-1][-SETTINGS.max_length :]
    )
    loaded, tokens = load_model(llm), load_tokenizer(llm, str(TEMPLATE))
    yes, no = (tokens(word, add_special_tokens=False)["input_ids"][0] for word in ("Yes", "No"))
    by_hand = []
    for phrasing in load_prompts(PROMPTS).phrasings["classification"]:
        own = []
        for title in row.candidates:
            values = {"history": history, "item": title}
            question = "".join(values[piece] if place % 2 else piece for place, piece in enumerate(phrasing))
            chat = [{"role": "user", "content": question}]
            text = tokens.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
            with torch.no_grad():
                logits = loaded(**tokens(text, add_special_tokens=False, return_tensors="pt")).logits[0, -1]
            own.append(float(logits[yes] - logits[no]))
        by_hand.append(np.abs(np.array(own) - row.scores).max())
    assert min(by_hand) < 1e-3

    # A case of which a question has no room is left out.
    assert rank(world, tmp_path / "none.parquet", systems=twins, most=6, llm=llm, context=4).empty


def test_who_knows_the_scores_ranks_at_one_and_who_says_the_same_of_all_at_chance(world, tmp_path, monkeypatch):
    answering(monkeypatch, lambda target, title: -target.index(title), world[1])
    known = rank(world, tmp_path / "known.parquet")
    assert [list(row.predicted) for row in known.itertuples()] == [list(row.target) for row in known.itertuples()]
    answering(monkeypatch, lambda target, title: 0.25, world[1])
    constant = rank(world, tmp_path / "constant.parquet")
    gains = [ranking_ndcg(list(row.target), list(row.predicted)) for row in constant.itertuples()]
    assert np.mean(gains) == pytest.approx(expected_random_ranking_ndcg(), abs=0.06)
    assert [list(row.predicted) for row in constant.itertuples()] == [
        list(row.candidates) for row in constant.itertuples()
    ]


def test_few_cases_are_drawn_from_the_seed_in_their_order(world, tmp_path, monkeypatch):
    drawn = {}
    for seed in (1, 2):
        monkeypatch.setattr(
            pointwise,
            "ask_verdicts",
            lambda *, systems, messages, **_: ((name, [0.0] * len(messages(form))) for name, form, _ in systems),
        )
        frame = rank(world, tmp_path / f"{seed}.parquet", most=10, seed=seed)
        assert frame["system"].value_counts().to_dict() == {"base": 10, "hybrid-full": 10}
        drawn[seed] = list(frame["sample"][:10])
        assert drawn[seed] == sorted(drawn[seed]) == list(frame["sample"][10:])
    assert drawn[1] != drawn[2]


def test_predictions_of_another_dataset_are_named(world, tmp_path):
    rows = pd.read_parquet(world[1]).to_dict("records")
    strange = [row | {"candidates": ["Not There", *row["candidates"][1:]]} for row in rows[:1]]
    for changed, words in ((strange, "candidate 'Not There'"), ([rows[0] | {"user": 999}], "user 999")):
        path = tmp_path / "ranking.parquet"
        write_predictions(path, "ranking", changed)
        with pytest.raises(InputError, match=f"ranking.parquet: {rows[0]['sample']}: {words} is not of this dataset"):
            rank(world, tmp_path / "p.parquet", ranking=str(path))


def test_the_table_has_both_orders_of_the_same_cases(world, tmp_path, monkeypatch):
    answering(monkeypatch, lambda target, title: -target.index(title), world[1])
    frame = rank(world, tmp_path / "p.parquet")
    # A system that has not answered the first case: it counts for none.
    fewer = frame[(frame["system"] != "base") | (frame["sample"] != frame["sample"][0])]
    write_parquet(tmp_path / "p.parquet", fewer)
    rows = [["games", "base", "tiny"], ["games", "hybrid-full", "hybrid"]]

    def table(rows=rows, files=2):
        table_pointwise(
            pointwise=[str(tmp_path / "p.parquet")] * files,
            rankings=[world[1]] * files,
            rows=rows,
            settings=Resampled(bootstrap=50),
            seed=1,
            output=str(tmp_path / "t.csv"),
        )
        return pd.read_csv(tmp_path / "t.csv")

    found = table()
    assert list(found["method"]) == ["tiny", "hybrid"] and set(found["cases"]) == {59}
    listed = pd.read_parquet(world[1])
    listed = listed[listed["sample"] != frame["sample"][0]]
    own = np.mean([ranking_ndcg(list(row.target), list(row.predicted)) for row in listed.itertuples()])
    first = np.mean([row.predicted[0] == row.target[0] for row in listed.itertuples()])
    for row in found.to_dict("records"):
        values = [row[name] for name in MEASURES]
        assert values == pytest.approx([1, own, 1 - own, 1, first], abs=1e-4)
        assert all(row[f"{name}_low"] <= row[name] <= row[f"{name}_high"] for name in MEASURES)
        assert row["gain_ndcg5_low"] > 0
    with pytest.raises(InputError, match="expected one each"):
        table(files=1)
    with pytest.raises(InputError, match="no case of games that all its systems have answered"):
        table([*rows, ["games", "intention-full", "intention"]], files=3)
