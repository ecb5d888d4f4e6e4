"""Ids in addresses: any id works, a slash included, since an address is matched before it is percent-decoded."""

import re
from typing import Annotated
from urllib.parse import unquote_to_bytes

from fastapi import Path
from pydantic import AfterValidator, BeforeValidator, WithJsonSchema
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.schemas import ID_SCHEMA
from app.services.policy import check_id

PATH_ID = "Percent-encoded; any characters but control characters."
_BROKEN_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")


class MatchUndecodedPaths:
    """Middleware that has routes matched against the path as it was sent.

    Parameters
    ----------
    app : ASGIApp
        What comes after.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its undecoded path.

        Parameters
        ----------
        scope, receive, send
            As in ASGI.
        """
        if scope["type"] == "http":
            scope["path"] = scope["raw_path"].decode("latin-1")
        await self._app(scope, receive, send)


def _decode(segment: str) -> str:
    # Strict: "%zz" and bytes that are not UTF-8 would otherwise become some other id.
    if _BROKEN_ESCAPE.search(segment):
        raise ValueError("has a percent sign that is not followed by two hexadecimal digits")
    try:
        return unquote_to_bytes(segment.encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise ValueError("must be UTF-8") from None


PathId = Annotated[
    str, Path(description=PATH_ID), BeforeValidator(_decode), AfterValidator(check_id), WithJsonSchema(ID_SCHEMA)
]
"""The id of a user or an item in an address."""
