"""How a fit is made: the method and its hyper-parameters, from the settings, the last tuning, and the defaults."""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from app.config import Settings
from app.errors import TrainingFailedError
from app.factorization.fit import fit
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.objective import Epoch, Factors
from app.services.training.arranging import Arranged

_SETTINGS = ("n_factors", "unobserved_weight", "regularization", "regularization_exponent", "recency", "n_epochs")

# to predict values (see decision 0021)
_VALUES = Hyperparameters(
    n_factors=20,
    unobserved_weight=0.0,
    regularization=0.45,
    has_biases=True,
    has_selection=True,
    n_epochs=25,
)
_DEFAULTS = {"observed": _VALUES, "gradient": _VALUES}


@dataclass(frozen=True, slots=True)
class Configuration:
    """What two fits must share to be the same but for their ratings.

    Attributes
    ----------
    method : str
        One of ``METHODS``.
    hyperparameters : Hyperparameters
        What shapes the loss and its minimization.
    seed : int
        Of the random start.
    n_threads : int
        Does not change the result.
    """

    method: str
    hyperparameters: Hyperparameters
    seed: int = 0
    n_threads: int = 1

    @property
    def predicts_values(self) -> bool:
        """Whether its scores are meant to be predicted ratings, and not only an order."""
        return self.method in _DEFAULTS or (self.method == "weighted" and not self.hyperparameters.unobserved_weight)

    @property
    def is_learned(self) -> bool:
        """Whether it has what must be better than everyone's favourites; the two simple ones need not."""
        return self.method not in {"popularity", "content"}

    def fit(
        self,
        arranged: Arranged,
        user_items: csr_array,
        timestamps: NDArray[np.int64],
        *,
        start: Factors | None = None,
        n_epochs: int | None = None,
        on_epoch: Callable[[Epoch], None] | None = None,
    ) -> Factors:
        """Fit.

        Parameters
        ----------
        arranged : Arranged
            Says what the items are.
        user_items : csr_array of shape (n_users, n_items), float32
            All of its targets, or some.
        timestamps : ndarray of shape (n_ratings,), int64
            When each of them was given.
        start : Factors, optional
            An earlier fit to start from.
        n_epochs : int, optional
            Instead of the hyper-parameters' number.
        on_epoch : callable, optional
            Told after every epoch.

        Returns
        -------
        Factors
            The fit.

        Raises
        ------
        TrainingFailedError
            If the method needs what is not there.
        """
        categories = arranged.item_categories if self.method == "content" else None
        if categories is not None and categories.nnz == 0:
            raise TrainingFailedError("method content needs items with categories; see PUT /items/{item_id}")
        hyperparameters = self.hyperparameters
        return fit(
            user_items,
            hyperparameters if n_epochs is None else replace(hyperparameters, n_epochs=n_epochs),
            method=self.method,
            timestamps=timestamps,
            item_categories=categories,
            seed=self.seed,
            n_threads=self.n_threads,
            start=start,
            on_epoch=on_epoch,
        )

    def described(self) -> dict[str, Any]:
        """Write down what a version must know of it.

        Returns
        -------
        dict
            JSON.
        """
        return {"method": self.method, "hyperparameters": asdict(self.hyperparameters), "seed": self.seed}


def configuration_of(
    settings: Settings, tuned: Mapping[str, Any] | None = None, *, method: str | None = None
) -> Configuration:
    """Decide how to fit: what the environment says, else what the last tuning found, else the method's default.

    Parameters
    ----------
    settings : Settings
        From the environment.
    tuned : mapping, optional
        Hyper-parameters that ``foldin tune`` stored for the method.
    method : str, optional
        Another method than the settings'.

    Returns
    -------
    Configuration
        For the next fit.

    Raises
    ------
    TrainingFailedError
        If the values contradict each other.
    """
    name: str = method or settings.method
    if name == "observed" and settings.solver == "gradient_descent":
        name = "gradient"
    given = {setting: value for setting in _SETTINGS if (value := getattr(settings, setting)) is not None}
    if name in _DEFAULTS:
        given.pop("unobserved_weight", None)  # it is what these methods are without
    default = _DEFAULTS.get(name, Hyperparameters())
    try:
        hyperparameters = replace(default, **{**(tuned or {}), **given})
    except ValueError as error:
        raise TrainingFailedError(str(error)) from error
    return Configuration(name, hyperparameters, settings.seed, settings.n_threads or os.cpu_count() or 1)


def configuration_of_version(description: Mapping[str, Any]) -> Configuration | None:
    """Read how a version was made.

    Parameters
    ----------
    description : mapping
        Of the version.

    Returns
    -------
    Configuration or None
        None where another release wrote what this one cannot read.
    """
    try:
        known = description["configuration"]
        return Configuration(known["method"], Hyperparameters.read(known["hyperparameters"]), known["seed"])
    except (KeyError, TypeError, ValueError):
        return None


def refit_epochs(n_epochs: int) -> int:
    """Say how many epochs the fit on all ratings takes, from where the trial has come to.

    Half of them reach a lower loss than all of them from a random start, and lists as good (decision 0022).

    Parameters
    ----------
    n_epochs : int
        Of the trial.

    Returns
    -------
    int
        At least 1.
    """
    return max(1, (n_epochs + 1) // 2)
