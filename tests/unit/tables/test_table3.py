"""Table 3: means, intervals, the best system and its rivals, and how the judges agree."""

from math import erfc, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recexplainer.checking.wordiness import distinct_bigrams, has_no_reason, repeats_itself
from recexplainer.config.shown import Tabled
from recexplainer.errors import InputError
from recexplainer.explanation.texts import write_explanations
from recexplainer.judgement.judgements import write_judgements
from recexplainer.statistics.discovery import benjamini_hochberg
from recexplainer.tables.table3 import JUDGES, TABLE, compare, rate_systems, signed_rank, table3

NAMES = [f"{number:04d}" for number in range(8)]
RATINGS = {
    "base": [1, 2, 2, 1, 3, 2, 1, 2],
    "hybrid-full": [3, 3, 4, 1, 4, 3, 2, 2],
    "chatgpt": [1, 2, None, 1, 3, 2, 1, 2],
}
RIGHT = {
    "base": [False, True, True, False, True, True, True, True],
    "hybrid-full": [True, True, True, False, True, True, True, True],
    "chatgpt": [False] * 8,
}


def by_case(values: dict) -> dict:
    return {system: dict(zip(NAMES, row, strict=True)) for system, row in values.items()}


def write_files(folder, judges: dict[str, dict]) -> dict:
    """Write judgements and explanations of one dataset; return the arguments of :func:`table3`."""
    for judge, ratings in judges.items():
        rows = [
            {
                "case": name,
                "system": system,
                "judge": judge,
                "rating": rating,
                "reply": "",
                "attempts": 1,
                "reason": "",
                "failed": rating is None,
            }
            for system, values in ratings.items()
            for name, rating in zip(NAMES, values, strict=True)
        ]
        write_judgements(folder / f"{judge}.parquet", rows)
    for system, right in RIGHT.items():
        rows = [
            {
                "case": name,
                "prompt": "",
                "text": "",
                "label": place % 2 == 0,
                # A wrong decision may be one that cannot be read.
                "decision": place % 2 == 0 if value else (place % 2 == 1 if place else None),
                "score": 0.0,
                "finish": "stop",
            }
            for place, (name, value) in enumerate(zip(NAMES, right, strict=True))
        ]
        write_explanations(folder / f"e-{system}.parquet", rows)
    return {
        "judgements": [str(folder / f"{judge}.parquet") for judge in judges],
        "judgement_rows": [["games", judge] for judge in judges],
        "explanations": [str(folder / f"e-{system}.parquet") for system in RIGHT],
        "explanation_rows": [["games", system] for system in RIGHT],
        "settings": Tabled(bootstrap=400, names={"base": "vicuna-7b", "hybrid-full": "hybrid"}),
        "seed": 1,
        "output": str(folder / "table3.csv"),
        "judges": str(folder / "judges.csv"),
    }


def test_the_table_has_a_row_per_judge_and_system_with_the_numbers_by_hand(tmp_path):
    other = {system: [None if rating is None else 5 - rating for rating in row] for system, row in RATINGS.items()}
    table3(**write_files(tmp_path, {"rubric": RATINGS, "gpt-4": other}))
    table = pd.read_csv(tmp_path / "table3.csv")
    assert list(table.columns) == TABLE and set(table["dataset"]) == {"games"}
    assert list(table["judge"]) == ["rubric"] * 3 + ["gpt-4"] * 3
    assert list(table["method"][:3]) == ["vicuna-7b", "hybrid", "chatgpt"]
    base, hybrid, chatgpt = table.iloc[:3].to_dict("records")
    assert (base["cases"], base["failed"], base["rating"]) == (8, 0, 14 / 8)
    assert (chatgpt["cases"], chatgpt["failed"]) == (7, 1) and chatgpt["rating"] == pytest.approx(12 / 7)
    assert [row["best"] for row in (base, hybrid, chatgpt)] == [False, True, False]
    assert np.isnan(hybrid["p_value"]) and np.isnan(hybrid["p_adjusted"])
    assert [row["decision_accuracy"] for row in (base, hybrid, chatgpt)] == [6 / 8, 7 / 8, 0]
    # All texts are empty.
    assert table["without_reason"].tolist() == [1.0] * 6 and table["repeating"].tolist() == [0.0] * 6
    # The base's decisions 0 and 3 are wrong and rated 1; decision 6 is right and rated 1.
    assert base["judge_agreement"] == 7 / 8 and hybrid["judge_agreement"] == 1
    # All of chatgpt's are wrong; 0, 3 and 6 are rated 1; 2 is not rated.
    assert chatgpt["judge_agreement"] == pytest.approx(3 / 7)
    for row in (base, hybrid, chatgpt):
        assert 1 <= row["rating_low"] < row["rating"] < row["rating_high"] <= 4
    assert base["p_adjusted"] >= base["p_value"]
    judges = pd.read_csv(tmp_path / "judges.csv")
    assert list(judges.columns) == JUDGES and len(judges) == 1
    row = judges.iloc[0]
    assert (row["judge_a"], row["judge_b"], row["n"]) == ("rubric", "gpt-4", 23)
    assert row["spearman"] == pytest.approx(-1)
    flat = [rating for values in RATINGS.values() for rating in values if rating is not None]
    assert row["agreement"] == 0 and row["weighted_kappa"] == pytest.approx(weighted_kappa(flat, [5 - r for r in flat]))


NINE = "because they chose two others of the same kind"


@pytest.mark.parametrize(
    ("text", "without"),
    [
        (None, True),
        ("", True),
        ("Yes.", True),
        ("No, " + NINE, True),
        (NINE + " before", False),
        # A verdict counts at the beginning alone, and once.
        (f"Yes. {NINE} yes", False),
        ("**Yes** - " + NINE + " before", False),
        ("Yes! ... -- 1 2 3 4 5 6 7 8 9", True),
        ("Yes. It's the user's well-known taste for Children's films that counts", False),
    ],
)
def test_a_text_has_a_reason_from_ten_words_beyond_the_verdict_on(text, without):
    assert has_no_reason(text) is without


@pytest.mark.parametrize(
    ("text", "ratio"),
    [
        (None, 1.0),
        ("Yes", 1.0),
        ("a b c d", 1.0),
        ("The end. the END", 2 / 3),
        ("the history of the history of the history of", 3 / 8),
        ("a a a a a", 1 / 4),
        ("a b a b a b", 2 / 5),
        ("a b c a b", 3 / 4),
        ("a b c d a b c d a b", 4 / 9),
    ],
)
def test_distinct_bigrams_by_hand(text, ratio):
    assert distinct_bigrams(text) == pytest.approx(ratio)
    assert repeats_itself(text) is (ratio < 0.6)


def test_exactly_three_fifths_is_no_repetition():
    text = "a b c d a b"
    assert distinct_bigrams(text) == 4 / 5 and distinct_bigrams("a b c a b c") == 0.6
    assert not repeats_itself("a b c a b c") and repeats_itself("a b c a b c a")


def weighted_kappa(first: list[int], second: list[int]) -> float:
    """The textbook's form: 1 - sum(w * observed) / sum(w * expected) over the 4 x 4 tables."""
    observed = np.zeros((4, 4))
    for a, b in zip(first, second, strict=True):
        observed[a - 1, b - 1] += 1 / len(first)
    expected = np.outer(observed.sum(1), observed.sum(0))
    weights = np.subtract.outer(np.arange(4), np.arange(4)) ** 2
    return 1 - (weights * observed).sum() / (weights * expected).sum()


def test_the_same_files_give_the_same_bytes_and_the_seed_only_moves_the_ends(tmp_path):
    arguments = write_files(tmp_path, {"rubric": RATINGS})
    outputs = []
    for seed in (1, 1, 2):
        table3(**{**arguments, "seed": seed})
        outputs.append((tmp_path / "table3.csv").read_bytes())
    assert outputs[0] == outputs[1] != outputs[2]
    table = pd.read_csv(tmp_path / "table3.csv")
    assert table["rating"][0] == 14 / 8
    assert (tmp_path / "judges.csv").read_text().split() == [",".join(JUDGES)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"judgement_rows": []}, "one entry"),
        ({"explanation_rows": [["games", "base"]]}, "one entry"),
        ({"judgement_rows": [["steam", "rubric"]]}, "base: expected one row for each explanation of steam"),
    ],
)
def test_rows_that_do_not_fit_the_files_are_refused(tmp_path, change, message):
    arguments = write_files(tmp_path, {"rubric": RATINGS})
    with pytest.raises(InputError, match=message):
        table3(**{**arguments, **change})


def test_judgements_of_too_few_cases_are_refused(tmp_path):
    arguments = write_files(tmp_path, {"rubric": RATINGS})
    two = [{"case": n, "system": "base", "judge": "rubric", "rating": 1, "reply": ""} for n in NAMES[:2]]
    rows = [row | {"attempts": 1, "reason": "", "failed": False} for row in two]
    write_judgements(tmp_path / "rubric.parquet", rows)
    with pytest.raises(InputError, match=r"rubric\.parquet: base: expected one row"):
        table3(**arguments)


def test_signed_rank_is_the_formula_with_the_correction_for_ties():
    first, second = [3, 3, 4, 1, 4, 3, 2, 2], [1, 2, 2, 1, 3, 2, 1, 2]
    # Differences 2 1 2 0 1 1 1 0: four of size 1 with rank 2.5, two of size 2 with rank 5.5, all positive.
    count, ranks = 6, [5.5, 2.5, 5.5, 2.5, 2.5, 2.5]
    variance = count * (count + 1) * (2 * count + 1) / 24 - (4**3 - 4 + 2**3 - 2) / 48
    z = (sum(ranks) - count * (count + 1) / 4) / sqrt(variance)
    a, b = (dict(zip(NAMES, row, strict=True)) for row in (first, second))
    assert signed_rank(a, b) == pytest.approx(erfc(abs(z) / sqrt(2)))
    assert signed_rank(b, a) == pytest.approx(signed_rank(a, b))
    assert signed_rank(a, a) == 1
    assert signed_rank(a, {name: None for name in NAMES}) == 1


def test_cases_without_a_rating_of_both_do_not_count():
    a = dict(zip(NAMES, [3, 3, 4, 1, 4, 3, 2, 2], strict=True))
    b = dict(zip(NAMES, [1, 2, 2, None, 3, 2, 1, None], strict=True))
    kept = [name for name in NAMES if b[name] is not None]
    assert signed_rank(a, b) == signed_rank({name: a[name] for name in kept}, {name: b[name] for name in kept})


@settings(derandomize=True, max_examples=100)
@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=8))
def test_benjamini_hochberg_is_its_definition(values):
    """The adjusted value of the i-th smallest is the least of p_j m / j over j >= i, at most 1."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    expected = [0.0] * len(values)
    for rank, index in enumerate(order, 1):
        later = [values[order[j - 1]] * len(values) / j for j in range(rank, len(values) + 1)]
        expected[index] = min(1.0, *later)
    assert benjamini_hochberg(values) == pytest.approx(expected)


def test_no_p_values_are_adjusted_to_none():
    assert benjamini_hochberg([]) == []
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])


def test_the_best_is_the_first_of_equals_and_a_system_without_ratings_is_never_best():
    ratings = by_case({"a": [None] * 8, "b": [2] * 8, "c": [2] * 8})
    rows = rate_systems(ratings, by_case({name: [True] * 8 for name in "abc"}), 50, 1, "games")
    assert [row["best"] for row in rows] == [False, True, False]
    assert rows[0]["rating"] is None and rows[0]["failed"] == 8 and rows[0]["p_value"] is None
    assert (rows[2]["p_value"], rows[2]["p_adjusted"]) == (1, 1)
    assert (rows[1]["rating_low"], rows[1]["rating"], rows[1]["rating_high"]) == (2, 2, 2)
    nothing = rate_systems(by_case({"a": [None] * 8}), by_case({"a": [True] * 8}), 50, 1, "games")
    assert [row["best"] for row in nothing] == [False]


def test_systems_are_resampled_alike_and_datasets_are_not():
    ratings = by_case({"a": RATINGS["base"], "b": RATINGS["base"]})
    right = by_case({"a": RIGHT["base"], "b": RIGHT["base"]})
    ends = [
        (row["rating_low"], row["rating_high"])
        for dataset in ("games", "steam")
        for row in rate_systems(ratings, right, 37, 1, dataset)
    ]
    assert ends[0] == ends[1] and ends[2] == ends[3] != ends[0]


def test_a_clear_difference_is_significant_and_chance_is_not():
    rng = np.random.default_rng(0)
    names = [f"{number:04d}" for number in range(200)]
    low = rng.integers(1, 4, 200)
    ratings = {"low": low, "high": low + (rng.random(200) < 0.3), "same": rng.permutation(low)}
    ratings = {name: dict(zip(names, map(int, row), strict=True)) for name, row in ratings.items()}
    right = {name: dict.fromkeys(names, True) for name in ratings}
    rows = {row["method"]: row for row in rate_systems(ratings, right, 100, 1, "games")}
    assert rows["high"]["best"] and rows["low"]["p_adjusted"] < 1e-6
    assert signed_rank(ratings["low"], ratings["same"]) > 0.05


def test_agreement_of_judges_by_hand():
    ratings = by_case(RATINGS)
    same = compare(ratings, ratings)
    assert same == {"n": 23, "weighted_kappa": 1, "spearman": pytest.approx(1), "agreement": 1}
    one = {"base": {"0000": 3, "0001": None}}
    assert compare(one, {"base": {"0000": None, "0001": 2}})["n"] == 0
    assert compare(one, {"hybrid-full": {"0000": 3}})["n"] == 0
    constant = compare(one, {"base": {"0000": 3}})
    assert constant["n"] == 1 and constant["agreement"] == 1 and np.isnan(constant["spearman"])
