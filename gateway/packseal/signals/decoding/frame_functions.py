"""The same decoding, frame by frame: a Python function generated for each message.

Below some thirty frames the fixed cost of array calls is more than that of a Python expression per signal. What the
functions give is what program.py gives, bit for bit: one of them the bits of a branch's signals, which segments.py goes
on from, and one the physical values of a message by name.

The generated text holds numbers of our own layouts and nothing else of the DBC: names reach it as constants.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from packseal.signals.decoding.branches import Branch, Multiplexer
from packseal.signals.decoding.expressions import ARGUMENTS, Reading, bits_of, raw_of
from packseal.signals.decoding.segments import real_bounds
from packseal.signals.layout import MAX_BITS, SignalLayout

Values = dict[str, float]
BitsFunction = Callable[[bytes], tuple[int, ...]]
ValuesFunction = Callable[[bytes], Values]


def bits_function(signals: Sequence[SignalLayout], width: int) -> BitsFunction:
    """data of `width` bytes -> the bits of each signal; 0 for one that ends behind them."""
    reading = Reading(signals, (), width, as_bits=True)
    items = "".join(f"{raw}, " for raw in reading.raws)
    lines = [f"def function({ARGUMENTS}):", *reading.lines, f" return ({items})"]
    function: BitsFunction = _compiled(lines, reading.constants)
    return function


def values_function(
    branch: Branch, branches: Sequence[Branch], wanted: Collection[str] | None, width: int
) -> ValuesFunction:
    """data of `width` bytes -> the physical values of a message by "MESSAGE.SIGNAL", NaN where not available.

    For frames as long as the message needs. branch: that of the message.
    """
    parts = _Parts(branches, wanted, width)
    chosen = parts.chosen(branch)
    others = [one.signal for one in branch.multiplexers]
    others += [signal for one in branches if one.root == branch.root and one is not branch for signal in one.signals]
    reading = Reading([signal for _, signal in chosen], others, width, as_bits=False)
    pairs = zip(chosen, reading.raws, strict=True)
    items = ", ".join(f"{name!r}: {_physical(signal, raw)}" for (name, signal), raw in pairs)
    head = [f"def function({ARGUMENTS}):", *reading.lines]
    body = [f" out = {{{items}}}", *parts.switches(branch), " return out"]
    function: ValuesFunction = _compiled([*head, *body], reading.constants | parts.constants)
    return function


class _Parts:
    """Lines of a function for one branch, and what they refer to in `constants`."""

    def __init__(self, branches: Sequence[Branch], wanted: Collection[str] | None, width: int) -> None:
        self._branches, self._wanted, self._width = branches, wanted, width
        self.constants: dict[str, Any] = {"nan": math.nan, "real": _real}

    def chosen(self, branch: Branch) -> list[tuple[str, SignalLayout]]:
        """(name, signal) of each that is wanted."""
        pairs = zip(branch.names, branch.signals, strict=False)
        return [(name, signal) for name, signal in pairs if self._wanted is None or name in self._wanted]

    def switches(self, branch: Branch) -> Iterator[str]:
        for place, multiplexer in enumerate(branch.multiplexers):
            if by_value := self._functions(multiplexer):
                self.constants[f"by_value_{place}"] = by_value
                value = bits_of(multiplexer.signal, self._width)
                yield f" for function in by_value_{place}.get({value}, ()):"
                yield "  function(little, big, out)"

    def _functions(self, multiplexer: Multiplexer) -> dict[int, tuple[Callable[..., None], ...]]:
        made: dict[int, Callable[..., None] | None] = {}
        by_value: dict[int, tuple[Callable[..., None], ...]] = {}
        for value, children in reachable(multiplexer).items():
            for child in children:
                if child not in made:
                    made[child] = self._function(self._branches[child])
            if functions := tuple(function for child in children if (function := made[child])):
                by_value[value] = functions
        return by_value

    def _function(self, branch: Branch) -> Callable[..., None] | None:
        """None for a branch with nothing wanted in or below it."""
        parts = _Parts(self._branches, self._wanted, self._width)
        lines = [
            f" out[{name!r}] = {_physical(one, raw_of(one, bits_of(one, self._width)))}"
            for name, one in parts.chosen(branch)
        ]
        lines += parts.switches(branch)
        if not lines:
            return None
        function: Callable[..., None] = _compiled(["def function(little, big, out):", *lines], parts.constants)
        return function


def _physical(signal: SignalLayout, raw: str) -> str:
    """raw: the expression for it."""
    if signal.is_float:
        arguments = f"{signal.bit_length}, {float(signal.factor)!r}, {float(signal.offset)!r}"
        return f"real({raw}, {arguments}, *{real_bounds(signal)!r})".replace("inf", "1e999")
    if not signal.is_limited:
        return _scaled(raw, signal)
    limits = signal.limits
    holes = "".join(f" and not {first} <= raw <= {last}" for first, last in limits.holes)
    return f"{_scaled('raw', signal)} if {limits.lowest} <= (raw := {raw}) <= {limits.highest}{holes} else nan"


def _scaled(raw: str, signal: SignalLayout) -> str:
    """An offset of 0 is added only where it changes something: it makes 0 of -0."""
    if signal.factor == 1 and signal.offset == 0:
        return raw
    if signal.offset == 0 and signal.factor > 0:
        return f"{raw} * {float(signal.factor)!r}"
    return f"{raw} * {float(signal.factor)!r} + {float(signal.offset)!r}"


def _real(bits: int, bit_length: int, factor: float, offset: float, minimum: float, maximum: float) -> float:
    number = struct.unpack("<d" if bit_length == MAX_BITS else "<f", bits.to_bytes(bit_length // 8, "little"))[0]
    value: float = number * factor + offset
    return value if math.isfinite(value) and minimum <= value <= maximum else math.nan


def _compiled(lines: Sequence[str], constants: dict[str, Any]) -> Any:
    space = dict(constants)
    exec("\n".join(lines), space)  # noqa: S102  the text is made above of numbers, and of names as quoted constants
    return space["function"]


def reachable(multiplexer: Multiplexer) -> dict[int, tuple[int, ...]]:
    """Of the values that it can have: as bits, each is the number itself, for none is below 0."""
    most = multiplexer.signal.raw_bounds[1]
    return {value: children for value, children in multiplexer.by_value.items() if 0 <= value <= most}
