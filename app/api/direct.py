"""The hot question's way past routing and what only other routes need, which take as long as its answer."""

from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import FoldinError

_BEFORE, _AFTER = "/users/", "/recommendations"


class DirectRecommendations:
    """Middleware, the innermost, that calls the endpoint of ``GET /users/{user_id}/recommendations`` itself.

    Everything else, and this address wherever it is not quite as expected, goes on to be routed.

    Parameters
    ----------
    app : ASGIApp
        What comes after.
    route : APIRoute
        A ``PlainRoute``, whose handler checks access.
    answer_error : callable
        Answers what the handler raises, as the application does.
    """

    def __init__(
        self, app: ASGIApp, route: APIRoute, answer_error: Callable[[Request, Exception], Awaitable[Response]]
    ) -> None:
        self._app = app
        self._route = route
        self._handler = route.get_route_handler()
        self._answer_error = answer_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request or pass it on.

        Parameters
        ----------
        scope, receive, send
            As in ASGI.
        """
        user_id = _user_id(scope)
        if not user_id:
            await self._app(scope, receive, send)
            return
        scope["route"], scope["path_params"] = self._route, {"user_id": user_id}
        request = Request(scope, receive)
        try:
            response = await self._handler(request)
        except (FoldinError, HTTPException) as error:
            response = await self._answer_error(request, error)
        await response(scope, receive, send)


def _user_id(scope: Scope) -> str:
    if scope["type"] != "http" or scope["method"] != "GET" or scope.get("root_path"):
        return ""
    path: str = scope["path"]
    if not (path.startswith(_BEFORE) and path.endswith(_AFTER)):
        return ""
    user_id = path[len(_BEFORE) : -len(_AFTER)]
    return "" if "/" in user_id else user_id
