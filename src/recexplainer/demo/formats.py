"""The words of the demo datasets, and their rows in the formats of the real dumps (Amazon v2 and Steam)."""

import gzip
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from recexplainer.files import atomic

ENTRIES = 5  # entries of a franchise: one per kind
FIRST_DAY = datetime(2014, 1, 1, tzinfo=UTC)


def words(text: str) -> tuple[str, ...]:
    """Return the words of ``text``."""
    return tuple(text.split())


@dataclass(frozen=True)
class Theme:
    """The words of a dataset: ``genres`` in ring order, ``kinds`` and ``platforms`` in the order of the entries."""

    genres: tuple[str, ...]
    franchises: tuple[str, ...]
    kinds: tuple[str, ...]
    platforms: tuple[str, ...]
    studios: tuple[str, ...]  # first word: the franchise's rank in its genre
    houses: tuple[str, ...]  # second word: the genre


THEMES = {
    "amazon": Theme(
        genres=("Racing", "Sports", "Fighting", "Adventure", "Puzzle"),
        franchises=words(
            "Velmora Kestrix Brontal Lumeo Pyrolan Zefira Thornax Quillon Orbex Saldrin Morvane Tiluna Grexor Fenwyl "
            "Calbrix Ostavel Jorunda Wexlor Nimbara Dustrel Harkon Yelvani Ruvenix Pelloran Avendor Istrix Umbrell "
            "Corvash Mirodan Talvex"
        ),
        kinds=("Origins", "Returns", "Legends", "Forever", "Legacy"),
        platforms=("Vela", "Orbit", "Pocket", "Desktop", "Prism"),
        studios=("Amber", "Copper", "Ivory", "Jade", "Pearl", "Slate", "Coral", "Birch", "Cedar", "Maple"),
        houses=("Works", "Forge", "Studio", "House", "Lab"),
    ),
    "steam": Theme(
        genres=("Strategy", "Simulation", "Building", "Survival", "Horror", "Mystery"),
        franchises=words(
            "Aldonir Bexcalo Cindrane Dovaril Eskoria Farlune Gorvath Hestrel Ixamar Jalendo Korvani Lortha Maldrix "
            "Noveska Ombrian Pexidor Qavella Rondomir Sylvark Trevonas Ulmeron Vaskine Wyldora Xenthia Yorvale "
            "Zandrik Brivane Caldoro Drunmor Elvarin"
        ),
        kinds=("Dawn", "Rising", "Siege", "Empire", "Eclipse"),
        platforms=("Single-player", "Multi-player", "Co-op", "Online", "Workshop"),
        studios=("North", "South", "East", "West", "High", "Low", "Long", "Broad", "Near", "Far"),
        houses=("Gate", "Bridge", "Field", "River", "Tower", "Harbor"),
    ),
}
MOODS = {5: "great, would buy it again", 4: "good and worth the price", 3: "fine, nothing special", 2: "not for me"}


@dataclass(frozen=True)
class Fact:
    """What one metadata row says of an item; ``after`` is the title of the next item in its chain, or ""."""

    title: str
    genre: str
    brand: str
    platform: str
    after: str


@dataclass
class Item:
    """One catalogue row. ``chain``: position in the genre's chain, -1 outside it; ``title``: None if none is given."""

    item_id: str
    title: str | None
    genre: int
    franchise: int
    rank: int  # of the franchise in its genre
    entry: int
    chain: int
    weight: float


@dataclass
class Review:
    """One interaction: ``user`` and ``item`` are raw ids, ``day`` counts from :data:`FIRST_DAY`."""

    user: str
    item: str
    day: int
    liked: bool


def successors(item: Item, chain: list[Item]) -> list[Item]:
    """Return the other items of ``item``'s closed chain, nearest first."""
    return chain[item.chain + 1 :] + chain[: item.chain]


def amazon_review(row: Review, item: Item | None, theme: Theme, rng: np.random.Generator) -> dict[str, Any]:
    """Return one review with the keys of the Amazon v2 5-core files."""
    date = FIRST_DAY + timedelta(days=row.day)
    stars = int(rng.choice([5, 4])) if row.liked else int(rng.choice([4, 3, 2]))
    review = {
        "overall": float(stars),
        "verified": bool(rng.random() < 0.8),
        "reviewTime": f"{date:%m} {date.day}, {date:%Y}",
        "reviewerID": row.user,
        "asin": row.item,
        "reviewerName": f"buyer {row.user[-3:]}",
        "reviewText": review_text(item, theme, stars),
        "summary": f"{stars} stars",
        "unixReviewTime": int(date.timestamp()),
    }
    if rng.random() < 0.1:
        review["vote"] = str(int(rng.integers(2, 40)))
    if rng.random() < 0.05:
        del review["reviewText"]
    return review


def steam_review(row: Review, item: Item | None, theme: Theme, rng: np.random.Generator) -> dict[str, Any]:
    """Return one review with the keys of Steam's reviews."""
    date = FIRST_DAY + timedelta(days=row.day)
    review: dict[str, Any] = {
        "username": row.user,
        "product_id": row.item,
        "date": f"{date:%Y-%m-%d}",
        "hours": round(float(rng.gamma(2.0, 20.0 if row.liked else 4.0)), 1),
        "products": int(rng.integers(5, 300)),
        "page": int(rng.integers(1, 30)),
        "page_order": int(rng.integers(0, 10)),
        "early_access": False,
        "text": review_text(item, theme, 5 if row.liked else 3),
    }
    if rng.random() < 0.1:
        review["found_funny"] = int(rng.integers(1, 9))
    return review


def review_text(item: Item | None, theme: Theme, stars: int) -> str:
    """Return a short opinion on ``item``; None is an item that the metadata lacks."""
    about = f"{theme.franchises[item.franchise]} for {theme.genres[item.genre].lower()} fans" if item else "This one"
    return f"{about}: {MOODS[stars]}."


def describe(item: Item, theme: Theme) -> str:
    """Return the item's one-sentence description."""
    franchise, genre, platform = theme.franchises[item.franchise], theme.genres[item.genre], theme.platforms[item.entry]
    article = "An" if genre[0] in "AEIOU" else "A"
    return f"{article} {genre.lower()} game in the {franchise} series for {platform}."


def studio(item: Item, theme: Theme) -> str:
    """Return the studio of the item's franchise: its first word is the rank in the genre, its second the genre's."""
    return f"{theme.studios[item.rank]} {theme.houses[item.genre]}"


def amazon_item(item: Item, items: list[Item], rank: int, theme: Theme, rng: np.random.Generator) -> dict[str, Any]:
    """Return one metadata row with the keys of the Amazon v2 metadata; absent values are "" or [], as there."""
    genre, platform = theme.genres[item.genre], theme.platforms[item.entry]
    row: dict[str, Any] = {
        "category": ["Video Games", platform, genre],
        "tech1": "",
        "description": [describe(item, theme)],
        "fit": "",
        "title": item.title or "",
        "also_buy": [other.item_id for other in following(item, items)[:2]],
        "tech2": "",
        "brand": studio(item, theme),
        "feature": [f"{genre} for {platform}"],
        "rank": [f">#{rank * 137:,} in Video Games (See Top 100 in Video Games)"],
        "also_view": [other.item_id for other in following(item, items)[2:4]],
        "main_cat": "Video Games",
        "similar_item": "",
        "date": "",
        "price": f"${int(rng.integers(4, 60))}.99" if rng.random() < 0.8 else "",
        "asin": item.item_id,
    }
    oddity = rng.random()
    if oddity < 0.06:
        row["description"] = [f"<P>{row['description'][0]}<BR><BR></P>", ""]
    elif oddity < 0.12:
        row["description"] = []
    elif oddity < 0.18:
        row["feature"] = []
    elif oddity < 0.22:
        row["also_buy"] = [*row["also_buy"], "B000000000"]
    elif oddity < 0.26:
        row["rank"] = f"{rank * 137:,}inVideoGames("
    return row


def steam_item(item: Item, items: list[Item], rank: int, theme: Theme, rng: np.random.Generator) -> dict[str, Any]:
    """Return one metadata row with the keys of Steam's games; absent values are left out, as there."""
    genre = theme.genres[item.genre]
    genres = max(other.genre for other in items) + 1
    maker = studio(item, theme)
    slug = (item.title or "untitled").replace(" ", "_")
    date = FIRST_DAY - timedelta(days=30 * rank + int(rng.integers(1, 30)))
    row: dict[str, Any] = {
        "publisher": maker,
        "genres": [genre],
        "app_name": item.title,
        "title": item.title,
        "url": f"http://store.example.com/app/{item.item_id}/{slug}/",
        "release_date": f"{date:%Y-%m-%d}",
        "tags": [genre, theme.genres[(item.genre + 1) % genres]],
        "reviews_url": f"http://community.example.com/app/{item.item_id}/reviews/",
        "specs": [theme.platforms[item.entry]],
        "price": round(int(rng.integers(1, 40)) - 0.01, 2),
        "early_access": False,
        "id": item.item_id,
        "developer": maker,
    }
    if item.title is None:
        del row["app_name"], row["title"]
    elif rng.random() < 0.07:
        del row["title"]
    oddity = rng.random()
    if oddity < 0.1:
        row["price"] = str(rng.choice(["Free To Play", "Free to Play"]))
    elif oddity < 0.15:
        del row["price"]
    elif oddity < 0.2:
        row["discount_price"] = round(row["price"] / 2, 2)
    elif oddity < 0.25:
        del row["developer"], row["publisher"]
    elif oddity < 0.3:
        del row["genres"]
    return row


def following(item: Item, items: list[Item]) -> list[Item]:
    """Return the items that follow ``item`` in its genre's chain; of an item outside the chain, its franchise."""
    if item.chain < 0:
        return [other for other in items if other.franchise == item.franchise]
    return successors(item, [other for other in items if other.genre == item.genre])


def python_literal(value: Any) -> str:
    """Return ``value`` as the Python 2 literal of Steam's dumps: text as u'...', ASCII only."""
    if isinstance(value, str):
        return "u" + ascii(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(python_literal, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{python_literal(key)}: {python_literal(item)}" for key, item in value.items()) + "}"
    return repr(value)


def break_lines(lines: list[str], count: int, rng: np.random.Generator) -> None:
    """Cut ``count`` of the lines short by repeating them broken, so that no interaction is lost."""
    for index in sorted(int(i) for i in rng.choice(len(lines), size=count, replace=False)):
        lines.insert(index, lines[index][: len(lines[index]) // 2])


def write_gzip(path: str | Path, lines: list[str]) -> None:
    """Write lines as gzip; its header names no file and no time, so that the bytes depend on the lines alone."""
    text = "\n".join(lines) + "\n"
    with (
        atomic(path) as temporary,
        open(temporary, "wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as handle,
    ):
        handle.write(text.encode("utf-8"))
