"""Task generation, from labels to the tokens that the LLM is trained on, against a loop that asks the tokenizer twice
per sample.

Ours is the workflow's code: samples, the file of tasks, and the encoder that reads it. The peer writes each sample's
text from a template, calls the tokenizer for the question and for the answer, and saves a data frame.

Run as: python benchmarks/tasks.py [--size 100000] [--mode hybrid] [--rounds 3]
"""

import tempfile
from pathlib import Path

from harness import ROOT, alternate, parser, record, run_benchmark, timed

GOAL = 5
ITEMS, CONTEXT, MAX_LENGTH = 1000, 1024, 9
TEMPLATE = ROOT / "config" / "chat_templates" / "plain.jinja"
PROMPTS = ROOT / "config" / "prompts" / "default.yaml"


def make_source(size: int, items: int = ITEMS, seed: int = 1):
    """Return a dataset with labels from which training tasks of about ``size`` samples are made."""
    import numpy as np
    import pandas as pd

    from recexplainer.tasks.source import Source

    random = np.random.default_rng(seed)
    words = sorted({"".join(random.choice(list("bdklmnrst"), 2) + random.choice(list("aeiou"), 2)) for _ in range(900)})
    titles = [f"{' '.join(random.choice(words, random.integers(2, 7))).title()} {item}" for item in range(items)]
    texts = [" ".join(random.choice(words, 12)) for _ in range(items)]
    fields = {"description": texts, "tags": texts, "brand": [text[:9] for text in texts], "feature": texts}
    rows, sequences = [], []
    # A user with n items has n - 2 samples to retrieve, n - 2 to rank, 2 to classify and n - 1 to reconstruct.
    while 3 * len(rows) - 6 * len(sequences) + 6 * items < size:
        sequence = random.choice(items, random.integers(6, 12), replace=False).tolist()
        for length in range(1, len(sequence) + 1):
            drawn = random.choice(items, 8, replace=False).tolist()
            labels = {"top1": drawn[0], "ranking": drawn[1:6], "positive": drawn[6], "negative": drawn[7]}
            left = len(sequence) - length
            split = "train" if left >= 2 else "test" if left == 1 else "full"
            rows.append({"prefix": len(rows), "user": len(sequences), "length": length, "split": split} | labels)
        sequences.append(sequence)
    similar = [[(item + 1) % items] for item in range(items)]
    return Source(titles, fields, similar, sequences, pd.DataFrame(rows), MAX_LENGTH, seed)


def make_tokenizer(source):
    """Return a tokenizer of 4,000 tokens, trained on the titles and questions."""
    from recexplainer.llm.scratch import train_tokenizer
    from recexplainer.prompts.phrasings import load_prompts

    phrasings = [text for task in load_prompts(PROMPTS).phrasings.values() for one in task for text in one[::2]]
    texts = [*source.titles, *source.fields["description"], *phrasings, "USER: ASSISTANT: Yes; No;"]
    return train_tokenizer(texts, 4000, str(TEMPLATE))


def make_file(source, mode: str, path: Path) -> None:
    """Ours, first part: the file of tasks."""
    from recexplainer.prompts.phrasings import load_prompts
    from recexplainer.tasks.build import task_rows
    from recexplainer.tasks.schema import write_tasks

    write_tasks(
        path,
        task_rows(source, load_prompts(PROMPTS), split="train", mode=mode, hybrid_forms="combined", test_share=0.3),
    )


def make_tokens(tokenizer, path: Path) -> tuple[int, int]:
    """Ours, second part: the tokens of the file, as an alignment makes them; return the samples and tokens."""
    from recexplainer.alignment.run import encode_tasks
    from recexplainer.llm.encoding import ChatEncoder

    samples, _ = encode_tasks(ChatEncoder(tokenizer, CONTEXT), [str(path)], ())
    return len(samples), sum(map(len, samples))


def one_by_one(source, tokenizer, mode: str, path: Path) -> tuple[int, int]:
    """The peer: sample by sample, text by text."""
    import random

    import pandas as pd

    from recexplainer.prompts.phrasings import load_prompts

    prompts, draw, rows = load_prompts(PROMPTS), random.Random(1), []

    def history(user, length, form=mode):
        titles = "; ".join(source.titles[item] for item in source.sequences[user][max(0, length - MAX_LENGTH) : length])
        return {"behavior": titles, "intention": "<user>", "hybrid": f"<user> {titles}"}[form]

    def shown(item):
        return {"behavior": source.titles[item], "intention": "<item>", "hybrid": f"<item> {source.titles[item]}"}[mode]

    def add(task, slots, answer):
        pieces = draw.choice(prompts.phrasings[task])
        question = "".join(slots[piece] if place % 2 else piece for place, piece in enumerate(pieces))
        text = f"USER: {question} ASSISTANT: "
        ids = tokenizer(text)["input_ids"]
        labels = tokenizer(answer, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
        rows.append({"task": task, "text": text, "answer": answer, "ids": [*ids, *labels], "start": len(ids)})

    for row in source.labels.itertuples():
        if row.split == "train":
            place = history(row.user, row.length)
            ranking = draw.sample(row.ranking, len(row.ranking))
            add("retrieval", {"history": place}, source.titles[row.top1])
            answer = "; ".join(source.titles[item] for item in row.ranking)
            add("ranking", {"history": place, "items": "; ".join(map(shown, ranking))}, answer)
            if len(source.sequences[row.user]) - row.length == 2:
                add("classification", {"history": place, "item": shown(row.positive)}, "Yes")
                add("classification", {"history": place, "item": shown(row.negative)}, "No")
        if row.split != "full" and mode != "behavior":
            answer = history(row.user, row.length, "behavior")
            add("reconstruction", {"history": "<user>"}, answer)
    for item, title in enumerate(source.titles):
        for name in prompts.fields:
            if name == "title" and mode == "behavior":
                continue
            answer = (
                source.titles[source.similar[item][0]]
                if name == "similar"
                else source.fields.get(name, {item: title})[item]
            )
            add(
                "discrimination",
                {"item": "<item>" if name == "title" else shown(item), "field": prompts.fields[name]},
                answer,
            )
    pd.DataFrame(rows).to_parquet(path)
    return len(rows), sum(len(row["ids"]) for row in rows)


def main(args) -> None:
    import copy

    source = make_source(args.size)
    tokenizer = make_tokenizer(source)
    with_placeholders = copy.deepcopy(tokenizer)
    with_placeholders.add_special_tokens({"additional_special_tokens": ["<user>", "<item>"]})
    with tempfile.TemporaryDirectory() as folder:
        mine, other = Path(folder) / "ours.parquet", Path(folder) / "peer.parquet"
        files = []

        def ours() -> tuple[int, int]:
            files.append(timed(lambda: make_file(source, args.mode, mine)))
            return make_tokens(tokenizer, mine)

        def peer() -> tuple[int, int]:
            return one_by_one(source, with_placeholders, args.mode, other)

        samples, tokens = check_same(ours(), peer())
        files.clear()
        turns = alternate(ours, peer, args.rounds, warm_up=False)
        needed = floor(tokenizer, other)
        for part, costs in {"the file": files, "the file and the tokens": turns.ours}.items():
            cpu = [cost.cpu for cost in costs]
            record(
                f"task generation, {args.mode}, {samples:,} samples, {tokens:,} tokens: {part}",
                "loop with tokenizer calls per sample",
                [cost.wall for cost in costs],
                [cost.wall for cost in turns.peer],
                GOAL,
                cpu=(cpu, [cost.cpu for cost in turns.peer]),
                floor=f"the tokenizer alone, all texts in one batch, {needed:.1f} s of CPU; ours, "
                f"which asks it once per different word, {min(cpu):.1f} s",
                results=args.results,
            )


def check_same(ours: tuple[int, int], peer: tuple[int, int]) -> tuple[int, int]:
    """Compare the sizes of the work, samples and tokens, and return ours.

    Raises:
        AssertionError: the samples differ in number, or their tokens by more than 5 %.
    """
    assert ours[0] == peer[0], (ours, peer)
    assert abs(ours[1] / peer[1] - 1) < 0.05, (ours, peer)
    return ours


def floor(tokenizer, path: Path) -> float:
    """Return the CPU seconds of the tokenizer alone, on all texts of the peer in one batch."""
    import pandas as pd

    frame = pd.read_parquet(path, columns=["text", "answer"])
    texts = [*frame["text"], *frame["answer"]]
    return min(timed(lambda: tokenizer.backend_tokenizer.encode_batch(texts) and None).cpu for _ in range(2))


if __name__ == "__main__":
    arguments = parser(__doc__)
    arguments.add_argument("--size", type=int, default=100_000, help="samples (default 100,000)")
    arguments.add_argument("--mode", choices=["behavior", "intention", "hybrid"], default="hybrid")
    run_benchmark(main, arguments)
