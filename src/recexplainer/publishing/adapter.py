"""An alignment of a finished run as a folder that peft and transformers read, with a model card."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from recexplainer.alignment.model import AGAIN
from recexplainer.errors import InputError
from recexplainer.files import named, read_bytes, read_json, read_parquet
from recexplainer.folders import whole
from recexplainer.llm import template as chat_template
from recexplainer.llm.base import checked_folder, load_tokenizer, read_manifest
from recexplainer.llm.encoding import ITEM_ID, USER_ID, ChatEncoder
from recexplainer.provenance.recorded import RECORD, recorded_config
from recexplainer.publishing.alignments import ADAPTER, Alignment, find
from recexplainer.publishing.card import card
from recexplainer.publishing.card_code import pieces
from recexplainer.publishing.examples import Example, examples, made_up
from recexplainer.recommender.contract import load_tables
from recexplainer.recommender.scorer import recommender_encoder

BASE = "base"
"""The folder in the exported one of a base LLM that is nowhere else: a tiny one, trained by the run."""


def export(results: str | Path, *, dataset: str, mode: str, run: str, to: str | Path, base: str | None = None) -> None:
    """Write an alignment as a folder: adapter, projectors, item embeddings, tokenizer, examples and a model card.

    Args:
        results: the folder of a finished run.
        dataset: one of its datasets; with another recommender than SASRec as ``games.gru4rec``.
        mode: ``behavior``, ``intention`` or ``hybrid``.
        run: ``full``, an ablation, ``reasons``, or ``full.7`` of a further seed.
        to: the folder to write; it is there as a whole, or not at all.
        base: what the base LLM is called where the folder goes to: an id of the hub, or a folder. Default: as the run
            had it.

    Raises:
        InputError: the folder is there already; there is no such run or alignment, or a file of it is missing or
            broken; or transformers reads the chat template otherwise than the run.
    """
    folder = named(to, "folder")
    if folder.exists():
        raise InputError(f"--to {to}: there already. Choose another name, or delete it.")
    record = Path(results, RECORD)
    if not record.is_file():
        raise InputError(f"{record}: no such file; expected the folder of a finished run, such as results/demo.")
    config = recorded_config(record)
    alignment = find(Path(results), dataset, mode, run)
    with whole(folder) as made:
        made.mkdir(parents=True)
        _write(alignment, config, read_json(record), base, made)


def _write(
    alignment: Alignment, config: dict[str, Any], record: dict[str, Any], base: str | None, folder: Path
) -> None:
    """Write the folder's files."""
    manifest, template = str(alignment.results / "llm/base.json"), config["llm"]["chat_template"]
    tokenizer = load_tokenizer(manifest, None if template == "tokenizer" else template)
    if "strftime_now" in tokenizer.chat_template:  # the run's own day, not the clock's
        tokenizer.chat_template = chat_template._DATED + tokenizer.chat_template
    titles = list(read_parquet(alignment.results / f"data/{alignment.data}/items.parquet")["title"])
    history, others = _questioned(alignment, config, len(titles))
    asked = examples(config, titles, alignment.mode, history, others, ChatEncoder(tokenizer, 10**9))
    _check_tokens(tokenizer, asked)
    tokenizer.save_pretrained(folder)
    llm = _base_llm(manifest, config, base, folder)
    _write_adapter(alignment, llm, folder)
    if alignment.mode != "behavior":
        (folder / "projectors.safetensors").write_bytes(read_bytes(alignment.folder / "projectors.safetensors"))
        _write_embeddings(alignment, history, folder / "recommender.safetensors")
        _write_json(folder / "titles.json", titles)
    _write_json(folder / "examples.json", [one.shown() for one in asked])
    text = card(alignment, config, record, llm, [titles[item] for item in history], folder)
    (folder / "README.md").write_text(text, encoding="utf-8")


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _questioned(alignment: Alignment, config: dict[str, Any], items: int) -> tuple[list[int], list[int]]:
    """Return the history and the items that the examples are about."""
    longest = config["datasets"][alignment.data]["recommender"]["max_length"]
    return made_up(config["seed"], alignment.dataset, items, longest, config["labels"]["candidates"])


def _check_tokens(tokenizer: Any, asked: list[Example]) -> None:
    """Refuse to export what the card's lines would read otherwise than the run did."""
    encoded = ChatEncoder(tokenizer, 10**9).encode([one.messages for one in asked], prompt_only=True)
    marks = {"<user>": [USER_ID], "<item>": [ITEM_ID]}
    for one, expected in zip(asked, encoded, strict=True):
        assert expected is not None  # the context is long enough
        parts = pieces(tokenizer, one.shown()["ask"]["question"])
        tokens = [number for part in parts for number in (marks[part] if isinstance(part, str) else part)]
        if tokens != expected.input_ids.tolist():
            raise InputError(
                f"the chat template: transformers gives the question of the {one.kind} other tokens than the run had, "
                "so that the exported model would answer otherwise. Set llm.chat_template to another and run it again."
            )


def _base_llm(manifest: str, config: dict[str, Any], base: str | None, folder: Path) -> dict[str, Any]:
    """Return the base LLM's ``name``, ``revision``, ``here`` (whether it is in the folder), ``files`` and more.

    One that the run has trained from scratch is copied: it is nowhere else, and tiny.
    """
    llm = read_manifest(manifest)
    here = config["llm"]["source"] == "scratch" and base is None
    if here:
        source = Path(checked_folder(manifest, weights=True))
        (folder / BASE).mkdir()
        for name in llm["files"]:
            if not name.startswith(("tokenizer", "special_tokens", "chat_template")):
                shutil.copyfile(source / name, folder / BASE / name)
    hub = config["llm"]["source"] == "hub" and base is None
    name = BASE if here else base or llm["id"] or llm["folder"]
    return llm | {"name": name, "revision": llm["revision"] if hub else None, "here": here}


def _write_adapter(alignment: Alignment, llm: dict[str, Any], folder: Path) -> None:
    """Write the adapter; its config gets the base LLM's name."""
    path = alignment.folder / "adapter_config.json"
    config = read_json(path)
    if not isinstance(config, dict):
        raise InputError(f"{path}: no adapter's config. {AGAIN}")
    config |= {"base_model_name_or_path": llm["name"], "revision": llm["revision"], "inference_mode": True}
    _write_json(folder / "adapter_config.json", config)
    (folder / ADAPTER).write_bytes(read_bytes(alignment.folder / ADAPTER))


def _write_embeddings(alignment: Alignment, history: list[int], path: Path) -> None:
    """Write the item embeddings, the user embedding of the made-up history, and the scales of both tables.

    The embeddings of the run's users stay where they are: each is made of what one person chose.
    """
    from safetensors.numpy import save

    tables = load_tables(alignment.results / f"export/{alignment.dataset}/embeddings.safetensors")
    scales = {f"{kind}_scale": np.array([max(tables[kind].std(), 1e-8)], np.float32) for kind in ("user", "item")}
    path.write_bytes(save({"item": tables["item"], "user": _user(alignment, tables["item"], history)} | scales))


def _user(alignment: Alignment, items: np.ndarray, history: list[int]) -> np.ndarray:
    """Return the embedding (1, d) of a user with a history; of a recommender from outside the mean of the items."""
    trained = alignment.results / "recommender" / alignment.dataset
    if not (trained / "model.safetensors").is_file():
        return items[history].mean(axis=0, keepdims=True)
    encode, _ = recommender_encoder(trained / "model.safetensors", trained / "config.json")
    return encode([history])
