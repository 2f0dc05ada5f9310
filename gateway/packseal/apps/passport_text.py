"""A passport as lines of text, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from packseal.passport.words import plural
from packseal.records.printable import printable
from packseal.records.report import utc

WIDTH = 34


def passport_lines(document: Mapping[str, Any], validity: Mapping[str, Any]) -> list[str]:
    """What the document holds; nothing is put in the place of what it does not."""
    return [printable(line) for line in _lines(document, validity)]


def listed_lines(items: Sequence[Mapping[str, Any]]) -> list[str]:
    """One for each passport of a list."""
    return [printable(_listed(one)) for one in items]


def _listed(one: Mapping[str, Any]) -> str:
    health = one["state_of_health_percent"]
    known = "health not known" if health is None else f"health {health:.1f} %"
    records = plural(one["records"], "record") + (f", {one['records_lost']} lost" if one["records_lost"] else "")
    stage = one["stage"] or "no life cycle"
    return f"{one['passport']:{WIDTH}} {one['name']} ({one['category']}), {stage}, {known}, {records}"


def fresh_lines(answer: Mapping[str, Any]) -> list[str]:
    """What a battery has just said."""
    took_ms = answer["received_unix_ms"] - answer["asked_unix_ms"]
    record = f"record {answer['seq']} of log {answer['log_id'][:8]}"
    head = f"{answer['battery']}: {record}, {took_ms / 1000:.1f} s after it was asked"
    values = (_line(value["name"], _measured(value)) for value in answer["values"].values())
    left_out = (f"not in the bundle: {words}" for words in answer["left_out"])
    return [printable(line) for line in (head, *values, *left_out)]


def outgoing_lines(items: Sequence[Mapping[str, Any]]) -> list[str]:
    """Two for each document that left: for whom and under what; what was in it."""
    return [printable(line) for one in items for line in _outgoing(one)]


def _outgoing(one: Mapping[str, Any]) -> Iterator[str]:
    to = f"{one['partner']} ({one['audience']}), contract {one['contract']}"
    yield f"{utc(one['unix_ms'])}  {one['target']} for {to}: {one['size']} bytes, SHA-256 {one['sha256']}"
    yield f"  rules {', '.join(one['rules']) or 'none'}; values {', '.join(one['keys']) or 'none'}"


def _lines(document: Mapping[str, Any], validity: Mapping[str, Any]) -> Iterator[str]:
    battery, life = document["battery"], document.get("life") or {}
    yield f"{battery['name']} ({battery['category_text']})"
    if "stage" in life:
        yield _line("stage of its life", f"{life['stage']}, status {life['status'] or 'none yet'}")
    if "operator" in life:
        yield _line("responsible", str(life["operator"]["public_key"])[:16] + "…")
    yield _line("evidence", f"{document['verification']['headline']}; {document['completeness']['records_text']}")
    yield ""
    for value in document["values"].values():
        yield _line(value["name"], _measured(value))
    for key, value in life.get("values", {}).items():
        yield _line(key, f"{value['value']}  (stated by {value['originator'][:8]}, entry {value['index']})")
    yield ""
    yield validity["words"]
    for finding in validity["points"].values():
        if finding["state"] == "missing":
            yield f"  {finding['words']}"


def _measured(value: Mapping[str, Any]) -> str:
    if value["value"] is None:
        return f"{value['text']}: {value.get('missing', '')}".rstrip(": ")
    record = value.get("record")
    by = f"  (record {record['seq']} of {record['log_id'][:8]}, class {value['evidence_class']})" if record else ""
    interval = f", {value['interval']['text']}" if value.get("interval") else ""
    return f"{value['text']}{interval}{by}"


def _line(name: str, text: str) -> str:
    return f"{name:{WIDTH}} {text}"
