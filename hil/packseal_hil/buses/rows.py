"""Frames one by one, where a bus takes them so."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from packseal.frames import Frames
from packseal.frames.frames import CLASSIC_BYTES, FD_BYTES


def frame_of(can_id: int, data: bytes, *, is_extended: bool) -> Frames:
    """One, without a time. Raises ValueError for more data than a frame has."""
    width = CLASSIC_BYTES if len(data) <= CLASSIC_BYTES else FD_BYTES
    if len(data) > width:
        raise ValueError(f"a frame has at most {FD_BYTES} bytes, not {len(data)}")
    return Frames(
        can_id=np.array([can_id], np.uint32),
        is_extended=np.array([is_extended], np.bool_),
        time_ns=np.zeros(1, np.int64),
        channel=np.zeros(1, np.uint8),
        length=np.array([len(data)], np.uint8),
        data=np.frombuffer(data.ljust(width, b"\0"), np.uint8).reshape(1, width),
    )


def rows_of(frames: Frames) -> Iterator[tuple[int, bytes, bool]]:
    """(identifier, data, is_extended) of each."""
    columns = zip(frames.can_id.tolist(), frames.data, frames.length.tolist(), frames.is_extended.tolist(), strict=True)
    for can_id, data, length, is_extended in columns:
        yield can_id, data[:length].tobytes(), is_extended
