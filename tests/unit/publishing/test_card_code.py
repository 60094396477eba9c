"""The lines of a model card read a question as the run does: the same tokens, the same vectors."""

import itertools
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from tiny import chat, text, tiny_llama, tiny_tokenizer
from tokenizers_of_kinds import KINDS, TEMPLATES
from transformers import AutoTokenizer
from vicuna_like import VICUNA, save_tokenizer

from recexplainer.alignment.model import RecExplainer, save_aligned, with_lora
from recexplainer.config.alignment import Lora
from recexplainer.explanation.questions import show
from recexplainer.files import write_json
from recexplainer.llm.base import load_tokenizer
from recexplainer.llm.encoding import ITEM_ID, USER_ID, ChatEncoder
from recexplainer.publishing import terms
from recexplainer.publishing.card_code import code, pieces


def mark(kind: str, ref: int) -> dict:
    return {"kind": kind, "text": "", "ref": ref}


TITLES = [{"kind": "title", "text": "red; ", "ref": -1}, {"kind": "title", "text": "blue", "ref": -1}]
FORMS = {
    "behavior": [text("History: "), *TITLES, text(". Will this user like The Wolf?")],
    "intention": [
        text("History: "),
        mark("user", 2),
        text(". Will this user like "),
        mark("item", 3),
        text("? Begin."),
    ],
    "hybrid": [
        mark("user", 0),
        *TITLES,
        text(". Sort "),
        mark("item", 4),
        text("Red"),
        text("; "),
        mark("item", 1),
        text("."),
    ],
}


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_are_those_of_the_training(kind):
    tokenizer, marks = KINDS[kind](), {"<user>": [USER_ID], "<item>": [ITEM_ID]}
    for template, form in itertools.product(TEMPLATES.values(), FORMS.values()):
        tokenizer.chat_template = template
        messages = chat(form, [text("")])
        (expected,) = ChatEncoder(tokenizer, 500).encode([messages], prompt_only=True)
        parts = [marks[part] if isinstance(part, str) else part for part in pieces(tokenizer, show(messages))]
        assert sum(parts, []) == expected.input_ids.tolist(), template


@pytest.fixture(params=["replace", "add"])
def folder(request, tmp_path):
    """An exported folder with untrained weights, and the model as the project has it."""
    tokenizer, draw = tiny_tokenizer(), np.random.default_rng(0)
    users, items = (draw.normal(0, 3, (5, 6)).astype(np.float32) for _ in range(2))
    llm = tiny_llama(tokenizer)
    llm.save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path)
    lora = Lora(rank=2, alpha=4, dropout=0.0, targets="all-linear")
    model = RecExplainer(with_lora(llm, lora, "new"), users, items, request.param).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora" in name or not name.startswith("llm."):
                parameter.copy_(torch.from_numpy(draw.normal(0, 0.3, parameter.shape)))
    save_aligned(model, tmp_path)
    tables = {"item": items, "user": users, "item_scale": items.std()[None], "user_scale": users.std()[None]}
    save_file(tables, tmp_path / "recommender.safetensors")
    return tmp_path, model, tokenizer, request.param == "add"


@pytest.mark.parametrize("form", FORMS)
def test_vectors_and_answers_are_those_of_the_model(folder, form, monkeypatch):
    place, model, tokenizer, added = folder
    monkeypatch.chdir(place)
    messages = chat(FORMS[form], [text("")])
    segments = messages[0]["segments"]
    rows = [one["ref"] for one in segments if one["kind"] == "item"]
    user = [one["ref"] for one in segments if one["kind"] == "user"] or [0]
    ask = {"question": show(messages), "items": rows, "max_new_tokens": 4}
    (place / "examples.json").write_text(json.dumps([{"kind": "one", "ask": ask}]))
    found = {}
    exec(code('folder / "base"', "float32", False, form != "behavior", added), found)
    (encoded,) = ChatEncoder(tokenizer, 500).encode([messages], prompt_only=True)
    expected = model.embed(
        *(torch.from_numpy(one[None].astype(np.int64)) for one in (encoded.input_ids, encoded.embedding_rows))
    )
    if form != "behavior":
        found["recommender"]["user"] = found["recommender"]["user"][user]
    torch.testing.assert_close(found["read"](ask["question"], rows), expected)
    logits = model.base[0](inputs_embeds=expected).logits[0, -1]
    best = int(logits.argmax())
    assert found["answer"](ask["question"], rows, choices={"this": best, "that": int(logits.argmin())}) == "this"
    assert found["answer"](ask["question"], rows, max_new_tokens=1) == tokenizer.decode([best]).strip()
    beams = found["answer"](ask["question"], rows, beams=3, max_new_tokens=2)
    assert len(beams) == 3 and len(set(beams)) > 1


@pytest.mark.parametrize(("quantized", "embeddings", "added"), itertools.product([True, False], repeat=3))
def test_the_lines_have_all_names_and_import_nothing_of_the_project(quantized, embeddings, added):
    lines = code("'a/b', revision='c'", "bfloat16", quantized, embeddings, added)
    imported = set(re.findall(r"^(?:from|import) (\w+)", lines, re.MULTILINE))
    assert imported <= {"json", "re", "pathlib", "torch", "peft", "transformers", "safetensors"}
    call = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F", "--line-length", "120", "-"]
    done = subprocess.run(call, input=lines, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert ("nf4" in lines) == quantized and len(lines.splitlines()) < 90


def test_terms_are_told_by_names_alone():
    made, real = {"generate": {"users": 5}}, [{"path": "data/Own.json"}, {"url": "https://x.org/amazon_v2/Own.json"}]
    config = {"datasets": {"a": made, "b": {"sources": {"reviews": real}}, "c": {"sources": {"reviews": real[:1]}}}}
    config |= {"sharegpt": made, "llm": {"name": "x", "source": "scratch", "id": "lmsys/vicuna-7b-v1.3", "gguf": None}}
    assert "no open licence" in terms.of_data(config, "b")
    assert terms.of_data(config, "c") == "The run does not know the terms of what it read from data/Own.json."
    assert terms.open_to_all(config, "a") and not terms.open_to_all(config, "b")
    assert "non-commercial" not in terms.of_llm(config)
    config["llm"]["source"] = "hub"
    assert "non-commercial" in terms.of_llm(config) and not terms.open_to_all(config, "a")
    config["llm"] |= {"source": "folder", "name": "mine"}
    assert terms.of_llm(config) == "The run does not know the terms of the LLM mine."


@pytest.mark.parametrize("legacy", [{}, {"legacy": False}])
def test_a_llamas_tokenizer_is_the_same_in_the_folder(tmp_path, legacy):
    """SentencePiece's own file, of before the setting that says how special tokens are split, and of after."""
    save_tokenizer(tmp_path / "from", **legacy)
    (tmp_path / "from/config.json").write_text("{}")
    write_json(tmp_path / "base.json", {"folder": str(tmp_path / "from"), "files": {}})
    tokenizer = load_tokenizer(str(tmp_path / "base.json"), str(VICUNA))
    tokenizer.save_pretrained(tmp_path / "to")
    saved = AutoTokenizer.from_pretrained(tmp_path / "to")
    assert (saved.eos_token_id, saved.pad_token_id) == (tokenizer.eos_token_id, tokenizer.pad_token_id)
    for form in FORMS.values():
        messages, marks = chat(form, [text("")]), {"<user>": [USER_ID], "<item>": [ITEM_ID]}
        (expected,) = ChatEncoder(tokenizer, 500).encode([messages], prompt_only=True)
        parts = [marks[part] if isinstance(part, str) else part for part in pieces(saved, show(messages))]
        assert sum(parts, []) == expected.input_ids.tolist()
