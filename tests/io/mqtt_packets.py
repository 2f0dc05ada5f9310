"""MQTT byte by byte: a client and a broker of a few packets, for what no real one would do."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from packseal.io.mqtt import BrokerAddress


def connect_311(client_id: str) -> bytes:
    return _packet(0x10, _text("MQTT") + b"\x04\x02\x00\x3c" + _text(client_id))


def publish_0(topic: str, content: bytes) -> bytes:
    return _packet(0x30, _text(topic) + content)


def _packet(head: int, body: bytes) -> bytes:
    length, rest = bytearray(), len(body)
    while rest > 127:
        length.append(rest % 128 | 128)
        rest //= 128
    return bytes([head, *length, rest]) + body


def _text(text: str) -> bytes:
    return struct.pack("!H", len(text.encode())) + text.encode()


@contextmanager
def raw_client(address: BrokerAddress, connect: bytes) -> Iterator[socket.socket]:
    with socket.create_connection((address.host, address.port), timeout=20) as connection:
        connection.sendall(connect)
        assert connection.recv(100)[0] == 0x20
        yield connection


class CountingBroker:
    """Takes one connection at a time, and acknowledges what is published only when it has seen no more for a while."""

    def __init__(
        self, receive_maximum: int = 0, speaks_v5: bool = True, answers: bool = True, refuses: int = 0
    ) -> None:
        """refuses: so many subscriptions, before it takes one."""
        self.refuses = refuses
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = BrokerAddress("127.0.0.1", self._listening.getsockname()[1])
        self._properties = b"\x03\x21" + struct.pack("!H", receive_maximum) if receive_maximum else b"\x00"
        self._speaks_v5, self._answers = speaks_v5, answers
        self.taken = self.most_unacknowledged = self.connects = self.asked = 0
        self._connection: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> CountingBroker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        for one in (self._connection, self._listening):
            if one:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
        self._thread.join()

    def send(self, content: bytes) -> None:
        assert self._connection
        with suppress(OSError):  # the client has had enough
            self._connection.sendall(content)

    def _run(self) -> None:
        with suppress(OSError):  # closed in the end
            while True:
                self._connection, _ = self._listening.accept()
                with suppress(EOFError, ConnectionError), self._connection:
                    self._serve(self._connection)

    def _serve(self, connection: socket.socket) -> None:
        head, body = _read(connection)
        is_v5 = body[6] == 5
        if is_v5 and not self._speaks_v5:
            connection.sendall(b"\x20\x02\x00\x01")
            return
        self.connects += 1
        connection.sendall(_packet(0x20, b"\x00\x00" + self._properties) if is_v5 else b"\x20\x02\x00\x00")
        unacknowledged: list[bytes] = []
        while head != 0xE0:
            try:
                connection.settimeout(0.1 if unacknowledged and self._answers else None)
                head, body = _read(connection)
            except TimeoutError:
                connection.settimeout(None)
                for packet_id in unacknowledged:
                    connection.sendall(b"\x40\x02" + packet_id)
                unacknowledged.clear()
                continue
            if head & 0xF0 == 0x30:
                self.taken += 1
                start = 2 + int.from_bytes(body[:2], "big")
                unacknowledged.append(body[start : start + 2])
                self.most_unacknowledged = max(self.most_unacknowledged, len(unacknowledged))
            elif head == 0xC0:
                self.asked += 1
                connection.sendall(b"\xd0\x00" if self._answers else b"")
            elif head & 0xF0 == 0x80:
                self.refuses -= 1
                granted = b"\x80" if self.refuses >= 0 else b"\x01"
                connection.sendall(_packet(0x90, body[:2] + (b"\x00" if is_v5 else b"") + granted))


def _read(connection: socket.socket) -> tuple[int, bytes]:
    head, length, shift = _exactly(connection, 1)[0], 0, 0
    while True:
        byte = _exactly(connection, 1)[0]
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return head, _exactly(connection, length)


def _exactly(connection: socket.socket, count: int) -> bytes:
    content = b""
    while len(content) < count:
        part = connection.recv(count - len(content))
        if not part:
            raise EOFError
        content += part
    return content
