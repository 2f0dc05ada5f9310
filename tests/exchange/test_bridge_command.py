"""`packseal exchange bridge`: a file, a TOML file of decisions, a document and its losses."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from packseal.errors import ConfigError
from packseal.exchange.bridge.decisions import Certificate, Share, Study
from packseal.exchange.bridge.units import Kind, Product
from packseal.exchange.identifiers import Associations, Party, Plant
from packseal.exchange.ouranos.model import Unit
from packseal.io.bridge_settings import (
    BridgeFile,
    CertificateTable,
    FootprintTable,
    PartyTable,
    PlantTable,
    ProductTable,
)
from packseal.io.settings_file import load_settings
from tests.apps.command import packseal
from tests.exchange.bridges import BPNL, BPNS, CERTIFICATE_ID, CFP_ID, DECIDED, OPERATOR, PLANT, TRACE_ID, of_ouranos

WHOLE = f"""trace_id = "{TRACE_ID}"
cfp_id = "{CFP_ID}"

[product]
mass_kg = "412.5"
lifetime_energy_kwh = 240000
rated_energy_kwh = "60"
kilowatt_hour = "lifetime"

[footprint]
methods = ["ISO 14067"]
performance_class = "B"
documents = ["doc-17"]
catena_x_unit = "kWh"
ouranos_unit = "kilogram"
undivided = "own"

[[party]]
name = "Cells KK"
corporate_number = "{OPERATOR}"
bpnl = "{BPNL}"
lei = "529900T8BM49AURSDO55"

[[plant]]
name = "Tochigi"
open_plant_id = "{PLANT}"
bpns = "{BPNS}"

[[certificate]]
id = "{CERTIFICATE_ID}"
kind = "PCF 3rd party verification"
standard = "ISO 14067"
scheme = "Verification Framework V2"
provider = "Verifier"
provider_id = "urn:lei:529900T8BM49AURSDO55"
link = "https://example.org/certificate"
completed_at = 2027-02-01T09:00:00+09:00
"""


def test_every_decision_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "bridge.toml"
    path.write_text(WHOLE)
    assert load_settings(path, BridgeFile).decisions == replace(
        DECIDED,
        associations=Associations(
            (Party("Cells KK", OPERATOR, BPNL, "529900T8BM49AURSDO55"),), (Plant("Tochigi", PLANT, BPNS),)
        ),
        product=Product(Decimal("412.5"), Decimal(240_000), Decimal(60), Kind.LIFE_ENERGY),
        study=Study(("ISO 14067",), "B", ("doc-17",)),
        wanted_in_catena_x="kWh",
        wanted_in_ouranos=Unit.KILOGRAM,
        undivided=Share.OWN,
        certificates={
            CERTIFICATE_ID: Certificate(
                "PCF 3rd party verification", "ISO 14067", "Verification Framework V2", "Verifier",
                "urn:lei:529900T8BM49AURSDO55", "https://example.org/certificate", "2027-02-01T00:00:00Z",
            )
        },
    )  # fmt: skip


def test_the_documented_file_loads_and_is_complete(tmp_path: Path) -> None:
    """Each key of every table, or its name in the comment of its table."""
    page = (Path(__file__).resolve().parents[2] / "docs/bridge.md").read_text()
    text = page.split("```toml\n")[1].partition("```")[0]
    path = tmp_path / "bridge.toml"
    path.write_text(text)
    load_settings(path, BridgeFile)
    tables = (BridgeFile, ProductTable, FootprintTable, PartyTable, PlantTable, CertificateTable)
    assert [key for table in tables for key in table.model_fields if key not in text] == []


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ('trace_id = "1"', "bridge.toml:1: .*a UUID"),
        ("[product]\nmass_kg = 412.5", "bridge.toml:2: .*number above 0 as text"),
        ('[product]\nmass_kg = "0"', "bridge.toml:2: .*number above 0"),
        ('[product]\nmass = "1"', "did you mean 'mass_kg'"),
        ('[footprint]\ncatena_x_unit = "kwh"', "bridge.toml:2: .*expected one of g, kg"),
        ('[footprint]\nouranos_unit = "kg"', "bridge.toml:2: .*expected one of liter"),
        ('[footprint]\nundivided = "half"', "bridge.toml:2: "),
        ('[[party]]\nname = "A"\nbpnl = "BPNL00000003AYRF"', "bridge.toml:3: .*check characters do not fit"),
        ('[[plant]]\nname = "A"\nopen_plant_id = "1"', "bridge.toml:3: .*last six of them digits"),
        (f'[[party]]\nname = "A"\nbpnl = "{BPNL}"\n[[party]]\nname = "B"\nbpnl = "{BPNL}"', "stands for two parties"),
        ('[[certificate]]\nid = "7"\nkind = "k"\nstandard = "s"\nscheme = "f"', "the key 'provider' is missing"),
        (
            '[[certificate]]\nid = "7"\nkind = "k"\nstandard = "s"\nscheme = "f"\nprovider = "p"\n'
            'completed_at = "2027"',
            "bridge.toml:7: .*a time with its zone",
        ),
    ],
)
def test_a_wrong_decision_is_refused_with_its_line(text: str, cure: str, tmp_path: Path) -> None:
    path = tmp_path / "bridge.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=cure):
        load_settings(path, BridgeFile)


def write(folder: Path) -> Path:
    path = folder / "ouranos.json"
    path.write_text(json.dumps(of_ouranos(), default=float))
    (folder / "bridge.toml").write_text(WHOLE)
    return path


def test_the_command_carries_a_file(tmp_path: Path) -> None:
    path = write(tmp_path)
    ran = packseal("exchange", "bridge", path, "--to", "catena-x", "--decisions", tmp_path / "bridge.toml")
    first = ran.json["carbonFootprint"]["ProductCarbonFootprints"][0]
    assert (ran.code, first["ReferenceImpactUnitForCalculation"]) == (0, "kwH")
    assert first["PcfCo2eq"] == pytest.approx(39.70001 * 412.5 / 240_000)
    assert "no-source  /carbonFootprint/ProductCarbonFootprints" in ran.err


def test_the_command_writes_new_files_alone(tmp_path: Path) -> None:
    path, out, losses = write(tmp_path), tmp_path / "out.json", tmp_path / "losses.json"
    asked = ("exchange", "bridge", path, "--to", "catena-x", "-o", out)
    assert packseal(*asked, "--losses", losses).code == 0
    assert json.loads(out.read_text())["carbonFootprint"]["ProductCarbonFootprints"][1]["PcfCo2eq"] == 10.75
    assert "decide" in {loss["why"] for loss in json.loads(losses.read_text())}
    again = packseal(*asked)
    assert again.code == 2


def test_the_command_refuses_what_is_no_document(tmp_path: Path) -> None:
    path = tmp_path / "cfp.json"
    path.write_text('{"cfp": [')
    ran = packseal("exchange", "bridge", path, "--to", "ouranos")
    assert (ran.code, "no JSON that can be read" in ran.err) == (2, True)
