"""Cleaning up for certain: also when the tests are interrupted or killed."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def at_the_end(script: str, *arguments: str) -> Iterator[None]:
    """Run a shell script when the block ends, or when this process dies within it, however it dies.

    A shell outside our session waits for the end of its standard input, which only we hold open.

    Parameters
    ----------
    script : str
        For ``sh``; its output is dropped.
    *arguments : str
        What the script knows as ``$1``, ``$2`` …
    """
    command = ["sh", "-c", f"cat >/dev/null; {script}", "sh", *arguments]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ):
        yield
