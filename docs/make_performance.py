"""Writes docs/performance.md and its plots from benchmarks/figures.json. All numbers come from that file."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.page_plots import drawn, plots_of  # noqa: E402  # once it can be found
from benchmarks.page_tables import TABLES, Line, number  # noqa: E402

FIGURES = ROOT / "benchmarks/figures.json"
LOADED_CORES = 0.5
HEAD = (
    "# Performance\n\n"
    "Written by `make bench` (docs/make_performance.py) from benchmarks/figures.json. Peers ran beside PackSeal on the "
    "same machine. A ratio is how many times as good PackSeal is; below 1 the peer is better. Where a benchmark "
    "repeats, it is the median, with the spread in brackets. How each is measured says the program that does it, in "
    "[benchmarks/](../benchmarks).\n"
)


def page(areas: Mapping[str, Any] | None = None) -> str:
    found = json.loads(FIGURES.read_text()) if areas is None else areas
    return "\n".join([HEAD, *_machines(found), *(part for name in TABLES for part in _area(name, found.get(name)))])


def write() -> None:
    found = json.loads(FIGURES.read_text())
    (ROOT / "docs/performance.md").write_text(page(found))
    for name, content in drawn(found).items():
        (ROOT / "docs" / name).write_text(content)


def _machines(areas: Mapping[str, Any]) -> Iterator[str]:
    """Each machine once, with the areas that it measured; the newest versions."""
    by_machine: dict[str, list[str]] = {}
    for name, area in areas.items():
        one = area["machine"]
        words = f"{one['cpu']}, {one['cores']} cores, {number(one['memory_mb'] / 1024)} GiB, {one['kernel']}"
        by_machine.setdefault(words, []).append(name)
    for words, names in by_machine.items():
        yield f"- {words}: {', '.join(names)}" if len(by_machine) > 1 else f"Machine: {words}."
    if areas:
        newest = max(areas.values(), key=lambda area: str(area["date"]))
        yield "\nVersions: " + ", ".join(f"{name} {said}" for name, said in newest["versions"].items()) + ".\n"


def _area(name: str, area: Mapping[str, Any] | None) -> Iterator[str]:
    title, lines_of = TABLES[name]
    yield f"## {title}\n"
    if area is None:
        yield f"Not measured yet: `make bench-{name}`.\n"
        return
    yield _when(name, area)
    lines = list(lines_of(area["figures"]))
    missed = [line for line in lines if line.is_missed]
    for line in missed:
        yield f"**Missed**: {line.what}: {number(line.ours)} {line.unit}; the bar is {line.bar}.\n"
    yield "| | PackSeal | | peer | peer's | ratio | bar |\n|---|---:|---|---|---:|---:|---|"
    yield from map(_row, lines)
    yield ""
    yield from (f"![{words}]({file})\n" for file, words in plots_of(name, area["figures"]))


def _when(name: str, area: Mapping[str, Any]) -> str:
    words = f"`make bench-{name}`, {area['date'][:10]}, commit {area['commit']}, {number(area['seconds'])} s."
    if area["load"] > LOADED_CORES:
        words += f" **Other programs kept {number(area['load'])} cores busy: to be measured again.**"
    older = area.get("older", {})
    words += "".join(f" {program}: from {date[:10]}." for program, date in older.items())
    return words + "\n"


def _row(line: Line) -> str:
    ours = number(line.ours) + (f" ({line.spread})" if line.spread else "")
    theirs = "" if line.theirs is None else number(line.theirs)
    ratio = "" if line.ratio is None else number(line.ratio)
    bar = f"**{line.bar}: missed**" if line.is_missed else line.bar
    return f"| {line.what} | {ours} | {line.unit} | {line.peer} | {theirs} | {ratio} | {bar} |"


if __name__ == "__main__":
    write()
