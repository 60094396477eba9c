"""What a run's LLM takes on machines of three sizes, each with the first settings that fit it, by count."""

from dataclasses import dataclass

from recexplainer.planning.assumptions import GPUS, Values, with_changes
from recexplainer.planning.job import Job
from recexplainer.planning.jobs import all_jobs
from recexplainer.planning.layout import columns
from recexplainer.planning.times import estimated_seconds

MACHINES = (("1 x 24 GB", "RTX4090", 1), ("1 x 80 GB", "A100", 1), ("8 x 32 GB", "V100", 8))
"""Each with a card of that memory, whose speed counts."""

FITTINGS: tuple[dict[str, Values], ...] = (
    {},
    {"evaluation": {"batch_tokens": 4096}},
    {"evaluation": {"batch_tokens": 4096}, "alignment": {"gradient_checkpointing": True, "rows_per_micro_batch": 1}},
    {
        "evaluation": {"batch_tokens": 4096},
        "alignment": {"gradient_checkpointing": True, "rows_per_micro_batch": 1},
        "llm": {"quantization": "nf4"},
    },
)
"""What is changed in the config, the least first."""


@dataclass(frozen=True)
class Need:
    """What a machine's GPUs are to do; memory is of each GPU, of the largest job.

    ``changed`` has the settings that differ from the config's; ``fits`` is False where even the last of
    :data:`FITTINGS` needs more than there is.
    """

    machine: str
    card: str
    changed: str
    align_gb: float
    align_hours: float
    answer_gb: float
    answer_hours: float
    fits: bool


def needs(config: Values, assumptions: Values | None = None) -> list[Need]:
    """Return what each of :data:`MACHINES` takes for the run: one GPU answers, all of them train.

    Args:
        config: the merged and checked config.
        assumptions: what replaces some of :data:`recexplainer.planning.assumptions.DEFAULTS`, but the card.
    """
    return [_need(config, assumptions or {}, *machine) for machine in MACHINES]


def _need(config: Values, assumptions: Values, machine: str, card: str, gpus: int) -> Need:
    of_machine = {"alignment": {"gpus": gpus, "nodes": 1}, "evaluation": {"gpus": 1}}
    for fitting in FITTINGS:
        changed = _with(_with(config, of_machine), fitting)
        jobs = [job for job in all_jobs(changed) if job.gpus]
        fits = max(job.gpu_memory for job in jobs) <= GPUS[card].memory
        if fits:
            break
    assumed = with_changes(changed, assumptions | {"gpu": card})
    training, answering = ([job for job in jobs if (job.rule == "align") is wanted] for wanted in (True, False))
    return Need(
        machine=machine,
        card=card,
        changed=", ".join(_differences(config, fitting)) or "none",
        align_gb=_largest(training),
        align_hours=_hours(training, assumed),
        answer_gb=_largest(answering),
        answer_hours=_hours(answering, assumed),
        fits=fits,
    )


def _with(config: Values, changes: dict[str, Values]) -> Values:
    return config | {part: config[part] | values for part, values in changes.items()}


def _differences(config: Values, fitting: dict[str, Values]) -> list[str]:
    return [
        f"{part}.{key}: {str(value).lower() if isinstance(value, bool) else value}"
        for part, values in fitting.items()
        for key, value in values.items()
        if config[part][key] != value
    ]


def _largest(jobs: list[Job]) -> float:
    return max((job.gpu_memory for job in jobs), default=0.0) / 1e9


def _hours(jobs: list[Job], assumed: Values) -> float:
    return sum(estimated_seconds(job, assumed) for job in jobs) / 3600


def as_lines(found: list[Need]) -> list[str]:
    """Return the needs as lines of a table to read."""
    rows = [["GPUs", "as", "alignments", "", "answers", "", "settings that differ"]]
    rows += [
        [
            need.machine,
            need.card,
            f"{need.align_gb:.1f} GB",
            f"{need.align_hours:.1f} h",
            f"{need.answer_gb:.1f} GB",
            f"{need.answer_hours:.1f} h",
            need.changed if need.fits else f"{need.changed}: not enough",
        ]
        for need in found
    ]
    return columns(rows, left=(0, 1, 6))
