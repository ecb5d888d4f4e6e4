"""When a training goes on from the active version instead of beginning anew, and from what.

While few of the ratings changed, the configuration that was judged is still the same, on almost the same ratings, and
two epochs from the last fit reach what a trial and a fit after it take eight for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from app.config import Settings
from app.errors import ArtifactError
from app.factorization.objective import Factors
from app.factorization.start import rearranged
from app.services.training.arranging import Arranged
from app.services.training.configuring import Configuration
from app.serving.model import from_arrays
from app.storage.engine import Store
from app.storage.shipping import obtain_artifacts
from app.storage.training_data import TrainingData
from app.storage.versions import ModelVersion

FEWEST_RATINGS = 1_000_000
"""Below it a training takes seconds, so each one begins anew and is judged."""

MOST_CHANGED = 0.1
"""The share of the ratings that may have changed since the configuration was judged."""

N_EPOCHS = 2

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Beginning:
    """What the fit on all ratings begins with.

    Attributes
    ----------
    start : Factors or None
        Where it starts; None for a random start.
    n_epochs : int
        How many epochs it takes from there.
    judged : dict
        When its configuration was judged: the training ``run``, the store's ``n_changes`` then, and the
        ``loss_per_rating`` of the fit that was judged.
    metrics, calibration : dict
        What was found then; JSON.
    refusal : str or None
        Why nothing of this configuration is to be published.
    """

    start: Factors | None
    n_epochs: int
    judged: dict[str, Any]
    metrics: dict[str, Any]
    calibration: dict[str, float] | None
    refusal: str | None = None


def is_worth_continuing(
    active: ModelVersion, described: Mapping[str, Any], configuration: Configuration, data: TrainingData
) -> bool:
    """Say whether a training need not begin anew.

    Parameters
    ----------
    active : ModelVersion
        What is served.
    described : mapping
        What is to be trained, as versions describe it.
    configuration : Configuration
        The same.
    data : TrainingData
        All ratings of now.

    Returns
    -------
    bool
        Not after an erasure: a version that is said to be free of a user owes nothing to one that was not.
    """
    judged, n_ratings = active.description.get("judged"), len(data.values)
    return (
        judged is not None
        and judged["loss_per_rating"] is not None
        and active.description.get("configuration") == described
        and configuration.method == "weighted"
        and not configuration.predicts_values
        and not data.pending_erasures
        and n_ratings >= FEWEST_RATINGS
        and data.n_changes - judged["n_changes"] <= MOST_CHANGED * n_ratings
    )


def continuation_of(store: Store, settings: Settings, active: ModelVersion, arranged: Arranged) -> Beginning | None:
    """Put the active version's vectors in the order of the ratings of now.

    Parameters
    ----------
    store : Store
        Where its files may have to be fetched from.
    settings : Settings
        Where they lie.
    active : ModelVersion
        The version.
    arranged : Arranged
        The ratings of now.

    Returns
    -------
    Beginning or None
        None where its files cannot be read; then a training begins anew.
    """
    try:
        files = obtain_artifacts(store, settings.models_dir, active.version)
        model = from_arrays(active.version, files.arrays, files.description)
    except ArtifactError as error:
        log.warning("training_begins_anew", model_version=active.version, reason=str(error))
        return None
    users = _places(model.user_keys, arranged.user_keys)
    items = _places(model.items.item_keys, arranged.items.item_keys)
    judged, metrics = active.description["judged"], active.description["metrics"]
    note = f"judged by training run {judged['run']}; less than a tenth of the ratings changed since"
    metrics = metrics | {"protocol": metrics["protocol"] | {"note": note}}
    start = rearranged(model.factors, users, items)
    return Beginning(start, N_EPOCHS, judged, metrics, active.description["calibration"])


def _places(known: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.intp]:
    # where each wanted key stands among the known ones; -1 where it does not
    order = np.argsort(known)
    found = np.minimum(np.searchsorted(known, wanted, sorter=order), len(known) - 1)
    places: NDArray[np.intp] = order[found]
    return np.where(known[places] == wanted, places, -1)
