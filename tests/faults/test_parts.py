"""The laboratory's own parts: that its faults are real, and that its figures say what they did."""

from __future__ import annotations

import json
import os
import random
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults import deliveries, network, power
from tests.faults.figures import FAILED, Figures
from tests.faults.network import Cut, Link
from tests.faults.oracle import Found
from tests.faults.power import Power
from tests.faults.schedule import LONGEST_CUT_S, Kind, What, phases
from tests.faults.site import check_running
from tests.line.rig import Process, tool

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


def test_some_cuts_of_a_long_run_are_longer_than_a_heartbeat() -> None:
    made = phases("7", 2_000, 200, tuple(Kind))
    long = [
        (phase.kind, fault) for phase in made for fault in phase.faults if fault.cut and fault.for_s > LONGEST_CUT_S
    ]
    assert len(long) == 6
    assert all(75 <= fault.for_s <= 100 and fault.cut is not Cut.LOSS for _, fault in long)
    assert {kind for kind, _ in long} == set(Kind)


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
    found = Found()
    assert deliveries.run(tmp_path, "a part", 3, print, found) == 3
    assert found.records > 0


# ---- programs


def test_a_program_that_ends_by_itself_is_noticed(tmp_path: Path) -> None:
    program = Process([tool("sh"), "-c", "echo a last word; exit 3"], tmp_path / "program.log")
    stays = Process([tool("sleep"), "60"], tmp_path / "stays.log")
    for one in (stays, program):
        one.start()
    try:
        check_running({"stays": stays}, stays.output)
        os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(pytest.fail.Exception, match=r"(?s)program ended by itself.*a last word"):
            check_running({"stays": stays, "program": program}, program.output)
    finally:
        stays.kill()


# ---- the figures


def test_the_last_line_always_says_how_many_phases_failed() -> None:
    figures = Figures("7")
    assert json.loads(figures.line())["phases failed"] == 0
    figures.count(FAILED, 2)
    assert list(json.loads(figures.line()).items())[-1] == ("phases failed", 2)


def test_the_last_line_says_of_which_commit_it_is_and_when() -> None:
    line = json.loads(Figures("7").line())
    assert line["date"] == f"{datetime.now(UTC):%Y-%m-%d}"
    assert re.fullmatch("([0-9a-f]{7,}[+]?)?", line["commit"])
