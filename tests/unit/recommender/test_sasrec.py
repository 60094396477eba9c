"""SASRec against a plain NumPy version of its formulas, and what its masks promise."""

import numpy as np
import pytest
import torch

from recexplainer.recommender.sasrec import SASRec

ITEMS, DIM, MAX_LENGTH, HEADS = 11, 8, 5, 2


def make(layers: int = 2, dropout: float = 0.0, seed: int = 0, activation: str = "swish") -> SASRec:
    torch.manual_seed(seed)
    model = SASRec(ITEMS, DIM, MAX_LENGTH, layers, HEADS, 12, activation, dropout, dropout)
    with torch.no_grad():  # N(0, 0.02) leaves outputs so near to each other that a mistake could hide
        for parameter in model.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    return model.eval()


def norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5) * weight + bias


def oracle(model: SASRec, history: list[int]) -> np.ndarray:
    """The outputs (history, dim) without any padding, one position and one head at a time."""
    p = {name: value.detach().numpy().astype(np.float64) for name, value in model.state_dict().items()}

    def linear(name: str, x: np.ndarray) -> np.ndarray:
        return p[f"{name}.weight"] @ x + p[f"{name}.bias"]

    n = len(history)
    x = [
        norm(
            p["item_table.weight"][item + 1] + p["positions.weight"][MAX_LENGTH - n + i],
            p["input_norm.weight"],
            p["input_norm.bias"],
        )
        for i, item in enumerate(history)
    ]
    size = DIM // HEADS
    for k in range(len(model.layers)):
        name, outputs = f"layers.{k}", []
        for i in range(n):
            mixed = np.zeros(DIM)
            for head in range(HEADS):
                part = slice(head * size, (head + 1) * size)
                query = linear(f"{name}.attention.query", x[i])[part]
                keys = [linear(f"{name}.attention.key", x[j])[part] for j in range(i + 1)]
                values = [linear(f"{name}.attention.value", x[j])[part] for j in range(i + 1)]
                weights = np.exp([query @ key / np.sqrt(size) for key in keys])
                mixed[part] = sum(w * v for w, v in zip(weights / weights.sum(), values, strict=True))
            attended = norm(
                x[i] + linear(f"{name}.attention.output", mixed),
                p[f"{name}.attention_norm.weight"],
                p[f"{name}.attention_norm.bias"],
            )
            wide = linear(f"{name}.wide", attended)
            narrow = linear(f"{name}.narrow", wide / (1 + np.exp(-wide)))
            outputs.append(norm(attended + narrow, p[f"{name}.ffn_norm.weight"], p[f"{name}.ffn_norm.bias"]))
        x = outputs
    return np.stack(x)


def padded(histories: list[list[int]], width: int) -> torch.Tensor:
    return torch.tensor([[0] * (width - len(h)) + [item + 1 for item in h] for h in histories])


HISTORIES = [[3], [0, 10], [4, 2, 7], [1, 5, 9, 8, 6]]


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_forward_equals_numpy(layers):
    model = make(layers)
    users, everywhere = model(padded(HISTORIES, MAX_LENGTH)), model.all_positions(padded(HISTORIES, MAX_LENGTH))
    for row, history in enumerate(HISTORIES):
        expected = oracle(model, history)
        np.testing.assert_allclose(everywhere[row, -len(history) :].detach(), expected, atol=1e-5)
        np.testing.assert_allclose(users[row].detach(), expected[-1], atol=1e-5)


def test_padding_does_not_change_the_output():
    model = make()
    for history in HISTORIES:
        alone = model(padded([history], len(history)))
        for width in range(len(history), MAX_LENGTH + 1):
            torch.testing.assert_close(model(padded([history], width)), alone)
    before = model(padded(HISTORIES, MAX_LENGTH))
    with torch.no_grad():
        model.item_table.weight[0] = 100.0
    assert torch.equal(model(padded(HISTORIES, MAX_LENGTH)), before)


def test_a_later_item_does_not_change_an_earlier_position():
    model = make()
    sequence = padded([[1, 5, 9, 8, 6]], MAX_LENGTH)
    before = model.all_positions(sequence)
    for position in range(MAX_LENGTH):
        changed = sequence.clone()
        changed[0, position] = 4
        after = model.all_positions(changed)
        assert torch.equal(after[:, :position], before[:, :position])
        assert ((after - before).abs().amax(-1)[0, position:] > 1e-4).all()


def test_positions_count_from_the_newest_item():
    model = make()
    before = model(padded([[2, 3]], 2))
    assert not torch.allclose(before, model(padded([[3, 2]], 2)), atol=1e-3)
    with torch.no_grad():
        model.positions.weight[: MAX_LENGTH - 2] += 1.0  # of no history with two items
    torch.testing.assert_close(model(padded([[2, 3]], MAX_LENGTH)), before)


def test_output_is_finite_even_where_all_is_padding():
    assert torch.isfinite(make().all_positions(torch.zeros(2, MAX_LENGTH, dtype=torch.long))).all()


def test_initial_weights():
    torch.manual_seed(0)
    model = SASRec(2000, 64, 10, 2, 4, 128, "swish", 0.1, 0.1)
    for name, value in model.named_parameters():
        if value.ndim == 2:
            assert value[1:].std().item() == pytest.approx(0.02, rel=0.15), name
        else:
            assert set(value.tolist()) == ({1.0} if name.endswith("norm.weight") else {0.0}), name
    assert not model.item_table.weight[0].any()
    assert model.items().shape == (2000, 64)
    assert torch.equal(model.items(), model.item_table.weight[1:])


def test_dropout_only_in_training():
    model = make(dropout=0.5)
    sequence = padded(HISTORIES, MAX_LENGTH)
    assert torch.equal(model(sequence), model(sequence))
    model.train()
    assert not torch.equal(model(sequence), model(sequence))


def test_activations_differ():
    outputs = [make(activation=name)(padded(HISTORIES, MAX_LENGTH)) for name in ("swish", "relu", "gelu")]
    assert not torch.allclose(outputs[0], outputs[1], atol=1e-3)
    assert not torch.allclose(outputs[1], outputs[2], atol=1e-3)
