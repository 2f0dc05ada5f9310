"""Measures the bench's plant: how near it is to the full electrochemical cell, and how fast.

    PYTHONPATH=. python benchmarks/hil

Needs the extra `health`; five minutes of one core at first, then one. Prints each figure beside its bar and exits with
1 when one is missed. The last line is the figures as JSON.
"""

from __future__ import annotations

import json
import sys


def main() -> int:
    try:
        from benchmarks.hil import accuracy, speed  # noqa: PLC0415 - says what to install
    except ImportError as error:
        sys.exit(f"{error.name} is not installed; run: .venv/bin/pip install --editable '.[health]'")
    near, fast = accuracy.figures(), speed.figures()
    years_s = fast.pop("years_s")
    missed = [name for name, one in near.items() if one["rmse_mv"] > accuracy.BAR_MV]
    missed += [name for name, times in fast.items() if times < speed.BAR]
    missed += [f"{speed.YEARS} years"] if years_s > speed.YEARS_BAR_S else []
    print("missed:", *(missed or ["none"]))
    bars = {"rmse_mv": accuracy.BAR_MV, "times_real_time": speed.BAR, "years_s": speed.YEARS_BAR_S}
    print(
        json.dumps({"accuracy": near, "times_real_time": fast, "years": speed.YEARS, "years_s": years_s, "bars": bars})
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
