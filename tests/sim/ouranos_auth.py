"""A simulated authentication of Ouranos version 1: login, refresh, operators and plants."""

from __future__ import annotations

import json

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.sim.ouranos_answers import Answered, bearer, check_key, endpoint, refused, shown
from tests.sim.ouranos_contract import AUTH_PATH, Contract
from tests.sim.ouranos_world import Platform, Refusal


def auth_app(platform: Platform, contract: Contract) -> Starlette:
    async def log_in(request: Request) -> Response:
        return await _given(platform, contract, request, "Login")

    async def refresh(request: Request) -> Response:
        return await _given(platform, contract, request, "Refresh")

    def about(request: Request, operator_id: str, query: dict[str, str], sent: object) -> Answered:
        if request.method == "PUT":
            assert isinstance(sent, dict)
            return 201, platform.put_plant(operator_id, sent), {}
        if query["dataTarget"] == "plant":
            return 200, [one for one in platform.plants.values() if one["operatorId"] == operator_id], {}
        wanted = query.get("openOperatorId")
        found = [one for one in platform.companies if wanted in (one.number, None)]
        found = [one for one in found if wanted or one.operator_id == operator_id]
        if not found:
            raise Refusal(404, "[auth] NotFound", "no such operator")
        return 200, platform.operator(found[0]), {}

    info = endpoint(platform, contract, AUTH_PATH, bearer(platform), about)
    return Starlette(
        routes=[
            Route("/auth/login", log_in, methods=["POST"]),
            Route("/auth/refresh", refresh, methods=["POST"]),
            Route(AUTH_PATH, info, methods=["GET", "PUT"]),
        ]
    )


async def _given(platform: Platform, contract: Contract, request: Request, kind: str) -> Response:
    sent = json.loads(await request.body())
    try:
        check_key(request)
        if faults := contract.faults(f"authentication.{kind}InputModel", sent):
            raise Refusal(400, "[auth] BadRequest", f"Validation failed, {faults[0]}")
        if kind == "Login":
            found = platform.log_in(sent["operatorAccountId"], sent["accountPassword"])
        else:
            found = platform.renew(sent["refreshToken"])
    except Refusal as refusal:
        return refused(refusal)
    platform.broken += contract.faults(f"authentication.{kind}OutputModel", found)
    return shown(201, found)
