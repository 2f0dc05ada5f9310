"""All benchmarks of the passport service, one after the other; the last line has all their figures as JSON, by name.

    PYTHONPATH=. python benchmarks/passport

Ten minutes, with nothing else running. That of a million batteries is longer, and runs alone: ingest.py --million.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.in_turn import run_in_turn

NAMES = ("ingest", "pages", "fleet")

if __name__ == "__main__":
    sys.exit(run_in_turn(Path(__file__).resolve().parent, {name: [] for name in NAMES}) > 0)
