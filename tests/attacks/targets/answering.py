"""A counterpart on a loopback port that answers every request with the bytes it was given last."""

from __future__ import annotations

import socket
import threading
from functools import cache

MAX_REQUEST_BYTES = 1 << 20
PLACE = b"@URL@"  # in an answer: the counterpart's own address, which is another one each time


class Counterpart:
    """One connection after the other, each for one request."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._answer = b""
        threading.Thread(target=self._serve, daemon=True).start()

    def answer_with(self, answer: bytes) -> None:
        """The whole answer, its status line and headers included."""
        self._answer = answer.replace(PLACE, self.url.encode())

    def answer_json(self, content: bytes) -> None:
        content = content.replace(PLACE, self.url.encode())
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        self._answer = head.encode() + content

    def _serve(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            with connection:
                connection.settimeout(5)
                try:
                    _take_request(connection)
                    connection.sendall(self._answer)
                except OSError:  # it has left, as one may that has seen enough
                    continue


def _take_request(connection: socket.socket) -> None:
    """Read whole, else the answer is lost with the connection that is reset."""
    taken = b""
    while b"\r\n\r\n" not in taken and (piece := connection.recv(65_536)):
        taken += piece
    head, _, body = taken.partition(b"\r\n\r\n")
    wanted = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < min(wanted, MAX_REQUEST_BYTES) and (piece := connection.recv(65_536)):
        body += piece


@cache
def counterpart() -> Counterpart:
    """One for this process."""
    return Counterpart()
