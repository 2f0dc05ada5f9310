"""What a gateway, a broker or a cloud can do to bytes on the way: cut them, alter them, put them in another order."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from packseal.errors import Reason
from packseal.records.archive import framed, read_items
from packseal.records.cbor import decode, encode
from packseal.records.verify import verify_bundle
from tests.attacks.corpus import good_items
from tests.attacks.decoders import DECODERS, POLICY
from tests.attacks.office import refused
from tests.passport.board import Board, running_board
from tests.passport.desk import Desk, desk_for

ALTERED = {
    Reason.MALFORMED,
    Reason.UNKNOWN_VERSION,
    Reason.UNKNOWN_LOG,
    Reason.BAD_SEED,
    Reason.BAD_SIGNATURE,
    Reason.WRONG_LOG,
    Reason.WRONG_SIZE,
    Reason.WRONG_SEQ,
    Reason.MISSING_ENTRIES,
    Reason.TIME_RUNS_BACK,
    Reason.ROOT_MISMATCH,
}
BITS = (0x01, 0x80, 0xFF)


@pytest.fixture
def board() -> Board:
    return running_board(4)


@pytest.fixture
def desk(tmp_path: Path, board: Board) -> Desk:
    return desk_for(tmp_path, board)


# ---- cut


def test_a_delivery_cut_at_every_byte(desk: Desk, board: Board) -> None:
    payload = board.delivery().to_bytes()
    before = desk.contents()
    for end in range(len(payload)):
        assert desk.refusal(payload[:end]).reason == Reason.MALFORMED
    assert desk.refusal(payload + b"\x00").reason == Reason.MALFORMED
    assert desk.contents() == before
    desk.receipt(payload)


@pytest.mark.parametrize("number", range(len(good_items()["verified bundle"])))
def test_a_bundle_cut_at_every_byte(number: int) -> None:
    content = good_items()["verified bundle"][number]
    for end in range(len(content)):
        refused(Reason.MALFORMED, verify_bundle, content[:end], POLICY)
    refused(Reason.MALFORMED, verify_bundle, content + b"\x00", POLICY)


def test_an_archive_cut_at_every_byte() -> None:
    """Also between two of its parts: an archive that ends before its bundle is malformed."""
    (content,) = good_items()["archive"]
    DECODERS["archive"](content)
    for end in range(len(content)):
        refused(Reason.MALFORMED, DECODERS["archive"], content[:end])


CUT = (
    *("answer", "act", "statement", "checkpoint", "receipt", "attestation", "HELLO", "STATUS", "entry"),
    *("certificate", "accreditation", "scheme", "certificate file", "recognised certificate"),
)


@pytest.mark.parametrize("name", CUT)
def test_every_other_message_cut_at_every_byte(name: str) -> None:
    for content in good_items()[name]:
        for end in range(len(content)):
            refused(Reason.MALFORMED, DECODERS[name], content[:end])


def test_a_log_cut_before_its_checkpoint(desk: Desk, board: Board) -> None:
    """The last records kept back, with any checkpoint there is: no root of the board is below what it covers."""
    delivery = board.delivery()
    for end in range(1, board.size):
        short = replace(delivery, entries=delivery.entries[:end])
        assert desk.refusal(short.to_bytes()).reason == Reason.WRONG_SIZE


# ---- altered


@pytest.mark.parametrize("bits", BITS)
def test_every_byte_of_a_delivery_altered(desk: Desk, board: Board, bits: int) -> None:
    payload = board.delivery().to_bytes()
    before = desk.contents()
    for at in range(len(payload)):
        altered = payload[:at] + bytes([payload[at] ^ bits]) + payload[at + 1 :]
        assert desk.refusal(altered).reason in ALTERED
    assert desk.contents() == before
    desk.receipt(payload)


def lower_current(fields: Any) -> None:
    fields[4][4] = b"\x01\x01\x01"


def wrong_counter(fields: Any) -> None:
    fields[4][9][1] -= 1


def no_cells(fields: Any) -> None:
    del fields[4][6]


def earlier(fields: Any) -> None:
    fields[3] -= 1


def other_type(fields: Any) -> None:
    fields[0] = 30


def added_field(fields: Any) -> None:
    fields[4][13] = 1


@pytest.mark.parametrize("change", [lower_current, wrong_counter, no_cells, earlier, other_type, added_field])
def test_a_window_altered_at_the_gateway(desk: Desk, board: Board, change: Callable[[Any], None]) -> None:
    """Well-formed, with every number in its place: only the root tells."""
    delivery = board.delivery()
    before = desk.contents()
    for seq in range(2, 6):
        fields: Any = decode(delivery.entries[seq])
        change(fields)
        entries = (*delivery.entries[:seq], encode(fields), *delivery.entries[seq + 1 :])
        assert desk.refusal(replace(delivery, entries=entries).to_bytes()).reason in (
            Reason.ROOT_MISMATCH,
            Reason.TIME_RUNS_BACK,
        )
    assert desk.contents() == before


def test_a_seed_altered_at_the_gateway(desk: Desk, board: Board) -> None:
    for seed in (bytes(16), board.seed[:-1], board.seed + b"\x00", b""):
        assert desk.refusal(replace(board.delivery(), seed=seed).to_bytes()).reason == Reason.BAD_SEED


def test_a_checkpoint_of_the_same_board_in_place_of_another(desk: Desk, board: Board) -> None:
    delivery = board.delivery()
    for size in range(1, board.size):
        other = replace(delivery, checkpoint=board.checkpoint(size))
        assert desk.refusal(other.to_bytes()).reason == Reason.WRONG_SIZE
        renumbered = replace(delivery, entries=delivery.entries[board.size - size :], checkpoint=board.checkpoint(size))
        assert desk.refusal(renumbered.to_bytes()).reason in (Reason.WRONG_SEQ, Reason.MALFORMED)


# ---- in another order


def test_two_records_in_another_order(desk: Desk, board: Board) -> None:
    delivery = board.delivery()
    before = desk.contents()
    for first in range(board.size):
        for second in range(first + 1, board.size):
            entries = list(delivery.entries)
            entries[first], entries[second] = entries[second], entries[first]
            assert desk.refusal(replace(delivery, entries=tuple(entries)).to_bytes()).reason == Reason.WRONG_SEQ
    assert desk.contents() == before


def test_two_windows_in_another_order_with_their_numbers_and_times_kept_in_order(desk: Desk, board: Board) -> None:
    delivery = board.delivery()
    for first in range(2, 5):
        one, two = (decode_list(delivery.entries[seq]) for seq in (first, first + 1))
        swapped = encode([*one[:4], two[4]]), encode([*two[:4], one[4]])
        entries = (*delivery.entries[:first], *swapped, *delivery.entries[first + 2 :])
        assert desk.refusal(replace(delivery, entries=entries).to_bytes()).reason == Reason.ROOT_MISMATCH


def test_a_record_twice(desk: Desk, board: Board) -> None:
    delivery = board.delivery()
    for seq in range(board.size):
        entries = (*delivery.entries[: seq + 1], *delivery.entries[seq:])
        assert desk.refusal(replace(delivery, entries=entries).to_bytes()).reason == Reason.WRONG_SIZE
        entries = entries[: board.size]
        if entries != delivery.entries:
            reason = desk.refusal(replace(delivery, entries=entries).to_bytes()).reason
            assert reason == Reason.WRONG_SEQ
    desk.receipt(delivery.to_bytes())


def decode_list(content: bytes) -> Any:
    return decode(content)


def test_parts_of_an_archive_in_another_order() -> None:
    (content,) = good_items()["archive"]
    head, first, second, bundle = read_items(io.BytesIO(content).read)
    for items, reason in (
        ((head, second, first, bundle), Reason.MISSING_ENTRIES),
        ((head, first, first, bundle), Reason.MISSING_ENTRIES),
        ((head, second, bundle), Reason.MISSING_ENTRIES),
        ((head, first, bundle), Reason.ROOT_MISMATCH),
        ((head, bundle), Reason.ROOT_MISMATCH),
        ((head, first, second, second), Reason.MALFORMED),
        ((first, second, bundle), Reason.MALFORMED),
    ):
        refused(reason, DECODERS["archive"], b"".join(map(framed, items)))
