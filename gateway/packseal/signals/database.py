"""DBC text -> Decoder.

cantools parses (its grammar is the most complete one there is); what comes out is checked here and becomes our own
layouts, so that decoding never runs its code. Tolerant where nothing can be decoded wrongly: overlapping signals load,
value tables that belong to nothing are passed over and noted, a signal that ends behind its message is noted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence

import cantools.database
from cantools.database.can import Database, Message, Signal

from packseal.errors import DBCError
from packseal.signals.dbc_text import DBC_EXTENDED, MAX_MESSAGE_BYTES, MessageText, check_text, decode_text
from packseal.signals.decoder import Decoder
from packseal.signals.layout import MessageLayout, SignalLayout

_SYNTAX = re.compile(r"Invalid syntax at line (\d+), column (\d+)")
_FLOAT_BITS = (32, 64)  # IEEE 754 single and double; SIG_VALTYPE_ 1 and 2


def load_dbc(content: bytes) -> Decoder:
    """The decoder for a DBC file's bytes; `notes` of it says what was passed over.

    Raises DBCError, naming line, fault and cure, for a file that cannot be parsed or would decode wrongly.
    """
    text, notes, outline = check_text(decode_text(content))
    messages = [_message(message, outline[_key(message)]) for message in _parse(text).messages]
    return Decoder(messages, (*notes, *_overhangs(messages, outline)))


def _parse(text: str) -> Database:
    try:
        database = cantools.database.load_string(text, "dbc", strict=False)
    except Exception as error:  # the parser raises whatever its tokens lead it to; only our own errors may leave here
        raise _as_dbc_error(error) from error
    if not isinstance(database, Database):
        raise DBCError("the file describes no CAN messages")
    return database


def _as_dbc_error(error: Exception) -> DBCError:
    found = " ".join(str(error).split())[:200] or type(error).__name__
    if syntax := _SYNTAX.search(str(error)):
        return DBCError(f"line {syntax[1]}, column {syntax[2]}: not DBC syntax; correct or remove that line ({found})")
    return DBCError(f"the DBC cannot be loaded: {found}")


def _key(message: Message) -> int:
    return message.frame_id | (DBC_EXTENDED if message.is_extended_frame else 0)


def _message(message: Message, text: MessageText) -> MessageLayout:
    long_names = _long_names(message, text)
    ordered = _multiplexers_first([_signal(signal, text, long_names) for signal in message.signals], text)
    return MessageLayout(message.name, message.frame_id, message.is_extended_frame, text.length, ordered)


def _long_names(message: Message, text: MessageText) -> dict[str, str]:
    """Name in the SG_ line -> name in the attribute SystemSignalLongSymbol, for multiplexers that have one.

    The parser gives a signal its long name but lets those it switches refer to the short one.
    """
    names = {signal.name for signal in message.signals}
    bits = {(signal.start, signal.length): signal.name for signal in message.signals if signal.is_multiplexer}
    return {short: bits.get(place[1:], short) for short, place in text.signals.items() if short not in names}


def _signal(signal: Signal, text: MessageText, long_names: Mapping[str, str]) -> SignalLayout:
    multiplexer = signal.multiplexer_signal
    layout = SignalLayout(
        name=signal.name,
        start_bit=signal.start,
        bit_length=signal.length,
        is_little_endian=signal.byte_order == "little_endian",
        is_signed=signal.is_signed,
        is_float=signal.conversion.is_float,
        factor=signal.scale,
        offset=signal.offset,
        unit=signal.unit or "",
        multiplexer=long_names.get(multiplexer, multiplexer) if multiplexer else None,
        multiplexer_values=frozenset(signal.multiplexer_ids or ()),
    )
    if fault := _fault(layout):
        raise DBCError(f"{_place(layout, text)} {fault}")
    return layout


def _place(signal: SignalLayout, text: MessageText) -> str:
    return f"line {text.line_of(signal.start_bit, signal.bit_length)}: signal {text.name}.{signal.name}"


def _fault(layout: SignalLayout) -> str | None:
    if layout.factor == 0 or not math.isfinite(layout.factor) or not math.isfinite(layout.offset):
        return f"has factor {layout.factor} and offset {layout.offset}; the factor must not be 0, both must be finite"
    if layout.bytes_needed > MAX_MESSAGE_BYTES:
        return f"ends in byte {layout.bytes_needed}, a frame has at most {MAX_MESSAGE_BYTES}; correct its start bit"
    if layout.is_float and layout.bit_length not in _FLOAT_BITS:
        return f"is a float of {layout.bit_length} bits; expected 32 or 64"
    return None


def _overhangs(messages: Sequence[MessageLayout], outline: Mapping[int, MessageText]) -> Iterator[str]:
    """Signals that end behind their message: kept, because a frame long enough for them may yet come."""
    for message in messages:
        for signal in message.signals:
            if signal.bytes_needed > message.length:
                needs = f"needs {signal.bytes_needed} bytes, its message has {message.length}"
                yield f"{_place(signal, outline[message.key])} {needs}; it is read from longer frames only"


def _multiplexers_first(signals: Sequence[SignalLayout], text: MessageText) -> tuple[SignalLayout, ...]:
    """The signals, each behind the multiplexer that switches it. Raises DBCError where that goes round in a circle."""
    by_name = {signal.name: signal for signal in signals}
    return tuple(sorted(signals, key=lambda signal: _depth(signal, by_name, text)))


def _depth(signal: SignalLayout, by_name: Mapping[str, SignalLayout], text: MessageText) -> int:
    depth, current = 0, signal
    while current.multiplexer is not None:
        depth += 1
        if depth > len(by_name) or current.multiplexer not in by_name:
            raise DBCError(
                f"{_place(signal, text)} is switched by {current.multiplexer}, which leads to no signal that is always "
                "present; correct the m and M marks or SG_MUL_VAL_"
            )
        current = by_name[current.multiplexer]
    return depth
