"""[access], [[reader]], [[oidc]] and [tls]: each mistake is named with its line."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from packseal.errors import ConfigError
from packseal.io.access_settings import AccessTable, ReaderTable, reader_toml
from packseal.io.settings import PassportFileSettings
from packseal.io.settings_file import load_settings
from packseal.passport.access import ReaderRole

KEY, OTHER_KEY = "11" * 32, "22" * 32
SETTINGS = f"""\
broker = "mqtt://localhost"
store = "passport.db"
key = "service.key"

[access]
requests_per_minute = 60
proxies = ["10.0.0.0/24", "192.0.2.1"]

[[oidc]]
issuer = "https://login.example/"
audience = "https://passport.example"

[tls]
certificate = "server.pem"
key = "server.key"
client_ca = "machines.pem"

[[reader]]
name = "Depot"
role = "owner"
batteries = ["pack-1", "pack-1"]
key_sha256 = "{KEY}"

[[reader]]
name = "Surveillance"
role = "authority"
issuer = "https://login.example/"
subject = "ms"

[[reader]]
name = "Workshops"
role = "legitimate-interest"
issuer = "https://login.example/"
claim = "groups"
value = "fitters"

[[reader]]
name = "Line"
role = "operator"
certificate_cn = "line.example"
"""


def load(folder: Path, text: str = SETTINGS) -> PassportFileSettings:
    path = folder / "passport.toml"
    path.write_text(text)
    return load_settings(path, PassportFileSettings)


def test_good_settings(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.access == AccessTable(requests_per_minute=60, proxies=("10.0.0.0/24", "192.0.2.1/32"))
    assert settings.oidc[0].issuer == "https://login.example/", "kept to the letter"
    assert settings.tls
    assert (settings.tls.key, settings.tls.client_ca) == (tmp_path / "server.key", tmp_path / "machines.pem")
    assert settings.reader[0].batteries == ("pack-1",)
    assert [one.role for one in settings.reader][:2] == [ReaderRole.OWNER, ReaderRole.AUTHORITY]


def test_without_them_everybody_is_the_public(tmp_path: Path) -> None:
    settings = load(tmp_path, SETTINGS.partition("[access]")[0])
    assert (settings.access.anonymous, settings.reader, settings.oidc, settings.tls) == ("public", (), (), None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("requests_per_minute", "request_per_minute", ":6: unknown key 'request_per_minute'; did you mean"),
        ("= 60", "= -1", ":6: requests_per_minute: Input should be greater than or equal to 0"),
        ('"192.0.2.1"', '"proxy.example"', ":7: proxies: expected a list of addresses or networks"),
        ("[access]", "[[access]]", ":5: access: expected one table that begins with [access]"),
        ("[access]", '[access]\nanonymous = "operator"', ":6: anonymous: Input should be 'public' or 'owner'"),
        ("[[oidc]]", "[oidc]", ": oidc: expected tables that begin with [[oidc]]"),
        ('issuer = "https://login.example/"\naud', 'issuer = "http://login.example/"\naud', ":10: issuer: http://login"),
        ('issuer = "https://login.example/"\naud', 'issuer = "https://u@login.example/"\naud', ":10: issuer: https://…@"),
        ('key = "server.key"\n', "", ":13: the key 'key' is missing"),
        ("certificate =", "certificat =", ":14: unknown key 'certificat'; did you mean 'certificate'?"),
        ('client_ca = "machines.pem"\n', "", "the reader 'Line' has a certificate; that needs [tls] with client_ca"),
        ('batteries = ["pack-1", "pack-1"]\n', "", ":18: an owner sees more of its own batteries; name them"),
        ('["pack-1", "pack-1"]', '"pack-1"', ":21: batteries: expected a list of battery ids"),
        ('["pack-1", "pack-1"]', "[]", ":21: batteries: expected a list of battery ids"),
        ('["pack-1", "pack-1"]', '["pack/1"]', ":21: batteries: expected a list of battery ids"),
        (KEY, "zz", ":22: key_sha256: expected 64 hexadecimal digits"),
        (f'key_sha256 = "{KEY}"\n', "", ":18: a reader has one credential, one of key_sha256, issuer, "),
        ('"authority"', '"police"', ":26: role: Input should be 'public', 'legitimate-interest', "),
        ('subject = "ms"\n', "", ":24: issuer goes with either subject, or claim and value"),
        ('subject = "ms"', 'claim = "a"', ":24: issuer goes with either subject, or claim and value"),
        ('value = "fitters"', 'value = "fitters"\nsubject = "a"', ":30: issuer goes with either subject, or claim"),
        ('certificate_cn = "line.example"', 'subject = "a"', ":37: a reader has one credential"),
        ('"Line"', '"Depot"', "a reader's name or its credential stands twice"),
        ('"Line"', '"Li\\u0007ne"', ":38: name: String should match pattern"),
        ('certificate_cn = "line.example"', f'key_sha256 = "{KEY}"', "a reader's name or its credential stands twice"),
        ('"https://login.example/"\nsub', '"https://login.example"\nsub', "the reader 'Surveillance' has an issuer"),
    ],
)  # fmt: skip
def test_each_mistake_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert SETTINGS.count(old)
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, SETTINGS.replace(old, new, 1))
    assert message in str(refusal.value)
    assert str(refusal.value).startswith(str(tmp_path / "passport.toml"))


def test_two_tables_of_one_issuer(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"two \[\[oidc\]\] tables have the same issuer"):
        load(tmp_path, SETTINGS + '[[oidc]]\nissuer = "https://login.example/"\naudience = "b"\n')


@pytest.mark.parametrize("name", ["Depot", 'D\'Pöt "1" \\ 2', "倉庫"])
def test_the_table_of_a_new_key_can_be_put_into_the_file(name: str) -> None:
    text = reader_toml(name, "owner", ["pack-1"], bytes.fromhex(OTHER_KEY))
    (table,) = tomllib.loads(text)["reader"]
    reader = ReaderTable.model_validate(table)
    assert (reader.name, reader.batteries, reader.key_sha256) == (name, ("pack-1",), bytes.fromhex(OTHER_KEY))


@pytest.mark.parametrize(
    ("name", "role", "words"),
    [("", "authority", "name: "), ("A", "police", "role: "), ("A", "owner", "reader: an owner")],
)
def test_no_table_is_made_that_would_be_refused(name: str, role: str, words: str) -> None:
    with pytest.raises(ConfigError, match=f"^{words}"):
        reader_toml(name, role, [], bytes(32))
