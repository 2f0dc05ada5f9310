"""Measures the firmware's cryptography on MicroPython's unix port; the last line is the figures as JSON.

    python benchmarks/bench_board.py

The peers are measured in the same run: SHA-512 in plain Python on the same interpreter, and libsodium (PyNaCl) for
scale. All times are medians. The heap figures are of a 64-bit interpreter that compiled the source itself;
32-bit boards need about a fifth less.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter_ns

from nacl.signing import SigningKey

from packseal.io.micropython import micropython_command

ROOT = Path(__file__).resolve().parents[1]
MESSAGE = bytes(150)
ROUNDS = 501


def board_figures():
    done = subprocess.run(
        [*micropython_command(), str(ROOT / "benchmarks/board_crypto.py")],
        env={**os.environ, "MICROPYPATH": f".frozen:{ROOT / 'firmware'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    return {name: float(value) for name, value in map(str.split, done.stdout.splitlines())}


def median_us(work):
    times_ns = []
    for _ in range(ROUNDS):
        since_ns = perf_counter_ns()
        work()
        times_ns.append(perf_counter_ns() - since_ns)
    return median(times_ns) / 1000


def libsodium_figures():
    key = SigningKey(bytes(range(32)))
    signature = key.sign(MESSAGE).signature
    return {
        "libsodium_sign_us": median_us(lambda: key.sign(MESSAGE)),
        "libsodium_verify_us": median_us(lambda: key.verify_key.verify(MESSAGE, signature)),
    }


def table(figures):
    def row(what, name, unit, peer, divisor=1):
        beside = f"{figures[peer] / divisor:10.3f} {unit}  {peer.removesuffix('_us')}" if peer else ""
        return f"{what:34} {figures[name] / divisor:10.3f} {unit:5} {beside}"

    return [
        f"{'MicroPython, unix port':34} {'median':>10}       {'peer':>10}",
        row("Ed25519 sign, 150 bytes", "sign_us", "ms", "libsodium_sign_us", 1000),
        row("  longest of its steps", "sign_longest_step_us", "ms", None, 1000),
        row("Ed25519 verify", "verify_us", "ms", "libsodium_verify_us", 1000),
        row("  longest of its steps", "verify_longest_step_us", "ms", None, 1000),
        row("SHA-512, a block of 128 bytes", "sha512_us", "µs", "sha512_plain_us"),
        row("heap after import, with the table", "resident_bytes", "bytes", None),
        row("heap in use while signing, beside", "live_bytes", "bytes", None),
    ]


def main():
    figures = {**board_figures(), **libsodium_figures()}
    sys.stdout.write("\n".join([*table(figures), json.dumps({k: round(v, 2) for k, v in figures.items()})]) + "\n")


if __name__ == "__main__":
    main()
