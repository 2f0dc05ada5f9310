"""names.toml: what a battery, its maker and its plant are called in data spaces, which follows from no passport."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from packseal.exchange.identifiers import Identifiers, Party, Plant, part_id
from packseal.exchange.named import Named
from packseal.io.bridge_settings import UUID, PartyTable, PlantTable
from packseal.io.setting_types import Table

PartId = Annotated[str, AfterValidator(part_id)]


class NamesFile(Table):
    """names.toml"""

    manufacturer_part_id: PartId
    part_instance_id: PartId | None = None
    trace_id: UUID | None = None
    passport_url: Annotated[str, Field(pattern=r"^https://[!-~]{1,500}$")] | None = None
    manufacturer: PartyTable
    operator: PartyTable | None = None
    plant: PlantTable | None = None

    @property
    def named(self) -> Named:
        identifiers = Identifiers(
            Party(**self.manufacturer.model_dump()),
            self.manufacturer_part_id,
            self.part_instance_id,
            Plant(**self.plant.model_dump()) if self.plant else None,
            self.trace_id,
        )
        operator = Party(**self.operator.model_dump()) if self.operator else None
        return Named(identifiers, operator, self.passport_url or "")
