"""The store of a command: brought to this release's schema, opened, and closed when the command ends."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
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
    with closing(Store(settings.store_url)) as store:
        yield store


@contextmanager
def existing_store(settings: "Settings") -> Iterator["Store"]:
    """Open the store as it is: whoever only looks makes and changes nothing.

    Parameters
    ----------
    settings : Settings
        Where it is.

    Yields
    ------
    Store
        Closed at the end of the block.

    Raises
    ------
    StoreUnusableError
        If there is none, or it has another schema.
    """
    from pathlib import Path

    from app.errors import StoreUnusableError
    from app.storage.engine import Store, parse_url
    from app.storage.migrate import check_migrated

    url = parse_url(settings.store_url)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        raise StoreUnusableError(f"there is no store at {url.database} yet; `foldin serve` or `foldin import` makes it")
    with closing(Store(settings.store_url)) as store:
        check_migrated(store)
        yield store
