"""`state` and `cells`: a battery's last values as small JSON, retained, for dashboards and for Home Assistant.

Decides what stands in them. Numbers are integers in the unit at the end of their name; null is "not available". What is
older than the window of `seq` has its own age in `ages_ms`; every age is that at `received_unix_ms`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from packseal.exchange.projections.last_values import LastValues
from packseal.exchange.projections.signals import SIGNALS
from packseal.records.report import EVENTS


@dataclass(frozen=True, slots=True)
class Message:
    topic: str
    content: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Clocks:
    """One moment by a clock that nobody sets, and by the wall's."""

    ms: int
    unix_ms: int

    def unix_at(self, ms: int) -> int:
        """The wall's time of a moment of the other clock."""
        return self.unix_ms - (self.ms - ms)


def state_message(topic: str, last: LastValues, names: Iterable[str], now: Clocks, *, has_alarms: bool) -> Message:
    """The values of these names. has_alarms: with what goes on by the board's EVENTs, null where it is not known."""
    received, age_ms = last.received_ms, last.received_ms - last.measured_ms
    head = {"seq": last.seq, "received_unix_ms": now.unix_at(received), "age_ms": age_ms}
    values: dict[str, object] = {}
    for name in names:
        reading = last.seen[name].reading if name in last.seen else None
        values[name] = reading.value if reading else None
        if reading and reading.interval:
            values[interval_key(name)] = reading.interval
    ages = {name: received - last.seen[name].measured_ms for name in names if name in last.seen}
    ages = {name: age for name, age in ages.items() if age > age_ms}
    if has_alarms:
        values["alarms"] = None if last.alarms is None else [alarm_words(event) for event in sorted(last.alarms)]
    content = json.dumps(head | values | ({"ages_ms": ages} if ages else {}), separators=(",", ":"))
    return Message(topic, content.encode(), retain=True)


def gateway_message(topic: str, records_waiting: int, last_receipt_unix_ms: int | None) -> Message:
    """How far the gateway is behind with what it has to deliver."""
    status = {"records_waiting": records_waiting, "last_receipt_unix_ms": last_receipt_unix_ms}
    return Message(topic, json.dumps(status, separators=(",", ":")).encode(), retain=True)


def interval_key(name: str) -> str:
    """Of the interval in which a value lies in about 95 of 100 cases."""
    quantity, _, unit = name.rpartition("_")
    return f"{quantity}_interval_{unit}"


def alarm_words(event: int) -> str:
    return EVENTS.get(event, f"event {event}")


def is_in_cells(name: str) -> bool:
    """Arrays have a document of their own: it is large, and few look at it."""
    return SIGNALS[name].is_array
