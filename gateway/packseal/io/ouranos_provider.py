"""Parts, trades and footprints at a provider of traceability, whichever version of the ecosystem leads to it.

One endpoint (`datatransport`) with a target in its query. What makes something new is never repeated blindly: after a
failure the client looks what is there, and sends again only what is not. A parent goes out with all of its children,
made from what was read just before (exchange/ouranos/structure.py); two readings have to agree, so that who else is
writing is noticed. Between the last reading and the writing nothing can be noticed: the contract knows no condition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from packseal.errors import PartnerUnavailableError
from packseal.exchange.ouranos import footprints, parts
from packseal.exchange.ouranos.model import (
    Answered,
    Certification,
    Footprint,
    FootprintLine,
    Inquiry,
    NewRequest,
    Part,
    Request,
    Status,
    Structure,
    Trade,
)
from packseal.exchange.ouranos.structure import Change, after, is_alone, is_done
from packseal.exchange.ouranos.wire import Entry, broken, decode, entries, fit_uuid, fit_uuids
from packseal.io.partner_http import FIRST_PAUSE_S, MAX_PAUSE_S, Body, PartnerHTTP

PATH = "/api/v1/datatransport"
MAX_PAGES = 200
ATTEMPTS = 4
ENDED = (Answered.CANCEL, Answered.REJECT)

T = TypeVar("T")
Permit = Callable[[str], None]
Wait = Callable[[float], None]


def until_done(look: Callable[[], T | None], write: Callable[[], T], wait: Wait, *, may_double: bool = False) -> T:
    """What `look` finds, else what `write` makes; after a failure it looks again, and only then writes again.

    may_double: written twice it would be there twice, so after a failure that leaves it open it is looked for, and not
    written again. Raises what both raise.
    """
    attempt = 0
    while (found := look()) is None:
        try:
            return write()
        except PartnerUnavailableError as error:
            attempt += 1
            if attempt >= ATTEMPTS or error.retry_after_s > MAX_PAUSE_S:
                raise
            wait(max(error.retry_after_s, FIRST_PAUSE_S * 2.0**attempt))
            if may_double and (found := look()) is None:
                raise
    return found


class DataTransport:
    """The endpoint. permit: asked before anything is sent, raises where it may not be."""

    def __init__(self, http: PartnerHTTP, permit: Permit, wait: Wait) -> None:
        self._http, self.permit, self.wait = http, permit, wait

    def read(self, target: str, **query: str) -> object:
        return decode(self._http.request("GET", PATH, query={"dataTarget": target, **query}).content)

    def pages(self, target: str, **query: str) -> Iterator[Entry]:
        """The whole list, page after page."""
        position: Mapping[str, str] = {}
        seen: set[str] = set()
        for _ in range(MAX_PAGES):
            asked = {"dataTarget": target, "limit": str(parts.PAGE), **query, **position}
            answer = self._http.request("GET", PATH, query=asked)
            yield from entries(decode(answer.content), target)
            behind = parts.next_after(answer.headers.get("link", ""))
            if behind is None:
                return
            if behind in seen:
                raise broken("the header link", "a page that was not read yet")
            seen.add(behind)
            position = {"after": behind}
        raise broken(target, f"a list of up to {MAX_PAGES} pages")

    def write(self, target: str, body: Body | None, *, is_repeatable: bool = False, **query: str) -> object:
        asked = {"dataTarget": target, **query}
        return decode(self._http.request("PUT", PATH, query=asked, body=body, is_repeatable=is_repeatable).content)

    def delete(self, target: str, trace_id: str) -> None:
        asked = {"dataTarget": target, "traceId": trace_id}
        self._http.request("DELETE", PATH, query=asked, is_repeatable=False)


class ProviderParts:
    def __init__(self, transport: DataTransport) -> None:
        self._transport = transport

    def find(self, part: Part) -> Part | None:
        filters = {"partsName": part.name, "plantId": part.plant_id}
        found = (parts.part(one) for one in self._transport.pages("parts", **filters))
        return next((one for one in found if one.identity == part.identity), None)

    def all(self, *, parents_only: bool = False) -> tuple[Part, ...]:
        filters = {"parentFlag": "true"} if parents_only else {}
        return tuple(parts.part(one) for one in self._transport.pages("parts", **filters))

    def structure(self, trace_id: str) -> Structure:
        asked = fit_uuid("traceId", trace_id)
        return parts.structure(Entry(self._transport.read("partsStructure", traceId=asked), "partsStructure"))

    def change(self, change: Change) -> Structure:
        return until_done(lambda: self._done(change), lambda: self._send(change), self._transport.wait)

    def remove(self, trace_id: str) -> None:
        asked = fit_uuid("traceId", trace_id)

        def is_gone() -> bool | None:
            return None if any(True for _ in self._transport.pages("parts", traceId=asked)) else True

        def delete() -> bool:
            self._transport.permit("parts")
            self._transport.delete("parts", asked)
            return True

        until_done(is_gone, delete, self._transport.wait)

    def _registered(self, part: Part) -> Structure | None:
        found = part if part.trace_id else self.find(part)
        return self.structure(found.trace_id) if found and found.trace_id else None

    def _done(self, change: Change) -> Structure | None:
        found = self._registered(change.parent)
        return found if found and is_done(change, found) else None

    def _send(self, change: Change) -> Structure:
        self._transport.permit("partsStructure")
        registered = self._registered(change.parent)
        whole = after(change, registered)
        if self._registered(change.parent) != registered:
            raise _unsettled(change.parent, "is being changed by somebody else at this moment; try again later")
        if is_alone(registered, whole):
            self._transport.write("parts", parts.part_json(whole.parent))
        else:
            self._transport.write("partsStructure", parts.structure_json(whole))
        done = self._done(change)
        if done is None:
            raise _unsettled(change.parent, "was sent and is not shown as it was sent; ask the provider")
        return done


class ProviderTrades:
    def __init__(self, transport: DataTransport) -> None:
        self._transport = transport

    def request(self, new: NewRequest) -> Request:
        body = parts.request_json(new)

        def send() -> Request:
            self._transport.permit("tradeRequest")
            return parts.request(Entry(self._transport.write("tradeRequest", body), "tradeRequest"))

        return until_done(lambda: self._open(new), send, self._transport.wait, may_double=True)

    def requests(self, trace_ids: Sequence[str]) -> tuple[Trade, ...]:
        asked = ((self._transport.pages("tradeRequest", traceIds=some)) for some in _batches(trace_ids))
        return tuple(parts.trade(one) for page in asked for one in page)

    def statuses(self, trace_id: str) -> tuple[Status, ...]:
        asked = {"statusTarget": "REQUEST", "traceId": fit_uuid("traceId", trace_id)}
        return tuple(parts.status(one) for one in self._transport.pages("status", **asked))

    def inquiries(self) -> tuple[Inquiry, ...]:
        return tuple(parts.inquiry(one) for one in self._transport.pages("tradeResponse"))

    def answer(self, trade_id: str, trace_id: str) -> Trade:
        self._transport.permit("tradeResponse")
        asked = {"tradeId": fit_uuid("tradeId", trade_id), "traceId": fit_uuid("traceId", trace_id)}
        found = self._transport.write("tradeResponse", None, is_repeatable=True, **asked)
        return parts.trade(Entry(found, "tradeResponse"))

    def cancel(self, request: Request) -> None:
        def statuses() -> Sequence[Status]:
            return self.statuses(request.trade.downstream_trace_id)

        self._end(request.status, Answered.CANCEL, None, statuses)

    def reject(self, inquiry: Inquiry, why: str) -> None:
        asked = {"statusTarget": "RESPONSE", "statusId": inquiry.status.status_id}

        def statuses() -> Sequence[Status]:
            return [parts.status(one) for one in self._transport.pages("status", **asked)]

        self._end(inquiry.status, Answered.REJECT, why, statuses)

    def _end(
        self, status: Status, answered: Answered, reply: str | None, statuses: Callable[[], Sequence[Status]]
    ) -> None:
        """A request that is listed no more was ended before."""
        body = parts.ended_json(status, answered, reply)

        def is_ended() -> bool | None:
            found = [one.answered for one in statuses() if one.status_id == status.status_id]
            return None if any(one not in ENDED for one in found) else True

        def send() -> bool:
            self._transport.permit("status")
            self._transport.write("status", body)
            return True

        until_done(is_ended, send, self._transport.wait)

    def _open(self, new: NewRequest) -> Request | None:
        asked = self.requests([new.downstream_trace_id])
        trades = {one.trade_id: one for one in asked if one.upstream_operator_id == new.upstream_operator_id}
        if not trades:
            return None
        statuses = self.statuses(new.downstream_trace_id)
        found = (one for one in statuses if one.trade_id in trades and one.answered not in ENDED)
        return next((Request(trades[one.trade_id], one) for one in found), None)


class ProviderFootprints:
    def __init__(self, transport: DataTransport) -> None:
        self._transport = transport

    def of(self, trace_ids: Sequence[str]) -> tuple[FootprintLine, ...]:
        asked = (self._transport.read("cfp", traceIds=some) for some in _batches(trace_ids))
        return tuple(footprints.line(one) for found in asked for one in entries(found, "cfp"))

    def declare(self, footprint: Footprint) -> Footprint:
        footprints.footprint_json(footprint)  # whether it fits at all, before anything is asked
        return until_done(lambda: self._declared(footprint), lambda: self._send(footprint), self._transport.wait)

    def certifications(self, trace_id: str) -> tuple[Certification, ...]:
        found = self._transport.read("cfpCertification", traceId=fit_uuid("traceId", trace_id))
        return tuple(footprints.certification(one) for one in entries(found, "cfpCertification"))

    def _known(self, trace_id: str) -> Footprint | None:
        return footprints.footprint(self.of([trace_id]), trace_id)

    def _declared(self, footprint: Footprint) -> Footprint | None:
        known = self._known(footprint.trace_id)
        is_same = known is not None and replace(known, footprint_id=None) == replace(footprint, footprint_id=None)
        return known if is_same else None

    def _send(self, footprint: Footprint) -> Footprint:
        self._transport.permit("cfp")
        known = self._known(footprint.trace_id)
        sent = replace(footprint, footprint_id=known.footprint_id if known else footprint.footprint_id)
        found = entries(self._transport.write("cfp", footprints.footprint_json(sent)), "cfp")
        made = footprints.footprint([footprints.line(one) for one in found], footprint.trace_id)
        if made is None:
            raise broken("cfp", "the four that were sent")
        return made


def _batches(trace_ids: Sequence[str]) -> Iterator[str]:
    """As the query has them, so many as it takes."""
    for start in range(0, len(trace_ids), parts.MAX_TRACE_IDS):
        some = trace_ids[start : start + parts.MAX_TRACE_IDS]
        yield ",".join(fit_uuids("traceIds", some, parts.MAX_TRACE_IDS))


def _unsettled(part: Part, words: str) -> PartnerUnavailableError:
    return PartnerUnavailableError(f"the structure of {part.name} {words}")
