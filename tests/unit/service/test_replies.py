"""A service that misbehaves in every way that is known of: no wrong rating, no lost answer, never over the ceiling.

Each reply of the table is what the service says to one of many requests, at every attempt; all are asked in one run,
with ordinary ones between them. The judge reads what was stored.
"""

import gzip
import json

import pytest
from misbehaving_server import MisbehavingServer, Raw

from recexplainer.config.service import Price, Service
from recexplainer.errors import InputError
from recexplainer.judgement.judge import rating_of
from recexplainer.service import retrying
from recexplainer.service.client import answer_all
from recexplainer.service.ledger import Ledger
from recexplainer.service.store import AnswerStore, read_entries, request_key
from recexplainer.service.thoughts import without_thoughts

KEY = "sk-planted-0123456789+/x"
USAGE = {"prompt_tokens": 7, "completion_tokens": 3}
UNREAD, ABSENT = None, "absent"
"""No rating in the answer that is stored; or no answer is stored, so that the next run asks again."""


def said(content, finish="stop", usage=USAGE, **more) -> dict:
    """A chat completion with a content of any kind; ``more`` are further fields of its message."""
    message = {"role": "assistant", "content": content} | more
    return {"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage}


def error(status: int, code, message: str = "no", **more) -> Raw:
    return Raw({"error": {"code": code, "message": message} | more}, status)


def part(text: str, kind: str = "text") -> dict:
    return {"type": kind, kind: text}


DEEP = "[" * 100_000 + "]" * 100_000
GOOD = json.dumps(said("RATING-3"))
TABLE = {
    # thoughts
    "a thought before the level": (said("<think>RATING-1?</think>\nRATING-3"), 3),
    "a thought that the template began": (said("RATING-1? No.\n</think>\n\nRATING-3"), 3),
    "a thought that was cut off": (said("<think>\nThe levels go from 1 to", "length"), UNREAD),
    "a thought that was cut off, and no word of it": (said("<think>RATING-4"), UNREAD),
    "two thoughts": (said("<think>1</think>RATING-1<think>no</think>RATING-3"), 3),
    "a thought and nothing else": (said("<think>RATING-4</think>"), UNREAD),
    "thinking": (said("<thinking>RATING-4</thinking>RATING-3"), 3),
    "a thought of Gemini": (said("<thought>RATING-4</thought>RATING-3"), 3),
    "a thought of Seed": (said("<seed:think>RATING-4</seed:think>RATING-3"), 3),
    "a thought of Mistral": (said("[THINK]RATING-4[/THINK]RATING-3"), 3),
    "a thought of Kimi": (said("◁think▷RATING-4◁/think▷RATING-3"), 3),
    "a thought of Cohere": (
        said("<|START_THINKING|>RATING-4<|END_THINKING|><|START_RESPONSE|>RATING-3<|END_RESPONSE|>"),
        3,
    ),
    "reasoning before the level": (said("<reasoning>RATING-4</reasoning>\nRATING-3"), 3),
    "reasoning that was cut off": (said("<reasoning>RATING-4", "length"), UNREAD),
    "channels": (
        said("<|channel|>analysis<|message|>RATING-4<|end|><|start|>assistant<|channel|>final<|message|>RATING-3"),
        3,
    ),
    "channels without the final one": (said("<|channel|>analysis<|message|>RATING-4", "length"), UNREAD),
    "reasoning_content beside": (said("RATING-3", reasoning_content="RATING-4"), 3),
    "reasoning_content alone": (said(None, reasoning_content="RATING-4"), UNREAD),
    "reasoning alone, cut off": (said("", "length", reasoning="RATING-4"), UNREAD),
    "reasoning_details": (said(None, reasoning_details=[part("RATING-4")]), UNREAD),
    # content of other kinds
    "parts": (said([part("RATING"), part("-3")]), 3),
    "parts with a thought": (said([part("RATING-4", "thinking"), part("RATING-3")]), 3),
    "parts with a nested thought": (said([{"type": "thinking", "thinking": [part("RATING-4")]}, part("RATING-3")]), 3),
    "parts that are thoughts alone": (said([part("RATING-4", "reasoning")]), UNREAD),
    "a part marked as a thought": (said([{"text": "RATING-4", "thought": True}, {"text": "RATING-3"}]), 3),
    "a part that is a refusal": (said([part("RATING-4"), part("I refuse.", "refusal")]), UNREAD),
    "parts of plain text": (said(["RATING-3"]), 3),
    "a part with a value": (said([{"type": "text", "text": {"value": "RATING-3"}}]), 3),
    "no parts": (said([]), UNREAD),
    "parts of numbers": (said([4, None, [4]]), UNREAD),
    "content null": (said(None), UNREAD),
    "content empty": (said(""), UNREAD),
    "content a number": (said(4), UNREAD),
    "content true": (said(True), UNREAD),
    "content an object": (said({"type": "text", "text": "RATING-3"}), 3),
    "no message": ({"choices": [{"finish_reason": "stop"}], "usage": USAGE}, UNREAD),
    "message null": ({"choices": [{"message": None, "finish_reason": "stop"}]}, UNREAD),
    "an empty choice": ({"choices": [{}]}, UNREAD),
    "choice null": ({"choices": [None]}, UNREAD),
    "no choice": ({"choices": []}, UNREAD),
    "choices null": ({"choices": None}, ABSENT),
    "no choices": ({"id": "x"}, ABSENT),
    "choices an object": ({"choices": {"0": said("RATING-4")}}, ABSENT),
    # ends
    "prose that was cut off": (said("Based on the 4 levels given, the decision", "length"), UNREAD),
    "prose that was cut off, as others say it": (said("There are RATING-4", "MAX_TOKENS"), UNREAD),
    "prose that was cut off, unsaid": (
        said("It agrees. So RATING-4", None, {"prompt_tokens": 7, "completion_tokens": 16}),
        UNREAD,
    ),
    "the level, and no end": (said("RATING-3", None), 3),
    "filtered": (said("RATING-4", "content_filter"), UNREAD),
    "filtered by Gemini": (said("RATING-4", "SAFETY"), UNREAD),
    "refused": (said(None, refusal="I will not give RATING-4."), UNREAD),
    "refused beside a text": (said("RATING-4", refusal="No."), UNREAD),
    "refusal empty": (said("RATING-3", refusal=""), 3),
    "broken off": (said("RATING-4", "error"), ABSENT),
    "tools called": (said(None, "tool_calls", tool_calls=[]), UNREAD),
    # refusals and hints in words
    "a refusal with a level": (said("I'm sorry, I cannot give RATING-4."), UNREAD),
    "a number of titles": (said("I cannot rate this; it cites 2 titles."), UNREAD),
    "a quoted order": (said("answer RATING-4. I answer: 1"), UNREAD),
    "two levels": (said("RATING-3 or RATING-4"), UNREAD),
    # errors
    "an error inside 200": (Raw({"error": {"code": 502, "message": "RATING-4"}}), ABSENT),
    "an error beside choices": (Raw(said("RATING-4") | {"error": {"message": "provider"}}), ABSENT),
    "an error in a choice": (Raw({"choices": [{"error": {"code": 429}, "message": {"content": "RATING-4"}}]}), ABSENT),
    "a filter inside 200": (Raw({"error": {"code": "content_filter", "message": "x"}}), UNREAD),
    "filtered request": (error(400, "content_filter", "The prompt was filtered."), UNREAD),
    "filtered request of Azure": (error(400, "400", "x", innererror={"code": "ResponsibleAIPolicyViolation"}), UNREAD),
    "filtered request in words": (error(400, None, "It goes against our content policy."), UNREAD),
    "flagged request": (error(403, "403", "Your chosen model requires moderation; input was flagged"), UNREAD),
    "too long": (error(400, "context_length_exceeded", "The maximum context length is 4096 tokens"), UNREAD),
    "too long, of another server": (
        Raw({"object": "error", "code": 400, "message": "This model's maximum context length is 4096 tokens."}, 400),
        UNREAD,
    ),
    "too long, in other words": (error(400, None, "prompt is too long: 5000 tokens > 4096 maximum"), UNREAD),
    "too large": (error(413, "request_too_large"), UNREAD),
    "server error": (error(500, None), ABSENT),
    "overloaded": (error(529, "overloaded_error"), ABSENT),
    "an error without JSON": (Raw(b"<html>bad gateway</html>", 502), ABSENT),
    # numbers
    "usage 1e999": (Raw(GOOD.replace(": 7", ": 1e999").encode()), 3),
    "usage of 400 digits": (Raw(GOOD.replace(": 7", ": " + "9" * 400).encode()), 3),
    "usage of 5000 digits": (Raw(GOOD.replace(": 7", ": " + "9" * 5000).encode()), 3),
    "usage NaN": (Raw(GOOD.replace(": 7", ": NaN").encode()), 3),
    "usage negative": (said("RATING-3", usage={"prompt_tokens": -1, "completion_tokens": 3}), 3),
    "usage true": (said("RATING-3", usage={"prompt_tokens": True, "completion_tokens": 3}), 3),
    "usage a text": (said("RATING-3", usage="7"), 3),
    "usage of texts": (said("RATING-3", usage={"prompt_tokens": "7", "completion_tokens": "3"}), 3),
    "usage a list": (said("RATING-3", usage=[7, 3]), 3),
    "usage null": (said("RATING-3", usage=None), 3),
    "usage 7.0": (said("RATING-3", usage={"prompt_tokens": 7.0, "completion_tokens": 3}), 3),
    # texts
    "half a surrogate": (Raw(GOOD.replace('"m"', '"\\ud83d"').encode()), 3),
    "half a surrogate in the text": (said("\ud83d"), UNREAD),
    "a zero byte": (said("\x00RATING-4"), UNREAD),
    "deep nesting beside": (Raw(GOOD.replace('"m"', DEEP).encode()), 3),
    "deep nesting as content": (Raw(GOOD.replace('"RATING-3"', DEEP).encode()), UNREAD),
    "deep nesting as usage": (
        Raw(GOOD.replace(': {"prompt_tokens"', ': {"x": ' + DEEP + ', "prompt_tokens"').encode()),
        3,
    ),
    "a model of another kind": (Raw(GOOD.replace('"m"', '{"a": 1}').encode()), 3),
    "a key twice": (Raw(GOOD.replace('"m"', '"m", "model": "n"').encode()), 3),
    "a mark at the beginning": (Raw(b"\xef\xbb\xbf" + GOOD.encode()), 3),
    "UTF-16": (Raw(GOOD.encode("utf-16")), 3),
    "a byte that is not UTF-8": (Raw(GOOD.encode().replace(b'"m"', b'"\xff"')), 3),
    "not UTF-8": (Raw(b'{"choices": "\xff"}'), ABSENT),
    "not JSON": (Raw(b"RATING-4"), ABSENT),
    "nothing": (Raw(b""), ABSENT),
    "a list": (Raw(b"[4]"), ABSENT),
    "a number": (Raw(b"4"), ABSENT),
    "the key, repeated": (said(f"Your key {KEY} is fine.\nRATING-3"), 3),
    "20 MB": (said("RATING-3 " * 2_500_000), ABSENT),
    "20 MB of an error": (Raw(b"x" * 20_000_000, 500), ABSENT),
    "20 MB, compressed": (
        Raw(gzip.compress(b" " * 20_000_000 + GOOD.encode()), headers={"Content-Encoding": "gzip"}),
        ABSENT,
    ),
    "compressed": (Raw(gzip.compress(GOOD.encode()), headers={"Content-Encoding": "gzip"}), 3),
    "compressed, they say": (Raw(GOOD.encode(), headers={"Content-Encoding": "gzip"}), ABSENT),
    "broken off in the middle": ("cut", ABSENT),
    "hung up": ("hang_up", ABSENT),
}
PRICE = Price(input=30.0, output=60.0)


def questions() -> list[dict]:
    """An ordinary request before each of the table."""
    texts = [text for name in TABLE for text in (f"ordinary, before: {name}", name)]
    return [{"messages": [{"role": "user", "content": text}], "max_tokens": 16} for text in texts]


def service(server: MisbehavingServer) -> Service:
    return Service(
        base_url=server.url,
        model="m",
        key_variable="PLANTED_KEY",
        temperature=0,
        concurrency=4,
        timeout=30,
        retries=1,
        price=PRICE,
        batch=False,
        batch_poll=0.01,
    )


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Ask all requests once, and again of a service that has come to its senses; return what was stored each time."""
    path = tmp_path_factory.mktemp("replies") / "a.jsonl"

    def faults(request: dict, attempt: int):
        outcome = TABLE.get(request["messages"][0]["content"], ("ok",))[0] if astray else "ok"
        return Raw(outcome) if isinstance(outcome, dict) else outcome

    astray = True
    with pytest.MonkeyPatch.context() as patch, MisbehavingServer(faults, reply=lambda request: "RATING-3") as server:
        patch.setattr(retrying, "FIRST_WAIT", 0.001)
        patch.setenv("PLANTED_KEY", KEY)
        settings = service(server)
        with AnswerStore(path) as store:
            with pytest.raises(InputError, match="answers are missing"):
                answer_all(questions(), store, settings, 5.0, "judge")
            first = dict(store.entries)
            astray = False
            answers = answer_all(questions(), store, settings, 5.0, "judge")
        return path, first, answers


def stored(text: str) -> str:
    request = {"model": "m", "messages": [{"role": "user", "content": text}], "temperature": 0.0, "max_tokens": 16}
    return request_key(request)


def test_the_table_has_at_least_seventy_ways():
    assert len(TABLE) >= 70


@pytest.mark.parametrize("name", TABLE)
def test_no_reply_is_rated_wrongly_and_no_other_is_lost(judged, name):
    _, first, _ = judged
    ordinary = first[stored(f"ordinary, before: {name}")]["answer"]
    assert rating_of(ordinary) == 3
    expected = TABLE[name][1]
    entry = first.get(stored(name))
    if expected == ABSENT:
        assert entry is None
    else:
        answer = entry["answer"] | {"text": without_thoughts(entry["answer"]["text"])}
        assert rating_of(answer) == expected


def test_what_was_not_answered_is_asked_again_and_nothing_else(judged):
    path, first, answers = judged
    assert len(answers) == 2 * len(TABLE)
    entries = read_entries(path)
    assert {key: entries[key] for key in first} == first
    assert len(entries) - len(first) == sum(expected == ABSENT for _, expected in TABLE.values())


def test_nothing_that_was_stored_holds_the_key(judged):
    path, _, _ = judged
    assert KEY not in path.read_text() and "Your key <key> is fine." in path.read_text()
    assert all(len(line) < 100_000 for line in path.read_bytes().splitlines())


def test_the_ceiling_holds_through_all_of_it(tmp_path, monkeypatch):
    """Asked in pieces, again and again, until no more may be spent: by the count of the service, it was kept to."""
    monkeypatch.setattr(retrying, "FIRST_WAIT", 0.001)
    monkeypatch.setenv("PLANTED_KEY", KEY)

    def faults(request: dict, attempt: int):
        outcome = TABLE.get(request["messages"][0]["content"], ("ok",))[0]
        return Raw(outcome) if isinstance(outcome, dict) else outcome

    messages, most = set(), 0.06
    with MisbehavingServer(faults, reply=lambda request: "RATING-3") as server, AnswerStore(tmp_path / "a") as store:
        for piece in [questions()[start : start + 24] for start in range(0, 2 * len(TABLE), 24)] * 2:
            try:
                answer_all(piece, store, service(server), most, "judge", str(tmp_path / "ledger"))
            except InputError as error:
                messages.add("max_usd" in str(error))
        one = (USAGE["prompt_tokens"] * PRICE.input + USAGE["completion_tokens"] * PRICE.output) / 1e6
        answered = sum(call.outcome in ("ok", "cut", "hang_up") or call.completed for call in server.calls)
    assert messages == {True, False}
    assert answered * one <= Ledger(tmp_path / "ledger", "x", PRICE, None).total <= most


@pytest.mark.parametrize("name", TABLE)
def test_each_way_alone_keeps_to_the_ceiling_and_loses_and_misreads_nothing(name, tmp_path, monkeypatch):
    """A service that always answers so, asked for one text after the other until no more may be spent."""
    monkeypatch.setattr(retrying, "FIRST_WAIT", 0.001)
    monkeypatch.setenv("PLANTED_KEY", KEY)
    outcome, expected = TABLE[name]
    most, ledger = 0.004, tmp_path / "ledger"

    def faults(request: dict, attempt: int):
        return Raw(outcome) if isinstance(outcome, dict) else outcome

    with MisbehavingServer(faults) as server, AnswerStore(tmp_path / "a.jsonl") as store:
        for number in range(10):
            request = {"messages": [{"role": "user", "content": f"text {number}"}], "max_tokens": 16}
            try:
                answer_all([request], store, service(server), most, "judge", str(ledger))
            except InputError as error:
                if "max_usd" in str(error):
                    break
        charged = [call for call in server.calls if not isinstance(call.outcome, Raw) or call.outcome.status == 200]
        count = len(server.calls)
    # The ceiling: what the service has charged for is counted, and within it.
    one = (USAGE["prompt_tokens"] * PRICE.input + USAGE["completion_tokens"] * PRICE.output) / 1e6
    assert len(charged) * one <= Ledger(ledger, "x", PRICE, None).total <= most
    # The answers: each that came is stored, once; what was none is asked for again, within the tries that are allowed.
    entries = read_entries(tmp_path / "a.jsonl")
    assert len(entries) == (0 if expected == ABSENT else count) and count >= 2
    # The ratings.
    for entry in entries.values():
        assert rating_of(entry["answer"] | {"text": without_thoughts(entry["answer"]["text"])}) == expected
