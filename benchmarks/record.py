"""Runs the benchmarks of an area, or of all in turn, and keeps their figures for docs/performance.md.

    python benchmarks/record.py [AREA] [--figures FILE] [-- ARGUMENTS]

An area is a program whose last line is its figures as JSON. They go into benchmarks/figures.json under the area's name:
`figures`, and with them the date, the seconds that it took, the machine, versions, the git commit, and `load`, the
cores that other programs kept busy in the seconds before. Then the page is written anew.

Where an area cannot run, or a program of it gives nothing, their older figures stay, with `older` saying from when; it
is named, and the exit status is 1. So it is where an area says so itself, as by a bar that it missed.

With ARGUMENTS an area is not what the page speaks of: its figures are kept only where --figures names another file.
"""

from __future__ import annotations

import argparse
import json
import os
import runpy
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.machine import busy_cores, commit, machine, versions  # noqa: E402  # once it can be found

FIGURES = ROOT / "benchmarks/figures.json"


@dataclass(frozen=True)
class Area:
    """program: below benchmarks/; path: PYTHONPATH; needs: said where it cannot run; whole: arguments that the page
    may be made with; named: its figures are those of programs by their names; alone: not among all of them."""

    program: str
    path: str = "."
    needs: str = ""
    whole: tuple[str, ...] = ()
    named: bool = False
    alone: bool = False


INSTALL = ".venv/bin/pip install --editable"
AREAS = {
    "board": Area("bench_board.py"),
    "evidence": Area("bench_evidence.py", needs=f"the peer's column: {INSTALL} '.[bench]'"),
    "health": Area(
        "health", ".:firmware", f"{INSTALL} '.[bench,health]', and recordings (docs/health.md)", ("--full",), named=True
    ),
    "can": Area("can", needs=f"{INSTALL} '.[bench]'", named=True),
    "passport": Area("passport", needs="apt-get install postgresql mosquitto nats-server", named=True),
    "mqtt": Area("bench_mqtt.py", needs="apt-get install mosquitto"),
    "hil": Area("hil", ".:hil", f"{INSTALL} '.[health]'"),
    "line": Area("line", needs="apt-get install postgresql mosquitto", named=True),
    "hour": Area("line/sustained.py", needs="apt-get install postgresql mosquitto", alone=True),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("area", nargs="?", choices=list(AREAS), help="all but the hour if left out")
    parser.add_argument("--figures", type=Path, help="keep them there, and write no page")
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    chosen, arguments = parser.parse_args(sys.argv[1:end]), sys.argv[end + 1 :]
    failed: dict[str, str] = {}
    for name in [chosen.area] if chosen.area else [name for name, area in AREAS.items() if not area.alone]:
        is_whole = set(arguments) <= set(AREAS[name].whole)
        why = recorded(name, arguments, chosen.figures or (FIGURES if is_whole else None))
        failed |= {name: why} if why else {}
    if not chosen.figures:
        runpy.run_path(str(ROOT / "docs/make_performance.py"))["write"]()
    for name, why in failed.items():
        print(f"not as it should be: {name}: {why}", file=sys.stderr)
    return 1 if failed else 0


def recorded(name: str, arguments: Sequence[str], path: Path | None) -> str:
    """-> why the area is not whole; empty if it is. path: where its figures are kept; None: nowhere."""
    print(f"==== {name}", flush=True)
    area, load, started_s = AREAS[name], busy_cores(), time.monotonic()
    status, last = _run(area, arguments)
    try:
        found = json.loads(last)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not any(found.values()):
        return f"it did not run. It needs: {area.needs or 'nothing beside PackSeal'}"
    entry = {
        "figures": found, "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - started_s), "arguments": list(arguments), "load": load,
        "machine": machine(), "versions": versions(), "commit": commit(ROOT),
    }  # fmt: skip
    if path:
        keep(path, name, entry, is_named=area.named)
    empty = [program for program, one in found.items() if not one] if area.named else []
    if empty:
        return f"not run: {', '.join(empty)}. It needs: {area.needs}"
    return f"it ended with status {status}" if status else ""


def keep(path: Path, name: str, entry: dict[str, Any], *, is_named: bool) -> None:
    """Puts an area's entry in the place of its older one; a program that gave nothing keeps what it had."""
    areas = read(path)
    before = areas.get(name, {})
    if is_named:
        figures, kept = entry["figures"], before.get("figures", {})
        gone = [program for program in {**kept, **figures} if not figures.get(program) and kept.get(program)]
        since = before.get("older", {})
        entry["older"] = {program: since.get(program, before["date"]) for program in gone}
        entry["figures"] = {**kept, **{program: one for program, one in figures.items() if one}}
    half = path.with_suffix(".half")
    half.write_text(json.dumps({**areas, name: entry}, indent=1, ensure_ascii=False) + "\n")
    half.rename(path)


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return found


def _run(area: Area, arguments: Sequence[str]) -> tuple[int, str]:
    """-> exit status, and the last line"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(ROOT / one) for one in area.path.split(":"))}
    command = [sys.executable, str(ROOT / "benchmarks" / area.program), *arguments]
    last = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT) as process:
        for line in process.stdout or ():
            sys.stdout.write(last)
            sys.stdout.flush()
            last = line
    print(last, end="", flush=True)
    return process.returncode, last


if __name__ == "__main__":
    sys.exit(main())
