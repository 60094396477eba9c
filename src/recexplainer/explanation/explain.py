"""What the base LLM and the aligned ones say of the cases: the answer and its reasons (sections 3.1.2 and 3.5.2)."""

import logging
from collections.abc import Sequence
from typing import Any

from recexplainer.config.explanation import Explaining
from recexplainer.errors import InputError
from recexplainer.explanation.cases import load_cases
from recexplainer.explanation.questions import render, show
from recexplainer.explanation.texts import explanation, write_explanations
from recexplainer.files import read_parquet
from recexplainer.prompts.explanation import load_explanation_prompts
from recexplainer.prompts.phrasings import Phrasing
from recexplainer.recommender.contract import load_tables

logger = logging.getLogger(__name__)


def explain(
    *,
    llm: str,
    chat_template: str | None,
    adapter: str | None,
    form: str,
    cases: str,
    embeddings: str,
    items: str,
    prompts: str,
    settings: Explaining,
    output: str,
    viewpoints: Sequence[str] = (),
    only: Sequence[str] = (),
) -> None:
    """Let the base LLM or an aligned one explain cases, by greedy decoding, and write one row per case.

    Args:
        llm: the base LLM's manifest.
        chat_template: path of a Jinja chat template; None for the tokenizer's own.
        adapter: the folder of an alignment; None for the base LLM.
        form: how a case is shown: ``behavior`` (titles; the base LLM's), ``intention`` (embeddings) or ``hybrid``.
        cases: ``cases.parquet``.
        embeddings: the recommender's ``embeddings.safetensors``.
        items: ``items.parquet``.
        prompts: the file of prompts.
        settings: what the explanations are made with.
        output: the file to write; with a column ``viewpoint`` if there are viewpoints.
        viewpoints: names from the file of prompts; each case is then explained from each of them.
        only: names of cases; default: all.

    Raises:
        InputError: a file is missing or broken, or a case or a viewpoint is not there.
    """
    from recexplainer.alignment.model import load_system
    from recexplainer.inference.answering import answer
    from recexplainer.llm.base import load_tokenizer

    if adapter is None and form != "behavior":
        raise InputError(f"form {form!r}: the base LLM reads no embeddings; expected behavior, or an alignment.")
    asked = load_explanation_prompts(prompts)
    questions: list[tuple[str | None, Phrasing]]
    questions = [(name, asked.question_from(name)) for name in viewpoints] or [(None, asked.question)]
    chosen = _choose(load_cases(cases), only, cases)
    titles = list(read_parquet(items, ["title"])["title"])
    pairs = [(case, name) for case in chosen for name, _ in questions]
    messages = [
        message
        for case in chosen
        for message in render([case] * len(questions), [question for _, question in questions], titles, form)
    ]
    tables = load_tables(embeddings)
    tokenizer = load_tokenizer(llm, chat_template)
    model = load_system(llm, tokenizer, adapter, tables, context=settings.context, precision=settings.precision)
    answers = answer(
        model,
        tokenizer,
        messages,
        context=settings.context,
        max_tokens=settings.max_tokens,
        batch_size=settings.batch_size,
        batch_tokens=settings.batch_tokens,
    )
    rows = []
    for (case, name), message, (text, finish) in zip(pairs, messages, answers, strict=True):
        row = explanation(case, show(message), text, finish)
        rows.append(row if name is None else row | {"viewpoint": name})
    write_explanations(output, rows)
    logger.info("%d explanations in %s", len(rows), output)


def _choose(cases: list[dict[str, Any]], only: Sequence[str], path: str) -> list[dict[str, Any]]:
    """Return the named cases in the order of the names, or all."""
    by_name = {case["case"]: case for case in cases}
    for name in only:
        if name not in by_name:
            raise InputError(f"{path}: no case {name!r}; expected one from {cases[0]['case']} to {cases[-1]['case']}.")
    return [by_name[name] for name in only] if only else cases
