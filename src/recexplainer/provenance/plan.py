"""What a run will take, before it is started: jobs, GPU-hours or CPU-hours, disk and US dollars, per rule.

Hours come from benchmark files where a comparable run has left some: its seconds, scaled by the work of
:mod:`recexplainer.provenance.jobs`. A run of another base LLM, or on a GPU instead of a CPU, is not comparable for
the rules that run the LLM. Without benchmarks:

    hours = work / (peak * utilisation) + answers' work / (peak * decoding_utilisation) + start

with the peak of the GPU in :data:`GPUS`; the CPU's rate, per second, is one number, since its utilisation is unknown.
Raw data is read at ``bytes`` per second, other samples at ``samples`` per second. GPU-hours are hours times GPUs, and
a job on several GPUs does the same work in all. Everything in :data:`ASSUMED` can be set. An estimate by these formulas
is good to a factor of three or so: enough to see what costs a day and what costs a month.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recexplainer import settings as switches
from recexplainer.errors import InputError
from recexplainer.files import read_json, write_csv
from recexplainer.provenance.jobs import Job, jobs
from recexplainer.provenance.sizes import architecture, dataset_size

logger = logging.getLogger(__name__)

GPUS = {
    "V100": 125e12,
    "T4": 65e12,
    "A10": 125e12,
    "RTX-4090": 165e12,
    "L40S": 362e12,
    "A100": 312e12,
    "H100": 989e12,
    "H200": 989e12,
}
"""Peak of half-precision matrix products with dense matrices, in operations per second, as the makers print it."""

ASSUMED = {
    "gpu": "V100",  # the paper's (section 3.2.2)
    "utilisation": 0.3,  # of the GPU's peak, in training and in reading prompts
    "decoding_utilisation": 0.03,  # in writing answers, which is bound by memory
    "cpu": 3e10,  # operations per second of one thread, with small models
    "bytes": 3e6,  # of compressed raw data, parsed per second
    "samples": 2e3,  # per second, where no model runs
    "start": 6.0,  # seconds of every job, for Python and its imports
    "start_llm": 60.0,  # seconds more to load a large LLM onto a GPU
}
"""What the formulas assume, by name; ``--settings`` lays other values over them."""

BYTES_READ = ("filter_dataset", "parse_conversations", "build_sharegpt")  # rules whose work is bytes of raw data
WAITING = ("explain_by_service", "judge_by_service", "download_dataset", "download_conversations", "base_llm")
COLUMNS = ["rule", "jobs", "samples", "device", "hours", "disk_gb", "usd", "basis"]


@dataclass(frozen=True)
class Recorded:
    """Benchmarks of an earlier run: seconds by rule and job, and the jobs that its config asked for."""

    seconds: dict[tuple[str, str], float]
    jobs: dict[tuple[str, str], Job]
    same_model: bool


def read_benchmarks(folder: str | Path) -> dict[tuple[str, str], float]:
    """Return the seconds of each job, by rule and name, from ``{folder}/{rule}/{name}.tsv``.

    Raises:
        InputError: the folder is missing, or a file is not a benchmark of Snakemake.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"--benchmarks: {folder} is no folder; expected the benchmarks of an earlier run.")
    found = {}
    for path in sorted(folder.glob("*/*.tsv")):
        try:
            found[path.parent.name, path.stem] = float(pd.read_csv(path, sep="\t")["s"].mean())
        except (KeyError, ValueError) as error:
            raise InputError(f"{path}: not a benchmark file ({error}); expected a column s of seconds.") from None
    return found


def recorded_run(config: dict, folder: str | Path, provenance: str | Path | None) -> Recorded:
    """Return what an earlier run took.

    Args:
        config: the config that is planned.
        folder: its benchmarks.
        provenance: its ``provenance.json``, for its config; None: it had the config that is planned.
    """
    earlier = config
    if provenance is not None:
        record = read_json(provenance)
        if not isinstance(record, dict) or "config" not in record:
            raise InputError(f"{provenance}: no key 'config'; expected a provenance.json of the recorded run.")
        earlier = record["config"]
    same = architecture(earlier) == architecture(config)
    return Recorded(read_benchmarks(folder), {(job.rule, job.name): job for job in jobs(earlier)}, same)


def _formula_hours(job: Job, assumed: dict) -> float:
    """Return the hours of a job, times its GPUs."""
    if job.rule in WAITING:
        return 0.0
    if job.kind == "data":
        rate = assumed["bytes"] if job.rule in BYTES_READ else assumed["samples"]
        return (job.work / rate + assumed["start"]) / 3600
    if job.gpus == 0:
        return ((job.work + job.decoding) / assumed["cpu"] + assumed["start"]) / 3600
    peak = GPUS[assumed["gpu"]]
    working = job.work / (peak * assumed["utilisation"]) + job.decoding / (peak * assumed["decoding_utilisation"])
    return (working + job.gpus * (assumed["start"] + assumed["start_llm"])) / 3600


def _rule_hours(group: list[Job], assumed: dict, recorded: Recorded | None) -> tuple[float, str]:
    """Return the hours of a rule's jobs, and what they are based on."""
    if recorded is not None:
        known = [
            (recorded.seconds[job.rule, job.name] * max(1, job.gpus), job)
            for key, job in recorded.jobs.items()
            if key in recorded.seconds and job.rule == group[0].rule
        ]
        comparable = all((job.gpus > 0) == (group[0].gpus > 0) for _, job in known)
        if known and comparable and (recorded.same_model or group[0].kind != "llm"):
            seconds, done = sum(seconds for seconds, _ in known), sum(_amount(job) for _, job in known)
            share = sum(map(_amount, group)) / done if done else len(group) / len(known)
            return seconds * share / 3600, "measured" if abs(share - 1) < 1e-9 else "measured, scaled"
    return sum(_formula_hours(job, assumed) for job in group), "none" if group[0].rule in WAITING else "formula"


def _amount(job: Job) -> float:
    return job.work + job.decoding


def plan(config: dict, assumed: dict | None = None, recorded: Recorded | None = None) -> pd.DataFrame:
    """Return what a run will take: one row per rule, in the order of the pipeline.

    Args:
        config: the checked config.
        assumed: values laid over :data:`ASSUMED`.
        recorded: an earlier run's benchmarks.

    Returns:
        A frame with the columns ``rule``, ``jobs``, ``samples``, ``device`` (cpu or gpu), ``hours`` (of all jobs, times
        their GPUs), ``disk_gb``, ``usd``, and ``basis`` of the hours: formula, measured, scaled, or none, for what
        waits for a network.

    Raises:
        InputError: an assumption is unknown, or the base LLM's size.
    """
    values = _check_assumed(assumed or {})
    groups: dict[str, list[Job]] = {}
    for job in jobs(config):
        groups.setdefault(job.rule, []).append(job)
    rows = []
    for rule, group in groups.items():
        hours, basis = _rule_hours(group, values, recorded)
        rows.append(
            [
                rule,
                len(group),
                sum(job.samples for job in group),
                "gpu" if group[0].gpus else "cpu",
                float(f"{hours:.3g}"),
                float(f"{sum(job.disk for job in group) / 1e9:.3g}"),
                round(sum(job.usd for job in group), 2),
                basis,
            ]
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def _check_assumed(assumed: dict) -> dict:
    """Return the assumptions in force."""
    for name, value in assumed.items():
        if name not in ASSUMED:
            raise InputError(f"--settings: unknown key {name!r}; expected some of: {', '.join(ASSUMED)}.")
        if name == "gpu" and value not in GPUS:
            raise InputError(f"--settings: gpu {value!r}; expected one of: {', '.join(GPUS)}.")
        if name != "gpu" and not (isinstance(value, int | float) and value > 0):
            raise InputError(f"--settings: {name} {value!r}; expected a number above 0.")
    return ASSUMED | assumed


def over_budget(config: dict) -> list[str]:
    """Return one line per job that may cost more than ``explanation.max_usd``, which would refuse to start."""
    most = config["explanation"]["max_usd"]
    return [
        f"{job.rule} {job.name}: about {job.usd:.2f} USD, more than explanation.max_usd, {most:.2f}"
        for job in jobs(config)
        if most is not None and job.usd > most
    ]


def describe(table: pd.DataFrame, config: dict, assumed: dict | None = None) -> str:
    """Return the plan as text: the table, its totals, and what it rests on."""
    values = _check_assumed(assumed or {})
    shown = table.astype(object).copy()
    for column in ("hours", "disk_gb", "usd"):
        shown[column] = [f"{value:,.2f}" if value else "-" for value in table[column]]
    shown["samples"] = [f"{value:,}" for value in table["samples"]]
    lines = [shown.to_string(index=False), ""]
    for device in ("gpu", "cpu"):
        hours = table.loc[table["device"] == device, "hours"].sum()
        lines.append(f"{device.upper()}-hours: {hours:,.1f}")
    lines.append(f"disk: {table['disk_gb'].sum():,.1f} GB")
    lines.append(f"services: {table['usd'].sum():,.2f} USD")
    for name in config["run"]["datasets"]:
        size = dataset_size(config, name)
        lines.append(
            f"{name}: {size.users} users, {size.items} items, {size.interactions} interactions ({size.basis})"
        )
    model = architecture(config)
    rate = f"{GPUS[values['gpu']] / 1e12:g} TFLOP/s of a {values['gpu']}"
    lines.append(
        f"base LLM: {model.parameters / 1e9:.3g} billion parameters; {rate}, "
        f"used to {values['utilisation']:.0%} ({values['decoding_utilisation']:.0%} in writing)"
    )
    lines.append("Tables, figures and the pages of the study take seconds each and are not listed.")
    return "\n".join([*lines, *(f"warning: {line}" for line in over_budget(config))])


def merged(configfiles: Iterable[str | Path]) -> dict:
    """Return config files laid one over the other, as Snakemake does it: mappings key by key, all else as a whole.

    Raises:
        InputError: a file is missing or is not a mapping in YAML.
    """
    import yaml

    def lay(below: dict, above: dict) -> dict:
        both = {
            key: lay(below[key], value) if isinstance(value, dict) and isinstance(below.get(key), dict) else value
            for key, value in above.items()
        }
        return below | both

    config: dict = {}
    for path in configfiles:
        try:
            found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise InputError(f"{path}: {error}; expected a config file, YAML.") from None
        if not isinstance(found, dict):
            raise InputError(f"{path}: expected a mapping of config keys.")
        config = lay(config, found)
    return config


def write_plan(
    config: dict,
    schema: str | Path,
    assumed: dict,
    benchmarks: str | None,
    provenance: str | None,
    output: str | None,
) -> None:
    """Check the config, print its plan, and write it as CSV.

    Args:
        config: the merged config.
        schema: path of the config's JSON schema, YAML.
        assumed: values laid over :data:`ASSUMED`.
        benchmarks: folder of an earlier run's benchmarks, or None.
        provenance: its ``provenance.json``, or None if it had the same config.
        output: the CSV to write, or None.
    """
    switches.check(config, schema)
    recorded = recorded_run(config, benchmarks, provenance) if benchmarks else None
    table = plan(config, assumed, recorded)
    print(describe(table, config, assumed))
    if output:
        write_csv(output, table)
        logger.info("plan in %s", output)
