"""Random DBCs for property tests: every byte order, sign and float, overlaps, nested multiplexers, 1 to 64 bytes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import cantools.database
import numpy as np
from hypothesis import strategies as st

from packseal.frames import Frames

HEAD = 'VERSION ""\nNS_ :\nBS_:\nBU_: A\n'
CAN_ID = 100
SCALES = ["1,0", "0.5,-40", "0.1,0", "2,7", "-0.25,3.5", "-1,0", "4.166666E-01,0"]
RANGES = ["0|0", "0|0", "0|100", "-20|6.3", "10|10.5"]


@dataclass
class _Text:
    signals: list[str] = field(default_factory=list)
    floats: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"S{len(self.signals)}"


@st.composite
def layouts(draw: st.DrawFn) -> tuple[str, int]:
    """(DBC text with the one message M, its length in bytes)"""
    length = draw(st.one_of(st.integers(1, 8), st.integers(9, 64)))
    text = _Text()
    for _ in range(draw(st.integers(0, 4))):
        _add_signal(draw, text, length, "")
    if draw(st.booleans()) or not text.signals:
        _add_multiplexer(draw, text, length, None, draw(st.integers(0, 2)))
    extended = "".join(text.values)
    return f"{HEAD}BO_ {CAN_ID} M: {length} A\n{''.join(text.signals)}\n{''.join(text.floats)}{extended}", length


def _add_multiplexer(draw: st.DrawFn, text: _Text, length: int, above: str | None, depth: int) -> None:
    """A multiplexer with its signals, one of which may be one itself. above: the mark of a nested one, "m3"."""
    name, bits = text.name, draw(st.integers(1, 4))
    start = draw(st.integers(0, 8 * length - bits))
    text.signals.append(f' SG_ {name} {above or ""}M : {start}|{bits}@1+ (1,0) [0|0] "" A\n')
    for place in range(draw(st.integers(1, 4))):
        first = draw(st.integers(0, 5))
        last = first + draw(st.integers(0, 2))
        text.values.append(f"SG_MUL_VAL_ {CAN_ID} {text.name} {name} {first}-{last};\n")
        if place == 0 and depth:
            _add_multiplexer(draw, text, length, f"m{first}", depth - 1)
        else:
            _add_signal(draw, text, length, f"m{first}")


def _add_signal(draw: st.DrawFn, text: _Text, length: int, mark: str) -> None:
    name, sign = text.name, draw(st.sampled_from("+-"))
    if is_float := length >= 4 and draw(st.integers(0, 4)) == 0:
        bits, sign = draw(st.sampled_from([32, 64] if length >= 8 else [32])), "-"
        text.floats.append(f"SIG_VALTYPE_ {CAN_ID} {name} : {bits // 32};\n")
    else:
        bits = draw(st.integers(1, min(64, 8 * length)))
    place = draw(st.integers(0, 8 * length - bits))
    is_little = draw(st.booleans())
    start = place if is_little else place - place % 8 + 7 - place % 8
    scale, span = draw(st.sampled_from(SCALES)), draw(st.sampled_from(RANGES))
    text.signals.append(f' SG_ {name} {mark} : {start}|{bits}@{int(is_little)}{sign} ({scale}) [{span}] "" A\n')
    assert is_float or bits <= 64


def frames_of(payloads: list[bytes], can_id: int = CAN_ID, is_extended: bool = False) -> Frames:
    """One frame each; time_ns is its row."""
    n, width = len(payloads), 64 if any(len(payload) > 8 for payload in payloads) else 8
    return Frames(
        can_id=np.full(n, can_id, np.uint32),
        is_extended=np.full(n, is_extended),
        time_ns=np.arange(n, dtype=np.int64),
        channel=np.zeros(n, np.uint8),
        length=np.array([len(payload) for payload in payloads], np.uint8),
        data=np.array([list(payload.ljust(width, b"\0")) for payload in payloads], np.uint8).reshape(n, width),
    )


def by_cantools(database: Any, frames: Frames) -> tuple[dict[str, dict[int, float]], set[int]]:
    """("MESSAGE.SIGNAL" -> row -> value, rows that cantools does not decode), for ids that the database has."""
    messages = {(m.frame_id, m.is_extended_frame): m for m in database.messages}
    values: dict[str, dict[int, float]] = defaultdict(dict)
    failed: set[int] = set()
    for row in range(len(frames)):
        message = messages[int(frames.can_id[row]), bool(frames.is_extended[row])]
        data = bytes(frames.data[row, : frames.length[row]])
        try:
            decoded = message.decode(data, decode_choices=False, allow_truncated=True)
        except cantools.database.DecodeError:
            failed.add(row)
            continue
        for name, value in decoded.items():
            values[f"{message.name}.{name}"][row] = float(value)
    return values, failed
