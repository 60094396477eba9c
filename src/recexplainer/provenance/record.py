"""What results were made of: the code, the config, the machine, the model, the data, and a checksum of every file.

The record holds no clock: on the same machine, the same run has the same record. Paths are as they were given, from
the folder in which the workflow runs.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from recexplainer import sources
from recexplainer.errors import InputError
from recexplainer.files import check, read_json, sha256, write_json
from recexplainer.provenance.machine import commit, machine, packages, version
from recexplainer.secrets import without_secrets

logger = logging.getLogger(__name__)

FILES = ("raw", "inputs", "outputs", "model")
"""The parts of a record that hold files with checksums."""


def config_digest(config: dict[str, Any]) -> str:
    """Return the SHA-256 of a config as canonical JSON: sorted keys, no spaces."""
    text = json.dumps(config, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def files_in(folder: str | Path) -> list[Path]:
    """Return the files of a folder and its folders, sorted; not hidden ones and parts of downloads."""
    root = Path(folder)
    return sorted(
        path
        for path in root.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
        and not path.name.endswith((".part", ".part.json"))
    )


def checksums(paths: Iterable[str | Path]) -> list[dict[str, Any]]:
    """Return ``path``, ``bytes`` and ``sha256`` of each file, sorted by path; of a folder, those of its files.

    Raises:
        InputError: a file is not there, or is not the one that was written.
    """
    entries = {}
    for path in map(Path, paths):
        if not path.exists():
            raise InputError(f"{path}: no such file; expected it for its checksum. Run the stage that makes it.")
        for file in files_in(path) if path.is_dir() else [path]:
            check(file)
            entries[str(file)] = {"path": str(file), "bytes": file.stat().st_size, "sha256": sha256(file)}
    return [entries[name] for name in sorted(entries)]


def record(
    *,
    results: str,
    config: dict[str, Any],
    inputs: Sequence[str],
    outputs: Sequence[str],
    repository: str | Path,
    lock: str | Path,
    output: str,
) -> None:
    """Write the record of a run.

    Args:
        results: the run's folder, with ``llm/base.json`` and the raw data in ``raw/``.
        config: the merged config. Keys that look like secrets are left out, and the digest is that of what is left.
        inputs: files, or folders of files, from outside the run: prompts, templates.
        outputs: likewise, what it made: tables, figures, predictions.
        repository: the project's folder, for its version and the commit.
        lock: the lock of packages.
        output: the JSON to write.

    Raises:
        InputError: a file is missing.
    """
    shown = without_secrets(config)
    value = {
        "version": version(repository),
        **commit(repository, results),
        "config": shown,
        "config_digest": config_digest(shown),
        "packages": packages(lock),
        "machine": machine(),
        **_model(Path(results) / "llm" / "base.json"),
        "raw": _raw(Path(results) / "raw", shown),
        "inputs": checksums(inputs),
        "outputs": [entry for entry in checksums(outputs) if Path(entry["path"]).resolve() != Path(output).resolve()],
        "results": results,
    }
    write_json(output, value)
    logger.info("%d checksums in %s", sum(len(value[part]) for part in FILES), output)


def _model(manifest: Path) -> dict[str, Any]:
    """Return the base LLM: ``llm``, its id and revision, and ``model``, its files.

    The checksums are the manifest's, taken when the model was resolved and loaded from there.
    """
    if not manifest.exists():
        return {"llm": None, "model": []}
    llm = read_json(manifest)
    try:
        folder = Path(llm["folder"])
        files = [
            {"path": str(folder / name), "bytes": None, "sha256": digest}
            for name, digest in sorted(llm["files"].items())
        ]
        return {"llm": {key: llm[key] for key in ("folder", "id", "revision")}, "model": files}
    except (KeyError, TypeError, AttributeError):
        raise InputError(f"{manifest}: expected the base LLM's manifest. Delete it and run its stage again.") from None


def _raw(folder: Path, config: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the raw files; of each, ``sources``: the places that the config names, in the order of trying.

    A download takes the first place that has the file, and its log says which one that was.
    """
    entries = checksums([folder]) if folder.is_dir() else []
    for entry in entries:
        name, _, file = str(Path(entry["path"]).relative_to(folder)).rpartition("/")
        try:
            named = sources.sources(config, name, None if name in ("sharegpt", "llm") else file.removesuffix(".gz"))
        except (KeyError, TypeError):  # of an earlier config
            named = []
        entry["sources"] = [
            next(place[key] for key in ("url", "path", "package") if key in place) for place in named or []
        ]
        generated = name == "sharegpt" or name in config["datasets"]
        entry["generated"] = generated and bool(sources.entry(config, name).get("generate"))
    return entries
