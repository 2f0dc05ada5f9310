"""Years of a logger's life as fast as it goes: one sample a window, real flash in a file, real signatures and receipts.

Arguments: the file of the flash, blank; how many windows; window_ms; after how many of them the heap is looked at. A
MemoryError ends it.

Its log is drained over the link by a gateway that keeps nothing, its checkpoints get their receipts, and now and then
it starts anew from its flash. Each look prints what micropython.mem_info says after a collection; the end prints as
JSON what came of it.
"""

import gc
import json
import sys

from memory_keys import MemoryKeys

from logger.core import cbor, cose, ed25519
from logger.core.link import RECEIPT, WANT, BoardLink, encode_frame
from logger.core.logger import Logger
from logger.core.sectorlog import SectorLog
from logger.drivers.flash_file import FlashFile

try:
    from micropython import mem_info
except ImportError:  # CPython

    def mem_info():  # type: ignore[no-redef]
        pass


SERVICE_SEED = bytes(range(32))
SERVICE_KEY = ed25519.public_key(SERVICE_SEED)
SECTORS, SECTOR_BYTES = 128, 4096
WINDOWS_A_START = 5000
DAY_MS = 86400000
THRESHOLD_BYTES = 16384  # a board collects more often, after 4096 (boards/loader): so its heap stays whole even better
UNIX_MS = 1700000000000


class Pack:
    """Charges and discharges in turn; now and then a sensor is gone, a cell empty, or its BMS restarts."""

    kind = 2
    refused = 0
    temperature_sensors = 2

    def __init__(self):
        self.resets = 0
        self._reads = 0

    def read(self, sample):
        self._reads += 1
        turn = self._reads
        sample.missing = 0
        sample.current_ma = 20000 if turn % 600 < 300 else -20000
        sample.pack_mv = 52000 + turn % 700
        for i in range(len(sample.cell_mv)):
            sample.cell_mv[i] = 3300 + (turn * 7 + i * 31) % 400
        if turn % 5000 < 20:
            sample.cell_mv[0] = 2400
        for i in range(self.temperature_sensors):
            sample.temperature_ddegc[i] = 200 + turn % 300
        if turn % 7000 < 30:
            sample.temperature_ddegc[1] = None
            sample.missing += 1
        sample.soc_reported_cpct = 5000
        sample.soh_reported_cpct = 9900
        if turn % 9000 == 0:
            self.resets += 1


class Flash(FlashFile):
    """As a board's: what it does takes nothing from the heap."""

    def __init__(self, path):
        super().__init__(path, SECTORS, SECTOR_BYTES)
        self._blank = b"\xff" * SECTOR_BYTES

    def program(self, offset, content):
        self._file.seek(offset)
        self._file.write(content)

    def erase(self, sector):
        self._file.seek(sector * self.sector_bytes)
        self._file.write(self._blank)


class Life:
    def __init__(self, flash_path, window_ms):
        self.flash = Flash(flash_path)
        self.keys = MemoryKeys(self.flash)
        self.pack = Pack()
        self.window_ms = window_ms
        self.starts = self.receipts_refused = self.windows_lost = self.slots_missed = 0
        self.start()

    def start(self):
        identity = self.keys.identity
        self.logger = self.link = None
        gc.collect()
        log = SectorLog(self.flash, identity.log_id, identity.disclosure_seed, None)
        config = {
            "rated_capacity_mah": 100000,
            "cell_blocks": 16,
            "strings": 1,
            "clock_rate": 1,
            "checkpoint_every": 60,
        }
        config.update({"sample_ms": self.window_ms, "window_ms": self.window_ms, "time_every_ms": DAY_MS})
        config.update({"service_public_key": SERVICE_KEY, "settings_digest": bytes(32)})  # type: ignore[dict-item]
        self.logger = Logger(config, log, self.keys, self.pack, bytes(32), 1)
        self.link = BoardLink(self.logger)
        self.starts += 1
        self.now_ms = 0
        self.receipted = log.receipted_size
        self.link.feed(encode_frame(WANT, cbor.encode([log.size, 8, 1])))

    def window(self):
        """To the end of the window, and until nothing is left to do."""
        logger = self.logger
        self.now_ms += max(logger.ms_to_next_slot(), 0)
        while logger.step(self.now_ms):
            pass
        self.drain()
        if logger.log.checkpointed_size > self.receipted:
            self.receipt()
            while logger.step(self.now_ms):
                pass

    def drain(self):
        while self.link.next_frame():
            pass
        self.link.feed(encode_frame(WANT, cbor.encode([self.logger.log.size, 8, 0])))

    def receipt(self):
        log = self.logger.log
        size = self.receipted = log.checkpointed_size
        root = cose.checkpoint_root(log.checkpoint_of(size))
        payload = cbor.encode([1, log.log_id, size, root, 0, UNIX_MS + size, bytes(16), None])
        protected = cbor.encode({1: -19, 4: cose.key_id(SERVICE_KEY)})
        message = cbor.encode(["Signature1", protected, b"packseal/receipt/1", payload])
        signature = ed25519.sign(SERVICE_SEED, SERVICE_KEY, message)
        self.link.feed(encode_frame(RECEIPT, cbor.encode(cbor.Sign1([protected, {}, payload, signature]))))

    def note(self):
        logger = self.logger
        self.receipts_refused += logger.requests.receipts_refused
        self.windows_lost += logger.windows_lost
        self.slots_missed += logger.slots_missed


def look(life, done):
    gc.collect()
    print("look", done, life.logger.uptime_ms, life.logger.log.size)
    mem_info()


def main(flash_path, windows, window_ms, look_every):
    if hasattr(gc, "threshold"):
        gc.threshold(THRESHOLD_BYTES)
    life = Life(flash_path, window_ms)
    look(life, 0)
    for done in range(1, windows + 1):
        life.window()
        if done % look_every == 0:
            look(life, done)
        if done % WINDOWS_A_START == 0:
            life.note()
            life.start()
    life.note()
    log = life.logger.log
    found = {"starts": life.starts, "boots": log.progress.boot, "size": log.size, "receipted": log.receipted_size}
    found.update({"uptime_ms": log.progress.uptime_ms, "counters": log.progress.counters})
    found.update({"windows_lost": life.windows_lost, "slots_missed": life.slots_missed})
    found.update({"receipts_refused": life.receipts_refused, "signer": ed25519.IMPLEMENTATION})
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], *[int(argument) for argument in sys.argv[2:]])
