"""Ouranos version 1 on the wire, as far as it is its own: logging in, operators and plants (data platform API 3.0.0).

Obeys the published OpenAPI contract: names, lengths, what has to be null and what must not be. Parts and trades, which
a later version passes on unchanged, are in parts.py, footprints in footprints.py.
"""

from __future__ import annotations

from packseal.exchange.identifiers import open_plant_id
from packseal.exchange.loss import Json
from packseal.exchange.ouranos.model import Operator, Plant
from packseal.exchange.ouranos.wire import Entry, fit, fit_uuid


def tokens(found: Entry) -> tuple[str, str | None]:
    """-> access token, and the token to refresh it by, which only a login gives."""
    return found.text("accessToken", 1 << 14), found.text_or_none("refreshToken", 1 << 14)


def operator(found: Entry) -> Operator:
    attribute = found.inner("operatorAttribute") if "operatorAttribute" in found else None
    return Operator(
        found.uuid("operatorId"),
        found.text("openOperatorId", 20),
        found.text("operatorName", 256),
        found.text("operatorAddress", 256),
        attribute.text_or_none("globalOperatorId", 256) if attribute else None,
    )


def plant(found: Entry) -> Plant:
    attribute = found.inner("plantAttribute") if "plantAttribute" in found else None
    return Plant(
        found.uuid("plantId"),
        found.uuid("operatorId"),
        found.text("openPlantId", 26),
        found.text("plantName", 256),
        found.text("plantAddress", 256),
        attribute.text_or_none("globalPlantId", 256) if attribute else None,
    )


def plant_json(plant: Plant) -> Json:
    """An attribute of "" would count as a value and be checked against all others (API #3): it is left out.

    Raises UnfitError.
    """
    named = {"globalPlantId": fit("globalPlantId", plant.global_id, 1, 256)} if plant.global_id else {}
    return {
        "plantId": None if plant.plant_id is None else fit_uuid("plantId", plant.plant_id),
        "operatorId": fit_uuid("operatorId", plant.operator_id),
        "openPlantId": open_plant_id(plant.open_plant_id),
        "plantName": fit("plantName", plant.name, 1, 256),
        "plantAddress": fit("plantAddress", plant.address, 1, 256),
        "plantAttribute": named,
    }
