"""Synthetic raw dumps for the demo: small, in the real dumps' formats, with a structure that is planted and known.

The demo runs the whole pipeline on one CPU core, so a recommender must find strong signals in a few hundred users, and
a very small language model must be able to imitate it. What is planted:

- *Catalogue.* A franchise has five entries; an entry's title is "<Franchise> <Kind>", and the five kinds always come in
  the same order. A franchise belongs to one genre and has one studio; an entry's kind fixes its platform.
- *Genres on a ring.* A user has one main genre. A jump lands in it with probability ``main_genre``; otherwise mostly in
  the next genre on the ring, less often in the previous one, seldom elsewhere.
- *Sequence.* A genre's entries form one closed chain: the entries of a franchise in order, then the next franchise. The
  next item is the first item down the chain of the *last* item that the user does not have yet, with probability
  ``successor``; otherwise a jump, drawn by popularity inside a genre.
- *Popularity.* The franchise at rank r of its genre weighs (r + 1) ** -``popularity``; earlier entries weigh more.
- *Metadata* agrees with all this: genre in category and tags, studio in brand, platform and genre in feature, all of it
  in the description, the next items of the chain in also_buy, popularity in rank.

Around this core lie the oddities of the real dumps, so that the data stage has something to do: users and items below
five interactions, repeated (user, item) pairs, ties in time, broken lines, reviews of items that the metadata lacks,
items without a title, a repeated metadata row, HTML in texts, HTML entities and list separators in titles, and
different items with one title. ``users`` and ``items`` count the core; a 5-core filter leaves
exactly that core as long as there are some two users per item.
"""

import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from recexplainer.config.dataset import Made
from recexplainer.config.kinds import Section
from recexplainer.demo.formats import (
    ENTRIES,
    THEMES,
    Item,
    Review,
    Theme,
    amazon_item,
    amazon_review,
    break_lines,
    python_literal,
    steam_item,
    steam_review,
    successors,
    write_gzip,
)
from recexplainer.errors import InputError
from recexplainer.seeds import make_rng

logger = logging.getLogger(__name__)


def check_ranges(settings: Section, limits: dict[str, tuple[float, float]]) -> None:
    """Raise InputError for a value that is out of its limits, the lowest and highest by name; None is in them."""
    for name, (low, high) in limits.items():
        value = getattr(settings, name)
        if value is not None and not low <= value <= high:
            raise InputError(f"demo data: {name} is {value!r}; expected a number from {low} to {high}.")


def make_dataset(*, settings: Made, seed: int, reviews: str | Path, metadata: str | Path) -> None:
    """Write the raw reviews and metadata of one demo dataset.

    Args:
        settings: the format and the sizes.
        seed: the same seed and settings give the same bytes.
        reviews: output, gzip; Amazon v2 JSON lines or Steam's Python-literal lines.
        metadata: output, gzip, in the same format.

    Raises:
        InputError: a setting is out of range.
    """
    kind = settings.format
    theme = THEMES[kind]
    genres = settings.genres or len(theme.genres)
    check(settings, theme, genres)
    items = plant_items(settings, theme, genres, make_rng(seed, "demo", kind, "items"))
    rows = plant_reviews(settings, items, make_rng(seed, "demo", kind, "sequences"))
    catalogue = add_odd_items(items, rows, theme, kind, make_rng(seed, "demo", kind, "odd items"))
    add_odd_reviews(rows, make_rng(seed, "demo", kind, "odd reviews"))
    rng = make_rng(seed, "demo", kind, "details")
    write: dict[str, Any] = {
        "amazon": (amazon_review, amazon_item, json.dumps),
        "steam": (steam_review, steam_item, python_literal),
    }
    review_row, item_row, dump = write[kind]
    rows.sort(key=lambda row: (row.item, -row.day, row.user))  # as in the real dumps: by item, newest first
    names = {item.item_id: item for item in catalogue}
    lines = [dump(review_row(row, names.get(row.item), theme, rng)) for row in rows]
    break_lines(lines, max(1, len(lines) // 1000), rng)
    write_gzip(reviews, lines)
    counts = {item.item_id: 0 for item in catalogue}
    for row in rows:
        counts[row.item] = counts.get(row.item, 0) + 1
    order = sorted(counts, key=lambda item_id: (-counts[item_id], item_id))
    ranks = {item_id: rank + 1 for rank, item_id in enumerate(order)}
    catalogue.sort(key=lambda item: item.item_id)
    lines = [dump(item_row(item, items, ranks[item.item_id], theme, rng)) for item in catalogue]
    lines.insert(len(lines) // 2, lines[len(lines) // 3])  # one item twice
    break_lines(lines, len(lines) // 400, rng)
    write_gzip(metadata, lines)
    logger.info("%s: %d reviews in %s, %d items in %s", kind, len(rows), reviews, len(lines), metadata)


def check(settings: Made, theme: Theme, genres: int) -> None:
    """Raise InputError when a setting is out of range, for so many genres."""
    check_ranges(settings, {"genres": (3, len(theme.genres)), "users": (30, 100_000)})
    check_ranges(settings, {"items": (2 * genres * ENTRIES, len(theme.franchises) * ENTRIES)})
    shortest = settings.items // ENTRIES // genres * ENTRIES  # the shortest chain
    check_ranges(settings, {"min_length": (5, shortest), "max_length": (5, shortest)})
    check_ranges(settings, {"max_length": (settings.min_length, shortest), "length_decay": (0.01, 1.0)})
    check_ranges(settings, {"popularity": (0.0, 3.0)})
    if settings.items % ENTRIES:
        raise InputError(f"demo data: items is {settings.items}; expected a multiple of {ENTRIES}.")


def plant_items(settings: Made, theme: Theme, genres: int, rng: np.random.Generator) -> list[Item]:
    """Return the core catalogue, franchise by franchise; the raw ids tell nothing about the structure."""
    ids = raw_item_ids(settings.format, settings.items, rng)
    items = []
    for index in range(settings.items):
        franchise, entry = divmod(index, ENTRIES)
        rank, genre = divmod(franchise, genres)
        title = f"{theme.franchises[franchise]} {theme.kinds[entry]}"
        weight = (rank + 1) ** -settings.popularity * (entry + 1) ** -0.5
        items.append(Item(ids[index], title, genre, franchise, rank, entry, rank * ENTRIES + entry, weight))
    return items


def chains(items: list[Item]) -> list[list[Item]]:
    """Return the items of each genre in chain order."""
    genres = max(item.genre for item in items) + 1
    return [sorted((i for i in items if i.genre == genre), key=lambda i: i.chain) for genre in range(genres)]


def plant_sequence(
    main: int, length: int, settings: Made, by_genre: list[list[Item]], rng: np.random.Generator
) -> list[Item]:
    """Return ``length`` different items of a user whose main genre is ``main``, oldest first."""
    count = len(by_genre)
    sequence: list[Item] = []
    while len(sequence) < length:
        if sequence and rng.random() < settings.successor:
            options = successors(sequence[-1], by_genre[sequence[-1].genre])
            options = [item for item in options if item not in sequence]
            if options:
                sequence.append(options[0])
                continue
        genre = main
        if sequence and rng.random() >= settings.main_genre:
            step = rng.choice([1, count - 1, count // 2], p=[0.7, 0.25, 0.05])
            genre = (main + int(step)) % count
        options = [item for item in by_genre[genre] if item not in sequence]
        if options:
            weights = np.array([item.weight for item in options])
            sequence.append(options[rng.choice(len(options), p=weights / weights.sum())])
    return sequence


def plant_reviews(settings: Made, items: list[Item], rng: np.random.Generator) -> list[Review]:
    """Return the reviews of the core users and of a tenth as many users who have one to four."""
    by_genre = chains(items)
    shares = (1.0 + np.arange(len(by_genre))) ** -0.2
    lengths = np.arange(settings.min_length, settings.max_length + 1)
    decay = settings.length_decay ** np.arange(len(lengths))
    casual = max(3, settings.users // 10)
    users = raw_user_ids(settings.format, settings.users + casual, rng)
    rows = []
    for index, user in enumerate(users):
        main = int(rng.choice(len(by_genre), p=shares / shares.sum()))
        core = index < settings.users
        length = int(rng.choice(lengths, p=decay / decay.sum())) if core else int(rng.integers(1, 5))
        day = int(rng.integers(0, 1200))
        for item in plant_sequence(main, length, settings, by_genre, rng):
            rows.append(Review(user, item.item_id, day, item.genre == main))
            day += 0 if rng.random() < 0.02 else int(rng.integers(1, 40))  # 0: a tie, the order inside it is lost
    return rows


def add_odd_items(
    items: list[Item], rows: list[Review], theme: Theme, kind: str, rng: np.random.Generator
) -> list[Item]:
    """Give a few core items an odd title, and add items (with reviews) that the data stage has to drop.

    Returns:
        The whole catalogue: the core items and the added ones, except those that the metadata is to lack.
    """
    franchises = rng.choice(len(items) // ENTRIES, size=6, replace=False)
    odd = [items[franchise * ENTRIES + int(rng.integers(2, ENTRIES))] for franchise in franchises]
    for item, joint in zip(odd, (" &amp; ", "&#39;s ", ", ", "; "), strict=False):
        item.title = joint.join(f"{theme.franchises[item.franchise]} {theme.kinds[item.entry]}".split())
    for item in odd[4:]:  # one title for two items, as when a game is sold again for another platform
        item.title = f"{theme.franchises[item.franchise]} {theme.kinds[item.entry - 1]}"
    count = max(6, len(items) // 12)
    ids = raw_item_ids(kind, count, rng, taken={item.item_id for item in items})
    added = []
    for index, item_id in enumerate(ids):
        franchise, entry = int(rng.integers(len(items) // ENTRIES)), int(rng.integers(ENTRIES))
        model = items[franchise * ENTRIES + entry]
        title: str | None = f"{theme.franchises[franchise]} {theme.kinds[entry]} Demo"
        # Of the added items, 0 and 1 lack a title (0 often bought), 2 lacks metadata, the rest lack users.
        if index < 2:
            title = None
        elif index == 3:
            title = f'<span class="a-size">{title}</span> var t = new Date().getTime();'
        if index != 2:
            added.append(Item(item_id, title, model.genre, franchise, model.rank, entry, -1, 0.0))
        for row in rng.choice(len(rows), size=20 if index == 0 else int(rng.integers(1, 4)), replace=False):
            rows.append(Review(rows[row].user, item_id, rows[row].day + 1, True))
    return items + added


def add_odd_reviews(rows: list[Review], rng: np.random.Generator) -> None:
    """Add later repeats of (user, item) pairs, about 2 %."""
    for row in rng.choice(len(rows), size=max(2, len(rows) // 50), replace=False):
        first = rows[row]
        rows.append(Review(first.user, first.item, first.day + int(rng.integers(1, 300)), first.liked))


def raw_item_ids(kind: str, count: int, rng: np.random.Generator, taken: Iterable[str] = ()) -> list[str]:
    """Return ``count`` new raw item ids, none of them in ``taken``."""
    ids = list(taken)
    start = len(ids)
    while len(ids) < start + count:
        new = "B0" + letters(8, rng) if kind == "amazon" else str(10 * int(rng.integers(1_000, 80_000)))
        if new not in ids:
            ids.append(new)
    return ids[start:]


def raw_user_ids(kind: str, count: int, rng: np.random.Generator) -> list[str]:
    """Return ``count`` different raw user ids; a few of Steam's hold a quote or a letter outside ASCII."""
    ids: dict[str, None] = {}
    while len(ids) < count:
        if kind == "amazon":
            new = "A" + letters(13, rng)
        else:
            first = str(rng.choice(["Old", "Red", "Lazy", "Sir", "Tiny", "L'", "Ökö"]))
            second = str(rng.choice(["Fox", "Owl", "Wolf", "Pilot", "Baker", "Moth"]))
            new = f"{first}{second}{int(rng.integers(10, 9999))}"
        ids.setdefault(new)
    return list(ids)


def letters(count: int, rng: np.random.Generator) -> str:
    """Return ``count`` random capital letters and digits."""
    return "".join(rng.choice(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"), size=count))
