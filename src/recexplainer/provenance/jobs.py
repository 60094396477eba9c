"""The jobs that a config asks for, and how much work each of them is.

They follow the rules in ``rules/``, for the stages that take time, disk or money; what tables, figures and the pages of
the study take is not worth a line. The work of a job that runs an LLM is counted in floating-point operations, with P
parameters:

- training from scratch: 6 P per token, over ``steps * batch`` samples
- alignment (the base LLM frozen): 4 P per token, and 2 P more with gradient checkpointing, over all epochs
- reading a prompt and writing an answer: 2 P per token; a beam writes, and reads, as a sequence of its own

SASRec's is 6 per parameter and position seen, over half of the most epochs, since training stops early. All other work
is counted in samples: interactions, conversations, cases. Lengths in tokens are those of
:mod:`recexplainer.provenance.sizes`; an explanation is taken for ``ANSWER_SHARE`` of what it may be.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from recexplainer import settings, sources
from recexplainer.provenance.sizes import (
    PRETRAINED,
    Size,
    architecture,
    dataset_size,
    sample_tokens,
    test_samples,
    train_samples,
    words,
)

BASELINES = ("random", "popularity")
ANSWER_SHARE = 0.4  # of explanation.max_tokens
JUDGE_INSTRUCTION = 400  # tokens
EXPLAIN_INSTRUCTION = 200  # tokens
RAW_BYTES = 7e8  # of a raw file whose size the config does not tell
SAMPLE_BYTES = 200  # of a sample in a task file, compressed
PREDICTION_BYTES = 400  # of a case in a prediction file, compressed
TEXT_BYTES = 1000  # of an explanation with its prompt, compressed


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        rule: its rule.
        name: as its benchmark file is called.
        samples: what it goes through.
        work: floating-point operations of training and reading, or samples where no model runs.
        decoding: floating-point operations of writing answers.
        kind: ``llm``, ``model`` (SASRec) or ``data``.
        gpus: how many it takes.
        disk: bytes that it leaves.
        usd: US dollars, for services.
    """

    rule: str
    name: str
    samples: int
    work: float = 0.0
    decoding: float = 0.0
    kind: str = "data"
    gpus: int = 0
    disk: float = 0.0
    usd: float = 0.0


def jobs(config: dict) -> list[Job]:
    """Return the jobs of a whole run from nothing, in the order of the pipeline.

    Args:
        config: the checked config.

    Raises:
        InputError: the base LLM's size is not known.
    """
    datasets, sizes = config["run"]["datasets"], {name: dataset_size(config, name) for name in config["run"]["datasets"]}
    found = []
    for name in datasets:
        found += _data(config, name, sizes[name]) + _recommender(config, name, sizes[name])
    found += _conversations(config) + _llm(config)
    for name in datasets:
        found += _tasks(config, name) + _alignments(config, name, sizes[name]) + _predictions(config, name)
        found += _explanations(config, name) + _judgements(config, name)
    return found + _viewpoints(config)


def aligned(config: dict, dataset: str) -> list[tuple[str, str]]:
    """Return the alignments of a dataset, as mode and ablation: full, the ablations, and those of further seeds."""
    return [*_systems(config), *ablated(config, dataset)] + [
        (mode, f"full.{seed}") for mode in config["run"]["modes"] for seed in config["run"]["seeds"]
    ]


def ablated(config: dict, dataset: str) -> list[tuple[str, str]]:
    """Return the ablations of a dataset, as mode and ablation."""
    chosen = config["run"]["ablations"]
    return [(mode, name) for mode in chosen["modes"] for name in chosen["names"] if dataset in chosen["datasets"]]


def _systems(config: dict) -> list[tuple[str, str]]:
    return [(mode, "full") for mode in config["run"]["modes"]]


def _raw_bytes(found: list[dict]) -> float:
    """Return the size of a raw file: of the local copy, as the config says, or as assumed."""
    for source in found:
        path = Path(os.path.expandvars(os.path.expanduser(source.get("path", ""))))
        if source.get("path") and path.is_file():
            return path.stat().st_size
        if source.get("bytes"):
            return source["bytes"]
    return RAW_BYTES


def _data(config: dict, name: str, size: Size) -> list[Job]:
    entry, made = config["datasets"][name], []
    # Made-up reviews are a few dozen bytes each.
    raw = {"reviews": size.interactions * 60, "metadata": size.items * 300}
    if entry.get("generate"):
        made = [Job("make_demo_dataset", name, size.interactions, size.interactions, disk=sum(raw.values()))]
    else:
        raw = {file: _raw_bytes(sources.sources(config, name, file)) for file in raw}
    taken = [Job("download_dataset", f"{name}.{file}", 1, 1, disk=count) for file, count in raw.items()]
    return [
        *made,
        *taken,
        # Reading the raw files is what takes the time.
        Job("filter_dataset", name, size.interactions, sum(raw.values()), disk=size.interactions * 40),
    ]


def _conversations(config: dict) -> list[Job]:
    chosen = config["sharegpt"]
    made = chosen.get("generate")
    count = made["conversations"] if made else chosen["train"] + chosen["test"]
    raw = count * 300 if made else _raw_bytes(sources.sources(config, "sharegpt"))
    jobs = [Job("make_demo_conversations", "all", count, count, disk=raw)] if made else []
    return [
        *jobs,
        Job("download_conversations", "all", 1, 1, disk=raw),
        Job("parse_conversations", "all", count, raw, disk=raw / 3),
        Job("build_sharegpt", "all", count, raw, disk=(chosen["train"] + chosen["test"]) * 1000),
    ]


def _recommender(config: dict, name: str, size: Size) -> list[Job]:
    chosen = config["recommender"]
    dim, length = (config["datasets"][name]["recommender"][key] for key in ("dim", "max_length"))
    prefixes = max(0, size.interactions - 2 * size.users)
    block = 4 * dim**2 + 2 * dim * chosen["ffn"]
    work = 6 * prefixes * (length * chosen["layers"] * block + dim * size.items) * chosen["epochs"] / 2
    weights = 4 * (chosen["layers"] * block + dim * (size.items + length))
    trials = [
        Job("tune_recommender", f"{name}.{trial}", prefixes, work, kind="model", disk=2000)
        for trial in range(chosen["tuning"]["trials"])
    ]
    scored = 2 * size.interactions * (length * chosen["layers"] * block + dim * size.items)
    kept = 4 * dim * (size.interactions + size.items) + 100 * size.interactions
    return [
        *trials,
        Job("train_recommender", name, prefixes, work, kind="model", disk=weights),
        Job("export_recommender", name, size.interactions, scored, kind="model", disk=kept),
    ]


def _llm(config: dict) -> list[Job]:
    model, llm = architecture(config), config["llm"]
    if llm["source"] != "scratch":
        # A snapshot of the hub is kept in half precision, in the hub's own cache.
        return [Job("base_llm", "all", 1, disk=2 * model.parameters if llm["source"] == "hub" else 0)]
    tiny = llm["scratch"]
    samples = tiny["steps"] * tiny["batch"]
    tokens = samples * tiny["context"] * words(config).conversation
    return [
        Job("train_llm", "all", samples, 6 * model.parameters * tokens, kind="llm", disk=4 * model.parameters),
        Job("base_llm", "all", 1),
    ]


def _tasks(config: dict, name: str) -> list[Job]:
    # The baselines and the base LLM are tested on the behavior mode's samples, so that it is built in any case.
    modes = dict.fromkeys([*config["run"]["modes"], "behavior"])
    found = []
    for mode in modes:
        trained = train_samples(config, name, mode)
        count = sum(trained.values()) - trained.get("sharegpt", 0)
        count += sum(test_samples(config, name, mode, limited=False).values())
        found.append(Job("build_tasks", f"{name}.{mode}", count, count, disk=count * SAMPLE_BYTES))
    return found


def _alignments(config: dict, name: str, size: Size) -> list[Job]:
    model, chosen = architecture(config), config["alignment"]
    dim = config["datasets"][name]["recommender"]["dim"]
    trained = model.adapter_parameters(chosen["lora"], dim, settings.resolve(config)["trained_rows"])
    per_token = (6 if chosen["gradient_checkpointing"] else 4) * model.parameters
    found = []
    for mode, ablation in aligned(config, name):
        counts = train_samples(config, name, mode, ablation)
        lengths = {task: sum(sample_tokens(config, name, mode, task)) for task in counts}
        tokens = sum(min(lengths[task], chosen["context"]) * count for task, count in counts.items())
        samples = sum(counts.values())
        passes = chosen["epochs"]
        if chosen["max_steps"] is not None:
            passes = min(passes, chosen["max_steps"] * chosen["batch"] / samples)
        found.append(
            Job(
                "align",
                f"{name}.{mode}.{ablation}",
                samples,
                per_token * tokens * passes,
                kind="llm",
                gpus=chosen["gpus"],
                # The adapter, and a checkpoint: it and Adam's two moments.
                disk=4 * trained * (4 if chosen["checkpoint_every"] else 1),
            )
        )
    return found


def _reading(config: dict, name: str, mode: str) -> tuple[int, float, float]:
    """Return the test cases of an LLM in a mode, and the tokens that are read and written for them."""
    beams = config["evaluation"]["beams"]
    cases, read, written = 0, 0.0, 0.0
    for task, count in test_samples(config, name, mode).items():
        question, answer = sample_tokens(config, name, mode, task)
        # Two beam searches: unconstrained, and constrained to the catalogue.
        sequences = 2 * beams if task == "retrieval" else 1
        cases += count
        read += count * question * sequences
        written += count * answer * sequences if task != "classification" else 0
    return cases, read, written


def _predictions(config: dict, name: str) -> list[Job]:
    flops, gpus = 2 * architecture(config).parameters, config["evaluation"]["gpus"]

    def predicted(rule: str, job: str, mode: str) -> Job:
        cases, read, written = _reading(config, name, mode)
        disk = cases * PREDICTION_BYTES
        return Job(rule, job, cases, flops * read, flops * written, kind="llm", gpus=gpus, disk=disk)

    users = dataset_size(config, name).users
    return [
        *(Job("predict_baseline", f"{name}.{system}", users, users, disk=4 * users * 100) for system in BASELINES),
        predicted("predict_base", name, "behavior"),
        *(
            predicted("predict_aligned", f"{name}.{mode}.{ablation}", mode)
            for mode, ablation in aligned(config, name)
        ),
    ]


def _explained(config: dict, name: str) -> int:
    """Return the number of cases of a dataset: at most two per user."""
    return min(config["explanation"]["cases"], 2 * dataset_size(config, name).users)


def _words_read(config: dict, name: str) -> int:
    """Return the tokens of a history and an item in a question to a service."""
    return PRETRAINED.title * (config["datasets"][name]["recommender"]["max_length"] + 1)


def _explain(config: dict, rule: str, job: str, name: str, mode: str, cases: int) -> Job:
    flops = 2 * architecture(config).parameters
    question, answer = sample_tokens(config, name, mode, "explanation")
    return Job(
        rule,
        job,
        cases,
        flops * cases * question,
        flops * cases * answer * ANSWER_SHARE,
        kind="llm",
        gpus=config["evaluation"]["gpus"],
        disk=cases * TEXT_BYTES,
    )


def _explanations(config: dict, name: str) -> list[Job]:
    chosen, cases = config["explanation"], _explained(config, name)
    found = [Job("choose_cases", name, cases, cases, disk=cases * TEXT_BYTES)]
    found.append(_explain(config, "explain", f"{name}.base", name, "behavior", cases))
    for mode, ablation in [*_systems(config), *ablated(config, name)]:
        found.append(_explain(config, "explain", f"{name}.{mode}-{ablation}", name, mode, cases))
    for service in chosen["services"]:
        usd = _usd(config, service, cases, EXPLAIN_INSTRUCTION + _words_read(config, name), chosen["max_tokens"])
        # The answer is kept twice: in the store, and in the table.
        disk = 4 * cases * TEXT_BYTES
        found.append(Job("explain_by_service", f"{name}.{service}", cases, cases, disk=disk, usd=usd))
    return found


def _judgements(config: dict, name: str) -> list[Job]:
    chosen, cases = config["explanation"], _explained(config, name)
    groups = {"systems": 1 + len(chosen["services"]) + len(config["run"]["modes"]), "ablations": len(ablated(config, name))}
    # Figure 6 takes the first judge's ratings; a service is asked about the ablations in any case.
    judges = {"systems": set(chosen["judges"]), "ablations": {*chosen["judges"]} - {"rubric"} | {chosen["judges"][0]}}
    if chosen["study"]["ratings"] == "simulated" and chosen["study"]["dataset"] == name:
        judges["systems"].add("rubric")  # the made-up raters follow it
    found = []
    for group, systems in groups.items():
        for judge in sorted(judges[group]) if systems else []:
            count, disk = cases * systems, cases * systems * PREDICTION_BYTES
            if judge == "rubric":
                found.append(Job("judge_by_rubric", f"{name}.{group}", count, count, disk=disk))
                continue
            prompt = JUDGE_INSTRUCTION + _words_read(config, name) + round(ANSWER_SHARE * chosen["max_tokens"])
            usd = _usd(config, judge, count, prompt, chosen["judge_max_tokens"])
            disk += count * 4 * TEXT_BYTES
            found.append(Job("judge_by_service", f"{name}.{group}.{judge}", count, count, disk=disk, usd=usd))
    return found


def _usd(config: dict, service: str, requests: int, prompt: int, answer: int) -> float:
    """Return what requests to a service cost, if every answer gets as long as it may."""
    price = config["services"][service]["price"]
    return requests * (prompt * price["input"] + answer * price["output"]) / 1e6


def _viewpoints(config: dict) -> list[Job]:
    name, modes = config["explanation"]["study"]["dataset"], config["run"]["modes"]
    mode = next(mode for mode in ("hybrid", "behavior", "intention") if mode in modes)
    texts = 1 + len(config["explanation"]["viewpoints"])
    return [_explain(config, "explain_viewpoints", f"{name}.{mode}-full", name, mode, texts)]
