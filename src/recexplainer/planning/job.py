"""One job of a run, as a plan counts it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        rule: its rule.
        name: its wildcards joined by dots, ``all`` if there are none: the name of its benchmark file.
        samples: how much it does, in whatever its rule counts; recorded times are scaled by it.
        flops: floating-point operations of models.
        tokens: that an LLM reads and writes.
        elements: tokens x layers x width of an LLM: what its layers pass on, beside their products.
        passes: layers that are computed one after the other, forwards or backwards.
        generating: whether an LLM generates, which keeps less of a device busy than training.
        seconds: time beside the FLOPs.
        gpus, threads: what it asks for.
        disk: bytes of its outputs, checkpoints included.
        usd: the most that it pays to a service.
        gpu_memory: bytes that it needs of each of its GPUs at most.
        memory: likewise of the main memory of each of its machines; 0 where it is not counted.
    """

    rule: str
    name: str
    samples: float = 1
    flops: float = 0
    tokens: float = 0
    elements: float = 0
    passes: float = 0
    generating: bool = False
    seconds: float = 0
    gpus: int = 0
    threads: int = 1
    disk: float = 0
    usd: float = 0
    gpu_memory: float = 0
    memory: float = 0
