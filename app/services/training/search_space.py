"""Which hyper-parameters a tuning varies, and between which bounds."""

from dataclasses import replace
from typing import Any

import optuna

from app.config import Settings
from app.errors import InvalidInputError
from app.services.training.configuring import Configuration

FEWEST_EPOCHS, MOST_EPOCHS = 4, 20
"""Before the fewest, a score is that of the random start as much as of the hyper-parameters."""

_LEARNED = ("n_factors", "regularization", "regularization_exponent", "n_epochs")
_SEARCHED = {
    "weighted": (*_LEARNED, "unobserved_weight", "popularity_discount", "recency"),
    "observed": _LEARNED,
    "gradient": _LEARNED,
    "svd": ("n_factors",),
}


def searched_names(method: str, settings: Settings) -> tuple[str, ...]:
    """List what is searched: what the method has, but for what the environment has decided.

    Parameters
    ----------
    method : str
        One of ``METHODS``.
    settings : Settings
        From the environment.

    Returns
    -------
    tuple of str
        Fields of ``Hyperparameters``.

    Raises
    ------
    InvalidInputError
        If nothing is left to search.
    """
    if method not in _SEARCHED:
        raise InvalidInputError(f"method {method} has nothing to tune; choose from {', '.join(_SEARCHED)}")
    names = tuple(name for name in _SEARCHED[method] if getattr(settings, name, None) is None)
    if not names:
        raise InvalidInputError("every hyper-parameter is set in the environment, so there is nothing to tune")
    return names


def suggest(trial: optuna.Trial, base: Configuration, names: tuple[str, ...], most_factors: int) -> Configuration:
    """Draw a configuration.

    Parameters
    ----------
    trial : optuna.Trial
        Draws; the number of epochs is not drawn but found by stopping early.
    base : Configuration
        Gives what is not searched.
    names : tuple of str
        What is.
    most_factors : int
        More would cost too much, or more than there are users or items.

    Returns
    -------
    Configuration
        To be tried.
    """
    drawn: dict[str, Any] = {}
    if "n_factors" in names:
        drawn["n_factors"] = trial.suggest_int("n_factors", min(8, most_factors), most_factors, log=True)
    if "unobserved_weight" in names:
        drawn["unobserved_weight"] = trial.suggest_float("unobserved_weight", 1e-3, 1.0, log=True)
    if "regularization" in names:
        drawn["regularization"] = trial.suggest_float("regularization", 0.01, 3.0, log=True)
    if "regularization_exponent" in names:
        drawn["regularization_exponent"] = trial.suggest_float("regularization_exponent", 0.0, 1.0)
    if "popularity_discount" in names:
        drawn["popularity_discount"] = trial.suggest_float("popularity_discount", -0.6, 0.6)
    if "recency" in names:
        drawn["recency"] = trial.suggest_float("recency", 0.0, 1.0)
    return replace(base, hyperparameters=replace(base.hyperparameters, **drawn))


def drawn_values(base: Configuration, names: tuple[str, ...]) -> dict[str, Any]:
    """Write a configuration as a draw, so that the search begins with it.

    Parameters
    ----------
    base : Configuration
        What is known to work.
    names : tuple of str
        What is searched.

    Returns
    -------
    dict
        For ``Study.enqueue_trial``.
    """
    return {name: getattr(base.hyperparameters, name) for name in names if name != "n_epochs"}
