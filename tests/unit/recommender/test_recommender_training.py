"""Splits without leaks, training, random search, and the metrics against their formulas."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_sasrec import BASE

from recexplainer.config.recommender import Range, Sized, Space, Training, Trial
from recexplainer.errors import InputError
from recexplainer.files import write_json, write_parquet, write_safetensors
from recexplainer.recommender import training
from recexplainer.recommender.evaluation import hit_ratio, merge_metrics, metrics_table, ndcg, target_ranks
from recexplainer.recommender.histories import Histories, load_histories
from recexplainer.recommender.hyperparameters import hyperparameters
from recexplainer.recommender.training import load_model, run_trial, train, train_best
from recexplainer.recommender.tuning import best_trial, draw

SMALL = hyperparameters(BASE)


def changed(**values) -> Sized:
    return hyperparameters(BASE | values)


TRAINING = Training(validation="second_last", bootstrap=20)
SEQUENCES = st.lists(
    st.lists(st.integers(0, 19), min_size=3, max_size=9, unique=True), min_size=1, max_size=6
)  # the items of each user


def chain(users: int = 200, items: int = 40, seed: int = 0) -> Histories:
    """Histories in which each item has one successor."""
    random = np.random.default_rng(seed)
    cycle = random.permutation(items)
    successor = dict(zip(cycle.tolist(), np.roll(cycle, -1).tolist(), strict=True))
    sequences = []
    for _ in range(users):
        sequence = [int(random.integers(items))]
        for _ in range(int(random.integers(4, 8))):
            sequence.append(successor[sequence[-1]])
        sequences.append(sequence)
    return Histories.from_sequences(sequences, items)


@settings(derandomize=True, max_examples=50)
@given(SEQUENCES, st.integers(1, 10))
def test_inputs_are_the_newest_items_left_padded(sequences, max_length):
    histories = Histories.from_sequences(sequences, 20)
    inputs = histories.inputs(np.arange(len(histories)), max_length)
    width = min(max_length, max(map(len, sequences)))
    prefixes = [sequence[:n] for sequence in sequences for n in range(1, len(sequence) + 1)]
    expected = [[0] * max(0, width - len(p)) + [item + 1 for item in p[-width:]] for p in prefixes]
    assert inputs.tolist() == expected


@settings(derandomize=True, max_examples=50)
@given(SEQUENCES, st.randoms(use_true_random=False))
def test_mask_covers_the_whole_history_and_nothing_else(sequences, random):
    histories = Histories.from_sequences(sequences, 20)
    rows = np.array(random.sample(range(len(histories)), k=min(5, len(histories))))
    scores = histories.mask(np.zeros((len(rows), 20)), rows)
    for score, row in zip(scores, rows, strict=True):
        prefix = sequences[histories.users[row]][: histories.length[row]]
        assert set(np.flatnonzero(np.isneginf(score))) == set(prefix)


@pytest.mark.parametrize(("validation", "held_out"), [("second_last", 2), ("test", 1)])
def test_splits(validation, held_out):
    sequences = [[0, 1, 2, 3, 4], [5, 6, 7], [8, 9, 10, 11, 12, 13]]
    histories = Histories.from_sequences(sequences, 14)
    trained = [item for s in sequences for item in s[1 : len(s) - held_out]]
    assert histories.items[histories.training_targets(validation)].tolist() == trained
    watched = [s[-held_out] for s in sequences]
    assert histories.items[histories.validation_targets(validation)].tolist() == watched
    assert histories.items[histories.test_targets()].tolist() == [4, 7, 13]
    counted = np.bincount([item for s in sequences for item in s[: len(s) - held_out]], minlength=14)
    assert histories.popularity(validation).tolist() == counted.tolist()
    assert histories.split().tolist() == sum([["train"] * (len(s) - 2) + ["test", "full"] for s in sequences], [])


def test_rows_are_grouped_by_width_where_that_saves_half_of_the_cells():
    def groups(lengths):
        histories = Histories.from_sequences([list(range(length)) for length in lengths], 40)
        return [[lengths[place] for place in group] for group in histories.by_width(histories.test_targets(), 20)]

    # Widths 4, 8, 16 and 20, the longest that the model sees.
    assert groups([3, 20, 4, 5, 4, 3, 8]) == [[3, 4, 4, 3], [5, 8], [20]]
    assert groups([16, 9, 4, 4, 4, 40, 4]) == [[4, 4, 4, 4], [16, 9], [40]]
    # 24 cells in groups, 48 in one: half is saved. Of 32 or 60 cells less is.
    assert groups([4, 4, 12, 3]) == [[4, 4, 3], [12]]
    assert groups([4, 16]) == [[4, 16]] and groups([20, 20, 3]) == [[20, 20, 3]]


def test_unknown_validation():
    with pytest.raises(InputError, match="second_last"):
        chain().training_targets("last")


@settings(derandomize=True, max_examples=50)
@given(SEQUENCES, st.integers(1, 10), st.sampled_from(["second_last", "test"]))
def test_stretches_precede_every_training_target_once(sequences, max_length, validation):
    histories = Histories.from_sequences(sequences, 20)
    rows = histories.training_stretches(validation, max_length)
    followers = [row + 1 - back for row in rows for back in range(min(histories.length[row], max_length))]
    assert sorted(followers) == histories.training_targets(validation).tolist()
    assert all(histories.users[row] == histories.users[row + 1] for row in rows)


@pytest.mark.parametrize("kind", ["sasrec", "gru4rec"])
def test_loss_at_all_positions_equals_a_plain_loop(kind):
    random = np.random.default_rng(2)
    histories = Histories.from_sequences([random.permutation(20)[:n].tolist() for n in (3, 4, 5, 9, 16, 3)], 20)
    torch.manual_seed(3)
    model = training.build(changed(max_length=5), 20, kind).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # far enough from each other
            parameter.add_(torch.randn_like(parameter))
    stretches = histories.training_stretches("second_last", 5)
    losses = list(training._losses_at_all(model, histories, stretches, 7, random))
    plain = []
    for row in stretches:
        width = min(int(histories.length[row]), 5)
        sequence = torch.from_numpy(histories.items[row - width + 1 : row + 1].astype(np.int64))
        scores = (model.all_positions(sequence[None] + 1)[0] @ model.items().T).log_softmax(-1)
        plain += [-scores[place, histories.items[row - width + 2 + place]].item() for place in range(width)]
    assert len(losses) > 2 and sum(count for _, count in losses) == len(plain) == len(
        histories.training_targets("second_last")
    )
    assert sum(loss.item() * count for loss, count in losses) == pytest.approx(sum(plain), rel=1e-5)


def test_other_losses_do_not_know_positions():
    weights = [
        train(chain(30), changed(epochs=1, loss_at=at), "second_last", 1, "bert4rec").model for at in ("last", "all")
    ]
    assert all(torch.equal(*pair) for pair in zip(*(model.parameters() for model in weights), strict=True))


@pytest.mark.parametrize("loss_at", ["last", "all"])
@pytest.mark.parametrize(("validation", "held_out"), [("second_last", 2), ("test", 1)])
def test_training_never_reads_what_is_held_out(validation, held_out, loss_at, monkeypatch):
    """Each item occurs once in the data, so what the model is fed tells which interactions it learnt from."""
    random = np.random.default_rng(1)
    sequences = [list(map(int, s)) for s in random.permutation(60).reshape(10, 6)]
    histories = Histories.from_sequences(sequences, 60)
    fed, targets = set(), set()
    embed, loss = training.SASRec._embed, training.functional.cross_entropy

    def spy_embed(self, sequence):
        assert self.training == torch.is_grad_enabled()  # dropout in every step, never in validation
        if self.training:
            fed.update((sequence[sequence > 0] - 1).tolist())
        return embed(self, sequence)

    def spy_loss(logits, target):
        targets.update(target.tolist())
        return loss(logits, target)

    monkeypatch.setattr(training.SASRec, "_embed", spy_embed)
    monkeypatch.setattr(training.functional, "cross_entropy", spy_loss)
    train(histories, changed(max_length=6, loss_at=loss_at), validation, seed=1)
    assert targets == {item for s in sequences for item in s[1 : 6 - held_out]}
    assert fed == {item for s in sequences for item in s[: 6 - held_out - 1]}


def test_test_items_change_nothing_when_second_last_is_watched():
    histories = chain(50)
    last = histories.test_targets()
    items = histories.items.copy()
    items[last] = (items[last] + 7) % histories.item_count
    other = dataclasses.replace(histories, items=items)
    weights = [train(h, SMALL, "second_last", seed=1).model.state_dict() for h in (histories, other)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    curves = [train(h, SMALL, "test", seed=1).curve for h in (histories, other)]
    assert not curves[0].equals(curves[1])


@pytest.mark.parametrize("loss_at", ["last", "all"])
def test_learns_a_chain(loss_at):
    histories = chain()
    settings = changed(dim=32, epochs=30, patience=30, loss_at=loss_at)
    trained = train(histories, settings, "second_last", seed=1)
    assert trained.curve["train_loss"].iloc[-1] < 0.5 * trained.curve["train_loss"].iloc[0]
    ranks = target_ranks(histories, histories.test_targets(), training.scorer(trained.model, histories))
    assert hit_ratio(ranks, 5).mean() > 0.9
    assert not trained.model.training


def test_best_weights_are_restored_and_patience_stops():
    histories = chain(60)
    settings = changed(epochs=60, patience=2)
    trained = train(histories, settings, "second_last", seed=3)
    curve = trained.curve
    assert len(curve) == trained.best_epoch + 2 < 60
    assert trained.best_epoch == curve["validation_ndcg10"].argmax() + 1
    assert curve["epoch"].tolist() == list(range(1, len(curve) + 1))
    ranks = target_ranks(
        histories, histories.validation_targets("second_last"), training.scorer(trained.model, histories)
    )
    assert ndcg(ranks, 10).mean() == trained.validation_ndcg10 == curve["validation_ndcg10"].max()


def test_same_seed_same_bytes(tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        write_safetensors(tmp_path / name, train(chain(30), SMALL, "second_last", seed).model.state_dict())
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_divergence_is_no_success(monkeypatch, tmp_path):
    monkeypatch.setattr(training.functional, "cross_entropy", lambda logits, target: logits.sum() * float("nan"))
    trial = run_trial(chain(20), Trial(sasrec=SMALL, space=Space(), validation="second_last"), 0, seed=1)
    assert (trial["validation_ndcg10"], trial["epochs"]) == (0.0, 0)
    write_json(tmp_path / "0.json", trial)
    with pytest.raises(InputError, match="diverged"):
        train_best(chain(20), [tmp_path / "0.json"], TRAINING, seed=1)


def test_scores_that_are_not_finite_are_refused():
    histories = chain(20)
    with pytest.raises(InputError, match="finite"):
        target_ranks(histories, histories.test_targets(), lambda rows: np.full((len(rows), 40), np.nan))


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("heads", 3, "does not divide"),
        ("dim", 0, "at least 1"),
        ("epochs", 2.5, "whole number"),
        ("lr", "1e-4", "1.0e-4"),
        ("lr", 0, "more than 0"),
        ("weight_decay", -1.0, "at least 0"),
        ("hidden_dropout", 1.0, "less than 1"),
        ("activation", "tanh", "swish"),
        ("loss_at", "first", "last, all"),
        ("colour", 1, "unknown"),
    ],
)
def test_bad_hyperparameters(name, value, match):
    with pytest.raises(InputError, match=match) as error:
        hyperparameters({**BASE, name: value})
    assert f"recommender.{name}" in str(error.value)


def test_missing_hyperparameter():
    with pytest.raises(InputError, match="recommender.lr: missing"):
        hyperparameters({name: value for name, value in BASE.items() if name != "lr"})


SPACE = Space(
    lr=Range(low=1e-4, high=1e-2, log=True),
    hidden_dropout=Range(low=0.1, high=0.6),
    ffn=Range(low=16, high=19, integer=True),
    batch_size=Range(choices=[32, 64]),
)


def test_draws():
    assert draw(SMALL, SPACE, 0, seed=1) == SMALL
    trials = [draw(SMALL, SPACE, k, seed=1) for k in range(1, 401)]
    backwards = dict(reversed(SPACE.model_dump(exclude_unset=True).items()))
    assert trials[6] == draw(SMALL, Space.model_validate(backwards), 7, seed=1)
    assert trials[6] != draw(SMALL, SPACE, 7, seed=2)
    assert all(1e-4 <= t.lr <= 1e-2 and 0.1 <= t.hidden_dropout <= 0.6 for t in trials)
    assert {t.batch_size for t in trials} == {32, 64}
    assert {t.ffn for t in trials} == {16, 17, 18, 19}
    assert np.mean([t.lr < 1e-3 for t in trials]) == pytest.approx(0.5, abs=0.08)  # half of a log scale
    assert np.mean([t.hidden_dropout < 0.35 for t in trials]) == pytest.approx(0.5, abs=0.08)
    assert {t.attention_dropout for t in trials} == {0.1}


@pytest.mark.parametrize(
    "spec",
    [
        {"low": 1},
        {"low": 2, "high": 1},
        {"low": 0, "high": 1, "log": True},
        {"low": 1, "high": 2, "choices": [1]},
    ],
)
def test_bad_space(spec):
    with pytest.raises(InputError, match="tuning.space.lr"):
        draw(SMALL, Space(lr=Range(**spec)), 1, seed=1)


def test_best_trial(tmp_path):
    for k, score in enumerate([0.1, 0.3, 0.3]):
        trial = {"trial": k, "hyperparameters": BASE, "validation_ndcg10": score, "epochs": 2}
        write_json(tmp_path / f"{k}.json", trial)
    paths = [tmp_path / f"{k}.json" for k in (2, 0, 1)]
    assert best_trial(paths)["trial"] == 1
    write_json(tmp_path / "0.json", {"trial": 0})
    with pytest.raises(InputError, match="0.json"):
        best_trial(paths)


def test_train_best_writes_what_rebuilds_the_model(tmp_path):
    histories = chain(40)
    settings = Trial(sasrec=SMALL, space=SPACE, validation="second_last")
    trials = [run_trial(histories, settings, k, seed=1) for k in range(2)]
    for trial in trials:
        write_json(tmp_path / f"{trial['trial']}.json", trial)
    best = train_best(histories, [tmp_path / "0.json", tmp_path / "1.json"], TRAINING, seed=1)
    winner = max(trials, key=lambda trial: trial["validation_ndcg10"])
    assert best.config["sasrec"] == winner["hyperparameters"]
    assert best.config["validation_ndcg10"] == winner["validation_ndcg10"]  # same seed, same training
    assert len(best.curve) == winner["epochs"]
    write_safetensors(tmp_path / "model.safetensors", best.weights)
    write_json(tmp_path / "config.json", best.config)
    model = load_model(tmp_path / "model.safetensors", tmp_path / "config.json")
    assert not model.training
    ranks = target_ranks(histories, histories.test_targets(), training.scorer(model, histories))
    assert best.metrics.loc[0, "ndcg10"] == pytest.approx(ndcg(ranks, 10).mean(), abs=1e-6)
    assert best.metrics["model"].tolist() == ["sasrec", "popularity"]
    write_json(tmp_path / "config.json", {**best.config, "items": 7})
    with pytest.raises(InputError, match="does not fit"):
        load_model(tmp_path / "model.safetensors", tmp_path / "config.json")


def test_popularity_by_hand():
    #     counted (the last two of each are held out): 0 three times, 1 twice, 2 once
    histories = Histories.from_sequences([[0, 1, 2, 3], [0, 1, 4, 2], [0, 2, 5, 1]], 6)
    counts = histories.popularity("second_last")
    assert counts.tolist() == [3, 2, 1, 0, 0, 0]
    ranks = target_ranks(histories, histories.test_targets(), lambda rows: np.tile(counts * 1.0, (len(rows), 1)))
    # user 0 has seen 0, 1, 2: item 3 leads the rest, all equal; users 1 and 2: their target is the best unseen one
    assert ranks.tolist() == [0, 0, 0]
    later = dataclasses.replace(histories, items=np.array([0, 1, 2, 5, 0, 1, 4, 2, 0, 5, 3, 2], dtype=np.int32))
    ranks = target_ranks(later, later.test_targets(), lambda rows: np.tile(counts * 1.0, (len(rows), 1)))
    assert ranks.tolist() == [2, 0, 1]  # after 3 and 4; the best; after 1


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_ranks_against_sorting(batch_size):
    histories = chain(30)
    table = np.random.default_rng(0).integers(0, 9, size=(len(histories), 40)).astype(float)  # many ties
    targets = histories.training_targets("second_last")
    ranks = target_ranks(histories, targets, lambda rows: table[rows], batch_size)
    for rank, target in zip(ranks, targets, strict=True):
        start = target - histories.length[target] + 1
        seen = set(histories.items[start:target])
        order = sorted((i for i in range(40) if i not in seen), key=lambda i: (-table[target - 1, i], i))
        assert order.index(histories.items[target]) == rank


def test_metrics_formulas():
    ranks = np.array([0, 1, 4, 5, 9, 10, 19, 20])
    assert hit_ratio(ranks, 5).tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert ndcg(ranks, 20) == pytest.approx([1, 0.6309298, 0.3868528, 0.3562072, 0.2890648, 0.2789429, 0.2276702, 0])
    items = 50
    uniform = np.tile(np.arange(items), 4)  # every rank alike: HR@k = k / items
    for k in (5, 10, 20):
        assert hit_ratio(uniform, k).mean() == pytest.approx(k / items)
        assert ndcg(uniform, k).mean() == pytest.approx(sum(1 / np.log2(r + 2) for r in range(k)) / items)


def test_metrics_table():
    ranks = np.random.default_rng(0).integers(0, 25, size=400)
    table = metrics_table({"a": ranks, "b": np.zeros(400, dtype=int), "c": ranks}, seed=3, bootstrap=1000)
    row = table.iloc[0]
    assert row["hr10"] == pytest.approx((ranks < 10).mean())
    for metric in ("hr5", "hr10", "ndcg20"):
        assert row[f"{metric}_low"] < row[metric] < row[f"{metric}_high"]
    p = row["hr10"]
    width = 2 * 1.96 * np.sqrt(p * (1 - p) / 400)  # the normal approximation
    assert row["hr10_high"] - row["hr10_low"] == pytest.approx(width, rel=0.15)
    assert (table.iloc[1, 1:] == 1).all()
    assert table.iloc[2, 1:].tolist() == row.iloc[1:].tolist()  # the same users are drawn for each model
    pd.testing.assert_frame_equal(table, metrics_table({"a": ranks, "b": ranks * 0, "c": ranks}, 3, 1000))


def test_merge_metrics(tmp_path):
    table = metrics_table({"sasrec": np.arange(5), "popularity": np.arange(5)}, seed=1, bootstrap=10)
    for name in ("games", "steam"):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    paths = [tmp_path / "steam.csv", tmp_path / "games.csv"]
    merged = merge_metrics(paths, ["steam", "games"])
    assert merged["dataset"].tolist() == ["steam", "steam", "games", "games"]
    assert list(merged.columns) == ["dataset", *table.columns]
    with pytest.raises(InputError, match="1 names"):
        merge_metrics(paths, ["steam"])
    (tmp_path / "steam.csv").write_text("model,hr5\nsasrec,1\n")
    with pytest.raises(InputError, match="steam.csv"):
        merge_metrics(paths, ["steam", "games"])
    with pytest.raises(InputError, match="no such file"):
        merge_metrics([tmp_path / "none.csv"], ["none"])


GOOD = {"user": [0, 0, 0, 1, 1, 1, 1], "item": [0, 1, 2, 0, 3, 1, 2], "position": [0, 1, 2, 0, 1, 2, 3]}


def write_data(folder, columns: dict, items: int = 4):
    write_parquet(folder / "interactions.parquet", pd.DataFrame(columns).astype("int32"))
    write_parquet(folder / "items.parquet", pd.DataFrame({"item": np.arange(items, dtype=np.int32)}))
    return folder / "interactions.parquet", folder / "items.parquet"


def test_load_histories(tmp_path):
    loaded = load_histories(*write_data(tmp_path, GOOD))
    expected = Histories.from_sequences([[0, 1, 2], [0, 3, 1, 2]], 4)
    for field in dataclasses.fields(Histories):
        np.testing.assert_array_equal(getattr(loaded, field.name), getattr(expected, field.name))
        for histories in (loaded, expected):
            assert field.name == "item_count" or getattr(histories, field.name).dtype == np.int32


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"position": [0, 1, 2, 0, 1, 3, 2]}, "row 5 is out of order"),
        ({"position": [1, 2, 3, 0, 1, 2, 3]}, "row 0 is out of order"),
        ({"user": [0, 0, 0, 2, 2, 2, 2]}, "row 3 is out of order"),
        ({"item": [0, 1, 2, 0, 9, 1, 2]}, "row 4 has item 9; .* has only items 0 to 4. Run the data stage again.$"),
        ({"item": [0, 1, 2, 0, 5, 1, 2]}, "row 4 has item 5"),
        ({"item": [0, 1, 2, 0, 3, 0, 2]}, "row 5 repeats item 0"),
        ({"user": [0, 0, 1, 1, 1, 1, 1], "position": [0, 1, 0, 1, 2, 3, 4], "item": [0, 1, *range(5)]}, "user 0 has 2"),
        ({"user": [], "item": [], "position": []}, "no interactions"),
    ],
)  # fmt: skip
def test_load_histories_refuses(tmp_path, change, match):
    with pytest.raises(InputError, match=match):
        load_histories(*write_data(tmp_path, {**GOOD, **change}, items=5))


def test_trial_is_json():
    trial = run_trial(chain(20), Trial(sasrec=SMALL, space=SPACE, validation="second_last"), 1, seed=1)
    assert json.loads(json.dumps(trial)) == trial
    assert sorted(trial) == ["epochs", "hyperparameters", "trial", "validation_ndcg10"]
