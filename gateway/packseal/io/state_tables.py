"""Folded states as bytes, so that nothing is folded again at each start: of passports by battery, and of second
opinions by log. What the bytes mean is their maker's part; records remain the truth that they are made from."""

from __future__ import annotations

from collections.abc import Sequence

from packseal.io.fleet_table import FleetTable
from packseal.io.passport_rows import OvertakenError, PassportUpdate, StateRow
from packseal.io.sql import SQLDatabase, Transaction


class StateTables:
    """Part of the passport store; `put_passports` runs inside of the store's transaction."""

    def __init__(self, database: SQLDatabase, fleet: FleetTable) -> None:
        self._database, self._fleet = database, fleet

    def passport(self, battery: str) -> StateRow | None:
        rows = self._database.rows("SELECT size, state, tag FROM passports WHERE battery = ?", (battery,))
        return StateRow(*rows[0]) if rows else None

    def keep_passport(self, update: PassportUpdate) -> None:
        """Raises OvertakenError, UnavailableError."""
        with self._database.transaction() as transaction:
            self.put_passports(transaction, [update])

    def opinion(self, log_id: bytes) -> StateRow | None:
        rows = self._database.rows("SELECT size, state, tag FROM opinions WHERE log_id = ?", (log_id,))
        return StateRow(*rows[0]) if rows else None

    def keep_opinion(self, log_id: bytes, row: StateRow) -> None:
        with self._database.transaction() as transaction:
            transaction.execute(_PUT_OPINION, (log_id, row.size, row.state, row.tag))

    def put_passports(self, transaction: Transaction, updates: Sequence[PassportUpdate]) -> None:
        """Each in place of exactly the state that it was made from, always in one order, so that two workers do not
        wait for each other. Raises OvertakenError."""
        ordered = sorted(updates, key=lambda update: update.battery)
        new = [(one.battery, one.row.size, one.row.state, one.row.tag) for one in ordered if not one.before]
        grown = [(one.row.size, one.row.state, one.row.tag, one.battery, one.before) for one in ordered if one.before]
        done = transaction.executemany(_NEW_PASSPORT, new).rowcount if new else 0
        done += transaction.executemany(_GROWN_PASSPORT, grown).rowcount if grown else 0
        self._fleet.put_measured(transaction, [update.summary for update in ordered])
        if done != len(updates):
            raise OvertakenError(f"{self._database.where}: another worker has changed a passport; try again")


_NEW_PASSPORT = "INSERT INTO passports VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_GROWN_PASSPORT = "UPDATE passports SET size = ?, state = ?, tag = ? WHERE battery = ? AND size = ?"
_PUT_OPINION = (
    "INSERT INTO opinions VALUES (?, ?, ?, ?) ON CONFLICT (log_id) DO UPDATE SET"
    " size = excluded.size, state = excluded.state, tag = excluded.tag"
)
