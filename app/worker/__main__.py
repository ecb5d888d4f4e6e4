"""The trainer as a process: ``foldin worker`` alone, or as a child of ``foldin serve``."""

import contextlib
import os
import signal
import threading

from app.config import Settings
from app.lifeline import die_with_parent
from app.logs import configure_logging
from app.services.supplementing import Supplementer
from app.storage.engine import Store
from app.worker.loop import Worker

NICENESS = 10


def main() -> None:
    """Train until a signal says to stop."""
    die_with_parent()
    settings = Settings()
    configure_logging(settings.log_format)
    with contextlib.suppress(OSError):
        os.nice(NICENESS)  # answers come first
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    store = Store(settings.store_url)
    supplementing = threading.Thread(target=Supplementer(store, settings).run, args=(stop,), name="supplements")
    supplementing.start()
    try:
        Worker(store, settings, stop).run()
    finally:
        stop.set()
        supplementing.join()
        store.close()


if __name__ == "__main__":
    main()
