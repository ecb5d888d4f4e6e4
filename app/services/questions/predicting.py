"""What a user would rate items: a score turned into a value by the line that the version was calibrated with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.errors import NotFoundError
from app.factorization.evaluation.calibration import Calibration
from app.factorization.top_n import scores_of
from app.services.questions.recommending import NO_RATINGS, Recommender
from app.serving.model import Model


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a user would rate an item.

    Attributes
    ----------
    item_id : str
        The item.
    score : float or None
        u·v; None for an item that has no vector.
    value : float or None
        On the rating scale; None where the version could not be calibrated.
    standard_deviation : float or None
        How far ratings lie from predictions, measured on ratings that training had not seen.
    """

    item_id: str
    score: float | None
    value: float | None
    standard_deviation: float | None


async def predict(
    recommender: Recommender, user_id: str, item_ids: Sequence[str]
) -> tuple[list[Prediction], int, bool]:
    """Predict a user's ratings.

    Parameters
    ----------
    recommender : Recommender
        Whose live model and ratings are used.
    user_id : str
        Anyone; without ratings they are taken for the mean user.
    item_ids : sequence of str
        What to predict.

    Returns
    -------
    predictions : list of Prediction
        In the order of the items.
    model_version : int
        The version.
    degraded : bool
        Whether the ratings could not be read.

    Raises
    ------
    NotFoundError
        Before the first model.
    """
    ratings = await recommender.ratings_of(user_id)
    snapshot = recommender.live.current
    if snapshot is None:
        raise NotFoundError("no model has been trained yet; POST /training-runs asks for one")
    vector = recommender.taste_of(snapshot, user_id, ratings).vector(snapshot)
    calibration = calibration_of(snapshot.model)
    leaning = 0.0 if calibration is None else calibration.leaning((ratings or NO_RATINGS).values)
    found = []
    for item_id in item_ids:
        index = snapshot.find(item_id)
        if index is None:
            found.append(Prediction(item_id, None, None, None))
            continue
        score = scores_of(snapshot.vectors(np.array([index])), vector)
        value = None if calibration is None else float(calibration.predict(score, leaning)[0])
        clipped = None if value is None else min(max(value, recommender.rating_min), recommender.rating_max)
        deviation = None if calibration is None else calibration.deviation
        found.append(Prediction(item_id, float(score[0]), clipped, deviation))
    return found, snapshot.model.version, ratings is None


def calibration_of(model: Model) -> Calibration | None:
    """Read how a version's scores become values.

    Parameters
    ----------
    model : Model
        With ``calibration`` in its description: the fields of ``Calibration``, or null.

    Returns
    -------
    Calibration or None
        None where too little was held out.
    """
    found: dict[str, Any] | None = model.description.get("calibration")
    return None if found is None else Calibration(**found)
