"""A twin's descriptor: its identifiers, who sees them, and the way from it to the value."""

from __future__ import annotations

import copy
import uuid
from base64 import urlsafe_b64decode
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.exchange.catenax.shells import (
    SPECIFIC_IDS,
    Aspect,
    Twin,
    differing,
    encoded_id,
    shell_descriptor,
    with_strange_aspects,
)
from packseal.exchange.export import UnfitError
from packseal.exchange.identifiers import Identifiers, Party
from packseal.exchange.loss import Json
from packseal.exchange.twin_ids import derived_id
from tests.sim.aas_contract import REGISTRY, AASContract

BPNL, CUSTOMER = "BPNL00000003AYRE", "BPNL00000003CRHK"
CONDITION = Aspect(
    "urn:uuid:8a3f6fd0-7d0b-5d0f-8a3a-2f4b3b0c1e11",
    "ProductCondition",
    "urn:samm:io.admin-shell.idta.batterypass.product_condition:1.0.1#ProductCondition",
    "asset-1",
    "https://plane.example/public/submodel",
    ("https://example.org/template",),
)
TWIN = Twin(
    derived_id("ab" * 16, "shell"),
    derived_id("ab" * 16, "asset"),
    Identifiers(Party("Cells AG", bpnl=BPNL), "PS-60", "PS60-000123"),
    "https://connector.example/api/v1/dsp/2025-1",
    (CONDITION,),
    (CUSTOMER,),
)


def described(twin: Twin = TWIN) -> Json:
    return shell_descriptor(twin)


@pytest.mark.parametrize("twin", [TWIN, replace(TWIN, readers=()), replace(TWIN, aspects=())])
def test_a_descriptor_is_what_the_contract_of_registries_takes(shared: Path, twin: Twin) -> None:
    contract = AASContract(shared, REGISTRY)
    assert contract.faults("AssetAdministrationShellDescriptor", described(twin)) == []


def test_the_contract_that_it_is_held_against_finds_faults(shared: Path) -> None:
    contract = AASContract(shared, REGISTRY)
    assert contract.faults("AssetAdministrationShellDescriptor", described() | {"assetKind": "Pack"})
    assert contract.faults("AssetAdministrationShellDescriptor", {"idShort": "x"})


def test_a_twin_has_the_identifiers_of_cx_0160() -> None:
    ids = described()["specificAssetIds"]
    assert isinstance(ids, list)
    assert [one["name"] for one in ids] == list(SPECIFIC_IDS)
    assert [one["value"] for one in ids] == [BPNL, "PS-60", "PS60-000123", "PartInstance"]


def test_only_readers_see_an_identifier_and_without_them_nobody() -> None:
    ids = described()["specificAssetIds"]
    assert isinstance(ids, list)
    assert {key["value"] for one in ids for key in one["externalSubjectId"]["keys"]} == {CUSTOMER}
    assert "externalSubjectId" not in str(described(replace(TWIN, readers=())))


@pytest.mark.parametrize(
    "identifiers",
    [Identifiers(Party("Cells AG"), "PS-60", "PS60-000123"), Identifiers(Party("Cells AG", bpnl=BPNL), "PS-60")],
)
def test_a_missing_identifier_is_named_and_never_made_up(identifiers: Identifiers) -> None:
    with pytest.raises(UnfitError, match=r"manufacturerId|partInstanceId"):
        described(replace(TWIN, identifiers=identifiers))


def test_the_way_from_the_descriptor_to_the_value() -> None:
    submodels = described()["submodelDescriptors"]
    assert isinstance(submodels, list)
    [endpoint] = submodels[0]["endpoints"]
    way = endpoint["protocolInformation"]
    assert endpoint["interface"] == "SUBMODEL-VALUE-3.1"
    assert (way["subprotocol"], way["href"]) == ("DSP", CONDITION.href)
    assert way["subprotocolBody"] == "id=asset-1;dspEndpoint=https://connector.example/api/v1/dsp/2025-1"


@pytest.mark.parametrize(
    ("field", "value"), [("href", "ftp://x"), ("href", "https://x/" + "y" * 2048), ("id_short", "1a"), ("id_short", "")]
)
def test_an_aspect_that_cannot_be_described_is_refused(field: str, value: str) -> None:
    with pytest.raises(UnfitError):
        replace(CONDITION, **{field: value})  # type: ignore[arg-type]


def test_an_asset_id_cannot_smuggle_another_address_in() -> None:
    with pytest.raises(UnfitError, match="subprotocolBody"):
        described(replace(TWIN, aspects=(replace(CONDITION, asset_id="a;dspEndpoint=https://evil.example"),)))


@given(st.text(min_size=1))
def test_ids_in_paths_come_back(identifier: str) -> None:
    encoded = encoded_id(identifier)
    assert urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode() == identifier
    assert not set(encoded) & set("+/=")


def test_ids_are_the_same_for_ever_and_for_one_purpose_alone() -> None:
    made = derived_id("ab" * 16, "nameplate")
    assert made == "urn:uuid:68c4da75-3d6e-47d9-9d91-be03dda43405"
    assert uuid.UUID(made).version == 4
    assert len({derived_id(passport, name) for passport in ("a", "b") for name in ("x", "y")}) == 4


def test_what_a_registry_adds_and_its_order_are_no_difference() -> None:
    found = copy.deepcopy(described())
    assert isinstance(found["specificAssetIds"], list)
    found["specificAssetIds"].reverse()
    found["createdDate"] = "2027-01-15"
    assert not differing(described(), found)


@pytest.mark.parametrize("name", ["globalAssetId", "specificAssetIds", "submodelDescriptors"])
def test_what_is_there_otherwise_differs(name: str) -> None:
    found = copy.deepcopy(described())
    del found[name]
    assert differing(described(), found)


def test_an_identifier_too_many_differs_and_a_strange_aspect_does_not() -> None:
    found = copy.deepcopy(described())
    assert isinstance(found["submodelDescriptors"], list)
    assert isinstance(found["specificAssetIds"], list)
    found["submodelDescriptors"].append({"id": "theirs", "endpoints": []})
    assert not differing(described(), found)
    found["specificAssetIds"].append({"name": "customerPartId", "value": "77"})
    assert differing(described(), found)


def test_aspects_of_others_stay_where_the_whole_is_replaced() -> None:
    theirs = {"id": "theirs", "endpoints": [{"interface": "X", "protocolInformation": {"href": "https://x"}}]}
    older = {"id": CONDITION.submodel_id, "endpoints": []}
    whole = with_strange_aspects(described(), {"submodelDescriptors": [older, theirs]})
    assert isinstance(whole["submodelDescriptors"], list)
    assert [one["id"] for one in whole["submodelDescriptors"]] == [CONDITION.submodel_id, "theirs"]
    assert whole["submodelDescriptors"][0]["endpoints"]


TREES = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=3), one, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=3), TREES))
def test_nothing_differs_from_itself_and_everything_from_nothing(tree: Json) -> None:
    assert not differing(tree, copy.deepcopy(tree))
    assert differing(tree, {}) is bool(tree)
