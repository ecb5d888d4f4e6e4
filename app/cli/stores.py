"""The store of a command: brought to this release's schema, opened, and closed when the command ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.config import Settings
    from app.storage.engine import Store


@contextmanager
def opened_store(settings: "Settings") -> Iterator["Store"]:
    """Open the store, making it when there is none.

    Parameters
    ----------
    settings : Settings
        Where it is.

    Yields
    ------
    Store
        Closed at the end of the block.
    """
    from app.services.preparing import prepare_store
    from app.storage.engine import Store

    prepare_store(settings)
    store = Store(settings.store_url)
    try:
        yield store
    finally:
        store.close()
