"""Generation in batches: the same as one by one, and within the catalogue where it is constrained."""

import functools
import logging

import numpy as np
import pytest
import torch
from tiny import WORDS, chat, text, tiny_llama, tiny_tokenizer

from recexplainer.alignment.model import RecExplainer, load_aligned
from recexplainer.decision import read_decision
from recexplainer.errors import InputError
from recexplainer.evaluation.predict import _choose, _classification
from recexplainer.evaluation.reading import split_titles
from recexplainer.inference.answering import answer
from recexplainer.inference.catalogue import CatalogueConstraint
from recexplainer.inference.generation import TextGenerator
from recexplainer.llm.encoding import ChatEncoder

TITLES = ["red stone", "red", "green wolf", "green wolf castle", "blue tower", "gold", "silver knight"]


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


@pytest.fixture(scope="module")
def model(tokenizer):
    tables = np.random.default_rng(0).normal(size=(16, 8)).astype(np.float32)
    # Wide initial weights make the random model's choices clear-cut.
    llm = tiny_llama(tokenizer)
    for parameter in llm.parameters():
        parameter.data *= 4
    return RecExplainer(llm, tables, tables).eval()


def prompts(tokenizer, count: int = 7):
    chats = [
        chat([text(" ".join(WORDS[: i + 1])), {"kind": "user", "text": "", "ref": i}], [text("")]) for i in range(count)
    ]
    return ChatEncoder(tokenizer, 200).encode(chats, prompt_only=True)


def title_tokens(tokenizer) -> list[list[int]]:
    return tokenizer(TITLES, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("beams", [1, 3])
def test_batched_and_padded_generation_is_that_of_single_prompts(tokenizer, model, beams):
    cases = prompts(tokenizer)
    together = TextGenerator(model, tokenizer, batch_size=6).generate(cases, 6, beams)
    alone = [TextGenerator(model, tokenizer, batch_size=1).generate([case], 6, beams)[0] for case in cases]
    assert together == alone
    assert all(len(texts) == beams for texts in together)
    assert len({tuple(texts) for texts in together}) > 1


def test_greedy_generation_is_the_argmax_of_the_whole_sequence(tokenizer, model):
    case = prompts(tokenizer)[3]
    input_ids, embedding_rows = (
        torch.tensor(case.input_ids[None]).long(),
        torch.tensor(case.embedding_rows[None]).long(),
    )
    vectors, tokens = model.embed(input_ids, embedding_rows), []
    for _ in range(6):
        token = int(model.base[0](inputs_embeds=vectors).logits[0, -1].argmax())
        if token == tokenizer.eos_token_id:
            break
        tokens.append(token)
        vectors = torch.cat([vectors, model.base[0].get_input_embeddings()(torch.tensor([[token]]))], 1)
    expected = tokenizer.decode(tokens, skip_special_tokens=True).strip()
    assert TextGenerator(model, tokenizer, 4).generate([case], 6)[0] == [expected]


def test_constrained_beams_are_titles_in_the_order_of_their_scores(tokenizer, model):
    tokens, eos = title_tokens(tokenizer), tokenizer.eos_token_id
    beams = len(TITLES)
    case = prompts(tokenizer)[2]
    found = TextGenerator(model, tokenizer, 50).generate([case], 8, beams, CatalogueConstraint(tokens, eos))[0]

    def score(title: list[int]) -> float:
        """Sum the log-probabilities within the catalogue's tree, over the length, as the beam search does."""
        input_ids, embedding_rows = (
            torch.tensor(case.input_ids[None]).long(),
            torch.tensor(case.embedding_rows[None]).long(),
        )
        answer = model.base[0].get_input_embeddings()(torch.tensor([[*title, eos]]))
        logits = model.base[0](inputs_embeds=torch.cat([model.embed(input_ids, embedding_rows), answer], 1)).logits[0]
        rows = logits[len(case) - 1 : len(case) + len(title)].log_softmax(-1)
        return float(rows[range(len(title) + 1), [*title, eos]].sum()) / (len(title) + 1)

    with torch.no_grad():
        ranked = sorted(range(len(TITLES)), key=lambda i: -score(tokens[i]))
    assert found[:3] == [TITLES[i] for i in ranked[:3]]
    assert set(found) <= set(TITLES)


def test_every_constrained_answer_is_a_title_and_free_ones_need_not_be(tokenizer, model):
    constraint = CatalogueConstraint(title_tokens(tokenizer), tokenizer.eos_token_id)
    generator = TextGenerator(model, tokenizer, 12)
    assert {t for texts in generator.generate(prompts(tokenizer), 8, 3, constraint) for t in texts} <= set(TITLES)
    assert not {t for texts in generator.generate(prompts(tokenizer), 8, 3) for t in texts} <= set(TITLES)


def test_next_token_logits_are_those_of_single_prompts(tokenizer, model):
    cases = prompts(tokenizer)
    together = TextGenerator(model, tokenizer, 3).next_token_logits(cases, [5, 9])
    for row, case in zip(together, cases, strict=True):
        input_ids, embedding_rows = (
            torch.tensor(case.input_ids[None]).long(),
            torch.tensor(case.embedding_rows[None]).long(),
        )
        with torch.no_grad():
            logits = model.base[0](inputs_embeds=model.embed(input_ids, embedding_rows)).logits[0, -1]
        np.testing.assert_allclose(row, logits[[5, 9]].numpy(), atol=1e-3)


def test_the_head_is_not_copied_for_each_prompt(tokenizer):
    tables = np.zeros((16, 8), np.float32)
    # In half precision and with frozen weights, as an aligned model has; of others torch makes one product anyway.
    model = load_aligned(tiny_llama(tokenizer).bfloat16().requires_grad_(False), None, tables, tables)
    cases, head = prompts(tokenizer), model.base[0].get_output_embeddings().weight
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as seen:
        TextGenerator(model, tokenizer, len(cases)).next_token_logits(cases, [5, 9])
    assert max(event.self_cpu_memory_usage for event in seen.events()) < 2 * head.nbytes


def spied(generator: TextGenerator, monkeypatch) -> list[tuple[int, int]]:
    """Return where the shapes ``(prompts, length)`` of all batches to come are noted."""
    shapes, embed = [], generator._embed

    def noted(chosen, length):
        shapes.append((len(chosen), length))
        return embed(chosen, length)

    monkeypatch.setattr(generator, "_embed", noted)
    return shapes


@pytest.mark.parametrize("beams", [1, 2])
def test_a_batch_has_no_more_tokens_than_allowed(tokenizer, model, monkeypatch, beams):
    cases, room, limit = prompts(tokenizer), 6, 150
    generator = TextGenerator(model, tokenizer, 64, batch_tokens=limit)
    shapes = spied(generator, monkeypatch)
    found = generator.generate(cases, room, beams)
    assert all(count * beams * (length + room) <= limit or count == 1 for count, length in shapes)
    # Each batch is as full as it may be, but for the last one; the longest prompts come first.
    assert all((count + 1) * beams * (length + room) > limit for count, length in shapes[:-1])
    assert sum(count for count, _ in shapes) == len(cases) and max(count for count, _ in shapes) > 1
    assert [length for _, length in shapes] == sorted((length for _, length in shapes), reverse=True)
    assert found == TextGenerator(model, tokenizer, 64).generate(cases, room, beams)


def test_a_prompt_over_the_limit_of_tokens_is_a_batch_of_its_own(tokenizer, model, monkeypatch):
    cases = prompts(tokenizer)
    generator = TextGenerator(model, tokenizer, 64, batch_tokens=1)
    shapes = spied(generator, monkeypatch)
    assert generator.generate(cases, 6, 3) == TextGenerator(model, tokenizer, 64).generate(cases, 6, 3)
    assert [count for count, _ in shapes] == [1] * len(cases)


class Memory:
    """A GPU's memory, in tokens of the cache: the LLM fails in the step in which it would need more."""

    def __init__(self, model, tokens: int, monkeypatch):
        self.failures, forward = 0, model.base[0].forward

        @functools.wraps(forward)  # transformers looks at its signature
        def limited(*args, **kwargs):
            mask = kwargs.get("attention_mask")
            if mask is not None and mask.numel() > tokens:
                self.failures += 1
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore lines.")
            return forward(*args, **kwargs)

        monkeypatch.setattr(model.base[0], "forward", limited)


@pytest.mark.parametrize("beams", [1, 3])
def test_halved_batches_give_the_same_answers_in_the_same_padding(tokenizer, model, monkeypatch, caplog, beams):
    cases, room = prompts(tokenizer, 13), 6
    whole = TextGenerator(model, tokenizer, 6 * beams).generate(cases, room, beams)
    generator, longest = TextGenerator(model, tokenizer, 6 * beams), max(map(len, cases))
    shapes = spied(generator, monkeypatch)
    # Two prompts fit, and three do until their answers grow.
    memory = Memory(model, beams * (3 * longest + 2), monkeypatch)
    with caplog.at_level(logging.WARNING):
        assert generator.generate(cases, room, beams) == whole
    assert generator.own == list(range(13))
    # Six do not, and three do not in the end; the next batch of six begins with what is less than three of it.
    assert shapes[:5] == [(6, longest), (3, longest), (2, longest), (1, longest), (2, longest)]
    assert 2 <= memory.failures < 6 and all(count <= 3 for count, _ in shapes[1:])
    order = sorted(map(len, cases), reverse=True)
    assert {length for _, length in shapes} == {order[0], order[6], order[12]}
    assert f"a batch of {6 * beams * (longest + room)} tokens" in caplog.text and "batch_tokens" in caplog.text


def test_halved_batches_give_the_same_logits(tokenizer, model, monkeypatch):
    cases = prompts(tokenizer, 8)
    whole = TextGenerator(model, tokenizer, 8).next_token_logits(cases, [5, 9])
    memory = Memory(model, 3 * max(map(len, cases)), monkeypatch)
    halved = TextGenerator(model, tokenizer, 8).next_token_logits(cases, [5, 9])
    assert memory.failures
    np.testing.assert_allclose(halved, whole, rtol=1e-5, atol=1e-5)


def test_explanations_are_the_same_where_memory_is_short(tokenizer, model, monkeypatch):
    asked = [chat([text(" ".join(WORDS[: i + 1]))], [text("")]) for i in range(6)]
    settings = {"context": 100, "batch_size": 6, "batch_tokens": 400, "max_tokens": 9}
    whole = answer(model, tokenizer, asked, **settings)
    memory = Memory(model, 100, monkeypatch)
    assert answer(model, tokenizer, asked, **settings) == whole and memory.failures
    assert len(set(whole)) > 1


def test_memory_that_does_not_hold_one_prompt_is_said_to_be_too_small(tokenizer, model, monkeypatch):
    Memory(model, 3, monkeypatch)
    with pytest.raises(InputError, match=r"ranking: \d+ tokens of one prompt .* \(CUDA out of memory[^\n]*\)"):
        TextGenerator(model, tokenizer, 6).generate(prompts(tokenizer), 6, label="ranking")


def test_cases_are_chosen_by_user_and_seed():
    rows = [{"user": user, "n": n} for user in range(30) for n in range(2)]
    chosen = _choose(rows, 10, 1)
    assert len(chosen) == 20 and len({row["user"] for row in chosen}) == 10
    assert chosen == _choose(rows, 10, 1) != _choose(rows, 10, 2)
    assert _choose(rows, None, 1) == _choose(rows, 30, 1) == rows


VERDICTS = {
    "Yes": True,
    " no.": False,
    "YES, surely": True,
    "**No**": False,
    "Answer: Yes": True,
    "They would like it.": True,
    "Not a match.": False,
    "maybe": None,
    "": None,
    # What only begins like an answer.
    **dict.fromkeys(["Not sure", "None", "No idea", "Yesterday", "Nothing", "Not really sure", "Nobody", "Yes/No"]),
    **dict.fromkeys(["Yes, but no", "Yes\nNo", "No. Yes.", "no one", "Now", "Nor", "No clue."]),
}


@pytest.mark.parametrize("answer", VERDICTS)
def test_a_generated_decision_is_read(answer):
    class Runner:
        def generate(self, prompts, longest, label):
            return [[answer]]

    row = {"sample": "classification-0", "user": 0, "target": ["Yes"]}
    (found,) = _classification(Runner(), None, [row], [None], "generate")
    assert found["predicted"] is VERDICTS[answer] is read_decision(answer)
    assert found["text"] == answer


def test_a_list_is_cut_where_titles_are_joined():
    assert split_titles("Steins;Gate; Half-Life;  Portal ;") == ["Steins;Gate", "Half-Life", "Portal"]
