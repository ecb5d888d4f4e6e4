"""A half-epoch: every row of one side solved against the other side, which stays as it is."""

import numpy as np

from app.factorization.arrays import Floats, Indices
from app.factorization.compiled import compiled, inlined
from app.factorization.kernels import LANES, ROWS, padded
from app.factorization.row_blocks import RowBlocks
from app.factorization.row_solver import Shared, improve_row, solve_row
from app.factorization.side import Side


def solve_half_epoch(
    side: Side, others: Floats, shared: Shared, solutions: Floats, rows: RowBlocks, n_steps: int = 0
) -> None:
    """Solve every row, exactly or as far as some conjugate-gradient steps come.

    Parameters
    ----------
    side : Side
        The rows' ratings and regularization.
    others : ndarray of shape (n_others, n_factors), float32
        The other side's vectors, in their principal axes.
    shared : Shared
        What the systems of all rows share.
    solutions : ndarray of shape (n_rows, n_factors), float32
        The rows' vectors before, where steps start; overwritten by those after.
    rows : RowBlocks
        Threads to share the work.
    n_steps : int
        Steps per row; 0 for exactly.
    """
    rows.map(lambda first, end: solve_rows(first, end, side, others, shared, n_steps, solutions), side.indptr)


@compiled
def solve_rows(
    first: int, end: int, side: Side, others: Floats, shared: Shared, n_steps: int, solutions: Floats
) -> None:
    """Solve a block of rows; folding in is a block of one.

    Parameters
    ----------
    first : int
        The first row.
    end : int
        The row behind the last.
    side : Side
        The rows' ratings and regularization.
    others : ndarray of shape (n_others, n_factors), float32
        The other side's vectors.
    shared : Shared
        What the systems of all rows share.
    n_steps : int
        Conjugate-gradient steps per row; 0 for exactly.
    solutions : ndarray of shape (n_rows, n_factors), float32
        The rows' vectors before and after.
    """
    n_factors = others.shape[1]
    longest = 0
    for row in range(first, end):
        longest = max(longest, side.indptr[row + 1] - side.indptr[row])
    gathered = np.zeros((padded(longest, ROWS), padded(n_factors, LANES)), np.float32)
    linear, quadratic = np.zeros(len(gathered), np.float32), np.zeros(len(gathered), np.float32)
    solution = np.zeros(gathered.shape[1], np.float32)
    work = np.empty((5, gathered.shape[1]), np.float32)
    for row in range(first, end):
        start, stop = side.indptr[row], side.indptr[row + 1]
        n, n_padded = stop - start, padded(stop - start, ROWS)
        gather(others, side.indices[start:stop], gathered[:n_padded])
        for j in range(n_padded):
            linear[j] = quadratic[j] = np.float32(0.0)
            if j < n:
                weight = side.weights[start + j] if side.weights.size else np.float32(1.0)
                other = side.other_weights[side.indices[start + j]]
                linear[j] = other * weight * side.targets[start + j]
                quadratic[j] = other * (weight - np.float32(shared.unobserved_weight))
        for f in range(n_factors):
            solution[f] = solutions[row, f]
        if n_steps:
            improve_row(
                gathered[:n_padded],
                linear[:n_padded],
                quadratic[:n_padded],
                side.regularization[row],
                shared,
                n_steps,
                solution,
                work,
            )
        else:
            solve_row(
                gathered[:n_padded], linear[:n_padded], quadratic[:n_padded], side.regularization[row], shared, solution
            )
        for f in range(n_factors):
            solutions[row, f] = solution[f]


@inlined
def gather(others: Floats, indices: Indices, gathered: Floats) -> None:
    """Copy a row's vectors side by side, where they stay in cache.

    Parameters
    ----------
    others : ndarray of shape (n_others, n_factors), float32
        All vectors.
    indices : ndarray of shape (n,), int32
        Those wanted.
    gathered : ndarray of shape (n or up to `ROWS` more, n_factors or more), float32
        Where they go; rows beyond n become zero, columns beyond n_factors stay so.
    """
    n_factors = others.shape[1]
    for j in range(len(gathered)):
        to = gathered[j]
        if j < len(indices):
            vector = others[indices[j]]
            for f in range(n_factors):
                to[f] = vector[f]
        else:
            for f in range(n_factors):
                to[f] = np.float32(0.0)
