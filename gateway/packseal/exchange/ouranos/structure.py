"""What may be written of a part, so that no child of it is lost: the interface forgets every child that is not sent.

Registering a part alone, when it has children, leaves it without any (contract, note to API #5 "parts": only for new
parts and for those without children), and so does its structure sent with fewer. The contract knows no condition such
as If-Match. So a change names what is to be added, altered or removed; what goes out is made from what was read just
before, and holds every child that nobody asked to remove. Reading and sending: io/ouranos_provider.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from packseal.exchange.export import UnfitError
from packseal.exchange.ouranos.model import Part, Structure

MAX_CHILDREN = 50


@dataclass(frozen=True, slots=True)
class Change:
    """parent: as it is to be. children: those that come or change, known by their identity. removed: trace ids."""

    parent: Part
    children: tuple[Part, ...] = ()
    removed: tuple[str, ...] = ()


def after(change: Change, registered: Structure | None) -> Structure:
    """The whole that has to be sent. registered: what is there now, None where the part is new.

    Raises UnfitError for what the contract does not take.
    """
    _check(change, registered)
    children = {one.identity: one for one in registered.children} if registered else {}
    for child in change.children:
        known = children.get(child.identity)
        children[child.identity] = child.traced(child.trace_id or (known.trace_id if known else None))
    kept = tuple(one for one in children.values() if one.trace_id not in change.removed)
    if len(kept) > MAX_CHILDREN:
        raise UnfitError(f"{change.parent.name}: {len(kept)} parts below it; {MAX_CHILDREN} is the most")
    trace_id = registered.parent.trace_id if registered else change.parent.trace_id
    return Structure(change.parent.traced(trace_id), kept)


def is_alone(registered: Structure | None, whole: Structure) -> bool:
    """Whether the part may be sent by itself: it is new, and has no children."""
    return registered is None and not whole.children


def is_done(change: Change, registered: Structure) -> bool:
    """Whether nothing is left to send."""
    found = {one.identity: _plain(one) for one in registered.children}
    return (
        _plain(registered.parent) == _plain(change.parent)
        and all(found.get(child.identity) == _plain(child) for child in change.children)
        and not {one.trace_id for one in registered.children} & set(change.removed)
    )


def _check(change: Change, registered: Structure | None) -> None:
    parent = change.parent
    if parent.amount is not None:
        raise UnfitError(f"{parent.name}: a parent has no amount; amounts belong to its children")
    if registered and registered.parent.identity != parent.identity:
        raise UnfitError(f"{parent.name}: its operator, plant and names cannot change; register it as another part")
    if any(child.operator_id != parent.operator_id for child in change.children):
        raise UnfitError(f"{parent.name}: its children are registered by the same operator; suppliers answer a request")
    identities = [one.identity for one in (parent, *change.children)]
    if len(set(identities)) < len(identities):
        raise UnfitError(f"{parent.name}: two of its parts have the same plant and names")


def _plain(part: Part) -> Part:
    """To compare by: the ecosystem writes "" and null for nothing, and mints the trace id."""
    one, two, three = part.notes
    return replace(
        part,
        trace_id=None,
        support_name=part.support_name or None,
        label=part.label or None,
        notes=(one or None, two or None, three or None),
    )
