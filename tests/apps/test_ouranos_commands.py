"""`packseal exchange ouranos` as a person types it, in both versions, against simulated platforms."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from packseal.exchange.ouranos.battery import evidence_anchor, make
from packseal.exchange.ouranos.footprints import footprint_json
from packseal.io.ouranos_settings import ODSV2Table, OuranosSettings, OuranosV1Table
from packseal.io.setting_types import Table
from packseal.io.settings_file import load_settings
from tests.apps.command import packseal
from tests.exchange.ouranos_site import footprint_of, ouranos
from tests.exchange.packs import pack
from tests.sim import ods_identity
from tests.sim.ods_gateway import Gateway
from tests.sim.ods_identity import STORE, Identity, identity_app
from tests.sim.ouranos_contract import Contract
from tests.sim.ouranos_world import API_KEY, Company, Json, Platform, company
from tests.sim.server import served

DOCUMENT = Path(__file__).parents[2] / "docs/ouranos.md"
VERSIONS = ("1", "2")
DUE = "2027-03-31"


@dataclass
class Desk:
    """One operator's settings file, and the platform behind it."""

    folder: Path
    platform: Platform
    buyer: Company
    supplier: Company

    @property
    def settings(self) -> Path:
        return self.folder / "ouranos.toml"

    def battery(self) -> Path:
        return self._written("battery.json", make(pack("EV")).document)

    def footprint(self, trace_id: str) -> Path:
        return self._written("footprint.json", {"cfp": footprint_json(footprint_of(trace_id))})

    def _written(self, name: str, content: object) -> Path:
        path = self.folder / name
        path.write_text(json.dumps(content))
        return path


def _settings(folder: Path, text: str, **secrets: str) -> None:
    for name, content in secrets.items():
        path = folder / f"{name}.secret"
        path.write_text(f"{content}\n")
        path.chmod(0o600)
    (folder / "ouranos.toml").write_text(f"[ouranos]\nprivate = true\n{text}")


@contextmanager
def _desk(version: str, shared: Path, folder: Path) -> Iterator[Desk]:
    with _first(shared, folder) if version == "1" else _second(shared, folder) as desk:
        plant = {"openPlantId": "1234567890123000001", "plantName": "Main", "plantAddress": "Osaka", "plantId": None}
        owned: Json = {**plant, "operatorId": desk.buyer.operator_id, "plantAttribute": {}}
        desk.platform.put_plant(desk.buyer.operator_id, owned)
        yield desk


@contextmanager
def _first(shared: Path, folder: Path) -> Iterator[Desk]:
    with ouranos(shared) as site:
        text = f"""version = 1
auth_url = "{site.auth.url}"
data_url = "{site.data.url}"
account = "{site.buyer.account}"
password_file = "password.secret"
api_key_file = "key.secret"
"""
        _settings(folder, text, password=site.buyer.password, key=API_KEY)
        yield Desk(folder, site.platform, site.buyer, site.supplier)


@contextmanager
def _second(shared: Path, folder: Path) -> Iterator[Desk]:
    buyer, supplier = company("1234567890123", "oem_a"), company("1234567890124", "supplier_b")
    identity = Identity(Platform([buyer, supplier]), {"client": ("secret-of-it", buyer.operator_id)})
    gateway = Gateway(identity, Contract(shared))
    with ExitStack() as stack:
        l3, l2 = (stack.enter_context(served(app)) for app in (identity_app(identity), gateway.app))
        text = f"""version = 2
identity_url = "{l3.url}"
gateway_url = "{l2.url}"
store = "{STORE}"
client_id = "client"
client_secret_file = "client.secret"
api_key_file = "key.secret"
"""
        _settings(folder, text, client="secret-of-it", key=ods_identity.API_KEY)
        yield Desk(folder, identity.platform, buyer, supplier)
    assert identity.platform.broken == []


@pytest.fixture(params=VERSIONS)
def desk(request: pytest.FixtureRequest, shared: Path, tmp_path: Path) -> Iterator[Desk]:
    with _desk(request.param, shared, tmp_path) as made:
        yield made


def _registered(desk: Desk, *more: str | Path) -> str:
    command = ("exchange", "ouranos", "register", desk.settings, desk.battery(), "--plant", "1234567890123000001")
    ran = packseal(*command, *more)
    assert ran.code == 0, ran.err
    return ran.out.strip()


def test_a_battery_is_registered_with_its_evidence_and_declared(desk: Desk) -> None:
    bundle = desk.folder / "record.bundle"
    bundle.write_bytes(b"evidence")
    trace_id = _registered(desk, "--bundle", bundle)
    assert _registered(desk, "--bundle", bundle) == trace_id
    assert desk.platform.parts[trace_id]["partsAddInfo3"] == evidence_anchor(b"evidence")
    declared = packseal("exchange", "ouranos", "declare", desk.settings, desk.footprint(trace_id))
    assert declared.out.strip() == desk.platform.footprints[trace_id][0]["cfpId"]
    shown = packseal("exchange", "ouranos", "show", desk.settings)
    assert evidence_anchor(b"evidence") in shown.out
    assert desk.buyer.number in shown.out


def test_what_is_sent_has_its_line_without_values_and_logins(desk: Desk) -> None:
    assert packseal("exchange", "sent", desk.settings).out.strip() == "nothing was sent yet"
    trace_id = _registered(desk)
    packseal("exchange", "ouranos", "declare", desk.settings, desk.footprint(trace_id))
    found = json.loads(packseal("exchange", "sent", desk.settings, "--json").out)
    names = {name for line in found for name in line["names"]}
    assert {"partsName", "ghgEmission"} <= names
    assert not {"accountPassword", "client_secret", "refreshToken"} & names
    assert "PS-60" not in (desk.folder / "ouranos.sent.jsonl").read_text()
    shown = packseal("exchange", "sent", desk.settings, "--limit", "1").out.splitlines()
    assert len(shown) == 2
    assert found[0]["sha256"] in shown[0]


def test_what_is_fetched_is_what_was_declared(desk: Desk) -> None:
    trace_id = _registered(desk)
    packseal("exchange", "ouranos", "declare", desk.settings, desk.footprint(trace_id))
    out = desk.folder / "told.json"
    ran = packseal("exchange", "ouranos", "fetch", desk.settings, trace_id, "-o", out)
    assert ran.code == 0, ran.err
    assert json.loads(out.read_text()) == {"cfp": desk.platform.footprints[trace_id], "cfpCertification": []}


def test_a_supplier_is_asked_once(desk: Desk) -> None:
    trace_id = _registered(desk)
    command = ("exchange", "ouranos", "ask", desk.settings, trace_id, "--supplier", desk.supplier.number, "--due", DUE)
    first, second = packseal(*command), packseal(*command)
    assert first.code == second.code == 0, first.err
    assert first.out == second.out
    assert len(desk.platform.trades) == 1


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("ask", "S", str(uuid4()), "--supplier", "999", "--due", DUE), "no operator of this number"),
        (("ask", "S", "7", "--supplier", "1234567890124", "--due", DUE), "no identifier of the ecosystem"),
        (("ask", "S", str(uuid4()), "--supplier", "1234567890124", "--due", "soon"), "a date is needed"),
        (("register", "S", "B", "--plant", "K000009"), "not registered; these are: 1234567890123000001"),
        (("declare", "S", "B"), "all four emissions"),
        (("declare", "S", "S"), "expected JSON"),
        (("fetch", "S", "7"), "no identifier of the ecosystem"),
    ],
)
def test_what_cannot_be_is_said_with_its_cure(desk: Desk, command: tuple[str, ...], words: str) -> None:
    battery = desk.battery()
    battery.write_text(json.dumps({**json.loads(battery.read_text()), "cfp": []}))
    files = {"S": desk.settings, "B": battery}
    ran = packseal("exchange", "ouranos", *(files.get(one, one) for one in command))
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err


def test_a_secret_that_everybody_can_read_is_refused(shared: Path, tmp_path: Path) -> None:
    with _desk("1", shared, tmp_path) as desk:
        (tmp_path / "password.secret").chmod(0o644)
        ran = packseal("exchange", "ouranos", "show", desk.settings)
    assert ran.code == 2
    assert "chmod 640" in ran.err


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("version = 1", "version = 3", "version"),
        ("auth_url", "auth_uri", "auth_ur"),
        ('account = "', 'account = "" # "', "account"),
    ],
)
def test_a_wrong_setting_is_named(shared: Path, tmp_path: Path, old: str, new: str, words: str) -> None:
    with _desk("1", shared, tmp_path) as desk:
        desk.settings.write_text(desk.settings.read_text().replace(old, new))
        ran = packseal("exchange", "ouranos", "show", desk.settings)
    assert ran.code == 2
    assert f"{desk.settings}:" in ran.err
    assert words in ran.err


@pytest.mark.parametrize("model", [OuranosV1Table, ODSV2Table])
def test_documented_settings_load_and_are_complete(model: type[Table], tmp_path: Path) -> None:
    blocks = re.findall(r"^## ouranos\.toml.*?```toml\n(.*?)```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    texts = {tomllib.loads(text)["ouranos"]["version"]: text for text in blocks}
    text = texts[1 if model is OuranosV1Table else 2]
    (tmp_path / "ouranos.toml").write_text(text)
    found = load_settings(tmp_path / "ouranos.toml", OuranosSettings).ouranos
    assert isinstance(found, model)
    assert set(tomllib.loads(text)["ouranos"]) == set(model.model_fields)
