"""The metrics: closed-form values, invariants, and the coverage of the intervals."""

from itertools import permutations
from math import log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recexplainer.errors import InputError
from recexplainer.evaluation.metrics import (
    correct,
    expected_random_hit_ratio,
    expected_random_ranking_ndcg,
    history_coverage,
    hit_ratio,
    ranking_gains,
    ranking_ndcg,
    retrieval_ndcg,
)
from recexplainer.statistics.intervals import estimate

TARGET = ["a", "b", "c", "d", "e"]
IDEAL = 1000 + 100 / log2(3) + 10 / 2 + 1 / log2(5)


@pytest.mark.parametrize("rank", range(1, 8))
def test_retrieval_gives_the_discount_of_the_rank_within_five(rank):
    predictions = [f"other {i}" for i in range(7)]
    predictions[rank - 1] = " Halo 3\n"
    assert hit_ratio("HALO 3", predictions) == (rank <= 5)
    assert retrieval_ndcg("HALO 3", predictions) == pytest.approx(1 / log2(rank + 1) if rank <= 5 else 0)


def test_retrieval_counts_the_first_match_and_whole_titles_only():
    assert retrieval_ndcg("a", ["b", "a", "a"]) == pytest.approx(1 / log2(3))
    assert hit_ratio("Halo", ["Halo 3", "Hal", "The Halo", ""]) == 0
    assert hit_ratio("Halo", []) == retrieval_ndcg("Halo", []) == 0


@pytest.mark.parametrize(
    "predicted, gain",
    [
        (["a", "b", "c", "d", "e"], IDEAL),
        (["A ", " b", "C", "D", "E"], IDEAL),
        (["b", "a", "c", "d", "e"], 100 + 1000 / log2(3) + 5 + 1 / log2(5)),
        (["e", "d", "c", "b", "a"], 1 / log2(3) + 5 + 100 / log2(5) + 1000 / log2(6)),
        (["a"], 1000),
        (["x", "a"], 1000 / log2(3)),
        (["a", "a", "a", "a", "a"], 1000),
        (["a", "a", "b"], 1000 + 50),
        (["x", "x", "x", "x", "x", "a"], 0),
        ([], 0),
    ],
)
def test_ranking_earns_linear_gains_by_the_true_order(predicted, gain):
    """A title that is missing or repeated earns nothing, and takes its rank."""
    assert ranking_ndcg(TARGET, predicted) == pytest.approx(gain / IDEAL)


def test_the_true_order_is_the_best_and_a_random_one_is_at_its_expectation():
    scores = {order: ranking_ndcg(TARGET, order) for order in permutations(TARGET)}
    assert max(scores, key=scores.get) == tuple(TARGET) and scores[tuple(TARGET)] == pytest.approx(1)
    assert min(scores, key=scores.get) == tuple(TARGET[::-1])
    assert np.mean(list(scores.values())) == pytest.approx(expected_random_ranking_ndcg())
    assert expected_random_ranking_ndcg() == pytest.approx(0.6131, abs=5e-5)
    assert ranking_gains() == [1000, 100, 10, 1, 0] and ranking_gains(3) == [10, 1, 0]


@settings(derandomize=True, max_examples=200)
@given(st.lists(st.sampled_from([*TARGET, "x", "A", " b "]), max_size=8))
def test_ranking_ndcg_is_a_share_and_only_the_true_order_has_all(predicted):
    value = ranking_ndcg(TARGET, predicted)
    assert 0 <= value <= 1 + 1e-12
    assert (value > 1 - 1e-12) == ([title.strip().lower() for title in predicted[:4]] == TARGET[:4])


@settings(derandomize=True, max_examples=200)
@given(st.permutations(TARGET), st.integers(0, 4), st.sampled_from([*TARGET, "x"]))
def test_spoiling_one_position_loses_exactly_its_gain(order, position, wrong):
    """Whatever replaces a title at one rank, an unknown title or a repeated one, earns nothing there."""
    gains = dict(zip(TARGET, ranking_gains(), strict=True))
    spoiled = [*order[:position], wrong, *order[position + 1 :]]
    expected, seen = 0.0, set()
    for rank, title in enumerate(spoiled, 1):
        expected += gains.get(title, 0) / log2(rank + 1) if title not in seen else 0
        seen.add(title)
    assert ranking_ndcg(TARGET, spoiled) == pytest.approx(expected / IDEAL)
    if wrong == "x":
        lost = gains[order[position]] / log2(position + 2) / IDEAL
        assert ranking_ndcg(TARGET, order) - ranking_ndcg(TARGET, spoiled) == pytest.approx(lost)


def test_coverage_counts_a_title_once_or_as_often_as_it_is_said():
    history = ["a", "b", "c", "d"]
    assert history_coverage(history, ["B ", "a", "x"]) == 0.5
    assert history_coverage(history, ["a", "a", "A"]) == 0.25
    assert history_coverage(history, ["a", "a", "A"], "repeat") == 0.75
    assert history_coverage(history, ["a"] * 5, "repeat") == 1.25
    assert history_coverage(history, []) == history_coverage(history, ["x"], "repeat") == 0
    assert history_coverage(history, ["d", "c", "b", "a"]) == 1
    with pytest.raises(InputError, match="coverage_counts"):
        history_coverage(history, [], "twice")


@settings(derandomize=True, max_examples=100)
@given(st.lists(st.sampled_from("abcdef"), min_size=1, unique=True), st.lists(st.sampled_from("abcdefxyz")))
def test_coverage_once_is_a_share_and_never_over_repeat(history, predicted):
    once = history_coverage(history, predicted)
    assert 0 <= once <= 1 and once <= history_coverage(history, predicted, "repeat")
    assert once == history_coverage(history, predicted[::-1] + predicted)
    assert once == sum(title in predicted for title in history) / len(history)


def test_an_unreadable_decision_is_wrong():
    assert [correct(True, True), correct(False, False), correct(True, False), correct(False, True)] == [1, 1, 0, 0]
    assert correct(True, None) == correct(False, None) == 0
    assert correct(np.bool_(True), np.bool_(True)) == 1


def test_random_hit_ratio_in_closed_form():
    assert expected_random_hit_ratio(1864) == pytest.approx(5 / 1864)
    assert expected_random_hit_ratio(3) == 1


def test_estimate_is_the_mean_with_an_interval_that_the_seed_decides():
    rng = np.random.default_rng(0)
    values, users = rng.random(200), np.repeat(np.arange(100), 2)
    first, again, other = (estimate(values, users, 300, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again and first.cases == 200 and first.mean == pytest.approx(values.mean())
    assert (first.low, first.high) != (other.low, other.high)
    assert first.low < first.mean < first.high
    same = estimate([0.5] * 10, range(10), 100, np.random.default_rng(0))
    assert (same.low, same.mean, same.high) == (0.5, 0.5, 0.5)
    alone = estimate([0.0, 1.0], [7, 7], 100, np.random.default_rng(0))
    assert (alone.low, alone.mean, alone.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("size", [1, 40])
def test_an_interval_is_that_of_a_plain_bootstrap_over_users(size):
    """One resample at a time, with the same draws: the mean over the cases of the users who were drawn."""
    rng = np.random.default_rng(size)
    users = rng.integers(0, size, 3 * size)
    cases = {user: rng.normal(size=(users == user).sum()) for user in np.unique(users)}
    values = np.empty(len(users))
    for user, own in cases.items():
        values[users == user] = own
    draws, names = np.random.default_rng(4).integers(len(cases), size=(200, len(cases))), list(cases)
    means = sorted(np.concatenate([cases[names[place]] for place in row]).mean() for row in draws)
    result = estimate(values, users, 200, np.random.default_rng(4))
    # 2.5 % of 199 steps between the 200 means is 4.975 steps from the end.
    assert result.low == pytest.approx(means[4] + 0.975 * (means[5] - means[4]))
    assert result.high == pytest.approx(means[195] - 0.975 * (means[195] - means[194]))


def test_the_order_and_the_names_of_users_do_not_matter():
    rng = np.random.default_rng(3)
    values, users = rng.random(60), np.repeat(np.arange(30), 2)
    order = rng.permutation(60)
    first = estimate(values, users, 200, np.random.default_rng(0))
    moved = estimate(values[order], users[order] * 5 + 2, 200, np.random.default_rng(0))
    assert (first.low, first.high) == pytest.approx((moved.low, moved.high))


def test_equal_cases_of_a_user_do_not_narrow_the_interval():
    """Users are resampled: a second, equal case of each user is no new evidence."""
    values = np.random.default_rng(0).integers(0, 2, 100)
    once = estimate(values, np.arange(100), 500, np.random.default_rng(1))
    twice = estimate(np.repeat(values, 2), np.repeat(np.arange(100), 2), 500, np.random.default_rng(1))
    assert (once.low, once.high) == pytest.approx((twice.low, twice.high))


def test_large_data_is_drawn_in_blocks_like_small():
    values = np.random.default_rng(0).random(50_000)
    result = estimate(values, np.arange(50_000), 100, np.random.default_rng(1))
    assert result.high - result.low == pytest.approx(2 * 1.96 * values.std() / 50_000**0.5, rel=0.3)


def test_intervals_cover_the_truth_about_95_times_in_100():
    rng = np.random.default_rng(5)
    covered = 0
    for trial in range(300):
        # Two dependent cases per user, each true with probability 0.6.
        first = rng.random(150) < 0.6
        second = np.where(rng.random(150) < 0.7, first, rng.random(150) < 0.6)
        users = np.repeat(np.arange(150), 2)
        result = estimate(np.stack([first, second], 1).ravel(), users, 300, np.random.default_rng(trial))
        covered += result.low <= 0.6 <= result.high
    # The standard error over 300 trials is 1.3 points.
    assert 0.90 <= covered / 300 <= 0.985
