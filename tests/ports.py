"""Ports for servers that the tests start."""

import socket


def free_port() -> int:
    """Find a port on the loopback interface that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
