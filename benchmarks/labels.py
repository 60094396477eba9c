"""Embeddings, labels and similar items of all prefixes, against a loop over the prefixes, one after the other.

Ours is the workflow's export stage. The peer does the same with NumPy and torch for one prefix at a time: the model,
the scores, a sort, the thresholds and the draws; then, item by item, the most similar ones. Both must agree in the
embeddings, the best item, the thresholds and the similar items (the draws are random).

Run as: python benchmarks/labels.py [--size 4000] [--items 5000] [--rounds 3]
"""

from harness import alternate, parser, record, run_benchmark, timed

GOAL = 20
SETTINGS = {"positive_share": 0.2, "negative_share": 0.5, "candidates": 5, "similar": 1, "batch_size": 512}
MODEL = {"dim": 64, "max_length": 20, "layers": 2, "heads": 2, "ffn": 128, "activation": "swish"}


def make_histories(size: int, items: int, seed: int = 1):
    """Return histories of about ``size`` prefixes, 5 to 30 items each, popular items more often."""
    import numpy as np

    from recexplainer.recommender.histories import Histories

    random = np.random.default_rng(seed)
    sequences, total = [], 0
    while total < size:
        drawn = (items * random.random(60) ** 2).astype(int).tolist()
        sequences.append(list(dict.fromkeys(drawn))[: random.integers(5, 31)])
        total += len(sequences[-1])
    return Histories.from_sequences(sequences, items)


def make_model(items: int, seed: int = 1):
    """Return a SASRec with random weights that are large enough for clear choices."""
    import torch

    from recexplainer.recommender.sasrec import SASRec

    torch.manual_seed(seed)
    model = SASRec(items=items, hidden_dropout=0.1, attention_dropout=0.1, **MODEL)
    torch.nn.init.normal_(model.item_table.weight)
    return model.eval()


def one_by_one(model, histories, settings: dict, seed: int = 1) -> dict:
    """The peer: what anyone would write for one user, in a loop."""
    import numpy as np
    import torch

    random = np.random.default_rng(seed)
    items = model.items().detach().numpy()
    found = {name: [] for name in ("user", "top1", "high", "low", "positive", "negative", "ranking", "similar")}
    for row in range(len(histories)):
        history = histories.items[row - histories.length[row] + 1 : row + 1].astype(np.int64)
        with torch.no_grad():
            user = model(torch.from_numpy(history[None, -MODEL["max_length"] :] + 1))[0].numpy()
        scores = items @ user
        unseen = np.setdiff1d(np.arange(len(items)), history)
        best_first = unseen[np.argsort(-scores[unseen], kind="stable")]
        high = scores[best_first[int(settings["positive_share"] * len(unseen))]]
        low = scores[best_first[len(unseen) - 1 - int(settings["negative_share"] * len(unseen))]]
        drawn = random.choice(unseen, size=settings["candidates"], replace=False)
        found["user"].append(user)
        found["top1"].append(best_first[0])
        found["high"].append(high)
        found["low"].append(low)
        found["positive"].append(random.choice(unseen[scores[unseen] > high]))
        found["negative"].append(random.choice(unseen[scores[unseen] < low]))
        found["ranking"].append(drawn[np.argsort(-scores[drawn], kind="stable")])
    for item in range(len(items)):
        cosine = items @ items[item] / (np.linalg.norm(items, axis=1) * np.linalg.norm(items[item]))
        cosine[item] = -np.inf
        found["similar"].append(np.argsort(-cosine, kind="stable")[: settings["similar"]])
    return {name: np.array(values) for name, values in found.items()}


def check_same(ours: tuple, peer: dict) -> None:
    """Compare what does not depend on the draws.

    Raises:
        AssertionError: the two differ by more than the last digits.
    """
    import numpy as np

    embeddings, labels, similar = ours
    np.testing.assert_allclose(embeddings["user"], peer["user"], atol=1e-4)
    for name, other in (("top1", "top1"), ("threshold_high", "high"), ("threshold_low", "low")):
        np.testing.assert_allclose(labels[name].to_numpy(), peer[other], rtol=1e-4, atol=1e-4)
    # Equal scores up to rounding may change places: a handful of rows at most.
    assert (np.array(similar["similar"].to_pylist()) != peer["similar"]).any(axis=1).mean() < 1e-3


def main(args) -> None:
    import torch

    from recexplainer.config.labels import Labels
    from recexplainer.recommender.export import export

    torch.set_num_threads(args.threads)
    histories, model = make_histories(args.size, args.items), make_model(args.items)
    check_same(export(model, histories, Labels(**SETTINGS), seed=1), one_by_one(model, histories, SETTINGS))
    turns = alternate(
        lambda: export(model, histories, Labels(**SETTINGS), seed=1) and None,
        lambda: one_by_one(model, histories, SETTINGS) and None,
        args.rounds,
        warm_up=False,
    )
    record(
        f"embeddings, labels, similar items: {len(histories):,} prefixes, {args.items:,} items",
        "loop over the prefixes",
        [cost.wall for cost in turns.ours],
        [cost.wall for cost in turns.peer],
        GOAL,
        cpu=([cost.cpu for cost in turns.ours], [cost.cpu for cost in turns.peer]),
        floor=floor(model, histories, args.items, min(cost.cpu for cost in turns.ours)),
        results=args.results,
    )


def floor(model, histories, items: int, seconds: float) -> str:
    """Return the time that encoding, scoring and the draws' random numbers take alone: no label without them."""
    import numpy as np

    from recexplainer.recommender.training import encode

    random, table = np.random.default_rng(1), model.items().detach().numpy()

    def alone() -> None:
        for start in range(0, len(histories), SETTINGS["batch_size"]):
            rows = np.arange(start, min(start + SETTINGS["batch_size"], len(histories)))
            encode(model, histories, rows) @ table.T
            random.random((len(rows), items))

    needed = min(timed(alone).cpu for _ in range(3))
    return f"model, scores and random numbers alone {needed:.2f} s of CPU; ours {seconds / needed:.1f} x"


if __name__ == "__main__":
    arguments = parser(__doc__)
    arguments.add_argument("--size", type=int, default=4000, help="prefixes (default 4,000)")
    arguments.add_argument("--items", type=int, default=5000, help="items (default 5,000)")
    run_benchmark(main, arguments)
