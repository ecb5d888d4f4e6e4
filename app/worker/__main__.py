"""The worker as a process: ``foldin worker`` alone, or as a child of ``foldin serve``."""

import signal
import threading

from app.config import Settings
from app.lifeline import die_with_parent
from app.logs import configure_logging
from app.services.training.supplementing import Supplementer
from app.storage.engine import Store
from app.worker.heartbeat import Heartbeat
from app.worker.loop import Worker
from app.worker.trainer_process import TrainerProcess


def main() -> None:
    """Train until a signal says to stop."""
    die_with_parent()
    settings = Settings()
    configure_logging(settings.log_format)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    store = Store(settings.store_url)
    trainer = TrainerProcess(store, settings, heartbeat=Heartbeat(settings.heartbeat_file))
    supplementing = threading.Thread(target=Supplementer(store, settings).run, args=(stop,), name="supplements")
    supplementing.start()
    try:
        Worker(store, settings, stop, trainer).run()
    finally:
        stop.set()
        trainer.close()
        supplementing.join()
        store.close()


if __name__ == "__main__":
    main()
