"""Our decoding by arrays against cantools frame by frame: recorded logs and random layouts."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import cantools.database
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.frames import Frames, read_log
from packseal.signals import DecodedSignals, Decoder, DecodeReport, load_dbc

LEAF = {"ZE0w24kWhstock.log": ("EV-can_ZE0.dbc", 59_964), "ME0_40kWh_Startup.log": ("EV-can_AZE0.dbc", 16_539)}
HEAD = 'VERSION ""\nNS_ :\nBS_:\nBU_: A\n'

Oracle = tuple[dict[str, list[tuple[int, float]]], Counter[str]]


def by_cantools(text: str, frames: Frames) -> Oracle:
    """name -> [(time, physical)] of every frame cantools decodes, and the frames it does not by message."""
    database: Any = cantools.database.load_string(text, "dbc", strict=False)
    messages = {(m.frame_id, m.is_extended_frame): m for m in database.messages}
    values: dict[str, list[tuple[int, float]]] = defaultdict(list)
    failed: Counter[str] = Counter()
    for i in range(len(frames)):
        message = messages.get((int(frames.can_id[i]), bool(frames.is_extended[i])))
        if message is None:
            continue
        data = bytes(frames.data[i, : frames.length[i]])
        try:
            decoded = message.decode(data, decode_choices=False, allow_truncated=True)
        except cantools.database.DecodeError:
            failed[message.name] += 1
            continue
        for name, value in decoded.items():
            values[f"{message.name}.{name}"].append((int(frames.time_ns[i]), float(value)))
    return values, failed


def assert_equal(decoded: DecodedSignals, expected: dict[str, list[tuple[int, float]]]) -> None:
    """Every value cantools has, at its time, and no other; equal but for the last bit of a rounded 64-bit integer."""
    ours = {name: values for name, values in decoded.values.items() if not values.is_short.all()}
    assert set(ours) == set(expected)
    for name, pairs in expected.items():
        times, physical = (np.array(column) for column in zip(*pairs, strict=True))
        rows = ~ours[name].is_short
        assert np.array_equal(ours[name].time_ns[rows], times), name
        np.testing.assert_allclose(ours[name].scaled[rows], physical, rtol=2**-52, atol=0, err_msg=name)


@pytest.mark.parametrize("log", LEAF)
def test_leaf_logs_decode_as_cantools_decodes_them(shared: Path, log: str) -> None:
    dbc, decoded_frames = LEAF[log]
    content = (shared / "data/can/dalathegreat__leaf_can_bus_messages" / dbc).read_bytes()
    frames, _ = read_log((shared / "data/can/dalathegreat__EV-CANlogs/leaf" / log).read_bytes())
    decoded = load_dbc(content).decode(frames)
    expected, failed = by_cantools(content.decode("cp1252"), frames)
    assert_equal(decoded, expected)
    assert not failed
    assert decoded.report.decoded == decoded_frames
    assert decoded.report.without_signals == 2


def test_unknown_multiplexer_value_costs_only_what_it_switches(shared: Path) -> None:
    """Leaf 62 kWh: cantools loses every 0x5BC frame, and with it the state of health that stands in the bytes."""
    content = (shared / "data/can/dalathegreat__leaf_can_bus_messages/EV-can_ZE1.dbc").read_bytes()
    lines = (shared / "data/can/dalathegreat__EV-CANlogs/leaf/62kWh-Battery-only-EVcan.txt").read_text().splitlines()
    frames = Frames.concatenate([_frames(0x5BC, _payload(line)) for line in lines if " 5BC " in line])
    decoded = load_dbc(content).decode(frames)
    _, failed = by_cantools(content.decode("cp1252"), frames)
    message = next(iter(failed))
    assert failed[message] == len(frames) > 0
    assert decoded.report.decoded == len(frames)
    assert sum(decoded.report.unknown_multiplexers.values()) >= len(frames)
    health = [name for name in decoded.values if "Deterioration" in name or "SOH" in name.upper()]
    assert {int(v) for name in health for v in decoded.values[name].physical} & {91, 96}


def _payload(line: str) -> bytes:
    return bytes.fromhex(line.partition("]")[2].strip())


def _frames(can_id: int, *payloads: bytes) -> Frames:
    width = 64 if any(len(payload) > 8 for payload in payloads) else 8
    n = len(payloads)
    return Frames(
        can_id=np.full(n, can_id, np.uint32),
        is_extended=np.zeros(n, np.bool_),
        time_ns=np.arange(n, dtype=np.int64),
        channel=np.zeros(n, np.uint8),
        length=np.array([len(payload) for payload in payloads], np.uint8),
        data=np.array([list(payload.ljust(width, b"\0")) for payload in payloads], np.uint8).reshape(n, width),
    )


@st.composite
def layouts(draw: st.DrawFn) -> tuple[str, int]:
    """A DBC with one message of random signals, each in bytes of its own, and the length of the message."""
    is_multiplexed = draw(st.booleans())
    lines, types, length = [], [], 1
    for index in range(draw(st.integers(1, 6))):
        bits = draw(st.integers(1, 64))
        if is_float := draw(st.integers(0, 4)) == 0:
            bits = draw(st.sampled_from([32, 64]))
            types.append(f"SIG_VALTYPE_ 100 S{index} : {bits // 32};\n")
        place = 8 * length + draw(st.integers(0, 7))
        is_little = draw(st.booleans())
        start = place if is_little else place - place % 8 + 7 - place % 8
        mark = f"m{draw(st.integers(0, 3))}" if is_multiplexed else ""
        sign = "-" if is_float else draw(st.sampled_from("+-"))
        scale = draw(st.sampled_from(["1,0", "0.5,-40", "0.1,0", "2,7", "-0.25,3.5", "4.166666E-01,0"]))
        lines.append(f' SG_ S{index} {mark} : {start}|{bits}@{int(is_little)}{sign} ({scale}) [0|0] "" A\n')
        length = (place + bits + 7) // 8
    if is_multiplexed:
        lines.append(' SG_ Mux M : 1|3@1+ (1,0) [0|0] "" A\n')
    return f"{HEAD}BO_ 100 M: {length} A\n{''.join(lines)}\n{''.join(types)}", length


@given(layouts(), st.data())
@settings(deadline=None, max_examples=300)
def test_random_layouts_decode_as_cantools_decodes_them(layout: tuple[str, int], data: st.DataObject) -> None:
    text, length = layout
    payloads = data.draw(st.lists(st.binary(max_size=length), min_size=1, max_size=20))
    frames = _frames(100, *payloads)
    decoded = load_dbc(text.encode()).decode(frames)
    expected, failed = by_cantools(text, frames)
    assert sum(decoded.report.unknown_multiplexers.values()) == failed.total()
    if not failed:
        assert_equal(decoded, expected)


@given(layouts(), st.data())
@settings(deadline=None, max_examples=200)
def test_what_cantools_encodes_we_decode(layout: tuple[str, int], data: st.DataObject) -> None:
    text, _ = layout
    database: Any = cantools.database.load_string(text, "dbc", strict=False)
    message = database.messages[0]
    raw = {s.name: data.draw(_raw_values(s), label=s.name) for s in message.signals if not s.multiplexer_ids}
    if len(raw) != len(message.signals):
        return
    frames = _frames(100, message.encode(raw, scaling=False))
    decoded = load_dbc(text.encode()).decode(frames)
    for name, value in raw.items():
        found = decoded.values[f"M.{name}"]
        if not found.layout.is_float:
            assert int(found.raw[0]) == value
        else:
            expected = value * found.layout.factor + found.layout.offset
            assert math.isclose(found.scaled[0], expected, rel_tol=1e-15) or math.isnan(expected)


def _raw_values(signal: cantools.database.can.Signal) -> st.SearchStrategy[int | float]:
    if signal.is_float:
        return st.floats(width=32)
    lowest = -(1 << (signal.length - 1)) if signal.is_signed else 0
    return st.integers(lowest, lowest + (1 << signal.length) - 1)


DBC = (
    HEAD + 'BO_ 1 M: 8 A\n SG_ Near : 0|8@1+ (1,0) [0|0] "" A\n SG_ Far : 56|8@1+ (1,0) [0|0] "" A\n\n'
    'BO_ 2 Empty: 8 A\n\nBO_ 2147483649 X: 8 A\n SG_ Huge : 0|64@1+ (1,0) [0|0] "" A\n'
)


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return load_dbc(DBC.encode())


def test_account_of_every_kind_of_frame(decoder: Decoder) -> None:
    log = b"".join(
        b"(1.0) can0 %s\n" % frame
        for frame in (b"001#1122334455667788", b"001#11", b"001#", b"002#11", b"003#", b"00000001#FFFFFFFFFFFFFFFF")
    )
    decoded = decoder.decode(read_log(log)[0])
    assert decoded.report == DecodeReport(
        frames=6,
        decoded=3,
        unknown_ids={3: 1},
        without_signals=1,
        too_short=1,
        signals_too_short={"M.Near": 1, "M.Far": 2},
        unknown_multiplexers={},
    )
    assert decoded.values["M.Far"].is_available.tolist() == [True, False, False]
    assert decoded.values["M.Far"].raw.tolist() == [0x88, 0, 0]
    assert decoded.values["X.Huge"].raw.tolist() == [2**64 - 1]


def test_overlapping_signals_decode_each_for_itself() -> None:
    text = HEAD + 'BO_ 1 M: 2 A\n SG_ S : 0|16@1+ (1,0) [0|0] "" A\n SG_ T : 15|8@0+ (1,0) [0|0] "" A\n'
    decoded = load_dbc(text.encode()).decode(_frames(1, b"\x34\x12"))
    assert {name: values.raw.tolist() for name, values in decoded.values.items()} == {"M.S": [0x1234], "M.T": [0x12]}


def test_nested_multiplexers() -> None:
    text = (
        'BO_ 1 M: 4 A\n SG_ Outer M : 0|8@1+ (1,0) [0|0] "" A\n SG_ Inner m1M : 8|8@1+ (1,0) [0|0] "" A\n'
        ' SG_ S m2 : 16|8@1+ (1,0) [0|0] "" A\nSG_MUL_VAL_ 1 Inner Outer 1-1;\nSG_MUL_VAL_ 1 S Inner 2-3, 5-5;\n'
    )
    frames = _frames(1, b"\x01\x02\x07\x00", b"\x01\x05\x08\x00", b"\x01\x04\x09\x00", b"\x02\x02\x0a\x00")
    decoded = load_dbc((HEAD + text).encode()).decode(frames)
    assert decoded.values["M.S"].raw.tolist() == [7, 8]
    assert decoded.values["M.Inner"].raw.tolist() == [2, 5, 4]
    assert decoded.report.unknown_multiplexers == {"M.Outer": 1, "M.Inner": 1}


def test_only_the_signals_asked_for(decoder: Decoder) -> None:
    frames = _frames(1, bytes(8))
    decoded = decoder.decode(frames, only={"M.Far"})
    assert set(decoded.values) == {"M.Far"}
    assert decoded.report == decoder.decode(frames).report
    with pytest.raises(ValueError, match=r"M\.Fra"):
        decoder.decode(frames, only={"M.Fra"})


def test_no_frames(decoder: Decoder) -> None:
    decoded = decoder.decode(Frames.empty())
    assert decoded.values == {}
    assert decoded.report.frames == 0


def test_an_inexact_account_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="add up"):
        DecodeReport(2, 1, {}, 0, 0, {}, {})
