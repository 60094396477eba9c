"""Batched generation from prompts that hold text and embeddings, free or constrained to the catalogue.

A batch is limited by its sequences, whose logits are in memory at every step, and by its tokens, whose keys and values
are: prompts in their padding and the longest answers, every beam for itself.

Of n shards, each takes every n-th batch. The batches are those of an undivided run, so that each answer is computed
beside the same others, in the same padding, to the same last digit.

A batch that the memory does not hold is computed in halves, each in the padding of the whole. An answer depends on no
other prompt, so it is the same up to rounding: kernels for fewer rows may add up in another order, which can decide
between two tokens that are as good as equally likely. That is said in the log, with the limit that avoids it.
"""

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import torch
from transformers import LogitsProcessorList

from recexplainer.alignment.model import RecExplainer
from recexplainer.errors import InputError
from recexplainer.inference.cache import roomy_cache
from recexplainer.inference.catalogue import CatalogueConstraint
from recexplainer.llm.base import longest_sequence
from recexplainer.llm.encoding import Encoded

logger = logging.getLogger(__name__)

Found = TypeVar("Found")


class TextGenerator:
    """Generate from encoded prompts, in batches of like length, with a key-value cache.

    Args:
        model: the aligned model, or the base LLM wrapped by :class:`RecExplainer`.
        tokenizer: its tokenizer.
        batch_size: most sequences per batch, beams included.
        shard: which share of the batches is computed, from 0.
        shards: how many shares there are.
        batch_tokens: most tokens per batch, of prompts, padding and answers, beams included; None for no limit. One
            prompt is a batch in any case.

    Attributes:
        own: the numbers of the prompts of the last call that this shard answered, in order.
    """

    def __init__(
        self,
        model: RecExplainer,
        tokenizer: Any,
        batch_size: int,
        shard: int = 0,
        shards: int = 1,
        batch_tokens: int | None = None,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.batch_size = batch_size
        self.batch_tokens = batch_tokens
        self.shard = shard
        self.shards = shards
        self.device = next(model.parameters()).device
        self.own: list[int] = []
        self._too_many: float = float("inf")  # tokens that the memory was found not to hold

    @torch.inference_mode()
    def generate(
        self,
        prompts: list[Encoded],
        max_new_tokens: int,
        beams: int = 1,
        constraint: CatalogueConstraint | None = None,
        label: str = "generating",
    ) -> list[list[str]]:
        """Return, per prompt, the texts of the best beams, best first (one text if ``beams`` is 1).

        A prompt of another shard gets none.

        Args:
            prompts: the prompts.
            max_new_tokens: the longest answer.
            beams: width of the beam search and number of returned sequences.
            constraint: limits the answers to the catalogue.
            label: what the progress lines say.
        """
        results: list[list[str]] = [[]] * len(prompts)
        processors = LogitsProcessorList([constraint] if constraint else [])
        options = {"num_beams": beams, "num_return_sequences": beams, "logits_processor": processors}

        def decode(chosen: list[Encoded], length: int) -> torch.Tensor:
            return self._decode(chosen, max_new_tokens, length, **options)

        for chosen, tokens in self._batches(prompts, decode, max_new_tokens, beams, label):
            texts = self.tokenizer.batch_decode(tokens, skip_special_tokens=True)
            for place, index in enumerate(chosen):
                results[index] = [text.strip() for text in texts[place * beams : (place + 1) * beams]]
        return results

    @torch.inference_mode()
    def next_token_logits(self, prompts: list[Encoded], tokens: list[int], label: str = "scoring") -> np.ndarray:
        """Return the logits ``(prompts, tokens)`` of some tokens as the first of the answer; 0 for other shards."""
        results = np.zeros((len(prompts), len(tokens)), np.float32)

        def score(chosen: list[Encoded], length: int) -> np.ndarray:
            vectors, mask = self._embed(chosen, length)
            positions = (mask.cumsum(1) - 1).clamp(min=0)
            logits = self.model.base[0](
                inputs_embeds=vectors, attention_mask=mask, position_ids=positions, use_cache=False, logits_to_keep=1
            ).logits[:, -1]
            return logits[:, tokens].float().cpu().numpy()

        for chosen, scores in self._batches(prompts, score, 1, 1, label):
            results[chosen] = scores
        return results

    def _decode(self, prompts: list[Encoded], max_new_tokens: int, length: int, **options: Any) -> torch.Tensor:
        """Return the new tokens ``(sequences, new)`` of prompts padded to ``length`` tokens, without sampling."""
        longest = longest_sequence(self.model.base[0])
        if longest and length + max_new_tokens > longest:
            raise InputError(
                f"alignment.context: a prompt of {length} tokens leaves no room for an answer of {max_new_tokens} "
                f"in the LLM's {longest} positions. Set it to {longest - max_new_tokens} or less."
            )
        vectors, mask = self._embed(prompts, length)
        beams, cache = options.get("num_beams", 1), roomy_cache(self.model.base[0].config)
        if beams > 1:
            # A prompt is read once for all its beams, but for its last token, from which the search begins.
            before, positions = mask[:, :-1], (mask[:, :-1].cumsum(1) - 1).clamp(min=0)
            decoder = self.model.base[0].get_decoder()
            decoder(
                inputs_embeds=vectors[:, :-1],
                attention_mask=before,
                position_ids=positions,
                use_cache=True,
                past_key_values=cache,
            )
            cache.batch_repeat_interleave(beams)
        return self.model.base[0].generate(
            inputs_embeds=vectors,
            attention_mask=mask,
            past_key_values=cache,
            max_new_tokens=max_new_tokens,
            do_sample=False,
            pad_token_id=self.tokenizer.pad_token_id,
            eos_token_id=self.tokenizer.eos_token_id,
            **options,
        )

    def _size(self, length: int, beams: int) -> int:
        """How many prompts are answered at once, with ``length`` tokens of each and of its answer."""
        sequences = self.batch_size if self.batch_tokens is None else min(self.batch_size, self.batch_tokens // length)
        return max(1, sequences // beams)

    def _shard(self, prompts: list[Encoded], max_new_tokens: int, beams: int) -> list[list[int]]:
        """Return this shard's batches of prompt numbers: the longest prompts first, dealt out batch by batch."""
        order = sorted(range(len(prompts)), key=lambda i: (-len(prompts[i]), i))
        batches = []
        while order:
            size = self._size(len(prompts[order[0]]) + max_new_tokens, beams)
            batches.append(order[:size])
            del order[:size]
        return batches[self.shard :: self.shards]

    def _batches(
        self,
        prompts: list[Encoded],
        work: Callable[[list[Encoded], int], Found],
        max_new_tokens: int,
        beams: int,
        label: str,
    ) -> Iterator[tuple[list[int], Found]]:
        """Yield this shard's batches, or pieces of them, each with what ``work`` makes of it, and tell the progress.

        Args:
            prompts: all prompts.
            work: takes the prompts of a piece and the length to which they are padded.
            max_new_tokens: the longest answer.
            beams: sequences per prompt.
            label: what the progress lines say.
        """
        batches = self._shard(prompts, max_new_tokens, beams)
        self.own = sorted(index for chosen in batches for index in chosen)
        total, done = len(self.own), 0
        begin = shown = time.perf_counter()
        for whole in batches:
            length = max(len(prompts[index]) for index in whole)
            waiting = [whole]
            while waiting:
                chosen = waiting.pop(0)
                computed = self._computed(
                    [prompts[index] for index in chosen], work, length, (length + max_new_tokens) * beams, label
                )
                if computed is None:
                    half = (len(chosen) + 1) // 2
                    waiting[:0] = [chosen[:half], chosen[half:]]
                    continue
                yield chosen, computed
                done, now = done + len(chosen), time.perf_counter()
                if now - shown > 10 or done == total:
                    shown, left = now, (now - begin) / done * (total - done)
                    logger.info("%s: %d/%d cases, %.0f s left", label, done, total, left)

    def _computed(
        self, chosen: list[Encoded], work: Callable[[list[Encoded], int], Found], length: int, each: int, label: str
    ) -> Found | None:
        """Return what ``work`` makes of prompts, or None where the memory does not hold ``each`` tokens of all.

        What was too much once is not tried again.
        """
        tokens, reason = each * len(chosen), None
        if len(chosen) > 1 and tokens >= self._too_many:
            return None
        try:
            return work(chosen, length)
        except torch.OutOfMemoryError as error:
            reason = str(error).splitlines()[0]
        # Only here, as the error holds the tensors of the functions that it went through.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if len(chosen) == 1:
            raise InputError(
                f"{label}: {each} tokens of one prompt and its answers do not fit the GPU's memory ({reason}). Take a "
                "larger GPU, or hold the LLM's weights in 4 bits (llm.quantization: nf4)."
            )
        self._too_many = tokens
        logger.warning(
            "%s: a batch of %d tokens does not fit the memory and is halved; answers may differ by rounding. To avoid "
            "it, set evaluation.batch_tokens to less",
            *(label, tokens),
        )
        return None

    def _embed(self, prompts: list[Encoded], length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return left-padded input vectors ``(batch, length, h)`` and the attention mask ``(batch, length)``."""
        input_ids, embedding_rows, mask = (np.zeros((len(prompts), length), np.int64) for _ in range(3))
        for row, prompt in enumerate(prompts):
            at = slice(length - len(prompt), length)
            input_ids[row, at], embedding_rows[row, at], mask[row, at] = prompt.input_ids, prompt.embedding_rows, 1
        arrays = (input_ids, embedding_rows, mask)
        input_ids, embedding_rows, mask = (torch.from_numpy(array).to(self.device) for array in arrays)
        return self.model.embed(input_ids, embedding_rows), mask
