"""Clocks that jump: libfaketime before a gateway and a service, and a file for each that says what time it is.

The clock of day jumps, forwards and backwards, by a moment or by years, while a delivery is on its way; the clock that
only counts stays true, as it does when a machine is set right.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.oracle import Found
from tests.faults.schedule import Kind
from tests.faults.site import Site
from tests.line.rig import missing

LIBRARIES = "**/faketime/libfaketimeMT.so.1"
JUMPS_S = (-315_360_000, -31_536_000, -86_400, -3_600, -60, -1, 1, 60, 3_600, 86_400, 31_536_000, 315_360_000)
SAID_EVERY = 20


def library() -> Path:
    found = next(Path("/usr/lib").glob(LIBRARIES), None)
    return found or missing("libfaketime is not installed: apt-get install libfaketime")


class Clock:
    """Of one program."""

    def __init__(self, path: Path) -> None:
        self._path, self.ahead_s, self.furthest_s = path, 0, 0
        self.jump(0)

    @property
    def environment(self) -> dict[str, str]:
        of_it = {"FAKETIME_TIMESTAMP_FILE": str(self._path), "FAKETIME_NO_CACHE": "1"}
        return {"LD_PRELOAD": str(library()), "FAKETIME_DONT_FAKE_MONOTONIC": "1", **of_it}

    def jump(self, by_s: int) -> None:
        """At once and whole: a file that is half written would be the true time."""
        self.ahead_s += by_s
        self.furthest_s = max(self.furthest_s, self.ahead_s)
        new = self._path.with_name(f"{self._path.name}.new")
        new.write_text(f"{self.ahead_s:+d}\n")
        new.replace(self._path)


def run(folder: Path, seed: str, jumps: int, say: Callable[[str], None]) -> tuple[int, Found]:
    """-> how many there were, and what the oracle saw"""
    chance = random.Random(f"{seed} clocks")
    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as place:
        clocks = {name: Clock(Path(place) / f"{name}.clock") for name in ("gateway", "service")}
        site = Site(Path(place), Kind.SQLITE, None, boards=1)
        site.fake_clocks({name: clock.environment for name, clock in clocks.items()})
        try:
            site.start()
            for number in range(1, jumps + 1):
                _jump(site, clocks[chance.choice(["gateway", "service"])], chance)
                if number % SAID_EVERY == 0:
                    say(f"{number} of {jumps} clock jumps")
            site.settle()
            found = site.check()
            _check_that_they_jumped(site, clocks["service"])
            return jumps, found
        except BaseException:
            say(f"FAILED: clock jumps of seed {seed}\n{site.output()}")
            raise
        finally:
            site.stop()


def _check_that_they_jumped(site: Site, clock: Clock) -> None:
    """Receipts are of the furthest time that the service has seen."""
    newest_ms = max(receipt.received_unix_ms for receipt in site.heard.receipts(site.service_key).values())
    assert newest_ms / 1000 > time.time() + clock.furthest_s - site.age_s()


def _jump(site: Site, clock: Clock, chance: random.Random) -> None:
    """Half of the way back where it is years off, so that no clock leaves what a calendar has."""
    by_s = -clock.ahead_s if abs(clock.ahead_s) > JUMPS_S[-1] else chance.choice(JUMPS_S)
    if chance.random() < 0.5:  # during a delivery, else at any time
        before = site.deliveries()
        site.until(lambda: site.deliveries() > before, "a delivery")
    clock.jump(by_s)
    site.goes_on()
