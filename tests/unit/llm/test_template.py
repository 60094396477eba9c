"""Chat templates as tokens: put together piece by piece, a conversation has the tokens of the whole rendered text."""

import functools
import json

import pytest
import sentencepiece
import test_words
from tiny import TEMPLATE, chat, text
from tokenizers_of_kinds import KINDS, TEMPLATES
from vicuna_like import VICUNA, save_tokenizer

from recexplainer.llm.base import load_tokenizer
from recexplainer.llm.encoding import ChatEncoder
from recexplainer.llm.template import DATE, render
from recexplainer.llm.tokenizer import read_tokenizer

TURNS = ["Red wolf. What?", "Gold; silver river", "(x) 9 dragons: is it so?", "Blue"]
# Where an answer ends with words alone it gets an end-of-sequence token; here the template itself writes it.
WITH_ENDS = {
    "alpaca": TEMPLATES["alpaca"].replace(
        "{{ m['content'] }}\n\n{% endif %}", "{{ m['content'] }}\n\n{{ eos_token }}{% endif %}"
    )
}
WITH_ENDS |= {
    "vicuna": VICUNA.read_text(encoding="utf-8"),
    "plain": TEMPLATE.read_text(encoding="utf-8"),
    "no space": "{% for m in messages %}{{ bos_token if loop.first }}[{{ m['role'] }}]{{ m['content'] }}"
    "{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}",
    "at once": "{% for m in messages %}{{ bos_token if m['role'] == 'user' else eos_token }}{{ m['content'] }}"
    "{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ eos_token }}{% endif %}",
}
# Those without an unknown token, which would hold the end of a text and the beginning of another.
ALL = KINDS | {kind: test_words.KINDS[kind] for kind in test_words.BY_WORD if kind[:4] in ("GPT-", "Llam", "Qwen")}
del ALL["Llama"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder that holds SentencePiece's model alone."""
    folder = tmp_path_factory.mktemp("vicuna")
    save_tokenizer(folder)
    return folder


def of_folder(folder, **config):
    """Read the folder's tokenizer under a config with these settings."""
    path = folder / "tokenizer_config.json"
    before = path.read_text()
    own = {name: value for name, value in json.loads(before).items() if name != "legacy"}
    path.write_text(json.dumps(own | config))
    tokenizer = read_tokenizer(folder)
    tokenizer.chat_template = VICUNA.read_text(encoding="utf-8")
    return tokenizer


def whole(tokenizer, turns: list[str], prompt_only: bool) -> list[int]:
    """The tokenizer's own tokens of what the template makes of the turns, the beginning of the sequence apart."""
    roles = ("user", "assistant") * len(turns)
    rendered = render(tokenizer, [{"role": r, "content": t} for r, t in zip(roles, turns, strict=False)], prompt_only)
    begin = [tokenizer.bos_token_id] if tokenizer.bos_token and rendered.startswith(tokenizer.bos_token) else []
    rendered = rendered[len(tokenizer.bos_token) :] if begin else rendered
    return [*begin, *tokenizer(rendered, add_special_tokens=False)["input_ids"]]


def check(tokenizer) -> None:
    for count in (2, 4):
        turns = TURNS[:count]
        samples = [chat(*([text(turn)] for turn in turns))]
        for prompt_only in (False, True):
            (found,) = ChatEncoder(tokenizer, 999).encode(samples, prompt_only)
            expected = whole(tokenizer, turns[: count - prompt_only], prompt_only)
            assert tokenizer.convert_ids_to_tokens(found.input_ids) == tokenizer.convert_ids_to_tokens(expected)


@pytest.mark.parametrize("template", WITH_ENDS)
@pytest.mark.parametrize("kind", ALL)
def test_a_conversation_has_the_tokens_of_the_whole_rendered_text(kind, template):
    tokenizer = ALL[kind]()
    kept, tokenizer.chat_template = tokenizer.chat_template, WITH_ENDS[template]
    check(tokenizer)
    tokenizer.chat_template = kept


@pytest.mark.parametrize("kind", KINDS)
def test_so_it_has_where_marks_are_special_tokens(kind):
    tokenizer = KINDS[kind]()
    tokenizer.chat_template, tokenizer.eos_token = TEMPLATES["chatml"], "<|im_end|>"
    check(tokenizer)


@pytest.mark.parametrize("template", WITH_ENDS)
@pytest.mark.parametrize("legacy", [True, False])
def test_so_it_has_with_a_tokenizer_of_sentencepiece_and_either_way_of_splitting(folder, legacy, template):
    tokenizer = of_folder(folder, legacy=legacy)
    tokenizer.chat_template = WITH_ENDS[template]
    check(tokenizer)


@pytest.mark.parametrize("config", [{"legacy": True}, {"legacy": None}, {}])
def test_a_prompt_for_vicuna_is_what_it_was_trained_on(folder, config):
    """The beginning of the sequence, then SentencePiece's own tokens of each stretch between special tokens."""
    tokenizer = of_folder(folder, **config)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    (found,) = ChatEncoder(tokenizer, 999).encode([chat(*([text(turn)] for turn in TURNS))])
    system = WITH_ENDS["vicuna"].split('"')[1]
    first = f"{system}USER: {TURNS[0]} ASSISTANT: {TURNS[1]}"
    second = f"USER: {TURNS[2]} ASSISTANT: {TURNS[3]}"
    assert found.input_ids.tolist() == [1, *pieces.encode(first), 2, *pieces.encode(second), 2]
    assert tokenizer.convert_ids_to_tokens(found.input_ids[:2]) == ["<s>", "▁A"]


def test_a_tokenizer_that_splits_the_newer_way_begins_in_the_same_way(folder):
    tokenizer = of_folder(folder, legacy=False)
    (found,) = ChatEncoder(tokenizer, 999).encode([chat(*([text(turn)] for turn in TURNS))])
    tokens = tokenizer.convert_ids_to_tokens(found.input_ids)
    assert tokens[:2] == ["<s>", "▁A"] and tokens[tokens.index("</s>") + 1][0] != "▁"


def test_the_way_of_splitting_is_that_of_a_whole_tokenizer_file(folder, tmp_path):
    for legacy in (True, False):
        of_folder(folder, legacy=legacy).save_pretrained(tmp_path)
        config = json.loads((tmp_path / "tokenizer_config.json").read_text())
        config.pop("legacy", None)
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config | {"tokenizer_class": "LlamaTokenizer"}))
        assert read_tokenizer(tmp_path).legacy is legacy


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("template", WITH_ENDS)
def test_an_answer_by_itself_has_the_tokens_that_it_has_behind_its_prompt(kind, template):
    tokenizer = ALL[kind]()
    kept, tokenizer.chat_template = tokenizer.chat_template, WITH_ENDS[template]
    encoder = ChatEncoder(tokenizer, 999)
    for answer in ("Yes", "Red wolf; gold"):
        (sample,) = encoder.encode([chat([text("red")], [text(answer)])])
        (prompt,) = encoder.encode([chat([text("red")], [text(answer)])], prompt_only=True)
        (tokens,) = encoder.answers([answer])
        assert sample.input_ids[: len(prompt)].tolist() == prompt.input_ids.tolist()
        assert sample.input_ids[len(prompt) :][: len(tokens)].tolist() == tokens
    tokenizer.chat_template = kept


@functools.cache
def tokenizer_with(template: str):
    tokenizer = KINDS["byte-level BPE"]()
    tokenizer.chat_template = template
    return tokenizer


def test_a_template_that_writes_the_date_writes_the_same_on_every_day(monkeypatch):
    forms = "%d %b %Y, %A %-d %B %y, %Y-%m-%d %H:%M 100%"
    tokenizer = tokenizer_with("\n{{ strftime_now('FORMS') }}: {{ messages[0]['content'] }}".replace("FORMS", forms))
    assert render(tokenizer, [{"role": "user", "content": "red"}]) == f"\n{DATE.strftime(forms)}: red"
    tokenizer = tokenizer_with(
        "{% if date_string is not defined %}{% set date_string = strftime_now('%Y') %}{% endif %}{{ date_string }}"
    )
    assert render(tokenizer, [{"role": "user", "content": "red"}]) == str(DATE.year)


@pytest.mark.parametrize("name", ["enable_thinking", "thinking"])
def test_models_that_think_unless_told_not_to_are_told_so(name):
    template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}{{ eos_token }}{% endfor %}"
    template += (
        "{% if add_generation_prompt %}assistant: {% if NAME is not defined or NAME %}<think>{% endif %}{% endif %}"
    )
    tokenizer = tokenizer_with(template.replace("NAME", name))
    assert render(tokenizer, [{"role": "user", "content": "red"}], True).endswith("assistant: ")
    (prompt,) = ChatEncoder(tokenizer, 99).encode([chat([text("red")], [text("gold")])], prompt_only=True)
    assert "think" not in tokenizer.decode(prompt.input_ids)


def test_the_date_is_in_the_manifest(folder, tmp_path):
    from vicuna_like import save_llama

    from recexplainer.llm.base import make_manifest

    save_llama(folder)
    make_manifest(source="folder", folder=str(folder), hub_id=None, revision=None, output=str(tmp_path / "base.json"))
    assert json.loads((tmp_path / "base.json").read_text())["template_date"] == DATE.date().isoformat()
    assert load_tokenizer(str(tmp_path / "base.json"), str(VICUNA)).is_fast
