"""Answers among frames: whose they are, what becomes of each frame, and the same values as a plain reading gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.frames import Frames
from packseal.frames.isotp import Address, Loss
from packseal.signals import Absence, Decoder, MessageLayout, SignalLayout
from packseal.signals.diagnostics import Definition, DiagnosticListener, definitions_decoder
from packseal.signals.diagnostics.definitions import answered_signal
from tests.signals.diagnostics.traffic import MS, Row, frames_of, rows

TESTER, ECU = Address(0x7E4), Address(0x7EC)
SPEED = Address(0x7E8)


def definition(
    name: str, ask: str, *signals: SignalLayout, response: Address = ECU, data_bytes: int | None = None
) -> Definition:
    return Definition(name, TESTER, response, bytes.fromhex(ask), signals, data_bytes=data_bytes)


SOC = definition("A", "220101", answered_signal("SOC", 32, 8, factor=0.5), data_bytes=5)
SOH = definition("B", "220105", answered_signal("SOH", 16, 16, factor=0.1))
LATE = definition("C", "22010A", answered_signal("FIRST", 0, 8), answered_signal("LAST", 8 * 300, 8))
RPM = definition("D", "010C", answered_signal("RPM", 0, 16, factor=0.25), response=SPEED, data_bytes=2)
KMH = definition("E", "010D", answered_signal("KMH", 0, 8), response=SPEED, data_bytes=1)
LOCAL = definition("F", "2161", answered_signal("SOH", 16, 16, factor=0.01))
ALL = (SOC, SOH, LATE, RPM, KMH, LOCAL)


def heard(sent: list[Row]) -> tuple[dict[str, list[float]], DiagnosticListener]:
    listener = DiagnosticListener(ALL)
    _, pages = listener.take(frames_of(sent))
    values = definitions_decoder(ALL).decode(pages).values
    return {name: one.physical.tolist() for name, one in values.items()}, listener


@st.composite
def placed_signals(draw: st.DrawFn) -> SignalLayout:
    bits = draw(st.integers(1, 64))
    is_little_endian = bits > 8 and draw(st.booleans())
    bit = draw(st.integers(0, 2300))
    if is_little_endian:
        bit -= bit % 8
    return answered_signal("S", bit, bits, is_signed=draw(st.booleans()), is_little_endian=is_little_endian)


def plainly_read(signal: SignalLayout, bit: int, data: bytes) -> int:
    """By shifting one long number."""
    size = (signal.bit_length + 7) // 8
    if signal.is_little_endian:
        data = data[: bit // 8] + data[bit // 8 : bit // 8 + size][::-1] + data[bit // 8 + size :]
    raw = int.from_bytes(data) >> (8 * len(data) - bit - signal.bit_length) & ((1 << signal.bit_length) - 1)
    return raw - (1 << signal.bit_length) if signal.is_signed and raw >> (signal.bit_length - 1) else raw


@given(placed_signals(), st.binary(min_size=300, max_size=320))
def test_pages_carry_every_place_of_an_answer(signal: SignalLayout, data: bytes) -> None:
    byte = signal.start_bit // 8
    own = 8 * ((signal.bit_length + 7) // 8)
    bit = 8 * byte + (
        own - signal.start_bit % 8 - signal.bit_length if signal.is_little_endian else 7 - signal.start_bit % 8
    )
    one = definition("A", "220101", signal)
    _, pages = DiagnosticListener([one]).take(frames_of(rows(ECU, one.answer + data)))
    values = definitions_decoder([one]).decode(pages).values["A.S"]
    if signal.bytes_needed <= len(data):
        assert int(values.raw[0]) == plainly_read(signal, bit, data)
    else:
        assert values.absence.tolist() == [Absence.FRAME_TOO_SHORT]


def test_an_answer_has_the_time_of_its_last_frame() -> None:
    _, pages = DiagnosticListener(ALL).take(frames_of(rows(ECU, LATE.answer + bytes(301), 7 * MS)))
    assert set(pages.time_ns.tolist()) == {7 * MS + 43 * MS}


@pytest.mark.parametrize(
    ("response", "payload", "expected"),
    [
        (ECU, "620101 0000000049", {"A.SOC": [36.5]}),
        (ECU, "620101 0000000049 620105", {"A.SOC": [36.5]}),  # what follows is no known identifier
        (ECU, "620101 0000000049 0105 0000 03e8", {"A.SOC": [36.5], "B.SOH": [100.0]}),
        (ECU, "620105 0000 03e8 0101 0000000049", {"B.SOH": [100.0]}),  # nobody says how long the first one is
        (SPEED, "41 0c 0fa0 0d 32", {"D.RPM": [1000.0], "E.KMH": [50.0]}),
        (ECU, "6161 0ad3 130c", {"F.SOH": [48.76]}),
        (ECU, "410c0fa0", {}),  # another ECU's
        (ECU, "7f2231", {}),
        (ECU, "6201", {}),
        (ECU, "62", {}),
    ],
)
def test_whose_answer_it_is(response: Address, payload: str, expected: dict[str, list[float]]) -> None:
    assert heard(rows(response, bytes.fromhex(payload)))[0] == expected


def test_an_answer_that_is_too_short_lacks_only_the_signals_behind_its_end() -> None:
    values, listener = heard(rows(ECU, LATE.answer + b"\x07" + bytes(40)))
    assert values["C.FIRST"] == [7.0]
    assert np.isnan(values["C.LAST"]).all()
    assert listener.account.frames == {"decoded": 7, "without_signals": 0}
    _, listener = heard(rows(ECU, SOC.answer + b"\x01"))
    assert listener.account.frames == {"too_short": 1, "without_signals": 0}


def test_every_frame_has_its_place_in_the_account() -> None:
    answer = rows(ECU, SOH.answer + bytes.fromhex("000003e8") + bytes(20))
    sent = [
        *rows(TESTER, b"\x22\x01\x05"), *answer[:1], (0, TESTER, b"\x30\0\0"), *answer[1:],
        *rows(ECU, b"\x7f\x22\x31"), *rows(ECU, b"\x62\x01\x06\x01"), *answer[1:2],
    ]  # fmt: skip
    other: list[Row] = [(0, Address(0x123), b"\x01"), (0, Address(0x200), b"\x01")]
    dbc = Decoder([MessageLayout("M", 0x123, False, 1, (replace(KMH.signals[0], name="K"),))])
    listener = DiagnosticListener(ALL)
    rest, pages = listener.take(frames_of(sent + other))
    decoder = definitions_decoder(ALL, dbc)
    report = listener.account.in_frames(decoder.decode(Frames.concatenate([rest, pages])).report)
    assert (report.frames, report.decoded, report.without_signals, report.too_short) == (len(sent) + 2, 5, 5, 0)
    assert report.unknown_ids == {0x200: 1}
    assert listener.account.answers == {"B": 1}
    assert listener.account.negative == {"7EC 22: requestOutOfRange": 1}
    assert listener.account.unknown == {"7EC 620106": 1}
    assert listener.account.transport.losses == {Loss.NO_FIRST_FRAME: 1}


def test_an_answer_may_end_in_another_batch() -> None:
    sent = rows(ECU, SOC.answer + bytes(60))
    listener = DiagnosticListener(ALL)
    assert not len(listener.take(frames_of(sent[:4]))[1])
    assert len(listener.take(frames_of(sent[4:]))[1]) == 1
    assert listener.account.frames == {"decoded": len(sent), "without_signals": 0}


def test_two_definitions_of_one_answer_are_both_read() -> None:
    twice = (SOC, replace(SOC, name="A2"))
    _, pages = DiagnosticListener(twice).take(frames_of(rows(ECU, SOC.answer + bytes.fromhex("0000000049"))))
    assert set(definitions_decoder(twice).decode(pages).values) == {"A.SOC", "A2.SOC"}


def test_many_answers_at_once_are_decoded_as_one_by_one() -> None:
    sent = [row for n in range(200) for row in rows(ECU, SOC.answer + bytes([0, 0, 0, 0, n]) + bytes(40), n * 100 * MS)]
    assert heard(sent)[0] == {"A.SOC": [n / 2 for n in range(200)]}


def test_without_definitions_frames_pass_untouched() -> None:
    frames = frames_of(rows(ECU, b"\x62\x01\x01"))
    rest, pages = DiagnosticListener(()).take(frames)
    assert rest is frames
    assert not len(pages)


def test_unknown_answers_make_no_endless_list() -> None:
    listener = DiagnosticListener(ALL)
    listener.take(frames_of([row for did in range(1100) for row in rows(ECU, b"\x62" + (0x4000 + did).to_bytes(2))]))
    assert len(listener.account.unknown) == 1001
    assert listener.account.unknown["others"] == 100
