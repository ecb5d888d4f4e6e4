"""Vectors as 16-bit integers while the other side is solved: a gathered row comes out of memory in half the time.

The integers lie in the vectors' own memory, so that a half-epoch needs no more of it. A vector is rounded to multiples
of its largest coordinate / 32,767; what the rows solved against it miss of their optimum is of second order in that.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.factorization.arrays import Floats
from app.factorization.compiled import inlined
from app.factorization.row_blocks import ROWS_PER_SLICE, RowBlocks

_LARGEST = np.float32(np.iinfo(np.int16).max)
_LEAST_STEP = np.float32(1e-30)


class Packed(NamedTuple):
    """Vectors in 16 bits, or nothing."""

    codes: NDArray[np.int16]
    """v / step of row r in row `place_of(r)`, ndarray of shape (2 n_rows, n_factors), int16."""

    steps: Floats
    """ndarray of shape (n_rows,), float32; of shape (0,) where vectors are not packed."""


@inlined
def place_of(row: int) -> int:
    """Say where a packed row lies: those of a slice side by side, in the first half of the slice's memory.

    Parameters
    ----------
    row : int
        Of the vectors.

    Returns
    -------
    int
        Of the codes.
    """
    return row + row // ROWS_PER_SLICE * ROWS_PER_SLICE


def unpacked(n_factors: int) -> Packed:
    """Say that vectors are not packed.

    Parameters
    ----------
    n_factors : int
        How long they are.

    Returns
    -------
    Packed
        Empty.
    """
    return Packed(np.empty((0, n_factors), np.int16), np.empty(0, np.float32))


def pack(vectors: Floats, rows: RowBlocks) -> Packed:
    """Pack vectors in place; they make no sense until they are unpacked.

    Parameters
    ----------
    vectors : ndarray of shape (n_rows, n_factors), float32
        Overwritten.
    rows : RowBlocks
        Threads to share the work.

    Returns
    -------
    Packed
        In the same memory.
    """
    n_rows, n_factors = vectors.shape
    packed = Packed(vectors.reshape(-1).view(np.int16).reshape(2 * n_rows, n_factors), np.empty(n_rows, np.float32))
    rows.map_slices(partial(_pack, vectors, packed), n_rows)
    return packed


def unpack(packed: Packed, vectors: Floats, rows: RowBlocks) -> None:
    """Make vectors of what `pack` made of them, rounded.

    Parameters
    ----------
    packed : Packed
        From `pack`.
    vectors : ndarray of shape (n_rows, n_factors), float32
        The same that were packed; overwritten.
    rows : RowBlocks
        Threads to share the work.
    """
    rows.map_slices(partial(_unpack, vectors, packed), len(vectors))


def _pack(vectors: Floats, packed: Packed, part: slice) -> None:
    block = vectors[part]
    steps = np.maximum(np.abs(block).max(axis=1), _LEAST_STEP) / _LARGEST
    packed.steps[part] = steps
    with np.errstate(invalid="ignore"):  # infinities, which the steps keep
        packed.codes[_place(part, len(block))] = np.rint(block / steps[:, np.newaxis])


def _unpack(vectors: Floats, packed: Packed, part: slice) -> None:
    steps = packed.steps[part]
    with np.errstate(invalid="ignore"):
        vectors[part] = packed.codes[_place(part, len(steps))] * steps[:, np.newaxis]


def _place(part: slice, n_rows: int) -> slice:
    return slice(2 * part.start, 2 * part.start + n_rows)  # from place_of(part.start), which is a multiple
