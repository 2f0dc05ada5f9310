"""Traces for tests of the report, written as the bench writes them."""

from __future__ import annotations

import numpy as np

from packseal_hil.trace import NOT_STATED, Estimate, Mark, Trace, TraceWriter
from tests.hil.readings import CELLS, reading

STEP_S, TRUE_SOH_CPCT = 10, 8_700


def cycle(rows: int = 1_500, marks: tuple[Mark, ...] = (), estimates: tuple[Estimate, ...] = ()) -> Trace:
    """A sine of current, with the voltages of twelve cells beside each other; estimates from a third of it on."""
    writer = TraceWriter("test_cycle", "unix", 7)
    for row in range(rows):
        swing = np.sin(row / 90)
        shown = reading(
            pack_ms=1000 * STEP_S * row,
            cell_mv=np.arange(CELLS, dtype=np.int64) + round(3_700 + 300 * swing),
            pack_current_ma=round(5_000 * np.cos(row / 90)),
            soc_reported_cpct=round(5_000 + 3_000 * swing),
        )
        writer.shown(shown, round(4_900 + 3_000 * swing), TRUE_SOH_CPCT)
    for number, estimate in enumerate(estimates):
        writer.estimated(STEP_S * rows * (number + 1) / 3, estimate)
    for mark in marks:
        writer.mark(mark)
    return writer.trace({"gateway.records_receipted": 40})


MARKS = (
    Mark(0.0, "run", "day-in-a-vehicle, 2.00 h"),
    Mark(5_000.0, "open-wire", "open-wire at 3", 9_000.0),
    Mark(12_000.0, "power-cut", "power-cut"),
)
ESTIMATES = (Estimate(8_800, 8_400, 9_100), Estimate(8_650, NOT_STATED, NOT_STATED))
