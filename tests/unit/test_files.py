"""Files are whole or not there, readable by others, the same for the same content, and clear when broken."""

import os
import stat

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from recexplainer import files
from recexplainer.errors import InputError

FRAME = pd.DataFrame({"item": np.arange(3, dtype=np.int32), "title": ["a", "é; b", ""], "similar": [[1, 2], [], [0]]})
TENSORS = {"user": np.arange(6, dtype=np.float32).reshape(2, 3), "item": np.eye(2, dtype=np.float32)}

WRITERS = {
    "text": lambda path: files.write_text(path, "one\ntwo — é\n"),
    "json": lambda path: files.write_json(path, {"b": [1, 2.5, None], "a": "é"}),
    "csv": lambda path: files.write_csv(path, FRAME[["item", "title"]]),
    "parquet": lambda path: files.write_parquet(path, FRAME),
    "safetensors": lambda path: files.write_safetensors(path, TENSORS),
}
READERS = {"json": files.read_json, "parquet": files.read_parquet, "safetensors": files.read_safetensors}


@pytest.fixture
def umask():
    """Set the umask for the time of a test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def test_a_failure_leaves_nothing_behind(tmp_path):
    with pytest.raises(RuntimeError), files.atomic(tmp_path / "new") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_leaves_nothing_behind(tmp_path):
    with pytest.raises(KeyboardInterrupt), files.atomic(tmp_path / "new") as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_an_existing_file_as_it_was(tmp_path):
    path = tmp_path / "old"
    path.write_text("whole")
    path.chmod(0o640)
    with pytest.raises(RuntimeError), files.atomic(path) as temporary:
        temporary.write_text("half")
        assert path.read_text() == "whole"
        raise RuntimeError
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "whole"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_nothing_is_under_the_final_name_before_the_end(tmp_path):
    path = tmp_path / "folder" / "new"
    with files.atomic(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.parent == path.parent
    assert path.read_text() == "whole"
    assert sorted(path.parent.iterdir()) == [files.checksum_of(path), path]


def test_a_writer_that_writes_nothing_fails(tmp_path):
    with pytest.raises(FileNotFoundError), files.atomic(tmp_path / "new"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_value_that_json_cannot_hold_leaves_the_old_file(tmp_path):
    path = tmp_path / "value.json"
    files.write_json(path, 1)
    with pytest.raises(ValueError):
        files.write_json(path, float("nan"))
    assert files.read_json(path) == 1


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_permissions_are_those_of_an_ordinary_file(tmp_path, umask, kind, mask):
    umask(mask)
    WRITERS[kind](tmp_path / "file")
    (tmp_path / "ordinary").touch()
    mode, ordinary = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("file", "ordinary"))
    assert mode == ordinary == 0o666 & ~mask
    assert os.umask(mask) == mask


@pytest.mark.parametrize("kind", WRITERS)
def test_the_same_content_gives_the_same_bytes(tmp_path, kind):
    first, second = tmp_path / "first", tmp_path / "elsewhere" / "second"
    WRITERS[kind](first)
    WRITERS[kind](second)
    os.utime(second, (0, 0))
    WRITERS[kind](second)
    assert first.read_bytes() == second.read_bytes()
    assert files.sha256(first) == files.sha256(second)


def test_the_order_of_keys_does_not_matter(tmp_path):
    for name, pairs in (("a", [("x", 1), ("y", 2)]), ("b", [("y", 2), ("x", 1)])):
        files.write_json(tmp_path / f"{name}.json", dict(pairs))
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_json_round_trip(tmp_path):
    value = {"title": "é ♔", "numbers": [1, 2.5, None, True], "nested": {"": []}}
    files.write_json(tmp_path / "value.json", value)
    assert files.read_json(tmp_path / "value.json") == value


@pytest.mark.parametrize("source", [FRAME, pa.Table.from_pandas(FRAME, preserve_index=False)], ids=["pandas", "arrow"])
def test_parquet_round_trip(tmp_path, source):
    files.write_parquet(tmp_path / "table.parquet", source)
    frame = files.read_parquet(tmp_path / "table.parquet")
    assert frame["title"].to_list() == FRAME["title"].to_list()
    assert frame["item"].dtype == np.int32
    assert [list(row) for row in frame["similar"]] == FRAME["similar"].to_list()
    assert list(files.read_parquet(tmp_path / "table.parquet", ["similar", "item"])) == ["similar", "item"]


def test_a_pandas_frame_and_its_arrow_table_give_the_same_bytes(tmp_path):
    files.write_parquet(tmp_path / "pandas", FRAME)
    files.write_parquet(tmp_path / "arrow", pa.Table.from_pandas(FRAME, preserve_index=False))
    assert (tmp_path / "pandas").read_bytes() == (tmp_path / "arrow").read_bytes()


@pytest.mark.parametrize("sizes", [[3], [3, 2, 4]])
def test_row_groups_are_the_table_in_parts(tmp_path, sizes):
    whole = pa.table({"number": range(sum(sizes)), "texts": [[str(number)] for number in range(sum(sizes))]})
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    parts = iter([whole.slice(start, size) for start, size in zip(starts, sizes, strict=True)])
    files.write_row_groups(tmp_path / "parts.parquet", parts)
    files.write_parquet(tmp_path / "whole.parquet", whole)
    with pq.ParquetFile(tmp_path / "parts.parquet") as file:
        assert [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)] == sizes
    same = (tmp_path / "parts.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert same == (len(sizes) == 1)
    assert files.read_parquet(tmp_path / "parts.parquet").equals(files.read_parquet(tmp_path / "whole.parquet"))


def test_a_row_group_too_few_is_noticed(tmp_path, monkeypatch):
    table = pa.table({"number": [1, 2, 3]})
    monkeypatch.setattr(files, "_outline", lambda schema, rows: "of a file with other rows")
    files.write_row_groups(tmp_path / "a.parquet", iter([table, table]))
    monkeypatch.undo()
    with pytest.raises(InputError, match="a.parquet: not what was written there"):
        files.read_parquet(tmp_path / "a.parquet")


def test_safetensors_round_trip(tmp_path):
    path = tmp_path / "tensors.safetensors"
    parameter = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3))
    files.write_safetensors(path, TENSORS | {"turned": TENSORS["user"].T, "parameter": parameter})
    found = files.read_safetensors(path)
    assert set(found) == {"user", "item", "turned", "parameter"}
    np.testing.assert_array_equal(found["turned"], TENSORS["user"].T)
    np.testing.assert_array_equal(found["parameter"], parameter.detach().numpy())
    assert found["user"].dtype == np.float32


def test_csv_has_no_index_and_plain_line_ends(tmp_path):
    files.write_csv(tmp_path / "table.csv", FRAME[["item", "title"]])
    assert (tmp_path / "table.csv").read_bytes() == "item,title\n0,a\n1,é; b\n2,\n".encode()


@pytest.mark.parametrize("kind", READERS)
def test_a_missing_file_is_named(tmp_path, kind):
    path = tmp_path / f"absent.{kind}"
    with pytest.raises(InputError) as caught:
        READERS[kind](path)
    assert str(caught.value).startswith(f"{path}: no such file; expected a ")


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("damage", ["empty", "cut", "other"])
def test_a_corrupt_file_is_named(tmp_path, kind, damage):
    path = tmp_path / f"broken.{kind}"
    WRITERS[kind](path)
    whole = path.read_bytes()
    path.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "other": b"\xff\xfe no such format"}[damage])
    with pytest.raises(InputError) as caught:
        READERS[kind](path)
    assert str(caught.value).startswith(f"{path}: not ")
    assert "run its stage again" in str(caught.value)


def test_a_missing_column_is_named(tmp_path):
    path = tmp_path / "table.parquet"
    files.write_parquet(path, FRAME)
    with pytest.raises(InputError) as caught:
        files.read_parquet(path, ["item", "brand"])
    assert str(caught.value) == f"{path}: column 'brand' is missing; found item, title, similar."
