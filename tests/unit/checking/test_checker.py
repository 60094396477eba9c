"""What is read from explanations: decisions in many phrasings, cited titles, and the aspects of the reasons."""

import sys
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recexplainer.checking.checker import KINDS, Catalogue, check
from recexplainer.checking.citations import find_citations
from recexplainer.decision import read_decision
from recexplainer.judgement.rubric import rate

DECISIONS = [
    ("Yes.", True),
    ("No.", False),
    ("yes", True),
    ("NO", False),
    ("  Yes, the user will like it.", True),
    ("No, it does not fit.", False),
    ("**Answer: No.**", False),
    ("**Answer:** Yes\n\nThe user likes racing games.", True),
    ("Answer - Yes", True),
    ("The answer is no.", False),
    ("## Decision\nNo\n\nThe user prefers strategy.", False),
    ("Decision: Not recommended.", False),
    ("Verdict: Recommended", True),
    ("Recommendation: No", False),
    ("[No] The item is a puzzle game.", False),
    ('"Yes" - the item fits.', True),
    ("Will the user like it? No. The history shows racing games.", False),
    ("Would the recommender offer Foo Racer? Yes, it would.", True),
    ("Answer (Yes/No): No", False),
    ("Yes or No: Yes", True),
    ("Yes and no. It depends.", None),
    ("", None),
    ("   \n", None),
    ("The user will not like the item.", False),
    ("The user won't like this game.", False),
    ("The user will like the item.", True),
    ("The user would probably enjoy this game.", True),
    ("The user is unlikely to enjoy the item.", False),
    ("The user is likely to enjoy the item.", True),
    ("It is unlikely that the user will like the item.", False),
    ("It is not likely that the user would buy it.", False),
    ("It is not unlikely that the user will like it.", True),
    ("Based on the user's history, it is likely that the user would enjoy Foo Racer.", True),
    ("Based on the history, I would not recommend Foo Racer to the user.", False),
    ("I would recommend Foo Racer.", True),
    ("I don't think the user will like Foo Racer.", False),
    ("I doubt that the user would be interested in this item.", False),
    ("There is no doubt the user will love it.", True),
    ("As a recommendation model, I would say no.", False),
    ("From the perspective of a recommendation model, the user will like it.", True),
    ("From the perspective of a recommendation model, the history shows racing games.", None),
    ("The user would dislike it.", False),
    ("The item would be a good fit for the user.", True),
    ("It would not be a good fit.", False),
    ("It would be a poor fit for the user.", False),
    ("It's hard to say whether the user will like it.", None),
    ("The user may or may not like the item.", None),
    ("I cannot determine if the user will like the item.", None),
    ("It is unclear.", None),
    ("The user likes racing games.", None),
    ("The history holds Foo Racer; Bar Racer.", None),
    ("No information is given about the item.", None),
    ("Certainly! Based on the history, the user will not enjoy this item.", False),
    ("Definitely not.", False),
    ("Most likely yes.", True),
    ("Probably not.", False),
    ("Not likely.", False),
    ("Yes. Foo Racer is a racing game too, so it fits.", True),
    ("No. Foo Racer is a puzzle game, so it does not fit.", False),
    ("Yes. Foo Racer is a puzzle game, so it does not fit.", None),
    ("No. Foo Racer is a racing game, so it fits.", None),
    ("Yes, the user will like it. Overall, the user would not enjoy this item.", None),
    ("No, I would not recommend it. Therefore, I would suggest other racing games instead.", False),
    ("The user prefers racing games. The item is a racing game. Therefore, the user will like it.", True),
    ("The item aligns with the user's preferences.", True),
    ("The item does not align with the user's preferences.", False),
    ("The item is inconsistent with the user's taste.", False),
    ("The item is not consistent with the history.", False),
    ("The user has bought racing games. While the item is a puzzle game, the user might still enjoy it.", True),
    ("The recommender would offer Foo Racer.", True),
    ("The recommender would not offer Foo Racer.", False),
    ("The model does not recommend this item.", False),
    ("The item should not be recommended.", False),
    ("The item should be recommended.", True),
    ("I'm not sure.", None),
    ("Not recommend. The user plays shooters.", False),
    ("The user will not only like but love it.", True),
    ("The user would not be interested in Foo Racer because they never bought racing games.", False),
    ("The likelihood is high that the user will like it, although they never bought a puzzle game.", True),
    ("1. Answer: No\n2. Reason: the user likes shooters.", False),
    ("A: Yes", True),
    ("Prediction: **Yes**", True),
    ("Yes!", True),
    ("No\nThe user prefers something else.", False),
    ("The user will probably not like Foo Racer 2.5.", False),
    ("The user doesn't seem likely to enjoy it.", False),
    ("Nope, not a match.", False),
    ("Yes, I think the user will like it. In conclusion, it is a great match, but other games might fit better.", True),
    ("It seems that the user would not find this item appealing.", False),
    ("Neither yes nor no.", None),
    ("Foo Racer; Bar Racer; Baz", None),
    ("Not sure", None),
    ("None", None),
    ("No idea", None),
    ("Yesterday", None),
    ("Nothing", None),
    ("No comment.", None),
    ("Yes, but no.", None),
    ("No - yes", None),
    ("Yes\nNo", None),
    ("Yes. No other game fits.", True),
    ("Yes, no other game fits as well", True),
    ("Not a match.", False),
    ("No match", False),
    ("A good match.", True),
    ("So, the user will like it.", True),
]


@pytest.mark.parametrize(("text", "decision"), DECISIONS)
def test_a_decision_is_read_whatever_the_phrasing(text, decision):
    assert read_decision(text) is decision


@pytest.mark.parametrize(("text", "decision"), DECISIONS)
def test_typography_does_not_change_a_decision(text, decision):
    """Curly apostrophes, bold type, white space and capitals are the writer's business."""
    assert read_decision(f"\n **{text.replace(chr(39), chr(0x2019))}**\n") is decision
    assert read_decision(text.lower()) is decision


@settings(derandomize=True, max_examples=200)
@given(st.text(max_size=200))
def test_any_text_can_be_read(text):
    assert read_decision(text) in (True, False, None)


ITEMS = pd.DataFrame(
    [
        ("Foo Racer", "Games, Racing, Vela", "Foo Studio", "Racing for Vela"),
        ("Bar Racer", "Games, Racing, Orbit", "Foo Studio", "Racing for Orbit"),
        ("Mud Derby 3: Night - Vela", "Games, Racing, Vela", "Moss Works", "Racing for Vela"),
        ("Baz Racer", "Games, Racing, Vela", "Foo Studio", ""),
        ("Quiet Stones", "Games, Puzzle, Vela", "Moss Works", ""),
        ("Foo Racer Returns", "Games, Racing, Orbit", "", ""),
        ("It", "Games, Horror", "", ""),
        ("Up", "Games, Puzzle", "", ""),
        ("The Game", "Games, Puzzle", "", ""),
        ("Golf's Best & <script>alert(1)</script>", "Games, Sports", "", ""),
        ("Strategy", "Games, Strategy", "", ""),
        ("Racing", "Games, Horror", "", ""),
        ("Stone", "Games, Horror", "", ""),
        ("Jump Jump!", "Games, Horror", "", ""),
        ("Spider-Club - Vela", "Games, Horror", "", ""),
    ],
    columns=["title", "tags", "brand", "feature"],
)
CATALOGUE = Catalogue(ITEMS)
CASE = {"history": ["Foo Racer", "Bar Racer", "Mud Derby 3: Night - Vela"], "title": "Baz Racer"}


def cited(text: str, case: dict = CASE) -> list[tuple[str, str]]:
    """Return the titles and kinds in a text, and check that their places are right."""
    citations = check(text, case, CATALOGUE).citations
    ends = [0, *(citation.end for citation in citations)]
    assert all(end <= citation.start < citation.end for end, citation in zip(ends, citations, strict=False))
    assert all(citation.kind in KINDS for citation in citations)
    for citation in citations:
        if citation.kind == "nowhere":
            assert text[citation.start : citation.end] == citation.title
    return [(citation.title, citation.kind) for citation in citations]


FOO, BAR, BAZ = ("Foo Racer", "history"), ("Bar Racer", "history"), ("Baz Racer", "target")
MUD = ("Mud Derby 3: Night - Vela", "history")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("The user likes racing games.", []),
        # The style of a small model.
        (
            "Yes. The history holds Foo Racer; Bar Racer, mostly racing games. Baz Racer is a racing game.",
            [FOO, BAR, BAZ],
        ),
        # Whatever the capitals and the quotation marks.
        ("They own FOO RACER and bar racer.", [FOO, BAR]),
        ("They own 'Foo Racer', \"Bar Racer\" and “Baz Racer”.", [FOO, BAR, BAZ]),
        ("['Foo Racer', 'Bar Racer']", [FOO, BAR]),
        ("**Foo Racer** and *Bar Racer*", [FOO, BAR]),
        # Whole words, the longest title.
        ("Foo Racers and xFoo Racer are none.", []),
        ("They own Foo Racer Returns.", [("Foo Racer Returns", "catalogue")]),
        ("They own Mud Derby 3: Night - Vela.", [MUD]),
        # A part of a title that can mean no other.
        ("They own Mud Derby 3 and like it.", [MUD]),
        ("They own 'Mud Derby' and like it.", [MUD]),
        ("They own 'Mud Derby 3: Night – Vela (used)'.", [MUD]),
        # Other items of the catalogue.
        ("They own Quiet Stones.", [("Quiet Stones", "catalogue")]),
        ("They own “quiet stones”.", [("Quiet Stones", "catalogue")]),
        # Prose that happens to spell a title is none; a title in quotation marks is.
        ("It is likely. It suits them, and the game is up to date.", []),
        ("The game is a good one. Stone by stone, it works out.", []),
        ("They like Strategy and Racing games, and racing.", []),
        (
            "They played 'It', 'Up' and 'The Game'.",
            [("It", "catalogue"), ("Up", "catalogue"), ("The Game", "catalogue")],
        ),
        ("They played The Game once.", [("The Game", "catalogue")]),
        # Made-up titles, quoted or set apart.
        ("They own 'Halo of Dust'.", [("Halo of Dust", "nowhere")]),
        ('They own "Halo\'s Dust, Dune".', [("Halo's Dust", "nowhere"), ("Dune", "nowhere")]),
        ("They own 'Foo Racer 2'.", [("Foo Racer 2", "nowhere")]),
        ("They own Foo Racer 2 and Foo Racer II.", [("Foo Racer 2", "nowhere"), ("Foo Racer II", "nowhere")]),
        ("No. The history holds Foo Racer; Far Racer; Bar Racer, mostly racing.", [FOO, ("Far Racer", "nowhere"), BAR]),
        ("The history holds Far Racer; Foo Racer, mostly racing.", [("Far Racer", "nowhere"), FOO]),
        ("The history holds Far Racer, mostly racing games.", [("Far Racer", "nowhere")]),
        ("Yes. Fuz Racer is a racing game too.", [("Fuz Racer", "nowhere")]),
        # A text that was cut off in the middle of a title makes nothing up.
        ("The history holds Foo Racer; Quiet St", [FOO]),
        ("The history holds Foo Racer; Quite St", [FOO, ("Quite St", "nowhere")]),
        ("They own \"Jump Jump!\", 'Jump Jump' and Jump Jump!", [("Jump Jump!", "catalogue")] * 3),
        # Quoted, but no title: genres, sentences, answers, names of facts, words of the trade.
        ("The 'Stealth' genre and the \"Dark Fantasy\" games.", []),
        ("They like 'Racing' and 'Puzzle' on 'Vela' by 'Foo Studio'.", []),
        ("The user said 'this is great fun' and 'Yes'.", []),
        ("The user's and the players' taste isn't that of Foo Studio's makers.", []),
        ("The history holds Vela games; they are by Foo Studio.", []),
        ("The history includes Racing games.", []),
    ],
)
def test_cited_titles_are_found_with_their_kinds(text, found):
    assert cited(text) == found


def test_titles_with_markup_and_marks_are_text():
    case = CASE | {"title": "Golf's Best & <script>alert(1)</script>"}
    text = 'No. "Golf\'s Best & <script>alert(1)</script>" is a sports game. Golf’s Best & <script>alert(1)</script>!'
    assert cited(text, case) == [(case["title"], "target")] * 2


def test_short_names_stand_for_a_title_unless_two_kinds_share_them():
    case = {"history": ["Mud Derby 3: Night - Vela", "Spider-Club - Vela"], "title": "Mud Derby 3: Day"}
    assert cited("They own Mud Derby 3 and Spider-Club.", case) == [("Spider-Club - Vela", "history")]
    assert cited("They own Mud Derby 3: Day and Spider.", case) == [("Mud Derby 3: Day", "target")]


def test_the_title_without_its_number_is_the_other_item():
    case = {"history": ["Foo Racer (2)"], "title": "Baz Racer"}
    items = pd.concat([ITEMS, pd.DataFrame([("Foo Racer (2)", "", "", "")], columns=ITEMS.columns)])
    text = "They own Foo Racer (2), 'Foo Racer (2)', Foo Racer and 'Foo Racer'."
    kinds = [(cited.title, cited.kind) for cited in check(text, case, Catalogue(items)).citations]
    assert kinds == [("Foo Racer (2)", "history")] * 2 + [("Foo Racer", "catalogue")] * 2


def test_single_words_count_as_titles_of_the_case_when_written_as_such():
    case = {"history": ["Stone", "It"], "title": "Up"}
    assert cited("They own Stone. Stone is fine, stone is not. It is likely.", case) == [("Stone", "history")] * 2
    assert cited("They own 'It' and 'up'.", case) == [("It", "history"), ("Up", "target")]


FILMS = ["The Net (1995)", "Toy Story (1995)", "A Beautiful Mind (2001)", "It (1990)", "One of Us (2001)"]
FILMS += ["Some Game® II", "Some Tale™: Deluxe", "Amélie (2001)", 'The "Best" of Dust', "Papers - Please", "Her (2013)"]
FILMS += ["Foo Racer (2)", "Ōkami Club (HD)", "Les Misérables (2012)", "The Road (2009)", "Solaris (1972)"]
FILMS += ["Solaris (2002)", "Doom (2)", "Doom"]


@pytest.mark.parametrize(
    ("title", "written"),
    [
        ("The Net (1995)", ["The Net", "Net, The", "The Net (1995)", "the NET (1995)", "Net (1995)"]),
        ("Toy Story (1995)", ["Toy Story", "toy story", "TOY STORY (1995)"]),
        ("A Beautiful Mind (2001)", ["A Beautiful Mind", "Beautiful Mind", "Beautiful Mind, A", "a beautiful mind"]),
        ("Some Game® II", ["Some Game II", "Some Game(R) II", "some game® ii", "Some Game ® II"]),
        ("Some Tale™: Deluxe", ["Some Tale: Deluxe", "Some Tale (TM): Deluxe"]),
        ("Amélie (2001)", ["Amelie", "Amélie", "AMÉLIE", "Ame\u0301lie (2001)"]),
        ('The "Best" of Dust', ["The Best of Dust", "The “Best” of Dust", "Best of Dust"]),
        ("Papers - Please", ["Papers, Please", "Papers – Please"]),
        ("Foo Racer (2)", ["Foo Racer (2)", "Foo Racer"]),
        ("Ōkami Club (HD)", ["Okami Club", "Ōkami Club", "okami club (hd)"]),
        ("Les Misérables (2012)", ["Les Miserables", "Les Misérables (2012)"]),
        ("It (1990)", ["It (1990)"]),
    ],
)
def test_a_title_is_recognised_as_people_write_it(title, written):
    catalogue = Catalogue(pd.DataFrame({"title": FILMS, "tags": "Film", "brand": "", "feature": ""}))
    rest = [other for other in FILMS if other != title]
    for case, kind in (
        ({"history": [title, rest[0]], "title": rest[1]}, "history"),
        ({"history": rest[:2], "title": title}, "target"),
        ({"history": rest[:2], "title": rest[2]}, "catalogue"),
    ):
        for name in written:
            quoted = name.replace("“", "'").replace("”", "'") if "“" in name else f"“{name}”"
            for text in (f"They have seen {name} before.", f"They have seen {quoted} before."):
                if kind == "catalogue" and name.islower() and "“" not in text:
                    continue  # prose, it may be
                found = [(c.title, c.kind) for c in check(text, case, catalogue).citations]
                assert found == [(title, kind)], (text, found)


@pytest.mark.parametrize(
    "text",
    [
        "It is likely that one of us takes the net, or the road; her taste is for it.",
        "Her taste is plain. It fits. Net of that, it does not.",
        "The road is long, and some game or some tale is a toy story of a beautiful mind.",
        "One of us will see. The net effect: papers, please.",
    ],
)
def test_prose_that_spells_a_title_without_its_year_cites_none(text):
    catalogue = Catalogue(pd.DataFrame({"title": FILMS, "tags": "Film", "brand": "", "feature": ""}))
    assert check(text, {"history": ["Doom"], "title": "Doom (2)"}, catalogue).citations == []


def test_a_number_in_brackets_tells_items_apart_only_where_the_bare_title_is_another_items():
    catalogue = Catalogue(pd.DataFrame({"title": FILMS, "tags": "Film", "brand": "", "feature": ""}))
    case = {"history": ["Doom (2)", "Solaris (1972)"], "title": "Foo Racer (2)"}
    text = "They own Doom (2), 'Doom', Foo Racer and 'Solaris', not Solaris (2002)."
    assert [(c.title, c.kind) for c in check(text, case, catalogue).citations] == [
        ("Doom (2)", "history"),
        ("Doom", "catalogue"),
        ("Foo Racer (2)", "target"),
        ("Solaris (1972)", "history"),
        ("Solaris (2002)", "catalogue"),
    ]


UNITS = ["a ", "A ", "Foo Racer ", "'a' ", '"A" ', "'", '"', "; ", "A; ", "history holds ", "History Holds ", "\n", " "]
UNITS += [
    "Foo Moo and ",
    "X & ",
    "Foo Racer, ",
    "\n1. Foo",
    "played Zed ",
    "Foo Racer is a Racing ",
    "not fit ",
    "Foo (a) ",
]
UNITS += [". ", "A.", "Foo Racer is a game. ", "Foo is a ", "(", "™", "é ", "'a ", "x", "- ", "a a; "]


@pytest.mark.parametrize("unit", UNITS)
def test_the_work_of_finding_citations_grows_as_the_text_does(unit):
    """Counted: every call, of functions written in C as well, and every word that is looked at."""
    titles = ["Foo Racer", "Bar Racer 2", "a " * 60 + "a", "A"]
    catalogue = Catalogue(pd.DataFrame({"title": titles, "tags": "Racing", "brand": "", "feature": ""}))

    def work(size: int) -> int:
        counted = 0

        def count(frame, event, _):
            nonlocal counted
            counted += 1
            frame.f_trace_lines = True
            return count

        text = "a" + (unit * size)[:size] + " b"
        sys.settrace(count)
        try:
            check(text, {"history": titles[:1] + titles[2:], "title": titles[1]}, catalogue)
        finally:
            sys.settrace(None)
        return counted

    assert work(1600) < 2.5 * work(800) + 500


@pytest.mark.timeout(300)  # each takes a second; patterns that take the square of the length would take far longer
def test_the_patterns_of_citations_do_not_take_the_square_of_the_text():
    catalogue = Catalogue(pd.DataFrame({"title": ["Foo Racer"], "tags": "", "brand": "", "feature": ""}))
    for unit in UNITS:
        find_citations("a" + (unit * 72_000)[:72_000] + " b", ["Foo Racer"], "Foo Racer", catalogue)


@settings(derandomize=True, max_examples=200)
@given(
    st.lists(st.sampled_from([*ITEMS["title"], "The user likes", '"', "'", ";", ". ", ", ", "Zed Zoo", "\n", "(", "5"]))
)
def test_citations_are_in_order_and_inside_whatever_the_text(parts):
    text = " ".join(parts)
    found = check(text, CASE, CATALOGUE)
    assert all(0 <= c.start < c.end <= len(text) for c in found.citations)
    assert all(a.end <= b.start for a, b in zip(found.citations, found.citations[1:], strict=False))
    assert {c.title for c in found.citations if c.kind == "history"} <= set(CASE["history"])


def test_a_title_in_quotation_marks_is_found_whatever_it_is():
    for title in ITEMS["title"]:
        kind = "history" if title in CASE["history"] else "target" if title == CASE["title"] else "catalogue"
        # What is a tag as well may be meant as one.
        expected = [] if title in ("Strategy", "Racing") else [(title, kind)]
        assert cited(f'They own "{title}" now.') == expected


@pytest.mark.parametrize(
    ("text", "aspects"),
    [
        ("", ""),
        ("Yes.", ""),
        ("Yes. It fits.", ""),
        ("Yes. The user will like it a lot.", ""),
        # That the history holds what it holds is no pattern.
        ("Yes. The history holds Foo Racer; Bar Racer.", ""),
        ("Yes. The user prefers racing games.", "patterns"),
        ("Yes. Most of their choices are by Foo Studio.", "patterns"),
        ("Yes. Foo Racer and Bar Racer are racing games.", "patterns"),
        # One item alone has this brand; and every item of the catalogue is of the genre "Games".
        ("Yes. The user prefers Moss Works.", ""),
        ("Yes. The user prefers games.", ""),
        # A list of all genres is right by chance.
        ("Yes. The user prefers racing, puzzle, horror and sports games.", ""),
        ("No. The user prefers racing games, and no puzzle games.", "patterns"),
        # The target's facts say nothing of the history.
        ("Yes. Baz Racer is a racing game.", "item"),
        ("Yes. Baz Racer fits.", "item consistency"),
        ("Yes. It is a racing game too.", "consistency"),
        ("No. The user prefers puzzles, and the item does not match that.", ""),
        # A relation that speaks against the verdict is none.
        ("Yes. Baz Racer does not fit.", "item"),
        ("No. Baz Racer fits, as they like racing games.", "item patterns"),
        ("No. Baz Racer does not fit, as they like racing games.", "item patterns consistency"),
        ("No. Baz Racer has nothing in common with Foo Racer.", "item consistency"),
        ("Yes. Baz Racer is not unlike Foo Racer.", "item consistency"),
        ("Yes. The user prefers racing games. The item matches their interest in racing.", "patterns consistency"),
        (
            "Yes. The history holds Foo Racer; Bar Racer, mostly racing games from Foo Studio. "
            "Baz Racer is a racing game too, so it fits.",
            "item patterns consistency",
        ),
        (
            "Based on the purchase history, the user enjoys racing titles such as 'Foo Racer'. Baz Racer is consistent "
            "with these preferences.",
            "item patterns consistency",
        ),
        ("The user bought Foo Racer. Baz Racer is by the same studio.", "item consistency"),
        ("The user bought Foo Racer. Baz Racer costs little.", "item"),
        ("The user bought Foo Racer. Look at Baz Racer. The two are similar.", "item consistency"),
        # The item that is said to be in the history is not named as the item.
        ("Yes. The history holds Baz Racer; Foo Racer, so it is similar.", "consistency"),
    ],
)
def test_aspects_of_the_reasons(text, aspects):
    found = check(text, CASE, CATALOGUE).aspects
    assert [name for name, there in found.items() if there] == aspects.split()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("No. Baz Racer is out of line with the user's liking for puzzle games.", ""),
        ("Yes. Baz Racer is in keeping with their taste for puzzle games.", ""),
        ("Yes. The history's pattern of racing suits Baz Racer.", ""),
        ("Yes. A user who likes racing games finds the same in Baz Racer.", ""),
        ("Yes. Baz Racer is a puzzle game.", "fact"),
        ("Yes. Baz Racer is one for Orbit.", "fact"),
    ],
)
def test_what_the_user_likes_is_not_said_of_the_item(text, error):
    assert [one.error for one in check(text, CASE, CATALOGUE).citations] == [error]


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        # Racing is what the item and the history have in common: no reason for a No.
        ("No. Baz Racer does not fit, as they like racing games.", "racing"),
        ("No. The user prefers racing games. Baz Racer does not fit.", "racing"),
        ("Yes. Baz Racer fits, as they like racing games.", ""),
        # A No that names what is not in common as well, or nothing at all.
        ("No. The user prefers racing games for Orbit, and Baz Racer does not fit.", ""),
        ("No. Baz Racer does not fit.", ""),
    ],
)
def test_a_no_whose_facts_are_all_in_common_has_no_reason(text, fact):
    checked = check(text, CASE, CATALOGUE)
    assert checked.in_common == fact
    if fact:
        assert rate(checked, False)[0] == 2 and "no reason for a No" in rate(checked, False)[1]


def test_where_the_history_shares_nothing_the_metadata_cannot_tell_a_pattern():
    case = {"history": ["Quiet Stones", "Stone"], "title": "Baz Racer"}
    assert check("Yes. The user prefers puzzles, and Baz Racer fits.", case, CATALOGUE).aspects["patterns"] is None


def said(text: str, case: dict = CASE) -> list[tuple[str, str, str]]:
    """Return the titles in a text with their roles and errors."""
    return [(cited.title, cited.role, cited.error) for cited in check(text, case, CATALOGUE).citations]


def test_the_item_in_question_under_history_holds_is_an_error():
    text = (
        "Yes. The history holds Baz Racer; Foo Racer, mostly racing games. Baz Racer is a racing game too, so it fits."
    )
    assert said(text) == [
        ("Baz Racer", "history", "role"),
        ("Foo Racer", "history", ""),
        ("Baz Racer", "named", ""),
    ]
    assert said("Yes. They would like Foo Racer.") == [("Foo Racer", "target", "role")]
    assert said("Yes. They would like Baz Racer.") == [("Baz Racer", "target", "")]
    assert said("No. They never played Baz Racer.") == [("Baz Racer", "named", "")]


def test_a_genre_platform_or_brand_that_the_metadata_refutes_is_an_error():
    for text, error in {
        "Foo Racer is a puzzle game.": "fact",
        "Foo Racer is a racing game.": "",
        "Foo Racer is not a puzzle game.": "",
        "Foo Racer for Orbit is fast.": "fact",
        "Foo Racer for Vela is fast.": "",
        "Foo Racer by Moss Works is fast.": "fact",
        "Foo Racer by Foo Studio is fast.": "",
        "Puzzle games such as Foo Racer are fun.": "fact",
        # No item of the catalogue has this, so the metadata does not tell.
        "Foo Racer is a cooking game.": "",
    }.items():
        assert said(text) == [("Foo Racer", "named", error)], text
    # It has no brand, and refutes none.
    assert said("Foo Racer Returns by Moss Works is fast.")[0][2] == ""


@pytest.mark.parametrize(
    "text",
    [
        "They played Farlune Forever before.",
        "They played Foo Racer, Farlune Forever and Bar Racer.",
        "Games such as Farlune Forever are fun.",
        "Played:\n1. Foo Racer\n2. Farlune Forever\n3. Bar Racer",
        "They bought Foo Racer and Farlune Forever last year.",
        "'Farlune Forever' is fun.",
    ],
)
def test_a_title_in_plain_view_that_no_item_has_is_found(text):
    assert [title for title, kind in cited(text) if kind == "nowhere"] == ["Farlune Forever"]


@pytest.mark.parametrize(
    "text",
    [
        "Moss Works and Foo Studio made them.",
        "They like Racing and Puzzle games on PlayStation.",
        "1. Decision: Yes\n2. Final Answer: Yes\n3. User History: short",
        "They enjoyed it on Monday.",
        "A game by Jane Roe from New York is what they bought.",
        "Jane Roe is a director whom they like.",
    ],
)
def test_genres_makers_people_and_headings_are_no_titles(text):
    assert cited(text) == []


def test_a_word_of_a_title_is_no_fact():
    """ "Racing Stars" in the text says nothing of the genre."""
    items = pd.concat([ITEMS, pd.DataFrame([("Racing Stars", "Games, Puzzle", "", "")], columns=ITEMS.columns)])
    case = CASE | {"title": "Racing Stars"}
    assert check("No. The user will see Racing Stars.", case, Catalogue(items)).aspects["patterns"] is False


def test_ten_thousand_titles_are_searched_fast():
    rng = np.random.default_rng(0)
    words = np.array([f"Word{i}" for i in range(300)])
    titles = sorted({"The " + " ".join(rng.choice(words, 4)) for _ in range(10_000)})
    catalogue = Catalogue(pd.DataFrame({"title": titles, "tags": "", "brand": "", "feature": ""}))
    case = {"history": titles[:10], "title": titles[10]}
    text = " ".join(f"The user and the game; '{title}' or {title}." for title in titles[:50])
    begin = time.perf_counter()
    found = check(text, case, catalogue)
    assert time.perf_counter() - begin < 5
    assert len(found.citations) == 100 and {c.kind for c in found.citations} == {"history", "target", "catalogue"}
