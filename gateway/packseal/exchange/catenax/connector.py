"""What a connector's management interface takes: assets, policies, contract definitions, and asking for a token.

CX-0160 1.1.0 section 4.1 (properties of the asset), CX-0018, the management API v3 of Tractus-X. `differences` tells
whether what a connector has is what was sent: it answers in another JSON-LD form than it was asked in, with names
shortened or spelt out and single items without their list. No credential is in anything made here: the connector
has the one of the passport service in its vault, under an alias.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from packseal.exchange.catenax.odrl import CONTEXT
from packseal.exchange.loss import Json

EDC = "https://w3id.org/edc/v0.0.1/ns/"
PREFIXES: Mapping[str, str] = {
    "@vocab": EDC,
    "dct": "http://purl.org/dc/terms/",
    "cx-taxo": "https://w3id.org/catenax/taxonomy#",
    "cx-common": "https://w3id.org/catenax/ontology/common#",
    "aas-semantics": "https://admin-shell.io/aas/3/0/HasSemantics/",
}
PROTOCOL = "dataspace-protocol-http:2025-1"
ASPECT_TYPE = "cx-taxo:BatteryPass"
EVENT_TYPE = "cx-taxo:DigitalTwinEventAPI"  # CX-0151 section 4.1.4
ASSET_VERSION = "1.0"
MAX_DEPTH = 30
RULES = ("permission", "prohibition", "obligation")
NAMESPACES = (
    *PREFIXES.values(),
    "http://www.w3.org/ns/odrl/2/",
    "https://w3id.org/catenax/2025/9/policy/",
    "https://w3id.org/catenax/policy/",
    *(f"{name}:" for name in (*PREFIXES, "edc", "odrl", "cx-policy")),
)  # of answers: spelt out or shortened


def asset(asset_id: str, semantic_id: str, backend_url: str, secret_alias: str) -> Json:
    """One aspect of one battery. backend_url: of the aspect at the passport service, to which the data plane appends
    what a consumer asks for, /submodel/$value. secret_alias: of the vault's entry that holds the whole Authorization
    header of a reader."""
    return {
        "@context": dict(PREFIXES),
        "@type": "Asset",
        "@id": asset_id,
        "properties": {
            "dct:type": {"@id": ASPECT_TYPE},
            "cx-common:version": ASSET_VERSION,
            "aas-semantics:semanticId": {"@id": semantic_id},
        },
        "dataAddress": {
            "@type": "DataAddress",
            "type": "HttpData",
            "baseUrl": backend_url,
            "authKey": "Authorization",
            "secretName": secret_alias,
            "proxyPath": "true",
            "proxyQueryParams": "true",
            "proxyBody": "false",
            "proxyMethod": "false",
        },
    }


def policy_definition(policy: Json) -> Json:
    """policy: of odrl.py; its id is the definition's."""
    kept = {name: value for name, value in policy.items() if name not in ("@context", "@id")}
    context = [*CONTEXT, {"@vocab": EDC}]
    return {"@context": context, "@type": "PolicyDefinition", "@id": policy["@id"], "policy": kept}


def contract_definition(definition_id: str, access_id: str, usage_id: str, asset_ids: Sequence[str]) -> Json:
    """Offers these assets, and no other, to whom the access policy lets see them. Raises ValueError without assets:
    a selector that selects by nothing offers all that the connector has."""
    if not asset_ids:
        raise ValueError("no assets: such a contract definition would offer everything")
    one = {"operator": "=", "operandRight": asset_ids[0]}
    several = {"operator": "in", "operandRight": list(asset_ids)}
    return {
        "@context": {"@vocab": EDC},
        "@type": "ContractDefinition",
        "@id": definition_id,
        "accessPolicyId": access_id,
        "contractPolicyId": usage_id,
        "assetsSelector": [
            {"@type": "Criterion", "operandLeft": f"{EDC}id", **(one if len(asset_ids) == 1 else several)}
        ],
    }


def catalog_request(partner_id: str, dsp_url: str, asset_type: str, limit: int = 50) -> Json:
    """What a partner offers of one kind. partner_id: its DID with DSP 2025-1, its BPNL with 0.8."""
    criterion = {"operandLeft": "'http://purl.org/dc/terms/type'.'@id'", "operator": "=", "operandRight": asset_type}
    return {
        "@context": {"@vocab": EDC},
        "@type": "CatalogRequest",
        "counterPartyId": partner_id,
        "counterPartyAddress": dsp_url,
        "protocol": PROTOCOL,
        "querySpec": {"@type": "QuerySpec", "offset": 0, "limit": limit, "filterExpression": [criterion]},
    }


def contract_request(partner_id: str, dsp_url: str, asset_id: str, offer: Json) -> Json:
    """Takes the offer as it stands: what is asked for has to be what was offered, to the letter."""
    policy = {**offer, "@type": "Offer", "assigner": partner_id, "target": asset_id}
    return {
        "@context": [*CONTEXT, {"@vocab": EDC}],
        "@type": "ContractRequest",
        "counterPartyAddress": dsp_url,
        "protocol": PROTOCOL,
        "policy": policy,
        "callbackAddresses": [],
    }


def token_query(asset_id: str, partner_id: str) -> Json:
    """Which tokens (EDR) the own connector holds for a partner's asset."""
    wanted = (("assetId", asset_id), ("providerId", partner_id))
    criteria = [{"operandLeft": left, "operator": "=", "operandRight": right} for left, right in wanted]
    return {"@context": {"@vocab": EDC}, "@type": "QuerySpec", "filterExpression": criteria}


def differences(sent: object, found: object) -> list[str]:
    """Paths of what was sent and is not there; what is there besides is the connector's own."""
    return sorted(_differences("", _plain(sent, MAX_DEPTH), _plain(found, MAX_DEPTH)))


def same_terms(offer: Json, policy: Json) -> bool:
    """Whether a partner's offer asks for exactly what an own policy says: not more, and not less."""
    theirs, ours = ({_local(name): one for name, one in of.items()} for of in (offer, policy))
    pairs = [(_plain(theirs.get(name), MAX_DEPTH), _plain(ours.get(name), MAX_DEPTH)) for name in RULES]
    return all(their == our for their, our in pairs)


def _differences(path: str, sent: object, found: object) -> Iterable[str]:
    if isinstance(sent, dict):
        there = found if isinstance(found, dict) else {}
        for name, value in sent.items():
            yield from _differences(f"{path}/{name}", value, there.get(name))
    elif sent != found:
        yield path or "/"


def _plain(value: object, depth: int) -> object:
    """The same for every JSON-LD form of one thing: local names, one item for a list of one, nothing for an empty one.
    A list's order says nothing there."""
    if depth == 0:
        return None
    if isinstance(value, Mapping):
        return _plain_map(value, depth)
    if isinstance(value, list):
        items = [one for one in (_plain(item, depth - 1) for item in value) if one not in (None, {}, [])]
        return items[0] if len(items) == 1 else sorted(items, key=_order) or None
    return _local(value) if isinstance(value, str) else value


def _order(item: object) -> str:
    return json.dumps(item, sort_keys=True)


def _plain_map(value: Mapping[str, object], depth: int) -> object:
    for alone in ("@id", "@value"):
        if set(value) <= {alone, "@type"} and alone in value:
            return _plain(value[alone], depth - 1)
    kept = {name: one for name, one in value.items() if name not in ("@context", "@type")}
    plain = {_local(name): _plain(one, depth - 1) for name, one in kept.items()}
    return {name: one for name, one in plain.items() if one not in (None, {}, [])} or None


def _local(name: str) -> str:
    return next((name.removeprefix(one) for one in NAMESPACES if name.startswith(one)), name)
