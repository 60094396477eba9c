"""A language model behind a service as the judge: GPT-4 in the paper (section 3.1.2, appendix A.2)."""

import logging
from collections import Counter
from typing import Any

from recexplainer.config.explanation import Judging
from recexplainer.config.service import Service
from recexplainer.errors import InputError
from recexplainer.explanation.cases import load_cases
from recexplainer.explanation.texts import load_explanations
from recexplainer.judgement.judgements import write_judgements
from recexplainer.judgement.ratings import read_rating
from recexplainer.prompts.explanation import LEVELS, ExplanationPrompts, fill, load_explanation_prompts
from recexplainer.seeds import make_rng
from recexplainer.service.client import answer_all
from recexplainer.service.store import AnswerStore
from recexplainer.tasks.schema import SEPARATOR

logger = logging.getLogger(__name__)

NO_TEXT = "(no answer)"
"""Stands where a system, or the judge itself, said nothing."""

SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "rating",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"rating": {"type": "string", "enum": [f"RATING-{level + 1}" for level in range(LEVELS)]}},
            "required": ["rating"],
            "additionalProperties": False,
        },
    },
}
"""The form of a reply, for services that hold to one (``json_schema`` of the service)."""

REMEDIES = {
    "cut off at the limit of tokens": "Raise {limit}: a model that thinks first takes hundreds of tokens",
    "the request is too long for the model": "Set services.{judge}.model to a model with a longer context, or lower "
    "explanation.max_tokens",
    "the service's filter refused the request": "Set services.{judge}.model to another model",
    "refused": "Set services.{judge}.model to another model, or reword explanation.prompts",
    "no text": "Raise {limit} if the model thinks first, or set services.{judge}.model to another model",
    "no level in the form that was asked for": "Set services.{judge}.json_schema to true if the service offers it, or "
    "services.{judge}.model to another model",
}
"""Why a judgement failed, and which key of the config to change if all did."""


def judge_by_service(
    *,
    cases: str,
    explanations: list[str],
    systems: list[str],
    prompts: str,
    judge: str,
    service: Service,
    settings: Judging,
    seed: int,
    store: str,
    output: str,
    ledger: str | None = None,
) -> None:
    """Let a service rate the explanations of all systems and write one row per system and case.

    Each text is rated alone and without its system's name. A reply without a readable rating is asked for once more;
    a judgement that is unreadable then is written as failed with the reason, not dropped.

    Args:
        cases: ``cases.parquet``.
        explanations: one file per system.
        systems: their names, in the same order.
        prompts: the file of prompts.
        judge: the judge's name.
        service: the service's part of the config.
        settings: the longest reply, and the most that the run may spend.
        seed: of the order in which the texts are sent.
        store: the file of the service's answers; what is in it is not asked again.
        output: the file to write.
        ledger: the file in which the run counts what it spends.

    Raises:
        InputError: a file is missing or broken, the replies would cost too much, some could not be had, or all
            judgements failed.
    """
    asked, chosen = load_explanation_prompts(prompts), load_cases(cases)
    texts = load_explanations(explanations, systems, chosen)
    order = sending_order(len(chosen), systems, seed)
    requests = [
        {
            "case": f"case {chosen[place]['case']} by {system}",
            "messages": first_turn(asked, chosen[place], texts[system][place]["text"]),
            "max_tokens": settings.judge_max_tokens,
        }
        | ({"extra": {"response_format": SCHEMA}} if service.json_schema else {})
        for place, system in order
    ]
    with AnswerStore(store) as answers:
        replies = answer_all(requests, answers, service, settings.max_usd, judge, ledger)
        unread = [number for number, reply in enumerate(replies) if rating_of(reply) is None]
        again = [
            requests[number] | {"messages": second_turn(asked, requests[number], replies[number]["text"])}
            for number in unread
        ]
        if unread:
            logger.info("%s: %d of %d replies hold no rating; asking once more", judge, len(unread), len(replies))
        label = f"{judge}, asked again"
        more = answer_all(again, answers, service, settings.max_usd, label, ledger) if unread else []
    second = dict(zip(unread, more, strict=True))
    rows = {}
    for number, (place, system) in enumerate(order):
        reply = second.get(number, replies[number])
        rating = rating_of(reply)
        rows[place, system] = {
            "case": chosen[place]["case"],
            "system": system,
            "judge": judge,
            "rating": rating,
            "reply": reply["text"],
            "attempts": 1 + (number in second),
            "reason": "" if rating else failure(reply),
            "failed": rating is None,
        }
    reasons = Counter(row["reason"] for row in rows.values() if row["failed"])
    if reasons:
        reason, count = min(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
        said = f"{judge}: {reasons.total()} of {len(rows)} judgements failed, {count} of them: {reason}"
        if reasons.total() == len(rows):
            limit = f"services.{judge}.token_limit" if service.token_limit else "explanation.judge_max_tokens"
            remedy = REMEDIES.get(reason, REMEDIES["refused"]).format(judge=judge, limit=limit)
            raise InputError(f"{said}. {remedy}. The replies are kept in {store}.")
        logger.warning("%s", said)
    write_judgements(output, [rows[place, system] for system in systems for place in range(len(chosen))])
    logger.info("%d judgements in %s", len(rows), output)


def rating_of(reply: dict[str, Any]) -> int | None:
    """Return the rating in an answer of :func:`recexplainer.service.client.answer_all`; a refusal has none."""
    return None if reply["finish"] == "refused" else read_rating(reply["text"], reply["finish"] == "length")


def failure(reply: dict[str, Any]) -> str:
    """Say why an answer holds no rating."""
    if reply["finish"] == "refused":
        return reply.get("reason") or "refused"
    if reply["finish"] == "length":
        return "cut off at the limit of tokens"
    return "no level in the form that was asked for" if reply["text"].strip() else "no text"


def sending_order(cases: int, systems: list[str], seed: int) -> list[tuple[int, str]]:
    """Return the pairs of a case's number and a system, the systems of each case in a random order."""
    rng = make_rng(seed, "judge")
    return [(place, systems[i]) for place in range(cases) for i in rng.permutation(len(systems))]


def first_turn(prompts: ExplanationPrompts, case: dict[str, Any], text: str) -> list[dict[str, Any]]:
    """Return the messages that ask for the rating of a text."""
    values = {
        "history": SEPARATOR.join(case["history"]),
        "item": case["title"],
        "label": "Yes" if case["label"] else "No",
        "explanation": text.strip() or NO_TEXT,
    }
    return [{"role": "user", "content": fill(prompts.judge, values)}]


def second_turn(prompts: ExplanationPrompts, request: dict[str, Any], reply: str) -> list[dict[str, Any]]:
    """Return the messages that ask once more, after a reply without a rating."""
    return [
        *request["messages"],
        {"role": "assistant", "content": reply.strip() or NO_TEXT},
        {"role": "user", "content": prompts.again},
    ]
