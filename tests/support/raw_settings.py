"""What raw files are read and filtered by: the models of the config, of what a test says and the rest as usual."""

from recexplainer.config.dataset import Filter, Read
from recexplainer.config.source import Listed, Source
from recexplainer.typed import checked

FILTER = {"core": 5, "top_items": [None], "sample_users": [None], "target": None, "max_broken_share": 0.0}


def filter_of(**options) -> Filter:
    return checked(Filter, FILTER | options, "filter")


def reading(**settings) -> Read:
    return checked(Read, settings | {"filter": FILTER | settings["filter"]})


def places(*sources: dict) -> list[Source]:
    return checked(Listed, {"sources": list(sources)}).sources
