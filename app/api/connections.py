"""How long a client may take to send a request and to read its answer; uvicorn itself would wait for ever."""

import asyncio
from math import inf
from typing import cast

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.api.problems import http_problem

HEADER_SECONDS = 10.0
BODY_SECONDS = 20.0
BYTES_PER_SECOND = 65_536  # what a long body and a long answer must move at, beyond the seconds above
LINGER_SECONDS = 2.0  # for the rest of a body that was refused
REFUSED_PAUSE_SECONDS = 0.02  # between two reads of it, of up to 256,000 bytes: to throw away is work, too
MAX_HEADER_BYTES = 65_536
MAX_CONNECTIONS = 3_000
# What clients that would rather speak HTTP/2 send with their first request; the parser would leave out its body.
_UPGRADE, _NO_UPGRADE = b"\r\nUpgrade: h2c\r\n", b"\r\nX-Asked: h2c\r\n"


class DeadlineProtocol(HttpToolsProtocol):
    """One connection, closed with 408 when the client does not do its part in time.

    A request's first line and headers have ten seconds, from connecting or from their first byte; its body has twenty,
    and longer the more of it has come. While it is the service's turn, no time passes.

    What is refused before the application has heard of it is counted in the ``Metrics`` of its lifespan's ``metrics``.
    """

    _deadline = inf  # in the loop's time; infinite while the service is at work
    _is_in_headers = False
    _is_kept_alive = True
    _is_too_large = False
    _n_bytes = 0  # received of a request whose headers are not complete
    _n_beside = 0  # received behind the headers, and none of it a body
    _n_unsent = 0
    _timer: asyncio.TimerHandle | None = None
    cycle: RequestResponseCycle | None  # type: ignore[assignment]  # None until the first request

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request, unless there are too many connections."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            self._refuse(http_problem(503, "too many connections are open; try again later"))
            return
        self._expect_headers()
        self._timer = self.loop.call_later(HEADER_SECONDS, self._check)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, up to a limit for headers, and for what may stand behind a body or between its parts."""
        self._n_bytes = len(data) + (self._n_bytes if self._is_in_headers else 0)
        self._n_beside += len(data)
        if self._is_in_headers or self._deadline != inf:
            data = data.replace(_UPGRADE, _NO_UPGRADE)
        super().data_received(data)
        is_in_body = self.cycle is not None and self.cycle.more_body
        if self.cycle is not None and is_in_body and self.cycle.response_complete:
            self.transport.pause_reading()
            self.loop.call_later(REFUSED_PAUSE_SECONDS, self._read_on)
        if (self._n_bytes if self._is_in_headers else self._n_beside * is_in_body) > MAX_HEADER_BYTES:
            self._refuse_headers()

    def on_message_begin(self) -> None:
        """Give a request's headers their time."""
        super().on_message_begin()
        self._is_in_headers = True
        self._expect_headers()

    def on_headers_complete(self) -> None:
        """Give the body its time.

        Raises
        ------
        ValueError
            If the headers are too long, or name two hosts, which ends the connection.
        """
        self._is_in_headers = False
        if self._n_bytes > MAX_HEADER_BYTES:  # with a part of the body, perhaps
            self._is_too_large = len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > (
                MAX_HEADER_BYTES
            )
            if self._is_too_large:
                raise ValueError
        self._n_beside = 0
        if [name for name, _ in self.headers].count(b"host") > 1:  # somebody before us may have gone by the other one
            raise ValueError
        super().on_headers_complete()
        self._deadline = self.loop.time() + BODY_SECONDS
        if (
            self.cycle is not None
        ):  # who is refused before the body has come could not read why from a closed connection
            self._is_kept_alive, self.cycle.keep_alive = self.cycle.keep_alive, True

    def on_body(self, body: bytes) -> None:
        """Give the body more time for what has come of it."""
        self._deadline += len(body) / BYTES_PER_SECOND
        self._n_beside = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Let the service work."""
        super().on_message_complete()
        self._deadline = inf
        if self.cycle is None:
            return
        self.cycle.keep_alive &= self._is_kept_alive
        if self.cycle.response_complete:  # it was refused before it had come
            self._expect_headers()
            if not self.cycle.keep_alive:
                self.transport.close()

    def on_response_complete(self) -> None:
        """Wait for the next request, or not much longer for the rest of this one."""
        super().on_response_complete()
        if self._deadline == inf and self.cycle is not None and self.cycle.response_complete:
            self._expect_headers()
        else:
            self._deadline = min(self._deadline, self.loop.time() + LINGER_SECONDS)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        if self._is_too_large:
            self._refuse_headers()
        else:
            self._refuse(http_problem(400, msg))

    def _expect_headers(self) -> None:
        self._deadline = self.loop.time() + HEADER_SECONDS

    def _check(self) -> None:
        now, n_unsent = self.loop.time(), self.transport.get_write_buffer_size()
        if self._n_unsent and n_unsent > self._n_unsent - BYTES_PER_SECOND:  # as little in all the time since the last
            self.transport.abort()
            return
        self._n_unsent = n_unsent
        if now >= self._deadline and not self.flow.read_paused:
            if self._is_in_headers or (self.cycle is not None and not self.cycle.response_complete):
                self._refuse(http_problem(408, "the request did not come in time; send it again, faster"))
            self.transport.close()
        delay = min(self._deadline - now, HEADER_SECONDS)
        self._timer = self.loop.call_later(delay if delay > 0 else LINGER_SECONDS, self._check)

    def _read_on(self) -> None:
        if not (self.transport.is_closing() or self.flow.read_paused):
            self.transport.resume_reading()

    def _refuse_headers(self) -> None:
        self._refuse(http_problem(431, f"address and headers may take {MAX_HEADER_BYTES:,} bytes"))

    def _refuse(self, response: Response) -> None:
        cycle = self.cycle
        is_next = cycle is None or cycle.response_complete or not (cycle.response_started or self.pipeline)
        if is_next and not self.transport.is_closing():
            lines = [b"HTTP/1.1 %d \r\nconnection: close" % response.status_code]
            lines += [name + b": " + value for name, value in response.raw_headers]
            self.transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + cast("bytes", response.body))
            if "metrics" in self.app_state and (
                cycle is None or cycle.response_complete
            ):  # else the application counts
                self.app_state["metrics"].count_unread(response.status_code)
        self.transport.close()
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
