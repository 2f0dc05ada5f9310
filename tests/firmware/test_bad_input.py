"""Bad input: what is stated of a simulated pack while sensors, clocks and cells do what they should not.

The pack's capacity is known here and not to the estimator, which gets its samples the way a board does, through the
sampler. After each fault the same is asked: every statement holds the truth within its 95 % interval, and what stands
in the end is right, or taken back with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from random import Random
from typing import Any

import pytest

from logger.core.entries import ESTIMATE, SOH, Progress
from logger.core.sampler import Sampler
from logger.core.sampling import Integrator, Sample
from logger.core.segments import Segments
from logger.core.sensors import Sensors
from logger.core.statements import (
    CAPACITY,
    ENERGY,
    LACKS_AGREEMENT,
    LACKS_SENSOR,
    POWER_20,
    POWER_80,
    RESISTANCE,
    ROUND_TRIP,
)
from logger.drivers.simulator import CYCLE_MS, SimulatedPack
from packseal.signals.column_names import columns_of
from packseal.signals.table_rows import BACKWARD, REPEATED, TableRows
from tests.apps.replay_tables import BLOCKS as TABLE_BLOCKS
from tests.apps.replay_tables import HEADER, TRUE_MAH, simulated

RATED_MAH, SAMPLE_MS, WINDOW_SOC, INTERVAL = 10_000, 2_000, 8, 1.96
CYCLE = CYCLE_MS // SAMPLE_MS  # in samples
DAY, HOUR = 86_400_000 // SAMPLE_MS, 3_600_000 // SAMPLE_MS
DRIVEN_MAH = 8_000  # the cycle moves 73 % of it
CELL_UOHM = 18_000
PACKS_MAH = [8_000, 9_100]
KNOWN = 4.3  # cycles until a pack is known
PACKS = [(0, 8_000), (KNOWN, 8_000), (KNOWN, 9_100)]
UNSEEN_CPCT = 600  # a state of charge of a pack of unknown age, and what flows in the minutes before a fault shows

Fault = Callable[[Sample], None]
Clock = Callable[["Board", int], bool | None]


class Pack(SimulatedPack):  # type: ignore[misc]  # the firmware has no types
    """hidden_mams: moved without a sample."""

    hidden_mams = 0

    def _drive(self, left_ms: int) -> None:
        super()._drive(left_ms)
        self._charge_mams += self.hidden_mams

    def soc_cpct(self, now_ms: int) -> float:
        self._drive(now_ms % CYCLE_MS)
        socs = [930_000 + self._charge_mams * 10 / (mah * 36) for mah in self._capacities_mah]
        return float(sum(socs) / len(socs) / 100)


class Slow(Pack):
    """The current comes and goes within a minute, so that no step shows; rests of 15 minutes, 70 % at half a C."""

    RAMPS = ((900, 0, 0), (60, 0, -5), (2_400, -5, -5), (60, -5, 0), (900, 0, 0), (60, 0, -5), (2_400, -5, -5))
    RAMPS += ((60, -5, 0), (900, 0, 0), (60, 0, 5), (4_800, 5, 5), (60, 5, 0))  # type: ignore[assignment]
    LENGTH_MS = sum(ramp[0] for ramp in RAMPS) * 1_000

    def _drive(self, left_ms: int) -> None:  # noqa: ARG002 - a cycle of its own
        left_s, self._charge_mams = self._now_ms() % self.LENGTH_MS / 1_000, 0
        for length_s, first_a, last_a in self.RAMPS:
            part_s = min(left_s, length_s)
            now_a = first_a + (last_a - first_a) * part_s / length_s
            self._current_ma = round(now_a * 1_000)
            self._charge_mams += round((first_a + now_a) / 2 * part_s * 1e6)
            left_s -= part_s
            if not left_s:
                return


class Board:
    """A sampler on a pack, with what it has said. `true_mah`: of the pack that it is on."""

    refused = kind = 0
    temperature_sensors = 1

    def __init__(self, true_mah: int, blocks: int = 3, driven_mah: int = RATED_MAH, kind: type[Pack] = Pack) -> None:
        self.true_mah, self.pack_ms, self.clock_ms, self.windows = true_mah, 0, 0, 0
        self._blocks, self._driven_mah, self._kind = blocks, driven_mah, kind
        self.said: list[tuple[int, Any]] = []
        self.socs: list[tuple[int | None, float]] = []  # as shown, as it is
        self.fault: Fault | None = None
        config = {"rated_capacity_mah": RATED_MAH, "cell_blocks": blocks, "strings": 1, "chemistry": "nmc"}
        self.sampler = Sampler(config | {"sample_ms": SAMPLE_MS, "window_ms": 60_000}, self)
        self._progress = Progress()
        self.sampler.begin(0, self._progress)
        self.connect(true_mah, 1)

    def connect(self, true_mah: int, seed: int) -> None:
        """Another pack."""
        self.true_mah = true_mah
        self.pack = self._kind(self._pack_time_ms, self._blocks, 1, self._driven_mah, true_mah, seed)

    def _pack_time_ms(self) -> int:
        return self.pack_ms

    def read(self, sample: Sample) -> None:
        self.pack.read(sample)
        if self.fault:
            self.fault(sample)

    def run(self, samples: float, clock: Clock | None = None) -> None:
        """clock: may set the time; True where no sample is taken."""
        for slot in range(round(samples)):
            self.pack_ms += SAMPLE_MS
            self.clock_ms += SAMPLE_MS
            if not (clock and clock(self, slot)):
                self._take()

    def _take(self) -> None:
        sampler = self.sampler
        sampler.take(self.clock_ms - sampler.window_began_ms)
        if sampler.estimator.is_due:
            sampler.estimator.settle()
        while sampler.estimator.has_work:
            sampler.estimator.work()
        if sampler.is_window_over(self.clock_ms):
            shown_cpct = sampler.end_window(self.clock_ms, self._progress.counters).get(WINDOW_SOC)
            self.socs.append((shown_cpct, self.pack.soc_cpct(self.pack_ms)))
            sampler.estimator.note_window(self.windows)
            self.windows += 1
            self.said += [statement] if (statement := sampler.estimator.statement()) else []

    def stands(self, quantity: int) -> dict[int, Any] | None:
        """The newest body of this quantity."""
        found = None
        for kind, body in self.said:
            if quantity == (CAPACITY if kind == SOH else body[1]):
                found = body
        return found

    def lacks(self, quantity: int = CAPACITY) -> Any:
        """What the newest statement of it lacks; None where it has a value, or never had one."""
        body = self.stands(quantity)
        return None if body is None or 4 in body else body[5]


@cache
def _used(true_mah: int, cycles: float, more: tuple[tuple[str, Any], ...]) -> Board:
    board = Board(true_mah, **dict(more))
    board.run(cycles * CYCLE)
    return board


def used(true_mah: int, cycles: float, **more: Any) -> Board:
    """A board that has known a pack for so many cycles; what it has said until then does not count."""
    return deepcopy(_used(true_mah, cycles, tuple(more.items())))


def healths(said: list[tuple[int, Any]]) -> Iterator[Any]:
    return (body for kind, body in said if kind == SOH)


def assert_honest(board: Board, since: int = 0) -> None:
    """Every capacity, and every resistance, stated from there on."""
    for body in healths(board.said[since:]):
        assert abs(body[5][0] - board.true_mah) <= INTERVAL * body[5][1], body
        assert abs(body[6][0] - CELL_UOHM * board._blocks) <= INTERVAL * body[6][1] if 6 in body else True
    for kind, body in board.said[since:]:
        if kind == ESTIMATE and body[1] == RESISTANCE and 4 in body:
            assert abs(body[4][0] - CELL_UOHM * board._blocks) <= INTERVAL * body[4][1], body


def assert_taken_back(board: Board, lacks: int) -> None:
    """Whatever was known before."""
    assert board.lacks() == [lacks]
    for quantity in (RESISTANCE, ENERGY, POWER_80, POWER_20):
        assert board.stands(quantity) is None or board.lacks(quantity) == [lacks]


def assert_soc_honest(board: Board, since: int, most_cpct: float = UNSEEN_CPCT) -> None:
    for shown_cpct, true_cpct in board.socs[since:]:
        assert shown_cpct is None or abs(shown_cpct - min(max(true_cpct, 0), 10_000)) <= most_cpct


# ---- sensors


def held(change: Callable[[Sample, Any], Any]) -> Callable[[], Fault]:
    """change(sample, None) gives what is held, change(sample, held) sets it."""

    def begin() -> Fault:
        kept: list[Any] = []

        def fault(sample: Sample) -> None:
            if not kept:
                kept.append(change(sample, None))
            change(sample, kept[0])

        return fault

    return begin


def _cell(sample: Sample, kept: Any) -> Any:
    if kept is not None:
        sample.cell_mv[1] = kept
    return sample.cell_mv[1]


def _voltages(sample: Sample, kept: Any) -> Any:
    if kept is not None:
        sample.cell_mv[:], sample.pack_mv = kept
    return list(sample.cell_mv), sample.pack_mv


def _current(sample: Sample, kept: Any) -> Any:
    if kept is not None:
        sample.current_ma = kept
    return sample.current_ma


def _temperature(sample: Sample, kept: Any) -> Any:
    if kept is not None:
        sample.temperature_ddegc[0] = kept
    return sample.temperature_ddegc[0]


def constant(current_ma: int) -> Callable[[], Fault]:
    def fault(sample: Sample) -> None:
        sample.current_ma = current_ma

    return lambda: fault


def noisy_zero() -> Fault:
    """The shunt's wires are off: the amplifier shows its own noise."""
    random = Random(1)

    def fault(sample: Sample) -> None:
        sample.current_ma = random.randrange(-20, 21)

    return fault


def times(factor: float) -> Callable[[], Fault]:
    def fault(sample: Sample) -> None:
        sample.current_ma = round((sample.current_ma or 0) * factor)

    return lambda: fault


STILL = {
    "one cell": held(_cell),
    "all voltages": held(_voltages),
    "current where it was": held(_current),
    "current at nothing": constant(0),
    "current at its own noise": noisy_zero,
    "current while it charges": constant(5_000),
    "current while it discharges": constant(-5_000),
}


@pytest.mark.parametrize(("cycles", "true_mah"), PACKS)
@pytest.mark.parametrize("name", STILL)
def test_a_sensor_that_stands_still_is_named_and_nothing_is_known(name: str, cycles: float, true_mah: int) -> None:
    board = used(true_mah, cycles)
    since, windows = len(board.said), len(board.socs)
    board.fault = STILL[name]()
    board.run(2 * CYCLE)
    assert_honest(board, since)
    assert_taken_back(board, LACKS_SENSOR)
    assert_soc_honest(board, windows)
    assert {shown for shown, _ in board.socs[windows + 10 :]} == {None}


@pytest.mark.parametrize(("cycles", "true_mah"), PACKS)
def test_a_sign_of_the_current_that_is_turned_contradicts_the_voltages(cycles: float, true_mah: int) -> None:
    board = used(true_mah, cycles)
    since, windows = len(board.said), len(board.socs)
    board.fault = times(-1)()
    board.run(2 * CYCLE)
    assert_honest(board, since)
    assert_taken_back(board, LACKS_AGREEMENT)
    assert_soc_honest(board, windows)
    assert {shown for shown, _ in board.socs[windows + 10 :]} == {None}


SLOW = {"turned": times(-1), "current at nothing": constant(0), "one cell": held(_cell), "voltages": held(_voltages)}


@pytest.mark.parametrize("name", SLOW)
def test_without_steps_of_current_the_next_rests_show_it(name: str) -> None:
    """Until then nothing speaks against the count."""
    board = used(8_500, 1.4 * Slow.LENGTH_MS / CYCLE_MS, kind=Slow)
    since, windows = len(board.said), len(board.socs)
    board.fault = SLOW[name]()
    board.run(1.6 * Slow.LENGTH_MS / SAMPLE_MS)
    assert_honest(board, since)
    assert board.lacks() == [LACKS_AGREEMENT if name in ("turned", "current at nothing") else LACKS_SENSOR]
    assert {shown for shown, _ in board.socs[windows + 60 :]} == {None}


@pytest.mark.parametrize(("cycles", "true_mah"), PACKS)
def test_a_temperature_that_stands_still_takes_the_resistance_back(cycles: float, true_mah: int) -> None:
    """The capacity does not rest on it. A pack that has warmed by a degree meanwhile is off by three percent."""
    board = used(true_mah, cycles)
    since = len(board.said)
    board.fault = held(_temperature)()
    board.run(2 * CYCLE)
    assert board.lacks(RESISTANCE) == [LACKS_SENSOR]
    assert board.lacks() is None
    for kind, body in board.said[since:]:
        if kind == SOH:
            assert abs(body[5][0] - true_mah) <= INTERVAL * body[5][1]
            assert 6 not in body
        elif body[1] == RESISTANCE and 4 in body:
            assert abs(body[4][0] - 3 * CELL_UOHM) <= 3 * CELL_UOHM * 0.03


@pytest.mark.parametrize("name", ["one cell", "current at nothing"])
def test_when_it_is_mended_the_pack_is_known_again_after_rests_far_apart(name: str) -> None:
    board = used(9_100, KNOWN)
    board.fault = STILL[name]()
    board.run(CYCLE)
    since, board.fault = len(board.said), None
    board.run(4 * CYCLE)
    assert_honest(board, since)
    assert board.lacks() is None
    assert board.lacks(RESISTANCE) is None


@pytest.mark.parametrize("share", [0.01, 0.2, 0.7])
@pytest.mark.parametrize("true_mah", PACKS_MAH)
def test_values_that_are_absent_at_random_make_nothing_wrong(true_mah: int, share: float) -> None:
    random = Random(3)

    def absent(sample: Sample) -> None:
        sample.current_ma = None if random.random() < share else sample.current_ma
        sample.pack_mv = None if random.random() < share else sample.pack_mv
        for column in (sample.cell_mv, sample.temperature_ddegc):
            column[:] = [None if random.random() < share else value for value in column]

    board = Board(true_mah)
    board.fault = absent
    board.run(4 * CYCLE)
    assert_honest(board)
    assert share > 0.5 or list(healths(board.said))
    assert board.stands(ROUND_TRIP) is None, "energy was not counted all along"


@pytest.mark.parametrize("factor", [0.8, 0.9, 1.1])
def test_a_shunt_set_wrong_from_the_start_cannot_be_seen(factor: float) -> None:
    """Charge and voltage fit each other: those of a pack that is larger or smaller. A limit, and not a feature."""
    board = Board(8_500)
    board.fault = times(factor)()
    board.run(5 * CYCLE)
    for body in healths(board.said):
        assert abs(body[5][0] - 8_500 * factor) <= INTERVAL * body[5][1]


@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_a_shunt_that_changes_contradicts_what_was_known(factor: float) -> None:
    board = used(8_500, KNOWN)
    since = len(board.said)
    board.fault = times(factor)()
    board.run(2 * CYCLE)
    assert not list(healths(board.said[since:]))
    assert board.lacks() == [LACKS_AGREEMENT]


# ---- time


def gap(at: int, length: int) -> Clock:
    return lambda _board, slot: at <= slot < at + length


def often(at: int, length: int, every: int) -> Clock:
    return lambda _board, slot: at <= slot % every < at + length


def set_by(at: int, ms: int, every: int = 1 << 30) -> Clock:
    def clock(board: Board, slot: int) -> None:
        board.clock_ms += ms if slot % every == at else 0

    return clock


def stopped(at: int, length: int, every: int = 1 << 30) -> Clock:
    return lambda board, slot: (
        set_by(slot % every, -SAMPLE_MS, every)(board, slot) if at <= slot % every < at + length else None
    )


def hidden(at: int, seconds: int, current_ma: int) -> Clock:
    """No samples for so long, at rest before and after, and in between the pack was used."""

    def clock(board: Board, slot: int) -> bool:
        board.pack.hidden_mams += current_ma * seconds * 1_000 if slot == at else 0
        return at <= slot < at + seconds * 1_000 // SAMPLE_MS

    return clock


TIMES = {
    "seconds without a sample, often": often(150, 5, 160),
    "two minutes without one, in use": gap(200, 55),
    "two minutes without one, often": often(100, 50, CYCLE // 2 + 13),
    "an hour": gap(200, HOUR),
    "a day and a half": gap(200, DAY * 3 // 2),
    "use in a minute at rest": hidden(380, 60, -19_200),
    "use in two minutes at rest": hidden(380, 110, -19_200),
    "charge in two minutes at rest": hidden(380, 110, 12_000),
    "a clock a day ahead": set_by(300, 86_400_000),
    "a clock a minute ahead": set_by(300, 60_000),
    "a clock that goes back": set_by(300, -10_000),
    "a clock that goes back by an hour": set_by(300, -3_600_000),
    "a clock that goes back often": set_by(150, -4_000, 900),
    "a clock that stands still": stopped(300, 50),
    "a clock that stands still often": stopped(100, 20, 700),
}


@pytest.mark.parametrize(("cycles", "true_mah"), [(0, 9_100), (4, 8_000)])
@pytest.mark.parametrize("name", TIMES)
def test_time_that_is_not_told_makes_nothing_wrong(name: str, cycles: int, true_mah: int) -> None:
    board = used(true_mah, cycles, driven_mah=DRIVEN_MAH)
    since, windows = len(board.said), len(board.socs)
    samples = 2 * CYCLE + (DAY * 3 // 2 if name == "a day and a half" else 0)
    board.run(samples, TIMES[name])
    assert_honest(board, since)
    assert_soc_honest(board, windows + 30, 1_300)
    assert board.sampler.slots_missed >= 0
    assert cycles == 0 or list(healths(board.said))


def test_of_a_gap_at_rest_the_count_is_as_unsure_as_the_pack_is_strong() -> None:
    """Nobody saw that it was not used."""
    segments, sample = Segments(RATED_MAH, 1, 1_000), Sample(1, 1)
    sample.cell_mv[0] = 3_700
    found: list[float] = []
    for current_ma, ms in ((0, 1_000), (0, 60_000), (-40_000, 1_000), (0, 1_000), (0, 60_000)):
        sample.current_ma = current_ma
        before = segments.count.totals()
        segments.add(sample, [ms, 2 * current_ma] if found else None, 250)
        segments.add(sample, [ms, 2 * current_ma], 250)
        found.append(before.step_variance_to(segments.count.totals()) ** 0.5)
    assert found[1] > 0
    assert found[4] == pytest.approx(2 * found[1], rel=0.01)


def test_a_step_of_no_time_or_backward_is_no_flow() -> None:
    integrator = Integrator([0] * 4, 60_000)
    assert [integrator.add(at_ms, 1_000, 10_000) is None for at_ms in (0, 1_000, 1_000, 900, 1_900)] == [
        True, False, True, True, False,
    ]  # fmt: skip
    assert integrator.flow == [1_000, 2_000]


class TableBoard(Board):
    """On the rows of a table."""

    def __init__(self, rows: TableRows, table: Iterator[list[float]]) -> None:
        super().__init__(TRUE_MAH, TABLE_BLOCKS)
        for row in rows.rows(table):
            self.row, self.clock_ms = row, row.t_ms
            self._take()

    def read(self, sample: Sample) -> None:
        sample.current_ma, sample.pack_mv, sample.missing = self.row.current_ma, self.row.pack_mv, 0
        sample.cell_mv[:], sample.temperature_ddegc[:] = self.row.cell_mv, self.row.temperature_ddegc


def test_of_a_table_repeated_and_backward_rows_are_counted_and_left_out() -> None:
    """What `packseal replay` hands to the board, and what the board says of it."""
    random, counts = Random(5), [0] * 4

    def spoilt() -> Iterator[list[float]]:
        for row in simulated(cycles=3, step_s=2):
            yield row
            fault = random.randrange(100)
            if fault == 0:
                yield row[:]
            elif fault == 1 and row[0] > 100:
                yield [row[0] - random.choice([1, 60]), -row[1], *row[2:]]
            elif fault == 2:
                yield [row[0] + 1, float("nan"), *row[2:]]
            counts[min(fault, 3)] += 1

    columns = columns_of(HEADER, {})
    names = [column.name for some in columns.values() for column in some]
    rows = TableRows(columns, TABLE_BLOCKS, 1, lambda _cell: 0)
    board = TableBoard(rows, ([row[HEADER.index(name)] for name in names] for row in spoilt()))
    assert rows.dropped[REPEATED] == counts[0] > 5
    assert rows.dropped[BACKWARD] > 5
    assert sum(rows.left_out.values()) == counts[2] > 5
    assert_honest(board)
    assert list(healths(board.said))


# ---- other cells


@pytest.mark.parametrize(
    ("true_mah", "other_mah"), [(8_000, 9_100), (9_100, 8_000), (8_000, 10_000), (9_100, 8_700), (9_100, 9_000)]
)
def test_another_pack_without_a_restart_is_no_longer_the_old_one(true_mah: int, other_mah: int) -> None:
    """Taken back, and in the end learnt anew; one that is nearly the same may pass for the old one."""
    board = used(true_mah, KNOWN)
    since = len(board.said)
    board.connect(other_mah, 7)
    board.run(7 * CYCLE)
    assert_honest(board, since)
    health = next(reversed(list(healths(board.said))))
    assert abs(health[5][0] - other_mah) <= INTERVAL * health[5][1]


@pytest.mark.parametrize(
    ("true_mah", "block_mah", "blocks"), [(8_000, 10_000, 6), (9_100, 8_000, 6), (8_500, 7_800, 3)]
)
def test_a_block_that_is_replaced_by_a_fresh_or_a_worse_one(true_mah: int, block_mah: int, blocks: int) -> None:
    """A pack has no more than its weakest block, whatever the mean of its voltages says."""
    board = used(true_mah, KNOWN, blocks=blocks, driven_mah=7_000)
    since = len(board.said)
    board.pack._capacities_mah[2] = block_mah
    board.true_mah = min(board.pack._capacities_mah)
    board.run(5 * CYCLE)
    assert_honest(board, since)
    for body in healths(board.said[since:]):
        for block, value, uncertainty in filter(None, (body.get(10), body.get(11))):
            assert abs(value - board.pack._capacities_mah[block]) <= INTERVAL * uncertainty
    newest = board.stands(CAPACITY)
    assert newest
    assert 4 not in newest or abs(newest[5][0] - board.true_mah) <= INTERVAL * newest[5][1]


# ---- what is no fault


def test_what_comes_late_rests_and_rounds_is_no_fault() -> None:
    """Cells that are read one after the other, a coarse current and long rests: as cheap meters do."""
    sensors, sample, random = Sensors(RATED_MAH, 4, 1_000), Sample(4, 1), Random(7)
    currents = [0] * 4
    for second in range(8_000):
        currents = [*currents[1:], random.choice([-9_000, -4_000, 0, 3_000]) if second % 7 == 0 else currents[-1]]
        if second > 5_000:
            currents[-1] = 0
        sample.current_ma = currents[-1]
        if second % 3 == 0:
            sample.cell_mv[:] = [3_600 + current_ma // 50 // 10 * 10 for current_ma in currents]
        sensors.add(sample, [1_000, 2 * sample.current_ma], 250)
        assert sensors.lacks is None, second


def test_cells_that_are_read_one_a_second_are_not_still() -> None:
    sensors, sample = Sensors(RATED_MAH, 12, 1_000), Sample(12, 1)
    sample.cell_mv[:] = [3_700] * 12
    for second in range(600):
        sample.current_ma = 0 if second % 60 < 30 else -9_000
        sample.cell_mv[second % 12] = 3_700 + sample.current_ma // 50
        sensors.add(sample, [1_000, 2 * sample.current_ma], 250)
        assert sensors.lacks is None, second
