"""All benchmarks of the passport service, one after the other; the last line has all their figures as JSON, by name.

    PYTHONPATH=. python benchmarks/passport

Forty minutes, with nothing else running, half of them for the million batteries of growth.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.in_turn import run_in_turn

NAMES = ("ingest", "pages", "fleet", "workers", "archive", "growth")

if __name__ == "__main__":
    sys.exit(run_in_turn(Path(__file__).resolve().parent, {name: [] for name in NAMES}) > 0)
