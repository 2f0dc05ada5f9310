"""What time it is, for those who hand it to the core."""

from __future__ import annotations

import time


def now_unix_ms() -> int:
    return time.time_ns() // 1_000_000
