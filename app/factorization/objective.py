"""The loss that this package minimizes, and what comes out.

With a_ui in [0, 1] the target of an observed pair (u, i) in Ω, w_ui its weight (1 unless given), and μ the mean user:

    L(U, V) = Σ_i c_i [ Σ_u∈Ω_i w_ui (a_ui − u_u·v_i)²  +  w0 Σ_u∉Ω_i (u_u·v_i)² ]
              + Σ_u λ_u ‖u_u − μ‖²  +  Σ_i λ_i ‖v_i − μ_I‖²

    λ_u = λ (|Ω_u| + w0 · n_items)^ν        λ_i = λ (|Ω_i| + w0 · n_users)^ν
    c_i = |Ω_i|^(−η) / Z, with Z such that the c_i of all ratings are 1 on average
    μ = Σ_u λ_u u_u / Σ_u λ_u, where the loss is least

One number, the unobserved weight w0, spans the family: 0 is observed-only factorization, 1 with λ = 0 is the full
Frobenius norm ‖A − UVᵀ‖² (η = 0), and what lies between is weighted matrix factorization.

The mean item μ_I is zero, except with biases: these are two more axes, one where every item is pinned at 1 (so that the
user's coordinate is the user's bias) and one where every user is (the item's bias, pulled to the mean target).

With `has_selection`, the means of both sides also depend on what was rated: see `selection.py`.

How the loss is minimized is not here: see `alternating.py` and `gradient.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from app.factorization.arrays import Doubles, Floats, Offsets, Vectors
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.observed import squared_errors
from app.factorization.row_blocks import RowBlocks
from app.factorization.selection import selection_matrix

if TYPE_CHECKING:
    from scipy.sparse import csr_array  # which serving does without

_AT_ONCE = 1 << 17

AnyVectors = TypeVar("AnyVectors", bound=Vectors)


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch's report."""

    epoch: int
    """Counted from 1."""

    loss: float
    """L after the epoch."""

    seconds: float
    """Both half-epochs, without computing the loss."""


@dataclass(frozen=True)  # a generic class cannot have slots too in Python 3.11
class FactorsOf(Generic[AnyVectors]):
    """What a fit returns, an immutable value, whichever form its vectors are in.

    Where w0 > 0, both sides are expressed in the principal axes of the item factors, strongest first: there
    Σ_i c_i v_i v_iᵀ is diagonal. Any rotation applied to both sides leaves every score as it is; this one makes folding
    in cheap. With biases, the first axis is the user's bias and the second the item's.
    """

    user_factors: AnyVectors
    """U, of shape (n_users, n_factors)."""

    item_factors: AnyVectors
    """V, of shape (n_items, n_factors)."""

    mean_user: Floats
    """μ, ndarray of shape (n_factors,), float32."""

    mean_item: Floats
    """μ_I, ndarray of shape (n_factors,), float32; zero without biases."""

    user_is_free: Floats
    """1 where users have their own coordinate, 0 where pinned at μ, ndarray of shape (n_factors,), float32."""

    item_is_free: Floats
    """1 where items have their own coordinate, 0 where pinned at μ_I, ndarray of shape (n_factors,), float32."""

    item_gramian: Floats
    """The diagonal of Σ_i c_i v_i v_iᵀ, ndarray of shape (n_factors,), float32."""

    item_weights: Floats
    """c_i, ndarray of shape (n_items,), float32."""

    mean_discount: Floats
    """Z, ndarray of shape (), float32; a new item's weight needs it."""

    item_selection: Floats
    """Y, ndarray of shape (n_items, n_factors), float32; of shape (0, n_factors) without `has_selection`."""

    user_selection: Floats
    """Z, ndarray of shape (n_users, n_factors), float32; of shape (0, n_factors) without `has_selection`."""

    hyperparameters: Hyperparameters
    """What the factors were fitted with, and what folding in needs again."""


Factors = FactorsOf[Floats]
"""As they are fitted: the vectors are arrays of float32."""


def row_regularization(n_ratings: Offsets | int, n_others: int, hyperparameters: Hyperparameters) -> Floats:
    """Compute λ_u of users, or λ_i of items.

    Parameters
    ----------
    n_ratings : ndarray of shape (n_rows,), int64, or int
        |Ω_u| of each row.
    n_others : int
        Rows on the other side: n_items for users, n_users for items.
    hyperparameters : Hyperparameters
        λ, ν and w0.

    Returns
    -------
    ndarray of shape (n_rows,), float32
        λ (|Ω_u| + w0 · n_others)^ν; 0 where there is nothing to regularize against.
    """
    count = np.atleast_1d(n_ratings + hyperparameters.unobserved_weight * n_others).astype(np.float64)
    with np.errstate(divide="ignore"):
        scale = np.where(count > 0, count**hyperparameters.regularization_exponent, 0.0)
    return (hyperparameters.regularization * scale).astype(np.float32)


def ratings_per_item(user_items: csr_array) -> Offsets:
    """Count |Ω_i|, some ratings at a time: `bincount` makes 64-bit copies of what it counts.

    Parameters
    ----------
    user_items : csr_array of shape (n_users, n_items), float32
        The targets.

    Returns
    -------
    ndarray of shape (n_items,), int64
        Ratings of each item.
    """
    counts = np.zeros(user_items.shape[1], np.int64)
    for start in range(0, user_items.nnz, _AT_ONCE):
        counts += np.bincount(user_items.indices[start : start + _AT_ONCE], minlength=len(counts))
    return counts


def item_weight(n_ratings: Offsets, mean_discount: Floats | float, hyperparameters: Hyperparameters) -> Floats:
    """Compute c_i.

    Parameters
    ----------
    n_ratings : ndarray of shape (n_items,), int64
        |Ω_i|; an item without ratings weighs as much as one with one.
    mean_discount : float
        Z.
    hyperparameters : Hyperparameters
        η.

    Returns
    -------
    ndarray of shape (n_items,), float32
        |Ω_i|^(−η) / Z.
    """
    return (_discount(n_ratings, hyperparameters) / float(mean_discount)).astype(np.float32)


def mean_discount_of(n_ratings: Offsets, hyperparameters: Hyperparameters) -> Floats:
    """Compute Z, the mean of |Ω_i|^(−η) over all ratings.

    Parameters
    ----------
    n_ratings : ndarray of shape (n_items,), int64
        |Ω_i|.
    hyperparameters : Hyperparameters
        η.

    Returns
    -------
    ndarray of shape (), float32
        Z; 1 without ratings.
    """
    total = int(n_ratings.sum())
    mean = float(n_ratings @ _discount(n_ratings, hyperparameters)) / total if total else 1.0
    return np.array(mean, np.float32)


def _discount(n_ratings: Offsets, hyperparameters: Hyperparameters) -> Doubles:
    return np.asarray(np.maximum(n_ratings, 1.0) ** -hyperparameters.popularity_discount, np.float64)


def loss(
    user_items: csr_array, factors: Factors, *, weights: Floats | None = None, rows: RowBlocks | None = None
) -> float:
    """Compute L(U, V) in double precision.

    Parameters
    ----------
    user_items : csr_array of shape (n_users, n_items), float32
        The targets a_ui; a stored zero is observed.
    factors : Factors
        U, V, μ and the hyper-parameters.
    weights : ndarray of shape (n_ratings,), float32, optional
        w_ui in the order of `user_items.data`; 1 when not given.
    rows : RowBlocks, optional
        Threads to share the work; one thread when not given.

    Returns
    -------
    float
        The loss.
    """
    U, V, c, hyper = factors.user_factors, factors.item_factors, factors.item_weights, factors.hyperparameters
    w0 = hyper.unobserved_weight
    n_users, n_items = user_items.shape
    # Σ_Ω c [w (a − u·v)² − w0 (u·v)²]
    observed = squared_errors(user_items, U, V, c, w0, weights, rows)
    # w0 Σ_u Σ_i c (u·v)² = w0 Σ_fg (UᵀU)_fg (Σ_i c v_i v_iᵀ)_fg
    everywhere = w0 * float(np.sum(gramian(U, None, rows) * gramian(V, c, rows))) if w0 else 0.0
    λ_users = row_regularization(np.diff(user_items.indptr).astype(np.int64), n_items, hyper)
    λ_items = row_regularization(ratings_per_item(user_items), n_users, hyper)
    if hyper.has_selection:
        chosen, by_whom = (
            selection_matrix(side.indptr.astype(np.int64), side.indices, side.shape[1])
            for side in (user_items, user_items.T.tocsr())
        )
        U, V = U - chosen @ factors.item_selection, V - by_whom @ factors.user_selection
    apart = _weighted_square_sum(λ_users, U, factors.mean_user) + _weighted_square_sum(λ_items, V, factors.mean_item)
    choices = sum(float(np.sum(Y**2, dtype=np.float64)) for Y in (factors.item_selection, factors.user_selection))
    return observed + everywhere + apart + hyper.selection_regularization * choices


def gramian(vectors: Vectors, weights: Floats | None = None, rows: RowBlocks | None = None) -> Doubles:
    """Compute Σ_i c_i v_i v_iᵀ, slice by slice, so that sums are as exact with many rows as with few.

    Parameters
    ----------
    vectors : Vectors of shape (n_rows, n_factors)
        V.
    weights : ndarray of shape (n_rows,), float32, optional
        c; 1 when not given.
    rows : RowBlocks, optional
        Threads to share the work.

    Returns
    -------
    ndarray of shape (n_factors, n_factors), float64
        The sum.
    """

    def product(part: slice) -> Floats:
        scaled = vectors[part] if weights is None else vectors[part] * np.sqrt(weights[part, np.newaxis])
        return np.asarray(scaled.T @ scaled, np.float32)

    total = np.zeros((vectors.shape[1], vectors.shape[1]))
    for partial in (rows or RowBlocks()).map_slices(product, len(vectors)):
        total += partial
    return total


def _weighted_square_sum(weights: Floats, vectors: Floats, centre: Floats) -> float:
    total = 0.0
    for start in range(0, len(vectors), 4096):
        block = vectors[start : start + 4096] - centre
        total += float(np.einsum("u,uf,uf->", weights[start : start + 4096], block, block, dtype=np.float64))
    return total
