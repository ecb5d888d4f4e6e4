"""What a predicted value is made of: the version's calibration, the score, and the user's ratings as they are now."""

import numpy as np
import pytest

from app.factorization.evaluation import Calibration
from tests.service import Service


async def test_a_prediction_follows_how_generous_its_user_is(trained: Service) -> None:
    snapshot = trained.state.live.current
    assert snapshot is not None
    calibration = Calibration(**snapshot.model.description["calibration"])
    await trained.rate([("new", "i00", 5.0), ("new", "i02", 4.5), ("new", "i04", 4.0)])
    (item,) = (await trained.get("/users/new/predictions", item="i01"))["items"]
    leaning = calibration.leaning(np.array([5.0, 4.5, 4.0]))
    assert leaning > 0.1
    expected = calibration.predict(np.array([item["score"]], np.float32), leaning)[0]
    assert item["value"] == pytest.approx(min(max(expected, 0.0), 5.0), abs=1e-4)
    assert item["standard_deviation"] == pytest.approx(calibration.deviation)
