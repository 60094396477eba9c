"""Locks are installed as pip's settings say, whoever does it, and nothing is whose hash is another."""

import hashlib
import importlib.util
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from clone import ROOT

PROGRAM = ROOT / "envs/install.py"


@pytest.fixture
def wheels(tmp_path):
    """A folder with one wheel, `pebble` 1.0."""
    folder = tmp_path / "my wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / "pebble-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("pebble.py", "weight = 3\n")
        wheel.writestr("pebble-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: pebble\nVersion: 1.0\n")
        wheel.writestr("pebble-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("pebble-1.0.dist-info/RECORD", "")
    return folder


@pytest.fixture
def python(tmp_path):
    """The Python of a new environment that has the pip and the uv of this one."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(tmp_path / "env")}))
    (site / "pip.pth").write_text(sysconfig.get_path("purelib"))
    (tmp_path / "env/bin/uv").symlink_to(Path(sys.executable).parent / "uv")
    return tmp_path / "env/bin/python"


def install(python, wheels, digest):
    """Return how the program ended with a lock of `pebble`, and who installed it."""
    lock = wheels.parent / "my.lock"
    lock.write_text(f"pebble==1.0 \\\n    --hash=sha256:{digest}\n")
    # pip's own settings cannot name a folder with a space; a link can.
    (wheels.parent / "links").symlink_to(wheels)
    environment = os.environ | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels.parent / "links")}
    done = subprocess.run([python, PROGRAM, lock], env=environment, capture_output=True, text=True, check=False)
    found = list((python.parents[1] / "lib").rglob("pebble-1.0.dist-info/INSTALLER"))
    return done, [path.read_text().strip() for path in found]


def digest_of(wheels):
    return hashlib.sha256(next(wheels.iterdir()).read_bytes()).hexdigest()


def test_uv_looks_where_pip_would(python, wheels):
    done, installers = install(python, wheels, digest_of(wheels))
    assert (done.returncode, installers, done.stderr) == (0, ["uv"], "")
    assert subprocess.run([python, "-c", "import pebble; print(pebble.weight)"], capture_output=True).stdout == b"3\n"
    assert not (python.parents[1] / ".uv").exists()


def test_another_hash_is_refused_by_both(python, wheels):
    done, installers = install(python, wheels, "0" * 64)
    assert done.returncode
    assert installers == []
    assert "hash" in done.stderr.lower()


@pytest.mark.parametrize("there", [True, False])
def test_without_uv_pip_does_it(python, wheels, there):
    (python.parent / "uv").unlink()
    if there:
        (python.parent / "uv").write_text("#!/bin/sh\necho no such certificate >&2\nexit 2\n")
        (python.parent / "uv").chmod(0o755)
    done, installers = install(python, wheels, digest_of(wheels))
    assert (done.returncode, installers) == (0, ["pip"])
    assert ("no such certificate" in done.stderr) == there


def test_the_most_specific_setting_counts():
    spec = importlib.util.spec_from_file_location("install", PROGRAM)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    listed = """
:env:.index-url='https://me:secret@one.example/simple'
global.extra-index-url='https://a.example\\nhttps://b.example'
global.find-links='/a /b'
global.index-url='https://three.example/simple'
install.index-url='https://two.example/simple'
global.no-compile='true'
"""
    assert program.settings(listed) == {
        "UV_DEFAULT_INDEX": "https://me:secret@one.example/simple",
        "UV_INDEX": "https://a.example https://b.example",
        "UV_FIND_LINKS": "/a,/b",
    }
