"""What others see, at a real broker: retained state, Home Assistant's announcements, a Sparkplug node's life, SenML."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import can
import cbor2
import paho.mqtt.client as paho
import pytest

from packseal.apps.gateway import Gateway
from packseal.apps.live_state import Around, LiveState, heard_topics
from packseal.apps.outgoing import monotonic_ms
from packseal.exchange.projections.documents import Clocks, Message
from packseal.exchange.projections.home_assistant import Announced
from packseal.exchange.projections.selection import Selection
from packseal.io.mqtt import BrokerAddress, MQTTConnection
from packseal.io.settings import GatewaySettings
from packseal.io.settings_file import load_settings
from packseal.records.bodies import Event, Window
from packseal.records.checkpoint import Receipt
from tests.apps.can_site import BIND, DBC, PACK_ID, payload
from tests.line.rig import Process, broker
from tests.projections.packs import BATTERY, HEALTH, UNIX_MS, delivered, window
from tests.projections.test_sparkplug import PAYLOAD, command, value_of
from tests.waiting import until


class Tap:
    """Hears everything, and what was retained as such."""

    def __init__(self, address: BrokerAddress) -> None:
        self.heard: list[tuple[str, bytes, bool]] = []
        self.levels: set[tuple[str, int]] = set()  # of the Sparkplug messages: kind, QoS
        self._is_ready = threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)  # type: ignore[attr-defined]
        self._client.on_message = lambda _c, _u, message: self._hear(message)
        self._client.on_subscribe = lambda *_: self._is_ready.set()
        self._client.connect(address.host, address.port)
        self._client.subscribe("#", 1)
        self._client.loop_start()
        assert self._is_ready.wait(30)

    def publish(self, topic: str, content: bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, content, 1, retain)

    def contents(self, topic: str) -> list[bytes]:
        return [content for name, content, _ in list(self.heard) if name == topic]

    def _hear(self, message: paho.MQTTMessage) -> None:
        self.heard.append((message.topic, bytes(message.payload), message.retain))
        if message.topic.startswith("spBv1.0/"):
            self.levels.add((message.topic.split("/")[2], message.qos))

    def kinds(self) -> list[str]:
        """Of the Sparkplug messages, in order."""
        return [topic.split("/")[2] for topic, _, _ in list(self.heard) if topic.startswith("spBv1.0/")]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Site:
    """The dashboards' side of a gateway at a broker."""

    def __init__(
        self, folder: Path, address: BrokerAddress, forms: str, batteries: tuple[str, ...], first: Window | None
    ) -> None:
        self.address, self.folder, self.forms, self.heard = address, folder, forms, frozenset(batteries)
        self.settings, self.waiting, self.seq = self.settings_of(batteries), 3, 0
        topics = heard_topics(self.settings)
        self.mqtt = MQTTConnection(address, "gateway", topics, self._hear, self._state)
        self.began_ms = monotonic_ms()
        around = Around(self.mqtt.publish, self.clocks, lambda: self.waiting, lambda: self.heard, self._open)
        self.live = LiveState(self.settings, around)
        if first:
            self.say(first)
        self.mqtt.start()
        self.live.start()
        until(lambda: self.mqtt.is_connected)

    def clocks(self) -> Clocks:
        """The wall's clock says UNIX_MS at the start."""
        return Clocks(monotonic_ms(), UNIX_MS + monotonic_ms() - self.began_ms)

    def settings_of(self, batteries: tuple[str, ...]) -> GatewaySettings:
        boards = "".join(
            f'[[board]]\nbattery = "{name}"\nport = "{name}"\npublic_key = "{name.encode().hex().ljust(64, "0")}"\n'
            for name in batteries
        )
        path = self.folder / "gateway.toml"
        path.write_text(
            f'site = "north"\nbroker = "{self.address}"\noutbox = "outbox.db"\n'
            f'service_public_key = "{"11" * 32}"\n{self.forms}{boards}'
        )
        return load_settings(path, GatewaySettings)

    def say(self, body: Window, *more: tuple[int, Any], battery: str = BATTERY) -> None:
        """A live delivery."""
        self.seq += 1
        said = delivered(*more, (98_000, body), end_ms=100_000, first_seq=self.seq)
        self.live.take(battery, said, is_live=True)

    def stop(self) -> None:
        self.live.stop()
        self.mqtt.stop()

    def _hear(self, topic: str, content: bytes) -> None:
        self.live.hear(topic, content)

    def _state(self, is_connected: bool) -> None:
        self.live.connection_changed(is_connected)

    def _open(
        self,
        client_id: str,
        topics: list[str],
        on_message: Callable[[str, bytes], None],
        on_state: Callable[[bool], None],
        last_will: Message,
    ) -> MQTTConnection:
        will = last_will.topic, last_will.content
        return MQTTConnection(self.address, client_id, topics, on_message, on_state, will, retains_will=False)


class Place:
    def __init__(self, folder: Path, opened: ExitStack) -> None:
        self.folder, self._opened = folder, opened
        self.process: Process
        self.process, self.address = broker(folder)
        self.process.start()
        opened.callback(self.process.kill)

    def tap(self) -> Tap:
        made: list[Tap] = []
        until(lambda: self._tapped(made))
        self._opened.callback(made[0].close)
        return made[0]

    def _tapped(self, made: list[Tap]) -> bool:
        try:
            made.append(Tap(self.address))
        except ConnectionRefusedError:
            return False
        return True

    def site(self, forms: str, *batteries: str, first: Window | None = None) -> Site:
        """first: what was said before anything was connected."""
        made = Site(self.folder, self.address, forms, batteries or (BATTERY,), first)
        self._opened.callback(made.stop)
        return made


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as opened:
        yield Place(tmp_path, opened)


def announced(battery: str = BATTERY) -> str:
    return Announced("homeassistant", "north", Selection(), "").battery_topic(battery)


def test_values_are_retained_for_who_comes_later(place: Place) -> None:
    early, site = place.tap(), place.site("")
    site.say(window(None), (90_000, HEALTH), (91_000, Event(2, 1)))
    until(lambda: len({topic for topic, _, _ in early.heard}) == 3)
    late = place.tap()
    until(lambda: len(late.heard) == 3)
    found = {
        topic.removeprefix("packseal/north/"): json.loads(content) for topic, content, is_old in late.heard if is_old
    }
    assert found["pack-1/state"]["pack_voltage_mv"] is None
    assert found["pack-1/state"]["alarms"] == ["overcharge"]
    assert found["pack-1/cells"]["cell_mv"] == [3300, 3310, None, 3290]
    assert found["gateway/status"] == {"records_waiting": 3, "last_receipt_unix_ms": None}
    assert site.live.values(BATTERY)["soh_capacity_cpct"].value == 9510
    assert site.live.alarms(BATTERY) == (2,)
    assert (site.live.values("nobody"), site.live.alarms("nobody")) == ({}, None)


def test_health_and_alarms_outlive_a_restart_and_what_was_retained_is_not_emptied(place: Place) -> None:
    tap, first = place.tap(), place.site("")
    first.say(window(), (90_000, HEALTH), (91_000, Event(2, 1)))
    until(lambda: b"overcharge" in b"".join(tap.contents("packseal/north/pack-1/state")))
    first.stop()
    again = place.site("")
    until(lambda: len(tap.contents("packseal/north/gateway/status")) == 2)
    assert len(tap.contents("packseal/north/pack-1/state")) == 1
    again.say(window(13_333))
    until(lambda: len(tap.contents("packseal/north/pack-1/state")) == 2)
    state = json.loads(tap.contents("packseal/north/pack-1/state")[-1])
    assert (state["pack_voltage_mv"], state["soh_capacity_cpct"], state["alarms"]) == (13_333, 9510, ["overcharge"])


def test_a_broker_that_lost_everything_is_told_again_and_so_is_home_assistant(place: Place) -> None:
    site = place.site("[home_assistant]\n")
    site.say(window())
    before = place.tap()
    until(lambda: bool(before.contents(announced())) and bool(before.contents("packseal/north/pack-1/state")))
    place.process.kill()
    until(lambda: not site.mqtt.is_connected)
    place.process.start()
    after = place.tap()
    until(lambda: bool(after.contents(announced())) and bool(after.contents("packseal/north/pack-1/state")))
    count = len(after.contents(announced()))
    until(
        lambda: len(after.contents(announced())) > count,
        "it, announced again",
        lambda: after.publish("homeassistant/status", b"online"),
    )
    assert set(after.contents(announced())) == set(before.contents(announced())), "the same, whoever had lost it"


def test_batteries_that_left_the_settings_leave_home_assistant(place: Place) -> None:
    """One while the gateway was off, one while it runs; what another site has announced stays."""
    tap = place.tap()
    others = announced("pack-7").replace("north", "south")
    for topic in (announced("pack-8"), others):
        tap.publish(topic, b"{}", retain=True)
    site = place.site("[home_assistant]\n", BATTERY, "pack-9")
    site.say(window(), battery="pack-9")
    until(
        lambda: (
            tap.contents(announced("pack-8"))[-1:] == [b""] and len(tap.contents("packseal/north/pack-9/state")) == 1
        )
    )
    site.live.follow(site.settings_of((BATTERY,)))
    until(
        lambda: (
            tap.contents("packseal/north/pack-9/cells")[-1:] == [b""]
            and tap.contents(announced("pack-9"))[-1:] == [b""]
        )
    )
    late = place.tap()
    until(lambda: bool(late.contents(announced())) and bool(late.contents(others)))
    assert not late.contents(announced("pack-8")) + late.contents(announced("pack-9"))
    assert not late.contents("packseal/north/pack-9/state")


def test_a_sparkplug_node_lives_dies_and_is_born_again(place: Place) -> None:
    tap, site = place.tap(), place.site('[sparkplug]\ngroup = "Plant 1"\n', first=window())
    until(lambda: tap.kinds() == ["NBIRTH", "DBIRTH"])
    site.say(window(13_333))
    until(lambda: tap.kinds()[2:] == ["DDATA"])
    tap.publish("spBv1.0/Plant 1/NCMD/north", command())
    until(lambda: tap.kinds()[3:] == ["NCMD", "NBIRTH", "DBIRTH"])
    intruder = MQTTConnection(place.address, "packseal-sparkplug-north", [], lambda _t, _c: None)
    intruder.start()  # the broker ends the node's connection as if its line had been cut
    until(lambda: "NDEATH" in tap.kinds())
    intruder.stop()
    until(lambda: tap.kinds()[-2:] == ["NBIRTH", "DBIRTH"] and tap.kinds().count("NBIRTH") >= 3)
    _check_sessions(tap)
    site.heard = frozenset()
    until(lambda: tap.kinds()[-1] == "DDEATH")
    deaths = tap.kinds().count("NDEATH")
    site.stop()
    until(lambda: tap.kinds().count("NDEATH") == deaths + 1)
    by_us = {(kind, qos) for kind, qos in tap.levels if kind != "NCMD"}
    assert by_us == {*((kind, 0) for kind in ("NBIRTH", "DBIRTH", "DDATA", "DDEATH")), ("NDEATH", 1)}


def _check_sessions(tap: Tap) -> None:
    """Each session's birth has the number of its will; its messages count up from 0; nothing is retained."""
    seq = 0
    bd_seqs: list[Any] = []
    deaths: list[Any] = []
    for topic, content, is_old in list(tap.heard):
        kind = topic.split("/")[2]
        if not topic.startswith("spBv1.0/") or kind == "NCMD":
            continue
        read = PAYLOAD.FromString(content)
        assert not is_old
        numbers = [value_of(metric) for metric in read.metrics if metric.name == "bdSeq"]
        bd_seqs += numbers if kind == "NBIRTH" else []
        deaths += numbers if kind == "NDEATH" else []
        seq = 0 if kind == "NBIRTH" else seq
        assert kind == "NDEATH" or read.seq == seq
        seq += kind != "NDEATH"
    assert bd_seqs[:2] == [0, 0]
    assert bd_seqs == sorted(bd_seqs)
    assert bd_seqs[-1] >= 1
    assert deaths[0] == 0


def test_the_number_of_the_session_goes_on_after_a_restart(place: Place) -> None:
    tap = place.tap()
    for number in range(2):
        site = place.site("[sparkplug]\n")
        until(lambda number=number: tap.kinds().count("NBIRTH") == number + 1)  # type: ignore[misc]
        site.stop()
    births = [PAYLOAD.FromString(content) for topic, content, _ in tap.heard if "/NBIRTH/" in topic]
    assert [value_of(metric) for read in births for metric in read.metrics if metric.name == "bdSeq"] == [0, 1]


def test_senml_beside_the_state(place: Place) -> None:
    tap, site = place.tap(), place.site("[senml]\n")
    site.say(window())
    until(lambda: bool(tap.contents("packseal/north/pack-1/senml")))
    records = cbor2.loads(tap.contents("packseal/north/pack-1/senml")[0])
    assert {one[0]: one[2] for one in records}["pack_voltage"] == 13.2
    assert UNIX_MS - 2000 <= records[0][-3] * 1000 <= UNIX_MS + 60_000
    assert not [topic for topic, _, is_old in place.tap().heard if is_old and topic.endswith("/senml")]


def test_what_waits_and_the_last_receipt_are_told(place: Place) -> None:
    tap, site = place.tap(), place.site("")
    site.live.receipted(Receipt(bytes(16), 1, bytes(32), 0, UNIX_MS - 5, bytes(16)))
    site.live.connection_changed(True)
    until(lambda: bool(tap.contents("packseal/north/gateway/status")))
    expected = {"records_waiting": 3, "last_receipt_unix_ms": UNIX_MS - 5}
    until(lambda: json.loads(tap.contents("packseal/north/gateway/status")[-1]) == expected)


@pytest.fixture
def bus() -> Iterator[tuple[str, can.BusABC]]:
    """A virtual CAN bus: its channel, and who speaks on it."""
    channel = uuid.uuid4().hex
    with can.Bus(channel, "virtual", ignore_config=True) as peer:
        yield channel, peer


def test_a_whole_gateway_shows_its_pack_in_every_form(place: Place, bus: tuple[str, can.BusABC]) -> None:
    """From CAN frames to each of the four, the birth message back, and the end."""
    tap, (channel, peer) = place.tap(), bus
    (place.folder / "pack.dbc").write_text(DBC)
    (place.folder / "pack.toml").write_text(BIND)
    path = place.folder / "gateway.toml"
    path.write_text(
        f'site = "north"\nbroker = "{place.address}"\noutbox = "outbox.db"\nservice_public_key = "{"11" * 32}"\n'
        f'[home_assistant]\n[sparkplug]\n[senml]\n[[can]]\nbattery = "{BATTERY}"\ninterface = "virtual"\n'
        f'channel = "{channel}"\ndbc = "pack.dbc"\nbind = "pack.toml"\nwindow_s = 0.5\ncheckpoint_every = 1\n'
    )
    gateway = Gateway(load_settings(path, GatewaySettings))
    gateway.start()
    frame = can.Message(arbitration_id=PACK_ID, data=payload(500), is_extended_id=False)
    topics = {
        f"packseal/north/{BATTERY}/state",
        f"packseal/north/{BATTERY}/senml",
        announced(),
        "packseal/north/gateway/status",
    }
    until(
        lambda: topics <= {topic for topic, _, _ in list(tap.heard)} and "DDATA" in tap.kinds(),
        "every form",
        lambda: peer.send(frame),
    )
    state = json.loads(tap.contents(f"packseal/north/{BATTERY}/state")[-1])
    assert (state["pack_voltage_mv"], state["pack_current_ma"], "alarms" in state) == (50_000, 5000, False)
    count = len(tap.contents(announced()))
    until(
        lambda: len(tap.contents(announced())) > count,
        "it, announced again",
        lambda: tap.publish("homeassistant/status", b"online"),
    )
    gateway.stop()
    until(lambda: tap.kinds()[-1] == "NDEATH" and tap.contents("packseal/north/gateway/avail")[-1] == b"offline")
