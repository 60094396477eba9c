"""The recommenders beside SASRec: they learn what is planted, and matrix factorisation solves what it says."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from recexplainer.config.labels import Imported, Labels
from recexplainer.config.recommender import Training
from recexplainer.errors import InputError
from recexplainer.files import write_json, write_parquet, write_safetensors
from recexplainer.recommender.contract import load_export
from recexplainer.recommender.evaluation import ndcg, target_ranks
from recexplainer.recommender.export import export
from recexplainer.recommender.external import import_recommender
from recexplainer.recommender.histories import Histories
from recexplainer.recommender.hyperparameters import hyperparameters
from recexplainer.recommender.mf import CONFIDENCE, REGULARISATION
from recexplainer.recommender.training import MODELS, build, encode, load_model, scorer, train, train_best

ITEMS = 40
VALUES = {"dim": 16, "max_length": 6, "layers": 1, "heads": 2, "ffn": 32, "activation": "gelu", "hidden_dropout": 0.0}
VALUES |= {"attention_dropout": 0.0, "lr": 0.01, "weight_decay": 0.0, "batch_size": 64, "epochs": 12, "patience": 12}
VALUES |= {"gradient_clip": 10.0}
LABELS = Labels(positive_share=0.2, negative_share=0.5, candidates=5, similar=1, batch_size=64)
OTHERS = ["gru4rec", "bert4rec", "mf"]


def chains(users: int = 80, length: int = 9) -> Histories:
    """Histories in which an item decides the next one."""
    random = np.random.default_rng(1)
    starts = random.integers(ITEMS, size=users)
    return Histories.from_sequences([[int(s + 7 * step) % ITEMS for step in range(length)] for s in starts], ITEMS)


def tastes(users: int = 120, length: int = 9) -> Histories:
    """Histories out of one half of the catalogue each, in no order."""
    random = np.random.default_rng(1)
    halves = [np.arange(ITEMS // 2), np.arange(ITEMS // 2, ITEMS)]
    return Histories.from_sequences(
        [random.permutation(halves[user % 2])[:length].tolist() for user in range(users)], ITEMS
    )


def ndcg_of(model, histories) -> float:
    return float(ndcg(target_ranks(histories, histories.test_targets(), scorer(model, histories)), 10).mean())


@pytest.mark.parametrize("kind", ["gru4rec", "bert4rec"])
def test_sequential_recommenders_learn_what_follows(kind):
    histories = chains()
    trained = train(histories, hyperparameters(VALUES), "second_last", 1, kind)
    assert ndcg_of(trained.model, histories) > 0.8
    assert trained.curve["train_loss"].iloc[-1] < 0.7 * trained.curve["train_loss"].iloc[0]
    again = train(histories, hyperparameters(VALUES), "second_last", 1, kind)
    assert all(
        torch.equal(a, b)
        for a, b in zip(trained.model.state_dict().values(), again.model.state_dict().values(), strict=True)
    )


def test_gru4rec_gives_at_each_position_what_it_gives_for_that_prefix():
    torch.manual_seed(1)
    model = build(hyperparameters(VALUES), ITEMS, "gru4rec").eval()
    sequence = torch.tensor([[0, 0, 3, 9], [4, 1, 2, 7], [0, 5, 6, 8]])
    outputs = model.all_positions(sequence)
    for row, history in enumerate(sequence):
        for place in range(4):
            if history[place]:
                torch.testing.assert_close(outputs[row, place], model(history[None, : place + 1])[0])


def test_matrix_factorisation_learns_tastes():
    histories = tastes()
    model = train(histories, hyperparameters(VALUES | {"dim": 4}), "second_last", 1, "mf").model
    ranks = target_ranks(histories, histories.test_targets(), scorer(model, histories))
    # Of a user's own half 12 items are unseen; they come before the other half's 20.
    assert (ranks < 12).mean() > 0.95


def test_matrix_factorisation_is_the_least_squares_solution():
    histories = tastes(users=30)
    model = train(histories, hyperparameters(VALUES | {"dim": 4, "epochs": 4}), "second_last", 1, "mf").model
    factors = model.items().detach().numpy().astype(np.float64)
    rows = np.array([3, 40, 200])
    for row, found in zip(rows, encode(model, histories, rows), strict=True):
        start = row - histories.length[row] + 1
        history = histories.items[max(start, row - VALUES["max_length"] + 1) : row + 1]
        weights, wanted = np.ones(ITEMS), np.zeros(ITEMS)
        weights[history], wanted[history] = 1 + CONFIDENCE, 1
        # Ridge regression on the whole catalogue, as rows of one system.
        root = np.sqrt(weights)[:, None]
        system = np.vstack([root * factors, np.sqrt(REGULARISATION) * np.eye(4)])
        right = np.concatenate([root[:, 0] * wanted, np.zeros(4)])
        np.testing.assert_allclose(found, np.linalg.lstsq(system, right, rcond=None)[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", MODELS)
def test_an_embedding_depends_on_its_history_alone(kind):
    histories, values = chains(users=20), hyperparameters(VALUES)
    torch.manual_seed(1)
    model = build(values, ITEMS, kind).eval()
    rows = np.arange(len(histories))
    together = encode(model, histories, rows)
    one_by_one = np.concatenate([encode(model, histories, rows[row : row + 1]) for row in rows])
    np.testing.assert_allclose(together, one_by_one, atol=1e-5)
    assert model.items().shape == (ITEMS, VALUES["dim"])


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_written_is_read_again_and_exported(tmp_path, kind):
    histories = chains(users=30)
    write_json(
        tmp_path / "0.json",
        {"trial": 0, "hyperparameters": VALUES | {"epochs": 2}, "validation_ndcg10": 0.1, "epochs": 2},
    )
    settings = Training(validation="second_last", bootstrap=10, model=kind)
    best = train_best(histories, [tmp_path / "0.json"], settings, 1)
    assert list(best.metrics["model"]) == [kind, "popularity"]
    write_safetensors(tmp_path / "model.safetensors", best.weights)
    write_json(tmp_path / "config.json", best.config)
    model = load_model(tmp_path / "model.safetensors", tmp_path / "config.json")
    embeddings, labels, similar = export(model, histories, LABELS, 1)
    ranks = target_ranks(
        histories, histories.test_targets(), lambda rows: embeddings["user"][rows] @ embeddings["item"].T
    )
    assert ndcg(ranks, 10).mean() == pytest.approx(best.metrics["ndcg10"][0], abs=1e-6)
    assert labels.num_rows == len(histories) and similar.num_rows == ITEMS


def test_a_hidden_item_is_what_bert4rec_is_asked_for():
    torch.manual_seed(1)
    model = build(hyperparameters(VALUES), ITEMS, "bert4rec").eval()
    sequence, targets = torch.tensor([[0, 3, 9], [4, 8, 2]]), torch.tensor([5, 6])
    with torch.no_grad():
        losses = {round(float(model.loss(sequence, targets)), 6) for _ in range(20)}
        assert len(losses) > 1  # other items are hidden each time
        # With nothing but the target hidden, it is the cross-entropy at the mask after the history.
        from recexplainer.recommender import bert4rec

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bert4rec, "HIDDEN", 0.0)
            logits = model(sequence) @ model.items().T
            expected = torch.nn.functional.cross_entropy(logits, targets)
            torch.testing.assert_close(model.loss(sequence, targets), expected)


def test_an_unknown_model_is_named():
    with pytest.raises(InputError, match="recommender model 'svd'; expected one of sasrec, gru4rec, bert4rec, mf"):
        build(hyperparameters(VALUES), ITEMS, "svd")


def given(tmp_path, **tensors) -> str:
    name = "scores" if "scores" in tensors else "embeddings"
    write_safetensors(tmp_path / f"{name}.safetensors", tensors)
    return str(tmp_path / f"{name}.safetensors")


TAKEN = Imported(**LABELS.model_dump(), bootstrap=10, validation="second_last", name="mine")


def test_embeddings_from_outside_are_labelled_as_ours(tmp_path):
    histories = chains(users=30)
    model = train(histories, hyperparameters(VALUES | {"epochs": 3}), "second_last", 1, "gru4rec").model
    embeddings, labels, similar = export(model, histories, LABELS, 7)
    taken = import_recommender(given(tmp_path, **embeddings), histories, TAKEN, 7)
    assert taken.labels.equals(labels) and taken.similar.equals(similar)
    assert list(taken.metrics["model"]) == ["mine", "popularity"]
    ranks = target_ranks(histories, histories.test_targets(), scorer(model, histories))
    assert taken.metrics["ndcg10"][0] == pytest.approx(ndcg(ranks, 10).mean(), abs=1e-6)


def test_scores_alone_give_the_labels_of_the_embeddings_behind_them(tmp_path):
    histories, random = chains(users=30), np.random.default_rng(1)
    user, item = (random.normal(size=(rows, 4)).astype(np.float32) for rows in (len(histories), ITEMS))
    by_scores = import_recommender(given(tmp_path, scores=user @ item.T), histories, TAKEN, 7)
    by_embeddings = import_recommender(given(tmp_path, user=user, item=item), histories, TAKEN, 7)
    for name in ("top1", "ranking", "positive", "negative"):
        assert by_scores.labels[name].equals(by_embeddings.labels[name])
    scores = by_scores.embeddings["user"] @ by_scores.embeddings["item"].T
    np.testing.assert_array_equal(scores, user @ item.T)
    write_safetensors(tmp_path / "e.safetensors", by_scores.embeddings)
    write_parquet(tmp_path / "l.parquet", by_scores.labels)
    load_export(tmp_path / "e.safetensors", tmp_path / "l.parquet")


KINDS = ["bfloat16", "float16", "float64", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"]


def small_numbers(kind: str) -> dict[str, torch.Tensor]:
    """Return embeddings in a kind of floating-point numbers."""
    draw = torch.Generator().manual_seed(3)
    kind = getattr(torch, kind)
    shapes = {"user": (270, 4), "item": (ITEMS, 4)}
    return {name: torch.randn(shape, generator=draw, dtype=torch.float64).to(kind) for name, shape in shapes.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_of_any_size_become_float32_and_the_log_says_so(tmp_path, caplog, kind):
    tensors, histories = small_numbers(kind), chains(users=30)
    path = tmp_path / "embeddings.safetensors"
    save_file(tensors, path)
    with caplog.at_level("INFO"):
        taken = import_recommender(path, histories, TAKEN, 7)
    for name, tensor in tensors.items():
        assert taken.embeddings[name].dtype == np.float32
        # Each number is one of float32, but those of 64 bits, whose nearest is taken.
        exact = tensor.to(torch.float64).numpy()
        assert (taken.embeddings[name] == exact.astype(np.float32)).all()
        assert ((taken.embeddings[name] == exact).all()) == (kind != "float64")
        assert f"{name!r} is {kind}, {'rounded to' if kind == 'float64' else 'taken exactly as'} float32" in caplog.text
    whole = {name: tensor.float().numpy() for name, tensor in tensors.items()}
    assert import_recommender(given(tmp_path, **whole), histories, TAKEN, 7).labels.equals(taken.labels)


@pytest.mark.parametrize("kind", KINDS[:5])
@pytest.mark.parametrize("name", ["user", "item"])
def test_what_is_no_number_is_none_in_any_size(tmp_path, kind, name):
    tensors = small_numbers(kind)
    tensors[name][7, 2] = float("nan")
    save_file(tensors, tmp_path / "embeddings.safetensors")
    with pytest.raises(InputError, match=f"row 7 of '{name}' is not finite"):
        import_recommender(tmp_path / "embeddings.safetensors", chains(users=30), TAKEN, 7)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_of_any_size_are_taken(tmp_path, kind):
    scores = torch.randn((270, ITEMS), generator=torch.Generator().manual_seed(5)).to(getattr(torch, kind))
    save_file({"scores": scores}, tmp_path / "scores.safetensors")
    taken = import_recommender(tmp_path / "scores.safetensors", chains(users=30), TAKEN, 7)
    np.testing.assert_array_equal(taken.embeddings["user"], scores.float().numpy())


def test_a_scale_beside_numbers_of_8_bits_is_not_left_out(tmp_path):
    tensors = small_numbers("float8_e4m3fn") | {"user_scale": torch.ones(1)}
    save_file(tensors, tmp_path / "embeddings.safetensors")
    with pytest.raises(InputError, match="user_scale beside it may be its scale"):
        import_recommender(tmp_path / "embeddings.safetensors", chains(users=30), TAKEN, 7)


def test_numbers_of_4_bits_and_complex_ones_are_refused(tmp_path):
    path = tmp_path / "embeddings.safetensors"
    kinds = {"float4_e2m1fn_x2": torch.zeros((270, 4), dtype=torch.uint8).view(torch.float4_e2m1fn_x2)}
    kinds["complex64"] = torch.zeros((270, 4), dtype=torch.complex64)
    for tensor in kinds.values():
        save_file({"user": tensor, "item": torch.ones((ITEMS, 4))}, path)
        with pytest.raises(InputError, match="float32|cannot be converted"):
            import_recommender(path, chains(users=30), TAKEN, 7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"user": None}, "tensor 'user' is missing; found item"),
        ({"user": np.zeros((9, 4), np.float32)}, r"'user' has 9 rows; expected one per prefix .*, 270"),
        ({"item": np.zeros((9, 4), np.float32)}, r"'item' has 9 rows; expected one per item .*, 40"),
        ({"item": np.zeros((ITEMS, 3), np.float32)}, "'user' has dimension 4 and 'item' 3"),
        ({"user": np.zeros((270, 4), np.int64)}, r"'user' is int64 \(270, 4\); expected a float32 matrix"),
        ({"user": np.full((270, 4), 1e300)}, "row 0 of 'user' is not finite"),
        ({"user": np.zeros(270, np.float32)}, r"'user' is float32 \(270,\); expected a float32 matrix"),
        ({"item": np.full((ITEMS, 4), np.nan, np.float32)}, "row 0 of 'item' is not finite"),
        ({"scores": np.zeros((270, 39), np.float32)}, "'scores' has 39 columns; expected one per item, 40"),
    ],
)
def test_what_does_not_keep_the_contract_is_named(tmp_path, change, message):
    histories = chains(users=30)
    tensors = {"user": np.ones((270, 4), np.float32), "item": np.ones((ITEMS, 4), np.float32)}
    tensors = change if "scores" in change else {k: v for k, v in (tensors | change).items() if v is not None}
    with pytest.raises(InputError, match=f"safetensors: .*{message}"):
        import_recommender(given(tmp_path, **tensors), histories, TAKEN, 7)
