"""One whole run in earnest, at the smallest scale, for all tests that need its files."""

import pytest
from clone import CONFIG, copy_repository, snakemake
from hypothesis import settings
from watched import watch

# How long an example takes says more of the machine than of the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# The quick ones first.
FOLDERS = ("unit", "workflow", "browser", "end_to_end", "cluster", "chaos")


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items):
    """Give each module to one process of several, and all that need the whole run to the same one: it is made once.

    They come first, as they take longest; beside them the quick ones come before the slow ones.
    """
    sharing = {item.path for item in items if "whole_run" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: (item.path not in sharing, FOLDERS.index(item.path.parent.name)))
    for item in items:
        group = "whole run" if item.path in sharing else item.path.stem
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory):
    """Return the results of a run of every rule; the repository is two folders above them.

    The run has secrets in its environment, and its programs are watched for pickles: :mod:`watched`.
    """
    folder = copy_repository(tmp_path_factory.mktemp("pipeline") / "repository")
    with watch(folder.parent) as front:
        done = snakemake(folder, "--configfile", CONFIG, front=front)
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    assert "Done. Open results/smallest/report.html" in done.stdout + done.stderr
    return folder / "results/smallest"


@pytest.fixture(scope="module")
def explainer(whole_run):
    """Return the whole run as something that can be asked."""
    from recexplainer.interactive.explainer import Explainer

    # The config names its files from the repository's folder.
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(whole_run.parents[1])
        yield Explainer("results/smallest", "games")
