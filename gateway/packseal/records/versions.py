"""Names with versions, scopes and periods of validity, as certificates and rules write them (docs/recognition.md 1).

Decides their shapes. Versions are compared as they are written: nothing here knows of one that is newer than another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from packseal.records.cbor import Value
from packseal.records.cose import PUBLIC_KEY_BYTES, VerifyingKey
from packseal.records.fields import DIGEST_BYTES, MAX_NUMBER, malformed

IDENTIFIER = re.compile(r"[!-?A-~]{1,255}")  # printable ASCII without '@', which stands between name and version
VERSION = re.compile(r"[!-?A-~]{1,63}")
MAX_TEXT_BYTES = 1024
MAX_NAMED = 256


@dataclass(frozen=True, slots=True)
class Named:
    """One version of something: another version is something else."""

    id: str
    version: str

    def __str__(self) -> str:
        return f"{self.id}@{self.version}"


@dataclass(frozen=True, slots=True)
class Scope:
    """What is certified: a profile of a scheme, each in its version."""

    scheme: Named
    profile: Named

    def __str__(self) -> str:
        return f"{self.scheme} {self.profile}"

    def to_value(self) -> Value:
        return [self.scheme.id, self.scheme.version, self.profile.id, self.profile.version]


@dataclass(frozen=True, slots=True)
class Period:
    """The first millisecond, and the first one that is too late."""

    from_unix_ms: int
    until_unix_ms: int

    def to_value(self) -> Value:
        return [self.from_unix_ms, self.until_unix_ms]


def checked_id(value: Value, what: str) -> str:
    """Raises EvidenceError(MALFORMED)."""
    return _matching(value, IDENTIFIER, what)


def read_named(value: Value) -> Named:
    """Raises EvidenceError(MALFORMED)."""
    match value:
        case [name, version]:
            return Named(checked_id(name, "a name"), _matching(version, VERSION, "a version"))
    raise malformed("a named thing is [name, version]")


def named_value(named: Named) -> Value:
    return [named.id, named.version]


def named_list(several: Iterable[Named]) -> Value:
    return [named_value(one) for one in several]


def read_named_list(items: list[Value], what: str) -> tuple[Named, ...]:
    """One at least, none twice. Raises EvidenceError(MALFORMED)."""
    found = tuple(map(read_named, items))
    if not 0 < len(found) <= MAX_NAMED:
        raise malformed(f"{len(found)} of {what}, where 1 to {MAX_NAMED} belong")
    checked_once(what, found)
    return found


def read_scope(value: Value) -> Scope:
    """Raises EvidenceError(MALFORMED)."""
    match value:
        case [scheme, scheme_version, profile, profile_version]:
            return Scope(read_named([scheme, scheme_version]), read_named([profile, profile_version]))
    raise malformed("a scope is [scheme, its version, profile, its version]")


def read_period(value: Value) -> Period:
    """Raises EvidenceError(MALFORMED)."""
    match value:
        case [int(first), int(end)] if 0 <= first < end <= MAX_NUMBER:
            return Period(first, end)
    raise malformed("a period is [first millisecond, first one too late], and not empty")


def key_value(key: VerifyingKey) -> Value:
    return [key.algorithm, key.public_key]


def read_key(value: Value) -> VerifyingKey:
    """Raises EvidenceError(MALFORMED)."""
    match value:
        case [int(algorithm), bytes(public_key)] if len(public_key) == PUBLIC_KEY_BYTES.get(algorithm):
            return VerifyingKey(public_key, algorithm)
    raise malformed("a key is [algorithm, public_key]")


def read_digests(items: list[Value], most: int) -> tuple[bytes, ...]:
    """Raises EvidenceError(MALFORMED)."""
    found = tuple(item for item in items if isinstance(item, bytes) and len(item) == DIGEST_BYTES)
    if len(found) != len(items) or len(found) > most:
        raise malformed(f"expected at most {most} digests of {DIGEST_BYTES} bytes")
    checked_once("digest", found)
    return found


def checked_once(what: str, values: Iterable[object]) -> None:
    """Raises EvidenceError(MALFORMED)."""
    found = list(values)
    if len(set(found)) < len(found):
        raise malformed(f"the same {what} twice")


def _matching(value: Value, pattern: re.Pattern[str], what: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise malformed(f"{what} is {value!r:.60}, not of printable ASCII without '@', short enough")
    return value
