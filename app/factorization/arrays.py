"""Names for the arrays that go in and out."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
"""Vectors, targets, weights: single precision, which halves what must be read from memory."""

Doubles = NDArray[np.float64]
"""Sums over many of them."""

Indices = NDArray[np.int32]
"""Rows of the other side."""

Offsets = NDArray[np.int64]
"""Where each row's ratings begin."""


class Vectors(Protocol):
    """Vectors that are gathered by their rows: an array of shape (n, n_factors), float32, or `QuantizedVectors`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """How many, and their length."""

    def __len__(self) -> int:
        """Count them."""

    def __getitem__(self, rows: Any, /) -> Any:
        """Gather some, as an array of float32."""


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Make an array of the one kind that kernels are compiled for, whether it lies in memory or in a mapped file.

    Parameters
    ----------
    array : ndarray
        Copied only where it is not contiguous.

    Returns
    -------
    ndarray
        That cannot be written to.
    """
    view = np.ascontiguousarray(array).view(np.ndarray)
    view.flags.writeable = False
    return view
