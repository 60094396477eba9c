"""Synthetic conversations for the demo, in ShareGPT's format: the general text of a very small language model.

Each turn is an instance of one *skill*: a question with a rule behind its answer, in a small vocabulary and a few
phrasings. The skills are general (lists, order, counting, kinds of things, opposites, small sums, definitions, small
talk); when metadata of the demo's datasets is given, ``item_share`` of the turns are about items (genre, studio, next
in the series, lists of titles, closeness to a genre on the demo's ring). A part of the conversations has several turns,
and a few are malformed as in the real file: two turns in a row from one side, an empty turn, an answer first, no turns.
"""

import ast
import gzip
import html
import json
import logging
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from recexplainer.config.conversations import GeneratedConversations
from recexplainer.demo.dataset import check_ranges
from recexplainer.demo.explanations import Question, explain
from recexplainer.demo.formats import THEMES, Fact, words
from recexplainer.errors import InputError
from recexplainer.files import check, write_text
from recexplainer.seeds import make_rng

logger = logging.getLogger(__name__)

KINDS = {
    "colour": words("red blue green yellow white black brown pink"),
    "animal": words("cat dog horse cow fox owl goat duck"),
    "fruit": words("apple pear plum cherry lemon grape melon fig"),
    "tool": words("hammer saw drill rake spade pliers axe wrench"),
    "place": words("school market harbor forest village castle bridge park"),
}
OPPOSITES = [
    *(("hot", "cold"), ("big", "small"), ("fast", "slow"), ("old", "new"), ("light", "dark"), ("early", "late")),
    *(("open", "closed"), ("full", "empty"), ("high", "low"), ("long", "short"), ("hard", "soft"), ("wet", "dry")),
    *(("near", "far"), ("loud", "quiet"), ("strong", "weak"), ("rich", "poor")),
]
DEFINITIONS = {
    "recommender": "a system that ranks items for a user",
    "user": "a person who buys, plays or watches items",
    "item": "one thing in a catalogue, such as a game",
    "catalogue": "the list of all items",
    "title": "the name of an item",
    "history": "the list of items that a user had, oldest first",
    "genre": "a kind of game",
    "studio": "the company that makes a game",
    "list": "some things in order",
    "ranking": "a list with the best item first",
    "taste": "the kind of items that a user likes",
    "series": "games that share a first name and a world",
}
TALK = [
    ("Hello.", "Hello. How can I help you?"),
    ("Good morning.", "Good morning. What can I do for you?"),
    ("Thank you.", "You are welcome."),
    ("Goodbye.", "Goodbye, and come back soon."),
    ("Who are you?", "I am a small assistant for a demo."),
    ("What can you do?", "I can answer short questions, sort lists and talk about items."),
    ("Are you a person?", "No, I am a small language model."),
    ("Can you help me?", "Yes. Ask me a short question."),
]
NUMBERS = words("zero one two three four five six seven eight nine ten")
Rng: TypeAlias = np.random.Generator
Turn = tuple[str, str]  # question and answer


def make_conversations(
    *,
    settings: GeneratedConversations,
    seed: int,
    output: str | Path,
    metadata: Sequence[str | Path] = (),
    questions: Mapping[str, Question] | None = None,
) -> None:
    """Write the conversations as a JSON array of ``{"id", "conversations": [{"from", "value"}]}``.

    Args:
        settings: how many, and of what.
        seed: the same seed, settings and metadata give the same bytes.
        output: the JSON file.
        metadata: gzip metadata of demo datasets, for turns about their items.
        questions: by viewpoint, the question that asks for an explanation; None: there are no explanations.

    Raises:
        InputError: a setting is out of range, or a metadata file is missing.
    """
    check_ranges(settings, {"conversations": (1, 1_000_000), "max_turns": (1, 20)})
    skills = ITEM_SKILLS
    if questions:
        skills += (lambda facts, rng: explain(questions, facts, rng),) * EXPLANATIONS
    catalogues = [facts for facts in map(read_facts, metadata) if facts]
    rng = make_rng(seed, "demo", "sharegpt")
    rows = []
    for index in range(settings.conversations):
        turns: list[dict[str, str]] = []
        while True:
            about_items = bool(catalogues) and rng.random() < settings.item_share
            if about_items:
                question, answer = draw(skills, rng)(draw(catalogues, rng), rng)
            else:
                question, answer = draw(SKILLS, rng)(rng)
            turns += [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
            if len(turns) >= 2 * settings.max_turns or rng.random() >= settings.turns:
                break
        rows.append({"id": f"demo_{index:06d}", "conversations": turns})
    spoil(rows, round(settings.malformed * len(rows)), rng)
    write_text(output, json.dumps(rows, ensure_ascii=False) + "\n")
    logger.info("%d conversations in %s", len(rows), output)


def spoil(rows: list[dict[str, Any]], count: int, rng: Rng) -> None:
    """Make ``count`` of the conversations malformed, in four ways by turns."""
    for way, index in enumerate(rng.choice(len(rows), size=min(count, len(rows)), replace=False)):
        turns = rows[index]["conversations"]
        if way % 4 == 0:
            turns.insert(0, dict(turns[0]))
        elif way % 4 == 1:
            turns[-1]["value"] = ""
        elif way % 4 == 2:
            del turns[0]
        else:
            turns.clear()


def read_facts(path: str | Path) -> list[Fact]:
    """Return the facts of a demo dataset's metadata whose titles are unique and hold only letters.

    Raises:
        InputError: the file is missing, damaged or not gzip.
    """
    check(path)
    try:
        with gzip.open(path, "rt", encoding="utf-8") as handle:
            lines = handle.read().splitlines()
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read as gzip ({error}); expected a demo dataset's metadata.") from None
    rows: dict[str, dict[str, Any]] = {}
    for line in lines:
        try:
            row = json.loads(line) if line.startswith('{"') else ast.literal_eval(line)
        except (ValueError, SyntaxError):
            continue  # a broken line, as the real dumps have; the data stage counts them
        rows[str(row.get("asin") or row.get("id"))] = row
    titles = {item_id: html.unescape(row.get("title") or row.get("app_name") or "") for item_id, row in rows.items()}
    listed = list(titles.values())
    plain = [title for title in listed if listed.count(title) == 1 and title.replace(" ", "").isalpha()]
    facts = []
    for item_id, row in sorted(rows.items()):
        genre = (row.get("category") or row.get("genres") or [""])[-1]
        brand = row.get("brand") or row.get("developer")
        if titles[item_id] in plain and genre and brand:
            after = titles.get((row.get("also_buy") or [""])[0], "")
            platform = (row.get("specs") or row["category"][1:2])[0]
            facts.append(Fact(titles[item_id], genre, brand, platform, after if after in plain else ""))
    return facts


def draw(options: Sequence[Any], rng: Rng) -> Any:
    """Return one of the options."""
    return options[int(rng.integers(len(options)))]


def several(options: Sequence[Any], count: int, rng: Rng) -> list[Any]:
    """Return ``count`` different options in random order."""
    return [options[int(index)] for index in rng.choice(len(options), size=count, replace=False)]


def some_words(rng: Rng) -> list[str]:
    """Return three to six different words of any kind."""
    return several([word for kind in KINDS.values() for word in kind], int(rng.integers(3, 7)), rng)


def list_turn(items: list[str], rng: Rng) -> Turn:
    """Ask for a list again, backwards, its length, or one of its ends."""
    text = "; ".join(items)
    again = (f"{draw(('Repeat this list', 'Say this list again', 'Copy this list'), rng)}: {text}", text)
    return draw(
        (
            again,
            again,
            again,
            (f"{draw(('Reverse this list', 'Say this list backwards'), rng)}: {text}", "; ".join(items[::-1])),
            (f"What comes first in this list: {text}", items[0]),
            (f"What comes last in this list: {text}", items[-1]),
            (f"Count this list: {text}", NUMBERS[len(items)]),
        ),
        rng,
    )


def list_of_words(rng: Rng) -> Turn:
    """A list of words."""
    return list_turn(some_words(rng), rng)


def alphabet(rng: Rng) -> Turn:
    """Sort words."""
    items = some_words(rng)[:4]
    order = draw(("Sort by letter", "Put these in alphabetical order"), rng)
    return f"{order}: {'; '.join(items)}", "; ".join(sorted(items))


def two_kinds(rng: Rng) -> tuple[str, str]:
    """Return two kinds of things, the same one in half of the cases."""
    first, second = several(list(KINDS), 2, rng)
    return first, draw((first, second), rng)


def is_kind(rng: Rng) -> Turn:
    """Is a word of a kind?"""
    kind, other = two_kinds(rng)
    article = "an" if kind[0] in "aeiou" else "a"
    return f"Is {draw(KINDS[other], rng)} {article} {kind}? Answer Yes or No.", "Yes" if other == kind else "No"


def belong(rng: Rng) -> Turn:
    """Do two words belong to one kind?"""
    kind, other = two_kinds(rng)
    first = draw(KINDS[kind], rng)
    second = draw([word for word in KINDS[other] if word != first], rng)
    return f"Do {first} and {second} belong together? Answer Yes or No.", "Yes" if kind == other else "No"


def name_kind(rng: Rng) -> Turn:
    """What kind of thing is a word?"""
    kind = draw(list(KINDS), rng)
    return f"What kind of thing is {draw(KINDS[kind], rng)}?", kind


def odd_one(rng: Rng) -> Turn:
    """Find the word of another kind."""
    kind, other = several(list(KINDS), 2, rng)
    odd = draw(KINDS[other], rng)
    items = several([*several(KINDS[kind], 3, rng), odd], 4, rng)
    return f"Which one does not belong: {'; '.join(items)}", odd


def opposite(rng: Rng) -> Turn:
    """Name the opposite."""
    first, second = several(draw(OPPOSITES, rng), 2, rng)
    return f"{draw(('What is the opposite of', 'Name the opposite of'), rng)} {first}?", second


def arithmetic(rng: Rng) -> Turn:
    """Add or subtract numbers up to ten."""
    first, second = sorted((int(rng.integers(0, 11)), int(rng.integers(0, 11))), reverse=True)
    sign, result = draw((("plus", first + second), ("minus", first - second)), rng)
    return f"What is {first} {sign} {second}?", str(result)


def definition(rng: Rng) -> Turn:
    """Define a word of the recommender's world."""
    word = draw(list(DEFINITIONS), rng)
    article = "an" if word[0] in "aeio" else "a"
    return f"What is {article} {word}?", f"{article.capitalize()} {word} is {DEFINITIONS[word]}."


def small_talk(rng: Rng) -> Turn:
    """Greetings and the like."""
    return draw(TALK, rng)


def two_items(facts: list[Fact], rng: Rng) -> tuple[Fact, Fact]:
    """Return two items, of one genre in half of the cases."""
    first = draw(facts, rng)
    same = [fact for fact in facts if fact.genre == first.genre and fact != first]
    other = [fact for fact in facts if fact.genre != first.genre]
    return first, draw(draw([group for group in (same, other) if group], rng), rng)


def ring_distance(facts: list[Fact]) -> Callable[[str, str], int]:
    """Return the distance of two genres on the ring of the facts' dataset."""
    present = {fact.genre for fact in facts}
    ring = [genre for theme in THEMES.values() for genre in theme.genres if genre in present]

    def distance(first: str, second: str) -> int:
        steps = abs(ring.index(first) - ring.index(second))
        return min(steps, len(ring) - steps)

    return distance


def list_of_titles(facts: list[Fact], rng: Rng) -> Turn:
    """A list of titles."""
    return list_turn([fact.title for fact in several(facts, int(rng.integers(2, 7)), rng)], rng)


def genre_of(facts: list[Fact], rng: Rng) -> Turn:
    """The genre of an item."""
    fact = draw(facts, rng)
    return f"{draw(('Which genre is', 'What is the genre of'), rng)} {fact.title}?", fact.genre


def brand_of(facts: list[Fact], rng: Rng) -> Turn:
    """The studio of an item."""
    fact = draw(facts, rng)
    return f"{draw(('Who makes', 'Which studio makes'), rng)} {fact.title}?", fact.brand


def title_from(facts: list[Fact], rng: Rng) -> Turn:
    """An item of a studio: the first one in order of titles, so that the answer follows from the question."""
    brand = draw(facts, rng).brand
    return f"Name a title from {brand}.", min(fact.title for fact in facts if fact.brand == brand)


def is_genre(facts: list[Fact], rng: Rng) -> Turn:
    """Is an item of a genre?"""
    first, second = two_items(facts, rng)
    answer = "Yes" if first.genre == second.genre else "No"
    return f"Is {first.title} a game of the genre {second.genre}? Answer Yes or No.", answer


def next_title(facts: list[Fact], rng: Rng) -> Turn:
    """What buyers of an item buy next; of datasets that do not say it, the genre."""
    known = [fact for fact in facts if fact.after]
    if not known:
        return genre_of(facts, rng)
    fact = draw(known, rng)
    return f"{draw(('What comes after', 'Which title do people buy after'), rng)} {fact.title}?", fact.after


def would_like(facts: list[Fact], rng: Rng) -> Turn:
    """Would a person who likes one item like another? Yes in one genre, else No."""
    first, second = two_items(facts, rng)
    answer = "Yes" if first.genre == second.genre else "No"
    return f"I like {first.title}. Will I like {second.title}? Answer Yes or No.", answer


def order_genres(facts: list[Fact], rng: Rng) -> Turn:
    """Sort titles by their genres' distance from an item's genre on the ring; no two at one distance."""
    first = draw(facts, rng)
    distance = ring_distance(facts)
    by_distance: dict[int, Fact] = {}
    for fact in several(facts, len(facts), rng):
        if fact != first:
            by_distance.setdefault(distance(first.genre, fact.genre), fact)
    best = [by_distance[steps].title for steps in sorted(by_distance)][:3]
    shown = "; ".join(several(best, len(best), rng))
    return f"I like {first.title}. Sort these for me, best first: {shown}", "; ".join(best)


SKILLS: tuple[Callable[[Rng], Turn], ...] = (
    list_of_words, list_of_words, list_of_words, alphabet, is_kind, belong, name_kind, odd_one, opposite, arithmetic,
    definition, small_talk,
)  # fmt: skip
ITEM_SKILLS: tuple[Callable[[list[Fact], Rng], Turn], ...] = (
    # Lists above all: a small model must see many before it can copy what stands in its prompt.
    *[list_of_titles] * 9, genre_of, brand_of, title_from, is_genre, next_title, would_like, *[order_genres] * 3,
)  # fmt: skip
EXPLANATIONS = 5
"""How often an explanation stands among the item skills."""
