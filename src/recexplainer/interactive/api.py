"""A finished run in Python: ``recexplainer.load(results, dataset, mode)``. Items go by their titles."""

from collections.abc import Sequence
from pathlib import Path

from recexplainer.interactive.explainer import BASE, Answer, Explainer, Verdict
from recexplainer.recommender.removal import Decision, leave_one_out


def load(results: str | Path, dataset: str, mode: str = "hybrid") -> "Model":
    """Load a dataset of a finished run and one of its aligned models.

    Args:
        results: the folder of the run, such as ``results/demo``.
        dataset: one of the run's datasets; with another recommender than SASRec as ``games.gru4rec``.
        mode: ``behavior``, ``intention`` or ``hybrid`` (sections 2.2 to 2.4), one of these with an ablation as
            ``hybrid/no_sharegpt``, or ``base`` for the LLM before the alignment.

    Raises:
        recexplainer.errors.InputError: there is no such run, dataset or model, or a file of it is missing or broken.
    """
    system = mode if mode == BASE or "/" in mode else f"{mode}/full"
    return Model(Explainer(results, dataset, [system]))


class Model:
    """A recommender, and an LLM that was aligned with it.

    Args:
        explainer: the dataset, with one system. Its LLM is loaded at the first explanation.

    Attributes:
        titles: of the items, by their number.
        users: the users' own ids.
        viewpoints: the names of points of view, for :meth:`explain`.
        synthetic: whether the data are generated.
    """

    def __init__(self, explainer: Explainer):
        self._explainer = explainer
        self.titles, self.users, self.viewpoints = explainer.titles, explainer.users, explainer.viewpoints
        self.synthetic = explainer.synthetic

    def history(self, user: str) -> list[str]:
        """Return the titles of a user of the run, oldest first; the last one is the test item.

        Raises:
            recexplainer.errors.InputError: there is no such user.
        """
        return [self.titles[item] for item in self._explainer.history_of(user)]

    def score(self, history: Sequence[str], items: Sequence[str]) -> list[float]:
        """Return the recommender's scores of some items after a history.

        Args:
            history: titles, oldest first; the recommender sees the newest of them.
            items: titles.

        Raises:
            recexplainer.errors.InputError: the history is empty, or there is no item of a title.
        """
        scores = self._explainer.scores([self._numbers(history)])[0]
        return [float(scores[item]) for item in self._numbers(items)]

    def rank(self, history: Sequence[str], count: int = 10) -> list[tuple[str, float]]:
        """Return the ``count`` items that the recommender scores best after a history, of those that are not in it.

        Raises:
            recexplainer.errors.InputError: the history is empty, or there is no item of a title.
        """
        seen = self._numbers(history)
        scores = self._explainer.scores([seen])[0]
        best = [int(item) for item in (-scores).argsort(kind="stable") if item not in seen]
        return [(self.titles[item], float(scores[item])) for item in best[:count]]

    def judge(self, history: Sequence[str], item: str) -> Verdict:
        """Return the recommender's verdict on an item: among its best, among its worst, or between (section 3.1.1).

        Raises:
            recexplainer.errors.InputError: as for :meth:`score`, or the item is part of the history.
        """
        return self._explainer.judge(self._numbers(history), self._explainer.find(item))

    def explain(self, history: Sequence[str], item: str, viewpoint: str | None = None) -> Answer:
        """Let the model decide on an item and say why.

        Returns:
            Its text and decision, and what the checks find in the text: the same as in the run.

        Raises:
            recexplainer.errors.InputError: as for :meth:`judge`, or there is no such point of view.
        """
        numbers, target = self._numbers(history), self._explainer.find(item)
        self._explainer.judge(numbers, target)
        return self._explainer.ask(numbers, target, self._explainer.systems[0], viewpoint)

    def attributions(self, history: Sequence[str], item: str) -> dict[str, float]:
        """Return what each title of a history does for the recommender's score of an item, the strongest first.

        Leave-one-out: by how many standard deviations, over the items that are not in the history, the item's score
        falls when the recommender is asked without the title. Only titles that the recommender sees are there.

        Raises:
            recexplainer.errors.InputError: as for :meth:`judge`, or the history has one title only.
        """
        numbers, target = self._numbers(history), self._explainer.find(item)
        score = self._explainer.judge(numbers, target).score
        decision = Decision("own", tuple(self._explainer.seen(numbers)), tuple(numbers), target, True, score)
        ((_, effects),) = leave_one_out([decision], self._explainer.scores)
        return {self.titles[one]: effects[one] for one in sorted(effects, key=lambda one: -effects[one])}

    def _numbers(self, titles: Sequence[str]) -> list[int]:
        return [self._explainer.find(title) for title in titles]
