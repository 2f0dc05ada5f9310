"""packseal exchange catena-x: from a pack with records to a partner that reads it through a connector, and back."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from packseal.apps.exchange.serving import submodels_of
from packseal.apps.pages import passport_app
from packseal.apps.readers import Readers
from packseal.cli import main
from packseal.errors import ConfigError
from packseal.exchange.catenax.connector import EVENT_TYPE
from packseal.exchange.catenax.odrl import usage_policy
from packseal.exchange.catenax.submodel import OFFERED
from packseal.io.access_settings import AccessTable
from packseal.io.http_server import HTTPServer
from packseal.io.partner_settings import CatenaXTable
from packseal.io.ports import free_port
from packseal.io.sent_log import read_sent
from packseal.io.settings import PassportFileSettings
from packseal.io.settings_file import load_settings
from tests.apps.desk_api import reader_key, reader_table
from tests.apps.test_exchange_commands import DEPOT, NAMES
from tests.exchange.catenax_site import Site, site
from tests.exchange.lived import Lived, lived_pack
from tests.sim.twin_registry import BASE

OWN, DEPOTS, STRANGER = "BPNL00000003AYRE", "BPNL00000003B2OM", "BPNL00000003B0Q0"
POLICIES = f"""
[[policy]]
id = "partners"
use = "access"
terms = {{ membership = "active", business_partner_number = ["{DEPOTS}"] }}

[[policy]]
id = "dpp"
use = "usage"
terms = {{ framework_agreement = "DataExchangeGovernance:1.0", usage_purpose = ["cx.circular.dpp:1"] }}
"""
POLICY_WORDS = ("--names", "names.toml", "--access", "partners", "--usage", "dpp")


@dataclass
class Works:
    """A maker with a passport service, a connector and a registry; and a partner's program."""

    folder: Path
    lived: Lived
    site: Site
    url: str

    def run(self, *words: str) -> Result:
        placed = [str(self.folder / word) if word.endswith(".toml") else word for word in words]
        return CliRunner().invoke(main, ["exchange", "catena-x", *placed])

    def publish(self, *more: str) -> str:
        result = self.run("publish", "catenax.toml", self.lived.passport, *POLICY_WORDS, *more)
        assert result.exit_code == 0, result.output
        return result.stdout

    def read(self, aspect: str, bpn: str, ending: str = "submodel/$value") -> tuple[int, Any]:
        """As a partner does, that has a contract on the asset and a token for it."""
        (asset_id,) = [
            name
            for name, one in self.site.connector_world.entities["assets"].items()
            if one["dataAddress"]["baseUrl"].endswith(f"/{aspect}")
        ]
        token = self.site.connector_world.token_for(asset_id, bpn)
        url = f"{self.site.connector_server.url}/public/{ending}"
        asking = urllib.request.Request(url, headers={"Authorization": token})
        try:
            with urllib.request.urlopen(asking, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    @property
    def shells(self) -> list[Any]:
        return list(self.site.registry_world.shells.values())


@pytest.fixture
def works(tmp_path: Path, shared: Path) -> Iterator[Works]:
    with lived_pack(tmp_path) as lived, site(shared) as counterparts:
        address = f"127.0.0.1:{free_port()}"
        (tmp_path / "depot.toml").write_text(f'bpnl = "{DEPOTS}"\n{DEPOT}')
        (tmp_path / "names.toml").write_text(NAMES)
        (tmp_path / "management.key").write_text(counterparts.key)
        (tmp_path / "management.key").chmod(0o600)
        (tmp_path / "catenax.toml").write_text(catenax_toml(f"http://{address}", counterparts))
        counterparts.connector_world.vault["passport-service"] = f"Bearer {reader_key('connector')}"
        server = HTTPServer(address)
        server.start(service_app(lived, tmp_path))
        try:
            yield Works(tmp_path, lived, counterparts, f"http://{address}")
        finally:
            server.stop()


def service_app(lived: Lived, folder: Path) -> Any:
    table = CatenaXTable.model_validate(
        {
            "connectors": ["connector"],
            "partner": [{"file": folder / "depot.toml"}],
            "twin": [{"passport": lived.passport, "names": folder / "names.toml"}],
        }
    )
    desk = lived.service.desk
    readers = Readers(AccessTable(requests_per_minute=0), [reader_table("connector", role="public")])
    submodels = submodels_of(table, desk.service)
    return passport_app(desk.service, desk.tiles, desk.policy, readers=readers, submodels=submodels)


def catenax_toml(url: str, counterparts: Site) -> str:
    connector = counterparts.connector_server.url
    head = f"""bpnl = "{OWN}"
service_url = "{url}"

[registry]
url = "{counterparts.registry_server.url}{BASE}"
private = true

[connector]
url = "{connector}/management"
key_file = "management.key"
dsp_url = "{connector}/dsp"
data_plane_url = "{connector}/public"
vault_alias = "passport-service"
private = true
"""
    return head + POLICIES


def test_a_partner_reads_what_its_rules_let_out(works: Works) -> None:
    said = works.publish("--reader", DEPOTS)
    assert said.count(": created") == len(OFFERED) + 4, "assets, two policies, the offer, the twin"
    (shell,) = works.shells
    ids = {one["name"]: one["value"] for one in shell["specificAssetIds"]}
    assert ids == {
        "manufacturerId": OWN, "manufacturerPartId": "PS-60", "partInstanceId": "PS60-000123",
        "digitalTwinType": "PartInstance",
    }  # fmt: skip
    for ending in ("submodel/$value", "$value"):
        status, value = works.read("evidence", DEPOTS, ending)
        assert status == 200
        assert "91.2" not in json.dumps(value), "of its health a bound is told"
        assert "412.5" in json.dumps(value)
    lines = works.lived.service.desk.store.outgoing.of("ev-1")
    assert [(line.partner, line.target, line.rules) for line in lines] == [
        ("depot", "evidence", ("format:evidence", "health", "open"))
    ] * 2


def test_the_names_of_a_twin_are_those_of_its_file(works: Works) -> None:
    works.publish()
    status, value = works.read("nameplate", DEPOTS)
    assert (status, value["ManufacturerIdentifier"]) == (200, OWN)


def test_who_has_no_rules_is_told_nothing(works: Works) -> None:
    works.publish()
    status, answer = works.read("evidence", STRANGER)
    assert (status, answer["messages"][0]["text"]) == (
        403, "this partner has no rules here; ask this service's operator"
    )  # fmt: skip
    assert works.lived.service.desk.store.outgoing.of("ev-1") == []


def test_publishing_again_changes_nothing_and_withdrawing_takes_all(works: Works) -> None:
    works.publish()
    before = json.dumps([works.shells, works.site.connector_world.entities])
    assert {line.rpartition(": ")[2] for line in works.publish().splitlines()} == {"unchanged"}
    assert json.dumps([works.shells, works.site.connector_world.entities]) == before
    sent = [one for one in read_sent(works.folder / "catenax.sent.jsonl", 1000) if one.method != "GET"]
    assert {"shell-descriptors", "assets", "policydefinitions"} <= {part for one in sent for part in one.url.split("/")}
    result = works.run("withdraw", "catenax.toml", works.lived.passport)
    assert result.exit_code == 0, result.output
    assert (works.shells, works.site.connector_world.entities["assets"]) == ([], {})


def test_what_would_be_published_is_shown_and_nothing_sent(works: Works) -> None:
    words = ("show", "catenax.toml", works.lived.passport, *POLICY_WORDS, "--aspect", "product-condition")
    result = works.run(*words)
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    (asset,) = shown["assets"]
    assert asset["dataAddress"]["baseUrl"].startswith(f"{works.url}/exchange/catenax/{works.lived.passport}/")
    assert [one["idShort"] for one in shown["shellDescriptor"]["submodelDescriptors"]] == ["ProductCondition"]
    assert (works.shells, works.site.connector_world.entities["assets"]) == ([], {})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--aspect", "everything"), "--aspect everything: expected one of "),
        (("--usage", "none"), "there is no usage policy 'none'; the file has dpp"),
    ],
)
def test_what_the_files_have_not_is_named(works: Works, words: tuple[str, ...], said: str) -> None:
    result = works.run("publish", "catenax.toml", works.lived.passport, *POLICY_WORDS, *words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert (works.shells, works.site.connector_world.entities["assets"]) == ([], {})


def test_a_partner_is_told_of_a_change(works: Works) -> None:
    terms: dict[str, str | list[str]] = {
        "framework_agreement": "DataExchangeGovernance:1.0",
        "usage_purpose": ["cx.circular.dpp:1"],
    }
    offered = {name: one for name, one in usage_policy("o", terms).items() if name != "@context"}
    service = {"@id": "their-events", "dct:type": {"@id": EVENT_TYPE}}
    world = works.site.connector_world
    world.offers.append({**service, "hasPolicy": {**offered, "@type": "Offer", "@id": "offer:1"}})
    to = ("--to", "did:web:depot.example", "--dsp", f"{works.site.connector_server.url}/dsp", "--bpnl", DEPOTS)
    words = ("notify", "catenax.toml", works.lived.passport, *to, "--usage", "dpp", "--aspect", "product-condition")
    result = works.run(*words)
    assert result.exit_code == 0, result.output
    (message,) = world.notified
    assert message["header"]["messageId"] == result.stdout.strip()
    assert (message["header"]["senderBpn"], message["header"]["receiverBpn"]) == (OWN, DEPOTS)
    (event,) = message["content"]["listOfEvents"]
    works.publish()
    assert event["globalAssetId"] == works.shells[0]["globalAssetId"]
    assert event["submodelSemanticId"] == OFFERED["product-condition"].semantic_id


# ---- settings


@pytest.mark.parametrize(
    ("depot", "words"),
    [(DEPOT, "the key 'bpnl' is missing"), (f'bpnl = "{OWN[:-1]}F"\n{DEPOT}', "its check characters do not fit")],
)
def test_a_partner_has_its_number(tmp_path: Path, depot: str, words: str) -> None:
    (tmp_path / "depot.toml").write_text(depot)
    (tmp_path / "names.toml").write_text(NAMES)
    with lived_pack(tmp_path) as lived, pytest.raises(ConfigError, match=words):
        service_app(lived, tmp_path)


def test_a_connector_is_a_reader(tmp_path: Path) -> None:
    text = 'broker = "mqtt://localhost"\nstore = "a.db"\nkey = "a.key"\n[catena_x]\nconnectors = ["edc"]\n'
    (tmp_path / "passport.toml").write_text(f'{text}[[catena_x.partner]]\nfile = "depot.toml"\n')
    with pytest.raises(ConfigError, match=r"there is no \[\[reader\]\] with the name 'edc'"):
        load_settings(tmp_path / "passport.toml", PassportFileSettings)


def test_files_lie_beside_the_settings(tmp_path: Path) -> None:
    reader = f'[[reader]]\nname = "edc"\nrole = "public"\nkey_sha256 = "{"ab" * 32}"\n'
    text = 'broker = "mqtt://localhost"\nstore = "a.db"\nkey = "a.key"\n[catena_x]\nconnectors = ["edc"]\n'
    (tmp_path / "passport.toml").write_text(f'{text}[[catena_x.partner]]\nfile = "depot.toml"\n{reader}')
    found = load_settings(tmp_path / "passport.toml", PassportFileSettings).catena_x
    assert found is not None
    assert found.partner[0].file == tmp_path / "depot.toml"
