"""The way past routing, and past what only other routes need, for what is asked most: they cost as much as it does."""

from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import FoldinError

_RATINGS = "/ratings"
_BEFORE, _AFTER = "/users/", "/recommendations"


class DirectRoutes:
    """Middleware, the innermost, that calls two endpoints itself.

    These are ``GET /users/{user_id}/recommendations`` and ``POST /ratings``. Everything else, and these addresses
    wherever they are not quite as expected, goes on to be routed.

    Parameters
    ----------
    app : ASGIApp
        What comes after.
    recommend, rate : APIRoute
        A ``PlainRoute`` each, whose handler checks access.
    answer_error : callable
        Answers what a handler raises, as the application does.
    """

    def __init__(
        self,
        app: ASGIApp,
        recommend: APIRoute,
        rate: APIRoute,
        answer_error: Callable[[Request, Exception], Awaitable[Response]],
    ) -> None:
        self._app = app
        self._recommend = recommend, recommend.get_route_handler()
        self._rate = rate, rate.get_route_handler()
        self._answer_error = answer_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request or pass it on.

        Parameters
        ----------
        scope, receive, send
            As in ASGI.
        """
        parameters = _path_parameters(scope)
        if parameters is None:
            await self._app(scope, receive, send)
            return
        scope["path_params"] = parameters
        scope["route"], handler = self._recommend if parameters else self._rate
        request = Request(scope, receive)
        try:
            response = await handler(request)
        except (FoldinError, HTTPException, ClientDisconnect) as error:
            response = await self._answer_error(request, error)
        await response(scope, receive, send)


def _path_parameters(scope: Scope) -> dict[str, str] | None:
    # of recommendations; none for ratings, and None for whatever else
    if scope["type"] != "http" or scope.get("root_path"):
        return None
    path: str = scope["path"]
    if scope["method"] == "POST":
        return {} if path == _RATINGS else None
    if scope["method"] != "GET" or not (path.startswith(_BEFORE) and path.endswith(_AFTER)):
        return None
    user_id = path[len(_BEFORE) : -len(_AFTER)]
    return {"user_id": user_id} if user_id and "/" not in user_id else None
