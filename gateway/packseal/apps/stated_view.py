"""What persons have stated of a battery, and what is still missing, as the page lists them."""

from __future__ import annotations

from collections.abc import Mapping

from packseal.passport.attributes import ATTRIBUTES, Attribute, Kind, Section
from packseal.passport.document import Json

DIGEST_DIGITS = 64


def stated_sections(document: Mapping[str, object]) -> list[Json]:
    """By section of the attributes, in their order: of a document as a reader is shown it."""
    stated = _mapping(_mapping(document.get("life")).get("values"))
    files = _mapping(_mapping(document.get("life")).get("attachments"))
    rows: dict[Section, list[Json]] = {}
    for key, attribute in ATTRIBUTES.items():
        if key in stated:
            rows.setdefault(attribute.section, []).append(_row(attribute, _mapping(stated[key]), files))
    return [{"section": str(section), "rows": of_section} for section, of_section in rows.items()]


def missing_points(validity: Mapping[str, object]) -> list[str]:
    """In words, those data points that are a duty by now, or whose condition may hold."""
    points = [_mapping(one) for one in _mapping(validity.get("points")).values()]
    return [str(one["words"]) for one in points if one.get("state") == "missing"]


def _row(attribute: Attribute, value: Mapping[str, object], files: Mapping[str, object]) -> Json:
    said = value.get("value")
    lines = said if isinstance(said, list) else [said]
    return {
        "key": attribute.key,
        "name": attribute.name,
        "clause": attribute.clause,
        "lines": [_line(attribute, one, files) for one in lines],
        "by": str(value.get("originator"))[:16],
        "role": value.get("role"),
        "index": value.get("index"),
    }


def _line(attribute: Attribute, said: object, files: Mapping[str, object]) -> Json:
    """One line of a value. link: where it leads; digest: of a file that its owner publishes."""
    if isinstance(said, Mapping):
        return {"text": "; ".join(f"{key}: {_text(one)}" for key, one in said.items())}
    text = _text(said)
    if attribute.kind in (Kind.FILE, Kind.LINK):
        if text.startswith("https://"):
            return {"text": text, "link": text}
        if len(text) == DIGEST_DIGITS:
            name = _mapping(files.get(text)).get("name")
            return {"text": str(name or "file"), "digest": text}
    unit = f" {attribute.unit}" if attribute.unit and attribute.kind in (Kind.DECIMAL, Kind.COUNT) else ""
    return {"text": text + unit}


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(one)}" for key, one in value.items())
    return str(value)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
