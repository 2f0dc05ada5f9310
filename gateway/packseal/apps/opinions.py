"""The gateway's own view of each battery's health beside the board's and the BMS's, and what does not fit.

One second opinion (packseal.estimate) for each log, fed with its stored entries in order; a log that goes on from
another of the same battery starts with what that one knew at its end, so that a new log does not hide a swap, and
whichever of two logs came first makes no difference. What was just verified and stored goes in at once, where the
opinion so far is at hand: 15 to 30 µs a record. Else it is made when somebody asks, and at every LAG records, from
its last stored state on, where a record costs some 150 µs to be read and checked again; the records are what it is
made from, and without a state of this version all are read. Where a service runs, a thread of its own does so, and
stores the states, half of its time: receipts must not wait when many batteries are due at once.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from packseal.apps.opinion_words import alarm_view, opinion_view
from packseal.apps.passport_states import Marks
from packseal.apps.stored_deliveries import StoredDeliveries, StoredLog
from packseal.errors import EvidenceError, UnavailableError
from packseal.estimate import SecondOpinion
from packseal.estimate.cells import CHEMISTRIES
from packseal.io.passport_storing import PassportStoring
from packseal.passport.document import Json
from packseal.passport.fold import LogState
from packseal.passport.settings import BatterySettings
from packseal.records.bodies import Previous
from packseal.records.cbor import Value, decode, encode
from packseal.records.entries import Entry
from packseal.records.log import Verified

FAULTS = (ArithmeticError, LookupError, TypeError, ValueError)
LAG = 1024  # records that a stored opinion is behind, and what came while it waited for its turn: a page reads them
MAX_AT_HAND = 4096  # some 50 kB each
VERSION = 1
JOIN_S = 10


@dataclass(slots=True)
class Followed:
    """logs: those whose knowledge it started with, oldest first, and its own. `size`: how far it has come."""

    battery: BatterySettings
    second: SecondOpinion
    logs: tuple[bytes, ...]
    size: int = 0
    stopped_seq: int | None = None  # the record at which it failed

    def add(self, entries: Sequence[Entry], size: int) -> None:
        """Those of a delivery that ends at `size`; what came before is ignored. A fault of the estimate ends the
        estimate, never the service that gives receipts."""
        for entry in entries:
            if entry.seq < self.size or self.stopped_seq is not None:
                continue
            try:
                self.second.add(entry)
            except FAULTS:
                self.stopped_seq = entry.seq
        self.size = max(self.size, size)

    def goes_on_in(self, previous: Previous | None, battery: BatterySettings) -> bool:
        """All of the log that another one of the battery goes on from is in here."""
        return (
            previous is not None
            and (previous.log_id, previous.size) == (self.logs[-1], self.size)
            and (self.battery.id, self.stopped_seq) == (battery.id, None)
        )

    def to_bytes(self) -> bytes:
        head: list[Value] = [VERSION, self.battery.id, self.battery.rated_capacity_mah, list(self.logs)]
        return encode([*head, self.size, self.stopped_seq, self.second.to_bytes()])


def begun(battery: BatterySettings, log_id: bytes, before: Followed | None = None) -> Followed:
    """before: the log that this one goes on from, where all of it is here."""
    chemistry = CHEMISTRIES.get(battery.chemistry)
    if before:
        second = SecondOpinion.from_bytes(before.second.to_bytes(), chemistry)
        return Followed(battery, second, (*before.logs, log_id))
    return Followed(battery, SecondOpinion(chemistry, battery.rated_capacity_mah), (log_id,))


def _followed(content: bytes, battery: BatterySettings) -> Followed:
    """What to_bytes wrote. Raises ValueError for anything else, and for what was made by other settings."""
    match decode(content):
        case [int(version), str(name), rated_mah, list(logs), int(size), int() | None as stopped_seq, bytes(state)] if (
            (version, name, rated_mah) == (VERSION, battery.id, battery.rated_capacity_mah)
        ):  # fmt: skip
            second = SecondOpinion.from_bytes(state, CHEMISTRIES.get(battery.chemistry))
            ids = tuple(log_id for log_id in logs if isinstance(log_id, bytes))
            return Followed(battery, second, ids, size, stopped_seq)
    raise ValueError("not a stored opinion of this battery")


class Opinions:
    """Its methods may be called from any thread. Of one battery one at a time is at work; others wait for no disk."""

    def __init__(
        self, store: PassportStoring, deliveries: StoredDeliveries, marks: Marks, *, is_reader: bool = False
    ) -> None:
        """is_reader: nothing is ever stored."""
        self._store, self._deliveries, self._marks, self._is_reader = store, deliveries, marks, is_reader
        self._changed = threading.Condition()  # of all that follows
        self._busy: set[str] = set()  # batteries that somebody is at work on
        self._at_hand: OrderedDict[bytes, tuple[Followed, int]] = OrderedDict()  # with its stored size
        self._due: OrderedDict[str, None] = OrderedDict()  # batteries, each once
        self._is_running = False
        self._thread = threading.Thread(target=self._run, name="opinions", daemon=True)

    def start(self) -> None:
        """From now on `grown` waits for nothing."""
        self._is_running = True
        self._thread.start()

    def stop(self) -> None:
        """What is due then is brought up to date by whoever asks."""
        with self._changed:
            self._is_running = False
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    def view(self, battery_id: str, log: LogState | None) -> Json:
        """JSON-able. `opinion`: of this log, the one that the live values rest on. `alarms`: of all logs of the
        battery, newest first. Raises UnavailableError."""
        with self._alone(battery_id):
            followed = self._of_battery(battery_id)
            live = followed.get(log.log_id) if log else None
            return {
                "opinion": self._opinion(live) if live else None,
                "alarms": self._alarms(list(followed.values())),
            }

    def grown(self, battery: BatterySettings, verified: Verified) -> None:
        """A log has grown in the store. Where its opinion cannot be fed with that at once, it is brought up to date
        soon, so that nobody who asks waits long. Where the store does not answer, whoever asks next hears of it."""
        if not self._is_due(battery, verified):
            return
        if not self._is_running:
            self._bring_up(battery.id)
            return
        with self._changed:
            self._due[battery.id] = None
            self._changed.notify_all()

    def _is_due(self, battery: BatterySettings, verified: Verified) -> bool:
        """Feeds the opinion where it is at hand and as far as the log was. True where a thread has to look: it is
        behind, or its stored state is."""
        log = verified.log
        with self._changed:
            at_hand = self._at_hand.get(log.log_id)
            if at_hand is None and verified.first_seq == 0 and log.key.previous is None:
                at_hand = begun(battery, log.log_id), 0
            if at_hand is None:
                return verified.first_seq // LAG != log.size // LAG
            followed, stored_size = at_hand
            if battery.id in self._busy or followed.size != verified.first_seq:
                return True
            followed.add(verified.entries, log.size)
            self._keep_at_hand(followed, stored_size)
            return followed.size - stored_size >= LAG and not self._is_reader

    # ---- bringing up to date

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._due or not self._is_running)
                if not self._is_running:
                    return
                battery_id, _ = self._due.popitem(last=False)
            begun_s = time.monotonic()
            with suppress(Exception):  # the thread must outlive what nobody thought of; whoever asks hears of it
                self._bring_up(battery_id)
            took_s = time.monotonic() - begun_s
            with self._changed:
                self._changed.wait_for(lambda: not self._is_running, took_s)

    def _bring_up(self, battery_id: str) -> None:
        with self._alone(battery_id), suppress(UnavailableError):
            self._of_battery(battery_id)

    @contextmanager
    def _alone(self, battery_id: str) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: battery_id not in self._busy)
            self._busy.add(battery_id)
        try:
            yield
        finally:
            with self._changed:
                self._busy.discard(battery_id)
                self._changed.notify_all()

    def _of_battery(self, battery_id: str) -> dict[bytes, Followed]:
        found: dict[bytes, Followed] = {}
        for log in self._deliveries.logs(battery_id):
            previous = found.get(log.key.previous.log_id) if log.key.previous else None
            is_next = previous is not None and previous.goes_on_in(log.key.previous, log.source.battery)
            found[log.head.log_id] = self._up_to_date(log, previous if is_next else None)
        return found

    def _up_to_date(self, log: StoredLog, before: Followed | None) -> Followed:
        log_id = log.head.log_id
        with self._changed:
            at_hand = self._at_hand.get(log_id)
        followed, stored_size = at_hand or self._loaded(log)
        logs = (*(before.logs if before else ()), log_id)
        if followed is None or followed.logs != logs or followed.size > log.head.size:
            followed, stored_size = begun(log.source.battery, log_id, before), 0
        if followed.size < log.head.size:
            for delivered in self._deliveries.of(log, followed.size):
                followed.add(delivered.entries, delivered.size)
        stored_size = self._stored(followed, stored_size)
        with self._changed:
            self._keep_at_hand(followed, stored_size)
        return followed

    def _stored(self, followed: Followed, stored_size: int) -> int:
        """-> up to where its state is stored then"""
        if followed.size - stored_size >= LAG and not self._is_reader:
            log_id = followed.logs[-1]
            row = self._marks.row(followed.size, _name(log_id), followed.to_bytes())
            with suppress(UnavailableError):
                self._store.states.keep_opinion(log_id, row)
                return followed.size
        return stored_size

    def _keep_at_hand(self, followed: Followed, stored_size: int) -> None:
        log_id = followed.logs[-1]
        self._at_hand[log_id] = followed, stored_size
        self._at_hand.move_to_end(log_id)
        while len(self._at_hand) > MAX_AT_HAND:
            self._at_hand.popitem(last=False)

    def _loaded(self, log: StoredLog) -> tuple[Followed | None, int]:
        row = self._store.states.opinion(log.head.log_id)
        with suppress(ValueError, EvidenceError):
            if row and self._marks.is_own(row, _name(log.head.log_id)):
                return _followed(row.state, log.source.battery), row.size
        return None, 0

    # ---- views

    def _opinion(self, followed: Followed) -> Json:
        return opinion_view(followed.second.opinion(), followed.battery.chemistry, followed.stopped_seq)

    def _alarms(self, logs: Sequence[Followed]) -> list[Json]:
        """What a log took over from the one before it counts once."""
        found: dict[tuple[object, ...], Json] = {}
        for followed in logs:
            for alarm in followed.second.alarms():
                key = (alarm.kind, alarm.place, followed.logs[alarm.log], alarm.since_seq)
                found.setdefault(key, alarm_view(alarm, followed.logs, self._received_at))
        return sorted(found.values(), key=lambda alarm: str(alarm["last_received"] or ""), reverse=True)

    def _received_at(self, log_id: bytes, seq: int) -> int | None:
        record = self._store.record(log_id, seq)
        return record.received_unix_ms if record else None


def _name(log_id: bytes) -> bytes:
    return b"opinion " + log_id
