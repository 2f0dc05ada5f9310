"""The bench: steps the plant at the pace of the board's clock, shows it to the BMS, injects faults, keeps a trace.

Decides when: the plant is never ahead of the board's clock by more than one showing, and between a test's calls it
rests for as long as the board saw it rest. `run` returns when what was measured in it is in the passport, as far as
board, line and gateway are there to bring it. What a fault does is decided where it acts (plant, BMS, bus, target,
services); the product's programs are the real ones (services.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from packseal_hil.course import SHORTEST_PIECE_S, Course, asked_of, rest_of
from packseal_hil.faults import RULES, Actor, Happening, Injector, Place, What
from packseal_hil.host_wait import HostWait
from packseal_hil.pack_setup import CPCT, PackSetup
from packseal_hil.plant.duty import Duty
from packseal_hil.plant.pack import Plant
from packseal_hil.protocols import BenchError, CellSimulator
from packseal_hil.readings import Fault, FaultKind, PackReading, Truth
from packseal_hil.recording import Journal, fault_line, reading_line, truth_line
from packseal_hil.services import Health, Services
from packseal_hil.targets.target import Target
from packseal_hil.trace import NOT_STATED, Estimate, Mark, Trace, TraceWriter, mark_of

SHOW_S = 0.1  # of the wall: no board asks its BMS more often (targets/unix.py, FASTEST_POLL_MS)
LOOK_S = 0.5  # of the wall: how often the passport is asked for the trace
SETTLE_S = 60.0  # of the wall, beside the windows that have to end
WOKEN_S = 0.01  # of the wall, in which a machine with nothing else to do wakes who sleeps
WORST_LATE_S = 2.0  # of the wall: behind by more, the board has measured a pack that stood still


class Pack(Protocol):
    """What a test does with the pack, on a bench or out of a recording."""

    setup: PackSetup

    @property
    def faults(self) -> frozenset[FaultKind]: ...
    def run(
        self,
        what: str | Duty,
        *,
        hours: float | None = None,
        for_s: float | None = None,
        faults: Sequence[Fault] = (),
        is_settled: bool = True,
    ) -> None: ...
    def rest(self, *, hours: float, ambient_c: float = 25.0, faults: Sequence[Fault] = ()) -> None: ...
    def age(self, years: float, profile: str) -> None: ...
    def reading(self) -> PackReading: ...
    def truth(self) -> Truth: ...
    def wait_for(self, condition: Callable[[], bool], timeout_s: float, otherwise: str) -> None: ...
    def trace(self) -> Trace: ...
    def problem(self) -> str: ...


class WallPace:
    """Seconds of the board's clock by the wall's, from `restart` on."""

    def __init__(self, clock_rate: int) -> None:
        self.clock_rate = clock_rate
        self.worst_late_s = self.overslept_s = 0.0
        self._started_s = time.monotonic()

    def now_s(self) -> float:
        return (time.monotonic() - self._started_s) * self.clock_rate

    def until(self, at_s: float) -> None:
        """Waits, and notes for how long it was not woken; where that was before, notes by how much of the wall."""
        ahead_s = (at_s - self.now_s()) / self.clock_rate
        if ahead_s > 0:
            time.sleep(ahead_s)
            self.overslept_s += max(self._late_s(at_s) - WOKEN_S, 0.0)
        else:
            self.worst_late_s = max(self.worst_late_s, -ahead_s)

    def _late_s(self, at_s: float) -> float:
        return (self.now_s() - at_s) / self.clock_rate


@dataclass(frozen=True, slots=True)
class BenchParts:
    """All that one test has of the bench, open. cells: None where a real pack is at the board."""

    setup: PackSetup
    plant: Plant
    target: Target
    cells: CellSimulator | None
    services: Services
    actors: Mapping[Place, Actor]
    journal: Journal


class Bench:
    """A Pack on a target. The board runs and is enrolled, the services are started."""

    def __init__(self, parts: BenchParts, test: str) -> None:
        self.setup, self._parts = parts.setup, parts
        self._plant = parts.plant
        self._writer = TraceWriter(test, parts.target.name, parts.setup.seed)
        self.pace = WallPace(parts.target.clock_rate)
        self._host = HostWait()
        self._show_s = SHOW_S * parts.target.clock_rate
        self._plant_s = 0.0  # on the pace's clock: how far the plant has come
        self._looked_s = 0.0
        self._ambient_c = 25.0
        self._faults: set[FaultKind] = set()
        self._not_as_asked: list[str] = []
        self._last = self._shown()

    def run(
        self,
        what: str | Duty,
        *,
        hours: float | None = None,
        for_s: float | None = None,
        faults: Sequence[Fault] = (),
        is_settled: bool = True,
    ) -> None:
        """A duty, by its name or as it is, once or for so long; longer than it is, it begins again.

        faults: at seconds of this run; those with an end are over with it. is_settled: waits until the passport has
        what was measured. Raises BenchError, and ValueError for a duty or faults that cannot be.
        """
        course = Course(asked_of(what, self.setup.seed))
        length_s = course.length_s(hours, for_s)
        self._parts.journal.line("call", part="pack", name="run", arguments=[course.name, length_s])
        self._mark("run", f"{course.name}, {length_s / 3600:.2f} h")
        self._catch_up()
        injector = Injector(faults, self._parts.actors, self._told)
        start_s, at_s = self._plant_s, 0.0
        injector.apply(at_s)
        while at_s < length_s:
            due_s = length_s if injector.next_s is None else max(injector.next_s, at_s + SHORTEST_PIECE_S)
            to_s = min(at_s + self._show_s, length_s, due_s)
            self._step(course, at_s, to_s)
            at_s = to_s
            injector.apply(at_s)
            self._show_at(start_s + at_s)
        injector.close()
        self._rest_until(self._plant_s + self._show_s)
        if is_settled:
            self.settle()
        self._parts.journal.line("truth", **truth_line(self._plant.truth()))

    def rest(self, *, hours: float, ambient_c: float = 25.0, faults: Sequence[Fault] = ()) -> None:
        """Nothing flows, for so long."""
        self.run(rest_of(hours * 3600, ambient_c), faults=faults)

    def age(self, years: float, profile: str) -> None:
        """Years at once, off the board: its power is cut before and comes back after, as for a pack on a shelf.

        Raises BenchError where the board's power cannot be cut, ValueError as the plant does.
        """
        self._parts.journal.line("call", part="pack", name="age", arguments=[years, profile])
        self._mark("note", f"aged by {years:g} years: {profile}")
        self._catch_up()
        self._parts.target.cut_power()
        self._plant.age(years, profile)
        self._show_at(self._plant_s)
        self._parts.target.power_on()
        self._parts.journal.line("truth", **truth_line(self._plant.truth()))

    def reading(self) -> PackReading:
        """What the BMS shows now."""
        self._catch_up()
        return self._last

    def truth(self) -> Truth:
        """What the plant knows of this moment."""
        self._catch_up()
        truth = self._plant.truth()
        self._parts.journal.line("truth", **truth_line(truth))
        return truth

    def wait_for(self, condition: Callable[[], bool], timeout_s: float, otherwise: str) -> None:
        """Rests until then. timeout_s: of the wall. Raises BenchError(otherwise)."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                raise BenchError(otherwise)
            self._rest_until(max(self._plant_s, self.pace.now_s()) + self._show_s)
        self._parts.journal.line("received", size=self._parts.services.passport.size())

    def settle(self) -> None:
        """Until two deliveries have come that the board has signed after this call, where it can bring them: the second
        is surely of later than now. Raises BenchError where they do not come."""
        services, target = self._parts.services, self._parts.target
        if not (services.gateway.is_running and target.is_on()):
            return
        window_s = self.setup.window_ms * self.setup.checkpoint_every / 1000 / target.clock_rate
        timeout_s = SETTLE_S + 3 * window_s
        for _ in range(2):
            size = services.passport.size()
            words = f"the passport has {size} records and no more came in {timeout_s:.0f} s"
            self.wait_for(partial(self._has_more, size), timeout_s, words)

    def trace(self) -> Trace:
        """Of all that was until now."""
        self._look()
        return self._writer.trace({})

    def problem(self) -> str:
        """What the bench itself did not do as it was asked, "" for nothing."""
        if self._not_as_asked:
            return "; ".join(self._not_as_asked)
        late_s = self.pace.worst_late_s
        if late_s <= WORST_LATE_S:
            return ""
        cure = "take a pack with fewer cells, a lower clock_rate or a machine with less to do"
        return f"the bench was {late_s:.1f} s behind the board's clock, which measured a pack that stood still; {cure}"

    @property
    def host_late_ms(self) -> int:
        """Of the wall, since the bench was opened: how long the machine has let board and bench wait."""
        self._host.look()
        return self._host.waited_ms + round(1000 * self.pace.overslept_s)

    @property
    def faults(self) -> frozenset[FaultKind]:
        """The kinds that have happened."""
        return frozenset(self._faults)

    @property
    def _pack_s(self) -> float:
        return self._last.pack_ms / 1000

    def _step(self, course: Course, from_s: float, to_s: float) -> None:
        for step_s, power, ambient_c in course.pieces(from_s, to_s):
            self._plant.step(step_s, power_w=power * self._plant.rated_energy_wh, ambient_c=ambient_c)
            self._ambient_c = ambient_c

    def _told(self, one: Happening) -> None:
        """What became of a fault. One that did not go as it was asked fails the test."""
        if one.reason:
            self._not_as_asked.append(f"{one.fault.kind} {one.what}: {one.reason}")
        if one.what is What.NOT_INJECTED:
            return
        is_begin = one.what is What.BEGAN
        self._faults.add(one.fault.kind)
        self._parts.journal.line("fault", **fault_line(one.fault, is_begin=is_begin))
        if is_begin:
            self._writer.mark(mark_of(one.fault, self._pack_s))

    def _has_more(self, size: int) -> bool:
        services = self._parts.services
        return services.passport.size() > size or not (services.gateway.is_running and self._parts.target.is_on())

    def _catch_up(self) -> None:
        """The board saw the pack rest since the last call: so it did."""
        if self.pace.now_s() - self._plant_s > self._show_s:
            self._rest_until(self.pace.now_s())

    def _rest_until(self, at_s: float) -> None:
        self._plant.step(at_s - self._plant_s, ambient_c=self._ambient_c)
        self._show_at(at_s)

    def _show_at(self, at_s: float) -> None:
        self._plant_s = at_s
        self.pace.until(at_s)
        self._last = self._shown()
        if time.monotonic() - self._looked_s > LOOK_S:
            self._look()

    def _shown(self) -> PackReading:
        reading, truth = self._plant.reading(), self._plant.truth()
        self._show(reading)
        true_cpct = (round(CPCT * float(truth.soc.min())), self.setup.true_soh_cpct(truth))
        self._writer.shown(reading, *true_cpct)
        self._parts.journal.line("shown", reading=reading_line(reading), true_cpct=list(true_cpct))
        return reading

    def _show(self, reading: PackReading) -> None:
        """A bus with trouble that the test has asked for may take nothing: it counts that itself."""
        if self._parts.cells is None:
            return
        try:
            self._parts.cells.show(reading)
        except BenchError:
            if not any(RULES[kind].place is Place.BUS for kind in self._faults):
                raise

    def _look(self) -> None:
        self._looked_s = time.monotonic()
        self._host.look()
        self._writer.estimated(self._pack_s, estimate_of(self._parts.services.passport.health()))

    def _mark(self, kind: str, words: str) -> None:
        self._writer.mark(Mark(self._pack_s, kind, words))


def estimate_of(health: Health) -> Estimate | None:
    """For the trace; None while the passport says nothing."""
    if health.soh_capacity_cpct is None:
        return None
    low, high = (NOT_STATED if end is None else end for end in (health.low_cpct, health.high_cpct))
    return Estimate(health.soh_capacity_cpct, low, high)
