"""Who owns the disk of an archive alters it: every way is found, and nothing ends the audit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from packseal.io.parquet_tables import SCHEMAS, shard_of
from packseal.io.sql import Transaction
from packseal.records.policy import Revocation
from tests.audit.fleet import SHARDS, Fleet, flipped, rewrite, told
from tests.passport.board import key_of
from tests.passport.desk import SERVICE_PUBLIC_KEY

COLUMNS = [(table, column) for table, schema in SCHEMAS.items() for column in schema.names]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    fleet = Fleet(tmp_path_factory.mktemp("fleet"))
    fleet.archive()
    fleet.grow(fleet.first)
    fleet.archive()
    return fleet


@pytest.fixture
def fleet(made: Fleet, tmp_path: Path) -> Fleet:
    """A copy of its archive, which a test may spoil."""
    again = object.__new__(Fleet)
    again.__dict__ |= made.__dict__ | {"folder": tmp_path / "archive"}
    shutil.copytree(made.folder, again.folder)
    return again


def file_of(fleet: Fleet, table: str, log_id: bytes | None = None) -> Path:
    """The first of the table that has rows of the log."""
    for path in fleet.files(table):
        if log_id is None or log_id in pq.ParquetFile(path).read()["log_id"].to_pylist():
            return path
    raise AssertionError("no such file")


def words_of(fleet: Fleet, **more: Any) -> str:
    return "\n".join(one.words for one in fleet.audit(**more).findings)


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_one_bit_of_any_column_is_found(fleet: Fleet, table: str, column: str) -> None:
    """In the manifest too, so that no digest of a file shows it: what was signed does."""
    path = next(path for path in fleet.files(table) if any(pq.ParquetFile(path).read()[column].to_pylist()))

    def change(rows: list[dict[str, Any]]) -> None:
        row = next(row for row in reversed(rows) if row[column] not in (None, False, 0))
        row[column] = flipped(row[column])

    if column == "is_inner":
        path = file_of(fleet, table, fleet.first.log_id)
    rewrite(fleet, path, change)
    assert not fleet.audit().holds


def test_the_altered_record_is_named_and_no_other(fleet: Fleet) -> None:
    path = file_of(fleet, "records", fleet.first.log_id)

    def change(rows: list[dict[str, Any]]) -> None:
        row = next(row for row in rows if (row["log_id"], row["seq"]) == (fleet.first.log_id, 6))
        row["entry"] = flipped(row["entry"])

    rewrite(fleet, path, change)
    words = words_of(fleet).splitlines()
    assert len(words) == 1
    assert words[0].startswith(f"log {fleet.first.log_id.hex()}: record 6: ")


ROWS: dict[str, Callable[[list[dict[str, Any]]], object]] = {
    "dropped": lambda rows: rows.pop(),
    "doubled": lambda rows: rows.append(rows[-1]),
    "none left": lambda rows: rows.__delitem__(slice(1, None)),
}


@pytest.mark.parametrize("table", SCHEMAS)
@pytest.mark.parametrize("change", ROWS)
def test_rows_that_are_dropped_or_doubled_are_found(fleet: Fleet, table: str, change: str) -> None:
    path = max(fleet.files(table), key=lambda path: pq.read_metadata(path).num_rows)
    if change == "none left" or (change == "dropped" and pq.read_metadata(path).num_rows == 1):
        path.unlink()
        told(fleet, path)
    else:
        rewrite(fleet, path, ROWS[change])
    assert not fleet.audit().holds


def test_records_that_changed_places_between_logs_are_found(fleet: Fleet) -> None:
    """Each with its leaf, as the number that it has in its own log."""
    logs = (fleet.first.log_id, fleet.second.log_id)
    taken: dict[bytes, dict[str, Any]] = {}
    for log_id in logs:
        rewrite(fleet, file_of(fleet, "records", log_id), lambda rows: taken.update(record_7_of_each(rows)))
    for log_id, other in (logs, logs[::-1]):
        content = {name: taken[other][name] for name in ("leaf", "entry")}
        change = partial(replaced, log_id, content)
        rewrite(fleet, file_of(fleet, "records", log_id), change)
    words = words_of(fleet)
    for log_id in logs:
        assert f"log {log_id.hex()}: record" in words


def record_7_of_each(rows: list[dict[str, Any]]) -> dict[bytes, dict[str, Any]]:
    return {row["log_id"]: dict(row) for row in rows if row["seq"] == 7}


def replaced(log_id: bytes, content: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    next(row for row in rows if (row["log_id"], row["seq"]) == (log_id, 7)).update(content)


def test_a_record_in_the_file_of_another_shard_is_found(fleet: Fleet) -> None:
    first, *_, last = sorted(fleet.boards, key=lambda board: board.log_id)
    assert shard_of(first.log_id, SHARDS) != shard_of(last.log_id, SHARDS), "the boards lie in two shards"
    moved: list[dict[str, Any]] = []
    rewrite(fleet, file_of(fleet, "records", first.log_id), lambda rows: moved.append(rows.pop()))
    rewrite(fleet, file_of(fleet, "records", last.log_id), lambda rows: rows.extend(moved))
    assert "1 rows are of another shard" in words_of(fleet)


def test_records_that_changed_their_order_are_the_same_records(fleet: Fleet) -> None:
    rewrite(fleet, file_of(fleet, "records", fleet.first.log_id), lambda rows: rows.reverse())
    assert fleet.audit().holds, "rows of Parquet have no order"


@pytest.mark.parametrize("table", SCHEMAS)
def test_files_that_are_gone_or_were_altered_are_found(fleet: Fleet, table: str) -> None:
    path = file_of(fleet, table)
    content = path.read_bytes()
    name = str(path.relative_to(fleet.folder))
    for other in (content[:-1] + b"\0", b""):
        path.write_bytes(other)
        assert f"{name}: " in words_of(fleet)
    path.unlink()
    assert f"{name}: is not there" in words_of(fleet)


def test_a_run_that_was_taken_out_is_found(fleet: Fleet) -> None:
    (fleet.folder / "manifest/00000001.json").unlink()
    assert "does not go on from the manifest before it" in words_of(fleet)


def test_the_last_run_taken_out_is_an_older_archive_which_the_store_shows(fleet: Fleet) -> None:
    (fleet.folder / "manifest/00000002.json").unlink()
    found = fleet.audit(with_store=True)
    assert found.holds
    assert found.counts["newer_in_the_store"] == 3


# ---- against the store


def executed(statement: str, values: tuple[bytes, ...]) -> Callable[[Transaction], object]:
    return lambda file: file.execute(statement, values)


def test_what_is_in_one_alone_or_differs_is_found_by_comparing(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    fleet.archive()
    of_log = (fleet.first.log_id,)
    edits: tuple[tuple[str, tuple[bytes, ...], str], ...] = (
        ("DELETE FROM records WHERE log_id = ? AND seq = 7", of_log, "record 7 is in the archive and not in the store"),
        ("UPDATE records SET entry = x'00' WHERE log_id = ? AND seq = 8", of_log, "record 8 is not the same in the"),
        ("DELETE FROM inner_checkpoints", (), "inner delivery of size 2 is in the archive and not in the store"),
        ("UPDATE checkpoints SET receipt = x'00' WHERE log_id = ? AND size = 4", of_log, "delivery of size 4 is not"),
        ("UPDATE acts SET role = 5 WHERE idx = (SELECT min(idx) FROM acts)", (), "is not the same in the archive and"),
        ("UPDATE logs SET battery = 'pack-2' WHERE log_id = ?", of_log, "its beginning is not the same in the"),
    )
    policy: dict[str, Any] = {"services": {SERVICE_PUBLIC_KEY: ""}}
    for statement, values, words in edits:
        fleet.desk.edit(executed(statement, values))
        assert words in words_of(fleet, with_store=True, **policy), statement
    assert fleet.audit(**policy).holds, "the archive itself is as it was"


def test_what_the_store_has_and_the_archive_lost_is_found(fleet: Fleet) -> None:
    path = file_of(fleet, "records", fleet.second.log_id)
    rewrite(fleet, path, lambda rows: rows.__delitem__(slice(2, 4)))
    words = words_of(fleet, with_store=True)
    for seq in (2, 3):
        assert f"record {seq} is in the store and not in the archive" in words
    assert "records 2 to 3: missing-entries" in words


# ---- whom to trust


def test_another_services_receipts_do_not_count(fleet: Fleet) -> None:
    found = fleet.audit(services={bytes(key_of("another").verify_key): ""}, keys=(), revoked={})
    assert not found.holds
    assert "unknown-service" in "\n".join(one.what for one in found.findings)


def test_a_revoked_key_counts_from_its_index_on(fleet: Fleet) -> None:
    revoked = {fleet.first.public_key: Revocation(SERVICE_PUBLIC_KEY, 3)}
    words = words_of(fleet, revoked=revoked)
    assert "key-revoked" in words
    assert fleet.second.log_id.hex() not in words


@pytest.mark.parametrize("is_first", [True, False])
def test_of_several_services_the_one_counts_whose_archive_it_is(fleet: Fleet, is_first: bool) -> None:
    """In whichever order they are listed: what was revoked in another one's log counts no more from the beginning."""
    other, late = bytes(key_of("another").verify_key), 10_000
    services = {other: "", SERVICE_PUBLIC_KEY: ""} if is_first else {SERVICE_PUBLIC_KEY: "", other: ""}
    ends = {SERVICE_PUBLIC_KEY: Revocation(SERVICE_PUBLIC_KEY, late), other: Revocation(other, 0)}
    assert fleet.audit(services=services, revoked=ends).holds, "each service's own key ends in its own log"
    here = {**ends, fleet.first.public_key: Revocation(SERVICE_PUBLIC_KEY, late)}
    assert fleet.audit(services=services, revoked=here).holds
    there = {**ends, fleet.first.public_key: Revocation(other, late)}
    words = words_of(fleet, services=services, revoked=there)
    assert "key-revoked" in words
    assert fleet.second.log_id.hex() not in words


def test_a_battery_that_it_is_not_bound_to_is_found(fleet: Fleet) -> None:
    path = file_of(fleet, "deliveries", fleet.second.log_id)
    rewrite(fleet, path, lambda rows: [row.update(battery="pack-1") for row in rows])
    assert "wrong-battery: battery 'pack-1' in class B, but it is bound to 'pack-2'" in words_of(fleet)


# ---- files that were made to hurt


def hostile(fleet: Fleet, path: Path, table: pa.Table, **options: Any) -> str:
    pq.write_table(table, path, **options)
    told(fleet, path, table.num_rows)
    return words_of(fleet)


def test_other_columns_are_refused_before_they_are_read(fleet: Fleet) -> None:
    path = file_of(fleet, "records")
    table = pq.ParquetFile(path).read()
    nested = pa.array([[[b"x"]]] * table.num_rows)
    for other in (
        table.drop_columns(["leaf"]),
        table.append_column("more", nested),
        table.set_column(1, "seq", table["seq"].cast(pa.string())),
        table.cast(pa.schema([field.with_nullable(True) for field in table.schema])),
    ):
        assert "has other columns than this table" in hostile(fleet, path, other)


def test_a_file_that_unpacks_to_much_more_is_refused(fleet: Fleet) -> None:
    path = file_of(fleet, "records")
    row = pq.ParquetFile(path).read().slice(0, 1).to_pylist()[0] | {"entry": bytes(1 << 20)}
    bomb = pa.Table.from_pylist([row] * 80, SCHEMAS["records"])
    words = hostile(fleet, path, bomb, compression="zstd", use_dictionary=False)
    assert path.stat().st_size < 200_000
    assert "unpacks to pieces of more than" in words


def test_a_page_that_is_no_page_is_a_finding(fleet: Fleet) -> None:
    """Its end, which says what columns there are, is good; what lies before is not."""
    path = file_of(fleet, "records")
    content = path.read_bytes()
    path.write_bytes(content[:4] + bytes(200) + content[204:])
    told(fleet, path)
    assert "cannot be read" in words_of(fleet)


@pytest.mark.parametrize("name", ["../outside.parquet", "/etc/passwd", "records/shard=99/month=2026-09/x.parquet"])
def test_names_that_lead_elsewhere_are_refused(fleet: Fleet, name: str) -> None:
    manifest = fleet.folder / "manifest/00000002.json"
    manifest.write_text(manifest.read_text().replace("public_log/month=2026-09/00000002-0003.parquet", name))
    assert "named as no file of" in words_of(fleet) or "is named as" in words_of(fleet)


@pytest.mark.parametrize("content", ["", "[" * 100_000, '{"format": "packseal/fleet-archive/9"}', "\xff", "[1]"])
def test_a_manifest_that_is_none_is_a_finding(fleet: Fleet, content: str) -> None:
    (fleet.folder / "manifest/00000002.json").write_text(content, encoding="latin-1")
    assert "manifest/00000002.json: cannot be read" in words_of(fleet)
