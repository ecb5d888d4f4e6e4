"""The gate: what a model must be before it is served, and the words in which one is refused.

A fit is compared like with like: with another that has not seen the held-out ratings either, never with the active
version, which was refitted on those very ratings.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.factorization.arrays import Doubles
from app.factorization.evaluation import Evaluation, Interval, difference
from app.factorization.objective import Factors
from app.services.training.trials import FEWEST_JUDGED, Trial

LOSS_TOLERANCE = 1.25
"""How much higher the refit's loss per rating may be than the trial's; more ratings of a kind change it little."""

NEGLIGIBLE_LOSS = 1e-6
"""A loss per rating that is never out of line: an error of a thousandth of the rating scale."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two fits on the same held-out ratings.

    Attributes
    ----------
    baseline : str
        What the candidate was compared with, for people.
    metric : str
        By what.
    candidate, base, advantage : Interval
        The metric of each, and by how much the candidate is better; negative when it is worse.
    """

    baseline: str
    metric: str
    candidate: Interval
    base: Interval
    advantage: Interval

    @property
    def is_clearly_worse(self) -> bool:
        """Whether the whole interval of the difference lies on the wrong side."""
        return self.advantage.high < 0.0

    def described(self) -> dict[str, Any]:
        """Write it down.

        Returns
        -------
        dict
            JSON.
        """
        parts = {"candidate": self.candidate, "baseline_value": self.base, "advantage": self.advantage}
        named = {"baseline": self.baseline, "metric": self.metric, "is_clearly_worse": self.is_clearly_worse}
        return named | {name: interval._asdict() for name, interval in parts.items()}

    def explained(self) -> str:
        """Say why a model was refused.

        Returns
        -------
        str
            One sentence.
        """
        low, high = sorted((abs(self.advantage.low), abs(self.advantage.high)))
        return (
            f"clearly worse than {self.baseline} on the same held-out ratings: {self.metric} {self.candidate.mean:.4g} "
            f"against {self.base.mean:.4g}, worse by {low:.2g} to {high:.2g}"
        )


def compare(candidate: Trial, base: Evaluation, baseline: str, metric: str, seed: int) -> Comparison | None:
    """Compare a trial with another evaluation on the same split.

    Parameters
    ----------
    candidate : Trial
        What is to be published.
    base : Evaluation
        Of what it should not be worse than.
    baseline : str
        What that is, for people.
    metric : str
        ``rmse``, or one of the rankings'.
    seed : int
        Of the draws.

    Returns
    -------
    Comparison or None
        None where the metric is missing, or there are too few users to judge by.
    """
    found, rng = candidate.evaluation, np.random.default_rng(seed)
    if metric not in found.metrics or metric not in base.metrics:
        return None
    advantage = _errors_less(found, base, rng) if metric == "rmse" else _metric_more(found, base, metric, rng)
    if advantage is None:
        return None
    return Comparison(baseline, metric, found.metrics[metric], base.metrics[metric], advantage)


def refusal_of_factors(factors: Factors, shape: tuple[int, int] | None = None) -> str | None:
    """Look for what must never be served.

    Parameters
    ----------
    factors : Factors
        A fit.
    shape : tuple of int, optional
        How many users and items there should be.

    Returns
    -------
    str or None
        Why the model is refused; None when it may pass.
    """
    arrays = (factors.user_factors, factors.item_factors, factors.mean_user, factors.item_gramian)
    if not all(np.isfinite(array).all() for array in arrays):
        return "the factors are not finite"
    if shape is not None and (len(factors.user_factors), len(factors.item_factors)) != shape:
        return "the factors have the wrong shape"
    return None


def refusal_of_loss(losses: list[float], n_ratings: int, before: float | None) -> str | None:
    """Check that a fit on all ratings went as the trial did.

    Parameters
    ----------
    losses : list of float
        After each of its epochs; empty for methods without.
    n_ratings : int
        All ratings.
    before : float or None
        The loss per rating of the trial, the fit without held-out ratings; None where there was none.

    Returns
    -------
    str or None
        Why the model is refused; None when it may pass.
    """
    if not losses:
        return None
    if not np.isfinite(losses[-1]):
        return "the loss is not finite"
    if before is None:
        return None
    refit = losses[-1] / n_ratings
    if not refit <= max(before * LOSS_TOLERANCE, NEGLIGIBLE_LOSS):
        return (
            f"the loss is {refit:.4g} a rating, out of line with the {before:.4g} of the fit without held-out ratings"
        )
    return None


def _metric_more(one: Evaluation, other: Evaluation, metric: str, rng: np.random.Generator) -> Interval | None:
    values, others = one.by_user[metric], other.by_user[metric]
    if len(values) < FEWEST_JUDGED:
        return None
    return difference(values[:, None], others[:, None], rng)


def _errors_less(one: Evaluation, other: Evaluation, rng: np.random.Generator) -> Interval | None:
    if len(one.errors) < FEWEST_JUDGED:
        return None
    statistic: Callable[[Doubles], Doubles] = lambda sums: -np.sqrt(sums[:, 0] / sums[:, 2])  # noqa: E731 - its type
    scale = _width_of_scale(one) or _width_of_scale(other)
    return Interval(*(scale * bound for bound in difference(one.errors, other.errors, rng, statistic)))


def _width_of_scale(found: Evaluation) -> float:
    # errors are shares of it; 0 where there are none to tell it by
    error = float(np.sqrt(found.errors[:, 0].sum() / found.errors[:, 2].sum()))
    return found.metrics["rmse"].mean / error if error else 0.0
