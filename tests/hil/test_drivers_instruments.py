"""The supply and the cell simulator, each against an emulator written from its manual."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal_hil.drivers.ngi_n83624 import NgiN83624
from packseal_hil.drivers.rigol_dp800 import RigolDP800
from packseal_hil.protocols import BenchError
from packseal_hil.rig import NgiN83624Table, RigolDP800Table
from tests.hil.readings import CELLS, reading
from tests.hil.scpi_ngi import N83624, OVP
from tests.hil.scpi_rigol import DP832
from tests.hil.scpi_server import Served

SHORT_S = 2.0
FIRST = 5


def supply(served: Served, **changes: Any) -> RigolDP800:
    values = {"address": served.address, "channel": 2, "voltage_mv": 12_250, "current_limit_ma": 1_500, **changes}
    return RigolDP800(RigolDP800Table(driver="scpi-rigol-dp800", **values), SHORT_S)


def cells(served: Served, settle_s: float = SHORT_S, **changes: Any) -> NgiN83624:
    values = {"address": served.address, "cell_blocks": CELLS, "first_channel": FIRST, **changes}
    return NgiN83624(NgiN83624Table(driver="scpi-ngi-n83624", **values), SHORT_S, settle_s)


@pytest.fixture
def dp832() -> DP832:
    return DP832()


@pytest.fixture
def dp832_served(dp832: DP832) -> Iterator[Served]:
    with Served(dp832) as served:
        yield served


@pytest.fixture
def ngi() -> N83624:
    return N83624()


@pytest.fixture
def ngi_served(ngi: N83624) -> Iterator[Served]:
    with Served(ngi) as served:
        yield served


def test_the_supply_switches_its_channel_alone(dp832: DP832, dp832_served: Served) -> None:
    power = supply(dp832_served)
    assert dp832.set_to["CH2"] == (12.25, 1.5)
    assert dp832.is_on == {"CH1": False, "CH2": False, "CH3": False}
    power.on()
    assert dp832.is_on == {"CH1": False, "CH2": True, "CH3": False}
    power.off()
    power.close()
    assert dp832.is_on["CH2"] is False
    assert dp832.errors == []


def test_errors_of_somebody_before_are_not_ours(dp832: DP832, dp832_served: Served) -> None:
    dp832.refuse('-222,"Data out of range"')
    supply(dp832_served).close()


def test_a_voltage_that_the_channel_has_not_is_named(dp832_served: Served) -> None:
    with pytest.raises(BenchError, match=r"refused.*APPL CH3,12\.250.*Data out of range"):
        supply(dp832_served, channel=3)


def test_a_protection_that_trips_is_no_power(dp832: DP832, dp832_served: Served) -> None:
    power = supply(dp832_served)
    dp832.trips = True
    with pytest.raises(BenchError, match=r"switched ON, but says 'OFF' of CH2; its protection has tripped"):
        power.on()
    power.close()


def test_another_supply_is_refused() -> None:
    with Served(DP832(model="DM3058")) as served, pytest.raises(BenchError, match="DM3058"):
        supply(served)


def test_cells_have_the_voltages_of_the_reading(ngi: N83624, ngi_served: Served) -> None:
    simulator = cells(ngi_served, current_limit_ma=750)
    assert [ngi.is_on[channel] for channel in range(FIRST, FIRST + CELLS)] == [0] * CELLS
    simulator.show(reading())
    ours = range(FIRST, FIRST + CELLS)
    assert [round(1000 * ngi.volts[channel]) for channel in ours] == reading().cell_mv.tolist()
    assert {(ngi.is_on[channel], ngi.mode[channel], ngi.limit_ma[channel]) for channel in ours} == {(1, 0, 750)}
    assert [ngi.volts[channel] for channel in (FIRST - 1, FIRST + CELLS)] == [0.0, 0.0]
    assert ngi.errors == []
    simulator.close()
    assert {ngi.is_on[channel] for channel in ours} == {0}


def test_only_what_changed_is_set(ngi: N83624, ngi_served: Served) -> None:
    simulator = cells(ngi_served)
    simulator.show(reading())
    ngi.said.clear()
    mv = reading().cell_mv.copy()
    mv[3] += 5
    simulator.show(reading(cell_mv=mv))
    assert [line for line in ngi.said if ":VOLT " in line] == [f"SOUR{FIRST + 3}:VOLT {mv[3] / 1000:.3f}"]
    simulator.close()


def test_a_channel_that_does_not_follow_is_named(ngi: N83624, ngi_served: Served) -> None:
    simulator = cells(ngi_served)
    ngi.sticks.add(FIRST + 2)
    with pytest.raises(BenchError, match=f"channel {FIRST + 2} of the cell simulator was set to 3614 mV, has 0"):
        simulator.show(reading())
    simulator.close()


def test_what_was_not_held_is_set_again(ngi: N83624, ngi_served: Served) -> None:
    simulator = cells(ngi_served)
    simulator.show(reading())
    ngi.sticks.add(FIRST)
    with pytest.raises(BenchError, match=f"channel {FIRST} of the cell simulator was set to 3700 mV"):
        simulator.show(reading(cell_mv=np.full(CELLS, 3700, np.int64)))
    ngi.sticks.clear()
    simulator.show(reading())
    assert [round(1000 * ngi.volts[FIRST + block]) for block in range(CELLS)] == reading().cell_mv.tolist()
    simulator.close()


def test_a_protection_is_named_with_its_channel(ngi: N83624, ngi_served: Served) -> None:
    simulator = cells(ngi_served)
    ngi.protections[FIRST + 1] = OVP
    with pytest.raises(BenchError, match=rf"channel {FIRST + 1} .*tripped \(over-voltage\)"):
        simulator.show(reading())
    simulator.close()


def test_a_channel_that_went_off_by_itself_is_told(ngi: N83624, ngi_served: Served) -> None:
    simulator = cells(ngi_served)
    simulator.show(reading())
    ngi.is_on[FIRST] = 0
    with pytest.raises(BenchError, match=f"channel {FIRST} of the cell simulator is off by itself"):
        simulator.show(reading())
    simulator.close()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cell_mv": np.full(CELLS - 1, 3600, np.int64)}, f"has {CELLS - 1} cell blocks, .* {CELLS}"),
        ({"cell_mv": np.full(CELLS, 6001, np.int64)}, "cell block 0: 6001 mV; .* 0 to 6000"),
        ({"cell_mv": np.full(CELLS, -1, np.int64)}, "cell block 0: -1 mV"),
    ],
)
def test_a_reading_it_cannot_show_changes_nothing(
    ngi: N83624, ngi_served: Served, changes: dict[str, Any], words: str
) -> None:
    simulator = cells(ngi_served)
    ngi.said.clear()
    with pytest.raises(BenchError, match=words):
        simulator.show(reading(**changes))
    assert ngi.said == []
    simulator.close()


def test_without_relays_an_open_wire_is_a_channel_that_is_off(ngi: N83624, ngi_served: Served) -> None:
    simulator = cells(ngi_served)
    simulator.show(reading(open_wires=frozenset({4})))
    assert [channel for channel in range(FIRST, FIRST + CELLS) if not ngi.is_on[channel]] == [FIRST + 4]
    assert set(ngi.relay.values()) == {0}
    simulator.show(reading())
    assert ngi.is_on[FIRST + 4] == 1
    simulator.close()


def test_relays_open_and_close_a_wire_without_voltage(ngi: N83624, ngi_served: Served) -> None:
    simulator = cells(ngi_served, has_fault_relays=True)
    simulator.show(reading())
    simulator.show(reading(open_wires=frozenset({4})))
    assert (ngi.relay[FIRST + 4], ngi.is_on[FIRST + 4], ngi.relay[FIRST]) == (1, 0, 0)
    simulator.show(reading())
    assert (ngi.relay[FIRST + 4], ngi.is_on[FIRST + 4]) == (0, 1)
    assert set(ngi.protections.values()) == {0}
    simulator.close()


def test_a_relay_left_open_by_somebody_is_closed_first(ngi: N83624, ngi_served: Served) -> None:
    ngi.relay[FIRST] = 1
    simulator = cells(ngi_served, has_fault_relays=True)
    simulator.show(reading())
    assert (ngi.relay[FIRST], ngi.is_on[FIRST]) == (0, 1)
    simulator.close()


def test_relays_are_not_switched_under_voltage(ngi: N83624, ngi_served: Served) -> None:
    table = NgiN83624Table(
        driver="scpi-ngi-n83624",
        address=ngi_served.address,
        cell_blocks=CELLS,
        first_channel=FIRST,
        has_fault_relays=True,
    )
    simulator = NgiN83624(table, SHORT_S, settle_s=0.2)
    simulator.show(reading())
    ngi.residual_v = 0.4
    with pytest.raises(BenchError, match=f"channels {FIRST} of the cell simulator keep their voltage when off"):
        simulator.show(reading(open_wires=frozenset({0})))
    assert ngi.relay[FIRST] == 0
    simulator.close()


@pytest.mark.parametrize("answer", ["3.6,3.6", ",".join(["nan"] * CELLS), ",".join(["3.6V"] * CELLS)])
def test_numbers_that_are_none_or_too_few_are_refused(ngi_served: Served, answer: str) -> None:
    simulator = cells(ngi_served)
    ngi_served.answers[ngi_served.heard + 3] = f"{answer}\n".encode()  # behind two lines and their receipt
    with pytest.raises(BenchError, match=f"for {CELLS} channels with '{answer}'"):
        simulator.show(reading())
    simulator.close()


def test_a_receipt_that_is_another_answer_is_refused(ngi_served: Served) -> None:
    simulator = cells(ngi_served)
    ngi_served.answers[ngi_served.heard + 2] = b"3.6\n"
    with pytest.raises(BenchError, match=r"answered \*IDN\? with 3.6; check that nobody else talks to it"):
        simulator.show(reading())
    simulator.close()


@settings(max_examples=8, deadline=None)
@given(
    shown=st.lists(
        st.tuples(st.lists(st.integers(0, 6000), min_size=4, max_size=4), st.frozensets(st.integers(0, 3))), max_size=3
    )
)
def test_whatever_is_shown_is_what_the_channels_have(shown: list[tuple[list[int], frozenset[int]]]) -> None:
    ngi = N83624()
    with Served(ngi) as served:
        simulator = cells(served, cell_blocks=4, first_channel=21, has_fault_relays=True)
        for mv, open_wires in shown:
            simulator.show(reading(cell_mv=np.array(mv, np.int64), open_wires=open_wires))
            assert [round(1000 * ngi.volts[channel]) for channel in range(21, 25)] == mv
            assert [ngi.relay[channel] for channel in range(21, 25)] == [int(block in open_wires) for block in range(4)]
            assert [ngi.is_on[channel] for channel in range(21, 25)] == [
                int(block not in open_wires) for block in range(4)
            ]
        simulator.close()
    assert ngi.errors == []
