"""A full log of 512 kB, mounted and read in little heap: `mount_heap.py fill|mount FOLDER`. Prints JSON."""

import gc
import json
import sys
import time

from logger.core.sectorlog import LogFullError, SectorLog
from logger.drivers.flash_file import FlashFile

SECTORS, SECTOR_BYTES = 128, 4096


class CountingFlash(FlashFile):
    """How often it is asked."""

    reads = read_bytes = 0

    def read(self, offset, buffer):
        self.reads += 1
        self.read_bytes += len(buffer)
        super().read(offset, buffer)


def fill(log):
    from log_wear import CHECKPOINT_BYTES, LEAF, window_of  # not in the little heap

    try:
        while True:
            log.append(window_of(log.size, "old"), LEAF)
            if log.size % 60 == 59:
                log.append_checkpoint(log.size, bytes(CHECKPOINT_BYTES))
    except LogFullError:
        return {"size": log.size}


def mount(flash):
    gc.collect()
    before = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
    started_ns = time.time_ns()
    log = SectorLog(flash, bytes(16), bytes(16))
    took_ns = time.time_ns() - started_ns
    figures = {"mount_ms": took_ns // 1000000, "mount_reads": flash.reads, "mount_read_bytes": flash.read_bytes}
    gc.collect()
    figures["log_heap_bytes"] = gc.mem_alloc() - before if hasattr(gc, "mem_alloc") else 0
    figures.update(read(log, flash))
    return figures


def read(log, flash):
    """All of it by one cursor; reads of the flash for each record."""
    cursor, count, reads = log.read_from(0), 0, flash.reads
    record = cursor.next()
    while record:
        count += 1
        record = cursor.next()
    figures = {"size": log.size, "records": count, "reads_per_record": (flash.reads - reads) // count}
    reads = flash.reads
    log.read_from(log.size - 1).next()
    figures["reads_to_find"] = flash.reads - reads
    return figures


if __name__ == "__main__":
    flash = CountingFlash(sys.argv[2] + "/flash.bin", SECTORS, SECTOR_BYTES)
    print(json.dumps(fill(SectorLog(flash, bytes(16), bytes(16))) if sys.argv[1] == "fill" else mount(flash)))
