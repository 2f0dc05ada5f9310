"""What persons have stated of a battery, and what is still missing, as the page lists them.

Words of persons are shown as they are, in whichever language; numbers, units and the names of columns that are common
are the page's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from packseal.passport.attributes import ATTRIBUTES, Attribute, Kind, Section
from packseal.passport.document import Json

DIGEST_DIGITS = 64
UNIT_WORDS = {
    "Cel": "°C", "Ohm": "Ω", "a": "years", "1/h": "per hour", "%/month": "% per month",
    "kgCO2e/kWh": "kg CO₂e/kWh", "tCO2e": "t CO₂e",
}  # fmt: skip
"""Of UCUM, as persons write them; the others are written as they are."""
COLUMN_WORDS = {
    "web": "Web address", "email": "E-mail address", "cas": "CAS number", "number": "Part number", "id": "Identifier",
}  # fmt: skip
"""Of keys that are short for more than they say."""
FIRST_KEYS = ("name", "material", "component", "part", "address")
_NUMBER = re.compile(r"-?\d{1,12}(\.\d{1,6})?")
_PERCENT = "_percent"


def stated_sections(document: Mapping[str, object]) -> list[Json]:
    """By section of the attributes, in their order: of a document as a reader is shown it."""
    stated = _mapping(_mapping(document.get("life")).get("values"))
    files = _mapping(_mapping(document.get("life")).get("attachments"))
    rows: dict[Section, list[Json]] = {}
    for key, attribute in ATTRIBUTES.items():
        if key in stated:
            rows.setdefault(attribute.section, []).append(_row(attribute, _mapping(stated[key]), files))
    return [
        {"section": str(section), "rows": of_section, "source": _common_source(of_section)}
        for section, of_section in rows.items()
    ]


def missing_points(validity: Mapping[str, object]) -> list[str]:
    """In words, those data points that are a duty by now, or whose condition may hold."""
    points = [_mapping(one) for one in _mapping(validity.get("points")).values()]
    return [str(one["words"]) for one in points if one.get("state") == "missing"]


def _row(attribute: Attribute, value: Mapping[str, object], files: Mapping[str, object]) -> Json:
    """What is stated stands in `lines`; in `parts` where it is one table; in `columns` and `cells` where it is a list
    of tables."""
    return {
        "key": attribute.key,
        "name": attribute.name,
        **_shown(attribute, value.get("value"), files),
        "by": str(value.get("originator"))[:16],
        "index": value.get("index"),
    }


def _common_source(rows: Sequence[Json]) -> Json | None:
    """Of a section that one statement has stated: said once, and not beside each value."""
    sources = [{"by": row["by"], "index": row["index"]} for row in rows]
    return sources[0] if all(source == sources[0] for source in sources) else None


def _shown(attribute: Attribute, said: object, files: Mapping[str, object]) -> Json:
    if isinstance(said, Mapping):
        return {"parts": [(_heading(key), _cell(attribute, said[key])) for key in _in_order(said)]}
    lines = said if isinstance(said, list) else [said]
    tables = [one for one in lines if isinstance(one, Mapping)]
    if tables and len(tables) == len(lines):
        return _table(attribute, tables)
    return {"lines": [_line(attribute, one, files) for one in lines]}


def _table(attribute: Attribute, rows: Sequence[Mapping[str, object]]) -> Json:
    """A column for every key that one of the rows has."""
    keys = _in_order(dict.fromkeys(str(key) for row in rows for key in row))
    cells = [[_cell(attribute, row[key]) if key in row else {"text": ""} for key in keys] for row in rows]
    return {"columns": [_heading(key) for key in keys], "cells": cells}


def _line(attribute: Attribute, said: object, files: Mapping[str, object]) -> Json:
    """One line of a value. link: where it leads; digest: of a file that its owner publishes, with its name if known."""
    if attribute.kind in (Kind.FILE, Kind.LINK):
        text = _text(said)
        if text.startswith("https://"):
            return {"text": text, "link": text}
        if len(text) == DIGEST_DIGITS:
            return {"text": str(_mapping(files.get(text)).get("name") or ""), "digest": text}
    is_number = attribute.kind in (Kind.DECIMAL, Kind.COUNT)
    unit = UNIT_WORDS.get(attribute.unit, attribute.unit) if is_number else ""
    return {**_cell(attribute, said), "unit": unit}


def _cell(attribute: Attribute, said: object) -> Json:
    """is_number: written as the language writes it. A text of digits is none where the attribute measures nothing."""
    text = _text(said)
    if isinstance(said, int) and not isinstance(said, bool):
        return {"text": _signed(f"{said:,}".replace(",", " ")), "is_number": True}
    if (attribute.unit or attribute.kind is Kind.DECIMAL) and _NUMBER.fullmatch(text):
        return {"text": _signed(text), "is_number": True}
    return {"text": text}


def _signed(digits: str) -> str:
    return digits.replace("-", "\u2212")


def _in_order(keys: Iterable[str]) -> list[str]:
    """What names a row first; a statement has them in the order of its own bytes."""
    return sorted(keys, key=lambda key: FIRST_KEYS.index(key) if key in FIRST_KEYS else len(FIRST_KEYS))


def _heading(key: str) -> str:
    """share_percent -> Share, %"""
    if key in COLUMN_WORDS:
        return COLUMN_WORDS[key]
    words = key.removesuffix(_PERCENT).replace("_", " ")
    return words[:1].upper() + words[1:] + (", %" if key.endswith(_PERCENT) else "")


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(one)}" for key, one in value.items())
    return str(value)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
