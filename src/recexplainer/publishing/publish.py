"""Make the folder that is published out of a run, finished or not, and the README's table out of it."""

import logging
import re
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from recexplainer import about, folders
from recexplainer.config.evaluation import Measured
from recexplainer.config.shown import Shown
from recexplainer.data.counts import read_counts
from recexplainer.errors import InputError
from recexplainer.faithfulness.controls import in_a_sentence
from recexplainer.files import (
    checksum_of,
    kept,
    named,
    read_bytes,
    read_csv,
    read_json,
    read_text,
    write_csv,
    write_json,
    write_parquet,
    write_text,
)
from recexplainer.given import Given
from recexplainer.planning.sizes import architecture
from recexplainer.provenance.recorded import RECORD, config_in, recorded_config
from recexplainer.publishing import answers, trainings
from recexplainer.publishing.page import END, NOT_YET, START, Facts, page, pocket_title, readme_block
from recexplainer.publishing.published_report import published_report
from recexplainer.publishing.systems import System, finished, predictions_of, systems
from recexplainer.report.captions import WITH_HISTORIES
from recexplainer.report.costs import read_costs
from recexplainer.report.curves import learning_curves
from recexplainer.seeds import derive_seed
from recexplainer.settings import resolve
from recexplainer.style import system_label
from recexplainer.tables.table2 import Cases, common_cases, table2, unread
from recexplainer.typed import checked

logger = logging.getLogger(__name__)

MOST_BYTES = 10_000_000
MARK = "readme.json"
"""What the README shows of the folder; by this file it is known to be a published one."""
CONTENT = {
    "report.html": "the run's own report",
    "provenance.json": "code, config, packages, machine, and checksums of all files",
    "answers.parquet": "what every system answered to every test case",
    "pointwise.parquet": "how every LLM scored each candidate of a ranking alone",
    "values.parquet": "each metric of table 2, case by case",
    "explanations.parquet": "every explanation",
    "viewpoints.parquet": "every text that was asked for from a point of view",
    "losses.csv": "the loss of every step of every alignment",
    "learning_curves.csv": "the points of the curves",
    "learning_curves.svg": "the curves of SASRec and of the alignments",
    "learning_curves.png": "the same",
    "alignments.csv": "what each alignment took, and whether its loss had flattened",
    "times.csv": "time and memory of each rule",
    "main.csv": "the table above, as numbers",
}
OTHERS = {
    "config.yaml": "the run's config, for `snakemake --configfile`",
    "ro-crate-metadata.json": "what all of this is, and how it came about, as a Workflow Run RO-Crate",
    "Snakefile": "the workflow, with its `rules`; what they call is in the repository",
    "NOTICE": "the terms of the data and models",
    "manifest-sha256.txt": "checksums of all other files: `sha256sum -c manifest-sha256.txt`",
}
"""What a bundle has beside."""
FORMS = ("svg", "pdf", "png", "csv")


def publish(*, results: str, config: dict[str, Any], output: str, whole: bool = False) -> Facts:
    """Write the published folder of a run; what was there is replaced.

    Args:
        results: the run's folder.
        config: the merged config; that of the run's record is taken instead, if there is one, but for the systems that
            the run is asked to have.
        output: the folder.
        whole: with the figures, the tables in every form and the config, as a bundle has them, and of any size.

    Returns:
        What its page says.

    Raises:
        InputError: nothing was predicted yet, a file is broken, or the folder gets larger than :data:`MOST_BYTES`.
    """
    source, folder = Path(results), named(output, "folder")
    place, record, wanted = source / RECORD, Given(), systems(config)
    if place.is_file():
        config, record = recorded_config(place), Given.wrapped(read_json(place), str(place))
    asked = list(dict.fromkeys([*wanted, *systems(config)]))
    there = [system for system in asked if finished(source, system)]
    if not there:
        raise InputError(
            f"{results}: no predictions yet; expected those of at least one system. Run the pipeline first."
        )
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise InputError(
            f"{output}: has other files than a published run; expected a new folder, or one to be replaced."
        )
    with folders.whole(folder, replaced=True) as made:
        facts = _facts(source, config, record, asked, there)
        _make(source, facts, made, output, whole)
    return facts


def _make(source: Path, facts: Facts, folder: Path, output: str, whole: bool) -> None:
    """Make the folder, which is called ``output`` when it is whole."""
    _write_frames(facts, folder)
    _write_answers(source, facts, folder)
    _copy(source, folder, [*source.glob("tables/*.csv"), source / RECORD])
    _write_table2(source, facts, folder / "tables/table2.csv")
    _draw(source, facts, folder)
    if whole:
        _copy(source, folder, further(source))
        write_text(folder / "config.yaml", yaml.safe_dump(config_in(source / RECORD), allow_unicode=True))
    report = source / "report.html"
    if report.is_file():  # behind the others, to which it links
        write_text(folder / report.name, published_report(read_text(report), folder, str(report)))
    facts.files.update({name: CONTENT[name] for name in CONTENT if (folder / name).is_file()})
    copied = [*folder.glob("tables/[!.]*"), *folder.glob("figures/[!.]*")]
    facts.files.update({path.relative_to(folder).as_posix(): "as the run wrote it" for path in copied})
    facts.files.update(OTHERS if whole else {})
    facts.files["tables/table2.csv"] = "table 2, of the systems that are there"
    write_text(folder / "README.md", page(facts, about.title(facts.config) if whole else pocket_title(facts)))
    if not whole:
        write_json(folder / MARK, {"readme": readme_block(facts, output)})
    _without_checksums(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if size > MOST_BYTES and not whole:
        raise InputError(f"{output}: {size / 1e6:.1f} MB, more than the {MOST_BYTES / 1e6:.0f} MB that are published.")
    logger.info("%d of %d systems, %.1f MB, in %s", len(facts.there), len(facts.asked), size / 1e6, output)


def further(source: Path) -> list[Path]:
    """Return what a bundle has of a run beside a published folder: tables to be read, and figures without a history."""
    tables = [path for suffix in ("html", "tex") for path in source.glob(f"tables/*.{suffix}")]
    return tables + [
        path
        for suffix in FORMS
        for path in source.glob(f"figures/*.{suffix}")
        if not path.stem.startswith(WITH_HISTORIES)
    ]


def _facts(source: Path, config: dict[str, Any], record: Given, asked: list[System], there: list[System]) -> Facts:
    frame = answers.values(source, there, resolve(config)["coverage_counts"])
    cases = _cases(source, there)
    settings = config["evaluation"]["bootstrap"], derive_seed(config["seed"], "table2")
    shares = [
        {"dataset": system.dataset, "method": system.method}
        | unread(predictions_of(source, system), cases[system.dataset])
        for system in there
        if system.first
    ]
    costs = read_costs(source / "benchmarks") if (source / "benchmarks").is_dir() else []
    times = [(cost.rule, cost.jobs, cost.seconds, cost.longest, cost.cpu_seconds, cost.memory) for cost in costs]
    return Facts(
        config=config,
        sizes=_sizes(source, config),
        parameters=architecture(config).parameters,
        asked=asked,
        there=there,
        main=answers.main_table(frame, there, cases, *settings),
        unread=pd.DataFrame(shares),
        records=trainings.records(source),
        times=pd.DataFrame(times, columns=["rule", "jobs", "seconds", "longest", "cpu_seconds", "memory_mb"]).round(1),
        texts=answers.texts(source, there).to_pandas(),
        machine=_machine(record),
        code=_code(record),
        sentence=_sentence(source),
    )


def _cases(source: Path, there: list[System]) -> dict[Any, Cases]:
    return common_cases([str(predictions_of(source, system)) for system in there], [system.dataset for system in there])


def _sizes(source: Path, config: dict[str, Any]) -> pd.DataFrame:
    rows = []
    for dataset in config["run"]["datasets"]:
        path = source / "data" / dataset / "statistics.json"
        if path.is_file():
            rows.append({"dataset": dataset} | read_counts(path, dataset))
    return pd.DataFrame(rows)


def _machine(record: Given) -> dict[str, Any]:
    """Return the machine of a run's record; {} without one."""
    machine = record.get("machine", {})
    gpus = machine["gpus"] if machine and isinstance(machine, dict) else []
    if not (isinstance(machine, dict) and isinstance(gpus, list) and all(isinstance(name, str) for name in gpus)):
        raise InputError(f"{record.source}: machine: of another kind than a run's; run the rule provenance again.")
    return machine


def _code(record: dict[str, Any]) -> str:
    """Return of which commit the run is, in words."""
    if not record.get("commit"):
        return "an unknown commit"
    more = ", with changes that were not committed" if record.get("dirty") else ""
    return f"commit {str(record['commit'])[:12]}{more}"


def _sentence(source: Path) -> str:
    path = source / "tables/faithfulness.csv"
    return in_a_sentence(read_csv(path, dtype=str, keep_default_na=False), system_label) if path.is_file() else ""


def _write_frames(facts: Facts, folder: Path) -> None:
    write_csv(folder / "main.csv", facts.main)
    if len(facts.records):
        write_csv(folder / "alignments.csv", facts.records)
    if len(facts.times):
        write_csv(folder / "times.csv", facts.times)


def _write_answers(source: Path, facts: Facts, folder: Path) -> None:
    frame = answers.values(source, list(facts.there), resolve(facts.config)["coverage_counts"])
    write_parquet(folder / "values.parquet", frame)
    write_parquet(folder / "answers.parquet", answers.answers(source, list(facts.there)))
    if len(ranked := answers.pointwise(source, list(facts.there))):
        write_parquet(folder / "pointwise.parquet", ranked)
    if len(facts.texts):
        write_parquet(folder / "explanations.parquet", answers.texts(source, list(facts.there)))
    if len(viewed := answers.from_viewpoints(source, list(facts.there))):
        write_parquet(folder / "viewpoints.parquet", viewed)


def _copy(source: Path, folder: Path, paths: list[Path]) -> None:
    """Copy what the run itself wrote for its readers, each file checked as it is read."""
    for path in sorted(paths):
        if path.is_file():
            target = folder / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(read_bytes(path))


def _write_table2(source: Path, facts: Facts, output: Path) -> None:
    """Write table 2 of the systems that are there; of a finished run it is the run's own."""
    first = [system for system in facts.there if system.first]
    settings = {"bootstrap": facts.config["evaluation"]["bootstrap"]}
    settings |= {"coverage_counts": resolve(facts.config)["coverage_counts"]}
    rows = [[system.dataset, system.method] for system in first]
    folders = [str(predictions_of(source, system)) for system in first]
    table2(
        predictions=folders,
        rows=rows,
        settings=checked(Measured, settings, "evaluation"),
        seed=derive_seed(facts.config["seed"], "table2"),
        output=str(output),
    )


def _draw(source: Path, facts: Facts, folder: Path) -> None:
    """Write the curves of what was trained."""
    curves = sorted(source.glob("recommender/*/curve.csv"))
    runs = trainings.trainings(source)
    if not curves and not runs:
        return
    if runs:
        write_csv(folder / "losses.csv", trainings.losses(source).round(6))
    learning_curves(
        curves=[str(path) for path in curves],
        datasets=[path.parent.name for path in curves],
        losses=[str(place / "loss.csv") for *_, place in runs],
        runs=[[dataset, mode, run] for dataset, mode, run, _ in runs],
        settings=Shown(names={name: entry["name"] for name, entry in facts.config["datasets"].items()}),
        output=str(folder / "learning_curves.csv"),
        images=[str(folder / f"learning_curves.{suffix}") for suffix in ("svg", "png")],
    )


def _without_checksums(folder: Path) -> None:
    """Delete the checksums of the files: what is published is under version control."""
    for path in folder.rglob(".*.sha256"):
        path.unlink()


def block_of(folder: str | Path) -> str:
    """Return what the README shows of a published folder; of none that nothing is published yet."""
    path = Path(folder) / MARK
    return read_json(path)["readme"] if path.is_file() else NOT_YET


def write_block(readme: str | Path, block: str) -> None:
    """Put a text between the README's marks.

    Raises:
        InputError: the marks are not there.
    """
    before, behind = around_block(readme)
    with kept():  # no output of a program's own, to be deleted with the others if it fails
        write_text(readme, f"{before}{START}\n{block}{END}{behind}")
    # The README has no checksum beside it.
    checksum_of(readme).unlink()


def around_block(readme: str | Path) -> tuple[str, str]:
    """Return what stands before and behind the README's block.

    Raises:
        InputError: the marks are not there.
    """
    text = read_text(readme)
    block = re.search(f"{re.escape(START)}\n.*?{re.escape(END)}", text, re.DOTALL)
    if not block:
        raise InputError(f"{readme}: expected the lines {START!r} and {END!r}.")
    return text[: block.start()], text[block.end() :]
