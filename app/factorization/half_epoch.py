"""A half-epoch: every row of one side solved against the other side, which stays as it is."""

import numpy as np

from app.factorization.arrays import Floats, Indices, Offsets
from app.factorization.compiled import compiled
from app.factorization.row_blocks import RowBlocks
from app.factorization.row_solver import least_regularization, solve_row
from app.factorization.side import Side


def solve_half_epoch(
    side: Side, others: Floats, gramian: Floats, unobserved_weight: float, mean: Floats, rows: RowBlocks
) -> Floats:
    """Solve every row exactly.

    Parameters
    ----------
    side : Side
        The rows' ratings and regularization.
    others : ndarray of shape (n_others, n_factors), float32
        The other side's vectors, in their principal axes.
    gramian : ndarray of shape (n_factors,), float32
        Their squared norms along those axes.
    unobserved_weight : float
        w0.
    mean : ndarray of shape (n_factors,), float32
        What rows are pulled to: μ for users, zero for items.
    rows : RowBlocks
        Threads to share the work.

    Returns
    -------
    ndarray of shape (n_rows, n_factors), float32
        The rows' vectors.
    """
    solutions = np.empty((side.n_rows, others.shape[1]), np.float32)
    floor = least_regularization(gramian, len(others))

    def block(first: int, end: int) -> None:
        _solve_block(
            first,
            end,
            side.indptr,
            side.indices,
            side.targets,
            side.weights,
            side.regularization,
            others,
            gramian,
            unobserved_weight,
            floor,
            mean,
            solutions,
        )

    rows.map(block, side.indptr)
    return solutions


@compiled
def _solve_block(
    first: int,
    end: int,
    indptr: Offsets,
    indices: Indices,
    targets: Floats,
    weights: Floats,
    regularization: Floats,
    others: Floats,
    gramian: Floats,
    unobserved_weight: float,
    floor: float,
    mean: Floats,
    solutions: Floats,
) -> None:
    n_factors = others.shape[1]
    longest = 0
    for row in range(first, end):
        longest = max(longest, indptr[row + 1] - indptr[row])
    gathered = np.empty((longest, n_factors), np.float32)
    for row in range(first, end):
        start, stop = indptr[row], indptr[row + 1]
        for j in range(stop - start):
            v = others[indices[start + j]]
            for f in range(n_factors):
                gathered[j, f] = v[f]
        solve_row(
            gathered[: stop - start],
            targets[start:stop],
            weights[start:stop] if weights.size else weights,
            unobserved_weight,
            gramian,
            regularization[row],
            floor,
            mean,
            solutions[row],
        )
