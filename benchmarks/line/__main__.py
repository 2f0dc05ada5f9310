"""All benchmarks of the line, one after the other; the last line has all their figures as JSON, by name.

    PYTHONPATH=. python benchmarks/line

Twenty minutes, with nothing else running. sustained.py for an hour is `make bench-hour`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.in_turn import run_in_turn

NAMES = ("sustained", "drain", "many_boards")
ARGUMENTS = {"sustained": ["--seconds", "120"]}

if __name__ == "__main__":
    sys.exit(run_in_turn(Path(__file__).resolve().parent, {name: ARGUMENTS.get(name, []) for name in NAMES}) > 0)
