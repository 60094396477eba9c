"""The LLM that is aligned, and the tiny one that stands in for it."""

from typing import Annotated, Literal

from pydantic import Field

from recexplainer.config.kinds import Context, Count, Positive, Section, Text
from recexplainer.config.source import Places

Origin = Literal["hub", "folder", "gguf", "scratch"]
Quantization = Literal[None, "nf4"]


class SmallLlm(Section):
    """What a tiny Llama is, and how it is trained."""

    vocabulary: Annotated[int, Field(ge=300)]
    """tokens of its byte-level BPE vocabulary"""
    hidden: Count
    """embedding size"""
    layers: Count
    """transformer layers"""
    heads: Count
    """attention heads"""
    intermediate: Count
    """width of the feed-forward network"""
    context: Context
    """longest sequence in training, in tokens"""
    steps: Count
    """optimizer steps"""
    batch: Count
    """samples per step"""
    lr: Positive
    """learning rate (AdamW, cosine schedule)"""


class Scratch(SmallLlm):
    """The tiny Llama that stands in where there is no GPU (source: scratch)."""

    threads: Count
    """CPU threads"""


class Llm(Section):
    """The LLM that is aligned."""

    name: Text
    """its name in the tables"""
    source: Origin
    """hub (a pinned snapshot from the model hub), folder (a local transformers folder), gguf (one file of
    llama.cpp, whose quantized weights are made plain numbers again) or scratch (trained here, tiny)"""
    id: Text | None
    """of the hub: the model"""
    revision: Annotated[str, Field(pattern="^[0-9a-f]{40}$")] | None
    """of the hub: the commit"""
    folder: Text | None
    """the local folder; ~ and environment variables are replaced"""
    gguf: Places | None
    """the file of gguf: its sources, as a dataset's"""
    chat_template: Text
    """a Jinja file, or "tokenizer" for the tokenizer's own template"""
    quantization: Quantization
    """nf4 holds its weights in 4 bits (QLoRA), for one small GPU; null: in the precision of `alignment`"""
    scratch: Scratch


class BaseLlm(Section):
    """Where the base LLM is, and how it is held."""

    source: Origin
    folder: Text | None = None
    id: Text | None = None
    revision: Text | None = None
    quantization: Quantization = None
