"""What each LLM itself classifies the explained cases as, Yes or No by its logits.

An explanation that says Yes where its own author would classify No explains a decision that the author does not make.
The evaluation's predictions need not cover the explained cases, so the cases are asked again, as classification asks.
"""

import logging
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from recexplainer.config.inference import Answering
from recexplainer.explanation.cases import load_cases
from recexplainer.explanation.questions import render
from recexplainer.faithfulness.records import OWN_DECISIONS
from recexplainer.files import read_parquet, write_parquet
from recexplainer.inference.verdicts import ask_verdicts
from recexplainer.prompts.phrasings import load_prompts
from recexplainer.seeds import make_rng

logger = logging.getLogger(__name__)


def classify_cases(
    *,
    llm: str,
    chat_template: str | None,
    systems: Sequence[Sequence[Any]],
    cases: str,
    embeddings: str,
    items: str,
    prompts: str,
    settings: Answering,
    seed: int,
    output: str,
) -> None:
    """Ask each LLM for its decision on the cases and write ``own_decisions.parquet``.

    Args:
        llm: the base LLM's manifest.
        chat_template: path of a Jinja chat template; None for the tokenizer's own.
        systems: of each its name, the form in which it is asked, and the folder of its alignment (None: the base LLM).
        cases: ``cases.parquet``.
        embeddings: the recommender's ``embeddings.safetensors``.
        items: ``items.parquet``.
        prompts: the file of the tasks' phrasings.
        settings: with what the LLMs answer.
        seed: of the phrasings, the same for all systems.
        output: the file to write.

    Raises:
        InputError: a file is missing or broken.
    """
    chosen = load_cases(cases)
    phrasings = load_prompts(prompts).phrasings["classification"]
    drawn = make_rng(seed, "phrasings").integers(len(phrasings), size=len(chosen))
    titles = list(read_parquet(items, ["title"])["title"])
    answered = ask_verdicts(
        llm=llm,
        chat_template=chat_template,
        systems=systems,
        embeddings=embeddings,
        messages=lambda form: render(chosen, [phrasings[number] for number in drawn], titles, form),
        settings=settings,
    )
    rows = [
        {"case": case["case"], "system": system, "decision": None if score is None else score > 0, "score": score}
        for system, scores in answered
        for case, score in zip(chosen, scores, strict=True)
    ]
    write_parquet(output, pa.Table.from_pylist(rows, schema=OWN_DECISIONS))
    logger.info("decisions of %d systems on %d cases in %s", len(systems), len(chosen), output)
