"""What the project says of itself is the same in every place, and what follows from code is up to date."""

import json
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
import yaml
from clone import CONFIG, ROOT, copy_repository, snakemake

from recexplainer.documentation.metadata import metadata_files
from recexplainer.documentation.reference import reference_page
from recexplainer.documentation.results import results_page
from recexplainer.documentation.rules import read_stages
from recexplainer.errors import InputError
from recexplainer.provenance.machine import version

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands(target: str) -> list[str]:
    """Return the commands of a target of the Makefile."""
    return (
        re.search(rf"^{target}:.*\n((?:\t.*\n)+)", text("Makefile"), re.MULTILINE)
        .group(1)
        .replace("\t", "")
        .split("\n")[:-1]
    )


# The version


def test_there_is_one_version():
    assert re.search(r"^## (\S+)", text("CHANGELOG.md"), re.MULTILINE).group(1) == VERSION
    assert yaml.safe_load(text("CITATION.cff"))["version"] == VERSION
    assert version(ROOT) == VERSION


def test_what_catalogues_read_is_written_from_the_project_file(tmp_path):
    for name, written in metadata_files(ROOT / "pyproject.toml").items():
        assert text(name) == written, f"{name}: run `make docs`"
    cited, coded = yaml.safe_load(text("CITATION.cff")), json.loads(text("codemeta.json"))
    assert cited["preferred-citation"]["doi"] in text("README.md")
    people = ", ".join(f"{one['given-names']} {one['family-names']}" for one in cited["preferred-citation"]["authors"])
    assert people in text("README.md").replace("\n> ", " ")
    assert coded["version"] == cited["version"] == VERSION and coded["license"].endswith(f"/{cited['license']}")
    deployed = yaml.safe_load(text(".snakemake-workflow-catalog.yml"))["usage"]["software-stack-deployment"]
    rules = "".join(text(f"rules/{path.name}") for path in (ROOT / "rules").glob("*.smk"))
    assert deployed == {"conda": len(re.findall("^rule ", rules, re.MULTILINE)) == rules.count("\n    conda:\n")}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: b"[project]\n", "'tool'"),
        (lambda content: content.decode().encode("utf-16"), "not UTF-8 .*Save it as UTF-8"),
        (lambda content: content.replace(b"authors = [\n    [", b"authors = [\n    [1], ["), "not enough values"),
        (lambda content: content.replace(b"authors = [{", b'authors = ["x", {'), "indices must be integers"),
        (lambda content: content.replace(b"dependencies = [", b"dependencies = [1, "), "got 'int'"),
        (lambda content: content[: len(content) // 2] + b'x = "', "expected the project's metadata"),
    ],
)
def test_a_project_file_that_is_wrong_is_told_in_one_line(tmp_path, change, said):
    content = (ROOT / "pyproject.toml").read_bytes()
    (tmp_path / "pyproject.toml").write_bytes(change(content))
    with pytest.raises(InputError, match=rf"pyproject.toml: .*{said}"):
        metadata_files(tmp_path / "pyproject.toml")


def test_the_library_holds_no_version_so_that_another_one_reruns_nothing():
    for path in (ROOT / "src").rglob("*.py"):
        assert "__version__ =" not in path.read_text(encoding="utf-8"), path


def test_without_a_project_file_the_version_is_not_known(tmp_path):
    assert version(tmp_path) is None
    (tmp_path / "pyproject.toml").write_text("[tool]\n")
    assert version(tmp_path) is None
    (tmp_path / "pyproject.toml").write_bytes("[project]".encode("utf-16"))
    assert version(tmp_path) is None
    (tmp_path / "pyproject.toml").write_text("version: 1\n")
    assert version(tmp_path) is None


# The checks


def test_the_hooks_of_pre_commit_are_those_of_make_lint():
    (repository,) = yaml.safe_load(text(".pre-commit-config.yaml"))["repos"]
    assert repository["repo"] == "local"
    assert [hook["entry"].removeprefix(".venv/bin/") for hook in repository["hooks"]] == commands("lint")
    for hook in repository["hooks"]:
        assert (hook["language"], hook["pass_filenames"]) == ("system", False)
        assert hook["entry"].startswith(".venv/bin/")


def test_the_public_ci_runs_what_ci_runs():
    workflow = yaml.safe_load(text(".github/workflows/ci.yml"))
    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert (ROOT / ".ci/run").stat().st_mode & 0o111
    (python,) = (step["with"]["python-version"] for step in job["steps"] if "python" in step.get("uses", ""))
    assert f">={python}" == tomllib.loads(text("pyproject.toml"))["project"]["requires-python"]
    for target in ("setup", "lint", "docs", "test"):
        assert f"\nmake {target}" in text(".ci/run")


# The page of the results


def test_the_generated_pages_are_up_to_date(tmp_path):
    program = ROOT / "workflow/scripts/document.py"
    command = [sys.executable, str(program), "--root", str(tmp_path)]
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    files = [*tmp_path.rglob("*.md"), tmp_path / "config/schema.yaml"]
    made = {str(path.relative_to(tmp_path)): path.read_text(encoding="utf-8") for path in files}
    assert set(made) == {"results/README.md", "docs/config_reference.md", "config/schema.yaml"}
    for name, found in made.items():
        assert found == text(name), f"{name} is not what its sources say: run `make docs`"


def test_every_file_of_a_run_is_on_the_page_of_the_results(tmp_path):
    """Those that Snakemake itself says it would make; temporary ones are not there at the end."""
    page = text("results/README.md")
    patterns = set()
    for stage in read_stages(ROOT / "Snakefile"):
        for rule in stage.rules:
            assert f"| `{rule.name}` |" in page
            patterns |= {re.sub(r"\\\{\w+\\\}", "[^/]*", re.escape(file)) for file in rule.files}
    done = snakemake(copy_repository(tmp_path), "--dry-run", "--configfile", CONFIG)
    listed = re.findall(r"^    output: (.*)$", done.stdout + done.stderr, re.MULTILINE)
    files = [file.removeprefix("results/smallest/") for line in listed for file in line.split(", ")]
    assert len(files) > 100
    for file in files:
        file = file.removesuffix(" (not yet written)")
        assert file.startswith("shards/") or any(re.fullmatch(pattern, file) for pattern in patterns), file


def test_the_page_names_what_of_the_paper_is_where():
    page = results_page(ROOT / "Snakefile")
    for number in range(1, 5):
        assert f"| table {number} | `tables/table{number}.csv` |" in page
    for number in range(3, 7):
        assert re.search(rf"^\| figure {number} \| `figures/`: .*`figure{number}.svg`", page, re.MULTILINE)
    assert "| its claims in words | `tables/claims.csv` |" in page


def test_a_rule_without_a_docstring_is_refused(tmp_path):
    (tmp_path / "Snakefile").write_text('include: "a.smk"\n')
    (tmp_path / "a.smk").write_text(
        '# A stage.\n\n\nrule one:\n    """It is."""\n    output:\n        "<results>/x"\n\n\n'
        'rule two:\n    output:\n        "y"\n'
    )
    with pytest.raises(InputError, match="rule two: no docstring"):
        read_stages(tmp_path / "Snakefile")


def test_git_tracks_the_page_and_nothing_else_of_the_results(tmp_path):
    shutil.copy2(ROOT / ".gitignore", tmp_path)
    for name in ("results/README.md", "results/tables/table1.csv", "results/demo/README.md", "results/.x.sha256"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    done = subprocess.run(["git", "status", "--porcelain", "-uall"], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.split("\n")[:-1] == ["?? .gitignore", "?? results/README.md"]


def test_make_clean_leaves_the_page(tmp_path):
    shutil.copy2(ROOT / "Makefile", tmp_path)
    for name in ("results/README.md", "results/tables/table1.csv", "results/demo/report.html", "site/index.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for folder in ("src", "workflow", "tests"):
        (tmp_path / folder).mkdir()
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"Makefile", "results/README.md", "results/tables/table1.csv"}


# The reference of the config


def keys(rule: dict, path: tuple = ()):
    """Yield the paths of all keys that a rule names."""
    for name, inner in rule.get("properties", {}).items():
        yield (*path, name)
        yield from keys(inner, (*path, name))
    if isinstance(rule.get("additionalProperties"), dict):
        yield from keys(rule["additionalProperties"], (*path, "NAME"))


def test_every_key_of_the_schema_is_on_its_page():
    schema = yaml.safe_load(text("config/schema.yaml"))
    page = text("docs/config_reference.md")
    found = {*keys(schema), *(path for part in schema["$defs"].values() for path in keys(part))}
    assert {("alignment", "lora", "rank"), ("datasets", "NAME", "filter", "core"), ("sha256",)} <= found
    for path in found:
        assert f"| `{'.'.join(path)}` |" in page


def test_the_page_gives_default_limits_and_meaning():
    schema = yaml.safe_load(
        "properties:\n"
        "  a: {type: integer, minimum: 1, description: how | many <of them>}\n"
        "  b:\n    type: object\n    description: both\n    properties:\n"
        "      c: {enum: [x, null], description: which}\n"
        "      d: {type: number, minimum: 0, exclusiveMaximum: 1, default: 0.5, description: share}\n"
        "      e: {type: array, items: {type: string}, description: some}\n"
        "  f:\n    type: object\n    description: by name\n    additionalProperties:\n      type: object\n"
        "      description: one\n      properties: {g: {type: boolean, description: whether}, h: {$ref: '#/$defs/P'}}\n"
        "$defs:\n  P: {type: [object, 'null'], description: A part., properties: {i: {type: string}}}\n"
    )
    page = reference_page(schema, {"a": 2, "b": {"c": "x"}, "f": {"one": {"g": True}}})
    assert [line for line in page.splitlines() if line.startswith(("## ", "| `", "A part"))] == [
        "## a",
        "| `a` | `2` | a whole number, at least 1 | how \\| many &lt;of them> |",
        "## b",
        "| `b` |  | a mapping | both |",
        '| `b.c` | `"x"` | `x`, null | which |',
        "| `b.d` | `0.5` | a finite number, at least 0, under 1 | share |",
        "| `b.e` |  | a list, of: a text | some |",
        "## f",
        "| `f` |  | a mapping | by name |",
        "| `f.NAME` |  | a mapping | one |",
        "| `f.NAME.g` | `true` | true or false | whether |",
        "| `f.NAME.h` |  | a mapping, [P](#p) |  |",
        "## P",
        "A part.",
        "| `i` |  | a text |  |",
    ]


# The site


def test_every_page_of_the_site_can_be_reached_and_every_link_leads_somewhere():
    shown = yaml.safe_load(text("mkdocs.yml"))["nav"]
    named = [page for entry in shown for page in entry.values()]
    assert len(named) == len(set(named))
    assert {*named} == {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    for page in PAGES:
        content = page.read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", content)):
            if not link.startswith(("http", "#")):
                there = (page.parent / link.partition("#")[0]).resolve()
                assert there.exists(), f"{page.name}: {link}"
                # The site holds nothing but docs.
                assert page.parent == ROOT or there.is_relative_to(ROOT / "docs"), f"{page.name}: {link}"


def test_files_that_the_pages_name_are_there():
    """Those of the repository; a page of the site cannot link to them."""
    folders = "rules|src|workflow|tests|config|envs|slurm|benchmarks|docs"
    for page in PAGES:
        found = re.findall(
            rf"`((?:{folders})/[\w./-]+|\.ci/run|[A-Z]\w+\.(?:md|cff))`", page.read_text(encoding="utf-8")
        )
        for name in found:
            assert (ROOT / name).exists() or name == "config/prompts/mine.yaml", f"{page.name}: {name}"


def test_the_site_builds_strictly(tmp_path):
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: `make docs` does it")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} <= {
        path.parent.name for path in tmp_path.rglob("index.html")
    } | {"index"}


def test_the_readme_fits_in_a_sitting():
    assert len(text("README.md").splitlines()) <= 200


def test_what_is_said_to_be_in_a_module_is_there():
    text = " ".join((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split())
    said = re.findall(r"`([A-Za-z_]\w+)` (?:of|beside) `((?:src|rules)/[\w/]+\.(?:py|smk))`", text)
    assert len(said) > 10
    for name, path in said:
        there = rf"^\s*(?:def|class|rule) {name}\b|^{name} ?[:=]|\"{name}\""
        assert re.search(there, (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE), (name, path)
