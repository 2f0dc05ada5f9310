"""Which pack is on the bench and how its board is set up: the numbers that plant, board, BMS and passport share.

The BMS's current meter is here and not the plant's own, whose noise and offset grow with the capacity: docs/health.md
says for which meters the board's intervals hold (10 mA), and a board takes a rest for over when the current leaves a
band of rated_capacity / 200 h, which the plant's noise does at every fourth sample.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256

from packseal_hil.bms.can_dbc import can_table
from packseal_hil.bms.can_frames import CELLS_1
from packseal_hil.plant.pack import Plant
from packseal_hil.plant.parameters import CellType, parameters_of
from packseal_hil.protocols import BenchError
from packseal_hil.readings import Truth
from packseal_hil.targets.target import CAN_BITRATE
from packseal_hil.targets.unix import honest_clock_rate

CPCT = 10_000
TIME_EVERY_MS = 3_600_000
JBD, CAN = "jbd", "can"
CAN_SHARE = 10  # cells come once a second on CAN, and every 100 ms from a JBD


@dataclass(frozen=True, slots=True)
class PackSetup:
    """sample_ms decides how fast the target `unix` may run (targets/unix.py). soc, loss: at first, as parts of 1.
    clock_rate: of the target `unix`; 0 for the fastest at which no two samples are of one measurement, at which a busy
    machine misses some. bms: "jbd" on a serial line, or "can". current_noise_ma, current_offset_ma: standard
    deviations."""

    series_blocks: int = 12
    strings: int = 1
    cell_type: str = "nmc"
    block_capacity_ah: float = 5.0
    soc: float = 0.6
    loss: float = 0.0
    seed: int = 1
    sample_ms: int = 10_000
    window_ms: int = 60_000
    checkpoint_every: int = 2
    clock_rate: int = 0
    bms: str = JBD
    current_noise_ma: float = 5.0
    current_offset_ma: float = 10.0

    def __post_init__(self) -> None:
        if self.bms not in (JBD, CAN):
            raise BenchError(f'{self.bms!r} is no BMS of the bench; there are "{JBD}" and "{CAN}"')

    @property
    def cell_blocks(self) -> int:
        return self.series_blocks * self.strings

    @property
    def rated_capacity_mah(self) -> int:
        return round(1000 * self.block_capacity_ah * self.strings)

    @property
    def chemistry(self) -> str:
        return CellType(self.cell_type).value

    @property
    def fastest_clock_rate(self) -> int:
        """Of the target `unix`: see clock_rate."""
        return honest_clock_rate(self.sample_ms // (CAN_SHARE if self.bms == CAN else 1))

    def plant(self) -> Plant:
        parameters = parameters_of(CellType(self.cell_type), self.block_capacity_ah)
        noise_ma, offset_ma = self.current_noise_ma, self.current_offset_ma
        parameters = replace(parameters, current_noise_ma=noise_ma, current_offset_ma=offset_ma)
        return Plant(parameters, self.series_blocks, self.strings, seed=self.seed, soc=self.soc, loss=self.loss)

    def true_soh_cpct(self, truth: Truth) -> int:
        """Of the pack: each string gives what its weakest cell block does."""
        by_string = truth.capacity_ah.reshape(self.strings, self.series_blocks)
        return round(CPCT * float(by_string.min(axis=1).sum()) / (self.block_capacity_ah * self.strings))

    def can_table(self, temperature_sensors: int) -> bytes:
        """By which the board decodes its BMS's frames; b"" where that is on a serial line."""
        return can_table(CELLS_1, self.cell_blocks, temperature_sensors) if self.bms == CAN else b""

    def board_config(self, service_public_key: bytes, temperature_sensors: int) -> dict[str, object]:
        """Of a board with this BMS (docs/boards.md, docs/sources.md, docs/can.md)."""
        return {
            "service_public_key": service_public_key.hex(),
            "rated_capacity_mah": self.rated_capacity_mah,
            "cell_blocks": self.cell_blocks,
            "strings": self.strings,
            "chemistry": self.chemistry,
            "sample_ms": self.sample_ms,
            "window_ms": self.window_ms,
            "checkpoint_every": self.checkpoint_every,
            "time_every_ms": TIME_EVERY_MS,
            "source": self.bms,
            **(self._on_can(temperature_sensors) if self.bms == CAN else self._on_a_line(temperature_sensors)),
        }

    def _on_a_line(self, temperature_sensors: int) -> dict[str, object]:
        """A shared machine may be away for longer than a wire: so long is timeout_ms."""
        ages = {"max_age_ms": 3000, "poll_ms": 100, "timeout_ms": 2000}
        return {JBD: {"temperature_sensors": temperature_sensors, **ages}}

    def _on_can(self, temperature_sensors: int) -> dict[str, object]:
        digest = sha256(self.can_table(temperature_sensors)).hexdigest()
        return {
            CAN: {"table": digest, "max_age_ms": 2000, "max_slow_age_ms": 5000},
            "can_bus": {"bitrate": CAN_BITRATE, "data_bitrate": 0, "oscillator_hz": 0, "silent": 1},
        }
