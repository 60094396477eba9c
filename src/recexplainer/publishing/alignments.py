"""The alignments of a run, by their folders."""

from dataclasses import dataclass
from pathlib import Path

from recexplainer.errors import InputError

ADAPTER = "adapter_model.safetensors"


@dataclass(frozen=True)
class Alignment:
    """An alignment of a run.

    Attributes:
        results: the run's folder.
        dataset: the run name, as ``games`` or ``games.gru4rec``.
        mode: ``behavior``, ``intention`` or ``hybrid``.
        run: ``full``, an ablation, ``reasons``, or ``full.7`` of a further seed.
    """

    results: Path
    dataset: str
    mode: str
    run: str

    @property
    def data(self) -> str:
        """The data set's name, without a recommender's."""
        return self.dataset.partition(".")[0]

    @property
    def method(self) -> str:
        """What table 2 calls it."""
        return self.mode if self.run == "full" else f"{self.mode}-{self.run}"

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self.results / "alignment" / self.dataset / self.mode / self.run


def find(results: Path, dataset: str, mode: str, run: str) -> Alignment:
    """Return an alignment of a run.

    Raises:
        InputError: it is not there; the message names those that are.
    """
    trained = sorted(path.parent.parts[-3:] for path in results.glob(f"alignment/*/*/*/{ADAPTER}"))
    if (dataset, mode, run) not in trained:
        there = ", ".join(f"--dataset {place[0]} --mode {place[1]} --run {place[2]}" for place in trained)
        raise InputError(
            f"{results}: no alignment --dataset {dataset} --mode {mode} --run {run}; there are: {there or 'none yet'}."
        )
    return Alignment(results, dataset, mode, run)
