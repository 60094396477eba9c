"""Training under DeepSpeed against a plain loop; resuming; what is trained and saved."""

import numpy as np
import pytest
import torch
from small_alignment import LORA, SETTINGS, ZERO2, make_model, make_samples, plain_loop, train
from tiny import tiny_llama, tiny_tokenizer

from recexplainer.alignment import training
from recexplainer.alignment.model import Projector, load_aligned, save_aligned, with_lora
from recexplainer.errors import InputError
from recexplainer.llm.packing import collate
from recexplainer.llm.schedule import learning_rate


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


def weights(model) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}


def test_projector_is_equation_1():
    projector = Projector(3, 8)
    x = np.array([[0.5, -1.0, 2.0]], np.float32)
    w1, b1 = projector.inner.weight.detach().numpy(), projector.inner.bias.detach().numpy()
    w2, b2 = projector.outer.weight.detach().numpy(), projector.outer.bias.detach().numpy()
    z = x @ w1.T + b1
    gelu = np.array([v * 0.5 * (1 + torch.erf(torch.tensor(v / np.sqrt(2))).item()) for v in z.ravel()]).reshape(
        z.shape
    )
    np.testing.assert_allclose(projector(torch.from_numpy(x)).detach().numpy(), gelu @ w2.T + b2, atol=1e-6)


def test_injection_replaces_or_adds(tokenizer):
    input_ids, embedding_rows = torch.tensor([[5, -1, -2, 6]]), torch.tensor([[0, 3, 4, 0]])
    model = make_model(tokenizer)
    words = model.base[0].get_input_embeddings().weight
    vectors = model.embed(input_ids, embedding_rows)[0]
    torch.testing.assert_close(vectors[[0, 3]], words[[5, 6]])
    torch.testing.assert_close(vectors[1], model.user_projector(model.users[3]))
    torch.testing.assert_close(vectors[2], model.item_projector(model.items[4]))
    added = make_model(tokenizer, "add")
    added.token_rows.data += torch.tensor([[1.0], [2.0]])
    vectors = added.embed(input_ids, embedding_rows)[0]
    torch.testing.assert_close(vectors[1], added.user_projector(added.users[3]) + 1)
    torch.testing.assert_close(vectors[2], added.item_projector(added.items[4]) + 2)


def test_only_adapter_and_projectors_are_trained(tokenizer):
    assert all("lora_" in n or "projector" in n for n in weights(make_model(tokenizer)))
    assert "token_rows" in weights(make_model(tokenizer, "add"))
    everything = weights(make_model(tokenizer, trained_rows="all"))
    assert any("embed_tokens" in n for n in everything) and any("lm_head" in n for n in everything)


@pytest.mark.parametrize("average", ["samples", "tokens"])
def test_zero2_agrees_with_a_plain_loop(tokenizer, tmp_path, average):
    engine_model, plain = make_model(tokenizer), make_model(tokenizer)
    record = train(engine_model, tokenizer, tmp_path, loss_average=average, rows_per_micro_batch=1)
    losses = plain_loop(plain, tokenizer, loss_average=average)
    np.testing.assert_allclose([row["loss"] for row in record["curve"]], losses, atol=1e-4)
    assert losses[-1] < losses[0]
    for name, value in weights(plain).items():
        torch.testing.assert_close(dict(engine_model.named_parameters())[name].detach(), value, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("average", ["samples", "tokens"])
def test_micro_batches_do_not_change_the_loss(tokenizer, tmp_path, average):
    settings = {"loss_average": average}
    a = train(make_model(tokenizer), tokenizer, tmp_path / "a", rows_per_micro_batch=1, **settings)
    b = train(make_model(tokenizer), tokenizer, tmp_path / "b", rows_per_micro_batch=100, **settings)
    np.testing.assert_allclose([r["loss"] for r in a["curve"]], [r["loss"] for r in b["curve"]], atol=1e-4)


def test_a_killed_training_ends_with_the_same_weights(tokenizer, tmp_path, monkeypatch):
    undisturbed = make_model(tokenizer, dropout=0.2)
    curve = train(undisturbed, tokenizer, tmp_path / "a")["curve"]

    step, calls = training._step, iter(range(1000))

    def dies_in_its_seventh_step(*args):
        if next(calls) == 6:
            raise KeyboardInterrupt
        return step(*args)

    monkeypatch.setattr(training, "_step", dies_in_its_seventh_step)
    with pytest.raises(KeyboardInterrupt):
        train(make_model(tokenizer, dropout=0.2), tokenizer, tmp_path / "b")
    monkeypatch.setattr(training, "_step", step)
    resumed = make_model(tokenizer, dropout=0.2)
    record = train(resumed, tokenizer, tmp_path / "b")
    assert record["resumed_at_step"] == 4
    assert record["curve"] == curve
    for name, value in weights(undisturbed).items():
        assert torch.equal(weights(resumed)[name], value), name


def test_a_training_goes_on_at_another_pace(tokenizer, tmp_path):
    undisturbed = train(make_model(tokenizer), tokenizer, tmp_path / "a")["curve"]
    # Saved at step 8 of 10; then the memory was short.
    train(make_model(tokenizer), tokenizer, tmp_path / "b", checkpoint_every=8)
    pace = {"rows_per_micro_batch": 1, "checkpoint_every": 3, "gradient_checkpointing": True}
    record = train(make_model(tokenizer), tokenizer, tmp_path / "b", **pace)
    assert record["resumed_at_step"] == 8
    np.testing.assert_allclose([r["loss"] for r in record["curve"]], [r["loss"] for r in undisturbed], atol=1e-4)
    # What decides the result starts anew.
    for other in ({"lr": 2e-2}, {"batch": 8}, {"precision": "bf16"}):
        assert train(make_model(tokenizer), tokenizer, tmp_path / "b", **other)["resumed_at_step"] == 0


@pytest.mark.parametrize("damage", ["other training", "half-written weights", "no weights", "broken state"])
def test_a_checkpoint_that_does_not_fit_is_not_used(tokenizer, tmp_path, damage):
    train(make_model(tokenizer), tokenizer, tmp_path)
    newest = next(tmp_path.glob("step-*.safetensors"))
    if damage == "half-written weights":
        newest.write_bytes(newest.read_bytes()[:1000])
    elif damage == "no weights":
        newest.unlink()
    elif damage == "broken state":
        (tmp_path / "latest.json").write_text("{")
    identity = "another" if damage == "other training" else "same"
    assert train(make_model(tokenizer), tokenizer, tmp_path, identity)["resumed_at_step"] == 0


def test_saved_model_gives_the_same_loss(tokenizer, tmp_path):
    for injection in ("replace", "add"):
        model = make_model(tokenizer, injection)
        train(model, tokenizer, tmp_path / injection, epochs=1)
        folder = tmp_path / f"saved-{injection}"
        folder.mkdir()
        save_aligned(model, folder)
        tables = model.users.numpy()
        loaded = load_aligned(tiny_llama(tokenizer), folder, tables, tables)
        samples = make_samples(tokenizer)
        batch = collate([[0, 1], [2]], samples)
        torch.testing.assert_close(loaded(batch, 1.0), model.eval()(batch, 1.0))
        assert sorted(p.suffix for p in folder.glob("[!.]*")) == [".json", ".safetensors", ".safetensors"]


def test_a_bad_lora_target_is_named(tokenizer):
    with pytest.raises(InputError, match="alignment.lora.targets"):
        with_lora(tiny_llama(tokenizer), LORA.model_copy(update={"targets": ["no_such_module"]}), "new")


def test_no_sample_is_an_error(tokenizer, tmp_path):
    with pytest.raises(InputError, match="no training sample"):
        training.train(
            make_model(tokenizer), [], SETTINGS, deepspeed_config=ZERO2, seed=1, checkpoints=str(tmp_path), identity="x"
        )


def test_a_deepspeed_config_without_zero_is_refused(tokenizer, tmp_path):
    config = tmp_path / "plain.json"
    config.write_text('{"zero_optimization": {"stage": 0}}')
    with pytest.raises(InputError, match=r"plain.json: zero_optimization.stage is 0; expected 1, 2 or 3"):
        training.train(
            make_model(tokenizer),
            make_samples(tokenizer),
            SETTINGS,
            deepspeed_config=str(config),
            seed=1,
            checkpoints=str(tmp_path),
            identity="x",
        )


def test_schedules_warm_up_and_end_near_zero():
    for schedule in ("linear", "cosine"):
        rates = [learning_rate(s, 100, peak=1.0, warmup=0.1, schedule=schedule) for s in range(100)]
        assert rates[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
        assert max(rates) == 1.0 and 0 < rates[-1] < 0.02
        assert all(a >= b for a, b in zip(rates[10:], rates[11:], strict=False))
    assert learning_rate(55, 100, peak=1.0, warmup=0.1, schedule="linear") == pytest.approx(0.5)
