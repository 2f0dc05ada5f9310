"""From a candump log to a passport service that has verified and stored it, beside three ways of doing that by hand.

    python benchmarks/can/importing.py [FRAMES]

The log is ten minutes of a full bus of a 96-cell pack (pack_log.py, 5,000,000 frames); PackSeal is the command
`packseal import` from its start to its end, everything it starts included. The peers (importing_peers.py) get a shorter
log, for they are slower; each runs with its consumer as a process of its own, through the same kind of broker:

    naive           each frame: python-can reads, cantools decodes, json, paho; the consumer parses and stores nothing
    naive, durable  each frame: also signed, and on disk before it is sent until the consumer has verified and stored it
    fair            1,024 frames at a time: cantools, columns in CBOR, one signature, one transaction, one message, one
                    receipt, which the sender waits for before it deletes
    fair, windows   the same, but what is sent is what PackSeal sends: means, extremes and last values of 10 s

Frames a second by the clock on the wall. The last line is the figures as JSON. About three minutes.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "gateway")]

from benchmarks.can import importing_peers, pack_log  # noqa: E402
from benchmarks.can.importing_peers import PEERS  # noqa: E402

FRAMES = 5_000_000
BARS = {"naive": 50, "naive, durable": 200, "fair": 10, "fair, windows": 10}
PASSES = 3


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else FRAMES
    with tempfile.TemporaryDirectory(prefix="packseal-bench-") as name:
        folder = Path(name)
        print(f"Python {platform.python_version()}, {importing_peers.versions()}")
        ours = measure_ours(folder, count)
        figures: dict[str, float] = {"PackSeal": ours}
        print(f"{'way':16} {'frames/s':>10} {'PackSeal is':>12} {'bar':>5}\n{'PackSeal':16} {ours:10,.0f}", flush=True)
        for way, peer in PEERS.items():
            figures[way] = measure_peer(folder, peer.frames, way)
            print(f"{way:16} {figures[way]:10,.0f} {ours / figures[way]:11.0f}x {BARS[way]:4}x", flush=True)
    rates = {way: round(rate) for way, rate in figures.items()}
    print(json.dumps({"frames": count, "frames_per_s": rates, "bars": BARS}))


def measure_ours(folder: Path, count: int) -> float:
    log, dbc, bind = pack_log.write(folder, count)
    files = [str(log), "--dbc", str(dbc), "--bind", str(bind)]
    best = 0.0
    for number in range(PASSES):
        command = [str(Path(sys.executable).with_name("packseal")), "import", *files, "--json"]
        started = time.monotonic()
        done = subprocess.run(
            [*command, "--data", str(folder / f"run-{number}")], check=True, capture_output=True, text=True
        )
        taken_s = time.monotonic() - started
        report = json.loads(done.stdout)
        if report["frames_decoded"] < count or not report["passport"]:
            raise SystemExit(f"not all was imported: {done.stdout}")
        best = max(best, report["frames_decoded"] / taken_s)
    log.unlink()
    return best


def measure_peer(folder: Path, count: int, way: str) -> float:
    below = folder / way.replace(", ", "-")
    below.mkdir()
    log, dbc, _ = pack_log.write(below, count)
    return importing_peers.run(way, log, dbc, below)


if __name__ == "__main__":
    main()
