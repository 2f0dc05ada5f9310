"""One battery as an Asset Administration Shell: the shell, a submodel for each part that has something to say, units.

Decides how shell and submodels are named and joined (IDTA 01001-3-1), and that what the parts carry together is what
the whole carries: a value is lost where no part has a place for it. The parts are those of exchange/aspects, written by
the tables of parts.py, and our own on the evidence, so that method, uncertainty and record go along. Identifiers of the
shell and its submodels are made of the passport's name alone: a battery has the same ones in every export.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packseal.exchange.aas.elements import Carried, Element, elements, reference
from packseal.exchange.aas.evidence_part import EVIDENCE_PART
from packseal.exchange.aas.parts import (
    CIRCULARITY_PART,
    CONDITION_PART,
    FOOTPRINT_PART,
    HANDOVER_PART,
    MATERIALS_PART,
    NAMEPLATE_PART,
    TECHNICAL_PART,
)
from packseal.exchange.aas.structure import Node, Part
from packseal.exchange.aspects import (
    carbon_footprint,
    circularity,
    evidence,
    handover,
    material_composition,
    nameplate,
    product_condition,
    technical_data,
)
from packseal.exchange.export import TOLD_NAMES, Builder, Export, Leaf, Path, Target, pointer
from packseal.exchange.identifiers import Identifiers
from packseal.exchange.loss import Loss, Why
from packseal.exchange.source import Source
from packseal.exchange.twin_ids import battery_id, shell_id, submodel_id

TARGET = Target(
    "aas",
    "Asset Administration Shell",
    "IDTA 02035, IDTA 01001-3-1",
    tuple(
        line
        for part in (
            nameplate, handover, carbon_footprint, technical_data, product_condition, material_composition, circularity,
        )
        for line in part.TARGET.fields
    ),
    has_circumstances=True,
)  # fmt: skip
UNITS_BY = "https://admin-shell.io/DataSpecificationTemplates/DataSpecificationIec61360/3"
MEASURES = {"float": "REAL_MEASURE", "double": "REAL_MEASURE", "decimal": "REAL_MEASURE"}
_CAPITALS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")


@dataclass(frozen=True, slots=True)
class _Made:
    part: Part
    export: Export


def make(source: Source, link: str = "", identifiers: Identifiers | None = None) -> Export:
    """An environment as JSON. link: the public address of the passport, "" for none."""
    builder = Builder(TARGET, source)
    made = _parts(source, link, identifiers)
    written = [one for one in (_submodel(builder, source, one) for one in made) if one is not None]
    _write(builder, (), {"assetAdministrationShells": [_shell(source, written)]}, {})
    _name_specifically(builder, identifiers)
    for number, (submodel, leaves) in enumerate(written):
        _write(builder, ("submodels", number), submodel, leaves)
    semantics = {one for submodel, _ in written for one in _semantics(submodel)}
    units = [_unit(node) for node in _measures(one.part.elements for one in made) if node.semantic_id in semantics]
    for number, unit in enumerate(units):
        _write(builder, ("conceptDescriptions", number), unit, {})
    _lose(builder, made)
    return builder.export()


def _parts(source: Source, link: str, identifiers: Identifiers | None) -> tuple[_Made, ...]:
    return (
        _Made(NAMEPLATE_PART, nameplate.make(source, link, identifiers)),
        _Made(HANDOVER_PART, handover.make(source)),
        _Made(FOOTPRINT_PART, carbon_footprint.make(source)),
        _Made(TECHNICAL_PART, technical_data.make(source, identifiers)),
        _Made(CONDITION_PART, product_condition.make(source)),
        _Made(MATERIALS_PART, material_composition.make(source)),
        _Made(CIRCULARITY_PART, circularity.make(source)),
        _Made(EVIDENCE_PART, evidence.make(source, link)),
    )


def _shell(source: Source, submodels: Sequence[tuple[Element, Mapping[str, Leaf]]]) -> Element:
    return {
        "modelType": "AssetAdministrationShell",
        "id": shell_id(source.passport),
        "idShort": "BatteryPassport",
        "assetInformation": {"assetKind": "Instance", "globalAssetId": battery_id(source.passport)},
        "submodels": [
            {"type": "ModelReference", "keys": [{"type": "Submodel", "value": submodel["id"]}]}
            for submodel, _ in submodels
        ],
    }


def _name_specifically(builder: Builder, identifiers: Identifiers | None) -> None:
    """As Catena-X names a part (CX-0160 1.1.0)."""
    if identifiers is None:
        return
    path = ("assetAdministrationShells", 0, "assetInformation", "specificAssetIds")
    for name, word in {"name": "digitalTwinType", "value": "PartInstance"}.items():
        builder.constant((*path, 0, name), word)
    place = 1
    for name, key, value in (
        ("manufacturerId", "manufacturer_id", identifiers.manufacturer.bpnl),
        ("manufacturerPartId", "model_id", identifiers.manufacturer_part_id),
        ("partInstanceId", "serial_number", identifiers.part_instance_id),
    ):
        if value is not None and builder.name((*path, place, "value"), (key,), value):
            builder.constant((*path, place, "name"), name)
            place += 1


def _submodel(builder: Builder, source: Source, made: _Made) -> tuple[Element, Mapping[str, Leaf]] | None:
    """None where the part has nothing to say. What became no element is a line of the losses."""
    found, refused = elements(made.part.elements, made.export.document, ())
    for one in refused:
        leaf = made.export.leaves[pointer(one.path)]
        builder.lose(Why.NO_PLACE if one.has_no_place else Why.UNFIT, _at(made, one.path), leaf.key, one.words)
    if not found:
        return None
    submodel: Element = {
        "modelType": "Submodel",
        "id": submodel_id(source.passport, made.export.target),
        "idShort": made.part.id_short,
        "kind": "Instance",
        "semanticId": reference(made.part.semantic_id),
        "submodelElements": found,
    }
    if made.part.template:
        submodel["administration"] = {"version": "1", "revision": "0", "templateId": made.part.template}
    return submodel, made.export.leaves


def _write(builder: Builder, path: Path, content: object, leaves: Mapping[str, Leaf]) -> None:
    if isinstance(content, dict):
        for name, one in content.items():
            _write(builder, (*path, name), one, leaves)
    elif isinstance(content, list):
        for number, one in enumerate(content):
            _write(builder, (*path, number), one, leaves)
    elif isinstance(content, Carried):
        _copy(builder, path, leaves[pointer(content.path)], content.text)
    elif isinstance(content, str | bool):
        builder.constant(path, content)


def _copy(builder: Builder, path: Path, leaf: Leaf, text: str) -> None:
    if leaf.key:
        builder.put(path, leaf.key, text)
    elif leaf.rule == TOLD_NAMES:
        builder.put_made(path, (), text, leaf.rule)
    else:
        builder.constant(path, text)


def _lose(builder: Builder, made: Sequence[_Made]) -> None:
    """What a part lost, but what another carried: then only what is required and lacks stands here, who decides, and
    which names are kept back."""
    for one in made:
        for loss in one.export.losses:
            is_of_a_name = loss.why is Why.WITHHELD and bool(loss.field) and loss.key in builder.source.unnamed
            if is_of_a_name or loss.why in (Why.NO_SOURCE, Why.UNFIT, Why.DECIDE):
                builder.lose(loss.why, _at_text(one, loss), loss.key, loss.words)


def _at(made: _Made, path: Path) -> Path:
    return (made.part.id_short, *path)


def _at_text(made: _Made, loss: Loss) -> Path:
    return (made.part.id_short, *(part.replace("~1", "/").replace("~0", "~") for part in loss.field.split("/")[1:]))


def _semantics(element: object) -> Iterator[str]:
    """The meanings of the elements in it."""
    if isinstance(element, dict):
        match element:
            case {"semanticId": {"keys": [{"value": str(semantic_id)}]}}:
                yield semantic_id
        for one in element.values():
            yield from _semantics(one)
    elif isinstance(element, list):
        for one in element:
            yield from _semantics(one)


def _measures(tables: Iterator[Sequence[Node]]) -> Iterator[Node]:
    """The elements with a unit, each meaning once."""
    seen: set[str] = set()
    for node in (one for table in tables for one in _flat(table)):
        if node.unit and node.semantic_id not in seen:
            seen.add(node.semantic_id)
            yield node


def _flat(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _flat(node.parts)


def _unit(node: Node) -> Element:
    """A concept description by IEC 61360 (IDTA 01003-a-3-1)."""
    words: list[Element] = [{"language": "en", "text": _CAPITALS.sub(" ", node.id_short).lower()}]
    return {
        "modelType": "ConceptDescription",
        "id": node.semantic_id,
        "idShort": node.id_short,
        "embeddedDataSpecifications": [
            {
                "dataSpecification": reference(UNITS_BY),
                "dataSpecificationContent": {
                    "modelType": "DataSpecificationIec61360",
                    "preferredName": words,
                    "unit": node.unit,
                    "dataType": MEASURES.get(node.value_type, "INTEGER_MEASURE"),
                    "definition": words,
                },
            }
        ],
    }
