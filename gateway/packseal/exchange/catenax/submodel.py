"""The aspects of a battery's twin: what each is called, how it is made, as value alone and as a whole submodel.

CX-0160 1.1.0 section 3 (which aspects, their identifiers), IDTA 01002 3.1 clause 11.4 (value-only) and its levels. The
value is what a consumer of Catena-X reads; the whole submodel is by the tables of exchange/aas. What has no element
there stands in the value all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from packseal.exchange.aas.elements import Jsonable, elements, plain
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
from packseal.exchange.aas.structure import Part
from packseal.exchange.loss import Json
from packseal.exchange.targets import TARGETS, Made

CORE, DEEP = "core", "deep"
NESTED = ("SubmodelElementCollection", "SubmodelElementList")
_STEP = re.compile(r"([a-zA-Z][a-zA-Z0-9_-]*)((?:\[[0-9]{1,6}\])*)")


@dataclass(frozen=True, slots=True)
class Offered:
    """An aspect that is served: how the value is made, and the elements of the whole. supplemental_ids: meanings that
    CX-0160 wants named beside that of the model."""

    made: Made
    part: Part
    supplemental_ids: tuple[str, ...] = ()

    @property
    def semantic_id(self) -> str:
        """Of the aspect's model, by which a consumer finds it."""
        return self.made.target.model


_IDTA = "https://admin-shell.io/idta"
OFFERED: Mapping[str, Offered] = MappingProxyType(
    {
        target: Offered(TARGETS[target], part, supplemental_ids)
        for target, part, supplemental_ids in (
            ("product-condition", CONDITION_PART, ()),
            (
                "nameplate",
                NAMEPLATE_PART,
                (
                    f"{_IDTA}/digitalbatterypassport/nameplate/1/0/Nameplate",
                    f"{_IDTA}/nameplate/3/0/Nameplate",
                    "urn:samm:io.admin-shell.idta.digital_nameplate:3.0.0",
                ),
            ),
            (
                "technical-data",
                TECHNICAL_PART,
                (f"{_IDTA}/digitalbatterypassport/TechnicalData/1/0", "0173-1#01-AHX837#002"),
            ),
            ("material-composition", MATERIALS_PART, ()),
            ("carbon-footprint", FOOTPRINT_PART, (f"{_IDTA}/CarbonFootprint/CarbonFootprint/1/0",)),
            ("circularity", CIRCULARITY_PART, ()),
            ("handover", HANDOVER_PART, ("0173-1#01-AHF578#003",)),
            ("evidence", EVIDENCE_PART, ()),
        )
    }
)
"""By the name that stands in its address."""


def submodel(submodel_id: str, part: Part, value: Json, level: str = DEEP) -> Json:
    """value: of the aspect. With CORE a map or list has none of its own."""
    made, _ = elements(part.elements, value, ())
    written = [plain(one) if level == DEEP else _alone(plain(one)) for one in made]
    found: Json = {
        "modelType": "Submodel",
        "kind": "Instance",
        "id": submodel_id,
        "idShort": part.id_short,
        "semanticId": {"type": "ExternalReference", "keys": [{"type": "GlobalReference", "value": part.semantic_id}]},
    }
    return {**found, "submodelElements": written} if written else found


def value_at(value: Json, level: str) -> Json:
    """With CORE what is inside of a map or list is left out, and that there is one stays."""
    if level == DEEP:
        return value
    return {name: _emptied(one) for name, one in value.items()}


def has_element(value: Json, path: str) -> bool:
    """path: of idShorts, as TechnicalPropertyAreas.Powers[0]"""
    here: object = value
    for part in path.split("."):
        step = _STEP.fullmatch(part)
        if step is None or not isinstance(here, Mapping) or step[1] not in here:
            return False
        here = here[step[1]]
        for number in map(int, re.findall(r"[0-9]+", step[2])):
            if not isinstance(here, list) or number >= len(here):
                return False
            here = here[number]
    return True


def _alone(element: Jsonable) -> Jsonable:
    if not isinstance(element, dict) or element["modelType"] not in NESTED:
        return element
    return {name: one for name, one in element.items() if name != "value"}


def _emptied(value: object) -> object:
    if isinstance(value, Mapping):
        return {}
    return [] if isinstance(value, list) else value
