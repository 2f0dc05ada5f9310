"""Commissioning: a pack has come, a board has been fitted. Is everything wired as the drawing says?

The checks of a first morning, in the order in which they are made: what runs on the board, what the passport shows
beside a voltmeter, which way current counts, what a wire that has come off looks like, and evidence to take along.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from packseal.apps.export import load_policy
from packseal.apps.verify import verify_file
from packseal.records.bodies import Boot, Config, Window
from packseal_hil.bench import Pack
from packseal_hil.plant.duty import Duty
from packseal_hil.readings import Fault, FaultKind
from packseal_hil.services import BATTERY, BenchPassport
from packseal_hil.targets.target import Target

LOOSE = 3  # the cell block whose wire comes off
WITHIN_MV = 15  # of the voltmeter: its noise, the sensors' own, and how far the cells still relax
SETTLE_S, WALL_S = 600.0, 15.0  # of each check: where the pack's clock runs fast, and where it is the wall's


@pytest.mark.duration(seconds=30)
@pytest.mark.pack(series_blocks=8, sample_ms=30_000, window_ms=300_000, checkpoint_every=1, clock_rate=200)
def test_a_pack_is_commissioned(pack: Pack, board: Target, passport: BenchPassport, tmp_path: Path) -> None:
    short_s = SETTLE_S if board.clock_rate > 1 else WALL_S
    pack.run(steady("first morning", 0.0, short_s))
    the_log_says_what_runs_on_the_board(board, passport)
    the_passport_shows_what_the_voltmeter_shows(pack, passport)
    current_counts_the_right_way(pack, passport, short_s)
    a_wire_that_comes_off_is_in_the_record(pack, passport, short_s)
    the_evidence_holds_elsewhere(passport, tmp_path)


def the_log_says_what_runs_on_the_board(board: Target, passport: BenchPassport) -> None:
    (boot,) = [entry.body for entry in passport.entries() if isinstance(entry.body, Boot)]
    if board.firmware_hash:
        assert boot.firmware_hash == board.firmware_hash
    assert any(isinstance(entry.body, Config) for entry in passport.entries())


def the_passport_shows_what_the_voltmeter_shows(pack: Pack, passport: BenchPassport) -> None:
    shown = np.array(last_window(passport).cell_mv)
    assert np.abs(shown - pack.reading().cell_mv).max() <= WITHIN_MV
    assert passport.document()["values"]["pack_voltage_mv"]["value"] == pytest.approx(shown.sum(), abs=8 * WITHIN_MV)


def current_counts_the_right_way(pack: Pack, passport: BenchPassport, short_s: float) -> None:
    for name, power in (("charge", 0.3), ("discharge", -0.3)):
        seen = passport.size()
        pack.run(steady(name, power, short_s))
        means = [window.pack_current_ma.mean for window in windows(passport, seen) if window.pack_current_ma]
        assert max(power * mean for mean in means) > 0.3 * 0.5 * pack.setup.rated_capacity_mah * abs(power)


def a_wire_that_comes_off_is_in_the_record(pack: Pack, passport: BenchPassport, short_s: float) -> None:
    seen = passport.size()
    off = Fault(0, FaultKind.OPEN_WIRE, str(LOOSE), for_s=short_s)
    pack.run(steady("a wire is off", 0.0, short_s), faults=[off])
    pack.run(steady("it is on again", 0.0, short_s))
    least_mv = [window.cell_mv[LOOSE] or 0 for window in windows(passport, seen)]
    assert min(least_mv) < 100
    assert least_mv[-1] == pytest.approx(pack.reading().cell_mv[LOOSE], abs=WITHIN_MV)


def the_evidence_holds_elsewhere(passport: BenchPassport, folder: Path) -> None:
    taken_along = passport.export(folder)
    assert verify_file(taken_along.path, load_policy(taken_along.policy)).trusted.battery == BATTERY


def steady(name: str, power: float, seconds: float) -> Duty:
    """power: W for each rated Wh, positive when it charges."""
    return Duty(name, np.array([seconds]), np.array([power]), np.array([25.0]))


def windows(passport: BenchPassport, since: int = 0) -> list[Window]:
    return [entry.body for entry in passport.entries()[since:] if isinstance(entry.body, Window)]


def last_window(passport: BenchPassport) -> Window:
    return windows(passport)[-1]
