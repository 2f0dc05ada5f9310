"""Version 2 of the ecosystem: tokens of a client, a gateway, the provider's rules asked before sending, notices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest

from packseal.errors import ConfigError, CredentialError, PartnerRefusedError, PartnerUnavailableError
from packseal.exchange.export import UnfitError
from packseal.exchange.ouranos import Change
from packseal.exchange.ouranos.model import Notice, Plant
from packseal.io.ods_v2 import ODSV2, ODSAddresses, ODSClient, open_v2
from tests.exchange.ouranos_site import SHORT_S, Time, asked_of, footprint_of, part_of
from tests.sim.ods_gateway import Gateway
from tests.sim.ods_identity import API_KEY, EXPIRES_S, STORE, Identity, identity_app
from tests.sim.ods_notifier import API_KEY as NOTIFIER_KEY
from tests.sim.ods_notifier import Notified, notifier_app
from tests.sim.ouranos_contract import Contract
from tests.sim.ouranos_world import Company, Platform, company
from tests.sim.server import Fault, Served, served

SECRET = "secret-of-the-client"  # noqa: S105 - of this test alone
CLIENT = ODSClient("client", SECRET, API_KEY, NOTIFIER_KEY, {"X-ODS-UserId": "packseal"})
NOTICE = Notice("SOH", "state of health", "changed", "look at the passport", (str(uuid4()),))


@dataclass
class Space:
    identity: Identity
    gateway: Gateway
    notified: Notified
    buyer: Company
    supplier: Company
    l3: Served
    l2: Served
    notifier: Served
    time: Time = field(default_factory=Time)

    def client(self, client: ODSClient = CLIENT, timeout_s: float = 5.0) -> ODSV2:
        addresses = ODSAddresses(self.l3.url, self.l2.url, STORE, self.notifier.url)
        return open_v2(
            addresses,
            client,
            wait=self.time.wait,
            clock_s=self.time,
            timeout_s=timeout_s,
            is_private_allowed=True,
        )

    def trace_id(self, client: ODSV2) -> str:
        own = client.operators.own()
        plant = client.operators.register_plant(Plant(None, own.operator_id, "plant000001", "Main plant", "Osaka"))
        assert plant.plant_id
        pack, cell = part_of(self.buyer, plant.plant_id, "pack"), part_of(self.buyer, plant.plant_id, "cell", "2")
        made = client.parts.change(Change(pack, (cell,)))
        return made.children[0].trace_id or ""


@pytest.fixture
def space(shared: Path) -> Iterator[Space]:
    buyer, supplier = company("1234567890123", "oem_a"), company("1234567890124", "supplier_b")
    identity = Identity(Platform([buyer, supplier]), {"client": (SECRET, buyer.operator_id)})
    gateway, notified = Gateway(identity, Contract(shared)), Notified(identity)
    with ExitStack() as stack:
        l3, l2 = stack.enter_context(served(identity_app(identity))), stack.enter_context(served(gateway.app))
        notifier = stack.enter_context(served(notifier_app(notified)))
        yield Space(identity, gateway, notified, buyer, supplier, l3, l2, notifier)
    assert identity.platform.broken == []


def test_a_journey_through_the_gateway(space: Space) -> None:
    client = space.client()
    trace_id = space.trace_id(client)
    supplier = client.operators.find(space.supplier.number)
    assert supplier
    request = client.trades.request(asked_of(space.buyer, space.supplier, trace_id))
    declared = client.footprints.declare(footprint_of(trace_id))
    assert declared.own_main == Decimal(10)
    assert client.trades.statuses(trace_id) == (request.status,)
    assert client.notices
    sent = client.notices.send(NOTICE)
    assert [one["notification_id"] for one in space.notified.notices] == [sent]
    assert space.identity.decisions == ["partsStructure", "tradeRequest", "cfp"]
    assert {tuple(one.items()) for one in space.gateway.logged} == {(("x-ods-userid", "packseal"),)}
    assert len(set(space.gateway.tracking)) == len(space.gateway.tracking)


def test_nothing_is_sent_that_the_rules_forbid(space: Space) -> None:
    client = space.client()
    trace_id = space.trace_id(client)
    space.identity.forbidden.add("cfp")
    with pytest.raises(PartnerRefusedError, match="cfp is not sent: the provider's rules"):
        client.footprints.declare(footprint_of(trace_id))
    assert space.identity.platform.footprints == {}


@pytest.mark.parametrize("fault", [Fault(0), Fault(503), Fault(504), Fault(200, b"{}"), Fault(200, b'{"data": {}}')])
def test_nothing_is_sent_while_the_rules_are_not_answered(space: Space, fault: Fault) -> None:
    client = space.client(timeout_s=SHORT_S)
    trace_id = space.trace_id(client)
    writes = sum(one.method == "PUT" for one in space.l2.asked)
    space.l3.fail(*[fault] * 40)
    with pytest.raises(PartnerUnavailableError, match="cfp is not sent: whether it may be was not answered"):
        client.footprints.declare(footprint_of(trace_id))
    assert sum(one.method == "PUT" for one in space.l2.asked) == writes
    assert space.l3.asked[-1].path.endswith("/access/v1/evaluation")


def test_a_decision_may_come_without_an_envelope(space: Space) -> None:
    space.identity.is_bare = True
    assert space.trace_id(space.client())


def test_a_token_is_renewed_before_it_ends_and_when_it_is_refused(space: Space) -> None:
    client = space.client()
    client.operators.own()
    assert space.identity.given == 1
    space.time.now_s += EXPIRES_S
    client.operators.own()
    assert space.identity.given == 2
    space.identity.tokens.clear()
    client.parts.all()
    assert space.identity.given == 3


@pytest.mark.parametrize(("expires_s", "used_s"), [(None, 30), (30, 15), (10, 5), (40, 20), (300, 270)])
def test_a_short_token_is_used_for_half_of_its_time(space: Space, expires_s: int | None, used_s: int) -> None:
    space.identity.expires_s = expires_s
    client = space.client()
    given = []
    for now_s in (space.time.now_s, space.time.now_s + used_s - 1, space.time.now_s + used_s):
        space.time.now_s = now_s
        client.operators.own()
        given.append(space.identity.given)
    assert given == [1, 1, 2]


def test_a_client_that_is_refused_is_told_what_to_look_at_and_no_secret(space: Space) -> None:
    client = space.client(replace(CLIENT, client_secret="wrong-secret-of-it"))  # noqa: S106 - of this test alone
    with pytest.raises(CredentialError, match="check the API key") as caught:
        client.operators.own()
    assert "wrong-secret-of-it" not in str(caught.value)
    assert SECRET not in repr(CLIENT)
    assert API_KEY not in repr(CLIENT)


def test_a_plant_is_registered_once_and_never_overwritten(space: Space) -> None:
    client = space.client()
    plant = Plant(None, client.operators.own().operator_id, "plant000007", "North", "Kobe")
    first = client.operators.register_plant(plant)
    assert client.operators.register_plant(plant) == first
    with pytest.raises(PartnerRefusedError, match="another name or address"):
        client.operators.register_plant(replace(plant, name="South"))


def test_a_notice_whose_answer_is_lost_is_not_sent_again(space: Space) -> None:
    client = space.client()
    assert client.notices
    space.notifier.fail(Fault(504, is_carried_out=True))
    with pytest.raises(PartnerUnavailableError):
        client.notices.send(NOTICE)
    assert len(space.notified.notices) == 1


@pytest.mark.parametrize(
    "notice",
    [
        replace(NOTICE, targets=()),
        replace(NOTICE, target_lists=(str(uuid4()),)),
        replace(NOTICE, targets=("partner",)),
        replace(NOTICE, title=" "),
        replace(NOTICE, title="x" * 501),
        replace(NOTICE, type_code="x" * 101),
        replace(NOTICE, type_name=""),
        replace(NOTICE, data_id="7"),
    ],
)
def test_a_notice_that_the_notifier_does_not_take_is_not_sent(space: Space, notice: Notice) -> None:
    client = space.client()
    assert client.notices
    with pytest.raises(UnfitError):
        client.notices.send(notice)
    assert space.notifier.asked == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 502, 503, 504])
def test_every_error_of_the_gateway_is_told(space: Space, status: int) -> None:
    client = space.client()
    client.operators.own()
    body = b'{"code": "[dataspace] It", "message": "said so", "detail": "timeStamp: 2027-01-15T08:00:00Z"}'
    space.l2.fail(*[Fault(status, body, {"X-TrackingId": "t-1"})] * 4)
    kind = PartnerRefusedError if status < 500 else PartnerUnavailableError
    with pytest.raises(kind, match="said so") as caught:
        client.parts.all()
    assert (caught.value.status, caught.value.code, caught.value.tracking) == (status, "[dataspace] It", "t-1")


@pytest.mark.parametrize(
    ("addresses", "client", "words"),
    [
        ({"store": "../x"}, CLIENT, "the provider's store"),
        ({}, replace(CLIENT, logged={"X-Other": "1"}), "X-ODS-"),
        ({}, replace(CLIENT, notifier_api_key=None), "its own API key"),
    ],
)
def test_settings_that_cannot_work_are_refused(addresses: dict[str, str], client: ODSClient, words: str) -> None:
    whole = {
        "identity": "http://127.0.0.1",
        "gateway": "http://127.0.0.1",
        "store": "S1",
        "notifier": "http://127.0.0.1",
    }
    with pytest.raises(ConfigError, match=words):
        open_v2(ODSAddresses(**{**whole, **addresses}), client)
