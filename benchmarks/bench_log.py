"""What the log costs flash of several makes, 512 kB each, and how long it lives; the last line is the figures as JSON.

    python benchmarks/bench_log.py

A window a minute, a checkpoint and its receipt every 15 windows, 10,000 erasures a sector. The peer is the same log of
one head an erase sector (segments of one), which is what small sectors cost without segments.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "tests/firmware/board_tests/log_wear.py"
WINDOWS = 20_000
CHECKPOINT_EVERY = 15
FLASHES = [  # bytes of a sector, of a word; sectors of a segment, 0 being what the log chooses
    (4096, 8, 1),
    (4096, 8, 0),
    (4096, 4, 0),
    (32768, 8, 0),
    (131072, 8, 0),
    (131072, 32, 0),
]


def figures(sector_bytes, word_bytes, segment_sectors, age):
    arguments = map(str, (sector_bytes, word_bytes, CHECKPOINT_EVERY, WINDOWS, age, segment_sectors))
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "firmware")}
    done = subprocess.run([sys.executable, SCRIPT, *arguments], env=environment, capture_output=True, check=True)
    return {"age": age, **json.loads(done.stdout)}


def row(found):
    return (
        f"{found['sector_bytes']:7} {found['word_bytes']:4} {found['segment_bytes']:8} {found['age']:>6}"
        f" {found['window_bytes']:7} {found['erases_per_record']:15.4f} {found['years']:7.1f}"
        f" {found['windows_until_full']:9}"
    )


def main():
    results = [figures(*flash, age) for age in ("young", "old") for flash in FLASHES]
    head = " sector word  segment   pack  window  erases a record   years  fits in\n"
    sys.stdout.write(head + "".join(row(found) + "\n" for found in results) + json.dumps(results) + "\n")


if __name__ == "__main__":
    main()
