"""The gateway's own view of each battery's health beside the board's and the BMS's, and what does not fit.

One second opinion (packseal.estimate) for each log, fed with its verified entries in order; a log that goes on from
another takes that one's over, so that a new log does not hide a swap. Nothing of it is stored: it is made from the
stored records at each start, as the passport is.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from packseal.estimate import Alarm, BlockOpinion, Opinion, SecondOpinion
from packseal.estimate.cells import CHEMISTRIES
from packseal.passport.document import Json
from packseal.passport.fold import Delivered, LogState
from packseal.passport.settings import BatterySettings
from packseal.records.bodies import Estimate, Key, margin


class Opinions:
    """Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of_log: dict[bytes, SecondOpinion] = {}
        self._logs: dict[bytes, list[bytes]] = {}  # log_id -> the logs it goes on from and itself, oldest first

    def add(self, battery: BatterySettings, delivered: Delivered) -> None:
        """What was verified; an entry that came before is ignored."""
        with self._lock:
            second = self._of_log.get(delivered.log_id) or self._opened(battery, delivered)
            for entry in delivered.entries:
                second.add(entry)

    def view(self, log: LogState | None) -> Json:
        """JSON-able: `opinion` and `alarms`, of the log that the live values rest on; none of it without one."""
        with self._lock:
            second = self._of_log.get(log.log_id) if log else None
            if log is None or second is None:
                return {"opinion": None, "alarms": []}
            return {"opinion": _opinion(second.opinion()), "alarms": _alarms(second.alarms(), self._logs[log.log_id])}

    def _opened(self, battery: BatterySettings, delivered: Delivered) -> SecondOpinion:
        before = _previous(delivered.entries)
        second = self._of_log.pop(before, None) if before else None
        if second is None:
            second = SecondOpinion(CHEMISTRIES.get(battery.chemistry), battery.rated_capacity_mah)
        self._of_log[delivered.log_id] = second
        self._logs[delivered.log_id] = [*self._logs.pop(before, []), delivered.log_id] if before else [delivered.log_id]
        return second


def _previous(entries: Iterable[object]) -> bytes | None:
    bodies = (getattr(entry, "body", None) for entry in entries)
    return next((body.previous.log_id for body in bodies if isinstance(body, Key) and body.previous), None)


def _opinion(opinion: Opinion) -> Json:
    return {
        "soh_capacity": _percent(opinion.soh_capacity_cpct),
        "of_first_seen": _percent(opinion.retention_cpct),
        "remaining_capacity": _ampere_hours(opinion.remaining_capacity_mah),
        "weakest": _block(opinion.weakest),
        "strongest": _block(opinion.strongest),
        "method": opinion.words,
        "ageing": opinion.ageing or None,
        "missing": list(opinion.missing),
        "charges": opinion.charges,
        "records": list(opinion.inputs) if opinion.inputs else None,
        "age_ms": opinion.age_ms,
    }


def _percent(estimate: Estimate | None) -> Json | None:
    return _value(estimate, 100, "%", 1)


def _ampere_hours(estimate: Estimate | None) -> Json | None:
    return _value(estimate, 1000, "Ah", 2)


def _value(estimate: Estimate | None, units: int, name: str, digits: int) -> Json | None:
    if estimate is None:
        return None
    value, beside = estimate.value / units, margin(estimate.uncertainty) / units
    return {
        "value": value,
        "low": value - beside,
        "high": value + beside,
        "text": f"{value:.{digits}f} {name}",
        "interval_text": f"{value - beside:.{digits}f} to {value + beside:.{digits}f} {name}",
    }


def _block(block: BlockOpinion | None) -> str | None:
    if block is None:
        return None
    return f"cell block {block.block}, {block.remaining_capacity_mah.value / 1000:.2f} Ah"


def _alarms(alarms: Iterable[Alarm], logs: list[bytes]) -> list[Json]:
    """The newest first."""
    return [
        {
            "kind": str(alarm.kind),
            "severity": str(alarm.severity),
            "words": alarm.words,
            "cell_blocks": list(alarm.place) if alarm.place else None,
            "since_seq": alarm.since_seq,
            "since_uptime_ms": alarm.since_uptime_ms,
            "last_uptime_ms": alarm.last_uptime_ms,
            "evidence": [
                {
                    "log_id": logs[item.log].hex() if item.log < len(logs) else None,
                    "seq": item.seq,
                    "words": item.words,
                    "numbers": dict(item.numbers),
                }
                for item in alarm.evidence
            ],
        }
        for alarm in sorted(alarms, key=lambda alarm: -alarm.last_uptime_ms)
    ]
