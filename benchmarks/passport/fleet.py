"""How long the fleet page of a hundred thousand batteries takes; the last line is the figures as JSON.

    python -m benchmarks.passport.fleet [batteries]

The rows are put into the table by its own methods, as deliveries and settings do, in SQLite and in PostgreSQL. Each
time is the middle one of 20 requests through the application itself, without a socket: the page with its read log, its
plot, and beside them the counts alone, which every page asks for. Then what the index on names costs a
delivery, and what one on health would.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from starlette.applications import Starlette
from tests.apps.browser import ask
from tests.apps.fleets import bearing, fleet_app
from tests.passport.desk import START_UNIX_MS, Desk
from tests.postgres import programs, started

from packseal.io.fleet_table import FleetQuery, FleetTable
from packseal.io.store_place import PostgresURL, StorePlace
from packseal.passport.settings import CATEGORIES, BatterySettings, PassportSettings
from packseal.passport.summary import Summary

BATTERIES = 100_000
PER_TRANSACTION = 100
REQUESTS = 20
TARGET_MS = 500
DAY_MS = 86_400_000
NAMES_INDEX = "CREATE INDEX fleet_found_by ON fleet (found_by, battery)"
INDEX = "CREATE INDEX fleet_soh ON fleet (soh_cpct)"


def targets(batteries: int) -> dict[str, str]:
    last, middle = -(-batteries // 100), batteries // 200
    return {
        "default order": "/fleet",
        "last page": f"/fleet?page={last}",
        "by health": "/fleet?sort=soh_cpct",
        "by health, last page": f"/fleet?sort=soh_cpct&page={last}",
        "by name, middle page": f"/fleet?sort=name&page={middle}",
        "words": "/fleet?words=rack+77",
        "category, health": "/fleet?category=EV&health_from=80&health_to=85&sort=soh_cpct",
        "silent, last page": f"/fleet?silent_days=30&sort=received_unix_ms&page={last}",
        "plot": "/fleet/health.svg",
    }


def summaries(batteries: Sequence[BatterySettings]) -> Iterator[Summary]:
    """Ages of years, some never heard of, some with gaps."""
    chance = random.Random(1)
    for one in batteries:
        soh_cpct = None if chance.random() < 0.05 else round(min(10_200, chance.gauss(8_900, 400)))
        lost = chance.choice((0, 0, 0, chance.randrange(2_000)))
        heard = START_UNIX_MS - round(chance.expovariate(1 / (5 * DAY_MS)))
        spread = chance.randrange(500)
        yield Summary(one.id, soh_cpct, 50, spread, chance.choice("ABCD"), 100_000, lost, heard, False, False)


def put(table: FleetTable, rows: Sequence[Summary]) -> float:
    """-> rows a second, in transactions of as many as a delivery of many logs has"""
    begun = time.perf_counter()
    for first in range(0, len(rows), PER_TRANSACTION):
        with table._database.transaction() as transaction:
            table.put_measured(transaction, rows[first : first + PER_TRANSACTION])
    return len(rows) / (time.perf_counter() - begun)


def middle_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(REQUESTS):
        begun = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - begun))
    return round(statistics.median(times), 1)


def asked(app: Starlette, target: str) -> None:
    answer = ask(app, target, headers=bearing("operator"))
    if answer.status != 200:
        raise RuntimeError(f"{target}: {answer.status} {answer.text[:200]}")


def measured(folder: Path, place: StorePlace, batteries: int) -> dict[str, float]:
    chance = random.Random(2)
    named = [
        BatterySettings(f"pack-{one:07}", chance.choice(list(CATEGORIES)), None, f"Rack {one % 997} module {one}", ())
        for one in range(batteries)
    ]
    desk = Desk(folder, PassportSettings(()), place)
    table = desk.store.fleet
    table.keep_settings(named)
    rows = list(summaries(named))
    put(table, rows)
    app = fleet_app(desk)
    found = {name: middle_ms(lambda at=target: asked(app, at)) for name, target in targets(batteries).items()}  # type: ignore[misc]
    found["counts alone"] = middle_ms(lambda: table.counts(FleetQuery()))
    found["upserts a second"] = round(put(table, again(rows, batteries, 3)))
    with table._database.transaction() as transaction:
        transaction.execute("DROP INDEX fleet_found_by")
    found["upserts a second, without that on names"] = round(put(table, again(rows, batteries, 5)))
    with table._database.transaction() as transaction:
        transaction.execute(NAMES_INDEX)
        transaction.execute(INDEX)
    found["upserts a second, with an index on health"] = round(put(table, again(rows, batteries, 4)))
    found["counts alone, with it"] = middle_ms(lambda: table.counts(FleetQuery()))
    found["by health, last page, with it"] = middle_ms(lambda: asked(app, targets(batteries)["by health, last page"]))
    desk.store.close()
    return found


def again(rows: Sequence[Summary], batteries: int, seed: int) -> list[Summary]:
    """A tenth of the fleet, in no order, each with another health."""
    chance = random.Random(seed)
    picked = chance.sample(rows, max(1, batteries // 10))
    return [
        Summary(one.battery, chance.randrange(7_000, 10_000), 50, one.spread_cpct, one.evidence_class, one.records + 1,
                one.records_lost, one.received_unix_ms + 1, False, False)
        for one in picked
    ]  # fmt: skip


@contextmanager
def places(folder: Path) -> Iterator[dict[str, StorePlace]]:
    found: dict[str, StorePlace] = {"SQLite": folder / "passport.db"}
    if programs() is None:
        print("no PostgreSQL is installed here: SQLite alone is measured")
        yield found
        return
    cluster = started()
    try:
        yield {**found, "PostgreSQL": PostgresURL(cluster.new_store())}
    finally:
        cluster.end()


def main() -> None:
    batteries = int(sys.argv[1]) if sys.argv[1:] else BATTERIES
    with tempfile.TemporaryDirectory() as folder, places(Path(folder)) as stores:
        found = {name: measured(Path(folder), place, batteries) for name, place in stores.items()}
    print(f"{batteries:,} batteries".replace(",", " "))
    print(f"{'':44}" + "".join(f"{name:>14}" for name in found))
    for name in next(iter(found.values())):
        unit = "/s" if "a second" in name else "ms"
        print(f"{name:44}" + "".join(f"{one[name]:>11,.1f} {unit}" for one in found.values()))
    print(json.dumps({"batteries": batteries, "stores": found, "target_ms": TARGET_MS}))


if __name__ == "__main__":
    main()
