"""What a passport knows of a value beside the value itself, for the models that have room for it.

DIN DKE SPEC 99100 6.7.1 asks for date, originator, uncertainty and method with each value of performance.
"""

from __future__ import annotations

from packseal.exchange.forms import is_dated, moment
from packseal.exchange.source import Content, Value


def circumstances(value: Value) -> dict[str, Content]:
    """By name, what is known: bound, method, uncertainty, interval, time, evidence, and the value's own details."""
    found: dict[str, Content | None] = {
        "method": value.method,
        "standard_uncertainty": value.standard_uncertainty,
        "time": moment(value.made_unix_ms) if value.made_unix_ms is not None and is_dated(value.made_unix_ms) else None,
        "evidence_class": value.evidence_class,
        "statement": value.statement,
        "details": dict(value.details) or None,
    }
    if value.bound:
        found["at_least" if value.bound.is_at_least else "at_most"] = value.bound.limit
    if value.interval:
        found["interval_95_percent"] = {"low": value.interval.low, "high": value.interval.high}
    if value.record:
        found["record"] = {"log": value.record[0], "seq": value.record[1]}
    return {name: content for name, content in found.items() if content is not None}
