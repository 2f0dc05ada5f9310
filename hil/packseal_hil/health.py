"""The health check that ends every test on the bench: what is wrong with bench, board, buses, services and log.

A test may pass every assertion of its own while the board restarted, a bus lost frames or records have gone. Each
problem has a name and words for a person. A fault that the test has injected explains some of them (EXPLAINS), a mark
`explained` of the test others; what is explained is told, and fails nothing. There is no second try.

A sample that was not taken is a fault of the board, but for those that the machine on which it runs can be blamed for:
it is measured how long that has let board and bench wait (host_wait.py, bench.py). A board is late by a slot when its
own work and its waiting come to one together; where half of that was waiting, the machine is to blame. So a machine
that was on time excuses nothing, and one that has much else to do is told as the problem `host`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from packseal.passport.audit import Difference
from packseal.records.bodies import Boot, Gap, Key, Window
from packseal.records.entries import Entry
from packseal_hil.readings import FaultKind

K = FaultKind

BENCH, BOARD, RESTARTED, BUS, LINE, BMS, GATEWAY, PASSPORT, REFUSED, WAITING, ALTERED, GAP, HOST = (
    "bench",
    "board",
    "restarted",
    "bus",
    "line",
    "bms",
    "gateway",
    "passport",
    "refused",
    "waiting",
    "altered",
    "gap",
    "host",
)
NAMES = (BENCH, BOARD, RESTARTED, BUS, LINE, BMS, GATEWAY, PASSPORT, REFUSED, WAITING, ALTERED, GAP, HOST)

OF_A_BUS = frozenset({BUS, BMS, GAP})
EXPLAINS: Mapping[FaultKind, frozenset[str]] = {
    K.BUS_OFF: OF_A_BUS,
    K.ERROR_FRAMES: OF_A_BUS,
    K.BABBLING_NODE: OF_A_BUS,
    K.WRONG_DBC: frozenset({BMS}),
    K.UART_GARBAGE: frozenset({BMS}),
    K.POWER_CUT: frozenset({GAP, LINE, GATEWAY, WAITING}),
    K.GATEWAY_LOSS: frozenset({GATEWAY, WAITING, GAP}),
    K.CLOCK_JUMP: frozenset({PASSPORT}),
}
BAD_COUNTER_WORDS = (
    "lost",
    "dropped",
    "error",
    "overflow",
    "overrun",
    "refused",
    "off",
    "unread",
    "reopened",
)  # of a bus
SLOTS_PER_WAIT = 2  # that a board may miss in the time of one for which the machine let it wait: see above
OLDEST_WAITING_S = 30  # a receipt takes less than a second


@dataclass(frozen=True, slots=True)
class Problem:
    """name: one of NAMES."""

    name: str
    words: str

    def __str__(self) -> str:
        return f"{self.name}: {self.words}"


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known at the end of a test. starts: of the board, by the bench. gateway: as its status has the board, and
    counts, what its outbox counted. *_words: what the parts say themselves is wrong. slot_ms: of the wall, from one
    sample to the next; host_late_ms: of the wall as well."""

    starts: int
    entries: tuple[Entry, ...]
    slot_ms: float = 1000.0
    host_late_ms: int = 0
    bench_words: str = ""
    board_words: str = ""
    bus_words: Mapping[str, str] = field(default_factory=dict)
    bus_counters: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    board_counters: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    gateway_words: tuple[str, ...] = ()
    passport_words: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    oldest_waiting_s: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """failing: those that nothing explains."""

    failing: tuple[Problem, ...]
    explained: tuple[Problem, ...]

    def words(self) -> str:
        lines = [f"{problem}" for problem in self.failing]
        return "\n".join(lines + [f"{problem} (explained)" for problem in self.explained])


def verdict(observed: Observed, faults: Iterable[FaultKind], explained: Iterable[str] = ()) -> Verdict:
    """faults: the kinds that were injected. explained: names of problems that the test has said it makes."""
    names = {HOST, *explained}.union(*(EXPLAINS.get(kind, frozenset()) for kind in faults))
    found = problems(observed)
    failing = tuple(problem for problem in found if problem.name not in names)
    return Verdict(failing, tuple(problem for problem in found if problem.name in names))


def problems(observed: Observed) -> list[Problem]:
    """In the order of the way of the data: bench, board, buses, line, gateway, service, log."""
    return [
        *_said(BENCH, observed.bench_words),
        *_said(BOARD, observed.board_words),
        *_restarts(observed),
        *_buses(observed),
        *_board_counters(observed),
        *(Problem(GATEWAY, words) for words in observed.gateway_words),
        *(Problem(PASSPORT, words) for words in observed.passport_words),
        *_refused(observed),
        *_waiting(observed.oldest_waiting_s),
        *(Problem(ALTERED, f"{one.words}: {one.detail}") for one in observed.differences),
        *_gaps(observed.entries),
        *_missed(observed),
    ]


def _said(name: str, words: str) -> list[Problem]:
    return [Problem(name, words)] if words else []


def _restarts(observed: Observed) -> list[Problem]:
    """A life begins with a BOOT; one that was cut before it was signed leaves none. A log that goes on from a sealed
    one has a BOOT as well, in the same life."""
    bodies = [entry.body for entry in observed.entries]
    goes_on = sum(isinstance(body, Key) and body.previous is not None for body in bodies)
    lives = sum(isinstance(body, Boot) for body in bodies) - goes_on
    if lives <= observed.starts:
        return []
    return [Problem(RESTARTED, f"the log has {lives} lives, the bench started the board {observed.starts} times")]


def _buses(observed: Observed) -> list[Problem]:
    found = [Problem(BUS, f"{name}: {words}") for name, words in observed.bus_words.items() if words]
    for name, counters in observed.bus_counters.items():
        bad = {key: count for key, count in counters.items() if count and any(w in key for w in BAD_COUNTER_WORDS)}
        found += [Problem(BUS, f"{name}: {key} is {count}") for key, count in sorted(bad.items())]
    return found


def _board_counters(observed: Observed) -> list[Problem]:
    """What the board's STATUS and the gateway's side of the line count (docs/link.md)."""
    named = {
        "frames_refused": (LINE, "frames between board and gateway were damaged"),
        "windows_lost": (GAP, "windows were lost because the log was full"),
        "orders_refused": (REFUSED, "orders were refused by the board"),
        "source_refused": (BMS, "answers of the BMS were damaged or not asked for"),
        "config_refused": (BOARD, "the board runs its last good configuration"),
    }
    counters = dict(observed.board_counters)
    if observed.starts > 1:  # one answer was under way to the board's last life
        counters["source_refused"] = max(0, counters.get("source_refused", 0) - 1)
    return [Problem(name, f"{counters[key]} {words}") for key, (name, words) in named.items() if counters.get(key)]


def _refused(observed: Observed) -> list[Problem]:
    bad = {name: count for name, count in observed.counts.items() if not name.startswith("records_") and count}
    found = [Problem(REFUSED, f"the gateway counts {name}: {count}") for name, count in sorted(bad.items())]
    return found + [Problem(REFUSED, f"the passport service refused {words}") for words in observed.refusals]


def _waiting(oldest_s: int) -> list[Problem]:
    if oldest_s <= OLDEST_WAITING_S:
        return []
    return [Problem(WAITING, f"records have waited {oldest_s} s for their receipt")]


def _gaps(entries: Iterable[Entry]) -> list[Problem]:
    gaps = [(entry.seq, entry.body) for entry in entries if isinstance(entry.body, Gap)]
    return [Problem(GAP, f"record {seq}: {gap.windows} windows are missing before it") for seq, gap in gaps]


def _missed(observed: Observed) -> list[Problem]:
    windows = [entry.body for entry in observed.entries if isinstance(entry.body, Window)]
    missed, taken = sum(window.slots_missed for window in windows), sum(window.samples for window in windows)
    if not missed:
        return []
    excused = int(SLOTS_PER_WAIT * observed.host_late_ms / observed.slot_ms)
    words = f"{missed} samples of {missed + taken} were not taken in time"
    host = f"this machine let board and bench wait {observed.host_late_ms / 1000:.1f} s"
    if missed <= excused:
        return [Problem(HOST, f"{words}: {host}")]
    return [Problem(GAP, f"{words}; {host}, which explains {excused} of them")]
