"""A whole gateway with a [[can]] on a virtual bus, without a broker: threads, kill, restart, and two of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import can
import pytest

from packseal.apps.attesting import settings_digest
from packseal.apps.can_collector import CanCollector
from packseal.apps.gateway import Gateway
from packseal.apps.gateway_files import bound_signals, gateway_key
from packseal.errors import BindingError, ConfigError, UnavailableError
from packseal.io.can_python import PythonCanReceiver, opener
from packseal.io.mqtt import MQTTConnection
from packseal.io.outbox_store import OutboxStore, only_new
from packseal.io.program import program_hash
from packseal.io.settings import GatewaySettings
from packseal.io.settings_file import load_settings
from packseal.records.attestation import Attestation, Clock, verify_attestation
from packseal.records.bodies import Boot, EntryType, Event, Window
from packseal.records.cose import VerifyingKey
from packseal.records.entries import Entry
from packseal.records.log import Delivery, TrustedLog
from tests.apps.can_site import BATTERY, BIND, DBC, PACK_ID, bodies, payload
from tests.io.diagnostic_ecu import Ecu
from tests.waiting import until

WAIT_S = 30


class Place:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.channel = uuid.uuid4().hex
        self.peer = can.Bus(self.channel, "virtual", ignore_config=True)
        (folder / "pack.dbc").write_text(DBC)
        (folder / "pack.toml").write_text(BIND)
        self.write()

    def write(self, more: str = "", site: str = "test") -> GatewaySettings:
        path = self.folder / "gateway.toml"
        path.write_text(
            f'site = "{site}"\nbroker = "mqtt://127.0.0.1:9"\noutbox = "outbox.db"\n'
            f'service_public_key = "{"11" * 32}"\n'
            f'[[can]]\nbattery = "{BATTERY}"\ninterface = "virtual"\nchannel = "{self.channel}"\n'
            f'dbc = "pack.dbc"\nbind = "pack.toml"\nwindow_s = 1\ncheckpoint_every = 1\n{more}'
        )
        self.settings = load_settings(path, GatewaySettings)
        return self.settings

    def started(self) -> Gateway:
        gateway = Gateway(self.settings)
        gateway.start()
        return gateway

    def send(self) -> None:
        self.peer.send(can.Message(arbitration_id=PACK_ID, data=payload(500), is_extended_id=False))

    def received(self) -> tuple[list[Entry], list[Attestation]]:
        """All that waits in the outbox, verified in order as a service would."""
        store = OutboxStore(self.folder / "outbox.db")
        log: TrustedLog | None = None
        entries: list[Entry] = []
        said = []
        for item in store.waiting():
            delivery = Delivery.from_bytes(store.content(item)[1])
            log = log or TrustedLog(delivery.genesis, delivery.seed)
            verified = log.verified(delivery, only_new(log))
            key = VerifyingKey(gateway_key(self.settings).public_key)
            said.append(verify_attestation(delivery.attestation or b"", key))
            entries += verified.entries
            log = verified.log
        store.close()
        return entries, said


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.peer.shutdown()


def test_frames_become_attested_windows_silence_an_event_and_a_restart_goes_on(place: Place) -> None:
    gateway = place.started()
    until(lambda: bool(bodies(place.received()[0], EntryType.WINDOW)), meanwhile=place.send)
    until(lambda: bool(bodies(place.received()[0], EntryType.EVENT)))
    assert any("none of the bound signals is heard" in words for words in gateway.problems())
    gateway.stop()
    entries, said = place.received()
    boot, window = bodies(entries, EntryType.BOOT)[0].body, bodies(entries, EntryType.WINDOW)[0].body
    assert isinstance(boot, Boot)
    assert isinstance(window, Window)
    assert (boot.firmware_hash, boot.source, boot.cell_blocks) == (program_hash(), 1, 16)
    assert window.pack_voltage_mv
    assert window.pack_voltage_mv.mean == 50_000
    assert bodies(entries, EntryType.EVENT)[0].body == Event(6, 1)
    assert said[-1].settings_digest == settings_digest(place.settings, bound_signals(place.settings))
    assert said[-1].counts.keys() == {1, 2, 3, 5}
    assert said[-1].counts[1] > 0
    assert said[-1].clock is not Clock.NEVER_SET

    again = place.started()
    until(lambda: len(bodies(place.received()[0], EntryType.BOOT)) == 2)
    again.stop()
    assert [entry.seq for entry in place.received()[0]] == list(range(len(place.received()[0])))


REQUESTS = """
[[requests]]
name = "BMS"
ask = "220105"
request_id = 0x7E4
response_id = 0x7EC
every_s = 0.1
[requests.signals]
Health = { bit = 0, length = 8 }

[quantities.soh_reported_cpct]
signal = "BMS.Health"
factor = 100
valid = [0, 10000]
"""


def test_what_is_asked_is_counted_attested_and_a_refusal_a_problem_until_it_ends(place: Place) -> None:
    (place.folder / "pack.toml").write_text(BIND + REQUESTS)
    place.write('transmit = ["7E4:220105"]\n')
    answers: dict[bytes, bytes] = {}
    ecu = Ecu(place.channel, answers)
    gateway = place.started()
    refused = f"battery {BATTERY}: bus {place.channel}: the ECU refuses BMS: requestOutOfRange"
    until(lambda: refused in gateway.problems())
    answers[bytes.fromhex("220105")] = b"\x5f"
    state = gateway.cans[0].state
    until(lambda: state.requests_answered >= 1)
    assert refused not in gateway.problems()
    until(lambda: place.received()[1][-1].counts[7] >= 1)
    gateway.stop()
    ecu.close()
    assert state.requests_refused.keys() == {"BMS: requestOutOfRange"}
    counts = place.received()[1][-1].counts
    assert counts[9] >= 1
    assert counts[6] - (counts[7] + counts[8] + counts[9]) in (0, 1), "one may be waiting for its answer"


def test_two_gateways_on_one_outbox_are_refused(place: Place) -> None:
    gateway = place.started()
    with pytest.raises(UnavailableError, match=r"outbox\.db is in use by another gateway or import"):
        Gateway(place.settings)
    gateway.stop()


def test_two_gateways_on_one_outbox_are_refused_also_without_a_bus(place: Place) -> None:
    """As a second import beside the first one would be, which has the same outbox and no bus either."""
    settings = place.settings.model_copy(update={"can": ()})
    gateway = Gateway(settings, role="import")
    gateway.start()
    with pytest.raises(UnavailableError, match=r"outbox\.db is in use by another gateway or import"):
        Gateway(settings, role="import")
    gateway.stop()
    again = Gateway(settings)
    again.start()
    again.stop()


class BrokenConnection(MQTTConnection):
    is_whole = False

    @property
    def is_connected(self) -> bool:
        if self.is_whole:
            return super().is_connected
        raise RuntimeError("nobody thought of this")


def test_what_nobody_thought_of_is_a_problem_and_ends_no_sender(place: Place) -> None:
    gateway = Gateway(place.settings)
    broken = BrokenConnection(place.settings.broker, "broken", [], lambda _topic, _payload: None)
    gateway._outgoing._mqtt = broken
    gateway.start()
    until(lambda: any("nobody thought of this" in words for words in gateway.problems()))
    assert gateway._outgoing._thread.is_alive()
    broken.is_whole = True
    until(lambda: not any("nobody thought of this" in words for words in gateway.problems()))
    gateway.stop()


def test_files_that_do_not_fit_are_named_before_anything_starts(place: Place) -> None:
    (place.folder / "pack.toml").write_text(BIND.replace('"Voltage"', '"Voltag"'))
    with pytest.raises(BindingError, match=r"pack\.toml: quantities\.pack_voltage_mv\.signal: .* did you mean"):
        Gateway(place.settings)
    assert not (place.folder / "outbox.db").exists()
    (place.folder / "pack.dbc").unlink()
    with pytest.raises(ConfigError, match=r"pack\.dbc: cannot be read"):
        Gateway(place.settings)


def test_the_settings_digest_is_of_values_and_not_of_places(place: Place) -> None:
    before = settings_digest(place.settings, bound_signals(place.settings))
    (place.folder / "moved.toml").write_text(BIND)
    moved = place.write().model_copy(update={"outbox": Path("elsewhere.db"), "key": Path("other.key")})
    table = moved.can[0].model_copy(update={"bind": place.folder / "moved.toml"})
    moved = moved.model_copy(update={"can": (table,)})
    assert settings_digest(moved, bound_signals(moved)) == before
    changed = place.write("rated_capacity_mah = 1\n"), place.write(site="other")
    digests = {settings_digest(settings, bound_signals(settings)) for settings in changed}
    (place.folder / "pack.toml").write_text(BIND + "# another binding\n")
    digests.add(settings_digest(place.settings, bound_signals(place.settings)))
    assert len(digests | {before}) == 4


def test_a_bus_that_is_not_there_is_silence_and_ends_no_thread(place: Place) -> None:
    """The adapter is missing, comes, breaks, and comes back."""
    adapter = Adapter(place.channel)
    gateway = Gateway(place.settings)
    can_source = gateway.cans[0] = CanCollector(
        replace(gateway.cans[0].plan, open_receiver=adapter.open), gateway._store, gateway.submit
    )
    can_source.start()
    until(lambda: len(bodies(place.received()[0], EntryType.EVENT)) == 1)
    assert "No such device" in can_source.state.bus
    adapter.is_there = True
    until(lambda: len(bodies(place.received()[0], EntryType.EVENT)) == 2, meanwhile=place.send)
    adapter.is_there = False
    adapter.buses[0].shutdown()
    until(lambda: len(bodies(place.received()[0], EntryType.EVENT)) == 3)
    adapter.is_there = True
    until(lambda: len(bodies(place.received()[0], EntryType.EVENT)) == 4, meanwhile=place.send)
    assert can_source.state.reopened == 1
    can_source.stop()
    gateway._opened.close()
    entries, said = place.received()
    assert [entry.body for entry in bodies(entries, EntryType.EVENT)] == [Event(6, 1), Event(6, 2)] * 2
    assert said[-1].counts[5] == 1


class Adapter:
    def __init__(self, channel: str) -> None:
        self.is_there = False
        self.buses: list[can.BusABC] = []
        self._open = opener("virtual", channel, None)

    def open(self) -> PythonCanReceiver:
        if not self.is_there:
            raise OSError(19, "No such device")
        self.buses.append(self._open())
        return PythonCanReceiver(self.buses[-1])
