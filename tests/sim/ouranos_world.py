"""What a simulated Ouranos platform knows: operators, plants, parts, trades, footprints. Built from the contract alone.

Its traps are the real ones: a parent that is registered alone has no children any more, and a structure is replaced.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
API_KEY = "key-of-the-application"


class Refusal(Exception):  # noqa: N818 - an answer of the simulated platform, no error of ours
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Company:
    operator_id: str
    number: str
    account: str
    password: str


def company(number: str, name: str) -> Company:
    return Company(str(uuid.uuid4()), number, f"{name}@example.com", f"{name}&Pass_01")


@dataclass
class Platform:
    """hooks: the first is done, once, after a structure was read. page: how many entries one answer has at most.
    erased: parents that lost their children since somebody registered them alone, over HTTP."""

    companies: list[Company]
    plants: dict[str, Json] = field(default_factory=dict)
    parts: dict[str, Json] = field(default_factory=dict)
    children: dict[str, list[str]] = field(default_factory=dict)
    trades: dict[str, Json] = field(default_factory=dict)
    statuses: dict[str, Json] = field(default_factory=dict)
    footprints: dict[str, list[Json]] = field(default_factory=dict)
    certifications: dict[str, list[Json]] = field(default_factory=dict)
    undisclosed: set[str] = field(default_factory=set)
    access: dict[str, str] = field(default_factory=dict)
    refresh: dict[str, str] = field(default_factory=dict)
    global_ids: dict[str, str] = field(default_factory=dict)
    hooks: list[Callable[[], None]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    logins: int = 0
    page: int = 100

    def log_in(self, account: str, password: str) -> Json:
        self.logins += 1
        who = next((one for one in self.companies if (one.account, one.password) == (account, password)), None)
        if who is None:
            raise Refusal(401, "[auth] Unauthorized", f"Invalid credentials for {account} {password}")
        refresh = secrets.token_urlsafe(24)
        self.refresh[refresh] = who.operator_id
        return {"accessToken": self._new_access(who.operator_id), "refreshToken": refresh}

    def renew(self, refresh: str) -> Json:
        if refresh not in self.refresh:
            raise Refusal(400, "[auth] BadRequest", "Invalid refresh token")
        return {"accessToken": self._new_access(self.refresh[refresh])}

    def expire(self, *, also_refresh: bool = False) -> None:
        self.access.clear()
        if also_refresh:
            self.refresh.clear()

    def operator(self, who: Company) -> Json:
        return {
            "operatorId": who.operator_id,
            "operatorName": f"Company {who.number}",
            "operatorAddress": "Tokyo",
            "openOperatorId": who.number,
            "operatorAttribute": {"globalOperatorId": self.global_ids.get(who.operator_id)},
        }

    def put_plant(self, operator_id: str, sent: Json) -> Json:
        _own(operator_id, sent)
        same = [one for one in self.plants.values() if one["openPlantId"] == sent["openPlantId"]]
        if any(one["plantId"] != sent["plantId"] and one["operatorId"] == operator_id for one in same):
            raise Refusal(400, "[auth] BadRequest", "openPlantId: duplicated")
        plant_id = sent["plantId"] or str(uuid.uuid4())
        named = sent["plantAttribute"].get("globalPlantId")
        self.plants[plant_id] = {**sent, "plantId": plant_id, "plantAttribute": {"globalPlantId": named}}
        return self.plants[plant_id]

    def put_part(self, operator_id: str, sent: Json) -> Json:
        if sent["amountRequired"] is not None:
            raise Refusal(400, "[dataspace] BadRequest", "Validation failed, amountRequired: must be blank.")
        part = self._kept(operator_id, sent)
        self.children[part["traceId"]] = []  # the trap
        return part

    def put_structure(self, operator_id: str, sent: Json) -> Json:
        parent = self.put_part(operator_id, sent["parentPartsModel"])
        children = [self._kept(operator_id, one) for one in sent["childrenPartsModel"]]
        self.children[parent["traceId"]] = [one["traceId"] for one in children]
        return self.structure(parent["traceId"])

    def structure(self, trace_id: str) -> Json:
        if trace_id not in self.parts:
            raise Refusal(400, "[traceability] BadRequest", "MSGAECO0002")
        children = [self.parts[one] for one in self.children.get(trace_id, [])]
        return {"parentPartsModel": {**self.parts[trace_id], "amountRequired": None}, "childrenPartsModel": children}

    def delete_part(self, trace_id: str) -> None:
        if trace_id not in self.parts:
            raise Refusal(400, "[traceability] BadRequest", "MSGAECO0002")
        if self.children.get(trace_id) or any(trace_id in below for below in self.children.values()):
            raise Refusal(400, "[traceability] BadRequest", "the part is tied to others")
        del self.parts[trace_id]
        self.children.pop(trace_id, None)

    def put_request(self, operator_id: str, sent: Json) -> Json:
        trade, status = sent["tradeModel"], sent["statusModel"]
        if trade["downstreamOperatorId"] != operator_id:
            raise Refusal(403, "[auth] AccessDenied", "You do not have the necessary privileges")
        if trade["upstreamOperatorId"] not in {one.operator_id for one in self.companies}:
            raise Refusal(404, "[dataspace] NotFound", "no such operator")
        if status["responseDueDate"] is None or trade["tradeId"] is not None or status["statusId"] is not None:
            raise Refusal(400, "[dataspace] BadRequest", "Validation failed, responseDueDate: cannot be blank.")
        trade_id, status_id = str(uuid.uuid4()), str(uuid.uuid4())
        self.trades[trade_id] = {**trade, "tradeId": trade_id}
        state = {"cfpResponseStatus": "NOT_COMPLETED", "tradeTreeStatus": "UNTERMINATED"}
        self.statuses[status_id] = {**status, "statusId": status_id, "tradeId": trade_id, "requestStatus": state}
        return {"tradeModel": self.trades[trade_id], "statusModel": self.statuses[status_id]}

    def answer(self, operator_id: str, trade_id: str, trace_id: str) -> Json:
        trade = self.trades.get(trade_id)
        if trade is None or trade["upstreamOperatorId"] != operator_id or trace_id not in self.parts:
            raise Refusal(400, "[traceability] BadRequest", "MSGAECO0003")
        trade["upstreamTraceId"] = trace_id
        return trade

    def end(self, sent: Json) -> None:
        status = self.statuses.get(sent["statusId"])
        answered = sent["requestStatus"].get("cfpResponseStatus")
        if status is None or answered not in ("CANCEL", "REJECT") or "tradeTreeStatus" not in sent["requestStatus"]:
            raise Refusal(400, "[dataspace] BadRequest", "Validation failed, cfpResponseStatus")
        if answered == "CANCEL":
            del self.statuses[sent["statusId"]], self.trades[sent["tradeId"]]
        else:
            status["requestStatus"]["cfpResponseStatus"] = "REJECT"
            status["replyMessage"] = sent["replyMessage"]

    def put_footprint(self, sent: list[Json]) -> list[Json]:
        _check_footprint(sent)
        trace_id, footprint_id = sent[0]["traceId"], sent[0]["cfpId"] or str(uuid.uuid4())
        known = self.footprints.get(trace_id)
        if known and known[0]["cfpId"] != footprint_id:
            raise Refusal(400, "[traceability] BadRequest", "the part has another cfpId")
        self.footprints[trace_id] = [{**one, "cfpId": footprint_id} for one in sent]
        for trade in self.trades.values():
            if trade["upstreamTraceId"] == trace_id:
                self._complete(trade["tradeId"])
        return self.footprints[trace_id]

    def footprints_of(self, trace_id: str) -> list[Json]:
        """Its own, or what the supplier answered for it."""
        found = list(self.footprints.get(trace_id, []))
        for trade in self.trades.values():
            if trade["downstreamTraceId"] == trace_id and trade["upstreamTraceId"] in self.footprints:
                found += self._answered(trade)
        return found

    def _answered(self, trade: Json) -> list[Json]:
        told = []
        for kind in ("preProduction", "mainProduction"):
            line = next(one for one in self.footprints[trade["upstreamTraceId"]] if one["cfpType"] == kind)
            emission = None if trade["tradeId"] in self.undisclosed else line["ghgEmission"]
            named = {"cfpType": f"{kind}Response", "dqrType": f"{line['dqrType']}Response", "cfpId": None}
            told.append({**line, **named, "traceId": trade["downstreamTraceId"], "ghgEmission": emission})
        return told

    def _complete(self, trade_id: str) -> None:
        for status in self.statuses.values():
            if status["tradeId"] == trade_id:
                status["requestStatus"] = {"cfpResponseStatus": "COMPLETED", "tradeTreeStatus": "TERMINATED"}

    def _kept(self, operator_id: str, sent: Json) -> Json:
        _own(operator_id, sent)
        if sent["plantId"] not in self.plants:
            raise Refusal(400, "[traceability] BadRequest", "MSGAECO0004")
        same = next((trace_id for trace_id, one in self.parts.items() if _identity(one) == _identity(sent)), None)
        if sent["traceId"] is not None and sent["traceId"] != same:
            raise Refusal(400, "[traceability] BadRequest", "traceId: belongs to another part")
        trace_id = same or str(uuid.uuid4())
        self.parts[trace_id] = {**sent, "traceId": trace_id}
        return self.parts[trace_id]

    def _new_access(self, operator_id: str) -> str:
        access = secrets.token_urlsafe(32)
        self.access[access] = operator_id
        return access


def _identity(part: Json) -> tuple[str, ...]:
    return part["operatorId"], part["plantId"], part["partsName"], part["supportPartsName"] or ""


def _own(operator_id: str, sent: Json) -> None:
    if sent["operatorId"] != operator_id:
        raise Refusal(403, "[auth] AccessDenied", "You do not have the necessary privileges")


def _check_footprint(sent: list[Json]) -> None:
    kinds = {"preProduction": "preProcessing", "mainProduction": "mainProcessing", "preComponent": "preProcessing",
             "mainComponent": "mainProcessing"}  # fmt: skip
    qualities: dict[str, Json] = {}
    for one in sent:
        emission = one["ghgEmission"]
        if emission is None or round(emission, 5) != emission:
            raise _invalid("ghgEmission: must be a value up to the 5th decimal place.")
        if kinds.get(one["cfpType"]) != one["dqrType"]:
            raise _invalid("ensure the combination of cfpType and dqrType is correct.")
        if qualities.setdefault(one["dqrType"], one["dqrValue"]) != one["dqrValue"]:
            raise _invalid("different dqrValues are set for the same dqrType.")
    if len(sent) != 4 or {one["cfpType"] for one in sent} != set(kinds):
        raise _invalid("cfp models must be 4 elements")
    for name in ("cfpId", "traceId", "ghgDeclaredUnit"):
        if len({one[name] for one in sent}) > 1:
            raise _invalid(f"ensure all objects have the same {name}")
    for process, quality in qualities.items():
        emitted = any(one["ghgEmission"] for one in sent if one["dqrType"] == process)
        if any(quality.values()) and not emitted:
            raise _invalid(f"set ghgEmission to a value greater than 0 for {process}.")


def _invalid(message: str) -> Refusal:
    return Refusal(400, "[dataspace] BadRequest", f"Validation failed, {message}")
