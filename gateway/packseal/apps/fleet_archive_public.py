"""Verifies the public log of a fleet archive: its tree against the signed notes, its acts and statements, and what a
reader of it then trusts.

The rules are those of docs/record.md sections 5.9 to 5.11 and 7. An act whose signer nobody here is known for is
checked against the key that the archive names, is counted, and says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from packseal.apps.fleet_archive_findings import Found
from packseal.apps.fleet_archive_log import Trusted
from packseal.errors import EvidenceError, Reason
from packseal.io.parquet_manifest import Manifest
from packseal.records.acts import BINDERS, DEVICES, Act, Authority, Bind, Enrol, Revoke, Role, Rotate, verify_act
from packseal.records.cose import VerifyingKey
from packseal.records.merkle import Edge, leaf_hash
from packseal.records.note import LogCheckpoint, verify_log_checkpoint
from packseal.records.passport_log import EntryKind, LogEntry
from packseal.records.policy import Policy
from packseal.records.statements import verify_statement

WHERE = "public log"
PIECE = 4096
IN_ORDER = (
    "SELECT idx, entry, content, signer, algorithm, role, n FROM public_log LEFT JOIN"
    " (SELECT service_index, count(*) AS n FROM deliveries GROUP BY service_index) ON service_index = idx ORDER BY idx"
)


class _Signers:
    """Who may sign, from whom the policy names on, in the order of the acts."""

    def __init__(self, policy: Policy, service: bytes) -> None:
        """service: whose log it is. What a policy says of a key in another one's log counts from the beginning here,
        but for that service's own key, whose receipts are in its own log alone."""
        self.authorities = {one.key.public_key: one for one in policy.authorities}
        self.bound: dict[bytes, tuple[str, str, int]] = {}
        self.revoked: dict[bytes, int] = {
            key: index
            for key in policy.revoked
            for index in [policy.revoked_from(key, key if key in policy.services else service)]
            if index is not None
        }

    def take(self, act: Act, index: int) -> None:
        signer, role = act.authority.key.public_key, act.authority.role
        match act.statement:
            case Enrol(enrolled, key):
                self.authorities.setdefault(key.public_key, Authority(key, enrolled))
            case Bind(public_key, battery, evidence_class):
                if role in BINDERS:
                    self.bound.setdefault(public_key, (battery, evidence_class, index))
            case Rotate(key):
                self.authorities.setdefault(key.public_key, Authority(key, role))
                if role not in DEVICES:
                    self.revoked.setdefault(signer, index)
            case Revoke(public_key):
                self.revoked.setdefault(public_key, index)


class PublicAudit:
    def __init__(self, policy: Policy, manifests: Sequence[Manifest], found: Found) -> None:
        self._policy, self._found = policy, found
        self._edge, self._waiting = Edge(), list[bytes]()
        self._notes = sorted({(one.stop, one.note) for one in manifests})
        self._signers = _Signers(policy, _service_of([note for _, note in self._notes], policy))
        self._cosigned = {one.cosigned for one in manifests if one.cosigned}
        self._is_whole = True
        self._sizes: dict[int, bytes] = {}

    def run(self, rows: Iterable[Any]) -> Trusted:
        """rows: as IN_ORDER has them."""
        signed = [(size, self._noted(note)) for size, note in self._notes]
        asked = {size for size, _ in signed} | {found[0] for found in map(self._noted, self._cosigned) if found}
        for index, entry, content, signer, algorithm, role, deliveries in rows:
            if not self._follows(index):
                continue
            self._waiting.append(leaf_hash(entry))
            if len(self._waiting) >= PIECE or index + 1 in asked:
                self._fold()
                self._sizes[index + 1] = self._edge.root() if index + 1 in asked else b""
            self._check(index, entry, content, (signer, algorithm, role), deliveries or 0)
        self._fold()
        self._compare(signed)
        self._found.counts["public_log_entries"] = self._edge.size
        gateways = (one.key for one in self._signers.authorities.values() if one.role is Role.GATEWAY)
        listed = {log_id: (log.battery, log.evidence_class) for log_id, log in self._policy.logs.items()}
        return Trusted(
            tuple(self._policy.services), {key.kid: key for key in gateways}, self._signers.bound, listed,
            self._signers.revoked,
        )  # fmt: skip

    def _follows(self, index: int) -> bool:
        expected = self._edge.size + len(self._waiting)
        if index == expected and self._is_whole:
            return True
        if index < expected:
            self._found.add(WHERE, f"entry {index} is there twice")
        elif self._is_whole:
            self._found.add(WHERE, f"entries {expected} to {index - 1} are not there; what follows is not checked")
            self._is_whole = False
        return False

    def _fold(self) -> None:
        self._edge = self._edge.extended(self._waiting)
        self._waiting.clear()

    def _noted(self, note: bytes) -> tuple[int, bytes] | None:
        """What a trusted service signed. None where none did, which is a finding."""
        try:
            _, signed = _signed(note, self._policy)
        except EvidenceError as error:
            self._found.add(WHERE, f"signed note: {error}")
            return None
        self._found.counts["notes"] += 1
        return signed.size, signed.root

    def _compare(self, signed: Sequence[tuple[int, tuple[int, bytes] | None]]) -> None:
        roots = [*signed, *((found[0], found) for note in self._cosigned if (found := self._noted(note)))]
        for size, said in roots:
            if said and (said[0] != size or self._sizes.get(size) != said[1]):
                self._found.add(
                    WHERE, f"{Reason.ROOT_MISMATCH}: its first {size} entries are not those that were signed"
                )

    def _check(self, index: int, entry: bytes, content: bytes | None, signer: tuple[Any, Any, Any], count: int) -> None:
        try:
            kind = LogEntry.from_bytes(entry).kind
            if kind is EntryKind.RECEIPT:
                if count != 1:
                    words = "no delivery has" if not count else f"{count} deliveries have"
                    raise EvidenceError(Reason.MISSING_ENTRIES, f"{words} the receipt that it stands for")
                if content is not None or signer != (None, None, None):
                    raise EvidenceError(Reason.MALFORMED, "a receipt's entry has no content here")
                return
            if self._leaf(kind, index, content or b"", signer) != entry:
                raise EvidenceError(Reason.BAD_INCLUSION_PROOF, "what it stands for is not what is beside it")
        except (EvidenceError, ValueError) as error:
            self._found.add(WHERE, f"entry {index}: {error}")

    def _leaf(self, kind: EntryKind, index: int, content: bytes, signer: tuple[Any, Any, Any]) -> bytes:
        """Of an act or statement whose signature holds. Raises EvidenceError, ValueError."""
        named = Authority(VerifyingKey(signer[0] or b"", signer[1] or 0), Role(signer[2] or 0))
        known = self._signers.authorities.get(named.key.public_key)
        if known and known != named:
            raise EvidenceError(Reason.WRONG_ROLE, f"its signer is no {named.role.name.lower()} here")
        if known is None:
            self._found.counts["signed_by_keys_not_trusted"] += 1
        revoked = self._signers.revoked.get(named.key.public_key)
        if revoked is not None and revoked <= index and known:
            raise EvidenceError(Reason.KEY_REVOKED, f"its signer's key was revoked at index {revoked}")
        if kind is EntryKind.STATEMENT:
            self._found.counts["statements"] += 1
            return verify_statement(content, [named]).leaf_entry.to_bytes()
        self._found.counts["acts"] += 1
        act = verify_act(content, [named])
        if known:
            self._signers.take(act, index)
        return act.leaf_entry.to_bytes()


def _signed(note: bytes, policy: Policy) -> tuple[bytes, LogCheckpoint]:
    """The service of the policy that signed it, and what it says. Raises EvidenceError."""
    error = EvidenceError(Reason.UNKNOWN_SERVICE, "no service is trusted")
    for public_key, origin in policy.services.items():
        try:
            signed = verify_log_checkpoint(note, public_key)
        except EvidenceError as refused:
            error = refused
            continue
        if origin in ("", signed.origin):
            return public_key, signed
        error = EvidenceError(Reason.UNKNOWN_SERVICE, f"the note is of the log {signed.origin!r}, not of {origin!r}")
    raise error


def _service_of(notes: Sequence[bytes], policy: Policy) -> bytes:
    """Who signed the newest that can be believed; nobody's key where none can."""
    for note in reversed(notes):
        with suppress(EvidenceError):
            return _signed(note, policy)[0]
    return b""
