"""How logs are brought to a service by hand: a sender and its consumer, two processes and a broker between them.

Each does what its users publish, no more slowly than it must: queues are kept at 50 messages in flight, where paho is
fastest, SQLite is in WAL mode, and the broker is mosquitto, where it is installed, which suits them best.
"""

from __future__ import annotations

import json
import multiprocessing
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from itertools import islice
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import can
import cantools.database
import cbor2
import paho.mqtt.client as paho
from benchmarks.can.brokers import running_broker
from nacl.signing import SigningKey, VerifyKey
from paho.mqtt.enums import CallbackAPIVersion

BATCH, IN_FLIGHT, WINDOW_S = 1024, 50, 10.0
DATA, RECEIPT = "pack/data", "pack/receipt"
SEED = bytes(32)
SCHEMA = "CREATE TABLE waiting (id INTEGER PRIMARY KEY, content BLOB)"


@dataclass(frozen=True)
class Peer:
    """One way, and how many frames it is given."""

    frames: int
    send: Callable[[Sender, Path, Path], int]  # frames of the log, by the DBC
    is_durable: bool


def versions() -> str:
    return ", ".join(f"{name} {metadata.version(name)}" for name in ("python-can", "cantools", "cbor2", "paho-mqtt"))


def run(way: str, log: Path, dbc: Path, folder: Path) -> float:
    """Frames a second, from the first byte read to the last one that the consumer has confirmed."""
    peer = PEERS[way]
    context = multiprocessing.get_context("spawn")
    is_ready = context.Event()
    with running_broker(folder) as broker:
        address = (broker.host, broker.port)
        consumer = context.Process(target=consume, args=(address, folder / "consumer.db", peer.is_durable, is_ready))
        consumer.start()
        try:
            if not is_ready.wait(30):
                raise SystemExit("the consumer did not start")
            sender = Sender(address, folder / "sender.db" if peer.is_durable else None)
            started = time.monotonic()
            frames = peer.send(sender, log, dbc)
            sender.wait_for_all()
            return frames / (time.monotonic() - started)
        finally:
            consumer.terminate()
            consumer.join()


@dataclass
class Sender:
    """paho with at most IN_FLIGHT unconfirmed messages; a message is confirmed by PUBACK, or by receipt if durable."""

    address: tuple[str, int]
    store: Path | None
    _room: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(IN_FLIGHT))
    _sent: int = 0
    _confirmed: int = 0

    def __post_init__(self) -> None:
        self.key = SigningKey(SEED)
        self._received: list[int] = []
        self._database = database(self.store) if self.store else None
        self._client = client(self.address)
        self._client.on_publish = lambda *_: None if self._database else self._confirm()
        self._client.on_message = self._on_receipt
        self._client.subscribe(RECEIPT, qos=1)
        self._client.loop_start()

    def send(self, content: bytes) -> None:
        self._room.acquire()
        self._sent += 1
        if self._database:
            content = self.key.sign(self._sent.to_bytes(8, "big") + content)
            done = [(number,) for number in self._take_received()]
            with self._database:
                self._database.executemany("DELETE FROM waiting WHERE id = ?", done)
                self._database.execute("INSERT INTO waiting VALUES (?, ?)", (self._sent, content))
        self._client.publish(DATA, content, qos=1)

    def wait_for_all(self) -> None:
        while self._confirmed < self._sent:
            time.sleep(0.001)
        self._client.loop_stop()

    def _take_received(self) -> list[int]:
        taken, self._received = self._received, []
        return taken

    def _confirm(self) -> None:
        self._confirmed += 1
        self._room.release()

    def _on_receipt(self, _client: Any, _data: Any, message: Any) -> None:
        self._received.append(int.from_bytes(VerifyKey(self.key.verify_key.encode()).verify(message.payload), "big"))
        self._confirm()


def consume(address: tuple[str, int], store: Path, is_durable: bool, is_ready: Event) -> None:
    """Parses everything; if durable also verifies, stores and signs a receipt for each message."""
    key, table = SigningKey(SEED), database(store)

    def on_message(who: Any, _data: Any, message: Any) -> None:
        if not is_durable:
            json.loads(message.payload)
            return
        content = key.verify_key.verify(message.payload)
        number, body = content[:8], content[8:]
        json.loads(body) if body[:1] == b"{" else cbor2.loads(body)
        with table:
            table.execute("INSERT INTO waiting VALUES (?, ?)", (int.from_bytes(number, "big"), message.payload))
        who.publish(RECEIPT, key.sign(number), qos=1)

    consumer = client(address)
    consumer.on_message = on_message
    consumer.on_subscribe = lambda *_: is_ready.set()
    consumer.subscribe(DATA, qos=1)
    consumer.loop_forever()


def client(address: tuple[str, int]) -> paho.Client:
    result = paho.Client(CallbackAPIVersion.VERSION2)
    result.max_inflight_messages_set(IN_FLIGHT)
    result.connect(*address)
    return result


def database(path: Path) -> sqlite3.Connection:
    result = sqlite3.connect(path, check_same_thread=False)
    result.execute("PRAGMA journal_mode = WAL")
    result.execute("PRAGMA synchronous = FULL")
    result.execute(SCHEMA)
    return result


def frame_by_frame(sender: Sender, log: Path, dbc: Path) -> int:
    frames = 0
    for frames, (message, values) in enumerate(decoded(log, dbc), 1):  # noqa: B007
        sender.send(json.dumps({"t": message.timestamp, "id": message.arbitration_id, **values}).encode())
    return frames


def batch_by_batch(sender: Sender, log: Path, dbc: Path) -> int:
    """Columns of times and values, one of each signal."""
    frames, each = 0, decoded(log, dbc)
    while batch := list(islice(each, BATCH)):
        columns: dict[str, tuple[list[float], list[float]]] = {}
        for message, values in batch:
            for name, value in values.items():
                times, column = columns.setdefault(name, ([], []))
                times.append(message.timestamp)
                column.append(value)
        sender.send(cbor2.dumps(columns))
        frames += len(batch)
    return frames


def window_by_window(sender: Sender, log: Path, dbc: Path) -> int:
    """Mean, lowest, highest and last of each signal in WINDOW_S; BATCH frames are decoded before they are looked at."""
    frames, each, ends_at = 0, decoded(log, dbc), 0.0
    values_of: dict[str, list[float]] = {}
    while batch := list(islice(each, BATCH)):
        for message, values in batch:
            if message.timestamp >= ends_at:
                send_window(sender, values_of)
                values_of, ends_at = {}, message.timestamp + WINDOW_S
            for name, value in values.items():
                values_of.setdefault(name, []).append(value)
        frames += len(batch)
    send_window(sender, values_of)
    return frames


def send_window(sender: Sender, values_of: dict[str, list[float]]) -> None:
    said = {name: [sum(each) / len(each), min(each), max(each), each[-1]] for name, each in values_of.items()}
    if said:
        sender.send(cbor2.dumps(said))


def decoded(log: Path, dbc: Path) -> Iterator[tuple[can.Message, dict[str, float]]]:
    messages = cantools.database.Database()
    messages.add_dbc_file(dbc)
    for message in can.LogReader(log):
        values = messages.decode_message(message.arbitration_id, message.data, decode_choices=False)
        yield message, values  # type: ignore[misc]


PEERS = {
    "naive": Peer(20_000, frame_by_frame, is_durable=False),
    "naive, durable": Peer(4_000, frame_by_frame, is_durable=True),
    "fair": Peer(300_000, batch_by_batch, is_durable=True),
    "fair, windows": Peer(300_000, window_by_window, is_durable=True),
}
