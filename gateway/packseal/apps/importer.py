"""Log files as evidence of class D: one log per file, signed by the importer's key, marked as a replay for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from packseal.records.checkpoint import Checkpoint, sign_checkpoint
from packseal.records.cose import Sign
from packseal.records.entries import Config, Key, Origin, Window, encode_config, encode_key, encode_window, log_id_of
from packseal.records.log import Delivery
from packseal.records.merkle import Edge, leaf_hash

ENTRIES_PER_DELIVERY = 256
BOOT = 1


@dataclass(frozen=True, slots=True)
class ImportedLog:
    """The entries of one imported file; importing the same files with the same key gives the same bytes."""

    entries: tuple[bytes, ...]
    uptimes_ms: tuple[int, ...]

    @property
    def log_id(self) -> bytes:
        return log_id_of(self.entries[0])

    def deliveries(self, first_seq: int, sign: Sign) -> Iterator[Delivery]:
        """What is missing from first_seq on, each part with its signed checkpoint."""
        edge = Edge().extended([leaf_hash(entry) for entry in self.entries[:first_seq]])
        for start in range(first_seq, len(self.entries), ENTRIES_PER_DELIVERY):
            part = self.entries[start : start + ENTRIES_PER_DELIVERY]
            edge = edge.extended([leaf_hash(entry) for entry in part])
            uptime_ms = self.uptimes_ms[edge.size - 1]
            checkpoint = Checkpoint(self.log_id, edge.size, edge.root(), BOOT, uptime_ms)
            yield Delivery(self.entries[0], start, part, sign_checkpoint(checkpoint, sign))


def imported_log(
    public_key: bytes,
    files: tuple[bytes, bytes, bytes],
    losses: Sequence[int],
    windows: Sequence[tuple[int, Window]],
) -> ImportedLog:
    """The log of an import.

    files: the content of log, DBC and binding. losses: as CONFIG field 4 (docs/record.md).
    windows: (uptime_ms, window), the time counted from the first window of the file.
    """
    digests = [hashlib.sha256(content).digest() for content in files]
    label = hashlib.sha256(b"".join(digests)).digest()
    entries = [
        encode_key(0, BOOT, 0, Key(public_key, Origin.FILE, label)),
        encode_config(1, BOOT, 0, Config(digests[0], digests[1], digests[2], tuple(losses))),
    ]
    entries += [encode_window(seq, BOOT, uptime_ms, window) for seq, (uptime_ms, window) in enumerate(windows, 2)]
    return ImportedLog(tuple(entries), (0, 0, *(uptime_ms for uptime_ms, _ in windows)))
