"""A simulated data platform of Ouranos version 1: parts, structures, trades, footprints, certifications."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from tests.sim.ouranos_answers import Answered, bearer, endpoint
from tests.sim.ouranos_contract import DATA_PATH, Contract
from tests.sim.ouranos_world import Json, Platform


def data_app(platform: Platform, contract: Contract, who: Callable[[Request], str] | None = None) -> Starlette:
    """who: in place of the headers of version 1."""

    def about(request: Request, operator_id: str, query: dict[str, str], sent: object) -> Answered:
        if request.method == "GET":
            return _read(platform, operator_id, query)
        if request.method == "DELETE":
            platform.delete_part(query["traceId"])
            return 204, None, {}
        return 201, _written(platform, operator_id, query, sent), {}

    served = endpoint(platform, contract, DATA_PATH, who or bearer(platform), about)
    return Starlette(routes=[Route(DATA_PATH, served, methods=["GET", "PUT", "DELETE"])])


def _written(platform: Platform, operator_id: str, query: dict[str, str], sent: Any) -> object:
    match query["dataTarget"]:
        case "parts":
            had = {key for key, below in platform.children.items() if below}
            made = platform.put_part(operator_id, sent)
            platform.erased += [made["partsName"]] if made["traceId"] in had else []
            return made
        case "partsStructure":
            return platform.put_structure(operator_id, sent)
        case "tradeRequest":
            return platform.put_request(operator_id, sent)
        case "tradeResponse":
            return platform.answer(operator_id, query["tradeId"], query["traceId"])
        case "status":
            platform.end(sent)
            return sent
        case _:
            return platform.put_footprint(sent)


def _read(platform: Platform, operator_id: str, query: dict[str, str]) -> Answered:
    target = query["dataTarget"]
    if target == "partsStructure":
        found = platform.structure(query["traceId"])
        if platform.hooks:
            platform.hooks.pop(0)()
        return 200, found, {}
    if target == "cfp":
        return 200, [line for one in query["traceIds"].split(",") for line in platform.footprints_of(one)], {}
    if target == "cfpCertification":
        return 200, platform.certifications.get(query["traceId"], []), {}
    return _page(platform, target, query, _listed(platform, operator_id, query))


def _listed(platform: Platform, operator_id: str, query: dict[str, str]) -> list[tuple[str, Json]]:
    match query["dataTarget"]:
        case "parts":
            return [(one["traceId"], one) for one in _parts(platform, operator_id, query)]
        case "tradeRequest":
            wanted = query.get("traceIds", "").split(",")
            own = [one for one in platform.trades.values() if one["downstreamOperatorId"] == operator_id]
            return [(one["tradeId"], one) for one in own if wanted == [""] or one["downstreamTraceId"] in wanted]
        case "tradeResponse":
            return [(one["tradeModel"]["tradeId"], one) for one in _inquiries(platform, operator_id)]
        case _:
            return [(one["statusId"], one) for one in _statuses(platform, operator_id, query)]


def _parts(platform: Platform, operator_id: str, query: dict[str, str]) -> list[Json]:
    below = {one for children in platform.children.values() for one in children}
    filters = {name: query[name] for name in ("partsName", "plantId", "traceId") if name in query}
    return [
        one
        for one in platform.parts.values()
        if one["operatorId"] == operator_id
        and all(one[name] == value for name, value in filters.items())
        and not (query.get("parentFlag") == "true" and one["traceId"] in below)
    ]


def _inquiries(platform: Platform, operator_id: str) -> list[Json]:
    found = []
    for status in platform.statuses.values():
        trade = platform.trades[status["tradeId"]]
        if trade["upstreamOperatorId"] == operator_id:
            part = {**platform.parts[trade["downstreamTraceId"]], "amountRequired": None}
            found.append({"tradeModel": trade, "statusModel": status, "partsModel": part})
    return found


def _statuses(platform: Platform, operator_id: str, query: dict[str, str]) -> list[Json]:
    side = "downstreamOperatorId" if query.get("statusTarget") == "REQUEST" else "upstreamOperatorId"
    found = []
    for one in platform.statuses.values():
        trade = platform.trades[one["tradeId"]]
        is_wanted = query.get("traceId") in (None, trade["downstreamTraceId"])
        if trade[side] == operator_id and is_wanted and query.get("statusId") in (None, one["statusId"]):
            found.append(one)
    return found


def _page(platform: Platform, target: str, query: dict[str, str], listed: list[tuple[str, Json]]) -> Answered:
    names = [name for name, _ in listed]
    start = names.index(query["after"]) + 1 if query.get("after") in names else 0
    end = start + min(int(query.get("limit", "100")), platform.page)
    if end >= len(names):
        return 200, [one for _, one in listed[start:]], {}
    more = f"<https://elsewhere.example{DATA_PATH}?dataTarget={target}&limit=100&after={names[end - 1]}>;"
    return 200, [one for _, one in listed[start:end]], {"link": more}
