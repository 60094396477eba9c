"""Runs as they are handed over: folders of results, published folders, and bundles."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from recexplainer.comparison.compare import Comparison, compare_runs
from recexplainer.comparison.page import write_page
from recexplainer.errors import InputError
from recexplainer.files import write_csv
from recexplainer.publishing.archive import unpacked


@contextmanager
def opened(runs: Sequence[str]) -> Iterator[list[Path]]:
    """Yield a folder for each run; those of bundles are temporary.

    Raises:
        InputError: there is no such run, or a bundle is damaged.
    """
    with ExitStack() as stack:
        folders = []
        for run in runs:
            path = Path(run)
            if not path.exists():
                raise InputError(f"{run}: no such run; expected a folder of results, a published one, or a bundle.")
            folders.append(path if path.is_dir() else stack.enter_context(unpacked(path)))
        yield folders


def compare(runs: Sequence[str], output: str | None = None) -> Comparison:
    """Compare runs with the first of them, and write a page and two CSV.

    Args:
        runs: two or more, of any of the three kinds.
        output: the folder that gets ``comparison.html``, ``comparison.csv`` and ``claims.csv``; None for no files.

    Raises:
        InputError: a run is none, or is damaged, or has nothing in common with the first.
    """
    with opened(runs) as folders:
        comparison = compare_runs(folders, runs)
        if output:
            write_csv(Path(output) / "comparison.csv", comparison.rows.round(6))
            write_csv(Path(output) / "claims.csv", comparison.claims)
            write_page(comparison, folders, Path(output) / "comparison.html")
    return comparison
