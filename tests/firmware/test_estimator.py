"""The estimator over the simulated pack, whose capacity it is not told: what is said, and what is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from logger.core.entries import ESTIMATE, SOH
from logger.core.estimator import Estimator
from logger.core.sampling import Integrator, Sample
from logger.core.statements import (
    CAPACITY,
    ENERGY,
    LACKS_CURVE,
    LACKS_REST,
    LACKS_SPAN,
    METHOD_WINDOWS,
    POWER_20,
    POWER_80,
    RESISTANCE,
    ROUND_TRIP,
    SOCE,
)
from tests.firmware.conftest import Interpreter
from tests.firmware.test_charge_window import RATED_MAH as CELL_MAH
from tests.firmware.test_charge_window import Cell

SCRIPT = Path(__file__).parent / "board_tests/estimates.py"
RESISTANCE_UOHM = 18_000 * 6 // 2
CERTIFIED_WH = 220


def said(interpreter: Interpreter, true_mah: int, cycles: int, age: str = "used") -> tuple[list[Any], Any]:
    """(type, body) of each statement, keys as numbers, and the last state of charge."""
    found = json.loads(interpreter.run(SCRIPT, str(true_mah), str(cycles), age, heap_bytes=8 << 20))
    statements = [(kind, {int(key): value for key, value in body.items()}) for kind, body in found["said"]]
    return statements, found["soc_cpct"]


def of(statements: list[Any], quantity: int) -> list[dict[int, Any]]:
    return [body for kind, body in statements if kind == ESTIMATE and body[1] == quantity]


@pytest.mark.parametrize("true_mah", [8_500, 9_100])
def test_what_is_said_of_a_capacity_holds_the_truth(interpreter: Interpreter, true_mah: int) -> None:
    """A pack of unknown age, moved through 77 % of its rated capacity: known, or what it takes is said."""
    statements, soc_cpct = said(interpreter, true_mah, 5)
    capacities = [body for kind, body in statements if kind == SOH]
    for body in capacities:
        assert abs(body[4][0] - true_mah) <= 2 * body[4][1] + 1
        assert body[2][0] < body[2][1]
        assert body[10][1] <= body[5][0] <= body[11][1]
    lacking = of(statements, CAPACITY)
    assert capacities or lacking
    assert all(body[5] == [LACKS_SPAN] for body in lacking)
    assert abs(soc_cpct - 9_300) < 200


def test_resistance_and_round_trip(interpreter: Interpreter) -> None:
    statements, _ = said(interpreter, 9_100, 2)
    resistances, trips = of(statements, RESISTANCE), of(statements, ROUND_TRIP)
    assert all(abs(body[4][0] - RESISTANCE_UOHM) <= 3 * body[4][1] for body in resistances)
    assert resistances
    # by currents of 2.4 and 1.08 C out and 2 C in, at 54 mOhm of 22 V
    assert [8_900 < body[4][0] < 9_100 for body in trips] == [True]


def test_energy_follows_from_a_known_capacity(interpreter: Interpreter) -> None:
    statements, _ = said(interpreter, 10_000, 2, "new")
    assert [abs(body[4][0] - 10_000) <= 2 * body[4][1] for kind, body in statements if kind == SOH] == [True]
    energy, soce = of(statements, ENERGY)[0], of(statements, SOCE)[0]
    assert abs(energy[4][0] - 10 * 22.2) <= 2 * energy[4][1]
    assert soce[4][0] == pytest.approx(energy[4][0] * 10_000 / CERTIFIED_WH, abs=30)
    assert of(statements, POWER_80)[-1][4][0] > of(statements, POWER_20)[-1][4][0] > 0


@pytest.mark.parametrize(("chemistry", "lacks"), [(None, LACKS_CURVE), ("lfp", LACKS_REST)])
def test_after_a_day_it_is_said_what_lacks(chemistry: str | None, lacks: int) -> None:
    """A pack that is used all day and never rests."""
    config = {"rated_capacity_mah": 10_000, "cell_blocks": 2, "strings": 1} | (
        {"chemistry": chemistry} if chemistry else {}
    )
    estimator, sample, found = Estimator(config, 60_000, lambda: (0, 0)), Sample(2, 1), []
    for minute in range(2 * 1_440):
        sample.current_ma = 5_000 if minute % 2 else -5_000
        sample.cell_mv[:] = [3_300 + sample.current_ma // 100] * 2
        sample.pack_mv = sum(mv or 0 for mv in sample.cell_mv)
        estimator.add(sample, (60_000, 0) if minute else None)
        estimator.note_window(minute)
        statement = estimator.statement()
        if statement:
            found.append((minute, statement))
    assert [(minute, kind, body[1], body[5]) for minute, (kind, body) in found] == [
        (1_440, ESTIMATE, CAPACITY, [lacks])
    ]
    assert estimator.soc_cpct() is None


@pytest.mark.parametrize("family", ["lco", "nca"])
def test_steady_currents_are_enough_where_the_curves_were_learnt_from_such_cells(family: str) -> None:
    """Method 7, without a chemistry: parts of cycles of a cell at 86 %, three samples in each half minute."""
    cell = Cell(family, 860_000)
    config = {"rated_capacity_mah": CELL_MAH, "cell_blocks": 1, "strings": 1, "curve_family": family}
    sample, integrator = Sample(1, 1), Integrator([0] * 4, 60_000)
    estimator, said, now_ms, seq = Estimator(config, 10_000, integrator.energies_uwh), [], 0, 0
    for segment in cell.life(40):
        if segment is None:
            now_ms += 3_600_000  # what is hidden of the cell's life was not counted here
            continue
        sample.cell_mv[0] = sample.pack_mv = round(segment.cell_uv[0] / 1000)
        sample.current_ma, sample.temperature_ddegc[0] = segment.current_ma, segment.ddegc
        for _ in range(3):
            now_ms += 10_000
            estimator.add(sample, integrator.add(now_ms, sample.current_ma, sample.pack_mv))
        while estimator.has_work:
            estimator.work()
        seq += 1
        estimator.note_window(seq)
        said += [statement] if (statement := estimator.statement()) else []
    healths = [body for kind, body in said if kind == SOH]
    assert healths
    for body in healths:
        assert body[1] == METHOD_WINDOWS
        assert 0 < body[2][0] < body[2][1] <= seq
        assert abs(body[5][0] - 8_600) <= 1.96 * body[5][1]
