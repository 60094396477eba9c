"""The LLM that also reads the recommender's embeddings (sections 2.3 and 2.4, equation 1)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from recexplainer.config.alignment import Lora
from recexplainer.errors import InputError, one_line
from recexplainer.files import read_json, write_json, write_safetensors
from recexplainer.llm import attention
from recexplainer.llm.base import load_fitting
from recexplainer.llm.encoding import ITEM_ID, USER_ID
from recexplainer.llm.precision import resolved
from recexplainer.tensors import check_tensors, read_tensors

AGAIN = "Run the alignment again."


class Projector(nn.Module):
    """Equation 1: a recommender's embedding, in the LLM's embedding space.

    Args:
        dim: d, the recommender's embedding size.
        hidden: h, the LLM's embedding size.
    """

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.inner = nn.Linear(dim, hidden // 2)
        self.outer = nn.Linear(hidden // 2, hidden)

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Map ``(..., d)`` to ``(..., h)``."""
        return self.outer(nn.functional.gelu(self.inner(embeddings)))


class RecExplainer(nn.Module):
    """A causal LM whose ``<user>`` and ``<item>`` positions take projected embeddings.

    Args:
        llm: the causal LM, bare or wrapped by peft.
        users: float32 ``(prefixes, d)``, the user embeddings.
        items: float32 ``(items, d)``, the item embeddings.
        injection: ``replace`` (the paper: the position takes the projection) or ``add`` (the authors' code:
            a trained vector per placeholder, plus the projection).
    """

    def __init__(self, llm: nn.Module, users: np.ndarray, items: np.ndarray, injection: str = "replace") -> None:
        super().__init__()
        self.llm = llm
        # Under peft the adapted layers sit inside the base model, so that it can be called as it is. In a list, so
        # that torch does not take it for a second submodule with the same parameters.
        self.base = [llm.get_base_model() if hasattr(llm, "get_base_model") else llm]
        hidden = self.base[0].get_input_embeddings().weight.shape[1]
        self.user_projector = Projector(users.shape[1], hidden)
        self.item_projector = Projector(items.shape[1], hidden)
        self.token_rows = nn.Parameter(torch.zeros(2, hidden)) if injection == "add" else None
        # Recommenders differ in the scale of their embeddings; one scalar brings each table to unit variance.
        self.register_buffer("users", torch.from_numpy(users / max(users.std(), 1e-8)).float(), persistent=False)
        self.register_buffer("items", torch.from_numpy(items / max(items.std(), 1e-8)).float(), persistent=False)

    def embed(self, input_ids: torch.Tensor, embedding_rows: torch.Tensor) -> torch.Tensor:
        """Return the input vectors ``(batch, length, h)`` of token ids and embedding rows ``(batch, length)``."""
        vectors = self.base[0].get_input_embeddings()(input_ids.clamp(min=0))
        for row, (placeholder, table, projector) in enumerate(
            ((USER_ID, self.users, self.user_projector), (ITEM_ID, self.items, self.item_projector))
        ):
            at = input_ids == placeholder
            projected = projector(table[embedding_rows[at]].to(projector.inner.weight.dtype))
            if self.token_rows is not None:
                projected = projected + self.token_rows[row]
            # index_put even when there is none: every parameter then takes part in every backward pass.
            vectors = vectors.index_put((at,), projected.to(vectors.dtype))
        return vectors

    def forward(self, batch: dict[str, torch.Tensor], normalizer: float) -> torch.Tensor:
        """Return the weighted cross-entropy over the tokens that count, summed and divided by ``normalizer``.

        Args:
            batch: ``input_ids``, ``embedding_rows``, ``position_ids``, ``sequence_ids`` and ``loss_weights``, each
                ``(rows, length)``, from :func:`recexplainer.llm.packing.collate`; packed
                sequences do not see one another.
            normalizer: the sum of the weights of the whole global batch.
        """
        vectors = self.embed(batch["input_ids"], batch["embedding_rows"])
        hidden = _packed_states(self.base[0], vectors, batch["position_ids"], batch["sequence_ids"])
        weights = batch["loss_weights"][:, 1:]
        at = weights > 0
        logits = _logits(self.base[0], hidden[:, :-1][at])
        losses = nn.functional.cross_entropy(logits, batch["input_ids"][:, 1:][at], reduction="none")
        return (losses * weights[at]).sum() / normalizer


def _packed_states(
    llm: nn.Module, vectors: torch.Tensor, position_ids: torch.Tensor, sequence_ids: torch.Tensor
) -> torch.Tensor:
    """Return the last hidden states ``(rows, length, h)`` of input vectors, of which sequences see only themselves."""
    seen = attention.arguments(llm, sequence_ids, vectors.dtype)
    decoder = llm.get_decoder()
    return decoder(inputs_embeds=vectors, position_ids=position_ids, use_cache=False, **seen).last_hidden_state


def _logits(llm: nn.Module, hidden: torch.Tensor) -> torch.Tensor:
    """Return the logits ``(tokens, vocabulary)`` of hidden states, scaled and capped as the LLM itself does it."""
    config = llm.config
    logits = llm.get_output_embeddings()(hidden).float()
    # Cohere's name and Granite's.
    scale = (getattr(config, "logit_scale", None) or 1) / (getattr(config, "logits_scaling", None) or 1)
    if scale != 1:
        logits = logits * scale
    cap = getattr(config, "final_logit_softcapping", None)
    return cap * torch.tanh(logits / cap) if cap else logits


@torch.no_grad()
def check_packing(llm: nn.Module) -> None:
    """Check on two short sequences that the LLM takes packed vectors for what it takes each sequence's tokens alone.

    Recurrent layers carry one sequence into the next, some models place tokens by a mask of their own, and a head may
    scale logits in a way of its own: the training would run all the same, and learn something else.

    Args:
        llm: the causal LM, in evaluation mode. It is called with the tokens 3 to 14, so it has at least 15.

    Half precision rounds at every layer, and few tokens much more than the rest, so the second sequence's median
    counts: 0.03 to 0.07 with a model of 135 million parameters. What a model mixes changes all of its tokens.

    Raises:
        InputError: the logits differ by more than rounding.
    """
    weight = llm.get_input_embeddings().weight
    input_ids = torch.arange(3, 15, device=weight.device)[None]
    first, second = input_ids[:, :5], input_ids[:, 5:]
    alone = torch.cat([llm(input_ids=part, use_cache=False).logits[0].float() for part in (first, second)])
    sizes = torch.tensor([first.shape[1], second.shape[1]], device=input_ids.device)
    sequence_ids = torch.repeat_interleave(sizes)[None]
    position_ids = torch.cat([torch.arange(int(size), device=input_ids.device) for size in sizes])[None]
    try:
        hidden = _packed_states(llm, llm.get_input_embeddings()(input_ids), position_ids, sequence_ids)
        packed = _logits(llm, hidden[0])
        away = (packed - alone).norm(dim=1) / (alone - alone.mean(dim=1, keepdim=True)).norm(dim=1)
        difference = away[first.shape[1] :].median().item()
        reason = f"they differ by {difference:.2g}"
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        difference, reason = float("inf"), f"{type(error).__name__}: {str(error).splitlines()[0]}"
    if not difference < (1e-3 if weight.dtype == torch.float32 else 0.2):
        raise InputError(
            f"llm: {llm.config.model_type} does not give packed sequences the logits of each one alone ({reason}); "
            "expected a transformer whose attention takes a mask of sequences. Choose another model."
        )


def with_lora(llm: nn.Module, lora: Lora, trained_rows: str) -> nn.Module:
    """Wrap the LLM with LoRA; only the adapter is trained.

    Args:
        llm: the causal LM.
        lora: the adapter; its targets are module names, or ``all-linear``.
        trained_rows: ``all`` also trains the embedding matrix and the LM head, as the authors' code does.

    Raises:
        InputError: no module has a target's name.
    """
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    if getattr(llm, "is_loaded_in_4bit", False):
        llm = prepare_model_for_kbit_training(llm, use_gradient_checkpointing=False)
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.targets,
        modules_to_save=_names_of_rows(llm) if trained_rows == "all" else None,
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(llm, config)
    except ValueError as error:
        linear = {
            name.rpartition(".")[2]
            for name, module in llm.named_modules()
            if type(module).__name__ in ("Linear", "Linear4bit", "Conv1D") and module is not llm.get_output_embeddings()
        }
        raise InputError(
            f"alignment.lora.targets: {lora.targets} do not fit the LLM ({error}); expected all-linear, or some of "
            f"{', '.join(sorted(linear))}."
        ) from None


def _names_of_rows(llm: nn.Module) -> list[str]:
    """Return the names of the embedding matrix and the LM head within their parents, such as ``embed_tokens``."""
    rows = (llm.get_input_embeddings(), llm.get_output_embeddings())
    return [name.rpartition(".")[2] for name, module in llm.named_modules() if any(module is one for one in rows)]


def save_aligned(model: RecExplainer, folder: str | Path, weights: dict[str, torch.Tensor] | None = None) -> None:
    """Write what was trained: ``adapter_model.safetensors``, ``adapter_config.json``, ``projectors.safetensors``.

    Args:
        model: the model.
        folder: where to.
        weights: the trained parameters by name, where the model itself does not hold them whole (ZeRO-3) or exactly
            (fp16, bf16); None for the model's own.
    """
    from peft import get_peft_model_state_dict

    folder = Path(folder)
    config = model.llm.peft_config["default"].to_dict()
    config["base_model_name_or_path"] = None
    state = model.state_dict() if weights is None else weights
    own = {name: value for name, value in state.items() if not name.startswith("llm.")}
    adapted = {name.removeprefix("llm."): value for name, value in state.items() if name not in own}
    write_json(folder / "adapter_config.json", json.loads(json.dumps(config, default=sorted)))
    write_safetensors(folder / "adapter_model.safetensors", get_peft_model_state_dict(model.llm, adapted))
    write_safetensors(folder / "projectors.safetensors", own)


def load_system(
    llm: str, tokenizer: Any, adapter: str | None, tables: dict[str, np.ndarray], *, context: int, precision: str
) -> RecExplainer:
    """Load the base LLM or an aligned one from files, on the GPU if there is one.

    Args:
        llm: the base LLM's manifest.
        tokenizer: its tokenizer.
        adapter: the folder of the alignment; None for the base LLM.
        tables: ``user`` and ``item``, the recommender's embeddings.
        context: most tokens of a prompt and its answer.
        precision: auto, fp16, bf16 or fp32.

    Raises:
        InputError: a file is missing or broken, or the LLM does not fit its tokenizer or the context.
    """
    base = load_fitting(llm, tokenizer, context, resolved(precision))
    model = load_aligned(base, adapter, tables["user"], tables["item"])
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


def load_aligned(
    llm: nn.Module, folder: str | Path | None, users: np.ndarray, items: np.ndarray, name: str = "default"
) -> RecExplainer:
    """Load an aligned model for inference, or the base LLM alone.

    Args:
        llm: the base LLM; or one that peft has wrapped, which gets one adapter more: several alignments can so share
            their base LLM, and ``set_adapter`` says which one answers.
        folder: what :func:`save_aligned` wrote; None for the base LLM.
        users, items: the recommender's embeddings, as for :class:`RecExplainer`.
        name: of the adapter.

    Raises:
        InputError: a file is missing or broken, or holds other tensors than this LLM and these embeddings take.
    """
    if folder is None:
        return _answering(RecExplainer(llm, users, items))
    from peft import (
        PeftConfig,
        PeftModel,
        get_peft_model,
        get_peft_model_state_dict,
        set_peft_model_state_dict,
    )

    folder = Path(folder)
    read_json(folder / "adapter_config.json")
    try:
        config = PeftConfig.from_pretrained(folder)
        if isinstance(llm, PeftModel):
            llm.add_adapter(name, config)
        else:
            llm = get_peft_model(llm, config, adapter_name=name)
    except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:  # peft checks few of the values
        path = folder / "adapter_config.json"
        raise InputError(f"{path}: no adapter of this LLM ({one_line(error)}). {AGAIN}") from None
    own = get_peft_model_state_dict(llm, adapter_name=name)
    adapter = read_tensors(folder / "adapter_model.safetensors")
    check_tensors(folder / "adapter_model.safetensors", adapter, {key: own[key].shape for key in own}, AGAIN)
    set_peft_model_state_dict(llm, adapter, adapter_name=name)
    tensors = read_tensors(folder / "projectors.safetensors")
    model = RecExplainer(llm, users, items, "add" if "token_rows" in tensors else "replace")
    shapes = {key: value.shape for key, value in model.state_dict().items() if not key.startswith("llm.")}
    check_tensors(folder / "projectors.safetensors", tensors, shapes, AGAIN)
    model.load_state_dict(tensors, strict=False)
    return _answering(model)


def _answering(model: RecExplainer) -> RecExplainer:
    """Return a model in evaluation mode, whose head reads the last states of many prompts without waste.

    They are a slice of the states of all tokens. Of a slice torch makes as many products as there are prompts, each
    with a copy of the head's frozen weights: 4.5 GB for 80 prompts and SmolLM2-135M's head, and most of the time.
    """

    def whole(_: nn.Module, states: tuple[Any, ...]) -> tuple[Any, ...]:
        return (states[0].contiguous(), *states[1:])

    model.base[0].get_output_embeddings().register_forward_pre_hook(whole)
    return model.eval()
