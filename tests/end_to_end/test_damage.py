"""Whichever byte of a whole run's files is changed, `make verify` says so."""

import random
import shutil
from pathlib import Path

import pytest

from recexplainer.errors import InputError
from recexplainer.provenance.verify import compare

FLIPS = 300
# The clock and the machine are in them, so no result is made of them but the report's times.
MEASURED = ("logs", "benchmarks")


@pytest.fixture
def copied(whole_run, tmp_path, monkeypatch):
    """Return the files of a copy of the whole run, in whose repository the test then is."""
    repository, here = whole_run.parents[1], tmp_path / "repository"
    results = here / whole_run.relative_to(repository)
    shutil.copytree(whole_run, results, ignore=shutil.ignore_patterns(*MEASURED))
    for part in repository.iterdir():
        if part.name != "results":
            (here / part.name).symlink_to(part)
    monkeypatch.chdir(here)
    return sorted(path.relative_to(here) for path in results.rglob("*") if path.is_file())


def found(record: Path) -> bool:
    try:
        return not compare(record).same
    except InputError:
        return True


def test_verify_finds_every_byte_that_is_changed(copied):
    record = Path("results/smallest/provenance.json")
    assert compare(record).same
    draw = random.Random(20)
    # Each file at least once, the small and the hidden ones too.
    places = copied + draw.choices(copied, k=max(0, FLIPS - len(copied)))
    missed = []
    for path in places:
        whole = path.read_bytes()
        if not whole:
            continue
        damaged = bytearray(whole)
        damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        if not found(record):
            missed.append(str(path))
        path.write_bytes(whole)
    assert missed == []
    assert compare(record).same
