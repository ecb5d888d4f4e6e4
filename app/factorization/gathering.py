"""A row's ratings and their vectors, gathered side by side where they stay in cache, a bounded number at a time."""

from typing import NamedTuple

import numpy as np

from app.factorization.arrays import Floats
from app.factorization.compiled import compiled_part
from app.factorization.kernels import LANES, ROWS, padded
from app.factorization.packing import Packed, place_of
from app.factorization.prefetching import AHEAD, prefetch
from app.factorization.side import Side

FLOATS_HELD = 1 << 21
"""Numbers gathered at a time, 8 MB: nearly all rows have fewer, and those with more gather theirs for every product."""


class Room(NamedTuple):
    """Where one row after another is solved; padded with zeros to `ROWS` and `LANES`."""

    vectors: Floats
    """v_j, ndarray of shape (n, n_factors), float32."""

    linear: Floats
    """l_j, ndarray of shape (n,), float32."""

    quadratic: Floats
    """q_j, ndarray of shape (n,), float32."""

    zeros: Floats
    """Nothing, ndarray of shape (n,), float32."""

    system: Floats
    """ndarray of shape (n_factors, n_factors), float32."""

    work: Floats
    """Vectors of a row in the making, ndarray of shape (6, n_factors), float32."""


def room_for(n_ratings: int, n_factors: int) -> Room:
    """Make room for rows, with the most of their ratings that are gathered at a time.

    Parameters
    ----------
    n_ratings : int
        Ratings of the longest row.
    n_factors : int
        How long vectors are.

    Returns
    -------
    Room
        Nothing yet. A row solved in its dual form, having fewer ratings than factors, always fits.
    """
    width = padded(n_factors, LANES)
    n = padded(min(max(n_ratings, 1), max(FLOATS_HELD // width, width)), ROWS)
    of_ratings = np.zeros((3, n), np.float32)
    rows = np.zeros((n + width + 6, width), np.float32)
    return Room(rows[:n], of_ratings[0], of_ratings[1], of_ratings[2], rows[n:-6], rows[-6:])


@compiled_part
def gather(
    side: Side, start: int, stop: int, others: Floats, packed: Packed, unobserved_weight: float, room: Room
) -> int:
    """Gather some of a row's ratings.

    Parameters
    ----------
    side : Side
        All ratings.
    start : int
        The first rating.
    stop : int
        The one behind the last, or behind the last that there is room for.
    others : ndarray of shape (n_others, n_factors), float32
        All vectors.
    packed : Packed
        The same, if they are packed.
    unobserved_weight : float
        w0.
    room : Gathered
        Where they go.

    Returns
    -------
    int
        How many have been gathered, rounded up to `ROWS`; those beyond the ratings are zero.
    """
    n_factors = others.shape[1]
    n = min(stop - start, len(room.linear))
    n_padded = padded(n, ROWS)
    for j in range(n):
        other = side.indices[start + j]
        to = room.vectors[j]
        ahead = start + j + AHEAD  # perhaps of a row that comes next
        if packed.steps.size:
            if ahead < len(side.indices):
                prefetch(packed.codes, place_of(side.indices[ahead]))
            codes, step = packed.codes[place_of(other)], packed.steps[other]
            for f in range(n_factors):
                to[f] = step * np.float32(codes[f])
        else:
            if ahead < len(side.indices):
                prefetch(others, side.indices[ahead])
            vector = others[other]
            for f in range(n_factors):
                to[f] = vector[f]
        weight = side.weights[start + j] if side.weights.size else np.float32(1.0)
        room.linear[j] = side.other_weights[other] * weight * side.targets[start + j]
        room.quadratic[j] = side.other_weights[other] * (weight - np.float32(unobserved_weight))
    for j in range(n, n_padded):
        to = room.vectors[j]
        for f in range(n_factors):
            to[f] = np.float32(0.0)
        room.linear[j] = room.quadratic[j] = np.float32(0.0)
    return n_padded
