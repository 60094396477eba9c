"""What a whole run leaves behind: no secret of its environment, no pickle, no page that loads from outside.

The judge is a server on loopback that repeats the key it was sent in its errors, as real services do.
"""

import base64
import gzip
import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from urllib.parse import quote

import pyarrow.parquet as pq
import pytest
import yaml
from clone import CONFIG, snakemake
from misbehaving_server import MisbehavingServer, scripted
from watched import SECRETS, watch

JUDGED = "results/smallest/judgements/games/systems/gpt-4.parquet"


@pytest.fixture(scope="module")
def judged(whole_run, tmp_path_factory):
    """Let the server judge, once with an error that repeats the key and once with success; return the run's parts.

    Those are the repository, the folder of the run's other files, and the output of both commands.
    """
    scratch = tmp_path_factory.mktemp("judged")
    repository = shutil.copytree(whole_run.parents[1], scratch / "repository")
    service = {"key_variable": "OPENAI_API_KEY", "retries": 3, "batch": False}
    faults, output = (scripted("bad"), scripted("limit", "error", "ok")), ""
    for number, fault in enumerate(faults):
        with (
            MisbehavingServer(
                fault, reply=lambda request: f"RATING-3\nThe key was {SECRETS['OPENAI_API_KEY']}."
            ) as server,
            watch(scratch / str(number)) as front,
        ):
            services = {"gpt-4": service | {"base_url": server.url}}
            more = {"services": services, "explanation": {"judges": ["rubric", "gpt-4"]}}
            (repository / "judge.yaml").write_text(yaml.safe_dump(more))
            done = snakemake(repository, JUDGED, "--configfile", CONFIG, "judge.yaml", front=front)
            output += done.stdout + done.stderr
            assert (done.returncode == 0) == (number == 1), output[-5000:]
            assert server.keys == {f"Bearer {SECRETS['OPENAI_API_KEY']}"}
    assert (repository / JUDGED).is_file()
    return repository, scratch, output


def forms(secret: str) -> set[bytes]:
    """Return a secret in the ways in which it may have been written: as it is, or as JSON, a URL or base64 has it."""
    texts = {secret, json.dumps(secret)[1:-1], quote(secret), quote(secret, safe=""), repr(secret)[1:-1]}
    return {text.encode() for text in texts} | {base64.b64encode(secret.encode())[:-4]}


def contents(path: Path) -> bytes:
    """Return what a file says, unpacked."""
    if path.suffix == ".parquet" and path.stat().st_size > 100:
        return json.dumps(pq.read_table(path).to_pydict(), default=str, ensure_ascii=False).encode()
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        return gzip.decompress(raw)
    if raw[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(path) as archive:
            return b"\n".join(archive.read(name) for name in archive.namelist())
    return raw


def files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]


def leaks(folder: Path) -> list[str]:
    """Return the files of a folder that hold a secret, or are named like one."""
    needles = {form for secret in SECRETS.values() for form in forms(secret)}
    return [
        str(path.relative_to(folder))
        for path in files(folder)
        if any(needle in contents(path) + str(path).encode() for needle in needles)
    ]


def test_the_search_finds_a_secret_in_every_form(tmp_path):
    import pyarrow as pa

    secret = SECRETS["OPENAI_API_KEY"]
    pq.write_table(pa.table({"reply": [f"your key is {secret}"] * 50}), tmp_path / "a.parquet", compression="zstd")
    (tmp_path / "b.json").write_text(json.dumps({"url": f"http://x/?key={quote(secret, safe='')}"}))
    (tmp_path / "c.gz").write_bytes(gzip.compress(secret.encode()))
    (tmp_path / ".hidden").write_bytes(base64.b64encode(f"{secret}".encode()))
    (tmp_path / "innocent.txt").write_text("OPENAI_API_KEY")
    assert leaks(tmp_path) == [".hidden", "a.parquet", "b.json", "c.gz"]


def test_the_watch_sees_what_is_unpickled(tmp_path):
    (tmp_path / "program.py").write_text("import pickle, pathlib\npickle.loads(pickle.dumps(pathlib.PurePath('x')))\n")
    with watch(tmp_path / "watched") as front:
        subprocess.run([front / "python", tmp_path / "program.py"], check=True)
    assert (tmp_path / "watched/programs.txt").read_text() == "program.py\n"
    assert "program.py: pathlib.PurePosixPath" in (tmp_path / "watched/unpickled.txt").read_text()


def test_no_file_of_a_run_holds_a_secret(judged, whole_run):
    repository, scratch, output = judged
    assert (repository / ".snakemake/log").is_dir() and (repository / "results/smallest/logs").is_dir()
    assert list((repository / "results/smallest/answers").rglob("*.jsonl"))
    assert leaks(scratch) == []
    # Of the first run: its temporary and its cached files.
    assert leaks(whole_run.parents[2]) == []
    assert not [secret for secret in SECRETS.values() if any(form in output.encode() for form in forms(secret))]


def test_the_error_of_the_service_is_told_without_the_key(judged):
    _, _, output = judged
    assert "and your key is <key>" in output


def test_no_file_of_a_run_is_a_pickle(whole_run):
    """Snakemake's own cache in its own folder is not the project's."""
    found = [
        str(path)
        for path in files(whole_run)
        if path.suffix in (".pkl", ".pickle", ".pt", ".pth", ".bin", ".npy", ".npz", ".joblib")
        or re.match(rb"\x80[\x02-\x05]|PK\x03\x04", path.read_bytes()[:4])
    ]
    assert found == []


def test_no_program_of_the_pipeline_unpickled_anything(whole_run, judged):
    repository, scratch, _ = judged
    for folder in (whole_run.parents[2], scratch / "0", scratch / "1"):
        assert (folder / "programs.txt").read_text().split(), "the programs were not watched"
        log = folder / "unpickled.txt"
        assert not log.exists(), log.read_text()[:3000]


def test_pages_and_pictures_load_nothing_from_outside(whole_run):
    pages = [path for path in files(whole_run) if path.suffix in (".html", ".svg")]
    assert {"report.html", "rater1.html", "figure4.html", "paper_vs_ours.html"} <= {path.name for path in pages}
    for path in pages:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".html" and "<html" in text:
            (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)"', text)
            assert policy.startswith("default-src 'none'"), path
            assert "unsafe" not in policy and "http" not in policy and "*" not in policy, path
        for address in re.findall(r"""(?:\bsrc|\bhref|\baction|\bdata|\bposter|\bsrcset)\s*=\s*["']([^"']*)""", text):
            assert address.startswith(("#", "data:")) or is_local_link(path, address), f"{path}: {address[:80]}"
        assert not re.search(r"@import|<iframe|<object|<embed|<base\b", text), path
        for address in re.findall(r"url\(\s*[\"']?([^)\"']+)", text):
            assert address.startswith(("#", "data:")), f"{path}: {address[:80]}"


def is_local_link(page: Path, address: str) -> bool:
    """Say whether an address is that of a file of the run."""
    return "://" not in address and (page.parent / address.partition("#")[0]).resolve().exists()
