"""A file that a stage has written is read as it was written or refused; one of a user's own needs no checksum."""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from raw_settings import places

from recexplainer import files
from recexplainer.alignment.training import write_curve
from recexplainer.config.service import Price
from recexplainer.config.shown import Shown
from recexplainer.csv_rows import read_rows
from recexplainer.data.conversations import parse_conversations
from recexplainer.data.download import download
from recexplainer.demo.conversations import read_facts
from recexplainer.errors import InputError
from recexplainer.llm.base import checked_folder, make_manifest
from recexplainer.provenance.record import record
from recexplainer.provenance.verify import compare
from recexplainer.recommender.evaluation import COLUMNS, merge_metrics
from recexplainer.recommender.tuning import best_trial
from recexplainer.report.curves import learning_curves
from recexplainer.report.page import _figure, _fragment
from recexplainer.service.ledger import Ledger
from recexplainer.service.sealed import damaged_line
from recexplainer.service.store import AnswerStore, read_entries, request_key
from recexplainer.study.ratings import read_ratings

ROOT = Path(__file__).parents[2]
FRAME = pd.DataFrame({"method": ["a", "b"], "value": [0.25, 0.5]})
REQUEST = {"model": "m", "messages": [{"role": "user", "content": "é"}], "temperature": 0.0, "max_tokens": 8}
USAGE = {"prompt_tokens": 9, "completion_tokens": 4}


def answer(text: str) -> dict:
    return {"text": text, "finish": "stop", "model": "m", "usage": USAGE}


def flips(path: Path):
    """Change each byte of a file in turn, by one bit that moves on; yield its place. The file is mended at the end."""
    whole = path.read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        yield place
    path.write_bytes(whole)


def tuning_trial(path: Path) -> None:
    files.write_json(path, {"trial": 0, "validation_ndcg10": 0.5, "best_epoch": 3, "settings": {"lr": 0.001}})


def metrics(path: Path) -> None:
    files.write_csv(
        path, pd.DataFrame([["pop", *[0.5] * (len(COLUMNS) - 1)], ["sasrec"] + [0.6] * 18], columns=COLUMNS)
    )


def loss(path: Path) -> None:
    write_curve(path, [{"step": step, "loss": 1 / step, "lr": 0.1, "tokens": 9} for step in range(1, 9)])


def curve(path: Path) -> None:
    files.write_csv(path, pd.DataFrame({"epoch": range(1, 9), "train_loss": 0.5, "validation_ndcg10": 0.25}))


def read_losses(path: Path):
    return learning_curves(
        curves=[],
        datasets=[],
        losses=[path],
        runs=[["games", "hybrid", "full"]],
        settings=Shown(),
        output=path.with_name("out.csv"),
        images=[],
    )


def read_curve(path: Path):
    return learning_curves(
        curves=[path],
        datasets=["games"],
        losses=[],
        runs=[],
        settings=Shown(),
        output=path.with_name("out.csv"),
        images=[],
    )


def metadata(path: Path) -> None:
    with files.atomic(path) as temporary:
        temporary.write_bytes(gzip.compress(b'{"asin": "a", "title": "Film"}\n'))


HANDED = {
    "table.csv": (lambda path: files.write_csv(path, FRAME), lambda path: read_rows(path, ["method"])),
    "metadata.gz": (metadata, read_facts),
    "trial.json": (tuning_trial, lambda path: best_trial([path])),
    "metrics.csv": (metrics, lambda path: merge_metrics([path], ["games"])),
    "loss.csv": (loss, read_losses),
    "curve.csv": (curve, read_curve),
    "adapter_config.json": (lambda path: files.write_json(path, {"r": 16, "lora_alpha": 32}), files.read_json),
    "table.html": (lambda path: files.write_text(path, "<table><td>0.5</table>"), _fragment),
    "figure.svg": (lambda path: files.write_text(path, "<svg><path d='M 0 1'/></svg>"), _figure),
}


@pytest.mark.parametrize("name", HANDED)
def test_a_file_that_is_handed_on_is_refused_with_any_byte_changed_or_its_end_missing(tmp_path, name):
    write, read = HANDED[name]
    path = tmp_path / name
    write(path)
    for _ in flips(path):
        with pytest.raises(InputError, match=r"not what was written there.*Delete it and run its stage again"):
            read(path)
    whole = path.read_bytes()
    path.write_bytes(b"\n".join(whole.split(b"\n")[: len(whole.split(b"\n")) // 2]) + b"\n")
    with pytest.raises(InputError, match="not what was written there"):
        read(path)
    path.write_bytes(whole)
    if name != "trial.json":
        read(path)


@pytest.mark.parametrize("member", [False, True])
def test_a_file_of_the_workflows_own_is_not_taken_damaged_for_raw_data(tmp_path, member):
    path, output = tmp_path / "made.zip", tmp_path / "raw"
    with files.atomic(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.writestr("a", "b" * 9)
    sources = places({"path": str(path)} | ({"member": "a"} if member else {}))
    download(name="x", sources=sources, output=output)
    files.delete(output)
    whole = path.read_bytes()
    path.write_bytes(whole + b"x")
    with pytest.raises(InputError, match="made.zip: not what was written there"):
        download(name="x", sources=sources, output=output)
    assert not output.exists()


def test_no_damaged_file_of_a_small_llm_is_vouched_for(tmp_path):
    for name in ("config.json", "generation_config.json", "chat_template.jinja", "tokenizer_config.json"):
        files.write_text(tmp_path / "llm" / name, "{}\n")
    for name in ("generation_config.json", "chat_template.jinja", "tokenizer_config.json"):
        for _ in flips(tmp_path / "llm" / name):
            with pytest.raises(InputError, match=f"{name}: not what was written there"):
                make_manifest(
                    source="scratch",
                    folder=str(tmp_path / "llm"),
                    hub_id=None,
                    revision=None,
                    output=tmp_path / "base.json",
                )
    assert not (tmp_path / "base.json").exists()


def test_a_file_of_a_users_own_has_no_checksum_and_is_read(tmp_path):
    (tmp_path / "own.json").write_text('{"a": 1}')
    (tmp_path / "own.csv").write_text("a\n1\n")
    assert files.read_json(tmp_path / "own.json") == {"a": 1}
    assert list(files.read_csv(tmp_path / "own.csv")["a"]) == [1]


def test_a_result_copied_without_its_checksum_is_read_and_one_with_that_of_another_is_not(tmp_path):
    files.write_csv(tmp_path / "a.csv", FRAME)
    shutil.copy(tmp_path / "a.csv", tmp_path / "copy.csv")
    assert files.read_csv(tmp_path / "copy.csv").equals(FRAME)
    shutil.copy(files.checksum_of(tmp_path / "a.csv"), files.checksum_of(tmp_path / "copy.csv"))
    with pytest.raises(InputError, match="copy.csv: not what was written there"):
        files.read_csv(tmp_path / "copy.csv")


def test_sha256sum_reads_the_checksum(tmp_path):
    files.write_csv(tmp_path / "a.csv", FRAME)
    command = ["sha256sum", "--check", "--strict", ".a.csv.sha256"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout == b"a.csv: OK\n"


def test_a_raw_file_that_was_changed_is_not_parsed(tmp_path):
    source = tmp_path / "raw.json"
    turns = [{"from": "human", "value": "one"}, {"from": "gpt", "value": "two"}]
    files.write_json(source, [{"id": "a", "conversations": turns}])
    source.write_text(source.read_text().replace("two", "too"))
    with pytest.raises(InputError, match="raw.json: not what was written there"):
        parse_conversations(
            source=source, max_broken_share=0.0, output=tmp_path / "out.parquet", statistics=tmp_path / "out.json"
        )
    files.delete(source)
    source.write_text(json.dumps([{"id": "a", "conversations": turns}]))
    parse_conversations(
        source=source, max_broken_share=0.0, output=tmp_path / "out.parquet", statistics=tmp_path / "out.json"
    )


def test_simulated_ratings_that_were_changed_are_refused_and_those_of_people_are_read(tmp_path):
    key = {"study": "s", "raters": ["a"], "systems": ["x"], "texts": {"t": {"case": "c", "system": "x"}}}
    content = {"study": "s", "rater": "a", "simulated": True, "ratings": {"t": 2}}
    path = tmp_path / "a.json"
    files.write_json(path, content)
    path.write_text(path.read_text().replace("2", "3"))
    with pytest.raises(InputError, match="a.json: not what was written there"):
        read_ratings([str(path)], key)
    files.delete(path)
    path.write_text(json.dumps(content | {"simulated": False, "ratings": {"t": 3}}))
    assert list(read_ratings([str(path)], key)["rating"]) == [3]


# ---------------------------------------------------------------- kills

KILLED = """
import os, signal, sys
from pathlib import Path
from recexplainer import files

left = int(sys.argv[2])

def dying(call):
    def called(*args, **kwargs):
        global left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*args, **kwargs)
    return called

files.os.replace, files.os.fsync, Path.unlink = map(dying, (os.replace, os.fsync, Path.unlink))
files.write_json(sys.argv[1], "new")
"""


def test_a_kill_at_any_moment_leaves_the_old_value_or_the_new_one_and_never_a_refusal(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    seen = []
    for moment in range(1, 20):
        path = tmp_path / str(moment) / "value.json"
        files.write_json(path, "old")
        command = [sys.executable, "-c", KILLED, str(path), str(moment)]
        code = subprocess.run(command, env=environment, timeout=60).returncode
        seen.append(files.read_json(path))
        files.write_json(path, "again")
        assert sorted(path.parent.iterdir()) == [files.checksum_of(path), path]
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert code == 0 and seen[0] == "old" and seen[-2:] == ["new", "new"]


# ---------------------------------------------------------------- answers and money


def test_a_stored_answer_with_any_byte_changed_is_refused(tmp_path):
    path = tmp_path / "answers.jsonl"
    with AnswerStore(path) as store:
        store.append(REQUEST, answer("RATING-2"))
        store.append(REQUEST | {"max_tokens": 9}, answer("RATING-3"))
    for place in flips(path):
        with pytest.raises(InputError, match=r"answers\.jsonl"):
            read_entries(path)
        with pytest.raises(InputError, match=r"answers\.jsonl"):
            AnswerStore(path)
        assert damaged_line(path), place
    assert [entry["answer"]["text"] for entry in read_entries(path).values()] == ["RATING-2", "RATING-3"]
    assert not Path(f"{path}.torn").exists()


def test_a_store_of_before_and_a_torn_one_are_read(tmp_path):
    path = tmp_path / "answers.jsonl"
    old = {"key": request_key(REQUEST), "request": REQUEST, "answer": answer("RATING-1")}
    path.write_text(json.dumps(old) + "\n")
    with AnswerStore(path) as store:
        store.append(REQUEST | {"max_tokens": 9}, answer("RATING-3"))
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for end in range(first, len(whole)):
        path.write_bytes(whole[:end])
        with AnswerStore(path) as store:
            texts = [entry["answer"]["text"] for entry in store.entries.values()]
        # Where the end of the line alone is missing, the answer is whole.
        assert texts == (["RATING-1", "RATING-3"] if end == len(whole) - 1 else ["RATING-1"])


def test_a_ledger_with_any_byte_changed_is_refused_and_a_torn_one_read(tmp_path):
    path, price = tmp_path / "ledger.jsonl", Price(input=1.0, output=2.0)
    ledger = Ledger(path, "x", price, None)
    ledger.settle(ledger.reserve([REQUEST]), [{"request": REQUEST, "answer": answer("RATING-2")}])
    for place in flips(path):
        whole = path.read_bytes()
        with pytest.raises(InputError, match=r"ledger\.jsonl"):
            Ledger(path, "x", price, None)
        assert damaged_line(path), place
        path.write_bytes(whole)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    path.write_bytes(whole[:first])
    before = Ledger(path, "x", price, None).total
    for end in range(first, len(whole) - 1):
        path.write_bytes(whole[:end])
        assert Ledger(path, "x", price, None).total == before


# ---------------------------------------------------------------- the base LLM


@pytest.fixture
def manifest(tmp_path, monkeypatch):
    folder = tmp_path / "model"
    (folder / "additional_chat_templates").mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "additional_chat_templates/tools.jinja"):
        (folder / name).write_text(name)
    entries = {str(path.relative_to(folder)): files.sha256(path) for path in folder.rglob("*") if path.is_file()}
    files.write_json(tmp_path / "base.json", {"folder": str(folder), "id": None, "revision": None, "files": entries})
    return str(tmp_path / "base.json")


@pytest.mark.parametrize(
    "name", ["adapter_config.json", "chat_template.jinja", "pytorch_model.bin", "additional_chat_templates/rag.jinja"]
)
def test_a_file_that_came_into_the_llms_folder_is_refused(tmp_path, manifest, name):
    assert checked_folder(manifest, weights=True) == str(tmp_path / "model")
    (tmp_path / "model" / name).write_text("{}")
    with pytest.raises(InputError, match=f"{name}: not among the files that .*base.json lists"):
        checked_folder(manifest, weights=False)


def test_files_that_loading_never_reads_may_come(tmp_path, manifest):
    for name in ("README.md", ".gitattributes", "training_args.png"):
        (tmp_path / "model" / name).write_text("")
    assert checked_folder(manifest, weights=True) == str(tmp_path / "model")


def test_a_further_chat_template_is_one_of_the_manifests_files(tmp_path, manifest):
    (tmp_path / "model/additional_chat_templates/tools.jinja").write_text("another")
    with pytest.raises(InputError, match=r"tools.jinja: not the file that .*base.json lists"):
        checked_folder(manifest, weights=False)


@pytest.mark.parametrize(
    "content", ["[]", "{}", "null", '{"folder": "x", "files": ["a"]}', '{"folder": 3, "files": {}}']
)
def test_a_manifest_that_is_none_is_refused(tmp_path, content):
    (tmp_path / "base.json").write_text(content)
    with pytest.raises(InputError, match="base.json: expected the base LLM's manifest"):
        checked_folder(str(tmp_path / "base.json"), weights=True)


# ---------------------------------------------------------------- verify


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """Write a run's folder with a file of each kind and its record; return all files in it."""
    monkeypatch.chdir(tmp_path)
    results = Path("results")
    files.write_csv(results / "tables/table2.csv", FRAME)
    files.write_text(results / "tables/table2.html", "<table></table>")
    files.write_json(results / "recommender/games/config.json", {"a": 1})
    files.write_parquet(results / "data/games/items.parquet", FRAME)
    files.write_safetensors(results / "export/games/embeddings.safetensors", {"a": np.arange(5.0)})
    files.write_text(results / "raw/games/reviews", "{}\n")
    with AnswerStore(results / "answers/judgements/games/gpt.jsonl") as store:
        store.append(REQUEST, answer("RATING-2"))
    Path("lock.txt").write_text("")
    config = {"datasets": {}, "sharegpt": {}}
    record(
        results="results",
        config=config,
        inputs=[],
        outputs=["results/tables"],
        repository=tmp_path,
        lock="lock.txt",
        output="results/provenance.json",
    )
    files.write_text(results / "report.html", "<html></html>")
    return sorted(path for path in results.rglob("*") if path.is_file())


def test_verify_finds_each_changed_byte_of_a_run(finished):
    result = compare("results/provenance.json")
    assert result.same and len(finished) == 2 * result.checked - 1  # each with its checksum, the answers without
    missed = []
    for path in finished:
        if "provenance" in path.name:
            continue
        whole = path.read_bytes()
        for place in range(0, len(whole), 1 + len(whole) // 12):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
            if compare("results/provenance.json").same:
                missed.append((path, place))
        path.write_bytes(whole)
    assert missed == []


def test_verify_finds_a_changed_record(finished):
    path = Path("results/provenance.json")
    for _ in zip(flips(path), range(40), strict=False):
        with pytest.raises(InputError, match="provenance.json: not what was written there"):
            compare(path)


def test_verify_takes_a_checksum_whose_file_is_gone_for_what_it_is(finished):
    Path("results/recommender/games/config.json").unlink()
    assert compare("results/provenance.json").same
