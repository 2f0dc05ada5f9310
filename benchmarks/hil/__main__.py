"""Measures the bench's plant: how near it is to the full electrochemical cell, and how fast.

    PYTHONPATH=. python benchmarks/hil

Needs the extra `health`; five minutes of one core at first, then one. Prints each figure beside its bar and exits with
1 when one is missed.
"""

from __future__ import annotations

import sys


def main() -> int:
    try:
        from benchmarks.hil import accuracy, speed  # noqa: PLC0415 - says what to install
    except ImportError as error:
        sys.exit(f"{error.name} is not installed; run: .venv/bin/pip install --editable '.[health]'")
    missed = [*accuracy.missed(), *speed.missed()]
    print("missed:", *(missed or ["none"]))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
