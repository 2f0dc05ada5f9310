"""Policies of Catena-X: what the profile's schemas take, and what is refused before a connector sees it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft201909Validator, Registry

from packseal.errors import ConfigError
from packseal.exchange.catenax.odrl import DPP_PURPOSE, FRAMEWORK, TERMS, Place, Term, access_policy, usage_policy
from packseal.exchange.loss import Json

BPNL = "BPNL00000003CRHK"
NEEDED: dict[str, Term] = {"framework_agreement": FRAMEWORK, "usage_purpose": [DPP_PURPOSE]}
ANY: Mapping[str, Term] = {
    "membership": "active",
    "framework_agreement": FRAMEWORK,
    "business_partner_number": [BPNL],
    "usage_purpose": [DPP_PURPOSE, "cx.core.industrycore:1"],
    "contract_reference": ["contract 7"],
    "data_frequency": "cx.dataFrequency.once:1",
    "exclusive_usage": "cx.exclusiveUsage.dataConsumer:1",
    "data_usage_end": "cx.dataUsageEnd.unlimited:1",
    "data_usage_end_date": "2028-01-01T00:00:00Z",
    "affiliates_bpnl": [BPNL],
    "usage_restriction": ["cx.thirdParty.forbidden:1"],
    "data_provisioning_end_date": "2028-01-01T00:00:00+09:00",
}


class Profile:
    """The profile's schemas. As published the rules of a policy stand beside `properties` and not in it, so that a
    validator looks at none of them: here they stand where they are looked at. Of `constraint` the published minimum of
    two is left out, since the profile's own text and examples join all in one `and`."""

    def __init__(self, shared: Path) -> None:
        folder = shared / "dataspace/cx-odrl-profile/schema"
        files = [folder / "atomic-constraint-schemas.json", *folder.glob("constraint/*.json")]
        contract = "dataspace/dsp-2025-1/artifacts/src/main/resources/negotiation/contract-schema.json"
        found = [json.loads(path.read_text()) for path in (*files, shared / contract)]
        self._registry = Registry([(one["$id"], one) for one in found])
        self._whole = json.loads((folder / "policy-schema.json").read_text())

    def published_faults(self, policy: Json) -> list[str]:
        return self._faults(self._whole, policy)

    def faults(self, kind: str, policy: Json) -> list[str]:
        lifted = json.loads(json.dumps(self._whole))
        rules = lifted["definitions"][kind]
        with_rules = {name: one for name, one in rules.items() if name not in ("anyOf", "allOf")}
        lifted["definitions"][kind] = {"type": "object", "properties": _without_minimum(with_rules)}
        lifted["allOf"] = [{"$ref": f"#/definitions/{kind}"}]
        return self._faults(lifted, policy)

    def _faults(self, schema: Any, policy: Json) -> list[str]:
        found = Draft201909Validator(schema, registry=self._registry).iter_errors(policy)
        return [f"{'/'.join(map(str, one.instance_path))}: {one.message}" for one in found]


def _without_minimum(rules: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(rules).replace('"minItems": 2', '"minItems": 1')
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.fixture(scope="module")
def profile(shared: Path) -> Profile:
    return Profile(shared)


def of_place(place: Place) -> list[str]:
    return [name for name, kind in TERMS.items() if place in kind.places]


def test_every_term_has_an_example_here() -> None:
    assert set(ANY) == set(TERMS)


@pytest.mark.parametrize("name", of_place(Place.ACCESS))
def test_every_access_term_is_one_of_the_profile(profile: Profile, name: str) -> None:
    policy = access_policy("a", {"membership": "active", name: ANY[name]})
    assert profile.published_faults(policy) == []
    assert profile.faults("AccessPolicy", policy) == []


@pytest.mark.parametrize("name", of_place(Place.PERMISSION))
def test_every_term_of_use_is_one_of_the_profile(profile: Profile, name: str) -> None:
    policy = usage_policy("u", {**NEEDED, name: ANY[name]})
    assert profile.published_faults(policy) == []
    assert profile.faults("UsagePolicy", policy) == []


@pytest.mark.parametrize("name", of_place(Place.PROHIBITION))
def test_every_prohibition_is_one_of_the_profile(profile: Profile, name: str) -> None:
    assert profile.faults("UsagePolicy", usage_policy("u", NEEDED, {name: ANY[name]})) == []


@pytest.mark.parametrize("name", of_place(Place.OBLIGATION))
def test_every_obligation_is_one_of_the_profile(profile: Profile, name: str) -> None:
    assert profile.faults("UsagePolicy", usage_policy("u", NEEDED, None, {name: ANY[name]})) == []


@pytest.mark.parametrize("value", ["cx.nobody.knows:1", "cx.circular.dpp"])
def test_the_schemas_as_read_here_find_what_is_wrong(profile: Profile, value: str) -> None:
    policy = usage_policy("u", NEEDED)
    wrong = json.loads(json.dumps(policy).replace('"eq"', '"neq"').replace(FRAMEWORK, value))
    assert profile.faults("UsagePolicy", wrong)
    assert profile.published_faults(wrong) == []  # as published they look at nothing


def test_the_policy_of_the_battery_passport() -> None:
    [rule] = list(usage_policy("dpp", NEEDED)["permission"])  # type: ignore[call-overload]
    assert rule == {
        "action": "use",
        "constraint": [
            {
                "and": [
                    {"leftOperand": "FrameworkAgreement", "operator": "eq", "rightOperand": FRAMEWORK},
                    {"leftOperand": "UsagePurpose", "operator": "isAnyOf", "rightOperand": [DPP_PURPOSE]},
                ]
            }
        ],
    }


@pytest.mark.parametrize("missing", sorted(NEEDED))
def test_what_every_usage_policy_needs(missing: str) -> None:
    with pytest.raises(ConfigError, match=missing):
        usage_policy("u", {name: one for name, one in NEEDED.items() if name != missing})


def test_an_offer_to_everybody_is_no_access_policy() -> None:
    with pytest.raises(ConfigError, match="membership"):
        access_policy("a", {"business_partner_number": [BPNL]})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("membership", "inactive"),
        ("membership", ["active"]),
        ("business_partner_number", BPNL),
        ("business_partner_number", []),
        ("business_partner_number", ["BPNL00000003CRHJ"]),  # its check characters do not fit
        ("business_partner_number", ["BPNS00000003CRHK"]),
        ("business_partner_number", [BPNL] * 101),
        ("usage_purpose", [DPP_PURPOSE]),  # says how data are used, not who sees the offer
        ("nobody_knows", "x"),
    ],
)
def test_an_access_term_that_the_profile_does_not_have(name: str, value: Term) -> None:
    with pytest.raises(ConfigError, match=f"access: {name}"):
        access_policy("a", {"membership": "active", name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("data_usage_end_date", "2028-01-01"),
        ("usage_purpose", ["cx.circular.dpp"]),
        ("usage_restriction", ["cx.thirdParty.forbidden:1"]),
        ("business_partner_number", [BPNL]),
        ("framework_agreement", "DataExchangeGovernance:2.0"),
    ],
)
def test_a_term_of_use_that_the_profile_does_not_have(name: str, value: Term) -> None:
    with pytest.raises(ConfigError, match=f"permission: {name}"):
        usage_policy("u", {**NEEDED, name: value})


def test_use_ends_once() -> None:
    with pytest.raises(ConfigError, match="keep one"):
        usage_policy(
            "u",
            {**NEEDED, "data_usage_end": "cx.dataUsageEnd.unlimited:1", "data_usage_end_date": "2028-01-01T00:00:00Z"},
        )
