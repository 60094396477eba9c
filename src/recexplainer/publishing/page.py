"""The words of a published run: its page, and the table that the README shows. Every number comes from its files."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from recexplainer import about, run_names
from recexplainer.checking.wordiness import FEWEST_WORDS, has_no_reason, repeats_itself
from recexplainer.duration import in_words as time_in_words
from recexplainer.evaluation.metrics import expected_random_ranking_ndcg
from recexplainer.figures.case_view import in_words as decision_in_words
from recexplainer.publishing.systems import System
from recexplainer.publishing.trainings import RULE
from recexplainer.report.tables import show_number
from recexplainer.seeds import make_rng
from recexplainer.style import system_label

METRICS = {
    "retrieval_hr5": "H@5",
    "retrieval_ndcg5": "N@5",
    "ranking_ndcg5": "ranking N@5",
    "classification_acc": "accuracy",
    "history_hcr": "HCR",
}
START, END = "<!-- pocket: make pocket-publish writes this -->", "<!-- end of the pocket results -->"
NOT_YET = "No run has been published yet: `make pocket` runs it, `make pocket-publish` puts its table here.\n"
EXAMPLES = 10
EXAMPLES_RULE = (
    f"{EXAMPLES} cases are drawn at random from the config's seed, before any text is looked at, and the same ones are "
    "shown of every mode."
)
SPECIAL = re.compile(r"([\\`*_|~$:@])")


@dataclass(frozen=True)
class Facts:
    """What is said of a run.

    Attributes:
        config: the merged config.
        sizes: table 1: ``dataset, users, items, interactions``.
        parameters: of the LLM.
        asked: every system of the config; ``there``: those whose predictions are finished.
        main: the main table.
        unread: of each dataset and method the shares of answers in which nothing could be read.
        records: of the alignments; ``times``: of the rules.
        texts: the explanations.
        machine: of the run's record; {} without one.
        code: the commit of the code, in words.
        sentence: what the table of faithfulness says of the reasons; "" without one.
        files: further files of the folder, by name, with what they are.
    """

    config: dict[str, Any]
    sizes: pd.DataFrame
    parameters: int
    asked: Sequence[System]
    there: Sequence[System]
    main: pd.DataFrame
    unread: pd.DataFrame
    records: pd.DataFrame
    times: pd.DataFrame
    texts: pd.DataFrame
    machine: dict[str, Any] = field(default_factory=dict)
    code: str = ""
    sentence: str = ""
    files: dict[str, str] = field(default_factory=dict)


def plain(text: str) -> str:
    """Return a text of a model or a data set as Markdown that shows it as it is, in one line."""
    escaped = SPECIAL.sub(r"\\\1", html.escape(text, quote=False))
    escaped = escaped.replace("[", "&#91;").replace("]", "&#93;")
    return " <br> ".join(line.strip() for line in escaped.splitlines() if line.strip())


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown; cells hold no line ends."""
    lines = [f"| {' | '.join(headings)} |", "|" + "---|" * len(headings)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def label(config: dict[str, Any], method: str) -> str:
    """Return what a method, or a system by its folder's name, is called on the page."""
    named = f"Base LLM ({about.llm(config)})" if method in ("base", config["llm"]["name"]) else method
    return system_label(named)


def main_table(facts: Facts, intervals: bool = True) -> str:
    """Return the main table: a row per dataset and method, each metric with its 95 % interval."""
    cells = {(row["dataset"], row["method"], row["metric"]): row for row in facts.main.to_dict("records")}
    methods = dict.fromkeys((system.dataset, system.method) for system in facts.there)
    rows = []
    for dataset, method in methods:
        own = [cells.get((dataset, method, metric)) for metric in METRICS]
        shown = [_cell(row, intervals) if row else "" for row in own]
        rows.append([plain(run_names.shown(facts.config, dataset)), plain(label(facts.config, method)), *shown])
    return table(["dataset", "system", *METRICS.values()], rows)


def _cell(row: dict[str, Any], intervals: bool) -> str:
    between = f" ({row['low']:.3f} to {row['high']:.3f})" if intervals else ""
    spread = "" if pd.isna(row["sd"]) else f" ± {row['sd']:.3f}"
    return f"{row['mean']:.3f}{spread}{between}"


def limits(facts: Facts) -> str:
    """Return what was run, and what the numbers cannot be: the paper's."""
    bits = _bits(facts.config)
    held = f", dequantized from weights of {bits} bits" if bits else ""
    sizes = [
        f"{row['items']} items and {row['users']} users of {plain(run_names.shown(facts.config, row['dataset']))}"
        for row in facts.sizes.to_dict("records")
    ]
    size = facts.parameters / 1e6
    run = f"A language model of {size:,.1f} million parameters{held}; {' and '.join(sizes)}."
    if made_up := about.synthetic(facts.config):
        return f"**{plain(made_up)}** {run}"
    if about.title(facts.config).startswith(about.PAPERS):
        return run
    return f"**{run} These are not the paper's numbers**, which are of a larger model and larger data."


def _bits(config: dict[str, Any]) -> str:
    """Return the bits of the weights that a GGUF file is named for, "" if it names none."""
    if config["llm"]["source"] != "gguf":
        return ""
    source = config["llm"]["gguf"][0]
    matched = re.search(r"\bI?Q([2-8])_", source.get("member") or source.get("path") or source.get("url") or "")
    return matched[1] if matched else ""


def missing(facts: Facts) -> str:
    """Return which systems of the config are not there; "" if all are."""
    absent = [system for system in facts.asked if system not in facts.there]
    names = [
        f"{plain(run_names.shown(facts.config, one.dataset))} {plain(label(facts.config, one.name))}" for one in absent
    ]
    return f"**The run is not finished.** Not there yet: {', '.join(names)}.\n" if names else ""


def seeds_in_words(facts: Facts) -> str:
    """Return what the numbers are where an alignment was trained more than once, and that it is not elsewhere."""
    untrained = ["random", "popularity", facts.config["llm"]["name"]]
    trained = facts.main[~facts.main["method"].isin(untrained)]
    counts = sorted(set(trained["seeds"]))
    if not counts:
        return ""
    if counts == [1]:
        return "Each alignment was trained once, so that nothing is said of how much another training would differ.\n"
    several = " or ".join(str(count) for count in counts if count > 1)
    return (
        f"Numbers with ± are means over {several} trainings that differ in the seed alone, ± the standard deviation of "
        "these.\n"
    )


def losses_in_words(facts: Facts) -> str:
    """Return whether the losses of the alignments had flattened."""
    if facts.records.empty:
        return ""
    still = facts.records[~facts.records["flattened"]]
    names = [f"{row['dataset']} {row['mode']} {row['run']}" for row in still.to_dict("records")]
    if not names:
        return "The loss of every alignment had flattened.\n"
    return f"The losses of these alignments had not flattened: {', '.join(map(plain, names))}.\n"


def readme_block(facts: Facts, folder: str) -> str:
    """Return what the README shows of a published run: the main table, with its limits."""
    parts = [limits(facts), main_table(facts, intervals=False), missing(facts), _read(facts)]
    parts += [
        "Retrieval (H@5, N@5) asks for the recommender's first choice, ranking is "
        f"{expected_random_ranking_ndcg():.3f} by chance, accuracy 0.500. {seeds_in_words(facts)}"
        f"{losses_in_words(facts)}{_worth(facts)}"
        f"[{folder}]({folder}/README.md) has the intervals, the texts, the times and everything else."
    ]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def _worth(facts: Facts) -> str:
    """Return what the explanations are worth, in numbers."""
    said = shares(facts)
    words = [
        f"{plain(label(facts.config, row['system']))} {row['without_reason']:.0%}" for row in said.to_dict("records")
    ]
    counted = f"Explanations of fewer than {FEWEST_WORDS} words beyond the verdict, which can hold no reason: "
    counted = f"{counted}{', '.join(words)}.\n" if words else ""
    return counted + (f"{facts.sentence}\n" if facts.sentence else "")


def _read(facts: Facts) -> str:
    """Return the shares of answers that could not be read, of the systems that have some."""
    rows = facts.unread.to_dict("records")
    names = [name for name in facts.unread if name.endswith("_unread")]
    shares = [
        f"{plain(label(facts.config, row['method']))} {name.removesuffix('_unread')} {row[name]:.1%}"
        for row in rows
        for name in names
        if not pd.isna(row[name]) and row[name] >= 0.0005
    ]
    return f"Answers in which nothing could be read count as wrong: {', '.join(shares)}.\n" if shares else ""


def shares(facts: Facts) -> pd.DataFrame:
    """Return of each system its texts, their mean words, and the shares that can hold no reason, go round in circles,
    are cut off, or leave the decision open."""
    rows = []
    for (dataset, system), group in facts.texts.groupby(["dataset", "system"], sort=False):
        words = group["text"].str.split().str.len()
        row = {"dataset": dataset, "system": system, "texts": len(group), "words": round(words.mean(), 1)}
        row |= {"without_reason": round(group["text"].map(has_no_reason).mean(), 4)}
        row |= {"repeating": round(group["text"].map(repeats_itself).mean(), 4)}
        row |= {"cut_off": round((group["finish"] == "length").mean(), 4)}
        rows.append(row | {"no_decision": round(group["decision"].isna().mean(), 4)})
    return pd.DataFrame(rows)


def drawn(facts: Facts, dataset: str) -> list[str]:
    """Return the names of the cases that are shown, by :data:`EXAMPLES_RULE`."""
    cases = sorted(set(facts.texts.loc[facts.texts["dataset"] == dataset, "case"]))
    order = make_rng(facts.config["seed"], "published examples", dataset).permutation(len(cases))
    return [cases[place] for place in np.sort(order[:EXAMPLES])]


def examples(facts: Facts) -> str:
    """Return the drawn explanations of every mode, "" without one."""
    parts = []
    modes = {system.name for system in facts.asked if system.first} - {"random", "popularity", "base"}
    for (dataset, system), group in facts.texts.groupby(["dataset", "system"], sort=False):
        if system not in modes:
            continue
        own = group.set_index("case")
        rows = []
        for case in drawn(facts, dataset):
            row = own.loc[case]
            level = "" if pd.isna(row["rubric"]) else str(int(row["rubric"]))
            rows.append(
                [plain(row["item"]), decision_in_words(bool(row["label"])), plain(row["text"]) or "*nothing*", level]
            )
        name = f"{run_names.shown(facts.config, dataset)}, {system_label(system)}"
        parts.append(f"### {plain(name)}\n\n" + table(["item", "recommender", "explanation", "rubric"], rows))
    return "\n".join(parts)


def pocket_title(facts: Facts) -> str:
    """Return the title of a published folder's page, which names its data sets."""
    names = [run_names.shown(facts.config, name) for name in facts.config["run"]["datasets"]]
    return f"The pocket reproduction on {', '.join(names)}"


def page(facts: Facts, title: str) -> str:
    """Return the page of a published run."""
    parts = [f"# {plain(title)}\n", limits(facts) + "\n", missing(facts)]
    parts += ["## How well each system imitates the recommender\n", main_table(facts), seeds_in_words(facts)]
    parts += [_read(facts), _chance(), _ablations(facts), "## The explanations\n", _worth(facts)]
    said = shares(facts)
    if len(said):
        named = {"dataset": said["dataset"].map(lambda one: run_names.shown(facts.config, one))}
        named |= {"system": said["system"].map(lambda one: label(facts.config, one))}
        parts += [
            _frame(said.assign(**named)),
            f"{EXAMPLES_RULE} The last column is the offline rubric's level, 1 to 4.\n",
        ]
    parts += [examples(facts), "## The losses\n", losses_in_words(facts), f"{RULE}\n"]
    if "learning_curves.png" in facts.files:
        parts.append("![Losses of the alignments, and the validation of SASRec](learning_curves.png)\n")
    parts += ["## Times and machine\n", _machine(facts), _frame(facts.records), _frame(facts.times)]
    rows = [[f"[{name}]({name})", words] for name, words in sorted(facts.files.items())]
    parts += ["## Files\n", table(["published file", "content"], rows), _terms()]
    return "\n".join(part for part in parts if part.strip())


def _chance() -> str:
    return (
        f"By chance, ranking is {expected_random_ranking_ndcg():.4f} and accuracy 0.5. In brackets are 95 % intervals "
        "from a bootstrap over users.\n"
    )


def _ablations(facts: Facts) -> str:
    chosen = facts.config["run"]["ablations"]
    return "" if chosen["names"] and chosen["datasets"] else "The ablations were not run.\n"


def _machine(facts: Facts) -> str:
    if not facts.machine:
        return "The run has no record of its machine yet.\n"
    machine = facts.machine
    gpus = ", ".join(machine["gpus"]) or "no GPU"
    total = facts.times["seconds"].sum()
    return (
        f"{plain(str(machine['cpu']))}, {machine['cores']} cores, {machine['memory_gib']} GiB, {plain(gpus)}; Python "
        f"{machine['python']}; code at {facts.code}. All jobs together, one after the other: "
        f"{time_in_words(total)} by the clock, {time_in_words(facts.times['cpu_seconds'].sum())} of CPU time.\n"
    )


def _frame(frame: pd.DataFrame) -> str:
    """Return a frame as a table of texts and numbers for the eye."""
    if frame.empty:
        return ""
    headings = [name.replace("_", " ") for name in frame]
    rows = [[_shown(value) for value in row] for row in frame.itertuples(index=False)]
    return table(headings, rows)


def _shown(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, str):
        return plain(value)
    if pd.isna(value):
        return ""
    text = show_number(str(value))
    return text.rstrip("0").rstrip(".") if "." in text else text


def _terms() -> str:
    return (
        "The data set itself is not here, as its terms ask: no history and no interaction, but the titles that the "
        "systems named, and those of the items that they were asked about. Who fetches the data by the config joins "
        "the files with them by `sample` and `case`.\n"
    )
