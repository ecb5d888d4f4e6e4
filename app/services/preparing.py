"""Getting a store ready before anything uses it: its schema, and the scale of its ratings."""

from sqlalchemy import insert, select, update

from app.config import Settings
from app.errors import StoreUnusableError
from app.storage.engine import Store
from app.storage.migrate import migrate
from app.storage.ratings import rating_extent
from app.storage.schema import rating_scale


def prepare_store(settings: Settings) -> None:
    """Migrate a store and hold its ratings against the scale; many processes may do so at once.

    Parameters
    ----------
    settings : Settings
        Where the store is, and the scale.

    Raises
    ------
    StoreUnusableError
        If ratings are stored that do not lie on the scale.
    """
    migrate(settings.store_url)
    store = Store(settings.store_url)
    try:
        _check_scale(store, settings.rating_min, settings.rating_max)
    finally:
        store.close()


def _check_scale(store: Store, rating_min: float, rating_max: float) -> None:
    with store.write() as connection:
        known = connection.execute(select(rating_scale)).one_or_none()
        if known is not None and (known.rating_min, known.rating_max) == (rating_min, rating_max):
            return
        extent = rating_extent(connection)
        if extent is not None and not rating_min <= extent[0] <= extent[1] <= rating_max:
            raise StoreUnusableError(
                f"stored ratings go from {extent[0]:g} to {extent[1]:g}, outside the scale of {rating_min:g} to "
                f"{rating_max:g}; set FOLDIN_RATING_MIN and FOLDIN_RATING_MAX to one that holds them"
            )
        scale = {"rating_min": rating_min, "rating_max": rating_max}
        connection.execute(
            insert(rating_scale).values(id=1, **scale) if known is None else update(rating_scale).values(scale)
        )
