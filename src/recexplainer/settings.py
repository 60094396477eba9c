"""The config, checked as a whole before anything runs, and the switches that it sets."""

import codecs
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError

from recexplainer.errors import InputError, one_line
from recexplainer.problems import describe, keys_in
from recexplainer.service import settings as service_settings
from recexplainer.sources import local_path
from recexplainer.yaml_files import read_yaml

PRESETS: dict[str, dict[str, str]] = {
    "sound": {
        "recommender_validation": "second_last",
        "hybrid_forms": "combined",
        "discrimination_fields": "all",
        "embedding_injection": "replace",
        "trained_rows": "new",
        "lora_targets": "attention",
        "loss_average": "samples",
        "retrieval_decoding": "beams",
        "title_reading": "found",
        "classification_decision": "logits",
        "coverage_counts": "once",
    },
    "paper": {
        "recommender_validation": "second_last",
        "hybrid_forms": "all",
        "discrimination_fields": "no_tags",
        "embedding_injection": "replace",
        "trained_rows": "new",
        "lora_targets": "query_value",
        "loss_average": "samples",
        "retrieval_decoding": "greedy",
        "title_reading": "strict",
        "classification_decision": "generate",
        "coverage_counts": "once",
    },
    "official": {
        "recommender_validation": "test",
        "hybrid_forms": "combined",
        "discrimination_fields": "no_tags",
        "embedding_injection": "add",
        "trained_rows": "all",
        "lora_targets": "query_value",
        "loss_average": "samples",
        "retrieval_decoding": "beams",
        "title_reading": "strict",
        "classification_decision": "logits",
        "coverage_counts": "repeat",
    },
}
"""Where the paper's text, its authors' code and sound method differ: what each of them does."""

LORA_TARGETS = {
    "attention": ["q_proj", "k_proj", "v_proj", "o_proj"],
    "query_value": ["q_proj", "v_proj"],
}
"""The modules that the switch ``lora_targets`` names, as Llama calls them."""

ON_CPU = "auto, bf16 or fp32"
"""Precisions of a processor."""


def _matches(validator: Any, pattern: str, text: Any, schema: dict[str, Any]) -> Iterator[ValidationError]:
    """Yield an error if a text does not match; Python's own ``$`` lets a line feed behind it pass."""
    if isinstance(text, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), text):
        yield ValidationError(f"{text!r} does not match {pattern!r}")


# JSON Schema takes 8.0 for a whole number and YAML has .nan and .inf; neither is meant anywhere in the config.
_Validator = validators.extend(
    Draft202012Validator,
    {"pattern": _matches},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: type(value) is int,
            "number": lambda _, value: type(value) is int or (type(value) is float and math.isfinite(value)),
        }
    ),
)


def resolve(config: dict[str, Any]) -> dict[str, str]:
    """Return the switches in force: the preset's, and over them the config's own."""
    return PRESETS[config["preset"]] | config["switches"]


def lora(config: dict[str, Any]) -> dict[str, Any]:
    """Return ``alignment.lora`` with the names of its targets: its own, or those of the preset."""
    given = config["alignment"]["lora"]
    targets = LORA_TARGETS[resolve(config)["lora_targets"]] if given["targets"] == "preset" else given["targets"]
    return given | {"targets": targets}


def with_gpus(config: dict[str, Any], gpus: Callable[[], list[str]]) -> dict[str, Any]:
    """Return a checked config in which ``gpus: auto`` is 1 or 0, whether or not this machine has a GPU.

    Args:
        config: the checked config.
        gpus: looks for them; it is asked only if the config does.
    """
    asked = [name for name in ("alignment", "evaluation") if config[name]["gpus"] == "auto"]
    number = min(1, len(gpus())) if asked else 0
    return config | {name: config[name] | {"gpus": number} for name in asked}


def check(config: dict[str, Any], schema: str | Path) -> None:
    """Check the config against the schema, then what depends on several keys at once.

    Args:
        config: the merged config.
        schema: path of the JSON schema, YAML.

    Raises:
        InputError: one line per problem: the path of the key, what was found, what was expected.
    """
    # Of several keys that one mapping lacks, the validator gives as many errors, none of which says which it is.
    lines = dict.fromkeys(line for error in broken(config, schema) for line in describe(error))
    if problems := list(lines) or list(_conflicts(config)):
        raise InputError("\n".join(f"config: {problem}" for problem in problems))


def broken(config: dict[str, Any], schema: str | Path) -> list[ValidationError]:
    """Return what of a config breaks the schema, in the order of its keys.

    Raises:
        InputError: the schema is none.
    """
    content = read_yaml(schema, "expected the schema of the config")
    try:
        errors = list(_Validator(content).iter_errors(config))
    except Exception as error:  # whatever a schema that is none leads to
        raise InputError(f"{schema}: no JSON schema ({one_line(error)}).") from None
    return sorted(errors, key=lambda error: ([str(part) for part in error.path], error.message))


def _conflicts(config: dict[str, Any]) -> Iterator[str]:
    """Yield what no single key shows."""
    yield from _run_conflicts(config)
    for name in config["run"]["datasets"]:
        if name in config["datasets"]:
            yield from _dataset_conflicts(f"datasets.{name}", config["datasets"][name], config["recommender"])
    yield from _source_conflicts("sharegpt", config["sharegpt"])
    yield from _recommender_conflicts(config)
    yield from _space_conflicts(config["recommender"]["tuning"]["space"])
    yield from _llm_conflicts(config["llm"])
    yield from _training_conflicts(config)
    yield from _reasons_conflicts(config)
    yield from _explanation_conflicts(config)


def _run_conflicts(config: dict[str, Any]) -> Iterator[str]:
    known, run = config["datasets"], config["run"]
    for position, name in enumerate(run["datasets"]):
        if name not in known:
            yield f"run.datasets[{position}]: {name!r}; expected one of the datasets: {', '.join(known)}."
    for key in ("datasets", "modes"):
        for position, name in enumerate(run["ablations"][key]):
            if run["ablations"]["names"] and name not in run[key]:
                yield (f"run.ablations.{key}[{position}]: {name!r}; expected one of run.{key}: {', '.join(run[key])}.")
    for name, taken in (("sharegpt", "the conversations"), ("llm", "the LLM")):
        if name in known:
            yield f"datasets.{name}: this name is taken by {taken}; expected another name."
    made_up = [name for name in run["datasets"] if known.get(name, {}).get("generate")]
    if made_up and Path(config["pathvars"]["results"]) == Path("results"):
        yield (
            f"pathvars.results: 'results' with the generated dataset {made_up[0]!r}; expected a folder other than "
            "the one of the paper's results, such as results/demo."
        )


def _recommender_conflicts(config: dict[str, Any]) -> Iterator[str]:
    known, run = config["recommenders"], config["run"]
    for position, name in enumerate(run["recommenders"]):
        if name not in known:
            yield f"run.recommenders[{position}]: {name!r}; expected one of the recommenders: {', '.join(known)}."
        elif known[name].get("single_tower") and (wrong := [mode for mode in run["modes"] if mode != "behavior"]):
            yield (
                f"recommenders.{name}.single_tower: true with the mode {wrong[0]!r}, which reads user embeddings; "
                "expected run.modes: [behavior]."
            )
    for name, entry in known.items():
        path, outside = f"recommenders.{name}", entry["model"] == "external"
        if name == "sasrec" and entry != {"model": "sasrec"}:
            yield f"{path}: {entry!r}; expected {{model: sasrec}}: its values are those of `recommender`."
        if outside and not entry.get("folder"):
            yield f"{path}.folder: missing with model 'external'; expected the folder with its embeddings or scores."
        for key in ("settings",) if outside else ("folder", "single_tower"):
            if key in entry:
                yield f"{path}.{key}: {entry[key]!r} with model {entry['model']!r}; expected no such key."


def _dataset_conflicts(path: str, dataset: dict[str, Any], recommender: dict[str, Any]) -> Iterator[str]:
    heads, dim = recommender["heads"], dataset["recommender"]["dim"]
    if dim % heads:
        yield f"{path}.recommender.dim: {dim}; expected a multiple of recommender.heads, which is {heads}."
    for choice in recommender["tuning"]["space"].get("heads", {}).get("choices", []):
        if not isinstance(choice, int) or choice < 1 or dim % choice:
            yield f"recommender.tuning.space.heads.choices: {choice!r}; expected divisors of {path}.recommender.dim."
    yield from _source_conflicts(path, dataset)
    yield from _layout_conflicts(path, dataset)
    limits, goal = dataset["filter"], dataset["filter"]["target"]
    if (newest := limits.get("newest")) and newest < limits["core"]:
        yield f"{path}.filter.newest: {newest}; expected at least {path}.filter.core, {limits['core']}."
    if goal is None:
        if len(limits["top_items"]) * len(limits["sample_users"]) > 1:
            yield (
                f"{path}.filter.target: null with several values of top_items or sample_users; expected the users, "
                "items and interactions to come near to."
            )
        return
    for name, count in (("top_items", "items"), ("sample_users", "users")):
        values = limits[name]
        if None not in values and max(values) < goal[count]:
            yield f"{path}.filter.{name}: {values}; expected a value of at least target.{count}, {goal[count]}."
    if goal["interactions"] < limits["core"] * max(goal["users"], goal["items"]):
        yield (
            f"{path}.filter.target.interactions: {goal['interactions']}; expected at least core times the users and "
            f"times the items, {limits['core'] * max(goal['users'], goal['items'])}."
        )


def _layout_conflicts(path: str, dataset: dict[str, Any]) -> Iterator[str]:
    """Check what the formats of a dataset's raw files say against what else is said of them."""
    file_format, layout = dataset["format"], dataset.get("layout") or {}
    formats = file_format if isinstance(file_format, dict) else dict.fromkeys(("reviews", "metadata"), file_format)
    if missing := [file for file in ("reviews", "metadata") if file not in formats]:
        yield f"{path}.format.{missing[0]}: missing; expected this key."
        return
    if dataset.get("generate") and file_format not in ("amazon", "steam"):
        yield f"{path}.format: {file_format!r} with {path}.generate; expected amazon or steam for made-up data."
    own = {file: layout[file] for file in formats if file in layout}
    both = {key: value for key, value in layout.items() if key not in formats}
    yield from _unfit_layout(f"{path}.layout", both, sorted(set(formats.values())))
    for file, keys in own.items():
        yield from _unfit_layout(f"{path}.layout.{file}", keys, [formats[file]])
    for where, keys in ((f"{path}.layout", both), *((f"{path}.layout.{file}", keys) for file, keys in own.items())):
        yield from _unfit_characters(where, keys)


def _unfit_layout(where: str, layout: dict[str, Any], formats: list[str]) -> Iterator[str]:
    """Check that one of the formats knows the keys of a layout."""
    shown = " and ".join(map(repr, formats))
    if layout and set(formats) <= {"amazon", "steam"}:
        yield f"{where}: {layout!r} with format {shown}; expected it for tables alone: csv, parquet or recbole."
    elif "csv" not in formats:
        for key in ("delimiter", "quoted", "escape", "columns"):
            if key in layout:
                yield f"{where}.{key}: {layout[key]!r} with format {shown}; expected no such key."


def _unfit_characters(where: str, layout: dict[str, Any]) -> Iterator[str]:
    """Check the characters and the encoding of a text file."""
    delimiter, escape = layout.get("delimiter", ""), layout.get("escape")
    if any(character in delimiter for character in '\r\n"'):
        yield f"{where}.delimiter: {delimiter!r}; expected no quote and no end of line."
    if escape is not None and (len(escape) != 1 or escape in f'\r\n" {delimiter}' or len(delimiter) > 1):
        yield (
            f"{where}.escape: {escape!r}; expected one character such as \\, other than quote, space and delimiter, "
            "with a delimiter of one character."
        )
    try:
        codecs.lookup(layout.get("encoding", "utf-8"))
    except LookupError:
        yield f"{where}.encoding: {layout['encoding']!r}; expected a name such as utf-8 or latin-1."


def _source_conflicts(path: str, entry: dict[str, Any]) -> Iterator[str]:
    """Check the sources of a dataset (a list per file) or of the conversations (one list)."""
    if entry.get("generate"):
        return
    sources = entry.get("sources")
    if sources is None:
        yield f"{path}.sources: missing; expected the sources of the raw files (or `generate`, for made-up data)."
        return
    lists = {f".{name}": files for name, files in sources.items()} if isinstance(sources, dict) else {"": sources}
    for name, files in lists.items():
        for position, source in enumerate(files):
            yield from _place_conflicts(f"{path}.sources{name}[{position}]", source)


def _place_conflicts(path: str, source: dict[str, Any]) -> Iterator[str]:
    """Check one source of a file."""
    if sum(key in source for key in ("path", "url", "package")) != 1:
        yield f"{path}: {source!r}; expected exactly one of the keys path, url and package."
    elif "package" in source and "member" not in source:
        yield f"{path}.member: missing with a package; expected the name of the file in its wheel."


def _space_conflicts(space: dict[str, dict[str, Any]]) -> Iterator[str]:
    for name, values in space.items():
        path = f"recommender.tuning.space.{name}"
        if "choices" in values:
            if len(values) > 1:
                yield f"{path}: {values!r}; expected `choices` alone, or low and high."
        elif not {"low", "high"} <= set(values):
            yield f"{path}: {values!r}; expected low and high, or choices."
        elif values["low"] > values["high"] or (values.get("log") and values["low"] <= 0):
            yield f"{path}: {values!r}; expected low <= high, and low > 0 on a log scale."


def _llm_conflicts(llm: dict[str, Any]) -> Iterator[str]:
    source, scratch = llm["source"], llm["scratch"]
    if source == "folder":
        if llm["folder"] is None:
            yield "llm.folder: null with llm.source 'folder'; expected a folder saved by transformers."
        elif not (Path(local_path(llm["folder"])) / "config.json").is_file():
            yield f"llm.folder: {llm['folder']!r}; expected a folder with a config.json, saved by transformers."
    if source == "hub":
        for key in ("id", "revision"):
            if llm[key] is None:
                yield f"llm.{key}: null with llm.source 'hub'; expected the model's {key}."
    if source == "gguf":
        if llm["gguf"] is None:
            yield "llm.gguf: null with llm.source 'gguf'; expected the sources of the file, as of a dataset's."
        for position, place in enumerate(llm["gguf"] or []):
            yield from _place_conflicts(f"llm.gguf[{position}]", place)
    if source == "scratch":
        if llm["chat_template"] == "tokenizer":
            yield "llm.chat_template: 'tokenizer' with llm.source 'scratch'; expected a Jinja file."
        if scratch["hidden"] % (2 * scratch["heads"]):
            yield f"llm.scratch.hidden: {scratch['hidden']}; expected an even multiple of heads, {scratch['heads']}."


def _training_conflicts(config: dict[str, Any]) -> Iterator[str]:
    alignment, labels = config["alignment"], config["labels"]
    for name in ("alignment", "evaluation"):
        if config[name]["precision"] == "fp16" and config[name]["gpus"] in (0, "auto"):
            yield f"{name}.precision: 'fp16' with {name}.gpus {config[name]['gpus']}; expected {ON_CPU} on the CPU."
    targets = alignment["lora"]["targets"]
    if isinstance(targets, str) and targets not in ("all-linear", "preset"):
        yield f"alignment.lora.targets: {targets!r}; expected preset, a list of names, or all-linear."
    if config["llm"]["quantization"] and "zero3" in Path(alignment["deepspeed"]).name:
        yield (
            f"alignment.deepspeed: {alignment['deepspeed']!r} with llm.quantization; expected ZeRO-2, as ZeRO-3 cannot "
            "cut weights of 4 bits."
        )
    if config["llm"]["quantization"] and resolve(config)["trained_rows"] == "all":
        yield "llm.quantization: 'nf4' with the switch trained_rows 'all'; expected trained_rows: new."
    if labels["positive_share"] + labels["negative_share"] > 1:
        yield (
            f"labels.positive_share: {labels['positive_share']}; expected at most 1 less labels.negative_share, "
            f"{labels['negative_share']}: the positive and the negative items must not overlap."
        )
    turn = config["sharegpt"]["max_first_turn_tokens"]
    if turn >= alignment["context"]:
        yield f"sharegpt.max_first_turn_tokens: {turn}; expected less than alignment.context, {alignment['context']}."


def _reasons_conflicts(config: dict[str, Any]) -> Iterator[str]:
    """Check the seventh task, for which a recommender is asked again without items of a history."""
    run, modes = config["run"], config["tasks"]["explanation"]["modes"]
    for position, mode in enumerate(modes):
        if mode not in run["modes"]:
            known = ", ".join(run["modes"])
            yield f"tasks.explanation.modes[{position}]: {mode!r}; expected one of run.modes: {known}."
    for name in run["recommenders"] if modes else []:
        if config["recommenders"].get(name, {}).get("model") == "external":
            yield (
                f"tasks.explanation.modes: {modes} with the recommender {name!r}, which comes from outside and cannot "
                "be asked again; expected [], or other recommenders."
            )


def _explanation_conflicts(config: dict[str, Any]) -> Iterator[str]:
    explanation, services, datasets = config["explanation"], config["services"], config["run"]["datasets"]
    for name, entry in services.items():
        yield from service_settings.conflicts(name, entry)
    yield from keys_in(config)
    for name in ("base", "rubric", "cases"):
        if name in services:
            yield f"services.{name}: this name is taken; expected another name."
    for key, names in (("services", services), ("judges", [*services, "rubric"])):
        for position, name in enumerate(explanation[key]):
            if name not in names:
                yield f"explanation.{key}[{position}]: {name!r}; expected one of: {', '.join(names)}."
    if "each" in explanation["viewpoints"]:
        yield "explanation.viewpoints: 'each'; expected another name: a row of controllability.csv has this one."
    for name in explanation["viewpoints"]:
        if name not in explanation["viewpoint_words"]:
            yield f"explanation.viewpoint_words.{name}: missing; expected this key."
    study = explanation["study"]
    if study["dataset"] not in datasets:
        yield f"explanation.study.dataset: {study['dataset']!r}; expected one of run.datasets: {', '.join(datasets)}."
