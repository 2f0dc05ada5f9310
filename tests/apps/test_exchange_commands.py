"""packseal exchange: a passport leaves for a partner and its line is there; evidence is shown to one recipient."""

from __future__ import annotations

import csv
import hashlib
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from joserfc.jwk import ECKey

from packseal.apps.life_desk import NewPassport
from packseal.cli import main
from packseal.errors import CredentialError
from packseal.exchange import service_word
from packseal.exchange.disclosures import unpadded
from packseal.exchange.sd_jwt import PublicKey
from packseal.exchange.targets import TARGETS
from packseal.io.http_client import ask
from tests.apps.desk_api import MAKER, READERS, ROLES, reader_key
from tests.exchange.lived import Lived, lived_pack
from tests.passport.board import key_of
from tests.passport.desk import SERVICE_KEY

DEPOT = """id = "depot"
audience = "https://depot.example"
tier = "legitimate-interest"
contract = "2027-0815"

[[rule]]
id = "open"
keys = ["group:1"]
form = "whole"

[[rule]]
id = "health"
keys = ["soh_capacity_cpct"]
form = "threshold"
at_least = [70, 80, 90]
"""
NAMES = """manufacturer_part_id = "PS-60"
part_instance_id = "PS60-000123"

[manufacturer]
name = "Cells AG"
bpnl = "BPNL00000003AYRE"
"""
NONCE = "8c" * 16


class Office:
    """Types commands in a folder with the files of the service, of the partner and of readers."""

    def __init__(self, folder: Path, lived: Lived) -> None:
        self.folder, self.lived = folder, lived
        for name in ROLES:
            self._private(f"{name}.key", bytes(key_of(name)))
        for role in READERS:
            self._private(f"{role}.reader", reader_key(role).encode() + b"\n")
        self._private("service.key", bytes(SERVICE_KEY))
        authorities = "".join(
            f'[[authority]]\npublic_key = "{bytes(key_of(name).verify_key).hex()}"\nrole = "{role.name.lower()}"\n'
            for name, role in ROLES.items()
        )
        settings = 'broker = "mqtt://127.0.0.1:9"\nstore = "passport.db"\nkey = "service.key"\n'
        (folder / "passport.toml").write_text(settings + authorities)
        (folder / "depot.toml").write_text(DEPOT)
        (folder / "names.toml").write_text(NAMES)
        (folder / "policy.json").write_text(json.dumps(lived.service.desk.policy().to_json()))

    def _private(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)
        (self.folder / name).chmod(0o600)

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["exchange", *words])

    def done(self, *words: str) -> str:
        result = self.run(*words)
        assert result.exit_code == 0, result.output
        return result.output

    def export(self, target: str, *more: str, passport: str = "") -> Result:
        name = passport or self.lived.passport
        words = ("export", self.path("passport.toml"), name, "--to", target, "--partner", self.path("depot.toml"))
        return self.run(*words, *more)

    def left(self, role: str = "operator") -> Result:
        to = ("--to", self.lived.service.url, "--reader-key", self.path(f"{role}.reader"))
        return self.run("left", self.lived.passport, *to, "--json")

    def lines(self) -> list[dict[str, object]]:
        result = self.left()
        assert result.exit_code == 0, result.output
        found: list[dict[str, object]] = json.loads(result.stdout)
        return found


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with lived_pack(tmp_path) as lived:
        yield Office(tmp_path, lived)


def test_the_forms_are_listed(office: Office) -> None:
    listed = [line.split()[0] for line in office.done("targets").splitlines()]
    assert listed == list(TARGETS)


def test_a_document_leaves_with_its_line_and_its_losses(office: Office) -> None:
    out = office.folder / "evidence.json"
    result = office.export("evidence", "-o", str(out))
    assert (result.exit_code, result.stdout) == (0, f"{out}\n")
    content = out.read_bytes()
    assert "PS-60" in content.decode()
    assert "91.2" not in content.decode(), "of its health a bound is told"
    assert "withheld   -  ohmic_resistance  no rule lets it out" in result.stderr
    assert "withheld   -  remaining_capacity  no rule lets it out" in result.stderr
    (line,) = office.lines()
    assert line["sha256"] == hashlib.sha256(content).hexdigest()
    assert line["size"] == len(content)
    of = (line["partner"], line["audience"], line["contract"], line["target"], line["passport"])
    assert of == ("depot", "https://depot.example", "2027-0815", "evidence", office.lived.passport)
    assert line["rules"] == ["format:evidence", "health", "open"]
    assert {"mass", "soh_capacity_cpct"} <= set(line["keys"])  # type: ignore[call-overload]


def test_a_check_tells_the_losses_and_nothing_leaves(office: Office) -> None:
    result = office.export("product-condition", "--check")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "withheld   -  full_cycles  no rule lets it out" in result.stderr
    assert office.lines() == []


def test_names_are_told_where_a_form_takes_them(office: Office) -> None:
    result = office.export("catena-x-battery-pass", "--check")
    assert result.exit_code == 2
    assert "give them with --names FILE" in result.stderr
    result = office.export("catena-x-battery-pass", "--names", office.path("names.toml"))
    assert result.exit_code == 0, result.output
    assert "BPNL00000003AYRE" in json.dumps(json.loads(result.stdout))


@pytest.mark.parametrize(
    ("target", "passport", "words"),
    [
        ("everything", "", "--to everything: expected one of product-condition"),
        ("evidence", "ab" * 16, "there is no passport 'abab"),
    ],
)
def test_what_is_not_there_is_named(office: Office, target: str, passport: str, words: str) -> None:
    result = office.export(target, passport=passport)
    assert result.exit_code == 2
    assert words in result.stderr
    assert office.lines() == []


def test_no_file_is_written_over(office: Office) -> None:
    result = office.export("evidence", "-o", office.path("depot.toml"))
    assert (result.exit_code, (office.folder / "depot.toml").read_text()) == (2, DEPOT)
    assert office.lines() == []


def test_what_left_is_shown_in_words(office: Office) -> None:
    to = ("left", office.lived.passport, "--to", office.lived.service.url)
    assert office.done(*to, "--reader-key", office.path("operator.reader")) == "nothing left yet\n"
    assert office.export("evidence").exit_code == 0
    said = office.done(*to, "--reader-key", office.path("operator.reader"))
    assert "evidence for depot (https://depot.example), contract 2027-0815: " in said
    assert "  rules format:evidence, health, open; values " in said


@pytest.mark.parametrize("role", [role for role in READERS if role != "operator"])
def test_only_who_is_responsible_sees_what_left(office: Office, role: str) -> None:
    assert office.export("evidence").exit_code == 0
    result = office.left(role)
    assert result.exit_code == 2
    assert "there is no such passport, or it is not shown to you" in result.stderr
    url = f"{office.lived.service.url}/api/v1/passports/{office.lived.passport}/outgoing"
    status, _, content = ask(url, None, 10_000, 5, {"Authorization": f"Bearer {reader_key(role)}"})
    assert status == 404
    assert b"depot" not in content


def test_a_shell_leaves_as_a_package(office: Office) -> None:
    out = office.folder / "pack.aasx"
    result = office.export("aas", "--names", office.path("names.toml"), "-o", str(out))
    assert result.exit_code == 0, result.output
    with zipfile.ZipFile(out) as package:
        shells = json.loads(package.read("aasx/data.json"))["assetAdministrationShells"]
    assert len(shells) == 1
    (line,) = office.lines()
    assert (line["target"], line["sha256"]) == ("aas", hashlib.sha256(out.read_bytes()).hexdigest())


def test_several_passports_go_into_one_table_and_each_has_its_line(office: Office) -> None:
    other = office.lived.service.of(MAKER).create(NewPassport("ev-2", "EV", "Pack 2"))[0].hex()
    out = office.folder / "packs.csv"
    result = office.export("table", other, "-o", str(out))
    assert result.exit_code == 0, result.output
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["passport"] for row in rows} == {office.lived.passport, other}
    assert {row["rule"] for row in rows} == {"open", "health"}
    digest = hashlib.sha256(out.read_bytes()).hexdigest()
    url = f"{office.lived.service.url}/api/v1/passports/{other}/outgoing"
    _, _, content = ask(url, None, 10_000, 5, {"Authorization": f"Bearer {reader_key('operator')}"})
    assert [line["sha256"] for line in json.loads(content)["items"]] == [digest]
    assert [line["sha256"] for line in office.lines()] == [digest]


def test_the_text_of_a_table_says_which_cells_it_changed(office: Office) -> None:
    """A text that starts as a formula; Parquet takes it as it is."""
    office.lived.service.of(MAKER).state(bytes.fromhex(office.lived.passport), {"model_id": "=PS-60"})
    words = "an apostrophe stands before it in text tables"
    assert words in office.export("table", "-o", str(office.folder / "guarded.csv")).stderr
    assert words not in office.export("table", "-o", str(office.folder / "guarded.parquet")).stderr


@pytest.mark.parametrize("more", [("--to", "evidence"), ("--to", "table"), ("--to", "table", "-o", "packs.xlsx")])
def test_several_go_into_nothing_else(office: Office, more: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(office.folder)
    result = office.export("table", office.lived.passport, *more)
    assert result.exit_code == 2
    assert ".csv or .parquet" in result.stderr
    assert office.lines() == []


def test_signed_claims_are_the_word_of_the_service(office: Office) -> None:
    holder = ECKey.generate_key("P-256").as_dict(private=False)
    (office.folder / "holder.jwk").write_text(json.dumps(holder))
    result = office.export("sd-jwt", "--holder", office.path("holder.jwk"), "--days", "7")
    assert result.exit_code == 0, result.output
    token = result.stdout.strip()
    service = PublicKey.from_jwk({"kty": "OKP", "crv": "Ed25519", "x": unpadded(bytes(SERVICE_KEY.verify_key))})
    now_unix_s = time.time_ns() // 10**9
    claims: Any = service_word.verify(token, service, now_unix_s, None)
    assert (claims["word_of"], claims["iss"], claims["sub"]) == (
        "service",
        "http://127.0.0.1:8420",
        office.lived.passport,
    )
    assert claims["values"]["soh_capacity_cpct"]["at_least"] == 90
    assert "content" not in claims["values"]["soh_capacity_cpct"]
    assert claims["cnf"]["jwk"]["kty"] == "EC"
    with pytest.raises(CredentialError):
        service_word.verify(token, service, now_unix_s + 8 * 86_400, None)
    (line,) = office.lines()
    assert line["sha256"] == hashlib.sha256(token.encode()).hexdigest()


def test_a_holder_shows_no_private_key(office: Office) -> None:
    (office.folder / "holder.jwk").write_text(json.dumps(ECKey.generate_key("P-256").as_dict(private=True)))
    result = office.export("sd-jwt", "--holder", office.path("holder.jwk"))
    assert (result.exit_code, "without its private part" in result.stderr) == (2, True)
    assert office.lines() == []


# ---- presentations


def shown(office: Office, *more: str) -> Path:
    """A bound of the health, for the depot."""
    board = office.lived.board
    bundle, bound = office.folder / "soh.bundle", office.folder / "soh.proof.bundle"
    bundle.write_bytes(office.lived.service.desk.bundle(board, board.size - 1))
    prove = ["prove", str(bundle), "--at-least", "soh_capacity_cpct=9000", "--out", str(bound)]
    assert CliRunner().invoke(main, prove).exit_code == 0
    out = office.folder / "for-depot.cose"
    by = ("--key", office.path(f"{MAKER}.key"))
    office.done("present", str(bound), "--audience", "depot", "--nonce", NONCE, *by, "-o", str(out), *more)
    return out


def checked(office: Office, path: Path, audience: str = "depot", nonce: str = NONCE) -> Result:
    policy = ("--policy", office.path("policy.json"))
    return office.run("check", str(path), "--audience", audience, "--nonce", nonce, *policy)


def test_evidence_is_shown_to_one_recipient(office: Office) -> None:
    path = shown(office)
    result = checked(office, path)
    assert result.exit_code == 0, result.output
    assert "state of health at least 90 %" in result.output
    assert "91.2" not in result.output
    assert f"Presented to depot by key {bytes(key_of(MAKER).verify_key).hex()[:16]}" in result.output


def test_nobody_else_can_use_it_and_it_not_twice(office: Office) -> None:
    path = shown(office)
    other = checked(office, path, audience="another depot")
    assert (other.exit_code, "wrong-audience: made for 'depot'" in other.output) == (1, True)
    again = checked(office, path, nonce="00" * 16)
    assert (again.exit_code, "wrong-nonce" in again.output) == (1, True)


def test_who_presents_is_trusted_by_the_policy(office: Office) -> None:
    bundle = office.folder / "soh.bundle"
    shown(office)
    out = office.folder / "by-lab.cose"
    by = ("--key", office.path("lab.key"))
    office.done("present", str(bundle), "--audience", "depot", "--nonce", NONCE, *by, "-o", str(out))
    result = checked(office, out)
    assert (result.exit_code, "unknown-authority" in result.output) == (1, True), "an assessor holds no passport"


def test_a_nonce_is_new_each_time(office: Office) -> None:
    nonces = {office.done("nonce") for _ in range(3)}
    assert {len(bytes.fromhex(nonce)) for nonce in nonces} == {16}
    assert len(nonces) == 3
