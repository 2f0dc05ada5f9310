"""The last values of one battery, each with its age, and which of its alarms go on.

Decides what a delivery replaces. A measured signal is what the newest window of a live delivery says, also where that
is "not available"; health and counters keep their value and age until another comes. Deliveries that are not live
(a board's backlog) only tell alarms and health. Times are those of a clock that nobody sets; asleep packs grow old.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packseal.exchange.projections.signals import SIGNALS, Interval, Reading, Value, health_readings, window_readings
from packseal.records.bodies import Event, QuantityEstimate, StateOfHealth, Window
from packseal.records.log import Verified

BEGINS, ENDED = 1, 2  # phases of an EVENT (docs/record.md section 2)
STATE_OF_HEALTH = 1  # quantity of an ESTIMATE
KEPT = (
    "soh_capacity_cpct",
    "remaining_capacity_mah",
    "resistance_uohm",
)  # said so seldom that a restart must not lose it


@dataclass(frozen=True, slots=True)
class LiveValue:
    """value: in the unit at the end of the name, None where the pack says "not available". interval: holds in about 95
    of 100 cases. age_ms: since it was measured."""

    name: str
    value: Value
    interval: Interval | None
    age_ms: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A reading, and when it was measured."""

    reading: Reading
    measured_ms: int


class LastValues:
    """of one battery. seq: of the window that the measured ones are from, None before the first one; measured_ms and
    received_ms: when it ended, and came."""

    def __init__(self) -> None:
        self.seq: int | None = None
        self.measured_ms = self.received_ms = 0
        self.alarms: frozenset[int] | None = None  # EVENTs that have begun and not ended; None: not known yet
        self.lacking: tuple[int, ...] = ()  # what the board said last that it lacks to state the state of health
        self.seen: dict[str, Seen] = {}
        self._health: tuple[bytes, int, dict[str, Reading]] | None = None  # log_id, uptime_ms of a SOH not shown yet

    def take(self, verified: Verified, now_ms: int, *, is_live: bool) -> None:
        """is_live: the delivery ends with the newest records of the pack."""
        log_id, end_ms = verified.checkpoint.log_id, verified.checkpoint.uptime_ms
        if verified.first_seq == 0:
            self.alarms = frozenset()
        for entry in verified.entries:
            if isinstance(entry.body, StateOfHealth):
                self._health, self.lacking = (log_id, entry.uptime_ms, health_readings(entry.body)), ()
            elif isinstance(entry.body, QuantityEstimate) and entry.body.quantity == STATE_OF_HEALTH:
                self.lacking = entry.body.lacking
            elif isinstance(entry.body, Event):
                self._take_event(entry.body)
        if not is_live:
            return
        if self._health and self._health[0] == log_id:
            self._see(self._health[2], now_ms - max(0, end_ms - self._health[1]))
            self._health = None
        windows = [(e.seq, e.uptime_ms, e.body) for e in verified.entries if isinstance(e.body, Window)]
        if windows:
            self.seq, uptime_ms, window = windows[-1]
            self.received_ms, self.measured_ms = now_ms, now_ms - max(0, end_ms - uptime_ms)
            self._see(window_readings(window), self.measured_ms)

    def values(self, now_ms: int) -> dict[str, LiveValue]:
        """By name, in the order of SIGNALS; those of which nothing was ever said are left out."""
        return {
            name: LiveValue(name, seen.reading.value, seen.reading.interval, max(0, now_ms - seen.measured_ms))
            for name in SIGNALS
            if (seen := self.seen.get(name))
        }

    def restore(self, kept: Mapping[str, Seen], alarms: frozenset[int] | None) -> None:
        """What was known before a restart, where nothing newer is."""
        self.seen = {**kept, **self.seen}
        if self.alarms is None:
            self.alarms = alarms

    def _take_event(self, event: Event) -> None:
        if event.phase == BEGINS:
            self.alarms = (self.alarms or frozenset()) | {event.event}
        elif event.phase == ENDED:
            self.alarms = (self.alarms or frozenset()) - {event.event}

    def _see(self, readings: Mapping[str, Reading], measured_ms: int) -> None:
        self.seen.update({name: Seen(reading, measured_ms) for name, reading in readings.items()})
