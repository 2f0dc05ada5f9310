"""A message as a tree: signals that are always in a frame together, and multiplexers that lead to further ones.

Decides which signals one value of a multiplexer switches in. Every signal is in one branch only, however deep its
multiplexers are nested and however many values share it, so its values come out in the order of the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from packseal.signals.layout import MessageLayout, SignalLayout


@dataclass(frozen=True, eq=False)
class Multiplexer:
    """by_value: numbers of the branches that a raw value leads to; `unknown`: that of any value not in it."""

    signal: SignalLayout
    by_value: dict[int, tuple[int, ...]]
    unknown: int


@dataclass(frozen=True, eq=False)
class Branch:
    """Signals with the same multiplexer and the same values of it. The first branches are the messages themselves.

    root          number of the message's own branch
    names         "MESSAGE.SIGNAL", in the order of `signals`
    unknown_of    "MESSAGE.SIGNAL" of the multiplexer whose unknown values this empty branch counts
    bytes_needed  the shortest frame that holds all its signals
    """

    number: int
    root: int
    message: MessageLayout
    signals: tuple[SignalLayout, ...] = ()
    unknown_of: str | None = None
    multiplexers: list[Multiplexer] = field(default_factory=list)

    @cached_property
    def names(self) -> list[str]:
        return [f"{self.message.name}.{signal.name}" for signal in self.signals]

    @cached_property
    def bytes_needed(self) -> int:
        return max((signal.bytes_needed for signal in self.signals), default=0)


_NO_MESSAGE = MessageLayout("", 0, False, 0, ())
_Below = Mapping[str | None, Sequence[SignalLayout]]  # signals by the multiplexer that switches them


def branches_of(messages: Sequence[MessageLayout]) -> tuple[Branch, ...]:
    """Every branch at the index of its number. Message i's has number i; the one behind them stands for no message."""
    below = [_by_multiplexer(message) for message in messages]
    branches = [Branch(i, i, message, tuple(below[i].get(None, ()))) for i, message in enumerate(messages)]
    branches.append(Branch(len(messages), len(messages), _NO_MESSAGE))
    for branch in branches:  # grows while it runs
        for signal in branch.signals:
            if children := list(_children(branch, below[branch.root].get(signal.name, ()), len(branches))):
                branches += children
                name = f"{branch.message.name}.{signal.name}"
                unknown = Branch(len(branches), branch.root, branch.message, unknown_of=name)
                branches.append(unknown)
                branch.multiplexers.append(Multiplexer(signal, _by_value(children), unknown.number))
    return tuple(branches)


def _by_multiplexer(message: MessageLayout) -> _Below:
    below: dict[str | None, list[SignalLayout]] = {}
    for signal in message.signals:
        below.setdefault(signal.multiplexer, []).append(signal)
    return below


def _children(branch: Branch, switched: Sequence[SignalLayout], number: int) -> Iterator[Branch]:
    by_values: dict[frozenset[int], list[SignalLayout]] = {}
    for signal in switched:
        by_values.setdefault(signal.multiplexer_values, []).append(signal)
    for place, signals in enumerate(by_values.values()):
        yield Branch(number + place, branch.root, branch.message, tuple(signals))


def _by_value(children: Sequence[Branch]) -> dict[int, tuple[int, ...]]:
    leads: dict[int, tuple[int, ...]] = {}
    for child in children:
        for value in child.signals[0].multiplexer_values:
            leads[value] = (*leads.get(value, ()), child.number)
    return leads
