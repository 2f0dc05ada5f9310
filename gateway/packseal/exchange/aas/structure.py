"""What the tables of parts.py are made of: the elements of a submodel as its template names them.

Decides nothing but their form. Meta model of the AAS: IDTA 01001-3-1. `name` is what the value-only JSON of
exchange/aspects calls an element, where that is not its idShort. Units are by UCUM, and ours: they are what a value is
in, also where a template's concept description says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    PROPERTY = "Property"
    MULTILINGUAL = "MultiLanguageProperty"
    FILE = "File"
    RANGE = "Range"
    COLLECTION = "SubmodelElementCollection"
    LIST = "SubmodelElementList"


@dataclass(frozen=True, slots=True)
class Node:
    """value_type: of XSD, without its prefix, for properties and ranges. parts: of a collection; the item of a list.
    is_any: whatever stands there, as JSON in one text."""

    id_short: str
    semantic_id: str
    kind: Kind
    value_type: str = "string"
    unit: str = ""
    parts: tuple[Node, ...] = ()
    name: str = ""
    is_any: bool = False

    @property
    def key(self) -> str:
        """Its name in value-only JSON."""
        return self.name or self.id_short


@dataclass(frozen=True, slots=True)
class Part:
    """One submodel. template: templateId of its administration."""

    id_short: str
    semantic_id: str
    template: str
    elements: tuple[Node, ...]


def prop(id_short: str, semantic_id: str, value_type: str = "string", unit: str = "", *, name: str = "") -> Node:
    return Node(id_short, semantic_id, Kind.PROPERTY, value_type, unit, name=name)


def multilingual(id_short: str, semantic_id: str, *, name: str = "") -> Node:
    return Node(id_short, semantic_id, Kind.MULTILINGUAL, name=name)


def file(id_short: str, semantic_id: str) -> Node:
    return Node(id_short, semantic_id, Kind.FILE)


def anything(id_short: str, semantic_id: str, *, name: str = "") -> Node:
    return Node(id_short, semantic_id, Kind.PROPERTY, name=name, is_any=True)


def span(id_short: str, semantic_id: str, value_type: str, *, name: str = "") -> Node:
    """From a map of low and high."""
    return Node(id_short, semantic_id, Kind.RANGE, value_type, name=name)


def collection(id_short: str, semantic_id: str, *parts: Node, name: str = "") -> Node:
    return Node(id_short, semantic_id, Kind.COLLECTION, parts=parts, name=name)


def listed(id_short: str, semantic_id: str, item: Node, *, name: str = "") -> Node:
    return Node(id_short, semantic_id, Kind.LIST, parts=(item,), name=name)
