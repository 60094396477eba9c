"""One seed in the config, one independent seed per stage."""

import hashlib

import numpy as np


def derive_seed(seed: int, *parts: str | int) -> int:
    """Derive the seed of a stage from the config's seed.

    Args:
        seed: the config's ``seed``.
        parts: what names the stage, for example ``("recommender", "games", "trial", 3)``.

    Returns:
        An integer in ``[0, 2**31)`` that depends on nothing but the arguments.
    """
    key = "/".join([str(seed), *map(str, parts)])
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") >> 1


def make_rng(seed: int, *parts: str | int) -> np.random.Generator:
    """Return a random state of NumPy, seeded by :func:`derive_seed`."""
    return np.random.default_rng(derive_seed(seed, *parts))
