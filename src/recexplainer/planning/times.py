"""How long a job takes, by what it computes and what a machine is assumed to do.

A start of some seconds, the time that depends on bytes or requests, and its FLOPs over what its devices
do. Of a GPU, that is its FLOP/s x their number x an assumed utilisation, and the time in which layers are started one
after the other, for which small models wait. A CPU thread does products at its full rate, and beside them passes on
what the layers hand over, for which it waits for the memory. Both rates were measured on one kind of processor, with
models of 0.5 and of 135 million parameters. Sizes and FLOPs are those of :mod:`recexplainer.planning.sizes` and
:mod:`recexplainer.planning.jobs`.
"""

from recexplainer.planning.assumptions import GPUS, Values
from recexplainer.planning.job import Job

WITH_LLM = (
    *("train_llm", "unpack_llm", "base_llm", "align"),
    *("predict_base", "predict_aligned", "predict_base_shard", "predict_aligned_shard"),
    *("explain", "explain_viewpoints", "classify_cases", "rank_pointwise"),
)
"""The rules whose time depends on the LLM and its devices."""


def estimated_seconds(job: Job, assumed: Values) -> float:
    """Return the wall time of a job, by the formula of this module."""
    kind = "generation" if job.generating else "training"
    start = assumed["start_seconds" if job.flops or job.rule in WITH_LLM else "light_start_seconds"]
    if job.gpus:
        device = job.gpus * GPUS[assumed["gpu"]].flops * assumed[f"{kind}_utilisation"]
        return start + job.seconds + job.flops / device + job.passes * assumed["layer_seconds"]
    each = job.flops / assumed["cpu_flops"] + job.elements * assumed[f"{kind}_element_seconds"]
    return start + job.seconds + each / job.threads
