"""Files that people write or are given: settings, rules, drafts, rigs, scripts of faults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from packseal.errors import ConfigError
from packseal.io.bridge_settings import BridgeFile
from packseal.io.can_line import CanPort
from packseal.io.catenax_settings import CatenaXSettings
from packseal.io.names_settings import NamesFile
from packseal.io.ouranos_settings import OuranosSettings
from packseal.io.partner_settings import PartnerFile
from packseal.io.recognition_drafts import (
    AccreditationDraft,
    CertificateDraft,
    PublisherFile,
    RuleDraft,
    SchemeDraft,
    TrustListDraft,
    subject_of,
)
from packseal.io.setting_types import Table
from packseal.io.settings import GatewaySettings, PassportFileSettings, PolicyFileSettings
from packseal.io.store_place import store_place
from packseal.io.witness_settings import MonitorSettings, WitnessSettings
from packseal_hil.faults.script import FaultScript
from packseal_hil.rig import Rig
from tests.apps.test_recognise import CERTIFICATE, EAST, PACK, RULE, VALID
from tests.attacks.targets.target import Target, of_settings, text
from tests.exchange.test_bridge_command import WHOLE as BRIDGE
from tests.exchange.test_catenax_settings import TOML as CATENA_X
from tests.exchange.test_names_settings import WHOLE as NAMES
from tests.exchange.test_partner_settings import HEAD, RULES
from tests.log.test_monitor import MONITOR

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/settings.md").read_text()
KEY = "11" * 32
POLICY = f"""
witnesses_needed = 1
[[service]]
origin = "passports.example.org/log"
public_key = "{KEY}"
[[log]]
log_id = "{"22" * 16}"
battery = "pack-1"
evidence_class = "B"
[[key]]
public_key = "{"33" * 32}"
role = "integrator"
[[witness]]
name = "w1"
public_key = "{"44" * 32}"
[[revoked]]
public_key = "{"55" * 32}"
index = 7
service = "{KEY}"
"""
WITNESS = f"""
listen = "127.0.0.1:8421"
store = "witness.db"
key = "witness.key"
name = "witness.example.org"
[[log]]
origin = "passports.example.org/log"
public_key = "{KEY}"
"""
OURANOS = """
[ouranos]
version = 1
auth_url = "https://auth.example"
data_url = "https://data.example"
account = "us"
password_file = "password"
api_key_file = "api.key"
"""
ACCREDITATION = f"""
id = "A-2027-1"
holder = "{KEY}"
side = "ouranos"
may = ["certify"]
schemes = ["example.ouranos-cfp@1.0"]
most_level = "Accredited"
{VALID}"""
TRUST_LIST = f"""
id = "example.recognition"
sequence = 1
expires = 2099-01-01T00:00:00Z
rules = ["cfp-ouranos-catena-x@1.0"]
[[anchor]]
side = "ouranos"
public_key = "{KEY}"
name = "Anchor"
{VALID}
[[party]]
side = "ouranos"
id = "east-owner"
public_key = "{KEY}"
name = "Owner"
[[scheme]]
file = "east.scheme"
[[revoked]]
kind = "key"
public_key = "{"22" * 32}"
"""
SCRIPT = '[[fault]]\nat_s = 600\nkind = "open-wire"\nwhere = "3"\nfor_s = 120\n'


def targets() -> Mapping[str, Target]:
    found = {name: Target(of_settings(model), goods, rounds=60) for name, (model, goods) in _files().items()}
    return {**found, **_words()}


def _files() -> Mapping[str, tuple[type[Table], tuple[bytes, ...]]]:
    rig = (ROOT / "hil/rig.toml").read_text()
    certified = RULE.replace("VERSION", "1.0").replace("VERIFIED_BY", '"e.third-party@1.0"')
    return {
        "gateway.toml": (GatewaySettings, (_documented("gateway.toml"),)),
        "passport.toml": (PassportFileSettings, (_documented("passport.toml"),)),
        "policy.toml": (PolicyFileSettings, (text(POLICY),)),
        "witness.toml": (WitnessSettings, (text(WITNESS),)),
        "monitor.toml": (MonitorSettings, (text(MONITOR),)),
        "partner.toml": (PartnerFile, (text(HEAD + RULES),)),
        "names.toml": (NamesFile, (text(NAMES),)),
        "bridge.toml": (BridgeFile, (text(BRIDGE),)),
        "catenax.toml": (CatenaXSettings, (text(CATENA_X),)),
        "ouranos.toml": (OuranosSettings, (text(OURANOS),)),
        "draft of a certificate": (CertificateDraft, (text(CERTIFICATE),)),
        "draft of an accreditation": (AccreditationDraft, (text(ACCREDITATION),)),
        "draft of a scheme": (SchemeDraft, (text(EAST),)),
        "draft of a rule": (RuleDraft, (text(certified),)),
        "draft of a trust list": (TrustListDraft, (text(TRUST_LIST),)),
        "publisher.toml": (PublisherFile, (text(f'public_key = "{KEY}"\n'),)),
        "rig.toml": (Rig, (text(rig),)),
        "script of faults": (FaultScript, (text(SCRIPT),)),
    }


def _documented(name: str) -> bytes:
    """The example of docs/settings.md, whose placeholders are made whole."""
    block = PAGE.partition(f"## {name}")[2].partition("```toml\n")[2].partition("```")[0]
    keys = iter(range(16, 256))
    return text(re.sub(r'"[0-9a-f]{4}…"', lambda _: f'"{f"{next(keys):02x}" * 32}"', block))


def _words() -> dict[str, Target]:
    def decoded(content: bytes) -> str:
        return content.decode(errors="replace")

    return {
        "place of a store": Target(
            lambda content: store_place(decoded(content)),
            (b"passport.db", b"postgresql://host/passports"),
            refusals=(ValueError, ConfigError),  # it checks one value of a settings file, which names the rest
        ),
        "port of a board": Target(
            lambda content: CanPort.parse(decoded(content)), (b"slcan:/dev/ttyACM0@500000#E0", b"/dev/ttyUSB0")
        ),
        "subject of a certificate": Target(lambda content: subject_of(decoded(content)), (text(PACK),), (ValueError,)),
    }
