"""The cells of a table -> rows of integers in the board's units, and an account of all that was not taken.

Decides what counts as a measured value and in which order rows can be. A gap is passed on as it is: what was not
measured is for the estimator to judge. A row that is not later than the one before it is left out, and one time stamp
far ahead of both its neighbours is taken for a slip. Holds one row back and no more, so a table may be of any length.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from packseal.errors import TableError
from packseal.signals.column_names import QUANTITIES, TIME, Column, Columns

LEAP_MS = 3_600_000  # a time stamp so far ahead, with an earlier one behind it, is the one that is wrong
EPOCH_UNITS = ((1e17, 1e-6), (1e14, 1e-3), (1e11, 1.0))  # from so many since 1970 on it is no second: ns, µs, ms
SECOND_MS = 1000.0

TOO_SHORT = "rows with fewer columns than the header"
NO_TIME = "rows whose time cannot be read"
REPEATED = "rows with the time stamp of the row before"
BACKWARD = "rows whose time stamp lies before the row before"
AHEAD = "rows with a time stamp far ahead of their neighbours"

Cell = object


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured at one time. None: not available."""

    t_ms: int  # since the first row
    current_ma: int | None
    pack_mv: int | None
    cell_mv: tuple[int | None, ...]
    temperature_ddegc: tuple[int | None, ...]
    soc_reported_cpct: int | None
    soh_reported_cpct: int | None
    reference_mah: int | None
    discharged_mah: int | None


class TableRows:
    """Readable when all rows have been taken: `dropped`, rows by reason; `left_out`, single values by reason."""

    def __init__(self, columns: Columns, cells_in_series: int, sign: int, parse_time: Callable[[Cell], int]) -> None:
        """sign: -1 where the table's current is positive when discharging. parse_time: ms of a time that is no number,
        raising ValueError."""
        self.dropped: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self._columns, self._sign, self._parse_time = columns, sign, parse_time
        self._series = cells_in_series
        self._places = _places(columns)
        self._time_scale: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns to hand over, in this order."""
        return tuple(column.name for columns in self._columns.values() for column in columns)

    def rows(self, table: Iterable[Sequence[Cell] | None]) -> Iterator[Row]:
        """table: the cells of `names`, None for a row that is too short. Rows in order of time, the first at 0."""
        first_ms: int | None = None
        for row in self._in_order(self._timed(table)):
            first_ms = row.t_ms if first_ms is None else first_ms
            yield replace(row, t_ms=row.t_ms - first_ms)

    def _timed(self, table: Iterable[Sequence[Cell] | None]) -> Iterator[Row]:
        for cells in table:
            if cells is None:
                self.dropped[TOO_SHORT] += 1
                continue
            t_ms = self._time_ms(cells[self._places[TIME][0]])
            if t_ms is None:
                self.dropped[NO_TIME] += 1
            else:
                yield self._row(t_ms, cells)

    def _in_order(self, rows: Iterator[Row]) -> Iterator[Row]:
        last_ms, held = -math.inf, next(rows, None)
        for row in rows:
            if held is None or row.t_ms > held.t_ms:
                if held is not None:
                    yield held
                    last_ms = held.t_ms
                held = row
            elif row.t_ms == held.t_ms:
                self.dropped[REPEATED] += 1
            elif row.t_ms > last_ms and held.t_ms - max(last_ms, row.t_ms) > LEAP_MS:
                self.dropped[AHEAD] += 1
                held = row
            else:
                self.dropped[BACKWARD] += 1
        if held is not None:
            yield held

    # ---- cells

    def _row(self, t_ms: int, cells: Sequence[Cell]) -> Row:
        current_ma = self._one("current", cells)
        pack_mv, cell_mv = self._voltages(cells)
        return Row(
            t_ms,
            None if current_ma is None else self._sign * current_ma,
            pack_mv,
            cell_mv,
            tuple(self._all("temperature", cells)),
            self._one("soc", cells),
            self._one("soh", cells),
            self._one("reference", cells),
            self._one("discharged", cells),
        )

    def _voltages(self, cells: Sequence[Cell]) -> tuple[int | None, tuple[int | None, ...]]:
        """Of a pack without cell voltages each cell counts as the mean one, without a pack voltage the sum."""
        cell_mv = self._all("cells", cells)
        if "voltage" in self._columns:
            pack_mv = self._one("voltage", cells)
        else:
            known = [value for value in cell_mv if value is not None]
            pack_mv = sum(known) * self._series // len(known) if len(known) == len(cell_mv) else None
        if not cell_mv:
            cell_mv = [None if pack_mv is None else round(pack_mv / self._series)] * self._series
        return pack_mv, tuple(cell_mv)

    def _one(self, key: str, cells: Sequence[Cell]) -> int | None:
        values = self._all(key, cells)
        return values[0] if values else None

    def _all(self, key: str, cells: Sequence[Cell]) -> list[int | None]:
        places = self._places.get(key, ())
        return [self._value(self._columns[key][i], cells[place]) for i, place in enumerate(places)]

    def _value(self, column: Column, cell: Cell) -> int | None:
        if cell is None or cell == "":
            if column.quantity.is_always_there:
                self.left_out[f"{column.name}: empty"] += 1
            return None
        number = _number(cell)
        if not math.isfinite(number):
            if column.quantity.is_always_there or isinstance(cell, str):
                self.left_out[f"{column.name}: no number"] += 1
            return None
        factor, offset = column.scale
        value = round(number * factor + offset)
        least, most = column.quantity.limits
        if not least <= value <= most:
            self.left_out[f"{column.name}: beyond {_limits(column)}"] += 1
            return None
        return value

    def _time_ms(self, cell: Cell) -> int | None:
        column = self._columns[TIME][0]
        number = _number(cell)
        if math.isfinite(number):
            if self._time_scale is None:
                self._time_scale = column.scale[0] if column.has_unit else _epoch_scale(number)
            t_ms = round(number * self._time_scale)
            return t_ms if abs(t_ms) <= column.quantity.limits[1] else None
        try:
            return self._parse_time(cell)
        except ValueError:
            return None


def check_plausible(rows: Sequence[Row], cells_in_series: int, columns: Columns) -> None:
    """Raises TableError where no voltage can be a cell's: the number of cells, or the unit, is another one."""
    column = (columns.get("cells") or columns["voltage"])[0]
    known = sorted(value for row in rows for value in row.cell_mv if value is not None)
    least, most = QUANTITIES["cells"].limits
    if known and least <= known[len(known) // 2] <= most:
        return
    found = f"{known[len(known) // 2] / 1000:g} V each" if known else "no voltage at all"
    raise TableError(
        f"{column.name}: read in {column.unit_text}, {cells_in_series} in series have {found}; a cell has"
        f" {least / 1000:g} to {most / 1000:g} V. Say --cells-in-series N, or the column and its unit, as"
        f" --column {column.quantity.key}_mV={column.name}"
    )


def _places(columns: Columns) -> Mapping[str, tuple[int, ...]]:
    places: dict[str, tuple[int, ...]] = {}
    at = 0
    for key, some in columns.items():
        places[key] = tuple(range(at, at + len(some)))
        at += len(some)
    return places


def _number(cell: Cell) -> float:
    """NaN for what is none."""
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        return math.nan
    try:
        return float(cell)
    except (ValueError, OverflowError):
        return math.nan


def _epoch_scale(number: float) -> float:
    return next((scale for at_least, scale in EPOCH_UNITS if abs(number) >= at_least), SECOND_MS)


def _limits(column: Column) -> str:
    factor, offset = column.scale
    least, most = ((limit - offset) / factor for limit in column.quantity.limits)
    return f"{least:.6g} to {most:.6g} {column.unit_text}"
