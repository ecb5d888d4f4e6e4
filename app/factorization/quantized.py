"""Vectors with a copy of them in one byte a number, which bounds every score so tightly that few need be computed.

A vector v is written as v_f = s r_f (q_f + e_f): r_f is the column's root mean square, s the vector's own step, q_f a
whole number from -127 to 127, and |e_f| ≤ 1/2 what rounding leaves. With w = r ∘ u, then, for any u,

    s (q·w − Σ_f |w_f| / 2)  ≤  v·u  ≤  s (q·w + Σ_f |w_f| / 2)

Dividing by the columns' sizes first keeps this tight whether a few columns hold most of the vectors' length, as after
training, or all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.factorization.arrays import Floats

ITEMS_PER_BLOCK = 64
"""Vectors whose bounds are computed together: one after another in memory, column by column."""

COLUMNS_AT_ONCE = 4
"""Columns are padded with zeros to a multiple of this."""

GREATEST_LEVEL = 127
_LEAST = np.float32(1e-30)
_ROWS_AT_ONCE = 1 << 14


@dataclass(frozen=True, slots=True)
class QuantizedVectors:
    """Vectors to be searched; immutable, for any number of threads.

    Attributes
    ----------
    vectors : ndarray of shape (n, n_factors), float32
        v; may be a memory map.
    levels : ndarray of shape (n_blocks, n_columns, ITEMS_PER_BLOCK), int8
        q, padded with zeros.
    steps : ndarray of shape (n_blocks, ITEMS_PER_BLOCK), float32
        s.
    scales : ndarray of shape (n_factors,), float32
        r.
    inverse_lengths : ndarray of shape (n,), float32
        1 / ‖v‖, which turns products into cosines; 0 where a vector is zero.
    """

    vectors: Floats
    levels: NDArray[np.int8]
    steps: Floats
    scales: Floats
    inverse_lengths: Floats

    @classmethod
    def of(cls, vectors: Floats) -> "QuantizedVectors":
        """Prepare vectors for being searched.

        Parameters
        ----------
        vectors : ndarray of shape (n, n_factors), float32
            Finite.

        Returns
        -------
        QuantizedVectors
            With the same vectors, and a quarter of their size beside them.
        """
        n, n_factors = vectors.shape
        n_blocks, n_columns = _shape_of_blocks(n, n_factors)
        squares = np.einsum("if,if->f", vectors, vectors, dtype=np.float64)
        scales = np.maximum(np.sqrt(squares / max(n, 1)).astype(np.float32), _LEAST)
        levels = np.zeros((n_blocks, n_columns, ITEMS_PER_BLOCK), np.int8)
        steps = np.zeros((n_blocks, ITEMS_PER_BLOCK), np.float32)
        for start in range(0, n, _ROWS_AT_ONCE):
            part = vectors[start : start + _ROWS_AT_ONCE] / scales
            part_steps = np.maximum(np.abs(part).max(axis=1, initial=0) / np.float32(GREATEST_LEVEL), _LEAST)
            first, n_part_blocks = start // ITEMS_PER_BLOCK, -(-len(part) // ITEMS_PER_BLOCK)
            padded = np.zeros((n_part_blocks * ITEMS_PER_BLOCK, n_columns), np.int8)
            padded[: len(part), :n_factors] = np.rint(part / part_steps[:, None])
            blocks = padded.reshape(n_part_blocks, ITEMS_PER_BLOCK, n_columns)
            levels[first : first + n_part_blocks] = blocks.transpose(0, 2, 1)
            steps.reshape(-1)[start : start + len(part)] = part_steps
        lengths = np.sqrt(np.einsum("if,if->i", vectors, vectors, dtype=np.float64))
        inverse = np.divide(1.0, lengths, out=np.zeros(n), where=lengths > _LEAST).astype(np.float32)
        return cls(*(_read_only(array) for array in (vectors, levels, steps, scales, inverse)))

    @classmethod
    def read(cls, vectors: Floats, arrays: Mapping[str, NDArray[Any]], prefix: str) -> "QuantizedVectors":
        """Find what was prepared among a version's arrays.

        Parameters
        ----------
        vectors : ndarray of shape (n, n_factors), float32
            The vectors.
        arrays : mapping of str to ndarray
            As ``arrays`` named them; versions made without them have them made now.
        prefix : str
            Of the names.

        Returns
        -------
        QuantizedVectors
            As they were when the version was made.

        Raises
        ------
        ValueError
            If the arrays do not fit the vectors.
        """
        names = [f"{prefix}_{name}" for name in _PREPARED]
        if not all(name in arrays for name in names):
            return cls.of(vectors)
        levels, steps, scales, inverse = (arrays[name] for name in names)
        n_blocks, n_columns = _shape_of_blocks(*vectors.shape)
        fits = (
            levels.shape == (n_blocks, n_columns, ITEMS_PER_BLOCK)
            and steps.shape == (n_blocks, ITEMS_PER_BLOCK)
            and scales.shape == vectors.shape[1:]
            and inverse.shape == vectors.shape[:1]
            and levels.dtype == np.int8
            and {steps.dtype, scales.dtype, inverse.dtype} == {np.dtype(np.float32)}
        )
        if not fits:
            raise ValueError(f"{prefix} vectors and their levels contradict each other")
        return cls(*(_read_only(array) for array in (vectors, levels, steps, scales, inverse)))

    def arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Name what was prepared, without the vectors themselves.

        Parameters
        ----------
        prefix : str
            Of the names.

        Returns
        -------
        dict of str to ndarray
            For ``read``.
        """
        return {f"{prefix}_{name}": getattr(self, name) for name in _PREPARED}


_PREPARED = ("levels", "steps", "scales", "inverse_lengths")


def _shape_of_blocks(n: int, n_factors: int) -> tuple[int, int]:
    return -(-n // ITEMS_PER_BLOCK), -(-n_factors // COLUMNS_AT_ONCE) * COLUMNS_AT_ONCE


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    # the kernel is compiled for arrays of one kind, whether they lie in memory or in a file
    view = np.ascontiguousarray(array).view(np.ndarray)
    view.flags.writeable = False
    return view
