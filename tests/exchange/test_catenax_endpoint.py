"""The submodel service on a real port: who gets in, what each partner is told, and the contract of profile SSP-003."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount

from packseal.apps.exchange.leaving import Leaving
from packseal.apps.exchange.submodels import PREFIX, PROFILE, ResultMiddleware, Submodels
from packseal.apps.readers import ReaderMiddleware, Readers
from packseal.errors import UnavailableError
from packseal.exchange.catenax.submodel import OFFERED
from packseal.exchange.named import Named
from packseal.exchange.rules import Form, Partner, Rule, released
from packseal.exchange.source import Source
from packseal.exchange.twin_ids import submodel_id
from packseal.io.access_settings import AccessTable
from packseal.io.passport_store import PassportStore
from tests.apps.desk_api import reader_key, reader_table
from tests.exchange.packs import AS_OF_UNIX_MS, CATEGORIES, PASSPORTS, pack
from tests.exchange.test_catenax_shells import BPNL, CUSTOMER, TWIN
from tests.sim.aas_contract import SUBMODEL, AASContract
from tests.sim.server import Served

RULES = (Rule("weight", frozenset({"mass"}), form=Form.WITHHELD), Rule("rest", groups=frozenset({1, 2, 4})))
RECYCLER = Partner("recycler", "https://r.example", "legitimate-interest", frozenset({1, 2, 4}), "contract-1", RULES)
ALL = (Rule("all", groups=frozenset({1})),)
BUYER = Partner("buyer", "https://b.example", "public", frozenset({1}), "contract-2", ALL)
WIDER = Rule("all", groups=frozenset({1, 2, 4}))
PARTNERS = {CUSTOMER: RECYCLER, BPNL: BUYER}
SOURCES = {PASSPORTS[category]: pack(category) for category in CATEGORIES}
EV = PASSPORTS["EV"]


@dataclass
class Running:
    server: Served
    store: PassportStore

    def get(
        self, path: str, headers: Mapping[str, str] | None = None, key: str = "connector", method: str = "GET"
    ) -> tuple[int, Any, Mapping[str, str]]:
        sent = {"Authorization": f"Bearer {reader_key(key)}"} if key else {}
        sent |= {"Edc-Bpn": CUSTOMER} if headers is None else headers
        connection = HTTPConnection(urlsplit(self.server.url).netloc, timeout=20)
        with closing(connection):
            body = "{}" if method == "POST" else None
            connection.request(method, PREFIX + path, body, {**sent, "Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            assert answer.getheader("content-type") == "application/json"
            return answer.status, json.loads(content), {name.lower(): one for name, one in answer.getheaders()}


def source_for(name: str, partner: Partner) -> Source | None:
    if name == "broken":
        raise UnavailableError("the database")
    if name == "above":  # cut by rules of the same name, for another tier
        return released(pack("EV"), replace(partner, groups=frozenset({1, 2, 4}), rules=(WIDER,)))
    found = SOURCES.get(name)
    return released(found, partner) if found else None


@contextmanager
def running_at(folder: Path, requests_per_minute: int = 0) -> Iterator[Running]:
    with closing(PassportStore(folder / "passport.db")) as store:
        leaving = Leaving(store.outgoing, lambda: AS_OF_UNIX_MS)
        service = Submodels(
            frozenset({"connector"}), PARTNERS.get, source_for, lambda _name: Named(TWIN.identifiers), leaving
        )
        readers = [reader_table(name, role="public") for name in ("connector", "somebody")]
        who = Readers(AccessTable(requests_per_minute=requests_per_minute), readers)
        app = Starlette(
            routes=[Mount(PREFIX, service.app())],
            middleware=[Middleware(ResultMiddleware), Middleware(ReaderMiddleware, readers=who)],
        )
        with Served(app) as server:
            yield Running(server, store)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_at(tmp_path_factory.mktemp("service")) as service:
        yield service


def path(aspect: str, ending: str = "submodel/$value", passport: str = EV) -> str:
    return f"/{passport}/submodels/{aspect}/{ending}"


@pytest.mark.parametrize("aspect", OFFERED)
@pytest.mark.parametrize("category", CATEGORIES)
def test_every_aspect_of_every_category_is_what_its_maker_makes(running: Running, category: str, aspect: str) -> None:
    passport = PASSPORTS[category]
    status, value, _ = running.get(path(aspect, passport=passport))
    source = released(pack(category), RECYCLER)
    expected = OFFERED[aspect].made.make(source, Named(TWIN.identifiers)).document
    assert (status, value) == (200, json.loads(json.dumps(expected)))
    assert value


@pytest.mark.parametrize("ending", ["submodel/$value", "submodel/%24value", "$value"])
def test_every_form_of_the_address_gives_the_value(running: Running, ending: str) -> None:
    assert running.get(path("nameplate", ending))[1] == running.get(path("nameplate"))[1]


@pytest.mark.parametrize("aspect", OFFERED)
def test_the_whole_submodel_is_by_the_contract_and_says_the_same(shared: Path, running: Running, aspect: str) -> None:
    status, whole, _ = running.get(path(aspect, "submodel"))
    assert status == 200
    assert AASContract(shared, SUBMODEL).faults("Submodel", whole) == []
    assert whole["id"] == submodel_id(EV, aspect)
    value = running.get(path(aspect))[1]
    keys = {node.id_short: node.key for node in OFFERED[aspect].part.elements}
    assert {keys[one["idShort"]] for one in whole["submodelElements"]} <= set(value)
    assert len(whole["submodelElements"]) >= len(value) - 1


def test_core_leaves_out_what_is_inside(running: Running) -> None:
    value = running.get(path("technical-data", "submodel/$value?level=core"))[1]
    assert value["GeneralInformation"] == {}
    whole = running.get(path("technical-data", "submodel?level=core&extent=withBlobValue"))[1]
    assert [one for one in whole["submodelElements"] if isinstance(one.get("value"), list)] == []


def test_what_a_partner_is_told_is_by_its_own_rules(running: Running) -> None:
    of_recycler = json.dumps(running.get(path("product-condition"))[1])
    of_buyer = json.dumps(running.get(path("product-condition"), {"Edc-Bpn": BPNL})[1])
    assert "StateOfCharge" in of_recycler
    assert "StateOfCharge" not in of_buyer
    technical = json.dumps(running.get(path("evidence"))[1])
    assert '"mass"' not in technical  # withheld by a rule of its own
    assert '"mass"' in json.dumps(running.get(path("evidence"), {"Edc-Bpn": BPNL})[1])


def test_what_left_has_its_line_with_the_bytes_that_were_sent(tmp_path: Path) -> None:
    with running_at(tmp_path) as fresh:
        value = fresh.get(path("nameplate"))[1]
        content = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
        [line] = fresh.store.outgoing.of(pack("EV").battery)
        assert (line.partner, line.contract, line.target) == ("recycler", "contract-1", "nameplate")
        assert (line.digest, line.size) == (hashlib.sha256(content).digest(), len(content))
        assert "rest" in line.rules


def test_what_is_refused_leaves_no_line(tmp_path: Path) -> None:
    with running_at(tmp_path) as fresh:
        for headers, key in (({}, "connector"), ({"Edc-Bpn": "BPNL00000003B2OM"}, "connector"), (None, "")):
            assert fresh.get(path("nameplate"), headers, key)[0] in (400, 401, 403)
        assert fresh.store.outgoing.of(pack("EV").battery) == []


@pytest.mark.parametrize(
    ("key", "headers", "status"),
    [
        ("", None, 401),
        ("nobody-knows", None, 401),
        ("somebody", None, 403),
        ("connector", {}, 400),
        ("connector", {"Edc-Bpn": "BPNL00000003B2OM"}, 403),
        ("connector", {"Edc-Bpn": ""}, 403),
    ],
)
@pytest.mark.parametrize("ending", ["submodel", "submodel/$value", "description"])
def test_who_does_not_get_in(
    running: Running, key: str, headers: Mapping[str, str] | None, status: int, ending: str
) -> None:
    found, told, sent = running.get(path("nameplate", ending), headers, key)
    assert found == status
    assert told["messages"][0]["code"] == str(status)
    assert ("www-authenticate" in sent) is (status == 401)


def test_who_asks_too_often_is_told_when_in_the_form_of_the_contract(shared: Path, tmp_path: Path) -> None:
    with running_at(tmp_path, requests_per_minute=1) as fresh:
        assert fresh.get(path("nameplate"))[0] == 200
        status, told, sent = fresh.get(path("nameplate"))
    assert status == 429
    assert int(sent["retry-after"]) > 0
    assert "wait" in told["messages"][0]["text"]
    assert AASContract(shared, SUBMODEL).faults("Result", told) == []


@pytest.mark.parametrize("passport", ["00" * 16, "pack-1", "%2e%2e"])
def test_a_passport_that_is_not_there(running: Running, passport: str) -> None:
    assert running.get(path("nameplate", passport=passport))[0] == 404


def test_an_aspect_that_is_not_there_is_told_as_a_passport_that_is_not(running: Running) -> None:
    assert running.get(path("prices"))[:2] == running.get(path("nameplate", passport="00" * 16))[:2]


@pytest.mark.parametrize("ending", ["submodel", "submodel/$value"])
def test_what_is_above_the_tier_does_not_leave_whoever_let_it_through(tmp_path: Path, ending: str) -> None:
    with running_at(tmp_path) as fresh:
        status, told, _ = fresh.get(path("product-condition", ending, "above"), {"Edc-Bpn": BPNL})
        assert status == 500
        assert "may not leave" in told["messages"][0]["text"]
        assert fresh.store.outgoing.of(pack("EV").battery) == []


def test_a_service_that_cannot_now_says_when(running: Running) -> None:
    status, _, sent = running.get(path("nameplate", passport="broken"))
    assert (status, sent["retry-after"]) == (503, "30")


@pytest.mark.parametrize("query", ["level=", "level=deepest", "extent=all", "level=core&level=deep"])
def test_a_query_that_the_contract_does_not_have(running: Running, query: str) -> None:
    assert running.get(path("nameplate", f"submodel?{query}"))[0] == 400


@pytest.mark.parametrize(
    ("element", "status"),
    [("SerialNumber", 405), ("AddressInformation.Email.EmailAddress", 405), ("Markings[1].MarkingFile", 405),
     ("Nothing", 404), ("Markings[9]", 404), ("SerialNumber.x", 404), ("..", 404)],
)  # fmt: skip
def test_nothing_is_an_operation(running: Running, element: str, status: int) -> None:
    place = path("nameplate", f"submodel/submodel-elements/{element}/invoke")
    assert running.get(place, method="POST")[0] == status


def test_it_says_which_profile_it_is(running: Running) -> None:
    assert running.get(path("nameplate", "description"))[1] == {"profiles": [PROFILE]}


# None of the elements is an operation, so a request of one is never accepted: that each is refused as the contract says
# is what the other checks see. Its body may hold every element in every other: to list all its parts takes for ever.
CONFIGURATION = """\
[dictionaries]
elements = { values = ["SerialNumber", "Markings[0]", "ManufacturerName", "Nothing"] }

[[operations]]
include-path-regex = "/invoke"
checks = { positive_data_acceptance = { enabled = false } }
phases = { coverage = { enabled = false } }
[operations.parameters]
"path.idShortPath" = { dictionary = "elements", probability = 0.8 }
"""


@pytest.mark.parametrize("aspect", ["product-condition", "nameplate"])
def test_the_service_is_what_the_contract_of_ssp_003_says(
    shared: Path, running: Running, tmp_path: Path, aspect: str
) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    contract = tmp_path / "contract.json"
    contract.write_text((shared / SUBMODEL).read_text())
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "--config-file", "schemathesis.toml", "run", str(contract),
        "--url", f"{running.server.url}{PREFIX}/{EV}/submodels/{aspect}", "--max-examples", "10", "--seed", "1",
        "--no-color", "--continue-on-failure", "--generation-database", "none",
        "--header", f"Authorization: Bearer {reader_key('connector')}", "--header", f"Edc-Bpn: {CUSTOMER}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Operations:       5 selected" in done.stdout, done.stdout
    assert re.search(r"[1-9]\d+ generated, [1-9]\d+ passed\n", done.stdout), done.stdout
