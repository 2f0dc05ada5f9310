"""Files that people write or are given: settings, rules, drafts, rigs, scripts of faults. The good ones are those that
the documents show."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

from packseal.apps.config_check import kind_of
from packseal.apps.exchange.exporting import read_names, read_partner
from packseal.apps.export import load_policy
from packseal.apps.recognise import (
    accreditation_file,
    certificate_file,
    read_signed_rule,
    rule_bytes,
    rule_file,
    scheme_file,
    trust_list_file,
)
from packseal.errors import ConfigError
from packseal.io.bridge_settings import BridgeFile
from packseal.io.can_line import CanPort
from packseal.io.catenax_settings import load_catenax
from packseal.io.keys import Signer, load_or_make_key
from packseal.io.ouranos_settings import OuranosSettings
from packseal.io.recognition_drafts import PublisherFile, subject_of
from packseal.io.settings import BoardTable, GatewaySettings, PassportFileSettings
from packseal.io.settings_file import load_settings, sound_tables
from packseal.io.store_place import store_place
from packseal.io.witness_settings import MonitorSettings, WitnessSettings
from packseal_hil.faults import load_script
from packseal_hil.rig import load_rig
from tests.attacks.targets.target import Target, folder, of_file, of_settings, text
from tests.passport.board import key_of

ROOT = Path(__file__).resolve().parents[3]
SIGNER = Signer(key_of("a body"))
NOW_UNIX_MS = 1_800_000_000_000  # below `expires` of the documented list, which is read here without its 400 days
FILES: Mapping[str, tuple[Callable[[Path], object], str, tuple[str, ...]]] = {  # reader, page, words of its blocks
    "gateway.toml": (lambda path: load_settings(path, GatewaySettings), "settings", ("[[board]]",)),
    "passport.toml": (lambda path: load_settings(path, PassportFileSettings), "settings", ("[[battery.source]]",)),
    "policy.toml": (load_policy, "settings", ("[[revoked]]",)),
    "witness.toml": (lambda path: load_settings(path, WitnessSettings), "settings", ("witness.key",)),
    "monitor.toml": (lambda path: load_settings(path, MonitorSettings), "settings", ("monitor.json",)),
    "partner.toml": (read_partner, "exchange", ('id = "depot"',)),
    "names.toml": (read_names, "exchange", ("manufacturer_part_id",)),
    "catenax.toml": (load_catenax, "exchange", ("[never_named]",)),
    "bridge.toml": (lambda path: load_settings(path, BridgeFile).decisions, "bridge", ("[footprint]",)),
    "ouranos.toml": (lambda path: load_settings(path, OuranosSettings), "ouranos", ("version = 1", "version = 2")),
    "script.toml": (load_script, "bench_buses", ("[[fault]]",)),
}


def targets() -> Mapping[str, Target]:
    found = {
        name: Target(of_file(name, read), tuple(_documented(page, word) for word in words), rounds=60)
        for name, (read, page, words) in FILES.items()
    }
    found["publisher.toml"] = Target(of_settings(PublisherFile), (text(f'public_key = "{"11" * 32}"\n'),), rounds=60)
    found["rig.toml"] = Target(of_file("rig.toml", load_rig), ((ROOT / "hil/rig.toml").read_bytes(),), rounds=60)
    gateway = _documented("settings", "[[board]]")
    found["kind of a settings file"] = Target(of_file("some.toml", kind_of), (gateway,), rounds=60)
    found["boards of a gateway, each by itself"] = Target(
        of_file("some.toml", lambda path: sound_tables(path, "board", BoardTable)), (gateway,), rounds=60
    )
    found["key file"] = Target(of_file("own.key", _loaded_key), (bytes(range(32)),))
    return {**found, **_drafts(), **_words()}


def _loaded_key(path: Path) -> object:
    path.chmod(0o600)
    return load_or_make_key(path)


def _documented(page: str, word: str) -> bytes:
    """The example with this word, whose placeholders are made whole, each to another key."""
    blocks = (ROOT / f"docs/{page}.md").read_text().split("```toml\n")[1:]
    block = next(block for block in (block.partition("```")[0] for block in blocks) if word in block)
    block = block.replace("3f…", "3f" * 16).replace("224cb6f3…", "22" * 16)
    if "monitor.json" in block:
        block = re.sub(r"^folder = .*$", "", block, flags=re.MULTILINE)  # one of the two that it shows
    digits = itertools.count(16)
    keys: dict[str, str] = defaultdict(lambda: f"{next(digits):02x}" * 32)
    return text(re.sub(r'"([0-9a-f]{0,4}…)"', lambda found: f'"{keys[found[1]]}"', block))


def _drafts() -> dict[str, Target]:
    """As far as their signature."""
    makers: Mapping[str, tuple[Callable[[Path], object], str]] = {
        "certificate": (lambda draft: certificate_file(draft, (), SIGNER), "# pack-1.toml"),
        "accreditation": (lambda draft: accreditation_file(draft, SIGNER), "# body.toml"),
        "scheme": (scheme_file, "# scheme.toml"),
        "rule": (lambda draft: rule_file(draft, SIGNER), "# cfp.toml"),
    }
    goods = {name: _documented("recognition", word) for name, (_, word) in makers.items()}
    found = {
        f"{name} as it is signed": Target(of_file("draft.toml", make), (goods[name],), rounds=60)
        for name, (make, _) in makers.items()
    }
    found["trust list as it is signed"] = Target(_listed, (_documented("recognition", "# list.toml"),), rounds=60)
    found["file of a signed rule"] = Target(of_file("x.rule", read_signed_rule), (_rule(goods["rule"]),), rounds=60)
    return found


def _listed(content: bytes) -> object:
    scheme = of_file("scheme.toml", scheme_file)(_documented("recognition", "# scheme.toml"))
    assert isinstance(scheme, bytes)
    (folder() / "ouranos.scheme").write_bytes(scheme)
    return of_file("list.toml", lambda draft: trust_list_file(draft, SIGNER, NOW_UNIX_MS))(content)


def _rule(draft: bytes) -> bytes:
    path = folder() / "rule.toml"
    path.write_bytes(draft)
    return rule_bytes(rule_file(path, SIGNER))


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
        "subject of a certificate": Target(
            lambda content: subject_of(decoded(content)), (text(f"pack {'3f' * 16}"),), (ValueError, ConfigError)
        ),
    }
