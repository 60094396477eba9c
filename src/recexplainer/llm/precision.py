"""The precision that suits a device, for ``precision: auto``."""

import logging
import re
from pathlib import Path

logger = logging.getLogger(__name__)

BF16_CAPABILITY = (8, 0)  # of NVIDIA's GPUs, from the A100 on
BF16_FLAGS = {"amx_bf16", "bf16"}
"""Of x86-64's processors with matrix units, and of ARM's, as Linux names them."""

BF16_OF_AMD = "avx512_bf16"
"""AVX-512's own bf16, where the processor is AMD's: its products run there at more than four times the rate of fp32's;
at half of it on the Intel processor that was measured (docs/speed.md).
"""


def resolved(precision: str) -> str:
    """Return a precision, with ``auto`` replaced by what suits this process's device.

    It is bf16 where the device has units for its products; else fp16 on a GPU, and fp32 on a processor.
    """
    if precision != "auto":
        return precision
    import torch

    if torch.cuda.is_available():
        chosen = "bf16" if torch.cuda.get_device_capability() >= BF16_CAPABILITY else "fp16"
    else:
        chosen = of_processor()
    logger.info("precision: auto is %s on this device", chosen)
    return chosen


def of_processor() -> str:
    """Return what ``auto`` is on this machine's processor: bf16 where it multiplies that faster, else fp32."""
    maker, flags = _processor()
    return "bf16" if BF16_FLAGS & flags or (maker == "AuthenticAMD" and BF16_OF_AMD in flags) else "fp32"


def _processor() -> tuple[str, set[str]]:
    """Return the processor's maker and what it says that it can do; nothing where the system does not tell."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return "", set()
    makers = re.findall(r"^vendor_id\s*:\s*(.+)$", text, re.MULTILINE)
    lines = re.findall(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    return makers[0].strip() if makers else "", set(lines[0].split()) if lines else set()
