"""A simulated connector: management interface v3, negotiation with partners, and a data plane with tokens that end.

Built from the Tractus-X walk-through of the management API. It answers in the form that JSON-LD processing leaves:
names spelt out, lists of one without their list, what it was not told beside. Both sides of a contract are one process
here: what is offered is what this connector was told, or what a partner of the test offers.
"""

from __future__ import annotations

import json
import urllib.request
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

EDC = "https://w3id.org/edc/v0.0.1/ns/"
IRIS = {
    "dct:type": "http://purl.org/dc/terms/type",
    "cx-common:version": "https://w3id.org/catenax/ontology/common#version",
    "aas-semantics:semanticId": "https://admin-shell.io/aas/3/0/HasSemantics/semanticId",
}
TERMS = {
    "assets": {"@context", "@type", "@id", "properties", "privateProperties", "dataAddress"},
    "policydefinitions": {"@context", "@type", "@id", "policy", "privateProperties"},
    "contractdefinitions": {"@context", "@type", "@id", "accessPolicyId", "contractPolicyId", "assetsSelector"},
}
TYPES = {"assets": "Asset", "policydefinitions": "PolicyDefinition", "contractdefinitions": "ContractDefinition"}
PUT_WITH_ID = ("policydefinitions",)


@dataclass
class ConnectorWorld:
    """key: of the management interface. vault: what the data plane sends to backends. polls: how often a negotiation is
    looked at before it is done. held: assets on which somebody has a contract."""

    key: str = "management-key-of-the-test"
    vault: dict[str, str] = field(default_factory=dict)
    polls: int = 0
    offers: list[Any] = field(default_factory=list)
    held: set[str] = field(default_factory=set)
    entities: dict[str, dict[str, Any]] = field(default_factory=lambda: {kind: {} for kind in TYPES})
    negotiated: list[Any] = field(default_factory=list)
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    notified: list[Any] = field(default_factory=list)
    refused_tokens: int = 0
    ended_status: int = 403
    url: str = ""

    def app(self) -> Starlette:
        entity = "/v3/{kind:str}"
        management = [
            Route("/v3/catalog/request", self._catalog, methods=["POST"]),
            Route("/v3/edrs", self._negotiate, methods=["POST"]),
            Route("/v3/edrs/request", self._held_tokens, methods=["POST"]),
            Route("/v3/edrs/{transfer}/dataaddress", self._address, methods=["GET"]),
            Route(entity, self._create, methods=["POST"]),
            Route(entity, self._replace, methods=["PUT"]),
            Route(f"{entity}/{{id}}", self._read, methods=["GET"]),
            Route(f"{entity}/{{id}}", self._replace, methods=["PUT"]),
            Route(f"{entity}/{{id}}", self._remove, methods=["DELETE"]),
        ]
        public = [
            Route("/submodel-update", self._notify, methods=["POST"]),
            Route("/{path:path}", self._proxy, methods=["GET"]),
        ]
        return Starlette(routes=[Mount("/management", routes=management), Mount("/public", routes=public)])

    def token_for(self, asset_id: str, bpn: str) -> str:
        """As a contract gives it to a partner."""
        token = f"token-{uuid.uuid4()}"
        self.tokens[token] = asset_id, bpn
        return token

    def offered_to(self, bpn: str) -> list[str]:
        """Ids of the assets that a partner sees in the catalogue: by each definition's selector and access policy."""
        found = []
        for definition in self.entities["contractdefinitions"].values():
            policy = self.entities["policydefinitions"].get(definition["accessPolicyId"])
            selector = definition["assetsSelector"][0]
            if policy is not None and definition["contractPolicyId"] in self.entities["policydefinitions"]:
                right = selector["operandRight"]
                ids = right if selector["operator"] == "in" else [right]
                found += [one for one in ids if one in self.entities["assets"] and _admits(policy["policy"], bpn)]
        return found

    async def _create(self, request: Request) -> Response:
        kind, sent = request.path_params["kind"], json.loads(await request.body())
        if refusal := self._refusal(request, kind, sent):
            return refusal
        if sent["@id"] in self.entities[kind]:
            return _error(409, "ObjectConflict", f"{sent['@id']} already exists")
        self.entities[kind][sent["@id"]] = sent
        return JSONResponse({"@type": "IdResponse", "@id": sent["@id"], "createdAt": 1_800_000_000_000})

    async def _replace(self, request: Request) -> Response:
        kind, sent = request.path_params["kind"], json.loads(await request.body())
        if refusal := self._refusal(request, kind, sent):
            return refusal
        if (kind in PUT_WITH_ID) != ("id" in request.path_params):
            return _error(405, "MethodNotAllowed", "")
        if sent["@id"] not in self.entities[kind]:
            return _error(404, "ObjectNotFound", "")
        self.entities[kind][sent["@id"]] = sent
        return Response(status_code=204)

    async def _read(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        found = self.entities[request.path_params["kind"]].get(request.path_params["id"])
        return JSONResponse(_answered(found)) if found else _error(404, "ObjectNotFound", "no such object")

    async def _remove(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        kind, identifier = request.path_params["kind"], request.path_params["id"]
        if kind == "assets" and identifier in self.held:
            return _error(409, "ObjectConflict", "there is an agreement on it")
        found = self.entities[kind].pop(identifier, None)
        return Response(status_code=204) if found else _error(404, "ObjectNotFound", "no such object")

    async def _catalog(self, request: Request) -> Response:
        sent = json.loads(await request.body())
        if refusal := self._refusal(request):
            return refusal
        if not sent["protocol"].endswith(":2025-1") or not sent["counterPartyId"].startswith("did:"):
            return _error(400, "InvalidRequest", "DSP 2025-1 names partners by their DID")
        wanted = sent["querySpec"]["filterExpression"][0]["operandRight"]
        found = [one for one in self.offers if one["dct:type"]["@id"] == wanted]
        return JSONResponse({"@type": "Catalog", "dataset": found[0] if len(found) == 1 else found})

    async def _negotiate(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        sent = json.loads(await request.body())
        offered = {one["@id"]: one["hasPolicy"] for one in self.offers}
        policy = sent["policy"]
        same = {name: policy.get(name) for name in offered[policy["target"]]}
        if same != offered[policy["target"]] or not policy["assigner"]:
            return _error(400, "InvalidRequest", "this is not what was offered")
        self.negotiated.append(policy)
        return JSONResponse({"@type": "IdResponse", "@id": str(uuid.uuid4())})

    async def _held_tokens(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        sent = json.loads(await request.body())
        wanted = {one["operandLeft"]: one["operandRight"] for one in sent["filterExpression"]}
        found = [one for one in self.negotiated if one["target"] == wanted["assetId"]]
        if found and self.polls:
            self.polls -= 1
            return JSONResponse([])
        return JSONResponse(
            [{"@type": "EndpointDataReferenceEntry", "transferProcessId": one["target"]} for one in found]
        )

    async def _address(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        token = self.token_for(request.path_params["transfer"], "BPNL")
        address = {"@type": "DataAddress", "endpoint": f"{self.url}/public", "authorization": token}
        return JSONResponse(address)

    async def _notify(self, request: Request) -> Response:
        if self.refused_tokens or request.headers.get("authorization") not in self.tokens:
            self.refused_tokens = max(0, self.refused_tokens - 1)
            return _error(self.ended_status, "AuthorizationFailed", "the token has ended")
        message = json.loads(await request.body())
        if message["header"]["messageId"] not in [one["header"]["messageId"] for one in self.notified]:
            self.notified.append(message)
        return JSONResponse({})

    async def _proxy(self, request: Request) -> Response:
        """What a partner reads: with its number, and the credential that it never sees."""
        granted = self.tokens.get(request.headers.get("authorization", ""))
        if granted is None:
            return _error(403, "AuthorizationFailed", "no such token")
        asset_id, bpn = granted
        address = self.entities["assets"][asset_id]["dataAddress"]
        url = address["baseUrl"] + (f"/{request.path_params['path']}" if address["proxyPath"] == "true" else "")
        headers = {address["authKey"]: self.vault[address["secretName"]], "Edc-Bpn": bpn}
        return await run_in_threadpool(_fetched, urllib.request.Request(url, headers=headers))

    def _refusal(self, request: Request, kind: str = "", sent: Any = None) -> Response | None:
        if request.headers.get("x-api-key") != self.key:
            return _error(401, "AuthenticationFailed", "Request could not be authenticated")
        if sent is not None and (set(sent) - TERMS[kind] or sent.get("@type") != TYPES[kind] or not sent.get("@id")):
            return _error(400, "ValidationFailure", "not what this interface takes")
        return None


def _answered(found: Any) -> Any:
    """As a JSON-LD processor leaves it, with what the connector adds."""
    return {
        **_compacted({name: one for name, one in found.items() if name != "@context"}),
        "createdAt": 1_800_000_000_000,
    }


def _compacted(found: Any) -> Any:
    if isinstance(found, list):
        items = [_compacted(one) for one in found]
        return items[0] if len(items) == 1 else items
    if not isinstance(found, dict):
        return found.replace("cx-taxo:", "https://w3id.org/catenax/taxonomy#") if isinstance(found, str) else found
    named = {IRIS.get(name, name): _compacted(one) for name, one in found.items()}
    if "leftOperand" in named:
        named["leftOperand"] = {"@id": f"https://w3id.org/catenax/2025/9/policy/{named['leftOperand']}"}
        named["operator"] = {"@id": f"odrl:{named['operator']}"}
    return {(f"odrl:{name}" if name in ("permission", "prohibition") else name): one for name, one in named.items()}


def _admits(policy: Any, bpn: str) -> bool:
    terms = policy["permission"][0]["constraint"][0]["and"]
    numbers = [one["rightOperand"] for one in terms if one["leftOperand"] == "BusinessPartnerNumber"]
    return all(bpn in one for one in numbers)


def _fetched(request: urllib.request.Request) -> Response:
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return Response(answer.read(), answer.status, media_type="application/json")
    except HTTPError as error:
        return Response(error.read(), error.code, media_type="application/json")


def _error(status: int, kind: str, words: str) -> Response:
    return JSONResponse([{"message": words, "type": kind, "path": None, "invalidValue": None}], status)
