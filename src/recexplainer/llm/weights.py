"""The weights in a folder: whether all are there that its config asks for, of their shapes, and numbers.

One tensor at a time is in memory, so that a model of any size is looked through on a small machine.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recexplainer.errors import InputError
from recexplainer.files import read_json
from recexplainer.tensors import differences, finite

WHOLE = "Take a whole copy of the model."
_POINTER = b"version https://git-lfs"
_FILES = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
"""In the order in which transformers looks for them."""
# What older versions of transformers saved beside the weights, and computes by itself.
_BUFFERS = re.compile(r"(^|\.)(rotary_emb\.inv_freq|(attn|attention)\.(bias|masked_bias))$")


def check_files(folder: str | Path) -> None:
    """Check that a folder holds the weights of one model, whole and as they are, and that they are numbers.

    Raises:
        InputError: a file is missing, damaged, a stand-in for another or outside the folder; weights are quantized; an
            adapter lies there; or a tensor holds something that is no number.
    """
    folder = Path(folder)
    for path in sorted(folder.iterdir()):
        if path.is_file():
            with open(path, "rb") as handle:
                pointer = handle.read(len(_POINTER)) == _POINTER
            if pointer:
                raise InputError(
                    f"{path}: a pointer of Git LFS, not the file itself. Fetch it (git lfs pull), or download the "
                    "model again."
                )
    check_config(folder)
    for path in weight_files(folder):
        bad = next((name for name, tensor in _tensors(path) if not finite(tensor)), None)
        if bad:
            raise InputError(f"{path}: NaN or infinity in {bad}. {WHOLE}")


def check_config(folder: Path) -> None:
    """Check what a folder says of its weights without them.

    Raises:
        InputError: they are quantized, lie elsewhere, or an adapter lies beside them, which would be loaded as well.
    """
    config = read_json(folder / "config.json")
    if not isinstance(config, dict):
        raise InputError(f"{folder}/config.json: expected an object, saved by transformers.")
    quantized = config.get("quantization_config")
    if quantized:
        kind = quantized.get("quant_method", "unknown") if isinstance(quantized, dict) else quantized
        raise InputError(
            f"{folder}: its weights are quantized ({kind}), and such are not trained here. Take the model with weights "
            "of 16 bits; llm.quantization holds it in 4."
        )
    if config.get("transformers_weights"):
        raise InputError(f"{folder}/config.json: transformers_weights names another file. {WHOLE}")
    if (folder / "adapter_config.json").exists():
        raise InputError(
            f"{folder}: an adapter lies in it (adapter_config.json), which would change the model. Merge it into the "
            "weights, or move it away."
        )


def weight_files(folder: Path) -> list[Path]:
    """Return the files of a folder's weights: the one, or the shards of the index, that transformers reads.

    Raises:
        InputError: there are none, or the index is broken, or names one that is missing or outside the folder.
    """
    name = next((name for name in _FILES if (folder / name).is_file()), None)
    if name is None:
        raise InputError(
            f"{folder}: there are no weights in it; expected model.safetensors or pytorch_model.bin, or shards of one "
            f"with their index. {WHOLE}"
        )
    if not name.endswith(".index.json"):
        return [folder / name]
    index = read_json(folder / name)
    shards = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(shards, dict) or not shards or not all(isinstance(shard, str) for shard in shards.values()):
        raise InputError(f"{folder / name}: no weight_map, from tensors to files. {WHOLE}")
    paths = [folder / shard for shard in sorted(set(shards.values()))]
    outside = [path for path in paths if path.parent != folder or path.name in ("", "..")]
    if outside:
        raise InputError(f"{folder / name}: {outside[0]} is not in its folder. {WHOLE}")
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise InputError(
            f"{folder}: {len(missing)} of {len(paths)} files of weights are missing, {missing[0]} first. {WHOLE}"
        )
    return paths


def _tensors(path: Path) -> Iterator[tuple[str, object]]:
    """Yield the tensors of a file by name, one after the other.

    Raises:
        InputError: it cannot be read, or holds something else.
    """
    from pickle import UnpicklingError

    import torch
    from safetensors import SafetensorError, safe_open
    from transformers.modeling_utils import load_state_dict

    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118
                    yield name, file.get_tensor(name)
        else:
            tensors = load_state_dict(str(path), map_location="cpu", weights_only=True)  # mapped, not read
            if not isinstance(tensors, dict) or not all(
                isinstance(tensor, torch.Tensor) for tensor in tensors.values()
            ):
                raise ValueError("no tensors by name")
            yield from tensors.items()
    except (SafetensorError, UnpicklingError, OSError, EOFError, RuntimeError, ValueError, KeyError) as error:
        raise InputError(unreadable(path, error)) from None


def unreadable(path: str | Path, error: Exception) -> str:
    """Say that weights cannot be read, and why."""
    reason = (str(error) or type(error).__name__).splitlines()[0]
    return f"{path}: its weights cannot be read ({reason}). Take a whole copy, if there is one with safetensors."


def check_loaded(folder: str | Path, report: dict[str, Any]) -> None:
    """Check what transformers says of the weights that it has loaded: no other tensor may stand for one of the model's.

    Args:
        folder: the model's.
        report: of ``from_pretrained(..., output_loading_info=True, ignore_mismatched_sizes=True)``.

    Raises:
        InputError: tensors are missing, which transformers draws at random; or of another shape, or nothing takes them.
    """
    shapes = {name: (found, expected) for name, found, expected in report["mismatched_keys"]}
    other = [name for name in report["unexpected_keys"] if not _BUFFERS.search(name)]
    wrong = differences(report["missing_keys"], other, shapes)
    if wrong or report["error_msgs"]:
        raise InputError(f"{folder}: weights {wrong or report['error_msgs'][0]}, by its config.json. {WHOLE}")
