"""Figures of a status as Prometheus reads them. Names are for ever: docs/operate.md lists each, and a test compares.

One table says of each metric where it stands in the status of a program (gateway_status.py, passport_status.py). Values
of labels are those of the settings and words of our own; what others may choose, beyond a number of them, is "other".
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

MAX_REASONS = 100  # different ones; what comes beyond them is counted as "other"
_REASON = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
MQTT_GAUGES = frozenset({"connected", "version", "in_flight", "waiting"})
Status: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Named:
    """path leads to its value from the status."""

    name: str
    words: str
    path: tuple[str, ...]
    is_counter: bool = field(default=False, kw_only=True)

    @property
    def full_name(self) -> str:
        return f"{self.name}_total" if self.is_counter else self.name


@dataclass(frozen=True, slots=True)
class Figure(_Named):
    """One metric, or where there is `of_each`, one of each table of that list of the status: then path begins there,
    and the keys `labels` of the table are the labels."""

    of_each: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReasonFigure(_Named):
    """Figures by reason: path leads to the counts by name. left_out: those that have metrics of their own."""

    label: str = "reason"
    left_out: frozenset[str] = frozenset()
    is_counter: bool = field(default=True, kw_only=True)


@dataclass(frozen=True, slots=True)
class DurationFigure(_Named):
    """A histogram: path leads to (upper bound, how many up to there), sum_path to the sum of all."""

    sum_path: tuple[str, ...]


AnyFigure: TypeAlias = Figure | ReasonFigure | DurationFigure


def _gauge(name: str, words: str, *path: str) -> Figure:
    return Figure(name, words, path)


def _count(name: str, words: str, *path: str) -> Figure:
    return Figure(name, words, path, is_counter=True)


def _board(name: str, words: str, key: str, *, is_counter: bool = False) -> Figure:
    return Figure(f"packseal_board_{name}", words, (key,), "boards", ("battery", "port"), is_counter=is_counter)


def _bus(name: str, words: str, key: str, *, is_counter: bool = True) -> Figure:
    return Figure(f"packseal_can_{name}", words, (key,), "cans", ("battery", "channel"), is_counter=is_counter)


BOTH: tuple[AnyFigure, ...] = (
    _gauge("packseal_mqtt_connected", "1 while the broker is connected", "broker", "is_connected"),
    _gauge("packseal_clock_behind_seconds", "Wall clock behind the newest time that was seen", "clock", "behind_s"),
    ReasonFigure("packseal_problems", "Problems there are now, by event", ("events",), "event", is_counter=False),
    DurationFigure(
        "packseal_receipt_seconds",
        "Gateway: from a delivery on the disk to its receipt. Service: from a delivery that came to its answer",
        ("receipts", "lag_buckets"),
        ("receipts", "lag_sum_s"),
    ),
)
GATEWAY: tuple[AnyFigure, ...] = (
    *BOTH,
    _gauge("packseal_outbox_records", "Records that wait for a receipt", "outbox", "records"),
    _gauge("packseal_outbox_deliveries", "Deliveries that these records are in", "outbox", "deliveries"),
    _gauge("packseal_outbox_emptied_records", "Of these, records whose values were given up", "outbox", "emptied"),
    _gauge("packseal_outbox_bytes", "Bytes that the outbox holds", "outbox", "bytes"),
    _gauge("packseal_outbox_limit_bytes", "Bytes that it may hold now", "outbox", "limit_bytes"),
    _gauge("packseal_outbox_hours", "Hours of recording that wait, of the log where that is most", "outbox", "hours"),
    _gauge("packseal_outbox_limit_hours", "Hours of recording that may wait", "outbox", "limit_hours"),
    _gauge("packseal_outbox_oldest_age_seconds", "Age of the oldest delivery that waits", "outbox", "oldest_age_s"),
    _count("packseal_records_stored", "Records verified and stored", "outbox", "counts", "records_stored"),
    _count("packseal_records_receipted", "Records freed by a receipt", "outbox", "counts", "records_receipted"),
    ReasonFigure(
        "packseal_dropped",
        "What was refused, given up or dropped, by reason",
        ("outbox", "counts"),
        left_out=frozenset({"records_stored", "records_receipted"}),
    ),
    ReasonFigure("packseal_clock_state", "1 for the state that the clock is in", ("clock", "states"), "state",
                 is_counter=False),
    ReasonFigure(
        "packseal_mqtt_events", "What the connection to the broker did, by event", ("mqtt",), "event", MQTT_GAUGES
    ),
    _gauge("packseal_mqtt_in_flight", "Messages that the broker has not acknowledged", "mqtt", "in_flight"),
    _gauge("packseal_mqtt_waiting", "Messages that are not sent yet", "mqtt", "waiting"),
    _count("packseal_reloads", "Reloads of the settings that were taken", "reloads", "taken"),
    _count("packseal_reloads_refused", "Reloads that were refused", "reloads", "refused"),
    _board("connected", "1 while the board's line is open", "is_connected"),
    _board("windows_lost", "Windows that the board says it lost", "windows_lost"),
    _board("slots_missed", "Samples that the board says it missed", "slots_missed"),
    _board("frames_refused", "Damaged frames on the board's line", "frames_refused", is_counter=True),
    _board("reopened", "Times that the board's line came back", "reopened", is_counter=True),
    _bus("connected", "1 while the bus is open", "is_connected", is_counter=False),
    _bus("silent", "1 while none of the bound signals is heard", "is_silent", is_counter=False),
    _bus("frames_received", "Frames read from the bus", "frames_received"),
    _bus("frames_lost", "Frames dropped by the kernel, the adapter or the gateway's own queue", "frames_lost"),
    _bus("frames_unread", "Of those, frames for which the gateway's own queue had no room", "frames_unread"),
    _bus("error_frames", "Error frames on the bus", "error_frames"),
    _bus("reopened", "Times that the bus came back", "reopened"),
)  # fmt: skip
PASSPORT: tuple[AnyFigure, ...] = (
    *BOTH,
    _count("packseal_passport_deliveries", "Deliveries that came", "deliveries", "came"),
    _count("packseal_passport_receipts", "Receipts given", "deliveries", "receipts"),
    _count(
        "packseal_passport_unstored", "Deliveries that could not be stored, and come again", "deliveries", "unstored"
    ),
    ReasonFigure("packseal_passport_refused", "Deliveries refused, by reason", ("deliveries", "refused")),
    _gauge("packseal_passport_held", "Deliveries held until what they go on from is stored", "deliveries", "held"),
    _gauge("packseal_jetstream_waiting", "Deliveries in the stream that no worker has fetched", "broker", "waiting"),
    _gauge("packseal_passport_log_entries", "Entries of the service's own log", "store", "log_entries"),
    _gauge("packseal_passport_store_bytes", "Bytes of the store's file with its write-ahead log", "store", "bytes"),
)


def metrics_of(figures: Sequence[AnyFigure], proc: Path = Path("/proc")) -> Callable[[Status], bytes]:
    """A status -> the text that Prometheus reads, with the figures of this process out of proc(5)."""

    def text(status: Status) -> bytes:
        registry = CollectorRegistry()
        registry.register(_Collected(figures, status))
        _Process(proc=str(proc), registry=registry)
        return generate_latest(registry)

    return text


class _Process(ProcessCollector):
    """The library's own reads the time of boot in /proc/stat, which ProcSubset=pid hides, and then has no figure."""

    def _boot_time(self) -> float:
        """In whole seconds, as /proc/stat has it: else a start would be another one with each reading."""
        return float(int(time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)))


class _Collected(Collector):
    def __init__(self, figures: Sequence[AnyFigure], status: Status) -> None:
        self._figures, self._status = figures, status

    def collect(self) -> Iterator[Metric]:
        for figure in self._figures:
            if isinstance(figure, DurationFigure):
                yield from _histogram(figure, self._status)
            elif isinstance(figure, ReasonFigure):
                yield from _by_reason(figure, self._status)
            else:
                yield from _family(figure, self._status)


def _family(figure: Figure, status: Status) -> Iterator[Metric]:
    """Nothing of what the program does not know now: a figure that is missing is told from one that is 0."""
    tables = _tables(status.get(figure.of_each)) if figure.of_each else [status]
    found = [([str(one.get(key, "")) for key in figure.labels], _at(one, figure.path)) for one in tables]
    samples = [(labels, float(value)) for labels, value in found if isinstance(value, int | float)]
    if samples:
        kind = CounterMetricFamily if figure.is_counter else GaugeMetricFamily
        family = kind(figure.name, figure.words, labels=figure.labels)
        for labels, value in samples:
            family.add_metric(labels, value)
        yield family


def _by_reason(figure: ReasonFigure, status: Status) -> Iterator[Metric]:
    counts = _at(status, figure.path)
    if not isinstance(counts, Mapping):
        return
    kind = CounterMetricFamily if figure.is_counter else GaugeMetricFamily
    family = kind(figure.name, figure.words, labels=[figure.label])
    for reason, count in _bounded((name, count) for name, count in counts.items() if name not in figure.left_out):
        family.add_metric([reason], count)
    yield family


def _histogram(figure: DurationFigure, status: Status) -> Iterator[Metric]:
    buckets, sum_s = _at(status, figure.path), _at(status, figure.sum_path)
    if isinstance(buckets, list) and isinstance(sum_s, int | float):
        family = HistogramMetricFamily(figure.name, figure.words)
        family.add_metric([], [(str(bound), float(count)) for bound, count in buckets], float(sum_s))
        yield family


def _bounded(counts: Iterable[tuple[object, object]]) -> list[tuple[str, float]]:
    """Each reason that is one of our words, up to a number of them; the rest together as "other"."""
    found: Counter[str] = Counter()
    for name, count in sorted(counts, key=lambda one: str(one[0])):
        is_known = isinstance(name, str) and _REASON.fullmatch(name) and len(found) < MAX_REASONS
        if isinstance(count, int):
            found[str(name) if is_known else "other"] += count
    return [(name, float(count)) for name, count in found.items()]


def _at(found: object, path: tuple[str, ...]) -> object:
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _tables(found: object) -> list[Status]:
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
