"""Which signals leave, and how often (`[publish]` in gateway.toml). Evidence is not touched by it: every record leaves.

Decides when a signal is due: its time is over, and it has changed by more than its deadband, or was last sent a
heartbeat ago. What has not been measured anew is never due, so that a pack asleep costs nothing; its last value is due
as soon as its time is over, also when no other follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from packseal.exchange.projections.last_values import Seen
from packseal.exchange.projections.signals import SIGNALS, Value

HEARTBEAT_S = 900
ARRAY_EVERY_S = 60  # of cells and sensors where nothing else is said: dozens of numbers, which all move a little


@dataclass(frozen=True, slots=True)
class Rule:
    """name: of a signal, or a glob. deadband: in the signal's unit; None: each new measurement counts as a change."""

    name: str
    every_ms: int | None = None
    deadband: int | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """A signal leaves if one of `include` and none of `exclude` matches its name. Of `rules` the first that matches and
    says it counts, each of its two sides for itself."""

    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    heartbeat_ms: int = HEARTBEAT_S * 1000

    def names(self) -> tuple[str, ...]:
        """Of the signals that leave, in the order of SIGNALS."""
        return tuple(n for n in SIGNALS if _matches(n, self.include) and not _matches(n, self.exclude))

    def every_ms(self, name: str) -> int:
        said = (rule.every_ms for rule in self._rules(name) if rule.every_ms is not None)
        return next(said, ARRAY_EVERY_S * 1000 if SIGNALS[name].is_array else 0)

    def deadband(self, name: str) -> int | None:
        said = (rule.deadband for rule in self._rules(name) if rule.deadband is not None)
        return next(said, 0 if SIGNALS[name].is_array else None)

    def silence_ms(self, name: str) -> int:
        """The longest that a pack which is heard goes without this signal, beside its own windows."""
        return max(self.every_ms(name), self.heartbeat_ms if self.deadband(name) is not None else 0)

    def state_silence_ms(self) -> int | None:
        """The same of `state`, which is sent whole with any of its signals; None where no window brings one."""
        brought = (name for name in self.names() if SIGNALS[name].is_measured and not SIGNALS[name].is_array)
        return min(map(self.silence_ms, brought), default=None)

    def _rules(self, name: str) -> list[Rule]:
        return [rule for rule in self.rules if fnmatchcase(name, rule.name)]


class Gate:
    """What one way out has last sent of one battery's signals."""

    def __init__(self, selection: Selection, names: tuple[str, ...]) -> None:
        """names: of the selection's signals, those that leave here."""
        self._selection, self._names = selection, names
        self._sent: dict[str, tuple[Seen, int]] = {}

    def due(self, seen: Mapping[str, Seen], now_ms: int) -> tuple[str, ...]:
        """Names of the signals to send now."""
        times = {name: self._due_ms(name, seen[name]) for name in self._names if name in seen}
        return tuple(name for name, due_ms in times.items() if due_ms is not None and due_ms <= now_ms)

    def due_ms(self, seen: Mapping[str, Seen]) -> int | None:
        """When the next signal is due, if none is measured anew before; None for never."""
        times = (self._due_ms(name, seen[name]) for name in self._names if name in seen)
        return min((due_ms for due_ms in times if due_ms is not None), default=None)

    def sent(self, names: Iterable[str], seen: Mapping[str, Seen], now_ms: int) -> None:
        """Those of the names that are seen have left with the values seen."""
        self._sent.update({name: (seen[name], now_ms) for name in names if name in seen})

    def forget(self) -> None:
        """All of it is due again."""
        self._sent.clear()

    def _due_ms(self, name: str, now: Seen) -> int | None:
        if name not in self._sent:
            return now.measured_ms
        before, sent_ms = self._sent[name]
        if now.measured_ms <= before.measured_ms:
            return None
        deadband, every_ms = self._selection.deadband(name), self._selection.every_ms(name)
        if deadband is None or _differs(before.reading.value, now.reading.value, deadband):
            return sent_ms + every_ms
        return sent_ms + max(every_ms, self._selection.heartbeat_ms)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _differs(before: Value, now: Value, deadband: int) -> bool:
    """By more than the deadband, or in being available; of arrays, any of their values."""
    if isinstance(before, tuple) and isinstance(now, tuple):
        return len(before) != len(now) or any(_differs(*pair, deadband) for pair in zip(before, now, strict=True))
    if isinstance(before, int) and isinstance(now, int):
        return abs(now - before) > deadband
    return before != now
