"""CAN frames as columns: one array per field, one row per frame, in the order of the log.

Decides the shape that all readers fill and all decoders take. Never an object per frame: at the 8,000 frames a second
of one busy 1 Mbit/s bus, objects cost a core what arrays do in a few per cent of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CLASSIC_BYTES = 8  # ISO 11898-1: a classic frame carries at most 8 data bytes
FD_BYTES = 64  # ISO 11898-1: a CAN FD frame carries at most 64

_DTYPES = {
    "can_id": np.dtype(np.uint32),
    "is_extended": np.dtype(np.bool_),
    "time_ns": np.dtype(np.int64),
    "channel": np.dtype(np.uint8),
    "length": np.dtype(np.uint8),
    "data": np.dtype(np.uint8),
}


@dataclass(frozen=True, eq=False)
class Frames:
    """n data frames. Every array has n rows; `data` has 8 columns, or 64 where a frame is longer than 8 bytes.

    can_id       uint32 [n]  11 or 29 bits, without flags
    is_extended  bool   [n]  29-bit identifier
    time_ns      int64  [n]  as the log states it; the log decides what zero is
    channel      uint8  [n]  index into LossReport.channels
    length       uint8  [n]  data bytes in use; the rest of the row is zero
    data         uint8  [n, 8 or 64]

    Raises ValueError for arrays of another type or shape.
    """

    can_id: npt.NDArray[np.uint32]
    is_extended: npt.NDArray[np.bool_]
    time_ns: npt.NDArray[np.int64]
    channel: npt.NDArray[np.uint8]
    length: npt.NDArray[np.uint8]
    data: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        n = len(self.can_id)
        for name, dtype in _DTYPES.items():
            column = getattr(self, name)
            if column.dtype != dtype or len(column) != n:
                raise ValueError(f"{name} must be {dtype} with {n} rows")
        if self.data.ndim != 2 or self.data.shape[1] not in (CLASSIC_BYTES, FD_BYTES):
            raise ValueError(f"data must be [n, 8] or [n, 64], not {self.data.shape}")

    def __len__(self) -> int:
        return len(self.can_id)

    def select(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Frames:
        """The frames at `rows` (a mask or indexes), in that order."""
        return Frames(**{name: getattr(self, name)[rows] for name in _DTYPES})

    @classmethod
    def empty(cls) -> Frames:
        """No frames."""
        shapes = {name: (0, CLASSIC_BYTES) if name == "data" else (0,) for name in _DTYPES}
        return cls(**{name: np.zeros(shape, _DTYPES[name]) for name, shape in shapes.items()})

    @classmethod
    def concatenate(cls, parts: Sequence[Frames]) -> Frames:
        """All frames of `parts`, in order; as wide as the widest part."""
        if not parts:
            return cls.empty()
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _DTYPES if name != "data"}
        return cls(**columns, data=_joined([part.data for part in parts]))


def _joined(parts: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    """Filled part by part: parts widened beforehand would be in memory twice."""
    if len({part.shape[1] for part in parts}) == 1:
        return np.concatenate(parts)
    data = np.zeros((sum(map(len, parts)), FD_BYTES), np.uint8)
    since = 0
    for part in parts:
        data[since : since + len(part), : part.shape[1]] = part
        since += len(part)
    return data
