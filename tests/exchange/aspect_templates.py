"""Documents held against the submodel templates of IDTA 02035: names, kinds of values, and what has to be there.

The payload names of the aspect models, which Catena-X asks for, are not all those of the templates: RENAMED and
OF_THE_ASPECT_MODEL list each difference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

FOLDER = "models/idta/published/Digital Battery Passport"
TEMPLATES = {
    "nameplate": "1_Digital Nameplate/1/0/IDTA 02035-1_DBP-Part-1_Digital Nameplate.json",
    "handover": "2_Handover Documentation/1/0/IDTA 02035-2_DBP-Part-2_HandoverDocumentation.json",
    "carbon-footprint": "3_Product Carbon Footprint/1/0/IDTA 02035-3_DBP-Part-3_ProductCarbonFootprint.json",
    "technical-data": "4_Technical Data/1/0/1/IDTA 02035-4_DBP-Part-4_TechnicalData.json",
    "product-condition": "5_Product Condition/1/0/1/IDTA 02035-5_DBP-Part-5_ProductCondition.json",
    "material-composition": "6_Material Composition/1/0/1/IDTA 02035-6_DBP-Part-6_MaterialComposition.json",
    "circularity": "7_Circularity/1/0/1/IDTA 02035-7_DBP-Part-7_Circularity.json",
}
LEVELS = ("Cell", "Pack", "Module")
RENAMED: Mapping[str, str] = {
    "PcfCo2eq": "PcfCO2eq",
    "RemainingPowerCapabilityValue": "RemainingPowerCapabilityDynamicAt",
    "RatioNominalBatteryPowerAndBatteryEnergy": "RatioNorminalBatteryPowerAndBatteryEnergy",
    "CrateOfRelevantCycleLifeTest": "CRateOfRelevantCycleLifeTest",
    "atSoC": "atSoc",
    **{f"InitialInternalResistanceAtBattery{level}Level": f"InitialInternalResistanceOnBattery{level}Level"
       for level in LEVELS},
    **{f"InternalResistanceIncreaseAtBattery{level}Level": f"InternalResistanceIncreaseOfBattery{level}Level"
       for level in LEVELS},
}  # fmt: skip
OF_THE_ASPECT_MODEL = {"CycleLifeReferenceTest"}  # required by it, and not in the template
_DATE_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z")


@dataclass(frozen=True, slots=True)
class Node:
    kind: str
    value_type: str
    is_required: bool
    children: Mapping[str, Node]
    item: Node | None


@dataclass(frozen=True, slots=True)
class Template:
    semantic_id: str
    root: Node


@lru_cache
def template(shared: Path, target: str) -> Template:
    (submodel,) = json.loads((shared / FOLDER / TEMPLATES[target]).read_text("utf-8"))["submodels"]
    return Template(submodel["semanticId"]["keys"][-1]["value"], _node(submodel))


def _node(element: Mapping[str, Any]) -> Node:
    kind, value = element["modelType"], element.get("value")
    inner = element.get("submodelElements", value if kind.startswith("SubmodelElement") else None) or []
    is_list = kind == "SubmodelElementList"
    children = {} if is_list else {str(one["idShort"]): _node(one) for one in inner}
    item = _node(inner[0]) if is_list and inner else None
    return Node(kind, element.get("valueType", ""), "One" in _cardinality(element)[:3], children, item)


def _cardinality(element: Mapping[str, Any]) -> str:
    found = [
        one["value"] for one in element.get("qualifiers", ()) if one["type"].endswith(("ardinality", "ultiplicity"))
    ]
    return str(found[0]) if found else ""


def missing(document: Any, node: Node, path: str = "") -> Iterator[str]:
    """Pointers of what has to be there and is not."""
    if node.item is not None and isinstance(document, list):
        if not document and node.item.is_required:
            yield path
        for number, one in enumerate(document):
            yield from missing(one, node.item, f"{path}/{number}")
    if isinstance(document, dict):
        named = {RENAMED.get(name, name): name for name in document}
        for name, child in node.children.items():
            ours = named.get(name, _ours(name))
            if ours in document:
                yield from missing(document[ours], child, f"{path}/{ours}")
            elif child.is_required:
                yield f"{path}/{ours}"


def _ours(name: str) -> str:
    return next((ours for ours, theirs in RENAMED.items() if theirs == name), name)


def wrong(document: Any, node: Node, path: str = "") -> Iterator[str]:
    """Pointers of what the template does not know, or has as another kind of value."""
    if node.kind in ("Submodel", "SubmodelElementCollection"):
        yield from _wrong_map(document, node, path)
    elif node.item is not None:
        if not isinstance(document, list):
            yield path
            return
        for number, one in enumerate(document):
            yield from wrong(one, node.item, f"{path}/{number}")
    elif not _FITS[node.value_type or node.kind](document):
        yield path


def _wrong_map(document: Any, node: Node, path: str) -> Iterator[str]:
    if not isinstance(document, dict):
        yield path
        return
    for name, one in document.items() if node.children else ():  # an empty template leaves its map open
        child = node.children.get(RENAMED.get(name, name))
        if child is not None:
            yield from wrong(one, child, f"{path}/{name}")
        elif name not in OF_THE_ASPECT_MODEL:
            yield f"{path}/{name}"


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_multilingual(value: Any) -> bool:
    return isinstance(value, list) and all(len(one) == 1 and _is_text(*one.values()) for one in value) and bool(value)


def _is_file(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"value", "contentType"} and all(map(_is_text, value.values()))


_FITS: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("xs:float", "xs:double", "xs:decimal"), _is_number),
    **dict.fromkeys(("xs:integer", "xs:unsignedInt"), _is_integer),
    **dict.fromkeys(("xs:string", "xs:anyURI"), _is_text),
    "xs:boolean": lambda value: isinstance(value, bool),
    "xs:date": lambda value: isinstance(value, str) and re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value) is not None,
    "xs:dateTime": lambda value: isinstance(value, str) and _DATE_TIME.fullmatch(value) is not None,
    "MultiLanguageProperty": _is_multilingual,
    "File": _is_file,
}  # fmt: skip
