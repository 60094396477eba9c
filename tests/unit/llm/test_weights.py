"""Weights that are not there: what is loaded is exactly what was asked for, finite, of its shape, or it is refused."""

import json
import os
import re
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from test_own_llm import KINDS, LORA, TABLES, save
from tiny import tiny_llama, tiny_tokenizer
from tiny_sasrec import BASE
from vicuna_like import VICUNA, save_llama, save_tokenizer

from recexplainer.alignment.checkpoint import load_checkpoint
from recexplainer.alignment.model import RecExplainer, load_aligned, save_aligned, with_lora
from recexplainer.errors import InputError
from recexplainer.files import read_json, read_safetensors, write_json, write_safetensors
from recexplainer.llm.base import load_model, load_tokenizer, make_manifest
from recexplainer.recommender.contract import load_embeddings
from recexplainer.recommender.hyperparameters import hyperparameters
from recexplainer.recommender.training import build
from recexplainer.recommender.training import load_model as load_recommender
from recexplainer.sources import base_llm

UP = "model.layers.0.mlp.up_proj.weight"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A small model as transformers saves it."""
    folder = tmp_path_factory.mktemp("whole")
    tokenizer = tiny_tokenizer()
    tokenizer.save_pretrained(folder)
    tiny_llama(tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def vicuna(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vicuna")
    save_tokenizer(folder)
    save_llama(folder)
    return folder


@pytest.fixture
def copied(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "llm")


def manifest_of(folder) -> str:
    path = f"{folder}.json"
    make_manifest(source="folder", folder=str(folder), hub_id=None, revision=None, output=path)
    return path


def with_value(value: float):
    def change(tensors: dict) -> dict:
        tensor = tensors[UP].clone()
        tensor[3, 5] = value
        return tensors | {UP: tensor}

    return change


CHANGES = {
    "missing": (lambda found: {name: found[name] for name in found if name != UP}, f"without {UP}[.;,]"),
    "renamed": (
        lambda found: {name.replace("mlp.up", "mlp.high"): value for name, value in found.items()},
        "without model.layers.0.mlp.up_proj.weight, .*with model.layers.0.mlp.high_proj.weight",
    ),
    "another prefix": (
        lambda found: {f"policy.{name}": value for name, value in found.items()},
        r"without lm_head.weight, .* and 18 more; with policy.lm_head.weight",
    ),
    "empty": (lambda found: found | {UP: torch.zeros(0)}, rf"of other shapes: {UP} \(0,\) in place of \(64, 32\)"),
    "turned": (lambda found: found | {UP: found[UP].T.contiguous()}, r"\(32, 64\) in place of \(64, 32\)"),
    "a layer too many": (
        lambda found: found | {name.replace("layers.0", "layers.2"): value.clone() for name, value in found.items()},
        "with model.layers.2.*which nothing asks for",
    ),
    "NaN": (with_value(float("nan")), f"model.safetensors: NaN or infinity in {UP}"),
    "infinity": (with_value(-float("inf")), f"model.safetensors: NaN or infinity in {UP}"),
    "none": (lambda found: {}, "without lm_head.weight, "),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_base_llm_without_its_tensors_is_refused_before_it_is_said_to_be_there(copied, change):
    changed, message = CHANGES[change]
    path = copied / "model.safetensors"
    found = changed(load_file(path))
    os.unlink(path)
    save_file(found, path, metadata={"format": "pt"})
    with pytest.raises(InputError, match=message) as caught:
        manifest_of(copied)
    assert "\n" not in str(caught.value) and not os.path.exists(f"{copied}.json")
    # And where it is loaded, whatever a manifest says.
    write_json(f"{copied}.json", {"folder": str(copied), "files": {}})
    with pytest.raises(InputError, match=message.removeprefix("model.safetensors: ")):
        load_model(f"{copied}.json")


@pytest.mark.parametrize("kind", KINDS)
def test_models_of_all_kinds_are_whole(tmp_path, kind):
    load_model(save(tmp_path, kind))


@pytest.mark.parametrize("kind", ["llama", "qwen2", "gpt2"])
def test_a_head_that_is_the_embeddings_need_not_be_there(tmp_path, kind):
    load_model(save(tmp_path, kind, tie_word_embeddings=True))
    assert not [name for name in load_file(tmp_path / "llm/model.safetensors") if "lm_head" in name]


def test_a_folder_like_vicunas_loads_with_the_buffers_of_older_versions(vicuna, tmp_path):
    assert not [path for path in vicuna.iterdir() if path.suffix == ".safetensors" or path.name == "tokenizer.json"]
    manifest = manifest_of(vicuna)
    assert {"tokenizer.model", "pytorch_model-00001-of-00002.bin"} <= set(read_json(manifest)["files"])
    model, shard = load_model(manifest), torch.load(vicuna / "pytorch_model-00002-of-00002.bin", weights_only=True)
    (name,) = [name for name in shard if name.endswith("layers.1.mlp.up_proj.weight")]
    assert torch.equal(model.get_parameter(name), shard[name])
    assert load_tokenizer(manifest, str(VICUNA)).is_fast


def bad_index(folder, shards) -> None:
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": shards}))


def config(folder, **changes) -> None:
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | changes))


SECOND = "pytorch_model-00002-of-00002.bin"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4f\nsize 9976576152\n"
DAMAGES = {
    "a shard is missing": (lambda f: (f / SECOND).unlink(), f"1 of 2 files of weights are missing, {SECOND} first"),
    "a pointer of LFS": (lambda f: (f / SECOND).write_bytes(POINTER), f"{SECOND}: a pointer of Git LFS"),
    "a pointer for a tokenizer": (
        lambda f: (f / "tokenizer.model").write_bytes(POINTER),
        "model: a pointer of Git LFS",
    ),
    "cut": (lambda f: os.truncate(f / SECOND, 3000), f"{SECOND}: its weights cannot be read"),
    "empty file": (lambda f: os.truncate(f / SECOND, 0), f"{SECOND}: its weights cannot be read"),
    "no object": (
        lambda f: torch.save([1, 2], f / SECOND),
        f"{SECOND}: its weights cannot be read .*no tensors by name",
    ),
    "no weights": (lambda f: [p.unlink() for p in f.glob("pytorch*")], "there are no weights in it"),
    "no index": (lambda f: (f / "pytorch_model.bin.index.json").unlink(), "there are no weights in it"),
    "an empty index": (lambda f: bad_index(f, {}), "index.json: no weight_map"),
    "a list for an index": (lambda f: bad_index(f, [1]), "index.json: no weight_map"),
    "numbers in an index": (lambda f: bad_index(f, {UP: 3}), "index.json: no weight_map"),
    "an index to elsewhere": (lambda f: bad_index(f, {UP: "../other.bin"}), "other.bin is not in its folder"),
    "GPTQ": (
        lambda f: config(f, quantization_config={"quant_method": "gptq", "bits": 4}),
        r"its weights are quantized \(gptq\)",
    ),
    "AWQ": (lambda f: config(f, quantization_config={"quant_method": "awq"}), r"its weights are quantized \(awq\)"),
    "weights under another name": (lambda f: config(f, transformers_weights="x.bin"), "transformers_weights names"),
    "an adapter": (lambda f: (f / "adapter_config.json").write_text("{}"), "an adapter lies in it"),
    "no tokenizer": (lambda f: (f / "tokenizer.model").unlink(), "holds no tokenizer that transformers can load"),
    "a damaged tokenizer": (lambda f: os.truncate(f / "tokenizer.model", 99), "holds no tokenizer that transformers"),
    "a tokenizer of another": (lambda f: config(f, vocab_size=300), r"of other shapes: lm_head.weight \(600, 32\)"),
    "a list for a config": (lambda f: (f / "config.json").write_text("[]"), "config.json: expected an object"),
    "more layers by its config": (lambda f: config(f, num_hidden_layers=3), "without model.layers.2"),
    "fewer layers by its config": (lambda f: config(f, num_hidden_layers=1), "with model.layers.1"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_model_folder_that_cannot_be_loaded_is_refused_in_one_line(vicuna, tmp_path, damage):
    folder = shutil.copytree(vicuna, tmp_path / "model")
    do, message = DAMAGES[damage]
    do(folder)
    with pytest.raises(InputError, match=message) as caught:
        manifest_of(folder)
    assert "\n" not in str(caught.value)
    assert not os.path.exists(f"{folder}.json")


def test_weights_that_overflow_in_the_precision_are_named(copied):
    path = copied / "model.safetensors"
    found = load_file(path)
    found[UP] = found[UP].clone().fill_(1e6)
    os.unlink(path)
    save_file(found, path, metadata={"format": "pt"})
    manifest = manifest_of(copied)
    load_model(manifest, "bf16")
    with pytest.raises(InputError, match=f"NaN or infinity in {UP}. Choose another precision than fp16"):
        load_model(manifest, "fp16")


def test_a_folder_may_be_given_with_a_tilde_or_a_variable(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("MODELS", "/scratch/models")
    for given, expected in (("~/vicuna", "/home/me/vicuna"), ("$MODELS/a", "/scratch/models/a"), ("./b", "./b")):
        llm = {"source": "folder", "folder": given, "quantization": None}
        assert base_llm({"llm": llm})["folder"] == expected


@pytest.fixture(scope="module")
def aligned(tmp_path_factory, whole):
    """An alignment's folder, and the manifest of its LLM."""
    folder = tmp_path_factory.mktemp("aligned")
    write_json(folder / "base.json", {"folder": str(whole), "files": {}})
    torch.manual_seed(1)
    for rows in ("new", "all"):
        model = RecExplainer(with_lora(load_model(str(folder / "base.json")), LORA, rows), TABLES, TABLES, "add")
        save_aligned(model, folder / rows)
    return folder


def rewritten(path, change) -> None:
    write_safetensors(path, change(read_safetensors(path)))


def first(found: dict) -> str:
    return sorted(found)[0]


TENSORS = {
    "none": (lambda found: {}, "without "),
    "one missing": (lambda found: {name: found[name] for name in found if name != first(found)}, "without "),
    "renamed": (lambda found: {f"x.{name}": value for name, value in found.items()}, "without .*with x"),
    "one too many": (lambda found: found | {"more": np.zeros(3, np.float32)}, "with more, which nothing asks for"),
    "another shape": (lambda found: found | {first(found): np.zeros((1, 1), np.float32)}, r"\(1, 1\) in place of"),
    "empty": (lambda found: found | {first(found): np.zeros(0, np.float32)}, r"\(0,\) in place of"),
    "NaN": (lambda found: found | {first(found): found[first(found)] * np.float32("nan")}, "NaN or infinity in "),
}


@pytest.mark.parametrize("change", TENSORS)
@pytest.mark.parametrize("rows", ["new", "all"])
@pytest.mark.parametrize("name", ["adapter_model.safetensors", "projectors.safetensors"])
def test_an_alignment_without_its_tensors_is_refused(aligned, tmp_path, rows, name, change):
    folder = shutil.copytree(aligned / rows, tmp_path / "aligned")
    llm = load_model(str(aligned / "base.json"))
    load_aligned(llm, folder, TABLES, TABLES)
    rewritten(folder / name, TENSORS[change][0])
    with pytest.raises(InputError, match=f"{re.escape(name)}: .*{TENSORS[change][1]}"):
        load_aligned(load_model(str(aligned / "base.json")), folder, TABLES, TABLES)


def test_projectors_of_another_recommender_are_refused(aligned):
    with pytest.raises(InputError, match=r"projectors.safetensors: .*inner.weight \(16, 8\) in place of \(16, 5\)"):
        load_aligned(load_model(str(aligned / "base.json")), aligned / "new", TABLES[:, :5], TABLES[:, :5])


@pytest.mark.parametrize("change", [*TENSORS, None])
def test_a_checkpoint_that_is_not_the_models_is_not_gone_on_from(tmp_path, caplog, change):
    tensors = {f"{kind}/w": np.ones((2, 3), np.float32) for kind in ("parameter", "exp_avg", "exp_avg_sq")}
    path = tmp_path / "step-00000004.safetensors"
    write_safetensors(path, tensors)
    write_json(
        tmp_path / "latest.json", {"identity": "a", "step": 4, "curve": [], "parts": [], "optimizer": {"steps": 4}}
    )
    if change is None:
        assert load_checkpoint(tmp_path, "a", {"w": (2, 3)})[0]["step"] == 4
        return
    rewritten(path, TENSORS[change][0])
    assert load_checkpoint(tmp_path, "a", {"w": (2, 3)}) is None
    assert re.search(f"cannot be read .*{TENSORS[change][1]}.*starting from the beginning", caplog.text)


@pytest.mark.parametrize("change", [*TENSORS, None])
def test_a_recommender_without_its_tensors_is_refused(tmp_path, change):
    chosen = hyperparameters(BASE)
    write_safetensors(tmp_path / "model.safetensors", build(chosen, 9, "sasrec").state_dict())
    write_json(tmp_path / "config.json", {"sasrec": chosen.model_dump(), "items": 9})
    if change is None:
        load_recommender(tmp_path / "model.safetensors", tmp_path / "config.json")
        return
    rewritten(tmp_path / "model.safetensors", TENSORS[change][0])
    with pytest.raises(InputError, match=f"model.safetensors: .*{TENSORS[change][1]}.*train the recommender again"):
        load_recommender(tmp_path / "model.safetensors", tmp_path / "config.json")


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2, torch.float64])
def test_embeddings_from_outside_in_another_precision_are_refused_in_one_line(tmp_path, kind):
    save_file({name: torch.ones(4, 2).to(kind) for name in ("user", "item")}, tmp_path / "embeddings.safetensors")
    with pytest.raises(InputError, match=r"embeddings.safetensors: .*expected (a )?float32") as caught:
        load_embeddings(tmp_path / "embeddings.safetensors")
    assert "\n" not in str(caught.value)
