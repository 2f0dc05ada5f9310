"""The second opinion and its alarms as JSON-able values, with the words that the page shows beside each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from packseal.estimate import Alarm, BlockOpinion, Evidence, Opinion
from packseal.estimate.opinion import METHODS
from packseal.passport.document import Json
from packseal.records.bodies import Estimate, margin
from packseal.records.report import utc

TELL_CHEMISTRY = (
    "put the chemistry of its cells, lfp, nmc, nca or lco, beside this battery in passport.toml and start again"
)
UNITS = {"_mah": ("Ah", 1000), "_ma": ("mA", 1), "_percent": ("%", 1), "_points": ("points", 1)}


def opinion_view(opinion: Opinion, chemistry: str, stopped_seq: int | None) -> Json:
    """missing: what is needed, in words; cure: what who runs the service can do about it, or None."""
    missing = list(opinion.missing)
    cure = None if chemistry or opinion.is_known else TELL_CHEMISTRY
    if stopped_seq is not None:
        missing = [f"a look into it: this view stopped at record {stopped_seq}"]
        cure = "send that record, with its proof, to who maintains this program"
    return {
        "soh_capacity": _percent(opinion.soh_capacity_cpct),
        "of_first_seen": _percent(opinion.retention_cpct),
        "remaining_capacity": _value(opinion.remaining_capacity_mah, 1000, "Ah", 2),
        "weakest": _block(opinion.weakest),
        "strongest": _block(opinion.strongest),
        "method": METHODS.get(opinion.method),
        "ageing": opinion.ageing or None,
        "missing": missing,
        "cure": cure,
        "charges": opinion.charges,
        "records": list(opinion.inputs) if opinion.inputs else None,
        "age_ms": opinion.age_ms,
    }


def alarm_view(alarm: Alarm, logs: Sequence[bytes], received_at: Callable[[bytes, int], int | None]) -> Json:
    evidence = [_evidence(item, logs, received_at) for item in alarm.evidence]
    return {
        "kind": str(alarm.kind),
        "severity": str(alarm.severity),
        "words": alarm.words,
        "cell_blocks": list(alarm.place) if alarm.place else None,
        "since_seq": alarm.since_seq,
        "since_uptime_ms": alarm.since_uptime_ms,
        "last_uptime_ms": alarm.last_uptime_ms,
        "last_received": max((str(item["received"]) for item in evidence if item["received"]), default=None),
        "evidence": evidence,
    }


def _evidence(item: Evidence, logs: Sequence[bytes], received_at: Callable[[bytes, int], int | None]) -> Json:
    """received: when the service received that record; the board's own clock is not proven."""
    log_id = logs[item.log]
    unix_ms = received_at(log_id, item.seq)
    return {
        "log_id": log_id.hex(),
        "seq": item.seq,
        "received_unix_ms": unix_ms,
        "received": None if unix_ms is None else utc(unix_ms),
        "words": item.words,
        "numbers": {name: value for name, value in item.numbers.items() if math.isfinite(value)},
        "numbers_text": _numbers_text(item.numbers),
    }


def _numbers_text(numbers: Mapping[str, float]) -> str:
    return ", ".join(_number_text(name, value) for name, value in numbers.items() if math.isfinite(value))


def _number_text(name: str, value: float) -> str:
    for suffix, (unit, parts) in UNITS.items():
        if name.endswith(suffix):
            return f"{name.removesuffix(suffix).replace('_', ' ')} {value / parts:.5g} {unit}"
    return f"{name.replace('_', ' ')} {value:.5g}"


def _percent(estimate: Estimate | None) -> Json | None:
    return _value(estimate, 100, "%", 1)


def _value(estimate: Estimate | None, parts: int, unit: str, digits: int) -> Json | None:
    if estimate is None:
        return None
    value, beside = estimate.value / parts, margin(estimate.uncertainty) / parts
    return {
        "value": value,
        "low": value - beside,
        "high": value + beside,
        "text": f"{value:.{digits}f} {unit}",
        "interval_text": f"{value - beside:.{digits}f} to {value + beside:.{digits}f} {unit}",
    }


def _block(block: BlockOpinion | None) -> Json | None:
    return {"cell_block": block.block, **(_value(block.remaining_capacity_mah, 1000, "Ah", 2) or {})} if block else None
