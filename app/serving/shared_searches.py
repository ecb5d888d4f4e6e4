"""Where threads meet that look through the same items at the same time: one of them goes through these for several."""

import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from app.factorization.arrays import Floats
from app.factorization.quantized import QuantizedVectors
from app.factorization.top_n import top_n
from app.factorization.top_n_together import MOST_TOGETHER, USERS_AT_ONCE, Search, top_n_together

Found = tuple[NDArray[np.intp], Floats]

QUICK = 1 << 21
"""To go through so many numbers takes no longer than to hand the work to a thread and back on busy processors."""

_FEWEST = USERS_AT_ONCE - 1  # fewer take longer together than one after another


@dataclass(slots=True, eq=False)
class _Waiting:
    search: Search
    turn: Lock = field(default_factory=Lock)
    batch: "Sequence[_Waiting]" = ()  # what this one's thread is to look for, when its turn has come
    found: Found | None = None
    error: Exception | None = None


class SharedSearches:
    """Searches of one set of items by any number of threads, of which as many as there are processors go through it.

    Who comes meanwhile waits, and the next pass is for several of them together. What is found is what each
    would have found alone.

    Parameters
    ----------
    n_passes : int, optional
        Passes at a time; by default one a processor.
    quick : int
        Numbers that are gone through alone, whoever else does so.
    """

    def __init__(self, n_passes: int | None = None, quick: int = QUICK) -> None:
        self._quick = quick
        self._n_passes = n_passes or os.cpu_count() or 1
        self._n_free = self._n_passes
        self._waiting: deque[_Waiting] = deque()
        self._lock = Lock()

    def top_n(self, items: QuantizedVectors, search: Search) -> Found:
        """Find the items with the highest scores.

        Parameters
        ----------
        items : QuantizedVectors
            Always the same.
        search : Search
            What to look for.

        Returns
        -------
        item_indices : ndarray of shape (min(n, items left),), intp
            Best first.
        scores : ndarray of the same shape, float32
            Their scores.
        """
        if items.size <= self._quick:
            return _found(items, [search])[0]
        own = _Waiting(search)
        with self._lock:
            is_free = self._n_free > 0
            if is_free:
                self._n_free -= 1
                own.batch = [own]
            else:
                own.turn.acquire()
                self._waiting.append(own)
        if not is_free:
            own.turn.acquire()  # until another has found it, or leaves the next pass to this thread
        if own.batch:
            self._pass(items, own.batch)
        if own.found is None:
            raise own.error or RuntimeError("a pass ended without a result")
        return own.found

    def _pass(self, items: QuantizedVectors, batch: Sequence[_Waiting]) -> None:
        try:
            for waiting, found in zip(batch, _found(items, [waiting.search for waiting in batch]), strict=True):
                waiting.found = found
        except Exception as error:  # noqa: BLE001 - each thread raises it for itself
            for waiting in batch:
                waiting.error = error
        with self._lock:
            following = self._next_batch()
            self._n_free += not following
        for waiting in (*batch[1:], *following[:1]):
            waiting.turn.release()

    def _next_batch(self) -> Sequence[_Waiting]:
        n = len(self._waiting)
        n_taken = 1 if n < _FEWEST else min(n, MOST_TOGETHER, max(-(-n // self._n_passes), USERS_AT_ONCE))
        batch = [self._waiting.popleft() for _ in range(min(n_taken, n))]
        if batch:
            batch[0].batch = batch
        return batch


def _found(items: QuantizedVectors, searches: Sequence[Search]) -> list[Found]:
    if len(searches) >= _FEWEST:
        return top_n_together(items, searches)
    return [_found_alone(items, search) for search in searches]


def _found_alone(items: QuantizedVectors, search: Search) -> Found:
    excluded = search.excluded
    if len(search.out):
        excluded = excluded.copy()
        excluded[search.out] = True
    return top_n(items, search.user_vector, search.n, excluded=excluded, after=search.after)
