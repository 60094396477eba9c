"""The judges: the rubric's levels, ratings in replies of every spelling, and a service that does not always answer."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from misbehaving_server import MisbehavingServer, Raw, scripted

from recexplainer.checking.checker import Catalogue, check
from recexplainer.config.explanation import Judging
from recexplainer.config.service import Service
from recexplainer.errors import InputError
from recexplainer.explanation.cases import CASES
from recexplainer.explanation.texts import explanation, write_explanations
from recexplainer.files import write_parquet
from recexplainer.judgement.judge import NO_TEXT, judge_by_service, sending_order
from recexplainer.judgement.judgements import JUDGEMENTS, load_judgements
from recexplainer.judgement.ratings import read_rating
from recexplainer.judgement.rubric import judge_by_rubric, rate
from recexplainer.prompts.explanation import load_explanation_prompts

PROMPTS = str(Path(__file__).parents[3] / "config" / "prompts" / "explanation.yaml")

REPLIES = [
    ("No one could like this one.", None),
    ("This one gets a 3.", 3),
    ("Two flaws. Rating - two", None),
    ("Rating - two", 2),
    ("FOUR!", 4),
    ("RATING-3", 3),
    ("rating: 3", 3),
    ("3/4", 3),
    ("**3**", 3),
    ("Score = 3.", 3),
    ("RATING-3.", 3),
    ("[RATING-2]", 2),
    ("<RATING-4>", 4),
    ("<rating>1</rating>", 1),
    ("RATING 3", 3),
    ("RATING_3", 3),
    ("Rating - 3", 3),
    ("RATING–2", 2),
    ("Rating:3/4", 3),
    ("Rating: 3 out of 4", 3),
    ("4", 4),
    ("4.", 4),
    (" 2\n", 2),
    ('"RATING-1"', 1),
    ("RATING-3: acceptable. The text has 2 flaws.", 3),
    ("The rating is 3", 3),
    ("I would rate it 3 out of 4.", 3),
    ("I'd give this a 2.", 2),
    ("three", 3),
    ("Rating: three", 3),
    ("RATING-3\n1. The decision is right.\n2. Small flaws.", 3),
    ("RATING-3 RATING-3", 3),
    ("RATING-2 or RATING-3", None),
    ("Rating: 2-3", None),
    ("2 or 3", None),
    ("Between RATING-2 and RATING-3", None),
    ("", None),
    ("I cannot rate this.", None),
    ("RATING-5", None),
    ("RATING-0", None),
    ("Rating: 3.5", None),
    ("3.5/4", None),
    ("3/5", None),
    ("10/4", None),
    ("33", None),
    ("rating 13", None),
    ("On a scale from 1 to 4, I rate it 2.", 2),
    ("Rating (1-4): 3", 3),
    ("RATING-1, RATING-2, RATING-3 or RATING-4", None),
    ("Level 4", 4),
    ("RATING-", None),
    ("RATING-X", None),
    ("Score: 3.0", 3),
    ("RATING -3", 3),
    ("rating=**4**", 4),
    ('{"rating": 2}', 2),
    ("$RATING-3$", 3),
    ("<RATING-3", 3),
    ("RATING-3>>", 3),
    ("-3", 3),
    ("4 of 4", 4),
    ("4/4", 4),
    ("Rating: 4 / 4", 4),
    ("Not a 1, more of a 2", None),
    ("RATING3", 3),
    ("The score would be 2.", 2),
    ("RATING-3 (not RATING-4)", None),
]


@pytest.mark.parametrize(("reply", "rating"), REPLIES)
def test_a_rating_is_read_whatever_its_spelling(reply, rating):
    assert read_rating(reply) == rating


@pytest.mark.parametrize(
    "reply",
    [
        "I'm sorry, but I cannot give RATING-4 here.",
        "I cannot rate this; it cites 2 titles.",
        "The text tells me to answer RATING-4. I answer: 1",
        "answer RATING-4. I answer: 1",
        "I cannot follow that. The text says:\nRATING-4",
        "RATING-4 is what it wants to hear.",
        "RATING-4: that is what the text wants; I cannot rate it.",
        "RATING-4. On second thought, no.",
        "My rating is not RATING-3.",
        "Should it be RATING-4?",
        "Based on the 4 levels given, the decision agrees",
        "the 4 levels",
        "It names 3 titles of 4.",
        "RATING-1\nRATING-2",
        '{"rating": 5}',
        '{"rating": true}',
        '{"rating": 2, "level": 3}',
        '{"reason": "RATING-4"}',
    ],
)
def test_a_level_that_is_only_mentioned_is_no_rating(reply):
    assert read_rating(reply) is None


@pytest.mark.parametrize(
    ("reply", "rating"),
    [
        ("The decision agrees, so RATING-1 is out.\n\n**RATING-3**", 3),
        ("It cites 2 titles that are there. Final rating: RATING-4.", 4),
        ("RATING-2\nIt names 2 titles that are not there.", 2),
        ("RATING-1</br>", 1),
        ('{"rating": "RATING-2"}', 2),
        ('```json\n{"reason": "RATING-4 it is not", "rating": 3}\n```', 3),
    ],
)
def test_the_last_word_in_the_form_that_was_asked_for_is_the_rating(reply, rating):
    assert read_rating(reply) == rating


def test_a_cut_reply_holds_a_rating_only_on_a_line_of_its_own():
    cut = {"RATING-3": 3, "RATING-3\nThe decision": 3, "RATING-3: the decision": None, "It agrees. RATING-3": None}
    assert {reply: read_rating(reply, cut_off=True) for reply in cut} == cut


@pytest.mark.parametrize(
    "reply",
    ["the " * 5000, "rating-1 " * 2500, " " * 20_000, "{" * 19_000, "RATING-3\n" * 2000, "my my " * 3000 + "rating is"],
)
def test_no_reply_takes_long_to_read(reply):
    """Patterns that take the square of the length would not end within the limit of a test."""
    for _ in range(20):
        read_rating(reply * 20)


@settings(derandomize=True, max_examples=300)
@given(st.text(alphabet="1234 ratingRATINGscore-/.:;()*[]<>of5\n", max_size=40))
def test_a_rating_is_one_to_four_and_is_in_the_reply(reply):
    rating = read_rating(reply)
    words = {1: "one", 2: "two", 3: "three", 4: "four"}
    assert rating is None or str(rating) in reply or words[rating] in reply.lower()


@pytest.mark.parametrize(
    "tag", ["RATING-{}", "<RATING-{}>", "[[rating: {}]]", "Rating = **{}**.", "({}/4)", "{}", "level {}"]
)
@pytest.mark.parametrize("first", [1, 2, 3, 4])
def test_each_level_is_read_and_two_are_none(tag, first):
    assert read_rating(tag.format(first)) == first
    assert read_rating(f"{tag.format(first)}\n{tag.format(first)}") == first
    assert read_rating(f"{tag.format(first)}\n{tag.format(first % 4 + 1)}") is None


@pytest.mark.parametrize(
    "reply",
    [
        "The prompt injection demands:\n\nRATING-4",
        "The text says: RATING-4",
        "The user wrote:\nRATING-4",
        "Cannot comply.\nRATING-4",
        "Sorry.\nRATING-4",
        "rating: -1",
        "Rating = -4",
    ],
)
def test_words_of_others_curt_refusals_and_negative_numbers_are_no_level(reply):
    assert read_rating(reply) is None


@pytest.mark.parametrize(
    "reply", ["Here is my rating:\nRATING-3", "Rating - 3", "It reads well. RATING-3", "rating: 3"]
)
def test_what_looks_like_them_is_one(reply):
    assert read_rating(reply) == 3


ITEMS = pd.DataFrame(
    [
        ("Foo Racer", "Games, Racing", "Foo Studio"),
        ("Bar Racer", "Games, Racing", "Foo Studio"),
        ("Baz Racer", "Games, Racing", "Foo Studio"),
        ("Quiet Stones", "Games, Puzzle", "Moss Works"),
        ("Calm Stones", "Games, Puzzle", "Moss Works"),
        ("Grey Stones", "Games, Puzzle", ""),
        ("Sad Stones", "Games, Puzzle", ""),
    ],
    columns=["title", "tags", "brand"],
).assign(feature="")


def case(number: int, title: str, label: bool) -> dict:
    row = {"case": f"{number:04d}", "user": number, "prefix": number, "item": 2, "label": label, "score": 1.5}
    row |= {"percentile": 0.9, "history": ["Foo Racer", "Bar Racer"], "title": title}
    return row | {name: "" for name in CASES.names[-4:]}


CASE_ROWS = [case(0, "Baz Racer", True), case(1, "Quiet Stones", False), case(2, "Calm Stones", True)]
GOOD = "Yes. The history holds Foo Racer; Bar Racer, mostly racing games. Baz Racer is a racing game too, so it fits."


@pytest.mark.parametrize(
    ("text", "rating", "reason"),
    [
        ("", 1, "no decision"),
        ("Foo Racer; Bar Racer", 1, "no decision"),
        (GOOD.replace("Yes", "No").replace("so it fits", "so it does not fit"), 1, "decision is wrong"),
        (GOOD.replace("so it fits", "so it does not fit"), 1, "no decision"),
        ("Yes.", 2, "no reasons"),
        (GOOD.replace("Bar Racer", "Bad Racer"), 2, "no item is called 'Bad Racer'"),
        (GOOD.replace("Bar Racer", "Calm Stones"), 2, "'Calm Stones' is neither"),
        ("Yes. The history holds Foo Racer; Bar Racer.", 2, "no reasons"),
        ("Yes. Baz Racer is close to what they own.", 3, "lack a pattern of the history"),
        # Five texts that words alone won.
        (GOOD.replace("Foo Racer", "Baz Racer"), 2, "'Baz Racer' is not in the history, as the text says"),
        ("Yes. The user prefers racing games, and the item is a racing game too.", 3, "lack the item"),
        ("Yes. They played Farlune Forever, and Baz Racer fits.", 2, "no item is called 'Farlune Forever'"),
        ("Yes. The history holds Foo Racer; Bar Racer. They like it.", 2, "no reasons"),
        ("Yes. The user may like it, as it fits what they bought.", 2, "no reasons"),
        ("Yes. Baz Racer is a puzzle game, so it fits their racing games.", 2, "said to be 'puzzle', which it is not"),
        ("Yes. They like racing games. Baz Racer does not fit.", 3, "lack a consistency that agrees"),
        (GOOD, 4, "passes these checks"),
        (
            "**Answer:** Yes\n\nThe user's purchase history shows an interest in racing titles such as 'Foo Racer'. "
            '"Baz Racer" aligns with that interest, so the user would probably enjoy it.',
            4,
            "it cannot tell",
        ),
    ],
)
def test_the_rubric_goes_by_decision_hallucination_and_aspects(text, rating, reason):
    found = rate(check(text, CASE_ROWS[0], Catalogue(ITEMS)), True)
    assert found[0] == rating and reason in found[1]


def thinking(content: str | None, finish: str) -> Raw:
    """A reply with a content and an end, and a thought in a field of its own, as some services have it."""
    message = {"role": "assistant", "content": content, "reasoning_content": "RATING-1? No, RATING-4."}
    return Raw({"choices": [{"message": message, "finish_reason": finish}]})


TEXTS = {
    "base": [GOOD, "No.", ""],
    "hybrid-full": [
        "No. It is not.",
        "No. The history holds Foo Racer; Bar Racer. Quiet Stones is not similar to it.",
        "Yes. It is by the same makers as Foo Racer.",
    ],
}
RATINGS = {"base": [4, 2, 1], "hybrid-full": [1, 3, 2]}


@pytest.fixture
def files(tmp_path) -> dict:
    """Arguments that both judges have."""
    import pyarrow as pa

    write_parquet(tmp_path / "cases.parquet", pa.Table.from_pylist(CASE_ROWS, schema=CASES))
    for system, texts in TEXTS.items():
        rows = [explanation(row, "?", text, "stop") for row, text in zip(CASE_ROWS, texts, strict=True)]
        write_explanations(tmp_path / f"{system}.parquet", rows)
    return {
        "cases": str(tmp_path / "cases.parquet"),
        "explanations": [str(tmp_path / f"{system}.parquet") for system in TEXTS],
        "systems": list(TEXTS),
        "output": str(tmp_path / "judgements.parquet"),
    }


def test_the_rubric_writes_systems_in_order_and_all_their_cases(files, tmp_path):
    write_parquet(tmp_path / "items.parquet", ITEMS)
    judge_by_rubric(**files, items=str(tmp_path / "items.parquet"))
    assert pq.read_schema(files["output"]).equals(JUDGEMENTS)
    rows = load_judgements(files["output"])
    assert [(row["system"], row["case"]) for row in rows] == [(s, c["case"]) for s in TEXTS for c in CASE_ROWS]
    assert [row["rating"] for row in rows] == [rating for ratings in RATINGS.values() for rating in ratings]
    assert {(row["judge"], row["attempts"], row["failed"]) for row in rows} == {("rubric", 1, False)}
    assert all(row["reason"] and read_rating(row["reply"]) == row["rating"] for row in rows)


def test_the_rubric_gives_a_refusal_the_lowest_level(files, tmp_path):
    """The words of a refusal are no decision, even if they could be read as one."""
    write_parquet(tmp_path / "items.parquet", ITEMS)
    rows = [explanation(row, "?", "No.", "refused") for row in CASE_ROWS]
    write_explanations(files["explanations"][0], rows)
    judge_by_rubric(**files, items=str(tmp_path / "items.parquet"))
    assert [row["rating"] for row in load_judgements(files["output"])[:3]] == [1, 1, 1]


def run_judge(
    files: dict, tmp_path: Path, server: MisbehavingServer, seed: int = 1, judge: str = "gpt-4", **changes
) -> list[dict]:
    service = {
        "base_url": server.url,
        "model": "large",
        "key_variable": None,
        "temperature": 0,
        "concurrency": 1,
        "timeout": 5,
        "retries": 2,
        "price": {"input": 1.0, "output": 1.0},
        "batch": False,
        "batch_poll": 0.01,
    } | changes
    judge_by_service(
        **files,
        prompts=PROMPTS,
        judge=judge,
        service=Service(**service),
        settings=Judging(judge_max_tokens=16, max_usd=1),
        seed=seed,
        store=str(tmp_path / "store.jsonl"),
    )
    assert pq.read_schema(files["output"]).equals(JUDGEMENTS)
    return load_judgements(files["output"])


def judge_reply(request: dict) -> str:
    """Rate 4 what has a history in it, else 2."""
    return "RATING-4" if "The history holds" in request["messages"][0]["content"] else "rating: 2/4"


def test_a_service_rates_each_text_alone_and_blind(files, tmp_path):
    with MisbehavingServer(reply=judge_reply) as server:
        rows = run_judge(files, tmp_path, server)
        calls = [call.request for call in server.calls]
        run_judge(files, tmp_path, server)
        assert len(server.calls) == len(calls) == 6
    assert [(row["system"], row["case"]) for row in rows] == [(s, c["case"]) for s in TEXTS for c in CASE_ROWS]
    assert [row["rating"] for row in rows] == [4, 2, 2, 2, 4, 2]
    assert {(row["judge"], row["attempts"], row["failed"], row["reason"]) for row in rows} == {("gpt-4", 1, False, "")}
    texts = [text for texts in TEXTS.values() for text in texts]
    for request in calls:
        (message,) = request["messages"]
        assert request["max_tokens"] == 16 and message["role"] == "user"
        assert not any(system in message["content"] for system in TEXTS)
        assert "oldest first: Foo Racer; Bar Racer" in message["content"]
        assert sum(f"----------\n{text or NO_TEXT}\n----------" in message["content"] for text in texts) == 1
    labels = {
        content.split("the right one: ")[1].split("\n")[0] for r in calls for content in [r["messages"][0]["content"]]
    }
    assert labels == {"Yes", "No"}


def test_the_texts_of_a_case_are_sent_in_an_order_of_the_seed():
    systems = ["a", "b", "c", "d"]
    orders = {seed: sending_order(50, systems, seed) for seed in (1, 2)}
    assert orders[1] == sending_order(50, systems, 1) != orders[2]
    for order in orders.values():
        assert [place for place, _ in order] == [place for place in range(50) for _ in systems]
        assert sorted(order) == [(place, system) for place in range(50) for system in systems]
        firsts = [order[4 * place][1] for place in range(50)]
        assert all(5 <= firsts.count(system) <= 22 for system in systems)


def test_the_seed_changes_no_judgement(files, tmp_path):
    results = []
    for seed in (1, 2):
        folder = tmp_path / str(seed)
        folder.mkdir()
        with MisbehavingServer(reply=judge_reply) as server:
            results.append(run_judge({**files, "output": str(folder / "out.parquet")}, folder, server, seed))
    assert results[0] == results[1]


def test_an_unreadable_reply_is_asked_for_once_more_then_failed(files, tmp_path):
    again = load_explanation_prompts(PROMPTS).again

    def reply(request: dict) -> str:
        content = request["messages"][0]["content"]
        if "It is not." in content:
            return "I would say RATING-1 or RATING-2."
        if "same makers" in content:
            return "RATING-3" if len(request["messages"]) == 3 else "Hmm."
        return "RATING-4"

    with MisbehavingServer(reply=reply) as server:
        rows = run_judge(files, tmp_path, server)
        count = len(server.calls)
        second = [call.request["messages"] for call in server.calls if len(call.request["messages"]) > 1]
        assert run_judge(files, tmp_path, server) == rows
        assert len(server.calls) == count == 8
    assert [row["rating"] for row in rows] == [4, 4, 4, None, 4, 3]
    assert [row["attempts"] for row in rows] == [1, 1, 1, 2, 1, 2]
    assert [row["failed"] for row in rows] == [False] * 3 + [True, False, False]
    assert rows[3]["reply"] == "I would say RATING-1 or RATING-2."
    for messages in second:
        assert [message["role"] for message in messages] == ["user", "assistant", "user"]
        assert messages[1]["content"] in ("I would say RATING-1 or RATING-2.", "Hmm.")
        assert messages[2]["content"] == again


def test_a_judge_that_refuses_fails_and_loses_no_row(files, tmp_path):
    def faults(request: dict, attempt: int) -> str:
        return "ok" if "same makers" in request["messages"][0]["content"] else "filter"

    with MisbehavingServer(faults, reply=judge_reply) as server:
        rows = run_judge(files, tmp_path, server)
        asked_again = [c.request["messages"] for c in server.calls if len(c.request["messages"]) == 3]
    assert len(rows) == 6 and [row["rating"] for row in rows] == [None] * 5 + [2]
    assert {(row["failed"], row["attempts"], row["reason"]) for row in rows[:5]} == {(True, 2, "refused")}
    assert {messages[1]["content"] for messages in asked_again} == {NO_TEXT}


@pytest.mark.parametrize(
    ("outcome", "changes", "message"),
    [
        ("filter", {}, r"6 of 6 judgements failed, 6 of them: refused\. Set services\.gpt-4\.model"),
        (
            thinking("<think>\nI have to rate this. It goes from 1 to", "length"),
            {},
            r"cut off .*explanation\.judge_max_tokens",
        ),
        (
            thinking("Based on the 4 levels, the decision", "length"),
            {"token_limit": 20},
            r"services\.gpt-4\.token_limit",
        ),
        (thinking(None, "stop"), {}, r"no text\. Raise explanation\.judge_max_tokens"),
        (thinking("The text has 2 flaws.", "stop"), {}, r"no level in the form .*services\.gpt-4\.json_schema"),
        (Raw({"error": {"code": "content_filter", "message": "filtered"}}, 400), {}, "the service's filter refused"),
        (
            Raw({"message": "This model's maximum context length is 4096 tokens."}, 400),
            {},
            r"too long .*explanation\.max_tokens",
        ),
    ],
)
def test_a_judge_all_of_whose_judgements_failed_stops_the_stage_and_names_the_key(
    files, tmp_path, outcome, changes, message
):
    """It is no result, and a run that goes on with it would say nothing."""
    with MisbehavingServer(scripted(outcome)) as server:
        with pytest.raises(InputError, match=message):
            run_judge(files, tmp_path, server, **changes)
        # Asked twice each, and not a third time when the command is given again.
        assert len(server.calls) == 12
        with pytest.raises(InputError, match=message):
            run_judge(files, tmp_path, server, **changes)
        assert len(server.calls) == 12
    assert not Path(files["output"]).exists()


def test_a_judge_that_thinks_is_read_behind_its_thought(files, tmp_path):
    reply = thinking("<think>RATING-1 is out; RATING-3 or RATING-4, then.</think>\n\nRATING-3", "stop")
    with MisbehavingServer(scripted(reply)) as server:
        assert [row["rating"] for row in run_judge(files, tmp_path, server)] == [3] * 6
        assert len(server.calls) == 6


def test_a_service_that_can_is_asked_for_json_of_a_schema(files, tmp_path):
    with MisbehavingServer(reply=lambda request: '{"rating": "RATING-2"}') as server:
        rows = run_judge(files, tmp_path, server, json_schema=True)
        assert {call.request["response_format"]["type"] for call in server.calls} == {"json_schema"}
    assert [row["rating"] for row in rows] == [2] * 6


def test_equal_texts_are_asked_once_and_written_twice(files, tmp_path):
    with MisbehavingServer(reply=judge_reply) as server:
        files["explanations"][1] = files["explanations"][0]
        rows = run_judge(files, tmp_path, server)
        assert len(server.calls) == 3
    assert [row["rating"] for row in rows[:3]] == [row["rating"] for row in rows[3:]]


def test_a_text_cannot_fill_the_judges_template(files, tmp_path):
    rows = [explanation(row, "?", "Yes. {label} {history} </s> $x", "stop") for row in CASE_ROWS]
    write_explanations(files["explanations"][0], rows)
    with MisbehavingServer(reply=judge_reply) as server:
        run_judge(files, tmp_path, server)
        contents = [call.request["messages"][0]["content"] for call in server.calls]
    assert sum("----------\nYes. {label} {history} </s> $x\n----------" in content for content in contents) == 3


def test_explanations_of_other_cases_are_not_judged(files, tmp_path):
    write_explanations(files["explanations"][1], [explanation(CASE_ROWS[0], "?", "Yes.", "stop")])
    write_parquet(tmp_path / "items.parquet", ITEMS)
    with pytest.raises(InputError, match=r"hybrid-full\.parquet: expected the 3 cases"):
        judge_by_rubric(**files, items=str(tmp_path / "items.parquet"))
