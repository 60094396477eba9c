"""Provenance: what a run was made of, and whether its files are still the same."""

import copy
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from recexplainer.errors import InputError
from recexplainer.files import read_json, write_json
from recexplainer.provenance.machine import commit, machine, packages
from recexplainer.provenance.record import config_digest, record
from recexplainer.provenance.verify import compare
from recexplainer.secrets import looks_secret, without_secrets

ROOT = Path(__file__).parents[3]


@pytest.fixture
def paper() -> dict:
    return yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def demo(paper) -> dict:
    """The paper's config with the demo's generated data."""
    config = copy.deepcopy(paper)
    config["pathvars"]["results"] = "results/demo"
    for name in ("games", "steam"):
        config["datasets"][name]["generate"] = {"users": 700}
    config["sharegpt"]["generate"] = {"conversations": 14000}
    return config


# ---------------------------------------------------------------- the record


@pytest.fixture
def run(tmp_path, monkeypatch, demo):
    """A small run in the present folder; returns what writes its record."""
    monkeypatch.chdir(tmp_path)
    texts = {
        "results/demo/raw/games/reviews.gz": "reviews",
        "results/demo/raw/games/metadata.gz": "metadata",
        "results/demo/raw/sharegpt/conversations.json": "[]",
        "results/demo/raw/games/reviews.gz.part": "half",
        "results/demo/llm/scratch/model.safetensors": "weights",
        "results/demo/tables/table2.csv": "a,b\n1,2\n",
        "results/demo/predictions/games/base/ranking.parquet": "ranking",
        "results/demo/predictions/games/base/.ranking.parquet.partial": "half",
        "prompts.yaml": "question: why?\n",
        "lock.txt": "# a lock\npytest==0.1 \\\n    --hash=sha256:00\nno-such-package-here==1.0\n",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    manifest = {
        "folder": "results/demo/llm/scratch",
        "id": "lab/model-7b",
        "revision": "abc",
        "files": {"model.safetensors": digest_of("weights")},
    }
    write_json("results/demo/llm/base.json", manifest)

    def make(
        config=demo, output="results/demo/provenance.json", outputs=("results/demo/tables", "results/demo/predictions")
    ):
        record(
            results="results/demo",
            config=config,
            inputs=["prompts.yaml"],
            outputs=list(outputs),
            repository=str(tmp_path),
            lock="lock.txt",
            output=output,
        )
        return read_json(output)

    return make


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_record_names_every_file_with_its_checksum(run):
    found = run()
    files = {part: {entry["path"]: entry["sha256"] for entry in found[part]} for part in ("raw", "inputs", "outputs")}
    assert files == {
        "raw": {
            "results/demo/raw/games/metadata.gz": digest_of("metadata"),
            "results/demo/raw/games/reviews.gz": digest_of("reviews"),
            "results/demo/raw/sharegpt/conversations.json": digest_of("[]"),
        },
        "inputs": {"prompts.yaml": digest_of("question: why?\n")},
        "outputs": {
            "results/demo/predictions/games/base/ranking.parquet": digest_of("ranking"),
            "results/demo/tables/table2.csv": digest_of("a,b\n1,2\n"),
        },
    }
    assert found["outputs"][1]["bytes"] == 8
    assert found["llm"] == {"folder": "results/demo/llm/scratch", "id": "lab/model-7b", "revision": "abc"}
    assert found["model"][0]["sha256"] == digest_of("weights")
    assert found["raw"][1]["sources"] == ["results/demo/generated/games/reviews.gz"]
    assert found["raw"][1]["generated"] is True


def test_record_names_the_version(run, tmp_path):
    assert run()["version"] is None
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "3.2.1"\n')
    assert run()["version"] == "3.2.1"


def test_record_names_the_mirrors_of_real_data(run, paper):
    entry = run(paper)["raw"][1]
    assert entry["generated"] is False
    assert entry["sources"] == [
        place.get("url") or place["path"] for place in paper["datasets"]["games"]["sources"]["reviews"]
    ]
    assert any(place.startswith("https://") for place in entry["sources"])


def test_record_is_the_same_on_a_second_run(run):
    run()
    first = Path("results/demo/provenance.json").read_bytes()
    run(outputs=("results/demo/predictions", "results/demo/provenance.json", "results/demo/tables"))
    assert Path("results/demo/provenance.json").read_bytes() == first


def test_record_without_an_output_is_refused(run):
    with pytest.raises(InputError, match="table9.csv: no such file"):
        run(outputs=["results/demo/tables/table9.csv"])


def test_a_run_without_raw_data_and_llm_has_a_record(run, tmp_path):
    for path in ("results/demo/llm/base.json", *(tmp_path / "results/demo/raw").rglob("*.*")):
        Path(path).unlink()
    found = run()
    assert (found["llm"], found["model"], found["raw"]) == (None, [], [])


def test_no_secret_is_written(run, demo):
    planted = "sk-planted"
    demo["services"]["chatgpt"] |= {
        "api_key": planted,
        "base_url": f"https://me:{planted}@host:8/v1?token={planted}&v=2",
    }
    demo["sharegpt"]["sources"] = [{"url": f"https://{planted}@host/file", "accessToken": planted}]
    demo["services"]["gpt-4"]["model"] = "sk-slipped-into-the-model-0123456789"
    found = run(demo)
    assert planted not in Path("results/demo/provenance.json").read_text()
    assert found["config"]["services"]["gpt-4"]["model"] == "<key>"
    assert found["config"]["services"]["chatgpt"]["base_url"] == "https://host:8/v1?v=2"
    # Nothing else is lost.
    assert found["config"]["services"]["chatgpt"]["key_variable"] == "OPENAI_API_KEY"
    assert found["config"]["explanation"]["judge_max_tokens"] == 16
    assert found["config_digest"] == config_digest(found["config"])


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        *(
            (name, True)
            for name in ("api_key", "apiKey", "OPENAI_API_KEY", "password", "token", "hf_token", "accessToken")
        ),
        *((name, True) for name in ("client-secret", "key", "private_key", "X-Amz-Signature", "credentials", "auth")),
        *(
            (name, False)
            for name in ("max_tokens", "key_variable", "max_first_turn_tokens", "tokenizer", "keys", "author")
        ),
        *((name, False) for name in ("seed", "judge_max_tokens", "signal", "monkey", "token_variable")),
    ],
)
def test_names_of_secrets(name, secret):
    assert looks_secret(name) is secret


def test_the_projects_configs_lose_nothing():
    for path in sorted((ROOT / "config").glob("*.yaml")):
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert without_secrets(config) == config, path


def test_config_digest_knows_values_and_not_their_order():
    assert config_digest({"a": 1, "b": {"c": 2, "d": 3}}) == config_digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert config_digest({"a": 1}) != config_digest({"a": 2})
    assert config_digest({"a": 1}) == hashlib.sha256(b'{"a":1}').hexdigest()


def test_packages_are_those_that_are_installed(run):
    assert packages("lock.txt") == {"pytest": pytest.__version__}
    Path("bad.txt").write_text("# fine\nnumpy>=2\n")
    with pytest.raises(InputError, match="bad.txt, line 2"):
        packages("bad.txt")


def test_machine_is_described():
    found = machine()
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["cores"] >= 1 and found["memory_gib"] >= 1 and found["cpu"]


def git(folder: Path, *arguments: str) -> str:
    options = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *options, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_commit_and_dirt(tmp_path, monkeypatch):
    project = tmp_path / "project"
    (project / "results").mkdir(parents=True)
    (project / "code.py").write_text("a = 1\n")
    assert commit(project) == {"commit": None, "dirty": None}
    git(project, "init", "-q")
    assert commit(project) == {"commit": None, "dirty": None}  # nothing is committed yet
    git(project, "add", "code.py")
    git(project, "commit", "-q", "-m", "first")
    head = git(project, "rev-parse", "HEAD")
    (project / "results" / "table.csv").write_text("1\n")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert commit(project, project / "results") == {"commit": head, "dirty": False}
    assert commit(project) == {"commit": head, "dirty": True}
    (project / "more.py").write_text("b = 1\n")
    assert commit(project, project / "results") == {"commit": head, "dirty": True}
    (project / "more.py").unlink()
    (project / "code.py").write_text("a = 2\n")
    assert commit(project, project / "results")["dirty"] is True


def test_a_repository_around_the_project_says_nothing_of_it(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "file").write_text("a")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-q", "-m", "first")
    (tmp_path / "project").mkdir()
    assert commit(tmp_path / "project") == {"commit": None, "dirty": None}


# ---------------------------------------------------------------- the check


def program(name: str, *arguments: str) -> subprocess.CompletedProcess:
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}
    script = ROOT / "workflow" / "scripts" / f"{name}.py"
    return subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, env=environment)


def test_programs_record_and_verify(run, demo):
    made = program(
        "provenance",
        *("--results", "results/demo", "--config-json", json.dumps(demo), "--inputs", "prompts.yaml"),
        *("--outputs", "results/demo/tables", "results/demo/predictions", "--output", "results/demo/provenance.json"),
    )
    assert made.returncode == 0, made.stderr
    assert "numpy" in read_json("results/demo/provenance.json")["packages"]
    checked = program("verify", "--provenance", "results/demo/provenance.json")
    assert (checked.returncode, checked.stdout) == (0, "SAME: all 9 files are as recorded.\n")
    Path("results/demo/raw/games/reviews.gz").write_text("Reviews")
    Path("results/demo/tables/table2.csv").unlink()
    checked = program("verify", "--provenance", "results/demo/provenance.json")
    lines = checked.stdout.splitlines()
    assert checked.returncode == 1
    assert lines[0].startswith("differs: raw: results/demo/raw/games/reviews.gz: ")
    assert lines[1:] == [
        "missing: outputs: results/demo/tables/table2.csv",
        "NOT THE SAME: 1 differ, 1 are missing, 7 are as recorded.",
    ]
    refused = program("verify", "--provenance", "nowhere.json")
    assert refused.returncode == 2 and "nowhere.json: no such file" in refused.stderr


@pytest.mark.parametrize(
    "path",
    [
        "prompts.yaml",
        "results/demo/llm/scratch/model.safetensors",
        "results/demo/predictions/games/base/ranking.parquet",
    ],
)
def test_each_kind_of_file_is_checked(run, path):
    run()
    Path(path).write_text(Path(path).read_text() + " ")
    result = compare("results/demo/provenance.json")
    assert not result.same and len(result.differs) == 1 and path in result.differs[0]


def test_a_missing_file_alone_is_a_fault(run):
    run()
    Path("results/demo/tables/table2.csv").unlink()
    result = compare("results/demo/provenance.json")
    assert (result.same, result.differs, result.missing) == (False, [], ["outputs: results/demo/tables/table2.csv"])


def test_new_files_are_named_and_no_fault(run):
    run()
    for name in ("tables/more.csv", "predictions/games/base/more.parquet", "raw/steam/reviews.gz", "logs/all.log"):
        path = Path("results/demo") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("new")
    result = compare("results/demo/provenance.json")
    assert result.same
    assert result.new == [
        f"results/demo/{name}"
        for name in ("predictions/games/base/more.parquet", "raw/steam/reviews.gz", "tables/more.csv")
    ]


def test_an_output_in_the_runs_folder_does_not_make_all_of_it_new(run):
    Path("results/demo/report.html").write_text("<p>")
    Path("results/demo/other.html").write_text("<p>")
    run(outputs=["results/demo/report.html"])
    assert compare("results/demo/provenance.json").new == ["results/demo/other.html"]


def test_an_edited_config_is_found(run):
    found = run()
    found["config"]["seed"] += 1
    write_json("results/demo/provenance.json", found)
    assert "config" in compare("results/demo/provenance.json").differs[0]


@pytest.mark.parametrize("part", ["outputs", "raw", "config", "config_digest", "results"])
def test_a_record_that_lacks_a_part_is_refused(run, part):
    found = run()
    del found[part]
    write_json("results/demo/provenance.json", found)
    with pytest.raises(InputError, match=part):
        compare("results/demo/provenance.json")
