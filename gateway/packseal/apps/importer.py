"""Log files as evidence of class D: one log per file, signed by the importer's key, marked as a replay for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from packseal.records.blinding import SEED_BYTES, leaf_of, seed_digest
from packseal.records.bodies import Config, Key, Origin, Window
from packseal.records.checkpoint import Checkpoint, sign_checkpoint
from packseal.records.cose import Sign
from packseal.records.entries import log_id_of
from packseal.records.log import Delivery
from packseal.records.merkle import Edge
from packseal.records.writing import encode_config, encode_key, encode_window

ENTRIES_PER_DELIVERY = 256
BOOT = 1
SEED_PURPOSE = b"packseal/import/seed/1"


@dataclass(frozen=True, slots=True)
class ImportedLog:
    """The entries of one imported file; importing the same files with the same key gives the same bytes."""

    seed: bytes
    entries: tuple[bytes, ...]
    uptimes_ms: tuple[int, ...]

    @property
    def log_id(self) -> bytes:
        return log_id_of(self.entries[0])

    def deliveries(self, first_seq: int, sign: Sign) -> Iterator[Delivery]:
        """What is missing from first_seq on, each part with its signed checkpoint."""
        edge = Edge().extended(self._leaves(0, first_seq))
        for start in range(first_seq, len(self.entries), ENTRIES_PER_DELIVERY):
            part = self.entries[start : start + ENTRIES_PER_DELIVERY]
            edge = edge.extended(self._leaves(start, start + len(part)))
            uptime_ms = self.uptimes_ms[edge.size - 1]
            checkpoint = Checkpoint(self.log_id, edge.size, edge.root(), BOOT, uptime_ms)
            yield Delivery(self.entries[0], self.seed, start, part, sign_checkpoint(checkpoint, sign))

    def _leaves(self, start: int, end: int) -> list[bytes]:
        return [leaf_of(entry, self.seed)[1] for entry in self.entries[start:end]]


def imported_log(
    public_key: bytes,
    secret: Callable[[bytes], bytes],
    files: tuple[bytes, bytes, bytes],
    losses: Sequence[int],
    windows: Sequence[tuple[int, Window]],
) -> ImportedLog:
    """The log of an import.

    secret: 32 bytes for a label that only the key's owner can make: the disclosure seed, the same one each time.
    files: the content of log, DBC and binding. losses: as CONFIG field 4 (docs/record.md).
    windows: (uptime_ms, window), the time counted from the first window of the file.
    """
    digests = [hashlib.sha256(content).digest() for content in files]
    label = hashlib.sha256(b"".join(digests)).digest()
    seed = secret(SEED_PURPOSE + label)[:SEED_BYTES]
    entries = [
        encode_key(0, BOOT, 0, Key(public_key, Origin.FILE, label, seed_digest(seed))),
        encode_config(1, BOOT, 0, Config(digests[0], digests[1], digests[2], tuple(losses))),
    ]
    entries += [encode_window(seq, BOOT, uptime_ms, window) for seq, (uptime_ms, window) in enumerate(windows, 2)]
    return ImportedLog(seed, tuple(entries), (0, 0, *(uptime_ms for uptime_ms, _ in windows)))
