"""Tables whose header names their columns: columns are found by name, so others between them do no harm."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from packseal.errors import UnknownDialectError
from packseal.frames.fields import SeparatedFields, SpacedFields, Span
from packseal.frames.lines import I64, Lines, Mask

Columns = Mapping[bytes, int]


def columns_of(dialect: str, header: bytes, separator: bytes, required: Sequence[bytes]) -> Columns:
    """Column numbers by name. Raises UnknownDialectError when one that a frame needs is missing."""
    columns = {name.strip(): index for index, name in enumerate(header.strip(b"\r\n").split(separator))}
    missing = [name.decode() for name in required if name not in columns]
    if missing:
        raise UnknownDialectError(
            f"the {dialect} header has no column {', '.join(missing)}; export the log again with these columns"
        )
    return columns


def columns_in(
    head: Sequence[bytes], dialect: str, header: bytes, separator: bytes, required: Sequence[bytes]
) -> Columns:
    """Of the first line that begins with `header`. Raises UnknownDialectError when it or a column is missing."""
    line = next((line for line in head if line.startswith(header)), None)
    if line is None:
        raise UnknownDialectError(
            f"the log is a {dialect} without its first line, which names the columns; put it back"
        )
    return columns_of(dialect, line, separator, required)


def first_match(pattern: re.Pattern[bytes], head: Sequence[bytes]) -> re.Match[bytes] | None:
    """Of the first line that the pattern matches from its start."""
    return next((found for found in map(pattern.match, head) if found), None)


class Table:
    """The fields of a block by the names of their columns."""

    def __init__(self, fields: SeparatedFields | SpacedFields, columns: Columns) -> None:
        self._fields, self._columns = fields, columns

    def span(self, name: bytes) -> Span:
        return self._fields.span(self._columns[name])

    def __contains__(self, name: bytes) -> bool:
        return name in self._columns

    def has_all(self, names: Sequence[bytes]) -> Mask:
        """Lines with so many fields that each of the columns `names` is there."""
        result: Mask = self._fields.count > max(self._columns[name] for name in names)
        return result


def prefixed_number(lines: Lines, span: Span) -> tuple[I64, Mask]:
    """Hexadecimal numbers behind `0x`."""
    since, until = span
    number, good = lines.number(since + 2, until, 16, 8)
    return number, good & lines.holds(since, until, b"0x", is_whole=False)
