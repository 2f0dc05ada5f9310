"""A simulated identity component of Open Data Spaces (L3): tokens, decisions, operators and plants.

Built from the published notes: answers in an envelope, names in snake_case, AuthZEN inside of it.
"""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.sim.ouranos_world import Company, Json, Platform, Refusal

API_KEY = "key-of-the-data-space"
STORE = "01KJ9VEBX0STORE"
EXPIRES_S = 300


@dataclass
class Identity:
    """forbidden: resources that the provider's rules do not let anybody send. bare: decisions without an envelope.
    expires_s: None for an identity component that does not say it."""

    platform: Platform
    clients: dict[str, tuple[str, str]]
    tokens: dict[str, str] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    decisions: list[str] = field(default_factory=list)
    given: int = 0
    expires_s: int | None = EXPIRES_S
    is_bare: bool = False

    def new_token(self, sent: Json) -> Json:
        self._check_client(sent)
        self.given += 1
        token = secrets.token_urlsafe(32)
        self.tokens[token] = self.clients[sent["client_id"]][1]
        until = {} if self.expires_s is None else {"expires_in": self.expires_s}
        return {"access_token": token, **until, "token_type": "Bearer", "not_before_policy": 0, "scope": ""}

    def introspect(self, sent: Json) -> Json:
        self._check_client(sent)
        holder = self.tokens.get(sent["access_token"])
        return {"active": False} if holder is None else {"active": True, "token_info": {"operator_id": holder}}

    def evaluate(self, sent: Json) -> Json:
        if set(sent) != {"subject", "action", "resource"} or ":" in sent["resource"]["id"]:
            raise Refusal(400, "about:blank", "not an evaluation request")
        self.decisions.append(sent["resource"]["id"])
        return {"decision": sent["resource"]["id"] not in self.forbidden}

    def holder(self, request: Request) -> str:
        check_key(request)
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or token not in self.tokens:
            raise Refusal(401, "[auth] Unauthorized", "Invalid or expired token")
        return self.tokens[token]

    def _check_client(self, sent: Json) -> None:
        known = self.clients.get(sent["client_id"])
        if known is None or known[0] != sent["client_secret"]:
            raise Refusal(401, "about:blank", f"invalid client {sent['client_secret']}")


def check_key(request: Request) -> None:
    if request.headers.get("api-key") != API_KEY:
        raise Refusal(403, "[auth] Forbidden", "Access denied")


def identity_app(identity: Identity) -> Starlette:
    def keyed(act: Callable[[Json], Any]) -> Callable[[Request, Json], Any]:
        def checked(request: Request, sent: Json) -> Any:
            check_key(request)
            return act(sent)

        return checked

    def evaluate(request: Request, sent: Json) -> Any:
        identity.holder(request)
        return identity.evaluate(sent)

    def operator(request: Request, _sent: Json) -> Any:
        identity.holder(request)
        found = [one for one in identity.platform.companies if one.operator_id == request.path_params["operator_id"]]
        if not found:
            raise Refusal(404, "about:blank", "no such operator")
        return _operator(identity.platform, found[0])

    def operators(request: Request, _sent: Json) -> Any:
        """Whatever is asked for: the contract leaves the filters open."""
        identity.holder(request)
        gone = {**_operator(identity.platform, identity.platform.companies[0]), "deleted_flag": True}
        return [gone, *(_operator(identity.platform, one) for one in identity.platform.companies)]

    def plants(request: Request, _sent: Json) -> Any:
        identity.holder(request)
        return [_plant(one) for one in identity.platform.plants.values()]

    def put_plant(request: Request, sent: Json) -> Any:
        return _plant(_kept(identity.platform, identity.holder(request), sent))

    return Starlette(
        routes=[
            _route(identity, "/auth/token/client", keyed(identity.new_token)),
            _route(identity, "/auth/token/introspect", keyed(identity.introspect)),
            _route(identity, f"/authz/stores/{STORE}/access/v1/evaluation", evaluate),
            _route(identity, "/account/operator/list", operators),
            _route(identity, "/account/operator/plant/list", plants),
            _route(identity, "/account/operator/plant", put_plant),
            _route(identity, "/account/operator/{operator_id}", operator, "GET"),
        ]
    )


def _route(identity: Identity, path: str, act: Callable[[Request, Json], Any], method: str = "POST") -> Route:
    async def answer(request: Request) -> Response:
        content = await request.body()
        try:
            found = act(request, json.loads(content) if content else {})
        except Refusal as refusal:
            return _enveloped(refusal.status, refusal.code, refusal.message, None)
        if identity.is_bare and isinstance(found, dict) and "decision" in found:
            return JSONResponse(found)
        return _enveloped(200, "success", "Request processed successfully", found)

    return Route(path, answer, methods=[method])


def _enveloped(status: int, kind: str, title: str, found: Any) -> Response:
    return JSONResponse(
        {"type": kind, "title": title, "status": status, "detail": "time_stamp:…", "data": found}, status
    )


def _operator(platform: Platform, who: Company) -> Json:
    known = platform.operator(who)
    return {
        "operator_id": who.operator_id,
        "operator_name": known["operatorName"],
        "operator_address": known["operatorAddress"],
        "open_operator_id": who.number,
        "global_operator_id": platform.global_ids.get(who.operator_id),
        "deleted_flag": False,
    }


def _plant(known: Json) -> Json:
    return {
        "plant_id": known["plantId"],
        "operator_id": known["operatorId"],
        "plant_name": known["plantName"],
        "plant_address": known["plantAddress"],
        "open_plant_id": known["openPlantId"],
        "global_plant_id": known["plantAttribute"].get("globalPlantId"),
        "deleted_flag": False,
    }


def _kept(platform: Platform, operator_id: str, sent: Json) -> Json:
    if unknown := set(sent) - {"operator_id", "open_plant_id", "plant_name", "plant_address", "global_plant_id"}:
        raise Refusal(400, "about:blank", f"unknown: {unknown}")
    if any(one["openPlantId"] == sent["open_plant_id"] for one in platform.plants.values()):
        raise Refusal(409, "about:blank", "open_plant_id exists")
    plant_id = str(uuid.uuid4())
    made = {
        "plantId": plant_id,
        "operatorId": operator_id,
        "openPlantId": sent["open_plant_id"],
        "plantName": sent["plant_name"],
        "plantAddress": sent["plant_address"],
        "plantAttribute": {"globalPlantId": sent.get("global_plant_id")},
    }
    platform.plants[plant_id] = made
    return made
