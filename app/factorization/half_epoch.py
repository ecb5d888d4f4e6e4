"""A half-epoch: every row of one side solved against the other side, which stays as it is."""

import numpy as np

from app.factorization.arrays import Floats
from app.factorization.compiled import compiled
from app.factorization.gathering import room_for
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
    room = room_for(side, first, end, n_factors)
    solution = np.zeros(room.vectors.shape[1], np.float32)
    work = np.empty((5, len(solution)), np.float32)
    for row in range(first, end):
        for f in range(n_factors):
            solution[f] = solutions[row, f]
        if n_steps:
            improve_row(side, row, others, shared, n_steps, room, solution, work)
        else:
            solve_row(side, row, others, shared, room, solution, work)
        for f in range(n_factors):
            solutions[row, f] = solution[f]
