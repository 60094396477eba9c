"""Packing: every token once, no row over the context, no sequence that sees another."""

import types

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import WORDS, chat, text, tiny_llama, tiny_tokenizer

from recexplainer.alignment.model import RecExplainer
from recexplainer.llm import attention
from recexplainer.llm.encoding import ChatEncoder, Encoded
from recexplainer.llm.packing import collate, pack, plan_steps


def sample(length: int, start: int = 3) -> Encoded:
    return Encoded(np.arange(start, start + length, dtype=np.int32), np.zeros(length, np.int32), np.ones(length, bool))


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=40), st.integers(20, 50))
def test_pack_puts_every_sequence_into_one_row_within_the_context(lengths, context):
    rows = pack(np.arange(len(lengths)), np.array(lengths), context)
    assert sorted(index for row in rows for index in row) == list(range(len(lengths)))
    assert all(sum(lengths[index] for index in row) <= context for row in rows)
    # First fit leaves at most one row half empty.
    assert sum(sum(lengths[index] for index in row) * 2 < context for row in rows) <= 1


def test_plan_covers_each_epoch_once_and_stops_at_max_steps():
    samples = [sample(n % 7 + 2) for n in range(23)]
    steps = plan_steps(samples, batch=5, context=32, epochs=2, max_steps=None, seed=1)
    assert len(steps) == 10
    for epoch in (steps[:5], steps[5:]):
        assert sorted(i for step in epoch for row in step.rows for i in row) == list(range(23))
    assert [s.rows for s in plan_steps(samples, batch=5, context=32, epochs=2, max_steps=7, seed=1)] == [
        s.rows for s in steps[:7]
    ]
    assert plan_steps(samples, batch=5, context=32, epochs=2, max_steps=None, seed=2)[0].rows != steps[0].rows
    assert [step.samples for step in steps] == [5, 5, 5, 5, 3] * 2
    assert steps[0].tokens == sum(len(samples[i]) for row in steps[0].rows for i in row)


def test_collate_numbers_sequences_and_restarts_positions():
    batch = collate([[0, 1], [2]], [sample(2), sample(3), sample(4)])
    assert batch["sequence_ids"].tolist() == [[1, 1, 2, 2, 2], [1, 1, 1, 1, 0]]
    assert batch["position_ids"].tolist() == [[0, 1, 0, 1, 2], [0, 1, 2, 3, 0]]
    np.testing.assert_allclose(batch["loss_weights"], [[0, 1, 0, 1 / 2, 1 / 2], [0, 1 / 3, 1 / 3, 1 / 3, 0]])
    assert not collate([], [])["loss_weights"].any()


def test_every_sample_or_every_token_counts_alike_in_the_loss():
    samples = [sample(n) for n in (2, 3, 9, 4)]
    batch = collate([[0, 1, 2], [3]], samples)
    assert float(batch["loss_weights"].sum()) == 4
    batch = collate([[0, 1, 2], [3]], samples, "tokens")
    (step,) = plan_steps(samples, batch=4, context=32, epochs=1, max_steps=None, seed=1)
    assert set(batch["loss_weights"].unique().tolist()) == {0, 1}
    assert float(batch["loss_weights"].sum()) == step.loss_tokens == 1 + 2 + 8 + 3


def test_a_packed_batch_has_the_loss_of_its_sequences_apart():
    tokenizer = tiny_tokenizer()
    encoder = ChatEncoder(tokenizer, 200)
    placeholder = {"kind": "user", "text": "", "ref": 1}
    chats = [chat([text(WORDS[i]), placeholder], [text(" ".join(WORDS[i : i + i % 3 + 1]))]) for i in range(9)]
    samples = encoder.encode(chats)
    tables = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32)
    model = RecExplainer(tiny_llama(tokenizer), tables, tables)
    rows = pack(np.arange(9), np.array([len(s) for s in samples]), 50)
    assert max(map(len, rows)) > 1
    packed = model(collate(rows, samples), 9)
    apart = sum(_mean_loss(model, sample) for sample in samples) / 9
    torch.testing.assert_close(packed, apart, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_attention_sequence_by_sequence_has_the_loss_and_the_gradients_of_a_mask(monkeypatch, checkpointing):
    tables, tokenizer = np.ones((2, 4), np.float32), tiny_tokenizer()
    samples, calls = [sample(n) for n in (7, 1, 12, 5, 3)], []
    real = torch.nn.functional.scaled_dot_product_attention

    def spy(query, *arguments, attn_mask=None, **options):
        calls.append((query.shape[2], attn_mask is None))
        return real(query, *arguments, attn_mask=attn_mask, **options)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", spy)

    def step(model: RecExplainer) -> list[torch.Tensor]:
        if checkpointing:
            model.llm.gradient_checkpointing_enable({"use_reentrant": False})
        calls.clear()
        loss = model.train()(collate([[2], [0, 3], [4, 1]], samples), 5)
        loss.backward()
        return [loss, *(parameter.grad for parameter in model.llm.parameters())]

    ours = step(RecExplainer(tiny_llama(tokenizer), tables, tables))
    times = len(calls) // 6  # each layer, with checkpoints twice
    assert calls == [(12, True), (7, True), (5, True), (3, True), (1, True), (8, True)] * times  # the last is padding
    monkeypatch.setattr(attention, "_attends_by_sequence", lambda llm: False)
    masked = step(RecExplainer(tiny_llama(tokenizer), tables, tables))
    assert set(calls) == {(12, False)}
    for one, other in zip(ours, masked, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5 * other.abs().max().item())


def test_attention_of_half_precision_is_that_of_fp32_rounded_on_a_processor():
    lengths, shapes = [7, 1, 12], ((2, 4, 10, 8), (2, 2, 10, 8), (2, 2, 10, 8))
    torch.manual_seed(0)
    drawn = [torch.randn(shape).bfloat16() for shape in shapes]
    upstream = torch.randn(2, 10, 4, 8).bfloat16()
    module = types.SimpleNamespace(is_causal=True, num_key_value_groups=2, training=True)
    found = {}
    for dtype in (torch.bfloat16, torch.float32):
        states = [one.to(dtype, copy=True).requires_grad_() for one in drawn]
        attended, _ = attention._by_sequence(module, *states, None, lengths, scaling=0.3)
        attended.backward(upstream.to(dtype))
        found[dtype] = [attended, *(one.grad for one in states)]
    for half, whole in zip(*found.values(), strict=True):
        assert torch.equal(half, whole.bfloat16())


def _mean_loss(model: RecExplainer, sample: Encoded) -> torch.Tensor:
    """The plain causal-LM loss of one sequence, as transformers computes it."""
    vectors = model.embed(
        torch.from_numpy(sample.input_ids[None]).long(), torch.from_numpy(sample.embedding_rows[None]).long()
    )
    labels = torch.from_numpy(np.where(sample.loss_mask, sample.input_ids, -100)[None]).long()
    return model.llm(inputs_embeds=vectors, labels=labels).loss
