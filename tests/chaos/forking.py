"""Processes forked from this one, which opens no database before: what they import is there, so a start is short."""

import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Child:
    """A process and what it prints."""

    pid: int
    output: int

    def read_for(self, seconds: float, *, until: bytes = b"") -> str:
        """Take what it prints for a time, or until it says something (kept for a next call), or ends."""
        received = b""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if select.select([self.output], [], [], 0.01)[0]:
                part = os.read(self.output, 1 << 16)
                received += part
                if not part or (until and until in received):
                    break
        return received.decode()

    def kill(self) -> str:
        """End it at once; the rest of what it printed."""
        os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def wait(self) -> str:
        """Wait for its end; the rest of what it printed."""
        received = []
        while part := os.read(self.output, 1 << 16):
            received.append(part)
        os.waitpid(self.pid, 0)
        os.close(self.output)
        return b"".join(received).decode()


def fork(work: Callable[[], object]) -> Child:
    """Run something in a process of its own, whose stdout is read here."""
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(readable)
        os.dup2(writable, 1)
        os.close(writable)
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - nothing of the parent may run here
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
        os._exit(0)
    os.close(writable)
    return Child(pid, readable)
