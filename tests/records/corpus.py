"""The files of tests/vectors, and docs/record.cddl as something to ask."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pycddl

from packseal.errors import EvidenceError, Reason
from packseal.records.archive import ArchiveCheck, ArchiveHead, opened_part, read_items
from packseal.records.attestation import verify_attestation
from packseal.records.blinding import stored_leaf
from packseal.records.cbor import Sign1, decode, encode
from packseal.records.cose import VerifyingKey
from packseal.records.emptied import Emptied
from packseal.records.log import Delivery, Known, TrustedLog
from packseal.records.merkle import Edge
from packseal.records.policy import Policy
from packseal.records.verify import TrustedBundle

ROOT = Path(__file__).parents[2]
CDDL = (ROOT / "docs/record.cddl").read_text()
RULES = {  # of the CDDL, for the body of each type; KEY has its own for each act
    1: ("boot-body",),
    2: ("window-body",),
    3: ("soh-body",),
    4: ("event-body",),
    5: ("gap-body",),
    7: ("time-body",),
    8: ("seal-body",),
    9: ("config-body",),
    10: ("estimated-from", "estimated", "lacking-from", "lacking"),
}


def vectors(name: str) -> Any:
    return json.loads((ROOT / "tests/vectors" / name).read_text())


BUNDLES: Mapping[str, Any] = vectors("bundles.json")
POLICIES = {name: Policy.from_json(policy) for name, policy in BUNDLES["policies"].items()}


def good(name: str) -> dict[str, Any]:
    """A good bundle by its name."""
    (found,) = [case for case in BUNDLES["good"] if case["name"] == name]
    return dict(found)


# ---- the CDDL


@cache
def schema(rule: str) -> Any:
    return pycddl.Schema(f"start = {rule}\n{CDDL}")


def fits(rule: str, content: bytes) -> bool:
    try:
        schema(rule).validate_cbor(content)
    except pycddl.ValidationError:
        return False
    return True


def fits_entry(content: bytes) -> bool:
    """The body once more by itself, and by one rule at a time: inside an array, and where there is a choice, the
    validator does not mind keys that a map has no place for."""
    if not fits("entry", content) and not fits("blinded-entry", content):
        return False
    try:
        fields: Any = decode(content)
    except EvidenceError:
        return True  # the validator is content with more than deterministic CBOR
    kind, body = fields[0], fields[4]
    if isinstance(body, bytes) or kind not in {*RULES, 6}:
        return True
    is_genesis = isinstance(body, dict) and body.get(0) == 1
    rules = RULES.get(kind) or ("genesis-body" if is_genesis else "rotation-body",)
    return any(fits(rule, encode(body)) for rule in rules)


def misfit(rule: str, content: bytes) -> str | None:
    """Of a signed message: the rule that it, its protected header or its payload does not fit."""
    if not fits(rule, content):
        return rule
    message = decode(content)
    assert isinstance(message, Sign1)
    protected, _, payload, _ = message.items
    inner = {f"{rule}-protected": protected, f"{rule}-payload": payload}
    return next((name for name, part in inner.items() if not fits(name, part)), None)  # type: ignore[arg-type]


# ---- receivers


def received(
    log: TrustedLog, stored: Sequence[bytes], content: bytes, gateway: VerifyingKey | None = None
) -> tuple[TrustedLog, list[bytes]]:
    """A receiver whose durable storage is a list, and who knows this gateway. Raises EvidenceError."""
    known = Known(
        lambda first, count: stored[first : first + count],
        lambda size: Edge().extended([stored_leaf(entry, log.seed)[1] for entry in stored[:size]]),
    )
    delivery = Delivery.from_bytes(content)
    verified = log.verified(delivery, known, _told(delivery, gateway) if gateway else None)
    return verified.log, [*stored, *verified.contents]


def _told(delivery: Delivery, gateway: VerifyingKey) -> Emptied | None:
    """What a known gateway's attestation says that it gave up; None where it says nothing that counts."""
    with contextlib.suppress(EvidenceError):
        return verify_attestation(delivery.attestation or b"", gateway).emptied
    return None


def checked_archive(content: bytes, policy: Policy) -> tuple[ArchiveCheck, TrustedBundle]:
    """As a reader goes through a file: the last item is the bundle. Raises EvidenceError."""
    items = read_items(io.BytesIO(content).read)
    head = ArchiveHead.from_bytes(next(items, b""))
    check, held = ArchiveCheck(head), None
    for item in items:
        if held is not None:
            check.add(opened_part(held, head))
        held = item
    if held is None:
        raise EvidenceError(Reason.MALFORMED, "the archive ends before its bundle")
    return check, check.finish(held, policy)
