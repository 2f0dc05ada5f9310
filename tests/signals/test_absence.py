"""Which values are not available, and why: ranges, codes of value tables and of J1939, and bindings above all."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from packseal.signals import Absence, apply_binding, load_dbc, parse_binding
from packseal.signals.absence import codes_of_j1939, codes_of_table, says_absent, without_codes
from tests.signals.layouts import HEAD, frames_of

OK, CODE, RANGE = Absence.NONE, Absence.NOT_AVAILABLE_CODE, Absence.OUT_OF_RANGE
SHORT, NO_NUMBER = Absence.FRAME_TOO_SHORT, Absence.NOT_A_NUMBER


def absences(signal: str, *payloads: str, more: str = "", can_id: int = 1) -> list[int]:
    """Of the one signal S in frames with these payloads. The values by array and by frame are compared on the way."""
    decoder = load_dbc(f"{HEAD}BO_ {can_id} M: 8 A\n SG_ S : {signal} A\n{more}".encode())
    frames = frames_of([bytes.fromhex(payload) for payload in payloads], can_id & 0x1FFFFFFF, can_id >= 1 << 31)
    found = decoder.decode(frames).values["M.S"]
    one_by_one = [decoder.decode_frame(can_id, bytes.fromhex(payload))["M.S"] for payload in payloads]
    assert [math.isnan(value) for value in one_by_one] == [code != OK for code in found.absence]
    assert [math.isnan(value) for value in found.physical] == [code != OK for code in found.absence]
    result: list[int] = found.absence.tolist()
    return result


def test_outside_the_dbcs_range() -> None:
    assert absences('0|8@1+ (0.5,-40) [-40|60] ""', "00", "C8", "C9", "FF", "") == [OK, OK, RANGE, RANGE, SHORT]


def test_range_of_a_signed_signal_with_a_falling_scale() -> None:
    assert absences('0|8@1- (-1,0) [-5|5] ""', "05", "06", "FB", "FA") == [OK, RANGE, OK, RANGE]


def test_a_range_rounded_in_the_dbc_keeps_its_last_value() -> None:
    assert absences('0|16@1+ (0.00390625,0) [0|250.996] ""', "FFFA", "00FB") == [OK, RANGE]


def test_zero_to_zero_is_no_range() -> None:
    assert absences('0|8@1+ (1,0) [0|0] ""', "00", "FF") == [OK, OK]


def test_unsigned_64_bits() -> None:
    assert absences('0|64@1+ (1,0) [0|9223372036854775808] ""', "FF" * 8, "FF" * 7 + "7F") == [RANGE, OK]


def test_float_with_a_range() -> None:
    table = "SIG_VALTYPE_ 1 S : 1;\n"
    payloads = ("9A99C940", "0000E040", "0000C07F", "0000807F")  # 6.3, 7, NaN, infinity
    expected = [OK, RANGE, NO_NUMBER, NO_NUMBER]
    assert absences('0|32@1- (1,0) [0|6.3] ""', *payloads, more=table) == expected


def test_codes_of_a_value_table_at_the_end_and_inside() -> None:
    table = 'VAL_ 1 S 255 "SNA" 16 "Signal not available" 3 "Ready" ;\n'
    assert absences('0|8@1+ (1,0) [0|0] ""', "03", "10", "11", "FF", more=table) == [OK, CODE, OK, CODE]


@pytest.mark.parametrize(
    "text", ["SNA", "sna", "Not available", "not_available", "SWITCH_SNA", "Invalid", "DATA_INVALID"]
)
def test_says_absent(text: str) -> None:
    assert says_absent(text)


@pytest.mark.parametrize("text", ["Valid", "Available", "Invalidated", "No fault", "SNAP", "", "x" * 200 + " SNA"])
def test_says_nothing_of_the_kind(text: str) -> None:
    assert not says_absent(text)


def test_a_single_bit_is_a_state() -> None:
    assert codes_of_table({0: "Valid", 1: "Invalid"}, 1) == ()
    assert codes_of_j1939({}, 1) == ()


def test_codes_of_j1939() -> None:
    assert codes_of_j1939({}, 2) == ((2, 3),)
    assert codes_of_j1939({}, 4) == ((15, 15),)
    assert codes_of_j1939({}, 8) == ((0xFB, 0xFF),)
    assert codes_of_j1939({}, 16) == ((0xFB00, 0xFFFF),)
    assert codes_of_j1939({3: "Take no action"}, 2) == ((2, 2),)
    assert codes_of_j1939({0xFD: "Charging", 0xFE: "Invalid"}, 8) == ((0xFB, 0xFC), (0xFE, 0xFF))


def test_j1939_message() -> None:
    more = 'BA_DEF_ "ProtocolType" STRING ;\nBA_DEF_DEF_ "ProtocolType" "";\nBA_ "ProtocolType" "J1939";\n'
    payloads = ("FFFA", "00FB", "FFFF", "00")
    assert absences('0|16@1+ (1,0) [0|0] ""', *payloads, more=more, can_id=0x98FEF1FE) == [OK, CODE, CODE, SHORT]


def test_codes_at_the_ends_narrow_the_limits() -> None:
    limits = without_codes(0, 255, ((0, 2), (9, 10), (254, 254), (255, 255)))
    assert (limits.lowest, limits.highest, limits.holes) == (3, 253, ((9, 10),))


BINDING = """
format = 1
name = "bench"
battery = "Bench pack"
dbc = "bench.dbc"
[quantities.pack_voltage_mv]
signal = "M.S"
factor = 1
valid = [0, 250]
"""


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", [OK, OK, CODE, RANGE]),  # the DBC's code counts, its range does not
        ("not_available = []", [OK, OK, OK, RANGE]),
        ("not_available = [5]", [CODE, OK, OK, RANGE]),
    ],
)
def test_a_binding_wins_over_its_dbc(more: str, expected: list[int]) -> None:
    text = f'{HEAD}BO_ 1 M: 8 A\n SG_ S : 0|8@1+ (1,0) [0|100] "" A\n\nVAL_ 1 S 200 "SNA" ;\n'
    decoder = load_dbc(text.encode())
    decoded = decoder.decode(frames_of([bytes([value]) for value in (5, 150, 200, 251)], 1))
    samples = apply_binding(parse_binding(BINDING + more), decoder, decoded)["pack_voltage_mv"]
    assert samples.absence.tolist() == expected


def test_codes_of_real_dbcs(shared: Path) -> None:
    (path,) = (shared / "data/can").rglob("CSS-Electronics-SAE-J1939-DEMO.dbc")
    speed = load_dbc(path.read_bytes()).signals["EEC1.EngineSpeed"]
    assert (speed.limits.lowest, speed.limits.highest) == (0, 0xFAFF)
    (path,) = (shared / "data/can").rglob("tesla_can.dbc")
    signals = load_dbc(path.read_bytes()).signals
    assert sum(bool(signal.absent_codes) for signal in signals.values()) > 50
