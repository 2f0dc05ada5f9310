"""What a test asks of a bench: a power switch, a cell simulator, a bus, a console, a flash, a chamber; never a product.

Drivers are below drivers/, one product each, without decisions. A driver raises BenchError for what does not answer,
with what to check; what the bench has not, it has None of, and the test that needs it is skipped by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from packseal.errors import PackSealError
from packseal.frames.frames import Frames
from packseal_hil.readings import PackReading


class BenchError(PackSealError):
    """A thing on the bench does not answer, or not as it should; the text names it and says what to check."""


class PowerSwitch(Protocol):
    def on(self) -> None: ...
    def off(self) -> None: ...
    def close(self) -> None: ...


class CellSimulator(Protocol):
    """Stands for the pack at the board's BMS: voltages at its wires, or the BMS itself with what it would say."""

    cell_blocks: int

    def show(self, reading: PackReading) -> None: ...
    def close(self) -> None: ...


class Bus(Protocol):
    """A CAN bus of the bench. `counters`: by name, since it was opened; `problem`: "" when all is well."""

    def send(self, frames: Frames) -> None: ...
    def received(self) -> Frames: ...
    def counters(self) -> dict[str, int]: ...
    def problem(self) -> str: ...
    def close(self) -> None: ...


class Console(Protocol):
    def read(self) -> bytes: ...
    def write(self, content: bytes) -> None: ...
    def close(self) -> None: ...


class Flash(Protocol):
    def content(self) -> bytes: ...
    def write_counts(self) -> Sequence[int]: ...


class Chamber(Protocol):
    """Of temperatures, in degrees Celsius."""

    def set_temperature_c(self, temperature_c: float) -> None: ...
    def temperature_c(self) -> float: ...
    def close(self) -> None: ...
