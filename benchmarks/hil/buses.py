"""How long frames take on the bench's emulated buses, and how many pass; what docs/bench_buses.md says of them.

    python benchmarks/hil/buses.py

slcan over pseudo-terminals here, SocketCAN in a kernel of its own (tests/socketcan/boot.py, user-mode-linux). By the
clock on the wall, so on a machine with nothing else to do; with the real firmware at the board's end of the line for
the last figure. The last line is the figures as JSON. About two minutes.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "gateway"), str(ROOT / "hil")]

from tests.hil.bus_rig import ADDRESS, BITRATE, CAN  # noqa: E402  # once it can be found
from tests.socketcan import boot  # noqa: E402

from packseal.apps.demo import board_config  # noqa: E402
from packseal.frames import Frames  # noqa: E402
from packseal.io.board import open_line  # noqa: E402
from packseal.io.can_line import READ_TIMEOUT_S  # noqa: E402
from packseal.io.link import FrameReader, Kind, encode_frame  # noqa: E402
from packseal.io.unix_board import UnixBoard  # noqa: E402
from packseal_hil.buses import SlcanAdapter, Wire  # noqa: E402
from packseal_hil.buses.faulty_bus import frame_bits  # noqa: E402
from packseal_hil.buses.rows import frame_of  # noqa: E402
from packseal_hil.protocols import Bus  # noqa: E402

FRAME = frame_of(0x18DAF110, bytes(range(8)), is_extended=True)
LINE_BYTES = len("T18DAF11080001020304050607\r")
ONCE, BURST, BURSTS = 300, 200, 20
MANY = Frames.concatenate([FRAME] * BURST)
LONGEST_S = 10.0
Figures = dict[str, float]


def main() -> None:
    if sys.argv[1:] == ["--inside"]:
        print(json.dumps(vcan()))
        return
    figures = {"slcan": slcan()}
    if absent := boot.missing():
        print(f"left out: SocketCAN needs {', '.join(absent)}: {boot.CURE}")
    else:
        with tempfile.TemporaryDirectory(prefix="packseal-buses-") as name:
            code, said = boot.run_inside([sys.executable, __file__, "--inside"], ROOT, Path(name), 500)
        if code:
            raise SystemExit(said)
        figures["vcan"] = json.loads(said.splitlines()[-1])
    for bus, found in figures.items():
        for name, value in found.items():
            print(f"{bus:6} {name:28} {value:10,.2f}")
    bits = frame_bits(is_extended=True, length=8)
    print(
        f"a bus of {BITRATE} bit/s: such a frame takes {1000 * bits / BITRATE:.2f} ms, {BITRATE // bits} a second pass"
    )
    print(json.dumps({"buses": figures}))


def slcan() -> Figures:
    wire = Wire()
    node, adapter = wire.node(), SlcanAdapter(wire.node())
    client = os.open(adapter.port, os.O_RDWR | os.O_NOCTTY)
    os.write(client, b"S6\rO\r")
    os.read(client, 2)
    to_client = [_timed(lambda: node.send(FRAME), lambda: _read(client, LINE_BYTES)) for _ in range(ONCE)]
    line = b"T18DAF11080001020304050607\r"
    to_bus = [_timed(lambda: os.write(client, line), lambda: _await(node, 1)) for _ in range(ONCE)]
    _read(client, ONCE * len("Z\r"))
    bursts_s = [_timed(lambda: node.send(MANY), lambda: _read(client, BURST * LINE_BYTES)) for _ in range(BURSTS)]
    os.close(client)
    adapter.close()
    second, gateways = wire.node(), SlcanAdapter(wire.node())
    hello_s = _hello_s(second, f"slcan:{gateways.port}@{BITRATE}")
    gateways.close()
    return _summary(to_client, "bus to client") | _summary(to_bus, "client to bus") | _rate(bursts_s) | hello_s


def vcan() -> Figures:
    from packseal_hil.buses.vcan import VcanNode  # noqa: PLC0415 - Linux alone has it

    one, other = VcanNode("vcan0"), VcanNode("vcan0")
    across = [_timed(lambda: one.send(FRAME), lambda: _await(other, 1)) for _ in range(ONCE)]
    bursts_s = [_timed(lambda: one.send(MANY), lambda: _await(other, BURST)) for _ in range(BURSTS)]
    found = _summary(across, "node to node") | _rate(bursts_s) | _hello_s(one, "socketcan:vcan0")
    one.close()
    other.close()
    return found


def _hello_s(board_bus: Bus, gateway_port: str) -> Figures:
    """From a gateway's ASK to the board's whole HELLO, over ISO-TP, with the real firmware."""
    with tempfile.TemporaryDirectory(prefix="packseal-buses-") as name:
        board = UnixBoard(Path(name), board_config(bytes(32)) | CAN)
        adapter = SlcanAdapter(board_bus, board.second_port)
        board.start()
        with open_line(f"{gateway_port}#{ADDRESS:02x}", 0) as line:
            asked = encode_frame(Kind.ASK)
            reader = FrameReader()

            def await_hello() -> int:
                deadline = time.monotonic() + LONGEST_S
                while not any(frame.kind == Kind.HELLO for frame in reader.feed(line.read(READ_TIMEOUT_S))):
                    if time.monotonic() > deadline:
                        raise SystemExit("no HELLO came")
                return 1

            line.write(asked)
            await_hello()  # the board has started
            taken = [_timed(lambda: line.write(asked), await_hello) for _ in range(20)]
        adapter.close()
        board.stop()
    return _summary(taken, "ASK to HELLO")


def _timed(begin: Callable[[], object], end: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    begin()
    end()
    return time.perf_counter() - started_s


def _read(descriptor: int, size: int) -> None:
    while size > 0:
        size -= len(os.read(descriptor, 4096))


def _await(bus: Bus, count: int) -> None:
    deadline = time.monotonic() + LONGEST_S
    while count > 0:
        count -= len(bus.received())
        if time.monotonic() > deadline:
            raise SystemExit(f"{count} frames did not come")


def _summary(taken_s: list[float], name: str) -> Figures:
    ordered = sorted(1000 * one for one in taken_s)
    return {f"{name}, ms": statistics.median(ordered), f"{name}, 95 of 100 within": ordered[-1 - len(ordered) // 20]}


def _rate(bursts_s: list[float]) -> Figures:
    return {"frames a second": BURST / statistics.median(bursts_s)}


if __name__ == "__main__":
    main()
