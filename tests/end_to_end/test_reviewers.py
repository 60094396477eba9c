"""A finished run handed over: one file with nothing of the data set, compared with its folder, and a valid crate."""

import io
import re
import zipfile

import pandas as pd
import pytest
from clone import command
from crates import VALIDATOR, validate

from recexplainer.files import read_parquet


@pytest.fixture(scope="module")
def bundled(whole_run, tmp_path_factory):
    output = tmp_path_factory.mktemp("bundle") / "run.zip"
    done = command("bundle", "results/smallest", "--output", output, folder=whole_run.parents[1])
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"written: {output}\n"
    return output


def plain(text: str) -> str:
    """Return the words of a text or a page, whatever stands between them."""
    return " ".join(re.findall(r"\w+", re.sub(r"<[^>]*>", " ", text)))


def test_no_history_no_question_and_no_user_of_the_run_is_in_its_bundle(whole_run, bundled):
    with zipfile.ZipFile(bundled) as opened:
        found = {name: opened.read(name) for name in opened.namelist()}
    assert {"report.html", "tables/table2.csv", "tables/claims.csv", "figures/learning_curves.svg"} <= set(found)
    files = [name for name in found if not name.startswith("rules/")]
    assert not [name for name in files if re.search(r"interactions|users|cases|prompt|figure[45]|study", name)]
    pages = [plain(text.decode()) for name, text in found.items() if name.endswith((".html", ".md", ".csv", ".svg"))]
    cases = read_parquet(next(whole_run.glob("explanations/*/cases.parquet")))
    # Whole ones: a text may well name some titles in a row.
    histories = {plain(" ".join(history)) for history in cases["history"] if len(history) > 3}
    users = {str(user) for user in read_parquet(next(whole_run.glob("data/*/users.parquet")))["user_id"]}
    assert len(histories) > 5 and len(users) > 10
    shown = plain((whole_run / "report.html").read_text(encoding="utf-8"))
    assert any(history in shown for history in histories)
    for text in pages:
        assert not [history for history in histories if history in text]
        assert not users & set(text.split())
    for name in [name for name in found if name.endswith(".parquet")]:
        frame = pd.read_parquet(io.BytesIO(found[name]))
        assert not {"history", "prompt", "user_id"} & set(frame), name


def test_a_bundle_is_compared_with_its_run(whole_run, bundled, tmp_path):
    done = command("compare", bundled, whole_run, "--output", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("identical: of ")
    rows = pd.read_csv(tmp_path / "out/comparison.csv")
    assert {"table1", "table2", "table3", "table4", "recommender", "controllability"} <= set(rows["table"])
    assert "Synthetic: generated data" in (tmp_path / "out/comparison.html").read_text(encoding="utf-8")


@pytest.mark.skipif(not VALIDATOR.is_file(), reason="make validator installs what validates a crate")
def test_the_bundle_of_a_run_is_a_valid_crate(bundled, tmp_path):
    with zipfile.ZipFile(bundled) as opened:
        opened.extractall(tmp_path)
    assert validate(tmp_path) == []
