"""A bundle as a Workflow Run RO-Crate 0.5: its files, the workflow, and the run that made the ones with the other.

It is made of the run's record alone. The record holds no clock, so that the day of the crate is that on which the
record was written.
"""

import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from recexplainer import about
from recexplainer.errors import InputError
from recexplainer.files import read_json, sha256, write_json
from recexplainer.given import Given
from recexplainer.place import ROOT
from recexplainer.provenance.recorded import RECORD
from recexplainer.publishing.archive import MANIFEST, files_of
from recexplainer.yaml_files import read_yaml

METADATA = "ro-crate-metadata.json"
WORKFLOW, TAKEN = "Snakefile", "config.yaml"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
LICENCE = "https://spdx.org/licenses/MIT"
SNAKEMAKE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
AUTHORS, RUN, CONFIG = "#contributors", "#run", "#config"
KINDS = {
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tex": "application/x-tex",
    ".txt": "text/plain",
    ".yaml": "application/yaml",
}


def workflow_files() -> list[Path]:
    """Return the workflow's own files: the Snakefile and the rules, and the terms.

    Raises:
        InputError: the library is not used from a clone.
    """
    if not (ROOT / WORKFLOW).is_file():
        raise InputError(f"{ROOT / WORKFLOW}: no such file; expected the repository. Use the command from a clone.")
    return [ROOT / name for name in (WORKFLOW, "LICENSE", "NOTICE")] + sorted(ROOT.glob("rules/*.smk"))


def write_crate(folder: Path, results: str | Path, config: dict[str, Any], contents: dict[str, str]) -> None:
    """Write what a bundle's folder is into it.

    Args:
        folder: all of its files are there but the manifest.
        results: the run's own folder, with its record.
        config: of the run.
        contents: what the files are, by name.

    Raises:
        InputError: the record is none.
    """
    record = Given.wrapped(read_json(folder / RECORD), str(Path(results) / RECORD))
    day = datetime.datetime.fromtimestamp((Path(results) / RECORD).stat().st_mtime, datetime.UTC).date().isoformat()
    names = [name for name in files_of(folder) if name != METADATA]
    workflow = {path.relative_to(ROOT).as_posix() for path in workflow_files()}
    contents = dict.fromkeys(workflow, "of the workflow") | contents
    files = [_file(folder / name, name, contents) for name in names] + [_named(MANIFEST, contents)]
    own = [name for name in names if name not in workflow]
    citation = Given.wrapped(read_yaml(ROOT / "CITATION.cff", "make docs writes it"), "CITATION.cff")
    cited = _paper(citation["preferred-citation"])
    graph = [_descriptor(), _root(config, day, [one["@id"] for one in files], cited[0]["@id"])]
    graph += [_workflow(one, record, sorted(workflow)) if one["@id"] == WORKFLOW else one for one in files]
    raw = [_raw(entry) for part in ("raw", "model") for entry in record[part]]
    graph += [_run(record, day, [TAKEN, *(one["@id"] for one in raw)], own), _parameter(), *raw, *cited]
    graph += [_profile(name, words) for name, words in PROFILES.items()]
    graph += [_language(record), _authors(citation), _licence()]
    context = ["https://w3id.org/ro/crate/1.1/context", {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}]
    write_json(folder / METADATA, {"@context": context, "@graph": graph})


def _refer(*names: str) -> Any:
    references = [{"@id": name} for name in names]
    return references[0] if len(references) == 1 else references


def _descriptor() -> dict[str, Any]:
    conforms = _refer("https://w3id.org/ro/crate/1.1", "https://w3id.org/workflowhub/workflow-ro-crate/1.0")
    return {"@id": METADATA, "@type": "CreativeWork", "about": _refer("./"), "conformsTo": conforms}


def _profile(name: str, words: str) -> dict[str, Any]:
    return {"@id": name, "@type": "CreativeWork", "name": words, "version": name.rpartition("/")[2]}


def _root(config: dict[str, Any], day: str, parts: list[str], cited: str) -> dict[str, Any]:
    made_up = about.synthetic(config)
    words = "What a run of the recexplainer workflow found: tables, figures, predictions, texts, and its record."
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": about.title(config),
        "description": f"{made_up} {words}".strip(),
        "datePublished": day,
        "license": _refer(LICENCE),
        "author": _refer(AUTHORS),
        "citation": _refer(cited),
        "conformsTo": _refer(*PROFILES),
        "hasPart": [{"@id": name} for name in parts],
        "mainEntity": _refer(WORKFLOW),
        "mentions": _refer(RUN),
    }


def _named(name: str, contents: dict[str, str]) -> dict[str, Any]:
    """Return a file of the crate by its name alone: the manifest has the checksum of this very text."""
    kind = KINDS.get(Path(name).suffix, "text/plain")
    words = contents.get(name, "the page of this bundle")
    return {"@id": name, "@type": "File", "name": name, "description": words, "encodingFormat": kind}


def _file(path: Path, name: str, contents: dict[str, str]) -> dict[str, Any]:
    return _named(name, contents) | {"contentSize": str(path.stat().st_size), "sha256": sha256(path)}


def _workflow(entity: dict[str, Any], record: Given, names: list[str]) -> dict[str, Any]:
    """Return the Snakefile, as the main workflow; ``names`` are of all of the workflow's files."""
    rules = [name for name in names if name.endswith(".smk")]
    more = {
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": "recexplainer",
        "description": "The workflow, with its rules; the programs that they call are those of its version.",
        "version": str(record["version"]),
        "programmingLanguage": _refer(SNAKEMAKE),
        "license": _refer(LICENCE),
        "creator": _refer(AUTHORS),
        "input": _refer(CONFIG),
        "hasPart": [{"@id": name} for name in rules],
    }
    return entity | more


def _parameter() -> dict[str, Any]:
    return {
        "@id": CONFIG,
        "@type": "FormalParameter",
        "name": "configfile",
        "description": "what `snakemake --configfile` takes",
        "additionalType": "File",
        "conformsTo": _refer("https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"),
        "workExample": _refer(TAKEN),
    }


def _run(record: Given, day: str, objects: list[str], results: list[str]) -> dict[str, Any]:
    """Return the run: what it took, and what of it is here."""
    machine, commit = record["machine"], record.get("commit")
    code = f"commit {commit}{', with changes' if record.get('dirty') else ''}" if commit else "an unknown commit"
    where = f"{machine['cpu']}, {machine['cores']} cores, {', '.join(machine['gpus']) or 'no GPU'}"
    return {
        "@id": RUN,
        "@type": "CreateAction",
        "name": "The run",
        "description": f"Version {record['version']} at {code}; Python {machine['python']}; {where}.",
        "instrument": _refer(WORKFLOW),
        "endTime": day,
        "actionStatus": _refer("http://schema.org/CompletedActionStatus"),
        "object": [{"@id": name} for name in objects],
        "result": [{"@id": name} for name in results if name != TAKEN],
    }


def _raw(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a file that the run read and that is not here: its name, and the checksum by which it is known."""
    described = {"description": f"from {', '.join(entry['sources'])}"} if entry.get("sources") else {}
    named = {"@id": f"#{quote(entry['path'])}", "@type": "PropertyValue", "name": f"sha256 of {entry['path']}"}
    return named | {"value": entry["sha256"]} | described


def _paper(cited: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the paper, as ``CITATION.cff`` has it, and its authors."""
    people = [
        {
            "@id": f"#{person['given-names']}_{person['family-names']}",
            "@type": "Person",
            "givenName": person["given-names"],
            "familyName": person["family-names"],
            "name": f"{person['given-names']} {person['family-names']}",
        }
        for person in cited["authors"]
    ]
    article = {
        "@id": f"https://doi.org/{cited['doi']}",
        "@type": "ScholarlyArticle",
        "name": cited["title"],
        "author": [{"@id": person["@id"]} for person in people],
        "datePublished": str(cited["year"]),
    }
    return [article, *people]


def _language(record: Given) -> dict[str, Any]:
    return {
        "@id": SNAKEMAKE,
        "@type": "ComputerLanguage",
        "name": "Snakemake",
        "identifier": _refer("https://snakemake.github.io"),
        "url": _refer("https://snakemake.github.io"),
        "version": record["packages"].get("snakemake", ""),
    }


def _authors(citation: dict[str, Any]) -> dict[str, Any]:
    (author,) = citation["authors"]
    return {"@id": AUTHORS, "@type": "Organization", "name": author["name"]}


def _licence() -> dict[str, Any]:
    words = "Of what is this project's own. NOTICE has the terms of the data and models, whose titles the texts name."
    return {"@id": LICENCE, "@type": "CreativeWork", "name": "MIT License", "description": words}
