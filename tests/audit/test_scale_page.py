"""docs/scale.md: its tables come out of figures and assumptions, and it says which of them are not measured yet."""

from __future__ import annotations

import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PROGRAM: dict[str, Any] = runpy.run_path(str(DOCS / "make_scale.py"))
ASSUMED = tomllib.loads((DOCS / "scale.toml").read_text())
QUICK = {name: float(place) for place, name in enumerate(PROGRAM["MEASURED"], 2)}
MEASURED = {"passport": {"any": {one.key: 100.0 for one in PROGRAM["MEASURED"].values()}}}


def test_the_page_is_up_to_date() -> None:
    assert (DOCS / "scale.md").read_text() == PROGRAM["page"](), "run: make docs"


def test_what_is_measured_takes_the_place_of_quick_values() -> None:
    quick, measured = (PROGRAM["page_of"](areas, ASSUMED | {"quick": QUICK}) for areas in ({}, MEASURED))
    assert quick.count("| quick, to be repeated |") == len(QUICK)
    assert "to be measured again" in quick
    assert "quick" not in measured
    assert measured.count("| measured |") == len(QUICK)
    busy = PROGRAM["page_of"]({"passport": MEASURED["passport"] | {"load": 1.5}}, ASSUMED)
    assert busy.count("| measured on a busy machine |") == len(QUICK)


def test_a_figure_that_nobody_measured_has_no_stand_in() -> None:
    with pytest.raises(KeyError):
        PROGRAM["page_of"]({}, ASSUMED | {"quick": {}})


def test_sizes_are_those_that_a_pencil_gives() -> None:
    found = PROGRAM["figures"](MEASURED, {})
    prices = {"core_year": 200, "database_gb_year": 1, "archive_gb_year": 0.5, "broker_year": 800}
    assumed = ASSUMED | {"prices": prices, "headroom": 2.0, "copies_of_store": 2, "copies_of_archive": 1}
    size = PROGRAM["Size"](60_000, 60, assumed, found)
    assert (size.records_s, size.records_year) == (1000, 31_536_000_000)
    assert size.worker_cores == pytest.approx(0.2)
    assert (size.databases, size.brokers) == (20, 2)
    assert size.store_gb == size.archive_gb == pytest.approx(3153.6)
    expected = {"cores": 8000, "store": 6307.2, "archive": 1576.8, "brokers": 1600}
    assert size.cost == pytest.approx({name: euros / 60_000 for name, euros in expected.items()})
