"""How fast a passport service takes deliveries in: verified, folded, receipted and durable records a second.

    PYTHONPATH=. python benchmarks/passport/ingest.py [--million] [--measured 2000] [--stores sqlite,postgres]

By the real service: each delivery is verified record by record against its log, folded into its battery's passport,
and stored with a signed receipt and its leaf before the answer counts; 32 deliveries share a commit. Each worker is a
process of its own on the common store. Deliveries of 60 windows of 16 cells, one of each of many logs, are signed
before the clock starts; so are the first two records of 10,000 batteries stored. --million: in PostgreSQL beside
990,000 other batteries, which are rows of the same sizes without evidence in them.

Not in the rate: MQTT, and the second opinion, which is made every 1,024 records of a log or when a page asks.

The peer is the plain way: each record as JSON, unsigned, a row and a transaction of its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Barrier
from pathlib import Path

import psycopg
from benchmarks.passport.deliveries import deliveries, settings_of
from nacl.signing import SigningKey
from tests.postgres import Cluster, programs

from packseal.apps.passport_service import PassportService
from packseal.errors import UnavailableError
from packseal.io.keys import Signer
from packseal.io.passport_storing import PassportStoring
from packseal.io.store_place import StorePlace, store_place
from packseal.io.stores import open_store
from packseal.records.answer import ReceiptAnswer, decode_answer
from packseal.records.bodies import Window
from packseal.records.entries import decode_entry
from packseal.records.log import Delivery

BATTERIES, OTHERS = 10_000, 990_000
RECORDS = 60
BATCH = 32
WORKERS = (1, 2, 4)
PEER_RECORDS = 1_000
SIGNER = Signer(SigningKey(bytes(32)))


def service_on(store: PassportStoring, batteries: int) -> PassportService:
    return PassportService(
        settings_of(batteries), store, SIGNER, SIGNER.public_key, lambda: time.time_ns() // 1_000_000
    )


def take_in(service: PassportService, payloads: list[bytes]) -> None:
    for start in range(0, len(payloads), BATCH):
        came = [("packseal/site/pack/rec", payload) for payload in payloads[start : start + BATCH]]
        for answer in service.receive_many(came):
            if isinstance(answer, UnavailableError):
                raise answer
            decoded = decode_answer(answer)
            if not isinstance(decoded, ReceiptAnswer):
                raise UnavailableError(f"refused: {decoded.reason}: {decoded.detail}")


def work(place: str, batteries: int, payloads: list[bytes], barrier: Barrier, spent_s: Synchronized[float]) -> None:
    with closing(open_store(store_place(place))) as store:
        service = service_on(store, batteries)
        barrier.wait()
        started_s = time.process_time()
        take_in(service, payloads)
        with spent_s.get_lock():
            spent_s.value += time.process_time() - started_s
        barrier.wait()


def rate(place: str, batteries: int, payloads: list[bytes], workers: int) -> tuple[float, float]:
    """Records a second, from the moment that all workers stand ready to that when the last has its last receipt; and
    the microseconds of processor that the workers, without a server, spent on each."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(workers + 1)
    spent_s = context.Value("d", 0.0)
    shares = [payloads[number::workers] for number in range(workers)]
    processes = [context.Process(target=work, args=(place, batteries, share, barrier, spent_s)) for share in shares]
    for process in processes:
        process.start()
    barrier.wait()
    started = time.perf_counter()
    barrier.wait()
    took_s = time.perf_counter() - started
    for process in processes:
        process.join()
    records = RECORDS * len(payloads)
    return records / took_s, 1e6 * spent_s.value / records


# ---- stores to measure


class SQLitePlaces:
    def __init__(self, folder: Path) -> None:
        self._base, self._copy = folder / "base.db", folder / "passport.db"

    def base(self) -> StorePlace:
        return self._base

    def fresh(self) -> str:
        for end in ("", "-wal", "-shm"):
            Path(f"{self._copy}{end}").unlink(missing_ok=True)
        shutil.copy(self._base, self._copy)
        return str(self._copy)


class PostgresPlaces:
    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._base = cluster.new_database()
        self._last = ""

    def base(self) -> StorePlace:
        return store_place(self._base)

    def fresh(self) -> str:
        with psycopg.connect(self._cluster.url("postgres"), autocommit=True) as connection:
            if self._last:
                connection.execute(f"DROP DATABASE {self._last}".encode())
            base = self._base.partition("?")[0].rpartition("/")[2]
            self._last = f"{base}_copy"
            connection.execute(f"CREATE DATABASE {self._last} TEMPLATE {base} STRATEGY file_copy".encode())
            connection.execute("CHECKPOINT")
        return self._cluster.url(self._last)


def filled(place: StorePlace, first: list[bytes], others: int) -> None:
    """The first delivery of each battery, and rows of so many others beside them."""
    with closing(open_store(place)) as store:
        take_in(service_on(store, len(first)), first)
    if others:
        with psycopg.connect(str(place)) as connection:
            for statement in OTHER_ROWS:
                connection.execute(statement.encode(), {"others": others})
        with psycopg.connect(str(place), autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")


_NAME = "decode(md5('other ' || n), 'hex')"
_OF_PACK_0 = "(SELECT log_id FROM logs WHERE battery = 'pack-0')"
OTHER_ROWS = tuple(
    f"INSERT INTO {table} SELECT {values} FROM generate_series(1, %(others)s) AS n CROSS JOIN {of}"  # noqa: S608
    for table, values, of in (
        ("logs (log_id, genesis, seed, battery, evidence_class, size, edge, boot, uptime_ms, rotations, is_sealed,"
         " opener)",
         f"{_NAME}, genesis, seed, 'other-' || n, evidence_class, size, edge, boot, uptime_ms, rotations, is_sealed,"
         f" sha256({_NAME})",
         "(SELECT * FROM logs WHERE battery = 'pack-0') AS l"),
        ("records", f"{_NAME}, seq, leaf, entry, received_unix_ms",
         f"(SELECT * FROM records WHERE log_id = {_OF_PACK_0}) AS r"),  # noqa: S608 - our own names
        ("checkpoints", f"{_NAME}, size, content, edge, receipt, -n, received_unix_ms, NULL",
         f"(SELECT * FROM checkpoints WHERE log_id = {_OF_PACK_0}) AS c"),  # noqa: S608
        ("passports", "'other-' || n, size, state, tag", "(SELECT * FROM passports WHERE battery = 'pack-0') AS p"),
        ("fleet (battery, found_by, records, received_unix_ms)", "'other-' || n, 'other-' || n, records,"
         " received_unix_ms", "(SELECT * FROM fleet WHERE battery = 'pack-0') AS f"),
    )
)  # fmt: skip


# ---- the peer


def peer_texts(payloads: list[bytes]) -> list[str]:
    """What such a design would be sent: the values of each record, as JSON."""
    texts = []
    for payload in payloads:
        delivery = Delivery.from_bytes(payload)
        for entry in map(decode_entry, delivery.entries):
            if isinstance(entry.body, Window):
                texts.append(json.dumps({"log": delivery.log_id.hex(), "seq": entry.seq, **asdict(entry.body)}))
        if len(texts) >= PEER_RECORDS:
            break
    return texts[:PEER_RECORDS]


def peer_rate(insert: Callable[[str, int, str], object], texts: list[str]) -> float:
    started = time.perf_counter()
    for text in texts:
        values = json.loads(text)
        insert(values["log"], values["seq"], text)
    return len(texts) / (time.perf_counter() - started)


TABLE = "CREATE TABLE plain (log TEXT, seq BIGINT, content TEXT, PRIMARY KEY (log, seq))"


def peer_sqlite(folder: Path, texts: list[str]) -> float:
    with closing(sqlite3.connect(folder / "peer.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(TABLE)
        return peer_rate(lambda *row: connection.execute("INSERT INTO plain VALUES (?, ?, ?)", row), texts)


def peer_postgres(cluster: Cluster, texts: list[str]) -> float:
    with psycopg.connect(cluster.new_database(), autocommit=True) as connection:
        connection.execute(TABLE)
        return peer_rate(lambda *row: connection.execute("INSERT INTO plain VALUES (%s, %s, %s)", row), texts)


# ---- the runs


@contextmanager
def server() -> Iterator[Cluster | None]:
    found = programs()
    if found is None:
        print("no PostgreSQL here: left out")
        yield None
        return
    cluster = Cluster(found)
    try:
        yield cluster
    finally:
        cluster.end()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--measured", type=int, default=2000, help="deliveries of each run")
    parser.add_argument("--stores", default="sqlite,postgres")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "packseal-ingest")
    chosen = parser.parse_args()
    chosen.folder.mkdir(exist_ok=True)
    made = deliveries(chosen.folder, BATTERIES, chosen.measured, RECORDS)
    texts = peer_texts(made.later)
    print(f"{BATTERIES:,} batteries, {len(made.later):,} deliveries of {RECORDS} windows; {os.cpu_count()} cores")
    figures: dict[str, float] = {}

    def run(name: str, places: SQLitePlaces | PostgresPlaces, others: int = 0) -> None:
        filled(places.base(), made.first, others)
        for workers in WORKERS:
            found, spent_us = rate(places.fresh(), BATTERIES, made.later, workers)
            figures[f"{name}, {workers} workers"] = round(found)
            figures[f"{name}, {workers} workers, µs of processor"] = round(spent_us)
            print(f"{name:32} {workers} workers  {found:8,.0f} records/s  {spent_us:4.0f} µs each", flush=True)

    with tempfile.TemporaryDirectory(prefix="ingest-", dir=chosen.folder) as folder, server() as cluster:
        if "sqlite" in chosen.stores and not chosen.million:
            run("SQLite", SQLitePlaces(Path(folder)))
            figures["peer, SQLite"] = round(peer_sqlite(Path(folder), texts))
            print(f"{'peer, SQLite':32} 1 worker   {figures['peer, SQLite']:8,.0f} records/s")
        if "postgres" in chosen.stores and cluster:
            run("PostgreSQL", PostgresPlaces(cluster))
            figures["peer, PostgreSQL"] = round(peer_postgres(cluster, texts))
            print(f"{'peer, PostgreSQL':32} 1 worker   {figures['peer, PostgreSQL']:8,.0f} records/s")
        if chosen.million and cluster:
            run("PostgreSQL, 1,000,000 batteries", PostgresPlaces(cluster), OTHERS)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
