"""Many requests to an OpenAI-compatible service: bounded, retried, and each answer stored before it counts."""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from recexplainer.config.service import Service
from recexplainer.errors import InputError
from recexplainer.service.answers import full_request
from recexplainer.service.asking import Asker
from recexplainer.service.batch import ask_batch
from recexplainer.service.connection import api_key, connect
from recexplainer.service.cost import check_budget, spent
from recexplainer.service.ledger import Ledger
from recexplainer.service.retrying import CallFailed, retry
from recexplainer.service.store import AnswerStore, request_key
from recexplainer.service.thoughts import without_thoughts

logger = logging.getLogger(__name__)

PROGRESS_SECONDS = 10.0
# So many requests given up in a row, with no answer between them: the service is down, and the others can wait.
GIVEN_UP_IN_A_ROW = 20


def answer_all(
    requests: list[dict[str, Any]],
    store: AnswerStore,
    settings: Service,
    max_usd: float | None,
    label: str,
    ledger: str | None = None,
) -> list[dict[str, Any]]:
    """Return the answer to every request; ask the service for those that are not stored.

    Equal requests are asked once. Each answer is on disk before it counts, so a run that was killed, or that ended
    with an error, goes on where it was: only what is missing is asked again.

    Args:
        requests: as for :func:`recexplainer.service.answers.full_request`.
        store: open; it gets the new answers.
        settings: the service's entry in the config. The API key is in the environment variable that its
            ``key_variable`` names; a service without one needs none.
        max_usd: the most that the run may spend, all its stages together; None for no limit.
        label: names the stage in messages.
        ledger: the file in which the run's stages count what they spend; default: one of this store alone.

    Returns:
        In the order of the requests: ``text``, ``finish``, ``model`` and ``usage``, as in the store, but the text
        without the thoughts that stand before it; ``reason`` where the service did not take the request.

    Raises:
        InputError: a request is not well-formed; answers are missing and there is no key; they may cost too much; the
            service refused; the ceiling was reached; or some requests were given up after all retries. What was
            answered is stored in any case.
    """
    full = [full_request(request, settings) for request in requests]
    names: dict[str, str] = {}
    for number, (request, sent) in enumerate(zip(requests, full, strict=True), 1):
        names.setdefault(request_key(sent), request.get("case") or f"request {number}")
    missing = _missing(full, store)
    if missing:
        key = api_key(settings, f"{label}: {_lack(missing, names, store)}")
        logging.getLogger("httpx2").setLevel(logging.WARNING)  # it logs every call
        account = Ledger(ledger or f"{store.path}.ledger", _place(store, ledger), settings.price, max_usd)
        if settings.batch:
            work = ask_batch(missing, store, settings, key, account, label)
        else:
            check_budget(list(missing.values()), settings.price, max_usd, label, account.total)
            work = _ask_all(missing, store, settings, key, account, label)
        before = set(store.entries)
        try:
            failures = asyncio.run(work)
        finally:
            new = [entry for name, entry in store.entries.items() if name not in before]
            cost = spent(new, settings.price)
            if max_usd is not None:
                logger.info(
                    "%s: %.4f of at most %.2f USD are spent so far: %s", *(label, account.total, max_usd, account.path)
                )
            refused = sum("reason" in entry["answer"] for entry in new)
            if refused:
                logger.warning("%s: %d requests were refused by the service; their answers are empty", label, refused)
            logger.info("%s: %d new answers, %.4f USD spent", label, cost.requests, cost.usd)
        missing = _missing(full, store)
        if missing:
            # A permanent failure is the one that ended the run.
            first = min(failures, key=lambda failure: not failure.permanent)
            raise InputError(
                f"{label}: {_lack(missing, names, store)} {len(failures)} failed, the first with: {first.reason}. "
                "Run again: only the missing answers are asked for."
            )
    stored: list[Any] = [store.get(request) for request in full]
    return [answer | {"text": without_thoughts(answer["text"])} for answer in stored]


def _place(store: AnswerStore, ledger: str | None) -> str:
    """Name a store in the ledger: its path from there, without its suffix."""
    return os.path.relpath(store.path.with_suffix(""), os.path.dirname(ledger or store.path))


def _missing(requests: list[dict[str, Any]], store: AnswerStore) -> dict[str, dict[str, Any]]:
    """Return the requests without an answer by key, in order, each once."""
    return {key: request for request in requests if (key := request_key(request)) not in store}


def _lack(missing: dict[str, dict[str, Any]], names: dict[str, str], store: AnswerStore) -> str:
    count, first = len(missing), names[next(iter(missing))]
    return f"{count} of {len(names)} answers are missing in {store.path}, the first is that to {first}."


async def _ask_all(
    missing: dict[str, dict[str, Any]],
    store: AnswerStore,
    settings: Service,
    key: str | None,
    ledger: Ledger,
    label: str,
) -> list[CallFailed]:
    """Ask with ``concurrency`` requests on the way at a time; return the failures."""
    waiting = iter(missing.items())
    failures: list[CallFailed] = []
    # The first request goes alone: it tells what the service counts for one.
    stop, began = asyncio.Event(), asyncio.Event()
    in_a_row = 0

    async with connect(settings, key) as client:
        asker = Asker(client, settings, ledger)

        async def work(first: bool) -> None:
            nonlocal in_a_row
            if not first:
                await began.wait()
            for name, request in waiting:
                if stop.is_set():
                    return
                try:
                    answer = await retry(partial(asker.ask, request), settings, name, stop)
                except CallFailed as failure:
                    failures.append(failure)
                    in_a_row += 1
                    if failure.permanent or in_a_row == GIVEN_UP_IN_A_ROW:
                        # The others are left for the next run; what is on its way is waited for: it is paid.
                        stop.set()
                else:
                    store.append(request, answer)
                    in_a_row = 0
                finally:
                    began.set()

        start = len(store)
        await _with_progress(
            [work(number == 0) for number in range(settings.concurrency)],
            *(lambda: len(store) - start, len(missing), label),
        )
    return failures


async def _with_progress(work: list[Awaitable[Any]], done: Callable[[], int], total: int, label: str) -> None:
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
