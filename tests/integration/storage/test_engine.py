"""Opening a store beside others who open it."""

import threading
from contextlib import closing

import pysqlite3

from app.storage.engine import connect_sqlite


def test_whoever_opens_a_new_file_waits_for_another_who_is_at_it(tmp_path):
    path = str(tmp_path / "new.db")
    with closing(pysqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")  # for which SQLite itself does not wait when a file shall get a log
        leaving = threading.Timer(0.3, other.execute, ["COMMIT"])
        leaving.start()
        with closing(connect_sqlite(path)) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        leaving.join()
