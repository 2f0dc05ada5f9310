"""A twin at a registry that really answers: registered again and again, and whatever the registry says."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from packseal.errors import EgressError, PartnerRefusedError, PartnerUnavailableError
from packseal.exchange.catenax.shells import Twin, shell_descriptor
from packseal.io.catenax_registry import Outcome
from packseal.io.client_credentials import ClientCredentials
from tests.exchange.catenax_site import Site, site
from tests.exchange.test_catenax_shells import CONDITION, TWIN, described
from tests.sim.aas_contract import REGISTRY, AASContract
from tests.sim.server import HANG, Fault, Served
from tests.sim.twin_registry import BASE

ID = TWIN.shell_id


@pytest.fixture
def here(shared: Path) -> Iterator[Site]:
    with site(shared) as running:
        yield running


def asked(here: Site) -> list[str]:
    return [one.method for one in here.registry_server.asked]


def test_a_twin_is_registered_once(here: Site) -> None:
    registry = here.registry()
    assert registry.register(described()) is Outcome.CREATED
    assert registry.register(described()) is Outcome.UNCHANGED
    assert here.registry_world.shells == {ID: described()}
    assert asked(here) == ["GET", "POST", "GET"]


def test_a_twin_that_has_changed_is_brought_up_to_date(here: Site) -> None:
    registry = here.registry()
    registry.register(described())
    moved = replace(TWIN, aspects=(replace(CONDITION, href="https://plane.example/other/submodel"),))
    assert registry.register(shell_descriptor(moved)) is Outcome.UPDATED
    assert here.registry_world.shells[ID] == shell_descriptor(moved)


def test_aspects_of_others_are_not_erased(here: Site) -> None:
    registry = here.registry()
    there = copy.deepcopy(described())
    theirs = {"id": "theirs", "endpoints": [{"interface": "X", "protocolInformation": {"href": "https://x"}}]}
    there["submodelDescriptors"] = [theirs]
    here.registry_world.shells[ID] = there
    assert registry.register(described()) is Outcome.UPDATED
    kept = here.registry_world.shells[ID]["submodelDescriptors"]
    assert [one["id"] for one in kept] == [CONDITION.submodel_id, "theirs"]


def test_a_twin_and_an_aspect_are_removed_and_once_more(here: Site) -> None:
    registry = here.registry()
    registry.register(described())
    assert [registry.remove_aspect(ID, CONDITION.submodel_id) for _ in range(2)] == [True, False]
    assert here.registry_world.shells[ID]["submodelDescriptors"] == []
    assert [registry.remove(ID) for _ in range(2)] == [True, False]
    assert registry.find(ID) is None


def test_a_partner_finds_it_and_nobody_else(here: Site) -> None:
    here.registry().register(described())
    http = here.http(here.registry_server.url + BASE)
    link = [{"name": "partInstanceId", "value": "PS60-000123"}, {"name": "manufacturerPartId", "value": "PS-60"}]
    found = {
        bpn: http.request("POST", "/lookup/shellsByAssetLink", body=link, headers={"Edc-Bpn": bpn}).json()
        for bpn in (*TWIN.readers, "BPNL00000003B2OM")
    }
    assert [one["result"] for one in found.values() if isinstance(one, dict)] == [[ID], []]


def test_a_name_that_must_not_be_registered_is_never_sent(here: Site) -> None:
    with pytest.raises(EgressError):
        here.registry().register(described() | {"displayName": [{"language": "de", "text": "für Kathoden GmbH"}]})
    assert asked(here) == []


def test_an_answer_that_was_lost_makes_no_second_twin(here: Site) -> None:
    here.registry_server.fail(404, Fault(504, is_carried_out=True))
    assert here.registry().register(described()) is Outcome.UNCHANGED
    assert asked(here) == ["GET", "POST", "POST", "GET"]
    assert len(here.registry_world.shells) == 1


@pytest.mark.parametrize("fault", [429, 502, 503, 504, HANG])
@pytest.mark.parametrize("step", [0, 1])
def test_what_passes_is_waited_for(here: Site, fault: int | Fault, step: int) -> None:
    here.registry_server.fail(*([404] * step), fault)
    assert here.registry(timeout_s=0.5).register(described()) is Outcome.CREATED
    assert here.waited_s


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("step", ["create", "update", "remove"])
def test_every_refusal_of_the_contract_is_told_and_changes_nothing(here: Site, status: int, step: str) -> None:
    registry = here.registry()
    if step != "create":
        here.registry_world.shells[ID] = described() | {"globalAssetId": "urn:older"}
    before = copy.deepcopy(here.registry_world.shells)
    content = b'{"messages": [{"code": "%d", "messageType": "Error", "text": "not so"}]}' % status
    refusal = Fault(status, content)
    if step != "remove":  # it looks first
        here.registry_server.fail(404 if step == "create" else Fault(200, json.dumps(before[ID]).encode()))
    here.registry_server.fail(refusal)
    with pytest.raises(PartnerRefusedError, match="not so") as caught:
        registry.remove(ID) if step == "remove" else registry.register(described())
    assert (caught.value.status, caught.value.code) == (status, str(status))
    assert here.registry_world.shells == before


def test_a_fault_of_the_registry_is_told_at_once(here: Site) -> None:
    here.registry_server.fail(500)
    with pytest.raises(PartnerUnavailableError) as caught:
        here.registry().register(described())
    assert (caught.value.status, asked(here)) == (500, ["GET"])


def test_an_answer_that_is_no_descriptor(here: Site) -> None:
    here.registry_server.fail(Fault(200, b"[]"))
    with pytest.raises(PartnerUnavailableError, match="no descriptor"):
        here.registry().find(ID)


def test_a_token_that_has_ended_is_fetched_anew(here: Site) -> None:
    given: list[str] = []

    async def token(request: Request) -> Response:
        form = (await request.body()).decode()
        assert "grant_type=client_credentials" in form
        assert "client_secret=not-a-secret" in form
        given.append(f"token-number-{len(given)}")
        here.registry_world.token = given[-1]
        return JSONResponse({"access_token": given[-1], "expires_in": 300, "token_type": "Bearer"})

    now_s = [0.0]
    with Served(Starlette(routes=[Route("/token", token, methods=["POST"])])) as provider:
        tokens = ClientCredentials(here.http(provider.url), "/token", "packseal", "not-a-secret", lambda: now_s[0])
        registry = here.registry(headers=tokens.headers, renew=tokens.renew)
        registry.register(described())
        assert len(given) == 1
        here.registry_world.token = "revoked by its provider"  # noqa: S105 - what the registry wants now
        assert registry.register(described()) is Outcome.UNCHANGED
        assert len(given) == 2
        now_s[0] = 271
        registry.find(ID)
        assert len(given) == 3  # before it ends


def test_the_simulated_registry_answers_by_the_contract(shared: Path, here: Site) -> None:
    contract = AASContract(shared, REGISTRY)
    here.registry().register(described())
    for one in here.registry_server.asked:
        template = contract.template(one.path.removeprefix(BASE))
        assert template is not None
        assert one.method.lower() in contract.document["paths"][template]


@pytest.mark.parametrize("twin", [TWIN, replace(TWIN, shell_id="urn:x:電池/1?a=b#c")])
def test_any_id_stands_in_a_path(here: Site, twin: Twin) -> None:
    registry = here.registry()
    registry.register(shell_descriptor(twin))
    assert registry.find(twin.shell_id) == shell_descriptor(twin)
