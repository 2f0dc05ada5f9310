"""A log that this gateway signs itself (docs/record.md, origin 2): entries in, verified deliveries out.

Decides that nothing signed is published before it is durable, and that no size is signed for twice: entries are kept
before their checkpoint is made, and the log goes on in the transaction that stores the delivery. After a crash it goes
on from there. An outbox put back from a backup would break that, as a copied board would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from secrets import token_bytes
from typing import Protocol, TypeAlias

from packseal.io.keys import Signer
from packseal.io.outbox_store import OutboxStore
from packseal.records.blinding import SEED_BYTES, seed_digest
from packseal.records.bodies import Key, Origin
from packseal.records.checkpoint import Checkpoint, sign_checkpoint, verify_checkpoint
from packseal.records.entries import LABEL_BYTES, decode_entry, log_id_of
from packseal.records.log import Delivery, TrustedLog, Verified
from packseal.records.writing import encode_key

MakeEntry: TypeAlias = Callable[[int, int, int], bytes]
"""(seq, boot, uptime_ms) -> the entry"""


class Submit(Protocol):
    def __call__(
        self, battery: str, delivery: Delivery, verified: Verified, *, is_live: bool, counts: Mapping[int, int]
    ) -> None: ...


class OwnLog:
    def __init__(self, battery: str, signer: Signer, store: OutboxStore, submit: Submit) -> None:
        """Counts a start. The caller holds the outbox against other processes. Raises UnavailableError."""
        start = store.own_logs.started(battery, signer.public_key, token_bytes(LABEL_BYTES), token_bytes(SEED_BYTES))
        self.boot = start.boot
        key = Key(signer.public_key, Origin.GATEWAY, start.label, seed_digest(start.seed))
        genesis = encode_key(0, 1, 0, key)
        self.log_id = log_id_of(genesis)
        stored = store.log(self.log_id)
        self._log = stored.log if stored else TrustedLog(genesis, start.seed)
        self._pending = store.own_logs.pending(self.log_id, self._log.size)
        self._kept = len(self._pending)  # of the pending ones, those on disk
        if not self._log.size and not self._pending:
            self._pending.append(genesis)
        self.uptime_ms = decode_entry(self._pending[-1]).uptime_ms if self._pending else self._log.uptime_ms
        self._battery, self._signer, self._store, self._submit = battery, signer, store, submit

    @property
    def signed_size(self) -> int:
        return self._log.size

    @property
    def waiting(self) -> int:
        """Entries that no checkpoint covers yet."""
        return len(self._pending)

    def append(self, make: MakeEntry, uptime_ms: int) -> None:
        """In memory; keep or deliver writes it down."""
        self.uptime_ms = max(self.uptime_ms, uptime_ms)
        self._pending.append(make(self._log.size + len(self._pending), self.boot, self.uptime_ms))

    def amend(self, last: int, makes: Sequence[MakeEntry], uptime_ms: int) -> None:
        """Puts these, no fewer, in the place of the last ones that wait; in memory, as append.

        Never what `deliver` was called with: that has been signed, whatever came of it.
        """
        del self._pending[len(self._pending) - last :]
        self._kept = min(self._kept, len(self._pending))
        for make in makes:
            self.append(make, uptime_ms)

    def keep(self) -> None:
        """Makes all entries durable. Raises UnavailableError; a later call keeps what this one could not."""
        if self._kept < len(self._pending):
            first_seq = self._log.size + self._kept
            self._store.own_logs.keep(self.log_id, first_seq, self._pending[self._kept :])
            self._kept = len(self._pending)

    def deliver(self, counts: Mapping[int, int], nonce: bytes | None = None) -> None:
        """Signs all that waits and submits it. Raises UnavailableError; everything then waits on.

        nonce: one that somebody wants to find in the checkpoint."""
        if not self._pending:
            return
        self.keep()
        log, entries = self._log, tuple(self._pending)
        added = log.added(entries)
        size, root = added.edge.size, added.edge.root()
        signed = sign_checkpoint(Checkpoint(self.log_id, size, root, self.boot, self.uptime_ms, nonce), self._signer)
        delivery = Delivery(log.genesis, log.seed, log.size, entries, signed)
        verified = log.concluded(added, verify_checkpoint(signed, self.log_id, log.key_at(size)))
        self._submit(self._battery, delivery, verified, is_live=True, counts=counts)
        self._log = verified.log
        self._pending.clear()
        self._kept = 0
