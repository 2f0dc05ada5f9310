"""The bench: the pace of a board's clock, what of a duty falls where, traces, and a real board with real services."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.errors import UnavailableError
from packseal.io.micropython import micropython_command
from packseal.records.bodies import Boot, Window
from packseal_hil.course import SHORTEST_PIECE_S, Course
from packseal_hil.opening import NoTargetError, OpenBench, Wanted, open_bench
from packseal_hil.pack_setup import PackSetup
from packseal_hil.plant.duty import Duty, duty
from packseal_hil.protocols import BenchError
from packseal_hil.readings import Fault, FaultKind
from packseal_hil.rig import Rig, load_rig
from packseal_hil.services import Health

QUICK = PackSetup(series_blocks=6, sample_ms=60_000, window_ms=300_000, soc=0.8, clock_rate=200)
STEPS = Duty("steps", np.array([60.0, 30.0, 30.0]), np.array([0.1, -0.2, 0.3]), np.array([20.0, 21.0, 22.0]))
COURSE = Course(STEPS)
RIG = 'name = "desk"\n[[can]]\nname = "pack"\ndriver = "simulated"\nchannel = "desk"\n'


def wanted(folder: Path, target: str = "unix", setup: PackSetup = QUICK) -> Wanted:
    return Wanted("test", target, Rig(), setup, folder)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBench]:
    """One for all tests, which ask for what has come since they began."""
    try:
        micropython_command()
    except UnavailableError as error:
        pytest.skip(str(error))
    with open_bench(wanted(tmp_path_factory.mktemp("bench"))) as opened:
        yield opened


@given(st.floats(0, 1000), st.floats(0.01, 1000))
def test_the_pieces_of_a_duty_are_all_of_it(from_s: float, length_s: float) -> None:
    found = list(COURSE.pieces(from_s, from_s + length_s))
    assert sum(step_s for step_s, _, _ in found) == pytest.approx(length_s)
    assert all(step_s > 0 for step_s, _, _ in found)
    assert {(power, ambient_c) for _, power, ambient_c in found} <= {(0.1, 20.0), (-0.2, 21.0), (0.3, 22.0)}


@given(st.floats(1, 500), st.floats(1, 500))
def test_where_a_duty_is_divided_makes_no_difference(length_s: float, at_s: float) -> None:
    middle_s = min(at_s, length_s)
    whole = sum(step_s * power for step_s, power, _ in COURSE.pieces(0, length_s))
    parts = [*COURSE.pieces(0, middle_s), *COURSE.pieces(middle_s, length_s)]
    assert sum(step_s * power for step_s, power, _ in parts) == pytest.approx(whole, abs=SHORTEST_PIECE_S)


def test_a_duty_begins_again_at_its_end() -> None:
    assert [round(power, 1) for _, power, _ in COURSE.pieces(0, 240)] == [0.1, -0.2, 0.3, 0.1, -0.2, 0.3]
    assert COURSE.length_s(None, None) == 120
    assert COURSE.length_s(2, None) == 7200


def test_hours_or_seconds_not_both() -> None:
    with pytest.raises(ValueError, match="not both"):
        COURSE.length_s(1, 1)


def test_what_is_no_target_is_told_apart(tmp_path: Path) -> None:
    """A recording can stand for it; for anything else that goes wrong it cannot."""
    with pytest.raises(NoTargetError, match="not-here is not there"), open_bench(wanted(tmp_path, "board:not-here")):
        pass


def test_more_cells_than_the_emulated_bms_has_are_refused_with_the_cure(tmp_path: Path) -> None:
    huge = PackSetup(block_capacity_ah=700.0)
    with pytest.raises(BenchError, match="take a smaller pack"), open_bench(wanted(tmp_path, setup=huge)):
        pass


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('driver = "scpi-ngi-n83624"\naddress = "127.0.0.1:1"\ncell_blocks = 12', "cell_blocks = 12, .* of the test 6"),
        ('driver = "can-bms"\nbus = "pack"\ncell_blocks = 6', r'pack\(bms="can"\)'),
    ],
)
def test_a_rig_for_another_pack_is_refused_before_anything_is_opened(tmp_path: Path, table: str, words: str) -> None:
    (tmp_path / "rig.toml").write_text(RIG + f"[cell_simulator]\n{table}\n")
    asked = replace(wanted(tmp_path / "bench"), rig=load_rig(tmp_path / "rig.toml"))
    with pytest.raises(BenchError, match=words), open_bench(asked):
        pass
    assert not (tmp_path / "bench").exists()


def test_what_the_plant_does_is_what_the_record_says(bench: OpenBench) -> None:
    """Through BMS protocol, firmware, link, gateway, broker and passport service."""
    steady = Duty("steady", np.array([1200.0]), np.array([-0.2]), np.array([25.0]))
    before = bench.pack.truth()
    bench.pack.run(steady)
    windows = [entry.body for entry in bench.services.passport.entries() if isinstance(entry.body, Window)]
    discharging = [w for w in windows if w.pack_current_ma and w.pack_current_ma.maximum < -100]
    assert discharging
    trace = bench.pack.trace()
    means = [w.pack_current_ma.mean for w in discharging if w.pack_current_ma]
    assert trace.pack_current_ma.min() - 50 <= min(means)
    assert bench.pack.truth().charge_discharged_ah > before.charge_discharged_ah + 0.3
    assert trace.true_soc_cpct[-1] < trace.true_soc_cpct[0]
    assert (np.diff(trace.time_s) > 0).all()
    assert not bench.pack.problem()


def test_the_clock_is_as_fast_as_asked(bench: OpenBench) -> None:
    assert bench.board.clock_rate == 200


def next_delivery(bench: OpenBench) -> None:
    size = bench.services.passport.size()
    bench.pack.wait_for(lambda: bench.services.passport.size() > size, 60, "no records")


def test_the_pack_rests_while_the_test_thinks(bench: OpenBench) -> None:
    """The board's clock goes on; the pack has no other one."""
    first = bench.pack.reading().pack_ms
    for _ in range(2):  # deliveries, with two windows between them
        next_delivery(bench)
    later = bench.pack.reading()
    assert later.pack_ms > first + QUICK.window_ms
    assert abs(later.pack_current_ma) < 200


def test_years_pass_on_a_shelf(bench: OpenBench) -> None:
    before, starts = bench.pack.setup.true_soh_cpct(bench.pack.truth()), bench.board.starts
    bench.pack.age(5, "shelf")
    assert bench.pack.setup.true_soh_cpct(bench.pack.truth()) < before - 100
    assert bench.board.starts == starts + 1
    bench.pack.rest(hours=0.2)
    boots = sum(isinstance(entry.body, Boot) for entry in bench.services.passport.entries())
    assert boots == bench.board.starts


def test_a_clock_that_jumps_is_in_the_attestations_alone(bench: OpenBench) -> None:
    bench.pack.run("storage-day", for_s=1200, faults=[Fault(300, FaultKind.CLOCK_JUMP, amount=86_400)])
    passport, gateway = bench.services.passport, bench.services.gateway
    assert FaultKind.CLOCK_JUMP in bench.pack.faults
    assert not passport.refusals()
    assert not passport.differences()
    assert not gateway.problems()


def test_a_fault_that_cannot_be_had_is_told_by_the_bench(bench: OpenBench) -> None:
    bench.pack.run("storage-day", for_s=300, faults=[Fault(60, FaultKind.BUS_OFF, for_s=60)], is_settled=False)
    assert "bus" in bench.pack.problem()
    assert FaultKind.BUS_OFF not in bench.pack.faults


@pytest.mark.parametrize(
    ("claimed", "is_within"),
    [((9_900, 9_700, 10_100), True), ((9_900, 9_850, 9_950), False), ((None, None, None), False)],
)
def test_a_claim_holds_where_its_interval_has_the_truth(
    claimed: tuple[int | None, int | None, int | None], is_within: bool
) -> None:
    setup = PackSetup(series_blocks=6, loss=0.02)
    truth = setup.plant().truth()
    true_cpct = setup.true_soh_cpct(truth)
    shifted = [None if value is None else value - 9_900 + true_cpct + 80 for value in claimed]
    assert Health(setup, *shifted).within(truth) is is_within


def test_a_day_of_the_plants_duties_has_a_days_seconds() -> None:
    course = Course(duty("day-in-a-vehicle", 3))
    total_s = sum(step_s for step_s, _, _ in course.pieces(0, course.length_s(None, None)))
    assert total_s == pytest.approx(86_400)
