"""What a BMS that broadcasts says of a reading, frame by frame, in one of three dialects.

`packseal` is PackSeal's own dbc/packseal.dbc, in which cells have a lowest and a highest only. `cells-1` and `cells-2`
are a pack of this bench with a signal for each cell (can_dbc.py describes both): the second is what an update of such a
BMS does to a board that still has the first one's DBC. Its current counts the other way in tens of milliamperes, its
cells and temperatures are big endian.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from packseal.frames.frames import CLASSIC_BYTES, Frames
from packseal_hil.bms.sensing import pack_mv, shown_mv
from packseal_hil.readings import PackReading

PACKSEAL, CELLS_1, CELLS_2 = "packseal", "cells-1", "cells-2"
STATE_ID, CHARGE_ID, CELLS_ID, SENSORS_ID = 0x310, 0x311, 0x312, 0x313  # of the last two
ON_A_PAGE = 3
_PACKSEAL_PACK, _PACKSEAL_CELLS, _PACKSEAL_HEALTH = 0x1CFF50E0, 0x1CFF51E0, 0x1CFF52E0
_NO_UNCERTAINTY, _NO_RESISTANCE = 0xFF, 0xFFFFFF


@dataclass(frozen=True, slots=True)
class Message:
    can_id: int
    content: bytes

    @property
    def is_extended(self) -> bool:
        return self.can_id > 0x7FF


@dataclass(frozen=True, slots=True)
class Said:
    """fast: ten times a second; slow: once a second, spread over it."""

    fast: Sequence[Message]
    slow: Sequence[Message]


def said_of(dialect: str, reading: PackReading, strings: int = 1) -> Said:
    """Raises ValueError for a dialect that there is not."""
    if dialect not in _DIALECTS:
        raise ValueError(f"{dialect}: no dialect of this BMS; there are {', '.join(_DIALECTS)}")
    return _DIALECTS[dialect](reading, strings)


def to_frames(messages: Sequence[Message]) -> Frames:
    """Without times: whoever puts them on a bus sets those."""
    data = np.zeros((len(messages), CLASSIC_BYTES), np.uint8)
    for row, message in zip(data, messages, strict=True):
        row[: len(message.content)] = np.frombuffer(message.content, np.uint8)
    return Frames(
        can_id=np.array([message.can_id for message in messages], np.uint32),
        is_extended=np.array([message.is_extended for message in messages], np.bool_),
        time_ns=np.zeros(len(messages), np.int64),
        channel=np.zeros(len(messages), np.uint8),
        length=np.array([len(message.content) for message in messages], np.uint8),
        data=data,
    )


def _packseal(reading: PackReading, strings: int) -> Said:
    cells_mv, sensors = shown_mv(reading, strings), reading.temperature_ddegc
    cells = struct.pack("<HHhh", cells_mv.min(), cells_mv.max(), sensors.min(), sensors.max())
    health = struct.pack("<HHB", reading.soc_reported_cpct, reading.soh_reported_cpct, _NO_UNCERTAINTY)
    slow = [
        Message(_PACKSEAL_PACK, struct.pack("<Ii", pack_mv(reading, strings), reading.pack_current_ma)),
        Message(_PACKSEAL_CELLS, cells),
        Message(_PACKSEAL_HEALTH, health + _NO_RESISTANCE.to_bytes(3, "little")),
    ]
    return Said([], slow)


def _cells_1(reading: PackReading, strings: int) -> Said:
    state = struct.pack("<Ii", pack_mv(reading, strings), reading.pack_current_ma)
    charge = struct.pack(
        "<HHB3x", reading.soc_reported_cpct, reading.soh_reported_cpct, int(reading.is_contactor_closed)
    )
    slow = [Message(CHARGE_ID, charge), *_pages(CELLS_ID, "<", "H", shown_mv(reading, strings).tolist())]
    slow += _pages(SENSORS_ID, "<", "h", reading.temperature_ddegc.tolist())
    return Said([Message(STATE_ID, state)], slow)


def _cells_2(reading: PackReading, strings: int) -> Said:
    state = struct.pack("<Ii", pack_mv(reading, strings), round(-reading.pack_current_ma / 10))
    charge = struct.pack(
        "<HBBxxxx", reading.soc_reported_cpct, reading.soh_reported_cpct // 50, int(reading.is_contactor_closed)
    )
    slow = [Message(CHARGE_ID, charge), *_pages(CELLS_ID, ">", "H", shown_mv(reading, strings).tolist())]
    slow += _pages(SENSORS_ID, ">", "h", reading.temperature_ddegc.tolist())
    return Said([Message(STATE_ID, state)], slow)


def _pages(can_id: int, order: str, kind: str, values: Sequence[int]) -> list[Message]:
    """A page has its number, a byte without meaning, and three values; what is behind the last is left out."""
    parts = [values[at : at + ON_A_PAGE] for at in range(0, len(values), ON_A_PAGE)]
    return [
        Message(can_id, struct.pack(f"{order}Bx{len(part)}{kind}", number, *part)) for number, part in enumerate(parts)
    ]


_DIALECTS: Mapping[str, Callable[[PackReading, int], Said]] = {
    PACKSEAL: _packseal,
    CELLS_1: _cells_1,
    CELLS_2: _cells_2,
}
DIALECTS = tuple(_DIALECTS)
