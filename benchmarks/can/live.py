"""A bus that is read as it speaks: what it costs the gateway, and how long a frame takes until its receipt.

    python benchmarks/can/live.py [--seconds 60]

A generator process plays a 96-cell pack (pack_log.py) on a pseudo-terminal as an slcan adapter does, at 8,500 frames a
second, which is a full bus of 1 Mbit/s, and at 300,000. `packseal gateway run` reads it in windows of 100 ms, five
signed at a time; `packseal passport serve` verifies, stores and signs receipts; the broker is mosquitto, where it is
installed. Each tick of 10 ms begins and ends with a frame that holds the time, bound as a voltage, so that a window
says when its first and its last frame were written.

    core              processor time of the gateway's process, by the clock on the wall
    frame to receipt  99 of 100 frames, those in between being spread evenly
    bytes             of the messages to the broker, by frame

A pseudo-terminal holds the generator up where it is not read; the rate that it reached is printed. The last line is the
figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "gateway")]

from benchmarks.can import pack_dbc, pack_log  # noqa: E402
from benchmarks.can.brokers import running_broker  # noqa: E402

from packseal.io.keys import load_or_make_key  # noqa: E402  # once they can be found
from packseal.io.mqtt import BrokerAddress, MQTTConnection  # noqa: E402
from packseal.io.outbox_store import only_new  # noqa: E402
from packseal.io.ports import free_port  # noqa: E402
from packseal.records.answer import ReceiptAnswer, decode_answer  # noqa: E402
from packseal.records.attestation import verify_attestation  # noqa: E402
from packseal.records.bodies import Window  # noqa: E402
from packseal.records.checkpoint import verify_receipt  # noqa: E402
from packseal.records.cose import VerifyingKey  # noqa: E402
from packseal.records.log import Delivery, TrustedLog  # noqa: E402

RATES = (8_500, 300_000)
TICKS_A_SECOND = 100
CLOCK_ID = 0x130
BARS = {"core at 8,500 frames/s": 0.05, "99 of 100 at 300,000 frames/s, s": 1.0, "bytes a frame": 12.0}
PACKSEAL = str(Path(sys.executable).with_name("packseal"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    seconds = parser.parse_args().seconds
    figures = {}
    print(
        f"{'frames/s':>9} {'written':>9} {'received':>9} {'lost':>5} {'core':>6} {'to receipt':>10} {'bytes/frame':>11}"
    )
    for rate in RATES:
        found = figures[str(rate)] = measure(rate, seconds)
        print(
            f"{rate:9,} {found['reached_per_s']:9,.0f} {found['received']:9,} {found['lost']:5} {found['core']:6.1%} "
            f"{found['p99_s']:8.2f} s {found['bytes_a_frame']:11.2f}",
            flush=True,
        )
    print(json.dumps({"seconds": seconds, "live": figures, "bars": BARS}))


def measure(rate: int, seconds: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="packseal-live-") as name, running(Path(name)) as site:
        mine, theirs = multiprocessing.get_context("spawn").Pipe()
        generator = multiprocessing.get_context("spawn").Process(target=generate, args=(theirs, rate, seconds))
        generator.start()
        site.start_gateway(mine.recv())
        before_s = cpu_seconds(site.gateway.pid)
        started_s = time.monotonic()
        mine.send("go")
        written = mine.recv()
        taken_s = time.monotonic() - started_s
        core = (cpu_seconds(site.gateway.pid) - before_s) / taken_s
        site.observer.wait_for(written)
        generator.join()
        seen = site.observer
        return {
            "reached_per_s": written / taken_s,
            "received": seen.received,
            "lost": written - seen.received,
            "core": core,
            "p99_s": seen.percentile(99),
            "bytes_a_frame": seen.content_bytes / written,
        }


def generate(pipe: Connection, rate: int, seconds: float) -> None:
    """An adapter's end of a pseudo-terminal; says its name, waits for "go", then says how many frames it wrote."""
    master, slave = os.openpty()
    tty.setraw(slave)
    a_tick = rate // TICKS_A_SECOND - 2
    frames = next(pack_log.batches(2 * a_tick))
    blob = pack_log.as_slcan(frames.select(np.arange(a_tick) % len(frames))).encode()
    pipe.send(os.ttyname(slave))
    pipe.recv()
    ticks = int(seconds * TICKS_A_SECOND)
    started_s = time.monotonic()
    for tick in range(ticks):
        time.sleep(max(0.0, started_s + tick / TICKS_A_SECOND - time.monotonic()))
        write(master, clock_line() + blob + clock_line())
    pipe.send(ticks * (a_tick + 2))
    time.sleep(5)  # until what is in the line has been read


def write(master: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(master, view) :]


def now_ms() -> int:
    return time.monotonic_ns() // 1_000_000 % (1 << 31)


def clock_line() -> bytes:
    return f"t{CLOCK_ID:03X}4{now_ms().to_bytes(4, 'little').hex().upper()}\r".encode()


@dataclass
class Observer:
    """What goes over the broker, verified as the service does it."""

    gateway_key: bytes
    service_key: bytes
    received: int = 0
    content_bytes: int = 0
    _log: TrustedLog | None = None
    _open: list[tuple[int, int, int]] = field(default_factory=list)  # seq, first and last frame in ms
    _latencies_ms: list[np.ndarray] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def on_message(self, topic: str, payload: bytes) -> None:
        with self._lock:
            if topic.endswith("/rec"):
                self.content_bytes += len(payload)
                self._take(Delivery.from_bytes(payload))
            elif topic.endswith("/receipt"):
                answer = decode_answer(payload)
                if isinstance(answer, ReceiptAnswer):
                    self._close(verify_receipt(answer.receipt, self.service_key).size)

    def _take(self, delivery: Delivery) -> None:
        log = self._log or TrustedLog(delivery.genesis, delivery.seed)
        verified = log.verified(delivery, only_new(log))
        self._log = verified.log
        self.received = verify_attestation(delivery.attestation or b"", VerifyingKey(self.gateway_key)).counts[1]
        for entry in verified.entries:
            if isinstance(entry.body, Window) and entry.body.pack_voltage_mv:
                self._open.append((entry.seq, entry.body.pack_voltage_mv.minimum, entry.body.pack_voltage_mv.maximum))

    def _close(self, size: int) -> None:
        while self._open and self._open[0][0] < size:
            _, first_ms, last_ms = self._open.pop(0)
            self._latencies_ms.append(now_ms() - np.linspace(first_ms, last_ms, 101))

    def wait_for(self, written: int) -> None:
        """Until the gateway has attested so many frames, and all windows have their receipt; at most ten seconds."""
        deadline_s = time.monotonic() + 10
        while time.monotonic() < deadline_s and (self.received < written or self._open):
            time.sleep(0.05)

    def percentile(self, percent: float) -> float:
        return float(np.percentile(np.concatenate(self._latencies_ms), percent)) / 1000


class Site:
    """Broker, service and observer; the gateway when its port is known."""

    def __init__(self, folder: Path, broker: BrokerAddress) -> None:
        self.folder, self.broker = folder, broker
        self._processes: list[subprocess.Popen[bytes]] = []
        keys = {name: load_or_make_key(folder / f"{name}.key").public_key for name in ("gateway", "service")}
        self.observer = Observer(keys["gateway"], keys["service"])
        self._tap = MQTTConnection(self.broker, "tap", ["packseal/#"], self.observer.on_message)
        (folder / "passport.toml").write_text(
            f'broker = "{self.broker}"\nlisten = "127.0.0.1:{free_port()}"\n'
            'store = "passport.db"\nkey = "service.key"\n'
            f'[[authority]]\nrole = "gateway"\npublic_key = "{keys["gateway"].hex()}"\n'
            '[[battery]]\nid = "bench"\nname = "Bench"\ncategory = "EV"\n'
            f'[[battery.source]]\npublic_key = "{keys["gateway"].hex()}"\nevidence_class = "C"\n'
        )
        self.run(PACKSEAL, "passport", "serve", str(folder / "passport.toml"))
        self._tap.start()
        time.sleep(3)

    def start_gateway(self, port: str) -> None:
        (self.folder / "pack.dbc").write_text(pack_dbc.classic() + clock_message())
        (self.folder / "pack.toml").write_text(binding())
        (self.folder / "gateway.toml").write_text(
            f'site = "bench"\nbroker = "{self.broker}"\noutbox = "outbox.db"\nkey = "gateway.key"\n'
            f'service_public_key = "{self.observer.service_key.hex()}"\n'
            f'[[can]]\nbattery = "bench"\ninterface = "slcan"\nchannel = "{port}"\n'
            'dbc = "pack.dbc"\nbind = "pack.toml"\n'
            "window_s = 0.1\ncheckpoint_every = 5\n"
        )
        self.gateway = self.run(PACKSEAL, "gateway", "run", str(self.folder / "gateway.toml"))
        time.sleep(4)

    def run(self, *command: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{len(self._processes)}.log").open("wb")
        self._processes.append(subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL))
        return self._processes[-1]

    def stop(self) -> None:
        self._tap.stop()
        for process in reversed(self._processes):
            process.terminate()
            process.wait(10)


@contextmanager
def running(folder: Path) -> Iterator[Site]:
    with running_broker(folder) as broker:
        site = Site(folder, broker)
        try:
            yield site
        finally:
            site.stop()


def clock_message() -> str:
    return pack_dbc.message(CLOCK_ID, "Clock", 4, [pack_dbc.signal("Milliseconds", 0, 32)])


def binding() -> str:
    """The voltage is the generator's clock, the rest as in a log."""
    voltage = 'signal = "PackStatus.PackVoltage"\nfactor = 1000\nvalid = [200000, 500000]\n'
    clock = 'signal = "Clock.Milliseconds"\nfactor = 1\nvalid = [0, 2147483647]\n'
    return pack_log.BINDING.replace(voltage, clock)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
