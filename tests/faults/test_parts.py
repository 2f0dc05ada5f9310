"""The laboratory's own parts: that its faults are real, and that its oracle sees what they would do."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from packseal.records.answer import ReceiptAnswer, RefusalAnswer, decode_answer, encode_receipt_answer
from packseal.records.checkpoint import Receipt, sign_receipt
from tests.faults import deliveries, network, power
from tests.faults.network import Cut, Link
from tests.faults.oracle import Heard, StoredLog, check_records
from tests.faults.power import Power
from tests.faults.schedule import Kind, What, phases
from tests.line.rig import tool
from tests.passport.board import Board, running_board, signer
from tests.passport.desk import SERVICE_KEY, SERVICE_PUBLIC_KEY

# ---- the schedule


def test_the_same_seed_gives_the_same_schedule() -> None:
    made = phases("7", 200, 20, tuple(Kind))
    assert made == phases("7", 200, 20, tuple(Kind))
    assert made != phases("8", 200, 20, tuple(Kind))


def test_a_schedule_has_as_many_kills_as_were_asked_for() -> None:
    faults = [fault for phase in phases("7", 2_000, 200, tuple(Kind)) for fault in phase.faults]
    kills = [fault for fault in faults if fault.what in (What.KILL, What.POWER)]
    assert sum(fault.name != "broker" for fault in kills) == 2_000
    assert sum(fault.name == "broker" for fault in kills) == 200
    assert {fault.cut for fault in faults} == {None, *Cut}


# ---- the power

WRITER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA synchronous = FULL")
database.execute("CREATE TABLE numbers (number INTEGER)")
database.execute("PRAGMA synchronous = " + sys.argv[2])
number = 0
while True:
    database.execute("INSERT INTO numbers VALUES (?)", (number,))
    print(number, flush=True)
    number += 1
"""


def committed_and_kept(folder: Path, synchronous: str, writes: int) -> tuple[int, int]:
    """-> how many commits a program was told of before its power was cut, and how many are there"""
    (folder / "files").mkdir()
    cut = Power(power.built(folder), folder / "files", folder / "undo")
    cut.arm(writes)
    assigned = [f"{key}={value}" for key, value in cut.environment.items()]
    database = folder / "files" / "numbers.db"
    command = [tool("env"), *assigned, sys.executable, "-c", WRITER, str(database), synchronous]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout.split()
    cut.cut(random.Random(writes))
    with closing(sqlite3.connect(database)) as opened:
        kept: list[int] = [number for (number,) in opened.execute("SELECT number FROM numbers ORDER BY number")]
    assert kept == list(range(len(kept)))
    return len(told), len(kept)


@pytest.mark.parametrize("writes", [120, 1_001])
def test_a_power_cut_takes_nothing_that_was_synced(tmp_path: Path, writes: int) -> None:
    told, kept = committed_and_kept(tmp_path, "FULL", writes)
    assert 10 < told <= kept <= told + 1


def test_a_power_cut_takes_what_was_not_synced(tmp_path: Path) -> None:
    told, kept = committed_and_kept(tmp_path, "NORMAL", 800)
    assert kept < told, "a store that does not sync each commit is seen to lose some"


# ---- the network

TALK = """
import socket
from tests.faults import network
from tests.faults.network import Cut, Link
network.enter([])
server = socket.create_server(("127.0.1.1", 7000))
client = socket.create_connection(("127.0.1.1", 7000), 5)
served, _ = server.accept()
for end in (client, served):
    end.settimeout(0.5)
def heard(sender, receiver):
    sender.sendall(b"x")
    try:
        return receiver.recv(1) == b"x"
    except TimeoutError:
        return False
link = Link("127.0.1.1", (7000,))
print(heard(client, served), heard(served, client))
network.cut(link, Cut.TO)
print(heard(client, served))
network.heal()
served.settimeout(10)
print(served.recv(1) == b"x")
network.cut(link, Cut.FROM)
print(heard(client, served), heard(served, client))
"""


def test_a_one_way_partition_is_one_way() -> None:
    command, environment = network.inside([sys.executable, "-c", TALK]), {**os.environ, network.INSIDE: "1"}
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment).stdout.split()
    assert said == ["True", "True", "False", "True", "True", "False"]


def test_loss_goes_both_ways() -> None:
    rules = Link("127.0.1.1", (1883, 1884)).rules(Cut.LOSS)
    assert [rule.split("tcp")[0].strip() for rule in rules] == ["ip daddr 127.0.1.1", "ip saddr 127.0.1.1"]


# ---- deliveries that come in any order


def test_schedules_of_deliveries(tmp_path: Path) -> None:
    assert deliveries.run(tmp_path, "a part", 3, print) == 3


# ---- the oracle


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


def test_records_that_were_receipted_and_are_gone_are_lost() -> None:
    board = running_board(5)
    heard = Heard([], [receipt_for(board)])
    assert check_records(stored_as(board, -2), heard, SERVICE_PUBLIC_KEY).lost == 2
    assert check_records({}, heard, SERVICE_PUBLIC_KEY).lost == board.size


def test_a_second_receipt_and_a_second_place_are_doubled() -> None:
    board = running_board(5)
    twice = Heard([], [receipt_for(board, 0), receipt_for(board, 1)])
    assert check_records(stored_as(board), twice, SERVICE_PUBLIC_KEY).doubled == 1
    other = running_board(5, name="other")
    at_one_place = Heard([], [receipt_for(board, 0), receipt_for(other, 0)])
    assert check_records({**stored_as(board), **stored_as(other)}, at_one_place, SERVICE_PUBLIC_KEY).doubled == 1


def test_a_record_that_is_missing_or_was_exchanged_is_noticed() -> None:
    board = running_board(5)
    heard = Heard([board.delivery()], [receipt_for(board)])
    log = stored_as(board)[board.log_id]
    without = replace(log, contents=log.contents[:3] + log.contents[4:])
    with pytest.raises(AssertionError, match="is missing"):
        check_records({board.log_id: without}, heard, SERVICE_PUBLIC_KEY)
    other = running_board(5, boot_count=2)
    with pytest.raises(AssertionError, match="is of others"):
        check_records(stored_as(other), heard, SERVICE_PUBLIC_KEY)


def test_time_without_a_window_is_noticed_where_no_gap_tells_of_it() -> None:
    board = running_board(5)
    board.uptime_ms += 60_000
    board.windows(2)
    with pytest.raises(AssertionError, match="nothing tells of 70000 ms"):
        check_records(stored_as(board), Heard([], [receipt_for(board)]), SERVICE_PUBLIC_KEY)


def test_a_refusal_that_no_fault_explains_is_noticed() -> None:
    board = running_board(5)
    heard = Heard([], [receipt_for(board), RefusalAnswer(board.log_id, 0, "fork", "")])
    with pytest.raises(AssertionError, match="fork"):
        check_records(stored_as(board), heard, SERVICE_PUBLIC_KEY)
