"""The shape of frames as arrays."""

from __future__ import annotations

import numpy as np
import pytest

from packseal.frames import Frames, read_log

CLASSIC = read_log(b"(1.0) can0 123#1122\n(2.0) can0 124#33\n")[0]
FD = read_log(b"(3.0) can0 125##1" + b"44" * 64 + b"\n")[0]


def test_concatenate_is_as_wide_as_the_widest_part() -> None:
    frames = Frames.concatenate([CLASSIC, FD])
    assert frames.data.shape == (3, 64)
    assert frames.length.tolist() == [2, 1, 64]
    assert bytes(frames.data[0]) == b"\x11\x22" + bytes(62)


def test_nothing_concatenates_to_nothing() -> None:
    assert len(Frames.concatenate([])) == len(Frames.empty()) == 0


def test_select_by_mask_and_by_index() -> None:
    assert CLASSIC.select(CLASSIC.can_id == 0x124).time_ns.tolist() == [2 * 10**9]
    assert CLASSIC.select(np.array([1, 0])).can_id.tolist() == [0x124, 0x123]


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("can_id", np.zeros(1, np.int64)),
        ("length", np.zeros(2, np.uint8)),
        ("data", np.zeros((1, 9), np.uint8)),
        ("data", np.zeros(1, np.uint8)),
    ],
)
def test_another_type_or_shape_is_refused(name: str, column: np.ndarray) -> None:
    columns = {key: getattr(FD, key) for key in FD.__dataclass_fields__}
    with pytest.raises(ValueError, match=name):
        Frames(**(columns | {name: column}))
