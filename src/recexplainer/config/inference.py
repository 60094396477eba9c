"""How an LLM answers, whatever it is asked."""

from recexplainer.config.kinds import Context, Count, Precision, Section


class AtOnce(Section):
    """How much is asked at once, and in which precision."""

    batch_size: Count
    """most sequences at once, beams included"""
    batch_tokens: Count | None
    """most tokens at once: prompts, padding and the longest answers, beams included. The keys and values of one
    token of a 7B Llama take 0.5 MiB in fp16 or bf16, so these take 8 GiB. A batch that the GPU does not hold all
    the same is halved. null: no limit"""
    precision: Precision
    """of the LLM: as that of `alignment`"""


class Answering(AtOnce):
    """With what an LLM answers: the above, and the context that it was aligned with."""

    context: Context
