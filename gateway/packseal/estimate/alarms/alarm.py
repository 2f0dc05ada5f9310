"""Alarms as values: what kind, since which record, how grave, in words, and the records that show it.

An alarm is a reason to look, never a verdict: its words say what was seen and what to do next. Alarms of one kind about
one place within a month are one alarm, whose evidence grows; the list and each evidence are bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

MOST_ALARMS = 48
MOST_EVIDENCE = 5
SAME_ALARM_MS = 30 * 24 * 3_600_000


class AlarmKind(StrEnum):
    """Stable across versions: programs may rely on these words."""

    HEALTH_ROSE = "health-rose"
    CLAIM_APART = "claim-apart"
    SETTING_EDITED = "setting-edited"
    BMS_RESET = "bms-reset"
    PACK_SWAPPED = "pack-swapped"
    MODULE_SWAPPED = "module-swapped"
    BLOCK_DRIFTS = "block-drifts"
    SENSOR_OFFSET = "sensor-offset"


class Severity(StrEnum):
    NOTE = "note"  # has an innocent reason more often than not
    WARNING = "warning"  # the pack needs service, or its numbers do
    ALERT = "alert"  # what was recorded before may not speak for this battery any more


SEVERITIES = {
    AlarmKind.HEALTH_ROSE: Severity.ALERT,
    AlarmKind.CLAIM_APART: Severity.WARNING,
    AlarmKind.SETTING_EDITED: Severity.ALERT,
    AlarmKind.BMS_RESET: Severity.WARNING,
    AlarmKind.PACK_SWAPPED: Severity.ALERT,
    AlarmKind.MODULE_SWAPPED: Severity.ALERT,
    AlarmKind.BLOCK_DRIFTS: Severity.WARNING,
    AlarmKind.SENSOR_OFFSET: Severity.WARNING,
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """One record and what it shows. `log` counts the logs that were read, from 0: seq is a number in that log."""

    seq: int
    words: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    log: int = 0


@dataclass(frozen=True, slots=True)
class Alarm:
    """place: [first, last] cell block it is about, None for the whole pack. since_*: its first evidence."""

    kind: AlarmKind
    severity: Severity
    words: str
    since_seq: int
    since_uptime_ms: int
    last_uptime_ms: int
    evidence: tuple[Evidence, ...]
    place: tuple[int, int] | None = None
    log: int = 0


@dataclass(slots=True)
class AlarmLog:
    """All that were raised, oldest first; of more than MOST_ALARMS the oldest notes and warnings go first."""

    alarms: list[Alarm] = field(default_factory=list)
    log: int = 0
    raised: int = 0

    def raise_alarm(
        self,
        kind: AlarmKind,
        words: str,
        uptime_ms: int,
        evidence: tuple[Evidence, ...],
        place: tuple[int, int] | None = None,
        severity: Severity | None = None,
    ) -> bool:
        """Whether it is a new one."""
        evidence = tuple(Evidence(item.seq, item.words, item.numbers, self.log) for item in evidence)
        for index, known in enumerate(self.alarms):
            is_same = known.kind == kind and known.log == self.log and _touch(known.place, place)
            if is_same and uptime_ms - known.last_uptime_ms <= SAME_ALARM_MS:
                self.alarms[index] = _grown(known, uptime_ms, evidence, severity)
                return False
        severity = severity or SEVERITIES[kind]
        first = evidence[0].seq
        self.alarms.append(Alarm(kind, severity, words, first, uptime_ms, uptime_ms, evidence, place, self.log))
        self.raised += 1
        self._bound()
        return True

    def _bound(self) -> None:
        if len(self.alarms) > MOST_ALARMS:
            order = [Severity.NOTE, Severity.WARNING, Severity.ALERT]
            self.alarms.remove(min(self.alarms, key=lambda alarm: order.index(alarm.severity)))


def _touch(one: tuple[int, int] | None, other: tuple[int, int] | None) -> bool:
    if one is None or other is None:
        return one == other
    return one[0] <= other[1] and other[0] <= one[1]


def _grown(known: Alarm, uptime_ms: int, evidence: tuple[Evidence, ...], severity: Severity | None) -> Alarm:
    first, rest = known.evidence[:1], (*known.evidence[1:], *evidence)
    grave = Severity.ALERT if Severity.ALERT in (known.severity, severity) else known.severity
    return Alarm(
        known.kind,
        grave,
        known.words,
        known.since_seq,
        known.since_uptime_ms,
        uptime_ms,
        (*first, *rest[1 - MOST_EVIDENCE :]),
        known.place,
        known.log,
    )
