"""Alignment training."""

from typing import Literal

from recexplainer.config.kinds import (
    Auto,
    Context,
    Count,
    Dropout,
    Natural,
    NotNegative,
    Positive,
    Precision,
    Section,
    Share,
    SomeNames,
    Text,
)

Injection = Literal["replace", "add"]
TrainedRows = Literal["new", "all"]
LossAverage = Literal["samples", "tokens"]


class Lora(Section):
    """The adapter."""

    rank: Count
    """rank of its matrices"""
    alpha: Positive
    """scale: alpha / rank"""
    dropout: Dropout
    """dropout before the adapter"""
    targets: str | SomeNames
    """names of the adapted modules, all-linear, or preset: those of the switch lora_targets"""


class TrainingRules(Section):
    """What a training is made with, wherever it runs."""

    context: Context
    """longest sequence, in tokens"""
    batch: Count
    """samples per optimizer step, over all GPUs"""
    epochs: Count
    """passes over the samples"""
    max_steps: Count | None
    """stop after this many steps; null: after `epochs`"""
    lr: Positive
    """learning rate (AdamW)"""
    schedule: Literal["linear", "cosine"]
    """how it falls after the warm-up: linear or cosine"""
    warmup: Share
    """share of the steps that warm up"""
    weight_decay: NotNegative
    """AdamW's weight decay"""
    gradient_clip: Positive
    """limit of the norm of all gradients"""
    precision: Precision
    """fp16, bf16 or fp32; auto: bf16 on GPUs from the A100 on and CPUs fast at it, else fp16 on GPUs, fp32 on
    CPUs"""
    lora: Lora
    rows_per_micro_batch: Count
    """packed rows of `context` tokens per forward pass and GPU"""
    gradient_checkpointing: bool
    """trade time for memory"""
    checkpoint_every: Natural
    """steps between two checkpoints; 0 for none. A run that was cut off goes on from the last one."""


class Alignment(TrainingRules):
    """Alignment training (section 3.2.2)."""

    deepspeed: Text
    """DeepSpeed's configuration: zero2.json, or zero3.json, zero2_offload.json, zero3_offload.json for less GPU
    memory; batch size, precision and clipping are added to it"""
    nodes: Count
    """machines; more than 1 needs Slurm"""
    gpus: Natural | Auto
    """GPUs of each machine, one process each; 0 trains on the CPU; auto: 1 if there is one where Snakemake is
    started"""
    threads: Count
    """CPU threads per process"""


class Aligned(TrainingRules):
    """What an alignment is made with: the section, and the switches that are about it."""

    embedding_injection: Injection
    trained_rows: TrainedRows
    loss_average: LossAverage
