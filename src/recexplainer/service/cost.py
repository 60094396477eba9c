"""What the answers of a service cost: at most, before they are asked for, and in fact, afterwards.

Before: a rule of thumb that needs no network and no tokenizer. A token is taken for four bytes of UTF-8 text (four
characters of English), a message for four tokens more, and every answer for as long as it may get.
After: the tokens that the service itself counted. What was paid in vain, for replies that could not be used, is in the
ledger of the run: :mod:`recexplainer.service.ledger`.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recexplainer.errors import InputError
from recexplainer.files import write_csv
from recexplainer.service.store import read_entries

if TYPE_CHECKING:  # Snakemake plans with this module, and starts faster without the library of the models
    from recexplainer.config.service import Price

logger = logging.getLogger(__name__)

BYTES_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4
ROUNDING = 1e-6  # USD
COLUMNS = ["stage", "service", "model", "requests", "prompt_tokens", "completion_tokens", "usd"]


@dataclass(frozen=True)
class Spending:
    """Tokens and money.

    Attributes:
        requests: number of requests.
        prompt_tokens, completion_tokens: tokens sent and received.
        usd: US dollars.
    """

    requests: int
    prompt_tokens: int
    completion_tokens: int
    usd: float


def estimate(requests: Iterable[dict[str, Any]], price: "Price") -> Spending:
    """Return what the requests may cost, if every answer gets as long as it may.

    Args:
        requests: with ``messages`` and ``max_tokens``.
        price: USD per million tokens; of the Batch API where that is used.
    """
    requests = list(requests)
    prompts = sum(_prompt_tokens(request) for request in requests)
    return _spending(len(requests), prompts, sum(request["max_tokens"] for request in requests), price)


def check_budget(
    requests: list[dict[str, Any]], price: "Price", max_usd: float | None, label: str, already: float = 0.0
) -> None:
    """Log what the requests may cost.

    Args:
        requests: those that will be sent.
        price: as for :func:`estimate`.
        max_usd: the most that may be spent; None for no limit.
        label: names the stage in messages.
        already: USD of it that are spent.

    Raises:
        InputError: it may be more than what is left of ``max_usd``. Nothing was sent.
    """
    cost = estimate(requests, price)
    logger.info(
        "%s: %d requests, about %d tokens to send and at most %d to receive: up to %.2f USD",
        *(label, cost.requests, cost.prompt_tokens, cost.completion_tokens, cost.usd),
    )
    if max_usd is not None and cost.usd > 0 and cost.usd + already > max_usd + ROUNDING:
        before = f" beside the {already:.2f} that this run has spent" if already else ""
        raise InputError(
            f"{label}: {cost.requests} requests may cost {cost.usd:.2f} USD{before}, more than max_usd, {max_usd:.2f}. "
            "Nothing was sent. Raise explanation.max_usd in the config, or ask for fewer cases."
        )


def spent(entries: Iterable[dict[str, Any]], price: "Price") -> Spending:
    """Return what stored answers cost, by the service's own counts; by the rule of thumb where it did not count.

    Args:
        entries: the values of a store's ``entries``.
        price: as for :func:`estimate`.
    """
    entries = list(entries)
    counts = [_counted(entry) for entry in entries]
    return _spending(len(entries), sum(count[0] for count in counts), sum(count[1] for count in counts), price)


def write_spending(
    *,
    stores: Sequence[str],
    stages: Sequence[str],
    services: Sequence[str],
    prices: Mapping[str, "Price"],
    output: str | Path,
) -> None:
    """Write what was spent, one row per store and model: ``spending.csv``.

    Args:
        stores: files of stored answers.
        stages: of each store, what it was for.
        services: of each store, the service that answered.
        prices: of the services of the config, by name.
        output: CSV with the columns stage, service, model, requests, prompt_tokens, completion_tokens and usd.

    Raises:
        InputError: the lists differ in length, a service is unknown, or a store cannot be read.
    """
    import pandas as pd

    if not len(stores) == len(stages) == len(services):
        raise InputError(
            f"--stores, --stages and --services: expected one of each per store, "
            f"got {len(stores)}, {len(stages)} and {len(services)}."
        )
    rows = []
    for path, stage, service in zip(stores, stages, services, strict=True):
        if service not in prices:
            raise InputError(f"services: {service!r} is not in the config; known are {', '.join(prices) or 'none'}.")
        by_model: dict[str, list[dict[str, Any]]] = {}
        for entry in read_entries(path).values():
            by_model.setdefault(entry["request"]["model"], []).append(entry)
        for model in sorted(by_model):
            total = spent(by_model[model], prices[service])
            rows.append(
                [stage, service, model, total.requests, total.prompt_tokens, total.completion_tokens, total.usd]
            )
    write_csv(output, pd.DataFrame(rows, columns=COLUMNS))


def _spending(requests: int, prompt_tokens: int, completion_tokens: int, price: "Price") -> Spending:
    usd = (prompt_tokens * price.input + completion_tokens * price.output) / 1e6
    return Spending(requests, prompt_tokens, completion_tokens, round(usd, 9))


def _tokens(text: str) -> int:
    return ceil(len(text.encode()) / BYTES_PER_TOKEN)


def _prompt_tokens(request: dict[str, Any]) -> int:
    return sum(_tokens(message["content"]) + TOKENS_PER_MESSAGE for message in request["messages"])


def _counted(entry: dict[str, Any]) -> tuple[int, int]:
    """Return the tokens sent and received of one answer."""
    usage = entry["answer"]["usage"]
    if usage is None:
        return _prompt_tokens(entry["request"]), _tokens(entry["answer"]["text"])
    return usage["prompt_tokens"], usage["completion_tokens"]
