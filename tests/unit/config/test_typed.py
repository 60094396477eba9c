"""What is given to a program is read as a model, or refused in one line that names the key."""

import re
import sys

import pytest
from clone import ROOT

from recexplainer.arguments import section
from recexplainer.config.alignment import Alignment
from recexplainer.config.dataset import Dataset
from recexplainer.config.labels import Labels
from recexplainer.config.llm import Llm
from recexplainer.config.recommender import Hyperparameters, Space
from recexplainer.config.whole import Config
from recexplainer.digest import closure
from recexplainer.errors import InputError
from recexplainer.typed import checked
from recexplainer.yaml_files import read_config

PAPER = read_config(ROOT / "config/config.yaml")
GAMES = PAPER["datasets"]["games"]


@pytest.mark.parametrize(
    ("model", "value", "change", "line"),
    [
        (Labels, PAPER["labels"], {"similar": ...}, "similar: missing; expected this key."),
        (Labels, PAPER["labels"], {"colour": 1}, "colour: unknown key; expected none of this name."),
        (Labels, PAPER["labels"], {"similar": "1"}, "similar: '1'; expected a whole number. It is a text: leave out"),
        (Labels, PAPER["labels"], {"similar": True}, "similar: True; expected a whole number."),
        (Labels, PAPER["labels"], {"similar": 2.0}, "similar: 2.0; expected a whole number."),
        (Labels, PAPER["labels"], {"candidates": 9}, "candidates: 9; expected at most 5."),
        (Labels, PAPER["labels"], {"positive_share": 0}, "positive_share: 0; expected more than 0."),
        (Labels, PAPER["labels"], {"positive_share": 1.5}, "positive_share: 1.5; expected less than 1."),
        (Labels, PAPER["labels"], {"positive_share": None}, "positive_share: None; expected a finite number."),
        (Alignment, PAPER["alignment"], {"lr": "1e-4"}, "lr: '1e-4'; expected a finite number. In YAML a number with"),
        (Alignment, PAPER["alignment"], {"lr": float("nan")}, "lr: nan; expected a finite number."),
        (Alignment, PAPER["alignment"], {"schedule": "up"}, "schedule: 'up'; expected one of: linear, cosine."),
        (Alignment, PAPER["alignment"], {"gpus": "all"}, "gpus: 'all'; expected a text that matches ^auto$."),
        (Alignment, PAPER["alignment"], {"gpus": None}, "gpus: None; expected a whole number or a text."),
        (Alignment, PAPER["alignment"], {"deepspeed": ""}, "deepspeed: ''; expected a text that is not empty."),
        (Alignment, PAPER["alignment"], {"lora": {"rank": 8}}, "lora.alpha: missing; expected this key."),
        (Alignment, PAPER["alignment"], {"lora": 8}, "lora: 8; expected a mapping of keys to values."),
        (Llm, PAPER["llm"], {"quantization": "int8"}, "quantization: 'int8'; expected one of: None, nf4."),
        (Llm, PAPER["llm"], {"gguf": [{"bytes": "x"}]}, "gguf[0].bytes: 'x'; expected a whole number."),
        (Dataset, GAMES, {"format": "xml"}, "format: 'xml'; expected one of: amazon, steam, csv, parquet, recbole."),
        (Dataset, GAMES, {"format": {"reviews": 3}}, "format.reviews: 3; expected one of: amazon, steam, csv"),
        (Dataset, GAMES, {"layout": {"columns": {"reviews": ["a", "a"]}}}, "layout.columns.reviews: ['a', 'a']; expec"),
        (Dataset, GAMES, {"title_tokens": [1]}, "title_tokens: [1]; expected a whole number."),
    ],
)
def test_what_is_wrong_is_said_in_one_line(model, value, change, line):
    changed = {key: inner for key, inner in (value | change).items() if inner is not ...}
    with pytest.raises(InputError) as caught:
        checked(model, changed)
    assert str(caught.value).startswith(line) and "\n" not in str(caught.value)
    with pytest.raises(InputError, match=re.escape(f"here.{line}")):
        checked(model, changed, "here")


@pytest.mark.parametrize("value", [None, 3, "x", [], [{}]], ids=repr)
def test_a_section_is_a_mapping(value):
    with pytest.raises(InputError, match="expected a mapping of keys to values"):
        checked(Labels, value)


def test_a_value_that_may_be_a_secret_is_not_repeated():
    service = PAPER["services"]["chatgpt"] | {"key_variable": ["sk-abcdefghijklmnopqrstuvwx"]}
    with pytest.raises(InputError, match="^services.chatgpt.key_variable: a value; expected a text"):
        checked(Config, PAPER | {"services": {"chatgpt": service}})


def test_an_argument_is_read_as_a_model():
    read = section("labels.Labels")
    assert read('{"positive_share": 0.2, "negative_share": 0.5, "candidates": 5, "similar": 1, "batch_size": 3}') == (
        Labels(positive_share=0.2, negative_share=0.5, candidates=5, similar=1, batch_size=3)
    )
    for text, said in [("[]", "expected a JSON object"), ("{", "not valid JSON"), ("{}", "positive_share: missing")]:
        with pytest.raises(Exception, match=said):
            read(text)


def test_whole_numbers_stay_whole_and_others_as_they_are():
    read = checked(Alignment, PAPER["alignment"] | {"gradient_clip": 1, "lr": 1e-4})
    assert [type(value) for value in (read.gradient_clip, read.lr, read.lora.alpha)] == [int, float, int]


def test_what_is_drawn_are_hyperparameters():
    assert [*Space.model_fields] == [name for name in Hyperparameters.model_fields if name != "loss_at"]


@pytest.mark.parametrize("script", sorted((ROOT / "workflow/scripts").glob("*.py")), ids=lambda path: path.stem)
def test_the_model_of_a_program_s_argument_is_there_and_counts_as_its_code(script):
    """It is looked up by name, which no digest follows; what is called with it imports it."""
    for module, name in re.findall(r'section\("(\w+)\.(\w+)"\)', script.read_text(encoding="utf-8")):
        full = f"recexplainer.config.{module}"
        assert full in closure(script, ROOT / "src").values()
        __import__(full)
        assert hasattr(sys.modules[full], name)
