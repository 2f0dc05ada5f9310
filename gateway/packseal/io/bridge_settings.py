"""bridge.toml: what a person has decided for a bridge between Ouranos and Catena-X (exchange/bridge/decisions.py)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from packseal.exchange.bridge.decisions import Certificate, Decisions, Share, Study
from packseal.exchange.bridge.units import IDTA, Kind, Product
from packseal.exchange.identifiers import (
    Associations,
    Party,
    Plant,
    bpna,
    bpnl,
    bpns,
    corporate_number,
    gln,
    lei,
    open_operator_id,
    open_plant_id,
    trace_id,
)
from packseal.exchange.ouranos.model import Unit
from packseal.io.setting_types import Table

MAX_TABLES = 1000
_QUANTITY = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?")
_ENERGIES = {"lifetime": Kind.LIFE_ENERGY, "rated": Kind.RATED_ENERGY}


def _quantity(entry: object) -> Decimal:
    """Above 0, as a whole number or as text, so that it stays what was written."""
    written = str(entry) if isinstance(entry, int | str) and not isinstance(entry, bool) else ""
    if not _QUANTITY.fullmatch(written) or not Decimal(written):
        raise ValueError('expected a number above 0 as text, such as "412.5", with at most 6 decimals')
    return Decimal(written)


def _idta_unit(entry: str) -> str:
    if entry not in IDTA:
        raise ValueError(f"expected one of {', '.join(IDTA)}")
    return entry


def _ouranos_unit(entry: object) -> Unit:
    if entry not in set(Unit):
        raise ValueError(f"expected one of {', '.join(Unit)}")
    return Unit(str(entry))


def _moment(entry: object) -> str:
    """As io.catenax.pcf writes it: a time in UTC with Z."""
    if not isinstance(entry, datetime) or entry.tzinfo is None:
        raise ValueError("expected a time with its zone, such as 2027-02-01T00:00:00Z, without quotes")
    return entry.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _name(form: Callable[[str], str]) -> AfterValidator:
    return AfterValidator(form)


Line = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")]
Lines = Annotated[tuple[Line, ...], Field(max_length=100)]
Quantity = Annotated[Decimal, BeforeValidator(_quantity)]
UUID = Annotated[str, _name(trace_id)]
CorporateNumber = Annotated[str, _name(corporate_number)]
BPNL = Annotated[str, _name(bpnl)]
LEI = Annotated[str, _name(lei)]
OperatorId = Annotated[str, _name(open_operator_id)]
PlantId = Annotated[str, _name(open_plant_id)]
BPNS = Annotated[str, _name(bpns)]
BPNA = Annotated[str, _name(bpna)]
GLN = Annotated[str, _name(gln)]


class ProductTable(Table):
    """[product] of bridge.toml: of one piece"""

    mass_kg: Quantity | None = None
    lifetime_energy_kwh: Quantity | None = None
    rated_energy_kwh: Quantity | None = None
    kilowatt_hour: Literal["lifetime", "rated"] | None = None

    @property
    def product(self) -> Product:
        energy = _ENERGIES[self.kilowatt_hour] if self.kilowatt_hour else None
        return Product(self.mass_kg, self.lifetime_energy_kwh, self.rated_energy_kwh, energy)


class FootprintTable(Table):
    """[footprint] of bridge.toml"""

    methods: Lines = ()
    performance_class: Line | None = None
    documents: Lines = ()
    catena_x_unit: Annotated[str, AfterValidator(_idta_unit)] | None = None
    ouranos_unit: Annotated[Unit, BeforeValidator(_ouranos_unit)] | None = None
    undivided: Literal["own", "parts"] | None = None


class PartyTable(Table):
    """[[party]] of bridge.toml: one company under all its names"""

    name: Line
    corporate_number: CorporateNumber | None = None
    bpnl: BPNL | None = None
    lei: LEI | None = None
    gln: GLN | None = None
    open_operator_id: OperatorId | None = None


class PlantTable(Table):
    """[[plant]] of bridge.toml: one site under all its names"""

    name: Line
    open_plant_id: PlantId | None = None
    bpns: BPNS | None = None
    bpna: BPNA | None = None
    gln: GLN | None = None


class CertificateTable(Table):
    """[[certificate]] of bridge.toml"""

    id: Line
    kind: Line
    standard: Line
    scheme: Line
    provider: Line
    provider_id: Line | None = None
    link: Line | None = None
    completed_at: Annotated[str, BeforeValidator(_moment)] | None = None

    @property
    def certificate(self) -> Certificate:
        return Certificate(**self.model_dump(exclude={"id"}))


class BridgeFile(Table):
    """bridge.toml"""

    trace_id: UUID | None = None
    cfp_id: UUID | None = None
    product: ProductTable = ProductTable()
    footprint: FootprintTable = FootprintTable()
    party: Annotated[tuple[PartyTable, ...], Field(max_length=MAX_TABLES)] = ()
    plant: Annotated[tuple[PlantTable, ...], Field(max_length=MAX_TABLES)] = ()
    certificate: Annotated[tuple[CertificateTable, ...], Field(max_length=MAX_TABLES)] = ()

    @model_validator(mode="after")
    def _each_name_once(self) -> BridgeFile:
        ids = [one.id for one in self.certificate]
        if len(set(ids)) < len(ids):
            raise ValueError("the id of a certificate stands twice")
        self.associations()
        return self

    def associations(self) -> Associations:
        """Raises UnfitError where one name stands for two."""
        return Associations(
            tuple(Party(**one.model_dump()) for one in self.party),
            tuple(Plant(**one.model_dump()) for one in self.plant),
        )

    @property
    def decisions(self) -> Decisions:
        told = self.footprint
        return Decisions(
            associations=self.associations(),
            product=self.product.product,
            study=Study(told.methods, told.performance_class, told.documents),
            wanted_in_catena_x=told.catena_x_unit,
            wanted_in_ouranos=told.ouranos_unit,
            undivided=Share(told.undivided) if told.undivided else None,
            certificates={one.id: one.certificate for one in self.certificate},
            trace_id=self.trace_id,
            cfp_id=self.cfp_id,
        )
