"""The lives of the passports that a service keeps: which new statement is taken, and what all so far come to.

Decides nothing of its own: the rules are passport/life_rules.py's. A life is folded from its stored statements when
somebody asks, and kept for the next who does.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from packseal.errors import EvidenceError
from packseal.io.passport_log_table import SignNote
from packseal.io.passport_store import PassportStore
from packseal.passport.keyring import Keyring
from packseal.passport.life import Life
from packseal.passport.life_rules import LogEnd, taken
from packseal.passport.settings import BatterySettings
from packseal.passport.stated_values import group_to_state, problem_of
from packseal.records.acts import Authority
from packseal.records.bodies import StateOfHealth
from packseal.records.cose import VerifyingKey
from packseal.records.entries import decode_entry
from packseal.records.fields import malformed
from packseal.records.statement_bodies import Create, RecordRef, Values
from packseal.records.statements import verify_statement

KEPT_LIVES = 10_000


class Lives:
    """Facts of life_rules.py. Usable from any thread; `take` is called one at a time."""

    def __init__(self, store: PassportStore, keyring: Callable[[], Keyring], sign_note: SignNote) -> None:
        self._store, self._keyring, self._sign_note = store, keyring, sign_note
        self._kept: OrderedDict[bytes, Life] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, content: bytes) -> tuple[int, tuple[Life, ...]]:
        """Keeps a new statement. -> its index in the passport log, and the lives that it changed; none where it was
        taken before. Raises EvidenceError, UnavailableError."""
        signed = verify_statement(content, self._keyring().authorities)
        known = self._store.statements.index_of(signed.digest)
        if known is not None:
            return known, ()
        if isinstance(signed.statement, Values):
            _check_values(signed.statement)
        lives = taken(signed, self._store.log.size(), self)
        index = self._store.store_statement(content, signed, self._sign_note)
        with self._lock:
            for life in lives:
                self._keep(life)
        return index, lives

    def of_battery(self, battery: str) -> Life | None:
        passport_id = self.passport_of(battery)
        return self.life(passport_id) if passport_id else None

    # ---- Facts

    def life(self, passport_id: bytes) -> Life | None:
        with self._lock:
            if passport_id in self._kept:
                self._kept.move_to_end(passport_id)
                return self._kept[passport_id]
            life = self._folded(passport_id)
            if life:
                self._keep(life)
            return life

    def passport_of(self, battery: str) -> bytes | None:
        return self._store.statements.passport_of(battery)

    def logs_of(self, battery: str) -> tuple[LogEnd, ...]:
        heads = self._store.heads_of(battery)
        return tuple(LogEnd(head.log_id, head.size, head.edge.root(), bool(head.is_sealed)) for head in heads)

    def state_of_health(self, record: RecordRef) -> tuple[str, StateOfHealth] | None:
        head = self._store.head(record.log_id)
        stored = self._store.record(record.log_id, record.seq)
        if head is None or stored is None or not stored.is_unaltered:
            return None
        try:
            body = decode_entry(stored.entry).body
        except EvidenceError:
            return None
        return (head.battery, body) if isinstance(body, StateOfHealth) else None

    def authority(self, key: VerifyingKey) -> Authority | None:
        return self._keyring().authority(key)

    def _folded(self, passport_id: bytes) -> Life | None:
        life: Life | None = None
        for index, signed in self._store.statements.of(passport_id):
            is_own = signed.statement.passport_id == passport_id
            if life is None and is_own and isinstance(signed.statement, Create):
                life = Life.opened(signed, index)
            elif life:
                life = life.after(signed, index)
        return life

    def _keep(self, life: Life) -> None:
        self._kept[life.passport_id] = life
        self._kept.move_to_end(life.passport_id)
        while len(self._kept) > KEPT_LIVES:
            self._kept.popitem(last=False)


def battery_of(life: Life) -> BatterySettings:
    """What a CREATE says of its battery, in the form of what the settings say."""
    return BatterySettings(
        life.battery, life.category, life.rated_capacity_mah, life.name, chemistry=life.chemistry or ""
    )


def _check_values(values: Values) -> None:
    """Each fits its attribute, and goes to the readers that the law names. Raises EvidenceError(MALFORMED)."""
    for key, value in values.values.items():
        words = problem_of(key, _plain(value))
        if not words and group_to_state(key) != values.group:
            words = f"goes into a statement of group {int(group_to_state(key))}"
        if words:
            raise malformed(f"{key}: {words}")


def _plain(value: object) -> object:
    return [_plain(one) for one in value] if isinstance(value, tuple) else value
