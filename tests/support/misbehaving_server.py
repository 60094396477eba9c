"""An OpenAI-compatible service on loopback that fails on purpose, and remembers what it was asked and what it answered.

``faults(request, attempt)`` decides what happens to the attempt-th time (from 0) that a request comes:

- ``ok``: an answer; ``slow``: an answer after ``delay`` seconds; ``cut_off``: an answer that reached ``max_tokens``;
  ``uncounted``: an answer without usage;
- ``refusal``, ``filter``: the model or the service's filter refuses, which is an answer too; ``empty``: no choices,
  ``null``: no content, which are empty answers;
- ``limit``, ``limit_date``: 429 with Retry-After in seconds or as a date; ``quota``: 429, no credit left;
- ``error``, ``overloaded``, ``timeout``, ``conflict``: 500, 503, 408, 409; ``denied``: 401, with the key in the text;
  ``bad``: 400, with the key in the text;
- ``cut``: the connection breaks in the middle of the answer; ``hang_up``: before it; ``trickle``: it comes byte by
  byte, ``delay`` seconds each;
- a :class:`Raw`: just these bytes;
- ``malformed``: not JSON; ``list``: JSON, but no object; ``choiceless``: an object without choices.
"""

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STATUSES = {
    "limit": 429,
    "limit_date": 429,
    "quota": 429,
    "error": 500,
    "overloaded": 503,
    "timeout": 408,
    "conflict": 409,
    "denied": 401,
    "bad": 400,
}
ANSWERS = ("ok", "slow", "cut_off", "uncounted", "refusal", "filter", "empty", "null")


def well_behaved(request: dict, attempt: int) -> str:
    return "ok"


def scripted(*faults: str) -> Callable[[dict, int], str]:
    """The first attempts at each request meet these, the next ones the last of them."""
    return lambda request, attempt: faults[min(attempt, len(faults) - 1)]


def seeded(seed: int, share: float, faults: tuple[str, ...], most: int = 4) -> Callable[[dict, int], str]:
    """A share of the attempts meets one of the faults, drawn from the request; at most ``most`` attempts of each."""

    def choose(request: dict, attempt: int) -> str:
        draw = hashlib.sha256(f"{seed}/{attempt}/{json.dumps(request, sort_keys=True)}".encode()).digest()
        return faults[draw[0] % len(faults)] if attempt < most and draw[1] < 256 * share else "ok"

    return choose


@dataclass
class Raw:
    """A reply as it goes over the wire: a status, and a body, which is JSON if it is no bytes."""

    body: object
    status: int = 200
    headers: dict | None = None

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Call:
    """One chat completion that was asked for.

    Attributes:
        request: its JSON body.
        outcome: what happened to it, as in the list above.
        completed: an answer was sent to its end.
        path: what was asked for, with its query.
        headers: those that came with it, by their names in small letters.
    """

    request: dict
    outcome: str | Raw
    completed: bool = False
    path: str = ""
    headers: dict | None = None


class MisbehavingServer:
    """Use as a context manager.

    Attributes:
        url: the base URL for a client.
        calls: of chat completions, in the order in which they came.
        keys: API keys that were sent.
        polls: how often a batch is looked at before it is done.
        batches, files: of the Batch API, by id.
        lose_reply: break off the reply to the next batch that is handed in.
        batch_end: the status in which batches end; with ``cancelled`` or ``expired`` every second request was answered.
        on_completed: called with the number of completed answers so far.
    """

    def __init__(
        self,
        faults: Callable[[dict, int], str] = well_behaved,
        reply: Callable[[dict], str] = lambda request: f"echo: {request['messages'][-1]['content']}",
        delay: float = 0.05,
        retry_after: float = 0.02,
    ):
        self.faults, self.reply, self.delay, self.retry_after = faults, reply, delay, retry_after
        self.calls: list[Call] = []
        self.count = 0
        self.keys: set[str] = set()
        self.attempts: dict[str, int] = {}
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict] = {}
        self.polls, self.lose_reply, self.batch_end = 2, False, "completed"
        self.on_completed: Callable[[int], None] = lambda count: None
        self.lock = threading.Lock()
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.outer = self
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.server.shutdown()
        self.server.server_close()

    def completed(self) -> list[dict]:
        """Return the requests whose answers were sent to the end."""
        return [call.request for call in self.calls if call.completed]

    def outcome(self, request: dict) -> str:
        """Decide what happens to a request that has just come."""
        text = json.dumps(request, sort_keys=True)
        with self.lock:
            attempt = self.attempts.get(text, 0)
            self.attempts[text] = attempt + 1
        return self.faults(request, attempt)

    def completion(self, request: dict, outcome: str) -> dict:
        """Return the body of an answer."""
        message = {"role": "assistant", "content": self.reply(request), "refusal": None}
        finish = {"cut_off": "length", "filter": "content_filter"}.get(outcome, "stop")
        if outcome == "refusal":
            message |= {"content": None, "refusal": "I would rather not."}
        if outcome in ("filter", "null"):
            message["content"] = None
        body = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": f"{request['model']}-served",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        }
        if outcome == "uncounted":
            del body["usage"]
        if outcome == "empty":
            body["choices"] = []
        if outcome == "choiceless":
            del body["choices"]
        return body

    def hand_in(self, input_file: str) -> dict:
        number = f"batch_{len(self.batches) + 1}"
        self.batches[number] = {
            "id": number,
            "object": "batch",
            "input_file_id": input_file,
            "status": "validating",
            "looks": 0,
        }
        return self.batches[number]

    def look_at(self, number: str) -> dict:
        """Return a batch; work it off when it was looked at often enough."""
        batch = self.batches[number]
        batch["looks"] += 1
        if batch["looks"] <= self.polls:
            batch["status"] = "in_progress"
        elif batch["status"] != self.batch_end:
            self._work_off(batch)
        return batch

    def _work_off(self, batch: dict) -> None:
        batch["status"] = self.batch_end
        if self.batch_end == "failed":
            batch["errors"] = {"data": [{"code": "invalid_model", "message": "there is no such model"}]}
            return
        output, errors = [], []
        for number, line in enumerate(self.files[batch["input_file_id"]].decode().splitlines()):
            row = json.loads(line)
            outcome = self.outcome(row["body"])
            call = Call(row["body"], outcome)
            self.calls.append(call)
            result = {"custom_id": row["custom_id"], "response": None, "error": None}
            if self.batch_end != "completed" and number % 2:
                errors.append(result | {"error": {"code": f"batch_{self.batch_end}"}})
            elif isinstance(outcome, Raw):
                output.append(result | {"response": {"status_code": outcome.status, "body": outcome.body}})
            elif outcome in STATUSES:
                errors.append(result | {"response": {"status_code": STATUSES[outcome], "body": {}}})
            else:
                call.completed = outcome in ANSWERS
                output.append(
                    result | {"response": {"status_code": 200, "body": self.completion(row["body"], outcome)}}
                )
        # The results come in any order.
        for name, rows in (("output_file_id", output[::-1]), ("error_file_id", errors)):
            if rows:
                batch[name] = f"{name}_{batch['id']}"
                self.files[batch[name]] = "".join(json.dumps(row) + "\n" for row in rows).encode()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """A client that was killed is no error here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body leave in one packet, or each answer waits for the client's delayed acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def do_GET(self):
        outer = self.server.outer
        self._note_key()
        if self.path.startswith("/v1/batches/"):
            number = self.path.rsplit("/", 1)[1]
            if number in outer.batches:
                self._send(200, outer.look_at(number))
            else:
                self._send(404, {"error": {"message": "no such batch"}})
        elif self.path.startswith("/v1/batches"):
            self._send(200, {"object": "list", "data": list(outer.batches.values())[::-1], "has_more": False})
        elif match := re.fullmatch(r"/v1/files/(\w+)/content", self.path):
            self._send_bytes(200, outer.files[match[1]], {})
        else:
            self._send(404, {"error": {"message": "no such page"}})

    def do_POST(self):
        outer = self.server.outer
        self._note_key()
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.partition("?")[0] == "/v1/chat/completions":
            self._chat(outer, json.loads(content))
        elif self.path == "/v1/files":
            number = f"file_{len(outer.files) + 1}"
            part = next(part for part in content.split(b"\r\n--") if b'name="file"' in part)
            outer.files[number] = part.split(b"\r\n\r\n", 1)[1]
            self._send(200, {"id": number, "object": "file"})
        elif self.path == "/v1/batches":
            batch = outer.hand_in(json.loads(content)["input_file_id"])
            if outer.lose_reply:
                outer.lose_reply = False
                self.close_connection = True
            else:
                self._send(200, batch)

    def _note_key(self):
        self.server.outer.keys.add(self.headers.get("Authorization", ""))

    def _chat(self, outer: MisbehavingServer, request: dict):
        call = Call(
            request,
            outer.outcome(request),
            path=self.path,
            headers={name.lower(): value for name, value in self.headers.items()},
        )
        with outer.lock:
            outer.calls.append(call)
        outcome, key = call.outcome, self.headers.get("Authorization", "").removeprefix("Bearer ")
        if isinstance(outcome, Raw):
            call.completed = outcome.status == 200
            self._send_bytes(outcome.status, outcome.content(), outcome.headers or {})
            return
        if outcome == "slow":
            time.sleep(outer.delay)
        if outcome in STATUSES:
            error = {"message": f"{outcome}, and your key is {key}", "type": outcome, "code": outcome}
            if outcome == "quota":
                error["code"] = "insufficient_quota"
            self._send(STATUSES[outcome], {"error": error}, self._retry_after(outer, outcome))
        elif outcome == "hang_up":
            self.close_connection = True
        elif outcome in ("malformed", "list"):
            self._send_bytes(200, b'{"choices": [{"mess' if outcome == "malformed" else b"[1]", {})
        elif outcome == "trickle":
            self._send_bytes(200, json.dumps(outer.completion(request, "ok")).encode(), {}, pause=outer.delay)
        elif outcome == "cut":
            body = json.dumps(outer.completion(request, "ok")).encode()
            self._send_bytes(200, body, {}, stop=len(body) // 2)
        else:
            self._send(200, outer.completion(request, outcome))
            with outer.lock:
                call.completed = outcome in ANSWERS
                outer.count += call.completed
                count = outer.count
            outer.on_completed(count)

    def _retry_after(self, outer: MisbehavingServer, outcome: str) -> dict[str, str]:
        if outcome == "limit":
            return {"Retry-After": str(outer.retry_after)}
        if outcome == "limit_date":
            # The service's clock is a year ahead: only the difference of its two dates tells.
            now = datetime.now(UTC).replace(microsecond=0) + timedelta(days=365)
            until = now + timedelta(seconds=outer.retry_after)
            return {"Date": format_datetime(now, usegmt=True), "Retry-After": format_datetime(until, usegmt=True)}
        return {}

    def _send(self, status: int, value: dict, headers: dict[str, str] | None = None):
        self._send_bytes(status, json.dumps(value).encode(), headers or {})

    def _send_bytes(self, status: int, body: bytes, headers: dict[str, str], stop: int | None = None, pause: float = 0):
        self.send_response_only(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        for part in [bytes([byte]) for byte in body] if pause else [body[:stop]]:
            self.wfile.write(part)
            self.wfile.flush()
            time.sleep(pause)
        if stop is not None:
            self.close_connection = True
