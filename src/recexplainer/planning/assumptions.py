"""What a plan assumes of machines: cards, and how much of them is used."""

from dataclasses import dataclass
from typing import Any

from recexplainer.errors import InputError
from recexplainer.llm.precision import of_processor

Values = dict[str, Any]
"""A config, or a part of it."""


@dataclass(frozen=True)
class Gpu:
    """A card: dense half-precision FLOP/s with tensor cores, bytes of memory, compute capability, by its maker."""

    flops: float
    memory: float
    capability: tuple[int, int]


GPUS = {
    "T4": Gpu(65e12, 16e9, (7, 5)),
    "V100": Gpu(112e12, 32e9, (7, 0)),
    "RTX3090": Gpu(71e12, 24e9, (8, 6)),
    "L4": Gpu(121e12, 24e9, (8, 9)),
    "A10": Gpu(125e12, 24e9, (8, 6)),
    "RTX4090": Gpu(165e12, 24e9, (8, 9)),
    "A100": Gpu(312e12, 80e9, (8, 0)),
    "H100": Gpu(989e12, 80e9, (9, 0)),
    "H200": Gpu(989e12, 141e9, (9, 0)),
}
"""Of cards with several sizes of memory, the larger one."""

DEFAULTS: Values = {
    "gpu": "A100",
    "training_utilisation": 0.4,
    "generation_utilisation": 0.15,
    "layer_seconds": 1e-3,  # of a GPU: to start the kernels of a layer
    "cpu_flops": 112e9,  # of one thread, in products of fp32
    "training_element_seconds": 1.75e-7,  # of a CPU thread: per token, layer and unit of its width
    "generation_element_seconds": 1.5e-7,
    "start_seconds": 6.0,  # of a job that computes: Python and its libraries
    "light_start_seconds": 1.0,  # of any other
}
"""The assumptions, each of which ``--settings`` may replace."""

IN_BF16: Values = {"cpu_flops": 1e12, "training_element_seconds": 1.9e-7}
"""What stands in their place where the LLM computes in bf16 on a processor that has units for its products."""


def with_changes(config: Values, changed: Values) -> Values:
    """Return the assumptions for a run on this machine, with some of them replaced.

    Args:
        config: the checked config.
        changed: what replaces some of :data:`DEFAULTS`.

    Raises:
        InputError: one is unknown, or a value cannot be.
    """
    for key, value in changed.items():
        if key not in DEFAULTS:
            raise InputError(f"--settings: {key!r} is unknown; expected some of {', '.join(DEFAULTS)}.")
        if key == "gpu":
            if value not in GPUS:
                raise InputError(f"--settings: gpu: {value!r} is unknown; expected one of {', '.join(GPUS)}.")
        elif isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise InputError(f"--settings: {key}: {value!r}; expected a number of at least 0.")
        elif (value == 0 and not key.endswith("_seconds")) or (value > 1 and key.endswith("_utilisation")):
            raise InputError(f"--settings: {key}: {value!r}; expected more than 0, and for a utilisation at most 1.")
    settings = config["alignment"]
    half = not settings["gpus"] and settings["precision"] in ("auto", "bf16") and of_processor() == "bf16"
    return DEFAULTS | (IN_BF16 if half else {}) | changed
