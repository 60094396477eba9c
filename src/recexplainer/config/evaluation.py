"""What is asked of the LLMs in tests, and how."""

from typing import Annotated

from pydantic import Field

from recexplainer.config.kinds import Auto, Count, Precision, Section


class Evaluation(Section):
    """Evaluation (section 3.1.1)."""

    beams: Count
    """width of the beam search for retrieval (unless the switch retrieval_decoding is greedy)"""
    batch_size: Count
    """most sequences at once, beams included"""
    batch_tokens: Count | None
    """most tokens at once: prompts, padding and the longest answers, beams included. The keys and values of one
    token of a 7B Llama take 0.5 MiB in fp16 or bf16, so these take 8 GiB. A batch that the GPU does not hold all
    the same is halved. null: no limit"""
    max_cases: Count | None
    """test users per dataset, drawn from the seed; null: all"""
    shards: Count
    """jobs that share the cases of one system; the answers are the same, byte for byte"""
    bootstrap: Count
    """resamples of the users for the confidence intervals"""
    precision: Precision
    """of the LLM: as that of `alignment`"""
    gpus: Annotated[int, Field(ge=0, le=1)] | Auto
    """1, or 0 for the CPU; auto as that of `alignment`"""
    threads: Count
    """CPU threads"""
