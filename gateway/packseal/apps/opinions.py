"""The gateway's own view of each battery's health beside the board's and the BMS's, and what does not fit.

One second opinion (packseal.estimate) for each log, fed with its verified entries in order; a log that goes on from
another of the same battery starts with what that one knew at its end, so that a new log does not hide a swap. Nothing
of it is stored: it is made from the stored records at each start, as the passport is, and whichever of two logs came
first makes no difference. It is 20 to 30 µs a record, where decoding one is 50 to 75.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from packseal.apps.opinion_words import alarm_view, opinion_view
from packseal.estimate import SecondOpinion
from packseal.estimate.cells import CHEMISTRIES
from packseal.passport.document import Json
from packseal.passport.fold import Delivered, LogState
from packseal.passport.settings import BatterySettings
from packseal.records.bodies import Previous

Stored: TypeAlias = Callable[[bytes], Iterable[Delivered]]  # log_id -> all that is stored of it, in order
ReceivedAt: TypeAlias = Callable[[bytes, int], int | None]  # log_id, seq -> when that record came, in unix ms
FAULTS = (ArithmeticError, LookupError, TypeError, ValueError)


@dataclass(slots=True)
class _Followed:
    """logs: those whose knowledge it started with, oldest first, and its own."""

    battery: BatterySettings
    previous: Previous | None
    second: SecondOpinion
    logs: tuple[bytes, ...]
    size: int = 0
    stopped_seq: int | None = None  # the record at which it failed


class Opinions:
    """Its methods may be called from any thread."""

    def __init__(self, stored: Stored, received_at: ReceivedAt) -> None:
        self._stored = stored
        self._received_at = received_at
        self._lock = threading.Lock()
        self._of_log: dict[bytes, _Followed] = {}

    def add(self, battery: BatterySettings, delivered: Delivered) -> None:
        """What was verified and stored; an entry that came before is ignored."""
        with self._lock:
            self._add(battery, delivered)

    def view(self, battery_id: str, log: LogState | None) -> Json:
        """JSON-able. `opinion`: of this log, the one that the live values rest on. `alarms`: of all logs of the
        battery, newest first."""
        with self._lock:
            followed = self._of_log.get(log.log_id) if log else None
            return {
                "opinion": self._opinion(followed) if followed else None,
                "alarms": self._alarms(battery_id),
            }

    # ---- entries

    def _add(self, battery: BatterySettings, delivered: Delivered) -> None:
        followed = self._of_log.get(delivered.log_id) or self._opened(battery, delivered)
        if delivered.size <= followed.size:
            return
        self._feed(followed, delivered)
        followed.size = delivered.size
        self._start_over_behind(delivered.log_id, followed)

    def _opened(self, battery: BatterySettings, delivered: Delivered) -> _Followed:
        previous = delivered.key.previous
        chemistry = CHEMISTRIES.get(battery.chemistry)
        before = self._ended(battery, previous) if previous else None
        if before:
            second, logs = SecondOpinion.from_bytes(before.second.to_bytes(), chemistry), before.logs
        else:
            second, logs = SecondOpinion(chemistry, battery.rated_capacity_mah), ()
        followed = _Followed(battery, previous, second, (*logs, delivered.log_id))
        self._of_log[delivered.log_id] = followed
        return followed

    def _ended(self, battery: BatterySettings, previous: Previous) -> _Followed | None:
        """The log that another goes on from, where all of it is here and it is of the same battery."""
        before = self._of_log.get(previous.log_id)
        if before is None or before.battery.id != battery.id or before.stopped_seq is not None:
            return None
        return before if before.size == previous.size else None

    def _feed(self, followed: _Followed, delivered: Delivered) -> None:
        """A fault of the estimate ends the estimate, never the service that gives receipts."""
        for entry in delivered.entries:
            if entry.seq < followed.size or followed.stopped_seq is not None:
                continue
            try:
                followed.second.add(entry)
            except FAULTS:
                followed.stopped_seq = entry.seq

    def _start_over_behind(self, log_id: bytes, before: _Followed) -> None:
        """Logs that came before the end of the one that they go on from started without its knowledge."""
        end = (log_id, before.size)
        for next_id, followed in list(self._of_log.items()):
            previous = followed.previous
            if previous and (previous.log_id, previous.size) == end and followed.battery.id == before.battery.id:
                del self._of_log[next_id]
                for delivered in self._stored(next_id):
                    self._add(followed.battery, delivered)

    # ---- views

    def _opinion(self, followed: _Followed) -> Json:
        return opinion_view(followed.second.opinion(), followed.battery.chemistry, followed.stopped_seq)

    def _alarms(self, battery_id: str) -> list[Json]:
        """What a log took over from the one before it counts once."""
        found: dict[tuple[object, ...], Json] = {}
        for followed in self._of_log.values():
            if followed.battery.id != battery_id:
                continue
            for alarm in followed.second.alarms():
                key = (alarm.kind, alarm.place, followed.logs[alarm.log], alarm.since_seq)
                found.setdefault(key, alarm_view(alarm, followed.logs, self._received_at))
        return sorted(found.values(), key=lambda alarm: str(alarm["last_received"] or ""), reverse=True)
