"""A passport service on paper: signs receipts and a log of its own over what a test hands it, and makes bundles.

Everything in memory, so that any single thing can be made wrong.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

from nacl.signing import SigningKey

from packseal.records.acts import Authority, Bind, Role, Statement, leaf_entry_of, sign_act
from packseal.records.bundle import ActPart, Bundle, TimePart
from packseal.records.checkpoint import Receipt, receipt_leaf_entry, sign_receipt, verify_receipt
from packseal.records.cose import VerifyingKey
from packseal.records.entries import BLINDED_TYPES
from packseal.records.merkle import Edge, inclusion_proof, leaf_hash
from packseal.records.note import LogCheckpoint, cosign, sign_log_checkpoint, with_cosignatures
from packseal.records.passport_log import LogEntry
from packseal.records.policy import Policy
from tests.passport.board import Board, key_of, signer

ORIGIN = "passports.example/log"
START_UNIX_MS = 1_797_000_000_000
BATTERY = "pack-1"


def public(key: SigningKey) -> bytes:
    return bytes(key.verify_key)


def verifying(key: SigningKey) -> VerifyingKey:
    return VerifyingKey(public(key))


def salt(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:16]


@dataclass
class PaperService:
    key: SigningKey = field(default_factory=lambda: key_of("service"))
    integrator: SigningKey = field(default_factory=lambda: key_of("integrator"))
    witness: SigningKey = field(default_factory=lambda: key_of("witness"))
    leaves: list[bytes] = field(default_factory=list)
    acts: list[tuple[bytes, int]] = field(default_factory=list)
    now_unix_ms: int = START_UNIX_MS

    def append(self, entry: LogEntry) -> int:
        self.leaves.append(leaf_hash(entry.to_bytes()))
        return len(self.leaves) - 1

    def act(self, statement: Statement, key: SigningKey | None = None) -> ActPart:
        """Signed (by the integrator unless said otherwise) and in the log; its proof is made when a bundle is."""
        by = key or self.integrator
        content = sign_act(statement, salt(f"act {len(self.leaves)}"), self.now_unix_ms, signer(by), verifying(by))
        index = self.append(leaf_entry_of(content, statement))
        self.acts.append((content, index))
        return ActPart(content, index, ())

    def bind(self, board: Board, battery: str = BATTERY, evidence_class: str = "B") -> ActPart:
        return self.act(Bind(board.public_key, battery, evidence_class))

    def receipt(self, board: Board, size: int | None = None, **changed: Any) -> bytes:
        size = board.size if size is None else size
        index = len(self.leaves)
        fields: dict[str, Any] = {
            "log_id": board.log_id,
            "size": size,
            "root": board.root(size),
            "service_index": index,
        }
        fields |= {"received_unix_ms": self.now_unix_ms, "salt": salt(f"receipt {index}"), **changed}
        content = sign_receipt(Receipt(**fields), signer(self.key), public(self.key))
        self.append(receipt_leaf_entry(content))
        return content

    def note(self) -> bytes:
        checkpoint = LogCheckpoint(ORIGIN, len(self.leaves), Edge().extended(self.leaves).root())
        note = sign_log_checkpoint(checkpoint, signer(self.key), public(self.key))
        line = cosign(note, "witness.example", public(self.witness), signer(self.witness), self.now_unix_ms // 1000)
        return with_cosignatures(note, [line])

    def proof(self, index: int) -> tuple[bytes, ...]:
        return tuple(inclusion_proof(self.leaves, index))

    def policy(self, **changed: Any) -> Policy:
        keys = (Authority(verifying(self.integrator), Role.INTEGRATOR),)
        services, witnesses = {public(self.key): ORIGIN}, {"witness.example": public(self.witness)}
        return replace(Policy({}, services, keys, witnesses, 1), **changed)


def bundle_of(
    service: PaperService, board: Board, seq: int, receipt: bytes, size: int | None = None, **changed: Any
) -> Bundle:
    """The bundle of a record, open, with every act of the service. `receipt` is the last of its log or given as is."""
    size = board.size if size is None else size
    index = verify_receipt(receipt, public(service.key)).service_index
    is_blinded = board.entries[seq][1] in BLINDED_TYPES
    parts: dict[str, Any] = {
        "genesis": board.genesis,
        "rotations": (),
        "entry": board.entries[seq],
        "shown": board.record_seed(seq) if is_blinded else None,
        "proof": board.proof(seq, size),
        "checkpoint": board.checkpoint(size),
        "receipt": receipt,
        "note": service.note(),
        "note_proof": service.proof(index),
        "acts": tuple(ActPart(content, at, service.proof(at)) for content, at in service.acts),
    }
    return Bundle(**{**parts, **changed})


def time_part(board: Board, seq: int, receipt: bytes, size: int | None = None) -> TimePart:
    size = board.size if size is None else size
    return TimePart(board.entries[seq], board.proof(seq, size), receipt)
