"""One whole run in earnest, at the smallest scale, for all tests that need its files."""

import re
import time
from functools import cache
from pathlib import Path

import pytest
from clone import CONFIG, copy_repository, snakemake
from hypothesis import settings
from watched import watch
from xdist.scheduler import LoadScopeScheduling

# How long an example takes says more of the machine than of the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# The quick ones first.
FOLDERS = ("unit", "workflow", "browser", "end_to_end", "cluster", "chaos")
# What takes minutes: `make test` leaves it to `make test-all`.
SLOW = (
    *("cluster/test_cluster.py", "chaos/test_kills.py", "chaos/test_workflow_faults.py"),
    *("end_to_end/test_own_everything.py", "end_to_end/test_pocket.py", "end_to_end/test_vicuna_folder.py"),
)
BEGUN = time.monotonic()


def pytest_addoption(parser):
    """Let a machine that is slow today end in time: what it has not tested it names."""
    parser.addoption("--slow-until", type=float, metavar="MINUTES", help="skip slow tests that would begin later")


@cache
def shares_the_run(path: Path) -> bool:
    """Whether a module has a test that needs :func:`whole_run`."""
    return bool(re.search(r"\bwhole_run\b", path.read_text(encoding="utf-8")))


def pytest_collection_modifyitems(items):
    """Begin with what needs the whole run, as that takes longest; of the rest, the quick ones come first."""
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).as_posix() in SLOW:
            item.add_marker("slow")
    items.sort(
        key=lambda item: (
            not shares_the_run(item.path),
            item.get_closest_marker("slow") is not None,
            FOLDERS.index(item.path.relative_to(here).parts[0]),
        )
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Skip a slow test, before its fixtures are made, if it comes too late."""
    limit = item.config.getoption("--slow-until")
    if limit is not None and item.get_closest_marker("slow") and time.monotonic() - BEGUN > 60 * limit:
        pytest.skip(f"slow, and not begun within {limit:g} minutes")


def pytest_xdist_make_scheduler(config, log):
    """Give each module to one process of several, and all that need the whole run to the same one: it is made once."""

    class ByModule(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module = nodeid.split("::")[0]
            return "whole run" if shares_the_run(config.rootpath / module) else module

    return ByModule(config, log)


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory):
    """Return the results of a run of every rule; the repository is two folders above them.

    The run has secrets in its environment, and its programs are watched for pickles: :mod:`watched`.
    """
    folder = copy_repository(tmp_path_factory.mktemp("pipeline") / "repository")
    with watch(folder.parent) as front:
        done = snakemake(folder, "--configfile", CONFIG, front=front)
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    assert "Done. Demo run: " in done.stdout + done.stderr
    assert "Open results/smallest/report.html" in done.stdout + done.stderr
    return folder / "results/smallest"


@pytest.fixture(scope="module")
def explainer(whole_run):
    """Return the whole run as something that can be asked."""
    from recexplainer.interactive.explainer import Explainer

    # The config names its files from the repository's folder.
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(whole_run.parents[1])
        yield Explainer("results/smallest", "games")
