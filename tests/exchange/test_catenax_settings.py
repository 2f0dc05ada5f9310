"""catenax.toml: read whole before anything is sent, each mistake named with its line and cure, no secret in a text."""

from __future__ import annotations

from pathlib import Path

import pytest

from packseal.errors import ConfigError
from packseal.exchange.catenax.egress import Secrets
from packseal.exchange.catenax.odrl import access_policy, usage_policy
from packseal.io.catenax_settings import CatenaXSettings, connector_http, load_catenax, registry_http

SECRET = "a-secret-of-sufficient-length"  # noqa: S105 - of these tests alone
TOML = """\
bpnl = "BPNL00000003AYRE"
service_url = "https://passports.example"

[registry]
url = "https://registry.example/api/v3"
token_url = "https://idp.example/realms/cx/token"
client_id = "packseal"
secret_file = "registry.secret"
scope = "aud:dtr"

[connector]
url = "https://connector.example/management"
key_file = "connector.key"
dsp_url = "https://connector.example/api/v1/dsp/2025-1"
data_plane_url = "https://plane.example/api/public"
vault_alias = "passport-service"

[never_named]
names = ["Kathoden GmbH", "東亜電池"]
numbers = ["BPNL00000003B2OM"]

[[policy]]
id = "partners"
use = "access"
terms = { membership = "active", business_partner_number = ["BPNL00000003CRHK"] }

[[policy]]
id = "dpp"
use = "usage"
terms = { framework_agreement = "DataExchangeGovernance:1.0", usage_purpose = ["cx.circular.dpp:1"] }
prohibition = { usage_restriction = ["cx.thirdParty.forbidden:1"] }
obligation = { data_provisioning_end_date = "2028-01-01T00:00:00Z" }
"""


def loaded(folder: Path, text: str = TOML) -> CatenaXSettings:
    path = folder / "catenax.toml"
    path.write_text(text)
    for name in ("registry.secret", "connector.key"):
        (folder / name).write_text(SECRET + "\n")
        (folder / name).chmod(0o600)
    return load_catenax(path)


def test_the_policies_of_the_file_are_those_that_are_sent(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    access = access_policy("partners", {"membership": "active", "business_partner_number": ["BPNL00000003CRHK"]})
    usage = usage_policy(
        "dpp",
        {"framework_agreement": "DataExchangeGovernance:1.0", "usage_purpose": ["cx.circular.dpp:1"]},
        {"usage_restriction": ["cx.thirdParty.forbidden:1"]},
        {"data_provisioning_end_date": "2028-01-01T00:00:00Z"},
    )
    assert settings.policy_of("partners", "access") == access
    assert settings.policy_of("dpp", "usage") == usage
    assert settings.secrets == Secrets(("Kathoden GmbH", "東亜電池"), ("BPNL00000003B2OM",))


def test_the_clients_are_of_the_file(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    assert registry_http(settings.registry).base_url == "https://registry.example/api/v3"
    assert connector_http(settings.connector).base_url == "https://connector.example/management"


@pytest.mark.parametrize(("policy", "use"), [("dpp", "access"), ("nobody-knows", "usage")])
def test_a_policy_that_is_not_there_names_those_that_are(tmp_path: Path, policy: str, use: str) -> None:
    with pytest.raises(ConfigError, match=f"no {use} policy '{policy}'; the file has"):
        loaded(tmp_path).policy_of(policy, use)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"BPNL00000003AYRE"', '"BPNL00000003AYRA"', "check characters"),
        ('client_id = "packseal"\n', "", "go together"),
        ("cx.circular.dpp:1", "cx.circular.dpp", "none of what the profile allows"),
        ('membership = "active", ', "", "membership is missing"),
        ('framework_agreement = "DataExchangeGovernance:1.0", ', "", "framework_agreement is missing"),
        ('id = "dpp"', 'id = "partners"', "the same id"),
        ('use = "usage"\n', 'use = "access"\n', "belong to a usage one"),
        ("https://plane.example", "ftp://plane.example", "expected http"),
        ('vault_alias = "passport-service"\n', "", "vault_alias"),
        ("scope =", "scopes =", "scopes"),
        ('usage_restriction = ["cx.thirdParty.forbidden:1"]', 'usage_restriction = "all"', "expected a list"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in TOML
    with pytest.raises(ConfigError, match=words) as caught:
        loaded(tmp_path, TOML.replace(old, new))
    assert str(caught.value).startswith(f"{tmp_path}/catenax.toml:")


def test_an_offer_needs_both_policies(tmp_path: Path) -> None:
    first = TOML.index("[[policy]]")
    again = TOML[first:].replace('id = "dpp"\nuse = "usage"', 'id = "more"\nuse = "access"')
    text = TOML[:first] + again.partition("prohibition")[0].replace("framework_agreement", "membership").replace(
        '"DataExchangeGovernance:1.0", usage_purpose = ["cx.circular.dpp:1"]', '"active"'
    )
    with pytest.raises(ConfigError, match='one with use = "usage"'):
        loaded(tmp_path, text)


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [(SECRET, 0o644, "everybody can read"), ("short", 0o600, "16 bytes or more"), ("ä" * 20, 0o600, "ASCII")],
)
def test_a_secret_that_is_none(tmp_path: Path, content: str, mode: int, words: str) -> None:
    settings = loaded(tmp_path)
    (tmp_path / "connector.key").write_text(content)
    (tmp_path / "connector.key").chmod(mode)
    with pytest.raises(ConfigError, match=words) as caught:
        connector_http(settings.connector)
    assert content not in str(caught.value)


def test_no_secret_is_in_what_the_settings_show(tmp_path: Path) -> None:
    assert SECRET not in repr(loaded(tmp_path))
