"""Checkpoints of a training under DeepSpeed: whole tensors by name, as safetensors.

DeepSpeed's own checkpoints are pickles cut by rank. What is trained here is small, so that
every rank can gather it whole: the file is safe to read and fits any number of processes.
"""

import logging
from pathlib import Path

import torch

from recexplainer.errors import InputError
from recexplainer.files import read_json, read_safetensors, write_json, write_safetensors

logger = logging.getLogger(__name__)

MOMENTS = ("exp_avg", "exp_avg_sq")


def save_checkpoint(engine, folder: Path, state: dict, rank: int) -> None:
    """Write the trained parameters, Adam's moments and ``state`` (JSON values); every rank takes part."""
    from deepspeed.utils import safe_get_full_fp32_param, safe_get_full_optimizer_state

    tensors = {}
    for name, parameter in engine.module.named_parameters():
        if parameter.requires_grad:
            tensors[f"parameter/{name}"] = safe_get_full_fp32_param(parameter)
            for moment in MOMENTS:
                tensors[f"{moment}/{name}"] = safe_get_full_optimizer_state(parameter, moment)
    if rank == 0:
        step = state["step"]
        write_safetensors(folder / f"step-{step:08d}.safetensors", tensors)
        # The JSON names the newest whole checkpoint; it is written last.
        write_json(folder / "latest.json", state)
        for old in sorted(folder.glob("step-*.safetensors")):
            if old.name != f"step-{step:08d}.safetensors":
                old.unlink()


def read_tensors(path: str | Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file as torch tensors by name."""
    return {name: torch.from_numpy(value) for name, value in read_safetensors(path).items()}


def load_checkpoint(engine, folder: Path, identity: str) -> dict | None:
    """Restore the newest checkpoint, if it is one of this very training.

    Args:
        engine: the DeepSpeed engine, before its first step.
        folder: where the checkpoints are.
        identity: a digest of everything that decides the training; another one starts afresh.

    Returns:
        The saved ``state``, or None if there is nothing to go on from.
    """
    if not (folder / "latest.json").is_file():
        return None
    try:
        state = read_json(folder / "latest.json")
        tensors = read_tensors(folder / f"step-{state['step']:08d}.safetensors")
    except (InputError, KeyError, TypeError) as error:
        logger.warning("the checkpoint in %s cannot be read (%s); starting from the beginning", folder, error)
        return None
    if state.get("identity") != identity:
        logger.info("the checkpoint in %s is of another training; starting from the beginning", folder)
        return None
    _restore(engine, tensors, state["step"])
    return state


def _restore(engine, tensors: dict[str, torch.Tensor], step: int) -> None:
    from deepspeed.utils import safe_set_full_fp32_param, safe_set_full_optimizer_state

    _create_optimizer_state(engine, step)
    for name, parameter in engine.module.named_parameters():
        if parameter.requires_grad:
            value = tensors[f"parameter/{name}"]
            safe_set_full_fp32_param(parameter, value)
            parameter.data.copy_(value.to(parameter.dtype))
            for moment in MOMENTS:
                safe_set_full_optimizer_state(parameter, tensors[f"{moment}/{name}"], moment)


def _create_optimizer_state(engine, step: int) -> None:
    """Give Adam the state that it makes at its first step, so that there is something to restore into."""
    optimizer = engine.optimizer
    for group in optimizer.optimizer.param_groups:
        for flat in group["params"]:
            optimizer.optimizer.state[flat] = {
                "step": torch.tensor(float(step)),
                "exp_avg": torch.zeros_like(flat),
                "exp_avg_sq": torch.zeros_like(flat),
            }
    if hasattr(optimizer, "_lazy_init_hp_params_optimizer_state"):
        optimizer._lazy_init_hp_params_optimizer_state()
