"""What catalogues read of the project, all out of ``pyproject.toml``: CITATION.cff, codemeta.json, and the file of
Snakemake's workflow catalogue."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

from recexplainer.errors import InputError
from recexplainer.files import read_text

Meta = dict[str, Any]
HEAD = "# Written by `make docs` from pyproject.toml; edit that instead.\n"


def metadata_files(project: str | Path) -> dict[str, str]:
    """Return the files by their names, as text.

    Args:
        project: ``pyproject.toml``. Beside the standard keys, ``tool.recexplainer`` has the ``title`` and the
            ``paper``: ``title``, ``year``, ``doi``, ``venue``, ``authors``, each a given and a family name.

    Raises:
        InputError: the file is missing, is not UTF-8 or not TOML, lacks a key or has one of another kind.
    """
    try:
        content = tomllib.loads(read_text(project, "TOML file"))
        own = content["tool"]["recexplainer"]
        return {
            "CITATION.cff": HEAD + _yaml(_citation(content["project"], own)),
            "codemeta.json": json.dumps(_codemeta(content["project"], own), indent=2, ensure_ascii=False) + "\n",
            ".snakemake-workflow-catalog.yml": HEAD + _yaml(_catalogue()),
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{project}: {error}; expected the project's metadata.") from None


def _yaml(value: Meta) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)


def _citation(project: Meta, own: Meta) -> Meta:
    paper = own["paper"]
    return {
        "cff-version": "1.2.0",
        "message": "Please cite the paper that this software reproduces.",
        "title": own["title"],
        "type": "software",
        "version": project["version"],
        "license": project["license"],
        "keywords": project["keywords"],
        "authors": project["authors"],
        "preferred-citation": {
            "type": "conference-paper",
            "title": paper["title"],
            "year": paper["year"],
            "doi": paper["doi"],
            "collection-title": paper["venue"],
            "authors": [{"family-names": family, "given-names": given} for given, family in paper["authors"]],
        },
    }


def _codemeta(project: Meta, own: Meta) -> Meta:
    paper = own["paper"]
    people = [{"@type": "Person", "givenName": given, "familyName": family} for given, family in paper["authors"]]
    return {
        "@context": "https://w3id.org/codemeta/3.0",
        "@type": "SoftwareSourceCode",
        "name": project["name"],
        "description": project["description"],
        "version": project["version"],
        "license": f"https://spdx.org/licenses/{project['license']}",
        "keywords": project["keywords"],
        "programmingLanguage": ["Python", "Snakemake"],
        "runtimePlatform": f"Python {project['requires-python']}",
        "operatingSystem": "Linux",
        "author": [{"@type": "Organization", "name": author["name"]} for author in project["authors"]],
        "softwareRequirements": sorted(re.split(r"[^\w.-]", name)[0] for name in project["dependencies"]),
        "referencePublication": {
            "@type": "ScholarlyArticle",
            "@id": f"https://doi.org/{paper['doi']}",
            "name": paper["title"],
            "author": people,
            "datePublished": str(paper["year"]),
            "isPartOf": {"@type": "PublicationIssue", "name": paper["venue"]},
        },
    }


def _catalogue() -> Meta:
    """Return what the catalogue asks for: how the software comes, and that there is a report."""
    return {"usage": {"software-stack-deployment": {"conda": True}, "report": True}}
