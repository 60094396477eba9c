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
from recexplainer.prompts.phrasings import load_prompts
from recexplainer.recommender.contract import load_tables
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
    from recexplainer.alignment.model import load_system
    from recexplainer.inference.generation import TextGenerator
    from recexplainer.llm.base import load_tokenizer
    from recexplainer.llm.encoding import ChatEncoder

    chosen = load_cases(cases)
    phrasings = load_prompts(prompts).phrasings["classification"]
    drawn = make_rng(seed, "phrasings").integers(len(phrasings), size=len(chosen))
    titles = list(read_parquet(items, ["title"])["title"])
    tables = load_tables(embeddings)
    tokenizer = load_tokenizer(llm, chat_template)
    encoder = ChatEncoder(tokenizer, settings.context)
    tokens = [ids[0] for ids in encoder.answers(["Yes", "No"])]
    rows = []
    for system, form, adapter in systems:
        messages = render(chosen, [phrasings[number] for number in drawn], titles, form)
        prompted = encoder.encode(messages, prompt_only=True)
        model = load_system(llm, tokenizer, adapter, tables, context=settings.context, precision=settings.precision)
        generator = TextGenerator(model, tokenizer, settings.batch_size, batch_tokens=settings.batch_tokens)
        kept = [prompt for prompt in prompted if prompt is not None]
        logits = iter(generator.next_token_logits(kept, tokens, label=system) if kept else [])
        for case, prompt in zip(chosen, prompted, strict=True):
            score = None
            if prompt is not None:
                yes, no = next(logits)
                score = float(yes - no)
            decision = None if score is None else score > 0
            rows.append({"case": case["case"], "system": system, "decision": decision, "score": score})
        # Before the next model is loaded.
        del model, generator
    write_parquet(output, pa.Table.from_pylist(rows, schema=OWN_DECISIONS))
    logger.info("decisions of %d systems on %d cases in %s", len(systems), len(chosen), output)
