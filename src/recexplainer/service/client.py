"""Many requests to an OpenAI-compatible service: bounded, retried, and each answer stored before it counts."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from recexplainer.errors import InputError
from recexplainer.service.answers import full_request, read_answer, read_json
from recexplainer.service.batch import ask_batch
from recexplainer.service.connection import api_key, connect
from recexplainer.service.cost import check_budget, spent
from recexplainer.service.retrying import CallFailed, retry
from recexplainer.service.store import AnswerStore, request_key

logger = logging.getLogger(__name__)

PROGRESS_SECONDS = 10.0
# So many requests given up in a row, with no answer between them: the service is down, and the others can wait.
GIVEN_UP_IN_A_ROW = 20


def answer_all(
    requests: list[dict], store: AnswerStore, settings: dict, max_usd: float | None, label: str
) -> list[dict]:
    """Return the answer to every request; ask the service for those that are not stored.

    Equal requests are asked once. Each answer is on disk before it counts, so a run that was killed, or that ended
    with an error, goes on where it was: only what is missing is asked again.

    Args:
        requests: as for :func:`recexplainer.service.answers.full_request`.
        store: open; it gets the new answers.
        settings: the service's entry in the config: base_url, model, key_variable, temperature, concurrency, timeout
            (seconds), retries, price, batch, batch_poll (seconds). The API key is in the environment variable that
            ``key_variable`` names; a service on this machine needs none.
        max_usd: the most that the missing answers may cost; None for no limit.
        label: names the stage in messages.

    Returns:
        In the order of the requests: ``text``, ``finish``, ``model`` and ``usage``, as in the store.

    Raises:
        InputError: a request is not well-formed; answers are missing and there is no key; they may cost too much; the
            service refused; or some requests were given up after all retries. What was answered is stored in any case.
    """
    full = [full_request(request, settings) for request in requests]
    names = {}
    for number, (request, sent) in enumerate(zip(requests, full, strict=True), 1):
        names.setdefault(request_key(sent), request.get("case") or f"request {number}")
    missing = _missing(full, store)
    if missing:
        key = api_key(settings, f"{label}: {_lack(missing, names, store)}")
        logging.getLogger("httpx2").setLevel(logging.WARNING)  # it logs every call
        if settings.get("batch"):
            work = ask_batch(missing, store, settings, key, max_usd, label)
        else:
            check_budget(list(missing.values()), settings["price"], max_usd, label)
            work = _ask_all(missing, store, settings, key, label)
        before = set(store.entries)
        try:
            failures = asyncio.run(work)
        finally:
            new = [entry for name, entry in store.entries.items() if name not in before]
            cost = spent(new, settings["price"])
            logger.info("%s: %d new answers, %.4f USD spent", label, cost.requests, cost.usd)
        missing = _missing(full, store)
        if missing:
            # A permanent failure is the one that ended the run.
            first = min(failures, key=lambda failure: not failure.permanent)
            raise InputError(
                f"{label}: {_lack(missing, names, store)} {len(failures)} failed, the first with: {first.reason}. "
                "Run again: only the missing answers are asked for."
            )
    return [store.get(request) for request in full]


def _missing(requests: list[dict], store: AnswerStore) -> dict[str, dict]:
    """Return the requests without an answer by key, in order, each once."""
    return {key: request for request in requests if (key := request_key(request)) not in store}


def _lack(missing: dict[str, dict], names: dict[str, str], store: AnswerStore) -> str:
    count, first = len(missing), names[next(iter(missing))]
    return f"{count} of {len(names)} answers are missing in {store.path}, the first is that to {first}."


async def _ask_all(
    missing: dict[str, dict], store: AnswerStore, settings: dict, key: str | None, label: str
) -> list[CallFailed]:
    """Ask with ``concurrency`` requests on the way at a time; return the failures."""
    waiting = iter(missing.items())
    failures: list[CallFailed] = []
    stop = asyncio.Event()
    in_a_row = 0

    async with connect(settings, key) as client:

        async def ask(request: dict) -> dict:
            reply = await client.chat.completions.with_raw_response.create(**request)
            return read_answer(read_json(reply.content))

        async def work() -> None:
            nonlocal in_a_row
            for name, request in waiting:
                try:
                    answer = await retry(lambda request=request: ask(request), settings, name, stop)
                except CallFailed as failure:
                    failures.append(failure)
                    in_a_row += 1
                    if failure.permanent or in_a_row == GIVEN_UP_IN_A_ROW:
                        # The others are left for the next run; what is on its way is waited for: it is paid.
                        stop.set()
                else:
                    store.append(request, answer)
                    in_a_row = 0
                if stop.is_set():
                    return

        start = len(store)
        await _with_progress(
            [work() for _ in range(settings["concurrency"])], lambda: len(store) - start, len(missing), label
        )
    return failures


async def _with_progress(work: list[Awaitable], done: Callable[[], int], total: int, label: str) -> None:
    """Await the workers, with a line in the log every now and then."""
    began = time.monotonic()

    async def report() -> None:
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            rate = done() / (time.monotonic() - began)
            left = f"{(total - done()) / rate / 60:.1f} min left" if rate else "time left unknown"
            logger.info("%s: %d of %d answers, %.1f/s, %s", label, done(), total, rate, left)

    reporter = asyncio.create_task(report())
    try:
        await asyncio.gather(*work)
    finally:
        reporter.cancel()
