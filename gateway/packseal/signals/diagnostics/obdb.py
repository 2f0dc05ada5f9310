"""OBDb signal sets (version 3, `signalsets/v3/default.json` of any vehicle at github.com/OBDb) -> definitions.

Decides what of a set can be read. Fields mean what github.com/OBDb/.schemas says (signals.json): the value is raw *
`mul` / `div` + `add`, between `min` (0 where not said) and `max`; `nullmin` and `nullmax` bound values that are none.
OBDb's own reader moves a value beyond min or max to that end; here it is out of range, and is no value. Commands for
other buses than CAN, and signals longer than 64 bits (texts), are passed over and noted.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from packseal.errors import SignalsetError
from packseal.frames.isotp import Address
from packseal.signals.absence import Codes, codes_of_table, exact, joined
from packseal.signals.diagnostics.definitions import MAX_DEFINITIONS, Definition, answered_signal
from packseal.signals.diagnostics.services import checked_ask
from packseal.signals.layout import MAX_BITS, SignalLayout

MAX_SIGNALSET_BYTES = 4 << 20  # the largest seen, of all that SAE J1979 names, has 0.4 MB
_TESTER = 0xF1  # ISO 15765-4: external test equipment
_PRIORITY = 0x18
_FUNCTIONAL, _FIRST_ECU = 0x7DF, 0x7E0  # ISO 15765-4, 6.3.2.2
_FUNCTIONAL_29 = 0xDB33
_RESPONSE_OFFSET = 8  # the same; makers keep to it beyond 7E0 to 7E7 as well
_SHORT_HEADER, _LONG_HEADER = 3, 4  # digits of 11-bit and of 29-bit headers
_MAX_TEXT = 100
_MOST = 1e20  # no unit is that many of another

Signalset = tuple[tuple[Definition, ...], tuple[str, ...]]
Table = Mapping[str, Any]


def is_signalset(content: bytes) -> bool:
    """Whether it looks like one rather than like a DBC."""
    return content.lstrip()[:1] == b"{"


def load_signalset(content: bytes) -> Signalset:
    """(definitions, notes): what it describes, and what was passed over, one line each.

    A definition's name is its header, an underscore and what is asked: `7E4_220101`; where commands differ only in
    model years, those behind it: `7E4_220101_2024-`; where only in who answers, that: `7DF_010C_7E9`. Raises
    SignalsetError for what is no signal set.
    """
    if len(content) > MAX_SIGNALSET_BYTES:
        raise SignalsetError(f"the signal set is larger than {MAX_SIGNALSET_BYTES} bytes; leave commands out")
    try:
        commands = json.loads(content)["commands"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SignalsetError(f"no OBDb signal set of version 3, which is JSON with commands: {error}") from None
    if not isinstance(commands, list) or len(commands) > MAX_DEFINITIONS:
        raise SignalsetError(f"commands: expected a list of at most {MAX_DEFINITIONS}")
    found: list[Definition] = []
    notes: list[str] = []
    for number, command in enumerate(commands):
        _add(found, notes, number, command)
    return tuple(found), tuple(notes)


def _add(found: list[Definition], notes: list[str], number: int, command: Any) -> None:
    try:
        if command.get("proto") == "9141-2" or len(command["hdr"]) not in (_SHORT_HEADER, _LONG_HEADER):
            notes.append(f"command {number}: not on CAN; passed over")
            return
        definition = _definition(command, notes)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, ZeroDivisionError) as error:
        words = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise SignalsetError(f"commands[{number}]: {words[:200]}; compare with github.com/OBDb/.schemas") from None
    taken = {one.name for one in found}
    if definition.name in taken:  # the same question to several ECUs
        definition = replace(definition, name=f"{definition.name}_{definition.response}")
    if definition.name in taken:
        raise SignalsetError(f"commands[{number}]: {definition.name} is there twice; take one out")
    found.append(definition)


def _definition(command: Table, notes: list[str]) -> Definition:
    ((service, identifier),) = command["cmd"].items()
    ask = checked_ask(bytes.fromhex(service + identifier))
    request, response = _addresses(command)
    signals, texts = [], {}
    for table in command["signals"]:
        name, fmt = _name(table["id"]), table["fmt"]
        if _whole(fmt, "len") > MAX_BITS:
            notes.append(f"{name}: {fmt['len']} bits are a text; passed over")
            continue
        entries = _entries(fmt.get("map", {}), 1 << fmt["len"])
        signals.append(_signal(name, fmt, entries))
        if entries:
            texts[name] = entries
    if len({signal.name for signal in signals}) < len(signals):
        raise ValueError("the id of a signal is there twice")
    every_ns = round(min(max(_number(command, "freq"), 0.05), 86_400) * 1e9)
    years = _years(command.get("filter") or {})
    name = f"{request}_{ask.hex().upper()}{years}"
    return Definition(name, request, response, ask, tuple(signals), every_ns, texts=texts)


def _name(text: str) -> str:
    if not text.isascii() or not text.replace("_", "").isalnum() or len(text) > _MAX_TEXT:
        raise ValueError(f"id {text[:50]!r}: expected letters, digits and _")
    return text


def _addresses(command: Table) -> tuple[Address, Address]:
    """(request, response). Where no `rax` says who answers, the rules of ISO 15765-4 do."""
    header, tester = _hex(command["hdr"], 4), _hex(command.get("tst", f"{_TESTER:X}"), 2)
    target = _hex(command["eax"], 2) if "eax" in command else None
    answered = _hex(command["rax"], 6) if "rax" in command else None
    if len(command["hdr"]) == _LONG_HEADER:
        priority = _hex(command.get("pri", f"{_PRIORITY:X}"), 2) & 0x1F
        own = header & 0xFF if header != _FUNCTIONAL_29 else 0x10
        ecu = own if answered is None else answered & 0xFF
        return (
            Address(priority << 24 | header << 8 | tester, True, target),
            Address(_PRIORITY << 24 | 0xDA << 16 | tester << 8 | ecu, True, None),
        )
    if answered is None:
        answered = (_FIRST_ECU if header == _FUNCTIONAL else header) + _RESPONSE_OFFSET
    if max(header, answered) >= 1 << 11:
        raise ValueError(f"hdr {command['hdr']} and rax {answered:X}: expected identifiers of 11 bits")
    return Address(header, False, target), Address(answered, False, None if target is None else tester)


def _signal(name: str, fmt: Table, entries: Mapping[int, str]) -> SignalLayout:
    multiplier, divisor = _number(fmt, "mul", 1), _number(fmt, "div", 1)
    whole = Fraction(exact(multiplier), exact(divisor))
    factor = int(whole) if whole.denominator == 1 else multiplier / divisor
    if not factor or abs(factor) > _MOST:
        raise ValueError(f"{name}: mul {multiplier} and div {divisor} make no scale")
    signal = answered_signal(
        name,
        _whole(fmt, "bix", 0),
        _whole(fmt, "len"),
        is_signed=bool(fmt.get("sign", False)),
        is_little_endian=bool(fmt.get("blsb", False)) and fmt["len"] > 8,
        factor=factor,
        offset=_number(fmt, "add", 0),
        unit=str(fmt.get("unit", ""))[:_MAX_TEXT],
    )
    if entries:
        return replace(signal, absent_codes=codes_of_table(entries, signal.bit_length))
    signal = replace(signal, absent_codes=_null_codes(fmt, signal))
    minimum, maximum = _number(fmt, "min", 0), _number(fmt, "max")
    if maximum > minimum:  # else OBDb's reader has no limits
        return replace(signal, minimum=minimum, maximum=maximum)
    return signal


def _null_codes(fmt: Table, signal: SignalLayout) -> Codes:
    """Raw values at or beyond nullmin and nullmax, which bound the scaled value."""
    lowest, highest = signal.raw_bounds
    codes = []
    for key in ("nullmin", "nullmax"):
        if key not in fmt:
            continue
        raw = (exact(_number(fmt, key)) - exact(signal.offset)) / exact(signal.factor)
        is_above = (key == "nullmax") == (signal.factor > 0)
        first, last = (math.ceil(raw), highest) if is_above else (lowest, math.floor(raw))
        if max(first, lowest) <= min(last, highest):
            codes.append((max(first, lowest), min(last, highest)))
    return joined(tuple(codes))


def _entries(table: Table, count: int) -> dict[int, str]:
    """Names of raw values below `count`; an entry is a text or has one as its value."""
    texts = {int(raw): entry["value"] if isinstance(entry, dict) else entry for raw, entry in table.items()}
    return {raw: str(text)[:_MAX_TEXT] for raw, text in texts.items() if 0 <= raw < count}


def _number(table: Table, key: str, otherwise: int | None = None) -> int | float:
    value = table[key] if otherwise is None else table.get(key, otherwise)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_MOST <= value <= _MOST:
        raise ValueError(f"{key}: expected a number, found {str(value)[:50]!r}")
    return value


def _whole(table: Table, key: str, otherwise: int | None = None) -> int:
    value = _number(table, key, otherwise)
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{key}: expected a whole number of bits, found {value}")
    return value


def _hex(text: object, most: int) -> int:
    if not isinstance(text, str) or not re.fullmatch(f"[0-9A-Fa-f]{{1,{most}}}", text):
        raise ValueError(f"expected up to {most} hexadecimal digits, found {str(text)[:50]!r}")
    return int(text, 16)


def _years(years: Table) -> str:
    """The model years that a command is for, as OBDb writes them: `2020-2022`, `2024-`, `-2019`, `2021`."""
    first, last = (int(years.get(key) or 0) for key in ("from", "to"))
    parts = [f"{first}-{last}"] if first and last and first < last else []
    parts += [] if parts else [f"{first}-"] * bool(first) + [f"-{last}"] * bool(last)
    parts += [str(int(year)) for year in sorted(years.get("years") or [])]
    return "".join(f"_{part}" for part in parts)
