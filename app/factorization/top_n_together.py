"""The best items for several users in one pass: what a pass reads and unpacks of the items serves all of them.

The results are those of ``top_n``, bit for bit: bounds decide only whose score is computed, and scores are its own.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.factorization.arrays import Floats
from app.factorization.best import keep_best, put_in_order, score_of
from app.factorization.bounds import prepared
from app.factorization.compiled import compiled
from app.factorization.quantized import COLUMNS_AT_ONCE, ITEMS_PER_BLOCK, QuantizedVectors, restore
from app.factorization.top_n import After, frozen

MOST_TOGETHER = 16
"""Users of one pass, a bit each."""

USERS_AT_ONCE = 4
"""Users whose bounds are computed together; padded to a multiple of this."""


_NOTHING = np.empty(0, np.intp)


class Search(NamedTuple):
    """What is looked for, for one user."""

    user_vector: Floats
    """u, ndarray of shape (n_factors,), float32."""

    n: int
    """How many items."""

    excluded: NDArray[np.bool_]
    """Items that must not come, ndarray of shape (n_items,), bool; several users may have one array together."""

    out: NDArray[np.intp] = _NOTHING
    """Further items that must not come, ndarray of shape (n_out,), intp."""

    after: After = After()
    """Where the list begins."""


def top_n_together(items: QuantizedVectors, searches: Sequence[Search]) -> list[tuple[NDArray[np.intp], Floats]]:
    """Find the items with the highest scores, for several users.

    Parameters
    ----------
    items : QuantizedVectors
        V.
    searches : sequence of Search
        At most `MOST_TOGETHER`.

    Returns
    -------
    list of (item_indices, scores)
        Of each search, as `top_n` returns them.
    """
    n_items = len(items)
    lengths = np.array([min(max(search.n, 0), n_items) for search in searches], np.int64)
    vectors = np.zeros((-(-len(searches) // USERS_AT_ONCE) * USERS_AT_ONCE, items.shape[1]), np.float32)
    vectors[: len(searches)] = [search.user_vector for search in searches]
    users = frozen(vectors)
    excluded, common = np.zeros(n_items, np.uint16), {id(search.excluded): search.excluded for search in searches}
    for identity, array in common.items():
        bits = sum(1 << place for place, search in enumerate(searches) if id(search.excluded) == identity)
        _mark(excluded, frozen(array, np.bool_), np.uint16(bits))
    for place, search in enumerate(searches):
        excluded[search.out] |= np.uint16(1 << place)
    n_most = int(lengths.max(initial=0))
    found, scores = np.empty((len(searches), n_most), np.int64), np.empty((len(searches), n_most), np.float32)
    n_found = np.zeros(len(searches), np.int64)
    if n_items and n_most:
        _scan_together(
            items.levels,
            items.residuals,
            items.steps,
            items.scales,
            users,
            excluded,
            np.array([search.after.score for search in searches], np.float32),
            np.array([search.after.item_index for search in searches], np.int64),
            lengths,
            found,
            scores,
            n_found,
        )
    found = found.astype(np.intp, copy=False)
    return [(found[user, :n], scores[user, :n]) for user, n in enumerate(n_found.tolist())]


@compiled
def _mark(marks: NDArray[np.uint16], excluded: NDArray[np.bool_], mark: np.uint16) -> None:
    for index in range(len(excluded)):
        marks[index] |= mark * excluded[index]


@compiled
def _set_bounds(levels: NDArray[np.int8], steps: Floats, weights: Floats, slack: Floats, bounds: Floats) -> None:
    # as for one user, for four: each level is read and made a float once for all of them
    for user in range(USERS_AT_ONCE):
        for place in range(ITEMS_PER_BLOCK):
            bounds[user, place] = slack[user]
    h, i, j, k = bounds[0], bounds[1], bounds[2], bounds[3]
    for f in range(0, len(levels), COLUMNS_AT_ONCE):
        p, q, r, s = levels[f], levels[f + 1], levels[f + 2], levels[f + 3]
        ha, hb, hc, hd = weights[0, f], weights[0, f + 1], weights[0, f + 2], weights[0, f + 3]
        ia, ib, ic, ie = weights[1, f], weights[1, f + 1], weights[1, f + 2], weights[1, f + 3]
        ja, jb, jc, jd = weights[2, f], weights[2, f + 1], weights[2, f + 2], weights[2, f + 3]
        ka, kb, kc, kd = weights[3, f], weights[3, f + 1], weights[3, f + 2], weights[3, f + 3]
        for place in range(ITEMS_PER_BLOCK):
            a, b = np.float32(p[place]), np.float32(q[place])
            c, d = np.float32(r[place]), np.float32(s[place])
            h[place] += ha * a + hb * b + hc * c + hd * d
            i[place] += ia * a + ib * b + ic * c + ie * d
            j[place] += ja * a + jb * b + jc * c + jd * d
            k[place] += ka * a + kb * b + kc * c + kd * d
    for user in range(USERS_AT_ONCE):
        for place in range(ITEMS_PER_BLOCK):
            bounds[user, place] *= steps[place]


@compiled
def _scan_together(
    levels: NDArray[np.int8],
    residuals: NDArray[np.int16],
    steps: Floats,
    scales: Floats,
    users: Floats,
    excluded: NDArray[np.uint16],
    after_scores: Floats,
    after_indices: NDArray[np.int64],
    lengths: NDArray[np.int64],
    found: NDArray[np.int64],
    scores: Floats,
    n_found: NDArray[np.int64],
) -> None:
    n_items, n_users = len(residuals), len(lengths)
    weights, slack = prepared(users, scales, levels.shape[1])
    worst = np.full(n_users, -np.inf, np.float32)
    bounds = np.empty((USERS_AT_ONCE, ITEMS_PER_BLOCK), np.float32)
    vector = np.empty((1, residuals.shape[1]), np.float32)
    for block in range(len(levels)):
        first = block * ITEMS_PER_BLOCK
        for start in range(0, n_users, USERS_AT_ONCE):
            end = start + USERS_AT_ONCE
            _set_bounds(levels[block], steps[block], weights[start:end], slack[start:end], bounds)
            for user in range(start, min(end, n_users)):
                of_block, n = bounds[user - start], lengths[user]
                n_left = 0
                for place in range(ITEMS_PER_BLOCK):
                    n_left += not of_block[place] < worst[user]  # what is no number passes, and its score decides
                if not n_left or not n:
                    continue
                of_user, its_scores, after = found[user][:n], scores[user][:n], after_scores[user]
                for place in range(min(ITEMS_PER_BLOCK, n_items - first)):
                    index = first + place
                    if of_block[place] < worst[user] or (excluded[index] >> user) & 1:
                        continue
                    restore(levels, residuals, steps, scales, index, vector[0])
                    score = score_of(vector, 0, users[user : user + 1])
                    if score > after or (score == after and index <= after_indices[user]):
                        continue
                    n_found[user] = keep_best(of_user, its_scores, n_found[user], index, score)
                    if n_found[user] == n:
                        worst[user] = its_scores[0]
    for user in range(n_users):
        put_in_order(found[user, : n_found[user]], scores[user, : n_found[user]])
