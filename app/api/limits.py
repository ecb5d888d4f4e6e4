"""How much is worked on at a time, and for how long, so that whoever asks too much is refused and nobody else waits."""

import asyncio
from collections import Counter

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import http_problem

MAX_REQUESTS = 512
MAX_REQUESTS_OF_ONE = 256
BUDGET_SECONDS = 20.0


class Limits:
    """Middleware that counts the requests being worked on, and ends those that take too long.

    A request counts neither against the limits nor against its budget while the client is being waited for.

    Parameters
    ----------
    app : ASGIApp
        What comes after.
    max_requests : int
        At a time, in this process; more are answered with 503.
    max_requests_of_one : int
        At a time, from one address; more are answered with 429.
    budget_seconds : float
        For the service's own work on a request, or on each part of a stream; then 503.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_requests: int = MAX_REQUESTS,
        max_requests_of_one: int = MAX_REQUESTS_OF_ONE,
        budget_seconds: float = BUDGET_SECONDS,
    ) -> None:
        self._app = app
        self._max_requests = max_requests
        self._max_requests_of_one = max_requests_of_one
        self._budget_seconds = budget_seconds
        self._n_active = 0
        self._n_active_of: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it.

        Parameters
        ----------
        scope, receive, send
            As in ASGI.

        Raises
        ------
        TimeoutError
            When the time is over in the middle of an answer, so that the connection is closed.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = (scope.get("client") or ("",))[0]
        is_answered = False

        async def receive_uncounted() -> Message:
            budget.reschedule(None)
            self._leave(client)
            try:
                return await receive()
            finally:
                self._n_active += 1
                self._n_active_of[client] += 1
                budget.reschedule(asyncio.get_running_loop().time() + self._budget_seconds)

        async def send_noticed(message: Message) -> None:
            nonlocal is_answered
            is_answered = True
            await send(message)

        if (refusal := self._refusal(client)) is not None:
            await refusal(scope, receive, send)
            return
        self._n_active += 1
        self._n_active_of[client] += 1
        try:
            async with asyncio.timeout(self._budget_seconds) as budget:
                await self._app(scope, receive_uncounted, send_noticed)
        except TimeoutError:
            if not budget.expired() or is_answered:
                raise
            detail = "this took too long and was given up; a write may have been carried out, and is safe to repeat"
            await http_problem(503, detail)(scope, receive, send)
        finally:
            self._leave(client)

    def _refusal(self, client: str) -> Response | None:
        if self._n_active >= self._max_requests:
            return http_problem(503, "too many requests are being worked on; try again later")
        if self._n_active_of[client] >= self._max_requests_of_one:
            return http_problem(429, "too many requests from this address are being worked on; send fewer at a time")
        return None

    def _leave(self, client: str) -> None:
        self._n_active -= 1
        self._n_active_of[client] -= 1
        if not self._n_active_of[client]:
            del self._n_active_of[client]


class BodyRoom:
    """The memory that large bodies of one process may take together while they come in.

    Parameters
    ----------
    n_bytes : int
        In all.

    Attributes
    ----------
    short_turn, long_turn : asyncio.Lock
        Of the one that is being taken apart on the event loop, at once or in pieces: who asks something else waits for
        one of each, and not for all that have come.
    """

    def __init__(self, n_bytes: int = 24_000_000) -> None:
        self._n_free = n_bytes
        self.short_turn, self.long_turn = asyncio.Lock(), asyncio.Lock()

    def take(self, n_bytes: int) -> None:
        """Take some.

        Parameters
        ----------
        n_bytes : int
            To be given back.

        Raises
        ------
        HTTPException
            503 when there is not enough.
        """
        if n_bytes > self._n_free:
            raise HTTPException(
                503, "too many large bodies are being received; try again later", headers={"Retry-After": "1"}
            )
        self._n_free -= n_bytes

    def give_back(self, n_bytes: int) -> None:
        """Give back what was taken.

        Parameters
        ----------
        n_bytes : int
            In all.
        """
        self._n_free += n_bytes
