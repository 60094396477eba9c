"""Paid answers: none lost, none asked for twice; against a real server that fails on purpose, and through kill -9."""

import base64
import contextlib
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from misbehaving_server import MisbehavingServer, Raw, scripted, seeded

from recexplainer.config.service import Price, Service
from recexplainer.errors import InputError
from recexplainer.service import batch, client, connection, retrying
from recexplainer.service.client import answer_all
from recexplainer.service.cost import estimate, spent, write_spending
from recexplainer.service.ledger import Ledger
from recexplainer.service.retrying import backoff, retry_after
from recexplainer.service.store import AnswerStore, read_entries, request_key

ROOT = Path(__file__).resolve().parents[3]
KEY = "sk-planted-0123456789"
PRICE = Price(input=30.0, output=60.0)
FAULTS = ("limit", "limit_date", "error", "overloaded", "timeout", "conflict", "slow", "cut", "hang_up")
FAULTS += ("malformed", "list", "empty", "null", "refusal", "filter")
USAGE = {"prompt_tokens": 7, "completion_tokens": 3}

# What a stage does, as a program of its own, so that it can be killed.
PROGRAM = """
import json, sys
from recexplainer.config.service import Service
from recexplainer.service import retrying
from recexplainer.service.client import answer_all
from recexplainer.service.store import AnswerStore
retrying.FIRST_WAIT = 0.01
path, settings, requests = sys.argv[1], Service.model_validate_json(sys.argv[2]), json.load(open(sys.argv[3]))
with AnswerStore(path) as store:
    answers = answer_all(requests, store, settings, None, "judge games")
json.dump(answers, open(sys.argv[4], "w"))
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(retrying, "FIRST_WAIT", 0.01)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("PLANTED_KEY", KEY)


def service(server, **changes) -> Service:
    settings = {"base_url": server.url, "model": "gpt-4-0314", "key_variable": "PLANTED_KEY", "temperature": 0}
    settings |= {"concurrency": 8, "timeout": 5, "retries": 6, "price": PRICE, "batch": False, "batch_poll": 0.01}
    return Service(**settings | changes)


def questions(count: int) -> list[dict]:
    return [
        {"case": f"case {i:04}", "messages": [{"role": "user", "content": f"Judge “{i}”.\u2028"}], "max_tokens": 16}
        for i in range(count)
    ]


def stored(request: dict) -> dict:
    return {"model": "gpt-4-0314", "messages": request["messages"], "temperature": 0.0, "max_tokens": 16}


def answer(text: str = "RATING-3") -> dict:
    return {"text": text, "finish": "stop", "model": "m", "usage": USAGE}


def ask(server, path, requests, max_usd=None, **changes) -> list[dict]:
    with AnswerStore(path) as store:
        return answer_all(requests, store, service(server, **changes), max_usd, "judge games")


# The store


def test_a_store_gives_back_what_it_got_after_closing(tmp_path):
    path = tmp_path / "new" / "folder" / "answers.jsonl"
    requests = [stored(request) for request in questions(3)]
    with AnswerStore(path) as store:
        for number, request in enumerate(requests):
            store.append(request, answer(f"line one\nline {number} \u2028 “é”"))
            # On the disk at once, not at the end.
            assert len(path.read_bytes().splitlines()) == number + 1
    with AnswerStore(path) as store:
        texts = [store.get(request)["text"] for request in requests]
        assert texts == [f"line one\nline {i} \u2028 “é”" for i in range(3)]
        assert len(store) == 3 and store.torn == 0 and store.get(requests[0] | {"max_tokens": 17}) is None


def test_an_appended_answer_is_synced_before_it_counts(tmp_path, monkeypatch):
    with AnswerStore(tmp_path / "a.jsonl") as store:
        request, seen = stored(questions(1)[0]), []
        sync = os.fsync
        monkeypatch.setattr(os, "fsync", lambda file: (seen.append((file, len(store))), sync(file)))
        store.append(request, answer())
        assert seen == [(store._file.fileno(), 0)] and len(store) == 1


def test_a_full_disk_leaves_the_store_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "a.jsonl"
    first, second = map(stored, questions(2))
    with AnswerStore(path) as store:
        store.append(first, answer())
        before = path.read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", lambda file: (_ for _ in ()).throw(OSError(28, "No space left on device")))
            with pytest.raises(OSError, match="No space"):
                store.append(second, answer())
        assert path.read_bytes() == before and store.get(second) is None
        store.append(second, answer())
        assert len(store) == 2
    assert len(read_entries(path)) == 2


def test_wherever_the_last_line_is_torn_the_others_stay(tmp_path, caplog):
    path, requests = tmp_path / "a.jsonl", [stored(request) for request in questions(3)]
    with AnswerStore(path) as store:
        for request in requests:
            store.append(request, answer())
    content = path.read_bytes()
    start = content[:-1].rfind(b"\n") + 1
    for end in [*range(start, len(content) - 3, 7), *range(len(content) - 3, len(content) + 1)]:
        path.write_bytes(content[:end])
        aside = Path(f"{path}.torn")
        aside.unlink(missing_ok=True)
        assert len(read_entries(path)) == (3 if end == len(content) else 2)
        with AnswerStore(path) as store:
            # Of the last line, all but its end may be there: then it is an answer.
            whole, torn = end >= len(content) - 1, start < end < len(content) - 1
            assert len(store) == (3 if whole else 2) and store.torn == torn
            assert aside.exists() == torn and (not torn or aside.read_bytes() == content[start:end] + b"\n")
            if not whole:
                store.append(requests[2], answer())
        assert path.read_bytes() == content
    assert "torn last line" in caplog.text


def test_a_second_answer_to_a_request_is_refused(tmp_path):
    path, request = tmp_path / "a.jsonl", stored(questions(1)[0])
    with AnswerStore(path) as store:
        store.append(request, answer())
        with pytest.raises(InputError, match="a second answer"):
            store.append(request, answer("RATING-1"))
        assert store.get(request)["text"] == "RATING-3"
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(InputError, match=r"a\.jsonl, line 2: a second answer"):
        AnswerStore(path)


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda line: line[:-20], "not a line of JSON"),
        (lambda line: b"", "not a line of JSON"),
        (lambda line: b"\xff" + line, "not a line of JSON"),
        (lambda line: b"[]", "expected an object"),
        (lambda line: line.replace(b"Judge", b"judge"), "the key is not that of the request"),
        (lambda line: line.replace(b'"finish": "stop"', b'"finish": "maybe"'), "finish one of"),
        (lambda line: line.replace(b'"text"', b'"words"'), "expected text, finish"),
    ],
)
def test_a_corrupt_line_is_named_and_nothing_is_cut(tmp_path, spoil, message):
    path = tmp_path / "a.jsonl"
    with AnswerStore(path) as store:
        for request in questions(3):
            store.append(stored(request), answer())
    # Of a line with a checksum only that would be named.
    lines = [re.sub(rb', "sha256": "[0-9a-f]{64}"', b"", line) for line in path.read_bytes().splitlines()]
    path.write_bytes(b"\n".join([lines[0], spoil(lines[1]), lines[2]]) + b"\n")
    before = path.read_bytes()
    for read in (AnswerStore, read_entries):
        with pytest.raises(InputError, match=rf"a\.jsonl, line 2: .*{message}"):
            read(path)
    assert path.read_bytes() == before
    with pytest.raises(InputError, match="no such file"):
        read_entries(tmp_path / "none.jsonl")


def test_two_processes_cannot_write_the_same_store(tmp_path):
    path = tmp_path / "a.jsonl"
    program = "import sys; from recexplainer.service.store import AnswerStore; AnswerStore(sys.argv[1])"
    command = [sys.executable, "-c", program, str(path)]
    with AnswerStore(path):
        done = subprocess.run(command, env=environment(), capture_output=True, text=True)
        assert done.returncode and "another process has this store of answers open" in done.stderr
        with pytest.raises(InputError, match="another process"):
            AnswerStore(path)
    assert subprocess.run(command, env=environment()).returncode == 0


def test_the_key_is_that_of_the_request_alone():
    request = stored(questions(1)[0])
    assert request_key(request) == request_key(dict(reversed(request.items())))
    changes = {"model": "m", "messages": [], "temperature": 0.5, "max_tokens": 17}
    assert len({request_key(request), *(request_key(request | {name: changes[name]}) for name in changes)}) == 5


# The client


def test_answers_come_in_the_order_of_the_requests_and_equal_ones_are_asked_once(tmp_path):
    requests = questions(40)
    mixed = [requests[i % 40] for i in range(0, 400, 7)]
    with MisbehavingServer(seeded(1, 0.3, ("slow",))) as server:
        answers = ask(server, tmp_path / "a.jsonl", mixed)
        again = ask(server, tmp_path / "a.jsonl", requests, temperature=0.0)
    assert [answer["text"] for answer in answers] == [f"echo: {r['messages'][0]['content']}" for r in mixed]
    assert answers[0] == {
        "text": "echo: Judge “0”.\u2028",
        "finish": "stop",
        "model": "gpt-4-0314-served",
        "usage": USAGE,
    }
    assert [answer["text"] for answer in again] == [f"echo: {r['messages'][0]['content']}" for r in requests]
    assert len(server.calls) == 40
    assert stored(requests[0]) in [call.request for call in server.calls] and server.keys == {f"Bearer {KEY}"}


@pytest.mark.parametrize("fault", FAULTS[:11])
def test_a_passing_fault_is_asked_again(tmp_path, fault):
    with MisbehavingServer(scripted(fault, fault, "ok"), delay=0.6, retry_after=0.01) as server:
        (got,) = ask(server, tmp_path / "a.jsonl", questions(1), timeout=0.3)
    assert got["text"].startswith("echo")
    assert [call.outcome for call in server.calls] == [fault, fault, "ok"]


def test_a_reply_that_trickles_in_is_broken_off(tmp_path):
    with MisbehavingServer(scripted("trickle", "ok"), delay=0.1) as server:
        start = time.monotonic()
        ask(server, tmp_path / "a.jsonl", questions(1), timeout=0.4)
        # All of it would take half a minute; no single byte is late.
        assert time.monotonic() - start < 10 and len(server.calls) == 2


@pytest.mark.parametrize(
    "fault, finish, text",
    [
        ("refusal", "refused", "I would rather not."),
        ("filter", "refused", ""),
        ("cut_off", "length", "echo: Judge “0”.\u2028"),
        ("uncounted", "stop", "echo: Judge “0”.\u2028"),
        ("empty", "stop", ""),
        ("null", "stop", ""),
    ],
)
def test_refusals_and_cut_texts_are_answers(tmp_path, fault, finish, text):
    with MisbehavingServer(scripted(fault)) as server:
        first, again = (ask(server, tmp_path / "a.jsonl", questions(1))[0] for _ in range(2))
    assert first == again and (first["finish"], first["text"]) == (finish, text)
    assert first["usage"] == (None if fault == "uncounted" else USAGE)
    assert len(server.calls) == 1


def test_an_empty_text_and_half_a_surrogate_are_answers(tmp_path):
    with MisbehavingServer(
        reply=lambda request: "" if "0" in request["messages"][0]["content"] else "\ud83d!"
    ) as server:
        texts = [answer["text"] for answer in ask(server, tmp_path / "a.jsonl", questions(2))]
    assert texts == ["", "?!"] and len(server.calls) == 2


@pytest.mark.parametrize("fault", ["limit", "limit_date"])
def test_the_wait_that_the_service_asks_for_is_kept(tmp_path, fault):
    wait = 1 if fault == "limit_date" else 0.4
    with MisbehavingServer(scripted(fault, "ok"), retry_after=wait) as server:
        start = time.monotonic()
        ask(server, tmp_path / "a.jsonl", questions(1))
        assert wait <= time.monotonic() - start < wait + 2


def test_waits_double_up_to_a_minute_and_differ_between_requests(monkeypatch):
    monkeypatch.setattr(retrying, "FIRST_WAIT", 1.0)
    for attempt in range(12):
        longest = min(60, 2**attempt)
        waits = {backoff(f"request {i}", attempt) for i in range(200)}
        assert (
            len(waits) == 200 and longest / 2 <= min(waits) < longest * 0.55 and longest * 0.95 < max(waits) <= longest
        )
        assert backoff("request 3", attempt) == backoff("request 3", attempt)


@pytest.mark.parametrize(
    "headers, seconds",
    [
        ({}, 0),
        ({"retry-after": "3"}, 3),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": "nan"}, 0),
        ({"retry-after": "soon"}, 0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 30),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT", "date": "Wed, 21 Oct 2015 07:28:30 GMT"}, 0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(headers, seconds):
    assert retry_after(headers) == seconds


def test_retry_after_without_the_services_date_counts_from_the_clock():
    until = datetime.fromtimestamp(time.time() + 100, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert 95 < retry_after({"retry-after": until}) <= 100


def test_a_service_that_asks_for_too_long_a_wait_is_left(tmp_path):
    too_long = pytest.raises(InputError, match="asks to wait 5000 s")
    with MisbehavingServer(scripted("limit"), retry_after=5000) as server, too_long:
        ask(server, tmp_path / "a.jsonl", questions(1))
    assert len(server.calls) == 1


def test_no_more_requests_than_allowed_are_on_the_way(tmp_path):
    lock, now, most, full = threading.Lock(), [0], [0], threading.Event()

    def reply(request):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        if most[0] >= 5:
            full.set()
        full.wait(1)  # for as many as may be on the way, however slow the machine is
        time.sleep(0.02)
        with lock:
            now[0] -= 1
        return "RATING-1"

    with MisbehavingServer(reply=reply) as server:
        ask(server, tmp_path / "a.jsonl", questions(30), concurrency=5)
    assert most[0] == 5


def test_a_request_that_is_given_up_does_not_stop_the_others(tmp_path):
    def faults(request, attempt):
        return "error" if request["messages"][0]["content"].startswith(("Judge “3”", "Judge “7”")) and broken else "ok"

    broken, path = True, tmp_path / "a.jsonl"
    with MisbehavingServer(faults) as server:
        with pytest.raises(InputError) as error:
            ask(server, path, questions(30), retries=2)
        assert "2 of 30 answers are missing" in str(error.value) and "case 0003" in str(error.value)
        assert "2 failed, the first with: HTTP 500" in str(error.value) and len(read_entries(path)) == 28
        assert len(server.calls) == 28 + 2 * 3
        broken = False
        assert len(ask(server, path, questions(30), retries=2)) == 30
        assert len(server.calls) == 28 + 2 * 3 + 2


@pytest.mark.parametrize(
    "fault, message",
    [
        ("denied", "HTTP 401: .*environment variable PLANTED_KEY"),
        ("bad", "HTTP 400 .bad, and your key is <key>"),
        ("quota", "HTTP 429 .*no credit left"),
    ],
)
def test_a_lasting_error_ends_the_run_at_once_and_what_is_on_its_way_is_kept(tmp_path, fault, message):
    def faults(request, attempt):
        return fault if "“9”" in request["messages"][0]["content"] else "slow"

    path = tmp_path / "a.jsonl"
    with MisbehavingServer(faults, delay=0.1) as server, pytest.raises(InputError, match=message) as error:
        ask(server, path, questions(200), concurrency=4)
    assert KEY not in str(error.value)
    # Four at a time: the tenth request is refused at once, and its neighbours' answers are stored.
    assert len(server.calls) <= 16 and len(read_entries(path)) == len(server.completed()) == len(server.calls) - 1


def test_a_service_that_is_down_is_left_after_some_requests(tmp_path):
    down = pytest.raises(InputError, match="500 of 500 answers are missing .*the first with: HTTP 503")
    with MisbehavingServer(scripted("overloaded")) as server, down:
        ask(server, tmp_path / "a.jsonl", questions(500), retries=1)
    assert len(server.calls) < 80
    with pytest.raises(InputError, match="no connection, or it broke off"):
        ask(server, tmp_path / "a.jsonl", questions(500), retries=0)


def test_without_a_key_stored_answers_are_replayed_and_missing_ones_are_named(tmp_path, monkeypatch):
    path = tmp_path / "a.jsonl"
    with MisbehavingServer() as server:
        first = ask(server, path, questions(5))
    monkeypatch.delenv("PLANTED_KEY")
    away = service(server, base_url="https://api.example.org/v1")
    with AnswerStore(path) as store:
        assert answer_all(questions(5), store, away, 0, "judge games") == first
        with pytest.raises(InputError) as error:
            answer_all(questions(12), store, away, 0, "judge games")
    for part in ("7 of 12 answers are missing", "case 0005", str(path), "PLANTED_KEY"):
        assert part in str(error.value)


@pytest.mark.parametrize("key", ["sk planted", "sk-plänted", "sk-\x00"])
def test_a_key_that_can_be_none_is_refused_without_repeating_it(tmp_path, monkeypatch, key):
    monkeypatch.setattr(os, "environ", os.environ | {"PLANTED_KEY": key})
    with MisbehavingServer() as server, pytest.raises(InputError, match="PLANTED_KEY: expected a key") as error:
        ask(server, tmp_path / "a.jsonl", questions(1))
    assert key not in str(error.value) and not server.calls


def test_a_key_in_the_place_of_its_variables_name_is_not_repeated(tmp_path):
    with MisbehavingServer() as server, pytest.raises(InputError, match="key_variable: not the name") as error:
        ask(server, tmp_path / "a.jsonl", questions(1), key_variable="0123-in-the-wrong-place")
    assert "0123" not in str(error.value) and not server.calls


def test_a_local_service_needs_no_key_and_gets_no_other(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-you")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with MisbehavingServer() as server:
        ask(server, tmp_path / "a.jsonl", questions(1), key_variable=None)
    assert server.keys == {"Bearer none"}


def test_a_request_with_a_wrong_field_is_refused(tmp_path):
    with MisbehavingServer() as server:
        for wrong in ({"messages": []}, {"messages": [], "max_tokens": 1, "top_p": 1}):
            with pytest.raises(InputError, match="max_tokens|top_p"):
                ask(server, tmp_path / "a.jsonl", [wrong])
    assert not server.calls


def test_progress_is_logged_without_the_key_or_a_line_per_call(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(client, "PROGRESS_SECONDS", 0.1)
    with caplog.at_level(logging.INFO), MisbehavingServer(lambda request, attempt: "slow") as server:
        ask(server, tmp_path / "a.jsonl", questions(60))
    lines = [record.getMessage() for record in caplog.records]
    assert any("of 60 answers, " in line and "min left" in line for line in lines)
    assert "judge games: 60 requests, about 540 tokens to send and at most 960 to receive: up to 0.07 USD" in lines
    assert lines[-1] == "judge games: 60 new answers, 0.0234 USD spent"
    assert len(lines) < 30 and KEY not in caplog.text


# What it costs


def test_the_estimate_is_an_upper_bound_by_hand(tmp_path):
    requests = [{"messages": [{"content": "12345678"}, {"content": "123456789"}], "max_tokens": 100}] * 10
    cost = estimate(requests, Price(input=10.0, output=20.0))
    assert (cost.requests, cost.prompt_tokens, cost.completion_tokens) == (10, 10 * (2 + 4 + 3 + 4), 1000)
    assert cost.usd == pytest.approx((130 * 10 + 1000 * 20) / 1e6)


def test_too_dear_a_run_sends_nothing_and_stored_answers_cost_nothing(tmp_path):
    path, requests = tmp_path / "a.jsonl", questions(10)
    most = estimate(map(stored, requests[5:]), PRICE).usd
    with MisbehavingServer() as server:
        ask(server, path, requests[:5])
        for limit in (most * 0.999, most):
            with pytest.raises(InputError, match="5 requests may cost .*more than max_usd, .*Nothing was sent"):
                ask(server, path, requests, max_usd=limit)
        assert len(server.calls) == 5
        # What the first five did cost counts as well.
        ask(server, path, requests, max_usd=most + spent(read_entries(path).values(), PRICE).usd)
        ask(server, path, requests, max_usd=0)
    assert len(server.calls) == 10


def test_spending_is_what_the_service_counted(tmp_path):
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    with MisbehavingServer() as server:
        ask(server, first, questions(4))
        ask(server, first, questions(2), model="gpt-4-turbo")
    with AnswerStore(second) as store:
        store.append(stored(questions(1)[0]), answer("12345678") | {"usage": None})
    total = spent(read_entries(first).values(), PRICE)
    assert (total.requests, total.prompt_tokens, total.completion_tokens) == (6, 42, 18)
    assert total.usd == pytest.approx((42 * 30 + 18 * 60) / 1e6)

    command = [sys.executable, ROOT / "workflow/scripts/spending.py", "--stores", first, second]
    command += ["--stages", "judge games", "explain games", "--services", "gpt-4", "chatgpt"]
    command += ["--output", tmp_path / "spending.csv", "--settings"]
    command += [json.dumps({"prices": {"gpt-4": PRICE.model_dump(), "chatgpt": {"input": 1.5, "output": 2.0}}})]
    subprocess.run(command, env=environment(), check=True)
    prompt_tokens = -(-len("Judge “0”.\u2028".encode()) // 4) + 4
    assert (tmp_path / "spending.csv").read_text().splitlines() == [
        "stage,service,model,requests,prompt_tokens,completion_tokens,usd",
        "judge games,gpt-4,gpt-4-0314,4,28,12,0.00156",
        "judge games,gpt-4,gpt-4-turbo,2,14,6,0.00078",
        f"explain games,chatgpt,gpt-4-0314,1,{prompt_tokens},2,{(prompt_tokens * 1.5 + 4) / 1e6}",
    ]
    write_spending(stores=[], stages=[], services=[], prices={}, output=tmp_path / "none.csv")
    assert (tmp_path / "none.csv").read_text() == "stage,service,model,requests,prompt_tokens,completion_tokens,usd\n"
    with pytest.raises(InputError, match="one of each per store"):
        write_spending(stores=["a"], stages=[], services=["gpt-4"], prices={}, output=tmp_path / "none.csv")
    with pytest.raises(InputError, match="'gpt-5' is not in the config"):
        write_spending(stores=[first], stages=["judge"], services=["gpt-5"], prices={}, output=tmp_path / "none.csv")


# The ceiling


def counting(tokens: int) -> dict:
    """A reply that says how many tokens it took, whatever was allowed."""
    message = {"role": "assistant", "content": "RATING-3"}
    usage = {"prompt_tokens": tokens, "completion_tokens": tokens}
    return {"model": "m", "choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}


def test_what_was_counted_stops_the_run_not_what_was_expected(tmp_path):
    """A service that counts a hundred times what was expected: 480 USD were spent under a limit of 50."""
    path = tmp_path / "a.jsonl"
    with MisbehavingServer(scripted(Raw(counting(1000)))) as server:
        for message in (
            r"max_usd, 1, is reached: 0\.9900 USD are spent .*Raise it",
            "beside the 0.99 .*Nothing was sent",
        ):
            with pytest.raises(InputError, match=message):
                ask(server, path, questions(50), max_usd=1)
        # 0.09 USD each: eleven fit. Eight at a time were allowed.
        assert len(server.calls) == len(read_entries(path)) == 11
        assert len(ask(server, path, questions(50)[:11], max_usd=0)) == 11
        assert len(ask(server, path, questions(50), max_usd=50 * 0.09 + 0.001)) == 50


def test_stages_and_jobs_of_a_run_share_the_ceiling(tmp_path):
    first, second, ledger = tmp_path / "a.jsonl", tmp_path / "b.jsonl", str(tmp_path / "ledger.jsonl")
    with MisbehavingServer() as server:
        one = spent([{"request": stored(questions(1)[0]), "answer": answer()}], PRICE).usd
        settings, left = service(server), estimate(map(stored, questions(10)), PRICE).usd
        with AnswerStore(first) as store:
            answer_all(questions(10), store, settings, 1, "explain", ledger)
        with AnswerStore(second) as store:
            with pytest.raises(InputError, match="10 requests may cost 0.01 USD beside the 0.00 that this run"):
                answer_all(questions(10), store, settings, left, "judge", ledger)
            answer_all(questions(10), store, settings, left + 10 * one, "judge", ledger)
    lines = [json.loads(line) for line in Path(ledger).read_text().splitlines()]
    assert {line["store"] for line in lines} == {"a", "b"} and len(lines) == 40
    assert sum(line["usd"] for line in lines if line["what"] == "answered") == pytest.approx(20 * one)


def test_jobs_at_the_same_time_do_not_spend_more_together(tmp_path):
    """Each would keep to the ceiling alone; what is on its way in the other counts for both."""
    path, ledger = tmp_path / "a.jsonl", str(tmp_path / "ledger.jsonl")
    with MisbehavingServer(scripted("slow"), delay=0.02) as server:
        may = estimate([stored(questions(1)[0])], PRICE).usd

        def run(number: int) -> None:
            with AnswerStore(f"{path}{number}") as store, contextlib.suppress(InputError):
                answer_all(questions(20), store, service(server), 20.5 * may, "judge", ledger)

        jobs = [threading.Thread(target=run, args=(number,)) for number in range(2)]
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()
        one = spent([{"request": stored(questions(1)[0]), "answer": answer()}], PRICE).usd
        assert len(server.calls) >= 20 and len(server.calls) * one <= 20.5 * may
    assert Ledger(ledger, "x", PRICE, None).total == pytest.approx(len(server.calls) * one)


@pytest.mark.parametrize("fault", ["malformed", "choiceless", "cut", "hang_up", "slow", "list"])
def test_what_was_paid_in_vain_counts(tmp_path, fault):
    path = tmp_path / "a.jsonl"
    with MisbehavingServer(scripted(fault, fault, "ok"), delay=0.6) as server:
        ask(server, path, questions(1), max_usd=1, timeout=0.3)
    with_usage = spent([{"request": stored(questions(1)[0]), "answer": answer()}], PRICE).usd
    may = estimate([stored(questions(1)[0])], PRICE).usd
    lost = with_usage if fault == "choiceless" else may
    assert Ledger(f"{path}.ledger", "x", PRICE, None).total == pytest.approx(with_usage + 2 * lost)


@pytest.mark.parametrize("fault", ["limit", "error", "overloaded"])
def test_what_is_not_charged_does_not_count(tmp_path, fault):
    path = tmp_path / "a.jsonl"
    with MisbehavingServer(scripted(fault, "ok")) as server:
        ask(server, path, questions(1), max_usd=1)
    once = spent([{"request": stored(questions(1)[0]), "answer": answer()}], PRICE).usd
    assert Ledger(f"{path}.ledger", "x", PRICE, None).total == pytest.approx(once)
    with pytest.raises(InputError, match="no connection"):
        ask(server, path, questions(2), retries=0, concurrency=1)  # it is gone
    assert Ledger(f"{path}.ledger", "x", PRICE, None).total == pytest.approx(once)


def test_a_request_on_its_way_at_a_kill_counts_and_is_asked_again_under_the_same_key(tmp_path):
    path, asked = tmp_path / "a.jsonl", questions(6)
    with MisbehavingServer(scripted("slow"), delay=2) as server:
        run = Run(tmp_path, path, service(server, concurrency=1), asked)
        wait_for(lambda: server.calls)
        run.kill()
        may = estimate([stored(asked[0])], PRICE).usd
        assert Ledger(f"{path}.ledger", "x", PRICE, None).total == pytest.approx(may)
        server.delay = 0
        ask(server, path, asked)
    tokens = [call.headers["idempotency-key"] for call in server.calls]
    assert tokens[0] == tokens[1] and len(set(tokens)) == 6


def test_a_reply_of_no_use_is_not_asked_for_under_the_same_key(tmp_path):
    with MisbehavingServer(scripted("malformed", "cut", "ok")) as server:
        ask(server, tmp_path / "a.jsonl", questions(1))
    tokens = [call.headers["idempotency-key"] for call in server.calls]
    assert tokens[0] != tokens[1] == tokens[2]


def test_a_ledger_with_a_torn_line_goes_on_and_a_wrong_one_is_refused(tmp_path):
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path, "a", PRICE, 1.0)
    number = ledger.reserve([stored(questions(1)[0])])
    before = ledger.total
    with open(path, "ab") as file:
        file.write(b'{"id": 400, "store"')
    again = Ledger(path, "b", PRICE, 1.0)
    assert again.total == before and again.reserve([stored(questions(1)[0])]) > number
    ledger.settle(number, [])
    assert Ledger(path, "a", PRICE, 1.0).total == before
    path.write_text(path.read_text().replace('"usd": 0.0', '"usd": -1'))
    with pytest.raises(InputError, match=r"ledger\.jsonl: .* is not a line of the ledger"):
        Ledger(path, "a", PRICE, 1.0)


def test_a_batch_counts_before_it_is_handed_in_and_when_it_is_there(tmp_path):
    path = tmp_path / "a.jsonl"
    with MisbehavingServer(scripted(Raw(counting(1000)))) as server:
        ask(server, path, questions(4), max_usd=1, batch=True)
        assert Ledger(f"{path}.ledger", "x", PRICE, None).total == pytest.approx(4 * 0.09)
        with pytest.raises(InputError, match="more than max_usd"):
            ask(server, path, questions(5), max_usd=0.36, batch=True)
        assert len(server.batches) == 1


# What a service wants to be told


def test_each_service_is_asked_in_its_own_words(tmp_path):
    changes = {"max_tokens_field": "max_completion_tokens", "temperature": None, "token_limit": 900}
    changes |= {"extra": {"reasoning_effort": "low", "chat_template_kwargs": {"enable_thinking": False}}}
    with MisbehavingServer() as server:
        changes["base_url"] = f"{server.url}?api-version=2024-10-21&x="
        ask(server, tmp_path / "a.jsonl", questions(1), **changes)
        (call,) = server.calls
    assert call.path == "/v1/chat/completions?api-version=2024-10-21&x="
    assert (
        call.request
        == {
            "model": "gpt-4-0314",
            "messages": questions(1)[0]["messages"],
            "max_completion_tokens": 900,
        }
        | changes["extra"]
    )


def test_the_name_of_a_field_asks_for_nothing_anew_but_a_further_field_does(tmp_path):
    with MisbehavingServer() as server:
        ask(server, tmp_path / "a.jsonl", questions(1))
        ask(server, tmp_path / "a.jsonl", questions(1), max_tokens_field="max_completion_tokens")
        assert len(server.calls) == 1
        for changes in ({"extra": {"top_p": 0.5}}, {"temperature": None}, {"token_limit": 17}):
            ask(server, tmp_path / "a.jsonl", questions(1), **changes)
        assert len(server.calls) == 4


@pytest.mark.parametrize(
    ("parameter", "message", "remedy"),
    [
        ("max_tokens", "'max_tokens' is not supported; use 'max_completion_tokens'.", "max_tokens_field"),
        ("temperature", "Unsupported value: 0", "temperature to null"),
        ("response_format", "not available", "json_schema to false"),
    ],
)
def test_a_field_that_the_service_does_not_know_is_named_with_its_key(tmp_path, parameter, message, remedy):
    refused = Raw({"error": {"code": "unsupported_parameter", "param": parameter, "message": message}}, 400)
    with MisbehavingServer(scripted(refused)) as server, pytest.raises(InputError, match=remedy):
        ask(server, tmp_path / "a.jsonl", questions(3))
    assert len(server.calls) == 1


def test_a_service_of_ones_own_network_needs_no_key(tmp_path, monkeypatch):
    """Whether a host needs one is for the user to say."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-you")
    monkeypatch.setattr(connection, "is_local", lambda base_url: False)
    with MisbehavingServer() as server:
        ask(server, tmp_path / "a.jsonl", questions(1), key_variable=None)
    assert server.keys == {"Bearer none"}


def test_proxies_are_named_and_can_be_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "is_local", lambda base_url: False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://me:pa55word@127.0.0.1:9")
    with MisbehavingServer() as server:
        with pytest.raises(InputError, match=r"through the proxy of HTTP_PROXY .*`proxy`: none") as error:
            ask(server, tmp_path / "a.jsonl", questions(1), retries=0)
        assert "pa55word" not in str(error.value) and not server.calls
        assert len(ask(server, tmp_path / "a.jsonl", questions(1), proxy="none")) == 1
        monkeypatch.setenv("ALL_PROXY", "gopher://me:pa55word@127.0.0.1:9")
        with pytest.raises(InputError, match="the proxy of HTTP_PROXY, ALL_PROXY cannot be used") as error:
            ask(server, tmp_path / "b.jsonl", questions(1), retries=0)
        assert "pa55word" not in str(error.value)


def test_refused_and_too_long_requests_stop_no_other_within_a_batch_either(tmp_path):
    refused = {"error": {"code": "content_filter", "message": "The prompt was filtered."}}
    long = {"error": {"code": "context_length_exceeded", "message": "x"}}

    def faults(request, attempt):
        text = request["messages"][0]["content"]
        return Raw(refused, 400) if "“1”" in text else Raw(long, 400) if "“2”" in text else "ok"

    with MisbehavingServer(faults) as server:
        answers = ask(server, tmp_path / "a.jsonl", questions(5), batch=True)
        assert ask(server, tmp_path / "a.jsonl", questions(5)) == answers and len(server.batches) == 1
    assert [answer["finish"] for answer in answers] == ["stop", "refused", "refused", "stop", "stop"]
    assert "filter" in answers[1]["reason"] and "too long" in answers[2]["reason"]


def test_errors_of_a_batch_are_told_without_the_key(tmp_path, monkeypatch):
    path = tmp_path / "a.jsonl"
    with MisbehavingServer() as server:
        server.batch_end, work_off = "failed", server._work_off

        def repeating(batch: dict) -> None:
            work_off(batch)
            batch["errors"]["data"][0]["message"] = (
                f"no such model for {KEY} ({base64.b64encode(KEY.encode()).decode()})"
            )

        monkeypatch.setattr(server, "_work_off", repeating)
        with pytest.raises(InputError, match="refused batch batch_1: no such model for <key> .<key>") as error:
            ask(server, path, questions(2), batch=True)
    assert KEY not in str(error.value)


# The Batch API


def test_a_batch_fills_the_same_store(tmp_path):
    path, requests = tmp_path / "a.jsonl", questions(30)
    with MisbehavingServer() as server:
        ask(server, path, requests[:10])
        answers = ask(server, path, requests, batch=True)
        assert ask(server, path, requests) == answers
    assert [answer["text"] for answer in answers] == [f"echo: {r['messages'][0]['content']}" for r in requests]
    assert len(server.calls) == 30 and len(server.batches) == 1
    assert not Path(f"{path}.batch.json").exists()


def test_what_fails_within_a_batch_goes_into_another(tmp_path):
    faults = seeded(3, 0.6, ("error", "limit", "choiceless", "empty", "null", "refusal"), most=3)
    with MisbehavingServer(faults) as server:
        answers = ask(server, tmp_path / "a.jsonl", questions(60), batch=True)
    assert len(answers) == len(server.completed()) == 60 and 2 <= len(server.batches) <= 4
    assert {answer["finish"] for answer in answers} == {"stop", "refused"}


@pytest.mark.parametrize("end", ["expired", "cancelled"])
def test_a_batch_that_ended_early_gives_what_it_has(tmp_path, end):
    path = tmp_path / "a.jsonl"
    with MisbehavingServer() as server:
        server.batch_end = end
        with pytest.raises(InputError, match=rf"answers are missing .*batch_{end} within the batch"):
            ask(server, path, questions(8), batch=True, retries=1)
        server.batch_end = "completed"
        assert len(ask(server, path, questions(8), batch=True)) == 8
    assert len(server.completed()) == 8


def test_requests_that_can_never_succeed_are_not_handed_in_again(tmp_path):
    one = pytest.raises(InputError, match="1 of 5 answers are missing .*case 0001.*HTTP 400 within the batch")
    with MisbehavingServer(lambda r, a: "bad" if "“1”" in r["messages"][0]["content"] else "ok") as server, one:
        ask(server, tmp_path / "a.jsonl", questions(5), batch=True)
    assert len(server.batches) == 1


def test_a_batch_that_the_service_refuses_is_an_error_and_is_forgotten(tmp_path):
    path = tmp_path / "a.jsonl"
    with MisbehavingServer() as server:
        server.batch_end = "failed"
        with pytest.raises(InputError, match="refused batch batch_1: there is no such model"):
            ask(server, path, questions(2), batch=True)
        server.batch_end = "completed"
        assert len(ask(server, path, questions(2), batch=True)) == 2


def test_a_batch_whose_reply_was_lost_is_found_and_not_handed_in_again(tmp_path):
    with MisbehavingServer() as server:
        server.lose_reply = True
        assert len(ask(server, tmp_path / "a.jsonl", questions(5), batch=True)) == 5
    assert len(server.batches) == 1 and len(server.calls) == 5


def test_large_batches_are_cut_to_the_services_limits(tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "MOST_REQUESTS", 4)
    with MisbehavingServer() as server:
        assert len(ask(server, tmp_path / "a.jsonl", questions(10), batch=True)) == 10
        monkeypatch.setattr(batch, "MOST_BYTES", 500)
        assert len(ask(server, tmp_path / "b.jsonl", questions(4), batch=True, model="other")) == 4
    assert len(server.calls) == 14 and len(server.batches) == 3 + 4


def test_a_killed_run_goes_on_with_its_batch_even_if_other_answers_are_wanted_now(tmp_path):
    path = tmp_path / "a.jsonl"
    with MisbehavingServer() as server:
        server.polls = 10**6
        run = Run(tmp_path, path, service(server, batch=True), questions(20))
        wait_for(lambda: server.batches.get("batch_1", {}).get("looks", 0) > 3)
        run.kill()
        state = json.loads(Path(f"{path}.batch.json").read_text())
        assert len(state.pop("requests")) == 20 and state == {"ledger": 0, "input_file": "file_1", "id": "batch_1"}
        server.polls = 0
        # The batch is paid for, whatever the limit is now; with its cost, that of the five others has to keep to it.
        more = estimate(map(stored, questions(25)[20:]), PRICE).usd + 20 * (7 * 30 + 3 * 60) / 1e6
        answers = ask(server, path, questions(25), max_usd=more, batch=True)
    assert len(answers) == 25 and len(server.calls) == 25 and len(server.batches) == 2


def test_retries_count_the_further_batches(tmp_path):
    with MisbehavingServer(scripted("error", "ok")) as server:
        with pytest.raises(InputError, match="2 of 2 answers are missing .*HTTP 500 within the batch"):
            ask(server, tmp_path / "a.jsonl", questions(2), batch=True, retries=0)
        assert len(server.batches) == 1
        server.attempts.clear()
        assert len(ask(server, tmp_path / "a.jsonl", questions(2), batch=True, retries=1)) == 2
        assert len(server.batches) == 3


def test_a_run_killed_while_its_batch_was_being_stored_goes_on_there(tmp_path):
    path, requests = tmp_path / "a.jsonl", questions(6)
    with MisbehavingServer() as server:
        ask(server, tmp_path / "other.jsonl", requests, batch=True)
        state = {"requests": [stored(request) for request in requests], "input_file": "file_1", "id": "batch_1"}
        Path(f"{path}.batch.json").write_text(json.dumps(state))
        with AnswerStore(path) as store:
            for request in requests[::2]:
                store.append(stored(request), answer())
        texts = [answer["text"] for answer in ask(server, path, requests, max_usd=0, batch=True)]
        assert texts == ["RATING-3" if i % 2 == 0 else f"echo: Judge “{i}”.\u2028" for i in range(6)]
        assert len(server.batches) == 1 and not Path(f"{path}.batch.json").exists()


def test_a_run_killed_after_its_batch_was_stored_forgets_it(tmp_path):
    path = tmp_path / "a.jsonl"
    with MisbehavingServer() as server:
        ask(server, path, questions(3))
        state = {"requests": [stored(request) for request in questions(3)], "input_file": "gone", "id": "gone"}
        Path(f"{path}.batch.json").write_text(json.dumps(state))
        assert len(ask(server, path, questions(4), batch=True)) == 4
        assert len(server.calls) == 4

        state["requests"] = [stored(request) for request in questions(9)]
        Path(f"{path}.batch.json").write_text(json.dumps(state))
        with pytest.raises(InputError, match=r"batch\.json: the service knows no batch gone"):
            ask(server, path, questions(9), batch=True)
        Path(f"{path}.batch.json").write_text("[]")
        with pytest.raises(InputError, match=r"batch\.json: expected an object"):
            ask(server, path, questions(9), batch=True)


# kill -9


def environment() -> dict:
    return os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}


def wait_for(condition, seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


class Run:
    """A stage in a process of its own."""

    def __init__(self, folder: Path, path: Path, settings: Service, requests: list[dict]):
        (folder / "requests.json").write_text(json.dumps(requests))
        self.output, self.log = folder / "answers.json", folder / "log.txt"
        command = [
            sys.executable,
            "-c",
            PROGRAM,
            path,
            settings.model_dump_json(),
            folder / "requests.json",
            self.output,
        ]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, env=environment(), stdout=log, stderr=log)

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        assert self.process.wait() == -signal.SIGKILL


def test_2000_judgements_through_faults_and_kills_are_each_answered_and_stored_once(tmp_path):
    path, requests, concurrency = tmp_path / "judge.jsonl", questions(2000), 16
    reached = threading.Event()
    kills = [700, 1400]
    with MisbehavingServer(seeded(7, 0.25, FAULTS), lambda request: f"RATING-{request_key(request)}", 0.02) as server:

        def on_completed(count):
            if kills and count >= kills[0]:
                reached.set()

        server.on_completed = on_completed
        asked_at_kill, stored_at_kill = [], []
        settings = service(server, concurrency=concurrency)
        while kills:
            run = Run(tmp_path, path, settings, requests)
            assert reached.wait(60), run.log.read_text()
            run.kill()
            kills.pop(0)
            reached.clear()
            asked_at_kill.append(len(server.calls))
            stored_at_kill.append(set(read_entries(path)))
        run = Run(tmp_path, path, settings, requests)
        assert run.process.wait(60) == 0, run.log.read_text()
        answers = json.loads(run.output.read_text())

        # Killed twice in the middle, and each time what was there stayed.
        assert 600 < len(stored_at_kill[0]) < len(stored_at_kill[1]) < 1500
        keys = [request_key(stored(request)) for request in requests]
        lines = [json.loads(line)["key"] for line in path.read_bytes().splitlines()]
        assert len(lines) == 2000 and sorted(lines) == sorted(keys)
        said = [(key, answer["text"]) for key, answer in zip(keys, answers, strict=True) if answer["text"]]
        said = [(key, text) for key, text in said if not text.startswith("I would")]
        assert len(said) > 1700 and all(text == f"RATING-{key}" for key, text in said)
        # No request came again once its answer was stored.
        asked = [request_key(call.request) for call in server.calls]
        for count, known in zip(asked_at_kill, stored_at_kill, strict=True):
            assert not known & set(asked[count:])
        # An answer was paid for twice only if it was on its way to a killed process.
        paid = [request_key(request) for request in server.completed()]
        assert set(paid) == set(keys) and len(paid) - 2000 <= 2 * concurrency
        twice = {key for key, count in Counter(paid).items() if count > 1}
        assert not twice & stored_at_kill[0]
        assert {call.outcome for call in server.calls} == {*FAULTS, "ok"} and server.keys == {f"Bearer {KEY}"}

        # A further run asks nothing.
        total = len(server.calls)
        assert ask(server, path, requests, 0) == answers and len(server.calls) == total
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or KEY.encode() not in file.read_bytes(), file
