"""Frames as an ECU and a tester send them: our own way of segmenting, beside the one under test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from packseal.frames import Frames
from packseal.frames.isotp import Address

MS = 1_000_000
Row = tuple[int, Address, bytes]  # time_ns, where to, data


def segmented(
    payload: bytes, target: int | None = None, frame_bytes: int = 8, *, is_padded: bool = True
) -> list[bytes]:
    """The data of all frames of one message (ISO 15765-2:2016, 9.6). frame_bytes: of full frames, 8 to 64."""
    prefix = b"" if target is None else bytes([target])
    room = frame_bytes - len(prefix)
    if len(payload) <= 7 - len(prefix):
        single = prefix + bytes([len(payload)]) + payload
        return [single.ljust(8, b"\xaa") if is_padded else single]
    if len(payload) <= room - 2 and frame_bytes > 8:
        return [(prefix + bytes([0, len(payload)]) + payload).ljust(frame_bytes, b"\xaa")]
    length = bytes([0x10 | len(payload) >> 8, len(payload) & 0xFF])
    if len(payload) > 4095:
        length = b"\x10\x00" + len(payload).to_bytes(4)
    frames, rest = [prefix + length + payload[: room - len(length)]], payload[room - len(length) :]
    for number, start in enumerate(range(0, len(rest), room - 1), 1):
        data = prefix + bytes([0x20 | number & 15]) + rest[start : start + room - 1]
        frames.append(data.ljust(frame_bytes, b"\xaa") if is_padded else data)
    return frames


def rows(address: Address, payload: bytes, start_ns: int = 0, step_ns: int = MS) -> list[Row]:
    return [
        (start_ns + step_ns * number, address, data)
        for number, data in enumerate(segmented(payload, address.target))
    ]  # fmt: skip


def frames_of(rows: Sequence[Row]) -> Frames:
    width = 64 if any(len(data) > 8 for _, _, data in rows) else 8
    content = b"".join(data.ljust(width, b"\0") for _, _, data in rows)
    return Frames(
        can_id=np.array([address.can_id for _, address, _ in rows], np.uint32),
        is_extended=np.array([address.is_extended for _, address, _ in rows], np.bool_),
        time_ns=np.array([time_ns for time_ns, _, _ in rows], np.int64),
        channel=np.zeros(len(rows), np.uint8),
        length=np.array([len(data) for _, _, data in rows], np.uint8),
        data=np.frombuffer(content, np.uint8).reshape(len(rows), width).copy(),
    )
