"""Labels against a brute-force loop, and the contract that later stages rely on."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recexplainer.config.labels import LabelRules, Labels
from recexplainer.errors import InputError
from recexplainer.files import read_parquet, read_safetensors, write_parquet, write_safetensors
from recexplainer.recommender.contract import LABELS, load_export
from recexplainer.recommender.export import export
from recexplainer.recommender.histories import Histories
from recexplainer.recommender.labels import label_prefixes, similar_items
from recexplainer.recommender.sasrec import SASRec
from recexplainer.typed import checked

ITEMS, DIM = 30, 6
LABEL_SETTINGS = LabelRules(positive_share=0.2, negative_share=0.5, candidates=5, similar=2)
FEW = LabelRules(positive_share=0.05, negative_share=0.5, candidates=2, similar=1)
EXPORT_SETTINGS = Labels(**LABEL_SETTINGS.model_dump(), batch_size=7)


def toy(seed: int = 0, users: int = 12) -> tuple[Histories, np.ndarray, np.ndarray]:
    """Histories and random embeddings: (prefixes, dim), (items, dim)."""
    random = np.random.default_rng(seed)
    sequences = [random.permutation(ITEMS)[: random.integers(5, 11)].tolist() for _ in range(users)]
    histories = Histories.from_sequences(sequences, ITEMS)
    return (
        histories,
        random.normal(size=(len(histories), DIM)).astype(np.float32),
        random.normal(size=(ITEMS, DIM)).astype(np.float32),
    )


def prefix_items(histories: Histories, row: int) -> list[int]:
    return histories.items[row - histories.length[row] + 1 : row + 1].tolist()


@settings(derandomize=True, max_examples=15)
@given(st.integers(0, 10_000))
def test_labels_against_a_loop(seed):
    histories, users, items = toy(seed, users=4)
    labels = label_prefixes(users, items, histories, LABEL_SETTINGS, seed, 8).to_pandas()
    for row, label in labels.iterrows():
        seen = set(prefix_items(histories, row))
        score = {i: float(np.float32(users[row] @ items[i])) for i in range(ITEMS)}
        best_first = sorted((i for i in range(ITEMS) if i not in seen), key=lambda i: -score[i])
        unseen = len(best_first)
        high, low = int(0.2 * unseen + 1e-9), int(0.5 * unseen + 1e-9)
        assert label["top1"] == best_first[0]
        ranking = label["ranking"].tolist()
        assert len(set(ranking)) == 5
        assert not seen & set(ranking)
        assert ranking == [i for i in best_first if i in ranking]
        # exactly the shares, strictly beyond the thresholds
        assert label["positive"] in best_first[:high]
        assert label["negative"] in best_first[-low:]
        assert label["threshold_high"] == pytest.approx(score[best_first[high]], abs=1e-5)
        assert label["threshold_low"] == pytest.approx(score[best_first[unseen - 1 - low]], abs=1e-5)
        assert label["positive_score"] == pytest.approx(score[label["positive"]], abs=1e-5)
        assert label["negative_score"] == pytest.approx(score[label["negative"]], abs=1e-5)
        assert label["positive_score"] > label["threshold_high"] >= label["threshold_low"] > label["negative_score"]
        assert (label["prefix"], label["user"], label["length"]) == (row, histories.users[row], len(seen))


def test_draws_are_uniform():
    """One user embedding for a thousand users: every unseen item is as likely as the next."""
    draws = 1000
    histories = Histories.from_sequences([[0, 1, 2]] * draws, ITEMS)
    random = np.random.default_rng(1)
    users = np.tile(random.normal(size=DIM), (len(histories), 1)).astype(np.float32)
    items = random.normal(size=(ITEMS, DIM)).astype(np.float32)
    labels = label_prefixes(users, items, histories, LABEL_SETTINGS, 3, 256).to_pandas()
    labels = labels[labels["length"] == 3]
    assert set(labels["top1"]) == {labels["top1"].iloc[0]}
    for column, eligible, per_row in (("ranking", 27, 5), ("positive", 5, 1), ("negative", 13, 1)):
        drawn = np.concatenate(labels["ranking"].to_list()) if column == "ranking" else labels[column].to_numpy()
        counts = np.bincount(drawn, minlength=ITEMS)
        assert (counts > 0).sum() == eligible
        expected = draws * per_row / eligible
        chi_square = ((counts[counts > 0] - expected) ** 2 / expected).sum()
        freedom = eligible - 1
        assert chi_square < freedom + 4 * np.sqrt(2 * freedom), column


def test_labels_do_not_depend_on_the_batch_size_but_on_the_seed():
    histories, users, items = toy(users=20)
    whole = label_prefixes(users, items, histories, LABEL_SETTINGS, 1, 10_000).to_pandas()
    ids = ["top1", "positive", "negative"]
    for batch_size in (1, 7, 64):
        part = label_prefixes(users, items, histories, LABEL_SETTINGS, 1, batch_size).to_pandas()
        assert whole[ids].equals(part[ids])
        assert np.array_equal(np.stack(whole["ranking"]), np.stack(part["ranking"]))
    other = label_prefixes(users, items, histories, LABEL_SETTINGS, 2, 10_000).to_pandas()
    assert whole["top1"].equals(other["top1"])
    assert not whole["positive"].equals(other["positive"])
    assert not np.array_equal(np.stack(whole["ranking"]), np.stack(other["ranking"]))


def test_ties_are_refused_where_nothing_is_beyond_a_threshold():
    histories, users, _ = toy()
    with pytest.raises(InputError, match="scores tie"):
        label_prefixes(users, np.ones((ITEMS, DIM), np.float32), histories, LABEL_SETTINGS, 1, 10)


@pytest.mark.parametrize(("items", "settings"), [(7, LABEL_SETTINGS), (12, FEW)])
def test_small_catalogue(items, settings):
    histories = Histories.from_sequences([[0, 1, 2, 3, 4]], items)
    with pytest.raises(InputError, match=f"unseen items of {items}"):
        label_prefixes(np.ones((5, 2), np.float32), np.ones((items, 2), np.float32), histories, settings, 1, 10)


@pytest.mark.parametrize(
    ("name", "value"), [("positive_share", 0), ("negative_share", 1.0), ("candidates", 0), ("similar", 1.5)]
)
def test_bad_label_settings(name, value):
    with pytest.raises(InputError, match=f"labels.{name}"):
        checked(LabelRules, LABEL_SETTINGS.model_dump() | {name: value}, "labels")


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_similar_items(batch_size):
    items = np.array([[1, 0], [2, 0], [0, 1], [3, 0], [1, 1], [0, 0]], dtype=np.float32)
    table = similar_items(items, 2, batch_size).to_pandas()
    assert table["item"].tolist() == [0, 1, 2, 3, 4, 5]
    # 0, 1 and 3 point the same way: ties go by item; a null vector is as near to one as to another
    assert [s.tolist() for s in table["similar"]] == [[1, 3], [0, 3], [4, 0], [0, 1], [0, 1], [0, 1]]
    with pytest.raises(InputError, match="labels.similar"):
        similar_items(items, 6, batch_size)


def test_similar_items_are_told_apart_beyond_single_precision():
    random = np.random.default_rng(1)
    centres = random.standard_normal((30, 48))
    items = np.repeat(centres, 10, axis=0) + 1e-4 * random.standard_normal((300, 48))
    items[7] = items[3]  # twice the same: the lower one comes first
    vectors = (items := items.astype(np.float32)).astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = np.array([[float(one @ other) for other in vectors] for one in vectors])
    np.fill_diagonal(cosine, -np.inf)
    expected = np.argsort(-cosine, axis=1, kind="stable")[:, :3]
    assert similar_items(items, 3, 64)["similar"].to_pylist() == expected.tolist()
    single = np.argsort(-cosine.astype(np.float32), axis=1, kind="stable")[:, :3]
    assert (single != expected).any()


def small_model() -> SASRec:
    torch.manual_seed(0)
    return SASRec(ITEMS, DIM, 5, 2, 2, 8, "swish", 0.5, 0.5)


def test_export_of_a_model():
    histories, _, _ = toy()
    model = small_model().train()  # dropout is on: the export must turn it off
    embeddings, labels, similar = export(model, histories, EXPORT_SETTINGS, seed=1)
    again, labels_again, _ = export(model, histories, EXPORT_SETTINGS.model_copy(update={"batch_size": 1024}), seed=1)
    np.testing.assert_allclose(embeddings["user"], again["user"], atol=1e-6)
    assert labels.select(["top1", "ranking", "positive", "negative"]).equals(
        labels_again.select(["top1", "ranking", "positive", "negative"])
    )
    assert np.array_equal(embeddings["item"], model.item_table.weight[1:].detach().numpy())
    assert embeddings["user"].dtype == embeddings["item"].dtype == np.float32
    model.eval()
    for row in range(len(histories)):
        newest = torch.tensor([[item + 1 for item in prefix_items(histories, row)[-5:]]])
        np.testing.assert_allclose(embeddings["user"][row], model(newest)[0].detach(), atol=1e-5)
    frame = labels.to_pandas()
    scores = histories.mask(embeddings["user"] @ embeddings["item"].T, np.arange(len(histories)))
    assert frame["top1"].tolist() == scores.argmax(axis=1).tolist()
    assert len(similar) == ITEMS
    assert labels.schema.names == list(LABELS)


def test_export_refuses_another_catalogue():
    with pytest.raises(InputError, match="30 items and the catalogue has 31"):
        export(small_model(), Histories.from_sequences([[0, 1, 2, 3, 4]], 31), EXPORT_SETTINGS, seed=1)


@pytest.fixture
def exported(tmp_path):
    """A good export, its paths."""
    embeddings, labels, _ = export(small_model(), toy()[0], EXPORT_SETTINGS, seed=1)
    write_safetensors(tmp_path / "embeddings.safetensors", embeddings)
    write_parquet(tmp_path / "labels.parquet", labels)
    return tmp_path / "embeddings.safetensors", tmp_path / "labels.parquet"


def test_load_export(exported):
    loaded = load_export(*exported)
    assert loaded.user.shape == (len(loaded.labels), DIM)
    assert loaded.item.shape == (ITEMS, DIM)
    n = loaded.labels.groupby("user")["length"].max()
    assert (loaded.labels["split"] == "train").sum() == (n - 2).sum()
    assert (loaded.labels["split"] == "test").sum() == (loaded.labels["split"] == "full").sum() == len(n)


def test_same_seed_same_bytes(exported, tmp_path):
    embeddings, labels, _ = export(small_model(), toy()[0], EXPORT_SETTINGS, seed=1)
    write_safetensors(tmp_path / "e", embeddings)
    write_parquet(tmp_path / "l", labels)
    assert [path.read_bytes() for path in exported] == [(tmp_path / name).read_bytes() for name in "el"]


def test_unlabelled_full_rows_are_accepted(exported):
    frame = read_parquet(exported[1])
    full = frame["split"] == "full"
    frame.loc[full, ["top1", "positive", "negative"]] = -1
    frame["ranking"] = [np.array([], dtype=np.int32) if f else r for f, r in zip(full, frame["ranking"], strict=True)]
    write_parquet(exported[1], frame)
    load_export(*exported)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda t: t.pop("item"), "'item' is missing"),
        (lambda t: t.update(user=t["user"].astype(np.float16)), "expected a float32 matrix"),
        (lambda t: t.update(item=t["item"][0]), "expected a float32 matrix"),
        (lambda t: t.update(item=t["item"][:, :3]), "dimension 6 and 'item' 3"),
        (lambda t: t["user"].__setitem__((4, 1), np.nan), "row 4 of 'user' is not finite"),
        (lambda t: t.update(user=t["user"][:-1]), "expected one each"),
    ],
)
def test_load_export_refuses_embeddings(exported, change, match):
    tensors = read_safetensors(exported[0])
    change(tensors)
    write_safetensors(exported[0], tensors)
    with pytest.raises(InputError, match=match):
        load_export(*exported)


def spoil(column: str, row: int, value):
    def change(frame):
        values = frame[column].to_list()
        values[row] = value
        frame[column] = values
        return frame

    return change


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda f: f.drop(columns="top1"), "'top1' is missing"),
        (lambda f: f.assign(top1=f["top1"] * 1.0), "'top1' is double; expected whole numbers"),
        (lambda f: f.assign(threshold_low=1), "expected float32"),
        (spoil("prefix", 3, 9), "row 3: expected that prefix"),
        (spoil("length", 2, 2), "every length"),
        (spoil("length", 0, 0), "every length"),
        (spoil("split", 0, "test"), "row 0: expected that split"),
        (spoil("top1", 1, ITEMS), "row 1: expected that top1"),
        (spoil("negative", 2, -1), "row 2: expected that negative"),
        (spoil("ranking", 2, [1, 2]), "row 2: expected that ranking"),
        (spoil("ranking", 2, [1, 2, 3, 4, 4]), "row 2: expected that ranking"),
        (spoil("ranking", 1, [1, 2, 3, 4, ITEMS]), "row 1: expected that ranking"),
        (spoil("ranking", 1, None), "column 'ranking' holds null"),
        (spoil("ranking", 1, [1, 2, 3, 4, None]), "column 'ranking' holds null"),
        (spoil("ranking", 1, [1, 2, 3, 4, 0.5]), "column 'ranking' is .*; expected lists of whole numbers"),
        (lambda f: f.assign(ranking=f["top1"]), "column 'ranking' is .*; expected lists of whole numbers"),
        (spoil("positive_score", 1, -1e9), "row 1: expected that positive scores"),
        (spoil("negative_score", 1, float("nan")), "row 1: expected that positive scores"),
    ],
)
def test_load_export_refuses_labels(exported, change, match):
    write_parquet(exported[1], change(read_parquet(exported[1])))
    with pytest.raises(InputError, match=match):
        load_export(*exported)


def test_the_contract_needs_no_torch():
    modules = "recexplainer.recommender.contract, recexplainer.recommender.labels"
    code = f"import sys, {modules}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3] / "src")
