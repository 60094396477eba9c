"""A small Llama and its tokenizer, trained from scratch on item texts and conversations.

It stands where Vicuna-7B stands when no large model is at hand: the demo and the small-scale
runs. It is saved as an ordinary transformers folder and loaded like any other model.
"""

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recexplainer.config.llm import SmallLlm
from recexplainer.data.parsed import read_conversations
from recexplainer.errors import InputError
from recexplainer.files import atomic, read_parquet, read_text
from recexplainer.llm.attention import block_causal_mask
from recexplainer.llm.encoding import ChatEncoder, Encoded
from recexplainer.llm.packing import collate, plan_steps
from recexplainer.llm.schedule import learning_rate
from recexplainer.prompts.phrasings import load_prompts
from recexplainer.seeds import derive_seed

logger = logging.getLogger(__name__)

FIELDS = ("description", "tags", "brand", "feature")


def item_texts(path: str) -> list[str]:
    """Return one text per item: its title and what is known of it."""
    items = read_parquet(path, ["title", *FIELDS])
    return [
        ". ".join(text for text in (row.title, *(getattr(row, field) for field in FIELDS)) if text)
        for row in items.itertuples()
    ]


def conversation_messages(path: str) -> list[list[dict[str, Any]]]:
    """Return the conversations as messages of one text segment each."""
    return [
        [{"role": m["role"], "segments": [{"kind": "text", "text": m["text"], "ref": -1}]} for m in messages]
        for messages in read_conversations(path)
    ]


def question_texts(path: str) -> list[str]:
    """Return the phrasings of a prompts file without their placeholders: the English that a large model knows."""
    phrasings = load_prompts(path).phrasings
    return ["".join(phrasing[::2]) for task in sorted(phrasings) for phrasing in phrasings[task]]


def train_tokenizer(texts: list[str], vocabulary: int, chat_template: str) -> Any:
    """Train a byte-level BPE tokenizer.

    Args:
        texts: the training texts.
        vocabulary: the number of tokens, special ones included.
        chat_template: path of the Jinja chat template.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        clean_up_tokenization_spaces=False,
        chat_template=read_text(chat_template, "chat template, Jinja"),
    )


def train_llm(
    *,
    items: list[str],
    conversations: str,
    prompts: str,
    chat_template: str,
    settings: SmallLlm,
    seed: int,
    output_dir: str,
) -> None:
    """Train the tokenizer and the model and save both.

    Args:
        items: ``items.parquet`` of every dataset.
        conversations: ``conversations.parquet``.
        prompts: the prompts file, whose words the model is to know.
        chat_template: path of the Jinja chat template.
        settings: the model's sizes, and how it is trained.
        seed: the stage's seed.
        output_dir: the transformers folder to write.

    Raises:
        InputError: there is no text to train on, or the sizes do not fit together.
    """
    from transformers import LlamaConfig, LlamaForCausalLM

    if settings.hidden % settings.heads:
        raise InputError(f"llm.scratch.heads: {settings.heads} does not divide llm.scratch.hidden {settings.hidden}.")
    texts = [text for path in items for text in item_texts(path)]
    chats = conversation_messages(conversations)
    if not texts or not chats:
        raise InputError(f"{conversations}: no conversation, or no item text, to train the small LLM on.")
    # The phrasings are few beside the conversations; repeated, their words are seen often enough to be learnt.
    texts += 20 * question_texts(prompts)
    spoken = [segment["text"] for chat in chats for message in chat for segment in message["segments"]]
    tokenizer = train_tokenizer([*texts, *spoken, "USER: ASSISTANT:"], settings.vocabulary, chat_template)
    samples = _samples(tokenizer, texts, chats, settings.context)

    torch.manual_seed(derive_seed(seed, "weights"))
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=settings.hidden,
            intermediate_size=settings.intermediate,
            num_hidden_layers=settings.layers,
            num_attention_heads=settings.heads,
            num_key_value_heads=settings.heads,
            max_position_embeddings=max(1024, settings.context),
            # Both help a tiny model to learn early to copy words of its prompt.
            tie_word_embeddings=True,
            initializer_range=0.7 / settings.hidden**0.5,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    _train(model, samples, settings, seed)
    _save(model.eval(), tokenizer, Path(output_dir))
    logger.info("small LLM of %d parameters in %s", sum(p.numel() for p in model.parameters()), output_dir)


def _samples(tokenizer: Any, texts: list[str], chats: list[list[dict[str, Any]]], context: int) -> list[Encoded]:
    """Encode conversations, of which the model learns the answers, and documents, of which it learns every token."""
    encoder = ChatEncoder(tokenizer, context)
    samples = [sample for sample in encoder.encode(chats) if sample is not None]
    for ids in tokenizer(texts, add_special_tokens=False, split_special_tokens=True)["input_ids"]:
        ids = np.array([tokenizer.bos_token_id, *ids, tokenizer.eos_token_id][:context], np.int32)
        samples.append(Encoded(ids, np.zeros_like(ids), np.ones(len(ids), bool)))
    return samples


def _train(model: Any, samples: list[Encoded], settings: SmallLlm, seed: int) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.lr, betas=(0.9, 0.95), weight_decay=0.01)
    epochs = math.ceil(settings.steps * settings.batch / len(samples))
    steps = plan_steps(
        samples,
        batch=settings.batch,
        context=settings.context,
        epochs=epochs,
        max_steps=settings.steps,
        seed=seed,
    )
    model.train()
    for number, step in enumerate(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(number, len(steps), peak=settings.lr, warmup=0.05, schedule="cosine")
        batch = collate(step.rows, samples)
        logits = model(
            input_ids=batch["input_ids"],
            position_ids=batch["position_ids"],
            attention_mask=block_causal_mask(batch["sequence_ids"]),
            use_cache=False,
        ).logits[:, :-1]
        at = batch["loss_weights"][:, 1:] > 0
        loss = torch.nn.functional.cross_entropy(logits[at], batch["input_ids"][:, 1:][at])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if (number + 1) % 50 == 0 or number + 1 == len(steps):
            logger.info("step %d/%d  loss %.4f", number + 1, len(steps), loss.item())


def _save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Save beside the target, then rename file by file, so that none is half-written under its name."""
    import shutil
    import tempfile

    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(".partial-*"):  # of a killed run
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".partial-") as temporary:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        for path in sorted(Path(temporary).iterdir()):
            path.chmod(0o644)
            with atomic(folder / path.name) as target:
                path.replace(target)
