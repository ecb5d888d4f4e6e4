"""Predicted values: from a score, which ranks, to the rating to be expected and how far it may be off.

A score of a weighted fit says little of how generous its user is: so that the user's own mean goes in beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.factorization.arrays import Doubles, Floats

if TYPE_CHECKING:
    from scipy.sparse import csr_array  # which serving does without

FEWEST_PAIRS = 100
"""With fewer held-out pairs than this a plane would fit their noise."""

DOUBT = 5.0
"""As many ratings at the mean of all are added to a user's own, so that a single one does not say too much."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A plane from scores and users' leanings to values; `dataclasses.asdict` makes it JSON."""

    slope: float
    """What a score more by 1 adds to the predicted value."""

    intercept: float
    """The value predicted for a score of 0 and a user who leans to neither side."""

    deviation: float
    """Standard deviation of the values around what is predicted."""

    user_slope: float = 0.0
    """What a user's leaning more by 1 adds."""

    mean: float = 0.0
    """The mean of all values, from which users lean."""

    def predict(self, scores: Floats, leanings: Doubles | float = 0.0) -> Doubles:
        """Predict values.

        Parameters
        ----------
        scores : ndarray of shape (n,), float32
            u·v.
        leanings : ndarray of shape (n,), float64, or float
            Of the scores' users.

        Returns
        -------
        ndarray of shape (n,), float64
            Not yet cut off at the ends of the scale.
        """
        return self.intercept + self.slope * scores.astype(np.float64) + self.user_slope * leanings

    def leaning(self, values: NDArray[np.float64]) -> float:
        """Compute how far a user's ratings lie above the mean, or below it.

        Parameters
        ----------
        values : ndarray of shape (n,), float64
            The user's ratings now; perhaps none.

        Returns
        -------
        float
            Σ (value − mean) / (n + `DOUBT`).
        """
        return float(np.sum(values - self.mean)) / (len(values) + DOUBT)


def user_leanings(user_items: csr_array, mean: float) -> Doubles:
    """Compute every user's leaning, as `Calibration.leaning` does.

    Parameters
    ----------
    user_items : csr_array of shape (n_users, n_items), float32
        Ratings, or targets.
    mean : float
        Of all of them.

    Returns
    -------
    ndarray of shape (n_users,), float64
        Leanings in the unit of the ratings.
    """
    n_users = user_items.shape[0]
    n_ratings = np.diff(user_items.indptr)
    users = np.repeat(np.arange(n_users), n_ratings)
    return np.bincount(users, user_items.data.astype(np.float64) - mean, minlength=n_users) / (n_ratings + DOUBT)


def calibrate(
    scores: Floats, values: Doubles | Floats, leanings: Doubles | None = None, mean: float = 0.0
) -> Calibration | None:
    """Fit the plane by least squares, on pairs that the scores' fit has not seen.

    Parameters
    ----------
    scores : ndarray of shape (n,), float32
        u·v of held-out pairs.
    values : ndarray of shape (n,)
        What the users gave.
    leanings : ndarray of shape (n,), float64, optional
        Of the pairs' users, by their training ratings; 0 when not given.
    mean : float
        From which they lean.

    Returns
    -------
    Calibration or None
        None where the pairs are too few. The plane never falls with the score: where scores say nothing it is level.
    """
    if len(scores) < FEWEST_PAIRS:
        return None
    y = np.asarray(values, np.float64)
    columns = np.stack([np.ones(len(y)), np.zeros(len(y)) if leanings is None else leanings, scores], axis=1)
    plane = np.zeros(3)
    plane[:] = np.linalg.lstsq(columns, y)[0]
    if plane[2] < 0.0:
        plane[:2], plane[2] = np.linalg.lstsq(columns[:, :2], y)[0], 0.0
    deviation = float(np.sqrt(np.mean((y - columns @ plane) ** 2)))
    intercept, user_slope, slope = (float(number) for number in plane)
    return Calibration(slope, intercept, deviation, user_slope, mean)
