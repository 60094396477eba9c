"""Numbers of the tables against other programs' (scikit-learn, SciPy), or against a simulation with a known truth.

What has an oracle beside its other tests is not repeated here: SASRec's forward pass (test_sasrec.py), alpha and kappa
by their definitions and the published example (test_study.py), the interval of a mean (test_metrics.py), the labels
(test_export.py), the k-core (test_filter.py).
"""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, kstest, permutation_test, rankdata
from sklearn.metrics import accuracy_score, cohen_kappa_score, ndcg_score, top_k_accuracy_score

from recexplainer.evaluation.metrics import correct, hit_ratio, ranking_gains, ranking_ndcg, retrieval_ndcg
from recexplainer.recommender import evaluation as recommender
from recexplainer.recommender.histories import Histories
from recexplainer.seeds import make_rng
from recexplainer.statistics.agreement import krippendorff_alpha, weighted_kappa
from recexplainer.statistics.paired import holm, paired_bootstrap
from recexplainer.tables.table3 import signed_rank

TITLES = ["a", "b", "c", "d", "e"]
FEW = settings(derandomize=True, max_examples=60, deadline=None)


# Metrics of table 2


@FEW
@given(st.permutations(TITLES))
def test_ranking_ndcg_is_scikit_learns(order):
    """A whole order of the candidates is a score for each: the earlier, the higher."""
    gains = np.array([ranking_gains()])
    scores = np.array([[-order.index(title) for title in TITLES]])
    assert ranking_ndcg(TITLES, order) == pytest.approx(ndcg_score(gains, scores))


@FEW
@given(st.permutations([f"t{number}" for number in range(8)]), st.integers(0, 7))
def test_retrieval_metrics_are_scikit_learns(answer, target):
    relevant = np.array([[float(number == target) for number in range(8)]])
    scores = np.array([[-answer.index(f"t{number}") for number in range(8)]])
    assert retrieval_ndcg(f"t{target}", answer) == pytest.approx(ndcg_score(relevant, scores, k=5))
    assert hit_ratio(f"t{target}", answer) == top_k_accuracy_score([target], scores, k=5, labels=range(8))


@FEW
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=20))
def test_accuracy_is_scikit_learns(pairs):
    right, said = zip(*pairs, strict=True)
    assert np.mean([correct(a, b) for a, b in pairs]) == pytest.approx(accuracy_score(right, said))


def test_the_recommenders_metrics_are_scikit_learns_over_the_items_that_are_not_in_the_history():
    rng = np.random.default_rng(0)
    histories = Histories.from_sequences([rng.permutation(40)[: rng.integers(3, 9)].tolist() for _ in range(50)], 40)
    scores = rng.normal(size=(len(histories), 40))
    targets = histories.test_targets()
    ranks = recommender.target_ranks(histories, targets, lambda rows: scores[rows].copy(), batch_size=7)
    for place, target in enumerate(targets):
        history = histories.items[target - histories.length[target] + 1 : target]
        unseen = np.setdiff1d(np.arange(40), history)
        relevant = (unseen == histories.items[target]).astype(float)[None]
        for k in recommender.CUTOFFS:
            expected = ndcg_score(relevant, scores[target - 1, unseen][None], k=k)
            assert recommender.ndcg(ranks, k)[place] == pytest.approx(expected)
            assert recommender.hit_ratio(ranks, k)[place] == (expected > 0)


# Agreement


@FEW
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=2, max_size=40))
def test_weighted_kappa_is_scikit_learns(pairs):
    first, second = zip(*pairs, strict=True)
    if len(set(first) | set(second)) > 1:
        expected = cohen_kappa_score(first, second, labels=[1, 2, 3, 4], weights="quadratic")
        assert weighted_kappa(first, second) == pytest.approx(expected)


def test_weighted_kappa_of_cohens_published_example():
    """Cohen (1968), table 1: three diagnoses by two doctors, 200 patients; kappa without weights is 0.492.

    With two categories, squared weights are the same as none, so that each diagnosis against the others is Cohen's
    (1960) kappa: the formula (p_o - p_e) / (1 - p_e) from the margins.
    """
    table = np.array([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
    pairs = [(i, j) for i, j in product(range(3), range(3)) for _ in range(table[i, j])]
    assert cohen_kappa_score(*zip(*pairs, strict=True)) == pytest.approx(0.492, abs=0.0005)
    shares, margins = table / 200, (table.sum(1) / 200, table.sum(0) / 200)
    for k in range(3):
        observed = 1 - margins[0][k] - margins[1][k] + 2 * shares[k, k]
        chance = margins[0][k] * margins[1][k] + (1 - margins[0][k]) * (1 - margins[1][k])
        first, second = (np.array([pair[side] == k for pair in pairs], dtype=float) for side in (0, 1))
        assert weighted_kappa(first, second) == pytest.approx((observed - chance) / (1 - chance))


def test_alpha_of_krippendorffs_published_two_coder_examples():
    """Krippendorff (2011), sections A and B: binary data of two observers, and nominal data of two observers."""
    binary = [[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]]
    assert krippendorff_alpha(np.array(binary, dtype=float), ordinal=False) == pytest.approx(0.095, abs=0.0005)
    letters = ["a a b b d c c c e d d a".split(), "b a b b b c c c e d d d".split()]
    codes = np.array([["abcde".index(letter) for letter in row] for row in letters], dtype=float)
    assert krippendorff_alpha(codes, ordinal=False) == pytest.approx(0.692, abs=0.0005)


# Tests of differences


@pytest.mark.parametrize("seed", range(4))
def test_the_signed_rank_test_is_near_the_exact_one(seed):
    """Every sign of every difference alike: the permutation test has no approximation."""
    rng = np.random.default_rng(seed)
    first, second = rng.integers(1, 5, 60), rng.integers(1, 5, 60)
    cases = [f"{number}" for number in range(60)]
    found = signed_rank(dict(zip(cases, first.tolist(), strict=True)), dict(zip(cases, second.tolist(), strict=True)))
    differences = (first - second)[first != second]
    ranks = rankdata(np.abs(differences))
    exact = permutation_test(
        (np.sign(differences) * ranks,),
        lambda x, axis: x.sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=20_000,
        rng=np.random.default_rng(1),
    )
    assert found == pytest.approx(exact.pvalue, abs=0.02)


def test_p_values_without_a_difference_are_uniform():
    rng = np.random.default_rng(7)
    values = []
    for _ in range(400):
        first, second = rng.integers(1, 5, 80), rng.integers(1, 5, 80)
        values.append(signed_rank(dict(enumerate(first.tolist())), dict(enumerate(second.tolist()))))
    assert kstest(values, "uniform").pvalue > 0.01


def frame(values: np.ndarray) -> pd.DataFrame:
    """Cases of 60 users, two each."""
    return pd.DataFrame({"sample": range(len(values)), "user": np.repeat(range(60), 2), "value": values})


def test_the_paired_bootstrap_covers_the_true_difference_and_errs_as_seldom_as_it_says():
    """Two systems, 0.1 apart on average, with cases of one user alike; then none apart."""
    rng = np.random.default_rng(11)
    covered, false_alarms, trials = 0, 0, 300
    for trial in range(trials):
        user = np.repeat(rng.normal(0, 0.2, 60), 2)
        noise = rng.normal(0, 0.3, 120) + user
        shared = rng.normal(0, 1, 120)
        ahead = paired_bootstrap(frame(shared + 0.1 + noise), frame(shared), 300, make_rng(trial))
        covered += ahead.low <= 0.1 <= ahead.high
        level = paired_bootstrap(frame(shared + noise), frame(shared), 300, make_rng(trial))
        false_alarms += level.p_value <= 0.05
    assert binomtest(covered, trials, 0.94).pvalue > 0.01
    assert binomtest(false_alarms, trials, 0.06).pvalue > 0.01


def test_the_intervals_of_the_recommenders_table_cover_the_truth():
    """Every user hits with probability 0.3 among the first five."""
    rng = np.random.default_rng(5)
    covered = 0
    for trial in range(200):
        ranks = np.where(rng.random(150) < 0.3, rng.integers(0, 5, 150), 50)
        row = recommender.metrics_table({"model": ranks}, seed=trial, bootstrap=200).iloc[0]
        covered += row["hr5_low"] <= 0.3 <= row["hr5_high"]
    assert binomtest(covered, 200, 0.945).pvalue > 0.01


def test_holm_keeps_the_chance_of_any_false_alarm():
    """Five true hypotheses and one false one: at 0.05, one of the five is rejected in at most 5 % of trials."""
    rng = np.random.default_rng(2)
    alarms = sum(min(holm([*rng.random(5), rng.random() * 1e-6])[:5]) <= 0.05 for _ in range(2000))
    assert alarms / 2000 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 2000)
    assert alarms / 2000 >= 0.03  # and no more careful than it has to be
