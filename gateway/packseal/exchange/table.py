"""Passports as a table for analysts: one row for each value, in columns that are the same for every battery.

Decides which columns there are and what stands in them. `value` is the value to the last digit, as text; `number` is
the same for calculating, as a double, and empty for what is no number. Lists and maps stand as JSON. How the table is
written down is for io/table_export.py.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from packseal.exchange.exact import plain
from packseal.exchange.export import Builder, Converted, Export, Target
from packseal.exchange.forms import is_dated
from packseal.exchange.loss import Loss, Why
from packseal.exchange.source import Content, Source, Value

TARGET = Target("table", "Table for analysts", "packseal table 1", (), has_circumstances=True)
MS_IN_S = 1000
GUARD = "'"
CATEGORY = "battery_category"  # stands in each row, so that rows of many batteries can be told apart
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - full-width ones count, too
Cell: TypeAlias = "str | int | float | bool | None"
Row: TypeAlias = Mapping[str, Cell]


class Kind(StrEnum):
    TEXT = "text"
    NUMBER = "number"  # a double
    WHOLE = "whole number"  # of 64 bits
    TRUTH = "truth value"
    TIME = "time"  # ms since 1970, UTC


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: Kind
    note: str


COLUMNS = (
    Column("passport", Kind.TEXT, "public name of the passport"),
    Column("category", Kind.TEXT, "EV, LMT, SBESS or other_industrial; empty where it may not be told"),
    Column("is_simulated", Kind.TRUTH, "of no real battery"),
    Column("as_of", Kind.TIME, "when the row was made"),
    Column("key", Kind.TEXT, "which value, as in docs/attributes.md"),
    Column("value", Kind.TEXT, "to the last digit; lists and maps as JSON"),
    Column("number", Kind.NUMBER, "the same as a double; empty for what is no number"),
    Column("at_least", Kind.NUMBER, "where only a bound is told"),
    Column("at_most", Kind.NUMBER, "where only a bound is told"),
    Column("unit", Kind.TEXT, "by UCUM"),
    Column("access_group", Kind.WHOLE, "1 to 4, by Article 77(2)"),
    Column("origin", Kind.TEXT, "measured, derived, stated, life or service"),
    Column("method", Kind.TEXT, "how it was found"),
    Column("standard_uncertainty", Kind.NUMBER, "k = 1, in the unit"),
    Column("low", Kind.NUMBER, "of about 95 %, in the unit"),
    Column("high", Kind.NUMBER, "of about 95 %, in the unit"),
    Column("log_id", Kind.TEXT, "log with the signed record"),
    Column("seq", Kind.WHOLE, "number of the record in its log"),
    Column("statement", Kind.TEXT, "SHA-256 of the signed statement"),
    Column("evidence_class", Kind.TEXT, "A to D, docs/record.md"),
    Column("made", Kind.TIME, "not later than this"),
    Column("age_s", Kind.NUMBER, "from then to as_of"),
    Column("details", Kind.TEXT, "JSON"),
    Column("rule", Kind.TEXT, "the partner's rule that lets it out"),
)


def make(source: Source) -> Export:
    """{"rows": [...]}: the cells that are not empty, by the names of the columns."""
    builder = Builder(TARGET, source)
    if not source.values:
        builder.constant(("rows",), [])
    for number, (key, value) in enumerate(sorted(source.values.items())):
        builder.put(("rows", number), key, _row(source, value))
        if source.category is not None and CATEGORY in source.values:
            builder.put(("rows", number, "category"), CATEGORY, source.category)
        _lose(builder, number, value)
    return builder.export()


def rows(exports: Iterable[Export]) -> Iterator[Row]:
    """Of many passports, each row with all columns."""
    for one in exports:
        found = one.document["rows"]
        for row in found if isinstance(found, list) else ():
            yield {column.name: row.get(column.name) for column in COLUMNS}


def guarded(cell: str) -> str:
    """So that no spreadsheet takes a text for a formula (OWASP, CSV Injection): an apostrophe before it."""
    return GUARD + cell if cell.startswith(_FORMULA) and not _is_number(cell) else cell


def guarded_cells(exports: Iterable[Export]) -> tuple[Loss, ...]:
    """Lines of the loss report of a table in text: which cells got an apostrophe that the passport has not."""
    return tuple(
        Loss(Why.COARSER, f"/rows/{number}/{name}", str(row["key"]), "an apostrophe stands before it in text tables")
        for number, row in enumerate(rows(exports))
        for name, cell in row.items()
        if isinstance(cell, str) and guarded(cell) != cell
    )


def _row(source: Source, value: Value) -> dict[str, Converted]:
    low, high = (None, None) if value.interval is None else (value.interval.low, value.interval.high)
    log_id, seq = value.record or (None, None)
    made = value.made_unix_ms if value.made_unix_ms is not None and is_dated(value.made_unix_ms) else None
    limit = {} if value.bound is None else {"at_least" if value.bound.is_at_least else "at_most": value.bound.limit}
    cells: dict[str, Cell] = {
        "passport": source.passport,
        "is_simulated": source.is_simulated,
        "as_of": source.as_of_unix_ms,
        "key": value.key,
        "value": None if value.content is None else _text(value.content),
        "number": _double(value.content),
        **{name: _double(one) for name, one in limit.items()},
        "unit": value.unit or None,
        "access_group": value.group,
        "origin": str(value.origin),
        "method": value.method,
        "standard_uncertainty": _double(value.standard_uncertainty),
        "low": _double(low),
        "high": _double(high),
        "log_id": log_id,
        "seq": seq,
        "statement": value.statement,
        "evidence_class": value.evidence_class,
        "made": made,
        "age_s": None if made is None else (source.as_of_unix_ms - made) / MS_IN_S,
        "details": _text(dict(value.details)) if value.details else None,
        "rule": value.rule or None,
    }
    return {name: cell for name, cell in cells.items() if cell is not None}


def _text(content: Content) -> str:
    if isinstance(content, int | Decimal) and not isinstance(content, bool):
        return f"{Decimal(content):f}"
    return content if isinstance(content, str) else json.dumps(plain(content), ensure_ascii=False)


def _double(content: Content | None) -> float | None:
    """None for what is no number, and for what no double is near to."""
    if isinstance(content, bool) or not isinstance(content, int | Decimal):
        return None
    double = float(Decimal(content))
    return double if math.isfinite(double) else None


def _lose(builder: Builder, number: int, value: Value) -> None:
    """Digits of what stands as a double alone, times that no table has, and what is known of attached files."""
    for name, content in _doubles(value):
        double = _double(content)
        if double is None or Decimal(repr(double)) != content:
            builder.lose(Why.COARSER, ("rows", number, name), value.key, "rounded to a double, or too large for one")
    if value.made_unix_ms is not None and not is_dated(value.made_unix_ms):
        builder.lose(Why.UNFIT, ("rows", number, "made"), value.key, "its time is none between 1970 and 9999")
    named = value.content if isinstance(value.content, list) else [value.content]
    for one in named:
        file = builder.source.files.get(one) if isinstance(one, str) else None
        if file is not None:
            words = f"no column for the name, type and size of file {file.sha256[:12]}"
            builder.lose(Why.NO_PLACE, ("rows", number), value.key, words)


def _doubles(value: Value) -> Iterator[tuple[str, Decimal]]:
    if value.standard_uncertainty is not None:
        yield "standard_uncertainty", value.standard_uncertainty
    if value.interval is not None:
        yield "low", value.interval.low
        yield "high", value.interval.high
    if value.bound is not None:
        yield "at_least" if value.bound.is_at_least else "at_most", value.bound.limit


def _is_number(cell: str) -> bool:
    """Only what any spreadsheet takes for one, such as -12.5."""
    digits = cell.removeprefix("-")
    whole, point, fraction = digits.partition(".")
    return digits.isascii() and whole.isdigit() and (not point or fraction.isdigit())
