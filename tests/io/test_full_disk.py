"""A disk that the outbox itself has filled: receipts still make room, and the line goes on."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from packseal.errors import UnavailableError
from packseal.io.outbox_store import OutboxStore, only_new
from packseal.records.checkpoint import Receipt
from packseal.records.log import TrustedLog
from tests.outbox.site import Site, checked, own_log, roomy
from tests.passport.board import running_board


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 3.6 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3600k", "tmpfs", str(folder)], check=False)
    if mount.returncode:
        pytest.skip("needs the right to mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_receipts_make_room_on_a_full_disk(small_disk: Path) -> None:
    board = running_board(2)
    store = OutboxStore(small_disk / "outbox.db")
    log, stored, is_full = TrustedLog(board.genesis, board.seed), [], False
    while not is_full:
        delivery = board.delivery(log.size)
        verified = log.verified(delivery, only_new(log))
        try:
            store.store("pack", delivery, verified, 0)
        except UnavailableError as error:
            is_full = "check the disk's space" in str(error)
            continue
        stored.append(verified.checkpoint)
        log = verified.log
        board.windows(100)
    _fill(small_disk)
    for checkpoint in stored:
        receipt = Receipt(checkpoint.log_id, checkpoint.size, checkpoint.root, 0, 0, bytes(16))
        store.acknowledge([(receipt, b"receipt")])
    assert store.waiting() == []
    (small_disk / "filler").unlink()
    store.store("pack", delivery, log.verified(delivery, only_new(log)), 0)
    store.close()


def _fill(disk: Path) -> None:
    """To the last byte, as another program would."""
    with (disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(4096))


def test_values_are_given_up_on_a_full_disk_too_and_it_goes_on(small_disk: Path) -> None:
    """Of a log that nobody else keeps; without a limit in the settings the disk is the limit."""
    site, bus = Site(small_disk, roomy(free_bytes=0)), own_log()
    (small_disk / "others").write_bytes(bytes(900_000))
    bus.windows(400)
    while site.give(bus) and site.outgoing.depth().share_of_bytes < 0.9:
        bus.windows(400)
    _fill(small_disk)
    given = site.log(bus).size
    for _ in range(20):
        bus.windows(12)
        site.give(bus)
    assert site.log(bus).size > given, "there was room again, made of old windows"
    assert checked(site, [bus]) >= 100
    (small_disk / "filler").unlink()
    bus.windows(12)
    assert site.give(bus)
    assert checked(site, [bus]) >= 100
    site.store.close()


def test_a_full_disk_ends_nothing_and_is_counted_when_there_is_room_again(small_disk: Path) -> None:
    site, board = Site(small_disk, roomy(free_bytes=0)), running_board(0)
    board.windows(50)
    assert site.give(board)
    _fill(small_disk)
    before = site.store.waiting()
    for _ in range(3):
        board.windows(600)
        assert not site.give(board)
    assert site.store.waiting() == before
    assert site.outgoing.problems()
    (small_disk / "filler").unlink()
    assert site.give(board)
    assert checked(site, [board]) == 0
    assert site.outgoing.problems() == []
    site.store.close()
