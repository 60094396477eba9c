"""Training under DeepSpeed, in one process or in many (section 3.2.2)."""

import csv
import hashlib
import json
import logging
import math
import time
from pathlib import Path
from typing import Any

import torch

from recexplainer.alignment.checkpoint import load_checkpoint, save_checkpoint
from recexplainer.alignment.engine import full_parameters, restore, start_engine, trained_parameters
from recexplainer.alignment.interruption import Interrupted, StopRequest
from recexplainer.alignment.record import part, summary
from recexplainer.config.alignment import Aligned
from recexplainer.errors import InputError, one_line
from recexplainer.files import atomic, read_json
from recexplainer.llm.encoding import Encoded
from recexplainer.llm.packing import Step, collate, plan_steps
from recexplainer.llm.schedule import learning_rate
from recexplainer.seeds import derive_seed

logger = logging.getLogger(__name__)

PACE = ("rows_per_micro_batch", "gradient_checkpointing", "checkpoint_every")
"""Settings that decide how a training is computed, not what: it may go on with others, as with other processes."""


def train(
    model: torch.nn.Module,
    samples: list[Encoded],
    settings: Aligned,
    *,
    deepspeed_config: str,
    seed: int,
    checkpoints: str,
    identity: str,
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Train the model on the samples; a run that was cut off goes on from its last checkpoint.

    The loss of a step is a mean over its whole global batch, so that it does not depend on how the batch is cut into
    rows, micro-batches and processes: over all learnt tokens (``loss_average`` ``tokens``), or over the samples, of
    each sample's mean over its learnt tokens (``samples``). A checkpoint fits any number of processes and any ZeRO
    stage.

    Args:
        model: a module that maps a packed batch and a normalizer to a loss.
        samples: the encoded samples.
        settings: what the alignment is made with.
        deepspeed_config: path of the DeepSpeed JSON.
        seed: the stage's seed.
        checkpoints: a folder for checkpoints.
        identity: what the training was given (inputs and settings); a checkpoint of another one is not used.

    Returns:
        The run record (loss curve, tokens, time, memory, how the batch was made up, versions), and, on the first
        process, the trained parameters by name, whole and in fp32.

    Raises:
        InputError: there is no sample, the loss is no number, or the processes do not see the same checkpoint.
        Interrupted: a signal asked for it; the state is saved.
    """
    if not samples:
        raise InputError("there is no training sample; check the tasks of this mode and ablation.")
    steps = plan_steps(
        samples,
        batch=settings.batch,
        context=settings.context,
        epochs=settings.epochs,
        max_steps=settings.max_steps,
        seed=seed,
    )
    config, folder = read_json(deepspeed_config), Path(checkpoints)
    zero = config.get("zero_optimization") if isinstance(config, dict) else None
    stage = zero.get("stage") if isinstance(zero, dict) else None
    if stage not in (1, 2, 3):
        raise InputError(f"{deepspeed_config}: zero_optimization.stage is {stage}; expected 1, 2 or 3.")
    decides = settings.model_dump(exclude={*PACE})
    identity = hashlib.sha256(json.dumps([identity, decides, seed], sort_keys=True).encode()).hexdigest()
    trained = trained_parameters(model)
    shapes = {name: tuple(parameter.shape) for name, parameter in trained.items()}
    state, tensors = load_checkpoint(folder, identity, shapes) or ({"step": 0, "curve": [], "parts": []}, {})
    for name, parameter in trained.items():
        if tensors:
            parameter.data.copy_(tensors[f"parameter/{name}"])
    try:
        engine = start_engine(model, config, settings)
    except (TypeError, ValueError, KeyError, AttributeError, AssertionError) as error:
        raise InputError(f"{deepspeed_config}: DeepSpeed does not start with it ({one_line(error)}).") from None
    if not _same_everywhere(engine, state["step"]):
        raise InputError(f"{folder}: not the same for all processes; expected a folder that all nodes share.")
    if tensors:
        restore(engine, tensors, state.pop("optimizer"))
        logger.info("going on from step %d of %d (%s)", state["step"], len(steps), folder)
    state["identity"] = identity
    state["parts"].append(part(engine, state["step"], config))
    with StopRequest() as stop:
        _run(engine, steps, samples, settings, seed, folder, state, stop)
    record = summary(engine, steps, settings, state) | {"samples": len(samples)}
    return record, full_parameters(engine)


def _same_everywhere(engine: Any, number: int) -> bool:
    """Whether a number is the same on all processes."""
    extremes = torch.tensor([number, -number], device=engine.device)
    if engine.world_size > 1:
        torch.distributed.all_reduce(extremes, torch.distributed.ReduceOp.MAX)
    return extremes[0] == -extremes[1]


def _run(
    engine: Any,
    steps: list[Step],
    samples: list[Encoded],
    settings: Aligned,
    seed: int,
    folder: Path,
    state: dict[str, Any],
    stop: StopRequest,
) -> None:
    """Train from ``state["step"]`` to the end; ``state`` keeps up with it."""
    rank, first, every = engine.global_rank, state["step"], settings.checkpoint_every
    begin, shown, tokens, own = time.perf_counter(), 0.0, 0, state["parts"][-1]
    engine.train()
    for number in range(first, len(steps)):
        rate = learning_rate(number, len(steps), peak=settings.lr, warmup=settings.warmup, schedule=settings.schedule)
        for group in engine.optimizer.param_groups:
            group["lr"] = rate
        # Dropout draws from the step's own seed: a resumed run draws what an undisturbed one does.
        torch.manual_seed(derive_seed(seed, "step", number, rank))
        loss, stopping = _step(engine, steps[number], samples, settings, stop)
        state["step"] = number + 1
        state["curve"].append({"step": number + 1, "loss": loss, "lr": rate, "tokens": steps[number].tokens})
        tokens += steps[number].tokens
        if not math.isfinite(loss) and settings.precision != "fp16":
            raise InputError(f"the loss became {loss} at step {number + 1}; lower alignment.lr.")
        elapsed = time.perf_counter() - begin
        own |= {"steps": number + 1 - first, "seconds": round(elapsed, 1)}
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
        last = number + 1 == len(steps)
        if (stopping and not last) or (every and (number + 1) % every == 0):
            save_checkpoint(engine, folder, state)
        if stopping and not last:
            message = f"asked to stop; saved at step {number + 1} of {len(steps)}, to go on from there"
            if rank == 0:
                logger.warning(message)
            raise Interrupted(message)


def _step(engine: Any, step: Step, samples: list[Encoded], settings: Aligned, stop: StopRequest) -> tuple[float, bool]:
    """Run one global batch; return its loss and whether any process is to stop, the same on every rank."""
    rank, world = engine.global_rank, engine.world_size
    average, rows_per_micro_batch = settings.loss_average, settings.rows_per_micro_batch
    normalizer = step.samples if average == "samples" else step.loss_tokens
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
    # The signal comes to the processes at different times, if to all; it travels with the loss, at no cost.
    sums = torch.stack([total, total.new_tensor(float(stop.wanted))])
    if world > 1:
        torch.distributed.all_reduce(sums)
    return float(sums[0]), bool(sums[1] > 0)


def write_curve(path: Path, curve: list[dict[str, Any]]) -> None:
    """Write the loss curve: step, loss (nats per learnt token, mean over samples or tokens), learning rate, tokens."""
    with atomic(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, ["step", "loss", "lr", "tokens"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(curve)
