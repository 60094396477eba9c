"""The names of columns and keys in public datasets, by what they hold; the first of a row is looked for first."""

import re

NAMES = {
    "user": "user user_id reviewer_id username customer customer_id member member_id reader reader_id listener_id "
    "player_id visitor_id account_id uid",
    "item": "parent_asin asin item item_id product product_id movie movie_id book book_id business_id game_id song_id "
    "track_id artist_id article_id recipe_id video_id app_id sku isbn iid id",
    "time": "unix_review_time timestamp unix_time time date review_time review_date rated_at created_at datetime "
    "date_added date_updated read_at started_at",
    "title": "title item_title movie_title book_title product_title game_title name item_name product_name app_name "
    "movie_name track_name",
    "description": "description overview plot blurb abstract summary",
    "tags": "tags genres genre category categories class shelves popular_shelves main_category main_cat",
    "brand": "brand store developer publisher author authors artist director manufacturer maker",
    "feature": "feature features specs",
    "related": "also_buy also_bought related similar_books",
}
"""Underscores and capitals do not count: ``userId`` is ``user_id``."""


def plain(name: str) -> str:
    """Return a name without capitals and all but letters and digits."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


KNOWN = {role: [plain(name) for name in names.split()] for role, names in NAMES.items()}


def is_known(name: str) -> bool:
    """Return whether a name is one of those."""
    return any(plain(name) in names for names in KNOWN.values())


def named(role: str, names: list[str]) -> list[str]:
    """Return those of the names that stand for a role, in the order in which they are looked for."""
    known = KNOWN[role]
    return sorted((name for name in names if plain(name) in known), key=lambda name: known.index(plain(name)))
