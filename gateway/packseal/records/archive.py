"""A whole log in one file, and its verification record by record (docs/record.md section 10).

Decoding and hashing is most of the work and needs no order, so it is apart: `opened_part` may run in any process, and
`ArchiveCheck` joins what comes out of it in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from packseal.errors import EvidenceError, Reason
from packseal.records.blinding import SEED_BYTES, seed_digest
from packseal.records.bodies import Gap, Rotation, Seal, Window
from packseal.records.bundle import MAX_BUNDLE_BYTES, Bundle
from packseal.records.cbor import BYTES, Value, decode, decode_head, encode
from packseal.records.checkpoint import Checkpoint, verify_checkpoint
from packseal.records.cose import VerifyingKey
from packseal.records.emptied import is_emptied
from packseal.records.entries import genesis_key, log_id_of
from packseal.records.fields import malformed
from packseal.records.log import MAX_DELIVERY_BYTES, Before, check_time, open_entries
from packseal.records.merkle import HASH_BYTES, Edge
from packseal.records.policy import Policy
from packseal.records.verify import TrustedBundle, verify_bundle

ARCHIVE_VERSION = "packseal/archive/1"
MAX_HEAD_BYTES = 9  # of a byte string


@dataclass(frozen=True, slots=True)
class ArchiveHead:
    genesis: bytes
    seed: bytes

    def to_bytes(self) -> bytes:
        return encode([ARCHIVE_VERSION, self.genesis, self.seed])

    @classmethod
    def from_bytes(cls, content: bytes) -> ArchiveHead:
        """Raises EvidenceError (MALFORMED, UNKNOWN_VERSION, BAD_SEED)."""
        match decode(content):
            case [str(version), *_] if version != ARCHIVE_VERSION:
                raise EvidenceError(Reason.UNKNOWN_VERSION, f"{version!r}; this reader knows {ARCHIVE_VERSION!r}")
            case [str(), bytes(genesis), bytes(seed)]:
                if len(seed) != SEED_BYTES or seed_digest(seed) != genesis_key(genesis).seed_digest:
                    raise EvidenceError(Reason.BAD_SEED, "the disclosure seed is not the log's")
                return cls(genesis, seed)
        raise malformed("an archive begins with [version, genesis, seed]")


def encode_part(first_seq: int, entries: Iterable[bytes], checkpoint: bytes) -> bytes:
    """Says how many of its windows are emptied, where there are any."""
    items = list(entries)
    emptied = sum(map(is_emptied, items))
    part: list[Value] = [first_seq, list[Value](items), checkpoint]
    return encode([*part, emptied] if emptied else part)


def framed(item: bytes) -> bytes:
    """As it lies in the file."""
    return encode(item)


def read_items(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """The items of an archive, one after the other; read(n) gives the next n bytes, fewer only at the end.

    Raises EvidenceError(MALFORMED) for what is no sequence of byte strings of a bearable length.
    """
    while first := read(1):
        more = {24: 1, 25: 2, 26: 4, 27: 8}.get(first[0] & 31, 0)
        head = first + read(more)
        if len(head) != 1 + more or first[0] >> 5 != BYTES:
            raise malformed("an archive is a sequence of byte strings")
        _, length, _ = decode_head(head, 0)
        if length > MAX_DELIVERY_BYTES:
            raise malformed(f"a part of {length} bytes; the limit is {MAX_DELIVERY_BYTES}")
        item = read(length)
        if len(item) != length:
            raise malformed("the archive ends inside a part")
        yield item


@dataclass(frozen=True, slots=True)
class OpenedPart:
    """What one part comes to; `leaves` are joined hashes. Nothing is signed for yet."""

    first_seq: int
    leaves: bytes
    first: Before
    last: Before
    rotation: VerifyingKey | None
    checkpoint: bytes
    counts: dict[int, int]  # type of entry -> how many
    windows_ms: int
    windows_lost: int

    @property
    def size(self) -> int:
        return self.first_seq + len(self.leaves) // HASH_BYTES


def opened_part(content: bytes, head: ArchiveHead) -> OpenedPart:
    """Decodes and hashes every entry of a part. Raises EvidenceError, as section 6 says in its step 5."""
    match decode(content):
        case [int(first_seq), [_, *_] as items, bytes(checkpoint), *said] if first_seq >= 0:
            contents = [item for item in items if isinstance(item, bytes)]
            emptied = sum(map(is_emptied, contents))
            if len(contents) == len(items) and said == [emptied] * bool(emptied):
                return _opened(first_seq, contents, checkpoint, head)
    raise malformed("a part of an archive is [first_seq, [entries], checkpoint], and how many are emptied if any is")


def _opened(first_seq: int, contents: list[bytes], checkpoint: bytes, head: ArchiveHead) -> OpenedPart:
    opened = open_entries(contents, first_seq, head.seed, log_id_of(head.genesis), Before())
    entries = [entry for entry, _ in opened if entry]
    counts: dict[int, int] = {}
    for entry in entries:
        counts[entry.type] = counts.get(entry.type, 0) + 1
    bodies = [entry.body for entry in entries]
    last = entries[-1]
    return OpenedPart(
        first_seq,
        b"".join(leaf for _, leaf in opened),
        Before(entries[0].boot, entries[0].uptime_ms),
        Before(last.boot, last.uptime_ms, isinstance(last.body, Seal)),
        last.body.key if isinstance(last.body, Rotation) else None,
        checkpoint,
        counts,
        sum(body.duration_ms for body in bodies if isinstance(body, Window)),
        sum(body.windows for body in bodies if isinstance(body, Gap)) + sum(map(is_emptied, contents)),
    )


@dataclass(slots=True)
class ArchiveCheck:
    """Goes along an archive, part after part, as a receiver of deliveries would."""

    head: ArchiveHead
    edge: Edge = field(default_factory=Edge)
    before: Before = field(default_factory=Before)
    rotations: int = 0
    counts: dict[int, int] = field(default_factory=dict)
    windows_ms: int = 0
    windows_lost: int = 0
    key: VerifyingKey = field(init=False)
    checkpoint: bytes = b""

    def __post_init__(self) -> None:
        self.key = genesis_key(self.head.genesis).verifying_key

    def add(self, part: OpenedPart) -> None:
        """Raises EvidenceError."""
        log_id = log_id_of(self.head.genesis)
        if part.first_seq != self.edge.size:
            missing = f"records {self.edge.size} to {part.first_seq - 1} are not in the archive"
            twice = f"record {part.first_seq} stands in two parts of the archive"
            raise EvidenceError(Reason.MISSING_ENTRIES, missing if part.first_seq > self.edge.size else twice)
        checkpoint = verify_checkpoint(part.checkpoint, log_id, self.key)
        if checkpoint.size != part.size:
            raise EvidenceError(Reason.WRONG_SIZE, f"entries end at {part.size}, the checkpoint at {checkpoint.size}")
        if self.before.is_sealed:
            raise EvidenceError(Reason.SEALED, f"record {part.first_seq} stands behind the end of the log")
        self._check_times(part, checkpoint)
        leaves = [part.leaves[i : i + HASH_BYTES] for i in range(0, len(part.leaves), HASH_BYTES)]
        edge = self.edge.extended(leaves)
        if edge.root() != checkpoint.root:
            span = f"{part.first_seq} to {part.size - 1}"
            raise EvidenceError(Reason.ROOT_MISMATCH, f"records {span} do not hash to the signed root")
        self._take(part, edge)

    def finish(self, content: bytes, policy: Policy) -> TrustedBundle:
        """The bundle of the last record, checked under the policy and against what was added. Raises EvidenceError."""
        if len(content) > MAX_BUNDLE_BYTES:
            raise malformed("an archive ends in a bundle")
        bundle = Bundle.from_bytes(content)
        trusted = verify_bundle(content, policy)
        if bundle.genesis != self.head.genesis:
            raise EvidenceError(Reason.WRONG_LOG, "the bundle at the end is of another log")
        if (trusted.checkpoint.size, trusted.checkpoint.root) != (self.edge.size, self.edge.root()):
            raise EvidenceError(Reason.ROOT_MISMATCH, "the bundle at the end does not end where the records do")
        return trusted

    @property
    def records(self) -> int:
        return self.edge.size

    def _check_times(self, part: OpenedPart, checkpoint: Checkpoint) -> None:
        first, last = part.first, part.last
        if first.boot < self.before.boot or first.uptime_ms < self.before.uptime_ms:
            words = f"record {part.first_seq} is older than the record before it"
            raise EvidenceError(Reason.TIME_RUNS_BACK, words)
        check_time(last, checkpoint, "the checkpoint")

    def _take(self, part: OpenedPart, edge: Edge) -> None:
        self.edge, self.before, self.checkpoint = edge, part.last, part.checkpoint
        if part.rotation:
            self.key, self.rotations = part.rotation, self.rotations + 1
        for kind, count in part.counts.items():
            self.counts[kind] = self.counts.get(kind, 0) + count
        self.windows_ms += part.windows_ms
        self.windows_lost += part.windows_lost
