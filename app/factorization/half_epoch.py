"""A half-epoch: every row of one side solved against the other side, which stays as it is."""

import numpy as np

from app.factorization.arrays import Floats
from app.factorization.compiled import compiled
from app.factorization.row_blocks import RowBlocks
from app.factorization.row_solver import Shared, improve_row, solve_row
from app.factorization.side import Side


def solve_half_epoch(side: Side, others: Floats, shared: Shared, rows: RowBlocks) -> Floats:
    """Solve every row exactly.

    Parameters
    ----------
    side : Side
        The rows' ratings and regularization.
    others : ndarray of shape (n_others, n_factors), float32
        The other side's vectors, in their principal axes.
    shared : Shared
        What the systems of all rows share.
    rows : RowBlocks
        Threads to share the work.

    Returns
    -------
    ndarray of shape (n_rows, n_factors), float32
        The rows' vectors.
    """
    solutions = np.empty((len(side.regularization), others.shape[1]), np.float32)
    rows.map(lambda first, end: _solve_block(first, end, side, others, shared, 0, solutions), side.indptr)
    return solutions


def improve_half_epoch(
    side: Side, others: Floats, shared: Shared, rows: RowBlocks, before: Floats, n_steps: int
) -> Floats:
    """Improve every row by conjugate gradients.

    Parameters
    ----------
    side : Side
        The rows' ratings and regularization.
    others : ndarray of shape (n_others, n_factors), float32
        The other side's vectors, in their principal axes.
    shared : Shared
        What the systems of all rows share.
    rows : RowBlocks
        Threads to share the work.
    before : ndarray of shape (n_rows, n_factors), float32
        The rows' vectors before; overwritten.
    n_steps : int
        Steps per row.

    Returns
    -------
    ndarray of shape (n_rows, n_factors), float32
        The rows' vectors.
    """
    rows.map(lambda first, end: _solve_block(first, end, side, others, shared, n_steps, before), side.indptr)
    return before


@compiled
def _solve_block(
    first: int, end: int, side: Side, others: Floats, shared: Shared, n_steps: int, solutions: Floats
) -> None:
    n_factors = others.shape[1]
    longest = 0
    for row in range(first, end):
        longest = max(longest, side.indptr[row + 1] - side.indptr[row])
    gathered = np.empty((longest, n_factors), np.float32)
    for row in range(first, end):
        start, stop = side.indptr[row], side.indptr[row + 1]
        for j in range(stop - start):
            v = others[side.indices[start + j]]
            for f in range(n_factors):
                gathered[j, f] = v[f]
        vectors, targets = gathered[: stop - start], side.targets[start:stop]
        weights = side.weights[start:stop] if side.weights.size else side.weights
        if n_steps:
            improve_row(vectors, targets, weights, side.regularization[row], shared, n_steps, solutions[row])
        else:
            solve_row(vectors, targets, weights, side.regularization[row], shared, solutions[row])
