"""The two stages of a footprint that both ecosystems tell, and what each calls them.

IDTA 02035-3 1.0 (LifeCyclePhases, ECLASS 0173-1#02-ABG858; DIN DKE SPEC 99100 6.3.3, 6.3.4) and Ouranos v1 (cfpType,
dqrType): what is emitted before production and what in it, in Ouranos each by the maker (…Production) and by the parts
that went in (…Component). The ecosystems have agreed no table of this; it is PackSeal's own reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from packseal.exchange.aspects.carbon_footprint import LIST, PER_KWH, PRODUCTION, RAW
from packseal.exchange.export import Builder, Path, UnfitError
from packseal.exchange.loss import Why

TOTAL = "Total"  # ends the kinds that hold a sum over the tree of parts
FOOTPRINTS: Path = ("carbonFootprint", LIST)
ASSESSMENT: Path = ("pcf", "pcfAssessmentAndMethodology", 0)
QUALITY: Path = (*ASSESSMENT, "dataSourcesAndQuality", 0)
FOOTPRINT_ID: Path = (*ASSESSMENT, "pcfAssessmentInformation", 0, "idAndVersion", 0, "id")
ATTESTATIONS: Path = ("pcf", "attestationOfConformance")
SPELT: Mapping[str, str] = MappingProxyType({"kWh": PER_KWH})  # units that the aspect model writes otherwise
CO2 = "PcfCo2eq"
CO2_OTHERWISE = "PcfCO2eq"  # as the submodel template writes what the aspect model calls PcfCo2eq


@dataclass(frozen=True, slots=True)
class Stage:
    """phase: in Catena-X. own, parts: kinds in Ouranos. process: of its quality there."""

    phase: str
    own: str
    parts: str
    process: str


STAGES = (
    Stage(RAW, "preProduction", "preComponent", "preProcessing"),
    Stage(PRODUCTION, "mainProduction", "mainComponent", "mainProcessing"),
)
RATINGS: Mapping[str, str] = MappingProxyType(
    {"TeR": "technologicalDQR", "GeR": "geographicalDQR", "TiR": "temporalDQR"}
)
"""Representativeness: technological, geographical, in time. io.catenax.pcf 9.0.0 rates each from 1 to 5."""


class UncarriedError(UnfitError):
    """A stage cannot be carried: why, and what a person has to do."""

    def __init__(self, why: Why, words: str) -> None:
        super().__init__(words)
        self.why = why


def lose_all(builder: Builder, error: UncarriedError, field: Path, keys: list[str]) -> None:
    """The same for each value that would have been a part of what cannot be made."""
    for key in keys:
        builder.lose(error.why, field, key, str(error))
