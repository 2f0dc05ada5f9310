"""What takes more than one leaf in the older models: a value with its time, lists of documents, rows of a table.

Decides what becomes of each value: written, or lost with why. Which values go where is each model's own table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeAlias

from packseal.exchange.export import Builder, Convert, Converted, Field, Path, UnfitError
from packseal.exchange.forms import moment
from packseal.exchange.identifiers import Party
from packseal.exchange.legacy.forms import Document, documents
from packseal.exchange.loss import Why
from packseal.exchange.source import Content

WriteDocument: TypeAlias = Callable[[Document], dict[str, Converted]]


@dataclass(frozen=True, slots=True)
class Cell:
    """One leaf of the target's row. name: of the cell in the row as it was stated, "" for what no row states.

    The first cell of a list says what a row is when it was stated as plain text.
    """

    path: Path
    name: str
    convert: Convert
    is_required: bool = True


def take_timed(builder: Builder, line: Field, time_name: str) -> bool:
    """The value, and beside it when it was found. -> whether the value was written."""
    if not builder.take(line):
        return False
    beside, made = (*line.path[:-1], time_name), builder.source.values[line.key].made_unix_ms
    if made is None:
        builder.lose(Why.NO_SOURCE, beside, line.key, "required beside the value; nobody has stated when it was found")
    else:
        put_moment(builder, beside, line.key, made)
    return True


def put_moment(builder: Builder, path: Path, key: str, unix_ms: int) -> None:
    """A time of the value `key`; "" for one of the document."""
    try:
        written = moment(unix_ms)
    except UnfitError as error:
        builder.lose(Why.UNFIT, path, key, str(error))
        return
    if key:
        builder.put(path, key, written)
    else:
        builder.constant(path, written)


def say_digits_lost(builder: Builder, line: Field) -> None:
    """Of a value that the line's form cuts to whole numbers."""
    content = said(builder, line.key)
    if isinstance(content, Decimal) and content != int(content):
        builder.lose(Why.COARSER, line.path, line.key, f"{content} is carried without its decimals")


def take_first(builder: Builder, lines: Iterable[Field]) -> None:
    """Of lines with one path, the first that has a value; the first one's loss where none has."""
    asked = list(lines)
    if not any(said(builder, line.key) is not None and builder.take(line) for line in asked):
        builder.take(asked[0])


def take_named(builder: Builder, path: Path, keys: Iterable[str], name: str | None, what: str) -> None:
    """What the parties call it, where the values of `keys` may be told. what: for the line of the loss report."""
    if name is None:
        builder.lose(Why.NO_SOURCE, path, "", f"required; state the {what} in the file of identifiers")
    else:
        builder.name(path, keys, name)


@dataclass(frozen=True, slots=True)
class Answerable:
    """Who answers for a passport: the operator told, else the maker; then what says one says the other."""

    party: Party
    keys: tuple[str, ...]


def answerable(maker: Party, operator: Party | None) -> Answerable:
    return Answerable(operator, ("operator_id",)) if operator else Answerable(maker, ("operator_id", "manufacturer_id"))


def take_link(builder: Builder, line: Field) -> None:
    """The first of the stated links, where the target has room for one."""
    content = said(builder, line.key)
    if isinstance(content, list) and len(content) > 1 and builder.take(line):
        words = f"the first of {len(content)} is carried; {builder.target.name} has room for one"
        builder.lose(Why.COARSER, line.path, line.key, words)
    elif not isinstance(content, list) or len(content) < 2:
        builder.take(line)


def take_documents(builder: Builder, lines: Iterable[Field], write: WriteDocument) -> None:
    """All documents of lines with one path, one after the other in the list there."""
    asked, place = list(lines), 0
    for line in asked:
        content = said(builder, line.key)
        for document in [] if content is None else documents(line.key, content, builder.source.files):
            builder.put((*line.path, place), line.key, write(document))
            place += 1
    for line in asked if place == 0 else ():
        builder.take(line)


def take_entries(builder: Builder, lines: Iterable[Field]) -> None:
    """Each value an entry of its own in the list at the path that the lines share."""
    asked, place = list(lines), 0
    told = [line for line in asked if said(builder, line.key) is not None]
    for line in told:
        place += builder.take(replace(line, path=(*line.path, place)))
    if not told:
        builder.take(asked[0])


def take_rows(builder: Builder, line: Field, cells: tuple[Cell, ...]) -> None:
    """A list of tables, row by row; a cell that the target has and the row has not is lost by itself."""
    content = said(builder, line.key)
    if not isinstance(content, list):
        builder.take(replace(line, convert=_no_list))
        return
    place, known = 0, {cell.name for cell in cells}
    for row in content:
        named = row if isinstance(row, dict) else {cells[0].name: row}
        place += _write_row(builder, replace(line, path=(*line.path, place)), named, cells)
        for name in sorted(set(named) - known):
            of = named.get("name", named.get(cells[0].name, "a row"))
            builder.lose(Why.NO_PLACE, (), line.key, f"{of}: {builder.target.name} has no field for its {name}")


def said(builder: Builder, key: str) -> Content | None:
    """What the passport says of the key; None where it says nothing, or a bound alone."""
    value = builder.source.values.get(key)
    return None if value is None else value.content


def _no_list(_content: Content) -> Converted:
    raise UnfitError("the target wants a list of tables")


def _write_row(builder: Builder, line: Field, row: Mapping[str, Content], cells: tuple[Cell, ...]) -> int:
    """-> 1 where anything of the row was written."""
    written = 0
    for cell in cells:
        path = (*line.path, *cell.path)
        if cell.name in row:
            try:
                builder.put(path, line.key, cell.convert(row[cell.name]))
                written = 1
            except UnfitError as error:
                builder.lose(Why.UNFIT, path, line.key, str(error))
        elif cell.is_required:
            builder.lose(Why.NO_SOURCE, path, line.key, "required in each row; this one does not state it")
    return written
