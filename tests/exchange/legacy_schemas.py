"""What a published schema finds missing in an export, against what the export's loss report says is missing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from jsonschema import Draft4Validator

from packseal.exchange.export import Export, Target, pointer
from packseal.exchange.identifiers import Identifiers, Party, Plant
from packseal.exchange.loss import Json, Loss, Why

MAKER = Party("Cells AG", bpnl="BPNL00000003AYRE")
NAMED = Identifiers(MAKER, "PS-60-A", "PS60-000123", Plant("Werk 1", bpna="BPNA000000000001"))
UNNAMED = Identifiers(Party("Cells AG"), "PS-60-A")
_CATENA_X = {
    "catena-x-battery-pass": "io.catenax.battery.battery_pass/6.1.0/gen/BatteryPass-schema.json",
    "catena-x-product-passport": (
        "io.catenax.generic.digital_product_passport/7.0.0/gen/DigitalProductPassport-schema.json"
    ),
}
_ASPECTS = (
    "GeneralProductInformation", "CarbonFootprint", "Labels", "MaterialComposition", "Circularity", "Performance",
    "SupplyChainDueDiligence",
)  # fmt: skip
_PERFORMANCE = {"battery-pass": "1.2.1", "battery-pass-1.2.0": "1.2.0"}


def schema_of(shared: Path, target: str) -> Json:
    """The seven aspects of Battery Pass become one schema, since they leave in one document."""
    models = shared / "models"
    if target in _CATENA_X:
        return _read(models / "catenax" / _CATENA_X[target])
    found = {aspect: _aspect(models, aspect, _PERFORMANCE[target]) for aspect in _ASPECTS}
    return {"properties": found, "required": list(_ASPECTS)}


def found_missing(schema: Json, document: object) -> set[str]:
    """Pointers of the required fields that the document lacks. Fails for any other kind of mistake."""
    found = set()
    for error in _errors(schema, document):
        place, instance, kind, names, words = error
        assert kind == "required", f"{place}: {words}"
        assert isinstance(instance, dict)
        found |= {f"{place}/{name}" for name in names if name not in instance}
    return found


def unknown_to(schema: Json, document: object, place: str = "") -> list[str]:
    """Pointers of what the document has and the schema, which lets anything pass beside its fields, does not name."""
    root = schema
    return list(_unknown(root, root, document, place))


def knows(schema: Json, path: Iterable[str | int]) -> bool:
    here: Json | None = schema
    root = schema
    for part in path:
        root, here = _below(root, here or {}, part)
        if here is None:
            return False
    return True


def said_missing(export: Export) -> set[str]:
    """Of what has no source, the topmost part that the document lacks."""
    return _missing(export.document, (loss.field for loss in export.losses if loss.why is Why.NO_SOURCE))


def explained(export: Export, target: Target) -> set[str]:
    """What a line of the loss report speaks of, by its field or by the fields of its key."""
    places: dict[str, list[str]] = {}
    for line in target.fields:
        places.setdefault(line.key, []).append(pointer(line.path))
    return _missing(export.document, [field for loss in export.losses for field in _fields(loss, places)])


def _read(path: Path) -> Json:
    """Battery Pass has most of its schemas in UTF-16."""
    content = path.read_bytes()
    found = json.loads(content.decode("utf-16" if content[:2] == b"\xff\xfe" else "utf-8"))
    assert isinstance(found, dict)
    return found


def _aspect(models: Path, aspect: str, performance: str) -> Json:
    version = performance if aspect == "Performance" else "1.2.0"
    folder = models / "batterypass/BatteryPass" / f"io.BatteryPass.{aspect}" / version / "gen"
    return _read(next(file for file in sorted(folder.iterdir()) if "schema" in file.name))


def _errors(schema: Json, document: object) -> Iterable[tuple[str, object, str, list[str], str]]:
    """Each aspect by its own schema, since their references start at its own root."""
    parts = schema["properties"]
    assert isinstance(parts, dict)
    if "components" in schema:
        for error in Draft4Validator(schema).iter_errors(document):
            yield (
                pointer(tuple(error.absolute_path)), error.instance, str(error.validator),
                list(error.validator_value) if error.validator == "required" else [], error.message,
            )  # fmt: skip
        return
    assert isinstance(document, dict)
    for name, part in parts.items():
        if name not in document:
            yield "", document, "required", [name], "absent"
            continue
        for place, instance, kind, names, words in _errors(part, document[name]):
            yield f"/{name}{place}", instance, kind, names, words


def _below(root: Json, schema: Json, part: str | int) -> tuple[Json, Json | None]:
    """The schema of one part, and the root that its references start at."""
    if "components" in schema:
        root = schema
    resolved = _resolved(root, schema)
    if isinstance(part, int):
        items = resolved.get("items")
        return root, items if isinstance(items, dict) else None
    properties = resolved.get("properties")
    if not isinstance(properties, dict):
        return root, {} if resolved.get("type") == "object" else None
    found = properties.get(part)
    return root, found if isinstance(found, dict) else None


def _resolved(root: Json, schema: Json) -> Json:
    """Without references, and with what `allOf` adds."""
    while isinstance(reference := schema.get("$ref"), str):
        here: object = root
        for part in reference.removeprefix("#/").split("/"):
            assert isinstance(here, dict)
            here = here[part]
        assert isinstance(here, dict)
        schema = here
    parents = schema.get("allOf", [])
    assert isinstance(parents, list)
    merged = dict(schema)
    for parent in parents:
        inherited, own = _resolved(root, parent).get("properties", {}), merged.get("properties", {})
        assert isinstance(inherited, dict)
        assert isinstance(own, dict)
        merged["properties"] = {**inherited, **own}
    return merged


def _unknown(root: Json, schema: Json, document: object, place: str) -> Iterable[str]:
    named: Iterable[tuple[str | int, object]] = ()
    if isinstance(document, Mapping):
        named = document.items()
    elif isinstance(document, list):
        named = enumerate(document)
    for part, one in named:
        below_root, below = _below(root, schema, part)
        if below is None:
            yield f"{place}/{part}"
        else:
            yield from _unknown(below_root, below, one, f"{place}/{part}")


def _missing(document: object, fields: Iterable[str]) -> set[str]:
    return {top for field in fields if (top := _top(document, field)) is not None}


def _fields(loss: Loss, places: dict[str, list[str]]) -> list[str]:
    return [loss.field] if loss.field else places.get(loss.key, [])


def _top(document: object, field: str) -> str | None:
    """The topmost part of the way to the field that the document lacks; None where it has the field."""
    here, way = document, ""
    for part in field.split("/")[1:]:
        way += f"/{part}"
        if isinstance(here, dict) and part in here:
            here = here[part]
        elif isinstance(here, list) and part.isdigit() and int(part) < len(here):
            here = here[int(part)]
        else:
            return way
    return None
