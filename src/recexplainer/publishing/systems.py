"""Which systems of a run are there, by the folders of their predictions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recexplainer import run_names
from recexplainer.evaluation.predictions import SCHEMAS


@dataclass(frozen=True)
class System:
    """A system of table 2.

    Attributes:
        dataset: with its recommender, as results are named.
        name: as folders are named: ``random``, ``base``, ``hybrid-full``, ``hybrid-full.1``.
        method: as tables call it: ``random``, the LLM's name, ``hybrid``. Trainings with other seeds have one method.
    """

    dataset: str
    name: str
    method: str

    @property
    def first(self) -> bool:
        """Whether it is no training with a further seed."""
        return "." not in self.name


def systems(config: dict[str, Any]) -> list[System]:
    """Return every system of table 2 that a config asks for, trainings with further seeds behind the first."""
    runs = ["full", *(f"full.{seed}" for seed in config["run"]["seeds"])]
    named = [("random", "random"), ("popularity", "popularity"), ("base", config["llm"]["name"])]
    named += [(f"{mode}-{run}", mode) for mode in config["run"]["modes"] for run in runs]
    # A run of an earlier version has a config without it.
    reasoned = config["tasks"].get("explanation", {"modes": []})["modes"]
    named += [(f"{mode}-reasons", f"{mode}-reasons") for mode in reasoned]
    return [System(dataset, name, method) for dataset in run_names.of(config) for name, method in named]


def predictions_of(results: str | Path, system: System) -> Path:
    """Return the folder of a system's predictions."""
    return Path(results) / "predictions" / system.dataset / system.name


def pointwise_of(results: str | Path, dataset: str) -> Path:
    """Return the file of the rankings candidate by candidate of all LLMs on a dataset, which may not be there."""
    return Path(results) / "predictions" / dataset / "pointwise.parquet"


def finished(results: str | Path, system: System) -> bool:
    """Return whether a system's predictions are all there."""
    return all((predictions_of(results, system) / f"{task}.parquet").is_file() for task in SCHEMAS)


def explanations_of(results: str | Path, system: System) -> Path:
    """Return the file of a system's explanations, which may not be there."""
    return Path(results) / "explanations" / system.dataset / f"{system.name}.parquet"


def viewpoints_of(results: str | Path, system: System) -> Path:
    """Return the file of a system's texts from points of view, which may not be there."""
    return Path(results) / "explanations" / system.dataset / "viewpoints" / f"{system.name}.parquet"


def cases_of(results: str | Path, system: System) -> Path:
    """Return the file of the cases that a system explains."""
    return Path(results) / "explanations" / system.dataset / "cases.parquet"
