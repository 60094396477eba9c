"""What a plain reader learns from the texts, their verdicts masked: distinction and coherence.

The reader is TF-IDF over words and pairs of words with a linear model, and it never reads a text of a user from whom it
has learnt. It can tell that words differ, not that they are true.
"""

from collections.abc import Sequence

import numpy as np

from recexplainer.faithfulness.masking import mask_verdict
from recexplainer.seeds import make_rng

FEATURES = 20_000
"""Words and pairs of words that are kept at most, the most frequent ones."""


def recognise(texts: dict[str, list[str]], users: Sequence[int], folds: int, seed: int) -> dict[str, list[str | None]]:
    """Return which system the reader takes for the author of each text (distinction).

    Args:
        texts: per system, one per case.
        users: of the cases.
        folds: of the cross-validation; each user's cases are in one.
        seed: of the folds.

    Returns:
        Per system and case a system's name; None where there are not two users and two systems.
    """
    systems = list(texts)
    cases = len(users)
    if len(systems) < 2 or len(set(users)) < 2:
        return {system: [None] * cases for system in systems}
    pooled = [text for system in systems for text in texts[system]]
    authors = np.repeat(np.arange(len(systems)), cases)
    fold = np.tile(_folds(users, folds, seed), len(systems))
    guessed = _out_of_fold(pooled, authors, fold, "classes").astype(int)
    return {
        system: [systems[guess] for guess in guessed[place * cases : (place + 1) * cases]]
        for place, system in enumerate(systems)
    }


def read_scores(texts: list[str], scores: Sequence[float], users: Sequence[int], folds: int, seed: int) -> np.ndarray:
    """Return (cases,) what the reader takes for the recommender's score of the target (coherence).

    Args:
        texts: of one system, one per case.
        scores: the recommender's.
        users, folds, seed: as of :func:`recognise`; NaN where there are not two users.
    """
    if len(set(users)) < 2:
        return np.full(len(texts), np.nan)
    return _out_of_fold(texts, np.asarray(scores, dtype=np.float64), _folds(users, folds, seed), "numbers")


def read_verdicts(
    texts: list[str], decisions: Sequence[bool | None], users: Sequence[int], folds: int, seed: int
) -> list[bool | None]:
    """Return what the reader takes for each text's own decision: how far the masking hides it.

    Args:
        texts: of one system, one per case.
        decisions: of the texts; where None, the reader is not asked.
        users, folds, seed: as of :func:`recognise`.
    """
    asked = [place for place, decision in enumerate(decisions) if decision is not None]
    result: list[bool | None] = [None] * len(texts)
    owners = [users[place] for place in asked]
    if len(set(owners)) < 2:
        return result
    fold = _folds(owners, folds, seed)
    truth = np.array([bool(decisions[place]) for place in asked], dtype=int)
    for place, guess in zip(asked, _out_of_fold([texts[i] for i in asked], truth, fold, "classes"), strict=True):
        result[place] = bool(guess)
    return result


def _folds(users: Sequence[int], folds: int, seed: int) -> np.ndarray:
    """Return (cases,) the fold of each case: users are dealt out in random order."""
    names, owners = np.unique(np.asarray(users), return_inverse=True)
    order = make_rng(seed, "folds").permutation(len(names))
    return (order % min(folds, len(names)))[owners]


def _out_of_fold(texts: list[str], truth: np.ndarray, fold: np.ndarray, kind: str) -> np.ndarray:
    """Return (texts,) the reader's answer for each text after learning from the other folds."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline

    masked = [_readable(text) for text in texts]
    result = np.zeros(len(texts))
    for number in np.unique(fold):
        held, learnt = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        if len(np.unique(truth[learnt])) < 2:
            # Nothing but one answer was seen.
            result[held] = truth[learnt][0]
            continue
        model = LogisticRegression(max_iter=1000) if kind == "classes" else Ridge(alpha=1.0)
        words = TfidfVectorizer(
            ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+", max_features=FEATURES, dtype=np.float64
        )
        reader = make_pipeline(words, model).fit([masked[i] for i in learnt], truth[learnt])
        result[held] = reader.predict([masked[i] for i in held])
    return result


def _readable(text: str) -> str:
    """Return a masked text, or a word where no word is left of it: the reader needs one."""
    masked = mask_verdict(text)
    return masked if any(letter.isalnum() for letter in masked) else "nothing"
