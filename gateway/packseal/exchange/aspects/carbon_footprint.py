"""Carbon footprint for the battery passport 1.0.0 (IDTA 02035-3): in all, and of each stage of life.

Which phases a stage of Article 7 is stands in the model's own description, by DIN DKE SPEC 99100 6.3.3 to 6.3.6. The
method of calculation, which it requires, is no attribute of a passport: it is a line of the losses, and never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from packseal.exchange.aspects.forms import SPEC, document, filled
from packseal.exchange.export import Builder, Convert, Export, Field, Path, Target, number, scaled
from packseal.exchange.loss import Why
from packseal.exchange.source import Source

MODEL = "urn:samm:io.admin-shell.idta.batterypass.carbon_footprint:1.0.0#CarbonFootprintBattery"
LIST = "ProductCarbonFootprints"
RAW, PRODUCTION = "A1 - raw material supply (and upstream production)", "A3 - production"
TRANSPORT, RECYCLING = "A4 - transport to final destination", "C3 - recycling, waste treatment"
PER_KWH = "kwH"  # so spelt in the aspect model's enumeration, and a part of the wire format
PER_PIECE = "piece"


@dataclass(frozen=True, slots=True)
class Footprint:
    """One entry: which phases it is of, and of how much battery."""

    line: Field
    phases: tuple[str, ...]
    per: str = PER_KWH


def _line(key: str, clause: str, convert: Convert = number, note: str = "kg CO2e per kWh") -> Field:
    return Field((LIST, 0, "PcfCo2eq"), key, convert, key == "cf_total", f"{SPEC} {clause}", note)


FOOTPRINTS = (
    Footprint(_line("cf_total", "6.3.2"), (RAW, PRODUCTION, TRANSPORT, RECYCLING)),
    Footprint(_line("cf_raw", "6.3.3"), (RAW,)),
    Footprint(_line("cf_production", "6.3.4"), (PRODUCTION,)),
    Footprint(_line("cf_distribution", "6.3.5"), (TRANSPORT,)),
    Footprint(_line("cf_eol", "6.3.6"), (RECYCLING,)),
    Footprint(_line("cf_absolute", "6.3.10", scaled("1000"), "kg CO2e, of t"), (RAW, PRODUCTION, TRANSPORT, RECYCLING),
              PER_PIECE),
)  # fmt: skip
CLASS = Field((LIST, 0, "PerformanceClass"), "cf_class", filled, True, f"{SPEC} 6.3.7", "with each entry")
STUDY = Field((LIST, 0, "WebLinkToPublicCarbonFootprintStudy"), "cf_study", document, True, f"{SPEC} 6.3.8",
              "with each entry")  # fmt: skip
TARGET = Target("carbon-footprint", "Carbon Footprint", MODEL, (*(one.line for one in FOOTPRINTS), CLASS, STUDY))


def make(source: Source) -> Export:
    builder = Builder(TARGET, source)
    count = 0
    for footprint in FOOTPRINTS:
        count += _entry(builder, footprint, count)
    if not count:
        for line in (CLASS, STUDY):
            if line.key in source.values:
                builder.lose(Why.NO_PLACE, (LIST,), line.key, "the model has it beside a footprint, and none is told")
    return builder.export()


def _entry(builder: Builder, footprint: Footprint, count: int) -> bool:
    path: Path = (LIST, count)
    if footprint.line.key not in builder.source.values:
        return builder.take(replace(footprint.line, path=(LIST,)))  # another may stand at this number
    if not builder.take(replace(footprint.line, path=(*path, "PcfCo2eq"))):
        return False
    builder.constant((*path, "ReferenceImpactUnitForCalculation"), footprint.per)
    builder.constant((*path, "QuantityOfMeasureForCalculation"), 1)
    builder.constant((*path, "LifeCyclePhases"), list(footprint.phases))
    for line in (CLASS, STUDY):
        builder.take(replace(line, path=(*path, line.path[-1])))
    words = "the model requires the method of calculation, which is no attribute of a passport; agree on it"
    builder.lose(Why.NO_SOURCE, (*path, "PcfCalculationMethods"), "", words)
    return True
