"""Whether the files of a run are still those that were written.

Three things tell: the record, with the checksums of what the run was made of and of its results; the checksum that lies
beside each file that a stage has written; and the checksum of each line of the services' answers.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recexplainer.errors import InputError
from recexplainer.files import checked_by, is_whole, read_json, sha256
from recexplainer.provenance.record import FILES, config_digest, files_in
from recexplainer.service.sealed import damaged_line


@dataclass
class Comparison:
    """What a look at the files found: lines for the reader, by kind.

    Attributes:
        checked: number of files whose checksum was taken again and is the same.
        differs, missing: what is not as recorded.
        new: files in the folders of the recorded outputs and raw data that the record does not name; no fault.
    """

    checked: int = 0
    differs: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether everything that was recorded is there and the same."""
        return not (self.differs or self.missing)


def _entries(provenance: str | Path) -> dict[str, Any]:
    """Read a record and check its shape."""
    record = read_json(provenance)
    try:
        for part in FILES:
            for entry in record[part]:
                if not isinstance(entry["path"], str) or len(entry["sha256"]) != 64:
                    raise ValueError(part)
        for key, kind in (("config", dict), ("config_digest", str), ("results", str)):
            if not isinstance(record[key], kind):
                raise ValueError(key)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{provenance}: {error}; expected a provenance.json with this part.") from None
    return record


def compare(provenance: str | Path) -> Comparison:
    """Take every checksum of a record and of its folder again.

    Args:
        provenance: the record. Its paths hold from the present folder, as when it was written.

    Raises:
        InputError: the record is missing or is none.
    """
    record, result = _entries(provenance), Comparison()
    if config_digest(record["config"]) != record["config_digest"]:
        result.differs.append("config: its digest is not the recorded one; the record was edited")
    known, wrong = set(), set()
    for part in FILES:
        for entry in record[part]:
            path = Path(entry["path"])
            known.add(path.resolve())
            if not path.is_file():
                result.missing.append(f"{part}: {path}")
            elif (now := sha256(path)) != entry["sha256"]:
                wrong.add(path.resolve())
                result.differs.append(f"{part}: {path}: {now[:12]}..., recorded {entry['sha256'][:12]}...")
            else:
                result.checked += 1
    _look_beside(Path(record["results"]), known, wrong, result)
    known.add(Path(provenance).resolve())
    for path in _beside(record):
        if path.resolve() not in known:
            known.add(path.resolve())
            result.new.append(str(path))
    return result


def _look_beside(folder: Path, known: set[Path], wrong: set[Path], result: Comparison) -> None:
    """Compare every file of a folder with the checksum beside it, and the lines of answers with their own.

    Files that are ``known`` from the record were counted there, and those ``wrong`` by it were named.
    """
    for summed in sorted(folder.rglob(".*.sha256")):
        path = checked_by(summed)
        if not path.is_file():
            continue  # Snakemake deletes results, and leaves this
        if not is_whole(path):
            if path.resolve() not in wrong:
                result.differs.append(f"checksum: {path}: not what {summed.name} tells")
        elif path.resolve() not in known:
            result.checked += 1
    for path in sorted((folder / "answers").rglob("*.jsonl")):
        if number := damaged_line(path):
            result.differs.append(f"answers: {path}, line {number}: not what was written there")
        else:
            result.checked += 1


def _beside(record: dict[str, Any]) -> list[Path]:
    """Return the files in the folders of the recorded outputs and raw data."""
    results = Path(record["results"])
    folders = {Path(entry["path"]).parent for part in ("raw", "outputs") for entry in record[part]} | {results / "raw"}
    # Of the run's own folder, and of what lies around it, only the files: its other folders were not recorded.
    wide = {folder for folder in folders if results.resolve().is_relative_to(folder.resolve())}
    files = {path for folder in folders - wide if folder.is_dir() for path in files_in(folder)}
    return sorted(files | {path for folder in wide for path in files_in(folder) if path.parent == folder})


def report(result: Comparison) -> str:
    """Return the comparison as text; its last line is the verdict."""
    lines = [f"{kind}: {line}" for kind in ("differs", "missing", "new") for line in getattr(result, kind)]
    if result.same:
        more = f"; {len(result.new)} files are new" if result.new else ""
        return "\n".join([*lines, f"SAME: all {result.checked} files are as recorded{more}."])
    counts = f"{len(result.differs)} differ, {len(result.missing)} are missing, {result.checked} are as recorded"
    return "\n".join([*lines, f"NOT THE SAME: {counts}."])


def verify(provenance: str | Path) -> bool:
    """Print what differs from a record, and return whether nothing does."""
    result = compare(provenance)
    print(report(result))
    return result.same
