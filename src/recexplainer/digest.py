"""What a program does, or what a file of texts means, as one number.

Snakemake runs a stage again when its parameters change, but it does not look into imported modules. Each rule
therefore carries as a parameter the digest of its script's code and of the project's code that it imports. It is taken
over syntax trees without docstrings and line numbers: an edit of the logic changes it, a comment, a new line, a
docstring or a fresh clone does not. The same goes for files of prompts and chat templates.
"""

import ast
import hashlib
import json
from functools import cache
from pathlib import Path


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
        digest.update(f"{name} {_tree_digest(path)}\n".encode())
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


@cache
def imported(path: Path, package: str) -> tuple[str, ...]:
    """Return the modules that a file may import, anywhere in it; ``from a import b`` gives ``a`` and ``a.b``.

    Args:
        path: a Python file.
        package: the package that relative imports start from, "" for none.
    """
    modules = []
    for node in _nodes(path):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            modules += [base, *(f"{base}.{alias.name}" for alias in node.names if alias.name != "*")]
    return tuple(modules)


@cache
def _nodes(path: Path) -> tuple[ast.AST, ...]:
    """Return a file's syntax tree and every node in it, the tree itself first."""
    return tuple(ast.walk(ast.parse(path.read_bytes(), filename=str(path))))


@cache
def _tree_digest(path: Path) -> str:
    """Return the digest of a file's syntax tree without docstrings, and without positions."""
    tree, *_ = nodes = _nodes(path)
    for node in nodes:
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [statement for statement in body if not _is_docstring(statement)]
    return hashlib.sha256(ast.dump(tree, include_attributes=False).encode()).hexdigest()


def _is_docstring(statement: ast.stmt) -> bool:
    """A text that stands alone: a docstring of a module, class or function, or of the name above it."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
