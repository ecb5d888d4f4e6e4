"""Predicted values: from a score, which ranks, to the rating to be expected and how far it may be off."""

from dataclasses import dataclass

import numpy as np

from app.factorization.arrays import Doubles, Floats

FEWEST_PAIRS = 100
"""With fewer held-out pairs than this a line would fit their noise."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A line from scores to values; `dataclasses.asdict` makes it JSON."""

    slope: float
    """What a score more by 1 adds to the predicted value."""

    intercept: float
    """The value predicted for a score of 0."""

    deviation: float
    """Standard deviation of the values around what is predicted."""

    def predict(self, scores: Floats) -> Doubles:
        """Predict values.

        Parameters
        ----------
        scores : ndarray of shape (n,), float32
            u·v.

        Returns
        -------
        ndarray of shape (n,), float64
            Not yet cut off at the ends of the scale.
        """
        return self.intercept + self.slope * scores.astype(np.float64)


def calibrate(scores: Floats, values: Doubles | Floats) -> Calibration | None:
    """Fit the line by least squares, on pairs that the scores' fit has not seen.

    Parameters
    ----------
    scores : ndarray of shape (n,), float32
        u·v of held-out pairs.
    values : ndarray of shape (n,)
        What the users gave.

    Returns
    -------
    Calibration or None
        None where the pairs are too few. The line never falls: where scores say nothing it is level.
    """
    if len(scores) < FEWEST_PAIRS:
        return None
    x, y = scores.astype(np.float64), np.asarray(values, np.float64)
    spread = float(((x - x.mean()) ** 2).sum())
    slope = max(float(((x - x.mean()) * (y - y.mean())).sum()) / spread, 0.0) if spread > 0 else 0.0
    intercept = float(y.mean() - slope * x.mean())
    deviation = float(np.sqrt(np.mean((y - intercept - slope * x) ** 2)))
    return Calibration(slope, intercept, deviation)
