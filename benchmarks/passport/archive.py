"""How fast a fleet's archive is written and audited, and how large it is beside the store that it is made from.

    PYTHONPATH=. python benchmarks/passport/archive.py [--records 200000] [--stores sqlite,postgres]

The store is filled by the real service: deliveries of 60 windows of 16 cells, one of each log. Then one run writes all
of it, and every record is verified again: by DuckDB in one process, in two, by two workers of Dask, and once more with
the store beside it. The time of processes to start is in it, as a person waits for it too. Sizes are those on the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
from benchmarks.passport.deliveries import deliveries
from benchmarks.passport.ingest import RECORDS, SIGNER, server, service_on, take_in

from packseal.apps.fleet_archive import archive_store
from packseal.apps.fleet_archive_audit import Audit, DaskEngine, Engine, LocalEngine, audit_archive
from packseal.errors import UnavailableError
from packseal.io.database import Database
from packseal.io.store_place import StorePlace, store_place
from packseal.io.stores import open_store
from packseal.records.policy import Policy

POLICY = Policy({}, {SIGNER.public_key: ""})
ENGINES: tuple[tuple[str, Callable[[], Engine]], ...] = (
    ("DuckDB, 1 process", lambda: LocalEngine(1)),
    ("DuckDB, 2 processes", lambda: LocalEngine(2)),
    ("Dask, 2 workers", lambda: DaskEngine(None, 2)),
)


def size_of(place: StorePlace) -> int:
    if isinstance(place, Path):
        with closing(Database(place, "")) as database:
            database.fold_back()
        return place.stat().st_size
    with psycopg.connect(str(place)) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(row[0]) if row else 0


def fill(place: StorePlace, payloads: list[bytes], batteries: int) -> int:
    """-> how many bytes it has grown by: what an empty one takes is left out"""
    with closing(open_store(place)):
        empty = size_of(place)
    with closing(open_store(place)) as opened:
        take_in(service_on(opened, batteries), payloads)
    return size_of(place) - empty


def measure(name: str, place: StorePlace, folder: Path, say: Callable[[str, float], None]) -> None:
    started, spent_s = time.perf_counter(), time.process_time()
    added = archive_store(place, folder)
    say(f"archive from {name}, records/s", added.records / (time.perf_counter() - started))
    say(f"archive from {name}, µs of processor a record", 1e6 * (time.process_time() - spent_s) / added.records)
    say(f"archive from {name}, bytes a record", added.size_bytes / added.records)
    spent_s = time.process_time()
    audited(folder, LocalEngine(1))
    say("audit, µs of processor a record", 1e6 * (time.process_time() - spent_s) / added.records)
    for engine, made in ENGINES:
        say(f"audit, {engine}, records/s", audited(folder, made()))
    say(f"audit beside {name}, records/s", audited(folder, LocalEngine(2), place))


def audited(folder: Path, engine: Engine, store: StorePlace | None = None) -> float:
    started = time.perf_counter()
    found: Audit = audit_archive(folder, POLICY, engine, store)
    if not found.holds:
        raise UnavailableError(found.findings[0].words)
    return found.counts["records"] / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--stores", default="sqlite,postgres")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "packseal-ingest")
    chosen = parser.parse_args()
    chosen.folder.mkdir(exist_ok=True)
    batteries = max(1, chosen.records // (RECORDS + 2))
    made = deliveries(chosen.folder, batteries, batteries, RECORDS)
    records = batteries * (RECORDS + 2)
    print(f"{records:,} records of {batteries:,} logs; {os.cpu_count()} cores")
    figures: dict[str, float] = {"records": records}

    def say(name: str, figure: float) -> None:
        figures[name] = round(figure)
        print(f"{name:44} {figure:10,.0f}", flush=True)

    with tempfile.TemporaryDirectory(prefix="archive-", dir=chosen.folder) as name:
        folder = Path(name)
        places: dict[str, StorePlace] = {"SQLite": folder / "passport.db"} if "sqlite" in chosen.stores else {}
        with server() as cluster:
            if cluster and "postgres" in chosen.stores:
                places["PostgreSQL"] = store_place(cluster.new_database())
            for store, place in places.items():
                say(f"{store}, bytes a record", fill(place, made.first + made.later, batteries) / records)
                measure(store, place, folder / f"archive of {store}", say)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
