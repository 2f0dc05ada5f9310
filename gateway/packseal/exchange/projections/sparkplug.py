"""Sparkplug B payloads and topics (Eclipse Sparkplug 3.0.0, chapters 4 and 6): metrics in, bytes out.

Decides how a battery's signals are metrics: doubles in the units of people, which is what such hosts show, with the
unit as the property `engUnit` and the signal's name without ours; one metric for each cell block and sensor
(`cell_voltage/0`); what is not available is a metric that is null. In data an alias stands for the name. The order of
messages is sparkplug_node.py's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from packseal.exchange.projections.documents import Clocks
from packseal.exchange.projections.last_values import Seen
from packseal.exchange.projections.protobuf import field, fields
from packseal.exchange.projections.signals import SIGNALS, Signal, Value

NAMESPACE = "spBv1.0"
UINT64, DOUBLE, BOOLEAN, STRING = 8, 10, 11, 12  # DataType
REBIRTH = "Node Control/Rebirth"
BD_SEQ = "bdSeq"
MAX_COMMAND_BYTES = 4096
MAX_COMMAND_METRICS = 64
_TIMESTAMP, _METRICS, _SEQ = 1, 2, 3  # of Payload
_NAME, _ALIAS, _METRIC_TIMESTAMP, _DATATYPE, _IS_NULL, _PROPERTIES = 1, 2, 3, 4, 7, 9  # of Metric
_LONG, _DOUBLE, _BOOLEAN, _STRING = 11, 13, 14, 15  # values of Metric
_KEYS, _VALUES = 1, 2  # of PropertySet
_TYPE, _PROPERTY_STRING = 1, 8  # of PropertyValue
_VALUE_FIELDS = {UINT64: _LONG, DOUBLE: _DOUBLE, BOOLEAN: _BOOLEAN, STRING: _STRING}


@dataclass(frozen=True, slots=True)
class Metric:
    """value: None for one that is null. unit: of people, empty for none."""

    name: str
    datatype: int
    value: int | float | bool | str | None
    unix_ms: int
    unit: str = ""
    alias: int | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """An edge node; its devices are batteries."""

    group: str
    name: str

    def topic(self, kind: str, device: str = "") -> str:
        return "/".join([NAMESPACE, self.group, kind, self.name, *([device] if device else [])])


def payload(metrics: Iterable[Metric], unix_ms: int, seq: int | None, *, is_birth: bool) -> bytes:
    """is_birth: each metric with its name, type and unit beside the alias; else the alias alone stands for it."""
    parts = [field(_TIMESTAMP, unix_ms), *(field(_METRICS, _metric(one, is_birth=is_birth)) for one in metrics)]
    return b"".join(parts) + (b"" if seq is None else field(_SEQ, seq))


def signal_metrics(
    seen: Mapping[str, Seen], names: Iterable[str], now: Clocks, born: Collection[str] = ()
) -> list[Metric]:
    """The metrics of these signals, without aliases. What was never read is null, as of now.

    born: metrics that the host knows; those of these signals that are there no more are null, as of the array.
    """
    found = []
    for name in names:
        value = seen[name].reading.value if name in seen else None
        unix_ms = now.unix_at(seen[name].measured_ms) if name in seen else now.unix_ms
        unit = SIGNALS[name].unit
        for key, one in _flat(SIGNALS[name], value, born):
            number = None if one is None else one / 10**unit.places
            found.append(Metric(key, DOUBLE, number, unix_ms, unit.symbol))
    return found


def wants_rebirth(content: bytes) -> bool:
    """Whether an NCMD asks for `Node Control/Rebirth`. Raises ValueError for what is no payload."""
    if len(content) > MAX_COMMAND_BYTES:
        raise ValueError(f"a command of {len(content)} bytes, over {MAX_COMMAND_BYTES}")
    metrics = [value for number, value in fields(content) if number == _METRICS and isinstance(value, bytes)]
    if len(metrics) > MAX_COMMAND_METRICS:
        raise ValueError(f"a command of {len(metrics)} metrics, over {MAX_COMMAND_METRICS}")
    return any(_is_rebirth(metric) for metric in metrics)


def _is_rebirth(metric: bytes) -> bool:
    values = dict(fields(metric))
    return values.get(_NAME) == REBIRTH.encode() and values.get(_BOOLEAN) == 1


def _flat(signal: Signal, value: Value, born: Collection[str]) -> list[tuple[str, int | None]]:
    """An array as one metric for each place that it has, or has had; none while it was never there."""
    name = signal.plain_name
    if not signal.is_array:
        return [(name, value if isinstance(value, int) else None)]
    there = {f"{name}/{place}": one for place, one in enumerate(value if isinstance(value, tuple) else ())}
    gone = [key for key in born if key.startswith(f"{name}/") and key not in there]
    return [*there.items(), *((key, None) for key in gone)]


def _metric(metric: Metric, *, is_birth: bool) -> bytes:
    out = b""
    if is_birth or metric.alias is None:
        out += field(_NAME, metric.name)
    if metric.alias is not None:
        out += field(_ALIAS, metric.alias)
    out += field(_METRIC_TIMESTAMP, metric.unix_ms)
    if is_birth or metric.alias is None:
        out += field(_DATATYPE, metric.datatype)
    if metric.value is None:
        out += field(_IS_NULL, True)
    if is_birth and metric.unit:
        out += field(_PROPERTIES, field(_KEYS, "engUnit") + field(_VALUES, _text_property(metric.unit)))
    return out if metric.value is None else out + field(_VALUE_FIELDS[metric.datatype], metric.value)


def _text_property(text: str) -> bytes:
    return field(_TYPE, STRING) + field(_PROPERTY_STRING, text)
