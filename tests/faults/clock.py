"""Clocks that jump: libfaketime before a gateway and a service, and a file for each that says what time it is.

The clock of day jumps, forwards and backwards, by a moment or by years, while a delivery is on its way; the clock that
only counts stays true, as it does when a machine is set right. Every few jumps a new site begins, for a clock that has
been far ahead once hides what later jumps would do to what never goes back.
"""

from __future__ import annotations

import random
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.oracle import Found
from tests.faults.schedule import Kind
from tests.faults.site import Site, lived
from tests.line.rig import missing

LIBRARIES = "**/faketime/libfaketimeMT.so.1"
JUMPS_S = (-315_360_000, -31_536_000, -86_400, -3_600, -60, -1, 1, 60, 3_600, 86_400, 31_536_000, 315_360_000)
OF_ONE_SITE = 10  # jumps
KILL_EVERY = 3  # jumps: then a program is killed, and starts while clocks are off
ROUNDED_S = 0.5  # the least jump is of one second


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


class ClockJumps:
    """counts, found and failed as a Campaign has them, failed by the site's number."""

    def __init__(self, seed: str, folder: Path, say: Callable[[str], None]) -> None:
        self._seed, self._folder, self._say = seed, folder, say
        self.counts, self.found, self.failed = Counter[str](), Found(), list[int]()

    def run(self, jumps: int) -> None:
        """Of sites one after the other; the others go on where one fails."""
        for number, first in enumerate(range(0, jumps, OF_ONE_SITE)):
            count = min(OF_ONE_SITE, jumps - first)
            try:
                found = self._run_site(number, count)
                self._say(f"{first + count} of {jumps} clock jumps: {found}")
            except (Exception, pytest.fail.Exception) as error:
                self.failed.append(number)
                self._say("".join(traceback.format_exception(error)))

    def _run_site(self, number: int, jumps: int) -> Found:
        with tempfile.TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True) as place:
            clocks = {name: Clock(Path(place) / f"{name}.clock") for name in ("gateway", "service")}
            site = Site(Path(place), Kind.SQLITE, None, boards=1)
            site.fake_clocks({name: clock.environment for name, clock in clocks.items()})
            chance = random.Random(f"{self._seed} clocks {number}")
            try:
                found = lived(site, lambda: self._live(site, clocks, jumps, chance), self.found)
            except (Exception, pytest.fail.Exception):
                self._say(f"FAILED: clock jumps of seed {self._seed}, site {number}\n{site.output()}")
                raise
        self.counts["sites with clocks that jump"] += 1
        return found

    def _live(self, site: Site, clocks: dict[str, Clock], jumps: int, chance: random.Random) -> None:
        for jump in range(jumps):
            name = chance.choice(list(clocks))
            _jump(site, clocks[name], chance)
            if name == "gateway":
                _read_back(site, clocks[name])
            if jump % KILL_EVERY == KILL_EVERY - 1:
                site.kill(chance.choice(["firmware", "gateway", "service"]), 0)
                self.counts["kills while a clock is off"] += any(clock.ahead_s for clock in clocks.values())
            site.goes_on()
            self.counts["clock jumps"] += 1
            self.counts[f"clock jumps of {name}"] += 1
        _check_that_they_jumped(site, clocks["service"])


def _read_back(site: Site, clock: Clock) -> None:
    """A delivery that comes from now on says, in the gateway's word, when it came by the clock that has jumped. What
    has waited since before says another time."""
    since_s, known = time.time(), site.deliveries()

    def is_said() -> bool:
        latest_s = time.time() + clock.ahead_s + ROUNDED_S
        new = site.heard.deliveries[known:]
        return any(since_s + clock.ahead_s - ROUNDED_S <= site.arrived_unix_s(one) <= latest_s for one in new)

    site.until(is_said, f"a delivery of a gateway whose clock is {clock.ahead_s:+d} s off")


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
