"""Readings for tests: plain numbers, each different from its neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from packseal_hil.readings import PackReading

CELLS, SENSORS = 12, 2


def reading(**changes: Any) -> PackReading:
    values: dict[str, Any] = {
        "pack_ms": 0,
        "cell_mv": 3600 + 7 * np.arange(CELLS, dtype=np.int64),
        "pack_current_ma": -2_500,
        "temperature_ddegc": np.array([251, -37], np.int64),
        "soc_reported_cpct": 6_400,
        "soh_reported_cpct": 9_300,
        **changes,
    }
    return PackReading(**values)
