"""The run record of an alignment: what it took, and how its global batch was made up."""

import math
import os
import platform
import resource
from typing import Any

import torch

from recexplainer.alignment.engine import number_of_parameters, trained_parameters
from recexplainer.config.alignment import Aligned
from recexplainer.llm.packing import Step


def part(engine: Any, first_step: int, config: dict[str, Any]) -> dict[str, Any]:
    """Return what is to be known of one uninterrupted part of a training: one process start after another.

    Args:
        engine: the DeepSpeed engine.
        first_step: how many steps were done before.
        config: the DeepSpeed configuration.
    """
    # torchrun says how many processes a node has; without a launcher there is but this one.
    per_node = int(os.environ.get("LOCAL_WORLD_SIZE", engine.world_size))
    return {
        "first_step": first_step,
        "steps": 0,
        "seconds": 0.0,
        "processes": engine.world_size,
        "nodes": math.ceil(engine.world_size / per_node),
        "zero_stage": config["zero_optimization"]["stage"],
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine(),
    }


def summary(engine: Any, steps: list[Step], settings: Aligned, state: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a finished training.

    Args:
        engine: the DeepSpeed engine.
        steps: the plan.
        settings: what the alignment was made with.
        state: the loss curve and the parts.
    """
    last, parts = state["parts"][-1], state["parts"]
    micro_batches = [
        math.ceil(math.ceil(len(step.rows) / last["processes"]) / settings.rows_per_micro_batch) for step in steps
    ]
    return {
        "curve": state["curve"],
        "steps": len(steps),
        "tokens": sum(step.tokens for step in steps),
        "resumed_at_step": last["first_step"],
        # One step is `samples_per_step` samples, packed into rows. They are dealt out to the processes, and each
        # process accumulates the gradients of its micro-batches.
        "batch": {
            "samples_per_step": settings.batch,
            "processes": last["processes"],
            "nodes": last["nodes"],
            "rows_per_micro_batch": settings.rows_per_micro_batch,
            "rows": sum(len(step.rows) for step in steps),
            "accumulation": {"least": min(micro_batches), "most": max(micro_batches)},
        },
        "parts": parts,
        "trained_parameters": number_of_parameters(trained_parameters(engine.module).values()),
        "parameters": number_of_parameters(engine.module.parameters()),
        "seconds": round(sum(each["seconds"] for each in parts), 1),
        "peak_memory_mb": _peak_memory_mb(),
        "device": last["device"],
        "versions": _versions(),
    }


def _peak_memory_mb() -> float:
    if torch.cuda.is_available():
        return round(torch.cuda.max_memory_allocated() / 2**20, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10, 1)


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "transformers", "peft", "deepspeed", "numpy")} | {
        "python": platform.python_version()
    }
