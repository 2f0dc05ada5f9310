"""Material Composition 1.0.1 (IDTA 02035-6): chemistry, materials with those that are critical, hazardous substances.

The model wants a CAS number of each material. Those of chemical elements are in a table here; of every other the
passport states one, or it is a line of the losses. A material counts as critical where the row says so, or where its
name has in it the name of one that is stated as critical; that it is none is never concluded. Shares of materials in
percent have no place.
"""

from __future__ import annotations

from collections.abc import Iterable

from packseal.exchange.aspects.forms import SPEC, filled
from packseal.exchange.aspects.rows import Column, Row, listed, put_row
from packseal.exchange.export import Builder, Converted, Export, Field, Path, Target, UnfitError, one_of
from packseal.exchange.forms import cas_number, decimal
from packseal.exchange.loss import Why
from packseal.exchange.source import Content, Source

MODEL = "urn:samm:io.admin-shell.idta.batterypass.material_composition:1.0.1#MaterialComposition"
CLEAR_NAMES = {
    "NMC": "lithium nickel manganese cobalt oxide", "NCM": "lithium nickel manganese cobalt oxide",
    "NCA": "lithium nickel cobalt aluminium oxide", "LFP": "lithium iron phosphate",
    "LMFP": "lithium manganese iron phosphate", "LMO": "lithium manganese oxide", "LCO": "lithium cobalt oxide",
    "LTO": "lithium titanate", "NIMH": "nickel metal hydride", "NICD": "nickel cadmium",
}  # fmt: skip
ELEMENTS = {
    "aluminium": "7429-90-5", "antimony": "7440-36-0", "cobalt": "7440-48-4", "copper": "7440-50-8",
    "lead": "7439-92-1", "lithium": "7439-93-2", "manganese": "7439-96-5", "nickel": "7440-02-0",
    "niobium": "7440-03-1", "silicon": "7440-21-3", "titanium": "7440-32-6", "vanadium": "7440-62-2",
}  # fmt: skip
HAZARDS = {
    "acutetoxicity": "AcuteToxicity", "skincorrosionorirritation": "SkinCorrosionOrIrritation",
    "skincorrosion": "SkinCorrosionOrIrritation", "skinirritation": "SkinCorrosionOrIrritation",
    "eyedamageorirritation": "EyeDamageOrIrritation", "eyedamage": "EyeDamageOrIrritation",
    "eyeirritation": "EyeDamageOrIrritation",
}  # fmt: skip


def _clear_name(content: Content) -> Converted:
    short = filled(content).split()[:1]
    found = CLEAR_NAMES.get(short[0].upper().replace("-", "")) if short else None
    if found is None:
        raise UnfitError(f"nobody states the clear name, and none is known here for {content!r}")
    return found


def _hazard(content: Content) -> Converted:
    letters = "".join(one for one in filled(content).casefold() if one.isalpha())
    return one_of(HAZARDS)(letters)


def _truth(content: Content) -> Converted:
    if not isinstance(content, bool):
        raise UnfitError("true or false is needed")
    return content


MATERIAL = (
    Column(("BatteryMaterialLocation", "ComponentName"), "part", filled),
    Column(("BatteryMaterialLocation", "ComponentId"), "part_number", filled),
    Column(("BatteryMaterialIdentifier",), "cas", cas_number, True),
    Column(("BatteryMaterialName",), "material", filled, True),
    Column(("BatteryMaterialMass",), "mass_kg", decimal),
    Column(("IsCriticalRawMaterial",), "critical", _truth, True),
)
SUBSTANCE = (
    Column(("HazardousSubstanceName",), "material", filled, True),
    Column(("HazardousSubstanceIdentifier",), "cas", cas_number, True),
    Column(("HazardousSubstanceClass",), "hazard", _hazard),
    Column(("HazardousSubstanceConcentration",), "share_percent", decimal),
    Column(("HazardousSubstanceLocation", "ComponentName"), "part", filled),
    Column(("HazardousSubstanceLocation", "ComponentId"), "part_number", filled),
)


def _rows(content: Content) -> Converted:
    """How each row is written is in MATERIAL and SUBSTANCE."""
    raise UnfitError(f"a list is needed, not {type(content).__name__}")


CHEMISTRY = (
    Field(("BatteryChemistry", "ShortName"), "chemistry", filled, True, f"{SPEC} 6.5.2"),
    Field(("BatteryChemistry", "ClearName"), "chemistry", _clear_name, True, f"{SPEC} 6.5.2", "of known short names"),
)
_MATERIALS, _SUBSTANCES = ("BatteryMaterials",), ("HazardousSubstances",)
MATERIALS = Field(_MATERIALS, "detailed_composition", _rows, True, f"{SPEC} 6.5.3", "each with a CAS number")
CRITICAL = Field(_MATERIALS, "critical_raw_materials", _rows, clause=f"{SPEC} 6.5.4", note="where in it is open")
SUBSTANCES = Field(_SUBSTANCES, "hazardous_substances", _rows, True, f"{SPEC} 6.5.5", "each with a CAS number")
IMPACT = Field((*_SUBSTANCES, 0, "HazardousSubstanceImpact", 0), "substance_impact", filled, clause=f"{SPEC} 6.5.6",
               note="of one substance alone")  # fmt: skip
TARGET = Target(
    "material-composition", "Material Composition", MODEL, (*CHEMISTRY, MATERIALS, CRITICAL, SUBSTANCES, IMPACT)
)


def make(source: Source) -> Export:
    builder = Builder(TARGET, source)
    builder.take_all(CHEMISTRY)
    _materials(builder)
    _substances(builder)
    return builder.export()


def _materials(builder: Builder) -> None:
    critical = listed(builder, CRITICAL.path, CRITICAL.key, "material")
    names = [str(row.get("material", "")).casefold() for row in critical]
    count = 0
    for row in listed(builder, MATERIALS.path, MATERIALS.key, "material"):
        count += _material(builder, count, MATERIALS.key, _with_known(row, names))
    for row in critical:
        count += _material(builder, count, CRITICAL.key, _with_known({**row, "critical": True}, names))
    _untold(builder, (MATERIALS, CRITICAL), count)


def _material(builder: Builder, count: int, key: str, row: Row) -> bool:
    path: Path = (*MATERIALS.path, count)
    written = put_row(builder, path, key, row, MATERIAL)
    if written and not written & {"part", "part_number"}:
        builder.put((*path, "BatteryMaterialLocation"), key, {})  # the map is required, what stands in it is not
    return bool(written)


def _with_known(row: Row, critical: Iterable[str]) -> Row:
    """With what follows from its name: the CAS number of an element, and that it has a critical one in it."""
    name = str(row.get("material", "")).casefold()
    known: dict[str, Content] = {"cas": ELEMENTS[name]} if name in ELEMENTS else {}
    if any(one and one in name for one in critical):
        known["critical"] = True
    return {**known, **row}


def _substances(builder: Builder) -> None:
    rows = listed(builder, SUBSTANCES.path, SUBSTANCES.key, "material")
    count = 0
    for row in rows:
        count += bool(put_row(builder, (*SUBSTANCES.path, count), SUBSTANCES.key, row, SUBSTANCE))
    _untold(builder, (SUBSTANCES,), count)
    _impact(builder, count)


def _impact(builder: Builder, count: int) -> None:
    value = builder.source.values.get(IMPACT.key)
    if value is None or value.content is None or count == 1:
        builder.take(IMPACT)
    else:
        words = f"the model has it of each substance, and {count} are stated; a person has to say which it is of"
        builder.lose(Why.DECIDE, SUBSTANCES.path, IMPACT.key, words)


def _untold(builder: Builder, lines: Iterable[Field], count: int) -> None:
    """Where nothing was written: what may not be told and what has no source."""
    for line in lines:
        value = builder.source.values.get(line.key)
        if value is None and count:
            continue
        if value is None or value.content is None:
            builder.take(line)
