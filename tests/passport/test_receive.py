"""What the service takes, what it refuses and with which reason; after a refusal nothing has changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from packseal.errors import Reason
from packseal.io.fleet_table import FleetQuery
from packseal.records.bodies import EntryType, Origin, Rotation
from packseal.records.cbor import Value, encode
from packseal.records.checkpoint import Receipt
from packseal.records.columns import encode_column
from packseal.records.cose import VerifyingKey
from packseal.records.disclosure import Wanted, disclose
from packseal.records.writing import encode_rotation
from tests.passport.board import Board, key_of, running_board
from tests.passport.desk import Desk, desk_for

WIDEST = (1 << 32) - 1  # of which a column can hold the distance between two: 35 bits
FIRST = 8  # records the desk already has when a bad delivery comes

# Entries of the service's log: the BIND that its settings make is 0, the NOTED of a log's genesis 1, its receipt 2.


def truncated(board: Board) -> bytes:
    return board.delivery(FIRST).to_bytes()[:-1]


def altered_record(board: Board) -> bytes:
    board_entries = list(board.delivery(FIRST).entries)
    board_entries[1] = board_entries[1][:-1] + bytes([board_entries[1][-1] ^ 1])
    return replace(board.delivery(FIRST), entries=tuple(board_entries)).to_bytes()


def altered_signature(board: Board) -> bytes:
    delivery = board.delivery(FIRST)
    checkpoint = delivery.checkpoint[:-1] + bytes([delivery.checkpoint[-1] ^ 1])
    return replace(delivery, checkpoint=checkpoint).to_bytes()


def unknown_version(board: Board) -> bytes:
    return encode([2, board.genesis, board.seed, FIRST, [board.entries[FIRST]], board.checkpoint(FIRST + 1), None])


def unknown_key(_board: Board) -> bytes:
    return running_board(name="a stranger's board").delivery().to_bytes()


def gateway_as_board(board: Board) -> bytes:
    return running_board(name=board.name, origin=Origin.GATEWAY).delivery().to_bytes()


def wrong_seed(board: Board) -> bytes:
    return replace(board.delivery(FIRST), seed=bytes(16)).to_bytes()


def blinded_record(board: Board) -> bytes:
    """What only a disclosure may show is not what a delivery carries."""
    delivery = board.delivery(FIRST)
    blinded, _ = disclose(delivery.entries[0], board.record_seed(FIRST), Wanted())
    return replace(delivery, entries=(blinded, *delivery.entries[1:])).to_bytes()


def rotation_inside(board: Board) -> bytes:
    """A change of key ends its checkpoint; here a record stands behind it, signed by the old key."""
    old = board.signing_key
    board.rotate("new key")
    board.signing_key = old
    board.windows(1)
    return board.delivery(FIRST).to_bytes()


def rotation_without_the_new_key(board: Board) -> bytes:
    new = key_of("new key")
    rotation = Rotation(VerifyingKey(bytes(new.verify_key)), bytes(64))
    board.entries.append(encode_rotation(board.size, board.boot_count, board.uptime_ms, rotation))
    return board.delivery(FIRST).to_bytes()


def behind_the_end(board: Board) -> bytes:
    board.seal()
    board.windows(1)
    return board.delivery(FIRST).to_bytes()


def wrong_log(board: Board) -> bytes:
    other = running_board(name=board.name, label=b"another log here")
    return replace(board.delivery(FIRST), checkpoint=other.checkpoint()).to_bytes()


def wrong_seq(board: Board) -> bytes:
    board.entries[FIRST], board.entries[FIRST + 1] = board.entries[FIRST + 1], board.entries[FIRST]
    return board.delivery(FIRST).to_bytes()


def time_runs_back(board: Board) -> bytes:
    board.uptime_ms -= 50_000
    board.windows(1)
    return board.delivery(FIRST).to_bytes()


def uptime_beyond_the_limit(board: Board) -> bytes:
    """SQLite ends at 2^63 - 1: what is signed must not be able to end the thread that stores it."""
    board.uptime_ms = 1 << 63
    board.windows(1)
    return board.delivery(FIRST).to_bytes()


def checkpoint_beyond_the_limit(board: Board) -> bytes:
    return replace(board.delivery(FIRST), checkpoint=board.checkpoint(uptime_ms=1 << 63)).to_bytes()


def counter_beyond_the_limit(board: Board) -> bytes:
    board.append(EntryType.WINDOW, {1: 1, 2: 1, 9: [0, 0, 0, 1 << 63]})
    return board.delivery(FIRST).to_bytes()


def wrong_size(board: Board) -> bytes:
    delivery = board.delivery(FIRST)
    return replace(delivery, entries=delivery.entries[:-1]).to_bytes()


def missing_entries(board: Board) -> bytes:
    return board.delivery(FIRST + 2).to_bytes()


def fork_of_a_clone(board: Board) -> bytes:
    clone = Board(name=board.name)
    clone.boot()
    clone.uptime_ms += 1
    clone.windows(FIRST)
    return clone.delivery().to_bytes()


def fork_at_a_known_size(board: Board) -> bytes:
    return replace(board.delivery(4, FIRST), checkpoint=board.checkpoint(FIRST, root=bytes(32))).to_bytes()


def lying_root(board: Board) -> bytes:
    return replace(board.delivery(FIRST), checkpoint=board.checkpoint(root=bytes(32))).to_bytes()


CASES: list[tuple[Callable[[Board], bytes], Reason]] = [
    (truncated, Reason.MALFORMED),
    (altered_record, Reason.ROOT_MISMATCH),
    (altered_signature, Reason.BAD_SIGNATURE),
    (unknown_version, Reason.UNKNOWN_VERSION),
    (unknown_key, Reason.UNKNOWN_LOG),
    (gateway_as_board, Reason.UNKNOWN_LOG),
    (wrong_seed, Reason.BAD_SEED),
    (blinded_record, Reason.MALFORMED),
    (rotation_inside, Reason.BAD_ROTATION),
    (rotation_without_the_new_key, Reason.BAD_ROTATION),
    (behind_the_end, Reason.SEALED),
    (wrong_log, Reason.WRONG_LOG),
    (wrong_seq, Reason.WRONG_SEQ),
    (time_runs_back, Reason.TIME_RUNS_BACK),
    (uptime_beyond_the_limit, Reason.MALFORMED),
    (checkpoint_beyond_the_limit, Reason.MALFORMED),
    (counter_beyond_the_limit, Reason.MALFORMED),
    (wrong_size, Reason.WRONG_SIZE),
    (missing_entries, Reason.MISSING_ENTRIES),
    (fork_of_a_clone, Reason.FORK),
    (fork_at_a_known_size, Reason.FORK),
    (lying_root, Reason.ROOT_MISMATCH),
]


@pytest.mark.parametrize(("bad", "reason"), CASES, ids=[bad.__name__ for bad, _ in CASES])
def test_a_refusal_has_its_reason_and_changes_nothing(
    tmp_path: Path, bad: Callable[[Board], bytes], reason: Reason
) -> None:
    board = running_board()
    desk = desk_for(tmp_path, board)
    desk.receipt(board.delivery(0, FIRST).to_bytes())
    good = board.delivery(FIRST).to_bytes()
    contents, document = desk.contents(), desk.document()

    answer = desk.refusal(bad(board))

    assert answer.reason == reason
    assert desk.contents() == contents
    assert desk.document() == document
    assert [refusal.reason for refusal in desk.service.refusals("pack-1")] == [reason]
    assert desk.receipt(good).service_index == 3, "the service goes on, and no receipt was spent"


def test_a_refusal_says_how_far_the_log_is_known(tmp_path: Path) -> None:
    board = running_board()
    desk = desk_for(tmp_path, board)
    desk.receipt(board.delivery(0, FIRST).to_bytes())
    answer = desk.refusal(missing_entries(board))
    assert (answer.log_id, answer.size_known) == (board.log_id, FIRST)


def test_the_key_decides_the_battery_and_not_the_topic(tmp_path: Path) -> None:
    board = running_board()
    desk = desk_for(tmp_path, board)
    desk.give(board.delivery().to_bytes(), topic="packseal/site/another-pack/rec")
    assert desk.document()["logs"]


def test_duplicates_get_the_same_receipt(tmp_path: Path) -> None:
    board = running_board()
    desk = desk_for(tmp_path, board)
    first = board.delivery(0, FIRST).to_bytes()
    answers = [desk.give(first)]
    desk.receipt(board.delivery(FIRST).to_bytes())
    contents = desk.contents()
    desk.now_unix_ms += 60_000
    answers += [desk.give(first), desk.give(first)]
    assert answers == [answers[0]] * 3
    assert desk.contents() == contents


@pytest.mark.parametrize("size", [1, FIRST - 1, FIRST + 1])
def test_a_delivery_that_ends_inside_what_is_stored_gets_a_receipt_for_its_own_size(tmp_path: Path, size: int) -> None:
    """Its sender can check no other (docs/record.md section 11.1)."""
    board = running_board()
    desk = desk_for(tmp_path, board)
    for first, end in ((0, FIRST), (FIRST, board.size)):
        desk.receipt(board.delivery(first, end).to_bytes())
    document, before = desk.document(), desk.contents()
    inner = board.delivery(0, size).to_bytes()

    desk.now_unix_ms += 60_000
    answer = desk.give(inner)

    receipt = desk.receipt(inner)
    assert receipt == Receipt(board.log_id, size, board.root(size), 4, desk.now_unix_ms, receipt.salt)
    desk.now_unix_ms += 60_000
    contents = desk.contents()
    assert contents[:3] == before[:3], "the log stays as it was"
    assert [desk.give(inner), desk.give(board.delivery(max(0, size - 1), size).to_bytes())] == [answer, answer]
    assert desk.contents() == contents
    desk.reopen()
    assert desk.give(inner) == answer
    assert not desk.store.audit(board.log_id).differences
    desk.now_unix_ms -= 120_000
    assert desk.document() == document


def test_every_receipt_has_its_own_index(tmp_path: Path) -> None:
    board = running_board()
    desk = desk_for(tmp_path, board)
    sizes = [9, 4, 10, 2, 13, 12]
    receipts = [desk.receipt(board.delivery(0, size).to_bytes()) for size in sizes]
    assert [(receipt.size, receipt.service_index) for receipt in receipts] == list(zip(sizes, range(2, 8), strict=True))


def test_a_second_root_inside_what_is_stored_gets_no_receipt(tmp_path: Path) -> None:
    board = running_board()
    desk = desk_for(tmp_path, board)
    desk.receipt(board.delivery().to_bytes())
    contents = desk.contents()
    lie = replace(board.delivery(0, 5), checkpoint=board.checkpoint(5, root=bytes(32)))
    assert desk.refusal(lie.to_bytes()).reason == Reason.FORK
    assert desk.contents() == contents


def test_a_receipt_covers_what_was_stored(tmp_path: Path) -> None:
    board = running_board()
    desk = desk_for(tmp_path, board)
    receipt = desk.receipt(board.delivery().to_bytes())
    assert (receipt.log_id, receipt.size, receipt.received_unix_ms) == (board.log_id, board.size, desk.now_unix_ms)


def test_a_key_may_open_another_log_for_the_same_battery(tmp_path: Path) -> None:
    old, new = running_board(), running_board(label=b"after a reset !!")
    desk = desk_for(tmp_path, old)
    assert [desk.receipt(board.delivery().to_bytes()).service_index for board in (old, new)] == [2, 4]
    logs = desk.document()["logs"]
    assert isinstance(logs, list)
    assert len(logs) == 2


def test_refusals_of_one_kind_are_one_row_with_a_count(tmp_path: Path) -> None:
    desk = desk_for(tmp_path, Board())
    for _ in range(3):
        desk.refusal(b"\xff")
    (row,) = desk.service.refusals("pack-1")
    assert (row.count, row.reason, row.log_id) == (3, Reason.MALFORMED, None)


def test_refusals_are_bounded(tmp_path: Path) -> None:
    desk = desk_for(tmp_path, Board())
    for number in range(1_010):
        desk.now_unix_ms += 1
        desk.store.refusals.add(desk.now_unix_ms, f"topic-{number}", None, "malformed", "", "pack-1")
    rows = desk.store.refusals.of("pack-1", limit=5_000)
    assert len(rows) == 1_000
    assert rows[0].topic == "topic-1009"


def test_the_largest_numbers_are_stored_and_shown(tmp_path: Path) -> None:
    board = running_board()
    desk = desk_for(tmp_path, board)
    most = board.uptime_ms = (1 << 63) - 1
    board.boot_count = (1 << 32) - 1
    widest = encode_column((WIDEST, None, -WIDEST))
    three = encode_column((0, -WIDEST, WIDEST))
    window: dict[int, Value] = {1: most, 2: most, 3: most, 4: three, 5: three, 6: widest, 7: widest, 8: most}
    board.append(EntryType.WINDOW, window | {9: [most] * 4, 10: most, 11: most, 12: most})
    statement: dict[int, Value] = {1: most, 2: [0, 1], 3: most, 4: [most, most], 5: [most, most], 6: [most, most]}
    board.append(EntryType.SOH, statement | {7: -most - 1, 8: [most, most], 9: most})
    board.append(EntryType.GAP, {1: most, 2: most, 3: [0, most]})
    board.append(EntryType.EVENT, {1: most, 2: most, 3: -most - 1, 4: most})
    board.append(EntryType.TIME, {1: bytes(32), 2: most})
    board.append(EntryType.CONFIG, {4: [most] * 6})
    board.append(31, {most: [most, -most - 1]})
    desk.receipt(board.delivery().to_bytes())
    document = json.loads(json.dumps(desk.document()))
    desk.reopen()
    assert json.loads(json.dumps(desk.document())) == document


def test_sums_of_the_largest_numbers_stop_neither_a_delivery_nor_a_list(tmp_path: Path) -> None:
    """They have more bits than the words of a database and of CBOR."""
    board = running_board()
    desk = desk_for(tmp_path, board)
    most = (1 << 63) - 1
    for _ in range(5):
        board.append(EntryType.WINDOW, {1: most, 2: most, 3: most})
        board.append(EntryType.GAP, {1: 1, 2: most, 3: [0, most]})
    desk.receipt(board.delivery().to_bytes())
    document = desk.document()
    desk.reopen()
    assert desk.document() == document
    (row,) = desk.store.fleet.rows(FleetQuery())
    assert row.records_lost > 0
    assert desk.store.fleet.counts(FleetQuery()).batteries == 1


def test_a_restart_gives_the_same_document(tmp_path: Path) -> None:
    board = running_board()
    board.gap()
    desk = Desk(tmp_path, desk_for(tmp_path, board).settings)
    for first, size in ((0, 3), (3, 9), (9, board.size)):
        desk.receipt(board.delivery(first, size).to_bytes())
        desk.now_unix_ms += 1_000
    document = desk.document()
    desk.reopen()
    assert desk.document() == document
