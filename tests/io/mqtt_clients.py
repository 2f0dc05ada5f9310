"""Connections of a test: what they hear, and a server on a socket that is no broker."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from packseal.io.mqtt import BrokerAddress, MQTTConnection, MQTTTimes
from tests.waiting import until

QUICK = MQTTTimes(connect_s=5, connack_s=1, keepalive_s=5, progress_s=1, stall_s=30)


class Hearing:
    """A connection with all that it has heard."""

    def __init__(self, address: BrokerAddress, client_id: str, *topics: str, **more: Any) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.states: list[bool] = []
        if "on_messages" not in more:
            more.setdefault("on_message", self._take)
        more.setdefault("on_state", self.states.append)
        self.connection = MQTTConnection(address, client_id, topics, **more)

    def __enter__(self) -> Hearing:
        self.connection.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.stop()

    def connected(self) -> Hearing:
        until(lambda: self.connection.is_connected, f"a connection ({self.connection.problem})")
        return self

    def subscribed(self, topic: str) -> Hearing:
        """Hears itself on this topic; what it has heard until then is forgotten."""
        self.connected()
        until(lambda: (topic, b"hear") in self.heard, topic, lambda: self.connection.publish(topic, b"hear"))
        until(lambda: not self.figure("in_flight") and not self.figure("waiting"), "quiet")
        count = self.figure("received")
        until(lambda: self.figure("received") == count, "quiet")
        self.heard.clear()
        return self

    def figure(self, name: str) -> int:
        return self.connection.figures()[name]

    def problem_with(self, *words: str) -> str:
        """Waits for a problem that has these words in it, and gives all that it says."""
        said: list[str] = []

        def has_come() -> bool:
            said.append(self.connection.problem)
            return all(word in said[-1] for word in words)

        until(has_come, f"{words}")
        return said[-1]

    def _take(self, topic: str, content: bytes) -> None:
        self.heard.append((topic, content))


@contextmanager
def server(serve: Callable[[socket.socket], None]) -> Iterator[BrokerAddress]:
    """Takes one connection after the other, each as `serve` does; all are closed in the end."""
    listening = socket.create_server(("127.0.0.1", 0))
    taken: list[socket.socket] = []

    def run() -> None:
        with suppress(OSError):  # it is closed in the end
            while True:
                taken.append(listening.accept()[0])
                serve(taken[-1])

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield BrokerAddress("127.0.0.1", listening.getsockname()[1])
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        for connection in (*taken, listening):
            connection.close()
        thread.join()
