"""The truncated singular value decomposition: the optimum at w0 = 1, λ = 0, by Eckart and Young."""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds

from app.factorization.arrays import Doubles, Floats


def truncated_svd(user_items: csr_array, n_factors: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Factor the targets, absent ones as zero, into the nearest UVᵀ of a rank.

    Parameters
    ----------
    user_items : csr_array of shape (n_users, n_items), float32
        The targets A.
    n_factors : int
        The rank; axes beyond that of A are zero.
    rng : numpy.random.Generator
        The source of chance for the first vector of the iteration.

    Returns
    -------
    user_factors : ndarray of shape (n_users, n_factors), float32
        Left singular vectors times the roots of the singular values, which descend.
    item_factors : ndarray of shape (n_items, n_factors), float32
        Right singular vectors times the same.

    References
    ----------
    Eckart and Young, The approximation of one matrix by another of lower rank, Psychometrika 1936.
    """
    n_users, n_items = user_items.shape
    left: Doubles = np.zeros((n_users, 0))
    values: Doubles = np.zeros(0)
    right: Doubles = np.zeros((0, n_items))
    rank = min(n_factors, n_users, n_items)
    is_empty = not user_items.data.any()  # also where all targets are zero, which no iteration can start from
    if not is_empty and rank == min(n_users, n_items):
        left, values, right = np.linalg.svd(user_items.toarray().astype(np.float64), full_matrices=False)
    elif not is_empty:
        first = rng.standard_normal(min(n_users, n_items))
        found = svds(user_items.astype(np.float64), k=rank, v0=first)
        left, values, right = (np.asarray(part, np.float64) for part in found)
    strongest_first = np.argsort(-values, kind="stable")[:rank]
    roots = np.sqrt(values[strongest_first])
    return _padded(left[:, strongest_first] * roots, n_factors), _padded(right[strongest_first].T * roots, n_factors)


def _padded(vectors: Doubles, n_factors: int) -> Floats:
    return np.pad(vectors, ((0, 0), (0, n_factors - vectors.shape[1]))).astype(np.float32)
