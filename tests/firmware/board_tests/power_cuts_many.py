"""Cuts the power at every operation of many lives of a log, in three ways, and again within what follows a start.

    power_cuts_many.py CUTS FIRST_SEED STRIDE SECOND_EVERY

Lives of different flashes are lived until there were that many cuts: seeds FIRST_SEED, FIRST_SEED + STRIDE, ... At each
operation the flash is copied as a cut would leave it and a log is mounted from it; the oracle says what it must hold,
and the log goes on for a few operations. Behind one cut in SECOND_EVERY it is cut at each of these in turn, mounted,
and looked at again. Prints the counts as JSON.
"""

import gc
import json
import sys

import power_cuts_oracle as oracles
from memory_flash import GARBAGE, HALF, NOTHING, MemoryFlash, PowerCutError

from logger.core import sectors
from logger.core.sectorlog import CHECKPOINT, ENTRY, LogFullError, SectorLog
from logger.core.sectors import LEAF

SEED = bytes(16)
TEARS = (NOTHING, HALF, GARBAGE)
# sectors, bytes of each, of a word, sectors of a segment
FLASHES = (
    (5, 1536, 8, 1),
    (8, 1024, 8, 2),
    (16, 640, 4, 4),
    (5, 2048, 32, 1),
    (20, 768, 32, 4),
    (40, 640, 8, 8),
    (4, 2048, 8, 1),
    (34, 640, 8, 2),  # so many segments that one is for leaves
    (36, 768, 32, 2),
)
ACTS = 240  # of a life
WITHOUT_RECEIPTS = range(40, 200)  # of every second life: its log fills up, and counts what it loses
SEALED_AT = 225  # of every third life: another log takes its place
EXACT_SECTORS = 3  # of a segment, for the count of what is lost to be exact for ever

sectors.MIN_SECTOR_BYTES = 512  # the head of so short a log is small, and so is a flash that is copied this often


class Chance:
    """The same numbers on every interpreter."""

    def __init__(self, seed):
        self._state = seed * 7919 + 1

    def below(self, limit):
        self._state = self._state * 1103515245 + 12345 & 0x7FFFFFFF
        return (self._state >> 12) % limit


class Counts:
    def __init__(self):
        self.second_every = 1
        self.lives = self.cuts = self.second_cuts = self.starts = 0
        self.by_tear = {}
        self.acts = {}  # what the lives had in them

    def note(self, what, tear, before, after, torn):
        """That it was really cut there: what is left is what the tear says."""
        if tear == NOTHING:
            assert torn == before
        elif before != after:
            assert torn != before or len(after) <= 64, "the operation left no trace"
        key = f"{what} {tear}"
        self.by_tear[key] = self.by_tear.get(key, 0) + 1

    def saw(self, what):
        self.acts[what] = self.acts.get(what, 0) + 1


counts = Counts()


class Life:
    """A log, its oracle, and what it does by chance."""

    def __init__(self, flash, log, oracle, variant):
        self.flash, self.log, self.oracle, self.variant = flash, log, oracle, variant

    def append(self):
        seq = len(self.oracle.entries)
        make = oracles.long_entry_of if seq % 3 else oracles.entry_of
        self._append(make(seq, self.variant))

    def _append(self, entry):
        oracle = self.oracle
        oracle.pending = ENTRY, entry
        self.log.append(entry)
        oracle.pending = None
        oracle.add(entry)

    def sign(self):
        log, oracle = self.log, self.oracle
        size = log.size
        assert not oracle.bare, "a checkpoint between a leaf and its GAP"
        content = oracle.sign(size, log.root)
        oracle.pending = CHECKPOINT, size
        log.append_checkpoint(size, content)
        oracle.pending = None
        oracle.checkpoints.append(size)

    def receipt(self, size):
        oracle = self.oracle
        oracle.pending = "receipt", size
        self.log.append_receipt(size)
        oracle.pending = None
        oracle.receipted_size = size
        counts.saw("receipt")

    def lose(self):
        """A window: all but its leaf, or that too."""
        oracle = self.oracle
        count, first, last = oracle.lost
        now = last + 1000 if count else oracles.uptime_of(len(oracle.entries))
        lost = count + 1, first if count else now, now + 1000
        if not self._keep_leaf(lost, now):
            self._lose(lost, now)

    def _keep_leaf(self, lost, now):
        oracle, leaf = self.oracle, bytes([self.variant]) + bytes(31)
        oracle.pending = LEAF, (leaf, lost)
        try:
            self.log.append_leaf(leaf, now, now + 1000)
        except LogFullError:
            oracle.pending = None
            return False
        oracle.pending = None
        oracle.add_leaf(leaf, lost)
        counts.saw("leaf")
        return True

    def _lose(self, lost, now):
        oracle = self.oracle
        oracle.pending = "lost", lost
        self.log.note_loss(1, now, now + 1000)
        oracle.pending = None
        oracle.lost = lost
        counts.saw("loss")
        if self.log._tail._is_wrapped:
            counts.saw("loss over losses")

    def tell(self):
        """The GAP entry."""
        self._append(oracles.gap_of(len(self.oracle.entries), self.oracle.lost, self.oracle.bare_span()))
        counts.saw("gap")

    def act(self, chance, has_gateway):
        """What comes next, by chance. A full log loses windows until a receipt comes."""
        choice = chance.below(20)
        oracle = self.oracle
        unsettled = [size for size in oracle.checkpoints if size > oracle.receipted_size]
        try:
            if choice < 2 and unsettled and has_gateway:
                self.receipt(unsettled[chance.below(len(unsettled))] if choice else unsettled[-1])
            elif (
                choice < 6
                and oracle.entries
                and not oracle.bare
                and (not oracle.checkpoints or oracle.checkpoints[-1] < self.log.size)
            ):
                self.sign()
            elif oracle.lost[0] and self.log.has_free_sector():
                self.tell()
            elif oracle.lost[0]:
                self.lose()
            else:
                self.append()
        except LogFullError:
            oracle.pending = None
            counts.saw("full")
            if choice > 5:
                self.lose()

    def start_anew(self):
        """The log was sealed: one of another id takes its place. The key file names it first."""
        before, log = self.oracle, self.log
        self.oracle = oracle = oracles.Oracle(bytes([before.log_id[0] ^ 0xFF]) * 16, before.is_loss_exact)
        oracle.previous_id = before.log_id
        if before.lost[0]:
            ended_ms = log.progress.uptime_ms
            oracle.lost = before.lost[0], max(before.lost[1] - ended_ms, 0), max(before.lost[2] - ended_ms, 0)
        for _ in log.start_anew_steps(oracle.log_id, SEED):
            pass
        counts.saw("seal")


class CutFlash(MemoryFlash):
    """Tries each of its operations cut, on copies, before it does it."""

    def __init__(self, geometry):
        super().__init__(*geometry[:3])
        self.geometry = geometry
        self.life = None

    def _change(self, offset, before, after):
        what = "erase" if len(after) == self.sector_bytes else "program"
        for tear in TEARS:
            self.tear = tear
            torn = self.torn(before, after)
            counts.note(what, tear, before, after, torn)
            counts.cuts += 1
            copy = MemoryFlash(self.sectors, self.sector_bytes, self.word_bytes)
            copy.content[:] = self.content
            copy.content[offset : offset + len(after)] = torn
            copy._random = counts.cuts
            start(copy, self.life.oracle.branch(), self.geometry, counts.cuts)
        super()._change(offset, before, after)


def mounted(flash, oracle, geometry):
    counts.starts += 1
    return SectorLog(flash, oracle.log_id, SEED, oracle.previous_id, geometry[3])


def start(flash, oracle, geometry, number):
    """Behind a cut: what is there, and that it goes on from there."""
    if number % counts.second_every == 0:
        cut_again(flash, oracle, geometry, number)
    log = mounted(flash, oracle, geometry)
    oracle.settle(log)
    oracle.check(log)
    go_on(Life(flash, log, oracle, number % 97))
    again = mounted(flash, oracle, geometry)
    oracle.settle(again)
    oracle.check(again)


def cut_again(flash, oracle, geometry, number):
    """At each operation of what follows the start, and of the start itself, where that erases what is left of a log."""
    at = 0
    while True:
        copy = MemoryFlash(flash.sectors, flash.sector_bytes, flash.word_bytes)
        copy.content[:] = flash.content
        copy.cut_at, copy.tear, copy._random = at, TEARS[(at + number // counts.second_every) % 3], number
        branch = oracle.branch()
        try:
            log = mounted(copy, branch, geometry)
            branch.settle(log)
            go_on(Life(copy, log, branch, number % 97))
        except PowerCutError:
            counts.second_cuts += 1
        else:
            assert copy.operations == at, "it was not cut"
            return
        assert copy.operations == at + 1
        copy.cut_at = None
        again = mounted(copy, branch, geometry)
        branch.settle(again)
        branch.check(again)
        at += 1


def go_on(life):
    try:
        life.append()
        if life.oracle.bare:
            life.tell()
        life.sign()
        life.append()
    except LogFullError:
        life.oracle.pending = None
        life.lose()
    if life.oracle.checkpoints and life.oracle.checkpoints[-1] > life.oracle.receipted_size:
        try:
            life.receipt(life.oracle.checkpoints[-1])
        except LogFullError:
            life.oracle.pending = None


def live(seed, enough):
    geometry, chance = FLASHES[seed % len(FLASHES)], Chance(seed)
    flash = CutFlash(geometry)
    oracle = oracles.Oracle(bytes([seed & 0xFF]) * 16, geometry[3] >= EXACT_SECTORS)
    flash.life = life = Life(flash, SectorLog(flash, oracle.log_id, SEED, None, geometry[3]), oracle, 100)
    counts.lives += 1
    for act in range(ACTS):
        if act == SEALED_AT and seed % 3 == 0:
            life.start_anew()
        life.act(chance, seed & 1 or act not in WITHOUT_RECEIPTS)
        if chance.below(8) == 0:
            life.log = mounted(flash, life.oracle, geometry)
            life.oracle.settle(life.log)
            life.oracle.check(life.log)
        if counts.cuts >= enough:
            break
    gc.collect()


def main(enough, seed, stride, second_every):
    counts.second_every = second_every
    while counts.cuts < enough:
        live(seed, enough)
        seed += stride
    figures = {"by_tear": counts.by_tear, "acts": counts.acts}
    figures["counts"] = {name: getattr(counts, name) for name in ("lives", "cuts", "second_cuts", "starts")}
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*[int(argument) for argument in sys.argv[1:5]])
