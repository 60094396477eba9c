"""The study with people: a fair and blind draw, checked files, agreement against published numbers, figure 3."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from itertools import combinations, permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recexplainer.config.evaluation import Resampled
from recexplainer.config.explanation import Collected, DrawnStudy
from recexplainer.config.shown import Tabled
from recexplainer.errors import InputError
from recexplainer.figures.figure3 import distribution, figure3
from recexplainer.files import read_json, write_json, write_parquet
from recexplainer.statistics.agreement import krippendorff_alpha, spearman, weighted_kappa
from recexplainer.study.collect import collect_ratings
from recexplainer.study.draw import draw_study
from recexplainer.study.page import duration, load_levels
from recexplainer.study.ratings import read_comments, read_ratings
from recexplainer.study.simulate import simulate_raters
from recexplainer.tables.human import agreement_table, mean_ratings, table_human
from recexplainer.typed import checked

ROOT = Path(__file__).parents[3]
PROMPTS = ROOT / "config/prompts/explanation.yaml"
SYSTEMS = ["base", "chatgpt", "behavior-full", "intention-full", "hybrid-full"]
RATERS = ["ann", "Ben_2", "c-3"]
HOSTILE = ["</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"it\'s" & <b>', "a\u2028b", "<!--"]
SETTINGS = {"dataset": "Games & <img src=x>", "cases": 8, "raters": RATERS}
NAN = float("nan")


def small_study(folder: Path, cases: int = 20, positive: int = 10, **changes) -> dict:
    """Write cases, texts of five systems and a judge's ratings; draw a study; return the key and paths by name."""
    titles = [f"{HOSTILE[i % len(HOSTILE)]} {i}" for i in range(cases)]
    rows = [
        {
            "case": f"{i:04}",
            "label": i < positive,
            "history": [f"history {i} {j}" for j in range(1 + i % 4)],
            "title": titles[i],
            "tags": "" if i % 2 else "tag",
            "brand": "brand",
            "feature": "",
            "description": HOSTILE[i % 5],
        }
        for i in range(cases)
    ]
    write_parquet(folder / "cases.parquet", pd.DataFrame(rows))
    names = sorted({name for row in rows for name in row["history"]})
    facts = {"tags": [f"tag of {name} <b>" for name in names], "brand": "", "feature": "word " * 100}
    write_parquet(folder / "items.parquet", pd.DataFrame({"title": names, **facts}))
    judged = []
    for place, system in enumerate(SYSTEMS):
        texts = [{"case": row["case"], "text": f"Yes. text {i} {place} {HOSTILE[i % 5]}"} for i, row in enumerate(rows)]
        write_parquet(folder / f"{system}.parquet", pd.DataFrame(texts))
        for i, row in enumerate(rows):
            judged.append({"case": row["case"], "system": system, "judge": "rubric", "rating": 1 + (i + place) % 4})
    write_parquet(folder / "rubric.parquet", pd.DataFrame(judged))
    draw(folder, **changes)
    return {"key": read_json(folder / "study/key.json"), "rows": {row["case"]: row for row in rows}}


def draw(folder: Path, seed: int = 1, output: str = "study", **changes) -> None:
    draw_study(
        cases=str(folder / "cases.parquet"),
        items=str(folder / "items.parquet"),
        explanations=[str(folder / f"{system}.parquet") for system in SYSTEMS],
        systems=SYSTEMS,
        prompts=str(PROMPTS),
        settings=checked(DrawnStudy, SETTINGS | changes),
        seed=seed,
        output_dir=str(folder / output),
    )


class Reader(HTMLParser):
    """Collects what a browser would see: tags, and the content of scripts."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.scripts = Counter(), [], []

    def handle_starttag(self, tag, attributes):
        self.tags[tag] += 1
        self.attributes += attributes
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def read_page(path: Path) -> tuple[Reader, dict]:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader, json.loads(reader.scripts[0])


# Drawing


def test_each_rater_gets_every_text_of_the_drawn_cases_once(tmp_path):
    study = small_study(tmp_path)
    key = study["key"]
    wanted = {(what["case"], what["system"]) for what in key["texts"].values()}
    drawn = {case for case, _ in wanted}
    assert len(drawn) == 8
    assert wanted == {(case, system) for case in drawn for system in SYSTEMS}
    for rater in RATERS:
        _, page = read_page(tmp_path / f"study/pages/{rater}.html")
        ids = [text["id"] for item in page["cases"] for text in item["texts"]]
        assert sorted(ids) == sorted(key["texts"])
        for item in page["cases"]:
            for text in item["texts"]:
                what = key["texts"][text["id"]]
                row = study["rows"][what["case"]]
                number = int(what["case"])
                assert text["text"] == f"Yes. text {number} {SYSTEMS.index(what['system'])} {HOSTILE[number % 5]}"
                assert (item["title"], item["history"], item["label"]) == (row["title"], row["history"], row["label"])
                assert item["facts"] == {name: row[name] for name in ("tags", "brand", "description") if row[name]}


def test_facts_stand_beside_the_titles_of_the_histories(tmp_path):
    small_study(tmp_path)
    _, page = read_page(tmp_path / "study/pages/ann.html")
    assert set(page["items"]) == {name for item in page["cases"] for name in item["history"]}
    for name, line in page["items"].items():
        # What is empty leaves no gap, and what is long is cut between words.
        assert line.startswith(f"tag of {name} <b> · word word")
        assert line.endswith("word …")
        assert len(line) <= 120
    frame = pd.read_parquet(tmp_path / "items.parquet")
    write_parquet(tmp_path / "items.parquet", frame[frame["title"] != min(page["items"])])
    with pytest.raises(InputError, match=f"items.parquet: no item '{min(page['items'])}', which .*cases.parquet has"):
        draw(tmp_path, output="again")


def test_the_page_tells_how_long_it_takes():
    def words(count: int, texts: int) -> list[dict]:
        return [{"texts": [{"text": "word " * count}] * texts}]

    assert duration(words(0, 1)) == "5 minutes"
    # Ten texts: 20 seconds each and 1000 words at 200 a minute.
    assert duration(words(100, 10)) == "10 minutes"
    assert duration(words(100, 72)) == "1 hour"
    assert duration(words(100, 600)) == "8.5 hours"


@pytest.mark.parametrize("positive, wanted", [(10, 4), (2, 2), (19, 7), (0, 0), (20, 8)])
def test_half_of_the_cases_are_positive_as_far_as_possible(tmp_path, positive, wanted):
    small_study(tmp_path, positive=positive)
    _, page = read_page(tmp_path / "study/pages/ann.html")
    assert len(page["cases"]) == 8
    assert sum(item["label"] for item in page["cases"]) == wanted


def test_all_cases_when_there_are_fewer(tmp_path):
    assert len(small_study(tmp_path, cases=6, positive=3)["key"]["texts"]) == 6 * len(SYSTEMS)


def test_pages_name_no_system_and_no_case(tmp_path):
    small_study(tmp_path)
    for rater in RATERS:
        _, page = read_page(tmp_path / f"study/pages/{rater}.html")
        assert not [name for name in SYSTEMS if name in json.dumps(page)]
        assert set(page) == {"study", "rater", "dataset", "levels", "items", "cases"}
        for item in page["cases"]:
            assert set(item) == {"history", "title", "facts", "label", "texts"}
            assert all(set(text) == {"id", "text"} for text in item["texts"])
            assert all(re.fullmatch("[0-9a-f]{12}", text["id"]) for text in item["texts"])


def test_orders_differ_between_raters_and_give_no_system_a_place(tmp_path):
    small_study(tmp_path, 300, 150)
    draw(tmp_path, output="all", cases=300)
    key = read_json(tmp_path / "all/key.json")
    places, orders = Counter(), []
    for rater in RATERS:
        _, page = read_page(tmp_path / f"all/pages/{rater}.html")
        orders.append([key["texts"][item["texts"][0]["id"]]["case"] for item in page["cases"]])
        for item in page["cases"]:
            for place, text in enumerate(item["texts"]):
                places[key["texts"][text["id"]]["system"], place] += 1
    assert all(a != b for a, b in combinations(orders, 2))
    assert all(order != sorted(order) for order in orders)
    # 900 texts per system over five places: 180 each, give or take 12.
    assert len(places) == 25
    assert all(180 - 60 < count < 180 + 60 for count in places.values())


def test_the_draw_depends_on_seed_and_content_alone(tmp_path):
    key = small_study(tmp_path)["key"]
    draw(tmp_path, output="again")
    for name in ("key.json", *(f"pages/{rater}.html" for rater in RATERS)):
        assert (tmp_path / "study" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    draw(tmp_path, seed=2, output="other")
    other = read_json(tmp_path / "other/key.json")
    assert other["study"] != key["study"]
    assert not set(other["texts"]) & set(key["texts"])
    frame = pd.read_parquet(tmp_path / "base.parquet")
    frame["text"] = frame["text"] + "!"
    write_parquet(tmp_path / "base.parquet", frame)
    draw(tmp_path, output="changed")
    assert read_json(tmp_path / "changed/key.json")["study"] != key["study"]


def test_markup_in_titles_and_texts_makes_no_element(tmp_path):
    small_study(tmp_path)
    plain, _ = read_page(tmp_path / "study/pages/ann.html")
    assert plain.tags["script"] == 2
    assert plain.tags["img"] == 0
    html = (tmp_path / "study/pages/ann.html").read_text(encoding="utf-8")
    assert "alert(1)</script>" not in html
    assert "\u2028" not in html


def test_the_page_loads_nothing_and_its_policy_holds_the_digests_of_its_code(tmp_path):
    small_study(tmp_path)
    reader, _ = read_page(tmp_path / "study/pages/ann.html")
    links = [value for name, value in reader.attributes if name in ("src", "href", "action", "srcset")]
    assert links == ["data:,"]
    assert not [name for name, _ in reader.attributes if name.startswith("on") or name == "style"]
    policy = next(value for name, value in reader.attributes if value and value.startswith("default-src 'none'"))
    assert "unsafe" not in policy
    html = (tmp_path / "study/pages/ann.html").read_text(encoding="utf-8")
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    for kind, code in (("script", reader.scripts[1]), ("style", style)):
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert not re.search(r"fetch\(|XMLHttpRequest|WebSocket|innerHTML|eval\(", reader.scripts[1])


@pytest.mark.parametrize(
    "raters", [[], ["a", "a"], ["a", "A"], ["../a"], ["a b"], [""], ["a\n"], ["x" * 41], [3], ["ä"]]
)
def test_unfit_names_of_raters_are_refused(tmp_path, raters):
    with pytest.raises(InputError, match="raters"):
        small_study(tmp_path, raters=raters)
    assert not (tmp_path / "study").exists()


def test_texts_that_do_not_fit_the_cases_are_refused(tmp_path):
    small_study(tmp_path)
    frame = pd.read_parquet(tmp_path / "chatgpt.parquet")
    write_parquet(tmp_path / "chatgpt.parquet", frame.iloc[:0])
    with pytest.raises(InputError, match=r"chatgpt.parquet: case \d{4} is missing"):
        draw(tmp_path)
    write_parquet(tmp_path / "chatgpt.parquet", pd.concat([frame, frame.iloc[:1]]))
    with pytest.raises(InputError, match="several rows"):
        draw(tmp_path)
    with pytest.raises(InputError, match="expected one each"):
        cases, items = (str(tmp_path / f"{name}.parquet") for name in ("cases", "items"))
        draw_study(
            cases=cases,
            items=items,
            explanations=["x"],
            systems=SYSTEMS,
            prompts=str(PROMPTS),
            settings=DrawnStudy(**SETTINGS),
            seed=1,
            output_dir=str(tmp_path),
        )


def test_levels_of_the_configuration():
    levels = load_levels(PROMPTS)
    assert len(levels) == 4
    assert all(set(level) == {"name", "text"} for level in levels)


@pytest.mark.parametrize(
    "content, named",
    [
        ("levels: [", "not valid YAML"),
        ("a: 1", "levels"),
        ("levels: [{name: a, text: b}]", "four levels"),
        ("levels: [{name: a, text: b}, {name: a}, {name: a, text: b}, {name: a, text: b}]", "level 2: text"),
        ("levels: [{name: a, text: b}, 3, {name: a, text: b}, {name: a, text: b}]", "level 2: name"),
    ],
)
def test_bad_levels_are_named(tmp_path, content, named):
    (tmp_path / "p.yaml").write_text(content)
    with pytest.raises(InputError, match=f"p.yaml.*{named}"):
        load_levels(tmp_path / "p.yaml")
    with pytest.raises(InputError, match="no such file"):
        load_levels(tmp_path / "absent.yaml")


# The raters' files

KEY = {
    "study": "s1",
    "dataset": "games",
    "raters": ["a", "b"],
    "systems": ["x", "y"],
    "texts": {f"t{i}": {"case": f"000{i // 2}", "system": "xy"[i % 2]} for i in range(4)},
}
WHOLE = {"t0": 1, "t1": 2, "t2": 3, "t3": 4}


def returned(folder: Path, name: str, ratings: dict = WHOLE, /, **changes) -> str:
    path = folder / f"{name}.json"
    content = {"study": "s1", "rater": name, "simulated": False, "ratings": ratings}
    path.write_text(json.dumps(content | changes))  # it comes from outside
    return str(path)


def test_whole_files_become_one_row_per_rating(tmp_path):
    paths = [returned(tmp_path, "b", {"t0": 4, "t1": 4, "t2": 4, "t3": 4}), returned(tmp_path, "a")]
    frame = read_ratings(paths, KEY)
    assert list(frame["rater"]) == ["a"] * 4 + ["b"] * 4
    assert list(frame["rating"]) == [1, 2, 3, 4, 4, 4, 4, 4]
    assert list(frame["system"]) == list("xyxy") * 2
    assert not frame["simulated"].any()


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"study": "s2"}, "a.json: study s2, expected s1"),
        ({"rater": "z"}, "a.json: rater 'z' is unknown"),
        ({"simulated": None}, "a.json: simulated"),
        ({"ratings": [1, 2]}, "a.json: ratings"),
        ({"ratings": WHOLE | {"zz": 1}}, "a.json: zz: not a text"),
        *[({"ratings": WHOLE | {"t2": bad}}, "a.json: t2: rating") for bad in (0, 5, 2.5, 3.0, "3", None, True, [1])],
        ({"comments": ["t0"]}, "a.json: comments: of another kind"),
        ({"comments": {"zz": "?"}}, "a.json: zz: not a text"),
        *[
            ({"comments": {"t2": bad}}, "a.json: t2: comment")
            for bad in (None, 3, ["a"], {"a": 1}, "x" * 1001, "half of \ud83d")
        ],
        ({"ratings": {"t0": 1, "t3": 4}}, "a.json: 2 of 4 texts have no rating, the first t1"),
        ({"simulated": True}, "simulated ratings beside"),
    ],
)
def test_bad_files_are_refused_by_name(tmp_path, changes, named):
    paths = [returned(tmp_path, "a", **changes), returned(tmp_path, "b")]
    with pytest.raises(InputError, match=re.escape(named)) as caught:
        read_ratings(paths, KEY)
    assert "\n" not in str(caught.value)


def test_comments_come_in_the_order_of_the_key_with_or_without_a_rating(tmp_path):
    markup = '=cmd() <img src=x onerror="1">\n, "quoted" \u202e'
    paths = [
        returned(tmp_path, "b", {"t0": 4}, comments={"t3": "cannot judge", "t0": markup}),
        returned(tmp_path, "a", {"t0": 1}, comments={"t1": "  \n", "t0": "x" * 1000}),
    ]
    comments = read_comments(paths, KEY)
    assert [(row["rater"], row["text"], row["system"], row["rating"]) for row in comments] == [
        ("a", "t0", "x", 1),
        ("b", "t0", "x", 4),
        ("b", "t3", "y", None),
    ]
    assert [row["comment"] for row in comments] == ["x" * 1000, markup, "cannot judge"]
    assert read_ratings(paths, KEY, allow_incomplete=True)["rating"].tolist() == [1, 4]
    # Files of pages that had no comments.
    assert read_comments([returned(tmp_path, "a"), returned(tmp_path, "b")], KEY) == []


@pytest.mark.parametrize(
    "text, named",
    [
        ("", "not valid JSON"),
        ("[]", "study: missing"),
        ('{"study": "s1", "rater": "a", "simulated": false, "ratings": {"t0": 1, "t0": 2}}', "t0: occurs twice"),
        ('{"study": "s1", "study": "s1"}', "study: occurs twice"),
        ("[" * 100_000, "not valid JSON"),
        ('{"study": "s1", "rater": "a", "simulated": false, "ratings": {"t0": NaN}}', "t0: rating nan"),
    ],
)
def test_unreadable_files_are_refused_by_name(tmp_path, text, named):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=f"a.json: {named}"):
        read_ratings([str(tmp_path / "a.json"), returned(tmp_path, "b")], KEY)


def test_each_rater_sends_one_file(tmp_path):
    path = returned(tmp_path, "a")
    with pytest.raises(InputError, match="no file of rater b"):
        read_ratings([path], KEY)
    with pytest.raises(InputError, match="already sent"):
        read_ratings([path, path], KEY)
    with pytest.raises(InputError, match="no such file"):
        read_ratings([path, str(tmp_path / "absent.json")], KEY)
    with pytest.raises(InputError, match="no files"):
        read_ratings([], KEY)


def test_incomplete_files_are_taken_when_allowed_and_nothing_else_is(tmp_path):
    path = returned(tmp_path, "a", {"t1": 2})
    frame = read_ratings([path], KEY, allow_incomplete=True)
    assert frame[["rater", "text", "rating"]].values.tolist() == [["a", "t1", 2]]
    with pytest.raises(InputError, match="t1: rating 9"):
        read_ratings([returned(tmp_path, "a", {"t1": 9})], KEY, allow_incomplete=True)
    with pytest.raises(InputError, match="no rating at all"):
        read_ratings([returned(tmp_path, "a", {})], KEY, allow_incomplete=True)


def test_a_byte_order_mark_does_no_harm(tmp_path):
    path = Path(returned(tmp_path, "a"))
    path.write_text("\ufeff" + path.read_text())
    assert len(read_ratings([str(path), returned(tmp_path, "b")], KEY)) == 8


# Agreement

# Krippendorff (2011), "Computing Krippendorff's alpha-reliability": 4 observers, 12 units, gaps.
PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)
GAPPY = st.lists(
    st.lists(st.sampled_from([1.0, 2.0, 3.0, 4.0, NAN]), min_size=3, max_size=3), min_size=2, max_size=12
).map(lambda rows: np.array(rows).T)


def brute_alpha(ratings: np.ndarray) -> float:
    """Ordinal alpha from its definition: mean distance within texts over mean distance between any two ratings."""
    units = [[x for x in unit if not np.isnan(x)] for unit in ratings.T]
    units = [unit for unit in units if len(unit) >= 2]
    everything = [x for unit in units for x in unit]

    def distance(a, b):
        low, high = min(a, b), max(a, b)
        between = sum(low <= x <= high for x in everything)
        return (between - (everything.count(a) + everything.count(b)) / 2) ** 2 if a != b else 0.0

    within = sum(sum(distance(a, b) for a, b in permutations(unit, 2)) / (len(unit) - 1) for unit in units)
    between = sum(distance(a, b) for a, b in permutations(everything, 2)) / max(len(everything) - 1, 1)
    return 1 - within / between if between else NAN


def test_alpha_of_the_published_example():
    assert krippendorff_alpha(PUBLISHED) == pytest.approx(0.815, abs=0.0005)
    assert krippendorff_alpha(PUBLISHED, ordinal=False) == pytest.approx(0.743, abs=0.0005)


@settings(max_examples=60, deadline=None)
@given(GAPPY)
def test_alpha_is_its_definition(ratings):
    assert krippendorff_alpha(ratings) == pytest.approx(brute_alpha(ratings), nan_ok=True)


def test_alpha_at_its_ends():
    assert krippendorff_alpha(np.array([[1.0, 2, 3, 4]] * 3)) == 1
    assert np.isnan(krippendorff_alpha(np.full((3, 5), 2.0)))
    assert np.isnan(krippendorff_alpha(np.array([[1.0, NAN], [NAN, 2.0]])))
    rng = np.random.default_rng(0)
    assert abs(krippendorff_alpha(rng.integers(1, 5, (3, 4000)).astype(float))) < 0.03


def brute_kappa(first: list[int], second: list[int]) -> float:
    """From the matrix of counts and weights, as Cohen (1968) has it."""
    counts, weights = np.zeros((4, 4)), np.zeros((4, 4))
    for a, b in zip(first, second, strict=True):
        counts[a - 1, b - 1] += 1
    for i in range(4):
        for j in range(4):
            weights[i, j] = (i - j) ** 2 / 9
    chance = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    expected = (weights * chance).sum()
    return 1 - (weights * counts).sum() / expected if expected else NAN


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=30))
def test_kappa_is_its_definition(pairs):
    first, second = zip(*pairs, strict=True)
    assert weighted_kappa(first, second) == pytest.approx(brute_kappa(first, second), nan_ok=True)


def test_kappa_by_hand():
    assert weighted_kappa([1, 2, 3, 4], [1, 2, 3, 4]) == 1
    assert weighted_kappa([1, 4], [4, 1]) == -1
    # One of four is one level off; the 16 pairs are 0 1 4 4, 1 0 1 1, 4 1 0 0 and 9 4 1 1 apart, squared.
    assert weighted_kappa([1, 2, 3, 4], [1, 2, 3, 3]) == pytest.approx(1 - 0.25 / (32 / 16))
    assert np.isnan(weighted_kappa([2, 2], [2, 2]))
    assert np.isnan(weighted_kappa([], []))


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=30))
@pytest.mark.filterwarnings("ignore::scipy.stats.ConstantInputWarning")
def test_spearman_is_scipys(pairs):
    from scipy.stats import spearmanr

    first, second = map(np.array, zip(*pairs, strict=True))
    wanted = spearmanr(first, second).statistic if len(pairs) > 1 else NAN
    assert spearman(first, second) == pytest.approx(wanted, nan_ok=True)


def test_table_of_agreements(tmp_path):
    a, b = {"t0": 1, "t1": 2, "t2": 3, "t3": 4}, {"t0": 1, "t1": 2, "t2": 3}
    frame = read_ratings([returned(tmp_path, "a", a), returned(tmp_path, "b", b)], KEY, allow_incomplete=True)
    judge = pd.DataFrame(
        {
            "case": ["0000", "0000", "0001", "0001", "0009"],
            "system": list("xyxyx"),
            "judge": "gpt-4",
            "rating": pd.array([4, 3, 2, None, 1], dtype="Int32"),
        }
    )
    table = agreement_table(frame, [judge])
    assert table.values.tolist() == [
        ["krippendorff_alpha", "", "", "", 1.0, 3],
        ["weighted_kappa", "a", "b", "", 1.0, 3],
        ["spearman", "", "", "gpt-4", pytest.approx(-1), 3],
    ]


# Means, figure, simulated raters


def test_means_and_their_intervals(tmp_path):
    frame = read_ratings([returned(tmp_path, "a"), returned(tmp_path, "b", dict.fromkeys(WHOLE, 2))], KEY)
    means = mean_ratings(frame, ["y", "absent", "x"], 500, seed=3)
    assert means[["method", "mean", "n"]].values.tolist() == [["y", 2.5, 4], ["x", 2.0, 4]]
    # Two cases of system x, means 1.5 and 2.5: a resample of cases has no other mean than 1.5, 2 and 2.5.
    assert means.loc[1, ["low", "high"]].tolist() == [1.5, 2.5]


def test_shares_of_the_levels(tmp_path):
    frame = read_ratings([returned(tmp_path, "a"), returned(tmp_path, "b", dict.fromkeys(WHOLE, 2))], KEY)
    shares = distribution(frame, ["x", "y"])
    assert shares["count"].tolist() == [1, 2, 1, 0, 0, 3, 0, 1]
    assert shares.groupby("method")["share"].sum().tolist() == [1, 1]


def simulated(folder: Path, seed: int = 5) -> list[str]:
    simulate_raters(
        key=str(folder / "study/key.json"),
        judgements=str(folder / "rubric.parquet"),
        seed=seed,
        output_dir=str(folder / "simulated"),
    )
    return [str(folder / f"simulated/{rater}.json") for rater in RATERS]


def test_simulated_raters_stay_near_the_judge_and_say_what_they_are(tmp_path):
    small_study(tmp_path, 200, 100)
    draw(tmp_path, cases=200)
    key = read_json(tmp_path / "study/key.json")
    contents = [read_json(path) for path in simulated(tmp_path)]
    assert all(content["simulated"] is True for content in contents)
    for a, b in combinations(contents, 2):
        assert a["ratings"] != b["ratings"]
    for content in contents:
        assert set(content["ratings"]) == set(key["texts"])
        steps = []
        for text, rating in content["ratings"].items():
            what = key["texts"][text]
            judged = 1 + (int(what["case"]) + SYSTEMS.index(what["system"])) % 4
            steps.append(abs(rating - judged))
        # A slip beyond 1 or 4 is none, so a quarter of the slips go unseen.
        assert set(steps) == {0, 1}
        assert 0.17 < np.mean(steps) < 0.28
    again = [read_json(path) for path in simulated(tmp_path)]
    assert again == contents


def test_a_judge_without_a_rating_cannot_be_simulated(tmp_path):
    small_study(tmp_path)
    frame = pd.read_parquet(tmp_path / "rubric.parquet").astype({"rating": "Int32"})
    frame["rating"] = None
    write_parquet(tmp_path / "rubric.parquet", frame)
    with pytest.raises(InputError, match=r"rubric.parquet: no rating of case \d{4} by"):
        simulated(tmp_path)


OUTPUTS = ["human.csv", "human_agreement.csv", "figure3.svg", "figure3.csv", "comments.json", "ratings.parquet"]


def aggregate(folder: Path, paths: list[str], output: str) -> list[Path]:
    outputs = [folder / output / name for name in OUTPUTS]
    human, agreement, figure, data, comments, ratings = map(str, outputs)
    key = str(folder / "study/key.json")
    settings = Collected(allow_incomplete=False)
    collect_ratings(key=key, ratings=paths, settings=settings, output=ratings, comments=comments)
    table_human(
        key=key,
        ratings=ratings,
        judgements=[str(folder / "rubric.parquet")],
        settings=Tabled(bootstrap=200, names={SYSTEMS[0]: "a name"}),
        seed=7,
        human=human,
        agreement=agreement,
    )
    figure3(key=key, ratings=ratings, settings=Resampled(bootstrap=200), seed=7, output=data, images=[figure])
    return outputs


def test_everything_from_simulated_raters_says_so(tmp_path, monkeypatch):
    titles = []
    monkeypatch.setattr("matplotlib.figure.Figure.suptitle", lambda self, text, **_: titles.append(text))
    small_study(tmp_path)
    paths = simulated(tmp_path)
    for path in aggregate(tmp_path, paths, "simulated_results"):
        if path.suffix == ".csv":
            assert set(pd.read_csv(path)["source"]) == {"simulated"}
    for path in paths:
        content = read_json(path)
        write_json(path, content | {"simulated": False, "comments": {min(content["ratings"]): "</td> =1+1"}})
    for path in aggregate(tmp_path, paths, "real_results"):
        if path.suffix == ".csv":
            assert set(pd.read_csv(path)["source"]) == {"people"}
    assert read_json(tmp_path / "simulated_results/comments.json") == []
    comments = read_json(tmp_path / "real_results/comments.json")
    assert [(row["rater"], row["comment"]) for row in comments] == [(rater, "</td> =1+1") for rater in RATERS]
    assert "3 simulated raters" in titles[0]
    assert "simulated" not in titles[1]
    assert "3 raters" in titles[1]


def test_results_are_the_same_bytes_whatever_the_order_of_the_files(tmp_path):
    small_study(tmp_path)
    paths = simulated(tmp_path)
    first, second = aggregate(tmp_path, paths, "first"), aggregate(tmp_path, paths[::-1], "second")
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes()
    human = pd.read_csv(first[0])
    assert list(human.columns) == ["method", "mean", "low", "high", "n", "source"]
    assert list(human["method"]) == ["a name", *SYSTEMS[1:]]
    assert set(human["n"]) == {8 * len(RATERS)}
    agreement = pd.read_csv(first[1])
    assert list(agreement.columns) == ["measure", "rater_a", "rater_b", "judge", "value", "n", "source"]
    assert list(agreement["measure"]) == ["krippendorff_alpha"] + ["weighted_kappa"] * 3 + ["spearman"]
    assert first[2].read_text().lstrip().startswith("<?xml")


def test_the_programs_run_one_after_another(tmp_path):
    small_study(tmp_path)
    scripts = ROOT / "workflow/scripts"

    def program(name, *arguments):
        command = [sys.executable, str(scripts / name), *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT / "src")}
        )

    explanations = [tmp_path / f"{system}.parquet" for system in SYSTEMS]
    done = program(
        *("draw_study.py", "--cases", tmp_path / "cases.parquet", "--items", tmp_path / "items.parquet"),
        *("--explanations", *explanations),
        *("--systems", *SYSTEMS, "--prompts", PROMPTS, "--settings", json.dumps(SETTINGS), "--seed", 1),
        *("--output-dir", tmp_path / "p"),
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "p/key.json").read_bytes() == (tmp_path / "study/key.json").read_bytes()
    done = program(
        *("simulate_raters.py", "--key", tmp_path / "p/key.json", "--judgements", tmp_path / "rubric.parquet"),
        *("--seed", 5, "--output-dir", tmp_path / "p"),
    )
    assert done.returncode == 0, done.stderr
    files = [tmp_path / f"p/{rater}.json" for rater in RATERS]
    given = ["--key", tmp_path / "p/key.json", "--settings", '{"allow_incomplete": false}']
    given += ["--output", tmp_path / "r.parquet", "--comments", tmp_path / "c.json"]
    done = program("collect_ratings.py", *given, "--ratings", *files)
    assert done.returncode == 0, done.stderr
    common = ["--key", tmp_path / "p/key.json", "--ratings", tmp_path / "r.parquet", "--seed", 7]
    done = program(
        *("table_human.py", *common, "--judgements", tmp_path / "rubric.parquet", "--settings", '{"bootstrap": 50}'),
        *("--human", tmp_path / "h.csv", "--agreement", tmp_path / "a.csv"),
    )
    assert done.returncode == 0, done.stderr
    images = ["--output", tmp_path / "f.csv", "--images", tmp_path / "f.svg"]
    done = program("figure3.py", *common, "--settings", '{"bootstrap": 50}', *images)
    assert done.returncode == 0, done.stderr
    written = ("r.parquet", "h.csv", "a.csv", "f.svg", "f.csv", "c.json")
    assert all((tmp_path / name).stat().st_size for name in written)
    done = program("collect_ratings.py", *given, "--ratings", *files[:2])
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: --ratings: no file of rater c-3")
