"""One line of a fleet: what a list of batteries shows of each, and sorts and filters by.

Taken from the folded passport with each delivery, so that a list of a hundred thousand needs to fold nothing. The
passport's own page says the same with its evidence (document.py), of the same log by the same preference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packseal.passport.document import value_of
from packseal.passport.fold import LogState, Passport

MOST = 1 << 40


@dataclass(frozen=True, slots=True)
class Summary:
    """soh_*: in 0.01 %, of rated capacity; None until a record states it. records_lost: that were counted and are not
    here. spread_cpct: strongest minus weakest cell block."""

    battery: str
    soh_cpct: int | None
    soh_uncertainty_cpct: int | None
    spread_cpct: int | None
    evidence_class: str | None
    records: int
    records_lost: int
    received_unix_ms: int
    is_simulated: bool
    is_replay: bool


def summary(passport: Passport) -> Summary:
    logs = [log for log in passport.logs if log.size]
    health = value_of("soh_capacity_cpct", passport, 0)
    weakest, strongest = _number(health.get("weakest")), _number(health.get("strongest"))
    return Summary(
        passport.battery.id,
        _cpct(health["value"]),
        _cpct(health.get("standard_uncertainty")),
        _cpct(strongest - weakest) if weakest is not None and strongest is not None else None,
        min((log.evidence_class for log in logs), default=None),
        sum(log.records_present for log in logs),
        _listed(sum(map(_lost, logs))),
        max((log.received_unix_ms for log in logs), default=0),
        any(log.is_simulated for log in logs),
        bool(logs) and all(log.is_replay for log in logs),
    )


def _cpct(percent: object) -> int | None:
    return _listed(round(100 * percent)) if isinstance(percent, int | float) else None


def _listed(number: int) -> int:
    """Boards may sign any number of 64 bits; what is beyond MOST means nothing, and no sum of it may stop a list."""
    return min(max(number, -MOST), MOST)


def _number(block: object) -> float | None:
    """Of a cell block, in percent."""
    value = block.get("value") if isinstance(block, Mapping) else None
    return value if isinstance(value, int | float) else None


def _lost(log: LogState) -> int:
    return log.size - log.records_present + sum(log.windows_lost.values()) - log.records_bare
