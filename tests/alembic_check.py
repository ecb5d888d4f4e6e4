"""Check that the migrations build exactly the tables that the code declares, on SQLite and on PostgreSQL."""

import sys
import tempfile

from alembic import command
from alembic.util.exc import CommandError

from app.storage.engine import Store
from app.storage.migrate import alembic_config, migrate
from tests.postgres import running_server


def check(database_url: str) -> None:
    """Migrate an empty database and compare it with the tables' declarations.

    Parameters
    ----------
    database_url : str
        The database.
    """
    migrate(database_url)
    store = Store(database_url)
    with store.read() as connection:
        sys.stdout.write(f"alembic check, {connection.dialect.name}: ")
        sys.stdout.flush()
        command.check(alembic_config(connection))
    store.close()


if __name__ == "__main__":
    try:
        with tempfile.TemporaryDirectory() as directory:
            check(f"sqlite:///{directory}/foldin.db")
        with running_server() as server:
            check(server.create_database())
    except CommandError as difference:
        sys.exit(str(difference))
