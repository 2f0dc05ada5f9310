"""The part of bench_cortex_m.py that runs on the emulated board: prints one line `name value` for each figure.

Counts are of instructions, by the FPGA's counter of 25 MHz while QEMU passes a nanosecond an instruction: a count is a
multiple of 40. Each is the middle one of several, after a garbage collection.
"""

import gc

import mps2

gc.collect()
before_bytes = gc.mem_alloc()

import board  # noqa: F401, E402 (its heap is measured)

import main  # noqa: F401, E402
from logger.core import cbor, ed25519, entries, keys, link, sectorlog  # noqa: E402
from logger.core.blinding import leaf_of  # noqa: E402
from logger.core.logger import Logger  # noqa: E402
from logger.core.sectorlog import SectorLog  # noqa: E402

gc.collect()
imported_bytes = gc.mem_alloc() - before_bytes

INSTRUCTIONS_A_COUNT = 40
COUNTER_MASK = 0x3FFFFFFF
ROUNDS = 5
SECTOR_BYTES = 4096
SEED = bytes(range(32))
SAMPLE_MS, SAMPLES, BLOCKS = 1000, 60, 12
CONFIG = {"rated_capacity_mah": 10000, "cell_blocks": BLOCKS, "strings": 2, "clock_rate": 1, "sample_ms": SAMPLE_MS}
CONFIG.update({"window_ms": SAMPLES * SAMPLE_MS, "checkpoint_every": 60, "time_every_ms": 86400000})
CONFIG.update({"service_public_key": bytes(32), "operator_public_key": None, "settings_digest": bytes(32)})  # type: ignore[dict-item]


def instructions(work, *arguments):
    counts = []
    for _ in range(ROUNDS):
        gc.collect()
        since = mps2.count()
        work(*arguments)
        counts.append(((mps2.count() - since) & COUNTER_MASK) * INSTRUCTIONS_A_COUNT)
    return sorted(counts)[ROUNDS // 2]


class Source:
    """Costs nothing: what is measured is the logger."""

    kind = 0
    temperature_sensors = 2
    refused = 0

    def __init__(self):
        self._turn = 0

    def step(self, now_ms):
        pass

    def read(self, sample):
        self._turn = turn = (self._turn + 7) % 16
        sample.missing = 0
        sample.current_ma, sample.pack_mv = 2000 + turn, 44400 + turn
        for i in range(BLOCKS):
            sample.cell_mv[i] = 3700 + i + turn
        for i in range(2):
            sample.temperature_ddegc[i] = 250 + i
        sample.soc_reported_cpct, sample.soh_reported_cpct = 5000, 10000


class Keys:
    def __init__(self):
        self.identity = keys.opened(keys.Ed25519Key(SEED), bytes(16))

    def save(self, identity):
        self.identity = identity


class Bench:
    """A logger whose clock moves on from slot to slot."""

    def __init__(self):
        flash = mps2.Flash(256 * 1024, 32, SECTOR_BYTES)
        for sector in range(flash.sectors):
            flash.erase(sector)
        store = Keys()
        self.log = SectorLog(flash, store.identity.log_id, store.identity.disclosure_seed)
        self.logger = Logger(CONFIG, self.log, store, Source(), bytes(32), 1)
        self.link = link.BoardLink(self.logger)
        self.now_ms = 0
        self.until_idle()

    def until_idle(self):
        while self.logger.step(self.now_ms):
            pass

    def slot(self):
        """One sample taken; work that it leads to is left."""
        self.now_ms += SAMPLE_MS
        self.logger.step(self.now_ms)

    def window(self):
        """Samples until a window has ended and is durable."""
        size = self.log.size
        while self.log.size == size:
            self.slot()
            self.until_idle()


def newest_window(log):
    """The entry, open."""
    cursor, entry = log.read_from(0), None
    record = cursor.next()
    while record:
        if record[0] == sectorlog.ENTRY and cbor.decode(record[2])[0] == entries.WINDOW:
            entry = record[2]
        record = cursor.next()
    return entry


class Appender:
    """The same entry again and again, under the number that is next."""

    def __init__(self, log, entry):
        self._log = log
        self._content = cbor.decode(entry)
        self._leaf = leaf_of(entry, bytes(16))
        self.next()

    def next(self):
        self._content[1] = self._log.size
        self.entry = cbor.encode(self._content)

    def append(self):
        self._log.append(self.entry, self._leaf)


def append_instructions(appender):
    """The middle one of appends, which are not all equally many joints in the tree."""
    counts = []
    for _ in range(16):
        appender.next()
        gc.collect()
        since = mps2.count()
        appender.append()
        counts.append(((mps2.count() - since) & COUNTER_MASK) * INSTRUCTIONS_A_COUNT)
    return sorted(counts)[8]


print("imported_bytes", imported_bytes)
public = ed25519.public_key(SEED)
signature = ed25519.sign(SEED, public, bytes(150))
print("sign", instructions(ed25519.sign, SEED, public, bytes(150)))
print("verify", instructions(ed25519.verify, public, bytes(150), signature))

bench = Bench()
print("sample", instructions(bench.slot))
bench.window()  # this one has had its first samples
print("window", instructions(bench.window))
entry = newest_window(bench.log)
print("window_bytes", len(entry))
print("leaf", instructions(leaf_of, entry, bytes(16)))
print("append", append_instructions(Appender(bench.log, entry)))
print("frame_out", instructions(link.encode_frame, link.ENTRY, entry))
want = link.encode_frame(link.WANT, cbor.encode([bench.log.size, 8, 0]))
print("frame_in", instructions(bench.link.feed, want))
