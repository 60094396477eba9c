"""Controllability: who hears from which point of view to explain, and who must not seem to."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
import yaml
from scipy.stats import binomtest

from recexplainer.checking.viewpoints import Viewpoints
from recexplainer.checking.words import Catalogue
from recexplainer.config.explanation import Controlled
from recexplainer.config.kinds import Viewpoint
from recexplainer.errors import InputError
from recexplainer.explanation.cases import CASES
from recexplainer.explanation.texts import explanation, write_explanations
from recexplainer.explanation.viewpoint_cases import draw_viewpoint_cases, viewpoint_case_names
from recexplainer.files import write_parquet
from recexplainer.systems import CONTROLS
from recexplainer.tables.controllability import BOTH, COLUMNS, EACH, controllability

ROOT = Path(__file__).parents[3]
VIEWS = ["platform", "genre"]
WORDS = {
    "platform": Viewpoint(values=["Xbox", "PlayStation", "PC"], fields=[]),
    "genre": Viewpoint(values=["role-playing"], fields=["tags"]),
}
SHOP = [
    ("Forza Horizon 4 - Xbox One", "Video Games, Xbox One, Racing"),
    ("Project Gotham Racing", "Video Games, Xbox 360, Racing"),
    ("Gran Turismo Sport", "Video Games, PlayStation 4, Racing"),
    ("Uncharted: The Lost Legacy", "Video Games, PlayStation 4, Adventure"),
    ("Age of Empires II", "Video Games, PC, Strategy"),
    ("Civilization VI", "Video Games, PC, Strategy"),
]
ITEMS = pd.DataFrame(SHOP, columns=["title", "tags"]).assign(brand="", feature="")
TITLES = list(ITEMS["title"])
CASE = {"history": TITLES[:3], "title": TITLES[4]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes. They own an Xbox One and buy for it.", {"platform"}),
        ("No. All of it is for Playstation 4, this is for the pc.", {"platform"}),
        ("Yes, mostly racing games. So is this.", {"genre"}),
        ("No. They like Role-Playing, not strategy!", {"genre"}),
        ("Yes. Racing games for Xbox.", {"platform", "genre"}),
        # The question's own words are no value, and a title says nothing of what it is about.
        ("Yes. Look at the platforms. The platforms and genres fit.", set()),
        ("Yes. The history holds Project Gotham Racing; Forza Horizon 4 - Xbox One.", set()),
        ("No. The user who bought “Midnight Racing Legends” differs.", set()),
        # What most items are is no genre.
        ("Yes. They buy video games.", set()),
        ("", set()),
    ],
)
def test_of_what_a_text_speaks(text, expected):
    assert Viewpoints(WORDS, Catalogue(ITEMS)).spoken_of(text, CASE) == expected


def test_a_tag_that_holds_a_value_of_another_point_of_view_is_no_genre():
    values = Viewpoints(WORDS, Catalogue(ITEMS)).values
    assert {("racing",), ("adventure",), ("strategy",), ("role", "playing")} <= values["genre"]
    assert ("xbox", "one") not in values["genre"] and ("video", "game") not in values["genre"]


def make_cases(folder, count=30):
    rows = [
        {"case": f"{place:04d}", "user": place, "prefix": place, "item": place % 6, "label": place % 3 != 0}
        | {"score": 0.0, "percentile": 0.0, "history": TITLES[:3], "title": TITLES[3 + place % 3]}
        | {"description": "", "tags": "", "brand": "", "feature": ""}
        for place in range(count)
    ]
    write_parquet(folder / "cases.parquet", pa.Table.from_pylist(rows, schema=CASES))
    return rows


def test_the_cases_are_the_first_ones_half_of_them_positive_each_of_another_user(tmp_path):
    cases = make_cases(tmp_path)
    drawn = draw_viewpoint_cases(cases, 11)
    assert [int(case["case"]) for case in drawn] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12]
    assert sum(case["label"] for case in drawn) == 6
    assert [case["case"] for case in draw_viewpoint_cases([case | {"user": 1} for case in cases], 11)] == ["0000"]
    assert len(draw_viewpoint_cases(cases, 100)) == 30
    path = str(tmp_path / "cases.parquet")
    assert viewpoint_case_names(path, 2, "0001") == ["0000", "0001"]
    assert viewpoint_case_names(path, 2, "0029") == ["0000", "0001", "0029"]


TALK = {"platform": "The choices are for PlayStation and Xbox.", "genre": "The choices are about racing."}


def planted(cases, tell) -> list[dict]:
    """Return a system's texts under each point of view, of a function of the point of view and the verdict."""
    return [
        explanation(case, "", tell(view, "Yes" if case["label"] else "No"), "stop") | {"viewpoint": view}
        for case in cases
        for view in VIEWS
    ]


SYSTEMS = {
    # Hears both the question and the case.
    "hybrid-full": lambda view, verdict: f"{verdict}. {TALK[view]}",
    # Speaks of one thing, of all things, of the other thing, of nothing, of the question.
    "base": lambda view, verdict: f"{verdict}. {TALK['genre']}",
    "behavior-full": lambda view, verdict: f"{verdict}. {TALK['genre']} {TALK['platform']}",
    "intention-full": lambda view, verdict: f"{verdict}. {TALK['genre' if view == 'platform' else 'platform']}",
    "intention-reasons": lambda view, verdict: f"{verdict}. Look at the {view}s: the {view} fits.",
    # Hears the question, and changes its mind with it.
    "hybrid-reasons": lambda view, verdict: f"{'Yes' if view == 'genre' else 'No'}. {TALK[view]}",
}


@pytest.fixture
def files(tmp_path):
    """A dataset with the planted systems; their texts without a point of view speak of genres."""
    cases = make_cases(tmp_path)
    write_parquet(tmp_path / "items.parquet", ITEMS)
    for system, tell in SYSTEMS.items():
        plain = [explanation(case, "", tell("genre", "Yes" if case["label"] else "No"), "stop") for case in cases]
        write_explanations(tmp_path / f"{system}.parquet", plain)
        write_explanations(tmp_path / f"told-{system}.parquet", planted(cases, tell))
    coins = ["Yes" if place % 2 else "No" for place in range(len(cases))]
    for name in CONTROLS:
        said = "It is about racing." if name == "control-genre" else f"The history holds {'; '.join(TITLES[:3])}."
        texts = [explanation(case, "", f"{coin}. {said}", "stop") for case, coin in zip(cases, coins, strict=True)]
        write_explanations(tmp_path / f"{name}.parquet", texts)
    return tmp_path


def make_table(folder, words=WORDS, views=VIEWS, count=20, systems=tuple(SYSTEMS)) -> pd.DataFrame:
    own = [*systems, *CONTROLS]
    controllability(
        run_names=["games"],
        cases=[str(folder / "cases.parquet")],
        items=[str(folder / "items.parquet")],
        explanations=[str(folder / f"{system}.parquet") for system in own],
        rows=[["games", system] for system in own],
        viewpoints=[str(folder / f"told-{system}.parquet") for system in systems],
        viewpoint_rows=[["games", system] for system in systems],
        settings=Controlled(viewpoints=views, viewpoint_cases=count, viewpoint_words=words),
        output=str(folder / "controllability.csv"),
    )
    return pd.read_csv(folder / "controllability.csv").set_index(["system", "viewpoint"])


def test_who_hears_the_question_is_controlled_and_nobody_else(files):
    table = make_table(files)
    assert list(table.reset_index()[COLUMNS]) == COLUMNS
    assert set(table["cases"]) == {20}
    each = table.xs(EACH, level="viewpoint")
    assert list(each.index) == [*SYSTEMS, *CONTROLS, BOTH]
    assert each["controlled"].to_dict() == {name: float(name == "hybrid-full") for name in each.index}
    assert each.loc["hybrid-full", ["kept", "followed", "as_recommender"]].tolist() == [20, 20, 1]
    # Who says the same whatever is asked keeps every decision, and that alone.
    for name in ("base", "behavior-full", "intention-full", *CONTROLS, BOTH):
        assert each.loc[name, ["kept", "followed"]].tolist() == [20, 0], name
    # The decision follows the question as well.
    assert each.loc["hybrid-reasons", ["kept", "followed"]].tolist() == [0, 20]
    assert (each["unasked"] == 0).all()


def test_the_rows_of_one_point_of_view_and_what_they_must_be_read_beside(files):
    table = make_table(files)
    # Who always speaks of genres follows one of two questions, and would have done so unasked.
    assert table.loc[("base", "genre"), ["followed", "unasked", "under_another"]].tolist() == [20, 1, 1]
    assert table.loc[("base", "platform"), ["followed", "unasked", "under_another"]].tolist() == [0, 0, 0]
    assert table.loc[("hybrid-full", "platform"), ["followed", "unasked", "under_another"]].tolist() == [20, 0, 0]
    assert table.loc[("intention-full", "platform"), ["followed", "under_another"]].tolist() == [0, 1]
    assert table.loc[("intention-full", EACH), "under_another"] == 1
    assert table.loc[("control-genre", "genre"), "followed"] == 20
    assert table.loc[(BOTH, "genre"), "followed"] == 0


def test_shares_have_wilsons_intervals(files):
    table = make_table(files)
    row = table.loc[("hybrid-reasons", "platform")]
    # It says No from there, and the recommender does so in half of the cases.
    assert row["as_recommender"] == 0.5
    ends = binomtest(10, 20).proportion_ci(method="wilson")
    assert (row["as_recommender_low"], row["as_recommender_high"]) == pytest.approx((ends.low, ends.high), abs=1e-4)
    full = table.loc[("hybrid-full", EACH)]
    assert full["controlled_high"] == 1 and 0.8 < full["controlled_low"] < 0.9


def test_an_unreadable_decision_is_not_kept(files):
    cases = make_cases(files)
    write_explanations(files / "base.parquet", [explanation(case, "", "Perhaps.", "stop") for case in cases])
    write_explanations(files / "told-base.parquet", planted(cases, lambda view, verdict: "Perhaps."))
    table = make_table(files)
    assert table.loc[("base", EACH), ["kept", "followed", "as_recommender"]].tolist() == [0, 0, 0]


def test_a_point_of_view_without_words_leaves_what_texts_speak_of_open(files, caplog):
    table = make_table(files, {"genre": WORDS["genre"]})
    assert "viewpoint_words lacks platform" in caplog.text
    assert table[["followed", "followed_share", "controlled", "unasked"]].isna().all(axis=None)
    assert table.loc[("hybrid-full", EACH), "kept"] == 20
    assert (BOTH, EACH) not in table.index


def test_one_point_of_view_has_no_other(files):
    table = make_table(files, views=["genre"])
    assert table["under_another"].isna().all()
    assert table.loc[("base", EACH), "controlled"] == 1


def test_files_that_lack_a_case_are_refused(files):
    cases = make_cases(files)
    told = planted(cases[:5], SYSTEMS["base"])
    write_explanations(files / "told-base.parquet", told)
    with pytest.raises(InputError, match=r"told-base.parquet: no text for case '0005' from 'platform'. Explain"):
        make_table(files)


def test_texts_of_nobody_known_are_refused(files):
    with pytest.raises(InputError, match=r"--viewpoint-rows: \['games', 'base'\]; expected a dataset of --run-names"):
        controllability(
            run_names=["games"],
            cases=[str(files / "cases.parquet")],
            items=[str(files / "items.parquet")],
            explanations=[str(files / "control-copy.parquet")],
            rows=[["games", "control-copy"]],
            viewpoints=[str(files / "told-base.parquet")],
            viewpoint_rows=[["games", "base"]],
            settings=Controlled(viewpoints=VIEWS, viewpoint_cases=4, viewpoint_words=WORDS),
            output=str(files / "out.csv"),
        )
    assert not (files / "out.csv").exists()


def test_the_program(files):
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))["explanation"]
    assert set(config["viewpoints"]) <= set(config["viewpoint_words"])
    settings = {key: config[key] for key in ("viewpoints", "viewpoint_cases", "viewpoint_words")}
    output = files / "out.csv"
    command = [sys.executable, str(ROOT / "workflow/scripts/controllability.py"), "--run-names", "games"]
    command += ["--cases", "cases.parquet", "--items", "items.parquet"]
    command += ["--explanations", "hybrid-full.parquet", "control-genre.parquet"]
    command += ["--rows", '[["games", "hybrid-full"], ["games", "control-genre"]]']
    command += ["--viewpoints", "told-hybrid-full.parquet", "--viewpoint-rows", '[["games", "hybrid-full"]]']
    command += ["--settings", json.dumps(settings), "--output", str(output)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, cwd=files, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(output).set_index(["system", "viewpoint"])
    # 20 cases have a Yes, 10 a No.
    assert table.loc[("hybrid-full", EACH), ["cases", "controlled"]].tolist() == [30, 1]
