"""Who may call what: API keys with scopes, host names on loopback, and no writes from a web page of another site."""

import hmac
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from app.services.access_keys import digest_of
from app.storage.api_keys import ApiKey

# Every route with the scope that it needs; a route that is not listed here cannot be made.
SCOPES: Mapping[tuple[str, str], str] = {
    ("POST", "/ratings"): "write",
    ("GET", "/users/{user_id}/ratings"): "read",
    ("DELETE", "/users/{user_id}/ratings/{item_id}"): "write",
    ("DELETE", "/users/{user_id}"): "write",
    ("GET", "/erasures/{erasure_id}"): "read",
    ("GET", "/users/{user_id}/recommendations"): "read",
    ("POST", "/recommendations"): "read",
    ("GET", "/onboarding"): "read",
    ("POST", "/onboarding"): "read",
    ("GET", "/items"): "read",
    ("GET", "/items/{item_id}"): "read",
    ("PUT", "/items/{item_id}"): "write",
    ("PATCH", "/items/{item_id}"): "write",
    ("DELETE", "/items/{item_id}"): "write",
    ("GET", "/items/popular"): "read",
    ("GET", "/items/trending"): "read",
    ("GET", "/items/latest"): "read",
    ("POST", "/items/similar"): "read",
    ("GET", "/users/{user_id}/similar"): "read",
    ("GET", "/users/{user_id}/predictions"): "read",
    ("GET", "/items/{item_id}/similar"): "read",
    ("GET", "/models"): "read",
    ("GET", "/models/active"): "read",
    ("POST", "/training-runs"): "admin",
    ("POST", "/models/{version}/activate"): "admin",
    ("GET", "/training-runs"): "read",
    ("GET", "/training-runs/{run_id}"): "read",
    ("GET", "/docs"): "read",
    ("GET", "/openapi.json"): "read",
    ("GET", "/metrics"): "read",
    ("GET", "/health/live"): "public",
    ("GET", "/health/ready"): "public",
}
_INCLUDES = {"read": {"read"}, "write": {"read", "write"}, "admin": {"read", "write", "admin"}}
_NDJSON = "application/x-ndjson"
_LOOPBACK_NAMES = {"localhost", "127.0.0.1", "[::1]"}


@dataclass(slots=True)
class Access:
    """What decides whether a request may pass.

    A service without keys is open, on loopback only. The first key closes it for good: when the last one is revoked,
    nobody passes any more.

    Attributes
    ----------
    given : mapping of bytes to str
        From the environment: by the SHA-256 of a key its scope.
    is_open : bool or None
        None until the store has said whether it holds keys.
    """

    given: Mapping[bytes, str]
    is_open: bool | None = None
    _scopes_by_digest: Mapping[bytes, str] = field(init=False)

    def __post_init__(self) -> None:
        """Take the keys that were given."""
        self._scopes_by_digest = self.given
        if self.given:
            self.is_open = False

    def update(self, stored: Sequence[ApiKey]) -> None:
        """Take the keys that the store holds now.

        Parameters
        ----------
        stored : sequence of ApiKey
            Revoked ones too.
        """
        good = {key.digest: key.scope for key in stored if key.revoked_at is None}
        self._scopes_by_digest = good | dict(self.given)
        self.is_open = self.is_open is not False and not stored

    def check(self, request: Request, scope: str) -> None:
        """Let a request pass or refuse it.

        Parameters
        ----------
        request : Request
            With its headers.
        scope : str
            What the matched route needs.

        Raises
        ------
        HTTPException
            401 without a valid key, 403 when the key may not do this or the request comes from another site, 415 for a
            write without a content type, 421 for a foreign host name, 503 before the keys are known.
        """
        headers = request.headers
        if self.is_open and _host_name(headers.get("host", "")) not in _LOOPBACK_NAMES:
            raise HTTPException(421, "without an API key this service answers to localhost and 127.0.0.1 only")
        if not self.is_open and scope != "public":
            self._check_key(headers, scope)
        if request.method not in {"GET", "HEAD"}:
            _check_sender(headers)

    def _check_key(self, headers: Headers, scope: str) -> None:
        if self.is_open is None:
            raise HTTPException(503, "the database has not been reached yet, so keys cannot be checked")
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        digest = digest_of(headers.get("x-api-key") or (bearer.strip() if kind.lower() == "bearer" else ""))
        found: str | None = None
        for known, its_scope in self._scopes_by_digest.items():  # every one, so that the time says nothing
            if hmac.compare_digest(known, digest):
                found = its_scope
        if found is None:
            challenge = {"WWW-Authenticate": "Bearer"}
            raise HTTPException(401, "send an API key in X-API-Key or as a bearer token", headers=challenge)
        if scope not in _INCLUDES[found]:
            raise HTTPException(403, f"this needs a key with the scope {scope}")


def _check_sender(headers: Headers) -> None:
    # A web page of another site can have a browser send a form, but not JSON without asking us first.
    origin = headers.get("origin")
    is_foreign = origin is not None and origin.partition("://")[2] != headers.get("host")
    if is_foreign or headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
        raise HTTPException(403, "a web page of another site may not change anything here")
    if headers.get("content-type", "").partition(";")[0].strip().lower() not in {"application/json", _NDJSON}:
        raise HTTPException(415, "send Content-Type: application/json, even without a body")


class ScopedRoute(APIRoute):
    """A route that checks access before anything else of the request is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler.

        Returns
        -------
        callable
            The handler with its check.
        """
        return self.checked(super().get_route_handler())

    def checked(
        self, handler: Callable[[Request], Coroutine[Any, Any, Response]]
    ) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Put the check before a handler.

        Parameters
        ----------
        handler : callable
            Answers a request.

        Returns
        -------
        callable
            Answers it if it may pass.
        """
        (method,) = self.methods or {"GET"}
        scope = SCOPES[method, self.path]

        async def checked(request: Request) -> Response:
            request.app.state.access.check(request, scope)
            return await handler(request)

        return checked


class PlainRoute(ScopedRoute):
    """A route whose endpoint takes the request alone, which spares a small write the resolution of parameters."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the endpoint itself.

        Returns
        -------
        callable
            The endpoint with its check.
        """
        return self.checked(self.endpoint)


def plain_route(router: APIRouter, endpoint: Callable[..., object]) -> APIRoute:
    """Find an endpoint's route.

    Parameters
    ----------
    router : APIRouter
        Which has it.
    endpoint : callable
        Of a ``PlainRoute``.

    Returns
    -------
    APIRoute
        The first.
    """
    return next(route for route in router.routes if isinstance(route, PlainRoute) and route.endpoint is endpoint)


def _host_name(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name if name and port.isdigit() else host
