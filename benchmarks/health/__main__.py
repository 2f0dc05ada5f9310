"""All benchmarks of health, one after the other; the last line has all their figures as JSON, by name.

    PYTHONPATH=.:firmware python benchmarks/health [--full]

Half an hour of one core, two hours with --full. One whose recordings or libraries are not there says so.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.in_turn import run_in_turn

NAMES = ("real_cells", "snapshots", "resistance_rise", "fleet", "alarms", "claims")
WITH_FULL = ("real_cells", "snapshots", "fleet")

if __name__ == "__main__":
    full = ["--full"] if "--full" in sys.argv[1:] else []
    run_in_turn(Path(__file__).resolve().parent, {name: full if name in WITH_FULL else [] for name in NAMES})
