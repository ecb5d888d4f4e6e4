"""Stopping without a lost request: first not ready, then, when load balancers have noticed, no new connections."""

import signal
import threading
from collections.abc import Callable
from types import FrameType

import uvicorn


class DrainingServer(uvicorn.Server):
    """Goes on answering for a while after SIGTERM; Ctrl-C, or a second SIGTERM, ends it at once.

    Parameters
    ----------
    config : uvicorn.Config
        Of the application.
    delay_seconds : float
        How long it goes on.
    on_drain : callable
        Told when that begins.
    """

    def __init__(self, config: uvicorn.Config, *, delay_seconds: float, on_drain: Callable[[], None]) -> None:
        super().__init__(config)
        self._delay_seconds, self._on_drain = delay_seconds, on_drain
        self._is_draining = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain, or to stop.

        Parameters
        ----------
        sig : int
            The signal.
        frame : frame
            Where it came.
        """
        if sig != signal.SIGTERM or self._is_draining or not self.started:
            super().handle_exit(sig, frame)
            return
        self._is_draining = True
        self._on_drain()
        timer = threading.Timer(self._delay_seconds, super().handle_exit, (sig, frame))
        timer.daemon = True
        timer.start()
