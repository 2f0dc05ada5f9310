"""The oracle: what is lost, doubled or not told of is counted, and fails the run."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from packseal.records.answer import ReceiptAnswer, RefusalAnswer, decode_answer, encode_receipt_answer
from packseal.records.cbor import decode, encode
from packseal.records.checkpoint import Receipt, sign_receipt
from packseal.records.writing import encode_window
from tests.faults import network
from tests.faults.oracle import Found, Heard, StoredLog, check_all_stored, check_records, count
from tests.line.conftest import needs_micropython
from tests.passport.board import WINDOW_MS, Board, a_window, running_board, signer
from tests.passport.desk import SERVICE_KEY, SERVICE_PUBLIC_KEY


def stored_as(board: Board, size: int | None = None) -> dict[bytes, StoredLog]:
    return {board.log_id: StoredLog(board.seed, tuple(board.entries[:size]))}


def receipt_for(board: Board, index: int = 0) -> ReceiptAnswer:
    receipt = Receipt(board.log_id, board.size, board.root(board.size), index, 1_790_000_000_000, bytes(16))
    content = sign_receipt(receipt, signer(SERVICE_KEY), SERVICE_PUBLIC_KEY)
    answer = decode_answer(encode_receipt_answer(board.log_id, content))
    assert isinstance(answer, ReceiptAnswer)
    return answer


def test_what_is_whole_is_found_whole() -> None:
    board = running_board(5)
    board.gap()
    board.windows(2)
    found = check_records(stored_as(board), Heard([board.delivery()], [receipt_for(board)]), SERVICE_PUBLIC_KEY)
    assert (found.records, found.receipts, found.gaps, found.boots) == (board.size, 1, 1, 1)
    assert (found.lost, found.doubled) == (0, 0)


def both(stored: dict[bytes, StoredLog], heard: Heard) -> Found:
    """What is counted, where the check fails because of it."""
    with pytest.raises(AssertionError, match="lost"):
        check_records(stored, heard, SERVICE_PUBLIC_KEY)
    return count(stored, heard, SERVICE_PUBLIC_KEY)


def test_records_that_were_receipted_and_are_gone_are_lost() -> None:
    board = running_board(5)
    heard = Heard([], [receipt_for(board)])
    assert both(stored_as(board, -2), heard).lost == 2
    log = stored_as(board)[board.log_id]
    without = replace(log, contents=log.contents[:3] + log.contents[4:])
    assert both({board.log_id: without}, heard).lost == 1


def test_a_log_that_was_receipted_and_is_gone_is_lost() -> None:
    board, other = running_board(5), running_board(3, name="other")
    answers = [receipt_for(board, 0), receipt_for(other, 1)]
    assert both(stored_as(board), Heard([], list(answers))).lost == other.size
    assert both({}, Heard([], list(answers))).lost == board.size + other.size


def test_a_record_that_was_receipted_and_exchanged_is_lost() -> None:
    board, other = running_board(5), running_board(5, boot_count=2)
    heard = Heard([board.delivery()], [receipt_for(board)])
    exchanged = stored_as(board)[board.log_id].contents[:3] + tuple(other.entries[3:4]) + tuple(board.entries[4:])
    assert both({board.log_id: StoredLog(board.seed, exchanged)}, heard).lost == 1
    with pytest.raises(AssertionError, match="is of others"):  # also where nobody heard what was sent
        check_records({board.log_id: StoredLog(board.seed, exchanged)}, Heard([], heard.answers), SERVICE_PUBLIC_KEY)


def test_a_second_receipt_for_a_size_is_doubled() -> None:
    board = running_board(5)
    assert both(stored_as(board), Heard([], [receipt_for(board, 0), receipt_for(board, 1)])).doubled == 1


def test_a_second_receipt_at_a_place_is_doubled() -> None:
    board, other = running_board(5), running_board(5, name="other")
    at_one_place = Heard([], [receipt_for(board, 0), receipt_for(other, 0)])
    assert both({**stored_as(board), **stored_as(other)}, at_one_place).doubled == 1


@pytest.mark.parametrize("seq", [1, 3, 7], ids=["BOOT", "WINDOW", "SOH"])
def test_a_record_that_is_stored_under_two_numbers_is_doubled(seq: int) -> None:
    board = running_board(5)
    kind, _, boot, uptime_ms, body = decode(board.entries[seq])  # type: ignore[misc, str-unpack]
    board.entries.append(encode([kind, board.size, boot, uptime_ms, body]))
    assert both(stored_as(board), Heard([], [receipt_for(board)])).doubled == 1


def test_time_that_two_windows_cover_is_noticed() -> None:
    board = running_board(5)
    board.uptime_ms += WINDOW_MS - 1
    board.entries.append(encode_window(board.size, board.boot_count, board.uptime_ms, a_window(board.size)))
    with pytest.raises(AssertionError, match="record 8 covers 1 ms that record 6 covers"):
        check_records(stored_as(board), Heard([], [receipt_for(board)]), SERVICE_PUBLIC_KEY)


def test_time_without_a_window_is_noticed_where_no_gap_tells_of_it() -> None:
    board = running_board(5)
    board.uptime_ms += 1
    board.windows(2)
    with pytest.raises(AssertionError, match="nothing tells of 1 ms before record 8"):
        check_records(stored_as(board), Heard([], [receipt_for(board)]), SERVICE_PUBLIC_KEY)


def test_a_gap_tells_of_no_more_than_its_span() -> None:
    board = running_board(5)
    board.gap(10)
    board.uptime_ms += WINDOW_MS
    board.windows(1)
    with pytest.raises(AssertionError, match=f"nothing tells of {WINDOW_MS} ms"):
        check_records(stored_as(board), Heard([], [receipt_for(board)]), SERVICE_PUBLIC_KEY)


def test_a_delivery_that_is_not_stored_is_noticed_where_all_is_at_rest() -> None:
    board = running_board(5)
    heard = Heard([board.delivery()], [])
    check_all_stored(stored_as(board), heard.deliveries)
    for stored in (stored_as(board, -1), {}):
        with pytest.raises(AssertionError, match=f"was sent up to record {board.size - 1}, and"):
            check_all_stored(stored, heard.deliveries)


A_SITE = """
import os, signal, sqlite3, sys
from contextlib import closing
from pathlib import Path
import pytest
from tests.faults import network
from tests.faults.oracle import Found
from tests.faults.schedule import Kind
from tests.faults.site import Site, lived
network.enter([])
site, found = Site(Path(sys.argv[1]), Kind.SQLITE, None, boards=1), Found()
def loses_a_record():
    with closing(sqlite3.connect(site.store)) as store, store:
        store.execute("DELETE FROM records WHERE seq = 1")
def ends_by_itself():
    os.kill(site.gateway.pid, signal.SIGTERM)
    site.until(site.gateway.has_ended, "its end")
    site.kill("firmware", 0)
try:
    lived(site, globals()[sys.argv[2]], found)
except (AssertionError, pytest.fail.Exception) as error:
    print("failed:", str(error).splitlines()[0])
    print(found.records > 0, found.lost, found.doubled)
"""


def of_a_site_that(does: str, folder: Path) -> list[str]:
    """-> why it failed, and what had been counted by then"""
    needs_micropython()
    command = network.inside([sys.executable, "-c", A_SITE, str(folder), does])
    environment = {**os.environ, network.INSIDE: "1"}
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment).stdout.splitlines()


def test_what_a_site_has_lost_is_counted_before_it_fails(tmp_path: Path) -> None:
    why, counted = of_a_site_that("loses_a_record", tmp_path)
    assert why.startswith("failed: Found(")
    assert counted == "True 1 0"


def test_a_site_fails_of_which_a_program_ended_by_itself_and_is_counted(tmp_path: Path) -> None:
    assert of_a_site_that("ends_by_itself", tmp_path) == ["failed: gateway ended by itself", "True 0 0"]


def test_a_refusal_that_no_fault_explains_is_noticed() -> None:
    board = running_board(5)
    heard = Heard([], [receipt_for(board), RefusalAnswer(board.log_id, 0, "fork", "")])
    with pytest.raises(AssertionError, match="fork"):
        check_records(stored_as(board), heard, SERVICE_PUBLIC_KEY)
