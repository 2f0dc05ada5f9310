"""How long a pack was at which temperature and at which charge: time per interval, counted window by window.

The intervals are fixed and both ends of the temperatures are open, so that what a log's state keeps is of constant
size. A window counts with the mean of its sensors, and with the charge at its end; one without either counts nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from packseal.passport import words
from packseal.records.bodies import Window

COLDEST, HOTTEST = -4, 9  # in tens of a degree: one interval below the first, one from the end of the last on
SOC_BINS = 10
DDEGC_PER_BIN, CPCT_PER_BIN = 100, 1000


def temperature_bin(window: Window) -> int | None:
    """n for a mean from 10 n to below 10 (n + 1) degrees Celsius, between COLDEST - 1 and HOTTEST + 1; None without a
    sensor."""
    sensors = [value for value in window.temperature_ddegc if value is not None]
    if not sensors:
        return None
    return min(max(sum(sensors) // (len(sensors) * DDEGC_PER_BIN), COLDEST - 1), HOTTEST + 1)


def soc_bin(window: Window) -> int | None:
    """n for a charge from 10 n to below 10 (n + 1) percent; a full pack is in the last. None where the board does not
    estimate it: what a BMS claims is not counted."""
    return None if window.soc_cpct is None else min(window.soc_cpct // CPCT_PER_BIN, SOC_BINS - 1)


def with_temperature(counted: Mapping[int, int], window: Window) -> dict[int, int]:
    return _with(counted, temperature_bin(window), window.duration_ms)


def with_soc(counted: Mapping[int, int], window: Window) -> dict[int, int]:
    return _with(counted, soc_bin(window), window.duration_ms)


def _with(counted: Mapping[int, int], place: int | None, duration_ms: int) -> dict[int, int]:
    if place is None:
        return dict(counted)
    return {**counted, place: counted.get(place, 0) + duration_ms}


@dataclass(frozen=True, slots=True)
class Histogram:
    """kind: which newest record of LogState.found counted last. bounds: of an interval, None at an open end."""

    key: str
    name: str
    kind: str
    unit: str
    missing: str
    method: str
    bounds: Callable[[int], tuple[int | None, int | None]]

    def intervals(self, counted: Mapping[int, int]) -> list[dict[str, object]]:
        """In order, each with its time in whole minutes, and as words: with text and share."""
        whole_ms = sum(counted.values())
        return [self._interval(place, counted.get(place, 0), whole_ms) for place in _without_holes(counted)]

    def _interval(self, place: int, ms: int, whole_ms: int) -> dict[str, object]:
        low, high = self.bounds(place)
        return {
            "from": low,
            "to": high,
            "min": ms // 60_000,
            "ms": ms,
            "interval_text": _between(low, high, self.unit),
            "time_text": words.span(ms),
            "share_text": words.share(ms, whole_ms),
        }


def _temperatures(place: int) -> tuple[int | None, int | None]:
    low, high = 10 * place, 10 * place + 10
    return (None if place < COLDEST else low, None if place > HOTTEST else high)


def _between(low: int | None, high: int | None, unit: str) -> str:
    if low is None or high is None:
        return f"below {words.number(high or 0, unit)}" if low is None else f"{words.number(low, unit)} and above"
    return f"{words.number(low, '')} to {words.number(high, unit)}"


def _without_holes(counted: Mapping[int, int]) -> range:
    return range(min(counted), max(counted) + 1) if counted else range(0)


_SINCE = "counted since this log was opened; earlier life is not in it"
TEMPERATURE = Histogram(
    "temperature_histogram", "Time at each temperature", "temperature_ddegc", "°C",
    "no record with it has arrived yet", f"time of windows by the mean of their sensors, {_SINCE}", _temperatures,
)  # fmt: skip
SOC = Histogram(
    "soc_histogram", "Time at each state of charge", "soc_cpct", "%",
    "needs a board that estimates it", f"time of windows by the charge at their end, {_SINCE}",
    lambda place: (10 * place, 10 * place + 10),
)  # fmt: skip
