"""Pointwise ranking: what an LLM knows of an order, whether or not it lists it. The paper has no such measure.

The ranking task asks for a list of titles (section 2.2.2), which tests at once whether the order is known and whether
the titles can be said. Here each candidate of a ranking is asked about alone, in the words of the classification, and
the candidates are sorted by the logit of Yes less that of No. No title has to be said.
"""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from recexplainer.config.evaluation import Pointwise
from recexplainer.errors import InputError
from recexplainer.evaluation.predictions import POINTWISE, SCHEMAS
from recexplainer.files import read_parquet, write_parquet
from recexplainer.inference.verdicts import Messages, ask_verdicts
from recexplainer.prompts.phrasings import Phrasing, load_prompts
from recexplainer.seeds import make_rng
from recexplainer.tasks.samples import History, Renderer, Sample
from recexplainer.tasks.source import Source, load_source

logger = logging.getLogger(__name__)


def rank_pointwise(
    *,
    llm: str,
    chat_template: str | None,
    systems: Sequence[Sequence[Any]],
    ranking: str,
    files: dict[str, str],
    prompts: str,
    settings: Pointwise,
    seed: int,
    output: str,
) -> None:
    """Ask each LLM about every candidate of some ranking cases and write ``pointwise.parquet``.

    Args:
        llm: the base LLM's manifest.
        chat_template: path of a Jinja chat template; None for the tokenizer's own.
        systems: of each its name, the form in which it is asked, and the folder of its alignment (None: the base LLM).
        ranking: some system's ``ranking.parquet``: its cases are those of all systems.
        files: ``interactions``, ``items``, ``embeddings``, ``labels`` and ``similar``, as the tasks read them.
        prompts: the file of the tasks' phrasings.
        settings: with what the LLMs answer, how many items of a history the recommender sees, and how many cases there
            are at most, drawn from the seed.
        seed: of the cases and phrasings, the same for all systems.
        output: the file to write. A case of which a question is over the context is left out.

    Raises:
        InputError: a file is missing or broken, or they do not belong together.
    """
    source = load_source(**files, max_length=settings.max_length, description_words=1, seed=seed)
    cases = _draw(read_parquet(ranking, SCHEMAS["ranking"]).to_dict("records"), settings.pointwise_cases, seed)
    phrasings = load_prompts(prompts).phrasings["classification"]
    drawn = make_rng(seed, "phrasings").integers(len(phrasings), size=len(cases))
    samples = questions(source, cases, [phrasings[number] for number in drawn], ranking)
    renderer = Renderer(source.titles)

    def messages(form: str) -> Messages:
        return [renderer.messages(sample, form) for sample in samples]

    rows: list[dict[str, Any]] = []
    for system, scores in ask_verdicts(
        llm=llm,
        chat_template=chat_template,
        systems=systems,
        embeddings=files["embeddings"],
        messages=messages,
        settings=settings,
    ):
        left, answered = iter(scores), []
        for case in cases:
            own = [next(left) for _ in case["candidates"]]
            if None not in own:
                answered.append(_row(system, case, own))
        if len(answered) < len(cases):
            logger.warning("%s: %d cases over the context; left out", system, len(cases) - len(answered))
        rows += answered
    write_parquet(output, pa.Table.from_pylist(rows, schema=POINTWISE))
    logger.info("pointwise rankings of %d systems on %d cases in %s", len(systems), len(cases), output)


def questions(
    source: Source, cases: Sequence[dict[str, Any]], phrasings: Sequence[Phrasing], path: str
) -> list[Sample]:
    """Return a question for every candidate of every case, in their order, all of a case in the same phrasing.

    Args:
        source: the dataset.
        cases: rows of a ``ranking.parquet``.
        phrasings: of the classification, one per case.
        path: where the cases are from, for the messages.

    Raises:
        InputError: a user or a candidate is not of the dataset.
    """
    index = {title: item for item, title in enumerate(source.titles)}
    tests = {row.user: row for row in source.prefixes("test").itertuples()}
    samples = []
    for case, phrasing in zip(cases, phrasings, strict=True):
        test = tests.get(case["user"])
        unknown = [title for title in case["candidates"] if title not in index]
        if test is None or unknown:
            what = f"candidate {unknown[0]!r}" if unknown else f"user {case['user']}"
            raise InputError(
                f"{path}: {case['sample']}: {what} is not of this dataset; expected predictions and data of the same "
                "run. Predict again."
            )
        history = History(test.prefix, source.history(test.user, test.length))
        samples += [
            Sample(
                name=case["sample"],
                task="classification",
                phrasing=phrasing,
                slots={"history": history, "item": [index[title]]},
                answer="",
            )
            for title in case["candidates"]
        ]
    return samples


def _draw(cases: list[dict[str, Any]], most: int, seed: int) -> list[dict[str, Any]]:
    """Return at most so many cases, in their order."""
    if len(cases) <= most:
        return cases
    return [cases[place] for place in np.sort(make_rng(seed, "cases").permutation(len(cases))[:most])]


def _row(system: str, case: dict[str, Any], scores: Sequence[float | None]) -> dict[str, Any]:
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    return {
        "sample": case["sample"],
        "user": case["user"],
        "system": system,
        "target": list(case["target"]),
        "candidates": list(case["candidates"]),
        "scores": scores,
        "predicted": [case["candidates"][place] for place in order],
    }
