"""What is noted of every request: an id that goes through the log and back to the caller, a line, and numbers."""

import re
from collections.abc import Callable
from secrets import token_hex
from time import monotonic, perf_counter

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.metrics import Metrics

_HEALTH = {"/health/live", "/health/ready"}  # asked for every second or so by whoever watches
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class Observing:
    """Middleware around everything else. Of an address only the route's template is noted: an id may name a person.

    Health checks that found all well are counted, and not logged.

    Parameters
    ----------
    app : ASGIApp
        What comes after.
    metrics : Metrics
        Counts.
    write_line : callable or None
        Logs fields; None to log no requests.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, write_line: Callable[[dict[str, object]], None] | None = None
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._write_line = write_line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and note what became of it.

        Parameters
        ----------
        scope, receive, send
            As in ASGI.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = perf_counter(), 500
        if scope["path"] not in _HEALTH:
            self._metrics.last_asked = monotonic()
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = given.decode() if _ID.fullmatch(given) else token_hex(8)
        structlog.contextvars.bind_contextvars(request_id=request_id)  # of this request's task alone

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", request_id.encode()))
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            seconds, route = perf_counter() - began, getattr(scope.get("route"), "path", "none")
            self._metrics.count(scope["method"], route, status, seconds)
            if self._write_line and not (route in _HEALTH and status == 200):
                fields = {"method": scope["method"], "route": route, "status": status, "duration_seconds": seconds}
                self._write_line({"request_id": request_id, **fields})
