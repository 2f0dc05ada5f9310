"""What a dashboard shows of a pack: its last values with their age, small, retained, and no evidence."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Protocol

from packseal.records.bodies import Window
from packseal.records.log import Verified


class Publish(Protocol):
    def __call__(self, topic: str, content: bytes, *, retain: bool = False) -> bool: ...


class LiveState:
    def __init__(self, publish: Publish, base: str, unix_ms: Callable[[], int]) -> None:
        """base: the levels of the site's topics."""
        self._publish, self._base, self._unix_ms = publish, base, unix_ms

    def publish(self, battery: str, verified: Verified) -> None:
        """The newest window of the newest delivery of a battery's log."""
        windows = [(e.seq, e.uptime_ms, e.body) for e in verified.entries if isinstance(e.body, Window)]
        if windows:
            seq, uptime_ms, window = windows[-1]
            age_ms = max(0, verified.checkpoint.uptime_ms - uptime_ms)
            state = {"seq": seq, "received_unix_ms": self._unix_ms(), "age_ms": age_ms, **_live_values(window)}
            self._publish(f"{self._base}/{battery}/state", json.dumps(state).encode(), retain=True)


def _live_values(window: Window) -> dict[str, object]:
    values: dict[str, object] = {
        "pack_voltage_mv": window.pack_voltage_mv and window.pack_voltage_mv.mean,
        "pack_current_ma": window.pack_current_ma and window.pack_current_ma.mean,
        "soc_cpct": window.soc_cpct,
        "soc_reported_cpct": window.soc_reported_cpct,
        "soh_reported_cpct": window.soh_reported_cpct,
        "cell_mv": list(window.cell_mv) or None,
        "temperature_ddegc": list(window.temperature_ddegc) or None,
    }
    return {name: value for name, value in values.items() if value is not None}
