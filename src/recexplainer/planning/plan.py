"""What a run will take: jobs, hours, disk and money per rule, before it is started.

Times are those of :mod:`recexplainer.planning.times`. Where benchmark files are there, they count instead: those of the
very job, else those of its rule, scaled by samples. A ``provenance.json`` beside their folder says of which config they
are; without one they are taken for this config's. Of a run with another LLM or on other devices, the times of the rules
that compute with an LLM are left aside.
"""

import csv
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from recexplainer.devices import FIRST_CAPABILITY, OLDER_CARDS
from recexplainer.errors import InputError
from recexplainer.files import write_csv
from recexplainer.planning import machines
from recexplainer.planning.assumptions import DEFAULTS, GPUS, Values, with_changes
from recexplainer.planning.job import Job
from recexplainer.planning.jobs import all_jobs
from recexplainer.planning.layout import columns
from recexplainer.planning.sizes import architecture, dataset_size
from recexplainer.planning.times import WITH_LLM, estimated_seconds
from recexplainer.provenance.machine import gpus
from recexplainer.provenance.recorded import RECORD, recorded_config
from recexplainer.settings import check, with_gpus
from recexplainer.yaml_files import read_config

LOCKED_CUDA = 13  # of envs/torch-cuda.lock
FIRST_WITH_BF16 = (8, 0)

STAGES = {
    "data": "make_demo_dataset make_demo_conversations download_dataset download_conversations filter_dataset "
    "parse_conversations",
    "recommender": "tune_recommender train_recommender export_recommender import_recommender",
    "tasks": "build_tasks build_reasons build_sharegpt",
    "alignment": "train_llm download_llm unpack_llm base_llm align",
    "evaluation": "predict_baseline predict_surrogates predict_base predict_aligned predict_base_shard "
    "predict_aligned_shard merge_predictions rank_pointwise",
    "explanation": "choose_cases explain explain_by_service explain_viewpoints",
    "judgement": "judge_by_rubric judge_by_service",
    "faithfulness": "classify_cases write_controls measure_faithfulness",
    "study": "draw_study simulate_raters collect_ratings",
    "results": "select_case figure3 figure4 figure5 figure6 learning_curves table1 table_recommender table2 table3 "
    "table4 table_surrogates table_human table_faithfulness table_controllability table_seeds table_pointwise "
    "table_spending typeset paper_vs_ours provenance report",
}
"""The rules of each stage, in the order of the pipeline."""

COLUMNS = ["stage", "rule", "jobs", "hours", "gpu_hours", "cpu_hours", "disk_gb", "gpu_gb", "usd", "basis"]


@dataclass(frozen=True)
class Row:
    """A rule's sums; ``gpu_gb``, what the largest of its jobs takes of one GPU's memory.

    ``hours`` is wall time, job after job; ``basis``: estimate, recorded, or recorded and scaled; ``longest``: the hours
    of the longest job.
    """

    stage: str
    rule: str
    jobs: int
    hours: float
    gpu_hours: float
    cpu_hours: float
    disk_gb: float
    gpu_gb: float
    usd: float
    basis: str
    longest: float = 0.0


def merged(files: Sequence[str | Path], schema: str | Path) -> Values:
    """Return config files laid over each other, as Snakemake does: mappings are merged, all else is replaced.

    Raises:
        InputError: a file is missing or is no config, or the whole breaks the schema.
    """
    config: Values = {}
    for path in files:
        config = _laid_over(config, read_config(path))
    check(config, schema)
    return with_gpus(config, gpus)


def _laid_over(below: Values, above: Values) -> Values:
    result = deepcopy(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = _laid_over(result[key], value) if both else deepcopy(value)
    return result


def plan(config: Values, benchmarks: str | Path | None = None, assumptions: Values | None = None) -> list[Row]:
    """Return a row per rule that has a job, in the order of the pipeline.

    Args:
        config: the merged and checked config.
        benchmarks: folder of ``{rule}/{job}.tsv`` that a run left; None for estimates alone.
        assumptions: what replaces some of :data:`recexplainer.planning.assumptions.DEFAULTS`.

    Raises:
        InputError: an assumption is unknown or out of range, the GPU is not in the table, a benchmark is unreadable,
            or the base LLM's size cannot be told.
    """
    assumed = with_changes(config, assumptions or {})
    stage_of = {rule: stage for stage, rules in STAGES.items() for rule in rules.split()}
    by_rule: dict[str, list[Job]] = {rule: [] for rule in stage_of}
    for job in all_jobs(config):
        by_rule[job.rule].append(job)
    recorded = recorded_jobs(config, benchmarks) if benchmarks else {}
    return [_row(stage_of[rule], jobs, recorded.get(rule, []), assumed) for rule, jobs in by_rule.items() if jobs]


def seconds_by_rule(config: Values) -> dict[str, float]:
    """Return the mean time that is expected of a job, by its rule."""
    return {row.rule: 3600 * row.hours / row.jobs for row in plan(config)}


def recorded_jobs(config: Values, benchmarks: str | Path) -> dict[str, list[tuple[Job, float]]]:
    """Return, by rule, the jobs of an earlier run with their recorded wall time in seconds, as far as they tell us.

    Raises:
        InputError: the folder is missing, or a file in it is not a benchmark of Snakemake.
    """
    folder = Path(benchmarks)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected the benchmarks of a run. Leave it out before one.")
    recorded: Values = {}
    of_run = _config_of(folder, config) or config
    comparable = _device(of_run) == _device(config)
    for job in all_jobs(of_run):
        path = folder / job.rule / f"{job.name}.tsv"
        if path.is_file() and (comparable or job.rule not in WITH_LLM):
            recorded.setdefault(job.rule, []).append((job, _mean_seconds(path)))
    return recorded


def _config_of(benchmarks: Path, config: Values) -> Values | None:
    """Return the config of the run that left benchmarks, by the record beside their folder; None without one.

    What an earlier version's lacks is taken from the present config: a job that was none has no benchmark.
    """
    path = benchmarks.parent / RECORD
    return with_gpus(recorded_config(path, config), gpus) if path.is_file() else None


def _device(config: Values) -> tuple[object, ...]:
    """What the time per sample of an LLM depends on: the LLM, and how many GPUs and threads."""
    values = [config[part][key] for part in ("alignment", "evaluation") for key in ("gpus", "threads")]
    return architecture(config), config["alignment"]["context"], *values


def _mean_seconds(path: Path) -> float:
    """The wall time in a benchmark file; of one that was repeated, the mean."""
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            seconds = [float(row["s"]) for row in csv.DictReader(handle, delimiter="\t")]
        return sum(seconds) / len(seconds)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        raise InputError(f"{path}: no column s with seconds; expected a benchmark file of Snakemake.") from None


def _row(stage: str, jobs: list[Job], recorded: list[tuple[Job, float]], assumed: Values) -> Row:
    same = {(job.name, job.samples): seconds for job, seconds in recorded}
    done = sum(job.samples for job, _ in recorded)
    per_sample = sum(seconds for _, seconds in recorded) / done if done else None
    hours, repeated = {}, 0
    for job in jobs:
        seconds = same.get((job.name, job.samples))
        repeated += seconds is not None
        if seconds is None:
            seconds = estimated_seconds(job, assumed) if per_sample is None else per_sample * job.samples
        hours[job.name] = seconds / 3600
    return Row(
        stage=stage,
        rule=jobs[0].rule,
        jobs=len(jobs),
        hours=sum(hours.values()),
        gpu_hours=sum(hours[job.name] * job.gpus for job in jobs),
        cpu_hours=sum(hours[job.name] * job.threads for job in jobs if not job.gpus),
        disk_gb=sum(job.disk for job in jobs) / 1e9,
        gpu_gb=max(job.gpu_memory for job in jobs) / 1e9,
        usd=sum(job.usd for job in jobs),
        longest=max(hours.values()),
        basis="recorded" if repeated == len(jobs) else "estimate" if per_sample is None else "recorded, scaled",
    )


def over_budget(config: Values) -> list[str]:
    """Say that services may cost more than the run may spend: it would refuse to ask at its end, not at its start."""
    paid, limit = [job for job in all_jobs(config) if job.usd], config["explanation"]["max_usd"]
    cost = sum(job.usd for job in paid)
    if limit is None or cost <= limit:
        return []
    dearest = max(paid, key=lambda job: job.usd)
    return [
        f"services may cost up to {cost:.2f} USD, more than explanation.max_usd, {limit:g}: the run would refuse to "
        f"ask, in its last stages. The most, {dearest.usd:.2f} USD, is for {dearest.rule} {dearest.name}. Raise the "
        "limit, or ask for fewer cases."
    ]


def warnings(config: Values, benchmarks: str | Path | None = None, assumptions: Values | None = None) -> list[str]:
    """Return what to think of before the run.

    Money over the ceiling; a GPU that the locked torch has no code for, that lacks a precision or has too little
    memory; sizes that are guesses; benchmarks of no record.

    Args:
        config, benchmarks, assumptions: as for :func:`plan`.
    """
    jobs, lines = list(all_jobs(config)), over_budget(config)
    lines += _gpu_warnings(config, jobs, (DEFAULTS | (assumptions or {}))["gpu"])
    for name in config["run"]["datasets"]:
        if dataset_size(config, name).basis == "assumed":
            lines.append(f"the size of {name} is a guess: nothing in the config tells it before its data stage is done")
    if benchmarks and not (Path(benchmarks).parent / RECORD).is_file():
        lines.append(
            f"no provenance.json beside {benchmarks} says of which config its times are; they are taken for this one's"
        )
    return lines


def _gpu_warnings(config: Values, jobs: list[Job], name: str) -> list[str]:
    card, lines = GPUS[name], []
    on_gpus = [job for job in jobs if job.gpus]
    if not on_gpus:
        return []
    if card.capability < FIRST_CAPABILITY[LOCKED_CUDA]:
        lines.append(
            f"a {name} has compute capability {card.capability[0]}.{card.capability[1]}, and the torch that make setup "
            f"installs (CUDA {LOCKED_CUDA}) begins at {'.'.join(map(str, FIRST_CAPABILITY[LOCKED_CUDA]))}: install the "
            f"build of the same torch for CUDA {OLDER_CARDS[0]}"
        )
    for part in ("alignment", "evaluation"):
        if config[part]["gpus"] and config[part]["precision"] == "bf16" and card.capability < FIRST_WITH_BF16:
            lines.append(f"{part}.precision is bf16, which a {name} lacks: take fp16")
    for rule in dict.fromkeys(job.rule for job in on_gpus):
        needed = max(job.gpu_memory for job in on_gpus if job.rule == rule)
        if needed > card.memory:
            remedy = (
                "rows_per_micro_batch 1, gradient_checkpointing or zero3.json need less"
                if rule == "align"
                else "evaluation.batch_tokens may be lower; batches that do not fit are halved"
            )
            lines.append(
                f"{rule} needs up to {needed / 1e9:.1f} GB of a GPU by count, and a {name} has "
                f"{card.memory / 1e9:g}: {remedy}; llm.quantization: nf4 holds the weights in 4 bits"
            )
    return lines


def as_text(
    config: Values, rows: list[Row], benchmarks: str | Path | None = None, assumptions: Values | None = None
) -> str:
    """Return the plan as a table to read, with totals, what was assumed, and what to think of."""
    assumed, model = DEFAULTS | (assumptions or {}), architecture(config)
    titles = ["stage", "rule", "jobs", "hours", "GPU-hours", "CPU-hours", "disk GB", "GPU GB", "USD", "basis"]
    lines, last = [titles], None
    for row in rows:
        cells = [row.stage if row.stage != last else "", row.rule, str(row.jobs), *_numbers(row), row.basis]
        lines.append(cells)
        last = row.stage
    totals = {name: sum(getattr(row, name) for row in rows) for name in COLUMNS[2:-1]}
    totals["gpu_gb"] = max(row.gpu_gb for row in rows)
    lines.append(["total", "", str(totals["jobs"]), *_numbers(Row("", "", basis="", **totals)), ""])
    text = columns(lines, left=(0, 1, len(titles) - 1))
    text.insert(1, "-" * max(map(len, text)))
    text.insert(len(text) - 1, text[1])
    text += ["", f"The LLM has {model.parameters / 1e6:,.1f} million parameters. Hours are wall time, job after job."]
    sizes = [(name, dataset_size(config, name)) for name in config["run"]["datasets"]]
    text += [
        f"{name}: {s.users} users, {s.items} items, {s.interactions} interactions ({s.basis})" for name, s in sizes
    ]
    device = (
        assumed["gpu"] if any(row.gpu_hours for row in rows) else f"{assumed['cpu_flops'] / 1e9:g} GFLOP/s a thread"
    )
    if totals["gpu_gb"]:
        text.append("GPU GB is what the largest job needs of each of its GPUs at most, by count.")
    used = (
        f"{assumed['training_utilisation']:.0%} of it used in training and {assumed['generation_utilisation']:.0%} in "
        f"generation, and {assumed['layer_seconds'] * 1e3:g} ms to start a layer"
    )
    if any(row.gpu_hours for row in rows):
        text.append(f"Estimates assume: {device}, {used}. Expect them to be right within a factor of three.")
        text += ["", "The LLM's part on GPUs of three sizes: memory of each, by count, and hours, estimated.", ""]
        text += machines.as_lines(machines.needs(config, assumptions)) + [""]
        return "\n".join([*text, *(f"Note: {warning}" for warning in warnings(config, benchmarks, assumptions))])
    text += [
        f"Estimates assume: {device} in products, and beside them {assumed['training_element_seconds'] * 1e9:g} ns per "
        "token, layer and unit of its width in training. Measured on one kind of processor, on a quiet core.",
        _in_parallel(rows),
        f"With one {assumed['gpu']} for the LLM about {60 * _with_gpu(config, assumptions):.0f} minutes by count, with "
        f"{used}.",
    ]
    return "\n".join([*text, *(f"Note: {warning}" for warning in warnings(config, benchmarks, assumptions))])


def _in_parallel(rows: list[Row]) -> str:
    """Say what more cores are worth: jobs run side by side, but the longest of each rule follow each other."""
    total, chain = sum(row.hours for row in rows), sum(row.longest for row in rows)
    hours = [f"{max(total / cores, chain):.1f} h on {cores}" for cores in (1, 2, 4, 8)]
    return f"Side by side, a thread each, the jobs take about {', '.join(hours)} cores."


def _with_gpu(config: Values, assumptions: Values | None) -> float:
    """Return the hours of a run whose LLM has one GPU instead of none, its jobs one after the other."""
    changed = config | {part: config[part] | {"gpus": 1} for part in ("alignment", "evaluation")}
    return sum(row.hours for row in plan(changed, None, assumptions))


def _numbers(row: Row) -> list[str]:
    values = (row.hours, row.gpu_hours, row.cpu_hours, row.disk_gb, row.gpu_gb, row.usd)
    return ["<0.01" if 0 < value < 0.005 else f"{value:.2f}" for value in values]


def write_plan(rows: list[Row], output: str | Path) -> None:
    """Write the plan as CSV, one row per rule, with the columns of :data:`COLUMNS`."""
    import pandas as pd

    frame = pd.DataFrame([[getattr(row, name) for name in COLUMNS] for row in rows], columns=COLUMNS)
    write_csv(output, frame.round(6))
