"""The report's page: one HTML file that loads nothing, runs no script and escapes all that a run or a test has said.

Decides what stands in it and in which order; words and numbers come from the records of the run (run.py), its traces
and its evidence, which is verified anew each time the page is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

import packseal.apps
from packseal import __version__
from packseal.records.printable import printable
from packseal_hil.protocols import BenchError
from packseal_hil.readings import Floats, Integers
from packseal_hil.report.curves import curves, end_s, faults_of
from packseal_hil.report.drawing import drawn, legend, unit_of
from packseal_hil.report.evidence import Checked, checked_evidence
from packseal_hil.report.pauses import shortened
from packseal_hil.report.run import PAGE, TESTS, TRACE, Left, Run, TestRun, read_left, read_run, write_bytes
from packseal_hil.trace import NOT_STATED, Trace, read_trace

TEMPLATES = Path(__file__).parent / "templates"
STATIC = Path(packseal.apps.__file__).parent / "static"  # the style of the passport's pages


@dataclass(frozen=True, slots=True)
class Figure:
    """svg: our own drawing, put in as it is. legend: (number of the colour, name)."""

    title: str
    svg: Markup
    words: str
    legend: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class ShownMark:
    at: str
    kind: str
    words: str
    until: str


@dataclass(frozen=True, slots=True)
class ShownTest:
    """left, trace: None for a test that has left none. unread: why not, where there is something."""

    run: TestRun
    title: str
    left: Left | None = None
    trace: Trace | None = None
    figures: tuple[Figure, ...] = ()
    marks: tuple[ShownMark, ...] = ()
    pauses: tuple[str, ...] = ()
    evidence: tuple[Checked, ...] = ()
    unread: str = ""


def write_page(folder: Path) -> Path:
    """From what lies in the folder of a run. -> the page. Raises BenchError."""
    page = folder / PAGE
    write_bytes(page, rendered(read_run(folder), folder).encode())
    return page


def rendered(run: Run, folder: Path) -> str:
    """folder: that of the run."""
    loader = FileSystemLoader(TEMPLATES)
    templates = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    templates.filters["printable"] = lambda text: "\n".join(printable(line) for line in text.split("\n"))
    tests = [_shown(test, folder / TESTS) for test in run.tests]
    css = Markup((STATIC / "page.css").read_text() + (TEMPLATES / "report.css").read_text())  # noqa: S704 - our own
    return templates.get_template("report.html").render(
        run=run,
        tests=tests,
        css=css,
        version=__version__,
        began=f"{datetime.fromtimestamp(run.started_unix_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC",
        firmware=_firmware(tests),
        rigs=list(dict.fromkeys(test.left.rig for test in tests if test.left)),
        seeds=sorted({test.left.seed for test in tests if test.left}),
    )


def _firmware(tests: Sequence[ShownTest]) -> list[str]:
    """Every hash once: what the bench has put on its boards, and what their logs state."""
    put = [test.left.firmware_hash for test in tests if test.left and test.left.firmware_hash]
    return list(dict.fromkeys([*put, *(stated for test in tests for stated in test.run.logged_firmware)]))


def _shown(test: TestRun, tests: Path) -> ShownTest:
    title = test.name.rpartition("::")[2] or test.name
    if not test.folder:
        return ShownTest(test, title)
    folder = tests / test.folder
    evidence = checked_evidence(folder)
    try:
        left, trace = read_left(folder), read_trace(folder / TRACE)
    except BenchError as error:
        return ShownTest(test, title, evidence=evidence, unread=str(error))
    return ShownTest(test, title, left, trace, figures(trace), tuple(_marks(trace)), _pauses(trace), evidence)


def figures(trace: Trace) -> tuple[Figure, ...]:
    """Of a trace with rows; () without."""
    if not len(trace.time_s):
        return ()
    shown = shortened(trace)
    faults, longest_s = faults_of(shown.trace), end_s(shown.trace)
    words = _words(trace)
    return tuple(
        Figure(one.title, Markup(drawn(one, faults, longest_s)), words[one.key], legend(one, bool(faults)))  # noqa: S704 - our own
        for one in curves(shown)
    )


def _words(trace: Trace) -> dict[str, str]:
    """What a plot shows, for who does not see it; by its key."""
    return {
        "cells": f"{_count(trace.cell_mv, 'cell block')}, {_from_to(trace.cell_mv, 1000, 3)} V",
        "temperature": f"{_count(trace.temperature_ddegc, 'sensor')}, {_from_to(trace.temperature_ddegc, 10, 1)} °C",
        "current": f"{_from_to(trace.pack_current_ma, 1000, 2)} A",
        "soc": f"true {_from_to(trace.true_soc_cpct, 100, 1)} %, claimed {_from_to(trace.soc_reported_cpct, 100, 1)} %",
        "health": _health_words(trace),
    }


def _count(values: Integers, of: str) -> str:
    columns = values.shape[1]
    return f"1 {of}" if columns == 1 else f"{columns} {of}s"


def _from_to(values: Integers | Floats, parts: int, digits: int) -> str:
    if not values.size:
        return "nothing recorded, no"
    low, high = (_number(f(values) / parts, digits) for f in (np.min, np.max))
    return f"{low} to {high}"


def _health_words(trace: Trace) -> str:
    truth = f"true at the end {_number(trace.true_soh_cpct[-1] / 100, 1)} %"
    if not len(trace.estimate_cpct):
        return f"{truth}; the passport has stated none yet"
    said, low, high = (
        int(values[-1]) for values in (trace.estimate_cpct, trace.estimate_low_cpct, trace.estimate_high_cpct)
    )
    words = f"{truth}; the passport's last word {_number(said / 100, 1)} %"
    if NOT_STATED in (low, high):
        return f"{words}, without an interval"
    holds = "holds the truth" if low <= trace.true_soh_cpct[-1] <= high else "does not hold the truth"
    return f"{words}, its interval {_number(low / 100, 1)} to {_number(high / 100, 1)} % {holds}"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "\u2212")


def _pauses(trace: Trace) -> tuple[str, ...]:
    return tuple(f"{_time(one.length_s)} after {_time(one.at_s)}" for one in shortened(trace).pauses)


def _marks(trace: Trace) -> Iterator[ShownMark]:
    faults = faults_of(trace)
    for mark in trace.marks:
        is_fault = mark in faults
        until = "for good" if is_fault else ""
        until = until if mark.until_s is None else _time(mark.until_s)
        yield ShownMark(_time(mark.at_s), "fault" if is_fault else mark.kind, mark.words, until)


def _time(seconds: float) -> str:
    unit_s, unit = unit_of(seconds)
    return f"{_number(seconds / unit_s, 2)} {unit}"
