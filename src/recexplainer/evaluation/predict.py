"""The four evaluated tasks of one system, case by case (section 3.1.1)."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recexplainer.alignment.model import load_system
from recexplainer.config.evaluation import Predicted
from recexplainer.decision import read_decision
from recexplainer.evaluation.predictions import SCHEMAS, case, write_predictions
from recexplainer.evaluation.reading import AnswerReader
from recexplainer.evaluation.shards import write_shard
from recexplainer.files import read_parquet
from recexplainer.inference.catalogue import CatalogueConstraint
from recexplainer.inference.generation import TextGenerator
from recexplainer.llm.base import load_tokenizer
from recexplainer.llm.encoding import ChatEncoder, Encoded
from recexplainer.recommender.contract import load_tables
from recexplainer.seeds import make_rng
from recexplainer.tasks.schema import SEPARATOR, load_tasks

logger = logging.getLogger(__name__)

VERDICT_TOKENS = 32
"""The longest generated Yes or No; room for a sentence that says it."""

FRAME_TOKENS, ITEM_TOKENS = 32, 4
"""Further tokens of an answer whose titles are looked for: before its list, and around each of its titles."""


def predict(
    *,
    llm: str,
    chat_template: str | None,
    adapter: str | None,
    test: str,
    embeddings: str,
    items: str,
    settings: Predicted,
    seed: int,
    output_dir: str,
    shard: int = 0,
    shards: int = 1,
) -> None:
    """Predict the test cases of one system and write one Parquet file per task.

    Of several shards, each writes its own cases, for :func:`recexplainer.evaluation.shards.merge_predictions`.

    Args:
        llm: the base LLM's manifest.
        chat_template: path of a Jinja chat template; None for the tokenizer's own.
        adapter: the folder of an alignment; None for the base LLM.
        test: the mode's ``test.parquet``.
        embeddings: the recommender's ``embeddings.safetensors``.
        items: ``items.parquet``, the catalogue.
        settings: what the predictions are made with.
        seed: the seed of the choice of cases, the same for all systems of a dataset.
        output_dir: where the results go.
        shard: which share of the cases is predicted, from 0.
        shards: how many shares there are.

    Raises:
        InputError: a file or a setting does not fit.
    """
    tokenizer = load_tokenizer(llm, chat_template)
    tables = load_tables(embeddings)
    model = load_system(llm, tokenizer, adapter, tables, context=settings.context, precision=settings.precision)
    encoder = ChatEncoder(tokenizer, settings.context)
    generator = TextGenerator(model, tokenizer, settings.batch_size, shard, shards, settings.batch_tokens)
    titles = list(read_parquet(items, ["title"])["title"])
    reader = AnswerReader(titles, settings.title_reading)
    beams = retrieval_beams(settings.retrieval_decoding, settings.beams)

    columns = ["sample", "task", "user", "messages", "target", "candidates"]
    cases: dict[str, list[dict[str, Any]]] = {task: [] for task in SCHEMAS}
    for row in load_tasks(test, columns):
        cases[row["task"]].append(row)
    predictors: dict[str, Callable[[list[dict[str, Any]], list[Encoded]], list[dict[str, Any]]]] = {
        "retrieval": lambda rows, prompts: _retrieval(generator, encoder, titles, reader, rows, prompts, beams),
        "ranking": lambda rows, prompts: _lists(generator, encoder, reader, rows, prompts, "ranking"),
        "classification": lambda rows, prompts: _classification(
            generator, encoder, rows, prompts, settings.classification_decision
        ),
        "reconstruction": lambda rows, prompts: _lists(generator, encoder, reader, rows, prompts, "reconstruction"),
    }
    for task, predictor in predictors.items():
        rows = _choose(cases[task], settings.max_cases, seed)
        prompts = encoder.encode([row["messages"] for row in rows], prompt_only=True)
        if any(prompt is None for prompt in prompts):
            logger.warning("%s: a prompt is over the context even without its history; left out", task)
        kept = [(row, prompt) for row, prompt in zip(rows, prompts, strict=True) if prompt is not None]
        answers = predictor([row for row, _ in kept], [prompt for _, prompt in kept]) if kept else []
        path = Path(output_dir) / f"{task}.parquet"
        if shards == 1:
            write_predictions(path, task, answers)
        else:
            own = generator.own if kept else []
            write_shard(path, task, [answers[number] for number in own], own, len(kept))
    logger.info("predictions in %s", output_dir)


def _choose(rows: list[dict[str, Any]], max_cases: int | None, seed: int) -> list[dict[str, Any]]:
    """Return the rows of at most ``max_cases`` users, drawn from the seed."""
    users = sorted({row["user"] for row in rows})
    if max_cases is None or len(users) <= max_cases:
        return rows
    chosen = {users[i] for i in make_rng(seed, "cases").permutation(len(users))[:max_cases]}
    return [row for row in rows if row["user"] in chosen]


def retrieval_beams(decoding: str, beams: int) -> int:
    """Return how many answers there are to a retrieval: the beams, or the one of ``greedy`` decoding."""
    return beams if decoding == "beams" else 1


def _retrieval(
    generator: TextGenerator,
    encoder: ChatEncoder,
    titles: list[str],
    reader: AnswerReader,
    rows: list[dict[str, Any]],
    prompts: list[Encoded],
    beams: int,
) -> list[dict[str, Any]]:
    """As many sequences as beams; unconstrained, and constrained to the catalogue's titles."""
    tokens = encoder.answers(titles)
    longest = max(map(len, tokens)) + 1
    catalogue = set(titles)
    free = generator.generate(prompts, longest, beams, label="retrieval")
    constraint = CatalogueConstraint(tokens, encoder.tokenizer.eos_token_id)
    bound = generator.generate(prompts, longest, beams, constraint, label="retrieval, constrained")
    answers = []
    for row, texts, held in zip(rows, free, bound, strict=True):
        predictions = [reader.title(text) for text in texts]
        answer = {"target": row["target"][0], "predictions": predictions, "read": reader.known(predictions)}
        answers.append(case(row) | answer | {"constrained": [text for text in held if text in catalogue]})
    return answers


def _lists(
    generator: TextGenerator,
    encoder: ChatEncoder,
    reader: AnswerReader,
    rows: list[dict[str, Any]],
    prompts: list[Encoded],
    task: str,
) -> list[dict[str, Any]]:
    """Greedy decoding of a list of titles (ranking, reconstruction)."""
    # The longest true answer bounds the length; a wrong one may be a little longer, one with numbers or a preface more.
    longest = max(map(len, encoder.answers([SEPARATOR.join(row["target"]) for row in rows]))) + 8
    if not reader.strict:
        longest += FRAME_TOKENS + ITEM_TOKENS * max(len(row["target"]) for row in rows)
    texts = [texts[0] if texts else "" for texts in generator.generate(prompts, longest, label=task)]
    answers = []
    for row, text in zip(rows, texts, strict=True):
        answer = case(row) | {"target": row["target"], "text": text}
        if task == "ranking":
            answer |= {"candidates": row["candidates"], "predicted": reader.titles(text, row["candidates"])}
        else:
            predicted = reader.titles(text)
            answer |= {"predicted": predicted, "read": reader.known(predicted)}
        answers.append(answer)
    return answers


def _classification(
    generator: TextGenerator, encoder: ChatEncoder, rows: list[dict[str, Any]], prompts: list[Encoded], decision: str
) -> list[dict[str, Any]]:
    """Decide by the next-token logits of Yes and No, or by a generated answer."""
    if decision == "logits":
        yes, no = (ids[0] for ids in encoder.answers(["Yes", "No"]))
        logits = generator.next_token_logits(prompts, [yes, no], label="classification")
        scores = logits[:, 0] - logits[:, 1]
        verdicts: list[tuple[bool | None, str, float]] = [(bool(score > 0), "", float(score)) for score in scores]
    else:
        generated = generator.generate(prompts, VERDICT_TOKENS, label="classification")
        texts = [texts[0] if texts else "" for texts in generated]
        verdicts = [(read_decision(text), text, float("nan")) for text in texts]
    return [
        case(row) | {"target": row["target"][0] == "Yes", "predicted": verdict, "text": text, "score": score}
        for row, (verdict, text, score) in zip(rows, verdicts, strict=True)
    ]
