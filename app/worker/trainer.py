"""The trainer: a process of its own that may die of a training, without taking the worker along.

It reads its settings as a line of JSON, then trains once for every further line, and answers each with the run's id. It
lives on between trainings, so that what is compiled and loaded stays; it ends with its standard input.
"""

import contextlib
import os
import signal
import sys
from pathlib import Path

import orjson
import structlog

from app.config import Settings
from app.lifeline import die_with_parent
from app.logs import configure_logging
from app.services.training.running import train_once
from app.storage.engine import Store

NICENESS = 10

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def main() -> None:
    """Train as often as the worker asks."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, which ends this process itself
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever is printed is no answer
    with contextlib.suppress(OSError):
        os.nice(NICENESS)  # answers come first
        Path("/proc/self/oom_score_adj").write_text("1000")  # when memory runs out, the system ends this one
    settings = Settings(**orjson.loads(sys.stdin.readline()))
    configure_logging(settings.log_format)
    store = Store(settings.store_url)
    for _ in sys.stdin:
        try:
            run = train_once(store, settings, skip_unchanged=True)
        except Exception:
            log.exception("trainer_crashed")
            sys.exit(1)
        answers.write(f"{run.id if run else 0}\n")
        answers.flush()
    store.close()


if __name__ == "__main__":
    main()
