"""What bundles are cut from: the example log and a few more, one service's log over all of them, and the policies."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from packseal.records.acts import Authority, Bind, Cause, Revoke, Role, Statement
from packseal.records.blinding import OpenRecord
from packseal.records.bodies import Origin
from packseal.records.bundle import ActPart, Bundle
from packseal.records.cbor import Value
from packseal.records.disclosure import Disclosure, Wanted, disclose
from packseal.records.entries import log_id_of
from packseal.records.passport_log import LogEntry
from packseal.records.policy import MAX_COUNT, Policy, PolicyLog, Revocation
from tests.vectors.entries import BOOT_BODY, SOH, TIME, Example, example, soh_body, window
from tests.vectors.estimates import BATTERY as ESTIMATED_BATTERY
from tests.vectors.estimates import SIGNER, estimate_log
from tests.vectors.world import (
    ASSESSOR,
    BOARD,
    DIGEST,
    GATEWAY,
    INTEGRATOR,
    OPERATOR,
    ORIGIN,
    OTHER_ORIGIN,
    OTHER_SERVICE,
    SECURE_BOARD,
    SECURE_GATEWAY,
    SERVICE,
    THIRD_KEY,
    WITNESSES,
    Actor,
    Log,
    Passport,
    bundle_of,
    time_part,
)

SEED_OF_OTHERS = bytes(range(64, 80))


@dataclass
class Scene:
    """A service's log with the acts and receipts in it, by name, and the logs that they are about."""

    passport: Passport
    logs: dict[str, Log]
    acts: dict[str, ActPart]
    receipts: dict[str, bytes]
    attestations: dict[str, bytes]

    def copy(self) -> Scene:
        logs = {name: copy.copy(log) for name, log in self.logs.items()}
        return Scene(self.passport.copy(), logs, dict(self.acts), dict(self.receipts), dict(self.attestations))

    def act(self, name: str, statement: Statement, by: Actor, leaf: LogEntry | None = None) -> Scene:
        self.acts[name] = self.passport.act(statement, by, leaf)
        return self

    def receipt(self, name: str, log: str, size: int | None = None, **changed: Any) -> Scene:
        of = self.logs[log]
        self.receipts[name] = self.passport.receipt(of, of.size if size is None else size, **changed)
        return self

    def bundle(
        self,
        log: str = "example",
        seq: int = SOH,
        receipt: str | None = None,
        size: int | None = None,
        acts: Iterable[str] = ("bind",),
        **changed: Any,
    ) -> Bundle:
        of = self.logs[log]
        size, named = of.size if size is None else size, [self.acts[name] for name in acts]
        return bundle_of(self.passport, of, seq, self.receipts[receipt or log], size, named, **changed)

    def full(self, **changed: Any) -> Bundle:
        """The example's state of health with everything a bundle can hold."""
        log = self.logs["example"]
        parts = {"time": time_part(log, TIME, log.size, self.receipts["time"])}
        return self.bundle(**parts | {"attestation": self.attestations["example"]} | changed)

    def shown(self, seq: int, wanted: Wanted, log: str = "example", **changed: Any) -> Bundle:
        of = self.logs[log]
        blinded, disclosure = disclose(of.entries[seq], of.record_seed(seq), wanted)
        return self.bundle(log, seq, entry=blinded, shown=disclosure.to_map(), **changed)

    def disclosed(self, seq: int, disclosure: Disclosure | Value, log: str = "example", **changed: Any) -> Bundle:
        """As shown, with any disclosure."""
        of = self.logs[log]
        value = disclosure.to_map() if isinstance(disclosure, Disclosure) else disclosure
        return self.bundle(log, seq, entry=of.blinded(seq), shown=value, **changed)

    def open_record(self, seq: int, log: str = "example") -> OpenRecord:
        of = self.logs[log]
        return OpenRecord.of(of.entries[seq], of.record_seed(seq))


@cache
def _scene() -> Scene:
    found: Example = example()
    receipts = {"time": found.time_receipt, "rotated": found.receipt_rotated, "example": found.receipt}
    attestations = {"rotated": found.attestation_rotated, "example": found.attestation}
    scene = Scene(found.passport.copy(), {"example": found.log}, dict(found.acts), receipts, attestations)
    scene.logs |= {
        "secure": small_log(SECURE_BOARD),
        "twice": _rotated_twice(),
        "gateway": small_log(GATEWAY, Origin.GATEWAY),
        "secure gateway": small_log(SECURE_GATEWAY, Origin.GATEWAY),
        "import": small_log(THIRD_KEY, Origin.FILE),
        "edges": _edges(),
        "one": Log(Actor(21), SEED_OF_OTHERS),
    }
    scene.act("bind secure", Bind(SECURE_BOARD.public_key, "secure-pack", "A"), OPERATOR)
    scene.act("bind twice", Bind(Actor(19).public_key, "secure-pack", "B"), OPERATOR)
    scene.act("bind gateway", Bind(GATEWAY.public_key, "can-pack", "C"), INTEGRATOR)
    scene.act("bind import", Bind(THIRD_KEY.public_key, "replayed-pack", "D"), INTEGRATOR)
    scene.act("bind by service", Bind(BOARD.public_key, "another-pack", "B"), SERVICE)
    scene.act("bind edges", Bind(Actor(20).public_key, "edge-pack", "B"), INTEGRATOR)
    for name in scene.logs:
        if name != "example":
            scene.receipt(name, name)
    return scene


def scene() -> Scene:
    """A new one, to be lied in."""
    return _scene().copy()


def with_estimates() -> Scene:
    """A new one that knows a log with ESTIMATEs, too."""
    s = scene()
    s.logs["estimates"], _ = estimate_log()
    s.act("bind estimates", Bind(SIGNER.public_key, ESTIMATED_BATTERY, "B"), INTEGRATOR)
    return s.receipt("estimates", "estimates")


def small_log(signer: Actor, origin: Origin = Origin.BOARD) -> Log:
    log = Log(signer, SEED_OF_OTHERS, origin, DIGEST if origin is Origin.FILE else DIGEST[:16])
    log.append(1, BOOT_BODY)
    for seq in range(2, 5):
        log.add(window(seq))
    log.append(3, soh_body(), uptime_ms=50_000)
    return log


def _rotated_twice() -> Log:
    log = Log(Actor(19), SEED_OF_OTHERS)
    log.append(1, BOOT_BODY)
    log.rotate(SECURE_BOARD)
    log.add(window(3))
    log.rotate(THIRD_KEY)
    log.append(3, soh_body(), uptime_ms=50_000)
    return log


def _edges() -> Log:
    """Statements at both ends of what a chain can say, one between two steps, and a window whose column is empty."""
    log = Log(Actor(20), SEED_OF_OTHERS)
    for soh_cpct in (0, 9100, 12_750, 20_000):
        log.append(3, soh_body() | {5: [soh_cpct, 45]})
    log.append(2, {1: 10_000, 2: 10, 6: b""})
    return log


def timed(content: bytes, unix_ms: int) -> Log:
    """A log whose TIME entry names these bytes, and a window behind it."""
    log = Log(BOARD, SEED_OF_OTHERS)
    log.append(7, {1: hashlib.sha256(content).digest(), 2: unix_ms})
    log.append(2, {1: 10_000, 2: 10}, uptime_ms=10_000)
    return log


# ---- policies


KEYS = tuple(
    Authority(actor.key, role)
    for actor, role in (
        (INTEGRATOR, Role.INTEGRATOR),
        (OPERATOR, Role.OPERATOR),
        (ASSESSOR, Role.ASSESSOR),
        (GATEWAY, Role.GATEWAY),
        (SECURE_GATEWAY, Role.GATEWAY),
    )
)


def policies() -> dict[str, Policy]:
    example_id, services = log_id_of(example().log.genesis), {SERVICE.public_key: ORIGIN}
    both = {OTHER_SERVICE.public_key: OTHER_ORIGIN, SERVICE.public_key: ORIGIN}
    logs = _scene().logs
    witnesses = {name: witness.public_key for name, witness in WITNESSES.items()}
    one = dict([next(iter(witnesses.items()))])
    return {
        "acts": Policy({}, services, KEYS, witnesses, 1),
        "two witnesses": Policy({}, services, KEYS, witnesses, 2),
        "one witness": Policy({}, services, KEYS, one, 1),
        "no witness": Policy({}, services, KEYS),
        "two services": Policy({}, both, KEYS, witnesses, 1),
        "no service": Policy({}, {}, KEYS),
        "the service under another origin": Policy({}, {SERVICE.public_key: OTHER_ORIGIN}, KEYS, witnesses, 1),
        "listed": Policy({example_id: PolicyLog("listed-pack", "A")}, services),
        "listed, with authorities": Policy({example_id: PolicyLog("listed-pack", "A")}, services, KEYS),
        "listed, all of them": Policy(
            {logs[name].log_id: PolicyLog("listed-pack", evidence_class)
             for name, evidence_class in (("one", "B"), ("secure gateway", "C"), ("twice", "A"))}, services,
        ),
        "listed as class C": Policy({example_id: PolicyLog("listed-pack", "C")}, services),
        "gateway listed as class B": Policy({logs["gateway"].log_id: PolicyLog("listed-pack", "B")}, services),
        "only an operator": Policy({}, services, (Authority(OPERATOR.key, Role.OPERATOR),), witnesses, 1),
        **_told(witnesses, both),
    }  # fmt: skip


def _told(witnesses: Mapping[str, bytes], both: Mapping[bytes, str]) -> dict[str, Policy]:
    """Policies that know of a key that was revoked: at the index of the example's receipt, or behind it."""
    last_index, services = len(example().passport.leaves) - 1, {SERVICE.public_key: ORIGIN}

    def told(key: Actor, index: int, known: Mapping[bytes, str] = services, by: Actor = SERVICE) -> Policy:
        return Policy({}, known, KEYS, witnesses, 1, {key.public_key: Revocation(by.public_key, index)})

    return {
        "board revoked later": told(BOARD, last_index + 1),
        "board revoked": told(BOARD, last_index),
        "board revoked later, of two services": told(BOARD, last_index + 1, both),
        "board revoked later, in another service's log": told(BOARD, last_index + 1, both, OTHER_SERVICE),
        "integrator revoked": told(INTEGRATOR, 0),
        "integrator revoked in another service's log": told(INTEGRATOR, MAX_COUNT, both, OTHER_SERVICE),
        "service revoked later": told(SERVICE, last_index + 1),
        "service revoked": told(SERVICE, last_index),
        "service revoked, in another service's log": told(SERVICE, MAX_COUNT, both, OTHER_SERVICE),
        "other service revoked": told(OTHER_SERVICE, 0, both, OTHER_SERVICE),
        "gateway revoked later": told(GATEWAY, last_index + 1),
        "gateway revoked": told(GATEWAY, last_index),
    }


def revoked(scene: Scene, public_key: bytes, by: Actor, cause: Cause) -> Scene:
    return scene.act("revoke", Revoke(public_key, cause), by)
