"""Binding text -> which signal is which quantity, in which unit and sign, and which values mean "not available".

Decides the names of quantities and what a binding may say. A binding is TOML, one table per quantity:

    format = 1
    name = "example"
    battery = "Example pack, 96 cells in series"
    dbc = "example.dbc"
    cell_blocks = 96                    # optional, over all strings; 1 where nothing is said
    strings = 1                         # optional, in parallel

    [quantities.pack_current_ma]
    signal = "BMS_Status.PackCurrent"   # or "PackCurrent" where only one message has it
    factor = 1000                       # quantity = physical * factor + offset, here A -> mA
    positive_when = "discharging"       # our current is positive when it charges: this one is turned round
    not_available = [1023]              # raw codes
    valid = [-400000, 200000]           # in the quantity's unit, both ends included

    [numbered.cell_voltage_mv]          # optional: one value a cell block, or one a temperature sensor
    signals = ["Cell_{1..96}"]          # in their order; {a..b} stands for every number from a to b
    factor = 1
    valid = [500, 5000]

In `signals`, `Cell_{01..96}` writes numbers with two digits, and of two ranges in one name the right one runs faster:
`Cells_{0..23}.Voltage_{0..3}` is Cells_0.Voltage_0, Cells_0.Voltage_1, … Cells_23.Voltage_3.

A binding may bring its own signals, which ECUs answer to diagnostic requests; with these it needs no `dbc`:

    [[requests]]
    name = "BMS_220101"
    ask = "220101"                      # service 22 and the identifier; 01, 09 and 21 have one of two digits
    request_id = 0x7E4
    response_id = 0x7EC
    every_s = 1                         # optional; how often it is asked, where asking is allowed
    address = 0x07                      # optional: extended addressing, the ECU's; answers then begin with tester, 0xF1
    data_bytes = 59                     # optional; needed only where one answer holds several identifiers

    [requests.signals]                  # bit: from the most significant one of the first byte behind the identifier
    SOC = { bit = 32, length = 8, factor = 0.5, unit = "%" }
    Current = { bit = 80, length = 16, is_signed = true, factor = 0.1, unit = "A" }
    "Cell_{1..32}" = { bit = 32, length = 8, factor = 0.02, unit = "V" }      # side by side, or `step` bits apart

Leaves to samples.py and compile.py: applying it; to diagnostics/: asking and listening.
"""

from __future__ import annotations

import difflib
import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)

from packseal.errors import BindingError
from packseal.frames.isotp import MAX_BYTES, address_of
from packseal.signals.diagnostics.definitions import Definition, answered_signal
from packseal.signals.diagnostics.services import checked_ask
from packseal.signals.layout import MAX_BITS, SignalLayout

MAX_BINDING_BYTES = 64 << 10  # a binding names ten quantities; the shipped ones have 3 kB
MAX_VALUE = 2**31 - 1  # a record's integers; 4e9 samples of it add up in 64 bits

QUANTITIES = {
    "pack_voltage_mv": "voltage at the pack's terminals",
    "pack_current_ma": "current at the pack's terminals, positive when it charges",
    "soc_reported_cpct": "state of charge as the BMS reports it",
    "soh_reported_cpct": "state of health as the BMS reports it",
    "temperature_ddegc": "temperature of the pack, average",
    "temperature_min_ddegc": "temperature of the coldest sensor",
    "temperature_max_ddegc": "temperature of the warmest sensor",
    "cell_voltage_min_mv": "voltage of the lowest cell block",
    "cell_voltage_max_mv": "voltage of the highest cell block",
    "remaining_energy_reported_wh": "energy that the BMS says can still be taken out",
}
CURRENT = "pack_current_ma"
NUMBERED = {  # name: what it is, and how many of it a record holds (docs/record.md, WINDOW)
    "cell_voltage_mv": ("voltage of each cell block", 128),
    "sensor_temperature_ddegc": ("temperature of each sensor", 32),
}
MAX_RANGE = 128  # numbers in one range: as many as there are cell blocks in a record
MAX_REQUESTS = 100
_NAME = r"[A-Za-z0-9_]{1,60}"
_RANGE = re.compile(r"\{(\d{1,4})\.\.(\d{1,4})\}")


def _finite(value: Decimal) -> Decimal:
    if not value.is_finite() or abs(value.adjusted()) > 20:  # no unit is 1e20 of another
        raise ValueError("expected a finite number between 1e-20 and 1e20")
    return value


Number = Annotated[Decimal, AfterValidator(_finite)]
RawCode = Annotated[StrictInt, Field(ge=-(2**63), lt=2**64)]
Limit = Annotated[StrictInt, Field(ge=-MAX_VALUE, le=MAX_VALUE)]


class _Conversion(BaseModel):
    """value = round((raw * DBC factor + DBC offset) * factor + offset), half to even.

    is_signed overrides what the DBC says of the sign bit. not_available lists raw values, read with is_signed. valid is
    the range of value, both ends included.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    factor: Number
    offset: Number = Decimal(0)
    is_signed: StrictBool | None = None
    not_available: tuple[RawCode, ...] = ()
    valid: tuple[Limit, Limit]

    @model_validator(mode="after")
    def _check(self) -> _Conversion:
        if self.factor <= 0:
            raise ValueError("factor: expected more than 0; the direction of a current is set by positive_when")
        if self.valid[0] >= self.valid[1]:
            raise ValueError(f"valid: expected [lowest, highest], found {list(self.valid)}")
        return self


class QuantityBinding(_Conversion):
    """One quantity. positive_when is required for a current and refused elsewhere."""

    signal: Annotated[StrictStr, Field(min_length=1)]
    positive_when: Literal["charging", "discharging"] | None = None

    @property
    def scale(self) -> tuple[Fraction, Fraction]:
        """(factor, offset) with the sign of the current applied."""
        sign = -1 if self.positive_when == "discharging" else 1
        return sign * Fraction(self.factor), sign * Fraction(self.offset)


class NumberedBinding(_Conversion):
    """The same quantity of many: one signal each, all converted in the same way."""

    signals: Annotated[tuple[StrictStr, ...], Field(min_length=1)]

    @property
    def names(self) -> tuple[str, ...]:
        """The signals, ranges written out. Raises ValueError for a range that runs backwards or is too long."""
        return tuple(name for pattern in self.signals for name in _written_out(pattern))

    @property
    def each(self) -> tuple[QuantityBinding, ...]:
        shared = {name: getattr(self, name) for name in _Conversion.model_fields}
        return tuple(QuantityBinding(signal=name, **shared) for name in self.names)


class AnsweredSignal(BaseModel):
    """Where a signal lies in an answer, and its scale: value = raw * factor + offset."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bit: Annotated[StrictInt, Field(ge=0, lt=8 * MAX_BYTES)]
    length: Annotated[StrictInt, Field(ge=1, le=MAX_BITS)] = 8
    step: Annotated[StrictInt, Field(ge=1, lt=8 * MAX_BYTES)] | None = None
    is_signed: StrictBool = False
    is_little_endian: StrictBool = False
    factor: Number = Decimal(1)
    offset: Number = Decimal(0)
    unit: Annotated[StrictStr, Field(max_length=40)] = ""

    @model_validator(mode="after")
    def _check(self) -> AnsweredSignal:
        if self.factor == 0:
            raise ValueError("factor: expected another number than 0")
        return self

    def layouts(self, pattern: str) -> Iterator[SignalLayout]:
        """One for each name that the pattern stands for. Raises ValueError, naming it, where one does not fit."""
        for place, name in enumerate(_written_out(pattern)):
            if not re.fullmatch(_NAME, name):
                raise ValueError(f"{name!r}: expected letters, digits and _")
            yield answered_signal(
                name,
                self.bit + place * (self.step or self.length),
                self.length,
                is_signed=self.is_signed,
                is_little_endian=self.is_little_endian and self.length > 8,
                factor=_plain(self.factor),
                offset=_plain(self.offset),
                unit=self.unit,
            )


class RequestBinding(BaseModel):
    """A diagnostic request and the signals in its answer; `definition` is what diagnostics/ takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[StrictStr, Field(pattern=f"^{_NAME}$")]
    ask: Annotated[StrictStr, Field(pattern=r"^([0-9A-Fa-f]{2}){2,3}$")]
    request_id: Annotated[StrictInt, Field(ge=0, lt=1 << 29)]
    response_id: Annotated[StrictInt, Field(ge=0, lt=1 << 29)]
    every_s: Annotated[Number, Field(ge=Decimal("0.1"), le=86_400)] = Decimal(1)
    address: Annotated[StrictInt, Field(ge=0, le=0xFF)] | None = None
    tester: Annotated[StrictInt, Field(ge=0, le=0xFF)] = 0xF1
    data_bytes: Annotated[StrictInt, Field(ge=1, le=MAX_BYTES)] | None = None
    signals: Annotated[dict[str, AnsweredSignal], Field(min_length=1)]

    @cached_property
    def definition(self) -> Definition:
        """Raises ValueError for a service that does more than read, and for a signal that does not fit."""
        return Definition(
            self.name,
            address_of(self.request_id, self.address),
            address_of(self.response_id, None if self.address is None else self.tester),
            checked_ask(bytes.fromhex(self.ask)),
            tuple(layout for pattern, signal in self.signals.items() for layout in signal.layouts(pattern)),
            int(self.every_s * 10**9),
            self.data_bytes,
        )

    @model_validator(mode="after")
    def _check(self) -> RequestBinding:
        for name in _doubled([signal.name for signal in self.definition.signals]):
            raise ValueError(f"signals: {name} is there twice")
        return self


class Binding(BaseModel):
    """A checked binding; `quantities` by name of QUANTITIES, `numbered` by name of NUMBERED."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1]
    name: Annotated[StrictStr, Field(pattern=r"^[a-z0-9_]{1,40}$")]
    battery: StrictStr
    dbc: StrictStr | None = None
    cell_blocks: Annotated[StrictInt, Field(ge=1, le=1024)] = 1
    strings: Annotated[StrictInt, Field(ge=1, le=1024)] = 1
    quantities: Annotated[dict[str, QuantityBinding], Field(min_length=1)]
    numbered: dict[str, NumberedBinding] = Field(default_factory=dict)
    requests: Annotated[tuple[RequestBinding, ...], Field(max_length=MAX_REQUESTS)] = ()

    @property
    def definitions(self) -> tuple[Definition, ...]:
        """What ECUs answer, where the binding says so itself."""
        return tuple(request.definition for request in self.requests)

    @property
    def every(self) -> Mapping[str, QuantityBinding]:
        """All that is bound: `quantities`, and each of the numbered ones as "name[index]", from 0."""
        numbered = {name: bound.each for name, bound in self.numbered.items()}
        return self.quantities | {
            f"{name}[{index}]": bound for name, parts in numbered.items() for index, bound in enumerate(parts)
        }

    @model_validator(mode="after")
    def _check(self) -> Binding:
        for name, bound in self.quantities.items():
            if name not in QUANTITIES:
                raise ValueError(f"quantities.{name}: no such quantity; {did_you_mean(name, list(QUANTITIES))}")
            if (name == CURRENT) != (bound.positive_when is not None):
                needed = 'expected "charging" or "discharging"' if name == CURRENT else "only a current has a direction"
                raise ValueError(f"quantities.{name}.positive_when: {needed}")
        for name, numbered in self.numbered.items():
            _check_numbered(name, numbered)
        for name in _doubled([request.name for request in self.requests]):
            raise ValueError(f"requests: {name} is there twice")
        if self.dbc is None and not self.requests:
            raise ValueError("dbc: expected the name of its DBC, or [[requests]] with signals of its own")
        return self


def _check_numbered(name: str, bound: NumberedBinding) -> None:
    if name not in NUMBERED:
        raise ValueError(f"numbered.{name}: no such quantity; {did_you_mean(name, list(NUMBERED))}")
    try:
        names = bound.names
    except ValueError as error:
        raise ValueError(f"numbered.{name}.signals: {error}") from None
    if len(names) > NUMBERED[name][1]:
        raise ValueError(f"numbered.{name}.signals: expected at most {NUMBERED[name][1]} signals, found {len(names)}")
    for again in _doubled(names):
        raise ValueError(f"numbered.{name}.signals: {again} is there twice")


def _doubled(names: Sequence[str]) -> list[str]:
    return [name for index, name in enumerate(names) if name in names[:index]]


def _plain(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)


def _written_out(pattern: str) -> list[str]:
    numbers: list[list[str]] = []
    for first, last in _RANGE.findall(pattern):
        count = int(last) - int(first) + 1
        if not 1 <= count <= MAX_RANGE:
            raise ValueError(f"{pattern!r}: expected a range of 1 to {MAX_RANGE} numbers, the lower one first")
        numbers.append([f"{number:0{len(first)}}" for number in range(int(first), int(last) + 1)])
    texts = _RANGE.sub("{", pattern).split("{")
    if len(texts) != len(numbers) + 1:
        raise ValueError(f"{pattern!r}: a range is written {{1..96}}")
    ways = itertools.islice(itertools.product(*numbers), MAX_RANGE + 1)
    return ["".join(itertools.chain(*zip(texts, (*way, ""), strict=True))) for way in ways]


def parse_binding(text: str) -> Binding:
    """Reads a binding. Raises BindingError naming the key, what was expected and what was found."""
    if len(text.encode()) > MAX_BINDING_BYTES:
        raise BindingError(f"the binding is larger than {MAX_BINDING_BYTES} bytes; it needs one table per quantity")
    try:
        return Binding.model_validate(tomllib.loads(text, parse_float=Decimal))
    except tomllib.TOMLDecodeError as error:
        raise BindingError(f"not TOML: {error}; correct that line") from error
    except ValidationError as error:
        raise BindingError("; ".join(_explain(fault) for fault in error.errors(include_url=False)[:5])) from error
    except (RecursionError, ValueError) as error:  # deep nesting and huge integers, which tomllib lets out
        raise BindingError(f"the binding cannot be read: {error}; see the example in the documentation") from error


def did_you_mean(found: str, known: Sequence[str]) -> str:
    """`did you mean X?` for a near miss, else the names there are."""
    near = difflib.get_close_matches(found[:100], known, n=1)
    return f"did you mean {near[0]}?" if near else f"expected one of {', '.join(sorted(known)[:20])}"


_KEYS = {
    "quantities": QuantityBinding.model_fields,
    "numbered": NumberedBinding.model_fields,
    "requests": RequestBinding.model_fields,
    "signals": AnsweredSignal.model_fields,
}


def _explain(fault: Any) -> str:
    place = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        tables = [part for part in fault["loc"][:-1] if part in _KEYS]
        keys = _KEYS[tables[-1]] if tables else Binding.model_fields
        return f"{place}: no such key; {did_you_mean(str(fault['loc'][-1]), list(keys))}"
    if fault["type"] == "missing":
        return f"{place}: missing; add it"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "value_error" and isinstance(fault["input"], dict):  # a check of a whole table names its key
        return f"{place}.{message}" if place else str(message)
    return f"{place}: {message}, found {str(fault['input'])[:60]!r}"
