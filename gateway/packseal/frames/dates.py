"""Dates that logs state -> nanoseconds since 1970, as if their time zone, which no log states, were UTC."""

from __future__ import annotations

import numpy as np

from packseal.frames.lines import I64, Mask

NS_PER_DAY = 86_400 * 10**9
_LAST_NS = 2.0**63 * 0.99
_FIRST_YEAR, _LAST_YEAR = 1970, 2199  # times within a log, up to 60 years, still fit in 2^63 nanoseconds


def date_ns(year: int, month: int, day: int, time_of_day_ns: int = 0) -> int | None:
    """None for a date that the calendar does not have, or outside 1970 to 2199."""
    if max(year, month, day) > _LAST_YEAR or not 0 <= time_of_day_ns < NS_PER_DAY:
        return None
    start_ns, good = dates_ns(*(np.array([number]) for number in (year, month, day)))
    return int(start_ns[0]) + time_of_day_ns if good[0] else None


def dates_ns(years: I64, months: I64, days: I64) -> tuple[I64, Mask]:
    """The beginnings of these days, and which the calendar has from 1970 to 2199; others read 0."""
    good = (years >= _FIRST_YEAR) & (years <= _LAST_YEAR) & (months >= 1) & (months <= 12) & (days >= 1)
    month = np.where(good, (years - _FIRST_YEAR) * 12 + months - 1, 0)
    first, following = _first_days(month), _first_days(month + 1)
    good &= days <= following - first
    return np.where(good, first + days - 1, 0) * NS_PER_DAY, good


def _first_days(months: I64) -> I64:
    """Months since January 1970 -> days since its first."""
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def clock_ns(hours: int, minutes: int, seconds: int, fraction: str = "") -> int:
    """Of a time of day; `fraction` holds the digits behind the point."""
    whole_ns = ((hours * 60 + minutes) * 60 + seconds) * 10**9
    return whole_ns + int(fraction[:9].ljust(9, "0"))


def added_up(start_ns: int, steps_ns: I64) -> I64:
    """Times of lines that state the time since the line before. They stand still where they would leave 2^63 ns."""
    is_in_range = start_ns + np.cumsum(steps_ns.astype(np.float64)) < _LAST_NS
    return start_ns + np.cumsum(np.where(is_in_range, steps_ns, 0))
