"""RecExplainer: align a large language model with a sequential recommender.

The library behind the workflow. It knows nothing of Snakemake: every function
takes plain values and file paths, and the programs in ``workflow/scripts``
call one function each.
"""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """Give ``recexplainer.load``, with what it needs.

    By name, and late: every program's digest covers this file and what it imports.
    """
    if name == "load":
        return import_module("recexplainer.interactive.api").load
    raise AttributeError(f"module 'recexplainer' has no attribute {name!r}")
