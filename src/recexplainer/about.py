"""What a run is, in words: its title, what its data and LLM are called, and what of it is made up."""

from functools import cache
from typing import Any

from recexplainer import run_names, sources
from recexplainer.csv_rows import read_rows
from recexplainer.place import ROOT

DEMO = "Demo run: a check of the pipeline, not a reproduction"

PAPERS = "The paper's experiment"
PAPER_DATASETS = {"games": "Amazon Video Games", "movies": "Amazon Movies and TV", "steam": "Steam"}
"""What the data sets of the paper are called, by their names in ``config/paper_numbers.csv``."""

_SET_UP: dict[str, dict[str, Any]] = {
    "llm": {"name": "vicuna-7b", "source": "hub", "id": "lmsys/vicuna-7b-v1.3", "quantization": None},
    "alignment": {"epochs": 10, "batch": 64, "lr": 1e-4, "max_steps": None},
    "tasks": {"share": None},
}
"""What makes a run the paper's experiment (sections 3.1 and 3.2), beside its data sets: the LLM and its alignment."""

_LLMS = {"vicuna-7b": "Vicuna-7B", "smollm2-135m": "SmolLM2-135M"}


@cache
def paper_sizes() -> dict[str, dict[str, int]]:
    """Return users, items and interactions of the paper's data sets (table 1)."""
    sizes: dict[str, dict[str, int]] = {}
    for row in read_rows(ROOT / "config/paper_numbers.csv", ["table", "dataset", "metric", "value"]):
        if row["table"] == "1" and row["metric"] != "sparsity_percent":
            sizes.setdefault(row["dataset"], {})[row["metric"]] = int(row["value"].replace(",", ""))
    return sizes


def llm(config: dict[str, Any]) -> str:
    """Return what the base LLM is called where it is named."""
    return _LLMS.get(config["llm"]["name"], config["llm"]["name"])


def llm_in_words(config: dict[str, Any]) -> str:
    """Return what the base LLM is called in the report and answers: of a toy, that it is one."""
    return llm(config) + (" (a toy, trained from scratch)" if config["llm"]["source"] == "scratch" else "")


def generated(config: dict[str, Any]) -> list[str]:
    """Return the run names of those whose data are made up."""
    return [one for one in run_names.of(config) if sources.entry(config, one.partition(".")[0]).get("generate")]


def synthetic(config: dict[str, Any]) -> str:
    """Return what is made up in a run, in a sentence for whoever sees one table or figure of it alone; "" if nothing.

    Args:
        config: of the run, as the workflow merges it.
    """
    made_up = list(dict.fromkeys(name.partition(".")[0] for name in generated(config)))
    parts = [f"generated data ({', '.join(config['datasets'][name]['name'] for name in made_up)})"] if made_up else []
    if config["llm"]["source"] == "scratch":
        parts.append("a toy LLM that was trained from scratch")
    return f"Synthetic: {' and '.join(parts)}. This says nothing about the paper." if parts else ""


def title(config: dict[str, Any]) -> str:
    """Return what a run is, for the head of its report: a demo, the paper's experiment, or some data with some LLM.

    Args:
        config: of the run, as the workflow merges it.
    """
    datasets, made_up = config["run"]["datasets"], {name.partition(".")[0] for name in generated(config)}
    if set(datasets) <= made_up:
        return DEMO
    toy = config["llm"]["source"] == "scratch"
    if not made_up and not toy and _is_papers(config):
        known = in_a_row([PAPER_DATASETS[name] for name in datasets])
        shown = "" if len(datasets) == len(PAPER_DATASETS) else f" on {known}"
        return f"{PAPERS}{shown}"
    names = [_named(config, name, made_up) for name in datasets]
    less = ", a toy LLM: not a reproduction" if toy else ": not a reproduction" if made_up else ""
    return f"{in_a_row(names)} with {llm(config)}{less}"


def _is_papers(config: dict[str, Any]) -> bool:
    """Return whether a run has the paper's data sets (some of them), LLM and alignment, and all its modes."""
    sizes = {name: config["datasets"][name]["filter"].get("target") for name in config["run"]["datasets"]}
    return (
        all(size == paper_sizes().get(name, 0) for name, size in sizes.items())
        and all(config[part].get(key) == value for part, own in _SET_UP.items() for key, value in own.items())
        and set(config["run"]["modes"]) == {"behavior", "intention", "hybrid"}
    )


def others(config: dict[str, Any]) -> list[str]:
    """Return the run names that are a name of the paper's data sets, but are real data that are cut otherwise."""
    return [
        name
        for name, sizes in paper_sizes().items()
        if name in run_names.of(config)
        and name not in generated(config)
        and config["datasets"][name]["filter"].get("target") != sizes
    ]


def names(config: dict[str, Any]) -> dict[str, str]:
    """Return what datasets, with their recommenders, and the base LLM are called where a reader sees them, by name."""
    shown = {one: run_names.shown(config, one) for one in run_names.of(config)}
    return shown | {config["llm"]["name"]: "Base LLM", "base": "Base LLM"}


def report_settings(config: dict[str, Any]) -> dict[str, Any]:
    """Return what the report says of a run before any result: ``title``, ``synthetic``, ``names`` and ``about``.

    ``about`` has pairs of a name and a text: the data, the LLM, and the recommenders.
    """
    made_up = {name.partition(".")[0] for name in generated(config)}
    data = [_named(config, name, made_up) for name in config["run"]["datasets"]]
    run = [["Data", in_a_row(data)], ["Base LLM", llm_in_words(config)]]
    run.append(["Recommender", in_a_row([_RECOMMENDERS.get(one, one) for one in config["run"]["recommenders"]])])
    return {"title": title(config), "synthetic": synthetic(config), "names": names(config), "about": run}


_RECOMMENDERS = {"sasrec": "SASRec", "gru4rec": "GRU4Rec", "bert4rec": "BERT4Rec", "mf": "matrix factorisation"}


def _named(config: dict[str, Any], dataset: str, made_up: set[str]) -> str:
    """Return what a data set is called, and that it is generated, if its name does not say so."""
    return told(config["datasets"][dataset]["name"], dataset in made_up)


def told(name: str, made_up: bool) -> str:
    """Return a data set's name, and that its data are generated, if they are and the name does not say so."""
    return f"{name} (generated)" if made_up and "generated" not in name.lower() else name


def in_a_row(words: list[str]) -> str:
    """Return words with commas and an "and" before the last."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
