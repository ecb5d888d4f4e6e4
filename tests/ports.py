"""Ports for servers that the tests start."""

import atexit
import random
import socket
from pathlib import Path

# Below where systems take ports for outgoing connections and for whoever asks for any.
_FIRST, _PAST = 15_000, 32_768
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")

_reserved: list[socket.socket] = []


def free_port() -> int:
    """Find a port on the loopback interface that nobody listens on, and that no other test will be given.

    The UDP port of the same number stands for it, and is held until this process ends: between the choice and the
    moment at which a server listens, or while a server is down, nobody else of ours takes it.
    """
    ports = list(range(_FIRST, _past()))
    random.SystemRandom().shuffle(ports)  # a test that sets the seed of `random` must not lead everybody to one port
    for port in ports:
        held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            held.bind(("127.0.0.1", port))
            with socket.socket() as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
                listener.bind(("127.0.0.1", port))
        except OSError:
            held.close()
            continue
        _reserved.append(held)
        return port
    raise RuntimeError("no port on the loopback interface is free")


def _past() -> int:
    try:
        lowest = int(_EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError):
        return _PAST
    return lowest if lowest > _FIRST + 1_000 else _PAST


@atexit.register
def _let_go() -> None:
    for held in _reserved:
        held.close()
