"""What is like an item, or like several."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from app.errors import NotFoundError
from app.services.answers import Answer
from app.services.explaining import named
from app.serving.live import LiveModel
from app.serving.model import Floats

Metric = Literal["cosine", "dot"]


def similar_to(
    live: LiveModel, item_ids: Sequence[str], *, n: int, categories: Sequence[str] = (), metric: Metric = "cosine"
) -> Answer:
    """Find the items whose vectors point where the vectors of some items point on average.

    Parameters
    ----------
    live : LiveModel
        What is served.
    item_ids : sequence of str
        The items, each as important as another; they are not among the answers.
    n : int
        How many.
    categories : sequence of str
        An item must be in one of them, when any are named.
    metric : str
        ``cosine``, or ``dot``, which prefers long vectors, that is what many people like.

    Returns
    -------
    Answer
        Scores are cosines, or products with the mean of the items' unit vectors (of one item: with its vector).

    Raises
    ------
    NotFoundError
        If the model has none of the items.
    """
    snapshot = live.current
    seeds = np.empty(0, np.intp) if snapshot is None else np.unique(snapshot.indices_of(item_ids))
    if snapshot is None or not len(seeds):
        raise NotFoundError("no trained model knows this item; it has no ratings, or none that were trained on yet")
    direction = _mean_direction(snapshot.vectors(seeds), metric)
    excluded = snapshot.excluded(categories)
    excluded[seeds] = True
    scores = snapshot.scores(direction)
    if metric == "cosine":
        scores = cosines_of(scores, snapshot.lengths, direction)
    best, values = snapshot.best(scores, n, excluded)
    return Answer(named(snapshot, best, values), "personal", snapshot.model.version)


def cosines_of(products: Floats, lengths: Floats, direction: Floats) -> Floats:
    """Turn products with a vector into cosines.

    Parameters
    ----------
    products : ndarray of shape (n,), float32
        Of n vectors with the direction.
    lengths : ndarray of shape (n,), float32
        Of the n vectors.
    direction : ndarray of shape (n_factors,), float32
        The vector.

    Returns
    -------
    ndarray of shape (n,), float32
        0 where a vector is zero.
    """
    scale = lengths * np.float32(np.linalg.norm(direction))
    cosines = np.zeros_like(products)
    np.divide(products, scale, out=cosines, where=scale > 0)
    np.clip(cosines, -1, 1, out=cosines)
    return cosines


def _mean_direction(vectors: Floats, metric: Metric) -> Floats:
    if len(vectors) == 1:
        first: Floats = vectors[0]
        return first
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    mean: Floats = unit.mean(axis=0)
    return mean if metric == "cosine" else np.asarray(mean * lengths.mean(), np.float32)
