"""The page of the folder of results: which stage leaves which file, and what of the paper it is."""

import re
from pathlib import Path

from recexplainer.documentation.rules import Rule, Stage, read_stages

HEAD = """\
<!-- Written by `make docs` from the rules; edit their docstrings instead. -->
# What a run leaves here

Every path is below the folder of the run: `results` for the paper's experiment, `results/demo` and `results/pocket`
for the demo and the pocket run (`pathvars.results` of the config). Git tracks this page alone. Open `report.html`
first.

- `{dataset}` is a name of `datasets` in the config, `{recommender}` is empty for SASRec and `.gru4rec`, say, for
  another. `{mode}` is behavior, intention or hybrid; `{ablation}` is full, what it leaves out, or full and a seed.
- `{system}` is who answers: random, popularity, base (the LLM before alignment), or mode and ablation, as in
  hybrid-full. `{service}` and `{judge}` are names of `services`; `{group}` is what is judged together.
- Beside each file `x` lies its checksum, `.x.sha256`. The columns of the tables are
  [explained](../docs/tables.md).
"""

OTHERS = """\
## Beside the rules' files

| files | what they are |
|---|---|
| `answers/` | every answer of a service, stored before it counts; `ledger.jsonl` is what was paid |
| `checkpoints/` | where an alignment that was cut off goes on |
| `logs/`, `benchmarks/` | a log per job; its time and memory |
| `slurm_logs/` | on a cluster, Slurm's logs of jobs that failed |
"""


def results_page(snakefile: str | Path) -> str:
    """Return the page as Markdown.

    Args:
        snakefile: includes the rules, whose docstrings say what their files are.

    Raises:
        InputError: a rule has no docstring.
    """
    stages = read_stages(snakefile)
    return "\n".join([HEAD, _of_the_paper(stages), *map(_section, stages), OTHERS])


def _of_the_paper(stages: list[Stage]) -> str:
    """Return what of the paper is where: its tables and figures, numbers and claims."""
    rules = [rule for stage in stages for rule in stage.rules]
    items = {item: rule for rule in rules for item in re.findall(r"\((table \d|figure \d)", rule.words)}
    lines = ["## The paper's tables, figures and claims\n", "| of the paper | file |", "|---|---|"]
    lines += [f"| {item} | {_named(_own(items[item], item))} |" for item in sorted(items, key=_table_first)]
    (compared,) = (rule for rule in rules if rule.name == "paper_vs_ours")
    claims, numbers = (_own(compared, name) for name in ("claims", "paper_vs_ours"))
    lines += [f"| every number of its tables | {_named(numbers)} |", f"| its claims in words | {_named(claims)} |"]
    return "\n".join(lines) + "\n"


def _table_first(item: str) -> tuple[bool, str]:
    return item.startswith("figure"), item


def _own(rule: Rule, item: str) -> list[str]:
    """Return those of a rule's files that have an item's name."""
    return [name for name in rule.files if Path(name).stem == item.replace(" ", "")]


def _section(stage: Stage) -> str:
    rows = [f"| `{rule.name}` | {_named(rule.files)} | {rule.words} |" for rule in stage.rules]
    head = [f"## {stage.name}\n", f"{stage.words}\n", "| rule | files | what they are |", "|---|---|---|"]
    return "\n".join(head + rows) + "\n"


def _named(files: list[str] | tuple[str, ...]) -> str:
    """Return files for a cell, each folder named once."""
    folders: dict[str, list[str]] = {}
    for name in files:
        folder, _, file = name.rpartition("/")
        folders.setdefault(folder, []).append(file)
    return "; ".join(_in_folder(folder, names) for folder, names in folders.items())


def _in_folder(folder: str, names: list[str]) -> str:
    if len(names) == 1:
        return f"`{folder}/{names[0]}`".replace("`/", "`")
    listed = ", ".join(f"`{name}`" for name in names)
    return f"`{folder}/`: {listed}"
