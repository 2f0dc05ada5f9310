"""The passports of a service: their stored states, brought up to what is stored, and a bounded number of them at hand.

A state is as good as the records that it was folded from only while nobody edits it, so each carries a mark that the
service alone can make; one without it is folded again. What settings say is put in when it is asked for.
"""

from __future__ import annotations

import hmac
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TypeAlias

from packseal.apps.stored_deliveries import StoredDeliveries, StoredLog, reaching, with_log
from packseal.errors import UnavailableError
from packseal.io.passport_rows import OvertakenError, PassportUpdate, StateRow
from packseal.io.passport_storing import PassportStoring
from packseal.passport.fold import Delivered, Passport, fold
from packseal.passport.settings import BatterySettings
from packseal.passport.state import decode_passport, encode_passport
from packseal.passport.summary import summary
from packseal.records.cose import Sign
from packseal.records.log import Verified

Folding: TypeAlias = Callable[[int], Delivered]  # received_unix_ms -> what was verified, as it came
MAX_AT_HAND = 1024  # some ten kilobytes each
MARK_PURPOSE = b"packseal/mark of folded states/1"  # no structure that is signed anywhere else begins like this


class Marks:
    """A mark on bytes that are the service's own, by a key that is made from its signature and never stored."""

    def __init__(self, sign: Sign) -> None:
        self._key = sha256(sign(MARK_PURPOSE)).digest()

    def row(self, size: int, name: bytes, state: bytes) -> StateRow:
        return StateRow(size, state, self._tag(name, state))

    def is_own(self, row: StateRow, name: bytes) -> bool:
        return hmac.compare_digest(row.tag, self._tag(name, row.state))

    def _tag(self, name: bytes, state: bytes) -> bytes:
        return hmac.digest(self._key, len(name).to_bytes(1, "big") + name + state, "sha256")


@dataclass(frozen=True, slots=True)
class Folded:
    """A passport with all logs whose records were ever folded, and the size of the stored state it is based on."""

    passport: Passport
    stored_size: int


class PassportStates:
    """Its methods may be called from any thread."""

    def __init__(
        self, store: PassportStoring, deliveries: StoredDeliveries, marks: Marks, *, is_reader: bool = False
    ) -> None:
        """is_reader: nothing is ever stored."""
        self._store, self._deliveries, self._marks, self._is_reader = store, deliveries, marks, is_reader
        self._lock = (
            threading.Lock()
        )  # of what is at hand alone: never held while the store is asked, which has its own
        self._at_hand: OrderedDict[str, Folded] = OrderedDict()

    def passport(self, battery: BatterySettings) -> Passport:
        """As all records say that count now, by the settings and acts of now. Raises UnavailableError."""
        logs = self._deliveries.logs(battery.id)
        passport = self._up_to_date(battery, logs).passport
        shown = Passport(battery)
        for log in logs:
            state = passport.log(log.head.log_id) if log.head.has_own_genesis else None
            if state is None:
                shown = self._deliveries.folded(shown, log)
            else:
                shown = with_log(shown, replace(state, evidence_class=log.source.evidence_class))
        for state in passport.logs:
            if shown.log(state.log_id) is None and self._store.head(state.log_id) is None:
                shown = with_log(shown, state)  # deleted behind the service's back: the audit is to be asked about it
        return shown

    def update(
        self, battery: BatterySettings, verified: Verified, delivered: Folding
    ) -> Callable[[int], PassportUpdate]:
        """What a delivery makes of a battery's passport: received_unix_ms -> the state to be stored with it. Who stores
        it tells by `forget` when that failed. Raises UnavailableError."""
        with self._lock:
            before = self._at_hand.get(battery.id)
        state = before.passport.log(verified.log.log_id) if before else None
        if before is None or (state.size if state else 0) != verified.first_seq:
            before = self._up_to_date(battery, self._deliveries.logs(battery.id))

        def update(received_unix_ms: int) -> PassportUpdate:
            new = delivered(received_unix_ms)
            after = fold(reaching(before.passport, new.log_id, new.evidence_class, new.key, new.first_seq), new)
            made = self._update(after, before.stored_size)
            self._keep_at_hand(battery.id, Folded(after, made.row.size))
            return made

        return update

    def forget(self, battery_id: str) -> None:
        """What is at hand is not what is stored, or may not be."""
        with self._lock:
            self._at_hand.pop(battery_id, None)

    def _up_to_date(self, battery: BatterySettings, logs: list[StoredLog]) -> Folded:
        """Brought up to the ends of its logs; that takes time only where states were not stored with the records: by
        an earlier version, or when acts or settings have come to bind a log since."""
        found = self._loaded(battery)
        passport = found.passport
        for log in logs:
            state = passport.log(log.head.log_id)
            if log.head.has_own_genesis and (state is None or state.size != log.head.size):
                passport = self._deliveries.folded(passport, log)
        if passport is not found.passport:
            found = self._stored(Folded(passport, found.stored_size))
        self._keep_at_hand(battery.id, found)
        return found

    def _loaded(self, battery: BatterySettings) -> Folded:
        row = self._store.states.passport(battery.id)
        with self._lock:
            at_hand = self._at_hand.get(battery.id)
        stored_size = row.size if row else 0
        if at_hand and at_hand.stored_size == stored_size:
            return at_hand
        with suppress(ValueError):
            if row and self._marks.is_own(row, _name(battery.id)):
                return Folded(decode_passport(row.state, battery), stored_size)
        return Folded(Passport(battery), stored_size)

    def _stored(self, folded: Folded) -> Folded:
        """A reader's stays its own; so does what another worker has stored in the meantime, or a disk does not take."""
        if not self._is_reader:
            with suppress(OvertakenError, UnavailableError):
                made = self._update(folded.passport, folded.stored_size)
                self._store.states.keep_passport(made)
                return replace(folded, stored_size=made.row.size)
        return folded

    def _update(self, passport: Passport, before: int) -> PassportUpdate:
        battery_id, size = passport.battery.id, sum(log.size for log in passport.logs)
        row = self._marks.row(size, _name(battery_id), encode_passport(passport))
        return PassportUpdate(battery_id, before, row, summary(passport))

    def _keep_at_hand(self, battery_id: str, folded: Folded) -> None:
        with self._lock:
            self._at_hand[battery_id] = folded
            self._at_hand.move_to_end(battery_id)
            while len(self._at_hand) > MAX_AT_HAND:
                self._at_hand.popitem(last=False)


def _name(battery_id: str) -> bytes:
    return b"passport " + battery_id.encode()
