"""Tensors from files, and whether they are those that were asked for: all, no others, of their shapes, and finite."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recexplainer.errors import InputError
from recexplainer.files import read_safetensors

if TYPE_CHECKING:
    import torch

SHOWN = 3  # names in a message


def read_tensors(path: str | Path) -> "dict[str, torch.Tensor]":
    """Read a safetensors file as torch tensors by name."""
    import torch  # late: some who check tensors have no need of it

    return {name: torch.from_numpy(value) for name, value in read_safetensors(path).items()}


def names(listed: Iterable[str]) -> str:
    """Return some of the names, in order, and how many there are beside them."""
    listed = sorted(listed)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more


def finite(tensor: Any) -> bool:
    """Whether a torch tensor holds numbers alone; what is no floating-point number always does."""
    if not tensor.is_floating_point():
        return True
    # There is no such test for numbers of 8 bits.
    return bool((tensor.float() if tensor.element_size() < 2 else tensor).isfinite().all())


def differences(missing: Iterable[str], other: Iterable[str], shapes: Mapping[str, tuple[Any, ...]]) -> str:
    """Say what is missing, what is there that was not asked for, and what has another shape ``(found, expected)``.

    Returns:
        The sentence's parts; empty if there is nothing to say.
    """
    parts = [f"without {names(missing)}"] if missing else []
    parts += [f"with {names(other)}, which nothing asks for"] if other else []
    shown = {f"{name} {tuple(found)} in place of {tuple(expected)}" for name, (found, expected) in shapes.items()}
    return "; ".join([*parts, *([f"of other shapes: {names(shown)}"] if shown else [])])


def check_tensors(
    path: str | Path, found: Mapping[str, Any], expected: Mapping[str, tuple[int, ...]], advice: str
) -> None:
    """Check that torch tensors are exactly those that are expected, and hold numbers alone.

    Args:
        path: their file, for the message.
        found: the tensors by name.
        expected: the shapes by name.
        advice: what to do if they are not.

    Raises:
        InputError: a tensor is missing, not expected, of another shape or not finite.
    """
    shapes = {
        name: (tuple(found[name].shape), tuple(shape))
        for name, shape in expected.items()
        if name in found and tuple(found[name].shape) != tuple(shape)
    }
    wrong = differences(expected.keys() - found.keys(), found.keys() - expected.keys(), shapes)
    if wrong:
        raise InputError(f"{path}: {wrong}. {advice}")
    check_finite(path, found, advice)


def check_finite(path: str | Path, tensors: Mapping[str, Any], advice: str) -> None:
    """Check that torch tensors hold numbers alone.

    Raises:
        InputError: one holds NaN or infinity.
    """
    bad = [name for name, tensor in tensors.items() if not finite(tensor)]
    if bad:
        raise InputError(f"{path}: NaN or infinity in {names(bad)}. {advice}")
