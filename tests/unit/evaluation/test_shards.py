"""Predictions in shards: merged, they are the bytes of an undivided run, and a shard that does not fit is refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import TEMPLATE, WORDS, text, tiny_llama, tiny_tokenizer

from recexplainer.alignment.model import RecExplainer, save_aligned, with_lora
from recexplainer.config.alignment import Lora
from recexplainer.config.evaluation import Predicted
from recexplainer.errors import InputError
from recexplainer.evaluation.predict import predict
from recexplainer.evaluation.predictions import SCHEMAS
from recexplainer.evaluation.shards import merge_predictions
from recexplainer.files import read_parquet, write_parquet, write_safetensors
from recexplainer.llm.base import make_manifest
from recexplainer.tasks.schema import write_tasks

SETTINGS = Predicted(
    context=200,
    precision="fp32",
    batch_size=6,
    batch_tokens=None,
    beams=2,
    max_cases=12,
    retrieval_decoding="beams",
    title_reading="found",
    classification_decision="logits",
)
TITLES = [f"{a} {b}" for a in WORDS[:4] for b in WORDS[4:8]]


def row(task: str, user: int, target: list[str]) -> dict:
    # Prompts of many lengths, so that the order of the batches is not that of the cases.
    words = " ".join(WORDS[: user * 7 % 13 + 1])
    segments = [text(words), {"kind": "user", "text": "", "ref": user}]
    return {
        **{"sample": f"{task}-{user}", "task": task, "user": user, "prefix": user, "item": -1},
        "messages": [{"role": "user", "segments": segments}, {"role": "assistant", "segments": [text("Yes")]}],
        **{"target": target, "candidates": TITLES[:5] if task == "ranking" else []},
    }


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("inputs")
    tokenizer, tables = tiny_tokenizer(), np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32)
    # Wide initial weights make the random model's choices clear-cut.
    llm = tiny_llama(tokenizer)
    for parameter in llm.parameters():
        parameter.data *= 4
    llm.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    make_manifest(
        source="folder", folder=str(folder / "model"), hub_id=None, revision=None, output=str(folder / "base.json")
    )
    torch.manual_seed(0)
    lora = Lora(rank=2, alpha=4, dropout=0.0, targets=["q_proj"])
    save_aligned(RecExplainer(with_lora(llm, lora, "new"), tables, tables), folder / "aligned")
    write_safetensors(folder / "embeddings.safetensors", {"user": tables, "item": tables})
    import pandas as pd

    write_parquet(folder / "items.parquet", pd.DataFrame({"title": TITLES}))
    rows = [row("retrieval", user, [TITLES[user % 16]]) for user in range(20)]
    rows += [row("ranking", user, TITLES[:5]) for user in range(20)]
    # Fewer cases than shards.
    rows += [row("classification", user, ["Yes"]) for user in (3, 5)]
    write_tasks(folder / "test.parquet", rows)
    return {
        **{"llm": str(folder / "base.json"), "chat_template": str(TEMPLATE), "adapter": str(folder / "aligned")},
        **{"test": str(folder / "test.parquet"), "embeddings": str(folder / "embeddings.safetensors")},
        **{"items": str(folder / "items.parquet"), "seed": 1},
    }


def in_shards(
    inputs: dict, folder: Path, shards: int, decision: str = "logits", batch_tokens: int | None = None
) -> list[str]:
    settings = SETTINGS.model_copy(update={"classification_decision": decision, "batch_tokens": batch_tokens})
    for shard in range(shards):
        predict(**inputs, settings=settings, output_dir=str(folder / str(shard)), shard=shard, shards=shards)
    return [str(folder / str(shard)) for shard in range(shards)]


@pytest.mark.parametrize("decision", ["logits", "generate"])
def test_merged_shards_are_the_bytes_of_an_undivided_run(inputs, tmp_path, decision):
    in_shards(inputs, tmp_path / "one", 1, decision)
    folders = in_shards(inputs, tmp_path / "three", 3, decision)
    merge_predictions(folders, str(tmp_path / "merged"))
    for task in SCHEMAS:
        assert (tmp_path / f"merged/{task}.parquet").read_bytes() == (tmp_path / f"one/0/{task}.parquet").read_bytes()
    whole = read_parquet(tmp_path / "merged/retrieval.parquet")
    assert len(whole) == 12 and len({tuple(texts) for texts in whole["predictions"]}) > 1
    # Four batches of three prompts are dealt out.
    assert [len(read_parquet(Path(folder, "retrieval.parquet"))) for folder in folders] == [6, 3, 3]


@pytest.mark.parametrize("decision", ["logits", "generate"])
def test_shards_share_batches_of_some_tokens(inputs, tmp_path, decision):
    in_shards(inputs, tmp_path / "one", 1, decision, 100)
    folders = in_shards(inputs, tmp_path / "three", 3, decision, 100)
    merge_predictions(folders, str(tmp_path / "merged"))
    for task in SCHEMAS:
        assert (tmp_path / f"merged/{task}.parquet").read_bytes() == (tmp_path / f"one/0/{task}.parquet").read_bytes()
    # No longer four batches of three: long prompts are fewer together.
    assert [len(read_parquet(Path(folder, "retrieval.parquet"))) for folder in folders] != [6, 3, 3]


def test_shards_that_do_not_fit_are_refused(inputs, tmp_path):
    folders = in_shards(inputs, tmp_path, 3)
    with pytest.raises(InputError, match="retrieval: 9 cases, and not each of 12 once"):
        merge_predictions(folders[:2], str(tmp_path / "merged"))
    with pytest.raises(InputError, match="retrieval: 18 cases"):
        merge_predictions([*folders, folders[0]], str(tmp_path / "merged"))
    shutil.rmtree(folders[1])
    with pytest.raises(InputError, match="no such file"):
        merge_predictions(folders, str(tmp_path / "merged"))
    assert not (tmp_path / "merged").exists()
