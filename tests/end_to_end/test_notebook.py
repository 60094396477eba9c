"""The notebook of the docs, cell by cell on the whole run; what it finds is what the run's own measure finds."""

import os

import matplotlib.pyplot as plt
import nbformat
import pytest
from clone import ROOT

from recexplainer.recommender.removal import Decision, standings

PATH = ROOT / "docs/notebook.ipynb"
LOADED = '"results/demo"', '"results/smallest"'


@pytest.fixture(scope="module")
def notebook():
    found = nbformat.read(PATH, 4)
    nbformat.validate(found)
    return found


@pytest.fixture(scope="module")
def ran(notebook, whole_run):
    """The names that the notebook leaves, run where a program for notebooks runs it: in its own folder."""
    names, before = {}, os.getcwd()
    plt.switch_backend("agg")
    folder = whole_run.parents[1] / "docs"
    folder.mkdir(exist_ok=True)
    os.chdir(folder)
    try:
        for cell in notebook.cells:
            if cell.cell_type == "code":
                exec(cell.source.replace(*LOADED), names)
        yield names
    finally:
        os.chdir(before)
        plt.close("all")


def test_the_demo_is_what_is_loaded(notebook):
    assert sum(cell.source.count(LOADED[0]) for cell in notebook.cells) == 1


def test_nothing_that_a_run_printed_is_committed(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None


def test_the_check_is_the_runs_own(ran):
    explainer = ran["model"]._explainer
    seen, cited, item = ran["seen"], ran["cited"], explainer.find(ran["item"])
    assert cited < set(seen) and all(title in ran["answer"].text for title in cited)
    history = explainer.history_of(ran["user"])[:-1]
    score = float(explainer.scores([history])[0, item])
    decision = Decision("one", tuple(explainer.seen(history)), tuple(history), item, True, score)
    removed = frozenset(map(explainer.find, cited))
    (found,) = standings([decision], [(0, frozenset()), (0, removed)], explainer.scores)
    assert ran["lost"] == pytest.approx(found[frozenset()] - found[removed], abs=1e-6)


def test_the_plot_shows_every_item_of_the_history(ran):
    left, right = ran["figure"].axes
    assert [label.get_text() for label in left.get_yticklabels()] == list(ran["effects"])[::-1]
    assert len(left.patches) == len(set(ran["seen"]))
    assert sum(bar.get_height() for bar in right.patches) == len(ran["chance"])
    assert "generated data" in ran["figure"].get_suptitle()
