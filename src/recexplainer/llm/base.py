"""The base LLM as a manifest: a folder of transformers files with their checksums (section 3.2.2).

Every later stage takes the manifest, so that a model from the hub, a local folder
and the demo's model trained from scratch are loaded by the same code.
"""

import logging
from pathlib import Path

from recexplainer.errors import InputError
from recexplainer.files import read_json, sha256, write_json

logger = logging.getLogger(__name__)

# What loading a causal LM needs. Some hub repositories (Vicuna v1.3 among them) publish no safetensors;
# transformers then reads the .bin files with torch's weights-only loader, which runs no code.
HUB_PATTERNS = ["*.json", "*.safetensors", "*.bin", "*.model", "*.jinja", "*.txt"]
WEIGHTS = (".safetensors", ".bin")


def make_manifest(source: str, folder: str | None, hub_id: str | None, revision: str | None, output: str) -> None:
    """Resolve the base LLM to a local folder and write its manifest.

    Args:
        source: ``hub`` (download a pinned snapshot, resumable), ``folder`` or ``scratch`` (a local folder).
        folder: the local folder, for ``folder`` and ``scratch``.
        hub_id: the model's id on the hub, for ``hub``.
        revision: the commit of the snapshot, for ``hub``.
        output: the manifest, JSON: ``folder``, ``id``, ``revision``, ``files`` (name to sha256).

    Raises:
        InputError: the folder is missing or holds no ``config.json``.
    """
    if source == "hub":
        from huggingface_hub import snapshot_download

        folder = snapshot_download(hub_id, revision=revision, allow_patterns=HUB_PATTERNS)
    root = Path(folder)
    if not (root / "config.json").is_file():
        raise InputError(f"llm.folder: {folder} holds no config.json; expected a folder saved by transformers.")
    files = {path.name: sha256(path) for path in sorted(root.iterdir()) if path.is_file()}
    write_json(output, {"folder": str(folder), "id": hub_id, "revision": revision, "files": files})
    logger.info("base LLM: %s (%d files); manifest in %s", folder, len(files), output)


def checked_folder(manifest: str, weights: bool) -> str:
    """Return the folder of the base LLM after a check that its files are those of the manifest.

    Args:
        manifest: path of the manifest.
        weights: check the weights as well; that takes some seconds per 10 GB.

    Raises:
        InputError: a file is missing, or is another one: damaged, or changed since.
    """
    found = read_json(manifest)
    for name, digest in found["files"].items():
        path = Path(found["folder"], name)
        if (weights or path.suffix not in WEIGHTS) and (not path.is_file() or sha256(path) != digest):
            raise InputError(
                f"{path}: not the file that {manifest} lists; it is missing, damaged or changed. "
                "Restore it, or delete the manifest and run its stage again to take it as it is."
            )
    return found["folder"]


def load_tokenizer(manifest: str, chat_template: str | None = None):
    """Load the tokenizer of the base LLM.

    Args:
        manifest: path of the manifest.
        chat_template: path of a Jinja chat template; None keeps the tokenizer's own.

    Raises:
        InputError: there is no chat template at all, or no end-of-sequence token, or a file is not the manifest's.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        checked_folder(manifest, weights=False), use_fast=True, trust_remote_code=False
    )
    if chat_template:
        tokenizer.chat_template = Path(chat_template).read_text(encoding="utf-8")
    if not tokenizer.chat_template:
        raise InputError(f"{manifest}: the tokenizer has no chat template; set llm.chat_template to a Jinja file.")
    if tokenizer.eos_token_id is None:
        raise InputError(f"{manifest}: the tokenizer has no end-of-sequence token; expected one.")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(manifest: str, dtype: str = "fp32"):
    """Load the base LLM in evaluation mode.

    Args:
        manifest: path of the manifest.
        dtype: ``fp32``, ``bf16`` or ``fp16``.

    Raises:
        InputError: a file of the model is not the manifest's, or weights hold something else than tensors, as code.
    """
    from pickle import UnpicklingError

    import torch
    from transformers import AutoModelForCausalLM

    precision = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[dtype]
    folder = checked_folder(manifest, weights=True)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=precision, attn_implementation="sdpa", weights_only=True, trust_remote_code=False
        )
    except UnpicklingError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{folder}: its weights cannot be read ({reason}) Take a model with safetensors.") from None
    return model.eval()
