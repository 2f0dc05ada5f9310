"""DBC x binding -> the table by which a board decodes the same frames to the same integers (board_table.py).

Decides what a board can compute: in integers, exactly, with numbers of 30 bits, so without touching its heap. The rule
is that of samples.py: round(raw * factor + offset) once, half to even. What a board cannot do is refused here with a
cure, not met there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from packseal.errors import BindingError
from packseal.signals import board_table as table
from packseal.signals.absence import exact
from packseal.signals.binding import Binding, QuantityBinding
from packseal.signals.decoder import Decoder
from packseal.signals.fixed_point import resolve
from packseal.signals.layout import MessageLayout, SignalLayout

SINGLE_SLOTS = {
    "pack_current_ma": table.CURRENT_SLOT,
    "pack_voltage_mv": table.PACK_SLOT,
    "soc_reported_cpct": table.SOC_SLOT,
    "soh_reported_cpct": table.SOH_SLOT,
}
CELLS, SENSORS = "cell_voltage_mv", "sensor_temperature_ddegc"
# Where no sensor is bound by itself: what a BMS says of all of them, so that the extremes of a record are right.
TEMPERATURES = ("temperature_ddegc", "temperature_min_ddegc", "temperature_max_ddegc")


@dataclass(frozen=True)
class BoardTable:
    """content: the bytes. signals: quantity -> "MESSAGE.SIGNAL" in the order of their slots. unused: bound, but without
    a place in a board's sample. ids: (identifier, is it extended) of every message."""

    content: bytes
    cells: int
    sensors: int
    signals: Mapping[str, str]
    unused: tuple[str, ...]
    ids: tuple[tuple[int, bool], ...]

    def lines(self) -> list[str]:
        """For a person."""
        frames = ", ".join(f"0x{can_id:X}{'x' if is_extended else ''}" for can_id, is_extended in self.ids)
        bound: dict[str, list[str]] = {}
        for quantity, signal in self.signals.items():
            bound.setdefault(quantity.partition("[")[0], []).append(signal)
        lines = [f"{name}: {signals[0]}{_and_more(signals)}" for name, signals in bound.items()]
        lines += [f"{quantity}: not used, a board's sample has no place for it" for quantity in self.unused]
        lines.append(f"{self.cells} cell voltages, {self.sensors} temperatures, {len(self.ids)} messages: {frames}")
        return [*lines, f"{len(self.content)} bytes"]


def _and_more(signals: Sequence[str]) -> str:
    return f" to {signals[-1]}, {len(signals)} signals" if len(signals) > 1 else ""


def compile_table(binding: Binding, decoder: Decoder) -> BoardTable:
    """Raises BindingError naming quantity, signal and cure."""
    names = resolve(binding, decoder)
    slots = _slots(binding)
    fields: dict[str, list[table.Field]] = {}
    for quantity, slot in slots.items():
        layout = decoder.signals[names[quantity]]
        field = _field(f"{quantity}: {names[quantity]}", binding.every[quantity], layout, slot)
        fields.setdefault(names[quantity], []).append(field)
    plans = [plan for message in decoder.messages if (plan := _message(message, fields))]
    cells = sum(quantity.startswith(CELLS) for quantity in slots)
    sensors = len(slots) - cells - sum(quantity in SINGLE_SLOTS for quantity in slots)
    try:
        content = table.encode(plans, cells, sensors)
    except table.TableLimitError as error:
        raise BindingError(f"{error}; bind fewer signals") from None
    unused = tuple(name for name in binding.every if name not in slots)
    ids = tuple(sorted((plan.can_id, plan.is_extended) for plan in plans))
    return BoardTable(content, cells, sensors, {name: names[name] for name in slots}, unused, ids)


def _slots(binding: Binding) -> dict[str, int]:
    """quantity -> its place in a board's sample, in order. Raises BindingError where cells do not add up."""
    bound = binding.every
    cells = [name for name in bound if name.startswith(CELLS + "[")]
    sensors = [name for name in bound if name.startswith(SENSORS + "[")]
    if cells and "cell_blocks" in binding.model_fields_set and len(cells) != binding.cell_blocks:
        found = f"cell_blocks says {binding.cell_blocks}, numbered.{CELLS} names {len(cells)} signals"
        raise BindingError(f"{found}; make them the same")
    sensors = sensors or [name for name in TEMPERATURES if name in bound]
    slots = {name: slot for name, slot in SINGLE_SLOTS.items() if name in bound}
    slots |= {name: table.FIRST_CELL_SLOT + place for place, name in enumerate([*cells, *sensors])}
    if not slots:
        raise BindingError(f"nothing is bound that a board samples; bind one of {', '.join(SINGLE_SLOTS)}")
    return slots


def _message(message: MessageLayout, fields: Mapping[str, list[table.Field]]) -> table.MessagePlan | None:
    wanted = {signal.name: fields.get(f"{message.name}.{signal.name}", []) for signal in message.signals}
    body = _body(message, None, message.signals, wanted)
    return table.MessagePlan(message.can_id, message.is_extended, body) if body else None


def _body(
    message: MessageLayout,
    multiplexer: str | None,
    candidates: Sequence[SignalLayout],
    wanted: Mapping[str, list[table.Field]],
) -> tuple[table.Field | table.Multiplexer, ...]:
    """What of `candidates` is switched by this multiplexer itself (None: always there), and what those switch."""
    parts: list[table.Field | table.Multiplexer] = []
    for signal in candidates:
        if signal.multiplexer == multiplexer:
            parts += wanted[signal.name]
            if switched := _switched(message, signal, wanted):
                parts.append(switched)
    return tuple(parts)


def _switched(
    message: MessageLayout, signal: SignalLayout, wanted: Mapping[str, list[table.Field]]
) -> table.Multiplexer | None:
    """The cases of this multiplexer that lead to a wanted signal; None where none does."""
    below = [other for other in message.signals if other.multiplexer == signal.name]
    cases: list[table.Case] = []
    for values in dict.fromkeys(other.multiplexer_values for other in below):
        alike = [other for other in below if other.multiplexer_values == values]
        if body := _body(message, signal.name, alike, wanted):
            cases.append(table.Case(_case_values(message, signal, alike[0], values), body))
    if not cases:
        return None
    if signal.is_float or signal.bit_length > table.MAX_MULTIPLEXER_BITS:
        found = "is a float" if signal.is_float else f"has {signal.bit_length} bits"
        cure = f"a board takes integers of at most {table.MAX_MULTIPLEXER_BITS} bits; bind signals it does not switch"
        raise BindingError(f"{message.name}.{signal.name}: this multiplexer {found}; {cure}")
    known = _reachable(signal, frozenset().union(*(other.multiplexer_values for other in below)))
    return table.Multiplexer(_place(signal), signal.bit_length, _ranges(known), tuple(cases))


def _case_values(
    message: MessageLayout, multiplexer: SignalLayout, signal: SignalLayout, values: frozenset[int]
) -> table.Ranges:
    ranges = _ranges(_reachable(multiplexer, values))
    if not ranges:
        found = f"{message.name}.{signal.name} is in no frame: {multiplexer.name} never has a value that switches it in"
        raise BindingError(f"{found}; correct its m mark or SG_MUL_VAL_ in the DBC")
    return ranges


def _reachable(multiplexer: SignalLayout, values: Collection[int]) -> list[int]:
    """Those it can have; as a bit pattern each is the number itself, because a DBC writes none below 0."""
    limit = 1 << multiplexer.bit_length - multiplexer.is_signed
    return [value for value in values if value < limit]


def _field(what: str, bound: QuantityBinding, layout: SignalLayout, slot: int) -> table.Field:
    if layout.is_float:
        raise BindingError(f"{what} is a float, and boards compute in integers; bind an integer signal in its place")
    if max(map(abs, bound.valid)) > table.MAX_VALUE:
        raise BindingError(f"{what}: valid reaches beyond ±{table.MAX_VALUE}; narrow it")
    return table.Field(_place(layout), _scale(what, bound, layout), slot)


def _place(layout: SignalLayout) -> table.Place:
    byte, bit = layout.lowest
    return table.Place(byte, bit, not layout.is_little_endian, layout.bytes_needed)


def _scale(what: str, bound: QuantityBinding, layout: SignalLayout) -> table.Scale:
    factor, offset = bound.scale
    line = _Line(layout, bound.is_signed, factor * exact(layout.factor), factor * exact(layout.offset) + offset)
    most = (1 << layout.bit_length) - 1
    lowest = _first(most, lambda u: line.value(u) >= bound.valid[0])
    above = _first(most, lambda u: line.value(u) > bound.valid[1])
    if lowest >= above:
        reach = f"{line.value(0)} to {line.value(most)}"
        raise BindingError(f"{what} gives {reach}, never a value in valid {list(bound.valid)}; correct factor or valid")
    start = line.at(lowest)
    base = math.floor(start)
    denominator = math.lcm(line.slope.denominator, (start - base).denominator)
    multiplier, addend = int(line.slope * denominator), int((start - base) * denominator)
    if denominator > table.MAX_DENOMINATOR or multiplier // denominator > table.MAX_SMALL:
        raise BindingError(f"{what}: factor and offset together have too many digits for a board; round them")
    codes = sorted({u - lowest for u in line.patterns(bound.not_available) if lowest <= u < above})
    if codes and codes[-1] > table.MAX_SMALL:
        raise BindingError(f"{what}: a code of not_available is a number beyond 30 bits inside valid; narrow valid")
    return table.Scale(
        bits=layout.bit_length,
        flips=line.flips,
        lowest=lowest,
        span=above - 1 - lowest,
        multiplier=multiplier,
        addend=addend,
        denominator=denominator,
        base=base,
        codes=_ranges(codes),
    )


class _Line:
    """value as a rising function of u, the field's bits, some of them inverted: the sign bit, so that u rises with raw,
    and then all where value falls with raw."""

    def __init__(self, layout: SignalLayout, is_signed: bool | None, factor: Fraction, offset: Fraction) -> None:
        self._bits = layout.bit_length
        self._is_signed = layout.is_signed if is_signed is None else is_signed
        self._is_falling = factor < 0
        self._least_raw = -(1 << self._bits - 1) if self._is_signed else 0
        self.flips = (table.FLIP_SIGN if self._is_signed else 0) | (table.FLIP_ALL if self._is_falling else 0)
        self.slope = abs(factor)
        first_raw = self._least_raw + (1 << self._bits) - 1 if self._is_falling else self._least_raw
        self._start = factor * first_raw + offset

    def at(self, u: int) -> Fraction:
        return self.slope * u + self._start

    def value(self, u: int) -> int:
        return round(self.at(u))

    def patterns(self, raws: Collection[int]) -> Iterator[int]:
        """u of each raw value that the field can hold."""
        most = (1 << self._bits) - 1
        for raw in raws:
            u = raw - self._least_raw
            if 0 <= u <= most:
                yield most - u if self._is_falling else u


def _first(most: int, is_reached: Callable[[int], bool]) -> int:
    """The smallest u from 0 to most for which a rising condition holds, most + 1 for none."""
    low, high = 0, most + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_reached(middle) else (middle + 1, high)
    return low


def _ranges(values: Collection[int]) -> table.Ranges:
    """The same numbers as (first, last) of each unbroken run."""
    runs: list[list[int]] = []
    for value in sorted(values):
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    return tuple((first, last) for first, last in runs)
