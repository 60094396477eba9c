"""The base LLM as a manifest: a folder of transformers files with their checksums (section 3.2.2).

Every later stage takes the manifest, so that a model from the hub, a local folder
and the demo's model trained from scratch are loaded by the same code.
"""

import logging
import os
from pathlib import Path
from typing import Any

from recexplainer.errors import InputError, one_line
from recexplainer.files import check, read_json, read_text, sha256, write_json
from recexplainer.llm.plain_text import PlainText
from recexplainer.llm.template import DATE, BadTemplate, render
from recexplainer.llm.tokenizer import read_tokenizer
from recexplainer.llm.weights import check_config, check_files, check_loaded, unreadable
from recexplainer.tensors import check_finite

logger = logging.getLogger(__name__)

# What loading a causal LM needs. Some hub repositories (Vicuna v1.3 among them) publish no safetensors;
# transformers then reads the .bin files with torch's weights-only loader, which runs no code.
HUB_PATTERNS = ["*.json", "*.safetensors", "*.bin", "*.model", "*.jinja", "*.txt"]
WEIGHTS = (".safetensors", ".bin")
PRECISIONS = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
"""As torch calls them."""
TEMPLATES = "additional_chat_templates"
"""A folder in an LLM's, in which transformers looks for further chat templates."""


def make_manifest(
    *,
    source: str,
    folder: str | None,
    hub_id: str | None,
    revision: str | None,
    output: str,
    quantization: str | None = None,
) -> None:
    """Resolve the base LLM to a local folder, see that it can be loaded, and write its manifest.

    Args:
        source: ``hub`` (download a pinned snapshot, resumable), ``folder`` or ``scratch`` (a local folder).
        folder: the local folder, for ``folder`` and ``scratch``.
        hub_id: the model's id on the hub, for ``hub``.
        revision: the commit of the snapshot, for ``hub``.
        output: the manifest, JSON: ``folder``, ``id``, ``revision``, ``files`` (name to sha256), and ``template_date``,
            the day that chat templates are told.
        quantization: ``nf4``: the weights are to be held in 4 bits; it then stands in the manifest.

    Raises:
        InputError: the folder is missing or holds no ``config.json``; or no tokenizer, no causal LM, or not all of its
            weights.
    """
    if source == "hub":
        from huggingface_hub import snapshot_download

        folder = snapshot_download(hub_id, revision=revision, allow_patterns=HUB_PATTERNS)
    root = Path(folder or "")
    if not (root / "config.json").is_file():
        raise InputError(f"llm.folder: {folder} holds no config.json; expected a folder saved by transformers.")
    for path in _touched(root).values():  # those of a small LLM of ours have checksums beside them
        check(path)
    check_files(root)
    # Nothing is read but the names and shapes of its tensors.
    _load(str(root), device_map={"": "meta"})
    read_tokenizer(root)
    files = {name: sha256(path) for name, path in _touched(root).items()}
    manifest = {"folder": str(folder), "id": hub_id, "revision": revision, "files": files}
    manifest |= {"template_date": DATE.date().isoformat()}
    write_json(output, manifest | ({"quantization": quantization} if quantization else {}))
    logger.info("base LLM: %s (%d files); manifest in %s", folder, len(files), output)


def _touched(root: Path) -> dict[str, Path]:
    """Return the files of an LLM's folder that loading can touch, by their names there; further ones come along."""
    paths = [*root.iterdir(), *(root / TEMPLATES).glob("*")]
    return {
        str(path.relative_to(root)): path for path in sorted(paths) if path.is_file() and not path.name.startswith(".")
    }


def read_manifest(path: str | Path) -> dict[str, Any]:
    """Read the base LLM's manifest.

    Raises:
        InputError: the file is missing or damaged, or is no such manifest.
    """
    content = read_json(path)
    shaped = (
        isinstance(content, dict) and isinstance(content.get("folder"), str) and isinstance(content.get("files"), dict)
    )
    if not shaped or not all(isinstance(digest, str) for digest in content["files"].values()):
        raise InputError(f"{path}: expected the base LLM's manifest. Delete it and run its stage again.")
    if content.get("quantization") not in (None, "nf4") or "\0" in content["folder"]:
        raise InputError(f"{path}: expected the base LLM's manifest, quantization null or nf4.")
    return content


def checked_folder(manifest: str, weights: bool) -> str:
    """Return the folder of the base LLM after a check that its files are those of the manifest.

    Args:
        manifest: path of the manifest.
        weights: check the weights as well; that takes some seconds per 10 GB.

    Raises:
        InputError: a file is missing, or is another one: damaged, or changed since; or one has come that loading can
            touch; or the manifest is none.
    """
    content = read_manifest(manifest)
    # One made by hand may list none, and vouches for none then.
    there = _touched(Path(content["folder"])) if content["files"] else {}
    new = [path for name, path in there.items() if name not in content["files"]]
    if read := [path for path in new if any(path.match(pattern) for pattern in HUB_PATTERNS)]:
        raise InputError(
            f"{read[0]}: not among the files that {manifest} lists, and loading the LLM may read it. Move it away, or "
            "delete the manifest and run its stage again to take it."
        )
    for name, digest in content["files"].items():
        path = Path(content["folder"], name)
        if (weights or path.suffix not in WEIGHTS) and (not path.is_file() or sha256(path) != digest):
            raise InputError(
                f"{path}: not the file that {manifest} lists; it is missing, damaged or changed. "
                "Restore it, or delete the manifest and run its stage again to take it as it is."
            )
    return content["folder"]


def load_tokenizer(manifest: str, chat_template: str | None = None) -> Any:
    """Load the tokenizer of the base LLM.

    Args:
        manifest: path of the manifest.
        chat_template: path of a Jinja chat template; None keeps the tokenizer's own.

    Raises:
        InputError: there is no chat template at all, or none for turns that alternate, or no end-of-sequence token; or
            the tokenizer is missing or a slow one; or a file is not the manifest's.
    """
    tokenizer = read_tokenizer(checked_folder(manifest, weights=False))
    if chat_template:
        tokenizer.chat_template = read_text(chat_template, "chat template, Jinja")
    if not tokenizer.chat_template:
        raise InputError(f"{manifest}: the tokenizer has no chat template; set llm.chat_template to a Jinja file.")
    if tokenizer.eos_token_id is None:
        raise InputError(f"{manifest}: the tokenizer has no end-of-sequence token; expected one.")
    tokenizer.eos_token = _end_of_turn(tokenizer, chat_template or manifest) or tokenizer.eos_token
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _end_of_turn(tokenizer: Any, name: str) -> str | None:
    """Return the special token with which the chat template ends an answer, as ``<|im_end|>``; None if there is none.

    It is where generation has to stop, and not always the tokenizer's end of sequence.
    """
    turns = [{"role": "user", "content": "\ue000"}, {"role": "assistant", "content": "\ue001"}]
    try:
        tail = render(tokenizer, turns).partition("\ue001")[2]
    except BadTemplate as error:
        raise InputError(
            f"{name}: the chat template takes no question and answer ({error.reason}); set llm.chat_template to "
            "another."
        ) from None
    special = PlainText(tokenizer).special  # without added white space, which ends a line, not a turn
    ends = [number for number in tokenizer(tail, add_special_tokens=False)["input_ids"] if number in special]
    return tokenizer.convert_ids_to_tokens(ends[0]) if ends else None


def longest_sequence(model: Any) -> int | None:
    """Return the length of the longest sequence that a causal LM takes, in tokens; None if nothing limits it."""
    return getattr(model.config, "max_position_embeddings", None)


def check_fit(model: Any, tokenizer: Any, context: int) -> None:
    """Check that an LLM can take what its tokenizer and the config give it.

    Args:
        model: the causal LM.
        tokenizer: its tokenizer.
        context: the longest sequence in tokens.

    Raises:
        InputError: the LLM has fewer positions, or fewer rows for tokens.
    """
    positions = longest_sequence(model)
    if positions and positions < context:
        raise InputError(f"alignment.context: {context}; the LLM has {positions} positions. Set it to that or less.")
    rows = model.get_input_embeddings().weight.shape[0]
    if rows < len(tokenizer):
        raise InputError(
            f"the LLM has {rows} token embeddings and its tokenizer {len(tokenizer)} tokens; expected a tokenizer "
            "that belongs to the model."
        )


def _in_four_bits(manifest: str, precision: Any) -> dict[str, Any]:
    """Return what transformers has to know to hold weights as the manifest says; nothing if as they are."""
    kind = read_manifest(manifest).get("quantization")
    if not kind:
        return {}
    import torch
    from transformers import BitsAndBytesConfig
    from transformers.utils import is_bitsandbytes_available

    if not is_bitsandbytes_available():
        raise InputError(f"llm.quantization: {kind} needs the package bitsandbytes; install it, or set this to null.")
    quantized = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=kind,
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=precision,
    )
    device = int(os.environ.get("LOCAL_RANK", "0")) if torch.cuda.is_available() else "cpu"
    return {"quantization_config": quantized, "device_map": {"": device}}


def _load(folder: str, **options: Any) -> Any:
    """Load the causal LM of a folder, with exactly its tensors.

    Args:
        folder: saved by transformers.
        options: for ``from_pretrained``.

    Raises:
        InputError: the model is of a kind that does not fit, or its weights are not those of its config.
    """
    from pickle import UnpicklingError

    from transformers import AutoModelForCausalLM

    check_config(Path(folder))
    config = _causal_config(folder)
    # torch's attention has no cap on its scores, and some models only have their own.
    capped = getattr(config, "attn_logit_softcapping", None)
    own = not AutoModelForCausalLM._model_mapping[type(config)]._supports_sdpa
    try:
        model, report = AutoModelForCausalLM.from_pretrained(
            folder,
            attn_implementation="eager" if capped or own else "sdpa",
            weights_only=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they stand in the report
            **options,
        )
    except UnpicklingError as error:
        raise InputError(unreadable(folder, error)) from None
    except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:  # of other files than the config
        raise InputError(f"{folder}: cannot be loaded ({one_line(error)}). Take a whole copy of the model.") from None
    check_loaded(folder, report)
    return model


def _causal_config(folder: str) -> Any:
    """Return the config of a folder's model, which has to be a causal LM for text alone."""
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        if type(config) not in AutoModelForCausalLM._model_mapping:
            raise ValueError(f"{config.model_type} is none")
        if config.is_encoder_decoder:
            raise ValueError(f"{config.model_type} is an encoder-decoder")
        if config.get_text_config() is not config:
            raise ValueError(f"{config.model_type} reads more than text")
    except Exception as error:  # transformers checks a config's values by many means
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"{folder}: not a causal LM that transformers knows ({reason}). Choose another model."
        ) from None
    return config


def load_model(manifest: str, dtype: str = "fp32") -> Any:
    """Load the base LLM in evaluation mode; in 4 bits if its manifest says so (QLoRA: Dettmers et al., 2023).

    Args:
        manifest: path of the manifest.
        dtype: ``fp32``, ``bf16`` or ``fp16``; of 4-bit weights the one that they are computed in.

    Raises:
        InputError: a file of the model is not the manifest's, or weights hold something else than tensors, as code; or
            a tensor is missing, of another shape or no number; or it is no causal LM of transformers for text alone.
    """
    import torch
    from transformers import GenerationConfig

    folder, precision = checked_folder(manifest, weights=True), getattr(torch, PRECISIONS[dtype])
    model = _load(folder, dtype=precision, **_in_four_bits(manifest, precision))
    check_finite(folder, dict(model.named_parameters()), f"Choose another precision than {dtype}, or another model.")
    # Its makers' defaults for chats, such as Qwen's penalty on repetition, would bend the scores of titles.
    model.generation_config = GenerationConfig()
    return model.eval()


def load_fitting(manifest: str, tokenizer: Any, context: int, dtype: str) -> Any:
    """Load the base LLM as :func:`load_model` does, and check it as :func:`check_fit` does."""
    model = load_model(manifest, dtype)
    check_fit(model, tokenizer, context)
    return model
