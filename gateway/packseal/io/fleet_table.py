"""One row for each battery, for lists: what its records and its life come to, written with them.

Nothing here is a truth of its own: it is made again from records and statements whenever they change.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from packseal.io.sql import SQLDatabase, Transaction
from packseal.passport.life import Life
from packseal.passport.settings import BatterySettings
from packseal.passport.summary import Summary

SCHEMA = """
CREATE TABLE fleet (
    battery TEXT PRIMARY KEY, passport_id BLOB, name TEXT NOT NULL DEFAULT '', category TEXT NOT NULL DEFAULT '',
    stage INTEGER, operator BLOB, soh_cpct INTEGER, soh_uncertainty_cpct INTEGER, spread_cpct INTEGER,
    evidence_class TEXT, records INTEGER NOT NULL DEFAULT 0, records_lost INTEGER NOT NULL DEFAULT 0,
    received_unix_ms INTEGER NOT NULL DEFAULT 0, is_simulated INTEGER NOT NULL DEFAULT 0,
    is_replay INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
"""
SORTS = ("battery", "name", "category", "stage", "soh_cpct", "spread_cpct", "records_lost", "received_unix_ms")


@dataclass(frozen=True, slots=True)
class FleetRow:
    battery: str
    passport_id: bytes | None
    name: str
    category: str
    stage: int | None
    soh_cpct: int | None
    soh_uncertainty_cpct: int | None
    spread_cpct: int | None
    evidence_class: str | None
    records: int
    records_lost: int
    received_unix_ms: int
    is_simulated: bool
    is_replay: bool


@dataclass(frozen=True, slots=True)
class FleetQuery:
    """batteries: those that the reader is responsible for; None for all. words: in name or id. heard_before_unix_ms:
    only those not heard of since. least_soh_cpct, most_soh_cpct: both included; they leave out what is not known."""

    sort: str = "battery"
    is_descending: bool = False
    offset: int = 0
    limit: int = 100
    batteries: Collection[str] | None = None
    words: str = ""
    category: str = ""
    stage: int | None = None
    least_soh_cpct: int | None = None
    most_soh_cpct: int | None = None
    heard_before_unix_ms: int | None = None

    def __post_init__(self) -> None:
        if self.sort not in SORTS or not 0 <= self.offset <= 1 << 40 or not 1 <= self.limit <= 1000:
            raise ValueError(f"a list is sorted by one of {', '.join(SORTS)}, 1 to 1000 rows of it")


@dataclass(frozen=True, slots=True)
class FleetCounts:
    """Of all rows that a query means: how many, how many of each health in steps of 5 %, and of each share of records
    that are here, in whole percent rounded down. Quartiles of health, where four are known at least."""

    batteries: int
    by_health: tuple[tuple[int, int], ...]
    by_completeness: tuple[tuple[int, int], ...]
    quartiles_cpct: tuple[int, int] | None


class FleetTable:
    """Part of the passport store; `put_*` run inside of the store's transaction."""

    def __init__(self, database: SQLDatabase) -> None:
        self._database = database

    def put_measured(self, transaction: Transaction, summaries: Sequence[Summary]) -> None:
        rows = [
            (one.battery, one.soh_cpct, one.soh_uncertainty_cpct, one.spread_cpct, one.evidence_class, one.records,
             one.records_lost, one.received_unix_ms, int(one.is_simulated), int(one.is_replay))
            for one in summaries
        ]  # fmt: skip
        if rows:
            transaction.executemany(_PUT_MEASURED, rows)

    def put_lives(self, transaction: Transaction, lives: Sequence[Life]) -> None:
        rows = [
            (one.battery, one.passport_id, one.name, one.category, int(one.stage), one.operator.public_key)
            for one in lives
        ]
        transaction.executemany(_PUT_LIFE, rows)

    def keep_settings(self, batteries: Sequence[BatterySettings]) -> None:
        """Of batteries that the settings name; what a life says counts more."""
        with self._database.transaction() as transaction:
            rows = [(one.id, one.name, one.category) for one in batteries]
            if rows:
                transaction.executemany(_PUT_SETTINGS, rows)

    def rows(self, query: FleetQuery) -> list[FleetRow]:
        where, values = _where(query)
        direction = "DESC" if query.is_descending else "ASC"
        order = f"{query.sort} IS NULL, {query.sort} {direction}, battery"  # what is not known stands last
        text = f"SELECT {_COLUMNS} FROM fleet WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608 - own words
        found = self._database.rows(text, (*values, query.limit, query.offset))
        return [FleetRow(*(*row[:-2], bool(row[-2]), bool(row[-1]))) for row in found]

    def counts(self, query: FleetQuery) -> FleetCounts:
        where, values = _where(query)
        health = self._database.rows(
            f"SELECT soh_cpct / 500, count(*) FROM fleet WHERE {where} AND soh_cpct IS NOT NULL GROUP BY 1 ORDER BY 1",  # noqa: S608
            values,
        )
        whole = self._database.rows(
            f"SELECT records * 100 / (records + records_lost), count(*) FROM fleet WHERE {where}"  # noqa: S608
            " AND records + records_lost > 0 GROUP BY 1 ORDER BY 1",
            values,
        )
        ((count,),) = self._database.rows(f"SELECT count(*) FROM fleet WHERE {where}", values)  # noqa: S608
        known = sum(number for _, number in health)
        return FleetCounts(
            int(count), tuple((500 * int(step), int(number)) for step, number in health),
            tuple((int(step), int(number)) for step, number in whole),
            (self._quartile(where, values, known, 1), self._quartile(where, values, known, 3)) if known >= 4 else None,
        )  # fmt: skip

    def _quartile(self, where: str, values: tuple[object, ...], known: int, quarter: int) -> int:
        text = f"SELECT soh_cpct FROM fleet WHERE {where} AND soh_cpct IS NOT NULL ORDER BY soh_cpct LIMIT 1 OFFSET ?"  # noqa: S608
        ((value,),) = self._database.rows(text, (*values, known * quarter // 4))
        return int(value)


def _where(query: FleetQuery) -> tuple[str, tuple[object, ...]]:
    """Conditions in our own words; what a reader said stands in the values alone."""
    conditions: list[tuple[str, tuple[object, ...]]] = []
    if query.batteries is not None:
        named = sorted(query.batteries)
        conditions.append((f"battery IN ({', '.join('?' * len(named)) or 'NULL'})", tuple(named)))
    if query.words:
        words = f"%{query.words.lower().translate(_ESCAPED)}%"
        conditions.append(("(lower(name) LIKE ? ESCAPE '!' OR lower(battery) LIKE ? ESCAPE '!')", (words, words)))
    for condition, value in (
        ("category = ?", query.category or None),
        ("stage = ?", query.stage),
        ("soh_cpct >= ?", query.least_soh_cpct),
        ("soh_cpct <= ?", query.most_soh_cpct),
        ("received_unix_ms < ?", query.heard_before_unix_ms),
    ):
        if value is not None:
            conditions.append((condition, (value,)))
    text = " AND ".join(condition for condition, _ in conditions) or "TRUE"
    return text, tuple(value for _, values in conditions for value in values)


_ESCAPED = str.maketrans({"!": "!!", "%": "!%", "_": "!_"})
_COLUMNS = (
    "battery, passport_id, name, category, stage, soh_cpct, soh_uncertainty_cpct, spread_cpct, evidence_class,"
    " records, records_lost, received_unix_ms, is_simulated, is_replay"
)
_PUT_MEASURED = (
    "INSERT INTO fleet (battery, soh_cpct, soh_uncertainty_cpct, spread_cpct, evidence_class, records, records_lost,"
    " received_unix_ms, is_simulated, is_replay) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (battery) DO UPDATE SET soh_cpct = excluded.soh_cpct,"
    " soh_uncertainty_cpct = excluded.soh_uncertainty_cpct, spread_cpct = excluded.spread_cpct,"
    " evidence_class = excluded.evidence_class, records = excluded.records, records_lost = excluded.records_lost,"
    " received_unix_ms = excluded.received_unix_ms, is_simulated = excluded.is_simulated,"
    " is_replay = excluded.is_replay"
)
_PUT_LIFE = (
    "INSERT INTO fleet (battery, passport_id, name, category, stage, operator) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (battery) DO UPDATE SET passport_id = excluded.passport_id, name = excluded.name,"
    " category = excluded.category, stage = excluded.stage, operator = excluded.operator"
)
_PUT_SETTINGS = (
    "INSERT INTO fleet (battery, name, category) VALUES (?, ?, ?) ON CONFLICT (battery) DO UPDATE SET"
    " name = excluded.name, category = excluded.category WHERE fleet.passport_id IS NULL"
)
