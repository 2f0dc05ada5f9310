"""A board whose log was full: windows that are there by their leaf alone, from the delivery to the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from packseal.errors import EvidenceError, Reason, UnavailableError
from packseal.records.answer import RefusalAnswer
from packseal.records.bare import encode_bare
from packseal.records.bodies import EntryType
from packseal.records.log import NOTHING_KNOWN, Delivery, TrustedLog
from packseal.records.merkle import Edge
from tests.passport.board import Board, running_board
from tests.passport.desk import Desk, desk_for
from tests.records.corpus import checked_archive

BARE = range(13, 18)


def full_board() -> Board:
    """Records 13 to 17 are windows that found no room; nine more found not even room for their leaves."""
    board = running_board()
    board.windows(len(BARE))
    board.append(EntryType.EVENT, {1: 2, 2: 1, 3: 4_300, 4: 0})
    span_ms = [130_000, 270_000]
    board.append(EntryType.GAP, {1: 1, 2: len(BARE) + 9, 3: [*span_ms], 4: [BARE[0], BARE[-1], len(BARE)]})
    board.windows(2)
    return board


def bared(board: Board, first: int = 0) -> Delivery:
    leaves = board.leaves
    entries = [encode_bare(seq, leaves[seq]) if seq in BARE else entry for seq, entry in enumerate(board.entries)]
    return replace(board.delivery(first), entries=tuple(entries[first:]))


def taken(folder: Path) -> tuple[Board, Desk]:
    board = full_board()
    desk = desk_for(folder, board)
    desk.receipt(board.delivery(0, 10).to_bytes())
    assert desk.receipt(bared(board, 10).to_bytes()).size == board.size
    return board, desk


def test_what_is_lost_counts_against_completeness_once(tmp_path: Path) -> None:
    board, desk = taken(tmp_path)
    completeness: Any = desk.document()["completeness"]
    assert completeness["records_counted"] == board.size + 9
    assert completeness["records_present"] == board.size - len(BARE)
    assert completeness["windows_lost"] == [{"cause": "the log was full", "windows": len(BARE) + 9}]
    desk.reopen()
    assert desk.document()["completeness"] == completeness


def test_every_other_record_can_be_proven_and_the_lost_ones_say_why_not(tmp_path: Path) -> None:
    board, desk = taken(tmp_path)
    assert desk.proven(board) == set(range(board.size)) - set(BARE)
    with pytest.raises(UnavailableError, match="record 13 has no content"):
        desk.bundle(board, 13)


def test_an_archive_holds_the_leaves(tmp_path: Path) -> None:
    board, desk = taken(tmp_path)
    check, _ = checked_archive(desk.archive(board), desk.policy())
    assert (check.records, check.windows_lost) == (board.size, len(BARE) + 9)
    assert sum(check.counts.values()) == board.size - len(BARE)


def test_audit_and_page_find_nothing_altered(tmp_path: Path) -> None:
    board, desk = taken(tmp_path)
    assert not desk.store.audit(board.log_id).differences
    shown: Any = desk.page()
    says = {record["seq"]: (record["says"], record["reason"]) for record in shown["records"]}
    assert says[15] == ("its content could not be kept: the board's log was full, and only its hash is there", "")


def test_a_gateway_may_begin_among_the_leaves() -> None:
    """At a board's edge, when another gateway's receipts have freed the first of them."""
    board = full_board()
    edge = Edge().extended(board.leaves[:15])
    begun = TrustedLog(board.genesis, board.seed, edge)
    assert begun.verified(bared(board, 15), NOTHING_KNOWN).log.size == board.size
    behind = TrustedLog(board.genesis, board.seed, edge, boot=1)
    with pytest.raises(EvidenceError, match="missing-entries"):
        behind.verified(bared(board, 15), NOTHING_KNOWN)


def test_an_altered_leaf_is_found(tmp_path: Path) -> None:
    board, desk = taken(tmp_path)
    forged = encode_bare(14, bytes(32))
    desk.edit(lambda file: file.execute("UPDATE records SET entry = ? WHERE seq = 14", (forged,)))
    (found,) = desk.store.audit(board.log_id).differences
    assert (found.first_seq, found.last_seq, found.reason) == (14, 14, Reason.ROOT_MISMATCH)


def test_content_that_a_gateway_withholds_is_refused(tmp_path: Path) -> None:
    """The GAP is the board's: nobody else can say that a board had no room."""
    board = running_board()
    desk = desk_for(tmp_path, board)
    entries = [encode_bare(5, board.leaves[5]) if seq == 5 else entry for seq, entry in enumerate(board.entries)]
    answer = desk.give(replace(board.delivery(), entries=tuple(entries)).to_bytes())
    assert isinstance(answer, RefusalAnswer)
    assert answer.reason == Reason.MISSING_ENTRIES
