"""A disk that is full at every write of a run: of a gateway's outbox, and of a service's store and published log.

For every n: the n-th write to a file finds no room, once in one run, and from then on in another. What was taken or
receipted then stands after a new start, and once there is room again all goes on. `main` runs below power.c, whose
count of writes it sets; everything that it writes is written by the real outbox and the real store.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from packseal.errors import PackSealError, UnavailableError
from packseal.records.answer import ReceiptAnswer, decode_answer
from tests.faults.oracle import Found, Heard, check_all_stored, check_records, check_service_log, read_logs, stored_logs
from tests.faults.oracle import count as count_records
from tests.faults.power import Power
from tests.outbox.site import Site, checked, own_log, roomy
from tests.passport.board import TOPIC, Board, running_board, settings_for
from tests.passport.desk import SERVICE_PUBLIC_KEY, Desk

FOR_EVER = 1 << 30
ROUNDS = 3
Fill = Callable[[int, int], None]


def run_below(library: Path, folder: Path, step: int, found: Found) -> dict[str, int]:
    """step: of so many writes one, for a short run. found: what the oracle counts is added, also of what fails.

    -> how many full disks there were, and how many writes failed there
    """
    power = Power(library, folder, folder / "full-disk-undo")
    assigned = [f"{key}={value}" for key, value in power.environment.items() if "UNDO" not in key]
    command = ["env", *assigned, sys.executable, "-m", "tests.faults.full_disk", str(folder), str(step)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    counts, counted = json.loads(done.stdout.splitlines()[-1])
    found.add(Found(**counted))
    assert done.returncode == 0, f"a full disk was one too many, after {counts}"
    return dict(counts)


class Disk:
    """As power.c has it. counts: the runs in which a write failed, and those writes."""

    def __init__(self) -> None:
        self.counts, self.found = Counter[str](), Found()
        self._library = ctypes.CDLL(None)
        self._library.faults_writes.restype = self._library.faults_refused.restype = ctypes.c_long
        self._library.faults_fill.argtypes = [ctypes.c_long, ctypes.c_long]

    def fill(self, first: int, count: int) -> None:
        self._library.faults_fill(first, count)

    def empty(self) -> int:
        """-> how many writes there were"""
        writes: int = self._library.faults_writes()
        refused: int = self._library.faults_refused()
        self.counts.update({"full disks": int(refused > 0), "writes without room": refused})
        self._library.faults_fill(-1, 0)
        return writes


def every_write(disk: Disk, folder: Path, run: Callable[[Path, Disk, int, int], int], step: int) -> None:
    """run: takes a new folder, and which writes find no room."""
    for count in (1, FOR_EVER):
        at, writes = 0, 1
        while at < writes:
            with tempfile.TemporaryDirectory(dir=folder) as place:
                writes = run(Path(place), disk, at, count)
            at += step


def outbox(folder: Path, disk: Disk, first: int, count: int) -> int:
    """What was given stays, whatever the disk said later. -> how many writes there were"""
    site, boards = Site(folder, roomy(free_bytes=0)), [running_board(3), own_log(windows=3)]
    disk.fill(first, count)
    for _ in range(ROUNDS):
        for board in boards:
            board.windows(2)
            if site.give(board):
                _receipt(site, board)
    writes = disk.empty()
    site.reopen()
    assert site.store.repair.aside == ()
    for board in boards:
        found = site.store.log(board.log_id)
        assert (found.log.size if found else 0) == site.log(board).size
        board.windows(1)
        assert site.give(board), "there is room again"
    checked(site, boards)
    site.store.close()
    return writes


def _receipt(site: Site, board: Board) -> None:
    """Of half of what waits; the service sends it again where the outbox could not take it."""
    before = site.receipted.get(board.log_id, 0)
    try:
        site.receipt(board, site.items(board)[0].size)
    except UnavailableError:
        site.receipted[board.log_id] = before
    found = site.store.log(board.log_id)
    site.receipted[board.log_id] = found.receipted_size if found else 0


def service(folder: Path, disk: Disk, first: int, count: int) -> int:
    """Every receipt stands, whatever the disk said later. -> how many writes there were"""
    board, heard = running_board(3), Heard()
    desk = Desk(folder, settings_for((board, "B")))
    disk.fill(first, count)
    for _ in range(ROUNDS):
        board.windows(2)
        _receive(desk, board, heard)
    writes = disk.empty()
    desk.reopen()
    board.windows(1)
    assert _receive(desk, board, heard), "there is room again"
    desk.publisher.turn()
    published = desk.tiles.published()
    assert published
    assert published.size == desk.store.log.size()
    disk.found.add(count_records(read_logs(desk.store), heard, SERVICE_PUBLIC_KEY))
    stored = stored_logs(desk.store)
    assert check_records(stored, heard, SERVICE_PUBLIC_KEY).records == board.size
    check_all_stored(stored, heard.deliveries)
    check_service_log(desk.store, heard, SERVICE_PUBLIC_KEY)
    desk.store.close()
    return writes


def _receive(desk: Desk, board: Board, heard: Heard) -> bool:
    """-> whether it has its receipt"""
    delivery = board.delivery(_size(desk, board))
    (answer,) = desk.service.receive_many([(TOPIC, delivery.to_bytes())])
    with suppress(PackSealError, OSError):  # it is published at a later turn
        desk.publisher.turn()
    if isinstance(answer, UnavailableError):
        return False
    heard.answers.append(decode_answer(answer))
    heard.deliveries.append(delivery)
    return isinstance(heard.answers[-1], ReceiptAnswer)


def _size(desk: Desk, board: Board) -> int:
    head = desk.store.head(board.log_id)
    return head.size if head else 0


def main() -> None:
    folder, step = Path(sys.argv[1]), int(sys.argv[2])
    disk = Disk()
    try:
        for run in (outbox, service):
            every_write(disk, folder, run, step)
    finally:
        print(json.dumps([disk.counts, asdict(disk.found)]))


if __name__ == "__main__":
    main()
