"""Stopping without a lost request: first not ready, then, when nobody asks any more, no new connections."""

import signal
import threading
from collections.abc import Callable
from time import monotonic
from types import FrameType

import uvicorn

LONGEST_DELAYS = 5
"""After as many delays it ends though somebody goes on asking."""

_LOOK_SECONDS = 0.05


class DrainingServer(uvicorn.Server):
    """Goes on answering after SIGTERM until nobody has asked for a while; Ctrl-C, or a second SIGTERM, ends it at once.

    How long a load balancer takes to notice is not known here: one that is busy takes longer than it was told to. That
    it has noticed shows, since it sends nothing any more. Clients that stay on a connection are told to make a new one.

    Parameters
    ----------
    config : uvicorn.Config
        Of the application.
    delay_seconds : float
        How long nobody must have asked; in all it goes on for at most ``LONGEST_DELAYS`` times as long.
    on_drain : callable
        Told when that begins.
    last_asked : callable
        When the last request came that was no health check, in the seconds of ``time.monotonic``.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        delay_seconds: float,
        on_drain: Callable[[], None],
        last_asked: Callable[[], float],
    ) -> None:
        super().__init__(config)
        self._delay_seconds, self._on_drain, self._last_asked = delay_seconds, on_drain, last_asked
        self._is_draining, self._is_over = False, threading.Event()

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
            self._is_over.set()
            super().handle_exit(sig, frame)
            return
        self._is_draining = True
        self._on_drain()
        close = (b"connection", b"close")
        self.config.encoded_headers.append(close)  # from which uvicorn makes these every second
        self.server_state.default_headers = [*self.server_state.default_headers, close]
        threading.Thread(target=self._end_when_quiet, args=(sig,), daemon=True).start()

    def _end_when_quiet(self, sig: int) -> None:
        began = monotonic()
        while not self._is_over.wait(min(_LOOK_SECONDS, self._delay_seconds)):
            now = monotonic()
            is_quiet = now - max(began, self._last_asked()) >= self._delay_seconds
            if is_quiet or now - began >= LONGEST_DELAYS * self._delay_seconds:
                super().handle_exit(sig, None)
                return
