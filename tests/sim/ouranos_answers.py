"""How a simulated Ouranos platform takes a request and answers it: held against the contract both ways."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.sim.ouranos_contract import READ, SENT, WRITTEN, Contract
from tests.sim.ouranos_world import API_KEY, Platform, Refusal

Answered = tuple[int, object, Mapping[str, str]]
Handle = Callable[[Request, str, dict[str, str], object], Answered]


def bearer(platform: Platform) -> Callable[[Request], str]:
    """Who asks, by the headers of version 1 -> operator id."""

    def who(request: Request) -> str:
        check_key(request)
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or token not in platform.access:
            raise Refusal(401, "[auth] Unauthorized", "Invalid or expired token")
        return platform.access[token]

    return who


def check_key(request: Request) -> None:
    if request.headers.get("apikey") != API_KEY:
        raise Refusal(403, "[auth] AccessDenied", "Invalid key")


def endpoint(
    platform: Platform, contract: Contract, path: str, who: Callable[[Request], str], handle: Handle
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        content = await request.body()
        try:
            operator_id = who(request)
            query = dict(request.query_params)
            sent = _taken(contract, path, request.method, query, content)
            status, found, headers = handle(request, operator_id, query, sent)
            _check(platform, contract, path, request.method, query["dataTarget"], status, found)
            return shown(status, found, headers)
        except Refusal as refusal:
            return refused(refusal)

    return answer


def shown(status: int, found: object, headers: Mapping[str, str] | None = None) -> Response:
    tracked = {"x-track": str(uuid.uuid4()), **(headers or {})}
    return Response(status_code=204, headers=tracked) if status == 204 else JSONResponse(found, status, tracked)


def refused(refusal: Refusal) -> Response:
    detail = f"id: {uuid.uuid4()}, timeStamp: 2027-01-15T08:00:00.000Z"
    return shown(refusal.status, {"code": refusal.code, "message": refusal.message, "detail": detail})


def _taken(contract: Contract, path: str, method: str, query: dict[str, str], content: bytes) -> object:
    if faults := contract.query_faults(path, method, query):
        raise Refusal(400, "[dataspace] BadRequest", f"Invalid request parameters, {faults[0]}")
    model = SENT.get(query["dataTarget"]) if method == "PUT" else None
    if model is None:
        return None
    sent: object = json.loads(content)
    if faults := contract.faults(f"traceability.{model}", sent):
        raise Refusal(400, "[dataspace] BadRequest", f"Validation failed, {faults[0]}")
    return sent


def _check(
    platform: Platform, contract: Contract, path: str, method: str, target: str, status: int, found: object
) -> None:
    """The simulator itself keeps to the contract, or the test fails by `broken`."""
    model = (READ if method == "GET" else WRITTEN).get(target)
    if path.endswith("authInfo") and target == "operator" and isinstance(found, list):
        model = "OperatorModel[]"
    faults = contract.faults(f"traceability.{model}", found) if model and status != 204 else []
    if status not in contract.statuses(path, method):
        faults.append(f"status {status}")
    platform.broken += [f"{method} {target}: {one}" for one in faults]
