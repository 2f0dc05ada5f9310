"""Battery Evidence 1.0.0, an aspect of our own: beside the seven parts, on what each value of the passport rests.

Of every value that may be told: who says it and by which method, how uncertain it is, which signed record or statement
it is from, not later than when it was made, and where only a bound is told, that bound. With it an export to Catena-X
loses nothing but what a rule kept back. Its JSON Schema is docs/battery-evidence.schema.json. Numbers are JSON numbers
where a double holds them exactly, else text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from packseal.exchange.exact import plain
from packseal.exchange.export import Builder, Converted, Export, Field, Target, UnfitError, one_of
from packseal.exchange.forms import moment
from packseal.exchange.loss import Why
from packseal.exchange.source import Content, File, LogEnd, Source, Value
from packseal.records.statement_bodies import CATEGORIES

MODEL = "urn:packseal:evidence:1.0.0#BatteryEvidence"
CATEGORY = Field(("batteryCategory",), "battery_category", one_of({one: one for one in CATEGORIES}))
TARGET = Target("evidence", "Battery Evidence", MODEL, (), has_circumstances=True)


def make(source: Source, link: str = "") -> Export:
    """link: the public address of the passport, where whoever is not content with it can check; "" for none."""
    builder = Builder(TARGET, source)
    builder.constant(("passportId",), source.passport)
    if link:
        builder.constant(("passportUrl",), link)
    builder.take(CATEGORY)
    builder.constant(("isSimulated",), source.is_simulated)
    _as_of(builder)
    values = [value for _, value in sorted(source.values.items())]
    _logs(builder, values)
    if not values:
        builder.constant(("values",), [])
    for number, value in enumerate(values):
        builder.put(("values", number), value.key, _evidence(value, source))
    return builder.export()


def _as_of(builder: Builder) -> None:
    try:
        builder.constant(("asOf",), moment(builder.source.as_of_unix_ms))
    except UnfitError as error:
        builder.lose(Why.UNFIT, ("asOf",), "", str(error))


def _logs(builder: Builder, values: Iterable[Value]) -> None:
    """Those alone that a value cites: that there are others may be nobody's business."""
    cited = {value.record[0]: value.key for value in reversed(list(values)) if value.record}
    found = [log for log in builder.source.logs if log.log_id in cited]
    for number, log in enumerate(found):
        builder.put(("logs", number), cited[log.log_id], _log(log))


def _log(log: LogEnd) -> Converted:
    root = {} if log.root is None else {"rootHash": log.root}
    return {"logId": log.log_id, "size": log.size, **root}


def _evidence(value: Value, source: Source) -> Converted:
    return {
        "key": value.key,
        **_told(value),
        "unit": value.unit,
        "accessGroup": value.group,
        "origin": str(value.origin),
        **_certainty(value),
        **_grounds(value),
        **({"details": plain(dict(value.details))} if value.details else {}),
        **_files(value.content, source),
    }


def _told(value: Value) -> dict[str, Converted]:
    found: dict[str, Converted] = {} if value.content is None else {"value": plain(value.content)}
    if value.bound is not None:
        found["bound"] = {"limit": plain(value.bound.limit), "isAtLeast": value.bound.is_at_least}
    return {**found, "isCoarser": True} if value.is_coarser else found


def _certainty(value: Value) -> dict[str, Converted]:
    found: dict[str, Converted] = {} if value.method is None else {"method": value.method}
    if value.standard_uncertainty is not None:
        found["standardUncertainty"] = plain(value.standard_uncertainty)
    if value.interval is not None:
        found["interval"] = {"low": plain(value.interval.low), "high": plain(value.interval.high)}
    return found


def _grounds(value: Value) -> dict[str, Converted]:
    found: dict[str, Converted] = {}
    if value.record is not None:
        found["record"] = {"logId": value.record[0], "seq": value.record[1]}
    if value.statement is not None:
        found["statement"] = value.statement
    if value.made_unix_ms is not None:
        found["madeUnixMs"] = value.made_unix_ms
    if value.evidence_class is not None:
        found["evidenceClass"] = value.evidence_class
    return found


def _files(content: Content | None, source: Source) -> dict[str, Converted]:
    """What is known of the attached files that a value names."""
    found = [source.files[name] for name in _names(content) if name in source.files]
    return {"files": [_file(file) for file in found]} if found else {}


def _file(file: File) -> Converted:
    return {"sha256": file.sha256, "name": file.name, "mediaType": file.media_type, "sizeBytes": file.size_bytes}


def _names(content: Content | None) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for one in content:
            yield from _names(one)
