"""What goes into the passport's store and comes out of it: heads of logs, deliveries, what is signed with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from packseal.errors import UnavailableError
from packseal.passport.audit import LogIdentity
from packseal.passport.summary import Summary
from packseal.records.acts import Act
from packseal.records.entries import log_id_of
from packseal.records.log import TrustedLog, Verified, rotations_from_bytes
from packseal.records.merkle import Edge

SignNote: TypeAlias = Callable[[int, bytes], bytes]
"""(size, root) -> the signed note"""


class OvertakenError(UnavailableError):
    """Another worker stored something first that this depends on. Nothing was stored: look again and try again."""


@dataclass(frozen=True, slots=True)
class SignedAct:
    content: bytes
    act: Act


@dataclass(frozen=True, slots=True)
class LogHead:
    """The row of a log as the store holds it now; `log` and `edge` only when it still is what was stored."""

    where: str
    log_id: bytes
    genesis: bytes
    seed: bytes
    battery: str
    evidence_class: str
    size: int
    edge_bytes: bytes
    boot: int
    uptime_ms: int
    rotation_bytes: bytes
    is_sealed: int

    @property
    def identity(self) -> LogIdentity:
        return LogIdentity(self.log_id, self.genesis, self.rotation_bytes)

    @property
    def has_own_genesis(self) -> bool:
        """What hashes to the log_id was a KEY entry when the log was stored."""
        return log_id_of(self.genesis) == self.log_id

    @property
    def edge(self) -> Edge:
        """Raises UnavailableError."""
        try:
            return Edge.from_bytes(self.edge_bytes)
        except ValueError:
            raise damaged(self.where, f"the head of log {self.log_id.hex()}") from None

    @property
    def log(self) -> TrustedLog:
        """Raises UnavailableError."""
        try:
            rotations = rotations_from_bytes(self.rotation_bytes)
        except ValueError:
            raise damaged(self.where, f"the head of log {self.log_id.hex()}") from None
        if not self.has_own_genesis or self.edge.size != self.size:
            raise damaged(self.where, f"the head of log {self.log_id.hex()}")
        at = (self.boot, self.uptime_ms, rotations, bool(self.is_sealed))
        return TrustedLog(self.genesis, self.seed, self.edge, *at)


@dataclass(frozen=True, slots=True)
class StateRow:
    """A folded state as bytes. size: records in it, of all its logs; tag: the service's own mark on the bytes."""

    size: int
    state: bytes
    tag: bytes


@dataclass(frozen=True, slots=True)
class PassportUpdate:
    """The state of a battery's passport in place of the one of `before` records, 0 where none was stored; and its line
    in lists."""

    battery: str
    before: int
    row: StateRow
    summary: Summary


@dataclass(frozen=True, slots=True)
class Change:
    """Something new about a battery, with the index of its leaf in the passport log. kind: records or statement."""

    index: int
    battery: str
    kind: str
    passport: str = ""  # its public name


@dataclass(frozen=True, slots=True)
class Incoming:
    """A verified delivery on its way into the store: whose it is, with which attestation, and what is made of it inside
    of the store's transaction, when its place in the passport log and its time are known.

    receipt: (service index, received_unix_ms) -> the signed receipt. passport: received_unix_ms -> the passport's
    state with it; None for a delivery that adds no record.
    """

    verified: Verified
    battery: str
    evidence_class: str
    checkpoint: bytes
    attestation: bytes | None
    receipt: Callable[[int, int], bytes]
    acts: Sequence[SignedAct] = ()
    passport: Callable[[int], PassportUpdate] | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Deliveries of different logs and batteries that are stored together, with one signed note.

    now_unix_ms: when they came; receipts never have an earlier time than those before them. acts_seen: of so many
    entries of the passport log the acts are known to who verified this.
    """

    deliveries: Sequence[Incoming]
    note: SignNote
    now_unix_ms: int
    acts_seen: int


@dataclass(frozen=True, slots=True)
class Kept:
    """receipts: in the order of the deliveries. log_size: of the passport log, with all of this."""

    receipts: tuple[bytes, ...]
    received_unix_ms: int
    log_size: int


@dataclass(frozen=True, slots=True)
class Covering:
    size: int
    checkpoint: bytes
    receipt: bytes
    service_index: int
    attestation: bytes | None


def damaged(where: str, what: str) -> UnavailableError:
    return UnavailableError(f"{where}: {what} is not what was stored; restore the file from a backup")
