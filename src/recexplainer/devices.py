"""The GPU that a job computes on: whether the installed torch has code for it, before anything is loaded."""

import logging
import os
import re
from typing import Any

from recexplainer.errors import InputError

logger = logging.getLogger(__name__)

Capability = tuple[int, int]

FIRST_CAPABILITY: dict[int, Capability] = {12: (5, 0), 13: (7, 5)}
"""The compute capability at which torch's builds begin, by the major version of their CUDA."""
OLDER_CARDS = ("12.6", (5, 0), (9, 0))
"""The CUDA of the build that serves cards before 7.5, and the first and last compute capability that it has."""


def claim(gpus: int | None = None) -> None:
    """Check that torch can compute on the GPU of this process. Call it before anything else asks for GPUs.

    Args:
        gpus: how many the config gives the job. 0 keeps the job to the CPU; None takes what is there.

    Raises:
        InputError: the installed torch has no code for the GPU, or is a build for GPUs and finds none of those that it
            was promised.
    """
    if gpus == 0:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        return
    import torch

    if torch.cuda.is_available():
        place = int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count()
        _check_card(torch, place)
    elif gpus and torch.version.cuda:
        raise InputError(
            f"no GPU that the installed torch {torch.__version__} (CUDA {torch.version.cuda}) can use, and the config "
            "asks for one. If nvidia-smi shows it, its driver is older than this CUDA: update the driver, or install "
            f"the build of the same torch for CUDA {OLDER_CARDS[0]}. Set gpus to 0 for the CPU."
        )
    elif gpus:
        logger.warning("torch %s sees no GPU, although the config asks for one: this will be slow", torch.__version__)


def _check_card(torch: Any, place: int) -> None:
    """Refuse a card that none of the architectures that torch was built for runs on."""
    capability, built = torch.cuda.get_device_capability(place), torch.cuda.get_arch_list()
    if runs_on(capability, built):
        return
    _, first, last = OLDER_CARDS
    if first <= capability <= last:
        remedy = f"Install the build of the same torch for CUDA {OLDER_CARDS[0]}, or take another GPU."
    elif capability > last:
        remedy = "Install a newer torch, or take another GPU."
    else:
        remedy = f"Current builds begin at {_dotted(first)}: take another GPU."
    raise InputError(
        f"{torch.cuda.get_device_name(place)}: compute capability {_dotted(capability)}; the installed torch "
        f"{torch.__version__} (CUDA {torch.version.cuda}) is built for {', '.join(built)}. {remedy}"
    )


def runs_on(capability: Capability, built: list[str]) -> bool:
    """Whether a card runs code of one of torch's architectures.

    ``sm_XY`` is machine code, for cards of the same major version from there on; ``compute_XY`` is what the driver
    translates, for all from there on. An ``a`` behind it means that very card, an ``f`` its major version.

    Args:
        capability: the card's.
        built: as ``torch.cuda.get_arch_list()`` says it; what is none of NVIDIA's is taken to run.
    """
    known = [matched for name in built if (matched := re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", name))]
    if not known:
        return True
    for kind, major, minor, suffix in (matched.groups() for matched in known):
        own = int(major), int(minor)
        if suffix == "a":
            if own == capability:
                return True
        elif own <= capability and (own[0] == capability[0] or (kind == "compute" and not suffix)):
            return True
    return False


def _dotted(capability: Capability) -> str:
    return ".".join(map(str, capability))
