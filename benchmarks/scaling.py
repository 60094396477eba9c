"""Time and memory of each stage against the number of interactions and of items: a table and a figure.

Every stage runs in a process of its own, on generated data, once at a small size to be warm and then measured. The
first series grows the interactions at 2,000 items, the second the items at a fixed number of interactions. An exponent
is the slope of the CPU time from one size to the next on logarithmic axes: 1 is linear, n log n about 1.1. What a
stage does for each pair of prefix and item (labels, SASRec) is linear in both; the similar items, part of the labels,
compare all pairs of items, as they must. The memory is the peak during the work, with the data that it works on.

By default every stage stops at the size that keeps the whole run within ten minutes on two cores. ``--largest`` and
``--most-items`` go on, or stop earlier; the rows of stages that are not asked for are kept. All stages at their
largest, about an hour, nearly half of it the labels, the tasks and an epoch of SASRec at 10,000,000 interactions:

    python benchmarks/scaling.py --largest 10000000

Run as: python benchmarks/scaling.py [--stages labels ...] [--largest 1000000] [--most-items 100000]
"""

import json
import math
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness import ROOT, last_json, machine, parser, run_benchmark, timed

ITEMS = 2_000  # while the interactions grow
FIRST_INTERACTIONS, FIRST_ITEMS = 10_000, 1_000  # where the series begin; each next size is ten times as large
WARM_UP = (5_000, 500)  # interactions and items
UNLIMITED = {"core": 5, "top_items": [None], "sample_users": [None], "target": None, "max_broken_share": 0.0}
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
    """Stage: from raw reviews to Parquet, as the workflow's program does it."""
    from raw_to_parquet import FIELDS, generate

    from recexplainer.config.dataset import Read
    from recexplainer.data.dataset import build_dataset, write_dataset

    reviews, metadata = folder / "reviews.gz", folder / "metadata.gz"
    generate(reviews, metadata, "amazon", interactions, items=items)
    settings = Read(format="amazon", fields=FIELDS["amazon"], filter=UNLIMITED)
    tables = {name: str(folder / f"{name}.parquet") for name in ("interactions", "items", "users")}
    outputs = {**tables, "statistics": str(folder / "statistics.json"), "search": str(folder / "search.csv")}

    def work():
        dataset = build_dataset(reviews=reviews, metadata=metadata, settings=settings, seed=1)
        write_dataset(dataset=dataset, **outputs)

    return work


def filtering(interactions: int, items: int, folder: Path):
    """Stage: first interactions, k-core and search, on columns."""
    import numpy as np

    from recexplainer.config.dataset import Filter
    from recexplainer.data.filtering import Pairs, first_interactions, k_core, search

    random = np.random.default_rng(1)
    user = (interactions / 10 * random.random(interactions) ** 2).astype(np.int32)
    item = (items * random.random(interactions) ** 3).astype(np.int32)
    pairs = Pairs(user, item, random.integers(1 << 30, size=interactions))

    def work():
        unique = first_interactions(pairs)
        search(unique.take(k_core(unique.user, unique.item, 5)), Filter(**UNLIMITED), seed=1)

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

    from recexplainer.config.labels import Labels
    from recexplainer.recommender.export import export

    histories, (_, model) = histories_of(interactions, items), _model(items)
    torch.nn.init.normal_(model.item_table.weight)
    settings = Labels(positive_share=0.2, negative_share=0.5, candidates=5, similar=1, batch_size=256)
    return lambda: export(model, histories, settings, seed=1)


def tasks(interactions: int, items: int, folder: Path):
    """Stage: the file of training tasks, hybrid."""
    from dataclasses import replace

    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from tasks import make_file, make_source

    from recexplainer.tasks.source import Sequences

    histories, random = histories_of(interactions, items), np.random.default_rng(1)
    # Different items, as those of a history in :func:`histories_of`.
    drawn = ((random.integers(items, size=(len(histories), 1)) + 31 * np.arange(8)) % items).astype(np.int32)
    lists = pa.ListArray.from_arrays(np.arange(0, 5 * len(drawn) + 1, 5, dtype=np.int32), drawn[:, 1:6].ravel())
    labels = {"prefix": np.arange(len(drawn), dtype=np.int32), "user": histories.users, "length": histories.length}
    labels |= {"split": histories.split(), "top1": drawn[:, 0], "ranking": pd.arrays.ArrowExtensionArray(lists)}
    labels |= {"positive": drawn[:, 6], "negative": drawn[:, 7]}
    sequences = Sequences(histories.items, np.bincount(histories.users))
    source = replace(make_source(0, items), sequences=sequences, labels=pd.DataFrame(labels))
    return lambda: make_file(source, "hybrid", folder / "tasks.parquet")


@dataclass(frozen=True)
class Stage:
    """A stage, and the sizes that keep the whole run short.

    Attributes:
        prepare: takes the numbers of interactions and items and a folder, and returns the work.
        largest: interactions, the last of the first series.
        interactions: while the items grow; enough to leave some after the filter.
        most_items: the last of the second series.
    """

    prepare: Callable
    largest: int = 100_000
    interactions: int = 20_000
    most_items: int = 100_000


STAGES = {
    "raw to Parquet": Stage(raw_files, 1_000_000, 200_000),
    "filter": Stage(filtering, 10_000_000, 200_000),
    "SASRec epoch": Stage(sasrec_epoch),
    "SASRec measured": Stage(sasrec_measured),
    "labels": Stage(labels),
    "tasks": Stage(tasks),
}


def measure(stage: str, interactions: int, items: int, folder: Path) -> dict:
    """Prepare a stage, run it once, and return its seconds and the process's peak memory in MiB."""
    prepare = STAGES[stage].prepare
    prepare(*WARM_UP, folder)()
    work = prepare(interactions, items, folder)
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    cost = timed(work)
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return {"seconds": cost.wall, "cpu_seconds": cost.cpu, "peak_mib": int(peak) / 1024}


def powers(first: int, last: int) -> list[int]:
    """Return first, 10 x first, ... up to last."""
    return [first * 10**power for power in range(round(math.log10(last / first)) + 1)]


def series(stage: Stage, largest: int | None, most_items: int | None) -> list[tuple[str, int, int]]:
    """Return (what grows, interactions, items) of each run of a stage; None is the stage's own last size."""
    runs = [("interactions", size, ITEMS) for size in powers(FIRST_INTERACTIONS, largest or stage.largest)]
    last = most_items or stage.most_items
    return runs + [("items", stage.interactions, size) for size in powers(FIRST_ITEMS, last)]


def exponent(smaller: dict, larger: dict, grows: str) -> float:
    """Return the slope of the CPU time between two runs, on logarithmic axes."""
    return math.log(larger["cpu_seconds"] / smaller["cpu_seconds"]) / math.log(larger[grows] / smaller[grows])


def draw(frame, path: str) -> None:
    """Draw time and memory against both sizes, one line per stage, with a line of n log n beside the time."""
    import numpy as np
    from matplotlib.figure import Figure

    from recexplainer.style import MUTED, figure_style, save_figure

    with figure_style():
        figure = Figure(figsize=(9, 7), layout="constrained")
        axes = figure.subplots(2, 2, sharex="col", sharey="row")
        for row, value, label in ((0, "cpu_seconds", "CPU seconds"), (1, "peak_mib", "Peak memory, MiB")):
            for column, grows in enumerate(("interactions", "items")):
                place = axes[row][column]
                shown = frame[frame["grows"] == grows]
                for stage, marker in zip(STAGES, "os^Dvx", strict=True):
                    part = shown[shown["stage"] == stage]
                    place.plot(part[grows], part[value], marker=marker, markersize=5, label=stage)
                if row == 0:
                    size = np.array([shown[grows].min(), shown[grows].max()], dtype=float)
                    slope = size * np.log(size) / (size * np.log(size))[0] * shown[value].min() / 2
                    place.plot(size, slope, color=MUTED, linestyle=":", linewidth=1, label="slope of n log n")
                place.set(xscale="log", yscale="log", ylabel=label if column == 0 else "")
                place.set(xlabel=grows.capitalize() if row else "", title="" if row else f"As the {grows} grow")
                place.xaxis.set_major_formatter("{x:,.0f}")
                place.yaxis.set_major_formatter(lambda tick, _: f"{tick:,g}")
                place.minorticks_off()
                place.grid(True)
        handles, names = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=4)
        save_figure(figure, path)


def kept(table: Path, stages: list[str]) -> list[dict]:
    """Return the rows of a table from before, without those of ``stages``."""
    import pandas as pd

    if not table.exists():
        return []
    frame = pd.read_csv(table, dtype={"exponent": float})
    return frame[~frame["stage"].isin(stages)].to_dict("records")


def main(args) -> None:
    if args.stage:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measure(args.stage, args.interactions, args.items, Path(folder))))
        return
    import pandas as pd

    from recexplainer.files import write_csv

    rows = kept(Path(args.table), args.stages)
    for stage in args.stages:
        before = None
        for grows, interactions, items in series(STAGES[stage], args.largest, args.most_items):
            command = [sys.executable, __file__, "--stage", stage, "--threads", str(args.threads)]
            found = last_json(*command, "--interactions", str(interactions), "--items", str(items))
            row = {"stage": stage, "grows": grows, "interactions": interactions, "items": items} | found
            same = before is not None and before["grows"] == grows
            row |= {"exponent": round(exponent(before, row, grows), 2) if same else None, "hardware": machine()}
            row |= {name: round(found[name], 3) for name in found}
            rows.append(row)
            before = row
            print(*row.values(), flush=True)
        # After each stage: a run that ends early keeps what it has.
        rows.sort(key=lambda row: list(STAGES).index(row["stage"]))
        frame = pd.DataFrame(rows, columns=COLUMNS)
        write_csv(args.table, frame)
        draw(frame, args.figure)


if __name__ == "__main__":
    arguments = parser(__doc__)
    arguments.add_argument("--stages", nargs="+", choices=list(STAGES), default=list(STAGES))
    arguments.add_argument("--largest", type=int, help="most interactions (default: the stage's own)")
    arguments.add_argument("--most-items", type=int, help="most items (default: the stage's own)")
    arguments.add_argument("--table", default=str(ROOT / "benchmarks" / "scaling.csv"), help="CSV to write")
    arguments.add_argument("--figure", default=str(ROOT / "docs" / "scaling.svg"), help="figure to write")
    for name in ("stage", "interactions", "items"):
        kind = str if name == "stage" else int
        arguments.add_argument(f"--{name}", type=kind, help="used by the program itself")
    run_benchmark(main, arguments)
