"""The filter against slow versions of its rules, and the whole data stage on small raw files."""

import gzip
import json
import random
from collections import Counter

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_settings import filter_of, reading

from recexplainer.data import filtering
from recexplainer.data.dataset import build_dataset, sparsity_percent, write_dataset
from recexplainer.data.filtering import (
    Pairs,
    check_filter,
    first_interactions,
    k_core,
    newest_rows,
    renumbered,
    search,
    top_rows,
)
from recexplainer.errors import InputError
from recexplainer.files import write_csv
from recexplainer.tables.table1 import table1

TRIPLES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 3)), max_size=90)


def pairs_of(triples) -> Pairs:
    user, item, time = np.array(triples, dtype=np.int64).reshape(-1, 3).T
    return Pairs(user.astype(np.int32), item.astype(np.int32), time)


def triples_of(pairs: Pairs) -> list[tuple[int, int, int]]:
    return [tuple(map(int, row)) for row in zip(pairs.user, pairs.item, pairs.time, strict=True)]


def slow_core(pairs: set[tuple[int, int]], core: int) -> set[tuple[int, int]]:
    """Remove one row at a time."""
    pairs = set(pairs)
    while True:
        users, items = Counter(user for user, _ in pairs), Counter(item for _, item in pairs)
        bad = sorted(pair for pair in pairs if users[pair[0]] < core or items[pair[1]] < core)
        if not bad:
            return pairs
        pairs.remove(bad[0])


@settings(derandomize=True, max_examples=100)
@given(TRIPLES, st.randoms())
def test_first_interactions_are_unique_earliest_and_totally_ordered(triples, rng):
    result = triples_of(first_interactions(pairs_of(triples)))
    earliest = {}
    for user, item, time in triples:
        earliest[user, item] = min(time, earliest.get((user, item), time))
    expected = [(user, item, time) for (user, item), time in earliest.items()]
    assert result == sorted(expected, key=lambda row: (row[0], row[2], row[1]))
    rng.shuffle(triples)
    assert triples_of(first_interactions(pairs_of(triples))) == result


# Times of days and of seconds, ones that leave no room for the codes, and the ends of int64.
SPANS = [st.integers(0, 5), st.integers(-9, 9).map(lambda day: day * 86400), st.integers(-(1 << 40), 1 << 40)]
SPANS += [st.integers(0, (1 << 62) - 1), st.sampled_from([-(1 << 63), 0, 1 << 62, (1 << 63) - 1])]


@settings(derandomize=True, max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 6), st.one_of(st.integers(0, 3), st.integers(0, 1 << 20)))), st.data())
def test_rows_are_sorted_as_one_number_as_they_are_by_column(codes, data):
    span = data.draw(st.sampled_from(SPANS))
    times = data.draw(st.lists(span, min_size=len(codes), max_size=len(codes)))
    user, item = np.array(codes, np.int32).reshape(-1, 2).T
    pairs = Pairs(user, item, np.array(times, np.int64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filtering, "PIECE", data.draw(st.sampled_from([1, 3, filtering.PIECE])))
        result = first_interactions(pairs)
    expected = filtering._first_by_columns(pairs) if len(pairs) else pairs
    assert triples_of(result) == triples_of(expected)
    assert [column.dtype for column in (result.user, result.item, result.time)] == [np.int32, np.int32, np.int64]


@settings(derandomize=True, max_examples=50)
@given(st.lists(st.integers(0, 30)))
def test_renumbered_codes_are_the_places_among_those_that_occur(codes):
    codes = np.array(codes, np.int32)
    for found, expected in zip(renumbered(codes), np.unique(codes, return_inverse=True), strict=True):
        assert found.tolist() == expected.tolist()


@settings(derandomize=True, max_examples=100)
@given(TRIPLES, st.integers(1, 4))
def test_k_core_is_the_largest_one(triples, core):
    pairs = first_interactions(pairs_of(triples))
    rows = k_core(pairs.user, pairs.item, core)
    kept = pairs.take(rows)
    assert {(user, item) for user, item, _ in triples_of(kept)} == slow_core({row[:2] for row in triples}, core)
    assert (np.diff(rows) > 0).all()


@settings(derandomize=True, max_examples=60)
@given(st.lists(st.integers(0, 6), max_size=30), st.one_of(st.none(), st.integers(1, 8)))
def test_top_items_break_ties_by_code(items, limit):
    frequent = sorted(Counter(items).items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
    rows = top_rows(np.array(items, dtype=np.int32), limit)
    assert [items[row] for row in rows] == [item for item in items if item in dict(frequent)]


# The search

TARGET = {"users": 30, "items": 20, "interactions": 250}


def random_pairs(seed: int = 0, users: int = 60, items: int = 40) -> Pairs:
    rng = np.random.default_rng(seed)
    item = (items * rng.random(1500) ** 2).astype(np.int32)
    pairs = first_interactions(Pairs(rng.integers(0, users, 1500, dtype=np.int32), item, rng.integers(0, 50, 1500)))
    return pairs.take(k_core(pairs.user, pairs.item, 5))


def run(pairs, seed=1, **options):
    return search(pairs, filter_of(**options), seed)


def test_search_takes_the_combination_nearest_the_target():
    pairs = random_pairs()
    grid = {"top_items": [10, 20, 25, None], "sample_users": [20, 31, 40, None], "target": TARGET}
    trials, chosen, rows = run(pairs, **grid)
    assert [(trial.top_items, trial.sample_users) for trial in trials] == [
        (top, size) for top in grid["top_items"] for size in grid["sample_users"]
    ]
    for trial in trials:
        alone, only, kept = run(pairs, top_items=[trial.top_items], sample_users=[trial.sample_users], target=TARGET)
        assert (alone, only) == ([trial], 0)  # a combination does not depend on the rest of the grid
        assert trial.counts == pairs.take(kept).counts()
        assert trial.distance == pytest.approx(np.mean([abs(trial.counts[name] / TARGET[name] - 1) for name in TARGET]))
    assert trials[chosen].distance == min(trial.distance for trial in trials)
    assert trials[chosen].counts == pairs.take(rows).counts()


def test_no_limits_keep_everything_and_a_large_sample_is_all_users():
    pairs = random_pairs()
    for options in ({}, {"top_items": [None], "sample_users": [10**6]}):
        trials, chosen, rows = run(pairs, **options)
        assert rows.tolist() == list(range(len(pairs)))
        assert (len(trials), chosen, trials[0].distance) == (1, 0, None)


def test_result_is_a_core_within_the_limits_and_depends_on_the_seed():
    pairs = random_pairs()
    results = []
    for seed in (1, 1, 2):
        _, _, rows = run(pairs, seed, top_items=[25], sample_users=[30])
        kept = pairs.take(rows)
        assert len(k_core(kept.user, kept.item, 5)) == len(kept)
        assert kept.counts()["users"] <= 30
        assert kept.counts()["items"] <= 25
        results.append(rows.tolist())
    assert results[0] == results[1] != results[2]
    # Others would mean other results for everybody's seed.
    assert np.unique(pairs.user[results[0]])[:6].tolist() == [1, 2, 5, 7, 8, 10]


@settings(derandomize=True, max_examples=60)
@given(TRIPLES, st.one_of(st.none(), st.integers(1, 6)))
def test_newest_rows_are_each_users_last_ones(triples, limit):
    pairs = first_interactions(pairs_of(triples))
    expected = []
    for user in range(10):
        rows = [row for row, code in enumerate(pairs.user) if code == user]
        expected += rows if limit is None else rows[-limit:]
    assert newest_rows(pairs.user, limit).tolist() == expected


def test_the_newest_interactions_are_counted_among_the_items_that_are_left():
    pairs = random_pairs()
    _, _, everything = run(pairs, top_items=[25], sample_users=[30])
    trials, _, rows = run(pairs, top_items=[25], sample_users=[30], newest=6)
    allowed = set(top_rows(pairs.item, 25).tolist())
    assert trials[0].counts == pairs.take(rows).counts() and len(rows) < len(everything)
    assert set(rows) <= allowed
    kept = pairs.take(rows)
    assert np.bincount(kept.user).max() == 6 and len(k_core(kept.user, kept.item, 5)) == len(kept)
    # Of a user nothing newer is missing but what the last k-core took.
    for user in np.unique(kept.user):
        among = [row for row in np.flatnonzero(pairs.user == user) if row in allowed]
        assert set(rows[kept.user == user]) <= set(among[-6:])


def test_empty_combinations_are_never_chosen_and_all_empty_is_an_error():
    tiny = {"users": 1, "items": 1, "interactions": 1}
    trials, chosen, _ = run(random_pairs(), top_items=[1, 25], sample_users=[30], target=tiny)
    assert trials[0].counts["interactions"] == 0
    assert trials[0].distance < trials[1].distance
    assert chosen == 1
    with pytest.raises(InputError, match="no interaction is left"):
        run(random_pairs(), top_items=[1])
    with pytest.raises(InputError, match="no interaction is left"):
        run(pairs_of([]))


def test_who_has_just_enough_stays():
    """Five users, each with the same five items."""
    square = pairs_of([(user, item, 0) for user in range(5) for item in range(5)])
    trials, _, rows = run(square, top_items=[5], sample_users=[None])
    assert len(rows) == 25 and trials[0].counts == {"users": 5, "items": 5, "interactions": 25}
    trials, chosen, _ = run(square, top_items=[4, 5], target={"users": 5, "items": 5, "interactions": 25})
    assert trials[0].counts == {"users": 0, "items": 0, "interactions": 0}
    assert chosen == 1


def test_the_first_of_equally_near_combinations_is_taken_and_nothing_beats_the_target_itself():
    pairs = random_pairs()
    counts = pairs.counts()
    trials, chosen, _ = run(pairs, top_items=[None, 1000], sample_users=[None, 25], target=counts)
    assert [trial.distance == 0 for trial in trials] == [True, False, True, False]
    assert chosen == 0
    assert run(pairs, top_items=[20, None], target=counts)[1] == 1


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"core": 2}, "core"),
        ({"core": "5"}, "core"),
        ({"top_items": []}, "top_items"),
        ({"top_items": [0]}, "top_items"),
        ({"sample_users": [True]}, "sample_users"),
        ({"sample_users": "4000"}, "sample_users"),
        ({"top_items": [1, 2]}, "target"),
        ({"sample_users": [1, 2]}, "target"),
        ({"newest": 4}, "newest"),
        ({"newest": 5.0}, "newest"),
        ({"newest": True}, "newest"),
        ({"max_broken_share": True}, "max_broken_share"),
        ({"target": {"users": 1}}, "target"),
        ({"target": {**TARGET, "users": 0}}, "target"),
        ({"max_broken_share": 2}, "max_broken_share"),
        ({"cores": 5}, "cores"),
    ],
)
def test_settings_that_are_refused(options, key):
    with pytest.raises(InputError, match=key):
        check_filter(filter_of(**options))


# The whole stage

FIELDS = {"user": "reviewerID", "item": "asin", "time": "unixReviewTime", "title": ["title"], "related": ["also_buy"]}
SETTINGS = reading(format="amazon", fields=FIELDS, filter={"core": 3, "top_items": [14], "sample_users": [20]})
FILES = ("interactions.parquet", "items.parquet", "users.parquet", "statistics.json", "search.csv")


def raw_lines() -> tuple[list[bytes], list[bytes]]:
    rng = random.Random(5)
    reviews = [
        {
            "reviewerID": f"U{rng.randrange(30)}",
            "asin": f"B{int(20 * rng.random() ** 2)}",
            "unixReviewTime": rng.randrange(9),
        }
        for _ in range(700)
    ]
    titles = {0: "Doom; the Game", 1: "Doom - the Game", 2: "<b>Halo</b>", 3: "halo", 4: "", 5: "x.getTime(1)"}
    metadata = [
        {"asin": f"B{n}", "title": titles.get(n, f"Title {n}"), "also_buy": [f"B{n}", "B1", "B99", "B0"]}
        for n in range(19)
    ]
    return [json.dumps(row).encode() for row in reviews], [json.dumps(row).encode() for row in [*metadata, metadata[7]]]


def build(folder, reviews, metadata, seed=1, settings=SETTINGS):
    folder.mkdir()
    (folder / "reviews.gz").write_bytes(gzip.compress(b"\n".join(reviews), mtime=0))
    (folder / "metadata").write_bytes(b"\n".join(metadata))
    dataset = build_dataset(reviews=folder / "reviews.gz", metadata=folder / "metadata", settings=settings, seed=seed)
    write_dataset(dataset=dataset, **{name.partition(".")[0]: folder / name for name in FILES})
    return dataset


def test_tables_keep_their_contract(tmp_path):
    reviews, metadata = raw_lines()
    build(tmp_path / "a", reviews, metadata)
    interactions, items, users = (pd.read_parquet(tmp_path / "a" / name) for name in FILES[:3])
    types = {
        name: str(pq.read_schema(tmp_path / "a" / "interactions.parquet").field(name).type) for name in interactions
    }
    assert types == {"user": "int32", "item": "int32", "position": "int32", "time": "int64"}
    assert list(items) == ["item", "item_id", "title", "description", "tags", "brand", "feature", "related"]
    assert list(users) == ["user", "user_id"]
    for table, code, name in ((items, "item", "item_id"), (users, "user", "user_id")):
        assert table[code].tolist() == list(range(len(table)))
        assert table[name].tolist() == sorted(set(table[name]))
        assert sorted(set(interactions[code])) == table[code].tolist()
    assert len(items) <= 14
    assert len(users) <= 20
    assert interactions.equals(interactions.sort_values(["user", "position"], ignore_index=True))
    assert not interactions.duplicated(["user", "item"]).any()
    for _, rows in interactions.groupby("user"):
        assert rows.position.tolist() == list(range(len(rows)))
        assert len(rows) >= 3
        keys = list(zip(rows.time, rows.item, strict=True))
        assert keys == sorted(keys)
    assert interactions.groupby("item").size().min() >= 3
    earliest = {}
    for line in reviews:
        row = json.loads(line)
        key = row["reviewerID"], row["asin"]
        earliest[key] = min(row["unixReviewTime"], earliest.get(key, 99))
    for row in interactions.itertuples():
        assert row.time == earliest[users.user_id[row.user], items.item_id[row.item]]
    titles = dict(zip(items.item_id, items.title, strict=True))
    assert not {"B4", "B5", "B19"} & set(titles)  # no title, garbage, not in the metadata
    assert (titles["B0"], titles["B1"]) == ("Doom - the Game", "Doom - the Game (2)")
    assert (titles["B2"], titles["B3"]) == ("Halo", "halo (2)")
    for item_id, related in zip(items.item_id, items.related, strict=True):
        assert list(related) == [other for other in ("B1", "B0") if other != item_id]


def test_statistics_count_each_step(tmp_path):
    reviews, metadata = raw_lines()
    broken = [*reviews, b"{", json.dumps({"reviewerID": "U1", "asin": "B1", "unixReviewTime": "soon"}).encode()]
    options = SETTINGS.filter.model_copy(update={"max_broken_share": 0.01})
    settings = SETTINGS.model_copy(update={"filter": options})
    dataset = build(tmp_path / "a", broken, metadata, settings=settings)
    statistics = dataset.statistics
    assert json.loads((tmp_path / "a" / "statistics.json").read_text()) == statistics
    assert [step["step"] for step in statistics["steps"]] == [
        "read",
        "items with a title",
        "first interaction of each user and item",
        "first k-core",
        "top items, users left, sample, second k-core",
    ]
    sizes = [step["interactions"] for step in statistics["steps"]]
    assert sizes[0] == 700
    assert sizes == sorted(sizes, reverse=True)
    assert {name: statistics["reviews"][name] for name in ("lines", "broken_lines", "without_time")} == {
        "lines": 702,
        "broken_lines": 2,
        "without_time": 0,
    }
    assert statistics["metadata"]["repeated"] == 1
    assert (statistics["items_without_metadata"], statistics["items_without_title"]) == (1, 2)
    assert statistics["titles_repaired"] == {
        "markup": 1,
        "characters": 1,
        "articles": 0,
        "separators": 1,
        "shortened": 0,
        "made_unique": 2,
    }
    assert (statistics["top_items"], statistics["sample_users"]) == (14, 20)
    assert statistics["interactions"] == dataset.interactions.num_rows
    assert pd.read_csv(tmp_path / "a" / "search.csv").chosen.tolist() == [True]


def test_same_seed_same_bytes_whatever_the_order_of_the_lines(tmp_path):
    reviews, metadata = raw_lines()
    build(tmp_path / "a", reviews, metadata)
    build(tmp_path / "again", reviews, metadata)
    build(tmp_path / "seed", reviews, metadata, seed=2)
    random.Random(1).shuffle(reviews)
    random.Random(2).shuffle(metadata)
    build(tmp_path / "order", reviews, metadata)
    contents = {
        folder: [(tmp_path / folder / name).read_bytes() for name in FILES]
        for folder in ("a", "again", "seed", "order")
    }
    assert contents["a"] == contents["again"]
    digests = [json.loads(content[3]) for content in (contents["a"], contents["order"])]
    for statistics in digests:
        for name in ("reviews", "metadata"):
            statistics[name].pop("sha256")
    assert digests[0] == digests[1]
    del contents["a"][3], contents["order"][3]
    assert contents["a"] == contents["order"]
    assert contents["seed"][0] != contents["a"][0]


def test_table_1(tmp_path):
    for name, counts in (
        ("games", (3901, 1864, 31672)),
        ("movies", (3194, 1170, 28105)),
        ("steam", (2493, 986, 27498)),
    ):
        counts = dict(zip(("users", "items", "interactions"), counts, strict=True))
        (tmp_path / f"{name}.json").write_text(json.dumps(counts | {"more": 1}))
    names = ["games", "movies", "steam"]
    write_csv(tmp_path / "table1.csv", table1([tmp_path / f"{name}.json" for name in names], names))
    assert (tmp_path / "table1.csv").read_text() == (
        "dataset,users,items,interactions,sparsity_percent\n"
        "games,3901,1864,31672,99.564\nmovies,3194,1170,28105,99.248\nsteam,2493,986,27498,98.881\n"
    )
    assert sparsity_percent(2, 2, 4) == 0.0
    with pytest.raises(InputError, match="expected one each"):
        table1([tmp_path / "games.json"], names)
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(InputError, match="bad.json: users: missing or no count"):
        table1([tmp_path / "bad.json"], ["games"])
