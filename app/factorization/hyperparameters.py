"""What shapes the loss of `objective.py` and its minimization."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """Everything that shapes the loss and its minimization; `dataclasses.asdict` makes it JSON."""

    n_factors: int = 64
    """Length of a user's and an item's vector."""

    unobserved_weight: float = 0.1
    """w0: what a pair without a rating weighs, against 1 for a rated one; 0 to 1."""

    regularization: float = 0.2
    """λ: how strongly vectors are pulled, a user's to the mean user, an item's to zero."""

    regularization_exponent: float = 0.5
    """ν: how λ grows with a row's ratings; 0 the same for all, 1 in proportion."""

    popularity_discount: float = 0.0
    """η: how much less an item counts the more ratings it has; 0 not at all, negative more; −1 to 1."""

    recency: float = 0.0
    """ρ: how much less a user's oldest ratings weigh than the newest, if times are known (`recency.py`); 0 to 1."""

    has_mean_user: bool = True
    """Whether users are pulled to the mean user, or to zero (the textbook form)."""

    n_epochs: int = 5
    """Passes over all items and all users."""

    n_steps: int = 2
    """Conjugate-gradient steps per row where w0 > 0, except in the last, exact half-epoch; 0 solves rows exactly."""

    has_biases: bool = False
    """Whether users and items have biases beside the mean target, to predict values; with w0 = 0 only."""

    has_selection: bool = False
    """Whether the choice of items to rate, whatever the ratings, moves the mean; beside biases only."""

    selection_regularization: float = 8.0
    """λ_y: how strongly what each choice says is pulled to nothing."""

    def __post_init__(self) -> None:
        """Refuse what no loss can mean.

        Raises
        ------
        ValueError
            When a value lies outside its range.
        """
        if self.n_factors < 1 or self.n_epochs < 0 or self.n_steps < 0:
            raise ValueError("n_factors must be at least 1, n_epochs and n_steps at least 0")
        if not 0.0 <= self.unobserved_weight <= 1.0:
            raise ValueError("unobserved_weight must lie between 0 and 1")
        if not 0.0 <= self.regularization < np.inf or not abs(self.regularization_exponent) < np.inf:
            raise ValueError("regularization must be finite and not negative, regularization_exponent finite")
        if not -1.0 <= self.popularity_discount <= 1.0:
            raise ValueError("popularity_discount must lie between -1 and 1")
        if not 0.0 <= self.recency <= 1.0:
            raise ValueError("recency must lie between 0 and 1")
        if self.has_biases and self.unobserved_weight:
            raise ValueError("has_biases needs unobserved_weight = 0")
        if self.has_selection and not (self.has_biases and 0.0 < self.selection_regularization < np.inf):
            raise ValueError("has_selection needs has_biases, and a positive selection_regularization")

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> "Hyperparameters":
        """Read what `dataclasses.asdict` made.

        Parameters
        ----------
        written : mapping
            By name; what was written before there was a recency had none.

        Returns
        -------
        Hyperparameters
            The same.

        Raises
        ------
        TypeError
            When a name is unknown.
        ValueError
            When a value lies outside its range.
        """
        return cls(**{"recency": 0.0, **written})

    @property
    def n_axes(self) -> int:
        """How long vectors are: the factors, and two biases if there are any."""
        return self.n_factors + 2 * self.has_biases
