"""The store: whole deliveries or nothing, a full disk, edited files, and bundles that strangers can check."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.apps.auditor import Auditor
from packseal.apps.bundles import BundleMaker
from packseal.apps.page_view import PageView
from packseal.errors import EvidenceError, Reason, UnavailableError
from packseal.io.passport_rows import Arrived, Signing
from packseal.passport.audit import Difference
from packseal.passport.proof import SpanTree
from packseal.passport.settings import PassportSettings
from packseal.records.blinding import leaf_of
from packseal.records.bodies import EntryType
from packseal.records.merkle import Edge, inclusion_proof, leaf_hash
from packseal.records.policy import Policy, PolicyLog
from packseal.records.verify import verify_bundle
from tests.passport.board import TOPIC, Board, running_board, settings_for, signer
from tests.passport.desk import ORIGIN, SERVICE_KEY, SERVICE_PUBLIC_KEY, Desk, desk_for

CUTS = (0, 4, 9, 13)
NOTHING_SIGNED = Signing(lambda _index: b"", lambda _size, _root: b"")


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


def test_a_failure_inside_the_transaction_stores_nothing(tmp_path: Path) -> None:
    board = running_board()
    desk = desk_for(tmp_path, board)
    desk.receipt(board.delivery(0, 4).to_bytes())
    contents, document = desk.contents(), desk.document()

    def broken(_message: bytes) -> bytes:
        raise KeyboardInterrupt

    desk.service._sign = broken
    with pytest.raises(KeyboardInterrupt):
        desk.service.receive(TOPIC, board.delivery(4).to_bytes())
    assert (desk.contents(), desk.document()) == (contents, document)
    desk.service._sign = signer(SERVICE_KEY)
    assert desk.receipt(board.delivery(4).to_bytes()).service_index == 3


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


def test_an_untouched_store_has_no_differences(tmp_path: Path) -> None:
    board, desk = filled(tmp_path)
    result = desk.store.audit(board.log_id)
    assert (result.differences, result.is_complete, result.size) == ((), True, 13)


def test_an_audit_in_pieces_comes_to_the_end(tmp_path: Path) -> None:
    board, desk = filled(tmp_path)
    sizes, edge = [], None
    for _ in CUTS[1:]:
        result = desk.store.audit(board.log_id, edge, limit=1)
        edge = result.edge
        sizes.append((edge.size, result.is_complete))
    assert sizes == [(4, False), (9, False), (13, True)]


@pytest.mark.parametrize("seq", range(13))
def test_an_altered_record_is_named(tmp_path: Path, seq: int) -> None:
    board, desk = filled(tmp_path)
    desk.edit(lambda file: file.execute("UPDATE records SET entry = substr(entry, 2) WHERE seq = ?", (seq,)))
    assert differences(desk, board) == [(seq, seq, Reason.ROOT_MISMATCH)]


def test_a_record_altered_with_its_leaf_is_found_between_its_checkpoints(tmp_path: Path) -> None:
    board, desk = filled(tmp_path)
    forged = board.entries[6][:-1] + b"\x00"
    _, leaf = leaf_of(forged, board.seed)
    desk.edit(lambda file: file.execute("UPDATE records SET entry=?, leaf=? WHERE seq=6", (forged, leaf)))
    assert differences(desk, board) == [(4, 8, Reason.ROOT_MISMATCH)]


def test_a_whole_log_signed_by_another_key_is_found(tmp_path: Path) -> None:
    board, desk = filled(tmp_path)
    forger = running_board(name="forger")
    desk.edit(lambda file: file.execute("UPDATE checkpoints SET content = ? WHERE size = 13", (forger.checkpoint(13),)))
    assert differences(desk, board) == [(9, 12, Reason.BAD_SIGNATURE)]


EDITS = {
    "a record gone": ("DELETE FROM records WHERE seq = 5", (5, 5, Reason.MISSING_ENTRIES)),
    "the last record gone": ("DELETE FROM records WHERE seq = 12", (12, 12, Reason.MISSING_ENTRIES)),
    "a checkpoint gone": ("DELETE FROM checkpoints WHERE size = 13", (9, 12, Reason.MISSING_ENTRIES)),
    "a checkpoint's size altered": (
        "UPDATE checkpoints SET size = 1 << 62 WHERE size = 13",
        (13, (1 << 62) - 1, Reason.MISSING_ENTRIES),
    ),
    "the head altered": ("UPDATE logs SET size = 9", (9, 12, Reason.MISSING_ENTRIES)),
    "the head's edge altered": ("UPDATE logs SET edge = zeroblob(4)", (12, 12, Reason.ROOT_MISMATCH)),
    "an edge altered": ("UPDATE checkpoints SET edge = zeroblob(36) WHERE size = 4", (0, 3, Reason.ROOT_MISMATCH)),
    "a record added": ("INSERT INTO records SELECT log_id, 13, leaf, entry, 0 FROM records WHERE seq = 12", None),
}


@pytest.mark.parametrize(("edit", "expected"), EDITS.values(), ids=EDITS)
def test_other_edits_are_found(tmp_path: Path, edit: str, expected: tuple[int, int, Reason] | None) -> None:
    board, desk = filled(tmp_path)
    desk.edit(lambda file: file.execute(edit))
    assert (expected or (13, 13, Reason.MISSING_ENTRIES)) in differences(desk, board)


def test_an_altered_record_is_left_out_of_the_passport_at_the_next_start(tmp_path: Path) -> None:
    board, desk = filled(tmp_path)
    desk.edit(lambda file: file.execute("UPDATE records SET entry = ? WHERE seq = 12", (board.entries[11],)))
    desk.reopen()
    document = desk.document()
    assert isinstance(document["values"], dict)
    assert document["values"]["soh_capacity_cpct"]["value"] is None
    assert isinstance(document["completeness"], dict)
    assert document["completeness"]["records_present"] == 12


def test_a_damaged_store_does_not_blame_the_sender(tmp_path: Path) -> None:
    board, desk = filled(tmp_path)
    desk.edit(lambda file: file.execute("UPDATE records SET entry = x'00' WHERE seq = 5"))
    with pytest.raises(UnavailableError, match="record 5 is not what was stored"):
        desk.service.receive(TOPIC, board.delivery(4).to_bytes())


FORGED_GENESES = {
    "no CBOR": b"\xff",
    "nothing": b"",
    "another kind of record": running_board().entries[1],
    "of a stranger": Board(name="a stranger's board").genesis,
    "of an enrolled neighbour": Board(name="neighbour").genesis,
}


def two_batteries(folder: Path) -> tuple[Board, Board, Desk]:
    """One desk for pack-1, whose log will be damaged, and pack-2, which has nothing to do with it."""
    board, neighbour = running_board(), running_board(name="neighbour")
    first, second = settings_for((board, "B")).batteries[0], settings_for((neighbour, "B")).batteries[0]
    desk = Desk(folder, PassportSettings((first, replace(second, id="pack-2"))))
    for one in (board, neighbour):
        desk.receipt(one.delivery(0, 9).to_bytes())
    return board, neighbour, desk


@pytest.mark.parametrize("genesis", FORGED_GENESES.values(), ids=FORGED_GENESES)
def test_an_altered_genesis_is_shown_and_the_other_batteries_go_on(tmp_path: Path, genesis: bytes) -> None:
    board, neighbour, desk = two_batteries(tmp_path)
    desk.edit(lambda file: file.execute("UPDATE logs SET genesis = ? WHERE log_id = ?", (genesis, board.log_id)))
    desk.reopen()

    assert differences(desk, board) == [(0, 8, Reason.WRONG_LOG)]
    page = PageView(desk.service, Auditor(desk.store, lambda: desk.now_unix_ms), desk.policy)
    assert [listed["badge"].state for listed in page.listed()] == ["altered", "verified"]  # type: ignore[attr-defined]
    values = desk.document()["values"]
    assert isinstance(values, dict)
    assert values["soc"]["value"] is None, "nothing of it is believed"
    with pytest.raises(UnavailableError, match=r"passport\.db: the head of log .* restore"):
        desk.service.receive(TOPIC, board.delivery(9).to_bytes())
    desk.receipt(neighbour.delivery(9).to_bytes())


@pytest.mark.parametrize("edge", [b"", b"\0", bytes(4), bytes(5), bytes(36), b"\0\0\0\x0d" + bytes(32)])
def test_an_altered_head_is_named_and_ends_nothing(tmp_path: Path, edge: bytes) -> None:
    board, neighbour, desk = two_batteries(tmp_path)
    desk.edit(lambda file: file.execute("UPDATE logs SET edge = ? WHERE log_id = ?", (edge, board.log_id)))
    desk.reopen()

    verdict = Auditor(desk.store, lambda: desk.now_unix_ms).verdict(board.log_id, 9)
    assert not verdict.is_verified
    assert verdict.differences or "passport.db: the head of log" in verdict.problem
    with pytest.raises(UnavailableError, match=r"passport\.db: the head of log .* restore"):
        desk.service.receive(TOPIC, board.delivery(9).to_bytes())
    desk.receipt(neighbour.delivery(9).to_bytes())


@pytest.mark.parametrize("edge", [b"", b"\0", bytes(4), bytes(5), bytes(36), b"\0\0\0\4" + bytes(32)])
def test_an_altered_edge_blames_no_sender(tmp_path: Path, edge: bytes) -> None:
    board, desk = filled(tmp_path)
    desk.edit(lambda file: file.execute("UPDATE checkpoints SET edge = ? WHERE size = 4", (edge,)))
    assert differences(desk, board)[0] == (0, 3, Reason.ROOT_MISMATCH)
    with pytest.raises(UnavailableError, match=r"passport\.db: an edge or its checkpoint is not what was stored"):
        desk.service.receive(TOPIC, board.delivery(4, 6).to_bytes())


def test_what_this_version_cannot_read_of_an_old_file_counts_as_not_present(tmp_path: Path) -> None:
    """An earlier version took counters up to 2^64 - 1."""
    board = running_board()
    desk = desk_for(tmp_path, board)
    desk.receipt(board.delivery().to_bytes())
    board.append(EntryType.WINDOW, {1: 1, 2: 1, 9: [0, 0, 0, 1 << 63]})
    edge = Edge().extended(board.leaves)
    row = (board.log_id, 13, board.leaves[13], board.entries[13])

    def add(file: sqlite3.Connection) -> None:
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


@pytest.mark.parametrize("kind", [EntryType.KEY, EntryType.TIME])
def test_what_else_belongs_to_a_bundle_and_was_altered_is_named(tmp_path: Path, kind: EntryType) -> None:
    board, desk = filled(tmp_path)
    altered = bytes([0x85, kind, 0xFF])
    desk.edit(lambda file: file.execute("UPDATE records SET entry = ? WHERE seq = 2", (altered,)))
    with pytest.raises(UnavailableError, match=r"passport\.db: what is stored of log .* restore the file"):
        desk.bundle(board, 6)


def test_an_altered_act_is_named(tmp_path: Path) -> None:
    board, desk = filled(tmp_path)
    desk.edit(lambda file: file.execute("UPDATE acts SET content = x'00'"))
    with pytest.raises(UnavailableError, match=r"passport\.db: what is stored of log .* restore the file"):
        desk.bundle(board, 6)


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


@given(windows=st.integers(0, 30), points=st.integers(1, 8))
@settings(deadline=None, max_examples=20)
def test_a_plot_has_no_more_points_than_asked_for(windows: int, points: int, tmp_path_factory: object) -> None:
    assert isinstance(tmp_path_factory, pytest.TempPathFactory)
    board = running_board(windows)
    desk = desk_for(tmp_path_factory.mktemp("plot"), board)
    desk.receipt(board.delivery().to_bytes())
    found = [record.seq for record in desk.store.plotted_records(board.log_id, points)]
    assert 1 <= len(found) <= points
    assert found[-1] == board.size - 1, "the newest is always in"
    assert [record.seq for record in desk.store.plotted_statements(board.log_id, points)] == [board.size - 1]
    desk.store.close()


def test_differences_read_well() -> None:
    assert Difference(5, 5, Reason.ROOT_MISMATCH, "").words == "record 5"
    assert Difference(5, 7, Reason.ROOT_MISMATCH, "").words == "records 5 to 7"


def test_a_second_service_on_the_same_file_cannot_fork_it(tmp_path: Path) -> None:
    board, desk = filled(tmp_path)
    board.windows(1)
    delivery = board.delivery(13)
    log = desk.store.trusted_log(board.log_id)
    assert log is not None
    verified = log.verified(delivery, desk.store.known(board.log_id))
    desk.receipt(delivery.to_bytes())
    with pytest.raises(UnavailableError, match="another program"):
        desk.store.store(verified, Arrived("pack-1", "B", delivery.checkpoint, None, 0), NOTHING_SIGNED)


def test_the_store_is_on_the_disk_at_each_commit(tmp_path: Path) -> None:
    _, desk = filled(tmp_path)
    assert desk.store._database.rows("PRAGMA synchronous") == [(2,)]
    with closing(sqlite3.connect(desk.path)) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
