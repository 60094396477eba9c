"""The model card of an exported alignment: what it is, what it is worth, how it is loaded. All of it comes from a run.

Its head is YAML as the model hub reads it.
"""

from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from recexplainer import about, run_names
from recexplainer.alignment.model import AGAIN
from recexplainer.data.counts import read_counts
from recexplainer.errors import InputError
from recexplainer.faithfulness.controls import in_a_sentence
from recexplainer.files import read_csv, read_json
from recexplainer.publishing import terms
from recexplainer.publishing.alignments import ADAPTER, Alignment
from recexplainer.publishing.card_code import code
from recexplainer.publishing.page import METRICS, label, plain, table
from recexplainer.report.facts import read_facts
from recexplainer.style import system_label

PAPER = "https://doi.org/10.1145/3637528.3671802"
DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
PACKAGES = ("torch", "transformers", "peft", "safetensors")
READS = {
    "behavior": "It reads the titles of a history and of items.",
    "intention": "It reads the recommender's embeddings of a user and of items, where `<user>` and `<item>` stand.",
    "hybrid": "It reads titles, and before them, where `<user>` and `<item>` stand, the recommender's embeddings.",
}
SETTINGS = (
    "Preset",
    "Switches that differ from it",
    "Source of the base LLM",
    "The base LLM's name on the hub",
    "Longest sequence, tokens",
    "Samples per step",
    "Epochs",
    "Most steps",
    "Learning rate",
    "LoRA",
)
"""What is shown of the run's main values."""
CONTENT = {
    "adapter_config.json": "the LoRA adapter's config; it names the base LLM",
    ADAPTER: "the LoRA adapter",
    "base": "the base LLM, a tiny one that is nowhere else",
    "projectors.safetensors": "equation 1: two layers each for users and for items",
    "recommender.safetensors": "the item embeddings, in the order of `titles.json`; the user embedding of the made-up "
    "history of the examples; and the scale of each kind, by which an embedding is divided",
    "titles.json": "the items' titles",
    "examples.json": "a question of each kind about a made-up history",
    "tokenizer.json": "the base LLM's tokenizer",
    "chat_template.jinja": "the chat template of the alignment",
}


def card(
    alignment: Alignment,
    config: dict[str, Any],
    record: dict[str, Any],
    llm: dict[str, Any],
    history: list[str],
    folder: Path,
) -> str:
    """Return the model card.

    Args:
        alignment: the alignment.
        config: the run's.
        record: the run's ``provenance.json``.
        llm: the base LLM, as :func:`recexplainer.publishing.adapter.export` names it.
        history: the titles that the examples are about.
        folder: with all other files of the export.

    Raises:
        InputError: a file of the run is missing or broken.
    """
    synthetic = about.synthetic(config)
    name = f"{system_label(alignment.method)}: {run_names.shown(config, alignment.dataset)}, {about.llm(config)}"
    parts = [_head(alignment, config, llm), f"# {plain(name)}\n"]
    parts += [f"**{plain(synthetic)}**\n"] if synthetic else []
    parts += [_what(alignment, config), "## How to use it\n", _use(alignment, config, llm, history, folder)]
    parts += ["## What it is worth\n", _metrics(alignment, config), "## Data\n", _data(alignment, config)]
    parts += [
        "## Settings\n",
        _settings(alignment),
        "## Where it comes from\n",
        _origin(alignment, config, record, llm),
    ]
    parts += ["## Licences\n", _licences(alignment, config), "## Limits\n", _limits(alignment)]
    return "\n".join(parts)


def _head(alignment: Alignment, config: dict[str, Any], llm: dict[str, Any]) -> str:
    """Return what the hub reads."""
    own = terms.open_to_all(config, alignment.data)
    fields = {"license": "mit" if own else "other", "library_name": "peft", "pipeline_tag": "text-generation"}
    fields |= {} if llm["here"] else {"base_model": llm["name"]}
    tags = ["recommendation", "explanation", "lora", *(["synthetic"] if about.synthetic(config) else [])]
    return f"---\n{yaml.safe_dump(fields | {'tags': tags}, sort_keys=False, allow_unicode=True)}---\n"


def _what(alignment: Alignment, config: dict[str, Any]) -> str:
    recommender = alignment.dataset.partition(".")[2] or run_names.DEFAULT
    kind = config["recommenders"][recommender]["model"]
    less = ""
    if alignment.run.startswith("no_"):
        less = f" It is an ablation ({plain(alignment.run)}): some tasks were left out."
    if alignment.run == "reasons":
        less = " It also learnt explanations, a task that is not the paper's."
    return (
        f"A large language model that was aligned with a recommender ({plain(kind)}), to answer as it would and to say "
        f"why: *RecExplainer* (Lei et al., KDD 2024, {PAPER}), in {alignment.mode} form. "
        f"{READS[alignment.mode]}{less}\n"
    )


def _use(alignment: Alignment, config: dict[str, Any], llm: dict[str, Any], history: list[str], folder: Path) -> str:
    precision = config["evaluation"]["precision"]
    if precision == "auto":  # whatever suited the run's machine
        precision = read_json(alignment.folder / "record.json")["precision"]
    base = 'folder / "base"' if llm["here"] else repr(llm["name"])
    base += f", revision={llm['revision']!r}" if llm["revision"] else ""
    embeddings = alignment.mode != "behavior"
    added = embeddings and _has_token_rows(folder / "projectors.safetensors")
    lines = code(base, DTYPES[precision], bool(llm.get("quantization")), embeddings, added)
    files = [[f"`{name}`", words] for name, words in CONTENT.items() if (folder / name).exists()]
    return (
        "In this folder, with torch, transformers, peft and safetensors:\n\n"
        f"```python\n{lines}```\n\n"
        "This puts the questions of `examples.json`, one of each kind: the recommender's next item (several beams), an "
        f"order of items, yes or no to one item{', the history' if embeddings else ''}, and an explanation. They are "
        f"about a history that is made up: {plain('; '.join(history))}. The wordings are the run's; others that it was "
        f"not trained with may do worse.\n\n{_others(embeddings)}\n{table(['file', 'content'], files)}"
    )


def _has_token_rows(path: Path) -> bool:
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        return "token_rows" in file.keys()  # noqa: SIM118


def _others(embeddings: bool) -> str:
    """Return how one asks about other histories."""
    if not embeddings:
        return "Write any history into a question, oldest title first, parted by `; `.\n"
    return (
        "`items` are the rows of the items that stand for `<item>`, in their order. For another history, put the user "
        "embedding that the recommender gives it into `recommender['user']`. The embeddings of the run's users are not "
        "here, as each is made of what one person chose; nor is any history. Item embeddings come from all users' "
        "choices together.\n"
    )


def _metrics(alignment: Alignment, config: dict[str, Any]) -> str:
    """Return the alignment's row of table 2, beside the base LLM, popularity and chance, with 95 % intervals."""
    path = alignment.results / "tables/table2.csv"
    frame = read_csv(path) if path.is_file() else pd.DataFrame()
    own = frame[frame["dataset"] == alignment.dataset].set_index("method") if len(frame) else frame
    if alignment.method not in own.index:
        return "Table 2 of the run has no row for it: figure 6 has its ablations, seeds.csv its further seeds.\n"
    methods = [alignment.method, config["llm"]["name"], "popularity", "random"]
    rows = [
        [plain(label(config, one)), *(_cell(own.loc[one], metric) for metric in METRICS)]
        for one in methods
        if one in own.index
    ]
    row = own.loc[alignment.method]
    cases = ", ".join(f"{int(row[f'{task}_cases'])} of {task}" for task in TASKS if pd.notna(row.get(f"{task}_cases")))
    return (
        f"{table(['system', *METRICS.values()], rows)}\n"
        "How well it answers as the recommender would, at the ends of histories that no training saw. In brackets: "
        f"95 % intervals from a bootstrap over users; cases: {cases}. H@5, N@5: the recommender's first choice among "
        "five answers; ranking N@5: the order of five items; accuracy: whether the recommender would offer an item "
        "(chance 0.5); HCR: the share of a history that is read out of the user embedding.\n"
        f"{_faithfulness(alignment)}"
    )


TASKS = ("retrieval", "ranking", "classification", "reconstruction")


def _cell(row: pd.Series, metric: str) -> str:
    if pd.isna(row[metric]):
        return ""
    return f"{row[metric]:.3f} ({row[f'{metric}_low']:.3f} to {row[f'{metric}_high']:.3f})"


def _faithfulness(alignment: Alignment) -> str:
    """Return what the run found of the reasons in explanations; "" if nothing."""
    path = alignment.results / "tables/faithfulness.csv"
    if not path.is_file():
        return ""
    sentence = in_a_sentence(read_csv(path, dtype=str, keep_default_na=False), system_label)
    return f"\nOf the reasons in explanations, over all of the run's data sets: {sentence}\n" if sentence else ""


def _data(alignment: Alignment, config: dict[str, Any]) -> str:
    made_up = bool(config["datasets"][alignment.data].get("generate"))
    name = plain(about.told(run_names.shown(config, alignment.dataset), made_up))
    path = alignment.results / f"data/{alignment.data}/statistics.json"
    counts = read_counts(path, alignment.data)
    return (
        f"{name}: {counts['users']:,} users, {counts['items']:,} items, {counts['interactions']:,} interactions. "
        "The samples are what the recommender answers for prefixes of the users' histories, facts of the items, and "
        f"{config['sharegpt']['train']:,} conversations, which keep the LLM talking.\n"
    )


def _settings(alignment: Alignment) -> str:
    facts, _ = read_facts(str(alignment.results / "provenance.json"))
    entries = next((fact.entries for fact in facts if fact.label == "Main values of the config"), [])
    record = read_json(alignment.folder / "record.json")
    try:
        rows = [["Optimizer steps", f"{record['steps']:,}"], ["Trained in", str(record["precision"])]]
        rows.append(["Trained parameters", f"{record['trained_parameters']:,} of {record['parameters']:,}"])
        rows.append(["Device", str(record["device"])])
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{alignment.folder}/record.json: no record of an alignment. {AGAIN}") from None
    wanted = [[label, words] for label, words in entries if label in SETTINGS]
    return table(["setting", "value"], [[plain(cell) for cell in row] for row in [*wanted, *rows]])


def _origin(alignment: Alignment, config: dict[str, Any], record: dict[str, Any], llm: dict[str, Any]) -> str:
    commit = str(record.get("commit") or "unknown")
    changed = ", with changes that were not committed" if record.get("dirty") else ""
    recorded = record.get("packages")
    packages = recorded if isinstance(recorded, dict) else {}
    versions = ", ".join(f"{name} {packages[name]}" for name in PACKAGES if name in packages)
    weights = {name: digest for name, digest in llm["files"].items() if name.endswith((".safetensors", ".bin"))}
    rows = [
        ["Made by", f"recexplainer {record.get('version', '')}, a reproduction of the paper"],
        ["Commit", f"{commit}{changed}"],
        ["Digest of the config", str(record.get("config_digest", "unknown"))],
        ["Alignment", f"{alignment.dataset}, {alignment.mode}, {alignment.run}"],
        ["Seed", f"{config['seed']}; each stage's own follows from it{_further(alignment)}"],
        ["Packages", versions or "unknown"],
        ["Base LLM", f"{llm['name']}{' at ' + llm['revision'] if llm['revision'] else ''}"],
        *([f"SHA-256 of its {name}", digest] for name, digest in sorted(weights.items())),
    ]
    more = "" if llm["here"] else "\nWith other weights of the base LLM, the adapter answers something else.\n"
    return table(["what", "value"], [[plain(cell) for cell in row] for row in rows]) + more


def _further(alignment: Alignment) -> str:
    seed = alignment.run.partition(".")[2]
    return f", of the alignment from {seed}" if seed else ""


def _licences(alignment: Alignment, config: dict[str, Any]) -> str:
    rows = [
        ["base LLM", plain(terms.of_llm(config))],
        ["data", plain(terms.of_data(config, alignment.data))],
        ["conversations", plain(terms.of_conversations(config))],
        ["the code that made it", "MIT"],
    ]
    return (
        f"{table(['part', 'terms'], rows)}\n"
        "As far as the run knows, which looks at names alone. An adapter goes with its base LLM and is bound by its "
        "terms; whether what was learnt from data may be passed on is for their terms to say.\n"
    )


def _limits(alignment: Alignment) -> str:
    listed = [
        "It speaks for one recommender, on the items that it knew. It says nothing of other items, nor of why a person "
        "likes something.",
        "An explanation may be wrong, and may read well all the same: see above how far reasons were borne out.",
        "It was trained on questions about histories. A language model can keep parts of what it was trained on; "
        "nobody has looked for them here.",
        "In a question, a title that spells a special token, `<user>` or `<item>` is read as one. The run keeps them "
        "apart; the lines above do not. A question ends in a word or a full stop, not in `<user>` or `<item>`.",
        "The lines above run on the CPU, one question at a time, and take questions that the base LLM has room for.",
    ]
    return "\n".join(f"- {text}" for text in listed) + "\n"
