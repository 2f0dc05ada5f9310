"""Bundles that hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from packseal.records.acts import Bind, Cause, Enrol, Revoke, Role, Rotate, sign_possession
from packseal.records.attestation import Clock
from packseal.records.bodies import EntryType
from packseal.records.bundle import Bundle, TimePart
from packseal.records.cbor import Value, decode
from packseal.records.disclosure import Disclosure, ShownLeaf, Wanted
from packseal.records.merkle import subset_proof
from tests.vectors.entries import BATTERY, SIZE_ROTATED, SOH, TIME
from tests.vectors.estimates import BELOW_ZERO, BOTH, HEALTH, KNOWN, LACKING, UNKNOWN
from tests.vectors.scenes import Scene, scene, timed, with_estimates
from tests.vectors.world import (
    ASSESSOR,
    BOARD,
    BOARD_NEXT,
    GATEWAY,
    INTEGRATOR,
    OPERATOR,
    OTHER_BOARD,
    OTHER_ORIGIN,
    OTHER_SERVICE,
    SECURE_GATEWAY,
    SERVICE,
    STRANGER,
    Actor,
    Passport,
    attestation_of,
    attested,
    time_part,
)

Named = tuple[str, str, Bundle]  # name, policy, bundle


def good_bundles() -> list[tuple[str, str, bytes]]:
    found = [
        *_records(),
        *_disclosed(),
        *_chains(),
        *_estimates(),
        *_keys(),
        *_bindings(),
        *_acts(),
        *_times(),
        *_others(),
    ]
    return [(name, policy, bundle.to_bytes()) for name, policy, bundle in found]


def _records() -> Iterator[Named]:
    """Every type, open, behind a change of key."""
    s = scene()
    log = s.logs["example"]
    for seq, entry in enumerate(log.entries):
        kind = EntryType(entry[1]).name if entry[1] in set(EntryType) else "type 31"
        yield f"record {seq}, {kind}", "acts", s.bundle(seq=seq)


def _disclosed() -> Iterator[Named]:
    s = scene()
    yield "a window of which one value is shown", "acts", s.shown(4, Wanted(fields=[8]))
    yield "a window of which three values are shown", "acts", s.shown(4, Wanted(fields=[1, 4, 9]))
    yield "a window of which one cell block is shown", "acts", s.shown(4, Wanted(cells=[2]))
    yield "a window of which a cell block is shown that had no value", "acts", s.shown(4, Wanted(cells=[3]))
    yield "a window of which values and cell blocks are shown", "acts", s.shown(6, Wanted([5, 7, 10], [0, 4, 5]))
    yield "a window of which all cell blocks are shown", "acts", s.shown(6, Wanted(cells=range(6)))
    yield "a window of which the root of its cells is shown, and none of them", "acts", s.shown(6, Wanted(fields=[6]))
    yield "a window of which nothing is shown", "acts", s.shown(4, Wanted())
    yield "a window of which a field is shown that version 1 does not know", "acts", s.shown(12, Wanted(fields=[0]))
    record = s.open_record(2)
    absent = Disclosure((ShownLeaf(8, None, record.salt(8)),), tuple(subset_proof(record.leaves(), [8])))
    yield "a window that is shown to have no state of charge", "acts", s.disclosed(2, absent)
    record = s.open_record(6)
    leaves = tuple(ShownLeaf(key, _value(record.pairs.get(key)), record.salt(key)) for key in range(16))
    yield "a window of which everything is shown", "acts", s.disclosed(6, Disclosure(leaves, ()))
    yield "a window with an empty column of cells", "acts", s.bundle("edges", 5, acts=["bind edges"])


def _value(pair: bytes | None) -> Value:
    value = decode(pair) if pair else None
    return value[1] if isinstance(value, list) else None


def _chains() -> Iterator[Named]:
    s = scene()
    yield "a statement of which one value is shown", "acts", s.shown(SOH, Wanted(fields=[5]))
    yield "a statement of which a lower bound is shown", "acts", s.shown(SOH, Wanted(at_least_cpct=8000))
    yield "a statement of which the highest lower bound is shown", "acts", s.shown(SOH, Wanted(at_least_cpct=9100))
    yield "a statement of which an upper bound is shown", "acts", s.shown(SOH, Wanted(at_most_cpct=9500))
    yield "a statement of which the least upper bound is shown", "acts", s.shown(SOH, Wanted(at_most_cpct=9150))
    band = Wanted(at_least_cpct=9000, at_most_cpct=9500)
    yield "a statement of which a band is shown", "acts", s.shown(SOH, band)
    yield "a statement of which a band and two values are shown", "acts", s.shown(SOH, replace(band, fields=[1, 8]))
    yield "a statement of which nothing is shown", "acts", s.shown(SOH, Wanted())
    yield "a statement of which the ends of its chains are shown, and no link", "acts", s.shown(SOH, Wanted([14, 15]))
    for seq, words, wanted in (
        (1, "a health of 0 is at most 0", Wanted(at_most_cpct=0)),
        (2, "a health on a step is at least and at most itself", Wanted(at_least_cpct=9100, at_most_cpct=9100)),
        (3, "a health at the end of the chain", Wanted(at_least_cpct=12_750)),
        (4, "a health beyond the end of the chain", Wanted(at_least_cpct=12_750)),
    ):
        yield words, "acts", s.shown(seq, wanted, "edges", acts=["bind edges"])


def _estimates() -> Iterator[Named]:
    s = with_estimates()

    def shown(seq: int, *fields: int) -> Bundle:
        return s.shown(seq, Wanted(fields=fields), "estimates", acts=["bind estimates"])

    names = {HEALTH: "a state of health with its weakest and strongest block", KNOWN: "an estimate",
             LACKING: "an estimate that is not yet known", BELOW_ZERO: "an estimate below zero",
             UNKNOWN: "an estimate of a quantity that version 1 does not know"}  # fmt: skip
    for seq, name in names.items():
        yield name, "acts", s.bundle("estimates", seq, acts=["bind estimates"])
    yield "a state of health of which the weakest block is shown", "acts", shown(HEALTH, 10)
    yield "an estimate of which quantity and value are shown", "acts", shown(KNOWN, 1, 4)
    yield "an estimate of which everything is shown", "acts", shown(KNOWN, *range(1, 5), *range(6, 11))
    yield "an estimate of which is shown what it lacks", "acts", shown(LACKING, 1, 5)
    yield "an estimate of which nothing is shown", "acts", shown(KNOWN)
    yield "an estimate of which a field is shown that version 1 does not know", "acts", shown(BOTH, 0, 13)
    record = s.open_record(LACKING, "estimates")
    absent = Disclosure((ShownLeaf(4, None, record.salt(4)),), tuple(subset_proof(record.leaves(), [4])))
    yield (
        "an estimate that is shown to have no value",
        "acts",
        s.disclosed(LACKING, absent, "estimates", acts=["bind estimates"]),
    )


def _keys() -> Iterator[Named]:
    s = scene()
    yield "a key in a secure element", "acts", s.bundle("secure", 5, acts=["bind secure"])
    yield "a key in a secure element, one value shown", "acts", s.shown(4, Wanted([8]), "secure", acts=["bind secure"])
    rotated = s.bundle(seq=SOH, receipt="rotated", size=SIZE_ROTATED, attestation=s.attestations["rotated"])
    yield "a checkpoint that ends in a change of key", "acts", rotated
    yield "two changes of key", "acts", s.bundle("twice", 5, acts=["bind twice"])
    yield "two changes of key, a record before them", "listed, all of them", s.bundle("twice", 1, acts=[])
    second = s.copy().receipt("second", "twice", 5)
    yield (
        "a checkpoint that ends in the second change of key",
        "acts",
        second.bundle("twice", 3, "second", 5, ["bind twice"]),
    )
    log = s.logs["example"]
    nonce = log.checkpoint(nonce=bytes(32), hwcounter=(1 << 63) - 1)
    yield "a checkpoint with a nonce and a counter", "acts", s.bundle(checkpoint=nonce)
    yield "a log of one record", "listed, all of them", s.bundle("one", 0, acts=[])


def _bindings() -> Iterator[Named]:
    s = scene()
    yield "bound by the policy", "listed", s.bundle(acts=[])
    yield "bound by the policy, which goes before an act", "listed, with authorities", s.bundle()
    yield "bound by an operator", "only an operator", s.bundle("secure", 5, acts=["bind secure"])
    yield "a gateway's log", "acts", s.bundle("gateway", 5, acts=["bind gateway"])
    yield "a gateway's log, its key in a secure element", "listed, all of them", s.bundle("secure gateway", 5, acts=[])
    yield "an import", "acts", s.bundle("import", 5, acts=["bind import"])
    again = s.copy().act("again", Bind(BOARD.public_key, BATTERY, "B"), OPERATOR)
    yield "a BIND that says the same again, after the receipt", "acts", again.bundle(acts=["again", "bind"])
    again.receipt("later", "example")
    same = again.bundle(receipt="later", acts=["again", "bind"])
    yield "of two BINDs that say the same the first is named", "acts", same
    new = s.copy().act("new", Bind(BOARD_NEXT.public_key, "new-pack", "B"), INTEGRATOR).receipt("new", "example")
    bound_anew = new.bundle(receipt="new", acts=["bind", "new"])
    yield "the key after a change of key is bound to another battery", "acts", bound_anew
    both = s.copy().act("by service", Bind(BOARD.public_key, "third-pack", "B"), SERVICE).receipt("both", "example")
    yield "a service's BIND does not count", "acts", both.bundle(receipt="both", acts=["bind", "by service"])


def _acts() -> Iterator[Named]:
    s = scene()
    new_integrator, new_gateway = Actor(17), SECURE_GATEWAY
    s.act("rotate", Rotate(new_integrator.key, _possession(s, new_integrator)), INTEGRATOR)
    s.act("enrol board", Enrol(Role.BOARD, OTHER_BOARD.key, _possession(s, OTHER_BOARD)), INTEGRATOR)
    s.act("enrol assessor", Enrol(Role.ASSESSOR, ASSESSOR.key, _possession(s, ASSESSOR)), SERVICE)
    s.act("enrol secure gateway", Enrol(Role.GATEWAY, new_gateway.key, _possession(s, new_gateway)), OPERATOR)
    s.act("revoke own", Revoke(ASSESSOR.public_key, Cause.OUT_OF_USE), ASSESSOR)
    s.act("revoke other", Revoke(OTHER_BOARD.public_key, Cause.UNSPECIFIED), OPERATOR)
    yield "acts: ROTATE and ENROL", "acts", s.bundle(acts=["bind", "rotate", "enrol board", "enrol assessor"])
    recycler, known = Actor(18), s.copy()
    known.act("enrol recycler", Enrol(Role.RECYCLER, recycler.key, _possession(known, recycler)), SERVICE)
    yield "acts: ENROL of a recycler", "acts", known.bundle(acts=["bind", "enrol recycler"])
    yield "acts: ENROL of a secure element", "acts", s.bundle(acts=["bind", "enrol gateway", "enrol secure gateway"])
    yield "acts: REVOKE of other keys", "acts", s.bundle(acts=["revoke own", "bind", "revoke other"])
    yield "acts: NOTED by the service", "acts", s.bundle(acts=["bind", "noted"])
    stolen = s.copy().act("revoke", Revoke(BOARD.public_key, Cause.STOLEN), INTEGRATOR)
    yield "revoked later than the receipt, says an act", "acts", stolen.bundle(acts=["bind", "revoke"])
    yield "revoked later than the receipt, says the policy", "board revoked later", s.bundle()
    yield "revoked later, says a policy of two services", "board revoked later, of two services", s.bundle()
    yield "the service's key revoked later than the receipt", "service revoked later", s.bundle()
    yield "another service's key revoked", "other service revoked", s.bundle()


def _possession(s: Scene, actor: Actor) -> bytes:
    return sign_possession(actor.key, s.passport.next_salt(), actor.sign)


def _times() -> Iterator[Named]:
    s = scene()
    log = s.logs["example"]
    time = time_part(log, TIME, log.size, s.receipts["time"])
    yield "a time before which the record was not made", "acts", s.bundle(time=time)
    yield "a time, and a disclosure", "acts", s.shown(12, Wanted(fields=[1]), time=time)
    other = Passport(OTHER_SERVICE, OTHER_ORIGIN)
    content = other.receipt(timed(b"", 0), 1)
    two = s.copy()
    two.logs["timed"] = by_other = timed(content, other.now_unix_ms)
    part = TimePart(by_other.entries[1], by_other.proof(1, 3), content)
    yield "a time by another service", "two services", two.receipt("timed", "timed").bundle("timed", 2, time=part)
    yield "everything", "acts", s.full()
    yield "everything, a band shown", "acts", s.full(**_band(s))


def _band(s: Scene) -> dict[str, object]:
    bundle = s.shown(SOH, Wanted(at_least_cpct=9000, at_most_cpct=9500))
    return {"entry": bundle.entry, "shown": bundle.shown}


def _others() -> Iterator[Named]:
    s = scene()
    yield "attested by a gateway of the policy", "acts", s.bundle(attestation=s.attestations["example"])
    yield (
        "attested by a gateway that the policy does not list",
        "listed",
        s.bundle(acts=[], attestation=s.attestations["example"]),
    )
    attestation = s.attestations["example"]
    yield "attested by a gateway revoked later", "gateway revoked later", s.bundle(attestation=attestation)
    yield "attested by a gateway that the policy knows revoked", "gateway revoked", s.bundle(attestation=attestation)
    gone = s.copy().act("revoke", Revoke(GATEWAY.public_key, Cause.STOLEN), INTEGRATOR)
    gone.receipt("gone", "example", **attested(attestation))
    by_act = gone.bundle(receipt="gone", acts=["bind", "revoke"], attestation=attestation)
    yield "attested by a gateway that an act revoked", "acts", by_act
    odd = b"no message at all"
    s.receipt("odd", "example", attestation_digest=hashlib.sha256(odd).digest())
    yield "what the receipt names as attestation is no message", "acts", s.bundle(receipt="odd", attestation=odd)
    secure = attestation_of(
        s.logs["example"], s.logs["example"].size, SECURE_GATEWAY, clock=Clock.NEVER_SET, clock_error_ms=None,
        counts={1: 0, 99: 7},
    )  # fmt: skip
    s.receipt("secure attestation", "example", **attested(secure))
    yield "attested by a secure element", "acts", s.bundle(receipt="secure attestation", attestation=secure)
    yield "two witnesses asked for", "two witnesses", s.bundle()
    yield "one witness listed, two cosigned", "one witness", s.bundle()
    yield "no witness asked for, none cosigned", "no witness", s.bundle(note=s.passport.note(()))
    yield "two services trusted", "two services", s.bundle()
    unknown = s.passport.note() + s.passport.note(signer=STRANGER).split(b"\n\n")[1]
    yield "a line of a stranger under the note", "acts", s.bundle(note=unknown)
