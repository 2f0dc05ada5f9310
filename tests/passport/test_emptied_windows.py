"""A gateway without room: windows that are there by their hash alone, from the delivery to the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from packseal.apps.plots import plotted
from packseal.errors import EvidenceError, Reason, UnavailableError
from packseal.records.blinding import OpenRecord, emptied
from packseal.records.bundle import Bundle
from packseal.records.emptied import Emptied
from packseal.records.log import Delivery
from packseal.records.verify import verify_bundle
from tests.passport.attested import word_of
from tests.passport.authorities import signatory
from tests.passport.board import Board, running_board
from tests.passport.desk import Desk, desk_for
from tests.passport.test_attestation import desk_with_gateway
from tests.records.corpus import checked_archive

GIVEN_UP = (3, 5, 6, 9)


def given_up(board: Board, *, told: tuple[int, ...] = GIVEN_UP, first: int = 0, **word: Any) -> Delivery:
    """told: what the gateway says of it."""
    entries = [emptied(entry, board.seed) if seq in GIVEN_UP else entry for seq, entry in enumerate(board.entries)]
    attestation = word_of(board, emptied=Emptied.of(told), **word)
    return replace(board.delivery(first), entries=tuple(entries[first:]), attestation=attestation)


def taken(folder: Path) -> tuple[Board, Desk]:
    board = running_board()
    board.windows(2)
    desk = desk_with_gateway(folder, board)
    assert desk.receipt(given_up(board).to_bytes()).size == board.size
    return board, desk


def test_what_was_given_up_counts_against_completeness_with_its_reason(tmp_path: Path) -> None:
    board, desk = taken(tmp_path)
    completeness: Any = desk.document()["completeness"]
    assert (completeness["records_counted"], completeness["records_present"]) == (board.size, board.size - 4)
    cause = "their values were given up by the gateway, for want of room"
    assert completeness["windows_lost"] == [{"cause": cause, "windows": 4}]
    desk.reopen()
    assert desk.document()["completeness"] == completeness


def test_what_is_folded_again_says_the_same(tmp_path: Path) -> None:
    _, desk = taken(tmp_path)
    before = desk.document()["completeness"]
    desk.edit(lambda file: file.execute("DELETE FROM passports"))
    desk.reopen()
    assert desk.document()["completeness"] == before


def test_every_other_record_can_be_proven_and_these_say_why_not(tmp_path: Path) -> None:
    board, desk = taken(tmp_path)
    assert desk.proven(board) == set(range(board.size)) - set(GIVEN_UP)
    with pytest.raises(UnavailableError, match="record 5 has no values: the gateway had no room"):
        desk.bundle(board, 5)


def test_a_bundle_shows_the_gateways_word(tmp_path: Path) -> None:
    board, desk = taken(tmp_path)
    content = desk.bundle(board, 12)
    assert Bundle.from_bytes(content).attestation
    attested = verify_bundle(content, desk.policy()).attested
    assert attested
    assert attested.statement.counts[10] == 4
    assert attested.statement.emptied == Emptied.of(GIVEN_UP)


def test_an_archive_holds_them_and_counts_them(tmp_path: Path) -> None:
    board, desk = taken(tmp_path)
    check, _ = checked_archive(desk.archive(board), desk.policy())
    assert (check.records, check.windows_lost, sum(check.counts.values())) == (board.size, 4, board.size - 4)


def test_audit_page_and_plot_find_nothing_altered(tmp_path: Path) -> None:
    board, desk = taken(tmp_path)
    assert not desk.store.audit(board.log_id).differences
    shown: Any = desk.page()
    says = {record["seq"]: (record["kind"], record["says"], record["reason"]) for record in shown["records"]}
    words = "its values were given up by the gateway, for want of room, and only their hash is there"
    assert says[5] == (says[4][0], words, "")
    segments = plotted(desk.store, board.log_id, "voltage").segments
    assert [len(segment) for segment in segments] == [1, 1, 2, 4], "the line is broken where nothing is known"


def test_the_values_that_somebody_still_has_fit(tmp_path: Path) -> None:
    board, desk = taken(tmp_path)
    receipt = desk.receipt(board.delivery().to_bytes())
    assert receipt.size == board.size


@pytest.mark.parametrize(
    ("delivery", "reason"),
    [
        (lambda board: replace(given_up(board), attestation=None), Reason.MALFORMED),
        (lambda board: given_up(board, by=signatory("another gateway")), Reason.MALFORMED),
        (lambda board: given_up(board, told=(3, 5)), Reason.MISSING_ENTRIES),
        (lambda board: given_up(board, root=bytes(32)), Reason.MISSING_ENTRIES),
        (lambda board: given_up(board, log_id=bytes(16)), Reason.MISSING_ENTRIES),
        (lambda board: replace(given_up(board), attestation=word_of(board)), Reason.MALFORMED),
    ],
    ids=["nobody's word", "a stranger's word", "other windows", "another root", "another log", "no word of it"],
)
def test_whoever_else_takes_values_away_is_refused(tmp_path: Path, delivery: Any, reason: Reason) -> None:
    board = running_board()
    desk = desk_with_gateway(tmp_path, board)
    assert desk.refusal(delivery(board).to_bytes()).reason == reason
    assert desk.receipt(board.delivery().to_bytes()).size == board.size, "nothing was changed"


def test_a_gateway_that_is_not_known_cannot_give_up_anything(tmp_path: Path) -> None:
    board = running_board()
    assert desk_for(tmp_path, board).refusal(given_up(board).to_bytes()).reason == Reason.MALFORMED


def test_nothing_but_windows_can_be_given_up(tmp_path: Path) -> None:
    """A state of health by its root is no open entry, whatever a gateway says."""
    board = running_board()
    desk = desk_with_gateway(tmp_path, board)
    entries = [*board.entries[:-1], OpenRecord.of(board.entries[-1], board.record_seed(board.size - 1)).blinded()]
    delivery = replace(board.delivery(), entries=tuple(entries), attestation=word_of(board, emptied=Emptied.of([12])))
    assert desk.refusal(delivery.to_bytes()).reason == Reason.MALFORMED
    with pytest.raises(EvidenceError, match="no open WINDOW"):
        emptied(board.entries[-1], board.seed)
