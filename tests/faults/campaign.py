"""Runs the phases of a schedule: each is a site that lives through its faults, comes to rest, and is checked."""

from __future__ import annotations

import random
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import network, power
from tests.faults.oracle import Found
from tests.faults.schedule import LONG_CUT_S, Fault, Kind, Phase, What
from tests.faults.site import Site, lived
from tests.postgres import Cluster

Say = Callable[[str], None]
WORDS_S = 5.0  # within which a program says that its broker is back


class Campaign:
    """counts: what was done, by name; found: what the oracle saw, of all phases together; failed: their numbers."""

    def __init__(self, seed: str, folder: Path, database: Cluster | None, say: Say) -> None:
        self._seed, self._folder, self._database, self._say = seed, folder, database, say
        self._shim = power.built(folder)
        self.counts, self.found, self.failed = Counter[str](), Found(), list[int]()

    def run(self, phase: Phase) -> None:
        """One that fails is told of with its whole schedule, and the others go on."""
        try:
            self._run(phase)
        except (Exception, pytest.fail.Exception) as error:
            self.failed.append(phase.number)
            self._say("".join(traceback.format_exception(error)))

    def _run(self, phase: Phase) -> None:
        database = None if phase.kind is Kind.SQLITE else self._database
        with tempfile.TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True) as folder:
            site = Site(Path(folder), phase.kind, self._shim, database)
            try:
                found = lived(site, lambda: self._live(site, phase), self.found)
            except (Exception, pytest.fail.Exception):
                self._tell(phase, site)
                raise
            self.counts[f"sites, {phase.kind}"] += 1
        self._say(f"phase {phase.number} ({phase.kind}), {len(phase.faults)} faults: {found}")

    def _live(self, site: Site, phase: Phase) -> None:
        chance = random.Random(f"{self._seed} power {phase.number}")
        for number, fault in enumerate(phase.faults, 1):
            site.wait(fault.pause_s)
            self._do(site, fault, chance)
            if number % 10 == 0:  # in between it goes on, which faults in a row might hide
                site.goes_on()
                self._say(f"phase {phase.number} ({phase.kind}): {number} of {len(phase.faults)} faults")

    def _do(self, site: Site, fault: Fault, chance: random.Random) -> None:
        if fault.what is What.PARTITION and fault.cut:
            self._cut(site, fault, fault.cut)
            return
        if fault.what is What.AWAY:
            site.leave(fault.for_s)
            self.counts["gateways away"] += 1
            return
        if fault.what is What.POWER:
            self.counts["power cuts"] += 1
            self.counts["unsynced writes lost"] += site.cut_power(fault.name, fault.number, chance)
        else:
            site.kill(fault.name, fault.number)
        self.counts[_kill_name(fault, site.kind)] += 1

    def _cut(self, site: Site, fault: Fault, cut: network.Cut) -> None:
        """A long one has to be noticed by its heartbeats, in the words of a program that was well before."""
        is_long = fault.for_s >= LONG_CUT_S[0]
        if is_long:
            site.goes_on()
            site.wait(WORDS_S)
        before = site.said(fault.name)
        network.cut(site.broker.links[fault.name], cut)
        site.wait(fault.for_s)
        said = site.said(fault.name)
        network.heal()
        self.counts["loss of 20 %" if cut is network.Cut.LOSS else f"partitions, {cut}"] += 1
        self.counts["cuts longer than a heartbeat"] += is_long
        assert said != before or not is_long, f"{fault.name} has not noticed: {fault}"

    def _tell(self, phase: Phase, site: Site) -> None:
        again = f"--seed {self._seed} --phase {phase.number} and the same counts"
        self._say(f"FAILED in phase {phase.number}; again: {again}")
        for number, fault in enumerate(phase.faults, 1):
            self._say(f"  {number}. {fault}")
        self._say(site.output())


def _kill_name(fault: Fault, kind: Kind) -> str:
    if fault.name != "broker":
        return f"kills of {fault.name}"
    return "broker kills, NATS" if kind is Kind.NATS else "broker kills, mosquitto"
