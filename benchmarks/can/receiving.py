"""Frames from a bus into arrays, beside python-can's own reading; frames a second of one core.

    python benchmarks/can/receiving.py

slcan over a pseudo-terminal: a generator process writes as fast as it is read. SocketCAN in a kernel of its own
(tests/socketcan/boot.py, user-mode-linux): so many frames are sent at once to a vcan interface, then they are read;
the reading alone is timed, as a median, by the clock on the wall: one call of ours, and as many of python-can's as
there are frames. slcan is timed in processor time. The last line is the figures as JSON. About a minute.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
import tty
from multiprocessing.connection import Connection
from pathlib import Path

import can

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "gateway")]

from tests.socketcan import boot  # noqa: E402

from packseal.io.can_slcan import SlcanReceiver  # noqa: E402  # once it can be found

WAKES = (1, 16, 64, 256)
BARS = {"slcan": 100, "socketcan": 7}
OURS_FRAMES, THEIRS_FRAMES = 1_000_000, 20_000
LINE = b"t1DB80004C262000003B6\r"
ROUNDS = 60


def main() -> None:
    if sys.argv[1:] == ["--inside"]:
        print(json.dumps(inside()))
        return
    print(f"python-can {can.__version__}\n{'bus':28} {'PackSeal':>10} {'python-can':>10} {'ratio':>6} {'bar':>4}")
    figures = {"slcan over a terminal": slcan()}
    show("slcan over a terminal", *figures["slcan over a terminal"], BARS["slcan"])
    for wake, found in socketcan().items():
        name = f"SocketCAN, {wake} a wake"
        figures[name] = (found[0], found[1])
        show(name, *found, BARS["socketcan"] if int(wake) >= 16 else 0)
    bars = {name: BARS["slcan" if name.startswith("slcan") else "socketcan"] for name in figures}
    bars.pop("SocketCAN, 1 a wake", None)
    rows = {name: {"packseal_per_s": round(a), "python_can_per_s": round(b)} for name, (a, b) in figures.items()}
    print(json.dumps({"receiving": rows, "bars": bars}))


def show(name: str, ours: float, theirs: float, bar: int) -> None:
    print(f"{name:28} {ours:10,.0f} {theirs:10,.0f} {ours / theirs:6.1f} {bar or '':>4}", flush=True)


def slcan() -> tuple[float, float]:
    return rate(read_ours, OURS_FRAMES), rate(read_theirs, THEIRS_FRAMES)


def rate(read: object, frames: int) -> float:
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    generator = context.Process(target=generate, args=(theirs, frames))
    generator.start()
    port = mine.recv()
    taken_s = read(port, frames, mine)  # type: ignore[operator]
    generator.terminate()
    generator.join()
    return frames / taken_s


def generate(pipe: Connection, frames: int) -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    pipe.send(os.ttyname(slave))
    pipe.recv()
    view = memoryview(LINE * frames)
    while view:
        view = view[os.write(master, view[:65_536]) :]
    time.sleep(60)


def read_ours(port: str, frames: int, pipe: Connection) -> float:
    receiver = SlcanReceiver(port, None)
    pipe.send("go")
    started_s, seen = time.process_time(), 0
    while seen < frames:
        seen += len(receiver.receive(1).frames)
    taken_s = time.process_time() - started_s
    receiver.close()
    return taken_s


def read_theirs(port: str, frames: int, pipe: Connection) -> float:
    bus = can.Bus(port, "slcan", ignore_config=True, sleep_after_open=0.1)
    pipe.send("go")
    started_s = time.process_time()
    for _ in range(frames):
        if bus.recv(1) is None:
            raise SystemExit("python-can lost a frame")
    taken_s = time.process_time() - started_s
    bus.shutdown()
    return taken_s


def socketcan() -> dict[str, tuple[float, float]]:
    if absent := boot.missing():
        print(f"left out: SocketCAN needs {', '.join(absent)}: {boot.CURE}")
        return {}
    with tempfile.TemporaryDirectory(prefix="packseal-receiving-") as name:
        code, said = boot.run_inside([sys.executable, __file__, "--inside"], ROOT, Path(name), 500)
    if code:
        raise SystemExit(said)
    return {wake: (found[0], found[1]) for wake, found in json.loads(said.splitlines()[-1]).items()}


def inside() -> dict[int, tuple[float, float]]:
    """wake -> (ours, python-can's) frames a second."""
    from packseal.io.can_socket import SocketReceiver  # noqa: PLC0415 - Linux alone has it

    sender = can.Bus("vcan0", "socketcan", ignore_config=True)
    message = can.Message(arbitration_id=0x1DB, data=bytes(8), is_extended_id=False)
    result = {}
    for wake in WAKES:
        ours, theirs = SocketReceiver("vcan0"), can.Bus("vcan0", "socketcan", ignore_config=True)
        taken: tuple[list[float], list[float]] = ([], [])
        for _ in range(ROUNDS):
            for _ in range(wake):
                sender.send(message)
            started_s = time.perf_counter()
            seen = len(ours.take().frames)
            middle_s = time.perf_counter()
            heard = sum(theirs.recv(1) is not None for _ in range(wake))
            taken[0].append(middle_s - started_s)
            taken[1].append(time.perf_counter() - middle_s)
            if not seen == heard == wake:
                raise SystemExit(f"{seen} and {heard} of {wake} frames were read")
        result[wake] = (wake / statistics.median(taken[0]), wake / statistics.median(taken[1]))
        ours.close()
        theirs.shutdown()
    sender.shutdown()
    return result


if __name__ == "__main__":
    main()
