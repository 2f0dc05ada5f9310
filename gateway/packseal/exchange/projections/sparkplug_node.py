"""One Sparkplug edge node as a pure object: which message is next (Eclipse Sparkplug 3.0.0, chapters 5 and 6).

Decides order and numbers. A session begins with NBIRTH (seq 0) and the DBIRTH of every battery that is heard; data
follow; a battery that is no longer heard has its DDEATH. `next` offers one message, and offers it again, by the same
seq, until `handed_over` says that it has left: a message that was dropped burns no number. A rebirth, and a battery
with other metrics than it was born with, begin with births again. Only batteries that it was told to look at are looked
at, for a site may have thousands. The will (NDEATH) belongs to the connection, whose bdSeq it has in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from packseal.exchange.projections.documents import Clocks, Message
from packseal.exchange.projections.last_values import LastValues
from packseal.exchange.projections.selection import Gate, Selection
from packseal.exchange.projections.sparkplug import (
    BD_SEQ,
    BOOLEAN,
    REBIRTH,
    STRING,
    UINT64,
    Metric,
    Node,
    payload,
    signal_metrics,
)

SEQS = 256  # of messages and of sessions: 0 to 255


@dataclass(slots=True)
class _Device:
    """is_born: as the host knows it. aliases: of all metrics that it was ever born with, by name."""

    gate: Gate
    is_born: bool = False
    aliases: dict[str, int] = field(default_factory=dict)


class SparkplugNode:
    def __init__(self, node: Node, selection: Selection, version: str) -> None:
        """version: of this program, for the node's properties."""
        self.node, self._selection, self._version = node, selection, version
        self.bd_seq = 0
        self._seq = 0
        self._is_born = False
        self._next_alias = 0
        self._devices: dict[str, _Device] = {}
        self._queue: deque[str] = deque()  # batteries to look at
        self._offered: tuple[str, str, tuple[str, ...]] | None = None  # kind, battery, names of the signals in it

    def will(self, unix_ms: int) -> Message:
        """NDEATH of the session that `session` began: without a seq, by the bdSeq of its NBIRTH."""
        return Message(self.node.topic("NDEATH"), payload([self._bd_seq_metric(unix_ms)], unix_ms, None, is_birth=True))

    def session(self, bd_seq: int) -> None:
        """A new connection is made: all begins with births. bd_seq: one more than that of the connection before."""
        self.bd_seq = bd_seq % SEQS
        self.rebirth()

    def rebirth(self) -> None:
        self._is_born, self._seq = False, 0
        for device in self._devices.values():
            device.is_born = False
            device.gate.forget()

    def look_at(self, names: Iterable[str]) -> None:
        """Something of these batteries has changed, or is due."""
        self._queue = deque(dict.fromkeys((*self._queue, *sorted(names))))

    def due_ms(self, name: str, last: LastValues) -> int | None:
        """When there is something to say of a battery, if nothing changes before; None for never."""
        device = self._devices.get(name)
        return device.gate.due_ms(last.seen) if device and device.is_born else None

    def next(self, batteries: Mapping[str, LastValues], heard: frozenset[str], now: Clocks) -> Message | None:
        """The message that has to leave now. batteries: all of the settings; heard: those that there is a way to."""
        if not self._is_born:
            return self._offer("NBIRTH", "", (), self._node_metrics(now.unix_ms), now)
        while self._queue:
            name = self._queue[0]
            if name in heard and name in batteries:
                message = self._device_message(name, batteries[name], now)
            else:
                message = self._death(name, now)
            if message:
                return message
            self._queue.popleft()
        return None

    def handed_over(self, batteries: Mapping[str, LastValues], now: Clocks) -> None:
        """What `next` has offered last, with the same batteries and time, is on its way."""
        if self._offered is None:
            raise ValueError("nothing was offered")
        kind, name, names = self._offered
        self._offered, self._seq = None, (self._seq + 1) % SEQS
        if kind == "NBIRTH":
            self._is_born = True
            self.look_at({*batteries, *self._devices})
            return
        device = self._devices[name]
        device.is_born = kind != "DDEATH"
        if device.is_born:
            device.gate.sent(names, batteries[name].seen, now.ms)
        else:
            device.gate.forget()

    def _death(self, name: str, now: Clocks) -> Message | None:
        is_born = name in self._devices and self._devices[name].is_born
        return self._offer("DDEATH", name, (), [], now) if is_born else None

    def _device_message(self, name: str, last: LastValues, now: Clocks) -> Message | None:
        device = self._devices.setdefault(name, _Device(Gate(self._selection, self._selection.names())))
        metrics = signal_metrics(last.seen, self._selection.names(), now, device.aliases.keys())
        if not device.is_born or {metric.name for metric in metrics} - device.aliases.keys():
            device.aliases |= {m.name: self._alias() for m in metrics if m.name not in device.aliases}
            names = tuple(n for n in self._selection.names() if n in last.seen)
            return self._offer("DBIRTH", name, names, self._aliased(device, metrics), now)
        names = device.gate.due(last.seen, now.ms)
        metrics = signal_metrics(last.seen, names, now, device.aliases.keys())
        if not metrics:  # arrays that this battery has never had
            device.gate.sent(names, last.seen, now.ms)
            return None
        return self._offer("DDATA", name, names, self._aliased(device, metrics), now)

    def _offer(self, kind: str, battery: str, names: tuple[str, ...], metrics: list[Metric], now: Clocks) -> Message:
        self._offered = kind, battery, names
        content = payload(metrics, now.unix_ms, self._seq, is_birth=kind.endswith("BIRTH"))
        return Message(self.node.topic(kind, battery), content)

    def _aliased(self, device: _Device, metrics: list[Metric]) -> list[Metric]:
        return [replace(metric, alias=device.aliases[metric.name]) for metric in metrics]

    def _alias(self) -> int:
        self._next_alias += 1
        return self._next_alias

    def _node_metrics(self, unix_ms: int) -> list[Metric]:
        return [
            self._bd_seq_metric(unix_ms),
            Metric(REBIRTH, BOOLEAN, False, unix_ms),
            Metric("Properties/Software", STRING, f"PackSeal {self._version}", unix_ms),
        ]

    def _bd_seq_metric(self, unix_ms: int) -> Metric:
        return Metric(BD_SEQ, UINT64, self.bd_seq, unix_ms)
