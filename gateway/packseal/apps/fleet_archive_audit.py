"""`packseal audit`: every record of a fleet archive verified again, on one machine or on a cluster (docs/archive.md).

First the public log, which says whom to trust since when; then each shard, by whichever engine: `audit_shard` over
partitions, in processes of this machine, or on Dask's workers. What comes out is the same.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from packseal.apps.fleet_archive_compare import compare_public
from packseal.apps.fleet_archive_findings import Finding, Found
from packseal.apps.fleet_archive_log import Trusted
from packseal.apps.fleet_archive_public import IN_ORDER, PublicAudit
from packseal.apps.fleet_archive_shard import ShardTask, audit_shard, good_files
from packseal.errors import ConfigError, UnavailableError
from packseal.io.parquet_manifest import Archive, FilePart, read_archive
from packseal.io.parquet_reader import ArchiveReader, UnreadableArchiveError
from packseal.io.parquet_source import open_rows
from packseal.io.parquet_tables import DELIVERIES, PUBLIC_LOG, fault_of, table_of
from packseal.io.store_place import StorePlace
from packseal.records.policy import Policy

ENDED = "reading it ended the process that read it: one of its files is hostile, or memory is short"


class Engine(Protocol):
    """Runs audit_shard over tasks, in any order."""

    def each(self, tasks: Sequence[ShardTask]) -> Iterator[Found]: ...


@dataclass(frozen=True, slots=True)
class Audit:
    """findings: those that are named, of so many. counts: what was verified, by name."""

    findings: tuple[Finding, ...]
    total: int
    counts: dict[str, int]
    runs: int

    @property
    def holds(self) -> bool:
        return not self.total


def audit_archive(folder: Path, policy: Policy, engine: Engine, store: StorePlace | None = None) -> Audit:
    """Raises ConfigError for what is no archive, UnavailableError where the store does not answer."""
    archive = read_archive(folder)
    if not policy.services:
        raise ConfigError("no service is trusted; name its key with --service-key, or a policy that lists it")
    found = Found()
    for where, what in archive.faults:
        found.add(where, what)
    by_shard: dict[int, list[FilePart]] = {shard: [] for shard in range(archive.shards)}
    for part in dict.fromkeys(archive.files()):
        table, shard = table_of(part.path) or ("", -2)
        if table != PUBLIC_LOG and shard not in by_shard:
            found.add(part.path, "is named as no file of this archive is")
        elif table != PUBLIC_LOG:
            by_shard[shard].append(part)
    public, trusted = _public(archive, policy, store, found)
    place = str(store) if store else ""
    tasks = [
        ShardTask(str(folder.resolve()), shard, archive.shards, tuple(parts), public, archive.stop, trusted, place)
        for shard, parts in by_shard.items()
        if parts or store
    ]
    for some in engine.each(tasks):
        found.join(some)
    return Audit(tuple(sorted(found.findings)), found.total, dict(sorted(found.counts.items())), len(archive.manifests))


def _public(
    archive: Archive, policy: Policy, store: StorePlace | None, found: Found
) -> tuple[tuple[str, ...], Trusted]:
    """The files of the public log that are good, and who is to be trusted."""
    parts = {part: table_of(part.path) for part in archive.files()}
    good = good_files(
        archive.folder, [part for part, named in parts.items() if named and named[0] == PUBLIC_LOG], found
    )
    of_deliveries = [part for part, named in parts.items() if named and named[0] == DELIVERIES]
    good[DELIVERIES] = [part.path for part in of_deliveries if not fault_of(archive.folder, part)]
    trusted = Trusted(tuple(policy.services))
    try:
        with closing(ArchiveReader(archive.folder, good)) as reader:
            trusted = PublicAudit(policy, archive.manifests, found).run(reader.stream(IN_ORDER))
            if store:
                with closing(open_rows(store)) as rows:
                    compare_public(reader, rows, archive.stop, found)
    except UnreadableArchiveError as error:
        found.add("public log", str(error))
    return tuple(good.get(PUBLIC_LOG, ())), trusted


class LocalEngine:
    """In so many processes of this machine; in this one where it is one."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def each(self, tasks: Sequence[ShardTask]) -> Iterator[Found]:
        if self._workers == 1:
            yield from map(audit_shard, tasks)
            return
        broken = []
        with self._pool(self._workers) as pool:
            futures = {pool.submit(audit_shard, task): task for task in tasks}
            for future, task in futures.items():
                try:
                    yield future.result()
                except BrokenProcessPool:
                    broken.append(task)
        for task in broken:  # one at a time, so that it is known whose end it was
            yield self._alone(task)

    def _alone(self, task: ShardTask) -> Found:
        try:
            with self._pool(1) as pool:
                return pool.submit(audit_shard, task).result()
        except BrokenProcessPool:
            found = Found()
            found.add(task.words, ENDED)
            return found

    def _pool(self, workers: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))


class DaskEngine:
    """On the workers of a Dask cluster, which see the archive's folder under the same path; on so many processes of
    this machine where no address of a scheduler is given."""

    def __init__(self, address: str | None, workers: int) -> None:
        self._address, self._workers = address, workers

    def each(self, tasks: Sequence[ShardTask]) -> Iterator[Found]:
        """Raises UnavailableError where no scheduler answers."""
        dask: Any = import_module("distributed")  # takes a second, and carries no types
        try:
            cluster = self._address or dask.LocalCluster(
                n_workers=self._workers, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0",
                memory_limit=None, silence_logs=50,
            )  # fmt: skip
            client = dask.Client(cluster, timeout=10)
        except (OSError, ValueError) as error:
            raise UnavailableError(f"{self._address}: {error}; does a Dask scheduler run there?") from None
        try:
            futures = {client.submit(audit_shard, task, pure=False): task for task in tasks}
            for future in dask.as_completed(futures):
                try:
                    yield future.result()
                except dask.KilledWorker:
                    found = Found()
                    found.add(futures[future].words, ENDED)
                    yield found
        finally:
            client.close()
            if not isinstance(cluster, str):
                cluster.close()
