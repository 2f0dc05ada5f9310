"""Ouranos version 2, Open Data Spaces, on the wire: tokens, the question whether we may, operators, plants, notices.

Obeys the identity component (L3: answers in an envelope with `data`, names in snake_case), OpenID AuthZEN for
decisions, and the notifier (fields that it does not know are refused; partners or lists of them, not both). What passes
the gateway (L2) is the provider's own interface, unchanged: parts.py and footprints.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from packseal.exchange.export import UnfitError
from packseal.exchange.identifiers import open_plant_id
from packseal.exchange.loss import Json
from packseal.exchange.ouranos.model import Notice, Operator, Plant
from packseal.exchange.ouranos.wire import Entry, broken, fit, fit_uuid, fit_uuids

MAX_TARGETS = 1000
MAX_CONTENT = 10_000
LOGGED = re.compile(r"X-ODS-[A-Za-z0-9-]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    expires_in_s: int | None

    def __repr__(self) -> str:
        return f"Token(expires_in_s={self.expires_in_s})"


@dataclass(frozen=True, slots=True)
class Asking:
    """How a provider's authorization model calls who asks, what is asked for, and the act."""

    subject_type: str = "user"
    resource_type: str = "api_endpoint"
    action: str = "can_access"


def payload(found: Entry) -> Entry:
    return found.inner("data")


def token(found: Entry) -> Token:
    inner = payload(found)
    if inner.text("token_type", 20).lower() != "bearer":
        raise broken("data.token_type", "Bearer")
    return Token(inner.text("access_token", 1 << 14), inner.count_or_none("expires_in"))


def holder(found: Entry) -> str | None:
    """Of an introspected token: the operator whose it is; None where it does not hold."""
    inner = payload(found)
    if not inner.flag("active"):
        return None
    return inner.inner("token_info").uuid("operator_id")


def evaluation_json(asking: Asking, operator_id: str, resource: str) -> Json:
    """AuthZEN 1.0, Access Evaluation. A resource has no colon: it is written type:id behind this interface."""
    return {
        "subject": {"type": asking.subject_type, "id": operator_id},
        "action": {"name": asking.action},
        "resource": {"type": asking.resource_type, "id": resource.replace(":", "-")},
    }


def decision(found: Entry) -> bool:
    """Inside of the envelope, or bare as AuthZEN has it."""
    return (payload(found) if "data" in found else found).flag("decision")


def operator(found: Entry) -> Operator:
    return Operator(
        found.uuid("operator_id"),
        found.text("open_operator_id", 20),
        found.text("operator_name", 256),
        found.text("operator_address", 256),
        found.text_or_none("global_operator_id", 256),
    )


def plant(found: Entry) -> Plant:
    return Plant(
        found.uuid("plant_id"),
        found.uuid("operator_id"),
        found.text("open_plant_id", 26),
        found.text("plant_name", 256),
        found.text("plant_address", 256),
        found.text_or_none("global_plant_id", 256),
    )


def is_in_force(found: Entry) -> bool:
    return "deleted_flag" not in found or not found.flag("deleted_flag")


def plant_json(plant: Plant) -> Json:
    """A new one. Raises UnfitError."""
    named = {"global_plant_id": fit("global_plant_id", plant.global_id, 1, 256)} if plant.global_id else {}
    return {
        "operator_id": fit_uuid("operator_id", plant.operator_id),
        "open_plant_id": open_plant_id(plant.open_plant_id),
        "plant_name": fit("plant_name", plant.name, 1, 256),
        "plant_address": fit("plant_address", plant.address, 1, 256),
        **named,
    }


def notice_json(notice: Notice) -> Json:
    """Raises UnfitError."""
    if bool(notice.targets) == bool(notice.target_lists):
        raise UnfitError("a notice goes to partners or to lists of partners: to one of the two")
    texts = (
        ("type_code", notice.type_code, 100),
        ("type_name", notice.type_name, 255),
        ("title", notice.title, 500),
        ("content", notice.content, MAX_CONTENT),
    )
    if empty := [name for name, text, _ in texts if not text.strip()]:
        raise UnfitError(f"{empty[0]}: a notice says something here")
    name, to = ("target_ids", notice.targets) if notice.targets else ("target_list_ids", notice.target_lists)
    about = {} if notice.data_id is None else {"data_id": fit_uuid("data_id", notice.data_id)}
    return {
        **{field: fit(field, text, 1, most) for field, text, most in texts},
        name: fit_uuids(name, to, MAX_TARGETS),
        **about,
    }


def notice_id(found: Entry) -> str:
    return found.uuid("notification_id")
