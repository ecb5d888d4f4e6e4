"""A user as a model sees them: the ratings whose items have vectors, and the vector that they fold in to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.factorization.recency import recency_weights
from app.serving.folding_in import fold_in_of, fold_in_user
from app.serving.item_table import Floats
from app.serving.snapshot import Snapshot
from app.storage.user_ratings import UserRatings

_NOW = np.iinfo(np.int64).max  # later than any rating that is stored


class RatingScale(NamedTuple):
    """The ends of the rating scale."""

    rating_min: float
    rating_max: float

    def targets(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Place ratings on the scale from 0 to 1.

        Parameters
        ----------
        values : ndarray of shape (n,), float64
            Ratings.

        Returns
        -------
        ndarray of shape (n,), float64
            a_ui = (r_ui − r_min) / (r_max − r_min).
        """
        return (values - self.rating_min) / (self.rating_max - self.rating_min)


@dataclass(frozen=True, slots=True)
class Taste:
    """Ratings as a model sees them.

    Attributes
    ----------
    rated : ndarray of shape (n,), intp
        Item indices, ascending.
    targets : ndarray of shape (n,), float64
        a_ui.
    timestamps : ndarray of shape (n,), int64
        When each was given; microseconds.
    trained : ndarray of shape (n_factors,), float32, optional
        u as the model was trained, where the store cannot be read, so that targets and times are not known.
    """

    rated: NDArray[np.intp]
    targets: NDArray[np.float64]
    timestamps: NDArray[np.int64]
    trained: Floats | None = None

    @classmethod
    def of(cls, snapshot: Snapshot, ratings: UserRatings, scale: RatingScale) -> "Taste":
        """See stored ratings as a model does.

        Parameters
        ----------
        snapshot : Snapshot
            What is served.
        ratings : UserRatings
            As they are now.
        scale : RatingScale
            Of the values.

        Returns
        -------
        Taste
            Without the ratings of items that have no vector yet.
        """
        indices = snapshot.from_keys(ratings.item_keys)
        order = np.argsort(indices)
        order = order[np.searchsorted(indices[order], 0) :]
        return cls(indices[order], scale.targets(ratings.values[order]), ratings.timestamps[order])

    @classmethod
    def as_trained(cls, snapshot: Snapshot, user_id: str, secret: bytes | None) -> "Taste":
        """See a user as the model was trained.

        Parameters
        ----------
        snapshot : Snapshot
            What is served.
        user_id : str
            Anyone.
        secret : bytes or None
            What the version's users are hashed with.

        Returns
        -------
        Taste
            Without any ratings for someone who was not trained on.
        """
        users = snapshot.model.users
        index = None if users is None or secret is None else users.find(user_id, secret)
        if users is None or index is None:
            return NOTHING
        rated = users.history(index)
        vector = snapshot.model.factors.user_factors[index]
        return cls(rated, np.zeros(len(rated)), np.zeros(len(rated), np.int64), vector)

    def changed(self, snapshot: Snapshot, ratings: Mapping[str, float | None], scale: RatingScale) -> "Taste":
        """See what other ratings would make of it.

        Parameters
        ----------
        snapshot : Snapshot
            What is served.
        ratings : mapping of str to float or None
            By item id, what the rating would be if it were given now; None for none.
        scale : RatingScale
            Of the values.

        Returns
        -------
        Taste
            With the given ratings in place of these; with them alone where these are not known.
        """
        if not ratings:
            return self
        if self.trained is not None:
            return NOTHING.changed(snapshot, ratings, scale)
        own = zip(self.targets.tolist(), self.timestamps.tolist(), strict=True)
        merged = dict(zip(self.rated.tolist(), own, strict=True))
        for item_id, value in ratings.items():
            index = snapshot.find(item_id)
            if index is not None and value is not None:
                merged[index] = float(scale.targets(np.array(value))), _NOW
            elif index is not None:
                merged.pop(index, None)
        rated = sorted(merged)
        targets, timestamps = zip(*(merged[index] for index in rated), strict=True) if rated else ((), ())
        return Taste(np.array(rated, np.intp), np.array(targets, np.float64), np.array(timestamps, np.int64))

    def weights(self, snapshot: Snapshot) -> Floats | None:
        """Weigh the ratings by their recency.

        Parameters
        ----------
        snapshot : Snapshot
            Whose model says how much it counts.

        Returns
        -------
        ndarray of shape (n,), float32, or None
            w_ui; None where all are 1.
        """
        return recency_weights(self.timestamps, snapshot.model.factors.hyperparameters)

    def vector(self, snapshot: Snapshot) -> Floats:
        """Fold in.

        Parameters
        ----------
        snapshot : Snapshot
            The one that this is a view of.

        Returns
        -------
        ndarray of shape (n_factors,), float32
            u; without ratings, about the mean user.
        """
        if self.trained is not None:
            return self.trained
        return fold_in_user(snapshot, self.rated, self.targets, self.weights(snapshot))

    def explain(self, snapshot: Snapshot, shown: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Divide scores into what everyone's taste and what each rating adds to them.

        Parameters
        ----------
        snapshot : Snapshot
            The one that this is a view of.
        shown : ndarray of shape (n_shown,), intp
            Item indices.

        Returns
        -------
        everyone : ndarray of shape (n_shown,), float64
            What is not due to the user's ratings.
        contributions : ndarray of shape (n_shown, n), float64
            What each rating adds.
        """
        n, n_shown = len(self.rated), len(shown)
        fold_in = fold_in_of(snapshot, np.concatenate([self.rated, shown]))
        return fold_in.explain(np.arange(n), self.targets, np.arange(n, n + n_shown), self.weights(snapshot))


NOTHING = Taste(np.empty(0, np.intp), np.empty(0, np.float64), np.empty(0, np.int64))
"""The taste of someone who has rated nothing."""
