"""Run in the place of a service: what it may do, as JSON. Every try is one that must not do harm where it succeeds."""

from __future__ import annotations

import ctypes
import json
import mmap
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path


def may(act: Callable[[], object]) -> bool:
    try:
        act()
    except OSError:
        return False
    return True


def main() -> None:
    state = Path("/var/lib/packseal")
    found = {
        "etc": may(Path("/etc/packseal/probe").touch),
        "usr": may(Path("/usr/lib/packseal/probe").touch),
        "gateway": may(lambda: list((state / "gateway").iterdir())),
        "passport": may(lambda: list((state / "passport").iterdir())),
        "writable_code": may(lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)),
        "packets": may(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
        "clock_set": may(lambda: time.clock_settime(time.CLOCK_REALTIME, time.time())),
        "clock_read": reads_the_clock(),
        "processes": sum(path.name.isdigit() for path in Path("/proc").iterdir()),
    }
    sys.stdout.write(json.dumps(found))


def reads_the_clock() -> bool:
    """adjtimex(2) with modes 0 changes nothing; struct timex is smaller than the buffer on every machine."""
    return int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(1024))) >= 0


if __name__ == "__main__":
    main()
