"""kill -9 while values are given up: what was signed for stays whole, and everything is accounted for."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from packseal.io.outbox_store import OutboxStore
from packseal.records.emptied import is_emptied
from packseal.records.log import TrustedLog
from tests.outbox.site import Site, checked, own_log, roomy
from tests.passport.board import Board

KILLS = 100 if os.environ.get("PACKSEAL_NIGHTLY") else 4
SMALL = 80_000
BEGUN = 40  # deliveries before the first kill: then it is full
PROGRAM = """
import sys
from pathlib import Path
from tests.io.test_outbox_kill import go_on
go_on(Path(sys.argv[1]))
"""


def go_on(folder: Path) -> None:
    """Fills a full outbox for ever, and says how far it is."""
    site, bus = Site(folder, roomy(SMALL)), own_log()
    bus.windows(max(0, size_in(site, bus) - bus.size))
    take_up(site, bus)
    while True:
        bus.windows(12)
        if not site.give(bus):
            site.receipt(bus, site.items(bus)[0].size)
        print(size_in(site, bus), flush=True)


def size_in(site: Site, bus: Board) -> int:
    found = site.store.log(bus.log_id)
    return found.log.size if found else 0


def take_up(site: Site, bus: Board) -> None:
    """As the outbox has it."""
    found = site.store.log(bus.log_id)
    site.given[bus.log_id] = found.log if found else TrustedLog(bus.genesis, bus.seed)


def killed(folder: Path, until_size: int) -> None:
    """Runs until so much was stored, and is killed at that moment, whatever it does."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder)], stdout=subprocess.PIPE)
    with process:
        assert process.stdout
        for line in process.stdout:
            if int(line) >= until_size:
                break
        process.kill()


def test_kills_while_room_is_made(tmp_path: Path) -> None:
    drawn, size = random.Random(1), BEGUN * 12
    for _ in range(KILLS):
        size += drawn.randrange(12, 160)
        killed(tmp_path, size)
        with closing(OutboxStore(tmp_path / "outbox.db")) as store:
            assert store.repair.aside == ()
        account(tmp_path)


def account(folder: Path) -> None:
    site, bus = Site(folder, roomy(SMALL)), own_log()
    bus.windows(max(0, size_in(site, bus) - bus.size))
    take_up(site, bus)
    found, counts = site.store.log(bus.log_id), site.store.counts()
    assert found
    site.receipted[bus.log_id] = found.receipted_size
    checked(site, [bus])
    assert counts["records_stored"] == found.log.size
    assert found.log.size == sum(item.records for item in site.items(bus)) + counts.get("records_receipted", 0)
    assert sum(map(is_emptied, site.contents(bus))) <= counts["windows_emptied"]
    site.store.close()
