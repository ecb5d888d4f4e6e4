"""The stores that the tests get are real, migrated, and each test's own."""

import psycopg
import pytest
from sqlalchemy import inspect, text

from app.storage.engine import Store
from app.storage.schema import metadata
from tests.postgres import Server


def test_a_test_gets_a_migrated_store(database_url):
    store = Store(database_url)
    with store.read() as connection:
        assert set(metadata.tables) <= set(inspect(connection).get_table_names())
    store.close()


@pytest.mark.parametrize("turn", [1, 2])
def test_no_test_sees_what_another_wrote(database_url, turn):
    store = Store(database_url)
    with store.write() as connection:
        connection.execute(text("CREATE TABLE left_behind (turn INTEGER)"))
    store.close()


def test_the_server_tells_apart_its_databases(postgresql_server: Server, postgresql_url: str):
    other = postgresql_server.create_database(template=postgresql_url)
    assert other != postgresql_url
    postgresql_server.drop_database(other)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(other)
