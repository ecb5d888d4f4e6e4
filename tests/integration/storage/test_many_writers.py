"""Several processes on one store: nothing deadlocks, nothing is locked out, no erased user comes back in part."""

import itertools
import random
import subprocess
import sys
import threading

import pytest
from sqlalchemy import text

from app.storage.engine import Store
from app.storage.ratings import Rating, erase_user
from app.storage.upserts import upsert_ratings

N_PROCESSES = 8
_WRITE = """
import random, sys
from app.storage.engine import Store
from app.storage.ratings import Rating
from app.storage.upserts import upsert_ratings
url, seed = sys.argv[1], int(sys.argv[2])
rng, store = random.Random(seed), Store(url)
for time in range(40):
    batch = [Rating(f"u{rng.randrange(30)}", f"i{rng.randrange(30)}", 1.0, time * 8 + seed) for _ in range(25)]
    with store.write() as connection:
        upsert_ratings(connection, batch, now=1)
    print(*(f"{r.user_id} {r.item_id} {r.timestamp}" for r in batch), sep="\\n", flush=True)
"""
_MIGRATE = "import sys; from app.storage.migrate import migrate; migrate(sys.argv[1])"


def run_together(script: str, *arguments: str) -> list[str]:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, *arguments, str(seed)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(N_PROCESSES)
    ]
    ended = [process.communicate(timeout=600) for process in processes]
    assert [process.returncode for process in processes] == [0] * N_PROCESSES, [error for _, error in ended]
    return [output for output, _ in ended]


def test_eight_processes_write_the_same_pairs_and_the_newest_of_each_stays(database_url):
    newest: dict[tuple[str, str], int] = {}
    for output in run_together(_WRITE, database_url):
        for line in output.splitlines():
            user_id, item_id, time = line.split()
            newest[user_id, item_id] = max(int(time), newest.get((user_id, item_id), 0))
    store = Store(database_url)
    with store.read() as connection:
        rows = connection.execute(
            text(
                "SELECT user_id, item_id, timestamp FROM ratings "
                "JOIN users USING (user_key) JOIN items USING (item_key)"
            )
        ).all()
    store.close()
    assert len(rows) == len(newest)
    assert {(row[0], row[1]): row[2] for row in rows} == newest


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_eight_processes_migrate_an_empty_store_once(kind, tmp_path, postgresql_server):
    url = f"sqlite:///{tmp_path / 'new.db'}" if kind == "sqlite" else postgresql_server.create_database()
    run_together(_MIGRATE, url)
    store = Store(url)
    with store.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM publication")).scalar_one() == 1
    store.close()
    if kind == "postgresql":
        postgresql_server.drop_database(url)


def test_an_erasure_among_writers_leaves_no_rating_without_its_user(database_url):
    store = Store(database_url)
    errors: list[BaseException] = []
    erased_enough = threading.Event()

    def write(seed: int) -> None:
        rng = random.Random(seed)
        try:
            for time in itertools.count():
                if erased_enough.is_set():
                    return
                batch = [Rating(f"u{rng.randrange(3)}", f"i{rng.randrange(20)}", 1.0, time) for _ in range(10)]
                with store.write() as connection:
                    upsert_ratings(connection, batch, now=1)
        except BaseException as error:  # noqa: BLE001 - shown below
            errors.append(error)

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    erased = 0
    try:
        while erased < 12 and not errors:
            with store.write() as connection:
                erased += erase_user(connection, f"u{erased % 3}", now=5) is not None
    finally:
        erased_enough.set()
        for thread in threads:
            thread.join()
    with store.read() as connection:
        orphans = text("SELECT count(*) FROM ratings LEFT JOIN users USING (user_key) WHERE user_id IS NULL")
        assert connection.execute(orphans).scalar_one() == 0
    store.close()
    assert not errors
