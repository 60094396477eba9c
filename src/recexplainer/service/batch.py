"""The Batch API: all requests in one file, answered within a day at a lower price.

What was handed in is remembered beside the store, in ``<store>.batch.json``, before it is waited for. A run that was
killed goes on with the same batch instead of paying for a second one, even if it was killed between handing the batch
in and writing down its number: the batch is then found by its input file.
"""

import asyncio
import json
import logging
from pathlib import Path

from recexplainer.errors import InputError
from recexplainer.files import read_json, write_json
from recexplainer.service import answers
from recexplainer.service.connection import connect
from recexplainer.service.cost import check_budget
from recexplainer.service.retrying import CallFailed, retry
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
    missing: dict[str, dict], store: AnswerStore, settings: dict, key: str | None, max_usd: float | None, label: str
) -> list[CallFailed]:
    """Ask for answers through the Batch API.

    Requests that fail within a batch for a reason that may pass go into a further one, at most ``retries`` times.

    Args:
        missing: key to request.
        store, settings, max_usd, label: as for :func:`recexplainer.service.client.answer_all`.
        key: the API key.

    Returns:
        The failures of the requests that still have no answer.

    Raises:
        InputError: the service cannot be reached or refuses the batch, or the requests may cost too much.
    """

    def passing(failure: CallFailed | None, tries: int) -> bool:
        return failure is None or (not failure.permanent and tries <= settings["retries"])

    async with connect(settings, key) as client:
        batches = _Batches(client, store, settings, label)
        try:
            if batches.state_path.exists():
                await batches.collect()  # paid already, whatever is missing now
            check_budget([missing[name] for name in missing if name not in store], settings["price"], max_usd, label)
            failures: dict[str, CallFailed] = {}
            tries = dict.fromkeys(missing, 0)
            while todo := [name for name in missing if name not in store and passing(failures.get(name), tries[name])]:
                chosen = _fitting([missing[name] for name in todo])
                batches.remember({"requests": chosen})
                for request in chosen:
                    tries[request_key(request)] += 1
                failures |= await batches.collect()
        except CallFailed as failure:
            raise InputError(f"{label}: {failure.reason}. What was answered is stored; run again to go on.") from None
    return [failures[name] for name in missing if name not in store]


def _line(request: dict) -> str:
    """Return the line of a batch's input file."""
    return json.dumps({"custom_id": request_key(request), "method": "POST", "url": ENDPOINT, "body": request})


def _fitting(requests: list[dict]) -> list[dict]:
    """Return as many of the first requests as fit into one batch."""
    size, chosen = 0, []
    for request in requests[:MOST_REQUESTS]:
        size += len(_line(request)) + 1
        if size > MOST_BYTES and chosen:
            break
        chosen.append(request)
    return chosen


class _Batches:
    """One store's batch: from its requests to their answers, each step remembered in a file.

    The file holds ``requests``, then also ``input_file`` (the service's id), then also ``id`` of the batch. It goes
    when the answers are stored.
    """

    def __init__(self, client, store: AnswerStore, settings: dict, label: str):
        self.client, self.store, self.settings, self.label = client, store, settings, label
        self.state_path = Path(f"{store.path}.batch.json")

    def remember(self, state: dict) -> None:
        write_json(self.state_path, state)

    async def collect(self) -> dict[str, CallFailed]:
        """Go on with the remembered batch to its end, store its answers, and forget it.

        Returns:
            Key to failure of the requests without an answer.
        """
        state = self._state()
        requests = {request_key(request): request for request in state["requests"]}
        if all(key in self.store for key in requests):
            self.state_path.unlink()  # killed after the last answer was stored
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
        for file in (batch.get("output_file_id"), batch.get("error_file_id")):
            if file:
                self._read(await self._download(file), requests, failures)
        self.state_path.unlink()
        if batch["status"] == "failed":
            errors = (batch.get("errors") or {}).get("data") or [{}]
            raise CallFailed(f"the service refused batch {state['id']}: {errors[0].get('message', 'no reason given')}")
        return {key: failure for key, failure in failures.items() if key not in self.store}

    def _state(self) -> dict:
        state = read_json(self.state_path)
        if not isinstance(state, dict) or not isinstance(state.get("requests"), list):
            raise InputError(f"{self.state_path}: expected an object with requests. Delete it to hand in a new batch.")
        return state

    async def _upload(self, requests: list[dict]) -> str:
        content = "".join(_line(request) + "\n" for request in requests).encode()

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
            for batch in answers.read_json(reply.content).get("data") or []:
                if batch.get("input_file_id") == input_file:
                    return _field(batch, "id")
            reply = await self.client.batches.with_raw_response.create(
                input_file_id=input_file, endpoint=ENDPOINT, completion_window="24h"
            )
            return _field(answers.read_json(reply.content), "id")

        number = await self._retry(hand_in, "hand in")
        logger.info("%s: batch %s handed in; it is remembered in %s", self.label, number, self.state_path)
        return number

    async def _end_of(self, number: str) -> dict:
        """Poll until the batch has ended."""

        async def look() -> dict:
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
            counts = batch.get("request_counts") or {}
            logger.info(
                "%s: batch %s is %s, %s of %s answers",
                *(self.label, number, batch["status"], counts.get("completed", "?"), counts.get("total", "?")),
            )
            await asyncio.sleep(self.settings["batch_poll"])

    async def _download(self, file: str) -> bytes:
        async def download() -> bytes:
            return (await self.client.files.content(file, timeout=FILE_TIMEOUT)).content

        return await self._retry(download, "download", FILE_TIMEOUT)

    def _read(self, content: bytes, requests: dict[str, dict], failures: dict[str, CallFailed]) -> None:
        """Store the answers in an output or error file; note why the other requests have none."""
        for line in content.splitlines():
            try:
                row = answers.read_json(line)
                key, response = row["custom_id"], row.get("response") or {}
                status = response.get("status_code")
            except (answers.MalformedReply, KeyError, AttributeError):
                logger.warning("%s: left out an unreadable line of the batch's result", self.label)
                continue
            # Run again after a kill while storing, the file has answers that are there already.
            if key not in requests or key in self.store:
                continue
            if status != 200:
                said = (row.get("error") or {}).get("code") or f"HTTP {status}"
                passing = status is None or status in (408, 409, 429) or status >= 500
                failures[key] = CallFailed(f"{said} within the batch", not passing, status)
                continue
            try:
                self.store.append(requests[key], answers.read_answer(response.get("body")))
            except answers.MalformedReply as error:
                failures[key] = CallFailed(str(error))

    async def _retry(self, call, name: str, timeout: float | None = None):
        settings = self.settings | {"timeout": timeout or self.settings["timeout"]}
        return await retry(call, settings, f"batch {name}", asyncio.Event())


def _field(reply: dict, name: str) -> str:
    """Return a text of a reply; without it, the reply is malformed."""
    if not isinstance(reply.get(name), str):
        raise answers.MalformedReply(f"the reply has no {name}")
    return reply[name]
