"""Parts, structures and trades on the wire: the interface of a provider of traceability (data platform API 3.0.0).

Version 1 speaks it itself, version 2 passes it on unchanged. Obeys the published OpenAPI contract: names, lengths, what
has to be null and what must not be. Its own documents spell `upsreamOperatorId` and `preProsessing` in places, its
schemas do not: we write what the schemas say and read both. What of a parent may be sent is decided in structure.py.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from packseal.exchange.export import UnfitError
from packseal.exchange.loss import Json
from packseal.exchange.ouranos.model import Answered, Inquiry, NewRequest, Part, Request, Status, Structure, Trade
from packseal.exchange.ouranos.wire import UUID, Entry, broken, fit, fit_number, fit_uuid

PAGE = 100  # the most that `limit` takes
MAX_TRACE_IDS = 50
DATE = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\Z")
LINK = re.compile(r"\s*<([^<>]{1,2000})>")


def part(found: Entry) -> Part:
    return Part(
        found.uuid_or_none("traceId"),
        found.uuid("operatorId"),
        found.uuid("plantId"),
        found.text("partsName", 50),
        found.text_or_none("supportPartsName", 50),
        found.flag("terminatedFlag"),
        found.number_or_none("amountRequired"),
        found.unit("amountRequiredUnit") if "amountRequiredUnit" in found else None,
        found.text_or_none("partsLabelName", 50),
        (
            found.text_or_none("partsAddInfo1", 50),
            found.text_or_none("partsAddInfo2", 50),
            found.text_or_none("partsAddInfo3", 50),
        ),
    )


def part_json(part: Part) -> Json:
    """Raises UnfitError."""
    return {
        "traceId": None if part.trace_id is None else fit_uuid("traceId", part.trace_id),
        "operatorId": fit_uuid("operatorId", part.operator_id),
        "plantId": fit_uuid("plantId", part.plant_id),
        "partsName": fit("partsName", part.name, 1, 50),
        "supportPartsName": _fit_or_none("supportPartsName", part.support_name, 50),
        "terminatedFlag": part.is_terminated,
        "amountRequired": None if part.amount is None else fit_number("amountRequired", part.amount),
        "amountRequiredUnit": None if part.unit is None else str(part.unit),
        "partsLabelName": _fit_or_none("partsLabelName", part.label, 50),
        **{f"partsAddInfo{n}": _fit_or_none(f"partsAddInfo{n}", text, 50) for n, text in enumerate(part.notes, 1)},
    }


def structure(found: Entry) -> Structure:
    return Structure(part(found.inner("parentPartsModel")), tuple(map(part, found.entries("childrenPartsModel"))))


def structure_json(whole: Structure) -> Json:
    """Raises UnfitError."""
    return {
        "parentPartsModel": part_json(whole.parent),
        "childrenPartsModel": [part_json(child) for child in whole.children],
    }


def trade(found: Entry) -> Trade:
    upstream = "upstreamOperatorId" if "upstreamOperatorId" in found else "upsreamOperatorId"
    return Trade(
        found.uuid("tradeId"),
        found.uuid("downstreamOperatorId"),
        found.uuid(upstream),
        found.uuid("downstreamTraceId"),
        found.uuid_or_none("upstreamTraceId"),
    )


def status(found: Entry) -> Status:
    told = found.inner("requestStatus")
    answered = told.text_or_none("cfpResponseStatus")
    tree = told.text_or_none("tradeTreeStatus")
    if answered is not None and answered not in set(Answered):
        raise broken(f"{told.name}.cfpResponseStatus", "a status of the contract")
    return Status(
        found.uuid("statusId"),
        found.uuid("tradeId"),
        None if answered is None else Answered(answered),
        None if tree is None else tree == "TERMINATED",
        found.text_or_none("message", 1000),
        found.text_or_none("replyMessage", 1000),
        found.text_or_none("responseDueDate", 30),
        told.count_or_none("completedCount"),
        told.count_or_none("tradesCount"),
    )


def request(found: Entry) -> Request:
    return Request(trade(found.inner("tradeModel")), status(found.inner("statusModel")))


def inquiry(found: Entry) -> Inquiry:
    return Inquiry(
        trade(found.inner("tradeModel")), status(found.inner("statusModel")), part(found.inner("partsModel"))
    )


def request_json(new: NewRequest) -> Json:
    """API #7: a date is required, though the schema lets it be null. Raises UnfitError."""
    if not DATE.match(new.due):
        raise UnfitError(f"responseDueDate: {new.due[:50]!r}: a date is needed, such as 2027-03-31")
    return {
        "statusModel": {
            "statusId": None,
            "tradeId": None,
            "requestStatus": {},
            "message": _fit_or_none("message", new.message, 1000),
            "replyMessage": None,
            "requestType": "CFP",
            "responseDueDate": new.due,
        },
        "tradeModel": {
            "tradeId": None,
            "downstreamOperatorId": fit_uuid("downstreamOperatorId", new.downstream_operator_id),
            "downstreamTraceId": fit_uuid("downstreamTraceId", new.downstream_trace_id),
            "upstreamOperatorId": fit_uuid("upstreamOperatorId", new.upstream_operator_id),
            "upstreamTraceId": None,
        },
    }


def ended_json(status: Status, answered: Answered, reply: str | None) -> Json:
    """A request that is cancelled by who asked (without a reply) or rejected by who was asked (API #16).

    Raises UnfitError.
    """
    if (answered, reply is not None) not in ((Answered.CANCEL, False), (Answered.REJECT, True)):
        raise UnfitError("a request is cancelled without a reply, or rejected with one")
    return {
        "statusId": fit_uuid("statusId", status.status_id),
        "tradeId": fit_uuid("tradeId", status.trade_id),
        "requestStatus": {
            "cfpResponseStatus": str(answered),
            "tradeTreeStatus": "TERMINATED" if status.is_tree_terminated else "UNTERMINATED",
            "completedCount": None,
            "completedCountModifiedAt": None,
            "tradesCount": None,
            "tradesCountModifiedAt": None,
        },
        "message": status.message,
        "replyMessage": _fit_or_none("replyMessage", reply, 1000),
        "requestType": "CFP",
        "responseDueDate": None,
    }


def next_after(link: str) -> str | None:
    """Where the next page begins, from the header `link`; None at the end.

    Nothing else of that address is used: it leads to no other server and to no other question.
    """
    found = LINK.match(link)
    try:
        values = parse_qs(urlsplit(found[1]).query).get("after", []) if found else []
    except ValueError:  # no host in its brackets, or more fields than anybody writes
        raise broken("the header link", "an address") from None
    if not values:
        return None
    if not UUID.match(values[0]):
        raise broken("the header link", "a UUID after `after=`")
    return values[0]


def _fit_or_none(name: str, text: str | None, most: int) -> str | None:
    return None if text is None else fit(name, text, 0, most)
