"""A simulated notifier of Open Data Spaces: every header is required, and a field that it does not know is refused."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.sim.ods_identity import Identity
from tests.sim.ouranos_world import Json

API_KEY = "key-of-the-notifier"
HEADERS = ("user-agent", "x-trackingid", "accept-language", "content-type", "x-notifier-api-key", "authorization")
LONGEST = {"type_code": 100, "type_name": 255, "title": 500, "content": 1 << 20}
LISTS = ("target_ids", "target_list_ids")


@dataclass
class Notified:
    identity: Identity
    notices: list[Json] = field(default_factory=list)


def notifier_app(notified: Notified) -> Starlette:
    async def post(request: Request) -> Response:
        if missing := [name for name in HEADERS if not request.headers.get(name)]:
            return _refused(422, f"{missing[0]}: field required")
        if request.headers["x-notifier-api-key"] != API_KEY:
            return _refused(403, "Invalid API key")
        if request.headers["authorization"].removeprefix("Bearer ") not in notified.identity.tokens:
            return _refused(401, "Invalid or expired token")
        sent = json.loads(await request.body())
        if fault := _fault(sent):
            return _refused(400, fault)
        made = {**sent, "notification_id": str(uuid.uuid4())}
        notified.notices.append(made)
        return JSONResponse(made, 201)

    return Starlette(routes=[Route("/api/v1/notifications", post, methods=["POST"])])


def _fault(sent: Json) -> str:
    if unknown := set(sent) - {*LONGEST, *LISTS, "data_id"}:
        return f"extra fields not permitted: {sorted(unknown)}"
    if wrong := [name for name, most in LONGEST.items() if not 1 <= len(sent.get(name, "").strip()) <= most]:
        return f"{wrong[0]}: wrong length"
    if bool(sent.get(LISTS[0])) == bool(sent.get(LISTS[1])):
        return "either target_ids or target_list_ids"
    try:
        for one in (*sent.get(LISTS[0], []), *sent.get(LISTS[1], []), *filter(None, [sent.get("data_id")])):
            uuid.UUID(one)
    except ValueError:
        return "not a UUID"
    return ""


def _refused(status: int, message: str) -> Response:
    return JSONResponse({"error": {"code": status, "message": message}, "message": message}, status)
