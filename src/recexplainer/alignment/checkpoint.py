"""Checkpoints of a training under DeepSpeed: whole tensors by name, as safetensors.

DeepSpeed's own checkpoints are pickles cut by rank. What is trained here is small, so that every rank can gather it
whole: the file is safe to read, and fits any number of processes and any ZeRO stage.
"""

import logging
from pathlib import Path
from typing import Any

import torch

from recexplainer.alignment.engine import MOMENTS, full_moments, full_parameters, progress
from recexplainer.errors import InputError
from recexplainer.files import delete, kept, read_json, write_json, write_safetensors
from recexplainer.tensors import check_tensors, read_tensors

logger = logging.getLogger(__name__)


def save_checkpoint(engine: Any, folder: Path, state: dict[str, Any]) -> None:
    """Write the trained parameters, Adam's moments and ``state`` (JSON values); every rank takes part.

    It returns when the checkpoint is whole, on every rank: none may end, and take the others with it, before that.
    """
    tensors = {f"parameter/{name}": value for name, value in full_parameters(engine).items()}
    for moment in MOMENTS:
        tensors |= {f"{moment}/{name}": value for name, value in full_moments(engine, moment).items()}
    if engine.global_rank == 0:
        name = f"step-{state['step']:08d}.safetensors"
        with kept():
            write_safetensors(folder / name, tensors)
            # The JSON names the newest whole checkpoint; it is written last.
            write_json(folder / "latest.json", state | {"optimizer": progress(engine)})
        for old in sorted(folder.glob("step-*.safetensors")):
            if old.name != name:
                delete(old)
    if engine.world_size > 1:
        torch.distributed.barrier()


def load_checkpoint(
    folder: Path, identity: str, shapes: dict[str, tuple[int, ...]]
) -> tuple[dict[str, Any], dict[str, torch.Tensor]] | None:
    """Read the newest checkpoint, if it is one of this very training.

    Args:
        folder: where the checkpoints are.
        identity: a digest of everything that decides the training; another one starts afresh.
        shapes: of the trained parameters by name. A checkpoint that does not hold just these is not used.

    Returns:
        The saved ``state``, with ``optimizer`` for :func:`recexplainer.alignment.engine.restore`, and the tensors; or
        None if there is nothing to go on from.
    """
    if not (folder / "latest.json").is_file():
        return None
    try:
        state = read_json(folder / "latest.json")
        if state["identity"] != identity:
            logger.info("the checkpoint in %s is of another training; starting from the beginning", folder)
            return None
        state["optimizer"]["steps"], state["curve"], state["parts"]
        path = folder / f"step-{state['step']:08d}.safetensors"
        tensors = read_tensors(path)
        expected = {f"{kind}/{name}": shape for kind in ("parameter", *MOMENTS) for name, shape in shapes.items()}
        check_tensors(path, tensors, expected, "It is of another model.")
    except (InputError, KeyError, TypeError, ValueError) as error:
        logger.warning("the checkpoint in %s cannot be read (%s); starting from the beginning", folder, error)
        return None
    return state, tensors
