"""Usage and access policies of Catena-X as ODRL sets, made from the terms that an operator writes down.

Decides which terms there are, where each may stand, and what it may say: the profile of 2025/9 (CX-0152). A usage
policy without framework agreement and purpose is refused, since nobody in the data space would accept it; so is a term
of another place, since a connector takes for true what it cannot evaluate. What the terms mean is the profile's text.
Its two terms in days are not among these: they are integers there, and a policy of DSP 2025-1 has none; a date says the
same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from packseal.errors import ConfigError
from packseal.exchange.export import UnfitError
from packseal.exchange.identifiers import bpnl
from packseal.exchange.loss import Json

CONTEXT = (
    "https://w3id.org/dspace/2025/1/odrl-profile.jsonld",
    "https://w3id.org/catenax/2025/9/policy/context.jsonld",
)
FRAMEWORK = "DataExchangeGovernance:1.0"
DPP_PURPOSE = "cx.circular.dpp:1"
MAX_TERMS = 100  # of one list

Term: TypeAlias = "str | list[str]"


class Place(StrEnum):
    """What a rule of the policy is about."""

    ACCESS = "access"  # who sees the offer
    PERMISSION = "permission"  # how the data may be used
    PROHIBITION = "prohibition"
    OBLIGATION = "obligation"


@dataclass(frozen=True, slots=True)
class _Kind:
    """operand: its name in the profile. check: of each text."""

    operand: str
    operator: str
    places: tuple[Place, ...]
    check: Callable[[str], bool]
    is_list: bool = False


def _word(*words: str) -> Callable[[str], bool]:
    return lambda said: said in words


def _like(pattern: str) -> Callable[[str], bool]:
    return lambda said: re.fullmatch(pattern, said) is not None


def _is_bpnl(said: str) -> bool:
    try:
        return bool(bpnl(said))
    except UnfitError:
        return False


_MOMENT = _like(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})")
_PURPOSE = _like(r"cx\.[A-Za-z.]{1,60}:[0-9]{1,3}")
_FORBIDDEN = _word(
    "cx.thirdParty.forbidden:1",
    "cx.manipulation.forbidden:1",
    "cx.derivations.forbidden:1",
    "cx.extraordinaryAnalytics.forbidden:1",
    "cx.dataProviderRemoval.forbidden:1",
)
_BOTH = (Place.ACCESS, Place.PERMISSION)
_USE = (Place.PERMISSION,)

TERMS: Mapping[str, _Kind] = {
    "membership": _Kind("Membership", "eq", _BOTH, _word("active")),
    "framework_agreement": _Kind("FrameworkAgreement", "eq", _BOTH, _word(FRAMEWORK)),
    "business_partner_number": _Kind("BusinessPartnerNumber", "isAnyOf", (Place.ACCESS,), _is_bpnl, is_list=True),
    "usage_purpose": _Kind("UsagePurpose", "isAnyOf", _USE, _PURPOSE, is_list=True),
    "contract_reference": _Kind("ContractReference", "isAllOf", _USE, _like(r"[!-~][ -~]{0,199}"), is_list=True),
    "data_frequency": _Kind(
        "DataFrequency", "eq", _USE, _word("cx.dataFrequency.once:1", "cx.dataFrequency.unlimited:1")
    ),
    "exclusive_usage": _Kind("ExclusiveUsage", "eq", _USE, _word("cx.exclusiveUsage.dataConsumer:1")),
    "data_usage_end": _Kind("DataUsageEndDefinition", "eq", _USE, _word("cx.dataUsageEnd.unlimited:1")),
    "data_usage_end_date": _Kind("DataUsageEndDate", "eq", _USE, _MOMENT),
    "affiliates_bpnl": _Kind("AffiliatesBpnl", "isAnyOf", _USE, _is_bpnl, is_list=True),
    "usage_restriction": _Kind("UsageRestriction", "isAllOf", (Place.PROHIBITION,), _FORBIDDEN, is_list=True),
    "data_provisioning_end_date": _Kind("DataProvisioningEndDate", "eq", (Place.OBLIGATION,), _MOMENT),
}
ENDS = ("data_usage_end", "data_usage_end_date")
_NEEDED: Mapping[Place, tuple[str, ...]] = {
    Place.ACCESS: ("membership",),
    Place.PERMISSION: ("framework_agreement", "usage_purpose"),
}


def access_policy(policy_id: str, terms: Mapping[str, Term]) -> Json:
    """Who sees an offer: members, and of these those who are named. Raises ConfigError."""
    return _set(policy_id, {"permission": [_rule("access", _and(_constraints(Place.ACCESS, terms)))]})


def usage_policy(
    policy_id: str,
    permission: Mapping[str, Term],
    prohibition: Mapping[str, Term] | None = None,
    obligation: Mapping[str, Term] | None = None,
) -> Json:
    """What whoever takes the offer may do, must not do, and what its provider owes. Raises ConfigError."""
    rules: Json = {"permission": [_rule("use", _and(_constraints(Place.PERMISSION, permission)))]}
    if sum(name in permission for name in ENDS) > 1:
        raise ConfigError(f"{', '.join(ENDS)}: one of these says when use ends; keep one")
    if prohibition:
        rules["prohibition"] = [_rule("use", _and(_constraints(Place.PROHIBITION, prohibition)))]
    if obligation:
        # CX-0152: an obligation's constraint stands alone, in no `and`
        rules["obligation"] = [_rule("use", _constraints(Place.OBLIGATION, obligation))]
    return _set(policy_id, rules)


def _constraints(place: Place, terms: Mapping[str, Term]) -> list[Json]:
    missing = [name for name in _NEEDED.get(place, ()) if name not in terms]
    if missing:
        raise ConfigError(f"{place}: {', '.join(missing)} is missing; without it nobody in the data space accepts it")
    return [_constraint(place, name, said) for name, said in terms.items()]


def _constraint(place: Place, name: str, said: Term) -> Json:
    kind = TERMS.get(name)
    if kind is None or place not in kind.places:
        allowed = ", ".join(key for key, one in TERMS.items() if place in one.places)
        raise ConfigError(f"{place}: {name} has no place here; expected one of {allowed}")
    if isinstance(said, list) != kind.is_list or (isinstance(said, list) and not 0 < len(said) <= MAX_TERMS):
        raise ConfigError(f"{place}: {name}: expected {f'a list of 1 to {MAX_TERMS}' if kind.is_list else 'one value'}")
    wrong = [one for one in (said if isinstance(said, list) else [said]) if not kind.check(one)]
    if wrong:
        raise ConfigError(f"{place}: {name}: {wrong[0]!r} is none of what the profile allows there")
    right = list(dict.fromkeys(said)) if isinstance(said, list) else said
    return {"leftOperand": kind.operand, "operator": kind.operator, "rightOperand": right}


def _and(constraints: list[Json]) -> list[Json]:
    return [{"and": constraints}]


def _rule(action: str, constraint: list[Json]) -> Json:
    return {"action": action, "constraint": constraint}


def _set(policy_id: str, rules: Json) -> Json:
    return {"@context": list(CONTEXT), "@type": "Set", "@id": policy_id, **rules}
