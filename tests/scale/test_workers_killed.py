"""Several workers on one database, killed under load: what has a receipt is stored once, and nothing stays unanswered.

The same through a shared subscription of mosquitto and through JetStream, in which a node of three dies as well.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from packseal.io.mqtt import BrokerAddress
from packseal.io.publishing_turn import SharedTurn
from packseal.io.store_place import store_place
from packseal.io.stores import open_store
from packseal.io.tile_store import TileStore
from tests.line.rig import Process, broker, missing
from tests.postgres import Cluster
from tests.scale.gateways import Gateways, boards
from tests.scale.servers import NATSCluster, Workers
from tests.waiting import until

BATTERIES, WINDOWS = 6, 8
NIGHTLY_KILLS = 200
IS_NIGHTLY = bool(os.environ.get("PACKSEAL_NIGHTLY"))


class Line:
    def __init__(self, workers: Workers, gateways: Gateways, brokers: list[Process]) -> None:
        self.workers, self.gateways, self.brokers = workers, gateways, brokers
        self.settled: Callable[[], bool] = lambda: True
        self.chance = random.Random("kill what runs")

    def round(self, killed: Process, windows: int = WINDOWS) -> None:
        """Something dies while half of the deliveries are on their way, and is back before the next round."""
        if killed in self.brokers:
            until(self.settled, "the cluster, after the death before this one")
        self.gateways.record(windows)
        self.gateways.wait(left=self.chance.randrange(1, len(self.gateways.boards) * windows))
        killed.kill()
        self.gateways.record(1)
        if killed in self.brokers[:1]:  # without which nothing comes through
            killed.start()
        self.gateways.wait()
        if not killed.is_running():
            killed.start()

    def check(self) -> None:
        self.gateways.check(self.workers.store)
        with closing(open_store(store_place(self.workers.store))) as store:
            size = store.log.size()
        until(lambda: _published(self.workers.log) >= size, "the published log")


def _published(folder: Path) -> int:
    found = TileStore(folder).published()
    return found.size if found else 0


@contextmanager
def running(folder: Path, url: str, listener: BrokerAddress, brokers: list[Process], store: str) -> Iterator[Line]:
    packs = boards(BATTERIES)
    workers = Workers(folder, url, store, packs)
    gateways = Gateways(listener, packs, workers.key)
    try:
        for process in brokers:
            process.start()
        workers.start()
        gateways.start()
        yield Line(workers, gateways, brokers)
    except BaseException:
        print(workers.output())
        raise
    finally:
        gateways.stop()
        workers.stop()
        for process in brokers:
            process.kill()


@contextmanager
def on_mosquitto(folder: Path, store: str) -> Iterator[Line]:
    process, address = broker(folder)
    if "mosquitto" not in process._command[0]:
        missing("mosquitto is not installed")
    with running(folder, str(address), address, [process], store) as line:
        yield line


@contextmanager
def on_jetstream(folder: Path, store: str) -> Iterator[Line]:
    servers = NATSCluster(folder)
    with running(folder, servers.url, servers.listener(0), servers.nodes, store) as line:
        line.settled = servers.settled
        yield line


def test_workers_that_share_a_subscription(tmp_path: Path, cluster: Cluster) -> None:
    with on_mosquitto(tmp_path, cluster.new_database()) as line:
        line.gateways.record(2)
        line.gateways.wait()
        for worker in line.workers.processes:
            line.round(worker)
        line.round(line.brokers[0])
        line.check()


def test_workers_on_a_stream_of_three_servers(tmp_path: Path, cluster: Cluster) -> None:
    with on_jetstream(tmp_path, cluster.new_database()) as line:
        line.gateways.record(2)
        line.gateways.wait()
        line.round(line.workers.processes[2])
        for node in line.brokers[1:]:  # the gateways are connected to the first
            line.round(node)
        line.check()


def test_of_two_workers_with_pages_one_publishes_and_the_other_takes_over(tmp_path: Path, cluster: Cluster) -> None:
    store = cluster.new_database()
    with on_mosquitto(tmp_path, store) as line, closing(SharedTurn(store)) as third:
        line.gateways.record(1)
        line.gateways.wait()
        line.check()
        assert not third.is_ours()
        for worker in line.workers.processes[:2]:
            worker.kill()
            line.gateways.record(1)
            line.gateways.wait()
            line.check()
            worker.start()
            until(partial(_has_started_again, worker), "the worker")


def _has_started_again(worker: Process) -> bool:
    return worker.output().count("passport service on") == 2


@pytest.mark.skipif(not IS_NIGHTLY, reason="a quarter of an hour for each; PACKSEAL_NIGHTLY=1 runs it")
@pytest.mark.parametrize("on", [on_mosquitto, on_jetstream])
def test_killed_two_hundred_times(
    tmp_path: Path, cluster: Cluster, on: Callable[[Path, str], AbstractContextManager[Line]]
) -> None:
    with on(tmp_path, cluster.new_database()) as line:
        for number in range(NIGHTLY_KILLS):
            spare = line.brokers[:1] if len(line.brokers) == 1 else line.brokers[1:]
            line.round(line.chance.choice([*line.workers.processes, *spare]), windows=2)
            if not number % 20:
                line.check()
        line.check()
