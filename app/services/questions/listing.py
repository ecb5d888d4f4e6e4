"""Putting items in order for a user or a group, a page at a time, from one snapshot and nothing else.

The order of a page's items never depends on what happens between two pages: a listing holds the version, the vectors
and the items that stay out, all as they were when the first page was asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.factorization.diversity import maximal_marginal_relevance
from app.factorization.top_n import After, scores_of
from app.services.questions.answers import Aggregate, Strategy
from app.services.tastes import Taste
from app.serving.item_table import Floats
from app.serving.snapshot import Snapshot

_LEAST_POOL = 100
_POOL_PER_ITEM = 5
_MOST_EXTRA = 1000


class Place(NamedTuple):
    """How far the pages have come: the last score and its item; for the popular list the number of entries passed."""

    score: float | None = None
    passed: int = 0


_BEGINNING = Place()
Page = tuple[NDArray[np.intp], Floats, "Listing | None"]
"""Item indices in order, their scores, and what comes after, if anything does."""


@dataclass(slots=True)
class Listing:
    """Everything that decides which items come next.

    Attributes
    ----------
    snapshot : Snapshot
        The version with the catalogue of now.
    strategy : str
        ``personal``, or ``popular`` for nobody in particular.
    vectors : ndarray of shape (n_members, n_factors), float32
        The user's vector, or one for each member of a group; none for ``popular``.
    out : ndarray of shape (n_out,), intp
        Items that must not come besides those that the catalogue hides: rated, excluded, shown before.
    n : int
        How many a page has.
    categories : sequence of str
        An item must be in one of them, when any are named.
    diversity : float
        From 0 to 1.
    aggregate : str
        How a group's scores become one.
    place : Place
        Where the page begins.
    explain_limit : int, optional
        How many reasons each item gets.
    tastes : sequence of Taste
        The ratings that the reasons are found in, for each vector; empty where no reasons are wanted or known.
    is_explored : bool
        Whether the vector was drawn by chance.
    """

    snapshot: Snapshot
    strategy: Strategy
    vectors: Floats
    out: NDArray[np.intp]
    n: int
    categories: Sequence[str] = ()
    diversity: float = 0.0
    aggregate: Aggregate = "mean"
    place: Place = _BEGINNING
    explain_limit: int | None = None
    tastes: Sequence[Taste] = ()
    is_explored: bool = False

    def page(self) -> Page:
        """Take the next page.

        Returns
        -------
        item_indices : ndarray of shape (min(n, items left),), intp
            In order.
        scores : ndarray of the same shape, float32
            Their scores.
        rest : Listing or None
            What comes after; None at the end.
        """
        excluded = self.snapshot.excluded(self.categories) if self.categories else self.snapshot.hidden
        if self.strategy == "popular":
            excluded = excluded.copy()
            excluded[self.out] = True
            return self._popular_page(excluded)
        if self.diversity > 0:
            return self._diverse_page(excluded)
        best, scores = self._best(excluded, self.n + 1)
        shown, shown_scores = best[: self.n], scores[: self.n]
        if len(best) == len(shown):
            return shown, shown_scores, None
        return shown, shown_scores, replace(self, place=Place(float(shown_scores[-1]), int(shown[-1])))

    def _popular_page(self, excluded: NDArray[np.bool_]) -> Page:
        popular = self.snapshot.popular
        left = np.flatnonzero(~excluded[popular[self.place.passed :]])[: self.n + 1] + self.place.passed
        shown = popular[left[: self.n]].astype(np.intp)
        scores = self.snapshot.popularity(shown)
        if len(left) == len(shown):
            return shown, scores, None
        return shown, scores, replace(self, place=Place(passed=int(left[self.n])))

    def _diverse_page(self, excluded: NDArray[np.bool_]) -> Page:
        n_pool = max(_LEAST_POOL, min(_POOL_PER_ITEM * self.n, self.n + _MOST_EXTRA))
        pool, scores = self._best(excluded, n_pool)
        chosen = maximal_marginal_relevance(self.snapshot.vectors(pool), scores, self.n, self.diversity)
        shown = pool[chosen]
        rest = replace(self, out=np.concatenate([self.out, shown])) if len(pool) > len(shown) else None
        return shown, scores[chosen], rest

    def _best(self, excluded: NDArray[np.bool_], n: int) -> tuple[NDArray[np.intp], Floats]:
        after = None if self.place.score is None else After(self.place.score, self.place.passed)
        return self.snapshot.search.top_n(self._ranking_vectors(), n, excluded, out=self.out, after=after)

    def _ranking_vectors(self) -> Floats:
        # the scores of the mean vector are the means of the members' scores
        is_one = self.aggregate == "least_misery" or len(self.vectors) == 1
        return self.vectors if is_one else self.vectors.mean(axis=0, keepdims=True)

    def scores_of(self, indices: NDArray[np.intp]) -> Floats:
        """Score some items.

        Parameters
        ----------
        indices : ndarray of shape (n,), intp
            Item indices.

        Returns
        -------
        ndarray of shape (n,), float32
            As the page would show them.
        """
        if self.strategy == "popular":
            return self.snapshot.popularity(indices)
        return scores_of(self.snapshot.vectors(indices), self._ranking_vectors())
