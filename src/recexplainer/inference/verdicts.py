"""Yes or No, by logits, of several LLMs on the same questions, one LLM after the other."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from recexplainer.config.inference import Answering

Messages = list[list[dict[str, Any]]]


def ask_verdicts(
    *,
    llm: str,
    chat_template: str | None,
    systems: Sequence[Sequence[Any]],
    embeddings: str,
    messages: Callable[[str], Messages],
    settings: Answering,
) -> Iterator[tuple[str, list[float | None]]]:
    """Yield each system's name and its answers: of each question the logit of Yes less that of No.

    An answer is None where the question is over the context.

    Args:
        llm: the base LLM's manifest.
        chat_template: path of a Jinja chat template; None for the tokenizer's own.
        systems: of each its name, the form in which it is asked, and the folder of its alignment (None: the base LLM).
        embeddings: the recommender's ``embeddings.safetensors``.
        messages: gives the questions in a form, each as messages of segments.
        settings: with what the LLMs answer.

    Raises:
        InputError: a file is missing or broken.
    """
    from recexplainer.alignment.model import load_system
    from recexplainer.inference.generation import TextGenerator
    from recexplainer.llm.base import load_tokenizer
    from recexplainer.llm.encoding import ChatEncoder
    from recexplainer.recommender.contract import load_tables

    tables = load_tables(embeddings)
    tokenizer = load_tokenizer(llm, chat_template)
    encoder = ChatEncoder(tokenizer, settings.context)
    tokens = [ids[0] for ids in encoder.answers(["Yes", "No"])]
    for system, form, adapter in systems:
        prompts = encoder.encode(messages(form), prompt_only=True)
        model = load_system(llm, tokenizer, adapter, tables, context=settings.context, precision=settings.precision)
        generator = TextGenerator(model, tokenizer, settings.batch_size, batch_tokens=settings.batch_tokens)
        kept = [prompt for prompt in prompts if prompt is not None]
        logits = generator.next_token_logits(kept, tokens, label=system) if kept else []
        scores = iter([float(yes - no) for yes, no in logits])
        answers = [None if prompt is None else next(scores) for prompt in prompts]
        # Before the next model is loaded.
        del model, generator
        yield system, answers
