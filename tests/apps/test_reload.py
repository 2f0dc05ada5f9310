"""A gateway follows its settings file: what did not change goes on with its connections, nothing is lost or mixed."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from packseal.apps.board_tools import Firmware, update_package
from packseal.apps.can_collector import CanCollector
from packseal.apps.collector import CONNECTED
from packseal.apps.gateway import Gateway
from packseal.apps.gateway_files import CheckedGateway
from packseal.errors import ConfigError
from packseal.io.can_receiver import Receiver
from packseal.io.keys import Signer
from packseal.io.link import Kind, encode_frame
from packseal.io.mqtt_address import BrokerAddress
from packseal.io.outbox_store import OutboxStore
from packseal.io.ports import free_port
from packseal.io.update_offer import UpdatePackage
from packseal.records.bodies import EntryType
from packseal.records.cbor import encode
from tests.apps.can_site import BIND, bodies
from tests.apps.gateway_site import NEW, OLD, Site, site
from tests.apps.test_collector import port_for
from tests.passport.board import running_board
from tests.waiting import until

__all__ = ["site"]
AWAY = f'[[board]]\nbattery = "pack-1"\nport = "/dev/away"\npublic_key = "{"22" * 32}"\n'
PACKAGE = update_package(Firmware("rp2", (1, 2, 3), {"main.mpy": b"x"}, {}), Signer(SigningKey(bytes(32))))


def test_what_did_not_change_goes_on_with_its_connections_and_loses_nothing(site: Site) -> None:
    master, slave = os.openpty()
    board = f'[[board]]\nbattery = "pack-1"\nport = "{os.ttyname(slave)}"\npublic_key = "{"22" * 32}"\n'
    gateway = site.start(site.write(board, site.bus(OLD)))
    until(lambda: site.windows(OLD) > 0 and site.online() == 1, meanwhile=site.speak)
    (bus,), (line,) = gateway.cans, gateway.boards
    parts = (bus._bus, bus._thread, line._port, line._port._thread)
    until(lambda: line.state.port == CONNECTED)
    before = gateway._attestor.settings_digest

    site.write(board, site.bus(OLD), site.bus(NEW))
    assert gateway.reload(site.path) == "1 begun, 0 ended, 0 offered another update, 2 unchanged"
    after = gateway._attestor.settings_digest
    until(lambda: site.windows(NEW) > 0, meanwhile=site.speak)
    seen = site.windows(OLD)
    until(lambda: site.windows(OLD) > seen, meanwhile=site.speak)

    site.write(board, site.bus(OLD))
    assert gateway.reload(site.path) == "0 begun, 1 ended, 0 offered another update, 2 unchanged"
    ended = site.windows(NEW)
    seen = site.windows(OLD)
    until(lambda: site.windows(OLD) > seen, meanwhile=site.speak)
    assert site.windows(NEW) == ended

    assert gateway.cans == [bus]
    assert gateway.boards == [line]
    assert parts == (bus._bus, bus._thread, line._port, line._port._thread), "the same threads on the same ports"
    assert (bus.state.reopened, line.state.reopened, line.state.port) == (0, 0, CONNECTED)
    assert gateway._mqtt.figures()["connections"] == 1
    assert site.online() == 1, "the broker has seen one connection"
    entries, said = site.received(OLD)
    assert [entry.seq for entry in entries] == list(range(len(entries))), "no record is lost or doubled"
    assert len(bodies(entries, EntryType.BOOT)) == 1
    digests = [one.settings_digest for one in said]
    assert list(dict.fromkeys(digests)) == [before, after]
    assert digests[-1] == before, "and the old ones again, when the file is as it was"
    assert {one.settings_digest for one in site.received(NEW)[1]} == {after}, (
        "none of the new bus says the old settings"
    )
    os.close(master)
    os.close(slave)


def test_a_changed_bus_says_the_new_settings_from_its_first_delivery_on_and_its_log_goes_on(site: Site) -> None:
    gateway = site.start(site.write(site.bus(OLD)))
    until(lambda: site.windows(OLD) > 0, meanwhile=site.speak)
    old, before = gateway.cans[0], gateway._attestor.settings_digest
    (site.folder / "pack.toml").write_text(BIND + "# under the same name, another binding\n")
    assert gateway.reload(site.path) == "1 begun, 1 ended, 0 offered another update, 0 unchanged"
    assert gateway.cans[0] is not old
    assert old.has_ended
    until(lambda: len(bodies(site.received(OLD)[0], EntryType.BOOT)) == 2, meanwhile=site.speak)
    entries, said = site.received(OLD)
    assert [entry.seq for entry in entries] == list(range(len(entries))), "one log goes on"
    second = [entry.seq for entry in bodies(entries, EntryType.BOOT)][1]
    assert all((one.settings_digest == before) is (one.size <= second) for one in said), "the digest changes between"


BAD = [
    ("[[can", "not TOML"),
    ("port = 1\n", "unknown key 'port'"),
    ("", "did you mean"),  # in the binding
]


def test_a_bad_file_changes_nothing_and_its_cure_stays_among_the_problems(site: Site) -> None:
    gateway = site.start(site.write(site.bus(OLD)))
    running, digest = list(gateway.cans), gateway._attestor.settings_digest
    good = site.path.read_text()
    for text, words in BAD:
        site.path.write_text(good.replace(OLD, "pack-c") + text)
        if not text:
            (site.folder / "pack.toml").write_text(BIND.replace('"Voltage"', '"Voltag"'))
        with pytest.raises(ConfigError, match=words):
            gateway.reload(site.path)
        (problem,) = [one for one in gateway.findings() if one.event == "reload"]
        assert words in problem.words
    assert (gateway.cans, gateway._attestor.settings_digest) == (running, digest)
    assert not running[0].has_ended
    assert not (site.folder / "pack-c.key").exists(), "no key is made for what is refused"
    (site.folder / "pack.toml").write_text(BIND)
    site.path.write_text(good)
    gateway.reload(site.path)
    assert not [one for one in gateway.findings() if one.event == "reload"]
    assert gateway.cans == running


RESTART: list[tuple[str, dict[str, str | BrokerAddress]]] = [
    ("site", {"site": "other"}),
    ("broker", {"address": BrokerAddress("127.0.0.1", 9)}),
    ("outbox", {"outbox": "other.db"}),
    ("service_public_key", {"service_key": "33" * 32}),
]


def test_what_a_gateway_is_takes_a_restart(site: Site) -> None:
    gateway = site.start(site.write(AWAY))
    running = list(gateway.boards)
    for line, (key, change) in enumerate(RESTART, 1):
        was = {name: getattr(site, name) for name in change}
        vars(site).update(change)
        site.write(AWAY, AWAY.replace("22", "33").replace("pack-1", "pack-2").replace("/dev/away", "/dev/gone"))
        with pytest.raises(ConfigError, match=rf"gateway\.toml:{line}: {key} cannot change .*restart"):
            gateway.reload(site.path)
        vars(site).update(was)
    site.write(f'[local]\nlisten = "127.0.0.1:{free_port()}"\n', AWAY)
    with pytest.raises(ConfigError, match=r"local cannot change .*restart"):
        gateway.reload(site.path)
    assert gateway.boards == running
    assert gateway._parts.reloads_refused == len(RESTART) + 1


def test_another_key_takes_a_restart_under_its_own_name_and_under_the_same(site: Site) -> None:
    gateway = site.start(site.write(AWAY))
    (site.folder / "gateway.key").write_bytes(bytes(range(32)))
    with pytest.raises(ConfigError, match=r"another key lies in .*gateway\.key, which .* restart"):
        gateway.reload(site.path)
    (site.folder / "gateway.key").unlink()
    with pytest.raises(ConfigError, match=r"gateway\.key: cannot be read"):
        gateway.reload(site.path)
    assert not (site.folder / "gateway.key").exists(), "no key is made"
    site.path.write_text('key = "new.key"\n' + site.path.read_text())
    with pytest.raises(ConfigError, match=r"gateway\.toml:1: key cannot change .*restart"):
        gateway.reload(site.path)


def test_another_offer_keeps_the_line_of_its_board(site: Site) -> None:
    master, slave = os.openpty()
    (site.folder / "one.bin").write_bytes(PACKAGE)
    board = f'[[board]]\nbattery = "pack-1"\nport = "{os.ttyname(slave)}"\npublic_key = "{"22" * 32}"\n'
    gateway = site.start(site.write(board))
    (line,) = gateway.boards
    until(lambda: line.state.port == CONNECTED)
    site.write(board + 'update = "one.bin"\n')
    assert gateway.reload(site.path) == "0 begun, 0 ended, 1 offered another update, 1 unchanged"
    assert gateway.boards == [line]
    assert (line.state.port, line.state.reopened) == (CONNECTED, 0)
    assert line.offered == UpdatePackage.parse(PACKAGE)
    site.write(board)
    assert gateway.reload(site.path) == "0 begun, 0 ended, 1 offered another update, 1 unchanged"
    assert line.offered is None
    os.close(master)
    os.close(slave)


def test_a_board_that_is_at_work_is_asked_about_an_offer_that_comes_later(tmp_path: Path) -> None:
    store = OutboxStore(tmp_path / "outbox.db")
    board = running_board()
    port = port_for(store, board)
    port.connect()
    port.hello(board)
    port.session.bytes_to_send()
    port.collector.offer(UpdatePackage.parse(PACKAGE))
    port.say(encode_frame(Kind.STATUS, encode([0] * 10)))
    assert port.collector.state.update == "update 1.2.3 for rp2: the board has not been asked yet"
    assert encode_frame(Kind.UPDATE, encode([0, b""])) in port.session.bytes_to_send()
    port.collector.offer(None)
    port.say(encode_frame(Kind.STATUS, encode([0] * 10)))
    assert [port.collector.state.update, port.collector.state.update_bytes] == ["", 0]
    store.close()


class HangingDriver:
    """Does not come back from opening, as drivers of some adapters do."""

    def __init__(self) -> None:
        self.is_over = threading.Event()

    def open(self) -> Receiver:
        self.is_over.wait()
        raise OSError(19, "No such device")


def test_a_driver_that_hangs_is_seen_from_outside(site: Site) -> None:
    """So that a watchdog is fed no more: the thread itself can say nothing."""
    gateway = site.start(site.write(site.bus(OLD)))
    driver = HangingDriver()
    plan = replace(gateway.cans[0].plan, open_receiver=driver.open)
    hanging = CanCollector(plan, gateway._store, gateway.submit)
    assert gateway.standing_still() == []
    gateway._sources.cans.append(hanging)
    hanging._bus.start()
    until(lambda: gateway._sources.standing_still(0.5) == [OLD])
    driver.is_over.set()
    until(lambda: hanging.silent_s < hanging._beat.silent_s + 1)
    gateway._sources.cans.remove(hanging)
    hanging._bus.stop()


class StandingGateway(Gateway):
    """Its disk does not come back from a write, as dying ones do."""

    def __init__(self, files: CheckedGateway) -> None:
        self.is_over = threading.Event()
        self.writes = 0
        super().__init__(files.settings, files=files)

    def submit(self, *_one: object, **_more: object) -> None:
        self.writes += 1
        self.is_over.wait()


@pytest.mark.skipif("PACKSEAL_NIGHTLY" not in os.environ, reason="waits 15 s; runs in the nightly tests")
def test_a_bus_that_does_not_end_is_not_begun_twice(site: Site) -> None:
    """Its thread stands in a write to the disk: another one for the same log would sign another story of it."""
    gateway = StandingGateway(site.write(site.bus(OLD)))
    gateway.start()
    site.running.append(gateway)
    until(lambda: gateway.writes == 1)
    old = gateway.cans[0]
    site.write(site.bus(OLD, "window_s = 0.3\n"), site.bus(NEW))
    gateway.reload(site.path)
    assert [one.battery for one in gateway.cans] == [NEW]
    (problem,) = [one for one in gateway.findings() if one.event == "standstill"]
    assert (problem.battery, "restart the gateway" in problem.words) == (OLD, True)
    gateway.is_over.set()
    until(lambda: old.has_ended)


def test_limits_of_the_outbox_are_followed(site: Site) -> None:
    gateway = site.start(site.write(AWAY))
    (board,) = gateway.boards
    site.write("[outbox_limits]\nmax_mb = 8\n", AWAY)
    assert gateway.reload(site.path) == "0 begun, 0 ended, 0 offered another update, 1 unchanged"
    assert gateway._outgoing.limits.max_bytes == 8_000_000
    assert gateway.boards == [board]


def test_two_that_change_places_are_both_replaced(site: Site) -> None:
    """A port that another board has now is free before the other one opens it."""
    pairs = [os.openpty() for _ in range(2)]
    names = [os.ttyname(slave) for _, slave in pairs]

    def boards(first: str, second: str) -> str:
        return "".join(
            f'[[board]]\nbattery = "pack-{digit}"\nport = "{port}"\npublic_key = "{digit * 32}"\n'
            for digit, port in (("22", first), ("33", second))
        )

    gateway = site.start(site.write(boards(*names)))
    until(lambda: all(one.state.port == CONNECTED for one in gateway.boards))
    site.write(boards(*reversed(names)))
    assert gateway.reload(site.path) == "2 begun, 2 ended, 0 offered another update, 0 unchanged"
    until(lambda: all(one.state.port == CONNECTED for one in gateway.boards))
    assert [one.table.port for one in gateway.boards] == names[::-1]
    for pair in pairs:
        for descriptor in pair:
            os.close(descriptor)
