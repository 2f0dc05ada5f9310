"""Writes docs/scale.md: sizes and cost of fleets, computed from measured figures (benchmarks/figures.json) and from the
assumptions in docs/scale.toml. Each number of the page says which measurement it rests on."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("scale.md")
ASSUMED = Path(__file__).with_name("scale.toml")
FIGURES = Path(__file__).parents[1] / "benchmarks/figures.json"
AREA = "passport"
YEAR_S = 365 * 86_400
ARCHIVE, INGEST = "benchmarks/passport/archive.py", "benchmarks/passport/ingest.py"


@dataclass(frozen=True, slots=True)
class Measured:
    """key: what the benchmark calls it."""

    key: str
    unit: str
    program: str


MEASURED = {
    "intake_us": Measured("PostgreSQL, 1 workers, µs of processor", "µs of a core", INGEST),
    "database": Measured("PostgreSQL, 4 workers", "records/s", INGEST),
    "store_bytes": Measured("PostgreSQL, bytes a record", "bytes", ARCHIVE),
    "file_bytes": Measured("SQLite, bytes a record", "bytes", ARCHIVE),
    "archive_bytes": Measured("archive from SQLite, bytes a record", "bytes", ARCHIVE),
    "archive_us": Measured("archive from SQLite, µs of processor a record", "µs of a core", ARCHIVE),
    "audit_us": Measured("audit, µs of processor a record", "µs of a core", ARCHIVE),
}
WORDS = {
    "intake_us": "verify, fold, store and receipt a record, by one worker",
    "database": "taken in by four workers on one PostgreSQL, all on the measured machine",
    "store_bytes": "a record in PostgreSQL, with everything about it",
    "file_bytes": "a record in SQLite, with everything about it",
    "archive_bytes": "a record in the archive, with everything about it",
    "archive_us": "write a record into the archive",
    "audit_us": "verify a record of the archive again",
}


QUICK, BUSY, CALM = "quick, to be repeated", "measured on a busy machine", "measured"
BUSY_CORES = 0.5  # kept by others while it was measured


@dataclass(frozen=True, slots=True)
class Figure:
    """state: how it was come by."""

    value: float
    state: str


def figures(measured: Mapping[str, Any], quick: Mapping[str, float]) -> dict[str, Figure]:
    """Raises KeyError for one that stands in neither."""
    area = measured.get(AREA)
    found = {}
    for name, one in MEASURED.items():
        value = _find(area, one.key)
        busy = BUSY if (_find(area, "load") or 0) > BUSY_CORES else CALM
        found[name] = Figure(quick[name], QUICK) if value is None else Figure(value, busy)
    return found


def _find(tree: object, key: str) -> float | None:
    """Wherever it stands below."""
    if not isinstance(tree, dict):
        return None
    value = tree.get(key)
    if isinstance(value, int | float):
        return float(value)
    return next((found for part in tree.values() if (found := _find(part, key)) is not None), None)


@dataclass(frozen=True, slots=True)
class Size:
    """Of a fleet, of which each battery makes a record in so many seconds."""

    batteries: int
    every_s: int
    assumed: Mapping[str, Any]
    found: Mapping[str, Figure]

    def _value(self, name: str) -> float:
        return self.found[name].value

    @property
    def records_s(self) -> float:
        return self.batteries / self.every_s

    @property
    def records_year(self) -> float:
        return self.records_s * YEAR_S

    @property
    def worker_cores(self) -> float:
        return self.records_s * self._value("intake_us") / 1e6 * self.assumed["headroom"]

    @property
    def databases(self) -> int:
        return max(1, math.ceil(self.records_s * self.assumed["headroom"] / self._value("database")))

    @property
    def cores(self) -> float:
        """For workers and databases together: the measured rate is one that they shared the machine's cores for."""
        load = self.records_s * self.assumed["headroom"] / self._value("database")
        return max(self.assumed["measured_cores"], load * self.assumed["measured_cores"])

    @property
    def brokers(self) -> int:
        return max(1, math.ceil(self.batteries / self.assumed["connections_a_broker"]))

    @property
    def store_gb(self) -> float:
        return self.records_year * self._value("store_bytes") / 1e9

    @property
    def archive_gb(self) -> float:
        return self.records_year * self._value("archive_bytes") / 1e9

    @property
    def audit_cores(self) -> float:
        seconds = self.assumed["years_audited_in_days"] * 86_400
        return self.records_year * self._value("audit_us") / 1e6 / seconds

    @property
    def cost(self) -> dict[str, float]:
        """A battery and year, in the first year."""
        prices = self.assumed["prices"]
        total = {
            "cores": self.cores * prices["core_year"],
            "store": self.store_gb * self.assumed["copies_of_store"] * prices["database_gb_year"],
            "archive": self.archive_gb * self.assumed["copies_of_archive"] * prices["archive_gb_year"],
            "brokers": self.brokers * prices["broker_year"],
        }
        return {name: value / self.batteries for name, value in total.items()}


def page() -> str:
    measured = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    return page_of(measured, tomllib.loads(ASSUMED.read_text()))


def page_of(measured: Mapping[str, Any], assumed: Mapping[str, Any]) -> str:
    found = figures(measured, assumed["quick"])
    return "\n".join(
        [*_head(found), *_rests_on(found), *_tables(assumed, found), *_assumptions(assumed), *_limits(), ""]
    )


def _head(found: Mapping[str, Figure]) -> Iterator[str]:
    yield from ("# Scale", "")
    yield (
        "How much of everything a fleet needs, computed by `docs/make_scale.py` from figures that programs of this"
        " repository measured (`benchmarks/figures.json`) and from the assumptions in `docs/scale.toml`. Change either"
        " and run `make docs`. [workers.md](workers.md) says how several workers are set up, [archive.md](archive.md)"
        " how records are kept and audited."
    )
    yield ""
    if any(one.state != CALM for one in found.values()):
        yield "**Some figures are of a busy machine, to be measured again:** the table says which."
        yield ""


def _rests_on(found: Mapping[str, Figure]) -> Iterator[str]:
    yield from ("## What was measured", "")
    yield from ("| what | figure | measured by | |", "|---|---|---|---|")
    for name, one in found.items():
        source = MEASURED[name]
        yield f"| {WORDS[name]} | {one.value:,.0f} {source.unit} | `{source.program}`: “{source.key}” | {one.state} |"
    yield ""


def _tables(assumed: Mapping[str, Any], found: Mapping[str, Figure]) -> Iterator[str]:
    for every_s in assumed["record_every_s"]:
        sizes = [Size(batteries, every_s, assumed, found) for batteries in assumed["fleets"]]
        yield from (f"## A record every {every_s} s", "")
        yield "| | " + " | ".join(f"{size.batteries:,} batteries" for size in sizes) + " | rests on |"
        yield "|---|" + "---|" * (len(sizes) + 1)
        for words, cells, rests in _rows(sizes, assumed):
            yield f"| {words} | " + " | ".join(cells) + f" | {rests} |"
        yield ""


def _rows(sizes: list[Size], assumed: Mapping[str, Any]) -> Iterator[tuple[str, list[str], str]]:
    yield "records a second", [_number(s.records_s) for s in sizes], "arithmetic"
    yield "records a year", [_number(s.records_year) for s in sizes], "arithmetic"
    deliveries = [_number(s.records_s / assumed["records_a_delivery"]) for s in sizes]
    yield "deliveries a second", deliveries, "records_a_delivery"
    yield "brokers", [f"{s.brokers:,}" for s in sizes], "connections_a_broker, an assumption"
    yield "cores of workers alone", [_number(s.worker_cores) for s in sizes], "intake by one worker, headroom"
    yield "cores of workers and databases", [_number(s.cores) for s in sizes], "intake by four workers, headroom"
    yield "databases like the measured one", [f"{s.databases:,}" for s in sizes], "intake by four workers, headroom"
    yield "store, a year", [_bytes(s.store_gb) for s in sizes], "bytes in PostgreSQL"
    yield "archive, a year", [_bytes(s.archive_gb) for s in sizes], "bytes in the archive"
    days = assumed["years_audited_in_days"]
    yield f"cores to audit a year in {days} days", [_number(s.audit_cores) for s in sizes], "audit of a record"
    for name in ("cores", "store", "archive", "brokers"):
        yield f"EUR a battery and year: {name}", [_money(s.cost[name]) for s in sizes], f"prices of {name}"
    yield "**EUR a battery and year**", [f"**{_money(sum(s.cost.values()))}**" for s in sizes], "the sum"


def _assumptions(assumed: Mapping[str, Any]) -> Iterator[str]:
    yield from ("## What is assumed", "", "| assumption | value |", "|---|---|")
    for name, value in assumed.items():
        if not isinstance(value, dict):
            yield f"| {name} | {value} |"
    for name, value in assumed["prices"].items():
        yield f"| price: {name} | {value} EUR |"
    yield ""


def _limits() -> Iterator[str]:
    yield from ("## How it grows", "")
    yield (
        "- **1,000 batteries**: one process with SQLite on one small machine holds; PostgreSQL where a standby is"
        " wanted. One broker. The archive is a folder; DuckDB audits it on the same machine."
    )
    yield (
        "- **100,000 batteries**: workers on one PostgreSQL ([workers.md](workers.md)); the database's disk is what"
        " grows. Archive monthly. Audit on one machine with many cores, or on Dask."
    )
    yield (
        "- **10,000,000 batteries**: no one database takes that. A fleet is divided among services, each with a key, a"
        " public log, a database and workers of its own; “databases” above is how many. Nothing is shared between them"
        " but whoever audits: a policy lists all their keys. Each has an archive of its own."
    )
    yield (
        "- Cost is that of the first year of data; store and archive grow by the same again each year that is kept."
        " Traffic, people, boards and audits are not in it; one machine like the measured one is the least."
    )
    yield (
        "- The audit holds the bindings of a fleet's keys in memory: about 300 bytes for each battery that is bound by"
        " an act, estimated and not measured."
    )


def _number(value: float) -> str:
    if value < 10:
        return f"{value:.2g}"
    digits = len(str(int(value))) - 3
    return f"{round(value, -digits) if digits > 0 else round(value):,.0f}"


def _bytes(gb: float) -> str:
    return f"{_number(gb / 1000)} TB" if gb >= 1000 else f"{_number(gb)} GB"


def _money(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


if __name__ == "__main__":
    PAGE.write_text(page())
