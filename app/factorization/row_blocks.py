"""Row blocks of equal work, and a plain thread pool over them; kernels release the GIL, results keep their order."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from app.factorization.arrays import Offsets

Result = TypeVar("Result")

WORK_PER_BLOCK = 1 << 16
"""Ratings (plus rows) in a block: large enough to hide the dispatch, small enough to keep every thread busy."""

ROWS_PER_SLICE = 2048
"""Rows multiplied at once: few enough to stay in cache, many enough for BLAS."""


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
        return list((map if self._pool is None else self._pool.map)(solve, bounds[:-1], bounds[1:]))

    def map_slices(self, work: Callable[[slice], Result], n_rows: int) -> list[Result]:
        """Call `work(slice)` for every few thousand rows.

        Parameters
        ----------
        work : callable
            Called with a slice of rows.
        n_rows : int
            Rows altogether.

        Returns
        -------
        list
            What the calls returned, in order.
        """
        slices = [slice(start, start + ROWS_PER_SLICE) for start in range(0, n_rows, ROWS_PER_SLICE)]
        return list((map if self._pool is None else self._pool.map)(work, slices))


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
    # BLAS on one thread: ours share the work already, and its sums then never depend on how many there are
    with threadpool_limits(1, user_api="blas"):
        if n_threads <= 1:
            yield RowBlocks()
            return
        with ThreadPoolExecutor(n_threads, thread_name_prefix="factorization") as pool:
            yield RowBlocks(pool)
