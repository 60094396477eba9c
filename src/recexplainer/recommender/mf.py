"""Matrix factorisation for implicit feedback by alternating least squares (Hu, Koren and Volinsky, 2008).

The embedding of a history is the least-squares solution for it, whether or not it was trained on: with item factors Y,
confidence 1 + c for its items and 1 for the others, and regularisation r,

    u = (Y'Y + c Y_h'Y_h + r I)^-1 (1 + c) Y_h' 1.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from recexplainer.recommender.histories import Histories
from recexplainer.recommender.sasrec import INIT_STD

CONFIDENCE = 10.0  # c
REGULARISATION = 1.0  # r where recommender.weight_decay is 0
BATCH = 4096  # users or items that are solved at once


class MF(nn.Module):
    """The recommender.

    Args:
        items: size of the catalogue.
        dim, max_length, weight_decay: see :class:`recexplainer.config.recommender.Sized`; the last
            is the regularisation. Its other values are not used, but for ``epochs`` (sweeps) and ``patience``.
    """

    def __init__(self, items: int, dim: int, max_length: int, weight_decay: float, **_: Any) -> None:
        super().__init__()
        self.max_length = max_length
        self.regularisation = weight_decay or REGULARISATION
        self.factors = nn.Parameter(torch.zeros(items + 1, dim), requires_grad=False)  # row 0 is padding
        nn.init.normal_(self.factors[1:], std=INIT_STD)

    def forward(self, sequence: Tensor) -> Tensor:
        """Return the user embeddings (batch, dim); arguments as SASRec's, the order does not matter."""
        shown = self.factors[sequence].double()  # the padding's factors are zero and add nothing
        return _solve(self.items(), shown.transpose(1, 2) @ shown, shown.sum(1), self.regularisation).float()

    def items(self) -> Tensor:
        """Return the item embeddings, (items, dim)."""
        return self.factors[1:]

    @torch.no_grad()
    def sweep(self, histories: Histories, rows: np.ndarray) -> float:
        """Solve for all users, then for all items; return the mean squared error on the interactions.

        Args:
            histories: all prefixes.
            rows: those whose items are trained on.
        """
        users, items = (
            torch.from_numpy(column[rows].astype(np.int64)) for column in (histories.users, histories.items)
        )
        owners = self._side(self.items(), users, items, int(users.max()) + 1)
        self.factors[1:] = self._side(owners, items, users, histories.item_count).float()
        predicted = (owners[users] * self.items().double()[items]).sum(1)
        return float(((1 - predicted) ** 2).mean())

    def _side(self, others: Tensor, own: Tensor, met: Tensor, count: int) -> Tensor:
        """Return the factors (count, dim) of one side, given those of the other and the pairs of who met whom."""
        order = own.argsort(stable=True)
        own, met = own[order], met[order]
        result = []
        for start in range(0, count, BATCH):
            size = min(BATCH, count - start)
            first, last = torch.searchsorted(own, torch.tensor([start, start + size])).tolist()
            index, factors = own[first:last] - start, others.double()[met[first:last]]
            outer = torch.zeros(size, factors.shape[1], factors.shape[1], dtype=torch.float64)
            outer.index_add_(0, index, factors[:, :, None] * factors[:, None, :])
            total = torch.zeros(size, factors.shape[1], dtype=torch.float64).index_add_(0, index, factors)
            result.append(_solve(others, outer, total, self.regularisation))
        return torch.cat(result)


def _solve(others: Tensor, outer: Tensor, total: Tensor, regularisation: float) -> Tensor:
    """Return the least-squares solutions (rows, dim) from sums over what each row met."""
    others = others.double()
    fixed = others.T @ others + regularisation * torch.eye(others.shape[1], dtype=torch.float64)
    return torch.linalg.solve(fixed + CONFIDENCE * outer, (1 + CONFIDENCE) * total)
