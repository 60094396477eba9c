"""The jobs of a run, from its config alone, each with its work: samples, FLOPs, disk and money.

What an LLM computes is in :mod:`recexplainer.planning.work`. SASRec takes 6 (L n (4 d^2 + 2 d f) + d items) per
prefix and epoch, with history length L, n layers, width d and feed-forward width f; it stops early, after some times
its patience.

Money is what answers may cost at most, as the run itself estimates it before the first request: every answer as long
as it may get, and what the judge reads as well.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

from recexplainer import run_names, settings, sources
from recexplainer.planning import memory, work
from recexplainer.planning.job import Job
from recexplainer.planning.sizes import (
    Architecture,
    architecture,
    dataset_size,
    evaluated_samples,
    question_tokens,
    reason_samples,
    sample_tokens,
    train_samples,
    words,
)
from recexplainer.prompts.explanation import load_explanation_prompts
from recexplainer.service.cost import BYTES_PER_TOKEN, TOKENS_PER_MESSAGE
from recexplainer.systems import CONTROLS

RAW_BYTES = 1e9  # of a raw file whose size is unknown
PACKAGE_BYTES = 1e7  # of one in a package
GENERATED_BYTES = 1e6
DOWNLOAD_RATE = 20e6  # bytes per second
PARSE_RATE = 5e6  # compressed bytes per second
SAMPLE_RATE = 10e3  # samples written per second
UNPACK_RATE = 4e7  # bytes of an LLM made out of a GGUF file per second
LOAD_RATE = 1e9  # bytes of an LLM per second
REQUEST_SECONDS = 5.0
REASON_RATE = 100.0  # decisions of the seventh task per second, for each of which the recommender is asked again
FIT_RATE = 400.0  # test cases per second of the surrogates, whose time goes into learning
MEASURE_RATE = 20.0  # texts whose faithfulness is measured per second
SAMPLE_BYTES = 60  # of a training sample, compressed
ANSWER_BYTES = 200  # of a prediction
JUDGE_TOKENS = 480  # of the judge's instruction, where its file is not there
BATCH_DISCOUNT = 0.5
STOPS_AFTER = 4  # times its patience, SASRec
SYSTEMS_WITHOUT_LLM = ("random", "popularity")


def all_jobs(config: dict[str, Any]) -> Iterator[Job]:
    """Yield every job of a run from raw data to figures, with the ablations; rules of seconds among them count too.

    Args:
        config: the merged and checked config.
    """
    yield from _data_jobs(config)
    config = run_names.as_datasets(config)
    yield from _recommender_jobs(config)
    yield from _task_jobs(config)
    yield from _llm_jobs(config)
    yield from _prediction_jobs(config)
    yield from _explanation_jobs(config)
    yield from _judgement_jobs(config)
    yield from _faithfulness_jobs(config)
    yield from _result_jobs(config)


def alignments(config: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return dataset, mode and ablation (``full``, ``full.<seed>``, ``reasons``, ``no_...``) of every alignment."""
    run, ablations = config["run"], config["run"]["ablations"]
    whole = ["full", *(f"full.{seed}" for seed in run["seeds"])]
    pairs = [(name, mode, which) for name in run["datasets"] for mode in run["modes"] for which in whole]
    pairs += [(name, mode, "reasons") for name in run["datasets"] for mode in _reasoned(config)]
    return pairs + [(name, *pair) for name in ablations["datasets"] for pair in _ablated(config)]


def _reasoned(config: dict[str, Any]) -> list[str]:
    """The modes that are aligned once more, with the seventh task."""
    return config["tasks"]["explanation"]["modes"]


def _ablated(config: dict[str, Any]) -> list[tuple[str, str]]:
    ablations = config["run"]["ablations"]
    return [(mode, which) for mode in ablations["modes"] for which in ablations["names"]]


def _raw_bytes(config: dict[str, Any], name: str, file: str | None) -> float:
    """Size of a raw file: what the config says, that of a local copy, or a guess."""
    if sources.entry(config, name).get("generate"):
        return GENERATED_BYTES
    for source in sources.sources(config, name, file):
        if source.get("bytes"):
            return source["bytes"]
        if "path" in source and Path(source["path"]).is_file():
            return Path(source["path"]).stat().st_size
        if "package" in source:
            return PACKAGE_BYTES
    return RAW_BYTES


def _data_jobs(config: dict[str, Any]) -> Iterator[Job]:
    for name in config["run"]["datasets"]:
        raw = {file: _raw_bytes(config, name, file) for file in ("reviews", "metadata")}
        if config["datasets"][name].get("generate"):
            yield Job("make_demo_dataset", name, disk=sum(raw.values()))
        for file, size in raw.items():
            yield Job("download_dataset", f"{name}.{file}", samples=size, seconds=size / DOWNLOAD_RATE, disk=size)
        total, kept = sum(raw.values()), dataset_size(config, name).interactions
        yield Job("filter_dataset", name, samples=total, seconds=total / PARSE_RATE, disk=20.0 * kept)
    size = _raw_bytes(config, "sharegpt", None)
    if config["sharegpt"].get("generate"):
        yield Job("make_demo_conversations", "all", disk=size)
    yield Job("download_conversations", "all", seconds=size / DOWNLOAD_RATE, disk=size)
    yield Job("parse_conversations", "all", seconds=size / PARSE_RATE, disk=size / 2)


def _recommender_jobs(config: dict[str, Any]) -> Iterator[Job]:
    recommender = config["recommender"]
    for name in config["run"]["datasets"]:
        if run_names.recommender(config, name.partition(".")[2])["model"] == run_names.EXTERNAL:
            yield Job("import_recommender", name)
            continue
        size, own = dataset_size(config, name), config["datasets"][name]["recommender"]
        dim, width, layers = own["dim"], recommender["ffn"], recommender["layers"]
        weights = layers * (4 * dim**2 + 2 * dim * width)
        prefixes = max(0, size.interactions - 2 * size.users)
        forward = 2 * (own["max_length"] * weights + dim * size.items)
        epochs = min(recommender["epochs"], STOPS_AFTER * recommender["patience"])
        training = {
            "samples": prefixes * epochs,
            "flops": 3.0 * forward * prefixes * epochs,
            "threads": recommender["threads"],
        }
        for trial in range(recommender["tuning"]["trials"]):
            yield Job("tune_recommender", f"{name}.{trial}", disk=1e3, **training)
        yield Job("train_recommender", name, disk=4.0 * (weights + dim * size.items), **training)
        yield Job(
            "export_recommender",
            name,
            samples=size.interactions,
            flops=float(forward * size.interactions),
            threads=recommender["threads"],
            disk=4.0 * dim * (size.interactions + size.items),
        )


def _task_jobs(config: dict[str, Any]) -> Iterator[Job]:
    for name in config["run"]["datasets"]:
        # The baselines and the base LLM answer the behavior mode's questions.
        for mode in dict.fromkeys(["behavior", *config["run"]["modes"]]):
            train = sum(train_samples(config, name, mode).values()) - config["sharegpt"]["train"]
            count = train + sum(evaluated_samples(config, name, mode, limited=False).values())
            yield Job("build_tasks", f"{name}.{mode}", count, seconds=count / SAMPLE_RATE, disk=SAMPLE_BYTES * count)
        for mode in _reasoned(config):
            count, seconds = reason_samples(config), config["tasks"]["explanation"]["samples"] / REASON_RATE
            yield Job("build_reasons", f"{name}.{mode}", count, seconds=seconds, disk=3 * SAMPLE_BYTES * count)
    count = config["sharegpt"]["train"] + config["sharegpt"]["test"]
    yield Job("build_sharegpt", "all", count, seconds=count / SAMPLE_RATE, disk=10 * SAMPLE_BYTES * count)


def _model_bytes(config: dict[str, Any], model: Architecture) -> float:
    return (4.0 if config["llm"]["source"] in ("scratch", "gguf") else 2.0) * model.parameters


def _llm_jobs(config: dict[str, Any]) -> Iterator[Job]:
    model = architecture(config)
    size, tiny = _model_bytes(config, model), config["llm"]["scratch"]
    if config["llm"]["source"] == "scratch":
        trained = tiny["steps"] * tiny["batch"]
        tokens = trained * words(config).conversation * tiny["context"]
        flops, elements = 6.0 * model.parameters * tokens, model.layers * model.hidden * tokens
        yield Job("train_llm", "all", trained, flops, tokens, elements, threads=tiny["threads"], disk=size)
    if config["llm"]["source"] == "gguf":
        raw = _raw_bytes(config, "llm", None)
        yield Job("download_llm", "all", samples=raw, seconds=raw / DOWNLOAD_RATE, disk=raw)
        yield Job("unpack_llm", "all", samples=size, seconds=size / UNPACK_RATE, disk=size)
    hub = config["llm"]["source"] == "hub"
    yield Job("base_llm", "all", seconds=size / (DOWNLOAD_RATE if hub else LOAD_RATE), disk=size if hub else 0)
    for name, mode, ablation in alignments(config):
        yield _alignment_job(config, name, mode, ablation)


def _alignment_job(config: dict[str, Any], name: str, mode: str, ablation: str) -> Job:
    model, alignment = architecture(config), config["alignment"]
    dim, rows = config["datasets"][name]["recommender"]["dim"], settings.resolve(config)["trained_rows"]
    counts = train_samples(config, name, mode, ablation)
    passed = sum(counts.values()) * alignment["epochs"]
    if alignment["max_steps"]:
        passed = min(passed, alignment["max_steps"] * alignment["batch"])
    # The result once; for going on, the newest checkpoint with AdamW's two moments.
    kept = 4.0 * model.adapter_parameters(settings.lora(config), dim, rows)
    return Job(
        "align",
        f"{name}.{mode}.{ablation}",
        samples=passed,
        **work.training(config, name, mode, counts, passed),
        seconds=_model_bytes(config, model) / LOAD_RATE,
        gpus=alignment["gpus"] * alignment["nodes"],
        threads=alignment["threads"] * max(1, alignment["gpus"]) * alignment["nodes"],
        disk=kept * (4 if alignment["checkpoint_every"] else 1),
        gpu_memory=memory.alignment(config, dim),
        memory=memory.of_machine(config, max(1, alignment["gpus"])),
    )


def _generation_job(
    config: dict[str, Any], rule: str, job: str, name: str, mode: str, counts: dict[str, int], base: bool = False
) -> Job:
    """A job in which the LLM answers some samples per task."""
    count = sum(counts.values())
    longest = max(sample_tokens(config, name, mode, task, test=True)[1] for task in counts)
    beams = config["evaluation"]["beams"] if "retrieval" in counts else 1
    return Job(
        rule,
        job,
        samples=count,
        generating=True,
        seconds=_model_bytes(config, architecture(config)) / LOAD_RATE,
        gpus=config["evaluation"]["gpus"],
        threads=config["evaluation"]["threads"],
        disk=ANSWER_BYTES * count,
        gpu_memory=memory.generation(config, longest, beams),
        memory=memory.of_machine(config),
        **work.answering(config, name, mode, counts, base),
    )


def _prediction_jobs(config: dict[str, Any]) -> Iterator[Job]:
    for name in config["run"]["datasets"]:
        counts = evaluated_samples(config, name, "behavior")
        count = sum(evaluated_samples(config, name, "behavior", limited=False).values())
        yield Job("predict_surrogates", name, count, seconds=count / FIT_RATE, disk=5 * ANSWER_BYTES * count)
        for system in SYSTEMS_WITHOUT_LLM:
            yield Job("predict_baseline", f"{name}.{system}", count, disk=ANSWER_BYTES * count)
        job = _generation_job(config, "predict_base", name, name, "behavior", counts, base=True)
        yield from _in_shards(config, job, "base")
        if pointwise := min(config["evaluation"]["pointwise_cases"], counts["ranking"]):
            yield _verdict_job(config, "rank_pointwise", name, pointwise * config["labels"]["candidates"])
    for name, mode, ablation in alignments(config):
        counts = evaluated_samples(config, name, mode)
        job = _generation_job(config, "predict_aligned", f"{name}.{mode}.{ablation}", name, mode, counts)
        yield from _in_shards(config, job, f"{mode}-{ablation}")


def _verdict_job(config: dict[str, Any], rule: str, name: str, questions: int) -> Job:
    """A job that asks the base LLM and the aligned ones, one after the other, for Yes or No by logits."""
    forms = ["behavior", *config["run"]["modes"], *_reasoned(config)]
    asked = [work.answering(config, name, mode, {"classification": questions}) for mode in forms]
    return Job(
        rule,
        name,
        samples=questions * len(forms),
        generating=True,
        seconds=len(forms) * _model_bytes(config, architecture(config)) / LOAD_RATE,
        gpus=config["evaluation"]["gpus"],
        threads=config["evaluation"]["threads"],
        disk=ANSWER_BYTES * questions,
        gpu_memory=memory.generation(config, 1),
        memory=memory.of_machine(config),
        **{part: sum(one[part] for one in asked) for part in asked[0]},
    )


def _in_shards(config: dict[str, Any], job: Job, system: str) -> Iterator[Job]:
    """A job of predictions, or the jobs that share its cases and the one that merges them."""
    shards = config["evaluation"]["shards"]
    if shards == 1:
        yield job
        return
    for shard in range(shards):
        yield replace(
            job,
            rule=f"{job.rule}_shard",
            name=f"{job.name}.{shard}",
            samples=job.samples / shards,
            **{part: getattr(job, part) / shards for part in ("flops", "tokens", "elements", "passes")},
            disk=job.disk / shards,
        )
    yield Job("merge_predictions", f"{job.name.partition('.')[0]}.{system}", job.samples, disk=job.disk)


def _explained(config: dict[str, Any], name: str) -> list[str]:
    """The systems of a dataset whose explanations an LLM of ours writes, ablations included."""
    systems = ["base", *(f"{mode}-full" for mode in config["run"]["modes"])]
    systems += [f"{mode}-reasons" for mode in _reasoned(config)]
    if name in config["run"]["ablations"]["datasets"]:
        systems += [f"{mode}-{which}" for mode, which in _ablated(config)]
    return systems


def _explanation_jobs(config: dict[str, Any]) -> Iterator[Job]:
    explanation = config["explanation"]
    cases = explanation["cases"]
    for name in config["run"]["datasets"]:
        yield Job("choose_cases", name, disk=ANSWER_BYTES * cases)
        for system in _explained(config, name):
            mode = "behavior" if system == "base" else system.partition("-")[0]
            asked, base = {"explanation": cases}, system == "base"
            yield _generation_job(config, "explain", f"{name}.{system}", name, mode, asked, base)
            if system.rpartition("-")[2] in ("base", "full", "reasons"):
                asked = {"explanation": min(cases, explanation["viewpoint_cases"]) * len(explanation["viewpoints"])}
                yield _generation_job(config, "explain_viewpoints", f"{name}.{system}", name, mode, asked, base)
        question, answer = sample_tokens(config, name, "behavior", "explanation", test=True)
        for service in explanation["services"]:
            yield _service_job(config, "explain_by_service", f"{name}.{service}", service, cases, question, answer)


def _service_job(
    config: dict[str, Any], rule: str, job: str, service: str, count: int, question: int, answer: int
) -> Job:
    """A job in which a service answers ``count`` requests of so many tokens."""
    entry = config["services"][service]
    price, answer = entry["price"], entry.get("token_limit") or answer
    usd = count * (question * price["input"] + answer * price["output"]) / 1e6
    return Job(
        rule,
        job,
        samples=count,
        seconds=REQUEST_SECONDS * count / entry["concurrency"],
        disk=2 * 4.0 * count * (question + answer),
        usd=usd * (BATCH_DISCOUNT if entry["batch"] else 1),
    )


def _judge_tokens(config: dict[str, Any]) -> int:
    """Tokens of the judge's instruction, by the rule of thumb of the service's estimate."""
    path = Path(config["explanation"]["prompts"])
    if not path.is_file():
        return JUDGE_TOKENS
    words = "".join(load_explanation_prompts(path).judge[::2])
    return ceil(len(words.encode()) / BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE


def _judgement_jobs(config: dict[str, Any]) -> Iterator[Job]:
    explanation, run = config["explanation"], config["run"]
    systems = 1 + len(explanation["services"]) + len(run["modes"]) + len(_reasoned(config))
    groups = [
        (name, *group) for name in run["datasets"] for group in (("systems", systems), ("controls", len(CONTROLS)))
    ]
    if ablated := len(_ablated(config)):
        groups += [(name, "ablations", ablated) for name in run["ablations"]["datasets"]]
    for name, group, count in groups:
        texts = count * explanation["cases"]
        judges = [judge for judge in explanation["judges"] if group != "controls" or judge == "rubric"]
        # Simulated raters go by the rubric.
        study = explanation["study"]
        if (study["ratings"], study["dataset"], group) == ("simulated", name, "systems") and "rubric" not in judges:
            judges.append("rubric")
        behavior, answer = sample_tokens(config, name, "behavior", "explanation", test=True)
        read = _judge_tokens(config) + behavior - question_tokens(config, "explanation") + answer
        for judge in judges:
            if judge == "rubric":
                yield Job("judge_by_rubric", f"{name}.{group}", texts, seconds=texts / 1e3, disk=ANSWER_BYTES * texts)
            else:
                longest = explanation["judge_max_tokens"]
                job = f"{name}.{group}.{judge}"
                yield _service_job(config, "judge_by_service", job, judge, texts, read, longest)


def _faithfulness_jobs(config: dict[str, Any]) -> Iterator[Job]:
    explanation, modes = config["explanation"], config["run"]["modes"]
    cases = explanation["cases"]
    for name in config["run"]["datasets"]:
        yield _verdict_job(config, "classify_cases", name, cases)
        forms = ["behavior", *modes, *_reasoned(config)]
        yield Job("write_controls", name, len(CONTROLS) * cases, disk=ANSWER_BYTES * len(CONTROLS) * cases)
        texts = cases * (len(forms) + len(explanation["services"]) + len(CONTROLS))
        yield Job("measure_faithfulness", name, texts, seconds=texts / MEASURE_RATE, disk=ANSWER_BYTES * texts)


def _result_jobs(config: dict[str, Any]) -> Iterator[Job]:
    """The jobs that run once and take seconds."""
    ratings = config["explanation"]["study"]["ratings"]
    rules = ["draw_study"]
    rules += ["simulate_raters"] if ratings == "simulated" else []
    rules += ["collect_ratings", "table_human", "figure3"] if ratings else []
    rules += ["select_case", "figure4", "figure5", "table1", "table_recommender", "table2", "table3", "table4"]
    rules += ["table_faithfulness", "table_controllability", "table_surrogates"]
    rules += ["table_seeds"] if config["run"]["seeds"] else []
    rules += ["table_pointwise"] if config["evaluation"]["pointwise_cases"] else []
    rules += ["figure6"] if config["run"]["ablations"]["datasets"] and _ablated(config) else []
    for rule in [*rules, "table_spending", "learning_curves", "paper_vs_ours", "provenance", "report"]:
        yield Job(rule, "all", disk=1e5)
    for table in ["table1", "recommender", "table2", "surrogates", "table3", "table4", *(["human"] if ratings else [])]:
        yield Job("typeset", table, disk=1e4)
