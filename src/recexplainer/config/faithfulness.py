"""Whether explanations can be trusted."""

from recexplainer.config.kinds import Count, Section, Several


class Measured(Section):
    """What the measures are made with."""

    folds: Several
    """of the readers' cross-validation; the cases of a user are in one of them"""
    draws: Count
    """choices of items that are removed from a history, beside those that a text cites: all of them if they are no
    more"""


class Faithfulness(Measured):
    """Whether the explanations can be trusted: measures that need no judge."""

    bootstrap: Count
    """resamples of the users for the confidence intervals"""
