"""What happens when: drawn from a seed before anything runs, so that the same seed gives the same schedule."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

from tests.faults.network import Cut

LONGEST_PAUSE_S = 1.2  # twice the time a program needs to start
LONGEST_CUT_S = 4.0
PER_PHASE = 100  # kills of one site, before all that it has is checked and a new one begins
PARTITIONS_OF_KILLS = 8  # one partition for so many kills
AWAY_S, AWAY_FROM = 30.0, 40  # once in every other phase of at least so many kills
# in one of so many phases that are as large; longer than MQTT's keepalive and its answer (30 s each), than the limit of
# no progress (60 s), and than NATS' pings (10 s, of which two may stay without an answer)
LONG_CUT_S, LONG_CUT_EVERY = (75.0, 100.0), 4
LONGEST_WRITES = 60  # of a program, before its power is cut


class Kind(StrEnum):
    """Of site."""

    SQLITE = "sqlite"  # one service, its store a file; mosquitto
    WORKERS = "workers"  # two workers on PostgreSQL, which share a subscription of mosquitto
    NATS = "nats"  # two workers on PostgreSQL, which take a stream of a cluster of three


class What(StrEnum):
    KILL = "kill"  # kill -9
    POWER = "power"  # kill -9, and what was not synced is lost
    PARTITION = "partition"
    AWAY = "away"  # the gateway, until a board with a small flash has to give up windows


@dataclass(frozen=True, slots=True)
class Fault:
    """After pause_s. number: which of several boards, workers or nodes; of a power cut, behind how many further writes.
    A partition, and an absence, lasts for_s."""

    what: What
    name: str
    number: int
    pause_s: float
    cut: Cut | None = None
    for_s: float = 0

    def __str__(self) -> str:
        more = f" {self.cut or ''} for {self.for_s:.2f} s" if self.for_s else ""
        return f"after {self.pause_s:.3f} s {self.what} {self.name} {self.number}{more}"


@dataclass(frozen=True, slots=True)
class Phase:
    """The life of one site."""

    number: int
    kind: Kind
    faults: tuple[Fault, ...]


def phases(seed: str, kills: int, broker_kills: int, kinds: tuple[Kind, ...]) -> list[Phase]:
    """So many kills of firmware, gateways and services, and so many of brokers, in phases of each kind by turns."""
    count = max(len(kinds), -(-(kills + broker_kills) // PER_PHASE))
    made = []
    for number in range(count):
        share, brokers = _share(kills, number, count), _share(broker_kills, number, count)
        made.append(_phase(random.Random(f"{seed} {number}"), number, kinds[number % len(kinds)], share, brokers))
    return made


def _share(total: int, number: int, count: int) -> int:
    return total * (number + 1) // count - total * number // count


def _phase(chance: random.Random, number: int, kind: Kind, kills: int, broker_kills: int) -> Phase:
    faults = [_kill(chance, kind) for _ in range(kills)]
    faults += [Fault(What.KILL, "broker", chance.randrange(3), _pause(chance)) for _ in range(broker_kills)]
    cuts = list(Cut)
    chance.shuffle(cuts)
    for index in range(-(-kills // PARTITIONS_OF_KILLS)):
        name, for_s = chance.choice(["gateway", "service"]), chance.uniform(0.3, LONGEST_CUT_S)
        faults.append(Fault(What.PARTITION, name, 0, _pause(chance), cuts[index % len(cuts)], for_s))
    if kills >= AWAY_FROM and number % 2 == 0:
        faults.append(Fault(What.AWAY, "gateway", 0, _pause(chance), for_s=AWAY_S))
    if kills >= AWAY_FROM and number % LONG_CUT_EVERY == 1:
        name, cut = chance.choice(["gateway", "service"]), chance.choice([Cut.TO, Cut.FROM, Cut.BOTH])
        faults.append(Fault(What.PARTITION, name, 0, _pause(chance), cut, chance.uniform(*LONG_CUT_S)))
    chance.shuffle(faults)
    return Phase(number, kind, tuple(faults))


def _kill(chance: random.Random, kind: Kind) -> Fault:
    name = chance.choice(["firmware", "gateway", "service"])
    has_power = name == "gateway" or (name == "service" and kind is Kind.SQLITE)
    what = What.POWER if has_power and chance.random() < 0.5 else What.KILL
    number = chance.randrange(LONGEST_WRITES) if what is What.POWER else chance.randrange(6)
    return Fault(what, name, number, _pause(chance))


def _pause(chance: random.Random) -> float:
    """Most long enough that a program has begun its work, some so short that it has not."""
    return chance.choice([chance.uniform(0, 0.2), chance.uniform(0.3, LONGEST_PAUSE_S), LONGEST_PAUSE_S])
