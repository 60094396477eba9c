"""The sampled conversations: short first turns, disjoint parts, proportional shares."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tiny_tokenizer

from recexplainer.config.conversations import Drawn
from recexplainer.errors import InputError
from recexplainer.files import write_json, write_parquet
from recexplainer.tasks import sharegpt
from recexplainer.tasks.schema import load_tasks
from recexplainer.tasks.sharegpt import build_sharegpt, shares


@pytest.fixture(scope="module")
def llm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("llm")
    tiny_tokenizer().save_pretrained(folder / "base")
    write_json(folder / "base.json", {"folder": str(folder / "base"), "files": {}})
    return str(folder / "base.json")


@pytest.fixture
def conversations(tmp_path):
    """30 conversations with first turns of 1 to 30 times the word "red"; the last has no answer."""
    chats = [[("user", " ".join(["red"] * n)), ("assistant", f"green {n} </s> <user>")] for n in range(1, 31)]
    chats[4] += [("user", "blue"), ("assistant", "gold")]
    chats.append([("user", "red")])
    messages = [[{"role": role, "text": text} for role, text in chat] for chat in chats]
    write_parquet(tmp_path / "chats.parquet", pd.DataFrame({"messages": messages}))
    return str(tmp_path / "chats.parquet")


def build(conversations, llm, folder, seed=0, **change):
    paths = {split: str(folder / f"{split}.parquet") for split in ("train", "test")}
    wanted = Drawn.model_construct(**{"train": 10, "test": 4, "max_first_turn_tokens": 20} | change)
    build_sharegpt(conversations=conversations, llm=llm, settings=wanted, seed=seed, paths=paths)
    return {split: load_tasks(path) for split, path in paths.items()}


def first_turn(row):
    return row["messages"][0]["segments"][0]["text"]


def test_parts_are_disjoint_short_and_drawn_from_the_seed(conversations, llm, tmp_path):
    built = build(conversations, llm, tmp_path)
    assert [len(rows) for rows in built.values()] == [10, 4]
    turns = [first_turn(row) for rows in built.values() for row in rows]
    assert len(set(turns)) == 14 and max(len(turn.split()) for turn in turns) <= 20
    assert build(conversations, llm, tmp_path) == built
    assert build(conversations, llm, tmp_path, seed=1) != built
    # Others would mean other results for everybody's seed.
    assert [len(first_turn(row).split()) for row in built["test"]] == [2, 6, 11, 16]


def test_the_limit_is_in_tokens_and_inclusive(conversations, llm, tmp_path):
    length = len(tiny_tokenizer()(" ".join(["red"] * 7), add_special_tokens=False)["input_ids"])
    built = build(conversations, llm, tmp_path, train=100, test=0, max_first_turn_tokens=length)
    assert sorted(len(first_turn(row).split()) for row in built["train"]) == list(range(1, 8))
    assert built["test"] == []


def test_the_limit_counts_batch_after_batch_and_tokens_of_templates_as_text(llm, tmp_path, monkeypatch):
    monkeypatch.setattr(sharegpt, "BATCH", 2)
    texts = ["red", "red red red", "</s>", "red", "red red red", "red"]
    messages = [[{"role": role, "text": text} for role in ("user", "assistant")] for text in texts]
    write_parquet(tmp_path / "chats.parquet", pd.DataFrame({"messages": messages}))
    length = len(tiny_tokenizer()("red", add_special_tokens=False)["input_ids"])
    # As a special token "</s>" would be one token; as text it is more.
    assert length <= 2
    built = build(str(tmp_path / "chats.parquet"), llm, tmp_path, train=9, test=0, max_first_turn_tokens=length)
    assert [first_turn(row) for row in built["train"]] == ["red"] * 3


def test_a_conversation_keeps_its_turns_as_plain_text(conversations, llm, tmp_path):
    rows = {first_turn(row): row for row in build(conversations, llm, tmp_path, train=20, test=0)["train"]}
    row = rows["red red red red red"]
    assert [(m["role"], [s["text"] for s in m["segments"]]) for m in row["messages"]] == [
        ("user", ["red red red red red"]),
        ("assistant", ["green 5 </s> <user>"]),
        ("user", ["blue"]),
        ("assistant", ["gold"]),
    ]
    assert (row["task"], row["user"], row["prefix"], row["item"]) == ("sharegpt", -1, -1, -1)
    assert (row["target"], row["candidates"]) == ([], [])
    assert sorted(row["sample"] for row in rows.values()) == [f"sharegpt-{number:06d}" for number in range(20)]
    assert {s["kind"] for row in rows.values() for m in row["messages"] for s in m["segments"]} == {"text"}


def test_too_few_shrink_in_proportion_and_none_is_an_error(conversations, llm, tmp_path, caplog):
    built = build(conversations, llm, tmp_path, train=90, test=10)
    assert [len(rows) for rows in built.values()] == [18, 2]
    assert "20 conversations fit, 100 asked for" in caplog.text
    with pytest.raises(InputError, match="chats.parquet: none of 30 conversations"):
        build(conversations, llm, tmp_path, max_first_turn_tokens=0)


@settings(derandomize=True, max_examples=100)
@given(st.integers(1, 500), st.integers(1, 500), st.integers(0, 100))
def test_shares_use_what_there_is_and_no_more(available, train, test):
    result = shares(available, train, test)
    assert sum(result.values()) == min(available, train + test)
    assert result["train"] <= train and result["test"] <= test
    assert abs(result["test"] * (train + test) - min(available, train + test) * test) <= (train + test) / 2


def test_a_manifest_whose_folder_is_gone_is_refused(conversations, tmp_path):
    write_json(tmp_path / "gone.json", {"folder": str(tmp_path / "gone"), "files": {}})
    with pytest.raises(InputError, match="gone.json: folder"):
        build(conversations, str(tmp_path / "gone.json"), tmp_path)
