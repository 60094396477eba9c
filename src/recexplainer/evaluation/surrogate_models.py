"""Models that are no LLM and learn from the LLM's own lessons: what the recommender says of the training prefixes.

Each answers three questions of any prefix: how it scores all items as the recommender's first choice (retrieval), how
it scores given candidates (ranking), and whether the recommender would offer an item (classification).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from recexplainer.seeds import make_rng

NEIGHBOURS = 20
"""Training prefixes that are asked for a test prefix."""

DEPTH = 6
"""Questions that the tree asks of a history, each of one item."""

LEAF = 5
"""Training prefixes that a leaf of the tree has at least."""

STEPS = 100
"""Iterations of the probe's solver at most."""

EPOCHS, PENALTY, OTHERS = 10, 1e-6, 20
"""Of the sparse model: passes over the preferences, weight of the L1 penalty, random items per first choice."""


@dataclass(frozen=True)
class Lessons:
    """What the recommender says of the training prefixes.

    Attributes:
        top1: int (prefixes,), its first choice.
        ranking: int (prefixes, candidates), drawn items in its order, best first.
        asked: int (decisions,), the rows of the prefixes that are classified.
        positive, negative: int (decisions,), an item that it would offer, and one that it would not.
    """

    top1: np.ndarray
    ranking: np.ndarray
    asked: np.ndarray
    positive: np.ndarray
    negative: np.ndarray

    def decisions(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return row, item and answer (1 for Yes) of each classification."""
        answers = np.repeat([1, 0], len(self.asked))
        return np.tile(self.asked, 2), np.concatenate([self.positive, self.negative]), answers

    def preferences(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return row, better and worse item: the neighbours in each ranking, the first choice before all."""
        chain = np.column_stack([self.top1, self.ranking])
        rows = np.repeat(np.arange(len(chain)), chain.shape[1] - 1)
        better, worse = chain[:, :-1].ravel(), chain[:, 1:].ravel()
        # The first choice may be among the candidates, as their best.
        return tuple(values[better != worse] for values in (rows, better, worse))


class Surrogate(Protocol):
    """A fitted model; ``contexts`` has one row per prefix, in the form that the model was fitted on."""

    def retrieve(self, contexts: Any) -> np.ndarray:
        """Return the score of every item as the first choice: (prefixes, items)."""

    def score(self, contexts: Any, rows: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Return the scores (pairs,) of items for the prefixes in ``rows``; of use within a prefix only."""

    def decide(self, contexts: Any, rows: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Return (pairs,) over 0 where the recommender would offer the item."""


class LinearProbe:
    """Linear models of the recommender's embeddings: what can be read off them without any further step.

    Retrieval is a multinomial logistic regression on the user's embedding. A pair of user and item is described by both
    embeddings and their product, element by element, since a linear model of the two alone could not tell which item
    suits whom.
    """

    def __init__(self, users: np.ndarray, items: np.ndarray, lessons: Lessons) -> None:
        """Fit on users (prefixes, dim) and items (items, dim)."""
        self._users = StandardScaler().fit(users)
        self._items = StandardScaler().fit_transform(items)
        scaled = self._users.transform(users)
        self._retrieval = _classes(LogisticRegression(max_iter=STEPS), scaled, lessons.top1, len(items))
        rows, better, worse = lessons.preferences()
        differences = self._pairs(scaled, rows, better) - self._pairs(scaled, rows, worse)
        self._ranking = _preference(LogisticRegression(fit_intercept=False, max_iter=STEPS), differences)
        rows, chosen, answers = lessons.decisions()
        features = np.hstack([scaled[rows], self._pairs(scaled, rows, chosen)])
        self._classification = LogisticRegression(max_iter=STEPS).fit(features, answers)

    def retrieve(self, contexts: np.ndarray) -> np.ndarray:
        return self._retrieval(self._users.transform(contexts))

    def score(self, contexts: np.ndarray, rows: np.ndarray, items: np.ndarray) -> np.ndarray:
        return self._pairs(self._users.transform(contexts), rows, items) @ self._ranking

    def decide(self, contexts: np.ndarray, rows: np.ndarray, items: np.ndarray) -> np.ndarray:
        scaled = self._users.transform(contexts)
        return self._classification.decision_function(np.hstack([scaled[rows], self._pairs(scaled, rows, items)]))

    def _pairs(self, scaled: np.ndarray, rows: np.ndarray, items: np.ndarray) -> np.ndarray:
        return np.hstack([self._items[items], scaled[rows] * self._items[items]])


class SparseLinear:
    """A linear model with an L1 penalty of the items of a history, and once more of its newest item.

    An item's score is a weight of its own and, for each feature of the history, a weight of the two together. It learns
    from preferences: those of the lessons, and of the first choice before random items that the history has not.
    """

    def __init__(self, bags: sparse.csr_array, item_count: int, lessons: Lessons, seed: int) -> None:
        """Fit on bags (prefixes, features), ones where a history has an item."""
        self._item_count = item_count
        rows, better, worse = self._preferences(bags, lessons, seed)
        differences = self._pairs(bags, rows, better) - self._pairs(bags, rows, worse)
        # Most pairs of items never meet in training.
        known = np.unique(differences.indices)
        model = SGDClassifier(
            loss="log_loss",
            penalty="l1",
            alpha=PENALTY,
            fit_intercept=False,
            max_iter=EPOCHS,
            tol=None,
            random_state=seed,
        )
        weights = np.zeros(differences.shape[1])
        weights[known] = _preference(model, narrow(differences[:, known]))
        # The last row belongs to the items themselves.
        self._weights = sparse.csr_array(weights.reshape(-1, item_count))
        self._decision = _threshold(self.score(bags, *lessons.decisions()[:2]), lessons)

    def retrieve(self, contexts: sparse.csr_array) -> np.ndarray:
        return (contexts @ self._weights[:-1]).toarray() + self._weights[[-1]].toarray()

    def score(self, contexts: sparse.csr_array, rows: np.ndarray, items: np.ndarray) -> np.ndarray:
        asked, inverse = np.unique(rows, return_inverse=True)
        return self.retrieve(contexts[asked])[inverse, items]

    def decide(self, contexts: sparse.csr_array, rows: np.ndarray, items: np.ndarray) -> np.ndarray:
        return self._decision(self.score(contexts, rows, items))

    def _preferences(self, bags: sparse.csr_array, lessons: Lessons, seed: int) -> tuple[np.ndarray, ...]:
        """Return row, better and worse item."""
        drawn = make_rng(seed, "others").integers(self._item_count, size=(len(lessons.top1), OTHERS))
        rows, better = (np.repeat(values, OTHERS) for values in (np.arange(len(drawn)), lessons.top1))
        fresh = (np.asarray(bags[rows, drawn.ravel()]).ravel() == 0) & (drawn.ravel() != better)
        more = (rows[fresh], better[fresh], drawn.ravel()[fresh])
        return tuple(np.concatenate(pair) for pair in zip(lessons.preferences(), more, strict=True))

    def _pairs(self, bags: sparse.csr_array, rows: np.ndarray, items: np.ndarray) -> sparse.csr_array:
        """Return (pairs, features * items + items): a one for each feature with the item, and for the item."""
        chosen = bags[rows]
        lengths = np.diff(chosen.indptr)
        crossed = chosen.indices.astype(np.int64) * self._item_count + np.repeat(items, lengths)
        width = bags.shape[1] * self._item_count
        columns = np.concatenate([crossed, width + items])
        owners = np.concatenate([np.repeat(np.arange(len(rows)), lengths), np.arange(len(rows))])
        shape = (len(rows), width + self._item_count)
        return sparse.csr_array((np.ones(len(columns)), (owners, columns)), shape=shape)


def narrow(matrix: sparse.csr_array) -> sparse.csr_array:
    """Return a matrix with indices of 32 bits, the only ones that scikit-learn's solvers take."""
    parts = (matrix.data, matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32))
    return sparse.csr_array(parts, shape=matrix.shape)


@dataclass(frozen=True)
class Groups:
    """Training prefixes that answer together for the prefixes that are like them.

    Attributes:
        members: contexts to a matrix (prefixes, groups), ones where a group answers for a prefix.
        firsts: (groups, items), how often each item is the first choice.
        values: (groups, items), the sum of the item's places in the lessons: 1 for the best of a ranking, 0 for the
            worst.
        counts: (groups, items), how many lessons those are.
        decision: see :func:`_threshold`.
    """

    members: Callable[..., sparse.csr_array]
    firsts: sparse.csr_array
    values: sparse.csr_array
    counts: sparse.csr_array
    decision: Callable[[np.ndarray], np.ndarray] | None = None

    def retrieve(self, contexts: Any) -> np.ndarray:
        total = self.firsts.sum(axis=0)
        # The commoner first choice decides between items that are one equally often.
        return (self.members(contexts) @ self.firsts).toarray() + total / (total.sum() + 1)

    def score(self, contexts: Any, rows: np.ndarray, items: np.ndarray) -> np.ndarray:
        """The mean place of the item in the lessons of the groups, with that of all prefixes as one lesson more."""
        return self._mean(self.members(contexts), rows, items)

    def decide(self, contexts: Any, rows: np.ndarray, items: np.ndarray) -> np.ndarray:
        assert self.decision is not None
        return self.decision(self.score(contexts, rows, items))

    def _mean(self, members: sparse.csr_array, rows: np.ndarray, items: np.ndarray) -> np.ndarray:
        everywhere = (self.values.sum(axis=0) + 0.5) / (self.counts.sum(axis=0) + 1)
        values, counts = ((members @ table).tocsr()[rows, items] for table in (self.values, self.counts))
        return (np.asarray(values).ravel() + everywhere[items]) / (np.asarray(counts).ravel() + 1)

    def threshold(self, members: sparse.csr_array, lessons: Lessons) -> "Groups":
        """Return the same with a threshold; ``members`` are the groups of the prefixes that are asked."""
        _, items, _ = lessons.decisions()
        return replace(
            self, decision=_threshold(self._mean(members, np.tile(np.arange(len(lessons.asked)), 2), items), lessons)
        )


def decision_tree(bags: sparse.csr_array, item_count: int, lessons: Lessons, seed: int) -> Groups:
    """Return a shallow tree: it asks which items a history has; the training prefixes of a leaf answer together."""
    tree = DecisionTreeClassifier(max_depth=DEPTH, min_samples_leaf=LEAF, random_state=seed).fit(bags, lessons.top1)

    def members(contexts: sparse.csr_array) -> sparse.csr_array:
        leaves = tree.apply(contexts)
        shape = (len(leaves), tree.tree_.node_count)
        return sparse.csr_array((np.ones(len(leaves)), (np.arange(len(leaves)), leaves)), shape=shape)

    own = members(bags)
    tables = [(own.T @ table).tocsr() for table in _tables(lessons, item_count)]
    return Groups(members, *tables).threshold(own[lessons.asked], lessons)


def nearest_neighbours(contexts: Any, item_count: int, lessons: Lessons) -> Groups:
    """Return the nearest training prefixes by the cosine of the contexts (prefixes, dim), bags or embeddings."""
    count = contexts.shape[0]
    search = NearestNeighbors(metric="cosine", algorithm="brute").fit(contexts)

    def members(others: Any) -> sparse.csr_array:
        return search.kneighbors_graph(others, min(NEIGHBOURS, count))

    # A training prefix is its own nearest, with the answer that it is asked for.
    near = search.kneighbors(contexts[lessons.asked], min(NEIGHBOURS + 1, count), return_distance=False)
    rows = np.repeat(np.arange(len(near)), near.shape[1])
    other = near.ravel() != lessons.asked[rows]
    shape = (len(near), count)
    own = sparse.csr_array((np.ones(other.sum()), (rows[other], near.ravel()[other])), shape=shape)
    return Groups(members, *_tables(lessons, item_count)).threshold(own, lessons)


def _tables(lessons: Lessons, item_count: int) -> list[sparse.csr_array]:
    """Return firsts, values and counts of :class:`Groups`, each prefix a group of its own."""
    prefixes, candidates = lessons.ranking.shape
    shape, rows = (prefixes, item_count), np.arange(prefixes)
    firsts = sparse.csr_array((np.ones(prefixes), (rows, lessons.top1)), shape=shape)
    ranks = np.tile(np.linspace(1, 0, candidates), prefixes)
    where = (np.repeat(rows, candidates), lessons.ranking.ravel())
    values = sparse.csr_array((ranks, where), shape=shape)
    return [
        firsts,
        (values + firsts).tocsr(),
        (sparse.csr_array((np.ones(len(ranks)), where), shape=shape) + firsts).tocsr(),
    ]


def _classes(model: Any, contexts: Any, truth: np.ndarray, item_count: int) -> Callable[..., np.ndarray]:
    """Fit which item is the first choice; return contexts to scores (prefixes, items), an unseen class's below all."""
    classes = np.unique(truth)
    if len(classes) > 1:
        model.fit(contexts, truth)

    def scores(others: Any) -> np.ndarray:
        result = np.full((others.shape[0], item_count), -np.inf)
        result[:, classes] = _log_odds(model, others) if len(classes) > 1 else 0.0
        return result

    return scores


def _log_odds(model: Any, contexts: Any) -> np.ndarray:
    """Return (prefixes, classes) the decision function, which of two classes has one column only."""
    odds = model.decision_function(contexts)
    return odds if odds.ndim == 2 else np.column_stack([-odds, odds])


def _preference(model: Any, differences: Any) -> np.ndarray:
    """Fit that the better item of each pair scores higher; return the weights (features,)."""
    # Half of the pairs the other way round: a classifier wants two classes.
    signs = np.where(np.arange(differences.shape[0]) % 2, -1.0, 1.0)
    turned = (
        narrow(differences.multiply(signs[:, None]).tocsr())
        if sparse.issparse(differences)
        else differences * signs[:, None]
    )
    return model.fit(turned, signs > 0).coef_[0]


def _threshold(scores: np.ndarray, lessons: Lessons) -> Callable[[np.ndarray], np.ndarray]:
    """Fit from which score on the answer is Yes; ``scores`` (decisions,) are those of :meth:`Lessons.decisions`."""
    scale = StandardScaler().fit(scores[:, None])
    model = LogisticRegression().fit(scale.transform(scores[:, None]), lessons.decisions()[2])
    return lambda others: model.decision_function(scale.transform(others[:, None]))
