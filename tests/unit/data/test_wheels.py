"""Files out of packages' wheels, which a real pip takes from a folder of this test, or does not get."""

import hashlib

import pytest
from raw_settings import places
from wheel_files import make_wheel

from recexplainer.data.download import download
from recexplainer.errors import InputError


@pytest.fixture
def links(tmp_path, monkeypatch):
    """The folder that pip takes wheels from, and nowhere else."""
    folder = tmp_path / "links"
    folder.mkdir()
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def take(tmp_path, **changes):
    source = {"package": "film-data==1.2", "member": "film_data/all.inter"} | changes
    download(name="films/reviews", sources=places(source), output=tmp_path / "out", kept=tmp_path / "kept")
    return (tmp_path / "out").read_bytes()


def test_a_member_of_a_wheel_is_taken_and_the_wheel_is_kept(links, tmp_path):
    path = make_wheel(links, "film-data", "1.2", {"film_data/all.inter": b"a\tb\n", "film_data/__init__.py": b"1 / 0"})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert take(tmp_path, sha256=digest) == b"a\tb\n"
    kept = tmp_path / "kept" / "film-data==1.2"
    assert [entry.name for entry in kept.iterdir()] == [path.name]
    # From now on without pip, whatever it has.
    path.unlink()
    assert take(tmp_path, sha256=digest) == b"a\tb\n"


def test_a_kept_wheel_that_is_damaged_is_fetched_anew(links, tmp_path):
    path = make_wheel(links, "film-data", "1.2", {"film_data/all.inter": b"a\tb\n"})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    take(tmp_path, sha256=digest)
    (tmp_path / "kept" / "film-data==1.2" / path.name).write_bytes(b"damaged")
    assert take(tmp_path, sha256=digest) == b"a\tb\n"


def test_another_wheel_than_the_expected_one_is_refused_and_not_kept(links, tmp_path):
    make_wheel(links, "film-data", "1.2", {"film_data/all.inter": b"a\tb\n"})
    with pytest.raises(InputError, match=f"film-data==1.2: SHA-256 is [0-9a-f]+, expected {'0' * 64}"):
        take(tmp_path, sha256="0" * 64)
    assert not list((tmp_path / "kept").rglob("*.whl")) and not (tmp_path / "out").exists()


def test_a_package_that_pip_does_not_find_gets_one_message(links, tmp_path):
    make_wheel(links, "film-data", "1.3", {"film_data/all.inter": b"a\tb\n"})
    with pytest.raises(InputError) as error:
        take(tmp_path)
    assert "film-data==1.2: pip did not get it (No matching distribution found for film-data==1.2)" in str(error.value)
    assert len(str(error.value).splitlines()) == 3


def test_no_connection_is_said_to_be_one(links, tmp_path, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("PIP_INDEX_URL", "http://someone:s3cret@127.0.0.1:9/simple")
    with pytest.raises(InputError, match="pip did not get it; it got no connection") as error:
        take(tmp_path)
    assert "s3cret" not in str(error.value)


def test_a_source_package_is_not_built(links, tmp_path):
    import tarfile

    (tmp_path / "setup.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with tarfile.open(links / "film_data-1.2.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "setup.py", "film_data-1.2/setup.py")
    with pytest.raises(InputError, match="No matching distribution"):
        take(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_a_member_that_is_not_there_is_said_with_those_that_are(links, tmp_path):
    make_wheel(links, "film-data", "1.2", {"film_data/some.inter": b"a\tb\n"})
    with pytest.raises(InputError, match=r"no file 'film_data/all.inter' in the archive; found: film_data/some.inter"):
        take(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [{"package": "film-data"}, {"package": "film-data>=1"}, {"package": "--help==1"}, {"package": "../x==1"}]
    + [{"package": "film-data==1.2", "url": "http://x/y"}, {"package": "film-data==1.2;python_version<'3'"}],
)
def test_only_a_name_and_a_version_are_a_package(changes, links, tmp_path):
    with pytest.raises(
        InputError,
        match=r"package: .*; expected a text that matches|expected a path, a url or a package with its version",
    ):
        take(tmp_path, **changes)


def test_a_second_source_is_tried_after_a_package(links, tmp_path):
    (tmp_path / "local").write_bytes(b"c\n")
    sources = [{"package": "film-data==1.2", "member": "x"}, {"path": str(tmp_path / "local")}]
    download(name="films/reviews", sources=places(*sources), output=tmp_path / "out", kept=tmp_path / "kept")
    assert (tmp_path / "out").read_bytes() == b"c\n"
