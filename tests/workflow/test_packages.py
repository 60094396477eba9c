"""A package never looks up: every import points from a package to one that stands below it.

Imports inside functions count. A module beside the packages counts as one.
"""

import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from clone import ROOT

from recexplainer.digest import imported

SOURCE = ROOT / "src/recexplainer"

# From the bottom to the top.
ORDER = """
errors columns seeds secrets config decision duration garbage progress run_names sources systems
place files digest folders csv_rows yaml_files given typed problems tensors devices pages style arguments cli about
statistics service settings
data checking demo recommender prompts llm tasks alignment inference evaluation explanation judgement study faithfulness
provenance planning
tables figures paper report publishing comparison documentation interactive
""".split()

# Programs, rules and the command of pyproject.toml need packages too.
USERS = [
    *(ROOT / "workflow/scripts").glob("*.py"),
    *(ROOT / "rules").glob("*.smk"),
    ROOT / "Snakefile",
    ROOT / "pyproject.toml",
    *(ROOT / "src/snakemake_logger_plugin_recexplainer").glob("*.py"),
]


def packages(source: Path) -> set[str]:
    """Return the packages below a folder, and the modules that stand beside them."""
    return {path.stem for path in source.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()} - {
        "__init__",
        "__main__",
    }


def arrows(source: Path) -> dict[tuple[str, str], str]:
    """Return which package imports which, with a module in which it does."""
    known, found = packages(source), {}
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        package = ".".join([source.name, *parts[:-1]])
        for module in imported(path, package):
            root, _, rest = module.partition(".")
            target = rest.partition(".")[0]
            if root == source.name and target in known - {parts[0]}:
                found[parts[0], target] = "/".join(parts)
    return found


ARROWS = arrows(SOURCE)


def test_every_package_has_its_place():
    assert sorted(ORDER) == sorted(packages(SOURCE))


def test_no_import_points_up():
    place = {name: number for number, name in enumerate(ORDER)}
    inside = {names: module for names, module in ARROWS.items() if set(names) <= set(ORDER)}
    wrong = {module: names for names, module in inside.items() if place[names[0]] < place[names[1]]}
    assert not wrong


def test_no_imports_go_round_in_a_circle():
    graph: dict[str, set[str]] = {}
    for source, target in ARROWS:
        graph.setdefault(source, set()).add(target)
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("package", ORDER)
def test_somebody_needs_every_package(package):
    asked = re.compile(rf"\brecexplainer\.{package}\b|\bfrom recexplainer import [\w, ]*\b{package}\b")
    assert any(target == package for _, target in ARROWS) or any(
        asked.search(path.read_text(encoding="utf-8")) for path in USERS
    )


def test_an_import_inside_a_function_is_an_arrow(tmp_path):
    house = tmp_path / "house"
    for name, text in {
        "low/tools.py": "def f():\n    from house.high import g\n    return g\n",
        "low/__init__.py": "",
        "high/__init__.py": "from ..low import tools\n",
        "__init__.py": "",
    }.items():
        (house / name).parent.mkdir(parents=True, exist_ok=True)
        (house / name).write_text(text)
    found = arrows(house)
    assert found == {("low", "high"): "low/tools", ("high", "low"): "high/__init__"}
    with pytest.raises(CycleError):
        TopologicalSorter({"low": {"high"}, "high": {"low"}}).prepare()
