"""Version 1 of the ecosystem: the whole journey of a footprint, and what becomes of it when the platform fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest

from packseal.errors import CredentialError, PartnerError, PartnerRefusedError, PartnerUnavailableError
from packseal.exchange.export import UnfitError
from packseal.exchange.ouranos import Change
from packseal.exchange.ouranos.model import Answered, Plant, Request
from packseal.io.ouranos_v1 import OuranosV1
from tests.exchange.ouranos_site import SHORT_S, Site, asked_of, footprint_of, ouranos, part_of
from tests.sim.ouranos_contract import AUTH_PATH, DATA_PATH, Contract
from tests.sim.server import Fault

LOST = Fault(504, method="PUT", is_carried_out=True)
CERTIFICATE_FILE = {"operatorId": str(uuid4()), "fileId": str(uuid4()), "fileName": "cfp.pdf"}


@pytest.fixture
def site(shared: Path) -> Iterator[Site]:
    with ouranos(shared) as running:
        yield running


def _request(site: Site, client: OuranosV1) -> Request:
    """Of the buyer to the supplier, for a part that the buyer's pack is made of."""
    plant_id = site.plant_of(site.buyer)
    pack, cell = part_of(site.buyer, plant_id, "pack"), part_of(site.buyer, plant_id, "cell", "5.25")
    made = client.parts.change(Change(pack, (cell,)))
    trace_id = made.children[0].trace_id
    assert trace_id
    supplier = client.operators.find(site.supplier.number)
    assert supplier
    assert supplier.operator_id == site.supplier.operator_id
    return client.trades.request(asked_of(site.buyer, site.supplier, trace_id))


def _answered(site: Site, client: OuranosV1) -> str:
    """The supplier's answer to all that it is asked for -> the trace id of its part."""
    part = part_of(site.supplier, site.plant_of(site.supplier), "cell of B")
    made = client.parts.change(Change(part)).parent
    assert made.trace_id
    for inquiry in client.trades.inquiries():
        client.trades.answer(inquiry.trade.trade_id, made.trace_id)
    return made.trace_id


def test_a_footprint_travels_from_the_supplier_to_the_buyer(site: Site) -> None:
    buyer, supplier = site.client(site.buyer), site.client(site.supplier)
    assert buyer.operators.own().corporate_number == site.buyer.number
    request = _request(site, buyer)
    (inquiry,) = supplier.trades.inquiries()
    assert (inquiry.part.name, inquiry.part.amount) == ("cell", None)
    trace_id = _answered(site, supplier)
    declared = supplier.footprints.declare(footprint_of(trace_id))
    assert declared.footprint_id
    told = {one.kind: one.emission for one in buyer.footprints.of([request.trade.downstream_trace_id])}
    assert told == {"preProductionResponse": Decimal("1.5"), "mainProductionResponse": 10}
    (status,) = buyer.trades.statuses(request.trade.downstream_trace_id)
    assert (status.answered, status.is_tree_terminated) == (Answered.COMPLETED, True)


def test_certifications_are_listed_and_may_be_undisclosed(site: Site) -> None:
    buyer, request = site.client(site.buyer), _request(site, site.client(site.buyer))
    trace_id = request.trade.downstream_trace_id
    assert buyer.footprints.certifications(trace_id) == ()
    named = {"cfpCertificationId": str(uuid4()), "traceId": trace_id, "cfpCertificationDescription": None}
    site.platform.certifications[trace_id] = [
        {**named, "cfpCertificationFileInfo": [CERTIFICATE_FILE]},
        {**named, "cfpCertificationFileInfo": None},
    ]
    disclosed, kept_back = buyer.footprints.certifications(trace_id)
    assert disclosed.files
    assert (disclosed.files[0].name, kept_back.files) == ("cfp.pdf", None)


def test_a_supplier_may_keep_its_footprint_back(site: Site) -> None:
    buyer, supplier = site.client(site.buyer), site.client(site.supplier)
    request = _request(site, buyer)
    supplier.footprints.declare(footprint_of(_answered(site, supplier)))
    site.platform.undisclosed.add(request.trade.trade_id)
    assert {one.emission for one in buyer.footprints.of([request.trade.downstream_trace_id])} == {None}


def test_a_changed_footprint_keeps_its_identifier_and_the_other_three(site: Site) -> None:
    supplier = site.client(site.supplier)
    trace_id = _answered(site, supplier)
    first = supplier.footprints.declare(footprint_of(trace_id))
    second = supplier.footprints.declare(replace(footprint_of(trace_id), own_pre=Decimal("1.50001")))
    assert second == replace(first, own_pre=Decimal("1.50001"))
    assert site.writes("cfp") == 2
    assert supplier.footprints.declare(second) == second
    assert site.writes("cfp") == 2


def test_a_request_is_taken_back_and_another_one_sent_back(site: Site) -> None:
    buyer, supplier = site.client(site.buyer), site.client(site.supplier)
    request = _request(site, buyer)
    buyer.trades.cancel(request)
    buyer.trades.cancel(request)
    assert supplier.trades.inquiries() == ()
    again = _request(site, buyer)
    (inquiry,) = supplier.trades.inquiries()
    supplier.trades.reject(inquiry, "not our part")
    supplier.trades.reject(inquiry, "not our part")
    (status,) = buyer.trades.statuses(again.trade.downstream_trace_id)
    assert (status.answered, status.reply) == (Answered.REJECT, "not our part")
    assert site.writes("status") == 2


def test_a_token_that_ends_in_the_middle_is_refreshed(site: Site) -> None:
    buyer = site.client(site.buyer)
    request = _request(site, buyer)
    logins = site.platform.logins
    site.platform.expire()
    buyer.footprints.of([request.trade.downstream_trace_id])
    assert site.platform.logins == logins
    site.platform.expire(also_refresh=True)
    buyer.footprints.of([request.trade.downstream_trace_id])
    assert site.platform.logins == logins + 1


def test_a_write_whose_token_has_ended_is_carried_out_once(site: Site) -> None:
    buyer = site.client(site.buyer)
    request = _request(site, buyer)
    site.platform.expire()
    buyer.trades.cancel(request)
    assert site.platform.trades == {}


def test_a_refused_login_is_not_tried_again_and_shows_no_secret(site: Site) -> None:
    client = site.client(site.buyer, password="Wrong&Pass_02")  # noqa: S106 - of this test alone
    for _ in range(3):
        with pytest.raises(CredentialError) as caught:
            client.operators.own()
        assert "Wrong&Pass_02" not in str(caught.value)
    assert site.platform.logins == 1


def test_a_lost_answer_makes_no_second_request(site: Site) -> None:
    buyer = site.client(site.buyer)
    plant_id = site.plant_of(site.buyer)
    made = buyer.parts.change(Change(part_of(site.buyer, plant_id, "pack"))).parent
    assert made.trace_id
    site.data.fail(LOST)
    request = buyer.trades.request(asked_of(site.buyer, site.supplier, made.trace_id))
    assert list(site.platform.trades) == [request.trade.trade_id]
    assert buyer.trades.request(asked_of(site.buyer, site.supplier, made.trace_id)) == request


def test_a_request_that_may_be_on_its_way_is_not_repeated(site: Site) -> None:
    buyer = site.client(site.buyer, timeout_s=SHORT_S)
    made = buyer.parts.change(Change(part_of(site.buyer, site.plant_of(site.buyer), "pack"))).parent
    assert made.trace_id
    site.data.fail(Fault(0, method="PUT"))
    with pytest.raises(PartnerUnavailableError):
        buyer.trades.request(asked_of(site.buyer, site.supplier, made.trace_id))
    assert site.writes("tradeRequest") == 1


def _put_plant(client: OuranosV1, site: Site, _trace_id: str) -> object:
    plant = Plant(None, site.buyer.operator_id, "1234567890123000009", "Second", "Kyoto", "BPNS00000003AYRE")
    return client.operators.register_plant(plant)


def _put_part(client: OuranosV1, site: Site, trace_id: str) -> object:
    plant_id = client.parts.structure(trace_id).parent.plant_id
    return client.parts.change(Change(part_of(site.buyer, plant_id, "other")))


def _declare(client: OuranosV1, _site: Site, trace_id: str) -> object:
    return client.footprints.declare(footprint_of(trace_id))


def _remove(client: OuranosV1, _site: Site, trace_id: str) -> None:
    client.parts.remove(trace_id)


# how many plants, parts and footprints there are then
ACTS: dict[Callable[[OuranosV1, Site, str], object], tuple[int, int, int]] = {
    _put_plant: (2, 1, 0),
    _put_part: (1, 2, 0),
    _declare: (1, 1, 1),
    _remove: (1, 0, 0),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("is_carried_out", [False, True])
@pytest.mark.parametrize("status", [0, 503, 504])
def test_each_write_gets_through_once(
    site: Site, act: Callable[[OuranosV1, Site, str], object], status: int, is_carried_out: bool
) -> None:
    client = site.client(site.buyer, timeout_s=SHORT_S)
    made = client.parts.change(Change(part_of(site.buyer, site.plant_of(site.buyer), "pack"))).parent
    server = site.auth if act is _put_plant else site.data
    method = "DELETE" if act is _remove else "PUT"
    server.fail(Fault(status, is_carried_out=is_carried_out, method=method))
    act(client, site, made.trace_id or "")
    platform = site.platform
    assert (len(platform.plants), len(platform.parts), len(platform.footprints)) == ACTS[act]
    assert site.time.waited_s


def test_a_deleted_part_is_gone_and_a_tied_one_stays(site: Site) -> None:
    client = site.client(site.buyer)
    request = _request(site, client)
    with pytest.raises(PartnerRefusedError, match="tied"):
        client.parts.remove(request.trade.downstream_trace_id)
    alone = client.parts.change(Change(part_of(site.buyer, site.plant_of(site.buyer), "alone"))).parent
    client.parts.remove(alone.trace_id or "")
    assert client.parts.find(alone) is None


def test_every_page_of_a_list_is_read(site: Site) -> None:
    client, plant_id = site.client(site.buyer), site.plant_of(site.buyer)
    for number in range(7):
        client.parts.change(Change(part_of(site.buyer, plant_id, f"part {number}")))
    site.platform.page = 2
    assert {one.name for one in client.parts.all(parents_only=True)} == {f"part {number}" for number in range(7)}
    assert client.trades.requests([str(uuid4()) for _ in range(120)]) == ()


def test_a_list_without_end_is_left(site: Site) -> None:
    client = site.client(site.buyer)
    client.operators.own()
    round_about = {"link": f"<http://x/?after={uuid4()}>;", "content-type": "application/json"}
    site.data.fail(*[Fault(200, b"[]", round_about)] * 2)
    with pytest.raises(PartnerUnavailableError, match="a page that was not read yet"):
        client.parts.all()


def _errors(shared: Path) -> list[tuple[str, int]]:
    contract = Contract(shared)
    found = [(path, one) for path in (AUTH_PATH, DATA_PATH) for one in contract.statuses(path, "GET") if one >= 400]
    return sorted(found)


def test_every_error_of_the_contract_is_told_with_its_code_and_tracking(site: Site, shared: Path) -> None:
    client = site.client(site.buyer)
    client.operators.own()
    errors = _errors(shared)
    assert {status for _, status in errors} == {400, 401, 403, 404, 500, 503, 504}
    for path, status in errors:
        server, ask = (site.auth, client.operators.own) if path == AUTH_PATH else (site.data, client.parts.all)
        site.time.now_s += 100
        ask()  # closes the circuit that the failures before may have opened
        body = {"code": f"[dataspace] Error{status}", "message": "said so", "detail": "id: 7"}
        repeated = {401: 2, 503: 4, 504: 4}.get(status, 1)
        told = json.dumps(body).encode()
        server.fail(*[Fault(status, told, {"X-Track": f"track-{status}"}, method="GET")] * repeated)
        with pytest.raises(PartnerError, match="said so") as caught:
            ask()
        found = caught.value
        assert (found.status, found.code, found.tracking) == (status, body["code"], f"track-{status}")
        assert isinstance(found, PartnerRefusedError if status < 500 else PartnerUnavailableError)


def test_a_busy_platform_is_asked_again_when_it_says_so(site: Site) -> None:
    client = site.client(site.buyer)
    client.operators.own()
    site.data.fail(Fault(429, headers={"Retry-After": "7"}))
    assert client.parts.all() == ()
    assert site.time.waited_s == [7]


@pytest.mark.parametrize(
    "content",
    [b"no JSON", b"{}", b"[1]", b'[{"traceId": 5}]', b"[" * 100_000, b"NaN", b'{"traceId": "' + b"9" * 5000 + b'"}'],
)
def test_an_answer_that_is_none_of_the_contract_is_the_partners_fault(site: Site, content: bytes) -> None:
    client = site.client(site.buyer)
    client.operators.own()
    site.data.fail(Fault(200, content))
    with pytest.raises(PartnerUnavailableError):
        client.parts.all()


@pytest.mark.parametrize(
    "change", [{"due": "soon"}, {"due": ""}, {"message": "x" * 1001}, {"downstream_trace_id": "7"}]
)
def test_a_request_that_the_contract_does_not_take_is_not_sent(site: Site, change: dict[str, str]) -> None:
    client = site.client(site.buyer)
    new = replace(asked_of(site.buyer, site.supplier, str(uuid4())), **change)
    with pytest.raises(UnfitError):
        client.trades.request(new)
    assert site.data.asked == []


def test_an_operator_that_nobody_knows_is_none(site: Site) -> None:
    assert site.client(site.buyer).operators.find("9999999999999") is None
