"""The four evaluated tasks of one system, case by case (section 3.1.1)."""

import logging
import re
from pathlib import Path

from recexplainer.alignment.model import load_system
from recexplainer.evaluation.generation import Generator
from recexplainer.evaluation.predictions import SCHEMAS, case, write_predictions
from recexplainer.evaluation.shards import write_shard
from recexplainer.files import read_parquet, read_safetensors
from recexplainer.llm.base import load_tokenizer
from recexplainer.llm.catalogue import CatalogueConstraint
from recexplainer.llm.encoding import ChatEncoder, Encoded
from recexplainer.llm.plain_text import PlainText
from recexplainer.seeds import generator
from recexplainer.tasks.schema import load_tasks

logger = logging.getLogger(__name__)


def predict(
    llm: str,
    chat_template: str | None,
    adapter: str | None,
    test_tasks: str,
    embeddings: str,
    items: str,
    settings: dict,
    seed: int,
    folder: str,
    shard: int = 0,
    shards: int = 1,
) -> None:
    """Predict the test cases of one system and write one Parquet file per task.

    Of several shards, each writes its own cases, for :func:`recexplainer.evaluation.shards.merge_predictions`.

    Args:
        llm: the base LLM's manifest.
        chat_template: path of a Jinja chat template; None for the tokenizer's own.
        adapter: the folder of an alignment; None for the base LLM.
        test_tasks: the mode's ``test.parquet``.
        embeddings: the recommender's ``embeddings.safetensors``.
        items: ``items.parquet``, the catalogue.
        settings: the ``evaluation`` section of the config, with ``context`` and ``classification_decision``.
        seed: the seed of the choice of cases, the same for all systems of a dataset.
        folder: where the results go.
        shard: which share of the cases is predicted, from 0.
        shards: how many shares there are.

    Raises:
        InputError: a file or a setting does not fit.
    """
    tokenizer = load_tokenizer(llm, chat_template)
    tables = read_safetensors(embeddings)
    model = load_system(llm, tokenizer, adapter, tables, settings)
    encoder = ChatEncoder(tokenizer, settings["context"])
    runner = Generator(model, tokenizer, settings["batch_size"], shard, shards)
    titles = list(read_parquet(items, ["title"])["title"])

    columns = ["sample", "task", "user", "messages", "target", "candidates"]
    cases: dict[str, list[dict]] = {task: [] for task in SCHEMAS}
    for row in load_tasks(test_tasks, columns):
        cases[row["task"]].append(row)
    predictors = {
        "retrieval": lambda rows, prompts: _retrieval(runner, tokenizer, titles, rows, prompts, settings["beams"]),
        "ranking": lambda rows, prompts: _lists(runner, tokenizer, rows, prompts, "ranking"),
        "classification": lambda rows, prompts: _classification(
            runner, tokenizer, rows, prompts, settings["classification_decision"]
        ),
        "reconstruction": lambda rows, prompts: _lists(runner, tokenizer, rows, prompts, "reconstruction"),
    }
    for task, predictor in predictors.items():
        rows = _choose(cases[task], settings["max_cases"], seed)
        prompts = encoder.encode([row["messages"] for row in rows], prompt_only=True)
        if any(prompt is None for prompt in prompts):
            logger.warning("%s: a prompt is over the context even without its history; left out", task)
        kept = [(row, prompt) for row, prompt in zip(rows, prompts, strict=True) if prompt is not None]
        answers = predictor([row for row, _ in kept], [prompt for _, prompt in kept]) if kept else []
        path = Path(folder) / f"{task}.parquet"
        if shards == 1:
            write_predictions(path, task, answers)
        else:
            own = runner.own([prompt for _, prompt in kept], settings["beams"] if task == "retrieval" else 1)
            write_shard(path, task, [answers[number] for number in own], own, len(kept))
    logger.info("predictions in %s", folder)


def _choose(rows: list[dict], max_cases: int | None, seed: int) -> list[dict]:
    """Return the rows of at most ``max_cases`` users, drawn from the seed."""
    users = sorted({row["user"] for row in rows})
    if max_cases is None or len(users) <= max_cases:
        return rows
    chosen = {users[i] for i in generator(seed, "cases").permutation(len(users))[:max_cases]}
    return [row for row in rows if row["user"] in chosen]


def _token_ids(tokenizer, texts: list[str]) -> list[list[int]]:
    return PlainText(tokenizer)(texts)


def _retrieval(
    runner: Generator, tokenizer, titles: list[str], rows: list[dict], prompts: list[Encoded], beams: int
) -> list[dict]:
    """Five beams, five sequences; unconstrained, and constrained to the catalogue's titles."""
    tokens = _token_ids(tokenizer, titles)
    longest = max(map(len, tokens)) + 1
    catalogue = set(titles)
    free = runner.generate(prompts, longest, beams, label="retrieval")
    constraint = CatalogueConstraint(tokens, tokenizer.eos_token_id)
    bound = runner.generate(prompts, longest, beams, constraint, label="retrieval, constrained")
    return [
        case(row)
        | {"target": row["target"][0], "predictions": a, "constrained": [text for text in b if text in catalogue]}
        for row, a, b in zip(rows, free, bound, strict=True)
    ]


def _lists(runner: Generator, tokenizer, rows: list[dict], prompts: list[Encoded], task: str) -> list[dict]:
    """Greedy decoding of a list of titles (ranking, reconstruction)."""
    # The longest true answer bounds the length; a wrong one may be a little longer.
    longest = max(map(len, _token_ids(tokenizer, ["; ".join(row["target"]) for row in rows]))) + 8
    texts = [texts[0] if texts else "" for texts in runner.generate(prompts, longest, label=task)]
    answers = []
    for row, text in zip(rows, texts, strict=True):
        answer = case(row) | {"target": row["target"], "text": text}
        if task == "ranking":
            answer["candidates"] = row["candidates"]
        answers.append(answer | {"predicted": _titles(text)})
    return answers


def _titles(text: str) -> list[str]:
    """Return the titles of a list. They are kept free of "; " (data/titles.py), but not of ";"."""
    return [title.strip() for title in re.split(r";(?:\s+|$)", text) if title.strip()]


def _classification(
    runner: Generator, tokenizer, rows: list[dict], prompts: list[Encoded], decision: str
) -> list[dict]:
    """Decide by the next-token logits of Yes and No, or by a generated answer."""
    if decision == "logits":
        yes, no = (ids[0] for ids in _token_ids(tokenizer, ["Yes", "No"]))
        logits = runner.next_token_logits(prompts, [yes, no], label="classification")
        scores = logits[:, 0] - logits[:, 1]
        verdicts = [(bool(score > 0), "", float(score)) for score in scores]
    else:
        texts = [texts[0] if texts else "" for texts in runner.generate(prompts, 8, label="classification")]
        verdicts = [(_verdict(text), text, float("nan")) for text in texts]
    return [
        case(row) | {"target": row["target"][0] == "Yes", "predicted": verdict, "text": text, "score": score}
        for row, (verdict, text, score) in zip(rows, verdicts, strict=True)
    ]


def _verdict(text: str) -> bool | None:
    """Read a generated answer; None if it is neither yes nor no."""
    word = text.strip().lower()
    return True if word.startswith("yes") else False if word.startswith("no") else None
