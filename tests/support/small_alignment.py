"""A tiny model, its samples and its training, under DeepSpeed and as a plain loop."""

from pathlib import Path

import numpy as np
import torch
from tiny import WORDS, chat, text, tiny_llama

from recexplainer.alignment import training
from recexplainer.alignment.model import RecExplainer, with_lora
from recexplainer.config.alignment import Aligned, Lora
from recexplainer.llm.encoding import ChatEncoder
from recexplainer.llm.packing import collate, plan_steps
from recexplainer.llm.schedule import learning_rate

ZERO2 = str(Path(__file__).parents[2] / "config" / "deepspeed" / "zero2.json")
LORA = Lora(rank=4, alpha=8, dropout=0.0, targets="all-linear")
SETTINGS = Aligned(
    batch=16,
    context=64,
    epochs=2,
    max_steps=None,
    lr=1e-2,
    schedule="linear",
    warmup=0.1,
    weight_decay=0.0,
    gradient_clip=1.0,
    precision="fp32",
    lora=LORA,
    rows_per_micro_batch=2,
    gradient_checkpointing=False,
    checkpoint_every=4,
    embedding_injection="replace",
    trained_rows="new",
    loss_average="samples",
)


def changed(**changes) -> Aligned:
    return Aligned.model_validate(SETTINGS.model_dump() | changes)


def make_samples(tokenizer) -> list:
    chats = [
        chat(
            [text("What comes next?"), {"kind": "user", "text": "", "ref": i % 16}],
            [text(" ".join(WORDS[: i % 5 + 1]))],
        )
        for i in range(80)
    ]
    return ChatEncoder(tokenizer, SETTINGS.context).encode(chats)


def make_model(tokenizer, injection: str = "replace", trained_rows: str = "new", dropout: float = 0.0) -> RecExplainer:
    tables = np.random.default_rng(0).normal(size=(16, 8)).astype(np.float32)
    llm = tiny_llama(tokenizer)
    torch.manual_seed(1)
    lora = LORA.model_copy(update={"dropout": dropout})
    return RecExplainer(with_lora(llm, lora, trained_rows), tables, tables, injection)


def train(model, tokenizer, checkpoints, identity: str = "same", **changes) -> dict:
    samples, settings = make_samples(tokenizer), changed(**changes)
    record, _ = training.train(
        model, samples, settings, deepspeed_config=ZERO2, seed=1, checkpoints=str(checkpoints), identity=identity
    )
    return record


def plain_loop(model, tokenizer, **changes) -> list[float]:
    """Train without DeepSpeed, one batch per step; return the losses."""
    settings, samples = changed(**changes), make_samples(tokenizer)
    steps = plan_steps(
        samples, batch=settings.batch, context=settings.context, epochs=settings.epochs, max_steps=None, seed=1
    )
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=settings.lr, weight_decay=0.0)
    losses = []
    for number, step in enumerate(steps):
        rate = learning_rate(number, len(steps), peak=settings.lr, warmup=settings.warmup, schedule=settings.schedule)
        optimizer.param_groups[0]["lr"] = rate
        normalizer = step.samples if settings.loss_average == "samples" else step.loss_tokens
        loss = model(collate(step.rows, samples, settings.loss_average), normalizer)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses
