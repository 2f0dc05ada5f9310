"""What others see of the packs over MQTT: `state` and `cells`, Home Assistant, Sparkplug B, SenML. None is evidence.

Decides when each is published, in one thread of its own, so that neither a board nor the broker's connection ever waits
for a dashboard. What it says is made in exchange/projections; what leaves at all, and how often, `[publish]` decides.
A message that could not be handed over is due again with the next turn.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from packseal import __version__
from packseal.apps.announcing import Announcer
from packseal.apps.live_pack import LivePack, Publish, send
from packseal.apps.sparkplug_session import OpenLink, SparkplugSession
from packseal.exchange.projections.documents import Clocks, gateway_message
from packseal.exchange.projections.last_values import KEPT, LastValues, LiveValue, Seen
from packseal.exchange.projections.signals import Reading
from packseal.exchange.projections.sparkplug import Node
from packseal.exchange.projections.sparkplug_node import SparkplugNode
from packseal.io.beat import Beat
from packseal.io.live_file import Kept, KeptBattery, KeptValue, LiveFile
from packseal.io.projection_settings import PublishTable
from packseal.io.settings import GatewaySettings
from packseal.records.bodies import Origin
from packseal.records.checkpoint import Receipt
from packseal.records.log import Verified

TURN_S = 1.0  # how late a value may be whose time was not over when it was measured
GATEWAY_EVERY_MS = 10_000
MAX_HEARD = 10_000  # messages since the last turn: one for each battery that was ever announced


@dataclass(frozen=True, slots=True)
class Around:
    """What is seen of the rest of the gateway. heard: the batteries that there is a way to now; records_waiting: for a
    receipt; clocks: the time now; open_link: another connection to the broker, None where there may be none."""

    publish: Publish
    clocks: Callable[[], Clocks]
    records_waiting: Callable[[], int]
    heard: Callable[[], frozenset[str]]
    open_link: OpenLink | None = None


class LiveState:
    """Usable from any thread."""

    def __init__(self, settings: GatewaySettings, around: Around) -> None:
        self._around, self._base = around, f"packseal/{settings.site}"
        self._selection = (settings.publish or PublishTable()).selection
        self._has_senml = settings.senml is not None
        self.beat = Beat()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._is_stopping = False
        self._heard: deque[tuple[str, bytes]] = deque(maxlen=MAX_HEARD)
        self._is_connected = self._is_reconnected = False
        self._gateway_sent: tuple[int, int | None] | None = None
        self._gateway_looked_ms: int | None = None
        self._last_receipt_unix_ms: int | None = None
        self._file = LiveFile(settings.outbox)
        self._kept = self._file.load()
        self._packs: dict[str, LivePack] = {}
        self._changed: set[str] = set()  # since they were looked at
        self._look_ms: dict[str, int] = {}  # when something is due of a battery of which nothing changes before
        self._gone: set[str] = set()
        self._announcer = Announcer.of(settings, self._selection, __version__)
        self._sparkplug = self._sparkplug_session(settings)
        self._set_packs(settings)
        self._thread = threading.Thread(target=self._run, name="live state", daemon=True)
        self.problem = ""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._is_stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(5)
        if self._sparkplug:
            self._sparkplug.stop(self._around.clocks())

    def take(self, battery: str, verified: Verified, *, is_live: bool) -> None:
        """What a delivery says. is_live: it ends with the newest records of the pack; only such are shown."""
        now = self._around.clocks()
        with self._lock:
            pack = self._packs.get(battery)
            if pack is None or (pack.has_board and verified.log.key.origin is not Origin.BOARD):
                return  # left the settings, or is heard on CAN as well: then its board is shown
            pack.last.take(verified, now.ms, is_live=is_live)
            self._changed.add(battery)
        self._wake.set()

    def values(self, battery: str) -> dict[str, LiveValue]:
        """The last value of every signal of a battery, by the signal's name (exchange/projections/signals.py: its unit
        is at the end of the name), each with its age now; whatever `[publish]` leaves out is in it too.

        value is an int, a tuple of ints and Nones for the arrays `cell_mv` and `temperature_ddegc`, or None where the
        pack says "not available". A signal of which nothing was said since the start is not in it; nothing is, for a
        battery that is not in the settings. From any thread; it never waits for a disk or the network.
        """
        now = self._around.clocks()
        with self._lock:
            pack = self._packs.get(battery)
            return pack.last.values(now.ms) if pack else {}

    def alarms(self, battery: str) -> tuple[int, ...] | None:
        """The EVENTs (docs/record.md section 2) that have begun and not ended; None where that is not known."""
        with self._lock:
            pack = self._packs.get(battery)
            return tuple(sorted(pack.last.alarms)) if pack and pack.last.alarms is not None else None

    def lacking(self, battery: str) -> tuple[int, ...]:
        """The codes (records/estimate_words.py) of what the board said last that it lacks to state the state of health;
        none where it stated it, or has said nothing of it since the start."""
        with self._lock:
            pack = self._packs.get(battery)
            return pack.last.lacking if pack else ()

    def follow(self, settings: GatewaySettings) -> None:
        """Other boards and buses: a battery that is in none of them any more is taken away from dashboards, too."""
        with self._lock:
            self._set_packs(settings)
        self._wake.set()

    def receipted(self, receipt: Receipt) -> None:
        self._last_receipt_unix_ms = receipt.received_unix_ms

    def connection_changed(self, is_connected: bool) -> None:
        """Called by the broker's connection: only leaves a note."""
        self._is_connected, self._is_reconnected = is_connected, self._is_reconnected or is_connected
        self._wake.set()

    def hear(self, topic: str, content: bytes) -> None:
        """A message on one of `heard_topics`. Called by the broker's connection: only leaves a note."""
        self._heard.append((topic, content))
        self._wake.set()

    def turn(self) -> None:
        """Publishes what is due."""
        now, heard = self._around.clocks(), self._around.heard()
        if self._sparkplug:
            self._sparkplug.prepare(now)
        with self._lock:
            self._take_notes(now)
            names = self._to_look_at(now)
            if self._is_connected:
                self._take_away()
                for name in names:
                    self._packs[name].publish(self._around.publish, f"{self._base}/{name}", now)
            if self._sparkplug:
                self._sparkplug.turn({n: pack.last for n, pack in self._packs.items()}, heard, names, now)
            self._look_again(names)
            kept = self._to_keep({name: _kept(self._packs[name].last, now) for name in names})
        if self._is_connected:
            self._publish_gateway(now)
        if kept:
            self._kept = kept
            self._file.save(kept)

    def _run(self) -> None:
        while not self._is_stopping:
            self.beat()
            self._wake.wait(TURN_S)
            self._wake.clear()
            try:
                self.turn()
            except Exception as error:  # the thread must outlive what nobody thought of; evidence goes on without it
                self.problem = f"dashboards are shown nothing: {error!r}"
            else:
                self.problem = self._sparkplug.problem if self._sparkplug else ""

    def _take_notes(self, now: Clocks) -> None:
        if self._is_reconnected:
            self._is_reconnected, self._gateway_sent, self._gateway_looked_ms = False, None, None
            self._changed |= self._packs.keys()
            for pack in self._packs.values():
                pack.forget()
            if self._announcer:
                self._announcer.connected()
        while self._heard:
            topic, content = self._heard.popleft()
            if self._announcer:
                self._announcer.hear(topic, content, self._packs)
        if self._announcer and self._is_connected:
            self._announcer.turn(self._around.publish, {n: p.has_board for n, p in self._packs.items()}, now.ms)

    def _take_away(self) -> None:
        """The retained documents of batteries that have left the settings while this runs."""
        for name in sorted(self._gone):
            topics = [f"{self._base}/{name}/{document}" for document in ("state", "cells")]
            if all(self._around.publish(topic, b"", retain=True) for topic in topics):
                self._gone.discard(name)

    def _to_look_at(self, now: Clocks) -> frozenset[str]:
        """Of thousands of batteries the few of which there may be something to say."""
        due = {name for name, look_ms in self._look_ms.items() if look_ms <= now.ms}
        names = frozenset(self._changed | due) & self._packs.keys()
        self._changed.clear()
        return names

    def _look_again(self, names: frozenset[str]) -> None:
        for name in names:
            pack = self._packs[name]
            times = [pack.due_ms(), self._sparkplug.node.due_ms(name, pack.last) if self._sparkplug else None]
            known = [due_ms for due_ms in times if due_ms is not None]
            self._look_ms.pop(name, None)
            if known:
                self._look_ms[name] = min(known)

    def _publish_gateway(self, now: Clocks) -> None:
        if self._gateway_looked_ms is not None and now.ms - self._gateway_looked_ms < GATEWAY_EVERY_MS:
            return
        status = self._around.records_waiting(), self._last_receipt_unix_ms
        message = gateway_message(f"{self._base}/gateway/status", *status)
        if status == self._gateway_sent or send(self._around.publish, message):
            self._gateway_looked_ms, self._gateway_sent = now.ms, status

    def _set_packs(self, settings: GatewaySettings) -> None:
        boards, now = {table.battery for table in settings.board}, self._around.clocks()
        names = boards | {table.battery for table in settings.can}
        for name in self._packs.keys() - names:
            del self._packs[name]
            self._look_ms.pop(name, None)
            self._gone.add(name)
            if self._announcer:
                self._announcer.remove(name)
        for name in sorted(names):
            pack = self._packs.setdefault(name, LivePack(self._selection, has_senml=self._has_senml))
            pack.has_board = name in boards
            kept = self._kept.batteries.get(name)
            if kept:
                pack.last.restore(_seen(kept, now), kept.alarms)
        self._gone -= names
        self._changed |= names
        if self._announcer:
            self._announcer.ask()

    def _to_keep(self, looked_at: Mapping[str, KeptBattery]) -> Kept | None:
        """None where nothing has changed but times, which a clock that is set would change."""
        bd_seq = self._sparkplug.bd_seq if self._sparkplug else self._kept.bd_seq
        before = self._kept.batteries
        gone = before.keys() - self._packs.keys()
        changed = any(_facts(battery) != _facts(before.get(name)) for name, battery in looked_at.items())
        if not (changed or gone or bd_seq != self._kept.bd_seq):
            return None
        return Kept({name: one for name, one in {**before, **looked_at}.items() if name not in gone}, bd_seq)

    def _sparkplug_session(self, settings: GatewaySettings) -> SparkplugSession | None:
        if settings.sparkplug is None or self._around.open_link is None:
            return None
        node = Node(settings.sparkplug.group, settings.sparkplug.node or settings.site)
        machine = SparkplugNode(node, self._selection, __version__)
        client_id = f"packseal-sparkplug-{settings.site}"
        return SparkplugSession(machine, client_id, self._around.open_link, self._wake.set, self._kept.bd_seq)


def heard_topics(settings: GatewaySettings) -> list[str]:
    """What the broker's connection has to subscribe to for `LiveState.hear`."""
    return Announcer.topics(settings)


def _seen(kept: KeptBattery, now: Clocks) -> dict[str, Seen]:
    return {
        name: Seen(Reading(one.value, one.interval), now.ms - max(0, now.unix_ms - one.measured_unix_ms))
        for name, one in kept.values.items()
    }


def _kept(last: LastValues, now: Clocks) -> KeptBattery:
    values = {
        name: KeptValue(seen.reading.value, seen.reading.interval, now.unix_at(seen.measured_ms))
        for name in KEPT
        if (seen := last.seen.get(name)) and isinstance(seen.reading.value, int)
    }
    return KeptBattery(values, last.alarms)


def _facts(battery: KeptBattery | None) -> object:
    """Without the times."""
    return battery and ({name: (one.value, one.interval) for name, one in battery.values.items()}, battery.alarms)
