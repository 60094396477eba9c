"""JSON and YAML that is valid and not what a reader expects: each reader names the file."""

import gzip
import json

import pytest
import yaml
from small_alignment import SETTINGS

from recexplainer import files
from recexplainer.alignment.run import align
from recexplainer.config.source import Source
from recexplainer.data.download import download
from recexplainer.demo.conversations import read_facts
from recexplainer.errors import InputError
from recexplainer.files import write_json
from recexplainer.given import Given
from recexplainer.llm.base import read_manifest
from recexplainer.llm.gguf_file import unpack_gguf
from recexplainer.publishing.publish import publish
from recexplainer.recommender.training import load_model
from recexplainer.recommender.tuning import best_trial
from recexplainer.settings import check
from recexplainer.study.key import read_key

KEY = {
    "study": "s",
    "dataset": "Games",
    "systems": ["base"],
    "raters": ["a"],
    "texts": {"t": {"case": "0", "system": "base"}},
}
MANIFEST = {"folder": "x", "id": None, "revision": None, "files": {}}
TRIAL = {"trial": 0, "hyperparameters": {}, "validation_ndcg10": 0.5, "epochs": 3}
CONFIG = {"sasrec": {"dim": 8}, "items": 5}
OTHER = [None, True, 3, "x", [], [None], {}, {"x": 1}]


@pytest.mark.parametrize("other", OTHER, ids=repr)
@pytest.mark.parametrize(
    ("whole", "read"),
    [
        (KEY, read_key),
        (MANIFEST, read_manifest),
        (TRIAL, lambda path: best_trial([path])),
        (CONFIG, lambda path: load_model(path, path)),
    ],
    ids=["key", "manifest", "trial", "config"],
)
def test_a_json_of_another_kind_at_any_place_is_refused_or_harmless(tmp_path, whole, read, other):
    path = tmp_path / "a.json"
    for value in [other, *({**whole, key: other} for key in whole)]:
        path.write_text(json.dumps(value))
        try:
            read(path)
        except InputError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("what", [3, {}, {"case": "0"}, {"case": "0", "system": "z"}, {"case": 0, "system": "base"}])
def test_a_key_with_a_text_of_another_kind_is_refused(tmp_path, what):
    (tmp_path / "key.json").write_text(json.dumps(KEY | {"texts": {"t": what}}))
    with pytest.raises(InputError, match=r"key\.json: texts: expected a case and one of the systems of each"):
        read_key(tmp_path / "key.json")
    (tmp_path / "key.json").write_text(json.dumps(KEY))
    assert read_key(tmp_path / "key.json") == KEY


def test_half_a_surrogate_pair_is_no_text(tmp_path):
    (tmp_path / "a.json").write_text('{"a": "\\ud800"}')
    with pytest.raises(InputError, match="a.json: not valid JSON"):
        files.read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_text('{"a": "\\ud83d\\ude00"}')
    assert files.read_json(tmp_path / "a.json") == {"a": "😀"}


def test_metadata_that_is_damaged_within_is_refused(tmp_path):
    content = bytearray(gzip.compress(b"x" * 50 + bytes(range(256)) * 9))
    content[20] ^= 255
    (tmp_path / "m.gz").write_bytes(content)
    with pytest.raises(InputError, match="m.gz: cannot be read as gzip"):
        read_facts(tmp_path / "m.gz")


@pytest.mark.parametrize("content", ["\t", "3", "type: 7", "a: &a [*a]"])
def test_a_schema_that_is_none_is_refused(tmp_path, content):
    (tmp_path / "schema.yaml").write_text(content)
    with pytest.raises(InputError, match="schema.yaml"):
        check({}, tmp_path / "schema.yaml")


def test_a_rule_of_the_schema_without_words_of_its_own_is_said_too(tmp_path):
    (tmp_path / "schema.yaml").write_text(yaml.safe_dump({"properties": {"a": {"multipleOf": 2}}}))
    with pytest.raises(InputError, match=r"a: 3; expected what the schema says of it \(multipleOf\)"):
        check({"a": 3}, tmp_path / "schema.yaml")


def test_an_unknown_ablation_is_refused_before_anything_is_read():
    with pytest.raises(InputError, match="--ablation: 'none'; expected one of full, no_discrimination"):
        align(
            llm="x",
            chat_template=None,
            train_tasks=[],
            embeddings="x",
            deepspeed="x",
            settings=SETTINGS,
            ablation="none",
            seed=1,
            checkpoints="x",
            output_dir="x",
        )


def test_settings_laid_over_others_still_name_what_they_lack():
    found = Given.wrapped({"lr": 0.1}, "run.json")
    for laid in (found | {"epochs": 3}, {"epochs": 3} | found):
        assert laid == {"lr": 0.1, "epochs": 3}
        with pytest.raises(InputError, match="^run.json: batch: missing"):
            laid["batch"]


@pytest.mark.parametrize(
    "write",
    [
        lambda place: unpack_gguf("model.gguf", place),
        lambda place: download(name="x", sources=[Source(path="x")], output=place),
        lambda place: publish(results="results", config={}, output=place),
        lambda place: write_json(place, {}),
    ],
)
def test_what_is_to_be_written_has_a_name(write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="'.' cannot be written: expected the name of a f"):
        write("")
    assert list(tmp_path.iterdir()) == []
