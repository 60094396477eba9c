"""SASRec to the same NDCG@10 as RecBole's SASRec and as pmixer's SASRec.pytorch: same data, sizes and threads.

Each side trains in a process of its own, in turns. After each epoch (pmixer: each fifth) the clock stops and one and
the same program measures NDCG@10 of the last item but one over the whole catalogue, items of the history left out.
The time that counts is the one to 98 % of what the weaker side reaches at its best. Ours is trained in both ways that
the config key ``recommender.loss_at`` knows; the goal is for the way in which the peer learns, too. RecBole's learns at
the last position, from the same prefixes by the full softmax; its time and ours have their own measurement of each
epoch in them. pmixer's learns at all positions of a history at once, by one negative item each; its batches of 128
histories, optimizer and weights at the start are those of its main program. It has one dropout rate (the hidden one),
and its feed-forward network is as wide as its embeddings. The CPU time of its sampler, another process, does not count.

Run as: python benchmarks/sasrec.py --recbole CHECKOUT --pmixer CHECKOUT [--peer-path FOLDER] [--size 1500]

The peer path is a folder of packages (pip install --target) that RecBole needs and this project has not, such as
numpy==1.26.4, pandas==2.1.4, colorlog, colorama and texttable; without tensorboard, ray and thop, which training
does not use, empty modules take their places.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

from harness import ROOT, last_json, matmul_rate, parser, record, run_benchmark, skip

GOAL, NEAR = 3, 0.98
PEERS = {"recbole": ("RecBole", "last"), "pmixer": ("pmixer's SASRec.pytorch", "all")}  # and where its loss is taken
POSITIONS = {"last": "the last position", "all": "all positions"}
ITEMS, MAX_LENGTH = 1000, 20
SETTINGS = {"dim": 64, "max_length": MAX_LENGTH, "layers": 2, "heads": 2, "ffn": 256, "activation": "gelu"}
SETTINGS |= {"hidden_dropout": 0.3, "attention_dropout": 0.2, "lr": 1e-3, "weight_decay": 0.0, "batch_size": 256}
SETTINGS |= {"epochs": 40, "patience": 5, "gradient_clip": 10.0}
# pmixer's stops after 60 epochs without a better one.
PMIXER_EPOCHS, PMIXER_EVERY, PMIXER_PATIENCE = 400, 5, 12


def make_histories(users: int, items: int = ITEMS, seed: int = 1):
    """Return histories of 6 to 50 items, 10 on average, in which the last item tells much about the next one."""
    import numpy as np

    from recexplainer.recommender.histories import Histories

    random, sequences = np.random.default_rng(seed), []
    for _ in range(users):
        length, last, seen = min(5 + random.geometric(0.2), 50), int(items * random.random() ** 2), {}
        while len(seen) < length:
            seen[last] = None
            near = random.random() < 0.7
            last = (last * 7 + int(random.integers(1, 4))) % items if near else int(items * random.random() ** 2)
        sequences.append(list(seen))
    # Every item once at least, so that all sides have the same catalogue.
    sequences += [list(range(start, min(start + 10, items))) for start in range(0, items, 10)]
    return Histories.from_sequences(sequences, items)


class Clock:
    """Wall and CPU seconds of the work; what is measured of its quality in between does not count.

    Attributes:
        curve: rows of epoch, wall seconds, CPU seconds, NDCG@10.
    """

    def __init__(self):
        self.curve, self.off = [], (0.0, 0.0)
        self.start = self._now()

    def _now(self) -> tuple[float, float]:
        return time.perf_counter(), time.process_time()

    def measure(self, histories, scorer, epoch: int) -> float:
        """Add a row to the curve, and return the NDCG@10 of the last item but one."""
        from recexplainer.recommender.evaluation import ndcg, target_ranks

        before = self._now()
        value = float(ndcg(target_ranks(histories, histories.validation_targets("second_last"), scorer), 10).mean())
        spent = [now - start - off for now, start, off in zip(before, self.start, self.off, strict=True)]
        self.curve.append([epoch, *spent, value])
        self.off = tuple(off + now - then for off, now, then in zip(self.off, self._now(), before, strict=True))
        return value


def tested(histories, scorer) -> list[int]:
    """Return the ranks of the test items."""
    from recexplainer.recommender.evaluation import target_ranks

    return target_ranks(histories, histories.test_targets(), scorer).tolist()


def run_ours(histories, seed: int, loss_at: str) -> dict:
    """Train with the workflow's function. Its own measurement of each epoch counts as its work."""
    import logging

    from recexplainer.recommender import training
    from recexplainer.recommender.hyperparameters import hyperparameters

    clock, curve = Clock(), []

    class Epochs(logging.Handler):
        def emit(self, message):
            if message.msg.startswith("epoch %d of"):
                now = clock._now()
                curve.append([message.args[0], now[0] - clock.start[0], now[1] - clock.start[1], message.args[3]])

    training.logger.addHandler(Epochs())
    training.logger.setLevel(logging.INFO)
    trained = training.train(histories, hyperparameters(SETTINGS | {"loss_at": loss_at}), "second_last", seed)
    return {"curve": curve, "test": tested(histories, training.scorer(trained.model, histories))}


def run_recbole(histories, seed: int, checkout: str) -> dict:
    """Train RecBole's SASRec with its own data set, loaders and trainer."""
    import types
    from unittest.mock import MagicMock

    for name in ("tensorboard", "torch.utils.tensorboard", "thop", "ray", "ray.tune", "ray.air"):
        sys.modules[name] = MagicMock(spec=types.ModuleType(name), SummaryWriter=MagicMock(), __spec__=None)
    sys.path.insert(0, checkout)
    import numpy as np
    import torch
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.data.interaction import Interaction
    from recbole.model.sequential_recommender import SASRec
    from recbole.trainer import Trainer
    from recbole.utils import init_seed

    folder = Path("generated")
    folder.mkdir()
    rows = zip(histories.users, histories.items, histories.length, strict=True)
    text = "".join(f"{user}\t{item}\t{position}\n" for user, item, position in rows)
    head = "user_id:token\titem_id:token\ttimestamp:float\n"
    (folder / "generated.inter").write_text(head + text)
    options = {
        "data_path": str(Path.cwd()),
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "MAX_ITEM_LIST_LENGTH": MAX_LENGTH,
        "train_neg_sample_args": None,
        "loss_type": "CE",
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"},
        "metrics": ["NDCG"],
        "topk": [10],
        "valid_metric": "NDCG@10",
        "stopping_step": SETTINGS["patience"],
        "epochs": SETTINGS["epochs"],
        "train_batch_size": SETTINGS["batch_size"],
        "eval_batch_size": 1024,
        "learning_rate": SETTINGS["lr"],
        "weight_decay": SETTINGS["weight_decay"],
        "clip_grad_norm": {"max_norm": SETTINGS["gradient_clip"]},
        "n_layers": SETTINGS["layers"],
        "n_heads": SETTINGS["heads"],
        "hidden_size": SETTINGS["dim"],
        "inner_size": SETTINGS["ffn"],
        "hidden_act": SETTINGS["activation"],
        "hidden_dropout_prob": SETTINGS["hidden_dropout"],
        "attn_dropout_prob": SETTINGS["attention_dropout"],
        "use_gpu": False,
        "show_progress": False,
        "seed": seed,
        "state": "ERROR",
    }
    threads = torch.get_num_threads()
    sys.argv = sys.argv[:1]
    config = Config(model="SASRec", dataset="generated", config_dict=options)
    init_seed(seed, True)
    torch.set_num_threads(threads)
    dataset = create_dataset(config)
    clock = Clock()  # the others were given their histories, too
    train, valid, _ = data_preparation(config, dataset)
    if len(train.dataset) != len(histories.training_targets("second_last")):
        raise SystemExit("RecBole does not train on the same prefixes as we do.")
    model = SASRec(config, train.dataset)
    place = torch.tensor([dataset.token2id("item_id", str(item)) for item in range(histories.item_count)])

    @torch.no_grad()
    def scorer(batch):
        model.eval()
        sequence = histories.inputs(batch, MAX_LENGTH)
        length = (sequence > 0).sum(axis=1)
        # Its sequences are padded on the right.
        index = np.arange(sequence.shape[1]) + (sequence.shape[1] - length)[:, None]
        shifted = np.take_along_axis(sequence, np.minimum(index, sequence.shape[1] - 1), axis=1)
        shifted[np.arange(sequence.shape[1]) >= length[:, None]] = 0
        padded = np.zeros((len(batch), MAX_LENGTH), dtype=np.int64)
        padded[:, : sequence.shape[1]] = shifted
        known = torch.where(torch.from_numpy(padded) > 0, place[torch.from_numpy(padded) - 1], 0)
        asked = Interaction({model.ITEM_SEQ: known, model.ITEM_SEQ_LEN: torch.from_numpy(length)})
        return model.full_sort_predict(asked)[:, place].numpy().copy()

    best = {"value": -1.0}

    def after(epoch, score):
        value = clock.measure(histories, scorer, epoch + 1)
        if value > best["value"]:
            best.update(value=value, weights={name: one.clone() for name, one in model.state_dict().items()})
        model.train()

    Trainer(config, model).fit(train, valid, verbose=False, saved=False, callback_fn=after)
    model.load_state_dict(best["weights"])
    return {"curve": clock.curve, "test": tested(histories, scorer)}


def run_pmixer(histories, seed: int, checkout: str) -> dict:
    """Train pmixer's model with its sampler; the loop is the plain one that its README describes."""
    sys.path.insert(0, str(Path(checkout, "python")))
    from types import SimpleNamespace

    import numpy as np
    import torch
    from model import SASRec
    from utils import WarpSampler

    torch.manual_seed(seed)
    np.random.seed(seed)
    options = SimpleNamespace(
        device="cpu",
        hidden_units=SETTINGS["dim"],
        maxlen=MAX_LENGTH,
        dropout_rate=SETTINGS["hidden_dropout"],
        num_blocks=SETTINGS["layers"],
        num_heads=SETTINGS["heads"],
        norm_first=False,
    )
    users = int(histories.users.max()) + 1
    train = {}
    for user, start in enumerate(np.flatnonzero(histories.length == 1)):
        train[user + 1] = (histories.items[start : start + histories.total[start] - 2] + 1).tolist()
    clock = Clock()
    sampler = WarpSampler(train, users, histories.item_count, batch_size=128, maxlen=MAX_LENGTH, n_workers=1)
    model = SASRec(users, histories.item_count, options)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.xavier_normal_(parameter.data)
    for table in (model.pos_emb, model.item_emb):
        table.weight.data[0] = 0
    optimizer = torch.optim.Adam(model.parameters(), lr=SETTINGS["lr"], betas=(0.9, 0.98))
    loss_of = torch.nn.BCEWithLogitsLoss()

    @torch.no_grad()
    def scorer(batch):
        model.eval()
        sequence = histories.inputs(batch, MAX_LENGTH)
        padded = np.zeros((len(batch), MAX_LENGTH), dtype=np.int64)
        padded[:, MAX_LENGTH - sequence.shape[1] :] = sequence
        return (model.log2feats(padded)[:, -1] @ model.item_emb.weight[1:].T).numpy().copy()

    best, weights, waited = -1.0, None, 0
    for epoch in range(1, PMIXER_EPOCHS + 1):
        model.train()
        for _ in range((users - 1) // 128 + 1):
            _, sequence, positive, negative = (np.array(part) for part in sampler.next_batch())
            positive_logits, negative_logits = model(None, sequence, positive, negative)
            real = positive != 0
            loss = loss_of(positive_logits[real], torch.ones(real.sum()))
            loss = loss + loss_of(negative_logits[real], torch.zeros(real.sum()))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if epoch % PMIXER_EVERY == 0:
            value = clock.measure(histories, scorer, epoch)
            waited = 0 if value > best else waited + 1
            if value > best:
                best, weights = value, {name: one.clone() for name, one in model.state_dict().items()}
            if waited == PMIXER_PATIENCE:
                break
    sampler.close()
    model.load_state_dict(weights)
    return {"curve": clock.curve, "test": tested(histories, scorer)}


def until(curve: list[list[float]], target: float) -> list[float]:
    """Return the epoch at which a curve first reaches an NDCG@10, and the wall and CPU seconds until then."""
    return next(row[:3] for row in curve if row[3] >= target)


def floor(histories) -> float:
    """Return the seconds that an epoch's matrix products take at least: each item read once, each target scored once.

    Forward, and twice as much backward; attention's own products are left out.
    """
    dim, targets = SETTINGS["dim"], len(histories.training_targets("second_last"))
    weights = SETTINGS["layers"] * (4 * dim**2 + 2 * dim * SETTINGS["ffn"]) + dim * histories.item_count
    return 6 * weights * targets / matmul_rate(dim, SETTINGS["ffn"])


def interval(ranks: list[int]) -> tuple[float, float, float]:
    """Return NDCG@10 of the test items and its 95 % interval over users."""
    import numpy as np

    from recexplainer.recommender.evaluation import metrics_table

    row = metrics_table({"one": np.array(ranks)}, seed=1, bootstrap=1000).iloc[0]
    return row["ndcg10"], row["ndcg10_low"], row["ndcg10_high"]


def compare(name: str, peer: str, size: int, rounds: int, threads: int, path: str | None, results: str) -> None:
    """Train the peer and ours, in both ways, in turns and write their rows."""
    import torch

    plain = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    with_packages = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [path, str(ROOT / "src")]))}
    sides = {"last": ("ours", "last", plain), "all": ("ours", "all", plain), name: (name, peer, with_packages)}
    runs = {side: [] for side in sides}
    for seed in range(1, rounds + 1):
        for side in sides if seed % 2 else reversed(sides):
            program, given, environment = sides[side]
            command = [sys.executable, __file__, "--side", program, f"--{program}", given, "--seed", str(seed)]
            command += ["--size", str(size), "--threads", str(threads)]
            with tempfile.TemporaryDirectory() as folder:
                runs[side].append(last_json(*command, cwd=folder, env=environment))
    against, positions = PEERS[name]
    torch.set_num_threads(threads)
    needed = floor(make_histories(size))
    for loss_at in POSITIONS:
        write_row(
            f"SASRec to the same NDCG@10, {size:,} users, {ITEMS:,} items, {threads} threads, "
            f"loss at {POSITIONS[loss_at]}",
            against,
            runs[loss_at],
            runs[name],
            GOAL if loss_at == positions else None,
            needed,
            results,
        )


def write_row(
    work: str, against: str, ours: list[dict], peer: list[dict], goal: float | None, needed: float, results: str
) -> None:
    """Write the row of one way of training; runs are those of the rounds, ``needed`` the floor of an epoch."""
    best = [[max(row[3] for row in run["curve"]) for run in side] for side in (ours, peer)]
    targets = [NEAR * min(pair) for pair in zip(*best, strict=True)]
    reached = [
        [until(run["curve"], target) for run, target in zip(side, targets, strict=True)] for side in (ours, peer)
    ]
    epochs, wall, cpu = ([[row[column] for row in side] for side in reached] for column in range(3))
    shown = [" ".join(map(str, side)) for side in epochs]
    quality = ["{:.3f} ({:.3f} to {:.3f})".format(*interval(side[-1]["test"])) for side in (ours, peer)]
    epoch = min(seconds / number for seconds, number in zip(wall[0], epochs[0], strict=True))
    record(
        work,
        against,
        *wall,
        goal,
        cpu=cpu,
        floor=f"an epoch's matrix products at their best rate {needed:.2f} s; our epoch {epoch / needed:.1f} x",
        note=f"epochs to it {shown[0]} and {shown[1]}; last round's NDCG@10 {targets[-1]:.3f}; "
        f"its test NDCG@10 {quality[0]} and {quality[1]}",
        results=results,
    )


def main(args) -> None:
    if args.side:
        import torch

        torch.set_num_threads(args.threads)
        side = {"ours": run_ours, "recbole": run_recbole, "pmixer": run_pmixer}[args.side]
        print(json.dumps(side(make_histories(args.size), args.seed, getattr(args, args.side))))
        return
    for name in PEERS:
        checkout = getattr(args, name)
        if not checkout or not Path(checkout).is_dir():
            skip(f"SASRec against {name}", f"give --{name} or {name.upper()}_CHECKOUT, the folder of its checkout")
            continue
        path = str(Path(args.peer_path).resolve()) if args.peer_path and name == "recbole" else None
        compare(name, str(Path(checkout).resolve()), args.size, args.rounds, args.threads, path, args.results)


if __name__ == "__main__":
    arguments = parser(__doc__)
    arguments.set_defaults(rounds=1, threads=2)
    arguments.add_argument("--size", type=int, default=1500, help="users (default 1,500)")
    arguments.add_argument("--recbole", default=os.environ.get("RECBOLE_CHECKOUT"), help="folder of its checkout")
    arguments.add_argument("--pmixer", default=os.environ.get("PMIXER_CHECKOUT"), help="folder of its checkout")
    arguments.add_argument("--peer-path", default=os.environ.get("RECBOLE_PATH"), help="see above")
    arguments.add_argument("--side", choices=["ours", *PEERS], help="used by the program itself")
    arguments.add_argument("--ours", choices=list(POSITIONS), help="used by the program itself")
    arguments.add_argument("--seed", type=int, default=1, help="used by the program itself")
    run_benchmark(main, arguments)
