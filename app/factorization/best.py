"""What every search for the best items shares: the one way to score an item, and the heap of the best so far."""

import numpy as np
from numpy.typing import NDArray

from app.factorization.arrays import Floats
from app.factorization.compiled import compiled, strictly_compiled


@strictly_compiled
def score_of(vectors: Floats, index: int, users: Floats) -> np.float32:
    """Score an item.

    Parameters
    ----------
    vectors : ndarray of shape (n_items, n_factors), float32
        V.
    index : int
        The item.
    users : ndarray of shape (n_users, n_factors), float32
        u.

    Returns
    -------
    float32
        v·u; of several users the least.
    """
    # Single-precision products are exact in double precision. Those of every fourth factor are added in their order, so
    # that no sum waits for the one before, then the four sums, then what is left.
    least, n_factors = np.float32(np.inf), users.shape[1]
    n_in_fours = n_factors - n_factors % 4
    for user in range(len(users)):
        a = b = c = d = 0.0
        for f in range(0, n_in_fours, 4):
            a += np.float64(vectors[index, f]) * np.float64(users[user, f])
            b += np.float64(vectors[index, f + 1]) * np.float64(users[user, f + 1])
            c += np.float64(vectors[index, f + 2]) * np.float64(users[user, f + 2])
            d += np.float64(vectors[index, f + 3]) * np.float64(users[user, f + 3])
        total = (a + b) + (c + d)
        for f in range(n_in_fours, n_factors):
            total += np.float64(vectors[index, f]) * np.float64(users[user, f])
        least = min(least, np.float32(total))
    return least


@compiled
def keep_best(found: NDArray[np.int64], scores: Floats, n_found: int, index: int, score: np.float32) -> int:
    """Put an item into the heap of the best so far, if it belongs there.

    The heap's top is the worst item: the lowest score, of equal ones the greatest index.

    Parameters
    ----------
    found : ndarray of shape (n,), int64
        Item indices.
    scores : ndarray of shape (n,), float32
        Their scores.
    n_found : int
        How many are in the heap.
    index : int
        The item; it comes after those that were given before.
    score : float32
        Its score.

    Returns
    -------
    int
        How many are in the heap now.
    """
    if n_found < len(found):
        _sift_up(found, scores, n_found, index, score)
        return n_found + 1
    if score > scores[0]:  # of equal scores the earlier index stays
        _replace_top(found, scores, index, score)
    return n_found


@compiled
def put_in_order(found: NDArray[np.int64], scores: Floats) -> None:
    """Make a list of a heap, in place: best first, ties by ascending index.

    Parameters
    ----------
    found : ndarray of shape (n,), int64
        Item indices, a heap.
    scores : ndarray of shape (n,), float32
        Their scores.
    """
    for last in range(len(found) - 1, 0, -1):
        index, score = found[last], scores[last]
        found[last], scores[last] = found[0], scores[0]  # the worst that is left
        _replace_top(found[:last], scores[:last], index, score)


@compiled
def _sift_up(found: NDArray[np.int64], scores: Floats, place: int, index: int, score: np.float32) -> None:
    while place > 0:
        parent = (place - 1) // 2
        if scores[parent] < score or (scores[parent] == score and found[parent] > index):
            break
        scores[place], found[place] = scores[parent], found[parent]
        place = parent
    scores[place], found[place] = score, index


@compiled
def _replace_top(found: NDArray[np.int64], scores: Floats, index: int, score: np.float32) -> None:
    n, place = len(found), 0
    while True:
        child = 2 * place + 1
        if child >= n:
            break
        other = child + 1
        if other < n and (
            scores[other] < scores[child] or (scores[other] == scores[child] and found[other] > found[child])
        ):
            child = other
        if score < scores[child] or (score == scores[child] and index > found[child]):
            break
        scores[place], found[place] = scores[child], found[child]
        place = child
    scores[place], found[place] = score, index
