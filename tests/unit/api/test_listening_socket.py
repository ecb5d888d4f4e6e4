"""Small answers go out at once: they do not wait for the client's delayed acknowledgement of the bytes before."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import closing

import pytest
import uvloop

from app.api.server import listening_socket


def _as_uvicorn_would(descriptor: int) -> socket.socket:
    return socket.fromfd(descriptor, socket.AF_UNIX, socket.SOCK_STREAM)


@pytest.mark.parametrize(("open_listening", "is_at_once"), [(listening_socket, 1), (_as_uvicorn_would, 0)])
def test_connections_send_without_delay(open_listening: Callable[[int], socket.socket], is_at_once: int) -> None:
    found: asyncio.Queue[int] = asyncio.Queue()

    class Note(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            accepted: socket.socket = transport.get_extra_info("socket")
            with socket.socket(fileno=socket.dup(accepted.fileno())) as plain:
                found.put_nowait(plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    async def connect(bound: socket.socket) -> int:
        address = bound.getsockname()
        listening = open_listening(bound.detach())
        server = await asyncio.get_running_loop().create_server(Note, sock=listening)
        _, writer = await asyncio.open_connection(*address)
        is_without_delay = await found.get()
        writer.close()
        server.close()
        return is_without_delay

    with closing(uvloop.new_event_loop()) as loop:
        assert loop.run_until_complete(connect(socket.create_server(("127.0.0.1", 0)))) == is_at_once
