"""The table for analysts: the same rows as text and as Parquet, with nothing in them that a spreadsheet would run."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from packseal.errors import ConfigError, TableError
from packseal.exchange import table
from packseal.exchange.export import Export
from packseal.exchange.loss import Loss, Why
from packseal.exchange.source import Bound, Content, Interval, Origin, Source, Value
from packseal.exchange.table import COLUMNS, guarded, make
from packseal.io.table_export import write_table
from packseal.io.table_file import open_table, unix_ms
from tests.exchange.packs import AS_OF_UNIX_MS, CATEGORIES, pack, sparse_pack

NAMES = [column.name for column in COLUMNS]


def exports() -> list[Export]:
    return [make(kind(category)) for kind in (pack, sparse_pack) for category in CATEGORIES]


def source_of(*values: Value) -> Source:
    return sparse_pack("EV").with_values({value.key: value for value in values}, ())


def stated(key: str, content: Content) -> Value:
    return Value(key, content, "", 1, Origin.STATED)


def cells(value: Value) -> dict[str, object]:
    (row,) = table.rows([make(source_of(value))])
    return {name: cell for name, cell in row.items() if cell is not None}


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("kind", [pack, sparse_pack])
def test_each_value_is_a_row(kind: Callable[[str], Source], category: str) -> None:
    source = kind(category)
    rows = list(table.rows([make(source)]))
    assert [row["key"] for row in rows] == sorted(source.values)
    assert all(list(row) == NAMES for row in rows)
    assert {row["passport"] for row in rows} == {source.passport}


def test_a_measured_value_says_what_it_rests_on() -> None:
    found = cells(pack("EV").values["remaining_capacity"])
    assert found == {
        "passport": pack("EV").passport,
        "is_simulated": False,
        "as_of": AS_OF_UNIX_MS,
        "key": "remaining_capacity",
        "value": "137.894",
        "number": 137.894,
        "unit": "Ah",
        "access_group": 4,
        "origin": "measured",
        "method": "method of remaining_capacity",
        "standard_uncertainty": 0.907,
        "low": 136.11628,
        "high": 139.67172,
        "log_id": "5a" * 16,
        "seq": 1042,
        "evidence_class": "B",
        "made": AS_OF_UNIX_MS - 60_000,
        "age_s": 60.0,
    }


def test_a_bound_is_no_value() -> None:
    told = Value("soc", None, "%", 4, Origin.MEASURED, bound=Bound(Decimal(80), is_at_least=False), rule="r1")
    found = cells(told)
    assert (found["at_most"], found["rule"]) == (80.0, "r1")
    assert not {"value", "number", "at_least"} & set(found)


def test_lists_are_json() -> None:
    content = cells(stated("extinguishing_agent", ["water", {"share": Decimal("0.5")}]))["value"]
    assert json.loads(str(content)) == ["water", {"share": 0.5}]


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_what_was_written_is_read_again(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"values{ending}"
    written = list(table.rows(exports()))
    assert write_table(path, exports()) == len(written)
    read = open_table(path)
    assert read.names == tuple(NAMES)
    found = list(read.rows(["key", "number", "made"]))
    assert [row[0] for row in found if row] == [row["key"] for row in written]
    assert [_number(row[1]) for row in found if row] == [row["number"] for row in written]
    assert [unix_ms(row[2]) if row[2] else None for row in found if row] == [row["made"] for row in written]
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def _number(cell: object) -> float | None:
    return None if cell in (None, "") else float(str(cell))


def test_parquet_keeps_the_types(tmp_path: Path) -> None:
    path = tmp_path / "values.parquet"
    write_table(path, exports())
    types = {field.name: field.type for field in parquet.read_schema(path)}
    assert types["number"] == pyarrow.float64()
    assert types["seq"] == pyarrow.int64()
    assert types["made"] == pyarrow.timestamp("ms", tz="UTC")
    assert types["is_simulated"] == pyarrow.bool_()
    assert types["value"] == pyarrow.string()


def test_parquet_takes_more_rows_than_one_batch(tmp_path: Path) -> None:
    many: Iterator[Export] = (one for _ in range(12) for one in exports())
    path = tmp_path / "values.parquet"
    count = write_table(path, many)
    assert count > 4096
    assert parquet.read_metadata(path).num_rows == count


HOSTILE = ("=1+1", "+1", "-cmd", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x", "--1", "-", "-1e5")  # noqa: RUF001


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_starts_as_a_formula(tmp_path: Path, text: str) -> None:
    path = tmp_path / "values.csv"
    made = make(source_of(stated("model_id", text)))
    write_table(path, [made])
    with path.open(encoding="utf-8", newline="") as file:
        _, row = csv.reader(file)
    assert row[NAMES.index("value")] == f"'{text}"
    assert table.guarded_cells([made]) == (
        Loss(Why.COARSER, "/rows/0/value", "model_id", "an apostrophe stands before it in text tables"),
    )


@pytest.mark.parametrize("text", ["-12.5", "-3", "0.5", "plain", "", "a=b"])
def test_numbers_and_plain_texts_stay(text: str) -> None:
    assert guarded(text) == text


@settings(deadline=None)  # the machine may be busy
@given(st.text())
def test_guarded_texts_are_plain_for_a_spreadsheet(text: str) -> None:
    found = guarded(text)
    assert found.removeprefix("'") in (text, text.removeprefix("'"))
    assert not found.startswith(("=", "+", "@", "\t", "\r", "\n"))


def test_what_has_no_column_is_a_loss() -> None:
    losses = make(pack("EV")).losses
    assert {(loss.key, loss.why) for loss in losses} == {
        ("test_reports", Why.NO_PLACE),
        ("declaration_of_conformity", Why.NO_PLACE),
    }


def test_digits_that_no_double_has_are_a_loss() -> None:
    exact = Decimal("0.1234567890123456789")
    told = replace(pack("EV").values["soc"], content=exact, interval=Interval(exact, Decimal(1)))
    made = make(source_of(told))
    assert [(loss.field, loss.why) for loss in made.losses] == [("/rows/0/low", Why.COARSER)]
    assert cells(told)["value"] == str(exact)


def test_a_time_that_is_none_is_a_loss() -> None:
    made = make(source_of(replace(pack("EV").values["soc"], made_unix_ms=1 << 60)))
    assert [(loss.field, loss.why) for loss in made.losses] == [("/rows/0/made", Why.UNFIT)]


def test_other_endings_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"\.csv or \.parquet"):
        write_table(tmp_path / "values.xlsx", exports())
    with pytest.raises(ConfigError, match="cannot be written"):
        write_table(tmp_path / "absent" / "values.csv", exports())
    assert list(tmp_path.iterdir()) == []


CONTENTS = st.recursive(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.integers(-(10**20), 10**20)
    | st.booleans()
    | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)  # the machine may be busy
@given(CONTENTS)
def test_every_value_keeps_its_digits(content: Content) -> None:
    found = str(cells(stated("model_id", content))["value"])
    is_plain = isinstance(content, str | int | Decimal) and not isinstance(content, bool)
    assert same(found if is_plain else json.loads(found), content)


def same(found: object, content: Content) -> bool:
    if isinstance(content, dict) and isinstance(found, dict):
        return found.keys() == content.keys() and all(same(found[name], one) for name, one in content.items())
    if isinstance(content, list) and isinstance(found, list):
        return len(found) == len(content) and all(same(*pair) for pair in zip(found, content, strict=True))
    if isinstance(content, bool | str):
        return found == content
    return not isinstance(content, dict | list) and Decimal(str(found)) == content
