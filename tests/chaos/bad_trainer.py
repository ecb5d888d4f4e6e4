"""A trainer that goes wrong in the middle of a training, as told: ``python -m tests.chaos.bad_trainer KIND``."""

import os
import signal
import sys
import time
from typing import Any, NoReturn

import numpy as np

from app.services.training import running
from app.worker import trainer


def hang(*_: Any, **__: Any) -> NoReturn:
    while True:
        time.sleep(1)


def eat(*_: Any, **__: Any) -> NoReturn:
    eaten = []
    while True:
        eaten.append(np.ones(4 << 20))  # 32 MiB that are really there
        time.sleep(0.01)


def die(*_: Any, **__: Any) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def crash(*_: Any, **__: Any) -> NoReturn:
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError


def fail(*_: Any, **__: Any) -> NoReturn:
    raise ZeroDivisionError("poison")


def leave(*_: Any, **__: Any) -> NoReturn:
    os._exit(3)


WAYS = {"hang": hang, "eat": eat, "die": die, "crash": crash, "fail": fail, "leave": leave}

if __name__ == "__main__":
    kind = sys.argv[1]
    if kind == "stillborn":
        sys.exit(4)
    setattr(running, "judge", WAYS[kind])  # noqa: B010 - mypy takes the plain form for a mistake
    trainer.main()
