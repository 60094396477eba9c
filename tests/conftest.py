"""One whole run in earnest, at the smallest scale, for all tests that need its files."""

import gc
import os
import time
from pathlib import Path

import background
import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

# Several processes of tests share the cores: threads of one that wait for each other would take them from the others.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says more of the machine than of the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

FOLDERS = ("unit", "workflow", "browser", "end_to_end", "cluster", "chaos")
# What takes longest comes first, so that no process has it left at the end.
LONG = (
    *("unit/interactive/test_sessions.py", "workflow/test_reruns.py", "unit/alignment/test_distributed.py"),
    *("unit/alignment/test_alignment.py", "unit/evaluation/test_shards.py", "unit/test_readme.py"),
    *("browser/test_accessible.py", "end_to_end/test_explain_command.py", "workflow/test_secrets.py"),
    *("browser/test_demo_ui.py", "end_to_end/test_pipeline.py", "end_to_end/test_exported_model.py"),
)
# What takes minutes: `make test` leaves it to `make test-all`.
SLOW = (
    *("cluster/test_cluster.py", "chaos/test_kills.py", "chaos/test_workflow_faults.py"),
    *("end_to_end/test_own_everything.py", "end_to_end/test_pocket.py", "end_to_end/test_vicuna_folder.py"),
)
BEGUN = time.monotonic()


def pytest_addoption(parser):
    """Let a machine that is slow today end in time: what it has not tested it names."""
    parser.addoption("--slow-until", type=float, metavar="MINUTES", help="skip slow tests that would begin later")


def needs_the_run(item) -> bool:
    """Whether a test uses :func:`whole_run`."""
    return "whole_run" in getattr(item, "fixturenames", ())


def pytest_collection_modifyitems(items):
    """Begin with what takes long, and end with what needs the whole run, which is done in the background meanwhile."""
    here = Path(__file__).parent
    names = {item.path: item.path.relative_to(here).as_posix() for item in items}
    for item in items:
        if names[item.path] in SLOW:
            item.add_marker("slow")
    sharing = {item.path for item in items if needs_the_run(item)}
    items.sort(
        key=lambda item: (
            item.get_closest_marker("slow") is not None,
            item.path in sharing,
            LONG.index(names[item.path]) if names[item.path] in LONG else len(LONG),
            FOLDERS.index(names[item.path].partition("/")[0]),
        )
    )
    # What all modules have imported stays; no collection of garbage needs to go through it again.
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Skip a slow test, before its fixtures are made, if it comes too late."""
    limit = item.config.getoption("--slow-until")
    if limit is not None and item.get_closest_marker("slow") and time.monotonic() - BEGUN > 60 * limit:
        pytest.skip(f"slow, and not begun within {limit:g} minutes")


def pytest_xdist_make_scheduler(config, log):
    """Give each module to one process of several."""

    class ByModule(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid.split("::")[0]

    return ByModule(config, log)


@pytest.fixture(scope="session", autouse=True)
def begun_run(request, tmp_path_factory):
    """Begin the whole run with the first test, if there is one that needs it; return the folder of all its files.

    Of several processes of tests, one begins it.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder = folder / "pipeline"
    process = background.begin(folder) if any(map(needs_the_run, request.session.items)) else None
    yield folder
    if process:
        process.wait()  # another process may still need it


@pytest.fixture(scope="session")
def whole_run(begun_run):
    """Return the results of a run of every rule; the repository is two folders above them.

    All tests share them: who writes into them makes a copy first.
    """
    return background.end(begun_run)


@pytest.fixture(scope="module")
def explainer(whole_run):
    """Return the whole run as something that can be asked."""
    from recexplainer.interactive.explainer import Explainer

    # The config names its files from the repository's folder.
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(whole_run.parents[1])
        yield Explainer("results/smallest", "games")
