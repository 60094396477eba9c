"""What was found of raw files, to read, and as a config file that is laid over ``config/config.yaml``."""

from pathlib import Path
from typing import Any

import yaml

from recexplainer.config.dataset import OneLayout
from recexplainer.data.inspection import Inspection
from recexplainer.data.loaders import TEXTS
from recexplainer.data.recognition import HEAD, RawFile
from recexplainer.errors import one_line
from recexplainer.place import ROOT
from recexplainer.yaml_files import read_yaml

ROWS = 3  # that are shown
COLUMNS = 10  # of them
WIDTH = 24  # characters of a value


def summary(result: Inspection) -> list[str]:
    """Return lines that say what was recognised."""
    lines = _of_file(result.reviews, "interactions")
    if result.metadata:
        lines += _of_file(result.metadata, "what the items are")
    lines += [f"{file.label}: not taken: {why}" for file, why in result.others]
    for name, value in result.fields.items():
        why = f"  ({result.why[name]})" if name in result.why else ""
        if value or why:
            shown = ", ".join(value) if isinstance(value, list) else value
            lines.append(f"{name}: {shown or ('LEFT TO YOU' if name in result.left else 'none')}{why}")
    return [one_line(line) if not line.startswith(" ") else line for line in lines + result.findings]


def _of_file(file: RawFile, kind: str) -> list[str]:
    said = [f"{name} {value!r}" for name, value in file.layout.items() if name != "columns"]
    said += ["no line of names"] if file.unnamed else []
    how = "all of it" if file.whole else f"its first {HEAD >> 20} MiB"
    if file.file_format == "parquet" and not file.whole:
        how = "its first rows"
    lines = [
        f"{file.label}: {kind}",
        f"  {', '.join([file.file_format, *said])}; read: {how}, {len(file.rows)} records, {file.broken.count} broken",
    ]
    lines += [f"  first broken: {one_line(file.broken.first)}"] if file.broken.first else []
    lines += [f"  {one_line(note)}" for note in file.notes]
    names = file.names[:COLUMNS]
    more = f" and {len(file.names) - COLUMNS} more" if len(file.names) > COLUMNS else ""
    lines.append(f"  {' | '.join(map(_cell, names))}{more}")
    return lines + [f"  {' | '.join(_cell(row.get(name, '')) for name in names)}" for row in file.rows[:ROWS]]


def _cell(value: Any) -> str:
    text = one_line(value)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."


def entry(result: Inspection, name: str) -> str:
    """Return the config file of a dataset.

    Args:
        result: of :func:`recexplainer.data.inspection.inspect`.
        name: of the dataset.
    """
    usual = read_yaml(ROOT / "config/datasets/template.yaml", "expected the template of a dataset")["datasets"]["mine"]
    files = {"reviews": result.reviews} | ({"metadata": result.metadata} if result.metadata else {})
    formats = {file: raw.file_format for file, raw in files.items()}
    layouts = {file: given for file, raw in files.items() if (given := _layout(raw))}
    lines = [
        "# Written by `recexplainer inspect`; config/datasets/template.yaml explains the keys.",
        "pathvars:",
        *(f"  {key}: results/{name}{below}" for key, below in PLACES.items()),
        "run:",
        f"  datasets: [{name}]",
        "  ablations: {names: [], datasets: []}",
        "explanation:",
        f"  study: {{dataset: {name}}}",
        "",
        "datasets:",
        f"  {name}:",
        f"    name: {name}",
        f"    format: {_flow(formats if len({*formats.values()}) > 1 else result.reviews.file_format)}",
    ]
    if layouts:
        lines += ["    layout:", *(f"      {file}: {_flow(given)}" for file, given in layouts.items())]
    lines.append("    sources:")
    lines += [f"      {file}: {_flow([_source(raw)])}" for file, raw in files.items()]
    lines += ["    fields:", *(f"      {line}" for line in _fields(result))]
    for key in ("filter", "recommender"):
        lines += [f"    {key}:", *(f"      {inner}: {_flow(value)}" for inner, value in usual[key].items())]
    return "\n".join([*lines, ""])


PLACES = {"results": "", "logs": "/logs", "benchmarks": "/benchmarks"}


def _layout(file: RawFile) -> dict[str, Any]:
    return {key: value for key, value in file.layout.items() if value != OneLayout.model_fields[key].default}


def _source(file: RawFile) -> dict[str, Any]:
    """Return a source whose path holds in the repository's folder, where the config is read."""
    path = Path(file.source["path"]).resolve()
    if Path.cwd() == ROOT.resolve():
        return file.source
    return file.source | {"path": str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)}


def _fields(result: Inspection) -> list[str]:
    """Return a line for each field, with a comment where it was not told by its name alone."""
    lines = []
    for name in ("user", "item", "time", "title", "meta_item", *TEXTS, "related"):
        value = result.fields[name]
        if name == "meta_item" and value in (None, result.fields["item"]):
            continue
        why = f"  # {one_line(result.why[name])}" if name in result.why else ""
        shown = "" if name in result.left else f" {_flow(value)}"
        lines.append(f"{name}:{shown}{why}")
    return lines


def _flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    text = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=float("inf"), sort_keys=False)
    return text.strip()[1:-1]
