"""Tables as somebody might bring them to `packseal replay`, made from the simulated pack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from logger.core.sampling import Sample
from logger.drivers.simulator import CYCLE_MS, SimulatedPack

RATED_MAH, TRUE_MAH, BLOCKS = 10_000, 9_100, 3
HEADER = ["Time (s)", "Pack Current [A]", "Voltage/V", "cell1_mV", "cell2_mV", "cell3_mV", "Temp (C)", "SOC BMS (%)"]
HEADER += ["bms_soh", "reference_capacity_Ah"]


def simulated(cycles: int = 2, step_s: int = 1) -> Iterator[list[float]]:
    """Partial cycles from 82 to 41 % with rests of six minutes, meters with noise and offset; rows as HEADER says."""
    now_ms = 0
    pack, sample = SimulatedPack(lambda: now_ms, BLOCKS, 1, RATED_MAH, TRUE_MAH, 1), Sample(BLOCKS, 1)
    for now_ms in range(0, cycles * CYCLE_MS, step_s * 1000):
        pack.read(sample)
        yield [
            now_ms / 1000,
            sample.current_ma / 1000,
            sample.pack_mv / 1000,
            *sample.cell_mv,
            sample.temperature_ddegc[0] / 10,
            sample.soc_reported_cpct / 100,
            sample.soh_reported_cpct / 100,
            TRUE_MAH / 1000,
        ]


def write_csv(path: Path, rows: Iterator[list[float]], header: list[str] = HEADER) -> Path:
    lines = [",".join(header), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path
