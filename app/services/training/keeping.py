"""Keeping a training's ratings for the next one, which then loads only what changed; doing without is no failure."""

import structlog

from app.config import Settings
from app.errors import StoreUnavailableError
from app.storage.engine import Store
from app.storage.kept_ratings import keep_ratings
from app.storage.training_data import TrainingData

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def keep_for_next_training(store: Store, settings: Settings, data: TrainingData) -> None:
    """Keep all ratings where the next training of this machine finds them.

    Parameters
    ----------
    store : Store
        Where they come from.
    settings : Settings
        Where they go.
    data : TrainingData
        As it was loaded.
    """
    if data.moment is None:
        return
    columns = data.user_keys, data.item_keys, data.values, data.timestamps
    try:
        keep_ratings(store, settings.kept_ratings_dir, columns, data.moment)
    except (OSError, StoreUnavailableError) as error:
        log.warning("ratings_not_kept", reason=str(error))
