"""Memory that the jobs need at most, by count, in bytes: of one GPU, and of a machine.

Of a GPU, in generation: the weights; keys and values of ``evaluation.batch_tokens`` tokens, with the room that the
cache keeps; the states of one layer while prompts are read; the scores of the next token. In training: the weights,
under ZeRO-3 a share of them; what is trained, with gradients and AdamW's state; the states of the layers, only their
inputs where they are computed again; the scores of one row of targets. Attention keeps no scores, as torch's kernels
compute them piece by piece. To either, what CUDA and its libraries take for themselves.

A machine holds the LLM once per process while it is loaded, whatever is done with it then.
"""

from pathlib import Path
from typing import Any

from recexplainer import settings
from recexplainer.planning.sizes import Architecture, architecture

BYTES = {"fp32": 4, "bf16": 2, "fp16": 2, "auto": 2}  # auto is half on every GPU
NF4_BYTES = (4 + 8 / 64 + 32 / (64 * 256)) / 8  # of a weight: its 4 bits, and twice quantized scales
ROOM = 64  # tokens of a sequence that the cache makes room for at a time
OF_CUDA = 1.5e9  # context, workspaces, pieces that are too small to be used
OF_PROCESS = 2.5e9  # of main memory: Python, torch and its libraries
BUCKETS = 2 * 2e8  # numbers that DeepSpeed gathers or reduces at once, config/deepspeed


def weights(config: dict[str, Any], model: Architecture, precision: str, training: bool = False) -> float:
    """Return the bytes of the LLM's weights on a GPU; in training of 4 bits, its rows of tokens are held in fp32."""
    if config["llm"]["quantization"] is None:
        return float(BYTES[precision] * model.parameters)
    rows = (1 if model.tied else 2) * model.vocabulary * model.hidden
    return NF4_BYTES * (model.parameters - rows) + (4 if training else BYTES[precision]) * rows


def cached_token(model: Architecture, precision: str) -> float:
    """Return the bytes of the keys and values of one token."""
    return 2.0 * model.layers * model.key_share * model.hidden * BYTES[precision]


def generation(config: dict[str, Any], answer: int, beams: int = 1) -> float:
    """Return the bytes of a GPU that answers of up to ``answer`` tokens take; 0 without one."""
    evaluation, model = config["evaluation"], architecture(config)
    if not evaluation["gpus"]:
        return 0.0
    precision, size = evaluation["precision"], max(evaluation["batch_size"], beams)
    longest = config["alignment"]["context"] + answer
    tokens = size * longest
    if evaluation["batch_tokens"] is not None:
        # One prompt is a batch in any case.
        tokens = min(tokens, max(evaluation["batch_tokens"], beams * longest))
    cache = cached_token(model, precision) * (tokens + ROOM * min(size, tokens))
    reading = tokens * (8 * model.hidden + 3 * model.intermediate) * BYTES[precision]
    scores = 4 * 4 * size * model.vocabulary
    return weights(config, model, precision) + cache + reading + scores + OF_CUDA


def kept_states(model: Architecture, lora: dict[str, Any], each: int) -> float:
    """Return the bytes that one layer keeps of a token for the gradients.

    The inputs of its two norms, in fp32; queries, keys, values and what attention makes of them; three states of the
    feed-forward network; and what LoRA reads, once where its modules share it, and with dropout once for each of them
    with the numbers that it was multiplied by.

    Args:
        model: the LLM.
        lora: ``targets``, of which other names than a Llama's count for nothing, and ``dropout``.
        each: bytes of a number.
    """
    hidden, inner = model.hidden, model.intermediate
    read = dict.fromkeys(("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj"), hidden) | {
        "down_proj": inner
    }
    adapted = [name for name in read if lora["targets"] == "all-linear" or name in lora["targets"]]
    if lora["dropout"]:
        inputs = 2.0 * sum(read[name] for name in adapted)
    else:
        # What goes into o_proj is kept anyway.
        shared = ({"q_proj", "k_proj", "v_proj"}, hidden), ({"gate_proj", "up_proj"}, hidden), ({"down_proj"}, inner)
        inputs = float(sum(width for names, width in shared if names & {*adapted}))
    attention = (2 + 2 * model.key_share) * hidden
    return 4 * 2 * hidden + each * (attention + 3 * inner + inputs)


def alignment(config: dict[str, Any], dim: int) -> float:
    """Return the bytes of each GPU that a training takes, for a recommender's embeddings of ``dim``; 0 without one."""
    chosen, model = config["alignment"], architecture(config)
    if not chosen["gpus"]:
        return 0.0
    processes, each = chosen["gpus"] * chosen["nodes"], BYTES[chosen["precision"]]
    preset = Path(chosen["deepspeed"]).name
    held = weights(config, model, chosen["precision"], training=True) / (processes if "zero3" in preset else 1)
    lora = settings.lora(config)
    trained = model.adapter_parameters(lora, dim, settings.resolve(config)["trained_rows"])
    # Weight and gradient; of the share of this process, a copy in fp32 and AdamW's two moments.
    trained *= 2 * each + (0 if "offload" in preset else 12 / processes)
    tokens = chosen["rows_per_micro_batch"] * chosen["context"]
    layer = kept_states(model, lora, each)
    states = layer + model.layers * model.hidden * each if chosen["gradient_checkpointing"] else model.layers * layer
    scores = (each + 3 * 4) * model.vocabulary
    return held + trained + BUCKETS * each + tokens * (states + scores) + OF_CUDA


def of_machine(config: dict[str, Any], processes: int = 1) -> float:
    """Return the bytes of main memory in which processes load the LLM, each for itself."""
    each = 4.0 if config["llm"]["source"] == "scratch" else 2.0
    return processes * (each * architecture(config).parameters + OF_PROCESS)
