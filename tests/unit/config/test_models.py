"""The config is declared once: models, schema, reference page and config/config.yaml say the same."""

import copy

import pytest
import yaml
from clone import ROOT
from comments import comments_of
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from recexplainer.config.dataset import Generated
from recexplainer.config.schema import schema
from recexplainer.config.whole import Config
from recexplainer.digest import closure
from recexplainer.planning.sizes import GENERATED
from recexplainer.settings import broken
from recexplainer.yaml_files import read_config

PAPER = read_config(ROOT / "config/config.yaml")
SCHEMA = schema()
NAMED = [("datasets",), ("recommenders",), ("services",), ("explanation", "viewpoint_words")]
"""Mappings whose keys are names of the user's choice."""


def declared(path: tuple) -> dict | None:
    """Return the rule of a key, given its path with the names that the config has; None of a key that is none."""
    rule = SCHEMA
    for part in path:
        if "$ref" in rule:
            rule = SCHEMA["$defs"][rule["$ref"].rpartition("/")[2]]
        entry = rule.get("additionalProperties")
        rule = rule.get("properties", {}).get(part) or (entry if isinstance(entry, dict) else None)
        if rule is None:
            return None
    return rule


def keys(value, path=()):
    """Yield the paths of all keys of a config."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield (*path, key)
        yield from keys(inner, (*path, key))


def first(path):
    """Return the path of a mapping's first key."""
    value = PAPER
    for part in path:
        value = value[part]
    return (*path, next(iter(value)))


def rules(rule: dict, path=()):
    """Yield the path and rule of all keys of the schema."""
    for name, inner in rule.get("properties", {}).items():
        yield (*path, name), inner
        yield from rules(inner, (*path, name))
    if isinstance(rule.get("additionalProperties"), dict):
        yield from rules(rule["additionalProperties"], (*path, "NAME"))


def test_every_key_of_the_paper_s_config_is_declared():
    assert [path for path in keys(PAPER) if declared(path) is None] == []


def test_every_key_that_is_needed_is_in_the_paper_s_config():
    for path, rule in rules(SCHEMA):
        value = PAPER
        for part in path:
            value = (next(iter(value.values())) if part == "NAME" else value.get(part)) if value else None
        # A mapping that may be left out, or null, need not be there to have its keys.
        assert value is None or set(rule.get("required", [])) <= {name for name, *_ in keys(value)}, path


def test_every_key_has_a_text_of_its_own():
    found = [*rules(SCHEMA), *(each for part in SCHEMA["$defs"].values() for each in rules(part))]
    assert len(found) > 250
    assert [path for path, rule in found if path[-1] != "NAME" and not rule.get("description")] == []


def test_the_comments_of_the_config_are_the_texts_of_the_models():
    comments = comments_of((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    comments.pop(("pathvars",))  # the head of the file is its, too
    assert len(comments) > 150
    for path, words in comments.items():
        named = [place for place in NAMED if path[: len(place)] == place != path]
        # What stands above the entry of a name is about that entry, and so is all that is said of a further one.
        if all(path[: len(place) + 1] == first(place) != path for place in named):
            assert declared(path)["description"] == words, path


def test_a_comment_may_list_the_keys_below():
    found = comments_of(
        "# all of them\n#   one: a | b   (a) the first\n#   two: c | d   (c) the second\nx: {}\n\n# apart\n\ny: 1\n"
    )
    assert found == {("x",): "all of them", ("x", "one"): "(a) the first", ("x", "two"): "(c) the second"}


def test_no_section_s_module_needs_another_s():
    """An edit of one stage's keys is to rerun that stage, not all that are declared beside it."""
    shared = {f"recexplainer.config.{name}" for name in ("kinds", "source", "inference", "shown")} | {
        "recexplainer.errors"
    }
    for path in (ROOT / "src/recexplainer/config").glob("*.py"):
        if path.stem not in ("whole", "switches", "paper", "schema"):
            others = set(closure(path, ROOT / "src").values()) - {path.stem, "recexplainer", "recexplainer.config"}
            assert others <= shared, path.name


FULL = copy.deepcopy(PAPER)
"""A config with every kind of value."""
FULL["datasets"]["games"] |= {
    "format": {"reviews": "csv", "metadata": "amazon"},
    "layout": {"delimiter": ";", "columns": {"reviews": ["a"]}, "metadata": {"quoted": False, "columns": ["b"]}},
    "generate": {"users": 3, "genres": None, "length_decay": 1},
}
FULL["datasets"]["games"]["sources"]["reviews"] = [
    {"package": "a==1", "member": "x", "sha256": "a" * 64, "bytes": 3, "url": "http://x", "path": "x"}
]
FULL["sharegpt"]["generate"] = {"conversations": 3, "malformed": 0}
FULL["recommenders"]["ours"] = {"model": "external", "folder": "x", "single_tower": True, "settings": {"lr": 1}}
FULL["tasks"]["share"] = {"ranking": 0.5}
FULL["switches"] = {"hybrid_forms": "all"}
FULL["llm"]["gguf"] = [{"path": "x"}]
FULL["alignment"] |= {"gpus": "auto", "lora": {**FULL["alignment"]["lora"], "targets": ["a"]}}
PLACES = list(keys(FULL))
VALUES = [None, True, 0, 1, -1, 5, 8.0, 0.5, float("nan"), "", "x", "auto", "auto\n", "amazon", "http://x", "a" * 40]
VALUES += [[], ["x"], ["x", "x"], [1], [None], [{}], {}, {"x": 1}, {"low": 1}, {"reviews": "csv"}, [{"path": "x"}]]


@settings(max_examples=400, deadline=None)
@given(place=st.sampled_from(PLACES), how=st.one_of(st.sampled_from(VALUES), st.sampled_from(["less", "renamed"])))
def test_the_models_take_what_the_schema_takes(place, how):
    config = copy.deepcopy(FULL)
    parent = config
    for part in place[:-1]:
        parent = parent[part]
    if how == "less":
        del parent[place[-1]]
    elif how == "renamed":
        parent["Unheard of"] = parent.pop(place[-1])
    else:
        parent[place[-1]] = copy.deepcopy(how)
    refused = bool(broken_by_schema(config))
    try:
        Config.model_validate(config)
        assert not refused
    except ValidationError as error:
        assert refused, error


def broken_by_schema(config):
    with pytest.MonkeyPatch.context() as patch:
        # Parsing the file takes longer than all checks against it.
        patch.setattr("recexplainer.settings.read_yaml", lambda *_: SCHEMA)
        return broken(config, ROOT / "config/schema.yaml")


def test_a_model_does_not_change_what_it_reads():
    assert Config.model_validate(PAPER).model_dump(exclude_unset=True) == PAPER
    assert yaml.safe_load((ROOT / "config/schema.yaml").read_text(encoding="utf-8")) == SCHEMA


def test_a_key_that_may_be_left_out_is_never_null():
    assert Config.model_validate(PAPER).switches.hybrid_forms is None
    with pytest.raises(ValidationError, match="hybrid_forms"):
        Config.model_validate(PAPER | {"switches": {"hybrid_forms": None}})


def test_what_the_plan_fills_in_is_what_the_model_says():
    assert Generated().model_dump(include={*GENERATED}) == GENERATED
