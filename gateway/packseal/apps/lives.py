"""The lives of the passports that a service keeps: which new statement is taken, and what all so far come to.

Decides nothing of its own: the rules are passport/life_rules.py's. A life is folded from its stored statements when
somebody asks, and kept for the next who does.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import TypeVar

from packseal.apps.key_acts import KeyActs
from packseal.errors import EvidenceError, UnavailableError
from packseal.io.passport_rows import OvertakenError
from packseal.io.passport_storing import PassportStoring
from packseal.passport.attributes import Group
from packseal.passport.life import Life
from packseal.passport.life_rules import LogEnd, taken
from packseal.passport.settings import BatterySettings
from packseal.passport.stated_values import group_to_state, problem_of
from packseal.records.acts import Authority
from packseal.records.bodies import StateOfHealth
from packseal.records.cose import VerifyingKey
from packseal.records.entries import decode_entry
from packseal.records.fields import malformed
from packseal.records.statement_bodies import Create, RecordRef, Statement, Values
from packseal.records.statements import verify_statement

KEPT_LIVES = 10_000
TRIES = 8  # of what other workers were quicker with
Key = TypeVar("Key")
Found = TypeVar("Found")


class Lives:
    """Facts of life_rules.py. Usable from any thread; `take` is called one at a time."""

    def __init__(self, store: PassportStoring, acts: KeyActs) -> None:
        self._store, self._acts = store, acts
        self._batteries: OrderedDict[str, BatterySettings] = OrderedDict()  # what a CREATE says of one never changes
        self._kept: OrderedDict[bytes, Life] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, content: bytes) -> int:
        """Keeps a new statement. -> its index in the passport log; where it was taken before, that of then.

        Raises EvidenceError, UnavailableError.
        """
        for _ in range(TRIES):
            self._acts.refresh()
            signed = verify_statement(content, self._acts.keyring.authorities)
            known = self._store.statements.index_of(signed.digest)
            if known is not None:
                return known
            if isinstance(signed.statement, Values):
                _check_values(signed.statement)
            lives = taken(signed, self._store.log.size(), self)
            try:
                return self._store.store_statement(content, signed, lives, self._acts.signed_note, self._acts.seen)
            except OvertakenError:
                continue
        raise UnavailableError(f"{self._store.where}: other workers store statements all the time; try again")

    def of_battery(self, battery: str) -> Life | None:
        passport_id = self.passport_of(battery)
        return self.life(passport_id) if passport_id else None

    # ---- Facts

    def life(self, passport_id: bytes) -> Life | None:
        newest = self._store.statements.newest(passport_id)
        with self._lock:
            life = self._kept.get(passport_id)
        if life is None or life.history[-1].source.index != newest:
            life = self._folded(passport_id)
        if life:
            with self._lock:
                _keep(self._kept, passport_id, life)
        return life

    def battery(self, battery_id: str) -> BatterySettings | None:
        """What its CREATE says of a battery, in the form of what settings say."""
        with self._lock:
            if battery_id in self._batteries:
                return self._batteries[battery_id]
        life = self.of_battery(battery_id)
        if life is None:
            return None
        found = BatterySettings(
            life.battery, life.category, life.rated_capacity_mah, life.name, chemistry=life.chemistry or ""
        )
        with self._lock:
            _keep(self._batteries, battery_id, found)
        return found

    def battery_of(self, passport_id: bytes) -> str | None:
        return self._store.statements.battery_of(passport_id)

    def statements(
        self, passport_id: bytes, groups: frozenset[Group], after: int, limit: int
    ) -> list[tuple[int, bytes]]:
        """Signed statements as they came, with their index, of groups that are seen."""
        found = self._store.statements.stored(passport_id)
        seen = [one for one in found if one.index > after and group_of_statement(one.signed.statement) in groups]
        return [(one.index, one.content) for one in seen[:limit]]

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
        return self._acts.keyring.authority(key)

    def _folded(self, passport_id: bytes) -> Life | None:
        life: Life | None = None
        for index, signed in self._store.statements.of(passport_id):
            is_own = signed.statement.passport_id == passport_id
            if life is None and is_own and isinstance(signed.statement, Create):
                life = Life.opened(signed, index)
            elif life:
                life = life.after(signed, index)
        return life


def group_of_statement(statement: Statement) -> Group:
    """Who may read a statement as it was signed: what is no value tells of the individual battery's life."""
    return Group(statement.group) if isinstance(statement, Values) else Group.INDIVIDUAL


def _keep(kept: OrderedDict[Key, Found], key: Key, found: Found) -> None:
    kept[key] = found
    kept.move_to_end(key)
    while len(kept) > KEPT_LIVES:
        kept.popitem(last=False)


def _check_values(values: Values) -> None:
    """Each fits its attribute, and goes to the readers that the law names. Raises EvidenceError(MALFORMED)."""
    for key, value in values.values.items():
        words = problem_of(key, _plain(value))
        if not words and group_to_state(key) != values.group:
            words = f"goes into a statement of group {int(group_to_state(key))}"
        if words:
            raise malformed(f"{key}: {words}")


def _plain(value: object) -> object:
    """In lists and maps, as files have it."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value
