"""Processes that wait for their parent and die with it: the child holds pipes whose other ends only the parent has."""

import os
import select
import threading

_VARIABLE = "FOLDIN_LIFELINE"


class Lifeline:
    """The parent's end.

    Attributes
    ----------
    child_fd : int
        To be passed on to every child.
    """

    def __init__(self) -> None:
        self.child_fd, self._parent_fd = os.pipe()

    def environment(self) -> dict[str, str]:
        """Name the pipe for the child.

        Returns
        -------
        dict of str to str
            To be added to the child's environment.
        """
        return {_VARIABLE: str(self.child_fd)}

    def close_parent_end(self) -> None:
        """Let go of the parent's end in a child that was forked, and so has it too."""
        os.close(self._parent_fd)


class Gate:
    """Where children that were started ahead wait; open for good once it is opened.

    Attributes
    ----------
    child_fd : int
        To be passed on to every child.
    """

    def __init__(self) -> None:
        self.child_fd, self._parent_fd = os.pipe()

    def open(self) -> None:
        """Let the children go on."""
        os.close(self._parent_fd)


def wait_at_gate(child_fd: int) -> None:
    """Wait until the parent opens a gate.

    Parameters
    ----------
    child_fd : int
        As it was passed on.

    Raises
    ------
    SystemExit
        If the parent is gone instead.
    """
    os.read(child_fd, 1)  # nothing is ever written: it returns when the last writer is gone
    os.close(child_fd)
    lifeline = os.environ.get(_VARIABLE)
    if lifeline and select.select([int(lifeline)], [], [], 0)[0]:
        raise SystemExit(1)


def parent_descriptor() -> int | None:
    """Take the lifeline that this process was started with.

    Returns
    -------
    int or None
        Readable when the parent is gone; None in a process that was started without one.
    """
    descriptor = os.environ.pop(_VARIABLE, "")
    return int(descriptor) if descriptor else None


def die_with_parent() -> None:
    """End this process when its parent is gone; does nothing in a process that was not started with a lifeline."""
    descriptor = parent_descriptor()
    if descriptor is not None:
        threading.Thread(target=_wait_for_end, args=(descriptor,), name="lifeline", daemon=True).start()


def _wait_for_end(descriptor: int) -> None:
    os.read(descriptor, 1)  # nothing is ever written: it returns when the last writer is gone
    os._exit(1)
