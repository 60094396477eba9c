"""What an LLM computes in a job: FLOPs, tokens, what its layers pass on, and how often they are computed.

FLOPs of an LLM with P parameters in its layers, per token: 2P forwards; 2P more backwards for the gradients that LoRA
needs (4P in all), and another 2P where activations are computed again (gradient checkpointing); 6 per parameter of
LoRA. The LM head counts for the tokens of answers alone; where all rows are trained, 4 more per number of such a matrix
and token. A question is read once for all its beams, and retrieval is asked twice: unconstrained, and constrained to
the catalogue. A batch goes on until its last answer ends: with an aligned LLM a little over the mean, with the base LLM
at the limit, as it seldom stops.
"""

from math import ceil
from typing import Any

from recexplainer import settings
from recexplainer.planning.sizes import architecture, sample_tokens

PACKED = 1.1  # rows of a step, over those that its tokens would fill
LONGEST = 1.4  # of a batch's answers, over the mean
LONGEST_TITLE = 3.0  # of the catalogue, over the mean: where the base LLM's beams end
SPOKEN = {"ranking": 40, "reconstruction": 40}  # tokens that an answer may have beside its list, before it is cut off


def training_flops(config: dict[str, Any], dim: int) -> tuple[float, float]:
    """Return the FLOPs of training an alignment: of each token, and further ones of each token of an answer.

    Args:
        config: the checked config.
        dim: width of the recommender's embeddings.
    """
    model, rows = architecture(config), settings.resolve(config)["trained_rows"]
    again = 2.0 if config["alignment"]["gradient_checkpointing"] else 0.0
    adapter = (6.0 + again) * model.adapter_parameters(settings.lora(config), dim, "new")
    whole = 4.0 * model.head if rows == "all" else 0.0
    return (4.0 + again) * model.body + adapter + whole, 4.0 * model.head


def training(config: dict[str, Any], name: str, mode: str, counts: dict[str, int], passed: float) -> dict[str, Any]:
    """Return what an alignment takes.

    Args:
        config: the checked config.
        name: of the dataset.
        mode: behavior, intention or hybrid.
        counts: the samples of each task.
        passed: how many samples are seen in all.

    Returns:
        ``flops``, ``tokens``, ``elements`` and ``passes``, as a job has them.
    """
    model, alignment = architecture(config), config["alignment"]
    share = passed / sum(counts.values()) if counts else 0
    lengths = {task: sample_tokens(config, name, mode, task) for task in counts}
    tokens = share * sum(count * min(alignment["context"], sum(lengths[task])) for task, count in counts.items())
    answers = share * sum(count * lengths[task][1] for task, count in counts.items())
    per_token, per_answer = training_flops(config, config["datasets"][name]["recommender"]["dim"])
    steps, processes = passed / alignment["batch"], max(1, alignment["gpus"]) * alignment["nodes"]
    rows = PACKED * tokens / steps / alignment["context"] if steps else 0
    each = ceil(rows / processes / alignment["rows_per_micro_batch"])
    return {
        "flops": per_token * tokens + per_answer * answers,
        "tokens": tokens,
        "elements": tokens * model.layers * model.hidden,
        "passes": steps * each * model.layers * (4 if alignment["gradient_checkpointing"] else 3),
    }


def answering(
    config: dict[str, Any], name: str, mode: str, counts: dict[str, int], base: bool = False
) -> dict[str, float]:
    """Return what answering some samples per task takes; a classification reads one step of logits.

    Args:
        config: the checked config.
        name: of the dataset.
        mode: whose questions are asked.
        counts: of each task.
        base: whether the base LLM answers, which goes on until the limit.

    Returns:
        ``flops``, ``tokens``, ``elements`` and ``passes``, as a job has them.
    """
    model, evaluation = architecture(config), config["evaluation"]
    tokens = said = steps = 0.0
    for task, count in counts.items():
        question, answer = sample_tokens(config, name, mode, task, test=True)
        beams, times = 1, 1
        if task == "retrieval":
            beams = evaluation["beams"] if settings.resolve(config)["retrieval_decoding"] == "beams" else 1
            times = 2
        written = _longest(task, answer, base)
        tokens += times * count * (question + beams * written)
        said += times * count * beams * max(1.0, written)
        steps += times * ceil(count * beams / evaluation["batch_size"]) * (1 + written)
    flops = 2.0 * (model.body * tokens + model.head * said)
    width = model.layers * model.hidden
    return {"flops": flops, "tokens": tokens, "elements": width * tokens, "passes": model.layers * steps}


def _longest(task: str, answer: int, base: bool) -> float:
    """Return how many tokens a batch of answers writes, whose mean is ``answer``."""
    if task == "classification":
        return 0.0
    if task == "explanation":  # as long as it may be
        return float(answer)
    if task == "retrieval" and base:
        return LONGEST_TITLE * answer
    return LONGEST * answer + (SPOKEN.get(task, 0) if base else 0)
