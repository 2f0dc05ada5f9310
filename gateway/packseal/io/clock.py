"""What the kernel knows of this machine's clock: who sets it, how far it may be off (docs/record.md section 5.8)."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from packseal.records.attestation import Clock

STA_UNSYNC = 0x0040  # of timex.status (Linux, include/uapi/linux/timex.h): nothing disciplines the clock
FIRST_UNIX_MS = 1_735_689_600_000  # 2025 begins: this program is younger, so a clock before it was never set


class _Timex(ctypes.Structure):
    """The beginning of struct timex, adjtimex(2), and room for the rest of it on every machine."""

    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror_us", ctypes.c_long),
        ("esterror_us", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    ]


def read_clock(now_unix_ms: int) -> tuple[Clock, int | None]:
    """The state of the clock that says now_unix_ms, and the greatest error in ms that its source allows it."""
    return clock_of(_kernel_state(), now_unix_ms)


def clock_of(kernel: tuple[int, int] | None, now_unix_ms: int) -> tuple[Clock, int | None]:
    """kernel: (status, maxerror_us) of adjtimex(2); None where there is no such call."""
    if now_unix_ms < FIRST_UNIX_MS:
        return Clock.NEVER_SET, None
    if kernel is None or kernel[0] & STA_UNSYNC:
        return Clock.SET_ONCE, None
    return Clock.DISCIPLINED, -(-kernel[1] // 1000)


@cache
def _adjtimex() -> Any:
    return ctypes.CDLL(None, use_errno=True).adjtimex


def _kernel_state() -> tuple[int, int] | None:
    state = _Timex(modes=0)  # reads and changes nothing
    try:
        if _adjtimex()(ctypes.byref(state)) < 0:
            return None
    except (AttributeError, OSError, TypeError):  # no libc with this call, or none at all
        return None
    return (state.status, state.maxerror_us) if state.maxerror_us >= 0 else None
