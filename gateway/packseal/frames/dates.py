"""Dates that logs state -> nanoseconds since 1970, as if their time zone, which no log states, were UTC."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

NS_PER_DAY = 86_400 * 10**9
_LAST_NS = 2.0**63 * 0.99
_FIRST_YEAR, _LAST_YEAR = 1970, 2199  # times within a log, up to 60 years, still fit in 2^63 nanoseconds


def date_ns(year: int, month: int, day: int, time_of_day_ns: int = 0) -> int | None:
    """None for a date that the calendar does not have, or outside 1970 to 2199."""
    if not _FIRST_YEAR <= year <= _LAST_YEAR or not 0 <= time_of_day_ns < NS_PER_DAY:
        return None
    try:
        days = int(np.datetime64(f"{year:04}-{month:02}-{day:02}", "D").astype(np.int64))
    except ValueError:
        return None
    return days * NS_PER_DAY + time_of_day_ns


def clock_ns(hours: int, minutes: int, seconds: int, fraction: str = "") -> int:
    """Of a time of day; `fraction` holds the digits behind the point."""
    whole_ns = ((hours * 60 + minutes) * 60 + seconds) * 10**9
    return whole_ns + int(fraction[:9].ljust(9, "0"))


def added_up(start_ns: int, steps_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Times of lines that state the time since the line before. They stand still where they would leave 2^63 ns."""
    is_in_range = start_ns + np.cumsum(steps_ns.astype(np.float64)) < _LAST_NS
    return start_ns + np.cumsum(np.where(is_in_range, steps_ns, 0))
