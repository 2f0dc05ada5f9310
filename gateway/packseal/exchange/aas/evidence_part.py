"""The table of our own submodel: on what each value rests (exchange/aspects/evidence.py), beside the seven of IDTA."""

from __future__ import annotations

from packseal.exchange.aas.structure import Node, Part, anything, collection, listed, prop, span

EVIDENCE = "urn:packseal:evidence:1.0.0#"


def _of(name: str, value_type: str = "string") -> Node:
    return prop(_short(name), EVIDENCE + name, value_type, name=name)


def _short(name: str) -> str:
    return name[:1].upper() + name[1:]


def _maps(name: str, item: str, *parts: Node) -> Node:
    return listed(_short(name), EVIDENCE + name, collection(item, EVIDENCE + item, *parts), name=name)


def _map(name: str, *parts: Node) -> Node:
    return collection(_short(name), EVIDENCE + name, *parts, name=name)


VALUE = (
    _of("key"),
    anything("Value", f"{EVIDENCE}value", name="value"),
    _map("bound", _of("limit", "decimal"), _of("isAtLeast", "boolean")),
    _of("isCoarser", "boolean"),
    _of("unit"),
    _of("accessGroup", "unsignedByte"),
    _of("origin"),
    _of("method"),
    _of("standardUncertainty", "decimal"),
    span("Interval", f"{EVIDENCE}interval", "decimal", name="interval"),
    _map("record", _of("logId"), _of("seq", "unsignedLong")),
    _of("statement"),
    _of("madeUnixMs", "unsignedLong"),
    _of("evidenceClass"),
    anything("Details", f"{EVIDENCE}details", name="details"),
    _maps("files", "File", _of("sha256"), _of("name"), _of("mediaType"), _of("sizeBytes", "unsignedLong")),
    _of("rule"),
)
EVIDENCE_PART = Part(
    "BatteryEvidence",
    f"{EVIDENCE}BatteryEvidence",
    "",
    (
        _of("passportId"),
        _of("passportUrl", "anyURI"),
        _of("batteryCategory"),
        _of("isSimulated", "boolean"),
        _of("asOf", "dateTime"),
        _maps("logs", "Log", _of("logId"), _of("size", "unsignedLong"), _of("rootHash")),
        _maps("values", "Evidence", *VALUE),
    ),
)
