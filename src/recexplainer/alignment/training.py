"""Training under DeepSpeed ZeRO-2, in one process or in many (section 3.2.2)."""

import csv
import hashlib
import json
import logging
import math
import os
import platform
import resource
import time
from pathlib import Path

import torch

from recexplainer.alignment.checkpoint import load_checkpoint, save_checkpoint
from recexplainer.alignment.packing import Step, collate, plan_steps
from recexplainer.errors import InputError
from recexplainer.files import atomic, read_json
from recexplainer.llm.encoding import Encoded
from recexplainer.seeds import derive_seed

logger = logging.getLogger(__name__)


def learning_rate(step: int, steps: int, settings: dict) -> float:
    """Return the rate of a step: linear warm-up over a share of the steps, then linear or cosine decay to zero."""
    warmup = max(1, round(settings["warmup"] * steps))
    if step < warmup:
        return settings["lr"] * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return settings["lr"] * (1 - done if settings["schedule"] == "linear" else (1 + math.cos(math.pi * done)) / 2)


def start_engine(model: torch.nn.Module, config: dict, settings: dict):
    """Start DeepSpeed for the model's trainable parameters.

    Args:
        model: the model, its frozen parameters already in the training precision.
        config: the DeepSpeed configuration (``config/deepspeed/*.json``) without batch sizes and precision.
        settings: ``lr``, ``weight_decay``, ``gradient_clip`` and ``precision``.
    """
    # Without a launcher this process is the only one.
    for name, value in {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("MASTER_PORT", str(_free_port()))
    import deepspeed

    if not torch.cuda.is_available():
        # The shared-memory collectives need a compiler at run time and gain nothing here.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=settings["lr"], weight_decay=settings["weight_decay"])
    # Accumulation is steered by hand, as the number of packed rows differs from step to step.
    config = config | {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 1,
        "gradient_clipping": settings["gradient_clip"],
        "fp16": {"enabled": settings["precision"] == "fp16"},
        "bf16": {"enabled": settings["precision"] == "bf16"},
        "zero_allow_untested_optimizer": True,
    }
    engine, *_ = deepspeed.initialize(
        model=model,
        optimizer=optimizer,
        config=config,
        dist_init_required=True,
    )
    return engine


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def train(
    model: torch.nn.Module,
    samples: list[Encoded],
    settings: dict,
    deepspeed_config: str,
    seed: int,
    checkpoints: str,
    identity: str,
) -> dict:
    """Train the model on the samples; a killed run goes on from its last checkpoint.

    The loss of a step is a mean over its whole global batch, so that it does not depend on how the batch is cut into
    rows, micro-batches and processes: over all target tokens (``loss_average`` ``tokens``), or over the samples, of
    each sample's mean over its target tokens (``samples``).

    Args:
        model: a module that maps a packed batch and a normalizer to a loss.
        samples: the encoded samples.
        settings: the ``alignment`` section of the config, with ``loss_average``.
        deepspeed_config: path of the DeepSpeed JSON.
        seed: the stage's seed.
        checkpoints: a folder for checkpoints.
        identity: what the training was given (inputs and settings); a checkpoint of another one is not used.

    Returns:
        The run record: loss curve, tokens, time, memory, how the batch was made up, versions.
    """
    if not samples:
        raise InputError("there is no training sample; check the tasks of this mode and ablation.")
    steps = plan_steps(samples, settings["batch"], settings["context"], settings["epochs"], settings["max_steps"], seed)
    engine = start_engine(model, read_json(deepspeed_config), settings)
    rank, world = engine.global_rank, engine.world_size
    identity = hashlib.sha256(json.dumps([identity, settings, seed], sort_keys=True).encode()).hexdigest()
    folder = Path(checkpoints)
    state = load_checkpoint(engine, folder, identity) or {"step": 0, "curve": [], "identity": identity}
    if state["step"]:
        logger.info("going on from step %d of %d (%s)", state["step"], len(steps), folder)
    engine.train()
    begin, first, shown, tokens = time.perf_counter(), state["step"], 0.0, 0
    for number in range(first, len(steps)):
        rate = learning_rate(number, len(steps), settings)
        for group in engine.optimizer.param_groups:
            group["lr"] = rate
        # Dropout draws from the step's own seed: a resumed run draws what an undisturbed one does.
        torch.manual_seed(derive_seed(seed, "step", number, rank))
        loss = _step(engine, steps[number], samples, settings, rank, world)
        state["step"] = number + 1
        state["curve"].append({"step": number + 1, "loss": loss, "lr": rate, "tokens": steps[number].tokens})
        tokens += steps[number].tokens
        if not math.isfinite(loss) and settings["precision"] != "fp16":
            raise InputError(f"the loss became {loss} at step {number + 1}; lower alignment.lr.")
        elapsed = time.perf_counter() - begin
        if rank == 0 and (elapsed - shown > 10 or number + 1 == len(steps)):
            shown = elapsed
            left = elapsed / (number + 1 - first) * (len(steps) - number - 1)
            logger.info(
                "step %d/%d  loss %.4f  %.0f tokens/s  %.0f s left",
                number + 1,
                len(steps),
                loss,
                tokens / elapsed,
                left,
            )
        if settings["checkpoint_every"] and (number + 1) % settings["checkpoint_every"] == 0:
            save_checkpoint(engine, folder, state, rank)
    return {
        "curve": state["curve"],
        "steps": len(steps),
        "samples": len(samples),
        "tokens": sum(step.tokens for step in steps),
        "resumed_at_step": first,
        "batch": {
            "samples_per_step": settings["batch"],
            "processes": world,
            "rows_per_micro_batch": settings["rows_per_micro_batch"],
            "rows": sum(len(step.rows) for step in steps),
        },
        "trained_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": round(time.perf_counter() - begin, 1),
        "peak_memory_mb": _peak_memory_mb(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine(),
        "versions": _versions(),
    }


def _step(engine, step: Step, samples: list[Encoded], settings: dict, rank: int, world: int) -> float:
    """Run one global batch and return its loss, the same on every rank."""
    average, rows_per_micro_batch = settings["loss_average"], settings["rows_per_micro_batch"]
    normalizer = step.samples if average == "samples" else step.targets
    mine = step.rows[rank::world]
    # Every rank runs as many micro-batches, the last ones empty where its share is short.
    share = math.ceil(len(step.rows) / world)
    starts = range(0, share, rows_per_micro_batch)
    total = torch.zeros((), device=engine.device)
    for start in starts:
        rows = mine[start : start + rows_per_micro_batch]
        batch = {name: value.to(engine.device) for name, value in collate(rows, samples, average).items()}
        # DeepSpeed averages over the processes; the sum is wanted.
        loss = engine(batch, normalizer / world)
        engine.set_gradient_accumulation_boundary(start == starts[-1])
        engine.backward(loss)
        total += loss.detach() / world
    engine.step()
    if world > 1:
        torch.distributed.all_reduce(total)
    return float(total)


def write_curve(path: Path, curve: list[dict]) -> None:
    """Write the loss curve: step, loss (nats per target token, mean over samples or tokens), learning rate, tokens."""
    with atomic(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, ["step", "loss", "lr", "tokens"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(curve)


def _peak_memory_mb() -> float:
    if torch.cuda.is_available():
        return round(torch.cuda.max_memory_allocated() / 2**20, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10, 1)


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "transformers", "peft", "deepspeed", "numpy")} | {
        "python": platform.python_version()
    }
