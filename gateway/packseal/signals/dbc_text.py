"""Checks and mends the text of a DBC file before a parser sees it.

Decides the limits, each with its reason, so that no small file can cost much; refuses what would decode wrongly in
silence (an identifier or a name described twice); and mends what describes no bits wrongly but stops a parser: value
tables that belong to nothing, which cantools 45 refuses, comments that do not say on what, and 29-bit identifiers
without the bit that marks them. Line breaks are kept, so the parser's line numbers stay true.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from packseal.errors import DBCError
from packseal.signals.layout import MAX_BITS

MAX_DBC_BYTES = 4 << 20  # ten times the largest real file seen (Model3CAN.dbc, 384 kB); parsing takes 1.5 to 2 s a MB
MAX_MESSAGE_BYTES = 64  # a CAN FD frame; what is longer comes in several frames and needs a transport protocol
MAX_SIGNALS = 4096  # of one message; the most seen in a real file is under 1,000, all of them multiplexed
MAX_MULTIPLEXER_VALUES = 65_536  # a parser lists every value of a range; real files stay below 1,000
MAX_NAME = 128  # characters; so many the format's specification allows
MAX_EXPONENT_DIGITS = 3  # a double ends at 1e308
MAX_STANDARD_ID, MAX_EXTENDED_ID = 0x7FF, 0x1FFF_FFFF  # ISO 11898-1: 11 and 29 bits
VALUE_TABLE = "value table"  # a note on one begins so
DBC_EXTENDED = 0x8000_0000  # bit 31 of the identifier marks a 29-bit one
ORPHAN_SIGNALS_ID = 0xC000_0000  # "VECTOR__INDEPENDENT_SIG_MSG": the editor's drawer for signals of no message

_UNREAD = re.compile(r'"(?:\\"|[^"])*"|//[^\n]*')  # strings and comments
_ENTRY = re.compile(
    r"\bBO_\s+(?P<id>\d+)\s+(?P<message>\w+)\s*:\s*(?P<length>\d+)\b"
    r"|\bSG_\s+(?P<signal>\w+)\s*(?:\s\w+\s*)?:\s*(?P<start>\d+)\s*\|\s*(?P<bits>\d+)\s*@"
)
_VALUES = re.compile(r"^[ \t]*VAL_\s+(?P<id>\d+)\s+(?P<signal>\w+)\b[^;]*;", re.MULTILINE)
_COMMENT_ON_NOTHING = re.compile(r"^[ \t]*CM_[ \t]+(?!(?:BO|SG|BU|EV)_\b|;)\S[^;]*;", re.MULTILINE)
_RANGES = re.compile(r"\bSG_MUL_VAL_\s[^;]*;")
_RANGE = re.compile(r"(\d+)\s*-\s*(\d+)")
_EXPONENT = re.compile(rf"(?<![\w.])[0-9.]+[eE][+-]?[0-9]{{{MAX_EXPONENT_DIGITS + 1},}}")
_REFERENCE = re.compile(r"\b(?:BO_|SG_|VAL_|SG_MUL_VAL_|SIG_VALTYPE_|BO_TX_BU_|SIG_GROUP_)\s+(\d+)\b")  # to a message
_LONG_NUMBER = re.compile(r"[0-9]{40,}")


class SignalText(NamedTuple):
    """Where a signal stands in the text, and the bits it names."""

    line: int
    start_bit: int
    bit_length: int


@dataclass
class MessageText:
    """Where a message stands in the text, and its signals by the name in their SG_ line."""

    name: str
    line: int
    length: int
    signals: dict[str, SignalText] = field(default_factory=dict)
    _lines: dict[tuple[int, int], int] = field(default_factory=dict)

    def add(self, name: str, signal: SignalText) -> None:
        self.signals[name] = signal
        self._lines.setdefault((signal.start_bit, signal.bit_length), signal.line)

    def line_of(self, name: str, start_bit: int, bit_length: int) -> int:
        """The line of a signal; by its bits where a parser has given it a longer name."""
        text = self.signals.get(name)
        if text and text[1:] == (start_bit, bit_length):
            return text.line
        return self._lines.get((start_bit, bit_length), self.line)


class _Bare:
    """The text with strings and comments blanked out, and the line each position is in."""

    def __init__(self, text: str) -> None:
        self.text = _UNREAD.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
        self._newlines = [match.start() for match in re.finditer("\n", self.text)]

    def line(self, match: re.Match[str]) -> int:
        return bisect.bisect_left(self._newlines, match.start()) + 1

    def statements(self, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
        """Matches of a pattern that ends in a semicolon; searched no further than the last, it takes linear time."""
        return pattern.finditer(self.text, 0, self.text.rfind(";") + 1)


def decode_text(content: bytes) -> str:
    """The text of a DBC file: UTF-8, or else Windows-1252 as the usual editors save it.

    Raises DBCError above MAX_DBC_BYTES.
    """
    if len(content) > MAX_DBC_BYTES:
        raise DBCError(f"the DBC has {len(content)} bytes, at most {MAX_DBC_BYTES} are read; leave out unused messages")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def check_text(text: str) -> tuple[str, tuple[str, ...], Mapping[int, MessageText]]:
    """(text to parse, notes on what was taken out of it, messages by identifier as the DBC writes it).

    Raises DBCError naming line and cure.
    """
    bare = _Bare(text)
    for pattern, what in ((_EXPONENT, "exponent"), (_LONG_NUMBER, "number")):
        if match := pattern.search(bare.text):
            raise DBCError(f"line {bare.line(match)}: the {what} of {match[0][:20]!r} is out of range; correct it")
    messages = _outline(bare)
    _check_ranges(bare)
    text, notes = _without_strays(text, bare, messages)
    unmarked = {number for number in messages if _is_unmarked(number)}
    marked = {number | DBC_EXTENDED if number in unmarked else number: found for number, found in messages.items()}
    return _with_marks(text, unmarked), (*notes, *_notes_on_marks(messages, unmarked)), marked


def _outline(bare: _Bare) -> Mapping[int, MessageText]:
    messages: dict[int, MessageText] = {}
    current: MessageText | None = None
    for match in _ENTRY.finditer(bare.text):
        line = bare.line(match)
        if match["id"]:
            current = _message(match, line, messages)
        elif current is None:
            raise DBCError(
                f"line {line}: signal {match['signal'][:MAX_NAME]} stands before any BO_ line; move it below its BO_"
            )
        else:
            _add_signal(match, line, current)
    return messages


def _message(match: re.Match[str], line: int, messages: dict[int, MessageText]) -> MessageText:
    key, name, length = int(match["id"]), match["message"], int(match["length"])
    _check_name("message", name, line)
    same = next((number for number in _same_identifiers(key) if number in messages), None)
    if same is not None:
        other = f"{messages[same].name}, line {messages[same].line}"
        raise DBCError(f"line {line}: message {name} has the identifier {key} of {other}; keep one")
    if key != ORPHAN_SIGNALS_ID:
        _check_identifier(key, name, line)
        if length > MAX_MESSAGE_BYTES:
            raise DBCError(
                f"line {line}: message {name} has {length} bytes, a CAN FD frame at most {MAX_MESSAGE_BYTES}; "
                "take the message out, or correct its length"
            )
    messages[key] = MessageText(name, line, length)
    return messages[key]


def _is_unmarked(key: int) -> bool:
    """A 29-bit identifier written without bit 31."""
    return MAX_STANDARD_ID < key <= MAX_EXTENDED_ID


def _same_identifiers(key: int) -> tuple[int, ...]:
    """The ways of writing the same identifier."""
    return (key, key ^ DBC_EXTENDED) if _is_unmarked(key & ~DBC_EXTENDED) else (key,)


def _check_identifier(key: int, name: str, line: int) -> None:
    if key & ~DBC_EXTENDED > MAX_EXTENDED_ID:
        limit = MAX_EXTENDED_ID
        raise DBCError(f"line {line}: message {name} has the identifier {key}, expected at most {limit}; correct it")


def _check_name(what: str, name: str, line: int) -> None:
    if len(name) > MAX_NAME:
        found = f"{what} {name[:40]}… has a name of {len(name)} characters"
        raise DBCError(f"line {line}: {found}, expected at most {MAX_NAME}; shorten it")


def _with_marks(text: str, unmarked: Collection[int]) -> str:
    """The text with bit 31 set wherever one of these identifiers stands."""
    if not unmarked:
        return text
    pieces, position = [], 0
    for match in _REFERENCE.finditer(_Bare(text).text):
        if int(match[1]) in unmarked:
            pieces += [text[position : match.start(1)], str(int(match[1]) | DBC_EXTENDED)]
            position = match.end(1)
    return "".join([*pieces, text[position:]])


def _notes_on_marks(messages: Mapping[int, MessageText], unmarked: Collection[int]) -> Iterator[str]:
    for number in sorted(unmarked, key=lambda number: messages[number].line):
        found = f"message {messages[number].name} has the identifier {number}, too large for 11 bits"
        yield f"line {messages[number].line}: {found}; read as a 29-bit one, which is written {number | DBC_EXTENDED}"


def _add_signal(match: re.Match[str], line: int, message: MessageText) -> None:
    name, bits = match["signal"], int(match["bits"])
    _check_name("signal", name, line)
    if name in message.signals:
        first = message.signals[name].line
        raise DBCError(f"line {line}: message {message.name} already has a signal {name}, line {first}; rename one")
    if not 1 <= bits <= MAX_BITS:
        raise DBCError(f"line {line}: signal {name} has {bits} bits, expected 1 to {MAX_BITS}; correct or split it")
    if len(message.signals) >= MAX_SIGNALS:
        raise DBCError(f"line {line}: message {message.name} has more than {MAX_SIGNALS} signals; leave some out")
    message.add(name, SignalText(line, int(match["start"]), bits))


def _check_ranges(bare: _Bare) -> None:
    total = 0
    for match in bare.statements(_RANGES):
        total += sum(max(0, int(last) - int(first)) + 1 for first, last in _RANGE.findall(match[0]))
        if total > MAX_MULTIPLEXER_VALUES:
            raise DBCError(
                f"line {bare.line(match)}: SG_MUL_VAL_ lists more than {MAX_MULTIPLEXER_VALUES} values; narrow it"
            )


def _without_strays(text: str, bare: _Bare, messages: Mapping[int, MessageText]) -> tuple[str, tuple[str, ...]]:
    strays = sorted([*_orphans(bare, messages), *_comments_on_nothing(bare)], key=lambda stray: stray[0].start())
    pieces, position = [], 0
    for match, _ in strays:
        pieces += [text[position : match.start()], re.sub(r"[^\n]", " ", match[0])]
        position = match.end()
    return "".join([*pieces, text[position:]]), tuple(f"line {bare.line(match)}: {note}" for match, note in strays)


def _orphans(bare: _Bare, messages: Mapping[int, MessageText]) -> Iterator[tuple[re.Match[str], str]]:
    for match in bare.statements(_VALUES):
        message = messages.get(int(match["id"]))
        if message is None or match["signal"] not in message.signals:
            what = f"message {match['id']} signal {match['signal'][:MAX_NAME]}"
            yield match, f"{VALUE_TABLE} of {what} passed over, the DBC has no such signal; correct or remove it"


def _comments_on_nothing(bare: _Bare) -> Iterator[tuple[re.Match[str], str]]:
    for match in bare.statements(_COMMENT_ON_NOTHING):
        yield (
            match,
            "comment passed over, it does not say on what; write BO_ before its identifier",
        )
