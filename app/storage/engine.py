"""How Foldin connects: one SQLAlchemy engine for a store, with short read and write transactions.

On SQLite every write transaction begins IMMEDIATE (a deferred one that turns into a writer fails with "database is
locked"), the log is synced at each commit (``synchronous=FULL``: with NORMAL a power cut loses acknowledged rows), and
the library is the one that pysqlite3 carries, since versions before 3.51.3 can corrupt a database in WAL mode and those
before 3.53 round the numbers of JSON arrays to fifteen digits.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pysqlite3
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.errors import StoreBusyError, StoreFullError, StoreUnavailableError, StoreUnusableError

SQLITE_BUSY_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.005
SQLITE_FIRST_SOUND_VERSION = (3, 53, 0)
SQLITE_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "cache_size=-65536",
    "temp_store=MEMORY",
    # Pages. Ratings fall all over the file, and a page that changes often between two checkpoints is copied once.
    "wal_autocheckpoint=16384",
    "journal_size_limit=134217728",
)


class Store:
    """A database that holds ratings, items, training runs and versions.

    Parameters
    ----------
    database_url : str
        ``sqlite:///PATH`` or ``postgresql://…``.

    Raises
    ------
    StoreUnusableError
        If the address is of another kind, or the SQLite library has a fault that loses data.
    """

    def __init__(self, database_url: str) -> None:
        self.url = parse_url(database_url)
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgresql_engine(self.url)
        self._driver_error: type[Exception] = self.engine.dialect.loaded_dbapi.Error
        self._is_stalled = False
        self._answered_at = monotonic()
        self._open: set[Any] = set()
        # The probe has a connection of its own: all others may be at honest work that takes its time.
        self._prober = self.engine if self.is_sqlite else _postgresql_engine(self.url, pool_size=1, max_overflow=0)
        for engine in () if self.is_sqlite else (self.engine, self._prober):
            event.listen(engine, "connect", lambda connection, _record: self._open.add(connection))
            event.listen(engine, "close", lambda connection, _record: self._open.discard(connection))
            event.listen(engine, "after_cursor_execute", self._note_answer)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded store."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def silent_seconds(self) -> float:
        """How long PostgreSQL has answered nothing on any connection, whether or not it was asked."""
        return monotonic() - self._answered_at

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a connection that sees one consistent state and changes nothing.

        Yields
        ------
        Connection
            Closed at the end of the block.
        """
        self.refuse_if_stalled()
        with _translated_errors(self._driver_error), self.engine.connect() as connection:
            yield connection.execution_options(read_only=True)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that is committed at the end of the block, or rolled back if it raises.

        Yields
        ------
        Connection
            In a transaction.
        """
        self.refuse_if_stalled()
        with _translated_errors(self._driver_error), self.engine.begin() as connection:
            yield connection

    def probe(self) -> None:
        """Ask the database for nothing, which takes as long as it does not answer; from then on it counts as there.

        Raises
        ------
        StoreUnavailableError
            If it cannot be reached, or `break_off` was called meanwhile.
        """
        with _translated_errors(self._driver_error), self._prober.connect() as connection:
            connection.execute(text("SELECT 1"))
        self._is_stalled = False

    def _note_answer(self, *_: object) -> None:
        self._answered_at = monotonic()

    def break_off(self) -> None:
        """End all connections to a database that does not answer, and refuse new ones until a probe succeeds.

        Whoever waits in another thread gets StoreUnavailableError at once; a write of theirs may have been carried out.
        """
        self._is_stalled = True
        for connection in list(self._open):
            with suppress(OSError, self._driver_error), socket.socket(fileno=os.dup(connection.fileno())) as held:
                held.shutdown(socket.SHUT_RDWR)

    def refuse_if_stalled(self) -> None:
        """Spare whoever wants to use the database the wait.

        Raises
        ------
        StoreUnavailableError
            Between ``break_off`` and the next probe that succeeds.
        """
        if self._is_stalled:
            raise StoreUnavailableError("the database did not answer a moment ago")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
        self._prober.dispose()


def parse_url(database_url: str) -> URL:
    """Read a database address and choose the driver.

    Parameters
    ----------
    database_url : str
        As a person writes it.

    Returns
    -------
    URL
        With the driver that Foldin uses.

    Raises
    ------
    StoreUnusableError
        If it is no address, or one of another database.
    """
    try:
        url = make_url(database_url)
    except SQLAlchemyError as error:
        raise StoreUnusableError(
            "FOLDIN_DATABASE_URL is no database address; write sqlite:///PATH or postgresql://…"
        ) from error
    drivers = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
    backend = url.drivername.split("+", maxsplit=1)[0]
    if backend not in drivers:
        raise StoreUnusableError(f"Foldin stores in SQLite or PostgreSQL, not in {backend}; see FOLDIN_DATABASE_URL")
    if backend == "sqlite" and url.database in {None, "", ":memory:"}:
        raise StoreUnusableError(
            "Foldin's processes share one SQLite file, so it cannot lie in memory; write sqlite:///PATH"
        )
    return url.set(drivername=drivers[backend])


def connect_sqlite(path: str) -> Any:
    """Open a SQLite file in autocommit mode with Foldin's settings.

    Parameters
    ----------
    path : str
        The file; it is made when missing.

    Returns
    -------
    pysqlite3.Connection
        Usable from any one thread at a time.
    """
    connection = pysqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=SQLITE_BUSY_SECONDS)
    _set_pragmas(connection)
    return connection


def _set_pragmas(connection: Any) -> None:
    deadline = monotonic() + SQLITE_BUSY_SECONDS
    for pragma in SQLITE_PRAGMAS:
        while not _is_set(connection, pragma):
            if monotonic() > deadline:
                raise pysqlite3.OperationalError("database is locked")
            sleep(_LOOK_AGAIN_SECONDS)


def _is_set(connection: Any, pragma: str) -> bool:
    # a new file becomes one with a log under an exclusive lock, for which SQLite does not wait by itself
    try:
        connection.execute(f"PRAGMA {pragma}")
    except pysqlite3.OperationalError as error:
        if "database is locked" not in str(error):
            raise
        return False
    return True


def _sqlite_engine(url: URL) -> Engine:
    if pysqlite3.sqlite_version_info < SQLITE_FIRST_SOUND_VERSION:
        raise StoreUnusableError(
            f"SQLite {pysqlite3.sqlite_version} can corrupt a database with several writers, or round numbers; "
            "install a pysqlite3 wheel with SQLite 3.53 or newer"
        )
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        module=pysqlite3,
        hide_parameters=True,  # an error that is logged must name nobody
        connect_args={"timeout": SQLITE_BUSY_SECONDS, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself: `begin` below does
        _set_pragmas(connection)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        read_only = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def _postgresql_engine(url: URL, *, pool_size: int = 4, max_overflow: int = 4) -> Engine:
    return create_engine(
        url,
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=5,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 3},
    )


@contextmanager
def _translated_errors(driver_error: type[Exception]) -> Iterator[None]:
    try:
        yield
    except (IntegrityError, DataError):
        raise  # a mistake of ours in one write, and no state of the database
    except (DBAPIError, PoolTimeoutError, driver_error) as error:
        if _is_full(error):
            raise StoreFullError(
                f"{_reason(error)}; give the database's disk more space, then send it again"
            ) from error
        kind = StoreBusyError if _is_conflict(error) else StoreUnavailableError
        raise kind(f"the database did not do what was asked: {_reason(error)}") from error


def _is_full(error: Exception) -> bool:
    cause = _cause(error)
    # 53100: disk_full; SQLite says no more than these words
    return getattr(cause, "sqlstate", None) == "53100" or "disk is full" in str(cause)


def _is_conflict(error: Exception) -> bool:
    cause = _cause(error)
    # 40001: serialization failure, 40P01: deadlock, 55P03: lock_timeout
    return getattr(cause, "sqlstate", None) in {"40001", "40P01", "55P03"} or "database is locked" in str(cause)


def _cause(error: Exception) -> BaseException:
    return error.orig if isinstance(error, DBAPIError) and error.orig else error


def _reason(error: Exception) -> str:
    cause = _cause(error)
    return str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
