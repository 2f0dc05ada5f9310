"""A recorded bus of the 96-cell pack of pack_dbc.py, as `candump -l` writes it, and the binding that reads it.

8,500 frames a second, what a full bus of 1 Mbit/s carries: each 10 ms all 24 groups of cell voltages, all 6 of
temperatures, and 55 frames of status, limits, extremes, energy and counters.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from benchmarks.can import pack_dbc

from packseal.frames import Frames
from packseal.signals import Decoder, load_dbc

CYCLE_NS = 10_000_000
START_NS = 1_700_000_000 * 10**9
OTHERS = (  # message, how often in a cycle
    ("PackStatus", 2),
    ("PackFlags", 4),
    ("PackLimits", 6),
    ("CellExtremes", 6),
    ("PackEnergy", 7),
    ("PackCounters", 30),
)
GROUPS = {"CellVoltages": 24, "CellTemperatures": 6}
IN_A_CYCLE = sum(count for _, count in OTHERS) + sum(GROUPS.values())
CYCLES_AT_ONCE = 256

BINDING = """
format = 1
name = "pack_96"
battery = "Pack of 96 cells in series"
dbc = "pack.dbc"
cell_blocks = 96
[quantities.pack_voltage_mv]
signal = "PackStatus.PackVoltage"
factor = 1000
valid = [200000, 500000]
[quantities.pack_current_ma]
signal = "PackStatus.PackCurrent"
factor = 1000
positive_when = "charging"
valid = [-900000, 900000]
[quantities.soc_reported_cpct]
signal = "PackStatus.StateOfCharge"
factor = 100
valid = [0, 10000]
[numbered.cell_voltage_mv]
signals = ["CellVoltages.Cell_{0..95}"]
factor = 1000
valid = [1000, 5000]
[numbered.sensor_temperature_ddegc]
signals = ["CellTemperatures.Sensor_{0..31}"]
factor = 10
valid = [-400, 900]
"""


def write(folder: Path, count: int) -> tuple[Path, Path, Path]:
    """(log of at least `count` frames, DBC, binding)"""
    log, dbc, bind = folder / "pack.log", folder / "pack.dbc", folder / "pack.toml"
    dbc.write_text(pack_dbc.classic())
    bind.write_text(BINDING)
    with log.open("w") as file:
        for frames in batches(count):
            file.write(as_candump(frames))
    return log, dbc, bind


def batches(count: int) -> Iterator[Frames]:
    """At least `count` frames, CYCLES_AT_ONCE cycles at a time."""
    decoder = load_dbc(pack_dbc.classic().encode())
    random = np.random.default_rng(1)
    for first in range(0, -(-count // IN_A_CYCLE), CYCLES_AT_ONCE):
        yield _cycles(decoder, first, random)


def _cycles(decoder: Decoder, first: int, random: np.random.Generator) -> Frames:
    ids = {message.name: message.can_id for message in decoder.messages}
    in_cycle = [(name, None) for name, count in OTHERS for _ in range(count)]
    in_cycle += [(name, group) for name, count in GROUPS.items() for group in range(count)]
    data = np.stack([_payloads(name, group, random) for name, group in in_cycle], axis=1)
    at = np.arange(first * IN_A_CYCLE, (first + CYCLES_AT_ONCE) * IN_A_CYCLE)
    n = len(at)
    return Frames(
        can_id=np.tile(np.array([ids[name] for name, _ in in_cycle], np.uint32), CYCLES_AT_ONCE),
        is_extended=np.zeros(n, np.bool_),
        time_ns=START_NS + at * CYCLE_NS // IN_A_CYCLE,
        channel=np.zeros(n, np.uint8),
        length=np.full(n, 8, np.uint8),
        data=data.reshape(n, 8),
    )


def _payloads(name: str, group: int | None, random: np.random.Generator) -> np.ndarray:
    """uint8 [CYCLES_AT_ONCE, 8]: values of a pack that is driven, chance in what nobody binds."""
    n = CYCLES_AT_ONCE
    if name == "PackStatus":
        words = np.zeros((n, 4), ">u2")
        words[:, 0] = 3600 + random.integers(-40, 40, n)  # 0.1 V
        words[:, 1] = random.integers(-900, 300, n) & 0xFFFF  # 0.1 A
        words[:, 2] = 612 << 6  # 0.1 %
        return words.view(np.uint8)
    if group is None:
        return random.integers(0, 256, (n, 8), np.uint8)
    numbers = np.full(n, group, np.uint64)
    for place in range(4 if name == "CellVoltages" else 6):
        if name == "CellVoltages":
            numbers |= (3750 + random.integers(-30, 30, n)).astype(np.uint64) << np.uint64(8 + 13 * place)
        else:
            numbers |= (50 + random.integers(-4, 4, n)).astype(np.uint64) << np.uint64(8 + 9 * place)
    return numbers.astype("<u8").view(np.uint8).reshape(n, 8)


def as_candump(frames: Frames) -> str:
    text = io.StringIO()
    for time_ns, can_id, data in zip(frames.time_ns.tolist(), frames.can_id.tolist(), frames.data, strict=True):
        text.write(
            f"({time_ns // 10**9}.{time_ns // 1000 % 10**6:06}) can0 {can_id:03X}#{data.tobytes().hex().upper()}\n"
        )
    return text.getvalue()


def as_slcan(frames: Frames) -> str:
    each = zip(frames.can_id.tolist(), frames.length.tolist(), frames.data, strict=True)
    return "".join(f"t{can_id:03X}{n}{data[:n].tobytes().hex().upper()}\r" for can_id, n, data in each)
