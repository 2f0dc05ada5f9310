"""Makes bundles and archives out of what a passport service has stored and published (docs/record.md 8 and 10)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from packseal.errors import EvidenceError, UnavailableError
from packseal.io.passport_rows import Covering, LogHead
from packseal.io.passport_storing import PassportStoring
from packseal.io.tile_store import CHECKPOINT, TileStore
from packseal.records.acts import Bind, Revoke, unverified_statement
from packseal.records.archive import ArchiveHead, encode_part, framed
from packseal.records.bare import is_bare
from packseal.records.blinding import record_seed
from packseal.records.bodies import EntryType, Rotation, Time
from packseal.records.bundle import MAX_BUNDLE_BYTES, ActPart, Bundle, RotationPart, TimePart
from packseal.records.cose import key_id, unverified_kid
from packseal.records.emptied import is_emptied
from packseal.records.entries import BLINDED_TYPES, decode_entry, genesis_key
from packseal.records.note import unverified_log_checkpoint
from packseal.records.passport_log import inclusion_proof

TIMES_TRIED = 3
ROTATIONS_LOOKED_AT = 64


@dataclass(frozen=True, slots=True)
class Made:
    """left_out: parts that a bundle of 4,096 bytes had no room for, in words."""

    content: bytes
    bundle: Bundle
    left_out: tuple[str, ...] = ()


class BundleMaker:
    def __init__(
        self, store: PassportStoring, tiles: TileStore, service_key: bytes, publish: Callable[[], None] | None = None
    ) -> None:
        """publish: brings the tiles up to date, for a record that has only just arrived."""
        self._publish = publish
        self._store, self._tiles, self._service_kid = store, tiles, key_id(service_key)

    def bundle(self, log_id: bytes, seq: int) -> Made | None:
        """The record with all that proves it; None when there is no such record with a receipt.

        Raises UnavailableError while the leaf of its receipt is not published yet, and where what else belongs to the
        bundle was altered on the disk.
        """
        try:
            return self._bundle(log_id, seq)
        except EvidenceError as error:
            words = f"what is stored of log {log_id.hex()} is not what was stored ({error}); restore the file"
            raise UnavailableError(f"{self._store.where}: {words} from a backup") from None

    def _bundle(self, log_id: bytes, seq: int) -> Made | None:
        head = self._store.head(log_id)
        record, covering = self._store.record(log_id, seq), self._store.covering(log_id, seq)
        if head is None or record is None or covering is None:
            return None
        if is_bare(record.entry):
            raise UnavailableError(f"record {seq} has no content: the board's log was full; export another one")
        if is_emptied(record.entry):
            raise UnavailableError(f"record {seq} has no values: the gateway had no room; export another one")
        note, proof_of = self._note(covering.service_index)
        seed = record_seed(head.seed, seq) if set(record.entry[1:2]) & BLINDED_TYPES else None
        bundle = Bundle(
            head.genesis,
            self._rotations(head, covering.size),
            record.entry,
            seed,
            self._store.inclusion_proof(log_id, seq, covering.size),
            covering.checkpoint,
            covering.receipt,
            note,
            proof_of(covering.service_index),
            tuple(ActPart(content, index, proof_of(index)) for index, content in self._acts(head, covering)),
            self._time(head, seq, covering),
            covering.attestation,
        )
        return _fitted(bundle)

    def archive(self, log_id: bytes) -> Iterator[bytes]:
        """The whole log, piece by piece as it lies in the file. Raises UnavailableError where it has no record."""
        head = self._store.head(log_id)
        last = self.bundle(log_id, head.size - 1) if head else None
        if head is None or last is None:
            raise UnavailableError(f"no record of log {log_id.hex()} has arrived")
        yield framed(ArchiveHead(head.genesis, head.seed).to_bytes())
        for span in self._store.spans(log_id):
            if span.size > head.size:
                break  # arrived since; the last part is of the head as it was
            entries = [record.entry for record in span.records]
            yield framed(encode_part(span.first_seq, entries, span.checkpoint))
        yield framed(last.content)

    def _note(self, index: int, *, is_retried: bool = False) -> tuple[bytes, ProofOf]:
        """The newest cosigned checkpoint that covers a leaf, else the newest published, and proofs into its tree."""
        published = self._tiles.published()
        for note in (self._store.log.cosigned(), self._tiles.read(CHECKPOINT)):
            size = unverified_log_checkpoint(note).size if note else 0
            if note and published and index < size <= published.size:
                return note, ProofOf(self._tiles, size, published.size)
        if self._publish and not is_retried:
            try:
                self._publish()
            except EvidenceError as error:  # it names its own cure
                raise UnavailableError(str(error)) from None
            return self._note(index, is_retried=True)
        raise UnavailableError("the receipt's leaf is not published yet; try again in a second")

    def _rotations(self, head: LogHead, size: int) -> tuple[RotationPart, ...]:
        records = self._store.records_of_kind(head.log_id, EntryType.KEY, size - 1, ROTATIONS_LOOKED_AT)
        parts = []
        for record in sorted(records, key=lambda record: record.seq):
            checkpoint = self._store.checkpoint(head.log_id, record.seq + 1)
            if isinstance(decode_entry(record.entry).body, Rotation) and checkpoint:
                proof = self._store.inclusion_proof(head.log_id, record.seq, record.seq + 1)
                parts.append(RotationPart(record.entry, proof, checkpoint))
        return tuple(parts)

    def _acts(self, head: LogHead, covering: Covering) -> list[tuple[int, bytes]]:
        """The BIND of the key that opened the log, and whatever had revoked a key of the log by then.

        What came later changes nothing about the record, and by whom it is a stranger's policy need not know.
        """
        opener, keys = genesis_key(head.genesis).public_key, {key.public_key for key in head.log.keys}
        binds, revokes = [], []
        for index, content in self._store.log.acts():
            if index >= covering.service_index:
                break
            match unverified_statement(content):
                case Bind(public_key) if public_key == opener and unverified_kid(content) != self._service_kid:
                    binds.append((index, content))
                case Revoke(public_key) if public_key in keys:
                    revokes.append((index, content))
        return sorted([*binds[:1], *revokes[:1]])

    def _time(self, head: LogHead, seq: int, covering: Covering) -> TimePart | None:
        for record in self._store.records_of_kind(head.log_id, EntryType.TIME, seq, TIMES_TRIED):
            body = decode_entry(record.entry).body
            if isinstance(body, Time):
                receipt = self._store.receipt_of_digest(head.log_id, body.received_unix_ms, body.receipt_digest)
                if receipt:
                    proof = self._store.inclusion_proof(head.log_id, record.seq, covering.size)
                    return TimePart(record.entry, proof, receipt)
        return None


@dataclass(frozen=True, slots=True)
class ProofOf:
    """Inclusion proofs of leaves in the tree of one note."""

    tiles: TileStore
    size: int
    tree_size: int

    def __call__(self, index: int) -> tuple[bytes, ...]:
        """Raises UnavailableError where the published tiles are not whole."""
        return tuple(inclusion_proof(self.tiles.reader(self.tree_size), index, self.size, self.tree_size))


def _fitted(bundle: Bundle) -> Made:
    """What proves least goes first where there is no room for all."""
    left_out: Sequence[tuple[str, Bundle]] = (
        ("", bundle),
        ("the gateway's attestation", replace(bundle, attestation=None)),
        ("the not-before time", replace(bundle, attestation=None, time=None)),
    )
    words: list[str] = []
    for name, smaller in left_out:
        words += [name] if name else []
        content = smaller.to_bytes()
        if len(content) <= MAX_BUNDLE_BYTES:
            return Made(content, smaller, tuple(words))
    raise UnavailableError(f"the record's proof is larger than {MAX_BUNDLE_BYTES} bytes; export an archive instead")
