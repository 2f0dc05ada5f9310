"""What statements about a passport hold (docs/record.md section 5.11), as values; statement_fields.py reads and writes
them. Who may say them, and when, is for statements.py and life_rules.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from packseal.records.cose import VerifyingKey

PASSPORT_ID_BYTES = 16
CATEGORIES = ("EV", "LMT", "SBESS", "other_industrial")
GROUPS = range(1, 5)  # of Annex XIII and Article 77(2) of Regulation (EU) 2023/1542


class Kind(IntEnum):
    CREATE, STATUS, HANDOVER, VALUES, NOTE, TEST = range(1, 7)


class Stage(IntEnum):
    """Of a battery's life. PREPARED: not on the market yet; RECYCLED: its passport has ended."""

    PREPARED, ORIGINAL, REPAIRED, REUSED, REPURPOSED, REMANUFACTURED, WASTE, RECYCLED = range(8)


class NoteKind(IntEnum):
    REPAIR, ACCIDENT, OTHER = range(1, 4)


Stated: TypeAlias = "str | int | bool | tuple[Stated, ...] | Mapping[str, Stated]"
"""A value of an attribute. A decimal is a text, "12.50": there are no floats."""


@dataclass(frozen=True, slots=True)
class RecordRef:
    log_id: bytes
    seq: int


@dataclass(frozen=True, slots=True)
class Original:
    """A passport that the new one's battery comes from: `head` is the digest of its newest life statement, `consent`
    that of its operator, where that is another than who signs."""

    passport_id: bytes
    head: bytes
    consent: bytes | None = None


@dataclass(frozen=True, slots=True)
class ModulePlace:
    """Where a module of an original is now; `original` is that one's index among the originals."""

    module: str
    original: int
    place: str


@dataclass(frozen=True, slots=True)
class SealedLog:
    log_id: bytes
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Attachment:
    name: str
    media_type: str
    size_bytes: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Create:
    passport_id: bytes
    battery: str
    category: str
    name: str
    operator: VerifyingKey
    originals: tuple[Original, ...] = ()
    modules: tuple[ModulePlace, ...] = ()
    sealed: tuple[SealedLog, ...] = ()
    rated_capacity_mah: int | None = None
    chemistry: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """`after`, here and in HANDOVER: the digest of the passport's newest life statement, CREATE, STATUS or HANDOVER."""

    passport_id: bytes
    after: bytes
    stage: Stage
    note: str = ""
    evidence: tuple[RecordRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Handover:
    """To `operator`, who consents."""

    passport_id: bytes
    after: bytes
    operator: VerifyingKey
    consent: bytes


@dataclass(frozen=True, slots=True)
class Values:
    """Of one access group, so that restricted values can be kept apart."""

    passport_id: bytes
    group: int
    values: Mapping[str, Stated]
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    passport_id: bytes
    kind: NoteKind
    at_unix_ms: int
    text: str
    evidence: tuple[RecordRef, ...] = ()


@dataclass(frozen=True, slots=True)
class CapacityTest:
    """capacity_cpct: of rated capacity; spread_cpct: strongest minus weakest cell block."""

    passport_id: bytes
    capacity_cpct: int
    spread_cpct: int
    method: str
    at_unix_ms: int


Statement: TypeAlias = Create | Status | Handover | Values | Note | CapacityTest
LifeStatement: TypeAlias = Create | Status | Handover


def kind_of(statement: Statement) -> Kind:
    return _KINDS[type(statement)]


_KINDS: Mapping[type[Statement], Kind] = {
    Create: Kind.CREATE,
    Status: Kind.STATUS,
    Handover: Kind.HANDOVER,
    Values: Kind.VALUES,
    Note: Kind.NOTE,
    CapacityTest: Kind.TEST,
}
