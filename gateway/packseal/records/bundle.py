"""A bundle carries one record to a stranger, as bytes (docs/record.md section 8). What it proves, verify.py says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from packseal.errors import EvidenceError, Reason
from packseal.records.blinding import SEED_BYTES
from packseal.records.cbor import Value, decode, encode
from packseal.records.fields import MAX_NUMBER, malformed
from packseal.records.merkle import HASH_BYTES

BUNDLE_VERSION = "packseal/bundle/1"
MAX_BUNDLE_BYTES = 4096
MAX_ACTS = MAX_ROTATIONS = 8

Proof: TypeAlias = tuple[bytes, ...]
Showing: TypeAlias = (
    "bytes | dict[int, Value] | None"  # record seed, disclosure, or nothing for a record without blinding
)


@dataclass(frozen=True, slots=True)
class RotationPart:
    entry: bytes
    proof: Proof
    checkpoint: bytes


@dataclass(frozen=True, slots=True)
class ActPart:
    content: bytes
    index: int
    proof: Proof


@dataclass(frozen=True, slots=True)
class TimePart:
    entry: bytes
    proof: Proof
    receipt: bytes


@dataclass(frozen=True, slots=True)
class Bundle:
    """Nothing in it is trusted before verify_bundle."""

    genesis: bytes
    rotations: tuple[RotationPart, ...]
    entry: bytes
    shown: Showing
    proof: Proof
    checkpoint: bytes
    receipt: bytes
    note: bytes
    note_proof: Proof
    acts: tuple[ActPart, ...] = ()
    time: TimePart | None = None
    attestation: bytes | None = None

    def to_bytes(self) -> bytes:
        rotations: Value = [[part.entry, b"".join(part.proof), part.checkpoint] for part in self.rotations]
        acts: Value = [[part.content, part.index, *_beside(part.proof, self.note_proof)] for part in self.acts]
        head: list[Value] = [BUNDLE_VERSION, self.genesis, rotations, [self.entry, self.shown], b"".join(self.proof)]
        signed: list[Value] = [self.checkpoint, self.receipt, self.note, b"".join(self.note_proof)]
        return encode([*head, *signed, acts, self._time(), self.attestation])

    def _time(self) -> Value:
        return [self.time.entry, *_beside(self.time.proof, self.proof), self.time.receipt] if self.time else None

    @classmethod
    def from_bytes(cls, content: bytes) -> Bundle:
        """Raises EvidenceError (MALFORMED, UNKNOWN_VERSION)."""
        if len(content) > MAX_BUNDLE_BYTES:
            raise malformed(f"a bundle of {len(content)} bytes, over {MAX_BUNDLE_BYTES}")
        match decode(content):
            case [str(version), *_] if version != BUNDLE_VERSION:
                raise EvidenceError(Reason.UNKNOWN_VERSION, f"{version!r}; this reader knows {BUNDLE_VERSION!r}")
            case [
                str(), bytes(genesis), list(rotations), [bytes(entry), shown], bytes(joined), bytes(checkpoint),
                bytes(receipt), bytes(note), bytes(note_joined), list(acts), time, bytes() | None as attestation,
            ]:  # fmt: skip
                proof, note_proof = _proof(joined), _proof(note_joined)
                return cls(
                    genesis,
                    tuple(_rotation(part) for part in _at_most(rotations, MAX_ROTATIONS)),
                    entry,
                    _shown(shown),
                    proof,
                    checkpoint,
                    receipt,
                    note,
                    note_proof,
                    tuple(_act(part, note_proof) for part in _at_most(acts, MAX_ACTS)),
                    None if time is None else _time(time, proof),
                    attestation,
                )
        raise malformed("a bundle has twelve parts, each of its kind")


def _at_most(parts: list[Value], most: int) -> list[Value]:
    if len(parts) > most:
        raise malformed(f"{len(parts)} parts where {most} are allowed")
    return parts


def _rotation(part: Value) -> RotationPart:
    match part:
        case [bytes(entry), bytes(proof), bytes(checkpoint)]:
            return RotationPart(entry, _proof(proof), checkpoint)
    raise malformed("a change of key is [entry, proof, checkpoint]")


def _act(part: Value, base: Proof) -> ActPart:
    match part:
        case [bytes(content), int(index), bytes(own), int(shared)] if 0 <= index <= MAX_NUMBER:
            return ActPart(content, index, _with_shared(own, shared, base))
    raise malformed("an act is [act, index, proof, shared]")


def _time(part: Value, base: Proof) -> TimePart:
    match part:
        case [bytes(entry), bytes(own), int(shared), bytes(receipt)]:
            return TimePart(entry, _with_shared(own, shared, base), receipt)
    raise malformed("a time is [entry, proof, shared, receipt]")


def _shown(value: Value) -> Showing:
    if value is None or isinstance(value, dict) or (isinstance(value, bytes) and len(value) == SEED_BYTES):
        return value
    raise malformed("beside an entry stands a seed of 16 bytes, a disclosure, or null")


def _beside(proof: Proof, base: Proof) -> tuple[bytes, int]:
    """A proof that ends as another one into the same tree does: its own hashes, and how many it shares."""
    shared = 0
    while shared < min(len(proof), len(base)) and proof[-1 - shared] == base[-1 - shared]:
        shared += 1
    return b"".join(proof[: len(proof) - shared]), shared


def _with_shared(own: bytes, shared: int, base: Proof) -> Proof:
    if not 0 <= shared <= len(base):
        raise malformed(f"a proof that shares {shared} of {len(base)} hashes")
    proof = _proof(own) + base[len(base) - shared :]
    if _beside(proof, base) != (own, shared):
        raise malformed("a proof that could share more")
    return proof


def _proof(joined: bytes) -> Proof:
    if len(joined) % HASH_BYTES:
        raise malformed("a proof is whole hashes of 32 bytes")
    return tuple(joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES))
