"""How fast several workers take deliveries in, from a gateway's connection to its last receipt.

    PYTHONPATH=. python benchmarks/passport/workers.py [--deliveries 1000] [--ways mosquitto,jetstream]

All of it is real and on this machine: a broker (mosquitto; or three NATS servers with replicas on all of them, in files
as Debian's version writes them), PostgreSQL with every commit on its disk, workers as processes of their own, each with
the whole service but the pages. One connection publishes, as gateways do, and keeps WINDOW deliveries without a receipt
under way; a delivery is 60 windows of 16 cells, one of each log, signed before the clock starts. The rate is that of
records, from the first publish to the last verified receipt. So broker, database, workers and sender share the cores.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.passport.deliveries import deliveries, signing_key
from benchmarks.passport.ingest import RECORDS, SIGNER, PostgresPlaces, filled, server
from tests.line.rig import PACKSEAL, Process, broker
from tests.scale.servers import NATSCluster

from packseal.errors import UnavailableError
from packseal.io.mqtt import BrokerAddress, MQTTConnection
from packseal.records.answer import ReceiptAnswer, decode_answer
from packseal.records.checkpoint import verify_receipt
from packseal.records.log import Delivery

WORKERS = (1, 2, 4)
WINDOW = 256
STALLED_S = 10.0
TRIES = 12


class Sender:
    """Sends what is prepared, and hears the receipts."""

    def __init__(self, address: BrokerAddress) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[bytes, bytes] = {}  # by log: each has one delivery
        self.refused: list[str] = []
        self._mqtt = MQTTConnection(address, "sender", ["packseal/site/+/receipt"], on_messages=self._heard)

    def __enter__(self) -> Sender:
        self._mqtt.start()
        _until(lambda: self._mqtt.is_connected, "the broker")
        return self

    def __exit__(self, *_: object) -> None:
        self._mqtt.stop()

    def send(self, payloads: list[bytes]) -> None:
        """Until all have their receipts. Raises UnavailableError when nothing comes any more."""
        for payload in payloads:
            self._wait(WINDOW - 1)
            with self._changed:
                self._waiting[Delivery.from_bytes(payload).log_id] = payload
            self._publish(payload)
        self._wait(0)

    def _wait(self, left: int) -> None:
        for _ in range(TRIES):
            with self._changed:
                before = len(self._waiting)
                while len(self._waiting) > left and self._changed.wait(STALLED_S):
                    pass
                if len(self._waiting) <= left:
                    return
                again = list(self._waiting.values()) if len(self._waiting) == before else []
            for payload in again:
                self._publish(payload)
        raise UnavailableError(f"{len(self._waiting)} deliveries have no receipt; refused: {self.refused[:2]}")

    def _publish(self, payload: bytes) -> None:
        self._mqtt.publish("packseal/site/pack/rec", payload)

    def _heard(self, messages: Sequence[tuple[str, bytes]]) -> None:
        answers = [decode_answer(content) for _, content in messages]
        with self._changed:
            for answer in answers:
                if isinstance(answer, ReceiptAnswer):
                    self._waiting.pop(verify_receipt(answer.receipt, SIGNER.public_key).log_id, None)
                else:
                    self.refused.append(f"{answer.reason}: {answer.detail}")
            self._changed.notify_all()


# ---- brokers and workers


@contextmanager
def mosquitto(folder: Path) -> Iterator[tuple[str, BrokerAddress]]:
    process, address = broker(folder)
    settings = folder / "mosquitto.conf"
    settings.write_text(settings.read_text() + f"max_inflight_messages {WINDOW}\nmax_queued_messages 10000\n")
    process.start()
    try:
        yield str(address), address
    finally:
        process.kill()


@contextmanager
def jetstream(folder: Path) -> Iterator[tuple[str, BrokerAddress]]:
    servers = NATSCluster(folder)
    servers.start()
    try:
        yield servers.url, servers.listener(0)
    finally:
        servers.stop()


WAYS = {"mosquitto": mosquitto, "jetstream": jetstream}


@contextmanager
def workers(folder: Path, url: str, store: str, batteries: int, count: int) -> Iterator[None]:
    (folder / "service.key").write_bytes(bytes(SIGNER._key))
    (folder / "service.key").chmod(0o600)
    text = f'broker = "{url}"\nstore = "{store}"\nkey = "service.key"\n[worker]\npages = false\n'
    for number in range(batteries):
        key = bytes(signing_key(number).verify_key).hex()
        text += f'[[battery]]\nid = "pack-{number}"\nname = "A pack"\ncategory = "SBESS"\nrated_capacity_mah = 280000\n'
        text += f'[[battery.source]]\npublic_key = "{key}"\nevidence_class = "B"\n'
    (folder / "passport.toml").write_text(text)
    command = [PACKSEAL, "passport", "serve", str(folder / "passport.toml")]
    processes = [Process(command, folder / f"worker-{number}.log") for number in range(count)]
    try:
        for process in processes:
            process.start()
        for process in processes:
            process.wait_for_output("passport worker without pages")
        yield
    finally:
        for process in processes:
            process.kill()


def rate(way: str, places: PostgresPlaces, batteries: int, payloads: list[bytes], count: int) -> float:
    """Records a second."""
    first, *rest = payloads
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="workers-")))
        url, listener = running.enter_context(WAYS[way](folder))
        running.enter_context(workers(folder, url, places.fresh(), batteries, count))
        sender = running.enter_context(Sender(listener))
        sender.send([first])  # which finds all of them connected
        started = time.perf_counter()
        sender.send(rest)
        took_s = time.perf_counter() - started
    if sender.refused:
        raise UnavailableError(f"refused: {sender.refused[0]}")
    return RECORDS * len(rest) / took_s


def _until(holds: Callable[[], bool], what: str) -> None:
    for _ in range(600):
        if holds():
            return
        threading.Event().wait(0.1)
    raise UnavailableError(f"{what} did not come in a minute")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--deliveries", type=int, default=1000, help="of each run, each of a log of its own")
    parser.add_argument("--ways", default="mosquitto,jetstream")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "packseal-ingest")
    chosen = parser.parse_args()
    chosen.folder.mkdir(exist_ok=True)
    made = deliveries(chosen.folder, chosen.deliveries, chosen.deliveries, RECORDS)
    print(f"{len(made.later):,} deliveries of {RECORDS} windows, {WINDOW} under way; {os.cpu_count()} cores for all")
    figures: dict[str, float] = {}
    with server() as cluster:
        if cluster is None:
            return
        places = PostgresPlaces(cluster)
        filled(places.base(), made.first, 0)
        for way in chosen.ways.split(","):
            for count in WORKERS:
                found = rate(way, places, chosen.deliveries, made.later, count)
                figures[f"{way}, {count} workers"] = round(found)
                print(f"{way:12} {count} workers  {found:8,.0f} records/s", flush=True)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
