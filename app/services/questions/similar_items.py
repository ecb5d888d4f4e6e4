"""What is like an item, or like several."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.errors import NotFoundError
from app.factorization.quantized import QuantizedVectors
from app.factorization.top_n import Rescaling
from app.services.questions.answers import Answer
from app.services.questions.explaining import named
from app.serving.item_table import Floats
from app.serving.model import Model
from app.serving.snapshot import Snapshot

Metric = Literal["blend", "cosine", "dot"]
UNKNOWN = "no trained model knows this item; it has no ratings, or none that were trained on yet"
_CONTENT_SHARE = np.float32(0.25)


def similar_to(
    snapshot: Snapshot, item_ids: Sequence[str], *, n: int, categories: Sequence[str] = (), metric: Metric = "blend"
) -> Answer:
    """Find the items whose vectors point where the vectors of some items point on average.

    Parameters
    ----------
    snapshot : Snapshot
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
    seeds = np.unique(snapshot.indices_of(item_ids))
    if not len(seeds):
        raise NotFoundError(UNKNOWN)
    direction = _mean_direction(snapshot.vectors(seeds), metric)
    excluded = snapshot.excluded(categories)
    excluded[seeds] = True
    rescalings = [cosine_rescaling(part.vectors) if metric != "dot" else Rescaling() for part in snapshot.search.parts]
    if metric == "blend":
        rescalings[0] = _blended(snapshot.model, seeds[seeds < snapshot.n_trained])
    best, values = snapshot.search.top_n(direction, n, excluded, rescalings=rescalings)
    values = values if metric == "dot" else np.clip(values, -1, 1)
    return Answer(named(snapshot, best, values), "personal", snapshot.model.version)


def cosine_rescaling(searched: QuantizedVectors) -> Rescaling:
    """Turn products with a unit vector into cosines.

    Parameters
    ----------
    searched : QuantizedVectors
        Whose products.

    Returns
    -------
    Rescaling
        For ``top_n``; 0 where a vector is zero.
    """
    return Rescaling(searched.inverse_lengths)


def unit(vector: Floats) -> Floats:
    """Bring a vector to the length 1.

    Parameters
    ----------
    vector : ndarray of shape (n_factors,), float32
        Any; zero stays zero.

    Returns
    -------
    ndarray of shape (n_factors,), float32
        Pointing the same way.
    """
    return np.asarray(vector / (float(np.linalg.norm(vector.astype(np.float64))) or 1.0), np.float32)


def _blended(model: Model, seeds: NDArray[np.intp]) -> Rescaling:
    taste, content = model.factors.item_factors.inverse_lengths, model.categories.cosines(seeds)
    if content is None:
        return Rescaling(taste)
    is_described = model.categories.lengths > 0
    return Rescaling(np.where(is_described, (1 - _CONTENT_SHARE) * taste, taste), _CONTENT_SHARE * content)


def _mean_direction(vectors: Floats, metric: Metric) -> Floats:
    if len(vectors) == 1:
        return vectors[0] if metric == "dot" else unit(vectors[0])
    mean: Floats = np.array([unit(vector) for vector in vectors]).mean(axis=0)
    return mean * np.float32(np.linalg.norm(vectors, axis=1).mean()) if metric == "dot" else unit(mean)
