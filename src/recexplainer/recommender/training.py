"""Training of recommenders: SASRec by full softmax, early stopping on NDCG@10 (sections 3.1.1 and 3.2.2).

The others go the same way: GRU4Rec by the same loss, BERT4Rec by that of hidden items, MF by sweeps.
"""

import copy
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.nn import functional

from recexplainer import seeds
from recexplainer.config.recommender import Sized, Training, Trial
from recexplainer.errors import InputError
from recexplainer.files import read_json, read_safetensors
from recexplainer.recommender.bert4rec import BERT4Rec
from recexplainer.recommender.evaluation import beside_popularity, ndcg, target_ranks
from recexplainer.recommender.gru4rec import GRU4Rec
from recexplainer.recommender.histories import Histories
from recexplainer.recommender.hyperparameters import hyperparameters
from recexplainer.recommender.mf import MF
from recexplainer.recommender.sasrec import SASRec
from recexplainer.recommender.tuning import best_trial, draw
from recexplainer.run_names import DEFAULT
from recexplainer.tensors import check_tensors

logger = logging.getLogger(__name__)

MODELS = {"sasrec": SASRec, "gru4rec": GRU4Rec, "bert4rec": BERT4Rec, "mf": MF}
"""Each has ``forward``, histories (batch, width) in, user embeddings (batch, dim) out; ``items`` and ``max_length``."""

CAUSAL = ("sasrec", "gru4rec")
"""Those of which no position knows what follows it: they can learn at all positions of a history at once."""


@dataclass(frozen=True)
class Trained:
    """A trained recommender.

    Attributes:
        model: with the weights of the best epoch.
        best_epoch: 1-based; 0 if training diverged in its first epoch.
        validation_ndcg10: of the best epoch.
        curve: one row per epoch: ``epoch``, ``train_loss`` (mean cross-entropy, nats), ``validation_ndcg10``.
    """

    model: torch.nn.Module
    best_epoch: int
    validation_ndcg10: float
    curve: pd.DataFrame


def build(settings: Sized, items: int, model: str = DEFAULT) -> torch.nn.Module:
    """Return an untrained recommender, one of :data:`MODELS`, for a catalogue of ``items`` items.

    Raises:
        InputError: there is no such model.
    """
    if model not in MODELS:
        raise InputError(f"recommender model {model!r}; expected one of {', '.join(MODELS)}.")
    architecture = {
        "dim": settings.dim,
        "max_length": settings.max_length,
        "layers": settings.layers,
        "heads": settings.heads,
        "ffn": settings.ffn,
        "activation": settings.activation,
        "hidden_dropout": settings.hidden_dropout,
        "attention_dropout": settings.attention_dropout,
    }
    if model == "mf":
        architecture["weight_decay"] = settings.weight_decay
    return MODELS[model](items=items, **architecture)


def train(histories: Histories, settings: Sized, validation: str, seed: int, kind: str = DEFAULT) -> Trained:
    """Train a recommender: every proper prefix of each user's training part predicts the item that follows it.

    Where the loss is taken at all positions (``loss_at``), a prefix longer than the recommender sees
    may be cut shorter still: a long history is read in stretches that do not overlap.

    Args:
        histories: all prefixes; the items kept for validation and test are never read as inputs or targets.
        settings: hyperparameters.
        validation: ``second_last``: stop on the last item but one; ``test``: on the test item, as the authors'
            code does.
        seed: of weights, dropout and order. The same seed and number of threads give the same bytes.
        kind: one of :data:`MODELS`.

    Raises:
        InputError: no history is long enough to train on.
    """
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seeds.derive_seed(seed, "weights"))
    rng = seeds.make_rng(seed, "order")
    targets = histories.training_targets(validation)
    watched = histories.validation_targets(validation)
    if not len(targets):
        raise InputError(
            "The interactions hold no training target: every history is too short. Raise the filter's `core`."
        )
    model = build(settings, histories.item_count, kind)
    losses_of: Callable[..., Iterator[tuple[torch.Tensor, int]]]
    losses_of, learnt_from = _losses_at_last, targets
    if settings.loss_at == "all" and kind in CAUSAL:
        losses_of, learnt_from = _losses_at_all, histories.training_stretches(validation, model.max_length)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    best_epoch, best_score, best_weights = 0, 0.0, copy.deepcopy(model.state_dict())
    curve = []
    for epoch in range(1, settings.epochs + 1):
        if isinstance(model, MF):
            loss = model.sweep(histories, histories.training_part(validation))
        else:
            losses = losses_of(model, histories, learnt_from, settings.batch_size, rng)
            loss = _train_epoch(model, optimizer, losses, settings.gradient_clip)
        if not math.isfinite(loss):
            logger.warning("epoch %d: the loss is not finite; training diverged and stops here", epoch)
            break
        score = float(ndcg(target_ranks(histories, watched, scorer(model, histories)), 10).mean())
        curve.append((epoch, loss, score))
        logger.info("epoch %d of %d: loss %.4f, validation NDCG@10 %.4f", epoch, settings.epochs, loss, score)
        if best_epoch == 0 or score > best_score:
            best_epoch, best_score, best_weights = epoch, score, copy.deepcopy(model.state_dict())
        if epoch - best_epoch >= settings.patience:
            logger.info("no better epoch than %d for %d epochs; stopping", best_epoch, settings.patience)
            break
    model.load_state_dict(best_weights)
    model.eval()
    return Trained(
        model, best_epoch, best_score, pd.DataFrame(curve, columns=["epoch", "train_loss", "validation_ndcg10"])
    )


def _losses_at_last(
    model: torch.nn.Module, histories: Histories, targets: np.ndarray, batch_size: int, rng: np.random.Generator
) -> Iterator[tuple[torch.Tensor, int]]:
    """Yield each step's mean loss and number of targets: each target is predicted from the prefix before it."""
    targets = rng.permutation(targets)
    for start in range(0, len(targets), batch_size):
        batch = targets[start : start + batch_size]
        wanted = torch.from_numpy(histories.items[batch].astype(np.int64))
        if isinstance(model, BERT4Rec):
            yield model.loss(torch.from_numpy(histories.inputs(batch - 1, model.max_length)), wanted), len(batch)
        else:
            logits = user_embeddings(model, histories, batch - 1) @ model.items().T
            yield functional.cross_entropy(logits, wanted), len(batch)


def _losses_at_all(
    model: torch.nn.Module, histories: Histories, stretches: np.ndarray, batch_size: int, rng: np.random.Generator
) -> Iterator[tuple[torch.Tensor, int]]:
    """Yield the same of steps of about ``batch_size`` targets: each item of a stretch predicts the one after it."""
    stretches = rng.permutation(stretches)
    width = np.minimum(histories.length[stretches], model.max_length)
    alike = np.argsort(width, kind="stable")  # those of one width are read together, so little of a batch is padding
    batches = np.split(stretches[alike], np.flatnonzero(np.diff(width[alike].cumsum() // batch_size)) + 1)
    for number in rng.permutation(len(batches)):
        sequence = histories.inputs(batches[number], model.max_length)
        following = histories.inputs(batches[number] + 1, model.max_length)[:, -sequence.shape[1] :]
        real = sequence > 0
        outputs = model.all_positions(torch.from_numpy(sequence))[torch.from_numpy(real)]
        wanted = torch.from_numpy(following[real] - 1)
        yield functional.cross_entropy(outputs @ model.items().T, wanted), len(wanted)


def _train_epoch(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    losses: Iterator[tuple[torch.Tensor, int]],
    gradient_clip: float,
) -> float:
    """Take a step for each of ``losses`` and return the mean over their targets."""
    model.train()
    total, targets = 0.0, 0
    for loss, count in losses:
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), gradient_clip)
        optimizer.step()
        total += loss.item() * count
        targets += count
    return total / targets


def user_embeddings(model: torch.nn.Module, histories: Histories, rows: np.ndarray) -> torch.Tensor:
    """Return the model's output for the prefixes ``rows``, (rows, dim); short ones are not padded like long ones."""
    max_length = model.max_length
    groups = histories.by_width(rows, max_length)
    parts = [model(torch.from_numpy(histories.inputs(rows[group], max_length))) for group in groups]
    if len(parts) == 1:
        return parts[0]
    return torch.cat(parts)[torch.from_numpy(np.argsort(np.concatenate(groups)))]


@torch.no_grad()
def encode(model: torch.nn.Module, histories: Histories, rows: np.ndarray) -> np.ndarray:
    """Return the user embeddings of the prefixes ``rows``, (rows, dim) float32, in eval mode (no dropout)."""
    model.eval()
    return user_embeddings(model, histories, rows).numpy()


def scorer(model: torch.nn.Module, histories: Histories) -> Any:
    """Return the function that maps prefix rows (batch,) to scores (batch, items)."""
    items = model.items().detach().numpy()
    return lambda rows: encode(model, histories, rows) @ items.T


def run_trial(histories: Histories, settings: Trial, trial: int, seed: int) -> dict[str, Any]:
    """Train with the hyperparameters of one trial.

    Args:
        histories: all prefixes.
        settings: the config's own values, and what is drawn in their place.
        trial: the trial's number.
        seed: of the search and the training.

    Returns:
        ``trial``, ``hyperparameters``, ``validation_ndcg10`` (0 if training diverged) and ``epochs`` run.
    """
    chosen = draw(settings.sasrec, settings.space, trial, seed)
    logger.info("trial %d: %s", trial, chosen)
    trained = train(histories, chosen, settings.validation, seed, settings.model)
    return {
        "trial": trial,
        "hyperparameters": chosen.model_dump(),
        "validation_ndcg10": trained.validation_ndcg10,
        "epochs": len(trained.curve),
    }


@dataclass(frozen=True)
class Recommender:
    """What the training stage writes.

    Attributes:
        weights: the model's parameters by name.
        config: all that rebuilds the model, and how it was chosen.
        curve: see :class:`Trained`.
        metrics: see :func:`recexplainer.recommender.evaluation.beside_popularity`.
    """

    weights: dict[str, torch.Tensor]
    config: dict[str, Any]
    curve: pd.DataFrame
    metrics: pd.DataFrame


def train_best(histories: Histories, trials: Sequence[str | Path], settings: Training, seed: int) -> Recommender:
    """Train with the hyperparameters of the best trial and measure on the test items.

    Popularity is counted on the same training part as SASRec learns from.

    Args:
        histories: all prefixes.
        trials: the JSON files of the random search.
        settings: the model, and how it is measured.
        seed: of training and bootstrap.

    Raises:
        InputError: a trial is broken, or training diverged in its first epoch.
    """
    trial = best_trial(trials)
    validation, kind = settings.validation, settings.model
    logger.info("trial %d of %d is the best: %s", trial["trial"], len(trials), trial["hyperparameters"])
    trained = train(histories, hyperparameters(trial["hyperparameters"]), validation, seed, kind)
    if trained.best_epoch == 0:
        raise InputError("Training diverged in its first epoch with the best trial's values. Lower recommender.lr.")
    config = {
        **({} if kind == DEFAULT else {"model": kind}),
        kind: trial["hyperparameters"],
        "items": histories.item_count,
        "trial": trial["trial"],
        "validation": validation,
        "validation_ndcg10": trained.validation_ndcg10,
        "best_epoch": trained.best_epoch,
    }
    metrics = beside_popularity(
        kind,
        scorer(trained.model, histories),
        histories,
        validation=validation,
        seed=seed,
        bootstrap=settings.bootstrap,
    )
    return Recommender(trained.model.state_dict(), config, trained.curve, metrics)


def load_model(model: str | Path, config: str | Path) -> torch.nn.Module:
    """Rebuild a trained recommender from its ``model.safetensors`` and ``config.json``, in eval mode.

    Raises:
        InputError: a file is missing or broken, or the two do not belong together.
    """
    values = read_json(config)
    kind = values.get("model", DEFAULT) if isinstance(values, dict) else DEFAULT
    shaped = isinstance(values, dict) and isinstance(kind, str) and isinstance(values.get(kind), dict)
    if not shaped or type(values.get("items")) is not int or values["items"] < 1:
        raise InputError(f"{config}: expected the keys {kind!r} and 'items'. Train the recommender again.")
    result = build(hyperparameters(values[kind]), values["items"], kind)
    weights = {name: torch.from_numpy(value) for name, value in read_safetensors(model).items()}
    expected = {name: value.shape for name, value in result.state_dict().items()}
    check_tensors(model, weights, expected, f"It does not fit {config}; train the recommender again.")
    result.load_state_dict(weights)
    return result.eval()
