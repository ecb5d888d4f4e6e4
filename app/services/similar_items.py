"""What is like an item, or like several."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.errors import NotFoundError
from app.services.answers import Answer
from app.services.explaining import named
from app.serving.live import LiveModel
from app.serving.model import Floats, Model

Metric = Literal["blend", "cosine", "dot"]
_CONTENT_SHARE = np.float32(0.25)


def similar_to(
    live: LiveModel, item_ids: Sequence[str], *, n: int, categories: Sequence[str] = (), metric: Metric = "blend"
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
        ``cosine`` of the item vectors; ``dot``, which prefers long vectors, that is what many people like; or
        ``blend``: the cosine with a quarter for shared categories, the rarer the more, where both items have any.

    Returns
    -------
    Answer
        Scores are cosines, blends, or products with the mean of the items' unit vectors (of one: with its vector).

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
    if metric != "dot":
        scores = cosines_of(scores, snapshot.lengths, direction)
    if metric == "blend":
        trained = scores[: snapshot.n_trained]
        content, is_described = category_cosines(snapshot.model, seeds[seeds < snapshot.n_trained])
        trained[is_described] += _CONTENT_SHARE * (content - trained)[is_described]
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


def category_cosines(model: Model, seeds: NDArray[np.intp]) -> tuple[Floats, NDArray[np.bool_]]:
    """Compare the categories of trained items with those of some items, as the version knows them.

    An item's content vector has log(n_items / n_members) for each of its categories.

    Parameters
    ----------
    model : Model
        The version.
    seeds : ndarray of shape (n_seeds,), intp
        Trained items.

    Returns
    -------
    cosines : ndarray of shape (n_items,), float32
        With the mean of the seeds' unit vectors.
    is_described : ndarray of shape (n_items,), bool
        Where there is something to compare.
    """
    items, sizes = model.items, np.diff(model.items.category_offsets)
    rarity = np.log(len(items.item_keys) / np.maximum(sizes, 1))
    category = np.repeat(np.arange(len(sizes)), sizes)
    squares = np.bincount(items.category_items, rarity[category] ** 2, minlength=len(items.item_keys))
    lengths = np.sqrt(squares)
    is_seeds = np.isin(items.category_items, seeds[lengths[seeds] > 0])
    of_seed, its_category = items.category_items[is_seeds], category[is_seeds]
    wanted = np.bincount(its_category, rarity[its_category] / lengths[of_seed], minlength=len(sizes))
    norm = float(np.linalg.norm(wanted))
    products = np.bincount(items.category_items, (wanted * rarity)[category], minlength=len(items.item_keys))
    is_described = (lengths > 0) & (norm > 0)
    cosines = np.divide(products, lengths * norm, out=np.zeros(len(products)), where=is_described)
    return cosines.astype(np.float32), is_described


def _mean_direction(vectors: Floats, metric: Metric) -> Floats:
    if len(vectors) == 1:
        first: Floats = vectors[0]
        return first
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    mean: Floats = unit.mean(axis=0)
    return mean if metric != "dot" else np.asarray(mean * lengths.mean(), np.float32)
