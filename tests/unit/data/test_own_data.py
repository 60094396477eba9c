"""Datasets in other formats than the paper's: tables, archives, the ready entries, and what is said of their faults."""

import functools
import gzip
import http.server
import io
import json
import random
import tarfile
import threading
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from raw_settings import places, reading

from recexplainer import settings, sources
from recexplainer.config.dataset import Fields, OneLayout
from recexplainer.data.dataset import build_dataset
from recexplainer.data.download import download
from recexplainer.data.loaders import read_interactions, read_metadata
from recexplainer.errors import InputError

ROOT = Path(__file__).parents[3]
NAMED = {"user": "who", "item": "what", "time": "when", "title": ["name"]}
FIELDS = Fields(**NAMED, tags=["kinds"])
FILTER = {"core": 3, "max_broken_share": 0.01}


def triples(found):
    rows = zip(found.user, found.item, found.time, strict=True)
    return sorted((found.users[user], found.items[item], int(time)) for user, item, time in rows)


def read(path, form="csv", share=0.0, **layout):
    return read_interactions(path, form, FIELDS, share, OneLayout(**layout))


EXPECTED = [("7", "b", 12), ("ann", "a", 10), ("ann", "b, c", 86400), ("\u00fcte", "a", 11)]


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ('who,what,rating,when\nann,a,5,10\nann,"b, c",5,1970-01-02\nüte,a,,11\n7,b,1,12.0\n', {}),
        ("when;what;who\r\n10;a;ann\r\n1970-01-02;b, c;ann\r\n\r\n11;a;üte\r\n12; b ;7\r\n", {"delimiter": ";"}),
        ("\ufeffwho\twhat\twhen\nann\ta\t10\nann\tb, c\t1970-01-02\nüte\ta\t11\n7\tb\t12\n", {"delimiter": "\t"}),
        (
            "ann::a::5::10\nann::b, c::5::1970-01-02\nüte::a::1::11\n7::b::1::12",
            {"delimiter": "::", "columns": ["who", "what", "stars", "when"]},
        ),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_csv_files(tmp_path, text, layout, packed, encoding):
    raw = text.removeprefix("\ufeff" if encoding == "latin-1" else "").encode(encoding)
    path = tmp_path / "reviews"
    path.write_bytes(gzip.compress(raw) if packed else raw)
    found = read(path, encoding=encoding, **layout)
    assert triples(found) == EXPECTED
    assert found.counts["lines"] == 4


def test_recbole_files(tmp_path):
    inter, item = tmp_path / "x.inter", tmp_path / "x.item"
    inter.write_text('what:token\twho:token\twhen:float\na\tann\t10.0\n"b\tann\t11\n')
    item.write_text('what:token\tname:token_seq\tkinds:token_seq\na\tThe "A" Team\taction crime\n"b\tB\t\n')
    assert triples(read(inter, "recbole")) == [("ann", '"b', 11), ("ann", "a", 10)]
    found, _ = read_metadata(item, "recbole", FIELDS, {"a", '"b'}, ("title", "tags"), 0.0)
    assert found["a"] == {"title": 'The "A" Team', "tags": "action crime"}
    assert found['"b'] == {"title": "B", "tags": ""}


def test_parquet_files(tmp_path):
    path = tmp_path / "reviews.parquet"
    when = [datetime(2014, 7, 5, 0, 0, second, tzinfo=UTC) for second in (0, 1, 2)]
    for time, unit in ((pa.array(when, pa.timestamp("ms", "UTC")), 0), (pa.array([5, 6, None]), None)):
        pq.write_table(pa.table({"who": [1, 1, 2], "what": pa.array(["a", "b", "a"]), "when": time}), path)
        found = read(path, "parquet", share=0.5)
        if unit is None:
            assert triples(found) == [("1", "a", 5), ("1", "b", 6)]
            assert found.counts["without_time"] == 1
        else:
            assert triples(found) == [("1", "a", 1404518400), ("1", "b", 1404518401), ("2", "a", 1404518402)]
    pq.write_table(pa.table({"what": ["a"], "name": ["A"], "kinds": [["x", "y"]]}), path)
    assert read_metadata(path, "parquet", FIELDS, {"a"}, ("title", "tags"), 0.0)[0]["a"]["tags"] == "x, y"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="reviews.parquet: not a readable Parquet file"):
        read(path, "parquet")
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "none", "parquet")


def test_lists_are_cut_in_all_fields_but_the_title(tmp_path):
    path = tmp_path / "items"
    path.write_text("what,name,kinds\na,Heads|Tails,x|y z\n")
    found, _ = read_metadata(path, "csv", FIELDS, {"a"}, ("title", "tags"), 0.0, OneLayout(list_separator="|"))
    assert found["a"] == {"title": "Heads|Tails", "tags": "x, y z"}


def test_a_quote_that_is_never_closed_takes_no_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("recexplainer.data.table_files.LONGEST_VALUE", 1000)
    path = tmp_path / "reviews"
    path.write_text('who,what,when\na,b,1\nc,"d,1\n' + "e,f,1\n" * 400 + "g,h,1\n")
    found = read(path, share=0.99)
    assert found.counts["broken_lines"] > 0
    assert ("a", "b", 1) in triples(found)


OPEN = "who\twhat\tname\twhen\n" + "".join(
    f"u{n}\tm{n % 7}\t{chr(34) if n % 50 == 0 else ''}Giants{n}\t{n}\n" for n in range(1000)
)


def test_lines_that_an_open_quote_swallows_are_broken(tmp_path):
    path = tmp_path / "plays.tsv"
    path.write_text(OPEN)
    with pytest.raises(InputError, match=r"510 of 1000 lines.*line 52.*51 lines are lost.*'layout.quoted'.* or raise"):
        read(path, share=0.01, delimiter="\t")
    found = read(path, share=0.9, delimiter="\t")
    assert (found.counts["lines"], found.counts["broken_lines"], len(found)) == (1000, 510, 490)
    assert len(read(path, delimiter="\t", quoted=False)) == 1000


@pytest.mark.parametrize(
    ("rows", "lost"),
    [
        # Two marks that close each other over lines.
        (['a,b,"Giants,1', 'c,d,Giants",2'], 2),
        (['a,b,"Giants,1', "c,d,e,2", "f,g,h,3", 'c,d,Giants",2'], 4),
        (['"a,b,c,1', "d,e,f,2", 'a",b,c,3'], 3),
        # To the end of the file; behind a value's end; and a text with lines of its own, which is none of that.
        (['a,b,"Giants,1', "c,d,e,2"], 2),
        (['a,b,"Giants" Live,1'], 1),
        (['a,b,"One, two\n\nand, three, and, four\nend",1'], 0),
        (['"a\nx",b,c,1'], 0),
        (['a,b,"5"" disk",1'], 0),
        (['a,b,5" disk,1'], 0),
        # A backslash where a quotation mark should be doubled.
        ([r'a,b,"The \"Best\" of",1'], 1),
        ([r'a,b,"The Best, \"of\"",1'], 1),
        ([r"a,b,Giants\, live,1"], 1),
    ],
)
def test_quotation_marks_that_do_not_fit_are_broken_lines(tmp_path, rows, lost):
    path = tmp_path / "reviews.csv"
    path.write_text("\n".join(["who,what,name,when", "z,z,z,9", *rows]))
    found = read(path, share=1.0)
    assert found.counts["broken_lines"] == lost
    assert found.counts["lines"] == 1 + (lost or 1)
    assert ("z", "z", 9) in triples(found)


def test_a_backslash_before_quotes_and_delimiters(tmp_path):
    path = tmp_path / "items.csv"
    path.write_text('what,name,kinds\na,"The \\"Best\\", of ""it""",x\nb,Giants\\, live,y\n')
    with pytest.raises(InputError, match=r"2 of 2 lines.*such as \\ stands before .* set 'layout.escape'"):
        read_metadata(path, "csv", FIELDS, {"a", "b"}, ("title",), 0.0)
    found, _ = read_metadata(path, "csv", FIELDS, {"a", "b"}, ("title",), 0.0, OneLayout(escape="\\"))
    assert [found[item]["title"] for item in "ab"] == ['The "Best", of "it"', "Giants, live"]


def test_each_file_may_have_a_format_and_a_layout_of_its_own(tmp_path):
    draw = random.Random(1)
    rows = [(f"u{user}", f"i{item}", t) for user in range(6) for t, item in enumerate(draw.sample(range(8), 6))]
    (tmp_path / "reviews.csv").write_text("".join(f"{user};{item};{time}\n" for user, item, time in rows))
    (tmp_path / "items.json").write_text("".join(f'{{"what": "i{n}", "name": "Thing {n}"}}\n' for n in range(8)))
    (tmp_path / "items.py").write_text("".join(f"{{'what': 'i{n}', 'name': 'Thing {n}'}}\n" for n in range(8)))
    (tmp_path / "items.csv").write_text("".join(f"Thing {n}|i{n}\n" for n in range(8)))
    layout = {"delimiter": ";", "columns": {"reviews": ["who", "what", "when"]}}
    named = {"metadata": {"delimiter": "|", "columns": ["name", "what"]}}
    tables = []
    for file, form, more in (
        ("items.json", {"reviews": "csv", "metadata": "amazon"}, {}),
        ("items.py", {"reviews": "csv", "metadata": "steam"}, {}),
        ("items.csv", "csv", named),
    ):
        options = reading(format=form, layout=layout | more, fields=NAMED, filter=FILTER)
        tables.append(
            build_dataset(reviews=tmp_path / "reviews.csv", metadata=tmp_path / file, settings=options, seed=1)
        )
    assert len(tables[0].items) == 8 and tables[0].items["title"].to_pylist()[0] == "Thing 0"
    assert all(table.items.equals(tables[0].items) for table in tables)


DAMAGED = '"\\,;\t\n\r\0\x1b0é\udc80'


@pytest.mark.parametrize("form", ["csv", "recbole", "parquet", "utf-16", "escape"])
def test_damaged_tables_are_read_or_refused_in_a_line(tmp_path, form):
    rows = [(f"ann{n}", f"a{n % 9}", 1_400_000_000 + n, f"Thing, {n}") for n in range(60)]
    names = ("who", "what", "when", "name")
    if form == "parquet":
        columns = zip(*rows, strict=True)
        pq.write_table(pa.table(dict(zip(names, map(pa.array, columns), strict=True))), tmp_path / "table")
    else:
        head = [f"{name}:token" if form == "recbole" else name for name in names]
        quote, mark = ("", "\t") if form == "recbole" else ('"', ",")
        lines = [mark.join(head), *(mark.join(f"{quote}{value}{quote}" for value in row) for row in rows)]
        (tmp_path / "table").write_text("\n".join(lines), encoding="utf-16" if form == "utf-16" else "utf-8")
    layout = {"utf-16": {"encoding": "utf-16"}, "escape": {"escape": "\\"}}.get(form, {})
    kind = form if form in ("recbole", "parquet") else "csv"
    whole, draw, refused = (tmp_path / "table").read_bytes(), random.Random(form), 0
    for _ in range(150):
        damaged, place = bytearray(whole), draw.randrange(len(whole))
        bits = draw.choice([b"", bytes([draw.randrange(256)]), draw.choice(DAMAGED).encode(errors="surrogateescape")])
        damaged[place : place + draw.randrange(9)] = bits
        (tmp_path / "table").write_bytes(damaged)
        for share in (0.0, 1.0):
            try:
                assert len(read(tmp_path / "table", kind, share, **layout)) <= 2 * len(rows)
                read_metadata(tmp_path / "table", kind, Fields(**NAMED), {"a1"}, ("title",), share, OneLayout(**layout))
            except InputError as error:
                refused += 1
                assert str(error).isprintable()
    assert refused > 10


@pytest.fixture
def archive(tmp_path):
    """A zip and a tar with the file of interactions, under a name that points outside, too."""
    content = b"who,what,when\nann,a,1\n"
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("x/ratings.csv", content)
        opened.writestr("../outside.csv", content)
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as opened:
        info = tarfile.TarInfo("x/ratings.csv")
        info.size = len(content)
        opened.addfile(info, io.BytesIO(content))
    return tmp_path


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz"])
def test_a_member_of_a_local_archive_and_of_one_on_a_server(archive, name):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=archive)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/{name}"
        for source in ({"path": str(archive / name)}, {"url": url}):
            download(
                name="x/reviews", sources=places(source | {"member": "x/ratings.csv"}), output=archive / "raw/reviews"
            )
            assert triples(read(archive / "raw/reviews")) == [("ann", "a", 1)]
            assert [path.name for path in (archive / "raw").glob("[!.]*")] == ["reviews"]
            with pytest.raises(InputError, match=r"no file 'ratings.csv' in the archive; found: x/ratings.csv"):
                download(
                    name="x/reviews", sources=places(source | {"member": "ratings.csv"}), output=archive / "raw/other"
                )
        server.shutdown()


def test_archives_that_cannot_be_used(archive):
    download(
        name="x/reviews",
        sources=places({"path": str(archive / "x.zip"), "member": "../outside.csv"}),
        output=archive / "raw/reviews",
    )
    assert not (archive / "outside.csv").exists() and not (archive / "raw/outside.csv").exists()
    broken = bytearray((archive / "x.zip").read_bytes())
    broken[40] ^= 255
    for content, message in ((bytes(broken), "broken"), (b"who,what\n", "not a zip or tar archive")):
        (archive / "bad.zip").write_bytes(content)
        with pytest.raises(InputError, match=message):
            download(
                name="x/reviews",
                sources=places({"path": str(archive / "bad.zip"), "member": "x/ratings.csv"}),
                output=archive / "raw/bad",
            )
    assert [path.name for path in (archive / "raw").glob("[!.]*")] == ["reviews"]


def test_a_link_that_repeats_a_name_is_not_followed(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as opened:
        content = b"who,what,when\nann,a,1\n"
        info = tarfile.TarInfo("ratings.csv")
        info.size = len(content)
        opened.addfile(info, io.BytesIO(content))
        for kind, target in ((tarfile.SYMTYPE, "/etc/passwd"), (tarfile.LNKTYPE, "none"), (tarfile.LNKTYPE, "link")):
            for name in ("ratings.csv", "link"):
                link = tarfile.TarInfo(name)
                link.type, link.linkname = kind, target
                opened.addfile(link)
    source = {"path": str(tmp_path / "x.tar"), "member": "ratings.csv"}
    download(name="x/reviews", sources=places(source), output=tmp_path / "raw/reviews")
    assert (tmp_path / "raw/reviews").read_bytes() == content
    with pytest.raises(InputError, match=r"no file 'link' in the archive; found: ratings.csv"):
        download(name="x/reviews", sources=places(source | {"member": "link"}), output=tmp_path / "raw/reviews2")


def test_members_have_a_limit_and_their_names_are_shown_escaped(archive, monkeypatch):
    with zipfile.ZipFile(archive / "x.zip", "a") as opened:
        opened.writestr("a\x1b[31m\nb", b"x" * 1000)
    with pytest.raises(InputError, match=r"no file 'no\\x1b' in .*a\\x1b\[31m\\nb"):
        download(
            name="x/reviews",
            sources=places({"path": str(archive / "x.zip"), "member": "no\x1b"}),
            output=archive / "raw/bad",
        )
    monkeypatch.setattr("recexplainer.data.archive.LARGEST", 20)
    for name in ("x.zip", "x.tar.gz"):
        with pytest.raises(InputError, match="'x/ratings.csv' is larger than"):
            download(
                name="x/reviews",
                sources=places({"path": str(archive / name), "member": "x/ratings.csv"}),
                output=archive / "raw/bad",
            )
    assert not list((archive / "raw").glob("[!.]*"))


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz", "x.tar.bz2", "x.tar.xz"])
def test_damaged_archives_are_refused_in_a_line_or_give_the_whole_member(tmp_path, name):
    content = "".join(f"ann{n},a{n * n},{n}\n" for n in range(200)).encode()
    if name == "x.zip":
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as opened:
            opened.writestr("x/ratings.csv", content)
    else:
        with tarfile.open(tmp_path / name, f"w:{name.partition('.tar')[2][1:]}") as opened:
            info = tarfile.TarInfo("x/ratings.csv")
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))
    whole, draw, refused = (tmp_path / name).read_bytes(), random.Random(name), 0
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(draw.randint(1, 3)):
            # Most of an archive's fields are at its ends.
            place = draw.choice([draw.randrange(len(whole)), draw.randrange(200), -draw.randrange(1, 200)])
            damaged[place] = draw.choice([damaged[place] ^ 1 << draw.randrange(8), 0, 255])
        if draw.random() < 0.2:
            del damaged[draw.randrange(len(damaged)) :]
        (tmp_path / "damaged").write_bytes(damaged)
        try:
            download(
                name="x/reviews",
                sources=places({"path": str(tmp_path / "damaged"), "member": "x/ratings.csv"}),
                output=tmp_path / "raw/it",
            )
        except InputError as error:
            refused += 1
            assert str(error).replace("\n", "").isprintable()
            assert not list((tmp_path / "raw").glob("[!.]*"))
        else:
            # A tar has no checksum of what its members hold, and gives them as they are.
            assert (tmp_path / "raw/it").read_bytes() == content or name == "x.tar"
            (tmp_path / "raw/it").unlink()
    assert refused > 30


def laid_over(path: Path) -> dict:
    """The config with a ready entry over it."""

    def merge(below, above):
        if not (isinstance(below, dict) and isinstance(above, dict)):
            return above
        return below | {key: merge(below.get(key), value) for key, value in above.items()}

    files = [ROOT / "config/config.yaml", path]
    return functools.reduce(merge, [yaml.safe_load(file.read_text(encoding="utf-8")) for file in files])


ENTRIES = sorted((ROOT / "config/datasets").glob("*.yaml"), key=lambda path: path.name)


@pytest.mark.parametrize("path", ENTRIES, ids=lambda path: path.stem)
def test_the_ready_entries_are_good_configs(path):
    settings.check(laid_over(path), ROOT / "config/schema.yaml")


def movielens(folder: Path, pairs: list[tuple[int, int, int]]) -> None:
    ratings = "".join(f"{user},{item},4.5,{94_000_000 + time}\n" for user, item, time in pairs)
    movies = "".join(f'{item},"Movie {item}, The (19{item:02d})",Comedy|Drama\n' for item in range(1, 20))
    with zipfile.ZipFile(folder / "ml-32m.zip", "w") as opened:
        opened.writestr("ml-32m/ratings.csv", "userId,movieId,rating,timestamp\n" + ratings)
        opened.writestr("ml-32m/movies.csv", "movieId,title,genres\n" + movies)


def amazon2023(folder: Path, pairs: list[tuple[int, int, int]]) -> None:
    reviews = [
        {"rating": 5.0, "title": "Good", "text": "It is.", "images": [], "asin": f"C{item}", "parent_asin": f"P{item}"}
        | {"user_id": f"A{user}", "timestamp": 1_588_687_728_923 + 1000 * time, "verified_purchase": True}
        for user, item, time in pairs
    ]
    items = [
        {"main_category": "Video Games", "title": f"Game, The {item}", "features": ["Fun"], "description": ["Long."]}
        | {"store": "Maker", "categories": ["Video Games", "PC"], "details": {"Brand": "M"}, "parent_asin": f"P{item}"}
        for item in range(1, 20)
    ]
    for name, rows in (("Video_Games", reviews), ("meta_Video_Games", items)):
        (folder / f"{name}.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))


def template(folder: Path, pairs: list[tuple[int, int, int]]) -> None:
    rows = "".join(f"{user},{item},{time}\n" for user, item, time in pairs)
    (folder / "my_interactions.csv").write_text("user,item,time\n" + rows)
    (folder / "my_items.csv").write_text("item,title,genres\n" + "".join(f"{i},Thing {i},a|b\n" for i in range(1, 20)))


@pytest.mark.parametrize(
    ("name", "make", "first", "tags"),
    [
        ("movielens", movielens, "The Movie 1 (1901)", "Comedy, Drama"),
        ("amazon2023", amazon2023, "Game, The 1", "Video Games, PC"),
        ("template", template, "Thing 1", "a, b"),
    ],
)
def test_the_ready_entries_read_files_of_their_layout(tmp_path, monkeypatch, name, make, first, tags):
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    draw = random.Random(1)
    make(Path("data"), [(user, item, t) for user in range(9) for t, item in enumerate(draw.sample(range(1, 20), 12))])
    config = laid_over(ROOT / "config/datasets" / f"{name}.yaml")
    dataset = config["run"]["datasets"][0]
    for file in ("reviews", "metadata"):
        download(name=file, sources=places(*sources.sources(config, dataset, file)), output=file)
    config["datasets"][dataset]["filter"]["core"] = 3
    options = reading(**sources.reading(config, dataset))
    found = build_dataset(reviews="reviews", metadata="metadata", settings=options, seed=1)
    assert found.statistics["users"] == 9 and found.statistics["interactions"] > 80
    item = next(row for row in found.items.to_pylist() if row["title"] == first)
    assert item["tags"] == tags
    for _, history in found.interactions.to_pandas().groupby("user"):
        assert history["time"].is_monotonic_increasing


def test_titles_in_the_file_of_interactions(tmp_path):
    path = tmp_path / "plays.csv"
    draw = random.Random(1)
    rows = [
        f"{user},{item},{time},Song {item}" for user in range(6) for time, item in enumerate(draw.sample(range(8), 6))
    ]
    path.write_text("\n".join(["who,what,when,name", *rows]) + "\n")
    options = reading(format="csv", filter=FILTER, fields=NAMED)
    found = build_dataset(reviews=path, metadata=path, settings=options, seed=1)
    assert {row["title"] for row in found.items.to_pylist()} == {
        f"Song {row['item_id']}" for row in found.items.to_pylist()
    }
    shuffled = tmp_path / "shuffled.csv"
    shuffled.write_text("\n".join(["who,what,when,name", *reversed(rows)]) + "\n")
    again = build_dataset(reviews=shuffled, metadata=shuffled, settings=options, seed=1)
    assert again.interactions.equals(found.interactions) and again.items.equals(found.items)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "amazon"}, "layout: .* with format 'amazon'; expected it for tables alone"),
        ({"format": "recbole", "layout": {"delimiter": ","}}, "layout.delimiter: ',' with format 'recbole'"),
        ({"layout": {"encoding": "klingon"}}, "layout.encoding: 'klingon'; expected a name such as utf-8"),
        ({"layout": {"delimiter": "\n"}}, "layout.delimiter: .*; expected no quote"),
        ({"layout": {"separator": ","}}, "layout.separator: unknown key"),
        ({"generate": {"users": 9}}, "format: 'csv' with .*generate"),
        ({"format": "xml"}, "format: 'xml'; expected one of: amazon, steam, csv, parquet, recbole"),
    ],
)
def test_entries_that_are_refused(change, message):
    config = laid_over(ROOT / "config/datasets/template.yaml")
    config["datasets"]["mine"] |= change
    with pytest.raises(InputError, match=message):
        settings.check(config, ROOT / "config/schema.yaml")
