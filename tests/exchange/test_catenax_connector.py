"""What is offered at a connector that really answers, in its own forms of JSON-LD, and how it brings notifications."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.errors import EgressError, PartnerError, PartnerRefusedError, PartnerUnavailableError, UnavailableError
from packseal.exchange.catenax.connector import contract_definition, differences, policy_definition, same_terms
from packseal.exchange.catenax.notification import CONTEXT, MAX_EVENTS, Event, EventType, submodel_update
from packseal.exchange.catenax.odrl import usage_policy
from packseal.exchange.export import UnfitError
from packseal.exchange.loss import Json
from packseal.io.catenax_notifier import POLLS, Receiver
from packseal.io.catenax_registry import Outcome
from tests.exchange.catenax_site import SEMANTIC_ID, USAGE, Site, offer, site
from tests.exchange.test_catenax_shells import BPNL, CUSTOMER
from tests.sim.server import HANG, Fault

NOBODY = "BPNL00000003B2OM"
EVENT_TYPE = "cx-taxo:DigitalTwinEventAPI"
RECEIVER = Receiver("did:web:partner.example", "https://partner.example/dsp/2025-1", EVENT_TYPE, (USAGE,))
EVENT = Event(EventType.UPDATED, "urn:uuid:d1b2c3d4-0000-4000-8000-000000000001", SEMANTIC_ID)
MESSAGE = submodel_update("urn:uuid:3b4edc05-e214-47a1-b0c2-1d831cdd9ba9", 1_800_000_000_000, BPNL, CUSTOMER, [EVENT])


@pytest.fixture
def here(shared: Path) -> Iterator[Site]:
    with site(shared) as running:
        yield running


# ---- what is offered


def test_an_offer_is_published_policies_first_and_shown_last(here: Site) -> None:
    made = here.connector().publish(offer("asset-1"))
    assert list(made) == ["partners", "dpp", "asset-1", "offer-1"]
    assert set(made.values()) == {Outcome.CREATED}
    posts = [one.path for one in here.connector_server.asked if one.method == "POST"]
    kinds = [path.removeprefix("/management/v3/") for path in posts]
    assert kinds == ["policydefinitions", "policydefinitions", "assets", "contractdefinitions"]


def test_partners_of_the_access_policy_are_offered_it_and_others_are_not(here: Site) -> None:
    here.connector().publish(offer("asset-1", "asset-2"))
    assert here.connector_world.offered_to(CUSTOMER) == ["asset-1", "asset-2"]
    assert here.connector_world.offered_to(NOBODY) == []


def test_what_is_there_already_is_left_alone_whatever_form_it_comes_back_in(here: Site) -> None:
    connector = here.connector()
    connector.publish(offer("asset-1", "asset-2"))
    assert set(connector.publish(offer("asset-1", "asset-2")).values()) == {Outcome.UNCHANGED}
    assert {one.method for one in here.connector_server.asked[8:]} <= {"GET", "POST"}
    assert not [one for one in here.connector_server.asked if one.method == "PUT"]


def test_what_has_changed_is_replaced(here: Site) -> None:
    connector = here.connector()
    connector.publish(offer("asset-1"))
    stricter = usage_policy("dpp", {**_needed(), "data_frequency": "cx.dataFrequency.once:1"})
    again = replace(offer("asset-1", backend_url="https://other.example/submodel"), usage_policy=stricter)
    assert connector.publish(again) == {
        "partners": Outcome.UNCHANGED, "dpp": Outcome.UPDATED, "asset-1": Outcome.UPDATED, "offer-1": Outcome.UNCHANGED,
    }  # fmt: skip
    address = here.connector_world.entities["assets"]["asset-1"]["dataAddress"]
    assert address["baseUrl"] == "https://other.example/submodel"


def test_a_run_that_was_cut_short_goes_on(here: Site) -> None:
    here.connector_server.fail(404, Fault(200, b"{}"), 404, Fault(500))
    with pytest.raises(PartnerUnavailableError):
        here.connector().publish(offer("asset-1"))
    assert here.connector_world.entities["contractdefinitions"] == {}  # nothing is shown before all is there
    here.connector().publish(offer("asset-1"))
    assert here.connector_world.offered_to(CUSTOMER) == ["asset-1"]


def test_an_answer_that_was_lost_is_no_conflict(here: Site) -> None:
    here.connector_server.fail(404, Fault(503, is_carried_out=True))
    made = here.connector().publish(offer("asset-1"))
    assert made["partners"] is Outcome.UNCHANGED
    assert made["offer-1"] is Outcome.CREATED


def test_withdrawing_hides_it_first_and_says_what_a_contract_holds(here: Site) -> None:
    connector = here.connector()
    connector.publish(offer("asset-1", "asset-2"))
    here.connector_world.held = {"asset-2"}
    assert connector.withdraw("offer-1", ["asset-1", "asset-2"]) == ["asset-2"]
    assert here.connector_world.offered_to(CUSTOMER) == []
    assert next(one.path for one in here.connector_server.asked if one.method == "DELETE").endswith("/offer-1")
    assert connector.withdraw("offer-1", ["asset-1", "asset-2"]) == ["asset-2"]


def test_a_partner_whose_number_must_not_be_seen_is_not_in_a_usage_policy(here: Site) -> None:
    seen = usage_policy("dpp", {**_needed(), "affiliates_bpnl": [CUSTOMER]})
    with pytest.raises(EgressError):
        here.connector().publish(replace(offer("asset-1"), usage_policy=seen))
    assert here.connector_server.asked == []


def test_no_credential_of_the_passport_service_is_sent(here: Site) -> None:
    here.connector().publish(offer("asset-1"))
    [sent] = [json.loads(one.content) for one in here.connector_server.asked if one.path.endswith("/assets")]
    assert sent["dataAddress"]["secretName"] == "passport-service"
    assert "authCode" not in sent["dataAddress"]
    assert sent["properties"]["dct:type"] == {"@id": "cx-taxo:BatteryPass"}


def test_a_contract_definition_without_assets_would_offer_everything() -> None:
    with pytest.raises(ValueError, match="everything"):
        contract_definition("offer-1", "partners", "dpp", [])


@pytest.mark.parametrize("status", [400, 401, 403, 409, 500])
def test_every_error_of_the_connector_is_told(here: Site, status: int) -> None:
    content = b'[{"message": "not so", "type": "Kind", "path": null, "invalidValue": null}]'
    if status == 409:
        here.connector().publish(offer("asset-1"))
        here.connector_world.entities["contractdefinitions"].clear()
    here.connector_server.fail(Fault(status, content))
    with pytest.raises(PartnerError, match="Kind not so") as caught:
        here.connector().publish(offer("asset-1"))
    assert caught.value.status == status


@pytest.mark.parametrize("fault", [429, 502, 503, 504, HANG])
def test_what_passes_is_waited_for(here: Site, fault: int | Fault) -> None:
    here.connector_server.fail(fault)
    here.connector(timeout_s=0.5).publish(offer("asset-1"))
    assert here.connector_world.offered_to(CUSTOMER) == ["asset-1"]
    assert here.waited_s


def test_a_wrong_key_is_in_no_error(here: Site) -> None:
    here.key = "a-wrong-management-key"
    with pytest.raises(PartnerRefusedError, match="401") as caught:
        here.connector().publish(offer("asset-1"))
    assert here.key not in str(caught.value)


# ---- comparing


POLICY = policy_definition(USAGE)
SPELT_OUT: Json = {
    "@id": "dpp",
    "@type": "PolicyDefinition",
    "createdAt": 1,
    "policy": {
        "@id": "made by the connector",
        "odrl:permission": {
            "odrl:action": {"@id": "odrl:use"},
            "odrl:constraint": {
                "odrl:and": [
                    {
                        "odrl:leftOperand": {"@id": "https://w3id.org/catenax/2025/9/policy/UsagePurpose"},
                        "odrl:operator": {"@id": "odrl:isAnyOf"},
                        "odrl:rightOperand": {"@value": "cx.circular.dpp:1"},
                    },
                    {
                        "odrl:leftOperand": {"@id": "cx-policy:FrameworkAgreement"},
                        "odrl:operator": {"@id": "odrl:eq"},
                        "odrl:rightOperand": "DataExchangeGovernance:1.0",
                    },
                ]
            },
        },
        "odrl:prohibition": [],
        "odrl:obligation": [],
    },
}


def test_forms_of_one_thing_do_not_differ() -> None:
    assert differences(POLICY, SPELT_OUT) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [("cx.circular.dpp:1", "cx.pcf.base:1"), ("isAnyOf", "isNoneOf"), ("FrameworkAgreement", "Membership")],
)
def test_another_thing_differs(old: str, new: str) -> None:
    found = json.loads(json.dumps(SPELT_OUT).replace(old, new))
    assert differences(POLICY, found) == ["/policy/permission/constraint/and"]


def test_another_address_differs() -> None:
    sent, found = ({"dataAddress": {"baseUrl": f"https://{host}/submodel"}} for host in ("a.example", "b.example"))
    assert differences(sent, found) == ["/dataAddress/baseUrl"]


def test_nothing_there_differs() -> None:
    assert differences({"@id": "a", "x": 1}, None) == ["/@id", "/x"]


TREES = st.recursive(
    st.integers() | st.text("ab:/#", max_size=4),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text("abc", min_size=1), one, max_size=3),
    max_leaves=10,
)


@given(TREES)
def test_what_is_the_same_never_differs(tree: object) -> None:
    assert differences(tree, copy.deepcopy(tree)) == []


def _needed() -> dict[str, Any]:
    return {"framework_agreement": "DataExchangeGovernance:1.0", "usage_purpose": ["cx.circular.dpp:1"]}


def test_terms_are_the_same_in_both_directions() -> None:
    stricter = usage_policy("x", {**_needed(), "data_frequency": "cx.dataFrequency.once:1"})
    forbids = usage_policy("x", _needed(), {"usage_restriction": ["cx.thirdParty.forbidden:1"]})
    theirs = SPELT_OUT["policy"]
    assert isinstance(theirs, dict)
    assert same_terms(theirs, USAGE)
    assert not same_terms(theirs, stricter)
    assert not same_terms(forbids, USAGE)
    assert not same_terms({}, USAGE)


# ---- notifications


def receiving(here: Site, **terms: str) -> None:
    """The partner offers its service under these terms."""
    policy = {name: one for name, one in usage_policy("o", {**_needed(), **terms}).items() if name != "@context"}
    here.connector_world.offers.append(
        {
            "@id": "their-events",
            "dct:type": {"@id": EVENT_TYPE},
            "hasPolicy": {**policy, "@type": "Offer", "@id": "offer:1"},
        }
    )


def test_a_message_is_by_the_header_of_version_3() -> None:
    header, content = MESSAGE["header"], MESSAGE["content"]
    assert isinstance(header, dict)
    assert set(header) == {"messageId", "context", "sentDateTime", "senderBpn", "receiverBpn", "version"}
    assert (header["context"], header["version"]) == (CONTEXT, "3.0.0")
    assert header["sentDateTime"] == "2027-01-15T08:00:00Z"
    assert content == {
        "listOfEvents": [
            {
                "eventType": "UpdateSubmodel",
                "globalAssetId": EVENT.global_asset_id,
                "submodelSemanticId": SEMANTIC_ID,
            }
        ]
    }


def test_an_aspect_that_changed_twice_is_told_once() -> None:
    message = submodel_update("urn:uuid:1", 0, BPNL, CUSTOMER, [EVENT, EVENT])
    assert isinstance(message["content"], dict)
    assert len(message["content"]["listOfEvents"]) == 1


@pytest.mark.parametrize("events", [[], [EVENT] * (MAX_EVENTS + 1)])
def test_no_event_and_too_many(events: list[Event]) -> None:
    with pytest.raises(ValueError, match=re.escape(str(len(events)))):
        submodel_update("urn:uuid:1", 0, BPNL, CUSTOMER, events)


@pytest.mark.parametrize("number", ["BPNS00000003AYRE", "BPNL00000003AYRA", ""])
def test_who_sends_and_receives_has_a_number(number: str) -> None:
    with pytest.raises(UnfitError):
        submodel_update("urn:uuid:1", 0, BPNL, number, [EVENT])


def test_a_notification_goes_by_contract(here: Site) -> None:
    receiving(here)
    here.connector_world.polls = 2
    here.notifier().send(RECEIVER, MESSAGE)
    assert here.connector_world.notified == [MESSAGE]
    assert len(here.connector_world.negotiated) == 1
    here.notifier().send(RECEIVER, MESSAGE)
    assert here.connector_world.notified == [MESSAGE]  # the same message, told once
    assert len(here.connector_world.negotiated) == 1  # by the contract that there is


def test_terms_that_nobody_accepted_are_not_agreed_to(here: Site) -> None:
    receiving(here, data_frequency="cx.dataFrequency.once:1")
    with pytest.raises(PartnerError, match="terms that were accepted"):
        here.notifier().send(RECEIVER, MESSAGE)
    assert here.connector_world.negotiated == []


def test_of_several_offers_the_accepted_one_is_taken(here: Site) -> None:
    receiving(here, data_frequency="cx.dataFrequency.once:1")
    receiving(here)
    here.connector_world.offers[1]["@id"] = "their-other-events"
    here.notifier().send(RECEIVER, MESSAGE)
    assert [one["target"] for one in here.connector_world.negotiated] == ["their-other-events"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_has_ended_is_fetched_anew_once(here: Site, status: int) -> None:
    receiving(here)
    here.connector_world.ended_status = status
    here.connector_world.refused_tokens = 1
    here.notifier().send(RECEIVER, MESSAGE)
    assert here.connector_world.notified == [MESSAGE]
    here.connector_world.refused_tokens = 2
    with pytest.raises(PartnerRefusedError, match=str(status)):
        here.notifier().send(RECEIVER, MESSAGE)


def test_a_negotiation_that_does_not_end_is_left(here: Site) -> None:
    receiving(here)
    here.connector_world.polls = POLLS + 5
    with pytest.raises(PartnerUnavailableError, match="no contract after 60 s"):
        here.notifier().send(RECEIVER, MESSAGE)
    assert len(here.waited_s) == POLLS


@pytest.mark.parametrize("content", [b"[1]", b"7", b'"x"'])
def test_an_answer_of_another_kind_is_the_partners_fault(here: Site, content: bytes) -> None:
    receiving(here)
    catalog = json.dumps({"dataset": here.connector_world.offers}).encode()
    here.connector_server.fail(Fault(200, catalog), Fault(200, content))
    with pytest.raises(UnavailableError):
        here.notifier().send(RECEIVER, MESSAGE)
