"""Lists of tables in a passport, such as materials and suppliers: each row becomes one map of the model.

Decides that of a row each part is written, or is a line of the losses: unfit, without a source, or without a place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packseal.exchange.aspects.forms import lose_rest
from packseal.exchange.export import Builder, Convert, Path, UnfitError
from packseal.exchange.loss import Why
from packseal.exchange.source import Content

Row = Mapping[str, Content]


@dataclass(frozen=True, slots=True)
class Column:
    """path: in the map that a row becomes. name: of the part of the row."""

    path: Path
    name: str
    convert: Convert
    is_required: bool = False


def listed(builder: Builder, path: Path, key: str, name: str) -> list[Row]:
    """The rows of a value; a text in the list is a row that says its `name` alone. Empty where it may not be told, and
    where it is no list of these, which is then among the losses."""
    value = builder.source.values.get(key)
    content = value.content if value else None
    if content is None:
        return []
    found = content if isinstance(content, list) else [content]
    rows = [{name: one} if isinstance(one, str) else one for one in found]
    tables = [one for one in rows if isinstance(one, dict)]
    if len(tables) < len(rows):
        builder.lose(Why.UNFIT, path, key, "a list of texts or tables is needed")
        return []
    return list(tables)


def put_row(builder: Builder, path: Path, key: str, row: Row, columns: tuple[Column, ...]) -> set[str]:
    """-> names of the parts that were written."""
    written = {column.name for column in columns if _put(builder, path, key, row, column)}
    if written:
        lose_rest(builder, path, key, set(row) - written)
    return written


def _put(builder: Builder, path: Path, key: str, row: Row, column: Column) -> bool:
    place = (*path, *column.path)
    if column.name not in row:
        if column.is_required:
            builder.lose(Why.NO_SOURCE, place, key, f"{key} does not say the {column.name} here; state it there")
        return False
    try:
        content = column.convert(row[column.name])
    except UnfitError as error:
        builder.lose(Why.UNFIT, place, key, str(error))
        return False
    builder.put(place, key, content)
    return True
