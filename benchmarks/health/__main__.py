"""All benchmarks of health, one after the other; the last line has all their figures as JSON, by name.

    PYTHONPATH=.:firmware python benchmarks/health [--full]

Half an hour of one core, two hours with --full. One whose recordings or libraries are not there says so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = ("real_cells", "snapshots", "resistance_rise", "fleet", "alarms", "claims")
WITH_FULL = ("real_cells", "snapshots", "fleet")


def run(name: str, *, is_full: bool) -> dict[str, object]:
    """Shows what it prints but for the figures. None of them: it could not run."""
    sys.stdout.write(f"\n== {name}\n")
    command = [sys.executable, str(HERE / f"{name}.py"), *(["--full"] if is_full and name in WITH_FULL else [])]
    last = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        for line in process.stdout or ():
            sys.stdout.write(last)
            sys.stdout.flush()
            last = line
    if last.startswith("{"):
        figures: dict[str, object] = json.loads(last)
        return figures
    sys.stdout.write(last)
    return {}


def main(arguments: list[str]) -> int:
    found = {name: run(name, is_full="--full" in arguments) for name in NAMES}
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
