"""The Asset Administration Shell of a battery: read back by both libraries of its community, and by its templates."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aas_core3_1 import jsonization, types, verification
from basyx.aas import model
from basyx.aas.adapter.aasx import AASXReader, DictSupplementaryFileContainer
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.exchange.aas import environment, package
from packseal.exchange.aas.elements import elements, plain
from packseal.exchange.aas.environment import make
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
from packseal.exchange.aas.structure import Kind, Node, Part, collection, listed, multilingual, prop, span
from packseal.exchange.catenax.shells import Aspect, Twin, shell_descriptor
from packseal.exchange.catenax.submodel import OFFERED
from packseal.exchange.export import Export
from packseal.exchange.identifiers import Identifiers, Party
from packseal.exchange.loss import Json, Why
from packseal.exchange.source import Bound, Origin, Source, Value
from packseal.exchange.twin_ids import battery_id, shell_id, submodel_id
from tests.exchange.packs import CATEGORIES, pack, sparse_pack

LINK = "https://passports.example/p/1"
IDENTIFIERS = Identifiers(Party("Cells AG", bpnl="BPNL00000003AYRE"), "PS-60", "PS60-000123")
PACKS = [(kind, category) for kind in (pack, sparse_pack) for category in CATEGORIES]
TEMPLATES: dict[str, tuple[Part, str]] = {
    "nameplate": (NAMEPLATE_PART, "1_Digital Nameplate/1/0"),
    "handover": (HANDOVER_PART, "2_Handover Documentation/1/0"),
    "footprint": (FOOTPRINT_PART, "3_Product Carbon Footprint/1/0"),
    "technical": (TECHNICAL_PART, "4_Technical Data/1/0/1"),
    "condition": (CONDITION_PART, "5_Product Condition/1/0/1"),
    "materials": (MATERIALS_PART, "6_Material Composition/1/0/1"),
    "circularity": (CIRCULARITY_PART, "7_Circularity/1/0/1"),
}
ELSEWHERE = ("AddressInformation/", "CycleLifeReferenceTest")  # what parts.py says is not of these templates


def made(category: str = "EV", kind: Callable[[str], Source] = pack) -> Export:
    return make(kind(category), LINK, IDENTIFIERS)


def submodel(export: Export, id_short: str) -> Json:
    submodels = export.document["submodels"]
    assert isinstance(submodels, list)
    found = next(one for one in submodels if one["idShort"] == id_short)
    assert isinstance(found, dict)
    return found


# ---- read back


@pytest.mark.parametrize(("kind", "category"), PACKS)
def test_aas_core_finds_no_fault_and_reads_the_same(kind: Callable[[str], Source], category: str) -> None:
    document = made(category, kind).document
    read = jsonization.environment_from_jsonable(document)
    assert list(verification.verify(read)) == []
    assert jsonization.to_jsonable(read) == document


@pytest.mark.parametrize(("kind", "category"), PACKS)
def test_basyx_reads_every_element_of_the_package(kind: Callable[[str], Source], category: str) -> None:
    export = made(category, kind)
    store: model.DictIdentifiableStore[model.Identifiable] = model.DictIdentifiableStore()
    with AASXReader(io.BytesIO(package.as_aasx(export)), failsafe=False) as reader:
        reader.read_into(store, DictSupplementaryFileContainer())  # type: ignore[no-untyped-call]
    read = {one.id for one in store}
    written = {one["id"] for kind_of in export.document.values() if isinstance(kind_of, list) for one in kind_of}
    assert read == written
    condition = store.get_item(submodel_id(kind(category).passport, "product-condition"))
    assert isinstance(condition, model.Submodel)
    charge = condition.get_referable(["StateOfCharge", "StateOfChargeValue"])
    assert isinstance(charge, model.Property)
    assert charge.value == pytest.approx(63.25)
    assert charge.semantic_id is not None


def test_shell_and_parts_are_called_as_at_the_registry() -> None:
    source, url = pack("EV"), "https://edc.example/public"
    ids = {name: submodel_id(source.passport, name) for name in OFFERED}
    aspects = tuple(Aspect(ids[name], one.part.id_short, one.semantic_id, "a", url) for name, one in OFFERED.items())
    twin = Twin(shell_id(source.passport), battery_id(source.passport), IDENTIFIERS, url, aspects)
    registered: Any = shell_descriptor(twin)
    document: Any = make(source, LINK, IDENTIFIERS).document
    (shell,) = document["assetAdministrationShells"]
    asset = shell["assetInformation"]
    assert (shell["id"], asset["globalAssetId"]) == (registered["id"], registered["globalAssetId"])
    assert {one["id"] for one in document["submodels"]} == {one["id"] for one in registered["submodelDescriptors"]}
    names = [{one["name"]: one["value"] for one in found["specificAssetIds"]} for found in (asset, registered)]
    assert names[0] == names[1]


def test_package_is_the_same_bytes_each_time() -> None:
    first, second = (package.as_aasx(made()) for _ in range(2))
    assert first == second
    with zipfile.ZipFile(io.BytesIO(first)) as read:
        assert {entry.date_time for entry in read.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert json.loads(read.read(package.DATA)) == made().document


def test_nothing_leaves_in_which_aas_core_finds_a_fault() -> None:
    export = made()
    wrong = json.loads(json.dumps(export.document))
    wrong["assetAdministrationShells"][0]["idShort"] = "1"
    with pytest.raises(ValueError, match="id_short"):
        package.as_aasx(replace(export, document=wrong))


# ---- the tables are those of the templates


def rows_of(nodes: tuple[Node, ...], before: str, is_item: bool) -> Iterator[tuple[str, str, str, str]]:
    for number, node in enumerate(nodes):
        path = f"{before}{f'[{number}]' if is_item else node.id_short}"
        yield path, str(node.kind), node.semantic_id, f"xs:{node.value_type}" if node.kind is Kind.PROPERTY else ""
        yield from rows_of(node.parts, f"{path}/", node.kind is Kind.LIST)


def rows_of_template(elements_of: list[Json], before: str, is_item: bool) -> Iterator[tuple[str, str, str, str]]:
    for number, one in enumerate(elements_of):
        path = f"{before}{f'[{number}]' if is_item else one['idShort']}"
        semantic = one["semanticId"]
        assert isinstance(semantic, dict)
        yield path, str(one["modelType"]), semantic["keys"][0]["value"], str(one.get("valueType", ""))
        value = one.get("value", [])
        if isinstance(value, list) and one["modelType"] != "MultiLanguageProperty":
            yield from rows_of_template(value, f"{path}/", one["modelType"] == "SubmodelElementList")


@pytest.mark.parametrize("name", TEMPLATES)
def test_tables_are_the_published_templates(shared: Path, name: str) -> None:
    part, folder = TEMPLATES[name]
    place = shared / "models" / "idta" / "published" / "Digital Battery Passport" / folder
    (file,) = place.glob("*_without_examplevalues.json")
    (published,) = json.loads(file.read_bytes())["submodels"]
    ours = {row for row in rows_of(part.elements, "", False) if not any(one in row[0] for one in ELSEWHERE)}
    assert ours == set(rows_of_template(published["submodelElements"], "", False))
    assert (part.id_short, part.semantic_id) == (published["idShort"], published["semanticId"]["keys"][0]["value"])
    assert part.template == published["administration"]["templateId"]


# ---- what is carried, and what is not


@pytest.mark.parametrize(("kind", "category"), PACKS)
def test_every_value_is_carried_with_what_it_rests_on(kind: Callable[[str], Source], category: str) -> None:
    source, export = kind(category), made(category, kind)
    assert {leaf.key for leaf in export.leaves.values()} >= set(source.values)
    assert not [loss for loss in export.losses if loss.why in (Why.NO_PLACE, Why.COARSER)]


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_leaf_has_a_rule(category: str) -> None:
    export = made(category)
    pointers = set(leaf_pointers(export.document, ""))
    assert set(export.leaves) == pointers
    assert all(leaf.rule for leaf in export.leaves.values())


def leaf_pointers(content: object, here: str) -> Iterator[str]:
    if isinstance(content, dict):
        for name, one in content.items():
            yield from leaf_pointers(one, f"{here}/{name}")
    elif isinstance(content, list):
        for number, one in enumerate(content):
            yield from leaf_pointers(one, f"{here}/{number}")
    else:
        yield here


def test_a_value_stands_with_its_unit_and_its_record() -> None:
    export = made()
    condition = submodel(export, "ProductCondition")
    assert property_value(condition, "RemainingCapacity", "RemainingCapacityValue") == "137.894"
    units = export.document["conceptDescriptions"]
    assert isinstance(units, list)
    named = {one["idShort"]: one["embeddedDataSpecifications"][0]["dataSpecificationContent"]["unit"] for one in units}
    assert (named["RemainingCapacityValue"], named["BatteryMass"]) == ("Ah", "kg")
    evidence = {row["Key"]: row for row in evidence_rows(export)}
    assert evidence["remaining_capacity"]["Record"] == {"LogId": "5a" * 16, "Seq": "1042"}
    assert evidence["remaining_capacity"]["StandardUncertainty"] == "0.907"


def test_units_are_told_of_what_is_told_alone() -> None:
    mass = pack("EV").values["mass"]
    units = make(pack("EV").with_values({"mass": mass}, ())).document["conceptDescriptions"]
    assert isinstance(units, list)
    assert [one["idShort"] for one in units] == ["BatteryMass"]


def property_value(submodel_of: Json, *names: str) -> object:
    here: object = submodel_of["submodelElements"]
    for name in names:
        assert isinstance(here, list)
        here = next(one for one in here if one["idShort"] == name)["value"]
    return here


def evidence_rows(export: Export) -> list[dict[str, object]]:
    rows = property_value(submodel(export, "BatteryEvidence"), "Values")
    assert isinstance(rows, list)
    return [{one["idShort"]: _read(one) for one in row["value"]} for row in rows]


def _read(element: Json) -> object:
    value = element.get("value", (element.get("min"), element.get("max")))
    if isinstance(value, list) and element["modelType"] == "SubmodelElementCollection":
        return {one["idShort"]: one["value"] for one in value}
    return value


def test_shell_is_an_instance_named_as_catena_x_names_it() -> None:
    shells = jsonization.environment_from_jsonable(made().document).asset_administration_shells
    assert shells is not None
    asset = shells[0].asset_information
    assert asset.asset_kind is types.AssetKind.INSTANCE
    assert {one.name: one.value for one in asset.specific_asset_ids or ()} == {
        "manufacturerId": "BPNL00000003AYRE",
        "manufacturerPartId": "PS-60",
        "digitalTwinType": "PartInstance",
        "partInstanceId": "PS60-000123",
    }


def test_what_a_template_requires_and_nobody_says_is_named() -> None:
    losses = made("LMT", sparse_pack).losses
    missing = {loss.field for loss in losses if loss.why is Why.NO_SOURCE}
    assert "/BatteryNameplate/SerialNumber" in missing
    assert "/ProductCondition/InformationOnAccidents" in missing


def test_a_partner_is_told_a_bound_alone() -> None:
    value = Value("soh_capacity_cpct", None, "%", 4, Origin.MEASURED, bound=Bound(Decimal(80), True), rule="r7")
    export = make(pack("EV").with_values({value.key: value}, ()))
    (row,) = evidence_rows(export)
    assert row["Bound"] == {"Limit": "80", "IsAtLeast": "true"}
    assert "Value" not in row
    assert "r7" in {leaf.rule for leaf in export.leaves.values()}


def test_part_with_nothing_to_say_is_no_submodel() -> None:
    export = make(sparse_pack("EV").with_values({}, ()))
    submodels = export.document["submodels"]
    assert isinstance(submodels, list)
    assert "ProductCondition" not in {one["idShort"] for one in submodels}


# ---- elements


def written(node: Node, content: object) -> tuple[list[Json], list[str]]:
    found, refused = elements((node,), {node.key: content}, ())
    made_of = [plain(one) for one in found]
    return [dict(one) for one in made_of if isinstance(one, dict)], [one.words for one in refused]


@pytest.mark.parametrize(
    ("node", "content"),
    [
        (prop("Aa", "urn:a", "unsignedInt"), -1),
        (prop("Aa", "urn:a", "dateTime"), "yesterday"),
        (prop("Aa", "urn:a"), "a\x00b"),
        (prop("Aa", "urn:a"), {"x": 1}),
        (multilingual("Aa", "urn:a"), [{"no language": "x"}]),
        (multilingual("Aa", "urn:a"), [{"en": "x" * 1024}]),
        (collection("Aa", "urn:a", prop("Bb", "urn:b")), "text"),
        (listed("Aa", "urn:a", prop("Bb", "urn:b")), {"Bb": 1}),
        (span("Aa", "urn:a", "decimal"), {"low": "x", "high": "1"}),
    ],
)
def test_what_the_meta_model_refuses_becomes_a_loss(node: Node, content: object) -> None:
    found, words = written(node, content)
    assert found == []
    assert words
    assert "idShort" not in words[0].replace(" ", "")


def test_what_the_table_does_not_know_has_no_place() -> None:
    _, refused = elements((prop("Aa", "urn:a"),), {"Aa": "x", "Bb": {"Cc": [1, 2]}}, ())
    assert [(one.path, one.has_no_place) for one in refused] == [(("Bb", "Cc", 0), True), (("Bb", "Cc", 1), True)]


def test_decimals_have_no_exponent() -> None:
    ((found,), _) = written(prop("Aa", "urn:a", "decimal"), 1e-07)
    assert found["value"] == "0.0000001"


def test_an_empty_list_is_said_by_its_element() -> None:
    (found,), words = written(listed("Aa", "urn:a", prop("Bb", "urn:b")), [])
    assert "value" not in found
    assert not words


SCALARS = (
    st.text(max_size=12) | st.integers(-(10**20), 10**20) | st.decimals(allow_nan=False, allow_infinity=False, places=4)
)
CONTENTS = SCALARS | st.lists(SCALARS, max_size=3) | st.lists(st.dictionaries(st.text(max_size=6), SCALARS), max_size=3)
KEYS = sorted({line.key for line in environment.TARGET.fields})


@settings(deadline=None)  # the machine may be busy
@given(st.dictionaries(st.sampled_from(KEYS), CONTENTS, max_size=6), st.sampled_from([1, 4]))
def test_whatever_a_passport_says_the_shell_is_without_fault(contents: Mapping[str, object], group: int) -> None:
    values = {
        key: Value(key, content, "", group, Origin.STATED, made_unix_ms=1_800_000_000_000)  # type: ignore[arg-type]
        for key, content in contents.items()
    }
    source = sparse_pack("EV").with_values(values, ())
    export = make(source)
    assert package.as_json(export)
    carried = {leaf.key for leaf in export.leaves.values()}
    assert set(values) <= carried | {loss.key for loss in export.losses}


def test_evidence_has_an_element_for_all_of_its_aspect() -> None:
    assert EVIDENCE_PART.semantic_id == "urn:packseal:evidence:1.0.0#BatteryEvidence"
    assert not [loss for loss in made().losses if loss.field.startswith("/BatteryEvidence")]
