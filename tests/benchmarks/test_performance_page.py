"""docs/performance.md holds what benchmarks/figures.json holds, and no more; what was not run keeps its figures."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from benchmarks.page_plots import drawn, plots_of
from benchmarks.page_tables import TABLES, Line, mqtt, number
from benchmarks.record import AREAS, keep, read, recorded

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "benchmarks/figures.json"
PROGRAM = runpy.run_path(str(ROOT / "docs/make_performance.py"))


def _entry(figures: dict[str, Any], date: str = "2026-01-02", load: float = 0.0) -> dict[str, Any]:
    machine = {"cpu": "A processor", "cores": 2, "memory_mb": 4096, "kernel": "Linux 6"}
    return {"figures": figures, "date": date, "seconds": 12, "load": load, "commit": "abc", "machine": machine,
            "versions": {"Python": "3.11"}}  # fmt: skip


CLIENT = {"cpu_us": 20.0, "cpu_us_least": 19.0, "cpu_us_most": 23.0, "messages_per_s": 9000}
MQTT = {"clients": {"packseal": {"20": CLIENT}, "paho": {"20": CLIENT | {"cpu_us": 50.0}}}}


def test_page_is_what_the_program_makes_of_the_figures() -> None:
    assert (ROOT / "docs/performance.md").read_text() == PROGRAM["page"](), "run: python docs/make_performance.py"


def test_plots_are_there_for_the_figures_that_are_kept() -> None:
    wanted = {file for name, area in read(FIGURES).items() for file, _ in plots_of(name, area["figures"])}
    assert {path.name for path in (ROOT / "docs").glob("performance_*.svg")} == wanted


def test_no_measured_number_stands_in_the_page_without_figures() -> None:
    page = PROGRAM["page"]({})
    assert page.count("Not measured yet: `make bench-") == len(TABLES)
    assert not re.findall(r"\d", page.replace("below 1 the peer", ""))


def test_an_area_has_its_peer_its_ratio_and_its_spread() -> None:
    (line,) = mqtt(MQTT)
    assert (line.ours, line.theirs, line.ratio, line.spread) == (20.0, 50.0, 2.5, "19 to 23")
    assert "| a message, 20 under way | 20 (19 to 23) | µs of processor | paho | 50 | 2.5 |" in PROGRAM["page"](
        {"mqtt": _entry(MQTT)}
    )


def test_a_missed_bar_is_named() -> None:
    found = {"accuracy": {}, "times_real_time": {"96 blocks": 80.0}, "bars": {"times_real_time": 100.0}}
    page = PROGRAM["page"]({"hil": _entry(found)})
    assert "**Missed**: 96 blocks: 80 times real time; the bar is at least 100." in page
    assert "missed" not in PROGRAM["page"]({"hil": _entry({**found, "times_real_time": {"96 blocks": 100.0}})})


@pytest.mark.parametrize(("load", "is_said"), [(1.4, True), (0.1, False)])
def test_a_busy_machine_is_told_of(load: float, is_said: bool) -> None:
    assert ("Other programs kept 1.4 cores busy" in PROGRAM["page"]({"mqtt": _entry(MQTT, load=load)})) is is_said


def test_every_area_has_a_command_and_a_table() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert set(AREAS) == set(TABLES)
    assert all(f"\nbench-{name}:" in makefile for name in AREAS)


def test_plots_are_the_same_bytes_each_time() -> None:
    found = {"workers": {"mosquitto, 1 workers": 900, "mosquitto, 2 workers": 1700}}
    once, again = (drawn({"passport": _entry(found)}) for _ in range(2))
    assert once == again
    assert list(once) == ["performance_workers.svg"]
    assert "mosquitto, to receipt" in once["performance_workers.svg"]


def test_a_program_that_was_not_run_keeps_its_older_figures(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    keep(path, "can", _entry({"reading": {"frames": 1}, "live": {"lost": 0}}, "2026-01-01"), is_named=True)
    keep(path, "can", _entry({"reading": {"frames": 2}, "live": {}}, "2026-01-02"), is_named=True)
    keep(path, "can", _entry({"reading": {"frames": 3}, "live": {}}, "2026-01-03"), is_named=True)
    found = read(path)["can"]
    assert found["figures"] == {"reading": {"frames": 3}, "live": {"lost": 0}}
    assert found["older"] == {"live": "2026-01-01"}


def test_an_area_that_fails_changes_nothing_and_says_what_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    path.write_text(json.dumps({"mqtt": _entry(MQTT)}))
    before = path.read_bytes()
    assert "apt-get install mosquitto" in recorded("mqtt", ["no number of messages"], path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (1234.5, "1,234"), (99.96, "100"), (2.345, "2.35"), (0.0001234, "0.000123")]
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_less_is_better_where_it_is_said() -> None:
    assert Line("time", 2.0, "ms", "peer", 4.0, is_less_better=True).ratio == 2.0
    assert Line("rate", 2.0, "/s", "peer", 4.0).ratio == 0.5
