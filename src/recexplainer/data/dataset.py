"""Raw files in, the tables of one data set out: the whole data stage of a data set (section 4.1 of the paper)."""

import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recexplainer.config.dataset import Layout, OneLayout, Read
from recexplainer.data.filtering import Pairs, Trial, check_filter, first_interactions, k_core, renumbered, search
from recexplainer.data.loaders import TEXTS, read_interactions, read_metadata
from recexplainer.data.records import FORMATS
from recexplainer.data.titles import clean_title, unique_titles
from recexplainer.errors import InputError
from recexplainer.files import check, sha256, write_csv, write_json, write_parquet
from recexplainer.garbage import no_collection

logger = logging.getLogger(__name__)

ITEMS = pa.schema(
    [("item", pa.int32()), ("item_id", pa.string()), ("title", pa.string())]
    + [(name, pa.string()) for name in TEXTS]
    + [("related", pa.list_(pa.string()))]
)
USERS = pa.schema([("user", pa.int32()), ("user_id", pa.string())])
INTERACTIONS = pa.schema([("user", pa.int32()), ("item", pa.int32()), ("position", pa.int32()), ("time", pa.int64())])


@dataclass
class Dataset:
    """The result of :func:`build_dataset`: Arrow tables, and what happened on the way."""

    interactions: pa.Table  # user, item, position, time; sorted by (user, position)
    items: pa.Table  # row number = item
    users: pa.Table  # row number = user
    statistics: dict[str, Any]
    search: list[dict[str, Any]]  # what each combination of limits leaves


def _item_table(
    item_ids: list[str], raw_titles: list[str], texts: dict[str, dict[str, Any]]
) -> tuple[pa.Table, Counter[Any]]:
    """Table of the final catalogue, and the counts of title repairs."""
    repairs: Counter[Any] = Counter(dict.fromkeys(("markup", "characters", "articles", "separators", "shortened"), 0))
    titles, repairs["made_unique"] = unique_titles([clean_title(raw, repairs) for raw in raw_titles])
    catalogue = set(item_ids)
    columns = {"item": np.arange(len(item_ids), dtype=np.int32), "item_id": item_ids, "title": titles}
    columns |= {name: [texts[item][name] for item in item_ids] for name in TEXTS}
    columns["related"] = [
        [other for other in texts[item]["related"] if other in catalogue and other != item] for item in item_ids
    ]
    return pa.table(columns, schema=ITEMS), repairs


def sparsity_percent(users: int, items: int, interactions: int) -> float:
    """Share of the user-item pairs without an interaction, in percent, with 3 decimals."""
    return round(100 * (1 - interactions / (users * items)), 3)


def _search_rows(trials: list[Trial], chosen: int) -> list[dict[str, Any]]:
    """One row per combination; ``all`` stands for no limit."""
    return [
        {
            "top_items": trial.top_items or "all",
            "sample_users": trial.sample_users or "all",
            **trial.counts,
            "distance": None if trial.distance is None else round(trial.distance, 6),
            "chosen": index == chosen,
        }
        for index, trial in enumerate(trials)
    ]


def file_reading(settings: Read, file: str) -> tuple[str, OneLayout]:
    """Return the format and layout of one raw file: what is said of it alone, over what is said of both.

    Args:
        settings: of the data set.
        file: ``reviews`` or ``metadata``.

    Raises:
        InputError: no format is said of it.
    """
    both = settings.layout or Layout()
    common = both.model_dump(exclude_unset=True, exclude={"columns", "reviews", "metadata"})
    if both.columns:
        common["columns"] = getattr(both.columns, file)
    own = getattr(both, file)
    file_format = settings.format if isinstance(settings.format, str) else getattr(settings.format, file)
    if file_format is None:
        raise InputError(f"config key 'format.{file}': missing; expected one of {', '.join(FORMATS)}.")
    given = common | (own.model_dump(exclude_unset=True) if own else {})
    return file_format, OneLayout(**{key: value for key, value in given.items() if value is not None})


@no_collection()
def build_dataset(*, reviews: str | Path, metadata: str | Path, settings: Read, seed: int) -> Dataset:
    """Read, clean and filter one data set.

    Args:
        reviews, metadata: raw files, plain or gzip.
        settings: what of the data set's part of the config is about them.
        seed: seed of the sample of users.

    Raises:
        InputError: settings that do not fit each other, a bad file, or nothing left after the filter.
    """
    fields, options = settings.fields, settings.filter
    check_filter(options)
    share = options.max_broken_share
    file_format, layout = file_reading(settings, "reviews")
    format_of_items, layout_of_items = file_reading(settings, "reviews" if metadata == reviews else "metadata")

    for path in {reviews, metadata}:
        check(path)
    raw = read_interactions(reviews, file_format, fields, share, layout)
    digest = ThreadPoolExecutor(1).submit(sha256, reviews)  # the reader had both cores, from here on one would be idle
    steps = []

    def step(name: str, counts: dict[str, int]) -> None:
        steps.append({"step": name, **counts})
        logger.info("%s: %d users, %d items, %d interactions", name, *counts.values())

    pairs = Pairs(raw.user, raw.item, raw.time)
    step("read", pairs.counts())
    known, counts_metadata = read_metadata(
        metadata, format_of_items, fields, set(raw.items), ("title",), share, layout_of_items
    )
    titles = {item: values["title"] for item, values in known.items() if values["title"]}
    if not titles:
        raise InputError(
            f"{metadata}: none of the {len(raw.items)} items of {reviews} has a title in it. Check that the files "
            "belong together, and the config keys 'fields.meta_item' and 'fields.title'."
        )
    pairs = pairs.take(np.array([item in titles for item in raw.items], dtype=bool)[pairs.item])
    step("items with a title", pairs.counts())
    pairs = first_interactions(pairs)
    step("first interaction of each user and item", pairs.counts())
    pairs = pairs.take(k_core(pairs.user, pairs.item, options.core))
    step("first k-core", pairs.counts())
    trials, chosen, rows = search(pairs, options, seed)
    best = trials[chosen]
    step("top items, users left, sample, second k-core", best.counts)

    pairs = pairs.take(rows)
    user_codes, user = renumbered(pairs.user)
    item_codes, item = renumbered(pairs.item)
    item_ids = [raw.items[code] for code in item_codes]
    texts, _ = read_metadata(
        metadata, format_of_items, fields, set(item_ids), (*TEXTS, "related"), share, layout_of_items
    )
    items, repairs = _item_table(item_ids, [titles[item_id] for item_id in item_ids], texts)
    starts = np.flatnonzero(np.diff(user, prepend=-1))
    position = np.arange(len(user)) - starts[user]
    columns = {"user": user, "item": item, "position": position, "time": pairs.time}
    interactions = pa.table({name: pa.array(column, INTERACTIONS.field(name).type) for name, column in columns.items()})
    statistics = {
        **best.counts,
        "sparsity_percent": sparsity_percent(**best.counts),
        "top_items": best.top_items,
        "sample_users": best.sample_users,
        "distance": best.distance,
        "steps": steps,
        "reviews": {"sha256": digest.result(), **raw.counts},
        "metadata": {"sha256": sha256(metadata), **counts_metadata},
        "items_without_metadata": len(raw.items) - len(known),
        "items_without_title": len(known) - len(titles),
        "titles_repaired": dict(repairs),
    }
    users = pa.table(
        {"user": np.arange(len(user_codes), dtype=np.int32), "user_id": [raw.users[code] for code in user_codes]},
        schema=USERS,
    )
    return Dataset(interactions, items, users, statistics, _search_rows(trials, chosen))


def write_dataset(*, dataset: Dataset, interactions: str, items: str, users: str, statistics: str, search: str) -> None:
    """Write the five files of a data set."""
    import pandas as pd  # not above: Arrow has brought it in by now, in a thread, while users and items were ranked

    write_parquet(items, dataset.items)
    write_parquet(users, dataset.users)
    write_csv(search, pd.DataFrame(dataset.search))
    write_json(statistics, dataset.statistics)
    write_parquet(interactions, dataset.interactions)
