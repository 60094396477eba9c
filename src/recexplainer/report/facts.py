"""What was run and on what: the provenance file, laid out for reading."""

from dataclasses import dataclass, field

import yaml

from recexplainer.errors import InputError
from recexplainer.files import read_json

LABELS = {
    "version": "Version",
    "commit": "Commit",
    "dirty": "Changes that are not committed",
    "config_digest": "Digest of the config",
    "machine": "Machine",
    "llm": "Base LLM",
    "model": "Files of the base LLM",
    "packages": "Packages",
    "raw": "Raw data",
    "inputs": "Input files",
    "outputs": "Result files",
    "results": "Folder of the results",
}
"""What the entries are called; of others the underscores become spaces."""

MAIN = {
    "seed": "Seed",
    "preset": "Preset",
    "switches": "Switches that differ from it",
    "run.datasets": "Data sets",
    "run.modes": "Alignment modes",
    "run.ablations.names": "Ablations",
    "run.seeds": "Further seeds",
    "llm.source": "Source of the base LLM",
    "llm.id": "The base LLM's name on the hub",
    "alignment.context": "Longest sequence, tokens",
    "alignment.batch": "Samples per step",
    "alignment.epochs": "Epochs",
    "alignment.max_steps": "Most steps",
    "alignment.lr": "Learning rate",
    "alignment.precision": "Precision",
    "alignment.lora": "LoRA",
    "alignment.gpus": "GPUs",
    "evaluation.max_cases": "Most cases of table 2",
    "explanation.cases": "Cases explained",
    "explanation.judges": "Judges",
}
"""Keys of the config that are shown at once, and what they are called; the rest is folded."""

MACHINE = {"cores": "Cores", "cpu": "CPU", "gpus": "GPUs", "memory_gib": "Memory, GiB"}
MACHINE |= {"platform": "System", "python": "Python"}
"""What the entries about the machine are called."""

SOURCES = {"hub": ("id", "revision"), "folder": ("folder",), "gguf": ("gguf",), "scratch": ("scratch",)}
"""The keys of the base LLM that belong to one source of it each."""

SHORT = 12
"""How many entries are shown at once; of more, and of files, only the number, until the reader asks."""


@dataclass(frozen=True)
class Fact:
    """One entry: its name, its value in words, and the entries below it, each a name and a value."""

    label: str
    text: str = ""
    entries: list[tuple[str, str]] = field(default_factory=list)
    long: bool = False


def read_facts(path: str) -> tuple[list[Fact], str]:
    """Return the facts of a provenance file in its labels' order, and the config that was used as YAML; "" without one.

    Raises:
        InputError: the file is missing or is no JSON object.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a JSON object. Record the provenance again.")
    config = used(content.get("config"))
    order = [*(key for key in LABELS if key in content), *sorted(key for key in content if key not in LABELS)]
    facts = [_fact(key, content[key]) for key in order if key != "config"]
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=100) if config else ""
    main = [(label, _words(value)) for key, label in MAIN.items() if (value := _at(config, key)) not in (None, {}, [])]
    facts.append(Fact("Main values of the config", entries=main))
    return [fact for fact in facts if fact.text or fact.entries], text


def used(config: object) -> object:
    """Return a config without what the run did not use: data sets, recommenders, services and sources of the LLM."""
    if not isinstance(config, dict):
        return config
    result, run, explanation = dict(config), config.get("run") or {}, config.get("explanation") or {}
    chosen = {
        "datasets": run.get("datasets"),
        "recommenders": run.get("recommenders"),
        "services": [*explanation.get("services", []), *explanation.get("judges", [])],
    }
    for part, names in chosen.items():
        if isinstance(config.get(part), dict) and names is not None:
            result[part] = {name: _without_sources(value) for name, value in config[part].items() if name in names}
    if isinstance(config.get("llm"), dict):
        others = {key for source, keys in SOURCES.items() if source != config["llm"].get("source") for key in keys}
        result["llm"] = {key: value for key, value in config["llm"].items() if key not in others}
    if "sharegpt" in config:
        result["sharegpt"] = _without_sources(config["sharegpt"])
    return {name: value for name, value in result.items() if value != {}}


def _without_sources(value: object) -> object:
    """Return a data set's part of the config, without the sources that what is generated takes the place of."""
    if isinstance(value, dict) and value.get("generate"):
        return {key: own for key, own in value.items() if key not in ("sources", "fields")}
    return value


def _at(config: object, key: str) -> object:
    """Return the value of a key with dots; None without one."""
    for name in key.split("."):
        config = config.get(name) if isinstance(config, dict) else None
    return config


def _fact(key: str, value: object) -> Fact:
    label = LABELS.get(key, key.replace("_", " ").capitalize())
    files = isinstance(value, list) and any(isinstance(item, dict) for item in value)
    if isinstance(value, list):
        # One line per entry; a file's entry goes by its path.
        entries = [_named(item, str(place)) for place, item in enumerate(value, 1)]
    elif isinstance(value, dict):
        shown = MACHINE if key == "machine" else {}
        # What the LLM of one source has, that of another lacks.
        there = {name: item for name, item in value.items() if key != "llm" or item is not None}
        entries = [(shown.get(name, str(name)), _words(item)) for name, item in there.items()]
    else:
        return Fact(label, _words(value))
    long = files or len(entries) > SHORT
    one, more = ("file", "files") if files else ("entry", "entries")
    return Fact(label, f"{len(entries):,} {one if len(entries) == 1 else more}" if long else "", entries, long)


def _named(item: object, otherwise: str) -> tuple[str, str]:
    """Return the name and the rest of an entry of a list."""
    if not isinstance(item, dict):
        return otherwise, _words(item)
    name = next((key for key in ("path", "name", "id") if item.get(key)), None)
    rest = {key: value for key, value in item.items() if key != name}
    return str(item[name]) if name else otherwise, _words(rest)


def _words(value: object) -> str:
    """Return a value in words; nested ones as ``name: value, ...``."""
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_words(item)}" for name, item in value.items() if item is not None) or "none"
    if isinstance(value, list):
        return ", ".join(map(_words, value)) or "none"
    return str(value)
