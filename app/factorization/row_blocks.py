"""Row blocks of equal work, and a plain thread pool over them; kernels release the GIL, results keep their order."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import numpy as np

from app.factorization.arrays import Offsets

Result = TypeVar("Result")

WORK_PER_BLOCK = 1 << 16
"""Ratings (plus rows) in a block: large enough to hide the dispatch, small enough to keep every thread busy."""


class RowBlocks:
    """Run a function over blocks of rows, on as many threads as were asked for.

    Blocks depend on the data alone, never on the number of threads, so neither do results.

    Parameters
    ----------
    pool : ThreadPoolExecutor, optional
        The threads; the caller's own when not given.
    """

    def __init__(self, pool: ThreadPoolExecutor | None = None) -> None:
        self._pool = pool

    def map(self, solve: Callable[[int, int], Result], indptr: Offsets) -> list[Result]:
        """Call `solve(first_row, end_row)` for every block.

        Parameters
        ----------
        solve : callable
            Called with the first row of a block and the row behind its last.
        indptr : ndarray of shape (n_rows + 1,), int64
            Where each row's ratings begin.

        Returns
        -------
        list
            What the calls returned, in the order of the blocks.
        """
        bounds = block_bounds(indptr)
        run = map if self._pool is None else self._pool.map
        return list(run(solve, bounds[:-1], bounds[1:]))


def block_bounds(indptr: Offsets) -> list[int]:
    """Divide rows into blocks of about `WORK_PER_BLOCK`.

    Parameters
    ----------
    indptr : ndarray of shape (n_rows + 1,), int64
        Where each row's ratings begin.

    Returns
    -------
    list of int
        The blocks' first rows, ascending, then the number of rows.
    """
    work = indptr + 8 * np.arange(len(indptr))  # a row without ratings costs about as much as eight ratings
    n_blocks = int(work[-1] // WORK_PER_BLOCK) + 1
    bounds = np.searchsorted(work, np.linspace(0, int(work[-1]), n_blocks + 1))
    return [int(row) for row in np.unique(bounds)] if len(indptr) > 1 else [0]


@contextmanager
def threads(n_threads: int) -> Iterator[RowBlocks]:
    """Open a pool of threads.

    Parameters
    ----------
    n_threads : int
        How many; with one, work runs on the caller's thread.

    Yields
    ------
    RowBlocks
        Shares work among them.
    """
    if n_threads <= 1:
        yield RowBlocks()
        return
    with ThreadPoolExecutor(n_threads, thread_name_prefix="factorization") as pool:
        yield RowBlocks(pool)
