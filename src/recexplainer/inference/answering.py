"""Free answers of a local model, and whether each came to its end."""

import logging
from typing import Any

import torch

from recexplainer.alignment.model import RecExplainer
from recexplainer.errors import InputError
from recexplainer.inference.generation import TextGenerator
from recexplainer.llm.base import longest_sequence
from recexplainer.llm.encoding import ChatEncoder, Encoded

logger = logging.getLogger(__name__)


def answer(
    model: RecExplainer,
    tokenizer: Any,
    messages: list[list[dict[str, Any]]],
    *,
    context: int,
    max_tokens: int,
    batch_size: int,
    batch_tokens: int | None = None,
) -> list[tuple[str, str]]:
    """Answer conversations by greedy decoding.

    Args:
        model: the aligned model, or the base LLM.
        tokenizer: its tokenizer.
        messages: conversations whose last message, the answer, is left out.
        context: most tokens of a prompt.
        max_tokens: most tokens of an answer.
        batch_size: most conversations at once.
        batch_tokens: most tokens at once, prompts, padding and the longest answers; None: no limit.

    Returns:
        Per conversation the text and how it ended: ``stop``, ``length`` (at ``max_tokens``), or ``failed`` with an
        empty text: the prompt was over the context even without its history.

    Raises:
        InputError: the model has no room for an answer of ``max_tokens``.
    """
    positions = longest_sequence(model.base[0]) or context + max_tokens
    context = min(context, positions - max_tokens)
    if context < 1:
        raise InputError(
            f"explanation.max_tokens: {max_tokens}, but the LLM has {positions} positions; expected fewer."
        )
    prompts = ChatEncoder(tokenizer, context).encode(messages, prompt_only=True)
    whole = ChatEncoder(tokenizer, 10**9).encode(messages, prompt_only=True)
    both = zip(prompts, whole, strict=True)
    cut = sum(len(prompt) < len(full) for prompt, full in both if prompt is not None and full is not None)
    if cut:
        logger.warning("%d prompts lost the oldest titles of their histories: over %d tokens", cut, context)
    if None in prompts:
        logger.warning("%d prompts are over %d tokens even without a history", prompts.count(None), context)
    kept = [prompt for prompt in prompts if prompt is not None]
    answerer = _Answerer(model, tokenizer, batch_size, batch_tokens=batch_tokens)
    answers = iter(answerer.answers(kept, max_tokens))
    return [("", "failed") if prompt is None else next(answers) for prompt in prompts]


class _Answerer(TextGenerator):
    """A generator that also tells whether an answer ended by itself."""

    @torch.inference_mode()
    def answers(self, prompts: list[Encoded], max_new_tokens: int) -> list[tuple[str, str]]:
        """Return the text and ``stop`` or ``length`` for each prompt."""
        results: list[tuple[str, str]] = [("", "failed")] * len(prompts)

        def decode(chosen: list[Encoded], length: int) -> torch.Tensor:
            return self._decode(chosen, max_new_tokens, length)

        for chosen, tokens in self._batches(prompts, decode, max_new_tokens, 1, "explanations"):
            ended = (tokens == self.tokenizer.eos_token_id).any(dim=1).tolist()
            texts = self.tokenizer.batch_decode(tokens, skip_special_tokens=True)
            for index, text, stopped in zip(chosen, texts, ended, strict=True):
                results[index] = (text.strip(), "stop" if stopped else "length")
        return results
