"""The injector: each fault begins and ends once, in order, and what could not be done is told with its reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.errors import UnavailableError
from packseal_hil.bms import CanBms, JbdBoard, Noise
from packseal_hil.bms.can_frames import CELLS_1, CELLS_2
from packseal_hil.buses import FaultyBus, Wire
from packseal_hil.faults import (
    RULES,
    Actor,
    BmsFaults,
    BusFaults,
    GatewayFaults,
    Happening,
    Injector,
    Place,
    TargetFaults,
    What,
    random_faults,
)
from packseal_hil.plant import CellType, Plant, parameters_of
from packseal_hil.protocols import BenchError
from packseal_hil.readings import Fault, FaultKind
from packseal_hil.services import BenchGateway
from tests.hil.readings import reading
from tests.waiting import until

CELLS = 4
WIRE = Fault(10, FaultKind.OPEN_WIRE, "1", for_s=20)
RESET = Fault(15, FaultKind.BMS_RESET)


class Ledger:
    """An actor that keeps what it was called for, and refuses what it is told to."""

    def __init__(self, refuses: frozenset[FaultKind] = frozenset()) -> None:
        self.calls: list[tuple[str, Fault]] = []
        self._refuses = refuses

    def begin(self, fault: Fault) -> None:
        if fault.kind in self._refuses:
            raise BenchError("it is bolted down; unbolt it")
        self.calls.append(("begin", fault))

    def end(self, fault: Fault) -> None:
        self.calls.append(("end", fault))


class Supply:
    """A target's: `written` bytes come to its flash when the test says."""

    def __init__(self) -> None:
        self.cuts: list[int | None] = []
        self.is_powered = True

    def cut_power(self, at_flash_byte: int | None = None) -> None:
        self.cuts.append(at_flash_byte)
        self.is_powered = at_flash_byte is not None

    def power_on(self) -> None:
        self.is_powered = True

    def is_on(self) -> bool:
        return self.is_powered


def everywhere(ledger: Actor) -> dict[Place, Actor]:
    return dict.fromkeys(Place, ledger)


def plant() -> Plant:
    return Plant(parameters_of(CellType("nmc"), 5.0), CELLS, seed=3)


# ---- order


def test_a_fault_begins_when_it_is_due_and_ends_when_it_is_over() -> None:
    ledger, told = Ledger(), list[Happening]()
    injector = Injector([RESET, WIRE], everywhere(ledger), told.append)
    seen = []
    for now_s in (0, 9.9, 10, 14, 29.9, 30, 40):
        injector.apply(now_s)
        seen.append((len(ledger.calls), injector.next_s, injector.active))
    assert seen == [
        (0, 10, ()),
        (0, 10, ()),
        (1, 15, (WIRE,)),
        (1, 15, (WIRE,)),
        (2, 30, (WIRE,)),
        (3, None, ()),
        (3, None, ()),
    ]
    assert ledger.calls == [("begin", WIRE), ("begin", RESET), ("end", WIRE)]
    assert [(one.at_s, one.what) for one in told] == [(10, What.BEGAN), (29.9, What.BEGAN), (30, What.ENDED)]
    assert injector.problems == ()


@settings(deadline=None, max_examples=50)
@given(st.integers(), st.lists(st.floats(0, 4_000), max_size=30))
def test_each_begins_once_and_ends_once_however_coarse_the_steps(seed: int, steps: list[float]) -> None:
    faults, ledger = random_faults(seed, 3_600, every_s=200), Ledger()
    injector = Injector(faults, everywhere(ledger))
    for now_s in sorted(steps):
        injector.apply(now_s)
    injector.apply(4_000)
    expected = [(fault.at_s, "begin", fault) for fault in faults]
    expected += [(fault.at_s + fault.for_s, "end", fault) for fault in faults if RULES[fault.kind].lasts]
    assert ledger.calls == [
        (what, fault) for _, what, fault in sorted(expected, key=lambda one: (one[0], one[1] < "e"))
    ]


def test_one_ends_before_another_begins_at_the_same_moment() -> None:
    ledger = Ledger()
    later = Fault(30, FaultKind.OPEN_WIRE, "1", for_s=5)
    Injector([later, WIRE], everywhere(ledger)).apply(100)
    assert [what for what, _ in ledger.calls] == ["begin", "end", "begin", "end"]


def test_time_does_not_go_back() -> None:
    injector = Injector([WIRE], everywhere(Ledger()))
    injector.apply(12)
    with pytest.raises(ValueError, match="time goes on: 11 s after 12 s"):
        injector.apply(11)
    assert injector.active == (WIRE,)


# ---- what cannot be done is told


def test_what_the_bench_has_not_is_told_and_the_others_happen() -> None:
    ledger = Ledger()
    injector = Injector([WIRE, Fault(1, FaultKind.BUS_OFF, for_s=2)], {Place.PLANT: ledger})
    injector.apply(100)
    assert ledger.calls == [("begin", WIRE), ("end", WIRE)]
    assert injector.problems == (
        "bus-off not injected: this bench has no bus that can be disturbed; add [[can]] to rig.toml",
    )


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (WIRE, "the pack on this bench is a real one"),
        (RESET, "no BMS is emulated"),
        (Fault(0, FaultKind.ERROR_FRAMES, amount=5), "no bus that can be disturbed"),
        (Fault(0, FaultKind.POWER_CUT), "not ours to cut"),
        (Fault(0, FaultKind.GATEWAY_LOSS), "no gateway runs"),
    ],
)
def test_every_place_that_is_not_there_has_its_words(fault: Fault, words: str) -> None:
    others = {place: Ledger() for place in Place if place is not RULES[fault.kind].place}
    injector = Injector([fault], others)
    injector.apply(100)
    (happening,) = injector.happenings
    assert happening.what is What.NOT_INJECTED
    assert words in happening.reason
    assert not any(ledger.calls for ledger in others.values())


def test_what_a_place_refuses_is_told_and_never_ended() -> None:
    ledger = Ledger(frozenset([FaultKind.OPEN_WIRE]))
    injector = Injector([WIRE], everywhere(ledger))
    injector.apply(100)
    assert ledger.calls == []
    assert injector.problems == ("open-wire not injected: it is bolted down; unbolt it",)


def test_a_cell_block_that_the_pack_has_not_is_told() -> None:
    injector = Injector([Fault(0, FaultKind.OPEN_WIRE, "4", for_s=1)], {Place.PLANT: plant()})
    injector.apply(5)
    assert injector.problems == ('open-wire not injected: "4" is no cell block: the pack has 4, counted from 0',)


def test_the_end_of_a_run_ends_what_lasts_and_tells_what_never_came() -> None:
    ledger = Ledger()
    injector = Injector([WIRE, Fault(5, FaultKind.SHORT, "0", 2), Fault(90, FaultKind.BUS_OFF)], everywhere(ledger))
    injector.apply(12)
    injector.close()
    assert [(what, fault.kind) for what, fault in ledger.calls] == [
        ("begin", FaultKind.SHORT),
        ("begin", FaultKind.OPEN_WIRE),
        ("end", FaultKind.OPEN_WIRE),
    ]
    assert injector.problems == ("bus-off not injected: the run was over before 90 s",)
    assert injector.next_s is None


def test_faults_that_cannot_be_are_refused_before_a_run() -> None:
    with pytest.raises(ValueError, match="fault 1, short: amount: short expects"):
        Injector([Fault(0, FaultKind.SHORT, "0")], {})
    with pytest.raises(ValueError, match="fault 2, open-wire: open-wire ends while"):
        Injector([WIRE, Fault(12, FaultKind.OPEN_WIRE, "1")], {})


# ---- each place, as it is


def test_the_plant_shows_an_open_wire_for_its_time() -> None:
    pack = plant()
    injector = Injector([WIRE], {Place.PLANT: pack})
    shown = []
    for now_s in (5, 10, 29, 30):
        injector.apply(now_s)
        shown.append(pack.reading().open_wires)
    assert shown == [frozenset(), {1}, {1}, frozenset()]


def test_every_fault_of_a_plant_is_taken_by_it() -> None:
    pack = plant()
    pack.reading()
    faults = [fault for seed in range(30) for fault in random_faults(seed, 600, every_s=60)]
    taken = set()
    for fault in faults:
        if RULES[fault.kind].place is Place.PLANT and fault.where in ("", "0", "current", "temperature 0"):
            injector = Injector([fault], {Place.PLANT: pack})
            injector.apply(1e6)
            assert [one.what for one in injector.happenings] == [What.BEGAN, What.ENDED], injector.problems
            taken.add(fault.kind)
    assert len(taken) == 8


def test_a_bms_forgets_and_its_line_is_garbled_for_a_while() -> None:
    board, noise = JbdBoard(10_000, cycles=41), Noise(1)
    garbage = Fault(10, FaultKind.UART_GARBAGE, amount=30, for_s=20)
    injector = Injector([RESET, garbage], {Place.BMS: BmsFaults(board, noise=noise)})
    injector.apply(20)
    assert (board.cycles, noise.garbled_permil) == (0, 30)
    injector.apply(30)
    assert noise.garbled_permil == 0


def test_a_bms_on_can_speaks_another_version_and_then_its_own_again() -> None:
    wire = Wire()
    board, bus = wire.node(), wire.node()
    bms = CanBms(bus, 12, dialect=CELLS_1)
    bms.show(reading(pack_current_ma=-2_500))
    faults = [Fault(0, FaultKind.WRONG_DBC, CELLS_2, for_s=1), Fault(0, FaultKind.UART_GARBAGE, amount=5, for_s=1)]
    injector = Injector(faults, {Place.BMS: BmsFaults(bms, can=bms, dialect=CELLS_1)})
    injector.apply(0)
    until(lambda: 250 in currents(board), "the current as the other version says it")
    injector.apply(1)
    until(lambda: currents(board)[-1:] == [-2_500], "the current as it was said before")
    bms.close()
    assert injector.problems == (
        "uart-garbage not injected: the line to this BMS is not serial, or not ours to garble; take the JBD",
    )


def currents(node: object) -> list[int]:
    frames = node.received()  # type: ignore[attr-defined]
    return [int(row.view(np.int32)[1]) for row in frames.data[frames.can_id == 0x310]]


def test_a_bus_has_its_trouble_for_a_while() -> None:
    wire = Wire()
    other, bus = wire.node(), FaultyBus(wire.node())
    faults = [Fault(0, FaultKind.BUS_OFF, for_s=5), Fault(5, FaultKind.ERROR_FRAMES, amount=100, for_s=5)]
    injector = Injector(faults, {Place.BUS: BusFaults(bus)})
    injector.apply(0)
    assert bus.counters()["bus_offs"] == 1
    injector.apply(10)
    other.close()
    assert injector.problems == ()


def test_power_is_cut_at_a_byte_and_a_byte_that_does_not_come_is_told() -> None:
    supply = Supply()
    cuts = [Fault(1, FaultKind.POWER_CUT, amount=300, for_s=5), Fault(10, FaultKind.POWER_CUT, for_s=5)]
    injector = Injector(cuts, {Place.TARGET: TargetFaults(supply)})
    injector.apply(1)
    assert supply.cuts == [300]
    injector.apply(6)
    assert supply.cuts == [300, None]
    assert injector.problems[0].startswith("power-cut ended otherwise than asked: the target had not written 300 bytes")
    injector.apply(10)
    assert not supply.is_powered
    injector.apply(15)
    assert supply.is_powered
    assert len(injector.problems) == 1


class LostGateway:
    """One that comes back or not."""

    def __init__(self, comes_back: bool) -> None:
        self.jumped_s, self.is_running, self._comes_back = 0.0, True, comes_back

    def start(self) -> None:
        if not self._comes_back:
            raise UnavailableError("outbox.db: the disk is full; make room")
        self.is_running = True

    def stop(self) -> None:
        self.is_running = False

    def jump(self, seconds: float) -> None:
        self.jumped_s += seconds


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_gateway_is_lost_and_comes_back_or_it_is_told_why_not(comes_back: bool) -> None:
    gateway = LostGateway(comes_back)
    faults = [Fault(0, FaultKind.GATEWAY_LOSS, for_s=9), Fault(1, FaultKind.CLOCK_JUMP, amount=-3_600, for_s=4)]
    injector = Injector(faults, {Place.GATEWAY: GatewayFaults(gateway)})
    injector.apply(2)
    assert (gateway.is_running, gateway.jumped_s) == (False, -3_600)
    injector.apply(9)
    assert (gateway.is_running, gateway.jumped_s) == (comes_back, 0)
    why = "gateway-loss ended otherwise than asked: outbox.db: the disk is full; make room"
    assert injector.problems == (() if comes_back else (why,))


def test_the_benchs_own_gateway_has_its_clock_wrong(tmp_path: Path) -> None:
    gateway = BenchGateway(tmp_path)
    before_ms = gateway.unix_ms()
    actor = GatewayFaults(gateway)
    actor.begin(Fault(0, FaultKind.CLOCK_JUMP, amount=7_200))
    assert 7_200_000 <= gateway.unix_ms() - before_ms < 7_260_000


@pytest.mark.parametrize("kind", FaultKind)
def test_a_place_refuses_what_is_not_its(kind: FaultKind, tmp_path: Path) -> None:
    gateway = GatewayFaults(BenchGateway(tmp_path))
    actors: dict[Place, Actor] = {
        Place.BMS: BmsFaults(JbdBoard(10_000)),
        Place.BUS: BusFaults(FaultyBus(Wire().node())),
        Place.TARGET: TargetFaults(Supply()),
        Place.GATEWAY: gateway,
    }
    for place, actor in actors.items():
        if place is not RULES[kind].place:
            for act in (actor.begin, actor.end):
                with pytest.raises(ValueError, match="does not act on a"):
                    act(Fault(0, kind))
