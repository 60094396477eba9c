"""The titles that an answer names, whatever stands between them."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import text as text_of
from tiny import tiny_tokenizer

from recexplainer.data.titles import clean_title, unique_titles
from recexplainer.errors import InputError
from recexplainer.evaluation.metrics import history_coverage, ranking_ndcg
from recexplainer.evaluation.predict import _lists, _retrieval, retrieval_beams
from recexplainer.evaluation.reading import AnswerReader, TitleReader, split_titles
from recexplainer.llm.encoding import ChatEncoder

CATALOGUE = [
    *("Doom", "Doom II", "Quake", "Halo 3", "The Last of Us", "Pokémon Red", "Sid Meier's Civilization® V", "Up"),
    *("1942", "7 Days to Die", "Steins;Gate", "???", "Portal", "Half-Life 2", "Spider", "Ratchet & Clank"),
]
READER = TitleReader(CATALOGUE)
ENCODER = ChatEncoder(tiny_tokenizer(), 256)
ORDER = ["Quake", "Doom II", "Doom", "7 Days to Die", "1942"]

# A perfect order, as LLMs write it.
FORMS = {
    "strict": "Quake; Doom II; Doom; 7 Days to Die; 1942",
    "numbered lines": "1. Quake\n2. Doom II\n3. Doom\n4. 7 Days to Die\n5. 1942",
    "numbers in a line": "1. Quake 2. Doom II 3. Doom 4. 7 Days to Die 5. 1942.",
    "brackets": "(1) Quake, (2) Doom II, (3) Doom, (4) 7 Days to Die, (5) 1942",
    "other brackets": "[1] Quake\n[2] Doom II\n[3] Doom\n[4] 7 Days to Die\n[5] 1942",
    "commas": "Quake, Doom II, Doom, 7 Days to Die, 1942",
    "a preface": "Sure! Here is the order, best first:\n\nQuake; Doom II; Doom; 7 Days to Die; 1942",
    "a preface in the line": "Sure! Quake, Doom II, Doom, 7 Days to Die, 1942.",
    "bullets": "- Quake\n* Doom II\n• Doom\n+ 7 Days to Die\n– 1942",
    "bold": "1. **Quake**\n2. **Doom II**\n**3. Doom**\n4. __7 Days to Die__\n5. *1942*",
    "quotation marks": "\"Quake\", 'Doom II', “Doom”, «7 Days to Die», `1942`",
    "arrows": "Quake > Doom II > Doom > 7 Days to Die > 1942",
    "more arrows": "Quake -> Doom II → Doom -> 7 Days to Die => 1942",
    "bars": "Quake | Doom II | Doom | 7 Days to Die | 1942",
    "no spaces": "Quake;Doom II;Doom;7 Days to Die;1942",
    "spaces alone": "Quake Doom II Doom 7 Days to Die 1942",
    "case": "QUAKE; doom ii; DOOM; 7 days to die; 1942",
    "signs": "Quake™; Doom® II; Doom(TM); 7 Days to Die©; 1942",
    "ends": "Quake.\nDoom II!\nDoom:\n7 Days to Die,\n1942;",
    "reasons": "1. Quake - as Quake is fast\n2. Doom II: A classic\n3. Doom (like Quake)\n4. 7 Days to Die\n5. 1942",
    "a sentence": "I would put Quake first, then Doom II and Doom, then 7 Days to Die, and finally 1942.",
    "a code": '["Quake", "Doom II", "Doom", "7 Days to Die", "1942"]',
    "a table": "| 1 | Quake |\n| 2 | Doom II |\n| 3 | Doom |\n| 4 | 7 Days to Die |\n| 5 | 1942 |",
    "ranks": "Rank 1: Quake\nRank 2: Doom II\nRank 3: Doom\nRank 4: 7 Days to Die\nRank 5: 1942",
}


def test_a_comma_inside_a_title_does_not_cut_it():
    titles = ["Papers, Please", "Papers", "Liar, Liar", "The Good, the Bad and the Ugly", "Doom", "Up, Up and Away, II"]
    reader = TitleReader(titles)
    for order in (titles, titles[::-1]):
        for text in ("; ".join(order), ", ".join(order), ", ".join(order).upper(), "\n".join(order)):
            assert reader.read(text) == order, text
            assert reader.read(f"Sure! I say {text}.", order) == order, text
    assert reader.read("Papers, and Doom") == ["Papers", "Doom"]
    assert reader.read("Liar, Doom, Liar") == ["Doom"]
    assert reader.read(", Please, Papers,") == ["Papers"]
    assert clean_title("Papers, Please; Liar, Liar") == "Papers, Please - Liar, Liar"


@pytest.mark.parametrize("form", FORMS)
def test_a_perfect_order_is_perfect_in_every_form(form):
    found = READER.read(FORMS[form], ORDER)
    assert found == ORDER
    assert ranking_ndcg(ORDER, found) == pytest.approx(1.0)
    missing = re.sub("quake", "Nothing", FORMS[form], flags=re.IGNORECASE)
    assert READER.read(missing, ORDER) == ORDER[1:]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        # The longest title counts.
        ("Doom II, Doom", ["Doom II", "Doom"]),
        ("doom ii", ["Doom II"]),
        # What goes on is another name.
        ("Doom 3; Doom Eternal; Super Doom Quest; Doom III", []),
        ("Halo: Reach; Doom - Eternal; Spider-Man; Portal Knights; The Portal Stone", []),
        ("Quakes, Doomed, Uplink", []),
        # A word of a sentence is no title.
        ("I give up, what is a portal anyway", []),
        ("up; portal", ["Up", "Portal"]),
        # Accents, apostrophes, ampersands, marks.
        (
            "Pokemon Red; Sid Meiers Civilization V; Ratchet and Clank; half life 2",
            ["Pokémon Red", "Sid Meier's Civilization® V", "Ratchet & Clank", "Half-Life 2"],
        ),
        # A repeated item is read again; a sentence about it is not.
        ("Doom; Doom; Quake", ["Doom", "Doom", "Quake"]),
        ("Doom > Doom > Quake", ["Doom", "Doom", "Quake"]),
        ("1. Doom, as Doom is fun\n2. Quake", ["Doom", "Quake"]),
        ("Doom is fun and Doom is loud, unlike Quake", ["Doom", "Quake"]),
        # Of a numbered list the items are read, not the remarks.
        ("1. Doom, unlike Quake, is slow.\n2. Halo 3\n   - before Quake\n3. Quake\n\nPortal is none.", None),
        ("1. Doom\n2. Doom\n3. Quake", ["Doom", "Doom", "Quake"]),
        ("1.\nDoom\n2.\nQuake", ["Doom", "Quake"]),
        ("1. Answer: Doom; Quake; Up\n2. Reason: they are loud.", ["Doom", "Quake", "Up"]),
        ("", []),
        ("No title at all.", []),
    ],
)
def test_a_name_is_a_title_or_it_is_not(answer, found):
    assert READER.read(answer) == (["Doom", "Halo 3", "Quake"] if found is None else found)


def test_of_the_catalogue_only_the_candidates_are_read_and_longer_titles_hide_them():
    assert READER.read("Doom II; Halo 3; Quake", ["Doom", "Quake"]) == ["Quake"]
    # The question speaks of candidates, so that what follows a colon is a remark.
    assert READER.read("Doom: Fast and loud", ["Doom", "Quake"]) == ["Doom"]
    assert READER.read("Doom: Fast and loud") == []


TITLES = st.lists(st.text(min_size=1, max_size=12).map(clean_title).filter(bool), min_size=1, max_size=8)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(TITLES, st.data())
def test_a_strict_list_is_read_as_strictly_as_before(raw, data):
    """Whatever the titles hold, and whichever of them the answer repeats."""
    titles, _ = unique_titles(raw)
    answer = data.draw(st.lists(st.sampled_from(titles), max_size=8))
    text = "; ".join(answer)
    assert split_titles(text) == answer
    assert TitleReader(titles).read(text) == answer == TitleReader(titles).read(text, titles)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.text(alphabet='Dom IQuake123.)(*-;,:\n"™é', max_size=60))
def test_any_answer_can_be_read_and_holds_titles_alone(answer):
    assert set(READER.read(answer)) <= set(CATALOGUE)
    assert set(READER.read(answer, ORDER)) <= set(ORDER)


def test_a_long_title_of_one_word_makes_no_long_answer_slow():
    """Each of 10,000 words may begin a title of 100 words: the longest title bounds the work at each word."""
    reader = TitleReader([" ".join(["a"] * 99) + " b", "c"])
    assert reader.read("a " * 10_000 + "; c") == ["c"]


def test_coverage_reads_a_history_in_every_form():
    for form, answer in FORMS.items():
        if form != "reasons":  # the remarks may go on with a name
            assert history_coverage(ORDER, READER.read(answer)) == 1, form
    assert history_coverage(["Doom", "Halo 3"], READER.read("Doom II; Halo: Reach; Halo")) == 0


class Answers:
    """Stands where the LLM does: the same answers for every prompt."""

    def __init__(self, *texts: str):
        self.texts, self.lengths = list(texts), []

    def generate(self, prompts, max_new_tokens, beams=1, constraint=None, label=""):
        self.lengths.append(max_new_tokens)
        return [self.texts[:beams] for _ in prompts]


def asked(task: str, target: list[str]) -> list[dict]:
    row = {"sample": f"{task}-0", "user": 0, "target": target, "candidates": target[::-1]}
    return [row | {"messages": [text_of("?")]}]


@pytest.mark.parametrize(("how", "score"), [("found", 1.0), ("strict", 0.0)])
def test_the_switch_chooses_the_reading(how, score):
    reader, runner = AnswerReader(CATALOGUE, how), Answers(FORMS["numbered lines"])
    (ranked,) = _lists(runner, ENCODER, reader, asked("ranking", ORDER), [None], "ranking")
    assert ranking_ndcg(ORDER, ranked["predicted"]) == score
    assert ranked["text"] == FORMS["numbered lines"]
    (listed,) = _lists(runner, ENCODER, reader, asked("reconstruction", ORDER), [None], "reconstruction")
    assert history_coverage(ORDER, listed["predicted"]) == score
    assert listed["read"] == (5 if score else 0)


def test_an_answer_with_numbers_has_room_for_them():
    lengths = {}
    for how in ("found", "strict"):
        runner = Answers("")
        _lists(runner, ENCODER, AnswerReader(CATALOGUE, how), asked("ranking", ORDER), [None], "ranking")
        (lengths[how],) = runner.lengths
    assert lengths["found"] >= lengths["strict"] + 4 * len(ORDER) + 16


@pytest.mark.parametrize(
    ("how", "titles", "read"), [("found", ["Doom", "Quake"], 2), ("strict", ["1. Doom", "Quake"], 1)]
)
def test_a_retrieved_title_is_read_out_of_its_answer(how, titles, read):
    reader, runner = AnswerReader(CATALOGUE, how), Answers("1. Doom", "Quake")
    rows = asked("retrieval", ["Doom"])
    (found,) = _retrieval(runner, ENCODER, CATALOGUE, reader, rows, [None], 2)
    assert found["predictions"] == titles and found["read"] == read


def test_switches_say_how_many_answers_and_how_they_are_read():
    assert [retrieval_beams(decoding, 5) for decoding in ("beams", "greedy")] == [5, 1]
    with pytest.raises(InputError, match="switches.title_reading: 'loose'"):
        AnswerReader(CATALOGUE, "loose")
