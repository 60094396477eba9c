"""The Batch API: all requests in one file, answered within a day at a lower price.

What was handed in is remembered beside the store, in ``<store>.batch.json``, before it is waited for. A run that was
killed goes on with the same batch instead of paying for a second one, even if it was killed between handing the batch
in and writing down its number: the batch is then found by its input file.
"""

import asyncio
import json
import logging
import re
from pathlib import Path
from typing import Any

from recexplainer.config.service import Service
from recexplainer.errors import InputError
from recexplainer.files import delete, kept, read_json, write_json
from recexplainer.service import answers
from recexplainer.service.asking import ceiling
from recexplainer.service.connection import connect
from recexplainer.service.cost import check_budget
from recexplainer.service.ledger import Ledger
from recexplainer.service.retrying import CallFailed, explain_error, retry
from recexplainer.service.store import AnswerStore, request_key

logger = logging.getLogger(__name__)

# The service's limits of one batch.
MOST_REQUESTS = 50_000
MOST_BYTES = 190_000_000
ENDPOINT = "/v1/chat/completions"
ENDED = ("completed", "expired", "cancelled", "failed")
# Seconds for sending or fetching a file.
FILE_TIMEOUT = 600


async def ask_batch(
    missing: dict[str, dict[str, Any]],
    store: AnswerStore,
    settings: Service,
    key: str | None,
    ledger: Ledger,
    label: str,
) -> list[CallFailed]:
    """Ask for answers through the Batch API.

    Requests that fail within a batch for a reason that may pass go into a further one, at most ``retries`` times.

    Args:
        missing: key to request.
        store, settings, label: as for :func:`recexplainer.service.client.answer_all`.
        key: the API key.
        ledger: of the run.

    Returns:
        The failures of the requests that still have no answer.

    Raises:
        InputError: the service cannot be reached or refuses the batch, or the requests may cost too much.
    """

    def passing(failure: CallFailed | None, tries: int) -> bool:
        return failure is None or (not failure.permanent and tries <= settings.retries)

    async with connect(settings, key) as client:
        batches = _Batches(client, store, settings, ledger, label)
        try:
            if batches.state_path.exists():
                await batches.collect()  # paid already, whatever is missing now
            left = [missing[name] for name in missing if name not in store]
            check_budget(left, settings.price, ledger.max_usd, label, ledger.total)
            failures: dict[str, CallFailed] = {}
            tries = dict.fromkeys(missing, 0)
            while todo := [name for name in missing if name not in store and passing(failures.get(name), tries[name])]:
                chosen = _fitting([missing[name] for name in todo], settings)
                number = ledger.reserve(chosen)
                if number is None:
                    raise CallFailed(ceiling(ledger), permanent=True)
                batches.remember({"requests": chosen, "ledger": number})
                for request in chosen:
                    tries[request_key(request)] += 1
                failures |= await batches.collect()
        except CallFailed as failure:
            raise InputError(f"{label}: {failure.reason}. What was answered is stored; run again to go on.") from None
    return [failures[name] for name in missing if name not in store]


def _line(request: dict[str, Any], settings: Service) -> str:
    """Return the line of a batch's input file."""
    body = answers.body(request, settings)
    return json.dumps({"custom_id": request_key(request), "method": "POST", "url": ENDPOINT, "body": body})


def _fitting(requests: list[dict[str, Any]], settings: Service) -> list[dict[str, Any]]:
    """Return as many of the first requests as fit into one batch."""
    size = 0
    chosen: list[dict[str, Any]] = []
    for request in requests[:MOST_REQUESTS]:
        size += len(_line(request, settings)) + 1
        if size > MOST_BYTES and chosen:
            break
        chosen.append(request)
    return chosen


class _Batches:
    """One store's batch: from its requests to their answers, each step remembered in a file.

    The file holds ``requests`` and ``ledger``, their id there; then also ``input_file`` (the service's id), then also
    ``id`` of the batch. It goes when the answers are stored.
    """

    def __init__(self, client: Any, store: AnswerStore, settings: Service, ledger: Ledger, label: str) -> None:
        self.client, self.store, self.settings, self.ledger, self.label = client, store, settings, ledger, label
        self.state_path = Path(f"{store.path}.batch.json")

    def remember(self, state: dict[str, Any]) -> None:
        with kept():
            write_json(self.state_path, state)

    async def collect(self) -> dict[str, CallFailed]:
        """Go on with the remembered batch to its end, store its answers, and forget it.

        Returns:
            Key to failure of the requests without an answer.
        """
        state = self._state()
        requests = {request_key(request): request for request in state["requests"]}
        if all(key in self.store for key in requests):
            delete(self.state_path)  # killed after the last answer was stored
            return {}
        if "input_file" not in state:
            state["input_file"] = await self._upload(state["requests"])
            self.remember(state)
        if "id" not in state:
            state["id"] = await self._hand_in(state["input_file"])
            self.remember(state)
        batch = await self._end_of(state["id"])
        failures = {
            key: CallFailed(f"batch {state['id']} {batch['status']} without an answer", batch["status"] == "cancelled")
            for key in requests
        }
        paid: list[dict[str, Any]] = []
        for name in ("output_file_id", "error_file_id"):
            if batch.get(name):
                self._read(await self._download(_field(batch, name)), requests, failures, paid)
        if "ledger" in state:
            self.ledger.settle(state["ledger"], paid)
        delete(self.state_path)
        if batch["status"] == "failed":
            errors = batch.get("errors")
            said = errors.get("data") if isinstance(errors, dict) else None
            _, message = answers.error_words(said[0] if isinstance(said, list) and said else None)
            raise CallFailed(f"the service refused batch {state['id']}: {message[:200] or 'no reason given'}")
        return {key: failure for key, failure in failures.items() if key not in self.store}

    def _state(self) -> dict[str, Any]:
        state = read_json(self.state_path)
        if not isinstance(state, dict) or not isinstance(state.get("requests"), list):
            raise InputError(f"{self.state_path}: expected an object with requests. Delete it to hand in a new batch.")
        return state

    async def _upload(self, requests: list[dict[str, Any]]) -> str:
        content = "".join(_line(request, self.settings) + "\n" for request in requests).encode()

        async def upload() -> str:
            reply = await self.client.files.with_raw_response.create(
                file=("requests.jsonl", content), purpose="batch", timeout=FILE_TIMEOUT
            )
            return _field(answers.read_json(reply.content), "id")

        return await self._retry(upload, "upload", FILE_TIMEOUT)

    async def _hand_in(self, input_file: str) -> str:
        """Create the batch, unless an attempt whose reply was lost has done so."""

        async def hand_in() -> str:
            reply = await self.client.batches.with_raw_response.list(limit=100)
            listed = answers.read_json(reply.content).get("data")
            for batch in listed if isinstance(listed, list) else []:
                if isinstance(batch, dict) and batch.get("input_file_id") == input_file:
                    return _field(batch, "id")
            reply = await self.client.batches.with_raw_response.create(
                input_file_id=input_file, endpoint=ENDPOINT, completion_window="24h"
            )
            return _field(answers.read_json(reply.content), "id")

        number = await self._retry(hand_in, "hand in")
        logger.info("%s: batch %s handed in; it is remembered in %s", self.label, number, self.state_path)
        return number

    async def _end_of(self, number: str) -> dict[str, Any]:
        """Poll until the batch has ended."""

        async def look() -> dict[str, Any]:
            reply = await self.client.batches.with_raw_response.retrieve(number)
            batch = answers.read_json(reply.content)
            _field(batch, "status")
            return batch

        while True:
            try:
                batch = await self._retry(look, "poll")
            except CallFailed as failure:
                if failure.status == 404:
                    raise InputError(
                        f"{self.state_path}: the service knows no batch {number}. Use the account that handed it in, "
                        "or delete the file to hand in a new batch, and pay for it."
                    ) from None
                raise
            if batch["status"] in ENDED:
                return batch
            counts = batch["request_counts"] if isinstance(batch.get("request_counts"), dict) else {}
            logger.info(
                "%s: batch %s is %s, %s of %s answers",
                *(self.label, number, batch["status"], counts.get("completed", "?"), counts.get("total", "?")),
            )
            await asyncio.sleep(self.settings.batch_poll)

    async def _download(self, file: str) -> bytes:
        async def download() -> bytes:
            return (await self.client.files.content(file, timeout=FILE_TIMEOUT)).content

        return await self._retry(download, "download", FILE_TIMEOUT)

    def _read(
        self,
        content: bytes,
        requests: dict[str, dict[str, Any]],
        failures: dict[str, CallFailed],
        paid: list[dict[str, Any]],
    ) -> None:
        """Store the answers in an output or error file; note what was paid, and why other requests have no answer."""
        for line in content.splitlines():
            try:
                row = answers.read_json(line)
                key, response = row["custom_id"], row.get("response") or {}
                request, status, body = requests.get(key), response.get("status_code"), response.get("body")
            except (answers.MalformedReply, KeyError, AttributeError, TypeError):
                logger.warning("%s: left out an unreadable line of the batch's result", self.label)
                continue
            if request is None:
                continue
            try:
                answer = self._answer(request, status if type(status) is int else None, body, row.get("error"), paid)
            except CallFailed as failure:
                failures[key] = failure
                continue
            # Run again after a kill while storing, the file has answers that are there already.
            if key not in self.store:
                self.store.append(request, answer)

    def _answer(
        self, request: dict[str, Any], status: int | None, body: Any, error: Any, paid: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Return the answer in one line of a batch's result, and add to ``paid`` what it cost."""
        if status == 200 and isinstance(body, dict):
            empty = {"text": "", "usage": answers.read_usage(body)}
            try:
                answer = answers.read_answer(body, request)
                paid.append({"request": request, "answer": answer})
                return answer
            except (answers.MalformedReply, answers.ErrorReply) as problem:
                paid.append({"request": request, "answer": empty})
                if isinstance(problem, answers.MalformedReply):
                    raise CallFailed(str(problem)) from None
                error = problem.body
                status = None
        said = body if isinstance(body, dict) and body.get("error") else error
        if reason := answers.refusal_of(status, said):
            return answers.refused_request(reason)
        codes, message = answers.error_words(said)
        if status is None or status == 200:
            raise CallFailed(f"{' '.join(sorted(codes)) or message[:200] or 'no answer'} within the batch")
        failure = explain_error(status, {"message": message}, self.settings)
        raise CallFailed(f"{failure.reason} within the batch", failure.permanent, status)

    async def _retry(self, call: Any, name: str, timeout: float | None = None) -> Any:
        settings = self.settings.model_copy(update={"timeout": timeout or self.settings.timeout})
        return await retry(call, settings, f"batch {name}", asyncio.Event())


def _field(reply: dict[str, Any], name: str) -> str:
    """Return an id or a status in a reply; without it, the reply is malformed."""
    if not isinstance(reply.get(name), str) or not re.fullmatch(r"[\w.:-]{1,200}", reply[name]):
        raise answers.MalformedReply(f"the reply has no {name}")
    return reply[name]
