"""From a trained recommender to the three files that later stages read."""

import logging

import numpy as np
import pyarrow as pa
from torch.nn import Module

from recexplainer.config.labels import Labels
from recexplainer.errors import InputError
from recexplainer.recommender.histories import Histories
from recexplainer.recommender.labels import label_prefixes, similar_items
from recexplainer.recommender.training import encode

logger = logging.getLogger(__name__)


def export(
    model: Module, histories: Histories, settings: Labels, seed: int
) -> tuple[dict[str, np.ndarray], pa.Table, pa.Table]:
    """Compute the embeddings once, in eval mode, and the labels from them.

    Args:
        model: a trained recommender.
        histories: all prefixes.
        settings: what the labels are drawn by, and how many prefixes at a time.
        seed: of the labels' draws.

    Returns:
        The embeddings ``user`` (prefixes, dim) and ``item`` (items, dim), both float32; the labels; the similar items.

    Raises:
        InputError: the model was trained on another catalogue, or the catalogue is too small for the labels.
    """
    batch_size = settings.batch_size
    items = model.items().detach().numpy()
    if len(items) != histories.item_count:
        raise InputError(
            f"The model knows {len(items)} items and the catalogue has {histories.item_count}. "
            "Train the recommender again."
        )
    rows = np.arange(len(histories))
    users = np.concatenate(
        [encode(model, histories, rows[i : i + batch_size]) for i in range(0, len(rows), batch_size)]
    )
    logger.info("encoded %d prefixes", len(users))
    labels = label_prefixes(users, items, histories, settings, seed, batch_size)
    return {"user": users, "item": items}, labels, similar_items(items, settings.similar, batch_size)
