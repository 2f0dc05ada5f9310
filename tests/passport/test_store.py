"""The store: whole deliveries or nothing, a full disk, edited files, and bundles that strangers can check."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.apps.bundles import BundleMaker
from packseal.errors import EvidenceError, Reason, UnavailableError
from packseal.io.sql import Transaction
from packseal.passport.audit import Difference
from packseal.passport.proof import SpanTree
from packseal.records.bodies import EntryType
from packseal.records.merkle import Edge, inclusion_proof, leaf_hash
from packseal.records.policy import Policy, PolicyLog
from packseal.records.verify import verify_bundle
from tests.passport.board import TOPIC, Board, running_board
from tests.passport.desk import ORIGIN, SERVICE_PUBLIC_KEY, Desk, desk_for

CUTS = (0, 4, 9, 13)


def filled(folder: Path) -> tuple[Board, Desk]:
    """A desk with a log that came in three deliveries: records 0 to 3, 4 to 8 and 9 to 12."""
    board = running_board()
    desk = desk_for(folder, board)
    for first, size in pairwise(CUTS):
        desk.receipt(board.delivery(first, size).to_bytes())
    return board, desk


def differences(desk: Desk, board: Board) -> list[tuple[int, int, Reason]]:
    return [(found.first_seq, found.last_seq, found.reason) for found in desk.store.audit(board.log_id).differences]


@given(st.integers(0, 40), st.integers(1, 40), st.data())
def test_a_span_gives_the_proofs_that_all_leaves_give(before: int, count: int, data: st.DataObject) -> None:
    leaves = [leaf_hash(bytes([number])) for number in range(before + count)]
    seq = data.draw(st.integers(before, before + count - 1))
    tree = SpanTree(Edge().extended(leaves[:before]), leaves[before:])
    assert list(tree.inclusion_proof(seq)) == inclusion_proof(leaves, seq)


def test_a_full_disk_stores_nothing_and_goes_on_later(tmp_path: Path) -> None:
    board = running_board(2)
    desk = desk_for(tmp_path, board)
    desk.receipt(board.delivery(0, 4).to_bytes())
    board.windows(400)
    contents, document = desk.contents(), desk.document()
    (pages,) = desk.store._database.rows("PRAGMA page_count")
    desk.store._database.rows(f"PRAGMA max_page_count = {pages[0]}")

    with pytest.raises(UnavailableError, match=r"passport\.db.*full.*check the disk"):
        desk.service.receive(TOPIC, board.delivery(4).to_bytes())

    assert (desk.contents(), desk.document()) == (contents, document)
    desk.store._database.rows("PRAGMA max_page_count = 100000")
    assert desk.receipt(board.delivery(4).to_bytes()).service_index == 3


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "passport.db").write_bytes(b"not a database, and long enough to tell" * 40)
    with pytest.raises(UnavailableError, match=r"passport\.db"):
        desk_for(tmp_path, Board())


def test_an_altered_record_is_left_out_of_a_passport_that_is_folded_again(tmp_path: Path) -> None:
    board, desk = filled(tmp_path)
    desk.edit(lambda file: file.execute("UPDATE records SET entry = ? WHERE seq = 12", (board.entries[11],)))
    desk.edit(lambda file: file.execute("DELETE FROM passports"))
    desk.reopen()
    document = desk.document()
    assert isinstance(document["values"], dict)
    assert document["values"]["soh_capacity_cpct"]["value"] is None
    assert isinstance(document["completeness"], dict)
    assert document["completeness"]["records_present"] == 12


def test_what_this_version_cannot_read_of_an_old_file_counts_as_not_present(tmp_path: Path) -> None:
    """An earlier version took counters up to 2^64 - 1."""
    board = running_board()
    desk = desk_for(tmp_path, board)
    desk.receipt(board.delivery().to_bytes())
    board.append(EntryType.WINDOW, {1: 1, 2: 1, 9: [0, 0, 0, 1 << 63]})
    edge = Edge().extended(board.leaves)
    row = (board.log_id, 13, board.leaves[13], board.entries[13])

    def add(file: Transaction) -> None:
        file.execute("INSERT INTO records VALUES (?, ?, ?, ?, 0)", row)
        file.execute("INSERT INTO checkpoints VALUES (?, 14, ?, ?, x'', 99, 0, NULL)",
                     (board.log_id, board.checkpoint(), edge.to_bytes()))  # fmt: skip
        file.execute("UPDATE logs SET size = 14, edge = ?", (edge.to_bytes(),))

    desk.edit(add)
    desk.reopen()
    completeness = desk.document()["completeness"]
    assert isinstance(completeness, dict)
    assert (completeness["records_present"], completeness["records_counted"]) == (13, 14)


def policy(board: Board) -> Policy:
    return Policy({board.log_id: PolicyLog("pack-1", "B")}, {SERVICE_PUBLIC_KEY: ORIGIN})


@pytest.mark.parametrize("seq", range(13))
def test_every_record_can_be_taken_away_with_its_proof(tmp_path: Path, seq: int) -> None:
    board, desk = filled(tmp_path)
    trusted = verify_bundle(desk.bundle(board, seq), policy(board))
    assert (trusted.entry.seq, trusted.battery) == (seq, "pack-1")
    assert trusted.checkpoint.size == next(size for size in CUTS if size > seq)


def test_no_single_byte_of_a_bundle_can_be_changed(tmp_path: Path) -> None:
    board, desk = filled(tmp_path)
    content = desk.bundle(board, 6)
    reasons = set()
    for at in range(len(content)):
        for mask in (0x01, 0x80, 0xFF):
            changed = content[:at] + bytes([content[at] ^ mask]) + content[at + 1 :]
            with pytest.raises(EvidenceError) as refused:
                verify_bundle(changed, policy(board))
            reasons.add(refused.value.reason)
    assert reasons >= {
        Reason.MALFORMED, Reason.UNKNOWN_VERSION, Reason.BAD_SIGNATURE, Reason.WRONG_LOG, Reason.BAD_INCLUSION_PROOF,
        Reason.UNKNOWN_SERVICE,
    }  # fmt: skip


def test_a_bundle_of_an_altered_record_is_refused_by_whoever_checks_it(tmp_path: Path) -> None:
    board, desk = filled(tmp_path)
    altered = board.entries[6][:-1] + b"\x00"
    desk.edit(lambda file: file.execute("UPDATE records SET entry = ? WHERE seq = 6", (altered,)))
    with pytest.raises(EvidenceError, match="record 6") as refused:
        verify_bundle(desk.bundle(board, 6), policy(board))
    assert refused.value.reason is Reason.BAD_INCLUSION_PROOF


@pytest.mark.parametrize("entry", [b"", b"\x85", b"\x85\x02", b"\xff" * 40])
def test_a_bundle_of_bytes_that_are_no_record_is_refused_by_whoever_checks_it(tmp_path: Path, entry: bytes) -> None:
    board, desk = filled(tmp_path)
    desk.edit(lambda file: file.execute("UPDATE records SET entry = ? WHERE seq = 6", (entry,)))
    with pytest.raises(EvidenceError) as refused:
        verify_bundle(desk.bundle(board, 6), policy(board))
    assert refused.value.reason is Reason.MALFORMED


def test_there_is_no_bundle_of_what_is_not_there(tmp_path: Path) -> None:
    board, desk = filled(tmp_path)
    desk.publisher.turn()
    maker = BundleMaker(desk.store, desk.tiles, SERVICE_PUBLIC_KEY)
    assert maker.bundle(board.log_id, 13) is None
    assert maker.bundle(bytes(16), 0) is None


def test_there_is_no_bundle_before_the_leaf_of_its_receipt_is_published(tmp_path: Path) -> None:
    board, desk = filled(tmp_path)
    maker = BundleMaker(desk.store, desk.tiles, SERVICE_PUBLIC_KEY)
    with pytest.raises(UnavailableError, match="not published yet"):
        maker.bundle(board.log_id, 6)
    desk.publisher.turn()
    board.windows(1)
    desk.receipt(board.delivery(13).to_bytes())
    with pytest.raises(UnavailableError, match="not published yet"):
        maker.bundle(board.log_id, 13)
    assert maker.bundle(board.log_id, 6)


def test_differences_read_well() -> None:
    assert Difference(5, 5, Reason.ROOT_MISMATCH, "").words == "record 5"
    assert Difference(5, 7, Reason.ROOT_MISMATCH, "").words == "records 5 to 7"


def test_the_store_is_on_the_disk_at_each_commit(tmp_path: Path) -> None:
    _, desk = filled(tmp_path)
    assert desk.store._database.rows("PRAGMA synchronous") == [(2,)]
    with closing(sqlite3.connect(desk.path)) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
