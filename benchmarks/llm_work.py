"""The work of the LLM's benchmarks: a made-up catalogue, the pipeline's own tasks over it, Llamas of any size.

Titles, histories and conversations are about as long as in the paper's games data; labels are drawn at random, as no
benchmark here measures quality.
"""

import functools
from dataclasses import dataclass

import numpy as np
import torch
from harness import ROOT

from recexplainer.alignment.model import RecExplainer
from recexplainer.llm.encoding import ChatEncoder, Encoded
from recexplainer.llm.packing import collate, plan_steps
from recexplainer.llm.scratch import train_tokenizer
from recexplainer.prompts.phrasings import load_prompts
from recexplainer.seeds import make_rng
from recexplainer.tasks.build import task_rows
from recexplainer.tasks.samples import History, Renderer, Sample
from recexplainer.tasks.schema import text_segment
from recexplainer.tasks.source import Source

SEED = 7
TEMPLATE = ROOT / "config" / "chat_templates" / "vicuna.jinja"
PROMPTS = ROOT / "config" / "prompts" / "default.yaml"
EXPLAIN = ("Choices so far: ", "history", ". Would the recommender offer ", "item", "? Say yes or no, and why.")
DIM = 64


@dataclass(frozen=True)
class Work:
    """What is trained on and asked.

    Attributes:
        tokenizer: trained on the titles and phrasings.
        titles: of every item.
        train: training samples of all six tasks in hybrid form, in the shares of the paper's table 4.
        tests: prompts by task: ``retrieval``, ``ranking`` and ``explanation``.
        users, items: embeddings ``(prefixes, d)`` and ``(items, d)``.
    """

    tokenizer: object
    titles: list[str]
    train: list[Encoded]
    tests: dict[str, list[Encoded]]
    users: np.ndarray
    items: np.ndarray


@functools.cache
def words(count: int = 3000) -> list[str]:
    """Return made-up words, the likeliest first."""
    rng = make_rng(SEED, "words")
    parts = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    made = ["".join(rng.choice(parts, size=rng.integers(1, 5))).capitalize() for _ in range(2 * count)]
    return list(dict.fromkeys(made))[:count]


def catalogue(items: int) -> list[str]:
    """Return different titles of three to eleven words; words are used as unevenly as in a language."""
    rng, known = make_rng(SEED, "titles"), np.array(words())
    shares = 1 / np.arange(1, len(known) + 1)
    found: dict[str, None] = {}
    while len(found) < items:
        drawn = rng.choice(known, size=(items, 11), p=shares / shares.sum())
        found |= dict.fromkeys(" ".join(row[:n]) for row, n in zip(drawn, rng.integers(3, 12, items), strict=True))
    return list(found)[:items]


def make_tokenizer(titles: list[str], vocabulary: int = 4000):
    """Train a tokenizer on at most 20,000 of the titles and on the phrasings."""
    phrasings = [text for task in load_prompts(PROMPTS).phrasings.values() for one in task for text in one[::2]]
    texts = [*titles[:20000], *words(), *EXPLAIN[::2], *phrasings, "USER: ASSISTANT:", "Yes; No;"]
    return train_tokenizer([*texts, TEMPLATE.read_text(encoding="utf-8")], vocabulary, str(TEMPLATE))


def make_work(users: int, items: int, context: int = 1024, max_length: int = 9, training: bool = True) -> Work:
    """Make a dataset of some users and items up, and what is asked with it and, if wanted, trained on."""
    import pandas as pd

    titles = catalogue(items)
    rng = make_rng(SEED, "histories")
    sequences = [rng.choice(items, size=rng.integers(6, 12), replace=False).tolist() for _ in range(users)]
    rows = []
    for user, sequence in enumerate(sequences):
        for length in range(1, len(sequence)):
            drawn = rng.choice(items, size=8, replace=False).tolist()
            labels = {"top1": drawn[0], "ranking": drawn[1:6], "positive": drawn[6], "negative": drawn[7]}
            split = "test" if length == len(sequence) - 1 else "train"
            rows.append({"prefix": len(rows), "user": user, "length": length, "split": split} | labels)
    names = ("description", "tags", "brand", "feature")
    fields = {name: [_sentence(rng, 5, 100) if training else "" for _ in titles] for name in names}
    similar = [[(item + 1) % items] for item in range(items)]
    source = Source(titles, fields, similar, sequences, pd.DataFrame(rows), max_length, SEED)
    prompts, renderer = load_prompts(PROMPTS), Renderer(titles)

    train = []
    if training:
        train = [
            row["messages"]
            for row in task_rows(source, prompts, split="train", mode="hybrid", hybrid_forms="combined", test_share=0.3)
        ]
        # Table 4: one conversation among about ten samples.
        train += [_chat(rng) for _ in range(len(train) // 9)]
        chosen = rows[:: max(1, len(rows) // (len(train) // 9))]
        train += [_explanation(renderer, row, sequences, rng) for row in chosen]
    asked: dict[str, list] = {"retrieval": [], "ranking": []}
    for row in task_rows(source, prompts, split="test", mode="hybrid", hybrid_forms="combined", test_share=0.3):
        if row["task"] in asked:
            asked[row["task"]].append(row["messages"])
    asked["explanation"] = [_explanation(renderer, row, sequences, rng) for row in rows if row["split"] == "test"]

    tokenizer = make_tokenizer(titles)
    encoder = ChatEncoder(tokenizer, context)
    samples = [sample for sample in encoder.encode(train) if sample is not None]
    tests = {task: encoder.encode(messages, prompt_only=True) for task, messages in asked.items()}
    tables = [rng.normal(size=(count, DIM)).astype(np.float32) for count in (len(rows), items)]
    return Work(tokenizer, titles, samples, tests, *tables)


def _sentence(rng: np.random.Generator, low: int, high: int) -> str:
    known = words()[:400]
    return " ".join(known[place] for place in rng.integers(0, len(known), rng.integers(low, high)))


def _chat(rng: np.random.Generator) -> list[dict]:
    """Return a conversation of a few hundred words, as long ones as the context holds among them."""
    length = int(np.clip(rng.lognormal(6.0, 0.7), 20, 900))
    texts = [_sentence(rng, 10, 40), _sentence(rng, length // 2, length + 1)]
    turns = zip(("user", "assistant"), texts, strict=True)
    return [{"role": role, "segments": [text_segment(text)]} for role, text in turns]


def _explanation(renderer: Renderer, row: dict, sequences: list[list[int]], rng: np.random.Generator) -> list[dict]:
    slots = {"history": History(row["prefix"], sequences[row["user"]][: row["length"]][-9:]), "item": [row["top1"]]}
    answer = f"Yes; {_sentence(rng, 10, 60)}"
    return renderer.messages(Sample("", "explanation", EXPLAIN, slots, answer), "hybrid")


def llama(vocabulary: int, hidden: int, layers: int, heads: int, intermediate: int, seed: int = SEED):
    """Return a Llama with random weights, 2,048 positions and grown initial weights, so that its choices are clear."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=hidden,
            intermediate_size=intermediate,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=heads,
            max_position_embeddings=2048,
            initializer_range=0.7 / hidden**0.5,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            attn_implementation="sdpa",
        )
    ).eval()


def explainer(work: Work, hidden: int, layers: int, heads: int, intermediate: int) -> RecExplainer:
    """Return a Llama with random weights that reads the work's embeddings."""
    model = llama(len(work.tokenizer), hidden, layers, heads, intermediate)
    return RecExplainer(model, work.users, work.items).eval()


def fit(model: RecExplainer, samples: list[Encoded], steps: int, context: int) -> float:
    """Train all weights for some steps, so that answers are titles and come to an end; return the last loss."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.95))
    model.train()
    for number, step in enumerate(
        plan_steps(samples, batch=32, context=context, epochs=1000, max_steps=steps, seed=SEED)
    ):
        optimizer.param_groups[0]["lr"] = 2e-3 * (1 - number / steps)
        loss = model(collate(step.rows, samples), step.samples)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    model.eval()
    return float(loss)


def training_flops(model: RecExplainer, samples: list[Encoded]) -> float:
    """Return the operations that training an adapter needs per real token, whatever the way.

    A frozen weight takes two for the forward pass and two for the gradient of its input; attention looks back over
    half of a sample on average; the head works at the targets alone. LoRA and the projectors are left out.
    """
    config = model.base[0].config
    hidden, layers, width = config.hidden_size, config.num_hidden_layers, config.intermediate_size
    lengths = np.array([len(sample) for sample in samples])
    targets = sum(int(sample.loss_mask.sum()) for sample in samples) / lengths.sum()
    weights = layers * (4 * hidden**2 + 3 * hidden * width) + targets * config.vocab_size * hidden
    return float(4 * weights + 6 * layers * hidden * (lengths**2).sum() / lengths.sum())


def generation_flops(model: RecExplainer, prompts: list[Encoded], new_tokens: float, beams: int) -> float:
    """Return the operations that a case needs: its prompt read once, each beam's tokens, the head at each of these."""
    config = model.base[0].config
    hidden, layers, width = config.hidden_size, config.num_hidden_layers, config.intermediate_size
    prompt = sum(map(len, prompts)) / len(prompts)
    weights, new = layers * (4 * hidden**2 + 3 * hidden * width), beams * new_tokens
    attention = 2 * layers * hidden * (prompt**2 + 2 * new * prompt)
    return 2 * weights * (prompt + new) + attention + 2 * new * config.vocab_size * hidden
