"""One whole run in earnest, at the smallest scale, for all tests that need its files."""

import pytest
from clone import CONFIG, copy_repository, snakemake
from hypothesis import settings
from watched import watch

# How long an example takes says more of the machine than of the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


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
