"""A simulated twin registry: shell descriptors in memory, closed by default, each exchange held against the contract.

IDTA 01002 SSP-001, and of the Catena-X registry what the contract leaves open: who sees what, by header Edc-Bpn and
externalSubjectId, and the token that a writer needs.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from tests.sim.aas_contract import AASContract

BASE = "/api/v3"
SHELLS, SHELL = "/shell-descriptors", "/shell-descriptors/{aasIdentifier}"


class TwinRegistryWorld:
    """token: that the provider shows; None where it is not asked for one. broken: what went against the contract."""

    def __init__(self, contract: AASContract) -> None:
        self._contract = contract
        self.shells: dict[str, Any] = {}
        self.token: str | None = None
        self.broken: list[str] = []

    def app(self) -> Starlette:
        one = f"{SHELLS}/{{id}}"
        routes = [
            Route(SHELLS, self._create, methods=["POST"]),
            Route(one, self._read, methods=["GET"]),
            Route(one, self._replace, methods=["PUT"]),
            Route(one, self._remove, methods=["DELETE"]),
            Route(f"{one}/submodel-descriptors/{{submodel}}", self._remove_submodel, methods=["DELETE"]),
            Route("/lookup/shellsByAssetLink", self._lookup, methods=["POST"]),
        ]
        return Starlette(routes=[Mount(BASE, routes=routes)])

    async def _create(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        sent = json.loads(await request.body())
        if faults := self._contract.faults("AssetAdministrationShellDescriptor", sent):
            return _result(400, faults[0])
        if sent["id"] in self.shells:
            return _result(409, "a shell of this id is there already")
        self.shells[sent["id"]] = sent
        return self._told(201, sent)

    async def _read(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        found = self.shells.get(_decoded(request, "id"))
        return self._told(200, found) if found else _result(404, "no such shell")

    async def _replace(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        sent = json.loads(await request.body())
        faults = self._contract.faults("AssetAdministrationShellDescriptor", sent)
        if faults or sent["id"] != _decoded(request, "id"):
            return _result(400, faults[0] if faults else "another id")
        self.shells[sent["id"]] = sent
        return Response(status_code=204)

    async def _remove(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        found = self.shells.pop(_decoded(request, "id"), None)
        return Response(status_code=204) if found else _result(404, "no such shell")

    async def _remove_submodel(self, request: Request) -> Response:
        shell = self.shells.get(_decoded(request, "id"))
        if shell is None:
            return _result(404, "no such shell")
        there = shell["submodelDescriptors"]
        left = [one for one in there if one["id"] != _decoded(request, "submodel")]
        shell["submodelDescriptors"] = left
        return Response(status_code=204) if len(left) < len(there) else _result(404, "no such submodel")

    async def _lookup(self, request: Request) -> Response:
        links = json.loads(await request.body())
        bpn = request.headers.get("edc-bpn", "")
        found = [key for key, shell in self.shells.items() if all(_has(shell, one, bpn) for one in links)]
        return JSONResponse({"paging_metadata": {}, "result": found})

    def _refusal(self, request: Request) -> Response | None:
        shown = request.headers.get("authorization")
        if self.token is not None and shown != f"Bearer {self.token}":
            return _result(401, f"the token {shown} has expired")
        return None

    def _told(self, status: int, shell: Any) -> Response:
        self.broken += self._contract.faults("AssetAdministrationShellDescriptor", shell)
        return JSONResponse(shell, status)


def _has(shell: Any, link: dict[str, str], bpn: str) -> bool:
    """Whether a partner sees that this twin has this identifier: closed, unless the identifier names the partner."""
    return any(
        one["name"] == link["name"]
        and one["value"] == link["value"]
        and bpn in [key["value"] for key in one.get("externalSubjectId", {"keys": []})["keys"]]
        for one in shell["specificAssetIds"]
    )


def _decoded(request: Request, name: str) -> str:
    text = request.path_params[name]
    return urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()


def _result(status: int, words: str) -> Response:
    message = {"code": str(status), "messageType": "Error", "text": words}
    return JSONResponse({"messages": [message]}, status)
