"""The worker's side of the trainer: starts the process, watches what it takes, and records what it died of."""

import os
import selectors
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import IO, cast

from app.config import Settings
from app.lifeline import Lifeline
from app.services.training.sizing import MEBIBYTE, memory_limit
from app.services.training.training_lease import end_dead_run, holder_name
from app.storage import training_runs
from app.storage.engine import Store
from app.storage.training_runs import TrainingRun
from app.worker.heartbeat import Heartbeat

_LOOK_SECONDS = 0.1
_END_SECONDS = 5.0
_KEYS = {"api_keys", "api_keys_file"}


@dataclass(slots=True)
class TrainerProcess:
    """Trains in another process, within limits of time and memory.

    Attributes
    ----------
    store : Store
        Where runs are recorded.
    settings : Settings
        Handed to the process, without the API keys, which it does not need.
    command : list of str
        What is run.
    heartbeat : Heartbeat
        Goes on during a training.
    """

    store: Store
    settings: Settings
    command: list[str] = field(default_factory=lambda: [sys.executable, "-m", "app.worker.trainer"])
    heartbeat: Heartbeat = field(default_factory=Heartbeat)
    _process: subprocess.Popen[bytes] | None = None
    _lifeline: Lifeline = field(default_factory=Lifeline)
    _unrecorded: tuple[str, str] | None = None

    def train(self, stop: threading.Event) -> TrainingRun | None:
        """Train once.

        Parameters
        ----------
        stop : threading.Event
            Gives a training under way up.

        Returns
        -------
        TrainingRun or None
            However it ended; None when another trainer is at work.
        """
        self._record_death()
        process = self._started()
        answer, reason = self._watch(process, stop)
        if reason is None:
            with self.store.read() as connection:
                return training_runs.find_run(connection, int(answer))
        process.kill()
        process.wait()
        self._unrecorded = (holder_name(process.pid), reason)
        self._forget()
        return self._record_death()

    def close(self) -> None:
        """End the process, which has nothing to do."""
        process = self._process
        self._forget()
        if process is not None:
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self._forget()  # it died in its sleep
        if self._process is None:
            secret = {f"FOLDIN_{name.upper()}" for name in _KEYS}
            environment = {name: value for name, value in os.environ.items() if name.upper() not in secret}
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, with a module of ours
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment | self._lifeline.environment(),
                pass_fds=(self._lifeline.child_fd,),
            )
            self._say(self.settings.model_dump_json(exclude=_KEYS, exclude_unset=True).encode())
        self._say(b"")
        return self._process

    def _say(self, line: bytes) -> None:
        pipe = self._process.stdin if self._process else None
        try:
            if pipe is not None:
                pipe.write(line + b"\n")
                pipe.flush()
        except BrokenPipeError:
            pass  # its end is noticed where its answer is awaited

    def _watch(self, process: subprocess.Popen[bytes], stop: threading.Event) -> tuple[bytes, str | None]:
        # the answer, and why there will be none
        limit, deadline = memory_limit(self.settings), monotonic() + self.settings.train_deadline
        pipe = cast("IO[bytes]", process.stdout)
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while not selector.select(_LOOK_SECONDS):
                self.heartbeat.beat()
                if stop.is_set():
                    return b"", "the worker was stopped"
                if monotonic() > deadline:
                    return b"", (
                        f"it took longer than {self.settings.train_deadline:g} s; lower FOLDIN_N_FACTORS or "
                        "FOLDIN_N_EPOCHS, or raise FOLDIN_TRAIN_DEADLINE"
                    )
                if (taken := _taken_bytes(process.pid)) > limit:
                    return b"", (
                        f"it took {taken // MEBIBYTE:,} MiB of memory, and {limit // MEBIBYTE:,} are allowed; lower "
                        "FOLDIN_N_FACTORS or raise FOLDIN_TRAIN_MEMORY_MIB"
                    )
        answer = pipe.readline()
        return answer, None if answer else _cause_of_death(process)

    def _record_death(self) -> TrainingRun | None:
        if self._unrecorded is None:
            return None
        run = end_dead_run(self.store, *self._unrecorded)
        self._unrecorded = None  # not before: the database may be away
        return run

    def _forget(self) -> None:
        process, self._process = self._process, None
        for pipe in (process.stdin, process.stdout) if process else ():
            if pipe is not None:
                pipe.close()


def _cause_of_death(process: subprocess.Popen[bytes]) -> str:
    try:
        code = process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        return "the trainer stopped answering"
    if code == -signal.SIGKILL:
        return "the trainer was killed, by the system when its memory ran out, or by hand"
    if code < 0:
        return f"the trainer crashed: {signal.strsignal(-code)}"
    return f"the trainer ended with exit code {code}; the log says why"


def _taken_bytes(process_id: int) -> int:
    # mapped files do not count, since the system can drop them
    try:
        lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    except OSError:
        return 0  # it has just ended, or this is no Linux and there is nothing to watch
    fields = dict(line.split(":", 1) for line in lines)
    return sum(int(fields[name].split()[0]) for name in ("RssAnon", "RssShmem", "VmSwap") if name in fields) * 1024
