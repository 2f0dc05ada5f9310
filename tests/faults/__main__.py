"""The fault laboratory as a program: docs/faults.md says what it tries, and what it cannot show."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from packseal.io.micropython import micropython_command
from tests import postgres
from tests.faults import clock, deliveries, full_disk, network, power
from tests.faults.campaign import Campaign
from tests.faults.figures import FAILED, Figures
from tests.faults.schedule import Kind, Phase, phases

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
KILLS_A_SECOND = 0.4  # on a machine of two cores, for --seconds


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", default="1", help="the same seed gives the same schedule")
    parser.add_argument("--seconds", type=int, help="as many kills as fit into about so long, and brokers for a tenth")
    parser.add_argument("--kills", type=int, default=24, help="of firmware, gateways and services")
    parser.add_argument("--broker-kills", type=int, default=4)
    parser.add_argument("--kinds", default=",".join(Kind), help="of site: sqlite, workers, nats")
    parser.add_argument("--phase", type=int, help="this one of the phases alone, to repeat it")
    parser.add_argument("--clock-jumps", type=int, default=0)
    parser.add_argument("--schedules", type=int, default=0, help="of duplicated and reordered deliveries")
    full = "a disk that is full at every write of a run, or at one of so many"
    parser.add_argument("--full-disk", type=int, nargs="?", const=1, default=0, help=full)
    parser.add_argument("--long", action="store_true", help="2,000 kills, 200 broker kills and all the rest: two hours")
    found = parser.parse_args()
    if found.seconds:
        found.kills = max(1, int(found.seconds * KILLS_A_SECOND))
        found.broker_kills = max(1, found.kills // 10)
    if found.long:
        found.kills, found.broker_kills, found.clock_jumps, found.schedules = 2_000, 200, 200, 10_000
        found.full_disk = 1
    return found


def main() -> int:
    asked = arguments()
    micropython_command()  # may have to fetch it, which a namespace of one's own cannot
    network.enter(sys.argv[1:])
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends it early still gets figures
    figures = Figures(asked.seed)
    with _folder(None) as folder, _folder(MEMORY if MEMORY.is_dir() else None) as on_memory:
        try:
            _run(asked, folder, on_memory, figures)
        except BaseException:
            _say(f"seed {asked.seed}: failed; the figures until then:")
            raise
        finally:
            print(figures.table(), figures.line(), sep="\n", flush=True)
    return 1 if figures.counts[FAILED] else 0


@contextmanager
def _folder(at: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="faults-", dir=at, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _run(asked: argparse.Namespace, folder: Path, on_memory: Path, figures: Figures) -> None:
    """on_memory: where nobody's power is cut, so that no disk has to be waited for."""
    if asked.schedules:
        with _failing(figures):
            count = deliveries.run(on_memory, asked.seed, asked.schedules, _say, figures.found)
            figures.count("schedules of deliveries", count)
    if asked.full_disk:
        with _failing(figures):
            counts = full_disk.run_below(power.built(folder), on_memory, asked.full_disk, figures.found)
            figures.counts.update(counts)
    if asked.clock_jumps:
        jumps = clock.ClockJumps(asked.seed, folder, _say)
        try:
            jumps.run(asked.clock_jumps)
        finally:
            figures.take(jumps)
    _run_phases(asked, folder, figures)


def _run_phases(asked: argparse.Namespace, folder: Path, figures: Figures) -> None:
    wanted = _phases(asked)
    needs_database = any(phase.kind is not Kind.SQLITE for phase in wanted)
    database = postgres.started() if needs_database else None
    campaign = Campaign(asked.seed, folder, database, _say)
    try:
        for phase in wanted:
            campaign.run(phase)
    finally:
        figures.take(campaign)
        if database:
            database.end()


@contextmanager
def _failing(figures: Figures) -> Iterator[None]:
    """What fails is counted like a phase, and the others go on."""
    try:
        yield
    except Exception:
        figures.count(FAILED, 1)
        _say(traceback.format_exc())


def _phases(asked: argparse.Namespace) -> list[Phase]:
    if not asked.kills + asked.broker_kills:
        return []
    kinds = tuple(Kind(name) for name in asked.kinds.split(","))
    made = phases(asked.seed, asked.kills, asked.broker_kills, kinds)
    return [phase for phase in made if asked.phase in (None, phase.number)]


def _say(text: str) -> None:
    print(f"{time.monotonic() - STARTED_S:7.0f} s  {text}", flush=True)


STARTED_S = time.monotonic()

if __name__ == "__main__":
    sys.exit(main())
