"""Benchmarks of one area, one after the other."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def run_in_turn(folder: Path, arguments: Mapping[str, Sequence[str]]) -> int:
    """Programs of `folder` by name, with their arguments; what they print, and last all their figures as JSON by name.

    One that gives no figures could not run, and has said why. Returns how many did not.
    """
    found = {name: _run(folder / f"{name}.py", name, extra) for name, extra in arguments.items()}
    sys.stdout.write(json.dumps(found) + "\n")
    return sum(not figures for figures in found.values())


def _run(program: Path, name: str, arguments: Sequence[str]) -> dict[str, object]:
    sys.stdout.write(f"\n== {name}\n")
    last = ""
    with subprocess.Popen([sys.executable, str(program), *arguments], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            sys.stdout.write(last)
            sys.stdout.flush()
            last = line
    if last.startswith("{"):
        figures: dict[str, object] = json.loads(last)
        return figures
    sys.stdout.write(last)
    return {}
