"""A flash whose bytes rot, and one that never held a log: `damaged_flash.py TEST`. Prints JSON.

The log it begins with has 60 entries, a checkpoint behind every fifth, no receipt: all of it is still to be delivered.
"""

import json
import sys

import power_cuts_oracle as oracles
from memory_flash import MemoryFlash

from logger.core.cursor import UNREADABLE_LEAF
from logger.core.sectorlog import CHECKPOINT, ENTRY, LogFullError, SectorLog, WrongLogError
from logger.core.sectors import LOSS

LOG_ID, SEED = bytes(range(16)), bytes(16)
GEOMETRY = (14, 2048, 8)
FULL_GEOMETRY = (32, 2048, 8)  # segments of four sectors
ENTRIES, CHECKPOINT_EVERY = 60, 5


class NotingFlash(MemoryFlash):
    last = None  # (offset, bytes) of what was programmed

    def program(self, offset, content):
        self.last = offset, len(content)
        super().program(offset, content)


class Placed:
    """A log, and where each of its records lies."""

    def __init__(self, entries=ENTRIES, rest=0):
        self.flash = NotingFlash(*GEOMETRY)
        self.log = SectorLog(self.flash, LOG_ID, SEED)
        self.oracle = oracles.Oracle(LOG_ID, True)
        self.places = {}  # (kind, number): (offset, bytes)
        for seq in range(entries):
            self.append(seq)
            if seq % CHECKPOINT_EVERY == CHECKPOINT_EVERY - 1:
                self.sign()
        for seq in range(entries, entries + rest):
            self.append(seq)

    def append(self, seq):
        entry = oracles.long_entry_of(seq, 0)
        self.log.append(entry)
        self.oracle.add(entry)
        self.places[ENTRY, seq] = self.flash.last

    def sign(self):
        size = self.log.size
        self.log.append_checkpoint(size, self.oracle.sign(size, self.log.root))
        self.places[CHECKPOINT, size] = self.flash.last

    def damage(self, kind, number, at=20):
        offset, _ = self.places[kind, number]
        self.flash.content[offset + at] ^= 0x10

    def mounted(self):
        return SectorLog(self.flash, LOG_ID, SEED)


def read(log):
    """([seqs], [sizes]) as a cursor finds them."""
    found, cursor = ([], []), log.read_from(0)
    record = cursor.next()
    while record:
        found[record[0] != ENTRY].append(record[1])
        record = cursor.next()
    return found


def one_entry():
    """Each entry in turn: all others are read, the tree stays as signed, and it counts once, also over a start."""
    mended = []
    for seq in range(ENTRIES):
        placed = Placed()
        placed.damage(ENTRY, seq, seq % 16)
        log = placed.mounted()
        assert (log.size, log.root) == (ENTRIES, placed.oracle.roots[-1])
        for _ in range(2):
            seqs, sizes = read(log)
            assert seqs == [number for number in range(ENTRIES) if number != seq]
            assert len(sizes) == ENTRIES // CHECKPOINT_EVERY
            assert log.losses.damaged == 1
        log.note_loss(1, 5, 6)
        again = placed.mounted()
        read(again)
        assert again.losses.damaged == 1
        again.append(oracles.entry_of(ENTRIES, 1))
        placed.oracle.add(oracles.entry_of(ENTRIES, 1))
        assert again.root == placed.oracle.roots[-1]
        mended.append(seq)
    return {"mended": len(mended)}


def one_checkpoint():
    """Each in turn: no entry is lost, no size is signed for twice with two roots."""
    for size in range(CHECKPOINT_EVERY, ENTRIES + 1, CHECKPOINT_EVERY):
        placed = Placed()
        placed.damage(CHECKPOINT, size)
        log = placed.mounted()
        assert (log.size, log.root) == (ENTRIES, placed.oracle.roots[-1])
        seqs, sizes = read(log)
        assert seqs == list(range(ENTRIES))
        assert size not in sizes
        assert log.checkpointed_size == (ENTRIES if size != ENTRIES else ENTRIES - CHECKPOINT_EVERY)
        log.append_checkpoint(log.size, placed.oracle.sign(log.size, log.root))
    return {"checkpoints": ENTRIES // CHECKPOINT_EVERY}


def unsigned():
    """An entry that no checkpoint covers: an agreed leaf stands for it, and every later start agrees."""
    placed = Placed(ENTRIES, 4)
    placed.damage(ENTRY, ENTRIES + 1)
    log = placed.mounted()
    assert log.size == ENTRIES + 4
    expected = oracles.Oracle(LOG_ID, True)
    for seq in range(ENTRIES + 4):
        expected.add(placed.oracle.entries[seq], UNREADABLE_LEAF if seq == ENTRIES + 1 else None)
    assert log.root == expected.roots[-1]
    log.append_checkpoint(log.size, expected.sign(log.size, log.root))
    again = placed.mounted()
    assert again.root == expected.roots[-1]
    return {"damaged": again.losses.damaged, "is_broken": again.is_broken}


def too_much():
    """Two entries between two checkpoints: what the tree was can no longer be told: nothing more is signed."""
    placed = Placed(ENTRIES, 4)
    placed.sign()
    placed.damage(ENTRY, ENTRIES + 1)
    placed.damage(ENTRY, ENTRIES + 2)
    log = placed.mounted()
    refused = 0
    for work in (lambda: log.append(oracles.entry_of(log.size, 0)), lambda: log.append_checkpoint(log.size, bytes(9))):
        try:
            work()
        except LogFullError:
            refused += 1
    log.note_loss(1, 5, 6)
    seqs, _ = read(log)
    return {
        "is_broken": log.is_broken,
        "refused": refused,
        "read": len(seqs),
        "losses": placed.mounted().losses.windows,
    }


def heads():
    """Each head in turn, the newest included: all entries are read, and the log goes on behind the last one."""
    segment_bytes, checked = Placed().log.segment_bytes, 0
    for segment in range(Placed().log._tail.newest + 1):
        placed = Placed()
        placed.flash.content[segment * segment_bytes + 40] ^= 1
        log = placed.mounted()
        assert (log.size, log.root) == (ENTRIES, placed.oracle.roots[-1])
        assert read(log)[0] == list(range(ENTRIES))
        log.append(oracles.entry_of(ENTRIES, 1))
        placed.oracle.add(oracles.entry_of(ENTRIES, 1))
        assert placed.mounted().root == placed.oracle.roots[-1]
        checked += 1
    return {"heads": checked}


def random_content(seed, count):
    number, out = seed * 2 + 1, bytearray(count)
    for i in range(count):
        number = number * 1103515245 + 12345 & 0x3FFFFFFF
        out[i] = number >> 15 & 0xFF
    return out


def garbage():
    """Whatever the flash holds, a start ends and raises nothing but WrongLogError, and what it mounts can be used."""
    wrong = used = 0
    for seed in range(60):
        placed = Placed(20)
        content, noise = placed.flash.content, random_content(seed, 4096)
        if seed % 3 == 0:
            content[:] = bytes(noise) * (len(content) // len(noise))
        else:
            for i in range(0, 1 + seed * 3, 2):
                at = (noise[i] << 8 | noise[i + 1]) % 6144
                content[at] = noise[i + 300]
        try:
            log = SectorLog(placed.flash, LOG_ID if seed % 5 else bytes(16), SEED)
        except WrongLogError:
            wrong += 1
            continue
        read(log)
        log.note_loss(1, 1, 2)
        if log.has_free_sector():
            log.append(oracles.entry_of(log.size, 9))
        read(placed.mounted() if seed % 5 else SectorLog(placed.flash, bytes(16), SEED))
        used += 1
    return {"wrong": wrong, "used": used}


def full_for_long():
    """A log that is full for long counts on over every start; told, it counts from none again."""
    flash = MemoryFlash(*FULL_GEOMETRY)
    log = SectorLog(flash, LOG_ID, SEED)
    try:
        while True:
            log.append(oracles.long_entry_of(log.size, 0))
    except LogFullError:
        log.append_checkpoint(log.size, b"last")
    windows = 700
    for window in range(windows):
        log.note_loss(1, 1000 * window, 1000 * window + 999)
        if window % 50 == 0:
            log = SectorLog(flash, LOG_ID, SEED)
            assert log.losses.windows == window + 1
    size, erasures = log.size, max(flash.erasures)
    log.append_receipt(size)
    log = SectorLog(flash, LOG_ID, SEED)
    told = [log.losses.windows, log.losses.first_ms, log.losses.last_ms]
    log.append(oracles.gap_of(size, told, None))
    log = SectorLog(flash, LOG_ID, SEED)
    return {"told": told, "left": log.losses.windows, "size": log.size - size, "erasures": erasures, "loss": LOSS}


def full_in_large_sectors():
    """Four sectors of 128 kB: counts are one by one at first, and never more than 2 % behind."""
    flash = MemoryFlash(4, 131072, 32)
    log = SectorLog(flash, LOG_ID, SEED)
    try:
        while True:
            log.append(oracles.long_entry_of(log.size, 0), bytes(32))
    except LogFullError:
        log.append_checkpoint(log.size, b"last")
    behind = []
    for window in range(1, 6001):
        log.note_loss(1, 1000 * window, 1000 * window + 999)
        if window in (200, 1000, 3000, 6000):
            found = SectorLog(flash, LOG_ID, SEED).losses.windows
            behind.append(window - found)
            assert 0 <= window - found <= window * 2 // 100
    return {"behind": behind, "segments": log.segment_bytes}


tests = {"one_entry": one_entry, "one_checkpoint": one_checkpoint, "unsigned": unsigned, "too_much": too_much}
tests.update(
    {"heads": heads, "garbage": garbage, "full_for_long": full_for_long, "full_in_large_sectors": full_in_large_sectors}
)
if __name__ == "__main__":
    print(json.dumps(tests[sys.argv[1]]()))
