"""All ways of decoding give the same, and that is what cantools gives: random layouts, every DBC at hand, any batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cantools.database
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.errors import DBCError
from packseal.frames import Frames
from packseal.signals import DecodedSignals, Decoder, MessageLayout, SignalLayout, load_dbc
from packseal.signals import decoder as decoder_module
from packseal.signals.dbc_text import check_text, decode_text
from tests.signals.layouts import by_cantools, frames_of, layouts

BATCHES = [1, 7, 33, 200]
ALWAYS, NEVER = 1 << 30, -1


def decoded_by(monkeypatch: pytest.MonkeyPatch, decoder: Decoder, frames: Frames, few: int) -> DecodedSignals:
    """few: up to how many frames are decoded one by one."""
    monkeypatch.setattr(decoder_module, "FEW_FRAMES", few)
    return decoder.decode(frames)


def assert_same(one: DecodedSignals, other: DecodedSignals) -> None:
    """Bit for bit, but that a NaN is a NaN."""
    assert one.report == other.report
    assert list(one.values) == list(other.values)
    for name, values in one.values.items():
        same = other.values[name]
        for column in ("time_ns", "raw", "absence", "is_short"):
            assert np.array_equal(getattr(values, column), getattr(same, column)), (name, column)
        for column in ("scaled", "physical"):
            assert np.array_equal(getattr(values, column), getattr(same, column), equal_nan=True), (name, column)
        assert np.array_equal(np.isnan(values.physical), ~values.is_available), name
        assert np.array_equal(values.physical[values.is_available], values.scaled[values.is_available]), name


def assert_frame_by_frame(decoder: Decoder, frames: Frames, decoded: DecodedSignals) -> None:
    """decode_frame gives what stands in the columns; time_ns is the row."""
    rows: list[dict[str, float]] = [{} for _ in range(len(frames))]
    for name, values in decoded.values.items():
        for row, value in zip(values.time_ns.tolist(), values.physical.tolist(), strict=True):
            rows[row][name] = value
    for row, expected in enumerate(rows):
        key = int(frames.can_id[row]) | int(frames.is_extended[row]) << 31
        found = decoder.decode_frame(key, bytes(frames.data[row, : frames.length[row]]))
        assert found.keys() == expected.keys()
        np.testing.assert_array_equal(list(found.values()), [expected[name] for name in found])


def assert_as_cantools(decoded: DecodedSignals, database: Any, frames: Frames) -> int:
    """In every frame that cantools decodes, each value it has, and no other; the number of such frames is returned."""
    expected, failed = by_cantools(database, frames)
    for name in {*expected, *decoded.values} - lost_by_cantools(database):
        found: dict[int, float] = {}
        if name in decoded.values:
            values = decoded.values[name]
            rows, scaled = values.time_ns[~values.is_short].tolist(), values.scaled[~values.is_short].tolist()
            found = {row: value for row, value in zip(rows, scaled, strict=True) if row not in failed}
        assert found.keys() == expected[name].keys(), name
        wanted = [expected[name][row] for row in found]
        np.testing.assert_allclose(list(found.values()), wanted, rtol=2**-51, atol=1e-300, err_msg=name)
    return len(frames) - len(failed)


def lost_by_cantools(database: Any) -> set[str]:
    """Signals whose multiplexer has a long name: cantools looks for it by its short one, and never finds them."""
    return {
        f"{message.name}.{signal.name}"
        for message in database.messages
        for signal in message.signals
        if signal.multiplexer_signal and signal.multiplexer_signal not in {one.name for one in message.signals}
    }


@pytest.mark.parametrize("batch", BATCHES)
@given(layout=layouts(), seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_random_layouts_by_every_way(batch: int, layout: tuple[str, int], seed: int) -> None:
    text, length = layout
    decoder = load_dbc(text.encode())
    rng = np.random.default_rng(seed)
    lengths = rng.choice([length, length, length, max(length - 1, 0), length // 2, 64], batch)
    frames = frames_of([bytes(rng.integers(0, 256, size, np.uint8)) for size in lengths])
    with pytest.MonkeyPatch.context() as monkeypatch:
        one_by_one = decoded_by(monkeypatch, decoder, frames, ALWAYS)
        at_once = decoded_by(monkeypatch, decoder, frames, NEVER)
    assert_same(one_by_one, at_once)
    assert_frame_by_frame(decoder, frames, at_once)
    assert_as_cantools(at_once, cantools.database.load_string(text, "dbc", strict=False), frames)


def test_every_dbc_as_cantools(shared: Path) -> None:
    """A few thousand random frames of each DBC, with multiplexers at values that it knows in most of them."""
    compared = 0
    for path in sorted((shared / "data/can").rglob("*.dbc")):
        try:
            decoder = load_dbc(path.read_bytes())
        except DBCError:
            continue
        text, _, _ = check_text(decode_text(path.read_bytes()))
        database = cantools.database.load_string(text, "dbc", strict=False)
        if frames := random_frames(decoder, 2000):
            compared += assert_as_cantools(decoder.decode(frames), database, frames)
    assert compared > 100_000


@pytest.mark.parametrize(
    "dbc",
    [
        "joshwardell__model3dbc/Model3CAN.dbc",
        "commaai__opendbc/opendbc/dbc/generator/hyundai/hyundai_canfd.dbc",
        "dalathegreat__leaf_can_bus_messages/EV-can_ZE1.dbc",
        "cantools__cantools/tests/files/dbc/issue_184_extended_mux_independent_multiplexors.dbc",
    ],
)
def test_real_dbcs_by_every_way(shared: Path, dbc: str) -> None:
    (path,) = (shared / "data/can").rglob(Path(dbc).name)
    decoder = load_dbc(path.read_bytes())
    frames = random_frames(decoder, 1500)
    assert frames is not None
    with pytest.MonkeyPatch.context() as monkeypatch:
        at_once = decoded_by(monkeypatch, decoder, frames, NEVER)
        assert_same(decoded_by(monkeypatch, decoder, frames, ALWAYS), at_once)
    assert_frame_by_frame(decoder, frames, at_once)


def random_frames(decoder: Decoder, count: int) -> Frames | None:
    """Frames of the messages that have signals, each as long as its DBC says; time_ns is the row."""
    rng = np.random.default_rng(1)
    messages = [message for message in decoder.messages if message.signals]
    if not messages:
        return None
    picked = rng.integers(0, len(messages), count).tolist()
    width = 64 if any(message.length > 8 for message in messages) else 8
    data = rng.integers(0, 256, (count, width), np.uint8)
    for row, number in enumerate(picked):
        data[row, messages[number].length :] = 0
        if rng.random() < 0.8:
            _switch(messages[number], data[row], rng)
    return Frames(
        can_id=np.array([messages[number].can_id for number in picked], np.uint32),
        is_extended=np.array([messages[number].is_extended for number in picked]),
        time_ns=np.arange(count),
        channel=np.zeros(count, np.uint8),
        length=np.array([messages[number].length for number in picked], np.uint8),
        data=data,
    )


def _switch(message: MessageLayout, data: np.ndarray[Any, Any], rng: np.random.Generator) -> None:
    """Puts a known value into each multiplexer."""
    for signal in message.signals:
        known = sorted(
            frozenset().union(*(one.multiplexer_values for one in message.signals if one.multiplexer == signal.name))
        )
        if known and signal.bytes_needed <= message.length:
            _put(signal, data, int(rng.choice(known)))


def _put(signal: SignalLayout, data: np.ndarray[Any, Any], raw: int) -> None:
    byte, bit = signal.lowest
    step = 1 if signal.is_little_endian else -1
    for place in range(signal.bit_length):
        at, shift = byte + step * ((bit + place) // 8), (bit + place) % 8
        data[at] = data[at] & ~np.uint8(1 << shift) | np.uint8((raw >> place & 1) << shift)
