"""Who takes part in the vectors: keys, logs of boards, and a passport service, all from fixed numbers.

Nothing here decides anything about evidence. Every part can be made to lie, which is what a bad vector needs.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nacl.signing import SigningKey

from packseal.records.acts import Statement, leaf_entry_of, sign_act
from packseal.records.attestation import Attestation, Clock, attestation_digest, sign_attestation
from packseal.records.blinding import OpenRecord, leaf_of, record_seed, seed_digest
from packseal.records.bodies import Key, Origin
from packseal.records.bundle import ActPart, Bundle, RotationPart, TimePart
from packseal.records.cbor import Value, decode, encode
from packseal.records.checkpoint import Checkpoint, Receipt, receipt_leaf_entry, sign_checkpoint, sign_receipt
from packseal.records.cose import ED25519, ESP256, Sign, VerifyingKey, sign1
from packseal.records.entries import BLINDED_TYPES, log_id_of
from packseal.records.log import Delivery
from packseal.records.merkle import Edge, inclusion_proof, leaf_hash
from packseal.records.note import LogCheckpoint, cosign, sign_log_checkpoint, with_cosignatures
from packseal.records.p256 import N
from packseal.records.passport_log import LogEntry
from packseal.records.rotation import sign_rotation
from packseal.records.writing import encode_key, encode_rotation
from tests.records.p256_signer import SecureElement

START_UNIX_MS = 1_797_000_000_000
DIGEST = bytes(range(32))
CHECKPOINT, RECEIPT, ACT = "packseal/checkpoint/1", "packseal/receipt/1", "packseal/act/1"


class Actor:
    """A key and what signs with it. `seed` is 32 times the number."""

    def __init__(self, number: int, algorithm: int = ED25519) -> None:
        self.seed = bytes([number]) * 32
        self.sign: Sign = SecureElement(self.seed) if algorithm == ESP256 else _ed25519(SigningKey(self.seed))
        public = self.sign.public_key if isinstance(self.sign, SecureElement) else SigningKey(self.seed).verify_key
        self.key = VerifyingKey(bytes(public), algorithm)

    @property
    def public_key(self) -> bytes:
        return self.key.public_key

    def message(self, payload: Value, purpose: str, **header: Any) -> bytes:
        """Signed, whatever it is; `header` as in cose.sign1."""
        return sign1(encode(payload), purpose, self.sign, **{"algorithm": self.key.algorithm, **header})


def _ed25519(key: SigningKey) -> Sign:
    return lambda message: key.sign(message).signature


def high_s(sign: Sign) -> Sign:
    """The other of the two signatures that fit: no reader takes it."""

    def signed(message: bytes) -> bytes:
        signature = sign(message)
        return signature[:32] + (N - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")

    return signed


BOARD, OTHER_BOARD, SERVICE, OTHER_SERVICE, BOARD_NEXT = (Actor(number) for number in (1, 2, 3, 4, 5))
INTEGRATOR, OPERATOR, ASSESSOR, STRANGER = (Actor(number) for number in (6, 7, 8, 9))
GATEWAY, OTHER_GATEWAY, WITNESS, OTHER_WITNESS = (Actor(number) for number in (10, 11, 12, 13))
SECURE_BOARD, THIRD_KEY = Actor(14, ESP256), Actor(15)
SECURE_GATEWAY = Actor(16, ESP256)
WITNESSES = {"witness.example/1": WITNESS, "witness.example/2": OTHER_WITNESS}
ORIGIN, OTHER_ORIGIN = "passports.example/log", "other.example/log"


def salt(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:16]


@dataclass
class Log:
    """A board's log, open, with every key that signed for it."""

    signer: Actor
    disclosure_seed: bytes
    origin: Origin = Origin.BOARD
    label: bytes = DIGEST[:16]
    entries: list[bytes] = field(default_factory=list)
    rotations: list[tuple[int, Actor]] = field(default_factory=list)  # (size, key before)
    boot: int = 1
    uptime_ms: int = 0
    leaves: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        key, digest = self.signer.key, seed_digest(self.disclosure_seed)
        opened = Key(key.public_key, self.origin, self.label, digest, key.algorithm)
        self.add(encode_key(0, 1, 0, opened))

    @property
    def genesis(self) -> bytes:
        return self.entries[0]

    @property
    def log_id(self) -> bytes:
        return log_id_of(self.genesis)

    @property
    def size(self) -> int:
        return len(self.entries)

    def add(self, content: bytes) -> int:
        entry, leaf = leaf_of(content, self.disclosure_seed)
        self.boot, self.uptime_ms = entry.boot, entry.uptime_ms
        self.entries.append(content)
        self.leaves.append(leaf)
        return self.size - 1

    def append(self, kind: int, body: dict[int, Value], uptime_ms: int | None = None) -> int:
        self.uptime_ms = self.uptime_ms if uptime_ms is None else uptime_ms
        return self.add(encode([int(kind), self.size, self.boot, self.uptime_ms, body]))

    def rotate(self, to: Actor) -> int:
        rotation = sign_rotation(self.log_id, to.key, to.sign)
        seq = self.add(encode_rotation(self.size, self.boot, self.uptime_ms, rotation))
        self.rotations.append((self.size, self.signer))
        self.signer = to
        return seq

    def root(self, size: int) -> bytes:
        return Edge().extended(self.leaves[:size]).root()

    def proof(self, seq: int, size: int) -> tuple[bytes, ...]:
        return tuple(inclusion_proof(self.leaves[:size], seq))

    def record_seed(self, seq: int) -> bytes:
        return record_seed(self.disclosure_seed, seq)

    def blinded(self, seq: int) -> bytes | None:
        is_blinded = kind_of(self.entries[seq]) in BLINDED_TYPES
        return OpenRecord.of(self.entries[seq], self.record_seed(seq)).blinded() if is_blinded else None

    def signer_at(self, size: int) -> Actor:
        return next((key for beyond, key in self.rotations if size <= beyond), self.signer)

    def checkpoint_fields(self, size: int, **changed: Any) -> Checkpoint:
        fields: dict[str, Any] = {"log_id": self.log_id, "size": size, "root": self.root(size)} | changed
        if "boot" not in fields or "uptime_ms" not in fields:
            last: Any = decode(self.entries[size - 1])
            fields = {"boot": last[2], "uptime_ms": last[3]} | fields
        return Checkpoint(**fields)

    def checkpoint(self, size: int | None = None, signer: Actor | None = None, **changed: Any) -> bytes:
        size = self.size if size is None else size
        by = signer or self.signer_at(size)
        return sign_checkpoint(self.checkpoint_fields(size, **changed), by.sign, by.key.algorithm)

    def rotation_parts(self, size: int) -> tuple[RotationPart, ...]:
        """For each change of key below this size."""
        ends = [end for end, _ in self.rotations if end < size]
        return tuple(
            RotationPart(self.entries[end - 1], self.proof(end - 1, end), self.checkpoint(end)) for end in ends
        )

    def delivery(self, first: int, size: int, **changed: Any) -> Delivery:
        checkpoint = changed.pop("checkpoint", None) or self.checkpoint(size)
        parts: dict[str, Any] = {"genesis": self.genesis, "seed": self.disclosure_seed, "first_seq": first}
        parts |= {"entries": tuple(self.entries[first:size]), "checkpoint": checkpoint}
        return Delivery(**parts | changed)


def kind_of(entry: bytes) -> int:
    return entry[1]


@dataclass
class Passport:
    """A service with its own log. `acts` and `receipts` lie at their index in it."""

    service: Actor = SERVICE
    origin: str = ORIGIN
    leaves: list[bytes] = field(default_factory=list)
    now_unix_ms: int = START_UNIX_MS

    def copy(self) -> Passport:
        return copy.deepcopy(self)

    def append(self, entry: LogEntry) -> int:
        self.leaves.append(leaf_hash(entry.to_bytes()))
        return len(self.leaves) - 1

    def act(self, statement: Statement, by: Actor, leaf: LogEntry | None = None) -> ActPart:
        """The proof is made when a bundle is. `leaf`: a lie about what the log holds of it."""
        content = self.signed_act(statement, by)
        return ActPart(content, self.append(leaf or leaf_entry_of(content, statement)), ())

    def signed_act(self, statement: Statement, by: Actor) -> bytes:
        return sign_act(statement, self.next_salt(), self.now_unix_ms, by.sign, by.key)

    def next_salt(self) -> bytes:
        return salt(f"leaf {len(self.leaves)}")

    def receipt_fields(self, log: Log, size: int, **changed: Any) -> Receipt:
        self.now_unix_ms += 60_000
        fields: dict[str, Any] = {
            "log_id": log.log_id,
            "size": size,
            "root": log.root(size),
            "service_index": len(self.leaves),
        }
        return Receipt(**fields | {"received_unix_ms": self.now_unix_ms, "salt": self.next_salt()} | changed)

    def receipt(self, log: Log, size: int, signer: Actor | None = None, **changed: Any) -> bytes:
        by = signer or self.service
        return self.added(sign_receipt(self.receipt_fields(log, size, **changed), by.sign, by.public_key))

    def added(self, receipt: bytes) -> bytes:
        self.append(receipt_leaf_entry(receipt))
        return receipt

    def note(self, witnesses: Sequence[str] = tuple(WITNESSES), signer: Actor | None = None) -> bytes:
        by = signer or self.service
        head = LogCheckpoint(self.origin, len(self.leaves), Edge().extended(self.leaves).root())
        note = sign_log_checkpoint(head, by.sign, by.public_key)
        return with_cosignatures(note, [self.cosignature(note, name) for name in witnesses])

    def cosignature(self, note: bytes, name: str, signer: Actor | None = None) -> bytes:
        by = signer or WITNESSES[name]
        return cosign(note, name, WITNESSES[name].public_key, by.sign, self.now_unix_ms // 1000)

    def proof(self, index: int) -> tuple[bytes, ...]:
        return tuple(inclusion_proof(self.leaves, index))

    def proven(self, act: ActPart) -> ActPart:
        return ActPart(act.content, act.index, self.proof(act.index))


def attestation_of(log: Log, size: int, by: Actor, **changed: Any) -> bytes:
    fields: dict[str, Any] = {"log_id": log.log_id, "size": size, "root": log.root(size)}
    fields |= {"arrived_unix_ms": START_UNIX_MS + 400, "clock": Clock.DISCIPLINED, "clock_error_ms": 12}
    fields |= {"settings_digest": DIGEST, "counts": {1: 60_000, 2: 3, 3: 0, 4: 1, 5: 2}}
    return sign_attestation(Attestation(**fields | changed), by.sign, by.key)


def attested(content: bytes | None) -> dict[str, Any]:
    return {} if content is None else {"attestation_digest": attestation_digest(content)}


def bundle_of(
    passport: Passport, log: Log, seq: int, receipt: bytes, size: int, acts: Sequence[ActPart] = (), **changed: Any
) -> Bundle:
    """Open, with its seed where it is of a type that is signed for blinded; the receipt's index is the one it says."""
    payload: Any = decode(_payload(receipt))
    parts: dict[str, Any] = {
        "genesis": log.genesis,
        "rotations": log.rotation_parts(size),
        "entry": log.entries[seq],
        "shown": log.record_seed(seq) if kind_of(log.entries[seq]) in BLINDED_TYPES else None,
        "proof": log.proof(seq, size),
        "checkpoint": log.checkpoint(size),
        "receipt": receipt,
        "note": passport.note(),
        "note_proof": passport.proof(payload[4]) if 0 <= payload[4] < len(passport.leaves) else (),
        "acts": tuple(passport.proven(act) for act in acts),
    }
    return Bundle(**parts | changed)


def time_part(log: Log, seq: int, size: int, receipt: bytes) -> TimePart:
    return TimePart(log.entries[seq], log.proof(seq, size), receipt)


def _payload(message: bytes) -> bytes:
    signed: Any = decode(message)
    payload: bytes = signed.items[2]
    return payload
