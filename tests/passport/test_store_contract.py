"""What every store does, whichever database holds it: whole deliveries or nothing, and edits behind its back found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from packseal.apps.auditor import Auditor
from packseal.apps.page_view import PageView
from packseal.apps.passport_rebuild import rebuild
from packseal.errors import Reason, UnavailableError
from packseal.io.passport_rows import Batch, Incoming, OvertakenError, PassportUpdate, StateRow
from packseal.io.store_place import PostgresURL, StorePlace
from packseal.passport.fold import Passport
from packseal.passport.settings import PassportSettings
from packseal.passport.summary import summary
from packseal.records.acts import Cause, Revoke
from packseal.records.answer import ReceiptAnswer, RefusalAnswer, decode_answer
from packseal.records.blinding import leaf_of
from packseal.records.bodies import EntryType, Previous
from packseal.records.checkpoint import verify_receipt
from tests.passport.board import TOPIC, Board, running_board, settings_for, signer
from tests.passport.desk import SERVICE_KEY, SERVICE_PUBLIC_KEY, Desk

CUTS = (0, 4, 9, 13)


@dataclass(frozen=True)
class Place:
    folder: Path
    store: StorePlace

    def desk(self, settings: PassportSettings) -> Desk:
        return Desk(self.folder, settings, self.store)


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "SQLite":
        return Place(tmp_path, tmp_path / "passport.db")
    return Place(tmp_path, PostgresURL(request.getfixturevalue("cluster").new_store()))


def desk_on(place: Place, board: Board) -> Desk:
    return place.desk(settings_for((board, "B")))


def filled(place: Place) -> tuple[Board, Desk]:
    """A desk with a log that came in three deliveries: records 0 to 3, 4 to 8 and 9 to 12."""
    board = running_board()
    desk = desk_on(place, board)
    for first, size in pairwise(CUTS):
        desk.receipt(board.delivery(first, size).to_bytes())
    return board, desk


def differences(desk: Desk, board: Board) -> list[tuple[int, int, Reason]]:
    return [(found.first_seq, found.last_seq, found.reason) for found in desk.store.audit(board.log_id).differences]


def test_a_failure_inside_the_transaction_stores_nothing(place: Place) -> None:
    board = running_board()
    desk = desk_on(place, board)
    desk.receipt(board.delivery(0, 4).to_bytes())
    contents, document = desk.contents(), desk.document()

    def broken(_message: bytes) -> bytes:
        raise KeyboardInterrupt

    desk.service._receiver._sign = broken
    with pytest.raises(KeyboardInterrupt):
        desk.service.receive(TOPIC, board.delivery(4).to_bytes())
    assert (desk.contents(), desk.document()) == (contents, document)
    desk.service._receiver._sign = signer(SERVICE_KEY)
    assert desk.receipt(board.delivery(4).to_bytes()).service_index == 3


def test_an_untouched_store_has_no_differences(place: Place) -> None:
    board, desk = filled(place)
    result = desk.store.audit(board.log_id)
    assert (result.differences, result.is_complete, result.size) == ((), True, 13)


def test_an_audit_in_pieces_comes_to_the_end(place: Place) -> None:
    board, desk = filled(place)
    sizes, edge = [], None
    for _ in CUTS[1:]:
        result = desk.store.audit(board.log_id, edge, limit=1)
        edge = result.edge
        sizes.append((edge.size, result.is_complete))
    assert sizes == [(4, False), (9, False), (13, True)]


@pytest.mark.parametrize("seq", [0, 4, 12])
def test_an_altered_record_is_named(place: Place, seq: int) -> None:
    board, desk = filled(place)
    desk.edit(lambda file: file.execute("UPDATE records SET entry = substr(entry, 2) WHERE seq = ?", (seq,)))
    assert differences(desk, board) == [(seq, seq, Reason.ROOT_MISMATCH)]


def test_a_record_altered_with_its_leaf_is_found_between_its_checkpoints(place: Place) -> None:
    board, desk = filled(place)
    forged = board.entries[6][:-1] + b"\x00"
    _, leaf = leaf_of(forged, board.seed)
    desk.edit(lambda file: file.execute("UPDATE records SET entry=?, leaf=? WHERE seq=6", (forged, leaf)))
    assert differences(desk, board) == [(4, 8, Reason.ROOT_MISMATCH)]


def test_a_whole_log_signed_by_another_key_is_found(place: Place) -> None:
    board, desk = filled(place)
    forger = running_board(name="forger")
    desk.edit(lambda file: file.execute("UPDATE checkpoints SET content = ? WHERE size = 13", (forger.checkpoint(13),)))
    assert differences(desk, board) == [(9, 12, Reason.BAD_SIGNATURE)]


EDITS = {
    "a record gone": ("DELETE FROM records WHERE seq = 5", (5, 5, Reason.MISSING_ENTRIES)),
    "the last record gone": ("DELETE FROM records WHERE seq = 12", (12, 12, Reason.MISSING_ENTRIES)),
    "a checkpoint gone": ("DELETE FROM checkpoints WHERE size = 13", (9, 12, Reason.MISSING_ENTRIES)),
    "a checkpoint's size altered": (
        "UPDATE checkpoints SET size = 4611686018427387904 WHERE size = 13",
        (13, (1 << 62) - 1, Reason.MISSING_ENTRIES),
    ),
    "the head altered": ("UPDATE logs SET size = 9", (9, 12, Reason.MISSING_ENTRIES)),
    "the head's edge altered": ("UPDATE logs SET edge = x'00000000'", (12, 12, Reason.ROOT_MISMATCH)),
    "an edge altered": (
        "UPDATE checkpoints SET edge = x'" + bytes(36).hex() + "' WHERE size = 4",  # noqa: S608
        (0, 3, Reason.ROOT_MISMATCH),
    ),
    "a record added": ("INSERT INTO records SELECT log_id, 13, leaf, entry, 0 FROM records WHERE seq = 12", None),
}


@pytest.mark.parametrize(("edit", "expected"), EDITS.values(), ids=EDITS)
def test_other_edits_are_found(place: Place, edit: str, expected: tuple[int, int, Reason] | None) -> None:
    board, desk = filled(place)
    desk.edit(lambda file: file.execute(edit))
    assert (expected or (13, 13, Reason.MISSING_ENTRIES)) in differences(desk, board)


def test_a_damaged_store_does_not_blame_the_sender(place: Place) -> None:
    board, desk = filled(place)
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


def two_batteries(place: Place) -> tuple[Board, Board, Desk]:
    """One desk for pack-1, whose log will be damaged, and pack-2, which has nothing to do with it."""
    board, neighbour = running_board(), running_board(name="neighbour")
    first, second = settings_for((board, "B")).batteries[0], settings_for((neighbour, "B")).batteries[0]
    desk = place.desk(PassportSettings((first, replace(second, id="pack-2"))))
    for one in (board, neighbour):
        desk.receipt(one.delivery(0, 9).to_bytes())
    return board, neighbour, desk


@pytest.mark.parametrize("genesis", FORGED_GENESES.values(), ids=FORGED_GENESES)
def test_an_altered_genesis_is_shown_and_the_other_batteries_go_on(place: Place, genesis: bytes) -> None:
    board, neighbour, desk = two_batteries(place)
    desk.edit(lambda file: file.execute("UPDATE logs SET genesis = ? WHERE log_id = ?", (genesis, board.log_id)))
    desk.reopen()

    assert differences(desk, board) == [(0, 8, Reason.WRONG_LOG)]
    page = PageView(desk.service, Auditor(desk.store, lambda: desk.now_unix_ms), desk.policy)
    found: list[Any] = [page.data(battery)["verification"] for battery in ("pack-1", "pack-2")]
    assert [one["state"] for one in found] == ["altered", "verified"]
    values = desk.document()["values"]
    assert isinstance(values, dict)
    assert values["soc"]["value"] is None, "nothing of it is believed"
    with pytest.raises(UnavailableError, match=r": the head of log .* restore"):
        desk.service.receive(TOPIC, board.delivery(9).to_bytes())
    desk.receipt(neighbour.delivery(9).to_bytes())


@pytest.mark.parametrize("edge", [b"", b"\0", bytes(4), bytes(5), bytes(36), b"\0\0\0\x0d" + bytes(32)])
def test_an_altered_head_is_named_and_ends_nothing(place: Place, edge: bytes) -> None:
    board, neighbour, desk = two_batteries(place)
    desk.edit(lambda file: file.execute("UPDATE logs SET edge = ? WHERE log_id = ?", (edge, board.log_id)))
    desk.reopen()

    verdict = Auditor(desk.store, lambda: desk.now_unix_ms).verdict(board.log_id, 9)
    assert not verdict.is_verified
    assert verdict.differences or ": the head of log" in verdict.problem
    with pytest.raises(UnavailableError, match=r": the head of log .* restore"):
        desk.service.receive(TOPIC, board.delivery(9).to_bytes())
    desk.receipt(neighbour.delivery(9).to_bytes())


@pytest.mark.parametrize("edge", [b"", b"\0", bytes(4), bytes(5), bytes(36), b"\0\0\0\4" + bytes(32)])
def test_an_altered_edge_blames_no_sender(place: Place, edge: bytes) -> None:
    board, desk = filled(place)
    desk.edit(lambda file: file.execute("UPDATE checkpoints SET edge = ? WHERE size = 4", (edge,)))
    assert differences(desk, board)[0] == (0, 3, Reason.ROOT_MISMATCH)
    with pytest.raises(UnavailableError, match=r": an edge or its checkpoint is not what was stored"):
        desk.service.receive(TOPIC, board.delivery(4, 6).to_bytes())


@pytest.mark.parametrize("kind", [EntryType.KEY, EntryType.TIME])
def test_what_else_belongs_to_a_bundle_and_was_altered_is_named(place: Place, kind: EntryType) -> None:
    board, desk = filled(place)
    altered = bytes([0x85, kind, 0xFF])
    desk.edit(lambda file: file.execute("UPDATE records SET entry = ? WHERE seq = 2", (altered,)))
    with pytest.raises(UnavailableError, match=r": what is stored of log .* restore the file"):
        desk.bundle(board, 6)


def test_an_altered_act_is_named(place: Place) -> None:
    board, desk = filled(place)
    desk.edit(lambda file: file.execute("UPDATE acts SET content = x'00'"))
    with pytest.raises(UnavailableError, match=r": what is stored of log .* restore the file"):
        desk.bundle(board, 6)


@pytest.mark.parametrize(("windows", "points"), [(0, 1), (1, 8), (13, 3), (30, 8), (30, 1)])
def test_a_plot_has_no_more_points_than_asked_for(place: Place, windows: int, points: int) -> None:
    board = running_board(windows)
    desk = desk_on(place, board)
    desk.receipt(board.delivery().to_bytes())
    found = [record.seq for record in desk.store.plotted_records(board.log_id, points)]
    assert 1 <= len(found) <= points
    assert found[-1] == board.size - 1, "the newest is always in"
    assert [record.seq for record in desk.store.plotted_statements(board.log_id, points)] == [board.size - 1]


def test_a_second_service_on_the_same_file_cannot_fork_it(place: Place) -> None:
    board, desk = filled(place)
    board.windows(1)
    delivery = board.delivery(13)
    log = desk.store.trusted_log(board.log_id)
    assert log is not None
    verified = log.verified(delivery, desk.store.known(board.log_id))
    incoming = Incoming(verified, "pack-1", "B", delivery.checkpoint, None, lambda _index, _unix_ms: b"")
    desk.receipt(delivery.to_bytes())
    with pytest.raises(UnavailableError, match="another program"):
        desk.store.store_many(Batch([incoming], lambda _size, _root: b"", 0, desk.store.log.size()))


# ---- several deliveries in one transaction, several workers on one store


def boards_with_batteries(count: int) -> tuple[list[Board], PassportSettings]:
    boards = [running_board(name=f"board {number}") for number in range(count)]
    batteries = [settings_for((board, "B")).batteries[0] for board in boards]
    return boards, PassportSettings(tuple(replace(one, id=f"pack-{n}") for n, one in enumerate(batteries, 1)))


def receipts_of(answers: list[bytes | UnavailableError]) -> list[int]:
    """The sizes of the receipts, in the order of their deliveries."""
    sizes = []
    for answer in answers:
        assert isinstance(answer, bytes)
        decoded = decode_answer(answer)
        assert isinstance(decoded, ReceiptAnswer), decoded
        sizes.append(verify_receipt(decoded.receipt, SERVICE_PUBLIC_KEY).size)
    return sizes


def test_deliveries_of_many_logs_are_stored_with_one_note(place: Place) -> None:
    boards, settings = boards_with_batteries(3)
    desk = place.desk(settings)
    before = desk.store.log.size()
    came = [(TOPIC, board.delivery(0, 9).to_bytes()) for board in boards]
    assert receipts_of(desk.service.receive_many(came)) == [9, 9, 9]
    ((receipted,),) = desk.store._database.rows("SELECT count(*) FROM checkpoints")
    assert (receipted, desk.store.log.size() - before) == (3, 6), "of each log what opened it is noted"
    assert [head.size for head in desk.store.heads()] == [9, 9, 9]


def test_deliveries_that_rest_on_each_other_come_one_after_the_other(place: Place) -> None:
    board = running_board()
    board.seal()
    after = Board(label=b"its second log !", previous=Previous(board.log_id, board.size, board.root(board.size)))
    after.windows(3)
    desk = desk_on(place, board)
    came = [board.delivery(0, 4), board.delivery(4, 9), board.delivery(4, 9), board.delivery(9), after.delivery()]
    answers = desk.service.receive_many([(TOPIC, delivery.to_bytes()) for delivery in came])
    assert receipts_of(answers) == [4, 9, 9, 14, 4]
    assert answers[1] == answers[2]
    assert not [found for log in (board, after) for found in differences(desk, log)]


def test_one_bad_delivery_leaves_the_others_their_receipts(place: Place) -> None:
    boards, settings = boards_with_batteries(2)
    desk = place.desk(settings)
    stranger = running_board(name="stranger")
    came = [boards[0].delivery().to_bytes(), stranger.delivery().to_bytes(), b"?", boards[1].delivery().to_bytes()]
    answers = desk.service.receive_many([(TOPIC, payload) for payload in came])
    assert receipts_of([answers[0], answers[3]]) == [13, 13]
    refused = [decode_answer(answer) for answer in answers[1:3] if isinstance(answer, bytes)]
    reasons = [answer.reason for answer in refused if isinstance(answer, RefusalAnswer)]
    assert reasons == [Reason.UNKNOWN_LOG, Reason.MALFORMED]


def test_two_workers_on_one_store_hear_of_each_other(place: Place) -> None:
    """Each has at hand what the other has changed: a log, a passport, a key that counts no more."""
    boards, settings = boards_with_batteries(2)
    first, second = place.desk(settings), place.desk(settings)
    board, other = boards
    first.receipt(board.delivery(0, 4).to_bytes())
    second.receipt(board.delivery(4, 9).to_bytes())
    first.receipt(board.delivery(9).to_bytes())
    assert first.document() == second.document()
    assert rebuild(first.service, "pack-1").is_same

    own = first.service.acts.own_act(Revoke(other.public_key, Cause.STOLEN))
    first.service.take_act(own.content)
    assert second.refusal(other.delivery(0, 4).to_bytes()).reason == Reason.KEY_REVOKED
    assert [head.size for head in first.store.heads()] == [board.size]
    second.store.close()


def test_times_of_receipts_never_fall_whichever_worker_gives_them(place: Place) -> None:
    boards, settings = boards_with_batteries(2)
    first, second = place.desk(settings), place.desk(settings)
    second.now_unix_ms -= 60_000
    at = [desk.receipt(one.delivery().to_bytes()) for desk, one in zip((first, second), boards, strict=True)]
    assert at[0].received_unix_ms == at[1].received_unix_ms == first.now_unix_ms
    assert at[0].service_index < at[1].service_index
    second.store.close()


def test_what_was_overtaken_is_not_stored(place: Place) -> None:
    _, desk = filled(place)
    contents = desk.contents()
    row, line = StateRow(99, b"state", b"tag"), summary(Passport(desk.settings.batteries[0]))
    for before in (0, 12):
        with pytest.raises(OvertakenError, match="another worker has changed a passport"):
            desk.store.states.keep_passport(PassportUpdate("pack-1", before, row, line))
    with pytest.raises(OvertakenError, match="another worker has taken an act"):
        desk.store.store_acts([], desk.service.acts.signed_note, 0)
    assert desk.contents() == contents


# ---- folded states


def test_a_stored_passport_is_what_its_records_fold_to(place: Place) -> None:
    board, desk = filled(place)
    document = desk.document()
    board.gap()
    board.windows(2)
    desk.receipt(board.delivery(13).to_bytes())
    rebuilt = rebuild(desk.service, "pack-1")
    assert (rebuilt.is_same, rebuilt.records, rebuilt.logs) == (True, 16, ())
    desk.reopen()
    assert rebuild(desk.service, "pack-1").is_same
    assert desk.document() != document


def test_a_rebuild_names_the_log_whose_record_was_altered(place: Place) -> None:
    board, desk = filled(place)
    desk.edit(lambda file: file.execute("UPDATE records SET entry = ? WHERE seq = 12", (board.entries[11],)))
    rebuilt = rebuild(desk.service, "pack-1")
    assert (rebuilt.is_same, rebuilt.logs) == (False, (board.log_id,))


@pytest.mark.parametrize(
    "edit",
    [
        "DELETE FROM passports", "UPDATE passports SET state = x'00'", "UPDATE passports SET tag = x'00'",
        "UPDATE passports SET size = 99",
    ],
)  # fmt: skip
def test_a_state_that_was_edited_is_folded_again_and_goes_on(place: Place, edit: str) -> None:
    board, desk = filled(place)
    document = desk.document()
    desk.edit(lambda file: file.execute(edit))
    desk.reopen()
    assert desk.document() == document
    board.windows(1)
    desk.receipt(board.delivery(13).to_bytes())
    assert rebuild(desk.service, "pack-1").is_same


def test_a_start_reads_no_record(place: Place) -> None:
    _, desk = filled(place)
    document = desk.document()
    desk.edit(lambda file: file.execute("DELETE FROM records"))
    desk.reopen()
    assert desk.document() == document
