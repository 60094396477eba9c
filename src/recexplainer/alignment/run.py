"""One alignment, from files to files: read the tasks, train, save what was trained."""

import hashlib
import json
import logging
import os
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import torch

from recexplainer.alignment.model import RecExplainer, check_packing, save_aligned, with_lora
from recexplainer.alignment.training import train, write_curve
from recexplainer.config.alignment import Aligned
from recexplainer.errors import InputError
from recexplainer.files import sha256, write_json
from recexplainer.llm.base import load_fitting, load_tokenizer, read_manifest
from recexplainer.llm.encoding import ChatEncoder, Encoded
from recexplainer.llm.precision import resolved
from recexplainer.recommender.contract import load_tables
from recexplainer.seeds import derive_seed
from recexplainer.tasks.schema import ABLATIONS, read_tasks

logger = logging.getLogger(__name__)


def align(
    *,
    llm: str,
    chat_template: str | None,
    train_tasks: list[str],
    embeddings: str,
    deepspeed: str,
    settings: Aligned,
    ablation: str,
    seed: int,
    checkpoints: str,
    output_dir: str,
) -> None:
    """Align the LLM with the recommender and write the adapter, the projectors and the run record.

    Args:
        llm: the base LLM's manifest.
        chat_template: path of a Jinja chat template; None for the tokenizer's own.
        train_tasks: Parquet files of training samples (the mode's tasks, and the conversations).
        embeddings: the recommender's ``embeddings.safetensors``.
        deepspeed: path of the DeepSpeed JSON.
        settings: what the alignment is made with.
        ablation: which tasks are left out (section 3.6).
        seed: the stage's seed.
        checkpoints: a folder for checkpoints.
        output_dir: where the results go.

    Raises:
        InputError: the input or the settings do not fit.
        Interrupted: a signal asked for it; the same call goes on from there.
    """
    if ablation not in ABLATIONS:
        raise InputError(f"--ablation: {ablation!r}; expected one of {', '.join(ABLATIONS)}.")
    settings = settings.model_copy(update={"precision": resolved(settings.precision)})
    tokenizer = load_tokenizer(llm, chat_template)
    encoder = ChatEncoder(tokenizer, settings.context)
    samples, counts = encode_tasks(encoder, train_tasks, ABLATIONS[ablation])
    logger.info("%d training samples of %d tokens", len(samples), sum(map(len, samples)))

    # Under fp16 and bf16 the frozen weights are held in that precision; DeepSpeed keeps the trained ones in fp32.
    model = load_fitting(llm, tokenizer, settings.context, settings.precision)
    check_packing(model)
    torch.manual_seed(derive_seed(seed, "weights"))
    tables = load_tables(embeddings)
    model = RecExplainer(
        with_lora(model, settings.lora, settings.trained_rows),
        tables["user"],
        tables["item"],
        settings.embedding_injection,
    )
    if settings.gradient_checkpointing:
        model.base[0].gradient_checkpointing_enable({"use_reentrant": False})
    # What decides the training besides the settings: another one must not go on from its checkpoints.
    identity = json.dumps([read_manifest(llm)["files"], sha256(embeddings), _tokens(samples)], sort_keys=True)
    record, weights = train(
        model, samples, settings, deepspeed_config=deepspeed, seed=seed, checkpoints=checkpoints, identity=identity
    )

    if int(os.environ.get("RANK", "0")) == 0:
        Path(output_dir).mkdir(parents=True, exist_ok=True)
        save_aligned(model, output_dir, weights)
        write_curve(Path(output_dir) / "loss.csv", record.pop("curve"))
        record |= {"samples_per_task": counts, "precision": settings.precision}
        write_json(Path(output_dir) / "record.json", record)
        logger.info("aligned model in %s (%.0f s)", output_dir, record["seconds"])


def encode_tasks(
    encoder: ChatEncoder, paths: list[str], without: tuple[str, ...]
) -> tuple[list[Encoded], dict[str, int]]:
    """Encode the samples of some task files, less the tasks that an ablation removes.

    Returns:
        The samples and, per task, how many there are; ``too_long`` counts those that do not fit the context.
    """
    samples: list[Encoded] = []
    counts: Counter[str] = Counter()
    for path in paths:
        for batch in read_tasks(path, ["task", "messages"]):
            batch = batch.filter(pc.invert(pc.is_in(batch["task"], pa.array(without, pa.string()))))
            encoded = encoder.encode(batch["messages"])
            tasks = batch["task"].to_pylist()
            counts.update("too_long" if one is None else task for task, one in zip(tasks, encoded, strict=True))
            samples += [one for one in encoded if one is not None]
    if not counts:
        raise InputError(f"{', '.join(paths)}: no training sample is left.")
    if counts.get("too_long"):
        logger.warning("%d samples do not fit the context of %d tokens; left out", counts["too_long"], encoder.context)
    return samples, dict(sorted(counts.items()))


def _tokens(samples: list[Encoded]) -> str:
    """Return a digest of the samples' tokens."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(sample.input_ids.tobytes())
        digest.update(sample.embedding_rows.tobytes())
    return digest.hexdigest()
