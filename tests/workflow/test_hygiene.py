"""Every rule is complete, every file keeps to its size, and dependencies point one way."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from clone import ROOT, copy_repository, snakemake

from recexplainer.digest import closure, imported

RULES = {
    name: body
    for path in sorted((ROOT / "rules").glob("*.smk"))
    for name, body in re.findall(r"^rule (\w+):\n((?:    .*\n|\n)+)", path.read_text(encoding="utf-8"), re.MULTILINE)
}
SCRIPTS = {path.name: path for path in sorted((ROOT / "workflow/scripts").glob("*.py"))}
LOCKS = {
    path.name: path.read_text(encoding="utf-8") for path in sorted([*ROOT.glob("*.lock"), *ROOT.glob("envs/*.lock")])
}
LOCK = dict(re.findall(r"^([^#\s]+)==(\S+)", LOCKS["requirements.lock"], re.MULTILINE))
# The package of a module, where the names differ.
PACKAGES = {"yaml": "pyyaml", "sklearn": "scikit-learn"}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(environment: Path) -> dict[str, str]:
    """Return the pinned pip packages of a conda environment."""
    dependencies = yaml.safe_load(environment.read_text(encoding="utf-8"))["dependencies"]
    return dict(pin.split("==") for part in dependencies if isinstance(part, dict) for pin in part["pip"])


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_complete(rule):
    body = RULES[rule]
    for directive in ("output", "log", "benchmark", "threads", "resources", "conda", "params", "shell"):
        assert re.search(rf"^    {directive}:", body, re.MULTILINE), directive
    for resource in ("mem_mb", "runtime"):
        assert f"{resource}=" in body
    assert ' --log {log:q} 2>&1 | tee -a {log:q}"' in body
    assert "--threads {" in body


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_carries_the_digest_of_its_script(rule):
    (script,) = re.findall(r"workflow/scripts/(\w+\.py)", RULES[rule])
    assert f'code=code_digest("{script}")' in RULES[rule]
    assert script in SCRIPTS


def test_every_script_has_a_rule_or_a_make_target():
    rules = {re.search(r"scripts/(\w+\.py)", body).group(1) for body in RULES.values()}
    targets = set(re.findall(r"scripts/(\w+\.py)", (ROOT / "Makefile").read_text(encoding="utf-8")))
    assert rules | targets == set(SCRIPTS)
    assert not rules & targets


@pytest.mark.parametrize("rule", RULES)
def test_inputs_and_outputs_are_named(rule):
    for directive in ("input", "output"):
        block = re.search(rf"^    {directive}:\n((?:        .*\n)+)", RULES[rule], re.MULTILINE)
        for line in block.group(1).splitlines() if block else []:
            if re.match(r" {8}\S", line) and not line.strip().startswith(("#", ")", "]")):
                assert re.match(r" {8}\w+=", line), line


def test_sizes():
    limits = {
        "rules/[!c]*.smk": 170,
        "rules/common.smk": 220,
        "workflow/scripts/*.py": 100,
        "src/recexplainer/**/*.py": 400,
        "Snakefile": 75,
    }
    for pattern, limit in limits.items():
        for path in ROOT.glob(pattern):
            assert len(path.read_text(encoding="utf-8").splitlines()) < limit, path


def test_the_library_imports_no_script_and_no_snakemake():
    for path in (ROOT / "src/recexplainer").rglob("*.py"):
        modules = {module.split(".")[0] for module in imported(path, "recexplainer")}
        assert not modules & {"snakemake", "workflow", *(name.removesuffix(".py") for name in SCRIPTS)}, path


def test_the_data_stage_knows_no_later_stage():
    for name in ("filter_dataset.py", "parse_conversations.py", "download.py"):
        modules = set(closure(SCRIPTS[name], ROOT / "src").values())
        assert not [module for module in modules if re.search(r"\.(llm|alignment|recommender|evaluation)\b", module)]


def test_the_alignment_knows_no_recommender():
    for name in ("align.py", "predict.py", "build_tasks.py"):
        modules = set(closure(SCRIPTS[name], ROOT / "src").values())
        assert not [
            module for module in modules if re.search(r"\.(sasrec|training|tuning)$", module) and "recomm" in module
        ]


@pytest.mark.parametrize("script", SCRIPTS)
def test_heavy_libraries_are_imported_after_the_thread_limits(script):
    tree = ast.parse(SCRIPTS[script].read_text(encoding="utf-8"))
    heavy = {"torch", "transformers", "numpy", "pandas", "pyarrow", "peft", "deepspeed"}
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert not heavy & {name.split(".")[0] for name in names}


@pytest.mark.parametrize("environment", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_environments_have_the_versions_of_the_lock(environment):
    lock = {canonical(name): version for name, version in LOCK.items()}
    assert pins(environment)
    for name, version in pins(environment).items():
        assert lock[canonical(name)] == version


@pytest.mark.parametrize("rule", RULES)
def test_a_rules_environment_has_what_its_script_imports(rule):
    (script,) = re.findall(r"workflow/scripts/(\w+\.py)", RULES[rule])
    (environment,) = re.findall(r"envs/(\w+\.yaml)", RULES[rule])
    there = {canonical(name) for name in pins(ROOT / "envs" / environment)}
    for path, name in closure(SCRIPTS[script], ROOT / "src").items():
        for module in imported(path, name.rpartition(".")[0]):
            top = module.split(".")[0]
            if top not in sys.stdlib_module_names and top != "recexplainer":
                assert canonical(PACKAGES.get(top, top)) in there, f"{path}: {top}"


def test_the_lock_pins_plain_versions():
    for name, version in LOCK.items():
        assert re.fullmatch(r"\d+(\.\w+)*", version), name


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_has_its_hash(lock):
    """And nothing else is in it: no address, no option, no package by range."""
    text = re.sub(r"^#.*\n", "", LOCKS[lock], flags=re.MULTILINE)
    entry = r"[A-Za-z0-9._-]+==[^\s;]+( \\\n    --hash=sha256:[0-9a-f]{64})+\n"
    assert re.sub(entry, "", text) == ""
    names = [canonical(name) for name in re.findall(r"^([^\s=]+)==", text, re.MULTILINE)]
    assert names == sorted(set(names))


@pytest.mark.parametrize("file", sorted(ROOT.glob("envs/Containerfile*")), ids=lambda path: path.name)
def test_an_image_is_built_upon_a_digest_with_its_tag_beside_it(file):
    bases = re.findall(r"^FROM\s+(.*)$", file.read_text(), re.MULTILINE | re.IGNORECASE)
    assert bases
    for base in bases:
        assert re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", base)


def test_lint_and_format(tmp_path):
    copy_repository(tmp_path)
    done = snakemake(tmp_path, "--lint")
    assert done.returncode == 0, done.stdout + done.stderr
    command = [sys.executable, "-m", "snakefmt", "--check", "Snakefile", "rules"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
