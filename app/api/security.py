"""Who may call what: API keys with scopes, host names on loopback, and no writes from a web page of another site."""

import hashlib
import hmac
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from app.config import Settings

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
    ("GET", "/health/live"): "public",
    ("GET", "/health/ready"): "public",
}
_INCLUDES = {"read": {"read"}, "write": {"read", "write"}, "admin": {"read", "write", "admin"}}
_LOOPBACK_NAMES = {"localhost", "127.0.0.1", "[::1]"}


@dataclass(frozen=True, slots=True)
class Access:
    """What decides whether a request may pass.

    Attributes
    ----------
    scopes_by_digest : mapping of bytes to set of str
        By the SHA-256 of a key, what it may do; empty for a service that is open on loopback only.
    """

    scopes_by_digest: Mapping[bytes, set[str]]

    @classmethod
    def of(cls, settings: Settings) -> "Access":
        """Read the keys.

        Parameters
        ----------
        settings : Settings
            With ``api_keys`` or ``api_keys_file``.

        Returns
        -------
        Access
            Holding digests only.
        """
        return cls({_digest(key): _INCLUDES[scope] for scope, key in settings.read_api_keys()})

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
            401 without a valid key, 403 when the key may not do this or the request comes from another site, 421 for
            a foreign host name.
        """
        headers = request.headers
        if request.method not in {"GET", "HEAD"} and headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
            raise HTTPException(403, "a web page of another site may not change anything here")
        if not self.scopes_by_digest:
            if request.method not in {"GET", "HEAD"} and not _is_loopback_origin(headers.get("origin")):
                raise HTTPException(403, "a web page of another site may not change anything here")
            if _host_name(headers.get("host", "")) not in _LOOPBACK_NAMES:
                raise HTTPException(421, "without an API key this service answers to localhost and 127.0.0.1 only")
        elif scope != "public":
            self._check_key(headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer "), scope)

    def _check_key(self, key: str, scope: str) -> None:
        digest = _digest(key)
        allowed: set[str] | None = None
        for known, scopes in self.scopes_by_digest.items():  # every one, so that the time says nothing
            if hmac.compare_digest(known, digest):
                allowed = scopes
        if allowed is None:
            challenge = {"WWW-Authenticate": "Bearer"}
            raise HTTPException(401, "send an API key in X-API-Key or as a bearer token", headers=challenge)
        if scope not in allowed:
            raise HTTPException(403, f"this needs a key with the scope {scope}")


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
            access: Access = request.app.state.access
            access.check(request, scope)
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


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _host_name(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name if name and port.isdigit() else host


def _is_loopback_origin(origin: str | None) -> bool:
    return origin is None or _host_name(origin.partition("://")[2]) in _LOOPBACK_NAMES
