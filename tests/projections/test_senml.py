"""SenML-CBOR against the RFC's own bytes, and against a decoder and a CDDL validator that others wrote."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

import cbor2
import pycddl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.exchange.projections.senml import encode_pack, senml_message
from packseal.exchange.projections.signals import SIGNALS
from packseal.records.bodies import Window
from tests.projections.packs import HEALTH, NOW, UNIX_MS, last_values, window

TOPIC = "packseal/north/pack-1"
# RFC 8428 section 6: the dump of the pack of section 5.1.2
RFC_DUMP = """
87 a7 21 78 1b 75 72 6e 3a 64 65 76 3a 6f 77 3a 31 30 65 32 30 37 33 61 30 31 30 38 30 30 36 3a 22 fb 41 d3 03 a1 5b 00
10 62 23 61 41 20 05 00 67 76 6f 6c 74 61 67 65 01 61 56 02 fb 40 5e 06 66 66 66 66 66 a3 00 67 63 75 72 72 65 6e 74 06
24 02 fb 3f f3 33 33 33 33 33 33 a3 00 67 63 75 72 72 65 6e 74 06 23 02 fb 3f f4 cc cc cc cc cc cd a3 00 67 63 75 72 72
65 6e 74 06 22 02 fb 3f f6 66 66 66 66 66 66 a3 00 67 63 75 72 72 65 6e 74 06 21 02 f9 3e 00 a3 00 67 63 75 72 72 65 6e
74 06 20 02 fb 3f f9 99 99 99 99 99 9a a3 00 67 63 75 72 72 65 6e 74 06 00 02 fb 3f fb 33 33 33 33 33 33
"""
CDDL = """
pack = [1* record]
record = {? -2 => name, ? -3 => one, 0 => name, 1 => unit, 2 => one, ? 6 => one}
one = int / float
name = tstr .regexp "[A-Za-z0-9][-:./_A-Za-z0-9]*"
unit = "V" / "A" / "W" / "C" / "J" / "Cel" / "Ohm" / "/" / "%EL"
"""
SHAPE = pycddl.Schema(CDDL)
TABLE_6 = {"V", "A", "W", "C", "J", "Cel", "Ohm", "/", "%EL"}


def resolved(body: Window, *more: tuple[int, Any]) -> dict[str, tuple[float, str, float]]:
    """What a reader makes of it (RFC 8428 section 4.6): name -> (value, unit, time)."""
    message = senml_message(TOPIC, last_values(body, *more), tuple(last_values(body, *more).seen), NOW)
    assert message is not None
    assert (message.topic, message.retain) == (f"{TOPIC}/senml", False)
    SHAPE.validate_cbor(message.content)
    records = cbor2.loads(message.content)
    base, start = records[0][-2], records[0][-3]
    return {base + one[0]: (one[2], one[1], start + one.get(6, 0)) for one in records}


def test_the_example_of_the_rfc_to_the_byte() -> None:
    first: dict[int, str | float] = {
        -2: "urn:dev:ow:10e2073a0108006:",
        -3: 1276020076.001,
        -4: "A",
        -1: 5,
        0: "voltage",
        1: "V",
        2: 120.1,
    }
    values = zip(range(-5, 1), (1.2, 1.3, 1.4, 1.5, 1.6, 1.7), strict=True)
    more: list[dict[int, str | float]] = [{0: "current", 6: t, 2: v} for t, v in values]
    assert encode_pack([first, *more]) == bytes.fromhex(RFC_DUMP)


def test_names_units_and_times_of_a_pack() -> None:
    found = resolved(window(), (90_000, HEALTH))
    measured = UNIX_MS / 1000 - 2
    assert found[f"{TOPIC}/pack_voltage"] == (13.2, "V", measured)
    assert found[f"{TOPIC}/pack_current"] == (-5, "A", measured)
    assert found[f"{TOPIC}/pack_power"] == (-66, "W", measured)
    assert found[f"{TOPIC}/soc"] == (63.25, "%EL", measured)
    assert found[f"{TOPIC}/temperature_min"] == (21.5, "Cel", measured)
    assert found[f"{TOPIC}/charge"] == (432_000, "C", measured)
    assert found[f"{TOPIC}/charge_energy"] == (5_400_000, "J", measured)
    assert found[f"{TOPIC}/soh_capacity"] == (0.951, "/", measured - 8)
    assert found[f"{TOPIC}/resistance"] == (0.052, "Ohm", measured - 8)


def test_what_is_not_available_is_left_out_and_places_keep_their_numbers() -> None:
    found = resolved(window(None))
    assert f"{TOPIC}/pack_voltage" not in found
    assert {name.rpartition("/")[2] for name in found if "/cell_voltage/" in name} == {"0", "1", "3"}


def test_nothing_available_is_no_message() -> None:
    last = last_values(window(None, ()))
    assert senml_message(TOPIC, last, ("pack_voltage_mv", "cell_mv"), NOW) is None


def test_every_signal_has_a_name_of_its_own_and_a_unit_of_table_6() -> None:
    names = [
        name.removeprefix(TOPIC) for name in resolved(window(soc_reported_cpct=1, soh_reported_cpct=2), (1, HEALTH))
    ]
    scalars = [name for name in names if not re.search(r"/\d+$", name)]
    counters = {"full_cycles_cpct"}  # of this pack's counters the first four alone are given
    assert len(set(scalars)) == len(scalars) == sum(not one.is_array for one in SIGNALS.values()) - len(counters)
    assert {signal.unit.si[0] for signal in SIGNALS.values()} == TABLE_6


@given(st.integers(-(2**40), 2**40), st.sampled_from(sorted(SIGNALS)))
def test_a_reader_gets_the_double_next_to_the_exact_value(value: int, name: str) -> None:
    _, of_one = SIGNALS[name].unit.si
    exact = value * of_one
    record = cbor2.loads(encode_pack([{2: exact.numerator if exact.denominator == 1 else float(exact)}]))[0]
    assert float(record[2]) == float(Fraction(exact))


@given(st.floats(allow_nan=False))
def test_a_float_is_the_shortest_that_holds_the_value(value: float) -> None:
    content = encode_pack([{2: value}])
    (record,) = cbor2.loads(content)
    assert record[2] == value
    assert math.copysign(1, record[2]) == math.copysign(1, value)
    assert content[3:] == cbor2.dumps(value, canonical=True)


@pytest.mark.parametrize("count", [1, 23, 24, 200])
def test_packs_of_any_length(count: int) -> None:
    assert cbor2.loads(encode_pack([{0: f"n{place}", 2: place} for place in range(count)]))[-1] == {
        0: f"n{count - 1}",
        2: count - 1,
    }
