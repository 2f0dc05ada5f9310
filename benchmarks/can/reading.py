"""Logs read by PackSeal and by python-can, frames a second of one core; the last line is the figures as JSON.

    python benchmarks/can/reading.py [FRAMES]

200,000 frames of 60 identifiers, as one busy bus has them, written by python-can in each of its dialects. Both readers
start from the file; python-can's frames are only counted. Processor time, the best of several passes in turn, so that
other programs on the machine weigh on both alike. cantools has no reader of its own.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import can

from packseal.frames import read_log

FRAMES = 200_000
PASSES = 5
DIALECTS = {"log": "candump -l", "blf": "BLF", "asc": "ASC", "trc": "PEAK TRC"}
BARS = {"log": 15, "blf": 15, "asc": 4, "trc": 4}


def write_logs(folder: Path, count: int) -> None:
    chance = random.Random(1)
    identifiers = [(chance.randrange(0x800), False) for _ in range(50)]
    identifiers += [(chance.randrange(0x2000_0000), True) for _ in range(10)]
    payloads = [bytes(chance.choices((0, 0xFF, 0x10, 0x7D, 0xFE, 0x42), k=8)) for _ in range(1000)]
    writers = [can.Logger(str(folder / f"log.{suffix}")) for suffix in DIALECTS]
    for index in range(count):
        can_id, is_extended = chance.choice(identifiers)
        message = can.Message(
            timestamp=1_700_000_000 + index * 0.00012,
            arbitration_id=can_id,
            is_extended_id=is_extended,
            data=chance.choice(payloads),
            channel=0,
        )
        for writer in writers:
            writer.on_message_received(message)
    for writer in writers:
        writer.stop()


def seconds(read: Callable[[Path], int], path: Path, expected: int) -> float:
    started = time.process_time()
    found = read(path)
    taken = time.process_time() - started
    if found != expected:
        raise ValueError(f"{found} of {expected} frames of {path.name} were read")
    return taken


def ours(path: Path) -> int:
    return len(read_log(path.read_bytes())[0])


def theirs(path: Path) -> int:
    return sum(1 for _ in can.LogReader(path))


def measure(path: Path, count: int) -> dict[str, float]:
    taken = {"packseal": 1e9, "python_can": 1e9}
    for index in range(PASSES):
        taken["packseal"] = min(taken["packseal"], *(seconds(ours, path, count) for _ in range(3)))
        if index < 2:
            taken["python_can"] = min(taken["python_can"], seconds(theirs, path, count))
    rates = {f"{name}_per_s": round(count / each) for name, each in taken.items()}
    return {**rates, "ratio": round(taken["python_can"] / taken["packseal"], 1)}


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else FRAMES
    figures = {}
    print(f"{'dialect':12} {'PackSeal':>12} {'python-can':>12} {'ratio':>7} {'bar':>5}   frames/s, one core")
    with tempfile.TemporaryDirectory() as folder:
        write_logs(Path(folder), count)
        for suffix, name in DIALECTS.items():
            found = figures[name] = measure(Path(folder) / f"log.{suffix}", count)
            rates = f"{found['packseal_per_s']:12,} {found['python_can_per_s']:12,}"
            print(f"{name:12} {rates} {found['ratio']:7.1f} {BARS[suffix]:5}", flush=True)
    print(json.dumps({"frames": count, "reading": figures, "bars": {DIALECTS[one]: bar for one, bar in BARS.items()}}))


if __name__ == "__main__":
    main()
