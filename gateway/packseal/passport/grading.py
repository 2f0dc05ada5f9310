"""A pack's grade, from its document as a reader is shown it: what each criterion finds, and the grade that all allow.

Decides nothing by itself: limits and reasons are grading_rule.py's. The document is as access.py's `visible` leaves it.
What it does not hold is either not known (its key is there, or nobody has said it) or not shown to this reader (its key
is not there); neither is guessed, and neither makes a grade better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from packseal.passport import words
from packseal.passport.grading_rows import Cell, cells
from packseal.passport.grading_rule import CRITERIA, RULE_VERSION, Criterion, Grade
from packseal.passport.grading_values import (
    NO_LIFE,
    UNREADABLE,
    Known,
    Lack,
    alarms_found,
    mapped,
    number,
    resistance_gained,
    share_percent,
    spread_points,
    unfavourable,
    value_of,
)

DAY_MS = 86_400_000
RESTED_ON = ("soh_capacity_cpct", "self_discharge")  # measured values without which there is no grade
OF_THE_MARKET = frozenset({"original", "re-used", "repurposed", "remanufactured"})
SEVERITY_GRADES = {"note": Grade.B, "warning": Grade.C, "alert": Grade.NONE}
CLASS_GRADES = {"A": Grade.A, "B": Grade.A, "C": Grade.B, "D": Grade.NONE}


class Verdict(StrEnum):
    """Of one criterion, measured by what grade A asks for."""

    MET = "met"
    NOT_MET = "not met"
    NOT_KNOWN = "not known"
    HIDDEN = "not shown to you"


@dataclass(frozen=True, slots=True)
class Finding:
    """found: in words; "" when nothing was. missing: what is needed to know it."""

    criterion: Criterion
    verdict: Verdict
    allows: Grade
    found: str = ""
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Grading:
    """findings: one for each of CRITERIA, in their order. cells: one for each of grading_rows.ROWS, by key."""

    grade: Grade
    findings: tuple[Finding, ...]
    cells: Mapping[str, Cell]
    rule_version: str = RULE_VERSION

    @property
    def in_the_way(self) -> tuple[Finding, ...]:
        """What keeps it from the next grade."""
        return tuple(one for one in self.findings if one.allows is self.grade) if self.grade < Grade.A else ()


def grading(document: Mapping[str, object]) -> Grading:
    """document: document.py's, with "second_opinion", "verification" and "life" beside it, cut by access.visible."""
    findings = tuple(_FINDERS[criterion.key](criterion, document) for criterion in CRITERIA)
    return Grading(min(finding.allows for finding in findings), findings, cells(document))


def _finding(criterion: Criterion, allows: Grade, found: str) -> Finding:
    return Finding(criterion, Verdict.MET if allows is Grade.A else Verdict.NOT_MET, allows, found)


def _lacking(criterion: Criterion, lack: Lack) -> Finding:
    verdict = Verdict.HIDDEN if lack.is_hidden else Verdict.NOT_KNOWN
    return Finding(criterion, verdict, criterion.floor, missing=lack.missing)


def _measured(criterion: Criterion, found: Known | Lack) -> Finding:
    if isinstance(found, Lack):
        return _lacking(criterion, found)
    return _finding(criterion, criterion.allows(found.value), found.text)


def _real(criterion: Criterion, document: Mapping[str, object]) -> Finding:
    """Nothing of it, and no value that counts, may be simulated or from a file (of resistance: resistance_gained)."""
    values = [value for key in RESTED_ON if not isinstance(value := value_of(document, key), Lack)]
    said = [mapping.get(flag) for mapping in (document, *values) for flag in ("simulated", "replay")]
    if any(one is True for one in said):
        is_simulated = any(mapping.get("simulated") is True for mapping in (document, *values))
        return _finding(criterion, Grade.NONE, "simulated" if is_simulated else "replayed from a file")
    if not all(one is False for one in said):
        return _lacking(criterion, Lack(missing=UNREADABLE))
    return _finding(criterion, Grade.A, "measured on a pack")


def _verified(criterion: Criterion, document: Mapping[str, object]) -> Finding:
    verification = mapped(document.get("verification"))
    if verification is None:
        return _lacking(criterion, Lack(missing=UNREADABLE))
    is_verified = verification.get("state") == "verified"
    return _finding(criterion, Grade.A if is_verified else Grade.NONE, str(verification.get("headline", "")))


def _status(criterion: Criterion, document: Mapping[str, object]) -> Finding:
    life = mapped(document.get("life"))
    if life is None:
        return _lacking(criterion, Lack(missing=NO_LIFE))
    if "status" not in life:
        return _lacking(criterion, Lack(is_hidden=True))
    word = str(life["status"] or "none yet")
    return _finding(criterion, Grade.A if word in OF_THE_MARKET else Grade.NONE, word)


def _health(criterion: Criterion, document: Mapping[str, object]) -> Finding:
    return _measured(criterion, unfavourable(document, "soh_capacity_cpct", "low", "%"))


def _age(criterion: Criterion, document: Mapping[str, object]) -> Finding:
    value = value_of(document, "soh_capacity_cpct")
    if isinstance(value, Lack):
        return _lacking(criterion, value)
    age_ms = number(value.get("age_ms"))
    if age_ms is None:
        return _lacking(criterion, Lack(missing=str(value.get("age_text") or UNREADABLE)))
    return _finding(criterion, criterion.allows(age_ms / DAY_MS), words.age(int(age_ms)))


def _spread(criterion: Criterion, document: Mapping[str, object]) -> Finding:
    return _measured(criterion, spread_points(document))


def _resistance(criterion: Criterion, document: Mapping[str, object]) -> Finding:
    return _measured(criterion, resistance_gained(document))


def _self_discharge(criterion: Criterion, document: Mapping[str, object]) -> Finding:
    return _measured(criterion, unfavourable(document, "self_discharge", "high", "% in 30 days"))


def _completeness(criterion: Criterion, document: Mapping[str, object]) -> Finding:
    return _measured(criterion, share_percent(document))


def _evidence_class(criterion: Criterion, document: Mapping[str, object]) -> Finding:
    """The worst of all values that count; of health there has to be one."""
    health = value_of(document, "soh_capacity_cpct")
    if isinstance(health, Lack):
        return _lacking(criterion, health)
    values = [value for key in RESTED_ON if not isinstance(value := value_of(document, key), Lack)]
    classes = [str(value.get("evidence_class")) for value in values]
    if not set(classes) <= set(CLASS_GRADES):
        return _lacking(criterion, Lack(missing=UNREADABLE))
    worst = max(classes)
    return _finding(criterion, CLASS_GRADES[worst], f"class {worst}")


def _alarms(criterion: Criterion, document: Mapping[str, object]) -> Finding:
    found = alarms_found(document)
    if isinstance(found, Lack):
        return _lacking(criterion, found)
    severities = [str(alarm.get("severity")) for alarm in found]
    if not severities:
        return _finding(criterion, Grade.A, "no alarm")
    worst = min(severities, key=lambda severity: SEVERITY_GRADES.get(severity, Grade.NONE))
    named = {"note": "a note", "warning": "a warning"}.get(worst, "an alert")
    return _finding(criterion, SEVERITY_GRADES.get(worst, Grade.NONE), named)


_FINDERS: Mapping[str, Callable[[Criterion, Mapping[str, object]], Finding]] = {
    "real": _real,
    "verified": _verified,
    "status": _status,
    "health": _health,
    "age": _age,
    "spread": _spread,
    "resistance": _resistance,
    "self_discharge": _self_discharge,
    "completeness": _completeness,
    "evidence_class": _evidence_class,
    "alarms": _alarms,
}
