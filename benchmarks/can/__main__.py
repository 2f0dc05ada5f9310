"""All benchmarks of the CAN path, one after the other; the last line has all their figures as JSON, by name.

    PYTHONPATH=. python benchmarks/can

Twelve minutes, with nothing else running. A peer or a log that is not there is left out, and that is said.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.in_turn import run_in_turn

NAMES = ("decoding", "reading", "receiving", "importing", "live")

if __name__ == "__main__":
    sys.exit(run_in_turn(Path(__file__).resolve().parent, {name: [] for name in NAMES}) > 0)
