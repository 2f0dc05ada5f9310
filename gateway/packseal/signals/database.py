"""DBC text -> Decoder.

cantools parses (its grammar is the most complete one there is); what comes out is checked here and becomes our own
layouts, so that decoding never runs its code. Tolerant where nothing can be decoded wrongly: overlapping signals load,
value tables that belong to nothing are passed over and noted; a signal that ends behind its message is noted, and so
are a 29-bit identifier without its mark and a range that none of its signal's values lies in.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from packseal.errors import DBCError
from packseal.signals.absence import Codes, codes_of_j1939, codes_of_table, joined
from packseal.signals.dbc_text import DBC_EXTENDED, MAX_MESSAGE_BYTES, MAX_NAME, MessageText, check_text, decode_text
from packseal.signals.decoder import Decoder
from packseal.signals.decoding.lookup import shared_groups
from packseal.signals.layout import MessageLayout, SignalLayout

if TYPE_CHECKING:
    from cantools.database.can import Database, Message, Signal

_SYNTAX = re.compile(r"Invalid syntax at line (\d+), column (\d+)(?:.*?>>!<<(.*?)\"*$)?", re.DOTALL)
_FLOAT_BITS = (32, 64)  # IEEE 754 single and double; SIG_VALTYPE_ 1 and 2


class DBCContent(NamedTuple):
    """What a DBC describes. notes: what was passed over. outline: where each message stands, by MessageLayout.key.

    faults: why the file is not to be used, each with line and cure; the messages that have some are not in `messages`.
    """

    messages: tuple[MessageLayout, ...]
    notes: tuple[str, ...]
    outline: Mapping[int, MessageText]
    faults: tuple[str, ...] = ()


def load_dbc(content: bytes) -> Decoder:
    """The decoder for a DBC file's bytes; `notes` of it says what was passed over.

    Raises DBCError, naming line, fault and cure, for a file that cannot be parsed or would decode wrongly.
    """
    found = read_sound_dbc(content)
    return Decoder(found.messages, found.notes)


def read_sound_dbc(content: bytes) -> DBCContent:
    """A content without faults. Raises DBCError."""
    found = read_dbc(decode_text(content))
    if found.faults:
        raise DBCError(found.faults[0])
    return found


def read_dbc(text: str) -> DBCContent:
    """Raises DBCError for what cannot be parsed; what would decode wrongly is in `faults`."""
    text, notes, outline = check_text(text)
    database = _parse(text)
    messages, faults = [], []
    for one in database.messages:
        message, wrong = _message(one, outline[_key(one)], _is_j1939(one, database))
        faults += wrong
        if message is not None:
            messages.append(message)
    notes = (*notes, *_overhangs(messages, outline), *_ranges(messages, outline), *_claims(messages, outline))
    return DBCContent(tuple(messages), notes, outline, tuple(faults))


def _parse(text: str) -> Database:
    import cantools.database  # noqa: PLC0415 - takes half a second, which only who parses is to pay

    try:
        database = cantools.database.load_string(text, "dbc", strict=False)
    except Exception as error:  # the parser raises whatever its tokens lead it to; only our own errors may leave here
        raise _as_dbc_error(error) from error
    if not isinstance(database, cantools.database.can.Database):
        raise DBCError("the file describes no CAN messages")
    return database


def _as_dbc_error(error: Exception) -> DBCError:
    if syntax := _SYNTAX.search(str(error)):
        found = f", from {' '.join(syntax[3].split())[:40]!r} on" if syntax[3] else ""
        return DBCError(f"line {syntax[1]}, column {syntax[2]}: not DBC syntax{found}; correct or remove that line")
    if isinstance(error, RecursionError) or "recursion depth" in str(error):
        return DBCError("its multiplexers are nested too deeply; write them more simply, or take out that message")
    found = " ".join(str(error).split())[:200] or type(error).__name__
    return DBCError(f"the DBC cannot be loaded: {found}")


def _key(message: Message) -> int:
    return message.frame_id | (DBC_EXTENDED if message.is_extended_frame else 0)


def _is_j1939(message: Message, database: Database) -> bool:
    """By the message's own VFrameFormat where it has one, else by the file's ProtocolType."""
    if not message.is_extended_frame:
        return False
    if message.dbc and "VFrameFormat" in message.dbc.attributes:
        return message.protocol == "j1939"
    return _protocol(database) == "J1939"


def _protocol(database: Database) -> str:
    if database.dbc is None:
        return ""
    if "ProtocolType" in database.dbc.attributes:
        return str(database.dbc.attributes["ProtocolType"].value)
    definition = database.dbc.attribute_definitions.get("ProtocolType")
    return str(definition.default_value) if definition else ""


def _message(message: Message, text: MessageText, is_j1939: bool) -> tuple[MessageLayout | None, list[str]]:
    """The message, or else why there is none."""
    long_names = _long_names(message, text)
    signals = [_signal(signal, long_names, is_j1939) for signal in message.signals]
    faults = [f"{_place(signal, text)} {fault}" for signal in signals if (fault := _fault(signal))]
    if len(message.name) > MAX_NAME:
        faults.append(
            f"line {text.line}: message {text.name[:40]}… has a name of more than {MAX_NAME} characters; shorten it"
        )
    try:
        ordered = _multiplexers_first(signals, text)
    except DBCError as error:
        faults.append(str(error))
    if faults:
        return None, faults
    is_extended = message.is_extended_frame
    return MessageLayout(message.name, message.frame_id, is_extended, text.length, ordered, is_j1939), []


def _long_names(message: Message, text: MessageText) -> dict[str, str]:
    """Name in the SG_ line -> name in the attribute SystemSignalLongSymbol, for multiplexers that have one.

    The parser gives a signal its long name but lets those it switches refer to the short one.
    """
    names = {signal.name for signal in message.signals}
    bits = {(signal.start, signal.length): signal.name for signal in message.signals if signal.is_multiplexer}
    return {short: bits.get(place[1:], short) for short, place in text.signals.items() if short not in names}


def _signal(signal: Signal, long_names: Mapping[str, str], is_j1939: bool) -> SignalLayout:
    multiplexer = signal.multiplexer_signal
    minimum, maximum = _range(signal)
    return SignalLayout(
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
        minimum=minimum,
        maximum=maximum,
        absent_codes=_absent_codes(signal, is_j1939),
    )


def _range(signal: Signal) -> tuple[float | None, float | None]:
    """[minimum|maximum]; none for [0|0], by which editors say so, and for one that holds at most one number."""
    minimum, maximum = signal.minimum, signal.maximum
    if minimum is None or maximum is None or not minimum < maximum or not math.isfinite(maximum - minimum):
        return None, None
    return minimum, maximum


def _absent_codes(signal: Signal, is_j1939: bool) -> Codes:
    """None of a multiplexer, whose values are names of what follows, and none of a float."""
    if signal.is_multiplexer or signal.conversion.is_float:
        return ()
    entries = {int(value): str(text) for value, text in (signal.choices or {}).items()}
    codes = codes_of_table(entries, signal.length)
    if is_j1939 and not signal.is_signed:
        codes = joined((*codes, *codes_of_j1939(entries, signal.length)))
    return codes


def _place(signal: SignalLayout, text: MessageText) -> str:
    line = text.line_of(signal.name, signal.start_bit, signal.bit_length)
    return f"line {line}: signal {text.name}.{signal.name[:MAX_NAME]}"


def _fault(layout: SignalLayout) -> str | None:
    if layout.factor == 0 or not math.isfinite(layout.factor) or not math.isfinite(layout.offset):
        return f"has factor {layout.factor} and offset {layout.offset}; the factor must not be 0, both must be finite"
    if layout.bytes_needed > MAX_MESSAGE_BYTES:
        return f"ends in byte {layout.bytes_needed}, a frame has at most {MAX_MESSAGE_BYTES}; correct its start bit"
    if len(layout.name) > MAX_NAME:
        return f"has a name of more than {MAX_NAME} characters; shorten it"
    if layout.is_float and layout.bit_length not in _FLOAT_BITS:
        return f"is a float of {layout.bit_length} bits; its length must be 32 or 64"
    return None


def _overhangs(messages: Sequence[MessageLayout], outline: Mapping[int, MessageText]) -> Iterator[str]:
    """Signals that end behind their message: kept, because a frame long enough for them may yet come."""
    for message in messages:
        for signal in message.signals:
            if signal.bytes_needed > message.length:
                needs = f"needs {signal.bytes_needed} bytes, its message has {message.length}"
                cure = "it is read from longer frames only, correct its place or its message's length"
                yield f"{_place(signal, outline[message.key])} {needs}; {cure}"


def _ranges(messages: Sequence[MessageLayout], outline: Mapping[int, MessageText]) -> Iterator[str]:
    """Ranges that no value of their signal lies in: they are wrong, and not applied."""
    for message in messages:
        for signal in message.signals:
            if signal.minimum is not None and signal.dbc_range is None and not signal.is_float:
                found = f"has the range [{signal.minimum}|{signal.maximum}], in which it has no value"
                yield f"{_place(signal, outline[message.key])} {found}; the range is passed over, correct it"


def _claims(messages: Sequence[MessageLayout], outline: Mapping[int, MessageText]) -> Iterator[str]:
    for first, second in shared_groups(messages):
        found = f"message {second.name} has the parameter group and source of {first.name}, which gets the frames"
        yield f"line {outline[second.key].line}: {found}; take one of them out"


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
