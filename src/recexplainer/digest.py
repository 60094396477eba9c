"""What a program does, or what a file of texts means, as one number.

Snakemake runs a stage again when its parameters change, but it does not look into imported modules. Each rule
therefore carries as a parameter the digest of its script's code and of the project's code that it imports. It is taken
over syntax trees without docstrings and line numbers: an edit of the logic changes it, a comment, a new line, a
docstring or a fresh clone does not. The same goes for files of prompts and chat templates.
"""

import ast
import hashlib
import json
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

from recexplainer.files import atomic

_Found = tuple[str, list[tuple[int, str, list[str]]]]
"""What is in a Python file: the digest of its code, and its imports: (level, from where, names), see :func:`_found`."""
_known: dict[str, _Found] = {}  # by the SHA-256 of a file's bytes
_earlier: dict[str, _Found] = {}  # what other processes have found, likewise


def code_digests(scripts: Path, *roots: Path, kept: Path) -> dict[str, str]:
    """Return the :func:`code_digest` of each script in a folder, by its name.

    Args:
        scripts: the folder.
        roots: as for :func:`closure`.
        kept: JSON file with what an earlier call has found in each file, by the file's bytes, so that what was not
            changed since need not be parsed; is written if something was. One that cannot be read counts as none.
    """
    maker = hashlib.sha256(f"{sys.version} {Path(__file__).read_text(encoding='utf-8')}".encode()).hexdigest()
    with suppress(OSError, ValueError, LookupError, TypeError):
        _earlier.update(json.loads(kept.read_bytes())[maker])
    result = {script.name: code_digest(script, *roots) for script in sorted(scripts.glob("*.py"))}
    if _known.keys() - _earlier.keys():
        with suppress(OSError), atomic(kept) as temporary:
            temporary.write_text(json.dumps({maker: _known}), encoding="utf-8")
    return result


def code_digest(script: str | Path, *roots: str | Path) -> str:
    """Return the SHA-256 of the code of a script's import closure, in hexadecimal.

    Args:
        script, roots: as for :func:`closure`.

    Raises:
        FileNotFoundError, SyntaxError: a file is missing or is not Python.
    """
    files = closure(script, *roots)
    digest = hashlib.sha256()
    for name, path in sorted((name, path) for path, name in files.items()):
        digest.update(f"{name} {_read(path)[0]}\n".encode())
    return digest.hexdigest()


def meaning(*paths: str | Path) -> str:
    """Return the SHA-256 of what YAML files hold, and of what Jinja templates write; comments do not count.

    A file that is not there, or cannot be read as what its name says, counts as its bytes: the stage that reads it says
    what is wrong.
    """
    digest = hashlib.sha256()
    for path in map(Path, paths):
        content = _meaning(path).encode()
        digest.update(f"{len(content)} ".encode() + content)
    return digest.hexdigest()


def _meaning(path: Path) -> str:
    import yaml
    from jinja2 import TemplateError

    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix in (".yaml", ".yml"):
            return json.dumps(yaml.safe_load(text), default=str)
        return _template(text) if path.suffix in (".jinja", ".jinja2", ".j2") else text
    except (OSError, TypeError, ValueError, RecursionError, yaml.YAMLError, TemplateError):
        return path.read_bytes().hex() if path.is_file() else ""


def _template(text: str) -> str:
    """Return a chat template's syntax tree, as transformers reads it."""
    from jinja2 import Environment, nodes

    reader = Environment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"], autoescape=True)
    tree = reader.parse(text)
    for output in tree.find_all(nodes.Output):
        joined: list[nodes.Node] = []
        for node in output.nodes:
            # A comment parts what is written in one.
            if joined and isinstance(node, nodes.TemplateData) and isinstance(joined[-1], nodes.TemplateData):
                joined[-1] = nodes.TemplateData(joined[-1].data + node.data)
            else:
                joined.append(node)
        output.nodes = joined
    return repr(tree)


def closure(script: str | Path, *roots: str | Path) -> dict[Path, str]:
    """Return the project's files that a script imports, itself included, each with its module name.

    Args:
        script: the Python file where the closure starts.
        roots: folders from which the project's modules are imported, such as ``src``; the script's own folder is
            always one of them. Imports inside functions count; packages' ``__init__`` files count.
    """
    script = Path(script).resolve()
    folders = (script.parent, *(Path(root).resolve() for root in roots))
    names, waiting = {script: script.stem}, [script]
    while waiting:
        path = waiting.pop()
        package = names[path] if path.name == "__init__.py" else names[path].rpartition(".")[0]
        for module in imported(path, package):
            for file, name in _resolve(module, folders):
                if file not in names:
                    names[file] = name
                    waiting.append(file)
    return names


@cache
def _resolve(module: str, folders: tuple[Path, ...]) -> tuple[tuple[Path, str], ...]:
    """Return (file, module name) of a module and of the packages that it lies in, if they are the project's."""
    files, parts = [], module.split(".")
    for end in range(1, len(parts) + 1):
        place, name = Path(*parts[:end]), ".".join(parts[:end])
        for folder in folders:
            for path in (folder / place / "__init__.py", (folder / place).with_suffix(".py")):
                if path.is_file():
                    files.append((path, name))
    return tuple(files)


def imported(path: Path, package: str) -> list[str]:
    """Return the modules that a file may import, anywhere in it; ``from a import b`` gives ``a`` and ``a.b``.

    Args:
        path: a Python file.
        package: the package that relative imports start from, "" for none.
    """
    modules = []
    for level, base, names in _read(path)[1]:
        if level:
            above = package.split(".")[: len(package.split(".")) - level + 1]
            base = ".".join([*above, base] if base else above)
        modules += [base, *(f"{base}.{name}" for name in names)] if base else names
    return modules


@cache
def _read(path: Path) -> _Found:
    """Return what is in a file; only what no file had before is parsed."""
    content = path.read_bytes()
    key = hashlib.sha256(content).hexdigest()
    if key not in _known:
        _known[key] = _earlier.get(key) or _found(ast.parse(content, filename=str(path)))
    return _known[key]


def _found(tree: ast.Module) -> _Found:
    """Return the digest of a syntax tree without docstrings and positions, and what is imported anywhere in it.

    ``import a, b`` is (0, "", [a, b]), and ``from ..a import b`` (2, "a", [b]).
    """
    imports: list[tuple[int, str, list[str]]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports.append((0, "", [alias.name for alias in node.names]))
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names if alias.name != "*"]
            imports.append((node.level, node.module or "", names))
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [statement for statement in body if not _is_docstring(statement)]
    return hashlib.sha256(ast.dump(tree, include_attributes=False).encode()).hexdigest(), imports


def _is_docstring(statement: ast.stmt) -> bool:
    """A text that stands alone: a docstring of a module, class or function, or of the name above it."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
