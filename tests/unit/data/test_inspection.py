"""Raw files are recognised, and what is written of them goes through the pipeline: layouts as they are published."""

import gzip
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from clone import ROOT, copy_repository, snakemake
from raw_settings import places, reading

from recexplainer import sources
from recexplainer.data import recognition
from recexplainer.data.dataset import build_dataset
from recexplainer.data.download import download
from recexplainer.errors import InputError
from recexplainer.interactive import command
from recexplainer.planning.plan import merged
from recexplainer.yaml_files import read_config

USERS, ITEMS, EACH = 12, 20, 16
PAIRS = [
    (user, (user + 7 * turn) % ITEMS, 1_400_000_000 + 86_400 * turn + user)
    for user in range(USERS)
    for turn in range(EACH)
]
GENRES = ["Comedy", "Drama", "War"]


def title(item: int) -> str:
    return f"Café Tale {chr(65 + item)}, Part Two ({1960 + item})"


def day(time: int, form: str) -> str:
    return datetime.fromtimestamp(time, UTC).strftime(form)


def json_lines(path: str, rows: list[dict]) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    Path(path).write_bytes(gzip.compress(text) if path.endswith(".gz") else text)


def literals(path: str, rows: list[dict]) -> None:
    Path(path).write_bytes(gzip.compress("".join(f"{row!r}\n" for row in rows).encode()))


def amazon(time_and_more) -> list[dict]:
    return [
        {"overall": 5.0, "reviewerID": f"A{user}X", "asin": f"B00{item}", "reviewerName": "N", "summary": "Good"}
        | {"reviewText": f"Text {item}.", "unixReviewTime": time, "reviewTime": day(time, "%m %d, %Y")}
        | time_and_more
        for user, item, time in PAIRS
    ]


def amazon_2014() -> list[str]:
    json_lines("reviews_Books_5.json.gz", amazon({"helpful": [0, 0]}))
    items = [
        {"asin": f"B00{n}", "related": {"also_bought": ["B001"]}, "title": title(n), "price": 1.5}
        | {"salesRank": {"Books": n}, "imUrl": "http://x/1.jpg", "brand": "M", "categories": [["Books", GENRES[n % 3]]]}
        for n in range(ITEMS)
    ]
    literals("meta_Books.json.gz", items)
    return ["reviews_Books_5.json.gz", "meta_Books.json.gz"]


def amazon_2018() -> list[str]:
    json_lines("Video_Games_5.json", amazon({"verified": True, "style": {"Format:": " DVD"}}))
    items = [
        {"category": ["Games", GENRES[n % 3]], "tech1": "", "description": ["Long"], "title": title(n), "brand": "M"}
        | {"also_buy": ["B001"], "feature": ["Fun"], "main_cat": "Video Games", "date": "", "asin": f"B00{n}"}
        for n in range(ITEMS)
    ]
    json_lines("meta_Video_Games.json", items)
    return ["meta_Video_Games.json", "Video_Games_5.json"]


def amazon_2023() -> list[str]:
    rows = [
        {"rating": 5.0, "title": f"Good {n}", "text": "It is.", "images": [], "asin": f"C{item}", "helpful_vote": 0}
        | {"parent_asin": f"P{item}", "user_id": f"AE{user}", "timestamp": 1000 * time, "verified_purchase": True}
        for n, (user, item, time) in enumerate(PAIRS)
    ]
    json_lines("Video_Games.jsonl.gz", rows)
    items = [
        {"main_category": "Video Games", "title": title(n), "average_rating": 4.8, "features": ["Fun"], "price": None}
        | {"description": ["Long."], "store": "M", "categories": ["Games", GENRES[n % 3]], "details": {"Brand": "M"}}
        | {"images": [{"thumb": "https://x"}], "parent_asin": f"P{n}", "bought_together": None}
        for n in range(ITEMS)
    ]
    json_lines("meta_Video_Games.jsonl.gz", items)
    return ["Video_Games.jsonl.gz", "meta_Video_Games.jsonl.gz"]


def steam() -> list[str]:
    rows = [
        {"username": f"user {user}", "hours": 1.5, "products": 9, "product_id": str(10 * item), "page_order": 0}
        | {"date": day(time, "%Y-%m-%d"), "text": 'It\'s "good"', "early_access": False, "page": 1}
        for user, item, time in PAIRS
    ]
    literals("steam_reviews.json.gz", rows)
    items = [
        {"publisher": "P", "genres": [GENRES[n % 3], "Indie"], "app_name": title(n), "title": title(n)}
        | {"url": "http://x", "release_date": "2018-01-04", "tags": [GENRES[n % 3], "Indie"], "specs": ["Solo"]}
        | {"price": 4.99, "early_access": False, "id": str(10 * n), "developer": "D"}
        for n in range(ITEMS)
    ]
    literals("steam_games.json.gz", items)
    return ["steam_reviews.json.gz", "steam_games.json.gz"]


def packed(name: str, files: dict[str, str | bytes]) -> list[str]:
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in files.items():
            archive.writestr(member, content)
    return [name]


def movielens_100k() -> list[str]:
    data = "".join(f"{user + 1}\t{item + 1}\t{item % 5 + 1}\t{time}\n" for user, item, time in PAIRS)
    flags = ["|".join("1" if flag == n % 3 else "0" for flag in range(19)) for n in range(ITEMS)]
    items = "".join(
        f"{n + 1}|{title(n)}|01-Jan-1995||http://us.imdb.com/M/title-exact?{n}|{flags[n]}\n" for n in range(ITEMS)
    )
    people = "".join(f"{n + 1}|{20 + n % 5}|M|{'technician writer'.split()[n % 2]}|8571{n % 7}\n" for n in range(USERS))
    files = {"README": "SUMMARY & USAGE LICENSE\n=====\n\nMovieLens data sets, were\ncollected\n", "u.data": data}
    files |= {"u.info": "943 users\n1682 items\n100000 ratings\n", "u.item": items.encode("latin-1")}
    files |= {
        "u.genre": "unknown|0\nAction|1\nWar|2\n\n",
        "u.user": people,
        "u1.base": data[: data.rstrip().rfind("\n") + 1],
    }
    files |= {"mku.sh": "#!/bin/sh\n\ntrap `rm -f tmp.$$; exit 1` 1 2 15\n"}
    return packed("ml-100k.zip", {f"ml-100k/{name}": content for name, content in files.items()})


def movielens_1m() -> list[str]:
    ratings = "".join(f"{user + 1}::{item + 1}::{item % 5 + 1}::{time}\n" for user, item, time in PAIRS)
    movies = "".join(f"{n + 1}::{title(n)}::{GENRES[n % 3]}|Children's\n" for n in range(ITEMS))
    people = "".join(f"{n + 1}::F::{(1, 25)[n % 2]}::{n % 9}::4806{n % 7}\n" for n in range(USERS))
    files = {"movies.dat": movies.encode("latin-1"), "ratings.dat": ratings, "README": "SUMMARY\n===\n\nThese files\n"}
    files |= {"users.dat": people}
    return packed("ml-1m.zip", {f"ml-1m/{name}": content for name, content in files.items()})


def movielens_32m() -> list[str]:
    ratings = "".join(f"{user + 1},{item + 1},4.5,{time}\n" for user, item, time in PAIRS)
    movies = "".join(f'{n + 1},"{title(n)}",{GENRES[n % 3]}|Children\n' for n in range(ITEMS))
    tags = "".join(f"{user + 1},{item + 1},funny,{time}\n" for user, item, time in PAIRS[:90])
    links = "".join(f"{n + 1},0114{n},86{n}\n" for n in range(ITEMS))
    files = {"tags.csv": "userId,movieId,tag,timestamp\n" + tags, "links.csv": "movieId,imdbId,tmdbId\n" + links}
    files |= {"README.txt": "Summary\n=======\n\nThis dataset (ml-32m), describes\n"}
    files |= {
        "ratings.csv": "userId,movieId,rating,timestamp\n" + ratings,
        "movies.csv": "movieId,title,genres\n" + movies,
    }
    return packed("ml-32m.zip", {f"ml-32m/{name}": content for name, content in files.items()})


def recbole() -> list[str]:
    inter = "".join(f"{user}\t{item}\t3\t{time}\n" for user, item, time in PAIRS)
    items = "".join(f"{n}\t{title(n)}\t1995\t{GENRES[n % 3]} Children\n" for n in range(ITEMS))
    heads = ("user_id:token\titem_id:token\trating:float\ttimestamp:float\n",)
    heads += ("item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n",)
    Path("ml.inter").write_text(heads[0] + inter)
    Path("ml.item").write_text(heads[1] + items, encoding="utf-8")
    people = "".join(f"{n}\t24\tM\twriter\t85711\n" for n in range(USERS))
    Path("ml.user").write_text("user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n" + people)
    return ["ml.inter", "ml.item", "ml.user"]


def goodreads() -> list[str]:
    rows = [
        {"user_id": f"{user:032x}", "book_id": str(item), "review_id": f"{n:032x}", "is_read": True, "rating": 4}
        | {"review_text_incomplete": "", "date_added": day(time, "%a %b %d %H:%M:%S -0700 %Y")}
        | {"date_updated": day(time, "%a %b %d %H:%M:%S -0700 %Y"), "read_at": "", "started_at": ""}
        for n, (user, item, time) in enumerate(PAIRS)
    ]
    items = [
        {"isbn": f"031{n}", "series": [], "popular_shelves": [{"count": "3", "name": "to-read"}], "asin": ""}
        | {
            "similar_books": ["1"],
            "description": "Long",
            "authors": [{"author_id": "6", "role": ""}],
            "link": "https://x",
        }
        | {"publisher": "St. Martin's", "book_id": str(n), "work_id": f"9{n}", "title": title(n)}
        | {"title_without_series": title(n)}
        for n in range(ITEMS)
    ]
    json_lines("goodreads_interactions.json.gz", rows)
    json_lines("goodreads_books.json.gz", items)
    return ["goodreads_interactions.json.gz", "goodreads_books.json.gz"]


def yelp() -> list[str]:
    rows = [
        {
            "review_id": f"r{n}",
            "user_id": f"u-{user}",
            "business_id": f"b-{item}",
            "stars": 4.0,
            "useful": 0,
            "funny": 0,
        }
        | {"cool": 0, "text": "Nice.", "date": day(time, "%Y-%m-%d %H:%M:%S")}
        for n, (user, item, time) in enumerate(PAIRS)
    ]
    items = [
        {"business_id": f"b-{n}", "name": title(n), "address": "1616 Chapala St", "city": "Tucson", "state": "AZ"}
        | {"latitude": 34.4, "stars": 5.0, "review_count": 7, "is_open": 1, "attributes": {"ByAppointmentOnly": "True"}}
        | {"categories": f"{GENRES[n % 3]}, Health & Medical", "hours": None}
        for n in range(ITEMS)
    ]
    people = [
        {"user_id": f"u-{n}", "name": "Ann Lee", "review_count": 20 + n % 3, "yelping_since": "2009-01-25 04:35:42"}
        | {"useful": 30 + n % 3, "fans": 12}
        for n in range(USERS)
    ]
    files = {"review": rows, "business": items, "user": people}
    with tarfile.open("yelp_dataset.tar.gz", "w:gz") as archive:
        for name, lines in files.items():
            json_lines(f"yelp_academic_dataset_{name}.json", lines)
            archive.add(f"yelp_academic_dataset_{name}.json")
    return ["yelp_dataset.tar.gz"]


def spreadsheet() -> list[str]:
    rows = "".join(f"K{user:02d};A-{item};4,5;{day(time, '%d.%m.%Y')}\r\n" for user, item, time in PAIRS)
    Path("sales.csv").write_text("\ufeffKunde;Artikel;Sterne;Datum\r\n" + rows, encoding="utf-8", newline="")
    items = "".join(f'A-{n};"{title(n)}; ""new""";{GENRES[n % 3]}\r\n' for n in range(ITEMS))
    Path("list.csv").write_text("\ufeffArtikel;Bezeichnung;Gruppe\r\n" + items, encoding="utf-8", newline="")
    return ["sales.csv", "list.csv"]


def parquet() -> list[str]:
    users, items, times = zip(*PAIRS, strict=True)
    when = pa.array([time * 1000 for time in times], pa.timestamp("ms"))
    pq.write_table(
        pa.table({"user_id": users, "track_id": items, "played": when, "title": [*map(title, items)]}), "plays.parquet"
    )
    return ["plays.parquet"]


LAYOUTS = {
    amazon_2014: ("B00{}", "Books, {}", {"format": {"reviews": "amazon", "metadata": "steam"}}),
    amazon_2018: ("B00{}", "Games, {}", {"format": "amazon"}),
    amazon_2023: ("P{}", "Games, {}", {"format": "amazon"}),
    steam: ("{}0", "{}, Indie", {"format": "steam"}),
    movielens_100k: ("+1", "", {"layout.metadata.encoding": "latin-1", "layout.metadata.delimiter": "|"}),
    movielens_1m: ("+1", "{}, Children's", {"layout.reviews.delimiter": "::", "layout.metadata.list_separator": "|"}),
    movielens_32m: ("+1", "{}, Children", {"format": "csv"}),
    recbole: ("{}", "{} Children", {"format": "recbole"}),
    goodreads: ("{}", "", {"fields.time": "date_added"}),
    yelp: ("b-{}", "{}, Health & Medical", {"fields.title": ["name"]}),
    spreadsheet: ("A-{}", "", {"fields.user": "Kunde", "fields.time": "Datum", "layout.reviews.delimiter": ";"}),
    parquet: ("{}", "", {"format": "parquet"}),
}
"""Of each layout: the ids of its items, their tags, and some keys of the entry."""


@pytest.fixture
def inspect(tmp_path, monkeypatch, capsys):
    """Return a function that runs the command in an empty folder and returns the file and what was printed."""
    monkeypatch.chdir(tmp_path)

    def run(*paths: str, output: str = "mine.yaml") -> tuple[Path, str]:
        command.inspect(list(paths), output=output)
        return Path(output), capsys.readouterr().out

    return run


def filtered(path: Path):
    """Return the dataset of an entry: the files fetched and filtered as the rules do."""
    config = merged([ROOT / "config/config.yaml", path], ROOT / "config/schema.yaml")
    for file in config["datasets"]["mine"]["sources"]:
        download(name=f"mine/{file}", sources=places(*sources.sources(config, "mine", file)), output=f"raw/{file}")
    return build_dataset(
        reviews="raw/reviews",
        metadata=f"raw/{sources.metadata_file(config, 'mine')}",
        settings=reading(**sources.reading(config, "mine")),
        seed=1,
    )


def key_of(config: dict, path: str):
    value = config["datasets"]["mine"]
    for key in path.split("."):
        value = value[key]
    return value


@pytest.mark.parametrize("make", LAYOUTS, ids=lambda make: make.__name__)
def test_public_layouts_are_recognised_and_go_through_the_filter(inspect, make):
    path, said = inspect(*make())
    ids, tags, keys = LAYOUTS[make]
    for name, value in keys.items():
        assert key_of(read_config(path), name) == value
    assert f"{len(PAIRS)} of {USERS} users with {ITEMS} items" in said and "0 broken" in said
    found = filtered(path)
    assert [found.statistics[name] for name in ("users", "items", "interactions")] == [USERS, ITEMS, len(PAIRS)]
    assert found.statistics["reviews"]["broken_lines"] == found.statistics["metadata"]["broken_lines"] == 0
    items = found.items.to_pandas().set_index("item_id")
    number = (lambda n: str(n + 1)) if ids == "+1" else (lambda n: str(10 * n) if ids == "{}0" else ids.format(n))
    for item in range(ITEMS):
        assert items["title"][number(item)].startswith(title(item))
        assert items["tags"][number(item)] == tags.format(GENRES[item % 3])
    histories = found.interactions.to_pandas().groupby("user")["item"].apply(tuple)
    codes = {one: place for place, one in enumerate(items.index)}
    expected = {tuple(codes[number((user + 7 * turn) % ITEMS)] for turn in range(EACH)) for user in range(USERS)}
    assert {*histories} == expected


def test_what_was_told_by_content_or_not_at_all_is_said(inspect):
    path, said = inspect(*movielens_100k())
    assert "19 columns hold 0 or 1" in said and "not UTF-8; latin-1 is assumed" in said and "no line of names" in said
    assert "ml-100k.zip:ml-100k/u1.base: not taken: of interactions, too, but smaller than" in said
    assert "item: item  # 20 of its 20 ids are in ml-100k.zip:ml-100k/u.item" in path.read_text(encoding="utf-8")
    _, said = inspect(*spreadsheet(), output="sheet.yaml")
    assert "names the columns is assumed" in said and "dates as '13.05.2014'" in said
    _, said = inspect(*goodreads(), output="books.yaml")
    assert "popular_shelves: objects, of which no text is read" in said and "times, too: date_updated" in said


def test_keys_that_cannot_be_told_are_left_to_the_user(inspect):
    Path("plays.csv").write_text("".join(f"a{user},b{item},{time}\n" for user, item, time in PAIRS))
    with pytest.raises(InputError, match=r"fields.user, fields.item, fields.title: .* left to you"):
        inspect("plays.csv")
    text = Path("mine.yaml").read_text(encoding="utf-8")
    assert "user:  # which column is the user cannot be told: one of column_1, column_2\n" in text
    with pytest.raises(InputError, match=r"datasets.mine.fields.user: None; expected a text"):
        merged([ROOT / "config/config.yaml", "mine.yaml"], ROOT / "config/schema.yaml")
    rows = "".join(f"a{user},b{item},{day(time, '%m/%d/%Y')}\n" for user, item, time in PAIRS)
    Path("plays.csv").write_text("user,item,date\n" + rows)
    with pytest.raises(InputError, match=r"fields.time, fields.title"):
        inspect("plays.csv", output="slashes.yaml")
    assert "day and month cannot be told apart" in Path("slashes.yaml").read_text(encoding="utf-8")
    # The titles of reviews are none of items; an item has many.
    with pytest.raises(InputError, match=r"^fields.title: "):
        inspect(amazon_2023()[0], output="reviews.yaml")
    assert "title of one item differs between records" in Path("reviews.yaml").read_text(encoding="utf-8")


def test_only_the_beginning_of_large_files_is_read(inspect, monkeypatch):
    whole, _ = inspect(*movielens_32m(), output="whole.yaml")
    monkeypatch.setattr(recognition, "HEAD", 600)
    for make in (movielens_32m, amazon_2018, amazon_2023):
        paths = make()
        files = [file for path in paths for file in recognition.raw_files(path, Path(".").resolve())]
        assert all(file.path.stat().st_size <= 600 for file in files)
        assert all(file.broken.count == 0 and not file.whole for file in files if file.size > 600)
    path, said = inspect("ml-32m.zip", output="part.yaml")
    assert "read: its first" in said and path.read_text(encoding="utf-8") == whole.read_text(encoding="utf-8")


def test_broken_lines_are_counted_and_foreseen(inspect, caplog):
    spreadsheet()
    with open("sales.csv", "a", encoding="utf-8") as handle:
        handle.write("K01;A-1\r\nK01;;4,5;01.01.2014\r\nK02;A-1;4,5;soon\r\n")
    _, said = inspect("sales.csv", "list.csv")
    assert "195 lines, 3 broken" in said and "this will stop the run: sales.csv: 3 of 195 lines (1.54%)" in said
    assert "first broken: line 194: 2 values, expected 4" in said and not caplog.records


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
WRONG = [
    ("empty.csv", b"", "empty.csv: the file is empty"),
    ("x.csv", PNG, "x.csv: an image; expected JSON or Python literals"),
    ("x.csv", b"\0\1\2" * 99, "x.csv: no text: it holds bytes of zero"),
    ("x.json", b'[{"user": 1}, {"user": 2}]', "x.json: a JSON array; expected one JSON object per line"),
    ("x.json", b'{\n "user": 1,\n "item": 2\n}\n', "x.json: an object over several lines"),
    (
        "x.txt",
        b"It was the best of times,\nit was the worst\n\nof times, it was, indeed\n",
        "x.txt: a text of which no",
    ),
    ("x.parquet", b"PAR1" + b"x" * 99, "x.parquet: not a readable Parquet file"),
    ("x.csv", b"item,title\n1,One Thing\n2,Two Things\n", "no interactions: .* x.csv says what items are, not who"),
    (
        "x.json",
        b'{"user_id": "u", "items_count": 1, "items": [{"item_id": "10"}]}\n' * 9,
        "'items' holds a list of obj",
    ),
    ("x.csv.gz", gzip.compress(b"user,item,time\n" * 99)[:-9], "x.csv.gz: the gzip file is cut off or corrupt"),
    (
        "x.csv",
        b"Sales of May\n\n" + b"user;item;time\n" * 30,
        "x.csv: a table whose first line has 1 values",
    ),
    ("x.bz2", b"BZh91AY", "x.bz2: packed with bzip2; unpack it"),
]


@pytest.mark.parametrize(("name", "content", "message"), WRONG, ids=[str(n) for n in range(len(WRONG))])
def test_wrong_files_are_refused_in_one_line(inspect, name, content, message):
    Path(name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        inspect(name)
    assert str(caught.value).isprintable() and not Path("mine.yaml").exists()


def test_archives_that_hold_no_tables(inspect):
    packed("x.zip", {"a.png": PNG, "b.txt": ""})
    packed("x.xlsx", {"[Content_Types].xml": "<Types/>", "xl/workbook.xml": "<workbook/>"})
    for path, message in (
        ("x.zip", "x.zip: no file in it is read; found: a.png, b.txt; a.png is an image"),
        ("x.zip:c.csv", "x.zip: no file 'c.csv' in it is read; found: a.png, b.txt"),
        ("x.xlsx", "x.xlsx: a workbook of Excel; save each of its sheets as CSV"),
        ("none.csv", "none.csv: no such file"),
    ):
        with pytest.raises(InputError, match=message):
            inspect(path)


def test_what_is_there_is_not_written_over(inspect):
    Path("mine.yaml").write_text("seed: 1\n")
    with pytest.raises(InputError, match="mine.yaml: there already"):
        inspect(*parquet())
    assert Path("mine.yaml").read_text() == "seed: 1\n"


def test_members_are_chosen_by_name_and_names_are_quoted(inspect):
    movielens_32m()
    path, _ = inspect("ml-32m.zip:ml-32m/ratings.csv", "ml-32m.zip:ml-32m/movies.csv")
    assert key_of(read_config(path), "sources.metadata")[0]["member"] == "ml-32m/movies.csv"
    Path("odd").mkdir()
    os.replace("ml-32m.zip", "odd/a: [b] # 'c' é.zip")
    path, _ = inspect("odd/a: [b] # 'c' é.zip", output="odd.yaml")
    assert filtered(path).statistics["users"] == USERS


def test_the_command_and_the_rule(tmp_path):
    """From a fresh clone: the command writes the file, and Snakemake takes it as it is."""
    copy_repository(tmp_path)
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        (archive,) = movielens_1m()
    finally:
        os.chdir(before)
    call = "from recexplainer.interactive.command import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", call, "inspect", archive, "--output", "mine.yaml"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" and done.stdout.endswith("# run: snakemake --cores 2 --configfile mine.yaml\n")
    assert (
        yaml.safe_load((tmp_path / "mine.yaml").read_text())["datasets"]["mine"]["sources"]["reviews"][0]["path"]
        == archive
    )
    done = snakemake(tmp_path, "--configfile", "mine.yaml", "--until", "filter_dataset")
    assert done.returncode == 0, done.stdout + done.stderr
    (statistics,) = (tmp_path / "results/mine").rglob("statistics.json")
    assert [json.loads(statistics.read_text())[name] for name in ("users", "items", "interactions")] == [12, 20, 192]
