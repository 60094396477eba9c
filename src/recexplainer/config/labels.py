"""What the recommender says of each prefix of a history."""

from typing import Annotated

from pydantic import Field

from recexplainer.config.kinds import Count, OpenShare, Section, Text, Validation


class LabelRules(Section):
    """What the labels of a prefix are drawn by."""

    positive_share: OpenShare
    """a positive item of the classification scores within this share of the best"""
    negative_share: OpenShare
    """a negative one within this share of the worst"""
    candidates: Annotated[int, Field(ge=2, le=5)]
    """items to be ranked"""
    similar: Count
    """most similar items that are kept per item"""


class Labels(LabelRules):
    """What the recommender says of each prefix (section 3.1.1)."""

    batch_size: Count
    """prefixes that are scored at once"""


class Imported(Labels):
    """What decides the labels and metrics of a recommender from outside."""

    name: Text
    """what it is called"""
    validation: Validation
    bootstrap: Count
    """resamples of the users for the confidence intervals"""
