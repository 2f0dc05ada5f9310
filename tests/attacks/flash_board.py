"""The real firmware on this interpreter, its flash in memory: an attacker reads the flash out and writes it back."""

from __future__ import annotations

import hashlib
from collections.abc import Generator

from logger.core import keys
from logger.core.link import BoardLink
from logger.core.logger import Logger
from logger.core.sectorlog import ENTRY, SectorLog
from logger.drivers.simulator import SimulatedPack
from packseal.records.log import Delivery
from tests.firmware.board_tests.memory_flash import MemoryFlash
from tests.passport.board import key_of, signer

SERVICE_PUBLIC_KEY = bytes(key_of("service").verify_key)
SECTORS, SECTOR_BYTES = 12, 4096
CELL_BLOCKS, STRINGS, RATED_MAH = 4, 1, 10_000
STEP_MS, SAMPLE_MS, WINDOW_MS = 20, 250, 1_000


class QuickKey(keys.Ed25519Key):  # type: ignore[misc]
    """The board's key in a secure element: the same signatures, without the steps in between."""

    def sign_steps(self, message: bytes) -> Generator[None, None, bytes]:
        yield
        return signer(key_of("board"))(message)


class KeyStore:
    def __init__(self) -> None:
        key = QuickKey(bytes(key_of("board")), bytes(key_of("board").verify_key))
        self.identity = keys.opened(key, bytes(keys.LABEL_BYTES))


class WatchedFlash(MemoryFlash):  # type: ignore[misc]
    """Keeps what it held before each of its operations."""

    def __init__(self, content: bytes | None = None) -> None:
        super().__init__(SECTORS, SECTOR_BYTES)
        self.history: list[bytes] = []
        if content is not None:
            self.content = bytearray(content)

    def _change(self, offset: int, before: bytes, after: bytes) -> None:
        self.history.append(bytes(self.content))
        super()._change(offset, before, after)


class FlashBoard:
    """`pack`: chooses what is measured, so that two boards of one flash go on differently."""

    def __init__(self, flash: WatchedFlash, pack: int) -> None:
        self.flash = flash
        store = KeyStore()
        self.identity = store.identity
        self._now_ms = 0
        config = {"rated_capacity_mah": RATED_MAH, "cell_blocks": CELL_BLOCKS, "strings": STRINGS, "clock_rate": 1}
        config |= {"sample_ms": SAMPLE_MS, "window_ms": WINDOW_MS, "checkpoint_every": 4, "time_every_ms": 1}
        trusted = {"service_public_key": SERVICE_PUBLIC_KEY, "settings_digest": hashlib.sha256().digest()}
        source = SimulatedPack(lambda: self._now_ms, CELL_BLOCKS, STRINGS, RATED_MAH, RATED_MAH, pack)
        self.log = SectorLog(flash, store.identity.log_id, store.identity.disclosure_seed)
        self.logger = Logger(config | trusted, self.log, store, source, bytes(32), 1)
        self.link = BoardLink(self.logger)

    def run(self, windows: int) -> None:
        end_ms = self._now_ms + windows * WINDOW_MS
        while self._now_ms < end_ms or self.log.checkpointed_size < self.log.size - 4:
            self.logger.step(self._now_ms)
            self._now_ms += STEP_MS

    def run_beyond(self, size: int) -> None:
        while self.log.checkpointed_size <= size:
            self.run(4)

    def records(self) -> tuple[list[bytes], dict[int, bytes]]:
        """All entries, and the checkpoints by size."""
        entries, checkpoints = [], {}
        cursor = self.log.read_from(0)
        while record := cursor.next():
            if record[0] == ENTRY:
                entries.append(record[2])
            else:
                checkpoints[record[1]] = record[2]
        return entries, checkpoints

    def delivery(self, first: int = 0, size: int | None = None) -> Delivery:
        """Up to the newest checkpoint, or to the one of this size."""
        entries, checkpoints = self.records()
        end = max(checkpoints) if size is None else size
        seed = self.identity.disclosure_seed
        return Delivery(self.identity.genesis, seed, first, tuple(entries[first:end]), checkpoints[end])
