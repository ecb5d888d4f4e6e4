"""Opening a store beside others who open it."""

import threading
from contextlib import closing

import pysqlite3
import pytest
from sqlalchemy import text

from app.errors import StoreFullError
from app.storage.engine import Store, connect_sqlite

_NO_SPACE = "DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$"


def test_whoever_opens_a_new_file_waits_for_another_who_is_at_it(tmp_path):
    path = str(tmp_path / "new.db")
    with closing(pysqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")  # for which SQLite itself does not wait when a file shall get a log
        leaving = threading.Timer(0.3, other.execute, ["COMMIT"])
        leaving.start()
        with closing(connect_sqlite(path)) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        leaving.join()


def test_a_full_disk_is_told_from_other_failures(store: Store):
    with pytest.raises(StoreFullError, match="more space"):
        _write_without_space(store)


def _write_without_space(store: Store) -> None:
    with store.write() as connection:
        if not store.is_sqlite:
            connection.execute(text(_NO_SPACE))
        n_pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count = {n_pages}"))
        connection.execute(text("CREATE TABLE large AS SELECT zeroblob(1000000)"))
