"""Tells a partner that an aspect of a twin it may read has changed; what has changed it reads itself, by contract.

CX-0151, Digital Twin Event Notification API 3.0.0, operation SubmodelUpdate; CX-0160 1.1.0 section 4.2; message header
3.0.0. No value of a passport is in a notification.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from packseal.exchange.forms import moment
from packseal.exchange.identifiers import bpnl
from packseal.exchange.loss import Json

CONTEXT = "IndustryCore-DigitalTwinEvent-SubmodelUpdate:3.0.0"
HEADER_VERSION = "3.0.0"
PATH = "/submodel-update"
MAX_EVENTS = 1_000


class EventType(StrEnum):
    CREATED = "CreateSubmodel"
    UPDATED = "UpdateSubmodel"
    DELETED = "DeleteSubmodel"


@dataclass(frozen=True, slots=True)
class Event:
    type: EventType
    global_asset_id: str
    semantic_id: str


def submodel_update(message_id: str, sent_unix_ms: int, sender: str, receiver: str, events: Sequence[Event]) -> Json:
    """message_id: urn:uuid of this one message, the same when it is sent again. sender, receiver: BPNL.

    Raises UnfitError for what is no BPNL, ValueError for no event or too many.
    """
    if not 0 < len(events) <= MAX_EVENTS:
        raise ValueError(f"{len(events)} events: expected 1 to {MAX_EVENTS}")
    header = {
        "messageId": message_id,
        "context": CONTEXT,
        "sentDateTime": moment(sent_unix_ms),
        "senderBpn": bpnl(sender),
        "receiverBpn": bpnl(receiver),
        "version": HEADER_VERSION,
    }
    return {"header": header, "content": {"listOfEvents": [_event(one) for one in dict.fromkeys(events)]}}


def _event(event: Event) -> Json:
    return {
        "eventType": str(event.type),
        "globalAssetId": event.global_asset_id,
        "submodelSemanticId": event.semantic_id,
    }
