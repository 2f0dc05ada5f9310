"""What the kernel says beside each frame, as linux/socket.h and linux/net_tstamp.h lay it out.

The frames themselves are tested in a kernel that has SocketCAN (tests/socketcan).
"""

from __future__ import annotations

import struct
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("fcntl", reason="SocketCAN is Linux' own")

from packseal.io.can_socket import dropped_until, stamps_ns

SOL_SOCKET, SO_RXQ_OVFL, SCM_TIMESTAMPING = 1, 40, 37
CONTROL_BYTES = 128
TIME_NS = st.integers(0, 2**31 * 10**9 - 1)


def message(kind: int, payload: bytes) -> bytes:
    """A struct cmsghdr and what it heads, padded to whole words."""
    word = struct.calcsize("@P")
    head = struct.pack("@Nii", struct.calcsize("@Nii") + len(payload), SOL_SOCKET, kind)
    return (head + payload).ljust(-(-(len(head) + len(payload)) // word) * word, b"\0")


def timestamping(kernel_ns: int, adapter_ns: int) -> bytes:
    times = (divmod(kernel_ns, 10**9), (0, 0), divmod(adapter_ns, 10**9))
    return message(SCM_TIMESTAMPING, b"".join(struct.pack("@ll", *time) for time in times))


def controls(*frames: bytes) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    content = b"".join(frame.ljust(CONTROL_BYTES, b"\0") for frame in frames)
    return np.frombuffer(content, np.uint8).reshape(len(frames), CONTROL_BYTES)


@given(st.lists(st.tuples(TIME_NS, TIME_NS), max_size=20))
def test_both_stamps_of_each_frame(stamps: list[tuple[int, int]]) -> None:
    by_kernel, by_adapter = stamps_ns(controls(*(timestamping(*both) for both in stamps)))
    assert list(zip(by_kernel.tolist(), by_adapter.tolist(), strict=True)) == stamps


def test_a_frame_without_stamps_has_none() -> None:
    by_kernel, by_adapter = stamps_ns(controls(timestamping(5, 7), b"", message(SO_RXQ_OVFL, b"\x01\0\0\0")))
    assert (by_kernel.tolist(), by_adapter.tolist()) == ([5, 0, 0], [7, 0, 0])


@given(st.integers(0, 2**32 - 1))
def test_the_drops_that_the_last_frame_tells(total: int) -> None:
    drops = message(SO_RXQ_OVFL, total.to_bytes(4, sys.byteorder))
    assert dropped_until(controls(timestamping(5, 0), timestamping(6, 0) + drops)) == total


def test_no_drops_are_told() -> None:
    assert dropped_until(controls()) == 0
    assert dropped_until(controls(timestamping(5, 0))) == 0
