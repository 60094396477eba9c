"""What a language model behind a service says of the cases: ChatGPT in the paper (section 3.1.2)."""

import logging

from recexplainer.config.explanation import Asking
from recexplainer.config.service import Service
from recexplainer.errors import InputError
from recexplainer.explanation.cases import load_cases
from recexplainer.explanation.questions import render, show
from recexplainer.explanation.texts import explanation, write_explanations
from recexplainer.files import read_parquet
from recexplainer.prompts.explanation import load_explanation_prompts
from recexplainer.service.client import answer_all
from recexplainer.service.store import AnswerStore

logger = logging.getLogger(__name__)


def explain_by_service(
    *,
    cases: str,
    items: str,
    prompts: str,
    service: Service,
    settings: Asking,
    store: str,
    output: str,
    ledger: str | None = None,
) -> None:
    """Let a service explain all cases, asked in words, and write one row per case.

    Args:
        cases: ``cases.parquet``.
        items: ``items.parquet``.
        prompts: the file of prompts.
        service: the service's part of the config.
        settings: the longest answer, and the most that the run may spend.
        store: the file of the service's answers; what is in it is not asked again.
        output: the file to write.
        ledger: the file in which the run counts what it spends.

    Raises:
        InputError: a file is missing or broken, the answers would cost too much, some could not be had, or all are
            empty.
    """
    asked, chosen = load_explanation_prompts(prompts), load_cases(cases)
    titles = list(read_parquet(items, ["title"])["title"])
    questions = [show(message) for message in render(chosen, [asked.question] * len(chosen), titles, "behavior")]
    requests = [
        {
            "case": f"case {case['case']}",
            "messages": [{"role": "user", "content": question}],
            "max_tokens": settings.max_tokens,
        }
        for case, question in zip(chosen, questions, strict=True)
    ]
    with AnswerStore(store) as answers:
        replies = answer_all(requests, answers, service, settings.max_usd, "explanations", ledger)
    if not any(reply["text"].strip() for reply in replies):
        cut = sum(reply["finish"] == "length" for reply in replies)
        limit = "the service's token_limit" if service.token_limit else "explanation.max_tokens"
        raise InputError(
            f"explanations: all {len(replies)} answers are empty, {cut} of them cut off at the limit of tokens. Raise "
            f"{limit} if the model thinks first, or choose another model for the service. They are kept in {store}."
        )
    write_explanations(
        output,
        [
            explanation(case, question, reply["text"].strip(), reply["finish"])
            for case, question, reply in zip(chosen, questions, replies, strict=True)
        ],
    )
    logger.info("%d explanations in %s", len(chosen), output)
