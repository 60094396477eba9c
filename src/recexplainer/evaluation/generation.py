"""Batched generation from prompts that hold text and embeddings, free or constrained to the catalogue.

Of n shards, each takes every n-th batch. The batches are those of an undivided run, so that each answer is computed
beside the same others, in the same padding, to the same last digit.
"""

import logging
import time

import numpy as np
import torch
from transformers import LogitsProcessorList

from recexplainer.alignment.model import RecExplainer
from recexplainer.errors import InputError
from recexplainer.llm.base import longest_sequence
from recexplainer.llm.cache import roomy_cache
from recexplainer.llm.catalogue import CatalogueConstraint
from recexplainer.llm.encoding import Encoded

logger = logging.getLogger(__name__)


class Generator:
    """Generate from encoded prompts, in batches of like length, with a key-value cache.

    Args:
        model: the aligned model, or the base LLM wrapped by :class:`RecExplainer`.
        tokenizer: its tokenizer.
        batch_size: sequences per batch, beams included.
        shard: which share of the batches is computed, from 0.
        shards: how many shares there are.
    """

    def __init__(self, model: RecExplainer, tokenizer, batch_size: int, shard: int = 0, shards: int = 1):
        self.model = model
        self.tokenizer = tokenizer
        self.batch_size = batch_size
        self.shard = shard
        self.shards = shards
        self.device = next(model.parameters()).device

    def own(self, prompts: list[Encoded], beams: int = 1) -> list[int]:
        """Return the numbers of the prompts that this shard answers, in order; the same for all answers to them."""
        return sorted(index for chosen in self._shard(prompts, self._size(beams)) for index in chosen)

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
        for chosen in self._batches(prompts, self._size(beams), label):
            options = {"num_beams": beams, "num_return_sequences": beams, "logits_processor": processors}
            tokens = self._decode([prompts[i] for i in chosen], max_new_tokens, **options)
            texts = self.tokenizer.batch_decode(tokens, skip_special_tokens=True)
            for place, index in enumerate(chosen):
                results[index] = [text.strip() for text in texts[place * beams : (place + 1) * beams]]
        return results

    @torch.inference_mode()
    def next_token_logits(self, prompts: list[Encoded], tokens: list[int], label: str = "scoring") -> np.ndarray:
        """Return the logits ``(prompts, tokens)`` of some tokens as the first of the answer; 0 for other shards."""
        results = np.zeros((len(prompts), len(tokens)), np.float32)
        for chosen in self._batches(prompts, self._size(1), label):
            vectors, mask = self._embed([prompts[i] for i in chosen])
            positions = (mask.cumsum(1) - 1).clamp(min=0)
            logits = self.model.base[0](
                inputs_embeds=vectors, attention_mask=mask, position_ids=positions, use_cache=False, logits_to_keep=1
            ).logits[:, -1]
            results[chosen] = logits[:, tokens].float().cpu().numpy()
        return results

    def _decode(self, prompts: list[Encoded], max_new_tokens: int, **options) -> torch.Tensor:
        """Return the new tokens ``(sequences, length)`` of one batch, without sampling."""
        places, longest = longest_sequence(self.model.base[0]), max(map(len, prompts))
        if places and longest + max_new_tokens > places:
            raise InputError(
                f"alignment.context: a prompt of {longest} tokens leaves no room for an answer of {max_new_tokens} "
                f"in the LLM's {places} positions. Set it to {places - max_new_tokens} or less."
            )
        vectors, mask = self._embed(prompts)
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

    def _size(self, beams: int) -> int:
        """How many prompts are answered at once."""
        return max(1, self.batch_size // beams)

    def _shard(self, prompts: list[Encoded], size: int) -> list[list[int]]:
        """Return this shard's batches of prompt numbers: the longest prompts first, dealt out batch by batch."""
        order = sorted(range(len(prompts)), key=lambda i: (-len(prompts[i]), i))
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        return batches[self.shard :: self.shards]

    def _batches(self, prompts: list[Encoded], size: int, label: str):
        """Yield this shard's batches and tell the progress."""
        batches = self._shard(prompts, size)
        total, done = sum(map(len, batches)), 0
        begin = shown = time.perf_counter()
        for chosen in batches:
            yield chosen
            done, now = done + len(chosen), time.perf_counter()
            if now - shown > 10 or done == total:
                shown = now
                logger.info("%s: %d/%d cases, %.0f s left", label, done, total, (now - begin) / done * (total - done))

    def _embed(self, prompts: list[Encoded]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return left-padded input vectors ``(batch, length, h)`` and the attention mask ``(batch, length)``."""
        length = max(map(len, prompts))
        ids, refs, mask = (np.zeros((len(prompts), length), np.int64) for _ in range(3))
        for row, prompt in enumerate(prompts):
            at = slice(length - len(prompt), length)
            ids[row, at], refs[row, at], mask[row, at] = prompt.ids, prompt.refs, 1
        ids, refs, mask = (torch.from_numpy(array).to(self.device) for array in (ids, refs, mask))
        return self.model.embed(ids, refs), mask
