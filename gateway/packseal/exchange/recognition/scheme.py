"""A scheme of certification in one version: its criteria, and the profiles that ask for some of them.

Decides the shape of the document (docs/recognition.md section 4). It carries no signature: a trust list names it by
the SHA-256 of its bytes, so whose word it is, and whether it is in force, is the list's part.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from packseal.records.cbor import Value, encode
from packseal.records.certificates import AssessmentLevel, payload_fields
from packseal.records.checkpoint import FORMAT_VERSION
from packseal.records.fields import malformed
from packseal.records.versions import (
    MAX_NAMED,
    MAX_TEXT_BYTES,
    Named,
    checked_id,
    checked_once,
    named_list,
    named_value,
    read_named,
    read_named_list,
)

MAX_SCHEME_BYTES = 1 << 17


@dataclass(frozen=True, slots=True)
class Criterion:
    name: Named
    title: str


@dataclass(frozen=True, slots=True)
class Profile:
    """Met by who meets all of these criteria, assessed at this level or above."""

    name: Named
    criteria: tuple[Named, ...]
    least_level: AssessmentLevel


@dataclass(frozen=True, slots=True)
class Scheme:
    """side: the ecosystem it belongs to, such as `ouranos`."""

    name: Named
    title: str
    side: str
    criteria: tuple[Criterion, ...]
    profiles: tuple[Profile, ...]

    def profile(self, name: Named) -> Profile | None:
        return next((one for one in self.profiles if one.name == name), None)

    def title_of(self, name: Named) -> str:
        return next((one.title for one in self.criteria if one.name == name), "")

    def to_bytes(self) -> bytes:
        """Raises TypeError, ValueError or EvidenceError(MALFORMED) for what a reader would refuse."""
        content = encode([FORMAT_VERSION, _fields(self)])
        Scheme.from_bytes(content)
        return content

    @classmethod
    def from_bytes(cls, content: bytes) -> Scheme:
        """Raises EvidenceError: MALFORMED, UNKNOWN_VERSION."""
        if len(content) > MAX_SCHEME_BYTES:
            raise malformed(f"a scheme of {len(content)} bytes; the limit is {MAX_SCHEME_BYTES}")
        fields = payload_fields(content, 5)
        criteria = tuple(map(_read_criterion, fields.items(4)))
        scheme = cls(
            read_named(fields.values[1]),
            fields.text(2, MAX_TEXT_BYTES),
            checked_id(fields.values[3], "a side"),
            criteria,
            tuple(map(_read_profile, fields.items(5))),
        )
        scheme.check()
        return scheme

    def check(self) -> None:
        """Raises EvidenceError(MALFORMED)."""
        if not 0 < len(self.criteria) <= MAX_NAMED or not 0 < len(self.profiles) <= MAX_NAMED:
            raise malformed(f"a scheme has 1 to {MAX_NAMED} criteria and as many profiles")
        checked_once("criterion", [one.name.id for one in self.criteria])
        checked_once("profile", [one.name for one in self.profiles])
        known = {one.name for one in self.criteria}
        for profile in self.profiles:
            if not known.issuperset(profile.criteria):
                raise malformed(f"profile {profile.name} asks for a criterion that its scheme has not")


def scheme_digest(content: bytes) -> bytes:
    """By which a trust list names the document."""
    return hashlib.sha256(content).digest()


def _fields(scheme: Scheme) -> dict[int, Value]:
    criteria: list[Value] = [[one.name.id, one.name.version, one.title] for one in scheme.criteria]
    profiles: list[Value] = [
        [one.name.id, one.name.version, named_list(one.criteria), int(one.least_level)] for one in scheme.profiles
    ]
    return {1: named_value(scheme.name), 2: scheme.title, 3: scheme.side, 4: criteria, 5: profiles}


def _read_criterion(value: Value) -> Criterion:
    match value:
        case [name, version, str(title)] if 0 < len(title.encode()) <= MAX_TEXT_BYTES:
            return Criterion(read_named([name, version]), title)
    raise malformed("a criterion is [name, version, title]")


def _read_profile(value: Value) -> Profile:
    match value:
        case [name, version, list(criteria), int(level)] if level in set(AssessmentLevel):
            return Profile(read_named([name, version]), read_named_list(criteria, "criterion"), AssessmentLevel(level))
    raise malformed("a profile is [name, version, criteria, least level]")
