"""What goes into the passport's store and comes out of it: heads of logs, deliveries, what is signed with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packseal.errors import UnavailableError
from packseal.io.passport_log_table import SignedAct, SignNote
from packseal.passport.audit import LogIdentity
from packseal.records.entries import log_id_of
from packseal.records.log import TrustedLog, rotations_from_bytes
from packseal.records.merkle import Edge


@dataclass(frozen=True, slots=True)
class LogHead:
    """The row of a log as the file holds it now; `log` and `edge` only when it still is what was stored."""

    path: Path
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
            raise damaged(self.path, f"the head of log {self.log_id.hex()}") from None

    @property
    def log(self) -> TrustedLog:
        """Raises UnavailableError."""
        try:
            rotations = rotations_from_bytes(self.rotation_bytes)
        except ValueError:
            raise damaged(self.path, f"the head of log {self.log_id.hex()}") from None
        if not self.has_own_genesis or self.edge.size != self.size:
            raise damaged(self.path, f"the head of log {self.log_id.hex()}")
        at = (self.boot, self.uptime_ms, rotations, bool(self.is_sealed))
        return TrustedLog(self.genesis, self.seed, self.edge, *at)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A verified delivery on its way into the store: whose it is, when it came, with which attestation."""

    battery: str
    evidence_class: str
    checkpoint: bytes
    attestation: bytes | None
    unix_ms: int


@dataclass(frozen=True, slots=True)
class Signing:
    """What the service signs inside a store's transaction: acts are signed already, a receipt when its index is known,
    the note when the tree is."""

    receipt: Callable[[int], bytes]
    note: SignNote
    acts: Sequence[SignedAct] = ()


@dataclass(frozen=True, slots=True)
class Covering:
    size: int
    checkpoint: bytes
    receipt: bytes
    service_index: int
    attestation: bytes | None


def damaged(path: Path, what: str) -> UnavailableError:
    return UnavailableError(f"{path}: {what} is not what was stored; restore the file from a backup")
