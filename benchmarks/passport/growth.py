"""What grows with the fleet: ingest, a battery's page, the list, the database; the last line is the figures as JSON.

    PYTHONPATH=. python benchmarks/passport/growth.py [--sizes 1000,10000,100000,1000000] [--measured 1000]

In PostgreSQL, by what ingest.py does: up to 10,000 batteries with real evidence, the others as rows of the same sizes.
Each of WORKERS processes takes its share of the deliveries of 60 windows in, on a copy of that database. Pages are the
middle one of 20 requests through the application itself, without a socket: of a battery with what it was sent, and the
list of the fleet at its first page and at its last. Bytes are those of the whole database: by battery with the two
records that open its log, and by record of what was taken in after that. A million batteries take a quarter of an hour
and 10 GB in the folder of temporary files.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import psycopg
from benchmarks.passport.deliveries import deliveries, settings_of
from benchmarks.passport.fleet import asked, middle_ms
from benchmarks.passport.ingest import BATTERIES, RECORDS, PostgresPlaces, filled, rate, server, service_on
from tests.apps.browser import ask
from tests.apps.fleets import fleet_app
from tests.passport.desk import Desk
from tests.postgres import Cluster

from packseal.io.store_place import PostgresURL, store_place

SIZES = (1_000, 10_000, 100_000, 1_000_000)
WORKERS = 2
PAGE_ROWS = 100


def grown(cluster: Cluster, folder: Path, size: int, most_measured: int) -> dict[str, float]:
    real = min(size, BATTERIES)
    made = deliveries(folder, real, min(real, most_measured), RECORDS)
    places = PostgresPlaces(cluster)
    filled(places.base(), made.first, size - real)
    base_bytes = _bytes(str(places.base()))
    place = places.fresh()
    per_s, _ = rate(place, real, made.later, WORKERS)
    more_bytes = _bytes(place) - base_bytes
    return {
        "ingest_records_per_s": round(per_s),
        **_pages(place, real, size),
        "bytes_per_battery": round((base_bytes - _bytes(cluster.new_database())) / size),
        "bytes_per_record": round(more_bytes / (RECORDS * len(made.later))),
    }


def _pages(place: str, real: int, size: int) -> dict[str, float]:
    url = store_place(place)
    if not isinstance(url, PostgresURL):
        raise TypeError(place)
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder), settings_of(real), url)
        first = desk.service  # the store is open for as long as this one is there
        desk.service = service_on(desk.store, real)  # by the key that has signed the receipts
        page, fleet = desk.app(), fleet_app(desk)
        if ask(page, "/battery/pack-0").status != 200:
            raise RuntimeError("there is no page")
        found = {
            "battery_page_ms": middle_ms(lambda: ask(page, "/battery/pack-0")),
            "list_page_ms": middle_ms(lambda: asked(fleet, "/fleet")),
            "list_last_page_ms": middle_ms(lambda: asked(fleet, f"/fleet?page={-(-size // PAGE_ROWS)}")),
        }
        desk.store.close()
        del first
    return found


def _bytes(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        (found,) = connection.execute("SELECT pg_database_size(current_database())").fetchone() or (0,)
    return int(found)


UNITS = {
    "ingest_records_per_s": "records/s", "battery_page_ms": "ms, page", "list_page_ms": "ms, list",
    "list_last_page_ms": "ms, its end", "bytes_per_battery": "B/battery", "bytes_per_record": "B/record",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--measured", type=int, default=1000, help="deliveries of each run, at most")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "packseal-ingest")
    chosen = parser.parse_args()
    chosen.folder.mkdir(exist_ok=True)
    figures: dict[str, dict[str, float]] = {}
    print(f"{'batteries':>10}" + "".join(f"{unit:>13}" for unit in UNITS.values()))
    for size in map(int, chosen.sizes.split(",")):
        with server() as cluster:  # one for each, so that the room of the one before is free again
            if cluster is None:
                return
            figures[str(size)] = found = grown(cluster, chosen.folder, size, chosen.measured)
        print(f"{size:10,}" + "".join(f"{found[name]:13,.1f}" for name in UNITS), flush=True)
    print(json.dumps({"workers": WORKERS, "records": RECORDS, "sizes": figures}))


if __name__ == "__main__":
    main()
