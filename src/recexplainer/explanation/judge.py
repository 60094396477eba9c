"""A language model behind a service as the judge: GPT-4 in the paper (section 3.1.2, appendix A.2)."""

import logging

from recexplainer.explanation.cases import load_cases
from recexplainer.explanation.judgements import write_judgements
from recexplainer.explanation.prompts import ExplanationPrompts, fill, load_explanation_prompts
from recexplainer.explanation.ratings import read_rating
from recexplainer.explanation.texts import load_explanations
from recexplainer.seeds import generator
from recexplainer.service.client import answer_all
from recexplainer.service.store import AnswerStore
from recexplainer.tasks.schema import SEPARATOR

logger = logging.getLogger(__name__)

NO_TEXT = "(no answer)"
"""Stands where a system, or the judge itself, said nothing."""


def judge_by_service(
    cases: str,
    explanations: list[str],
    systems: list[str],
    prompts: str,
    judge: str,
    service: dict,
    settings: dict,
    seed: int,
    store: str,
    output: str,
) -> None:
    """Let a service rate the explanations of all systems and write one row per system and case.

    Each text is rated alone and without its system's name. A reply without a readable rating is asked for once more;
    a judgement that is unreadable then is written as failed, not dropped.

    Args:
        cases: ``cases.parquet``.
        explanations: one file per system.
        systems: their names, in the same order.
        prompts: the file of prompts.
        judge: the judge's name.
        service: the service's part of the config.
        settings: ``judge_max_tokens`` of a reply and ``max_usd``, the most that may be spent.
        seed: of the order in which the texts are sent.
        store: the file of the service's answers; what is in it is not asked again.
        output: the file to write.

    Raises:
        InputError: a file is missing or broken, the replies would cost too much, or some could not be had.
    """
    asked, chosen = load_explanation_prompts(prompts), load_cases(cases)
    texts = load_explanations(explanations, systems, chosen)
    order = sending_order(len(chosen), systems, seed)
    requests = [
        {
            "case": f"case {chosen[place]['case']} by {system}",
            "messages": first_turn(asked, chosen[place], texts[system][place]["text"]),
            "max_tokens": settings["judge_max_tokens"],
        }
        for place, system in order
    ]
    with AnswerStore(store) as answers:
        replies = [reply["text"] for reply in answer_all(requests, answers, service, settings["max_usd"], judge)]
        unread = [number for number, reply in enumerate(replies) if read_rating(reply) is None]
        again = [
            requests[number] | {"messages": second_turn(asked, requests[number], replies[number])} for number in unread
        ]
        if unread:
            logger.info("%s: %d of %d replies hold no rating; asking once more", judge, len(unread), len(replies))
        more = answer_all(again, answers, service, settings["max_usd"], f"{judge}, asked again") if unread else []
    second = {number: reply["text"] for number, reply in zip(unread, more, strict=True)}
    rows = {}
    for number, (place, system) in enumerate(order):
        reply = second.get(number, replies[number])
        rating = read_rating(reply)
        rows[place, system] = {
            "case": chosen[place]["case"],
            "system": system,
            "judge": judge,
            "rating": rating,
            "reply": reply,
            "attempts": 1 + (number in second),
            "reason": "",
            "failed": rating is None,
        }
    failed = sum(row["failed"] for row in rows.values())
    if failed:
        logger.warning("%s: %d of %d judgements failed: no rating in two replies", judge, failed, len(rows))
    write_judgements(output, [rows[place, system] for system in systems for place in range(len(chosen))])
    logger.info("%d judgements in %s", len(rows), output)


def sending_order(cases: int, systems: list[str], seed: int) -> list[tuple[int, str]]:
    """Return the pairs of a case's number and a system, the systems of each case in a random order."""
    rng = generator(seed, "judge")
    return [(place, systems[i]) for place in range(cases) for i in rng.permutation(len(systems))]


def first_turn(prompts: ExplanationPrompts, case: dict, text: str) -> list[dict]:
    """Return the messages that ask for the rating of a text."""
    values = {
        "history": SEPARATOR.join(case["history"]),
        "item": case["title"],
        "label": "Yes" if case["label"] else "No",
        "explanation": text.strip() or NO_TEXT,
    }
    return [{"role": "user", "content": fill(prompts.judge, values)}]


def second_turn(prompts: ExplanationPrompts, request: dict, reply: str) -> list[dict]:
    """Return the messages that ask once more, after a reply without a rating."""
    return [
        *request["messages"],
        {"role": "assistant", "content": reply.strip() or NO_TEXT},
        {"role": "user", "content": prompts.again},
    ]
