"""What a buyer compares of used packs, line by line: each with its value, its interval and what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from packseal.passport import words
from packseal.passport.grading_values import (
    NO_LIFE,
    UNREADABLE,
    Lack,
    alarms_found,
    listed,
    mapped,
    number,
    resistance_gained,
    share_percent,
    spread_points,
    value_of,
)

MAX_ALARMS_NAMED = 3


class State(StrEnum):
    KNOWN = "known"
    UNKNOWN = "not yet known"
    HIDDEN = "not shown to you"


@dataclass(frozen=True, slots=True)
class Evidence:
    log_id: str
    seq: int
    evidence_class: str
    age_text: str
    is_replay: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """notes: what stands below the value, each a text of its own; of what is not known, what is needed.
    number: to sort by."""

    state: State
    text: str
    interval: str = ""
    notes: tuple[str, ...] = ()
    number: float | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """is_more_better: in which order the best stands first; None where there is no order."""

    key: str
    name: str
    is_more_better: bool | None
    read: Callable[[Mapping[str, object]], Cell]


def cells(document: Mapping[str, object]) -> dict[str, Cell]:
    return {row.key: row.read(document) for row in ROWS}


def _absent(lack: Lack) -> Cell:
    if lack.is_hidden:
        return Cell(State.HIDDEN, str(State.HIDDEN))
    return Cell(State.UNKNOWN, str(State.UNKNOWN), notes=(lack.missing,) if lack.missing else ())


def _measured(key: str) -> Callable[[Mapping[str, object]], Cell]:
    def read(document: Mapping[str, object]) -> Cell:
        value = value_of(document, key)
        if isinstance(value, Lack):
            return _absent(value)
        interval = str((mapped(value.get("interval")) or {}).get("text") or "")
        return Cell(
            State.KNOWN, str(value.get("text")), interval, (), number(value.get("value")), _evidence(value)
        )  # fmt: skip

    return read


def _evidence(value: Mapping[str, object]) -> Evidence | None:
    record = mapped(value.get("record"))
    if record is None:
        return None
    seq = number(record.get("seq"))
    return Evidence(
        str(record.get("log_id")),
        int(seq or 0),
        str(value.get("evidence_class")),
        str(value.get("age_text")),
        value.get("replay") is not False,
    )


def _rests_on(document: Mapping[str, object]) -> Cell:
    """Class A stands first."""
    value = value_of(document, "soh_capacity_cpct")
    evidence = None if isinstance(value, Lack) else _evidence(value)
    if isinstance(value, Lack) or evidence is None:
        return _absent(value if isinstance(value, Lack) else Lack(missing=UNREADABLE))
    said = (str(value.get("evidence")), str(value.get("method")))
    order = ord(evidence.evidence_class[0]) if evidence.evidence_class else None
    return Cell(State.KNOWN, f"class {evidence.evidence_class}", "", said, order, evidence)


def _age(document: Mapping[str, object]) -> Cell:
    value = value_of(document, "soh_capacity_cpct")
    if isinstance(value, Lack):
        return _absent(value)
    age_ms = number(value.get("age_ms"))
    if age_ms is None:
        return _absent(Lack(missing=str(value.get("age_text") or UNREADABLE)))
    made = str((mapped(value.get("made")) or {}).get("text") or "")
    return Cell(State.KNOWN, words.age(int(age_ms)), notes=(made,) if made else (), number=age_ms)


def _completeness(document: Mapping[str, object]) -> Cell:
    found = share_percent(document)
    complete = mapped(document.get("completeness"))
    if isinstance(found, Lack) or complete is None:
        return _absent(found if isinstance(found, Lack) else Lack(missing=UNREADABLE))
    notes = (str(complete.get("records_text")), f"time: {complete.get('time_text')}")
    return Cell(State.KNOWN, found.text, notes=notes, number=found.value)


def _gaps(document: Mapping[str, object]) -> Cell:
    """Windows that boards counted as lost, with the causes, and single values that are missing in others."""
    complete = mapped(document.get("completeness"))
    if complete is None or "windows_lost" not in complete:
        return _absent(Lack(missing=UNREADABLE))
    lost = listed(complete["windows_lost"])
    count = sum(number(one.get("windows")) or 0.0 for one in lost)
    notes = tuple(f"{words.plural(int(number(one.get('windows')) or 0), 'window')}: {one.get('cause')}" for one in lost)
    text = f"{words.plural(int(count), 'window')} lost" if count else "no window lost"
    return Cell(State.KNOWN, text, notes=notes, number=count)


def _verified(document: Mapping[str, object]) -> Cell:
    verification = mapped(document.get("verification"))
    if verification is None:
        return _absent(Lack(missing=UNREADABLE))
    return Cell(State.KNOWN, str(verification.get("headline")))


def _spread(document: Mapping[str, object]) -> Cell:
    found = spread_points(document)
    value = value_of(document, "soh_capacity_cpct")
    if isinstance(found, Lack) or isinstance(value, Lack):
        return _absent(found if isinstance(found, Lack) else Lack(is_hidden=True))
    ends = ((name, str((mapped(value.get(name)) or {}).get("text"))) for name in ("weakest", "strongest"))
    notes = tuple(f"{name}: {text}" for name, text in ends)
    return Cell(State.KNOWN, f"{found.text} at most", notes=notes, number=found.value)


def _resistance_gained(document: Mapping[str, object]) -> Cell:
    found = resistance_gained(document)
    if isinstance(found, Lack) and "resistance_increase" not in (mapped(document.get("values")) or {}):
        return _absent(found)
    return _measured("resistance_increase")(document)


def _status(document: Mapping[str, object]) -> Cell:
    life = mapped(document.get("life"))
    if life is None:
        return _absent(Lack(missing=NO_LIFE))
    if "status" not in life:
        return _absent(Lack(is_hidden=True))
    return Cell(State.KNOWN, str(life["status"] or "none yet"))


def _first_life(document: Mapping[str, object]) -> Cell:
    """Of a pack that comes from others, their logs, which end with a seal before a second life begins; else its own."""
    life = mapped(document.get("life"))
    if life is not None and "originals" not in life:
        return _absent(Lack(is_hidden=True))
    if life and listed(life.get("originals")):
        count = len(listed(life.get("sealed")))
        return Cell(State.KNOWN, "sealed", notes=(f"{words.plural(count, 'log')} of earlier passports",), number=1.0)
    logs = [log for log in listed(document.get("logs")) if "sealed" in log]
    if not logs:
        return _absent(Lack(missing="no record with it has arrived yet"))
    count = sum(log["sealed"] is not None for log in logs)
    text = "sealed" if count == len(logs) else "not sealed"
    return Cell(State.KNOWN, text, notes=(f"{count} of {words.plural(len(logs), 'log')}",), number=count / len(logs))


def _alarms(document: Mapping[str, object]) -> Cell:
    found = alarms_found(document)
    raised = listed((mapped(document.get("second_opinion")) or {}).get("alarms"))
    if isinstance(found, Lack) and not raised:
        return _absent(found)
    named = tuple(str(alarm.get("words")) for alarm in raised[:MAX_ALARMS_NAMED])
    more = len(raised) - len(named)
    notes = (*named, f"and {more} more") if more else named
    return Cell(State.KNOWN, words.plural(len(raised), "alarm") if raised else "no alarm", "", notes, len(raised))


def _row(key: str, name: str, is_more_better: bool | None) -> Row:
    return Row(key, name, is_more_better, _measured(key))


ROWS = (
    Row("status", "Status", None, _status),
    Row("first_life", "First life", True, _first_life),
    Row("verified", "Records", None, _verified),
    _row("soh_capacity_cpct", "State of health", True),
    Row("rests_on", "It rests on", False, _rests_on),
    Row("age", "Age of that health", False, _age),
    Row("completeness", "Evidence is complete", True, _completeness),
    Row("gaps", "Gaps in the evidence", False, _gaps),
    _row("remaining_capacity", "Remaining capacity", True),
    _row("usable_energy", "Usable energy", True),
    _row("power_at_80", "Power for 10 s, at 80 % charge", True),
    _row("power_at_20", "Power for 10 s, at 20 % charge", True),
    _row("ohmic_resistance", "Resistance of the pack", False),
    Row("resistance_increase", "Resistance gained", False, _resistance_gained),
    _row("self_discharge", "Self-discharge", False),
    _row("round_trip_efficiency", "Round-trip efficiency", True),
    Row("spread", "Spread of cell blocks", False, _spread),
    _row("full_cycles", "Full cycles", False),
    _row("energy_throughput", "Energy moved", False),
    _row("capacity_throughput", "Charge moved", False),
    _row("deep_discharge_events", "Deep discharges", False),
    _row("time_hot", "Time too hot", False),
    _row("time_cold", "Time too cold", False),
    Row("alarms", "Alarms of the second opinion", False, _alarms),
    _row("soh_reported_cpct", "Health, as claimed", None),
)
