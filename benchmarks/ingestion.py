"""How fast ratings come in, go out for training, and are trained on again: ``python -m benchmarks.ingestion``.

``--only posts import load retraining`` and ``--store sqlite`` choose; ten million ratings take a few minutes each way.
``BENCH=quick`` takes a fiftieth of the rows and seconds, and only prints. ``--csv FILE`` imports a file of yours (with
a header userId,movieId,rating,timestamp) in place of invented ratings. Every ratio compares figures of the same run.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil
from pyarrow import csv

from app.config import Settings
from app.services.training.running import train_once
from app.storage.bulk import BulkWriter
from app.storage.engine import Store
from app.storage.rating_table import RatingTable
from app.storage.training_data import load_training_data
from benchmarks.http_load import Load, get_request, post_request, run_load
from benchmarks.ingestion_data import Rows, insert_raw, invent, write_csv
from benchmarks.tables import IS_QUICK, measured
from tests.ports import free_port
from tests.postgres import DURABLE_AND_LOCAL, running_server
from tests.processes import STOP_SECONDS, Foldin

N_ROWS = 200_000 if IS_QUICK else 10_000_000
SECONDS = 3.0 if IS_QUICK else 15.0
SLOW_SYNC_MILLISECONDS = 5
SECTIONS = ("posts", "import", "load", "retraining")
_MOST_BATCHES_A_SECOND, _MOST_SINGLES_A_SECOND = 250, 20_000
_SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB"}


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table; ``bar`` is what to reach."""

    what: str
    store: str
    figure: str
    bar: str


def main() -> None:
    """Measure what is asked for and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--rows", type=int, default=N_ROWS)
    parser.add_argument("--store", choices=["sqlite", "postgresql"])
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS)
    arguments = parser.parse_args()
    rows = _read_csv(arguments.csv) if arguments.csv else invent(arguments.rows)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(DURABLE_AND_LOCAL | _SETTINGS) as server,
        measured("ingestion", ("what", "measured", "at least (aim)")) as row,
    ):
        path = arguments.csv or Path(folder) / "ratings.csv"
        if arguments.csv is None and "import" in arguments.only:
            write_csv(rows, path)
        for kind in [arguments.store] if arguments.store else ["sqlite", "postgresql"]:
            place = Path(folder) / kind
            place.mkdir()
            urls = [
                f"sqlite:///{place / name}.db" if kind == "sqlite" else server.create_database()
                for name in ("foldin", "raw")
            ]
            for line in measure(kind, Foldin(urls[0], place), urls[1], path, rows, arguments.only):
                row(f"{line.what} ({line.store})", line.figure, line.bar)


def measure(
    kind: str, foldin: Foldin, raw_url: str, path: Path, rows: Rows, sections: tuple[str, ...]
) -> Iterator[Line]:
    """Measure one store."""
    foldin.run("migrate")
    if "posts" in sections:
        yield _measure_batches(kind, foldin)
        yield from _measure_singles(kind, foldin)
    if "import" in sections:
        yield from _measure_import(kind, foldin, raw_url, path, rows)
    elif "load" in sections or "retraining" in sections:
        _fill(foldin.database_url, rows)
    if "load" in sections:
        yield _measure_load(kind, foldin)
    if "retraining" in sections:
        yield from _measure_retraining(kind, foldin, rows)


def _fill(url: str, rows: Rows, *, n_rows: int | None = None, later: int = 0) -> None:
    """Store ratings, or change some of them by times that are so many seconds later."""
    store, writer = Store(url), BulkWriter()
    users, items, values, times = rows
    end = len(users) if n_rows is None else n_rows
    for start in range(0, end, 500_000):
        part = slice(start, min(start + 500_000, end))
        user_ids, user_codes = np.unique(users[part], return_inverse=True)
        item_ids, item_codes = np.unique(items[part], return_inverse=True)
        named = list(map(str, user_ids.tolist())), list(map(str, item_ids.tolist()))
        microseconds = (times[part] + later) * 1_000_000
        with store.write() as connection:
            writer.write(connection, RatingTable(*named, user_codes, item_codes, values[part], microseconds))
    store.close()


def _fill_read_users(url: str) -> list[int]:
    """Store users whom the import does not touch: what is read is the same with it and without."""
    users, items = (axis.ravel() + 10**9 for axis in np.meshgrid(np.arange(200), np.arange(100)))
    _fill(url, (users, items, np.full(len(users), 4.0), np.full(len(users), 1_500_000_000)))
    return list(range(10**9, 10**9 + 200))


def _measure_retraining(kind: str, foldin: Foldin, rows: Rows) -> Iterator[Line]:
    settings = Settings(database_url=foldin.database_url, data_dir=foldin.data_dir)
    store = Store(foldin.database_url)
    took: list[float] = []
    loads: list[float] = []
    for n_changed in (0, len(rows[0]) // 100):
        if n_changed:
            changed = (rows[0], rows[1], 5.5 - rows[2], rows[3])
            _fill(foldin.database_url, changed, n_rows=n_changed, later=1)
        started = time.perf_counter()
        run = train_once(store, settings)
        took.append(time.perf_counter() - started)
        if run is None or run.load_seconds is None or run.status != "succeeded":
            raise RuntimeError(f"the training came to nothing: {run and run.reason}")
        loads.append(run.load_seconds)
    store.close()
    figure = (
        f"{took[1]:.1f} / {took[0]:.1f} s = {took[1] / took[0]:.2f}; of them {loads[1]:.1f} / {loads[0]:.1f} s to load"
    )
    yield Line("a training after 1 % changed, against the first", kind, figure, "0.5 (0.25)")


def _measure_import(kind: str, foldin: Foldin, raw_url: str, path: Path, rows: Rows) -> Iterator[Line]:
    read_users = _fill_read_users(foldin.database_url)
    with foldin.serve("--no-trainer") as server:
        reads = [get_request(server.url, f"/users/{user}/ratings") for user in read_users]
        idle = run_load(server.url, reads, n_clients=1, seconds=SECONDS)
        with _importing(foldin, path) as done:
            busy = run_load(server.url, reads, n_clients=1, seconds=SECONDS)
        seconds, peak_bytes, n_rows = done()
    raw_seconds = insert_raw(raw_url, rows)
    rate, raw_rate = n_rows / seconds, len(rows[0]) / raw_seconds
    figure = f"{rate:,.0f} / {raw_rate:,.0f} rows/s = {rate / raw_rate:.2f}"
    yield Line("`foldin import`, against raw insertion", kind, figure, "0.4 (0.7)")
    yield Line("memory of the import", kind, f"{peak_bytes / 1e6:.0f} MB", "300 MB")
    figure = f"{busy.p99:.1f} / {idle.p99:.1f} ms = {busy.p99 / idle.p99:.1f}"
    yield Line("reads' p99 during it, against idle", kind, figure, "3 (1.5)")


@contextmanager
def _importing(foldin: Foldin, path: Path) -> Iterator[Callable[[], tuple[float, int, int]]]:
    result: list[tuple[float, int, int]] = []

    def run() -> None:
        started = time.perf_counter()
        command = [str(Path(sys.executable).with_name("foldin")), "import", "--json", str(path)]
        environment = os.environ | {"FOLDIN_DATABASE_URL": foldin.database_url, "FOLDIN_DATA_DIR": str(foldin.data_dir)}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
        peak = _watch_memory(process)
        assert process.stdout is not None
        answer = json.loads(process.stdout.read())
        result.append((time.perf_counter() - started, peak, answer["n_rows"]))

    thread = threading.Thread(target=run)
    thread.start()

    def done() -> tuple[float, int, int]:
        thread.join()
        return result[0]

    yield done
    thread.join()


def _watch_memory(process: subprocess.Popen[bytes]) -> int:
    peak, watched = 0, psutil.Process(process.pid)
    while process.poll() is None:
        try:
            peak = max(peak, watched.memory_info().rss)
        except psutil.Error:
            break
        time.sleep(0.02)
    return peak


def _measure_batches(kind: str, foldin: Foldin) -> Line:
    rng = np.random.default_rng(1)
    batches = []
    for _ in range(int(SECONDS * _MOST_BATCHES_A_SECOND)):
        pairs = rng.integers(0, 20_000, (1_000, 2)).tolist()
        rows = (f'{{"user_id":"b{u}","item_id":"i{i}","value":3.5,"timestamp":{1_600_000_000 + u}}}' for u, i in pairs)
        batches.append(f"[{','.join(rows)}]".encode())
    with foldin.serve("--no-trainer") as server:
        process = _api_process(server.process.pid)
        before = _cpu(process)
        load = _post_each(server.url, batches, n_clients=4)
        cpu = (_cpu(process) - before) / (load.n_requests * 1_000)
    bar = "50,000 (100,000)" if kind == "sqlite" else "30,000 (80,000)"
    figure = f"{load.per_second * 1_000:,.0f} rows/s; {cpu * 1e6:.1f} μs of the server's processor a row"
    return Line("POST in batches of 1,000", kind, figure, bar)


def _post_each(url: str, bodies: list[bytes], *, n_clients: int) -> Load:
    """Post bodies for a while, none of them twice: what the store holds already costs it no sync of the disk."""
    load = run_load(url, [post_request(url, body) for body in bodies], n_clients=n_clients, seconds=SECONDS)
    if load.n_requests > len(bodies):
        raise RuntimeError("this machine is so fast that bodies were sent twice; prepare more of them")
    return load


def _api_process(supervisor: int) -> psutil.Process:
    return max(psutil.Process(supervisor).children(recursive=True), key=lambda child: child.memory_info().rss)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _measure_singles(kind: str, foldin: Foldin) -> Iterator[Line]:
    bare = _bare_load(_single_bodies("n"))
    with foldin.serve("--no-trainer") as server:
        load = _post_each(server.url, _single_bodies("s"), n_clients=64)
    figure = f"{load.per_second:,.0f} / {bare.per_second:,.0f} a second = {load.per_second / bare.per_second:.2f}"
    yield Line("single POSTs, 64 clients, against a bare endpoint", kind, figure, "0.4 (0.7)")
    if kind == "sqlite" and shutil.which("strace"):
        without, slow = (_traced_load(foldin, milliseconds) for milliseconds in (0, SLOW_SYNC_MILLISECONDS))
        figure = f"{slow:,.0f} / {without:,.0f} a second, {without / slow:.2f} times fewer"
        yield Line("the same with 5 ms added to each sync, against 0 ms added", kind, figure, "2")


def _single_bodies(prefix: str) -> list[bytes]:
    entry = '{{"user_id":"{0}{1}","item_id":"i{2}","value":4.5,"timestamp":1600000000}}'
    return [entry.format(prefix, n, n % 997).encode() for n in range(int(SECONDS * _MOST_SINGLES_A_SECOND))]


def _bare_load(bodies: list[bytes]) -> Load:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.bare_endpoint", str(port)])
    try:
        time.sleep(4)
        return _post_each(url, bodies, n_clients=64)
    finally:
        process.terminate()
        process.wait()


def _traced_load(foldin: Foldin, milliseconds: int) -> float:
    """Measure single POSTs where each sync of the disk takes longer; other system calls run untraced."""
    inject = f"inject=fdatasync,fsync:delay_exit={milliseconds * 1000}"
    tracer = ("strace", "-f", "-q", "-I2", "--seccomp-bpf", "-o", os.devnull, "-e", "trace=fdatasync,fsync")
    with replace(foldin, wrapper=(*tracer, "-e", inject)).serve("--no-trainer") as server:
        load = _post_each(server.url, _single_bodies(f"t{milliseconds}-"), n_clients=64)
        psutil.Process(server.process.pid).children()[0].terminate()  # the tracer ends with it, and not the other way
        server.process.wait(STOP_SECONDS)
    return load.per_second


def _measure_load(kind: str, foldin: Foldin) -> Line:
    store = Store(foldin.database_url)
    started, cpu = time.perf_counter(), time.process_time()
    with store.read() as connection:
        data = load_training_data(connection)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    store.close()
    n_rows = len(data.values)
    figure = f"{n_rows / seconds:,.0f} rows/s; {cpu / n_rows * 1e6:.2f} μs of our processor a row"
    return Line("load for training", kind, figure, "1.4 M (3 M)" if kind == "sqlite" else "1 M (2.5 M)")


def _read_csv(path: Path) -> Rows:
    table = csv.read_csv(path)
    users, items, values, times = (table.column(number).to_numpy() for number in range(4))
    return users.astype(np.int64), items.astype(np.int64), values.astype(np.float64), times.astype(np.int64)


if __name__ == "__main__":
    main()
