"""The demo's raw dumps: formats, determinism, planted structure, oddities."""

import ast
import gzip
import hashlib
import html
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from recexplainer.config.conversations import GeneratedConversations
from recexplainer.config.dataset import Made
from recexplainer.demo.conversations import make_conversations, read_facts
from recexplainer.demo.dataset import make_dataset
from recexplainer.demo.formats import THEMES, python_literal
from recexplainer.errors import InputError
from recexplainer.typed import checked

ROOT = Path(__file__).parents[3]
SIZES = {"amazon": {"users": 300, "items": 100}, "steam": {"users": 260, "items": 90}}
KEYS = {
    "amazon": ("reviewerID", "asin", "unixReviewTime", "category"),
    "steam": ("username", "product_id", "date", "tags"),
}


class Dump:
    """One parsed dataset, and what a plain 5-core filter leaves of it."""

    def __init__(self, kind, reviews, metadata):
        self.kind = kind
        user, item, time, tags = KEYS[kind]
        self.reviews, self.broken = parse(kind, reviews)
        self.metadata, _ = parse(kind, metadata)
        self.rows = {str(row.get("asin") or row.get("id")): row for row in self.metadata}
        self.raw_titles = {key: row.get("title") or row.get("app_name") or "" for key, row in self.rows.items()}
        self.genre = {key: row[tags][-1 if kind == "amazon" else 0] for key, row in self.rows.items()}
        first = {}
        for row in sorted(self.reviews, key=lambda row: (row[time], row[item])):
            if self.raw_titles.get(row[item]):
                first.setdefault((row[user], row[item]), row[time])
        pairs = list(first)  # in order of time
        while True:
            users, items = Counter(u for u, _ in pairs), Counter(i for _, i in pairs)
            kept = [(u, i) for u, i in pairs if users[u] >= 5 and items[i] >= 5]
            if len(kept) == len(pairs):
                break
            pairs = kept
        self.popularity = items
        self.sequences = defaultdict(list)
        for u, i in pairs:
            self.sequences[u].append(i)


def parse(kind, path):
    """Return the rows that parse, and the number of those that do not."""
    rows, broken = [], 0
    for line in gzip.decompress(Path(path).read_bytes()).decode("ascii").splitlines():
        try:
            rows.append(json.loads(line) if kind == "amazon" else ast.literal_eval(line))
        except (ValueError, SyntaxError):
            broken += 1
    return rows, broken


def digest(*paths):
    return [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with both datasets and the conversations."""
    folder = tmp_path_factory.mktemp("demo")
    for kind, sizes in SIZES.items():
        make_dataset(
            settings=Made(format=kind, **sizes),
            seed=7,
            reviews=folder / f"{kind}.reviews.gz",
            metadata=folder / f"{kind}.metadata.gz",
        )
    metadata = [folder / "amazon.metadata.gz", folder / "steam.metadata.gz"]
    make_conversations(
        settings=GeneratedConversations(conversations=600), seed=7, output=folder / "talk.json", metadata=metadata
    )
    return folder


@pytest.fixture(scope="module", params=["amazon", "steam"])
def dump(request, folder):
    return Dump(request.param, folder / f"{request.param}.reviews.gz", folder / f"{request.param}.metadata.gz")


@pytest.fixture(scope="module")
def talk(folder):
    return json.loads((folder / "talk.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", ["amazon", "steam"])
def test_the_seed_decides_the_bytes(kind, folder, tmp_path):
    made = [folder / f"{kind}.reviews.gz", folder / f"{kind}.metadata.gz"]
    again, other = [tmp_path / "r1", tmp_path / "m1"], [tmp_path / "r2", tmp_path / "m2"]
    for seed, (reviews, metadata) in ((7, again), (8, other)):
        make_dataset(settings=Made(format=kind, **SIZES[kind]), seed=seed, reviews=reviews, metadata=metadata)
    assert digest(*made) == digest(*again)
    assert not set(digest(*made)) & set(digest(*other))


def test_the_conversations_follow_seed_and_metadata(folder, tmp_path):
    metadata = [folder / "amazon.metadata.gz", folder / "steam.metadata.gz"]
    settings = GeneratedConversations(conversations=600)
    make_conversations(settings=settings, seed=7, output=tmp_path / "again", metadata=metadata)
    make_conversations(settings=settings, seed=8, output=tmp_path / "other", metadata=metadata)
    make_conversations(settings=settings, seed=7, output=tmp_path / "alone")
    assert digest(folder / "talk.json") == digest(tmp_path / "again")
    assert len(set(digest(folder / "talk.json", tmp_path / "other", tmp_path / "alone"))) == 3


def test_a_five_core_leaves_the_sizes_asked_for(dump):
    lengths = [len(sequence) for sequence in dump.sequences.values()]
    assert len(dump.sequences) == SIZES[dump.kind]["users"]
    assert len(dump.popularity) == SIZES[dump.kind]["items"]
    assert min(lengths) >= 5
    assert max(lengths) <= 14
    assert 8 <= sum(lengths) / len(lengths) <= 9


def test_rows_have_the_keys_and_types_of_the_real_dumps(dump):
    if dump.kind == "amazon":
        for row in dump.reviews:
            assert row["unixReviewTime"] % 86400 == 0
            assert 1 <= row["overall"] <= 5
        for row in dump.metadata:
            assert all(isinstance(row[key], list) for key in ("category", "description", "feature", "also_buy"))
            assert isinstance(row["brand"], str)
    else:
        assert all(len(row["date"]) == 10 and row["hours"] >= 0 for row in dump.reviews)
        assert {type(row["price"]) for row in dump.metadata if "price" in row} == {float, str}
        assert any("title" not in row and "app_name" in row for row in dump.metadata)


def test_steam_lines_are_python_2_literals(folder):
    lines = gzip.decompress((folder / "steam.reviews.gz").read_bytes()).decode("ascii").splitlines()
    assert lines[0].startswith("{u'username': u")
    value = {"a": ["Ökö's", 'say "hi"', True, None], "b": 1.5, "c": "line\nend"}
    assert ast.literal_eval(python_literal(value)) == value


def test_titles_are_two_words_of_a_small_vocabulary(dump):
    titles = [html.unescape(dump.raw_titles[item]) for item in dump.popularity]
    plain = [title for title in titles if title.replace(" ", "").isalpha() and len(title.split()) == 2]
    assert len(plain) >= len(titles) - 6
    assert {title.split()[1] for title in plain} == set(THEMES[dump.kind].kinds)


def test_users_stay_in_their_genre_and_its_next_neighbour(dump):
    ring = THEMES[dump.kind].genres
    steps = Counter()
    for sequence in dump.sequences.values():
        main = Counter(dump.genre[item] for item in sequence).most_common(1)[0][0]
        steps.update((ring.index(dump.genre[item]) - ring.index(main)) % len(ring) for item in sequence)
    share = {step: count / steps.total() for step, count in steps.items()}
    assert 0.82 <= share[0] <= 0.92
    assert share[1] > share[len(ring) - 1] > sum(share.get(step, 0) for step in range(2, len(ring) - 1))


def test_the_last_item_predicts_the_next_one_and_popularity_does_not(dump):
    """A first-order Markov chain, counted without each user's last item, finds that item."""
    following = defaultdict(Counter)
    for sequence in dump.sequences.values():
        for last, item in zip(sequence[:-2], sequence[1:-1], strict=True):
            following[last][item] += 1
    popular = [item for item, _ in dump.popularity.most_common()]
    first = five = by_popularity = 0
    for sequence in dump.sequences.values():
        best = [item for item, _ in following[sequence[-2]].most_common() if item not in sequence[:-1]]
        first += sequence[-1] in best[:1]
        five += sequence[-1] in best[:5]
        by_popularity += sequence[-1] in [item for item in popular if item not in sequence[:-1]][:5]
    users = len(dump.sequences)
    assert first / users > 0.55
    assert five / users > 0.6
    assert by_popularity / users < 0.2


def test_popularity_has_a_tail(dump):
    counts = sorted(dump.popularity.values(), reverse=True)
    assert counts[0] > 2 * counts[-1]
    assert sum(counts[:5]) / sum(counts) < 0.1


def test_metadata_agrees_with_the_structure(dump):
    theme = THEMES[dump.kind]
    brands = defaultdict(set)
    for item in dump.popularity:
        row = dump.rows[item]
        franchise = (
            html.unescape(dump.raw_titles[item]).replace(",", " ").replace(";", " ").replace("'", " ").split()[0]
        )
        genre = theme.franchises.index(franchise) % len(theme.genres)
        assert dump.genre[item] == theme.genres[genre]
        brands[franchise].add(row.get("brand") or row.get("developer"))
        if dump.kind == "amazon":
            assert dump.genre[row["also_buy"][0]] == dump.genre[item]
            for text in row["feature"]:
                assert text.startswith(theme.genres[genre])
    known = [names - {None} for names in brands.values()]
    assert all(len(names) == 1 for names in known)
    assert len(set.union(*known)) == len(known)


def test_the_oddities_of_the_real_dumps_are_there(dump):
    user, item, time, _ = KEYS[dump.kind]
    titles = [dump.raw_titles[key] for key in dump.popularity]
    assert any("&amp;" in title for title in titles)
    assert any("&#39;" in title for title in titles)
    assert any(", " in title for title in titles)
    assert any("; " in title for title in titles)
    assert len(set(titles)) < len(titles)
    assert len(dump.metadata) == len(dump.rows) + 1
    untitled = {key for key, title in dump.raw_titles.items() if not title}
    bought = Counter(row[item] for row in dump.reviews)
    assert max(bought[key] for key in untitled) >= 5
    assert set(bought) - set(dump.rows)
    assert 0 < dump.broken < 0.01 * len(dump.reviews)
    assert max(Counter((row[user], row[item]) for row in dump.reviews).values()) >= 2
    days = Counter((row[user], row[time]) for row in dump.reviews if row[user] in dump.sequences)
    assert max(days.values()) >= 2
    assert len({row[user] for row in dump.reviews}) > len(dump.sequences)
    assert any(0 < bought[key] < 5 for key in dump.rows)


def test_the_two_datasets_share_no_title_word():
    words = [{*theme.franchises, *theme.kinds, *theme.genres} for theme in THEMES.values()]
    assert not words[0] & words[1]


def test_popularity_setting_makes_the_head_heavier(tmp_path):
    heads = []
    for exponent in (0.0, 2.0):
        paths = tmp_path / "reviews", tmp_path / "metadata"
        settings = Made(format="amazon", users=200, items=100, popularity=exponent)
        make_dataset(settings=settings, seed=3, reviews=paths[0], metadata=paths[1])
        counts = sorted(Dump("amazon", *paths).popularity.values(), reverse=True)
        heads.append(sum(counts[:20]) / sum(counts))
    assert heads[1] > heads[0] + 0.05


def test_conversations_are_short_and_most_are_well_formed(talk):
    def well_formed(turns):
        sides = [turn["from"] for turn in turns]
        return bool(turns) and sides == ["human", "gpt"] * (len(turns) // 2) and all(turn["value"] for turn in turns)

    assert len({row["id"] for row in talk}) == len(talk) == 600
    assert sum(not well_formed(row["conversations"]) for row in talk) == 6
    assert all(len(turn["value"].split()) < 40 for row in talk for turn in row["conversations"])
    assert 0.2 < sum(len(row["conversations"]) > 2 for row in talk) / len(talk) < 0.4
    assert max(len(row["conversations"]) for row in talk) <= 9


def pairs(talk):
    """Return the (question, answer) pairs of the well-formed conversations."""
    for row in talk:
        turns = row["conversations"]
        for question, answer in zip(turns[::2], turns[1::2], strict=False):
            if question["from"] == "human" and answer["from"] == "gpt" and answer["value"]:
                yield question["value"], answer["value"]


def test_answers_follow_from_their_questions(talk):
    seen = Counter()
    numbers = ["zero", "one", "two", "three", "four", "five", "six"]
    for question, answer in pairs(talk):
        head, _, listed = question.partition(": ")
        items = listed.split("; ")
        expected = {
            "Repeat this list": listed,
            "Reverse this list": "; ".join(items[::-1]),
            "What comes first in this list": items[0],
            "What comes last in this list": items[-1],
            "Count this list": numbers[min(len(items), 6)],
            "Sort by letter": "; ".join(sorted(items)),
        }
        if listed and head in expected:
            seen[head] += 1
            assert answer == expected[head]
        if question.startswith("What is ") and question[8].isdigit():
            seen["sum"] += 1
            first, sign, second = question[8:-1].split()
            assert int(answer) == int(first) + int(second) * (1 if sign == "plus" else -1)
        if question.endswith("Answer Yes or No."):
            seen[answer] += 1
    assert len(seen) == 9
    assert set(seen) >= {"sum", "Yes", "No"}
    assert 0.35 < seen["Yes"] / (seen["Yes"] + seen["No"]) < 0.65


def test_answers_about_items_agree_with_the_metadata(folder, talk):
    facts = {fact.title: fact for kind in SIZES for fact in read_facts(folder / f"{kind}.metadata.gz")}
    checked = Counter()
    for question, answer in pairs(talk):
        for head, field in (("Which genre is ", "genre"), ("Who makes ", "brand"), ("What comes after ", "after")):
            if question.startswith(head):
                checked[field] += 1
                assert answer == getattr(facts[question[len(head) : -1]], field)
    assert set(checked) == {"genre", "brand", "after"}


def test_explanations_cite_the_history_and_decide_by_what_it_shares(folder, tmp_path):
    metadata = [folder / "amazon.metadata.gz", folder / "steam.metadata.gz"]
    facts = {fact.title: fact for path in metadata for fact in read_facts(path)}
    questions = {name: ("Q ", "history", " | ", "item", f" {name}?") for name in ("platform", "genre")}
    settings = GeneratedConversations(conversations=400, turns=0.0, malformed=0.0)
    make_conversations(settings=settings, seed=1, output=tmp_path / "talk.json", metadata=metadata, questions=questions)
    verdicts = Counter()
    for row in json.loads((tmp_path / "talk.json").read_text(encoding="utf-8")):
        question, answer = (turn["value"] for turn in row["conversations"])
        if not question.startswith("Q "):
            continue
        history, rest = question.removeprefix("Q ").split(" | ")
        item, _, viewpoint = rest.removesuffix("?").rpartition(" ")
        titles = history.split("; ")
        groups = Counter(getattr(facts[title], viewpoint) for title in titles)
        verdict, cited, reason = re.fullmatch(r"(Yes|No)\. The history holds (.*), mostly (.*)", answer).groups()
        shared = getattr(facts[cited.split("; ")[0]], viewpoint)
        assert groups[shared] == max(groups.values())
        assert set(cited.split("; ")) <= set(titles)
        assert {getattr(facts[title], viewpoint) for title in cited.split("; ")} == {shared}
        own = getattr(facts[item], viewpoint)
        assert (verdict == "Yes") == (own == shared)
        assert item in reason
        assert own in reason
        assert item not in titles or len(titles) > 3
        verdicts[verdict, viewpoint] += 1
    assert len(verdicts) == 4
    assert min(verdicts.values()) > 5


def test_without_metadata_no_turn_is_about_items(tmp_path):
    make_conversations(settings=GeneratedConversations(conversations=200), seed=1, output=tmp_path / "talk.json")
    text = (tmp_path / "talk.json").read_text(encoding="utf-8")
    assert not any(name in text for theme in THEMES.values() for name in theme.franchises)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"format": "csv"}, "csv"),
        ({"format": "amazon", "user": 10}, "user"),
        ({"format": "amazon", "users": 0}, "users"),
        ({"format": "amazon", "users": 100.5}, "users"),
        ({"format": "amazon", "users": "many"}, "users"),
        ({"format": "amazon", "items": 101}, "items"),
        ({"format": "steam", "items": 5000}, "items"),
        ({"format": "steam", "items": 60}, "max_length"),
        ({"format": "steam", "successor": 1.5}, "successor"),
    ],
)
def test_a_bad_setting_is_named(settings, named, tmp_path):
    with pytest.raises(InputError, match=named):
        make_dataset(
            settings=checked(Made, settings), seed=1, reviews=tmp_path / "reviews", metadata=tmp_path / "metadata"
        )
    assert not list(tmp_path.iterdir())


def test_conversations_name_a_bad_setting_or_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="conversations is 1000001"):
        make_conversations(
            settings=GeneratedConversations(conversations=1_000_001), seed=1, output=tmp_path / "talk.json"
        )
    with pytest.raises(InputError, match=r"absent\.gz"):
        make_conversations(
            settings=GeneratedConversations(), seed=1, output=tmp_path / "talk.json", metadata=[tmp_path / "absent.gz"]
        )


def run(script, *args):
    command = [sys.executable, str(ROOT / "workflow/scripts" / script), "--seed", "7", *map(str, args)]
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_a_point_of_view_that_generated_items_lack_does_not_reach_the_conversations(folder, tmp_path):
    prompts = (ROOT / "config/prompts/explanation.yaml").read_text(encoding="utf-8")
    sentences = "  platform: Look at the platforms.\n  genre: Look at the genres.\n"
    assert sentences in prompts
    talks = []
    for more in ("", "  mood: Look at the mood.\n"):
        file, talk = tmp_path / "prompts.yaml", tmp_path / f"talk{len(talks)}.json"
        file.write_text(prompts.replace(sentences, sentences + more), encoding="utf-8")
        about = "--metadata", folder / "amazon.metadata.gz", "--explanation-prompts", file
        done = run("make_demo_conversations.py", "--settings", '{"conversations": 300}', "--output", talk, *about)
        assert done.returncode == 0, done.stderr
        talks.append(talk.read_bytes())
    assert talks[0] == talks[1]
    assert b"Look at the platforms." in talks[0]


def test_the_program_writes_what_the_library_writes(folder, tmp_path):
    metadata = folder / "amazon.metadata.gz", folder / "steam.metadata.gz"
    settings = json.dumps({"format": "amazon", **SIZES["amazon"]})
    files = "--reviews", tmp_path / "reviews.gz", "--metadata", tmp_path / "metadata.gz"
    done = run("make_demo_data.py", "--settings", settings, *files)
    assert done.returncode == 0, done.stderr
    talk = "--settings", '{"conversations": 600}', "--output", tmp_path / "talk.json"
    done = run("make_demo_conversations.py", *talk, "--metadata", *metadata)
    assert done.returncode == 0, done.stderr
    assert digest(tmp_path / "reviews.gz", tmp_path / "metadata.gz", tmp_path / "talk.json") == digest(
        folder / "amazon.reviews.gz", folder / "amazon.metadata.gz", folder / "talk.json"
    )
    failed = run("make_demo_data.py", "--settings", '{"format": "sharegpt"}', *files)
    assert failed.returncode == 2
    assert failed.stderr.startswith("error: argument --settings: format: 'sharegpt'; expected one of: amazon, steam")
