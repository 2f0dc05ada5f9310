"""The state of the clock, as the kernel tells it."""

from __future__ import annotations

import time

import pytest

from packseal.io.clock import FIRST_UNIX_MS, STA_UNSYNC, clock_of, read_clock
from packseal.records.attestation import Clock

NOW = FIRST_UNIX_MS + 1
PLL = 0x0001  # of timex.status: says nothing of being in step


@pytest.mark.parametrize(
    ("kernel", "now_unix_ms", "expected"),
    [
        ((0, 0), NOW, (Clock.DISCIPLINED, 0)),
        ((PLL, 1), NOW, (Clock.DISCIPLINED, 1)),
        ((PLL, 12_000), NOW, (Clock.DISCIPLINED, 12)),
        ((PLL, 12_001), NOW, (Clock.DISCIPLINED, 13)),
        ((PLL | STA_UNSYNC, 16_000_000), NOW, (Clock.SET_ONCE, None)),
        (None, NOW, (Clock.SET_ONCE, None)),
        ((0, 0), FIRST_UNIX_MS - 1, (Clock.NEVER_SET, None)),
        (None, 0, (Clock.NEVER_SET, None)),
    ],
)
def test_what_the_kernel_says_becomes_a_state(
    kernel: tuple[int, int] | None, now_unix_ms: int, expected: tuple[Clock, int | None]
) -> None:
    assert clock_of(kernel, now_unix_ms) == expected


def test_this_machine_has_a_state() -> None:
    clock, error_ms = read_clock(time.time_ns() // 1_000_000)
    assert clock is not Clock.NEVER_SET
    assert (error_ms is not None) == (clock is Clock.DISCIPLINED)
