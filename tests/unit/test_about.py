"""What a run is called: a demo, the paper's experiment, or its data with its LLM, and what of it is made up."""

import copy

import pytest
import yaml
from clone import ROOT

from recexplainer import about
from recexplainer.interactive.explainer import Answer
from recexplainer.planning.plan import merged
from recexplainer.report.closing import closing

GENERATED = {"users": 9, "items": 9}


@pytest.fixture
def config(request):
    """The paper's."""
    return yaml.safe_load((request.config.rootpath / "config" / "config.yaml").read_text(encoding="utf-8"))


def changed(config: dict, **changes) -> dict:
    """Return the config with some values changed, by keys with two underscores for dots."""
    result = copy.deepcopy(config)
    for key, value in changes.items():
        *path, last = key.split("__")
        part = result
        for name in path:
            part = part[name]
        part[last] = value
    return result


def test_the_papers_config_is_the_papers_experiment(config):
    assert about.title(config) == "The paper's experiment"
    assert about.synthetic(config) == "" and about.generated(config) == about.others(config) == []
    part = changed(config, run__datasets=["games", "steam"])
    assert about.title(part) == "The paper's experiment on Amazon Video Games and Steam"


@pytest.mark.parametrize(
    "change",
    [
        {"llm__name": "smollm2-135m", "llm__source": "gguf"},
        {"alignment__max_steps": 100},
        {"alignment__epochs": 1},
        {"tasks__share": {"ranking": 0.5}},
        {"run__modes": ["hybrid"]},
        {"datasets__games__filter__target": None},
        {"datasets__games__filter__target": {"users": 900, "items": 200, "interactions": 9000}},
    ],
)
def test_what_is_cut_down_is_not_called_the_papers(config, change):
    title = about.title(changed(config, run__datasets=["games"], **change))
    assert title.startswith("Amazon Video Games with ") and "paper" not in title


def test_generated_data_never_read_as_a_reproduction(config):
    made = {"datasets__games__generate": GENERATED, "datasets__steam__generate": GENERATED}
    demo = changed(config, run__datasets=["games", "steam"], llm__source="scratch", llm__name="toy", **made)
    assert about.title(demo) == about.DEMO
    assert about.synthetic(demo) == (
        "Synthetic: generated data (Amazon Video Games, Steam) and a toy LLM that was trained from scratch. "
        "This says nothing about the paper."
    )
    # With the paper's LLM, beside the paper's data, with another recommender: no reproduction either.
    assert about.title(changed(config, run__datasets=["games"], datasets__games__generate=GENERATED)) == about.DEMO
    mixed = changed(config, run__recommenders=["sasrec", "mf"], datasets__games__generate=GENERATED)
    assert about.title(mixed) == (
        "Amazon Video Games (generated), Amazon Movies and TV and Steam with Vicuna-7B: not a reproduction"
    )
    assert about.generated(mixed) == ["games", "games.mf"] and about.others(mixed) == []
    toy = about.title(changed(config, run__datasets=["games"], llm__source="scratch", llm__name="toy"))
    assert toy == "Amazon Video Games with toy, a toy LLM: not a reproduction"


def test_data_of_a_papers_name_that_are_cut_otherwise_are_others(config):
    assert about.others(changed(config, datasets__games__filter__target=None)) == ["games"]


def test_one_name_for_each_thing(config):
    names = about.names(changed(config, run__recommenders=["sasrec", "mf"]))
    assert names["games"] == "Amazon Video Games" and names["games.mf"] == "Amazon Video Games (mf)"
    assert names["vicuna-7b"] == names["base"] == "Base LLM"
    shown = dict(about.report_settings(config)["about"])
    assert shown["Base LLM"] == about.llm_in_words(config) == "Vicuna-7B" and shown["Recommender"] == "SASRec"
    toy = changed(config, llm__source="scratch", llm__name="tiny")
    shown = dict(about.report_settings(toy)["about"])
    assert shown["Base LLM"] == about.llm_in_words(toy) == "tiny (a toy, trained from scratch)"
    said = [Answer(name, "", "stop", None, [], {}).label for name in ("base", "hybrid/full", "hybrid/no_retrieval")]
    assert said == ["Base LLM", "RecExplainer-H", "RecExplainer-H without retrieval"]


def test_the_last_lines_of_a_run(tmp_path):
    """What it found, what that rests on, and where it is; of a part of a run, what there is."""
    config = merged([ROOT / "config/config.yaml", ROOT / "config/demo.yaml"], ROOT / "config/schema.yaml")
    config["pathvars"] = {"results": str(tmp_path)}
    assert closing(config) == f"Done. Tables and figures so far, in {tmp_path}: none."
    (tmp_path / "tables").mkdir()
    columns = "dataset,method,classification_acc,classification_acc_low,classification_acc_high,classification_cases"
    (tmp_path / "tables/table2.csv").write_text(f"{columns}\ngames,hybrid,0.75,0.7,0.8,400\n")
    (tmp_path / "report.html").touch()
    (tmp_path / "study/pages").mkdir(parents=True)
    (tmp_path / "study/pages/rater1.html").touch()
    lines = closing(config).splitlines()
    assert lines[0] == f"Done. {about.DEMO}"
    assert lines[1].startswith("Synthetic: generated data")
    assert "agrees with the recommender on 75.0 %" in lines[2] and "Chance agrees on 50 %" in lines[2]
    assert f"{tmp_path}/report.html" in lines[3]
    assert lines[-1].endswith(f"{tmp_path}/study/pages/rater1.html")
