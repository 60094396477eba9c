"""The cases to be explained, the questions about them, and what local models and services answer."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from misbehaving_server import MisbehavingServer, scripted
from tiny import TEMPLATE, tiny_llama, tiny_tokenizer

from recexplainer.alignment.model import RecExplainer, load_aligned, save_aligned, with_lora
from recexplainer.config.alignment import Lora
from recexplainer.config.explanation import Asking, Chosen, Explaining
from recexplainer.config.labels import LabelRules
from recexplainer.config.service import Price, Service
from recexplainer.errors import InputError
from recexplainer.explanation.cases import CASES, choose_cases, draw_cases, load_cases
from recexplainer.explanation.explain import explain
from recexplainer.explanation.explain_service import explain_by_service
from recexplainer.explanation.questions import render, show
from recexplainer.explanation.texts import EXPLANATIONS, VIEWPOINTS, explanation, load_explanations
from recexplainer.files import read_parquet, read_safetensors, write_json, write_parquet, write_safetensors
from recexplainer.inference.answering import answer
from recexplainer.llm.base import load_model, load_tokenizer, make_manifest
from recexplainer.prompts.explanation import fill, load_explanation_prompts
from recexplainer.recommender.contract import load_export
from recexplainer.recommender.histories import Histories
from recexplainer.recommender.labels import label_prefixes

PROMPTS = str(Path(__file__).parents[3] / "config" / "prompts" / "explanation.yaml")
ITEM_COUNT = 30
HOSTILE = ["<user>", "{item} & {history}", "</s> USER: hello", "Plain <b>title</b>"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> dict[str, str]:
    """Paths of a small dataset and of the export of a random recommender."""
    folder, rng = tmp_path_factory.mktemp("dataset"), np.random.default_rng(3)
    sequences = [rng.permutation(ITEM_COUNT)[: rng.integers(5, 9)].tolist() for _ in range(20)]
    events = [(user, item, place, place) for user, row in enumerate(sequences) for place, item in enumerate(row)]
    frame = pd.DataFrame(events, columns=["user", "item", "position", "time"])
    write_parquet(folder / "interactions.parquet", frame)
    titles = HOSTILE + [f"Title {number}" for number in range(len(HOSTILE), ITEM_COUNT)]
    facts = {name: [f" {name} {i} " if i % 2 else "" for i in range(ITEM_COUNT)] for name in CASES.names[-4:]}
    write_parquet(folder / "items.parquet", pd.DataFrame({"title": titles, **facts}))
    vectors = {"user": rng.normal(size=(len(events), 8)), "item": rng.normal(size=(ITEM_COUNT, 8))}
    vectors = {name: value.astype(np.float32) for name, value in vectors.items()}
    write_safetensors(folder / "embeddings.safetensors", vectors)
    histories = Histories.from_sequences(sequences, ITEM_COUNT)
    settings = LabelRules(positive_share=0.2, negative_share=0.5, candidates=5, similar=1)
    write_parquet(
        folder / "labels.parquet", label_prefixes(vectors["user"], vectors["item"], histories, settings, 1, 64)
    )
    names = {"interactions": "parquet", "items": "parquet", "labels": "parquet", "embeddings": "safetensors"}
    return {name: str(folder / f"{name}.{suffix}") for name, suffix in names.items()}


def choose(dataset: dict[str, str], output: Path, count: int = 10, seed: int = 1) -> list[dict]:
    files = {name: dataset[name] for name in ("interactions", "items", "labels", "embeddings")}
    choose_cases(**files, settings=Chosen(cases=count, max_length=4), seed=seed, output=str(output))
    return load_cases(output)


def test_cases_are_what_the_recommender_says(dataset, tmp_path):
    cases = choose(dataset, tmp_path / "cases.parquet")
    assert pq.read_schema(tmp_path / "cases.parquet").equals(CASES)
    export = load_export(dataset["embeddings"], dataset["labels"])
    events, items = read_parquet(dataset["interactions"]), read_parquet(dataset["items"])
    assert [case["case"] for case in cases] == [f"{number:04d}" for number in range(10)]
    for case in cases:
        row = export.labels.loc[case["prefix"]]
        assert (row["split"], row["user"]) == ("test", case["user"])
        assert case["item"] == row["positive" if case["label"] else "negative"]
        seen = events[events["user"] == case["user"]]["item"].to_list()[:-1]
        assert case["history"] == [items["title"][item] for item in seen][-4:]
        scores = export.item @ export.user[case["prefix"]]
        unseen = [scores[item] for item in range(ITEM_COUNT) if item not in seen]
        assert case["score"] == pytest.approx(scores[case["item"]], rel=1e-5)
        assert case["percentile"] == pytest.approx(np.mean([score < scores[case["item"]] for score in unseen]))
        assert case["percentile"] >= 0.8 - 1 / len(unseen) if case["label"] else case["percentile"] < 0.5
        assert case["title"] == items["title"][case["item"]]
        assert case["tags"] == items["tags"][case["item"]].strip()


def test_the_same_seed_chooses_the_same_bytes(dataset, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        choose(dataset, tmp_path / name, seed=seed)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b != c


@pytest.mark.parametrize("count", [1, 2, 7, 20, 25, 39, 40])
def test_cases_are_half_positive_and_users_repeat_as_little_as_possible(count):
    drawn = draw_cases(list(range(100, 120)), count, seed=5)
    assert len(set(drawn)) == count
    assert sum(positive for _, positive in drawn) == (count + 1) // 2
    assert len({user for user, _ in drawn}) == min(count, 20)


def test_positives_are_spread_over_the_order():
    """The first half of the cases, which a study may draw, must not be of one label."""
    labels = [positive for _, positive in draw_cases(list(range(200)), 200, seed=1)]
    assert 25 < sum(labels[:100]) < 75


def test_too_many_cases_are_cut_to_two_per_user_and_said(dataset, tmp_path, caplog):
    assert len(choose(dataset, tmp_path / "cases.parquet", 50)) == 40
    assert "50 cases asked for, 40 chosen" in caplog.text
    caplog.clear()
    assert len(choose(dataset, tmp_path / "cases.parquet", 30)) == 30
    assert "some users have two" in caplog.text


def test_files_that_do_not_belong_together_are_refused(dataset, tmp_path):
    other = {**dataset, "embeddings": str(tmp_path / "embeddings.safetensors")}
    vectors = read_safetensors(dataset["embeddings"])
    write_safetensors(other["embeddings"], {"user": vectors["user"] * 2, "item": vectors["item"]})
    with pytest.raises(InputError, match="not those of"):
        choose(other, tmp_path / "cases.parquet")
    write_parquet(tmp_path / "items.parquet", read_parquet(dataset["items"]).head(20))
    with pytest.raises(InputError, match="20 items"):
        choose({**dataset, "items": str(tmp_path / "items.parquet")}, tmp_path / "cases.parquet")
    write_parquet(tmp_path / "events.parquet", read_parquet(dataset["interactions"]).iloc[:-1])
    with pytest.raises(InputError, match="user 19"):
        choose({**dataset, "interactions": str(tmp_path / "events.parquet")}, tmp_path / "cases.parquet")


def test_the_question_is_short_and_holds_what_the_paper_asks():
    prompts = load_explanation_prompts(PROMPTS)
    text = fill(prompts.question, {"history": "", "item": ""})
    assert len(text.split()) < 45 and "Yes or No" in text and "recommender" in text and "in common" in text
    # Whether the user will like it, not what a recommender does, of which an unaligned LLM was never told.
    assert "will this user like" in text.lower() and "disagrees" in text
    assert prompts.question[1::2] == ("history", "item")
    assert prompts.judge[1::2] == ("history", "item", "label", "explanation")
    judge = prompts.judge[6]
    assert all(f"RATING-{level}" in judge for level in range(1, 5))
    third, fourth = (" ".join(judge.split(f"RATING-{level}:")[1].split("RATING-")[0].split()) for level in (3, 4))
    assert "logical" in third and "history" in third and "item" in third
    assert "sum up the patterns" in fourth and "thoroughly" in fourth and "disagrees" in fourth and "alone" in fourth
    assert "objective" in judge and "How long the answer is must not matter" in judge
    seen_from = fill(prompts.question_from("platform"), {"history": "", "item": ""})
    assert seen_from == f"{text} {prompts.viewpoints['platform']}"
    with pytest.raises(InputError, match="viewpoint 'price'.*platform, genre"):
        prompts.question_from("price")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("question: >-\n", "inquiry: >-\n", "'inquiry' is missing or unknown"),
        ("{history}. Will", "Will", r"question: \{history\} occurs 0 times"),
        ("{item}? Begin", "{item} {item}? Begin", r"question: \{item\} occurs 2 times"),
        ("like {item}?", "like {item} {price}?", r"question: unknown placeholder \{price\}"),
        ("like {item}?", "like {item} {?", "question: a brace without its partner"),
        ("  {explanation}\n", "", r"judge: \{explanation\} occurs 0 times"),
        ("genre: Look at the genres.", "genre:", r"viewpoints\.genre: expected a text"),
        (
            "  - what the choices have in common\n  - how the item agrees or disagrees with it\n",
            "  both\n",
            "aspects: expected a list",
        ),
        ("  - name: Wrong decision\n    text", "  - text", "levels: expected a text"),
        ("again:", "again: 3\nx:", "key 'x'"),
        ("levels:\n", "levels: [\n", "not valid YAML"),
    ],
)
def test_a_broken_file_of_prompts_is_refused(tmp_path, old, new, message):
    content = Path(PROMPTS).read_text()
    assert old in content
    (tmp_path / "p.yaml").write_text(content.replace(old, new, 1))
    with pytest.raises(InputError, match=rf"p\.yaml: .*{message}"):
        load_explanation_prompts(tmp_path / "p.yaml")
    with pytest.raises(InputError, match="no such file"):
        load_explanation_prompts(tmp_path / "q.yaml")


def test_a_template_is_filled_once():
    prompts = load_explanation_prompts(PROMPTS)
    text = fill(prompts.question, {"history": "{item}", "item": "{history} {aspects}"})
    assert text.startswith("History: {item}. ") and "like {history} {aspects}?" in text


def test_each_form_shows_titles_embeddings_or_both(dataset, tmp_path):
    case = choose(dataset, tmp_path / "cases.parquet")[0] | {"history": ["Title 5", "<user>"], "title": "Title 9"}
    titles = read_parquet(dataset["items"])["title"].to_list()
    question = load_explanation_prompts(PROMPTS).question
    shown, kinds = {}, {}
    for form in ("behavior", "intention", "hybrid"):
        messages = render([case], [question], titles, form)[0]
        shown[form] = show(messages).split(" Begin with")[0]
        kinds[form] = [(s["kind"], s["ref"]) for s in messages[0]["segments"] if s["kind"] in ("user", "item")]
    assert shown["behavior"] == "History: Title 5; <user>. Will this user like Title 9?"
    assert shown["intention"] == "History: <user>. Will this user like <item>?"
    assert shown["hybrid"] == "History: <user> Title 5; <user>. Will this user like <item> Title 9?"
    assert kinds["behavior"] == []
    assert kinds["intention"] == kinds["hybrid"] == [("user", case["prefix"]), ("item", 9)]
    with pytest.raises(InputError, match="'Title 99' is no title"):
        render([case | {"title": "Title 99"}], [question], titles, "behavior")
    with pytest.raises(InputError, match="form 'both'"):
        render([case], [question], titles, "both")


@pytest.fixture(scope="module")
def llm(tmp_path_factory) -> str:
    """The manifest of a tiny random LLM."""
    folder = tmp_path_factory.mktemp("llm")
    tokenizer = tiny_tokenizer()
    model = tiny_llama(tokenizer)
    for parameter in model.parameters():
        parameter.data *= 4
    model.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    make_manifest(
        source="folder", folder=str(folder / "model"), hub_id=None, revision=None, output=str(folder / "base.json")
    )
    return str(folder / "base.json")


@pytest.fixture(scope="module")
def adapter(dataset, llm, tmp_path_factory) -> str:
    """The folder of an alignment of the tiny LLM that nobody has trained."""
    folder, tables = tmp_path_factory.mktemp("aligned"), read_safetensors(dataset["embeddings"])
    torch.manual_seed(0)
    lora = Lora(rank=2, alpha=4, dropout=0.0, targets=["q_proj"])
    save_aligned(RecExplainer(with_lora(load_model(llm), lora, "new"), tables["user"], tables["item"]), folder)
    return str(folder)


SETTINGS = Explaining(context=400, precision="fp32", batch_size=4, batch_tokens=None, max_tokens=12)


def explain_small(
    dataset, llm: str, folder: Path, settings: Explaining = SETTINGS, form: str = "behavior", adapter=None, **more
) -> Path:
    output = folder / "out.parquet"
    cases = folder / "cases.parquet"
    explain(
        llm=llm,
        chat_template=str(TEMPLATE),
        adapter=adapter,
        form=form,
        cases=str(cases),
        embeddings=dataset["embeddings"],
        items=dataset["items"],
        prompts=PROMPTS,
        settings=settings,
        output=str(output),
        **more,
    )
    return output


@pytest.mark.parametrize("form", ["behavior", "intention", "hybrid"])
def test_a_local_model_explains_every_case_in_order(dataset, llm, adapter, tmp_path, form):
    cases = choose(dataset, tmp_path / "cases.parquet")
    output = explain_small(dataset, llm, tmp_path, form=form, adapter=adapter)
    assert pq.read_schema(output).equals(EXPLANATIONS)
    rows = load_explanations([str(output)], ["hybrid"], cases)["hybrid"]
    assert [row["case"] for row in rows] == [case["case"] for case in cases]
    assert [row["label"] for row in rows] == [case["label"] for case in cases]
    assert len({row["text"] for row in rows}) > 1
    start = {"behavior": "History: ", "intention": "History: <user>. Will", "hybrid": "History: <user> "}[form]
    assert all(row["prompt"].startswith(start) for row in rows)
    first, alone = output.read_bytes(), SETTINGS.model_copy(update={"batch_size": 1})
    assert explain_small(dataset, llm, tmp_path, alone, form, adapter).read_bytes() == first


def test_the_base_llm_is_shown_no_embeddings(dataset, llm, tmp_path):
    choose(dataset, tmp_path / "cases.parquet")
    with pytest.raises(InputError, match="'hybrid': the base LLM reads no embeddings"):
        explain_small(dataset, llm, tmp_path, form="hybrid")


def test_a_case_is_explained_from_viewpoints(dataset, llm, tmp_path):
    cases = choose(dataset, tmp_path / "cases.parquet")
    output = explain_small(dataset, llm, tmp_path, viewpoints=["genre", "platform"], only=["0007"])
    assert pq.read_schema(output).equals(VIEWPOINTS)
    frame = read_parquet(output)
    assert list(frame["viewpoint"]) == ["genre", "platform"] and set(frame["case"]) == {"0007"}
    assert frame["prompt"][0].endswith("Look at the genres.") and frame["prompt"][1].endswith("Look at the platforms.")
    assert set(frame["label"]) == {cases[7]["label"]}
    with pytest.raises(InputError, match="no case '0077'"):
        explain_small(dataset, llm, tmp_path, only=["0077"])


def test_a_prompt_over_the_context_loses_titles_or_fails_but_keeps_its_row(dataset, llm, tmp_path, caplog):
    choose(dataset, tmp_path / "cases.parquet")
    lengths = explain_small(dataset, llm, tmp_path)
    whole = read_parquet(lengths)
    output = explain_small(dataset, llm, tmp_path, settings=SETTINGS.model_copy(update={"context": 8}))
    assert set(read_parquet(output)["finish"]) == {"failed"} and set(read_parquet(output)["text"]) == {""}
    assert read_parquet(output)["decision"].isna().all() and len(read_parquet(output)) == len(whole)
    assert "10 prompts are over 8 tokens" in caplog.text
    with pytest.raises(InputError, match="512 positions"):
        explain_small(dataset, llm, tmp_path, settings=SETTINGS.model_copy(update={"max_tokens": 512}))


def test_titles_are_dropped_so_that_the_answer_has_room(dataset, llm, tmp_path, caplog):
    """The LLM has 512 positions: an answer of 300 tokens leaves 212 to the prompt."""
    cases = choose(dataset, tmp_path / "cases.parquet", 2)
    titles = read_parquet(dataset["items"])["title"].to_list()
    long = [case | {"history": titles[4:]} for case in cases]
    tables = read_safetensors(dataset["embeddings"])
    model = load_aligned(load_model(llm), None, tables["user"], tables["item"])
    messages = render(long, [load_explanation_prompts(PROMPTS).question] * 2, titles, "behavior")
    tokenizer = load_tokenizer(llm, str(TEMPLATE))
    answers = answer(model, tokenizer, messages, context=400, batch_size=2, max_tokens=300)
    assert "2 prompts lost the oldest titles" in caplog.text and len(answers) == 2
    assert {finish for _, finish in answers} <= {"stop", "length"}


def test_the_finish_tells_whether_the_answer_ended_by_itself(dataset, llm, tmp_path):
    """A longer limit changes exactly the answers that were cut off, and they go on as they began."""
    choose(dataset, tmp_path / "cases.parquet")
    short = read_parquet(explain_small(dataset, llm, tmp_path))
    long = read_parquet(explain_small(dataset, llm, tmp_path, settings=SETTINGS.model_copy(update={"max_tokens": 40})))
    assert "length" in set(short["finish"])
    for row, more in zip(short.to_dict("records"), long.to_dict("records"), strict=True):
        if row["finish"] == "stop":
            assert more["text"] == row["text"] and more["finish"] == "stop"
        else:
            assert more["text"].startswith(row["text"][:-3]) and len(more["text"]) >= len(row["text"])


def service(url: str) -> Service:
    return Service(
        base_url=url,
        model="small",
        key_variable=None,
        temperature=0,
        concurrency=4,
        timeout=5,
        retries=2,
        price=Price(input=1.0, output=1.0),
        batch=False,
        batch_poll=0.01,
    )


def explain_in_words(dataset, folder: Path, server: MisbehavingServer) -> None:
    explain_by_service(
        cases=str(folder / "cases.parquet"),
        items=dataset["items"],
        prompts=PROMPTS,
        service=service(server.url),
        settings=Asking(max_tokens=50, max_usd=1),
        store=str(folder / "store.jsonl"),
        output=str(folder / "out.parquet"),
    )


def test_a_service_explains_in_words_and_is_asked_once(dataset, tmp_path):
    cases = choose(dataset, tmp_path / "cases.parquet")

    def reply(request: dict) -> str:
        return f"  No. About: {request['messages'][0]['content']}\n"

    with MisbehavingServer(reply=reply) as server:
        explain_in_words(dataset, tmp_path, server)
        explain_in_words(dataset, tmp_path, server)
        assert len(server.calls) == len(cases)
        asked = server.calls[0].request
    assert (asked["model"], asked["max_tokens"], asked["temperature"]) == ("small", 50, 0)
    rows = load_explanations([str(tmp_path / "out.parquet")], ["small"], cases)["small"]
    for row, case in zip(rows, cases, strict=True):
        assert row["text"] == f"No. About: {row['prompt']}"
        assert row["prompt"].startswith(f"History: {'; '.join(case['history'])}. ") and case["title"] in row["prompt"]
        assert (row["decision"], row["finish"], row["label"]) == (False, "stop", case["label"])


def test_a_refusal_is_an_explanation_without_a_decision(dataset, tmp_path):
    cases = choose(dataset, tmp_path / "cases.parquet", 4)
    with MisbehavingServer(faults=scripted("refusal")) as server:
        explain_in_words(dataset, tmp_path, server)
    rows = load_explanations([str(tmp_path / "out.parquet")], ["small"], cases)["small"]
    assert [(row["finish"], row["decision"]) for row in rows] == [("refused", None)] * 4


@pytest.mark.parametrize(
    "thought", ["<think>Yes. The user likes it.</think>\n", "Yes, surely.\n</think>\n", "[THINK]Yes[/THINK]", ""]
)
def test_a_thought_is_neither_the_text_nor_the_decision(dataset, tmp_path, thought):
    """Of a service and of a local model alike: "No" behind a thought was read as the thought's "Yes"."""
    cases = choose(dataset, tmp_path / "cases.parquet", 4)
    row = explanation(cases[0], "?", f"{thought}No. It does not fit.", "stop")
    assert (row["text"], row["decision"]) == ("No. It does not fit.", False)
    with MisbehavingServer(reply=lambda request: f"{thought}No. It does not fit.") as server:
        explain_in_words(dataset, tmp_path, server)
    rows = load_explanations([str(tmp_path / "out.parquet")], ["small"], cases)["small"]
    assert [(row["text"], row["decision"]) for row in rows] == [("No. It does not fit.", False)] * 4


def test_a_service_whose_thoughts_leave_no_room_for_answers_stops_the_stage(dataset, tmp_path):
    choose(dataset, tmp_path / "cases.parquet", 4)
    thought = MisbehavingServer(scripted("cut_off"), reply=lambda request: "<think>Yes, because")
    with thought as server, pytest.raises(InputError, match=r"all 4 answers are empty, 4 .*explanation\.max_tokens"):
        explain_in_words(dataset, tmp_path, server)
    assert not (tmp_path / "out.parquet").exists()


def test_explanations_of_other_cases_are_refused(dataset, llm, tmp_path):
    cases = choose(dataset, tmp_path / "cases.parquet")
    output = str(explain_small(dataset, llm, tmp_path))
    with pytest.raises(InputError, match="out.parquet: expected the 9 cases"):
        load_explanations([output], ["hybrid"], cases[:9])
    with pytest.raises(InputError, match="one of each"):
        load_explanations([output], ["hybrid", "base"], cases)
    write_json(tmp_path / "other.parquet", {})
    with pytest.raises(InputError, match="not a readable Parquet"):
        load_explanations([str(tmp_path / "other.parquet")], ["hybrid"], cases)
