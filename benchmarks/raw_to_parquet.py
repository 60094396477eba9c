"""Raw dumps to filtered Parquet, against a line-by-line loop with pandas, on reviews generated in the raw formats.

Ours is the workflow's own program; the peer is what anyone would write: gzip, json (or a Python literal) line by
line, lists, a data frame, groupby until nothing more is dropped. Both must give the same interactions. Also: peak
memory against 2 GiB, and the time against unpacking alone.

Run as: python benchmarks/raw_to_parquet.py [--size 5000000] [--formats amazon steam] [--rounds 3]
"""

import ast
import gzip
import json
import sys
import tempfile
from pathlib import Path

from harness import ROOT, alternate, child, parser, record, run_benchmark, timed

FIELDS = {
    "amazon": {"user": "reviewerID", "item": "asin", "time": "unixReviewTime", "title": ["title"]},
    "steam": {"user": "username", "item": "product_id", "meta_item": "id", "time": "date", "title": ["title"]},
}
CORE = 5
GOAL, MEMORY_GOAL_GIB, UNPACKING_GOAL = 5, 2, 2
CHUNK = 100_000  # reviews that are written at once


def generate(reviews: Path, metadata: Path, form: str, size: int, seed: int = 1, items: int | None = None) -> None:
    """Write ``size`` reviews with texts of about 400 characters, and the metadata of their items, as gzip.

    Users and items follow long-tailed distributions; of the items, a hundredth of the size unless told otherwise,
    2 % have no title.
    """
    import numpy as np
    from isal import igzip

    random = np.random.default_rng(seed)
    users, items = max(size // 10, 20), items or max(size // 100, 10)
    words = [
        "".join(chr(97 + letter) for letter in random.integers(26, size=1 + random.poisson(4))) for _ in range(5000)
    ]
    pool = " ".join(words[place] for place in np.minimum(random.zipf(1.3, size=200_000), 5000) - 1)
    review = _amazon_review if form == "amazon" else _steam_review
    with igzip.open(reviews, "wb", compresslevel=2) as handle:
        for start in range(0, size, CHUNK):
            count = min(CHUNK, size - start)
            user = (users * random.random(count) ** 2).astype(int).tolist()
            item = (items * random.random(count) ** 3).astype(int).tolist()
            day = random.integers(3000, size=count).tolist()
            begin = random.integers(len(pool) - 5000, size=count).tolist()
            length = np.minimum(random.lognormal(5.5, 1.0, size=count), 4000).astype(int).tolist()
            lines = (
                review(u, i, d, pool[b : b + n]) for u, i, d, b, n in zip(user, item, day, begin, length, strict=True)
            )
            handle.write("".join(lines).encode())
    with igzip.open(metadata, "wb") as handle:
        for number in range(items):
            title = "" if number % 50 == 49 else f"Title number {number}"
            if form == "amazon":
                value = {"asin": f"B{number:09d}", "title": title, "description": [pool[number : number + 200]]}
                handle.write(f"{json.dumps(value)}\n".encode())
            else:
                handle.write(f"{ {'id': str(number), 'title': title, 'tags': ['Action', 'Indie']} }\n".encode())


def _amazon_review(user: int, item: int, day: int, text: str) -> str:
    return (
        f'{{"overall": 5.0, "verified": true, "reviewTime": "01 1, 2015", "reviewerID": "A{user:013d}", '
        f'"asin": "B{item:09d}", "reviewerName": "{text[:12]}", "reviewText": "{text}\\n\\"{text[:20]}\\"", '
        f'"summary": "{text[:30]}", "unixReviewTime": {1262304000 + 86400 * day}}}\n'
    )


def _steam_review(user: int, item: int, day: int, text: str) -> str:
    return (
        f"{{u'username': u'player{user}', u'hours': {day % 90}.5, u'products': {user % 70}, u'product_id': u'{item}', "
        f"u'page_order': {day % 10}, u'date': u'{2010 + day // 365}-{1 + day // 31 % 12:02d}-{1 + day % 28:02d}', "
        f"u'text': u'{text}', u'early_access': False, u'page': {1 + day % 99}}}\n"
    )


def plain_loop(reviews: str, metadata: str, form: str, interactions: str) -> None:
    """The peer: everything as one would write it first."""
    import pandas as pd

    fields = FIELDS[form]
    parse = json.loads if form == "amazon" else ast.literal_eval

    def records(path):
        with gzip.open(path, "rt", encoding="utf-8") as handle:
            for line in handle:
                yield parse(line)

    rows = [(one[fields["user"]], one[fields["item"]], one[fields["time"]]) for one in records(reviews)]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "time"])
    if form == "steam":
        frame["time"] = pd.to_datetime(frame["time"]).astype("datetime64[s]").astype("int64")
    titled = {one[fields.get("meta_item", fields["item"])] for one in records(metadata) if one["title"]}
    frame = frame[frame["item_id"].isin(titled)]
    frame = frame.sort_values(["user_id", "time", "item_id"]).drop_duplicates(["user_id", "item_id"])
    while True:
        users = frame.groupby("user_id")["item_id"].transform("count")
        items = frame.groupby("item_id")["user_id"].transform("count")
        keep = (users >= CORE) & (items >= CORE)
        if keep.all():
            break
        frame = frame[keep]
    frame["user"], frame["item"] = (
        frame[name].astype("category").cat.codes.astype("int32") for name in ("user_id", "item_id")
    )
    frame["position"] = frame.groupby("user").cumcount().astype("int32")
    frame[["user", "item", "position", "time"]].to_parquet(interactions, index=False)


def ours_command(folder: Path, form: str) -> list[str]:
    """Return the workflow's command."""
    settings = {"format": form, "fields": FIELDS[form]}
    limits = {"core": CORE, "top_items": [None], "sample_users": [None], "target": None, "max_broken_share": 0.0}
    settings |= {"filter": limits}
    outputs = ["interactions.parquet", "items.parquet", "users.parquet", "statistics.json", "search.csv"]
    options = [part for name in outputs for part in (f"--{name.partition('.')[0]}", str(folder / f"ours_{name}"))]
    program = [sys.executable, str(ROOT / "workflow/scripts/filter_dataset.py"), "--settings", json.dumps(settings)]
    raw = ["--reviews", str(folder / "reviews.gz"), "--metadata", str(folder / "metadata.gz")]
    return [*program, *raw, "--seed", "1", *options]


def run(form: str, size: int, rounds: int, folder: Path, results: str) -> None:
    """Measure one format and write its rows."""
    reviews, metadata = folder / "reviews.gz", folder / "metadata.gz"
    mine = [sys.executable, __file__]
    child(*mine, "--generate", str(reviews), str(metadata), "--formats", form, "--size", str(size))
    peer_file = folder / "peer.parquet"
    environment = {"env": _environment()}
    turns = alternate(
        lambda: child(*ours_command(folder, form), **environment),
        lambda: child(*mine, "--peer", str(reviews), str(metadata), str(peer_file), "--formats", form),
        rounds,
        warm_up=False,
    )
    child(*mine, "--compare", str(folder / "ours_interactions.parquet"), str(peer_file))
    unpack = {kind: [timed(lambda kind=kind: _unpacked(reviews, kind)) for _ in range(rounds)] for kind in UNPACKERS}
    fastest = min(cost.cpu for cost in unpack["isal"])
    ours_cpu = min(cost.cpu for cost in turns.ours)
    name = f"raw to Parquet, {form}, {size:,} reviews"
    record(
        name,
        f"gzip + {'json' if form == 'amazon' else 'literal'} loop, pandas",
        [cost.wall for cost in turns.ours],
        [cost.wall for cost in turns.peer],
        GOAL,
        cpu=([cost.cpu for cost in turns.ours], [cost.cpu for cost in turns.peer]),
        floor=f"unpacking with igzip {fastest:.1f} s of CPU; ours {ours_cpu / fastest:.1f} x",
        results=results,
    )
    peak = [cost.memory / 2**30 for cost in turns.ours]
    peer_peak = max(cost.memory for cost in turns.peer) / 2**30
    record(
        f"{name}: peak memory",
        f"limit of {MEMORY_GOAL_GIB} GiB",
        peak,
        [MEMORY_GOAL_GIB],
        1,
        "GiB",
        note=f"the peer took {peer_peak:.2f} GiB",
        results=results,
    )
    if form == "amazon":
        record(
            name,
            "unpacking alone, Python's gzip",
            [cost.cpu for cost in turns.ours],
            [cost.cpu for cost in unpack["gzip"]],
            1 / UNPACKING_GOAL,
            "s of CPU",
            floor=f"unpacking with igzip {fastest:.1f} s of CPU; ours {ours_cpu / fastest:.1f} x",
            results=results,
        )


def _environment() -> dict[str, str]:
    import os

    return os.environ | {"PYTHONPATH": str(ROOT / "src")}


def _gzip_open(path: Path):
    return gzip.open(path, "rb")


def _isal_open(path: Path):
    from isal import igzip

    return igzip.open(path, "rb")


UNPACKERS = {"gzip": _gzip_open, "isal": _isal_open}


def _unpacked(path: Path, kind: str) -> None:
    with UNPACKERS[kind](path) as handle:
        while handle.read(1 << 22):
            pass


def same_interactions(ours: str, peer: str) -> bool:
    """Whether both made the same histories; raw ids are ranked alike, so the codes can be compared."""
    import pyarrow.parquet as pq

    table = pq.read_table(ours)
    return table.num_rows > 0 and table.equals(pq.read_table(peer).select(table.column_names).cast(table.schema))


def main(args) -> None:
    if args.generate:
        generate(Path(args.generate[0]), Path(args.generate[1]), args.formats[0], args.size)
    elif args.peer:
        plain_loop(args.peer[0], args.peer[1], args.formats[0], args.peer[2])
    elif args.compare:
        if not same_interactions(*args.compare):
            raise SystemExit(f"{args.compare[0]} and {args.compare[1]} differ")
    else:
        for form in args.formats:
            with tempfile.TemporaryDirectory(dir=args.folder) as folder:
                run(form, args.size, args.rounds, Path(folder), args.results)


if __name__ == "__main__":
    arguments = parser(__doc__)
    arguments.add_argument("--size", type=int, default=1_000_000, help="reviews (default 1 million)")
    arguments.add_argument("--formats", nargs="+", choices=["amazon", "steam"], default=["amazon", "steam"])
    arguments.add_argument("--folder", help="where to put the generated files, about 0.3 GB per million reviews")
    for name, number in (("generate", 2), ("peer", 3), ("compare", 2)):
        arguments.add_argument(f"--{name}", nargs=number, help="used by the program itself")
    run_benchmark(main, arguments)
