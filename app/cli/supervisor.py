"""The processes behind ``foldin serve``: API processes that share a socket, and a trainer; they die together."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from app.lifeline import Gate, Lifeline

STOP_SECONDS = 15.0
LONGEST_PAUSE_SECONDS = 30.0


@dataclass(slots=True)
class _Child:
    command: Sequence[str]
    is_ahead: bool = False
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    not_before: float = 0.0
    n_failures: int = 0


@dataclass(slots=True)
class Supervisor:
    """Keeps child processes running, and takes them down with itself.

    A child that ends is started again, after a pause that doubles while it keeps failing at once.

    Attributes
    ----------
    on_event : callable
        Told in words what happened.
    on_end : callable
        Told the number of a process that ended by itself.
    stop_seconds : float
        How long children may take to stop.
    """

    on_event: Callable[[str], None]
    on_end: Callable[[int], None] = lambda _: None
    stop_seconds: float = STOP_SECONDS
    stop: threading.Event = field(default_factory=threading.Event)
    _children: list[_Child] = field(default_factory=list)
    _lifeline: Lifeline = field(default_factory=Lifeline)
    _gate: Gate = field(default_factory=Gate)

    def add(self, module: str, *arguments: str) -> None:
        """Name a child.

        Parameters
        ----------
        module : str
            Run with ``python -m``.
        *arguments : str
            Its arguments.
        """
        self._children.append(_Child([sys.executable, "-m", module, *arguments]))

    def add_ahead(self, module: str, *arguments: str) -> None:
        """Name a child that loads while the store is still prepared, and waits at the gate that ``--gate`` names.

        Parameters
        ----------
        module : str
            Run with ``python -m``.
        *arguments : str
            Its arguments.
        """
        gate = ("--gate", str(self._gate.child_fd))
        self._children.append(_Child([sys.executable, "-m", module, *arguments, *gate], is_ahead=True))

    def run(self, *, shared: socket.socket, prepare: Callable[[], None]) -> None:
        """Run the children until a signal says to stop.

        Parameters
        ----------
        shared : socket.socket
            Listening; the children get its descriptor.
        prepare : callable
            What has to be done before anything is served.
        """
        try:
            for child in self._children:
                if child.is_ahead:
                    self._keep_running(child, shared)
            prepare()
            self._gate.open()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self.stop.set())
            while not self.stop.wait(0.1):
                for child in self._children:
                    self._keep_running(child, shared)
        finally:
            self._stop_children()

    def _keep_running(self, child: _Child, shared: socket.socket) -> None:
        if child.process is not None and child.process.poll() is not None:
            lived = monotonic() - child.started_at
            child.n_failures = 0 if lived > LONGEST_PAUSE_SECONDS else child.n_failures + 1
            pause = min(0.1 * 2.0**child.n_failures, LONGEST_PAUSE_SECONDS)
            name = child.command[2]
            self.on_end(child.process.pid)
            self.on_event(f"{name} ended with {child.process.returncode}; it starts again in {pause:.1f} s")
            child.process, child.not_before = None, monotonic() + pause
        if child.process is None and monotonic() >= child.not_before:
            environment = os.environ | self._lifeline.environment()
            child.process = subprocess.Popen(  # noqa: S603 - this interpreter, with modules of ours
                child.command,
                env=environment,
                pass_fds=(self._lifeline.child_fd, self._gate.child_fd, shared.fileno()),
            )
            child.started_at = monotonic()

    def _stop_children(self) -> None:
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            process.terminate()
        deadline = monotonic() + self.stop_seconds
        for process in running:
            try:
                process.wait(max(0.0, deadline - monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
