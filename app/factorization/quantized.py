"""Vectors in three bytes a number, of which the first alone bounds every score so tightly that few need be computed.

A vector v is held as v_f = s r_f (q_f + e_f): r_f is the column's root mean square and s the vector's own step, both
rounded to powers of two; the level q_f is a whole number from -127 to 127, and the residual e_f what rounding to it
leaves, in 65,536ths, |e_f| ≤ 1/2. With w = r ∘ u, then, for any u,

    s (q·w − Σ_f |w_f| / 2)  ≤  v·u  ≤  s (q·w + Σ_f |w_f| / 2)

Dividing by the columns' sizes first keeps this tight whether a few columns hold most of the vectors' length, as after
training, or all the same. Powers of two make s r_f (q_f + e_f) a float32 without any rounding: 24 bits that all of a
vector's numbers share an exponent for, where a float32 has 24 bits and an exponent of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.factorization.arrays import Floats, read_only
from app.factorization.compiled import compiled_in_place

ITEMS_PER_BLOCK = 64
"""Vectors whose bounds are computed together: their levels lie one after another, column by column."""

COLUMNS_AT_ONCE = 4
"""Columns of levels are padded with zeros to a multiple of this."""

GREATEST_LEVEL = 127
_RESIDUALS_PER_LEVEL = 1 << 16
_LEAST = 2.0**-100
_ROWS_AT_ONCE = 1 << 13


@dataclass(frozen=True, slots=True)
class QuantizedVectors:
    """Vectors to be searched and gathered; immutable, for any number of threads. The arrays may be memory maps.

    Attributes
    ----------
    levels : ndarray of shape (n_blocks, n_columns, ITEMS_PER_BLOCK), int8
        q, padded with zeros.
    residuals : ndarray of shape (n, n_factors), int16
        65,536 e.
    steps : ndarray of shape (n_blocks, ITEMS_PER_BLOCK), float32
        s.
    scales : ndarray of shape (n_factors,), float32
        r.
    inverse_lengths : ndarray of shape (n,), float32
        1 / ‖v‖, which turns products into cosines; 0 where a vector is zero.
    """

    levels: NDArray[np.int8]
    residuals: NDArray[np.int16]
    steps: Floats
    scales: Floats
    inverse_lengths: Floats

    @classmethod
    def of(cls, vectors: Floats) -> "QuantizedVectors":
        """Bring vectors into this form.

        Parameters
        ----------
        vectors : ndarray of shape (n, n_factors), float32
            Finite.

        Returns
        -------
        QuantizedVectors
            Each number over r_f off by 2⁻²³ of its vector's greatest at most, or by 2⁻¹¹⁷.
        """
        n, n_factors = vectors.shape
        n_blocks, n_columns = _shape_of_blocks(n, n_factors)
        squares = np.einsum("if,if->f", vectors, vectors, dtype=np.float64)
        scales = _power_of_two(np.sqrt(squares / max(n, 1)))
        levels = np.zeros((n_blocks, n_columns, ITEMS_PER_BLOCK), np.int8)
        residuals = np.empty((n, n_factors), np.int16)
        steps = np.zeros((n_blocks, ITEMS_PER_BLOCK), np.float32)
        for start in range(0, n, _ROWS_AT_ONCE):
            part = vectors[start : start + _ROWS_AT_ONCE] / scales.astype(np.float64)
            part_steps = _power_of_two(np.abs(part).max(axis=1, initial=0) / GREATEST_LEVEL)
            whole = np.rint(part / part_steps[:, None].astype(np.float64) * _RESIDUALS_PER_LEVEL).astype(np.int32)
            rounded = (whole + _RESIDUALS_PER_LEVEL // 2) // _RESIDUALS_PER_LEVEL
            residuals[start : start + len(part)] = whole - rounded * _RESIDUALS_PER_LEVEL
            first, n_part_blocks = start // ITEMS_PER_BLOCK, -(-len(part) // ITEMS_PER_BLOCK)
            padded = np.zeros((n_part_blocks * ITEMS_PER_BLOCK, n_columns), np.int8)
            padded[: len(part), :n_factors] = rounded
            blocks = padded.reshape(n_part_blocks, ITEMS_PER_BLOCK, n_columns)
            levels[first : first + n_part_blocks] = blocks.transpose(0, 2, 1)
            steps.reshape(-1)[start : start + len(part)] = part_steps
        lengths = np.sqrt(np.einsum("if,if->i", vectors, vectors, dtype=np.float64))
        inverse = np.divide(1.0, lengths, out=np.zeros(n), where=lengths > _LEAST).astype(np.float32)
        return cls(*(read_only(array) for array in (levels, residuals, steps, scales, inverse)))

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray[Any]], prefix: str) -> "QuantizedVectors":
        """Find vectors among a version's arrays.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            As ``arrays`` named them.
        prefix : str
            Of the names.

        Returns
        -------
        QuantizedVectors
            As they were when the version was made.

        Raises
        ------
        ValueError
            If the arrays do not fit each other.
        """
        levels, residuals, steps, scales, inverse = (arrays[f"{prefix}_{name}"] for name in _NAMES)
        n, n_factors = residuals.shape
        n_blocks, n_columns = _shape_of_blocks(n, n_factors)
        if (
            levels.shape != (n_blocks, n_columns, ITEMS_PER_BLOCK)
            or steps.shape != (n_blocks, ITEMS_PER_BLOCK)
            or (scales.shape, inverse.shape) != ((n_factors,), (n,))
        ):
            raise ValueError(f"{prefix} vectors' levels and residuals contradict each other")
        if min(float(sizes.min(initial=0)) for sizes in (steps, scales, inverse)) < 0:
            raise ValueError(f"{prefix} vectors have negative sizes")
        greatest = float(steps.max(initial=0)) * float(scales.max(initial=0)) * (GREATEST_LEVEL + 1)
        if not greatest < float(np.finfo(np.float32).max):
            raise ValueError(f"{prefix} vectors are not finite")
        return cls(*(read_only(array) for array in (levels, residuals, steps, scales, inverse)))

    def arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Name the arrays.

        Parameters
        ----------
        prefix : str
            Of the names.

        Returns
        -------
        dict of str to ndarray
            For ``read``.
        """
        return {f"{prefix}_{name}": getattr(self, name) for name in _NAMES}

    @property
    def shape(self) -> tuple[int, int]:
        """``(n, n_factors)``."""
        n, n_factors = self.residuals.shape
        return n, n_factors

    @property
    def size(self) -> int:
        """How many numbers."""
        return self.residuals.size

    def __len__(self) -> int:
        return len(self.residuals)

    def __getitem__(self, rows: int | slice | NDArray[Any]) -> Floats:
        """Gather vectors, as NumPy does from an array of them.

        Parameters
        ----------
        rows : int, slice, or ndarray of shape (n_rows,), int
            Which; negative ones count from the end.

        Returns
        -------
        ndarray of shape (n_rows, n_factors), or (n_factors,) of one, float32
            v; always a copy.

        Raises
        ------
        IndexError
            If there is no such row.
        """
        n = len(self)
        indices = np.arange(*rows.indices(n)) if isinstance(rows, slice) else np.asarray(rows)
        if indices.dtype.kind not in "iu" or (indices.size and not -n <= indices.min() <= indices.max() < n):
            raise IndexError(f"rows are whole numbers from {-n} to {n - 1}")
        gathered = np.empty((indices.size, self.shape[1]), np.float32)
        flat = indices.reshape(-1).astype(np.int64)
        _gather(self.levels, self.residuals, self.steps, self.scales, flat, gathered)
        return gathered.reshape(*indices.shape, self.shape[1])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        # of shape (n, n_factors), float32, where NumPy needs one
        return self[:].astype(dtype or np.float32, copy=False)


_NAMES = ("levels", "residuals", "steps", "scales", "inverse_lengths")


@compiled_in_place
def restore(
    levels: NDArray[np.int8], residuals: NDArray[np.int16], steps: Floats, scales: Floats, index: int, vector: Floats
) -> None:
    """Put a vector together, s r_f (q_f + e_f); without rounding, so that the order of the products does not matter.

    Parameters
    ----------
    levels, residuals, steps, scales : ndarray
        As ``QuantizedVectors`` has them.
    index : int
        Its row.
    vector : ndarray of shape (n_factors,), float32
        Where it goes.
    """
    block, place = index // ITEMS_PER_BLOCK, index % ITEMS_PER_BLOCK
    step = steps[block, place] * np.float32(1 / _RESIDUALS_PER_LEVEL)
    of_block = levels[block]
    for f in range(len(vector)):
        whole = np.int32(of_block[f, place]) * np.int32(_RESIDUALS_PER_LEVEL) + np.int32(residuals[index, f])
        vector[f] = np.float32(whole) * (step * scales[f])


@compiled_in_place
def _gather(
    levels: NDArray[np.int8],
    residuals: NDArray[np.int16],
    steps: Floats,
    scales: Floats,
    indices: NDArray[np.int64],
    gathered: Floats,
) -> None:
    for place in range(len(indices)):
        index = indices[place]
        restore(levels, residuals, steps, scales, index if index >= 0 else index + len(residuals), gathered[place])


def _power_of_two(numbers: NDArray[np.float64]) -> Floats:
    # the least that is no less
    fraction, exponent = np.frexp(np.maximum(numbers, _LEAST))
    powers: Floats = np.ldexp(np.float32(1), exponent - (fraction == 0.5))
    return powers


def _shape_of_blocks(n: int, n_factors: int) -> tuple[int, int]:
    return -(-n // ITEMS_PER_BLOCK), -(-n_factors // COLUMNS_AT_ONCE) * COLUMNS_AT_ONCE
