"""Where the paper's text, its authors' code and sound method differ."""

from typing import Literal

from recexplainer.config.alignment import Injection, LossAverage, TrainedRows
from recexplainer.config.evaluation import Coverage, Decision, Decoding, TitleReading
from recexplainer.config.kinds import MayLack, Section, Validation
from recexplainer.config.tasks import AskedFields, HybridForms


class Switches(Section):
    """Single switches that differ from the preset; {} for none. In brackets: sound / paper / official."""

    recommender_validation: MayLack[Validation] = None
    """(second_last / second_last / test) the item that stops SASRec's training"""
    hybrid_forms: MayLack[HybridForms] = None
    """(combined / all / combined) all adds the behavior and intention forms"""
    discrimination_fields: MayLack[AskedFields] = None
    """(all / no_tags / no_tags) whether an item's tags are asked for"""
    embedding_injection: MayLack[Injection] = None
    """(replace / replace / add) what a projection does to its placeholder"""
    trained_rows: MayLack[TrainedRows] = None
    """(new / new / all) all trains the whole embedding matrix and LM head"""
    lora_targets: MayLack[Literal["attention", "query_value"]] = None
    """(attention / query_value / query_value) what LoRA adapts, if `preset`"""
    loss_average: MayLack[LossAverage] = None
    """(samples in all) whether samples or their tokens count alike in the loss"""
    retrieval_decoding: MayLack[Decoding] = None
    """(beams / greedy / beams) greedy gives one answer instead of several"""
    title_reading: MayLack[TitleReading] = None
    """(found / strict / strict) titles anywhere in an answer, or a bare list"""
    classification_decision: MayLack[Decision] = None
    """(logits / generate / logits) how Yes or No is read"""
    coverage_counts: MayLack[Coverage] = None
    """(once / once / repeat) repeat counts a repeated title again (HCR)"""
