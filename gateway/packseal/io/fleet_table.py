"""One row for each battery, for lists: what its records and its life come to, written with them.

Nothing here is a truth of its own: it is made again from records and statements whenever they change.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from packseal.io.sql import SQLDatabase, Transaction
from packseal.passport.life import Life
from packseal.passport.settings import BatterySettings
from packseal.passport.summary import Summary

SCHEMA = """
CREATE TABLE fleet (
    battery TEXT PRIMARY KEY, passport_id BLOB, name TEXT NOT NULL DEFAULT '', found_by TEXT NOT NULL DEFAULT '',
    category TEXT NOT NULL DEFAULT '',
    stage INTEGER, operator BLOB, soh_cpct INTEGER, soh_uncertainty_cpct INTEGER, spread_cpct INTEGER,
    evidence_class TEXT, records INTEGER NOT NULL DEFAULT 0, records_lost INTEGER NOT NULL DEFAULT 0,
    received_unix_ms INTEGER NOT NULL DEFAULT 0, is_simulated INTEGER NOT NULL DEFAULT 0,
    is_replay INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX fleet_found_by ON fleet (found_by, battery);
"""
_SHARE_PPM = "records * 1000000 / NULLIF(records + records_lost, 0)"
_SHARE_PERCENT = "records * 100 / NULLIF(records + records_lost, 0)"
_SORTED: Mapping[str, str] = {
    "battery": "battery",
    "name": "found_by",
    "category": "NULLIF(category, '')",
    "stage": "stage",
    "soh_cpct": "soh_cpct",
    "spread_cpct": "spread_cpct",
    "evidence_class": "evidence_class",
    "records_lost": "records_lost",
    "completeness": _SHARE_PPM,
    "received_unix_ms": "NULLIF(received_unix_ms, 0)",
}
SORTS = tuple(_SORTED)
_ALWAYS_KNOWN = ("battery", "name")


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
    """batteries: those that the reader is responsible for; None for all. words: in name or id, large or small letters
    alike. heard_before_unix_ms: only those not heard of since, or never. least_*, most_*: both included; they leave out
    what is not known. *_complete_percent: of records that are here, in whole percent rounded down. is_empty: only those
    of which no record was ever counted."""

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
    least_complete_percent: int | None = None
    most_complete_percent: int | None = None
    is_empty: bool = False

    def __post_init__(self) -> None:
        if self.sort not in SORTS or not 0 <= self.offset <= 1 << 40 or not 1 <= self.limit <= 1000:
            raise ValueError(f"a list is sorted by one of {', '.join(SORTS)}, 1 to 1000 rows of it")


@dataclass(frozen=True, slots=True)
class Outliers:
    """Health outside of the quartiles by more than 1.5 times what lies between them (Tukey, Exploratory Data Analysis,
    1977, section 2E): up to most_low_cpct, and from least_high_cpct on; how many of each."""

    most_low_cpct: int
    least_high_cpct: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class FleetCounts:
    """Of all rows that a query means: how many, how many of each health in steps of 5 %, and of each share of records
    that are here, in whole percent rounded down; empty: of which no record was ever counted; silent: not heard of since
    the time that was asked about, or never. Quartiles of health and what lies far from them, where four are known at
    least."""

    batteries: int
    by_health: tuple[tuple[int, int], ...]
    by_completeness: tuple[tuple[int, int], ...]
    empty: int
    silent: int
    quartiles_cpct: tuple[int, int] | None
    outliers: Outliers | None


class FleetTable:
    """Part of the passport store; `put_*` run inside of the store's transaction."""

    def __init__(self, database: SQLDatabase) -> None:
        self._database = database

    def put_measured(self, transaction: Transaction, summaries: Sequence[Summary]) -> None:
        rows = [
            (one.battery, _found_by("", one.battery), one.soh_cpct, one.soh_uncertainty_cpct, one.spread_cpct,
             one.evidence_class, one.records, one.records_lost, one.received_unix_ms, int(one.is_simulated),
             int(one.is_replay))
            for one in summaries
        ]  # fmt: skip
        if rows:
            transaction.executemany(_PUT_MEASURED, rows)

    def put_lives(self, transaction: Transaction, lives: Sequence[Life]) -> None:
        rows = [
            (one.battery, one.passport_id, one.name, _found_by(one.name, one.battery), one.category, int(one.stage),
             one.operator.public_key)
            for one in lives
        ]  # fmt: skip
        if rows:
            transaction.executemany(_PUT_LIFE, rows)

    def keep_settings(self, batteries: Sequence[BatterySettings]) -> None:
        """Of batteries that the settings name; what a life says counts more."""
        rows = [(one.id, one.name, _found_by(one.name, one.id), one.category) for one in batteries]
        if rows:
            with self._database.transaction() as transaction:
                transaction.executemany(_PUT_SETTINGS, rows)

    def rows(self, query: FleetQuery, of: int | None = None) -> list[FleetRow]:
        """What is not known stands last, in either direction. of: how many the query means, for who has counted them:
        then the second half of a list is read from its end, which a database finds as soon as its beginning."""
        if of is not None and query.offset > of // 2:
            limit = min(query.limit, of - query.offset)
            return self._rows(query, limit, of - query.offset - limit, is_from_end=True)[::-1] if limit > 0 else []
        return self._rows(query, query.limit, query.offset)

    def _rows(self, query: FleetQuery, limit: int, offset: int, *, is_from_end: bool = False) -> list[FleetRow]:
        where, values = _where(query)
        order = _order(query, is_from_end)
        page = f"SELECT battery FROM fleet WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608 - own words
        text = f"SELECT {_COLUMNS} FROM fleet WHERE battery IN ({page}) ORDER BY {order}"  # noqa: S608 - sorts ids alone
        found = self._database.rows(text, (*values, limit, offset))
        return [FleetRow(*(*row[:-2], bool(row[-2]), bool(row[-1]))) for row in found]

    def count(self, query: FleetQuery) -> int:
        where, values = _where(query)
        ((count,),) = self._database.rows(f"SELECT count(*) FROM fleet WHERE {where}", values)  # noqa: S608
        return int(count)

    def counts(self, query: FleetQuery, silent_since_unix_ms: int = 0) -> FleetCounts:
        health = [(value, number) for value, number, _ in self._by("soh_cpct", query)]
        shares = self._by(_SHARE_PERCENT, query, silent_since_unix_ms)
        known = [(value, number) for value, number in health if value is not None]
        quartiles = (_quartile(known, 1), _quartile(known, 3)) if sum(number for _, number in known) >= 4 else None
        return FleetCounts(
            sum(number for _, number, _ in shares),
            _in_steps(known, 500),
            tuple((value, number) for value, number, _ in shares if value is not None),
            sum(number for value, number, _ in shares if value is None),
            sum(silent for _, _, silent in shares),
            quartiles,
            _outliers(known, quartiles) if quartiles else None,
        )

    def _by(self, value: str, query: FleetQuery, silent_since_unix_ms: int = 0) -> list[tuple[int | None, int, int]]:
        """How many rows of each value, in its order, and how many of these are silent; None for what is not known."""
        where, values = _where(query)
        silent = "count(CASE WHEN received_unix_ms < ? THEN 1 END)"
        found = self._database.rows(
            f"SELECT {value}, count(*), {silent} FROM fleet WHERE {where} GROUP BY 1 ORDER BY 1",  # noqa: S608
            (silent_since_unix_ms, *values),
        )
        return [(None if one is None else int(one), int(number), int(of_these)) for one, number, of_these in found]


def _in_steps(known: Sequence[tuple[int, int]], step: int) -> tuple[tuple[int, int], ...]:
    counts: dict[int, int] = {}
    for value, number in known:
        lower = value // step * step
        counts[lower] = counts.get(lower, 0) + number
    return tuple(counts.items())


def _quartile(known: Sequence[tuple[int, int]], quarter: int) -> int:
    """The value with a quarter, or three, of all before it."""
    left = sum(number for _, number in known) * quarter // 4
    for value, number in known:
        if left < number:
            return value
        left -= number
    raise ValueError("no value is known")


def _outliers(known: Sequence[tuple[int, int]], quartiles: tuple[int, int]) -> Outliers:
    first, third = quartiles
    most_low = (2 * first - 3 * (third - first) - 1) // 2
    least_high = (2 * third + 3 * (third - first)) // 2 + 1
    low = sum(number for value, number in known if value <= most_low)
    return Outliers(most_low, least_high, low, sum(number for value, number in known if value >= least_high))


def _folded(text: str) -> str:
    """Large and small letters alike, and those that Unicode writes in several ways. Not by the database: SQLite's
    lower() knows only A to Z."""
    return unicodedata.normalize("NFKC", text).casefold()


def _found_by(name: str, battery: str) -> str:
    """What words are looked for in, and names are sorted by. No delivery changes it: its index costs them nothing."""
    return f"{_folded(name or battery)}\n{_folded(battery)}"


def _order(query: FleetQuery, is_from_end: bool) -> str:
    value, is_descending = _SORTED[query.sort], query.is_descending
    terms = [(f"{value} IS NULL", False), (value, is_descending), ("battery", False)]
    if query.sort in _ALWAYS_KNOWN:
        terms = [(value, is_descending), ("battery", is_descending)]
    return ", ".join(f"{term} {'DESC' if goes_down != is_from_end else 'ASC'}" for term, goes_down in terms)


def _where(query: FleetQuery) -> tuple[str, tuple[object, ...]]:
    """Conditions in our own words; what a reader said stands in the values alone."""
    conditions: list[tuple[str, tuple[object, ...]]] = []
    if query.batteries is not None:
        named = sorted(query.batteries)
        conditions.append((f"battery IN ({', '.join('?' * len(named)) or 'NULL'})", tuple(named)))
    if query.words:
        words = _folded(query.words).translate(_ESCAPED)
        conditions.append(("found_by LIKE ? ESCAPE '!'", (f"%{words}%",)))
    if query.is_empty:
        conditions.append(("records + records_lost = 0", ()))
    for condition, value in (
        ("category = ?", query.category or None),
        ("stage = ?", query.stage),
        ("soh_cpct >= ?", query.least_soh_cpct),
        ("soh_cpct <= ?", query.most_soh_cpct),
        ("received_unix_ms < ?", query.heard_before_unix_ms),
        (f"{_SHARE_PERCENT} >= ?", query.least_complete_percent),
        (f"{_SHARE_PERCENT} <= ?", query.most_complete_percent),
    ):
        if value is not None:
            conditions.append((condition, (value,)))
    text = " AND ".join(condition for condition, _ in conditions) or "TRUE"
    return text, tuple(value for _, values in conditions for value in values)


_ESCAPED = str.maketrans({"!": "!!", "%": "!%", "_": "!_", "\0": "\ufffd"})  # no text of PostgreSQL's has a zero
_COLUMNS = (
    "battery, passport_id, name, category, stage, soh_cpct, soh_uncertainty_cpct, spread_cpct, evidence_class,"
    " records, records_lost, received_unix_ms, is_simulated, is_replay"
)
_PUT_MEASURED = (
    "INSERT INTO fleet (battery, found_by, soh_cpct, soh_uncertainty_cpct, spread_cpct, evidence_class, records,"
    " records_lost, received_unix_ms, is_simulated, is_replay) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (battery) DO UPDATE SET soh_cpct = excluded.soh_cpct,"
    " soh_uncertainty_cpct = excluded.soh_uncertainty_cpct, spread_cpct = excluded.spread_cpct,"
    " evidence_class = excluded.evidence_class, records = excluded.records, records_lost = excluded.records_lost,"
    " received_unix_ms = excluded.received_unix_ms, is_simulated = excluded.is_simulated,"
    " is_replay = excluded.is_replay"
)
_PUT_LIFE = (
    "INSERT INTO fleet (battery, passport_id, name, found_by, category, stage, operator) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (battery) DO UPDATE SET passport_id = excluded.passport_id, name = excluded.name,"
    " found_by = excluded.found_by, category = excluded.category, stage = excluded.stage, operator = excluded.operator"
)
_PUT_SETTINGS = (
    "INSERT INTO fleet (battery, name, found_by, category) VALUES (?, ?, ?, ?) ON CONFLICT (battery) DO UPDATE SET"
    " name = excluded.name, found_by = excluded.found_by, category = excluded.category"
    " WHERE fleet.passport_id IS NULL"
)
