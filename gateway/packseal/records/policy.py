"""Whom a verifier trusts; told to it by someone it knows, never by who sent the evidence (docs/record.md section 8).

A policy travels as JSON: a service offers its own, and whoever trusts the service keeps it as policy.json.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from packseal.records.acts import MAX_BATTERY_BYTES, Authority, Role
from packseal.records.bodies import Origin
from packseal.records.cose import ED25519, PUBLIC_KEY_BYTES, VerifyingKey
from packseal.records.entries import LOG_ID_BYTES
from packseal.records.fields import is_encodable
from packseal.records.note import checked_key_name

CLASSES = {
    "A": "key in a secure element",
    "B": "key in the board's microcontroller",
    "C": "observed on CAN by a gateway and signed there",
    "D": "imported from a file; a replay, never live",
}
CLASS_ORIGINS = {"A": Origin.BOARD, "B": Origin.BOARD, "C": Origin.GATEWAY, "D": Origin.FILE}
MAX_COUNT = (1 << 53) - 1  # what every reader of JSON holds exactly; no log has as many leaves
LISTED_ROLES = {
    role.name.lower(): role for role in (Role.INTEGRATOR, Role.OPERATOR, Role.ASSESSOR, Role.RECYCLER, Role.GATEWAY)
}


@dataclass(frozen=True, slots=True)
class PolicyLog:
    """The verifier was told: this log belongs to this battery, with this evidence class."""

    battery: str
    evidence_class: str


@dataclass(frozen=True, slots=True)
class Revocation:
    """From this index of this service's log on a key counts no more."""

    service: bytes
    index: int


@dataclass(frozen=True, slots=True)
class Policy:
    """services: public key -> the origin of its log. keys: integrators, operators, assessors, recyclers and gateways.
    revoked: by public key."""

    logs: Mapping[bytes, PolicyLog]
    services: Mapping[bytes, str]
    keys: tuple[Authority, ...] = ()
    witnesses: Mapping[str, bytes] = field(default_factory=dict)
    witnesses_needed: int = 0
    revoked: Mapping[bytes, Revocation] = field(default_factory=dict)

    @property
    def authorities(self) -> tuple[Authority, ...]:
        services = (Authority(VerifyingKey(public_key), Role.SERVICE) for public_key in self.services)
        return (*self.keys, *services)

    def revoked_from(self, public_key: bytes, service: bytes) -> int | None:
        """The index of this service's log from which on a key counts no more: 0 where it was revoked in another log,
        since nobody can say what came before what; None where it was not revoked."""
        revoked = self.revoked.get(public_key)
        if revoked is None:
            return None
        return revoked.index if revoked.service == service else 0

    def gateway(self, kid: bytes | None) -> VerifyingKey | None:
        """The gateway of this key id, where the policy lists it."""
        keys = (authority.key for authority in self.keys if authority.role is Role.GATEWAY)
        return next((key for key in keys if key.kid == kid), None)

    @classmethod
    def from_bytes(cls, content: bytes) -> Policy:
        """A policy.json, in UTF-8, no name of an object twice. Raises ValueError, as from_json does."""
        try:
            return cls.from_json(json.loads(content.decode(), object_pairs_hook=_named_once))
        except RecursionError:
            raise ValueError("policy: nested deeper than any policy is") from None

    @classmethod
    def from_json(cls, content: Any) -> Policy:
        """What json.loads made of a policy; `services` is needed, the rest may be absent. Raises ValueError, which
        names the place, what was expected and what was found."""
        parts = {**_EMPTY, **_object(content, "policy", {"services"}, _EMPTY)}
        services, keys, witnesses, revoked = (
            [(f"{name}[{n}]", item) for n, item in enumerate(_array(parts[name], name))]
            for name in ("services", "keys", "witnesses", "revoked")
        )
        logs = parts["logs"]
        _expect(isinstance(logs, dict), "logs", "an object", logs)
        by_key = _unique([_service(item, at) for at, item in services])
        policy = cls(
            _unique([(_bytes(name, "logs", LOG_ID_BYTES), _log(item, f"logs.{name}")) for name, item in logs.items()]),
            by_key,
            tuple(_key(item, at) for at, item in keys),
            _unique([_witness(item, at) for at, item in witnesses]),
            _number(parts["witnesses_needed"], "witnesses_needed"),
            _unique([_revoked(item, at, by_key) for at, item in revoked]),
        )
        _unique([(public_key, None) for public_key in (*policy.services, *(key.key.public_key for key in policy.keys))])
        _unique([(public_key, None) for public_key in policy.witnesses.values()])
        if policy.witnesses_needed > len(policy.witnesses):
            words = f"expected at most {len(policy.witnesses)}, as many as are listed, found {policy.witnesses_needed}"
            raise ValueError(f"witnesses_needed: {words}")
        return policy

    def to_json(self) -> dict[str, Any]:
        """What from_json reads."""
        return {
            "services": [{"origin": origin, "public_key": key.hex()} for key, origin in self.services.items()],
            "logs": {
                log_id.hex(): {"battery": log.battery, "evidence_class": log.evidence_class}
                for log_id, log in self.logs.items()
            },
            "keys": [
                {"public_key": key.key.public_key.hex(), "algorithm": key.key.algorithm, "role": key.role.name.lower()}
                for key in self.keys
            ],
            "witnesses": [{"name": name, "public_key": key.hex()} for name, key in self.witnesses.items()],
            "witnesses_needed": self.witnesses_needed,
            "revoked": [
                {"public_key": key.hex(), "index": revoked.index, "service": revoked.service.hex()}
                for key, revoked in self.revoked.items()
            ],
        }


# ---- reading JSON: each function gives the value of its kind, or raises ValueError naming the place

_EMPTY: Mapping[str, Any] = {"logs": {}, "keys": [], "witnesses": [], "witnesses_needed": 0, "revoked": []}
Key = TypeVar("Key")
Item = TypeVar("Item")


def _log(value: Any, at: str) -> PolicyLog:
    parts = _object(value, at, {"battery", "evidence_class"})
    battery, evidence_class = parts["battery"], parts["evidence_class"]
    is_name = isinstance(battery, str) and is_encodable(battery) and 0 < len(battery.encode()) <= MAX_BATTERY_BYTES
    _expect(is_name, f"{at}.battery", f"a text of 1 to {MAX_BATTERY_BYTES} bytes", battery)
    _expect(
        isinstance(evidence_class, str) and evidence_class in CLASSES,
        f"{at}.evidence_class",
        "A, B, C or D",
        evidence_class,
    )
    return PolicyLog(battery, evidence_class)


def _key(value: Any, at: str) -> Authority:
    parts = _object(value, at, {"public_key", "algorithm", "role"})
    algorithm, role = parts["algorithm"], parts["role"]
    is_known = type(algorithm) is int and algorithm in PUBLIC_KEY_BYTES
    _expect(is_known, f"{at}.algorithm", "-19 for Ed25519 or -9 for ESP256", algorithm)
    _expect(isinstance(role, str) and role in LISTED_ROLES, f"{at}.role", f"one of {', '.join(LISTED_ROLES)}", role)
    public_key = _bytes(parts["public_key"], f"{at}.public_key", PUBLIC_KEY_BYTES[algorithm])
    return Authority(VerifyingKey(public_key, algorithm), LISTED_ROLES[role])


def _service(value: Any, at: str) -> tuple[bytes, str]:
    parts = _object(value, at, {"origin", "public_key"})
    origin = _key_name(parts["origin"], f"{at}.origin")
    return _bytes(parts["public_key"], f"{at}.public_key", PUBLIC_KEY_BYTES[ED25519]), origin


def _witness(value: Any, at: str) -> tuple[str, bytes]:
    parts = _object(value, at, {"name", "public_key"})
    name = _key_name(parts["name"], f"{at}.name")
    return name, _bytes(parts["public_key"], f"{at}.public_key", PUBLIC_KEY_BYTES[ED25519])


def _key_name(value: Any, at: str) -> str:
    _expect(isinstance(value, str), at, "a text", value)
    try:
        return checked_key_name(value)
    except ValueError as error:
        raise ValueError(f"{at}: {error}") from None


def _revoked(value: Any, at: str, services: Collection[bytes]) -> tuple[bytes, Revocation]:
    """`service` may be left out where there is only one that it can be."""
    parts = _object(value, at, {"public_key", "index"}, {"service"})
    public_key = _bytes(parts["public_key"], f"{at}.public_key", *PUBLIC_KEY_BYTES.values())
    index = _number(parts["index"], f"{at}.index")
    if "service" not in parts and len(services) == 1:
        return public_key, Revocation(next(iter(services)), index)
    service = _bytes(parts.get("service"), f"{at}.service", PUBLIC_KEY_BYTES[ED25519])
    _expect(service in services, f"{at}.service", "the key of one of the services", service.hex())
    return public_key, Revocation(service, index)


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Readers of JSON differ in which of two values they take."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("policy: a name stands twice in one object")
    return found


def _object(value: Any, at: str, needed: set[str], optional: Collection[str] = ()) -> dict[str, Any]:
    _expect(isinstance(value, dict), at, "an object", value)
    missing, unknown = needed - set(value), set(value) - needed - set(optional)
    if missing or unknown:
        which = [*(f"{name!r} is missing" for name in missing), *(f"{name!r} is not known" for name in unknown)]
        raise ValueError(f"{at}: {', '.join(sorted(which))}")
    return dict(value)


def _array(value: Any, at: str) -> list[Any]:
    _expect(isinstance(value, list), at, "an array", value)
    return list(value)


def _bytes(value: Any, at: str, *lengths: int) -> bytes:
    digits = " or ".join(str(2 * length) for length in lengths)
    is_hex = isinstance(value, str) and re.fullmatch("[0-9a-f]*", value) and len(value) in [2 * n for n in lengths]
    _expect(bool(is_hex), at, f"{digits} hexadecimal digits in lower case", value)
    return bytes.fromhex(value)


def _number(value: Any, at: str) -> int:
    _expect(type(value) is int and 0 <= value <= MAX_COUNT, at, f"a number from 0 to {MAX_COUNT}", value)
    return int(value)


def _unique(pairs: list[tuple[Key, Item]]) -> dict[Key, Item]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for n, (key, _) in enumerate(pairs) if key in [other for other, _ in pairs[:n]])
        raise ValueError(f"policy: {twice.hex() if isinstance(twice, bytes) else twice} is listed twice")
    return found


def _expect(is_so: bool, at: str, expected: str, found: Any) -> None:
    if not is_so:
        raise ValueError(f"{at}: expected {expected}, found {found!r:.80}")
