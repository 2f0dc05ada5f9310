"""What a QoS 1 message costs its publisher, by client and by how many are unacknowledged: processor time of a message.

`PYTHONPATH=. python benchmarks/bench_mqtt.py [MESSAGES]`; mosquitto has to be installed. awscrt has a row where it is.
The last line is the figures as JSON: by client, by window, the median with the least and the most of the rounds.
"""

from __future__ import annotations

import json
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from packseal.io.mqtt import BrokerAddress, MQTTConnection
from packseal.io.ports import free_port

CONTENT = bytes(1024)
WINDOWS = (20, 100, 500)
ROUNDS = 3
Publish = Callable[[BrokerAddress, int, int], tuple[float, float]]


@contextmanager
def mosquitto(window: int) -> Iterator[BrokerAddress]:
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if not program:
        raise SystemExit("mosquitto is not installed")
    address = BrokerAddress("127.0.0.1", free_port())
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "mosquitto.conf"
        listener = f"listener {address.port} {address.host}\nallow_anonymous true\n"
        settings.write_text(f"{listener}max_inflight_messages {window}\n")
        with subprocess.Popen([program, "-c", str(settings)], stderr=subprocess.DEVNULL) as process:
            try:
                while not _answers(address):
                    time.sleep(0.05)
                yield address
            finally:
                process.kill()


def _answers(address: BrokerAddress) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex((address.host, address.port)) == 0


class Clock:
    """Processor and wall time since it was made."""

    def __init__(self) -> None:
        self._cpu_s, self._wall_s = time.process_time(), time.monotonic()

    def read(self) -> tuple[float, float]:
        return time.process_time() - self._cpu_s, time.monotonic() - self._wall_s


def packseal(address: BrokerAddress, _window: int, count: int) -> tuple[float, float]:
    """The window is what the broker says."""
    connection = MQTTConnection(address, "bench", [], lambda _topic, _content: None)
    connection.start()
    while not connection.is_connected:
        time.sleep(0.01)
    clock = Clock()
    for _ in range(count):
        while not connection.publish("bench/x", CONTENT):
            time.sleep(0.001)
    while connection.figures()["published_acknowledged"] < count:
        time.sleep(0.001)
    found = clock.read()
    connection.stop()
    return found


def paho_thread(address: BrokerAddress, window: int, count: int) -> tuple[float, float]:
    """As it is mostly used: its own thread, its own queue, its own window."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bench", protocol=paho.MQTTv5)
    client.max_inflight_messages_set(window)
    acknowledged, connected, done = [0], threading.Event(), threading.Event()

    def on_publish(*_: Any) -> None:
        acknowledged[0] += 1
        if acknowledged[0] == count:
            done.set()

    client.on_publish, client.on_connect = on_publish, lambda *_: connected.set()
    client.connect(address.host, address.port)
    client.loop_start()
    connected.wait()
    clock = Clock()
    for _ in range(count):
        client.publish("bench/x", CONTENT, 1)
    done.wait()
    found = clock.read()
    client.disconnect()
    client.loop_stop()
    return found


def paho_by_hand(address: BrokerAddress, window: int, count: int) -> tuple[float, float]:
    """One thread, the window counted outside."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bench", protocol=paho.MQTTv5)
    client.max_inflight_messages_set(0)
    selector, acknowledged, connected = selectors.DefaultSelector(), [0], [False]
    client.on_socket_open = lambda _c, _d, opened: selector.register(opened, selectors.EVENT_READ)
    client.on_socket_close = lambda _c, _d, closed: selector.unregister(closed)
    client.on_socket_register_write = lambda *_: None
    client.on_connect = lambda *_: connected.__setitem__(0, True)
    client.on_publish = lambda *_: acknowledged.__setitem__(0, acknowledged[0] + 1)
    client.connect(address.host, address.port)

    def turn() -> None:
        if client.want_write():
            client.loop_write()
        if selector.select(0.001 if client.want_write() else 1):
            client.loop_read()

    while not connected[0]:
        turn()
    clock, sent = Clock(), 0
    while acknowledged[0] < count:
        while sent < count and sent - acknowledged[0] < window:
            client.publish("bench/x", CONTENT, 1)
            sent += 1
        turn()
    found = clock.read()
    client.disconnect()
    client.loop_write()
    selector.close()
    return found


def awscrt(address: BrokerAddress, window: int, count: int) -> tuple[float, float]:
    from awscrt import mqtt5  # noqa: PLC0415 - not everywhere installed

    connected, done, room = threading.Event(), threading.Event(), threading.Semaphore(window)
    options = mqtt5.ClientOptions(
        host_name=address.host, port=address.port, connect_options=mqtt5.ConnectPacket(client_id="bench"),
        on_lifecycle_event_connection_success_fn=lambda _found: connected.set(),
    )  # fmt: skip
    client, acknowledged = mqtt5.Client(options), [0]

    def on_publish(_found: object) -> None:
        acknowledged[0] += 1
        room.release()
        if acknowledged[0] == count:
            done.set()

    client.start()
    connected.wait()
    clock = Clock()
    for _ in range(count):
        room.acquire()
        packet = mqtt5.PublishPacket(topic="bench/x", payload=CONTENT, qos=mqtt5.QoS.AT_LEAST_ONCE)
        client.publish(packet).add_done_callback(on_publish)
    done.wait()
    found = clock.read()
    client.stop()
    return found


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    rows: dict[str, Publish] = {
        "packseal": packseal, "paho, its thread and window": paho_thread, "paho, by hand": paho_by_hand,
        "awscrt": awscrt,
    }  # fmt: skip
    print(f"{count} messages of {len(CONTENT)} bytes, medians of {ROUNDS}: us of processor, messages/s")
    figures: dict[str, dict[int, dict[str, float]]] = {}
    for name, publish in rows.items():
        cells, of_client = [], figures.setdefault(name, {})
        for window in WINDOWS:
            found = []
            for _ in range(ROUNDS):
                with mosquitto(window) as address:
                    try:
                        found.append(publish(address, window, count))
                    except ImportError:
                        break
            if found:
                of_client[window] = one = figures_of(found, count)
                cells.append(f"{window:3}: {one['cpu_us']:5.1f} us {one['messages_per_s']:6.0f}/s")
        print(f"{name:30}", "   ".join(cells) or "not installed", flush=True)
    measured = {name: of_client for name, of_client in figures.items() if of_client}
    print(json.dumps({"messages": count, "rounds": ROUNDS, "clients": measured}))


def figures_of(found: list[tuple[float, float]], count: int) -> dict[str, float]:
    """found: seconds of processor and by the clock, of each round."""
    each_us = [1e6 * cpu_s / count for cpu_s, _ in found]
    return {
        "cpu_us": round(median(each_us), 1), "cpu_us_least": round(min(each_us), 1),
        "cpu_us_most": round(max(each_us), 1), "messages_per_s": round(count / median(wall_s for _, wall_s in found)),
    }  # fmt: skip


if __name__ == "__main__":
    main()
