"""The code digest: logic changes it, words and positions do not."""

import ast
import shutil
import sys

import pytest
from clone import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from recexplainer import digest
from recexplainer.digest import closure, code_digest, code_digests, meaning

FIRST = '''"""Doc."""
from package.inner.second import g


def f(x):
    """Doc."""
    return g(x)
'''
SECOND = """from . import third
from ..fourth import h


def g(x):
    return third.N + h(x)
"""
RUN = '''"""Doc."""
import os


def main():
    from package import first
    return first.f(1)
'''
FILES = {
    "scripts/run.py": RUN,
    "src/package/__init__.py": "",
    "src/package/first.py": FIRST,
    "src/package/inner/__init__.py": "LEVEL = 1\n",
    "src/package/inner/second.py": SECOND,
    "src/package/inner/third.py": "N = 2\n",
    "src/package/fourth.py": "def h(x):\n    return x\n",
    "src/package/unused.py": "M = 1\n",
}


class Project:
    """A small project whose files can be changed; each digest is taken in a fresh folder, past any cache."""

    def __init__(self, folder):
        self.folder, self.count = folder, 0

    def digest(self, **changes) -> str:
        return code_digest(*self.write(changes))

    def write(self, changes):
        self.count += 1
        root = self.folder / str(self.count)
        for name, text in FILES.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            stem = path.stem if path.stem != "__init__" else path.parent.name + "_init"
            path.write_text(changes.get(stem, text), encoding="utf-8")
        return root / "scripts/run.py", root / "src"


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def test_the_closure_follows_every_kind_of_import(project):
    script, source = project.write({})
    names = set(closure(script, source).values())
    assert names == {"run", "package", "package.first", "package.inner", "package.inner.second"} | {
        "package.inner.third",
        "package.fourth",
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"run": RUN.replace("f(1)", "f(2)")},
        {"package_init": "VERSION = 1\n"},
        {"inner_init": "LEVEL = 2\n"},
        {"third": "N = 3\n"},
        {"fourth": "def h(x):\n    return -x\n"},
        {"fourth": "def h(x, y=0):\n    return x\n"},
        {"first": FIRST.replace("return g(x)", "if x:\n        return g(x)")},
        {"run": RUN.replace("import first", "import first, unused")},
    ],
)
def test_logic_changes_it(project, changes):
    assert project.digest(**changes) != project.digest()


@pytest.mark.parametrize(
    "changes",
    [
        {"unused": "M = 2\n"},
        {"first": FIRST.replace("Doc.", "Other words.")},
        {"first": FIRST.replace('    """Doc."""\n', "")},
        {"third": "N = 2  # a comment\n"},
        {"third": "\n\n# moved down\nN = 2\n"},
        {"third": 'N = 2\n"""What N is."""\n'},
        {"third": "N = (\n    2\n)\n"},
        {"third": "N = 2\r\n"},
    ],
)
def test_words_and_positions_do_not(project, changes):
    assert project.digest(**changes) == project.digest()


@settings(max_examples=30, derandomize=True)
@given(
    comment=st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20), lines=st.integers(0, 5)
)
def test_no_comment_changes_it(tmp_path_factory, comment, lines):
    project = Project(tmp_path_factory.mktemp("project"))
    assert project.digest(third="\n" * lines + f"# {comment}\nN = 2\n") == project.digest()


def test_two_files_with_exchanged_contents_differ(project):
    first = project.digest(third="N = 1\n", package_init="N = 2\n")
    assert first != project.digest(third="N = 2\n", package_init="N = 1\n")


def test_it_does_not_depend_on_the_place(project, tmp_path):
    script, source = project.write({})
    shutil.copytree(source.parent, tmp_path / "elsewhere")
    assert code_digest(tmp_path / "elsewhere/scripts/run.py", tmp_path / "elsewhere/src") == code_digest(script, source)


def test_circular_imports_end(project):
    assert project.digest(third="import package.first\nN = 2\n") != project.digest()


def test_an_edit_of_the_deepspeed_glue_is_the_alignments_alone(tmp_path):
    """The small LLM is not trained again for it, and the base LLM's answers stay; what follows an alignment does."""
    for part in ("src/recexplainer", "workflow/scripts"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    with open(tmp_path / "src/recexplainer/alignment/engine.py", "a", encoding="utf-8") as file:
        file.write("\nEDITED = 1\n")
    scripts = [path.name for path in (ROOT / "workflow/scripts").glob("*.py")]
    before, after = (
        {name: code_digest(place / "workflow/scripts" / name, place / "src") for name in scripts}
        for place in (ROOT, tmp_path)
    )
    assert {name for name in scripts if before[name] != after[name]} == {"align.py"}


@pytest.fixture
def another_process(project, monkeypatch):
    """A function that takes all scripts' digests as a process of its own does, and says what it had to parse."""
    parse = ast.parse

    def take(kept, **changes) -> tuple[dict[str, str], list[str]]:
        monkeypatch.setattr(digest, "_known", {})
        monkeypatch.setattr(digest, "_earlier", {})
        script, source = project.write(changes)
        parsed = []
        with monkeypatch.context() as patch:
            patch.setattr(ast, "parse", lambda text, filename: parsed.append(filename) or parse(text, filename))
            taken = code_digests(script.parent, source, kept=kept)
        return taken, [name.rpartition("/")[2] for name in parsed]

    return take


def test_what_was_found_in_a_file_is_kept_until_it_changes(project, another_process, tmp_path):
    kept = tmp_path / "kept/digests.json"
    first, parsed = another_process(kept)
    assert first == {"run.py": project.digest()} and len(parsed) == len(FILES) - 1  # one is not imported
    assert another_process(kept) == (first, [])
    changed = {"third": "from package import unused\nN = 2\n"}
    assert another_process(kept, **changed) == ({"run.py": project.digest(**changed)}, ["third.py", "unused.py"])
    assert another_process(kept, **changed)[1] == []
    assert another_process(kept)[1] == ["third.py"]  # of what is no longer there, nothing is kept


@pytest.mark.parametrize("content", [None, "", "{", "[]", "3", '{"another": {}}', "\0"])
def test_kept_digests_that_cannot_be_read_are_taken_anew(another_process, tmp_path, content):
    kept = tmp_path / "digests.json"
    expected, parsed = another_process(kept)
    if content is None:
        kept.unlink()
        kept.mkdir()
    else:
        kept.write_text(content)
    assert another_process(kept) == (expected, parsed)
    assert another_process(kept)[1] == (parsed if content is None else [])


def test_what_another_python_has_found_is_not_used(another_process, tmp_path, monkeypatch):
    kept = tmp_path / "digests.json"
    taken = another_process(kept)
    monkeypatch.setattr(sys, "version", "another")
    assert another_process(kept) == taken


@pytest.mark.parametrize("module", ["checkpoint", "interruption", "record", "run", "training"])
def test_the_training_under_deepspeed_is_the_alignments_alone(module):
    name = f"recexplainer.alignment.{module}"
    scripts = (ROOT / "workflow/scripts").glob("*.py")
    assert [path.name for path in scripts if name in closure(path, ROOT / "src").values()] == ["align.py"]


def test_a_missing_script_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        code_digest(tmp_path / "absent.py")


YAML = "# Words.\nquestion:\n  - |\n    # no comment: {item}?\n    Why?\n  - 'other'\n"
JINJA = "{{ bos_token }}{% for m in messages %}\n{{ m.content }} end\n{% endfor %}\n"


@pytest.mark.parametrize(
    ("name", "text", "other"),
    [
        ("a.yaml", YAML, YAML.replace("# Words.\n", "")),
        ("a.yaml", YAML, YAML.replace("  - 'other'", "\n  # more\n  - other   # the last")),
        ("a.jinja", JINJA, "{# Words. #}" + JINJA),
        ("a.jinja", JINJA, JINJA.replace("{% for", "{#- more -#}\n{% for")),
        ("a.jinja", JINJA, JINJA.replace("}} end", "}} e{# inside a word #}nd")),
        ("a.jinja", JINJA, JINJA.replace("m.content", "m . content")),
    ],
)
def test_a_comment_changes_no_meaning(tmp_path, name, text, other):
    assert text != other
    (tmp_path / name).write_text(text)
    before = meaning(tmp_path / name)
    (tmp_path / name).write_text(other)
    assert meaning(tmp_path / name) == before


@pytest.mark.parametrize(
    ("name", "text", "other"),
    [
        ("a.yaml", YAML, YAML.replace("# no comment", "# a comment")),
        ("a.yaml", YAML, YAML.replace("Why?\n  -", "Why? \n  -")),
        ("a.yaml", "a: 1\nb: 2\n", "b: 2\na: 1\n"),
        ("a.yaml", YAML, "a: [" + YAML),
        ("a.jinja", JINJA, JINJA.replace("}} end", "}}  end")),
        ("a.jinja", JINJA, JINJA.replace("m.content", "m.content | trim")),
        ("a.jinja", JINJA, "{% for " + JINJA),
        ("a.txt", "# a", "# b"),
    ],
)
def test_other_words_change_the_meaning(tmp_path, name, text, other):
    assert text != other
    (tmp_path / name).write_text(text)
    before = meaning(tmp_path / name)
    (tmp_path / name).write_text(other)
    assert meaning(tmp_path / name) != before


def test_the_meaning_of_several_files_is_that_of_each_in_order(tmp_path):
    for name, text in (("a.yaml", "x"), ("b.yaml", "y"), ("c.yaml", "x\ny")):
        (tmp_path / name).write_text(text)
    a, b, c = (tmp_path / name for name in ("a.yaml", "b.yaml", "c.yaml"))
    assert len({meaning(a, b), meaning(b, a), meaning(a), meaning(c), meaning(), meaning(tmp_path / "none.yaml")}) == 6
