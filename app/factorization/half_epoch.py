"""A half-epoch: every row of one side solved against the other side, which stays as it is."""

import numpy as np

from app.factorization.arrays import Floats
from app.factorization.compiled import compiled_in_place
from app.factorization.gathering import Room, room_for
from app.factorization.packing import Packed, pack, unpack, unpacked
from app.factorization.row_blocks import RowBlocks
from app.factorization.row_solver import Shared, improve_row, solve_row
from app.factorization.side import Side


def solve_half_epoch(
    side: Side,
    others: Floats,
    shared: Shared,
    solutions: Floats,
    rows: RowBlocks,
    n_steps: int = 0,
    relaxation: float = 0.0,
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
    relaxation : float
        How much further than the steps a row goes; below 1, the loss still falls.
    """
    is_packed = n_steps > 0 and shared.unobserved_weight > 0.0
    packed = pack(others, rows) if is_packed else unpacked(others.shape[1])

    def solve(first: int, end: int) -> None:
        longest = int(np.diff(side.indptr[first : end + 1]).max(initial=0))
        room = room_for(longest, others.shape[1])
        solve_rows(first, end, side, others, packed, shared, n_steps, relaxation, solutions, room)

    rows.map(solve, side.indptr)
    if is_packed:
        unpack(packed, others, rows)


@compiled_in_place
def solve_rows(
    first: int,
    end: int,
    side: Side,
    others: Floats,
    packed: Packed,
    shared: Shared,
    n_steps: int,
    relaxation: float,
    solutions: Floats,
    room: Room,
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
    packed : Packed
        The same, if they are packed.
    shared : Shared
        What the systems of all rows share.
    n_steps : int
        Conjugate-gradient steps per row; 0 for exactly.
    relaxation : float
        ω.
    solutions : ndarray of shape (n_rows, n_factors), float32
        The rows' vectors before and after.
    room : Room
        Room for the longest of them.
    """
    n_factors, solution = others.shape[1], room.work[5]
    ω = np.float32(relaxation)
    for row in range(first, end):
        for f in range(n_factors):
            solution[f] = solutions[row, f]
        if n_steps:
            improve_row(side, row, others, packed, shared, n_steps, room, solution)
        else:
            solve_row(side, row, others, packed, shared, room, solution)
        for f in range(n_factors):  # u + ω (u − u before)
            solutions[row, f] = solution[f] + ω * (solution[f] - solutions[row, f])
