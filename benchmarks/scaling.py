"""Time and memory of each stage against the number of interactions and of items: a table and a figure.

Every stage runs in a process of its own, on generated data. The first series grows the interactions at 2,000 items,
the second the items at 20,000 interactions. A stage's exponent is the slope of its CPU time between the two largest
sizes on logarithmic axes: 1 is linear; n log n is about 1.1 here. What a stage does for each pair of prefix and item
(labels, measuring SASRec) is linear in both.

Run as: python benchmarks/scaling.py [--largest 1000000] [--largest-stage 10000000]
"""

import json
import math
import resource
import sys
import tempfile
import time
from pathlib import Path

from harness import ROOT, last_json, machine, parser

from recexplainer import cli

INTERACTIONS, ITEMS = 20_000, 2_000  # what stays the same while the other grows
SLOW = {"labels": 100_000, "SASRec epoch": 100_000, "SASRec measured": 100_000, "tasks": 1_000_000}
COLUMNS = ["stage", "grows", "interactions", "items", "seconds", "cpu_seconds", "peak_mib", "exponent", "hardware"]


def histories_of(interactions: int, items: int):
    """Return histories of 5 to 14 items."""
    import numpy as np

    from recexplainer.recommender.histories import Histories

    random = np.random.default_rng(1)
    length = random.integers(5, 15, size=max(interactions // 9, 2)).astype(np.int32)
    total = np.repeat(length, length)
    starts = np.repeat(np.cumsum(length) - length, length)
    position = np.arange(len(total)) - starts
    # A user's items lie apart by a fixed step, so none comes twice.
    first = np.repeat(random.integers(items, size=len(length)), length)
    item = ((first + position * 31) % items).astype(np.int32)
    users = np.repeat(np.arange(len(length), dtype=np.int32), length)
    return Histories(users, item, (position + 1).astype(np.int32), total, items)


def raw_files(interactions: int, items: int, folder: Path):
    """Stage: the workflow's program from raw reviews to Parquet."""
    from raw_to_parquet import generate

    generate(folder / "reviews.gz", folder / "metadata.gz", "amazon", interactions, items=items)

    def work():
        from raw_to_parquet import FIELDS

        from recexplainer.data.dataset import build_dataset

        limits = {"core": 5, "top_items": None, "sample_users": None, "target": None}
        settings = {"format": "amazon", "fields": FIELDS["amazon"], "filter": limits}
        build_dataset(folder / "reviews.gz", folder / "metadata.gz", settings, seed=1)

    return work


def filtering(interactions: int, items: int, folder: Path):
    """Stage: first interactions, k-core and search, on columns."""
    import numpy as np

    from recexplainer.data.filtering import Pairs, check_filter, first_interactions, k_core, search

    random = np.random.default_rng(1)
    user = (interactions / 10 * random.random(interactions) ** 2).astype(np.int32)
    item = (items * random.random(interactions) ** 3).astype(np.int32)
    pairs = Pairs(user, item, random.integers(1 << 30, size=interactions))

    def work():
        unique = first_interactions(pairs)
        search(unique.take(k_core(unique.user, unique.item, 5)), check_filter({"core": 5}), seed=1)

    return work


def _model(items: int):
    from recexplainer.recommender.hyperparameters import hyperparameters
    from recexplainer.recommender.training import build

    values = {"dim": 32, "max_length": 10, "layers": 2, "heads": 2, "ffn": 64, "activation": "gelu", "lr": 1e-3}
    values |= {"hidden_dropout": 0.2, "attention_dropout": 0.2, "weight_decay": 0.0, "batch_size": 256}
    settings = hyperparameters(values | {"epochs": 1, "patience": 1, "gradient_clip": 10.0})
    return settings, build(settings, items)


def sasrec_epoch(interactions: int, items: int, folder: Path):
    """Stage: one epoch of SASRec's training, with its measurement of the validation items."""
    from recexplainer.recommender.training import train

    histories, (settings, _) = histories_of(interactions, items), _model(items)
    return lambda: train(histories, settings, "second_last", seed=1)


def sasrec_measured(interactions: int, items: int, folder: Path):
    """Stage: the ranks of all test items."""
    from recexplainer.recommender.evaluation import target_ranks
    from recexplainer.recommender.training import scorer

    histories, (_, model) = histories_of(interactions, items), _model(items)
    return lambda: target_ranks(histories, histories.test_targets(), scorer(model, histories))


def labels(interactions: int, items: int, folder: Path):
    """Stage: embeddings, labels and similar items."""
    import torch

    from recexplainer.recommender.export import export

    histories, (_, model) = histories_of(interactions, items), _model(items)
    torch.nn.init.normal_(model.item_table.weight)
    settings = {"positive_share": 0.2, "negative_share": 0.5, "candidates": 5, "similar": 1, "batch_size": 256}
    return lambda: export(model, histories, settings, seed=1)


def tasks(interactions: int, items: int, folder: Path):
    """Stage: the file of training tasks, hybrid."""
    from tasks import make_file, make_source

    source = make_source(3 * interactions + 6 * items, items)
    return lambda: make_file(source, "hybrid", folder / "tasks.parquet")


STAGES = {
    "raw to Parquet": raw_files,
    "filter": filtering,
    "SASRec epoch": sasrec_epoch,
    "SASRec measured": sasrec_measured,
    "labels": labels,
    "tasks": tasks,
}


def measure(stage: str, interactions: int, items: int, folder: Path) -> dict:
    """Prepare a stage, run it once, and return its seconds and the process's peak memory in MiB."""
    work = STAGES[stage](interactions, items, folder)
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"seconds": wall, "cpu_seconds": cpu, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def powers(first: int, last: int) -> list[int]:
    """Return first, 10 x first, ... up to last."""
    return [first * 10**power for power in range(round(math.log10(last / first)) + 1)]


def series(stage: str, largest: int, largest_stage: int, most_items: int) -> list[tuple[str, int, int]]:
    """Return (what grows, interactions, items) of each run of a stage."""
    last = min(SLOW.get(stage, largest_stage), largest if stage in SLOW else largest_stage)
    runs = [("interactions", size, ITEMS) for size in powers(10_000, last)]
    return runs + [("items", INTERACTIONS, size) for size in powers(1_000, most_items)]


def exponent(smaller: dict, larger: dict, grows: str) -> float:
    """Return the slope of the CPU time between two runs, on logarithmic axes."""
    return math.log(larger["cpu_seconds"] / smaller["cpu_seconds"]) / math.log(larger[grows] / smaller[grows])


def draw(frame, path: str) -> None:
    """Draw time and memory against both sizes, one line per stage."""
    import matplotlib.pyplot as plt

    from recexplainer.style import figure_style, save_figure

    with figure_style():
        figure, axes = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")
        for row, value, label in ((0, "cpu_seconds", "CPU seconds"), (1, "peak_mib", "peak memory, MiB")):
            for column, grows in enumerate(("interactions", "items")):
                place = axes[row][column]
                for stage, part in frame[frame["grows"] == grows].groupby("stage", sort=False):
                    place.plot(part[grows], part[value], marker="o", label=stage)
                place.set(xscale="log", yscale="log", xlabel=grows, ylabel=label)
        axes[0][0].legend(fontsize=7)
        save_figure(figure, path)


def main(args) -> None:
    if args.stage:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measure(args.stage, args.interactions, args.items, Path(folder))))
        return
    import pandas as pd

    from recexplainer.files import write_csv

    rows = []
    for stage in args.stages:
        before = None
        for grows, interactions, items in series(stage, args.largest, args.largest_stage, args.most_items):
            command = [sys.executable, __file__, "--stage", stage, "--threads", str(args.threads)]
            found = last_json(*command, "--interactions", str(interactions), "--items", str(items))
            row = {"stage": stage, "grows": grows, "interactions": interactions, "items": items} | found
            same = before is not None and before["grows"] == grows
            row |= {"exponent": round(exponent(before, row, grows), 2) if same else None, "hardware": machine()}
            row |= {name: round(found[name], 3) for name in found}
            rows.append(row)
            before = row
            print(*row.values())
    frame = pd.DataFrame(rows, columns=COLUMNS)
    write_csv(args.table, frame)
    draw(frame, args.figure)


if __name__ == "__main__":
    arguments = parser(__doc__)
    arguments.add_argument("--stages", nargs="+", choices=list(STAGES), default=list(STAGES))
    arguments.add_argument("--largest", type=int, default=100_000, help="interactions of the stages with a model")
    arguments.add_argument("--largest-stage", type=int, default=1_000_000, help="interactions of the other stages")
    arguments.add_argument("--most-items", type=int, default=100_000, help="items (default 100,000)")
    arguments.add_argument("--table", default=str(ROOT / "benchmarks" / "scaling.csv"), help="CSV to write")
    arguments.add_argument("--figure", default=str(ROOT / "benchmarks" / "scaling.svg"), help="figure to write")
    for name in ("stage", "interactions", "items"):
        kind = str if name == "stage" else int
        arguments.add_argument(f"--{name}", type=kind, help="used by the program itself")
    cli.run(main, arguments)
