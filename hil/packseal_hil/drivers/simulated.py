"""Drivers of a bench without anything plugged in: each keeps what it was told, for whoever looks.

They have no physics; that is the plant's. The board's power and flash belong to the target on such a bench; these
stand for instruments beside it. A simulated bus is can_bus.py's, with python-can's virtual interface.
"""

from __future__ import annotations

from packseal_hil.protocols import BenchError
from packseal_hil.readings import PackReading

SECTORS, SECTOR_BYTES = 16, 4096
ERASED = 0xFF
ROOM_C = 25.0
MAX_CONSOLE_BYTES = 1 << 20


class SimulatedPower:
    """is_on; switched: how often it changed."""

    def __init__(self) -> None:
        self.is_on, self.switched = False, 0

    def on(self) -> None:
        self.switched += not self.is_on
        self.is_on = True

    def off(self) -> None:
        self.switched += self.is_on
        self.is_on = False

    def close(self) -> None:
        self.off()


class SimulatedCells:
    """reading: the last one that was shown."""

    def __init__(self, cell_blocks: int) -> None:
        self.cell_blocks = cell_blocks
        self.reading: PackReading | None = None

    def show(self, reading: PackReading) -> None:
        if len(reading.cell_mv) != self.cell_blocks:
            has = f"cell_simulator in rig.toml {self.cell_blocks}"
            raise BenchError(f"the pack has {len(reading.cell_mv)} cell blocks, {has}")
        self.reading = reading

    def close(self) -> None:
        self.reading = None


class SimulatedConsole:
    """written: all that was sent to it; `say` lets it talk."""

    def __init__(self) -> None:
        self.written = b""
        self._waiting = b""

    def say(self, content: bytes) -> None:
        self._waiting = (self._waiting + content)[-MAX_CONSOLE_BYTES:]

    def read(self) -> bytes:
        content, self._waiting = self._waiting, b""
        return content

    def write(self, content: bytes) -> None:
        self.written = (self.written + content)[-MAX_CONSOLE_BYTES:]

    def close(self) -> None:
        self._waiting = b""


class SimulatedFlash:
    """NOR: a write clears bits, an erase sets those of a whole sector and is counted."""

    def __init__(self) -> None:
        self._content = bytearray([ERASED]) * (SECTORS * SECTOR_BYTES)
        self._counts = [0] * SECTORS

    def content(self) -> bytes:
        return bytes(self._content)

    def write_counts(self) -> list[int]:
        return list(self._counts)

    def program(self, at: int, content: bytes) -> None:
        """Raises BenchError beyond its end."""
        if not 0 <= at <= len(self._content) - len(content):
            raise BenchError(f"{len(content)} bytes at {at}: the simulated flash has {len(self._content)}")
        for place, byte in enumerate(content, at):
            self._content[place] &= byte

    def erase(self, sector: int) -> None:
        start = sector * SECTOR_BYTES
        self._content[start : start + SECTOR_BYTES] = bytes([ERASED]) * SECTOR_BYTES
        self._counts[sector] += 1


class SimulatedChamber:
    """Takes every temperature at once."""

    def __init__(self) -> None:
        self._temperature_c = ROOM_C

    def set_temperature_c(self, temperature_c: float) -> None:
        self._temperature_c = temperature_c

    def temperature_c(self) -> float:
        return self._temperature_c

    def close(self) -> None:
        self._temperature_c = ROOM_C
