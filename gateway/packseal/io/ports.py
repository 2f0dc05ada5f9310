"""Ports of this machine: a free one, and one to listen on."""

from __future__ import annotations

import socket

from packseal.errors import UnavailableError


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listening_socket(listen: str) -> socket.socket:
    """A bound socket for host:port. Raises UnavailableError."""
    host, _, port = listen.rpartition(":")
    opened = socket.socket()
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((host, int(port)))
        opened.listen()  # who asks before the server runs waits a moment, and is not turned away
    except OSError as error:
        opened.close()
        words = f"cannot listen on {listen}: {error.strerror}; stop what runs there or choose another address"
        raise UnavailableError(words) from None
    return opened
