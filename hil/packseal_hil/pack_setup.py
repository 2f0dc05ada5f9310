"""Which pack is on the bench and how its board is set up: the numbers that plant, board, BMS and passport share."""

from __future__ import annotations

from dataclasses import dataclass

from packseal_hil.plant.pack import Plant
from packseal_hil.plant.parameters import CellType, parameters_of
from packseal_hil.readings import Truth

CPCT = 10_000
TIME_EVERY_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class PackSetup:
    """sample_ms decides how fast the target `unix` may run (targets/unix.py). soc, loss: at first, as parts of 1.
    clock_rate: of the target `unix`; 0 for the fastest at which no two samples are of one measurement, at which a busy
    machine misses some."""

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

    @property
    def cell_blocks(self) -> int:
        return self.series_blocks * self.strings

    @property
    def rated_capacity_mah(self) -> int:
        return round(1000 * self.block_capacity_ah * self.strings)

    @property
    def chemistry(self) -> str:
        return CellType(self.cell_type).value

    def plant(self) -> Plant:
        parameters = parameters_of(CellType(self.cell_type), self.block_capacity_ah)
        return Plant(parameters, self.series_blocks, self.strings, seed=self.seed, soc=self.soc, loss=self.loss)

    def true_soh_cpct(self, truth: Truth) -> int:
        """Of the pack: each string gives what its weakest cell block does."""
        by_string = truth.capacity_ah.reshape(self.strings, self.series_blocks)
        return round(CPCT * float(by_string.min(axis=1).sum()) / (self.block_capacity_ah * self.strings))

    def board_config(self, service_public_key: bytes, temperature_sensors: int) -> dict[str, object]:
        """Of a board whose BMS is a JBD on its serial line (docs/boards.md, docs/sources.md)."""
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
            "source": "jbd",
            "jbd": {
                "temperature_sensors": temperature_sensors,
                "max_age_ms": 3000,
                "poll_ms": 100,
                "timeout_ms": 2000,  # a shared machine may be away for longer than a wire
            },
        }
