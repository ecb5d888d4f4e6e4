"""How uvicorn is to serve the application: with deadlines, from a socket that the parent process has bound."""

import resource
import socket
from collections.abc import Sequence
from typing import Any

import uvicorn
from fastapi import FastAPI

from app.api.connections import MAX_CONNECTIONS, DeadlineProtocol

DRAIN_SECONDS = 10


def server_config(app: FastAPI, trusted_proxies: Sequence[str] = (), **options: Any) -> uvicorn.Config:
    """Say how uvicorn is to serve an application.

    Parameters
    ----------
    app : FastAPI
        From ``create_app``.
    trusted_proxies : sequence of str
        Addresses or networks that may say in ``X-Forwarded-For`` whom they ask for.
    **options : object
        What else uvicorn should know.

    Returns
    -------
    uvicorn.Config
        With deadlines for clients.
    """
    standard: dict[str, Any] = {
        "loop": "uvloop",
        "http": DeadlineProtocol,
        "ws": "none",
        "lifespan": "on",
        "log_config": None,
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        "proxy_headers": bool(trusted_proxies),
        "forwarded_allow_ips": list(trusted_proxies),
        "timeout_graceful_shutdown": DRAIN_SECONDS,
    }
    return uvicorn.Config(app, **(standard | options))


def raise_file_limit() -> None:
    """Let this process have as many connections as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + 1_000
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def listening_socket(descriptor: int) -> socket.socket:
    """Take over a listening socket as what it is.

    Uvicorn would take a descriptor for a Unix socket, and small answers would wait 40 ms for the client's delayed
    acknowledgement.

    Parameters
    ----------
    descriptor : int
        From the parent process.

    Returns
    -------
    socket.socket
        With the family that it was made with.
    """
    return socket.socket(fileno=descriptor)
