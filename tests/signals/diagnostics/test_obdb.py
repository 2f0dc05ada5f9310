"""OBDb's signal sets: its recorded responses give what it expects, or are damaged and refused with the reason."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.errors import SignalsetError
from packseal.frames.isotp import Address, Loss
from packseal.signals import Absence, Decoder, SignalValues
from packseal.signals.diagnostics import Definition, DiagnosticListener, definitions_decoder, load_signalset
from tests.signals.diagnostics.obdb_cases import Case, cases_in
from tests.signals.diagnostics.traffic import frames_of, rows


class Outcome(NamedTuple):
    """beyond: values that OBDb moves to the end of their range, and that are none here."""

    cases: int
    values: int
    beyond: int
    damaged: int


# Of the 379 of the Kona, eight have lost a frame or the end of one; their expected values were put together without it
# (a motor at 32,512 rpm, 63,753,448 kWh). No sequence of frames like these is taken for a message.
CARS = {
    "OBDb__Hyundai-Kona-Electric": Outcome(cases=379, values=9892, beyond=109, damaged=8),
    "OBDb__Nissan-Leaf": Outcome(cases=202, values=490, beyond=98, damaged=0),
}
DAMAGED = {Loss.OUT_OF_ORDER: 6, Loss.NO_FIRST_FRAME: 5, Loss.TOO_SHORT: 1}  # and one that just ends
UNITS = {"len": 8, "max": 255, "unit": "scalar"}


def decoded(definitions: tuple[Definition, ...], decoder: Decoder, case: Case) -> dict[str, SignalValues]:
    _, pages = DiagnosticListener(definitions).take(frames_of(case.rows))
    return {name.partition(".")[2]: values for name, values in decoder.decode(pages).values.items()}


def is_as_expected(values: SignalValues, expected: str) -> bool:
    """To five digits behind the point, as OBDb's tools write them; a value beyond its range is at the end of it."""
    layout, found = values.layout, float(values.scaled[-1])
    if layout.minimum is not None and layout.maximum is not None:
        found = min(max(found, layout.minimum), layout.maximum)
    return abs(found - float(expected)) <= 1e-5


@pytest.mark.parametrize("car", CARS)
def test_every_recorded_response_gives_the_expected_values(shared: Path, car: str) -> None:
    folder = shared / "data/can" / car
    definitions, notes = load_signalset((folder / "signalsets/v3/default.json").read_bytes())
    decoder = definitions_decoder(definitions)
    cases = values = beyond = damaged = 0
    for path in sorted(folder.glob("tests/**/*.yaml")):
        for case in cases_in(path):
            found = decoded(definitions, decoder, case)
            cases, values = cases + 1, values + len(case.expected)
            if not found:
                damaged += 1
                continue
            wrong = [name for name, expected in case.expected.items() if not is_as_expected(found[name], expected)]
            assert not wrong, (path, case, wrong)
            beyond += sum(found[name].absence[-1] == Absence.OUT_OF_RANGE for name in case.expected)
    assert not notes
    assert Outcome(cases, values, beyond, damaged) == CARS[car]


def test_damaged_responses_are_counted_with_the_reason(shared: Path) -> None:
    folder = shared / "data/can/OBDb__Hyundai-Kona-Electric"
    definitions, _ = load_signalset((folder / "signalsets/v3/default.json").read_bytes())
    reasons = Counter[Loss]()
    for path in sorted(folder.glob("tests/**/*.yaml")):
        for case in cases_in(path):
            listener = DiagnosticListener(definitions)
            if not len(listener.take(frames_of(case.rows))[1]):
                reasons.update(set(listener.account.transport.losses))
    assert reasons == DAMAGED


def signalset(**fmt: Any) -> bytes:
    signal = {"id": "X", "name": "X", "fmt": UNITS | fmt}
    return json.dumps({"commands": [{"hdr": "7E4", "cmd": {"22": "0101"}, "freq": 1, "signals": [signal]}]}).encode()


def value_of(content: bytes, data: str) -> float:
    """NaN where it is none."""
    definitions, _ = load_signalset(content)
    answer = definitions[0].answer + bytes.fromhex(data)
    _, pages = DiagnosticListener(definitions).take(frames_of(rows(definitions[0].response, answer)))
    return float(definitions_decoder(definitions).decode(pages).values["7E4_220101.X"].physical[0])


@pytest.mark.parametrize(
    ("fmt", "data", "expected"),
    [  # the format's own examples (github.com/OBDb/.schemas, python/can/test_signals.py and test_null_bounds.py)
        ({"bix": 8, "len": 16, "max": 65535, "blsb": True}, "012345", 0x4523),
        ({"bix": 8, "len": 16, "max": 65535}, "012345", 0x2345),
        ({"bix": 4, "len": 12, "max": 65535, "blsb": True}, "1234", 0x412),
        ({"bix": 3, "len": 3}, "58", 6),
        ({"min": -128, "sign": True}, "ff", -1),
        ({"mul": 9, "div": 5, "add": 32, "max": 300}, "14", 68),
        ({"nullmax": 255}, "ff", None),
        ({"nullmax": 255}, "fe", 254),
        ({"nullmin": 0}, "00", None),
        ({"min": -40, "add": -40, "nullmin": -40}, "00", None),
        ({"max": 100}, "65", None),
        ({"max": 0}, "65", 101),
    ],
)
def test_fields_mean_what_the_format_says(fmt: dict[str, Any], data: str, expected: float | None) -> None:
    found = value_of(signalset(**fmt), data)
    assert found == expected if expected is not None else math.isnan(found)


def test_names_of_raw_values_are_kept() -> None:
    content = signalset(map={"1": {"value": "ON", "description": "on"}, "3": {"value": "INVALID", "description": ""}})
    (definition,), _ = load_signalset(content)
    assert definition.texts == {"X": {1: "ON", 3: "INVALID"}}
    assert math.isnan(value_of(content, "03"))
    assert value_of(content, "01") == 1


def command(**fields: Any) -> bytes:
    signal = {"id": "X", "name": "X", "fmt": UNITS}
    return json.dumps(
        {"commands": [{"hdr": "7E4", "cmd": {"22": "0101"}, "freq": 1, "signals": [signal]} | fields]}
    ).encode()


@pytest.mark.parametrize(
    ("fields", "name", "request_to", "response_from"),
    [
        ({"rax": "7EC"}, "7E4_220101", Address(0x7E4), Address(0x7EC)),
        ({"hdr": "7DF", "cmd": {"01": "0D"}}, "7DF_010D", Address(0x7DF), Address(0x7E8)),
        ({"hdr": "79B", "rax": "7BB", "cmd": {"21": "61"}}, "79B_2161", Address(0x79B), Address(0x7BB)),
        ({"hdr": "6F1", "eax": "07", "rax": "607"}, "6F1+07_220101", Address(0x6F1, False, 7),
         Address(0x607, False, 0xF1)),
        ({"hdr": "DA10"}, "18DA10F1_220101", Address(0x18DA10F1, True), Address(0x18DAF110, True)),
        ({"hdr": "DB33", "rax": "28"}, "18DB33F1_220101", Address(0x18DB33F1, True), Address(0x18DAF128, True)),
        ({"filter": {"from": 2024, "years": [2020]}}, "7E4_220101_2024-_2020", Address(0x7E4), Address(0x7EC)),
    ],
)  # fmt: skip
def test_who_is_asked_and_who_answers(
    fields: dict[str, Any], name: str, request_to: Address, response_from: Address
) -> None:
    (definition,), notes = load_signalset(command(**fields))
    assert (definition.name, definition.request, definition.response, notes) == (name, request_to, response_from, ())


def test_the_same_question_may_be_answered_by_several() -> None:
    both = [json.loads(command(hdr="7DF", rax=rax))["commands"][0] for rax in ("7E8", "7E9")]
    definitions, _ = load_signalset(json.dumps({"commands": both}).encode())
    assert [one.name for one in definitions] == ["7DF_220101", "7DF_220101_7E9"]


def test_what_is_not_on_can_and_texts_are_passed_over_and_noted() -> None:
    assert load_signalset(command(hdr="686A", proto="9141-2")) == ((), ("command 0: not on CAN; passed over",))
    (definition,), notes = load_signalset(signalset(len=136, unit="ascii"))
    assert (definition.signals, notes) == ((), ("X: 136 bits are a text; passed over",))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "no OBDb signal set"),
        (b"[]", "no OBDb signal set"),
        (b'{"commands": 1}', "expected a list"),
        (b'{"commands": [1]}', r"commands\[0\]"),
        (b"{" * 100_000, "no OBDb signal set"),
        (command(cmd={"2E": "0101"}), r"commands\[0\]: '2E0101': only services that read"),
        (command(cmd={"22": "01"}), "identifier of 4 digits"),
        (command(freq="x"), r"commands\[0\]"),
        (signalset(len=0), "1 to 64 bits"),
        (signalset(bix=-1), "bix: expected a whole number of bits"),
        (signalset(bix=6, len=12, blsb=True), "begin at a byte"),
        (signalset(div=0), r"commands\[0\]"),
        (signalset(mul=0), "make no scale"),
        (signalset(mul="x"), "mul: expected a number, found 'x'"),
        (signalset(len=8.5), "whole number of bits"),
        (signalset(max=10**400), "max: expected a number"),
        (signalset(min="a", max="b"), "expected a number"),
        (command(hdr="FFF"), "11 bits"),
        (command(hdr="-7E"), "hexadecimal digits"),
        (command(eax=7), "hexadecimal digits"),
        (command(signals=[{"id": "a.b", "fmt": UNITS}]), "letters, digits and _"),
        (json.dumps({"commands": json.loads(command())["commands"] * 3}).encode(), "7E4_220101_7EC is there twice"),
    ],
)
def test_what_is_wrong_is_said(content: bytes, words: str) -> None:
    with pytest.raises(SignalsetError, match=words):
        load_signalset(content)


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(0, 70), st.floats(), st.text(max_size=4),
    st.lists(st.integers()), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip
FMT_KEYS = ["bix", "len", "max", "min", "mul", "div", "add", "sign", "blsb", "unit", "map", "nullmin", "nullmax"]
KEYS = ["hdr", "rax", "eax", "tst", "pri", "cmd", "freq", "signals", "filter", "proto"]


@given(
    st.dictionaries(st.sampled_from(FMT_KEYS), ODD, max_size=3), st.dictionaries(st.sampled_from(KEYS), ODD, max_size=1)
)
def test_odd_sets_are_refused_or_decode(fmt: dict[str, Any], fields: dict[str, Any]) -> None:
    signal = {"id": "X", "name": "X", "fmt": UNITS | fmt}
    whole = {"hdr": "7E4", "cmd": {"22": "0101"}, "freq": 1, "signals": [signal]} | fields
    try:
        definitions, _ = load_signalset(json.dumps({"commands": [whole]}).encode())
    except SignalsetError:
        return
    for one in definitions:
        _, pages = DiagnosticListener([one]).take(frames_of(rows(one.response, one.answer + bytes(range(20)))))
        for values in definitions_decoder([one]).decode(pages).values.values():
            assert len(values.physical) == len(values.absence) == 1
