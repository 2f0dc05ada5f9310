"""A gateway's word beside a delivery: kept and named where the gateway is known, else left out, counted and shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from packseal.errors import Reason
from packseal.records.acts import Authority, Cause, Role
from packseal.records.attestation import Clock, attestation_digest
from packseal.records.bundle import Bundle
from packseal.records.cose import sign1
from packseal.records.verify import Attested, verify_bundle
from tests.passport.attested import COUNTS, GATEWAY, word_of
from tests.passport.authorities import INTEGRATOR, OPERATOR, SERVICE, open_settings, signatory
from tests.passport.board import Board, running_board
from tests.passport.desk import START_UNIX_MS, Desk
from tests.records.paper import salt

YEAR_MS = 365 * 86_400_000


def desk_with_gateway(folder: Path, board: Board, *, by_act: bool = False) -> Desk:
    settings = open_settings((board, "B"))
    if by_act:
        desk = Desk(folder, settings)
        desk.service.take_act(OPERATOR.enrol_file(Role.GATEWAY, GATEWAY.signer, salt("gateway")))
        return desk
    return Desk(folder, replace(settings, authorities=(*settings.authorities, Authority(GATEWAY.key, Role.GATEWAY))))


@pytest.mark.parametrize("by_act", [False, True], ids=["in the settings", "enrolled by an act"])
def test_a_known_gateway_is_kept_and_named(tmp_path: Path, *, by_act: bool) -> None:
    board = running_board()
    desk = desk_with_gateway(tmp_path, board, by_act=by_act)
    word = word_of(board)
    receipt = desk.receipt(replace(board.delivery(), attestation=word).to_bytes())
    assert receipt.attestation_digest == attestation_digest(word)
    assert desk.service.refusals("pack-1") == []
    desk.reopen()
    content = desk.bundle(board, 12)
    assert Bundle.from_bytes(content).attestation == word
    attested = verify_bundle(content, desk.policy()).attested
    assert isinstance(attested, Attested)
    assert (attested.gateway, attested.statement.counts) == (GATEWAY.key.public_key, COUNTS)
    unknown = replace(desk.policy(), keys=())
    assert verify_bundle(content, unknown).attested is None, "who does not know the gateway takes nothing from it"


def test_what_comes_again_with_another_word_gets_the_receipt_it_had(tmp_path: Path) -> None:
    board = running_board()
    desk = desk_with_gateway(tmp_path, board)
    first = desk.give(replace(board.delivery(), attestation=word_of(board)).to_bytes())
    for word in (None, word_of(board, clock=Clock.NEVER_SET), b"\xff"):
        assert desk.give(replace(board.delivery(), attestation=word).to_bytes()) == first


def other_log(board: Board) -> bytes:
    return word_of(board, log_id=bytes(16))


def other_size(board: Board) -> bytes:
    return word_of(board, board.size - 1)


def other_root(board: Board) -> bytes:
    return word_of(board, root=bytes(32))


def by_a_stranger(board: Board) -> bytes:
    return word_of(board, by=signatory("another gateway"))


def by_an_integrator(board: Board) -> bytes:
    return word_of(board, by=INTEGRATOR)


def by_the_board(board: Board) -> bytes:
    return word_of(board, by=signatory(board.name))


def altered(board: Board) -> bytes:
    content = word_of(board)
    return content[:-1] + bytes([content[-1] ^ 1])


def a_receipt_instead(_board: Board) -> bytes:
    return sign1(b"\x81\x01", "packseal/receipt/1", GATEWAY.signer, GATEWAY.key.kid)


def without_a_name(_board: Board) -> bytes:
    return sign1(b"\x81\x01", "packseal/attestation/1", GATEWAY.signer)


LEFT_OUT: list[tuple[Callable[[Board], bytes], Reason]] = [
    (by_a_stranger, Reason.UNKNOWN_GATEWAY),
    (by_an_integrator, Reason.UNKNOWN_GATEWAY),
    (by_the_board, Reason.UNKNOWN_GATEWAY),
    (without_a_name, Reason.UNKNOWN_GATEWAY),
    (other_log, Reason.RECEIPT_MISMATCH),
    (other_size, Reason.RECEIPT_MISMATCH),
    (other_root, Reason.RECEIPT_MISMATCH),
    (altered, Reason.BAD_SIGNATURE),
    (a_receipt_instead, Reason.BAD_SIGNATURE),
    (lambda _board: b"", Reason.MALFORMED),
    (lambda _board: b"\xff", Reason.MALFORMED),
    (lambda board: board.genesis, Reason.MALFORMED),
]


@pytest.mark.parametrize(("word", "reason"), LEFT_OUT)
def test_a_word_that_does_not_count_is_left_out_counted_and_shown(
    tmp_path: Path, word: Callable[[Board], bytes], reason: Reason
) -> None:
    board = running_board()
    desk = desk_with_gateway(tmp_path, board)
    receipt = desk.receipt(replace(board.delivery(), attestation=word(board)).to_bytes())
    assert receipt.attestation_digest is None
    assert [(refusal.reason, refusal.count) for refusal in desk.service.refusals("pack-1")] == [(reason, 1)]
    assert Bundle.from_bytes(desk.bundle(board, 12)).attestation is None
    board.windows(1)
    desk.receipt(replace(board.delivery(13), attestation=word(board)).to_bytes())
    assert [refusal.count for refusal in desk.service.refusals("pack-1")] == [2]


def test_a_gateway_counts_from_its_enrolment_to_its_revocation(tmp_path: Path) -> None:
    board = running_board()
    desk = Desk(tmp_path, open_settings((board, "B")))
    enrol = OPERATOR.enrol_file(Role.GATEWAY, GATEWAY.signer, salt("gateway"))
    revoke = SERVICE.revoke(GATEWAY.key.public_key, Cause.STOLEN, salt("stolen"))
    found = []
    for size, act in ((5, enrol), (9, revoke), (13, b"")):
        delivery = replace(board.delivery(0, size), attestation=word_of(board, size))
        found.append(desk.receipt(delivery.to_bytes()).attestation_digest is not None)
        if act:
            desk.service.take_act(act)
    assert found == [False, True, False]
    assert verify_bundle(desk.bundle(board, 7), desk.policy()).attested is not None


@pytest.mark.parametrize("years", [-10, 10])
@pytest.mark.parametrize("clock", Clock)
def test_no_clock_of_a_gateway_moves_a_time(tmp_path: Path, years: int, clock: Clock) -> None:
    board = running_board()
    found = []
    for name in ("without", "with"):
        (tmp_path / name).mkdir()
        desk = desk_with_gateway(tmp_path / name, board)
        word = word_of(board, arrived_unix_ms=START_UNIX_MS + years * YEAR_MS, clock=clock, clock_error_ms=None)
        sent = replace(board.delivery(), attestation=word if name == "with" else None)
        receipt = desk.receipt(sent.to_bytes())
        trusted = verify_bundle(desk.bundle(board, 12), desk.policy())
        assert (trusted.attested is not None) == (name == "with")
        times = (receipt.received_unix_ms, trusted.not_before_unix_ms, trusted.not_after_unix_ms)
        found.append((times, desk.document()))
    assert found[0] == found[1]
    assert found[0][0] == (START_UNIX_MS, None, START_UNIX_MS)
