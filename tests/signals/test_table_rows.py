"""Cells of a table become integers or are counted, one by one."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime

import pytest

from logger.core import sampling
from packseal.errors import TableError
from packseal.io.table_file import unix_ms
from packseal.signals.column_names import QUANTITIES, columns_of
from packseal.signals.table_rows import (
    AHEAD,
    BACKWARD,
    NO_TIME,
    REPEATED,
    TOO_SHORT,
    Row,
    TableRows,
    check_plausible,
)

PLAIN = "time_s,current_A,voltage_V"


def read(header: str, cells: list[list[object] | None], series: int = 1, sign: int = 1) -> tuple[list[Row], TableRows]:
    """cells: in the order of the header, which is that of QUANTITIES."""
    source = TableRows(columns_of(header.split(","), {}), series, sign, unix_ms)
    return list(source.rows(cells)), source


def at(*times: object) -> list[list[object] | None]:
    return [[time, 0, 3.7] for time in times]


def test_units_and_signs_become_the_boards() -> None:
    header = "time_min,current_mA,voltage_V,cell1_mV,cell2_mV,temp_F,soc_fraction,soh_%,reference_capacity_Ah,dis_mAh"
    cells: list[object] = ["5", "1500", "7.4", "3699.6", "3700", "77", "0.5", "99.5", "2.1", "17"]
    rows, source = read(header, [cells, [6, *[None] * 9]], series=2, sign=-1)
    assert rows[0] == Row(0, -1500, 7400, (3700, 3700), (250,), 5000, 9950, 2100, 17)
    assert rows[1] == Row(60_000, None, None, (None, None), (None,), None, None, None, None)
    assert source.left_out == {f"{name}: empty": 1 for name in header.split(",")[1:6]}


@pytest.mark.parametrize(
    ("times", "kept_ms", "dropped"),
    [
        ([1, 2, 3], [0, 1000, 2000], {}),
        ([1, 2, 2, 3], [0, 1000, 2000], {REPEATED: 1}),
        ([1, 5, 3, 4, 6], [0, 4000, 5000], {BACKWARD: 2}),
        ([1, 2, 1e9, 3, 4], [0, 1000, 2000, 3000], {AHEAD: 1}),
        ([1e9, 3, 4], [0, 1000], {AHEAD: 1}),
        ([1, 2, 1e6, 1e6 + 1], [0, 1000, 999_999_000, 1_000_000_000], {}),
        ([1, "", "x", None, math.nan, math.inf, 1e300, 2], [0, 1000], {NO_TIME: 6}),
        ([1.7e12, 1.7e12 + 500], [0, 500], {}),
        ([1.7e18, 1.7e18 + 5e8], [0, 500], {}),
        (["2024-03-01 10:00:00", "2024-03-01T10:00:01Z", "2024-03-01T11:00:01.5+01:00"], [0, 1000, 1500], {}),
        ([datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 3, 1, 0, 1, tzinfo=UTC)], [0, 60_000], {}),
    ],
)
def test_rows_come_in_order_of_time_or_are_counted(
    times: list[object], kept_ms: list[int], dropped: dict[str, int]
) -> None:
    rows, source = read("timestamp,current_A,voltage_V", at(*times))
    assert [row.t_ms for row in rows] == kept_ms
    assert source.dropped == dropped


def test_rows_pass_one_by_one_however_many_there_are() -> None:
    endless = ([number, 0, 3.7] for number in itertools.count())
    rows = TableRows(columns_of(PLAIN.split(","), {}), 1, 1, unix_ms).rows(endless)
    assert [row.t_ms for row in itertools.islice(rows, 3)] == [0, 1000, 2000]
    assert next(endless)[0] <= 5, "no more is taken ahead than it needs to see a wrong time stamp"


def test_gaps_are_handed_on() -> None:
    rows, source = read(PLAIN, [*at(0, 1), None, *at(100_000)])
    assert [row.t_ms for row in rows] == [0, 1000, 100_000_000]
    assert source.dropped == {TOO_SHORT: 1}


def test_values_that_cannot_be_are_left_out_with_their_reason() -> None:
    cells: list[list[object] | None] = [[0, "NaN", 3.7], [1, "1e9", "n/a"], [2, "", 65_535], [3, True, math.inf]]
    rows, source = read(PLAIN, cells)
    assert [(row.current_ma, row.pack_mv) for row in rows] == [(None, 3700), (None, None), (None, None), (None, None)]
    assert source.left_out == {
        "current_A: no number": 2,
        "current_A: beyond -5000 to 5000 A": 1,
        "current_A: empty": 1,
        "voltage_V: no number": 2,
        "voltage_V: beyond 0.5 to 2000 V": 1,
    }


def test_limits_are_those_of_the_board() -> None:
    boards = {
        "current": sampling.CURRENT_RANGE_MA,
        "voltage": sampling.PACK_RANGE_MV,
        "cells": sampling.CELL_RANGE_MV,
        "temperature": sampling.TEMPERATURE_RANGE_DDEGC,
        "soc": sampling.PERCENT_RANGE_CPCT,
        "soh": sampling.PERCENT_RANGE_CPCT,
    }
    assert {key: QUANTITIES[key].limits for key in boards} == boards


def test_a_pack_without_cells_has_mean_ones_and_cells_without_a_pack_add_up() -> None:
    rows, _ = read(PLAIN, [[0, 1, 7.401]], series=2)
    assert (rows[0].pack_mv, rows[0].cell_mv) == (7401, (3700, 3700))
    rows, _ = read("time_s,current_A,cell1_V,cell2_V,cell3_V,cell4_V", [[0, 1, 3.5, 3.5, 3.6, 3.6]], series=2)
    assert rows[0].pack_mv == 7100


@pytest.mark.parametrize(
    ("header", "volts", "words"),
    [
        (PLAIN, 24.9, r"1 in series have 24\.9 V each.*--cells-in-series N.*--column voltage_mV=voltage_V"),
        ("time_s,current_A,voltage", 3700, "read in V, 1 in series have no voltage at all"),
    ],
)
def test_a_voltage_that_no_cell_has_is_refused(header: str, volts: float, words: str) -> None:
    rows, source = read(header, [[0, 1, volts], [1, 1, volts]])
    with pytest.raises(TableError, match=words):
        check_plausible(rows, 1, columns_of(source.names, {}))
