"""Task 5, ShareGPT training: general conversations, so that the LLM forgets less (section 2.2)."""

import logging
from pathlib import Path
from typing import Any

from recexplainer.config.conversations import Drawn
from recexplainer.data.parsed import read_conversations
from recexplainer.errors import InputError
from recexplainer.seeds import make_rng
from recexplainer.tasks.schema import text_segment, write_tasks

logger = logging.getLogger(__name__)

BATCH = 1000


def build_sharegpt(*, conversations: str, llm: str, settings: Drawn, seed: int, paths: dict[str, Any]) -> None:
    """Sample conversations for training and for test, none in both.

    Args:
        conversations: ``conversations.parquet``; its column ``messages`` holds lists of ``{"role", "text"}``.
        llm: the base LLM's manifest; its tokenizer counts the tokens of the first turn.
        settings: how many are asked for, and how long a first turn may be. If there are fewer, both parts shrink in
            proportion.
        seed: of the draw.
        paths: the files to write, ``train`` and ``test``.

    Raises:
        InputError: no conversation is short enough, or a file is missing.
    """
    chats = [messages for messages in read_conversations(conversations) if len(messages) >= 2]
    limit = settings.max_first_turn_tokens
    lengths = _token_counts(llm, [messages[0]["text"] for messages in chats])
    eligible = [index for index, length in enumerate(lengths) if length <= limit]
    if not eligible:
        raise InputError(
            f"{conversations}: none of {len(chats)} conversations has a first turn of at most {limit} tokens; "
            "raise sharegpt.max_first_turn_tokens or give another file."
        )
    counts = shares(len(eligible), settings.train, settings.test)
    if sum(counts.values()) < settings.train + settings.test:
        logger.warning(
            "%d conversations fit, %d asked for; taking %d to train on and %d to test",
            len(eligible),
            settings.train + settings.test,
            counts["train"],
            counts["test"],
        )
    drawn = make_rng(seed, "sharegpt").permutation(len(eligible))
    start = 0
    for split, path in paths.items():
        chosen = sorted(eligible[place] for place in drawn[start : start + counts[split]])
        start += counts[split]
        write_tasks(path, [_row(number, chats[index]) for number, index in enumerate(chosen)])
        logger.info("%d of %d conversations in %s", len(chosen), len(chats), path)


def shares(available: int, train: int, test: int) -> dict[str, int]:
    """Return how many conversations each part gets: what is asked for, or proportional shares of what there is."""
    if available >= train + test:
        return {"train": train, "test": test}
    tested = round(available * test / (train + test))
    return {"train": available - tested, "test": tested}


def _token_counts(llm: str, texts: list[str]) -> list[int]:
    """Count the tokens of each text with the tokenizer of the base LLM."""
    from recexplainer.llm.base import read_manifest
    from recexplainer.llm.tokenizer import read_tokenizer

    folder = read_manifest(llm)["folder"]
    if not Path(folder).is_dir():
        raise InputError(f"{llm}: folder {folder} is not there; run the stage that resolves the base LLM again.")
    tokenizer = read_tokenizer(folder)
    # Only the count matters here, so that a text over the model's limit is no cause for a warning.
    tokenizer.model_max_length = int(1e9)
    counts: list[int] = []
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        encoded = tokenizer(batch, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        counts += map(len, encoded)
        if start // BATCH % 10 == 9:
            logger.info("counted the tokens of %d of %d conversations", start + len(batch), len(texts))
    return counts


def _row(number: int, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a conversation as a row of the task files."""
    return {
        "sample": f"sharegpt-{number:06d}",
        "task": "sharegpt",
        "user": -1,
        "prefix": -1,
        "item": -1,
        "messages": [{"role": m["role"], "segments": [text_segment(m["text"])]} for m in messages],
        "target": [],
        "candidates": [],
    }
