"""A run as one file: the same bytes again, nothing of the data set, a research object; refused once it is damaged."""

import io
import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from clone import ROOT, command
from crates import VALIDATOR, validate
from small_results import SECRET, finish, write_results

from recexplainer.comparison.opened import compare
from recexplainer.errors import InputError
from recexplainer.files import read_parquet
from recexplainer.publishing import archive
from recexplainer.publishing.archive import MANIFEST
from recexplainer.publishing.bundle import bundle
from recexplainer.publishing.crate import METADATA

HISTORY = f"<dt>History, oldest first</dt><dd data-history>{SECRET}</dd><dt>Target item</dt><dd>Film B</dd>"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A run that has finished, with a history wherever a run has some."""
    folder = finish(write_results(tmp_path_factory.mktemp("bundle") / "results"))
    (folder / "report.html").write_text(f"<h1>Report</h1>{HISTORY}", encoding="utf-8")
    for name in ("figure4.svg", "figure4.html", "figure5.png", "figure6.svg", "learning_curves.pdf"):
        (folder / "figures" / name).parent.mkdir(exist_ok=True)
        (folder / "figures" / name).write_text(SECRET if name[:7] in ("figure4", "figure5") else name)
    for name in ("study/pages/rater1.html", "answers/judge.jsonl", "data/films/users.csv", "logs/explain/a.log"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(SECRET)
    return folder


@pytest.fixture(scope="module")
def made(results):
    return bundle(str(results))


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as opened:
        return {info.filename: opened.read(info) for info in opened.infolist()}


def write(path: Path, files: dict[str, bytes], listed: bool = True) -> Path:
    """Write files as a bundle, with a manifest that has them."""
    import hashlib

    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items() if name != MANIFEST]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in (files | ({MANIFEST: "".join(lines).encode()} if listed else {})).items():
            opened.writestr(name, content)
    return path


def test_the_same_run_gives_the_same_bytes(results, made, tmp_path):
    assert made == results.with_suffix(".zip") and not list(made.parent.glob(".*"))
    again = tmp_path / "elsewhere/run"
    shutil.copytree(results, again, copy_function=shutil.copy2)
    assert bundle(str(again), str(tmp_path / "b.zip")).read_bytes() == made.read_bytes()
    with zipfile.ZipFile(made) as opened:
        assert opened.namelist() == sorted(opened.namelist())
        assert {info.date_time for info in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_it_holds_what_is_found_and_nothing_of_the_data_set(made, tmp_path):
    found = members(made)
    expected = {"README.md", "report.html", "config.yaml", "provenance.json", "answers.parquet", "explanations.parquet"}
    expected |= {"tables/table2.csv", "figures/figure6.svg", "figures/learning_curves.pdf", "values.parquet", METADATA}
    assert expected <= set(found)
    assert not [name for name in found if "figure4" in name or "figure5" in name or name.startswith((".", "study"))]
    for name, content in found.items():
        if name.endswith(".parquet"):
            (tmp_path / "a.parquet").write_bytes(content)
            content = str(read_parquet(tmp_path / "a.parquet").to_dict("records")).encode()
        assert SECRET.encode() not in content, name
    page = found["README.md"].decode()
    assert page.startswith("# MovieLens 100K with SmolLM2-135M\n")
    assert set(re.findall(r"^\| \[(\S+)\]", page, re.MULTILINE)) <= set(found)


def test_sha256sum_finds_it_whole(made, tmp_path):
    shutil.unpack_archive(made, tmp_path)
    done = subprocess.run(["sha256sum", "--check", "--strict", MANIFEST], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count(": OK\n") == len(members(made)) - 1


def test_a_run_without_its_record_is_not_finished(results, tmp_path):
    shutil.copytree(results, tmp_path / "run")
    (tmp_path / "run/provenance.json").unlink()
    with pytest.raises(InputError, match="provenance.json: no such file"):
        bundle(str(tmp_path / "run"))
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_two_bundles_are_compared(made, tmp_path):
    found = compare([str(made), str(made)], str(tmp_path / "out"))
    assert found.verdict == "identical" and found.runs == [str(made), f"{made} (2)"]
    assert (tmp_path / "out/comparison.html").is_file()


def damaged(made: Path, how: str, path: Path) -> Path:
    """Write a bundle that is damaged in some way."""
    whole, files = made.read_bytes(), members(made)
    del files[MANIFEST]
    if how == "cut off":
        path.write_bytes(whole[: len(whole) // 2])
    elif how == "no zip":
        path.write_bytes(b"a,b\n1,2\n")
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "another byte":
        with zipfile.ZipFile(made) as opened:
            place = opened.getinfo("tables/table2.csv").header_offset + 80
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    elif how == "another number":
        table = files["tables/table2.csv"].replace(b"0.", b"1.", 1)
        write(path, members(made) | {"tables/table2.csv": table}, listed=False)
    elif how == "no manifest":
        write(path, files, listed=False)
    elif how == "more":
        write(path, members(made) | {"more.csv": b""}, listed=False)
    elif how == "less":
        write(path, {name: text for name, text in members(made).items() if name != "main.csv"}, listed=False)
    elif how == "a link":
        link = zipfile.ZipInfo("tables/table1.csv")
        link.external_attr = 0o120777 << 16
        write(path, files)
        with zipfile.ZipFile(path, "a") as opened:
            opened.writestr(link, "/etc/passwd")
    elif how == "says less":  # a bomb whose directory tells of a file of ten bytes
        text = io.BytesIO()
        with zipfile.ZipFile(text, "w", zipfile.ZIP_DEFLATED) as opened:
            opened.writestr(MANIFEST, b"0" * 5_000_000)
        path.write_bytes(text.getvalue().replace((5_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    else:
        write(path, files | {how: b"x"})
    return path


NAMES = ["../outside.csv", "/tmp/outside.csv", "tables/../../outside.csv", ".hidden", "a\\b", "tables//x.csv"]
DAMAGES = ["cut off", "no zip", "empty", "another byte", "another number", "no manifest", "more", "less", "a link"]


@pytest.mark.parametrize("how", [*DAMAGES, "says less", *NAMES])
def test_a_damaged_bundle_is_refused(made, tmp_path, how):
    path = damaged(made, how, tmp_path / "b.zip")
    with pytest.raises(InputError, match=f"^{path}: .*Expected a bundle") as refused:
        compare([str(made), str(path)], str(tmp_path / "out"))
    assert "\n" not in str(refused.value)
    assert [one.name for one in tmp_path.iterdir()] == ["b.zip"]


@pytest.mark.parametrize(("limit", "value"), [("MOST_BYTES", 100_000), ("MOST_FILES", 3)])
def test_a_bundle_that_would_fill_a_disk_is_neither_unpacked_nor_written(tmp_path, monkeypatch, limit, value):
    path = write(tmp_path / "bomb.zip", {f"{number}.csv": b"0" * 50_000 for number in range(4)})
    shutil.unpack_archive(path, tmp_path / "folder")
    assert path.stat().st_size < 2000
    monkeypatch.setattr(archive, limit, value)
    with pytest.raises(InputError, match="bomb.zip: 5 files of 0 MiB; a bundle has at most "):
        compare([str(path), str(path)])
    with pytest.raises(InputError, match="a bundle has at most"):
        archive.write_zip(tmp_path / "folder", tmp_path / "out.zip")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["bomb.zip", "folder"]


def test_the_command_says_it_in_one_line(made, tmp_path):
    done = command("compare", made, damaged(made, "cut off", tmp_path / "b.zip"))
    assert done.returncode == 2 and done.stdout == ""
    assert re.fullmatch(r"error: .*b\.zip: .*\n", done.stderr)
    done = command("compare", made, tmp_path / "none")
    assert done.returncode == 2 and re.fullmatch(r"error: .*none: no such run; expected .*\n", done.stderr)


def test_the_crate_names_every_file_and_refers_to_what_is_there(made):
    found = members(made)
    graph = {entity["@id"]: entity for entity in json.loads(found[METADATA])["@graph"]}
    parts = {part["@id"] for part in graph["./"]["hasPart"]}
    assert parts == set(found) - {METADATA}
    with zipfile.ZipFile(made) as opened:
        sizes = {info.filename: str(info.file_size) for info in opened.infolist()}
    assert all(graph[name]["contentSize"] == sizes[name] for name in parts - {MANIFEST})
    sums = dict(reversed(line.split("  ")) for line in found[MANIFEST].decode().splitlines())
    assert all(graph[name]["sha256"] == sums[name] for name in parts - {MANIFEST})
    run = graph["#run"]
    for part in ("object", "result"):
        assert {one["@id"] for one in run[part]} <= set(graph)
    assert "#results/raw/films/reviews" in {one["@id"] for one in run["object"]}
    assert found["Snakefile"] == (ROOT / "Snakefile").read_bytes()


@pytest.mark.skipif(not VALIDATOR.is_file(), reason="make validator installs what validates a crate")
def test_the_crate_is_valid_by_its_profiles_own_validator(made, tmp_path):
    shutil.unpack_archive(made, tmp_path / "crate")
    assert validate(tmp_path / "crate") == []
    (tmp_path / "crate/Snakefile").unlink()
    assert validate(tmp_path / "crate")
