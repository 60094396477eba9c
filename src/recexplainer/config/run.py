"""What is run, and where its files go."""

from typing import Annotated, Literal

from pydantic import Field

from recexplainer.config.kinds import EachOnce, Mode, Names, Natural, Section, SomeNames, Text

Ablation = Literal["no_discrimination", "no_reconstruction", "no_classification", "no_sharegpt", "no_retrieval_ranking"]


class Pathvars(Section):
    """Where files go. Give every experiment its own folder."""

    results: Text
    """tables, models, predictions"""
    logs: Text
    """one log per job"""
    benchmarks: Text
    """one benchmark (time, memory) per job"""


class Ablations(Section):
    """The ablations of section 3.6: figure 6. Each is a training for each of their datasets and modes."""

    names: Annotated[list[Ablation], *EachOnce]
    """which tasks are left out; [] for no ablation"""
    datasets: Names
    """some of the datasets above"""
    modes: Annotated[list[Mode], *EachOnce]
    """some of the modes above"""


class Run(Section):
    """What is run."""

    datasets: SomeNames
    """names of entries of `datasets`"""
    recommenders: SomeNames
    """names of entries of `recommenders`; ablations, study and figures 3 to 6 are about the first one"""
    modes: Annotated[list[Mode], Field(min_length=1), *EachOnce]
    """alignment modes (section 2.2 to 2.4): behavior, intention, hybrid"""
    ablations: Ablations
    seeds: Annotated[list[Natural], *EachOnce]
    """Further seeds of the alignment, beside the one that follows from `seed`: each repeats the alignment and its
    evaluation for every dataset and mode, and table seeds.csv has mean and standard deviation. [] for none."""
